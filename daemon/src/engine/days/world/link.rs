//! Between the daemon and the PBX: what is heard, cuts, and what is told after them.

use rand::Rng;

use super::super::diary::Standing;
use super::super::machine::time;
use super::super::pbx::{BOOT, Move, PBXS};
use super::{Happening, Verdict, World};
use crate::LegId;
use crate::engine::Input;

impl World {
    pub fn name(pbx: usize, root: &LegId) -> String {
        format!("{}-{BOOT}-{root}", PBXS[pbx])
    }

    pub(super) fn moves(&mut self, no: u64, what: Move) -> Verdict {
        if let Move::Transfers { phone } = what {
            // Only to whoever is free now, of a call that is up.
            let is_taken = self.engaged.values().any(|(_, taken)| *taken == Some(phone));
            let Some((_, own)) = self.engaged.get_mut(&no).filter(|_| !is_taken) else { return Ok(()) };
            *own = Some(phone);
        }
        let said = self.pbx.plays(no, what, self.at);
        if matches!(what, Move::Ends(_)) {
            self.engaged.remove(&no);
        }
        if !said.is_empty() && self.machine.running().is_some() && self.links_up[self.pbx.calls[&no].pbx] {
            if self.sleeps {
                self.unread.push((no, what, said));
            } else {
                self.hears(no, what, said);
            }
        }
        // What happens at one moment is told at once.
        let goes_on = self
            .plan
            .first_key_value()
            .is_some_and(|((at, _), what)| *at == self.at && matches!(what, Happening::Moves(..)));
        if goes_on || self.sleeps || self.machine.running().is_none() { Ok(()) } else { self.takes(None) }
    }

    pub(super) fn hears(&mut self, no: u64, what: Move, said: Vec<protocol::CallEvent>) {
        let now = self.wall();
        self.notes(|| format!("call {no} {what:?}"));
        let call = &self.pbx.calls[&no];
        let (pbx, name) = (call.pbx, World::name(call.pbx, &call.root));
        self.names.insert(name.clone(), no);
        self.diary.hears(no, what, (pbx, call.line, call.phone.filter(|_| call.is_ours), name), now);
        let daemon = self.machine.daemon();
        for event in said {
            daemon.trackers[pbx].observe(time(now), event, &mut daemon.changes);
        }
        daemon.follow();
    }

    /// The link is cut: at once, or the daemon finds it cut as it wakes up.
    pub fn cuts(&mut self, pbx: usize) -> Verdict {
        let now = self.wall();
        self.notes(|| format!("the link to {} is cut", PBXS[pbx]));
        self.links_up[pbx] = false;
        self.diary.loses_sight(pbx);
        let daemon = self.machine.daemon();
        daemon.trackers[pbx].lost_sight(time(now), &mut daemon.changes);
        daemon.follow();
        daemon.handing.add(Input::Outage { pbx: PBXS[pbx].into(), from: time(now), to: None, why: "cut".into() });
        let after = [100, 2_000, 9_000, 60_000, 600_000][self.chance.random_range(0..5)];
        let after = self.chance.random_range(after / 2..=after);
        self.later(after, Happening::Connects(pbx));
        self.takes(None)
    }

    pub(super) fn connects(&mut self, pbx: usize) -> Verdict {
        if self.links_up[pbx] || self.sleeps || self.machine.running().is_none() {
            return Ok(());
        }
        let now = self.wall();
        self.notes(|| format!("the link to {} is there, and all that is up is told", PBXS[pbx]));
        self.links_up[pbx] = true;
        let mut up = Vec::new();
        for (no, call) in self.pbx.up(pbx) {
            let name = World::name(pbx, &call.root);
            self.names.insert(name.clone(), no);
            let standing = Standing {
                line: call.line,
                dials: call.phone.filter(|_| call.is_ours),
                name,
                started: now - (self.at - call.since),
                queue: call.queue.map(|(queue, _)| queue),
                talker: call.phone.filter(|_| call.talks),
            };
            up.push((no, standing));
        }
        self.stands[pbx] = Some(up.iter().map(|(no, _)| *no).collect());
        self.diary.sees_all(pbx, up, now);
        let daemon = self.machine.daemon();
        for event in self.pbx.tells_all(pbx, self.at) {
            daemon.trackers[pbx].observe(time(now), event, &mut daemon.changes);
        }
        daemon.follow();
        let up = daemon.trackers[pbx].calls().map(|call| call.id.clone()).collect();
        daemon.handing.add(Input::Standing { pbx: PBXS[pbx].into(), at: time(now), up });
        self.takes(None)
    }

    pub(super) fn wakes(&mut self, is_cut_off: bool) -> Verdict {
        self.notes(|| "the machine wakes up".into());
        self.sleeps = false;
        let unread = std::mem::take(&mut self.unread);
        if self.machine.running().is_none() {
            return Ok(());
        }
        if is_cut_off {
            return (0..PBXS.len()).filter(|pbx| self.links_up[*pbx]).collect::<Vec<_>>().into_iter().try_for_each(
                |pbx| {
                    if self.links_up[pbx] && self.machine.running().is_some() { self.cuts(pbx) } else { Ok(()) }
                },
            );
        }
        for (no, what, said) in unread {
            self.hears(no, what, said);
        }
        self.takes(None)
    }
}
