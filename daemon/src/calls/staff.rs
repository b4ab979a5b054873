//! Who waits in the queues and who serves them, at this moment.
//!
//! Whether an agent is busy follows from the calls; of the device's own state only whether it can
//! be reached is taken, for it lags behind and, with a member behind a loop, says nothing
//! (core_local.c `local_devicestate`).

mod agent;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use protocol::event::{Device, DeviceState, Duty, Member, MemberState};
use rustc_hash::FxHashMap;

use super::look::Difference;
use super::now::{AgentNow, AgentState, QueueNow, Waiting};
use crate::{CallId, Extension, PbxName, QueueName, Time};
use agent::{Agent, Chair};

/// How long agents write up a queue's call, where the PBX itself says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrapUp {
    pub seconds: u32,
    /// Queues that have a time of their own.
    pub queues: BTreeMap<QueueName, u32>,
}

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

impl Doing {
    /// The queue whose caller the agent talks with.
    fn served(&self) -> Option<&QueueName> {
        match self {
            Doing::Talking(queue) | Doing::OnHold(queue) => queue.as_ref(),
            Doing::Dialling | Doing::Listening | Doing::Ringing(_) => None,
        }
    }
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
    wrap_up: WrapUp,
    /// When wrap-ups end; those that ended before by a call are passed over.
    wrap_ups: BTreeSet<(Time, Extension)>,
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
    /// Of those, who was told of since the last snapshot began.
    named: BTreeSet<CallId>,
    members: FxHashMap<Device, Seat>,
    round: u32,
}

/// A member's place in a queue.
#[derive(Debug)]
struct Seat {
    agent: Extension,
    paused: Option<Box<str>>,
    device: DeviceState,
    round: u32,
}

impl Staff {
    pub fn new() -> Staff {
        Staff { seen: true, ..Staff::default() }
    }

    pub fn set_wrap_up(&mut self, wrap_up: WrapUp) {
        self.wrap_up = wrap_up;
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
        let was = row.device.replace(told.state);
        let chair = Chair { paused: told.paused.clone(), wrap_up_s: told.wrap_up_s };
        let mut moved = was != row.device;
        if row.seats.get(&told.queue) != Some(&chair) {
            row.seats.insert(told.queue.clone(), chair);
            moved = true;
        }
        moved |= row.refresh(self.seen, at);
        let agent_moved = moved.then(|| agent.clone());
        let seat = Seat { agent, paused: told.paused, device: told.state, round: self.round };
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
        let was = row.device.replace(state);
        (row.refresh(self.seen, at) || was != row.device).then(|| name.into())
    }

    pub fn agent_is(&mut self, agent: &Extension, duty: Duty, wrap_up_s: u32, at: Time) -> Moved {
        let row = self.agents.entry(agent.clone()).or_insert_with(|| Agent::new(at));
        row.wrap_up_s = wrap_up_s;
        let was_in = row.is_in();
        row.duty = Some(duty);
        let queue = row.is_in() != was_in;
        Moved { queue, agent: row.refresh(self.seen, at).then(|| agent.clone()) }
    }

    pub fn queue_seen(&mut self, queue: QueueName) {
        self.queue_mut(queue);
    }

    pub fn waits(&mut self, queue: &QueueName, waiting: Waiting) {
        let queue = self.queue_mut(queue.clone());
        queue.named.insert(waiting.call.clone());
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

    /// Whoever waited as `from` is found to be `into`.
    pub fn waits_as(&mut self, from: &CallId, into: &CallId) -> bool {
        let mut moved = false;
        for queue in self.queues.values_mut() {
            let known = queue.waiting.iter().any(|waiting| waiting.call == *into);
            let Some(place) = queue.waiting.iter().position(|waiting| waiting.call == *from) else { continue };
            if queue.named.remove(from) {
                queue.named.insert(into.clone());
            }
            moved = true;
            if known {
                queue.waiting.remove(place);
            } else {
                queue.waiting[place].call = into.clone();
            }
        }
        moved
    }

    /// Who waits in a queue and was not named since the snapshot began.
    pub fn unnamed(&self) -> Vec<(QueueName, CallId)> {
        let of = |(name, queue): (&QueueName, &Queue)| -> Vec<_> {
            let unnamed = queue.waiting.iter().filter(|waiting| !queue.named.contains(&waiting.call));
            unnamed.map(|waiting| (name.clone(), waiting.call.clone())).collect()
        };
        self.queues.iter().flat_map(of).collect()
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
            let its = now.iter().filter(|(who, _)| who == *agent);
            // When a talk ended that was not seen to end is not known.
            if let Some(queue) = row.does(call, its.map(|(_, doing)| doing.clone())).filter(|_| self.seen)
                && let Some(lasts) = wrap_up_of(row, &queue, &self.wrap_up)
            {
                row.wraps_up(at + lasts);
                self.wrap_ups.insert((at + lasts, (*agent).clone()));
            }
            row.refresh(self.seen, at)
        };
        agents.into_iter().filter(moves).cloned().collect()
    }

    /// Whether the PBX can be seen.
    pub fn sees(&self) -> bool {
        self.seen
    }

    /// Where what is told of a member is not what we hold.
    pub fn differs(&self, told: &MemberState) -> Vec<Difference> {
        let agent = self.agent_at(told);
        let queue = told.queue.clone();
        let seat = self.queues.get(&queue).and_then(|queue| queue.members.get(&told.member.interface));
        let Some(seat) = seat else { return vec![Difference::MemberUnknown { queue, agent }] };
        let mut differs = Vec::new();
        if seat.device != told.state {
            differs.push(Difference::Phone { agent: agent.clone(), ours: seat.device, theirs: told.state });
        }
        if told.in_call && !self.agents.get(&agent).is_some_and(Agent::is_busy) {
            differs.push(Difference::InCall { queue: queue.clone(), agent: agent.clone() });
        }
        let paused = told.paused.is_some();
        if seat.paused.is_some() != paused {
            differs.push(Difference::Break { queue: Some(queue), agent, paused });
        }
        differs
    }

    /// The same of an agent in all queues at once.
    pub fn duty_differs(&self, agent: &Extension, told: &Duty) -> Option<Difference> {
        let ours = self.agents.get(agent).and_then(|agent| agent.duty.as_ref())?;
        let paused = *told != Duty::In;
        (ours != told).then(|| Difference::Break { queue: None, agent: agent.clone(), paused })
    }

    pub fn waiting(&self) -> BTreeSet<(QueueName, CallId)> {
        let of = |(name, queue): (&QueueName, &Queue)| -> Vec<_> {
            queue.waiting.iter().map(|waiting| (name.clone(), waiting.call.clone())).collect()
        };
        self.queues.iter().flat_map(of).collect()
    }

    /// Each queue's members, by what the queue dials.
    pub fn seats(&self) -> BTreeMap<(QueueName, Device), Extension> {
        let of = |(name, queue): (&QueueName, &Queue)| -> Vec<_> {
            queue.members.iter().map(|(device, seat)| ((name.clone(), device.clone()), seat.agent.clone())).collect()
        };
        self.queues.iter().flat_map(of).collect()
    }

    /// When [`Staff::wake`] is to be called.
    pub fn next_wake(&self) -> Option<Time> {
        self.wrap_ups.first().map(|(until, _)| *until)
    }

    /// Ends the wrap-ups that are over.
    pub fn wake(&mut self, at: Time) -> Vec<Extension> {
        let mut moved = Vec::new();
        while let Some((until, agent)) = self.wrap_ups.pop_first() {
            if until > at {
                self.wrap_ups.insert((until, agent));
                break;
            }
            let Some(row) = self.agents.get_mut(&agent) else { continue };
            row.wrapped_up(until);
            moved.extend(row.refresh(self.seen, until).then_some(agent));
        }
        moved
    }

    pub fn snapshot_began(&mut self) {
        self.round += 1;
        self.queues.values_mut().for_each(|queue| queue.named.clear());
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

    pub fn in_sight_again(&mut self, at: Time) -> Vec<Extension> {
        self.seen = true;
        self.refresh_all(at)
    }

    pub fn queues_now(&self, pbx: &PbxName) -> Vec<QueueNow> {
        let now = |(name, queue): (&QueueName, &Queue)| {
            let is_in = |seat: &&Seat| self.agents.get(&seat.agent).is_none_or(Agent::is_in);
            let on_duty = queue.members.values().filter(|seat| seat.is_on_duty()).filter(is_in);
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
        self.named.remove(call);
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
        self.device != DeviceState::Offline && self.paused.is_none()
    }
}

/// How long the agent writes up a call of the queue: as the queue says, as the agent's own setting
/// says, or as we are told for want of both.
fn wrap_up_of(agent: &Agent, queue: &QueueName, default: &WrapUp) -> Option<TimeDelta> {
    let of_queue = agent.seats.get(queue).map_or(0, |chair| chair.wrap_up_s);
    let ours = || default.queues.get(queue).copied().unwrap_or(default.seconds);
    let told = [of_queue, agent.wrap_up_s].into_iter().find(|seconds| *seconds > 0);
    Some(told.unwrap_or_else(ours)).filter(|seconds| *seconds > 0).map(|seconds| TimeDelta::seconds(seconds.into()))
}
