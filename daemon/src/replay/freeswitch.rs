//! The FreeSWITCH half of a recorded conversation: what a link would have told of the same bytes.
//!
//! What was asked is not in a recording, so the answers are recognised by themselves, by the
//! columns of their tables. On a connection nothing is told until the channels are; what came
//! before waits for them.

use std::collections::BTreeMap;

use bytes::BytesMut;
use chrono::DateTime;
use protocol::CallEvent;
use protocol::esl::codec::{ContentType, EslCodec, Frame, Message};
use protocol::esl::event::{Event, Header};
use protocol::esl::events;
use protocol::esl::snapshot::{self, Row, column};
use protocol::event::{BootId, LegId, QueueName};
use tokio_util::codec::Decoder;

use super::recording::{Arrival, Asked, Clock};
use crate::Time;

/// Begins an answer that tells the channels, or that there are none.
pub const CHANNELS: &[u8] = b"\n\n{\"row_count\":";

#[derive(Debug)]
pub struct Reader {
    frames: Frames,
    asked: Asked,
    /// None when all that is up was told.
    opening: Option<Opening>,
    boot: Option<BootId>,
    events: Vec<CallEvent>,
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
        let opening = match asked {
            Asked::Once => Some(Opening::default()),
            Asked::Link | Asked::Never => None,
        };
        Reader { frames: Frames::default(), asked, opening, boot: None, events: Vec::new() }
    }

    pub fn connected(&mut self) {
        self.frames.begin(EslCodec::default());
        if self.asked == Asked::Link {
            self.opening = Some(Opening::default());
        }
    }

    /// What comes next does not continue what came before.
    pub fn torn(&mut self) {
        self.frames.begin(EslCodec::without_greeting());
    }

    pub fn receive(&mut self, arrival: Arrival, bytes: &[u8], out: &mut Vec<(Time, CallEvent)>) {
        self.frames.unread.extend_from_slice(bytes);
        while let Some((at, frame)) = self.frames.next(arrival) {
            self.observe(at, &frame, out);
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
        match &mut self.opening {
            Some(opening) => opening.held.extend(told),
            None => out.extend(told),
        }
    }

    /// Each event says of which run it is.
    fn runs(&mut self, at: Time, event: &Event, out: &mut Vec<(Time, CallEvent)>) {
        let Some(core) = event.get(Header::CoreUuid) else { return };
        let boot = BootId(core.chars().filter(char::is_ascii_alphanumeric).collect::<String>().into());
        if self.boot.as_ref().is_some_and(|before| *before != boot) {
            out.push((at, CallEvent::PbxStarted));
        }
        self.boot = Some(boot);
    }

    fn answered(&mut self, at: Time, answer: &[u8], out: &mut Vec<(Time, CallEvent)>) {
        let Some(opening) = &mut self.opening else { return };
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
                self.opening = None;
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
