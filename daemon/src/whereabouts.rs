//! Where a mainland Chinese number is from, and whose network it was given to.
//!
//! Mobile numbers were given out to cities by their first seven digits, landlines have area codes. Who
//! moved, or took the number along to another carrier, is still told as where it began: it is a hint for
//! the agent, and nothing is decided by it. The table ships with the binary; `whereabouts/remake.py`
//! tells where it is from, how it is made anew, and its format.

use std::sync::LazyLock;

use crate::number::Number;

static TABLE: &[u8] = include_bytes!("whereabouts/mainland.bin");

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    pub place: Option<Name>,
    /// Of mobile numbers: whose range it is of.
    pub carrier: Option<Name>,
}

/// A name in both languages of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// `山东省济南市`
    pub zh: &'static str,
    /// `Jinan, Shandong`
    pub en: &'static str,
}

/// None where nothing is known: numbers of other countries, short codes, service numbers.
pub fn of(number: &Number) -> Option<Whereabouts> {
    static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::read(TABLE).expect("the table that ships is whole"));
    let digits = number.e164()?.strip_prefix("+86")?;
    let whereabouts = KNOWN.whereabouts(digits);
    (whereabouts.place.is_some() || whereabouts.carrier.is_some()).then_some(whereabouts)
}

/// The table, taken apart; what is long in it stays where it is.
struct Known {
    names: Vec<Name>,
    mobile: Ranges,
    carriers: Ranges,
    /// What landlines begin with, a 1 before it, and the name's index.
    landlines: Vec<(u32, u16)>,
}

impl Known {
    fn whereabouts(&self, digits: &str) -> Whereabouts {
        let mobile = || (digits.len() == 11).then(|| digits.get(..7)?.parse().ok()).flatten();
        let landline = || {
            let begins = |len| format!("1{}", digits.get(..len)?).parse().ok();
            let found = |begin| self.landlines.binary_search_by_key(&begin, |(begin, _)| *begin).ok();
            let place = (2..=digits.len().min(9)).rev().find_map(|len| found(begins(len)?))?;
            Some(self.landlines[place].1)
        };
        match digits.starts_with('1') && !digits.starts_with("10") {
            true => Whereabouts {
                place: mobile().and_then(|first| self.name(self.mobile.at(first))),
                carrier: mobile().and_then(|first| self.name(self.carriers.at(first))),
            },
            false => Whereabouts { place: landline().and_then(|index| self.name(index)), carrier: None },
        }
    }

    fn name(&self, index: u16) -> Option<Name> {
        self.names.get(usize::from(index)).copied().filter(|name| !name.zh.is_empty())
    }

    fn read(table: &'static [u8]) -> Option<Known> {
        let mut rest = table.strip_prefix(b"RBWHERE1")?;
        let release = take(&mut rest, 1)?[0];
        take(&mut rest, usize::from(release))?;
        let count = read_u16(take(&mut rest, 2)?);
        let mut names = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let end = memchr::memchr(b'\n', rest)?;
            let (zh, en) =
                std::str::from_utf8(take(&mut rest, end + 1)?).ok()?.trim_end_matches('\n').split_once('\t')?;
            names.push(Name { zh, en });
        }
        let mobile = Ranges::read(&mut rest)?;
        let carriers = Ranges::read(&mut rest)?;
        let count = usize::from(read_u16(take(&mut rest, 2)?));
        let (begins, held) = (take(&mut rest, count * 4)?, take(&mut rest, count * 2)?);
        let begins = begins.chunks_exact(4).map(|four| four.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
        let landlines = begins.zip(held.chunks_exact(2).map(read_u16)).collect();
        rest.is_empty().then_some(Known { names, mobile, carriers, landlines })
    }
}

/// Ranges of the first seven digits of mobile numbers, each until the next begins.
struct Ranges {
    /// Three bytes each, ascending.
    begins: &'static [u8],
    /// Two bytes each: the name's index, 0 where nothing is known.
    held: &'static [u8],
}

impl Ranges {
    fn read(rest: &mut &'static [u8]) -> Option<Ranges> {
        let count = take(rest, 4)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        Some(Ranges { begins: take(rest, count * 3)?, held: take(rest, count * 2)? })
    }

    fn at(&self, first: u32) -> u16 {
        let begin = |nth: usize| self.begins[nth * 3..][..3].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let (mut from, mut to) = (0, self.begins.len() / 3);
        while from < to {
            let middle = from.midpoint(to);
            if begin(middle) <= first { from = middle + 1 } else { to = middle }
        }
        from.checked_sub(1).map_or(0, |nth| read_u16(&self.held[nth * 2..][..2]))
    }
}

fn take(rest: &mut &'static [u8], count: usize) -> Option<&'static [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn read_u16(two: &[u8]) -> u16 {
    two.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Numbering;

    fn said(number: &str) -> String {
        let read = Numbering::new("CN", Some("010")).read(number).unwrap();
        let Some(Whereabouts { place, carrier }) = of(&read) else { return String::from("unknown") };
        let word = |name: Option<Name>| name.map_or(String::from("?"), |name| format!("{} {}", name.zh, name.en));
        format!("{} / {}", word(place), word(carrier))
    }

    #[test]
    fn a_number_is_from_where_it_was_given_out() {
        for (number, expected) in [
            ("13000000000", "山东省济南市 Jinan, Shandong / 中国联通 China Unicom"),
            ("13800138000", "北京市 Beijing / 中国移动 China Mobile"),
            ("010-62345678", "北京市 Beijing / ?"),
            ("02087654321", "广东省广州市 Guangzhou, Guangdong / ?"),
            // Where the source has no Chinese name, the larger place around it has one.
            ("+868791001234", "云南省普洱市 Pu'er, Yunnan / ?"),
            ("+1 650 253 0000", "unknown"),
            ("4008001234", "unknown"),
            ("95588", "unknown"),
            ("8001", "unknown"),
        ] {
            assert_eq!(said(number), expected, "{number}");
        }
    }

    #[test]
    fn every_range_has_a_name_or_none() {
        let known = Known::read(TABLE).unwrap();
        for first in 1_300_000..2_000_000 {
            for ranges in [&known.mobile, &known.carriers] {
                assert!(usize::from(ranges.at(first)) < known.names.len(), "{first}");
            }
        }
        assert!(known.landlines.is_sorted() && known.landlines.len() > 300);
    }

    #[test]
    fn a_table_that_was_cut_is_refused() {
        for length in (0..TABLE.len()).step_by(997) {
            assert!(Known::read(&TABLE[..length]).is_none(), "{length} bytes");
        }
    }
}
