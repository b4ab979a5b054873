//! The world that a daemon lives in, in virtual time: what happens next happens, until nothing is
//! planned any more or something is found to be wrong.
//!
//! True time goes on evenly; the clock on the wall, which all else goes by, may be set.

mod daemon;
mod link;

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::diary::{Deed, Diary, LOTS, Rules, rules};
use super::hours::{DAY, HOUR, Ms, Zone, new_year_2026};
use super::machine::{Machine, Site, time};
use super::pbx::{Move, PBXS, Pbx};
use crate::MessageId;
use crate::desk::deadline::mutant::SUMS_PAUSES;

/// What was found to be wrong.
pub type Verdict = Result<(), String>;

/// A part of the daemon that is broken on purpose, to show that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// What a turn tells is told before its commit.
    TellsFirst,
    /// Nothing keeps a rung from firing twice: after a start the ladder is begun anew, and the rows
    /// have no unique keys.
    NoKeys,
    /// Pauses are summed up, whatever hours they lie in.
    SummedPauses,
}

#[derive(Clone, Debug)]
pub enum Happening {
    Calls,
    Moves(u64, Move),
    Acts,
    Answers,
    Fails,
    /// In the midst of a talk.
    IsCut(usize),
    IsDoomed {
        turns: u32,
    },
    Starts,
    /// To that PBX.
    Connects(usize),
    Wakes {
        is_cut_off: bool,
    },
    Steps(Ms),
    Delivers,
    Rests,
}

/// More turns at one moment than all that may be owed needs.
const TURNS_ON_END: u32 = 20;

pub struct World {
    pub chance: StdRng,
    pub at: Ms,
    offset: Ms,
    plan: BTreeMap<(Ms, u64), Happening>,
    planned: u64,
    pub pbx: Pbx,
    pub machine: Machine,
    pub diary: Diary,
    pub sabotage: Sabotage,
    /// To each PBX.
    pub links_up: [bool; 2],
    pub sleeps: bool,
    /// What came while the machine slept.
    unread: Vec<(u64, Move, Vec<protocol::CallEvent>)>,
    /// What the clock showed when the daemon looked at it last.
    looked: Ms,
    /// The alarm does not look at the clock before.
    dozes_until: Ms,
    /// What the dead daemon may have written after its last inputs.
    torn: Option<Diary>,
    /// Tickets of which it told, in the end.
    told: Vec<i64>,
    /// After a snapshot: what is up.
    stands: [Option<BTreeSet<u64>>; 2],
    names: BTreeMap<String, u64>,
    /// Which line and which phone is in a call.
    pub engaged: BTreeMap<u64, (usize, Option<usize>)>,
    pub customer_ids: Vec<i64>,
    pub shift_ids: Vec<i64>,
    pub regrouping_ids: Vec<i64>,
    pub ticket_ids: Vec<i64>,
    pub owed_ids: Vec<i64>,
    /// Of each message: how often it was sent, and what it said.
    pub sent: BTreeMap<i64, (u32, Vec<String>)>,
    last_sent: MessageId,
    pub log: Option<Vec<String>>,
    pub crashes: u32,
    pub turns: u32,
    /// So many turns from now the daemon dies.
    doomed_in: Option<u32>,
    strict: bool,
    /// When what is owed was last dialled for.
    pub dialled: BTreeMap<usize, Ms>,
}

impl World {
    /// `is_strict`: the diary is compared after every turn, and not only at the end.
    pub fn new(seed: u64, sabotage: Sabotage, logs: bool, is_strict: bool) -> World {
        SUMS_PAUSES.set(sabotage == Sabotage::SummedPauses);
        let mut chance = StdRng::seed_from_u64(seed);
        let zone = Zone::ALL[chance.random_range(0..Zone::ALL.len())];
        let any = new_year_2026() + chance.random_range(0..320);
        // Often the clocks are changed within the history.
        let before = chance.random_range(2..28);
        let change = zone.changes().map(|days| days[chance.random_range(0..2)] - before);
        let day = change.filter(|_| chance.random_bool(0.6)).unwrap_or(any);
        let at = day * DAY + chance.random_range(0..DAY);
        World {
            at,
            offset: 0,
            plan: BTreeMap::new(),
            planned: 0,
            pbx: Pbx::default(),
            machine: Machine::new(zone),
            diary: Diary::new(rules(zone, |_| 0)),
            sabotage,
            links_up: [false; 2],
            sleeps: false,
            unread: Vec::new(),
            looked: 0,
            dozes_until: 0,
            torn: None,
            told: Vec::new(),
            stands: [None, None],
            names: BTreeMap::new(),
            engaged: BTreeMap::new(),
            customer_ids: Site::get().customers.map(|customer| customer.0).to_vec(),
            shift_ids: Vec::new(),
            regrouping_ids: Vec::new(),
            ticket_ids: Vec::new(),
            owed_ids: Vec::new(),
            sent: BTreeMap::new(),
            last_sent: MessageId(0),
            log: logs.then(Vec::new),
            crashes: 0,
            turns: 0,
            doomed_in: None,
            strict: is_strict,
            dialled: BTreeMap::new(),
            chance,
        }
    }

    /// So many days, and a verdict.
    pub fn lives(&mut self, days: i64) -> Verdict {
        let end = self.at + days * DAY;
        self.starts()?;
        let first = self.terms();
        self.gives(super::diary::MANAGER, Deed::Terms(first))?;
        for first in [Happening::Calls, Happening::Acts, Happening::Fails, Happening::Rests] {
            self.plans(self.at + HOUR, first);
        }
        while let Some(happening) = self.next(end) {
            self.happens(happening)?;
        }
        self.ends()
    }

    /// Nothing is planned any more; the daemon runs, and sees the PBX.
    pub fn calms_down(&mut self) -> Verdict {
        self.plan.clear();
        self.doomed_in = None;
        if self.sleeps {
            self.wakes(false)?;
        }
        if self.machine.running().is_none() {
            self.starts()?;
        }
        self.plan.clear();
        self.later(0, Happening::Delivers);
        (0..PBXS.len()).try_for_each(|pbx| self.connects(pbx))
    }

    /// By chance.
    pub fn terms(&mut self) -> Rules {
        let lots: [i64; LOTS] = std::array::from_fn(|_| self.chance.random_range(0..i64::MAX));
        let nth = std::cell::Cell::new(0);
        rules(self.diary.rules.zone, |sides| lots[nth.replace(nth.get() + 1)] % sides)
    }

    /// So long the daemon is alone.
    pub fn rests(&mut self, long: Ms) -> Verdict {
        let end = self.at + long;
        while let Some(happening) = self.next(end) {
            self.happens(happening)?;
        }
        self.at = end;
        self.takes(None)
    }

    /// The clock on the wall.
    pub fn wall(&self) -> Ms {
        self.at + self.offset
    }

    pub fn plans(&mut self, at: Ms, what: Happening) {
        self.planned += 1;
        self.plan.insert((at, self.planned), what);
    }

    pub fn later(&mut self, after: Ms, what: Happening) {
        self.plans(self.at + after, what);
    }

    /// What happened, and what is kept of it in the end.
    pub fn history(&mut self) -> String {
        let mut lines = self.log.clone().unwrap_or_default();
        if self.machine.running().is_some() {
            for table in
                ["facts", "tickets", "obligations", "rungs", "outbox", "messages", "attempts", "outages", "calls"]
            {
                lines.extend(self.machine.sql(&format!("SELECT * FROM {table} ORDER BY 1, 2")));
            }
        }
        lines.join("\n")
    }

    pub fn notes(&mut self, line: impl FnOnce() -> String) {
        let wall = self.wall();
        if let Some(log) = &mut self.log {
            log.push(format!("{} {}", time(wall).format("%F %T%.3f"), line()));
        }
    }

    /// Lets time pass until something is planned; what the daemon is to do by itself before, it does.
    fn next(&mut self, end: Ms) -> Option<Result<Happening, ()>> {
        let planned = self.plan.first_key_value().map(|((at, _), _)| *at);
        let (wall, dozes_until, at) = (self.wall(), self.dozes_until, self.at);
        let when = |due: Ms| at + (due - wall).max(0);
        let alarm = match self.machine.running().filter(|_| !self.sleeps) {
            Some(daemon) => {
                let engine = daemon.engine.due.map(|due| when(due.timestamp_millis()).max(dozes_until));
                let wakes = daemon.trackers.iter().filter_map(|tracker| tracker.next_wake());
                let wakes = wakes.map(|due| when(due.timestamp_millis()));
                engine.into_iter().chain(wakes).min()
            }
            None => None,
        };
        let next = planned.into_iter().chain(alarm).min().filter(|next| *next < end)?;
        self.at = next.max(self.at);
        if alarm == Some(next) && planned != Some(next) {
            return Some(Err(()));
        }
        self.plan.pop_first().map(|(_, what)| Ok(what))
    }

    fn happens(&mut self, happening: Result<Happening, ()>) -> Verdict {
        let Ok(happening) = happening else { return self.takes(None) };
        match happening {
            Happening::Calls => self.somebody_calls(),
            Happening::Acts => return self.somebody_acts(),
            Happening::Answers => return self.somebody_answers(),
            Happening::Fails => return self.something_fails(),
            Happening::IsCut(pbx) if self.links_up[pbx] && !self.sleeps => return self.cuts(pbx),
            Happening::IsCut(_) => {}
            Happening::IsDoomed { turns } => self.doomed_in = Some(turns),
            Happening::Moves(no, what) => return self.moves(no, what),
            Happening::Starts => return self.starts(),
            Happening::Connects(pbx) => return self.connects(pbx),
            Happening::Wakes { is_cut_off } => return self.wakes(is_cut_off),
            Happening::Steps(by) => {
                self.notes(|| format!("the clock is set by {by} ms"));
                self.offset += by;
                // A sleep is not trusted for longer than a second.
                self.dozes_until = self.at + self.chance.random_range(0..1000);
            }
            Happening::Delivers => return self.delivers(),
            Happening::Rests => {
                self.later(DAY, Happening::Rests);
                if self.machine.running().is_some() && !self.sleeps {
                    self.machine.checkpoint();
                    if self.chance.random_bool(0.3) {
                        self.takes(None)?;
                        return self.compares();
                    }
                }
            }
        }
        Ok(())
    }
}
