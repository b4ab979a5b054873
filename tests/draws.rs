//! Draws of spot checks through the real binary: what was drawn is printed and comes to the same by hand,
//! and a lot that somebody changed is found.

use std::process::Output;

use daemon::store::verify::digest;
use reqwest::{Client, StatusCode, header};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::house::{House, ringback, sign_in};

fn draws(house: &House, args: &[&str]) -> Output {
    ringback().arg("draws").args(args).arg("--config").arg(house.config()).output().expect("ringback draws")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A question that is answered and over.
async fn closed(url: &str, agent: &Client) -> (i64, String) {
    let opened = agent.post(format!("{url}/api/v1/tickets")).json(&json!({ "number": "13800135827" }));
    let ticket: Value = opened.send().await.expect("an answer").json().await.expect("JSON");
    let (id, number) = (ticket["id"].as_i64().expect("an id"), ticket["number"].as_str().expect("a number"));
    for (version, state) in [(1, "resolved"), (2, "closed")] {
        let form = format!(
            "version={version}&kind=consultation&category=&priority=normal&complexity=simple&channel=phone\
             &state={state}&summary=asked&course=&demand=&back=ticket"
        );
        let saved = agent.post(format!("{url}/tickets/{id}/save")).body(form);
        let saved = saved.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").send().await;
        assert_eq!(saved.expect("an answer").status(), StatusCode::SEE_OTHER);
    }
    (id, number.to_owned())
}

#[tokio::test]
async fn what_was_drawn_is_reckoned_again_and_a_changed_lot_is_found() {
    let house = House::new("[site]\ntime_zone = \"Asia/Shanghai\"\n");
    house.person("zhou", "agent", None);
    let terms = house.config().with_file_name("terms.toml");
    std::fs::write(&terms, "[spot_check]\npercent = 50\n").expect("a file");
    let import = ringback().args(["policy", "import"]).arg(&terms).arg("--config").arg(house.config()).output();
    assert!(import.expect("ringback policy import").status.success());
    let running = house.serve();
    let agent = sign_in(&running.url, "zhou").await;
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(closed(&running.url, &agent).await);
    }
    // While it runs.
    let listed = draws(&house, &["list"]);
    assert!(listed.status.success(), "{listed:?}");
    let listed = said(&listed);
    let seed = listed.lines().next().and_then(|line| line.strip_prefix("seed ")).expect("the seed").to_owned();
    assert!(listed.contains("6 looked at, ") && listed.ends_with(", 0 that differ when reckoned again\n"), "{listed}");
    // As anybody reckons it.
    for (id, number) in &all {
        let hash = digest(format!("{seed}:{id}").as_bytes());
        let lot = u32::from_str_radix(&hash[..8], 16).expect("digits") % 10_000;
        let drawn = if lot < 5_000 { "drawn" } else { "not drawn" };
        let line = listed.lines().find(|line| line.starts_with(number.as_str())).expect("its line");
        assert!(line.contains(&format!(" lot {lot:4} of 10000, drawn below 5000: {drawn} ")), "{line}");
        let steps = draws(&house, &["reckon", number]);
        let steps = said(&steps);
        for part in [format!("printf %s {seed}:{id} | sha256sum\n{hash}\n"), format!(": lot {lot}\n")] {
            assert!(steps.contains(&part), "{part} in {steps}");
        }
        assert!(steps.ends_with(&format!("drawn below 5000: {drawn}; agrees\n")), "{steps}");
    }
    let day = draws(&house, &["list", "--from", "2000-01-01", "--to", "2000-01-31"]);
    assert!(said(&day).contains("0 looked at"), "{day:?}");
    assert!(running.stop());

    let (id, number) = &all[2];
    let db = Connection::open(house.data().join("ringback.sqlite")).expect("the store");
    db.execute("UPDATE draws SET lot = 9999 - lot, drawn = 1 - drawn WHERE ticket = ?1", [id]).expect("a change");
    for args in [&["list"][..], &["reckon", number]] {
        let found = draws(&house, args);
        assert_eq!(found.status.code(), Some(1));
        assert!(said(&found).contains("DIFFERS"), "{found:?}");
    }
    let other = draws(&house, &["reckon", &all[3].1]);
    assert!(other.status.success(), "{other:?}");
    let none = draws(&house, &["reckon", "20000101-0001"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no ticket 20000101-0001"), "{none:?}");
}
