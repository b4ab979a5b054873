//! Calls as they were kept: whole, in a line of somebody's contacts, and of which ticket they are.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::calls::call::{Direction, EndedBy, Outcome};
use crate::number::Number;
use crate::store::column::*;
use crate::store::read::*;
use crate::store::{Result, detail, sight};
use crate::{CallId, PbxName, TicketId, Time};

pub fn stored_call(db: &Connection, row: &Row) -> Result<StoredCall> {
    let detail = detail::read(row.get_ref("detail")?.as_str()?);
    let (pbx, certain) = (name(row, "pbx")?, row.get("certain")?);
    let (started_at, ended_at) = (time(row, "started_at_ms")?, maybe_time(row, "ended_at_ms")?);
    Ok(StoredCall {
        gap: hidden(db, certain, &pbx, started_at, ended_at)?,
        id: name(row, "id")?,
        pbx,
        direction: word(row, "direction", Direction::parse)?,
        caller: row.get("caller")?,
        caller_name: row.get("caller_name")?,
        number: maybe_number(row, "number")?,
        to: row.get("reached")?,
        agent: maybe_name(row, "agent")?,
        person: maybe_person(row, "person")?,
        started_at,
        answered_at: maybe_time(row, "answered_at_ms")?,
        ended_at,
        outcome: maybe_word(row, "outcome", Outcome::parse)?,
        ended_by: maybe_word(row, "ended_by", EndedBy::parse)?,
        talk_ms: row.get("talk_ms")?,
        certain,
        waits: detail.waits,
        segments: detail.segments,
        offers: detail.offers,
        transfers: detail.transfers,
        ticket: row.get::<_, Option<i64>>("ticket")?.map(TicketId),
    })
}

pub fn newest_contacts(db: &Connection, number: &Number, count: usize) -> Result<Vec<Contact>> {
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT c.id, c.direction, c.started_at_ms, c.ended_at_ms, c.outcome, c.talk_ms, c.agent, c.person, c.pbx,
                c.certain, coalesce(t.summary, '') AS summary
             FROM calls c LEFT JOIN tickets t ON t.id = c.ticket
             WHERE c.number = ?1 AND c.merged_into IS NULL ORDER BY c.started_at_ms DESC LIMIT ?2",
    )?
    .query_map(params![number.as_str(), limit], |row| {
        let (pbx, at) = (name(row, "pbx")?, time(row, "started_at_ms")?);
        let certain = row.get("certain")?;
        Ok(Contact {
            call: name(row, "id")?,
            direction: word(row, "direction", Direction::parse)?,
            at,
            outcome: maybe_word(row, "outcome", Outcome::parse)?,
            talk_ms: row.get("talk_ms")?,
            agent: maybe_name(row, "agent")?,
            person: maybe_person(row, "person")?,
            gap: hidden(db, certain, &pbx, at, maybe_time(row, "ended_at_ms")?)?,
            pbx,
            summary: row.get("summary")?,
            certain,
        })
    })?
    .collect()
}

/// What hid part of a call, where not all of it was seen.
fn hidden(db: &Connection, certain: bool, pbx: &PbxName, from: Time, to: Option<Time>) -> Result<Option<Outage>> {
    if certain { Ok(None) } else { sight::gap(db, pbx, from, to) }
}

pub fn ticket_of(db: &Connection, call: &CallId) -> Result<Option<TicketId>> {
    let found: Option<Option<i64>> = db
        .prepare_cached("SELECT ticket FROM calls WHERE id = ?1")?
        .query_row([call.as_str()], |row| row.get(0))
        .optional()?;
    Ok(found.flatten().map(TicketId))
}
