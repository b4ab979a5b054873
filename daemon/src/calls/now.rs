//! How queues and agents look at this moment.

pub use protocol::event::DeviceState;

use crate::{CallId, Extension, PbxName, QueueName, Time};

#[derive(Clone, Debug, PartialEq)]
pub struct QueueNow {
    pub pbx: PbxName,
    pub queue: QueueName,
    /// Who waits, longest first: the first is at position 1.
    pub waiting: Vec<Waiting>,
    /// Members signed in to the queue and not paused in it, and how many of those are free.
    pub on_duty: u32,
    pub free: u32,
    /// False while the PBX cannot be seen: the figures are then unknown, not nought.
    pub seen: bool,
}

impl QueueNow {
    /// Who waits, with their positions, the first of which is 1.
    pub fn positions(&self) -> impl Iterator<Item = (usize, &Waiting)> {
        (1..).zip(&self.waiting)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub call: CallId,
    pub caller: Option<String>,
    pub since: Time,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AgentNow {
    pub pbx: PbxName,
    pub agent: Extension,
    pub state: AgentState,
    pub since: Time,
    /// The queue of the present call, if any.
    pub queue: Option<QueueName>,
    /// The call that the agent is in, or that rings.
    pub call: Option<CallId>,
    /// The queues that the agent is a member of.
    pub queues: Vec<QueueName>,
    /// Those of them that the agent is on a break from, and the reasons.
    pub paused_in: Vec<(QueueName, String)>,
    /// Whether the PBX knows breaks from one queue; otherwise from all at once.
    pub rests_by_queue: bool,
    /// What the PBX says of the agent's phone; none while it said nothing.
    pub device: Option<DeviceState>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// The PBX cannot be seen.
    Unknown,
    Offline,
    Available,
    Ringing,
    Talking,
    /// Talking on a call that did not come through a queue, or dialling out.
    Outbound,
    OnHold,
    /// Hears somebody else's talk, and perhaps speaks in it.
    Listening,
    /// A queue's call is over and is written up; no other of that queue comes until then.
    WrapUp {
        until: Time,
    },
    /// In every queue.
    Paused {
        reason: String,
    },
}

impl AgentState {
    /// Whether the phone is in use, or rings.
    pub fn is_on_the_phone(&self) -> bool {
        match self {
            AgentState::Ringing
            | AgentState::Talking
            | AgentState::Outbound
            | AgentState::OnHold
            | AgentState::Listening => true,
            AgentState::Unknown
            | AgentState::Offline
            | AgentState::Available
            | AgentState::WrapUp { .. }
            | AgentState::Paused { .. } => false,
        }
    }
}
