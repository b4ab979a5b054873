//! How queues and agents look at this moment.

use crate::{CallId, Extension, PbxName, QueueName, Time};

#[derive(Clone, Debug, PartialEq)]
pub struct QueueNow {
    pub pbx: PbxName,
    pub queue: QueueName,
    /// Who waits, oldest first.
    pub waiting: Vec<Waiting>,
    /// Members signed in to the queue and not paused in it, and how many of those are free.
    pub on_duty: u32,
    pub free: u32,
    /// False while the PBX cannot be seen: the figures are then unknown, not nought.
    pub seen: bool,
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
    Paused {
        reason: String,
    },
}
