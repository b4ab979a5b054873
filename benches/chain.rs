//! What the chain of hashes costs a commit: facts that the store keeps, each in the chain and each
//! transaction sealed, beside the same rows put bare into the same table on the same disk. What is
//! decided is in the store's time too, so the ratio is the most that the chain can cost.

mod disk;
mod paired;
mod told;

use std::path::Path;

use chrono::Utc;
use daemon::config::Config;
use daemon::desk::command::Command;
use daemon::desk::looks::Look;
use daemon::store::Store;
use disk::fdatasync;
use paired::paired;
use rusqlite::{Connection, params};
use told::tell;

/// Commits of one turn, where each has one fact: most of it is the disk's.
const ALONE: usize = 50;
/// Facts of one turn, where all share a commit, as when much is ready at once.
const TOGETHER: usize = 1_000;

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = opened(&dir.path().join("chained"));
    drop(opened(&dir.path().join("bare")));
    let mut bare = Bare::open(&dir.path().join("bare/ringback.sqlite"));
    println!("a small write to this disk takes {:?}", fdatasync());
    let alone = paired(
        || (0..ALONE).for_each(|_| drop(store.give(look(), Utc::now()).expect("kept"))),
        || (0..ALONE).for_each(|_| bare.commit(1)),
    );
    tell("a fact in a commit of its own ÷ a bare insert", alone, "×", "≤ 2", alone <= 2.0);
    let together =
        paired(|| store.give_all(vec![look(); TOGETHER], Utc::now()).expect("kept"), || bare.commit(TOGETHER));
    tell("one of a thousand facts in a commit ÷ a bare insert", together, "×", "told, not judged", true);
}

fn opened(dir: &Path) -> Store {
    Store::open(dir, daemon::policy(&Config::without_file())).expect("a store")
}

/// Something of which nothing follows but a line of facts.
fn look() -> Command {
    Command::Look(Look::Customers { masked: true })
}

/// The same table, by a connection as the store's.
struct Bare {
    db: Connection,
    seq: i64,
}

impl Bare {
    fn open(file: &Path) -> Bare {
        let db = Connection::open(file).expect("the other store");
        let as_ours = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;";
        db.execute_batch(as_ours).expect("pragmas");
        Bare { db, seq: 1_000_000 }
    }

    fn commit(&mut self, facts: usize) {
        let transaction = self.db.transaction().expect("a transaction");
        for _ in 0..facts {
            self.seq += 1;
            transaction
                .prepare_cached("INSERT INTO facts (seq, at_ms, kind, body) VALUES (?1, ?2, 'customers_exported', ?3)")
                .and_then(|mut sql| sql.execute(params![self.seq, Utc::now().timestamp_millis(), r#"{"masked":true}"#]))
                .expect("a row");
        }
        transaction.commit().expect("the rows");
    }
}
