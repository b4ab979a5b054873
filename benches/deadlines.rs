//! A million open promises: how long the daemon takes to start with them, how late what is due
//! fires, what a herd that is due at one instant costs, and whether another one costs more than
//! among a thousand. `cargo bench --bench deadlines -- --open 1000000`

mod disk;
mod told;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use daemon::calls::call::{Call, Direction, Outcome, Wait};
use daemon::config::Config;
use daemon::desk::command::Command;
use daemon::desk::decide::Input;
use daemon::number::Number;
use daemon::store::Store;
use daemon::{Role, Time};
use disk::fdatasync;
use rusqlite::{Connection, params};
use tokio_util::sync::CancellationToken;
use told::tell;

const TRICKLE_PER_S: i64 = 200;
const TRICKLE_S: i64 = 20;
const HERD: i64 = 10_000;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let asked = args.iter().position(|arg| arg == "--open").and_then(|at| args.get(at + 1)?.parse().ok());
    let open: i64 = asked.unwrap_or(1_000_000);
    println!("a small write to disk takes {:?} here", fdatasync());
    adding(open);
    firing(open);
}

/// A store with that many open promises, due in a month.
fn filled(dir: &Path, open: i64) -> Store {
    let config = Config::without_file();
    let mut store = Store::open(dir, daemon::policy(&config)).expect("a store");
    for (login, role) in [("ann", Role::Agent), ("boss", Role::Supervisor)] {
        let (login, name, password_hash) = (login.to_owned(), login.to_owned(), String::new());
        let added = store.give(Command::AddPerson { login, name, role, password_hash }, Utc::now()).expect("the store");
        added.expect("a person");
    }
    drop(store);
    let due = Utc::now() + TimeDelta::days(30);
    let mut db = Connection::open(dir.join("ringback.sqlite")).expect("the store");
    promises(&mut db, 1_000_000, open, |_| due);
    drop(db);
    Store::open(dir, daemon::policy(&config)).expect("a store")
}

/// Promises that were made a minute ago, whose reminders have been told.
fn promises(db: &mut Connection, first: i64, count: i64, due: impl Fn(i64) -> Time) {
    let owner: i64 = db.query_row("SELECT id FROM people WHERE login = 'ann'", [], |row| row.get(0)).expect("Ann");
    let transaction = db.transaction().expect("a transaction");
    let began = Utc::now() - TimeDelta::minutes(1);
    for nth in first..first + count {
        let (due, number) = (due(nth - first), format!("+86138{:08}", nth % 100_000_000));
        let reminder = began + TimeDelta::milliseconds((due - began).num_milliseconds() * 80 / 100);
        transaction
            .prepare_cached(
                "INSERT INTO tickets (id, number, day, nth, kind, category, priority, summary, course, demand, state,
                    is_open, owner, opened_at_ms, version)
                 VALUES (?1, ?2, 20200101, ?1, 'consultation', '', 'normal', '', '', '', 'new', 1, ?3, ?4, 1)",
            )
            .and_then(|mut sql| sql.execute(params![nth, format!("20200101-{nth}"), owner, began.timestamp_millis()]))
            .expect("a ticket");
        transaction
            .prepare_cached(
                "INSERT INTO obligations (id, kind, ticket, number, owner, began_at_ms, promised_at_ms, reminder_at_ms,
                    due_at_ms, escalated_at_ms, policy, state, next_rung, next_rung_at_ms)
                 VALUES (?1, 'promise', ?1, ?2, ?3, ?4, ?5, ?6, ?5, ?7, 0, 'open', 'due', ?5)",
            )
            .and_then(|mut sql| {
                sql.execute(params![
                    nth,
                    number,
                    owner,
                    began.timestamp_millis(),
                    due.timestamp_millis(),
                    reminder.timestamp_millis(),
                    (due + TimeDelta::days(1)).timestamp_millis(),
                ])
            })
            .expect("a promise");
    }
    transaction.commit().expect("a commit");
}

/// Callers who gave up, each owed a callback: among a thousand, and among all. In turns, so that a
/// noisy neighbour disturbs both.
fn adding(open: i64) {
    let dirs = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let mut stores = [filled(dirs[0].path(), 1_000), filled(dirs[1].path(), open)];
    let mut took = [Vec::new(), Vec::new()];
    let mut nth = 0;
    for _ in 0..40 {
        for (store, took) in stores.iter_mut().zip(&mut took) {
            let calls: Vec<Input> = (0..100).map(|at| missed(nth + at)).collect();
            nth += 100;
            let begun = Instant::now();
            let kept =
                store.together(|writing| calls.iter().try_for_each(|call| writing.decide(call, Utc::now()).map(drop)));
            kept.expect("a commit");
            took.push(begun.elapsed().as_secs_f64() * 1e6 / 100.0);
        }
    }
    let [few, many] = took.map(middle);
    println!("a missed call and its callback: {few:.0} µs among 1,000, {many:.0} µs among {open}");
    tell("adding one among all ÷ among a thousand", many / few, "×", "≤ 1.5", many / few <= 1.5);
}

fn missed(nth: i64) -> Input {
    let at = Utc::now();
    let call = Call {
        id: format!("bench-{nth}").as_str().into(),
        pbx: "bench".into(),
        direction: Direction::Inbound,
        caller: None,
        caller_name: None,
        number: Some(Number::from_canonical(&format!("+86139{nth:08}"))),
        to: Some("400".to_owned()),
        agent: None,
        started_at: at - TimeDelta::seconds(30),
        answered_at: None,
        ended_at: Some(at),
        outcome: Some(Outcome::Abandoned),
        ended_by: None,
        waits: vec![Wait { queue: "support".into(), joined_at: at - TimeDelta::seconds(29), left_at: Some(at) }],
        segments: Vec::new(),
        offers: Vec::new(),
        transfers: Vec::new(),
        survey: None,
        originated: None,
        certain: true,
    };
    Input::Call { at, call: Arc::new(call) }
}

/// The daemon starts with all of them; then some come due one after another, and then a herd.
fn firing(open: i64) {
    let dir = tempfile::tempdir().expect("a directory");
    drop(filled(dir.path(), open));
    let mut db = Connection::open(dir.path().join("ringback.sqlite")).expect("the store");
    let trickle_from = Utc::now() + TimeDelta::seconds(10);
    let herd_at = trickle_from + TimeDelta::seconds(TRICKLE_S + 3);
    promises(&mut db, 10_000_000, TRICKLE_PER_S * TRICKLE_S, |nth| {
        trickle_from + TimeDelta::milliseconds(nth * 1000 / TRICKLE_PER_S)
    });
    promises(&mut db, 20_000_000, HERD, |_| herd_at);
    let mb = std::fs::metadata(dir.path().join("ringback.sqlite")).map_or(0, |file| file.len()) as f64 / 1e6;

    let config = Config::without_file();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let begun = Instant::now();
    let store = Store::open(dir.path(), daemon::policy(&config)).expect("a store");
    let stop = CancellationToken::new();
    let daemon = runtime.block_on(async { daemon::start(&config, store, stop.clone()).expect("a daemon") });
    let started = begun.elapsed().as_secs_f64();
    println!("{open} open promises in {mb:.0} MB");
    tell("start", started, "s", "≤ 5", started <= 5.0);

    let herd_took = until_kept(&db, 20_000_000, HERD, herd_at);
    stop.cancel();
    runtime.block_on(daemon.ended()).expect("a good end");

    let late = |first: i64| -> Vec<f64> {
        let mut statement = db
            .prepare(
                "SELECT fired_at_ms - planned_at_ms FROM rungs
                 WHERE rung = 'due' AND obligation >= ?1 AND obligation < ?1 + 10000000",
            )
            .expect("a question");
        let rows = statement.query_map([first], |row| row.get::<_, f64>(0)).expect("rungs");
        rows.map(|late| late.expect("a rung")).collect()
    };
    let trickled = late(10_000_000);
    assert_eq!(trickled.len() as i64, TRICKLE_PER_S * TRICKLE_S, "each fired");
    assert!(trickled.iter().all(|late| *late >= 0.0), "none early");
    let p99 = percentile(&trickled, 0.99);
    println!("late by {:.0} ms in the middle, {:.0} ms at most", middle(trickled.clone()), percentile(&trickled, 1.0));
    tell("of 200 a second, 99 % are late by at most", p99, "ms", "≤ 5", p99 <= 5.0);
    let herd = late(20_000_000);
    assert_eq!(herd.len() as i64, HERD, "each fired");
    assert!(herd.iter().all(|late| *late >= 0.0), "none early");
    let took_ms = herd_took.num_milliseconds() as f64;
    let mark = "≤ 1000 where the disk is calm";
    tell("of 10,000 at one instant the last is on disk after", took_ms, "ms", mark, took_ms <= 1000.0);
}

/// How long after `due` that many have fired, as another connection sees it: kept, not only decided.
fn until_kept(db: &Connection, first: i64, count: i64, due: Time) -> TimeDelta {
    let kept = "SELECT count(*) FROM rungs WHERE obligation >= ?1 AND rung = 'due'";
    std::thread::sleep((due - Utc::now()).to_std().unwrap_or_default());
    loop {
        let fired: i64 = db.query_row(kept, [first], |row| row.get(0)).expect("a count");
        let took = Utc::now() - due;
        if fired == count || took > TimeDelta::minutes(1) {
            return took;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn middle(values: Vec<f64>) -> f64 {
    percentile(&values, 0.5)
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
