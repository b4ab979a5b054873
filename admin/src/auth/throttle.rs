//! How often somebody may try to sign in.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};

/// Tries a minute, for one account and from one address: enough for fat fingers. Were it
/// nought, this would not compile.
const TRIES_A_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Accounts and addresses remembered before those at rest are forgotten.
const REMEMBERED: usize = 10_000;

pub struct Throttle {
    accounts: DefaultKeyedRateLimiter<[u8; 32]>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    /// Makes the marks of devices that once signed in; forgotten with the process.
    key: String,
}

impl Default for Throttle {
    fn default() -> Self {
        let quota = Quota::per_minute(TRIES_A_MINUTE);
        Throttle { accounts: RateLimiter::keyed(quota), addresses: RateLimiter::keyed(quota), key: super::random_hex() }
    }
}

impl Throttle {
    /// Whether one more try may be made. A device that has signed in to the account before is
    /// counted apart, so that somebody who guesses at it from elsewhere cannot lock its owner out.
    pub fn admits(&self, login: &str, address: IpAddr, device: Option<&str>) -> bool {
        self.forget();
        let known = device.is_some_and(|mark| mark == self.mark(login));
        let account = digest(&[login, if known { "known" } else { "" }]);
        // Both are asked, so that each counts the try.
        let (by_address, by_account) = (self.addresses.check_key(&network(address)), self.accounts.check_key(&account));
        by_account.is_ok() && (by_address.is_ok() || known)
    }

    /// What a device keeps as a sign that the account was signed in to from it.
    pub fn mark(&self, login: &str) -> String {
        digest(&[&self.key, login]).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn forget(&self) {
        if self.accounts.len() > REMEMBERED {
            self.accounts.retain_recent();
        }
        if self.addresses.len() > REMEMBERED {
            self.addresses.retain_recent();
        }
    }
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

/// One subscriber has a whole /64 of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    #[test]
    fn guessing_at_one_account_from_everywhere_stops_and_its_owner_still_gets_in() {
        let throttle = Throttle::default();
        let admitted = (0..200).filter(|n| throttle.admits("li", ip(*n), None)).count();
        assert_eq!(admitted, 10);
        let mark = throttle.mark("li");
        assert!(throttle.admits("li", ip(250), Some(&mark)), "the owner's own device");
        assert!(!throttle.admits("li", ip(251), Some("forged")));
    }

    #[test]
    fn one_password_over_many_accounts_from_one_address_stops() {
        let throttle = Throttle::default();
        let admitted = (0..200).filter(|n| throttle.admits(&format!("user{n}"), ip(1), None)).count();
        assert_eq!(admitted, 10);
        let v6 = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
        let admitted = (0..200).filter(|n| throttle.admits(&format!("other{n}"), v6(*n), None)).count();
        assert_eq!(admitted, 10, "a /64 is one source");
    }
}
