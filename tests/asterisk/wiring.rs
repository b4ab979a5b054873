//! The lab itself: that the toy phones do to a real Asterisk what the other tests rely on.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::lab::{HOTLINE, Lab, MANAGER};
use super::phone::Manner;
use crate::house::PATIENCE;

/// A bare manager session that collects what it hears.
struct Ear {
    stream: TcpStream,
    heard: String,
}

impl Ear {
    async fn open() -> Ear {
        let stream = TcpStream::connect(MANAGER).await.expect("the manager port");
        let mut ear = Ear { stream, heard: String::new() };
        ear.say("Action: Login\r\nUsername: ringback\r\nSecret: lab-secret\r\n\r\n").await;
        ear.hears("Authentication accepted", &[]).await;
        ear
    }

    async fn say(&mut self, action: &str) {
        self.stream.write_all(action.as_bytes()).await.expect("write to the manager port");
    }

    /// Waits for a packet that has all of these in it; what came before it is forgotten.
    async fn hears(&mut self, what: &str, and: &[&str]) {
        let fits = |packet: &str| packet.contains(what) && and.iter().all(|more| packet.contains(more));
        let listening = async {
            loop {
                while let Some(end) = self.heard.find("\r\n\r\n") {
                    let packet: String = self.heard.drain(..end + 4).collect();
                    if fits(&packet) {
                        return;
                    }
                }
                let mut bytes = [0; 16_384];
                let length = self.stream.read(&mut bytes).await.expect("read from the manager port");
                assert!(length > 0, "the manager port closed before {what}");
                self.heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        };
        timeout(PATIENCE, listening).await.unwrap_or_else(|_| panic!("never heard {what} {and:?}"));
    }
}

#[tokio::test]
async fn phones_answer_hold_and_hang_up() {
    let lab = Lab::start().await;
    let mut ear = Ear::open().await;
    let mut agents = lab.agents;
    let caller = lab.trunk.call(HOTLINE, "13800138000", Some("Zhang San"));
    ear.hears("Event: QueueCallerJoin", &["CallerIDNum: 13800138000", "Queue: support"]).await;
    ear.hears("Event: AgentConnect", &["Interface: PJSIP/1001"]).await;
    let agent = agents[0].rung().await;
    agent.up().await;
    ear.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    agent.hold(true);
    ear.hears("Event: Hold", &["PJSIP/1001-"]).await;
    agent.hold(false);
    ear.hears("Event: Unhold", &["PJSIP/1001-"]).await;
    agent.hang_up();
    ear.hears("Event: AgentComplete", &["Reason: agent"]).await;
    assert_eq!(caller.ended().await, "BYE");
}

#[tokio::test]
async fn phones_decline_and_callers_give_up() {
    let lab = Lab::start().await;
    let mut ear = Ear::open().await;
    lab.agents[0].will(Manner::Decline { after: Duration::from_millis(200) });
    lab.agents[1].will(Manner::Ring);
    let caller = lab.trunk.call(HOTLINE, "13800138000", None);
    ear.hears("Event: AgentRingNoAnswer", &["Interface: PJSIP/1001"]).await;
    ear.hears("Event: DialState", &["PJSIP/1002-", "RINGING"]).await;
    caller.hang_up();
    ear.hears("Event: QueueCallerAbandon", &["CallerIDNum: 13800138000"]).await;
}

#[tokio::test]
async fn phones_transfer_blindly_and_attended() {
    let lab = Lab::start().await;
    let mut ear = Ear::open().await;
    let mut agents = lab.agents;
    let caller = lab.trunk.call(HOTLINE, "13800138000", None);
    let first = agents[0].rung().await;
    first.up().await;
    ear.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    first.refer("1003");
    ear.hears("Event: BlindTransfer", &["Result: Success", "Extension: 1003"]).await;
    agents[2].rung().await.up().await;
    caller.hang_up();
    ear.hears("Event: Hangup", &["PJSIP/trunk-"]).await;

    let caller = lab.trunk.call(HOTLINE, "13800138001", None);
    let second = agents[1].rung().await;
    second.up().await;
    ear.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    second.press("*21003").await;
    agents[2].rung().await.up().await;
    ear.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    second.hang_up();
    ear.hears("Event: AttendedTransfer", &["Result: Success"]).await;
    caller.hang_up();
    ear.hears("Event: Hangup", &["PJSIP/trunk-"]).await;
}

#[tokio::test]
async fn agents_call_out_from_their_own_phones() {
    let mut lab = Lab::start().await;
    let mut ear = Ear::open().await;
    let line = lab.agents[0].call("13800138000", "1001", None);
    lab.trunk.rung().await.up().await;
    line.up().await;
    ear.hears("Event: BridgeEnter", &["BridgeNumChannels: 2"]).await;
    line.hang_up();
    ear.hears("Event: Hangup", &["PJSIP/1001-"]).await;
    lab.trunk.will(Manner::Decline { after: Duration::ZERO });
    assert_eq!(lab.agents[0].call("13800138000", "1001", None).ended().await, "486");
}
