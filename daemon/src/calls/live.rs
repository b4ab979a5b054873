//! A call that is up: its legs as the PBX told them, and the call that follows from them.
//!
//! The legs are the truth; the call is derived. After each event [`Live::settle`] asks afresh who
//! can hear the outside party, and opens, holds and closes segments by the difference. So the
//! order of events matters only where it is the fact itself: who asked first to hang up, which
//! dial ended how, whether the caller went before the queue gave up.

use chrono::TimeDelta;
use protocol::event::{BridgeId, DialEnd, HangupBy, LegKind, LegState, QueueLeft};

use super::call::{
    Call, Direction, EndedBy, Offer, OfferOutcome, Outcome, Segment, Span, Transfer, TransferKind, Wait,
};
use super::dialplan::Side;
use super::leg::Leg;
use super::staff::Doing;
use crate::number::{Numbering, is_withheld};
use crate::{Extension, LegId, QueueName, Time};

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
    /// When the talk that has just begun will have lasted long enough to count as proof.
    pub proof_due: Option<Time>,
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
    ender: Option<(EndedBy, Time)>,
    /// The dialling towards the called party, and how it ended.
    dial: Option<(LegId, Option<DialEnd>)>,
    /// The queue that served the party, where only a snapshot told.
    pub queue_seen: Option<QueueName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    Open,
    Served,
    /// `asked`: somebody had asked by then for the caller's leg to end, and it was not outlived.
    Left {
        at: Time,
        how: QueueLeft,
        asked: bool,
    },
}

/// How a call comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Seen,
    /// The PBX went down, and said so.
    PbxStopped,
    /// It was up when we last looked, and is not now.
    Vanished,
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
            proof_due: None,
            doing: Vec::new(),
            party: None,
            stale: true,
            number_read: None,
            stays: Vec::new(),
            transfer_due: None,
            ender: None,
            dial: None,
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

    /// Loops alone are no call.
    pub fn is_real(&self) -> bool {
        self.call.originated.is_some() || self.lead().is_some()
    }

    pub fn is_over(&self) -> bool {
        let party_gone = self.party().is_some_and(|party| party.ended);
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

    /// Which of two calls stays when they are found to be one: the lower, then the older.
    pub fn standing(&self) -> u8 {
        let only_called = |leg: &Leg| matches!(leg.state, LegState::Down | LegState::Ringing) && !leg.is_unseen();
        match self.call.direction {
            _ if self.legs.iter().all(only_called) => 2,
            Direction::Internal => 1,
            Direction::Inbound | Direction::Outbound => 0,
        }
    }
}

/// What the PBX said.
impl Live {
    pub fn dialled(&mut self, by: Option<LegId>, id: &LegId, to: Option<Box<str>>, at: Time) {
        let Some(index) = self.find(id) else { return };
        self.stale = true;
        let through = by.as_ref().and_then(|by| self.find(by)).map(|by| &self.legs[by]);
        let from_loop = through.filter(|leg| leg.kind == LegKind::Loop);
        let offer_of_loop = from_loop
            .and_then(|half| half.other_half.as_ref())
            .and_then(|other| self.legs.iter().find(|leg| &leg.id == other))
            .and_then(|other| other.offer);
        let leg = &mut self.legs[index];
        leg.called_by = by;
        leg.called_as = to;
        if leg.kind == LegKind::Loop {
            return;
        }
        if self.dial.as_ref().is_none_or(|(dialled, _)| dialled != id) {
            self.dial = Some((id.clone(), None));
        }
        if leg.offer.is_some() || leg.called_by.is_none() {
            return;
        }
        leg.offer = offer_of_loop;
        let name = leg.extension();
        if self.call.direction == Direction::Inbound && self.call.to.is_none() {
            self.call.to = Some(name.to_string());
            self.changed = true;
        }
        let leg = &mut self.legs[index];
        if leg.offer.is_none() && leg.side == Side::Agent {
            leg.offer = Some(self.call.offers.len());
            self.call.offers.push(Offer { agent: name, queue: None, from: at, to: None, outcome: None });
            self.changed = true;
        }
    }

    /// The first end of a dialling counts, but for an answer: a phone that answers while it is
    /// given up is reported both ways.
    pub fn dial_ended(&mut self, id: &LegId, how: DialEnd, at: Time) {
        if let Some((dialled, end)) = &mut self.dial
            && dialled == id
            && (end.is_none() || how == DialEnd::Answered)
        {
            *end = Some(how);
        }
        let Some(index) = self.find(id) else { return };
        if self.legs[index].dial.is_none() || how == DialEnd::Answered {
            self.legs[index].dial = Some(how);
        }
        let Some(offer) = self.legs[index].offer else { return };
        let outcome = match how {
            DialEnd::Answered => OfferOutcome::Answered,
            DialEnd::Busy => OfferOutcome::Busy,
            DialEnd::NoAnswer => self.unanswered(index),
            DialEnd::Cancelled => self.cancelled(offer),
            DialEnd::Failed => OfferOutcome::Failed,
        };
        self.close_offer(offer, outcome, at);
    }

    pub fn offered(&mut self, id: Option<&LegId>, agent: Extension, queue: QueueName, at: Time) {
        let index = id.and_then(|id| self.find(id));
        self.changed = true;
        match index.and_then(|index| self.legs[index].offer) {
            Some(offer) => {
                let offer = &mut self.call.offers[offer];
                offer.agent = agent;
                offer.queue = Some(queue);
            }
            None => {
                if let Some(index) = index {
                    self.legs[index].offer = Some(self.call.offers.len());
                }
                self.call.offers.push(Offer { agent, queue: Some(queue), from: at, to: None, outcome: None });
            }
        }
    }

    /// A phone that was ringing when we came to look.
    pub fn seen_ringing(&mut self, id: &LegId, from: Time) {
        let Some(index) = self.find(id) else { return };
        let leg = &mut self.legs[index];
        if leg.side == Side::Agent && leg.offer.is_none() {
            leg.offer = Some(self.call.offers.len());
            let agent = leg.extension();
            self.call.offers.push(Offer { agent, queue: self.queue_seen.clone(), from, to: None, outcome: None });
            self.changed = true;
        }
    }

    pub fn not_answering(&mut self, id: Option<&LegId>, agent: &Extension, at: Time) {
        let index = id.and_then(|id| self.find(id));
        let offer = index.and_then(|index| self.legs[index].offer).or_else(|| self.open_offer(agent));
        let Some(offer) = offer else { return };
        let outcome = index.map_or(OfferOutcome::NoAnswer, |index| self.unanswered(index));
        // Answered, and gone again before the queue connected them: not taken.
        let talked = self.call.segments.iter().any(|s| s.agent == *agent && s.from >= self.call.offers[offer].from);
        if self.call.offers[offer].outcome == Some(OfferOutcome::Answered) && !talked {
            self.call.offers[offer].outcome = None;
        }
        self.close_offer(offer, outcome, at);
    }

    pub fn connected(&mut self, id: Option<&LegId>, agent: Extension, queue: QueueName, at: Time) {
        let index = id.and_then(|id| self.find(id));
        let known = index.and_then(|index| self.legs[index].offer).or_else(|| self.open_offer(&agent));
        if known.is_none() {
            self.offered(id, agent, queue, at);
        }
        if let Some(stay) = self.stays.last_mut() {
            *stay = Stay::Served;
        }
    }

    pub fn queued(&mut self, queue: QueueName, at: Time) {
        if self.call.waits.last().is_some_and(|wait| wait.queue == queue && wait.left_at.is_none()) {
            return;
        }
        self.changed = true;
        self.ender = None;
        if self.call.to.is_none() || (self.call.direction == Direction::Internal && self.call.waits.is_empty()) {
            self.call.to = Some(queue.to_string());
        }
        if let Some(due) = self.transfer_due.take() {
            self.call.transfers[due].to = queue.to_string();
            self.call.transfers[due].completed = true;
        }
        self.call.waits.push(Wait { queue, joined_at: at, left_at: None });
        self.stays.push(Stay::Open);
    }

    pub fn left_queue(&mut self, queue: &QueueName, how: QueueLeft, at: Time) {
        let Some(index) = self.call.waits.iter().rposition(|wait| &wait.queue == queue) else { return };
        if self.call.waits[index].left_at.is_none() {
            self.call.waits[index].left_at = Some(at);
            self.changed = true;
        }
        let joined_at = self.call.waits[index].joined_at;
        let asked = match self.party().and_then(|party| party.asked_to_end) {
            Some((HangupBy::Party, _)) => true,
            Some((HangupBy::Pbx, asked_at)) => asked_at >= joined_at,
            None => false,
        };
        self.stays[index] = match (self.stays[index], how) {
            (Stay::Served, _) | (_, QueueLeft::Served) => Stay::Served,
            (Stay::Left { at, asked, .. }, QueueLeft::HungUp | QueueLeft::TimedOut | QueueLeft::Unserved) => {
                Stay::Left { at, how, asked }
            }
            (left @ Stay::Left { .. }, QueueLeft::Unsaid) => left,
            (Stay::Open, how) => Stay::Left { at, how, asked },
        };
    }

    pub fn hangup_asked(&mut self, id: &LegId, by: HangupBy, at: Time) {
        let Some(index) = self.find(id) else { return };
        self.stale = true;
        let is_lead = self.lead().is_some_and(|lead| &lead.id == id);
        let is_party = self.party == Some(index);
        let leg = &mut self.legs[index];
        // What the PBX asked may have been a transfer, which a leg outlives.
        let outlived = |(before, asked)| before == HangupBy::Pbx && by == HangupBy::Party && at - asked >= SAME_MOMENT;
        if leg.asked_to_end.is_none_or(outlived) {
            leg.asked_to_end = Some((by, at));
        }
        let just_talked = leg.talked_until.is_some_and(|until| at - until < SAME_MOMENT);
        // A phone that rings and declines, or that has handed its call on, ends no call.
        if !(is_party || is_lead || leg.segment.is_some() || just_talked) {
            return;
        }
        let who = match by {
            HangupBy::Pbx => EndedBy::Pbx,
            HangupBy::Party if is_party => EndedBy::Caller,
            HangupBy::Party => EndedBy::Agent,
        };
        // The first who asks; unless the call went on for a while after that.
        let went_on = self.ender.is_some_and(|(_, asked)| at - asked >= SAME_MOMENT && by == HangupBy::Party);
        if self.ender.is_none() || went_on {
            self.ender = Some((who, at));
        }
    }

    pub fn leg_ended(&mut self, id: &LegId, cause: u16, at: Time) {
        let Some(index) = self.find(id) else { return };
        self.stale = true;
        let leg = &mut self.legs[index];
        leg.ended = true;
        leg.bridge = None;
        leg.holds = false;
        if let Some((dialled, end @ None)) = &mut self.dial
            && dialled == id
        {
            *end = Some(end_by_cause(cause));
        }
        let Some(offer) = self.legs[index].offer.filter(|_| self.legs[index].kind == LegKind::Device) else { return };
        let outcome = match cause {
            17 => OfferOutcome::Busy,
            21 => OfferOutcome::Declined,
            26 => OfferOutcome::AnsweredElsewhere,
            _ => self.cancelled(offer),
        };
        self.close_offer(offer, outcome, at);
    }

    /// `by` sends the party on; what it talked is over, and the target comes next.
    pub fn blind_transfer(&mut self, by: &LegId, to: &str, at: Time) {
        let from = self.find(by).map(|index| self.name_of(index));
        if let Some(index) = self.find(by) {
            self.hand_on(index, at);
        }
        self.transfer(Transfer { kind: TransferKind::Blind, from, to: to.to_owned(), completed: false, at });
        self.transfer_due = Some(self.call.transfers.len() - 1);
    }

    pub fn attended_transfer(&mut self, by: &LegId, second: Option<&LegId>, target: Option<&LegId>, at: Time) {
        let from = self.find(by).map(|index| self.name_of(index));
        for leg in [Some(by), second].into_iter().flatten() {
            if let Some(index) = self.find(leg) {
                self.legs[index].consulted = true;
                self.hand_on(index, at);
            }
        }
        let phone = target.and_then(|target| self.phone_behind(target));
        let talks = phone.is_some_and(|index| self.legs[index].segment.is_some());
        let to = match phone {
            Some(index) => self.name_of(index).to_string(),
            None => self.transfer_target(by, second),
        };
        self.transfer(Transfer { kind: TransferKind::Attended, from, to, completed: talks, at });
        self.transfer_due = (!talks).then(|| self.call.transfers.len() - 1);
    }

    pub fn picked_up(&mut self, id: &LegId, ringing: &LegId, at: Time) {
        let queue = match self.find(ringing).and_then(|index| self.legs[index].offer) {
            Some(offer) => {
                self.close_offer(offer, OfferOutcome::AnsweredElsewhere, at);
                self.call.offers[offer].queue.clone()
            }
            None => None,
        };
        let Some(index) = self.find(id) else { return };
        let agent = self.legs[index].extension();
        self.legs[index].offer = Some(self.call.offers.len());
        let outcome = Some(OfferOutcome::Answered);
        self.call.offers.push(Offer { agent, queue, from: at, to: Some(at), outcome });
        self.changed = true;
    }

    /// `id` has the place of `before`.
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
        self.call.originated = self.call.originated.take().or(other.call.originated);
        self.call.certain &= other.call.certain;
        self.told |= other.told;
        self.stale = true;
        self.changed = true;
    }

    fn hand_on(&mut self, index: usize, at: Time) {
        self.stale = true;
        self.legs[index].handed_on = true;
        self.close_segment(index, at);
    }

    fn transfer(&mut self, transfer: Transfer) {
        self.call.transfers.push(transfer);
        self.changed = true;
    }

    /// Whoever rings, or was dialled, for a transfer whose target the PBX does not name.
    fn transfer_target(&self, by: &LegId, second: Option<&LegId>) -> String {
        let rings = self.call.offers.iter().rev().find(|offer| offer.outcome.is_none());
        let dialled = [second, Some(by)].into_iter().flatten().filter_map(|id| self.find(id));
        let dialled = dialled.filter_map(|index| self.legs[index].dialled.as_deref()).next();
        rings.map(|offer| offer.agent.as_str()).or(dialled).unwrap_or_default().to_owned()
    }

    /// The phone at the far end of a loop, or the leg itself.
    fn phone_behind(&self, id: &LegId) -> Option<usize> {
        let index = self.find(id)?;
        if self.legs[index].kind == LegKind::Device {
            return Some(index);
        }
        let half = self.legs[index].other_half.as_ref()?;
        self.legs.iter().position(|leg| leg.kind == LegKind::Device && leg.called_by.as_ref() == Some(half))
    }

    /// Whom the offer of a leg is for, else who is at the leg.
    fn name_of(&self, index: usize) -> Extension {
        match self.legs[index].offer {
            Some(offer) => self.call.offers[offer].agent.clone(),
            None => self.legs[index].extension(),
        }
    }

    fn open_offer(&self, agent: &Extension) -> Option<usize> {
        self.call.offers.iter().rposition(|offer| &offer.agent == agent && offer.outcome.is_none())
    }

    fn close_offer(&mut self, offer: usize, outcome: OfferOutcome, at: Time) {
        let offer = &mut self.call.offers[offer];
        if offer.outcome.is_none() {
            offer.outcome = Some(outcome);
            offer.to = Some(at);
            self.changed = true;
        }
    }

    fn unanswered(&self, index: usize) -> OfferOutcome {
        match self.legs[index].asked_to_end {
            Some((HangupBy::Party, _)) => OfferOutcome::Declined,
            Some((HangupBy::Pbx, _)) | None => OfferOutcome::NoAnswer,
        }
    }

    /// Why a phone stopped ringing that nobody took.
    fn cancelled(&self, offer: usize) -> OfferOutcome {
        let from = self.call.offers[offer].from;
        let elsewhere = self
            .call
            .offers
            .iter()
            .any(|other| other.outcome == Some(OfferOutcome::Answered) && other.to.is_some_and(|to| to >= from));
        let party_asked = self.party().and_then(|party| party.asked_to_end);
        match party_asked {
            Some((HangupBy::Party, _)) => OfferOutcome::CallerGone,
            _ if elsewhere => OfferOutcome::AnsweredElsewhere,
            _ => OfferOutcome::NoAnswer,
        }
    }
}

/// What follows.
impl Live {
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
                gone.push(self.legs.remove(index).id);
                self.party = self.party.map(|party| if party > index { party - 1 } else { party });
            }
        }
        gone
    }

    /// Direction, party, and who is whom.
    fn classify(&mut self, numbering: &Numbering) {
        let Some(lead) = self.lead() else { return };
        let outside = self.phones().find(|leg| leg.side == Side::Outside);
        let by_us = self.call.originated.is_some();
        let direction = match (lead.side, &lead.dialled) {
            (Side::Outside, _) if by_us || (lead.called_as.is_some() && lead.called_by.is_none()) => {
                Direction::Outbound
            }
            (Side::Outside, _) => Direction::Inbound,
            (Side::Agent, _) if self.call.direction == Direction::Outbound => Direction::Outbound,
            (Side::Agent, _) if by_us || outside.is_some() => {
                // Of a call whose root is gone, only an outside leg that was not called is known.
                if self.legs[0].is_unseen() && !by_us { Direction::Inbound } else { Direction::Outbound }
            }
            (Side::Agent, Some(dialled)) if numbering.read(dialled).is_some_and(|n| n.e164().is_some()) => {
                Direction::Outbound
            }
            (Side::Agent, _) => Direction::Internal,
        };
        if self.call.direction != direction {
            self.call.direction = direction;
            self.party = None;
            self.changed = true;
        }
        if self.party.is_none() {
            self.party = self.find_party().and_then(|party| self.find(&party.id));
        }
        self.name_ends(numbering);
    }

    /// The leg that talks with the agents.
    fn find_party(&self) -> Option<&Leg> {
        let outside = |leg: &&Leg| leg.side == Side::Outside;
        match self.call.direction {
            Direction::Inbound => self.phones().find(outside),
            Direction::Internal => self.lead(),
            Direction::Outbound => {
                let answered = |leg: &&Leg| leg.state == LegState::Up && leg.kind == LegKind::Device;
                self.legs.iter().filter(outside).find(answered)
            }
        }
    }

    /// Who calls whom, as far as it is not yet known.
    fn name_ends(&mut self, numbering: &Numbering) {
        let Live { call, legs, changed, number_read, .. } = self;
        let Some(lead) = legs.iter().find(|leg| leg.is_phone()) else { return };
        let caller = || lead.number.as_deref().filter(|number| !is_withheld(number)).map(str::to_owned);
        *changed |= set_once(&mut call.caller, caller);
        *changed |= set_once(&mut call.caller_name, || lead.name.as_deref().map(str::to_owned));
        if call.direction != Direction::Inbound {
            *changed |= set_once(&mut call.agent, || (lead.side == Side::Agent).then(|| lead.extension()));
            let mut called = legs.iter().filter(|leg| leg.kind == LegKind::Device && leg.called_by.is_some());
            *changed |= set_once(&mut call.to, || {
                lead.dialled.as_deref().or_else(|| called.find_map(|leg| leg.called_as.as_deref())).map(str::to_owned)
            });
        }
        let raw = match call.direction {
            Direction::Inbound => call.caller.as_deref(),
            Direction::Outbound => call.to.as_deref(),
            Direction::Internal => None,
        };
        if raw != number_read.as_deref() {
            call.number = raw.and_then(|raw| numbering.read(raw));
            *number_read = raw.map(Into::into);
        }
    }

    /// Opens, holds and closes segments by who hears the party now.
    fn talk(&mut self, at: Time) {
        let bridges = self.party().map(|party| self.reached_from(party)).unwrap_or_default();
        let party_bridge = bridges.first().cloned();
        let party_leaves = self.party().is_none_or(|party| party.ended || party.asked_to_end.is_some());
        for index in 0..self.legs.len() {
            let leg = &self.legs[index];
            if leg.kind == LegKind::Loop || self.party == Some(index) {
                continue;
            }
            let hears =
                !leg.ended && !leg.handed_on && leg.talk_bridge().is_some_and(|bridge| bridges.contains(bridge));
            match (leg.segment.is_some(), hears) {
                (false, false) => {}
                (false, true) => self.open_segment(index, at),
                (true, true) => {
                    let leg = &mut self.legs[index];
                    leg.away_since = None;
                    leg.consulted = false;
                    leg.talked_in = party_bridge.clone();
                }
                (true, false) => {
                    let leaves = leg.ended || leg.asked_to_end.is_some() || party_leaves;
                    let party_stays = party_bridge.is_some() && party_bridge == leg.talked_in;
                    if leaves || !party_stays {
                        self.close_segment(index, at);
                    } else {
                        let leg = &mut self.legs[index];
                        leg.away_since.get_or_insert(at);
                        leg.consulted |= leg.bridge.is_some();
                    }
                }
            }
            self.hold(index, at);
        }
    }

    /// The bridges in which the leg is heard, directly or through loops; its own first.
    fn reached_from(&self, leg: &Leg) -> Vec<BridgeId> {
        let mut reached: Vec<BridgeId> = leg.talk_bridge().cloned().into_iter().collect();
        let mut next = 0;
        while next < reached.len() {
            let here = reached[next].clone();
            for half in self.legs.iter().filter(|leg| leg.kind == LegKind::Loop && leg.in_bridge(&here)) {
                let other = half.other_half.as_ref().and_then(|id| self.legs.iter().find(|leg| &leg.id == id));
                if let Some(bridge) = other.and_then(Leg::talk_bridge)
                    && !reached.contains(bridge)
                {
                    reached.push(bridge.clone());
                }
            }
            next += 1;
        }
        reached
    }

    fn open_segment(&mut self, index: usize, at: Time) {
        let agent = self.name_of(index);
        let offer = self.legs[index].offer;
        if let Some(offer) = offer {
            let offer = &mut self.call.offers[offer];
            if offer.outcome != Some(OfferOutcome::Answered) {
                offer.outcome = Some(OfferOutcome::Answered);
                offer.to = Some(at);
            }
        }
        let queue = match offer {
            Some(offer) => self.call.offers[offer].queue.clone(),
            None => self.queue_seen.clone().filter(|_| self.call.segments.is_empty()),
        };
        if let Some(due) = self.transfer_due.take_if(|due| self.call.transfers[*due].from.as_ref() != Some(&agent)) {
            self.call.transfers[due].to = agent.to_string();
            self.call.transfers[due].completed = true;
        }
        if let (Some(wait), Some(stay)) = (self.call.waits.last_mut(), self.stays.last_mut()) {
            wait.left_at.get_or_insert(at);
            *stay = Stay::Served;
        }
        if self.call.direction == Direction::Inbound {
            set_once(&mut self.call.agent, || Some(agent.clone()));
            set_once(&mut self.call.to, || Some(agent.to_string()));
        }
        self.call.answered_at.get_or_insert(at);
        let leg = &mut self.legs[index];
        leg.segment = Some(self.call.segments.len());
        leg.away_since = None;
        leg.talked_in = None;
        self.call.segments.push(Segment { agent, queue, from: at, to: None, holds: Vec::new() });
        self.legs[index].talked_in = self.party().and_then(Leg::talk_bridge).cloned();
        self.ender = None;
        self.proof_due = Some(at + super::call::PROOF_TALK);
        self.changed = true;
    }

    fn close_segment(&mut self, index: usize, at: Time) {
        let leg = &mut self.legs[index];
        let Some(segment) = leg.segment.take() else { return };
        // Who left the bridge and met nobody was not on hold, but gone.
        let end = leg.away_since.take().filter(|_| !leg.consulted).unwrap_or(at);
        leg.talked_until = Some(end);
        let segment = &mut self.call.segments[segment];
        segment.to = Some(end);
        segment.holds.retain(|hold| hold.from < end);
        if let Some(open) = segment.holds.last_mut().filter(|hold| hold.to.is_none_or(|to| to > end)) {
            open.to = Some(end);
        }
        self.changed = true;
    }

    /// The party is on hold while the agent said so, or is away with somebody else.
    fn hold(&mut self, index: usize, at: Time) {
        let leg = &self.legs[index];
        let Some(segment) = leg.segment else { return };
        let holds = &mut self.call.segments[segment].holds;
        let is_held = holds.last().is_some_and(|hold| hold.to.is_none());
        match (is_held, leg.holds || leg.away_since.is_some()) {
            (false, true) => holds.push(Span { from: at, to: None }),
            (true, false) => {
                holds.last_mut().into_iter().for_each(|hold| hold.to = Some(at));
                // What was talked before the hold may not have sufficed.
                self.proof_due = Some(at + super::call::PROOF_TALK);
            }
            (false, false) | (true, true) => return,
        }
        self.changed = true;
    }

    /// What the call's agents are doing.
    pub fn doings(&self) -> impl Iterator<Item = (&Extension, Doing)> {
        let open = || self.call.segments.iter().filter(|segment| segment.to.is_none());
        let talks = open().map(|segment| {
            let held = segment.holds.last().is_some_and(|hold| hold.to.is_none());
            let doing = if held { Doing::OnHold } else { Doing::Talking };
            (&segment.agent, doing(segment.queue.clone()))
        });
        let dials = self.call.agent.iter().filter(move |agent| {
            self.call.direction != Direction::Inbound
                && !open().any(|segment| segment.agent == **agent)
                && self.lead().is_none_or(|lead| !lead.ended)
        });
        let rings = self.call.offers.iter().filter(|offer| offer.outcome.is_none());
        let rings = rings.map(|offer| (&offer.agent, Doing::Ringing(offer.queue.clone())));
        talks.chain(dials.map(|agent| (agent, Doing::Dialling))).chain(rings)
    }

    /// The call as it is remembered; its legs are no longer its own.
    pub fn finish(mut self, at: Time, fate: Fate) -> (Call, Vec<Leg>) {
        for index in 0..self.legs.len() {
            self.close_segment(index, at);
        }
        for offer in 0..self.call.offers.len() {
            self.close_offer(offer, self.cancelled(offer), at);
        }
        for wait in &mut self.call.waits {
            wait.left_at.get_or_insert(at);
        }
        self.call.outcome = Some(match fate {
            Fate::Seen | Fate::PbxStopped => self.outcome(),
            Fate::Vanished if self.call.segments.is_empty() => Outcome::Failed,
            Fate::Vanished => Outcome::Answered,
        });
        self.call.ended_by = match fate {
            Fate::Seen => Some(self.ender.map_or(EndedBy::Pbx, |(who, _)| who)),
            Fate::PbxStopped => Some(EndedBy::Pbx),
            Fate::Vanished => None,
        };
        self.call.certain &= fate != Fate::Vanished;
        self.call.ended_at = Some(at);
        (self.call, self.legs)
    }

    fn outcome(&self) -> Outcome {
        if !self.call.segments.is_empty() {
            return Outcome::Answered;
        }
        match (self.stays.last(), self.call.direction) {
            (Some(stay), _) => self.outcome_of(*stay),
            (None, Direction::Inbound) if !self.call.offers.is_empty() => Outcome::Missed,
            (None, Direction::Inbound) => match self.ender {
                Some((EndedBy::Caller, _)) => Outcome::Abandoned,
                Some((EndedBy::Agent | EndedBy::Pbx, _)) | None => Outcome::Failed,
            },
            (None, Direction::Outbound | Direction::Internal) => match &self.dial {
                Some((_, Some(DialEnd::Busy))) => Outcome::Busy,
                Some((_, Some(DialEnd::NoAnswer | DialEnd::Cancelled) | None)) => Outcome::NoAnswer,
                Some((_, Some(DialEnd::Answered | DialEnd::Failed))) | None => Outcome::Failed,
            },
        }
    }

    /// Asterisk reports a queue that gives up as an abandon too: only whether the caller's leg had
    /// been asked to end by then tells them apart.
    fn outcome_of(&self, stay: Stay) -> Outcome {
        let caller_went_at = match self.party().and_then(|party| party.asked_to_end) {
            Some((HangupBy::Party, at)) => Some(at),
            Some((HangupBy::Pbx, _)) | None => None,
        };
        match stay {
            Stay::Open | Stay::Served => Outcome::Abandoned,
            Stay::Left { how: QueueLeft::HungUp | QueueLeft::Served, .. } => Outcome::Abandoned,
            Stay::Left { how: QueueLeft::TimedOut, .. } => Outcome::TimedOut,
            Stay::Left { asked: true, .. } => Outcome::Abandoned,
            // Left by a key, not unserved; what came after brought nobody.
            Stay::Left { how: QueueLeft::Unsaid, .. } if caller_went_at.is_some() => Outcome::Abandoned,
            Stay::Left { at, how: QueueLeft::Unserved | QueueLeft::Unsaid, .. } => {
                let same_moment = caller_went_at.is_some_and(|went| went - at < SAME_MOMENT);
                if same_moment { Outcome::Abandoned } else { Outcome::TimedOut }
            }
        }
    }
}

/// Q.850, as Asterisk's channel drivers use it.
fn end_by_cause(cause: u16) -> DialEnd {
    match cause {
        17 => DialEnd::Busy,
        0 | 16 | 18 | 19 | 21 | 26 | 31 | 127 => DialEnd::NoAnswer,
        _ => DialEnd::Failed,
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
