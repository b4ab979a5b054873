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

/// A file in a form, as a browser sends it.
async fn attach(boss: &reqwest::Client, path: &str, name: &str, bytes: &[u8]) {
    let head = format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), bytes, b"\r\n--edge--\r\n"].concat();
    let request = boss.post(path).header("content-type", "multipart/form-data; boundary=edge").body(body);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 201, "{name}");
}

/// A matter with notes and files, of which another became part: all of it is in the pack, and copies of the
/// same store give the same pack to the byte.
#[tokio::test]
async fn a_pack_holds_notes_files_and_what_became_part_of_the_matter() {
    let house = House::new("");
    house.person("boss", "supervisor", None);
    let running = house.serve();
    let boss = sign_in(&running.url, "boss").await;
    let api = format!("{}/api/v1/tickets", running.url);
    let mut numbers = Vec::new();
    let (png, pdf) = (b"\x89PNG\r\n\x1a\n a cracked door".as_slice(), b"%PDF-1.7 an invoice".as_slice());
    for (words, name, bytes) in [("冰箱门封条开裂", "冰箱.png", png), ("发票在这里", "发票.pdf", pdf)] {
        let opened = boss.post(&api).json(&json!({ "channel": "visit", "kind": "complaint" }));
        let ticket: Value = opened.send().await.expect("an answer").json().await.expect("JSON");
        let number = ticket["number"].as_str().expect("a number").to_owned();
        let noted = boss.post(format!("{api}/{number}/papers")).json(&json!({ "what": "comment", "words": words }));
        assert_eq!(noted.send().await.expect("an answer").status(), 201);
        attach(&boss, &format!("{api}/{number}/files"), name, bytes).await;
        numbers.push(number);
    }
    let [whole, part] = numbers.try_into().expect("two");
    let merged = boss.post(format!("{api}/{part}/regroup")).json(&json!({ "what": "merge", "into": whole }));
    assert_eq!(merged.send().await.expect("an answer").status(), 200);
    let pack = boss.get(format!("{api}/{whole}/evidence.zip")).send().await.expect("an answer");
    let pack = pack.bytes().await.expect("a file");
    assert!(running.stop());

    let dir = tempfile::tempdir().expect("a directory");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&pack)).expect("a zip");
    archive.extract(dir.path()).expect("its files");
    let files = unpack(&pack).expect("files");
    let mut summed = Command::new("sha256sum");
    let summed = summed.args(["--check", "--strict", "MANIFEST.sha256"]).current_dir(dir.path()).output();
    let summed = summed.expect("sha256sum");
    assert!(summed.status.success(), "{summed:?}");
    assert_eq!(said(&summed).lines().count(), archive.len() - 1, "each file but the list itself");
    let lying: Vec<&[u8]> =
        files.iter().filter(|(name, _)| name.starts_with("attachments/")).map(|(_, bytes)| &bytes[..]).collect();
    assert!(lying.contains(&png) && lying.contains(&pdf), "{:?}", files.keys());
    let json = |name: &str| -> Value { serde_json::from_slice(&files[name]).expect("JSON") };
    let ticket = json("ticket.json");
    let words: Vec<&str> =
        ticket["comments"].as_array().expect("notes").iter().filter_map(|note| note["words"].as_str()).collect();
    assert_eq!(words, ["冰箱门封条开裂", "发票在这里"]);
    for file in ticket["files"].as_array().expect("files") {
        assert!(lying.iter().any(|bytes| sha256sum(bytes) == file["sha256"]), "{file}");
    }
    let chain = json("chain.json");
    let facts = chain["facts"].as_array().expect("facts").len();
    let index = String::from_utf8_lossy(&files["index.html"]).into_owned();
    assert!(index.contains("发票在这里") && index.contains(&part), "what became part of it is told");
    let path = dir.path().join("pack.zip");
    std::fs::write(&path, &pack).expect("a file");
    let path = path.to_str().expect("a path");
    let verified = verify(&house, &["--pack", path]);
    assert!(verified.status.success(), "{}", said(&verified));

    // Two copies of the same store, each asked once.
    let copies = ["one", "two"].map(|name| {
        let copy = dir.path().join(name);
        let copied = Command::new("cp").arg("-r").arg(house.data()).arg(&copy).status().expect("cp");
        assert!(copied.success());
        let config = dir.path().join(format!("{name}.toml"));
        std::fs::write(&config, format!("data = {copy:?}\n")).expect("a configuration");
        let out = dir.path().join(format!("{name}.zip"));
        let mut made = ringback();
        made.args(["evidence", &whole]).arg(&out).arg("--config").arg(&config).args(["--language", "en"]);
        let made = made.output().expect("ringback evidence");
        assert!(made.status.success(), "{made:?}");
        std::fs::read(&out).expect("a pack")
    });
    assert!(copies[0] == copies[1], "the same state gives the same bytes");
    let later: Value = serde_json::from_slice(&unpack(&copies[0]).expect("files")["chain.json"]).expect("JSON");
    assert_eq!(later["facts"].as_array().expect("facts").len(), facts + 1, "that it was taken away is another fact");
    // One byte of a file that lies there, changed on disk, is found.
    let hash = ticket["files"][0]["sha256"].as_str().expect("a hash");
    let file = house.data().join("attachments").join(&hash[..2]).join(hash);
    let mut bytes = std::fs::read(&file).expect("a file");
    bytes[9] ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    assert_eq!(verify(&house, &[]).status.code(), Some(1));
}
