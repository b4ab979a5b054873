//! Calls without a queue, and how talks go and end.

use super::*;

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
fn a_talk_is_told_of_when_it_has_lasted_long_enough_without_its_hold() {
    let mut script = Script::played(TALKING);
    script.play("6000 hold A \n 9000 resume A");
    assert_eq!(script.tracker.next_wake(), Some(ms(12_000)));
    let mut out = Vec::new();
    script.tracker.wake(ms(12_000), &mut out);
    out.clear();
    assert_eq!(script.tracker.next_wake(), Some(ms(15_000)), "four seconds before, and six since");
    script.tracker.wake(ms(15_000), &mut out);
    assert!(matches!(out[..], [Change::Call(_)]), "{out:?}");
}

#[test]
fn a_talk_is_told_of_when_it_is_as_long_as_the_site_wants_it() {
    let mut script = Script::new();
    script.tracker.proves_after(TimeDelta::seconds(4));
    script.play(TALKING);
    assert_eq!(script.tracker.next_wake(), Some(ms(6_000)), "talked since the second second");
    // Other terms, while it goes on.
    script.tracker.proves_after(TimeDelta::seconds(30));
    assert_eq!(script.tracker.next_wake(), Some(ms(32_000)));
    let mut out = Vec::new();
    script.tracker.wake(ms(31_999), &mut out);
    assert!(out.is_empty(), "{out:?}");
    script.tracker.wake(ms(32_000), &mut out);
    assert!(matches!(out[..], [Change::Call(_)]), "{out:?}");
    script.play("40000 hold A");
    script.tracker.proves_after(TimeDelta::seconds(60));
    assert_eq!(script.tracker.next_wake(), None, "on hold it is not talked");
    script.play("45000 resume A");
    assert_eq!(script.tracker.next_wake(), Some(ms(67_000)));
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
fn a_leg_that_outlives_its_call_may_begin_another() {
    let mut script = Script::played(TALKING);
    script.play("5000 bye C \n 5000 out C B1 \n 5000 end C");
    assert_eq!((script.ended.len(), script.tracker.legs.len()), (1, 1));
    script.play("6000 leg T PJSIP/trunk of A \n 6000 dial A T 13900139000 \n 7000 end T \n 7000 end A");
    assert_eq!(script.ended[1].direction, Direction::Outbound);
    assert_ne!(script.ended[0].id, script.ended[1].id);
    assert_eq!(script.tracker.legs.len(), 0);
}
