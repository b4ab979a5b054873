//! The native socket through the real binary: `kill -9` again and again while a sender tells calls, and
//! what `send` and `check` say.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use daemon::config::Address;
use daemon::send::{Manner, Owner, send};
use protocol::native::client::{Heard, Identity};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::house::{House, PATIENCE, ringback};

pub const TOKEN: &str = "3f9c1e5b7a2d4860";

/// Kills; each comes a few to a few hundred milliseconds after the daemon listens.
const KILLS: u64 = 60;

/// Calls that are up at once.
const UP: usize = 12;

/// Rows that the journal may hold: a call tells eight lines, and as much again may have ended and wait
/// for its commit, in the sender's window of 64 KB.
const JOURNAL: i64 = 1_000;

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

pub fn house(port: u16) -> House {
    House::new(&format!(
        "[native]\nlisten = \"127.0.0.1:{port}\"\n[[pbx]]\nname = \"shop\"\nkind = \"native\"\ntoken = \"{TOKEN}\"\n"
    ))
}

fn to(port: u16) -> Address {
    Address { host: "127.0.0.1".into(), port, tls: None }
}

fn identity(source: &str) -> Identity {
    Identity {
        token: TOKEN.into(),
        source: source.try_into().expect("a source"),
        boot: "1".try_into().expect("a boot"),
        product: None,
    }
}

/// What became of a call, as its caller would tell it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    caller: String,
    agent: Option<String>,
    answered_at: Option<i64>,
    ended_at: Option<i64>,
    outcome: Option<&'static str>,
}

/// A hotline without end: a dozen calls at once, each a step further at each turn.
struct Hotline {
    over: Arc<AtomicBool>,
    /// It takes so long to tell a line.
    every: Duration,
    begun: u64,
    up: VecDeque<(u64, u64)>,
    /// By the number of the line that ended the call.
    truths: BTreeMap<String, Truth>,
    acked: Arc<Mutex<u64>>,
}

fn now() -> (String, i64) {
    let now: DateTime<Utc> = Utc::now();
    (now.to_rfc3339_opts(SecondsFormat::Millis, true), now.timestamp_millis())
}

impl Hotline {
    fn agent(call: u64) -> String {
        format!("{}", 1001 + call % 40)
    }

    fn step(&mut self, call: u64, step: u64) -> (Value, bool) {
        let name = format!("k{call}");
        let (at, ms) = now();
        let truth = self.truths.entry(name.clone()).or_default();
        let agent = Self::agent(call);
        // Every third caller gives up, every fifth call is outbound.
        let (kind, more, ends) = match (call.is_multiple_of(3), call.is_multiple_of(5), step) {
            (_, true, 0) => {
                truth.agent = Some(agent.clone());
                (
                    "call_started",
                    json!({ "direction": "outbound", "agent": agent, "to": format!("136{call:08}") }),
                    false,
                )
            }
            (_, true, 1) => {
                truth.answered_at = Some(ms);
                ("call_answered", json!({}), false)
            }
            (_, true, _) => {
                truth.outcome = Some("answered");
                ("call_ended", json!({ "by": "agent" }), true)
            }
            (_, _, 0) => {
                truth.caller = format!("137{call:08}");
                ("call_started", json!({ "caller": truth.caller, "to": "4008001234" }), false)
            }
            (_, _, 1) => ("call_queued", json!({ "queue": "support" }), false),
            (_, _, 2) => ("agent_ringing", json!({ "agent": agent }), false),
            (true, _, _) => {
                truth.outcome = Some("abandoned");
                ("call_ended", json!({ "by": "caller" }), true)
            }
            (_, _, 3) => {
                (truth.answered_at, truth.agent) = (Some(ms), Some(agent.clone()));
                ("call_answered", json!({ "agent": agent }), false)
            }
            (_, _, 4) => ("call_held", json!({}), false),
            (_, _, 5) => ("call_resumed", json!({}), false),
            _ => {
                truth.outcome = Some("answered");
                ("call_ended", json!({ "by": "caller" }), true)
            }
        };
        if ends {
            truth.ended_at = Some(ms);
        }
        let mut line = json!({ "type": kind, "at": at, "call": name });
        let fields = more.as_object().cloned().unwrap_or_default();
        line.as_object_mut().expect("an object").extend(fields);
        (line, ends)
    }
}

impl Owner for Hotline {
    fn next(&mut self) -> Option<String> {
        std::thread::sleep(self.every);
        if self.up.len() < UP && !self.over.load(Ordering::Relaxed) {
            self.up.push_front((self.begun, 0));
            self.begun += 1;
        }
        let (call, step) = self.up.pop_front()?;
        let (line, ends) = self.step(call, step);
        if !ends {
            self.up.push_back((call, step + 1));
        }
        Some(line.to_string())
    }

    fn snapshot(&mut self, marker: &str) -> Vec<String> {
        let (at, _) = now();
        let seen = self.up.iter().filter(|(_, step)| *step > 0).map(|(call, step)| {
            let agent = Self::agent(*call);
            let mut line = json!({ "type": "call_seen", "at": at, "call": format!("k{call}"), "up_ms": 1000 });
            let more = match (call.is_multiple_of(5), step) {
                (true, 1) => json!({ "direction": "outbound", "agent": agent, "to": format!("136{call:08}") }),
                (true, _) => json!({ "direction": "outbound", "agent": agent, "to": format!("136{call:08}"), "talking": [agent] }),
                (_, 1) => json!({}),
                (_, 2) => json!({ "queue": "support", "waited_ms": 500 }),
                (_, 3) => json!({ "queue": "support", "waited_ms": 500, "ringing": [agent] }),
                _ => json!({ "queue": "support", "talking": [agent] }),
            };
            line.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            line.to_string()
        });
        let mark = |kind: &str| json!({ "type": kind, "at": at, "marker": marker }).to_string();
        [mark("snapshot_began")].into_iter().chain(seen).chain([mark("snapshot_ended")]).collect()
    }

    fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Acked { seq } => *self.acked.lock().expect("nobody panics with it") = *seq,
            Heard::Error { reason, .. } => panic!("a line was refused: {reason}"),
            Heard::Welcome { .. } | Heard::SnapshotWanted { .. } | Heard::Asked { .. } | Heard::Over(_) => {}
        }
    }
}

/// The hotline's sender, in a thread of its own.
pub struct Sender {
    over: Arc<AtomicBool>,
    acked: Arc<Mutex<u64>>,
    thread: JoinHandle<BTreeMap<String, Truth>>,
}

impl Sender {
    /// With so much time before each line.
    pub fn start(port: u16, every: Duration) -> Sender {
        let (over, acked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(0)));
        let (up, truths) = (VecDeque::new(), BTreeMap::new());
        let mut hotline = Hotline { over: over.clone(), every, begun: 0, up, truths, acked: acked.clone() };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let manner = Manner { keep: 64 * 1024, patience: 3 * PATIENCE };
            runtime.block_on(send(&to(port), identity("hotline"), &mut hotline, manner)).expect("all is told");
            hotline.truths
        });
        Sender { over, acked, thread }
    }

    /// The number of the last line that was acknowledged.
    fn acked(&self) -> u64 {
        *self.acked.lock().expect("the count")
    }

    /// Ends all calls, and returns what became of each once all is told.
    pub fn end(self) -> BTreeMap<String, Truth> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sender")
    }
}

#[test]
fn no_call_that_was_acknowledged_is_lost_by_a_kill() {
    let port = free_port();
    let house = house(port);
    let sender = Sender::start(port, Duration::ZERO);
    let begun = Instant::now();
    let mut longest = 0;
    for kill in 0..KILLS {
        let running = house.serve();
        std::thread::sleep(Duration::from_millis(kill * 7919 % 300));
        let promised = sender.acked();
        running.kill();
        let db = house.database();
        let kept: i64 = db
            .query_row("SELECT coalesce(max(last_seq), 0) FROM sources", [], |row| row.get(0))
            .expect("how far the sender is kept");
        assert!(kept as u64 >= promised, "kill {kill}: {promised} was acknowledged, {kept} is on disk");
        longest = longest.max(count(&db, "SELECT count(*) FROM journal"));
    }
    let running = house.serve();
    let acked = sender.acked.clone();
    let truths = sender.end();
    assert!(running.stop());
    eprintln!(
        "{KILLS} kills in {:?}: {} calls in {} lines; the journal held {longest} at most",
        begun.elapsed(),
        truths.len(),
        acked.lock().expect("the count")
    );

    let db = house.database();
    assert!(truths.len() > 300, "only {} calls", truths.len());
    let mut all = db
        .prepare("SELECT id, coalesce(caller, ''), agent, answered_at_ms, ended_at_ms, outcome, certain FROM calls")
        .expect("the calls");
    let rows = all
        .query_map([], |row| {
            let id: String = row.get(0)?;
            let outcome: Option<String> = row.get(5)?;
            let outcome = ["answered", "abandoned"].into_iter().find(|known| outcome.as_deref() == Some(known));
            let truth = Truth {
                caller: row.get(1)?,
                agent: row.get(2)?,
                answered_at: row.get(3)?,
                ended_at: row.get(4)?,
                outcome,
            };
            Ok((id.trim_start_matches("shop-1-").to_owned(), (truth, row.get::<_, bool>(6)?)))
        })
        .expect("the calls");
    let kept: BTreeMap<String, (Truth, bool)> = rows.collect::<Result<_, _>>().expect("the calls");
    for (name, truth) in &truths {
        assert_eq!(kept.get(name), Some(&(truth.clone(), true)), "{name}");
    }
    assert_eq!(kept.len(), truths.len(), "calls that never were");
    assert!(longest < JOURNAL, "the journal held {longest} lines");
    assert_eq!(count(&db, "SELECT count(*) FROM journal"), 0, "all calls are over");
    assert_eq!(count(&db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).expect(sql)
}

fn run(arguments: &[&str], input: &str) -> (Output, String) {
    let mut child = ringback()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ringback");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("give the lines");
    let output = child.wait_with_output().expect("its end");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

#[test]
fn send_and_check_say_what_came_of_it() {
    let port = free_port();
    let house = house(port);
    let config = house.config().display().to_string();
    let (checked, said) = run(&["check", "--config", &config], "");
    assert!(
        checked.status.success() && said.contains("is free for it") && said.contains("\"type\":\"hello\""),
        "{said}"
    );

    let running = house.serve();
    let (_, said) = run(&["check", "--config", &config], "");
    assert!(said.contains("No sender is connected"), "{said}");

    let at = now().0;
    let good = |call: &str| {
        format!(
            "{{\"type\":\"call_started\",\"at\":\"{at}\",\"call\":\"{call}\",\"caller\":\"13600000001\"}}\n\
             {{\"type\":\"call_ended\",\"at\":\"{at}\",\"call\":\"{call}\",\"by\":\"caller\"}}\n"
        )
    };
    let address = format!("127.0.0.1:{port}");
    let to = ["send", "-", "--to", &address, "--token"];
    let (sent, said) = run(&[&to[..], &[TOKEN]].concat(), &good("c1"));
    assert!(sent.status.success() && said.contains("2 lines kept, 0 of them not understood, 0 not kept"), "{said}");
    let wrong = format!("{}no line at all\n{}", good("c2"), good("c3"));
    let (sent, said) = run(&[&to[..], &[TOKEN]].concat(), &wrong);
    assert!(!sent.status.success() && said.contains("line 3: ") && said.contains("5 lines kept, 1 of them"), "{said}");
    let begun = Instant::now();
    let (sent, said) = run(&[&to[..], &["another-token-than-ours"]].concat(), &good("c4"));
    assert!(!sent.status.success() && said.contains("no PBX has this token"), "{said}");
    assert!(begun.elapsed() > Duration::from_secs(2), "guessing is slow");
    assert!(!said.contains("another-token"), "{said}");
    assert!(running.stop());
    assert_eq!(count(&house.database(), "SELECT count(*) FROM calls WHERE ended_at_ms IS NOT NULL AND certain"), 3);
}
