//! The policy through the real binary: what `ringback policy` prints, refuses and puts in force, and
//! who may set it while a daemon runs.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use chrono::{DateTime, Utc};
use reqwest::{Client, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::house::{House, ringback, sign_in, until};

fn policy(house: &House, args: &[&str]) -> Output {
    verb(house, args).output().expect("ringback policy")
}

fn verb(house: &House, args: &[&str]) -> Command {
    let mut command = ringback();
    command.arg("policy").args(args).arg("--config").arg(house.config());
    command
}

fn file(house: &House, name: &str, text: &str) -> PathBuf {
    let path = house.config().with_file_name(name);
    std::fs::write(&path, text).expect("a file");
    path
}

fn said(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn what_is_exported_is_checked_edited_and_imported() {
    let house = House::new("");
    let exported = policy(&house, &["export"]);
    assert!(exported.status.success());
    let text = said(&exported.stdout);
    assert!(text.contains("[clock.missed_call]\nwithin = \"30m\""), "{text}");
    let same = file(&house, "same.toml", &text);
    let checked = policy(&house, &["check", same.to_str().unwrap()]);
    assert!(checked.status.success() && said(&checked.stdout).contains("it changes nothing"), "{checked:?}");

    let ours = format!("# ours\n{}", text.replacen("within = \"30m\"", "within = \"20m\"", 1));
    let mut checking = verb(&house, &["check", "-"]);
    let mut checking = checking.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ringback policy check");
    checking.stdin.take().unwrap().write_all(ours.as_bytes()).unwrap();
    let checked = said(&checking.wait_with_output().unwrap().stdout);
    assert!(checked.contains("clock.missed_call.within: \"30m\" -> \"20m\""), "{checked}");
    let ours_file = file(&house, "ours.toml", &ours);
    let imported = policy(&house, &["import", ours_file.to_str().unwrap()]);
    assert_eq!(said(&imported.stdout), "version 1 is in force\n", "{imported:?}");
    assert_eq!(said(&policy(&house, &["export"]).stdout), ours, "comments and all");
    assert_eq!(said(&policy(&house, &["export", "--version", "0"]).stdout), text);
    let none = policy(&house, &["export", "--version", "9"]);
    assert!(!none.status.success() && said(&none.stderr).contains("they count from 0 to 1"), "{none:?}");

    let running = house.serve();
    let held = policy(&house, &["import", same.to_str().unwrap()]);
    let why = said(&held.stderr);
    assert!(!held.status.success() && why.contains("stop it, import, and start it again"), "{why}");
    assert!(why.contains(&running.pid().to_string()), "{why}");
    assert_eq!(said(&policy(&house, &["export"]).stdout), ours, "read while a daemon runs");
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_with_their_places() {
    let house = House::new("");
    let wrong = "[clock]\nmised_call = 3\n[clock.filing]\nwithin = \"soon\"\n[calendar.site]\nmonday = \"9-5\"\n";
    let bad = file(&house, "bad.toml", wrong);
    for verb in ["check", "import"] {
        let refused = policy(&house, &[verb, bad.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(1));
        let told = said(&refused.stderr);
        let name = bad.display();
        for place in
            ["2:1: \"mised_call\" is not known here; did you mean \"missed_call\"", "4:10: ", "6:1: ", "6:10: "]
        {
            assert!(told.contains(&format!("{name}:{place}")), "{place} in {told}");
        }
        assert_eq!(told.lines().count(), 4, "{told}");
    }
    let shipped = said(&policy(&house, &["export"]).stdout);
    assert!(shipped.contains("within = \"30m\""), "nothing was put in force");
}

#[test]
fn a_calendar_is_put_into_the_policy_and_a_year_without_one_is_warned_of() {
    let house = House::new("");
    let own = file(&house, "own.toml", "# by hand\n[calendar.site]\nholidays = \"own\"\n");
    let checked = said(&policy(&house, &["check", own.to_str().unwrap()]).stdout);
    assert!(checked.contains("warning: no holiday table for"), "{checked}");
    policy(&house, &["import", own.to_str().unwrap()]);
    let check = ringback().args(["check", "--config"]).arg(house.config()).output().unwrap();
    let check = said(&check.stdout);
    assert!(check.contains("warning  no holiday table for"), "{check}");
    assert!(check.contains("`ringback policy import-calendar` brings one"), "{check}");
    let mut serving = ringback();
    serving.args(["serve", "--config"]).arg(house.config()).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut served = serving.spawn().expect("ringback serve");
    let lines = BufReader::new(served.stderr.take().unwrap()).lines();
    let warned = lines.map_while(Result::ok).find(|line| line.contains("no holiday table for"));
    served.kill().expect("kill");
    served.wait().expect("wait");
    assert!(warned.is_some_and(|line| line.contains("WARN")), "also in the log of each start");

    let day = |day: &str, next: &str, what: &str| {
        format!(
            "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{day}\r\nDTEND;VALUE=DATE:{next}\r\nSUMMARY:{what}\r\nEND:VEVENT\r\n"
        )
    };
    let first = day("20270101", "20270102", "元旦（休）");
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{first}END:VCALENDAR\r\n");
    let ics = file(&house, "2027.ics", &text);
    let put_in = policy(&house, &["import-calendar", ics.to_str().unwrap()]);
    let text = said(&put_in.stdout);
    assert!(put_in.status.success(), "{put_in:?}");
    assert!(text.starts_with("# by hand\n") && text.contains("[calendar.site.year.2027]"), "{text}");
    assert!(text.contains("2027-01-01"), "{text}");
    assert!(said(&put_in.stderr).contains("2027: 1 days off, 0 make-up days"), "{put_in:?}");
    let with = file(&house, "with.toml", &text);
    assert!(policy(&house, &["import", with.to_str().unwrap()]).status.success());
    assert_eq!(said(&policy(&house, &["export"]).stdout), text);
}

async fn set(url: &str, who: &Client, version: i64, text: &str) -> (StatusCode, Value) {
    let asked = who.put(format!("{url}/api/v1/policy")).json(&json!({ "version": version, "text": text }));
    let answer = asked.send().await.expect("an answer");
    (answer.status(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn managers_set_it_while_the_daemon_runs_and_others_are_refused() {
    let house = House::new("");
    for role in ["agent", "supervisor", "manager"] {
        house.person(role, role, None);
    }
    let running = house.serve();
    let ours = "[clock.filing]\nwithin = \"8h\"\n";
    for (role, may_read) in [("agent", false), ("supervisor", true)] {
        let who = sign_in(&running.url, role).await;
        let (status, why) = set(&running.url, &who, 0, ours).await;
        assert_eq!((status, &why["code"]), (StatusCode::FORBIDDEN, &json!("not_allowed")), "{role}");
        let read = who.get(format!("{}/api/v1/policy", running.url)).send().await.unwrap();
        assert_eq!(read.status() == StatusCode::OK, may_read, "{role}");
    }
    let manager = sign_in(&running.url, "manager").await;
    assert_eq!(set(&running.url, &manager, 0, ours).await.1["version"], 1);
    let (status, late) = set(&running.url, &manager, 0, "").await;
    assert_eq!((status, &late["version"]), (StatusCode::CONFLICT, &json!(1)));
    let (status, wrong) = set(&running.url, &manager, 1, "[clock.filing]\nwithin = 8\n").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!((&wrong["mistakes"][0]["line"], &wrong["mistakes"][0]["column"]), (&json!(2), &json!(10)));
    running.kill();
    assert_eq!(said(&policy(&house, &["export"]).stdout), ours, "what was acknowledged is on disk");
    let kept = house.database();
    let by: String = kept
        .query_row("SELECT login FROM policies p JOIN people ON people.id = by_person WHERE version = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(by, "manager");
}

/// As after going back to an older binary, or a hand in the file.
#[test]
fn a_kept_policy_that_cannot_be_read_refuses_the_start_and_says_how_to_mend_it() {
    let house = House::new("");
    let ours = file(&house, "ours.toml", "[clock.filing]\nwithin = \"8h\"\n");
    assert!(policy(&house, &["import", ours.to_str().unwrap()]).status.success());
    let spoilt = "[clock.filing]\nwithin = \"8h\"\nfrom_the_future = 1\n";
    let db = Connection::open(house.data().join("ringback.sqlite")).unwrap();
    db.execute("UPDATE policies SET text = ?1 WHERE version = 1", [spoilt]).unwrap();
    drop(db);
    let refused = house.serve_to_its_end();
    let why = said(&refused.stderr);
    assert!(!refused.status.success(), "{why}");
    for part in
        ["version 1", "3:1: \"from_the_future\" is not known here", "ringback policy export", "ringback policy import"]
    {
        assert!(why.contains(part), "{part} in {why}");
    }
    // As it says.
    let exported = said(&policy(&house, &["export"]).stdout);
    assert_eq!(exported, spoilt);
    let mended = file(&house, "mended.toml", &exported.replace("from_the_future = 1\n", ""));
    let imported = policy(&house, &["import", mended.to_str().unwrap()]);
    assert_eq!(said(&imported.stdout), "version 2 is in force\n", "{imported:?}");
    assert!(house.serve().stop());
}

/// A hotline's day whose deadlines are short enough to see pass.
const HURRIED: &str = "[clock.resolution]\nwithin = \"2s\"\nexcept = []\n[clock.missed_call]\nwithin = \"4s\"\n\
    hours = \"all\"\nexcept = []\n[ladder]\nreminder_percent = 50\nescalated_after = \"2s\"\n";

fn demo(house: &House) -> Child {
    let mut demo = ringback();
    demo.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(house.data());
    let mut child = demo.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("ringback demo");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("listens on"))), "the demo ended");
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn rehearsed(house: &House, text: &str, more: &[&str]) -> Output {
    let tried = file(house, "tried.toml", text);
    policy(house, &[&["rehearse", tried.to_str().unwrap(), "--from", "2020-01-01"], more].concat())
}

fn report(house: &House, text: &str) -> Value {
    let told = rehearsed(house, text, &["--json"]);
    assert!(told.status.success(), "{}", said(&told.stderr));
    serde_json::from_slice(&told.stdout).expect("one JSON object")
}

#[tokio::test]
async fn a_policy_is_rehearsed_on_a_day_at_a_hotline_while_the_daemon_runs() {
    let house = House::new("");
    let hurried = file(&house, "hurried.toml", HURRIED);
    assert!(policy(&house, &["import", hurried.to_str().unwrap()]).status.success());
    let mut running = demo(&house);
    until("rungs of all three kinds", async || {
        let count = "SELECT count(*) * (count(DISTINCT rung) = 3) FROM rungs";
        let fired: i64 = house.database().query_row(count, [], |row| row.get(0)).unwrap_or_default();
        if fired >= 9 { Ok(()) } else { Err(format!("{fired} rungs")) }
    })
    .await;
    let same = report(&house, HURRIED);
    assert_eq!(same["differences"], json!([]), "the policy in force comes to what happened");
    assert!(same["obligations"].as_u64().unwrap() >= 6, "{same}");
    running.kill().expect("kill -9");
    running.wait().expect("wait");
    let same = report(&house, HURRIED);
    assert_eq!(same["differences"], json!([]), "and after a kill -9");
    let before = std::fs::read(house.data().join("ringback.sqlite")).unwrap();

    let tighter = HURRIED.replace("within = \"2s\"", "within = \"1s\"");
    let other = report(&house, &tighter);
    let differences = other["differences"].as_array().unwrap();
    assert!(!differences.is_empty());
    let ms = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap().timestamp_millis();
    for tale in differences {
        assert_eq!(tale["clock"], "resolution");
        let began = ms(&tale["began_at"]);
        let end = if tale["was"]["ended"].is_null() { ms(&other["until"]) } else { ms(&tale["was"]["ended"]["at"]) };
        let planned = |side: &str| -> Vec<i64> {
            tale[side]["rungs"].as_array().unwrap().iter().map(|rung| ms(&rung["planned_at"]) - began).collect()
        };
        let by_then = |all: [i64; 3]| all.into_iter().filter(|after| began + after <= end).collect::<Vec<_>>();
        assert_eq!(planned("would"), by_then([500, 1000, 3000]), "{tale}");
        assert!(by_then([1000, 2000, 4000]).starts_with(&planned("was")), "{tale}");
        for rung in tale["would"]["rungs"].as_array().unwrap() {
            assert!(!rung["told"].as_array().unwrap().is_empty(), "told to nobody: {tale}");
        }
    }
    let printed = said(&rehearsed(&house, &tighter, &[]).stdout);
    assert!(printed.contains(&format!("{} of ", differences.len())), "{printed}");
    assert!(printed.contains("as it was") && printed.contains("as it would have been"), "{printed}");
    assert!(printed.contains("version 1 was in force since"), "{printed}");
    assert_eq!(std::fs::read(house.data().join("ringback.sqlite")).unwrap(), before, "nothing was written");
}

#[test]
fn a_rehearsal_is_refused_with_what_would_be_right() {
    let house = House::new("");
    let refused = |text: &str, more: &[&str]| {
        let told = rehearsed(&house, text, more);
        assert!(!told.status.success() && told.stdout.is_empty(), "{told:?}");
        said(&told.stderr)
    };
    assert!(refused("", &[]).contains("nothing is kept in"));
    house.person("ann", "agent", None);
    let wrong = refused("[clock]\nmised_call = 1\n[callback]\ntalk = 3\n", &[]);
    assert!(wrong.contains("tried.toml:2:1: ") && wrong.contains("tried.toml:4:8: "), "{wrong}");
    let empty = refused("", &["--to", "2019-12-30"]);
    assert!(empty.contains("the period is empty"), "{empty}");
    let unreadable = refused("", &["--to", "yesterday"]);
    assert!(unreadable.contains("give a day, as in 2026-11-01"), "{unreadable}");
    let later = file(&house, "tried.toml", "");
    let later = policy(&house, &["rehearse", later.to_str().unwrap(), "--from", "2199-01-01"]);
    assert!(said(&later.stderr).contains("the period is empty"), "{later:?}");
}
