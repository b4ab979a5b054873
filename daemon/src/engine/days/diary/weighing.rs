//! What a call means for what is owed: whose matter it is, what it keeps, and what it begins.

use std::collections::BTreeSet;

use super::super::hours::{MINUTE, Ms};
use super::super::pbx::{End, WITHHELD};
use super::hearing::{Heard, Noted};
use super::{Diary, Owed, Ticket};
use crate::desk::clock::{ClockKind, ObligationState};
use crate::desk::ticket::{Channel, Kind, TicketState};

impl Diary {
    pub(super) fn note(&mut self, no: u64, heard: Heard, now: Ms) {
        let known = self.noted.get(&no);
        let was_over = known.is_some_and(|noted| noted.is_over);
        let known_over = known.and_then(|noted| noted.over_at);
        let dials = known.is_none() && heard.is_ours && heard.ended.is_none();
        if was_over && heard.ended.is_none() {
            return;
        }
        let ticket = known.and_then(|noted| noted.ticket).or_else(|| self.matter_of(&heard));
        if let (Some(ticket), Some(talk)) = (ticket, heard.talks.first())
            && self.tickets[ticket].owner.is_none()
        {
            self.tickets[ticket].owner = Some(talk.phone);
            let nobodys = |owed: &&mut Owed| owed.is_open() && owed.ticket == ticket && owed.owner.is_none();
            self.owed.iter_mut().filter(nobodys).for_each(|owed| owed.owner = Some(talk.phone));
        }
        for nth in 0..self.owed.len() {
            if self.owed[nth].is_open() && self.is_owed_to(&self.owed[nth], heard.line, ticket) {
                self.weigh(nth, &heard, (was_over, dials), now);
            }
        }
        if let Some(ticket) = ticket.filter(|_| !was_over) {
            self.calls_back(&heard, ticket, now);
            self.owe(&heard, ticket, now);
        }
        if heard.ended.is_some() {
            self.heard.remove(&no);
        }
        let is_over = was_over || heard.ended.is_some();
        let over_at = known_over.or(heard.ended.map(|(at, _)| at));
        self.noted.insert(no, Noted { heard, seen: now, is_over, over_at, ticket });
    }

    /// The newest open matter of whoever it is; for who calls, else a new one.
    pub(super) fn matter_of(&mut self, heard: &Heard) -> Option<usize> {
        let whose = self.only(heard.line);
        let theirs = |ticket: &Ticket| match ticket.customer {
            Some(_) => ticket.customer == whose,
            None => ticket.line == heard.line,
        };
        // What is part of another is that one.
        let is_open = |nth: &usize| self.tickets[self.whole(*nth)].state.is_open();
        let open = (0..self.tickets.len()).rev().filter(is_open).find(|nth| theirs(&self.tickets[*nth]));
        let open = open.map(|nth| self.whole(nth));
        if open.is_some() || heard.is_ours {
            return open;
        }
        Some(self.opens((heard.line, heard.started, heard.queue), None, Kind::Consultation, Channel::Phone))
    }

    pub(super) fn opens(
        &mut self,
        (line, opened, queue): (usize, Ms, Option<&'static str>),
        owner: Option<usize>,
        kind: Kind,
        channel: Channel,
    ) -> usize {
        let customer = self.only(line);
        self.tickets.push(Ticket {
            line,
            customer,
            owner,
            handler: None,
            kind,
            is_urgent: false,
            is_complex: false,
            channel,
            state: TicketState::New,
            version: 1,
            opened,
            lot: 0.0,
            is_written: false,
            findings: 0,
            waits: 0,
            is_found: false,
            part_of: None,
        });
        let ticket = self.tickets.len() - 1;
        for clock in [ClockKind::Resolution, ClockKind::Acceptance] {
            if self.rules.runs(clock, kind) {
                self.begins(clock, ticket, opened, queue);
            }
        }
        if channel != Channel::Phone && self.rules.runs(ClockKind::FirstResponse, kind) {
            self.begins(ClockKind::FirstResponse, ticket, opened, queue);
        }
        ticket
    }

    pub(super) fn weigh(&mut self, nth: usize, heard: &Heard, (was_over, dials): (bool, bool), now: Ms) {
        use ClockKind::{Acceptance, Filing, HandOver, Resolution};
        let by_word = matches!(self.owed[nth].kind, Resolution | Acceptance | Filing | HandOver);
        let counts = self.rules.talk;
        let weighs = heard.ended.is_some() || heard.talks.iter().any(|talk| talk.long(talk.from, now) >= counts);
        // Where they wait is known as soon as they do.
        if by_word && self.owed[nth].queue.is_none() && self.owed[nth].began == heard.started && !heard.is_ours {
            self.owed[nth].queue = heard.queue;
            self.reckon(nth);
        }
        let owed = &self.owed[nth];
        let began = owed.began;
        let may_prove = !by_word && (owed.kind != ClockKind::Promise || heard.started >= began);
        let talk = heard.counted(self.sees[heard.pbx]).find(|talk| may_prove && talk.long(began, now) >= counts);
        let proof = talk.map(|talk| (heard.name.clone(), talk.from.max(began)));
        let is_visit = matches!(owed.kind, ClockKind::ReturnVisit | ClockKind::SpotCheck);
        if let Some(proof) = proof {
            match (is_visit, owed.survey) {
                (true, None) => {}
                (true, Some(result)) => return self.visited(nth, proof, result, now),
                (false, _) => {
                    self.keeps(nth, Some(proof), now);
                    return self.goes_on(nth, now);
                }
            }
        } else if heard.is_ours && heard.started >= began && heard.is_whole && heard.ended.is_some() {
            let owed = &mut self.owed[nth];
            if !by_word && !was_over {
                owed.attempts.insert(heard.name.clone(), heard.started);
                let days: BTreeSet<i64> = owed.attempts.values().map(|at| self.rules.zone.day_of(*at)).collect();
                let is_time = owed.kind != ClockKind::Promise || owed.promised.is_some_and(|promised| promised <= now);
                if is_time && owed.attempts.len() >= self.rules.attempts && days.len() >= self.rules.days {
                    self.ends(nth, ObligationState::Unreachable, now);
                    self.archives(nth, now);
                    return self.goes_on(nth, now);
                }
            }
        }
        let until = now + self.rules.claim;
        match self.claim_of(nth, now) {
            // Whoever has it and is on such a call has it for longer.
            Some((by, so_far)) if weighs || dials => {
                let is_theirs = heard.phone == Some(by) || heard.talks.iter().any(|talk| talk.phone == by);
                if is_theirs && until - so_far >= MINUTE {
                    self.owed[nth].claim = Some((by, until));
                }
            }
            // Whoever calls has it.
            None if dials && !by_word => {
                let by = heard.phone.filter(|by| self.may_take(nth, *by));
                self.owed[nth].claim = by.map(|by| (by, until)).or(self.owed[nth].claim);
            }
            Some(_) | None => {}
        }
    }

    /// Whom the matter waited for is on the phone about it, and was not yet when it began to wait: it goes on,
    /// since they had talked for long enough.
    fn calls_back(&mut self, heard: &Heard, ticket: usize, now: Ms) {
        let Ticket { state, waits, .. } = self.tickets[ticket];
        let is_theirs = !heard.is_ours && heard.is_whole && heard.started >= waits;
        let counts = self.rules.talk;
        let talked = heard.talks.iter().find_map(|talk| talk.reached(counts).filter(|at| *at <= now));
        let Some(at) = talked.filter(|_| state == TicketState::WaitingCustomer && is_theirs) else { return };
        self.tickets[ticket].state = TicketState::InProgress;
        for nth in 0..self.owed.len() {
            if self.owed[nth].ticket == ticket && self.stands_still(nth) {
                self.owed[nth].pauses.iter_mut().filter(|pause| pause.1.is_none()).for_each(|pause| {
                    pause.1 = Some(at.max(pause.0));
                });
                self.reckon(nth);
            }
        }
    }

    /// In the place of a promise that is over the solution is owed.
    pub(super) fn goes_on(&mut self, nth: usize, now: Ms) {
        let Owed { kind, ticket, .. } = self.owed[nth];
        let is_owed =
            [ClockKind::Resolution, ClockKind::Promise].into_iter().any(|kind| self.open_of(ticket, kind).is_some());
        let Ticket { kind: of_ticket, state, .. } = self.tickets[ticket];
        let runs = self.rules.runs(ClockKind::Resolution, of_ticket);
        if kind == ClockKind::Promise && state.is_open() && runs && !is_owed {
            self.begins_beside(ClockKind::Resolution, nth, now);
        }
    }

    /// Who gave up, or was sent away, is owed one call, unless they were talked with since. Where part
    /// of the call went unheard it counts who was heard to wait, and then to give up.
    pub(super) fn owe(&mut self, heard: &Heard, ticket: usize, now: Ms) {
        let Some((ended, Some(End::Abandoned | End::TimedOut))) = heard.ended else { return };
        let whose = self.only(heard.line);
        let is_owed = |owed: &Owed| {
            let is_to_them = owed.line == heard.line || whose.is_some() && owed.customer == whose;
            owed.is_open() && owed.kind == ClockKind::MissedCall && is_to_them
        };
        // Whoever does not say their number cannot be called.
        if heard.line >= WITHHELD || !self.rules.runs(ClockKind::MissedCall, self.tickets[ticket].kind) {
            return;
        }
        if (!heard.is_whole && heard.queue.is_none()) || self.owed.iter().any(is_owed) {
            return;
        }
        let lines = self.lines_with(heard.line);
        let others = self.noted.values().filter(|noted| lines.contains(&noted.heard.line));
        let talked = |noted: &&Noted| {
            noted.heard.counted(true).any(|talk| talk.long(heard.started, noted.seen) >= self.rules.talk)
        };
        if others.filter(talked).any(|noted| noted.seen <= now) {
            return;
        }
        let nth = self.begins(ClockKind::MissedCall, ticket, ended, heard.queue);
        (self.owed[nth].line, self.owed[nth].customer) = (heard.line, whose);
        self.reckon(nth);
    }
}
