//! Sight on a real SQLite: coverage against an oracle that looks at every minute, the ledger, and
//! what hid part of a call.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::Connection;

use super::read::{Blind, Coverage, Gap};
use super::{Store, coverage, open, sight};
use crate::engine::house::policy;
use crate::ledger::{Entry, Hindrance};
use crate::{PbxName, Time};

fn minute(count: i64) -> Time {
    Time::UNIX_EPOCH + chrono::TimeDelta::minutes(1_000_000 + count)
}

fn new() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), policy()).unwrap();
    (dir, store)
}

fn ask(db: &Connection, from: i64, to: i64, now: i64) -> Coverage {
    let mut all = coverage::coverage(db, minute(from), minute(to), minute(now)).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Outages as they are told: begun, ended some time after or not yet, one after the other.
fn a_life(random: &mut StdRng, store: &mut Store, pbx: &PbxName, now: i64) -> Vec<bool> {
    let first = random.random_range(0..300);
    let mut seen: Vec<bool> = (0..now).map(|at| at >= first).collect();
    let mut told: Vec<(i64, Option<i64>)> = Vec::new();
    let mut at = first + random.random_range(1..60);
    while at < now {
        let lasts = random.random_range(1..90);
        let to = Some(at + lasts).filter(|to| *to < now);
        told.push((at, to));
        (at..to.unwrap_or(now)).for_each(|minute| seen[minute as usize] = false);
        at += lasts + random.random_range(1..120);
    }
    store
        .together(|writing| {
            // The PBX was out of reach when we first tried.
            if random.random_bool(0.5) && first > 0 {
                writing.outage(pbx, minute(0), None, "nobody answers")?;
            }
            writing.standing(pbx, minute(first), &[])?;
            for (from, to) in &told {
                writing.outage(pbx, minute(*from), None, "closed")?;
                if to.is_some() {
                    writing.outage(pbx, minute(*from), to.map(minute), "closed")?;
                }
            }
            Ok(())
        })
        .unwrap();
    store.watched = vec![pbx.clone()];
    store.together(|writing| writing.alive(minute(now))).unwrap();
    seen
}

#[test]
fn coverage_is_what_a_look_at_every_minute_says() {
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..20 {
        let (_dir, mut store) = new();
        let now = 1500;
        let seen = a_life(&mut random, &mut store, &"hq".into(), now);
        for _ in 0..60 {
            let from = random.random_range(-200..2000);
            let to = from + random.random_range(0..1500);
            let expected = (from..to).filter(|at| seen.get(*at as usize).copied().unwrap_or(false)).count() as i64;
            let told = ask(&store.db, from, to, now);
            assert_eq!((told.seen_ms, told.total_ms), (expected * 60_000, (to - from) * 60_000), "{from}..{to}");
            let gaps: i64 = told.gaps.iter().map(|gap| (gap.to - gap.from).num_minutes()).sum();
            assert_eq!(gaps, to - from - expected, "{from}..{to}: {:?}", told.gaps);
            assert!(told.gaps.windows(2).all(|two| two[0].to <= two[1].from), "in order, none twice: {:?}", told.gaps);
            assert_eq!(told.gaps_total, told.gaps.len());
        }
    }
}

#[test]
fn a_clock_that_is_set_back_leaves_no_pbx_out_of_sight_for_ever() {
    let (_dir, mut store) = new();
    let pbx = PbxName::from("hq");
    store.together(|writing| writing.standing(&pbx, minute(0), &[])).unwrap();
    store.together(|writing| writing.outage(&pbx, minute(70), None, "closed")).unwrap();
    store.together(|writing| writing.outage(&pbx, minute(11), None, "nobody answers")).unwrap();
    store.together(|writing| writing.standing(&pbx, minute(11), &[])).unwrap();
    let open: i64 =
        store.db().query_row("SELECT count(*) FROM outages WHERE to_ms IS NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(open, 0, "it is in sight, and can be asked");
}

#[test]
fn why_it_was_not_seen_is_told() {
    let (_dir, mut store) = new();
    let pbx: PbxName = "hq".into();
    store.together(|writing| writing.standing(&pbx, minute(10), &[])).unwrap();
    store.together(|writing| writing.outage(&pbx, minute(20), Some(minute(25)), "closed")).unwrap();
    store.watched = vec![pbx.clone()];
    store.together(|writing| writing.alive(minute(40))).unwrap();
    let gap = |from, to, why| Gap { from: minute(from), to: minute(to), why };
    let expected = [gap(0, 10, Blind::NotYet), gap(20, 25, Blind::Outage("closed".into())), gap(41, 60, Blind::Ahead)];
    assert_eq!(ask(&store.db, 0, 60, 41).gaps, expected);
    // Nobody wired it any more: the last note grows old.
    let later = ask(&store.db, 30, 100, 90);
    assert_eq!(later.gaps, [gap(40, 90, Blind::NoMore), gap(90, 100, Blind::Ahead)]);
    let upside_down = ask(&store.db, 60, 0, 41);
    assert_eq!((upside_down.total_ms, upside_down.seen_ms, upside_down.gaps), (0, 0, Vec::new()));
}

#[test]
fn of_very_many_gaps_all_are_counted_and_the_newest_listed() {
    let (_dir, mut store) = new();
    let pbx: PbxName = "hq".into();
    store.together(|writing| writing.standing(&pbx, minute(0), &[])).unwrap();
    store
        .together(|writing| {
            (0..700).try_for_each(|n| writing.outage(&pbx, minute(2 * n + 1), Some(minute(2 * n + 2)), "flaps"))
        })
        .unwrap();
    store.watched = vec![pbx.clone()];
    store.together(|writing| writing.alive(minute(1400))).unwrap();
    let told = ask(&store.db, 0, 1400, 1400);
    assert_eq!((told.gaps_total, told.gaps.len(), told.seen_ms), (700, 500, 700 * 60_000));
    assert_eq!(told.gaps.last().map(|gap| gap.to), Some(minute(1400)));
}

fn entry(pbx: Option<&str>, at: i64, what: Hindrance, detail: &str) -> Entry {
    Entry { pbx: pbx.map(PbxName::from), at: minute(at), what, detail: detail.to_owned() }
}

#[test]
fn the_ledger_has_everything_that_hindered_sight_once_and_newest_first() {
    let (_dir, mut store) = new();
    let lines = [
        entry(Some("hq"), 1, Hindrance::Restart, "anew"),
        entry(Some("hq"), 2, Hindrance::Drift, "a leg is gone"),
        entry(None, 3, Hindrance::ClockStep, "+3600.0 s"),
    ];
    // A commit that is tried again writes nothing twice.
    for _ in 0..2 {
        store.together(|writing| lines.iter().try_for_each(|line| writing.ledger(line))).unwrap();
    }
    store.together(|writing| writing.outage(&"hq".into(), minute(4), Some(minute(5)), "closed")).unwrap();
    let told = sight::ledger(&store.db, 10).unwrap();
    let mut expected = vec![(entry(Some("hq"), 4, Hindrance::Outage, "closed"), Some(minute(5)))];
    expected.extend(lines.into_iter().rev().map(|line| (line, None)));
    assert_eq!(told.into_iter().map(|row| (row.entry, row.to)).collect::<Vec<_>>(), expected);
    assert_eq!(sight::ledger(&store.db, 1).unwrap().len(), 1);
}

#[test]
fn what_hid_part_of_a_call_is_the_outage_that_it_touches_or_what_was_amiss_within_it() {
    let (_dir, mut store) = new();
    let pbx: PbxName = "hq".into();
    store
        .together(|writing| {
            writing.outage(&pbx, minute(10), Some(minute(12)), "closed")?;
            writing.outage(&"branch".into(), minute(0), None, "cut")?;
            writing.ledger(&entry(Some("hq"), 31, Hindrance::Drift, "a leg is gone"))?;
            writing.ledger(&entry(Some("hq"), 41, Hindrance::Resync, "asked again"))?;
            writing.outage(&pbx, minute(50), None, "away")
        })
        .unwrap();
    let gap = |from, to: Option<i64>| sight::gap(&store.db, &pbx, minute(from), to.map(minute)).unwrap();
    let why = |from, to| gap(from, to).map(|gap| gap.why);
    assert_eq!(why(5, Some(11)).as_deref(), Some("closed"));
    assert_eq!(why(11, Some(11)).as_deref(), Some("closed"));
    assert_eq!(why(5, Some(9)), None);
    assert_eq!(why(30, Some(32)).as_deref(), Some("a leg is gone"));
    assert_eq!(why(40, Some(42)), None, "to be asked again hides nothing");
    assert_eq!(why(45, None).as_deref(), Some("away"), "still up, and not seen");
}

#[test]
fn a_store_of_before_knows_since_when_it_looked() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = Connection::open(dir.path().join("ringback.sqlite")).unwrap();
    open::migrate_to(&mut db, 2);
    db.execute_batch(
        "INSERT INTO alive (pbx, at_ms) VALUES ('hq', 5000), ('branch', 5000), ('', 5000);
         INSERT INTO outages (pbx, from_ms, to_ms, why) VALUES ('hq', 2000, 3000, 'closed');",
    )
    .unwrap();
    db.close().unwrap();
    let store = Store::open(dir.path(), policy()).unwrap();
    let since = |pbx: &str| -> i64 {
        store.db.query_row("SELECT since_ms FROM alive WHERE pbx = ?1", [pbx], |row| row.get(0)).unwrap()
    };
    assert_eq!((since("hq"), since("branch")), (2000, 5000));
}
