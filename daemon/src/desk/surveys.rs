//! What follows from a caller's answer by keys: whose it is, which matter's, whether it is what a
//! return visit waits for, and that who is dissatisfied is not left alone with it.

use std::collections::BTreeSet;

use super::case::{Case, OpenObligation};
use super::clock::{ClockKind, Survey};
use super::fact::Fact;
use super::matters::{Whose, reopen, visited};
use super::policy::Recipient;
use super::survey::{Answer, SurveyFact};
use super::talks;
use super::ticket::Satisfaction;
use super::told::told;
use crate::calls::call::{Call, Direction};
use crate::{TicketId, Time};

/// About the call's matter, which is `ticket` but for the call of a return visit. What was kept of
/// the survey is not kept again, and each answer has its consequences once.
pub fn by_keys(case: &Case, at: Time, call: &Call, ticket: Option<TicketId>, facts: &mut Vec<Fact>) {
    let Some(seen) = call.survey else { return };
    let kept = case.call.as_ref().and_then(|known| known.survey.as_ref());
    // Of a survey that began before a restart the tracker knows the rest alone.
    let survey = kept.map_or(seen, |kept| kept.survey.with(seen));
    if kept.is_some_and(|kept| kept.survey == survey) {
        return;
    }
    let talk = call.surveyed_talk();
    let agent = kept.and_then(|kept| kept.agent.clone()).or(talk.map(|talk| talk.agent.clone()));
    let answer = survey.answered.and_then(|answered| case.policy.terms.asking.pressed(answered.key));
    let visit = visit(case, call, ticket);
    let ticket = kept.and_then(|kept| kept.ticket).or(visit.map(|visit| visit.ticket)).or(ticket);
    facts.push(Fact::Survey(SurveyFact::ByKeys {
        call: call.id.clone(),
        ticket,
        person: agent.as_ref().and_then(|agent| case.staff.holder(&call.pbx, agent)),
        agent,
        queue: talk.and_then(|talk| talk.queue.clone()),
        survey,
        answer,
    }));
    let is_new = kept.is_none_or(|kept| kept.survey.answered.is_none());
    if let Some(answer) = answer.filter(|_| is_new) {
        match (visit, ticket) {
            (Some(visit), _) => at_visit(case, at, call, visit, answer, facts),
            (None, Some(ticket)) => of_matter(case, at, call, ticket, answer, facts),
            (None, None) => {}
        }
    }
}

/// What the answer is for: what is owed on the call's own matter; else, where we called, the oldest
/// of what that customer is owed.
fn visit<'a>(case: &'a Case, call: &Call, ticket: Option<TicketId>) -> Option<&'a OpenObligation> {
    let answered_at = call.survey?.answered?.at;
    let of = |kind: ClockKind| {
        let owed = case.obligations.iter().filter(move |owed| owed.basis.kind == kind);
        owed.filter(|owed| owed.basis.began_at <= answered_at)
    };
    let visits = || of(ClockKind::ReturnVisit).chain(of(ClockKind::SpotCheck));
    let own = visits().find(|owed| Some(owed.ticket) == ticket);
    own.or_else(|| visits().next().filter(|_| call.direction == Direction::Outbound))
}

/// As when the agent had written it down.
fn at_visit(case: &Case, at: Time, call: &Call, visit: &OpenObligation, answer: Answer, facts: &mut Vec<Fact>) {
    let survey = Survey { result: answer.result, words: String::new(), score: answer.score };
    facts.push(Fact::Surveyed {
        obligation: visit.id,
        ticket: visit.ticket,
        owner: visit.owner,
        survey: survey.clone(),
        by: None,
        served: None,
        queue: None,
    });
    match talks::proof(case, at, call, visit) {
        Some(proof) => visited(case, facts, visit, proof, &survey, at),
        // Not proven to have been visited, and yet heard.
        None if answer.result == Satisfaction::Dissatisfied => {
            reopen(case, facts, Whose::with(visit), Some(visit.id), at);
        }
        None => {}
    }
}

fn of_matter(case: &Case, at: Time, call: &Call, ticket: TicketId, answer: Answer, facts: &mut Vec<Fact>) {
    if answer.result != Satisfaction::Dissatisfied {
        return;
    }
    let known = case.ticket.as_ref().filter(|known| known.id == ticket);
    let is_reopened = known
        .filter(|known| !known.state.is_open())
        .is_some_and(|over| reopen(case, facts, Whose::of(case, over), None, at));
    if !is_reopened {
        let owner = known.and_then(|known| known.owner);
        facts.push(Fact::Survey(SurveyFact::Dissatisfied {
            call: call.id.clone(),
            ticket,
            told: told(&case.staff, &BTreeSet::from([Recipient::Supervisor]), owner),
            send_at: case.policy.send_at(at),
        }));
    }
}
