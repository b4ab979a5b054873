//! What a sender of the native socket told, read again: its lines, by their numbers. Lines that come
//! twice are heard once; where some are missing, what is up is not known any more.
//!
//! A recording without `hello`, as `ringback send` takes it, is of one source.

use std::collections::BTreeMap;

use bytes::BytesMut;
use protocol::CallEvent;
use protocol::event::BootId;
use protocol::native::codec::{Line, Lines};
use protocol::native::mapping::Mapping;
use protocol::native::wire::{FromSender, Hello, Numbered};

use super::recording::{Arrival, Clock};
use crate::Time;

/// What follows from a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// All that is told from now on is of this run of the PBX.
    Runs(BootId),
    /// Something was never told.
    Missed,
    Event(CallEvent),
}

#[derive(Debug, Default)]
pub struct Reader {
    lines: Lines,
    unread: BytesMut,
    mapping: Mapping,
    clock: Clock,
    /// The source that speaks, its PBX's run, and the last line of each source.
    source: Option<(Box<str>, BootId)>,
    told: BTreeMap<Box<str>, u64>,
}

impl Reader {
    /// What comes next does not continue what came before.
    pub fn torn(&mut self) {
        self.lines = Lines::default();
        self.unread.clear();
    }

    pub fn receive(&mut self, arrival: Arrival, bytes: &[u8], out: &mut Vec<(Time, Told)>) {
        self.unread.extend_from_slice(bytes);
        while let Some(line) = self.lines.next(&mut self.unread) {
            let Line::Whole(line) = line else { continue };
            match FromSender::parse(&line) {
                Ok(FromSender::Hello(hello)) => self.hello(arrival, &hello, out),
                Ok(FromSender::Told(numbered)) => self.told(arrival, numbered, out),
                // A line that means nothing counts as told where it bears a number.
                Err(malformed) => {
                    if let Some(seq) = malformed.seq {
                        self.counts(seq);
                    }
                }
                Ok(FromSender::Heartbeat | FromSender::Answer(_)) => {}
            }
        }
    }

    fn hello(&mut self, arrival: Arrival, hello: &Hello, out: &mut Vec<(Time, Told)>) {
        let speaks = (hello.source.as_str().into(), BootId::from(hello.boot.as_str()));
        if hello.check || self.source.as_ref() == Some(&speaks) {
            return;
        }
        let at = self.clock.read(arrival, hello.at);
        self.mapping.runs(speaks.1.clone());
        out.extend([(at, Told::Runs(speaks.1.clone())), (at, Told::Missed)]);
        self.source = Some(speaks);
    }

    fn told(&mut self, arrival: Arrival, numbered: Numbered, out: &mut Vec<(Time, Told)>) {
        let Numbered { told, seq, at } = numbered;
        // The sender's clock may be ahead of ours.
        let at = match arrival {
            Arrival::At(came) => at.min(came),
            Arrival::SinceConnect(_) | Arrival::Unsaid => at,
        };
        let at = self.clock.read(Arrival::Unsaid, Some(at));
        if self.source.is_none() {
            let boot = BootId::from("replay");
            self.mapping.runs(boot.clone());
            out.push((at, Told::Runs(boot.clone())));
            self.source = Some(("".into(), boot));
        }
        match self.counts(seq) {
            None => return,
            Some(0) => {}
            Some(_) => out.push((at, Told::Missed)),
        }
        let mut events = Vec::new();
        if self.mapping.map(told, &mut events).is_ok() {
            out.extend(events.into_iter().map(|event| (at, Told::Event(event))));
        }
    }

    /// How many lines are missing before this one; none when it was told before.
    fn counts(&mut self, seq: u64) -> Option<u64> {
        let source = self.source.as_ref().map_or("", |(source, _)| source);
        let last = self.told.get(source).copied();
        if last.is_some_and(|last| seq <= last) {
            return None;
        }
        self.told.insert(source.into(), seq);
        // A recording may begin anywhere.
        Some(last.map_or(0, |last| seq - last - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::recording::{Recording, Times};
    use super::super::{calls_of, to_json};

    const HELLO: &str = r#"{"type":"hello","version":1,"token":"","source":"SOURCE","boot":"BOOT"}"#;

    const CALL: [&str; 5] = [
        r#"{"type":"call_started","seq":1,"at":"2026-11-22T02:00:00Z","call":"a","caller":"13800138000","caller_name":"王小明"}"#,
        r#"{"type":"call_queued","seq":2,"at":"2026-11-22T02:00:01Z","call":"a","queue":"support"}"#,
        r#"{"type":"agent_ringing","seq":3,"at":"2026-11-22T02:00:02Z","call":"a","agent":"1001","queue":"support"}"#,
        r#"{"type":"call_answered","seq":4,"at":"2026-11-22T02:00:05Z","call":"a","agent":"1001"}"#,
        r#"{"type":"call_ended","seq":5,"at":"2026-11-22T02:00:25Z","call":"a","by":"caller"}"#,
    ];

    fn told(lines: &[&str]) -> Vec<serde_json::Value> {
        let text = lines.join("\n") + "\n";
        let recording = Recording::raw("door", text.into(), &Times::default());
        let calls = calls_of(recording).expect("calls");
        calls.iter().map(|call| serde_json::to_value(to_json(call)).expect("JSON")).collect()
    }

    fn hello(source: &str, boot: &str) -> String {
        HELLO.replace("SOURCE", source).replace("BOOT", boot)
    }

    #[test]
    fn lines_are_calls_and_twice_the_same_line_is_once() {
        let hello = hello("one", "1");
        let [a, b, c, d, e] = CALL;
        let whole = told(&[&hello, a, b, c, d, e]);
        let [call] = &whole[..] else { panic!("{whole:#?}") };
        assert_eq!(
            (&call["outcome"], &call["agent"], &call["to"]),
            (&"answered".into(), &"1001".into(), &"support".into())
        );
        assert_eq!((&call["talk_ms"], &call["ended_by"]), (&20_000.into(), &"caller".into()));
        assert_eq!(call["certain"], true);
        let again = told(&[&hello, a, b, c, &hello, b, c, "not even JSON", d, e]);
        assert_eq!(again, whole, "a new connection goes on where the last one stopped");
        assert_eq!(told(&CALL), whole, "as a file to be sent");
    }

    #[test]
    fn what_the_sender_lost_makes_nothing_certain() {
        let [a, b, c, _, e] = CALL;
        let hole = told(&[&hello("one", "1"), a, b, c, e]);
        assert_eq!(hole[0]["certain"], false, "{hole:#?}");
        let restarted = told(&[&hello("one", "1"), a, b, c, &hello("two", "2"), a]);
        let [before, after] = &restarted[..] else { panic!("{restarted:#?}") };
        assert_eq!((&before["certain"], &after["ended_at"]), (&false.into(), &serde_json::Value::Null));
        assert!(!before["ended_at"].is_null(), "gone with its run");
    }
}
