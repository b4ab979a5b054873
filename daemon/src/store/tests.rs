//! The data directory: who may open it, and what is refused untouched.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Store;
use crate::engine::house::{policy, t};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nobody_else_reads_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let mut store = Store::open(&data, policy()).unwrap();
    store.ensure_admin("hash", t(0.0)).unwrap();
    assert_eq!(mode(&data), 0o700);
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_second_daemon_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), policy()).unwrap();
    let refused = Store::open(dir.path(), policy()).unwrap_err().to_string();
    let pid = std::process::id();
    assert!(refused.contains(&format!("another ringback (pid {pid}) holds {}", dir.path().display())), "{refused}");
    drop(first);
    Store::open(dir.path(), policy()).unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), policy()).unwrap());
    let file = dir.path().join("ringback.sqlite");
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (99, 'later', '2027-01-01T00:00:00Z', '1')",
            [],
        )
        .unwrap();
    newer.close().unwrap();
    let before = std::fs::read(&file).unwrap();
    let refused = Store::open(dir.path(), policy()).unwrap_err().to_string();
    assert!(refused.contains("newer ringback (schema 99; this one knows up to "), "{refused}");
    assert!(std::fs::read(&file).unwrap() == before, "not a byte changed");
}

#[test]
fn what_is_no_database_or_is_damaged_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ringback.sqlite");
    std::fs::write(&file, "dear diary, this is no database at all, but long enough to look at".repeat(100)).unwrap();
    let refused = format!("{:#}", Store::open(dir.path(), policy()).unwrap_err());
    assert!(refused.contains("not a ringback database"), "{refused}");
}

#[test]
fn the_first_start_makes_one_admin_and_no_other_start_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), policy()).unwrap();
    assert!(store.ensure_admin("hash", t(0.0)).unwrap());
    assert!(!store.ensure_admin("other", t(1.0)).unwrap());
    drop(store);
    let mut store = Store::open(dir.path(), policy()).unwrap();
    assert!(!store.ensure_admin("other", t(2.0)).unwrap());
    let found: String = store.db.query_row("SELECT login || password_hash FROM people", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "adminhash");
}

#[test]
fn ids_rise_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), policy()).unwrap();
    store.ensure_admin("hash", t(0.0)).unwrap();
    let highest = |store: &Store| -> (i64, i64) {
        let ask = |sql| store.db.query_row(sql, [], |row| row.get(0)).unwrap();
        (ask("SELECT max(seq) FROM facts"), ask("SELECT max(id) FROM people"))
    };
    let (seq, person) = highest(&store);
    assert!(seq > person, "a fact comes after the ids that it brought");
    drop(store);
    let mut store = Store::open(dir.path(), policy()).unwrap();
    assert!(store.ids.draw(1) > seq);
}
