use proptest::prelude::*;

use super::*;
use crate::testing::{self, decode_in};

const PACKET: &[u8] = b"Event: Newstate\r\nPrivilege: call,all\r\nChannel: PJSIP/1001-0000002a\r\nAccountCode: \r\nUniqueid: lab-1.2\r\n\r\n";

fn decode(bytes: &[u8]) -> Vec<Frame> {
    decode_in(&[bytes], AmiCodec::without_banner())
}

fn fields(frame: &Frame) -> Vec<(&[u8], &[u8])> {
    match frame {
        Frame::Packet(packet) => packet.fields().collect(),
        other => panic!("no packet: {other:?}"),
    }
}

fn damage(frame: &Frame) -> (Damage, usize) {
    match frame {
        Frame::Damaged(damaged) => (damaged.why, damaged.bytes),
        other => panic!("not damaged: {other:?}"),
    }
}

fn recordings() -> Vec<(String, Vec<u8>)> {
    testing::recordings("asterisk-22", "ami")
}

/// What a packet is, as slowly and plainly as it can be said: for whole, undamaged CRLF input.
fn naive(bytes: &[u8]) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut packets = vec![Vec::new()];
    let mut line = Vec::new();
    for &byte in bytes {
        line.push(byte);
        let blank = line == b"\r\n" || (line == b"\n" && !packets.last().unwrap().is_empty());
        if blank {
            packets.push(Vec::new());
            line.clear();
        } else if line.ends_with(b"\r\n") {
            line.truncate(line.len() - 2);
            let colon = line.iter().position(|&byte| byte == b':').unwrap();
            let mut value = line[colon + 1..].to_vec();
            if value.first() == Some(&b' ') {
                value.remove(0);
            }
            packets.last_mut().unwrap().push((line[..colon].to_vec(), value));
            line.clear();
        }
    }
    packets.retain(|packet| !packet.is_empty());
    packets
}

fn owned(frames: &[Frame]) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    frames
        .iter()
        .map(|frame| fields(frame).into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
        .collect()
}

#[test]
fn every_recording_reads_as_the_naive_parser_reads_it() {
    for (name, bytes) in recordings() {
        let frames = decode_in(&[&bytes], AmiCodec::default());
        let Frame::Banner(banner) = &frames[0] else { panic!("{name}: no banner") };
        assert_eq!(banner.version, Some((11, 0, 0)), "{name}");
        let after = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        assert_eq!(owned(&frames[1..]), naive(&bytes[after..]), "{name}");
    }
}

#[test]
fn however_the_bytes_are_cut_the_packets_are_the_same() {
    for (name, bytes) in recordings() {
        let bytes = &bytes[..bytes.len().min(24_000)];
        let whole = decode_in(&[bytes], AmiCodec::default());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode_in(&single, AmiCodec::default()), whole, "{name}, a byte at a time");
    }
    let (name, bytes) = &recordings()[0];
    let bytes = &bytes[..4_000];
    let whole = decode_in(&[bytes], AmiCodec::default());
    for at in 0..bytes.len() {
        let (left, right) = bytes.split_at(at);
        assert_eq!(decode_in(&[left, right], AmiCodec::default()), whole, "{name} cut at {at}");
    }
}

#[test]
fn several_packets_in_one_segment() {
    let frames = decode(&[PACKET, PACKET, PACKET].concat());
    assert_eq!(frames.len(), 3);
    for frame in &frames {
        let Frame::Packet(packet) = frame else { panic!("{frame:?}") };
        assert_eq!(packet.event(), Some(&b"Newstate"[..]));
        assert_eq!(packet.response(), None);
        assert_eq!(packet.get(b"CHANNEL"), Some(&b"PJSIP/1001-0000002a"[..]));
        assert_eq!(packet.get(b"AccountCode"), Some(&b""[..]));
        assert_eq!(packet.get(b"Account"), None);
    }
}

#[test]
fn values_keep_colons_blanks_and_bare_line_feeds() {
    let frames = decode(b"Response: Error\r\nMessage:  maximum of 149\n: x \r\nUserField:a:b\r\nEmpty:\r\n\r\n");
    let expected: Vec<(&[u8], &[u8])> =
        vec![(b"Response", b"Error"), (b"Message", b" maximum of 149\n: x "), (b"UserField", b"a:b"), (b"Empty", b"")];
    assert_eq!(fields(&frames[0]), expected);
}

#[test]
fn repeated_and_mixed_case_keys_are_kept_in_order() {
    let frames = decode(b"Event: Rename\r\nChanVariable: a=1\r\nchanvariable: b=2\r\n\r\n");
    let expected: Vec<(&[u8], &[u8])> =
        vec![(b"Event", b"Rename"), (b"ChanVariable", b"a=1"), (b"chanvariable", b"b=2")];
    assert_eq!(fields(&frames[0]), expected);
    let Frame::Packet(packet) = &frames[0] else { unreachable!() };
    assert_eq!(packet.get(b"CHANVARIABLE"), Some(&b"a=1"[..]));
}

#[test]
fn the_first_header_alone_says_what_a_packet_is() {
    let frames =
        decode(b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: 1-2\r\nResponse: Failure\r\n\r\n");
    let Frame::Packet(packet) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(packet.event(), Some(&b"OriginateResponse"[..]));
    assert_eq!(packet.response(), None);
    assert_eq!(packet.get(b"response"), Some(&b"Failure"[..]));
}

#[test]
fn a_packet_may_end_in_crlf_lf() {
    let frames = decode(&[b"Event: CoreShowChannelMapComplete\r\nListItems: 0\r\n\n", PACKET].concat());
    assert_eq!(frames.len(), 2);
    assert_eq!(fields(&frames[0])[1], (&b"ListItems"[..], &b"0"[..]));
    assert_eq!(fields(&frames[1])[0], (&b"Event"[..], &b"Newstate"[..]));
}

#[test]
fn a_peer_of_bare_line_feeds_is_understood() {
    let frames = decode(b"Event: A\nKey: v\n\nEvent: B\n\n");
    assert_eq!(frames.len(), 2);
    assert_eq!(fields(&frames[0])[1], (&b"Key"[..], &b"v"[..]));
}

#[test]
fn names_in_another_charset_pass_as_bytes() {
    let frames = decode(b"Event: Newchannel\r\nCallerIDName: \xCD\xF5\xD0\xA1\xC3\xF7\r\n\r\n");
    assert_eq!(super::super::fields::text(fields(&frames[0])[1].1), "王小明");
}

#[test]
fn banners_are_read_and_strange_ones_marked() {
    let version = |greeting: &[u8]| match &decode_in(&[greeting, PACKET], AmiCodec::default())[..] {
        [Frame::Banner(banner), Frame::Packet(_)] => banner.version,
        other => panic!("{other:?}"),
    };
    assert_eq!(version(b"Asterisk Call Manager/11.0.0\r\n"), Some((11, 0, 0)));
    assert_eq!(version(b"Some Fork Call Manager/5.0.5+x\r\n"), Some((5, 0, 5)));
    assert_eq!(version(b"Asterisk Call Manager/1.1\r\n"), Some((1, 1, 0)));
    assert_eq!(version(b"SSH-2.0-OpenSSH_9.6\r\n"), None);
    assert_eq!(version(b"Call Manager/x\n"), None);
    assert!(matches!(&decode_in(&[PACKET], AmiCodec::default())[..], [Frame::Packet(_)]), "no banner at all");
    let endless = vec![b'x'; 5000];
    assert!(matches!(&decode_in(&[&endless], AmiCodec::default())[0], Frame::Banner(Banner { version: None, .. })));
}

#[test]
fn long_values_pass_and_longer_ones_are_skipped() {
    let with = |bytes: usize| [b"Event: VarSet\r\nValue: ", &vec![b'v'; bytes][..], b"\r\n\r\n"].concat();
    let frames = decode(&with(200_000));
    assert_eq!(fields(&frames[0])[1].1.len(), 200_000);

    let long = with(MAX_LINE + 1);
    for pieces in [vec![&long[..], PACKET], long.chunks(7000).chain([PACKET]).collect()] {
        let frames = decode_in(&pieces, AmiCodec::without_banner());
        assert_eq!(frames.len(), 2);
        assert_eq!(damage(&frames[0]), (Damage::LineTooLong, long.len()));
        assert_eq!(fields(&frames[1])[0].1, b"Newstate");
    }
}

#[test]
fn a_packet_over_the_cap_is_skipped_without_being_held() {
    let line = [b"Output: ", &vec![b'o'; 60_000][..], b"\r\n"].concat();
    let mut codec = AmiCodec::without_banner();
    let mut buffer = BytesMut::from(&b"Response: Success\r\n"[..]);
    let mut most = 0;
    for _ in 0..400 {
        buffer.extend_from_slice(&line);
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        most = most.max(buffer.len());
    }
    assert!(most <= MAX_PACKET + line.len() && buffer.len() < 100);
    buffer.extend_from_slice(b"\r\n");
    buffer.extend_from_slice(PACKET);
    let bytes = 19 + 400 * line.len() + 2;
    assert_eq!(codec.decode(&mut buffer).unwrap(), Some(Frame::Damaged(Damaged { why: Damage::PacketTooLong, bytes })));
    assert!(matches!(codec.decode(&mut buffer).unwrap(), Some(Frame::Packet(_))));
}

#[test]
fn a_torn_packet_is_told_and_the_one_glued_to_it_is_read() {
    let torn: [(&[u8], Damage); 5] = [
        (b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: x\r\n", Damage::Glued),
        (b"Event: Newchannel\r\nPrivilege: call,all\r\nChan", Damage::Glued),
        (b"Event: Newchannel\r\nPrivilege: call,all\r\nCallerIDNum: 136", Damage::Glued),
        (b"nel: PJSIP/1001\r\nContext: x\r\n", Damage::UnknownStart),
        (b"Event: Newchannel\r\nPrivilege: call,all\r\nCallerIDNum\r\n\r\n", Damage::LineWithoutColon),
    ];
    for (torn, why) in torn {
        let frames = decode(&[PACKET, torn, PACKET, PACKET].concat());
        assert_eq!(frames.len(), 4, "{}: {frames:?}", String::from_utf8_lossy(torn));
        assert_eq!(damage(&frames[1]), (why, torn.len()));
        assert_eq!([&frames[2], &frames[3]], [&frames[0]; 2]);
    }
    let twice = b"Event: QueueMember\r\nActionID: 1\r\nName: AgeEvent: QueueMember\r\nActionID: 1\r\n\r\n";
    let frames = decode(twice);
    assert_eq!(damage(&frames[0]), (Damage::Glued, 42));
    assert_eq!(fields(&frames[1]), [(&b"Event"[..], &b"QueueMember"[..]), (b"ActionID", b"1")]);
}

#[test]
fn the_body_of_a_user_event_is_free() {
    let sent =
        b"Event: UserEvent\r\nPrivilege: user,all\r\nUniqueid: 1\r\nUserEvent: x\r\nEvent: y\r\nUniqueid: 2\r\n\r\n";
    assert_eq!(fields(&decode(sent)[0]).len(), 6);
    // As Asterisk 22 sends back what was asked for by `Action: UserEvent`.
    let echoed = b"Event: UserEvent\r\nPrivilege: user,all\r\nSystemName: lab\r\nUserEvent: x\r\nActionID: 9\r\n\r\n";
    assert_eq!(fields(&decode(echoed)[0]).len(), 5);
}

#[test]
fn the_end_of_the_connection_inside_a_packet_is_told() {
    let frames = decode(&[PACKET, &PACKET[..40]].concat());
    assert_eq!(frames.len(), 2);
    assert_eq!(damage(&frames[1]), (Damage::Unterminated, 40));
    assert_eq!(decode(&[PACKET, b"\r\n"].concat()).len(), 1, "blank lines are no packet");
}

#[test]
fn a_caller_named_like_a_packet_tears_nothing() {
    for name in ["Event: Hangup", "Response: Success", "x Event: Newchannel"] {
        let sent = format!(
            "Event: Newchannel\r\nPrivilege: call,all\r\nCallerIDNum: 1\r\nCallerIDName: {name}\r\n\
             ConnectedLineNum: <unknown>\r\nChanVariable: a=1\r\nChanVariable: b=2\r\nUniqueid: 1.1\r\n\r\n"
        );
        let frames = decode(sent.as_bytes());
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(fields(&frames[0]).len(), 8);
    }
}

#[test]
fn a_list_s_torn_item_does_not_take_the_next_one_along() {
    let item = b"Event: QueueParams\r\nQueue: support\r\nMax: 0\r\nActionID: 7-3\r\n\r\n";
    for cut in 1..item.len() - 2 {
        let frames = decode(&[PACKET, &item[..cut], item, PACKET].concat());
        let whole = |frame: &&Frame| matches!(frame, Frame::Packet(packet) if packet.get(b"Max") == Some(b"0"));
        let good = frames.iter().filter(whole).count();
        // Torn before any header that could come again, nothing tells it from a long value.
        let tells = cut >= b"Event: QueueParams\r\nQueue: s".len();
        assert!(good >= usize::from(tells), "cut at {cut}: {frames:?}");
        assert_eq!(frames.last(), frames.first());
    }
}

/// Damage of every kind that has been seen or thought of, done to recorded packets.
#[test]
fn ten_thousand_damaged_packets_cost_no_other() {
    let recording = recordings().into_iter().find(|(name, _)| name == "burst.ami").unwrap().1;
    let mut packets: Vec<&[u8]> = Vec::new();
    let mut rest = &recording[recording.iter().position(|&byte| byte == b'\n').unwrap() + 1..];
    while let Some(end) = memmem::find(rest, b"\r\n\r\n") {
        packets.push(&rest[..end + 4]);
        rest = &rest[end + 4..];
    }
    let good: Vec<Frame> = packets.iter().map(|packet| decode(packet).remove(0)).collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let splices: [&[u8]; 14] = [
        b"\0",
        b"%0A",
        b"%FF",
        "\u{85}".as_bytes(),
        b"\xc0\x8a",
        b"\xff",
        b"\r",
        b"\n",
        b"\r\n",
        b":",
        b"\r\nUniqueid: 1\r\nUniqueid: 2\r\n",
        b"\r\nResponse: Follows\r\n",
        b"Event: ",
        b"\r\n\r\n",
    ];
    for round in 0..10_000 {
        let nth = 1 + chance(packets.len() - 3);
        let mut damaged = packets[nth].to_vec();
        for _ in 0..=chance(3) {
            let at = chance(damaged.len().max(1));
            let to = at + chance(damaged.len() - at + 1);
            match chance(7) {
                0 => damaged.truncate(at),
                1 => drop(damaged.drain(at..to)),
                2 => drop(damaged.splice(at..at, splices[chance(splices.len())].iter().copied())),
                3 => damaged.retain(|byte| *byte != b'\r'),
                4 => drop(damaged.splice(at..at, (0..129).flat_map(|n| format!("X-{n}: 1\r\n").into_bytes()))),
                5 => drop(
                    damaged.splice(at..at, std::iter::repeat_n(b'x', if round % 500 == 0 { MAX_LINE } else { 5_000 })),
                ),
                _ => damaged.iter_mut().skip(at).take(3).for_each(|byte| *byte = byte.wrapping_add(13)),
            }
            if damaged.is_empty() {
                break;
            }
        }
        let bytes = [packets[nth - 1], &damaged, packets[nth + 1], packets[nth + 2]].concat();
        let frames = decode(&bytes);
        let shown = || String::from_utf8_lossy(&bytes).into_owned();
        assert!(frames.first() == Some(&good[nth - 1]), "round {round}: {}", shown());
        assert!(frames.last() == Some(&good[nth + 2]), "round {round}: {}", shown());
        if damaged.ends_with(b"\r\n\r\n") {
            assert!(frames[frames.len() - 2] == good[nth + 1], "round {round}: {}", shown());
        }
        let pieces: Vec<&[u8]> = bytes.chunks(1 + chance(3_000)).collect();
        assert!(
            round % 4 > 0 || decode_in(&pieces, AmiCodec::without_banner()) == frames,
            "round {round}: {}",
            shown()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens to one packet, nothing panics and the packets after the next are read.
    #[test]
    fn a_mutated_packet_costs_at_most_the_one_after_it(
        changes in prop::collection::vec((0usize..PACKET.len(), any::<u8>(), 0u8..4), 1..6),
        cut in 1usize..400,
    ) {
        let mut mutated = PACKET.to_vec();
        for (at, byte, how) in changes {
            let at = at.min(mutated.len().saturating_sub(1));
            match how {
                0 if !mutated.is_empty() => mutated[at] = byte,
                1 if !mutated.is_empty() => { mutated.remove(at); }
                2 => mutated.insert(at, byte),
                _ => mutated.truncate(at),
            }
        }
        let bytes = [PACKET, &mutated, PACKET, PACKET].concat();
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        let frames = decode_in(&pieces, AmiCodec::without_banner());
        let good = Frame::Packet(match decode(PACKET).remove(0) { Frame::Packet(packet) => packet, other => panic!("{other:?}") });
        prop_assert_eq!(frames.first(), Some(&good));
        prop_assert_eq!(frames.last(), Some(&good));
        prop_assert_eq!(&frames, &decode(&bytes), "pieces make no difference");
    }

    /// Undamaged packets of any content are what the naive parser makes of them.
    #[test]
    fn agrees_with_the_naive_parser(
        packets in prop::collection::vec(prop::collection::vec(("[A-Za-z-]{1,12}", prop::collection::vec(any::<u8>(), 0..40)), 0..8), 1..6),
    ) {
        let mut bytes = Vec::new();
        for packet in packets {
            bytes.extend_from_slice(b"Event: Any\r\n");
            for (key, mut value) in packet {
                value.retain(|byte| *byte != b'\r');
                bytes.extend_from_slice(format!("X-{key}: ").as_bytes());
                bytes.extend_from_slice(&value);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"\r\n");
        }
        prop_assert_eq!(owned(&decode(&bytes)), naive(&bytes));
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_in(&[&bytes], AmiCodec::default());
    }
}
