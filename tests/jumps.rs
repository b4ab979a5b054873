//! Deadlines are moments of the wall clock, which people and NTP set, and which stands still with the
//! machine. libfaketime gives the real binary a clock that the test sets: nothing fires early, nothing
//! twice, and what a jump made due fires within a second of it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use crate::house::{House, Running, until};
use crate::pbx::Pbx;

/// How late a rung may be, after it or a jump over it.
const LATE: TimeDelta = TimeDelta::seconds(1);

/// The daemon's wall clock.
struct Wall {
    dir: TempDir,
    /// How far it is from the machine's.
    ahead: TimeDelta,
}

impl Wall {
    fn new() -> Wall {
        let wall = Wall { dir: tempfile::tempdir().expect("a directory"), ahead: TimeDelta::zero() };
        wall.write();
        wall
    }

    /// What a daemon must be started with to go by it. Time itself, by which it sleeps, goes on as ever.
    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
        assert!(Path::new(&library).exists(), "{library} is missing: apt-get install libfaketime");
        vec![
            ("LD_PRELOAD", library.into()),
            ("FAKETIME_TIMESTAMP_FILE", self.dir.path().join("ahead").into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.ahead
    }

    /// Sets it; the moment to which.
    fn jump(&mut self, by: TimeDelta) -> DateTime<Utc> {
        self.ahead += by;
        self.write();
        self.now()
    }

    fn jump_to(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.jump(at - self.now())
    }

    fn write(&self) {
        let (new, file) = (self.dir.path().join("new"), self.dir.path().join("ahead"));
        let ahead_s = self.ahead.num_milliseconds() as f64 / 1000.0;
        std::fs::write(&new, format!("{ahead_s:+.3}\n")).expect("write the clock");
        std::fs::rename(new, file).expect("set the clock");
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rung {
    /// As in `missed_call of +8613800138000: due`.
    what: String,
    planned_at: DateTime<Utc>,
    fired_at: DateTime<Utc>,
}

/// A daemon by that clock, a PBX, and what has fired so far.
struct Watch {
    wall: Wall,
    pbx: Pbx,
    running: Running,
    house: House,
    fired: BTreeSet<Rung>,
}

impl Watch {
    async fn begin() -> Watch {
        let pbx = Pbx::listen(&[("support", &["1001"])]).await;
        let house = House::new(&pbx.config("office"));
        house.person("agent", "agent", Some("office/1001"));
        house.person("boss", "supervisor", None);
        let wall = Wall::new();
        let running = house.serve_by(wall.variables());
        let mut watch = Watch { wall, pbx, running, house, fired: BTreeSet::new() };
        watch.pbx.met().await;
        watch
    }

    /// Somebody waits in vain: when the callback that is owed for it is due, in half an hour.
    async fn missed(&mut self, number: &str) -> DateTime<Utc> {
        let call = self.pbx.wait(number, "", "support").await;
        self.pbx.hang_up(call).await;
        let owed = "SELECT due_at_ms FROM obligations WHERE kind = 'missed_call' AND number = ?1 AND state = 'open'";
        let number = format!("+86{number}");
        let due = until("a callback is owed", async || {
            let due = self.house.database().query_row(owed, [&number], |row| row.get(0));
            due.map_err(|why| why.to_string())
        })
        .await;
        let due = DateTime::from_timestamp_millis(due).expect("a time");
        assert!((due - self.wall.now() - TimeDelta::minutes(30)).abs() < TimeDelta::seconds(20), "{due}");
        due
    }

    /// Waits until all has fired that is due by `at`, which is now or shortly will be, and judges what has
    /// since the last look: none early, and none later than [`LATE`] after it was due, or after `from`,
    /// before which it could not fire. Those of callbacks, by the last digit of who is to be called.
    async fn fires(&mut self, from: DateTime<Utc>, at: DateTime<Utc>) -> Vec<String> {
        let pending = "SELECT count(*) FROM obligations WHERE state = 'open' AND next_rung_at_ms <= ?1";
        until("all that is due has fired", async || {
            let pending = self.house.database().query_row(pending, [at.timestamp_millis()], |row| row.get(0));
            match pending.map_err(|why| why.to_string())? {
                0 => Ok(()),
                pending => Err(format!("{pending} have not")),
            }
        })
        .await;
        let all = self.rungs();
        assert!(self.fired.is_subset(&all), "what has fired has fired: {:?} {all:?}", self.fired);
        let new: Vec<Rung> = all.difference(&self.fired).cloned().collect();
        for rung in &new {
            let late = rung.fired_at - rung.planned_at.max(from);
            assert!(rung.fired_at >= rung.planned_at, "early: {rung:?}");
            assert!(late <= LATE, "{} ms late: {rung:?}", late.num_milliseconds());
        }
        self.fired = all;
        let of_callbacks = |rung: &Rung| rung.what.strip_prefix("missed_call of +861380013800").map(str::to_owned);
        new.iter().filter_map(of_callbacks).collect()
    }

    fn rungs(&self) -> BTreeSet<Rung> {
        let database = self.house.database();
        let sql = "SELECT kind || ' of ' || number || ': ' || rung, planned_at_ms, fired_at_ms
                   FROM rungs JOIN obligations ON obligations.id = rungs.obligation";
        let mut rows = database.prepare(sql).expect("SQL");
        let time = |row: &rusqlite::Row, at| row.get(at).map(|ms| DateTime::from_timestamp_millis(ms).expect("a time"));
        let rung =
            |row: &rusqlite::Row| Ok(Rung { what: row.get(0)?, planned_at: time(row, 1)?, fired_at: time(row, 2)? });
        rows.query_map([], rung).expect("rows").map(|rung| rung.expect("a rung")).collect()
    }

    /// Each rung told each of whom it told once.
    fn told_once(&self) {
        let twice = "SELECT count(*) FROM (SELECT 1 FROM outbox GROUP BY obligation, rung, person HAVING count(*) > 1)";
        let twice: i64 = self.house.database().query_row(twice, [], |row| row.get(0)).expect("SQL");
        assert_eq!(twice, 0, "told twice");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.running.pid().to_string()]).status().expect("kill");
        assert!(sent.success(), "kill {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_early_lost_or_doubled_however_the_clock_jumps() {
    let mut watch = Watch::begin().await;

    // An hour on: the reminder and the due rung of what was owed within it.
    watch.missed("13800138001").await;
    let to = watch.wall.jump(TimeDelta::hours(1));
    assert_eq!(watch.fires(to, to).await, ["1: due", "1: reminder"]);

    // An hour back: all of that hour comes again, and nothing of what has fired.
    let due = watch.missed("13800138002").await;
    watch.wall.jump(-TimeDelta::hours(1));
    watch.missed("13800138003").await;
    let to = watch.wall.jump_to(due - TimeDelta::seconds(30));
    assert_eq!(watch.fires(to, to).await, ["2: reminder", "3: due", "3: reminder"]);

    // NTP sets it by two seconds, to and fro shortly before the deadline.
    watch.wall.jump_to(due - TimeDelta::seconds(1));
    watch.wall.jump(-TimeDelta::seconds(2));
    let to = watch.wall.jump(TimeDelta::seconds(2));
    assert_eq!(watch.fires(to, due).await, ["2: due"]);

    // The machine sleeps for a minute.
    let due = watch.missed("13800138004").await;
    let to = watch.wall.jump_to(due - TimeDelta::seconds(20));
    assert_eq!(watch.fires(to, to).await, ["4: reminder"]);
    watch.signal("-STOP");
    let to = watch.wall.jump(TimeDelta::minutes(1));
    watch.signal("-CONT");
    assert_eq!(watch.fires(to, to).await, ["4: due"]);

    // Ten years on everything is late, and told once; ten years back it stays so, and who calls then
    // is not forgotten for it.
    watch.missed("13800138005").await;
    let ten_years = TimeDelta::days(3653);
    let to = watch.wall.jump(ten_years);
    let escalated = ["1: escalated", "2: escalated", "3: escalated", "4: escalated"];
    let all = ["5: due", "5: escalated", "5: reminder"];
    assert_eq!(watch.fires(to, to).await, [&escalated[..], &all[..]].concat());
    let to = watch.wall.jump(-ten_years);
    watch.missed("13800138006").await;
    assert_eq!(watch.fires(to, to).await, [""; 0]);
    let to = watch.wall.jump(TimeDelta::minutes(31));
    assert_eq!(watch.fires(to, to).await, ["6: due", "6: reminder"]);

    watch.told_once();
    assert!(watch.running.stop());
}
