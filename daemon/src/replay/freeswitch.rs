//! The FreeSWITCH half of a recorded conversation: what a link would have told of the same bytes.
//!
//! What was asked is in a capture, and not in any other recording: there the answers are recognised
//! by themselves, by the columns of their tables, and nothing is told until the channels are; what
//! came before waits for them.

use std::collections::BTreeMap;

use bytes::BytesMut;
use chrono::DateTime;
use protocol::CallEvent;
use protocol::esl::codec::{ContentType, EslCodec, Frame, Message};
use protocol::esl::conversation::core_of;
use protocol::esl::event::{Event, Header};
use protocol::esl::events;
use protocol::esl::snapshot::{self, Row, column};
use protocol::event::{BootId, LegId, QueueName};
use protocol::session::Asking;
use tokio_util::codec::Decoder;

use super::following::Following;
use super::recording::{Arrival, Asked, Clock};
use crate::Time;

/// Begins an answer that tells the channels, or that there are none.
pub const CHANNELS: &[u8] = b"\n\n{\"row_count\":";

#[derive(Debug)]
pub struct Reader {
    frames: Frames,
    manner: Manner,
    boot: Option<BootId>,
    events: Vec<CallEvent>,
}

#[derive(Debug)]
enum Manner {
    /// All is told as it comes.
    Plain,
    /// Somebody asks, once and in any order.
    Opening(Opening),
    /// A link of ours asks.
    Following(Box<Following>),
}

/// Until the channels are told.
#[derive(Debug, Default)]
struct Opening {
    listed: Vec<CallEvent>,
    /// Callers whom agents serve, and of which queue.
    served: BTreeMap<LegId, QueueName>,
    held: Vec<(Time, CallEvent)>,
}

impl Reader {
    /// In the middle of a connection.
    pub fn new(asked: Asked) -> Reader {
        let manner = match asked {
            Asked::Once => Manner::Opening(Opening::default()),
            Asked::Link => Manner::Following(Box::default()),
            Asked::Never => Manner::Plain,
        };
        Reader { frames: Frames::default(), manner, boot: None, events: Vec::new() }
    }

    pub fn connected(&mut self) {
        self.frames.begin(EslCodec::default());
        if let Manner::Following(following) = &mut self.manner {
            following.connected();
        }
    }

    /// What comes next does not continue what came before.
    pub fn torn(&mut self) {
        self.frames.begin(EslCodec::without_greeting());
        if let Manner::Following(following) = &mut self.manner {
            following.torn();
        }
    }

    /// The link asked the PBX.
    pub fn asked(&mut self, at: Time, asking: Asking, out: &mut Vec<(Time, CallEvent)>) {
        if let Manner::Following(following) = &mut self.manner {
            following.asked(at, asking, out);
        }
    }

    pub fn receive(&mut self, arrival: Arrival, bytes: &[u8], out: &mut Vec<(Time, CallEvent)>) {
        self.frames.unread.extend_from_slice(bytes);
        while let Some((at, frame)) = self.frames.next(arrival) {
            match &mut self.manner {
                Manner::Following(following) => following.observe(at, &frame, out),
                Manner::Plain | Manner::Opening(_) => self.observe(at, &frame, out),
            }
        }
    }

    fn observe(&mut self, at: Time, frame: &Frame, out: &mut Vec<(Time, CallEvent)>) {
        if frame.content_type == ContentType::ApiResponse {
            return self.answered(at, &frame.body, out);
        }
        let Ok(event) = Event::read(frame) else { return };
        self.runs(at, &event, out);
        events::map(&event, &mut self.events);
        let told = self.events.drain(..).map(|event| (at, event));
        match &mut self.manner {
            Manner::Opening(opening) => opening.held.extend(told),
            Manner::Plain | Manner::Following(_) => out.extend(told),
        }
    }

    /// Each event says of which run it is.
    fn runs(&mut self, at: Time, event: &Event, out: &mut Vec<(Time, CallEvent)>) {
        let Some(boot) = core_of(event) else { return };
        if self.boot.as_ref().is_some_and(|before| *before != boot) {
            out.push((at, CallEvent::PbxStarted));
        }
        self.boot = Some(boot);
    }

    fn answered(&mut self, at: Time, answer: &[u8], out: &mut Vec<(Time, CallEvent)>) {
        let Manner::Opening(opening) = &mut self.manner else { return };
        let Some(rows) = snapshot::rows(answer) else { return };
        let now_s = at.timestamp().unsigned_abs();
        match Table::of(&rows) {
            Some(Table::Queues) => opening.listed.extend(snapshot::queues(&rows)),
            Some(Table::Agents) => opening.listed.extend(snapshot::agents(&rows)),
            Some(Table::Tiers) => opening.listed.extend(snapshot::tiers(&rows)),
            Some(Table::Callers) => opening.listed.extend(snapshot::callers(&rows, now_s, &mut opening.served)),
            // Of no channels at all not even the columns are told.
            Some(Table::Channels) | None if answer.starts_with(&CHANNELS[2..]) => {
                let Opening { listed, served, held } = std::mem::take(opening);
                let boot = self.boot.clone().unwrap_or_else(|| "replay".into());
                let legs = snapshot::legs(&rows, &served, now_s);
                let began = CallEvent::SnapshotBegan { boot };
                let told = [began].into_iter().chain(listed).chain(legs).chain([CallEvent::SnapshotEnded]);
                out.extend(told.map(|event| (at, event)).chain(held));
                self.manner = Manner::Plain;
            }
            Some(Table::Channels) | None => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Queues,
    Agents,
    Tiers,
    Callers,
    Channels,
}

impl Table {
    fn of(rows: &[Row]) -> Option<Table> {
        let row = rows.first()?;
        let has = |name: &str| row.contains_key(name);
        Some(match () {
            () if has("strategy") => Table::Queues,
            () if has("contact") => Table::Agents,
            () if has("level") => Table::Tiers,
            () if has("session_uuid") => Table::Callers,
            () if column(row, "uuid").is_some() => Table::Channels,
            () => return None,
        })
    }
}

/// Bytes into frames, each with its time.
#[derive(Debug)]
pub struct Frames {
    codec: EslCodec,
    pub unread: BytesMut,
    clock: Clock,
}

impl Default for Frames {
    fn default() -> Self {
        Frames { codec: EslCodec::without_greeting(), unread: BytesMut::new(), clock: Clock::default() }
    }
}

impl Frames {
    pub fn begin(&mut self, codec: EslCodec) {
        self.codec = codec;
        self.unread.clear();
    }

    /// The next whole frame of what is unread, all of which came by `arrival`.
    pub fn next(&mut self, arrival: Arrival) -> Option<(Time, Frame)> {
        loop {
            match self.codec.decode(&mut self.unread) {
                Ok(Some(Message::Frame(frame))) => {
                    let stamp = Event::read(&frame).ok().and_then(|event| stamp(&event));
                    return Some((self.clock.read(arrival, stamp), frame));
                }
                Ok(Some(Message::Stranger(_) | Message::Damaged(_))) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// Microseconds since 1970.
fn stamp(event: &Event) -> Option<Time> {
    DateTime::from_timestamp_micros(event.get(Header::EventTimestamp)?.parse().ok()?)
}
