//! One message of an AMI, as the codec cut it out of the read buffer.

use bytes::Bytes;
use memchr::{memchr, memchr_iter};

use super::fields::text;

/// One message of an AMI: an event or a reply. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// All lines with their ends, without the empty line. A line without a colon is all key.
    bytes: Bytes,
    /// Where the first line's colon stands, and its end without CR and LF.
    first_colon: u32,
    first_end: u32,
    ends: LineEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    CrLf,
    /// No Asterisk sends bare LFs, but proxies and hand-made files do.
    Lf,
}

impl Packet {
    /// Whole lines; the colon and the end are the first one's, which is no longer than a line may
    /// be.
    pub(super) fn new(bytes: Bytes, first_colon: usize, first_end: usize, ends: LineEnd) -> Self {
        Packet { bytes, first_colon: first_colon as u32, first_end: first_end as u32, ends }
    }

    /// The first header: it alone says what the packet is.
    pub fn first(&self) -> (&[u8], &[u8]) {
        split(&self.bytes[..self.first_end as usize], self.first_colon as usize)
    }

    /// The event's name, if this is an event. `OriginateResponse` is one, though it also bears a
    /// `Response` header.
    pub fn event(&self) -> Option<&[u8]> {
        let (key, name) = self.first();
        key.eq_ignore_ascii_case(b"Event").then_some(name)
    }

    /// `Success`, `Error` or `Goodbye`, if this is a reply.
    pub fn response(&self) -> Option<&[u8]> {
        let (key, result) = self.first();
        key.eq_ignore_ascii_case(b"Response").then_some(result)
    }

    /// The value of the first header of this name, whatever its case. Asterisk spells one name in
    /// several ways: `Uniqueid`, `UniqueID`, `DestUniqueId`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.fields().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }

    /// The first value of each key, whatever its case, in one pass that ends with the last of them.
    /// A line is held against the keys without a search for its colon.
    pub fn take<const N: usize>(&self, keys: [&str; N]) -> [Option<&[u8]>; N] {
        let mut found = [None; N];
        let mut missing = N;
        let mut from = 0;
        for lf in memchr_iter(b'\n', &self.bytes) {
            let end = match self.ends {
                LineEnd::Lf => lf,
                LineEnd::CrLf if lf > from && self.bytes[lf - 1] == b'\r' => lf - 1,
                LineEnd::CrLf => continue,
            };
            let line = &self.bytes[from..end];
            from = lf + 1;
            let is = |key: &str| {
                line.get(key.len()) == Some(&b':') && line[..key.len()].eq_ignore_ascii_case(key.as_bytes())
            };
            let Some(slot) = keys.iter().position(|key| is(key)) else { continue };
            if found[slot].is_none() {
                found[slot] = Some(split(line, keys[slot].len()).1);
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
        }
        found
    }

    /// All headers in order, repeated ones too. A value is what follows the first colon and at
    /// most one blank.
    pub fn fields(&self) -> Fields<'_> {
        Fields { rest: &self.bytes, ends: self.ends }
    }

    /// The packet as sent, without the empty line.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = self.fields().map(|(key, value)| (text(key), text(value)));
        f.debug_map().entries(fields).finish()
    }
}

/// The headers of a [`Packet`].
#[derive(Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
    ends: LineEnd,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let mut from = 0;
        let (line, next) = loop {
            let Some(found) = memchr(b'\n', &self.rest[from..]) else { break (self.rest, self.rest.len()) };
            let lf = from + found;
            from = lf + 1;
            match self.ends {
                LineEnd::Lf => break (&self.rest[..lf], from),
                LineEnd::CrLf if lf > 0 && self.rest[lf - 1] == b'\r' => break (&self.rest[..lf - 1], from),
                LineEnd::CrLf => {}
            }
        };
        self.rest = &self.rest[next..];
        Some(match near_colon(line) {
            Some(colon) => split(line, colon),
            None => (line, b""),
        })
    }
}

pub(super) fn split(line: &[u8], colon: usize) -> (&[u8], &[u8]) {
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

/// The first colon of a line. Keys are short, so eight bytes at a time beat a search that is made
/// for long texts.
#[inline]
pub(super) fn near_colon(line: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let (words, tail) = line.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        // A byte of `differ` is nought where the line has a colon; the lowest such one is exact.
        let differ = u64::from_le_bytes(*word) ^ (ONES * b':' as u64);
        let found = differ.wrapping_sub(ONES) & !differ & HIGH;
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    tail.iter().position(|byte| *byte == b':').map(|at| words.len() * 8 + at)
}
