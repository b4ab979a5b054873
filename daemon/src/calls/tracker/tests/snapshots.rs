//! What was up before us, and what went while we did not look.

use super::*;

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
fn a_leg_that_is_proven_gone_ends_its_call_and_makes_nothing_of_it() {
    let gone = |leg: &str| CallEvent::LegGone { leg: leg.into() };
    let mut waiting = Script::played("0 call W PJSIP/trunk 13900139000 400 \n 10 queue W support");
    waiting.observe(gone("W"));
    let call = waiting.the_call();
    assert_eq!((call.outcome, call.certain, call.ended_by), (Some(Outcome::Failed), false, None));
    assert_eq!(waiting.tracker.queues_now(ms(20))[0].waiting.len(), 0);

    let mut talking = Script::played(TALKING);
    talking.play("9000 boot b7");
    for leg in ["A", "C", "C", "never"] {
        talking.observe(gone(leg));
    }
    let call = talking.the_call();
    assert_eq!((call.outcome, call.certain, call.ended_by), (Some(Outcome::Answered), false, None));
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

/// The half that reached the agent's resting line has the line's root, not the caller's.
#[test]
fn the_halves_of_a_loop_are_of_one_call_whatever_their_roots() {
    for order in ["A C L1 L2", "L2 L1 C A", "C L2 A L1", "L1 A L2 C"] {
        let mut script = Script::played("0 boot b7");
        for who in order.split(' ') {
            script.play(match who {
                "A" => "0 seen_resting A PJSIP/1003 of A B2",
                "C" => "0 seen C PJSIP/trunk of C B1",
                "L1" => "0 seen L1 Local/103@pool-1;1 of C B1",
                _ => "0 seen L2 Local/103@pool-1;2 of A B2",
            });
        }
        script.play("0 snapshot_ends");
        let calls: Vec<&Call> = script.tracker.calls().collect();
        assert_eq!(calls.len(), 1, "{order}: {calls:#?}");
        assert_eq!((agents(calls[0]), calls[0].caller.as_deref()), (vec!["1003"], Some("13800138000")), "{order}");
    }
}

/// Who waited when the link was lost and waits no more may have been served meanwhile.
#[test]
fn who_left_a_queue_unseen_and_then_hangs_up_has_not_given_up() {
    let lost = "9000 boot b7 \n 9000 seen C PJSIP/trunk of C - \n 9000 snapshot_ends \n 9500 bye C \n 9500 end C";
    let before = "0 boot b7 \n 0 snapshot_ends \n 0 call C PJSIP/trunk 13900139000 400";
    for seen in ["", "10 queue C support", "10 queue C support \n 400 leave C support"] {
        let mut script = Script::played(before);
        script.play(seen);
        script.tracker.lost_sight(ms(5000), &mut Vec::new());
        script.play(lost);
        let call = script.the_call();
        assert_eq!((call.outcome, call.certain), (Some(Outcome::Failed), false), "{seen}");
    }
}

/// The line of an agent at work comes into a caller's call after the one that it was in.
#[test]
fn an_agents_line_brings_no_old_call_into_the_next() {
    let mut script = Script::played("0 boot b7 \n 0 seen_resting A PJSIP/1003 of A B2 \n 0 seen C PJSIP/trunk of C B2");
    script.play("0 snapshot_ends");
    script.tracker.lost_sight(ms(5000), &mut Vec::new());
    script.play(
        "9000 boot b7 \n 9000 seen L2 Local/103@pool-1;2 of A B4 \n 9000 seen_resting A PJSIP/1003 of A B4
         9000 seen D PJSIP/trunk of D B3 \n 9000 seen L1 Local/103@pool-1;1 of D B3 \n 9000 snapshot_ends",
    );
    let ids = |calls: Vec<&Call>| calls.iter().map(|call| call.id.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(script.ended.iter().collect()), ["hq-b7-C"]);
    assert_eq!(ids(script.tracker.calls().collect()), ["hq-b7-D"]);
}

/// Nobody saw that it went on for ten seconds.
#[test]
fn a_talk_that_is_out_of_sight_lasts_no_longer_before_it_is_seen_again() {
    let mut script = Script::played("0 boot b7 \n 0 snapshot_ends");
    script.play(TALKING);
    let mut out = Vec::new();
    script.tracker.lost_sight(ms(5000), &mut out);
    out.clear();
    assert_eq!(script.tracker.next_wake(), None);
    script.tracker.wake(ms(12_000), &mut out);
    assert_eq!(out, []);
    let seen = "20000 seen C PJSIP/trunk of C B1 \n 20000 seen A PJSIP/1001 of C B1";
    script.play(&format!("20000 boot b7 \n {seen} \n 20000 snapshot_ends"));
    assert_eq!(script.tracker.next_wake(), Some(ms(12_000)), "told of at once");
    script.tracker.wake(ms(20_000), &mut out);
    assert!(matches!(out[..], [Change::Call(_)]), "{out:?}");
}
