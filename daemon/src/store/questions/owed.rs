//! What is owed in lists, by desk, by due time, by id; and one obligation with all that happened to it.

use rusqlite::{Connection, OptionalExtension, params};

use super::calls::stored_call;
use super::obligations::{OBLIGATIONS, obligation, obligation_rows};
use super::people::stands_in_for;
use super::tickets::{TICKETS, ticket_row};
use crate::calls::call::Outcome;
use crate::desk::policy::Policy;
use crate::live::About;
use crate::store::column::*;
use crate::store::read::*;
use crate::store::{Result, gather};
use crate::{CallId, ObligationId, PersonId, Time};

/// What nobody owns stands on every desk: the nearest of it, which is what anybody would take
/// next, and no more than a desk can show.
const UNOWNED: u32 = 20;

pub fn duties(db: &Connection, person: PersonId) -> Result<Vec<ObligationRow>> {
    let own = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.owner = ?1 ORDER BY o.due_at_ms, o.id LIMIT ?2");
    let unowned =
        format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.owner IS NULL ORDER BY o.due_at_ms, o.id LIMIT ?1");
    let mut rows = obligation_rows(db, &own, params![person.0, LIST])?;
    for absent in stands_in_for(db, person)? {
        rows.extend(obligation_rows(db, &own, params![absent.0, LIST])?);
    }
    rows.extend(obligation_rows(db, &unowned, [UNOWNED])?);
    rows.sort_by_key(|row| (row.due_at.is_none(), row.due_at, row.id));
    Ok(rows)
}

pub fn at_risk(db: &Connection, now: Time) -> Result<Vec<ObligationRow>> {
    let sql =
        format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.reminder_at_ms <= ?1 ORDER BY o.due_at_ms, o.id LIMIT ?2");
    obligation_rows(db, &sql, params![ms(now), LIST])
}

/// What is told of, as it stands now.
pub fn told_of(db: &Connection, about: About) -> Result<Option<ToldOf>> {
    Ok(match about {
        About::Owed(id) => obligation(db, id)?.map(|row| ToldOf::Owed(Box::new(row))),
        About::Matter(id) => {
            let sql = format!("{TICKETS} WHERE t.id = ?1");
            let row = db.prepare_cached(&sql)?.query_row([id.0], ticket_row).optional()?;
            row.map(|row| ToldOf::Matter(Box::new(row)))
        }
    })
}

/// By due time, what stands still last.
pub fn list(db: &Connection, filter: &OwedFilter) -> Result<Vec<ObligationRow>> {
    let mut rows = Vec::new();
    for filter in each(db, filter)? {
        let timed = listed(db, &filter, "o.due_at_ms IS NOT NULL", "o.due_at_ms, o.id", None)?;
        let room = filter.limit.saturating_sub(u32::try_from(timed.len()).unwrap_or(u32::MAX));
        rows.extend(timed);
        if room > 0 {
            let paused = OwedFilter { limit: room, ..filter };
            rows.extend(listed(db, &paused, "o.due_at_ms IS NULL", "o.id", None)?);
        }
    }
    rows.sort_by_key(|row| (row.due_at.is_none(), row.due_at, row.id));
    rows.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// By id, from the one after `after` on.
pub fn after(db: &Connection, filter: &OwedFilter, after: ObligationId) -> Result<Vec<ObligationRow>> {
    let mut rows = Vec::new();
    for filter in each(db, filter)? {
        rows.extend(listed(db, &filter, "1", "o.id", Some(after))?);
    }
    rows.sort_by_key(|row| row.id);
    rows.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// The filter, and the same for each of whom its owner stands in for.
fn each(db: &Connection, filter: &OwedFilter) -> Result<Vec<OwedFilter>> {
    let absent = match filter.owner {
        Whose::OfOrNobodys(owner) => stands_in_for(db, owner)?,
        Whose::Anybodys | Whose::Of(_) | Whose::Nobodys => Vec::new(),
    };
    let theirs = absent.into_iter().map(|absent| OwedFilter { owner: Whose::Of(absent), ..filter.clone() });
    Ok([filter.clone()].into_iter().chain(theirs).collect())
}

/// Nothing in the question's text is anybody's but ours: words of closed enums.
fn listed(
    db: &Connection,
    filter: &OwedFilter,
    which: &str,
    order: &str,
    after: Option<ObligationId>,
) -> Result<Vec<ObligationRow>> {
    let (whose, owner) = match filter.owner {
        Whose::Anybodys => ("?1 IS NULL", None),
        Whose::Of(owner) => ("o.owner = ?1", Some(owner)),
        Whose::OfOrNobodys(owner) => ("(o.owner = ?1 OR o.owner IS NULL)", Some(owner)),
        Whose::Nobodys => ("?1 IS NULL AND o.owner IS NULL", None),
    };
    let state = filter.state.map_or_else(|| "1".to_owned(), |state| format!("o.state = '{}'", state.as_str()));
    let sql = format!(
        "{OBLIGATIONS} WHERE {whose} AND {state} AND {which} AND (?2 IS NULL OR o.kind = ?2)
            AND (?3 IS NULL OR o.reminder_at_ms <= ?3) AND (?4 IS NULL OR o.id > ?4) ORDER BY {order} LIMIT ?5"
    );
    let values = params![
        owner.map(|owner| owner.0),
        filter.kind.map(|kind| kind.as_str()),
        filter.at_risk.map(ms),
        after.map(|id| id.0),
        filter.limit,
    ];
    obligation_rows(db, &sql, values)
}

pub fn page(db: &Connection, policy: &Policy, id: ObligationId) -> Result<Option<OwedPage>> {
    let Some(row) = obligation(db, id)? else { return Ok(None) };
    let proof_call = match &row.proof {
        Some(proof) => whole_call(db, &proof.call)?,
        None => None,
    };
    let began_with = began_with(db, id)?;
    Ok(Some(OwedPage {
        attempts: attempts(db, id)?,
        pauses: pauses(db, id)?,
        paused: gather::paused(db, row.ticket)?.remove(&id),
        may_promise: db
            .prepare_cached("SELECT is_open FROM tickets WHERE id = ?1")?
            .query_row([row.ticket.0], |row| row.get(0))?,
        may_pause: policy.terms.clocks.rule(row.kind).may_pause,
        began_with,
        proof_call,
        row,
    }))
}

/// The call, or the one that it turned out to be part of.
fn whole_call(db: &Connection, call: &CallId) -> Result<Option<StoredCall>> {
    db.prepare_cached("SELECT w.* FROM calls c JOIN calls w ON w.id = coalesce(c.merged_into, c.id) WHERE c.id = ?1")?
        .query_row([call.as_str()], |row| stored_call(db, row))
        .optional()
}

fn began_with(db: &Connection, id: ObligationId) -> Result<Option<StoredCall>> {
    let call: Option<CallId> = db
        .prepare_cached("SELECT call FROM obligations WHERE id = ?1")?
        .query_row([id.0], |row| maybe_name(row, "call"))?;
    call.map_or(Ok(None), |call| whole_call(db, &call))
}

fn attempts(db: &Connection, id: ObligationId) -> Result<Vec<MadeAttempt>> {
    db.prepare_cached(
        "SELECT a.call, a.outcome, a.at_ms, c.ended_at_ms, c.pbx, c.agent, c.person FROM attempts a
         JOIN calls c ON c.id = a.call WHERE a.obligation = ?1 ORDER BY a.at_ms LIMIT ?2",
    )?
    .query_map(params![id.0, LIST], |row| {
        Ok(MadeAttempt {
            call: name(row, "call")?,
            pbx: name(row, "pbx")?,
            outcome: word(row, "outcome", Outcome::parse)?,
            at: time(row, "at_ms")?,
            ended_at: maybe_time(row, "ended_at_ms")?,
            agent: maybe_name(row, "agent")?,
            person: maybe_person(row, "person")?,
        })
    })?
    .collect()
}

fn pauses(db: &Connection, id: ObligationId) -> Result<Vec<Pause>> {
    db.prepare_cached(
        "SELECT from_ms, to_ms, reason, by_person FROM suspensions WHERE obligation = ?1 ORDER BY id LIMIT ?2",
    )?
    .query_map(params![id.0, LIST], |row| {
        Ok(Pause {
            from: time(row, "from_ms")?,
            to: maybe_time(row, "to_ms")?,
            reason: row.get("reason")?,
            by: maybe_person(row, "by_person")?,
        })
    })?
    .collect()
}
