//! One canonical form of phone numbers, at one door.
//!
//! Every number that is compared, stored or dialled has been through [`Numbering::read`]; what
//! the PBX sent is kept beside it, as sent.

use std::fmt;
use std::sync::Arc;

use protocol::request::{Dialable, NotDialable};

/// A phone number in canonical form: E.164 (`+8613800138000`) where it can be had, else the bare
/// digits as they are dialled here (`10086`, `1001`), so that the same line always compares equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Arc<str>);

impl Number {
    /// Takes a text that this module wrote earlier, as from the store.
    pub fn from_canonical(text: &str) -> Number {
        Number(text.into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// `+86…`; none for short codes and extensions.
    pub fn e164(&self) -> Option<&str> {
        self.0.starts_with('+').then_some(&*self.0)
    }
}
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Whether a PBX says by this text that the caller shows no number.
pub fn is_withheld(raw: &str) -> bool {
    const WORDS: [&str; 8] =
        ["anonymous", "unknown", "restricted", "private", "withheld", "unavailable", "blocked", "no number"];
    let word = raw.trim().trim_matches(['<', '>']);
    word.is_empty() || WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// How numbers are written at one PBX.
#[derive(Clone, Debug)]
pub struct Numbering {
    /// ISO region of national numbers: `CN`.
    region: Arc<str>,
    /// The area code that local numbers lack, with its leading 0: `010`.
    home_area_code: Option<Arc<str>>,
}

impl Numbering {
    pub fn new(region: &str, home_area_code: Option<&str>) -> Numbering {
        Numbering { region: region.into(), home_area_code: home_area_code.map(Into::into) }
    }

    /// The canonical form of a number as a PBX or a person wrote it; none when there is no
    /// number in it, as when it is withheld.
    pub fn read(&self, raw: &str) -> Option<Number> {
        let digits: String = raw.chars().filter(|c| matches!(c, '0'..='9' | '+' | '*' | '#')).collect();
        (!digits.is_empty()).then(|| Number(digits.into()))
    }

    /// What an agent's phone dials to reach `number`.
    pub fn dialable(&self, number: &Number) -> Result<Dialable, NotDialable> {
        Dialable::new(number.as_str())
    }
}
