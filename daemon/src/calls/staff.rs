//! Who waits in the queues and who serves them, at this moment.
//!
//! Whether an agent is busy follows from the calls; of the device's own state only whether it can
//! be reached is taken, for it lags behind and, with a member behind a loop, says nothing
//! (core_local.c `local_devicestate`).

use std::collections::BTreeMap;

use protocol::event::{Device, DeviceState, Member, MemberState};

use super::now::{AgentNow, AgentState, QueueNow, Waiting};
use crate::{CallId, Extension, PbxName, QueueName, Time};

/// What an agent does in one call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doing {
    Talking(Option<QueueName>),
    OnHold(Option<QueueName>),
    Dialling,
    Ringing(Option<QueueName>),
}

#[derive(Debug, Default)]
pub(super) struct Staff {
    queues: BTreeMap<QueueName, Queue>,
    agents: BTreeMap<Extension, Agent>,
    /// Whose device an interface, or the device behind it, is.
    members: BTreeMap<Device, Extension>,
    /// False while the PBX cannot be seen.
    seen: bool,
    /// Counts snapshots: what the last one did not name is gone.
    round: u32,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    members: BTreeMap<Device, Seat>,
    round: u32,
}

/// A member's place in a queue.
#[derive(Debug)]
struct Seat {
    agent: Extension,
    paused: Option<Box<str>>,
    reachable: bool,
    round: u32,
}

#[derive(Debug)]
struct Agent {
    /// The last that was told of the device; none while nothing was.
    device: Option<DeviceState>,
    seats: BTreeMap<QueueName, Option<Box<str>>>,
    doings: Vec<(CallId, Doing)>,
    state: AgentState,
    since: Time,
    queue: Option<QueueName>,
}

impl Staff {
    pub fn new() -> Staff {
        Staff { seen: true, ..Staff::default() }
    }

    /// The agent behind a member's interface: the one at its device, where the PBX told it.
    pub fn agent_of(&self, member: &Member) -> Extension {
        self.members.get(&member.interface).unwrap_or(&member.agent).clone()
    }

    pub fn is_member(&self, device: &Device) -> bool {
        self.members.contains_key(device)
    }

    /// Whether something that people see is now different; and so for all that follow.
    pub fn member_is(&mut self, told: MemberState, at: Time) -> Vec<Extension> {
        let agent: Extension = if names_a_phone(&told.device) { told.device.plain().into() } else { told.member.agent };
        for device in [&told.member.interface, &told.device] {
            if self.members.get(device) != Some(&agent) {
                self.members.insert(device.clone(), agent.clone());
            }
        }
        let queue = self.queues.entry(told.queue.clone()).or_default();
        let reachable = told.state != DeviceState::Offline;
        let seat = Seat { agent: agent.clone(), paused: told.paused.clone(), reachable, round: self.round };
        queue.members.insert(told.member.interface, seat);
        queue.round = self.round;
        let row = self.agents.entry(agent.clone()).or_insert_with(|| Agent::new(at));
        row.device = Some(told.state);
        row.seats.insert(told.queue, told.paused);
        self.refresh(&agent, at).into_iter().collect()
    }

    pub fn member_removed(&mut self, queue: &QueueName, member: &Member, at: Time) -> Option<Extension> {
        let seat = self.queues.get_mut(queue)?.members.remove(&member.interface)?;
        self.agents.get_mut(&seat.agent)?.seats.remove(queue);
        self.refresh(&seat.agent, at);
        Some(seat.agent)
    }

    pub fn device_is(&mut self, agent: Extension, state: DeviceState, at: Time) -> Option<Extension> {
        self.agents.entry(agent.clone()).or_insert_with(|| Agent::new(at)).device = Some(state);
        self.refresh(&agent, at)
    }

    pub fn queue_seen(&mut self, queue: QueueName) {
        self.queues.entry(queue).or_default().round = self.round;
    }

    pub fn waits(&mut self, queue: &QueueName, waiting: Waiting) {
        let queue = self.queues.entry(queue.clone()).or_default();
        queue.round = self.round;
        if !queue.waiting.iter().any(|other| other.call == waiting.call) {
            queue.waiting.push(waiting);
            queue.waiting.sort_by_key(|waiting| waiting.since);
        }
    }

    /// The call waits no longer, in that queue or (none) in any.
    pub fn waits_no_more(&mut self, queue: Option<&QueueName>, call: &CallId) -> bool {
        let mut any = false;
        let queues = self.queues.iter_mut().filter(|(name, _)| queue.is_none_or(|queue| queue == *name));
        for (_, queue) in queues {
            let before = queue.waiting.len();
            queue.waiting.retain(|waiting| &waiting.call != call);
            any |= queue.waiting.len() != before;
        }
        any
    }

    /// What a call's agents did before and do now.
    pub fn does(
        &mut self,
        call: &CallId,
        before: &[(Extension, Doing)],
        now: &[(Extension, Doing)],
        at: Time,
    ) -> Vec<Extension> {
        for (agent, _) in before {
            if let Some(row) = self.agents.get_mut(agent) {
                row.doings.retain(|(other, _)| other != call);
            }
        }
        for (agent, doing) in now {
            let row = self.agents.entry(agent.clone()).or_insert_with(|| Agent::new(at));
            row.doings.push((call.clone(), doing.clone()));
        }
        let mut agents: Vec<&Extension> = before.iter().chain(now).map(|(agent, _)| agent).collect();
        agents.sort();
        agents.dedup();
        agents.into_iter().filter_map(|agent| self.refresh(agent, at)).collect()
    }

    pub fn snapshot_began(&mut self) {
        self.round += 1;
    }

    pub fn snapshot_ended(&mut self, at: Time) -> Vec<Extension> {
        let round = self.round;
        self.seen = true;
        self.queues.retain(|_, queue| queue.round == round);
        for queue in self.queues.values_mut() {
            queue.members.retain(|_, seat| seat.round == round);
        }
        for (name, agent) in &mut self.agents {
            let sits = |queue: &QueueName| {
                self.queues.get(queue).is_some_and(|queue| queue.members.values().any(|seat| &seat.agent == name))
            };
            agent.seats.retain(|queue, _| sits(queue));
        }
        self.refresh_all(at)
    }

    pub fn lost_sight(&mut self, at: Time) -> Vec<Extension> {
        self.seen = false;
        self.refresh_all(at)
    }

    pub fn queues_now(&self, pbx: &PbxName) -> Vec<QueueNow> {
        let now = |(name, queue): (&QueueName, &Queue)| {
            let on_duty = queue.members.values().filter(|seat| seat.reachable && seat.paused.is_none());
            let is_free = |seat: &&Seat| self.agents.get(&seat.agent).is_some_and(|a| a.state == AgentState::Available);
            QueueNow {
                pbx: pbx.clone(),
                queue: name.clone(),
                waiting: queue.waiting.clone(),
                on_duty: on_duty.clone().count() as u32,
                free: on_duty.filter(is_free).count() as u32,
                seen: self.seen,
            }
        };
        self.queues.iter().map(now).collect()
    }

    pub fn agents_now(&self, pbx: &PbxName) -> Vec<AgentNow> {
        self.agents.iter().map(|(name, agent)| agent.now(pbx, name)).collect()
    }

    pub fn agent_now(&self, pbx: &PbxName, agent: &Extension) -> Option<AgentNow> {
        self.agents.get_key_value(agent).map(|(name, agent)| agent.now(pbx, name))
    }

    fn refresh_all(&mut self, at: Time) -> Vec<Extension> {
        let agents: Vec<Extension> = self.agents.keys().cloned().collect();
        agents.into_iter().filter_map(|agent| self.refresh(&agent, at)).collect()
    }

    /// Derives the agent's state anew; the agent, if it is another than before.
    fn refresh(&mut self, name: &Extension, at: Time) -> Option<Extension> {
        let agent = self.agents.get_mut(name)?;
        let (state, queue) = if self.seen { agent.derive() } else { (AgentState::Unknown, None) };
        if state == agent.state && queue == agent.queue {
            return None;
        }
        if state != agent.state {
            agent.since = at;
        }
        (agent.state, agent.queue) = (state, queue);
        Some(name.clone())
    }
}

impl Agent {
    fn new(at: Time) -> Agent {
        let seats = BTreeMap::new();
        Agent { device: None, seats, doings: Vec::new(), state: AgentState::Unknown, since: at, queue: None }
    }

    fn derive(&self) -> (AgentState, Option<QueueName>) {
        // The variants of `Doing` stand in the order in which they matter.
        if let Some((_, doing)) = self.doings.iter().min_by(|a, b| a.1.cmp(&b.1)) {
            return match doing {
                Doing::Talking(Some(queue)) => (AgentState::Talking, Some(queue.clone())),
                Doing::Talking(None) | Doing::Dialling => (AgentState::Outbound, None),
                Doing::OnHold(queue) => (AgentState::OnHold, queue.clone()),
                Doing::Ringing(queue) => (AgentState::Ringing, queue.clone()),
            };
        }
        if self.device == Some(DeviceState::Offline) {
            return (AgentState::Offline, None);
        }
        let reasons: Option<Vec<&str>> = self.seats.values().map(Option::as_deref).collect();
        match reasons.as_deref() {
            Some([reason, ..]) => (AgentState::Paused { reason: (*reason).to_owned() }, None),
            Some([]) | None => (AgentState::Available, None),
        }
    }

    fn now(&self, pbx: &PbxName, name: &Extension) -> AgentNow {
        AgentNow {
            pbx: pbx.clone(),
            agent: name.clone(),
            state: self.state.clone(),
            since: self.since,
            queue: self.queue.clone(),
            queues: self.seats.keys().cloned().collect(),
        }
    }
}

/// `Custom:away` and the like stand for no phone; a hint and an agent's login do.
fn names_a_phone(device: &Device) -> bool {
    !device.as_str().starts_with("Custom:")
}
