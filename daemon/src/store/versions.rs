//! The versions of the site's terms: what was in force since when, and who said so.

use std::fmt::Write;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::column::*;
use super::draws;
use super::open::{FILE, read_only};
use super::read::{PolicyText, PolicyVersion};
use crate::desk::policy::{Policy, Terms};
use crate::{PersonId, Time};

type Result<T> = rusqlite::Result<T>;

/// The last version.
pub struct InForce {
    pub version: i64,
    pub text: String,
    /// See [`print`].
    pub print: String,
}

/// None: as shipped, and no engine has run yet.
pub fn in_force(db: &Connection) -> Result<Option<InForce>> {
    let read =
        |row: &Row| Ok(InForce { version: row.get("version")?, text: row.get("text")?, print: row.get("print")? });
    db.prepare_cached("SELECT version, text, print FROM policies ORDER BY version DESC LIMIT 1")?
        .query_row([], read)
        .optional()
}

pub fn keep(db: &Connection, version: i64, text: &str, terms: &Terms, by: Option<PersonId>, at: Time) -> Result<()> {
    db.prepare_cached("INSERT INTO policies (version, at_ms, by_person, text, print) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![version, ms(at), by.map(|id| id.0), text, print(terms)])
        .map(drop)
}

/// Another one wherever deadlines may be others, though the text is the same: a newer daemon ships
/// the holidays of another year, or the site's zone was changed.
pub fn print(terms: &Terms) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(terms.in_full()) {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

pub fn set_by(db: &Connection, version: i64) -> Result<Option<PersonId>> {
    let by = db
        .prepare_cached("SELECT by_person FROM policies WHERE version = ?1")?
        .query_row([version], |row| row.get::<_, Option<i64>>("by_person"))
        .optional()?;
    Ok(by.flatten().map(PersonId))
}

/// The policy with the terms that are kept; where this daemon does not understand them, with those that
/// ship, and why.
pub fn loaded(db: &Connection, policy: &Policy) -> Result<(Policy, Option<String>)> {
    let policy = &policy.seeded(draws::seed(db)?.unwrap_or_default());
    let Some(InForce { version, text, .. }) = in_force(db)? else { return Ok((policy.clone(), None)) };
    let (terms, unread) = match Terms::read(&text, policy) {
        Ok(terms) => (terms, None),
        Err(mistakes) => {
            let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            let why = format!("version {version} of the policy cannot be read any more ({})", mistakes.join("; "));
            (policy.terms.clone(), Some(why))
        }
    };
    // Whatever is put in force comes after it.
    Ok((policy.with(version, terms), unread))
}

/// The policy in force in a data directory, and its text, whether a daemon runs there or not.
/// Where nothing is kept yet: as shipped.
pub fn look(dir: &Path, policy: &Policy, version: Option<i64>) -> anyhow::Result<(Policy, String)> {
    let shipped = || (policy.clone(), policy.terms.write());
    let file = dir.join(FILE);
    if !file.exists() {
        return Ok(shipped());
    }
    let db = read_only(&file)?;
    let knows: bool =
        db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'policies'", [], |row| row.get(0))?;
    if !knows {
        return Ok(shipped());
    }
    let policy = &policy.seeded(draws::look(&db)?);
    let Some(last) = in_force(&db)? else { return Ok((policy.clone(), policy.terms.write())) };
    let (version, text) = match version.filter(|version| *version != last.version) {
        None => (last.version, last.text),
        Some(version) => match text(&db, version)? {
            Some(kept) => (version, kept.text),
            None => anyhow::bail!("there is no version {version}; they count from 0 to {}", last.version),
        },
    };
    // What cannot be read can still be shown, and mended.
    let terms = Terms::read(&text, policy).unwrap_or_else(|_| policy.terms.clone());
    Ok((policy.with(version, terms), text))
}

/// Newest first; at most [`super::read::LIST`].
pub fn versions(db: &Connection) -> Result<Vec<PolicyVersion>> {
    db.prepare_cached("SELECT version, at_ms, by_person FROM policies ORDER BY version DESC LIMIT ?1")?
        .query_map([super::read::LIST], version)?
        .collect()
}

pub fn text(db: &Connection, number: i64) -> Result<Option<PolicyText>> {
    db.prepare_cached("SELECT version, at_ms, by_person, text FROM policies WHERE version = ?1")?
        .query_row([number], |row| Ok(PolicyText { version: version(row)?, text: row.get("text")? }))
        .optional()
}

fn version(row: &Row) -> Result<PolicyVersion> {
    Ok(PolicyVersion { version: row.get("version")?, at: time(row, "at_ms")?, by: maybe_person(row, "by_person")? })
}
