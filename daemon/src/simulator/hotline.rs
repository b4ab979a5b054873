//! The people of a simulated hotline, in virtual time: who calls, who answers, who waits no
//! longer. What they do becomes events through `pbx`, and is kept as the truth.

mod outbound;
mod queue;
mod talk;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::ami::{Device, Party, Said, UNKNOWN};
use super::pbx::transfer::Consultation;
use super::pbx::{Leg, LetGo, Parting, Pbx};
use super::{Pace, Regular, Simulation, TrueCall, callers};
use crate::calls::call::{Direction, EndedBy, Offer, OfferOutcome, Outcome, Segment, Span, Transfer, TransferKind};
use crate::{Extension, LegId, QueueName, Time};

/// The hotline: wake it whenever [`Hotline::next_wake`] says so, then take what was said.
pub struct Hotline {
    pub(super) pbx: Pbx,
    rng: StdRng,
    pace: Pace,
    calls_per_second: f64,
    regulars: Vec<Regular>,
    watched: Option<usize>,
    calls: BTreeMap<CallNo, Call>,
    calls_made: u64,
    agents: Vec<Desk>,
    queues: Vec<Line>,
    /// What is to happen, by time; the number keeps the order of what happens at once.
    plan: BTreeMap<(Time, u64), Step>,
    planned: u64,
    ended: Vec<TrueCall>,
}

/// What a session asks the people, or rather their phones, to do.
#[derive(Clone, Debug)]
pub enum Ask {
    Originate {
        action_id: Option<String>,
        /// The channel to ring, as `PJSIP/1001`.
        channel: String,
        number: String,
        /// What the first leg is to be called.
        leg: Option<String>,
        caller_id: Option<String>,
        variables: Vec<(String, String)>,
    },
    /// Pause, or without a reason unpause, in one queue or in all.
    Pause { interface: String, queue: Option<String>, reason: Option<String> },
    /// By channel name or Uniqueid.
    Hangup { channel: String },
}

/// Why Asterisk would not, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NoSuchChannel,
    NoSuchInterface,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CallNo(u64);

struct Call {
    stage: Stage,
    /// Counts the stages; a step that was planned for an earlier one is void.
    turn: u32,
    /// The first leg: the caller's, or the agent's who dials.
    first: Leg,
    truth: TrueCall,
    queue: Option<usize>,
    waited_s: i64,
    ringing: Vec<(usize, Leg)>,
    rings_since: Time,
    talker: Option<(usize, Leg)>,
    talks_since: Time,
    /// The trunk leg of a call that goes out.
    trunk: Option<Leg>,
    consultation: Option<(usize, Consultation)>,
    /// The request that it came of: ActionID, and whether it is answered yet.
    asked: Option<(Option<String>, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In the dialplan, before any queue.
    Arrived,
    Waiting,
    Ringing,
    /// An agent's own phone rings, without a queue: a direct call or a blind transfer.
    RingingDirect,
    Talking,
    /// The agent asks a colleague while the customer is on hold.
    Consulting,
    /// Talking after an attended transfer.
    TalkingOn,
    Announcing,
    /// The agent's phone rings because we asked for it.
    Originating,
    /// The customer's phone rings.
    Dialling,
}

#[derive(Clone, Debug)]
enum Step {
    Arrive,
    Join(CallNo),
    Patience(CallNo),
    Limit(CallNo),
    Offer(usize),
    /// What the call does next, if it is still at that turn.
    Next(CallNo, u32, Next),
    Ready(usize, u32),
    Break,
    Back(usize),
    CallBack(String),
}

#[derive(Clone, Debug)]
enum Next {
    Take(usize),
    Decline(usize),
    RingOut,
    Hold(Time),
    Resume(Time),
    Blind,
    Consult,
    Consulted,
    HandOver,
    End(EndedBy),
    Announced,
    PickUp,
    CustomerAnswers,
    CustomerBusy,
    NobodyThere,
}

/// An agent: idle since, or busy with something.
struct Desk {
    idle_since: Option<Time>,
    turn: u32,
}

#[derive(Default)]
struct Line {
    /// Idle members, the longest first.
    idle: BTreeSet<(Time, usize)>,
    /// Callers for whom no phone rings now, the first first.
    waiting: BTreeSet<CallNo>,
}

/// A queue lets a phone ring for so long before it tries another.
const RING_LIMIT_MS: i64 = 15_000;

impl Hotline {
    pub fn new(simulation: &Simulation, at: Time) -> Self {
        let watched =
            simulation.watched.as_ref().and_then(|w| simulation.agents.iter().position(|a| &a.extension == w));
        let mut hotline = Self {
            pbx: Pbx::new(simulation, at),
            rng: StdRng::seed_from_u64(simulation.seed),
            pace: simulation.pace,
            calls_per_second: simulation.calls_per_second.max(1e-6),
            regulars: simulation.regulars.clone(),
            watched,
            calls: BTreeMap::new(),
            calls_made: 0,
            agents: simulation.agents.iter().map(|_| Desk { idle_since: None, turn: 0 }).collect(),
            queues: simulation.queues.iter().map(|_| Line::default()).collect(),
            plan: BTreeMap::new(),
            planned: 0,
            ended: Vec::new(),
        };
        for agent in 0..hotline.agents.len() {
            hotline.set_idle(agent);
        }
        hotline.later(0, Step::Arrive);
        let first_break_ms = hotline.between(30_000, 60_000);
        hotline.later(first_break_ms, Step::Break);
        hotline
    }

    /// When something happens next. There is always something: callers keep coming.
    pub fn next_wake(&self) -> Time {
        self.plan.first_key_value().map_or(self.pbx.now, |((at, _), _)| *at)
    }

    /// Lets everything happen that is planned until `at`, each at its own time.
    pub fn wake(&mut self, at: Time) {
        while let Some(entry) = self.plan.first_entry().filter(|entry| entry.key().0 <= at) {
            self.pbx.now = entry.key().0;
            let step = entry.remove();
            self.step(step);
        }
        self.pbx.now = at;
    }

    /// What Asterisk said since the last time, in order.
    pub fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.pbx.said)
    }

    /// The calls that ended since the last time.
    pub fn take_ended(&mut self) -> Vec<TrueCall> {
        std::mem::take(&mut self.ended)
    }

    /// No more callers come by themselves; those who are there go on.
    pub fn close(&mut self) {
        self.plan.retain(|_, step| !matches!(step, Step::Arrive | Step::CallBack(_) | Step::Break));
        self.calls_per_second = 0.0;
    }

    pub fn calls_up(&self) -> usize {
        self.calls.len()
    }

    /// The channels of each call that is up, its first one first.
    #[cfg(test)]
    pub(super) fn parties(&self) -> impl Iterator<Item = Vec<LegId>> {
        let named = |leg: Leg| Some(LegId::from(self.pbx.channels.get(&leg)?.uniqueid.as_str()));
        self.calls.values().map(move |call| call.legs().filter_map(named).collect())
    }

    pub fn ask(&mut self, at: Time, ask: Ask) -> Result<(), Refused> {
        self.wake(at);
        match ask {
            Ask::Originate { action_id, channel, number, leg, caller_id, variables } => {
                match self.agent_at(&channel) {
                    Some(agent) => self.originate(agent, action_id, number, leg, caller_id, &variables),
                    // Asterisk takes the request, and only then finds nobody there.
                    None => {
                        let leg = leg.unwrap_or_else(|| UNKNOWN.to_owned());
                        self.pbx.originate_response(action_id.as_deref(), &leg, &channel, &number, 0);
                    }
                }
                Ok(())
            }
            Ask::Pause { interface, queue, reason } => {
                let agent = self.agent_at(&interface).ok_or(Refused::NoSuchInterface)?;
                let place = |name| self.pbx.queues.iter().position(|queue| queue.name == name);
                let queue = queue.map(|name| place(name).ok_or(Refused::NoSuchInterface)).transpose()?;
                self.pause(agent, queue, reason.as_deref());
                Ok(())
            }
            Ask::Hangup { channel } => {
                let leg = self.pbx.channels.iter().find(|(_, c)| c.name == channel || c.uniqueid == channel);
                let leg = *leg.ok_or(Refused::NoSuchChannel)?.0;
                let call = self.calls.iter().find(|(_, call)| call.has(leg)).map(|(no, _)| *no);
                if let Some(no) = call {
                    self.kick(no);
                }
                Ok(())
            }
        }
    }

    fn agent_at(&self, channel: &str) -> Option<usize> {
        let extension = channel.split_once('/')?.1.split(['@', '/']).next()?;
        self.pbx.agents.iter().position(|agent| agent.extension == extension)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Arrive => self.arrive(),
            Step::Join(no) => self.join(no),
            Step::Patience(no) => self.patience_ends(no),
            Step::Limit(no) => self.limit_reached(no),
            Step::Offer(queue) => self.offer(queue),
            Step::Next(no, turn, next) => {
                if self.calls.get(&no).is_some_and(|call| call.turn == turn) {
                    self.next(no, next);
                }
            }
            Step::Ready(agent, turn) => {
                if self.agents[agent].turn == turn {
                    self.set_idle(agent);
                }
            }
            Step::Back(agent) => self.pause(agent, None, None),
            Step::Break => self.take_a_break(),
            Step::CallBack(number) => self.call_back(number),
        }
    }

    fn next(&mut self, no: CallNo, next: Next) {
        match next {
            Next::Take(agent) => self.take(no, agent),
            Next::Decline(agent) => self.let_go(no, agent, OfferOutcome::Declined),
            Next::RingOut => self.ring_out(no),
            Next::Hold(resume_at) => self.hold(no, resume_at),
            Next::Resume(end_at) => self.resume(no, end_at),
            Next::Blind => self.blind_transfer(no),
            Next::Consult => self.consult(no),
            Next::Consulted => self.consulted(no),
            Next::HandOver => self.hand_over(no),
            Next::End(by) => self.end_talk(no, by),
            Next::Announced => {
                let first = self.calls[&no].first;
                self.pbx.announced(first);
                self.end(no, Outcome::TimedOut, EndedBy::Pbx);
            }
            Next::PickUp => self.pick_up(no),
            Next::CustomerAnswers => self.customer_answers(no),
            Next::CustomerBusy => self.customer_fails(no, "BUSY"),
            Next::NobodyThere => self.customer_fails(no, "CANCEL"),
        }
    }

    // Agents.

    fn set_idle(&mut self, agent: usize) {
        let now = self.pbx.now;
        self.agents[agent].turn += 1;
        self.agents[agent].idle_since = Some(now);
        self.stand_ready(agent, now);
    }

    /// In every queue in which the agent is not paused.
    fn stand_ready(&mut self, agent: usize, since: Time) {
        for queue in self.pbx.agents[agent].queues.clone() {
            if self.pbx.agents[agent].paused.contains_key(&queue) {
                continue;
            }
            self.queues[queue].idle.insert((since, agent));
            if !self.queues[queue].waiting.is_empty() {
                self.later(0, Step::Offer(queue));
            }
        }
    }

    fn set_busy(&mut self, agent: usize) {
        self.agents[agent].turn += 1;
        if let Some(since) = self.agents[agent].idle_since.take() {
            for queue in self.pbx.agents[agent].queues.clone() {
                self.queues[queue].idle.remove(&(since, agent));
            }
        }
    }

    fn wrap_up(&mut self, agent: usize) {
        self.set_busy(agent);
        let ms = self.between(3_000, 10_000);
        let turn = self.agents[agent].turn;
        self.later(ms, Step::Ready(agent, turn));
    }

    fn take_a_break(&mut self) {
        if let Some(agent) = self.any_idle().filter(|agent| Some(*agent) != self.watched) {
            let reason = *["小休", "午餐", "培训", "会议"].choose(&mut self.rng).unwrap_or(&"小休");
            self.pause(agent, None, Some(reason));
            let back_ms = self.between(20_000, 60_000);
            self.later(back_ms, Step::Back(agent));
        }
        let again_ms = self.between(40_000, 90_000);
        self.later(again_ms, Step::Break);
    }

    /// An idle agent who is paused in a queue is out of its reach until unpaused.
    fn pause(&mut self, agent: usize, queue: Option<usize>, reason: Option<&str>) {
        self.pbx.pause(agent, queue, reason);
        if let Some(since) = self.agents[agent].idle_since {
            for queue in self.pbx.agents[agent].queues.clone() {
                self.queues[queue].idle.remove(&(since, agent));
            }
            self.stand_ready(agent, since);
        }
    }

    fn any_idle(&mut self) -> Option<usize> {
        let free = |&agent: &usize| self.agents[agent].idle_since.is_some() && self.pbx.agents[agent].paused.is_empty();
        let idle: Vec<usize> = (0..self.agents.len()).filter(free).collect();
        idle.choose(&mut self.rng).copied()
    }

    fn extension(&self, agent: usize) -> Extension {
        Extension::from(self.pbx.agents[agent].extension.as_str())
    }

    // The truth.

    fn note_offer(&mut self, no: CallNo, agent: usize, queue: Option<QueueName>) {
        let (now, agent) = (self.pbx.now, self.extension(agent));
        self.call(no).truth.offers.push(Offer { agent, queue, from: now, to: None, outcome: None });
    }

    fn close_offer(&mut self, no: CallNo, agent: usize, outcome: OfferOutcome) {
        let (now, agent) = (self.pbx.now, self.extension(agent));
        let open = |offer: &&mut Offer| offer.agent == agent && offer.outcome.is_none();
        if let Some(offer) = self.call(no).truth.offers.iter_mut().find(open) {
            offer.to = Some(now);
            offer.outcome = Some(outcome);
        }
    }

    /// The phones that ring for the call stop; the PBX has been told already.
    fn phones_stop(&mut self, no: CallNo, outcome: OfferOutcome) {
        for (agent, _) in std::mem::take(&mut self.call(no).ringing) {
            self.close_offer(no, agent, outcome);
            self.set_idle(agent);
        }
    }

    fn note_transfer(&mut self, no: CallNo, kind: TransferKind, from: usize, to: usize, completed: bool) {
        let (at, from, to) = (self.pbx.now, self.extension(from), self.extension(to));
        let transfer = Transfer { kind, from: Some(from), to: to.to_string(), completed, at };
        self.call(no).truth.transfers.push(transfer);
    }

    fn end_hold(&mut self, no: CallNo) {
        let now = self.pbx.now;
        let hold = self.call(no).truth.segments.last_mut().and_then(|talk| talk.holds.last_mut());
        if let Some(hold) = hold.filter(|hold| hold.to.is_none()) {
            hold.to = Some(now);
        }
    }

    fn end_segment(&mut self, no: CallNo) {
        let now = self.pbx.now;
        if let Some(talk) = self.call(no).truth.segments.last_mut() {
            talk.to.get_or_insert(now);
        }
    }

    fn end(&mut self, no: CallNo, outcome: Outcome, by: EndedBy) {
        let Some(call) = self.calls.remove(&no) else { return };
        let truth = TrueCall { outcome, ended_by: by, ended_at: self.pbx.now, ..call.truth };
        let missed = matches!(outcome, Outcome::Abandoned | Outcome::TimedOut | Outcome::Missed);
        if let Some(number) = truth.caller.clone().filter(|_| missed && self.calls_per_second > 0.0) {
            let later_ms = self.between(40_000, 120_000);
            if self.rng.random_bool(0.45) {
                self.later(later_ms, Step::CallBack(number));
            }
        }
        self.ended.push(truth);
    }

    // Helpers.

    fn call(&mut self, no: CallNo) -> &mut Call {
        self.calls.get_mut(&no).expect("a step is void once its call has ended")
    }

    fn enter(&mut self, no: CallNo, stage: Stage) {
        let call = self.call(no);
        call.stage = stage;
        call.turn += 1;
    }

    fn talk_s(&self, no: CallNo) -> i64 {
        (self.pbx.now - self.calls[&no].talks_since).num_seconds()
    }

    fn later(&mut self, after_ms: i64, step: Step) {
        self.planned += 1;
        self.plan.insert((self.pbx.now + TimeDelta::milliseconds(after_ms.max(0)), self.planned), step);
    }

    fn plan_next(&mut self, no: CallNo, after_ms: i64, next: Next) {
        let turn = self.calls[&no].turn;
        self.later(after_ms, Step::Next(no, turn, next));
    }

    /// A time between the two, at the hotline's pace.
    fn between(&mut self, low_ms: i64, high_ms: i64) -> i64 {
        let ms = self.rng.random_range(low_ms..high_ms);
        self.scaled(ms)
    }

    fn scaled(&self, ms: i64) -> i64 {
        match self.pace {
            Pace::Human => ms,
            Pace::Drill => ms / 10,
        }
    }
}

impl Call {
    fn has(&self, leg: Leg) -> bool {
        self.legs().any(|its| its == leg)
    }

    /// But for those of a consultation.
    fn legs(&self) -> impl Iterator<Item = Leg> {
        let agents = self.talker.iter().chain(&self.ringing).map(|(_, leg)| *leg);
        [self.first].into_iter().chain(self.trunk).chain(agents)
    }
}
