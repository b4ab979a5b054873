//! Events in, changes of calls out.

use std::collections::BTreeMap;

use protocol::CallEvent;
use protocol::request::Dialable;

use super::call::Call;
use super::dialplan::Dialplan;
use super::now::{AgentNow, QueueNow};
use crate::number::Numbering;
use crate::{CallId, Extension, LegId, PbxName, Time};

/// Mirrors what one PBX says. Owns the calls that are up; an ended one is handed out and
/// forgotten.
#[derive(Debug)]
pub struct Tracker {
    pbx: PbxName,
    dialplan: Dialplan,
    numbering: Numbering,
    calls: BTreeMap<CallId, Call>,
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The call is up, and not as it was; [`Tracker::call`] has it.
    Call(CallId),
    /// The call is over. The last that is heard of it.
    Ended(Box<Call>),
    /// Two calls turned out to be one; `from` is heard of no more.
    Merged { from: CallId, into: CallId },
    /// Who waits, or who serves, in some queue.
    Queues,
    /// An agent's state.
    Agent(Extension),
}

impl Tracker {
    pub fn new(pbx: PbxName, dialplan: Dialplan, numbering: Numbering) -> Tracker {
        Tracker { pbx, dialplan, numbering, calls: BTreeMap::new() }
    }

    pub fn observe(&mut self, _at: Time, _event: CallEvent, _out: &mut Vec<Change>) {}

    /// We asked the PBX to ring `agent` and then dial `to`, with `leg` as the first leg's id.
    pub fn asked(&mut self, _at: Time, _leg: LegId, _agent: Extension, _to: &Dialable, _out: &mut Vec<Change>) {}

    /// When [`Tracker::wake`] is to be called, if nothing is observed before.
    pub fn next_wake(&self) -> Option<Time> {
        None
    }

    pub fn wake(&mut self, _at: Time, _out: &mut Vec<Change>) {}

    /// The link is down: until the next snapshot nothing is known of the present.
    pub fn lost_sight(&mut self, _at: Time, _out: &mut Vec<Change>) {}

    pub fn call(&self, id: &CallId) -> Option<&Call> {
        self.calls.get(id)
    }

    /// The call that a leg is part of.
    pub fn call_of(&self, _leg: &LegId) -> Option<&CallId> {
        None
    }

    /// All calls that are up.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.values()
    }

    /// Each queue that the PBX told of, by name.
    pub fn queues_now(&self, _at: Time) -> Vec<QueueNow> {
        Vec::new()
    }

    /// Each agent that the PBX told of, by name.
    pub fn agents_now(&self, _at: Time) -> Vec<AgentNow> {
        Vec::new()
    }

    pub fn agent_now(&self, _agent: &Extension, _at: Time) -> Option<AgentNow> {
        None
    }
}
