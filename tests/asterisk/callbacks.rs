//! Callers who were missed, and the callback that they are owed.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::lab::{COMPLAINTS, HOTLINE};
use super::phone::Manner;
use super::scene::{LONG_ENOUGH, Scene, callback, callbacks};

/// A caller who hangs up while waiting; what is then owed.
async fn abandon(scene: &Scene, number: &str) -> Value {
    for agent in &scene.lab.agents {
        agent.will(Manner::Ring);
    }
    let caller = scene.lab.trunk.call(HOTLINE, number, None);
    let waits = |board: &Value| {
        let queues = board["queues"].as_array()?;
        queues.iter().any(|queue| queue["waiting"][0].is_object()).then_some(())
    };
    scene.supervisor.get_until("board", waits).await;
    caller.hang_up();
    let owed = scene.owed(number).await;
    assert_eq!((&owed["kind"], &owed["state"], &owed["attempts"]), (&"missed_call".into(), &"open".into(), &0.into()));
    let mine = scene.agents[0].get("duties").await;
    assert_eq!(callbacks(&mine)[0]["id"], owed["id"], "it is everybody's who may call back");
    for agent in &scene.lab.agents {
        agent.will(Manner::Answer { after: Duration::from_millis(300) });
    }
    owed
}

fn kept(ticket: &Value) -> bool {
    callback(ticket)["state"] == "kept"
}

#[tokio::test]
async fn an_abandoned_caller_is_called_back_by_the_button_and_the_pbx_proves_it() {
    let mut scene = Scene::set().await;
    let owed = abandon(&scene, "01062345678").await;
    scene.lab.trunk.will(Manner::Decline { after: Duration::from_millis(500) });
    scene.agents[1].dial(&owed).await;
    scene.lab.trunk.rung().await;
    scene.ticket("01062345678", |ticket| callback(ticket)["attempts"] == 1).await;
    assert!(!kept(&scene.ticket("01062345678", |_| true).await), "a busy line is no talk");

    scene.lab.trunk.will(Manner::Answer { after: Duration::from_millis(500) });
    let mut desk = scene.agents[1].desk().await;
    scene.agents[1].dial(&owed).await;
    let pop = desk.pops("talking", "").await;
    let customer = scene.lab.trunk.rung().await;
    sleep(Duration::from_secs(5)).await;
    assert!(!kept(&scene.ticket("01062345678", |_| true).await), "five seconds are no talk yet");
    // Kept as soon as it has lasted, not only when it ends.
    let ticket = scene.ticket("01062345678", kept).await;
    let proof = &callback(&ticket)["proof"];
    assert_eq!(proof["agent"], "1002");
    assert!(proof["talk_ms"].as_i64().is_some_and(|ms| ms >= 10_000), "{proof}");
    customer.hang_up();
    desk.becomes(&pop, "ended").await;
    assert!(callbacks(&scene.agents[0].get("duties").await).is_empty());
}

#[tokio::test]
async fn the_agents_own_keys_or_the_customer_calling_again_do_as_well() {
    let scene = Scene::set().await;
    abandon(&scene, "13800138000").await;
    let line = scene.lab.agents[0].call("13800138000", "1001", None);
    line.up().await;
    sleep(LONG_ENOUGH).await;
    line.hang_up();
    let ticket = scene.ticket("13800138000", kept).await;
    assert_eq!(callback(&ticket)["proof"]["agent"], "1001");

    abandon(&scene, "13800138001").await;
    let caller = scene.lab.trunk.call(HOTLINE, "+8613800138001", None);
    caller.up().await;
    sleep(LONG_ENOUGH + Duration::from_secs(2)).await;
    caller.hang_up();
    let ticket = scene.ticket("13800138001", kept).await;
    assert_eq!(ticket["calls"].as_array().map(Vec::len), Some(2), "the repeat caller joined the open matter");
}

/// Nobody pressed a button: what an agent's own phone dials is theirs while it rings, is counted when
/// nobody answers, and proves the callback; whose phone dials the same customer meanwhile is told.
#[tokio::test]
async fn who_dials_by_the_phones_own_keys_has_it_and_who_dials_beside_is_told() {
    let mut scene = Scene::set().await;
    let number = "13800138002";
    let owed = abandon(&scene, number).await;
    let (anna, path) = (scene.agents[0].id, format!("obligations/{}", owed["id"]));
    let is_annas = |owed: &Value| (owed["claimed"]["by"] == anna).then(|| owed.clone());
    scene.lab.trunk.will(Manner::Ring);
    let vain = scene.lab.agents[0].call(number, "1001", None);
    scene.lab.trunk.rung().await;
    let claimed = scene.supervisor.get_until(&path, is_annas).await;
    assert_eq!((&claimed["state"], &claimed["attempts"]), (&"open".into(), &0.into()), "while it rings");
    vain.hang_up();
    let tried = |owed: &Value| (owed["attempts"] == 1).then(|| owed.clone());
    let tried = scene.supervisor.get_until(&path, tried).await;
    let made = &tried["attempts_made"][0];
    assert_eq!((&made["outcome"], &made["agent"]), (&"no_answer".into(), &"1001".into()), "{tried}");
    assert_eq!((&tried["state"], &tried["claimed"]["by"]), (&"open".into(), &anna.into()), "it is still hers");

    scene.lab.trunk.will(Manner::Answer { after: Duration::from_millis(300) });
    let talk = scene.lab.agents[0].call(number, "1001", None);
    talk.up().await;
    scene.lab.trunk.will(Manner::Decline { after: Duration::from_millis(300) });
    let mut desk = scene.agents[1].desk().await;
    let beside = scene.lab.agents[1].call(number, "1002", None);
    let told = desk.is_beside().await;
    assert!(told.contains("anna"), "{told}");
    beside.ended().await;
    sleep(LONG_ENOUGH).await;
    let ticket = scene.ticket(number, kept).await;
    let kept = callback(&ticket);
    assert_eq!(kept["proof"]["agent"], "1001");
    assert!(kept["proof"]["talk_ms"].as_i64().is_some_and(|ms| ms >= 10_000), "{kept}");
    assert_eq!(kept["proof"]["call"], ticket["calls"][1]["id"], "her second call, and not who was beside: {ticket}");
    talk.hang_up();
    let asked = "SELECT count(*) FROM facts WHERE kind = 'called_beside' AND person = ?1 AND by_person = ?2";
    let asked = scene.house.database().query_row(asked, [anna, scene.agents[1].id], |row| row.get::<_, i64>(0));
    assert_eq!(asked.expect("the facts"), 1, "and it is on record");
}

#[tokio::test]
async fn who_waits_too_long_is_owed_a_callback() {
    let scene = Scene::set().await;
    for agent in &scene.lab.agents {
        agent.will(Manner::Ring);
    }
    let caller = scene.lab.trunk.call(COMPLAINTS, "13200000003", None);
    assert_eq!(caller.ended().await, "BYE", "the queue gives up after 12 s");
    let ticket = scene.ticket("13200000003", |ticket| callback(ticket).is_object()).await;
    assert_eq!(ticket["calls"][0]["outcome"], "timed_out");
    assert_eq!(callback(&ticket)["state"], "open");
}
