//! Which legs are one call.

use protocol::event::{self, BootId, BridgeKind};

use super::{CallNo, Change, Place, Tracker};
use crate::calls::call::{Call, Direction};
use crate::calls::dialplan::Side;
use crate::calls::leg::Leg;
use crate::calls::live::Live;
use crate::{CallId, LegId, Time};

/// How many legs are remembered that came before their roots: more than start while one event
/// overtakes another.
const ROOTLESS: usize = 256;

impl Tracker {
    pub(super) fn find(&self, leg: &LegId) -> Option<CallNo> {
        match self.legs.get(leg) {
            Some(Place::In(no)) => Some(*no),
            Some(Place::Loose(_) | Place::Spying { .. }) | None => None,
        }
    }

    fn is_resting(&self, leg: &LegId) -> bool {
        match self.legs.get(leg) {
            Some(Place::Loose(leg)) => matches!(leg.bridge, Some((_, BridgeKind::Resting))),
            Some(Place::In(_) | Place::Spying { .. }) | None => false,
        }
    }

    pub(super) fn in_order(&self) -> Vec<CallNo> {
        let mut calls: Vec<CallNo> = self.calls.keys().copied().collect();
        calls.sort_unstable();
        calls
    }

    /// Puts a new leg where its root is, or begins a call with it.
    pub(super) fn place(&mut self, told: event::Leg, root: Option<LegId>, at: Time) -> CallNo {
        let side = self.side(&told);
        let leg = Leg::new(told, side, self.round);
        // An agent's line is older than the calls that it takes, and lends them its root.
        let root = root.filter(|root| !self.is_resting(root));
        match root.as_ref().and_then(|root| self.adopt(root, at)) {
            Some(no) => {
                self.legs.insert(leg.id.clone(), Place::In(no));
                if let Some(live) = self.calls.get_mut(&no) {
                    live.add(leg);
                }
                no
            }
            None => {
                let id = leg.id.clone();
                let no = self.begin(leg, at);
                // How the call began, of which the leg is a part, was not seen, or is told yet.
                if let (Some(root), Some(live)) = (root, self.calls.get_mut(&no)) {
                    live.call.certain = false;
                    self.rootless.push_back((root, id));
                    self.rootless.drain(..self.rootless.len().saturating_sub(ROOTLESS));
                }
                no
            }
        }
    }

    /// A root has come that legs of its call have overtaken.
    pub(super) fn rooted(&mut self, root: &LegId, at: Time, out: &mut Vec<Change>) {
        while let Some(place) = self.rootless.iter().position(|(awaited, _)| awaited == root) {
            let Some((_, leg)) = self.rootless.remove(place) else { return };
            if let Some(live) = self.find(&leg).and_then(|no| self.calls.get_mut(&no)) {
                live.call.certain = true;
                self.join(root, &leg, at, out);
            }
            if let Some(no) = self.find(root) {
                self.after(no, at, out);
            }
        }
    }

    /// An agent's phone that was called, and now calls somebody itself, has been sent away from the
    /// party (as by `Redirect`), which nothing else tells. The PBX goes on to count it, and whom it
    /// calls, as of the call that it came from.
    pub(super) fn dials_alone(&mut self, by: &LegId, leg: &LegId, at: Time, out: &mut Vec<Change>) {
        let (Some(from), Some(to)) = (self.find(by), self.find(leg)) else { return };
        let is_sent_away = from == to && self.calls.get(&from).is_some_and(|live| live.is_sent_away(by));
        if is_sent_away {
            self.take_out(by, at, out);
        }
        if is_sent_away || (from != to && self.calls.get(&to).is_some_and(|live| live.is_fresh(leg))) {
            self.take_out(leg, at, out);
        }
    }

    pub(super) fn take_out(&mut self, id: &LegId, at: Time, out: &mut Vec<Change>) {
        if let Some(no) = self.find(id)
            && let Some(leg) = self.calls.get_mut(&no).and_then(|live| live.release(id, at))
        {
            self.legs.insert(id.clone(), Place::Loose(Box::new(leg)));
            self.after(no, at, out);
        }
    }

    /// The leg is known by another id from now on. A call keeps the id that it was told by.
    pub(super) fn rename(&mut self, was: &LegId, id: LegId) {
        match self.legs.remove(was) {
            Some(Place::In(no)) => {
                self.legs.insert(id.clone(), Place::In(no));
                if let Some(live) = self.calls.get_mut(&no) {
                    live.rename(was, &id);
                }
            }
            Some(Place::Loose(mut leg)) => {
                leg.id = id.clone();
                self.legs.insert(id, Place::Loose(leg));
            }
            // Such legs are known by their names.
            Some(spying @ Place::Spying { .. }) => drop(self.legs.insert(was.clone(), spying)),
            None => {}
        }
    }

    /// What is now told of a leg that was known by its id alone, or told before.
    pub(super) fn fill(&mut self, no: CallNo, told: event::Leg) {
        let side = self.side(&told);
        let round = self.round;
        let Some(leg) = self.calls.get_mut(&no).and_then(|live| live.leg_mut(&told.id)) else { return };
        leg.round = round;
        if leg.is_unseen() {
            *leg = Leg { asked_to_end: leg.asked_to_end, ..Leg::new(told, side, round) };
        } else {
            leg.state = leg.state.max(told.state);
        }
    }

    pub(super) fn side(&self, told: &event::Leg) -> Side {
        self.dialplan.side(&told.device, self.staff.is_member(&told.device))
    }

    /// The leg's call; a loose leg that is up to something begins one.
    pub(super) fn adopt(&mut self, id: &LegId, at: Time) -> Option<CallNo> {
        match self.legs.get(id)? {
            Place::In(no) => return Some(*no),
            Place::Spying { .. } => return None,
            Place::Loose(_) => {}
        }
        match self.legs.remove(id)? {
            Place::In(no) => Some(no),
            Place::Spying { .. } => None,
            Place::Loose(leg) => Some(self.begin(*leg, at)),
        }
    }

    pub(super) fn begin(&mut self, root: Leg, at: Time) -> CallNo {
        let no = CallNo(self.next);
        self.next += 1;
        let id = self.name_call(&root.id);
        let call = Call {
            id: id.clone(),
            pbx: self.pbx.clone(),
            direction: if root.side == Side::Outside { Direction::Inbound } else { Direction::Internal },
            caller: None,
            caller_name: None,
            number: None,
            to: None,
            agent: None,
            started_at: at,
            answered_at: None,
            ended_at: None,
            outcome: None,
            ended_by: None,
            waits: Vec::new(),
            segments: Vec::new(),
            offers: Vec::new(),
            transfers: Vec::new(),
            survey: None,
            originated: None,
            certain: root.seen_whole,
        };
        self.legs.insert(root.id.clone(), Place::In(no));
        self.ids.insert(id, no);
        self.calls.insert(no, Box::new(Live::new(call, root)));
        no
    }

    /// Letters, digits and `.-_` only, so that the id is safe in URLs and in HTML.
    pub(super) fn name_call(&self, root: &LegId) -> CallId {
        let boot = self.boot.as_ref().map_or("0", BootId::as_str);
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
        let mut id = String::with_capacity(self.pbx.as_str().len() + boot.len() + root.as_str().len() + 2);
        for part in [self.pbx.as_str(), "-", boot, "-", root.as_str()] {
            id.extend(part.chars().map(safe));
        }
        CallId(id.into())
    }

    /// The two legs are of one call.
    pub(super) fn join(&mut self, one: &LegId, other: &LegId, at: Time, out: &mut Vec<Change>) {
        let both = (self.legs.contains_key(one), self.legs.contains_key(other));
        if both == (true, true)
            && let (Some(one), Some(other)) = (self.adopt(one, at), self.adopt(other, at))
        {
            self.merge(one, other, out);
        }
    }

    pub(super) fn merge(&mut self, one: CallNo, other: CallNo, out: &mut Vec<Change>) -> CallNo {
        if one == other {
            return one;
        }
        let rank = |no: &CallNo| (self.calls.get(no).map(|live| live.standing()), *no);
        let (into, from) = if rank(&one) <= rank(&other) { (one, other) } else { (other, one) };
        let Some(merged) = self.calls.remove(&from) else { return into };
        self.ids.remove(&merged.call.id);
        for leg in &merged.legs {
            self.legs.insert(leg.id.clone(), Place::In(into));
            if let Some((bridge, BridgeKind::Talk)) = &leg.bridge {
                self.bridges.insert(bridge.clone(), into);
            }
        }
        let (from, doing, told) = (merged.call.id.clone(), merged.doing.clone(), merged.told);
        let at = merged.call.started_at;
        let Some(live) = self.calls.get_mut(&into) else { return into };
        live.take_over(*merged);
        let id = live.call.id.clone();
        let agents = self.staff.does(&from, &doing, &[], at);
        self.tell_agents(agents, out);
        if self.staff.waits_as(&from, &id) {
            out.push(Change::Queues);
        }
        if told {
            out.push(Change::Merged { from, into: id });
        }
        into
    }
}
