//! Between the daemon and the PBX: what is heard, cuts, and what is told after them.

use rand::Rng;

use super::super::diary::Standing;
use super::super::machine::time;
use super::super::pbx::{BOOT, Move};
use super::{Happening, Verdict, World};
use crate::LegId;
use crate::engine::Input;

impl World {
    pub fn name(no_root: &LegId) -> String {
        format!("hq-{BOOT}-{no_root}")
    }

    pub(super) fn moves(&mut self, no: u64, what: Move) -> Verdict {
        let said = self.pbx.plays(no, what, self.at);
        if matches!(what, Move::Ends(_)) {
            self.engaged.remove(&no);
        }
        if !said.is_empty() && self.machine.running().is_some() && self.link_is_up {
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
        let name = World::name(&call.root);
        self.names.insert(name.clone(), no);
        self.diary.hears(no, what, (call.line, call.phone.filter(|_| call.is_ours), name), now);
        let daemon = self.machine.daemon();
        for event in said {
            daemon.tracker.observe(time(now), event, &mut daemon.changes);
        }
        daemon.follow();
    }

    /// The link is cut: at once, or the daemon finds it cut as it wakes up.
    pub fn cuts(&mut self) -> Verdict {
        let now = self.wall();
        self.notes(|| "the link is cut".into());
        self.link_is_up = false;
        self.diary.loses_sight();
        let daemon = self.machine.daemon();
        daemon.tracker.lost_sight(time(now), &mut daemon.changes);
        daemon.follow();
        daemon.handing.add(Input::Outage { pbx: "hq".into(), from: time(now), to: None, why: "cut".into() });
        let after = [100, 2_000, 9_000, 60_000, 600_000][self.chance.random_range(0..5)];
        let after = self.chance.random_range(after / 2..=after);
        self.later(after, Happening::Connects);
        self.takes(None)
    }

    pub(super) fn connects(&mut self) -> Verdict {
        if self.link_is_up || self.sleeps || self.machine.running().is_none() {
            return Ok(());
        }
        let now = self.wall();
        self.notes(|| "the link is there, and all that is up is told".into());
        self.link_is_up = true;
        let mut up = Vec::new();
        for (no, call) in self.pbx.up() {
            let name = World::name(&call.root);
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
        self.stands = Some(up.iter().map(|(no, _)| *no).collect());
        self.diary.sees_all(up, now);
        let daemon = self.machine.daemon();
        for event in self.pbx.tells_all(self.at) {
            daemon.tracker.observe(time(now), event, &mut daemon.changes);
        }
        daemon.follow();
        let up = daemon.tracker.calls().map(|call| call.id.clone()).collect();
        daemon.handing.add(Input::Standing { pbx: "hq".into(), at: time(now), up });
        self.takes(None)
    }

    pub(super) fn wakes(&mut self, is_cut_off: bool) -> Verdict {
        self.notes(|| "the machine wakes up".into());
        self.sleeps = false;
        let unread = std::mem::take(&mut self.unread);
        if self.machine.running().is_none() {
            return Ok(());
        }
        if is_cut_off && self.link_is_up {
            return self.cuts();
        }
        for (no, what, said) in unread {
            self.hears(no, what, said);
        }
        self.takes(None)
    }
}
