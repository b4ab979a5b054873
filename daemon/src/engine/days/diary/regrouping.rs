//! Two matters that turn out to be one, and were not after all.

use std::collections::BTreeSet;

use super::super::hours::Ms;
use super::{Diary, MANAGER, Owed, SUPERVISORS, Ticket};
use crate::desk::clock::{ClockKind, ObligationState};
use crate::desk::ticket::{Channel, Kind, TicketState};

/// All that went from one to the other.
#[derive(Clone, Debug)]
pub struct Regrouping {
    pub giver: usize,
    taker: usize,
    state: TicketState,
    calls: BTreeSet<u64>,
    owed: Vec<Went>,
    replaced: Vec<Replaced>,
    /// The version of what was found out, where the taker took it over.
    found: Option<i64>,
    is_undone: bool,
}

#[derive(Clone, Copy, Debug)]
struct Went {
    nth: usize,
    owner_was: Option<usize>,
    customer_was: Option<usize>,
    customer_is: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Replaced {
    nth: usize,
    by: usize,
    claim: Option<(usize, Ms)>,
}

impl Diary {
    /// What the ticket is part of in the end.
    pub(super) fn whole(&self, ticket: usize) -> usize {
        self.tickets[ticket].part_of.map_or(ticket, |whole| self.whole(whole))
    }

    fn open_in(&self, ticket: usize) -> Vec<usize> {
        let is_its = |owed: &Owed| owed.is_open() && owed.ticket == ticket;
        (0..self.owed.len()).filter(|nth| is_its(&self.owed[*nth])).collect()
    }

    fn goes_over(&self, by: usize, giver: usize, taker: usize) -> bool {
        let (from, to) = (self.tickets[giver].owner, self.tickets[taker].owner);
        from.is_none() || from == to || SUPERVISORS.contains(&by)
    }

    fn may_regroup(&self, by: usize, giver: usize, taker: usize) -> bool {
        let may = by != MANAGER && self.has(giver, by) && self.has(taker, by);
        may && self.goes_over(by, giver, taker) && is_worked_on(self.tickets[taker].state)
    }

    pub(super) fn joins(&mut self, by: usize, giver: usize, taker: usize, now: Ms) -> bool {
        let (its, other) = (self.tickets[giver].clone(), self.tickets[taker].clone());
        let is_offered = |ticket| self.open_of(ticket, ClockKind::HandOver).is_some();
        let is_known = its.customer.is_none() || its.customer == other.customer;
        let runs = |clock: &ClockKind| self.rules.runs(*clock, its.kind) && !self.rules.runs(*clock, other.kind);
        let waits = self.open_of(giver, ClockKind::FirstResponse).is_some() && other.channel == Channel::Phone;
        let owes_less = ClockKind::ALL.iter().any(runs) || waits || its.is_urgent && !other.is_urgent;
        let is_lost = its.kind == Kind::Complaint && other.kind != Kind::Complaint;
        let is_nobodys = its.owner.is_some() && other.owner.is_none();
        if giver == taker
            || !self.may_regroup(by, giver, taker)
            || its.part_of.or(other.part_of).is_some()
            || !is_worked_on(its.state)
            || is_offered(giver)
            || is_offered(taker)
            || !is_known
            || is_lost
            || owes_less
            || is_nobodys
        {
            return false;
        }
        let mut ours = self.open_in(taker);
        let mut went = Vec::new();
        for nth in self.open_in(giver) {
            let Owed { owner, customer, .. } = self.owed[nth];
            let owed = &mut self.owed[nth];
            owed.ticket = taker;
            owed.customer = other.customer.or(customer);
            if owner.is_none() || owner == its.owner {
                owed.owner = other.owner.or(owner);
            }
            went.push(Went { nth, owner_was: owner, customer_was: customer, customer_is: owed.customer });
            self.reckon(nth);
        }
        let mut replaced = Vec::new();
        for Went { nth, customer_was, .. } in went.iter().copied() {
            let Some(at) = ours.iter().position(|our| is_same(&self.owed[*our], &self.owed[nth])) else { continue };
            let our = ours.remove(at);
            let due = |nth: usize| self.owed[nth].ladder[1].map_or((1, 0), |due| (0, due));
            let (over, by) = if due(nth) < due(our) { (our, nth) } else { (nth, our) };
            replaced.push(Replaced { nth: over, by, claim: self.owed[over].claim });
            self.ends(over, ObligationState::Replaced, now);
            if over == nth {
                // Whose it was is written beside it no more.
                self.owed[nth].customer = customer_was;
            }
        }
        let calls = self.noted.iter_mut().filter(|(_, noted)| noted.ticket == Some(giver));
        let calls = calls.map(|(no, noted)| {
            noted.ticket = Some(taker);
            *no
        });
        let calls = calls.collect();
        let is_taken_over = its.is_found && !other.is_found;
        if is_taken_over {
            self.tickets[taker].is_found = true;
            self.tickets[taker].findings += 1;
        }
        let found = is_taken_over.then_some(self.tickets[taker].findings);
        let ticket = &mut self.tickets[giver];
        (ticket.state, ticket.part_of) = (TicketState::Closed, Some(taker));
        ticket.version += 1;
        let state = its.state;
        self.regroupings.push(Regrouping { giver, taker, state, calls, owed: went, replaced, found, is_undone: false });
        true
    }

    pub(super) fn parts(&mut self, by: usize, nth: usize) -> bool {
        let Regrouping { giver, taker, state, calls, owed, replaced, found, is_undone } = self.regroupings[nth].clone();
        let touches = |other: &Regrouping| [other.giver, other.taker].iter().any(|its| [giver, taker].contains(its));
        let is_last = self.regroupings[nth + 1..].iter().all(|other| other.is_undone || !touches(other));
        let is_there = |nth: usize| self.owed[nth].is_open() && self.owed[nth].ticket == taker;
        let is_replaced = |nth: usize| replaced.iter().any(|its| its.nth == nth);
        let stands = owed.iter().all(|went| is_replaced(went.nth) || is_there(went.nth))
            && replaced.iter().all(|its| is_there(its.by));
        if is_undone || !is_last || !stands || !self.may_regroup(by, giver, taker) {
            return false;
        }
        for Went { nth, owner_was, customer_was, customer_is } in owed {
            let its = &mut self.owed[nth];
            (its.ticket, its.owner) = (giver, owner_was);
            if its.customer == customer_is {
                its.customer = customer_was;
            }
            self.reckon(nth);
        }
        for Replaced { nth, claim, .. } in replaced {
            let its = &mut self.owed[nth];
            (its.state, its.ended, its.claim) = (ObligationState::Open, None, claim);
            self.reckon(nth);
        }
        for (_, noted) in self.noted.iter_mut().filter(|(no, _)| calls.contains(*no)) {
            noted.ticket = Some(giver);
        }
        if found == Some(self.tickets[taker].findings) {
            self.tickets[taker].is_found = false;
            self.tickets[taker].findings += 1;
        }
        let Ticket { state: its, part_of, version, .. } = &mut self.tickets[giver];
        (*its, *part_of) = (state, None);
        *version += 1;
        self.regroupings[nth].is_undone = true;
        true
    }
}

fn is_worked_on(state: TicketState) -> bool {
    matches!(state, TicketState::New | TicketState::InProgress | TicketState::Reopened)
}

/// Keeping the one keeps the other.
fn is_same(one: &Owed, other: &Owed) -> bool {
    use ClockKind::{HandOver, MissedCall, Promise};
    let is_to_them = one.line == other.line || one.customer.is_some() && one.customer == other.customer;
    one.kind == other.kind && ![HandOver, Promise].contains(&one.kind) && (one.kind != MissedCall || is_to_them)
}
