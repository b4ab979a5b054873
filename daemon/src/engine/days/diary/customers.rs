//! Whose lines, matters and debts are: customers as people write them down, put together, and put apart again
//! where that was wrong.

use std::collections::BTreeSet;

use super::super::hours::Ms;
use super::super::pbx::{LINES, WITHHELD};
use super::{Diary, MANAGER, Owed, Ticket};

#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    pub lines: BTreeSet<usize>,
    pub is_key: bool,
    pub version: i64,
    /// They turned out to be that one.
    pub part_of: Option<usize>,
}

/// Two customers turned out to be one, and all that went.
#[derive(Clone, Debug)]
pub struct Shift {
    giver: usize,
    taker: usize,
    /// Each with whether the taker did not have it.
    lines: Vec<(usize, bool)>,
    tickets: BTreeSet<usize>,
    owed: BTreeSet<usize>,
    /// The first matter after it.
    since: usize,
    is_undone: bool,
}

/// As somebody writes a customer down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// None: a new one.
    pub customer: Option<usize>,
    /// A matter that is theirs.
    pub ticket: Option<usize>,
    pub is_key: bool,
    /// Those of [`LINES`].
    pub lines: [bool; LINES.len()],
}

impl Diary {
    fn on(&self, line: usize) -> impl Iterator<Item = usize> {
        (0..self.customers.len()).filter(move |nth| self.customers[*nth].lines.contains(&line))
    }

    /// Whose the line is, where it is one customer's alone.
    pub(super) fn only(&self, line: usize) -> Option<usize> {
        let mut on = self.on(line);
        on.next().filter(|_| on.next().is_none())
    }

    /// All lines on which whoever has that one may be called.
    pub fn lines_with(&self, line: usize) -> BTreeSet<usize> {
        let theirs = self.on(line).flat_map(|customer| self.customers[customer].lines.iter().copied());
        theirs.chain([line]).collect()
    }

    /// On which whose matter it is may be called.
    pub(super) fn lines_of(&self, ticket: usize) -> BTreeSet<usize> {
        let Ticket { line, customer, .. } = self.tickets[ticket];
        let theirs = customer.into_iter().flat_map(|customer| self.customers[customer].lines.iter().copied());
        theirs.chain(Some(line).filter(|line| *line < WITHHELD)).collect()
    }

    /// Whether it is owed to whoever is on the line; to who does not say theirs, by their matter.
    pub(super) fn is_owed_to(&self, owed: &Owed, line: usize, matter: Option<usize>) -> bool {
        if line >= WITHHELD {
            return Some(owed.ticket) == matter;
        }
        owed.line == line || owed.customer.is_some_and(|customer| self.customers[customer].lines.contains(&line))
    }

    pub(super) fn writes_customer(&mut self, by: usize, form: Form, now: Ms) -> bool {
        let Form { customer, ticket, is_key, lines } = form;
        let is_gone = customer.is_some_and(|customer| self.customers[customer].part_of.is_some());
        if by == MANAGER || is_gone || ticket.is_some_and(|ticket| !self.may_step(by, ticket, now)) {
            return false;
        }
        let lines: BTreeSet<usize> = (0..LINES.len()).filter(|line| lines[*line]).collect();
        let nth = customer.unwrap_or(self.customers.len());
        let alone: BTreeSet<usize> =
            lines.iter().copied().filter(|line| self.on(*line).all(|other| other == nth)).collect();
        let version = customer.map_or(1, |customer| self.customers[customer].version + 1);
        let then = Customer { lines, is_key, version, part_of: None };
        match customer {
            Some(customer) => self.customers[customer] = then,
            None => self.customers.push(then),
        }
        // With the matter that is named come those that were nobody's.
        let joins = |(its_nth, its): (usize, &Ticket)| {
            let is_nobodys = its.customer.is_none() && its.state.is_open() && alone.contains(&its.line);
            let is_named = ticket == Some(its_nth) && its.customer != Some(nth);
            (is_named || is_nobodys && ticket != Some(its_nth)).then_some(its_nth)
        };
        let joined: BTreeSet<usize> = self.tickets.iter().enumerate().filter_map(joins).collect();
        for ticket in &joined {
            self.tickets[*ticket].customer = Some(nth);
        }
        for owed in self.owed.iter_mut().filter(|owed| owed.is_open()) {
            if joined.contains(&owed.ticket) || owed.customer.is_none() && alone.contains(&owed.line) {
                owed.customer = Some(nth);
            }
        }
        self.reckon_where(|owed| owed.customer == Some(nth));
        true
    }

    pub(super) fn merges(&mut self, by: usize, giver: usize, taker: usize) -> bool {
        let is_gone = |nth: usize| self.customers[nth].part_of.is_some();
        if by == MANAGER || giver == taker || is_gone(giver) || is_gone(taker) {
            return false;
        }
        let lines = std::mem::take(&mut self.customers[giver].lines);
        let is_new = |line: &usize| (*line, !self.customers[taker].lines.contains(line));
        let (is_theirs, is_owed) =
            (|its: &Ticket| its.customer == Some(giver), |owed: &Owed| owed.customer == Some(giver));
        let shift = Shift {
            giver,
            taker,
            lines: lines.iter().map(is_new).collect(),
            tickets: (0..self.tickets.len()).filter(|nth| is_theirs(&self.tickets[*nth])).collect(),
            owed: (0..self.owed.len()).filter(|nth| is_owed(&self.owed[*nth])).collect(),
            since: self.tickets.len(),
            is_undone: false,
        };
        self.customers[taker].lines.extend(lines);
        self.customers[giver].part_of = Some(taker);
        self.go(&shift.tickets, &shift.owed, [giver, taker]);
        self.shifts.push(shift);
        true
    }

    /// All that went goes back, as far as it is still there, and what came since on a line that does.
    pub(super) fn undoes(&mut self, by: usize, nth: usize) -> bool {
        let Shift { giver, taker, lines, tickets, owed, since, is_undone } = self.shifts[nth].clone();
        let touches = |other: &Shift| [other.giver, other.taker].iter().any(|its| [giver, taker].contains(its));
        if by == MANAGER || is_undone || self.shifts[nth + 1..].iter().any(|other| !other.is_undone && touches(other)) {
            return false;
        }
        let there = self.customers[taker].lines.clone();
        let back: Vec<(usize, bool)> = lines.into_iter().filter(|(line, _)| there.contains(line)).collect();
        let away: BTreeSet<usize> = back.iter().filter(|(_, was_new)| *was_new).map(|(line, _)| *line).collect();
        let goes = |nth: &usize| {
            let its = &self.tickets[*nth];
            its.customer == Some(taker) && (tickets.contains(nth) || *nth >= since && away.contains(&its.line))
        };
        let tickets: BTreeSet<usize> = (0..self.tickets.len()).filter(goes).collect();
        let goes = |nth: &usize| {
            let its = &self.owed[*nth];
            let is_by_line = self.tickets[its.ticket].customer.is_none() && away.contains(&its.line);
            its.customer == Some(taker) && (owed.contains(nth) || tickets.contains(&its.ticket) || is_by_line)
        };
        let owed: BTreeSet<usize> = (0..self.owed.len()).filter(goes).collect();
        self.customers[taker].lines.retain(|line| !away.contains(line));
        self.customers[giver].lines = back.into_iter().map(|(line, _)| line).collect();
        self.customers[giver].part_of = None;
        self.shifts[nth].is_undone = true;
        self.go(&tickets, &owed, [taker, giver]);
        true
    }

    /// From one to the other.
    fn go(&mut self, tickets: &BTreeSet<usize>, owed: &BTreeSet<usize>, [giver, taker]: [usize; 2]) {
        for ticket in tickets {
            self.tickets[*ticket].customer = Some(taker);
        }
        for nth in owed {
            self.owed[*nth].customer = Some(taker);
        }
        self.reckon_where(|owed| owed.customer == Some(taker));
        for nth in [giver, taker] {
            self.customers[nth].version += 1;
        }
    }
}
