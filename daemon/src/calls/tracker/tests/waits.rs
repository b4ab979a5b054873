//! Callers in queues, and how they leave.

use super::*;

/// A caller who waits in support, since 500.
const WAITING: &str = "0 call C PJSIP/trunk 13800138000 4008001234 \n 500 queue C support";

fn waiting(script: &Script, queue: &str) -> usize {
    let queues = script.tracker.queues_now(script.at);
    queues.iter().filter(|now| now.queue.as_str() == queue).map(|now| now.waiting.len()).sum()
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
