//! Reads the whole chain again, and the tables by it: what was changed, put in or taken away, and
//! where.
//!
//! A fact must follow from the one before it, a seal from those before it, and each row must be as
//! the last seal that speaks of it says. After something is amiss the reading goes on from what is
//! kept, so that one change is told once and not of all that comes after it.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use rustc_hash::FxHashMap;

use super::Result;
use super::chain::{self, Columns, FOUND_BROKEN, NOTHING, Salt};
pub use super::chain::{Seal, digest, link, skip};
use super::column::from_ms;
use super::open::{FILE, read_only};
use super::touched::Tables;
use crate::Time;

/// What is told of; more is counted.
const TOLD: usize = 200;

/// What came of it.
#[derive(Debug)]
pub struct Verified {
    pub facts: u64,
    pub seals: u64,
    pub rows: u64,
    pub files: u64,
    /// The chain's end; none while nothing is kept.
    pub head: Option<Head>,
    /// In the order of the reading, the first 200.
    pub findings: Vec<Finding>,
    pub findings_total: usize,
}

/// The last seal. Who notes its hash elsewhere can tell later whether all that was kept by then is
/// still as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub hash: String,
    pub seal: i64,
    pub fact: i64,
    pub at: Time,
}

/// Something is not as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The database's own check: an index that does not fit its table, a page that nothing leads to.
    Database(String),
    Fact {
        seq: i64,
        /// What it says of itself: kind, matter, time.
        what: String,
        fault: FactFault,
    },
    /// It was amiss already when a newer version took the store over, whose fact says so.
    Before {
        seq: i64,
        what: String,
    },
    Seal {
        nth: i64,
        fault: SealFault,
    },
    Row {
        table: String,
        rowid: i64,
        /// By what people know it, as far as it is there.
        name: String,
        fault: RowFault,
        /// When it was kept last as the daemon knew it.
        sealed: Option<Sealing>,
    },
    /// An attachment's file.
    File {
        sha256: String,
        fault: FileFault,
    },
    /// A hash that was noted earlier is not in the chain.
    Head(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactFault {
    /// Its hash is not that of its columns after the fact before it.
    DoesNotFollow,
    /// A later one than the last that is sealed.
    Unsealed,
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealFault {
    DoesNotFollow,
    /// One or more before it are not there.
    Missing,
    /// The fact that it stands over is not there, or has another hash.
    OtherFact,
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    Changed,
    PutIn,
    TakenAway,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    Missing,
    Changed,
}

/// The seal that spoke of a row last, and the last fact then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sealing {
    pub nth: i64,
    pub fact: i64,
    pub at: Option<Time>,
}

/// Verifies the store in the data directory, also while a daemon writes to it: what is read is as of
/// one moment. `noted` are hashes that `verify` printed earlier.
///
/// # Errors
/// There is no store, it cannot be read at all, or its facts bear no hashes yet.
pub fn verify(dir: &Path, noted: &[String]) -> anyhow::Result<Verified> {
    let file = dir.join(FILE);
    if !file.exists() {
        bail!("there is no store in {}; say where it is with --data", dir.display());
    }
    let mut db = read_only(&file)?;
    let as_of_now = db.transaction()?;
    if !is_chained(&as_of_now)? {
        bail!(
            "{} was written by an older ringback, which made no chain; start this version once, and it begins one",
            file.display()
        );
    }
    examine(&as_of_now, dir, noted).with_context(|| format!("cannot read {} whole", file.display()))
}

/// All that is in the open store, and the attachments' files in its directory.
pub(super) fn examine(db: &Connection, dir: &Path, noted: &[String]) -> Result<Verified> {
    let mut report = Report::default();
    read(db, dir, noted, &mut report)?;
    Ok(report.0)
}

/// What a store knows of a pack.
pub struct KeptAsEvidence {
    /// A fact says that it made a file with these bytes.
    pub was_made: bool,
    /// The pack's head is in the chain.
    pub has_head: bool,
}

pub fn kept_as_evidence(dir: &Path, sha256: &str, head: &str) -> anyhow::Result<KeptAsEvidence> {
    let db = read_only(&dir.join(FILE))?;
    let made = "SELECT EXISTS (SELECT 1 FROM facts WHERE kind = 'evidence_made' AND body LIKE '%' || ?1 || '%')";
    Ok(KeptAsEvidence {
        was_made: db.query_row(made, [sha256], |row| row.get(0))?,
        has_head: db.query_row("SELECT EXISTS (SELECT 1 FROM seals WHERE hash = ?1)", [head], |row| row.get(0))?,
    })
}

pub fn is_chained(db: &Connection) -> Result<bool> {
    db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'seals'", [], |row| row.get(0))
}

/// The chain's end.
pub fn head(db: &Connection) -> Result<Option<Head>> {
    db.prepare_cached(
        "SELECT s.nth, s.hash, s.fact, coalesce(f.at_ms, 0) AS at_ms FROM seals s LEFT JOIN facts f ON f.seq = s.fact
         ORDER BY s.nth DESC LIMIT 1",
    )?
    .query_row([], |row| {
        let at = from_ms(row.get("at_ms")?);
        Ok(Head { hash: row.get("hash")?, seal: row.get("nth")?, fact: row.get("fact")?, at })
    })
    .optional()
}

#[derive(Debug)]
struct Report(Verified);

impl Default for Report {
    fn default() -> Report {
        let (findings, findings_total) = (Vec::new(), 0);
        Report(Verified { facts: 0, seals: 0, rows: 0, files: 0, head: None, findings, findings_total })
    }
}

impl Report {
    fn tell(&mut self, finding: Finding) {
        self.0.findings_total += 1;
        if self.0.findings.len() < TOLD {
            self.0.findings.push(finding);
        }
    }
}

fn read(db: &Connection, dir: &Path, noted: &[String], report: &mut Report) -> Result<()> {
    database(db, report)?;
    let salt = Salt::load(db)?;
    facts(db, &salt, report)?;
    let mut sealed = Sealed::read(db, &mut |finding| report.tell(finding))?;
    report.0.seals = sealed.seals;
    rows(db, &salt, &mut sealed, report)?;
    files(db, dir, report)?;
    for hash in noted {
        let known =
            "SELECT EXISTS (SELECT 1 FROM seals WHERE hash = ?1) OR EXISTS (SELECT 1 FROM facts WHERE hash = ?1)";
        if !db.query_row(known, [hash.to_lowercase()], |row| row.get(0))? {
            report.tell(Finding::Head(hash.clone()));
        }
    }
    report.0.head = head(db)?;
    Ok(())
}

fn database(db: &Connection, report: &mut Report) -> Result<()> {
    let mut check = db.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let verdict: String = row.get(0)?;
        if verdict != "ok" {
            report.tell(Finding::Database(verdict));
        }
    }
    Ok(())
}

fn facts(db: &Connection, salt: &Salt, report: &mut Report) -> Result<()> {
    let sealed: i64 = db.query_row("SELECT coalesce(max(fact), 0) FROM seals", [], |row| row.get(0))?;
    let mut statement = db.prepare("SELECT * FROM facts ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut before = NOTHING.to_owned();
    while let Some(row) = rows.next()? {
        report.0.facts += 1;
        let seq = row.get("seq")?;
        let Ok((columns, hash)) = Columns::of(row).and_then(|columns| Ok((columns, row.get::<_, String>("hash")?)))
        else {
            report.tell(Finding::Fact { seq, what: String::new(), fault: FactFault::Unreadable });
            before.clear();
            continue;
        };
        let follows = link(&before, &digest(&salt.fact(&columns))) == hash;
        let fault = if seq > sealed { Some(FactFault::Unsealed) } else { None };
        if let Some(fault) = Some(FactFault::DoesNotFollow).filter(|_| !follows).or(fault) {
            report.tell(Finding::Fact { seq, what: what(&columns), fault });
        }
        if columns.kind == FOUND_BROKEN {
            report.tell(Finding::Before { seq, what: columns.body.to_owned() });
        }
        before = hash;
    }
    Ok(())
}

fn what(fact: &Columns) -> String {
    let of = |what: &str, id: Option<i64>| id.map(|id| format!(" of {what} {id}"));
    let of = of("ticket", fact.ticket).or_else(|| of("customer", fact.customer)).or_else(|| of("person", fact.person));
    format!("{}{}, {}", fact.kind, of.unwrap_or_default(), stamp(from_ms(fact.at_ms)))
}

/// How each row stands by the last seal that speaks of it.
#[derive(Default)]
pub struct Sealed {
    tables: Vec<String>,
    rows: FxHashMap<(usize, i64), AsSealed>,
    seals: u64,
}

/// Small, since there is one for each row of the store.
pub struct AsSealed {
    pub digest: String,
    nth: i64,
}

impl Sealed {
    pub fn read(db: &Connection, tell: &mut dyn FnMut(Finding)) -> Result<Sealed> {
        let mut sealed = Sealed::default();
        let mut statement = db.prepare("SELECT nth, fact, fact_hash, rows, hash FROM seals ORDER BY nth")?;
        let mut rows = statement.query([])?;
        // The seals that later ones stand over beside the one before them.
        let mut behind: Vec<(i64, String)> = vec![(0, NOTHING.to_owned())];
        let mut before = (0, NOTHING.to_owned());
        while let Some(row) = rows.next()? {
            let nth: i64 = row.get("nth")?;
            sealed.seals += 1;
            if nth != before.0 + 1 {
                tell(Finding::Seal { nth, fault: SealFault::Missing });
            }
            let Ok((fact, fact_hash, lines, hash)) = Self::columns(row) else {
                tell(Finding::Seal { nth, fault: SealFault::Unreadable });
                continue;
            };
            behind.retain(|(at, _)| *at <= chain::skip(nth));
            let skipped = behind.last().filter(|(at, _)| *at == chain::skip(nth)).map_or("", |(_, hash)| hash);
            let seal = Seal { nth, fact, fact_hash: &fact_hash, rows: &digest(lines.as_bytes()) };
            if seal.hash(&before.1, skipped) != hash {
                tell(Finding::Seal { nth, fault: SealFault::DoesNotFollow });
            }
            if fact_hash_of(db, fact)? != fact_hash {
                tell(Finding::Seal { nth, fault: SealFault::OtherFact });
            }
            if lines.lines().try_for_each(|line| sealed.hear(line, nth)).is_none() {
                tell(Finding::Seal { nth, fault: SealFault::Unreadable });
            }
            behind.push((nth, hash.clone()));
            before = (nth, hash);
        }
        Ok(sealed)
    }

    fn columns(row: &Row) -> Result<(i64, String, String, String)> {
        Ok((row.get("fact")?, row.get("fact_hash")?, row.get("rows")?, row.get("hash")?))
    }

    fn hear(&mut self, line: &str, nth: i64) -> Option<()> {
        let mut words = line.split(' ');
        let (table, rowid, digest) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        let table = match self.tables.iter().position(|name| name == table) {
            Some(table) => table,
            None => {
                self.tables.push(table.to_owned());
                self.tables.len() - 1
            }
        };
        match digest {
            "-" => self.rows.remove(&(table, rowid)),
            digest => self.rows.insert((table, rowid), AsSealed { digest: digest.to_owned(), nth }),
        };
        Some(())
    }

    /// How the row was sealed last; it is looked for once.
    pub fn take(&mut self, table: &str, rowid: i64) -> Option<AsSealed> {
        let table = self.tables.iter().position(|name| name == table)?;
        self.rows.remove(&(table, rowid))
    }

    /// Rows that are sealed, and were not looked for.
    pub fn left(&self) -> Vec<(String, i64)> {
        let mut left: Vec<_> = self.rows.keys().map(|(table, rowid)| (self.tables[*table].clone(), *rowid)).collect();
        left.sort();
        left
    }
}

fn fact_hash_of(db: &Connection, seq: i64) -> Result<String> {
    if seq == 0 {
        return Ok(NOTHING.to_owned());
    }
    let found = db
        .prepare_cached("SELECT coalesce(hash, '') FROM facts WHERE seq = ?1")?
        .query_row([seq], |row| Ok(row.get_ref(0)?.as_str().unwrap_or_default().to_owned()));
    Ok(found.optional()?.unwrap_or_default())
}

fn rows(db: &Connection, salt: &Salt, sealed: &mut Sealed, report: &mut Report) -> Result<()> {
    for finding in unlike(db, salt, sealed, &mut report.0.rows)? {
        report.tell(finding);
    }
    Ok(())
}

/// Rows that are not as they were sealed; `count` grows by all that there are.
pub fn unlike(db: &Connection, salt: &Salt, sealed: &mut Sealed, count: &mut u64) -> Result<Vec<Finding>> {
    let tables = Tables::of(db)?;
    let mut findings = Vec::new();
    for table in tables.all() {
        let table_name = tables.name(table);
        let mut statement = db.prepare(tables.scan(table))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            *count += 1;
            let rowid = row.get(0)?;
            let as_sealed = sealed.take(table_name, rowid);
            let fault = match &as_sealed {
                Some(as_sealed) if salt.row(row, table_name, rowid)? == as_sealed.digest => continue,
                Some(_) => RowFault::Changed,
                None => RowFault::PutIn,
            };
            let sealed = as_sealed.map(|as_sealed| sealing(db, as_sealed.nth)).transpose()?.flatten();
            findings.push(Finding::Row { table: table_name.to_owned(), rowid, name: name(row), fault, sealed });
        }
    }
    for (table, rowid) in sealed.left() {
        let sealed = match sealed.take(&table, rowid) {
            Some(as_sealed) => sealing(db, as_sealed.nth)?,
            None => None,
        };
        findings.push(Finding::Row { table, rowid, name: String::new(), fault: RowFault::TakenAway, sealed });
    }
    Ok(findings)
}

fn sealing(db: &Connection, nth: i64) -> Result<Option<Sealing>> {
    db.prepare_cached("SELECT s.fact, f.at_ms FROM seals s LEFT JOIN facts f ON f.seq = s.fact WHERE s.nth = ?1")?
        .query_row([nth], |row| {
            let at = row.get::<_, Option<i64>>("at_ms")?.map(from_ms);
            Ok(Sealing { nth, fact: row.get("fact")?, at })
        })
        .optional()
}

/// The row's first text, which is its number, id or name.
fn name(row: &Row) -> String {
    let texts = (1..row.as_ref().column_count()).filter_map(|nth| match row.get_ref(nth) {
        Ok(ValueRef::Text(text)) => Some(String::from_utf8_lossy(text).into_owned()),
        Ok(ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_)) | Err(_) => None,
    });
    texts.take(1).collect()
}

/// The files of attachments have the bytes by which they are named.
fn files(db: &Connection, dir: &Path, report: &mut Report) -> Result<()> {
    let there: bool =
        db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'attachments'", [], |row| row.get(0))?;
    if !there {
        return Ok(());
    }
    let mut statement = db.prepare("SELECT DISTINCT sha256 FROM attachments ORDER BY sha256")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.0.files += 1;
        let sha256: String = row.get(0)?;
        let fault = match std::fs::read(file_of(dir, &sha256)) {
            Ok(bytes) => Some(FileFault::Changed).filter(|_| digest(&bytes) != sha256),
            Err(_) => Some(FileFault::Missing),
        };
        if let Some(fault) = fault {
            report.tell(Finding::File { sha256, fault });
        }
    }
    Ok(())
}

/// Where the bytes of an attachment are.
pub(super) fn file_of(dir: &Path, sha256: &str) -> PathBuf {
    dir.join("attachments").join(sha256.get(..2).unwrap_or_default()).join(sha256)
}

fn stamp(at: Time) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Database(verdict) => write!(f, "the database's own check: {verdict}"),
            Finding::Fact { seq, what, fault } => {
                write!(f, "fact {seq} ({what}): ")?;
                f.write_str(match fault {
                    FactFault::DoesNotFollow => {
                        "does not follow from the fact before it; it was changed, or one before it was changed, \
                         taken away or put in"
                    }
                    FactFault::Unsealed => "is sealed by nothing; it was not the daemon that put it there",
                    FactFault::Unreadable => "cannot be read, or bears no hash; it was changed, or put in",
                })
            }
            Finding::Before { seq, what } => {
                write!(f, "fact {seq}: this was amiss when a newer version took the store over: {what}")
            }
            Finding::Seal { nth, fault } => {
                write!(f, "seal {nth}: ")?;
                f.write_str(match fault {
                    SealFault::DoesNotFollow => "does not follow from the seals before it; it, or one of them, was changed",
                    SealFault::Missing => "what was sealed right before it is not there; it was taken away",
                    SealFault::OtherFact => {
                        "the last fact that it stands over is not there, or is another; facts were changed or taken away"
                    }
                    SealFault::Unreadable => "cannot be read; it was changed",
                })
            }
            Finding::Row { table, rowid, name, fault, sealed } => {
                write!(f, "{table}, row {rowid}")?;
                if !name.is_empty() {
                    write!(f, " ({name})")?;
                }
                f.write_str(match fault {
                    RowFault::Changed => ": is not as the daemon left it",
                    RowFault::PutIn => ": it was not the daemon that put it there",
                    RowFault::TakenAway => ": is not there any more, and it was not the daemon that took it away",
                })?;
                match sealed {
                    Some(Sealing { nth, fact, at: Some(at) }) => {
                        write!(f, "; seal {nth} has it as of fact {fact}, {}", stamp(*at))
                    }
                    Some(Sealing { nth, .. }) => write!(f, "; seal {nth} has it"),
                    None => Ok(()),
                }
            }
            Finding::File { sha256, fault } => {
                write!(f, "the attachment's file {sha256}: ")?;
                f.write_str(match fault {
                    FileFault::Missing => "is not there, or cannot be read",
                    FileFault::Changed => "holds other bytes than those that were attached",
                })
            }
            Finding::Head(hash) => write!(
                f,
                "the noted hash {hash} is not in the chain: what was kept by then was taken away or written anew, or it \
                 is another store's"
            ),
        }
    }
}
