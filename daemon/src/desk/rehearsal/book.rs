//! What is owed at the moment that has been reached: as it was, and as it would have been.
//!
//! What began in both is one record with two sides, which end each in its time. Records have ids of
//! their own, for what would have been owed beside has no other.

use std::collections::{BTreeMap, BTreeSet};

use super::past::Began;
use super::report::{Ended, Firing};
use crate::desk::case::OpenObligation;
use crate::desk::clock::{Basis, Obligation};
use crate::desk::deadline::{Ladder, Suspension};
use crate::number::Number;
use crate::{CallId, CustomerId, ObligationId, PersonId, RegroupId, TicketId, Time};

#[derive(Default)]
pub struct Book {
    records: BTreeMap<ObligationId, Record>,
    /// By the ids of what was owed.
    ids: BTreeMap<ObligationId, ObligationId>,
    by_ticket: BTreeMap<TicketId, BTreeSet<ObligationId>>,
    by_customer: BTreeMap<CustomerId, BTreeSet<ObligationId>>,
    by_number: BTreeMap<Number, BTreeSet<ObligationId>>,
    /// What would have gone and ended by each merge or split that may still be undone.
    gone: BTreeMap<RegroupId, Gone>,
    /// What ended by a merge, and so may be open again.
    aside: BTreeSet<ObligationId>,
    last: i64,
}

/// Where it would have been and whose, and what would have ended.
pub struct Gone {
    pub at: Time,
    pub went: Vec<(ObligationId, Option<PersonId>, Option<CustomerId>)>,
    pub ended: Vec<ObligationId>,
}

pub struct Record {
    /// Its id is the record's, its pauses are those that the policy that is tried would have had; its
    /// subject is its ticket's and customer's.
    pub owed: OpenObligation,
    /// What it was owed for.
    pub call: Option<CallId>,
    pub was: Option<Side>,
    pub would: Option<Side>,
    /// Of what was owed.
    pub id: Option<ObligationId>,
    /// As they were.
    pub suspensions: Vec<Suspension>,
    /// The last decision before which it was looked at. What is decided together changes it at one
    /// stroke.
    pub decision: Option<u64>,
}

#[derive(Default)]
pub struct Side {
    pub fired: Vec<Firing>,
    pub ended: Option<Ended>,
}

impl Record {
    pub fn was_open(&self) -> bool {
        is_open(&self.was)
    }

    pub fn would_be_open(&self) -> bool {
        is_open(&self.would)
    }

    /// Whether it is owed in one of the two alone.
    pub fn is_otherwise(&self) -> bool {
        self.was_open() != self.would_be_open()
    }
}

fn is_open(side: &Option<Side>) -> bool {
    side.as_ref().is_some_and(|side| side.ended.is_none())
}

impl Book {
    pub fn get(&self, own: ObligationId) -> Option<&Record> {
        self.records.get(&own)
    }

    pub fn get_mut(&mut self, own: ObligationId) -> Option<&mut Record> {
        self.records.get_mut(&own)
    }

    /// The record of what was owed under that id.
    pub fn own(&self, id: ObligationId) -> Option<ObligationId> {
        self.ids.get(&id).copied()
    }

    /// What would be owed where that was: it, or what began for the same where it would have ended.
    pub fn would_be_own(&self, id: ObligationId) -> Option<ObligationId> {
        let own = self.own(id)?;
        let record = self.records.get(&own)?;
        if record.would_be_open() {
            return Some(own);
        }
        self.like(record.owed.ticket, &record.owed.basis)
    }

    /// What would still be owed in that matter by the same clock since the same time, and was not.
    fn like(&self, ticket: TicketId, basis: &Basis) -> Option<ObligationId> {
        let is_like = |own: &ObligationId| {
            self.records.get(own).is_some_and(|record| {
                let its = &record.owed.basis;
                let is_alone = record.was.is_none() && record.would_be_open();
                is_alone && (its.kind, its.began_at) == (basis.kind, basis.began_at)
            })
        };
        self.of_ticket(ticket).into_iter().find(is_like)
    }

    pub fn gone(&mut self, id: RegroupId, gone: Gone) {
        self.gone.insert(id, gone);
    }

    pub fn back(&mut self, id: RegroupId) -> Option<Gone> {
        self.gone.remove(&id)
    }

    /// It stays on record though it is over.
    pub fn set_aside(&mut self, own: ObligationId) {
        self.aside.insert(own);
    }

    pub fn is_aside(&self, own: ObligationId) -> bool {
        self.aside.contains(&own)
    }

    pub fn all(&self) -> Vec<ObligationId> {
        self.records.keys().copied().collect()
    }

    pub fn of_ticket(&self, ticket: TicketId) -> Vec<ObligationId> {
        listed(self.by_ticket.get(&ticket))
    }

    pub fn of_customer(&self, customer: CustomerId) -> Vec<ObligationId> {
        listed(self.by_customer.get(&customer))
    }

    pub fn on_number(&self, number: &Number) -> Vec<ObligationId> {
        listed(self.by_number.get(number))
    }

    pub fn for_call(&self, call: &CallId) -> Vec<ObligationId> {
        let for_it = self.records.iter().filter(|(_, record)| record.call.as_ref() == Some(call));
        for_it.map(|(own, _)| *own).collect()
    }

    /// What would be owed of these.
    pub fn would_be(&self, records: &[ObligationId]) -> Vec<OpenObligation> {
        let records = records.iter().filter_map(|own| self.records.get(own));
        records.filter(|record| record.would_be_open()).map(|record| record.owed.clone()).collect()
    }

    /// By the policy that is tried it is owed from now on.
    pub fn would_begin(&mut self, obligation: Obligation, call: Option<CallId>, decision: u64) -> ObligationId {
        let Obligation { ticket, customer, number, owner, basis, ladder, .. } = obligation;
        self.last += 1;
        let own = ObligationId(self.last);
        let owed = OpenObligation {
            id: own,
            ticket,
            customer,
            number,
            owner,
            ticket_owner: None,
            ticket_state: crate::desk::ticket::TicketState::InProgress,
            basis,
            ladder,
            next: None,
            moved_at: None,
            claim: None,
            attempts: Vec::new(),
            survey: None,
        };
        let would = Some(Side::default());
        let suspensions = Vec::new();
        self.add(Record { owed, call, was: None, would, id: None, suspensions, decision: Some(decision) });
        own
    }

    /// It was owed from now on, and would have been where the like has just begun.
    pub fn began(&mut self, began: Began, decision: u64) -> ObligationId {
        let Began { id, ticket, customer, number, owner, call, basis } = began;
        let own = match self.like(ticket, &basis) {
            Some(own) => own,
            None => {
                let ladder = Ladder { reminder_at: None, due_at: None, escalated_at: None };
                let (ticket, basis, number) = (ticket, basis.clone(), number.clone());
                let obligation = Obligation { id, ticket, customer, number, owner, basis, ladder };
                let own = self.would_begin(obligation, call.clone(), decision);
                self.change(own, |record| record.would = None);
                own
            }
        };
        self.ids.insert(id, own);
        self.change(own, |record| {
            (record.id, record.was, record.call) = (Some(id), Some(Side::default()), call);
            (record.owed.customer, record.owed.number, record.owed.owner) = (customer, number, owner);
            record.owed.basis.queue = basis.queue;
        });
        own
    }

    /// Changes also what it is found by.
    pub fn change(&mut self, own: ObligationId, change: impl FnOnce(&mut Record)) {
        if let Some(mut record) = self.remove(own) {
            change(&mut record);
            self.ids.extend(record.id.map(|id| (id, own)));
            self.add(record);
        }
    }

    pub fn remove(&mut self, own: ObligationId) -> Option<Record> {
        let record = self.records.remove(&own)?;
        let of_ticket = self.by_ticket.get_mut(&record.owed.ticket);
        let of_customer = record.owed.customer.and_then(|customer| self.by_customer.get_mut(&customer));
        let on_number = record.owed.number.as_ref().and_then(|number| self.by_number.get_mut(number));
        for found in of_ticket.into_iter().chain(of_customer).chain(on_number) {
            found.remove(&own);
        }
        record.id.and_then(|id| self.ids.remove(&id));
        Some(record)
    }

    pub fn pop(&mut self) -> Option<Record> {
        let first = self.records.keys().next().copied()?;
        self.remove(first)
    }

    fn add(&mut self, record: Record) {
        let own = record.owed.id;
        self.by_ticket.entry(record.owed.ticket).or_default().insert(own);
        if let Some(customer) = record.owed.customer {
            self.by_customer.entry(customer).or_default().insert(own);
        }
        if let Some(number) = record.owed.number.clone() {
            self.by_number.entry(number).or_default().insert(own);
        }
        self.records.insert(own, record);
    }
}

fn listed(found: Option<&BTreeSet<ObligationId>>) -> Vec<ObligationId> {
    found.into_iter().flatten().copied().collect()
}
