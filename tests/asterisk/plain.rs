//! What happens every day: taken, given up, declined, called back.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::lab::{COMPLAINTS, DIRECT, HOTLINE};
use super::phone::Manner;
use super::stage::{A_TALK, Stage};

#[tokio::test]
async fn a_caller_is_answered_and_hangs_up() {
    let mut stage = Stage::set().await;
    let caller = stage.calls(HOTLINE, "13800138000");
    let agent = stage.answers("1001").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let talk_s = agent.talked_s().await;
    let truth = json!([{
        "caller": "13800138000", "to": "support", "result": "answered", "talked": ["1001"],
        "rang": { "1001": ["answered"] }, "transfers": [], "ended_by": "caller", "talk_s": talk_s,
    }]);
    stage.ends("answered_caller_hangs_up", truth).await;
}

#[tokio::test]
async fn a_caller_is_held_and_the_agent_hangs_up() {
    let mut stage = Stage::set().await;
    let caller = stage.calls(HOTLINE, "13800138001");
    let agent = stage.answers("1001").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    agent.hold(true);
    stage.tape.told(&["Event: Hold", "PJSIP/1001-"]).await;
    sleep(Duration::from_secs(2)).await;
    agent.hold(false);
    stage.tape.told(&["Event: Unhold", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    agent.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let truth = json!([{
        "caller": "13800138001", "to": "support", "result": "answered", "talked": ["1001"],
        "rang": { "1001": ["answered"] }, "ended_by": "agent", "held_s": 2,
    }]);
    stage.ends("held_agent_hangs_up", truth).await;
}

#[tokio::test]
async fn a_caller_gives_up_while_the_phone_rings() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(HOTLINE, "01062345678");
    let agent = stage.rung("1001").await;
    sleep(A_TALK).await;
    caller.hang_up();
    assert_eq!(agent.ended().await, "CANCEL");
    let truth = json!([{
        "caller": "01062345678", "to": "support", "result": "abandoned", "talked": [],
        "rang": { "1001": ["caller_gone"] }, "ended_by": "caller", "wait_s": caller.talked_s().await,
    }]);
    stage.ends("abandoned_in_queue", truth).await;
}

#[tokio::test]
async fn one_declines_and_the_other_answers() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Decline { after: Duration::from_millis(300) });
    let caller = stage.calls(HOTLINE, "13700000002");
    stage.answers("1002").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let truth = json!([{
        "caller": "13700000002", "to": "support", "result": "answered", "talked": ["1002"],
        "rang": { "1001": ["declined"], "1002": ["answered"] }, "ended_by": "caller",
    }]);
    stage.ends("declined_then_other", truth).await;
}

#[tokio::test]
async fn one_does_not_answer_and_the_other_does() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(HOTLINE, "13700000001");
    assert_eq!(stage.rung("1001").await.ended().await, "CANCEL");
    stage.answers("1002").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    caller.hang_up();
    let truth = json!([{
        "caller": "13700000001", "to": "support", "result": "answered", "talked": ["1002"],
        "rang": { "1001": ["no_answer"], "1002": ["answered"] }, "ended_by": "caller", "waited_at_least_s": 8,
    }]);
    stage.ends("no_answer_then_other", truth).await;
}

#[tokio::test]
async fn a_queue_gives_up_on_a_caller() {
    let mut stage = Stage::set().await;
    for agent in &stage.scene.lab.agents {
        agent.will(Manner::Ring);
    }
    let caller = stage.calls(COMPLAINTS, "13200000003");
    assert_eq!(stage.rung("1003").await.ended().await, "CANCEL");
    assert_eq!(caller.ended().await, "BYE");
    let truth = json!([{
        "caller": "13200000003", "to": "complaints", "result": "timed_out", "talked": [], "ended_by": "pbx",
        "rang": { "1001": ["no_answer"], "1002": ["no_answer"], "1003": ["no_answer"] }, "wait_s": 12,
    }]);
    stage.ends("queue_times_out", truth).await;
}

#[tokio::test]
async fn a_phone_without_a_queue_is_not_answered() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(DIRECT, "075526000001");
    let agent = stage.rung("1001").await;
    sleep(A_TALK).await;
    caller.hang_up();
    assert_eq!(agent.ended().await, "CANCEL");
    let truth = json!([{
        "caller": "075526000001", "to": "1001", "result": "missed", "talked": [],
        "rang": { "1001": ["caller_gone"] }, "ended_by": "caller",
    }]);
    stage.ends("direct_call_unanswered", truth).await;
}
