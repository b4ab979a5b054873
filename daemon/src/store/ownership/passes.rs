//! Passing on: who gave what to whom, by offer or by a supervisor's word, and what came of it.

use rusqlite::{Connection, Row, params};

use super::{MATTER, Matter, Share, matter, share};
use crate::desk::ownership::{Part, Receiver};
use crate::names::words;
use crate::store::Result;
use crate::store::column::*;
use crate::store::hands::receiver;
use crate::store::read::LIST;
use crate::{PersonId, TicketId, Time};

/// What somebody passed on to somebody, or to a department, by what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PassedOn {
    pub part: Part,
    /// None: it was nobody's.
    pub giver: Option<PersonId>,
    pub receiver: Receiver,
    pub matters: i64,
    pub accepted: i64,
    pub refused: i64,
    pub withdrawn: i64,
    pub lapsed: i64,
    /// Nobody has answered yet.
    pub waiting: i64,
    /// Not asked: a supervisor said so.
    pub assigned: i64,
}

impl PassedOn {
    pub fn all(&self) -> i64 {
        Came::ALL.iter().map(|came| self.of(*came)).sum()
    }
    pub fn of(&self, came: Came) -> i64 {
        match came {
            Came::Accepted => self.accepted,
            Came::Refused => self.refused,
            Came::Withdrawn => self.withdrawn,
            Came::Lapsed => self.lapsed,
            Came::Waiting => self.waiting,
            Came::Assigned => self.assigned,
        }
    }
}

words! {
    /// What came of passing something on.
    Came {
        Accepted = "accepted",
        Refused = "refused",
        Withdrawn = "withdrawn",
        Lapsed = "lapsed",
        /// Nobody has answered yet.
        Waiting = "waiting",
        /// Nobody was asked: a supervisor said whose it is.
        Assigned = "assigned",
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct PassedMatter {
    pub matter: Matter,
    pub times: i64,
    /// How often it really went over: accepted, or assigned.
    pub went: i64,
}

/// Something was passed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    pub ticket: TicketId,
    pub number: String,
    pub summary: String,
    pub part: Part,
    pub giver: Option<PersonId>,
    pub receiver: Receiver,
    pub by: Option<PersonId>,
    pub at: Time,
    pub words: String,
    pub came: Came,
    pub ended_at: Option<Time>,
    pub ended_by: Option<PersonId>,
    /// Why it was refused.
    pub why: String,
}

/// Which of what was passed on in `[from, to)`.
#[derive(Clone, Debug, Default)]
pub struct PassFilter {
    pub from: Time,
    pub to: Time,
    pub part: Option<Part>,
    /// `Some(None)`: what was nobody's.
    pub giver: Option<Option<PersonId>>,
    pub receiver: Option<Receiver>,
    pub came: Option<Came>,
    pub ticket: Option<TicketId>,
}

/// What was passed on from `?1` up to `?2`. Whoever was given something by a supervisor's word had it
/// from whoever had it before, or, of work that nobody did yet, from the matter's owner.
const PASSES: &str = "WITH passes AS (
    SELECT o.ticket, o.part, o.from_person AS giver, o.to_person, o.to_department, o.by_person, o.at_ms, o.words,
        coalesce(o.ended, 'waiting') AS came, o.ended_at_ms, o.ended_by, coalesce(o.end_why, '') AS why
    FROM offers o WHERE o.at_ms >= ?1 AND o.at_ms < ?2
    UNION ALL
    SELECT h.ticket, h.part, coalesce(
            (SELECT b.person FROM holders b WHERE b.ticket = h.ticket AND b.part = h.part AND b.id < h.id
                ORDER BY b.id DESC LIMIT 1),
            (SELECT b.person FROM holders b WHERE b.ticket = h.ticket AND b.part = 'matter' AND b.id < h.id
                ORDER BY b.id DESC LIMIT 1)),
        h.person, NULL, h.by_person, h.from_ms, '', 'assigned', h.from_ms, h.by_person, ''
    FROM holders h WHERE h.how = 'assigned' AND h.from_ms >= ?1 AND h.from_ms < ?2)";

pub fn passed(db: &Connection, from: Time, to: Time) -> Result<Vec<PassedOn>> {
    let sql = format!(
        "{PASSES} SELECT part, giver, to_person, to_department, count(DISTINCT ticket) AS matters,
            count(*) FILTER (WHERE came = 'accepted') AS accepted, count(*) FILTER (WHERE came = 'refused') AS refused,
            count(*) FILTER (WHERE came = 'withdrawn') AS withdrawn, count(*) FILTER (WHERE came = 'lapsed') AS lapsed,
            count(*) FILTER (WHERE came = 'waiting') AS waiting, count(*) FILTER (WHERE came = 'assigned') AS assigned
         FROM passes GROUP BY part, giver, to_person, to_department
         ORDER BY count(*) DESC, giver, to_person, to_department, part LIMIT ?3"
    );
    db.prepare_cached(&sql)?
        .query_map(params![ms(from), ms(to), LIST], |row| {
            Ok(PassedOn {
                part: word(row, "part", Part::parse)?,
                giver: maybe_person(row, "giver")?,
                receiver: receiver(row, "to_person", "to_department")?,
                matters: row.get("matters")?,
                accepted: row.get("accepted")?,
                refused: row.get("refused")?,
                withdrawn: row.get("withdrawn")?,
                lapsed: row.get("lapsed")?,
                waiting: row.get("waiting")?,
                assigned: row.get("assigned")?,
            })
        })?
        .collect()
}

/// How many matters were passed on how often; fewest times first.
pub fn times(db: &Connection, from: Time, to: Time) -> Result<Vec<Share>> {
    let times = format!(
        "{PASSES} SELECT times AS share, count(*) AS matters
         FROM (SELECT count(*) AS times FROM passes GROUP BY ticket) each GROUP BY times ORDER BY times"
    );
    db.prepare_cached(&times)?.query_map([ms(from), ms(to)], share)?.collect()
}

/// Of how many matters something was passed on.
pub fn matters(db: &Connection, from: Time, to: Time) -> Result<i64> {
    let matters = format!("{PASSES} SELECT count(DISTINCT ticket) FROM passes");
    db.prepare_cached(&matters)?.query_row([ms(from), ms(to)], |row| row.get(0))
}

/// Newest first; at most `limit`.
pub fn passes(db: &Connection, filter: &PassFilter, limit: i64) -> Result<Vec<Pass>> {
    let sql = format!(
        "{PASSES} SELECT p.*, t.number, t.summary FROM passes p JOIN tickets t ON t.id = p.ticket
         WHERE (?3 IS NULL OR p.part = ?3) AND (?4 = 0 OR p.giver IS NOT DISTINCT FROM ?5)
            AND (?6 IS NULL OR p.to_person = ?6) AND (?7 IS NULL OR p.to_department = ?7)
            AND (?8 IS NULL OR p.came = ?8) AND (?9 IS NULL OR p.ticket = ?9)
         ORDER BY p.at_ms DESC, p.ticket DESC LIMIT ?10"
    );
    let (to_person, to_department) = match &filter.receiver {
        Some(Receiver::Person(person)) => (Some(person.0), None),
        Some(Receiver::Department(department)) => (None, Some(department.as_str())),
        None => (None, None),
    };
    let values = params![
        ms(filter.from),
        ms(filter.to),
        filter.part.map(Part::as_str),
        filter.giver.is_some(),
        filter.giver.flatten().map(|giver| giver.0),
        to_person,
        to_department,
        filter.came.map(Came::as_str),
        filter.ticket.map(|ticket| ticket.0),
        limit,
    ];
    db.prepare_cached(&sql)?.query_map(values, pass)?.collect()
}

fn pass(row: &Row) -> Result<Pass> {
    Ok(Pass {
        ticket: TicketId(row.get("ticket")?),
        number: row.get("number")?,
        summary: row.get("summary")?,
        part: word(row, "part", Part::parse)?,
        giver: maybe_person(row, "giver")?,
        receiver: receiver(row, "to_person", "to_department")?,
        by: maybe_person(row, "by_person")?,
        at: time(row, "at_ms")?,
        words: row.get("words")?,
        came: word(row, "came", Came::parse)?,
        ended_at: maybe_time(row, "ended_at_ms")?,
        ended_by: maybe_person(row, "ended_by")?,
        why: row.get("why")?,
    })
}

/// Matters that were passed on, or so many times; most often first, at most `limit`.
pub fn passed_matters(
    db: &Connection,
    from: Time,
    to: Time,
    times: Option<i64>,
    limit: i64,
) -> Result<Vec<PassedMatter>> {
    let sql = format!(
        "{PASSES} SELECT {MATTER}, e.times, e.went FROM (
            SELECT ticket, count(*) AS times, count(*) FILTER (WHERE came IN ('accepted', 'assigned')) AS went
            FROM passes GROUP BY ticket) e
         JOIN tickets t ON t.id = e.ticket LEFT JOIN customers c ON c.id = t.customer
         WHERE ?3 IS NULL OR e.times = ?3 ORDER BY e.times DESC, e.went DESC, t.id LIMIT ?4"
    );
    db.prepare_cached(&sql)?
        .query_map(params![ms(from), ms(to), times, limit], |row| {
            Ok(PassedMatter { matter: matter(row)?, times: row.get("times")?, went: row.get("went")? })
        })?
        .collect()
}
