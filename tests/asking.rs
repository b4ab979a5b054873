//! What a supervisor asks of a PBX that connects to us: the request on the socket, its answer, and
//! what pages and API make of it.

use chrono::{SecondsFormat, Utc};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::house::{PATIENCE, Running, sign_in, until};
use crate::native::{TOKEN, free_port, house};

/// A sender whose every line is the test's.
struct Sender {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    seq: u64,
}

impl Sender {
    /// Connected, and all that is up is told: nothing.
    async fn connect(port: u16) -> Sender {
        let (reader, writer) = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection").into_split();
        let mut sender = Sender { lines: BufReader::new(reader).lines(), writer, seq: 0 };
        sender.say(json!({ "type": "hello", "version": 1, "token": TOKEN, "source": "s1", "boot": "1" })).await;
        let marker = sender.hears("resync").await["marker"].clone();
        sender.tell(json!({ "type": "snapshot_began", "marker": marker })).await;
        sender.tell(json!({ "type": "snapshot_ended", "marker": marker })).await;
        sender
    }

    async fn say(&mut self, line: Value) {
        self.writer.write_all(format!("{line}\n").as_bytes()).await.expect("to write");
    }

    /// With its number and time.
    async fn tell(&mut self, mut line: Value) {
        self.seq += 1;
        line["seq"] = self.seq.into();
        line["at"] = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true).into();
        self.say(line).await;
    }

    /// The next line of this type; acknowledgements and heartbeats come between.
    async fn hears(&mut self, kind: &str) -> Value {
        loop {
            let line = timeout(PATIENCE, self.lines.next_line()).await.expect("in time").expect("a line");
            let line: Value = serde_json::from_str(&line.expect("a connection")).expect("JSON");
            match line["type"].as_str() {
                Some(told) if told == kind => return line,
                Some("welcome" | "ack" | "heartbeat") => {}
                _ => panic!("{line} instead of {kind}"),
            }
        }
    }

    async fn does(&mut self, asked: &Value) {
        self.say(json!({ "type": "answer", "id": asked["id"], "done": true })).await;
    }

    async fn refuses(&mut self, asked: &Value, reason: &str) {
        self.say(json!({ "type": "answer", "id": asked["id"], "done": false, "reason": reason })).await;
    }
}

struct Supervisor<'a> {
    running: &'a Running,
    browser: Client,
    stream: Response,
    heard: String,
}

impl Supervisor<'_> {
    async fn sign_in(running: &Running) -> Supervisor<'_> {
        let browser = sign_in(&running.url, "wen").await;
        let stream = browser.get(format!("{}/stream?pages=live", running.url)).send().await.expect("the stream");
        assert_eq!(stream.status(), StatusCode::OK);
        Supervisor { running, browser, stream, heard: String::new() }
    }

    /// What is answered at once: it is on record and on its way.
    async fn asks(&self, what: &str, how: Value) -> Value {
        let url = format!("{}/api/v1/{what}", self.running.url);
        let request = self.browser.post(url).header("Content-Type", "application/json").body(how.to_string());
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let said = answer.text().await.expect("text");
        assert_eq!(status, StatusCode::ACCEPTED, "{what}: {said}");
        serde_json::from_str(&said).expect("JSON")
    }

    /// Until the stream tells that it was not done, and why.
    async fn is_refused(&mut self, why: &str) {
        while !(self.heard.contains("event: not-done") && self.heard.contains(why)) {
            let more = timeout(PATIENCE, self.stream.chunk()).await.expect("in time").expect("the stream");
            self.heard.push_str(&String::from_utf8_lossy(&more.expect("more")));
        }
        self.heard.clear();
    }

    async fn sees(&self, extension: &str, part: &str, is: &str) -> Value {
        until(&format!("{extension} {part} {is}"), async || {
            let board = self.browser.get(format!("{}/api/v1/board", self.running.url)).send().await.expect("the board");
            let board: Value = serde_json::from_str(&board.text().await.expect("text")).expect("JSON");
            let agents = board["agents"].as_array().expect("agents");
            let agent = agents.iter().find(|agent| agent["extension"] == extension);
            match agent.filter(|agent| agent[part] == is) {
                Some(agent) => Ok(agent.clone()),
                None => Err(format!("{agent:?}")),
            }
        })
        .await
    }
}

#[tokio::test]
async fn breaks_and_listening_in_are_asked_of_a_sender_and_its_refusals_are_told() {
    let port = free_port();
    let house = house(port);
    house.person("wen", "supervisor", Some("shop/1010"));
    let running = house.serve();
    let mut sender = Sender::connect(port).await;
    for agent in ["1001", "1002", "1010"] {
        sender.tell(json!({ "type": "queue_member", "queue": "support", "agent": agent, "state": "free" })).await;
    }
    for line in [
        json!({ "type": "call_started", "call": "c1", "caller": "13800138000", "to": "4008001234" }),
        json!({ "type": "call_queued", "call": "c1", "queue": "support" }),
        json!({ "type": "agent_ringing", "call": "c1", "agent": "1001" }),
        json!({ "type": "call_answered", "call": "c1", "agent": "1001" }),
    ] {
        sender.tell(line).await;
    }
    let mut wen = Supervisor::sign_in(&running).await;
    let call = wen.sees("1001", "state", "talking").await["call"].clone();

    // A break, done and then told; its end, refused.
    wen.asks("pause", json!({ "pbx": "shop", "extension": "1002", "reason": "meal" })).await;
    let asked = sender.hears("request").await;
    let what = [&asked["ask"], &asked["agent"], &asked["paused"], &asked["reason"]];
    assert_eq!(what, [&json!("pause"), &json!("1002"), &json!(true), &json!("meal")]);
    assert!(asked.get("queue").is_none(), "from all queues: {asked}");
    sender.does(&asked).await;
    sender.tell(json!({ "type": "agent", "agent": "1002", "duty": "paused", "reason": "meal" })).await;
    assert_eq!(wen.sees("1002", "state", "paused").await["reason"], "meal");
    wen.asks("unpause", json!({ "pbx": "shop", "extension": "1002", "queue": "support" })).await;
    let asked = sender.hears("request").await;
    assert_eq!((&asked["paused"], &asked["queue"]), (&json!(false), &json!("support")));
    sender.refuses(&asked, "the shift is over").await;
    wen.is_refused("the shift is over").await;
    wen.sees("1002", "state", "paused").await;

    // Listening in, refused; whispering, done.
    wen.asks("spy", json!({ "call": call, "how": "listen" })).await;
    let asked = sender.hears("request").await;
    assert_eq!((&asked["ask"], &asked["how"]), (&json!("spy"), &json!("listen")));
    sender.refuses(&asked, "nobody listens here").await;
    wen.is_refused("nobody listens here").await;
    let leg = wen.asks("spy", json!({ "call": call, "how": "whisper" })).await["leg"].clone();
    let asked = sender.hears("request").await;
    let what = [&asked["spy"], &asked["agent"], &asked["how"]];
    assert_eq!(what, [&json!("1010"), &json!("1001"), &json!("whisper")]);
    if !leg.is_null() {
        assert_eq!(leg, asked["leg"]);
    }
    sender.does(&asked).await;
    let leg = asked["leg"].clone();
    sender.tell(json!({ "type": "leg_started", "leg": leg, "side": "agent", "device": "1010", "state": "up" })).await;
    wen.sees("1010", "state", "listening").await;
    sender.tell(json!({ "type": "leg_ended", "leg": leg })).await;
    sender.tell(json!({ "type": "call_ended", "call": "c1", "by": "caller" })).await;
    wen.sees("1010", "state", "available").await;
    assert!(running.stop());
}
