//! FreeSWITCH's events in other orders than it happened to send them: those of one channel keep
//! theirs, those of different channels may overtake each other, for several threads send them.

mod peer;
mod reconnects;
mod scripts;

pub use reconnects::tapes;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use protocol::esl::codec::{EslCodec, Frame};
use protocol::esl::event::{Event, Header};
use protocol::esl::events;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::freeswitch::Frames;
use super::super::*;
use super::driver::{self, Said, calls_in, gists, outline};

/// By how much events of different channels may overtake each other.
const OVERTAKES_MS: i64 = 200;

/// How late the threads of mod_callcenter may be that look after an agent: they look every 100 ms.
const LATE_MS: i64 = 500;

pub fn recordings() -> Vec<PathBuf> {
    driver::recordings("freeswitch-1.10", "esl")
}

/// An event, and in whose order it stands.
struct Told {
    said: Said,
    stream: Stream,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Channel(String),
    /// What mod_callcenter tells of one agent.
    Agent(String),
    Else,
}

/// The frames of a recording; what a codec makes of the bytes is tested beside the codec.
fn frames_of(file: &Path) -> Vec<(Time, Frame)> {
    let mut read = Frames::default();
    let mut frames = Vec::new();
    for step in Recording::file(file).expect("recording").steps {
        match step.expect("a step") {
            Step::Connected => read.begin(EslCodec::default()),
            Step::Bytes { at, bytes } => {
                read.unread.extend_from_slice(&bytes);
                frames.extend(std::iter::from_fn(|| read.next(at)));
            }
            Step::Asked { .. } | Step::Missing | Step::Lost => panic!("one connection, whole"),
        }
    }
    frames
}

fn told(file: &Path) -> Vec<Told> {
    let mut all = Vec::new();
    for (at, frame) in &frames_of(file) {
        let Ok(event) = Event::read(frame) else { continue };
        let mut events = Vec::new();
        events::map(&event, &mut events);
        let get = |header| event.get(header).map(|text| text.into_owned());
        let stream = match (get(Header::CcAgent), get(Header::UniqueId)) {
            (Some(agent), _) if get(Header::CcAction).is_some() => Stream::Agent(agent),
            (_, Some(channel)) => Stream::Channel(channel),
            (_, None) => Stream::Else,
        };
        let name = get(Header::CcAction).or(get(Header::EventName)).unwrap_or_default();
        if !events.is_empty() {
            all.push(Told { said: Said { at: *at, name, events }, stream });
        }
    }
    all
}

pub fn said(file: &Path) -> Vec<Said> {
    told(file).into_iter().map(|told| told.said).collect()
}

/// Who is in it, sorted, for calls that begin at once may change places.
fn outlines(said: &[Said]) -> Vec<String> {
    let mut outlines: Vec<String> = calls_in(said).iter().map(outline).collect();
    outlines.sort();
    outlines
}

/// Each event comes late by chance, and never before what its stream told before it; but for a
/// channel's start, from which a round trip over the network passes to all that follows from it.
fn overtaking(told: &[Told], random: &mut StdRng) -> Vec<Said> {
    let mut last: BTreeMap<&Stream, Time> = BTreeMap::new();
    let mut moved: Vec<Said> = Vec::new();
    for Told { said, stream } in told {
        let most = match stream {
            _ if said.name == "CHANNEL_CREATE" => 0,
            Stream::Agent(_) => LATE_MS,
            Stream::Channel(_) | Stream::Else => OVERTAKES_MS,
        };
        let at = said.at + TimeDelta::milliseconds(random.random_range(0..=most));
        let last = last.entry(stream).or_insert(at);
        *last = at.max(*last);
        moved.push(Said { at: *last, ..said.clone() });
    }
    moved.sort_by_key(|said| said.at);
    moved
}

#[test]
fn events_of_different_channels_may_overtake_each_other() {
    let mut random = StdRng::seed_from_u64(1);
    for file in recordings() {
        let told = told(&file);
        let expected = outlines(&told.iter().map(|told| told.said.clone()).collect::<Vec<_>>());
        for round in 0..20 {
            let moved = overtaking(&told, &mut random);
            assert_eq!(outlines(&moved), expected, "{} {round}", file.display());
        }
    }
}

#[test]
fn doubled_events_change_no_call() {
    let mut random = StdRng::seed_from_u64(2);
    for file in recordings() {
        let once = said(&file);
        let expected = gists(&once);
        for _ in 0..3 {
            let double = |said: &Said| vec![said.clone(); random.random_range(1..=2)];
            let doubled: Vec<Said> = once.iter().flat_map(double).collect();
            assert_eq!(gists(&doubled), expected, "{}", file.display());
        }
    }
}

/// Either may be all that comes of it: FreeSWITCH drops events when a listener is slow.
#[test]
fn what_is_said_twice_may_be_missing_once() {
    for file in recordings() {
        let all = said(&file);
        let expected = outlines(&all);
        for missing in ["CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY", "CHANNEL_UNBRIDGE"] {
            let less: Vec<Said> = all.iter().filter(|said| said.name != missing).cloned().collect();
            assert_eq!(outlines(&less), expected, "{} without {missing}", file.display());
        }
    }
}

#[test]
fn a_recording_that_breaks_off_tells_no_end_that_was_not_seen() {
    for file in recordings() {
        driver::breaks_off_anywhere(&said(&file), &file.to_string_lossy());
    }
}

#[test]
fn two_recordings_at_once_are_the_calls_of_both() {
    for pair in recordings().windows(2) {
        driver::both_at_once(&said(&pair[0]), &said(&pair[1]), &format!("{pair:?}"));
    }
}

#[test]
fn looking_away_never_makes_a_certain_mistake() {
    for file in recordings() {
        for stale in [0, 12] {
            driver::looks_away_anywhere(&said(&file), stale, 1, &file.to_string_lossy());
        }
    }
}
