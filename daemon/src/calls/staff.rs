//! Who waits in the queues and who serves them, at this moment.
//!
//! Whether an agent is busy follows from the calls; of the device's own state only whether it can
//! be reached is taken, for it lags behind and, with a member behind a loop, says nothing
//! (core_local.c `local_devicestate`).

use std::collections::BTreeMap;

use protocol::event::{Device, DeviceState, Member, MemberState};
use rustc_hash::FxHashMap;

use super::now::{AgentNow, AgentState, QueueNow, Waiting};
use crate::{CallId, Extension, PbxName, QueueName, Time};

/// What an agent does in one call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doing {
    Talking(Option<QueueName>),
    OnHold(Option<QueueName>),
    Dialling,
    /// Hears somebody else's talk.
    Listening,
    Ringing(Option<QueueName>),
}

#[derive(Debug, Default)]
pub(super) struct Staff {
    queues: BTreeMap<QueueName, Queue>,
    /// Found by hash, as the next are, for most of what a PBX says is how a member's device stands;
    /// sorted when they are told.
    agents: FxHashMap<Extension, Agent>,
    /// Whose device an interface, or the device behind it, is.
    members: FxHashMap<Device, Extension>,
    /// False while the PBX cannot be seen.
    seen: bool,
    /// Counts snapshots: what the last one did not name is gone.
    round: u32,
}

/// What of a member's state is different now for people who look.
#[derive(Debug)]
pub(super) struct Moved {
    /// Who serves in the queue.
    pub queue: bool,
    pub agent: Option<Extension>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    members: FxHashMap<Device, Seat>,
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

    pub fn member_is(&mut self, told: MemberState, at: Time) -> Moved {
        let agent = self.agent_at(&told);
        for device in [&told.member.interface, &told.device] {
            if self.members.get(device) != Some(&agent) {
                self.members.insert(device.clone(), agent.clone());
            }
        }
        let row = self.agents.entry(agent.clone()).or_insert_with(|| Agent::new(at));
        row.device = Some(told.state);
        if row.seats.get(&told.queue) != Some(&told.paused) {
            row.seats.insert(told.queue.clone(), told.paused.clone());
        }
        let agent_moved = row.refresh(self.seen, at).then(|| agent.clone());
        let reachable = told.state != DeviceState::Offline;
        let seat = Seat { agent, paused: told.paused, reachable, round: self.round };
        // A queue that was not known gets a seat that was not there.
        let queue_moved = self.queue_mut(told.queue).seat(told.member.interface, seat);
        Moved { queue: queue_moved, agent: agent_moved }
    }

    pub fn member_removed(&mut self, queue: &QueueName, member: &Member, at: Time) -> Option<Extension> {
        let seat = self.queues.get_mut(queue)?.members.remove(&member.interface)?;
        let row = self.agents.get_mut(&seat.agent)?;
        row.seats.remove(queue);
        row.refresh(self.seen, at);
        Some(seat.agent)
    }

    /// The agent, if something that people see of it is now different; and so for those that
    /// follow.
    pub fn device_is(&mut self, device: &Device, state: DeviceState, at: Time) -> Option<Extension> {
        let name = device.plain();
        let row = match self.agents.get_mut(name) {
            Some(row) => row,
            None => self.agents.entry(name.into()).or_insert(Agent::new(at)),
        };
        row.device = Some(state);
        row.refresh(self.seen, at).then(|| name.into())
    }

    pub fn queue_seen(&mut self, queue: QueueName) {
        self.queue_mut(queue);
    }

    pub fn waits(&mut self, queue: &QueueName, waiting: Waiting) {
        let queue = self.queue_mut(queue.clone());
        if !queue.waiting.iter().any(|other| other.call == waiting.call) {
            let place = queue.waiting.partition_point(|other| other.since <= waiting.since);
            queue.waiting.insert(place, waiting);
        }
    }

    /// The call waits no longer, in that queue or (none) in any; whether it did.
    pub fn waits_no_more(&mut self, queue: Option<&QueueName>, call: &CallId) -> bool {
        match queue {
            Some(queue) => self.queues.get_mut(queue).is_some_and(|queue| queue.let_go(call)),
            None => self.queues.values_mut().map(|queue| queue.let_go(call)).filter(|gone| *gone).count() > 0,
        }
    }

    /// What a call's agents did before and do now.
    pub fn does(
        &mut self,
        call: &CallId,
        before: &[(Extension, Doing)],
        now: &[(Extension, Doing)],
        at: Time,
    ) -> Vec<Extension> {
        let mut agents: Vec<&Extension> = before.iter().chain(now).map(|(agent, _)| agent).collect();
        agents.sort();
        agents.dedup();
        let moves = |agent: &&Extension| {
            let row = self.agents.entry((*agent).clone()).or_insert_with(|| Agent::new(at));
            row.doings.retain(|(other, _)| other != call);
            let its = now.iter().filter(|(who, _)| who == *agent);
            row.doings.extend(its.map(|(_, doing)| (call.clone(), doing.clone())));
            row.refresh(self.seen, at)
        };
        agents.into_iter().filter(moves).cloned().collect()
    }

    /// Whether the PBX can be seen.
    pub fn sees(&self) -> bool {
        self.seen
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
            let on_duty = queue.members.values().filter(|seat| seat.is_on_duty());
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
        let mut agents: Vec<AgentNow> = self.agents.iter().map(|(name, agent)| agent.now(pbx, name)).collect();
        agents.sort_by(|one, other| one.agent.cmp(&other.agent));
        agents
    }

    pub fn agent_now(&self, pbx: &PbxName, agent: &Extension) -> Option<AgentNow> {
        self.agents.get_key_value(agent).map(|(name, agent)| agent.now(pbx, name))
    }

    /// A queue that the PBX speaks of; so it is there.
    fn queue_mut(&mut self, name: QueueName) -> &mut Queue {
        let queue = self.queues.entry(name).or_default();
        queue.round = self.round;
        queue
    }

    /// Who is at the device of a member.
    fn agent_at(&self, told: &MemberState) -> Extension {
        if !told.device.is_phone() {
            return told.member.agent.clone();
        }
        let known = self.members.get(&told.device).filter(|known| known.as_str() == told.device.plain());
        known.cloned().unwrap_or_else(|| told.device.plain().into())
    }

    fn refresh_all(&mut self, at: Time) -> Vec<Extension> {
        let moved = self.agents.iter_mut().filter_map(|(name, agent)| agent.refresh(self.seen, at).then_some(name));
        let mut moved: Vec<Extension> = moved.cloned().collect();
        moved.sort();
        moved
    }
}

impl Queue {
    fn let_go(&mut self, call: &CallId) -> bool {
        let place = self.waiting.iter().position(|waiting| &waiting.call == call);
        place.map(|place| self.waiting.remove(place)).is_some()
    }

    /// Whether others serve now than before.
    fn seat(&mut self, interface: Device, seat: Seat) -> bool {
        let serves = |seat: &Seat| seat.is_on_duty().then(|| seat.agent.clone());
        match self.members.get_mut(&interface) {
            Some(before) => {
                let moved = serves(before) != serves(&seat);
                *before = seat;
                moved
            }
            None => {
                self.members.insert(interface, seat);
                true
            }
        }
    }
}

impl Seat {
    fn is_on_duty(&self) -> bool {
        self.reachable && self.paused.is_none()
    }
}

impl Agent {
    fn new(at: Time) -> Agent {
        let seats = BTreeMap::new();
        Agent { device: None, seats, doings: Vec::new(), state: AgentState::Unknown, since: at, queue: None }
    }

    /// Derives the state anew; whether it is another than before.
    fn refresh(&mut self, seen: bool, at: Time) -> bool {
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
        if self.device == Some(DeviceState::Offline) {
            return (AgentState::Offline, None);
        }
        // Paused is who is paused in every queue.
        match self.seats.values().next() {
            Some(Some(reason)) if self.seats.values().all(Option::is_some) => {
                (AgentState::Paused { reason: reason.to_string() }, None)
            }
            Some(_) | None => (AgentState::Available, None),
        }
    }

    /// The variants of `Doing` stand in the order in which they matter.
    fn present(&self) -> Option<&(CallId, Doing)> {
        self.doings.iter().min_by(|one, other| one.1.cmp(&other.1))
    }

    fn now(&self, pbx: &PbxName, name: &Extension) -> AgentNow {
        AgentNow {
            pbx: pbx.clone(),
            agent: name.clone(),
            state: self.state.clone(),
            since: self.since,
            queue: self.queue.clone(),
            call: self.present().filter(|(_, doing)| *doing != Doing::Listening).map(|(call, _)| call.clone()),
            queues: self.seats.keys().cloned().collect(),
        }
    }
}
