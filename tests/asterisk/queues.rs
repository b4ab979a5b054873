//! Ways into a queue, out of it, and past it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::lab::{self, FLOATING, HOTLINE, KEYS, SHUT, TIRED, TOLD};
use super::phone::Manner;
use super::stage::{A_TALK, Stage};
use super::tape::field;

#[tokio::test]
async fn a_caller_leaves_by_a_key_and_is_served_elsewhere() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(KEYS, "13400000001");
    let ringing = stage.rung("1001").await;
    sleep(A_TALK).await;
    caller.press("1").await;
    let agent = stage.answers("1003").await;
    assert_eq!(ringing.ended().await, "CANCEL");
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    agent.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let truth = json!([{
        "caller": "13400000001", "to": "keys", "result": "answered", "talked": ["1003"],
        "rang": { "1001": ["caller_gone"], "1003": ["answered"] }, "transfers": [],
        "talk_s": agent.talked_s().await, "ended_by": "agent",
    }]);
    stage.ends("queue_left_by_key", truth).await;
}

/// Key 0 leads to nobody: the caller chose to go, and was not served.
#[tokio::test]
async fn a_caller_leaves_by_a_key_to_nobody() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(KEYS, "13400000002");
    let ringing = stage.rung("1001").await;
    sleep(A_TALK).await;
    caller.press("0").await;
    assert_eq!(caller.ended().await, "BYE");
    assert_eq!(ringing.ended().await, "CANCEL");
    let truth = json!([{
        "caller": "13400000002", "to": "keys", "talked": [], "rang": { "1001": ["caller_gone"] }, "ended_by": "pbx",
    }]);
    stage.ends("queue_left_by_key_to_nobody", truth).await;
}

#[tokio::test]
async fn a_caller_is_withdrawn_from_the_queue() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(HOTLINE, "13400000003");
    let joined = stage.tape.told(&["Event: QueueCallerJoin", "CallerIDNum: 13400000003"]).await;
    let ringing = stage.rung("1001").await;
    let channel = field(&joined, "Channel").to_owned();
    sleep(A_TALK).await;
    stage.tape.asks("QueueWithdrawCaller", &[("Queue", "support"), ("Caller", &channel)]).await;
    assert_eq!(caller.ended().await, "BYE");
    assert_eq!(ringing.ended().await, "CANCEL");
    let truth = json!([{
        "caller": "13400000003", "to": "support", "result": "timed_out", "talked": [],
        "rang": { "1001": ["no_answer"] }, "ended_by": "pbx",
    }]);
    stage.ends("queue_withdrawn", truth).await;
}

#[tokio::test]
async fn a_queue_with_nobody_there_takes_no_callers() {
    let mut stage = Stage::set().await;
    pause(&mut stage, "shut", "1001", true).await;
    let caller = stage.calls(SHUT, "13400000004");
    assert_eq!(caller.ended().await, "BYE");
    let truth = json!([{ "caller": "13400000004", "talked": [], "rang": {}, "ended_by": "pbx" }]);
    stage.ends("queue_not_joined", truth).await;
}

#[tokio::test]
async fn a_queue_that_everybody_leaves_lets_its_callers_go() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(SHUT, "13400000005");
    let ringing = stage.rung("1001").await;
    pause(&mut stage, "shut", "1001", true).await;
    assert_eq!(caller.ended().await, "BYE");
    assert_eq!(ringing.ended().await, "CANCEL");
    let truth = json!([{
        "caller": "13400000005", "to": "shut", "result": "timed_out", "talked": [],
        "rang": { "1001": ["no_answer"] }, "ended_by": "pbx",
    }]);
    stage.ends("queue_left_empty", truth).await;
}

/// The agent has answered and hears the announcement: nobody has talked yet.
#[tokio::test]
async fn a_caller_gives_up_during_the_agents_announcement() {
    let mut stage = Stage::set().await;
    let caller = stage.calls(TOLD, "13400000006");
    let agent = stage.answers("1001").await;
    sleep(Duration::from_millis(800)).await;
    caller.hang_up();
    assert_eq!(agent.ended().await, "BYE");
    let truth = json!([{
        "caller": "13400000006", "to": "told", "result": "abandoned", "talked": [], "ended_by": "caller",
    }]);
    stage.ends("abandoned_during_announcement", truth).await;
}

#[tokio::test]
async fn an_agent_hangs_up_during_the_announcement_and_is_rung_again() {
    let mut stage = Stage::set().await;
    let caller = stage.calls(TOLD, "13400000007");
    let first = stage.answers("1001").await;
    sleep(Duration::from_millis(800)).await;
    first.hang_up();
    let agent = stage.answers("1001").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    agent.ended().await;
    let truth = json!([{
        "caller": "13400000007", "to": "told", "result": "answered", "talked": ["1001"], "ended_by": "caller",
        "rang": { "1001": ["declined", "answered"] },
    }]);
    stage.ends("agent_leaves_announcement", truth).await;
}

#[tokio::test]
async fn members_come_to_work_and_go() {
    let mut stage = Stage::set().await;
    let comes = stage.phone("1002").call("*45", "1002", None);
    assert_eq!(comes.ended().await, "BYE");
    stage.tape.told(&["Event: QueueMemberAdded", "Queue: floating", "PJSIP/1002"]).await;
    stage.tape.asks("QueueAdd", &[("Queue", "floating"), ("Interface", "PJSIP/1003"), ("Paused", "true")]).await;
    let caller = stage.calls(FLOATING, "13400000008");
    let agent = stage.answers("1002").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    agent.ended().await;
    stage.scene.on_duty("floating", 1).await;
    let goes = stage.phone("1002").call("*46", "1002", None);
    assert_eq!(goes.ended().await, "BYE");
    stage.tape.told(&["Event: QueueMemberRemoved", "Queue: floating", "PJSIP/1002"]).await;
    stage.scene.on_duty("floating", 0).await;
    let truth = json!([
        { "direction": "internal", "agent": "1002", "to": "*45", "talked": [] },
        {
            "caller": "13400000008", "to": "floating", "result": "answered", "talked": ["1002"],
            "rang": { "1002": ["answered"] }, "talk_s": agent.talked_s().await, "ended_by": "caller",
        },
        { "direction": "internal", "agent": "1002", "to": "*46", "talked": [] },
    ]);
    stage.ends("dynamic_members", truth).await;
}

/// Paused in one queue, an agent still serves the others.
#[tokio::test]
async fn a_pause_holds_in_its_queue_alone() {
    let mut stage = Stage::set().await;
    pause(&mut stage, "support", "1001", true).await;
    stage.scene.on_duty("support", 1).await;
    stage.scene.on_duty("complaints", 3).await;
    stage.phone("1001").will(Manner::Ring);
    stage.phone("1003").will(Manner::Ring);
    let caller = stage.calls(HOTLINE, "13400000009");
    let agent = stage.answers("1002").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    let other = stage.calls(lab::COMPLAINTS, "13400000010");
    let rings = stage.rung("1001").await;
    sleep(A_TALK).await;
    caller.hang_up();
    other.hang_up();
    assert_eq!(rings.ended().await, "CANCEL");
    pause(&mut stage, "support", "1001", false).await;
    let truth = json!([{
        "caller": "13400000009", "to": "support", "result": "answered", "talked": ["1002"],
        "rang": { "1002": ["answered"] }, "talk_s": agent.talked_s().await, "ended_by": "caller",
    }, {
        "caller": "13400000010", "to": "complaints", "result": "abandoned", "talked": [],
        "rang": { "1001": ["caller_gone"], "1003": ["caller_gone"] }, "ended_by": "caller",
    }]);
    stage.ends("paused_in_one_queue", truth).await;
}

/// Whoever calls during the wrap-up waits it out.
#[tokio::test]
async fn the_wrap_up_is_waited_out() {
    let mut stage = Stage::set().await;
    let first = stage.calls(TIRED, "13400000011");
    let talk = stage.answers("1001").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    first.hang_up();
    let first_s = talk.talked_s().await;
    stage.scene.board_says("1001", "wrap_up").await;
    let second = stage.calls(TIRED, "13400000012");
    let talk = stage.answers("1001").await;
    stage.tape.told(&["Event: AgentConnect", "CallerIDNum: 13400000012"]).await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    second.hang_up();
    let caller = |number: &str, talk_s: u64, waited: u64| -> Value {
        json!({
            "caller": number, "to": "tired", "result": "answered", "talked": ["1001"], "talk_s": talk_s,
            "rang": { "1001": ["answered"] }, "waited_at_least_s": waited, "ended_by": "caller",
        })
    };
    let truth = json!([caller("13400000011", first_s, 0), caller("13400000012", talk.talked_s().await, 3)]);
    stage.ends("wrap_up_waited_out", truth).await;
}

async fn pause(stage: &mut Stage, queue: &str, agent: &str, on: bool) {
    let (interface, paused) = (format!("PJSIP/{agent}"), on.to_string());
    let fields = [("Queue", queue), ("Interface", &interface), ("Paused", &paused), ("Reason", "lunch")];
    stage.tape.asks("QueuePause", &fields).await;
    let paused = format!("Paused: {}", u8::from(on));
    stage.tape.told(&["Event: QueueMemberPause", &format!("Queue: {queue}"), &interface, &paused]).await;
}
