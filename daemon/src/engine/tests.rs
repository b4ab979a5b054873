//! Commits that fail, commits that are shared, and an alarm under clocks that jump.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::house::*;
use super::{Commands, Input, Outlets, start};
use crate::calls::call::Outcome;
use crate::desk::News;
use crate::desk::command::{Command, Done, Given, Refusal};
use crate::live::{Notice, Topic};
use crate::store::Store;
use crate::{MessageId, Role, Time};

const MOBILE: &str = "+8613800138000";

fn missed(house: &mut House) {
    let at = house.now;
    let call = inbound("a", MOBILE, at);
    house.input(Input::Calls { at, calls: vec![Arc::new(ended(&call, at, Outcome::Abandoned))] });
}

fn fired(house: &House) -> Vec<String> {
    house.sql(
        "SELECT rung || ' ' || late FROM rungs r JOIN obligations o ON o.id = r.obligation
         WHERE o.kind <> 'resolution' ORDER BY planned_at_ms",
    )
}

/// A house whose disk takes no more than it has now.
fn full(house: &mut House) {
    let pages: i64 = house.engine().store.db().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    house.engine().store.db().execute_batch(&format!("PRAGMA max_page_count = {pages}")).unwrap();
}

#[test]
fn a_full_disk_tells_nobody_refuses_commands_and_loses_no_call() {
    let mut house = House::new();
    house.turn();
    full(&mut house);
    while house.told.try_recv().is_ok() {}
    // More than the free room of the last pages can take.
    let at = house.now;
    let calls = |range: std::ops::Range<i32>| -> Vec<_> {
        range
            .map(|n| Arc::new(ended(&inbound(&format!("c{n}"), &format!("+86138{n:08}"), at), at, Outcome::Missed)))
            .collect()
    };
    let (reply, mut answer) = oneshot::channel();
    let (login, name, password_hash) = ("ann".into(), "Ann".into(), "-".into());
    let add = Command::AddPerson { login, name, role: Role::Agent, password_hash };
    house.engine().waiting.push_back(Input::Calls { at, calls: calls(0..300) });
    house.engine().waiting.push_back(Input::Command(Box::new(Given { by: None, command: add.clone() }), reply));
    house.engine().waiting.push_back(Input::Calls { at, calls: calls(300..310) });
    house.turn();
    assert_eq!(answer.try_recv(), Ok(Err(Refusal::StoreFailed)));
    assert!(matches!(house.told.try_recv(), Ok((Topic::House, Notice::Store { failing: true }))));
    assert!(house.told.try_recv().is_err(), "nobody heard of what is not kept");
    assert_eq!(house.sql("SELECT count(*) FROM calls"), ["0"]);
    assert_eq!(house.sql("SELECT count(*) FROM people"), ["0"]);
    house.turn();
    assert!(house.told.try_recv().is_err());

    house.engine().store.db().execute_batch("PRAGMA max_page_count = 1000000").unwrap();
    house.turn();
    assert_eq!(house.sql("SELECT count(*) FROM calls"), ["310"]);
    assert_eq!(house.sql("SELECT count(*) FROM obligations WHERE kind = 'missed_call'"), ["310"]);
    assert!(house.told.try_recv().is_ok());
    assert_eq!(house.sql("PRAGMA integrity_check"), ["ok"]);
    house.give(None, add).unwrap();
}

#[test]
fn a_rung_that_the_disk_refuses_fires_once_it_can() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    missed(&mut house);
    house.engine().store.db().execute_batch("PRAGMA query_only = ON").unwrap();
    house.now += TimeDelta::minutes(24);
    house.turn();
    house.turn();
    assert_eq!(fired(&house), [""; 0]);
    assert!(house.ask(house.reader.told(boss, MessageId(0))).unwrap().is_empty());
    house.engine().store.db().execute_batch("PRAGMA query_only = OFF").unwrap();
    house.now += TimeDelta::seconds(3);
    house.turn();
    assert_eq!(fired(&house), ["reminder 0"]);
    assert_eq!(house.ask(house.reader.told(boss, MessageId(0))).unwrap().len(), 1);
}

#[test]
fn inputs_that_are_ready_share_one_commit() {
    let mut house = House::new();
    house.turn();
    let at = house.now;
    for n in 0..200 {
        let call = Arc::new(inbound(&format!("c{n}"), &format!("+86138{n:08}"), at));
        house.engine().waiting.push_back(Input::Calls { at, calls: vec![call] });
    }
    let wal = |house: &House| std::fs::metadata(house.dir.path().join("data/ringback.sqlite-wal")).unwrap().len();
    let before = wal(&house);
    house.turn();
    let frames = (wal(&house) - before) / 4120;
    assert_eq!(house.sql("SELECT count(*) FROM calls"), ["200"]);
    assert!(frames < 160, "{frames} pages for 200 calls: each was written once, not once a call");
}

#[test]
fn an_input_at_fault_spoils_only_itself() {
    let mut house = House::new();
    house.turn();
    let at = house.now;
    let clash = inbound("bad", MOBILE, at);
    let refuse_bad = "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.calls WHEN NEW.id = 'bad'
         BEGIN SELECT RAISE(ABORT, 'no such call'); END";
    house.engine().store.db().execute_batch(refuse_bad).unwrap();
    for call in [inbound("good", "+8613900139000", at), clash, inbound("fine", "+8613700137000", at)] {
        house.engine().waiting.push_back(Input::Calls { at, calls: vec![Arc::new(call)] });
    }
    house.turn();
    assert_eq!(house.sql("SELECT id FROM calls ORDER BY id"), ["fine", "good"]);
    house.turn();
    assert_eq!(house.sql("SELECT count(*) FROM calls"), ["2"]);
}

#[test]
fn a_rung_that_cannot_be_kept_keeps_no_other_from_firing() {
    let mut house = House::new();
    house.person("boss", Role::Supervisor, None);
    missed(&mut house);
    house.sql("UPDATE obligations SET kind = 'of a later version' WHERE kind = 'missed_call' RETURNING id");
    let at = house.now;
    let other = inbound("b", "+8613900139000", at);
    house.input(Input::Calls { at, calls: vec![Arc::new(ended(&other, at, Outcome::Abandoned))] });
    house.now += TimeDelta::minutes(25);
    house.turn();
    assert_eq!(fired(&house), ["reminder 1"]);
    assert_eq!(house.engine().due, Some(at + TimeDelta::minutes(30)), "waits for the next one, not in a loop");
    house.until(at + TimeDelta::minutes(30));
    assert_eq!(fired(&house), ["reminder 1", "due 0"]);
    // Mended, it fires after the next start.
    house.sql("UPDATE obligations SET kind = 'missed_call' WHERE kind = 'of a later version' RETURNING id");
    house.crash();
    house.turn();
    assert_eq!(fired(&house).len(), 4);
}

#[test]
fn rungs_that_fell_into_an_absence_fire_at_the_start_marked_late() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    missed(&mut house);
    let began = house.now;
    house.crash();
    house.now = began + TimeDelta::hours(3);
    house.turn();
    assert_eq!(fired(&house), ["reminder 1", "due 1"]);
    let due = &house.duties(boss)[0];
    assert_eq!(due.fired[0].planned_at, began + TimeDelta::minutes(24));
    assert_eq!(due.fired[0].fired_at, began + TimeDelta::hours(3));
    house.until(began + TimeDelta::days(3));
    assert_eq!(fired(&house), ["reminder 1", "due 1", "escalated 0"]);
}

#[test]
fn whatever_the_clock_does_nothing_fires_twice_or_early() {
    let mut house = House::new();
    house.person("boss", Role::Supervisor, None);
    missed(&mut house);
    let began = house.now;
    let jump = |house: &mut House, to: Time| {
        house.now = to;
        house.turn();
    };
    jump(&mut house, began - TimeDelta::hours(1));
    assert_eq!(fired(&house), [""; 0]);
    jump(&mut house, began + TimeDelta::minutes(25));
    assert_eq!(fired(&house).len(), 1);
    jump(&mut house, began - TimeDelta::hours(1));
    jump(&mut house, began + TimeDelta::minutes(24));
    assert_eq!(fired(&house).len(), 1, "stepped back over its time and on again");
    jump(&mut house, began + TimeDelta::days(3650));
    jump(&mut house, began);
    jump(&mut house, began + TimeDelta::days(3650));
    assert_eq!(fired(&house), ["reminder 1", "due 1", "escalated 1"]);
    assert_eq!(house.sql("SELECT count(*) FROM outbox"), ["6"], "of the callback, and of the solution");
}

#[test]
fn a_talk_of_before_the_clock_was_set_back_is_no_talk_since() {
    let mut house = House::new();
    let ahead = house.now + TimeDelta::hours(1);
    let talk = talking(&inbound("served", MOBILE, ahead), "1001", ahead);
    let end = ahead + TimeDelta::minutes(2);
    house.sees(end, &ended(&talk, end, Outcome::Answered));
    house.now = ahead - TimeDelta::minutes(30);
    missed(&mut house);
    assert_eq!(house.sql("SELECT count(*) FROM obligations WHERE kind = 'missed_call'"), ["1"]);
}

fn outages(house: &House) -> Vec<String> {
    house.sql(
        "SELECT why || ' ' || ((from_ms - 1795485600000) / 1000) || ' '
            || coalesce((to_ms - 1795485600000) / 1000, '…') FROM outages ORDER BY from_ms",
    )
}

fn snapshot(house: &mut House, at: Time, up: &[&str]) {
    house.until(at);
    house.input(Input::Standing { pbx: "hq".into(), at, up: up.iter().map(|id| (*id).into()).collect() });
}

#[test]
fn the_time_in_which_the_daemon_did_not_run_is_an_outage() {
    let mut house = House::new();
    house.turn();
    assert_eq!(outages(&house), [""; 0], "a PBX that was never seen was not missed");
    snapshot(&mut house, t(10.0), &[]);
    house.sees(t(12.0), &inbound("waits", MOBILE, t(12.0)));
    house.sees(t(13.0), &talking(&inbound("talks", "+8613900139000", t(12.0)), "1001", t(13.0)));
    house.sees(t(14.0), &inbound("stays", "+8613700137000", t(14.0)));
    // Noted with whatever else is kept, or alone.
    house.now = t(95.0);
    house.turn();
    house.now = t(100.0);
    house.crash();
    assert_eq!(outages(&house), ["Ringback was not running 95 …"]);
    house.now = t(700.0);
    house.turn();
    assert_eq!(outages(&house), ["Ringback was not running 95 …"], "running is not yet seeing");
    snapshot(&mut house, t(702.0), &["stays"]);
    assert_eq!(outages(&house), ["Ringback was not running 95 702"]);
    let calls = house.sql("SELECT id || ' ' || coalesce(outcome, 'up') || ' ' || certain FROM calls ORDER BY id");
    assert_eq!(calls, ["stays up 1", "talks answered 0", "waits failed 0"]);
    assert_eq!(
        house.sql("SELECT count(*) FROM obligations WHERE kind = 'missed_call'"),
        ["0"],
        "nobody saw anybody give up"
    );
}

#[test]
fn no_moment_is_out_of_sight_twice() {
    let mut house = House::new();
    snapshot(&mut house, t(10.0), &[]);
    let outage = |from, to| Input::Outage { pbx: "hq".into(), from, to, why: "closed".into() };
    house.until(t(50.0));
    house.input(outage(t(50.0), None));
    house.now = t(80.0);
    house.turn();
    house.crash();
    // Back, and the PBX is not there; then it is.
    house.now = t(100.0);
    house.input(outage(t(100.0), None));
    snapshot(&mut house, t(110.0), &[]);
    house.input(outage(t(100.0), Some(t(110.0))));
    house.until(t(200.0));
    let expected = ["closed 50 80", "Ringback was not running 80 100", "closed 100 110"];
    assert_eq!(outages(&house), expected);
    let coverage = house.ask(house.reader.coverage(t(0.0), t(200.0), t(200.0))).unwrap();
    assert_eq!(coverage[0].seen_ms, 200_000 - 10_000 - 60_000, "before the first sight nothing was seen");
}

#[test]
fn while_the_disk_refuses_commands_are_refused_at_once_and_calls_wait() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), policy()).unwrap();
    store.db().execute_batch("PRAGMA busy_timeout = 0").unwrap();
    let (told_to, mut told) = mpsc::channel(100_000);
    let (errands, _) = mpsc::channel(1);
    let (stop, now) = (CancellationToken::new(), t(0.0));
    let outlets = Outlets { told: told_to, errands, outbox: Arc::default() };
    let (inbox, thread) = start(store, outlets, move || now, stop.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let commands = Commands::new(inbox.clone());
        let command = Command::AddPerson {
            login: "ann".into(),
            name: "Ann".into(),
            role: Role::Agent,
            password_hash: "-".into(),
        };
        let other = rusqlite::Connection::open(dir.path().join("ringback.sqlite")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        // Many times what a commit and the inbox take together.
        for n in 0..20_000 {
            let call = Arc::new(inbound(&format!("c{}", n % 100), MOBILE, now));
            inbox.send(Input::Calls { at: now, calls: vec![call] }).await.unwrap();
        }
        let asked = std::time::Instant::now();
        let answer = commands.give(Given { by: None, command: command.clone() }).await;
        assert_eq!(answer, Err(Refusal::StoreFailed));
        assert!(asked.elapsed() < std::time::Duration::from_millis(500), "after {:?}", asked.elapsed());
        let failing = async |told: &mut mpsc::Receiver<(Topic, Notice)>| loop {
            if let Some((Topic::House, Notice::Store { failing })) = told.recv().await {
                return failing;
            }
        };
        assert!(failing(&mut told).await);
        other.execute_batch("ROLLBACK").unwrap();
        assert!(!failing(&mut told).await);
        assert!(commands.give(Given { by: None, command }).await.is_ok());
    });
    drop(inbox);
    stop.cancel();
    thread.join().unwrap();
    let kept = rusqlite::Connection::open(dir.path().join("ringback.sqlite")).unwrap();
    let kept: i64 = kept.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 100);
}

#[test]
fn after_the_commit_owner_and_board_hear_of_it() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, Some("1001"));
    while house.told.try_recv().is_ok() {}
    let at = house.now;
    let talk = talking(&inbound("a", MOBILE, at), "1001", at);
    house.sees(at, &talk);
    let mut heard = Vec::new();
    while let Ok((topic, notice)) = house.told.try_recv() {
        heard.push((topic, format!("{notice:?}")));
    }
    let ticket = Notice::Ticket(house.ticket_of(&talk).unwrap());
    assert!(heard.contains(&(Topic::Person(ann), format!("{ticket:?}"))), "{heard:?}");
    assert!(heard.contains(&(Topic::Board, format!("{ticket:?}"))), "{heard:?}");
    assert_eq!(heard.len(), heard.iter().collect::<std::collections::BTreeSet<_>>().len(), "each thing once");
}

#[test]
fn the_thread_answers_commands_delivers_rungs_and_commits_all_it_was_given_before_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), policy()).unwrap();
    let reader = store.reader().unwrap();
    let (told_to, mut told) = mpsc::channel(64);
    let (errands, _) = mpsc::channel(1);
    let outbox = Arc::new(Notify::new());
    let outlets = Outlets { told: told_to.clone(), errands, outbox: outbox.clone() };
    let (stop, now) = (CancellationToken::new(), t(0.0));
    let (inbox, thread) = start(store, outlets, move || now, stop.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let worker = tokio::spawn(crate::outbox::deliver(reader.clone(), inbox.clone(), told_to, outbox, stop.clone()));
        let (login, name, password_hash) = ("boss".into(), "Boss".into(), "-".into());
        let command = Command::AddPerson { login, name, role: Role::Supervisor, password_hash };
        let boss = Commands::new(inbox.clone()).give(Given { by: None, command }).await.unwrap();
        // A caller who was missed so long ago that two rungs are past.
        let at = now - TimeDelta::hours(1);
        let call = Arc::new(ended(&inbound("a", MOBILE, at), at, Outcome::Abandoned));
        inbox.send(Input::Calls { at, calls: vec![call] }).await.unwrap();
        let mut rungs = Vec::new();
        while rungs.len() < 2 {
            if let (_, Notice::Told(told)) = told.recv().await.unwrap() {
                assert_eq!(Done::Person(told.person), boss);
                rungs.extend(told.tellings.iter().map(|telling| telling.news));
            }
        }
        assert_eq!(rungs, [News::Reminder, News::Due]);
        let late = Arc::new(inbound("b", MOBILE, now));
        inbox.send(Input::Calls { at: now, calls: vec![late] }).await.unwrap();
        stop.cancel();
        worker.await.unwrap();
    });
    drop(inbox);
    thread.join().unwrap();
    assert!(runtime.block_on(reader.ticket_of("b".into())).unwrap().is_some());
    assert!(runtime.block_on(reader.undelivered(MessageId(0))).unwrap().is_empty(), "each was marked as delivered");
}
