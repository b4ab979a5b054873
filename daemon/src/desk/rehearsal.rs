//! Another policy tried on what has happened: which rungs it would have fired, when, and to whom, beside
//! those that did fire; and what it would have had owed, for how long.
//!
//! The same desk decides here by the policy that is tried, on what the house had seen and heard: calls,
//! what people wrote down, said, promised and let go. What people did is taken as it was. Each moment goes
//! by what was known then: a matter that became urgent at noon was not in the morning. Where both
//! policies come to the same, it would have gone as it did: a rung to which both give the same time would
//! have fired when it did, however late that was, and a call is weighed when it was. Anything else comes
//! at its time.
//!
//! Reading order: `past` (what is heard), `known`, `book` (what is owed), `report`.

mod book;
mod known;
mod past;
mod report;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::case::{Case, Ids, OpenObligation};
use super::clock::{Basis, ClockKind, Keeping, ObligationState, Proof, Rung};
use super::command::Refusal;
use super::fact::Fact;
use super::matters;
pub use super::matters::Opening;
use super::policy::{Policy, Subject};
use super::regroup::{self, RegroupKind};
use super::ticket::{Ticket, TicketState};
use super::told::told;
use super::{calls, owed, states, steps, talks};
use crate::{CallId, ObligationId, TicketId, Time};
use book::{Book, Gone, Record, Side};
use known::{Known, seen_by};
pub use past::{Began, Form, Happened, PastCall, Regrouped, What};
pub use report::{Ended, Firing, Outcome, Report, Sided, Tale, Tally};

/// After its end nothing more is told of a call.
const CALLS_ARE_KEPT: TimeDelta = TimeDelta::hours(24);

/// Hears all that happened up to the end of the period, in its order.
pub struct Rehearsal {
    from: Time,
    /// The policy that was in force, as far as it can be read.
    in_force: Option<Box<Policy>>,
    known: Known,
    book: Book,
    /// Calls of which something is to be weighed, or that are to be forgotten.
    agenda: BTreeSet<(Time, CallId, Moment)>,
    /// Counts decisions.
    decision: u64,
    report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Somebody has talked long enough, or no longer talks, or the call is over.
    Weighs,
    IsForgotten,
}

impl Rehearsal {
    /// Tells what fell between `from` and the end that [`Rehearsal::end`] is told.
    pub fn new(tried: &Policy, from: Time) -> Rehearsal {
        Rehearsal {
            from,
            in_force: None,
            known: Known::new(tried),
            book: Book::default(),
            agenda: BTreeSet::new(),
            decision: 0,
            report: Report::default(),
        }
    }

    pub fn observe(&mut self, Happened { at, is_anew, what }: Happened) {
        self.weigh_before(at);
        self.decision += u64::from(is_anew);
        match what {
            What::PolicySet { version, policy } => {
                self.up_to(at, &self.book.all());
                self.report.versions.push((version, at));
                self.in_force = policy;
            }
            What::Staff(staff) => {
                self.up_to(at, &self.book.all());
                self.known.staff = Arc::new(staff);
            }
            What::Customer { customer, standing, numbers } => {
                self.up_to(at, &self.book.of_customer(customer));
                self.known.customer_is(customer, standing, numbers.clone());
                for number in &numbers {
                    if self.known.alone_on(number) != Some(customer) {
                        continue;
                    }
                    let theirs = self.book.on_number(number);
                    self.up_to(at, &theirs);
                    for own in theirs {
                        self.book.change(own, |its| its.owed.customer = its.owed.customer.or(Some(customer)));
                    }
                }
            }
            What::Call(past) => self.call_began(*past),
            What::Joined { call, ticket } => {
                if let Some(heard) = self.known.calls.get_mut(&call) {
                    heard.ticket = Some(ticket);
                }
            }
            What::CallMoved { call, to, by } => self.call_moved(&call, to, by, at),
            What::Regrouped(regrouped) => {
                let to = if regrouped.is_back { regrouped.giver } else { regrouped.taker };
                for call in &regrouped.calls {
                    self.known.calls.get_mut(call).into_iter().for_each(|heard| heard.ticket = Some(to));
                }
                if regrouped.is_back { self.came_back(&regrouped, at) } else { self.went(&regrouped, at) }
            }
            What::Opened { ticket, opening } => self.opened(ticket, *opening, at),
            What::Saved { ticket, by, form } => {
                let Some(before) = self.known.tickets.get(&ticket).cloned() else { return };
                let then = self.known.saved(&before, *form);
                self.decide(ticket, at, |case, facts| {
                    matters::saved(case, facts, &before, &then, by, at);
                    states::goes_on(case, facts, &before, &then, by, at);
                });
                self.known.tickets.insert(ticket, then);
            }
            What::Became { ticket, state, by, why } => {
                let Some(before) = self.known.tickets.get(&ticket).cloned() else { return };
                let then = Ticket { state, ..before.clone() };
                // What follows from the end of a visit follows there.
                if let Some(by) = by {
                    self.decide(ticket, at, |case, facts| {
                        matters::saved(case, facts, &before, &then, Some(by), at);
                        states::goes_on(case, facts, &before, &then, Some(by), at);
                        if state == TicketState::WaitingCustomer {
                            states::stands_still(case, facts, by, &why, at);
                        }
                    });
                }
                self.known.tickets.insert(ticket, then);
            }
            What::Reclassed { ticket, kind, department, by } => {
                let Some(before) = self.known.tickets.get(&ticket).cloned() else { return };
                let then = Ticket { kind, department, ..before.clone() };
                self.decide(ticket, at, |case, facts| matters::saved(case, facts, &before, &then, Some(by), at));
                self.known.tickets.insert(ticket, then);
            }
            What::CustomerCalled { ticket, talked_at } => {
                let Some(before) = self.known.tickets.get(&ticket).cloned() else { return };
                let then = Ticket { state: TicketState::InProgress, ..before.clone() };
                self.decide(ticket, at, |case, facts| {
                    states::goes_on(case, facts, &before, &then, None, talked_at);
                });
                self.known.tickets.insert(ticket, then);
            }
            What::Withdrawn { ticket, by } => {
                self.decide(ticket, at, |case, facts| facts.extend(steps::let_go(case, by)));
            }
            What::Filed { ticket, words, by } => self.decide_or_not(ticket, at, |case| {
                let ticket = case.ticket.as_ref().ok_or(Refusal::NoSuchTicket)?;
                Ok(steps::filing(case, ticket, by, &words, at))
            }),
            What::Linked { ticket, customer } => {
                let of_ticket = self.book.of_ticket(ticket);
                self.up_to(at, &of_ticket);
                if let Some(ticket) = self.known.tickets.get_mut(&ticket) {
                    ticket.customer = Some(customer);
                }
                for own in of_ticket {
                    self.book.change(own, |record| record.owed.customer = Some(customer));
                }
            }
            What::OwnerTaken { ticket, person } => {
                let of_ticket = self.book.of_ticket(ticket);
                self.up_to(at, &of_ticket);
                if let Some(ticket) = self.known.tickets.get_mut(&ticket) {
                    ticket.owner = Some(person);
                }
                for own in of_ticket {
                    self.book.change(own, |record| record.owed.owner = record.owed.owner.or(Some(person)));
                }
            }
            What::Given { ticket, is_owner, from, to, department, owed } => {
                let of_ticket = self.book.of_ticket(ticket);
                self.up_to(at, &of_ticket);
                if let Some(ticket) = self.known.tickets.get_mut(&ticket) {
                    ticket.department = department.or(ticket.department.take());
                    ticket.owner = if is_owner { Some(to) } else { ticket.owner };
                }
                for own in of_ticket {
                    self.book.change(own, |record| {
                        // What would be owed beside goes along with the matter, as the rest of its holder's does.
                        let goes_along = match record.id {
                            Some(id) => owed.contains(&id),
                            None => is_owner && record.owed.owner == from,
                        };
                        record.owed.owner = if goes_along { Some(to) } else { record.owed.owner };
                    });
                }
            }
            What::Accepted { ticket, solved_by, by } => self.decide_or_not(ticket, at, |case| {
                let ticket = case.ticket.as_ref().ok_or(Refusal::NoSuchTicket)?;
                steps::accepted(case, ticket, by, solved_by, at)
            }),
            What::Surveyed { ticket, survey, by } => {
                self.decide_or_not(ticket, at, |case| {
                    let ticket = case.ticket.as_ref().ok_or(Refusal::NoSuchTicket)?;
                    steps::surveyed(case, by, ticket, survey, at)
                });
            }
            What::Began(began) => self.began(*began, at),
            What::Moved { obligation, ticket, customer, queue } => {
                let Some(own) = self.book.own(obligation) else { return };
                self.up_to(at, &[own]);
                self.through(own, ticket, queue.as_ref());
                self.book.change(own, |Record { owed, .. }| {
                    (owed.ticket, owed.customer, owed.basis.queue) = (ticket, customer, queue);
                });
            }
            What::Suspended { obligation, from, reason, by } => {
                self.on(obligation, at, |case, its| owed::suspend(case, its, by, &reason, at));
                let record = self.book.own(obligation).and_then(|own| self.book.get_mut(own));
                let suspension = super::deadline::Suspension { from, to: None };
                record.into_iter().for_each(|record| record.suspensions.push(suspension));
            }
            What::Resumed { obligation, to, by } => {
                self.on(obligation, at, |case, its| owed::resume(case, its, by, at));
                let record = self.book.own(obligation).and_then(|own| self.book.get_mut(own));
                let open = record.and_then(|record| record.suspensions.iter_mut().find(|rest| rest.to.is_none()));
                open.into_iter().for_each(|open| open.to = Some(to));
            }
            What::Fired { obligation, firing } => {
                let Some(own) = self.book.own(obligation) else { return };
                if let Some(record) = self.book.get_mut(own) {
                    record.was.get_or_insert_default().fired.push(firing);
                    record.decision = None;
                }
                self.up_to(at, &[own]);
            }
            What::Tried { call } => self.weigh(&call, at, true),
            What::Kept { obligation, proof } => self.kept(obligation, &proof, at),
            What::Ended { obligation, state, by, why } => {
                self.on(obligation, at, |case, its| match state {
                    ObligationState::Waived => owed::waive(case, its, by.ok_or(Refusal::NotAllowed)?, &why, at),
                    ObligationState::Kept => match (its.basis.kind, case.ticket.as_ref(), by) {
                        (ClockKind::Filing, Some(ticket), Some(by)) => Ok(steps::filing(case, ticket, by, &why, at)),
                        _ => Ok(vec![matters::kept(case, its, why, by)]),
                    },
                    // What these follow from is told, and so they follow here where they would have.
                    ObligationState::Open
                    | ObligationState::Unreachable
                    | ObligationState::Replaced
                    | ObligationState::Dropped => Ok(Vec::new()),
                });
                self.was_ended(obligation, state, at);
            }
        }
    }

    /// All is known up to `until`.
    pub fn end(mut self, until: Time) -> Report {
        self.weigh_before(until);
        self.decision += 1;
        self.up_to(until, &self.book.all());
        while let Some(record) = self.book.pop() {
            self.tell(record);
        }
        self.report.tales.sort_by_key(|tale| (tale.began_at, tale.ticket, tale.kind));
        self.report.names = self.known.staff.people.iter().map(|(id, member)| (*id, member.name.clone())).collect();
        self.report
    }

    // Calls.

    fn call_began(&mut self, PastCall { call, seen_at, gap }: PastCall) {
        let was_seen = |at: &Time| gap.is_none_or(|(from, to)| *at < from || to.is_some_and(|to| *at >= to));
        let talk_ms = self.known.policy.terms.callback.talk_ms;
        let talks = call.segments.iter().flat_map(|segment| [talks::lasted(segment, talk_ms), segment.to]);
        let talks = talks.flatten().filter(was_seen).filter(|at| call.ended_at.is_none_or(|ended_at| *at < ended_at));
        let end = call.ended_at.filter(|_| call.outcome.is_some()).map(|ended_at| ended_at.max(seen_at));
        let id = &call.id;
        self.agenda.extend(talks.chain(end).map(|at| (at, id.clone(), Moment::Weighs)));
        let last = end.unwrap_or(seen_at).max(call.started_at);
        self.agenda.insert((last + CALLS_ARE_KEPT, id.clone(), Moment::IsForgotten));
        self.known.call_began(Arc::new(call));
    }

    /// What was seen of calls before that.
    fn weigh_before(&mut self, at: Time) {
        while self.agenda.first().is_some_and(|(moment, ..)| *moment < at)
            && let Some((at, call, what)) = self.agenda.pop_first()
        {
            self.decision += 1;
            match what {
                Moment::Weighs => self.weigh(&call, at, false),
                Moment::IsForgotten => drop(self.known.calls.remove(&call)),
            }
        }
    }

    /// The call, as it had been seen at that moment, is weighed by the policy that is tried. `did`: it was
    /// weighed then, and something came of it; else it matters only where something is otherwise.
    fn weigh(&mut self, call: &CallId, at: Time, did: bool) {
        let Some(heard) = self.known.calls.get(call) else { return };
        let call = seen_by(&heard.call, at);
        let about = heard.ticket.filter(|_| call.number.is_none());
        let numbers = call.number.iter().flat_map(|number| self.book.on_number(number));
        let customers = call.number.iter().flat_map(|number| self.known.customers_on(number));
        let customers = customers.flat_map(|customer| self.book.of_customer(customer));
        let tickets = about.into_iter().flat_map(|ticket| self.book.of_ticket(ticket));
        let whose: BTreeSet<ObligationId> = numbers.chain(customers).chain(tickets).collect();
        let whose: Vec<ObligationId> = whose.into_iter().collect();
        let is_otherwise = |own: &ObligationId| self.book.get(*own).is_some_and(Record::is_otherwise);
        if !did && self.weighs_alike() && !whose.iter().any(is_otherwise) {
            return;
        }
        self.up_to(at, &whose);
        let Some(case) = self.known.with(&call, self.book.would_be(&whose), at) else { return };
        // Its matter is on record.
        let is_lost = call.number.is_some() && case.call.as_ref().is_some_and(|known| known.ticket.is_none());
        if is_lost && call.direction == crate::calls::call::Direction::Inbound {
            return;
        }
        let (id, is_over) = (call.id.clone(), call.ended_at.is_some());
        let facts = calls::seen(&case, at, &Arc::new(call));
        self.keep(facts, at);
        if let Some(heard) = self.known.calls.get_mut(&id) {
            heard.is_over |= is_over;
        }
    }

    /// Whether the policies take calls for the same.
    fn weighs_alike(&self) -> bool {
        let terms = &self.known.policy.terms;
        let kinds = |policy: &Policy| policy.terms.clocks.rule(ClockKind::MissedCall).kinds.clone();
        self.in_force.as_deref().is_some_and(|in_force| {
            in_force.terms.callback.talk_ms == terms.callback.talk_ms && kinds(in_force) == kinds(&self.known.policy)
        })
    }

    fn call_moved(&mut self, call: &CallId, to: TicketId, by: Option<crate::PersonId>, at: Time) {
        if let Some(heard) = self.known.calls.get_mut(call) {
            heard.ticket = Some(to);
        }
        let moved = self.book.for_call(call);
        self.up_to(at, &moved);
        for own in moved {
            let queue = self.book.get(own).and_then(|record| record.owed.basis.queue.clone());
            self.through(own, to, queue.as_ref());
            self.book.change(own, |Record { owed, .. }| (owed.ticket, owed.owner) = (to, owed.owner.or(by)));
        }
    }

    /// It was kept by a talk that was seen. Where that is long enough, and the call's record does not show
    /// it any more, it counts by what was told of it then.
    fn kept(&mut self, obligation: ObligationId, proof: &Proof, at: Time) {
        self.weigh(&proof.call, at, true);
        let suffices = proof.talk_ms >= self.known.policy.terms.callback.talk_ms;
        self.on(obligation, at, |case, its| {
            let mut facts = Vec::new();
            match (its.basis.kind.keeping(), &its.survey) {
                _ if !suffices => {}
                (Keeping::Survey, Some(survey)) => {
                    matters::visited(case, &mut facts, its, proof.clone(), survey, at);
                }
                (Keeping::Survey, None) | (Keeping::Word, _) => {}
                (Keeping::Talk | Keeping::LaterTalk, _) => {
                    let (obligation, ticket, owner) = (its.id, its.ticket, its.owner);
                    facts.push(Fact::ObligationKept { obligation, ticket, owner, proof: proof.clone() });
                    matters::goes_on(case, &mut facts, its, at);
                }
            }
            Ok(facts)
        });
        self.was_ended(obligation, ObligationState::Kept, at);
    }

    // Tickets put together and apart.

    /// What would be owed goes along, and of what would be owed twice one ends, as by the policy that is tried.
    fn went(&mut self, regrouped: &Regrouped, at: Time) {
        let Regrouped { id, kind, giver, taker, calls, owed, replaced, .. } = regrouped;
        let is_open = |own: &ObligationId| {
            self.book.get(*own).is_some_and(|its| its.owed.ticket == *giver && (its.was_open() || its.would_be_open()))
        };
        let (here, there): (Vec<ObligationId>, _) = match kind {
            RegroupKind::Merge => (self.book.of_ticket(*giver), self.book.of_ticket(*taker)),
            RegroupKind::Split => (calls.iter().flat_map(|call| self.book.for_call(call)).collect(), Vec::new()),
        };
        let here: Vec<ObligationId> = here.into_iter().filter(is_open).collect();
        let both: Vec<ObligationId> = here.iter().chain(&there).copied().collect();
        self.up_to(at, &both);
        let case = self.known.about_both(*giver, *taker, self.book.would_be(&both), at);
        let tickets = self.known.tickets.get(giver).zip(self.known.tickets.get(taker));
        let (theirs, ends) = match (case, tickets) {
            (Some(case), Some((giver, taker))) => match kind {
                RegroupKind::Merge => regroup::together(&case, giver, taker),
                RegroupKind::Split => {
                    let whose = matters::Whose::of(&case, taker);
                    let theirs = case.obligations.iter().map(|owed| regroup::come(owed, giver, &whose));
                    (theirs.collect(), Vec::new())
                }
            },
            _ => return,
        };
        let mut went = Vec::new();
        for own in here {
            let Some(record) = self.book.get(own) else { continue };
            went.push((own, record.owed.owner, record.owed.customer));
            let said = owed.iter().find(|(id, _)| Some(*id) == record.id).map(|(_, owner)| *owner);
            let then = theirs.iter().find(|then| then.id == own).map(|then| (then.owner, then.customer));
            let owner = then.map(|(owner, _)| owner).or(said).unwrap_or(record.owed.owner);
            let customer = then.map_or(record.owed.customer, |(_, customer)| customer);
            self.known.goes(own, *giver, *taker);
            self.book.change(own, |Record { owed, .. }| {
                (owed.ticket, owed.owner, owed.customer) = (*taker, owner, customer);
            });
        }
        let ended: Vec<ObligationId> = ends.into_iter().map(|(replaced, _)| replaced.id).collect();
        let did_end: Vec<_> = replaced.iter().filter_map(|id| self.book.own(*id)).collect();
        did_end.iter().chain(&ended).for_each(|own| self.book.set_aside(*own));
        self.book.gone(*id, Gone { at, went, ended: ended.clone() });
        ended.into_iter().for_each(|own| self.would_end(own, ObligationState::Replaced, at));
    }

    /// What went is where it was, and what ended by it is owed again.
    fn came_back(&mut self, regrouped: &Regrouped, at: Time) {
        let Regrouped { id, kind, giver, taker, replaced, .. } = regrouped;
        let Some(Gone { at: gone_at, went, ended }) = self.book.back(*id) else { return };
        let of_taker = self.book.of_ticket(*taker);
        let did_end: Vec<_> = replaced.iter().filter_map(|id| self.book.own(*id)).collect();
        let all: Vec<_> =
            went.iter().map(|(own, ..)| own).chain(&of_taker).chain(&did_end).chain(&ended).copied().collect();
        self.up_to(at, &all);
        for (own, owner, customer) in &went {
            self.known.goes(*own, *taker, *giver);
            self.book.change(*own, |Record { owed, .. }| {
                (owed.ticket, owed.owner, owed.customer) = (*giver, *owner, *customer);
            });
        }
        let by_it = Ended { state: ObligationState::Replaced, at: gone_at };
        let again = |side: &mut Option<Side>| {
            side.iter_mut().for_each(|side| side.ended = side.ended.filter(|ended| *ended != by_it));
        };
        did_end.into_iter().for_each(|own| self.book.change(own, |record| again(&mut record.was)));
        ended.into_iter().for_each(|own| self.book.change(own, |record| again(&mut record.would)));
        if *kind == RegroupKind::Split {
            // It is no matter of its own any more; nobody would be owed anything in it.
            let its_own = of_taker.into_iter().filter(|own| went.iter().all(|(went, ..)| went != own));
            its_own.for_each(|own| self.would_end(own, ObligationState::Dropped, at));
        }
    }

    // Matters.

    fn opened(&mut self, ticket: TicketId, opening: Opening, at: Time) {
        let heard = opening.call.as_ref().and_then(|call| self.known.calls.get_mut(call));
        let brought = heard.filter(|_| opening.by.is_none()).map(|heard| {
            heard.ticket = Some(ticket);
            seen_by(&heard.call, at)
        });
        let caller = opening.caller.or_else(|| brought.as_ref().and_then(|call| call.number.clone()));
        let queue = brought.as_ref().and_then(calls::queue);
        let mut case = self.known.case();
        case.ids = Ids::from(ticket.0);
        if let Some(with) = brought.as_ref().and_then(|call| self.known.with(call, Vec::new(), at)) {
            case.customers = with.customers;
        }
        let mut facts = Vec::new();
        let opened = matters::open(&case, &mut facts, Opening { caller, queue, ..opening });
        self.known.tickets.insert(opened.id, opened);
        self.keep(facts, at);
    }

    fn began(&mut self, began: Began, at: Time) {
        let (ticket, queue) = (began.ticket, began.basis.queue.clone());
        let is_known = self.book.of_ticket(ticket).iter().any(|own| {
            let record = self.book.get(*own);
            record.is_some_and(|its| its.was.is_none() && its.owed.basis.kind == ClockKind::Promise)
        });
        // A promise is what somebody said. Where it came with the notice of acceptance it is known.
        if let (ClockKind::Promise, Some(by), Some(promised_at), false) =
            (began.basis.kind, began.owner, began.basis.promised_at, is_known)
        {
            self.decide_or_not(ticket, at, |case| {
                let mut facts = Vec::new();
                if let Some(ticket) =
                    case.ticket.as_ref().filter(|ticket| matters::runs(case, ClockKind::Promise, ticket))
                {
                    steps::promise(case, &mut facts, ticket, by, promised_at, at);
                }
                Ok(facts)
            });
        }
        if let Some(call) = &began.call {
            self.weigh(call, at, true);
        }
        let own = self.book.began(began, self.decision);
        self.through(own, ticket, queue.as_ref());
    }

    /// What follows in that matter by the policy that is tried.
    fn decide(&mut self, ticket: TicketId, at: Time, decide: impl FnOnce(&Case, &mut Vec<Fact>)) {
        self.decide_or_not(ticket, at, |case| {
            let mut facts = Vec::new();
            decide(case, &mut facts);
            Ok(facts)
        });
    }

    /// Where the desk refuses it, nothing follows.
    fn decide_or_not(&mut self, ticket: TicketId, at: Time, decide: impl FnOnce(&Case) -> Result<Vec<Fact>, Refusal>) {
        let of_ticket = self.book.of_ticket(ticket);
        self.up_to(at, &of_ticket);
        let case = self.known.about(ticket, self.book.would_be(&of_ticket), at);
        let facts = case.and_then(|case| decide(&case).ok());
        self.keep(facts.unwrap_or_default(), at);
    }

    /// Of what was owed under that id, where it would still be. Where another would have come in its place,
    /// it is that: people would have let it rest, or go, just as well.
    fn on(
        &mut self,
        id: ObligationId,
        at: Time,
        decide: impl FnOnce(&Case, &OpenObligation) -> Result<Vec<Fact>, Refusal>,
    ) {
        let Some(own) = self.book.would_be_own(id) else { return };
        let Some(ticket) = self.book.get(own).map(|record| record.owed.ticket) else { return };
        self.decide_or_not(ticket, at, |case| {
            let its = case.obligations.iter().find(|owed| owed.id == own);
            its.map_or(Ok(Vec::new()), |its| decide(case, its))
        });
    }

    fn keep(&mut self, facts: Vec<Fact>, at: Time) {
        for fact in facts {
            match fact {
                Fact::ObligationBegan { obligation, call, .. } => {
                    let (ticket, queue) = (obligation.ticket, obligation.basis.queue.clone());
                    let own = self.book.would_begin(*obligation, call, self.decision);
                    self.through(own, ticket, queue.as_ref());
                }
                Fact::ObligationMoved { obligation, ticket, customer, queue, .. } => {
                    self.through(obligation, ticket, queue.as_ref());
                    self.book.change(obligation, |Record { owed, .. }| {
                        (owed.customer, owed.basis.queue) = (customer, queue);
                    });
                }
                Fact::AttemptMade { obligation, at, .. } => {
                    self.book.change(obligation, |record| record.owed.attempts.push(at));
                }
                Fact::Surveyed { obligation, survey, .. } => {
                    self.book.change(obligation, |record| record.owed.survey = Some(survey));
                }
                Fact::Suspended { obligation, from, .. } => {
                    let suspension = super::deadline::Suspension { from, to: None };
                    self.book.change(obligation, |record| record.owed.basis.suspensions.push(suspension));
                }
                Fact::Resumed { obligation, at, .. } => self.book.change(obligation, |record| {
                    let open = record.owed.basis.suspensions.iter_mut().find(|rest| rest.to.is_none());
                    open.into_iter().for_each(|open| open.to = Some(at));
                }),
                Fact::ObligationKept { obligation, .. } => self.would_end(obligation, ObligationState::Kept, at),
                Fact::ObligationEnded { obligation, state, .. } => self.would_end(obligation, state, at),
                Fact::TicketReopened { ticket, .. } => {
                    if let Some(ticket) = self.known.tickets.get_mut(&ticket) {
                        ticket.state = TicketState::Reopened;
                    }
                }
                // What else is known does not hang on a policy: it is as it was told.
                _ => {}
            }
        }
    }

    /// What is owed in that matter came through that queue.
    fn through(&mut self, own: ObligationId, ticket: TicketId, queue: Option<&crate::QueueName>) {
        let would_be = self.book.get(own).is_some_and(|record| record.would.is_some());
        if let Some(queue) = queue.filter(|_| would_be) {
            self.known.queues.entry(ticket).or_default().insert(own, queue.clone());
        }
    }

    fn would_end(&mut self, own: ObligationId, state: ObligationState, at: Time) {
        let ended = Ended { state, at };
        self.book.change(own, |its| its.would.iter_mut().for_each(|side| side.ended = side.ended.or(Some(ended))));
        self.is_over(own);
    }

    fn was_ended(&mut self, id: ObligationId, state: ObligationState, at: Time) {
        let Some(own) = self.book.own(id) else { return };
        self.up_to(at, &[own]);
        let ended = Ended { state, at };
        self.book.change(own, |its| its.was.iter_mut().for_each(|side| side.ended = side.ended.or(Some(ended))));
        self.is_over(own);
    }

    fn is_over(&mut self, own: ObligationId) {
        let is_over = self.book.get(own).is_some_and(|record| !record.was_open() && !record.would_be_open());
        let is_over = is_over && !self.book.is_aside(own);
        if let Some(record) = is_over.then(|| self.book.remove(own)).flatten() {
            self.tell(record);
        }
    }

    // Rungs.

    /// Fires what would have fired by then of these.
    fn up_to(&mut self, at: Time, records: &[ObligationId]) {
        for own in records {
            let decision = self.decision;
            let Some(record) = self.book.get_mut(*own) else { continue };
            let is_seen = record.decision.replace(decision) == Some(decision);
            while !is_seen && let Some(firing) = self.next(*own, at) {
                let would = self.book.get_mut(*own).and_then(|record| record.would.as_mut());
                would.into_iter().for_each(|would| would.fired.push(firing.clone()));
            }
        }
    }

    fn next(&self, own: ObligationId, at: Time) -> Option<Firing> {
        let record = self.book.get(own).filter(|record| record.would_be_open())?;
        let rung = *Rung::ALL.get(record.would.as_ref()?.fired.len())?;
        let subject: Subject = self.known.subject(&record.owed);
        let basis = Basis { subject, ..record.owed.basis.clone() };
        let planned_at = self.known.policy.ladder(&basis).at(rung).filter(|planned_at| *planned_at <= at)?;
        if let Some(Side { fired, ended: None }) = &record.was {
            let as_it_was = Basis { suspensions: record.suspensions.clone(), ..basis };
            let was_planned = self.in_force.as_deref().and_then(|policy| policy.ladder(&as_it_was).at(rung));
            if was_planned == Some(planned_at) && fired.iter().all(|fired| fired.rung != rung) {
                return None;
            }
        }
        let told = told(&self.known.staff, self.known.policy.terms.notices.recipients(rung), record.owed.owner);
        Some(Firing { rung, planned_at, told })
    }

    fn tell(&mut self, record: Record) {
        let Record { owed, was, would, id, .. } = record;
        let [was, would] = [was, would].map(|side| {
            side.and_then(|Side { fired, ended }| {
                let is_over = ended.is_some_and(|ended| ended.at < self.from);
                (!is_over).then(|| Sided::of(fired, ended, self.from))
            })
        });
        if was.is_none() && would.is_none() {
            return;
        }
        self.report.tales.push(Tale {
            obligation: id,
            ticket: owed.ticket,
            kind: owed.basis.kind,
            began_at: owed.basis.began_at,
            was: was.unwrap_or_default(),
            would: would.unwrap_or_default(),
        });
    }
}

#[cfg(test)]
mod tests;
