//! What follows from a call: its ticket, who owns it, and what we owe for it; what it proves is
//! weighed in [`callbacks`](super::callbacks).
//!
//! A call comes as whole states, at least once, some left out, some again after a restart: every
//! rule here asks what the call is now and what was kept of it, never what changed.

use std::sync::Arc;

use super::callbacks::weighed;
use super::case::{Case, Matter, OpenObligation};
use super::clock::{ClockKind, Keeping, whole_ms};
use super::fact::Fact;
use super::matters::{Opening, Whose, begin_with, open};
use super::policy::{Policy, Subject};
use super::rungs::moved;
use super::surveys;
use super::talks;
use super::ticket::{Channel, Kind};
use super::waiting;
use crate::calls::call::{Call, Direction, Outcome};
use crate::{CallId, Extension, PersonId, QueueName, Time};

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
        talk_ms: call.segments.iter().map(|segment| talks::talk_ms(segment, segment.from, at)).sum(),
        proven: talks::longest_ms(&call.segments, at) >= case.policy.terms.callback.talk_ms,
    });
    let owner = matter.as_ref().and_then(|matter| owner(case, call, matter, &mut facts));
    for obligation in &case.obligations {
        let owner = obligation.owner.or(owner.filter(|_| Some(obligation.ticket) == ticket));
        let owed = OpenObligation { owner, ..obligation.clone() };
        weighed(case, at, call, over, &owed, &mut facts);
        facts.extend(routed(case, call, &owed));
    }
    surveys::by_keys(case, at, call, ticket, &mut facts);
    if !over {
        waiting::ends(case, at, call, ticket, &mut facts);
    }
    if !over && let Some(matter) = matter {
        owed(case, at, call, &matter, owner, &mut facts);
    }
    facts
}

/// A matter is opened as its call begins, which may be before the call has come to a queue: then
/// that queue's hours count.
fn routed(case: &Case, call: &Call, owed: &OpenObligation) -> Option<Fact> {
    let by_word = owed.basis.kind.keeping() == Keeping::Word;
    let by_it = by_word && owed.basis.queue.is_none() && owed.basis.began_at == whole_ms(call.started_at);
    let queue = queue(call).filter(|_| by_it && call.direction == Direction::Inbound)?;
    let mut then = owed.clone();
    then.basis.queue = Some(queue);
    Some(moved(&case.policy, &then))
}

/// The queue that the caller came to last.
pub fn queue(call: &Call) -> Option<QueueName> {
    call.waits.last().map(|wait| wait.queue.clone())
}

/// Whether such a state of a call can settle, count for, or begin an obligation: somebody talked
/// long enough to prove one, or it is over.
pub fn weighs(policy: &Policy, at: Time, call: &Call) -> bool {
    call.outcome.is_some()
        || call.ended_at.is_some()
        || talks::longest_ms(&call.segments, at) >= policy.terms.callback.talk_ms
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
    let opening = Opening {
        opened_at: call.started_at,
        customer,
        caller: call.number.clone(),
        call: Some(call.id.clone()),
        queue: queue(call),
        by: None,
        owner: None,
        kind: Kind::Consultation,
        channel: Channel::Phone,
    };
    let ticket = open(case, facts, opening);
    Matter { id: ticket.id, owner: None, customer, caller: ticket.caller, subject: Subject::default() }
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
/// talked with that customer since the call began. A call of which part was not seen is told as
/// given up only where that was seen.
fn owed(case: &Case, at: Time, call: &Arc<Call>, matter: &Matter, owner: Option<PersonId>, facts: &mut Vec<Fact>) {
    let (Some(outcome), Some(ended_at), Some(number)) = (call.outcome, call.ended_at, call.number.clone()) else {
        return;
    };
    let missed = match outcome {
        Outcome::Abandoned | Outcome::TimedOut | Outcome::Missed => call.direction == Direction::Inbound,
        Outcome::Answered | Outcome::Busy | Outcome::NoAnswer | Outcome::Failed => false,
    };
    let customer = case.only_customer();
    let owed_already = |open: &OpenObligation| {
        open.basis.kind == ClockKind::MissedCall
            && (open.number.as_ref() == Some(&number)
                || customer.is_some_and(|customer| open.customer == Some(customer.id)))
    };
    let runs = case.policy.terms.clocks.rule(ClockKind::MissedCall).runs_for(matter.subject.kind);
    if !missed || !runs || case.obligations.iter().any(owed_already) {
        return;
    }
    let others = case.talks.iter().map(|talk| (&talk.segments, talk.certain, talk.seen_at));
    let talked = others
        .chain([(&call.segments, call.certain, at)])
        .any(|(segments, certain, seen_at)| talks::any(case, segments, certain, call.started_at, seen_at));
    if talked {
        return;
    }
    let standing = customer.map(|customer| customer.standing.clone()).unwrap_or_default();
    let whose = Whose {
        ticket: matter.id,
        owner,
        customer: customer.map(|customer| customer.id),
        number: Some(number),
        queue: queue(call),
        subject: Subject { standing, ..matter.subject.clone() },
    };
    let began = (ClockKind::MissedCall, ended_at, None);
    begin_with(case, facts, began, whose, Some(call.id.clone()));
}
