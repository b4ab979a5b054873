//! What customers say of how they were served: what counts as which answer, and what is kept of it.
//!
//! That somebody was asked, heard the question and answered are counted apart. An answer belongs to
//! the matter, and to whoever served the customer in it.

use protocol::event::Key;

use super::ticket::Satisfaction;
use super::told::Addressee;
use crate::calls::survey::Survey as ByKeys;
use crate::names::words;
use crate::{CallId, Extension, ObligationId, PersonId, QueueName, TicketId, Time};

words! {
    /// What the caller's keys mean, and what an agent writes down.
    Scale {
        /// 1 satisfied, 2 fairly, 3 dissatisfied.
        Words = "words",
        /// 1, the worst, to 5, the best.
        Scores = "scores",
    }
}

/// How the site asks, as the policy has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    pub scale: Scale,
    /// The least score of who is satisfied,
    pub satisfied_from: u8,
    /// and of who is fairly so.
    pub fairly_from: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub result: Satisfaction,
    pub score: Option<u8>,
}

words! {
    /// Why an agent has no answer to write down.
    Unanswered {
        /// There was no asking, as when the customer had no time.
        NotAsked = "not_asked",
        /// Asked, and would not say.
        Declined = "declined",
    }
}

impl Asking {
    pub const BEST: u8 = 5;

    /// What a key means; none where it is none of the scale's.
    pub fn pressed(self, key: Key) -> Option<Answer> {
        match self.scale {
            Scale::Words => {
                let result = Satisfaction::ALL.get(usize::from(key.digit().checked_sub(1)?))?;
                Some(Answer { result: *result, score: None })
            }
            Scale::Scores => self.scored(key.digit()),
        }
    }

    /// None where it is no score.
    pub fn scored(self, score: u8) -> Option<Answer> {
        let result = match score {
            _ if score == 0 || score > Self::BEST => return None,
            _ if score >= self.satisfied_from => Satisfaction::Satisfied,
            _ if score >= self.fairly_from => Satisfaction::Fairly,
            _ => Satisfaction::Dissatisfied,
        };
        Some(Answer { result, score: Some(score) })
    }
}

/// What was kept of a call's survey.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub survey: ByKeys,
    pub ticket: Option<TicketId>,
    pub agent: Option<Extension>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SurveyFact {
    /// How far a caller came with the PBX's own survey, and whom it is about.
    ByKeys {
        call: CallId,
        ticket: Option<TicketId>,
        /// Who talked with the caller last before.
        agent: Option<Extension>,
        person: Option<PersonId>,
        queue: Option<QueueName>,
        survey: ByKeys,
        /// What the key means by the policy in force.
        answer: Option<Answer>,
    },
    /// An agent had nobody's answer to write down.
    Unanswered {
        obligation: ObligationId,
        ticket: TicketId,
        /// Who served the customer.
        served: Option<PersonId>,
        queue: Option<QueueName>,
        why: Unanswered,
        words: String,
        by: Option<PersonId>,
    },
    /// A caller was dissatisfied with a matter that is not over yet; supervisors hear of it.
    Dissatisfied {
        call: CallId,
        ticket: TicketId,
        told: Vec<Addressee>,
        /// When they may be told.
        send_at: Time,
    },
}

impl SurveyFact {
    pub fn ticket(&self) -> Option<TicketId> {
        match self {
            SurveyFact::ByKeys { ticket, .. } => *ticket,
            SurveyFact::Unanswered { ticket, .. } | SurveyFact::Dissatisfied { ticket, .. } => Some(*ticket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_policy_says() {
        let pressed = |scale, digit| {
            let asking = Asking { scale, satisfied_from: 4, fairly_from: 3 };
            asking.pressed(Key::new(digit).unwrap()).map(|answer| answer.result.as_str())
        };
        let words: Vec<_> = (0..5).map(|digit| pressed(Scale::Words, digit)).collect();
        assert_eq!(words, [None, Some("satisfied"), Some("fairly"), Some("dissatisfied"), None]);
        let scores: Vec<_> = (0..7).map(|digit| pressed(Scale::Scores, digit).unwrap_or("-")).collect();
        assert_eq!(scores, ["-", "dissatisfied", "dissatisfied", "fairly", "satisfied", "satisfied", "-"]);
    }
}
