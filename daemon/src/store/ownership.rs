//! What a period says of whose matters were: what was passed on, how often customers had to call until they
//! were helped, who has not answered an offer, and in which open matters nobody has done anything. What stands
//! behind each figure is listed here too.

mod calls;
mod idle;
mod passes;

use rusqlite::{Connection, Row};

use super::Result;
use super::column::*;
use super::hands::receiver;
use crate::desk::ownership::Receiver;
use crate::desk::ticket::TicketState;
use crate::{PersonId, TicketId, Time};

pub use calls::{CalledMatter, called};
pub use idle::{Idle, IdleMatter, idle_matters};
pub use passes::{Came, Pass, PassFilter, PassedMatter, PassedOn, passed_matters, passes};

/// Matters that a list of the worst names.
const WORST: i64 = 20;

/// The whole report.
#[derive(Clone, Debug, PartialEq)]
pub struct Ownership {
    /// What one passed on to another, the most first; at most [`LIST`](super::read::LIST) pairs.
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
pub struct Unanswered {
    pub receiver: Receiver,
    /// Offers that stand now, whenever they were made,
    pub waiting: i64,
    /// and since when the oldest of them stands.
    pub oldest_at: Option<Time>,
    /// Of the period's.
    pub lapsed: i64,
}

/// Of `[from, to)`; idle is where nobody has done anything since `idle_since`. None: it cannot be said.
pub fn report(db: &Connection, from: Time, to: Time, idle_since: Option<Time>) -> Result<Ownership> {
    let mut most_calls = calls::called(db, from, to, None, WORST)?;
    most_calls.retain(|matter| matter.calls > 1);
    let mut most_passed = passes::passed_matters(db, from, to, None, WORST)?;
    most_passed.retain(|matter| matter.times > 1);
    Ok(Ownership {
        passed: passes::passed(db, from, to)?,
        matters: passes::matters(db, from, to)?,
        times: passes::times(db, from, to)?,
        most_passed,
        calls: calls::shares(db, from, to)?,
        most_calls,
        unanswered: unanswered(db, from, to)?,
        idle: match idle_since {
            Some(since) => idle::idle(db, since)?,
            None => Vec::new(),
        },
    })
}

fn share(row: &Row) -> Result<Share> {
    Ok(Share { of: row.get("share")?, matters: row.get("matters")? })
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

const MATTER: &str = "t.id AS ticket, t.number, t.summary, coalesce(c.name, '') AS customer_name, t.owner, t.handler,
    t.state";

fn matter(row: &Row) -> Result<Matter> {
    Ok(Matter {
        ticket: TicketId(row.get("ticket")?),
        number: row.get("number")?,
        summary: row.get("summary")?,
        customer_name: row.get("customer_name")?,
        owner: maybe_person(row, "owner")?,
        handler: maybe_person(row, "handler")?,
        state: word(row, "state", TicketState::parse)?,
    })
}
