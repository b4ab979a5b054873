//! Events in, changes of calls out.
//!
//! The tracker knows which legs are one call. Legs are joined by what the PBX says of them: the
//! same root, dialling, the two halves of a loop, meeting in a bridge of two, a transfer, a
//! pickup. Conferences, parking and agents' resting lines join nothing. Where two calls turn out
//! to be one, the one that an outside party began stays, else the older, and the merge is told.
//!
//! What a call is, once its legs are known, follows in `live`; who waits and who
//! serves in `staff`. An ended call is handed out and forgotten; a leg that
//! outlives its call is kept loose until it ends, or begins another.

mod bridges;
mod compare;
mod identity;
mod snapshot;
mod spying;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::TimeDelta;

use protocol::CallEvent;
use protocol::event::{self, BootId, BridgeId, BridgeKind};
use protocol::request::Dialable;
use rustc_hash::FxHashMap;

use super::call::{Call, Direction, PROOF_TALK};
use super::dialplan::{Dialplan, Side};
use super::leg::Leg;
use super::live::{Fate, Live};
use super::look::{Difference, Looks};
use super::now::{AgentNow, QueueNow, Waiting};
use super::staff::{Moved, Staff, WrapUp};
use crate::number::Numbering;
use crate::{CallId, Extension, LegId, PbxName, QueueName, Time};
use spying::Spy;
pub use spying::spying_leg;

/// Of a leg that we asked for the PBX tells at once, or that it cannot be. After so long it is none.
pub const CAME_UP_WITHIN: TimeDelta = TimeDelta::seconds(15);

/// Mirrors what one PBX says. Owns the calls that are up.
#[derive(Debug)]
pub struct Tracker {
    pbx: PbxName,
    dialplan: Dialplan,
    numbering: Numbering,
    boot: Option<BootId>,
    /// Found by hash, as the next three are: each event asks for them. What is told of them is put
    /// in order.
    calls: FxHashMap<CallNo, Box<Live>>,
    next: u64,
    ids: FxHashMap<CallId, CallNo>,
    legs: FxHashMap<LegId, Place>,
    /// The bridges of two that a call's legs are in.
    bridges: FxHashMap<BridgeId, CallNo>,
    staff: Staff,
    /// When a talk will have lasted long enough to be told of.
    due: BTreeSet<(Time, CallNo)>,
    /// What a talk must last to prove a callback.
    proof_talk: TimeDelta,
    /// Counts snapshots: a leg that the last one did not name is gone.
    round: u32,
    /// The legs of a snapshot are being taken in: of no call all may have been yet.
    is_listing: bool,
    /// What the snapshot under way has told of legs, in the PBX's order, which means nothing.
    listed: Vec<(Time, event::LegSeen)>,
    /// Roots that were not known when legs of theirs came, and those legs.
    rootless: VecDeque<(LegId, LegId)>,
    /// Callers whom a snapshot named before their legs.
    seen_waiting: Vec<(LegId, QueueName, Time)>,
    /// What a snapshot tells of bridges.
    seen_bridges: BTreeMap<BridgeId, BridgeKind>,
    /// Halves of loops that the snapshot under way named alone so far, by what both are called.
    seen_halves: BTreeMap<Box<str>, LegId>,
    spies: BTreeMap<LegId, Spy>,
    /// Legs that we asked for, until when the PBX must have told of them.
    unseen: BTreeSet<(Time, LegId)>,
    looks: Looks,
}

/// Calls in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct CallNo(u64);

#[derive(Debug)]
enum Place {
    In(CallNo),
    /// Outlived its call.
    Loose(Box<Leg>),
    /// By which somebody listens in; of no call.
    Spying {
        round: u32,
    },
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The call is up, and not as it was; [`Tracker::call`] has it. Told once more when a talk
    /// has lasted long enough to prove a callback.
    Call(CallId),
    /// The call is over. The last that is heard of it.
    Ended(Box<Call>),
    /// Two calls turned out to be one; `from` is heard of no more.
    Merged { from: CallId, into: CallId },
    /// Who waits, or who serves, in some queue.
    Queues,
    /// An agent's state; so, in the agent's queues, how many are free.
    Agent(Extension),
    /// Whoever was to listen in by this leg of ours has picked up.
    Listening { leg: LegId, since: Time },
    /// That leg is over, or never came up; `from` none: nobody picked up.
    Listened { leg: LegId, from: Option<Time>, to: Time },
    /// What we held for true is not what the PBX says.
    Drift(Difference),
}

impl Tracker {
    pub fn new(pbx: PbxName, dialplan: Dialplan, numbering: Numbering) -> Tracker {
        Tracker {
            pbx,
            dialplan,
            numbering,
            boot: None,
            calls: FxHashMap::default(),
            next: 0,
            ids: FxHashMap::default(),
            legs: FxHashMap::default(),
            bridges: FxHashMap::default(),
            staff: Staff::new(),
            due: BTreeSet::new(),
            proof_talk: PROOF_TALK,
            round: 0,
            is_listing: false,
            listed: Vec::new(),
            rootless: VecDeque::new(),
            seen_waiting: Vec::new(),
            seen_bridges: BTreeMap::new(),
            seen_halves: BTreeMap::new(),
            spies: BTreeMap::new(),
            unseen: BTreeSet::new(),
            looks: Looks::default(),
        }
    }

    /// With these wrap-up times where the PBX says none.
    pub fn with_wrap_up(mut self, wrap_up: WrapUp) -> Tracker {
        self.staff.set_wrap_up(wrap_up);
        self
    }

    /// Takes in what the PBX said at `at`. Says of legs that are unknown, but for their start, are
    /// passed by: they are old, and their calls were told.
    pub fn observe(&mut self, at: Time, event: CallEvent, out: &mut Vec<Change>) {
        match event {
            CallEvent::LegStarted(leg) => self.leg_started(*leg, at, out),
            CallEvent::LegIs { leg, state } => {
                self.spy_is(&leg, state, at, out);
                self.with(&leg, at, out, |live| {
                    if let Some(leg) = live.leg_mut(&leg) {
                        leg.state = leg.state.max(state);
                    }
                });
            }
            CallEvent::LegNamed { leg, number, name } => self.with(&leg, at, out, |live| {
                if let Some(leg) = live.leg_mut(&leg) {
                    leg.number = number;
                    leg.name = name;
                }
            }),
            CallEvent::LegRenamed { was, leg } => self.rename(&was, leg),
            CallEvent::Dialled { by, leg, to } => {
                if let Some(by) = &by {
                    self.dials_alone(by, &leg, at, out);
                    self.join(by, &leg, at, out);
                }
                self.with(&leg.clone(), at, out, |live| live.dialled(by, &leg, to, at));
            }
            CallEvent::DialEnded { by: _, leg, how } => self.with(&leg, at, out, |live| live.dial_ended(&leg, how, at)),
            CallEvent::Looped { one, two } => self.looped(&one, &two, at, out),
            CallEvent::JoinedBridge { leg, bridge, kind, instead_of, linked: _, spot } => {
                self.joined_bridge(&leg, (bridge, kind), instead_of.as_ref(), spot, at, out);
            }
            CallEvent::LeftBridge { leg, bridge, spot } => self.left_bridge(&leg, &bridge, spot, at, out),
            CallEvent::BridgesMerged { from, into } => self.bridges_merged(&from, into, at, out),
            CallEvent::Held { leg } => self.holds(&leg, true, at, out),
            CallEvent::Resumed { leg } => self.holds(&leg, false, at, out),
            CallEvent::HangupAsked { leg, by } => self.with(&leg, at, out, |live| live.hangup_asked(&leg, by, at)),
            CallEvent::LegEnded { leg, cause } => self.leg_ended(&leg, cause, at, out),
            CallEvent::LegGone { leg } => self.leg_gone(leg, at, out),

            CallEvent::CallerQueued { caller, queue } => self.queued(&caller, queue, at, out),
            CallEvent::CallerLeftQueue { caller, queue, how } => {
                if let Some(no) = self.find(&caller) {
                    self.no_longer_waits(Some(&queue), no, out);
                }
                self.with(&caller, at, out, |live| live.left_queue(&queue, how, at));
            }
            CallEvent::AgentOffered { caller, leg, queue, member } => {
                let agent = self.staff.agent_of(&member);
                self.serving(caller, leg, at, out, |live, leg| live.offered(leg, agent, queue, at));
            }
            CallEvent::AgentNotAnswering { caller, leg, queue: _, member } => {
                let agent = self.staff.agent_of(&member);
                self.serving(caller, leg, at, out, |live, leg| live.not_answering(leg, &agent, at));
            }
            CallEvent::AgentConnected { caller, leg, queue, member } => {
                let agent = self.staff.agent_of(&member);
                self.serving(caller, leg, at, out, |live, leg| live.connected(leg, agent, queue, at));
            }
            // A queue's account comes at any time and is at times wrong about who hung up; all
            // that it says was seen.
            CallEvent::AgentDone { .. } => {}

            CallEvent::BlindTransfer { by, other, to, succeeded } => {
                if let (Some(other), true) = (&other, succeeded) {
                    self.join(other, &by, at, out);
                }
                // The leg that transfers may be gone when the leg that is sent on tells of it.
                let known = other.as_ref().filter(|_| self.find(&by).is_none()).unwrap_or(&by);
                if succeeded {
                    self.with(known, at, out, |live| live.blind_transfer(&by, other.as_ref(), &to, at));
                }
            }
            CallEvent::AttendedTransfer { by, by_second, other, target, succeeded } => {
                if succeeded {
                    for leg in [&by_second, &other, &target].into_iter().flatten() {
                        self.join(&by, leg, at, out);
                    }
                    self.with(&by, at, out, |live| {
                        live.attended_transfer(&by, by_second.as_ref(), other.as_ref(), target.as_ref(), at)
                    });
                }
            }
            CallEvent::PickedUp { leg, ringing } => {
                self.join(&ringing, &leg, at, out);
                self.with(&leg, at, out, |live| live.picked_up(&leg, &ringing, at));
            }
            CallEvent::Parked { .. } => {}
            CallEvent::Unparked { leg, by } => {
                if let Some(by) = by {
                    self.join(&leg, &by, at, out);
                }
            }
            CallEvent::Surveyed { leg, stage } => self.with(&leg, at, out, |live| live.surveyed(stage, at)),

            CallEvent::MemberIs(state) => self.member_is(*state, at, out),
            CallEvent::MemberRemoved { queue, member } => {
                let agent = self.staff.member_removed(&queue, &member, at);
                self.tell_agents(agent, out);
                out.push(Change::Queues);
            }
            CallEvent::AgentIs { agent, duty, wrap_up_s } => self.agent_is(agent, duty, wrap_up_s, at, out),
            CallEvent::DeviceIs { device, state } => {
                if self.dialplan.side(&device, self.staff.is_member(&device)) == Side::Agent {
                    let agent = self.staff.device_is(&device, state, at);
                    self.tell_agents(agent, out);
                }
            }
            CallEvent::OriginateEnded { leg, succeeded } => self.originate_ended(leg, succeeded, at, out),

            CallEvent::SnapshotBegan { boot } => self.snapshot_began(boot, at, out),
            CallEvent::LegSeen(seen) if self.looks.are_under_way() => self.looks.leg(*seen),
            CallEvent::QueueSeen { queue } if self.looks.are_under_way() => self.looks.queue(queue),
            CallEvent::CallerSeen { caller, queue, .. } if self.looks.are_under_way() => {
                self.looks.caller(caller, queue);
            }
            CallEvent::BridgeSeen { .. } if self.looks.are_under_way() => {}
            CallEvent::BridgeSeen { bridge, kind } => drop(self.seen_bridges.insert(bridge, kind)),
            CallEvent::LegSeen(seen) => self.listed.push((at, *seen)),
            CallEvent::QueueSeen { queue } => {
                self.staff.queue_seen(queue);
                out.push(Change::Queues);
            }
            CallEvent::CallerSeen { caller, queue, waited_ms } => {
                let joined_at = at - chrono::TimeDelta::milliseconds(waited_ms as i64);
                match self.find(&caller) {
                    Some(_) => self.queued(&caller, queue, joined_at, out),
                    None => self.seen_waiting.push((caller, queue, joined_at)),
                }
            }
            CallEvent::SnapshotEnded => self.snapshot_ended(at, out),
            CallEvent::LookBegan => self.look_began(),
            CallEvent::LookEnded => self.look_ended(at, out),
            CallEvent::PbxStarted => self.end_all(Fate::Vanished, at, out),
            CallEvent::PbxStopping => self.end_all(Fate::PbxStopped, at, out),
        }
    }

    /// We asked the PBX to ring `agent` and then dial `to`, with `leg` as the first leg's id.
    pub fn asked(&mut self, at: Time, leg: LegId, agent: Extension, to: &Dialable, out: &mut Vec<Change>) {
        if self.legs.contains_key(&leg) {
            return;
        }
        let asked = leg.clone();
        let no = self.begin(Leg::unseen(leg.clone(), Side::Agent, false, self.round), at);
        if let Some(live) = self.calls.get_mut(&no) {
            live.call.direction = Direction::Outbound;
            live.call.agent = Some(agent);
            live.call.to = Some(to.as_str().to_owned());
            live.call.number = self.numbering.read(to.as_str());
            live.call.originated = Some(leg);
        }
        self.unseen.insert((at + CAME_UP_WITHIN, asked));
        self.after(no, at, out);
    }

    /// A talk so long proves a callback from now on; also one that goes on already.
    pub fn proves_after(&mut self, talk: TimeDelta) {
        if talk != std::mem::replace(&mut self.proof_talk, talk) {
            self.due =
                self.calls.iter().flat_map(|(no, live)| live.talks_from().map(|from| (from + talk, *no))).collect();
        }
    }

    /// When [`Tracker::wake`] is to be called.
    pub fn next_wake(&self) -> Option<Time> {
        let due = self.due.first().filter(|_| self.staff.sees()).map(|(at, _)| *at);
        let unseen = self.unseen.first().map(|(at, _)| *at);
        due.into_iter().chain(unseen).chain(self.staff.next_wake()).min()
    }

    pub fn wake(&mut self, at: Time, out: &mut Vec<Change>) {
        while self.unseen.first().is_some_and(|(due, _)| *due <= at)
            && let Some((_, leg)) = self.unseen.pop_first()
        {
            // Of a PBX that is out of sight the next snapshot tells.
            if self.staff.sees() {
                self.originate_ended(Some(leg), false, at, out);
            }
        }
        // Of a talk that nobody sees nobody knows that it goes on.
        while let Some((due, no)) = self.due.first().copied().filter(|(due, _)| *due <= at && self.staff.sees()) {
            self.due.pop_first();
            if let Some(live) = self.calls.get(&no)
                && live.has_talked_since(due - self.proof_talk)
            {
                out.push(Change::Call(live.call.id.clone()));
            }
        }
        let agents = self.staff.wake(at);
        self.tell_agents(agents, out);
    }

    /// The link is down: until the next snapshot nothing is known of the present, and of no call
    /// that is up now will all have been seen.
    pub fn lost_sight(&mut self, at: Time, out: &mut Vec<Change>) {
        for live in self.calls.values_mut() {
            live.lost_sight();
        }
        for place in self.legs.values_mut() {
            if let Place::Loose(leg) = place {
                leg.seen_whole &= matches!(leg.bridge, Some((_, BridgeKind::Resting)));
            }
        }
        self.rootless.clear();
        let agents = self.staff.lost_sight(at);
        self.tell_agents(agents, out);
        out.push(Change::Queues);
    }

    /// The PBX cannot be reached, but keeps what happens and will tell it: until then nobody knows
    /// how agents stand, while no call has become uncertain.
    pub fn hidden(&mut self, at: Time, out: &mut Vec<Change>) {
        let agents = self.staff.lost_sight(at);
        self.tell_agents(agents, out);
        out.push(Change::Queues);
    }

    /// After [`Tracker::hidden`]: nothing was missed.
    pub fn in_sight_again(&mut self, at: Time, out: &mut Vec<Change>) {
        let agents = self.staff.in_sight_again(at);
        self.tell_agents(agents, out);
        out.push(Change::Queues);
    }

    /// The PBX's run is this one: what was up in another is gone.
    pub fn runs(&mut self, boot: BootId, at: Time, out: &mut Vec<Change>) {
        if self.boot.as_ref().is_some_and(|before| *before != boot) {
            self.end_all(Fate::Vanished, at, out);
        }
        self.boot = Some(boot);
    }

    pub fn call(&self, id: &CallId) -> Option<&Call> {
        self.live(id).map(|live| &live.call)
    }

    /// The leg with whose end the call ends.
    pub fn leg_to_end(&self, id: &CallId) -> Option<&LegId> {
        self.live(id)?.leg_to_end()
    }

    /// Which agent talks in the call now, and at which leg; the last who joined, where several do.
    pub fn talker(&self, id: &CallId) -> Option<(Extension, &LegId)> {
        self.live(id)?.talker()
    }

    fn live(&self, id: &CallId) -> Option<&Live> {
        self.ids.get(id).and_then(|no| self.calls.get(no)).map(|live| &**live)
    }

    /// The call that a leg is part of.
    pub fn call_of(&self, leg: &LegId) -> Option<&CallId> {
        self.find(leg).and_then(|no| self.calls.get(&no)).map(|live| &live.call.id)
    }

    /// All calls that are up, in the order in which they began.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        let told = self.in_order().into_iter().filter_map(|no| self.calls.get(&no)).filter(|live| live.told);
        told.map(|live| &live.call)
    }

    /// Each queue that the PBX told of, by name.
    pub fn queues_now(&self, _at: Time) -> Vec<QueueNow> {
        self.staff.queues_now(&self.pbx)
    }

    /// Each agent that the PBX told of, by name.
    pub fn agents_now(&self, _at: Time) -> Vec<AgentNow> {
        self.staff.agents_now(&self.pbx)
    }

    pub fn agent_now(&self, agent: &Extension, _at: Time) -> Option<AgentNow> {
        self.staff.agent_now(&self.pbx, agent)
    }
}

/// Events that concern more than one call's inside.
impl Tracker {
    fn leg_started(&mut self, told: event::Leg, at: Time, out: &mut Vec<Change>) {
        let id = told.id.clone();
        let root = told.linked.clone().filter(|root| root != &id);
        if self.is_of_spy(&id, root.as_ref()) {
            return self.spy_seen(&id, told.device.as_str(), told.state, at, out);
        }
        match self.legs.get(&id) {
            // Asked for by us, or told again after a snapshot.
            Some(Place::In(no)) => {
                let no = *no;
                self.fill(no, told);
                self.after(no, at, out);
            }
            Some(Place::Loose(_) | Place::Spying { .. }) => {}
            None => {
                let no = self.place(told, root, at);
                self.after(no, at, out);
                self.rooted(&id, at, out);
            }
        }
    }

    /// What goes in at one half comes out at the other.
    fn looped(&mut self, one: &LegId, two: &LegId, at: Time, out: &mut Vec<Change>) {
        self.join(one, two, at, out);
        self.with(one, at, out, |live| {
            for (half, other) in [(one, two), (two, one)] {
                if let Some(leg) = live.leg_mut(half) {
                    leg.other_half = Some(other.clone());
                }
            }
        });
    }

    fn holds(&mut self, id: &LegId, holds: bool, at: Time, out: &mut Vec<Change>) {
        self.with(id, at, out, |live| {
            if let Some(leg) = live.leg_mut(id) {
                leg.holds = holds;
            }
        });
    }

    fn leg_ended(&mut self, id: &LegId, cause: u16, at: Time, out: &mut Vec<Change>) {
        match self.legs.get(id) {
            Some(Place::Loose(_)) => {
                self.legs.remove(id);
            }
            Some(Place::Spying { .. }) => self.spy_ended(id, at, out),
            Some(Place::In(no)) => {
                let no = *no;
                let Some(live) = self.calls.get_mut(&no) else { return };
                live.inherit(id);
                let bridge = live.leg_mut(id).and_then(|leg| leg.bridge.take());
                live.leg_ended(id, cause, at);
                if let Some((bridge, _)) = bridge {
                    self.forget_bridge(&bridge, no);
                }
                self.after(no, at, out);
            }
            None => {}
        }
    }

    fn queued(&mut self, caller: &LegId, queue: QueueName, at: Time, out: &mut Vec<Change>) {
        let Some(no) = self.adopt(caller, at) else { return };
        if let Some(live) = self.calls.get_mut(&no) {
            live.settle(&self.numbering, at);
            let since = live.call.waits.iter().rev().find(|wait| wait.left_at.is_none() && wait.queue == queue);
            let since = since.map_or(at, |wait| wait.joined_at);
            live.queued(queue.clone(), at);
            let waiting = Waiting { call: live.call.id.clone(), caller: live.call.caller.clone(), since };
            self.staff.waits(&queue, waiting);
            out.push(Change::Queues);
        }
        self.after(no, at, out);
    }

    /// What a queue says of a caller and a member's leg; either may be missing.
    fn serving(
        &mut self,
        caller: Option<LegId>,
        leg: Option<LegId>,
        at: Time,
        out: &mut Vec<Change>,
        say: impl FnOnce(&mut Live, Option<&LegId>),
    ) {
        if let (Some(caller), Some(leg)) = (&caller, &leg) {
            self.join(caller, leg, at, out);
        }
        let Some(known) = caller.as_ref().filter(|id| self.find(id).is_some()).or(leg.as_ref()) else { return };
        self.with(known, at, out, |live| say(live, leg.as_ref()));
    }

    fn originate_ended(&mut self, leg: Option<LegId>, succeeded: bool, at: Time, out: &mut Vec<Change>) {
        let Some(leg) = leg.filter(|_| !succeeded) else { return };
        if self.spy_is_unseen(&leg) {
            return self.spy_ended(&leg, at, out);
        }
        let Some(no) = self.find(&leg) else { return };
        // A leg that never came up has no end of its own.
        let unseen = self.calls.get_mut(&no).and_then(|live| live.leg_mut(&leg)).is_some_and(|leg| leg.is_unseen());
        if unseen {
            self.leg_ended(&leg, 0, at, out);
        }
    }
}

/// What changed is told.
impl Tracker {
    fn with(&mut self, leg: &LegId, at: Time, out: &mut Vec<Change>, say: impl FnOnce(&mut Live)) {
        let Some(no) = self.find(leg) else { return };
        if let Some(live) = self.calls.get_mut(&no) {
            say(live);
        }
        self.after(no, at, out);
    }

    /// Brings a call in line with its legs and tells what is different.
    fn after(&mut self, no: CallNo, at: Time, out: &mut Vec<Change>) {
        let Some(live) = self.calls.get_mut(&no) else { return };
        live.settle(&self.numbering, at).into_iter().for_each(|id| drop(self.legs.remove(&id)));
        if live.is_over() && !self.is_listing {
            return self.end(no, Fate::Seen, at, out);
        }
        if let Some(from) = live.talk_from.take() {
            self.due.insert((from + self.proof_talk, no));
        }
        if !live.changed || !live.is_real() {
            return;
        }
        live.changed = false;
        live.told = true;
        out.push(Change::Call(live.call.id.clone()));
        if !live.doings().eq(live.doing.iter().map(|(agent, doing)| (agent, doing.clone()))) {
            let doings = live.doings().map(|(agent, doing)| (agent.clone(), doing)).collect();
            let before = std::mem::replace(&mut live.doing, doings);
            let agents = self.staff.does(&live.call.id, &before, &live.doing, at);
            self.tell_agents(agents, out);
        }
    }

    fn end(&mut self, no: CallNo, fate: Fate, at: Time, out: &mut Vec<Change>) {
        let Some(live) = self.calls.remove(&no) else { return };
        self.ids.remove(&live.call.id);
        self.no_longer_waits_anywhere(&live, out);
        let agents = self.staff.does(&live.call.id, &live.doing, &[], at);
        self.tell_agents(agents, out);
        let is_real = live.is_real();
        let (call, legs) = live.finish(at, fate);
        for leg in legs {
            if let Some((bridge, _)) = &leg.bridge
                && self.bridges.get(bridge) == Some(&no)
            {
                self.bridges.remove(bridge);
            }
            if leg.ended {
                // Not one that is free again, and was its root.
                if self.find(&leg.id) == Some(no) {
                    self.legs.remove(&leg.id);
                }
            } else {
                let leg = Leg { seen_whole: leg.seen_whole && call.certain, ..leg.loose() };
                self.legs.insert(leg.id.clone(), Place::Loose(Box::new(leg)));
            }
        }
        if is_real {
            out.push(Change::Ended(Box::new(call)));
        }
    }

    fn no_longer_waits(&mut self, queue: Option<&QueueName>, no: CallNo, out: &mut Vec<Change>) {
        if let Some(live) = self.calls.get(&no)
            && self.staff.waits_no_more(queue, &live.call.id)
        {
            out.push(Change::Queues);
        }
    }

    fn no_longer_waits_anywhere(&mut self, live: &Live, out: &mut Vec<Change>) {
        for wait in live.call.waits.iter().filter(|wait| wait.left_at.is_none()) {
            if self.staff.waits_no_more(Some(&wait.queue), &live.call.id) {
                out.push(Change::Queues);
            }
        }
    }

    fn tell_moved(&self, moved: Moved, out: &mut Vec<Change>) {
        self.tell_agents(moved.agent, out);
        if moved.queue {
            out.push(Change::Queues);
        }
    }

    fn tell_agents(&self, agents: impl IntoIterator<Item = Extension>, out: &mut Vec<Change>) {
        out.extend(agents.into_iter().map(Change::Agent));
    }
}

#[cfg(test)]
pub(super) mod tests;
