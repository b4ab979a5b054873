//! The chain: each fact and each row stands under a hash that stands under all later ones, so that
//! who holds one hash of it holds all that was before.
//!
//! A fact's hash is over that of the fact before it and a digest of its own columns. Rows of the
//! tables change, so each transaction ends with a seal: what every row that it touched holds now, as a
//! digest, with the last fact and the seals before. [`verify`](super::verify) reads all of it
//! again. Digests are of texts that anybody can write down (see the daemon's README), salted with a
//! key of the store's, so that a proof which names other digests on its way gives nothing of them
//! away.
//!
//! Which rows a transaction touched the database tells by itself ([`Touched`]): no statement can be
//! forgotten.

use std::fmt::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest as _, Sha256};

use super::Result;
use super::column::{from_ms, ms};
use super::keep::Sequence;
use super::line::Line;
use super::touched::{Tables, Touched};
use crate::Time;

/// What stands before the first.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of the chain, as the writing side goes on from it.
#[derive(Debug)]
pub struct Chain {
    salt: Salt,
    fact: i64,
    fact_hash: String,
    /// The last fact that a seal stands over.
    sealed: i64,
    seal: i64,
    seal_hash: String,
}

impl Chain {
    /// As committed.
    pub fn load(db: &Connection) -> Result<Chain> {
        let last = |sql| db.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional();
        let nothing = || (0, NOTHING.to_owned());
        // A fact without a hash is found when the chain is read; whoever comes next follows nothing.
        let fact = last("SELECT seq, coalesce(hash, '') FROM facts ORDER BY seq DESC LIMIT 1")?;
        let (fact, fact_hash) = fact.unwrap_or_else(nothing);
        let seal = last("SELECT nth, hash FROM seals ORDER BY nth DESC LIMIT 1")?;
        let (seal, seal_hash) = seal.unwrap_or_else(nothing);
        let sealed = "SELECT coalesce((SELECT fact FROM seals ORDER BY nth DESC LIMIT 1), 0)";
        let sealed = db.prepare_cached(sealed)?.query_row([], |row| row.get(0))?;
        Ok(Chain { salt: Salt::load(db)?, fact, fact_hash, sealed, seal, seal_hash })
    }

    /// A fact's line, at the end of all.
    pub fn append(&mut self, db: &Connection, seq: i64, at: Time, line: Line) -> Result<()> {
        let Line { kind, by, call, ticket, obligation, customer, person, body } = line;
        let fact = Columns {
            seq,
            at_ms: ms(at),
            kind,
            by_person: by.map(|id| id.0),
            call: call.map(|id| id.as_str()),
            ticket: ticket.map(|id| id.0),
            obligation: obligation.map(|id| id.0),
            customer: customer.map(|id| id.0),
            person: person.map(|id| id.0),
            body: &body.map_or_else(|| "{}".to_owned(), |body| body.to_string()),
        };
        let hash = link(&self.fact_hash, &digest(&self.salt.fact(&fact)));
        db.prepare_cached(
            "INSERT INTO facts (seq, at_ms, kind, by_person, call, ticket, obligation, customer, person, body, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            seq,
            fact.at_ms,
            kind,
            fact.by_person,
            fact.call,
            fact.ticket,
            fact.obligation,
            fact.customer,
            fact.person,
            fact.body,
            hash,
        ])?;
        (self.fact, self.fact_hash) = (seq, hash);
        Ok(())
    }

    /// Ends a transaction: what it touched is as it is now.
    pub fn seal(&mut self, db: &Connection, touched: &Touched) -> Result<()> {
        let rows = touched.take();
        if rows.is_empty() && self.sealed == self.fact {
            return Ok(());
        }
        let mut lines = String::new();
        for (table, rowid) in rows {
            let digest = self.salt.row_now(db, touched.tables(), table, rowid)?;
            note(&mut lines, touched.tables().name(table), rowid, digest.as_deref());
        }
        self.put(db, lines)
    }

    /// Seals these lines of rows, with all facts so far.
    fn put(&mut self, db: &Connection, rows: String) -> Result<()> {
        let nth = self.seal + 1;
        let skip = hash_of(db, skip(nth))?;
        let seal = Seal { nth, fact: self.fact, fact_hash: &self.fact_hash, rows: &digest(rows.as_bytes()) };
        let hash = seal.hash(&self.seal_hash, &skip);
        db.prepare_cached("INSERT INTO seals (nth, fact, fact_hash, rows, hash) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![nth, self.fact, self.fact_hash, rows, hash])?;
        (self.seal, self.seal_hash, self.sealed) = (nth, hash, self.fact);
        Ok(())
    }
}

/// The kind of the fact that says what was amiss when a newer version took the store over.
pub const FOUND_BROKEN: &str = "found_broken";

/// Lines of a seal that was made of a whole store: some hundred kilobytes.
const LINES: usize = 4096;

/// After a migration: facts that it brought get their hashes, and all rows that it changed, or that
/// were never sealed, are sealed as they are. What was amiss before it, `unlike`, becomes a fact, so
/// that it is told for ever. In one transaction with nothing else.
pub fn begin(db: &Connection, tables: &Tables, unlike: &[String]) -> Result<()> {
    let key = "INSERT INTO chain_key (key) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM chain_key)";
    db.execute(key, [hex(&rand::random::<[u8; 32]>())])?;
    let salt = Salt::load(db)?;
    chain_facts(db, &salt)?;
    let mut chain = Chain::load(db)?;
    if !unlike.is_empty() {
        let seq = Sequence::after_facts(db)?.next();
        // Nobody did anything at this moment: it is noted with the last that happened.
        let at = db.query_row("SELECT coalesce(max(at_ms), 0) FROM facts", [], |row| row.get(0).map(from_ms))?;
        let body = Some(serde_json::json!({ "findings": unlike }));
        chain.append(db, seq, at, Line { kind: FOUND_BROKEN, body, ..Line::default() })?;
    }
    let mut lines = String::new();
    let mut count = 0;
    let mut sealed = super::verify::Sealed::read(db, &mut |_| {})?;
    for table in tables.all() {
        let mut statement = db.prepare(tables.scan(table))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let rowid = row.get(0)?;
            let digest = salt.row(row, tables.name(table), rowid)?;
            if sealed.take(tables.name(table), rowid).is_some_and(|as_sealed| as_sealed.digest == digest) {
                continue;
            }
            note(&mut lines, tables.name(table), rowid, Some(&digest));
            count += 1;
            if count % LINES == 0 {
                chain.put(db, std::mem::take(&mut lines))?;
            }
        }
    }
    for (table, rowid) in sealed.left() {
        note(&mut lines, &table, rowid, None);
    }
    if !lines.is_empty() || chain.sealed != chain.fact {
        chain.put(db, lines)?;
    }
    Ok(())
}

/// Facts after the last that has a hash.
fn chain_facts(db: &Connection, salt: &Salt) -> Result<()> {
    let mut last: String = db
        .query_row("SELECT hash FROM facts WHERE hash IS NOT NULL ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
        .optional()?
        .unwrap_or_else(|| NOTHING.to_owned());
    let new = "SELECT * FROM facts WHERE seq > coalesce((SELECT max(seq) FROM facts WHERE hash IS NOT NULL), 0)
        ORDER BY seq";
    let mut write = db.prepare("UPDATE facts SET hash = ?2 WHERE seq = ?1")?;
    // What is read must not change meanwhile, so they are taken by the thousand.
    loop {
        let mut statement = db.prepare_cached(&format!("{new} LIMIT 1000"))?;
        let texts = statement
            .query_map([], |row| Ok((row.get::<_, i64>("seq")?, salt.fact(&Columns::of(row)?))))?
            .collect::<Result<Vec<_>>>()?;
        if texts.is_empty() {
            return Ok(());
        }
        for (seq, text) in texts {
            last = link(&last, &digest(&text));
            write.execute(params![seq, last])?;
        }
    }
}

fn note(lines: &mut String, table: &str, rowid: i64, digest: Option<&str>) {
    // Writing to a String does not fail.
    let _ = writeln!(lines, "{table} {rowid} {}", digest.unwrap_or("-"));
}

/// The hash of a seal; [`NOTHING`] before the first.
fn hash_of(db: &Connection, nth: i64) -> Result<String> {
    let found = db.prepare_cached("SELECT hash FROM seals WHERE nth = ?1")?.query_row([nth], |row| row.get(0));
    Ok(found.optional()?.unwrap_or_else(|| NOTHING.to_owned()))
}

/// The seal further back that the nth stands over, beside the one before it: without the lowest
/// binary digit that is set. From any seal to any earlier one it is so a few steps for each
/// doubling of what lies between.
pub fn skip(nth: i64) -> i64 {
    nth & (nth - 1)
}

/// A seal without its rows: what its hash is over, beside the seals before it.
pub struct Seal<'a> {
    pub nth: i64,
    pub fact: i64,
    pub fact_hash: &'a str,
    /// The digest of its lines.
    pub rows: &'a str,
}

impl Seal<'_> {
    pub fn hash(&self, before: &str, skipped: &str) -> String {
        let Seal { nth, fact, fact_hash, rows } = self;
        digest(format!("{before} {skipped} {nth} {fact} {fact_hash} {rows}").as_bytes())
    }
}

/// The hash of a fact that follows another.
pub fn link(before: &str, digest_of_fact: &str) -> String {
    digest(format!("{before} {digest_of_fact}").as_bytes())
}

/// SHA-256, in hexadecimal digits.
pub fn digest(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A fact's columns, as its digest is made of them.
pub struct Columns<'a> {
    pub seq: i64,
    pub at_ms: i64,
    pub kind: &'a str,
    pub by_person: Option<i64>,
    pub call: Option<&'a str>,
    pub ticket: Option<i64>,
    pub obligation: Option<i64>,
    pub customer: Option<i64>,
    pub person: Option<i64>,
    pub body: &'a str,
}

impl<'a> Columns<'a> {
    pub fn of(row: &'a Row) -> Result<Columns<'a>> {
        Ok(Columns {
            seq: row.get("seq")?,
            at_ms: row.get("at_ms")?,
            kind: row.get_ref("kind")?.as_str()?,
            by_person: row.get("by_person")?,
            call: row.get_ref("call")?.as_str_or_null()?,
            ticket: row.get("ticket")?,
            obligation: row.get("obligation")?,
            customer: row.get("customer")?,
            person: row.get("person")?,
            body: row.get_ref("body")?.as_str()?,
        })
    }
}

/// The store's key, of which every digest's own salt is made.
#[derive(Debug)]
pub struct Salt {
    key: String,
}

impl Salt {
    pub fn load(db: &Connection) -> Result<Salt> {
        Ok(Salt { key: db.prepare_cached("SELECT key FROM chain_key")?.query_row([], |row| row.get(0))? })
    }

    /// The text whose digest is the fact's: a JSON array of its salt and its columns.
    pub fn fact(&self, fact: &Columns) -> Vec<u8> {
        let Columns { seq, at_ms, kind, by_person, call, ticket, obligation, customer, person, body } = fact;
        let mut text = Json::opened(&self.of("facts", *seq));
        text.integer(*seq);
        text.integer(*at_ms);
        text.text(kind);
        text.maybe(by_person, |text, id| text.integer(*id));
        text.maybe(call, |text, call| text.text(call));
        for id in [ticket, obligation, customer, person] {
            text.maybe(id, |text, id| text.integer(*id));
        }
        text.text(body);
        text.closed()
    }

    /// The text whose digest is the row's: a JSON array of its salt, its table, and an object of its
    /// columns, those that hold nothing left out. The row's first column is its rowid.
    pub fn row_text(&self, row: &Row, table: &str, rowid: i64) -> Result<Vec<u8>> {
        let mut text = Json::opened(&self.of(table, rowid));
        text.text(table);
        text.between();
        text.0.push(b'{');
        let columns = row.as_ref().column_count();
        for nth in 1..columns {
            let value = row.get_ref(nth)?;
            if value == ValueRef::Null {
                continue;
            }
            text.text(row.as_ref().column_name(nth)?);
            text.0.push(b':');
            text.value(value);
        }
        text.0.push(b'}');
        Ok(text.closed())
    }

    pub fn row(&self, row: &Row, table: &str, rowid: i64) -> Result<String> {
        Ok(digest(&self.row_text(row, table, rowid)?))
    }

    /// The row's digest as it is now; none where there is none.
    fn row_now(&self, db: &Connection, tables: &Tables, table: usize, rowid: i64) -> Result<Option<String>> {
        db.prepare_cached(tables.one(table))?
            .query_row([rowid], |row| self.row(row, tables.name(table), rowid))
            .optional()
    }

    /// 128 bits of its own for each.
    fn of(&self, table: &str, rowid: i64) -> String {
        let mut salt = digest(format!("{} {table} {rowid}", self.key).as_bytes());
        salt.truncate(32);
        salt
    }
}

/// JSON as it is written down for a digest: no spaces, and one way to write each value.
struct Json(Vec<u8>);

impl Json {
    fn opened(salt: &str) -> Json {
        let mut json = Json(b"[".to_vec());
        json.text(salt);
        json
    }
    fn closed(mut self) -> Vec<u8> {
        self.0.push(b']');
        self.0
    }
    /// A comma, where something stands before.
    fn between(&mut self) {
        if !matches!(self.0.last(), Some(b'[' | b'{' | b':')) {
            self.0.push(b',');
        }
    }
    fn integer(&mut self, value: i64) {
        self.between();
        self.0.extend(value.to_string().into_bytes());
    }
    fn text(&mut self, value: &str) {
        self.between();
        // Writing to memory does not fail, and text is JSON.
        let _ = serde_json::to_writer(&mut self.0, value);
    }
    fn maybe<T>(&mut self, value: &Option<T>, write: impl FnOnce(&mut Json, &T)) {
        match value {
            Some(value) => write(self, value),
            None => {
                self.between();
                self.0.extend(b"null");
            }
        }
    }
    /// What is no text that can be read is written by its bytes, so that it has a digest too.
    fn value(&mut self, value: ValueRef) {
        let bytes = |json: &mut Json, kind: &str, bytes: &[u8]| {
            json.between();
            json.0.push(b'{');
            json.text(kind);
            json.0.push(b':');
            json.text(&hex(bytes));
            json.0.push(b'}');
        };
        match value {
            ValueRef::Null => self.maybe(&None::<i64>, |_, _| {}),
            ValueRef::Integer(value) => self.integer(value),
            ValueRef::Real(value) => bytes(self, "real", &value.to_be_bytes()),
            ValueRef::Text(text) => match str::from_utf8(text) {
                Ok(text) => self.text(text),
                Err(_) => bytes(self, "text", text),
            },
            ValueRef::Blob(blob) => bytes(self, "blob", blob),
        }
    }
}
