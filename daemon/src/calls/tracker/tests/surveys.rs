//! The PBX's own survey: whose it is, and that nothing in how it is told changes what is known of it.

use proptest::prelude::*;

use super::*;
use crate::calls::survey::Survey;

/// The agent goes, the caller stays and is asked.
const GOES: &str = "
    5000 bye A
    5000 out A B1
    5000 out C B1
    5000 end A";

/// How far it came, by which key, and about whom.
fn survey(call: &Call) -> (bool, bool, Option<u8>, Option<&str>) {
    let Some(Survey { heard_at, answered, .. }) = call.survey else { return (false, false, None, None) };
    let about = call.surveyed_talk().map(|talk| talk.agent.as_str());
    (true, heard_at.is_some(), answered.map(|answered| answered.key.digit()), about)
}

#[test]
fn a_survey_is_about_the_agent_who_has_left() {
    let mut script = Script::played(TALKING);
    script.play(GOES);
    script.play("5100 survey C offered");
    let call = script.tracker.calls().next().expect("a call");
    assert_eq!(survey(call), (true, false, None, Some("1001")));
    script.play("9000 survey C answered:3 \n 9500 survey C answered:1 \n 10000 bye C \n 10000 end C");
    let call = script.the_call();
    assert_eq!(survey(call), (true, true, Some(3), Some("1001")), "the first answer counts");
    let Some(known) = call.survey else { panic!("no survey") };
    assert_eq!((known.offered_at, known.heard_at), (ms(5100), Some(ms(9000))));
    assert_eq!((call.ended_by, call.segments[0].to), (Some(EndedBy::Caller), Some(ms(5000))));
}

#[test]
fn a_survey_is_about_the_last_agent_before_it_and_none_after() {
    let mut script = Script::played(TALKING);
    script.play(
        "5000 blind A C 1002
         5000 out A B1
         5000 out C B1
         5000 end A
         5100 leg T PJSIP/1002 of C
         5100 dial C T 1002
         7000 up T
         7000 dialled T answered
         7000 in T B2
         7000 in C B2
         20000 bye T
         20000 out T B2
         20000 out C B2
         20000 end T
         20100 survey C offered
         22000 survey C heard
         23000 leg U PJSIP/1003 of C
         23000 dial C U 1003
         24000 up U
         24000 dialled U answered
         24000 in U B3
         24000 in C B3
         30000 survey C answered:1
         40000 bye C
         40000 out C B3
         40000 out U B3
         40000 end U
         40000 end C",
    );
    let call = script.the_call();
    assert_eq!(agents(call), ["1001", "1002", "1003"]);
    assert_eq!(survey(call), (true, true, Some(1), Some("1002")));
}

#[test]
fn a_survey_that_nobody_talked_before_is_about_nobody() {
    let mut script = Script::played("0 call C PJSIP/trunk 13800138000 4008001234");
    script.play("100 survey C offered \n 200 survey X answered:1 \n 900 bye C \n 900 end C");
    assert_eq!(survey(script.the_call()), (true, false, None, None));
}

#[test]
fn two_parts_of_a_call_have_one_survey() {
    let mut script = Script::played(TALKING);
    script.play(GOES);
    script.play(
        "5100 survey C offered
         5200 call D PJSIP/trunk - 900
         5300 survey D answered:2
         5400 in C B4
         5400 in D B4
         6000 bye C
         6000 end C
         6000 end D",
    );
    assert_eq!(survey(script.the_call()), (true, true, Some(2), Some("1001")));
}

proptest! {
    /// All at one moment, as far as the times go: in any order, doubled, with stages before the last
    /// left out, between the farewells or after them.
    #[test]
    fn however_it_is_told_it_is_the_same(
        order in Just((0..7usize).collect::<Vec<_>>()).prop_shuffle(), doubled in any::<bool>(),
        offered in any::<bool>(), heard in any::<bool>(),
    ) {
        let lines = [
            "5000 bye A", "5000 out A B1", "5000 out C B1", "5000 end A",
            "5000 survey C answered:2", "5000 survey C heard", "5000 survey C offered",
        ];
        let mut script = Script::played(TALKING);
        for line in order.into_iter().filter(|line| (*line != 5 || heard) && (*line != 6 || offered)) {
            script.play(lines[line]);
            if doubled && line >= 4 {
                script.play(lines[line]);
            }
        }
        script.play("9000 bye C \n 9000 end C");
        let call = script.the_call();
        prop_assert_eq!(survey(call), (true, true, Some(2), Some("1001")));
        prop_assert_eq!(call.survey.map(|survey| survey.offered_at), Some(ms(5000)));
        prop_assert_eq!(talks(call), [("1001", Some("support"), 2000, 5000)]);
    }
}
