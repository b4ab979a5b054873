//! Every recording of a real PBX against the truth, which was taken from the phones' side.

use std::collections::BTreeMap;
use std::path::PathBuf;

use protocol::CallEvent;
use protocol::ami::codec::{AmiCodec, Packet};
use protocol::ami::events;
use protocol::event::LegSeen;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::*;
use crate::calls::call::Outcome;
use crate::calls::dialplan::Dialplan;
use crate::number::Numbering;
use crate::{LegId, QueueName};

/// Since when which leg is up, or waits.
type Up = BTreeMap<LegId, (Time, LegSeen)>;
type Waiting = BTreeMap<LegId, (Time, QueueName)>;

fn recordings() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recordings/asterisk-22");
    let files = std::fs::read_dir(folder).expect("recordings").map(|entry| entry.expect("entry").path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ext| ext == "ami")).collect();
    files.sort();
    assert!(files.len() >= 21, "{} recordings", files.len());
    files
}

fn json_of(calls: &[Call]) -> Vec<Value> {
    calls.iter().map(|call| serde_json::to_value(to_json(call)).expect("JSON")).collect()
}

/// Where a call is not what the truth says.
fn differences(truth: &Value, call: &Value) -> Vec<String> {
    let ms = |name: &str| call[name].as_i64().unwrap_or(-1);
    let near = |name: &str, seconds: &Value| (ms(name) - seconds.as_i64().unwrap_or(0) * 1000).abs() <= 1000;
    let transfer = &call["transfers"][0];
    let truth = truth.as_object().expect("an object");
    let agrees = |(key, value): (&String, &Value)| match key.as_str() {
        "caller" | "to" | "agent" | "direction" | "ended_by" => &call[key] == value,
        "result" => &call["outcome"] == value,
        "by" => value.as_str().is_some_and(|names| names.split('|').any(|name| call["agent"] == name)),
        "transferred_to" => &transfer["to"] == value && transfer["completed"] == true,
        "transfer" => &transfer["kind"] == value,
        "talk_s" => near("talk_ms", value),
        "held_s" => near("hold_ms", value),
        "wait_s" => near("waited_ms", value),
        "waited_at_least_s" => ms("waited_ms") >= value.as_i64().unwrap_or(0) * 1000,
        "rung_unanswered_at_least" => {
            let offers = call["offers"].as_array().expect("offers");
            let unanswered = offers.iter().filter(|offer| offer["outcome"] == "no_answer").count();
            unanswered as i64 >= value.as_i64().unwrap_or(0)
        }
        "originated" => call["direction"] == "outbound",
        other => panic!("the truth knows a word that this test does not: {other}"),
    };
    let wrong = truth.iter().filter(|(key, value)| !agrees((key, value)));
    wrong.map(|(key, value)| format!("{key} should be {value}")).collect()
}

#[test]
fn every_recording_agrees_with_the_phones() {
    for file in recordings() {
        let truth = std::fs::read_to_string(file.with_extension("truth.json")).expect("truth");
        let truth: Vec<Value> = serde_json::from_str(&truth).expect("a list");
        let calls = json_of(&calls(&file).expect("calls"));
        assert_eq!(calls.len(), truth.len(), "{}: {calls:#?}", file.display());
        for (truth, call) in truth.iter().zip(&calls) {
            let wrong = differences(truth, call);
            assert!(wrong.is_empty(), "{}: {wrong:?} in {call:#}", file.display());
            assert_eq!(call["certain"], true, "{}", file.display());
        }
    }
}

/// The packets of a recording, each with its time; what a codec makes of the bytes is tested
/// beside the codec.
fn packets(file: &Path) -> Vec<(Time, Packet)> {
    let mut read = asterisk::Packets::default();
    let mut packets = Vec::new();
    for step in Recording::file(file).expect("recording").steps {
        match step.expect("a step") {
            Step::Connected => read.begin(AmiCodec::default()),
            Step::Bytes { at, bytes } => {
                read.unread.extend_from_slice(&bytes);
                packets.extend(std::iter::from_fn(|| read.next(at)));
            }
            Step::Missing | Step::Lost => panic!("one connection, whole"),
        }
    }
    packets
}

/// The calls of these packets, and those still up.
fn calls_in(packets: &[(Time, Packet)]) -> Vec<Call> {
    let mut tracker = Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None));
    let mut changes = Vec::new();
    for (at, packet) in packets {
        if let Some(event) = events::map(packet) {
            tracker.observe(*at, event, &mut changes);
        }
    }
    let ended = changes.into_iter().filter_map(|change| match change {
        Change::Ended(call) => Some(*call),
        Change::Call(_)
        | Change::Merged { .. }
        | Change::Queues
        | Change::Agent(_)
        | Change::Listening { .. }
        | Change::Listened { .. } => None,
    });
    let mut calls: Vec<Call> = ended.chain(tracker.calls().cloned()).collect();
    calls.sort_by_key(|call| (call.started_at, call.id.clone()));
    calls
}

/// What a report says of a call: who, how, by whom, to where; not to the millisecond when.
fn gist(call: &Call) -> String {
    let segments: Vec<_> = call.segments.iter().map(|s| (&s.agent, &s.queue, s.to.is_some())).collect();
    let offers: Vec<_> = call.offers.iter().map(|o| (&o.agent, &o.queue, o.outcome)).collect();
    let transfers: Vec<_> = call.transfers.iter().map(|t| (t.kind, &t.from, &t.to, t.completed)).collect();
    let ends = (call.outcome, call.ended_by, call.held(), call.certain);
    format!(
        "{:?} {:?} {:?} {:?} {segments:?} {offers:?} {transfers:?} {ends:?}",
        call.direction, call.caller, call.to, call.agent
    )
}

fn gists(packets: &[(Time, Packet)]) -> Vec<String> {
    calls_in(packets).iter().map(gist).collect()
}

fn named(packet: &Packet, names: &[&str]) -> bool {
    packet.event().is_some_and(|name| names.iter().any(|known| known.as_bytes() == name))
}

/// Events that reach the manager past the one queue that orders the others, or are made late by
/// other threads (manager.c, app_queue.c handle_hangup): they may come anywhere later.
const RACY: [&str; 5] =
    ["AgentComplete", "OriginateResponse", "QueueMemberStatus", "DeviceStateChange", "NewConnectedLine"];

#[test]
fn late_and_doubled_events_change_no_call() {
    let mut random = StdRng::seed_from_u64(1);
    for file in recordings() {
        let packets = packets(&file);
        let expected = gists(&packets);
        for round in 0..5 {
            let mut moved = packets.clone();
            for index in (0..moved.len()).rev() {
                if named(&moved[index].1, &RACY) {
                    let to = index + random.random_range(0..moved.len() - index);
                    let packet = moved.remove(index);
                    moved.insert(to, packet);
                } else if named(&moved[index].1, &["DialEnd", "Hold", "Unhold", "Hangup"]) {
                    let double = moved[index].clone();
                    moved.insert(index + 1, double);
                }
            }
            assert_eq!(gists(&moved), expected, "{} {round}", file.display());
        }
    }
}

#[test]
fn a_recording_that_breaks_off_tells_no_end_that_was_not_seen() {
    for file in recordings() {
        let packets = packets(&file);
        let whole: Vec<(crate::CallId, String)> =
            calls_in(&packets).iter().map(|call| (call.id.clone(), gist(call))).collect();
        for cut in 0..packets.len() {
            for call in calls_in(&packets[..cut]).iter().filter(|call| call.ended_at.is_some()) {
                let told = (call.id.clone(), gist(call));
                assert!(whole.contains(&told), "{} cut at {cut}: {told:?}", file.display());
            }
        }
    }
}

#[test]
fn two_recordings_at_once_are_the_calls_of_both() {
    let files = recordings();
    for pair in files.windows(2) {
        let mut both: Vec<(Time, Packet)> = packets(&pair[0]);
        both.extend(packets(&pair[1]));
        // Legs of two recordings have different ids, for one Asterisk made them all.
        both.sort_by_key(|(at, _)| *at);
        let mut expected = [gists(&packets(&pair[0])), gists(&packets(&pair[1]))].concat();
        let mut found = gists(&both);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{pair:?}");
    }
}

#[test]
fn looking_away_never_makes_a_certain_mistake() {
    for file in recordings() {
        let packets = packets(&file);
        let whole = gists(&packets);
        for from in (0..packets.len()).step_by(13) {
            for missed in [1, 7, 40, packets.len()] {
                let to = (from + missed).min(packets.len());
                for call in blind_between(&packets, from, to) {
                    let agrees = whole.contains(&gist(&call));
                    assert!(!call.certain || agrees, "{} {from}..{to}: {call:#?}", file.display());
                    let seen = call.certain || call.outcome != Some(Outcome::Abandoned) || call.ended_by.is_some();
                    assert!(seen, "an abandon that nobody saw: {call:#?}");
                }
            }
        }
    }
}

/// The link is down between two packets; then a snapshot tells the legs that are up.
fn blind_between(packets: &[(Time, Packet)], from: usize, to: usize) -> Vec<Call> {
    let mut tracker = Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None));
    let mut changes = Vec::new();
    let mut up: Up = BTreeMap::new();
    let mut waiting: Waiting = BTreeMap::new();
    for (index, (at, packet)) in packets.iter().enumerate() {
        if index == from {
            tracker.lost_sight(*at, &mut changes);
        }
        if index == to {
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
        let Some(event) = events::map(packet) else { continue };
        follow(&mut up, &mut waiting, *at, &event);
        if !(from..to).contains(&index) {
            tracker.observe(*at, event, &mut changes);
        }
    }
    let ended = changes.into_iter().filter_map(|change| match change {
        Change::Ended(call) => Some(*call),
        Change::Call(_)
        | Change::Merged { .. }
        | Change::Queues
        | Change::Agent(_)
        | Change::Listening { .. }
        | Change::Listened { .. } => None,
    });
    ended.collect()
}

/// What a snapshot would tell, kept in the plainest way.
fn follow(up: &mut Up, waiting: &mut Waiting, at: Time, event: &CallEvent) {
    match event {
        CallEvent::LegStarted(leg) => {
            let seen = LegSeen { leg: (**leg).clone(), bridge: None, queue: None, up_ms: 0 };
            up.insert(leg.id.clone(), (at, seen));
        }
        CallEvent::LegIs { leg, state } => {
            up.entry(leg.clone()).and_modify(|(_, seen)| seen.leg.state = *state);
        }
        CallEvent::JoinedBridge { leg, bridge, kind, .. } => {
            up.entry(leg.clone()).and_modify(|(_, seen)| seen.bridge = Some((bridge.clone(), *kind)));
        }
        CallEvent::LeftBridge { leg, bridge } => {
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

/// What a PBX answers when it is asked in the middle of a call, and what it had said before the
/// answer was complete.
const MID_CALL: &str = "\
Asterisk Call Manager/11.0.0\r\n\
Event: BridgeEnter\r\nUniqueid: 7.2\r\nLinkedid: 7.1\r\nBridgeUniqueid: b\r\nBridgeType: basic\r\n\r\n\
Response: Success\r\nActionID: 3\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n\
Event: CoreShowChannel\r\nChannel: PJSIP/trunk-00000001\r\nChannelState: 6\r\nCallerIDNum: 13600000001\r\n\
CallerIDName: x\r\nExten: 4008001234\r\nUniqueid: 7.1\r\nLinkedid: 7.1\r\nApplication: Queue\r\n\
ApplicationData: support,tT\r\nDuration: 00:00:09\r\nBridgeId: b\r\nActionID: 3\r\n\r\n\
Event: CoreShowChannel\r\nChannel: PJSIP/1001-00000002\r\nChannelState: 6\r\nCallerIDNum: 1001\r\n\
CallerIDName: Agent\r\nExten: 4008001234\r\nUniqueid: 7.2\r\nLinkedid: 7.1\r\nApplication: AppQueue\r\n\
ApplicationData: (Outgoing Line)\r\nDuration: 00:00:05\r\nBridgeId: b\r\nActionID: 3\r\n\r\n\
Event: CoreShowChannelsComplete\r\nActionID: 3\r\nEventList: Complete\r\nListItems: 2\r\n\r\n\
Event: HangupRequest\r\nUniqueid: 7.1\r\nLinkedid: 7.1\r\n\r\n\
Event: BridgeLeave\r\nUniqueid: 7.1\r\nBridgeUniqueid: b\r\n\r\n\
Event: BridgeLeave\r\nUniqueid: 7.2\r\nBridgeUniqueid: b\r\n\r\n\
Event: Hangup\r\nUniqueid: 7.2\r\nCause: 16\r\n\r\n\
Event: Hangup\r\nUniqueid: 7.1\r\nCause: 16\r\n\r\n";

#[test]
fn a_call_that_was_up_before_the_recording_is_in_it() {
    let calls = calls_of(Recording::raw("hq", MID_CALL.as_bytes().into(), &Times::default())).expect("calls");
    let [call] = &calls[..] else { panic!("{calls:#?}") };
    let told = serde_json::to_value(to_json(call)).unwrap();
    assert_eq!(told["caller"], "13600000001");
    assert_eq!(told["to"], "support");
    assert_eq!(told["agent"], "1001");
    assert_eq!(told["outcome"], "answered");
    assert_eq!(told["ended_by"], "caller");
    assert_eq!(told["certain"], false);
}
