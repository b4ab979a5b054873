//! Callers who are parked: taken back, come back by themselves, given up.

use serde_json::json;
use tokio::time::sleep;

use super::lab::HOTLINE;
use super::phone::{Line, Manner};
use super::stage::{A_TALK, Stage};
use super::tape::field;

/// A caller who talked with the agent and was sent to a parking space; which.
async fn parked(stage: &mut Stage, agent: &str, number: &str) -> (Line, Line, String) {
    let caller = stage.calls(HOTLINE, number);
    let agent_at = format!("PJSIP/{agent}-");
    let agent = stage.answers(agent).await;
    stage.tape.talk(&["PJSIP/trunk-", &agent_at]).await;
    sleep(A_TALK).await;
    agent.refer("700");
    let told = stage.tape.told(&["Event: ParkedCall\r\n", &format!("ParkeeCallerIDNum: {number}\r\n")]).await;
    // As a phone does that hears that its transfer went well.
    agent.hang_up();
    (caller, agent, field(&told, "ParkingSpace").to_owned())
}

#[tokio::test]
async fn a_parked_caller_is_taken_back_by_a_colleague() {
    let mut stage = Stage::set().await;
    let (caller, first, space) = parked(&mut stage, "1001", "13300000001").await;
    let takes = stage.phone("1003").call(&space, "1003", None);
    takes.up().await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let talk_s = first.talked_s().await + takes.talked_s().await;
    let truth = json!([{
        "caller": "13300000001", "to": "support", "result": "answered", "talked": ["1001", "1003"],
        "talk_s": talk_s, "ended_by": "caller",
    }]);
    stage.ends("parked_and_retrieved", truth).await;
}

#[tokio::test]
async fn a_caller_whom_nobody_takes_back_returns_to_who_parked() {
    let mut stage = Stage::set().await;
    let (caller, _, _) = parked(&mut stage, "1001", "13300000002").await;
    let again = stage.answers("1001").await;
    stage.tape.told(&["Event: ParkedCallTimeOut"]).await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    again.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let truth = json!([{
        "caller": "13300000002", "to": "support", "result": "answered", "talked": ["1001"],
        "rang": { "1001": ["answered", "answered"] }, "ended_by": "agent",
    }]);
    stage.ends("parked_comes_back", truth).await;
}

#[tokio::test]
async fn a_parked_caller_gives_up() {
    let mut stage = Stage::set().await;
    let (caller, _, _) = parked(&mut stage, "1001", "13300000003").await;
    stage.phone("1001").will(Manner::Ring);
    sleep(A_TALK).await;
    caller.hang_up();
    let truth = json!([{
        "caller": "13300000003", "to": "support", "result": "answered", "talked": ["1001"],
        "rang": { "1001": ["answered"] }, "ended_by": "caller",
    }]);
    stage.ends("parked_gives_up", truth).await;
}

/// They are in one bridge there, and no talk.
#[tokio::test]
async fn two_callers_who_are_parked_at_once_stay_two_calls() {
    let mut stage = Stage::set().await;
    let (gives_up, _, _) = parked(&mut stage, "1001", "13300000004").await;
    let (caller, first, space) = parked(&mut stage, "1002", "13300000005").await;
    let takes = stage.phone("1003").call(&space, "1003", None);
    takes.up().await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let talk_s = first.talked_s().await + takes.talked_s().await;
    gives_up.hang_up();
    let truth = json!([
        { "caller": "13300000004", "to": "support", "result": "answered", "talked": ["1001"], "ended_by": "caller" },
        {
            "caller": "13300000005", "to": "support", "result": "answered", "talked": ["1002", "1003"],
            "talk_s": talk_s, "ended_by": "caller",
        },
    ]);
    stage.ends("parked_two_at_once", truth).await;
}
