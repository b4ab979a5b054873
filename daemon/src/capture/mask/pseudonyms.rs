//! Who is called what in a masked recording: the same number, person or address has the same
//! pseudonym everywhere in one run, and nobody can tell it back without the run's key, which is
//! printed and kept nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use sha2::{Digest, Sha256};

/// Digits in a row that make a number of the outside; fewer are an extension, a short code or a
/// counter.
const NUMBER_LEAST: usize = 7;
const NUMBER_MOST: usize = 18;

/// What stands where a name is not known or not shown.
const NOBODY: [&str; 9] = [
    "unknown",
    "<unknown>",
    "anonymous",
    "unavailable",
    "restricted",
    "private",
    "withheld",
    "outbound call",
    "_undef_",
];

/// What a value is, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Counts or measures; never touched.
    Figure,
    Queue,
    /// What opens a door.
    Secret,
    Name,
    Number,
    Host,
    Text,
}

#[derive(Debug)]
pub struct Pseudonyms {
    key: [u8; 32],
    /// Digits that are a number though they look like a time.
    numbers: BTreeSet<String>,
    fakes: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    names: BTreeMap<String, usize>,
    /// Names of several words or with other signs in them, by the first word.
    by_word: BTreeMap<String, BTreeSet<String>>,
    queues: BTreeSet<String>,
    addresses: BTreeMap<String, usize>,
    hosts: BTreeMap<String, usize>,
}

impl Pseudonyms {
    pub fn new(key: [u8; 32]) -> Pseudonyms {
        Pseudonyms {
            key,
            numbers: BTreeSet::new(),
            fakes: BTreeMap::new(),
            taken: BTreeSet::new(),
            names: BTreeMap::new(),
            by_word: BTreeMap::new(),
            queues: BTreeSet::new(),
            addresses: BTreeMap::new(),
            hosts: BTreeMap::new(),
        }
    }

    /// Takes note of what a value says of who is who: to be done for all of a recording before any
    /// of it is masked.
    pub fn learn(&mut self, key: &str, value: &str) {
        match role(key) {
            Role::Name if is_personal(value) => {
                self.name(value);
                for word in [value, value.trim_matches(|c: char| !is_word(c))] {
                    let first: String = word.chars().take_while(|c| is_word(*c)).collect();
                    if !first.is_empty() && word.chars().count() > 1 {
                        self.by_word.entry(first).or_default().insert(word.to_owned());
                    }
                }
            }
            Role::Number => {
                let digits = value.trim_start_matches('+');
                let is_moment = digits.len() > 10 && is_time(digits);
                if digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() >= NUMBER_LEAST && !is_moment {
                    self.numbers.insert(digits.to_owned());
                }
            }
            Role::Queue => {
                self.queues.insert(protocol::event::plain_name(value).to_owned());
            }
            Role::Figure | Role::Secret | Role::Name | Role::Host | Role::Text => {}
        }
    }

    /// The value as it may be shown.
    pub fn value(&mut self, key: &str, value: &str) -> String {
        match role(key) {
            Role::Figure => value.to_owned(),
            Role::Secret => String::new(),
            Role::Name if is_personal(value) => self.name(value),
            Role::Number => self.spaced_number(value),
            Role::Host => format!("host-{}", nth(&mut self.hosts, value)),
            Role::Queue | Role::Name | Role::Text => self.text(value),
        }
    }

    /// Any text: numbers, addresses, hosts and known names in it, and whatever is not ASCII.
    pub fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        let mut before = ' ';
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            let (taken, said) = if c == '%' {
                self.escapes(rest)
            } else if is_word(c) && !is_word(before) {
                self.word(rest, before)
            } else {
                (c.len_utf8(), None)
            };
            let raw = &rest[..taken];
            out.push_str(said.as_deref().unwrap_or(raw));
            before = if c == '%' && taken > 1 { ' ' } else { raw.chars().next_back().unwrap_or(' ') };
            at += taken;
        }
        out
    }

    /// Percent escapes in a row; those that are no ASCII are part of somebody's name.
    fn escapes(&mut self, text: &str) -> (usize, Option<String>) {
        let escape = |at: usize| text.get(at..at + 3).filter(|unit| unit.starts_with('%'));
        let byte = |unit: &str| u8::from_str_radix(&unit[1..], 16).ok();
        let mut bytes = Vec::new();
        while let Some(next) = escape(bytes.len() * 3).and_then(byte).filter(|next| *next >= 0x80) {
            bytes.push(next);
        }
        if bytes.is_empty() {
            return (if escape(0).and_then(byte).is_some() { 3 } else { 1 }, None);
        }
        let name = protocol::ami::fields::text(&bytes).into_owned();
        (bytes.len() * 3, Some(self.name(&name)))
    }

    /// What begins with a word's first letter: how much of the text it takes, and what is to be
    /// said instead.
    fn word(&mut self, text: &str, before: char) -> (usize, Option<String>) {
        let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
        let word = &text[..end];
        if let Some((length, host)) = host(text).filter(|_| before == '@') {
            return (length, Some(format!("host-{}.invalid", nth(&mut self.hosts, host))));
        }
        if let Some((length, address)) = address(text) {
            let fake = match address {
                Address::Own => return (length, None),
                Address::V4(address) => {
                    let [high, low] = (nth(&mut self.addresses, &address.to_string()) as u16).to_be_bytes();
                    format!("198.18.{high}.{low}")
                }
                Address::V6(address) => format!("2001:db8::{:x}", nth(&mut self.addresses, &address.to_string())),
            };
            return (length, Some(fake));
        }
        let is_whole = |name: &str| text[name.len()..].chars().next().is_none_or(|c| !is_word(c));
        let known = self.by_word.get(word).into_iter().flatten();
        let known =
            known.filter(|name| text.starts_with(name.as_str()) && is_whole(name) && !self.queues.contains(*name));
        if let Some(name) = known.max_by_key(|name| name.len()).cloned() {
            return (name.len(), Some(self.name(&name)));
        }
        if word.is_ascii() {
            return (end, Some(self.numbers_in(word)));
        }
        (end, (!self.queues.contains(word)).then(|| self.name(word)))
    }

    /// `name-3`; names are told apart by what they say, however they are written on the wire.
    fn name(&mut self, name: &str) -> String {
        let name = name.trim_matches(|c: char| !is_word(c));
        format!("name-{}", nth(&mut self.names, name))
    }

    /// A number as people may write it: `+86 138-0013-8000`.
    fn spaced_number(&mut self, value: &str) -> String {
        if is_time(value) && !self.numbers.contains(value) {
            return value.to_owned();
        }
        let is_spaced = value.chars().all(|c| c.is_ascii_digit() || "+- ().".contains(c));
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        if !is_spaced || digits.len() < NUMBER_LEAST || digits.len() > NUMBER_MOST {
            return self.text(value);
        }
        let fake = self.number(&digits);
        let mut fake = fake.chars();
        value.chars().map(|c| if c.is_ascii_digit() { fake.next().unwrap_or(c) } else { c }).collect()
    }

    fn numbers_in(&mut self, word: &str) -> String {
        let mut out = String::with_capacity(word.len());
        let mut rest = word;
        while let Some(from) = rest.find(|c: char| c.is_ascii_digit()) {
            let length = rest[from..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - from);
            out.push_str(&rest[..from]);
            let digits = &rest[from..from + length];
            let is_number = (NUMBER_LEAST..=NUMBER_MOST).contains(&length)
                && !digits.starts_with("0000")
                && (self.numbers.contains(digits) || !is_time(digits));
            match is_number {
                true => out.push_str(&self.number(digits)),
                false => out.push_str(digits),
            }
            rest = &rest[from + length..];
        }
        out + rest
    }

    /// Of the same length and class. What is dialled before a number stays, so that a number is the
    /// same in all its forms: `13800138000`, `013800138000`, `8613800138000`.
    fn number(&mut self, digits: &str) -> String {
        let (kept, changed) = split(digits);
        format!("{kept}{}", self.fake(changed.0, changed.1))
    }

    /// Other digits after the first `keep`; the same for the same digits, and for no others.
    fn fake(&mut self, digits: &str, keep: usize) -> String {
        if let Some(fake) = self.fakes.get(digits) {
            return fake.clone();
        }
        let mut round = 0_u32;
        let fake = loop {
            let hash = Sha256::new().chain_update(self.key).chain_update(digits).chain_update(round.to_le_bytes());
            let tail = hash.finalize().into_iter().map(|byte| char::from(b'0' + byte % 10));
            let fake: String = digits.chars().take(keep).chain(tail).take(digits.len()).collect();
            if fake != digits && self.taken.insert(fake.clone()) {
                break fake;
            }
            round += 1;
        };
        self.fakes.insert(digits.to_owned(), fake.clone());
        fake
    }
}

fn nth(of: &mut BTreeMap<String, usize>, what: &str) -> usize {
    let next = of.len() + 1;
    *of.entry(what.to_owned()).or_insert(next)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// What a key says of its value. Keys are those of Asterisk, of FreeSWITCH and of its variables.
fn role(key: &str) -> Role {
    let key = key.to_ascii_lowercase();
    let ends = |tails: &[&str]| tails.iter().any(|tail| key.ends_with(tail));
    let has = |parts: &[&str]| parts.iter().any(|part| key.contains(part));
    if ends(&["content-length", "event-sequence", "listitems", "msec", "usec", "_ms", "epoch", "time", "timestamp"])
        || key == "seq"
    {
        Role::Figure
    } else if matches!(&*key, "queue" | "cc-queue" | "variable_cc_queue" | "queue_name") {
        Role::Queue
    } else if has(&["password", "secret"]) || key == "token" {
        Role::Secret
    } else if has(&["hostname", "switchname"]) {
        Role::Host
    } else if ends(&[
        "calleridname",
        "connectedlinename",
        "membername",
        "id-name",
        "id_name",
        "callee_name",
        "caller_name",
        "_display",
    ]) {
        Role::Name
    } else if has(&["num", "exten", "ani", "rdnis", "destination", "dial", "user", "dest", "phone", "dnid", "caller"]) {
        Role::Number
    } else {
        Role::Text
    }
}

/// Whether a value of a name's key names somebody.
fn is_personal(value: &str) -> bool {
    let says = value.trim();
    let is_number = says.bytes().all(|byte| byte.is_ascii_digit() || b"+- ()".contains(&byte));
    !is_number && !NOBODY.contains(&&*says.to_ascii_lowercase()) && says.chars().any(is_word) && !says.contains('/')
}

/// Seconds, milliseconds or microseconds of 2017 to 2033 since 1970.
fn is_time(digits: &str) -> bool {
    matches!(digits.len(), 10 | 13 | 16) && matches!(digits.as_bytes(), [b'1', b'5'..=b'9', ..])
}

/// What of a number stays, and what is changed after so many of its digits: a mobile's first three,
/// a landline's area code and first digit, `400`.
fn split(digits: &str) -> (&str, (&str, usize)) {
    let at = |from: usize, keep: usize| (&digits[..from], (&digits[from..], keep));
    let length = digits.len();
    let is_mobile = |from: usize| matches!(digits.as_bytes()[from..], [b'1', b'3'..=b'9', ..]);
    if (11..=16).contains(&length) && is_mobile(length - 11) {
        return at(length - 11, 3);
    }
    let country = ["0086", "86"].iter().find(|code| digits.starts_with(**code) && length >= code.len() + 9);
    let national = country.map_or(0, |code| code.len());
    let from = national + usize::from(digits[national..].starts_with('0'));
    let said_national = from > 0;
    let area = match digits.as_bytes()[from..] {
        [b'1', b'0', ..] | [b'2', ..] => 2,
        _ => 3,
    };
    let subscriber = (length - from).saturating_sub(area);
    if said_national && (7..=8).contains(&subscriber) {
        return at(from + area, 1);
    }
    match (length - from, &digits.as_bytes()[from..]) {
        (10, [b'4' | b'8', b'0', b'0', ..]) => at(from, 3),
        (7 | 8, _) => at(from, 1),
        (other, _) => at(from, other.saturating_sub(NUMBER_LEAST).clamp(1, 4)),
    }
}

enum Address {
    /// This machine, or none at all: says nothing of anybody.
    Own,
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// The address that a text begins with.
fn address(text: &str) -> Option<(usize, Address)> {
    let run = |allowed: fn(char) -> bool| {
        let end = text.find(|c| !allowed(c)).unwrap_or(text.len());
        text[..end].trim_end_matches(['.', ':'])
    };
    let four = run(|c| c.is_ascii_digit() || c == '.');
    if let Ok(address) = four.parse::<Ipv4Addr>() {
        let own = address.is_loopback() || address.is_unspecified();
        return Some((four.len(), if own { Address::Own } else { Address::V4(address) }));
    }
    let six = run(|c| c.is_ascii_hexdigit() || c == ':');
    let address = six.parse::<Ipv6Addr>().ok()?;
    let own = address.is_loopback() || address.is_unspecified();
    Some((six.len(), if own { Address::Own } else { Address::V6(address) }))
}

/// The host name that a text begins with.
fn host(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c)).unwrap_or(text.len());
    let host = text[..end].trim_end_matches('.');
    let is_name =
        host.contains('.') && host.parse::<Ipv4Addr>().is_err() && host.bytes().any(|b| b.is_ascii_alphabetic());
    is_name.then_some((host.len(), host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new([7; 32])
    }

    #[test]
    fn a_number_is_the_same_in_all_its_forms() {
        let mut p = pseudonyms();
        let mobile = p.text("13800138000");
        assert!(mobile.starts_with("138") && mobile.len() == 11 && mobile != "13800138000", "{mobile}");
        for (written, expected) in [
            ("013800138000", format!("0{mobile}")),
            ("+8613800138000", format!("+86{mobile}")),
            ("008613800138000", format!("0086{mobile}")),
            ("PJSIP/13800138000-0000001a", format!("PJSIP/{mobile}-0000001a")),
            ("sip:13800138000@127.0.0.1:5060", format!("sip:{mobile}@127.0.0.1:5060")),
            ("%2B8613800138000%4013800138000", format!("%2B86{mobile}%40{mobile}")),
        ] {
            assert_eq!(p.text(written), expected);
        }
        let local = p.text("62551234");
        assert!(local.starts_with('6') && local.len() == 8);
        for (written, expected) in [("01062551234", "010"), ("+861062551234", "+8610"), ("86-10", "86-10")] {
            assert!(p.text(written).starts_with(expected), "{written}");
        }
        assert_eq!(p.text("01062551234"), format!("010{local}"));
        assert_eq!(p.text("+861062551234"), format!("+8610{local}"));
        assert_eq!(p.value("CallerIDNum", "+86 138-0013-8000").replace(['-', ' '], ""), format!("+86{mobile}"));
        assert!(p.text("4008001234").starts_with("400"));
    }

    #[test]
    fn structure_stays() {
        let mut p = pseudonyms();
        p.learn("Queue", "售后@default");
        for same in [
            "1001",
            "95588",
            "PJSIP/1001-00000002",
            "support,tT",
            "1795293548.12",
            "00:00:09",
            "1795262400123456",
            "Local/1003@members-00000001;1",
            "1001@default",
            "售后,tT,,,60",
            "127.0.0.1",
            "22.10.0",
            "2026-11-22 02:15:00",
        ] {
            assert_eq!(p.text(same), same);
        }
        assert_eq!(p.value("CallerIDName", "<unknown>"), "<unknown>");
        assert_eq!(p.value("Event-Sequence", "123456789"), "123456789");
    }

    #[test]
    fn people_and_places_have_other_names() {
        let mut p = pseudonyms();
        p.learn("CallerIDName", "Anne O'Brien");
        p.learn("CallerIDName", "王小明");
        let anne = p.value("CallerIDName", "Anne O'Brien");
        assert_eq!(p.text("\"Anne O'Brien\" <13800138000>").split('"').nth(1), Some(&*anne));
        let wang = p.value("DestCallerIDName", "王小明");
        assert_ne!(wang, anne);
        assert_eq!(p.text("hello 王小明, you"), format!("hello {wang}, you"));
        assert_eq!(p.text("%E7%8E%8B%E5%B0%8F%E6%98%8E"), wang);
        assert_eq!(p.text("%CD%F5%D0%A1%C3%F7"), wang, "GBK");
        assert_eq!(p.text("10.0.0.5:5060 10.0.0.6 10.0.0.5"), "198.18.0.1:5060 198.18.0.2 198.18.0.1");
        assert_eq!(p.text("1001@pbx.example.com:5060"), "1001@host-1.invalid:5060");
        assert_eq!(p.text("[fe80::1]"), "[2001:db8::3]");
        assert_eq!(p.value("FreeSWITCH-Hostname", "pbx7"), "host-2");
    }
}
