//! Which clocks a matter begins and ends as it is opened, written down, resolved and reopened.
//!
//! What somebody owes follows from what the matter has become, so each rule here compares the matter
//! before and after; what a deadline is reckoned from is handed to the policy anew.

use std::collections::BTreeSet;

use super::case::{Case, OpenObligation};
use super::clock::{Basis, ClockKind, News, Obligation, ObligationState, Proof, Survey, whole_ms};
use super::customers::heard;
use super::draw::{Drawing, is_drawn};
use super::fact::Fact;
use super::policy::{Recipient, Subject};
use super::rungs::moved;
use super::states::archived;
use super::talks;
use super::ticket::{Channel, Complexity, Kind, Object, Priority, Satisfaction, Ticket, TicketState};
use super::told::{stands_in, told};
use crate::number::Number;
use crate::{CallId, CustomerId, ObligationId, PersonId, QueueName, TicketId, Time};

/// A matter that is to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    pub opened_at: Time,
    pub customer: Option<CustomerId>,
    pub caller: Option<Number>,
    /// The call that it came by, and the queue of that call.
    pub call: Option<CallId>,
    pub queue: Option<QueueName>,
    pub by: Option<PersonId>,
    pub owner: Option<PersonId>,
    pub kind: Kind,
    pub channel: Channel,
}

/// Opens a matter, numbered by its day, with the clocks that begin with it.
pub fn open(case: &Case, facts: &mut Vec<Fact>, opening: Opening) -> Ticket {
    let Opening { opened_at, customer, caller, call, queue, by, owner, kind, channel } = opening;
    let day = case.policy.day(opened_at);
    let ticket = Ticket {
        id: case.ids.ticket(),
        number: format!("{day}-{:04}", case.next_nth),
        kind,
        category: String::new(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel,
        summary: String::new(),
        course: String::new(),
        demand: String::new(),
        object: Object::default(),
        state: TicketState::New,
        owner,
        handler: None,
        department: None,
        customer,
        caller,
        opened_at,
        closed_at: None,
        merged_into: None,
        version: 1,
    };
    facts.push(Fact::TicketOpened { ticket: Box::new(ticket.clone()), day, nth: case.next_nth, call, by });
    let whose = Whose { queue, ..Whose::of(case, &ticket) };
    for kind in [ClockKind::Resolution, ClockKind::Acceptance] {
        if runs(case, kind, &ticket) {
            begin(case, facts, kind, opened_at, whose.clone());
        }
    }
    if wants_response(case, &ticket) {
        begin(case, facts, ClockKind::FirstResponse, opened_at, whose);
    }
    complained(case, facts, &ticket, opened_at);
    ticket
}

/// What follows from a matter that was saved: `then` instead of `before`.
pub fn saved(case: &Case, facts: &mut Vec<Fact>, before: &Ticket, then: &Ticket, by: Option<PersonId>, now: Time) {
    let whose = Whose::of(case, then);
    let change = Change { before, then };
    for owed in &case.obligations {
        // Its customer may be known where the ticket's is not yet said.
        let subject = Subject { standing: owed.basis.subject.standing.clone(), ..whose.subject.clone() };
        match change.ends(case, owed) {
            Some(ObligationState::Kept) => facts.push(kept(case, owed, String::new(), by)),
            Some(state) => facts.push(ended(owed, state, by)),
            None if owed.basis.subject != subject => {
                let mut owed = owed.clone();
                owed.basis.subject = subject;
                facts.push(moved(&case.policy, &owed));
            }
            None => {}
        }
    }
    facts.extend(change.lot(case));
    let at = whole_ms(now);
    for kind in ClockKind::ALL {
        if let Some(began_at) = change.begins(case, *kind, at) {
            // Whoever does the work files it.
            let owner = then.handler.filter(|_| *kind == ClockKind::Filing).or(whose.owner);
            begin(case, facts, *kind, began_at, Whose { owner, ..whose.clone() });
        }
    }
    facts.extend(alarm(case, &change, now));
    if before.kind != Kind::Complaint {
        complained(case, facts, then, now);
    }
}

/// A complaint that cannot wait is told at once to who leads and to whose it is to decide; its form may
/// be completed afterwards.
fn alarm(case: &Case, change: &Change, now: Time) -> Option<Fact> {
    let is_urgent = |ticket: &Ticket| {
        ticket.kind == Kind::Complaint && ticket.priority == Priority::Urgent && ticket.state.is_open()
    };
    if is_urgent(change.before) || !is_urgent(change.then) {
        return None;
    }
    let mut told = told(&case.staff, &BTreeSet::from([Recipient::Supervisor]), change.then.owner);
    let head = change.then.department.as_ref().and_then(|department| case.staff.head(department));
    let heads = stands_in(&case.staff, &head.into_iter().collect());
    let others = heads.into_iter().filter(|head| told.iter().all(|known| known.person != head.person));
    told.extend(others.collect::<Vec<_>>());
    let (ticket, version) = (change.then.id, change.before.version + 1);
    Some(Fact::Notified { ticket, version, news: News::Urgent, told, send_at: case.policy.send_at(now) })
}

/// Who looks after the customer hears of a complaint.
fn complained(case: &Case, facts: &mut Vec<Fact>, ticket: &Ticket, at: Time) {
    let customer = case.customers.iter().find(|customer| Some(customer.id) == ticket.customer);
    if let Some(customer) = customer.filter(|_| ticket.kind == Kind::Complaint) {
        heard(case, facts, customer, &[ticket.id], at);
    }
}

struct Change<'a> {
    before: &'a Ticket,
    then: &'a Ticket,
}

impl Change<'_> {
    fn resolved(&self) -> bool {
        self.before.state.is_open() && !self.then.state.is_open()
    }

    fn reopened(&self) -> bool {
        !self.before.state.is_open() && self.then.state.is_open()
    }

    fn closes(&self) -> bool {
        self.before.state != TicketState::Closed && self.then.state == TicketState::Closed
    }

    /// What lot it has, where one is looked at: who was not drawn can be checked too.
    fn lot(&self, case: &Case) -> Option<Fact> {
        let percent = case.policy.terms.spot_check_percent;
        let looked = self.closes() && percent > 0 && runs(case, ClockKind::SpotCheck, self.then);
        let (ticket, lot) = (self.then.id, case.policy.seed.lot(self.then.id));
        looked.then_some(Fact::Draw(Drawing::Looked { ticket, lot, percent, drawn: lot.is_drawn(percent) }))
    }

    /// How an open obligation ends by it.
    fn ends(&self, case: &Case, owed: &OpenObligation) -> Option<ObligationState> {
        let kind = owed.basis.kind;
        if !runs(case, kind, self.then) {
            return Some(ObligationState::Dropped);
        }
        match kind {
            // Who hears the solution has been answered, and knows that it was accepted.
            ClockKind::Resolution | ClockKind::Acceptance => self.resolved().then_some(ObligationState::Kept),
            ClockKind::FirstResponse if self.then.channel == Channel::Phone => Some(ObligationState::Dropped),
            ClockKind::FirstResponse => self.resolved().then_some(ObligationState::Kept),
            ClockKind::Filing | ClockKind::ReturnVisit | ClockKind::SpotCheck => {
                self.reopened().then_some(ObligationState::Dropped)
            }
            ClockKind::MissedCall | ClockKind::Promise | ClockKind::HandOver => None,
        }
    }

    /// Since when one of that kind is owed by it.
    fn begins(&self, case: &Case, kind: ClockKind, at: Time) -> Option<Time> {
        let Change { before, then } = *self;
        let came = runs(case, kind, then) && !runs(case, kind, before);
        let is_owed = |kind: ClockKind| case.obligations.iter().any(|owed| owed.basis.kind == kind);
        // Where the clock was ahead then, from now on.
        let opened_at = whole_ms(then.opened_at).min(at);
        match kind {
            // In the place of a promise that this ends it is owed as where any promise is over.
            ClockKind::Resolution => {
                let stays = |kind: ClockKind| {
                    case.obligations.iter().any(|owed| owed.basis.kind == kind && self.ends(case, owed).is_none())
                };
                let stood = is_owed(ClockKind::Promise);
                let stands = stays(ClockKind::Promise) || stays(kind);
                let since = (self.reopened() || stood).then_some(at).or(came.then_some(opened_at));
                since.filter(|_| then.state.is_open() && runs(case, kind, then) && !stands)
            }
            ClockKind::Acceptance => (came && then.state.is_open()).then_some(at),
            ClockKind::FirstResponse => {
                let since = opened_at;
                let came = wants_response(case, then) && !wants_response(case, before);
                (came && then.state.is_open() && talks::last_since(case, since).is_none()).then_some(since)
            }
            ClockKind::Filing => {
                let resolved = self.resolved() || (came && !then.state.is_open());
                (resolved && runs(case, kind, then)).then_some(at)
            }
            ClockKind::SpotCheck => {
                let drawn = is_drawn(case.policy.seed, then.id, case.policy.terms.spot_check_percent);
                (self.closes() && drawn && runs(case, kind, then) && !is_owed(kind)).then_some(at)
            }
            // They begin with calls, with promises, and with what was filed.
            ClockKind::MissedCall | ClockKind::Promise | ClockKind::ReturnVisit | ClockKind::HandOver => None,
        }
    }
}

/// The customer was asked whether it is well, and a talk proves it. Who is dissatisfied has the
/// matter back.
pub fn visited(case: &Case, facts: &mut Vec<Fact>, owed: &OpenObligation, proof: Proof, survey: &Survey, at: Time) {
    if has_ended(facts, owed) {
        return;
    }
    facts.push(Fact::ObligationKept { obligation: owed.id, ticket: owed.ticket, owner: owed.owner, proof });
    match survey.result {
        Satisfaction::Satisfied | Satisfaction::Fairly => archived(case, facts, owed, at),
        Satisfaction::Dissatisfied => drop(reopen(case, facts, Whose::with(owed), Some(owed.id), at)),
    }
}

/// A matter that was over is owed a solution again, and supervisors hear of it: by what is owed anew,
/// or, where the policy has no such clock, by the visit at which it was heard. False where there is
/// neither.
pub fn reopen(case: &Case, facts: &mut Vec<Fact>, whose: Whose, visit: Option<ObligationId>, at: Time) -> bool {
    let (ticket, owner) = (whose.ticket, whose.owner);
    for owed in case.obligations.iter().filter(|owed| owed.ticket == ticket) {
        let is_over = match owed.basis.kind {
            ClockKind::Filing | ClockKind::ReturnVisit | ClockKind::SpotCheck => true,
            ClockKind::MissedCall
            | ClockKind::FirstResponse
            | ClockKind::Acceptance
            | ClockKind::Resolution
            | ClockKind::Promise
            | ClockKind::HandOver => false,
        };
        if is_over && !has_ended(facts, owed) {
            facts.push(ended(owed, ObligationState::Dropped, None));
        }
    }
    let runs = case.policy.terms.clocks.rule(ClockKind::Resolution).runs_for(whose.subject.kind);
    let anew = runs.then(|| begin(case, facts, ClockKind::Resolution, whole_ms(at), whose));
    let Some(obligation) = anew.or(visit) else { return false };
    let told = told(&case.staff, &BTreeSet::from([Recipient::Supervisor]), owner);
    let send_at = case.policy.send_at(at);
    facts.push(Fact::TicketReopened { ticket, owner, obligation, told, send_at });
    true
}

/// A promise is over and its matter is not: the solution, in whose place it stood, is owed from then
/// on, in a whole window. So no open matter is without a clock, but where somebody waived the
/// solution itself or the policy has none.
pub fn goes_on(case: &Case, facts: &mut Vec<Fact>, promise: &OpenObligation, at: Time) {
    let OpenObligation { ticket, basis, .. } = promise;
    let stands = |kind: ClockKind| matches!(kind, ClockKind::Resolution | ClockKind::Promise);
    let mut others =
        case.obligations.iter().chain(&case.beside).filter(|owed| owed.ticket == *ticket && !has_ended(facts, owed));
    let begins = |fact: &Fact| {
        let Fact::ObligationBegan { obligation, .. } = fact else { return false };
        obligation.ticket == *ticket && stands(obligation.basis.kind)
    };
    let is_owed = others.any(|owed| stands(owed.basis.kind)) || facts.iter().any(begins);
    let runs = case.policy.terms.clocks.rule(ClockKind::Resolution).runs_for(basis.subject.kind);
    if basis.kind == ClockKind::Promise && promise.ticket_state.is_open() && runs && !is_owed {
        begin(case, facts, ClockKind::Resolution, at, Whose::with(promise));
    }
}

pub fn has_ended(facts: &[Fact], owed: &OpenObligation) -> bool {
    facts.iter().any(|fact| match fact {
        Fact::ObligationEnded { obligation, .. } | Fact::ObligationKept { obligation, .. } => *obligation == owed.id,
        _ => false,
    })
}

/// Whose an obligation is, and what its deadline goes by beside its times.
#[derive(Clone)]
pub struct Whose {
    pub ticket: TicketId,
    pub owner: Option<PersonId>,
    pub customer: Option<CustomerId>,
    pub number: Option<Number>,
    pub queue: Option<QueueName>,
    pub subject: Subject,
}

impl Whose {
    /// As of what is owed in the same matter.
    pub fn with(owed: &OpenObligation) -> Whose {
        Whose {
            ticket: owed.ticket,
            owner: owed.ticket_owner,
            customer: owed.customer,
            number: owed.number.clone(),
            queue: owed.basis.queue.clone(),
            subject: owed.basis.subject.clone(),
        }
    }

    /// The ticket's, by the customers and the queue of the case.
    pub fn of(case: &Case, ticket: &Ticket) -> Whose {
        let customer = case.customers.iter().find(|customer| Some(customer.id) == ticket.customer);
        Whose {
            ticket: ticket.id,
            owner: ticket.owner,
            customer: ticket.customer,
            number: ticket.caller.clone(),
            queue: case.queue.clone(),
            subject: Subject {
                kind: ticket.kind,
                category: ticket.category.clone(),
                priority: ticket.priority,
                complexity: ticket.complexity,
                standing: customer.map(|customer| customer.standing.clone()).unwrap_or_default(),
                department: ticket.department.clone(),
            },
        }
    }
}

pub fn begin(case: &Case, facts: &mut Vec<Fact>, kind: ClockKind, began_at: Time, whose: Whose) -> ObligationId {
    begin_with(case, facts, (kind, began_at, None), whose, None)
}

/// Of a kind, since then, for a promised time; `call`: what it is owed for.
pub fn begin_with(
    case: &Case,
    facts: &mut Vec<Fact>,
    (kind, began_at, promised_at): (ClockKind, Time, Option<Time>),
    whose: Whose,
    call: Option<CallId>,
) -> ObligationId {
    let Whose { ticket, owner, customer, number, queue, subject } = whose;
    // Drawn at random are matters, not the people who worked on them.
    let owner = owner.filter(|_| kind != ClockKind::SpotCheck);
    let others = facts.iter().filter(|fact| matches!(fact, Fact::ObligationBegan { .. })).count();
    let id = case.ids.obligation(others);
    let began_at = whole_ms(began_at);
    let basis = Basis { kind, began_at, promised_at, queue, subject, suspensions: Vec::new() };
    let ladder = case.policy.ladder(&basis);
    let obligation = Box::new(Obligation { id, ticket, customer, number, owner, basis, ladder });
    facts.push(Fact::ObligationBegan { obligation, call, policy: case.policy.version });
    id
}

/// It was kept by somebody's word; what was talked since is named.
pub fn kept(case: &Case, owed: &OpenObligation, why: String, by: Option<PersonId>) -> Fact {
    Fact::ObligationEnded {
        obligation: owed.id,
        ticket: owed.ticket,
        owner: owed.owner,
        state: ObligationState::Kept,
        why,
        by,
        proof: talks::last_since(case, owed.basis.began_at),
    }
}

/// It is over, not having been kept.
pub fn ended(owed: &OpenObligation, state: ObligationState, by: Option<PersonId>) -> Fact {
    Fact::ObligationEnded {
        obligation: owed.id,
        ticket: owed.ticket,
        owner: owed.owner,
        state,
        why: String::new(),
        by,
        proof: None,
    }
}

/// Whether such a clock runs for the matter at all.
pub fn runs(case: &Case, kind: ClockKind, ticket: &Ticket) -> bool {
    case.policy.terms.clocks.rule(kind).runs_for(ticket.kind)
}

/// Who called has been answered, or is owed a call; who wrote waits for a first word.
fn wants_response(case: &Case, ticket: &Ticket) -> bool {
    ticket.channel != Channel::Phone && runs(case, ClockKind::FirstResponse, ticket)
}
