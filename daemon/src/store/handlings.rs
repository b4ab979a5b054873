//! The half of the register form that is written after the call, in rows: findings, the log of the
//! investigation, remedies, what the customer was told, and assessments.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::column::*;
use super::keep::Sequence;
use super::questions::tickets::{TICKETS, ticket_row};
use super::read::{LIST, TicketRow};
use super::regroup;
use crate::desk::Addressee;
use crate::desk::handling::{Finding, Findings, Handling, HandlingFact, Remedy, RemedyKind, RemedyState};
use crate::desk::regroup::Found;
use crate::desk::ticket::{Channel, Object, TicketState};
use crate::{AttachmentId, CallId, PersonId, RemedyId, TicketId, Time};

type Result<T> = rusqlite::Result<T>;

/// Lines of one matter's log that are found; the newest.
const FOUND_LINES: i64 = 200;

/// All of it, as a ticket's page and its form show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HandlingRow {
    pub version: i64,
    pub findings: Findings,
    pub saved: Option<(PersonId, Time)>,
    /// Oldest first.
    pub log: Vec<LogRow>,
    /// Oldest first.
    pub remedies: Vec<RemedyRow>,
    /// The last time.
    pub told: Option<ToldRow>,
    /// The last time: when, by whom, and in what words.
    pub filed: Option<(Time, PersonId, String)>,
    /// Oldest first. For supervisors and managers.
    pub assessments: Vec<(Time, PersonId, String)>,
    /// Of the tickets that are part of it, oldest first.
    pub beside: Vec<FoundUnder>,
}

/// What was found out and told in a ticket before it became part of another, where it does not stand there.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundUnder {
    pub number: String,
    /// Findings, and what the customer was told and what was filed; its log and remedies went along.
    pub head: HandlingRow,
}

impl FoundUnder {
    pub fn is_blank(&self) -> bool {
        let HandlingRow { findings, told, filed, .. } = &self.head;
        *findings == Findings::default() && told.is_none() && filed.is_none()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct LogRow {
    pub at: Time,
    pub by: PersonId,
    pub words: String,
    pub evidence: BTreeSet<AttachmentId>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RemedyRow {
    pub remedy: Remedy,
    pub at: Time,
    pub decided: Option<(Time, PersonId)>,
    /// Why it was refused.
    pub why: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToldRow {
    pub at: Time,
    pub how: Channel,
    pub words: String,
    pub by: PersonId,
    /// The customer said that they ask for nothing any more.
    pub withdrawn: bool,
}

/// A remedy that somebody is to decide or has decided, and for which matter.
#[derive(Clone, Debug)]
pub struct Request {
    pub ticket: TicketRow,
    pub remedy: RemedyRow,
}

/// Whom it tells is written by whoever calls.
pub fn keep(db: &Connection, ids: &mut Sequence, fact: &HandlingFact, now: Time) -> Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| db.prepare_cached(sql)?.execute(values).map(drop);
    match fact {
        HandlingFact::Logged { ticket, words, evidence, by, .. } => {
            let id = ids.draw(1);
            run(
                "INSERT INTO investigations (id, ticket, at_ms, by_person, words) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, ticket.0, ms(now), by.0, words],
            )?;
            evidence.iter().try_for_each(|file| {
                run("INSERT INTO investigation_files (investigation, attachment) VALUES (?1, ?2)", params![id, file.0])
            })
        }
        HandlingFact::Found { ticket, version, findings, by, .. } => {
            let found = Found { version: *version, findings: Findings::clone(findings), saved: Some((*by, now)) };
            find(db, *ticket, &found)
        }
        HandlingFact::Proposed { ticket, remedy, .. } => {
            let Remedy { id, kind, sum_cents, words, state, by } = remedy;
            run(
                "INSERT INTO remedies (id, ticket, kind, sum_cents, words, state, by_person, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![id.0, ticket.0, kind.as_str(), sum_cents, words, state.as_str(), by.0, ms(now)],
            )
        }
        HandlingFact::Decided { remedy, state, why, by, .. } => run(
            "UPDATE remedies SET state = ?2, decided_by = ?3, decided_at_ms = ?4, why = ?5 WHERE id = ?1",
            params![remedy.0, state.as_str(), by.0, ms(now), why],
        ),
        HandlingFact::Told { ticket, how, words, withdrawn, by, .. } => {
            begin(db, *ticket)?;
            run(
                "UPDATE handlings SET told_at_ms = ?2, told_how = ?3, told_words = ?4, told_by = ?5, withdrawn = ?6
                 WHERE ticket = ?1",
                params![ticket.0, ms(now), how.as_str(), words, by.0, withdrawn],
            )
        }
        HandlingFact::Filed { ticket, words, by } => {
            begin(db, *ticket)?;
            run(
                "UPDATE handlings SET filed_at_ms = ?2, filed_words = ?3, filed_by = ?4 WHERE ticket = ?1",
                params![ticket.0, ms(now), words, by.0],
            )
        }
        HandlingFact::Assessed { ticket, words, by } => run(
            "INSERT INTO assessments (id, ticket, at_ms, by_person, words) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![ids.draw(1), ticket.0, ms(now), by.0, words],
        ),
        // A form that somebody has open is of an earlier version from now on.
        HandlingFact::Reclassed { ticket, kind, department, by, .. } => run(
            "UPDATE tickets SET kind = ?2, department = ?3, version = version + 1, saved_by = ?4 WHERE id = ?1",
            params![ticket.0, kind.as_str(), department.as_ref().map(|department| department.as_str()), by.0],
        ),
        HandlingFact::Moved { ticket, state, by, .. } => run(
            "UPDATE tickets SET state = ?2, is_open = ?3, version = version + 1, saved_by = ?4,
                closed_at_ms = CASE WHEN ?3 THEN NULL ELSE coalesce(closed_at_ms, ?5) END,
                waiting_since_ms = CASE WHEN ?2 = 'waiting_customer' THEN ?5 END WHERE id = ?1",
            params![ticket.0, state.as_str(), state.is_open(), by.map(|id| id.0), ms(now)],
        ),
        HandlingFact::Called { ticket, .. } => run(
            "UPDATE tickets SET state = ?2, waiting_since_ms = NULL WHERE id = ?1",
            params![ticket.0, TicketState::InProgress.as_str()],
        ),
    }
}

fn begin(db: &Connection, ticket: TicketId) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO handlings (ticket, version, reason, cause, party, solution) VALUES (?1, 0, '', '', '', '')
         ON CONFLICT (ticket) DO NOTHING",
    )?
    .execute([ticket.0])
    .map(drop)
}

/// It stands there from now on, whoever found it and when.
pub fn find(db: &Connection, ticket: TicketId, found: &Found) -> Result<()> {
    begin(db, ticket)?;
    let Found { version, findings, saved } = found;
    let Findings { finding, reason, cause, party, solution, loss_cents } = findings;
    db.prepare_cached(
        "UPDATE handlings SET version = ?2, finding = ?3, reason = ?4, cause = ?5, party = ?6, solution = ?7,
            loss_cents = ?8, saved_by = ?9, saved_at_ms = ?10 WHERE ticket = ?1",
    )?
    .execute(params![
        ticket.0,
        version,
        finding.map(Finding::as_str),
        reason,
        cause,
        party,
        solution,
        loss_cents,
        saved.map(|(by, _)| by.0),
        saved.map(|(_, at)| ms(at)),
    ])
    .map(drop)
}

pub fn found(db: &Connection, ticket: TicketId) -> Result<Found> {
    let found = db
        .prepare_cached("SELECT * FROM handlings WHERE ticket = ?1")?
        .query_row([ticket.0], head)
        .optional()?
        .unwrap_or_default();
    Ok(Found { version: found.version, findings: found.findings, saved: found.saved })
}

/// What a decision looks at.
pub fn handling(db: &Connection, ticket: TicketId) -> Result<Handling> {
    let found = db
        .prepare_cached("SELECT * FROM handlings WHERE ticket = ?1")?
        .query_row([ticket.0], |row| {
            let saved_by = row.get::<_, Option<i64>>("saved_by")?.map(PersonId);
            Ok(Handling { version: row.get("version")?, findings: findings(row)?, saved_by, ..Handling::default() })
        })
        .optional()?;
    let files = db
        .prepare_cached("SELECT id FROM attachments WHERE ticket = ?1")?
        .query_map([ticket.0], |row| row.get(0).map(AttachmentId))?
        .collect::<Result<_>>()?;
    let remedies = remedies(db, ticket)?.into_iter().map(|row| row.remedy).collect();
    Ok(Handling { remedies, files, ..found.unwrap_or_default() })
}

/// What a page shows.
pub fn row(db: &Connection, ticket: TicketId) -> Result<HandlingRow> {
    let head =
        db.prepare_cached("SELECT * FROM handlings WHERE ticket = ?1")?.query_row([ticket.0], head).optional()?;
    Ok(HandlingRow {
        log: log(db, ticket)?,
        remedies: remedies(db, ticket)?,
        assessments: assessments(db, ticket)?,
        beside: regroup::beside(db, ticket)?,
        ..head.unwrap_or_default()
    })
}

/// Of a row of `handlings` with its ticket's number.
pub fn under(row: &Row) -> Result<FoundUnder> {
    Ok(FoundUnder { number: row.get("number")?, head: head(row)? })
}

/// What stands in a row of `handlings`.
fn head(row: &Row) -> Result<HandlingRow> {
    let person = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(PersonId));
    let told = match (maybe_time(row, "told_at_ms")?, maybe_word(row, "told_how", Channel::parse)?) {
        (Some(at), Some(how)) => person("told_by")?.map(|by| (at, how, by)),
        (None, _) | (_, None) => None,
    };
    let withdrawn = row.get("withdrawn")?;
    let words = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(column)?.unwrap_or_default());
    let told_words = words("told_words")?;
    let filed = maybe_time(row, "filed_at_ms")?.zip(person("filed_by")?);
    let filed_words = words("filed_words")?;
    Ok(HandlingRow {
        version: row.get("version")?,
        findings: findings(row)?,
        saved: person("saved_by")?.zip(maybe_time(row, "saved_at_ms")?),
        told: told.map(|(at, how, by)| ToldRow { at, how, words: told_words, by, withdrawn }),
        filed: filed.map(|(at, by)| (at, by, filed_words)),
        ..HandlingRow::default()
    })
}

fn findings(row: &Row) -> Result<Findings> {
    Ok(Findings {
        finding: maybe_word(row, "finding", Finding::parse)?,
        reason: row.get("reason")?,
        cause: row.get("cause")?,
        party: row.get("party")?,
        solution: row.get("solution")?,
        loss_cents: row.get("loss_cents")?,
    })
}

pub fn remedies(db: &Connection, ticket: TicketId) -> Result<Vec<RemedyRow>> {
    db.prepare_cached("SELECT * FROM remedies WHERE ticket = ?1 ORDER BY id")?
        .query_map([ticket.0], remedy_row)?
        .collect()
}

fn remedy_row(row: &Row) -> Result<RemedyRow> {
    let remedy = Remedy {
        id: RemedyId(row.get("id")?),
        kind: word(row, "kind", RemedyKind::parse)?,
        sum_cents: row.get("sum_cents")?,
        words: row.get("words")?,
        state: word(row, "state", RemedyState::parse)?,
        by: PersonId(row.get("by_person")?),
    };
    let decided_by = row.get::<_, Option<i64>>("decided_by")?.map(PersonId);
    Ok(RemedyRow {
        remedy,
        at: time(row, "at_ms")?,
        decided: maybe_time(row, "decided_at_ms")?.zip(decided_by),
        why: row.get::<_, Option<String>>("why")?.unwrap_or_default(),
    })
}

/// Those that wait for somebody's word, and of `shown` those that did, the first that was asked for first; at
/// most [`LIST`] of either.
pub fn requests(db: &Connection, shown: &BTreeSet<RemedyId>) -> Result<Vec<Request>> {
    let of_matter = |row: &Row| Ok((TicketId(row.get("ticket")?), remedy_row(row)?));
    let mut waiting: Vec<(TicketId, RemedyRow)> = db
        .prepare_cached("SELECT * FROM remedies WHERE state = 'requested' ORDER BY at_ms, id LIMIT ?1")?
        .query_map([LIST], of_matter)?
        .collect::<Result<_>>()?;
    let mut decided = db.prepare_cached("SELECT * FROM remedies WHERE id = ?1 AND state <> 'requested'")?;
    for id in shown.iter().take(LIST as usize) {
        waiting.extend(decided.query_row([id.0], of_matter).optional()?);
    }
    waiting.sort_by_key(|(_, row)| (row.at, row.remedy.id));
    let sql = format!("{TICKETS} WHERE t.id = ?1");
    let mut of = db.prepare_cached(&sql)?;
    let whole =
        |(ticket, remedy): (TicketId, RemedyRow)| Ok(Request { ticket: of.query_row([ticket.0], ticket_row)?, remedy });
    waiting.into_iter().map(whole).collect()
}

/// Who asked for those, and for how much; at most [`LIST`].
pub fn asked_for(db: &Connection) -> Result<Vec<(PersonId, i64)>> {
    db.prepare_cached("SELECT by_person, sum_cents FROM remedies WHERE state = 'requested' LIMIT ?1")?
        .query_map([LIST], |row| Ok((PersonId(row.get(0)?), row.get(1)?)))?
        .collect()
}

/// All that is written of it and that whoever sees the matter may read.
pub fn texts(db: &Connection, ticket: TicketId) -> Result<Vec<String>> {
    // What was found out in two that are one is read in either.
    let texts = format!(
        "WITH found AS (SELECT * FROM handlings WHERE ticket IN {WHOLE})
        SELECT text FROM (
            SELECT reason AS text FROM found UNION
            SELECT cause FROM found UNION
            SELECT party FROM found UNION
            SELECT solution FROM found UNION
            SELECT told_words FROM found UNION
            SELECT filed_words FROM found UNION
            SELECT words FROM remedies WHERE ticket = ?1 UNION
            SELECT words FROM (SELECT words FROM investigations WHERE ticket = ?1 ORDER BY id DESC LIMIT ?2)
        ) WHERE text <> ''",
        WHOLE = regroup::WHOLE,
    );
    db.prepare_cached(&texts)?.query_map(params![ticket.0, FOUND_LINES], |row| row.get(0))?.collect()
}

fn log(db: &Connection, ticket: TicketId) -> Result<Vec<LogRow>> {
    let mut files = db.prepare_cached("SELECT attachment FROM investigation_files WHERE investigation = ?1")?;
    let mut statement = db.prepare_cached("SELECT * FROM investigations WHERE ticket = ?1 ORDER BY id")?;
    let mut rows = statement.query([ticket.0])?;
    let mut log = Vec::new();
    while let Some(row) = rows.next()? {
        let evidence = files.query_map([row.get::<_, i64>("id")?], |row| row.get(0).map(AttachmentId))?;
        log.push(LogRow {
            at: time(row, "at_ms")?,
            by: PersonId(row.get("by_person")?),
            words: row.get("words")?,
            evidence: evidence.collect::<Result<_>>()?,
        });
    }
    Ok(log)
}

fn assessments(db: &Connection, ticket: TicketId) -> Result<Vec<(Time, PersonId, String)>> {
    db.prepare_cached("SELECT at_ms, by_person, words FROM assessments WHERE ticket = ?1 ORDER BY id")?
        .query_map([ticket.0], |row| Ok((time(row, "at_ms")?, PersonId(row.get("by_person")?), row.get("words")?)))?
        .collect()
}

/// What a matter is about, in a row of `tickets`.
pub fn object(row: &Row) -> Result<Object> {
    Ok(Object {
        product: row.get("object_product")?,
        order: row.get("object_order")?,
        batch: row.get("object_batch")?,
        person: row.get("object_person")?,
        department: row.get("object_department")?,
    })
}

pub fn object_body(Object { product, order, batch, person, department }: &Object) -> Value {
    json!({ "product": product, "order": order, "batch": batch, "person": person, "department": department })
}

pub fn findings_body(Findings { finding, reason, cause, party, solution, loss_cents }: &Findings) -> Value {
    json!({
        "finding": finding.map(Finding::as_str), "reason": reason, "cause": cause, "party": party,
        "solution": solution, "loss_cents": loss_cents,
    })
}

/// What [`findings_body`] wrote.
pub fn findings_of(body: &Value) -> Findings {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Findings {
        finding: body["finding"].as_str().and_then(Finding::parse),
        reason: text("reason"),
        cause: text("cause"),
        party: text("party"),
        solution: text("solution"),
        loss_cents: body["loss_cents"].as_i64(),
    }
}

/// What of it stands in its line of `facts`: kind, who, about whom, and the rest.
pub struct Said<'a> {
    pub kind: &'static str,
    pub by: Option<PersonId>,
    pub call: Option<&'a CallId>,
    pub person: Option<PersonId>,
    pub body: Value,
}

pub fn said(fact: &HandlingFact) -> Said<'_> {
    let told = |told: &[Addressee]| told.iter().map(|told| told.person.0).collect::<Vec<_>>();
    let (kind, by, body) = match fact {
        HandlingFact::Logged { words, evidence, by, .. } => {
            let evidence: Vec<i64> = evidence.iter().map(|file| file.0).collect();
            ("investigated", Some(*by), json!({ "words": words, "evidence": evidence }))
        }
        HandlingFact::Found { version, findings, by, .. } => {
            let mut body = findings_body(findings);
            body["version"] = json!(version);
            ("found", Some(*by), body)
        }
        HandlingFact::Proposed { remedy, told: to, .. } => {
            let Remedy { id, kind, sum_cents, words, state, by } = remedy;
            let body = json!({
                "remedy": id.0, "what": kind.as_str(), "sum_cents": sum_cents, "words": words,
                "state": state.as_str(), "told": told(to),
            });
            ("remedy_proposed", Some(*by), body)
        }
        HandlingFact::Decided { remedy, state, why, by, told: to, .. } => {
            let body = json!({ "remedy": remedy.0, "state": state.as_str(), "why": why, "told": told(to) });
            ("remedy_decided", Some(*by), body)
        }
        HandlingFact::Told { how, words, withdrawn, by, .. } => {
            ("told", Some(*by), json!({ "how": how.as_str(), "words": words, "withdrawn": withdrawn }))
        }
        HandlingFact::Filed { words, by, .. } => ("filed", Some(*by), json!({ "words": words })),
        HandlingFact::Assessed { words, by, .. } => ("assessed", Some(*by), json!({ "words": words })),
        HandlingFact::Reclassed { was, kind, department, why, by, .. } => {
            let department = department.as_ref().map(|department| department.as_str());
            let body = json!({ "was": was.as_str(), "kind": kind.as_str(), "department": department, "why": why });
            ("reclassed", Some(*by), body)
        }
        HandlingFact::Called { agent, talked_at, .. } => {
            ("waiting_ended", None, json!({ "agent": agent.as_str(), "talked_at_ms": ms(*talked_at) }))
        }
        HandlingFact::Moved { state, by, why, .. } => {
            ("ticket_moved", *by, json!({ "state": state.as_str(), "why": why }))
        }
    };
    let called = if let HandlingFact::Called { call, person, .. } = fact { Some((call, *person)) } else { None };
    let (call, person) = called.map_or((None, None), |(call, person)| (Some(call), person));
    Said { kind, by, call, person, body }
}
