//! Ring groups, members behind loops, agents whose lines rest. As seen on Asterisk 22.

use super::*;

#[test]
fn of_a_ring_group_one_answers_one_is_busy_and_one_rang() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000001 4008000001
         0     up C
         505   leg A PJSIP/1001 of C
         505   leg T PJSIP/1002 of C
         505   leg U PJSIP/1003 of C
         505   dial C A 1001
         505   dial C T 1002
         505   dial C U 1003
         1008  bye U
         1008  dialled U busy
         1008  end U 17
         1510  up T
         1510  dialled A cancelled
         1510  dialled T answered
         1510  end A 26
         1510  in T B1
         1510  in C B1
         4003  bye C
         4004  out C B1
         4004  out T B1
         4005  end C
         4005  end T",
    );
    let call = script.the_call();
    assert_eq!(talks(call), [("1002", None, 1510, 4004)]);
    assert_eq!(
        offers(call),
        [("1001", OfferOutcome::AnsweredElsewhere), ("1002", OfferOutcome::Answered), ("1003", OfferOutcome::Busy)]
    );
    assert_eq!((call.to.as_deref(), call.ended_by), (Some("1001"), Some(EndedBy::Caller)));
}

#[test]
fn a_member_that_is_a_ring_group_rings_and_is_the_phones_behind_it() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000005 4008000003
         0     up C
         502   queue C grouped
         502   leg L1 Local/600@members of C
         502   leg L2 Local/600@members of C
         502   loop L1 L2
         502   offer C L1 grouped Local/600@members/n
         502   dial C L1 n
         503   leg A PJSIP/1001 of C
         504   leg T PJSIP/1002 of C
         504   dial L2 A 1001
         505   dial L2 T 1002
         1509  up T
         1509  dialled A cancelled
         1509  dialled T answered
         1509  up L2
         1509  in T B1
         1509  end A 26
         1509  up L1
         1509  dialled L1 answered
         1509  leave C grouped
         1509  connect C L1 grouped Local/600@members/n
         1509  in L1 B2
         1509  in L2 B1
         1509  in C B2
         5005  bye C
         5006  out C B2
         5006  out L1 B2
         5006  end C
         5006  bye L2
         5006  end L1
         5006  out L2 B1
         5006  out T B1
         5007  end L2
         5007  end T",
    );
    let call = script.the_call();
    assert_eq!(talks(call), [("1002", Some("grouped"), 1509, 5006)]);
    assert_eq!(offers(call), [("1001", OfferOutcome::AnsweredElsewhere), ("1002", OfferOutcome::Answered)]);
    assert!(call.offers.iter().all(|offer| offer.queue == Some("grouped".into())), "{call:#?}");
}

#[test]
fn members_behind_loops_that_are_optimised_away() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000003 4008000002
         0     up C
         503   queue C optimised
         504   leg L1 Local/1003@members of C
         504   leg L2 Local/1003@members of C
         505   loop L1 L2
         505   offer C L1 optimised Local/1003@members
         506   dial C L1 1003
         506   leg L3 Local/1001@members of C
         506   leg L4 Local/1001@members of C
         506   loop L3 L4
         506   offer C L3 optimised Local/1001@members
         506   dial C L3 1001
         508   leg A PJSIP/1003 of C
         509   leg T PJSIP/1001 of C
         509   dial L4 T 1001
         512   dial L2 A 1003
         1314  up A
         1314  dialled A answered
         1314  up L1
         1314  dialled L1 answered
         1314  dialled L3 cancelled
         1314  dialled L3 cancelled
         1314  bye L4
         1314  end L3 26
         1314  leave C optimised
         1314  connect C L1 optimised Local/1003@members
         1314  up L2
         1314  dialled T cancelled
         1314  in A B1
         1314  in L1 B2
         1314  end L4 26
         1314  in C B2
         1314  end T 26
         1314  in L2 B1
         5008  bye C
         5008  out C B2
         5008  out L1 B2
         5008  bye L2
         5008  end L1
         5008  end C
         5008  out L2 B1
         5008  end L2
         5008  out A B1
         5008  end A",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1003"]);
    assert_eq!(call.segments[0].queue, Some("optimised".into()));
    assert_eq!(offers(call), [("1003", OfferOutcome::Answered), ("1001", OfferOutcome::AnsweredElsewhere)]);
    assert_eq!((call.ended_by, call.segments.len()), (Some(EndedBy::Caller), 1));
}

#[test]
fn an_agent_whose_line_rests_takes_one_call_after_the_other() {
    let script = Script::played(
        "0     call C PJSIP/1001 1001 8001
         0     up C
         2265  rest C B1
         6006  call A PJSIP/trunk 13800000008 4008000004
         6010  up A
         6511  queue A pool
         7513  leg L1 Local/agent1@members of A
         7513  leg L2 Local/agent1@members of A
         7513  loop L1 L2
         7513  offer A L1 pool Local/agent1@members/n
         7513  in L2 B2
         7513  dial A L1 n
         7955  out C B1
         7955  in C B2
         7956  up L2
         7956  up L1
         7956  dialled L1 answered
         7956  leave A pool
         7956  connect A L1 pool Local/agent1@members/n
         7956  in L1 B3
         7956  in A B3
         11016 bye A
         11016 out A B3
         11016 out L1 B3
         11016 bye L2
         11016 end L1
         11016 end A
         11016 out L2 B2
         11016 out C B2
         11016 end L2
         11016 rest C B1
         12017 call T PJSIP/trunk 13800000009 4008000004
         12017 up T
         12523 queue T pool
         12523 leg L3 Local/agent1@members of T
         12523 leg L4 Local/agent1@members of T
         12523 loop L3 L4
         12523 offer T L3 pool Local/agent1@members/n
         12523 dial T L3 n
         12523 in L4 B4
         12966 out C B1
         12966 in C B4
         12967 up L4
         12967 up L3
         12967 dialled L3 answered
         12967 leave T pool
         12967 connect T L3 pool Local/agent1@members/n
         12967 in L3 B5
         12967 in T B5
         16020 bye T
         16022 out T B5
         16022 out L3 B5
         16022 bye L4
         16022 end L3
         16022 end T
         16022 out L4 B4
         16022 out C B4
         16022 end L4
         16022 rest C B1
         17021 bye C
         17022 out C B1
         17022 end C",
    );
    let [login, first, second] = &script.ended[..] else { panic!("{:#?}", script.ended) };
    assert_eq!((login.direction, login.outcome), (Direction::Internal, Some(Outcome::Answered)));
    for call in [first, second] {
        assert_eq!((agents(call), offers(call)), (vec!["1001"], vec![("1001", OfferOutcome::Answered)]));
        assert_eq!((call.segments[0].queue.clone(), call.ended_by), (Some("pool".into()), Some(EndedBy::Caller)));
    }
    assert_eq!((script.tracker.calls().count(), script.tracker.legs.len(), script.merged), (0, 0, 0));
}

#[test]
fn a_resting_agent_who_hangs_up_ends_the_call() {
    let script = Script::played(
        "0     call C PJSIP/1001 1001 8001
         0     up C
         2258  rest C B1
         6010  call A PJSIP/trunk 13800000010 4008000004
         6010  up A
         6512  queue A pool
         7513  leg L1 Local/agent1@members of A
         7513  leg L2 Local/agent1@members of A
         7513  loop L1 L2
         7513  offer A L1 pool Local/agent1@members/n
         7513  dial A L1 n
         7513  in L2 B2
         7955  out C B1
         7955  in C B2
         7955  up L2
         7955  up L1
         7955  dialled L1 answered
         7955  leave A pool
         7955  connect A L1 pool Local/agent1@members/n
         7955  in L1 B3
         7955  in A B3
         10014 bye C
         10014 out C B2
         10017 out L2 B2
         10017 bye L1
         10017 end L2
         10017 end C
         10017 out L1 B3
         10017 end L1
         10017 out A B3
         10017 end A",
    );
    let call = &script.ended[1];
    assert_eq!((talks(call), call.ended_by), (vec![("1001", Some("pool"), 7955, 10014)], Some(EndedBy::Agent)));
    assert_eq!((script.ended.len(), script.tracker.legs.len()), (2, 0));
}
