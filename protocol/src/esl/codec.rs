//! The event socket's framing: bytes in, whole frames out. A frame owns its slice of the read
//! buffer; what stands in it is found when it is asked for.
//!
//! A frame is header lines, an empty line and, where `Content-Length` says so, that many bytes. The
//! length rules, so what a body holds can forge nothing. Only where a frame cannot be right (its
//! headers are none, its length is no length, its body is not what its type says) are the bytes
//! searched for the next header block; what lay between is told as [`Message::Damaged`]. The one
//! cause that is known: the farewell is written by another thread and may land within a frame
//! (mod_event_socket.c `kill_listener`).

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memmem};
use tokio_util::codec::Decoder;

/// The longest header block, and the longest body of all but answers. The events of a channel with
/// all its variables are 5 to 15 KB.
pub const MAX_EVENT: usize = 1 << 20;

/// The longest answer to a command: `show channels as json` has some 1 KB a channel.
pub const MAX_ANSWER: usize = 64 << 20;

/// A header block that is met while bytes are searched for one is taken only when it is as short
/// as those of frames with bodies are; it also bounds what is kept of searched bytes.
const MAX_TRUSTED: usize = 4096;

/// Whoever greets with a longer line is no event socket.
const MAX_GREETING: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Frame(Frame),
    /// Bytes that were passed over.
    Damaged(Damaged),
    /// The first line of a peer that is no event socket, without its end. Said once, first.
    Stranger(Bytes),
}

/// One frame. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub content_type: ContentType,
    /// The header lines with their ends.
    pub headers: Bytes,
    pub body: Bytes,
}

/// What a frame holds. Frames of other types (`log/data`, `text/event-xml`) are passed over: we
/// never ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    AuthRequest,
    CommandReply,
    ApiResponse,
    EventPlain,
    EventJson,
    /// FreeSWITCH closes, except when `Content-Disposition: linger` stands beside it.
    DisconnectNotice,
    /// The access list forbids our address.
    RudeRejection,
}

/// What was passed over and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    pub why: Damage,
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A line among the headers is none, or one comes twice that cannot.
    Headers,
    /// No header says what the frame is.
    NoType,
    /// A length that is no number, or an event without one.
    Length,
    /// Headers over [`MAX_EVENT`], a body over its cap.
    TooLong,
    /// The body is not of its type: another frame stands in it.
    Body,
    /// The connection ended inside a frame.
    Unterminated,
}

impl Damage {
    /// In English, for admins.
    pub fn as_str(self) -> &'static str {
        match self {
            Damage::Headers => "a frame's headers were none",
            Damage::NoType => "a frame did not say its type",
            Damage::Length => "a frame's length was no length",
            Damage::TooLong => "a frame was longer than we take (events 1 MiB, answers 64 MiB)",
            Damage::Body => "a frame's body was not what its length and type say",
            Damage::Unterminated => "the connection ended inside a frame",
        }
    }
}

impl Frame {
    /// The value of the first header of this name, whatever its case.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        lines(&self.headers).find_map(|line| {
            let (name, value) = split(line)?;
            name.eq_ignore_ascii_case(key).then_some(value)
        })
    }

    pub fn is_event(&self) -> bool {
        matches!(self.content_type, ContentType::EventPlain | ContentType::EventJson)
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({:?}, {:?})", self.content_type, self.headers, self.body)
    }
}

/// Decodes one connection from its first byte on. Never fails: its `Error` is only what the trait
/// asks for.
#[derive(Debug, Default)]
pub struct EslCodec {
    greeted: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Bytes before this hold no end of the headers.
    Headers {
        scanned: usize,
    },
    Body(Head),
    /// The body of a frame that nobody needs has so many bytes left.
    Passing(usize),
    Lost(Lost),
}

impl Default for State {
    fn default() -> Self {
        State::Headers { scanned: 0 }
    }
}

/// What a header block says, and how long it is.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// None: a type that we do not know.
    content_type: Option<ContentType>,
    /// With the empty line.
    bytes: usize,
    body: usize,
}

/// Bytes that are searched for the next frame.
#[derive(Debug)]
struct Lost {
    why: Damage,
    /// Passed over so far.
    bytes: usize,
    /// The next frame does not begin before this in the buffer.
    from: usize,
}

impl EslCodec {
    /// For bytes that begin in the middle of a connection.
    pub fn without_greeting() -> Self {
        Self { greeted: true, state: State::default() }
    }

    /// The first line of a connection, when it cannot be an event socket's.
    fn stranger(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        let blank = buffer.iter().take_while(|byte| is_line_end(byte)).count();
        buffer.advance(blank);
        let end = match memchr(b'\n', buffer) {
            Some(lf) => lf,
            None if buffer.len() > MAX_GREETING => MAX_GREETING,
            None => return None,
        };
        self.greeted = true;
        if buffer.starts_with(b"Content-") {
            return None;
        }
        let mut line = buffer.split_to(end).freeze();
        line.truncate(without_cr(&line).len());
        Some(line)
    }
}

impl Decoder for EslCodec {
    type Item = Message;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, io::Error> {
        if !self.greeted {
            match self.stranger(buffer) {
                Some(line) => return Ok(Some(Message::Stranger(line))),
                None if !self.greeted => return Ok(None),
                None => {}
            }
        }
        loop {
            match &mut self.state {
                State::Headers { scanned } => {
                    if *scanned == 0 {
                        let blank = buffer.iter().take_while(|byte| is_line_end(byte)).count();
                        buffer.advance(blank);
                    }
                    let Some(bytes) = headers_end(buffer, *scanned) else {
                        if buffer.len() > MAX_EVENT {
                            self.state = State::Lost(Lost { why: Damage::TooLong, bytes: 0, from: 1 });
                            continue;
                        }
                        // The end may be cut in two.
                        *scanned = buffer.len().saturating_sub(2);
                        return Ok(None);
                    };
                    self.state = match Head::read(&buffer[..bytes]) {
                        Ok(head) if head.content_type.is_some() => State::Body(head),
                        Ok(head) => State::Passing(head.bytes + head.body),
                        Err(why) => State::Lost(Lost { why, bytes: 0, from: 1 }),
                    };
                }
                State::Body(head) => {
                    let whole = head.bytes + head.body;
                    let Some(content_type) = head.content_type.filter(|_| buffer.len() >= whole) else {
                        return Ok(None);
                    };
                    if !is_body_of(content_type, &buffer[head.bytes..whole]) {
                        self.state = State::Lost(Lost { why: Damage::Body, bytes: 0, from: 1 });
                        continue;
                    }
                    let mut headers = buffer.split_to(whole).freeze();
                    let body = headers.split_off(head.bytes);
                    self.state = State::default();
                    return Ok(Some(Message::Frame(Frame { content_type, headers, body })));
                }
                State::Passing(left) => {
                    let passed = (*left).min(buffer.len());
                    buffer.advance(passed);
                    *left -= passed;
                    if *left > 0 {
                        return Ok(None);
                    }
                    self.state = State::default();
                }
                State::Lost(lost) => {
                    if !lost.search(buffer) {
                        return Ok(None);
                    }
                    let damaged = Damaged { why: lost.why, bytes: lost.bytes };
                    self.state = State::default();
                    return Ok(Some(Message::Damaged(damaged)));
                }
            }
        }
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, io::Error> {
        if let Some(message) = self.decode(buffer)? {
            return Ok(Some(message));
        }
        let mut lost = match std::mem::take(&mut self.state) {
            State::Headers { .. } | State::Body(_) => Lost { why: Damage::Unterminated, bytes: 0, from: 1 },
            State::Passing(left) => Lost { why: Damage::Unterminated, bytes: left, from: 0 },
            State::Lost(lost) => lost,
        };
        if !lost.search(buffer) {
            lost.bytes += buffer.split().len();
        }
        Ok((lost.bytes > 0).then_some(Message::Damaged(Damaged { why: lost.why, bytes: lost.bytes })))
    }
}

impl Head {
    /// `block` ends with its empty line.
    fn read(block: &[u8]) -> Result<Head, Damage> {
        let (mut content_type, mut length) = (None, None);
        for line in lines(block) {
            let (key, value) = split(line).ok_or(Damage::Headers)?;
            let slot = if key.eq_ignore_ascii_case(b"Content-Type") {
                &mut content_type
            } else if key.eq_ignore_ascii_case(b"Content-Length") {
                &mut length
            } else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(Damage::Headers);
            }
        }
        let named = content_type.filter(|name| is_type(name)).ok_or(Damage::NoType)?;
        let content_type = ContentType::read(named);
        let body = match length {
            None if content_type.is_some_and(ContentType::needs_body) => return Err(Damage::Length),
            None => 0,
            Some(digits) => number(digits).ok_or(Damage::Length)?,
        };
        let most = if content_type == Some(ContentType::ApiResponse) { MAX_ANSWER } else { MAX_EVENT };
        if body > most {
            return Err(Damage::TooLong);
        }
        Ok(Head { content_type, bytes: block.len(), body })
    }
}

/// `text/event-json`, `log/data`: two words of letters, digits and dashes.
fn is_type(name: &[u8]) -> bool {
    let is_word =
        |word: &[u8]| !word.is_empty() && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    name.len() < 64
        && name.iter().position(|byte| *byte == b'/').is_some_and(|at| is_word(&name[..at]) && is_word(&name[at + 1..]))
}

impl ContentType {
    fn read(value: &[u8]) -> Option<Self> {
        Some(match value {
            b"auth/request" => ContentType::AuthRequest,
            b"command/reply" => ContentType::CommandReply,
            b"api/response" => ContentType::ApiResponse,
            b"text/event-plain" => ContentType::EventPlain,
            b"text/event-json" => ContentType::EventJson,
            b"text/disconnect-notice" => ContentType::DisconnectNotice,
            b"text/rude-rejection" => ContentType::RudeRejection,
            _ => return None,
        })
    }

    fn needs_body(self) -> bool {
        match self {
            ContentType::EventPlain | ContentType::EventJson | ContentType::ApiResponse => true,
            ContentType::AuthRequest
            | ContentType::CommandReply
            | ContentType::DisconnectNotice
            | ContentType::RudeRejection => false,
        }
    }
}

impl Lost {
    /// Passes over what belongs to no frame; whether one was found.
    fn search(&mut self, buffer: &mut BytesMut) -> bool {
        let found = next_trusted(buffer, self.from);
        let passed = found.unwrap_or(buffer.len().saturating_sub(MAX_TRUSTED));
        buffer.advance(passed);
        self.bytes += passed;
        self.from = self.from.saturating_sub(passed);
        found.is_some()
    }
}

/// Where the next header block begins that is whole and of a type that we know.
fn next_trusted(buffer: &[u8], from: usize) -> Option<usize> {
    let mut searched = from;
    while let Some(end) = headers_end(buffer, searched) {
        let start = searched.max(end.saturating_sub(MAX_TRUSTED));
        let trusted = memmem::find_iter(&buffer[start..end], b"Content-")
            .map(|at| start + at)
            .find(|&at| matches!(Head::read(&buffer[at..end]), Ok(Head { content_type: Some(_), .. })));
        if trusted.is_some() {
            return trusted;
        }
        searched = end;
    }
    None
}

/// Where the headers' empty line ends.
fn headers_end(buffer: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'\n', buffer.get(from..)?).find_map(|at| {
        let after = &buffer[from + at + 1..];
        match after {
            [b'\n', ..] => Some(from + at + 2),
            [b'\r', b'\n', ..] => Some(from + at + 3),
            _ => None,
        }
    })
}

/// Whether a body is what its type says, as far as its ends and its own lengths show. Of answers
/// nothing is known but their length: they hold whatever callers call themselves.
fn is_body_of(content_type: ContentType, body: &[u8]) -> bool {
    match content_type {
        // Line feeds are escaped in JSON, so none stands there but of a frame within.
        ContentType::EventJson => {
            body.first() == Some(&b'{') && body.last() == Some(&b'}') && memchr(b'\n', body).is_none()
        }
        ContentType::EventPlain => headers_end(body, 0)
            .and_then(|end| Some(end + inner_length(&body[..end])?))
            .is_some_and(|length| length == body.len()),
        ContentType::AuthRequest
        | ContentType::CommandReply
        | ContentType::ApiResponse
        | ContentType::DisconnectNotice
        | ContentType::RudeRejection => true,
    }
}

/// How long the body within an event's body is. Its length is the event's last header.
fn inner_length(block: &[u8]) -> Option<usize> {
    match memmem::rfind(block, b"\nContent-Length: ") {
        Some(at) => number(without_cr(lines(&block[at + 1..]).next().and_then(split)?.1)),
        None => Some(0),
    }
}

/// The lines of a header block, without their ends, up to the empty one.
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = without_cr(&rest[..end]);
        rest = &rest[(end + 1).min(rest.len())..];
        (!line.is_empty()).then_some(line)
    })
}

/// A header's name and value; none when the line is no header.
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (key, value) = (&line[..colon], &line[colon + 1..]);
    let is_name = !key.is_empty() && key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    is_name.then(|| (key, value.strip_prefix(b" ").unwrap_or(value)))
}

/// Digits and nothing else, of a number that is no absurd one.
fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
pub(super) mod tests;
