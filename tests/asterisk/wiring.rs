//! The lab itself: that the toy phones do to a real Asterisk what the other tests rely on.

use std::time::Duration;

use tokio::time::sleep;

use super::lab::{HOTLINE, Lab, manager};
use super::phone::Manner;
use super::stage::A_TALK;
use super::tape::Tape;
use crate::house::{House, ringback};

#[tokio::test]
async fn phones_answer_hold_and_hang_up() {
    let lab = Lab::start().await;
    let mut tape = Tape::start().await;
    let mut agents = lab.agents;
    let caller = lab.trunk.call(HOTLINE, "13800138000", Some("Zhang San".as_bytes()));
    tape.hears("Event: QueueCallerJoin", &["CallerIDNum: 13800138000", "Queue: support"]).await;
    tape.hears("Event: AgentConnect", &["Interface: PJSIP/1001"]).await;
    let agent = agents[0].rung().await;
    agent.up().await;
    tape.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    agent.hold(true);
    tape.hears("Event: Hold", &["PJSIP/1001-"]).await;
    agent.hold(false);
    tape.hears("Event: Unhold", &["PJSIP/1001-"]).await;
    agent.hang_up();
    tape.hears("Event: AgentComplete", &["Reason: agent"]).await;
    assert_eq!(caller.ended().await, "BYE");
}

#[tokio::test]
async fn phones_decline_and_callers_give_up() {
    let lab = Lab::start().await;
    let mut tape = Tape::start().await;
    lab.agents[0].will(Manner::Decline { after: Duration::from_millis(200) });
    lab.agents[1].will(Manner::Ring);
    let caller = lab.trunk.call(HOTLINE, "13800138000", None);
    tape.hears("Event: AgentRingNoAnswer", &["Interface: PJSIP/1001"]).await;
    tape.hears("Event: DialState", &["PJSIP/1002-", "RINGING"]).await;
    caller.hang_up();
    tape.hears("Event: QueueCallerAbandon", &["CallerIDNum: 13800138000"]).await;
}

#[tokio::test]
async fn phones_transfer_blindly_and_attended() {
    let lab = Lab::start().await;
    let mut tape = Tape::start().await;
    let mut agents = lab.agents;
    let caller = lab.trunk.call(HOTLINE, "13800138000", None);
    let first = agents[0].rung().await;
    first.up().await;
    tape.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    first.refer("1003");
    tape.hears("Event: BlindTransfer", &["Result: Success", "Extension: 1003"]).await;
    agents[2].rung().await.up().await;
    tape.talk(&["PJSIP/trunk-", "PJSIP/1003-"]).await;
    caller.hang_up();
    tape.hears("Event: Hangup", &["PJSIP/trunk-"]).await;

    let caller = lab.trunk.call(HOTLINE, "13800138001", None);
    let second = agents[1].rung().await;
    second.up().await;
    tape.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    second.press("*21003").await;
    agents[2].rung().await.up().await;
    tape.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    second.hang_up();
    tape.hears("Event: AttendedTransfer", &["Result: Success"]).await;
    // Asterisk 16 and 22 may crash where the caller goes while it puts the two together.
    tape.talk(&["PJSIP/trunk-", "Local/1003@from-agents-*;1"]).await;
    sleep(A_TALK).await;
    caller.hang_up();
    tape.hears("Event: Hangup", &["PJSIP/trunk-"]).await;
}

#[tokio::test]
async fn agents_call_out_from_their_own_phones() {
    let mut lab = Lab::start().await;
    let mut tape = Tape::start().await;
    let line = lab.agents[0].call("13800138000", "1001", None);
    lab.trunk.rung().await.up().await;
    line.up().await;
    tape.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    line.hang_up();
    tape.hears("Event: Hangup", &["PJSIP/1001-"]).await;
    lab.trunk.will(Manner::Decline { after: Duration::ZERO });
    assert_eq!(lab.agents[0].call("13800138000", "1001", None).ended().await, "486");
}

/// By the user of whom the README speaks modules cannot be seen; by one of class system they can.
#[tokio::test]
async fn the_check_tells_whether_anybody_can_listen_in() {
    let lab = Lab::start().await;
    let check = |user: &str| {
        let house = House::new(&format!(
            "[[pbx]]\nname = \"lab\"\nkind = \"asterisk\"\nhost = \"127.0.0.1\"\nport = {}\nusername = \"{user}\"\n\
             secret = \"lab-secret\"\n",
            manager().port()
        ));
        let output = ringback().args(["check", "--config"]).arg(house.config()).output().expect("ringback check");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let unseen = check("least");
    assert!(unseen.contains("asterisk -rx 'module show like app_chanspy'"), "{unseen}");
    assert!(unseen.contains("May ask for all that is needed"), "{unseen}");
    assert!(lab.cli("module show like app_chanspy").await.contains("app_chanspy.so"));
    let loaded = check("ringback");
    assert!(loaded.contains("app_chanspy is loaded"), "{loaded}");
}
