//! What a recording of a PBX's events says about its calls: `ringback replay`.
//!
//! A recording is what a PBX sent, byte for byte; whose it is, Asterisk's (`.ami`) or FreeSWITCH's
//! (`.esl`, JSON or plain) or a sender's (`.ndjson`), is told by its content. Beside `day.ami` may lie `day.times`, a line a
//! read: seconds since the connection began, and the offset in the file at which the read began;
//! those seconds are then counted from the first event that bears a time, or from 1970. Without
//! it, the events' own times are taken (FreeSWITCH's have them; for Asterisk
//! `timestampevents = yes` in `manager.conf`).
//!
//! A capture of ours is a recording too: of all connections, with the outages between them.

mod asterisk;
mod following;
mod freeswitch;
mod json;
mod native;
pub mod recording;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use protocol::session::Asking;

use json::rfc3339;
pub use json::{CallJson, OfferJson, SegmentJson, TransferJson, to_json};
use native::Told;
pub use recording::Times;
use recording::{Arrival, Asked, Kind, Recording, Step};

use crate::Time;
use crate::calls::call::Call;
use crate::calls::tracker::{Change, Tracker};
use crate::capture;

/// Writes the calls of each recording, one JSON object a line or as a table for people. In a folder
/// everything below it that is a recording is read; segments of one PBX's capture are one recording.
///
/// # Errors
/// A file that cannot be read, a `.times` file that is none, or a writer that fails.
pub fn print(paths: &[PathBuf], json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let recordings = recordings(paths)?;
    if !json {
        let [caller, to, agent] = ["caller", "to", "agent"];
        writeln!(out, "{:<24} {:<9} {caller:<16} {to:<16} {agent:<10} outcome", "started", "direction")?;
    }
    for recording in recordings {
        for call in calls_of(recording)? {
            match json {
                true => writeln!(out, "{}", serde_json::to_string(&to_json(&call))?)?,
                false => writeln!(out, "{}", row(&call))?,
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// Endings of names by which a recording in a folder is known.
const RAW: [&str; 3] = ["ami", "esl", "ndjson"];

/// The recordings that paths lead to, in the order of the paths; captures come last.
///
/// # Errors
/// One cannot be read, or a folder has none.
pub fn recordings(paths: &[PathBuf]) -> anyhow::Result<Vec<Recording>> {
    let (segments, raw): (Vec<PathBuf>, Vec<PathBuf>) =
        files(paths)?.into_iter().partition(|file| capture::read::is_segment(file));
    let mut recordings = raw.iter().map(|file| Recording::file(file)).collect::<anyhow::Result<Vec<_>>>()?;
    recordings.extend(capture::read::recordings(&segments)?);
    Ok(recordings)
}

/// The files that paths lead to: themselves, and all recordings in folders.
///
/// # Errors
/// A folder cannot be read, or has none.
pub fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let found = below(path)?;
        if found.is_empty() {
            bail!("{} holds no recording", path.display());
        }
        files.extend(found);
    }
    Ok(files)
}

/// All recordings in a folder and its folders, by name.
fn below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_raw = path.extension().is_some_and(|extension| RAW.iter().any(|raw| extension == *raw));
        if path.is_dir() {
            found.extend(below(&path)?);
        } else if is_raw || capture::read::is_segment(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The calls of one recording, in order of start; those still up at its end too.
///
/// # Errors
/// The file or its `.times` cannot be read.
pub fn calls(file: &Path) -> anyhow::Result<Vec<Call>> {
    calls_of(Recording::file(file)?)
}

/// The calls of one recording, as [`calls`] tells them.
///
/// # Errors
/// A part of it cannot be read.
pub fn calls_of(recording: Recording) -> anyhow::Result<Vec<Call>> {
    let mut reader = Reader::new(recording.kind, recording.asked);
    let mut tracker = Tracker::new(recording.pbx, recording.dialplan, recording.numbering);
    let mut heard_at = Time::default();
    let mut events = Vec::new();
    let mut changes = Vec::new();
    let mut calls = Vec::new();
    for step in recording.steps {
        match step? {
            Step::Connected => reader.connected(),
            Step::Bytes { at, bytes } => reader.receive(at, &bytes, &mut events),
            Step::Asked { at, asking } => reader.asked(at, asking, &mut events),
            Step::Missing => {
                reader.torn();
                tracker.lost_sight(heard_at, &mut changes);
            }
            // A sender that connects to us keeps what it could not tell, and tells it later.
            Step::Lost if recording.kind == Kind::Native => {}
            Step::Lost => tracker.lost_sight(heard_at, &mut changes),
        }
        for (at, told) in events.drain(..) {
            heard_at = heard_at.max(at);
            match told {
                Told::Event(event) => tracker.observe(at, event, &mut changes),
                Told::Runs(boot) => tracker.runs(boot, at, &mut changes),
                Told::Missed => tracker.lost_sight(heard_at, &mut changes),
            }
        }
        calls.extend(changes.drain(..).filter_map(ended));
    }
    calls.extend(tracker.calls().cloned());
    calls.sort_by_key(|call| call.started_at);
    Ok(calls)
}

/// A vendor's bytes into events.
#[derive(Debug)]
enum Reader {
    Asterisk(asterisk::Reader),
    FreeSwitch(freeswitch::Reader),
    Native(Box<native::Reader>),
}

impl Reader {
    fn new(kind: Kind, asked: Asked) -> Reader {
        match kind {
            Kind::Asterisk => Reader::Asterisk(asterisk::Reader::new(asked)),
            Kind::FreeSwitch => Reader::FreeSwitch(freeswitch::Reader::new(asked)),
            Kind::Native => Reader::Native(Box::default()),
        }
    }

    fn connected(&mut self) {
        match self {
            Reader::Asterisk(reader) => reader.connected(),
            Reader::FreeSwitch(reader) => reader.connected(),
            Reader::Native(reader) => reader.torn(),
        }
    }

    /// A sender is not asked: it says by itself what its lines are.
    fn asked(&mut self, at: Time, asking: Asking, out: &mut Vec<(Time, Told)>) {
        let mut events = Vec::new();
        match self {
            Reader::Asterisk(reader) => reader.asked(at, asking, &mut events),
            Reader::FreeSwitch(reader) => reader.asked(at, asking, &mut events),
            Reader::Native(_) => {}
        }
        out.extend(events.into_iter().map(|(at, event)| (at, Told::Event(event))));
    }

    fn torn(&mut self) {
        match self {
            Reader::Asterisk(reader) => reader.torn(),
            Reader::FreeSwitch(reader) => reader.torn(),
            Reader::Native(reader) => reader.torn(),
        }
    }

    fn receive(&mut self, arrival: Arrival, bytes: &[u8], out: &mut Vec<(Time, Told)>) {
        let mut events = Vec::new();
        match self {
            Reader::Asterisk(reader) => reader.receive(arrival, bytes, &mut events),
            Reader::FreeSwitch(reader) => reader.receive(arrival, bytes, &mut events),
            Reader::Native(reader) => reader.receive(arrival, bytes, out),
        }
        out.extend(events.into_iter().map(|(at, event)| (at, Told::Event(event))));
    }
}

fn ended(change: Change) -> Option<Call> {
    match change {
        Change::Ended(call) => Some(*call),
        Change::Call(_)
        | Change::Merged { .. }
        | Change::Queues
        | Change::Agent(_)
        | Change::Drift(_)
        | Change::Listening { .. }
        | Change::Listened { .. } => None,
    }
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
mod tests;
