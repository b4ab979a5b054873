//! The journal: what native senders told of calls that are not over, line for line.
//!
//! A sender forgets what we have acknowledged, so all that a line did must survive a kill. Of calls
//! the tracker alone knows what they are, and it is rebuilt from these lines. They are kept with
//! their number, in the commit that the acknowledgement waits for, and before whatever follows from
//! them; a call's lines go in the commit that keeps its end. So the journal is as long as what was
//! told of the calls that are up, and what is told of no call (queues, agents) is not in it: that is
//! asked for again after each start.

use std::sync::Arc;

use protocol::event::BootId;
use rusqlite::{OptionalExtension, params};

use super::column::{from_ms, ms};
use super::{Result, Store, Writing};
use crate::{CallId, PbxName, Time};

/// Runs of a sender that are remembered. One that comes back after so many others is taken for new;
/// then its lines would be heard twice. No sender does.
const SOURCES: i64 = 16;

/// A line to be kept.
#[derive(Clone, Debug)]
pub struct Entry {
    pub source: Arc<str>,
    pub boot: BootId,
    pub seq: u64,
    pub at: Time,
    /// The call that it tells of.
    pub call: Option<CallId>,
    /// Empty: what was told before may not be all.
    pub line: Box<str>,
}

/// A line that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub nth: i64,
    pub call: CallId,
    pub boot: BootId,
    pub at: Time,
    pub line: String,
}

/// How far a sender's run is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub source: String,
    pub boot: BootId,
    pub last_seq: u64,
    pub last_at: Time,
}

impl Store {
    /// The runs of a PBX's sender, the newest last.
    pub fn sources(&self, pbx: &PbxName) -> Result<Vec<Source>> {
        let mut statement = self.db.prepare_cached(
            "SELECT source, boot, last_seq, last_at_ms FROM sources WHERE pbx = ?1 ORDER BY kept_at_ms, source",
        )?;
        let rows = statement.query_map([pbx.as_str()], |row| {
            Ok(Source {
                source: row.get(0)?,
                boot: row.get::<_, String>(1)?.as_str().into(),
                last_seq: row.get::<_, i64>(2)?.max(0) as u64,
                last_at: row.get(3).map(from_ms)?,
            })
        })?;
        rows.collect()
    }

    /// What was told of calls that are not over, in order.
    pub fn journal(&self, pbx: &PbxName) -> Result<Vec<Kept>> {
        let mut statement =
            self.db.prepare_cached("SELECT nth, call, boot, at_ms, line FROM journal WHERE pbx = ?1 ORDER BY nth")?;
        let rows = statement.query_map([pbx.as_str()], |row| {
            Ok(Kept {
                nth: row.get(0)?,
                call: row.get::<_, String>(1)?.as_str().into(),
                boot: row.get::<_, String>(2)?.as_str().into(),
                at: row.get(3).map(from_ms)?,
                line: row.get(4)?,
            })
        })?;
        rows.collect()
    }
}

impl Writing<'_> {
    /// Lines of senders, in order.
    pub fn journal(&mut self, pbx: &PbxName, entries: &[Entry], now: Time) -> Result<()> {
        let mut nth: i64 =
            self.db.prepare_cached("SELECT coalesce(max(nth), 0) FROM journal")?.query_row([], |row| row.get(0))?;
        let mut keep = self.db.prepare_cached(
            "INSERT INTO journal (nth, pbx, source, boot, seq, at_ms, call, line)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for entry in entries {
            let Some(call) = &entry.call else { continue };
            nth += 1;
            keep.execute(params![
                nth,
                pbx.as_str(),
                entry.source,
                entry.boot.as_str(),
                entry.seq as i64,
                ms(entry.at),
                call.as_str(),
                entry.line
            ])?;
        }
        // The last of each source says it all.
        for (place, entry) in entries.iter().enumerate() {
            if !entries[place + 1..].iter().any(|later| later.source == entry.source) {
                self.source(pbx, entry, now)?;
            }
        }
        Ok(())
    }

    fn source(&mut self, pbx: &PbxName, entry: &Entry, now: Time) -> Result<()> {
        let known = self
            .db
            .prepare_cached("SELECT last_seq FROM sources WHERE pbx = ?1 AND source = ?2")?
            .query_row(params![pbx.as_str(), entry.source], |row| row.get::<_, i64>(0))
            .optional()?;
        self.db
            .prepare_cached(
                "INSERT INTO sources (pbx, source, boot, last_seq, last_at_ms, kept_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (pbx, source) DO UPDATE SET boot = excluded.boot, last_seq = excluded.last_seq,
                    last_at_ms = excluded.last_at_ms, kept_at_ms = excluded.kept_at_ms",
            )?
            .execute(params![
                pbx.as_str(),
                entry.source,
                entry.boot.as_str(),
                known.unwrap_or(0).max(entry.seq as i64),
                ms(entry.at),
                ms(now)
            ])?;
        if known.is_none() {
            self.db
                .prepare_cached(
                    "DELETE FROM sources WHERE pbx = ?1 AND source NOT IN (
                        SELECT source FROM sources WHERE pbx = ?1 ORDER BY kept_at_ms DESC, source DESC LIMIT ?2)",
                )?
                .execute(params![pbx.as_str(), SOURCES])?;
        }
        Ok(())
    }

    /// The call is over and kept.
    pub fn journal_done(&mut self, call: &CallId) -> Result<()> {
        self.db.prepare_cached("DELETE FROM journal WHERE call = ?1")?.execute([call.as_str()]).map(drop)
    }

    pub fn journal_merged(&mut self, from: &CallId, into: &CallId) -> Result<()> {
        self.db
            .prepare_cached("UPDATE journal SET call = ?2 WHERE call = ?1")?
            .execute(params![from.as_str(), into.as_str()])
            .map(drop)
    }

    /// The calls that lines tell of, as they turned out when they were told again; none: of no call
    /// that is known any more.
    pub fn journal_tells(&mut self, lines: &[(i64, Option<CallId>)]) -> Result<()> {
        for (nth, call) in lines {
            match call {
                Some(call) => self
                    .db
                    .prepare_cached("UPDATE journal SET call = ?2 WHERE nth = ?1 AND call <> ?2")?
                    .execute(params![nth, call.as_str()])?,
                None => self.db.prepare_cached("DELETE FROM journal WHERE nth = ?1")?.execute([nth])?,
            };
        }
        Ok(())
    }
}
