//! Callers who are sent on: blindly and after a talk, by the phone's button and by keys, to
//! colleagues, queues and numbers outside; and what goes wrong on the way.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::lab::HOTLINE;
use super::phone::{Line, Manner};
use super::stage::{A_TALK, Stage};
use super::tape::field;

const FROM: &str = "13600000001";

/// A caller who talks with 1001.
async fn talking(stage: &mut Stage) -> (Line, Line) {
    let caller = stage.calls(HOTLINE, FROM);
    let agent = stage.answers("1001").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    (caller, agent)
}

/// What is the same in most of these: 1001 took the call of the hotline.
fn truth(talked: &[&str], rang: Value, transfers: Value, ended_by: &str) -> Value {
    json!([{
        "caller": FROM, "to": "support", "result": "answered", "by": "1001", "talked": talked, "rang": rang,
        "transfers": transfers, "ended_by": ended_by,
    }])
}

#[tokio::test]
async fn blindly_to_a_colleague_by_the_phones_button() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.refer("1003");
    let target = stage.answers("1003").await;
    // As a phone does that hears that its transfer went well.
    agent.hang_up();
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    target.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001", "1003"], rang, json!([["blind", "1001", "1003", true]]), "agent");
    stage.ends("blind_transfer_by_refer", truth).await;
}

#[tokio::test]
async fn blindly_to_a_colleague_by_keys() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.press("#11003").await;
    stage.answers("1003").await;
    assert_eq!(agent.ended().await, "BYE");
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001", "1003"], rang, json!([["blind", "1001", "1003", true]]), "caller");
    stage.ends("blind_transfer_by_keys", truth).await;
}

#[tokio::test]
async fn blindly_to_a_queue() {
    let mut stage = Stage::set().await;
    stage.phone("1001").will(Manner::Answer { after: Duration::from_millis(300) });
    let (caller, agent) = talking(&mut stage).await;
    stage.phone("1001").will(Manner::Ring);
    stage.phone("1003").will(Manner::Ring);
    agent.refer("8000");
    stage.answers("1002").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let mut truth = truth(&["1001", "1002"], Value::Null, json!([["blind", "1001", "complaints", true]]), "caller");
    // Whether the phone that has just hung up rings again is a matter of milliseconds.
    truth[0].as_object_mut().expect("an object").remove("rang");
    stage.ends("blind_transfer_to_queue", truth).await;
}

#[tokio::test]
async fn blindly_to_a_queue_where_the_caller_gives_up() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    for agent in &stage.scene.lab.agents {
        agent.will(Manner::Ring);
    }
    agent.refer("8000");
    let ringing = stage.rung("1002").await;
    sleep(A_TALK).await;
    caller.hang_up();
    assert_eq!(ringing.ended().await, "CANCEL");
    let mut truth = truth(&["1001"], Value::Null, json!([["blind", "1001", "complaints", true]]), "caller");
    truth[0].as_object_mut().expect("an object").remove("rang");
    stage.ends("blind_transfer_to_queue_abandoned", truth).await;
}

#[tokio::test]
async fn blindly_to_a_number_outside() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.refer("13900139000");
    let outside = stage.scene.lab.trunk.rung().await;
    outside.up().await;
    stage.tape.told(&["Event: DialEnd", "DialStatus: ANSWER", "DestChannel: PJSIP/trunk-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    outside.ended().await;
    let transfers = json!([["blind", "1001", "13900139000", true]]);
    let truth = truth(&["1001", "13900139000"], json!({ "1001": ["answered"] }), transfers, "caller");
    stage.ends("blind_transfer_outside", truth).await;
}

/// The PBX knows no such number: it refuses, and nobody was sent anywhere.
#[tokio::test]
async fn blindly_to_a_number_that_there_is_not() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.refer("1999");
    sleep(A_TALK).await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    agent.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let truth = truth(&["1001"], json!({ "1001": ["answered"] }), json!([]), "agent");
    stage.ends("blind_transfer_to_nowhere", truth).await;
}

/// The target declines: the caller is lost, for who sent the call on is gone.
#[tokio::test]
async fn blindly_to_a_colleague_who_declines() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    stage.phone("1003").will(Manner::Decline { after: A_TALK });
    agent.refer("1003");
    assert_eq!(stage.rung("1003").await.ended().await, "here");
    assert_eq!(caller.ended().await, "BYE");
    let rang = json!({ "1001": ["answered"], "1003": ["declined"] });
    let truth = truth(&["1001"], rang, json!([["blind", "1001", "1003", false]]), "pbx");
    stage.ends("blind_transfer_declined", truth).await;
}

#[tokio::test]
async fn after_a_talk_by_keys() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.press("*21003").await;
    stage.answers("1003").await;
    stage.tape.told(&["Event: BridgeEnter", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    agent.hang_up();
    stage.tape.talk(&["PJSIP/trunk-", "Local/1003@from-agents-*;1"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001", "1003"], rang, json!([["attended", "1001", "1003", true]]), "caller");
    stage.ends("attended_transfer_by_keys", truth).await;
}

#[tokio::test]
async fn after_a_talk_by_keys_to_a_number_outside() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.press("*213900139000").await;
    let outside = stage.scene.lab.trunk.rung().await;
    outside.up().await;
    stage.tape.told(&["Event: DialEnd", "DialStatus: ANSWER", "DestChannel: PJSIP/trunk-"]).await;
    sleep(A_TALK).await;
    agent.hang_up();
    stage.tape.told(&["Event: AttendedTransfer"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    outside.ended().await;
    let transfers = json!([["attended", "1001", "13900139000", true]]);
    let truth = truth(&["1001", "13900139000"], json!({ "1001": ["answered"] }), transfers, "caller");
    stage.ends("attended_transfer_outside", truth).await;
}

/// The agent changes their mind: back to the caller.
#[tokio::test]
async fn a_consultation_is_broken_off() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.press("*21003").await;
    let asked = stage.answers("1003").await;
    stage.tape.told(&["Event: BridgeEnter", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    agent.press("*1").await;
    assert_eq!(asked.ended().await, "BYE");
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001"], rang, json!([]), "caller");
    stage.ends("consultation_broken_off", truth).await;
}

#[tokio::test]
async fn who_is_consulted_declines() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    stage.phone("1003").will(Manner::Decline { after: A_TALK });
    agent.press("*21003").await;
    assert_eq!(stage.rung("1003").await.ended().await, "here");
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    let rang = json!({ "1001": ["answered"], "1003": ["declined"] });
    let truth = truth(&["1001"], rang, json!([]), "caller");
    stage.ends("consultation_declined", truth).await;
}

/// The agent does not wait for the target to answer.
#[tokio::test]
async fn while_the_target_rings() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    stage.phone("1003").will(Manner::Answer { after: Duration::from_secs(3) });
    agent.press("*21003").await;
    let target = stage.rung("1003").await;
    sleep(A_TALK).await;
    agent.hang_up();
    target.up().await;
    stage.tape.told(&["Event: AttendedTransfer"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    target.ended().await;
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001", "1003"], rang, json!([["attended", "1001", "1003", true]]), "caller");
    stage.ends("blonde_transfer", truth).await;
}

/// Nor does the target: who sent the call on is called back.
#[tokio::test]
async fn while_the_target_rings_in_vain() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    stage.phone("1003").will(Manner::Ring);
    agent.press("*21003").await;
    let target = stage.rung("1003").await;
    sleep(A_TALK).await;
    agent.hang_up();
    assert_eq!(target.ended().await, "CANCEL");
    let again = stage.answers("1001").await;
    sleep(A_TALK).await;
    caller.hang_up();
    again.ended().await;
    let mut truth = truth(&["1001"], Value::Null, json!([]), "caller");
    truth[0].as_object_mut().expect("an object").retain(|word, _| word != "rang" && word != "transfers");
    stage.ends("blonde_transfer_comes_back", truth).await;
}

#[tokio::test]
async fn after_a_talk_by_the_phones_button() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.hold(true);
    stage.tape.told(&["Event: Hold", "PJSIP/1001-"]).await;
    let consultation = stage.phone("1001").call("1003", "1001", None);
    let target = stage.answers("1003").await;
    stage.tape.talk(&["PJSIP/1001-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    agent.refer_to("1003", &consultation).await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    target.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001", "1003"], rang, json!([["attended", "1001", "1003", true]]), "agent");
    stage.ends("attended_transfer_by_refer", truth).await;
}

/// The phone sends the call on in the instant in which the target has answered.
#[tokio::test]
async fn by_the_phones_button_before_the_target_is_put_through() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    agent.hold(true);
    stage.tape.told(&["Event: Hold", "PJSIP/1001-"]).await;
    let consultation = stage.phone("1001").call("1003", "1001", None);
    agent.refer_to("1003", &consultation).await;
    let target = stage.answers("1003").await;
    // Between the target's answer and its bridge Asterisk may not tell that the caller moved there.
    stage.tape.told(&["Event: AttendedTransfer"]).await;
    sleep(A_TALK).await;
    target.hang_up();
    assert_eq!(caller.ended().await, "BYE");
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001", "1003"], rang, json!([["attended", "1001", "1003", true]]), "agent");
    stage.ends("attended_transfer_at_once", truth).await;
}

/// A supervisor moves the caller by AMI: no transfer is told, the caller simply stands elsewhere.
#[tokio::test]
async fn by_redirect() {
    let mut stage = Stage::set().await;
    let (caller, agent) = talking(&mut stage).await;
    let joined = stage.tape.told(&["Event: QueueCallerJoin"]).await;
    let channel = field(&joined, "Channel").to_owned();
    let to = [("Channel", channel.as_str()), ("Context", "from-agents"), ("Exten", "1003"), ("Priority", "1")];
    stage.tape.asks("Redirect", &to).await;
    assert_eq!(agent.ended().await, "BYE");
    let target = stage.answers("1003").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    target.ended().await;
    let rang = json!({ "1001": ["answered"], "1003": ["answered"] });
    let truth = truth(&["1001", "1003"], rang, json!([["blind", null, "1003", true]]), "caller");
    stage.ends("redirected", truth).await;
}
