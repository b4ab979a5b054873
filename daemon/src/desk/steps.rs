//! What is done in a matter beside writing its form: promised, accepted, answered, filed, asked.

use chrono::TimeDelta;

use super::case::{Case, OpenObligation};
use super::clock::{ClockKind, ObligationState, Survey, whole_ms};
use super::command::{FieldWhy, Refusal, Step};
use super::fact::Fact;
use super::matters::{Whose, begin, begin_with, ended, kept, runs, visited};
use super::people::text;
use super::rights::{self, Act};
use super::survey::{Answer, SurveyFact};
use super::talks;
use super::ticket::Ticket;
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
        | Step::Unanswered { .. } => Act::Step,
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
            written(words)?;
            let owed = owed(case, ClockKind::FirstResponse)?;
            Ok(vec![kept(case, owed, words.trim().to_owned(), Some(by))])
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

pub fn filed(case: &Case, ticket: &Ticket, by: PersonId, words: &str, now: Time) -> Result<Vec<Fact>, Refusal> {
    written(words)?;
    let owed = owed(case, ClockKind::Filing)?;
    let mut facts = vec![kept(case, owed, words.trim().to_owned(), Some(by))];
    if runs(case, ClockKind::ReturnVisit, ticket) {
        begin(case, &mut facts, ClockKind::ReturnVisit, now, Whose::of(case, ticket));
    }
    Ok(facts)
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

fn written(words: &str) -> Result<(), Refusal> {
    if words.trim().is_empty() {
        return Err(Refusal::Field { field: "words", why: FieldWhy::Missing });
    }
    text("words", words, WORDS_CHARS)
}
