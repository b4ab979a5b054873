//! Opening the data directory: one daemon at a time, no newer schema, nobody else reads it.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::Store;
use super::chain;
use super::keep::Sequence;
use super::reader::Reader;
use super::search;
use super::touched::{Tables, Touched};
use super::verify;
use super::versions;
use crate::desk::policy::Policy;
use tokio::sync::watch;

mod schema {
    refinery::embed_migrations!("src/store/migrations");
}

/// An older version's schema.
#[cfg(test)]
pub(super) fn migrate_to(db: &mut Connection, version: i32) {
    let runner = schema::migrations::runner().set_target(refinery::Target::Version(version));
    runner.run(db).unwrap();
}

/// Another daemon has the data directory.
#[derive(Debug)]
pub struct Held {
    pub pid: String,
    pub dir: PathBuf,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { pid, dir } = self;
        let dir = dir.display();
        write!(f, "another ringback (pid {pid}) holds {dir}; stop it, or give this one a data directory of its own")
    }
}

impl std::error::Error for Held {}

/// The database within the data directory.
pub(super) const FILE: &str = "ringback.sqlite";
const LOCK: &str = "ringback.lock";

/// Statements that are kept prepared: all that the writing side has, with room.
const STATEMENTS: usize = 256;

impl Store {
    /// Opens the store in `dir`, or makes it. Errors say what to do about them.
    pub fn open(dir: &Path, policy: Policy) -> anyhow::Result<Store> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("cannot make the data directory {}", dir.display()))?;
        let lock = lock(dir)?;
        let file = dir.join(FILE);
        refuse_newer(&file)?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .with_context(|| format!("cannot write {}", file.display()))?;
        let mut db = Connection::open(&file).with_context(|| format!("cannot open {}", file.display()))?;
        db.execute_batch(
            // FULL: a promise that was acknowledged survives a power cut.
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
             PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY;",
        )
        .with_context(|| format!("cannot set up {}", file.display()))?;
        keep_statements(&db)?;
        intact(&db, &file)?;
        let unlike = before_migrating(&db, dir).with_context(|| format!("cannot read {} whole", file.display()))?;
        let migrated = schema::migrations::runner()
            .run(&mut db)
            .with_context(|| format!("cannot bring {} to this version's schema", file.display()))?;
        // Not before: a migration that makes a table anew takes the old one away.
        db.execute_batch("PRAGMA foreign_keys = ON")?;
        if !migrated.applied_migrations().is_empty() {
            whole(&db, &file)?;
            begin(&mut db, &unlike).with_context(|| format!("cannot chain what is in {}", file.display()))?;
        }
        prepare_search(&mut db).context("cannot make the index of words")?;
        let touched = Touched::watch(&mut db)?;
        let ids = Sequence::after_facts(&db)?;
        let (policy, unread) = versions::loaded(&db, &policy)?;
        let policy = Arc::new(policy);
        let (in_force, _) = watch::channel(policy.clone());
        Ok(Store {
            db,
            file,
            policy,
            in_force,
            unread,
            ids,
            chain: None,
            touched,
            staff: None,
            watched: Vec::new(),
            _lock: lock,
        })
    }

    /// Connections for pages, each on a thread of its own.
    pub fn reader(&self) -> anyhow::Result<Reader> {
        Reader::open(&self.file, self.in_force.subscribe())
    }
}

pub(super) fn read_only(file: &Path) -> anyhow::Result<Connection> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .with_context(|| format!("cannot read {}", file.display()))?;
    db.busy_timeout(Duration::from_secs(5))?;
    keep_statements(&db)?;
    Ok(db)
}

/// Statements are planned once. Otherwise SQLite looks at the bound values too, and so plans each
/// question afresh each time, which takes longer than the answer.
fn keep_statements(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// The kernel forgets the lock when the process ends, however it ends; the number in it is only
/// for the message.
fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join(LOCK);
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write in the data directory {}", dir.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            lock.read_to_string(&mut pid)?;
            return Err(Held { pid: pid.trim().to_owned(), dir: dir.to_owned() }.into());
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())?;
    Ok(lock)
}

/// Looks at the schema's version over a connection that cannot write, before anything else does.
fn refuse_newer(file: &Path) -> anyhow::Result<()> {
    if !file.exists() {
        return Ok(());
    }
    let db = read_only(file)?;
    let known = schema::migrations::runner().get_migrations().iter().map(|m| i64::from(m.version())).max().unwrap_or(0);
    let migrated: bool = db
        .query_row("SELECT count(*) FROM sqlite_master WHERE name = 'refinery_schema_history'", [], |row| row.get(0))
        .with_context(|| format!("{} is not a ringback database", file.display()))?;
    if !migrated {
        return Ok(());
    }
    let found: i64 =
        db.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))?;
    if found > known {
        bail!(
            "{} was written by a newer ringback (schema {found}; this one knows up to {known}); nothing was \
             changed. Start the newer version, or restore the backup from before the upgrade",
            file.display()
        );
    }
    Ok(())
}

/// Every row that another speaks of is there.
fn whole(db: &Connection, file: &Path) -> anyhow::Result<()> {
    let lost: Option<String> =
        db.query_row("PRAGMA foreign_key_check", [], |row| row.get(0)).optional().context("cannot check the rows")?;
    match lost {
        None => Ok(()),
        Some(table) => bail!(
            "{}: rows of the table {table} speak of others that are not there; restore it from a backup",
            file.display()
        ),
    }
}

/// A migration changes rows, and what it leaves is sealed. So that it covers up nothing, what is
/// amiss in the chain before it is found first, and kept.
pub(super) fn before_migrating(db: &Connection, dir: &Path) -> rusqlite::Result<Vec<String>> {
    if !verify::is_chained(db)? {
        return Ok(Vec::new());
    }
    let runner = schema::migrations::runner();
    let known = i64::try_from(runner.get_migrations().len()).unwrap_or(i64::MAX);
    let applied: i64 = db.query_row("SELECT count(*) FROM refinery_schema_history", [], |row| row.get(0))?;
    if applied == known {
        return Ok(Vec::new());
    }
    let found = verify::examine(db, dir, &[])?;
    Ok(found.findings.iter().map(ToString::to_string).collect())
}

pub(super) fn begin(db: &mut Connection, unlike: &[String]) -> rusqlite::Result<()> {
    let tables = Tables::of(db)?;
    let transaction = db.transaction()?;
    chain::begin(&transaction, &tables, unlike)?;
    transaction.commit()
}

fn prepare_search(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    search::prepare(&transaction)?;
    transaction.commit()
}

/// Table by table, and not by the index of words: that would be read whole at each start, and can be
/// made again.
fn intact(db: &Connection, file: &Path) -> anyhow::Result<()> {
    let verdict = || -> rusqlite::Result<Option<String>> {
        let mut tables =
            db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search%'")?;
        let mut rows = tables.query([])?;
        while let Some(row) = rows.next()? {
            let table: String = row.get(0)?;
            let mut verdict = "ok".to_owned();
            db.pragma(None, "quick_check", table, |row| {
                verdict = row.get(0)?;
                Ok(())
            })?;
            if verdict != "ok" {
                return Ok(Some(verdict));
            }
        }
        Ok(None)
    };
    match verdict().with_context(|| format!("cannot check {}", file.display()))? {
        None => Ok(()),
        Some(verdict) => bail!("{} is damaged ({verdict}); restore it from a backup", file.display()),
    }
}
