//! What people asked of PBXes and is not answered yet, so that whoever asked hears what came of it.

use std::collections::{BTreeMap, VecDeque};

use protocol::Request;

use crate::calls::tracker::Tracker;
use crate::desk::asking::Ask;
use crate::desk::command::Refusal;
use crate::engine::Errand;
use crate::link::Refused;
use crate::live::WhyNot;
use crate::{LegId, PbxName, Time};

/// Errands whose answer is awaited. Each link answers each within seconds, and people click: more
/// than this is a fault somewhere.
const AWAITED: usize = 256;

#[derive(Debug, Default)]
pub struct Errands {
    awaited: VecDeque<(Request, Errand)>,
    /// Those whose asker's own phone is to come up, by its leg.
    ringing: BTreeMap<LegId, Errand>,
}

impl Errands {
    /// Room for another one, or why there is none.
    pub fn room(&self) -> Result<(), WhyNot> {
        if self.awaited.len() < AWAITED { Ok(()) } else { Err(WhyNot::Busy) }
    }

    pub fn sent(&mut self, request: Request, errand: Errand) {
        if let Ask::Spy { leg, .. } = &errand.ask {
            self.ringing.insert(leg.clone(), errand.clone());
        }
        self.awaited.push_back((request, errand));
    }

    /// Whose request was answered; none when it was nobody's, as a snapshot is.
    pub fn answered(&mut self, pbx: &PbxName, request: &Request) -> Option<Errand> {
        let place = self.awaited.iter().position(|(sent, errand)| sent == request && errand.pbx == *pbx)?;
        self.awaited.remove(place).map(|(_, errand)| errand)
    }

    /// That leg is over, and nothing more is to be heard of it; who asked for it.
    pub fn over(&mut self, leg: &LegId) -> Option<Errand> {
        self.ringing.remove(leg)
    }
}

/// What is to be sent for it, as calls stand now.
pub fn request(tracker: &Tracker, ask: &Ask, at: Time) -> Result<Request, Refusal> {
    match ask {
        Ask::Dial { agent, to, leg } => {
            Ok(Request::Originate { agent: agent.clone(), to: to.clone(), leg: leg.clone() })
        }
        Ask::HangUp { call } => {
            let leg = tracker.leg_to_end(call).ok_or(Refusal::NoSuchCall)?;
            Ok(Request::Hangup { leg: leg.clone() })
        }
        Ask::Pause { agent, queue, reason } => Ok(Request::Pause {
            agent: agent.clone(),
            queue: queue.clone(),
            paused: reason.is_some(),
            reason: reason.clone().unwrap_or_default(),
        }),
        Ask::Spy { spy, call, agent: _, how, leg } => {
            if tracker.agent_now(spy, at).is_some_and(|now| now.state.is_on_the_phone()) {
                return Err(Refusal::OnThePhone);
            }
            let (agent, on) = tracker.talker(call).ok_or(Refusal::NotTalking)?;
            Ok(Request::Spy { spy: spy.clone(), on: on.clone(), agent, how: *how, leg: leg.clone() })
        }
    }
}

impl From<&Refused> for WhyNot {
    fn from(refused: &Refused) -> WhyNot {
        match refused {
            Refused::Down => WhyNot::LinkDown,
            Refused::Busy => WhyNot::Busy,
            Refused::ByPbx(said) => WhyNot::ByPbx(said.clone()),
            Refused::Unknown => WhyNot::Unknown,
        }
    }
}
