//! Where legs meet.

use protocol::event::{BridgeId, BridgeKind, Spot};

use super::{CallNo, Change, Place, Tracker};
use crate::calls::live::Fate;
use crate::{LegId, Time};

impl Tracker {
    pub(super) fn joined_bridge(
        &mut self,
        id: &LegId,
        (bridge, kind): (BridgeId, BridgeKind),
        instead_of: Option<&LegId>,
        spot: Option<Box<Spot>>,
        at: Time,
        out: &mut Vec<Change>,
    ) {
        // A list of channels does not say where an agent's line is, only that it is one.
        let kind =
            if self.bridges.contains_key(&bridge) && kind == BridgeKind::Resting { BridgeKind::Talk } else { kind };
        if kind == BridgeKind::Resting {
            return self.rests(id, bridge, at, out);
        }
        if let Some(before) = instead_of {
            self.join(before, id, at, out);
        }
        let Some(no) = self.adopt(id, at) else { return };
        let no = match self.bridges.get(&bridge) {
            Some(other) if kind == BridgeKind::Talk => self.merge(*other, no, out),
            Some(_) | None => no,
        };
        if kind == BridgeKind::Talk {
            self.bridges.insert(bridge.clone(), no);
        }
        if let Some(live) = self.calls.get_mut(&no) {
            if let Some(before) = instead_of {
                live.replaced(before, id);
            }
            if kind == BridgeKind::Holding {
                live.put_aside(id);
            }
            if let Some(leg) = live.leg_mut(id) {
                leg.bridge = Some((bridge, kind));
                leg.spot = spot;
                leg.has_met |= leg.talk_bridge().is_some();
                leg.handed_on = false;
                // Whom it had put on hold, it hears again or has left behind.
                leg.holds = false;
            }
        }
        self.after(no, at, out);
    }

    /// An agent's line is out of its call, and free for the next.
    fn rests(&mut self, id: &LegId, bridge: BridgeId, at: Time, out: &mut Vec<Change>) {
        self.take_out(id, at, out);
        // Its own call was to come here.
        if let Some(no) = self.find(id) {
            self.end(no, Fate::Rests, at, out);
        }
        if let Some(Place::Loose(leg)) = self.legs.get_mut(id) {
            leg.bridge = Some((bridge, BridgeKind::Resting));
            leg.seen_whole = true;
        }
    }

    pub(super) fn left_bridge(
        &mut self,
        id: &LegId,
        bridge: &BridgeId,
        spot: Option<Box<Spot>>,
        at: Time,
        out: &mut Vec<Change>,
    ) {
        match self.legs.get_mut(id) {
            Some(Place::Loose(leg)) => leg.bridge = None,
            Some(Place::In(no)) => {
                let no = *no;
                let Some(live) = self.calls.get_mut(&no) else { return };
                // It may have been told to be elsewhere by now.
                if let Some(leg) = live.leg_mut(id).filter(|leg| leg.in_bridge(bridge)) {
                    let talked = leg.talk_bridge().is_some();
                    let (stood, ends) = (leg.spot.take(), leg.asked_to_end.is_some());
                    leg.bridge = None;
                    if let (Some(stood), Some(spot)) = (stood, spot)
                        && talked
                        && !ends
                        && stood != spot
                    {
                        live.sent_away(id, &spot.extension, at);
                    }
                }
                self.forget_bridge(bridge, no);
                self.after(no, at, out);
            }
            Some(Place::Spying { .. }) | None => {}
        }
    }

    pub(super) fn bridges_merged(&mut self, from: &BridgeId, into: BridgeId, at: Time, out: &mut Vec<Change>) {
        let Some(no) = self.bridges.remove(from) else { return };
        let no = match self.bridges.get(&into) {
            Some(other) => self.merge(*other, no, out),
            None => no,
        };
        self.bridges.insert(into, no);
        // Who is moved is told leg by leg; who is not, the transferer, was not moved.
        self.after(no, at, out);
    }

    pub(super) fn forget_bridge(&mut self, bridge: &BridgeId, no: CallNo) {
        let is_used = self.calls.get(&no).is_some_and(|live| live.legs.iter().any(|leg| leg.in_bridge(bridge)));
        if !is_used && self.bridges.get(bridge) == Some(&no) {
            self.bridges.remove(bridge);
        }
    }
}
