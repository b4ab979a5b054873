//! A link to a FreeSWITCH in virtual time, and what it would capture: read again, the capture gives
//! the very calls that the link gave, whatever the PBX dropped and whatever was asked meanwhile.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use protocol::esl::codec::EslCodec;
use protocol::esl::conversation::Conversation;
use protocol::esl::event::Event;
use protocol::esl::events;
use protocol::esl::login::Credentials;
use protocol::esl::requests::Dialling;
use protocol::event::{LegState, QueueName};
use protocol::session::{Asking, Heard};
use protocol::{CallEvent, Request};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::super::freeswitch::Frames;
use super::super::*;
use super::driver::{Up, Waiting, follow};
use super::freeswitch;
use crate::calls::dialplan::Dialplan;
use crate::number::Numbering;

/// What a FreeSWITCH would list.
#[derive(Default)]
struct Pbx {
    up: Up,
    waiting: Waiting,
    queues: BTreeSet<QueueName>,
}

impl Pbx {
    fn follow(&mut self, at: Time, bytes: &[u8]) {
        for event in said(bytes) {
            if let CallEvent::CallerQueued { queue, .. } = &event {
                self.queues.insert(queue.clone());
            }
            follow(&mut self.up, &mut self.waiting, at, &event);
        }
    }

    /// What it says to a command, if it says anything.
    fn reply(&self, at: Time, command: &str) -> Option<String> {
        let answer = |said: String| format!("Content-Type: api/response\nContent-Length: {}\n\n{said}", said.len());
        let table = |rows: Vec<Value>| answer(json!({ "status": "success", "response": rows }).to_string());
        let api = command.strip_prefix("api ");
        Some(match api {
            None if command.starts_with("auth ") => "Content-Type: command/reply\nReply-Text: +OK accepted\n\n".into(),
            None => "Content-Type: command/reply\nReply-Text: +OK\n\n".into(),
            Some("strmicroepoch") => answer(at.timestamp_micros().to_string()),
            Some("show channels as json") => {
                let rows: Vec<Value> = self.up.values().map(|(since, seen)| row(*since, seen)).collect();
                answer(json!({ "row_count": rows.len(), "rows": rows }).to_string())
            }
            Some(api) if api.contains("queue list") => {
                table(self.queues.iter().map(|queue| json!({ "name": queue.as_str() })).collect())
            }
            Some(api) if api.contains("member list") => {
                let caller = |(leg, (since, queue)): (&crate::LegId, &(Time, QueueName))| {
                    json!({ "session_uuid": leg.as_str(), "queue": queue.as_str(), "state": "Waiting",
                            "joined_epoch": since.timestamp().to_string() })
                };
                table(self.waiting.iter().map(caller).collect())
            }
            Some(api) => match api.strip_prefix("uuid_exists ") {
                Some(leg) => answer(self.up.contains_key(leg).to_string()),
                None => table(Vec::new()),
            },
        })
    }
}

fn row(since: Time, seen: &protocol::event::LegSeen) -> Value {
    let leg = &seen.leg;
    let is_called = leg.dialled.is_none();
    let callstate = match leg.state {
        LegState::Up => "ACTIVE",
        LegState::Ringing | LegState::Calling => "RINGING",
        LegState::Down => "DOWN",
    };
    // Who is in a bridge bears the id of the one who began it.
    let call = seen.bridge.as_ref().and_then(|(bridge, _)| bridge.as_str().split_once('+')).map(|(one, _)| one);
    json!({
        "uuid": leg.id.as_str(), "name": leg.device.as_str(), "callstate": callstate,
        "direction": if is_called { "outbound" } else { "inbound" },
        "created_epoch": since.timestamp().to_string(),
        "cid_num": leg.number, "dest": if is_called { &leg.number } else { &leg.dialled },
        "call_uuid": call.unwrap_or(leg.id.as_str()),
    })
}

fn said(bytes: &[u8]) -> Vec<CallEvent> {
    let (mut frames, mut told) = (Frames::default(), Vec::new());
    frames.unread.extend_from_slice(bytes);
    while let Some((_, frame)) = frames.next(Arrival::Unsaid) {
        if let Ok(event) = Event::read(&frame) {
            events::map(&event, &mut told);
        }
    }
    told
}

/// What a FreeSWITCH told by itself, and when.
fn recorded(file: &Path) -> Vec<(Time, Bytes)> {
    let mut frames = Frames::default();
    let mut told = Vec::new();
    for step in Recording::file(file).expect("recording").steps {
        match step.expect("a step") {
            Step::Connected => frames.begin(EslCodec::default()),
            Step::Bytes { at, bytes } => {
                frames.unread.extend_from_slice(&bytes);
                while let Some((at, frame)) = frames.next(at) {
                    if frame.is_event() {
                        told.push((at, [&frame.headers[..], &frame.body].concat().into()));
                    }
                }
            }
            Step::Asked { .. } | Step::Missing | Step::Lost => panic!("one connection, whole"),
        }
    }
    told
}

/// A link, what it captures, and the calls that it gives.
struct Link {
    conversation: Conversation,
    origin: (Time, Instant),
    heard: Vec<Heard>,
    heard_at: Time,
    tracker: Tracker,
    calls: Vec<Call>,
    steps: Vec<Step>,
    /// How often what was asked for.
    snapshots: usize,
    looks: usize,
    drifts: usize,
}

impl Link {
    fn connect(at: Time, pbx: &Pbx) -> Link {
        let origin = (at, Instant::now());
        let credentials = Credentials { username: None, secret: "ClueCon".into() };
        let dialling = Dialling { channel: "user/{agent}".into(), context: "default".into(), caller_id: None };
        let mut link = Link {
            conversation: Conversation::new(credentials, dialling, 7, None, origin.1),
            origin,
            heard: Vec::new(),
            heard_at: at,
            tracker: Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None)),
            calls: Vec::new(),
            steps: vec![Step::Connected],
            snapshots: 0,
            looks: 0,
            drifts: 0,
        };
        link.receive(at, Bytes::from_static(b"Content-Type: auth/request\n\n"), pbx);
        link
    }

    fn instant(&self, at: Time) -> Instant {
        self.origin.1 + (at - self.origin.0).to_std().expect("later")
    }

    fn receive(&mut self, at: Time, bytes: Bytes, pbx: &Pbx) {
        self.heard_at = at;
        self.steps.push(Step::Bytes { at: Arrival::At(at), bytes: bytes.clone() });
        self.conversation.receive(self.instant(at), &mut BytesMut::from(&bytes[..]), &mut self.heard);
        self.go_on(at, pbx);
    }

    fn ask(&mut self, at: Time, request: Request, pbx: &Pbx) {
        self.conversation.ask(self.instant(at), request, &mut self.heard);
        self.go_on(at, pbx);
    }

    /// Whatever is due until then.
    fn pass(&mut self, at: Time, pbx: &Pbx) {
        while self.conversation.next_wake() <= self.instant(at) {
            let due = self.conversation.next_wake();
            self.conversation.wake(due, &mut self.heard);
            let since = chrono::TimeDelta::from_std(due - self.origin.1).expect("later");
            self.go_on(self.origin.0 + since, pbx);
        }
    }

    fn go_on(&mut self, at: Time, pbx: &Pbx) {
        let mut changes = Vec::new();
        for heard in std::mem::take(&mut self.heard) {
            match heard {
                Heard::Event { event, held } => {
                    let held = chrono::TimeDelta::from_std(held).expect("short");
                    self.tracker.observe(self.heard_at - held, event, &mut changes);
                }
                Heard::Asking(asking) => {
                    self.snapshots += usize::from(asking == Asking::Snapshot);
                    self.looks += usize::from(asking == Asking::Look);
                    self.steps.push(Step::Asked { at, asking });
                }
                Heard::Over(over) => panic!("{over}"),
                Heard::Product(_)
                | Heard::Resync(_)
                | Heard::Live
                | Heard::Answered { .. }
                | Heard::Pong { .. }
                | Heard::Damaged { .. }
                | Heard::Note(_) => {}
            }
        }
        let mut is_amiss = false;
        for change in changes {
            if let Change::Drift(difference) = &change {
                self.drifts += 1;
                is_amiss |= difference.is_mended_by_asking();
            }
            self.calls.extend(ended(change));
        }
        if is_amiss {
            self.conversation.ask(self.instant(at), Request::Snapshot, &mut self.heard);
        }
        let sent = String::from_utf8(std::mem::take(self.conversation.to_send())).expect("text");
        for command in sent.split("\n\n").filter(|command| !command.is_empty()) {
            if let Some(reply) = pbx.reply(at, command) {
                self.receive(at, reply.into(), pbx);
            }
        }
    }

    /// What it gave, and what its capture gives.
    fn end(mut self) -> (Vec<Call>, Vec<Call>) {
        self.calls.extend(self.tracker.calls().cloned());
        self.calls.sort_by_key(|call| call.started_at);
        let recording = Recording {
            pbx: "lab".into(),
            kind: Kind::FreeSwitch,
            asked: Asked::Link,
            dialplan: Dialplan::default(),
            numbering: Numbering::new("CN", None),
            steps: Box::new(self.steps.into_iter().map(Ok)),
        };
        (self.calls, calls_of(recording).expect("calls"))
    }
}

#[test]
fn a_capture_gives_the_calls_of_its_link_whatever_was_dropped_and_asked() {
    let mut random = StdRng::seed_from_u64(3);
    let (mut drifted, mut asked_anew, mut looked) = (0, 0, 0);
    for file in freeswitch::recordings().iter().filter(|file| !file.ends_with("auth_refused.json.esl")) {
        let told = recorded(file);
        let Some((first, _)) = told.first() else { continue };
        for _ in 0..2 {
            let from = if random.random_bool(0.7) { 0 } else { random.random_range(0..told.len()) };
            let lost: BTreeSet<usize> = (0..told.len()).filter(|_| random.random_bool(0.35)).collect();
            let mut pbx = Pbx::default();
            told[..from].iter().for_each(|(at, bytes)| pbx.follow(*at, bytes));
            let mut link = Link::connect((told[from].0).max(*first), &pbx);
            for (index, (at, bytes)) in told.iter().enumerate().skip(from) {
                link.pass(*at, &pbx);
                pbx.follow(*at, bytes);
                if !lost.contains(&index) {
                    link.receive(*at, bytes.clone(), &pbx);
                }
                match random.random_range(0..60) {
                    0..4 => link.ask(*at, Request::Look, &pbx),
                    4 => link.ask(*at, Request::Snapshot, &pbx),
                    _ => {}
                }
            }
            // As the board looks, and looks again in doubt.
            let mut at = told[told.len() - 1].0;
            for _ in 0..4 {
                at += Duration::from_secs(6);
                link.pass(at, &pbx);
                link.ask(at, Request::Look, &pbx);
                link.pass(at, &pbx);
            }
            drifted += usize::from(link.drifts > 0);
            asked_anew += link.snapshots - 1;
            looked += link.looks;
            let (given, captured) = link.end();
            assert_eq!(captured, given, "{} from {from} without {lost:?}", file.display());
        }
    }
    assert!(drifted > 10 && asked_anew > 50 && looked > 300, "{drifted} {asked_anew} {looked}");
}
