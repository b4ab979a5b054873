//! What is known of a FreeSWITCH: what its events tell, and what it lists, which may be older than
//! what they told.
//!
//! Each leg that lists and events do not agree upon is asked for by name. What is proven gone is
//! told so, unless an event tells its end in time; a leg that is up of which no event came makes all
//! that is up doubtful. When to ask is somebody else's business, and so is the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::duties::{Duties, Listed};
use super::legs::Legs;
use super::snapshot;
use super::survey::{List, Survey};
use crate::event::{CallEvent, Extension, LegId};
use crate::session::Asking;

/// A list that lacks a leg that exists has not caught up with the events; it is asked for again so
/// many times.
const LISTS_AT_MOST: u8 = 3;

/// The event that tells a leg's end may come after the answer that it is gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub struct Sight {
    legs: Legs,
    /// Legs that are gone but for the event that tells it, and until when it may come.
    gone: BTreeMap<LegId, Instant>,
    duties: Duties,
    survey: Option<Survey>,
    surveys: u64,
    /// How often the present look has met a list that was behind.
    lists: u8,
    /// The PBX's clock since the Unix epoch, and when it was that.
    clock: Option<(Instant, Duration)>,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// The lists are older than the events: to be asked for again soon.
    Behind,
    /// All is as the events told, or is mended.
    Well,
    /// A leg is up of which no event told.
    Strange,
}

impl Sight {
    /// Asks anew; the number of the asking, and its lists in the order in which they are to come.
    pub fn begin(&mut self, asking: Asking, at: Instant) -> (u64, &'static [List]) {
        if asking == Asking::Snapshot {
            self.legs = Legs::default();
            self.gone.clear();
        }
        self.surveys += 1;
        self.survey = Some(Survey::new(self.surveys, asking, at));
        (self.surveys, List::of(asking))
    }

    /// The asking that is under way.
    pub fn survey(&self) -> Option<&Survey> {
        self.survey.as_ref()
    }

    /// That asking comes to nothing.
    pub fn give_up(&mut self, no: u64) -> Option<Asking> {
        self.survey.take_if(|survey| survey.no == no).map(|survey| survey.asking)
    }

    /// A list came: the legs that are to be asked for, and in whose words it was refused. None: it
    /// is of no matter any more.
    pub fn listed(&mut self, no: u64, list: List, said: Bytes) -> Option<(Vec<LegId>, Option<String>)> {
        let survey = self.survey.as_mut().filter(|survey| survey.no == no)?;
        Some(survey.listed(list, said, &self.legs))
    }

    /// Whether a leg exists, as far as the PBX would say.
    pub fn exists(&mut self, no: u64, leg: &LegId, exists: bool) {
        if let Some(survey) = self.survey.as_mut().filter(|survey| survey.no == no) {
            survey.exists(leg, exists);
        }
    }

    /// The asking, if all of it is answered. `runs`: it is known of which run of FreeSWITCH this is,
    /// which a snapshot has to say.
    pub fn take_done(&mut self, runs: bool) -> Option<Survey> {
        self.survey.take_if(|survey| survey.is_done() && (runs || survey.asking != Asking::Snapshot))
    }

    /// All that is up. What the events tell from its beginning needs no list, and of what they ended
    /// it is too old.
    pub fn snapshot(&mut self, at: Instant, survey: &Survey) -> Vec<CallEvent> {
        let up: BTreeSet<&LegId> = survey.verdicts().filter(|(_, exists)| *exists).map(|(leg, _)| leg).collect();
        let (_, mut told) = self.listing(at, survey);
        told.retain(|event| event.leg().is_none_or(|leg| up.contains(leg)));
        for event in &told {
            self.legs.observe(survey.began, event);
        }
        self.lists = 0;
        told
    }

    /// Compares; what is to be told goes to `out`.
    pub fn look(&mut self, at: Instant, survey: &Survey, out: &mut Vec<CallEvent>) -> Looked {
        let (missing, strange): (Vec<_>, Vec<_>) = survey.verdicts().partition(|(leg, _)| self.legs.contains(leg));
        let is_behind = survey.has(List::Channels) && missing.iter().any(|(_, exists)| *exists);
        self.lists += 1;
        if is_behind && self.lists < LISTS_AT_MOST {
            return Looked::Behind;
        }
        self.lists = 0;
        let strange: BTreeSet<&LegId> = strange.into_iter().filter(|(_, exists)| *exists).map(|(leg, _)| leg).collect();
        let (news, mut told) = self.listing(at, survey);
        out.extend(news);
        // What was refused is no sign that nothing is there: of queues that are not named nothing is
        // compared, and without the channels nothing at all.
        let has_tables = [List::Agents, List::Tiers, List::Callers].into_iter().all(|list| survey.has(list));
        told.retain(|event| match event {
            CallEvent::QueueSeen { .. } => has_tables,
            other => other.leg().is_none_or(|leg| self.legs.contains(leg) || strange.contains(leg)),
        });
        if survey.has(List::Channels) {
            out.push(CallEvent::LookBegan);
            out.extend(told);
            out.push(CallEvent::LookEnded);
        }
        for (leg, _) in missing.into_iter().filter(|(_, exists)| !exists) {
            self.gone.insert(leg.clone(), at + GONE_AFTER);
        }
        if strange.is_empty() { Looked::Well } else { Looked::Strange }
    }

    /// How agents stand, where that is news. What was refused sends nobody home.
    pub fn duties(&mut self, survey: &Survey) -> Vec<CallEvent> {
        self.duties_in(survey).news
    }

    /// Takes in an event, and adds what it does not say; false when it tells of a leg that we know
    /// nothing of.
    pub fn observe(&mut self, at: Instant, told: &mut CallEvent) -> bool {
        self.duties.observe(told);
        self.legs.observe(at, told)
    }

    /// When [`Sight::bury`] is to be called.
    pub fn buries_at(&self) -> Option<Instant> {
        self.gone.values().min().copied()
    }

    /// Legs that were proven gone, and whose end no event has told by now.
    pub fn bury(&mut self, at: Instant) -> Vec<LegId> {
        let due = self.gone.extract_if(.., |_, until| *until <= at).map(|(leg, _)| leg);
        due.filter(|leg| self.legs.contains(leg)).collect()
    }

    /// What the PBX's clock shows, since the Unix epoch.
    pub fn clock_is(&mut self, at: Instant, clock: Option<Duration>) {
        self.clock = clock.map(|clock| (at, clock));
    }

    /// Legs that are up.
    pub fn count(&self) -> usize {
        self.legs.count()
    }

    /// What mod_callcenter calls the agent at this phone, or of this name.
    pub fn called(&self, agent: &Extension) -> Option<String> {
        self.duties.called(agent)
    }

    /// Somebody is being paused, and why.
    pub fn paused(&mut self, agent: &Extension, reason: &str) {
        self.duties.paused(agent, reason);
    }

    fn duties_in(&mut self, survey: &Survey) -> Listed {
        if survey.has(List::Agents) && survey.has(List::Tiers) {
            self.duties.listed(&survey.rows(List::Agents), &survey.rows(List::Tiers))
        } else {
            Listed::default()
        }
    }

    /// What of how agents stand is news, and all that the lists say.
    fn listing(&mut self, at: Instant, survey: &Survey) -> (Vec<CallEvent>, Vec<CallEvent>) {
        let now_s = self.clock.map_or(0, |(then, clock)| (clock + at.duration_since(then)).as_secs());
        let duties = self.duties_in(survey);
        let mut told = snapshot::queues(&survey.rows(List::Queues));
        told.extend(duties.all);
        let mut served = BTreeMap::new();
        told.extend(snapshot::callers(&survey.rows(List::Callers), now_s, &mut served));
        told.extend(snapshot::legs(&survey.rows(List::Channels), &served, now_s));
        (duties.news, told)
    }
}
