//! The people of a simulated hotline, in virtual time: who calls, who answers, who waits no
//! longer. What they do becomes events through [`super::pbx`], and is kept as the truth.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::ami::{Party, Said};
use super::pbx::{Consultation, Leg, LetGo, Parting, Pbx};
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
    /// Pause or unpause in all queues.
    Pause { interface: String, reason: Option<String> },
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

    pub fn ask(&mut self, at: Time, ask: Ask) -> Result<(), Refused> {
        self.wake(at);
        match ask {
            Ask::Originate { action_id, channel, number, leg, caller_id, variables } => {
                match self.agent_at(&channel) {
                    Some(agent) => self.originate(agent, action_id, number, leg, caller_id, &variables),
                    // Asterisk takes the request, and only then finds nobody there.
                    None => {
                        let leg = leg.unwrap_or_else(|| super::ami::UNKNOWN.to_owned());
                        self.pbx.originate_response(action_id.as_deref(), &leg, &channel, &number, 0);
                    }
                }
                Ok(())
            }
            Ask::Pause { interface, reason } => {
                let agent = self.agent_at(&interface).ok_or(Refused::NoSuchInterface)?;
                self.pause(agent, reason);
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
                    if self.pbx.agents[agent].paused.is_some() {
                        self.pbx.pause(agent, None);
                    }
                    self.set_idle(agent);
                }
            }
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

    // Callers.

    fn arrive(&mut self) {
        let gap_ms = -(1.0 - self.rng.random::<f64>()).ln() / self.calls_per_second * 1000.0;
        self.later(gap_ms as i64, Step::Arrive);
        let party = callers::draw(&mut self.rng, &self.regulars);
        let direct = self.rng.random_bool(0.05).then(|| self.any_idle()).flatten();
        match direct {
            Some(agent) => self.arrive_direct(party, agent),
            None => self.arrive_at_queue(party),
        }
    }

    fn arrive_at_queue(&mut self, party: Party) {
        let queue = *(0..self.queues.len()).collect::<Vec<_>>().choose(&mut self.rng).unwrap_or(&0);
        let dialled = self.pbx.queues[queue].number.clone();
        let first = self.pbx.arrive(party.clone(), &dialled);
        self.pbx.answer(first);
        let no = self.open(first, Direction::Inbound, &party, Stage::Arrived);
        self.call(no).queue = Some(queue);
        self.later(200, Step::Join(no));
        let patience_ms = match self.rng.random_range(0..1000) {
            0..=5 => 150,
            6..=150 => self.between(4_000, 12_000),
            _ => self.between(30_000, 90_000),
        };
        self.later(patience_ms, Step::Patience(no));
        if let Some(limit_ms) = self.pbx.queues[queue].limit_ms {
            self.later(200 + limit_ms, Step::Limit(no));
        }
    }

    fn arrive_direct(&mut self, party: Party, agent: usize) {
        let extension = self.pbx.agents[agent].extension.clone();
        let first = self.pbx.arrive(party.clone(), &format!("40080{extension}"));
        self.pbx.execute(first, "Dial", format!("PJSIP/{extension},20,tT"));
        let no = self.open(first, Direction::Inbound, &party, Stage::Arrived);
        self.call(no).truth.to = Some(extension);
        self.ring_direct(no, agent, None);
        let patience_ms = self.between(12_000, 30_000);
        self.later(patience_ms, Step::Patience(no));
    }

    fn open(&mut self, first: Leg, direction: Direction, party: &Party, stage: Stage) -> CallNo {
        let now = self.pbx.now;
        self.calls_made += 1;
        let no = CallNo(self.calls_made);
        let caller = party.number.clone().filter(|number| number != "anonymous");
        let truth = TrueCall {
            leg: LegId::from(self.pbx.uniqueid(first)),
            direction,
            caller,
            to: None,
            agent: None,
            outcome: Outcome::Failed,
            ended_by: EndedBy::Pbx,
            started_at: now,
            answered_at: None,
            ended_at: now,
            segments: Vec::new(),
            offers: Vec::new(),
            transfers: Vec::new(),
        };
        let call = Call {
            stage,
            turn: 0,
            first,
            truth,
            queue: None,
            waited_s: 0,
            ringing: Vec::new(),
            rings_since: now,
            talker: None,
            talks_since: now,
            trunk: None,
            consultation: None,
            asked: None,
        };
        self.calls.insert(no, call);
        no
    }

    fn join(&mut self, no: CallNo) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        let Some(queue) = call.queue else { return };
        call.stage = Stage::Waiting;
        call.turn += 1;
        call.truth.to = Some(self.pbx.queues[queue].name.clone());
        let first = call.first;
        self.pbx.join(first, queue);
        self.queues[queue].waiting.insert(no);
        self.offer(queue);
    }

    fn patience_ends(&mut self, no: CallNo) {
        let Some(call) = self.calls.get(&no) else { return };
        let (first, queue) = (call.first, call.queue);
        match call.stage {
            Stage::Arrived => {
                self.pbx.caller_quits(first);
                self.end(no, Outcome::Abandoned, EndedBy::Caller);
            }
            Stage::Waiting | Stage::Ringing => {
                let ringing = call.ringing.clone();
                let queue = queue.unwrap_or_default();
                self.pbx.abandon(first, queue, &ringing);
                self.phones_stop(no, OfferOutcome::CallerGone);
                self.queues[queue].waiting.remove(&no);
                self.end(no, Outcome::Abandoned, EndedBy::Caller);
            }
            Stage::RingingDirect => self.direct_fails(no, "CANCEL"),
            Stage::Talking
            | Stage::Consulting
            | Stage::TalkingOn
            | Stage::Announcing
            | Stage::Originating
            | Stage::Dialling => {}
        }
    }

    fn limit_reached(&mut self, no: CallNo) {
        let Some(call) = self.calls.get(&no) else { return };
        if !matches!(call.stage, Stage::Waiting | Stage::Ringing) {
            return;
        }
        let (first, queue, ringing) = (call.first, call.queue.unwrap_or_default(), call.ringing.clone());
        let rang_ms = (self.pbx.now - call.rings_since).num_milliseconds();
        self.pbx.give_up(first, queue, &ringing, rang_ms);
        self.phones_stop(no, OfferOutcome::NoAnswer);
        self.queues[queue].waiting.remove(&no);
        self.enter(no, Stage::Announcing);
        self.plan_next(no, 3_000, Next::Announced);
    }

    // Queues.

    /// Rings idle members for those who wait.
    fn offer(&mut self, queue: usize) {
        while let Some(&no) = self.queues[queue].waiting.first() {
            let members = if self.pbx.queues[queue].ring_all {
                self.queues[queue].idle.iter().map(|(_, agent)| *agent).collect()
            } else {
                Vec::from_iter(self.choose(queue))
            };
            if members.is_empty() {
                return;
            }
            self.ring(no, queue, &members);
        }
    }

    /// The watched agent, if idle for a while, else who has been idle longest.
    fn choose(&self, queue: usize) -> Option<usize> {
        let idle = &self.queues[queue].idle;
        let rested = |agent: usize| {
            let since = self.agents[agent].idle_since?;
            (self.pbx.now - since > TimeDelta::seconds(5) && idle.contains(&(since, agent))).then_some(agent)
        };
        self.watched.and_then(rested).or_else(|| idle.first().map(|(_, agent)| *agent))
    }

    fn ring(&mut self, no: CallNo, queue: usize, members: &[usize]) {
        let now = self.pbx.now;
        self.queues[queue].waiting.remove(&no);
        self.enter(no, Stage::Ringing);
        self.call(no).rings_since = now;
        let name = QueueName::from(self.pbx.queues[queue].name.as_str());
        for &agent in members {
            let first = self.calls[&no].first;
            let leg = self.pbx.offer(first, queue, agent);
            self.set_busy(agent);
            self.note_offer(no, agent, Some(name.clone()));
            self.call(no).ringing.push((agent, leg));
        }
        let Some(&agent) = members.choose(&mut self.rng) else { return };
        let watched = Some(agent) == self.watched;
        let (after_ms, next) = match self.rng.random_range(0..100) {
            _ if watched => (self.between(8_000, 14_000), Next::Take(agent)),
            0..86 => (self.between(2_000, 6_000), Next::Take(agent)),
            86..91 if members.len() == 1 => (self.between(1_000, 3_000), Next::Decline(agent)),
            _ => (self.scaled(RING_LIMIT_MS), Next::RingOut),
        };
        self.plan_next(no, after_ms, next);
    }

    fn take(&mut self, no: CallNo, agent: usize) {
        let call = &self.calls[&no];
        let first = call.first;
        let Some(&(_, leg)) = call.ringing.iter().find(|(a, _)| *a == agent) else { return };
        match (call.stage, call.queue) {
            (Stage::Ringing, Some(queue)) => {
                let losers: Vec<_> = call.ringing.iter().copied().filter(|(a, _)| *a != agent).collect();
                let rang_ms = (self.pbx.now - call.rings_since).num_milliseconds();
                let waited_s = self.pbx.queues[queue].waiting.iter().find(|(l, _)| *l == first);
                let waited_s = waited_s.map_or(0, |(_, since)| (self.pbx.now - *since).num_seconds());
                self.call(no).waited_s = waited_s;
                self.pbx.take(first, queue, agent, leg, rang_ms, &losers);
                let name = QueueName::from(self.pbx.queues[queue].name.as_str());
                self.answered(no, agent, leg, Some(name));
            }
            _ => {
                self.pbx.dialled_answers(first, leg);
                self.pbx.device(agent, super::ami::Device::InUse);
                self.answered(no, agent, leg, None);
                if let Some(transfer) = self.call(no).truth.transfers.last_mut() {
                    transfer.completed = true;
                }
            }
        }
        self.talk(no);
    }

    fn answered(&mut self, no: CallNo, agent: usize, leg: Leg, queue: Option<QueueName>) {
        let now = self.pbx.now;
        let extension = self.extension(agent);
        let direct = queue.is_none();
        self.close_offer(no, agent, OfferOutcome::Answered);
        self.call(no).ringing.retain(|(a, _)| *a != agent);
        self.phones_stop(no, OfferOutcome::AnsweredElsewhere);
        self.enter(no, Stage::Talking);
        let call = self.call(no);
        call.talker = Some((agent, leg));
        call.talks_since = now;
        call.truth.answered_at.get_or_insert(now);
        call.truth.agent.get_or_insert_with(|| extension.clone());
        if direct {
            call.queue = None;
        }
        call.truth.segments.push(Segment { agent: extension, queue, from: now, to: None, holds: Vec::new() });
    }

    /// One phone stops ringing by its own doing; the caller is offered to another soon.
    fn let_go(&mut self, no: CallNo, agent: usize, outcome: OfferOutcome) {
        let call = &self.calls[&no];
        let rang_ms = (self.pbx.now - call.rings_since).num_milliseconds();
        let (Some(queue), first) = (call.queue, call.first) else { return };
        let Some(&(_, leg)) = call.ringing.iter().find(|(a, _)| *a == agent) else { return };
        let why = match outcome {
            OfferOutcome::Declined => LetGo::Declined { rang_ms },
            _ => LetGo::RungOut { rang_ms },
        };
        self.pbx.let_go(first, queue, agent, leg, why);
        self.close_offer(no, agent, outcome);
        self.call(no).ringing.retain(|(a, _)| *a != agent);
        self.set_idle(agent);
        if self.calls[&no].ringing.is_empty() {
            self.enter(no, Stage::Waiting);
            self.queues[queue].waiting.insert(no);
            self.later(1_000, Step::Offer(queue));
        }
    }

    fn ring_out(&mut self, no: CallNo) {
        match self.calls[&no].stage {
            Stage::RingingDirect => self.direct_fails(no, "NOANSWER"),
            _ => {
                for (agent, _) in self.calls[&no].ringing.clone() {
                    self.let_go(no, agent, OfferOutcome::NoAnswer);
                }
            }
        }
    }

    // Direct calls and blind transfers.

    /// `leg` is the ringing leg where a transfer already made it.
    fn ring_direct(&mut self, no: CallNo, agent: usize, leg: Option<Leg>) {
        let (now, first) = (self.pbx.now, self.calls[&no].first);
        let leg = leg.unwrap_or_else(|| self.pbx.dial_phone(first, agent));
        self.set_busy(agent);
        self.note_offer(no, agent, None);
        self.enter(no, Stage::RingingDirect);
        let call = self.call(no);
        call.ringing.push((agent, leg));
        call.rings_since = now;
        let answers = Some(agent) == self.watched || self.rng.random_bool(0.85);
        let (after_ms, next) = match answers {
            true => (self.between(2_000, 8_000), Next::Take(agent)),
            false => (self.scaled(20_000), Next::RingOut),
        };
        self.plan_next(no, after_ms, next);
    }

    /// Nobody takes the direct call: it rang out, or the caller gave up (`CANCEL`).
    fn direct_fails(&mut self, no: CallNo, status: &str) {
        let call = &self.calls[&no];
        let (first, answered) = (call.first, call.truth.answered_at.is_some());
        let Some(&(agent, leg)) = call.ringing.first() else { return };
        self.pbx.dial_fails(first, leg, status);
        self.pbx.device(agent, super::ami::Device::NotInUse);
        let (by, offer) = match status {
            "CANCEL" => (EndedBy::Caller, OfferOutcome::CallerGone),
            _ => (EndedBy::Pbx, OfferOutcome::NoAnswer),
        };
        self.phones_stop(no, offer);
        self.end(no, if answered { Outcome::Answered } else { Outcome::Missed }, by);
    }

    // Talks.

    /// Plans how the talk goes.
    fn talk(&mut self, no: CallNo) {
        let talk_ms =
            if self.rng.random_bool(0.15) { self.between(4_000, 9_000) } else { self.between(12_000, 50_000) };
        let transferred = !self.calls[&no].truth.transfers.is_empty();
        let queued = self.calls[&no].queue.is_some();
        let inbound = self.calls[&no].truth.direction == Direction::Inbound;
        let end_at = self.pbx.now + TimeDelta::milliseconds(talk_ms);
        let next = match self.rng.random_range(0..100) {
            0..8 if inbound && !transferred => Next::Hold(end_at),
            8..13 if inbound && !transferred => Next::Blind,
            13..17 if queued && !transferred => Next::Consult,
            17..65 => Next::End(EndedBy::Caller),
            _ => Next::End(EndedBy::Agent),
        };
        let after_ms = if matches!(next, Next::Hold(_)) { talk_ms / 3 } else { talk_ms };
        self.plan_next(no, after_ms, next);
    }

    fn hold(&mut self, no: CallNo, end_at: Time) {
        let now = self.pbx.now;
        let Some((_, leg)) = self.calls[&no].talker else { return };
        self.pbx.hold(leg, true);
        if let Some(talk) = self.call(no).truth.segments.last_mut() {
            talk.holds.push(Span { from: now, to: None });
        }
        let for_ms = (end_at - now).num_milliseconds() / 2;
        self.plan_next(no, for_ms, Next::Resume(end_at));
    }

    fn resume(&mut self, no: CallNo, end_at: Time) {
        let now = self.pbx.now;
        let Some((_, leg)) = self.calls[&no].talker else { return };
        self.pbx.hold(leg, false);
        self.end_hold(no);
        self.plan_next(no, (end_at - now).num_milliseconds(), Next::End(EndedBy::Caller));
    }

    fn blind_transfer(&mut self, no: CallNo) {
        let Some(to) = self.any_idle() else { return self.end_talk(no, EndedBy::Agent) };
        let call = &self.calls[&no];
        let Some(from) = call.talker else { return };
        let (first, queue, waited_s, talk_s) = (call.first, call.queue, call.waited_s, self.talk_s(no));
        self.set_busy(to);
        self.note_transfer(no, TransferKind::Blind, from.0, to, false);
        self.end_segment(no);
        let leg = self.pbx.blind_transfer(first, queue, from, to, waited_s, talk_s);
        self.wrap_up(from.0);
        let call = self.call(no);
        call.talker = None;
        call.queue = None;
        self.ring_direct(no, to, Some(leg));
        let patience_ms = self.between(15_000, 30_000);
        self.later(patience_ms, Step::Patience(no));
    }

    fn consult(&mut self, no: CallNo) {
        let now = self.pbx.now;
        let Some(to) = self.any_idle() else { return self.end_talk(no, EndedBy::Agent) };
        let Some(from) = self.calls[&no].talker else { return };
        self.set_busy(to);
        let consultation = self.pbx.consult(from, to);
        self.note_offer(no, to, None);
        self.enter(no, Stage::Consulting);
        let call = self.call(no);
        if let Some(talk) = call.truth.segments.last_mut() {
            talk.holds.push(Span { from: now, to: None });
        }
        call.consultation = Some((to, consultation));
        let rings_ms = self.between(1_500, 4_000);
        self.plan_next(no, rings_ms, Next::Consulted);
    }

    fn consulted(&mut self, no: CallNo) {
        let Some((to, consultation)) = self.calls[&no].consultation.clone() else { return };
        self.pbx.consulted(&consultation, to);
        self.close_offer(no, to, OfferOutcome::Answered);
        let asks_ms = self.between(3_000, 8_000);
        self.plan_next(no, asks_ms, Next::HandOver);
    }

    fn hand_over(&mut self, no: CallNo) {
        let now = self.pbx.now;
        let call = &self.calls[&no];
        let (Some(from), Some((to, consultation)), Some(queue)) = (call.talker, call.consultation.clone(), call.queue)
        else {
            return;
        };
        let (first, times_s) = (call.first, (call.waited_s, self.talk_s(no)));
        self.end_hold(no);
        self.end_segment(no);
        self.pbx.attended_transfer(first, queue, from, &consultation, times_s);
        self.wrap_up(from.0);
        self.note_transfer(no, TransferKind::Attended, from.0, to, true);
        let extension = self.extension(to);
        self.enter(no, Stage::TalkingOn);
        let call = self.call(no);
        call.talker = Some((to, consultation.phone));
        call.queue = None;
        call.talks_since = now;
        call.truth.segments.push(Segment { agent: extension, queue: None, from: now, to: None, holds: Vec::new() });
        let by = if self.rng.random_bool(0.6) { EndedBy::Caller } else { EndedBy::Agent };
        let talk_ms = self.between(8_000, 30_000);
        self.plan_next(no, talk_ms, Next::End(by));
    }

    fn end_talk(&mut self, no: CallNo, by: EndedBy) {
        let talk_s = self.talk_s(no);
        let call = &self.calls[&no];
        let (first, waited_s) = (call.first, call.waited_s);
        let Some((agent, leg)) = call.talker else { return };
        let how = match by {
            EndedBy::Caller => Parting::Caller,
            EndedBy::Agent => Parting::Agent,
            EndedBy::Pbx => Parting::Pbx,
        };
        match (call.consultation.clone(), call.trunk, call.queue) {
            (Some((_, consultation)), ..) => self.pbx.part_transferred(first, &consultation, by == EndedBy::Caller),
            // The agent dialled: the first leg is the agent's own.
            (None, Some(trunk), _) => {
                let hangs_up = if by == EndedBy::Caller { trunk } else { first };
                self.pbx.hang_up_dial(first, trunk, hangs_up, talk_s, by == EndedBy::Pbx);
            }
            (None, None, Some(queue)) => self.pbx.part(first, queue, (agent, leg), waited_s, talk_s, how),
            (None, None, None) => {
                let hangs_up = if by == EndedBy::Agent { leg } else { first };
                self.pbx.hang_up_dial(first, leg, hangs_up, talk_s, by == EndedBy::Pbx);
            }
        }
        self.pbx.device(agent, super::ami::Device::NotInUse);
        self.end_hold(no);
        self.end_segment(no);
        self.wrap_up(agent);
        self.end(no, Outcome::Answered, by);
    }

    /// Asterisk is told to hang up.
    fn kick(&mut self, no: CallNo) {
        match self.calls[&no].stage {
            Stage::Talking | Stage::TalkingOn => self.end_talk(no, EndedBy::Pbx),
            Stage::Arrived | Stage::Waiting | Stage::Ringing | Stage::RingingDirect => self.patience_ends(no),
            Stage::Dialling => self.customer_fails(no, "CANCEL"),
            Stage::Consulting | Stage::Announcing | Stage::Originating => {}
        }
    }

    // Calls that go out.

    /// An idle agent calls somebody back from the phone's own keys.
    fn call_back(&mut self, number: String) {
        let Some(agent) = self.any_idle().filter(|agent| Some(*agent) != self.watched) else {
            let later_ms = self.between(10_000, 20_000);
            return self.later(later_ms, Step::CallBack(number));
        };
        self.set_busy(agent);
        let first = self.pbx.dial_out(agent, &number);
        let no = self.open_outbound(first, agent, &number, Stage::Dialling);
        self.dial(no, &number);
    }

    fn originate(
        &mut self,
        agent: usize,
        action_id: Option<String>,
        number: String,
        leg: Option<String>,
        caller_id: Option<String>,
        variables: &[(String, String)],
    ) {
        if !self.make_free(agent) {
            let first = self.pbx.originate(agent, leg, caller_id, variables);
            let (leg, channel) = (self.pbx.uniqueid(first).to_owned(), self.pbx.channels[&first].name.clone());
            self.pbx.originate_failed(first, "BUSY");
            self.pbx.device(agent, super::ami::Device::InUse);
            return self.pbx.originate_response(action_id.as_deref(), &leg, &channel, &number, 5);
        }
        self.set_busy(agent);
        let first = self.pbx.originate(agent, leg, caller_id, variables);
        let no = self.open_outbound(first, agent, &number, Stage::Originating);
        self.call(no).asked = Some((action_id, number));
        let picks_up_ms = self.between(1_000, 2_500);
        self.plan_next(no, picks_up_ms, Next::PickUp);
    }

    /// Whoever presses the call button first ends what the phone is doing; false when that
    /// cannot be ended.
    fn make_free(&mut self, agent: usize) -> bool {
        let with = |call: &Call| {
            call.talker.is_some_and(|(a, _)| a == agent)
                || call.ringing.iter().any(|(a, _)| *a == agent)
                || call.consultation.as_ref().is_some_and(|(a, _)| *a == agent)
        };
        let Some((&no, call)) = self.calls.iter().find(|(_, call)| with(call)) else { return true };
        match call.stage {
            Stage::Talking | Stage::TalkingOn => self.end_talk(no, EndedBy::Agent),
            Stage::Ringing => self.let_go(no, agent, OfferOutcome::Declined),
            Stage::RingingDirect => self.direct_fails(no, "NOANSWER"),
            Stage::Arrived
            | Stage::Waiting
            | Stage::Consulting
            | Stage::Announcing
            | Stage::Originating
            | Stage::Dialling => return false,
        }
        true
    }

    fn open_outbound(&mut self, first: Leg, agent: usize, number: &str, stage: Stage) -> CallNo {
        let party = Party { number: Some(self.pbx.agents[agent].extension.clone()), name: None };
        let no = self.open(first, Direction::Outbound, &party, stage);
        let extension = self.extension(agent);
        let call = self.call(no);
        call.truth.to = Some(number.to_owned());
        call.truth.agent = Some(extension);
        call.talker = Some((agent, first));
        no
    }

    fn pick_up(&mut self, no: CallNo) {
        let call = &self.calls[&no];
        let first = call.first;
        let (Some((agent, _)), Some((action_id, number))) = (call.talker, call.asked.clone()) else { return };
        self.pbx.originate_answered(agent, first, &number);
        let (leg, channel) = (self.pbx.uniqueid(first).to_owned(), self.pbx.channels[&first].name.clone());
        self.pbx.originate_response(action_id.as_deref(), &leg, &channel, &number, 4);
        self.dial(no, &number);
    }

    fn dial(&mut self, no: CallNo, number: &str) {
        let first = self.calls[&no].first;
        let trunk = self.pbx.dial_trunk(first, number);
        self.enter(no, Stage::Dialling);
        self.call(no).trunk = Some(trunk);
        let (after_ms, next) = match self.rng.random_range(0..100) {
            0..72 => (self.between(3_000, 8_000), Next::CustomerAnswers),
            72..84 => (self.between(2_000, 4_000), Next::CustomerBusy),
            _ => (self.between(15_000, 25_000), Next::NobodyThere),
        };
        self.plan_next(no, after_ms, next);
    }

    fn customer_answers(&mut self, no: CallNo) {
        let now = self.pbx.now;
        let call = &self.calls[&no];
        let (Some(trunk), Some((agent, _))) = (call.trunk, call.talker) else { return };
        self.pbx.dialled_answers(call.first, trunk);
        let extension = self.extension(agent);
        self.enter(no, Stage::Talking);
        let call = self.call(no);
        call.talks_since = now;
        call.truth.answered_at = Some(now);
        call.truth.segments.push(Segment { agent: extension, queue: None, from: now, to: None, holds: Vec::new() });
        self.talk(no);
    }

    fn customer_fails(&mut self, no: CallNo, status: &str) {
        let call = &self.calls[&no];
        let (Some(trunk), Some((agent, _))) = (call.trunk, call.talker) else { return };
        self.pbx.dial_fails(call.first, trunk, status);
        self.pbx.device(agent, super::ami::Device::NotInUse);
        self.wrap_up(agent);
        match status {
            "BUSY" => self.end(no, Outcome::Busy, EndedBy::Pbx),
            _ => self.end(no, Outcome::NoAnswer, EndedBy::Agent),
        }
    }

    // Agents.

    fn set_idle(&mut self, agent: usize) {
        let now = self.pbx.now;
        self.agents[agent].turn += 1;
        self.agents[agent].idle_since = Some(now);
        for queue in self.pbx.agents[agent].queues.clone() {
            self.queues[queue].idle.insert((now, agent));
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
            let reason = ["小休", "午餐", "培训", "会议"].choose(&mut self.rng).map(|&reason| reason.to_owned());
            self.pause(agent, reason);
            let back_ms = self.between(20_000, 60_000);
            let turn = self.agents[agent].turn;
            self.later(back_ms, Step::Ready(agent, turn));
        }
        let again_ms = self.between(40_000, 90_000);
        self.later(again_ms, Step::Break);
    }

    /// With a reason: paused, until somebody unpauses. Without: back, and idle unless busy.
    fn pause(&mut self, agent: usize, reason: Option<String>) {
        let was_idle = self.agents[agent].idle_since.is_some();
        let was_paused = self.pbx.agents[agent].paused.is_some();
        let back = reason.is_none();
        self.pbx.pause(agent, reason);
        if !back && was_idle {
            self.set_busy(agent);
        } else if back && was_paused && self.pbx.agents[agent].device == super::ami::Device::NotInUse {
            self.set_idle(agent);
        }
    }

    fn any_idle(&mut self) -> Option<usize> {
        let idle: Vec<usize> = (0..self.agents.len()).filter(|&a| self.agents[a].idle_since.is_some()).collect();
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
        self.first == leg
            || self.trunk == Some(leg)
            || self.talker.is_some_and(|(_, l)| l == leg)
            || self.ringing.iter().any(|(_, l)| *l == leg)
    }
}
