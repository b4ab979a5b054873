//! How the call comes to its end, and what it was then.

use protocol::event::{DialEnd, HangupBy, LegState};

use super::{Live, SAME_MOMENT};
use crate::calls::call::{Call, Direction, EndedBy, Outcome};
use crate::calls::leg::Leg;
use crate::{LegId, Time};

/// How a call comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::calls) enum Fate {
    Seen,
    /// The PBX went down, and said so.
    PbxStopped,
    /// It was up when we last looked, and is not now.
    Vanished,
    /// An agent's line that came to rest.
    Rests,
}

impl Live {
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
        // The first who asks; unless the call went on for a while after that. What the PBX asks in
        // the same moment follows from what a party asked, and may be told first.
        let outdone = |(who, asked)| by == HangupBy::Party && (at - asked >= SAME_MOMENT || who == EndedBy::Pbx);
        if self.ender.is_none_or(outdone) {
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
        self.stopped_ringing(index, cause, at);
    }

    /// The call as it is remembered; its legs are no longer its own.
    pub fn finish(mut self, at: Time, fate: Fate) -> (Call, Vec<Leg>) {
        for index in 0..self.legs.len() {
            self.close_segment(index, at);
        }
        for index in 0..self.legs.len() {
            self.stopped_ringing(index, 0, at);
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
            Fate::Vanished | Fate::Rests => Outcome::Answered,
        });
        self.call.ended_by = match fate {
            Fate::Seen => Some(self.ender.map_or(EndedBy::Pbx, |(who, _)| who)),
            Fate::PbxStopped | Fate::Rests => Some(EndedBy::Pbx),
            Fate::Vanished => None,
        };
        self.call.certain &= fate != Fate::Vanished && !self.handed_away;
        self.call.ended_at = Some(at);
        (self.call, self.legs)
    }

    /// The PBX itself took the call.
    fn was_let_in(&self) -> bool {
        self.lead().is_some_and(|lead| lead.state == LegState::Up)
    }

    pub(super) fn outcome(&self) -> Outcome {
        if !self.call.segments.is_empty() {
            return Outcome::Answered;
        }
        match (self.stays.last(), self.call.direction) {
            (Some(stay), _) => self.outcome_of(*stay),
            // Whoever went may have been served, or have waited, while nobody looked.
            (None, Direction::Inbound) if !self.call.certain => Outcome::Failed,
            (None, Direction::Inbound) if !self.call.offers.is_empty() => Outcome::Missed,
            (None, Direction::Inbound) => match self.ender {
                Some((EndedBy::Caller, _)) => Outcome::Abandoned,
                // Was let in, was rung for nobody, and was sent away.
                Some((EndedBy::Agent | EndedBy::Pbx, _)) | None if self.was_let_in() => Outcome::TimedOut,
                Some((EndedBy::Agent | EndedBy::Pbx, _)) | None => Outcome::Failed,
            },
            // A conference, a voice, a feature of the PBX.
            (None, Direction::Internal) if self.dial.is_none() && self.was_let_in() => Outcome::Answered,
            (None, Direction::Outbound | Direction::Internal) => match &self.dial {
                Some((_, Some(DialEnd::Busy))) => Outcome::Busy,
                Some((_, Some(DialEnd::NoAnswer | DialEnd::Cancelled) | None)) => Outcome::NoAnswer,
                Some((_, Some(DialEnd::Answered | DialEnd::Failed))) | None => Outcome::Failed,
            },
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
