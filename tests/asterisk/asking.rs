//! What is asked of a real Asterisk from pages: to end a call, to rest, to listen in.

use serde_json::{Value, json};

use super::headset::Sound;
use super::lab::HOTLINE;
use super::scene::Scene;
use crate::house::until;

/// The call of that extension, once it stands so and is kept.
async fn call_of(scene: &Scene, extension: &str, state: &str) -> Value {
    let of = |board: &Value| {
        let agent = board["agents"].as_array()?.iter().find(|agent| agent["extension"] == extension)?;
        (agent["state"] == state && agent["call"].is_string()).then(|| agent["call"].clone())
    };
    scene.supervisor.get_until("board", of).await
}

/// Who listens hears both; who whispers is heard by the agent, who barges in by both. Whatever it
/// is, it makes no call, and ends with the one that it is about.
#[tokio::test]
async fn a_supervisor_listens_whispers_and_joins_and_it_is_no_call() {
    for (how, options) in [("listen", "uqES"), ("whisper", "uqESw"), ("barge", "uqESB")] {
        let mut scene = Scene::set().await;
        let person = scene.supervisor.id.to_string();
        let sits = [("pbx", "lab"), ("extension", "1003"), ("person", &*person), ("what", "map")];
        scene.admin.form("/admin/extensions", &sits).await;
        let caller = scene.lab.trunk.call(HOTLINE, "13700000001", None);
        let agent = scene.lab.agents[0].rung().await;
        agent.up().await;
        let asked = json!({ "call": call_of(&scene, "1001", "talking").await, "how": how });
        let leg = until("the talk kept", async || match scene.supervisor.ask("spy", &asked).await {
            (202, answer) => Ok(answer["leg"].as_str().expect("a leg").to_owned()),
            (_, why) => Err(why.to_string()),
        })
        .await;
        let spy = scene.lab.agents[2].rung().await;
        spy.up().await;
        scene.board_says("1003", "listening").await;
        scene.board_says("1001", "talking").await;
        let running = scene.lab.cli("core show channels concise").await;
        let line = running.lines().find(|line| line.contains("ChanSpy")).unwrap_or_default();
        assert!(line.starts_with("PJSIP/1003-") && line.contains(&format!(",{options}!")), "{running}");
        assert!(line.contains(&leg), "{running}");

        let heard = |scene: &Scene| [scene.lab.trunk.heard(), scene.lab.agents[0].heard(), scene.lab.agents[2].heard()];
        let before = heard(&scene);
        // Sound is mixed into what two who talk send each other all the time.
        let talk = async || tokio::join!(caller.speak(Sound::Silence), agent.speak(Sound::Silence));
        tokio::join!(spy.speak(Sound::Loud), talk());
        let after = heard(&scene);
        let hear: Vec<bool> = before.iter().zip(after).map(|(before, after)| after > before + 10).collect();
        assert_eq!(hear, [how == "barge", how != "listen", false], "{how}: {before:?} {after:?}");
        for who in [&caller, &agent] {
            let before = scene.lab.agents[2].heard();
            who.speak(Sound::Loud).await;
            let after = scene.lab.agents[2].heard();
            assert!(after > before + 10, "{how}: {before} {after}");
        }
        let board = scene.supervisor.get("board").await;
        assert_eq!(board["calls_up"][0]["calls"], 1, "listening in is no call: {board}");
        spy.hang_up();
        tokio::join!(talk(), scene.board_says("1003", "available"));
        caller.hang_up();
        let ticket = scene.ticket("13700000001", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
        let calls = ticket["calls"].as_array().expect("calls");
        assert_eq!((calls.len(), &calls[0]["agent"]), (1, &json!("1001")), "{ticket}");
    }
}

#[tokio::test]
async fn an_agent_hangs_up_and_the_caller_hears_it() {
    let mut scene = Scene::set().await;
    let caller = scene.lab.trunk.call(HOTLINE, "13700000002", None);
    let agent = scene.lab.agents[0].rung().await;
    agent.up().await;
    let call = call_of(&scene, "1001", "talking").await;
    let asked = json!({ "call": call });
    let (status, why) = scene.agents[1].ask("hangup", &asked).await;
    assert_eq!((status, &why["code"]), (404, &json!("no_such_call")), "another's");
    until("the talk kept", async || match scene.agents[0].ask("hangup", &asked).await {
        (202, _) => Ok(()),
        (_, why) => Err(why.to_string()),
    })
    .await;
    assert_eq!(caller.ended().await, "BYE");
    let ticket = scene.ticket("13700000002", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!(ticket["calls"][0]["outcome"], "answered");
}

#[tokio::test]
async fn breaks_are_from_one_queue_or_all_and_bear_their_reason() {
    let scene = Scene::set().await;
    let ask = async |what: &str, asked: Value| {
        let (status, answer) = scene.agents[0].ask(what, &asked).await;
        assert_eq!(status, 202, "{answer}");
    };
    let rests = async |wanted: fn(&str) -> bool| {
        let fits = |board: &Value| {
            let agent = board["agents"].as_array()?.iter().find(|agent| agent["extension"] == "1001")?;
            let paused = agent["paused_in"].as_array()?;
            let rests_in = |queue: &Value| paused.iter().any(|rest| rest["queue"] == *queue);
            let as_wanted = |queue: &Value| queue.as_str().is_some_and(|name| wanted(name) == rests_in(queue));
            agent["queues"].as_array()?.iter().all(as_wanted).then(|| paused.clone())
        };
        scene.supervisor.get_until("board", fits).await
    };
    ask("pause", json!({ "queue": "support", "reason": "training" })).await;
    assert_eq!(rests(|queue| queue == "support").await[0]["reason"], "training");
    scene.board_says("1001", "available").await;
    ask("pause", json!({ "reason": "meal" })).await;
    assert!(rests(|_| true).await.iter().all(|rest| rest["reason"] == "meal"));
    scene.board_says("1001", "paused").await;
    ask("unpause", json!({ "queue": "complaints" })).await;
    rests(|queue| queue != "complaints").await;
    ask("unpause", json!({})).await;
    rests(|_| false).await;
    scene.board_says("1001", "available").await;
    // Behind a Local channel, and by a supervisor.
    let whose = json!({ "pbx": "lab", "extension": "1003", "reason": "other" });
    let (status, answer) = scene.supervisor.ask("pause", &whose).await;
    assert_eq!(status, 202, "{answer}");
    scene.board_says("1003", "paused").await;
}
