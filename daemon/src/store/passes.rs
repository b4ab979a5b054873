//! What a period says of whose matters were: who passed what on to whom and what came of it, how often
//! customers had to call until they were helped, who has not answered an offer, and in which open
//! matters nobody has done anything. What stands behind each figure is listed here too.

use rusqlite::{Connection, Row, params};

use super::column::*;
use super::hands::receiver;
use super::read::LIST;
use crate::desk::ownership::{Part, Receiver};
use crate::desk::ticket::TicketState;
use crate::names::words;
use crate::{PersonId, TicketId, Time};

type Result<T> = rusqlite::Result<T>;

/// Matters that a list of the worst names.
const WORST: i64 = 20;

/// The whole report.
#[derive(Clone, Debug, PartialEq)]
pub struct Ownership {
    /// What one passed on to another, the most first; at most [`LIST`] pairs.
    pub passed: Vec<PassedOn>,
    /// Matters of which something was passed on; one may be of several pairs.
    pub matters: i64,
    /// How many matters were passed on how often; fewest times first.
    pub times: Vec<Share>,
    /// Those that were passed on most often, and twice at least.
    pub most_passed: Vec<PassedMatter>,
    /// How many matters that were solved took the customer how many calls; fewest calls first.
    pub calls: Vec<Share>,
    /// Those that took most calls, and two at least.
    pub most_calls: Vec<CalledMatter>,
    /// Who was offered something and has not answered, or let it lapse; most first.
    pub unanswered: Vec<Unanswered>,
    /// In whose open matters nobody has done anything, most first.
    pub idle: Vec<Idle>,
}

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

/// So many matters have so many of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub of: i64,
    pub matters: i64,
}

/// A matter in a list of this report.
#[derive(Clone, Debug, PartialEq)]
pub struct Matter {
    pub ticket: TicketId,
    pub number: String,
    pub summary: String,
    pub customer_name: String,
    pub owner: Option<PersonId>,
    pub handler: Option<PersonId>,
    pub state: TicketState,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PassedMatter {
    pub matter: Matter,
    pub times: i64,
    /// How often it really went over: accepted, or assigned.
    pub went: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CalledMatter {
    pub matter: Matter,
    /// Calls of the customer about it until it was solved.
    pub calls: i64,
    /// Of those, in how many nobody talked with them.
    pub missed: i64,
    pub opened_at: Time,
    pub solved_at: Time,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unanswered {
    pub receiver: Receiver,
    /// Offers that stand now, whenever they were made,
    pub waiting: i64,
    /// and since when the oldest of them stands.
    pub oldest_at: Option<Time>,
    /// Of the period's.
    pub lapsed: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Idle {
    /// None: nobody has them.
    pub owner: Option<PersonId>,
    pub open: i64,
    pub idle: i64,
    /// When anybody did something last in the one that has lain longest.
    pub oldest_at: Time,
}

#[derive(Clone, Debug, PartialEq)]
pub struct IdleMatter {
    pub matter: Matter,
    pub last_at: Time,
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

const MATTER: &str = "t.id AS ticket, t.number, t.summary, coalesce(c.name, '') AS customer_name, t.owner, t.handler,
    t.state";

/// Matters that were solved from `?1` up to `?2`, with the customer's calls about them until then.
const SOLVED: &str = "WITH solved AS (
    SELECT t.id, t.opened_at_ms, t.closed_at_ms,
        (SELECT count(*) FROM calls k WHERE k.ticket = t.id AND k.merged_into IS NULL AND k.direction = 'inbound'
            AND k.started_at_ms <= t.closed_at_ms) AS calls,
        (SELECT count(*) FROM calls k WHERE k.ticket = t.id AND k.merged_into IS NULL AND k.direction = 'inbound'
            AND k.started_at_ms <= t.closed_at_ms AND k.talk_ms = 0) AS missed
    FROM tickets t WHERE t.closed_at_ms >= ?1 AND t.closed_at_ms < ?2 AND t.merged_into IS NULL)";

/// Open matters whose clocks do not stand still, with when anybody did something in them last: wrote,
/// decided, called, or talked with the customer. Who only looks does nothing, nor does a customer whom
/// nobody answers.
const OPEN: &str = "WITH open AS (
    SELECT t.id, t.owner, coalesce((SELECT max(done.at_ms) FROM (
            SELECT f.at_ms FROM facts f WHERE f.ticket = t.id AND f.by_person IS NOT NULL
                AND f.kind NOT IN ('numbers_shown', 'evidence_made', 'spy_asked', 'obligation_moved')
            UNION ALL
            SELECT coalesce(k.ended_at_ms, k.seen_at_ms) FROM calls k WHERE k.ticket = t.id AND k.merged_into IS NULL
                AND (k.talk_ms > 0 OR k.direction = 'outbound')) done), t.opened_at_ms) AS last_ms
    FROM tickets t WHERE t.is_open = 1 AND t.merged_into IS NULL AND NOT EXISTS (
        SELECT 1 FROM obligations o JOIN suspensions s ON s.obligation = o.id
        WHERE o.ticket = t.id AND o.state = 'open' AND s.to_ms IS NULL))";

/// Of `[from, to)`; idle is where nobody has done anything since `idle_since`. None: it cannot be said.
pub fn report(db: &Connection, from: Time, to: Time, idle_since: Option<Time>) -> Result<Ownership> {
    let mut most_calls = called(db, from, to, None, WORST)?;
    most_calls.retain(|matter| matter.calls > 1);
    let mut most_passed = passed_matters(db, from, to, None, WORST)?;
    most_passed.retain(|matter| matter.times > 1);
    let times = format!(
        "{PASSES} SELECT times AS share, count(*) AS matters
         FROM (SELECT count(*) AS times FROM passes GROUP BY ticket) each GROUP BY times ORDER BY times"
    );
    let calls =
        format!("{SOLVED} SELECT calls AS share, count(*) AS matters FROM solved GROUP BY calls ORDER BY calls");
    let matters = format!("{PASSES} SELECT count(DISTINCT ticket) FROM passes");
    Ok(Ownership {
        passed: passed(db, from, to)?,
        matters: db.prepare_cached(&matters)?.query_row([ms(from), ms(to)], |row| row.get(0))?,
        times: db.prepare_cached(&times)?.query_map([ms(from), ms(to)], share)?.collect::<Result<_>>()?,
        most_passed,
        calls: db.prepare_cached(&calls)?.query_map([ms(from), ms(to)], share)?.collect::<Result<_>>()?,
        most_calls,
        unanswered: unanswered(db, from, to)?,
        idle: match idle_since {
            Some(since) => idle(db, since)?,
            None => Vec::new(),
        },
    })
}

fn share(row: &Row) -> Result<Share> {
    Ok(Share { of: row.get("share")?, matters: row.get("matters")? })
}

fn passed(db: &Connection, from: Time, to: Time) -> Result<Vec<PassedOn>> {
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
                giver: person(row, "giver")?,
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
        giver: person(row, "giver")?,
        receiver: receiver(row, "to_person", "to_department")?,
        by: person(row, "by_person")?,
        at: time(row, "at_ms")?,
        words: row.get("words")?,
        came: word(row, "came", Came::parse)?,
        ended_at: maybe_time(row, "ended_at_ms")?,
        ended_by: person(row, "ended_by")?,
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

/// Matters that were solved, or after so many calls; most calls first, at most `limit`.
pub fn called(db: &Connection, from: Time, to: Time, calls: Option<i64>, limit: i64) -> Result<Vec<CalledMatter>> {
    let sql = format!(
        "{SOLVED} SELECT {MATTER}, s.calls, s.missed, s.opened_at_ms, s.closed_at_ms FROM solved s
         JOIN tickets t ON t.id = s.id LEFT JOIN customers c ON c.id = t.customer
         WHERE ?3 IS NULL OR s.calls = ?3 ORDER BY s.calls DESC, s.missed DESC, t.id LIMIT ?4"
    );
    db.prepare_cached(&sql)?
        .query_map(params![ms(from), ms(to), calls, limit], |row| {
            Ok(CalledMatter {
                matter: matter(row)?,
                calls: row.get("calls")?,
                missed: row.get("missed")?,
                opened_at: time(row, "opened_at_ms")?,
                solved_at: time(row, "closed_at_ms")?,
            })
        })?
        .collect()
}

fn unanswered(db: &Connection, from: Time, to: Time) -> Result<Vec<Unanswered>> {
    db.prepare_cached(
        "SELECT to_person, to_department, count(*) FILTER (WHERE ended IS NULL) AS waiting,
            min(at_ms) FILTER (WHERE ended IS NULL) AS oldest_ms, count(*) FILTER (WHERE ended IS NOT NULL) AS lapsed
         FROM offers WHERE ended IS NULL OR (ended = 'lapsed' AND at_ms >= ?1 AND at_ms < ?2)
         GROUP BY to_person, to_department ORDER BY waiting DESC, lapsed DESC, oldest_ms, to_person, to_department",
    )?
    .query_map([ms(from), ms(to)], |row| {
        Ok(Unanswered {
            receiver: receiver(row, "to_person", "to_department")?,
            waiting: row.get("waiting")?,
            oldest_at: maybe_time(row, "oldest_ms")?,
            lapsed: row.get("lapsed")?,
        })
    })?
    .collect()
}

fn idle(db: &Connection, since: Time) -> Result<Vec<Idle>> {
    let sql = format!(
        "{OPEN} SELECT owner, count(*) AS open, count(*) FILTER (WHERE last_ms <= ?1) AS idle, min(last_ms) AS oldest_ms
         FROM open GROUP BY owner HAVING count(*) FILTER (WHERE last_ms <= ?1) > 0
         ORDER BY idle DESC, oldest_ms, owner"
    );
    db.prepare_cached(&sql)?
        .query_map([ms(since)], |row| {
            Ok(Idle {
                owner: person(row, "owner")?,
                open: row.get("open")?,
                idle: row.get("idle")?,
                oldest_at: time(row, "oldest_ms")?,
            })
        })?
        .collect()
}

/// Open matters in which nobody has done anything since then, of one owner or of all; `Some(None)`: of
/// nobody. Those that lie longest first, at most `limit`.
pub fn idle_matters(
    db: &Connection,
    since: Time,
    owner: Option<Option<PersonId>>,
    limit: i64,
) -> Result<Vec<IdleMatter>> {
    let sql = format!(
        "{OPEN} SELECT {MATTER}, e.last_ms FROM open e JOIN tickets t ON t.id = e.id
         LEFT JOIN customers c ON c.id = t.customer
         WHERE e.last_ms <= ?1 AND (?2 = 0 OR e.owner IS NOT DISTINCT FROM ?3) ORDER BY e.last_ms, t.id LIMIT ?4"
    );
    let values = params![ms(since), owner.is_some(), owner.flatten().map(|owner| owner.0), limit];
    db.prepare_cached(&sql)?
        .query_map(values, |row| Ok(IdleMatter { matter: matter(row)?, last_at: time(row, "last_ms")? }))?
        .collect()
}

fn matter(row: &Row) -> Result<Matter> {
    Ok(Matter {
        ticket: TicketId(row.get("ticket")?),
        number: row.get("number")?,
        summary: row.get("summary")?,
        customer_name: row.get("customer_name")?,
        owner: person(row, "owner")?,
        handler: person(row, "handler")?,
        state: word(row, "state", TicketState::parse)?,
    })
}

fn person(row: &Row, column: &str) -> Result<Option<PersonId>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(PersonId))
}
