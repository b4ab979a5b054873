//! Whole messages in and masked ones out, for each kind of PBX: framing and lengths are right
//! afterwards, and what cannot be understood is left out and counted.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use protocol::ami::codec::{AmiCodec, Frame, Packet};
use protocol::ami::fields::{is_escaped, plain_text, text};
use protocol::esl::codec::{self, ContentType, EslCodec, Message};
use tokio_util::codec::Decoder;

use super::json;
use super::pseudonyms::Pseudonyms;
use crate::replay::recording::Kind;

/// Bytes of one PBX on their way through.
#[derive(Debug)]
pub struct Messages {
    codec: Codec,
    unread: BytesMut,
    /// Bytes that were left out, and in how many pieces.
    pub dropped: Dropped,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub pieces: u64,
    pub bytes: u64,
}

#[derive(Debug)]
enum Codec {
    Asterisk(AmiCodec),
    FreeSwitch(EslCodec),
    /// A JSON object a line.
    Lines,
}

/// What is done with each value.
pub enum Doing<'a> {
    Learning(&'a mut Pseudonyms),
    Masking(&'a mut Pseudonyms),
}

impl Doing<'_> {
    /// What is to stand there instead, if it is not to stay.
    pub fn value(&mut self, key: &str, value: &str) -> Option<String> {
        match self {
            Doing::Learning(pseudonyms) => {
                pseudonyms.learn(key, value);
                None
            }
            Doing::Masking(pseudonyms) => Some(pseudonyms.value(key, value)).filter(|masked| masked != value),
        }
    }
}

impl Messages {
    /// In the middle of a connection.
    pub fn new(kind: Kind) -> Messages {
        Messages { codec: Codec::torn(kind), unread: BytesMut::new(), dropped: Dropped::default() }
    }

    pub fn connected(&mut self) {
        self.torn();
        self.codec = match self.codec {
            Codec::Asterisk(_) => Codec::Asterisk(AmiCodec::default()),
            Codec::FreeSwitch(_) => Codec::FreeSwitch(EslCodec::default()),
            Codec::Lines => Codec::Lines,
        };
    }

    /// What comes next does not continue what came before.
    pub fn torn(&mut self) {
        self.drop(self.unread.len());
        self.unread.clear();
        self.codec = match self.codec {
            Codec::Asterisk(_) => Codec::Asterisk(AmiCodec::without_banner()),
            Codec::FreeSwitch(_) => Codec::FreeSwitch(EslCodec::without_greeting()),
            Codec::Lines => Codec::Lines,
        };
    }

    /// The messages that are whole now that these bytes came.
    pub fn pass(&mut self, bytes: &[u8], mut doing: Doing<'_>) -> Vec<u8> {
        self.unread.extend_from_slice(bytes);
        let mut out = Vec::new();
        loop {
            let dropped = match &mut self.codec {
                Codec::Asterisk(codec) => match codec.decode(&mut self.unread) {
                    Ok(Some(Frame::Packet(packet))) => {
                        asterisk(&packet, &mut doing, &mut out);
                        0
                    }
                    Ok(Some(Frame::Banner(banner))) if banner.version.is_some() => {
                        out.extend_from_slice(&banner.line);
                        out.extend_from_slice(b"\r\n");
                        0
                    }
                    Ok(Some(Frame::Banner(banner))) => banner.line.len(),
                    Ok(Some(Frame::Damaged(damaged))) => damaged.bytes,
                    Ok(None) | Err(_) => return out,
                },
                Codec::FreeSwitch(codec) => match codec.decode(&mut self.unread) {
                    Ok(Some(Message::Frame(frame))) => freeswitch(&frame, &mut doing, &mut out),
                    Ok(Some(Message::Damaged(damaged))) => damaged.bytes,
                    Ok(Some(Message::Stranger(line))) => line.len(),
                    Ok(None) | Err(_) => return out,
                },
                Codec::Lines => {
                    let Some(end) = memchr::memchr(b'\n', &self.unread) else { return out };
                    let line = self.unread.split_to(end + 1);
                    match json::mask_line(&line, &mut doing) {
                        Some(masked) => {
                            out.extend_from_slice(&masked);
                            0
                        }
                        None => line.len(),
                    }
                }
            };
            self.drop(dropped);
        }
    }

    fn drop(&mut self, bytes: usize) {
        self.dropped.pieces += u64::from(bytes > 0);
        self.dropped.bytes += bytes as u64;
    }
}

impl Codec {
    fn torn(kind: Kind) -> Codec {
        match kind {
            Kind::Asterisk => Codec::Asterisk(AmiCodec::without_banner()),
            Kind::FreeSwitch => Codec::FreeSwitch(EslCodec::without_greeting()),
            Kind::Native => Codec::Lines,
        }
    }
}

fn asterisk(packet: &Packet, doing: &mut Doing<'_>, out: &mut Vec<u8>) {
    let event = packet.event().unwrap_or_default();
    for (key, value) in packet.fields() {
        let name = text(key);
        // `ChanVariable(PJSIP/1001-00000001)`, and lines that are no headers.
        let said = match name.split_once('(') {
            Some((head, channel)) => doing.value("", channel).map(|channel| format!("{head}({channel}")),
            None => None,
        };
        out.extend_from_slice(said.as_ref().map_or(key, |said| said.as_bytes()));
        out.extend_from_slice(b": ");
        // The lists of queues say `Name` for what events call `MemberName`.
        let role = if event == b"QueueMember" && *name == *"Name" { "MemberName" } else { &name };
        match doing.value(role, &plain_text(event, key, value)) {
            Some(masked) if is_escaped(event, key) => out.extend_from_slice(escape(&masked).as_bytes()),
            Some(masked) => out.extend_from_slice(masked.as_bytes()),
            None => out.extend_from_slice(value),
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// As Asterisk does it (utils.c `ast_escape_c`).
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        let letter = match c {
            '\x07' => 'a',
            '\x08' => 'b',
            '\x0c' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\x0b' => 'v',
            '\\' | '\'' | '"' | '?' => c,
            other => {
                out.push(other);
                continue;
            }
        };
        out.extend(['\\', letter]);
    }
    out
}

/// The bytes that had to be left out: all or none.
fn freeswitch(frame: &codec::Frame, doing: &mut Doing<'_>, out: &mut Vec<u8>) -> usize {
    let looks_like_json = frame.body.first().is_some_and(|first| matches!(first, b'{' | b'['));
    let body = match frame.content_type {
        ContentType::EventJson => json::mask(&frame.body, doing),
        ContentType::ApiResponse | ContentType::CommandReply if looks_like_json => json::mask(&frame.body, doing),
        ContentType::EventPlain => Some(plain_event(&frame.body, doing)),
        ContentType::ApiResponse
        | ContentType::CommandReply
        | ContentType::AuthRequest
        | ContentType::DisconnectNotice
        | ContentType::RudeRejection => Some(free_text(&frame.body, doing)),
    };
    let Some(body) = body else { return frame.headers.len() + frame.body.len() };
    out.extend_from_slice(&headers(&frame.headers, body.len(), doing));
    if !frame.headers.ends_with(b"\n\n") {
        out.push(b'\n');
    }
    out.extend_from_slice(&body);
    0
}

/// A header block, its `Content-Length` set to `length`; values may be percent-encoded.
fn headers(block: &[u8], length: usize, doing: &mut Doing<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len());
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        let Some(colon) = memchr::memchr(b':', &line[..end]) else {
            out.extend_from_slice(line);
            continue;
        };
        let (key, value) = (&line[..colon], &line[colon + 1..end]);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        out.extend_from_slice(key);
        out.extend_from_slice(b": ");
        if key.eq_ignore_ascii_case(b"Content-Length") {
            out.extend_from_slice(length.to_string().as_bytes());
        } else {
            let plain = percent_decoded(value);
            match doing.value(&text(key), &text(&plain)) {
                Some(masked) if plain.len() != value.len() => {
                    out.extend_from_slice(percent_encoded(&masked).as_bytes())
                }
                Some(masked) => out.extend_from_slice(masked.as_bytes()),
                None => out.extend_from_slice(value),
            }
        }
        out.extend_from_slice(&line[end..]);
    }
    out
}

/// An event as headers, which may have a body of their own.
fn plain_event(event: &Bytes, doing: &mut Doing<'_>) -> Vec<u8> {
    let (block, body) = match memchr::memmem::find(event, b"\n\n") {
        Some(at) => (&event[..at + 1], &event[at + 2..]),
        None => (&event[..], &b""[..]),
    };
    let looks_like_json = body.first().is_some_and(|first| matches!(first, b'{' | b'['));
    let masked = match looks_like_json.then(|| json::mask(body, doing)).flatten() {
        Some(masked) => masked,
        None => free_text(body, doing),
    };
    let mut out = headers(block, masked.len(), doing);
    if block.len() < event.len() {
        out.push(b'\n');
    }
    out.extend_from_slice(&masked);
    out
}

fn free_text(body: &[u8], doing: &mut Doing<'_>) -> Vec<u8> {
    doing.value("", &text(body)).map_or_else(|| body.to_vec(), String::into_bytes)
}

/// What is no escape stays as it is.
fn percent_decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'%') {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        let escape = value.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match escape.filter(|_| value[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(value[at]);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

/// All that FreeSWITCH encodes (switch_utils.c `switch_url_encode`).
fn percent_encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        let encoded = byte <= b' ' || byte >= 0x7f || b"\"#%&+:;<=>?@[\\]^`{|}".contains(&byte);
        match encoded {
            true => out.push_str(&format!("%{byte:02X}")),
            false => out.push(char::from(byte)),
        }
    }
    out
}
