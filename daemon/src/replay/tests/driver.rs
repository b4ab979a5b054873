//! What is true of every PBX's recordings: however its messages come, the calls are the same, or
//! are said not to have been seen whole.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::TimeDelta;
use protocol::CallEvent;
use protocol::event::LegSeen;

use super::super::*;
use crate::calls::call::Outcome;
use crate::calls::dialplan::Dialplan;
use crate::number::Numbering;
use crate::{CallId, LegId, QueueName};

/// One message of a PBX, and what it says.
#[derive(Clone, Debug)]
pub struct Said {
    pub at: Time,
    /// What the PBX calls it.
    pub name: String,
    pub events: Vec<CallEvent>,
}

/// Since when which leg is up, or waits.
pub type Up = BTreeMap<LegId, (Time, LegSeen)>;
pub type Waiting = BTreeMap<LegId, (Time, QueueName)>;

pub fn recordings(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = format!("{}/../tests/recordings/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).expect("recordings").map(|entry| entry.expect("entry").path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ext| ext == extension)).collect();
    files.sort();
    assert!(files.len() >= 21, "{} recordings", files.len());
    files
}

/// The calls of what was said, and those still up.
pub fn calls_in(said: &[Said]) -> Vec<Call> {
    let mut tracker = Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None));
    let mut changes = Vec::new();
    for Said { at, events, .. } in said {
        for event in events {
            tracker.observe(*at, event.clone(), &mut changes);
        }
    }
    let mut calls: Vec<Call> = changes.into_iter().filter_map(ended).chain(tracker.calls().cloned()).collect();
    calls.sort_by_key(|call| (call.started_at, call.id.clone()));
    calls
}

/// What a report says of a call: who, how, by whom, to where; not to the millisecond when.
pub fn gist(call: &Call) -> String {
    format!("{} {:?}", outline(call), call.held())
}

/// The same, where times are not what they were: whose phones rang, in no order, and whether there
/// was a hold.
pub fn outline(call: &Call) -> String {
    let segments: Vec<_> = call.segments.iter().map(|s| (&s.agent, &s.queue, s.to.is_some())).collect();
    let mut offers: Vec<_> = call.offers.iter().map(|o| (&o.agent, &o.queue, o.outcome)).collect();
    offers.sort_by_key(|offer| format!("{offer:?}"));
    let transfers: Vec<_> = call.transfers.iter().map(|t| (t.kind, &t.from, &t.to, t.completed)).collect();
    let held = call.held().is_some_and(|held| held >= TimeDelta::seconds(1));
    let ends = (call.outcome, call.ended_by, call.certain, held);
    let waits: Vec<_> = call.waits.iter().map(|wait| &wait.queue).collect();
    format!(
        "{:?} {:?} {:?} {:?} {waits:?} {segments:?} {offers:?} {transfers:?} {ends:?}",
        call.direction, call.caller, call.to, call.agent
    )
}

pub fn gists(said: &[Said]) -> Vec<String> {
    calls_in(said).iter().map(gist).collect()
}

/// A call that was told as ended is told the same by the whole recording.
pub fn breaks_off_anywhere(said: &[Said], whose: &str) {
    let whole: Vec<(CallId, String)> = calls_in(said).iter().map(|call| (call.id.clone(), gist(call))).collect();
    for cut in 0..said.len() {
        for call in calls_in(&said[..cut]).iter().filter(|call| call.ended_at.is_some()) {
            let told = (call.id.clone(), gist(call));
            assert!(whole.contains(&told), "{whose} cut at {cut}: {told:?} of {whole:#?}");
        }
    }
}

/// Legs of two recordings have different ids, for one PBX made them all.
pub fn both_at_once(one: &[Said], other: &[Said], whose: &str) {
    let mut both = [one, other].concat();
    both.sort_by_key(|said| said.at);
    let mut expected = [gists(one), gists(other)].concat();
    let mut found = gists(&both);
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "{whose}");
}

/// Whatever was not seen, no call is told otherwise than by the whole recording and as certain, and
/// no abandon is told that nobody saw. A snapshot may be as old as `stale` messages.
pub fn looks_away_anywhere(said: &[Said], stale: usize, step: usize, whose: &str) {
    let whole = gists(said);
    for from in (0..said.len()).step_by(step) {
        for missed in [1, 7, 40, said.len()] {
            let to = (from + missed).min(said.len());
            for call in blind_between(said, from, to, stale) {
                let agrees = whole.contains(&gist(&call));
                assert!(!call.certain || agrees, "{whose} {from}..{to}: {call:#?}");
                let seen = call.certain || call.outcome != Some(Outcome::Abandoned) || call.ended_by.is_some();
                assert!(seen, "{whose} {from}..{to}: an abandon that nobody saw: {call:#?}");
            }
        }
    }
}

/// The link is down between two messages; then a snapshot tells the legs that were up `stale`
/// messages before. What is gone by then is told as such.
fn blind_between(said: &[Said], from: usize, to: usize, stale: usize) -> Vec<Call> {
    let mut tracker = Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None));
    let mut changes = Vec::new();
    let mut up: Up = BTreeMap::new();
    let mut waiting: Waiting = BTreeMap::new();
    let mut snapshot = None;
    for (index, Said { at, events, .. }) in said.iter().enumerate() {
        if index + stale == to.max(stale) {
            snapshot = Some((up.clone(), waiting.clone()));
        }
        if index == from {
            tracker.lost_sight(*at, &mut changes);
        }
        if index == to
            && let Some((up, waiting)) = snapshot.take()
        {
            tracker.observe(*at, CallEvent::SnapshotBegan { boot: "b".into() }, &mut changes);
            for (caller, (since, queue)) in &waiting {
                let waited_ms = (*at - *since).num_milliseconds() as u64;
                let seen = CallEvent::CallerSeen { caller: caller.clone(), queue: queue.clone(), waited_ms };
                tracker.observe(*at, seen, &mut changes);
            }
            for (since, seen) in up.values() {
                let up_ms = (*at - *since).num_milliseconds() as u64;
                let seen = LegSeen { up_ms, ..seen.clone() };
                tracker.observe(*at, CallEvent::LegSeen(Box::new(seen)), &mut changes);
            }
            tracker.observe(*at, CallEvent::SnapshotEnded, &mut changes);
        }
        for event in events {
            follow(&mut up, &mut waiting, *at, event);
            if !(from..to).contains(&index) {
                tracker.observe(*at, event.clone(), &mut changes);
            }
        }
    }
    changes.into_iter().filter_map(ended).collect()
}

/// What a snapshot would tell, kept in the plainest way.
pub fn follow(up: &mut Up, waiting: &mut Waiting, at: Time, event: &CallEvent) {
    match event {
        CallEvent::LegStarted(leg) => {
            let seen = LegSeen { leg: (**leg).clone(), bridge: None, queue: None, half_of: None, up_ms: 0 };
            up.insert(leg.id.clone(), (at, seen));
        }
        CallEvent::LegRenamed { was, leg } => {
            if let Some(mut known) = up.remove(was) {
                known.1.leg.id = leg.clone();
                up.insert(leg.clone(), known);
            }
        }
        CallEvent::LegIs { leg, state } => {
            up.entry(leg.clone()).and_modify(|(_, seen)| seen.leg.state = *state);
        }
        CallEvent::JoinedBridge { leg, bridge, kind, .. } => {
            up.entry(leg.clone()).and_modify(|(_, seen)| seen.bridge = Some((bridge.clone(), *kind)));
        }
        CallEvent::LeftBridge { leg, bridge, .. } => {
            up.entry(leg.clone()).and_modify(|(_, seen)| {
                seen.bridge.take_if(|(its, _)| its == bridge);
            });
        }
        CallEvent::LegEnded { leg, .. } => {
            up.remove(leg);
            waiting.remove(leg);
        }
        CallEvent::CallerQueued { caller, queue } => {
            waiting.insert(caller.clone(), (at, queue.clone()));
        }
        CallEvent::CallerLeftQueue { caller, .. } => {
            waiting.remove(caller);
        }
        _ => {}
    }
}
