//! Legs by which somebody listens in. They are ours by their names, so that they are known again
//! after a restart, and they are no calls: no ticket, no pop and no talk comes of them, and whose
//! talk is heard is neither called nor talking twice. All that they show is what the listener's own
//! phone does.

use protocol::event::{LegState, plain_name};

use super::{Change, Place, Tracker};
use crate::calls::staff::Doing;
use crate::{CallId, Extension, LegId, Time};

/// How the names of such legs begin.
const SPYING: &str = "ringback-spy-";

/// The name of a leg that is to listen in.
pub fn spying_leg(count: i64) -> LegId {
    format!("{SPYING}{count}").as_str().into()
}

pub(super) fn is_spying(leg: &LegId) -> bool {
    leg.as_str().starts_with(SPYING)
}

/// Somebody who listens in, or whose phone rings for it.
#[derive(Debug)]
pub(super) struct Spy {
    /// Whose phone.
    who: Extension,
    /// Stands for it among what the phone does.
    id: CallId,
    /// The PBX told of the leg.
    seen: bool,
    /// Picked up when.
    since: Option<Time>,
    round: u32,
}

impl Tracker {
    /// We asked the PBX to ring `who`'s phone as `leg`, for it to listen in.
    pub fn asked_to_spy(&mut self, at: Time, leg: LegId, who: Extension, out: &mut Vec<Change>) {
        self.unseen.insert((at + super::CAME_UP_WITHIN, leg.clone()));
        self.spy(leg, who, false, at, out);
    }

    /// Part of it: its own leg, or one that the PBX made on the way to the phone.
    pub(super) fn is_of_spy(&self, leg: &LegId, root: Option<&LegId>) -> bool {
        is_spying(leg)
            || root.is_some_and(|root| is_spying(root) || matches!(self.legs.get(root), Some(Place::Spying { .. })))
    }

    /// The PBX told that a leg of it is there, in that state.
    pub(super) fn spy_seen(&mut self, leg: &LegId, device: &str, state: LegState, at: Time, out: &mut Vec<Change>) {
        if !is_spying(leg) {
            self.legs.insert(leg.clone(), Place::Spying { round: self.round });
            return;
        }
        let who: Extension = plain_name(device).into();
        self.spy(leg.clone(), who, true, at, out);
        self.spy_is(leg, state, at, out);
    }

    fn spy(&mut self, leg: LegId, who: Extension, seen: bool, at: Time, out: &mut Vec<Change>) {
        let round = self.round;
        self.legs.insert(leg.clone(), Place::Spying { round });
        if let Some(spy) = self.spies.get_mut(&leg) {
            (spy.seen, spy.round) = (spy.seen || seen, round);
            return;
        }
        let id = self.name_call(&leg);
        let agents = self.staff.does(&id, &[], &[(who.clone(), Doing::Ringing(None))], at);
        self.spies.insert(leg, Spy { who, id, seen, since: None, round });
        self.tell_agents(agents, out);
    }

    pub(super) fn spy_is(&mut self, leg: &LegId, state: LegState, at: Time, out: &mut Vec<Change>) {
        let Some(spy) = self.spies.get_mut(leg).filter(|spy| spy.since.is_none() && state == LegState::Up) else {
            return;
        };
        spy.since = Some(at);
        let (before, now) = ([(spy.who.clone(), Doing::Ringing(None))], [(spy.who.clone(), Doing::Listening)]);
        let agents = self.staff.does(&spy.id, &before, &now, at);
        self.tell_agents(agents, out);
        out.push(Change::Listening { leg: leg.clone(), since: at });
    }

    pub(super) fn spy_ended(&mut self, leg: &LegId, at: Time, out: &mut Vec<Change>) {
        self.legs.remove(leg);
        let Some(spy) = self.spies.remove(leg) else { return };
        let doing = if spy.since.is_some() { Doing::Listening } else { Doing::Ringing(None) };
        let agents = self.staff.does(&spy.id, &[(spy.who, doing)], &[], at);
        self.tell_agents(agents, out);
        out.push(Change::Listened { leg: leg.clone(), from: spy.since, to: at });
    }

    /// After a snapshot: who was not named in it listens no longer.
    pub(super) fn forget_spies(&mut self, still: impl Fn(u32) -> bool, at: Time, out: &mut Vec<Change>) {
        let gone: Vec<LegId> =
            self.spies.iter().filter(|(_, spy)| !still(spy.round)).map(|(leg, _)| leg.clone()).collect();
        for leg in gone {
            self.spy_ended(&leg, at, out);
        }
    }

    /// Whether the PBX has told nothing yet of a leg that we asked for.
    pub(super) fn spy_is_unseen(&self, leg: &LegId) -> bool {
        self.spies.get(leg).is_some_and(|spy| !spy.seen)
    }
}
