//! Which way the call goes, who its party is, and what the two ends are called.

use protocol::event::{LegKind, LegState};

use super::{Live, set_once};
use crate::calls::call::Direction;
use crate::calls::dialplan::Side;
use crate::calls::leg::Leg;
use crate::number::{Numbering, is_withheld};

impl Live {
    /// Direction, party, and who is whom.
    pub(super) fn classify(&mut self, numbering: &Numbering) {
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
    pub(super) fn find_party(&self) -> Option<&Leg> {
        let outside = |leg: &&Leg| leg.side == Side::Outside;
        match self.call.direction {
            Direction::Inbound => self.phones().find(|leg| outside(leg) && leg.called_by.is_none()),
            Direction::Internal => self.lead(),
            Direction::Outbound => {
                let answered = |leg: &&Leg| leg.state == LegState::Up && leg.kind == LegKind::Device;
                self.legs.iter().filter(outside).find(answered)
            }
        }
    }

    /// Who calls whom, as far as it is not yet known.
    pub(super) fn name_ends(&mut self, numbering: &Numbering) {
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
}
