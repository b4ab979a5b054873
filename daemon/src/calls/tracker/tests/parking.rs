//! Calls that are put aside. As seen on Asterisk 22.

use super::*;

#[test]
fn a_parked_caller_whom_nobody_fetches_comes_back() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000016 4008005678
         3     leg A PJSIP/1001 of C
         3     dial C A 1001
         807   up A
         807   dialled A answered
         807   up C
         808   in A B1
         808   in C B1
         2810  resume A
         2810  park C 701
         2810  blind A C 700
         2810  out C B1
         2812  put_aside C B2
         3311  bye A
         3311  out A B1
         3311  end A
         8811  unpark C -
         8811  out C B2
         8811  leg T PJSIP/1001 of C
         8811  dial C T 1001
         9615  up T
         9615  dialled T answered
         9618  in T B3
         9618  in C B3
         14315 bye C
         14315 out C B3
         14315 out T B3
         14315 end T
         14315 end C",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1001", "1001"]);
    assert_eq!(offers(call), [("1001", OfferOutcome::Answered); 2]);
    assert_eq!((transfers(call), call.segments[0].to), (vec![(TransferKind::Blind, "700", false)], Some(ms(2810))));
    assert_eq!(call.ended_by, Some(EndedBy::Caller));
}

#[test]
fn a_parked_caller_whom_nobody_fetches_goes_elsewhere() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000017 4008005678
         0     leg A PJSIP/1001 of C
         0     dial C A 1001
         803   up A
         803   dialled A answered
         803   up C
         803   in A B1
         803   in C B1
         2809  resume A
         2809  blind A C 710
         2809  park C 711
         2809  out C B1
         2809  put_aside C B2
         5490  out A B1
         5491  end A
         7811  unpark C -
         7811  out C B2
         7811  leg T PJSIP/1003 of C
         7811  dial C T 1003
         8615  up T
         8615  dialled T answered
         8615  in T B3
         8615  in C B3
         11814 bye C
         11814 out C B3
         11814 out T B3
         11814 end T
         11814 end C",
    );
    let call = script.the_call();
    assert_eq!((agents(call), transfers(call)), (vec!["1001", "1003"], vec![(TransferKind::Blind, "1003", true)]));
}

#[test]
fn a_parked_caller_who_has_enough_was_answered_before() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000018 4008005678
         0     leg A PJSIP/1001 of C
         0     dial C A 1001
         806   up A
         806   dialled A answered
         806   up C
         806   in A B1
         806   in C B1
         2810  resume A
         2810  park C 701
         2810  blind A C 700
         2810  out C B1
         2810  put_aside C B2
         5452  out A B1
         5452  end A
         5809  bye C
         5809  out C B2
         5810  end C",
    );
    let call = script.the_call();
    assert_eq!((agents(call), call.outcome), (vec!["1001"], Some(Outcome::Answered)));
    assert_eq!((call.ended_by, call.talked()), (Some(EndedBy::Caller), Some(TimeDelta::milliseconds(2004))));
}

#[test]
fn a_caller_parked_by_key_is_fetched() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000015 4008005678
         0     leg A PJSIP/1001 of C
         0     dial C A 1001
         804   up A
         804   dialled A answered
         804   up C
         804   in A B1
         804   in C B1
         3310  park C 701
         3310  out C B1
         3310  put_aside C B2
         5973  out A B1
         5973  end A
         6412  call T PJSIP/1002 1002 701
         6412  up T
         6914  unpark C T
         6914  out C B2
         6914  in C B3
         6915  in T B3
         9415  bye T
         9415  out T B3
         9415  out C B3
         9415  end T
         9415  end C",
    );
    let call = script.the_call();
    assert_eq!((agents(call), call.ended_by), (vec!["1001", "1002"], Some(EndedBy::Agent)));
    assert_eq!((script.merged, call.direction), (1, Direction::Inbound));
}

/// As Asterisk 22 lists them, who were parked out of a queue: still in `Queue`, in one bridge.
#[test]
fn two_in_one_parking_lot_stay_two_calls_over_a_reconnect() {
    let mut script = Script::played(TWO_PARKED);
    script.tracker.lost_sight(ms(10_000), &mut script.changes);
    script.play(
        "12000 boot b7
         12000 seen_lot L
         12000 seen C PJSIP/trunk of C L
         12000 seen D PJSIP/trunk of D L
         12000 snapshot_ends
         20000 unpark C E
         20000 call E PJSIP/1003 1003 701
         20000 out C L
         20000 in C B5
         20000 in E B5
         30000 bye C
         30000 out C B5
         30000 end E
         30000 end C
         40000 bye D
         40000 out D L
         40000 end D",
    );
    assert_eq!((script.ended.len(), script.tracker.calls().count()), (2, 0), "{:#?}", script.ended);
    assert_eq!((agents(&script.ended[0]), agents(&script.ended[1])), (vec!["1001", "1003"], vec!["1002"]));
    assert_eq!(script.ended[0].ended_at, Some(ms(30_000)));
}

const TWO_PARKED: &str = "
    0    call C PJSIP/trunk 13800000016 4008005678
    3    leg A PJSIP/1001 of C
    3    dial C A 1001
    800  up A
    800  dialled A answered
    808  in A B1
    808  in C B1
    1000 call D PJSIP/trunk 13800000017 4008005678
    1003 leg B PJSIP/1002 of D
    1003 dial D B 1002
    1800 up B
    1800 dialled B answered
    1808 in B B2
    1808 in D B2
    4000 park C 701
    4000 out C B1
    4001 put_aside C L
    4010 end A
    5000 park D 702
    5000 out D B2
    5001 put_aside D L
    5010 end B";
