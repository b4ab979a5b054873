//! Whose phone rings for the call, and how that ends.

use protocol::event::{DialEnd, HangupBy, LegKind, LegState};

use super::{Live, set_once};
use crate::calls::call::{Direction, Offer, OfferOutcome};
use crate::calls::dialplan::Side;
use crate::calls::leg::Leg;
use crate::{Extension, LegId, QueueName, Time};

/// Q.850's cause "non-selected user clearing", as which Asterisk tells that another phone answered.
const ANSWERED_ELSEWHERE: u16 = 26;

impl Live {
    pub fn dialled(&mut self, by: Option<LegId>, id: &LegId, to: Option<Box<str>>, at: Time) {
        let Some(index) = self.find(id) else { return };
        self.stale = true;
        let through = by.as_ref().and_then(|by| self.find(by)).and_then(|by| self.offer_of_loop(by));
        let leg = &mut self.legs[index];
        leg.called_by = by;
        leg.called_as = to;
        if leg.kind == LegKind::Loop {
            let name = leg.extension();
            return self.reached(&name);
        }
        // The phone that the PBX rings first, at somebody's order, is not whom the call is for.
        let is_first = leg.called_by.is_none() && leg.side == Side::Agent;
        if !is_first && self.dial.as_ref().is_none_or(|(dialled, _)| dialled != id) {
            self.dial = Some((id.clone(), None));
        }
        if leg.offer.is_some() || leg.called_by.is_none() {
            return;
        }
        let name = leg.extension();
        self.reached(&name);
        match through {
            Some(offer) if !self.is_claimed(offer) => self.claim(index, offer),
            // A member that rings several phones, or a phone that no queue rings.
            _ if self.legs[index].side == Side::Agent => {
                let queue = through.and_then(|offer| self.call.offers[offer].queue.clone());
                self.legs[index].offer = Some(self.call.offers.len());
                self.call.offers.push(Offer { agent: name, queue, from: at, to: None, outcome: None });
                self.changed = true;
            }
            _ => self.legs[index].offer = through,
        }
    }

    /// The first that an inbound call rings is whom it was for.
    fn reached(&mut self, name: &Extension) {
        if self.call.direction == Direction::Inbound && self.call.to.is_none() {
            self.call.to = Some(name.to_string());
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
        if how == DialEnd::Answered {
            self.legs[index].taken_at.get_or_insert(at);
        }
        let Some(offer) = self.legs[index].offer else { return };
        let is_loop = self.legs[index].kind == LegKind::Loop;
        let outcome = match how {
            // Which of the phones behind it answered, they tell themselves.
            DialEnd::Answered if is_loop && self.is_claimed(offer) => return,
            DialEnd::Answered => return self.answered(offer),
            DialEnd::Busy => self.busy(index),
            DialEnd::NoAnswer => self.unanswered(index),
            // Its time was not over: the caller is gone, or went elsewhere. That another phone took
            // the call may be told later.
            DialEnd::Cancelled => match self.cancelled(offer) {
                OfferOutcome::NoAnswer if !self.is_consulted(index) => OfferOutcome::CallerGone,
                known => known,
            },
            DialEnd::Failed => OfferOutcome::Failed,
        };
        self.close_offer(offer, outcome, at);
    }

    pub fn offered(&mut self, id: Option<&LegId>, agent: Extension, queue: QueueName, at: Time) {
        let index = id.and_then(|id| self.find(id));
        self.changed = true;
        // What rings behind a loop may be told of first.
        let behind = index.and_then(|index| self.phones_behind(index).find_map(|phone| phone.offer));
        let known = index.and_then(|index| self.legs[index].offer).or(behind);
        if let Some(index) = index {
            self.legs[index].offer = Some(known.unwrap_or(self.call.offers.len()));
        }
        match known {
            Some(offer) => {
                let offer = &mut self.call.offers[offer];
                if behind.is_none() {
                    offer.agent = agent;
                }
                offer.queue = Some(queue);
            }
            None => {
                let mut offer = Offer { agent, queue: Some(queue), from: at, to: None, outcome: None };
                // Told late, of one who talks.
                if let Some(segment) = index.and_then(|index| self.legs[index].segment) {
                    let segment = &mut self.call.segments[segment];
                    (offer.to, offer.outcome) = (Some(segment.from), Some(OfferOutcome::Answered));
                    set_once(&mut segment.queue, || offer.queue.clone());
                }
                self.call.offers.push(offer);
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
        let offer_now = &mut self.call.offers[offer];
        offer_now.outcome.take_if(|_| offer_now.to.is_none());
        self.close_offer(offer, outcome, at);
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
        self.call.offers.push(Offer { agent, queue, from: at, to: None, outcome });
        self.changed = true;
    }

    /// The leg of a phone that rang is gone, for this `cause`.
    pub(super) fn stopped_ringing(&mut self, index: usize, cause: u16, at: Time) {
        let Some(offer) = self.legs[index].offer else { return };
        let has_met = self.legs[index].has_met;
        let offer_now = &mut self.call.offers[offer];
        if cause == ANSWERED_ELSEWHERE && offer_now.outcome == Some(OfferOutcome::CallerGone) {
            offer_now.outcome = Some(OfferOutcome::AnsweredElsewhere);
            self.changed = true;
        }
        if offer_now.to.is_some() || (self.legs[index].kind == LegKind::Loop && offer_now.outcome.is_none()) {
            return;
        }
        // A colleague who was asked, and was not given the caller.
        if has_met && offer_now.outcome == Some(OfferOutcome::Answered) {
            offer_now.to = Some(self.legs[index].taken_at.unwrap_or(at));
            self.changed = true;
            return;
        }
        let answered = offer_now.outcome.take().is_some();
        let outcome = match cause {
            _ if answered && matches!(self.legs[index].asked_to_end, Some((HangupBy::Party, _))) => {
                OfferOutcome::Declined
            }
            17 => self.busy(index),
            21 => OfferOutcome::Declined,
            ANSWERED_ELSEWHERE => OfferOutcome::AnsweredElsewhere,
            _ => self.cancelled(offer),
        };
        self.close_offer(offer, outcome, at);
    }

    /// Rung by an agent who asks before the caller is sent on (bridge_basic.c dials through a loop).
    fn is_consulted(&self, index: usize) -> bool {
        let by = self.legs[index].called_by.as_ref().and_then(|by| self.find(by));
        by.is_some_and(|by| self.legs[by].kind == LegKind::Loop && self.offer_of_loop(by).is_none())
    }

    /// The offer that a queue made to the other half of this half of a loop.
    pub(super) fn offer_of_loop(&self, half: usize) -> Option<usize> {
        let other = self.legs[half].other_half.as_ref()?;
        self.legs.iter().find(|leg| &leg.id == other && leg.kind == LegKind::Loop)?.offer
    }

    /// Whether it is known which phone an offer rings.
    pub(super) fn is_claimed(&self, offer: usize) -> bool {
        self.legs.iter().any(|leg| leg.kind == LegKind::Device && leg.offer == Some(offer))
    }

    /// This phone is the one that rings behind a member that is a loop.
    pub(super) fn claim(&mut self, index: usize, offer: usize) {
        self.legs[index].offer = Some(offer);
        if self.legs[index].side == Side::Agent {
            self.call.offers[offer].agent = self.legs[index].extension();
            self.changed = true;
        }
    }

    fn phones_behind(&self, half: usize) -> impl Iterator<Item = &Leg> {
        let other = self.legs[half].other_half.as_ref();
        self.legs.iter().filter(move |leg| other.is_some() && leg.called_by.as_ref() == other && leg.is_phone())
    }

    fn answered(&mut self, offer: usize) {
        let offer = &mut self.call.offers[offer];
        if offer.outcome.is_none() {
            offer.outcome = Some(OfferOutcome::Answered);
            self.changed = true;
        }
    }

    pub(super) fn open_offer(&self, agent: &Extension) -> Option<usize> {
        self.call.offers.iter().rposition(|offer| &offer.agent == agent && offer.outcome.is_none())
    }

    pub(super) fn close_offer(&mut self, offer: usize, outcome: OfferOutcome, at: Time) {
        let offer = &mut self.call.offers[offer];
        if offer.outcome.is_none() {
            offer.outcome = Some(outcome);
            offer.to = Some(at);
            self.changed = true;
        }
    }

    /// A phone that had rung was free; somebody pressed its button.
    fn busy(&self, index: usize) -> OfferOutcome {
        match self.legs[index].state {
            LegState::Ringing => OfferOutcome::Declined,
            LegState::Down | LegState::Calling | LegState::Up => OfferOutcome::Busy,
        }
    }

    pub(super) fn unanswered(&self, index: usize) -> OfferOutcome {
        match self.legs[index].asked_to_end {
            Some((HangupBy::Party, _)) => OfferOutcome::Declined,
            Some((HangupBy::Pbx, _)) | None => OfferOutcome::NoAnswer,
        }
    }

    /// Why a phone stopped ringing that nobody took.
    pub(super) fn cancelled(&self, offer: usize) -> OfferOutcome {
        let from = self.call.offers[offer].from;
        let elsewhere = self
            .call
            .offers
            .iter()
            .any(|other| other.outcome == Some(OfferOutcome::Answered) && other.to.is_none_or(|to| to >= from));
        let party_asked = self.party().and_then(|party| party.asked_to_end);
        match party_asked {
            Some((HangupBy::Party, _)) => OfferOutcome::CallerGone,
            _ if elsewhere => OfferOutcome::AnsweredElsewhere,
            _ => OfferOutcome::NoAnswer,
        }
    }
}
