//! Calls that are sent on, parked, picked up.

use super::*;

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

/// The caller talks with 1001, and then stands elsewhere.
const SENT_AWAY: &str = "
    0    call C PJSIP/trunk 13800138000 4008005678
    10   leg A PJSIP/1001 of C
    10   dial C A
    2000 dialled A answered
    2000 up A
    2000 in A B1
    2000 in C B1 at 4008005678
    9000 out C B1 at 1003";

/// As by `Redirect`, which tells no transfer.
#[test]
fn somebody_outside_the_call_sends_the_caller_away() {
    let mut script = Script::played(SENT_AWAY);
    script.play(
        "9010  out A B1
         9010  end A
         9100  leg T PJSIP/1003 of C
         9100  dial C T
         12000 dialled T answered
         12000 up T
         12000 in T B2
         12000 in C B2 at 1003
         20000 bye C
         20000 out C B2 at h
         20000 end T
         20000 end C",
    );
    let call = script.the_call();
    let [transfer] = &call.transfers[..] else { panic!("{call:#?}") };
    assert_eq!((transfer.kind, &transfer.from, &*transfer.to), (TransferKind::Blind, &None, "1003"));
    assert_eq!((transfer.completed, transfer.at), (true, ms(9000)));
    assert_eq!(agents(call), ["1001", "1003"]);
}

/// Each channel tells of it by a thread of its own.
#[test]
fn the_agent_who_sent_the_caller_away_may_be_told_later() {
    let mut script = Script::played(SENT_AWAY);
    script.play(
        "9005 blind A C 1003
         9010 out A B1
         9010 end A
         9900 bye C
         9900 end C",
    );
    assert_eq!(transfers(script.the_call()), [(TransferKind::Blind, "1003", false)]);
    assert_eq!(script.the_call().transfers[0].from, Some("1001".into()));
}

#[test]
fn whom_somebody_outside_the_call_puts_aside_was_not_transferred() {
    let mut script = Script::played(SENT_AWAY);
    script.play(
        "9010 out A B1
         9010 end A
         9100 put_aside C lot at 700
         9900 bye C
         9900 out C lot at 700
         9900 end C",
    );
    assert!(script.the_call().transfers.is_empty());
}

/// Who sent the caller on is told at once, as the caller leaves the talk, or when the next queue has
/// them already: it is one transfer, by whoever made it.
#[test]
fn a_transfer_to_a_queue_that_is_told_late_is_one() {
    let told = "blind A C 8000";
    let rest = ["out A B1", "out C B1 at 8000", "end A", "queue C complaints"];
    let talking = TALKING.replace("in C B1", "in C B1 at 4008001234");
    for place in 0..=rest.len() {
        let mut script = Script::played(&talking);
        let mut lines = rest.to_vec();
        lines.insert(place, told);
        for (index, line) in lines.iter().enumerate() {
            // Only the last is later than a moment.
            script.play(&format!("{} {line}", 4000 + index * 10 + if index > 3 { 2000 } else { 0 }));
        }
        script.play(
            "8000 bye C
             8000 leave C complaints
             8000 end C",
        );
        let call = script.the_call();
        let by: Vec<_> = call.transfers.iter().map(|sent| sent.from.as_ref().map(Extension::as_str)).collect();
        assert_eq!(by, [Some("1001")], "told at {place}: {:#?}", call.transfers);
        assert_eq!(transfers(call), [(TransferKind::Blind, "complaints", true)], "told at {place}");
        assert_eq!((agents(call), call.ended_by), (vec!["1001"], Some(EndedBy::Caller)), "told at {place}");
    }
}
