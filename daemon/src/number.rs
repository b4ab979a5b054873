//! One canonical form of phone numbers, at one door.
//!
//! Every number that is compared, stored or dialled has been through [`Numbering::read`]; what
//! the PBX sent is kept beside it, as sent. Nothing is refused for not looking like a number of
//! its country: a caller is a caller.

use std::fmt;
use std::sync::Arc;

use protocol::request::{Dialable, NotDialable};
use rlibphonenumber::enums::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

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
    /// Where national numbers belong; none for a region that no numbering plan knows.
    region: Option<Region>,
    is_china: bool,
    /// The area code that local numbers lack, with its leading 0: `010`.
    home_area_code: Option<Arc<str>>,
}

/// Up to so many digits are a short code or an extension and stay as they are: `95588`, `1001`.
const SHORT_DIGITS: usize = 6;

/// From so many on, digits are worth seeking among all numbers.
const FRAGMENT_DIGITS: usize = 4;

/// Prefixes that choose a cheaper carrier and say nothing of who is called.
const CHINA_CARRIER_PREFIXES: [&str; 12] =
    ["10193", "11808", "12520", "12593", "17901", "17908", "17909", "17911", "17931", "17951", "17968", "17969"];

impl Numbering {
    /// `region` is an ISO code (`CN`), `home_area_code` bears its leading 0.
    pub fn new(region: &str, home_area_code: Option<&str>) -> Numbering {
        Numbering {
            region: Region::from_code(region).ok(),
            is_china: region == "CN",
            home_area_code: home_area_code.map(Into::into),
        }
    }

    /// The canonical form of a number as a PBX or a person wrote it; none when there is no
    /// number in it, as when it is withheld.
    pub fn read(&self, raw: &str) -> Option<Number> {
        if is_withheld(raw) {
            return None;
        }
        let digits = match raw.strip_prefix('+').unwrap_or(raw).bytes().all(|byte| byte.is_ascii_digit()) {
            // As nearly all PBXes send it.
            true => raw.to_owned(),
            false => digits_of(without_extension(raw)),
        };
        if !digits.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let canonical = if digits.contains(['*', '#']) || digits.len() <= SHORT_DIGITS {
            digits
        } else {
            self.chinese(&digits).or_else(|| self.by_plan(&digits)).unwrap_or(digits)
        };
        Some(Number(canonical.into()))
    }

    /// What an agent's phone dials to reach `number`: national within the region, without the
    /// area code within the home area.
    pub fn dialable(&self, number: &Number) -> Result<Dialable, NotDialable> {
        let Some(e164) = number.e164() else { return Dialable::new(number.as_str()) };
        let Some((region, parsed)) = self.region.zip(PHONE_NUMBER_UTIL.parse(e164, None).ok()) else {
            return Dialable::new(e164);
        };
        let home = PHONE_NUMBER_UTIL.get_country_code_for_region(region) == Some(parsed.country_code);
        let written = match home {
            true => parsed.format_as(PhoneNumberFormat::National),
            false => parsed.format_out_of_country_calling_number(region),
        };
        let digits = digits_of(&written);
        let local = self.home_area_code.as_deref().and_then(|code| digits.strip_prefix(code));
        Dialable::new(local.filter(|_| home).unwrap_or(&digits))
    }

    /// The digits that every way of writing a number has in common, of one that somebody typed
    /// whole or in part: without country code and the trunk's 0. `010-6234 5678`, `+861062345678`:
    /// `1062345678`; `5678`: itself. None for what is no number, or less than four digits of one.
    pub fn digits_in_common(&self, typed: &str) -> Option<String> {
        let is_written = |c: char| c.is_ascii_digit() || matches!(c, '０'..='９' | '+' | '＋' | ' ' | '-' | '(' | ')');
        let digits = digits_of(typed);
        if digits.len() < FRAGMENT_DIGITS || !typed.trim().chars().all(is_written) {
            return None;
        }
        let canonical = self.read(typed);
        let parsed =
            canonical.as_ref().and_then(Number::e164).and_then(|e164| PHONE_NUMBER_UTIL.parse(e164, None).ok());
        let bare = match parsed {
            // Digits only: what a plan sets before a number within its country is left out.
            Some(parsed) => {
                parsed.format_as(PhoneNumberFormat::E164).chars().skip(1 + digits_in(parsed.country_code)).collect()
            }
            None => digits.trim_start_matches(['+', '0']).to_owned(),
        };
        (bare.len() >= FRAGMENT_DIGITS).then_some(bare)
    }

    /// The numbers that nearly all callers in China have, and those that the plan's metadata
    /// does not hold: carrier prefixes, local numbers, service numbers of seven digits and more.
    fn chinese(&self, digits: &str) -> Option<String> {
        if !self.is_china {
            return self.local(digits);
        }
        let carried = CHINA_CARRIER_PREFIXES.iter().find_map(|prefix| digits.strip_prefix(prefix));
        let digits = carried.filter(|rest| rest.len() >= 10).unwrap_or(digits);
        let national = ["+86", "0086", "86"].iter().find_map(|code| digits.strip_prefix(code));
        let national = national.filter(|rest| is_chinese_mobile(rest) || !digits.starts_with("86"));
        let national = national.unwrap_or(digits);
        let mobile = national.strip_prefix('0').filter(|rest| is_chinese_mobile(rest)).unwrap_or(national);
        if is_chinese_mobile(mobile) {
            return Some(format!("+86{mobile}"));
        }
        if digits.starts_with('1') || digits.starts_with("95") {
            return (digits.len() <= 8).then(|| digits.to_owned());
        }
        self.local(digits).or_else(|| carried.and_then(|_| self.by_plan(digits)))
    }

    /// A number without its area code.
    fn local(&self, digits: &str) -> Option<String> {
        let area = self.home_area_code.as_deref()?;
        let is_local = (7..=8).contains(&digits.len()) && digits.starts_with(|first| ('2'..='8').contains(&first));
        is_local.then(|| self.by_plan(&format!("{area}{digits}"))).flatten()
    }

    /// By the numbering plan of the region, or of the country that the number names.
    fn by_plan(&self, digits: &str) -> Option<String> {
        let parsed = PHONE_NUMBER_UTIL.parse(digits, self.region).ok()?;
        // What is written in full is believed; a bare number only where it fits the plan.
        let believed = digits.starts_with('+') || parsed.is_valid();
        believed.then(|| parsed.format_as(PhoneNumberFormat::E164).into_owned())
    }
}

fn is_chinese_mobile(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1])
}

fn digits_in(country_code: i32) -> usize {
    country_code.to_string().len()
}

/// Everything but what can be dialled is taken away, full-width digits are made plain.
fn digits_of(text: &str) -> String {
    let number = text.trim().trim_start_matches("tel:").trim_start_matches("sip:");
    let number = number.split(['@', ';']).next().unwrap_or(number);
    let mut digits = String::with_capacity(number.len());
    for c in number.chars() {
        match c {
            '0'..='9' | '*' | '#' => digits.push(c),
            '０'..='９' => digits.push((b'0' + (c as u32 - '０' as u32) as u8) as char),
            '+' | '＋' if digits.is_empty() => digits.push('+'),
            _ => {}
        }
    }
    digits
}

/// The line's own number, without the extension behind it: `010-62551234-801`, `…转801`,
/// `… ext. 801`.
fn without_extension(text: &str) -> &str {
    const WORDS: [&str; 7] = ["转", "轉", "分机", "分機", "ext", "EXT", "Ext"];
    let word = WORDS.iter().filter_map(|word| text.find(word)).min();
    if let Some(before) = word.map(|at| &text[..at])
        && before.bytes().filter(u8::is_ascii_digit).count() >= SHORT_DIGITS
    {
        return before;
    }
    // A last group of up to five digits behind a whole local number.
    let Some((before, last)) = text.rsplit_once(['-', 'x']) else { return text };
    let local = before.rsplit(['-', ' ', ')']).next().unwrap_or(before);
    let is_extension = (1..=5).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_digit());
    if is_extension && (7..=8).contains(&local.len()) && local.bytes().all(|byte| byte.is_ascii_digit()) {
        before
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn however_a_number_is_typed_its_digits_are_sought() {
        let beijing = Numbering::new("CN", Some("010"));
        for (typed, sought) in [
            ("01062345678", Some("1062345678")),
            ("+861062345678", Some("1062345678")),
            ("0086 10 6234 5678", Some("1062345678")),
            ("(010) 6234-5678", Some("1062345678")),
            ("62345678", Some("1062345678")),
            ("0106234", Some("106234")),
            ("+86106234", Some("106234")),
            ("13800138000", Some("13800138000")),
            ("１３８００１３８０００", Some("13800138000")),
            ("8000", Some("8000")),
            ("+1 650 253 0000", Some("6502530000")),
            ("800", None),
            ("0001", None),
            ("张伟 8000", None),
            ("50% 1234", None),
            ("", None),
        ] {
            assert_eq!(beijing.digits_in_common(typed).as_deref(), sought, "{typed}");
        }
    }

    #[test]
    fn one_line_has_one_form() {
        let beijing = Numbering::new("CN", Some("010"));
        for (raw, canonical) in [
            ("13800138000", "+8613800138000"),
            ("+8613800138000", "+8613800138000"),
            ("8613800138000", "+8613800138000"),
            ("008613800138000", "+8613800138000"),
            ("013800138000", "+8613800138000"),
            ("138 0013 8000", "+8613800138000"),
            ("138-0013-8000", "+8613800138000"),
            ("１３８００１３８０００", "+8613800138000"),
            ("tel:+8613800138000", "+8613800138000"),
            ("sip:13800138000@10.0.0.5:5060", "+8613800138000"),
            ("1795113800138000", "+8613800138000"),
            ("12593013800138000", "+8613800138000"),
            ("17951075526000000", "+8675526000000"),
            ("17000000000", "+8617000000000"),
            ("19212345678", "+8619212345678"),
            ("01062345678", "+861062345678"),
            ("010-62551234", "+861062551234"),
            ("(010)62551234", "+861062551234"),
            ("+86 10 6255 1234", "+861062551234"),
            ("62551234", "+861062551234"),
            ("010-62551234-801", "+861062551234"),
            ("010-62551234转801", "+861062551234"),
            ("62551234 ext 801", "+861062551234"),
            ("075526000000", "+8675526000000"),
            ("0755-2600000", "07552600000"),
            ("4008001234", "+864008001234"),
            ("400-800-1234", "+864008001234"),
            ("8008101234", "+868008101234"),
            ("95588", "95588"),
            ("10086", "10086"),
            ("12345", "12345"),
            ("110", "110"),
            ("95105555", "95105555"),
            ("10105757", "10105757"),
            ("1001", "1001"),
            ("*97", "*97"),
            ("+12025550123", "+12025550123"),
            ("0012025550123", "+12025550123"),
            ("+1999", "+1999"),
            ("123456789012345678901", "123456789012345678901"),
        ] {
            assert_eq!(beijing.read(raw).map(|n| n.to_string()).as_deref(), Some(canonical), "{raw}");
        }
    }

    #[test]
    fn each_region_reads_its_own() {
        let read = |region: &str, area: Option<&str>, raw: &str| {
            Numbering::new(region, area).read(raw).map(|number| number.to_string()).unwrap_or_default()
        };
        assert_eq!(read("TW", None, "0912345678"), "+886912345678");
        assert_eq!(read("TW", Some("02"), "27208889"), "+886227208889");
        assert_eq!(read("HK", None, "21234567"), "+85221234567");
        assert_eq!(read("CN", None, "62551234"), "62551234");
        assert_eq!(read("XX", None, "13800138000"), "13800138000");
        assert_eq!(read("XX", None, "+8613800138000"), "+8613800138000");
    }

    #[test]
    fn without_a_number_there_is_none() {
        let numbering = Numbering::new("CN", None);
        for raw in ["", " ", "anonymous", "Anonymous", "unknown", "<unknown>", "Restricted", "alice", "+", "***"] {
            assert_eq!(numbering.read(raw), None, "{raw:?}");
        }
        assert!(is_withheld("<unknown>") && !is_withheld("alice"));
    }

    #[test]
    fn a_number_is_dialled_as_people_here_dial_it() {
        let dialled = |area: Option<&str>, raw: &str| {
            let numbering = Numbering::new("CN", area);
            let number = numbering.read(raw).expect("a number");
            numbering.dialable(&number).map(|to| to.as_str().to_owned())
        };
        assert_eq!(dialled(Some("010"), "+8613800138000").as_deref(), Ok("13800138000"));
        assert_eq!(dialled(Some("010"), "075526000000").as_deref(), Ok("075526000000"));
        assert_eq!(dialled(Some("0755"), "075526000000").as_deref(), Ok("26000000"));
        assert_eq!(dialled(None, "01062551234").as_deref(), Ok("01062551234"));
        assert_eq!(dialled(None, "4008001234").as_deref(), Ok("4008001234"));
        assert_eq!(dialled(None, "95588").as_deref(), Ok("95588"));
        assert_eq!(dialled(None, "+12025550123").as_deref(), Ok("0012025550123"));
    }

    proptest! {
        #[test]
        fn reading_never_fails_and_settles_at_once(raw in "\\PC{0,24}|[0-9+*# -]{1,24}") {
            let numbering = Numbering::new("CN", Some("010"));
            if let Some(number) = numbering.read(&raw) {
                prop_assert_eq!(numbering.read(number.as_str()), Some(number.clone()), "read again");
                let dialled = numbering.dialable(&number);
                prop_assert!(dialled.is_ok() || number.as_str().len() > 32, "{:?}", dialled);
            }
        }

        /// But for 179, which no mobile has: carriers' prefixes begin so.
        #[test]
        fn the_short_way_for_mobiles_is_the_plans_way(digits in "1([3-689][0-9]|7[0-8])[0-9]{8}") {
            let parsed = PHONE_NUMBER_UTIL.parse(&digits, Some(Region::CN)).expect("a number");
            let planned = parsed.format_as(PhoneNumberFormat::E164);
            let read = Numbering::new("CN", None).read(&digits);
            prop_assert_eq!(read.as_ref().map(Number::as_str), Some(planned.as_ref()));
        }
    }
}
