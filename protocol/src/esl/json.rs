//! JSON as FreeSWITCH writes it, read where it stands. FreeSWITCH copies what callers send byte by
//! byte into its strings (cJSON escapes bytes, not characters), so a body may be UTF-8 in one value
//! and GBK in the next, and no decoding of the whole would be right. Here strings stay bytes until
//! one is asked for; then its escapes are undone, and only then is it taken for text.
//!
//! What is not asked for is passed over without a look at its shape: numbers and words are whatever
//! stands between commas.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

use crate::charset::{owned_text, text};

/// The text is no JSON, or not of the shape asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A value, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string without its quotes, its escapes as they are; whether it has any.
    Text { raw: &'a [u8], escaped: bool },
    /// With its brackets.
    List(&'a [u8]),
    /// With its braces.
    Object(&'a [u8]),
    /// A number, `true`, `false` or `null`.
    Word(&'a [u8]),
}

impl<'a> Value<'a> {
    /// A string's or a word's text; empty for `null` and for what holds others.
    pub fn text(&self) -> Cow<'a, str> {
        match *self {
            Value::Text { raw, escaped: false } => text(raw),
            Value::Text { raw, escaped: true } => Cow::Owned(owned_text(unescape(raw))),
            Value::Word(b"null") | Value::List(_) | Value::Object(_) => Cow::Borrowed(""),
            Value::Word(word) => text(word),
        }
    }
}

/// Tells `each` key and value of the object that `bytes` are, in order. Keys are told as they
/// stand: none that is looked for holds an escape.
pub fn object<'a>(bytes: &'a [u8], mut each: impl FnMut(&'a [u8], Value<'a>)) -> Result<(), Malformed> {
    let mut at = open(bytes, b'{', b'}')?;
    while let Some(from) = at {
        if bytes.get(from) != Some(&b'"') {
            return Err(Malformed);
        }
        let (key, _, end) = string(bytes, from)?;
        let colon = blank(bytes, end);
        if bytes.get(colon) != Some(&b':') {
            return Err(Malformed);
        }
        let (value, end) = value(bytes, blank(bytes, colon + 1))?;
        each(key, value);
        at = next(bytes, end, b'}')?;
    }
    Ok(())
}

/// Tells `each` value of the list that `bytes` are.
pub fn list<'a>(bytes: &'a [u8], mut each: impl FnMut(Value<'a>)) -> Result<(), Malformed> {
    let mut at = open(bytes, b'[', b']')?;
    while let Some(from) = at {
        let (value, end) = value(bytes, from)?;
        each(value);
        at = next(bytes, end, b']')?;
    }
    Ok(())
}

/// Where the first member begins; none when there is none.
fn open(bytes: &[u8], opens: u8, closes: u8) -> Result<Option<usize>, Malformed> {
    let start = blank(bytes, 0);
    if bytes.get(start) != Some(&opens) {
        return Err(Malformed);
    }
    let from = blank(bytes, start + 1);
    if bytes.get(from) == Some(&closes) { ended(bytes, from + 1) } else { Ok(Some(from)) }
}

/// Where the next member begins after one that ended at `end`.
fn next(bytes: &[u8], end: usize, closes: u8) -> Result<Option<usize>, Malformed> {
    let at = blank(bytes, end);
    match bytes.get(at) {
        Some(b',') => Ok(Some(blank(bytes, at + 1))),
        Some(byte) if *byte == closes => ended(bytes, at + 1),
        _ => Err(Malformed),
    }
}

fn ended(bytes: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
    if blank(bytes, at) == bytes.len() { Ok(None) } else { Err(Malformed) }
}

/// Where the blanks from `at` on end.
#[inline]
fn blank(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The value that begins at `from`, and where it ends.
#[inline]
fn value(bytes: &[u8], from: usize) -> Result<(Value<'_>, usize), Malformed> {
    match bytes.get(from) {
        Some(b'"') => {
            let (raw, escaped, end) = string(bytes, from)?;
            Ok((Value::Text { raw, escaped }, end))
        }
        Some(b'[') => within(bytes, from).map(|end| (Value::List(&bytes[from..end]), end)),
        Some(b'{') => within(bytes, from).map(|end| (Value::Object(&bytes[from..end]), end)),
        Some(_) => {
            let length = bytes[from..].iter().position(|byte| b",]} \t\r\n".contains(byte)).ok_or(Malformed)?;
            if length == 0 { Err(Malformed) } else { Ok((Value::Word(&bytes[from..from + length]), from + length)) }
        }
        None => Err(Malformed),
    }
}

/// The string whose quote stands at `from`: what is in it, whether anything is escaped, and where
/// it ends.
#[inline]
fn string(bytes: &[u8], from: usize) -> Result<(&[u8], bool, usize), Malformed> {
    let start = from + 1;
    let (mut at, mut escaped) = (start, false);
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..).ok_or(Malformed)?).ok_or(Malformed)?;
        if bytes[at] == b'"' {
            return Ok((&bytes[start..at], escaped, at + 1));
        }
        escaped = true;
        at += 2;
    }
}

/// Where the list or object that begins at `from` ends.
fn within(bytes: &[u8], from: usize) -> Result<usize, Malformed> {
    let (opens, closes) = if bytes[from] == b'[' { (b'[', b']') } else { (b'{', b'}') };
    let (mut at, mut depth) = (from, 0_usize);
    loop {
        at += memchr3(b'"', opens, closes, &bytes[at..]).ok_or(Malformed)?;
        if bytes[at] == b'"' {
            at = string(bytes, at)?.2;
            continue;
        }
        depth = if bytes[at] == opens { depth + 1 } else { depth - 1 };
        at += 1;
        if depth == 0 {
            return Ok(at);
        }
    }
}

/// Undoes a string's escapes. On bytes, as they were made: the second byte of a GBK character may
/// be a backslash, which then stands doubled. An escape that is none stays as it is.
pub fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let Some((&escaped, after)) = rest.split_first() else { break };
        rest = after;
        match escaped {
            b'"' | b'\\' | b'/' => plain.push(escaped),
            b'b' => plain.push(0x08),
            b'f' => plain.push(0x0c),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => {
                let (letter, length) = unicode(rest);
                rest = &rest[length..];
                plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => plain.extend_from_slice(&[b'\\', escaped]),
        }
    }
    plain
}

/// The letter that four hexadecimal digits mean, or two surrogates, and how many bytes that were.
fn unicode(rest: &[u8]) -> (char, usize) {
    let unit = |from: usize| {
        let digits = std::str::from_utf8(rest.get(from..from + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
    };
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if (0xd800..0xdc00).contains(&first)
        && rest.get(4..6) == Some(b"\\u")
        && let Some(second) = unit(6).filter(|unit| (0xdc00..0xe000).contains(unit))
    {
        let letter = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Oracle, json};

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
        let mut pairs = Vec::new();
        object(bytes, |key, value| pairs.push((text(&unescape(key)).into_owned(), value.text().into_owned())))?;
        Ok(pairs)
    }

    #[test]
    fn values_of_every_kind_stand_in_order() {
        let bytes = br#" { "a" : "x\"y" , "b":[ "1", {"c":"]"} ,["2"]],"d":-1.5e3,"e":null,"f":true,"a":"again","g":{"h":"}"} } "#;
        let mut values = Vec::new();
        object(bytes, |key, value| values.push((key, value))).unwrap();
        assert_eq!(values[0], (&b"a"[..], Value::Text { raw: br#"x\"y"#, escaped: true }));
        assert_eq!(values[1], (&b"b"[..], Value::List(br#"[ "1", {"c":"]"} ,["2"]]"#)));
        assert_eq!(values[2], (&b"d"[..], Value::Word(b"-1.5e3")));
        assert_eq!((values[3].1.text(), values[4].1.text()), ("".into(), "true".into()));
        assert_eq!(values[5], (&b"a"[..], Value::Text { raw: b"again", escaped: false }));
        assert_eq!(values[6], (&b"g"[..], Value::Object(br#"{"h":"}"}"#)));
        let Value::List(items) = values[1].1 else { unreachable!() };
        let mut listed = Vec::new();
        list(items, |value| listed.push(value)).unwrap();
        assert_eq!(listed.len(), 3);
        assert_eq!((read(b"{}"), read(b" { } \n")), (Ok(vec![]), Ok(vec![])));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bad in [
            "",
            "{",
            "}",
            "[]",
            "x",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{\"a\":[1}",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{\"a\":1}{",
            "{,}",
            "{\"a\":\"b\"\"c\":\"d\"}",
        ] {
            assert_eq!(read(bad.as_bytes()), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn strings_are_of_any_charset_and_escapes_are_undone_on_bytes() {
        assert_eq!(read(b"{\"n\":\"\xCD\xF5\",\"m\":\"\xE7\x8E\x8B\"}").unwrap()[0].1, "王", "GBK beside UTF-8");
        // 0x81 0x5C is one GBK character, whose second byte cJSON escapes.
        assert_eq!(read(b"{\"n\":\"\x81\\\\\"}").unwrap()[0].1, text(b"\x81\\"));
        assert_eq!(unescape(br#"\u738b\ud83d\ude00\ud83d\u00e9\x\"#), "王😀\u{fffd}é\\x".as_bytes());
        assert_eq!(unescape(br"\u+123"), "\u{fffd}+123".as_bytes());
    }

    proptest! {
        /// Whatever stands in values, our reader sees what serde_json wrote.
        #[test]
        fn agrees_with_another_reader(pairs in prop::collection::vec(("\\PC{0,8}", any::<String>()), 0..8), deep in any::<String>()) {
            let mut oracle = serde_json::Map::new();
            for (key, value) in &pairs {
                oracle.insert(key.clone(), Oracle::String(value.clone()));
            }
            oracle.insert("deep".into(), json!([deep, { "]": deep }, [1, null]]));
            let written = serde_json::to_string(&Oracle::Object(oracle.clone())).unwrap();
            for (key, value) in read(written.as_bytes()).unwrap() {
                if key != "deep" {
                    prop_assert_eq!(Some(&Oracle::String(value)), oracle.get(&key));
                }
            }
            for cut in 0..written.len() {
                prop_assert_eq!(read(&written.as_bytes()[..cut]), Err(Malformed), "cut at {}", cut);
            }
        }

        #[test]
        fn any_bytes_at_all_are_survived(bytes in "[\\[\\]{}\":,\\\\a0 u]{0,40}") {
            let _ = read(bytes.as_bytes());
            let _ = list(bytes.as_bytes(), |value| drop(value.text()));
            let _ = unescape(bytes.as_bytes());
        }
    }
}
