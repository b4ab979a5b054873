//! How one agent stands: what the calls, the queues, the phone and the clock say together.

use std::collections::BTreeMap;

use protocol::event::{DeviceState, Duty};

use super::Doing;
use crate::calls::now::{AgentNow, AgentState};
use crate::{CallId, Extension, PbxName, QueueName, Time};

#[derive(Debug)]
pub(super) struct Agent {
    /// The last that was told of the device; none while nothing was.
    pub device: Option<DeviceState>,
    /// How the agent stands in all queues at once, where the PBX has it so.
    pub duty: Option<Duty>,
    /// The agent's own wrap-up time, 0 where the PBX says none.
    pub wrap_up_s: u32,
    pub seats: BTreeMap<QueueName, Chair>,
    doings: Vec<(CallId, Doing)>,
    wrap_up_until: Option<Time>,
    pub state: AgentState,
    since: Time,
    queue: Option<QueueName>,
}

/// What a queue says of the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chair {
    pub paused: Option<Box<str>>,
    /// The queue's own wrap-up time, 0 where the PBX says none.
    pub wrap_up_s: u32,
}

impl Agent {
    pub fn new(at: Time) -> Agent {
        Agent {
            device: None,
            duty: None,
            wrap_up_s: 0,
            seats: BTreeMap::new(),
            doings: Vec::new(),
            wrap_up_until: None,
            state: AgentState::Unknown,
            since: at,
            queue: None,
        }
    }

    /// What the agent does in `call` from now on. A call that is new to the agent ends a wrap-up;
    /// the queue whose talk is over with this is told back.
    pub fn does(&mut self, call: &CallId, now: impl Iterator<Item = Doing>) -> Option<QueueName> {
        let before: Vec<Doing> = self.doings.extract_if(.., |(its, _)| its == call).map(|(_, doing)| doing).collect();
        let others = self.doings.len();
        self.doings.extend(now.map(|doing| (call.clone(), doing)));
        let now = &self.doings[others..];
        if before.is_empty() && !now.is_empty() {
            self.wrap_up_until = None;
        }
        let served = before.iter().find_map(Doing::served);
        served.filter(|_| !now.iter().any(|(_, doing)| doing.served().is_some())).cloned()
    }

    pub fn wraps_up(&mut self, until: Time) {
        self.wrap_up_until = Some(until);
    }

    /// The wrap-up that lasts until then is over, if it is not over already.
    pub fn wrapped_up(&mut self, until: Time) {
        self.wrap_up_until.take_if(|its| *its <= until);
    }

    /// Whether calls of queues may come at all.
    pub fn is_in(&self) -> bool {
        self.duty.as_ref().is_none_or(|duty| *duty == Duty::In)
    }

    /// In a call of any kind.
    pub fn is_busy(&self) -> bool {
        !self.doings.is_empty()
    }

    /// Derives the state anew; whether it is another than before.
    pub fn refresh(&mut self, seen: bool, at: Time) -> bool {
        let (state, queue) = if seen { self.derive() } else { (AgentState::Unknown, None) };
        if state == self.state && queue == self.queue.as_ref() {
            return false;
        }
        self.queue = queue.cloned();
        if state != self.state {
            self.since = at;
            self.state = state;
        }
        true
    }

    fn derive(&self) -> (AgentState, Option<&QueueName>) {
        if let Some((_, doing)) = self.present() {
            return match doing {
                Doing::Talking(Some(queue)) => (AgentState::Talking, Some(queue)),
                Doing::Talking(None) | Doing::Dialling => (AgentState::Outbound, None),
                Doing::OnHold(queue) => (AgentState::OnHold, queue.as_ref()),
                Doing::Listening => (AgentState::Listening, None),
                Doing::Ringing(queue) => (AgentState::Ringing, queue.as_ref()),
            };
        }
        let state = if self.device == Some(DeviceState::Offline) || self.duty == Some(Duty::Out) {
            AgentState::Offline
        } else if let Some(reason) = self.break_of_all() {
            AgentState::Paused { reason: reason.to_owned() }
        } else if let Some(until) = self.wrap_up_until {
            AgentState::WrapUp { until }
        } else {
            AgentState::Available
        };
        (state, None)
    }

    /// The variants of `Doing` stand in the order in which they matter.
    fn present(&self) -> Option<&(CallId, Doing)> {
        self.doings.iter().min_by(|one, other| one.1.cmp(&other.1))
    }

    /// Why the agent takes no queue's calls, if none.
    fn break_of_all(&self) -> Option<&str> {
        if let Some(Duty::Paused(reason)) = &self.duty {
            return Some(reason);
        }
        let first = self.seats.values().next()?.paused.as_deref()?;
        self.seats.values().all(|chair| chair.paused.is_some()).then_some(first)
    }

    pub fn now(&self, pbx: &PbxName, name: &Extension) -> AgentNow {
        let paused = |(queue, chair): (&QueueName, &Chair)| Some((queue.clone(), chair.paused.as_deref()?.to_owned()));
        AgentNow {
            pbx: pbx.clone(),
            agent: name.clone(),
            state: self.state.clone(),
            since: self.since,
            queue: self.queue.clone(),
            call: self.present().filter(|(_, doing)| *doing != Doing::Listening).map(|(call, _)| call.clone()),
            queues: self.seats.keys().cloned().collect(),
            paused_in: self.seats.iter().filter_map(paused).collect(),
            rests_by_queue: self.duty.is_none(),
            device: self.device,
        }
    }
}
