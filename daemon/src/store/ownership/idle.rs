//! Open matters in which nobody has done anything for long, and whose they are.

use rusqlite::{Connection, params};

use super::{MATTER, Matter, matter};
use crate::store::Result;
use crate::store::column::*;
use crate::{PersonId, Time};

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

pub fn idle(db: &Connection, since: Time) -> Result<Vec<Idle>> {
    let sql = format!(
        "{OPEN} SELECT owner, count(*) AS open, count(*) FILTER (WHERE last_ms <= ?1) AS idle, min(last_ms) AS oldest_ms
         FROM open GROUP BY owner HAVING count(*) FILTER (WHERE last_ms <= ?1) > 0
         ORDER BY idle DESC, oldest_ms, owner"
    );
    db.prepare_cached(&sql)?
        .query_map([ms(since)], |row| {
            Ok(Idle {
                owner: maybe_person(row, "owner")?,
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
