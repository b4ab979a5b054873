//! Listening in, hanging up, and what was asked for and never came.

use super::*;

const SPY: &str = "ringback-spy-7";

fn asks(script: &mut Script, at: i64) {
    script.at = ms(at);
    let at = script.at;
    script.tracker.asked_to_spy(at, SPY.into(), "1010".into(), &mut script.changes);
    script.take();
}

/// The supervisor's phone is picked up: the events of `Originate` with an application.
const PICKED_UP: &str = "
    4100 leg ringback-spy-7 PJSIP/1010 of ringback-spy-7
    4110 dial - ringback-spy-7 1010
    4900 up ringback-spy-7
    4900 dialled ringback-spy-7 answered";

#[test]
fn who_listens_in_makes_no_call_and_changes_none() {
    let mut script = Script::played(TALKING);
    asks(&mut script, 4000);
    assert_eq!(script.agent("1010"), AgentState::Ringing);
    script.play(PICKED_UP);
    assert_eq!(script.agent("1010"), AgentState::Listening);
    assert_eq!(script.agent("1001"), AgentState::Talking);
    assert_eq!(script.listened, [(SPY.to_owned(), Some(ms(4900)), None)]);
    assert_eq!(script.tracker.calls().count(), 1, "listening in is no call");
    script.play(
        "8000 bye C
         8000 out C B1
         8000 out A B1
         8000 end A
         8000 end C
         8010 end ringback-spy-7",
    );
    assert_eq!(script.listened.last(), Some(&(SPY.to_owned(), Some(ms(4900)), Some(ms(8010)))));
    assert_eq!(script.agent("1010"), AgentState::Available);
    let call = script.the_call();
    assert_eq!((agents(call), offers(call).len(), call.talked()), (vec!["1001"], 1, Some(TimeDelta::seconds(6))));
}

#[test]
fn a_phone_behind_a_loop_that_listens_in_makes_no_call_either() {
    let mut script = Script::played(TALKING);
    asks(&mut script, 4000);
    script.play(
        "4100 leg ringback-spy-7 Local/1010@phones of ringback-spy-7
         4100 leg half Local/1010@phones of ringback-spy-7
         4100 loop ringback-spy-7 half
         4110 leg P PJSIP/1010 of ringback-spy-7
         4110 dial half P
         4900 up P
         4900 dialled P answered
         4900 up ringback-spy-7
         4950 in half B2
         4950 in P B2
         9000 out P B2
         9000 out half B2
         9000 end P
         9000 end half
         9000 end ringback-spy-7",
    );
    assert_eq!(script.tracker.calls().count(), 1);
    assert!(script.ended.is_empty());
}

#[test]
fn a_phone_that_is_not_picked_up_listened_to_nothing() {
    let mut script = Script::played(TALKING);
    asks(&mut script, 4000);
    script.play(
        "4100 leg ringback-spy-7 PJSIP/1010 of ringback-spy-7
         4110 dial - ringback-spy-7 1010
         34000 dialled ringback-spy-7 no_answer
         34000 end ringback-spy-7 19",
    );
    assert_eq!(script.listened, [(SPY.to_owned(), None, Some(ms(34_000)))]);
    assert_eq!(script.agent("1010"), AgentState::Available);
}

#[test]
fn a_leg_of_which_the_pbx_says_nothing_is_none() {
    let mut script = Script::played(TALKING);
    asks(&mut script, 4000);
    let to = Dialable::new("13900139000").unwrap();
    script.tracker.asked(ms(4000), "ringback-8".into(), "1002".into(), &to, &mut script.changes);
    script.wake(18_999);
    assert_eq!((script.listened.len(), script.ended.len()), (0, 0));
    script.wake(19_000);
    assert_eq!(script.listened, [(SPY.to_owned(), None, Some(ms(19_000)))]);
    let [never] = &script.ended[..] else { panic!("{:#?}", script.ended) };
    assert_eq!((never.originated.as_ref().map(LegId::as_str), never.answered_at), (Some("ringback-8"), None));
    assert_eq!(script.tracker.next_wake(), None);
}

#[test]
fn of_a_pbx_out_of_sight_the_next_snapshot_tells_what_came_up() {
    let mut script = Script::played(TALKING);
    asks(&mut script, 4000);
    let to = Dialable::new("13900139000").unwrap();
    script.tracker.asked(ms(4000), "ringback-8".into(), "1002".into(), &to, &mut script.changes);
    script.tracker.lost_sight(ms(4010), &mut script.changes);
    script.wake(60_000);
    assert_eq!(script.ended.len(), 0, "it may ring");
    script.play(
        "61000 boot b
         61000 seen C PJSIP/trunk of C B1
         61000 seen A PJSIP/1001 of C B1
         61000 seen ringback-spy-7 PJSIP/1010 of ringback-spy-7 -
         61000 snapshot_ends",
    );
    assert_eq!(script.ended.len(), 1, "what was dialled is not there");
    assert_eq!(script.agent("1010"), AgentState::Listening);
    script.play(
        "62000 boot b
         62000 seen C PJSIP/trunk of C B1
         62000 seen A PJSIP/1001 of C B1
         62000 snapshot_ends",
    );
    assert_eq!(script.agent("1010"), AgentState::Available);
    assert_eq!(script.tracker.calls().count(), 1);
}

#[test]
fn a_spy_of_before_a_restart_is_known_by_its_name() {
    let script = Script::played(
        "0 boot b
         0 seen C PJSIP/trunk of C B1
         0 seen A PJSIP/1001 of C B1
         0 seen ringback-spy-7 PJSIP/1010 of ringback-spy-7 -
         0 snapshot_ends",
    );
    assert_eq!(script.tracker.calls().count(), 1);
    assert_eq!(script.agent("1010"), AgentState::Listening);
}

#[test]
fn the_leg_to_end_is_the_outside_partys() {
    let leg = |script: &Script| {
        let call = script.tracker.calls().next().expect("a call").id.clone();
        script.tracker.leg_to_end(&call).map(ToString::to_string)
    };
    let talker = |script: &Script| {
        let call = script.tracker.calls().next().expect("a call").id.clone();
        script.tracker.talker(&call).map(|(agent, leg)| (agent.to_string(), leg.to_string()))
    };
    let mut script = Script::played("0 call C PJSIP/trunk 13800138000 4008001234\n 500 queue C support");
    assert_eq!((leg(&script), talker(&script)), (Some("C".into()), None), "who waits");
    script.play("600 leg A PJSIP/1001 of C\n 610 offer C A support PJSIP/1001");
    assert_eq!((leg(&script), talker(&script)), (Some("C".into()), None), "who rings for somebody");
    let script = Script::played(TALKING);
    assert_eq!((leg(&script), talker(&script)), (Some("C".into()), Some(("1001".into(), "A".into()))));

    let mut script = Script::new();
    let to = Dialable::new("13900139000").unwrap();
    script.tracker.asked(ms(0), "ringback-8".into(), "1002".into(), &to, &mut script.changes);
    assert_eq!(leg(&script).as_deref(), Some("ringback-8"));
    script.play(
        "100 leg ringback-8 PJSIP/1002 of ringback-8
         900 up ringback-8
         950 leg T PJSIP/trunk of ringback-8
         950 dial ringback-8 T",
    );
    assert_eq!(leg(&script).as_deref(), Some("ringback-8"), "while it rings outside");
    script.play("2000 up T\n 2000 dialled T answered\n 2000 in T B1\n 2000 in ringback-8 B1");
    assert_eq!(leg(&script).as_deref(), Some("T"));
    assert_eq!(talker(&script), Some(("1002".into(), "ringback-8".into())));
}
