//! How often customers had to call about a matter until it was solved.

use rusqlite::{Connection, params};

use super::{MATTER, Matter, Share, matter, share};
use crate::Time;
use crate::store::Result;
use crate::store::column::*;

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

/// Matters that were solved from `?1` up to `?2`, with the customer's calls about them until then.
const SOLVED: &str = "WITH solved AS (
    SELECT t.id, t.opened_at_ms, t.closed_at_ms,
        (SELECT count(*) FROM calls k WHERE k.ticket = t.id AND k.merged_into IS NULL AND k.direction = 'inbound'
            AND k.started_at_ms <= t.closed_at_ms) AS calls,
        (SELECT count(*) FROM calls k WHERE k.ticket = t.id AND k.merged_into IS NULL AND k.direction = 'inbound'
            AND k.started_at_ms <= t.closed_at_ms AND k.talk_ms = 0) AS missed
    FROM tickets t WHERE t.closed_at_ms >= ?1 AND t.closed_at_ms < ?2 AND t.merged_into IS NULL)";

/// How many matters that were solved took the customer how many calls; fewest calls first.
pub fn shares(db: &Connection, from: Time, to: Time) -> Result<Vec<Share>> {
    let calls =
        format!("{SOLVED} SELECT calls AS share, count(*) AS matters FROM solved GROUP BY calls ORDER BY calls");
    db.prepare_cached(&calls)?.query_map([ms(from), ms(to)], share)?.collect()
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
