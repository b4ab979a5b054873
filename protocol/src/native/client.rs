//! The reference client: the sender's side, for whoever connects a PBX. It numbers what it is given,
//! keeps it until it is acknowledged, and tells it again after a reconnect. It owns no socket and no
//! clock.
//!
//! The life of one: [`Client::new`] for the run; [`Client::connected`] at each connection; bytes in
//! by [`Client::receive`], bytes out by [`Client::to_send`]; [`Client::closed`] when the connection
//! ends, and then a wait and another connection. Events may be given at any time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::VERSION;
use super::codec::{Line, Lines, MAX_LINE};
use super::wire::{self, Answer, Ask, FromUs, Hello, Numbered, Text, Told, write};

/// Without a word for three heartbeats the other side is dead.
const BEATS: u32 = 3;

/// A hello is answered within this.
const WELCOME_WITHIN: Duration = Duration::from_secs(20);

/// Bytes made ready to be sent at once; the rest waits as it is kept anyway.
const READY: usize = 64 * 1024;

/// Who the sender is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub token: String,
    /// Names this run, and no other ever: made of random letters and digits, say.
    pub source: wire::Id,
    /// The PBX's own run.
    pub boot: wire::Boot,
    pub product: Option<Text>,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Let in; what is kept of this source there is forgotten here.
    Welcome { pbx: String, last_seq: u64 },
    /// All up to this number is on disk there, and forgotten here.
    Acked { seq: u64 },
    /// Something that was told is wrong. What bears a number counts as told all the same.
    Error { line: Option<u64>, seq: Option<u64>, reason: String, closing: bool },
    /// Tell what is up: `snapshot_began` with this marker, all that is up, `snapshot_ended`.
    SnapshotWanted { marker: String, why: String },
    /// Do this, or don't, and [`Client::answer`].
    Asked { id: String, ask: Ask },
    /// Close the connection, and try again later unless that is of no use.
    Over(Over),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    Closed,
    /// Not a word for three heartbeats, or no welcome.
    Dead,
    /// What was said is not this protocol.
    NotOurs(String),
    /// The other side has kept more of this source than we have told: its name was used before.
    SourceTaken {
        last_seq: u64,
    },
}

/// There is no room: nothing was taken. Wait for acknowledgements; or, when that cannot be, begin a
/// new [`Client`] with another source and tell a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Debug)]
pub struct Client {
    identity: Identity,
    /// The number of the next event.
    next: u64,
    /// Not yet acknowledged, with their numbers; all in order.
    kept: VecDeque<(u64, Vec<u8>)>,
    kept_bytes: usize,
    most_kept_bytes: usize,
    /// The next of those to be sent on this connection.
    cursor: u64,
    stage: Stage,
    lines: Lines,
    send: Vec<u8>,
    heartbeat: Duration,
    heard_at: Instant,
    spoke_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Apart,
    Greeting,
    In,
}

impl Client {
    /// Keeps up to `most_kept_bytes` of what is not acknowledged.
    pub fn new(identity: Identity, most_kept_bytes: usize, at: Instant) -> Client {
        Client {
            identity,
            next: 1,
            kept: VecDeque::new(),
            kept_bytes: 0,
            most_kept_bytes,
            cursor: 1,
            stage: Stage::Apart,
            lines: Lines::default(),
            send: Vec::new(),
            heartbeat: Duration::from_secs(10),
            heard_at: at,
            spoke_at: at,
        }
    }

    /// Something happened; its number.
    pub fn tell(&mut self, happened: DateTime<Utc>, told: Told) -> Result<u64, Full> {
        let mut line = Vec::new();
        write(&Numbered { told, seq: self.next, at: happened }, &mut line);
        self.keep(line)
    }

    /// A line that somebody else wrote, whatever it holds; of an object, `seq` becomes the next
    /// number.
    pub fn tell_line(&mut self, line: &str) -> Result<u64, Full> {
        let mut numbered = Vec::new();
        if let Ok(mut fields) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line) {
            fields.insert("seq".to_owned(), self.next.into());
            write(&fields, &mut numbered);
        }
        if numbered.is_empty() || numbered.len() > MAX_LINE {
            // So that it is refused by its number, and tells no hole.
            numbered.clear();
            write(&Unreadable { seq: self.next, unreadable: line.chars().take(200).collect() }, &mut numbered);
        }
        self.keep(numbered)
    }

    fn keep(&mut self, line: Vec<u8>) -> Result<u64, Full> {
        if self.kept_bytes + line.len() > self.most_kept_bytes || line.len() > MAX_LINE {
            return Err(Full);
        }
        let seq = self.next;
        self.next += 1;
        self.kept_bytes += line.len();
        self.kept.push_back((seq, line));
        Ok(seq)
    }

    /// How much is not acknowledged.
    pub fn unacked(&self) -> usize {
        self.kept.len()
    }

    /// A connection is there.
    pub fn connected(&mut self, at: Instant, now: DateTime<Utc>) {
        self.stage = Stage::Greeting;
        self.lines = Lines::default();
        self.send.clear();
        (self.heard_at, self.spoke_at) = (at, at);
        let Identity { token, source, boot, product } = self.identity.clone();
        let hello = Hello { version: VERSION, token, source, boot, pbx: None, product, at: Some(now), check: false };
        write(&Typed { kind: "hello", line: hello }, &mut self.send);
    }

    /// The connection is gone.
    pub fn closed(&mut self) {
        self.stage = Stage::Apart;
        self.send.clear();
    }

    pub fn receive(&mut self, at: Instant, buffer: &mut BytesMut, heard: &mut Vec<Heard>) {
        self.heard_at = at;
        while self.stage != Stage::Apart
            && let Some(line) = self.lines.next(buffer)
        {
            let parsed = match &line {
                Line::Whole(line) => serde_json::from_slice::<FromUs>(line).map_err(|error| error.to_string()),
                Line::TooLong { bytes } => Err(format!("a line of {bytes} bytes")),
            };
            match parsed {
                Ok(line) => self.observe(line, heard),
                // What a later version says beside is none of our business.
                Err(_) if self.stage == Stage::In => {}
                Err(why) => self.over(Over::NotOurs(why), heard),
            }
        }
    }

    fn observe(&mut self, line: FromUs, heard: &mut Vec<Heard>) {
        match line {
            FromUs::Welcome { pbx, last_seq, heartbeat_s, .. } => {
                if last_seq >= self.next {
                    return self.over(Over::SourceTaken { last_seq }, heard);
                }
                self.forget(last_seq);
                // Bounded, so that no other side makes us think that it is dead, or lives for ever.
                self.heartbeat = Duration::from_secs(heartbeat_s.clamp(1, 300));
                self.cursor = last_seq + 1;
                self.stage = Stage::In;
                heard.push(Heard::Welcome { pbx, last_seq });
            }
            FromUs::Ack { seq } => {
                self.forget(seq);
                heard.push(Heard::Acked { seq });
            }
            FromUs::Error { line, seq, reason, closing } => {
                heard.push(Heard::Error { line, seq, reason, closing });
            }
            FromUs::Resync { marker, why } => heard.push(Heard::SnapshotWanted { marker, why }),
            FromUs::Heartbeat {} => {}
            FromUs::Request { id, ask } => heard.push(Heard::Asked { id, ask }),
        }
    }

    fn forget(&mut self, up_to: u64) {
        while let Some((_, line)) = self.kept.pop_front_if(|(seq, _)| *seq <= up_to) {
            self.kept_bytes -= line.len();
        }
    }

    /// What came of a request.
    pub fn answer(&mut self, at: Instant, id: String, result: Result<(), Text>) {
        if self.stage == Stage::In {
            self.spoke_at = at;
            let answer = Answer { id, done: result.is_ok(), reason: result.err() };
            write(&Typed { kind: "answer", line: answer }, &mut self.send);
        }
    }

    /// What is to be sent; take it from here after each step, and again once it is sent.
    pub fn to_send(&mut self, at: Instant) -> &mut Vec<u8> {
        if self.stage == Stage::In {
            let first = self.kept.front().map_or(self.next, |(seq, _)| *seq);
            self.cursor = self.cursor.max(first);
            let from = (self.cursor - first) as usize;
            for (seq, line) in self.kept.range(from..) {
                if self.send.len() >= READY {
                    break;
                }
                self.send.extend_from_slice(line);
                self.cursor = seq + 1;
                self.spoke_at = at;
            }
        }
        &mut self.send
    }

    /// When [`Client::wake`] wants to be called; none while there is no connection.
    pub fn next_wake(&self) -> Option<Instant> {
        match self.stage {
            Stage::Apart => None,
            Stage::Greeting => Some(self.heard_at + WELCOME_WITHIN),
            Stage::In => Some((self.heard_at + self.heartbeat * BEATS).min(self.spoke_at + self.heartbeat)),
        }
    }

    pub fn wake(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let dead_at = match self.stage {
            Stage::Apart => return,
            Stage::Greeting => self.heard_at + WELCOME_WITHIN,
            Stage::In => self.heard_at + self.heartbeat * BEATS,
        };
        if at >= dead_at {
            return self.over(Over::Dead, heard);
        }
        if self.stage == Stage::In && at >= self.spoke_at + self.heartbeat {
            self.spoke_at = at;
            self.send.extend_from_slice(b"{\"type\":\"heartbeat\"}\n");
        }
    }

    fn over(&mut self, why: Over, heard: &mut Vec<Heard>) {
        self.closed();
        heard.push(Heard::Over(why));
    }
}

#[derive(Serialize)]
struct Typed<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    line: T,
}

#[derive(Serialize)]
struct Unreadable {
    seq: u64,
    unreadable: String,
}

/// The hello of a check, which changes nothing; with its end.
pub fn check_hello(token: &str, now: DateTime<Utc>) -> Result<Vec<u8>, String> {
    let hello = Hello {
        version: VERSION,
        token: token.to_owned(),
        source: "check".try_into()?,
        boot: "0".try_into()?,
        pbx: None,
        product: None,
        at: Some(now),
        check: true,
    };
    let mut out = Vec::new();
    write(&Typed { kind: "hello", line: hello }, &mut out);
    Ok(out)
}
