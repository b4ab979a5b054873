//! One change anywhere in what was kept is found; nothing is found where nothing was changed.

use std::path::Path;
use std::sync::OnceLock;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tempfile::TempDir;

use super::touched::Tables;
use super::verify::{FactFault, Finding, RowFault, Verified, examine, verify};
use super::{Store, chain, open};
use crate::Role;
use crate::calls::call::Outcome;
use crate::engine::days;
use crate::engine::house::{House, MINUTE, ended, inbound, outbound, policy, t, talking};

/// What must have come about in the days that are looked at.
const FILLED: [&str; 10] =
    ["facts", "seals", "calls", "tickets", "obligations", "rungs", "attempts", "customers", "people", "outbox"];

/// A copy of a site's days, with some crashes among them: the first in which all of [`FILLED`] came about,
/// whatever else the days hold by chance.
fn lived() -> TempDir {
    static DISK: OnceLock<Vec<u8>> = OnceLock::new();
    let disk = DISK.get_or_init(|| {
        let mut some_days = (11..31).map(|seed| days::lived(seed, 6));
        some_days.find(|disk| is_filled(disk)).expect("some of twenty sites live through all of it")
    });
    kept(disk)
}

fn kept(disk: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ringback.sqlite"), disk).unwrap();
    dir
}

fn is_filled(disk: &[u8]) -> bool {
    let dir = kept(disk);
    let tables = tables(&writing(dir.path()));
    FILLED.iter().all(|table| tables.iter().any(|filled| filled == table))
}

fn writing(dir: &Path) -> Connection {
    let db = Connection::open(dir.join("ringback.sqlite")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    db
}

fn untouched(dir: &Path) -> Verified {
    let verified = verify(dir, &[]).unwrap();
    assert_eq!(verified.findings, []);
    verified
}

/// All that bears witness: what is sealed, the facts, and the seals.
fn tables(db: &Connection) -> Vec<String> {
    let tables = Tables::of(db).unwrap();
    let sealed = tables.all().map(|table| tables.name(table).to_owned());
    let own = ["facts", "seals"].map(str::to_owned);
    let filled = sealed
        .chain(own)
        .filter(|table| db.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {table})"), [], |row| row.get(0)).unwrap());
    filled.collect()
}

fn some_row(db: &Connection, table: &str, chance: &mut StdRng) -> i64 {
    let count: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
    let nth = chance.random_range(0..count);
    db.query_row(&format!("SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {nth}"), [], |row| row.get(0))
        .unwrap()
}

fn columns(db: &Connection, table: &str) -> Vec<String> {
    let statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
    statement.column_names().map(str::to_owned).collect()
}

/// Another value than that, by as little as can be.
fn another(value: Value, chance: &mut StdRng) -> Value {
    match value {
        Value::Null => [Value::Integer(1), Value::Text("x".into())].choose(chance).unwrap().clone(),
        Value::Integer(_) | Value::Text(_) if chance.random_ratio(1, 8) => Value::Null,
        Value::Integer(number) => Value::Integer(number ^ (1 << chance.random_range(0..12))),
        Value::Text(text) if text.is_empty() => Value::Text(" ".into()),
        Value::Text(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            let at = chance.random_range(0..letters.len());
            let other = if letters[at] == '7' { '3' } else { '7' };
            letters[at] = other;
            Value::Text(letters.into_iter().collect())
        }
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Blob(mut bytes) => {
            bytes.push(0);
            Value::Blob(bytes)
        }
    }
}

/// Changes one thing, and says what; none where the table's own rules refuse it.
fn tamper(db: &Connection, table: &str, chance: &mut StdRng) -> Option<String> {
    let rowid = some_row(db, table, chance);
    let row = format!("FROM {table} WHERE rowid = {rowid}");
    let columns = columns(db, table);
    let cell = |rowid: i64, column: &str| -> Value {
        db.query_row(&format!("SELECT {column} FROM {table} WHERE rowid = {rowid}"), [], |row| row.get(0)).unwrap()
    };
    let column = columns.choose(chance).unwrap();
    match chance.random_range(0..10) {
        0 => {
            db.execute(&format!("DELETE {row}"), []).unwrap();
            Some(format!("{table} {rowid} taken away"))
        }
        1 => {
            // A row like it, under another key.
            let mut values: Vec<Value> = columns.iter().map(|column| cell(rowid, column)).collect();
            values[0] = match values[0].clone() {
                Value::Integer(key) => Value::Integer(key + 1),
                Value::Text(key) => Value::Text(key + "1"),
                other => other,
            };
            let places = vec!["?"; columns.len()].join(", ");
            let put = db.execute(&format!("INSERT INTO {table} VALUES ({places})"), params_from_iter(values));
            put.ok().map(|_| format!("{table}: one like {rowid} put in"))
        }
        2 => {
            let other = some_row(db, table, chance);
            let (mine, theirs) = (cell(rowid, column), cell(other, column));
            if mine == theirs {
                return None;
            }
            let set = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
            db.execute(&set, (&theirs, rowid)).and_then(|_| db.execute(&set, (&mine, other))).ok()?;
            Some(format!("{table}: {column} of {rowid} and {other} swapped"))
        }
        _ => {
            let before = cell(rowid, column);
            let after = another(before.clone(), chance);
            let set = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
            db.execute(&set, (&after, rowid)).ok()?;
            Some(format!("{table} {rowid}: {column} was {before:?}, is {after:?}"))
        }
    }
}

#[test]
fn one_change_anywhere_is_found_and_where_nothing_was_changed_nothing_is() {
    let dir = lived();
    let before = untouched(dir.path());
    assert!(before.facts > 90 && before.seals > 100 && before.rows > 100, "{before:?}");
    let db = writing(dir.path());
    let mut chance = StdRng::seed_from_u64(1);
    let tables = tables(&db);
    let mut tried = 0;
    while tried < 300 {
        let table = &tables[tried % tables.len()];
        db.execute_batch("BEGIN").unwrap();
        if let Some(what) = tamper(&db, table, &mut chance) {
            tried += 1;
            let found = examine(&db, dir.path(), &[]).unwrap();
            assert!(found.findings_total > 0, "not found: {what}");
        }
        db.execute_batch("ROLLBACK").unwrap();
    }
    drop(db);
    untouched(dir.path());
}

#[test]
fn what_was_changed_is_named() {
    let dir = lived();
    let db = writing(dir.path());
    let (seq, kind): (i64, String) = db
        .query_row("SELECT seq, kind FROM facts WHERE kind = 'rung_fired' ORDER BY seq LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    db.execute("UPDATE facts SET body = replace(body, '\"late\":false', '\"late\":true') WHERE seq = ?1", [seq])
        .unwrap();
    let (call, rowid): (String, i64) = db
        .query_row("SELECT id, rowid FROM calls ORDER BY id LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    db.execute("UPDATE calls SET talk_ms = talk_ms + 60000 WHERE id = ?1", [&call]).unwrap();
    db.execute("DELETE FROM attempts WHERE rowid = (SELECT min(rowid) FROM attempts)", []).unwrap();
    let found = verify(dir.path(), &[]).unwrap().findings;
    assert!(
        matches!(&found[0], Finding::Fact { seq: at, what, fault: FactFault::DoesNotFollow }
            if *at == seq && what.starts_with(&kind)),
        "{found:?}"
    );
    assert!(
        matches!(&found[1], Finding::Row { table, rowid: at, name, fault: RowFault::Changed, sealed: Some(_) }
            if table == "calls" && *at == rowid && *name == call),
        "{found:?}"
    );
    assert!(
        matches!(&found[2], Finding::Row { table, fault: RowFault::TakenAway, .. } if table == "attempts"),
        "{found:?}"
    );
    assert_eq!(found.len(), 3);
}

/// Whoever owns the machine can make the whole chain anew; who noted its head finds it out.
#[test]
fn a_chain_that_was_made_anew_or_cut_off_does_not_have_the_head_that_was_noted() {
    let dir = lived();
    let noted = untouched(dir.path()).head.unwrap().hash;
    assert_eq!(verify(dir.path(), std::slice::from_ref(&noted)).unwrap().findings, []);
    let db = writing(dir.path());
    db.execute_batch(
        "UPDATE tickets SET summary = 'never complained'; DELETE FROM seals; UPDATE facts SET hash = NULL",
    )
    .unwrap();
    chain::begin(&db, &Tables::of(&db).unwrap(), &[]).unwrap();
    drop(db);
    untouched(dir.path());
    assert_eq!(verify(dir.path(), std::slice::from_ref(&noted)).unwrap().findings, [Finding::Head(noted)]);

    let mut house = House::new();
    house.person("ann", Role::Agent, Some("1001"));
    let data = house.dir.path().join("data");
    house.store().db().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let early = std::fs::read(data.join("ringback.sqlite")).unwrap();
    let early_head = untouched(&data).head.unwrap();
    house.person("ben", Role::Agent, Some("1002"));
    let head = untouched(&data).head.unwrap();
    assert!(head.fact > early_head.fact);
    assert_eq!(verify(&data, &[early_head.hash, head.hash.clone()]).unwrap().findings, []);
    let cut = tempfile::tempdir().unwrap();
    std::fs::write(cut.path().join("ringback.sqlite"), early).unwrap();
    untouched(cut.path());
    assert_eq!(verify(cut.path(), std::slice::from_ref(&head.hash)).unwrap().findings, [Finding::Head(head.hash)]);
}

/// What an earlier version kept is chained as it is found; from then on it is held.
#[test]
fn an_older_store_begins_its_chain_when_it_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = Connection::open(dir.path().join("ringback.sqlite")).unwrap();
    open::migrate_to(&mut db, 10);
    db.execute_batch(
        "INSERT INTO people (id, login, name, role, password_hash, active, created_at_ms)
            VALUES (1, 'ann', 'Ann', 'agent', '-', 1, 1000);
         INSERT INTO facts (seq, at_ms, kind, person, body) VALUES (2, 1000, 'person_added', 1, '{}'), (5, 1001, 'x', 1, '{}');",
    )
    .unwrap();
    drop(db);
    let refused = verify(dir.path(), &[]).unwrap_err().to_string();
    assert!(refused.contains("an older ringback"), "{refused}");
    drop(Store::open(dir.path(), policy()).unwrap());
    let verified = untouched(dir.path());
    assert_eq!((verified.facts, verified.head.unwrap().fact), (2, 5));
    writing(dir.path()).execute("UPDATE people SET name = 'Bob'", []).unwrap();
    assert_eq!(verify(dir.path(), &[]).unwrap().findings_total, 1);
}

/// A migration seals what it leaves; what was amiss before is found first, and told for ever.
#[test]
fn a_migration_covers_up_nothing() {
    let dir = lived();
    let mut db = writing(dir.path());
    assert!(open::before_migrating(&db, dir.path()).unwrap().is_empty());
    // As if this version knew one more migration.
    db.execute_batch(
        "UPDATE tickets SET summary = 'never complained' WHERE id = (SELECT min(id) FROM tickets);
         DELETE FROM refinery_schema_history WHERE version = 2",
    )
    .unwrap();
    let unlike = open::before_migrating(&db, dir.path()).unwrap();
    db.execute_batch("ALTER TABLE tickets ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'").unwrap();
    open::begin(&mut db, &unlike).unwrap();
    drop(db);
    let found = verify(dir.path(), &[]).unwrap().findings;
    assert!(matches!(&found[..], [Finding::Before { what, .. }] if what.contains("tickets, row ")), "{found:?}");
}

/// A commit that failed leaves no trace, in memory neither.
#[test]
fn what_was_rolled_back_is_not_in_the_chain() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let store = &mut house.store();
    for _ in 0..2 {
        let failed: super::Result<()> = store.together(|writing| {
            writing.db.execute("UPDATE people SET name = 'nobody'", [])?;
            writing.keep(&[crate::desk::fact::Fact::LanguageSet { person: ann, language: "en".into() }], t(1.0))?;
            Err(rusqlite::Error::InvalidQuery)
        });
        failed.unwrap_err();
    }
    let missed = inbound("c1", "+8613800138000", t(60.0));
    house.sees(t(60.0), &missed);
    house.sees(t(80.0), &ended(&missed, t(80.0), Outcome::Abandoned));
    let back = outbound("c2", "+8613800138000", "1001", t(2.0 * MINUTE));
    let back = talking(&back, "1001", t(2.0 * MINUTE + 5.0));
    house.sees(t(2.0 * MINUTE + 5.0), &back);
    house.crash();
    house.sees(t(3.0 * MINUTE), &ended(&back, t(3.0 * MINUTE), Outcome::Answered));
    let verified = untouched(&house.dir.path().join("data"));
    assert!(verified.facts >= 5, "{verified:?}");
}
