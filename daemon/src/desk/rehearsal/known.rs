//! What is known at the moment that a rehearsal has reached, whatever policy it tries: matters as they
//! are written down, customers and their numbers, who works here, and calls as far as they had been seen.
//! From it the cases are put together on which the desk decides by the policy that is tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::past::Form;
use crate::calls::call::Call;
use crate::desk::case::{Case, Ids, KnownCall, KnownCustomer, Matter, OpenObligation, Staff, Talk};
use crate::desk::matters::Whose;
use crate::desk::policy::{Policy, Standing, Subject};
use crate::desk::talks;
use crate::desk::ticket::{Ticket, TicketState};
use crate::number::Number;
use crate::{CallId, CustomerId, ObligationId, QueueName, TicketId, Time};

/// Calls that began longer before than this cannot still be talked on.
const LONGEST_CALL: TimeDelta = TimeDelta::hours(24);

pub struct Known {
    /// The policy that is tried.
    pub policy: Arc<Policy>,
    pub staff: Arc<Staff>,
    pub tickets: BTreeMap<TicketId, Ticket>,
    /// By what is owed: through which queue it came.
    pub queues: BTreeMap<TicketId, BTreeMap<ObligationId, QueueName>>,
    customers: BTreeMap<CustomerId, Customer>,
    on: BTreeMap<Number, BTreeSet<CustomerId>>,
    /// Calls of which more may be told.
    pub calls: BTreeMap<CallId, Heard>,
    /// Calls with a talk that is long enough to count.
    talked: BTreeMap<Number, Vec<Arc<Call>>>,
}

#[derive(Default)]
struct Customer {
    standing: Standing,
    numbers: Vec<Number>,
}

pub struct Heard {
    pub call: Arc<Call>,
    pub ticket: Option<TicketId>,
    /// Its end has been weighed.
    pub is_over: bool,
}

impl Known {
    pub fn new(policy: &Policy) -> Known {
        Known {
            policy: Arc::new(policy.clone()),
            staff: Arc::default(),
            tickets: BTreeMap::new(),
            queues: BTreeMap::new(),
            customers: BTreeMap::new(),
            on: BTreeMap::new(),
            calls: BTreeMap::new(),
            talked: BTreeMap::new(),
        }
    }

    pub fn call_began(&mut self, call: Arc<Call>) {
        let is_long = talks::longest_ms(&call.segments, Time::MAX_UTC) >= self.policy.terms.callback.talk_ms;
        if let Some(number) = call.number.clone().filter(|_| is_long) {
            self.talked.entry(number).or_default().push(call.clone());
        }
        self.calls.insert(call.id.clone(), Heard { call, ticket: None, is_over: false });
    }

    pub fn customer_is(&mut self, customer: CustomerId, standing: Standing, numbers: Vec<Number>) {
        let before = self.customers.insert(customer, Customer { standing, numbers: numbers.clone() });
        for number in before.iter().flat_map(|before| &before.numbers) {
            if let Some(on) = self.on.get_mut(number) {
                on.remove(&customer);
            }
        }
        for number in numbers {
            self.on.entry(number).or_default().insert(customer);
        }
    }

    /// The customer, where nobody else is on the number.
    pub fn alone_on(&self, number: &Number) -> Option<CustomerId> {
        self.on.get(number).filter(|on| on.len() == 1).and_then(|on| on.first().copied())
    }

    pub fn customers_on(&self, number: &Number) -> impl Iterator<Item = CustomerId> {
        self.on.get(number).into_iter().flatten().copied()
    }

    pub fn subject(&self, owed: &OpenObligation) -> Subject {
        let standing = owed.customer.map(|customer| self.standing(customer)).unwrap_or_default();
        let Some(ticket) = self.tickets.get(&owed.ticket) else { return owed.basis.subject.clone() };
        Subject {
            kind: ticket.kind,
            category: ticket.category.clone(),
            priority: ticket.priority,
            complexity: ticket.complexity,
            standing,
            department: ticket.department.clone(),
        }
    }

    /// The matter after it was saved.
    pub fn saved(&self, ticket: &Ticket, form: Form) -> Ticket {
        let Form { kind, category, priority, complexity, channel, state, department } = form;
        Ticket { kind, category, priority, complexity, channel, state, department, ..ticket.clone() }
    }

    pub fn case(&self) -> Case {
        Case::new(self.policy.clone(), self.staff.clone(), Ids::from(0))
    }

    /// About a matter, with what is owed in it.
    pub fn about(&self, ticket: TicketId, owed: Vec<OpenObligation>, now: Time) -> Option<Case> {
        let ticket = self.tickets.get(&ticket)?;
        let mut case = self.case();
        let began = owed.iter().map(|owed| owed.basis.began_at).chain([ticket.opened_at]).min();
        case.obligations = owed.into_iter().map(|owed| self.as_it_stands(owed)).collect();
        case.customers = ticket.customer.map(|customer| self.customer(customer)).into_iter().collect();
        case.queue = self.queues.get(&ticket.id).and_then(|queues| queues.values().next().cloned());
        case.talks = self.talks(&case.customers, ticket.caller.as_ref(), began.unwrap_or(now), now, None);
        case.ticket = Some(ticket.clone());
        Some(case)
    }

    /// About a matter and what is owed in it and in another, with the customers of both.
    pub fn about_both(&self, here: TicketId, there: TicketId, owed: Vec<OpenObligation>, now: Time) -> Option<Case> {
        let mut case = self.about(here, owed, now)?;
        let other = self.tickets.get(&there).and_then(|ticket| ticket.customer);
        let other = other.filter(|id| case.customers.iter().all(|known| known.id != *id));
        case.customers.extend(other.map(|customer| self.customer(customer)));
        Some(case)
    }

    /// The queue through which it came goes with it.
    pub fn goes(&mut self, own: ObligationId, from: TicketId, to: TicketId) {
        if let Some(queue) = self.queues.get_mut(&from).and_then(|queues| queues.remove(&own)) {
            self.queues.entry(to).or_default().insert(own, queue);
        }
    }

    /// About a call, with what is owed to whoever it is with. `call`: as it was seen at `at`.
    pub fn with(&self, call: &Call, owed: Vec<OpenObligation>, at: Time) -> Option<Case> {
        let heard = self.calls.get(&call.id)?;
        let mut case = self.case();
        let matter = heard.ticket.and_then(|ticket| self.tickets.get(&ticket)).map(|ticket| Matter {
            id: ticket.id,
            owner: ticket.owner,
            customer: ticket.customer,
            caller: ticket.caller.clone(),
            subject: Whose::of(&case, ticket).subject,
        });
        case.call = Some(KnownCall { ticket: matter, number: call.number.clone(), ended: heard.is_over, survey: None });
        let on = call.number.iter().flat_map(|number| self.customers_on(number));
        case.customers = on.map(|customer| self.customer(customer)).collect();
        case.obligations = owed.into_iter().map(|owed| self.as_it_stands(owed)).collect();
        case.talks = self.talks(&case.customers, call.number.as_ref(), call.started_at, at, Some(&call.id));
        Some(case)
    }

    fn as_it_stands(&self, owed: OpenObligation) -> OpenObligation {
        let subject = self.subject(&owed);
        let ticket = self.tickets.get(&owed.ticket);
        let mut owed = OpenObligation {
            ticket_owner: ticket.and_then(|ticket| ticket.owner),
            ticket_state: ticket.map_or(TicketState::InProgress, |ticket| ticket.state),
            ..owed
        };
        owed.basis.subject = subject;
        owed
    }

    fn standing(&self, customer: CustomerId) -> Standing {
        self.customers.get(&customer).map(|customer| customer.standing.clone()).unwrap_or_default()
    }

    fn customer(&self, id: CustomerId) -> KnownCustomer {
        KnownCustomer { id, standing: self.standing(id), manager: None, version: 0, saved_by: None }
    }

    /// Calls with these customers, or on that number, that had been talked on long enough by `now`.
    fn talks(
        &self,
        customers: &[KnownCustomer],
        on: Option<&Number>,
        since: Time,
        now: Time,
        but: Option<&CallId>,
    ) -> Vec<Talk> {
        let theirs = customers.iter().filter_map(|customer| self.customers.get(&customer.id));
        let numbers: BTreeSet<&Number> = theirs.flat_map(|customer| &customer.numbers).chain(on).collect();
        let calls = numbers.into_iter().filter_map(|number| self.talked.get(number)).flatten();
        let calls = calls.filter(|call| call.started_at >= since - LONGEST_CALL && Some(&call.id) != but);
        let seen = calls.map(|call| seen_by(call, now));
        seen.filter(|call| talks::longest_ms(&call.segments, now) >= self.policy.terms.callback.talk_ms)
            .map(|call| Talk { call: call.id, certain: call.certain, seen_at: now, segments: call.segments })
            .collect()
    }
}

/// The call as it had been seen at that moment.
pub fn seen_by(call: &Call, at: Time) -> Call {
    let by_then = |moment: Option<Time>| moment.filter(|moment| *moment <= at);
    let mut call = call.clone();
    call.answered_at = by_then(call.answered_at);
    call.ended_at = by_then(call.ended_at);
    call.outcome = call.outcome.filter(|_| call.ended_at.is_some());
    call.waits.retain(|wait| wait.joined_at <= at);
    call.segments.retain(|segment| segment.from <= at);
    for segment in &mut call.segments {
        segment.to = by_then(segment.to);
        segment.holds.retain(|hold| hold.from <= at);
        segment.holds.iter_mut().for_each(|hold| hold.to = by_then(hold.to));
    }
    call
}
