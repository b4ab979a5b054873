//! Where a packet ends: a glance at all of it at once, which nearly always suffices, and the
//! careful look at each line, which tells damage.

use std::sync::LazyLock;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memmem};

use super::{Damage, MAX_LINE, MAX_PACKET};
use crate::ami::packet::{LineEnd, Packet, near_colon, split};

/// How far the packet at the head of the buffer has been looked at: a packet that comes in many
/// pieces is looked at once.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Where the present line begins, and the one before it.
    line: usize,
    line_before: usize,
    /// Bytes of the present line before this hold no LF that ends it.
    scanned: usize,
    lines: usize,
    pub(super) ends: Option<LineEnd>,
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
    pub(super) trouble: Option<Damage>,
}

/// What a look at the buffer found.
pub(super) enum Found {
    /// The packet is these bytes long, its empty line included.
    Whole(usize),
    /// An empty line before any packet.
    Blank(usize),
    /// Another packet begins here, and the one before it never ended.
    Another(usize),
    TooLong(Damage),
    NeedMore,
}

/// A line's end and an empty line. Not with the CR before it, which would send the search to each
/// line's end.
static END: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"\n\r\n"));
static EVENT: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"Event:"));
static RESPONSE: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"Response:"));

impl Scan {
    pub(super) fn look(&mut self, buffer: &[u8]) -> Found {
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
            // A user event that was asked for over AMI bears its name and then the asker's id.
            let is_name = before.starts_with(b"UserEvent:") && line.starts_with(b"ActionID:");
            if let Some(begin) = begins_inside(before).filter(|_| !is_name) {
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

    pub(super) fn packet(self, mut bytes: Bytes) -> Packet {
        bytes.truncate(self.line);
        Packet::new(bytes, self.first_colon, self.first_end, self.ends.unwrap_or(LineEnd::CrLf))
    }
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

/// The rest of a packet over a cap, up to its end.
#[derive(Debug)]
pub(super) struct Skip {
    pub(super) why: Damage,
    pub(super) bytes: usize,
    pub(super) ends: LineEnd,
}

impl Skip {
    /// Drops what belongs to the packet; whether its end was found.
    pub(super) fn pass(&mut self, buffer: &mut BytesMut) -> bool {
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
