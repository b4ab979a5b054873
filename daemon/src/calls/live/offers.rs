//! Whose phone rings for the call, and how that ends.

use protocol::event::{DialEnd, HangupBy, LegKind};

use super::{Live, SAME_MOMENT, set_once};
use crate::calls::call::{Direction, Offer, OfferOutcome};
use crate::calls::dialplan::Side;
use crate::{Extension, LegId, QueueName, Time};

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
        if how == DialEnd::Cancelled && self.call.offers[offer].outcome.is_none() {
            self.taken_back.push(offer);
        }
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
                let mut offer = Offer { agent, queue: Some(queue), from: at, to: None, outcome: None };
                if let Some(leg) = index.map(|index| &mut self.legs[index]) {
                    leg.offer = Some(self.call.offers.len());
                    // Told late, of one who talks.
                    if let Some(segment) = leg.segment.map(|segment| &mut self.call.segments[segment]) {
                        (offer.to, offer.outcome) = (Some(segment.from), Some(OfferOutcome::Answered));
                        set_once(&mut segment.queue, || offer.queue.clone());
                    }
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
        let talked = self.call.segments.iter().any(|s| s.agent == *agent && s.from >= self.call.offers[offer].from);
        if self.call.offers[offer].outcome == Some(OfferOutcome::Answered) && !talked {
            self.call.offers[offer].outcome = None;
        }
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
        self.call.offers.push(Offer { agent, queue, from: at, to: Some(at), outcome });
        self.changed = true;
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

    /// The caller goes: that phones stopped ringing at that moment may have been told before.
    pub(super) fn caller_gone(&mut self, at: Time) {
        for offer in self.taken_back.drain(..) {
            let offer = &mut self.call.offers[offer];
            if offer.outcome == Some(OfferOutcome::NoAnswer) && offer.to.is_some_and(|to| at - to < SAME_MOMENT) {
                offer.outcome = Some(OfferOutcome::CallerGone);
                self.changed = true;
            }
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
            .any(|other| other.outcome == Some(OfferOutcome::Answered) && other.to.is_some_and(|to| to >= from));
        let party_asked = self.party().and_then(|party| party.asked_to_end);
        match party_asked {
            Some((HangupBy::Party, _)) => OfferOutcome::CallerGone,
            _ if elsewhere => OfferOutcome::AnsweredElsewhere,
            _ => OfferOutcome::NoAnswer,
        }
    }
}
