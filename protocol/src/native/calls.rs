//! The form for PBXes that know calls and no legs: the legs are made here.
//!
//! A call `C` has a leg `C`, whoever began it: the caller, or the agent who dials. The called party
//! of an outbound call is at `C/+out`, an agent who is called at `C/AGENT`. Who talks is in the bridge
//! `C`. Whatever is told of a call that is not up is refused, so that the sender's author learns of
//! it; a snapshot makes calls known that were up before.

use std::collections::{BTreeMap, BTreeSet};

use super::mapping::{bounded_ms, device_of, member, phone, queue_left, survey_stage};
use super::wire::{self, Agent, CallName, CallSeen, CallTold, Direction, EndedBy, Label, Text, Told, TransferKind};
use crate::event::{
    BridgeId, BridgeKind, CallEvent, Device, DialEnd, HangupBy, Leg, LegId, LegKind, LegSeen, LegState, QueueLeft,
    QueueName,
};

/// Calls that are up at once; more are a sender that never tells of an end.
const MOST_UP: usize = 50_000;

/// Agents that ring or talk in one call at once.
const MOST_AGENTS: usize = 1_000;

/// The calls that are up.
#[derive(Debug, Default)]
pub struct Calls {
    up: BTreeMap<CallName, Call>,
    /// Named by the snapshot that is under way.
    seen: BTreeSet<CallName>,
}

#[derive(Debug)]
struct Call {
    direction: Direction,
    /// Who dialled, and so is at the call's first leg.
    dialler: Option<Agent>,
    waits_in: Option<QueueName>,
    /// The last queue that the call was in.
    queue: Option<QueueName>,
    ringing: BTreeMap<Agent, Option<QueueName>>,
    talking: BTreeSet<Agent>,
    /// The call's own party talks, or has talked and was sent on.
    bridged: bool,
}

impl Calls {
    /// What a line of the simple form says; an error says what is wrong with it, and nothing
    /// changes.
    pub fn map(&mut self, told: Told, out: &mut Vec<CallEvent>) -> Result<(), String> {
        match told {
            Told::CallStarted(told) => self.started(told, out),
            Told::CallQueued { call, queue } => {
                let queue: QueueName = queue.as_str().into();
                self.of(&call)?.queued(&call, queue, out);
                Ok(())
            }
            Told::CallLeftQueue { call, how } => {
                let how = how.map_or(QueueLeft::Unsaid, queue_left);
                self.of(&call)?
                    .left_queue(&call, how, out)
                    .then_some(())
                    .ok_or_else(|| format!("{call} is in no queue"))
            }
            Told::AgentRinging { call, agent, queue } => self.of(&call)?.rings(&call, agent, queue, out),
            Told::AgentMissed { call, agent, reason } => {
                self.of(&call)?.missed(&call, &agent, reason.unwrap_or(wire::DialEnd::NoAnswer), out)
            }
            Told::CallAnswered { call, agent } => self.of(&call)?.answered(&call, agent, out),
            Told::CallHeld { call, agent } => {
                let leg = self.of(&call)?.talker(&call, agent.as_ref())?;
                out.push(CallEvent::Held { leg });
                Ok(())
            }
            Told::CallResumed { call, agent } => {
                let leg = self.of(&call)?.talker(&call, agent.as_ref())?;
                out.push(CallEvent::Resumed { leg });
                Ok(())
            }
            Told::CallTransferred { call, agent, to, kind } => {
                self.of(&call)?.transferred(&call, &agent, &to, kind, out)
            }
            Told::CallSurveyed { call, stage, answer } => {
                let leg = self.of(&call)?.party(&call);
                out.push(CallEvent::Surveyed { leg, stage: survey_stage(stage, answer)? });
                Ok(())
            }
            Told::CallEnded { call, by, cause } => {
                self.of(&call)?.ended(&call, by, cause.unwrap_or(16), out);
                self.up.remove(&call);
                Ok(())
            }
            Told::CallSeen(told) => self.seen(told, out),
            other => Err(format!("this is not of the simple form: {other:?}")),
        }
    }

    pub fn snapshot_began(&mut self) {
        self.seen.clear();
    }

    /// What the snapshot did not name is over.
    pub fn snapshot_ended(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        self.up.retain(|call, _| seen.contains(call));
    }

    fn of(&mut self, call: &CallName) -> Result<&mut Call, String> {
        self.up
            .get_mut(call)
            .ok_or_else(|| format!("no call {call} is up: say call_started before, and nothing after call_ended"))
    }

    fn begin(&mut self, name: &CallName, direction: Direction, agent: Option<Agent>) -> Result<&mut Call, String> {
        if self.up.len() >= MOST_UP && !self.up.contains_key(name) {
            return Err(format!("{MOST_UP} calls are up: is call_ended told of each?"));
        }
        if direction != Direction::Inbound && agent.is_none() {
            return Err("an outbound or internal call needs its agent, who dials".into());
        }
        let dialler = agent.filter(|_| direction != Direction::Inbound);
        let call = Call {
            direction,
            dialler,
            waits_in: None,
            queue: None,
            ringing: BTreeMap::new(),
            talking: BTreeSet::new(),
            bridged: false,
        };
        self.up.insert(name.clone(), call);
        self.up.get_mut(name).ok_or_else(String::new)
    }

    fn started(&mut self, told: CallTold, out: &mut Vec<CallEvent>) -> Result<(), String> {
        let CallTold { call: name, direction, .. } = told.clone();
        if self.up.contains_key(&name) {
            return Err(format!("call {name} is up already"));
        }
        self.begin(&name, direction, told.agent.clone())?;
        let first = first_leg(&told, LegState::Calling);
        out.push(CallEvent::LegStarted(Box::new(first)));
        if direction == Direction::Outbound {
            out.push(CallEvent::LegStarted(Box::new(outside(&name, LegState::Down))));
            let to = told.to.and_then(|to| to.some());
            out.push(CallEvent::Dialled { by: Some(leg(&name)), leg: out_leg(&name), to });
        }
        Ok(())
    }

    fn seen(&mut self, told: CallSeen, out: &mut Vec<CallEvent>) -> Result<(), String> {
        let CallSeen { call: told, queue, waited_ms, ringing, talking, up_ms } = told;
        let CallTold { call: name, direction, .. } = told.clone();
        let up_ms = bounded_ms(up_ms)?;
        let waited_ms = waited_ms.map(bounded_ms).transpose()?;
        let queue: Option<QueueName> = queue.map(|queue| queue.as_str().into());
        if waited_ms.is_some() && queue.is_none() {
            return Err("waited_ms needs the queue".into());
        }
        if ringing.len() + talking.len() > MOST_AGENTS {
            return Err(format!("more than {MOST_AGENTS} agents in one call"));
        }
        let call = self.begin(&name, direction, told.agent.clone())?;
        call.bridged = !talking.is_empty();
        call.waits_in = queue.clone().filter(|_| waited_ms.is_some());
        call.queue = queue.clone();
        call.ringing = ringing.iter().map(|agent| (agent.clone(), queue.clone())).collect();
        call.talking = talking.iter().cloned().collect();
        let bridge = call.bridged.then(|| (bridge(&name), BridgeKind::Talk));
        let state = if call.bridged { LegState::Up } else { LegState::Calling };
        let mut see = |leg: Leg, bridge: Option<(BridgeId, BridgeKind)>| {
            let queue = queue.clone().filter(|_| waited_ms.is_none());
            out.push(CallEvent::LegSeen(Box::new(LegSeen { leg, bridge, queue, half_of: None, up_ms })));
        };
        see(first_leg(&told, state), bridge.clone());
        if direction == Direction::Outbound {
            let state = if call.bridged { LegState::Up } else { LegState::Ringing };
            see(outside(&name, state), bridge.clone());
        }
        for agent in talking.iter().filter(|agent| call.dialler.as_ref() != Some(agent)) {
            see(agents(&name, agent, LegState::Up), bridge.clone());
        }
        for agent in &ringing {
            see(agents(&name, agent, LegState::Ringing), None);
        }
        if let (Some(queue), Some(waited_ms)) = (&queue, waited_ms) {
            out.push(CallEvent::CallerSeen { caller: leg(&name), queue: queue.clone(), waited_ms });
        }
        self.seen.insert(name);
        Ok(())
    }
}

/// The leg of who calls, or of the agent who dials.
fn first_leg(told: &CallTold, state: LegState) -> Leg {
    let device = match (&told.agent, told.direction) {
        (Some(agent), Direction::Outbound | Direction::Internal) => phone(agent),
        (_, Direction::Inbound) | (None, _) => device_of(wire::Side::Outside, "in"),
    };
    let text = |text: &Option<Text>| text.as_ref().and_then(Text::some);
    let (number, name) = (text(&told.caller), text(&told.caller_name));
    Leg { number, name, dialled: text(&told.to), ..new_leg(leg(&told.call), None, device, state) }
}

impl Call {
    fn queued(&mut self, name: &CallName, queue: QueueName, out: &mut Vec<CallEvent>) {
        if self.waits_in.as_ref() == Some(&queue) {
            return;
        }
        self.left_queue(name, QueueLeft::Unsaid, out);
        out.push(CallEvent::CallerQueued { caller: leg(name), queue: queue.clone() });
        self.queue = Some(queue.clone());
        self.waits_in = Some(queue);
    }

    /// Whether it was in one.
    fn left_queue(&mut self, name: &CallName, how: QueueLeft, out: &mut Vec<CallEvent>) -> bool {
        let left = self.waits_in.take().map(|queue| CallEvent::CallerLeftQueue { caller: leg(name), queue, how });
        let was = left.is_some();
        out.extend(left);
        was
    }

    fn rings(
        &mut self,
        name: &CallName,
        agent: Agent,
        queue: Option<Label>,
        out: &mut Vec<CallEvent>,
    ) -> Result<(), String> {
        if self.ringing.contains_key(&agent) || self.talking.contains(&agent) || self.dialler.as_ref() == Some(&agent) {
            return Err(format!("agent {agent} is in call {name} already"));
        }
        if self.ringing.len() >= MOST_AGENTS {
            return Err(format!("more than {MOST_AGENTS} agents ring for one call"));
        }
        let queue = queue.map(|queue| QueueName::from(queue.as_str())).or_else(|| self.waits_in.clone());
        out.push(CallEvent::LegStarted(Box::new(agents(name, &agent, LegState::Ringing))));
        let to = Some(agent.as_str().into());
        out.push(CallEvent::Dialled { by: Some(leg(name)), leg: agent_leg(name, &agent), to });
        if let Some(queue) = &queue {
            out.push(CallEvent::AgentOffered {
                caller: Some(leg(name)),
                leg: Some(agent_leg(name, &agent)),
                queue: queue.clone(),
                member: member(&agent),
            });
        }
        self.ringing.insert(agent, queue);
        Ok(())
    }

    fn missed(
        &mut self,
        name: &CallName,
        agent: &Agent,
        reason: wire::DialEnd,
        out: &mut Vec<CallEvent>,
    ) -> Result<(), String> {
        let Some(queue) = self.ringing.remove(agent) else {
            return Err(format!("agent {agent} does not ring in call {name}"));
        };
        let at = agent_leg(name, agent);
        let (how, cause) = match reason {
            wire::DialEnd::Answered => return Err("who answered did not miss it: say call_answered".into()),
            wire::DialEnd::Busy => (DialEnd::Busy, 17),
            wire::DialEnd::NoAnswer => (DialEnd::NoAnswer, 19),
            wire::DialEnd::Cancelled => (DialEnd::Cancelled, 16),
            wire::DialEnd::Failed => (DialEnd::Failed, 38),
            wire::DialEnd::Declined => {
                out.push(CallEvent::HangupAsked { leg: at.clone(), by: HangupBy::Party });
                (DialEnd::NoAnswer, 21)
            }
        };
        out.push(CallEvent::DialEnded { by: Some(leg(name)), leg: at.clone(), how });
        if let Some(queue) = queue {
            let (caller, at) = (Some(leg(name)), Some(at.clone()));
            out.push(CallEvent::AgentNotAnswering { caller, leg: at, queue, member: member(agent) });
        }
        out.push(CallEvent::LegEnded { leg: at, cause });
        Ok(())
    }

    fn answered(&mut self, name: &CallName, agent: Option<Agent>, out: &mut Vec<CallEvent>) -> Result<(), String> {
        let agent = agent.filter(|agent| self.dialler.as_ref() != Some(agent));
        let Some(agent) = agent else {
            let Some(dialler) = self.dialler.clone().filter(|_| self.direction == Direction::Outbound) else {
                return Err("call_answered of this call needs its agent, who took it".into());
            };
            if !self.talking.insert(dialler) {
                return Err(format!("call {name} is answered already"));
            }
            out.push(CallEvent::DialEnded { by: Some(leg(name)), leg: out_leg(name), how: DialEnd::Answered });
            out.push(CallEvent::LegIs { leg: out_leg(name), state: LegState::Up });
            out.push(CallEvent::LegIs { leg: leg(name), state: LegState::Up });
            self.bridged = true;
            out.push(joins(name, out_leg(name)));
            out.push(joins(name, leg(name)));
            return Ok(());
        };
        if self.talking.contains(&agent) {
            return Err(format!("agent {agent} talks in call {name} already"));
        }
        if !self.ringing.contains_key(&agent) {
            self.rings(name, agent.clone(), None, out)?;
        }
        let queue = self.ringing.remove(&agent).flatten();
        let at = agent_leg(name, &agent);
        out.push(CallEvent::DialEnded { by: Some(leg(name)), leg: at.clone(), how: DialEnd::Answered });
        out.push(CallEvent::LegIs { leg: at.clone(), state: LegState::Up });
        if let Some(queue) = queue {
            let (caller, leg) = (Some(leg(name)), Some(at.clone()));
            out.push(CallEvent::AgentConnected { caller, leg, queue, member: member(&agent) });
        }
        self.left_queue(name, QueueLeft::Served, out);
        self.join(name, at, out);
        for (other, _) in std::mem::take(&mut self.ringing) {
            let at = agent_leg(name, &other);
            out.push(CallEvent::DialEnded { by: Some(leg(name)), leg: at.clone(), how: DialEnd::Cancelled });
            out.push(CallEvent::LegEnded { leg: at, cause: 26 });
        }
        self.talking.insert(agent);
        Ok(())
    }

    /// The call's party and whoever is at the leg hear each other.
    fn join(&mut self, name: &CallName, at: LegId, out: &mut Vec<CallEvent>) {
        if !self.bridged {
            self.bridged = true;
            out.push(CallEvent::LegIs { leg: leg(name), state: LegState::Up });
            out.push(joins(name, leg(name)));
            if self.direction == Direction::Internal {
                self.talking.extend(self.dialler.clone());
            }
        }
        out.push(joins(name, at));
    }

    /// The leg of who talks, named or the only one.
    fn talker(&self, name: &CallName, agent: Option<&Agent>) -> Result<LegId, String> {
        let mut others = self
            .talking
            .iter()
            .filter(|agent| self.direction != Direction::Internal || self.dialler.as_ref() != Some(agent));
        let agent = match (agent, others.next(), others.next()) {
            (Some(agent), ..) if self.talking.contains(agent) => agent,
            (Some(agent), ..) => return Err(format!("agent {agent} does not talk in call {name}")),
            (None, Some(only), None) => only,
            (None, None, _) => return Err(format!("nobody talks in call {name}")),
            (None, Some(_), Some(_)) => return Err(format!("several agents talk in call {name}: name one in agent")),
        };
        Ok(self.leg_of(name, agent))
    }

    fn leg_of(&self, name: &CallName, agent: &Agent) -> LegId {
        if self.dialler.as_ref() == Some(agent) { leg(name) } else { agent_leg(name, agent) }
    }

    /// The outside party, or who dialled an internal call.
    fn party(&self, name: &CallName) -> LegId {
        match self.direction {
            Direction::Inbound | Direction::Internal => leg(name),
            Direction::Outbound => out_leg(name),
        }
    }

    fn transferred(
        &mut self,
        name: &CallName,
        agent: &Agent,
        to: &Text,
        kind: TransferKind,
        out: &mut Vec<CallEvent>,
    ) -> Result<(), String> {
        let by = self.talker(name, Some(agent))?;
        if by == self.party(name) {
            return Err("who dialled an internal call cannot be sent on by it: end it, and start another".into());
        }
        let other = Some(self.party(name));
        match kind {
            TransferKind::Blind => {
                let to = to.as_str().into();
                out.push(CallEvent::BlindTransfer { by: by.clone(), other, to, succeeded: true });
            }
            TransferKind::Attended => {
                let target = Agent::try_from(to.as_str()).map_err(|error| {
                    format!("an attended transfer goes to an agent, who talks with the caller from now on: {error}")
                })?;
                if self.talking.contains(&target) {
                    return Err(format!("agent {target} talks in call {name} already"));
                }
                if !self.ringing.contains_key(&target) {
                    self.rings(name, target.clone(), None, out)?;
                }
                self.ringing.remove(&target);
                let at = agent_leg(name, &target);
                out.push(CallEvent::DialEnded { by: Some(leg(name)), leg: at.clone(), how: DialEnd::Answered });
                out.push(CallEvent::LegIs { leg: at.clone(), state: LegState::Up });
                out.push(joins(name, at.clone()));
                let target_leg = Some(at);
                out.push(CallEvent::AttendedTransfer {
                    by: by.clone(),
                    by_second: None,
                    other,
                    target: target_leg,
                    succeeded: true,
                });
                self.talking.insert(target);
            }
        }
        self.talking.remove(agent);
        if self.dialler.as_ref() == Some(agent) {
            self.dialler = None;
        }
        out.push(CallEvent::LeftBridge { leg: by.clone(), bridge: bridge(name), spot: None });
        out.push(CallEvent::LegEnded { leg: by, cause: 16 });
        Ok(())
    }

    fn ended(&mut self, name: &CallName, by: Option<EndedBy>, cause: u16, out: &mut Vec<CallEvent>) {
        let party = self.party(name);
        match by {
            None => {}
            Some(EndedBy::Caller) => out.push(CallEvent::HangupAsked { leg: party.clone(), by: HangupBy::Party }),
            Some(EndedBy::Pbx) => out.push(CallEvent::HangupAsked { leg: party.clone(), by: HangupBy::Pbx }),
            Some(EndedBy::Agent) => {
                let agent = self.talking.iter().find(|agent| self.leg_of(name, agent) != party);
                let at = agent.or(self.dialler.as_ref()).map(|agent| self.leg_of(name, agent));
                out.extend(at.map(|leg| CallEvent::HangupAsked { leg, by: HangupBy::Party }));
            }
        }
        let how = match by {
            Some(EndedBy::Caller) => QueueLeft::HungUp,
            Some(EndedBy::Pbx) => QueueLeft::TimedOut,
            Some(EndedBy::Agent) | None => QueueLeft::Unsaid,
        };
        self.left_queue(name, how, out);
        for agent in self.ringing.keys() {
            let at = agent_leg(name, agent);
            out.push(CallEvent::DialEnded { by: Some(leg(name)), leg: at.clone(), how: DialEnd::Cancelled });
            out.push(CallEvent::LegEnded { leg: at, cause });
        }
        let talking = self.talking.iter().map(|agent| self.leg_of(name, agent)).filter(|leg| *leg != party);
        out.extend(talking.map(|leg| CallEvent::LegEnded { leg, cause: 16 }));
        out.push(CallEvent::LegEnded { leg: party.clone(), cause });
        let dialler = self.dialler.as_ref().filter(|dialler| !self.talking.contains(*dialler));
        let unanswered = dialler.map(|agent| self.leg_of(name, agent)).filter(|leg| *leg != party);
        out.extend(unanswered.map(|leg| CallEvent::LegEnded { leg, cause }));
    }
}

fn leg(call: &CallName) -> LegId {
    call.as_str().into()
}

fn out_leg(call: &CallName) -> LegId {
    format!("{call}/+out").as_str().into()
}

fn agent_leg(call: &CallName, agent: &Agent) -> LegId {
    format!("{call}/{agent}").as_str().into()
}

fn bridge(call: &CallName) -> BridgeId {
    call.as_str().into()
}

fn joins(call: &CallName, leg: LegId) -> CallEvent {
    CallEvent::JoinedBridge {
        leg,
        bridge: bridge(call),
        kind: BridgeKind::Talk,
        instead_of: None,
        linked: None,
        spot: None,
    }
}

fn outside(call: &CallName, state: LegState) -> Leg {
    new_leg(out_leg(call), Some(leg(call)), device_of(wire::Side::Outside, "out"), state)
}

fn agents(call: &CallName, agent: &Agent, state: LegState) -> Leg {
    new_leg(agent_leg(call, agent), Some(leg(call)), phone(agent), state)
}

fn new_leg(id: LegId, linked: Option<LegId>, device: Device, state: LegState) -> Leg {
    Leg { id, linked, device, kind: LegKind::Device, state, number: None, name: None, dialled: None }
}
