//! What the board does about PBXes that connect to us: their lines are observed and go to the journal,
//! and after a start the journal is told to the tracker again.

use protocol::native::mapping::Mapping;
use protocol::native::wire::{FromSender, Numbered};
use tracing::warn;

use super::Board;
use crate::calls::tracker::Change;
use crate::engine::Input;
use crate::link::native::{Line, Said};
use crate::store::journal::{Entry, Kept, Source};
use crate::{CallId, PbxName, Time};

impl Board {
    pub(super) fn hear_native(&mut self, pbx: &PbxName, said: Said) {
        match said {
            Said::Line(line) => self.line(pbx, line),
            Said::Missed { at, entry, nth, committed } => {
                let Some(seat) = self.seats.get_mut(pbx) else { return };
                seat.tracker.lost_sight(at, &mut self.changes);
                let up: Vec<CallId> = seat.tracker.calls().map(|call| call.id.clone()).collect();
                self.follow(pbx, at);
                for call in up {
                    let entry = Entry { call: Some(call), ..entry.clone() };
                    self.handing.journal(pbx, entry, nth, &committed);
                }
                // Also where nothing is up: the run is known from now on.
                self.handing.journal(pbx, entry, nth, &committed);
            }
            Said::There { at, boot, whole } => {
                let Some(seat) = self.seats.get_mut(pbx) else { return };
                seat.tracker.runs(boot, at, &mut self.changes);
                if whole {
                    seat.tracker.in_sight_again(at, &mut self.changes);
                }
                self.follow(pbx, at);
                if whole {
                    self.stands(pbx, at);
                }
            }
            Said::Away { from, to, why } => {
                if to.is_none()
                    && let Some(seat) = self.seats.get_mut(pbx)
                {
                    seat.tracker.hidden(from, &mut self.changes);
                    self.follow(pbx, from);
                    self.stale = true;
                }
                self.handing.add(Input::Outage { pbx: pbx.clone(), from, to, why });
            }
        }
    }

    fn line(&mut self, pbx: &PbxName, line: Line) {
        let Line { mut entry, events, nth, committed } = line;
        for event in events {
            let leg = event.leg().cloned();
            let before = self.call_at(pbx, leg.as_ref());
            self.observe(pbx, entry.at, event);
            // A call that ended with it is found before, one that began with it after.
            entry.call = self.call_at(pbx, leg.as_ref()).or(before).or(entry.call);
        }
        self.handing.journal(pbx, entry, nth, &committed);
    }

    fn call_at(&self, pbx: &PbxName, leg: Option<&protocol::LegId>) -> Option<CallId> {
        self.seats.get(pbx)?.tracker.call_of(leg?).cloned()
    }

    /// Before anything is heard: what the journal holds is told again. Says which call each line
    /// turned out to tell of.
    pub fn remember(
        &mut self,
        pbx: &PbxName,
        kept: Vec<Kept>,
        newest: Option<&Source>,
        mapping: &mut Mapping,
    ) -> Vec<(i64, Option<CallId>)> {
        let mut tells: Vec<(i64, Option<CallId>)> = Vec::new();
        for Kept { nth, call, boot, at, line } in kept {
            let Some(seat) = self.seats.get_mut(pbx) else { break };
            mapping.runs(boot.clone());
            seat.tracker.runs(boot, at, &mut self.changes);
            if line.is_empty() {
                seat.tracker.lost_sight(at, &mut self.changes);
                tells.push((nth, seat.tracker.call(&call).map(|call| call.id.clone())));
                continue;
            }
            let mut events = Vec::new();
            let mapped = match FromSender::parse(line.as_bytes()) {
                Ok(FromSender::Told(Numbered { told, .. })) => mapping.map_again(told, &mut events),
                Ok(_) => Err("it bears no number".to_owned()),
                Err(malformed) => Err(malformed.reason),
            };
            if let Err(why) = mapped {
                warn!(%pbx, nth, "a line of the journal is passed by: {why}");
            }
            let mut of = None;
            for event in events {
                let leg = event.leg().cloned();
                let call = |tracker: &crate::calls::tracker::Tracker| tracker.call_of(leg.as_ref()?).cloned();
                let before = call(&seat.tracker);
                seat.tracker.observe(at, event, &mut self.changes);
                of = call(&seat.tracker).or(before).or(of);
            }
            tells.push((nth, of));
            for change in &self.changes {
                if let Change::Merged { from, into } = change {
                    tells.iter_mut().filter(|(_, of)| of.as_ref() == Some(from)).for_each(|(_, of)| {
                        *of = Some(into.clone());
                    });
                }
            }
            self.follow(pbx, at);
        }
        if let Some(seat) = self.seats.get_mut(pbx) {
            let now: Time = self.wall.now();
            if let Some(newest) = newest {
                mapping.runs(newest.boot.clone());
                seat.tracker.runs(newest.boot.clone(), newest.last_at, &mut self.changes);
            }
            seat.tracker.hidden(now, &mut self.changes);
            self.follow(pbx, now);
        }
        tells
    }
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
