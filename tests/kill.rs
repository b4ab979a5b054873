//! `kill -9` of the real binary, again and again, while calls come in and deadlines pass: no rung
//! and no outbox row is lost or doubled, and no call that ended is kept as missed twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use daemon::calls::call::{Call, Direction, EndedBy, Outcome, Wait};
use daemon::config::Config;
use daemon::desk::decide::Input;
use daemon::number::Number;
use daemon::store::Store;
use rusqlite::Connection;

use crate::house::{House, PATIENCE, Simulated};

/// Kills; each comes a few to a few hundred milliseconds after the start.
const KILLS: u64 = 500;

/// Obligations whose rungs fall due while the daemon is being killed.
const OWED: i64 = 3000;

/// Between the deadlines of one and the next.
const APART: TimeDelta = TimeDelta::milliseconds(24);

/// The default policy: due after half an hour, told again a day later.
const WINDOW: TimeDelta = TimeDelta::minutes(30);
const ESCALATED: TimeDelta = TimeDelta::hours(24);

#[test]
fn no_rung_is_lost_or_fired_twice() {
    let hotline = Simulated::start(40.0);
    let house = House::new(&hotline.config("drill"));
    house.person("boss", "supervisor", None);
    house.person("chief", "supervisor", None);
    let first_due = Utc::now() + TimeDelta::seconds(1);
    owe(&house, first_due);

    let begun = Instant::now();
    for kill in 0..KILLS {
        let running = house.serve();
        // Spread over the whole of a start and the work after it, the same in each run.
        std::thread::sleep(Duration::from_millis(kill * 7919 % 150));
        running.kill();
    }
    eprintln!("{KILLS} kills in {:?}", begun.elapsed());

    let running = house.serve();
    let db = house.database();
    let open = "SELECT count(*) FROM obligations WHERE next_rung_at_ms IS NOT NULL AND next_rung_at_ms < ?1 \
                AND state = 'open'";
    let untold = "SELECT (SELECT count(*) FROM outbox WHERE message IS NULL) \
                    + (SELECT count(*) FROM messages WHERE delivered_at_ms IS NULL)";
    let until = (first_due + APART * OWED as i32).timestamp_millis();
    let (mut left, mut seen_at) = (i64::MAX, Instant::now());
    while Utc::now().timestamp_millis() < until || left > 0 {
        let now = count(&db, open, [until]) + count(&db, untold, []);
        if now < left {
            (left, seen_at) = (now, Instant::now());
        }
        assert!(seen_at.elapsed() < PATIENCE, "{left} rungs that are due do not fire, or messages are not delivered");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(running.stop());
    verify(&db, first_due);
}

/// Callers who were missed long enough ago that reminders, deadlines and escalations fall into the
/// seconds of the test.
fn owe(house: &House, first_due: DateTime<Utc>) {
    let config = Config::read(&house.config()).expect("the test's configuration");
    let mut store = Store::open(&config.data, daemon::policy(&config)).expect("the store");
    store
        .together(|writing| {
            for nth in 0..OWED {
                // Every third one is at its escalation, the others at their deadline.
                let age = if nth % 3 == 0 { WINDOW + ESCALATED } else { WINDOW };
                let missed_at = first_due - age + APART * nth as i32;
                let refused =
                    writing.decide(&Input::Call { call: missed(nth, missed_at), at: missed_at }, missed_at)?;
                assert!(refused.is_ok(), "{refused:?}");
            }
            Ok(())
        })
        .expect("a commit");
}

fn missed(nth: i64, ended_at: DateTime<Utc>) -> Arc<Call> {
    let number = format!("+86137{nth:08}");
    Arc::new(Call {
        id: format!("before-x-{nth}").as_str().into(),
        pbx: "before".into(),
        direction: Direction::Inbound,
        caller: Some(number.clone()),
        caller_name: None,
        number: Some(Number::from_canonical(&number)),
        to: Some("support".into()),
        agent: None,
        started_at: ended_at - TimeDelta::seconds(20),
        answered_at: None,
        ended_at: Some(ended_at),
        outcome: Some(Outcome::Abandoned),
        ended_by: Some(EndedBy::Caller),
        waits: vec![Wait {
            queue: "support".into(),
            joined_at: ended_at - TimeDelta::seconds(19),
            left_at: Some(ended_at),
        }],
        segments: Vec::new(),
        offers: Vec::new(),
        transfers: Vec::new(),
        survey: None,
        originated: None,
        certain: true,
    })
}

fn verify(db: &Connection, first_due: DateTime<Utc>) {
    assert_eq!(count(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'", []), 0);
    // Tables have unique keys; facts have not, and would show a rung that was decided twice.
    let decided = "SELECT count(*), count(DISTINCT obligation || ':' || json_extract(body, '$.rung')) \
                   FROM facts WHERE kind = 'rung_fired'";
    let (facts, distinct): (i64, i64) = db.query_row(decided, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(facts, distinct, "a rung was decided twice");
    assert_eq!(facts, count(db, "SELECT count(*) FROM rungs", []));

    let mut rungs: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let mut early = 0;
    let mut all = db
        .prepare(
            "SELECT o.id, r.rung, r.planned_at_ms, r.fired_at_ms FROM obligations o \
             JOIN rungs r ON r.obligation = o.id JOIN calls c ON c.id = o.call WHERE c.pbx = 'before' \
             ORDER BY o.id, r.planned_at_ms",
        )
        .unwrap();
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?)));
    for row in rows.unwrap() {
        let (obligation, rung, planned, fired) = row.unwrap();
        early += i64::from(fired < planned);
        rungs.entry(obligation).or_default().push(rung);
    }
    assert_eq!(early, 0, "rungs fired before their time");
    assert_eq!(rungs.len() as i64, OWED, "obligations without a rung");
    let ended_up = |ladder: &[&str]| rungs.values().filter(|fired| *fired == ladder).count() as i64;
    assert_eq!(ended_up(&["reminder", "due", "escalated"]), OWED / 3);
    assert_eq!(ended_up(&["reminder", "due"]), OWED - OWED / 3);

    // Nobody owns these: each rung tells both supervisors, once, and every row was delivered.
    let told = "SELECT count(*) FROM outbox b JOIN obligations o ON o.id = b.obligation \
                JOIN calls c ON c.id = o.call WHERE c.pbx = 'before'";
    let fired: i64 = rungs.values().map(|fired| fired.len() as i64).sum();
    assert_eq!(count(db, told, []), fired * 2);
    assert_eq!(count(db, "SELECT count(*) FROM outbox WHERE message IS NULL", []), 0);
    assert_eq!(count(db, "SELECT count(*) FROM messages WHERE delivered_at_ms IS NULL", []), 0);
    assert_eq!(
        count(
            db,
            "SELECT count(*) FROM messages m WHERE told <> (SELECT count(*) FROM outbox WHERE message = m.id)",
            []
        ),
        0,
        "a message tells what it says it tells"
    );

    // The hotline's calls came in all the while; each call is missed at most once.
    let from_hotline = count(db, "SELECT count(*) FROM calls WHERE pbx = 'drill'", []);
    assert!(from_hotline > 100, "only {from_hotline} calls were seen since {first_due}");
    assert_eq!(
        count(
            db,
            "SELECT count(*) FROM (SELECT call FROM obligations WHERE call IS NOT NULL GROUP BY call, kind HAVING count(*) > 1)",
            []
        ),
        0
    );
}

fn count<P: rusqlite::Params>(db: &Connection, sql: &str, params: P) -> i64 {
    db.query_row(sql, params, |row| row.get(0)).unwrap()
}
