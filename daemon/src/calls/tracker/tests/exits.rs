//! Ways out of a queue. As seen on Asterisk 22.

use super::*;

#[test]
fn a_key_leads_out_of_the_queue_to_somebody() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000040 4008000005
         0     up C
         507   queue C exits
         507   leg A PJSIP/1001 of C
         507   offer C A exits PJSIP/1001
         507   dial C A 1001
         2103  dialled A cancelled
         2104  dialled A cancelled
         2104  end A 0
         2104  leave C exits
         2109  leg T PJSIP/1003 of C
         2109  dial C T 1003
         2912  up T
         2912  dialled T answered
         2922  in T B1
         2922  in C B1
         6207  bye C
         6207  out C B1
         6208  out T B1
         6208  end C
         6209  end T",
    );
    let call = script.the_call();
    assert_eq!((agents(call), call.outcome), (vec!["1003"], Some(Outcome::Answered)));
    assert_eq!(offers(call), [("1001", OfferOutcome::CallerGone), ("1003", OfferOutcome::Answered)]);
    assert_eq!(call.segments[0].queue, None);
}

#[test]
fn a_key_leads_out_of_the_queue_to_a_voice_that_hangs_up() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000041 4008000005
         0     up C
         501   queue C exits
         503   leg A PJSIP/1001 of C
         503   offer C A exits PJSIP/1001
         503   dial C A 1001
         2103  dialled A cancelled
         2103  dialled A cancelled
         2103  end A 0
         2103  leave C exits
         4907  end C",
    );
    let call = script.the_call();
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::TimedOut), Some(EndedBy::Pbx)));
}

#[test]
fn a_key_leads_out_of_the_queue_and_the_caller_goes() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000041 4008000005
         0     up C
         502   queue C exits
         502   leg A PJSIP/1001 of C
         504   offer C A exits PJSIP/1001
         504   dial C A 1001
         2109  dialled A cancelled
         2109  dialled A cancelled
         2109  leave C exits
         2111  end A 0
         3212  bye C
         3212  end C 0",
    );
    let call = script.the_call();
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Abandoned), Some(EndedBy::Caller)));
}

#[test]
fn who_is_withdrawn_and_then_not_taken_was_given_up() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000043 4008000009
         0     up C
         501   queue C short
         501   leg A PJSIP/1001 of C
         503   offer C A short PJSIP/1001
         503   dial C A 1001
         4507  not_answering C A short PJSIP/1001
         4507  dialled A no_answer
         4507  dialled A cancelled
         4507  unserved C short
         4508  leave C short
         4510  end A 0
         4510  leg T PJSIP/1003 of C
         4512  dial C T 1003
         6005  bye C
         6005  dialled T cancelled
         6005  end T
         6006  end C 0",
    );
    let call = script.the_call();
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::TimedOut), Some(EndedBy::Caller)));
    assert_eq!(offers(call), [("1001", OfferOutcome::NoAnswer), ("1003", OfferOutcome::CallerGone)]);
}

#[test]
fn who_is_sent_away_while_waiting_is_answered_elsewhere() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000039 4008000012
         0     up C
         501   queue C pickups
         501   leg A PJSIP/1001 of C
         502   offer C A pickups PJSIP/1001
         502   dial C A 1001
         2019  dialled A cancelled
         2019  dialled A cancelled
         2019  end A 0
         2019  unserved C pickups
         2019  leave C pickups
         2019  leg T PJSIP/1003 of C
         2019  dial C T 1003
         2831  up T
         2831  dialled T answered
         2831  in T B1
         2831  in C B1
         6028  bye C
         6028  out C B1
         6028  out T B1
         6028  end T
         6028  end C",
    );
    let call = script.the_call();
    assert_eq!((agents(call), call.to.as_deref()), (vec!["1003"], Some("pickups")));
    assert_eq!(offers(call), [("1001", OfferOutcome::CallerGone), ("1003", OfferOutcome::Answered)]);
}

#[test]
fn a_queue_that_has_nobody_left_gives_up() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000046 4008000007
         0     up C
         502   queue C leaves
         502   leg A PJSIP/1002 of C
         503   offer C A leaves PJSIP/1002
         503   dial C A 1002
         15518 not_answering C A leaves PJSIP/1002
         15519 dialled A no_answer
         15519 dialled A cancelled
         15519 unserved C leaves
         15519 leave C leaves
         15519 end A 0
         17522 leg T PJSIP/1003 of C
         17523 dial C T 1003
         18325 up T
         18326 dialled T answered
         18326 in T B1
         18326 in C B1
         24013 bye C
         24013 out C B1
         24013 out T B1
         24013 end C
         24013 end T",
    );
    let call = script.the_call();
    assert_eq!((agents(call), call.waits.len()), (vec!["1003"], 1));
    assert_eq!(call.waits[0].left_at, Some(ms(15519)));
}

#[test]
fn whom_a_queue_with_nobody_in_it_turns_away_was_given_up() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000044 4008000006
         0     up C
         5306  end C",
    );
    let call = script.the_call();
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::TimedOut), Some(EndedBy::Pbx)));
    assert_eq!((call.waits.len(), call.to.as_deref(), call.caller.as_deref()), (0, None, Some("13800000044")));
}

#[test]
fn who_goes_while_the_agent_hears_the_announcement_was_not_served() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000047 4008000008
         0     up C
         502   queue C announced
         502   leg A PJSIP/1001 of C
         503   offer C A announced PJSIP/1001
         503   dial C A 1001
         1305  up A
         1306  dialled A answered
         2503  bye C
         4108  unserved C announced
         4108  dialled A no_answer
         4110  end A 0
         4119  leave C announced
         4119  end C 0",
    );
    let call = script.the_call();
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Abandoned), Some(EndedBy::Caller)));
    assert_eq!((offers(call), agents(call).len()), (vec![("1001", OfferOutcome::CallerGone)], 0));
}

#[test]
fn an_agent_who_goes_during_the_announcement_did_not_take_it() {
    let script = Script::played(
        "0     call C PJSIP/trunk 13800000048 4008000008
         0     up C
         505   queue C announced
         505   leg A PJSIP/1001 of C
         505   offer C A announced PJSIP/1001
         505   dial C A 1001
         1010  up A
         1010  dialled A answered
         2016  bye A
         2016  not_answering C A announced PJSIP/1001
         2016  dialled A no_answer
         2016  end A 0
         7021  leg T PJSIP/1001 of C
         7022  offer C T announced PJSIP/1001
         7022  dial C T 1001
         7525  up T
         7525  dialled T answered
         10328 leave C announced
         10328 connect C T announced PJSIP/1001
         10328 in T B1
         10328 in C B1
         14208 bye C
         14208 out C B1
         14208 out T B1
         14208 end T
         14208 end C",
    );
    let call = script.the_call();
    assert_eq!(offers(call), [("1001", OfferOutcome::Declined), ("1001", OfferOutcome::Answered)]);
    assert_eq!((call.waits.len(), call.waits[0].left_at), (1, Some(ms(10328))));
}
