//! Snapshots: what was not seen while the link was down.

use protocol::event::{self, BootId, BridgeId, BridgeKind, LegKind, LegState};

use super::{CallNo, Change, Place, Tracker};
use crate::calls::dialplan::Side;
use crate::calls::leg::Leg;
use crate::calls::live::{Fate, Live};
use crate::calls::look::Difference;
use crate::{CallId, LegId, QueueName, Time};

impl Tracker {
    pub(super) fn snapshot_began(&mut self, boot: BootId, at: Time, out: &mut Vec<Change>) {
        self.runs(boot, at, out);
        self.round += 1;
        self.listed.clear();
        self.staff.snapshot_began();
        self.seen_waiting.clear();
        self.seen_bridges.clear();
        self.seen_halves.clear();
        self.looks.forget();
    }

    fn leg_seen(&mut self, seen: event::LegSeen, at: Time, out: &mut Vec<Change>) {
        let event::LegSeen { leg: told, bridge, queue, half_of, up_ms } = seen;
        let id = told.id.clone();
        let started_at = at - chrono::TimeDelta::milliseconds(up_ms as i64);
        if self.is_of_spy(&id, told.linked.as_ref()) {
            return self.spy_seen(&id, told.device.as_str(), told.state, started_at, out);
        }
        let is_ringing = told.state == LegState::Ringing && told.kind == LegKind::Device;
        if self.seen_idle(&told, bridge.as_ref()) {
            return;
        }
        let known = self.find(&id);
        let no = match known {
            Some(no) => {
                self.fill(no, told);
                no
            }
            None => {
                self.legs.remove(&id);
                let root = told.linked.clone().filter(|root| root != &id);
                if let Some(root) = &root
                    && !self.legs.contains_key(root)
                {
                    self.begin(Leg::unseen(root.clone(), Side::Outside, true, self.round), started_at);
                }
                self.place(told, root, started_at)
            }
        };
        if let Some(live) = self.calls.get_mut(&no) {
            if known.is_none() || !live.told {
                live.call.started_at = live.call.started_at.min(started_at);
                live.call.certain = false;
            }
            if let Some(queue) = queue {
                live.call.to.get_or_insert_with(|| queue.to_string());
                live.queue_seen = Some(queue);
            }
            if half_of.is_none() {
                pair_loops(live, &id);
            }
        }
        if let Some(half_of) = half_of {
            self.seen_half(half_of, &id, at, out);
        }
        let Some(no) = self.find(&id) else { return };
        let moved = |leg: &mut Leg| leg.bridge.as_ref().map(|(its, _)| its) != bridge.as_ref().map(|(its, _)| its);
        let is_moved = self.calls.get_mut(&no).and_then(|live| live.leg_mut(&id)).is_some_and(moved);
        if is_moved {
            if let Some((old, _)) =
                self.calls.get_mut(&no).and_then(|live| live.leg_mut(&id)).and_then(|leg| leg.bridge.take())
            {
                self.forget_bridge(&old, no);
            }
            if let Some(bridge) = bridge {
                self.joined_bridge(&id, bridge, None, None, at, out);
            }
        }
        let Some(no) = self.find(&id) else { return };
        if is_ringing
            && known.is_none()
            && let Some(live) = self.calls.get_mut(&no)
        {
            live.seen_ringing(&id, started_at);
        }
        self.after(no, at, out);
        if let Some(index) = self.seen_waiting.iter().position(|(caller, ..)| caller == &id) {
            let (caller, queue, joined_at) = self.seen_waiting.swap_remove(index);
            self.queued(&caller, queue, joined_at, out);
        }
    }

    pub(super) fn snapshot_ended(&mut self, at: Time, out: &mut Vec<Change>) {
        self.is_listing = true;
        let mut listed = std::mem::take(&mut self.listed);
        let bridges = std::mem::take(&mut self.seen_bridges);
        // An agent's line may be its calls' root wherever it is, and is told by what it does there.
        let told = listed.iter_mut().filter_map(|(_, seen)| seen.bridge.as_mut());
        for (bridge, kind) in told.filter(|(_, kind)| *kind != BridgeKind::Resting) {
            *kind = bridges.get(bridge).copied().unwrap_or(*kind);
        }
        listed.sort_by_key(|(_, seen)| rank(seen));
        listed.into_iter().for_each(|(at, seen)| self.leg_seen(seen, at, out));
        self.is_listing = false;
        let round = self.round;
        let is_gone = |leg: &Leg| leg.round != round && !leg.ended;
        for no in self.in_order() {
            let Some(live) = self.calls.get_mut(&no) else { continue };
            let vanished: Vec<LegId> = live.legs.iter().filter(|leg| is_gone(leg)).map(|leg| leg.id.clone()).collect();
            if !vanished.is_empty() {
                self.vanished(no, &vanished, at, out);
            }
        }
        self.find_agents_at_work(at, out);
        // Loops that lead to nobody.
        for no in self.in_order() {
            self.after(no, at, out);
        }
        for (queue, call) in self.staff.unnamed() {
            self.waits_unnamed(&queue, &call, at, out);
        }
        self.legs.retain(|_, place| match place {
            Place::In(_) => true,
            Place::Loose(leg) => leg.round == round,
            Place::Spying { round: seen } => *seen == round,
        });
        self.forget_spies(|seen| seen == round, at, out);
        let agents = self.staff.snapshot_ended(at);
        self.tell_agents(agents, out);
        out.push(Change::Queues);
    }

    /// These legs of a call are gone, and when and how nobody knows.
    fn vanished(&mut self, no: CallNo, gone: &[LegId], at: Time, out: &mut Vec<Change>) {
        let Some(live) = self.calls.get_mut(&no) else { return };
        live.call.certain = false;
        let mut left = Vec::new();
        for id in gone {
            if let Some(leg) = live.leg_mut(id) {
                leg.ended = true;
                left.extend(leg.bridge.take());
            }
        }
        for (bridge, _) in left {
            self.forget_bridge(&bridge, no);
        }
        let Some(live) = self.calls.get_mut(&no) else { return };
        live.settle(&self.numbering, at).into_iter().for_each(|id| drop(self.legs.remove(&id)));
        if live.is_over() {
            self.end(no, Fate::Vanished, at, out);
        } else {
            self.after(no, at, out);
        }
    }

    pub(super) fn leg_gone(&mut self, leg: LegId, at: Time, out: &mut Vec<Change>) {
        match self.legs.get(&leg) {
            None => return,
            Some(Place::Loose(_)) => drop(self.legs.remove(&leg)),
            Some(Place::Spying { .. }) => self.spy_ended(&leg, at, out),
            Some(Place::In(no)) => self.vanished(*no, std::slice::from_ref(&leg), at, out),
        }
        out.push(Change::Drift(Difference::LegGone { leg }));
    }

    /// The other half may have another root, that of whom it reached.
    fn seen_half(&mut self, name: Box<str>, id: &LegId, at: Time, out: &mut Vec<Change>) {
        match self.seen_halves.remove(&name) {
            Some(other) => self.looped(&other, id, at, out),
            None => drop(self.seen_halves.insert(name, id.clone())),
        }
    }

    /// Whether a leg is in no call: an agent's line at rest, or one that outlived its call and has
    /// met nobody since.
    fn seen_idle(&mut self, told: &event::Leg, bridge: Option<&(BridgeId, BridgeKind)>) -> bool {
        let is_resting =
            bridge.is_some_and(|(its, kind)| *kind == BridgeKind::Resting && !self.bridges.contains_key(its));
        let outlived = matches!(self.legs.get(&told.id), Some(Place::Loose(_))) && bridge.is_none();
        if self.find(&told.id).is_some() || !(is_resting || outlived) {
            return false;
        }
        let mut leg = Leg::new(told.clone(), self.side(told), self.round);
        leg.bridge = bridge.cloned();
        leg.seen_whole = is_resting;
        self.legs.insert(leg.id.clone(), Place::Loose(Box::new(leg)));
        true
    }

    /// A list of channels does not say whether an agent's line rests or not: one that shares its
    /// bridge with a call does not.
    fn find_agents_at_work(&mut self, at: Time, out: &mut Vec<Change>) {
        let busy = |(id, place): (&LegId, &Place)| match place {
            Place::Loose(leg) => {
                let (bridge, _) = leg.bridge.as_ref().filter(|(bridge, _)| self.bridges.contains_key(bridge))?;
                Some((id.clone(), bridge.clone()))
            }
            Place::In(_) | Place::Spying { .. } => None,
        };
        let busy: Vec<(LegId, BridgeId)> = self.legs.iter().filter_map(busy).collect();
        for (id, bridge) in busy {
            self.joined_bridge(&id, (bridge, BridgeKind::Talk), None, None, at, out);
        }
    }

    /// A caller who waited has left the queue unseen.
    fn waits_unnamed(&mut self, queue: &QueueName, call: &CallId, at: Time, out: &mut Vec<Change>) {
        self.staff.waits_no_more(Some(queue), call);
        let Some(no) = self.ids.get(call).copied() else { return };
        if let Some(live) = self.calls.get_mut(&no) {
            live.call.certain = false;
            live.left_unseen(queue, at);
        }
        self.after(no, at, out);
    }

    pub(super) fn end_all(&mut self, fate: Fate, at: Time, out: &mut Vec<Change>) {
        for no in self.in_order() {
            self.end(no, fate, at, out);
        }
        self.forget_spies(|_| false, at, out);
        self.legs.clear();
        self.bridges.clear();
        self.looks.forget();
    }
}

/// Lines at which agents rest may be others' roots and lend them nothing, so they are known first;
/// then roots, then whom they reached, and at last what only leads from one to the other.
fn rank(seen: &event::LegSeen) -> u8 {
    let is_root = seen.leg.linked.as_ref().is_none_or(|root| *root == seen.leg.id);
    match (seen.leg.kind, &seen.bridge) {
        (LegKind::Loop, _) => 3,
        (LegKind::Device, Some((_, BridgeKind::Resting))) => 0,
        (LegKind::Device, _) if is_root => 1,
        (LegKind::Device, _) => 2,
    }
}

/// The halves of a loop have one device, where a snapshot does not say more.
fn pair_loops(live: &mut Live, id: &LegId) {
    let Some(half) = live.find(id).filter(|index| live.legs[*index].kind == LegKind::Loop) else { return };
    let is_other = |leg: &Leg| {
        leg.id != *id && leg.kind == LegKind::Loop && leg.other_half.is_none() && leg.device == live.legs[half].device
    };
    let Some(other) = live.legs.iter().position(is_other) else { return };
    live.legs[other].other_half = Some(id.clone());
    live.legs[half].other_half = Some(live.legs[other].id.clone());
}
