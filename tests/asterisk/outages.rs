//! A PBX that goes away in mid-call, and a network that does.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::lab::{HOTLINE, manager};
use super::scene::{Scene, callbacks};
use crate::cable::Cable;

/// The last outage, once it is over.
async fn outage(scene: &Scene) -> Value {
    let over = |rows: &Value| rows[0]["to"].is_string().then(|| rows[0].clone());
    let outage = scene.admin.get_until("outages", over).await;
    assert!(outage["from"].as_str() <= outage["to"].as_str());
    assert_eq!(outage["pbx"], "lab");
    assert!(outage["why"].as_str().is_some_and(|why| !why.is_empty()), "{outage}");
    outage
}

async fn nothing_is_owed(scene: &Scene) {
    let duties = scene.agents[0].get("duties").await;
    assert!(callbacks(&duties).is_empty(), "no abandon was seen, so none is made up: {duties}");
}

#[tokio::test]
async fn an_asterisk_that_crashes_in_mid_call_leaves_an_outage_and_no_invented_abandon() {
    let mut scene = Scene::set().await;
    let mut desk = scene.agents[0].desk().await;
    let _caller = scene.lab.trunk.call(HOTLINE, "13800138000", None);
    scene.lab.agents[0].rung().await.up().await;
    let pop = desk.pops("talking", "138").await;
    scene.lab.crash().await;
    scene.link_is("down").await;
    scene.lab.start_again().await;
    scene.link_is("up").await;
    outage(&scene).await;
    desk.becomes(&pop, "ended").await;
    let ticket = scene.ticket("13800138000", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!(ticket["calls"][0]["certain"], false, "nobody saw how it ended");
    assert_eq!(ticket["calls"][0]["outcome"], "answered");
    nothing_is_owed(&scene).await;

    // And the new Asterisk's calls, whose ids begin afresh, are calls of their own.
    let caller = scene.lab.trunk.call(HOTLINE, "13911112222", None);
    caller.up().await;
    desk.pops("talking", "139").await;
    caller.hang_up();
    let ticket = scene.ticket("13911112222", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!(ticket["calls"][0]["certain"], true);
}

#[tokio::test]
async fn an_asterisk_that_is_restarted_politely_is_seen_to_be_another() {
    let scene = Scene::set().await;
    let caller = scene.lab.trunk.call(HOTLINE, "13800138000", None);
    caller.up().await;
    // Who still waited would have been cut off by the restart, and be owed a callback.
    scene.board_says("1001", "talking").await;
    scene.lab.restart().await;
    outage(&scene).await;
    scene.link_is("up").await;
    scene.supervisor.get_until("board", |board| (board["calls_up"][0]["calls"] != 1).then_some(())).await;
    nothing_is_owed(&scene).await;
}

#[tokio::test]
async fn a_link_that_is_cut_in_mid_call_finds_the_call_again() {
    let cable = Cable::lay(manager().to_string()).await;
    let mut scene = Scene::set_at(cable.address()).await;
    let mut desk = scene.agents[0].desk().await;
    let caller = scene.lab.trunk.call(HOTLINE, "13800138000", None);
    scene.lab.agents[0].rung().await.up().await;
    let pop = desk.pops("talking", "138").await;
    cable.cut();
    scene.link_is("down").await;
    cable.mend();
    scene.link_is("up").await;
    outage(&scene).await;
    desk.becomes(&pop, "talking").await;
    caller.hang_up();
    desk.becomes(&pop, "ended").await;
    let ticket = scene.ticket("13800138000", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!(ticket["calls"].as_array().map(Vec::len), Some(1), "the same call before and after");
    assert_eq!(ticket["calls"][0]["outcome"], "answered");
    nothing_is_owed(&scene).await;
}

#[tokio::test]
async fn who_hangs_up_while_nobody_sees_is_uncertain_and_not_abandoned() {
    let cable = Cable::lay(manager().to_string()).await;
    let mut scene = Scene::set_at(cable.address()).await;
    let talking = scene.lab.trunk.call(HOTLINE, "13800138000", None);
    scene.lab.agents[0].rung().await.up().await;
    scene.board_says("1001", "talking").await;
    cable.cut();
    scene.link_is("down").await;
    talking.hang_up();
    sleep(Duration::from_millis(500)).await;
    cable.mend();
    scene.link_is("up").await;
    let ticket = scene.ticket("13800138000", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!((&ticket["calls"][0]["outcome"], &ticket["calls"][0]["certain"]), (&"answered".into(), &false.into()));
    scene.board_says("1001", "available").await;
    nothing_is_owed(&scene).await;
}
