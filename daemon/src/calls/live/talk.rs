//! Who can hear the party, and is it on hold.

use protocol::event::{BridgeId, LegKind, LegState};

use super::waits::Stay;
use super::{Live, SAME_MOMENT, set_once};
use crate::calls::call::{Direction, EndedBy, OfferOutcome, Segment, Span};
use crate::calls::leg::Leg;
use crate::calls::staff::Doing;
use crate::{Extension, Time};

impl Live {
    /// Opens, holds and closes segments by who hears the party now.
    pub(super) fn talk(&mut self, at: Time) {
        let bridges = self.party().map(|party| self.reached_from(party)).unwrap_or_default();
        let party_bridge = bridges.first().cloned();
        let party_leaves = self.party().is_none_or(|party| party.ended || party.asked_to_end.is_some());
        for index in 0..self.legs.len() {
            let leg = &self.legs[index];
            if leg.kind == LegKind::Loop || self.party == Some(index) {
                continue;
            }
            let is_in = leg.talk_bridge().is_some_and(|bridge| bridges.contains(bridge));
            // What comes from a phone that rings is its network's voice.
            let hears = is_in && !leg.ended && !leg.handed_on && leg.state != LegState::Ringing;
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
    pub(super) fn reached_from(&self, leg: &Leg) -> Vec<BridgeId> {
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

    pub(super) fn open_segment(&mut self, index: usize, at: Time) {
        if self.talks_on(index, at) {
            return;
        }
        if self.legs[index].offer.is_none()
            && let Some(offer) = self.offer_through(index)
        {
            self.claim(index, offer);
        }
        let agent = self.name_of(index);
        let offer = self.legs[index].offer;
        if let Some(offer) = offer.map(|offer| &mut self.call.offers[offer])
            && (offer.to.is_none() || offer.outcome != Some(OfferOutcome::Answered))
        {
            offer.outcome = Some(OfferOutcome::Answered);
            offer.to = Some(self.legs[index].taken_at.unwrap_or(at));
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
        // Who had asked for an end did not get it; but for a caller who goes as the agent comes, for
        // each tells of it by a thread of its own.
        self.ender.take_if(|(who, asked)| *who != EndedBy::Caller || at - *asked >= SAME_MOMENT);
        self.talk_from = Some(at);
        self.changed = true;
    }

    /// The offer to a member whose line was not dialled but moved here, to the far end of a loop.
    fn offer_through(&self, index: usize) -> Option<usize> {
        let here = self.legs[index].talk_bridge()?;
        let mut halves = (0..self.legs.len()).filter(|half| self.legs[*half].in_bridge(here));
        halves.find_map(|half| self.offer_of_loop(half)).filter(|offer| !self.is_claimed(*offer))
    }

    /// Whether a leg only went from one bridge to the next, with the same party: a loop between them
    /// has gone.
    fn talks_on(&mut self, index: usize, at: Time) -> bool {
        let agent = self.name_of(index);
        let party_bridge = self.party().and_then(Leg::talk_bridge).cloned();
        let leg = &mut self.legs[index];
        let Some(until) = leg.talked_until.filter(|until| at - *until < SAME_MOMENT) else { return false };
        let Some(last) = self.call.segments.last_mut().filter(|last| last.agent == agent && last.to == Some(until))
        else {
            return false;
        };
        last.to = None;
        leg.segment = Some(self.call.segments.len() - 1);
        leg.talked_in = party_bridge;
        self.changed = true;
        true
    }

    pub(super) fn close_segment(&mut self, index: usize, at: Time) {
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
    pub(super) fn hold(&mut self, index: usize, at: Time) {
        let leg = &self.legs[index];
        let Some(segment) = leg.segment else { return };
        let holds = &mut self.call.segments[segment].holds;
        let is_held = holds.last().is_some_and(|hold| hold.to.is_none());
        match (is_held, leg.holds || leg.away_since.is_some()) {
            (false, true) => holds.push(Span { from: at, to: None }),
            (true, false) => {
                holds.last_mut().into_iter().for_each(|hold| hold.to = Some(at));
                // What was talked before the hold may not have sufficed.
                let held = Span::sum(holds).unwrap_or_default();
                self.talk_from = Some(self.call.segments[segment].from + held);
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
        let rings = self.call.offers.iter().enumerate().filter(|(_, offer)| offer.to.is_none());
        let rings = rings.map(|(index, offer)| {
            // Answered, and talks with the one who asks before there is the caller.
            let asked = offer.outcome.is_some() && self.legs.iter().any(|leg| leg.offer == Some(index) && leg.has_met);
            (&offer.agent, if asked { Doing::Talking(None) } else { Doing::Ringing(offer.queue.clone()) })
        });
        talks.chain(dials.map(|agent| (agent, Doing::Dialling))).chain(rings)
    }
}
