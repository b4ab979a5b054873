//! What the daemon could not see while it did not run, it says.

use chrono::{DateTime, Utc};
use reqwest::Client;
use serde_json::Value;

use crate::house::{House, Running, Simulated, sign_in, until};

#[tokio::test]
async fn the_time_between_a_kill_and_the_first_snapshot_is_told_as_an_outage() {
    let hotline = Simulated::start(5.0);
    let house = House::new(&hotline.config("drill"));
    house.person("root", "admin", None);
    let first = house.serve();
    let root = in_sight(&first).await;
    until("it is on record that the PBX was seen", async || {
        let noted = "SELECT count(*) FROM alive WHERE pbx = 'drill'";
        let noted: i64 = house.database().query_row(noted, [], |row| row.get(0)).expect("the store");
        if noted == 1 { Ok(()) } else { Err(String::from("not yet")) }
    })
    .await;
    assert_eq!(outages(&first, &root).await, [] as [Value; 0], "a PBX that is seen for the first time was not missed");
    let killed_at = Utc::now();
    first.kill();

    let started_at = Utc::now();
    let second = house.serve();
    let root = in_sight(&second).await;
    let outages = outages(&second, &root).await;
    assert_eq!(outages.len(), 1, "{outages:?}");
    assert_eq!(outages[0]["pbx"], "drill");
    assert_eq!(outages[0]["why"], "Ringback was not running");
    let (from, to) = (time(&outages[0]["from"]), time(&outages[0]["to"]));
    assert!(from <= killed_at, "{from} is when it was last known to be alive; it was killed at {killed_at}");
    assert!(to >= started_at && to <= Utc::now(), "{to} is when all that was up had been asked for");
    assert!(second.stop());
}

/// Waits until the PBX is in sight and that is kept.
async fn in_sight(running: &Running) -> Client {
    let root = sign_in(&running.url, "root").await;
    until("the PBX in sight", async || {
        let links = ask(running, &root, "links").await;
        let open = outages(running, &root).await.iter().any(|outage| outage["to"].is_null());
        if links[0]["state"] == "up" && !open { Ok(()) } else { Err(format!("{links}, still out of sight: {open}")) }
    })
    .await;
    root
}

async fn outages(running: &Running, root: &Client) -> Vec<Value> {
    ask(running, root, "outages").await.as_array().expect("a list").clone()
}

async fn ask(running: &Running, root: &Client, what: &str) -> Value {
    let answer = root.get(format!("{}/api/v1/{what}", running.url)).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}
