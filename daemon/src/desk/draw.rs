//! The draw of closed matters that are looked at again: at random for whoever works here, and
//! repeatable for whoever checks it afterwards.
//!
//! Each site has a seed, made when its store is new and kept. With it every matter has a lot,
//! which nobody can know beforehand who does not know the seed, and which is the same whenever it is
//! looked up. `printf %s SEED:TICKET | sha256sum` gives it by hand: the first eight hexadecimal digits
//! as a number, what remains of it by 10000.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::TicketId;

/// Of a site, for as long as there is its store.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed(pub [u8; 16]);

/// Out of [`LOTS`], from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lot(pub u32);

/// So that a percent is a whole number of them.
pub const LOTS: u32 = 10_000;

/// What is kept of drawing.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// What lots are reckoned from, from now on.
    Seeded { seed: Seed },
    /// A matter was closed, and its lot was looked at.
    Looked { ticket: TicketId, lot: Lot, percent: u8, drawn: bool },
}

impl Seed {
    /// As 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Seed> {
        let mut seed = Seed::default();
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        for (nth, byte) in seed.0.iter_mut().enumerate().filter(|_| is_hex) {
            *byte = u8::from_str_radix(&text[2 * nth..2 * nth + 2], 16).ok()?;
        }
        is_hex.then_some(seed)
    }

    pub fn lot(self, TicketId(ticket): TicketId) -> Lot {
        let hash = Sha256::digest(format!("{self}:{ticket}"));
        Lot(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % LOTS)
    }
}

impl Lot {
    /// Whether it is among those `percent` of a hundred.
    pub fn is_drawn(self, percent: u8) -> bool {
        self.0 < u32::from(percent) * (LOTS / 100)
    }
}

/// Whether a matter is among the `percent` of a hundred that are looked at again.
pub fn is_drawn(seed: Seed, ticket: TicketId, percent: u8) -> bool {
    seed.lot(ticket).is_drawn(percent)
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lot_is_what_anybody_reckons_from_the_seed_by_hand() {
        let seed = Seed::parse("00112233445566778899aabbccddeeff").unwrap();
        assert_eq!(seed.to_string(), "00112233445566778899aabbccddeeff");
        // printf %s 00112233445566778899aabbccddeeff:42 | sha256sum
        assert_eq!(seed.lot(TicketId(42)), Lot(6639));
        assert_eq!(Seed::parse("0011"), None);
        assert_eq!(Seed::parse("zz112233445566778899aabbccddeeff"), None);
    }

    #[test]
    fn as_many_are_drawn_as_the_percent_says_and_more_percent_only_adds() {
        for (seed, percent) in [(Seed::default(), 5), (Seed([7; 16]), 5), (Seed([9; 16]), 37)] {
            let drawn = |percent| (0..20_000).filter(move |id| is_drawn(seed, TicketId(*id), percent));
            let (count, share) = (drawn(percent).count(), usize::from(percent) * 200);
            // Four times what chance would be off by.
            let off = 4.0 * (share as f64 * (1.0 - f64::from(percent) / 100.0)).sqrt();
            assert!((count as f64 - share as f64).abs() < off, "{count} of 20000 at {percent} %");
            assert!(drawn(percent).all(|id| is_drawn(seed, TicketId(id), percent + 1)));
            assert_eq!((drawn(0).count(), drawn(100).count()), (0, 20_000));
        }
    }

    #[test]
    fn another_seed_draws_others() {
        let both = |id: &i64| is_drawn(Seed([1; 16]), TicketId(*id), 10) && is_drawn(Seed([2; 16]), TicketId(*id), 10);
        let together = (0..20_000).filter(both).count();
        assert!((140..260).contains(&together), "{together}: 1 % of 20000, were they chance");
    }
}
