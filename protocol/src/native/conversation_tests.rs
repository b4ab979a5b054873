//! Our side alone: what is wrong with lines, and what holds a sender back.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::codec::MAX_LINE;
use super::conversation::{Conversation, EVENTS_PER_S, Heard, Heeded, Known, Over, WINDOW};
use super::mapping::Mapping;
use super::readme_tests::sample;
use super::wire::{Ask, FromUs};
use crate::event::CallEvent;
use crate::request::{Dialable, Request};
use crate::session::Answer;

struct Line {
    at: Instant,
    now: DateTime<Utc>,
    conversation: Conversation,
    mapping: Mapping,
    buffer: BytesMut,
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn queue(seq: u64) -> String {
    format!(r#"{{"type":"queue","seq":{seq},"at":"2026-11-18T10:26:00Z","queue":"support"}}"#) + "\n"
}

impl Line {
    fn new(known: Known) -> Line {
        let at = Instant::now();
        let mut mapping = Mapping::default();
        mapping.runs("1".into());
        let mut conversation = Conversation::new("hq", 1, known, 7, at);
        let welcome = std::mem::take(conversation.to_send());
        assert!(welcome.starts_with(b"{\"type\":\"welcome\""));
        Line { at, now: now(), conversation, mapping, buffer: BytesMut::new() }
    }

    fn says(&mut self, bytes: impl AsRef<[u8]>) -> Vec<Heard> {
        self.buffer.extend_from_slice(bytes.as_ref());
        let mut heard = Vec::new();
        self.conversation.receive(self.at, self.now, &mut self.buffer, &mut self.mapping, &mut heard);
        heard
    }

    fn told(&mut self) -> Vec<FromUs> {
        let bytes = std::mem::take(self.conversation.to_send());
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

fn seqs(heard: &[Heard]) -> Vec<u64> {
    heard.iter().filter_map(|heard| if let Heard::Line(line) = heard { Some(line.seq) } else { None }).collect()
}

#[test]
fn a_line_that_is_wrong_is_answered_by_its_number_and_the_next_is_heard() {
    let mut line = Line::new(Known::default());
    let wrong = r#"{"type":"call_held","seq":1,"at":"2026-11-18T10:26:00Z","call":"nowhere"}"#;
    let heard = line.says(format!("{wrong}\nnonsense\n{}\n{}", "x".repeat(MAX_LINE + 1), queue(2)));
    assert_eq!(seqs(&heard), [1, 2], "what bears a number counts");
    let told = line.told();
    let errors: Vec<(Option<u64>, Option<u64>, &str)> = told
        .iter()
        .map(|told| match told {
            FromUs::Error { line, seq, reason, closing: false } => (*line, *seq, reason.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(
        matches!(&errors[..], [(Some(2), Some(1), a), (Some(3), None, b), (Some(4), None, c)]
        if a.contains("no call nowhere") && b.contains("no JSON") && c.contains("65537 bytes")),
        "{errors:?}"
    );
    // Told again after a reconnect, it is passed by in silence.
    assert_eq!(line.says(format!("{wrong}\n")), []);
}

#[test]
fn a_hole_in_the_numbers_is_told_and_mended_by_a_snapshot() {
    let mut line = Line::new(Known { received: 4, kept: 4, last_at: None });
    let heard = line.says(queue(8));
    assert!(matches!(&heard[..], [Heard::Missed { from: 5, to: 7 }, Heard::Line(Heeded { seq: 8, .. })]), "{heard:?}");
    let told = line.told();
    let [FromUs::Error { seq: Some(8), .. }, FromUs::Resync { marker, .. }] = &told[..] else { panic!("{told:?}") };
    // It does not come, and is asked for again.
    line.at += Duration::from_secs(29);
    line.says("{\"type\":\"heartbeat\"}\n");
    line.at += Duration::from_secs(2);
    let mut heard = Vec::new();
    line.conversation.wake(line.at, &mut heard);
    let told = line.told();
    let again = told.iter().find_map(|told| if let FromUs::Resync { marker, .. } = told { Some(marker) } else { None });
    assert!(again.is_some_and(|again| again != marker), "{told:?}");
    let at = "\"at\":\"2026-11-18T10:26:00Z\"";
    let snapshot = format!(
        "{{\"type\":\"snapshot_began\",\"seq\":9,{at},\"marker\":\"m\"}}\n\
         {{\"type\":\"snapshot_ended\",\"seq\":10,{at},\"marker\":\"m\"}}\n"
    );
    let heard = line.says(snapshot);
    assert!(matches!(&heard[1], Heard::Line(told) if told.events == [CallEvent::SnapshotEnded]), "{heard:?}");
    line.at += Duration::from_secs(25);
    line.says("{\"type\":\"heartbeat\"}\n");
    line.conversation.wake(line.at + Duration::from_secs(10), &mut Vec::new());
    assert!(!line.told().iter().any(|told| matches!(told, FromUs::Resync { .. })), "it has come");
}

#[test]
fn what_was_told_before_is_acknowledged_when_it_is_kept_and_not_before() {
    let mut line = Line::new(Known { received: 5, kept: 3, last_at: None });
    assert_eq!(line.says(queue(4)), []);
    assert_eq!(line.told(), []);
    line.conversation.kept(line.at, 5);
    assert_eq!(line.told(), [FromUs::Ack { seq: 5 }]);
    assert_eq!(line.says(queue(2)), []);
    assert_eq!(line.told(), [FromUs::Ack { seq: 5 }]);
    assert_eq!(seqs(&line.says(queue(6))), [6]);
}

#[test]
fn too_much_that_is_not_on_disk_holds_the_sender_back() {
    let mut line = Line::new(Known::default());
    let all: String = (1..=WINDOW + 100).map(queue).collect();
    assert_eq!(seqs(&line.says(&all)).len() as u64, WINDOW);
    assert!(!line.conversation.is_ready(line.at));
    // It cannot be heard now, so it is not taken for dead.
    line.at += Duration::from_secs(3600);
    let mut heard = Vec::new();
    line.conversation.wake(line.at, &mut heard);
    assert_eq!(heard, []);
    line.conversation.kept(line.at, 50);
    assert_eq!(seqs(&line.says("")).len(), 50);
    line.conversation.kept(line.at, WINDOW);
    assert_eq!(seqs(&line.says("")).len(), 50);
    assert!(line.conversation.is_ready(line.at));
}

#[test]
fn a_sender_in_a_hurry_is_read_no_faster_and_told_so_once() {
    let mut line = Line::new(Known::default());
    let mut heard = 0;
    let started = line.at;
    let total = 3 * u64::from(EVENTS_PER_S);
    let mut next = 1;
    let mut complaints = 0;
    while heard < total {
        let burst: String = (next..=(next + 2000).min(total)).map(queue).collect();
        next = (next + 2000).min(total) + 1;
        let lines = seqs(&line.says(burst));
        heard += lines.len() as u64;
        if let Some(last) = lines.last() {
            line.conversation.kept(line.at, *last);
        }
        let slow = |told: &FromUs| matches!(told, FromUs::Error { reason, .. } if reason.contains("no faster"));
        complaints += line.told().iter().filter(|told| slow(told)).count();
        line.at += Duration::from_millis(50);
    }
    let took = line.at - started;
    assert!((1900..3500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(complaints, 1);
}

#[test]
fn silence_is_death_and_a_heartbeat_is_none() {
    let mut line = Line::new(Known::default());
    for _ in 0..10 {
        line.at += Duration::from_secs(25);
        line.says("{\"type\":\"heartbeat\"}\n");
        let mut heard = Vec::new();
        line.conversation.wake(line.at, &mut heard);
        assert_eq!((heard, line.told()), (vec![], vec![FromUs::Heartbeat {}]));
    }
    let request = Request::Hangup { leg: "c1".into() };
    line.conversation.ask(line.at, request.clone(), &mut Vec::new());
    line.at += Duration::from_secs(30);
    let mut heard = Vec::new();
    line.conversation.wake(line.at, &mut heard);
    assert_eq!(heard, [Heard::Answered { request, answer: Answer::Unknown }, Heard::Over(Over::Dead)]);
    assert!(!line.conversation.is_ready(line.at));
}

#[test]
fn a_request_is_answered_by_its_id() {
    let mut line = Line::new(Known::default());
    let originate = Request::Originate {
        agent: "1001".into(),
        to: Dialable::new("13800138000").unwrap(),
        leg: "ringback-1".into(),
    };
    let hangup = Request::Hangup { leg: "c1".into() };
    let mut heard = Vec::new();
    line.conversation.ask(line.at, originate.clone(), &mut heard);
    line.conversation.ask(line.at, hangup.clone(), &mut heard);
    let told = line.told();
    let [FromUs::Request { id: one, ask: Ask::Originate { leg, .. } }, FromUs::Request { id: two, .. }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(leg, "ringback-1");
    let answers = format!(
        "{{\"type\":\"answer\",\"id\":\"{two}\",\"done\":false,\"reason\":\"gone\"}}\n\
         {{\"type\":\"answer\",\"id\":\"{one}\",\"done\":true}}\n"
    );
    let no = Heard::Answered { request: hangup, answer: Answer::No("gone".into()) };
    assert_eq!(line.says(answers), [no, Heard::Answered { request: originate, answer: Answer::Done }]);
}

#[test]
fn times_stand_in_order_and_not_ahead_of_ours() {
    let mut line = Line::new(Known::default());
    let at = |seq: u64, at: DateTime<Utc>| {
        format!("{{\"type\":\"queue\",\"seq\":{seq},\"at\":\"{}\",\"queue\":\"a\"}}\n", at.to_rfc3339())
    };
    let second = TimeDelta::seconds(1);
    let told = [now() - second * 5, now() - second * 9, now() + second * 3600, now() - TimeDelta::days(4000)];
    let mut heard = Vec::new();
    for (seq, told) in (1..).zip(told) {
        heard.extend(line.says(at(seq, told)));
    }
    let times: Vec<i64> = heard
        .iter()
        .map(|heard| if let Heard::Line(line) = heard { (line.at - now()).num_seconds() } else { panic!() })
        .collect();
    assert_eq!(times, [-5, -5, 0, 0]);
}

/// Whatever lines are made of: no panic, and the next good line is heard.
#[test]
fn ten_thousand_mutated_lines_cost_nothing_but_themselves() {
    let sample = sample();
    let good: Vec<&str> = sample.lines().collect();
    let mut random = StdRng::seed_from_u64(7);
    let mut line = Line::new(Known::default());
    let mut seq = 0;
    for _ in 0..10_000 {
        let mut bytes = good[random.random_range(0..good.len())].as_bytes().to_vec();
        for _ in 0..random.random_range(1..4) {
            mutate(&mut bytes, &mut random);
        }
        bytes.retain(|byte| *byte != b'\n');
        bytes.push(b'\n');
        line.at += Duration::from_millis(1);
        let heard = line.says(&bytes);
        // A mutated number may be far ahead; whoever tells on goes on from there.
        seq = seqs(&heard).last().copied().unwrap_or(seq);
        if seq >= (1 << 53) - 2 {
            line = Line::new(Known::default());
            seq = 0;
        }
        seq += 1;
        let heard = line.says(queue(seq));
        assert!(
            matches!(heard.last(), Some(Heard::Line(told)) if told.seq == seq && told.events.len() == 1),
            "after {:?}: {heard:?}",
            String::from_utf8_lossy(&bytes)
        );
        line.conversation.kept(line.at, seq);
        line.told();
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    let at = random.random_range(0..=bytes.len());
    let end = random.random_range(at..=bytes.len());
    let odd: [&[u8]; 12] = [
        b"\0",
        b"\xff\xfe",
        b"\xc0\x80",
        "\u{85}\u{2028}".as_bytes(),
        b"{",
        b"}",
        b"\"",
        b"\\u0000",
        b"-1",
        b"1e400",
        b"18446744073709551615",
        b"[[[[[[[[",
    ];
    match random.random_range(0..6) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        3 => {
            let odd = odd[random.random_range(0..odd.len())];
            bytes.splice(at..at, odd.iter().copied());
        }
        4 => bytes.splice(at..at, std::iter::repeat_n(b'x', random.random_range(0..2 * MAX_LINE))).for_each(drop),
        _ => {
            if at < bytes.len() {
                bytes[at] = random.random();
            }
        }
    }
}

proptest! {
    #[test]
    fn bytes_may_come_in_any_pieces(cuts in prop::collection::vec(1usize..400, 1..40)) {
        let sample = sample();
        let mut whole = Line::new(Known::default());
        let expected = whole.says(&sample);
        let mut line = Line::new(Known::default());
        let (mut rest, mut heard) = (sample.as_bytes(), Vec::new());
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            heard.extend(line.says(piece));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(heard, expected);
    }
}
