//! What we hold for true, laid beside what the PBX says when it is looked at.

use std::collections::BTreeMap;

use protocol::CallEvent;
use protocol::event::{Duty, MemberState};

use super::{Change, Place, Tracker};
use crate::calls::look::{Difference, Held, Seen};
use crate::{Extension, LegId, Time};

impl Tracker {
    pub(super) fn look_began(&mut self) {
        let held = self.held();
        self.looks.began(held);
    }

    pub(super) fn look_ended(&mut self, at: Time, out: &mut Vec<Change>) {
        let held = self.held();
        let mut looks = std::mem::take(&mut self.looks);
        let found = looks.ended(at, &held, |leg| self.call_of(leg).cloned());
        self.looks = looks;
        for difference in found {
            self.doubt(&difference, at, out);
            out.push(Change::Drift(difference));
        }
    }

    /// Whether another look should come soon: what the last one found may only have been on its
    /// way.
    pub fn has_doubts(&self) -> bool {
        self.looks.have_doubts()
    }

    /// Whether the event is no news, but part of a look's answer.
    pub fn compares(&self, event: &CallEvent) -> bool {
        let is_listed =
            matches!(event, CallEvent::LegSeen(_) | CallEvent::QueueSeen { .. } | CallEvent::CallerSeen { .. });
        is_listed && self.looks.are_under_way()
    }

    /// Compares, where that is to be done, and takes over how the member stands.
    pub(super) fn member_is(&mut self, told: MemberState, at: Time, out: &mut Vec<Change>) {
        let differs = if self.looks.are_under_way() { self.staff.differs(&told) } else { Vec::new() };
        let agent = self.staff.agent_of(&told.member);
        self.looks.member(at, &told, &agent, differs);
        let moved = self.staff.member_is(told, at);
        self.tell_moved(moved, out);
    }

    pub(super) fn agent_is(&mut self, agent: Extension, duty: Duty, wrap_up_s: u32, at: Time, out: &mut Vec<Change>) {
        let differs = if self.looks.are_under_way() { self.staff.duty_differs(&agent, &duty) } else { None };
        self.looks.agent(at, &agent, differs.into_iter().collect());
        let moved = self.staff.agent_is(&agent, duty, wrap_up_s, at);
        self.tell_moved(moved, out);
    }

    fn held(&self) -> Held {
        let followed = self.calls.values().flat_map(|live| &live.legs).filter(|leg| !leg.ended);
        let followed = followed.map(|leg| {
            let bridge = leg.bridge.as_ref().map(|(bridge, _)| bridge.clone());
            // What was only asked for is not yet in a state.
            let seen = (!leg.is_unseen()).then(|| Seen { state: leg.state, bridge, device: leg.device.clone() });
            (leg.id.clone(), seen)
        });
        let loose = self.legs.iter().filter_map(|(id, place)| match place {
            Place::In(_) => None,
            Place::Loose(_) | Place::Spying { .. } => Some((id.clone(), None)),
        });
        let mut legs: BTreeMap<LegId, Option<Seen>> = followed.collect();
        legs.extend(loose);
        Held { legs, waiting: self.staff.waiting(), members: self.staff.seats() }
    }

    /// Not all of the call was seen.
    fn doubt(&mut self, difference: &Difference, at: Time, out: &mut Vec<Change>) {
        let no = match difference {
            Difference::LegGone { leg }
            | Difference::LegAnswered { leg }
            | Difference::LegElsewhere { leg, .. }
            | Difference::CallerUnknown { caller: leg, .. } => self.find(leg),
            Difference::CallerGone { call, .. } => self.ids.get(call).copied(),
            Difference::LegUnknown { .. }
            | Difference::MemberUnknown { .. }
            | Difference::MemberGone { .. }
            | Difference::Break { .. }
            | Difference::Phone { .. }
            | Difference::InCall { .. } => None,
        };
        let Some(no) = no else { return };
        if let Some(live) = self.calls.get_mut(&no) {
            live.changed |= live.call.certain;
            live.call.certain = false;
        }
        self.after(no, at, out);
    }
}
