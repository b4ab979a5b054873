//! What a recording of a PBX's events says about its calls: `ringback replay`.
//!
//! A recording is what a PBX sent, byte for byte. Beside `day.ami` may lie `day.times`, a line a
//! read: seconds since the connection began, and the offset in the file at which the read began;
//! those seconds are then counted from the first event that bears a time, or from 1970. Without
//! it, the events' own times are taken (`timestampevents = yes` in `manager.conf`).

mod asterisk;
mod json;
pub mod recording;

use std::io::Write;
use std::path::{Path, PathBuf};

use protocol::CallEvent;

use json::rfc3339;
pub use json::{CallJson, OfferJson, SegmentJson, TransferJson, to_json};
pub use recording::Times;
use recording::{Kind, Recording, Step};

use crate::Time;
use crate::calls::call::Call;
use crate::calls::tracker::{Change, Tracker};

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
    calls_of(Recording::file(file)?)
}

fn calls_of(recording: Recording) -> anyhow::Result<Vec<Call>> {
    let mut reader = match recording.kind {
        Kind::Asterisk => asterisk::Reader::new(recording.asked),
    };
    let mut tracker = Tracker::new(recording.pbx, recording.dialplan, recording.numbering);
    let mut sight = Sight::default();
    let mut events = Vec::new();
    let mut changes = Vec::new();
    let mut calls = Vec::new();
    for step in recording.steps {
        match step? {
            Step::Connected => reader.connected(),
            Step::Bytes { at, bytes } => reader.receive(at, &bytes, &mut events),
            Step::Missing => {
                reader.torn();
                sight.lost(&mut tracker, &mut changes);
            }
            Step::Lost => sight.lost(&mut tracker, &mut changes),
        }
        for (at, event) in events.drain(..) {
            sight.observe(at, &event);
            tracker.observe(at, event, &mut changes);
        }
        calls.extend(changes.drain(..).filter_map(ended));
    }
    calls.extend(tracker.calls().cloned());
    calls.sort_by_key(|call| call.started_at);
    Ok(calls)
}

/// Since when a PBX was not seen: a second loss before the next whole snapshot is the same outage.
#[derive(Debug, Default)]
struct Sight {
    heard_at: Time,
    is_out: bool,
}

impl Sight {
    fn observe(&mut self, at: Time, event: &CallEvent) {
        self.heard_at = self.heard_at.max(at);
        if *event == CallEvent::SnapshotEnded {
            self.is_out = false;
        }
    }

    fn lost(&mut self, tracker: &mut Tracker, changes: &mut Vec<Change>) {
        if !std::mem::replace(&mut self.is_out, true) {
            tracker.lost_sight(self.heard_at, changes);
        }
    }
}

fn ended(change: Change) -> Option<Call> {
    match change {
        Change::Ended(call) => Some(*call),
        Change::Call(_)
        | Change::Merged { .. }
        | Change::Queues
        | Change::Agent(_)
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
