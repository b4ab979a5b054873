//! Another policy tried on what has happened: which rungs it would have fired, when, and to whom, beside
//! those that did fire.
//!
//! What was owed, to whom, by whom, since when and until when is taken as it was; so are the pauses.
//! From these facts each deadline is reckoned by the policy that is tried, as they were known at the
//! time: a matter that became urgent at noon was not in the morning. Where both policies give a rung the
//! same time, it would have fired when it did, however late that was; any other fires at its time.

mod past;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use super::case::Staff;
use super::clock::{Basis, ClockKind, ObligationState, Rung};
use super::deadline::Suspension;
use super::policy::{Policy, Standing, Subject};
use super::ticket::Kind;
use super::told::told;
use crate::{CallId, CustomerId, ObligationId, PersonId, TicketId, Time};
pub use past::{Began, Happened, What};
pub use report::{Firing, Outcome, Report, Tale, Tally};

/// Hears all that happened up to the end of the period, in its order.
pub struct Rehearsal<'a> {
    tried: &'a Policy,
    from: Time,
    /// The policy that was in force, as far as it can be read.
    in_force: Option<Box<Policy>>,
    staff: Staff,
    tickets: BTreeMap<TicketId, Subject>,
    customers: BTreeMap<CustomerId, Standing>,
    open: BTreeMap<ObligationId, Owed>,
    by_ticket: BTreeMap<TicketId, BTreeSet<ObligationId>>,
    by_customer: BTreeMap<CustomerId, BTreeSet<ObligationId>>,
    /// Counts decisions.
    decision: u64,
    report: Report,
}

/// What is owed at the moment that has been reached.
struct Owed {
    ticket: TicketId,
    customer: Option<CustomerId>,
    owner: Option<PersonId>,
    call: Option<CallId>,
    /// But for its subject, which is its ticket's and customer's.
    basis: Basis,
    was: Vec<Firing>,
    would: Vec<Firing>,
    /// The last decision before which it was looked at. What is decided together changes it at one
    /// stroke.
    decision: Option<u64>,
    /// By the policy that is tried nothing is owed any more.
    is_dropped: bool,
}

impl<'a> Rehearsal<'a> {
    /// Tells what fell between `from` and the end that [`Rehearsal::end`] is told.
    pub fn new(tried: &'a Policy, from: Time) -> Rehearsal<'a> {
        Rehearsal {
            tried,
            from,
            in_force: None,
            staff: Staff::default(),
            tickets: BTreeMap::new(),
            customers: BTreeMap::new(),
            open: BTreeMap::new(),
            by_ticket: BTreeMap::new(),
            by_customer: BTreeMap::new(),
            decision: 0,
            report: Report::default(),
        }
    }

    pub fn observe(&mut self, Happened { at, is_anew, what }: Happened) {
        self.decision += u64::from(is_anew);
        match what {
            What::PolicySet { version, policy } => {
                self.all_up_to(at);
                self.report.versions.push((version, at));
                self.in_force = policy;
            }
            What::Ticket { ticket, subject } => self.ticket_is(ticket, subject, at),
            What::Customer { customer, standing } => {
                self.up_to(at, self.by_customer.get(&customer).cloned());
                self.customers.insert(customer, standing);
            }
            What::Staff(staff) => {
                self.all_up_to(at);
                self.staff = staff;
            }
            What::Began(began) => self.began(*began),
            What::Moved { obligation, ticket, customer, queue } => {
                self.up_to(at, Some([obligation]));
                if let Some(owed) = self.forget(obligation) {
                    let basis = Basis { queue, ..owed.basis };
                    self.remember(obligation, Owed { ticket, customer, basis, ..owed });
                }
            }
            What::CallMoved { call, to, by } => {
                let brought = |owed: &Owed| owed.call.as_ref() == Some(&call);
                let moved: Vec<ObligationId> =
                    self.open.iter().filter(|(_, owed)| brought(owed)).map(|(id, _)| *id).collect();
                self.up_to(at, Some(moved.clone()));
                for id in moved {
                    if let Some(owed) = self.forget(id) {
                        self.remember(id, Owed { ticket: to, owner: owed.owner.or(by), ..owed });
                    }
                }
            }
            What::OwnerTaken { ticket, person } => {
                let of_ticket = self.by_ticket.get(&ticket).cloned();
                self.up_to(at, of_ticket.clone());
                for id in of_ticket.unwrap_or_default() {
                    if let Some(owed) = self.open.get_mut(&id) {
                        owed.owner = owed.owner.or(Some(person));
                    }
                }
            }
            What::Suspended { obligation, from } => {
                self.up_to(at, Some([obligation]));
                if let Some(owed) = self.open.get_mut(&obligation) {
                    owed.basis.suspensions.push(Suspension { from, to: None });
                }
            }
            What::Resumed { obligation, to } => {
                self.up_to(at, Some([obligation]));
                let owed = self.open.get_mut(&obligation);
                let open = owed.and_then(|owed| owed.basis.suspensions.iter_mut().find(|rest| rest.to.is_none()));
                if let Some(open) = open {
                    open.to = Some(to);
                }
            }
            What::Fired { obligation, firing } => {
                if let Some(owed) = self.open.get_mut(&obligation) {
                    owed.was.push(firing);
                    owed.decision = None;
                }
                self.up_to(at, Some([obligation]));
            }
            What::Ended { obligation, state } => {
                self.up_to(at, Some([obligation]));
                if let Some(owed) = self.forget(obligation).filter(|_| at >= self.from) {
                    self.tell(obligation, owed, Some((state, at)));
                }
            }
        }
    }

    /// All is known up to `until`.
    pub fn end(mut self, until: Time) -> Report {
        self.decision += 1;
        self.all_up_to(until);
        while let Some((id, owed)) = self.open.pop_first() {
            self.tell(id, owed, None);
        }
        self.report.tales.sort_by_key(|tale| (tale.began_at, tale.obligation));
        self.report.names = self.staff.people.into_iter().map(|(id, member)| (id, member.name)).collect();
        self.report
    }

    fn began(&mut self, began: Began) {
        let Began { id, ticket, customer, owner, call, basis } = began;
        self.tickets.entry(ticket).or_insert_with(|| basis.subject.clone());
        let is_dropped = self.drops(basis.kind, basis.subject.kind);
        let (was, would, decision) = (Vec::new(), Vec::new(), None);
        self.remember(id, Owed { ticket, customer, owner, call, basis, was, would, decision, is_dropped });
    }

    fn ticket_is(&mut self, ticket: TicketId, subject: Subject, at: Time) {
        let of_ticket = self.by_ticket.get(&ticket).cloned();
        self.up_to(at, of_ticket.clone());
        for id in of_ticket.unwrap_or_default() {
            let clock = self.open.get(&id).map(|owed| owed.basis.kind);
            let drops = clock.is_some_and(|clock| self.drops(clock, subject.kind));
            if let Some(owed) = self.open.get_mut(&id) {
                owed.is_dropped |= drops;
            }
        }
        self.tickets.insert(ticket, subject);
    }

    /// Whether the policy that is tried has no such clock run for such a matter, though it ran.
    fn drops(&self, clock: ClockKind, kind: Kind) -> bool {
        let runs = |policy: &Policy| policy.terms.clocks.rule(clock).runs_for(kind);
        !runs(self.tried) && self.in_force.as_deref().is_none_or(runs)
    }

    fn remember(&mut self, id: ObligationId, owed: Owed) {
        self.by_ticket.entry(owed.ticket).or_default().insert(id);
        if let Some(customer) = owed.customer {
            self.by_customer.entry(customer).or_default().insert(id);
        }
        self.open.insert(id, owed);
    }

    fn forget(&mut self, id: ObligationId) -> Option<Owed> {
        let owed = self.open.remove(&id)?;
        let of_ticket = self.by_ticket.get_mut(&owed.ticket);
        let of_customer = owed.customer.and_then(|customer| self.by_customer.get_mut(&customer));
        for ids in of_ticket.into_iter().chain(of_customer) {
            ids.remove(&id);
        }
        Some(owed)
    }

    fn all_up_to(&mut self, at: Time) {
        let all: Vec<ObligationId> = self.open.keys().copied().collect();
        self.up_to(at, Some(all));
    }

    /// Fires what would have fired by then of these.
    fn up_to(&mut self, at: Time, obligations: Option<impl IntoIterator<Item = ObligationId>>) {
        for id in obligations.into_iter().flatten() {
            let Some(mut owed) = self.open.remove(&id) else { continue };
            let is_seen = owed.decision.replace(self.decision) == Some(self.decision);
            while !is_seen && let Some(firing) = self.next(&owed, at) {
                owed.would.push(firing);
            }
            self.open.insert(id, owed);
        }
    }

    fn next(&self, owed: &Owed, at: Time) -> Option<Firing> {
        let rung = *Rung::ALL.get(owed.would.len()).filter(|_| !owed.is_dropped)?;
        let basis = Basis { subject: self.subject(owed), ..owed.basis.clone() };
        let planned_at = self.tried.ladder(&basis).at(rung).filter(|planned_at| *planned_at <= at)?;
        let was_planned = self.in_force.as_deref().and_then(|policy| policy.ladder(&basis).at(rung));
        let has_fired = owed.was.iter().any(|fired| fired.rung == rung);
        if was_planned == Some(planned_at) && !has_fired {
            return None;
        }
        let told = told(&self.staff, self.tried.terms.notices.recipients(rung), owed.owner);
        Some(Firing { rung, planned_at, told })
    }

    fn subject(&self, owed: &Owed) -> Subject {
        let of_ticket = self.tickets.get(&owed.ticket).unwrap_or(&owed.basis.subject);
        let standing = owed.customer.and_then(|customer| self.customers.get(&customer));
        Subject { standing: standing.cloned().unwrap_or_default(), ..of_ticket.clone() }
    }

    fn tell(&mut self, obligation: ObligationId, owed: Owed, ended: Option<(ObligationState, Time)>) {
        let Owed { ticket, basis, was, would, is_dropped, .. } = owed;
        let is_overdue = |rungs: &[Firing]| rungs.iter().any(|fired| fired.rung == Rung::Due);
        let outcomes = [is_overdue(&was), is_overdue(&would)].map(|is_overdue| Outcome::of(ended, is_overdue));
        let [outcome_was, outcome_would] = outcomes;
        let outcome_would = if is_dropped { Outcome::NotOwed } else { outcome_would };
        let within = |rungs: Vec<Firing>| rungs.into_iter().filter(|fired| fired.planned_at >= self.from).collect();
        self.report.tales.push(Tale {
            obligation,
            ticket,
            kind: basis.kind,
            began_at: basis.began_at,
            ended,
            was: within(was),
            would: within(would),
            outcome_was,
            outcome_would,
        });
    }
}

#[cfg(test)]
mod tests;
