use proptest::prelude::*;

use super::*;
use crate::testing::{self, decode_in};

const JSON: &[u8] =
    b"Content-Length: 44\nContent-Type: text/event-json\n\n{\"Event-Name\":\"HEARTBEAT\",\"Session-Count\":1}";
const PLAIN: &[u8] =
    b"Content-Length: 46\nContent-Type: text/event-plain\n\nEvent-Name: HEARTBEAT\nEvent-Info: a%0Ab%3A c\n\n";
const REPLY: &[u8] = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n";
const ANSWER: &[u8] = b"Content-Type: api/response\nContent-Length: 18\n\n{\"row_count\": 0}\n\n";

fn decode(bytes: &[u8]) -> Vec<Message> {
    decode_in(&[bytes], EslCodec::without_greeting())
}

fn frame(message: &Message) -> &Frame {
    match message {
        Message::Frame(frame) => frame,
        other => panic!("no frame: {other:?}"),
    }
}

fn damage(message: &Message) -> (Damage, usize) {
    match message {
        Message::Damaged(damaged) => (damaged.why, damaged.bytes),
        other => panic!("not damaged: {other:?}"),
    }
}

/// The recorded connections, of both encodings.
pub(crate) fn recordings() -> Vec<(String, Vec<u8>)> {
    testing::recordings("freeswitch-1.10", "esl")
}

/// What a frame is, as slowly and plainly as it can be said: for whole, undamaged input.
fn naive(bytes: &[u8]) -> Vec<(Vec<String>, Vec<u8>)> {
    let mut frames = Vec::new();
    let (mut headers, mut line, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        line.push(bytes[at]);
        at += 1;
        if line == b"\n" && !headers.is_empty() {
            let length = headers.iter().find_map(|header: &String| header.strip_prefix("Content-Length: "));
            let end = at + length.map_or(0, |digits| digits.parse::<usize>().unwrap());
            frames.push((std::mem::take(&mut headers), bytes[at..end].to_vec()));
            at = end;
            line.clear();
        } else if line.ends_with(b"\n") {
            headers.extend((line.len() > 1).then(|| String::from_utf8(line[..line.len() - 1].to_vec()).unwrap()));
            line.clear();
        }
    }
    frames
}

fn owned(messages: &[Message]) -> Vec<(Vec<String>, Vec<u8>)> {
    let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
    messages.iter().map(frame).map(|frame| (lines(&frame.headers).map(text).collect(), frame.body.to_vec())).collect()
}

#[test]
fn every_recording_reads_as_the_naive_parser_reads_it() {
    for (name, bytes) in recordings() {
        let messages = decode_in(&[&bytes], EslCodec::default());
        assert_eq!(frame(&messages[0]).content_type, ContentType::AuthRequest, "{name}");
        assert_eq!(owned(&messages), naive(&bytes), "{name}");
    }
}

#[test]
fn however_the_bytes_are_cut_the_frames_are_the_same() {
    for (name, bytes) in recordings() {
        let bytes = &bytes[..bytes.len().min(24_000)];
        let whole = decode_in(&[bytes], EslCodec::default());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode_in(&single, EslCodec::default()), whole, "{name}, a byte at a time");
    }
    for (name, bytes) in recordings().iter().take(2) {
        let bytes = &bytes[..9_000];
        let whole = decode_in(&[bytes], EslCodec::default());
        for at in 0..bytes.len() {
            let (left, right) = bytes.split_at(at);
            assert_eq!(decode_in(&[left, right], EslCodec::default()), whole, "{name} cut at {at}");
        }
    }
}

#[test]
fn headers_come_in_any_order_case_and_line_end() {
    let messages = decode(
        b"content-type: api/response\r\nContent-length: 3\r\n\r\n+OKContent-Type: command/reply\nReply-Text:+OK a: b\nJob-UUID: x\n\n",
    );
    assert_eq!(&frame(&messages[0]).body[..], b"+OK");
    let reply = frame(&messages[1]);
    assert_eq!((reply.content_type, reply.get(b"reply-text")), (ContentType::CommandReply, Some(&b"+OK a: b"[..])));
    assert_eq!((reply.get(b"Job-UUID"), reply.get(b"Job")), (Some(&b"x"[..]), None));
}

#[test]
fn frames_that_nobody_needs_are_passed_over() {
    let log = b"Content-Type: log/data\nContent-Length: 11\nLog-Level: 7\n\nlog\n\nline\n\n";
    let xml = b"Content-Length: 8\nContent-Type: text/event-xml\n\n<event/>";
    let messages = decode(&[REPLY, log, xml, JSON].concat());
    assert_eq!(messages.len(), 2);
    assert_eq!(frame(&messages[1]).content_type, ContentType::EventJson);
}

#[test]
fn a_length_counts_bytes_and_a_body_may_hold_frames() {
    let body = "王小明\n\nContent-Type: text/event-json\n\n";
    let bytes = format!("Content-Type: api/response\nContent-Length: {}\n\n{body}", body.len());
    let messages = decode(&[bytes.as_bytes(), ANSWER].concat());
    assert_eq!(frame(&messages[0]).body, body.as_bytes());
    assert_eq!(messages.len(), 2, "what callers send forges no frame");

    // The same within an event: its own length says where its body ends.
    let event = format!("Event-Name: BACKGROUND_JOB\nContent-Length: {}\n\n{body}", body.len());
    let bytes = format!("Content-Length: {}\nContent-Type: text/event-plain\n\n{event}", event.len());
    let messages = decode(&[bytes.as_bytes(), PLAIN].concat());
    assert_eq!(frame(&messages[0]).body, event.as_bytes());
    assert_eq!(messages.len(), 2);
}

#[test]
fn a_length_that_is_none_is_damage_and_never_an_allocation() {
    for (length, why) in [
        ("-1", Damage::Length),
        ("x", Damage::Length),
        ("", Damage::Length),
        ("1 2", Damage::Length),
        ("+5", Damage::Length),
        ("99999999999999999999", Damage::Length),
        ("2147483648", Damage::TooLong),
        ("1048577", Damage::TooLong),
    ] {
        let bad = format!("Content-Length: {length}\nContent-Type: text/event-json\n\n{{}}");
        let mut codec = EslCodec::without_greeting();
        let mut buffer = BytesMut::from(bad.as_bytes());
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.capacity() < 4 * MAX_TRUSTED, "{length}");
        buffer.extend_from_slice(JSON);
        assert_eq!(damage(&codec.decode(&mut buffer).unwrap().unwrap()), (why, bad.len()), "{length}");
        assert!(matches!(codec.decode(&mut buffer).unwrap(), Some(Message::Frame(_))));
    }
}

#[test]
fn answers_may_be_long_and_events_not() {
    let body = vec![b'x'; 3 * MAX_EVENT];
    let of = |content_type: &str| {
        [format!("Content-Type: {content_type}\nContent-Length: {}\n\n", body.len()).as_bytes(), &body, REPLY].concat()
    };
    let messages = decode(&of("api/response"));
    assert_eq!(frame(&messages[0]).body.len(), body.len());
    let messages = decode(&of("text/event-plain"));
    assert_eq!(damage(&messages[0]).0, Damage::TooLong);
    assert_eq!(frame(&messages[1]).content_type, ContentType::CommandReply);
}

#[test]
fn what_is_searched_is_not_held() {
    let mut codec = EslCodec::without_greeting();
    let mut buffer = BytesMut::from(&b"Content-Length: x\nContent-Type: text/event-json\n\n"[..]);
    for _ in 0..400 {
        buffer.extend_from_slice(&[b'o'; 60_000]);
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.len() <= MAX_TRUSTED);
    }
    buffer.extend_from_slice(JSON);
    assert_eq!(damage(&codec.decode(&mut buffer).unwrap().unwrap()).1, 49 + 400 * 60_000);
    assert!(matches!(codec.decode(&mut buffer).unwrap(), Some(Message::Frame(_))));
}

#[test]
fn a_length_that_lies_costs_its_own_frame_alone() {
    for lie in [10, 43, 45, 60, 94, 300] {
        let text = std::str::from_utf8(JSON).unwrap().replace("44", &lie.to_string());
        let messages = decode(&[REPLY, text.as_bytes(), JSON, PLAIN, ANSWER, JSON, JSON, JSON].concat());
        let good: Vec<_> = messages.iter().filter(|message| matches!(message, Message::Frame(_))).collect();
        assert_eq!(good.len(), 7, "{lie}: {messages:?}");
        assert_eq!(messages.iter().filter(|message| matches!(message, Message::Damaged(_))).count(), 1, "{lie}");
    }
}

/// The farewell is written by another thread, wherever the one that writes events just was.
#[test]
fn a_farewell_in_the_midst_of_a_frame_is_heard() {
    let notice = b"Content-Type: text/disconnect-notice\nContent-Length: 67\n\nDisconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n";
    for event in [JSON, PLAIN] {
        for at in 0..event.len() {
            for rest in [&event[at..], &b""[..]] {
                let messages = decode(&[event, &event[..at], notice, rest].concat());
                assert_eq!(frame(&messages[0]), frame(&decode(event)[0]));
                let heard = messages.iter().any(|message| match message {
                    Message::Frame(frame) => frame.content_type == ContentType::DisconnectNotice,
                    Message::Damaged(_) | Message::Stranger(_) => false,
                });
                assert!(heard, "at {at} of {}: {messages:?}", String::from_utf8_lossy(event));
            }
        }
    }
}

#[test]
fn a_rejection_and_a_stranger_are_told() {
    let rejected = decode_in(
        &[b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"],
        EslCodec::default(),
    );
    assert_eq!(frame(&rejected[0]).content_type, ContentType::RudeRejection);
    let greeted = |greeting: &[u8]| match decode_in(&[greeting], EslCodec::default()).remove(0) {
        Message::Stranger(line) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(greeted(b"SSH-2.0-OpenSSH_9.6\r\n"), "SSH-2.0-OpenSSH_9.6");
    assert_eq!(greeted(b"Asterisk Call Manager/11.0.0\r\n"), "Asterisk Call Manager/11.0.0");
    assert_eq!(greeted(&[b'x'; 5000]).len(), MAX_GREETING);
}

#[test]
fn the_end_inside_a_frame_is_told() {
    for at in 1..JSON.len() {
        let messages = decode(&[REPLY, &JSON[..at]].concat());
        assert_eq!(damage(&messages[1]), (Damage::Unterminated, at));
    }
    assert_eq!(decode(&[REPLY, b"\n\r\n"].concat()).len(), 1, "blank lines are no frame");
}

/// Damage of every kind that has been thought of, done to recorded frames.
#[test]
fn ten_thousand_damaged_frames_cost_no_other() {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for (_, bytes) in recordings().iter().filter(|(name, _)| name.starts_with("blind_transfer")) {
        frames.extend(
            decode_in(&[bytes], EslCodec::default())
                .iter()
                .map(frame)
                .map(|frame| [&frame.headers[..], &frame.body].concat()),
        );
    }
    let good: Vec<Message> = frames.iter().map(|frame| decode(frame).remove(0)).collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let splices: [&[u8]; 13] = [
        b"\0",
        b"%0A",
        b"%FF",
        "\u{85}".as_bytes(),
        b"\xc0\x8a",
        b"\r",
        b"\n",
        b"\n\n",
        b":",
        b"\"",
        b"Content-Length: 9\n",
        b"Content-Type: text/event-json\n\n",
        b"Content-Length: 1000000\nContent-Type: text/event-plain\n\n",
    ];
    let mut unlucky = 0;
    for round in 0..10_000 {
        // An answer's length is all that says where it ends: one that is torn takes others along.
        let nth = (1 + chance(frames.len() - 140)..).find(|nth| frame(&good[*nth]).is_event()).unwrap();
        let mut damaged = frames[nth].clone();
        let head = damaged.len().min(80);
        for _ in 0..=chance(3) {
            // Where it hurts: among the headers, as often as anywhere.
            let at = if chance(2) == 0 { chance(head) } else { chance(damaged.len().max(1)) }.min(damaged.len());
            let to = at + chance(damaged.len() - at + 1);
            match chance(6) {
                0 => damaged.truncate(at),
                1 => drop(damaged.drain(at..to)),
                2 => drop(damaged.splice(at..at, splices[chance(splices.len())].iter().copied())),
                3 => drop(damaged.splice(at..at, (0..129).flat_map(|n| format!("X-{n}: 1\n").into_bytes()))),
                4 => drop(
                    damaged.splice(at..at, std::iter::repeat_n(b'x', if round % 500 == 0 { MAX_EVENT } else { 5_000 })),
                ),
                _ => damaged.iter_mut().skip(at).take(3).for_each(|byte| *byte = byte.wrapping_add(13)),
            }
        }
        let after = nth + 1;
        let followed_by = |most: usize| {
            let mut bytes = [&frames[nth - 1][..], &damaged].concat();
            let whole = bytes.len() + most;
            for frame in frames[after..].iter() {
                bytes.extend_from_slice(frame);
                if bytes.len() > whole {
                    break;
                }
            }
            bytes
        };
        let lost_of =
            |messages: &[Message]| good[after..after + 4].iter().filter(|good| !messages.contains(good)).count();
        let mut bytes = followed_by(25_000);
        let mut messages = decode(&bytes);
        if lost_of(&messages) > 1 {
            // A length that lies high swallows what follows, and gives it back once it is known to lie.
            bytes = followed_by(2 * MAX_EVENT);
            messages = decode(&bytes);
        }
        assert!(messages.first() == Some(&good[nth - 1]), "round {round}");
        let lost = lost_of(&messages);
        // Nothing tells a torn frame of a type that nobody knows from a whole one.
        let head = headers_end(&damaged, 0).map(|end| Head::read(&damaged[..end]));
        let unknown = matches!(head, Some(Ok(Head { content_type: None, .. })));
        unlucky += usize::from(lost > 1);
        assert!(lost <= 1 || unknown, "round {round}: {:?}", String::from_utf8_lossy(&damaged));
        let pieces: Vec<&[u8]> = bytes.chunks(1 + chance(30_000)).collect();
        assert!(round % 50 > 0 || decode_in(&pieces, EslCodec::without_greeting()) == messages, "round {round}");
    }
    assert!(unlucky < 5, "{unlucky}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Undamaged frames of any content are what the naive parser makes of them.
    #[test]
    fn agrees_with_the_naive_parser(
        frames in prop::collection::vec((prop::collection::vec(("[A-Za-z-]{1,12}", "[ -~]{0,40}"), 0..6), prop::collection::vec(any::<u8>(), 0..200), 0usize..40), 1..6),
        cut in 1usize..400,
    ) {
        let mut bytes = Vec::new();
        for (headers, body, nth) in frames {
            for (at, (key, value)) in headers.iter().enumerate() {
                if at == nth % (headers.len() + 1) {
                    bytes.extend_from_slice(b"Content-Type: api/response\n");
                }
                bytes.extend_from_slice(format!("X-{key}: {value}\n").as_bytes());
            }
            if headers.is_empty() || nth % (headers.len() + 1) == headers.len() {
                bytes.extend_from_slice(b"Content-Type: api/response\n");
            }
            bytes.extend_from_slice(format!("Content-Length: {}\n\n", body.len()).as_bytes());
            bytes.extend_from_slice(&body);
        }
        let messages = decode(&bytes);
        prop_assert_eq!(owned(&messages), naive(&bytes));
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        prop_assert_eq!(decode_in(&pieces, EslCodec::without_greeting()), messages);
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 1usize..99) {
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        let whole = decode_in(&[&bytes], EslCodec::default());
        prop_assert_eq!(decode_in(&pieces, EslCodec::default()), whole);
    }
}
