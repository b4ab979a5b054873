//! Who was asked how it was, heard the question, and answered: a row for each asking, by the PBX or
//! by an agent.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::column::*;
use super::keep::{About, Sequence, tell};
use super::line::{Line, addressee};
use super::read::{Surveyed, Way};
use crate::calls::survey::{Answered, Survey};
use crate::desk::clock::News;
use crate::desk::fact::Fact;
use crate::desk::survey::{Known, SurveyFact, Unanswered};
use crate::{CallId, TicketId, Time};
use protocol::event::Key;

type Result<T> = rusqlite::Result<T>;

pub fn keep(db: &Connection, ids: &mut Sequence, fact: &SurveyFact, now: Time) -> Result<()> {
    match fact {
        SurveyFact::ByKeys { call, ticket, agent, person, queue, survey, answer } => db
            .prepare_cached(
                "INSERT INTO surveyings (key, way, call, ticket, agent, person, queue, offered_at_ms, heard_at_ms,
                    answered_at_ms, pressed, result, score)
                 VALUES ('call:' || ?1, 'keys', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (key) DO UPDATE SET ticket = excluded.ticket, agent = excluded.agent,
                    person = coalesce(excluded.person, surveyings.person),
                    queue = coalesce(excluded.queue, surveyings.queue), offered_at_ms = excluded.offered_at_ms,
                    heard_at_ms = excluded.heard_at_ms, answered_at_ms = excluded.answered_at_ms,
                    pressed = excluded.pressed, result = excluded.result, score = excluded.score",
            )?
            .execute(params![
                call.as_str(),
                ticket.map(|id| id.0),
                agent.as_ref().map(|agent| agent.as_str()),
                person.map(|id| id.0),
                queue.as_ref().map(|queue| queue.as_str()),
                ms(survey.offered_at),
                survey.heard_at.map(ms),
                survey.answered.map(|answered| ms(answered.at)),
                survey.answered.map(|answered| answered.key.digit()),
                answer.map(|answer| answer.result.as_str()),
                answer.and_then(|answer| answer.score),
            ])
            .map(drop),
        SurveyFact::Unanswered { obligation, ticket, served, queue, why, .. } => {
            let heard_at = match why {
                Unanswered::NotAsked => None,
                Unanswered::Declined => Some(ms(now)),
            };
            db.prepare_cached(
                "INSERT INTO surveyings (key, way, obligation, ticket, person, queue, offered_at_ms, heard_at_ms)
                 VALUES ('obligation:' || ?1, 'agent', ?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (key) DO UPDATE SET heard_at_ms = coalesce(surveyings.heard_at_ms, excluded.heard_at_ms)",
            )?
            .execute(params![
                obligation.0,
                ticket.0,
                served.map(|id| id.0),
                queue.as_ref().map(|queue| queue.as_str()),
                ms(now),
                heard_at,
            ])
            .map(drop)
        }
        SurveyFact::Dissatisfied { call, ticket, told, send_at } => {
            let key = format!("survey:{call}");
            let about = About { key, obligation: None, ticket: Some(*ticket), news: News::Dissatisfied };
            tell(db, ids, &about, told, now, *send_at)
        }
    }
}

/// What a return visit or a spot check heard; by an agent it is an asking of its own, by keys the
/// call's.
pub fn keep_said(db: &Connection, fact: &Fact, now: Time) -> Result<()> {
    let Fact::Surveyed { obligation, ticket, survey, by, served, queue, .. } = fact else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO surveys (obligation, result, words, by_person, at_ms, score) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (obligation) DO UPDATE SET result = excluded.result, words = excluded.words,
            by_person = excluded.by_person, at_ms = excluded.at_ms, score = excluded.score",
    )?
    .execute(params![
        obligation.0,
        survey.result.as_str(),
        survey.words,
        by.map(|id| id.0),
        ms(now),
        survey.score
    ])?;
    if by.is_none() {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO surveyings (key, way, obligation, ticket, person, queue, offered_at_ms, heard_at_ms,
            answered_at_ms, result, score)
         VALUES ('obligation:' || ?1, 'agent', ?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6, ?7)
         ON CONFLICT (key) DO UPDATE SET heard_at_ms = coalesce(surveyings.heard_at_ms, excluded.heard_at_ms),
            answered_at_ms = excluded.answered_at_ms, result = excluded.result, score = excluded.score",
    )?
    .execute(params![
        obligation.0,
        ticket.0,
        served.map(|id| id.0),
        queue.as_ref().map(|queue| queue.as_str()),
        ms(now),
        survey.result.as_str(),
        survey.score,
    ])
    .map(drop)
}

/// Two calls are one, and so are their surveys.
pub fn merged(db: &Connection, from: &CallId, into: &CallId) -> Result<()> {
    let gone = "DELETE FROM surveyings WHERE key = 'call:' || ?1
        AND EXISTS (SELECT 1 FROM surveyings WHERE key = 'call:' || ?2)";
    db.prepare_cached(gone)?.execute([from.as_str(), into.as_str()])?;
    let moved = "UPDATE surveyings SET key = 'call:' || ?2, call = ?2 WHERE key = 'call:' || ?1";
    db.prepare_cached(moved)?.execute([from.as_str(), into.as_str()]).map(drop)
}

/// What was kept of a call's own.
pub fn known(db: &Connection, call: &CallId) -> Result<Option<Known>> {
    db.prepare_cached(
        "SELECT ticket, agent, offered_at_ms, heard_at_ms, answered_at_ms, pressed FROM surveyings
         WHERE key = 'call:' || ?1",
    )?
    .query_row([call.as_str()], |row| {
        let key = row.get::<_, Option<u8>>("pressed")?.and_then(Key::new);
        let answered_at = maybe_time(row, "answered_at_ms")?;
        Ok(Known {
            survey: Survey {
                offered_at: time(row, "offered_at_ms")?,
                heard_at: maybe_time(row, "heard_at_ms")?,
                answered: answered_at.zip(key).map(|(at, key)| Answered { at, key }),
            },
            ticket: row.get::<_, Option<i64>>("ticket")?.map(TicketId),
            agent: maybe_name(row, "agent")?,
        })
    })
    .optional()
}

/// Of what was offered in `[from, to)`, by who served, queue and way.
pub fn counts(db: &Connection, from: Time, to: Time) -> Result<Vec<Surveyed>> {
    db.prepare_cached(
        "SELECT way, person, agent, queue, count(*) AS offered, count(heard_at_ms) AS heard, count(result) AS answered,
            count(*) FILTER (WHERE result = 'satisfied') AS satisfied,
            count(*) FILTER (WHERE result = 'fairly') AS fairly,
            count(*) FILTER (WHERE result = 'dissatisfied') AS dissatisfied,
            count(score) AS scored, coalesce(sum(score), 0) AS scores
         FROM surveyings WHERE offered_at_ms >= ?1 AND offered_at_ms < ?2
         GROUP BY way, person, CASE WHEN person IS NULL THEN agent END, queue ORDER BY person, agent, queue, way",
    )?
    .query_map([ms(from), ms(to)], count)?
    .collect()
}

fn count(row: &Row) -> Result<Surveyed> {
    Ok(Surveyed {
        way: word(row, "way", Way::parse)?,
        person: maybe_person(row, "person")?,
        agent: maybe_name(row, "agent")?,
        queue: maybe_name(row, "queue")?,
        offered: row.get("offered")?,
        heard: row.get("heard")?,
        answered: row.get("answered")?,
        satisfied: row.get("satisfied")?,
        fairly: row.get("fairly")?,
        dissatisfied: row.get("dissatisfied")?,
        scored: row.get("scored")?,
        scores: row.get("scores")?,
    })
}

pub fn line(fact: &SurveyFact) -> Line<'_> {
    match fact {
        SurveyFact::ByKeys { call, ticket, agent, person, queue, survey, answer } => Line {
            kind: "survey_by_keys",
            call: Some(call),
            ticket: *ticket,
            person: *person,
            body: Some(json!({
                "agent": agent.as_ref().map_or("", |agent| agent.as_str()),
                "queue": queue.as_ref().map(|queue| queue.as_str()),
                "offered_at_ms": ms(survey.offered_at), "heard_at_ms": survey.heard_at.map(ms),
                "answered_at_ms": survey.answered.map(|answered| ms(answered.at)),
                "pressed": survey.answered.map(|answered| answered.key.digit()),
                "result": answer.map_or("", |answer| answer.result.as_str()),
                "score": answer.and_then(|answer| answer.score),
            })),
            ..Line::default()
        },
        SurveyFact::Unanswered { obligation, ticket, served, queue, why, words, by } => Line {
            kind: "survey_unanswered",
            by: *by,
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            person: *served,
            body: Some(json!({
                "why": why.as_str(), "words": words, "queue": queue.as_ref().map(|queue| queue.as_str()),
            })),
            ..Line::default()
        },
        SurveyFact::Dissatisfied { call, ticket, told, .. } => Line {
            kind: "dissatisfied_told",
            call: Some(call),
            ticket: Some(*ticket),
            body: Some(json!({ "told": told.iter().map(addressee).collect::<Vec<Value>>() })),
            ..Line::default()
        },
    }
}
