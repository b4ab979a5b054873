//! What an agent's screen shows of a call: server state per (call, agent), derived from the call
//! and nothing else, so that a reload or a second tab shows the same.

use super::call::{Call, Direction, OfferOutcome};
use crate::{Extension, Time};

#[derive(Clone, Debug, PartialEq)]
pub enum PopState {
    /// The agent's phone rings.
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
    let talk = call.segments.iter().rev().find(|s| &s.agent == agent);
    let offer = call.offers.iter().rev().find(|o| &o.agent == agent);
    if let Some(talk) = talk {
        let rings_again = offer.is_some_and(|o| o.outcome.is_none() && o.from > talk.from);
        match talk.to {
            None => return Some(PopState::Talking { since: talk.from }),
            Some(at) if !rings_again => return Some(PopState::Ended { at }),
            Some(_) => {}
        }
    }
    if let Some(offer) = offer {
        return Some(match (offer.outcome, offer.to.or(call.ended_at)) {
            (None, None) => PopState::Ringing { since: offer.from },
            (None, Some(at)) => PopState::TakenBack { by: None, at },
            (Some(outcome), at) => {
                let by = (outcome == OfferOutcome::AnsweredElsewhere)
                    .then(|| call.segments.last().map(|s| s.agent.clone()))
                    .flatten();
                PopState::TakenBack { by, at: at.unwrap_or(offer.from) }
            }
        });
    }
    if call.direction != Direction::Inbound && call.agent.as_ref() == Some(agent) {
        return Some(match call.ended_at {
            None => PopState::Dialling { since: call.started_at },
            Some(at) => PopState::Ended { at },
        });
    }
    None
}
