//! What a recording of a PBX's events says about its calls: `ringback replay`.
//!
//! A recording is what a PBX sent, byte for byte. Beside `day.ami` may lie `day.times`, a line a
//! read: seconds since the connection began, and the offset in the file at which the read began;
//! those seconds are then counted from the first event that bears a time, or from 1970. Without
//! it, the events' own times are taken (`timestampevents = yes` in `manager.conf`).

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::BytesMut;
use chrono::{DateTime, SecondsFormat, TimeDelta};
use protocol::CallEvent;
use protocol::ami::codec::{AmiCodec, Frame, Packet};
use protocol::ami::events;
use serde::Serialize;
use tokio_util::codec::Decoder;

use crate::calls::call::{Call, Span};
use crate::calls::dialplan::Dialplan;
use crate::calls::tracker::{Change, Tracker};
use crate::number::Numbering;
use crate::{PbxName, Time};

/// Writes the calls of each recording, one JSON object a line or as a table for people.
///
/// # Errors
/// A file that cannot be read, a `.times` file that is none, or a writer that fails.
pub fn print(files: &[PathBuf], json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if !json {
        let [caller, to, agent] = ["caller", "to", "agent"];
        writeln!(out, "{:<24} {:<9} {caller:<16} {to:<16} {agent:<10} outcome", "started", "direction")?;
    }
    for file in files {
        for call in calls(file)? {
            match json {
                true => writeln!(out, "{}", serde_json::to_string(&to_json(&call))?)?,
                false => writeln!(out, "{}", row(&call))?,
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// The calls of one recording, in order of start; those still up at its end too.
///
/// # Errors
/// The file or its `.times` cannot be read.
pub fn calls(file: &Path) -> anyhow::Result<Vec<Call>> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let times = Times::beside(file)?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(calls_in(&stem, &bytes, &times))
}

/// The calls in the bytes that the PBX `name` sent.
pub fn calls_in(name: &str, bytes: &[u8], times: &Times) -> Vec<Call> {
    let mut tracker = Tracker::new(PbxName::from(name), Dialplan::default(), Numbering::new("CN", None));
    let mut changes = Vec::new();
    let mut calls = Vec::new();
    let mut take = |changes: &mut Vec<Change>| {
        calls.extend(changes.drain(..).filter_map(|change| match change {
            Change::Ended(call) => Some(*call),
            Change::Call(_) | Change::Merged { .. } | Change::Queues | Change::Agent(_) => None,
        }));
    };
    let mut opening = Opening::of(bytes);
    each_packet(bytes, times, |at, packet| {
        for (at, event) in opening.pass(at, packet) {
            tracker.observe(at, event, &mut changes);
            take(&mut changes);
        }
    });
    calls.extend(tracker.calls().cloned());
    calls.sort_by_key(|call| call.started_at);
    calls
}

/// The start of a recording, read as a link reads it: what was said before the list of channels was
/// complete waits for the list, which tells of calls that were up already.
struct Opening {
    is_listing: bool,
    listed: Vec<CallEvent>,
    held: Vec<(Time, CallEvent)>,
}

impl Opening {
    /// A recording in which nobody asked for the channels has no list to wait for.
    fn of(bytes: &[u8]) -> Opening {
        let is_listing = memchr::memmem::find(bytes, b"\nEvent: CoreShowChannelsComplete").is_some();
        Opening { is_listing, listed: Vec::new(), held: Vec::new() }
    }

    /// The events that are to be observed now that `packet` was read.
    fn pass(&mut self, at: Time, packet: &Packet) -> Vec<(Time, CallEvent)> {
        if !self.is_listing {
            return events::map(packet).map(|event| (at, event)).into_iter().collect();
        }
        match packet.event() {
            Some(b"QueueParams" | b"QueueMember" | b"QueueEntry" | b"CoreShowChannel") => {
                self.listed.extend(events::map(packet));
                Vec::new()
            }
            Some(b"CoreShowChannelsComplete") => {
                self.is_listing = false;
                let began = CallEvent::SnapshotBegan { boot: "replay".into() };
                let listed = self.listed.drain(..);
                let snapshot = [began].into_iter().chain(listed).chain([CallEvent::SnapshotEnded]);
                snapshot.map(|event| (at, event)).chain(self.held.drain(..)).collect()
            }
            Some(_) | None => {
                self.held.extend(events::map(packet).map(|event| (at, event)));
                Vec::new()
            }
        }
    }
}

fn each_packet(bytes: &[u8], times: &Times, mut each: impl FnMut(Time, &Packet)) {
    const GREETING: &[u8] = b"Asterisk Call Manager";
    let mut codec = if bytes.starts_with(GREETING) { AmiCodec::default() } else { AmiCodec::without_banner() };
    let mut rest = BytesMut::from(bytes);
    let mut clock = Clock { times, epoch: None, last: DateTime::UNIX_EPOCH };
    while let Ok(Some(frame)) = codec.decode_eof(&mut rest) {
        if let Frame::Packet(packet) = frame {
            let at = clock.read(bytes.len() - rest.len(), &packet);
            each(at, &packet);
        }
    }
}

/// When which bytes came.
#[derive(Debug, Default)]
pub struct Times {
    /// Milliseconds since connect, offset of the read's first byte.
    reads: Vec<(i64, usize)>,
}

impl Times {
    /// The `.times` file beside a recording; empty where there is none.
    ///
    /// # Errors
    /// There is one, and it cannot be read or understood.
    pub fn beside(recording: &Path) -> anyhow::Result<Times> {
        let path = recording.with_extension("times");
        if !path.exists() {
            return Ok(Times::default());
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let read = |(number, line): (usize, &str)| {
            let fields = line.split_once(' ').and_then(|(s, o)| Some((s.parse::<f64>().ok()?, o.trim().parse().ok()?)));
            let wrong = || format!("{}:{}: a line holds seconds and an offset", path.display(), number + 1);
            fields.map(|(seconds, offset)| ((seconds * 1000.0).round() as i64, offset)).with_context(wrong)
        };
        Ok(Times { reads: text.lines().enumerate().map(read).collect::<anyhow::Result<_>>()? })
    }

    /// Milliseconds since connect at which the byte before `end` came.
    fn at(&self, end: usize) -> Option<i64> {
        let after = self.reads.partition_point(|(_, offset)| *offset < end);
        self.reads.get(after.checked_sub(1)?).map(|(ms, _)| *ms)
    }
}

struct Clock<'a> {
    times: &'a Times,
    /// The moment of connection.
    epoch: Option<Time>,
    last: Time,
}

impl Clock<'_> {
    /// When a packet came that ends at `end`; never before the one that came last.
    fn read(&mut self, end: usize, packet: &Packet) -> Time {
        let stamp = packet.get(b"Timestamp").filter(|_| packet.event().is_some()).and_then(timestamp);
        let at = match self.times.at(end) {
            Some(ms) => {
                let since = TimeDelta::milliseconds(ms);
                if self.epoch.is_none() {
                    self.epoch = stamp.map(|stamp| stamp - since);
                }
                self.epoch.unwrap_or(DateTime::UNIX_EPOCH) + since
            }
            None => stamp.unwrap_or(self.last),
        };
        self.last = self.last.max(at);
        self.last
    }
}

/// `1723000000.123456`
fn timestamp(value: &[u8]) -> Option<Time> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    DateTime::from_timestamp_micros((seconds * 1e6) as i64)
}

/// A call as the outside sees it; the same object for replays and for the API.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallJson {
    pub pbx: String,
    pub direction: &'static str,
    /// As sent; none when withheld.
    pub caller: Option<String>,
    /// E.164.
    pub number: Option<String>,
    pub to: Option<String>,
    pub agent: Option<String>,
    pub outcome: Option<&'static str>,
    pub started_at: String,
    pub answered_at: Option<String>,
    pub ended_at: Option<String>,
    pub waited_ms: Option<i64>,
    pub talk_ms: Option<i64>,
    pub hold_ms: Option<i64>,
    pub ended_by: Option<&'static str>,
    pub segments: Vec<SegmentJson>,
    pub transfers: Vec<TransferJson>,
    pub offers: Vec<OfferJson>,
    pub certain: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentJson {
    pub agent: String,
    pub queue: Option<String>,
    pub from: String,
    pub to: Option<String>,
    pub hold_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TransferJson {
    pub kind: &'static str,
    pub from: Option<String>,
    pub to: String,
    pub completed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfferJson {
    pub agent: String,
    pub outcome: Option<&'static str>,
}

pub fn to_json(call: &Call) -> CallJson {
    CallJson {
        pbx: call.pbx.to_string(),
        direction: call.direction.as_str(),
        caller: call.caller.clone(),
        number: call.number.as_ref().and_then(|number| number.e164()).map(str::to_owned),
        to: call.to.clone(),
        agent: call.agent.as_ref().map(ToString::to_string),
        outcome: call.outcome.map(|outcome| outcome.as_str()),
        started_at: rfc3339(call.started_at),
        answered_at: call.answered_at.map(rfc3339),
        ended_at: call.ended_at.map(rfc3339),
        waited_ms: call.waited().map(|waited| waited.num_milliseconds()),
        talk_ms: call.talked().map(|talked| talked.num_milliseconds()),
        hold_ms: call.held().map(|held| held.num_milliseconds()),
        ended_by: call.ended_by.map(|by| by.as_str()),
        segments: call
            .segments
            .iter()
            .map(|segment| SegmentJson {
                agent: segment.agent.to_string(),
                queue: segment.queue.as_ref().map(ToString::to_string),
                from: rfc3339(segment.from),
                to: segment.to.map(rfc3339),
                hold_ms: Span::sum(&segment.holds).map(|held| held.num_milliseconds()),
            })
            .collect(),
        transfers: call
            .transfers
            .iter()
            .map(|transfer| TransferJson {
                kind: transfer.kind.as_str(),
                from: transfer.from.as_ref().map(ToString::to_string),
                to: transfer.to.clone(),
                completed: transfer.completed,
            })
            .collect(),
        offers: call
            .offers
            .iter()
            .map(|offer| OfferJson {
                agent: offer.agent.to_string(),
                outcome: offer.outcome.map(|outcome| outcome.as_str()),
            })
            .collect(),
        certain: call.certain,
    }
}

fn rfc3339(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn row(call: &Call) -> String {
    let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
    format!(
        "{:<24} {:<9} {:<16} {:<16} {:<10} {}{}",
        rfc3339(call.started_at),
        call.direction.as_str(),
        text(call.caller.as_deref()),
        text(call.to.as_deref()),
        text(call.agent.as_ref().map(|agent| agent.as_str())),
        call.outcome.map_or("still up", |outcome| outcome.as_str()),
        if call.certain { "" } else { " (not all of it was seen)" },
    )
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
