//! What an agent's screen shows of a call: server state per (call, agent), derived from the call
//! and nothing else, so that a reload or a second tab shows the same.

use super::call::{Call, Direction, Offer, OfferOutcome};
use crate::{Extension, Time};

#[derive(Clone, Debug, PartialEq)]
pub enum PopState {
    /// The agent's phone rings, or was answered and has not yet met the caller.
    Ringing {
        since: Time,
    },
    /// The agent dialled; the other side has not answered.
    Dialling {
        since: Time,
    },
    Talking {
        since: Time,
    },
    /// Taken back: somebody else answered, or (`by` none) the phone stopped ringing.
    TakenBack {
        by: Option<Extension>,
        at: Time,
    },
    /// The agent talked and the talk is over.
    Ended {
        at: Time,
    },
}

impl PopState {
    /// Whether a page that is opened now shows the pop.
    pub fn stands(&self) -> bool {
        match self {
            PopState::Ringing { .. } | PopState::Dialling { .. } | PopState::Talking { .. } => true,
            PopState::TakenBack { .. } | PopState::Ended { .. } => false,
        }
    }
}

/// The extensions whose screens have to do with the call, each once.
pub fn extensions(call: &Call) -> Vec<&Extension> {
    let dialler = call.agent.iter().filter(|_| call.direction != Direction::Inbound);
    let mut all: Vec<_> =
        call.offers.iter().map(|o| &o.agent).chain(call.segments.iter().map(|s| &s.agent)).chain(dialler).collect();
    all.sort();
    all.dedup();
    all
}

/// What `agent`'s screen shows of `call`; none when it never had to do with it.
pub fn state(call: &Call, agent: &Extension) -> Option<PopState> {
    let offer = call.offers.iter().rev().find(|offer| &offer.agent == agent);
    if let Some(talk) = call.segments.iter().rev().find(|segment| &segment.agent == agent) {
        let rings_again = offer.filter(|offer| offer.to.is_none() && offer.from > talk.from);
        return Some(match (talk.to, rings_again) {
            (None, _) => PopState::Talking { since: talk.from },
            (Some(_), Some(offer)) => PopState::Ringing { since: offer.from },
            (Some(at), None) => PopState::Ended { at },
        });
    }
    match offer {
        Some(offer) => Some(match offer.to.or(call.ended_at) {
            None => PopState::Ringing { since: offer.from },
            Some(at) => PopState::TakenBack { by: taker(call, offer), at },
        }),
        None => dialled(call, agent),
    }
}

/// Who took what rang at the phone too.
fn taker(call: &Call, offer: &Offer) -> Option<Extension> {
    if offer.outcome != Some(OfferOutcome::AnsweredElsewhere) {
        return None;
    }
    let took = |other: &&Offer| {
        let in_time = other.to.is_none_or(|to| to >= offer.from);
        other.outcome == Some(OfferOutcome::Answered) && other.agent != offer.agent && in_time
    };
    let by_offer =
        call.offers.iter().filter(took).min_by_key(|other| (other.to.is_none(), other.to)).map(|other| &other.agent);
    // Whoever answered without having been rung, as where only the talk was seen.
    let by_talk = || call.segments.iter().find(|talk| talk.from >= offer.from).map(|talk| &talk.agent);
    by_offer.or_else(by_talk).cloned()
}

/// The screen of who dialled. On an internal call it is the other side of all talks.
fn dialled(call: &Call, agent: &Extension) -> Option<PopState> {
    if call.direction == Direction::Inbound || call.agent.as_ref() != Some(agent) {
        return None;
    }
    let talk = call.segments.first().filter(|_| call.direction == Direction::Internal);
    Some(match (call.ended_at, talk) {
        (Some(at), _) => PopState::Ended { at },
        (None, Some(talk)) => PopState::Talking { since: talk.from },
        (None, None) => PopState::Dialling { since: call.started_at },
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use protocol::request::Dialable;

    use super::super::tracker::tests::{Script, TALKING, ms};
    use super::*;

    /// What the screen shows of the only call, up or just ended.
    fn shows(script: &Script, agent: &str) -> Option<PopState> {
        let call = script.tracker.calls().next().or(script.ended.last()).expect("a call");
        state(call, &agent.into())
    }

    #[test]
    fn a_pop_is_taken_back_by_who_answered_whoever_talks_later() {
        let mut script = Script::played(
            "0    call C PJSIP/trunk 13800138000 4008001234
             500  queue C support
             500  leg A PJSIP/1001 of C
             500  leg B PJSIP/1002 of C
             510  offer C A support PJSIP/1001
             510  offer C B support PJSIP/1002",
        );
        assert_eq!(shows(&script, "1002"), Some(PopState::Ringing { since: ms(510) }));
        assert_eq!(shows(&script, "1003"), None, "nothing to do with it");
        script.play("2000 up A \n 2000 dialled A answered \n 2010 dialled B cancelled \n 2010 end B 26");
        assert_eq!(shows(&script, "1001"), Some(PopState::Ringing { since: ms(510) }), "not yet connected");
        script.play("2100 leave C support \n 2100 connect C A support PJSIP/1001 \n 2100 in A B1 \n 2100 in C B1");
        let taken_back = Some(PopState::TakenBack { by: Some("1001".into()), at: ms(2010) });
        assert_eq!(shows(&script, "1001"), Some(PopState::Talking { since: ms(2100) }));
        assert_eq!(shows(&script, "1002"), taken_back);
        script.play(
            "4000 blind A C 1003 \n 4000 out A B1 \n 4000 out C B1 \n 4000 end A
             4010 leg T PJSIP/1003 of C \n 4010 dial C T \n 6000 dialled T answered \n 6000 in T B2 \n 6000 in C B2",
        );
        assert_eq!(shows(&script, "1001"), Some(PopState::Ended { at: ms(4000) }));
        assert_eq!(shows(&script, "1003"), Some(PopState::Talking { since: ms(6000) }));
        assert_eq!(shows(&script, "1002"), taken_back);
    }

    #[test]
    fn a_pop_of_who_answered_and_was_given_up_is_taken_back() {
        let ringing = "0 call C PJSIP/trunk 13800138000 4008005678 \n 10 leg A PJSIP/1001 of C \n 10 dial C A";
        let mut script = Script::played(ringing);
        script.play("900 up A \n 900 dialled A answered");
        assert_eq!(shows(&script, "1001"), Some(PopState::Ringing { since: ms(10) }));
        script.play("2000 bye C \n 2000 end A");
        assert_eq!(shows(&script, "1001"), Some(PopState::TakenBack { by: None, at: ms(2000) }));
        script.play("2000 end C");
        assert_eq!(script.ended[0].offers[0].outcome, Some(OfferOutcome::CallerGone));
    }

    #[test]
    fn a_caller_who_goes_takes_the_pop_along() {
        let script = Script::played(
            "0   call C PJSIP/trunk 13800138000 4008005678
             10  leg A PJSIP/1001 of C
             10  dial C A
             900 bye C
             900 dialled A cancelled
             900 end A
             900 end C",
        );
        assert_eq!(shows(&script, "1001"), Some(PopState::TakenBack { by: None, at: ms(900) }));
    }

    #[test]
    fn a_call_that_is_sent_back_rings_again() {
        let mut script = Script::played(TALKING);
        script.play(
            "4000 blind A C 1003 \n 4000 out A B1 \n 4000 out C B1 \n 4000 end A
             4010 leg T PJSIP/1003 of C \n 4010 dial C T \n 6000 dialled T answered \n 6000 in T B2 \n 6000 in C B2
             8000 blind T C 1001 \n 8000 out T B2 \n 8000 out C B2 \n 8000 end T
             8010 leg A2 PJSIP/1001 of C \n 8010 dial C A2",
        );
        assert_eq!(shows(&script, "1001"), Some(PopState::Ringing { since: ms(8010) }));
        assert_eq!(shows(&script, "1003"), Some(PopState::Ended { at: ms(8000) }));
        let mut unanswered = Script::played(TALKING);
        unanswered.play(
            "4000 blind A C 1001 \n 4000 out A B1 \n 4000 out C B1 \n 4000 end A
             4010 leg A2 PJSIP/1001 of C \n 4010 dial C A2 \n 9000 dialled A2 no_answer \n 9000 end A2",
        );
        assert_eq!(shows(&unanswered, "1001"), Some(PopState::Ended { at: ms(4000) }));
        script.play("9000 dialled A2 answered \n 9000 in A2 B3 \n 9000 in C B3");
        assert_eq!(shows(&script, "1001"), Some(PopState::Talking { since: ms(9000) }));
        script.play("12000 bye C \n 12000 out C B3 \n 12000 end C \n 12000 end A2");
        assert_eq!(shows(&script, "1001"), Some(PopState::Ended { at: ms(12000) }));
    }

    #[test]
    fn both_ends_of_an_internal_call_talk() {
        let mut script =
            Script::played("0 call A PJSIP/1001 1001 1003 \n 10 leg T PJSIP/1003 of A \n 10 dial A T 1003");
        assert_eq!(shows(&script, "1001"), Some(PopState::Dialling { since: ms(0) }));
        assert_eq!(shows(&script, "1003"), Some(PopState::Ringing { since: ms(10) }));
        script.play("900 dialled T answered \n 900 in T B1 \n 900 in A B1");
        for agent in ["1001", "1003"] {
            assert_eq!(shows(&script, agent), Some(PopState::Talking { since: ms(900) }), "{agent}");
        }
        script.play("5000 bye T \n 5000 out T B1 \n 5000 out A B1 \n 5000 end T \n 5000 end A");
        for agent in ["1001", "1003"] {
            assert_eq!(shows(&script, agent), Some(PopState::Ended { at: ms(5000) }), "{agent}");
        }
    }

    #[test]
    fn a_call_that_we_asked_for_is_dialled_then_talked_then_over() {
        let to = Dialable::new("13900139000").expect("a number");
        let asked = || {
            let mut script = Script::new();
            script.tracker.asked(ms(0), "rb-1".into(), "1001".into(), &to, &mut Vec::new());
            script
        };
        let mut script = asked();
        assert_eq!(shows(&script, "1001"), Some(PopState::Dialling { since: ms(0) }));
        script.play(
            "100  leg rb-1 PJSIP/1001 of rb-1
             100  dial - rb-1
             1000 up rb-1
             1000 dialled rb-1 answered
             1100 leg T PJSIP/trunk of rb-1
             1100 dial rb-1 T 13900139000",
        );
        assert_eq!(
            shows(&script, "1001"),
            Some(PopState::Dialling { since: ms(0) }),
            "the own phone's ringing is no offer"
        );
        script.play("3000 up T \n 3000 dialled T answered \n 3000 in T B1 \n 3000 in rb-1 B1");
        assert_eq!(shows(&script, "1001"), Some(PopState::Talking { since: ms(3000) }));
        script.play("9000 bye T \n 9000 out T B1 \n 9000 out rb-1 B1 \n 9000 end T \n 9000 end rb-1");
        assert_eq!(shows(&script, "1001"), Some(PopState::Ended { at: ms(9000) }));
        assert_eq!(script.ended[0].talked(), Some(TimeDelta::seconds(6)));

        let mut in_vain = asked();
        in_vain.observe(protocol::CallEvent::OriginateEnded { leg: Some("rb-1".into()), succeeded: false });
        assert_eq!(shows(&in_vain, "1001"), Some(PopState::Ended { at: ms(0) }));
    }
}
