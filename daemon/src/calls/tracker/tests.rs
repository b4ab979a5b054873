//! Calls as scripts: a line an event, `milliseconds verb who …`, and what the calls then are.

mod consultations;
mod exits;
mod groups;
mod members;
mod parking;
mod snapshots;
mod spying;
mod surveys;
mod talks;
mod transfers;
mod waits;
mod wrap_up;

use chrono::{DateTime, TimeDelta};
use protocol::event::{
    BridgeKind, CallEvent, DeviceState, DialEnd, HangupBy, Leg, LegKind, LegSeen, LegState, Member, MemberState,
    QueueLeft, Spot, SurveyStage,
};
use protocol::request::Dialable;

use super::*;
use crate::calls::call::{EndedBy, OfferOutcome, Outcome, Segment, Span, TransferKind};
use crate::calls::now::AgentState;

pub struct Script {
    pub tracker: Tracker,
    at: Time,
    changes: Vec<Change>,
    pub ended: Vec<Call>,
    merged: usize,
    /// Legs that listen in: from, to.
    listened: Vec<(String, Option<Time>, Option<Time>)>,
}

pub fn ms(count: i64) -> Time {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(count)
}

impl Script {
    pub fn new() -> Script {
        let tracker = Tracker::new("hq".into(), Dialplan::default(), Numbering::new("CN", None));
        Script { tracker, at: ms(0), changes: Vec::new(), ended: Vec::new(), merged: 0, listened: Vec::new() }
    }

    pub fn played(lines: &str) -> Script {
        let mut script = Script::new();
        script.play(lines);
        script
    }

    pub fn play(&mut self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            self.at = ms(words[0].parse().expect("milliseconds"));
            let event = event(&words[1..]);
            self.observe(event);
        }
    }

    pub fn observe(&mut self, event: CallEvent) {
        self.tracker.observe(self.at, event, &mut self.changes);
        self.take();
    }

    fn take(&mut self) {
        for change in self.changes.drain(..) {
            match change {
                Change::Ended(call) => self.ended.push(*call),
                Change::Merged { .. } => self.merged += 1,
                Change::Listening { leg, since } => self.listened.push((leg.to_string(), Some(since), None)),
                Change::Listened { leg, from, to } => self.listened.push((leg.to_string(), from, Some(to))),
                Change::Call(_) | Change::Queues | Change::Agent(_) | Change::Drift(_) => {}
            }
        }
    }

    fn wake(&mut self, at: i64) {
        self.at = ms(at);
        self.tracker.wake(self.at, &mut self.changes);
        self.take();
    }

    /// The only call, which is over; and nothing is left over.
    fn the_call(&self) -> &Call {
        assert_eq!(self.tracker.calls().count(), 0, "{:#?}", self.tracker.calls().collect::<Vec<_>>());
        assert_eq!((self.tracker.legs.len(), self.tracker.bridges.len(), self.tracker.ids.len()), (0, 0, 0));
        let [call] = &self.ended[..] else { panic!("{:#?}", self.ended) };
        call
    }

    fn agent(&self, agent: &str) -> AgentState {
        self.tracker.agent_now(&agent.into(), self.at).expect("an agent").state
    }
}

fn leg(id: &str, device: &str, linked: &str, state: LegState, number: Option<&str>, dialled: Option<&str>) -> Leg {
    let kind = if device.starts_with("Local/") { LegKind::Loop } else { LegKind::Device };
    Leg {
        id: id.into(),
        linked: Some(linked.into()),
        device: device.into(),
        kind,
        state,
        number: number.map(Into::into),
        name: None,
        dialled: dialled.map(Into::into),
    }
}

fn member(interface: &str) -> Member {
    Member { agent: protocol::event::plain_name(interface).into(), interface: interface.into() }
}

fn joined(leg: &str, bridge: &str, kind: BridgeKind, instead_of: Option<&str>) -> CallEvent {
    let instead_of = instead_of.map(Into::into);
    CallEvent::JoinedBridge { leg: leg.into(), bridge: bridge.into(), kind, instead_of, linked: None, spot: None }
}

/// `-` stands for nothing.
fn some(word: &str) -> Option<&str> {
    (word != "-").then_some(word)
}

fn event(words: &[&str]) -> CallEvent {
    match *words {
        ["call", id, device, number, dialled] => {
            CallEvent::LegStarted(Box::new(leg(id, device, id, LegState::Calling, some(number), Some(dialled))))
        }
        ["leg", id, device, "of", root] => {
            CallEvent::LegStarted(Box::new(leg(id, device, root, LegState::Down, None, None)))
        }
        [seen @ ("seen" | "seen_resting"), id, device, "of", root, bridge] => CallEvent::LegSeen(Box::new(LegSeen {
            leg: leg(id, device, root, LegState::Up, (id == root).then_some("13800138000"), None),
            bridge: some(bridge)
                .map(|bridge| (bridge.into(), if seen == "seen" { BridgeKind::Talk } else { BridgeKind::Resting })),
            queue: (id == root).then(|| "support".into()),
            half_of: device.strip_suffix(['1', '2']).and_then(|name| name.strip_suffix(';')).map(Into::into),
            up_ms: 5000,
        })),
        ["seen_lot", id] => CallEvent::BridgeSeen { bridge: id.into(), kind: BridgeKind::Holding },
        ["seen_waiting", id, queue, waited_ms] => CallEvent::CallerSeen {
            caller: id.into(),
            queue: queue.into(),
            waited_ms: waited_ms.parse().expect("milliseconds"),
        },
        ["up", id] => CallEvent::LegIs { leg: id.into(), state: LegState::Up },
        ["loop", one, two] => CallEvent::Looped { one: one.into(), two: two.into() },
        ["dial", by, id] => CallEvent::Dialled { by: some(by).map(Into::into), leg: id.into(), to: None },
        ["dial", by, id, to] => {
            CallEvent::Dialled { by: some(by).map(Into::into), leg: id.into(), to: Some(to.into()) }
        }
        ["dialled", id, how] => {
            let how = match how {
                "answered" => DialEnd::Answered,
                "busy" => DialEnd::Busy,
                "no_answer" => DialEnd::NoAnswer,
                "cancelled" => DialEnd::Cancelled,
                "failed" => DialEnd::Failed,
                other => panic!("{other}"),
            };
            CallEvent::DialEnded { by: None, leg: id.into(), how }
        }
        ["in", id, bridge] => joined(id, bridge, BridgeKind::Talk, None),
        ["in", id, bridge, "for", before] => joined(id, bridge, BridgeKind::Talk, Some(before)),
        ["conference", id, bridge] => joined(id, bridge, BridgeKind::Conference, None),
        ["rest", id, bridge] => joined(id, bridge, BridgeKind::Resting, None),
        ["merge", from, into] => CallEvent::BridgesMerged { from: from.into(), into: into.into() },
        ["put_aside", id, bridge] => joined(id, bridge, BridgeKind::Holding, None),
        ["out", id, bridge] => CallEvent::LeftBridge { leg: id.into(), bridge: bridge.into(), spot: None },
        [way @ ("in" | "out" | "put_aside"), id, bridge, "at", extension] => {
            let mut told = event(&[way, id, bridge]);
            if let CallEvent::JoinedBridge { spot, .. } | CallEvent::LeftBridge { spot, .. } = &mut told {
                *spot = Some(Box::new(Spot { context: "from-trunk".into(), extension: extension.into() }));
            }
            told
        }
        ["hold", id] => CallEvent::Held { leg: id.into() },
        ["resume", id] => CallEvent::Resumed { leg: id.into() },
        ["bye", id] => CallEvent::HangupAsked { leg: id.into(), by: HangupBy::Party },
        ["kick", id] => CallEvent::HangupAsked { leg: id.into(), by: HangupBy::Pbx },
        ["end", id] => CallEvent::LegEnded { leg: id.into(), cause: 16 },
        ["end", id, cause] => CallEvent::LegEnded { leg: id.into(), cause: cause.parse().expect("a cause") },
        ["queue", id, queue] => CallEvent::CallerQueued { caller: id.into(), queue: queue.into() },
        ["unserved", id, queue] => left(id, queue, QueueLeft::Unserved),
        ["leave", id, queue] => left(id, queue, QueueLeft::Unsaid),
        ["offer", caller, id, queue, interface] => CallEvent::AgentOffered {
            caller: Some(caller.into()),
            leg: Some(id.into()),
            queue: queue.into(),
            member: member(interface),
        },
        ["connect", caller, id, queue, interface] => CallEvent::AgentConnected {
            caller: Some(caller.into()),
            leg: Some(id.into()),
            queue: queue.into(),
            member: member(interface),
        },
        ["not_answering", caller, id, queue, interface] => CallEvent::AgentNotAnswering {
            caller: Some(caller.into()),
            leg: Some(id.into()),
            queue: queue.into(),
            member: member(interface),
        },
        ["blind", by, other, to] => {
            CallEvent::BlindTransfer { by: by.into(), other: Some(other.into()), to: to.into(), succeeded: true }
        }
        ["attended", by, second, other, target] => CallEvent::AttendedTransfer {
            by: by.into(),
            by_second: Some(second.into()),
            other: Some(other.into()),
            target: some(target).map(Into::into),
            succeeded: true,
        },
        ["pickup", id, ringing] => CallEvent::PickedUp { leg: id.into(), ringing: ringing.into() },
        ["park", id, space] => CallEvent::Parked { leg: id.into(), space: space.into() },
        ["unpark", id, by] => CallEvent::Unparked { leg: id.into(), by: some(by).map(Into::into) },
        ["survey", id, stage] => {
            CallEvent::Surveyed { leg: id.into(), stage: SurveyStage::read_one(stage).expect("a stage") }
        }
        ["boot", boot] => CallEvent::SnapshotBegan { boot: boot.into() },
        ["snapshot_ends"] => CallEvent::SnapshotEnded,
        ["stopping"] => CallEvent::PbxStopping,
        ["member", queue, interface, state] => {
            let (state, paused) = match state {
                "free" => (DeviceState::Free, None),
                "offline" => (DeviceState::Offline, None),
                reason => (DeviceState::Free, Some(reason.into())),
            };
            let member = member(interface);
            let device = member.interface.clone();
            CallEvent::MemberIs(Box::new(MemberState {
                queue: queue.into(),
                member,
                device,
                state,
                paused,
                in_call: false,
                wrap_up_s: 0,
            }))
        }
        _ => panic!("no such line: {words:?}"),
    }
}

fn left(caller: &str, queue: &str, how: QueueLeft) -> CallEvent {
    CallEvent::CallerLeftQueue { caller: caller.into(), queue: queue.into(), how }
}

fn agents(call: &Call) -> Vec<&str> {
    call.segments.iter().map(|segment| segment.agent.as_str()).collect()
}

/// Who talked, from which queue, from when to when in milliseconds.
fn talks(call: &Call) -> Vec<(&str, Option<&str>, i64, i64)> {
    let end = |at: Option<Time>| at.map_or(-1, |at| at.timestamp_millis());
    let talk = |talk: &'_ Segment| -> (i64, i64) { (talk.from.timestamp_millis(), end(talk.to)) };
    let talks = call.segments.iter().map(|its| (its, talk(its)));
    talks.map(|(its, (from, to))| (its.agent.as_str(), its.queue.as_ref().map(QueueName::as_str), from, to)).collect()
}

fn transfers(call: &Call) -> Vec<(TransferKind, &str, bool)> {
    call.transfers.iter().map(|transfer| (transfer.kind, transfer.to.as_str(), transfer.completed)).collect()
}

fn offers(call: &Call) -> Vec<(&str, OfferOutcome)> {
    call.offers.iter().filter_map(|offer| Some((offer.agent.as_str(), offer.outcome?))).collect()
}

/// A caller talks with 1001 from the queue, since 2000.
pub const TALKING: &str = "
    0    call C PJSIP/trunk 13800138000 4008001234
    500  queue C support
    500  leg A PJSIP/1001 of C
    510  offer C A support PJSIP/1001
    510  dial C A
    2000 up A
    2000 dialled A answered
    2000 leave C support
    2000 connect C A support PJSIP/1001
    2000 in A B1
    2000 in C B1";
