//! Asterisk's messages in other orders than it happened to send them.

use std::path::Path;

use protocol::ami::codec::AmiCodec;
use protocol::ami::events;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::*;
use super::driver::{self, Said, gists};

fn recordings() -> Vec<PathBuf> {
    [driver::recordings("asterisk-16", "ami"), driver::recordings("asterisk-22", "ami")].concat()
}

/// The packets of a recording; what a codec makes of the bytes is tested beside the codec.
pub fn said(file: &Path) -> Vec<Said> {
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
    let said = |(at, packet): (Time, protocol::ami::codec::Packet)| Said {
        at,
        name: packet.event().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
        events: events::map(&packet).into_iter().collect(),
    };
    packets.into_iter().map(said).collect()
}

/// Events that reach the manager past the one queue that orders the others, or are made late by
/// other threads (manager.c, app_queue.c handle_hangup): they may come anywhere later.
const RACY: [&str; 5] =
    ["AgentComplete", "OriginateResponse", "QueueMemberStatus", "DeviceStateChange", "NewConnectedLine"];

#[test]
fn late_and_doubled_events_change_no_call() {
    let mut random = StdRng::seed_from_u64(1);
    for file in recordings() {
        let packets = said(&file);
        let expected = gists(&packets);
        for round in 0..5 {
            let mut moved = packets.clone();
            for index in (0..moved.len()).rev() {
                if RACY.contains(&&*moved[index].name) {
                    let to = index + random.random_range(0..moved.len() - index);
                    let packet = moved.remove(index);
                    moved.insert(to, packet);
                } else if ["DialEnd", "Hold", "Unhold", "Hangup"].contains(&&*moved[index].name) {
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
        driver::looks_away_anywhere(&said(&file), 0, 13, &file.to_string_lossy());
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
