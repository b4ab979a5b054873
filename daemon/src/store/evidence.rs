//! All of a matter with its place in the chain, read as of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::Result;
use super::chain::{self, Columns, NOTHING, Salt, digest};
use super::column::ms;
use super::open::{FILE, read_only};
use super::questions::{owed, people, tickets};
use super::read::{Directory, OwedPage, TicketPage};
use super::regroup::WHOLE;
use super::touched::Tables;
use super::verify::{Head, head};
use crate::desk::policy::Policy;
use crate::{PersonId, TicketId};

/// A matter, and what is needed to check it against the chain.
#[derive(Debug)]
pub struct Evidence {
    pub page: TicketPage,
    /// In the order in which they began.
    pub owed: Vec<OwedPage>,
    pub directory: Directory,
    pub attached: Vec<Attached>,
    pub facts: Vec<ChainedFact>,
    pub rows: Vec<SealedRow>,
    /// From the head down to each seal that a fact or a row stands under.
    pub seals: BTreeMap<i64, KeptSeal>,
    pub head: Head,
}

/// A file that lies with the matter.
#[derive(Debug)]
pub struct Attached {
    pub name: String,
    pub sha256: String,
    /// None: it is not there any more.
    pub bytes: Option<Vec<u8>>,
}

#[derive(Debug)]
pub struct ChainedFact {
    pub seq: i64,
    /// The text that its digest is of.
    pub text: Vec<u8>,
    /// The hash of the fact before it.
    pub before: String,
    pub hash: String,
    /// The first seal that stands over it.
    pub seal: i64,
    /// Digests of the facts after it up to the last under that seal.
    pub then: Vec<String>,
}

#[derive(Debug)]
pub struct SealedRow {
    pub table: String,
    pub rowid: i64,
    /// The text that its digest is of.
    pub text: Vec<u8>,
    /// The last seal that names it; none where nothing does.
    pub seal: Option<i64>,
}

#[derive(Debug)]
pub struct KeptSeal {
    pub before: String,
    pub skipped: String,
    pub fact: i64,
    pub fact_hash: String,
    pub hash: String,
    /// The digest of its lines.
    pub rows: String,
    /// Its lines, where a row is among them.
    pub lines: Option<String>,
}

/// Of the ticket of that number in the data directory, over a connection of its own: it may take
/// longer than a page may wait.
pub fn gather(dir: &Path, policy: &Policy, number: &str) -> anyhow::Result<Option<Evidence>> {
    let mut db = read_only(&dir.join(FILE))?;
    let as_of_now = db.transaction()?;
    Ok(whole(&as_of_now, dir, policy, number)?)
}

fn whole(db: &Connection, dir: &Path, policy: &Policy, number: &str) -> Result<Option<Evidence>> {
    let id = "SELECT id FROM tickets WHERE number = ?1";
    let Some(id) = db.query_row(id, [number], |row| row.get(0).map(TicketId)).optional()? else { return Ok(None) };
    // Nobody's drafts are among it.
    let Some(page) = tickets::ticket(db, id, PersonId(0))? else { return Ok(None) };
    let Some(head) = head(db)? else { return Ok(None) };
    let mut owed = page
        .obligations
        .iter()
        .filter_map(|row| owed::page(db, policy, row.id).transpose())
        .collect::<Result<Vec<_>>>()?;
    owed.sort_by_key(|page| (ms(page.row.began_at), page.row.id));
    let salt = Salt::load(db)?;
    let facts = facts(db, &salt, id)?;
    let mut rows = rows(db, &salt, id)?;
    let since = facts.first().map_or(1, |fact| fact.seal);
    let mut lines = find(db, &mut rows, since)?;
    let wanted: BTreeSet<i64> =
        facts.iter().map(|fact| fact.seal).chain(rows.iter().filter_map(|row| row.seal)).collect();
    let mut seals = BTreeMap::new();
    for target in wanted {
        for nth in way(head.seal, target) {
            if let std::collections::btree_map::Entry::Vacant(place) = seals.entry(nth) {
                place.insert(seal(db, nth, lines.remove(&nth))?);
            }
        }
    }
    let attached = attached(db, dir, id)?;
    let directory = people::directory(db)?;
    Ok(Some(Evidence { page, owed, directory, attached, facts, rows, seals, head }))
}

/// The seals from one down to an earlier one, each right under the one before it or under its skip.
fn way(from: i64, to: i64) -> Vec<i64> {
    let mut way = vec![from];
    let mut at = from;
    while at > to {
        at = if chain::skip(at) >= to { chain::skip(at) } else { at - 1 };
        way.push(at);
    }
    way
}

fn facts(db: &Connection, salt: &Salt, ticket: TicketId) -> Result<Vec<ChainedFact>> {
    let mut statement = db.prepare(&format!("SELECT * FROM facts WHERE ticket IN {WHOLE} ORDER BY seq"))?;
    let mut rows = statement.query([ticket.0])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get("seq")?;
        let before = db
            .prepare_cached("SELECT hash FROM facts WHERE seq < ?1 ORDER BY seq DESC LIMIT 1")?
            .query_row([seq], |row| row.get(0))
            .optional()?;
        let Some((seal, last)) = first_over(db, seq)? else { continue };
        let then = db
            .prepare_cached("SELECT * FROM facts WHERE seq > ?1 AND seq <= ?2 ORDER BY seq")?
            .query_map([seq, last], |row| Ok(digest(&salt.fact(&Columns::of(row)?))))?
            .collect::<Result<_>>()?;
        facts.push(ChainedFact {
            seq,
            text: salt.fact(&Columns::of(row)?),
            before: before.unwrap_or_else(|| NOTHING.to_owned()),
            hash: row.get("hash")?,
            seal,
            then,
        });
    }
    Ok(facts)
}

/// The first seal over that fact, and its last fact. Facts rise with seals, so it is found by halves.
fn first_over(db: &Connection, seq: i64) -> Result<Option<(i64, i64)>> {
    let mut fact_of = db.prepare_cached("SELECT fact FROM seals WHERE nth = ?1")?;
    let mut fact_of = |nth: i64| fact_of.query_row([nth], |row| row.get::<_, i64>(0));
    let last: i64 = db.prepare_cached("SELECT coalesce(max(nth), 0) FROM seals")?.query_row([], |row| row.get(0))?;
    let (mut low, mut high) = (1, last);
    while low < high {
        let middle = low + (high - low) / 2;
        (low, high) = if fact_of(middle)? >= seq { (low, middle) } else { (middle + 1, high) };
    }
    if last == 0 {
        return Ok(None);
    }
    Ok(Some((low, fact_of(low)?)).filter(|(_, fact)| *fact >= seq))
}

/// What the sealed tables hold of the matter and of what became part of it: its own row, all that names it
/// or what is owed for it, and its customer's.
fn rows(db: &Connection, salt: &Salt, ticket: TicketId) -> Result<Vec<SealedRow>> {
    let owed = format!("IN (SELECT id FROM obligations WHERE ticket IN {WHOLE})");
    const CUSTOMER: &str = "= (SELECT customer FROM tickets WHERE id = ?1)";
    let tables = Tables::of(db)?;
    let mut found = Vec::new();
    for table in tables.all() {
        let name = tables.name(table);
        let columns: Vec<String> = db
            .prepare("SELECT name FROM pragma_table_info(?1)")?
            .query_map([name], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let has = |column: &str| columns.iter().any(|known| known == column);
        let whose = match name {
            "tickets" => format!("id IN {WHOLE}"),
            "regroups" => format!("giver IN {WHOLE} OR taker IN {WHOLE}"),
            "customers" => format!("id {CUSTOMER}"),
            "customer_numbers" => format!("customer {CUSTOMER}"),
            "investigation_files" => {
                format!("investigation IN (SELECT id FROM investigations WHERE ticket IN {WHOLE})")
            }
            _ if has("ticket") => format!("ticket IN {WHOLE}"),
            _ if has("obligation") => format!("obligation {owed}"),
            _ => continue,
        };
        let sql = format!("SELECT rowid, * FROM {name} WHERE {whose} ORDER BY rowid");
        let mut statement = db.prepare(&sql)?;
        let mut rows = statement.query([ticket.0])?;
        while let Some(row) = rows.next()? {
            let rowid = row.get(0)?;
            let text = salt.row_text(row, name, rowid)?;
            found.push(SealedRow { table: name.to_owned(), rowid, text, seal: None });
        }
    }
    Ok(found)
}

/// Finds the last seal that names each row, and gives the lines of these. A row of the matter is not
/// older than its first fact, but its customer may be.
fn find(db: &Connection, rows: &mut [SealedRow], since: i64) -> Result<BTreeMap<i64, String>> {
    let wanted: BTreeMap<String, usize> =
        rows.iter().enumerate().map(|(nth, row)| (format!("{} {}", row.table, row.rowid), nth)).collect();
    look(db, rows, &wanted, "SELECT nth, rows FROM seals WHERE nth >= ?1 ORDER BY nth", since)?;
    if rows.iter().any(|row| row.seal.is_none()) {
        let missing = wanted.into_iter().filter(|(_, nth)| rows[*nth].seal.is_none()).collect();
        look(db, rows, &missing, "SELECT nth, rows FROM seals WHERE nth < ?1 ORDER BY nth", since)?;
    }
    let seals: BTreeSet<i64> = rows.iter().filter_map(|row| row.seal).collect();
    let lines = |nth: i64| {
        let mut statement = db.prepare_cached("SELECT rows FROM seals WHERE nth = ?1")?;
        statement.query_row([nth], |row| Ok((nth, row.get(0)?)))
    };
    seals.into_iter().map(lines).collect()
}

fn look(
    db: &Connection,
    rows: &mut [SealedRow],
    wanted: &BTreeMap<String, usize>,
    sql: &str,
    since: i64,
) -> Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut seals = statement.query(params![since])?;
    while let Some(seal) = seals.next()? {
        for line in seal.get_ref("rows")?.as_str()?.lines() {
            if let Some(&nth) = line.rsplit_once(' ').and_then(|(row, _)| wanted.get(row)) {
                rows[nth].seal = Some(seal.get("nth")?);
            }
        }
    }
    Ok(())
}

fn seal(db: &Connection, nth: i64, lines: Option<String>) -> Result<KeptSeal> {
    let hash_of = |nth: i64| -> Result<String> {
        let found = db.prepare_cached("SELECT hash FROM seals WHERE nth = ?1")?.query_row([nth], |row| row.get(0));
        Ok(found.optional()?.unwrap_or_else(|| NOTHING.to_owned()))
    };
    let (before, skipped) = (hash_of(nth - 1)?, hash_of(chain::skip(nth))?);
    db.prepare_cached("SELECT fact, fact_hash, rows, hash FROM seals WHERE nth = ?1")?.query_row([nth], |row| {
        Ok(KeptSeal {
            before,
            skipped,
            fact: row.get("fact")?,
            fact_hash: row.get("fact_hash")?,
            hash: row.get("hash")?,
            rows: digest(row.get_ref("rows")?.as_str()?.as_bytes()),
            lines,
        })
    })
}

fn attached(db: &Connection, dir: &Path, ticket: TicketId) -> Result<Vec<Attached>> {
    let there: bool =
        db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'attachments'", [], |row| row.get(0))?;
    if !there {
        return Ok(Vec::new());
    }
    db.prepare("SELECT name, sha256 FROM attachments WHERE ticket = ?1 ORDER BY id")?
        .query_map([ticket.0], |row| {
            let sha256: String = row.get("sha256")?;
            let bytes = std::fs::read(super::verify::file_of(dir, &sha256)).ok();
            Ok(Attached { name: row.get("name")?, sha256, bytes })
        })?
        .collect()
}
