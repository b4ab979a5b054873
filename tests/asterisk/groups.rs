//! Several phones for one caller: ring groups, members behind Local channels, the pool of agents,
//! pickup.

use serde_json::json;
use tokio::time::sleep;

use super::headset::Sound;
use super::lab::{DIRECT, GROUP, HOTLINE, POOL, SALES};
use super::phone::Manner;
use super::stage::{A_TALK, Stage};

#[tokio::test]
async fn a_ring_group_rings_all_and_one_answers() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    stage.phone("1003").will(Manner::Ring);
    let caller = stage.calls(GROUP, "13200000001");
    let agent = stage.answers("1002").await;
    assert_eq!(stage.rung("1001").await.ended().await, "CANCEL");
    assert_eq!(stage.rung("1003").await.ended().await, "CANCEL");
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let truth = json!([{
        "caller": "13200000001", "result": "answered", "talked": ["1002"], "talk_s": agent.talked_s().await,
        "rang": { "1001": ["answered_elsewhere"], "1002": ["answered"], "1003": ["answered_elsewhere"] },
        "ended_by": "caller",
    }]);
    stage.ends("ring_group", truth).await;
}

#[tokio::test]
async fn a_ring_group_rings_in_vain() {
    let mut stage = Stage::set().await;
    for agent in &stage.scene.lab.agents {
        agent.will(Manner::Ring);
    }
    let caller = stage.calls(GROUP, "13200000004");
    let lines = [stage.rung("1001").await, stage.rung("1002").await, stage.rung("1003").await];
    sleep(A_TALK).await;
    caller.hang_up();
    for line in &lines {
        assert_eq!(line.ended().await, "CANCEL");
    }
    let truth = json!([{
        "caller": "13200000004", "result": "missed", "talked": [], "ended_by": "caller",
        "rang": { "1001": ["caller_gone"], "1002": ["caller_gone"], "1003": ["caller_gone"] },
    }]);
    stage.ends("ring_group_missed", truth).await;
}

/// The queue `sales` rings 1001 through Local channels that go once its ends are joined, then 1002
/// through Local channels that stay.
#[tokio::test]
async fn members_behind_local_channels_are_themselves() {
    let mut stage = Stage::set().await;
    let caller = stage.calls(SALES, "13200000005");
    let first = stage.answers("1001").await;
    // Asterisk looks whether it can do without the Local channels when somebody is heard.
    first.speak(Sound::Silence).await;
    stage.tape.told(&["Event: LocalOptimizationEnd"]).await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let first_s = first.talked_s().await;
    let caller = stage.calls(SALES, "13200000006");
    let second = stage.answers("1002").await;
    stage.tape.talk(&["Local/1002@members-*;2", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    second.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let truth = json!([{
        "caller": "13200000005", "to": "sales", "result": "answered", "talked": ["1001"], "talk_s": first_s,
        "rang": { "1001": ["answered"] }, "transfers": [], "ended_by": "caller",
    }, {
        "caller": "13200000006", "to": "sales", "result": "answered", "talked": ["1002"],
        "talk_s": second.talked_s().await, "rang": { "1002": ["answered"] }, "transfers": [], "ended_by": "agent",
    }]);
    stage.ends("local_members", truth).await;
}

#[tokio::test]
async fn a_member_behind_a_local_channel_declines_and_the_next_does_not_take_it_either() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Decline { after: A_TALK });
    stage.phone("1002").will(Manner::Ring);
    let caller = stage.calls(SALES, "13200000007");
    assert_eq!(stage.rung("1001").await.ended().await, "here");
    let second = stage.rung("1002").await;
    sleep(A_TALK).await;
    caller.hang_up();
    assert_eq!(second.ended().await, "CANCEL");
    let truth = json!([{
        "caller": "13200000007", "to": "sales", "result": "abandoned", "talked": [],
        "rang": { "1001": ["declined"], "1002": ["caller_gone"] }, "ended_by": "caller",
    }]);
    stage.ends("local_members_fail", truth).await;
}

/// An agent of the pool dials in once; the line stays up between calls.
#[tokio::test]
async fn an_agent_of_the_pool_takes_two_callers_on_one_line() {
    let mut stage = Stage::set().await;
    let seat = stage.phone("1003").call("*47", "1003", None);
    seat.up().await;
    stage.tape.told(&["Event: AgentLogin", "Agent: 103"]).await;
    for (nth, number) in ["13200000008", "13200000009"].into_iter().enumerate() {
        let caller = stage.calls(POOL, number);
        caller.up().await;
        stage.tape.told(&["Event: AgentConnect", &format!("CallerIDNum: {number}")]).await;
        stage.tape.talk(&["PJSIP/1003-", "Local/103@pool-*;2"]).await;
        sleep(A_TALK).await;
        caller.hang_up();
        stage.tape.hears("Event: BridgeEnter", &["BridgeType: agent_hold", "PJSIP/1003-"]).await;
        if nth == 0 {
            stage.tape.hears("Event: BridgeEnter", &["BridgeType: agent_hold", "PJSIP/1003-"]).await;
        }
    }
    seat.hang_up();
    let caller = |number: &str| json!({ "caller": number, "to": "pool", "result": "answered", "talk_s": 1, "transfers": [], "ended_by": "caller" });
    let truth = json!([{ "direction": "internal", "agent": "1003" }, caller("13200000008"), caller("13200000009")]);
    stage.ends("agent_pool", truth).await;
}

#[tokio::test]
async fn a_colleague_picks_up_what_rings() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(HOTLINE, "13200000010");
    let ringing = stage.rung("1001").await;
    let takes = stage.phone("1003").call("*8", "1003", None);
    takes.up().await;
    assert_eq!(ringing.ended().await, "CANCEL");
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    takes.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let truth = json!([{
        "caller": "13200000010", "to": "support", "result": "answered", "talked": ["1003"],
        "rang": { "1001": ["answered_elsewhere"], "1003": ["answered"] }, "transfers": [],
        "talk_s": takes.talked_s().await, "ended_by": "agent",
    }]);
    stage.ends("pickup_by_group", truth).await;
}

#[tokio::test]
async fn a_colleague_picks_up_a_named_phone_without_a_queue() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Ring);
    let caller = stage.calls(DIRECT, "13200000011");
    let ringing = stage.rung("1001").await;
    let takes = stage.phone("1002").call("*81001", "1002", None);
    takes.up().await;
    assert_eq!(ringing.ended().await, "CANCEL");
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let truth = json!([{
        "caller": "13200000011", "to": "1001", "result": "answered", "talked": ["1002"],
        "rang": { "1001": ["answered_elsewhere"], "1002": ["answered"] }, "transfers": [],
        "talk_s": takes.talked_s().await, "ended_by": "caller",
    }]);
    stage.ends("pickup_of_a_phone", truth).await;
}
