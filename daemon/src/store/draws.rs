//! The seed by which closed matters are drawn, and the lots that were looked at.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::*;
use super::read::Drawn;
use crate::desk::draw::{Drawing, Lot, Seed};
use crate::{TicketId, Time};

pub fn keep(db: &Connection, drawing: &Drawing, now: Time) -> rusqlite::Result<()> {
    match drawing {
        Drawing::Seeded { seed } => db
            .prepare_cached("INSERT INTO draw_seed (id, seed, at_ms) VALUES (1, ?1, ?2)")?
            .execute(params![seed.to_string(), ms(now)]),
        Drawing::Looked { ticket, lot: Lot(lot), percent, drawn } => db
            .prepare_cached(
                "INSERT INTO draws (ticket, at_ms, lot, percent, drawn) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (ticket, at_ms) DO NOTHING",
            )?
            .execute(params![ticket.0, ms(now), lot, percent, drawn]),
    }
    .map(drop)
}

pub fn seed(db: &Connection) -> rusqlite::Result<Option<Seed>> {
    db.prepare_cached("SELECT seed FROM draw_seed")?.query_row([], |row| word(row, "seed", Seed::parse)).optional()
}

/// Newest first; at most `limit`.
pub fn list(db: &Connection, from: Time, to: Time, limit: i64) -> rusqlite::Result<Vec<Drawn>> {
    db.prepare_cached(
        "SELECT d.ticket, t.number, d.at_ms, d.lot, d.percent, d.drawn FROM draws d JOIN tickets t ON t.id = d.ticket
         WHERE d.at_ms >= ?1 AND d.at_ms < ?2 ORDER BY d.at_ms DESC, d.ticket DESC LIMIT ?3",
    )?
    .query_map(params![ms(from), ms(to), limit], drawn)?
    .collect()
}

/// Each time that it was looked at, oldest first.
pub fn of(db: &Connection, ticket: TicketId) -> rusqlite::Result<Vec<Drawn>> {
    db.prepare_cached(
        "SELECT d.ticket, t.number, d.at_ms, d.lot, d.percent, d.drawn FROM draws d JOIN tickets t ON t.id = d.ticket
         WHERE d.ticket = ?1 ORDER BY d.at_ms",
    )?
    .query_map([ticket.0], drawn)?
    .collect()
}

fn drawn(row: &Row) -> rusqlite::Result<Drawn> {
    Ok(Drawn {
        ticket: TicketId(row.get("ticket")?),
        number: row.get("number")?,
        at: time(row, "at_ms")?,
        lot: Lot(row.get("lot")?),
        percent: row.get("percent")?,
        drawn: row.get("drawn")?,
    })
}

/// Of a store that may be older than draws.
pub fn look(db: &Connection) -> rusqlite::Result<Seed> {
    let knows = "SELECT count(*) FROM sqlite_master WHERE name = 'draw_seed'";
    let knows: bool = db.query_row(knows, [], |row| row.get(0))?;
    let seed = if knows { seed(db)? } else { None };
    Ok(seed.unwrap_or_default())
}
