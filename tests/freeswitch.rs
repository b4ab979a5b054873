//! A FreeSWITCH whose every word is the test's: it lets the daemon in over a real socket, lists what
//! is up when it is asked, and plays a hotline without end, with the events and in the order of
//! recordings of FreeSWITCH 1.10. Now and then a frame of it is damaged.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval};

const CORE: &str = "58619c2d-b441-4bfa-a875-3aec7135c6c0";

/// Calls go on so often, this many of them each time.
const TICK: Duration = Duration::from_millis(10);
const STEPS: usize = 4;

/// Calls that are up at once.
const UP: usize = 24;

/// Ticks between two damaged frames: a snapshot is taken no sooner than five seconds after the last.
const DAMAGED_EVERY: u64 = 600;

pub struct FreeSwitch {
    address: SocketAddr,
}

impl FreeSwitch {
    pub async fn start() -> FreeSwitch {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(run(listener));
        FreeSwitch { address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The lines of a configuration that lead to one.
pub fn config(name: &str, at: SocketAddr) -> String {
    format!(
        "[[pbx]]\nname = \"{name}\"\nkind = \"freeswitch\"\nhost = \"127.0.0.1\"\nport = {}\nsecret = \"s3cret\"\n",
        at.port()
    )
}

async fn run(listener: TcpListener) {
    let mut hotline = Hotline::default();
    let mut session: Option<Session> = None;
    let mut ticks = 0;
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let out = tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                session = Some(Session::new(stream));
                "Content-Type: auth/request\n\n".to_owned()
            }
            asked = read(&mut session), if session.is_some() => match asked {
                Some(asked) => asked.iter().map(|command| hotline.reply(command)).collect(),
                None => {
                    session = None;
                    continue;
                }
            },
            _ = tick.tick() => {
                ticks += 1;
                let events = hotline.go_on();
                if session.as_ref().is_none_or(|session| !session.listens) {
                    continue;
                }
                events.iter().map(framed).chain(damaged(ticks)).collect()
            }
        };
        if let Some(open) = &mut session
            && open.writer.write_all(out.as_bytes()).await.is_err()
        {
            session = None;
        }
    }
}

fn damaged(ticks: u64) -> Option<String> {
    ticks.is_multiple_of(DAMAGED_EVERY).then(|| "Content-Length: 9\nContent-Type: text/event-json\n\n{\"Event-N".into())
}

fn framed(event: &Value) -> String {
    let body = event.to_string();
    format!("Content-Length: {}\nContent-Type: text/event-json\n\n{body}", body.len())
}

struct Session {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    unread: String,
    /// Whether it has asked for events.
    listens: bool,
}

impl Session {
    fn new(stream: TcpStream) -> Session {
        let (reader, writer) = stream.into_split();
        Session { reader, writer, unread: String::new(), listens: false }
    }
}

/// Whole commands; none: the connection is over.
async fn read(session: &mut Option<Session>) -> Option<Vec<String>> {
    let open = session.as_mut()?;
    let mut bytes = [0; 4096];
    let count = open.reader.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
    open.unread.push_str(std::str::from_utf8(&bytes[..count]).expect("UTF-8"));
    let mut commands = Vec::new();
    while let Some((command, rest)) = open.unread.split_once("\n\n") {
        commands.push(command.to_owned());
        open.unread = rest.to_owned();
    }
    open.listens |= commands.iter().any(|command| command.starts_with("event "));
    Some(commands)
}

#[derive(Default)]
struct Hotline {
    begun: u64,
    calls: VecDeque<Call>,
    /// Rows of `show channels`, and of the callers who wait.
    up: BTreeMap<String, Value>,
    waiting: BTreeMap<String, Value>,
}

struct Call {
    nth: u64,
    step: u8,
}

impl Call {
    fn caller(&self) -> String {
        format!("{:08x}-0000-4000-8000-00000000000c", self.nth)
    }

    fn phone(&self) -> String {
        format!("{:08x}-0000-4000-8000-00000000000a", self.nth)
    }

    fn number(&self) -> String {
        format!("139{:08}", self.nth)
    }

    fn agent(&self) -> String {
        (1001 + self.nth % 40).to_string()
    }
}

impl Hotline {
    fn reply(&self, command: &str) -> String {
        let answer = |said: String| format!("Content-Type: api/response\nContent-Length: {}\n\n{said}", said.len());
        let table = |rows: Vec<Value>| answer(json!({ "status": "success", "response": rows }).to_string());
        let Some(api) = command.strip_prefix("api ") else {
            return "Content-Type: command/reply\nReply-Text: +OK\n\n".into();
        };
        match api {
            "strmicroepoch" => answer(Utc::now().timestamp_micros().to_string()),
            "show channels as json" if self.up.is_empty() => answer(r#"{"row_count":0}"#.into()),
            "show channels as json" => {
                let rows: Vec<&Value> = self.up.values().collect();
                answer(json!({ "row_count": rows.len(), "rows": rows }).to_string())
            }
            _ if api.contains("queue list") => table(vec![json!({ "name": "support@default" })]),
            _ if api.contains("member list") => table(self.waiting.values().cloned().collect()),
            _ => match api.strip_prefix("uuid_exists ") {
                Some(leg) => answer(self.up.contains_key(leg).to_string()),
                None => table(Vec::new()),
            },
        }
    }

    fn go_on(&mut self) -> Vec<Value> {
        let mut said = Vec::new();
        for _ in 0..STEPS {
            if self.calls.len() < UP {
                self.calls.push_back(Call { nth: self.begun, step: 0 });
                self.begun += 1;
            }
            let Some(mut call) = self.calls.pop_front() else { continue };
            let goes_on = self.step(&call, &mut said);
            call.step += 1;
            if goes_on {
                self.calls.push_back(call);
            }
        }
        said
    }

    /// Whether the call goes on. Every third caller gives up.
    fn step(&mut self, call: &Call, said: &mut Vec<Value>) -> bool {
        let (caller, phone) = (call.caller(), call.phone());
        let now_s = Utc::now().timestamp().to_string();
        match call.step {
            0 => {
                said.push(call.by_caller("CHANNEL_CREATE", "ringing", json!({})));
                let row = json!({
                    "uuid": caller, "direction": "inbound", "created_epoch": now_s, "callstate": "RINGING",
                    "name": format!("sofia/external/{}@10.0.0.1", call.number()), "cid_num": call.number(),
                    "dest": "4008001234", "initial_dest": "4008001234", "call_uuid": caller,
                });
                self.up.insert(caller, row);
            }
            1 => {
                said.push(call.by_caller("CHANNEL_ANSWER", "answered", json!({})));
                said.push(call.by_queue("member-queue-start", json!({})));
                self.up.entry(caller.clone()).and_modify(|row| row["callstate"] = "ACTIVE".into());
                let row = json!({
                    "session_uuid": caller, "queue": "support@default", "state": "Waiting", "joined_epoch": now_s,
                });
                self.waiting.insert(caller, row);
            }
            2 if call.nth.is_multiple_of(3) => {
                let sip = json!({ "Hangup-Cause": "NORMAL_CLEARING", "variable_sip_term_status": "200" });
                said.push(call.by_caller("CHANNEL_HANGUP", "hangup", sip.clone()));
                let gave_up = json!({
                    "CC-Cause": "Cancel", "CC-Cancel-Reason": "BREAK_OUT", "Answer-State": "hangup",
                });
                said.push(call.by_queue("member-queue-end", gave_up));
                said.push(call.by_caller("CHANNEL_HANGUP_COMPLETE", "hangup", sip));
                self.waiting.remove(&caller);
                self.up.remove(&caller);
                return false;
            }
            2 => {
                said.push(call.by_phone("CHANNEL_CREATE", "ringing", json!({})));
                said.push(call.by_phone("CHANNEL_PROGRESS", "ringing", json!({})));
                let row = json!({
                    "uuid": phone, "direction": "outbound", "created_epoch": now_s, "callstate": "RINGING",
                    "name": format!("sofia/internal/{}@10.0.0.2", call.agent()), "dest": call.agent(),
                    "call_uuid": phone,
                });
                self.up.insert(phone, row);
            }
            3 => {
                said.push(call.by_phone("CHANNEL_ANSWER", "answered", json!({})));
                said.push(call.by_queue("bridge-agent-start", json!({ "CC-Agent-UUID": phone })));
                let bridge = json!({
                    "Bridge-A-Unique-ID": caller, "Bridge-B-Unique-ID": phone, "Other-Leg-Unique-ID": phone,
                    "Other-Type": "originatee", "Other-Leg-Channel-Answered-Time": "1",
                    "variable_cc_side": "member", "variable_cc_queue": "support@default",
                });
                said.push(call.by_caller("CHANNEL_BRIDGE", "answered", bridge));
                self.waiting.remove(&caller);
                self.up.entry(phone).and_modify(|row| {
                    row["callstate"] = "ACTIVE".into();
                    row["call_uuid"] = caller.into();
                });
            }
            _ => {
                let sip = json!({ "Hangup-Cause": "NORMAL_CLEARING", "variable_sip_term_status": "200" });
                let partner = json!({
                    "Hangup-Cause": "NORMAL_CLEARING", "variable_last_bridge_to": caller,
                    "variable_last_bridge_proto_specific_hangup_cause": "sip:200",
                });
                said.push(call.by_caller("CHANNEL_HANGUP", "hangup", sip.clone()));
                said.push(call.by_phone("CHANNEL_HANGUP", "hangup", partner.clone()));
                said.push(call.by_phone("CHANNEL_HANGUP_COMPLETE", "hangup", partner));
                said.push(call.by_caller("CHANNEL_HANGUP_COMPLETE", "hangup", sip));
                self.up.remove(&caller);
                self.up.remove(&phone);
                return false;
            }
        }
        true
    }
}

impl Call {
    fn by_caller(&self, name: &str, state: &str, more: Value) -> Value {
        let own = json!({
            "Event-Name": name, "Unique-ID": self.caller(), "Call-Direction": "inbound", "Answer-State": state,
            "Channel-Name": format!("sofia/external/{}@10.0.0.1", self.number()),
            "Caller-Destination-Number": "4008001234", "Caller-Orig-Caller-ID-Number": self.number(),
        });
        event(own, more)
    }

    fn by_phone(&self, name: &str, state: &str, more: Value) -> Value {
        // Only a phone that was picked up has an answer's time.
        let answered = if self.step >= 3 { "1" } else { "0" };
        let own = json!({
            "Event-Name": name, "Unique-ID": self.phone(), "Call-Direction": "outbound", "Answer-State": state,
            "Channel-Name": format!("sofia/internal/{}@10.0.0.2", self.agent()),
            "Caller-Destination-Number": self.agent(), "Caller-Channel-Answered-Time": answered,
            "variable_cc_side": "agent", "variable_cc_queue": "support@default",
            "variable_cc_member_session_uuid": self.caller(), "variable_cc_agent": format!("{}@default", self.agent()),
        });
        event(own, more)
    }

    fn by_queue(&self, action: &str, more: Value) -> Value {
        let own = json!({
            "Event-Name": "CUSTOM", "Event-Subclass": "callcenter::info", "CC-Action": action,
            "CC-Queue": "support@default", "CC-Member-Session-UUID": self.caller(),
            "CC-Agent": format!("{}@default", self.agent()), "Unique-ID": self.caller(),
        });
        event(own, more)
    }
}

fn event(own: Value, more: Value) -> Value {
    let fields = |value: Value| value.as_object().cloned().unwrap_or_default();
    let mut event = Map::from_iter([("Core-UUID".to_owned(), CORE.into())]);
    event.extend(fields(own));
    event.extend(fields(more));
    event.into()
}
