//! The board mirrors what the PBXes say right now, and tells it.
//!
//! One task owns the trackers and the [`Hub`]. It observes what links read, tells listeners at
//! once, and hands changed calls on to the engine. It never waits for the disk: what the engine
//! has not yet taken stays here, one state a call, so that a stalled disk costs memory by the
//! call and not by the event, and pops and boards go on.

mod clock;
mod errands;
pub(crate) mod handing;
mod looks;
mod native;
mod pops;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use protocol::{CallEvent, Request};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::calls::look::Silence;
use crate::calls::now::AgentNow;
use crate::calls::tracker::{Change, Tracker};
use crate::desk::asking::Ask;
use crate::desk::policy::Policy;
use crate::engine::{Errand, Inbox, Input};
use crate::ledger::{Entry, Hindrance};
use crate::link::{FromLink, Link, Refused};
use crate::live::{BoardNow, Hub, LinkNow, LinkState, NotDone, Notice, SeenEvent, Subscribe, Topic, WhyNot};
use crate::wall::Wall;
use crate::{Extension, PbxName, Time};
use clock::Clock;
use errands::{Errands, request};
use handing::Handing;
use looks::Looks;
use pops::Pops;

/// The live board is sent whole, so it is sent at most this often; a change waits no longer.
const BOARD_EVERY: Duration = Duration::from_millis(250);

/// Differences of one look that the ledger names one by one; where everything is amiss, more
/// would say no more.
const DRIFTS: usize = 20;

/// Listeners that left without a word, and a clock that was set, are looked for this often.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Events taken from links before others get a turn: enough to amortise the turn, few enough
/// that a subscription waits for well under a millisecond.
const EVENTS_A_TURN: usize = 256;

/// What the board is connected to.
pub struct Wires {
    pub links: mpsc::Receiver<FromLink>,
    pub asked: mpsc::Receiver<Subscribe>,
    /// What the engine tells after its commits.
    pub told: mpsc::Receiver<(Topic, Notice)>,
    /// What somebody asked of a PBX, on record by now.
    pub errands: mpsc::Receiver<Errand>,
    pub engine: Inbox,
    /// The terms in force, as committed.
    pub policy: watch::Receiver<Arc<Policy>>,
}

/// One PBX on the board.
pub struct Seat {
    pub tracker: Tracker,
    pub link: Link,
    pub now: LinkNow,
    /// Why its events may not have told something.
    pub silence: Silence,
    pub look_every: Duration,
}

pub struct Board {
    seats: BTreeMap<PbxName, Seat>,
    hub: Hub,
    pops: Pops,
    handing: Handing,
    errands: Errands,
    /// Extensions whose being there is on record, or on its way there.
    extensions: BTreeSet<(PbxName, Extension)>,
    /// Whether the board changed since it was last told.
    stale: bool,
    /// What the engine last told of its disk.
    store_failing: bool,
    looks: Looks,
    wall: Wall,
    /// Whether it was set.
    clock: Clock,
    changes: Vec<Change>,
}

impl Board {
    pub fn new(seats: BTreeMap<PbxName, Seat>, wall: Wall) -> Board {
        Board {
            looks: Looks::at(seats.iter().map(|(pbx, seat)| (pbx.clone(), seat.look_every))),
            clock: Clock::new(wall.now(), std::time::Instant::now()),
            wall,
            seats,
            hub: Hub::default(),
            pops: Pops::default(),
            handing: Handing::default(),
            errands: Errands::default(),
            extensions: BTreeSet::new(),
            stale: false,
            store_failing: false,
            changes: Vec::new(),
        }
    }

    /// Runs until the links end, then hands on what is left.
    pub async fn run(mut self, mut wires: Wires) {
        let mut tell_board = Instant::now();
        let mut sweep = Instant::now() + SWEEP_EVERY;
        wires.policy.mark_changed();
        loop {
            let wake = self.next_wake();
            let look = self.looks.next();
            tokio::select! {
                from_link = wires.links.recv() => {
                    let Some(from_link) = from_link else { break };
                    self.hear(from_link);
                    for _ in 1..EVENTS_A_TURN {
                        let Ok(more) = wires.links.try_recv() else { break };
                        self.hear(more);
                    }
                }
                Some(subscribe) = wires.asked.recv() => self.admit(subscribe),
                Some((topic, notice)) = wires.told.recv() => self.tell(&topic, notice),
                Ok(()) = wires.policy.changed() => {
                    let policy = wires.policy.borrow_and_update().clone();
                    self.goes_by(&policy);
                }
                Some(errand) = wires.errands.recv() => self.run_errand(errand),
                Ok(slot) = wires.engine.reserve(), if !self.handing.is_empty() => {
                    if let Some(input) = self.hand_on(self.wall.now()) {
                        slot.send(input);
                    }
                }
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.wake(self.wall.now()),
                () = sleep_until(tell_board), if self.stale => {
                    self.tell_board(self.wall.now());
                    tell_board = Instant::now() + BOARD_EVERY;
                }
                () = sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => self.look(),
                () = sleep_until(sweep) => {
                    self.hub.sweep();
                    self.read_clock();
                    sweep = Instant::now() + SWEEP_EVERY;
                }
            }
        }
        // The engine must not wait for somebody who waits for it.
        drop((wires.told, wires.errands));
        self.hand_on_the_rest(&wires.engine).await;
    }

    /// What the engine tells, after its commit.
    pub(crate) fn tell(&mut self, topic: &Topic, notice: Notice) {
        if let Notice::Store { failing } = notice {
            self.store_failing = failing;
        }
        self.hub.tell(topic, notice);
    }

    /// The terms in force say what a talk must last.
    pub(crate) fn goes_by(&mut self, policy: &Policy) {
        let talk = TimeDelta::milliseconds(policy.terms.callback.talk_ms);
        self.seats.values_mut().for_each(|seat| seat.tracker.proves_after(talk));
    }

    pub(crate) fn hear(&mut self, from_link: FromLink) {
        match from_link {
            FromLink::Event { pbx, at, event } => self.observe(&pbx, at, event),
            FromLink::State(now) => self.link_is(now),
            FromLink::Outage { pbx, from, to, why } => {
                if to.is_none()
                    && let Some(seat) = self.seats.get_mut(&pbx)
                {
                    seat.tracker.lost_sight(from, &mut self.changes);
                    self.follow(&pbx, from);
                    self.stale = true;
                }
                self.handing.add(Input::Outage { pbx, from, to, why });
            }
            FromLink::Hindered(entry) => self.handing.add(Input::Ledger(entry)),
            FromLink::Native { pbx, said } => self.hear_native(&pbx, said),
            FromLink::Answered { pbx, request, answer } => {
                let errand = self.errands.answered(&pbx, &request);
                if let Err(refused) = answer {
                    self.refused(&pbx, request, &refused, errand);
                }
            }
        }
    }

    fn observe(&mut self, pbx: &PbxName, at: Time, event: CallEvent) {
        let Some(seat) = self.seats.get_mut(pbx) else { return };
        seat.now.events_total += 1;
        let is_news = !seat.tracker.compares(&event);
        let seen = (is_news && self.hub.has(&Topic::Events)).then(|| SeenEvent {
            at,
            pbx: pbx.clone(),
            name: event.name(),
            call: None,
            detail: event.detail(),
        });
        let leg = seen.as_ref().and_then(|_| event.leg().cloned());
        let whole = event == CallEvent::SnapshotEnded;
        let looked = event == CallEvent::LookEnded;
        if event == CallEvent::PbxStarted {
            let detail = "The PBX runs anew; calls that were up before are over.".to_owned();
            self.handing.add(Input::Ledger(Entry { pbx: Some(pbx.clone()), at, what: Hindrance::Restart, detail }));
        }
        seat.tracker.observe(at, event, &mut self.changes);
        if let Some(mut seen) = seen {
            seen.call = leg.and_then(|leg| seat.tracker.call_of(&leg).cloned());
            self.hub.tell(&Topic::Events, Notice::Event(Arc::new(seen)));
        }
        self.follow(pbx, at);
        if looked && self.seats.get(pbx).is_some_and(|seat| seat.tracker.has_doubts()) {
            self.looks.again(pbx, Instant::now());
        }
        if whole {
            self.stands(pbx, at);
        }
    }

    /// Looks at the PBXes whose turn it is. One that is out of sight, or being asked for all that
    /// is up, is passed by: the snapshot does the same and more.
    fn look(&mut self) {
        for pbx in self.looks.due(Instant::now()) {
            let Some(seat) = self.seats.get(&pbx).filter(|seat| seat.now.state == LinkState::Up) else { continue };
            if let Err(why) = seat.link.ask(Request::Look) {
                debug!(%pbx, ?why, "was not looked at");
            }
        }
    }

    fn read_clock(&mut self) {
        let at = self.wall.now();
        if let Some(step) = self.clock.step(at, std::time::Instant::now()) {
            let seconds = step.num_milliseconds() as f64 / 1000.0;
            let detail = format!(
                "Our clock moved by {seconds:+.1} s otherwise than time did: it was set, or the machine slept."
            );
            self.handing.add(Input::Ledger(Entry { pbx: None, at, what: Hindrance::ClockStep, detail }));
        }
    }

    /// After a snapshot: what is up, and that nothing else is.
    fn stands(&mut self, pbx: &PbxName, at: Time) {
        let Some(seat) = self.seats.get(pbx) else { return };
        let up = seat.tracker.calls().map(|call| call.id.clone()).collect();
        self.stale = true;
        self.handing.add(Input::Standing { pbx: pbx.clone(), at, up });
    }

    fn link_is(&mut self, now: LinkNow) {
        let Some(seat) = self.seats.get_mut(&now.pbx) else { return };
        let now = LinkNow { events_total: seat.now.events_total, ..now };
        let before = std::mem::replace(&mut seat.now, now);
        let LinkNow { product, state, last_error, .. } = &seat.now;
        let is_news = (product, state, last_error) != (&before.product, &before.state, &before.last_error);
        // Counters are for whoever looks at the traffic; every page would be woken for nothing.
        let topic = if is_news { Topic::House } else { Topic::Events };
        self.hub.tell(&topic, Notice::Link(Arc::new(seat.now.clone())));
        self.stale = true;
    }

    /// Tells and hands on whatever the last step of `pbx`'s tracker changed.
    fn follow(&mut self, pbx: &PbxName, at: Time) {
        let Some(seat) = self.seats.get(pbx) else { return };
        let (mut drifts, mut is_asked) = (0, false);
        for change in self.changes.drain(..) {
            match change {
                Change::Call(id) => {
                    if let Some(call) = seat.tracker.call(&id) {
                        self.pops.show(call, &mut self.hub);
                        self.handing.changed(id);
                    }
                }
                Change::Ended(call) => {
                    self.pops.show(&call, &mut self.hub);
                    self.pops.forget(pbx, &call.id);
                    self.handing.ended(Arc::new(*call));
                    self.stale = true;
                }
                Change::Merged { from, into } => {
                    self.pops.withdraw(pbx, &from, &mut self.hub);
                    self.handing.merged(from, into);
                }
                Change::Queues => self.stale = true,
                Change::Drift(difference) => {
                    let told = difference.told(seat.silence);
                    warn!(%pbx, "{told}");
                    if difference.is_mended_by_asking() && !std::mem::replace(&mut is_asked, true) {
                        // Refused when all that is up is being asked for in any case.
                        let _ = seat.link.ask(Request::Snapshot);
                    }
                    drifts += 1;
                    let detail = match drifts {
                        ..=DRIFTS => told,
                        _ if drifts == DRIFTS + 1 => "There are more differences than are listed here.".to_owned(),
                        _ => continue,
                    };
                    let entry = Entry { pbx: Some(pbx.clone()), at, what: Hindrance::Drift, detail };
                    self.handing.add(Input::Ledger(entry));
                }
                Change::Listening { leg, since } => {
                    self.handing.add(Input::Listened { leg, from: Some(since), to: None });
                }
                Change::Listened { leg, from, to } => {
                    let errand = self.errands.over(&leg);
                    if let (None, Some(errand)) = (from, errand) {
                        not_done(&mut self.hub, errand, WhyNot::NotPickedUp);
                    }
                    self.handing.add(Input::Listened { leg, from, to: Some(to) });
                }
                Change::Agent(agent) => {
                    self.stale = true;
                    if self.extensions.insert((pbx.clone(), agent.clone())) {
                        let seen = vec![(agent.clone(), String::new())];
                        self.handing.add(Input::Extensions { pbx: pbx.clone(), at, seen });
                    }
                    let topic = Topic::Extension(pbx.clone(), agent.clone());
                    if self.hub.has(&topic)
                        && let Some(now) = seat.tracker.agent_now(&agent, at)
                    {
                        self.hub.tell(&topic, Notice::Phone(Arc::new(now)));
                    }
                }
            }
        }
    }

    /// Takes a listener on: what stands now for its topics comes first.
    pub(crate) fn admit(&mut self, Subscribe { topics, reply }: Subscribe) {
        let mut standing = VecDeque::new();
        for topic in &topics {
            match topic {
                Topic::Extension(pbx, agent) => {
                    let Some(seat) = self.seats.get(pbx) else { continue };
                    standing
                        .extend(seat.tracker.agent_now(agent, self.wall.now()).map(|now| Notice::Phone(Arc::new(now))));
                    standing.extend(self.pops.standing(pbx, agent, &seat.tracker).map(Notice::Pop));
                }
                Topic::Board => standing.push_back(Notice::Board(Arc::new(self.board_now(self.wall.now())))),
                Topic::House => {
                    standing.extend(self.seats.values().map(|seat| Notice::Link(Arc::new(seat.now.clone()))));
                    standing.push_back(Notice::Store { failing: self.store_failing });
                }
                Topic::Person(_) | Topic::Unowned | Topic::Approvals | Topic::Events => {}
            }
        }
        // A listener that is gone again needs no seat.
        let _ = reply.send(self.hub.join(topics, standing));
    }

    fn tell_board(&mut self, at: Time) {
        self.stale = false;
        if self.hub.has(&Topic::Board) {
            let now = self.board_now(at);
            self.hub.tell(&Topic::Board, Notice::Board(Arc::new(now)));
        }
    }

    fn board_now(&self, at: Time) -> BoardNow {
        let trackers = || self.seats.iter().map(|(pbx, seat)| (pbx, &seat.tracker));
        let blind = self.seats.iter().filter(|(_, seat)| seat.now.state != LinkState::Up);
        BoardNow {
            at: Some(at),
            out_of_sight: blind.map(|(pbx, _)| pbx.clone()).collect(),
            queues: trackers().flat_map(|(_, tracker)| tracker.queues_now(at)).collect(),
            agents: trackers().flat_map(|(_, tracker)| -> Vec<AgentNow> { tracker.agents_now(at) }).collect(),
            calls_up: trackers().map(|(pbx, tracker)| (pbx.clone(), tracker.calls().count() as u32)).collect(),
        }
    }

    /// Sends to its PBX what is on record; once, whatever comes of it.
    pub(crate) fn run_errand(&mut self, errand: Errand) {
        let Some(seat) = self.seats.get_mut(&errand.pbx) else {
            return not_done(&mut self.hub, errand, WhyNot::LinkDown);
        };
        let now = self.wall.now();
        let pbx = errand.pbx.clone();
        let asked = request(&seat.tracker, &errand.ask, now).map_err(WhyNot::Refused);
        let request = match asked.and_then(|request| self.errands.room().map(|()| request)) {
            Ok(request) => request,
            Err(why) => return not_done(&mut self.hub, errand, why),
        };
        match &errand.ask {
            Ask::Dial { agent, to, leg } => {
                seat.tracker.asked(now, leg.clone(), agent.clone(), to, &mut self.changes);
            }
            Ask::Spy { spy, leg, .. } => {
                seat.tracker.asked_to_spy(now, leg.clone(), spy.clone(), &mut self.changes);
            }
            Ask::HangUp { .. } | Ask::Pause { .. } => {}
        }
        let answer = seat.link.ask(request.clone());
        self.errands.sent(request.clone(), errand);
        self.follow(&pbx, now);
        if let Err(refused) = answer {
            let errand = self.errands.answered(&pbx, &request);
            self.refused(&pbx, request, &refused, errand);
        }
    }

    /// Who asked is told; and a leg that could not be is over, for whoever looks at it and for the
    /// record.
    fn refused(&mut self, pbx: &PbxName, request: Request, why: &Refused, errand: Option<Errand>) {
        if request == Request::Look {
            return debug!(%pbx, ?why, "was not looked at");
        }
        warn!(%pbx, ?why, "the PBX was asked and did not do it");
        let Some(seat) = self.seats.get_mut(pbx) else { return };
        match (request, why) {
            // It may ring yet: only the PBX's events can tell.
            (Request::Originate { .. } | Request::Spy { .. }, Refused::Unknown) => {}
            (Request::Originate { leg, .. } | Request::Spy { leg, .. }, _) => {
                // Told once, by the refusal.
                self.errands.over(&leg);
                let event = CallEvent::OriginateEnded { leg: Some(leg), succeeded: false };
                seat.tracker.observe(self.wall.now(), event, &mut self.changes);
                self.follow(pbx, self.wall.now());
            }
            (Request::Hangup { .. } | Request::Pause { .. } | Request::Snapshot | Request::Look, _) => {}
        }
        if let Some(errand) = errand {
            not_done(&mut self.hub, errand, why.into());
        }
    }

    /// When a tracker wants to be woken.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        self.seats.values().filter_map(|seat| seat.tracker.next_wake()).min()
    }

    /// The same, on the runtime's clock.
    fn next_wake(&self) -> Option<Instant> {
        Some(Instant::now() + (self.wakes_at()? - self.wall.now()).to_std().unwrap_or(Duration::ZERO))
    }

    pub(crate) fn wake(&mut self, now: Time) {
        let due: Vec<PbxName> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.tracker.next_wake().is_some_and(|at| at <= now))
            .map(|(pbx, _)| pbx.clone())
            .collect();
        for pbx in due {
            if let Some(seat) = self.seats.get_mut(&pbx) {
                seat.tracker.wake(now, &mut self.changes);
            }
            self.follow(&pbx, now);
        }
    }

    /// What the engine is to take next, if anything.
    pub(crate) fn hand_on(&mut self, at: Time) -> Option<Input> {
        self.handing.next(|id| self.seats.values().find_map(|seat| seat.tracker.call(id)), at)
    }

    /// What is followed of a PBX.
    #[cfg(test)]
    pub(crate) fn tracker(&self, pbx: &PbxName) -> &Tracker {
        &self.seats[pbx].tracker
    }

    /// The links are gone: the engine gets what it has not had. Waits for it, for the daemon is
    /// stopping and there is nothing else to do.
    async fn hand_on_the_rest(mut self, engine: &Inbox) {
        while let Some(input) = self.hand_on(self.wall.now()) {
            if engine.send(input).await.is_err() {
                warn!("the engine ended before it had taken all calls");
                return;
            }
        }
    }
}

fn not_done(hub: &mut Hub, errand: Errand, why: WhyNot) {
    let topic = Topic::Person(errand.by);
    hub.tell(&topic, Notice::NotDone(Arc::new(NotDone { ask: errand.ask, why })));
}
