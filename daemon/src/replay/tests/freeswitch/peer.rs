//! A FreeSWITCH that knows what a recording has told so far, and answers with it: the table of
//! channels as `switch_core_sqldb.c` keeps it from its own events, and what mod_callcenter lists.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use protocol::esl::codec::{ContentType, Frame};
use protocol::event::BootId;
use protocol::session::Session;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::super::reconnects;
use crate::link::cable;
use crate::{LegId, QueueName, Time};

#[derive(Clone, Debug, Default)]
pub struct Peer {
    core: String,
    /// By uuid, a row by its columns.
    channels: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// By the caller's channel.
    members: BTreeMap<String, Member>,
    /// Agents, and the queues in which each has a place.
    agents: BTreeMap<String, BTreeSet<String>>,
    queues: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Member {
    queue: String,
    joined_epoch: i64,
    state: &'static str,
}

/// All headers of an event, in either encoding.
pub type Headers = BTreeMap<String, String>;

pub fn headers(frame: &Frame) -> Headers {
    let body = String::from_utf8_lossy(&frame.body);
    match frame.content_type {
        ContentType::EventJson => {
            let all: BTreeMap<String, Value> = serde_json::from_str(&body).expect("an event");
            all.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
        }
        ContentType::EventPlain => {
            let lines = body.lines().filter_map(|line| line.split_once(": "));
            lines.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
        }
        ContentType::AuthRequest
        | ContentType::CommandReply
        | ContentType::ApiResponse
        | ContentType::DisconnectNotice
        | ContentType::RudeRejection => Headers::new(),
    }
}

fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What `CHANNEL_CREATE` writes, by the event's headers.
const CREATED: [(&str, &str); 9] = [
    ("direction", "Call-Direction"),
    ("name", "Channel-Name"),
    ("callstate", "Channel-Call-State"),
    ("cid_num", "Caller-Caller-ID-Number"),
    ("cid_name", "Caller-Caller-ID-Name"),
    ("dest", "Caller-Destination-Number"),
    ("initial_cid_num", "Caller-Caller-ID-Number"),
    ("initial_cid_name", "Caller-Caller-ID-Name"),
    ("initial_dest", "Caller-Destination-Number"),
];

impl Peer {
    pub fn follow(&mut self, at: Time, event: &Headers) {
        let get = |name: &str| event.get(name).cloned().unwrap_or_default();
        let (name, id) = (get("Event-Name"), get("Unique-ID"));
        self.core = get("Core-UUID");
        if name == "CHANNEL_CREATE" {
            let row = CREATED.iter().map(|(column, header)| (*column, get(header)));
            let row = row.chain([("uuid", id.clone()), ("created_epoch", at.timestamp().to_string())]);
            self.channels.insert(id.clone(), row.collect());
        }
        let call = get("Channel-Call-UUID");
        let sets: &[(&'static str, &str)] = match &*name {
            "CHANNEL_CALLSTATE" => &[("callstate", "Channel-Call-State")],
            "CHANNEL_EXECUTE" => &[("application", "Application"), ("application_data", "Application-Data")],
            "CHANNEL_STATE" => &[
                ("cid_num", "Caller-Caller-ID-Number"),
                ("cid_name", "Caller-Caller-ID-Name"),
                ("dest", "Caller-Destination-Number"),
            ],
            _ => &[],
        };
        if let Some(row) = self.channels.get_mut(&id) {
            for (column, header) in sets.iter().filter(|(_, header)| event.contains_key(*header)) {
                row.insert(column, get(header));
            }
        }
        match &*name {
            "CHANNEL_BRIDGE" => {
                for leg in [id, get("Other-Leg-Unique-ID")] {
                    self.channels.entry(leg).and_modify(|row| drop(row.insert("call_uuid", call.clone())));
                }
            }
            "CHANNEL_UNBRIDGE" => {
                for (leg, row) in self.channels.iter_mut().filter(|(_, row)| row.get("call_uuid") == Some(&call)) {
                    row.insert("call_uuid", leg.clone());
                }
            }
            "CHANNEL_UUID" => {
                if let Some(mut row) = self.channels.remove(&get("Old-Unique-ID")) {
                    row.insert("uuid", id.clone());
                    self.channels.insert(id, row);
                }
            }
            "CHANNEL_DESTROY" => drop(self.channels.remove(&id)),
            "CUSTOM" if get("Event-Subclass") == "callcenter::info" => self.callcenter(at, event),
            _ => {}
        }
    }

    fn callcenter(&mut self, at: Time, event: &Headers) {
        let get = |name: &str| event.get(name).cloned().unwrap_or_default();
        let (queue, agent, caller) = (get("CC-Queue"), get("CC-Agent"), get("CC-Member-Session-UUID"));
        if !agent.is_empty() {
            let places = self.agents.entry(agent).or_default();
            places.extend((!queue.is_empty()).then(|| queue.clone()));
        }
        self.queues.extend((!queue.is_empty()).then(|| queue.clone()));
        let state = match &*get("CC-Action") {
            "member-queue-start" => {
                let member = Member { queue, joined_epoch: at.timestamp(), state: "Waiting" };
                return drop(self.members.insert(caller, member));
            }
            "member-queue-end" => return drop(self.members.remove(&caller)),
            "agent-offering" => "Trying",
            "bridge-agent-start" => "Answered",
            "bridge-agent-fail" => "Waiting",
            _ => return,
        };
        self.members.entry(caller).and_modify(|member| member.state = state);
    }

    /// Whether it bears the id of a call that another does too, and neither hangs up.
    fn is_bridged(&self, id: &str) -> bool {
        let calls = self.channels.values().filter(|row| row["callstate"] != "HANGUP").map(|row| row.get("call_uuid"));
        let call = self.channels[id].get("call_uuid");
        call.is_some() && self.channels[id]["callstate"] != "HANGUP" && calls.filter(|its| *its == call).count() > 1
    }

    fn listed(&self, list: &str) -> Vec<Value> {
        match list {
            "queue list" => self.queues.iter().map(|queue| json!({ "name": queue })).collect(),
            "agent list" => {
                let agent = |name: &String| json!({ "name": name, "status": "Available", "wrap_up_time": "0" });
                self.agents.keys().map(agent).collect()
            }
            "tier list" => {
                let place =
                    |(agent, queue): (&String, &String)| json!({ "queue": queue, "agent": agent, "state": "Ready" });
                self.agents.iter().flat_map(|(agent, queues)| queues.iter().map(move |q| place((agent, q)))).collect()
            }
            "member list" => {
                let member = |(session, member): (&String, &Member)| {
                    json!({ "queue": member.queue, "session_uuid": session, "state": member.state,
                            "joined_epoch": member.joined_epoch.to_string() })
                };
                self.members.iter().map(member).collect()
            }
            other => panic!("a link asks for {other:?}"),
        }
    }
}

impl reconnects::Peer for Peer {
    const GREETING: &[u8] = b"Content-Type: auth/request\n\n";

    const SIGNS_IN: &str = "event json";

    const BETWEEN: &str = "\n\n";

    const SESSION: fn(Instant, Option<BootId>) -> Session = cable::freeswitch;

    fn answer(&self, command: &str, at: Time, chance: &mut StdRng) -> Vec<Vec<u8>> {
        let reply = |said: &str| vec![format!("Content-Type: command/reply\nReply-Text: {said}\n\n").into_bytes()];
        let Some(api) = command.strip_prefix("api ") else {
            let Some(job) = command.strip_prefix("bgapi version\nJob-UUID: ") else {
                let is_known = ["auth ", "event json "].iter().any(|known| command.starts_with(known));
                return if is_known { reply("+OK") } else { panic!("a link says {command:?}") };
            };
            let done = json!({ "Event-Name": "BACKGROUND_JOB", "Core-UUID": self.core, "Job-UUID": job,
                               "_body": "FreeSWITCH Version 1.10.12-release" });
            return [reply(&format!("+OK Job-UUID: {job}")), vec![framed("text/event-json", &done.to_string())]]
                .concat();
        };
        let said = match api.split_once(' ').unwrap_or((api, "")) {
            ("strmicroepoch", _) => at.timestamp_micros().to_string(),
            ("show", "channels as json") if self.channels.is_empty() => json!({ "row_count": 0 }).to_string(),
            ("show", "channels as json") => {
                let mut rows: Vec<_> = self.channels.values().collect();
                let first = chance.random_range(0..rows.len());
                rows.rotate_left(first);
                json!({ "row_count": rows.len(), "rows": rows }).to_string()
            }
            ("json", asked) => {
                let asked: Value = serde_json::from_str(asked).expect("JSON");
                assert_eq!(asked["command"], "callcenter_config");
                let rows = self.listed(asked["data"]["arguments"].as_str().expect("a list"));
                json!({ "command": "callcenter_config", "status": "success", "response": rows }).to_string()
            }
            ("uuid_exists", leg) => self.channels.contains_key(leg).to_string(),
            other => panic!("a link asks {other:?}"),
        };
        vec![framed("api/response", &said)]
    }

    fn up(&self) -> impl Iterator<Item = (LegId, bool)> {
        self.channels.keys().map(|id| (LegId::from(id.as_str()), self.is_bridged(id)))
    }

    fn waiting(&self) -> BTreeMap<QueueName, usize> {
        let is_there = |id: &String| self.channels.get(id).is_some_and(|row| row["callstate"] != "HANGUP");
        let waits = |(id, member): &(&String, &Member)| member.state != "Answered" && is_there(id);
        let mut waiting = BTreeMap::new();
        for (_, member) in self.members.iter().filter(waits) {
            let queue = member.queue.split('@').next().unwrap_or_default();
            *waiting.entry(QueueName::from(queue)).or_default() += 1;
        }
        waiting
    }
}

fn framed(kind: &str, body: &str) -> Vec<u8> {
    format!("Content-Length: {}\nContent-Type: {kind}\n\n{body}", body.len()).into_bytes()
}
