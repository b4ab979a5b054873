//! Asterisk's messages in other orders than it happened to send them.

mod peer;
mod reconnects;

pub use reconnects::tapes;

use std::collections::BTreeSet;
use std::path::Path;

use protocol::ami::codec::{AmiCodec, Packet};
use protocol::ami::events;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::super::*;
use super::driver::{self, Said, calls_in, outline};

fn recordings() -> Vec<PathBuf> {
    [driver::recordings("asterisk-16", "ami"), driver::recordings("asterisk-22", "ami")].concat()
}

/// A packet, what it says, and the channels that it speaks of.
#[derive(Clone)]
struct Told {
    said: Said,
    channels: BTreeSet<Vec<u8>>,
}

/// The packets of a recording; what a codec makes of the bytes is tested beside the codec.
fn packets_of(file: &Path) -> Vec<(Time, Packet)> {
    let mut read = asterisk::Packets::default();
    let mut packets = Vec::new();
    for step in Recording::file(file).expect("recording").steps {
        match step.expect("a step") {
            Step::Connected => read.begin(AmiCodec::default()),
            Step::Bytes { at, bytes } => {
                read.unread.extend_from_slice(&bytes);
                packets.extend(std::iter::from_fn(|| read.next(at)));
            }
            Step::Asked { .. } | Step::Missing | Step::Lost => panic!("one connection, whole"),
        }
    }
    packets
}

fn told(file: &Path) -> Vec<Told> {
    let told = |(at, packet): (Time, Packet)| Told {
        said: Said {
            at,
            name: packet.event().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
            events: events::map(&packet).into_iter().collect(),
        },
        channels: channels(&packet),
    };
    packets_of(file).into_iter().map(told).collect()
}

fn channels(packet: &Packet) -> BTreeSet<Vec<u8>> {
    // A channel starts after the one that it was made for.
    let starts = packet.event() == Some(b"Newchannel");
    let names = |key: &[u8]| {
        let key = key.to_ascii_lowercase();
        let is_its = key.ends_with(b"uniqueid") && !key.ends_with(b"bridgeuniqueid");
        is_its || (starts && key == b"linkedid")
    };
    packet.fields().filter(|(key, _)| names(key)).map(|(_, value)| value.to_vec()).collect()
}

pub fn said(file: &Path) -> Vec<Said> {
    told(file).into_iter().map(|told| told.said).collect()
}

/// Those that say something of calls; all others change nothing wherever they stand.
fn telling(file: &Path) -> Vec<Told> {
    told(file).into_iter().filter(|told| !told.said.events.is_empty()).collect()
}

fn outlines(told: &[Told]) -> Vec<String> {
    let said: Vec<Said> = told.iter().map(|told| told.said.clone()).collect();
    let mut outlines: Vec<String> = calls_in(&said).iter().map(outline).collect();
    outlines.sort();
    outlines
}

/// Moves the packet at `from` to stand at `to`, and to have come no earlier than those before it.
fn moved(told: &[Told], from: usize, to: usize) -> Vec<Told> {
    let mut moved = told.to_vec();
    let one = moved.remove(from);
    moved.insert(to, one);
    in_time(moved)
}

fn in_time(mut told: Vec<Told>) -> Vec<Told> {
    let mut last = told.first().map(|told| told.said.at).unwrap_or_default();
    for told in &mut told {
        last = last.max(told.said.at);
        told.said.at = last;
    }
    told
}

/// Made by threads that nothing orders with the others (app_queue.c `handle_hangup`, manager.c
/// `fast_originate`, res/parking/parking_manager.c): anywhere after what they tell of.
const LATE: [&str; 6] =
    ["AgentComplete", "OriginateResponse", "ParkedCall", "ParkedCallTimeOut", "ParkedCallGiveUp", "UnParkedCall"];

#[test]
fn what_nothing_orders_may_come_anywhere_later() {
    for file in recordings() {
        let told = telling(&file);
        let expected = outlines(&told);
        for from in (0..told.len()).filter(|index| LATE.contains(&&*told[*index].said.name)) {
            for to in from + 1..told.len() {
                assert_eq!(outlines(&moved(&told, from, to)), expected, "{} {from} to {to}", file.display());
            }
        }
    }
}

/// How far apart two threads of Asterisk may be that tell of one moment.
const MOMENT_MS: i64 = 20;

/// Moves that are tried of one recording: all of one with few calls, and a choice of a crowd's.
const MOVES: usize = 400;

/// Each channel has a thread of its own, so what different channels tell of one moment may come in
/// any order. One at a time.
#[test]
fn channels_may_overtake_each_other_by_one_packet() {
    let mut random = StdRng::seed_from_u64(3);
    for file in recordings() {
        let told = telling(&file);
        let expected = outlines(&told);
        let reach = |from: usize| {
            let passes = |other: &&Told| {
                let apart = (other.said.at - told[from].said.at).num_milliseconds();
                apart <= MOMENT_MS && other.channels.is_disjoint(&told[from].channels)
            };
            told[from + 1..].iter().take_while(passes).count()
        };
        let mut moves: Vec<_> =
            (0..told.len()).flat_map(|from| (from + 1..=from + reach(from)).map(move |to| (from, to))).collect();
        moves.shuffle(&mut random);
        for (from, to) in moves.into_iter().take(MOVES) {
            assert_eq!(outlines(&moved(&told, from, to)), expected, "{} {from} to {to}", file.display());
        }
    }
}

/// All at once, by chance: late ones, doubled ones, and such as have passed their neighbours.
#[test]
fn late_and_doubled_packets_change_no_call() {
    let mut random = StdRng::seed_from_u64(1);
    for file in recordings() {
        let told = telling(&file);
        let expected = outlines(&told);
        for round in 0..40 {
            let mixed = mixed(&told, &mut random);
            assert_eq!(outlines(&mixed), expected, "{} round {round}", file.display());
        }
    }
}

/// Told twice at times, or by two channels of one thing.
const DOUBLED: [&str; 7] = ["DialEnd", "Hold", "Unhold", "HangupRequest", "SoftHangupRequest", "BridgeLeave", "Hangup"];

fn mixed(told: &[Told], random: &mut StdRng) -> Vec<Told> {
    let status = ["QueueMemberStatus", "DeviceStateChange", "NewConnectedLine"];
    let mut mixed = told.to_vec();
    for index in (0..mixed.len()).rev() {
        let name = &*mixed[index].said.name;
        if LATE.contains(&name) || status.contains(&name) {
            let to = index + random.random_range(0..mixed.len() - index);
            let one = mixed.remove(index);
            mixed.insert(to, one);
        } else if DOUBLED.contains(&name) && random.random_bool(0.5) {
            let double = mixed[index].clone();
            mixed.insert(index + 1, double);
        }
    }
    for index in 1..mixed.len() {
        let apart = (mixed[index].said.at - mixed[index - 1].said.at).num_milliseconds();
        let may_pass = apart <= MOMENT_MS && mixed[index].channels.is_disjoint(&mixed[index - 1].channels);
        if may_pass && random.random_bool(0.1) {
            mixed.swap(index - 1, index);
        }
    }
    in_time(mixed)
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

/// Places at which the link of one recording is cut, evenly: every one, where few calls are up.
const LOOKS: usize = 40;

#[test]
fn looking_away_never_makes_a_certain_mistake() {
    for file in recordings() {
        let said: Vec<Said> = telling(&file).into_iter().map(|told| told.said).collect();
        driver::looks_away_anywhere(&said, 0, said.len().div_ceil(LOOKS), &file.to_string_lossy());
    }
}

/// What of a connection's bytes is read, in the pieces in which they come.
fn read_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, codec: AmiCodec) -> Vec<Vec<u8>> {
    let mut read = asterisk::Packets::default();
    read.begin(codec);
    let mut packets = Vec::new();
    for piece in pieces {
        read.unread.extend_from_slice(piece);
        while let Some((_, packet)) = read.next(recording::Arrival::Unsaid) {
            packets.push(packet.bytes().to_vec());
        }
    }
    packets
}

#[test]
fn bytes_may_come_one_by_one() {
    for file in recordings() {
        let bytes = std::fs::read(&file).expect("a recording");
        let bytes = &bytes[..bytes.len().min(60_000)];
        let whole = read_in_pieces([bytes], AmiCodec::default());
        assert!(whole.len() > 20, "{}", file.display());
        assert!(whole == read_in_pieces(bytes.chunks(1), AmiCodec::default()), "{}", file.display());
    }
}

/// A cut matters only to the packet in which it is, and to its neighbours.
#[test]
fn bytes_may_be_cut_anywhere() {
    for file in recordings().into_iter().step_by(60) {
        let bytes = std::fs::read(&file).expect("a recording");
        let packets = read_in_pieces([&bytes[..]], AmiCodec::default());
        for three in packets.windows(3).skip(20).take(100) {
            let text: Vec<u8> =
                three.iter().flat_map(|packet| [packet.trim_ascii_end(), &b"\r\n\r\n"[..]].concat()).collect();
            let whole = read_in_pieces([&text[..]], AmiCodec::without_banner());
            assert_eq!(whole.len(), 3, "{}", file.display());
            for cut in three[0].len()..three[0].len() + three[1].len() + 4 {
                let cut = [&text[..cut], &text[cut..]];
                assert!(whole == read_in_pieces(cut, AmiCodec::without_banner()), "{}", file.display());
            }
        }
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
