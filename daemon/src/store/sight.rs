//! Sight: what was not seen of each PBX, what else hindered sight, and until when the daemon was
//! there to see.
//!
//! A daemon that was killed could not say so. So it notes from time to time that it is alive, and
//! the next start tells the time from the last note to its first snapshot as an outage.

use rusqlite::{Connection, OptionalExtension, params};

use super::column::{from_ms, maybe_time, ms, name, time, word};
use super::read::{LedgerRow, Outage};
use super::{Result, Store, Writing};
use crate::ledger::{Entry, Hindrance};
use crate::{CallId, PbxName, Time};

const NOT_RUNNING: &str = "Ringback was not running";

impl Store {
    /// The PBXs that are looked at from now on. Each that was seen before has been out of sight
    /// since the last note of that; its first snapshot ends the outage.
    pub fn watch(&mut self, pbxs: Vec<PbxName>) -> Result<()> {
        self.together(|writing| {
            for pbx in &pbxs {
                writing.away(pbx)?;
            }
            Ok(())
        })?;
        self.watched = pbxs;
        Ok(())
    }
}

impl Writing<'_> {
    /// The daemon is there, and looks at its PBXs.
    pub fn alive(&mut self, now: Time) -> Result<()> {
        note(self.db, "", now)?;
        let mut statement = self.db.prepare_cached("UPDATE alive SET at_ms = ?2 WHERE pbx = ?1")?;
        for pbx in self.watched {
            statement.execute(params![pbx.as_str(), ms(now)])?;
        }
        Ok(())
    }

    fn away(&mut self, pbx: &PbxName) -> Result<()> {
        let seen = self
            .db
            .prepare_cached("SELECT at_ms FROM alive WHERE pbx = ?1")?
            .query_row([pbx.as_str()], |row| row.get(0).map(from_ms))
            .optional()?;
        seen.map_or(Ok(()), |seen| self.outage(pbx, seen, None, NOT_RUNNING))
    }

    /// An outage begins, or ends. The first reason stays; one that another follows ends there, so
    /// that no moment counts twice.
    pub fn outage(&mut self, pbx: &PbxName, from: Time, to: Option<Time>, why: &str) -> Result<()> {
        close(self.db, pbx, from, Some(from))?;
        self.db
            .prepare_cached(
                "INSERT INTO outages (pbx, from_ms, to_ms, why) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (pbx, from_ms) DO UPDATE SET to_ms = coalesce(excluded.to_ms, outages.to_ms)",
            )?
            .execute(params![pbx.as_str(), ms(from), to.map(ms), why])
            .map(drop)
    }

    /// A line of the ledger; written again, it is one line all the same.
    pub fn ledger(&mut self, entry: &Entry) -> Result<()> {
        let pbx = entry.pbx.as_ref().map_or("", PbxName::as_str);
        self.db
            .prepare_cached(
                "INSERT INTO ledger (pbx, at_ms, what, detail) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute(params![pbx, ms(entry.at), entry.what.as_str(), entry.detail])
            .map(drop)
    }

    /// After a snapshot: the PBX is in sight. Calls that are kept as up, but that it does not know
    /// any more, ended unseen: nothing is concluded from it but that they are over.
    pub fn standing(&mut self, pbx: &PbxName, at: Time, up: &[CallId]) -> Result<()> {
        close(self.db, pbx, at, None)?;
        note(self.db, pbx.as_str(), at)?;
        let kept: Vec<String> = self
            .db
            .prepare_cached("SELECT id FROM calls WHERE pbx = ?1 AND ended_at_ms IS NULL")?
            .query_map([pbx.as_str()], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let mut statement = self.db.prepare_cached(
            "UPDATE calls SET ended_at_ms = ?2, certain = 0,
                outcome = CASE WHEN answered_at_ms IS NULL THEN 'failed' ELSE 'answered' END WHERE id = ?1",
        )?;
        for id in kept {
            if !up.iter().any(|call| call.as_str() == id) {
                statement.execute(params![id, ms(at)])?;
            }
        }
        Ok(())
    }
}

/// The PBX's outages that have not ended, but for one, end at `end`; where the clock was set back
/// meanwhile, where they began.
fn close(db: &Connection, pbx: &PbxName, end: Time, but: Option<Time>) -> Result<()> {
    db.prepare_cached(
        "UPDATE outages SET to_ms = CASE WHEN from_ms > ?2 THEN from_ms ELSE ?2 END
         WHERE pbx = ?1 AND to_ms IS NULL AND from_ms IS DISTINCT FROM ?3",
    )?
    .execute(params![pbx.as_str(), ms(end), but.map(ms)])
    .map(drop)
}

fn note(db: &Connection, whom: &str, at: Time) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO alive (pbx, at_ms, since_ms) VALUES (?1, ?2, ?2)
         ON CONFLICT (pbx) DO UPDATE SET at_ms = excluded.at_ms",
    )?
    .execute(params![whom, ms(at)])
    .map(drop)
}

pub fn outages(db: &Connection, limit: u32) -> Result<Vec<Outage>> {
    db.prepare_cached("SELECT pbx, from_ms, to_ms, why FROM outages ORDER BY from_ms DESC, pbx LIMIT ?1")?
        .query_map([limit], |row| {
            Ok(Outage {
                pbx: name(row, "pbx")?,
                from: time(row, "from_ms")?,
                to: maybe_time(row, "to_ms")?,
                why: row.get("why")?,
            })
        })?
        .collect()
}

/// Lines of the ledger and outages, newest first.
pub fn ledger(db: &Connection, limit: u32) -> Result<Vec<LedgerRow>> {
    db.prepare_cached(
        "SELECT pbx, at_ms, what, detail, NULL AS to_ms FROM ledger
         UNION ALL SELECT pbx, from_ms, 'outage', why, to_ms FROM outages
         ORDER BY at_ms DESC, pbx, what, detail LIMIT ?1",
    )?
    .query_map([limit], |row| {
        let pbx = Some(name::<PbxName>(row, "pbx")?).filter(|pbx| !pbx.as_str().is_empty());
        let what = word(row, "what", Hindrance::parse)?;
        let entry = Entry { pbx, at: time(row, "at_ms")?, what, detail: row.get("detail")? };
        Ok(LedgerRow { entry, to: maybe_time(row, "to_ms")? })
    })?
    .collect()
}

/// What hid part of a call that was not seen whole: the first outage that it touches, or else the
/// first time within it that something was found to be amiss.
pub fn gap(db: &Connection, pbx: &PbxName, from: Time, to: Option<Time>) -> Result<Option<Outage>> {
    let to_ms = to.map_or(i64::MAX, ms);
    db.prepare_cached(
        "SELECT pbx, from_ms, to_ms, why FROM (
            SELECT 1 AS rank, pbx, from_ms, to_ms, why FROM outages
            WHERE pbx = ?1 AND from_ms <= ?3 AND coalesce(to_ms, ?3) >= ?2
            UNION ALL SELECT 2, pbx, at_ms, at_ms, detail FROM ledger
            WHERE pbx = ?1 AND at_ms BETWEEN ?2 AND ?3 AND what IN ('restart', 'overflow', 'drift'))
         ORDER BY rank, from_ms LIMIT 1",
    )?
    .query_row(params![pbx.as_str(), ms(from), to_ms], |row| {
        Ok(Outage {
            pbx: name(row, "pbx")?,
            from: time(row, "from_ms")?,
            to: maybe_time(row, "to_ms")?,
            why: row.get("why")?,
        })
    })
    .optional()
}
