//! The README's lines are the README's word: each is valid by the schema, and together they are one
//! conversation that is understood from its first line to its last.

use std::time::Instant;

use bytes::BytesMut;
use chrono::DateTime;

use super::SCHEMA;
use super::codec::Line;
use super::conversation::{self, Conversation, Heard, Known};
use super::mapping::Mapping;
use super::wire::{FromSender, FromUs};
use crate::event::CallEvent;

const README: &str = include_str!("../../README.md");

/// The lines of the fences of this kind, in order.
fn lines(fence: &str) -> Vec<&'static str> {
    let mut lines = README.lines();
    let mut found = Vec::new();
    while lines.any(|line| line == fence) {
        found.extend(lines.by_ref().take_while(|line| *line != "```"));
    }
    found
}

/// What the sender of the README tells, without its hello.
pub fn sample() -> String {
    let told = lines("```json sender").into_iter().filter(|line| line.contains("\"seq\""));
    told.map(|line| line.to_owned() + "\n").collect()
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

#[test]
fn every_line_of_the_readme_is_valid_and_understood() {
    let validator = validator();
    let (theirs, ours) = (lines("```json sender"), lines("```json ringback"));
    assert!(theirs.len() > 60 && ours.len() > 8, "{} and {}", theirs.len(), ours.len());
    for line in theirs.iter().chain(&ours) {
        let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{line}: {wrong:?}");
    }
    for line in theirs {
        FromSender::parse(line.as_bytes()).unwrap_or_else(|wrong| panic!("{line}: {wrong:?}"));
    }
    for line in ours {
        let read: FromUs = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::from_str::<serde_json::Value>(line).unwrap());
    }
}

#[test]
fn the_readmes_conversation_says_what_it_should_and_every_kind_of_line_is_in_it() {
    let hello = lines("```json sender")[0];
    let hello = conversation::hello(&Line::Whole(hello.as_bytes().to_vec().into())).expect("a hello first");
    let mut mapping = Mapping::default();
    mapping.runs(hello.boot.as_str().into());
    let at = Instant::now();
    let mut conversation = Conversation::new("hq", 1, Known::default(), 1, at);
    let mut heard = Vec::new();
    let mut buffer = BytesMut::from(sample().as_bytes());
    let now = DateTime::from_timestamp(1_795_600_000, 0).unwrap();
    conversation.receive(at, now, &mut buffer, &mut mapping, &mut heard);
    let mut events = Vec::new();
    for heard in heard {
        match heard {
            Heard::Line(line) => {
                assert!(!line.events.is_empty(), "{} says nothing", line.line);
                events.extend(line.events);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events.iter().filter(|event| **event == CallEvent::SnapshotEnded).count(), 2);
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let kinds = |side: &str| -> Vec<String> {
        let all = schema["$defs"][side]["oneOf"].as_array().unwrap().iter();
        all.map(|kind| kind["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    for (side, fence) in [("from_sender", "```json sender"), ("from_ringback", "```json ringback")] {
        for kind in kinds(side) {
            let shown = lines(fence).iter().any(|line| line.contains(&format!("\"type\":\"{kind}\"")));
            assert!(shown, "no example of {kind} from {side}");
        }
    }
}

#[test]
fn the_schema_refuses_what_the_socket_refuses() {
    let validator = validator();
    let wrong = |line: &str| {
        let refused = !validator.is_valid(&serde_json::from_str(line).unwrap());
        assert!(refused && FromSender::parse(line.as_bytes()).is_err(), "{line} passes");
    };
    for told in sample().lines() {
        let value: serde_json::Value = serde_json::from_str(told).unwrap();
        let mut strange = value.clone();
        strange["strange"] = 1.into();
        wrong(&strange.to_string());
        for missing in ["seq", "at", "type"] {
            let mut without = value.clone();
            without.as_object_mut().unwrap().remove(missing);
            wrong(&without.to_string());
        }
    }
    for (field, value) in [("call", "a b"), ("call", "a/b"), ("call", ""), ("agent", "1001&x"), ("direction", "up")] {
        let mut line: serde_json::Value =
            serde_json::from_str(r#"{"type":"call_started","seq":1,"at":"2026-11-21T20:43:19Z","call":"a"}"#).unwrap();
        line[field] = value.into();
        wrong(&line.to_string());
    }
}
