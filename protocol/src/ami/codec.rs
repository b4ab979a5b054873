//! AMI's framing: bytes in, whole packets out. A packet owns its slice of the read buffer; its
//! fields are found when they are asked for, so a packet that nobody needs costs no allocation.
//!
//! Asterisk ends a line with CRLF and a packet with an empty line, puts no limit on either, lets
//! bare LFs stand inside values, and up to 16.25 / 18.11 / 19.3 lost the rest of a packet when the
//! client was slow, so that the next one follows glued to the torn one (fixed by
//! ASTERISK-29948). Such damage is noticed, told as [`Frame::Damaged`] and passed over; it never
//! ends the link.

mod scan;

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memmem};
use tokio_util::codec::Decoder;

use super::packet::LineEnd;
pub use super::packet::{Fields, Packet};
use scan::{Found, Scan, Skip};

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
