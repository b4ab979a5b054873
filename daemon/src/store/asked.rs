//! What people asked of PBXes: gathered for the next who asks, and kept.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::*;
use super::{Result, Writing, detail};
use crate::calls::call::Direction;
use crate::desk::asking::Ask;
use crate::desk::case::{Attempt, UpCall};
use crate::desk::fact::Fact;
use crate::{CallId, LegId, ObligationId, PbxName, PersonId, TicketId, Time};

/// PBXs of whose outage no end is known.
pub fn out_of_sight(db: &Connection) -> Result<BTreeSet<PbxName>> {
    db.prepare_cached("SELECT DISTINCT pbx FROM outages WHERE to_ms IS NULL")?
        .query_map([], |row| name(row, "pbx"))?
        .collect()
}

/// The newest call that was asked for to keep this obligation.
pub fn attempt(db: &Connection, obligation: ObligationId) -> Result<Option<Attempt>> {
    db.prepare_cached(
        "SELECT d.by_person, d.pbx, d.at_ms,
            EXISTS (SELECT 1 FROM calls c WHERE c.originated = d.leg) AS told,
            EXISTS (SELECT 1 FROM calls c WHERE c.originated = d.leg AND c.ended_at_ms IS NULL) AS up
         FROM dials d WHERE d.obligation = ?1 ORDER BY d.at_ms DESC LIMIT 1",
    )?
    .query_row([obligation.0], |row| {
        Ok(Attempt {
            by: PersonId(row.get("by_person")?),
            pbx: name(row, "pbx")?,
            asked_at: time(row, "at_ms")?,
            is_told: row.get("told")?,
            is_up: row.get("up")?,
        })
    })
    .optional()
}

const UP: &str = "SELECT id, pbx, ticket, direction, agent, detail FROM calls WHERE ended_at_ms IS NULL";

/// The call, where it is up.
pub fn up(db: &Connection, call: &CallId) -> Result<Option<UpCall>> {
    db.prepare_cached(&format!("{UP} AND id = ?1"))?.query_row([call.as_str()], up_call).optional()
}

pub fn all_up(db: &Connection, pbx: &PbxName) -> Result<Vec<UpCall>> {
    db.prepare_cached(&format!("{UP} AND pbx = ?1"))?.query_map([pbx.as_str()], up_call)?.collect()
}

fn up_call(row: &Row) -> Result<UpCall> {
    let detail = detail::read(row.get_ref("detail")?.as_str()?);
    let talking = detail.segments.into_iter().filter(|segment| segment.to.is_none());
    let ringing = detail.offers.into_iter().filter(|offer| offer.outcome.is_none());
    Ok(UpCall {
        id: name(row, "id")?,
        pbx: name(row, "pbx")?,
        ticket: row.get::<_, Option<i64>>("ticket")?.map(TicketId),
        direction: word(row, "direction", Direction::parse)?,
        agent: maybe_name(row, "agent")?,
        talking: talking.map(|segment| segment.agent).collect(),
        ringing: ringing.map(|offer| offer.agent).collect(),
    })
}

pub fn keep(db: &Connection, fact: &Fact, now: Time) -> Result<()> {
    let Fact::Asked { by, pbx, ask, obligation, person, .. } = fact else { return Ok(()) };
    match (ask, obligation) {
        (Ask::Dial { leg, .. }, Some(obligation)) => db
            .prepare_cached("INSERT INTO dials (leg, obligation, pbx, by_person, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![leg.as_str(), obligation.0, pbx.as_str(), by.0, ms(now)])
            .map(drop),
        (Ask::Spy { call, agent, how, leg, .. }, _) => db
            .prepare_cached(
                "INSERT INTO spyings (leg, call, agent, person, how, by_person, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                leg.as_str(),
                call.as_str(),
                agent.as_str(),
                person.map(|id| id.0),
                how.as_str(),
                by.0,
                ms(now),
            ])
            .map(drop),
        (Ask::Dial { .. } | Ask::HangUp { .. } | Ask::Pause { .. }, _) => Ok(()),
    }
}

impl Writing<'_> {
    /// From when until when somebody listened in by that leg, as the PBX saw it; which ticket's
    /// call it was. What was told before a restart stays: only the end is told twice then.
    pub fn listened(&mut self, leg: &LegId, from: Option<Time>, to: Option<Time>) -> Result<Option<TicketId>> {
        self.db
            .prepare_cached(
                "UPDATE spyings SET from_ms = coalesce(from_ms, ?2), to_ms = coalesce(to_ms, ?3) WHERE leg = ?1",
            )?
            .execute(params![leg.as_str(), from.map(ms), to.map(ms)])?;
        self.db
            .prepare_cached("SELECT c.ticket FROM spyings s JOIN calls c ON c.id = s.call WHERE s.leg = ?1")?
            .query_row([leg.as_str()], |row| row.get::<_, Option<i64>>(0))
            .optional()
            .map(|ticket| ticket.flatten().map(TicketId))
    }
}
