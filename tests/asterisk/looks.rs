//! What we hold for true, compared with what a real Asterisk says while its calls move.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::lab::{COMPLAINTS, HOTLINE, SALES};
use super::phone::Manner;
use super::scene::Scene;

/// A dozen looks, of five seconds each.
const A_WHILE: Duration = Duration::from_secs(60);

/// What the ledger has of differences.
fn drifts(ledger: &Value) -> Vec<&Value> {
    ledger.as_array().into_iter().flatten().filter(|line| line["what"] == "drift").collect()
}

/// Callers come, are served, transferred by a queue's ringing from phone to phone, and give up, and
/// agents go on breaks and come back, told by their events; each look falls somewhere between.
#[tokio::test]
async fn while_calls_move_and_agents_rest_looks_find_nothing() {
    let scene = Scene::set_looking("ringback").await;
    scene.lab.agents[0].will(Manner::Answer { after: Duration::from_millis(700) });
    let began = Instant::now();
    let mut nth = 0;
    while began.elapsed() < A_WHILE {
        nth += 1;
        let hotline = [HOTLINE, COMPLAINTS, SALES][nth % 3];
        let first = scene.lab.trunk.call(hotline, &format!("1380013{nth:04}"), None);
        let second = scene.lab.trunk.call(HOTLINE, &format!("1390013{nth:04}"), None);
        let (agent, queue) = [("1001", "support"), ("1002", "complaints"), ("1002", "support")][nth % 3];
        scene.lab.cli(&format!("queue pause member PJSIP/{agent} queue {queue} reason meal")).await;
        // However they end: served by then, or still waiting.
        sleep(Duration::from_millis(900 + 137 * (nth as u64 % 9))).await;
        first.hang_up();
        scene.lab.cli(&format!("queue unpause member PJSIP/{agent} queue {queue}")).await;
        sleep(Duration::from_millis(311)).await;
        second.hang_up();
        let links = scene.admin.get("links").await;
        assert_eq!(links[0]["state"], "up", "no look made it ask again: {links}");
    }
    let ledger = scene.admin.get("ledger").await;
    assert!(drifts(&ledger).is_empty(), "after {nth} rounds of calls: {ledger}");
    let asked_again = ledger.as_array().into_iter().flatten().filter(|line| line["what"] == "resync").count();
    assert_eq!(asked_again, 0, "{ledger}");
    assert!(nth > 20, "only {nth} rounds of calls");
}

/// A filter in manager.conf keeps breaks from us. While calls move, the next looks find the break, say
/// why it may have been missed, and set the board right.
#[tokio::test]
async fn a_break_that_the_pbx_does_not_tell_is_found_and_its_cause_named() {
    let mut scene = Scene::set_looking("ringback-unaware").await;
    scene.board_says("1003", "available").await;
    scene.lab.cli("queue pause member Local/1003@members/n queue complaints reason meal").await;
    let caller = scene.lab.trunk.call(HOTLINE, "13800138000", None);
    scene.lab.agents[0].rung().await.up().await;
    scene.board_says("1003", "paused").await;
    let one = |ledger: &Value| drifts(ledger).first().map(|line| (*line).clone());
    let drift = scene.admin.get_until("ledger", one).await;
    assert_eq!(drift["pbx"], "lab");
    let said = drift["detail"].as_str().unwrap_or_default();
    assert!(said.contains("1003 is on a break") && said.contains("QueueMemberPause"), "{said}");
    assert_eq!(
        drifts(&scene.admin.get("ledger").await).len(),
        1,
        "told once a queue, and the calls are as we hold them"
    );
    caller.hang_up();
    let ticket = scene.ticket("13800138000", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!((&ticket["calls"][0]["outcome"], &ticket["calls"][0]["certain"]), (&json!("answered"), &json!(true)));
    scene.lab.cli("queue unpause member Local/1003@members/n queue complaints").await;
    scene.board_says("1003", "available").await;
}
