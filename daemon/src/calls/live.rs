//! A call that is up: its legs as the PBX told them, and the call that follows from them.
//!
//! The legs are the truth; the call is derived. After each event [`Live::settle`] asks afresh who
//! can hear the outside party, and opens, holds and closes segments by the difference. So the
//! order of events matters only where it is the fact itself: who asked first to hang up, which
//! dial ended how, whether the caller went before the queue gave up.

mod offers;
mod outcome;
mod parties;
mod talk;
mod transfers;
mod waits;

use chrono::TimeDelta;
use protocol::event::{DialEnd, LegState, SurveyStage};

use super::call::{Call, Direction, EndedBy, Span};
use super::dialplan::Side;
use super::leg::Leg;
use super::staff::Doing;
use super::survey::Survey;
use crate::number::Numbering;
use crate::{Extension, LegId, QueueName, Time};
pub(super) use outcome::Fate;
use waits::Stay;

/// How far apart two events may come that tell of one thing: who hung up, and why a queue was
/// left. Asterisk sends both within milliseconds; nobody hears a queue give up and hangs up so
/// fast.
const SAME_MOMENT: TimeDelta = TimeDelta::milliseconds(500);

#[derive(Debug)]
pub(super) struct Live {
    pub call: Call,
    /// The root first: the leg that bears the call's id.
    pub legs: Vec<Leg>,
    /// What is told of the call is not yet what was told before.
    pub changed: bool,
    /// Somebody heard of the call.
    pub told: bool,
    /// Since when a talk that has just begun, or goes on after a hold, counts: later than it began by as
    /// long as it was on hold.
    pub talk_from: Option<Time>,
    /// What its agents did when that was last told.
    pub doing: Vec<(Extension, Doing)>,
    /// Where among the legs that of the outside party is, or of who dialled an internal call.
    party: Option<usize>,
    /// Legs came, went, moved or were named since the call was derived from them.
    stale: bool,
    number_read: Option<Box<str>>,
    /// How each wait of the call ended.
    stays: Vec<Stay>,
    /// The transfer whose target has not talked yet.
    transfer_due: Option<usize>,
    /// The second leg of one who transferred, and whom it sent on to the target in its place.
    heir: Option<(LegId, LegId)>,
    ender: Option<(EndedBy, Time)>,
    /// The dialling towards the called party, and how it ended.
    dial: Option<(LegId, Option<DialEnd>)>,
    /// Its parties were given into another call, of which it will turn out to be a part.
    handed_away: bool,
    /// The queue that served the party, where only a snapshot told.
    pub queue_seen: Option<QueueName>,
}

impl Live {
    pub fn new(call: Call, root: Leg) -> Live {
        // Most calls never have a third.
        let mut legs = Vec::with_capacity(2);
        legs.push(root);
        Live {
            call,
            legs,
            changed: true,
            told: false,
            talk_from: None,
            doing: Vec::new(),
            party: None,
            stale: true,
            number_read: None,
            stays: Vec::new(),
            transfer_due: None,
            heir: None,
            ender: None,
            dial: None,
            handed_away: false,
            queue_seen: None,
        }
    }

    pub fn add(&mut self, leg: Leg) {
        self.legs.push(leg);
        self.stale = true;
    }

    pub fn find(&self, id: &LegId) -> Option<usize> {
        self.legs.iter().position(|leg| &leg.id == id)
    }

    pub fn leg_mut(&mut self, id: &LegId) -> Option<&mut Leg> {
        self.stale = true;
        self.legs.iter_mut().find(|leg| &leg.id == id)
    }

    pub fn rename(&mut self, was: &LegId, id: &LegId) {
        let of_legs = self
            .legs
            .iter_mut()
            .flat_map(|leg| [Some(&mut leg.id), leg.called_by.as_mut(), leg.other_half.as_mut()].into_iter().flatten());
        let of_call = self.dial.iter_mut().map(|(dialled, _)| dialled).chain(&mut self.call.originated);
        for known in of_legs.chain(of_call).filter(|known| *known == was) {
            *known = id.clone();
        }
    }

    /// Loops alone are no call.
    pub fn is_real(&self) -> bool {
        self.call.originated.is_some() || self.lead().is_some()
    }

    pub fn is_over(&self) -> bool {
        // Who has handed the others on has not ended what they say.
        let party_gone = self.party().is_some_and(|party| party.ended && !party.handed_on);
        let nobody_left = !self.legs.iter().any(Leg::is_live_device);
        match self.call.direction {
            Direction::Inbound | Direction::Internal => party_gone || nobody_left,
            // A dialled party that is gone before any talk may be followed by another line.
            Direction::Outbound => nobody_left || (party_gone && self.call.answered_at.is_some()),
        }
    }

    /// Whether a talk is open that began so early.
    pub fn has_talked_since(&self, from: Time) -> bool {
        self.call.segments.iter().any(|segment| segment.to.is_none() && segment.from <= from)
    }

    /// Since when the talks that are open, and not on hold, count.
    pub fn talks_from(&self) -> impl Iterator<Item = Time> {
        let open = self.call.segments.iter().filter(|segment| segment.to.is_none());
        open.filter_map(|segment| Some(segment.from + Span::sum(&segment.holds)?))
    }

    /// The outside party's leg, also while it waits or rings for somebody; while nobody is reached
    /// yet, that of who dialled; else one that we asked for and have not heard of.
    pub fn leg_to_end(&self) -> Option<&LegId> {
        let is_there = |leg: &&Leg| leg.is_live_device();
        let leg = self.party().filter(is_there).or_else(|| self.lead().filter(is_there));
        leg.or_else(|| self.legs.iter().find(is_there)).map(|leg| &leg.id)
    }

    /// Who talks with the party, and where; the last who joined.
    pub fn talker(&self) -> Option<(Extension, &LegId)> {
        let talks = self.legs.iter().filter(|leg| !leg.ended).filter_map(|leg| Some((leg.segment?, &leg.id)));
        let (segment, leg) = talks.max_by_key(|(segment, _)| *segment)?;
        Some((self.call.segments[segment].agent.clone(), leg))
    }

    /// Which of two calls stays when they are found to be one: the lower, then the older.
    pub fn standing(&self) -> u8 {
        let only_called = |leg: &Leg| matches!(leg.state, LegState::Down | LegState::Ringing) && !leg.is_unseen();
        match self.call.direction {
            _ if self.legs.iter().all(only_called) => 2,
            Direction::Internal => 1,
            Direction::Inbound | Direction::Outbound => 0,
        }
    }

    /// Brings the call in line with its legs. Ended ones are dropped and told, for a queue may ring
    /// a hundred phones for one caller; the root, by which later legs are joined, and the party
    /// stay.
    pub fn settle(&mut self, numbering: &Numbering, at: Time) -> Vec<LegId> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        self.classify(numbering);
        self.talk(at);
        let mut gone = Vec::new();
        for index in (1..self.legs.len()).rev() {
            if self.legs[index].ended && self.party != Some(index) {
                gone.push(self.take(index).id);
            }
        }
        gone
    }

    /// `id` has the place of `before`.
    /// Whether an agent's phone that was called for this call talks with nobody in it.
    pub fn is_sent_away(&self, id: &LegId) -> bool {
        let Some(index) = self.find(id) else { return false };
        let leg = &self.legs[index];
        let was_called = leg.called_by.is_some() || leg.offer.is_some();
        was_called && leg.has_met && leg.bridge.is_none() && leg.side == Side::Agent && self.party != Some(index)
    }

    /// Whether nothing but its start was told of a leg.
    pub fn is_fresh(&self, id: &LegId) -> bool {
        let Some(index) = self.find(id) else { return false };
        let leg = &self.legs[index];
        index > 0 && leg.called_by.is_none() && leg.offer.is_none() && leg.bridge.is_none() && !leg.has_met
    }

    /// Takes a leg out of the call; none where the call is nothing without it.
    pub fn release(&mut self, id: &LegId, at: Time) -> Option<Leg> {
        let index = self.find(id)?;
        let is_last = !self.legs.iter().any(|leg| leg.is_live_device() && &leg.id != id);
        if is_last || self.party == Some(index) {
            return None;
        }
        self.stale = true;
        self.close_segment(index, at);
        // The root stays, as a name.
        let name = Leg::unseen(id.clone(), Side::Agent, true, self.legs[index].round);
        let leg = if index == 0 { std::mem::replace(&mut self.legs[0], name) } else { self.take(index) };
        Some(leg.loose())
    }

    fn take(&mut self, index: usize) -> Leg {
        self.party = self.party.map(|party| if party > index { party - 1 } else { party });
        self.legs.remove(index)
    }

    pub fn replaced(&mut self, before: &LegId, id: &LegId) {
        if self.party.is_some() && self.party == self.find(before) {
            self.party = self.find(id);
        }
        if let Some(leg) = self.leg_mut(before) {
            leg.bridge = None;
            leg.consulted = true;
        }
    }

    /// The outside party of a consultation was no party of this call.
    pub fn take_over(&mut self, other: Live) {
        let (offers, segments) = (self.call.offers.len(), self.call.segments.len());
        let legs = self.legs.len();
        let joins = self.party.is_none() && other.party.is_some();
        for mut leg in other.legs {
            leg.offer = leg.offer.map(|offer| offer + offers);
            leg.segment = leg.segment.filter(|_| joins).map(|segment| segment + segments);
            self.legs.push(leg);
        }
        self.call.offers.extend(other.call.offers);
        if joins {
            self.party = other.party.map(|index| index + legs);
            self.call.segments.extend(other.call.segments);
            self.call.answered_at = self.call.answered_at.or(other.call.answered_at);
        }
        for (wait, stay) in other.call.waits.into_iter().zip(other.stays) {
            if joins || wait.left_at.is_none() {
                self.call.waits.push(wait);
                self.stays.push(stay);
            }
        }
        self.knows_survey(other.call.survey);
        self.dial = self.dial.take().or(other.dial);
        self.call.originated = self.call.originated.take().or(other.call.originated);
        self.call.certain &= other.call.certain;
        self.told |= other.told;
        self.stale = true;
        self.changed = true;
    }

    /// How far the caller came with the PBX's own survey.
    pub fn surveyed(&mut self, stage: SurveyStage, at: Time) {
        self.knows_survey(Some(Survey::of(stage, at)));
    }

    fn knows_survey(&mut self, told: Option<Survey>) {
        let known = self.call.survey;
        self.call.survey = known.into_iter().chain(told).reduce(Survey::with);
        self.changed |= self.call.survey != known;
    }

    fn party(&self) -> Option<&Leg> {
        self.party.map(|index| &self.legs[index])
    }

    /// The leg that the call began with, as far as it is known: loops are nobody's.
    fn lead(&self) -> Option<&Leg> {
        self.phones().next()
    }

    fn phones(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(|leg| leg.is_phone())
    }

    /// Whom the offer of a leg is for, else who is at the leg.
    fn name_of(&self, index: usize) -> Extension {
        match self.legs[index].offer {
            Some(offer) => self.call.offers[offer].agent.clone(),
            None => self.legs[index].extension(),
        }
    }
}

/// Sets what is not yet known; whether it did.
fn set_once<T>(slot: &mut Option<T>, value: impl FnOnce() -> Option<T>) -> bool {
    if slot.is_none() {
        *slot = value();
        return slot.is_some();
    }
    false
}
