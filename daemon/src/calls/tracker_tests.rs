//! Calls as scripts: a line an event, `milliseconds verb who …`, and what the calls then are.

use chrono::{DateTime, TimeDelta};
use protocol::event::{
    BridgeKind, CallEvent, DeviceState, DialEnd, HangupBy, Leg, LegKind, LegSeen, LegState, Member, MemberState,
    QueueLeft,
};
use protocol::request::Dialable;

use super::*;
use crate::calls::call::{EndedBy, OfferOutcome, Outcome, TransferKind};
use crate::calls::now::AgentState;

pub struct Script {
    pub tracker: Tracker,
    at: Time,
    changes: Vec<Change>,
    pub ended: Vec<Call>,
    merged: usize,
}

pub fn ms(count: i64) -> Time {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(count)
}

impl Script {
    pub fn new() -> Script {
        let tracker = Tracker::new("hq".into(), Dialplan::default(), Numbering::new("CN", None));
        Script { tracker, at: ms(0), changes: Vec::new(), ended: Vec::new(), merged: 0 }
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
                Change::Call(_) | Change::Queues | Change::Agent(_) => {}
            }
        }
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
    CallEvent::JoinedBridge { leg: leg.into(), bridge: bridge.into(), kind, instead_of, linked: None }
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
        ["seen", id, device, "of", root, bridge] => CallEvent::LegSeen(Box::new(LegSeen {
            leg: leg(id, device, root, LegState::Up, (id == root).then_some("13800138000"), None),
            bridge: some(bridge).map(|bridge| (bridge.into(), BridgeKind::Talk)),
            queue: (id == root).then(|| "support".into()),
            up_ms: 5000,
        })),
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
                other => panic!("{other}"),
            };
            CallEvent::DialEnded { by: None, leg: id.into(), how }
        }
        ["in", id, bridge] => joined(id, bridge, BridgeKind::Talk, None),
        ["in", id, bridge, "for", before] => joined(id, bridge, BridgeKind::Talk, Some(before)),
        ["conference", id, bridge] => joined(id, bridge, BridgeKind::Conference, None),
        ["put_aside", id, bridge] => joined(id, bridge, BridgeKind::Holding, None),
        ["out", id, bridge] => CallEvent::LeftBridge { leg: id.into(), bridge: bridge.into() },
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
        ["unpark", id, by] => CallEvent::Unparked { leg: id.into(), by: Some(by.into()) },
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

/// 1001's second leg calls 1003, who rings, since 4000.
const CONSULTING: &str = "
    3000 hold A
    4000 call A2 PJSIP/1001 1001 1003
    4000 leg T PJSIP/1003 of A2
    4000 dial A2 T 1003";

#[test]
fn a_colleague_picks_the_call_up() {
    let mut script = Script::played(
        "0    call C PJSIP/trunk 13800138000 4008005678
         10   leg A PJSIP/1001 of C
         10   dial C A
         2000 call P PJSIP/1002 1002 *8
         2100 pickup P A
         2100 end A 26
         2100 dialled P answered
         2100 in P B1
         2100 in C B1
         9000 bye P
         9000 out P B1
         9000 out C B1
         9000 end P
         9000 end C",
    );
    script.take();
    let call = script.the_call();
    assert_eq!((agents(call), call.ended_by), (vec!["1002"], Some(EndedBy::Agent)));
    assert_eq!(offers(call), [("1001", OfferOutcome::AnsweredElsewhere), ("1002", OfferOutcome::Answered)]);
    assert_eq!((script.merged, call.direction), (1, Direction::Inbound));
}

#[test]
fn a_transfer_to_a_phone_that_still_rings() {
    let mut script = Script::played(TALKING);
    script.play(CONSULTING);
    script.play(
        "6000 attended A A2 C -
         6000 out C B1
         6000 out A B1
         6000 end A
         6000 end A2
         8000 dialled T answered
         8000 up T
         8000 in T B2
         8000 in C B2
         20000 bye C
         20000 out C B2
         20000 end C
         20000 end T",
    );
    let call = script.the_call();
    assert_eq!((agents(call), call.ended_by), (vec!["1001", "1003"], Some(EndedBy::Caller)));
    let transfer = &call.transfers[0];
    assert_eq!((transfer.kind, transfer.to.as_str(), transfer.completed), (TransferKind::Attended, "1003", true));
    assert_eq!(call.segments[0].to, Some(ms(6000)));
    assert_eq!(call.segments[0].holds, [crate::calls::call::Span { from: ms(3000), to: Some(ms(6000)) }]);
}

#[test]
fn a_transfer_by_the_phone_puts_the_target_in_the_agents_place() {
    for order in [["in T B1 for A", "attended A A2 C T"], ["attended A A2 C T", "in T B1 for A"]] {
        let mut script = Script::played(TALKING);
        script.play(CONSULTING);
        script.play("5000 dialled T answered \n 5000 up T \n 5000 in T B2 \n 5000 in A2 B2");
        script.play(&format!("7000 out T B2 \n 7000 {} \n 7000 {}", order[0], order[1]));
        script.play(
            "7000 out A B1
             7000 kick A
             7000 out A2 B2
             7000 end A
             7000 end A2
             9000 bye T
             9000 out T B1
             9000 out C B1
             9000 end T
             9000 end C",
        );
        let call = script.the_call();
        assert_eq!((agents(call), call.ended_by), (vec!["1001", "1003"], Some(EndedBy::Agent)), "{order:?}");
        assert_eq!((call.transfers[0].to.as_str(), call.transfers[0].completed), ("1003", true), "{order:?}");
        assert_eq!((call.transfers.len(), call.to.as_deref()), (1, Some("support")));
        assert_eq!(call.segments[1].from, ms(7000), "{order:?}");
        assert_eq!((script.merged, call.caller.as_deref()), (1, Some("13800138000")));
    }
}

#[test]
fn a_parked_caller_is_taken_back_by_somebody_else() {
    let mut script = Script::played(TALKING);
    script.play(
        "4000 blind A C 700
         4000 out A B1
         4000 out C B1
         4000 end A
         4010 park C 701
         4010 put_aside C lot
         9000 call D PJSIP/1002 1002 701
         9010 unpark C D
         9010 out C lot
         9010 in D B2
         9010 in C B2
         15000 bye C
         15000 out C B2
         15000 end D
         15000 end C",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1001", "1002"]);
    assert_eq!((call.segments[0].to, call.segments[1].from), (Some(ms(4000)), ms(9010)));
    assert_eq!((call.transfers[0].to.as_str(), call.transfers[0].completed), ("1002", true));
    assert_eq!(call.ended_by, Some(EndedBy::Caller));
}

#[test]
fn a_transferred_caller_whom_nobody_takes_was_answered_but_not_put_through() {
    let mut script = Script::played(TALKING);
    script.play(
        "4000 out A B1
         4000 blind A C 1003
         4000 out C B1
         4000 end A
         4010 leg T PJSIP/1003 of C
         4010 dial C T
         9000 bye C
         9000 dialled T cancelled
         9000 end T
         9000 end C",
    );
    let call = script.the_call();
    assert_eq!((call.outcome, call.transfers[0].completed), (Some(Outcome::Answered), false));
    assert_eq!((call.segments[0].to, call.segments[0].holds.len()), (Some(ms(4000)), 0));
    assert_eq!(offers(call)[1], ("1003", OfferOutcome::CallerGone));
}

#[test]
fn a_hold_that_is_never_taken_back_ends_with_the_talk() {
    let mut script = Script::played(TALKING);
    script.play(
        "3000 hold A
         3500 hold A
         8000 bye C
         8000 out C B1
         8000 out A B1
         8000 end A
         8000 end C",
    );
    let call = script.the_call();
    assert_eq!((call.held(), call.talked()), (Some(TimeDelta::seconds(5)), Some(TimeDelta::seconds(1))));
}

#[test]
fn a_caller_who_goes_before_the_queue_is_an_abandon_without_queue() {
    let script = Script::played(
        "0   call C PJSIP/trunk 13800138000 4008001234
         10  up C
         400 bye C
         400 kick C
         400 end C",
    );
    let call = script.the_call();
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Abandoned), Some(EndedBy::Caller)));
    assert_eq!((call.to.as_deref(), call.waited()), (None, Some(TimeDelta::milliseconds(400))));
}

#[test]
fn who_left_the_queue_first_tells_a_time_out_from_an_abandon() {
    let ending = |lines: &str| {
        let mut script = Script::played("0 call C PJSIP/trunk 13800138000 4008001234 \n 500 queue C support");
        script.play(lines);
        (script.the_call().outcome, script.the_call().ended_by)
    };
    let gives_up = "9000 unserved C support \n 9000 leave C support";
    let end = |lines: &str| ending(&format!("{gives_up}\n{lines}"));
    assert_eq!(end("9000 kick C \n 9000 end C"), (Some(Outcome::TimedOut), Some(EndedBy::Pbx)), "hung up at once");
    assert_eq!(end("12000 bye C \n 12000 end C"), (Some(Outcome::TimedOut), Some(EndedBy::Caller)), "heard the voice");
    assert_eq!(end("9100 bye C \n 9100 end C"), (Some(Outcome::Abandoned), Some(EndedBy::Caller)), "told late");
    let asked = |who: &str| ending(&format!("9000 {who} C \n {gives_up} \n 9001 end C"));
    assert_eq!(asked("bye"), (Some(Outcome::Abandoned), Some(EndedBy::Caller)));
    assert_eq!(asked("kick"), (Some(Outcome::Abandoned), Some(EndedBy::Pbx)));
    assert_eq!(ending("9000 end C"), (Some(Outcome::Abandoned), Some(EndedBy::Pbx)), "never said to have left");
}

/// A caller who waits in support, since 500.
const WAITING: &str = "0 call C PJSIP/trunk 13800138000 4008001234 \n 500 queue C support";

fn waiting(script: &Script, queue: &str) -> usize {
    let queues = script.tracker.queues_now(script.at);
    queues.iter().filter(|now| now.queue.as_str() == queue).map(|now| now.waiting.len()).sum()
}

#[test]
fn an_abandon_is_one_in_any_order_and_however_late_the_leg_ends() {
    let [bye, unserved, leave] = ["9000 bye C", "9000 unserved C support", "9000 leave C support"];
    for order in [
        [bye, unserved, leave],
        [bye, leave, unserved],
        [unserved, bye, leave],
        [unserved, leave, bye],
        [leave, bye, unserved],
        [leave, unserved, bye],
    ] {
        let mut script = Script::played(WAITING);
        assert_eq!(waiting(&script, "support"), 1);
        script.play(&order.join("\n"));
        assert_eq!(waiting(&script, "support"), 0, "{order:?}");
        script.play("30000 end C");
        let call = script.the_call();
        assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Abandoned), Some(EndedBy::Caller)), "{order:?}");
        assert_eq!(call.waited(), Some(TimeDelta::milliseconds(8500)), "{order:?}");
    }
}

#[test]
fn whom_the_queue_gives_up_on_waits_no_longer_though_the_call_goes_on() {
    let [unserved, leave] = ["9000 unserved C support", "9000 leave C support"];
    for order in [[unserved, leave], [leave, unserved]] {
        let gives_up = order.join("\n");
        let mut script = Script::played(WAITING);
        script.tracker.observe(ms(9000), event(&order[0].split(' ').skip(1).collect::<Vec<_>>()), &mut script.changes);
        assert!(matches!(script.changes[..], [Change::Queues, Change::Call(_)]), "told at once: {:?}", script.changes);
        assert_eq!(waiting(&script, "support"), 0, "{order:?}");
        script.play(order[1]);
        let up = script.tracker.calls().next().expect("a call");
        assert_eq!((up.waits[0].left_at, up.outcome), (Some(ms(9000)), None), "{order:?}");
        script.play("11500 bye C \n 11500 end C");
        assert_eq!(script.the_call().outcome, Some(Outcome::TimedOut), "hung up on the announcement, {order:?}");

        let mut script = Script::played(WAITING);
        script.play(&gives_up);
        script.play("9010 queue C overflow");
        assert_eq!((waiting(&script, "support"), waiting(&script, "overflow")), (0, 1));
        script.play("15000 bye C \n 15000 unserved C overflow \n 15000 leave C overflow \n 15000 end C");
        let call = script.the_call();
        assert_eq!((call.outcome, call.waits.len()), (Some(Outcome::Abandoned), 2), "in the second queue, {order:?}");
        assert_eq!(call.to.as_deref(), Some("support"));

        let mut script = Script::played(WAITING);
        script.play(&gives_up);
        script.play("9010 leg A PJSIP/1001 of C \n 9010 dial C A \n 12000 dialled A answered");
        script.play("12000 in A B1 \n 12000 in C B1 \n 20000 bye A \n 20000 out A B1 \n 20000 end A \n 20000 end C");
        assert_eq!(script.the_call().outcome, Some(Outcome::Answered), "taken outside the queue, {order:?}");
    }
}

#[test]
fn a_leg_that_outlived_a_request_of_the_pbx_has_not_hung_up() {
    let ending = |lines: &str| {
        let mut script = Script::played("0 call C PJSIP/trunk 13800138000 4008001234 \n 100 kick C");
        script.play("500 queue C support");
        script.play(lines);
        (script.the_call().outcome, script.the_call().ended_by)
    };
    let gives_up = "9000 unserved C support \n 9000 leave C support";
    let timed_out = (Some(Outcome::TimedOut), Some(EndedBy::Pbx));
    assert_eq!(ending(&format!("{gives_up} \n 9000 end C")), timed_out);
    let abandoned = (Some(Outcome::Abandoned), Some(EndedBy::Caller));
    assert_eq!(ending(&format!("9000 bye C \n {gives_up} \n 9500 end C")), abandoned);
    assert_eq!(ending(&format!("{gives_up} \n 9100 bye C \n 9500 end C")), abandoned);
}

#[test]
fn an_unchanged_member_is_no_news() {
    let mut script = Script::new();
    let mut told = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        script.tracker.observe(ms(0), event(&words), &mut script.changes);
        std::mem::take(&mut script.changes)
    };
    let agent = || Change::Agent("1001".into());
    assert_eq!(told("member support PJSIP/1001 free"), [agent(), Change::Queues]);
    assert_eq!(told("member support PJSIP/1001 free"), []);
    assert_eq!(told("member support PJSIP/1001 lunch"), [agent(), Change::Queues]);
    assert_eq!(told("member support PJSIP/1001 meeting"), [agent()], "off duty all the same");
    assert_eq!(told("member sales PJSIP/1001 free"), [agent(), Change::Queues], "in another queue");
    assert_eq!(told("member support PJSIP/1001 offline"), [agent()]);
}

#[test]
fn an_agent_who_hangs_up_before_the_survey_did_not_end_the_call() {
    let mut script = Script::played(TALKING);
    script.play(
        "5000 bye A
         5000 out A B1
         5000 out C B1
         5000 end A
         15000 bye C
         15000 end C",
    );
    let call = script.the_call();
    assert_eq!((call.ended_by, call.segments[0].to), (Some(EndedBy::Caller), Some(ms(5000))));
}

#[test]
fn a_member_behind_a_loop_that_is_optimised_away_is_one_talk() {
    let script = Script::played(
        "0    call C PJSIP/trunk 13800138000 4008001234
         500  queue C support
         500  leg L1 Local/1003@members of C
         500  leg L2 Local/1003@members of C
         500  loop L1 L2
         510  offer C L1 support Local/1003@members
         510  dial C L1
         520  leg A PJSIP/1003 of C
         520  dial L2 A
         2000 dialled A answered
         2000 in A B1
         2000 dialled L1 answered
         2000 leave C support
         2000 connect C L1 support Local/1003@members
         2000 in L1 B2
         2000 in L2 B1
         2000 in C B2
         2100 in A B2 for L1
         2100 out A B1
         2100 out L1 B2
         2100 out L2 B1
         2100 end L1
         2100 end L2
         8000 bye A
         8000 out A B2
         8000 out C B2
         8000 end A
         8000 end C",
    );
    let call = script.the_call();
    assert_eq!((agents(call), offers(call)), (vec!["1003"], vec![("1003", OfferOutcome::Answered)]));
    assert_eq!(
        (call.segments[0].queue.as_ref().map(QueueName::as_str), call.segments[0].from),
        (Some("support"), ms(2000))
    );
    assert_eq!(call.segments[0].to, Some(ms(8000)));
}

#[test]
fn conferences_join_no_calls() {
    let script = Script::played(
        "0   call C PJSIP/trunk 13800138000 4008001234
         10  call D PJSIP/trunk 13900139000 4008001234
         20  conference C room
         20  conference D room
         900 bye C
         900 end C
         950 bye D
         950 end D",
    );
    assert_eq!((script.ended.len(), script.merged), (2, 0));
}

#[test]
fn an_internal_call_is_no_customers() {
    let script = Script::played(
        "0    call A PJSIP/1001 1001 1003
         10   leg T PJSIP/1003 of A
         10   dial A T 1003
         900  dialled T answered
         900  in T B1
         900  in A B1
         5000 bye T
         5000 out T B1
         5000 out A B1
         5000 end T
         5000 end A",
    );
    let call = script.the_call();
    assert_eq!((call.direction, call.number.as_ref(), call.to.as_deref()), (Direction::Internal, None, Some("1003")));
    assert_eq!(call.agent.as_ref().map(Extension::as_str), Some("1001"));
    assert_eq!(
        (agents(call), call.outcome, call.ended_by),
        (vec!["1003"], Some(Outcome::Answered), Some(EndedBy::Agent))
    );
}

#[test]
fn a_line_that_fails_and_one_that_answers_are_one_outbound_call() {
    let script = Script::played(
        "0    call A PJSIP/1001 1001 13800138000
         10   leg T1 PJSIP/trunk of A
         10   dial A T1 13800138000
         200  end T1 34
         210  leg T2 PJSIP/backup of A
         210  dial A T2 13800138000
         4000 up T2
         4000 dialled T2 answered
         4000 in T2 B1
         4000 in A B1
         9000 bye T2
         9000 out T2 B1
         9000 out A B1
         9000 end T2
         9000 end A",
    );
    let call = script.the_call();
    assert_eq!(
        (call.direction, call.outcome, call.ended_by),
        (Direction::Outbound, Some(Outcome::Answered), Some(EndedBy::Caller))
    );
    assert_eq!(call.number.as_ref().and_then(|n| n.e164()), Some("+8613800138000"));
    assert_eq!((agents(call), call.answered_at), (vec!["1001"], Some(ms(4000))));
}

#[test]
fn a_call_that_we_asked_for_is_known_by_our_own_leg() {
    let to = Dialable::new("13900139000").expect("a number");
    let mut script = Script::new();
    script.tracker.asked(ms(0), "rb-1".into(), "1001".into(), &to, &mut script.changes);
    assert!(matches!(script.changes[..], [Change::Call(_), Change::Agent(_)]), "{:?}", script.changes);
    script.play(
        "100  leg rb-1 PJSIP/1001 of rb-1
         100  dial - rb-1
         1000 up rb-1
         1000 dialled rb-1 answered
         1100 leg T PJSIP/trunk of rb-1
         1100 dial rb-1 T 13900139000
         3000 dialled T busy
         3000 end T 17
         3000 end rb-1 17",
    );
    let call = script.the_call();
    assert_eq!((call.direction, call.outcome), (Direction::Outbound, Some(Outcome::Busy)));
    assert_eq!(call.originated, Some("rb-1".into()));
    assert_eq!((call.agent.as_ref().map(Extension::as_str), call.to.as_deref()), (Some("1001"), Some("13900139000")));
}

#[test]
fn a_call_that_we_asked_for_in_vain_failed() {
    let to = Dialable::new("13900139000").expect("a number");
    let mut script = Script::new();
    script.tracker.asked(ms(0), "rb-1".into(), "1001".into(), &to, &mut script.changes);
    script.observe(CallEvent::OriginateEnded { leg: Some("rb-1".into()), succeeded: false });
    assert_eq!(script.the_call().outcome, Some(Outcome::Failed));
}

#[test]
fn a_talk_is_told_again_when_it_is_long_enough_to_be_proof() {
    let mut script = Script::played(TALKING);
    assert_eq!(script.tracker.next_wake(), Some(ms(12_000)));
    let mut out = Vec::new();
    script.tracker.wake(ms(11_999), &mut out);
    assert_eq!(out, []);
    script.tracker.wake(ms(12_000), &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!(script.tracker.next_wake(), None);
}

#[test]
fn a_snapshot_gives_the_calls_that_were_up_before_us() {
    let mut script = Script::played(
        "10000 boot b7
         10000 seen_waiting W support 3000
         10000 seen W PJSIP/trunk of W -
         10000 seen A PJSIP/1001 of C B1
         10000 seen C PJSIP/trunk of C B1
         10000 snapshot_ends",
    );
    let up: Vec<&Call> = script.tracker.calls().collect();
    assert_eq!(up.len(), 2);
    assert!(up.iter().all(|call| !call.certain && call.direction == Direction::Inbound), "{up:#?}");
    assert_eq!((up[0].waits[0].joined_at, up[0].id.as_str()), (ms(7000), "hq-b7-W"));
    assert_eq!((agents(up[1]), up[1].id.as_str(), up[1].started_at), (vec!["1001"], "hq-b7-C", ms(5000)));
    script.play("12000 bye C \n 12000 out C B1 \n 12000 end C \n 12000 end A \n 13000 bye W \n 13000 end W");
    assert_eq!(
        script.ended.iter().map(|call| call.outcome).collect::<Vec<_>>(),
        [Some(Outcome::Answered), Some(Outcome::Abandoned)]
    );
}

#[test]
fn what_vanished_unseen_is_no_abandon() {
    let mut script =
        Script::played("0 boot b7 \n 0 snapshot_ends \n 0 call W PJSIP/trunk 13900139000 400 \n 10 queue W support");
    script.play(TALKING);
    let (mut out, before) = (Vec::new(), script.tracker.calls().count());
    script.tracker.lost_sight(ms(5000), &mut out);
    script.play(
        "9000 boot b7 \n 9000 seen C PJSIP/trunk of C B1 \n 9000 seen A PJSIP/1001 of C B1 \n 9000 snapshot_ends",
    );
    assert_eq!((before, script.tracker.calls().count()), (2, 1));
    assert_eq!(
        (script.ended[0].outcome, script.ended[0].certain, script.ended[0].ended_by),
        (Some(Outcome::Failed), false, None)
    );
    let stays = script.tracker.calls().next().expect("a call");
    assert_eq!((stays.certain, agents(stays), stays.segments[0].from), (false, vec!["1001"], ms(2000)));
}

#[test]
fn a_pbx_that_restarts_ends_all_calls() {
    let mut script = Script::played("0 boot b7 \n 0 snapshot_ends");
    script.play(TALKING);
    script.play("9000 boot b8 \n 9000 snapshot_ends");
    let call = script.the_call();
    assert_eq!((call.outcome, call.certain, call.segments[0].to), (Some(Outcome::Answered), false, Some(ms(9000))));
    let mut script = Script::played(TALKING);
    script.play("9000 stopping");
    assert_eq!((script.the_call().ended_by, script.the_call().certain), (Some(EndedBy::Pbx), true));
}

#[test]
fn a_leg_that_outlives_its_call_may_begin_another() {
    let mut script = Script::played(TALKING);
    script.play("5000 bye C \n 5000 out C B1 \n 5000 end C");
    assert_eq!((script.ended.len(), script.tracker.legs.len()), (1, 1));
    script.play("6000 leg T PJSIP/trunk of A \n 6000 dial A T 13900139000 \n 7000 end T \n 7000 end A");
    assert_eq!(script.ended[1].direction, Direction::Outbound);
    assert_ne!(script.ended[0].id, script.ended[1].id);
    assert_eq!(script.tracker.legs.len(), 0);
}

#[test]
fn queues_and_agents_show_what_goes_on() {
    let mut script = Script::played(
        "0 member support PJSIP/1001 free
         0 member support PJSIP/1002 lunch
         0 member support PJSIP/1003 offline",
    );
    let support = |script: &Script| script.tracker.queues_now(script.at).remove(0);
    assert_eq!((support(&script).on_duty, support(&script).free), (1, 1));
    assert_eq!(script.agent("1002"), AgentState::Paused { reason: "lunch".into() });
    assert_eq!(script.agent("1003"), AgentState::Offline);
    let mut lines = TALKING.lines();
    let waiting: Vec<&str> = lines.by_ref().take(6).collect();
    script.play(&waiting.join("\n"));
    assert_eq!(support(&script).waiting.len(), 1);
    assert_eq!((support(&script).waiting[0].since, script.agent("1001")), (ms(500), AgentState::Ringing));
    script.play(&lines.collect::<Vec<_>>().join("\n"));
    assert_eq!((support(&script).waiting.len(), support(&script).free), (0, 0));
    assert_eq!(script.agent("1001"), AgentState::Talking);
    script.play("3000 hold A");
    assert_eq!(script.agent("1001"), AgentState::OnHold);
    script.play("4000 resume A \n 5000 bye C \n 5000 out C B1 \n 5000 end C \n 5000 end A");
    assert_eq!(script.agent("1001"), AgentState::Available);
}
