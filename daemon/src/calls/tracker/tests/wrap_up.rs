//! Writing up: how long, and what ends it.

use std::collections::BTreeMap;

use protocol::event::Duty;

use super::*;
use crate::calls::now::AgentState;

/// 1001 has talked with a caller of support, from 2000 to 9000.
fn talked(before: &str) -> Script {
    let mut script = Script::new();
    let queues = BTreeMap::from([("support".into(), 30)]);
    script.tracker = script.tracker.with_wrap_up(WrapUp { seconds: 20, queues });
    script.play(before);
    script.play(TALKING);
    script.play(HANGS_UP);
    script
}

const HANGS_UP: &str = "
    9000 bye C
    9000 out A B1
    9000 out C B1
    9000 end A
    9000 end C";

fn member(script: &mut Script, queue: &str, wrap_up_s: u32) {
    let Member { agent, interface } = super::member("PJSIP/1001");
    let (member, device) = (Member { agent, interface: interface.clone() }, interface);
    let (state, paused, in_call) = (DeviceState::Free, None, false);
    let queue = queue.into();
    script.observe(CallEvent::MemberIs(Box::new(MemberState {
        queue,
        member,
        device,
        state,
        paused,
        in_call,
        wrap_up_s,
    })));
}

fn wraps_up_until(script: &Script) -> Option<i64> {
    match script.agent("1001") {
        AgentState::WrapUp { until } => Some(until.timestamp_millis()),
        _ => None,
    }
}

#[test]
fn a_queues_call_is_written_up_for_the_time_we_are_told_and_no_longer() {
    let mut script = talked("");
    assert_eq!(wraps_up_until(&script), Some(9_000 + 30_000));
    // The talk would have proved a callback by then, had it lasted.
    script.wake(12_000);
    assert_eq!(script.tracker.next_wake(), Some(ms(39_000)));
    let mut changes = Vec::new();
    script.tracker.wake(ms(38_999), &mut changes);
    assert_eq!(changes, []);
    script.tracker.wake(ms(39_000), &mut changes);
    assert_eq!(changes, [Change::Agent("1001".into())]);
    assert_eq!(script.agent("1001"), AgentState::Available);
    assert_eq!(script.tracker.agent_now(&"1001".into(), ms(0)).map(|now| now.since), Some(ms(39_000)));
    assert_eq!(script.tracker.next_wake(), None);
}

#[test]
fn the_queues_own_time_comes_first_then_the_agents() {
    let mut script = Script::new();
    member(&mut script, "support", 12);
    script.play(TALKING);
    script.play(HANGS_UP);
    assert_eq!(wraps_up_until(&script), Some(9_000 + 12_000));

    let mut script = Script::new();
    member(&mut script, "support", 0);
    script.observe(CallEvent::AgentIs { agent: "1001".into(), duty: Duty::In, wrap_up_s: 7 });
    script.play(TALKING);
    script.play(HANGS_UP);
    assert_eq!(wraps_up_until(&script), Some(9_000 + 7_000));
}

#[test]
fn nobody_says_a_time_so_there_is_none() {
    let mut script = Script::played(TALKING);
    script.play(HANGS_UP);
    assert_eq!(script.agent("1001"), AgentState::Available);
    script.wake(12_000);
    assert_eq!(script.tracker.next_wake(), None);
}

#[test]
fn a_new_call_ends_it_for_good() {
    let mut script = talked("");
    script.play(
        "10000 call D PJSIP/trunk 13900139000 4008001234
         10000 leg B PJSIP/1001 of D
         10000 dial D B
         12000 end B 19
         12000 end D 16",
    );
    assert_eq!(
        script.agent("1001"),
        AgentState::Available,
        "the one that rang was not taken, and it is over all the same"
    );
}

#[test]
fn a_call_past_the_queues_is_not_written_up() {
    let mut script = Script::new();
    script.tracker = script.tracker.with_wrap_up(WrapUp { seconds: 20, queues: BTreeMap::new() });
    script.play(
        "0    call C PJSIP/trunk 13800138000 4008005678
         10   leg A PJSIP/1001 of C
         10   dial C A
         2000 up A
         2000 dialled A answered
         2000 in A B1
         2000 in C B1",
    );
    script.play(HANGS_UP);
    assert_eq!(script.agent("1001"), AgentState::Available);
}

#[test]
fn a_break_shows_over_it_and_a_hold_is_no_end() {
    let mut script = talked("");
    script.play("10000 member support PJSIP/1001 lunch");
    assert_eq!(script.agent("1001"), AgentState::Paused { reason: "lunch".into() });
    script.play("11000 member support PJSIP/1001 free");
    assert_eq!(wraps_up_until(&script), Some(39_000));

    let mut held = Script::new();
    held.tracker = held.tracker.with_wrap_up(WrapUp { seconds: 20, queues: BTreeMap::new() });
    held.play(TALKING);
    held.play("3000 hold A");
    assert_eq!(held.agent("1001"), AgentState::OnHold);
    held.play("4000 resume A");
    assert_eq!(held.agent("1001"), AgentState::Talking);
    held.wake(14_000);
    assert_eq!((held.tracker.next_wake(), held.agent("1001")), (None, AgentState::Talking));
}

#[test]
fn whose_talk_ended_unseen_is_not_said_to_write_it_up() {
    let mut script = Script::new();
    script.tracker = script.tracker.with_wrap_up(WrapUp { seconds: 20, queues: BTreeMap::new() });
    script.play(TALKING);
    let mut changes = Vec::new();
    script.tracker.lost_sight(ms(3_000), &mut changes);
    script.play("9000 boot b\n9000 member support PJSIP/1001 free\n9000 snapshot_ends");
    assert_eq!(script.agent("1001"), AgentState::Available);
}

#[test]
fn duty_counts_in_all_queues_at_once() {
    let mut script = Script::new();
    for queue in ["support", "sales"] {
        member(&mut script, queue, 0);
    }
    let duty = |script: &mut Script, duty| {
        script.observe(CallEvent::AgentIs { agent: "1001".into(), duty, wrap_up_s: 0 });
        let queues = script.tracker.queues_now(ms(0));
        (script.agent("1001"), queues.iter().map(|queue| (queue.on_duty, queue.free)).collect::<Vec<_>>())
    };
    assert_eq!(duty(&mut script, Duty::In), (AgentState::Available, vec![(1, 1), (1, 1)]));
    let lunch = AgentState::Paused { reason: "lunch".into() };
    assert_eq!(duty(&mut script, Duty::Paused("lunch".into())), (lunch, vec![(0, 0), (0, 0)]));
    assert_eq!(duty(&mut script, Duty::Out), (AgentState::Offline, vec![(0, 0), (0, 0)]));
}

#[test]
fn a_break_from_one_queue_is_shown_beside_the_state() {
    let mut script = Script::new();
    script.play("0 member support PJSIP/1001 free\n0 member sales PJSIP/1001 lunch");
    let now = script.tracker.agent_now(&"1001".into(), ms(0)).unwrap();
    assert_eq!((now.state, now.paused_in), (AgentState::Available, vec![("sales".into(), "lunch".to_owned())]));
    assert_eq!(now.device, Some(DeviceState::Free));
}

#[test]
fn a_count_that_hangs_is_told_once() {
    let mut script = Script::new();
    let stuck = |script: &mut Script, at: i64| {
        let mut changes = Vec::new();
        let mut observe = |event| script.tracker.observe(ms(at), event, &mut changes);
        observe(CallEvent::LookBegan);
        observe(CallEvent::QueueSeen { queue: "support".into() });
        let (member, device) = (super::member("PJSIP/1001"), "PJSIP/1001".into());
        observe(CallEvent::MemberIs(Box::new(MemberState {
            queue: "support".into(),
            member,
            device,
            state: DeviceState::Free,
            paused: None,
            in_call: true,
            wrap_up_s: 0,
        })));
        observe(CallEvent::LookEnded);
        changes.into_iter().filter(|change| matches!(change, Change::Drift(_))).count()
    };
    member(&mut script, "support", 0);
    assert_eq!([0, 5_000, 10_000, 300_000].map(|at| stuck(&mut script, at)), [0, 1, 0, 0]);
}
