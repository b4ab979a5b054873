use std::collections::BTreeMap;

use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::Value as Oracle;
use tokio_util::codec::Decoder;

use super::super::codec::tests::recordings;
use super::super::codec::{EslCodec, Message};
use super::*;

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let (mut codec, mut buffer, mut frames) = (EslCodec::default(), BytesMut::from(bytes), Vec::new());
    while let Some(message) = codec.decode(&mut buffer).unwrap() {
        match message {
            Message::Frame(frame) => frames.push(frame),
            other => panic!("{other:?}"),
        }
    }
    frames
}

fn headers(event: &Event<'_>) -> BTreeMap<Header, String> {
    Header::ALL.iter().filter_map(|header| Some((*header, event.get(*header)?.into_owned()))).collect()
}

#[test]
fn every_recorded_json_event_reads_as_serde_json_reads_it() {
    let mut seen = 0;
    for (name, bytes) in recordings() {
        for frame in frames(&bytes).iter().filter(|frame| frame.content_type == ContentType::EventJson) {
            let event = Event::read(frame).unwrap();
            let oracle: BTreeMap<String, Oracle> = serde_json::from_slice(&frame.body).unwrap();
            // A clone of an event has all its headers twice, and a map keeps the last.
            if oracle["Event-Name"] != *event.get(Header::EventName).unwrap() {
                continue;
            }
            for header in Header::ALL {
                let expected = oracle.get(header.name()).map(|value| match value {
                    Oracle::Array(list) => list[0].as_str().unwrap(),
                    value => value.as_str().unwrap(),
                });
                let expected = expected.filter(|value| !value.is_empty());
                assert_eq!(event.get(*header).as_deref(), expected, "{name}: {}", header.name());
                seen += usize::from(expected.is_some());
            }
            assert_eq!(event.body(), oracle.get("_body").and_then(Oracle::as_str).unwrap_or_default());
        }
    }
    assert!(seen > 30_000, "{seen}");
}

#[test]
fn every_recorded_plain_event_reads_as_its_lines_say() {
    let mut seen = 0;
    for (name, bytes) in recordings() {
        for frame in frames(&bytes).iter().filter(|frame| frame.content_type == ContentType::EventPlain) {
            let event = Event::read(frame).unwrap();
            let text = std::str::from_utf8(&frame.body).unwrap();
            let (head, body) = text.split_once("\n\n").unwrap();
            for header in Header::ALL {
                let line = head.lines().find_map(|line| line.strip_prefix(header.name())?.strip_prefix(": "));
                let decoded = line.map(|value| String::from_utf8(percent_decode(value.as_bytes())).unwrap());
                let expected = decoded.as_deref().map(|value| match value.strip_prefix("ARRAY::") {
                    Some(list) => list.split("|:").next().unwrap(),
                    None => value,
                });
                assert_eq!(event.get(*header).as_deref(), expected, "{name}: {}", header.name());
                seen += usize::from(expected.is_some());
            }
            assert_eq!(event.body(), body);
        }
    }
    assert!(seen > 30_000, "{seen}");
}

#[test]
fn both_encodings_say_the_same() {
    let plain = b"Event-Name: CUSTOM\nEvent-Subclass: callcenter%3A%3Ainfo\nCC-Agent-Status: %E7%8E%8B%0A%22x%22\n\
        Caller-Caller-ID-Name: \xCD\xF5 100% %zz %4\nvariable_cc_queue: ARRAY%3A%3Aa%7C%3Ab%3Ac\nCC-Action: _undef_\n\
        Hangup-Cause: FIRST\nHangup-Cause: SECOND\nContent-Length: 5\n\n+OK x";
    let json = b"{\"Event-Name\":\"CUSTOM\",\"Event-Subclass\":\"callcenter::info\",\"CC-Agent-Status\":\"\xE7\x8E\x8B\\n\\\"x\\\"\",\
        \"Caller-Caller-ID-Name\":\"\xCD\xF5 100% %zz %4\",\"variable_cc_queue\":[\"a\",\"b:c\"],\"CC-Action\":\"\",\
        \"Hangup-Cause\":\"FIRST\",\"Hangup-Cause\":\"SECOND\",\"Content-Length\":\"5\",\"_body\":\"+OK x\"}";
    let (plain, json) = (Event::from_plain(plain).unwrap(), Event::from_json(json).unwrap());
    assert_eq!(headers(&plain), headers(&json));
    assert_eq!((plain.body(), json.body()), ("+OK x".into(), "+OK x".into()));
    assert_eq!(plain.get(Header::CcAgentStatus).as_deref(), Some("王\n\"x\""));
    assert_eq!(plain.get(Header::CallerIdName).as_deref(), Some("王 100% %zz %4"));
    assert_eq!(plain.get(Header::VarCcQueue).as_deref(), Some("a"));
    assert_eq!(plain.get(Header::HangupCause).as_deref(), Some("FIRST"));
    assert_eq!((plain.get(Header::CcAction), json.get(Header::CcAction)), (None, None));
    assert_eq!(json.get(Header::UniqueId), None);
}

#[test]
fn a_caller_s_name_forges_no_header() {
    for name in
        ["%0AUnique-ID%3A%20forged", "%0D%0AUnique-ID: forged", "\u{85}Unique-ID: forged", "%250AUnique-ID%253A"]
    {
        let plain = format!("Event-Name: CHANNEL_CREATE\nCaller-Caller-ID-Name: {name}\nUnique-ID: real\n\n");
        let event = Event::from_plain(plain.as_bytes()).unwrap();
        assert_eq!(event.get(Header::UniqueId).as_deref(), Some("real"), "{name}");
    }
    let json = br#"{"Caller-Caller-ID-Name":"\",\"Unique-ID\":\"forged","Unique-ID":"real"}"#;
    assert_eq!(Event::from_json(json).unwrap().get(Header::UniqueId).as_deref(), Some("real"));
}

#[test]
fn what_is_no_event_is_refused() {
    for bad in [&b"{\"a\":"[..], b"", b"[]", b"{}x"] {
        assert_eq!(Event::from_json(bad).err(), Some(NotAnEvent::Malformed));
    }
    assert_eq!(Event::from_plain(b"Event-Name: X\nno header\n\n").err(), Some(NotAnEvent::Malformed));
}

#[test]
fn each_header_is_found_by_its_name() {
    for header in Header::ALL {
        assert_eq!(lookup(header.name().as_bytes()), Some(*header));
        assert_eq!(lookup(format!("{}x", header.name()).as_bytes()), None);
    }
    assert_eq!((lookup(b""), lookup(b"variable_rtp_local_sdp_str")), (None, None));
}

proptest! {
    /// A value comes out as it went in, whatever FreeSWITCH percent-encodes of it.
    #[test]
    fn any_value_comes_through(value in "[ -~王é]{1,30}", encode in any::<u64>()) {
        let encoded: String = value.bytes().enumerate().map(|(nth, byte)| {
            let must = !byte.is_ascii_alphanumeric();
            if must || encode >> (nth % 64) & 1 == 1 { format!("%{byte:02X}") } else { (byte as char).to_string() }
        }).collect();
        prop_assume!(!value.starts_with("ARRAY::"));
        let plain = format!("Event-Name: X\nCaller-Caller-ID-Name: {encoded}\n\n");
        let event = Event::from_plain(plain.as_bytes()).unwrap();
        prop_assert_eq!(event.get(Header::CallerIdName), Some(value.into()));
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for event in [Event::from_plain(&bytes), Event::from_json(&bytes)].into_iter().flatten() {
            let _ = format!("{event:?}");
        }
    }
}
