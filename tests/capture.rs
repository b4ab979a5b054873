//! What the daemon captured is, read again, what it kept: over cut links and killed daemons.

use std::collections::BTreeSet;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use serde_json::Value;

use crate::cable::Cable;
use crate::freeswitch::{self, FreeSwitch};
use crate::house::{House, Simulated, ringback, until};
use crate::native;

/// What was heard so shortly before a kill may not be in the capture.
const UNWRITTEN: TimeDelta = TimeDelta::milliseconds(3500);

/// A link that is cut in each of three runs of the daemon, two of which are killed. `resyncs`: in each
/// run a snapshot is taken in the middle of a connection, too.
async fn day(house: &House, cable: &Cable, resyncs: bool) {
    for round in 0..3 {
        let running = house.serve();
        more_calls_end(house, 150).await;
        cable.cut();
        out_of_sight(house, true).await;
        cable.mend();
        out_of_sight(house, false).await;
        if resyncs {
            more(house, "SELECT count(*) FROM ledger WHERE what = 'resync'", 1).await;
        }
        more_calls_end(house, 150).await;
        if round == 2 {
            assert!(running.stop());
        } else {
            running.kill();
        }
    }
}

#[tokio::test]
async fn a_captured_day_gives_the_calls_that_were_kept() {
    let hotline = Simulated::start(30.0);
    let cable = Cable::lay(format!("127.0.0.1:{}", hotline.port)).await;
    let config = hotline.config("drill").replace(&hotline.port.to_string(), &cable.address().port().to_string());
    let house = House::new(&config);
    day(&house, &cable, false).await;
    let unsure = agrees(&house, "drill");
    assert!(unsure > 10, "{unsure} calls were up at a cut or a kill");
}

/// Damaged frames make the link ask again for all that is up.
#[tokio::test]
async fn a_captured_day_of_a_freeswitch_gives_the_calls_that_were_kept() {
    let hotline = FreeSwitch::start().await;
    let cable = Cable::lay(hotline.address().to_string()).await;
    let house = House::new(&freeswitch::config("drill", cable.address()));
    day(&house, &cable, true).await;
    let unsure = agrees(&house, "drill");
    assert!(unsure > 10, "{unsure} calls were up at a cut or a kill");
}

/// A sender tells what a cut or a kill kept from us once more, so that no call is uncertain but to
/// the capture, which lacks what was not yet written at a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_captured_day_of_a_sender_gives_the_calls_that_were_kept() {
    let port = native::free_port();
    let house = native::house(port);
    let sender = native::Sender::start(port, Duration::from_millis(1));
    for _ in 0..2 {
        let running = house.serve();
        more_calls_end(&house, 1200).await;
        running.kill();
    }
    let running = house.serve();
    more_calls_end(&house, 1200).await;
    assert!(!sender.end().is_empty());
    assert!(running.stop());
    agrees(&house, "shop");
}

/// That the capture, read again, gives the calls of the store, and masked it gives as many; how many
/// calls were not wholly seen.
fn agrees(house: &House, pbx: &str) -> usize {
    let captured = house.data().join("capture");
    let folder = captured.join(pbx);
    assert_eq!(std::fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 3, "a segment a start");

    let replayed = replay(&captured);
    let kept = kept(&house.database(), pbx);
    let unseen = unseen(&house.database());
    let (kept, replayed_surely) = (sure(&kept, &unseen), sure(&replayed, &unseen));
    assert!(kept.len() > 200, "only {} calls were wholly seen", kept.len());
    for (kept, replayed) in kept.iter().zip(&replayed_surely) {
        assert!(agree(kept, replayed), "kept {kept:#}, replayed {replayed:#}");
    }
    assert_eq!(kept.len(), replayed_surely.len());
    // A call that a gap fell into is there on both sides, and nothing is made of it.
    let unsure: Vec<&Value> = replayed.iter().filter(|call| call["certain"] == false).collect();
    for call in &unsure {
        assert!(call["outcome"] != "abandoned" || call["ended_by"] == "caller", "{call:#}");
    }

    let masked = house.data().join("masked");
    let done = ringback().args(["capture", "mask"]).arg(&captured).arg(&masked).output().expect("ringback capture");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let strangers = replay(&masked);
    let ends = |calls: &[Value]| -> Vec<Value> {
        calls
            .iter()
            .map(|call| [&call["started_at"], &call["outcome"], &call["talk_ms"]].map(Value::clone).into())
            .collect()
    };
    assert_eq!(ends(&strangers), ends(&replayed));
    let callers: BTreeSet<&str> = replayed.iter().filter_map(|call| call["caller"].as_str()).collect();
    let known = strangers.iter().filter(|call| call["caller"].as_str().is_some_and(|caller| callers.contains(caller)));
    assert!(known.count() * 10 < strangers.len(), "numbers have pseudonyms");
    unsure.len()
}

fn replay(captured: &Path) -> Vec<Value> {
    let output = ringback().args(["replay", "--json"]).arg(captured).output().expect("ringback replay");
    assert!(output.status.success());
    let replayed = String::from_utf8(output.stdout).expect("UTF-8");
    replayed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// When the daemon was not there, by its own word: what it had not kept at a kill is part of that.
fn unseen(db: &Connection) -> Vec<Range<DateTime<Utc>>> {
    let sql = "SELECT from_ms, to_ms FROM outages WHERE why = 'Ringback was not running'";
    let mut statement = db.prepare(sql).expect("SQL");
    let time = |row: &rusqlite::Row, at: usize| row.get(at).map(DateTime::from_timestamp_millis);
    let outage = |row: &rusqlite::Row| Ok(time(row, 0)?.expect("a time")..time(row, 1)?.expect("a time"));
    statement.query_map([], outage).expect("rows").map(|outage| outage.expect("an outage")).collect()
}

/// The calls of which all was seen, by who called whom when; without those that ended while, or hardly
/// before, the daemon was not there.
fn sure<'a>(calls: &'a [Value], unseen: &[Range<DateTime<Utc>>]) -> Vec<&'a Value> {
    let late = |call: &Value| {
        let ended = time(&call["ended_at"]);
        ended
            .is_some_and(|ended| unseen.iter().any(|gap| (gap.start - UNWRITTEN..gap.end + UNWRITTEN).contains(&ended)))
    };
    let all = calls.iter().filter(|call| call["certain"] == true && !call["ended_at"].is_null() && !late(call));
    let mut sure: Vec<&Value> = all.collect();
    sure.sort_by_key(|call| (call["caller"].to_string(), call["agent"].to_string(), time(&call["started_at"])));
    sure
}

/// The same call, to two milliseconds: what waited for a snapshot is timed by two clocks.
fn agree(one: &Value, other: &Value) -> bool {
    let same = ["direction", "caller", "number", "to", "agent", "outcome", "ended_by"];
    let near = |part: &str| match (time(&one[part]), time(&other[part])) {
        (Some(one), Some(other)) => (one - other).abs() <= TimeDelta::milliseconds(2),
        (one, other) => one == other,
    };
    let talk = |call: &Value| call["talk_ms"].as_i64().unwrap_or(0);
    same.iter().all(|part| one[part] == other[part])
        && ["started_at", "answered_at", "ended_at"].iter().all(|part| near(part))
        && (talk(one) - talk(other)).abs() <= 2
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

/// The store's calls in the words of `replay`.
fn kept(db: &Connection, pbx: &str) -> Vec<Value> {
    let sql = "SELECT json_object('direction', direction, 'caller', caller, 'number', iif(number LIKE '+%', number, NULL), 'to', reached, \
               'agent', agent, 'outcome', outcome, 'ended_by', ended_by, 'certain', json(iif(certain, 'true', 'false')), \
               'talk_ms', talk_ms, 'started_at', started_at_ms, 'answered_at', answered_at_ms, \
               'ended_at', ended_at_ms) FROM calls WHERE pbx = ?1";
    let mut statement = db.prepare(sql).expect("SQL");
    let rows = statement.query_map([pbx], |row| row.get::<_, String>(0)).expect("rows");
    rows.map(|row| {
        let mut call: Value = serde_json::from_str(&row.expect("a row")).expect("JSON");
        for moment in ["started_at", "answered_at", "ended_at"] {
            if let Some(ms) = call[moment].as_i64() {
                let at = DateTime::from_timestamp_millis(ms).expect("a time");
                call[moment] = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into();
            }
        }
        call
    })
    .collect()
}

async fn more_calls_end(house: &House, count: i64) {
    more(house, "SELECT count(*) FROM calls WHERE ended_at_ms IS NOT NULL", count).await;
}

/// Until this is so much more; it may take long, but must not stand still.
async fn more(house: &House, sql: &str, count: i64) {
    let mut so_far = number(house, sql);
    let goal = so_far + count;
    while so_far < goal {
        so_far = until(sql, async || {
            let now = number(house, sql);
            if now > so_far { Ok(now) } else { Err(format!("{now} of {goal}")) }
        })
        .await;
    }
}

async fn out_of_sight(house: &House, out: bool) {
    until("the link is cut, or whole again", async || {
        let open = number(house, "SELECT count(*) FROM outages WHERE to_ms IS NULL");
        if (open > 0) == out { Ok(()) } else { Err(format!("{open} outages are open")) }
    })
    .await;
}

fn number(house: &House, sql: &str) -> i64 {
    house.database().query_row(sql, [], |row| row.get(0)).unwrap_or_default()
}
