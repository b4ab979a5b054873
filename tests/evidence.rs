//! Evidence through the real binary: `ringback verify` beside a running daemon and after it, a matter's
//! pack by API and command line, and the same pack checked with `sha256sum` alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use daemon::evidence::unpack;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::house::{House, ringback, sign_in};

fn verify(house: &House, args: &[&str]) -> Output {
    ringback().arg("verify").arg("--data").arg(house.data()).args(args).output().expect("ringback verify")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn head(output: &Output) -> String {
    let said = said(output);
    let head = said.lines().find_map(|line| line.strip_prefix("head: "));
    head.unwrap_or_else(|| panic!("no head: {said}")).to_owned()
}

/// As somebody does who has no ringback.
fn sha256sum(text: &[u8]) -> String {
    let mut sum = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sha256sum");
    sum.stdin.take().expect("a pipe").write_all(text).expect("a pipe");
    let output = sum.wait_with_output().expect("sha256sum");
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_was_kept_is_verified_beside_a_daemon_and_a_change_is_found() {
    let house = House::new("[site]\ntime_zone = \"Asia/Shanghai\"\n");
    house.person("boss", "supervisor", None);
    let before = head(&verify(&house, &[]));
    let running = house.serve();
    let boss = sign_in(&running.url, "boss").await;
    let opened = boss
        .post(format!("{}/api/v1/tickets", running.url))
        .json(&json!({ "number": "13800135827", "kind": "complaint" }));
    let ticket: Value = opened.send().await.expect("an answer").json().await.expect("JSON");
    let number = ticket["number"].as_str().expect("a number").to_owned();
    let beside = verify(&house, &["--head", &before]);
    assert!(beside.status.success() && said(&beside).contains("nothing was changed"), "{}", said(&beside));
    let asked =
        boss.get(format!("{}/api/v1/tickets/{number}/evidence.zip", running.url)).send().await.expect("an answer");
    let pack = asked.bytes().await.expect("a file");
    let file = house.config().with_file_name("pack.zip");
    std::fs::write(&file, &pack).expect("a file");
    let path = file.to_str().expect("a path");
    let by_itself = ringback().args(["verify", "--pack", path]).output().expect("ringback verify");
    assert!(by_itself.status.success(), "{}", said(&by_itself));
    assert!(verify(&house, &["--pack", path]).status.success(), "the store knows what it made");

    // Beside the daemon, who keeps that it was made before the file is there.
    let evidence = |out: &Path| {
        let mut command = ringback();
        command.args(["evidence", &number]).arg(out).arg("--config").arg(house.config()).args(["--language", "en"]);
        command.output().expect("ringback evidence")
    };
    let live = house.config().with_file_name("live.zip");
    let made = evidence(&live);
    assert!(made.status.success(), "{made:?}");
    assert!(verify(&house, &["--pack", live.to_str().expect("a path")]).status.success(), "the store knows it");
    let export = || {
        let mut command = ringback();
        command.args(["customers", "export"]).arg("--config").arg(house.config());
        command.output().expect("ringback customers export")
    };
    assert!(export().status.success());
    assert!(!house.data().join("aside").read_dir().expect("a folder").any(|_| true), "nothing is left there");
    assert!(running.stop());
    assert!(export().status.success(), "without one too");
    let db = Connection::open(house.data().join("ringback.sqlite")).expect("the store");
    let kept = |kind: &str| -> i64 {
        let count = "SELECT count(*) FROM facts WHERE kind = ?1 AND by_person IS NULL";
        db.query_row(count, [kind], |row| row.get(0)).expect("a count")
    };
    assert_eq!((kept("evidence_made"), kept("customers_exported")), (1, 2));
    drop(db);

    // The command line makes one too, and does not write over it.
    let other = house.config().with_file_name("other.zip");
    let made = evidence(&other);
    assert!(made.status.success(), "{made:?}");
    assert!(!evidence(&other).status.success());
    assert!(verify(&house, &["--pack", other.to_str().expect("a path")]).status.success());
    let whole = head(&verify(&house, &["--head", &before]));

    let db = Connection::open(house.data().join("ringback.sqlite")).expect("the store");
    let changed = "UPDATE tickets SET opened_at_ms = opened_at_ms + 1 WHERE number = ?1";
    assert_eq!(db.execute(changed, [&number]).expect("a change"), 1);
    let found = verify(&house, &["--head", &whole]);
    assert_eq!(found.status.code(), Some(1));
    assert!(
        said(&found).contains(&format!("tickets, row {} ({number}): is not as the daemon left it", ticket["id"])),
        "{}",
        said(&found)
    );
    let changed = "UPDATE tickets SET opened_at_ms = opened_at_ms - 1 WHERE number = ?1";
    db.execute(changed, [&number]).expect("a change");
    assert!(verify(&house, &["--head", &whole]).status.success());
    let nobodys = "0".repeat(64);
    assert_eq!(verify(&house, &["--head", &nobodys]).status.code(), Some(1));
    let mut torn = pack.to_vec();
    let middle = torn.len() / 2;
    torn[middle] ^= 1;
    std::fs::write(&file, &torn).expect("a file");
    let torn = ringback().args(["verify", "--pack", path]).output().expect("ringback verify");
    assert_eq!(torn.status.code(), Some(1), "{}", said(&torn));
}

/// What VERIFY.txt says, done.
#[tokio::test]
async fn a_pack_is_checked_by_hand_with_sha256sum() {
    let house = House::new("");
    house.person("boss", "supervisor", None);
    let running = house.serve();
    let boss = sign_in(&running.url, "boss").await;
    let opened = boss.post(format!("{}/api/v1/tickets", running.url)).json(&json!({ "number": "13800135827" }));
    let ticket: Value = opened.send().await.expect("an answer").json().await.expect("JSON");
    let path = format!("{}/tickets/{}/evidence.zip", running.url, ticket["number"].as_str().expect("a number"));
    let pack = boss.get(path).send().await.expect("an answer").bytes().await.expect("a file");
    let files = unpack(&pack).expect("files");
    let chain: Value = serde_json::from_slice(&files["chain.json"]).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let seals: BTreeMap<i64, &Value> = chain["seals"]
        .as_array()
        .expect("seals")
        .iter()
        .map(|seal| (seal["nth"].as_i64().expect("nth"), seal))
        .collect();
    let facts = chain["facts"].as_array().expect("facts");
    assert!(facts.len() >= 2, "{facts:?}");
    for fact in facts {
        assert_eq!(sha256sum(&files[&format!("facts/{}.json", fact["seq"])]), fact["digest"]);
        let mut hash = sha256sum(format!("{} {}", text(&fact["before"]), text(&fact["digest"])).as_bytes());
        assert_eq!(hash, fact["hash"]);
        for digest in fact["then"].as_array().expect("digests") {
            hash = sha256sum(format!("{hash} {}", text(digest)).as_bytes());
        }
        let mut nth = fact["seal"].as_i64().expect("a seal");
        assert_eq!(hash, seals[&nth]["fact_hash"]);
        // Up to the head, by whichever seal stands right over it.
        while nth != chain["head"]["seal"] {
            let below = text(&seals[&nth]["hash"]);
            let over = seals.range(nth + 1..).find(|(_, seal)| seal["before"] == below || seal["skipped"] == below);
            nth = *over.unwrap_or_else(|| panic!("nothing stands over seal {nth}")).0;
        }
    }
    for (nth, seal) in &seals {
        let [before, skipped, fact_hash, rows] =
            ["before", "skipped", "fact_hash", "rows"].map(|name| text(&seal[name]));
        let line = format!("{before} {skipped} {nth} {} {fact_hash} {rows}", seal["fact"]);
        assert_eq!(sha256sum(line.as_bytes()), seal["hash"]);
    }
    assert_eq!(seals[&chain["head"]["seal"].as_i64().expect("a head")]["hash"], chain["head"]["hash"]);
    let rows = chain["rows"].as_array().expect("rows");
    assert!(rows.iter().any(|row| row["table"] == "tickets"), "{rows:?}");
    for row in rows {
        let (table, rowid) = (text(&row["table"]), &row["rowid"]);
        let digest = sha256sum(&files[&format!("rows/{table}-{rowid}.json")]);
        let lines = &files[&format!("seals/{}.txt", row["seal"])];
        assert_eq!(sha256sum(lines), seals[&row["seal"].as_i64().expect("a seal")]["rows"]);
        let lines = String::from_utf8_lossy(lines);
        assert!(lines.lines().any(|line| line == format!("{table} {rowid} {digest}")), "{lines}");
    }
}
