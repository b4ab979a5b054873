//! A customer looked up by their number, with the last twenty contacts, among ten million: beside the
//! bare indexed query for the same rows, in one run.

mod paired;
mod told;

use std::path::Path;

use daemon::config::Config;
use daemon::number::Number;
use daemon::store::Store;
use paired::paired;
use rusqlite::{Connection, OpenFlags, params};
use told::tell;

const CUSTOMERS: i64 = 10_000_000;

/// Who have been in contact, spread among all; each had [`CONTACTS`] calls.
const CALLERS: i64 = 20_000;
const CONTACTS: i64 = 25;

/// Look-ups in a turn, of other callers each turn.
const ASKED: i64 = 1_000;

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || Store::open(dir.path(), daemon::policy(&Config::without_file())).expect("a store");
    drop(open());
    let file = dir.path().join("ringback.sqlite");
    furnish(&file).expect("a store of that size");
    let store = open();
    let reader = store.reader().expect("a reader");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let bare = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a connection");
    bare.pragma_update(None, "cache_size", -8192).expect("the cache of a reader");
    let (mut ours, mut theirs) = (0, 0);
    let ratio = paired(
        || {
            for _ in 0..ASKED {
                let found = runtime.block_on(reader.look_up(Number::from_canonical(&number(caller(&mut ours)))));
                let (customers, contacts) = found.expect("an answer");
                assert_eq!((customers.len(), contacts.len()), (1, 20));
            }
        },
        || {
            for _ in 0..ASKED {
                assert_eq!(indexed(&bare, &number(caller(&mut theirs))).expect("an answer"), 20);
            }
        },
    );
    tell("a customer with twenty contacts among ten million", ratio, "of a bare query", "≤ 2", ratio <= 2.0);
}

/// The same callers in the same order for both, each far from the one before.
fn caller(nth: &mut i64) -> i64 {
    *nth += 1;
    (*nth * 7919 % CALLERS) * (CUSTOMERS / CALLERS)
}

fn number(nth: i64) -> String {
    format!("+861{:010}", 3_000_000_000 + nth * 7)
}

/// The rows as they are, read to their end.
fn indexed(db: &Connection, number: &str) -> rusqlite::Result<usize> {
    let mut statement = db.prepare_cached(
        "SELECT n.customer, m.*, k.* FROM customer_numbers n JOIN customers m ON m.id = n.customer
         JOIN calls k ON k.number = n.number AND k.merged_into IS NULL
         WHERE n.number = ?1 ORDER BY k.started_at_ms DESC LIMIT 20",
    )?;
    let columns = statement.column_count();
    let mut rows = statement.query([number])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            std::hint::black_box(row.get_ref(column)?);
        }
        count += 1;
    }
    Ok(count)
}

/// Written by the bare tables: ten million commands would take an hour.
fn furnish(file: &Path) -> rusqlite::Result<()> {
    let mut db = Connection::open(file)?;
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA foreign_keys = OFF;")?;
    let all = db.transaction()?;
    {
        let mut customer = all.prepare(
            "INSERT INTO customers (id, name, company, address, key_customer, note, version)
             VALUES (?1, ?2, ?3, '', 0, '', 1)",
        )?;
        let mut line = all.prepare("INSERT INTO customer_numbers (number, customer, place) VALUES (?1, ?2, 0)")?;
        for nth in 0..CUSTOMERS {
            customer.execute(params![nth + 1, format!("Customer {nth:08}"), format!("Company {:06}", nth / 20)])?;
            line.execute(params![number(nth), nth + 1])?;
        }
        let mut call = all.prepare(
            "INSERT INTO calls (id, pbx, direction, caller, number, reached, agent, started_at_ms, answered_at_ms,
                ended_at_ms, outcome, certain, talk_ms, proven, seen_at_ms, detail)
             VALUES (?1, 'hq', 'inbound', ?2, ?2, 'support', '1001', ?3, ?3, ?4, 'answered', 1, 40000, 1, ?4, ?5)",
        )?;
        let detail = r#"{"waits":[],"segments":[],"offers":[],"transfers":[]}"#;
        for contact in 0..CONTACTS {
            for nth in 0..CALLERS {
                let at = 1_795_485_600_000 + contact * 86_400_000 + nth;
                let number = number(nth * (CUSTOMERS / CALLERS));
                call.execute(params![format!("hq-bench-{nth}.{contact}"), number, at, at + 40_000, detail])?;
            }
        }
    }
    all.commit()
}
