//! AMI's framing: bytes in, whole packets out. A packet owns its slice of the read buffer; its
//! fields are found when they are asked for, so a packet that nobody needs costs no allocation.
//!
//! Asterisk ends a line with CRLF and a packet with an empty line, puts no limit on either, lets
//! bare LFs stand inside values, and up to 16.25 / 18.11 / 19.3 lost the rest of a packet when the
//! client was slow, so that the next one follows glued to the torn one (fixed by
//! ASTERISK-29948). Such damage is noticed, told as [`Frame::Damaged`] and passed over; it never
//! ends the link.

use std::io;
use std::sync::LazyLock;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memmem};
use tokio_util::codec::Decoder;

/// The longest line taken. `VarSet` and `Command` know no limit; a megabyte is far over anything
/// that an event we need holds.
pub const MAX_LINE: usize = 1 << 20;

/// The longest packet taken: the answer to a `Command` may be megabytes, an event never is.
pub const MAX_PACKET: usize = 16 << 20;

/// A banner is some 30 bytes; whoever greets with more is no AMI.
const MAX_BANNER: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// What the peer greeted with: once, first.
    Banner(Banner),
    Packet(Packet),
    /// Bytes that were passed over.
    Damaged(Damaged),
}

/// The greeting of an AMI: `Asterisk Call Manager/11.0.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// As sent, without its line end.
    pub line: Bytes,
    /// AMI's version, not Asterisk's. None: the line is no AMI's, though a proxy may greet so.
    pub version: Option<(u32, u32, u32)>,
}

/// What was passed over and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    pub why: Damage,
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The first line is neither `Event:` nor `Response:`.
    UnknownStart,
    /// There are fewer colons than lines.
    LineWithoutColon,
    /// The next packet began before this one had ended.
    Glued,
    /// A line over [`MAX_LINE`].
    LineTooLong,
    /// A packet over [`MAX_PACKET`].
    PacketTooLong,
    /// The connection ended inside a packet.
    Unterminated,
}

impl Damage {
    /// In English, for admins.
    pub fn as_str(self) -> &'static str {
        match self {
            Damage::UnknownStart => "a packet began with neither Event nor Response",
            Damage::LineWithoutColon => "a line held no colon",
            Damage::Glued => "a packet began before the last one had ended",
            Damage::LineTooLong => "a line was longer than 1 MiB",
            Damage::PacketTooLong => "a packet was longer than 16 MiB",
            Damage::Unterminated => "the connection ended inside a packet",
        }
    }
}

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
enum LineEnd {
    CrLf,
    /// No Asterisk sends bare LFs, but proxies and hand-made files do.
    Lf,
}

impl Packet {
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
        let fields = self.fields().map(|(key, value)| (super::fields::text(key), super::fields::text(value)));
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

/// The first colon of a line. Keys are short, so eight bytes at a time beat a search that is made
/// for long texts.
#[inline]
fn near_colon(line: &[u8]) -> Option<usize> {
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

/// Whether there are fewer colons than line ends. In pieces short enough for sums of a byte each,
/// which the compiler makes sixteen at a time.
fn lacks_a_colon(packet: &[u8]) -> bool {
    let surplus = |piece: &[u8]| piece.iter().map(|b| i8::from(*b == b':') - i8::from(*b == b'\n')).sum::<i8>();
    packet.chunks(96).map(|piece| i64::from(surplus(piece))).sum::<i64>() < 0
}

/// Whether a bare LF follows a line's end: the broken end of a packet, or part of a value.
fn has_empty_line(packet: &[u8]) -> bool {
    packet.iter().zip(&packet[1..]).fold(false, |found, (a, b)| found | ((*a == b'\n') & (*b == b'\n')))
}

fn split(line: &[u8], colon: usize) -> (&[u8], &[u8]) {
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

/// A line's end and an empty line. Not with the CR before it, which would send the search to each
/// line's end.
static END: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"\n\r\n"));
static EVENT: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"Event:"));
static RESPONSE: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"Response:"));

/// Decodes one AMI connection from its first byte on. Never fails: its `Error` is only what the
/// trait asks for.
#[derive(Debug, Default)]
pub struct AmiCodec {
    greeted: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading(Scan),
    Skipping(Skip),
}

impl Default for State {
    fn default() -> Self {
        State::Reading(Scan::default())
    }
}

/// How far the packet at the head of the buffer has been looked at: a packet that comes in many
/// pieces is looked at once.
#[derive(Debug, Default)]
struct Scan {
    /// Where the present line begins, and the one before it.
    line: usize,
    line_before: usize,
    /// Bytes of the present line before this hold no LF that ends it.
    scanned: usize,
    lines: usize,
    ends: Option<LineEnd>,
    first_colon: usize,
    first_end: usize,
    /// A `UserEvent`'s body is whatever somebody's dialplan says.
    free_body: bool,
    /// This packet may bear a `Response` header that does not begin a reply.
    may_respond: bool,
    /// Where another packet may have begun, within a line.
    suspect: Option<usize>,
    /// In all lines so far; a packet with fewer of them than lines has a line that is none.
    colons: usize,
    trouble: Option<Damage>,
}

/// The rest of a packet over a cap, up to its end.
#[derive(Debug)]
struct Skip {
    why: Damage,
    bytes: usize,
    ends: LineEnd,
}

/// What a look at the buffer found.
enum Found {
    /// The packet is these bytes long, its empty line included.
    Whole(usize),
    /// An empty line before any packet.
    Blank(usize),
    /// Another packet begins here, and the one before it never ended.
    Another(usize),
    TooLong(Damage),
    NeedMore,
}

impl AmiCodec {
    /// For bytes that begin in the middle of a connection, so without a banner.
    pub fn without_banner() -> Self {
        Self { greeted: true, state: State::default() }
    }

    fn banner(&mut self, buffer: &mut BytesMut) -> Option<Banner> {
        let (end, next) = match memchr(b'\n', buffer) {
            Some(lf) => (lf, lf + 1),
            None if buffer.len() > MAX_BANNER => (MAX_BANNER, MAX_BANNER),
            None => return None,
        };
        self.greeted = true;
        if starts_packet(buffer) {
            return None;
        }
        let mut line = buffer.split_to(next).freeze();
        line.truncate(end);
        if line.last() == Some(&b'\r') {
            line.truncate(end - 1);
        }
        let version = ami_version(&line);
        Some(Banner { line, version })
    }
}

impl Decoder for AmiCodec {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, io::Error> {
        if !self.greeted {
            match self.banner(buffer) {
                Some(banner) => return Ok(Some(Frame::Banner(banner))),
                None if !self.greeted => return Ok(None),
                None => {}
            }
        }
        loop {
            match &mut self.state {
                State::Skipping(skip) => {
                    let over = skip.pass(buffer);
                    let damaged = Damaged { why: skip.why, bytes: skip.bytes };
                    if !over {
                        return Ok(None);
                    }
                    self.state = State::default();
                    return Ok(Some(Frame::Damaged(damaged)));
                }
                State::Reading(scan) => match scan.look(buffer) {
                    Found::NeedMore => return Ok(None),
                    Found::Blank(bytes) => {
                        buffer.advance(bytes);
                        *scan = Scan::default();
                    }
                    Found::Another(bytes) => {
                        buffer.advance(bytes);
                        let why = scan.trouble.unwrap_or(Damage::Glued);
                        *scan = Scan::default();
                        return Ok(Some(Frame::Damaged(Damaged { why, bytes })));
                    }
                    Found::TooLong(why) => {
                        let ends = scan.ends.unwrap_or(LineEnd::Lf);
                        self.state = State::Skipping(Skip { why, bytes: 0, ends });
                    }
                    Found::Whole(bytes) => {
                        let scan = std::mem::take(scan);
                        let whole = buffer.split_to(bytes);
                        return Ok(Some(match scan.trouble {
                            Some(why) => Frame::Damaged(Damaged { why, bytes }),
                            None => Frame::Packet(scan.packet(whole.freeze())),
                        }));
                    }
                },
            }
        }
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, io::Error> {
        if let Some(frame) = self.decode(buffer)? {
            return Ok(Some(frame));
        }
        let passed = match std::mem::take(&mut self.state) {
            State::Reading(_) => 0,
            State::Skipping(skip) => skip.bytes,
        };
        let rest = buffer.split();
        let bytes = passed + rest.len();
        let nothing = passed == 0 && rest.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        Ok((!nothing).then_some(Frame::Damaged(Damaged { why: Damage::Unterminated, bytes })))
    }
}

impl Scan {
    fn look(&mut self, buffer: &[u8]) -> Found {
        if self.scanned == 0
            && let Some(bytes) = self.glance(buffer)
        {
            return Found::Whole(bytes);
        }
        loop {
            let Some(found) = memchr(b'\n', &buffer[self.scanned..]) else {
                self.scanned = buffer.len();
                return self.too_long(buffer.len()).map_or(Found::NeedMore, Found::TooLong);
            };
            let lf = self.scanned + found;
            self.scanned = lf + 1;
            let after_cr = lf > self.line && buffer[lf - 1] == b'\r';
            let ends = *self.ends.get_or_insert(if after_cr { LineEnd::CrLf } else { LineEnd::Lf });
            let end = match ends {
                LineEnd::CrLf if after_cr => lf - 1,
                // CRLF LF: a packet's end as CoreShowChannelMap wrote it up to 18.23 / 20.8.
                LineEnd::CrLf if lf == self.line => lf,
                LineEnd::CrLf => continue,
                LineEnd::Lf => lf,
            };
            if let Some(why) = self.too_long(lf) {
                return Found::TooLong(why);
            }
            if end == self.line {
                if self.lines == 0 {
                    return Found::Blank(lf + 1);
                }
                if self.colons < self.lines {
                    self.trouble.get_or_insert(Damage::LineWithoutColon);
                }
                return Found::Whole(lf + 1);
            }
            if let Some(begin) = self.another(buffer, end) {
                return Found::Another(begin);
            }
            self.lines += 1;
            self.line_before = self.line;
            self.line = lf + 1;
        }
    }

    /// The length of a packet that is whole in the buffer and has no sign of damage, as nearly all
    /// are: a few searches over all of it instead of a look at each line. None says nothing: the
    /// careful look has to tell.
    ///
    /// A write that Asterisk gave up loses the packet's rest, and what follows begins with `Event:`
    /// or `Response:`, so a torn packet always shows one of them where it should not be.
    fn glance(&mut self, buffer: &[u8]) -> Option<usize> {
        let buffer = &buffer[..buffer.len().min(MAX_LINE)];
        let last = END.find(buffer)?;
        let packet = &buffer[..last + 1];
        let first_end = memchr(b'\n', packet)?.checked_sub(1)?;
        let first_colon = near_colon(&packet[..first_end])?;
        let healthy = matches!(&packet[..first_colon], b"Event" | b"Response")
            && packet[first_end] == b'\r'
            && packet[last - 1] == b'\r'
            && EVENT.find(&packet[first_end..]).is_none()
            && RESPONSE.find(&packet[first_end..]).is_none()
            && !lacks_a_colon(packet)
            && !has_empty_line(packet);
        if !healthy {
            return None;
        }
        self.begin(&packet[..first_colon], split(&packet[..first_end], first_colon).1, first_colon, first_end);
        self.ends = Some(LineEnd::CrLf);
        self.line = packet.len();
        Some(packet.len() + 2)
    }

    fn too_long(&self, upto: usize) -> Option<Damage> {
        if upto - self.line > MAX_LINE {
            Some(Damage::LineTooLong)
        } else if upto > MAX_PACKET {
            Some(Damage::PacketTooLong)
        } else {
            None
        }
    }

    /// Checks the line that goes up to `end`; whether and where another packet begins in it.
    fn another(&mut self, buffer: &[u8], end: usize) -> Option<usize> {
        let line = &buffer[self.line..end];
        self.colons += memchr_iter(b':', line).count();
        if self.lines == 0 {
            match near_colon(line) {
                Some(colon) => self.begin(&line[..colon], split(line, colon).1, colon, end),
                None => self.trouble = Some(Damage::UnknownStart),
            }
            return None;
        }
        if line.starts_with(b"Event:") && !self.free_body || line.starts_with(b"Response:") && !self.may_respond {
            return Some(self.line);
        }
        // One of these is always a packet's second line, so the line before it began one.
        if self.lines > 1 && (line.starts_with(b"Privilege:") || line.starts_with(b"ActionID:")) {
            let before = &buffer[self.line_before..self.line];
            if let Some(begin) = begins_inside(before) {
                return Some(self.line_before + begin);
            }
        }
        // Names hold what callers like, so `Event: ` inside a value is a packet's begin only if
        // headers come again after it.
        if let Some(begin) = self.suspect
            && !self.free_body
            && comes_again(&buffer[..begin], line)
        {
            return Some(begin);
        }
        self.suspect = self.suspect.or(begins_inside(line).map(|begin| self.line + begin));
        None
    }

    fn begin(&mut self, key: &[u8], value: &[u8], colon: usize, end: usize) {
        self.first_colon = colon;
        self.first_end = end;
        if key.eq_ignore_ascii_case(b"Event") {
            self.free_body = value.eq_ignore_ascii_case(b"UserEvent");
            // OriginateResponse, ChallengeResponseFailed.
            self.may_respond = self.free_body || memmem::find(value, b"Response").is_some();
        } else if !key.eq_ignore_ascii_case(b"Response") {
            self.trouble = Some(Damage::UnknownStart);
        }
    }

    fn packet(self, mut bytes: Bytes) -> Packet {
        bytes.truncate(self.line);
        // Both are below MAX_LINE.
        let (first_colon, first_end) = (self.first_colon as u32, self.first_end as u32);
        Packet { bytes, first_colon, first_end, ends: self.ends.unwrap_or(LineEnd::CrLf) }
    }
}

/// Where a packet may begin within a line.
fn begins_inside(line: &[u8]) -> Option<usize> {
    memmem::rfind(line, b"Event: ").max(memmem::rfind(line, b"Response: "))
}

/// Whether the header of `line`, of a kind that a packet has once, stands in `before` as well.
fn comes_again(before: &[u8], line: &[u8]) -> bool {
    let key = &line[..near_colon(line).unwrap_or(line.len())];
    let repeats = key.ends_with(b"Variable") || key == b"Output";
    !repeats
        && memmem::find_iter(before, key)
            .any(|at| at > 0 && before[at - 1] == b'\n' && before.get(at + key.len()) == Some(&b':'))
}

impl Skip {
    /// Drops what belongs to the packet; whether its end was found.
    fn pass(&mut self, buffer: &mut BytesMut) -> bool {
        const KEPT: usize = b"\r\nEvent: ".len() - 1;
        let end = memchr_iter(b'\n', buffer).find_map(|lf| {
            if self.ends == LineEnd::CrLf && (lf == 0 || buffer[lf - 1] != b'\r') {
                return None;
            }
            let after = &buffer[lf + 1..];
            if after.starts_with(b"\r\n") {
                Some(lf + 3)
            } else if after.starts_with(b"\n") {
                Some(lf + 2)
            } else {
                after.starts_with(b"Event: ").then_some(lf + 1)
            }
        });
        let passed = end.unwrap_or(buffer.len().saturating_sub(KEPT));
        buffer.advance(passed);
        self.bytes += passed;
        end.is_some()
    }
}

fn starts_packet(bytes: &[u8]) -> bool {
    bytes.starts_with(b"Event:") || bytes.starts_with(b"Response:")
}

/// `^.*Call Manager/(\d+)\.(\d+)(\.(\d+))?`; AMI 1.x had two numbers.
fn ami_version(line: &[u8]) -> Option<(u32, u32, u32)> {
    const MARK: &[u8] = b"Call Manager/";
    let at = memmem::rfind(line, MARK)? + MARK.len();
    let text = std::str::from_utf8(&line[at..]).ok()?;
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests;
