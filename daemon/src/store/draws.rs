//! The seed by which closed matters are drawn, and the lots that were looked at.

use rusqlite::{Connection, OptionalExtension, params};

use super::column::*;
use crate::Time;
use crate::desk::draw::{Drawing, Lot, Seed};

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

/// Of a store that may be older than draws.
pub fn look(db: &Connection) -> rusqlite::Result<Seed> {
    let knows = "SELECT count(*) FROM sqlite_master WHERE name = 'draw_seed'";
    let knows: bool = db.query_row(knows, [], |row| row.get(0))?;
    let seed = if knows { seed(db)? } else { None };
    Ok(seed.unwrap_or_default())
}
