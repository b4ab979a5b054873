//! What follows from a call: its ticket, who owns it, and what we owe for it; what it proves is
//! weighed in [`callbacks`](super::callbacks).
//!
//! A call comes as whole states, at least once, some left out, some again after a restart: every
//! rule here asks what the call is now and what was kept of it, never what changed.

use std::sync::Arc;

use super::callbacks::{counted, longest_talk_ms, talk_ms, weighed};
use super::case::{Case, Matter, OpenObligation};
use super::clock::{Basis, ClockKind, Obligation, whole_ms};
use super::fact::Fact;
use super::policy::{Policy, Subject};
use super::ticket::{Channel, Complexity, Kind, Priority, Ticket, TicketState};
use crate::calls::call::{Call, Direction, Outcome};
use crate::number::Number;
use crate::{CallId, CustomerId, Extension, PersonId, Time};

pub fn seen(case: &Case, at: Time, call: &Arc<Call>) -> Vec<Fact> {
    let over = case.call.as_ref().is_some_and(|known| known.ended);
    if over && call.ended_at.is_none() {
        // An older state, from before a restart: the first end wins.
        return Vec::new();
    }
    let mut facts = Vec::new();
    let matter = matter(case, call, &mut facts);
    let ticket = matter.as_ref().map(|matter| matter.id);
    facts.push(Fact::CallSeen {
        call: call.clone(),
        seen_at: at,
        person: agent(call).and_then(|agent| case.staff.holder(&call.pbx, agent)),
        ticket,
        talk_ms: call.segments.iter().map(|segment| talk_ms(segment, segment.from, at)).sum(),
        proven: longest_talk_ms(&call.segments, at) >= case.policy.terms.callback.talk_ms,
    });
    let owner = matter.as_ref().and_then(|matter| owner(case, call, matter, &mut facts));
    for obligation in &case.obligations {
        let owner = obligation.owner.or(owner.filter(|_| Some(obligation.ticket) == ticket));
        facts.extend(weighed(case, at, call, over, obligation, owner));
    }
    if !over && let Some(matter) = matter {
        facts.extend(owed(case, at, call, &matter, owner));
    }
    facts
}

/// Whether such a state of a call can settle, count for, or begin an obligation: somebody talked
/// long enough to prove one, or it is over.
pub fn weighs(policy: &Policy, at: Time, call: &Call) -> bool {
    call.outcome.is_some()
        || call.ended_at.is_some()
        || longest_talk_ms(&call.segments, at) >= policy.terms.callback.talk_ms
}

/// The joined call's ticket stays; a ticket of the part that is no more stays with the whole
/// where that has none.
pub fn merged(case: &Case, from: &CallId, into: &CallId) -> Vec<Fact> {
    if from == into {
        return Vec::new();
    }
    let ticket = case.call.as_ref().and_then(|known| known.ticket.as_ref()).map(|matter| matter.id);
    vec![Fact::CallsMerged { from: from.clone(), into: into.clone(), ticket }]
}

/// The call's matter: the one it has; else, for who calls, the open one or a new one; for whom we
/// call, the open one.
fn matter(case: &Case, call: &Call, facts: &mut Vec<Fact>) -> Option<Matter> {
    if let Some(matter) = case.call.as_ref().and_then(|known| known.ticket.clone()) {
        return Some(matter);
    }
    let open = case.open_tickets.first().cloned();
    let matter = match call.direction {
        Direction::Internal => return None,
        Direction::Outbound => open?,
        Direction::Inbound => match open {
            Some(open) => open,
            None => return Some(opened(case, call, facts)),
        },
    };
    facts.push(Fact::CallJoined { call: call.id.clone(), ticket: matter.id });
    Some(matter)
}

fn opened(case: &Case, call: &Call, facts: &mut Vec<Fact>) -> Matter {
    let customer = case.only_customer().map(|customer| customer.id);
    let fact = new_ticket(case, call.started_at, customer, call.number.clone(), Some(call.id.clone()), None);
    facts.push(fact);
    Matter { id: case.ids.ticket(), owner: None, customer, caller: call.number.clone(), subject: Subject::default() }
}

/// A new matter, numbered by its day.
pub fn new_ticket(
    case: &Case,
    opened_at: Time,
    customer: Option<CustomerId>,
    caller: Option<Number>,
    call: Option<CallId>,
    by: Option<PersonId>,
) -> Fact {
    let day = case.policy.day(opened_at);
    let ticket = Ticket {
        id: case.ids.ticket(),
        number: format!("{day}-{:04}", case.next_nth),
        kind: Kind::Consultation,
        category: String::new(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: String::new(),
        course: String::new(),
        demand: String::new(),
        state: TicketState::New,
        owner: by,
        customer,
        caller,
        opened_at,
        closed_at: None,
        version: 1,
    };
    Fact::TicketOpened { ticket: Box::new(ticket), day, nth: case.next_nth, call, by }
}

/// Who first talked with the customer about the matter owns it.
fn owner(case: &Case, call: &Call, matter: &Matter, facts: &mut Vec<Fact>) -> Option<PersonId> {
    if matter.owner.is_some() {
        return matter.owner;
    }
    let person = call.segments.iter().find_map(|segment| case.staff.holder(&call.pbx, &segment.agent))?;
    facts.push(Fact::OwnerTaken { ticket: matter.id, person, call: call.id.clone() });
    Some(person)
}

fn agent(call: &Call) -> Option<&Extension> {
    call.agent.as_ref().or(call.segments.first().map(|segment| &segment.agent))
}

/// What we owe a caller whom nobody took: one callback, unless one is owed already or somebody has
/// talked with that customer since the call began.
fn owed(case: &Case, at: Time, call: &Arc<Call>, matter: &Matter, owner: Option<PersonId>) -> Option<Fact> {
    let missed = match call.outcome? {
        Outcome::Abandoned | Outcome::TimedOut | Outcome::Missed => call.direction == Direction::Inbound,
        Outcome::Answered | Outcome::Busy | Outcome::NoAnswer | Outcome::Failed => false,
    };
    let began_at = whole_ms(call.ended_at?);
    let number = call.number.clone()?;
    let customer = case.only_customer();
    let owed_already = |open: &OpenObligation| {
        open.basis.kind == ClockKind::MissedCall
            && (open.number.as_ref() == Some(&number)
                || customer.is_some_and(|customer| open.customer == Some(customer.id)))
    };
    if !missed || !call.certain || case.obligations.iter().any(owed_already) {
        return None;
    }
    let others = case.talks.iter().map(|talk| (&talk.segments, talk.certain, talk.seen_at));
    let talked = others.chain([(&call.segments, call.certain, at)]).any(|(segments, certain, seen_at)| {
        counted(segments, certain).any(|s| talk_ms(s, call.started_at, seen_at) >= case.policy.terms.callback.talk_ms)
    });
    if talked {
        return None;
    }
    let basis = Basis {
        kind: ClockKind::MissedCall,
        began_at,
        promised_at: None,
        queue: call.waits.last().map(|wait| wait.queue.clone()),
        subject: Subject {
            key_customer: customer.is_some_and(|customer| customer.key_customer),
            ..matter.subject.clone()
        },
        suspensions: Vec::new(),
    };
    let customer = customer.map(|customer| customer.id);
    let ladder = case.policy.ladder(&basis);
    let obligation = Obligation {
        id: case.ids.obligation(),
        ticket: matter.id,
        customer,
        number: Some(number),
        owner,
        basis,
        ladder,
    };
    let policy = case.policy.version;
    Some(Fact::ObligationBegan { obligation: Box::new(obligation), call: Some(call.id.clone()), policy })
}
