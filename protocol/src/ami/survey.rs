//! The dialplan's own survey: `UserEvent(RingbackSurvey,Stage: answered,Answer: 2)`, or
//! `Set(RINGBACK_SURVEY=answered:2)`, of which `VarSet` tells whoever has the class `dialplan`.
//! The channel is the caller's own (app_userevent.c, pbx_variables.c `pbx_builtin_setvar_helper`).

use super::codec::Packet;
use super::events::leg_id;
use super::fields::{plain_text, text};
use crate::event::{CallEvent, SurveyStage};

const EVENT: &[u8] = b"RingbackSurvey";
const VARIABLE: &[u8] = b"RINGBACK_SURVEY";

/// What the packet says of a survey; none of any other event and variable.
///
/// # Errors
/// What is wrong with it, for whoever writes the dialplan.
pub fn read(packet: &Packet) -> Result<Option<CallEvent>, String> {
    let (id, stage) = match packet.event() {
        Some(b"UserEvent") => {
            let [name, stage, answer, id] = packet.take(["UserEvent", "Stage", "Answer", "Uniqueid"]);
            if !name.is_some_and(|name| name.eq_ignore_ascii_case(EVENT)) {
                return Ok(None);
            }
            let said = |value: Option<&[u8]>| text(value.unwrap_or_default()).into_owned();
            (id, SurveyStage::read(&said(stage), &said(answer))?)
        }
        // Most traffic, where it is told at all.
        Some(b"VarSet") => {
            let [variable, value, id] = packet.take(["Variable", "Value", "Uniqueid"]);
            let value = value.filter(|value| variable == Some(VARIABLE) && !value.is_empty());
            let Some(value) = value else { return Ok(None) };
            (id, SurveyStage::read_one(&plain_text(b"VarSet", b"Value", value))?)
        }
        Some(_) | None => return Ok(None),
    };
    let leg = id.and_then(leg_id).ok_or("a survey is told from the caller's own channel, and here is none")?;
    Ok(Some(CallEvent::Surveyed { leg, stage }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ami::events::map;
    use crate::ami::events::tests::packet;
    use crate::event::Key;

    fn surveyed(stage: SurveyStage) -> Option<CallEvent> {
        Some(CallEvent::Surveyed { leg: "1.1".into(), stage })
    }

    #[test]
    fn a_user_event_and_a_variable_tell_the_same() {
        let answered = SurveyStage::Answered(Key::new(2).unwrap());
        for (stage, words, value) in [
            (SurveyStage::Offered, &["Stage: offered"][..], "offered"),
            (SurveyStage::Heard, &["Stage: heard", "Answer: "][..], "heard"),
            (answered, &["Stage: answered", "Answer: 2"][..], "answered:2"),
        ] {
            let head = ["Event: UserEvent", "Privilege: user,all", "Uniqueid: 1.1", "UserEvent: RingbackSurvey"];
            assert_eq!(map(&packet(&[&head[..], words].concat())), surveyed(stage));
            let value = format!("Value: {value}");
            let set = ["Event: VarSet", "Uniqueid: 1.1", "Variable: RINGBACK_SURVEY", &value];
            assert_eq!(map(&packet(&set)), surveyed(stage));
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_what_is_of_others_is_passed_by() {
        let told = |lines: &[&str]| read(&packet(lines));
        let event = ["Event: UserEvent", "UserEvent: RingbackSurvey", "Uniqueid: 1.1"];
        let wrong = told(&[&event[..], &["Stage: answered", "Answer: 12"]].concat());
        assert!(wrong.is_err_and(|why| why.contains("one digit")));
        let nobody = told(&["Event: UserEvent", "UserEvent: RingbackSurvey", "Stage: offered"]);
        assert!(nobody.is_err_and(|why| why.contains("channel")));
        let global = ["Event: VarSet", "Channel: none", "Uniqueid: none", "Variable: RINGBACK_SURVEY", "Value: heard"];
        assert!(told(&global).is_err());
        // An inherited variable is emptied, as by a transfer to another survey.
        let emptied = ["Event: VarSet", "Uniqueid: 1.1", "Variable: RINGBACK_SURVEY", "Value: "];
        assert_eq!(told(&emptied), Ok(None));
        assert_eq!(told(&["Event: UserEvent", "UserEvent: Other", "Stage: asked", "Uniqueid: 1.1"]), Ok(None));
        assert_eq!(told(&["Event: VarSet", "Uniqueid: 1.1", "Variable: DIALSTATUS", "Value: ANSWER"]), Ok(None));
    }
}
