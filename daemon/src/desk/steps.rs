//! What is done in a matter beside writing its form: promised, accepted, answered, filed, asked.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::case::{Case, OpenObligation};
use super::clock::{ClockKind, ObligationState, Survey, whole_ms};
use super::command::{FieldWhy, Refusal, Step};
use super::fact::Fact;
use super::handling::{HandlingFact, written};
use super::matters::{Whose, begin, begin_with, ended, kept, runs, visited};
use super::people::text;
use super::rights::{self, Act};
use super::states::{Missing, check, missing, moves, waits};
use super::survey::{Answer, SurveyFact};
use super::talks;
use super::ticket::{Channel, Ticket, TicketState};
use crate::{PersonId, Time};

/// Some sentences.
const WORDS_CHARS: usize = 2_000;

/// Nobody can be promised more than this ahead; it is a slip of the pen.
const FARTHEST: TimeDelta = TimeDelta::days(366);

/// About the case's ticket and its open obligations.
pub fn given(case: &Case, by: Option<PersonId>, step: &Step, now: Time) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    let act = match step {
        Step::Filed { .. } => Act::File,
        Step::Promise { .. }
        | Step::Accepted { .. }
        | Step::Replied { .. }
        | Step::Surveyed { .. }
        | Step::Scored { .. }
        | Step::Unanswered { .. }
        | Step::Wait { .. }
        | Step::GoOn
        | Step::Told { .. }
        | Step::Withdrawn { .. }
        | Step::Close
        | Step::Reopen { .. } => Act::Step,
    };
    let ticket = rights::ticket(case, Some(by), act, now)?;
    match step {
        Step::Promise { at } => {
            ahead("at", *at, now)?;
            if !runs(case, ClockKind::Promise, ticket) {
                return Err(Refusal::NotOwed(ClockKind::Promise));
            }
            let mut facts = Vec::new();
            promise(case, &mut facts, ticket, by, *at, now);
            Ok(facts)
        }
        Step::Accepted { solved_by } => accepted(case, ticket, by, *solved_by, now),
        Step::Replied { words } => {
            written("words", words)?;
            let owed = owed(case, ClockKind::FirstResponse)?;
            Ok(vec![kept(case, owed, words.trim().to_owned(), Some(by))])
        }
        Step::Wait { reason } => waits(case, ticket, reason, by, now),
        Step::GoOn if ticket.state == TicketState::WaitingCustomer => {
            Ok(moves(case, ticket, TicketState::InProgress, Some(by), "", now))
        }
        Step::GoOn => Err(Refusal::NotSuspended),
        Step::Told { how, words } => told(case, ticket, by, *how, words, now),
        Step::Withdrawn { words } => withdrawn(case, ticket, by, words, now),
        Step::Close if ticket.state == TicketState::Closed => Err(Refusal::IsClosed),
        Step::Close => {
            check(missing(case, ticket, ticket, TicketState::Closed, false))?;
            Ok(moves(case, ticket, TicketState::Closed, Some(by), "", now))
        }
        Step::Reopen { .. } if ticket.state.is_open() => Err(Refusal::IsOpen),
        Step::Reopen { why } => {
            written("why", why)?;
            Ok(moves(case, ticket, TicketState::Reopened, Some(by), why, now))
        }
        Step::Filed { words } => filed(case, ticket, by, words, now),
        Step::Surveyed { result, words } => {
            text("words", words, WORDS_CHARS)?;
            surveyed(
                case,
                Some(by),
                ticket,
                Survey { result: *result, words: words.trim().to_owned(), score: None },
                now,
            )
        }
        Step::Scored { score, words } => {
            text("words", words, WORDS_CHARS)?;
            let unknown = Refusal::Field { field: "score", why: FieldWhy::Unknown };
            let Answer { result, score } = case.policy.terms.asking.scored(*score).ok_or(unknown)?;
            surveyed(case, Some(by), ticket, Survey { result, words: words.trim().to_owned(), score }, now)
        }
        Step::Unanswered { why, words } => {
            text("words", words, WORDS_CHARS)?;
            let (owed, words) = (visit(case)?, words.trim().to_owned());
            let (obligation, ticket, served) = (owed.id, owed.ticket, ticket.owner);
            let (queue, why) = (case.queue.clone(), *why);
            let by = Some(by);
            Ok(vec![Fact::Survey(SurveyFact::Unanswered { obligation, ticket, served, queue, why, words, by })])
        }
    }
}

pub fn promise(case: &Case, facts: &mut Vec<Fact>, ticket: &Ticket, by: PersonId, at: Time, now: Time) {
    for owed in &case.obligations {
        let is_replaced = match owed.basis.kind {
            ClockKind::Resolution | ClockKind::Promise => true,
            ClockKind::MissedCall
            | ClockKind::FirstResponse
            | ClockKind::Acceptance
            | ClockKind::Filing
            | ClockKind::ReturnVisit
            | ClockKind::SpotCheck
            | ClockKind::HandOver => false,
        };
        if is_replaced {
            facts.push(ended(owed, ObligationState::Replaced, Some(by)));
        }
    }
    // Whoever promises something keeps it, where nobody else has the matter.
    let whose = Whose { owner: ticket.owner.or(Some(by)), ..Whose::of(case, ticket) };
    let promised = (ClockKind::Promise, whole_ms(now), Some(whole_ms(at)));
    begin_with(case, facts, promised, whose, None);
}

/// Whoever said by when has promised it.
pub fn accepted(case: &Case, ticket: &Ticket, by: PersonId, solved_by: Time, now: Time) -> Result<Vec<Fact>, Refusal> {
    let owed = owed(case, ClockKind::Acceptance)?;
    ahead("solved_by", solved_by, now)?;
    let told =
        Fact::Accepted { obligation: owed.id, ticket: owed.ticket, solved_by: whole_ms(solved_by), by: Some(by) };
    let mut facts = vec![told, kept(case, owed, String::new(), Some(by))];
    if runs(case, ClockKind::Promise, ticket) {
        promise(case, &mut facts, ticket, by, solved_by, now);
    }
    Ok(facts)
}

/// The customer hears what came of it: that solves the matter.
fn told(
    case: &Case,
    ticket: &Ticket,
    by: PersonId,
    how: Channel,
    words: &str,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    written("words", words)?;
    if !ticket.state.is_open() {
        return check(BTreeSet::from([Missing::Reopened])).map(|()| Vec::new());
    }
    check(missing(case, ticket, ticket, TicketState::Resolved, true))?;
    let (id, owner, words) = (ticket.id, ticket.owner, words.trim().to_owned());
    let mut facts = vec![HandlingFact::Told { ticket: id, owner, how, words, withdrawn: false, by }.into()];
    facts.extend(moves(case, ticket, TicketState::Resolved, Some(by), "", now));
    Ok(facts)
}

/// Nobody waits for a solution any more, nor for what was promised in its stead. It is filed and visited
/// as any other: who was talked out of a complaint would say so then.
fn withdrawn(case: &Case, ticket: &Ticket, by: PersonId, words: &str, now: Time) -> Result<Vec<Fact>, Refusal> {
    written("words", words)?;
    if !ticket.state.is_open() {
        return check(BTreeSet::from([Missing::Reopened])).map(|()| Vec::new());
    }
    if case.handling.waits_for_approval() {
        check(BTreeSet::from([Missing::Approval]))?;
    }
    let (id, owner, how, words) = (ticket.id, ticket.owner, ticket.channel, words.trim().to_owned());
    let mut facts = vec![HandlingFact::Told { ticket: id, owner, how, words, withdrawn: true, by }.into()];
    facts.extend(let_go(case, by));
    let mut rest = case.clone();
    rest.obligations.retain(|owed| !is_asked_for(owed.basis.kind));
    facts.extend(moves(&rest, ticket, TicketState::Resolved, Some(by), "", now));
    Ok(facts)
}

/// What nobody asks for any more.
pub fn let_go(case: &Case, by: PersonId) -> Vec<Fact> {
    let asked_for = case.obligations.iter().filter(|owed| is_asked_for(owed.basis.kind));
    asked_for.map(|owed| ended(owed, ObligationState::Dropped, Some(by))).collect()
}

fn is_asked_for(kind: ClockKind) -> bool {
    match kind {
        ClockKind::Resolution | ClockKind::Promise | ClockKind::Acceptance | ClockKind::FirstResponse => true,
        ClockKind::MissedCall
        | ClockKind::Filing
        | ClockKind::ReturnVisit
        | ClockKind::SpotCheck
        | ClockKind::HandOver => false,
    }
}

/// Where nothing is owed of it any more, as when somebody waived that, it can be filed all the same.
fn filed(case: &Case, ticket: &Ticket, by: PersonId, words: &str, now: Time) -> Result<Vec<Fact>, Refusal> {
    written("words", words)?;
    let follows = runs(case, ClockKind::Filing, ticket) || runs(case, ClockKind::ReturnVisit, ticket);
    let is_next = ticket.state == TicketState::Resolved && follows;
    if !is_next {
        // A store from before has what was closed and not filed.
        owed(case, ClockKind::Filing)?;
    }
    check(missing(case, ticket, ticket, TicketState::Filed, false))?;
    Ok(filing(case, ticket, by, words, now))
}

/// What follows from filing it, which may be.
pub fn filing(case: &Case, ticket: &Ticket, by: PersonId, words: &str, now: Time) -> Vec<Fact> {
    let words = words.trim().to_owned();
    let mut facts = vec![HandlingFact::Filed { ticket: ticket.id, words: words.clone(), by }.into()];
    facts.extend(owed(case, ClockKind::Filing).ok().map(|owed| kept(case, owed, words, Some(by))));
    if ticket.state == TicketState::Resolved {
        facts.extend(moves(case, ticket, TicketState::Filed, Some(by), "", now));
    }
    if runs(case, ClockKind::ReturnVisit, ticket) {
        begin(case, &mut facts, ClockKind::ReturnVisit, now, Whose::of(case, ticket));
    }
    facts
}

/// The return visit; where that is over, the spot check.
fn visit(case: &Case) -> Result<&OpenObligation, Refusal> {
    owed(case, ClockKind::ReturnVisit).or_else(|refusal| owed(case, ClockKind::SpotCheck).map_err(|_| refusal))
}

pub fn surveyed(
    case: &Case,
    by: Option<PersonId>,
    ticket: &Ticket,
    survey: Survey,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let owed = visit(case)?;
    let mut facts = vec![Fact::Surveyed {
        obligation: owed.id,
        ticket: owed.ticket,
        owner: owed.owner,
        survey: survey.clone(),
        by,
        served: ticket.owner,
        queue: case.queue.clone(),
    }];
    if let Some(proof) = talks::last_since(case, owed.basis.began_at) {
        visited(case, &mut facts, owed, proof, &survey, now);
    }
    Ok(facts)
}

fn owed(case: &Case, kind: ClockKind) -> Result<&OpenObligation, Refusal> {
    case.obligations.iter().find(|owed| owed.basis.kind == kind).ok_or(Refusal::NotOwed(kind))
}

fn ahead(field: &'static str, at: Time, now: Time) -> Result<(), Refusal> {
    if at <= now {
        return Err(Refusal::Field { field, why: FieldWhy::NotAhead });
    }
    if at > now + FARTHEST {
        return Err(Refusal::Field { field, why: FieldWhy::TooFarAhead });
    }
    Ok(())
}
