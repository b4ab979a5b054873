//! The daemon's starts, turns and deaths, and what must be so after each.

use std::collections::BTreeSet;

use rand::Rng;
use tokio::sync::oneshot;

use super::super::diary::Deed;
use super::super::hours::{DAY, HOUR, MINUTE, Ms};
use super::super::machine::{Site, Turned, time};
use super::super::pbx::{LINES, Move, PBXS, PHONES};
use super::{Happening, Sabotage, TURNS_ON_END, Verdict, World};
use crate::MessageId;
use crate::desk::asking::Ask;
use crate::desk::command::{Done, Refusal};
use crate::engine::Input;
use crate::live::Notice;

impl World {
    pub(super) fn starts(&mut self) -> Verdict {
        if self.sleeps {
            self.later(MINUTE, Happening::Starts);
            return Ok(());
        }
        self.notes(|| "the daemon starts".into());
        self.machine.start().map_err(|error| format!("it does not start: {error:#}"))?;
        if self.sabotage == Sabotage::NoKeys {
            self.forgets_the_ladder();
        }
        // What began in the place of what was dropped has fired nothing yet.
        let before = self.diary.owed.len();
        self.adopts_drops();
        self.learns_ids()?;
        self.adopts(before);
        let tickets = self.machine.sql("SELECT id FROM tickets");
        if let Some(untrue) = self.told.drain(..).find(|ticket| !tickets.contains(&ticket.to_string())) {
            return Err(format!("ticket {untrue} was told of, and is not kept"));
        }
        self.last_sent = MessageId(0);
        let after = self.chance.random_range(0..3_000);
        self.later(after, Happening::Connects(0));
        let other = self.chance.random_range(0..3_000);
        self.later(other, Happening::Connects(1));
        self.later(after, Happening::Delivers);
        self.takes(None)
    }

    pub(super) fn forgets_the_ladder(&mut self) {
        const SABOTAGE: &str = "PRAGMA foreign_keys = OFF;
            CREATE TABLE IF NOT EXISTS rungs_2 (obligation INTEGER, rung TEXT, planned_at_ms INTEGER,
                fired_at_ms INTEGER, late INTEGER);
            INSERT INTO rungs_2 SELECT * FROM rungs; DROP TABLE rungs; ALTER TABLE rungs_2 RENAME TO rungs;
            CREATE TABLE outbox_2 (id INTEGER PRIMARY KEY, key TEXT, channel TEXT, person INTEGER, obligation INTEGER,
                rung TEXT, at_ms INTEGER, send_at_ms INTEGER, message INTEGER, ticket INTEGER);
            INSERT INTO outbox_2 SELECT * FROM outbox; DROP TABLE outbox; ALTER TABLE outbox_2 RENAME TO outbox;
            UPDATE obligations SET next_rung = 'reminder', next_rung_at_ms = reminder_at_ms WHERE state = 'open';";
        self.machine.daemon().engine.store.db().execute_batch(SABOTAGE).expect("a sabotage");
    }

    /// What the dead daemon had written after its last inputs, as far as it is there.
    pub(super) fn adopts(&mut self, before: usize) {
        let Some(torn) = self.torn.take() else { return };
        for (nth, owed) in torn.owed.into_iter().enumerate().take(before) {
            let known = self.diary.owed[nth].fired.len();
            if known == owed.fired.len() {
                continue;
            }
            let id = self.owed_ids.get(nth).copied().unwrap_or_default();
            let there = self.machine.sql(&format!("SELECT count(*) FROM rungs WHERE obligation = {id}"));
            let there: usize = there[0].parse().unwrap_or_default();
            let there = there.clamp(known, owed.fired.len());
            if there == owed.fired.len() {
                // And what ended by it.
                self.diary.owed[nth] = owed;
            } else {
                self.diary.owed[nth].fired = owed.fired[..there].to_vec();
            }
        }
    }

    /// What the dead daemon had dropped by other terms, as far as it is there.
    fn adopts_drops(&mut self) {
        let Some(torn) = self.torn.clone() else { return };
        for nth in 0..self.diary.owed.len() {
            let (its, then) = (&self.diary.owed[nth], &torn.owed[nth]);
            let (Some(ticket), Some(dropped)) = (self.ticket_ids.get(its.ticket), then.ended) else { continue };
            if !its.is_open() {
                continue;
            }
            let key = format!("ticket = {ticket} AND kind = '{}' AND began_at_ms = {}", its.kind.as_str(), its.began);
            let state = self.machine.sql(&format!("SELECT state FROM obligations WHERE {key}"));
            if state.iter().all(|state| state == "dropped") && !state.is_empty() {
                self.diary.drop(nth, dropped);
            }
        }
    }

    /// The daemon is gone, as its log stands.
    pub fn kills(&mut self, log: u64) {
        self.crashes += 1;
        self.machine.kill(log);
        self.links_up = [false; 2];
        self.unread.clear();
        self.diary.dies();
        self.stands = [None, None];
        let after = match self.chance.random_range(0..10) {
            0..5 => self.chance.random_range(100..5_000),
            5..9 => self.chance.random_range(MINUTE..40 * MINUTE),
            _ => self.chance.random_range(HOUR..30 * HOUR),
        };
        self.later(after, Happening::Starts);
    }

    /// Somebody asks for something and waits for the answer.
    pub fn gives(&mut self, by: usize, deed: Deed) -> Verdict {
        if self.machine.running().is_none() || self.sleeps {
            return Ok(());
        }
        self.takes(Some((by, deed)))
    }

    /// What waits is taken, in a turn, or several while there is more.
    pub fn takes(&mut self, given: Option<(usize, Deed)>) -> Verdict {
        let now = self.wall();
        if std::mem::replace(&mut self.looked, now) > now + DAY {
            self.diary.comes_back(now);
            // In a commit of its own, before anything that comes.
            let before = self.machine.log_len();
            let turned = self.turn(now, &mut None);
            if self.is_doomed() {
                return self.dies(before, turned, Inputs::default());
            }
        }
        let before = self.machine.log_len();
        let daemon = self.machine.daemon();
        daemon.hears_terms();
        for tracker in &mut daemon.trackers {
            if tracker.next_wake().is_some_and(|due| due.timestamp_millis() <= now) {
                tracker.wake(time(now), &mut daemon.changes);
            }
        }
        daemon.follow();
        self.diary.looks_at_talks(now);
        let daemon = self.machine.daemon();
        let calls: Vec<u64> = daemon.hand_on(now).iter().filter_map(|name| self.names.get(name).copied()).collect();
        if let Some(untold) = self.diary.news.iter().find(|no| !calls.contains(no)) {
            return Err(format!("the tracker did not tell of call {untold}"));
        }
        let mut answer = None;
        if let Some((by, deed)) = given {
            let command = self.command(deed);
            self.notes(|| format!("{by} {deed:?}"));
            answer = Some(self.machine.daemon().give(Some(Site::get().people[by]), command));
        }
        let stands = std::mem::take(&mut self.stands);
        let asks = answer.is_some();
        let turned = self.turn(now, &mut answer);
        let inputs = Inputs { calls, stands, given };
        if self.is_doomed() {
            return self.dies(before, turned, inputs);
        }
        let wanted = self.apply(inputs, now);
        let heard = turned.answer.map(|heard| heard.what);
        self.notes(|| format!("  {wanted:?} {heard:?}"));
        self.agrees(asks, wanted, heard.as_ref())?;
        // One turn takes as much as belongs into a commit; and what becomes due as it is reckoned anew
        // fires in the next.
        for _ in 0..TURNS_ON_END {
            let engine = &self.machine.daemon().engine;
            let is_due = engine.due.is_some_and(|due| due.timestamp_millis() <= now);
            if !is_due && !engine.behind && !engine.stale && engine.waiting.is_empty() {
                break;
            }
            let before = self.machine.log_len();
            let turned = self.turn(now, &mut None);
            if self.is_doomed() {
                return self.dies(before, turned, Inputs::default());
            }
        }
        self.diary.fire(now);
        self.learns_ids()?;
        self.is_at_rest(now)?;
        self.runs_errands()
    }

    pub(super) fn turn(&mut self, now: Ms, answer: &mut Option<oneshot::Receiver<Result<Done, Refusal>>>) -> Turned {
        self.turns += 1;
        let turned = self.machine.turn(now, answer);
        if turned.has_messages {
            let after = self.chance.random_range(0..5_000);
            self.later(after, Happening::Delivers);
        }
        if !turned.notices.is_empty() && self.log.is_some() {
            let told: Vec<String> = turned.notices.iter().map(|heard| format!("{:?}", heard.what)).collect();
            self.notes(|| format!("  told {}", told.join(", ")));
        }
        turned
    }

    /// Whether the daemon was to die in the turn that it has just made.
    pub(super) fn is_doomed(&mut self) -> bool {
        if self.doomed_in == Some(0) {
            self.doomed_in = None;
            return true;
        }
        self.doomed_in = self.doomed_in.map(|turns| turns - 1);
        false
    }

    fn apply(&mut self, inputs: Inputs, now: Ms) -> bool {
        self.diary.notes(&inputs.calls, now);
        for (pbx, up) in inputs.stands.into_iter().enumerate() {
            up.into_iter().for_each(|up| self.diary.stand(pbx, &up, now));
        }
        inputs.given.is_none_or(|(by, deed)| self.diary.does(by, deed, now))
    }

    pub(super) fn agrees(&self, asks: bool, wanted: bool, heard: Option<&Result<Done, Refusal>>) -> Verdict {
        match heard {
            None if asks => Err("nobody answers".into()),
            Some(heard) if heard.is_ok() != wanted => {
                Err(format!("the answer is {heard:?}, and was to be {}", if wanted { "yes" } else { "no" }))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The daemon died somewhere in the turn that it has just made.
    fn dies(&mut self, before: u64, turned: Turned, inputs: Inputs) -> Verdict {
        let now = self.wall();
        let commits = self.machine.commits(before);
        let after = self.machine.log_len();
        let cut = match self.chance.random_range(0..3) {
            // At the end of a commit, before anybody was told of it.
            0 if !commits.is_empty() => commits[self.chance.random_range(0..commits.len())],
            _ => self.chance.random_range(before..=after),
        };
        let kept = commits.iter().filter(|end| **end <= cut).count();
        self.notes(|| format!("dies at {cut} of {before}..{after}, with {kept} of {} commits", commits.len()));
        let is_told = |log: u64| log < cut || self.sabotage == Sabotage::TellsFirst;
        let answered = turned.answer.as_ref().is_some_and(|heard| is_told(heard.log) && heard.what.is_ok());
        let told: Vec<i64> = turned
            .notices
            .iter()
            .filter(|heard| is_told(heard.log))
            .filter_map(|heard| if let Notice::Ticket(ticket) = heard.what { Some(ticket.0) } else { None })
            .collect();
        let mut is_lost = false;
        if kept > 0 {
            self.apply(inputs, now);
        } else {
            // Was something to be written of what was answered?
            let mut other = self.diary.clone();
            is_lost = inputs.given.is_some_and(|(by, deed)| other.does(by, deed, now)) && !commits.is_empty();
        }
        let mut torn = self.diary.clone();
        torn.fire(now);
        self.torn = Some(torn);
        self.kills(cut);
        if answered && is_lost {
            return Err("somebody was answered, and it is not kept".into());
        }
        self.told = told;
        Ok(())
    }

    /// The rows of what is in the diary.
    pub(super) fn learns_ids(&mut self) -> Verdict {
        let (customers, shifts) = (self.diary.customers.len(), self.diary.shifts.len());
        let counts = [customers, shifts, self.diary.regroupings.len()];
        let known = |world: &World| [world.customer_ids.len(), world.shift_ids.len(), world.regrouping_ids.len()];
        if counts != known(self) {
            let mut ids = |table: &str| -> Vec<i64> {
                let rows = self.machine.sql(&format!("SELECT id FROM {table} ORDER BY id"));
                rows.iter().filter_map(|id| id.parse().ok()).collect()
            };
            (self.customer_ids, self.shift_ids, self.regrouping_ids) =
                (ids("customers"), ids("shifts"), ids("regroups"));
            if counts != known(self) {
                return Err(format!("customers, shifts, regroupings: {:?}, and not {counts:?}", known(self)));
            }
        }
        if self.diary.tickets.len() > self.ticket_ids.len() || self.strict {
            let last = self.ticket_ids.last().copied().unwrap_or_default();
            let new = self.machine.sql(&format!("SELECT id FROM tickets WHERE id > {last} ORDER BY id"));
            self.ticket_ids.extend(new.iter().filter_map(|id| id.parse::<i64>().ok()));
            for (id, ticket) in self.ticket_ids.iter().zip(&mut self.diary.tickets) {
                ticket.lot = super::super::people::lot(*id);
            }
            if self.ticket_ids.len() != self.diary.tickets.len() {
                return Err(format!("{} tickets, and not {}", self.ticket_ids.len(), self.diary.tickets.len()));
            }
        }
        if self.diary.owed.len() > self.owed_ids.len() || self.strict {
            let last = self.owed_ids.iter().max().copied().unwrap_or_default();
            let question = "SELECT ticket, kind, began_at_ms, id FROM obligations WHERE id > ";
            let rows = self.machine.sql(&format!("{question} {last} ORDER BY id"));
            let mut new: Vec<(String, usize)> = (self.owed_ids.len()..self.diary.owed.len())
                .map(|nth| {
                    let owed = &self.diary.owed[nth];
                    (format!("{} {} {}", self.ticket_ids[owed.ticket], owed.kind.as_str(), owed.began), nth)
                })
                .collect();
            self.owed_ids.resize(self.diary.owed.len(), 0);
            for row in &rows {
                let Some((key, id)) = row.rsplit_once(' ') else { continue };
                let Some(place) = new.iter().position(|(wanted, _)| wanted == key) else {
                    return Err(format!("{row} is owed, and nobody knows of it; known are {new:?}"));
                };
                self.owed_ids[new.remove(place).1] = id.parse().unwrap_or_default();
            }
            if !new.is_empty() {
                return Err(format!("{new:?} should be owed, and there are only {rows:?}"));
            }
        }
        Ok(())
    }

    /// What is due has fired, and the alarm is set for what comes next.
    pub(super) fn is_at_rest(&mut self, now: Ms) -> Verdict {
        let engine = &self.machine.daemon().engine;
        if engine.failing || !engine.passed_over.is_empty() {
            return Err(format!("failing: {}, passed over: {:?}", engine.failing, engine.passed_over));
        }
        let alarm = engine.due.map(|due| due.timestamp_millis());
        if let Some(due) = self.diary.next_due()
            && alarm.is_none_or(|alarm| alarm > due)
        {
            return Err(format!("at {due} something is due, and the alarm is set for {alarm:?}"));
        }
        if alarm.is_some_and(|alarm| alarm <= now) {
            return Err(format!("the alarm is set for {alarm:?}, which is past: it would ring for ever"));
        }
        if self.strict { self.compares() } else { Ok(()) }
    }

    /// What was asked of the PBX is done.
    pub(super) fn runs_errands(&mut self) -> Verdict {
        let now = self.wall();
        while let Ok(errand) = self.machine.daemon().errands.try_recv() {
            let Ask::Dial { agent, to, leg } = errand.ask else { continue };
            let phone = PHONES.iter().position(|phone| *phone == agent.as_str()).unwrap_or_default();
            let line = LINES.iter().position(|line| line.ends_with(to.as_str().trim_start_matches('+')));
            let line = line.ok_or_else(|| format!("nobody's number is dialled: {to:?}"))?;
            self.notes(|| format!("{agent} is to dial {to:?} as {leg}"));
            let pbx = PBXS.iter().position(|pbx| *pbx == errand.pbx.as_str()).unwrap_or_default();
            let no = self.pbx.prepare(pbx, line, Some(phone), Some(leg.clone()));
            let name = World::name(pbx, &leg);
            self.names.insert(name.clone(), no);
            let daemon = self.machine.daemon();
            daemon.trackers[pbx].asked(time(now), leg, agent, &to, &mut daemon.changes);
            daemon.follow();
            self.diary.hears(no, Move::Starts, (pbx, line, Some(phone), name), now);
            self.engaged.insert(no, (line, Some(phone)));
            self.goes_out(no, 500);
            return self.takes(None);
        }
        Ok(())
    }

    /// Messages go out; which have arrived is noted.
    pub fn delivers(&mut self) -> Verdict {
        if self.machine.running().is_none() || self.sleeps {
            return Ok(());
        }
        let db = self.machine.daemon().engine.store.db();
        let messages = crate::store::outbox::undelivered(db, self.last_sent).map_err(|error| error.to_string())?;
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        for id in &ids {
            let question = "SELECT person, obligation, rung FROM outbox WHERE message =";
            let says = self.machine.sql(&format!("{question} {} ORDER BY id", id.0));
            let sent = self.sent.entry(id.0).or_insert_with(|| (0, says.clone()));
            sent.0 += 1;
            if sent.1 != says {
                return Err(format!("message {} said {:?}, and now says {says:?}", id.0, sent.1));
            }
        }
        let Some(last) = ids.last() else { return Ok(()) };
        self.last_sent = *last;
        self.notes(|| format!("{ids:?} are delivered"));
        self.machine.daemon().engine.waiting.push_back(Input::Delivered(ids));
        self.takes(None)
    }
}

/// What a turn was to take.
#[derive(Default)]
struct Inputs {
    calls: Vec<u64>,
    stands: [Option<BTreeSet<u64>>; 2],
    given: Option<(usize, Deed)>,
}
