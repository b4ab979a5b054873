//! Attended transfers and what becomes of them, by the phone and by keys. As seen on Asterisk 22 and 16.

use super::*;

/// A transfer that Asterisk made between the target's answer and its bridge. The customer has the
/// place of the second leg, which nothing says but that the leg ends in its bridge.
const IN_THE_INSTANT: &str = "
    0     call C PJSIP/trunk 13800138000 4008000012
    0     up C
    503   queue C pickups
    503   leg A PJSIP/1001 of C
    503   offer C A pickups PJSIP/1001
    503   dial C A 1001
    1306  up A
    1306  dialled A answered
    1306  leave C pickups
    1306  connect C A pickups PJSIP/1001
    1306  in A B1
    1306  in C B1
    1503  hold A
    1804  call T PJSIP/1001 1001 1003
    1804  leg U PJSIP/1003 of T
    1804  dial T U 1003
    2607  up U
    2607  dialled U answered
    2607  up T
    2610  resume A
    2610  in U B2
    2610  in T B2
    2610  attended A T C -
    2610  out A B1
    2611  out C B1
    2611  end A
    2611  end T
    4610  bye C
    4610  out C B2
    4610  out U B2
    4610  end C
    4610  end U";

#[test]
fn a_transfer_in_the_instant_of_the_targets_answer() {
    let script = Script::played(IN_THE_INSTANT);
    let call = script.the_call();
    assert_eq!(talks(call), [("1001", Some("pickups"), 1306, 2610), ("1003", None, 2611, 4610)]);
    assert_eq!(transfers(call), [(TransferKind::Attended, "1003", true)]);
}

/// Threads of its own make a transfer, and tell of it when they are done: what becomes of the
/// bridges may be told before, after and between.
#[test]
fn a_transfer_is_the_same_wherever_it_is_told() {
    for (script, second) in [(IN_THE_INSTANT, "T"), (BY_THE_PHONE, "A2"), (WHILE_IT_RINGS, "A2")] {
        let lines: Vec<&str> = script.lines().filter(|line| !line.trim().is_empty()).collect();
        let at = |what: &str| lines.iter().position(|line| line.contains(what)).expect("a line");
        let told = at(" attended ");
        let mut last = at(&format!(" end {second}")).min(at(" end A"));
        last -= usize::from(told < last);
        for to in at(" resume A")..=last {
            let mut moved = lines.clone();
            let line = moved.remove(told);
            moved.insert(to, line);
            let script = Script::played(&in_order(&moved));
            let call = script.the_call();
            assert_eq!(agents(call), ["1001", "1003"], "{moved:#?}");
            assert_eq!(transfers(call), [(TransferKind::Attended, "1003", true)], "{moved:#?}");
            assert_eq!(call.segments.iter().filter(|talk| talk.to.is_none()).count(), 0, "{moved:#?}");
            assert_eq!((call.caller.as_deref(), call.outcome), (Some("13800138000"), Some(Outcome::Answered)));
        }
    }
}

/// The lines as if each had come when it stands, none before the one above it.
fn in_order(lines: &[&str]) -> String {
    let mut last = 0;
    let timed = lines.iter().map(|line| {
        let (at, what) = line.trim().split_once(' ').expect("a time");
        last = last.max(at.parse().expect("milliseconds"));
        format!("{last} {what}\n")
    });
    timed.collect()
}

const BY_THE_PHONE: &str = "
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
    2000 in C B1
    3000 hold A
    4000 call A2 PJSIP/1001 1001 1003
    4000 leg T PJSIP/1003 of A2
    4000 dial A2 T 1003
    5000 up T
    5000 dialled T answered
    5000 in T B2
    5000 in A2 B2
    7000 resume A
    7000 out T B2
    7000 in T B1 for A
    7000 attended A A2 C T
    7000 out A B1
    7000 out A2 B2
    7000 end A2
    7000 end A
    9000 bye T
    9000 out T B1
    9000 out C B1
    9000 end T
    9000 end C";

const WHILE_IT_RINGS: &str = "
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
    2000 in C B1
    3000 hold A
    4000 call A2 PJSIP/1001 1001 1003
    4000 leg T PJSIP/1003 of A2
    4000 dial A2 T 1003
    5000 resume A
    5000 out C B1
    5000 out A B1
    5000 attended A A2 C -
    5010 end A2
    5010 end A
    8000 up T
    8000 dialled T answered
    8000 in T B2
    8000 in C B2
    9000 bye C
    9000 out C B2
    9000 out T B2
    9000 end C
    9000 end T";

#[test]
fn a_transfer_to_a_phone_that_rings_by_key() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000032 4008000012
         0     up C
         504   queue C pickups
         504   leg A PJSIP/1001 of C
         504   offer C A pickups PJSIP/1001
         504   dial C A 1001
         1310  up A
         1310  dialled A answered
         1310  leave C pickups
         1310  connect C A pickups PJSIP/1001
         1310  in A B1
         1310  in C B1
         2817  hold A
         4039  leg L1 Local/1003@from-agents of C
         4039  leg L2 Local/1003@from-agents of C
         4039  loop L1 L2
         4039  in L1 B2
         4039  leg T PJSIP/1003 of C
         4039  out A B1
         4039  in A B2
         4039  dial L2 T 1003
         8547  up T
         8547  dialled T answered
         8547  up L1
         8547  dialled L1 answered
         8547  up L2
         8547  in T B3
         8547  in L2 B3
         8732  bye A
         8732  merge B2 B1
         8732  out L1 B2
         8732  in L1 B1
         8732  out A B2
         8732  attended A A C L1
         8732  end A
         14736 bye C
         14736 out C B1
         14736 out L1 B1
         14736 bye L2
         14736 end L1
         14736 end C
         14736 out L2 B3
         14736 out T B3
         14736 end L2
         14737 end T",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1001", "1003"]);
    assert_eq!(transfers(call), [(TransferKind::Attended, "1003", true)]);
    assert_eq!(offers(call), [("1001", OfferOutcome::Answered), ("1003", OfferOutcome::Answered)]);
}

#[test]
fn who_takes_back_a_transfer_that_nobody_takes_is_rung_again() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000033 4008000012
         0     up C
         510   queue C pickups
         510   leg A PJSIP/1001 of C
         510   offer C A pickups PJSIP/1001
         510   dial C A 1001
         1313  up A
         1313  dialled A answered
         1313  leave C pickups
         1313  connect C A pickups PJSIP/1001
         1313  in A B1
         1313  in C B1
         2807  hold A
         4020  leg L1 Local/1003@from-agents of C
         4020  leg L2 Local/1003@from-agents of C
         4020  loop L1 L2
         4021  in L1 B2
         4021  out A B1
         4022  in A B2
         4022  leg T PJSIP/1003 of C
         4023  dial L2 T 1003
         8725  bye A
         8725  out A B2
         8725  merge B2 B1
         8725  out L1 B2
         8725  in L1 B1
         8725  attended A A C -
         10027 out L1 B1
         10027 bye L2
         10029 end L1
         10029 dialled T cancelled
         10029 end T
         10029 end L2
         10029 leg U PJSIP/1001 of U
         10029 dial - U 1001
         10832 up U
         10832 dialled U answered
         10833 in U B1
         10835 end A
         22729 bye C
         22729 out C B1
         22729 out U B1
         22729 end C
         22729 end U",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1001", "1001"]);
    assert_eq!(transfers(call), [(TransferKind::Attended, "1003", false)]);
    assert_eq!(offers(call), [("1001", OfferOutcome::Answered), ("1003", OfferOutcome::NoAnswer)]);
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
}

#[test]
fn a_consultation_that_is_called_off_was_a_hold() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000030 4008000012
         0     up C
         505   queue C pickups
         505   leg A PJSIP/1001 of C
         505   offer C A pickups PJSIP/1001
         505   dial C A 1001
         1308  up A
         1308  dialled A answered
         1308  leave C pickups
         1308  connect C A pickups PJSIP/1001
         1308  in A B1
         1308  in C B1
         2806  hold A
         4011  leg L1 Local/1003@from-agents of C
         4011  leg L2 Local/1003@from-agents of C
         4011  loop L1 L2
         4011  in L1 B2
         4011  out A B1
         4011  in A B2
         4014  leg T PJSIP/1003 of C
         4014  dial L2 T 1003
         4817  up T
         4817  dialled T answered
         4817  up L1
         4817  dialled L1 answered
         4817  up L2
         4817  in T B3
         4817  in L2 B3
         10517 out A B2
         10517 in A B1
         10520 resume A
         10520 out L1 B2
         10520 bye L2
         10520 out L2 B3
         10520 end L1
         10520 out T B3
         10520 end L2
         10520 end T
         13619 bye C
         13619 out C B1
         13619 out A B1
         13619 end C
         13619 end A",
    );
    let call = script.the_call();
    assert_eq!((agents(call), transfers(call)), (vec!["1001"], vec![]));
    assert_eq!(offers(call), [("1001", OfferOutcome::Answered), ("1003", OfferOutcome::Answered)]);
    assert!((7..=8).contains(&call.held().expect("over").num_seconds()), "{:?}", call.held());
}

#[test]
fn of_three_who_talk_the_one_who_asked_leaves() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000034 4008000012
         0     up C
         503   queue C pickups
         503   leg A PJSIP/1001 of C
         506   offer C A pickups PJSIP/1001
         506   dial C A 1001
         1309  up A
         1309  dialled A answered
         1310  leave C pickups
         1311  connect C A pickups PJSIP/1001
         1311  in A B1
         1311  in C B1
         2806  hold A
         4011  leg L1 Local/1003@from-agents of C
         4011  leg L2 Local/1003@from-agents of C
         4011  loop L1 L2
         4013  leg T PJSIP/1003 of C
         4013  in L1 B2
         4013  out A B1
         4013  in A B2
         4014  dial L2 T 1003
         4817  up T
         4817  dialled T answered
         4817  up L2
         4817  up L1
         4817  dialled L1 answered
         4817  in T B3
         4817  in L2 B3
         10513 merge B2 B1
         10513 out L1 B2
         10513 in L1 B1
         10513 out A B2
         10513 in A B1
         10975 out T B3
         10976 out L1 B1
         10976 in T B1 for L1
         10976 bye L2
         10976 out L2 B3
         10976 end L1
         10976 end L2
         13617 bye A
         13617 out A B1
         13617 end A
         16620 bye C
         16620 out C B1
         16620 out T B1
         16620 end T
         16621 end C",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1001", "1003"]);
    let (first, second) = (&call.segments[0], &call.segments[1]);
    assert!(second.from < first.to.expect("over") && first.to < second.to, "{call:#?}");
    assert_eq!(first.holds, [Span { from: ms(2806), to: Some(ms(10513)) }]);
    assert_eq!(call.ended_by, Some(EndedBy::Caller));
}

#[test]
fn a_target_that_is_not_named_is_whoever_is_heard() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000034 4008000012
         0     up C
         502   queue C pickups
         502   leg A PJSIP/1001 of C
         502   offer C A pickups PJSIP/1001
         502   dial C A 1001
         1305  up A
         1305  dialled A answered
         1307  leave C pickups
         1307  connect C A pickups PJSIP/1001
         1307  in A B1
         1308  in C B1
         2806  hold A
         4011  leg L1 Local/1003@from-agents of C
         4011  leg L2 Local/1003@from-agents of C
         4011  loop L1 L2
         4011  in L1 B2
         4011  leg T PJSIP/1003 of C
         4011  out A B1
         4012  dial L2 T 1003
         4012  in A B2
         4816  up T
         4816  dialled T answered
         4816  up L1
         4816  dialled L1 answered
         4816  up L2
         4816  in T B3
         4816  in L2 B3
         10516 hold A
         10517 out A B2
         10517 in A B1
         10518 resume A
         12920 hold A
         12922 out A B1
         12922 in A B2
         12922 resume A
         15022 bye A
         15023 out A B2
         15023 merge B2 B1
         15023 out L1 B2
         15023 in L1 B1
         15023 attended A A C -
         15024 end A
         18025 bye C
         18026 out C B1
         18026 out L1 B1
         18026 bye L2
         18026 end L1
         18027 end C
         18027 out L2 B3
         18027 out T B3
         18027 end L2
         18027 end T",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1001", "1003"]);
    assert_eq!(transfers(call), [(TransferKind::Attended, "1003", true)]);
}

#[test]
fn a_consultation_of_a_queue_sends_the_caller_there() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000025 4008000012
         0     up C
         504   queue C pickups
         504   leg A PJSIP/1001 of C
         504   offer C A pickups PJSIP/1001
         504   dial C A 1001
         1311  up A
         1311  dialled A answered
         1311  leave C pickups
         1311  connect C A pickups PJSIP/1001
         1311  in A B1
         1311  in C B1
         2507  hold A
         2809  call T PJSIP/1001 1001 8003
         2809  up T
         3313  queue T complaints
         3313  leg L1 Local/1003@members of T
         3313  leg L2 Local/1003@members of T
         3313  loop L1 L2
         3313  offer T L1 complaints Local/1003@members/n
         3313  dial T L1 n
         3313  leg U PJSIP/1002 of T
         3313  leg V PJSIP/1003 of T
         3313  dial L2 V 1003
         3313  offer T U complaints PJSIP/1002
         3313  dial T U 1002
         3812  resume A
         3812  attended A T C -
         3812  out A B1
         3812  out C B1
         3812  end A
         3813  end T
         5326  up U
         5326  dialled U answered
         5326  dialled L1 cancelled
         5326  dialled L1 cancelled
         5326  bye L2
         5326  end L1 26
         5326  dialled V cancelled
         5326  end L2 26
         5326  leave C complaints
         5326  end V 26
         5326  connect C U complaints PJSIP/1002
         5327  in U B2
         5327  in C B2
         9826  bye C
         9826  out C B2
         9826  out U B2
         9826  end U
         9826  end C",
    );
    let call = script.the_call();
    assert_eq!(transfers(call), [(TransferKind::Attended, "complaints", true)]);
    assert_eq!((agents(call), call.segments[1].queue.clone()), (vec!["1001", "1002"], Some("complaints".into())));
    assert_eq!((call.waits.len(), call.caller.as_deref()), (2, Some("13800000025")));
}

#[test]
fn two_who_are_sent_apart_have_a_call_each() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000038 4008000012
         0     up C
         503   queue C pickups
         506   leg A PJSIP/1001 of C
         506   offer C A pickups PJSIP/1001
         506   dial C A 1001
         1308  up A
         1308  dialled A answered
         1309  leave C pickups
         1309  connect C A pickups PJSIP/1001
         1309  in A B1
         1309  in C B1
         2507  out A B1
         2507  leg T PJSIP/1004 of C
         2507  out C B1
         2508  leg U PJSIP/1003 of C
         2508  dial A T 1004
         2508  dial C U 1003
         3318  up T
         3318  dialled T answered
         3318  in T B2
         3318  in A B2
         3318  up U
         3318  dialled U answered
         3318  in U B3
         3318  in C B3
         6509  bye C
         6509  out C B3
         6509  out U B3
         6509  end U
         6509  end C
         8512  bye A
         8512  out A B2
         8512  out T B2
         8512  end A
         8512  end T",
    );
    let [call, other] = &script.ended[..] else { panic!("{:#?}", script.ended) };
    assert_eq!((agents(call), offers(call).len()), (vec!["1001", "1003"], 2));
    assert_eq!(
        (other.direction, other.agent.as_ref().map(Extension::as_str), agents(other)),
        (Direction::Internal, Some("1001"), vec!["1004"])
    );
    assert_eq!(script.tracker.legs.len(), 0);
}

#[test]
fn a_colleague_who_sends_the_agent_on_has_left_the_call_to_them() {
    let script = Script::played(
        "0     call C PJSIP/1004 1004 1001
         0     leg A PJSIP/1001 of C
         0     dial C A 1001
         801   up A
         801   dialled A answered
         801   up C
         802   in A B1
         802   in C B1
         2808  resume C
         2809  blind C A 1002
         2809  out A B1
         2809  out C B1
         2809  end C
         2809  leg T PJSIP/1002 of C
         2809  dial A T 1002
         3614  up T
         3614  dialled T answered
         3617  in T B2
         3617  in A B2
         6817  bye A
         6817  out A B2
         6817  out T B2
         6819  end T
         6819  end A",
    );
    let call = script.the_call();
    assert_eq!((call.direction, agents(call)), (Direction::Internal, vec!["1001", "1002"]));
    assert_eq!(transfers(call), [(TransferKind::Blind, "1002", true)]);
}
