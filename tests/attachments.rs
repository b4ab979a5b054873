//! `kill -9` of the real binary in the middle of uploads, again and again: no row without its file, no file
//! that stays for ever without a row, and each file's content is what it is named by.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::house::{House, sign_in};

/// Each comes about when the uploads of its round end, on whatever machine: later after a round in which some
/// were broken off, and earlier after one in which none was.
const KILLS: u64 = 60;

/// At once, of each round: small and large ones end at other times.
const SIZES: [usize; 4] = [200, 40_000, 700_000, 3_000_000];

#[tokio::test(flavor = "multi_thread")]
async fn files_and_their_rows_come_and_go_together() {
    let house = House::new("");
    house.person("boss", "supervisor", None);
    let running = house.serve();
    let boss = sign_in(&running.url, "boss").await;
    let opened = boss.post(format!("{}/api/v1/tickets", running.url)).json(&json!({ "channel": "visit" }));
    let ticket: Value = opened.send().await.expect("an answer").json().await.expect("JSON");
    let number = ticket["number"].as_str().expect("a number").to_owned();
    let begun = Instant::now();
    for (nth, bytes) in SIZES.iter().enumerate() {
        assert!(upload(boss.clone(), &running.url, &number, &picture(KILLS + nth as u64, *bytes)).await, "kept");
    }
    let mut comes = begun.elapsed() / 4;
    running.kill();

    let mut promised = BTreeSet::new();
    let (mut broken_off, mut left_over) = (0, 0);
    for kill in 0..KILLS {
        let running = house.serve();
        let uploads: Vec<_> = SIZES
            .iter()
            // Every fifth round brings what the one before brought.
            .map(|bytes| picture(kill - u64::from(kill % 5 == 4), *bytes))
            .map(|bytes| (digest(&bytes), upload(boss.clone(), &running.url, &number, &bytes)))
            .map(|(sha256, upload)| (sha256, tokio::spawn(upload)))
            .collect();
        tokio::time::sleep(comes).await;
        running.kill();
        let before = broken_off;
        for (sha256, upload) in uploads {
            match upload.await.expect("an upload") {
                true => drop(promised.insert(sha256)),
                false => broken_off += 1,
            }
        }
        comes = comes.mul_f64(if broken_off > before { 1.4 } else { 0.6 });
        // A row may not speak of what is not there at any moment, also not before the next start.
        let kept = rows(&house);
        for (sha256, bytes) in &kept {
            let file = std::fs::read(file_of(&house.data(), sha256)).unwrap_or_else(|e| panic!("{sha256}: {e}"));
            assert_eq!((digest(&file), file.len() as i64), (sha256.clone(), *bytes));
        }
        let named: BTreeSet<_> = kept.into_iter().map(|(sha256, _)| sha256).collect();
        assert!(promised.is_subset(&named), "what was answered is kept: {promised:?}");
        left_over += files(&house.data()).iter().filter(|file| !named.contains(&name(file))).count();
    }
    eprintln!("{KILLS} kills: {} kept, {broken_off} broken off, {left_over} files left over", promised.len());
    assert!(promised.len() > 5 && broken_off > 5 && left_over > 0, "kills came in the middle of uploads");

    let running = house.serve();
    let named: BTreeSet<_> = rows(&house).into_iter().map(|(sha256, _)| sha256).collect();
    let there: BTreeSet<_> = files(&house.data()).iter().map(|file| name(file)).collect();
    assert_eq!(there, named, "a start sweeps what nobody speaks of, and nothing else");
    let whole = boss.get(format!("{}/api/v1/tickets/{number}", running.url)).send().await.expect("an answer");
    let whole: Value = whole.json().await.expect("JSON");
    for file in whole["files"].as_array().expect("files").iter().take(5) {
        let path = format!("{}/api/v1/tickets/{number}/files/{}", running.url, file["id"]);
        let bytes = boss.get(path).send().await.expect("an answer").bytes().await.expect("a file");
        assert_eq!(digest(&bytes), file["sha256"]);
    }
    assert!(running.stop());
}

/// Something that is taken for a picture, unlike any other.
fn picture(seed: u64, bytes: usize) -> Vec<u8> {
    let mut whole = b"\x89PNG\r\n\x1a\n".to_vec();
    whole.extend(format!("{seed} {bytes} ").bytes().cycle().take(bytes));
    whole
}

/// Whether it was answered that it is kept.
fn upload(client: Client, url: &str, number: &str, bytes: &[u8]) -> impl Future<Output = bool> + use<> {
    let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
    let body = [head.as_bytes(), bytes, b"\r\n--edge--\r\n"].concat();
    let request = client.post(format!("{url}/api/v1/tickets/{number}/files"));
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge").body(body);
    async move { request.send().await.is_ok_and(|answer| answer.status() == StatusCode::CREATED) }
}

fn rows(house: &House) -> Vec<(String, i64)> {
    let db = house.database();
    let mut statement = db.prepare("SELECT DISTINCT sha256, bytes FROM attachments").expect("the store");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// All that lie there, whole or not.
fn files(data: &Path) -> Vec<PathBuf> {
    let listed = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    listed(&data.join("attachments")).iter().flat_map(|folder| listed(folder)).collect()
}

fn file_of(data: &Path, sha256: &str) -> PathBuf {
    data.join("attachments").join(&sha256[..2]).join(sha256)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
