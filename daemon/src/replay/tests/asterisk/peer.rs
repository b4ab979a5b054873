//! An Asterisk that knows what a recording has told so far, and answers with it: what is up, who
//! waits and who serves, written as Asterisk writes it.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use protocol::ami::codec::Packet;
use protocol::event::BootId;
use protocol::session::Session;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::super::reconnects;
use crate::link::cable;
use crate::{LegId, QueueName, Time};

#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// By Uniqueid.
    channels: BTreeMap<Bytes, Channel>,
    /// Type and technology, by id; those that are empty, too.
    bridges: BTreeMap<Bytes, [Bytes; 2]>,
    queues: BTreeMap<Bytes, Queue>,
}

#[derive(Clone, Debug)]
struct Channel {
    block: Vec<(&'static str, Bytes)>,
    application: &'static str,
    data: Vec<u8>,
    bridge: Option<Bytes>,
    since: Time,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    /// By interface; the fields in the words of `QueueMember`.
    members: BTreeMap<Bytes, Vec<(&'static str, Bytes)>>,
    /// In the order of their places.
    waiting: Vec<(Bytes, Time)>,
}

/// What every event of a channel tells of it, in its order.
const BLOCK: [&str; 14] = [
    "Channel",
    "ChannelState",
    "ChannelStateDesc",
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "Language",
    "AccountCode",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Linkedid",
];

/// What a list calls what events of a member call otherwise, or alike.
const MEMBER: [(&str, &str); 14] = [
    ("Name", "MemberName"),
    ("Location", "Interface"),
    ("StateInterface", "StateInterface"),
    ("Membership", "Membership"),
    ("Penalty", "Penalty"),
    ("CallsTaken", "CallsTaken"),
    ("LastCall", "LastCall"),
    ("LastPause", "LastPause"),
    ("LoginTime", "LoginTime"),
    ("InCall", "InCall"),
    ("Status", "Status"),
    ("Paused", "Paused"),
    ("PausedReason", "PausedReason"),
    ("Wrapuptime", "Wrapuptime"),
];

/// Told by threads of their own, with what they knew of a channel then.
const LATE: [&[u8]; 2] = [b"AgentComplete", b"OriginateResponse"];

impl Peer {
    pub fn follow(&mut self, at: Time, packet: &Packet) {
        let Some(name) = packet.event() else { return };
        let get = |key: &str| packet.get(key.as_bytes()).map(|value| packet.bytes().slice_ref(value));
        let id = get("Uniqueid").unwrap_or_default();
        if name == b"Newchannel" {
            let block = BLOCK.iter().map(|key| (*key, get(key).unwrap_or_default())).collect();
            let (application, data) = ("", Vec::new());
            let channel = Channel { block, application, data, bridge: None, since: at };
            self.channels.insert(id.clone(), channel);
        } else if !LATE.contains(&name)
            && let Some(channel) = self.channels.get_mut(&id)
        {
            for (key, value) in &mut channel.block {
                if let Some(new) = get(key) {
                    *value = new;
                }
            }
        }
        match name {
            b"Hangup" => {
                self.channels.remove(&id);
            }
            b"BridgeEnter" => {
                let (bridge, kind) = (get("BridgeUniqueid"), get("BridgeType"));
                if let Some(channel) = self.channels.get_mut(&id) {
                    channel.bridge = bridge.clone();
                }
                if let (Some(bridge), Some(kind)) = (&bridge, &kind) {
                    let technology = get("BridgeTechnology").unwrap_or_default();
                    self.bridges.insert(bridge.clone(), [kind.clone(), technology]);
                }
                // In a bridge of two all get the oldest root, which only who enters tells.
                if kind.as_deref() == Some(b"basic")
                    && let Some(root) = get("Linkedid")
                {
                    for channel in self.channels.values_mut().filter(|channel| channel.bridge == bridge) {
                        channel.block[13].1 = root.clone();
                    }
                }
            }
            b"BridgeDestroy" => {
                self.bridges.remove(&get("BridgeUniqueid").unwrap_or_default());
            }
            b"BridgeLeave" => {
                if let Some(channel) = self.channels.get_mut(&id)
                    && channel.bridge == get("BridgeUniqueid")
                {
                    channel.bridge = None;
                }
            }
            b"AgentCalled" => self.runs(&get("DestUniqueid"), "AppQueue", b"(Outgoing Line)"),
            b"DialBegin" => {
                let dialled = get("DestUniqueid");
                let is_of_queue = |id: &Bytes| self.channels.get(id).is_some_and(|leg| leg.application == "AppQueue");
                if !dialled.as_ref().is_some_and(is_of_queue) {
                    self.runs(&dialled, "AppDial", b"(Outgoing Line)");
                    self.runs(&Some(id), "Dial", &get("DestChannel").unwrap_or_default());
                }
            }
            b"AgentLogin" => self.runs(&Some(id), "AgentLogin", &get("Agent").unwrap_or_default()),
            // Who is sent on executes what stands there: nothing, until that is told; but whom a phone
            // parks goes on to execute what it did.
            b"BlindTransfer" if get("Extension").as_deref() != Some(b"700") => {
                self.runs(&get("TransfereeUniqueid"), "", b"")
            }
            b"QueueCallerJoin" => {
                let queue = get("Queue").unwrap_or_default();
                self.runs(&Some(id.clone()), "Queue", &[&queue[..], b",tT,,,60"].concat());
                self.queues.entry(queue).or_default().waiting.push((id, at));
            }
            b"QueueCallerLeave" => {
                if let Some(queue) = get("Queue").and_then(|queue| self.queues.get_mut(&queue)) {
                    queue.waiting.retain(|(caller, _)| *caller != id);
                }
            }
            b"QueueParams" => {
                self.queues.entry(get("Queue").unwrap_or_default()).or_default();
            }
            b"QueueMember" => {
                let fields = MEMBER.iter().map(|(key, _)| (*key, get(key).unwrap_or_default())).collect();
                self.member(get("Queue"), get("Location"), fields);
            }
            b"QueueMemberAdded" | b"QueueMemberStatus" | b"QueueMemberPause" => {
                let fields = MEMBER.iter().map(|(key, told)| (*key, get(told).unwrap_or_default())).collect();
                self.member(get("Queue"), get("Interface"), fields);
            }
            b"QueueMemberRemoved" => {
                if let (Some(queue), Some(interface)) = (get("Queue"), get("Interface")) {
                    self.queues.entry(queue).or_default().members.remove(&interface);
                }
            }
            _ => {}
        }
    }

    fn member(&mut self, queue: Option<Bytes>, interface: Option<Bytes>, fields: Vec<(&'static str, Bytes)>) {
        if let (Some(queue), Some(interface)) = (queue, interface) {
            self.queues.entry(queue).or_default().members.insert(interface, fields);
        }
    }

    fn runs(&mut self, id: &Option<Bytes>, application: &'static str, data: &[u8]) {
        if let Some(channel) = id.as_ref().and_then(|id| self.channels.get_mut(id)) {
            (channel.application, channel.data) = (application, data.to_vec());
        }
    }

    fn queue_items(&self, id: &str, only: Option<&str>, at: Time) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        for (name, queue) in self.queues.iter().filter(|(name, _)| only.is_none_or(|only| only.as_bytes() == &name[..]))
        {
            let begin = |event| Written::new(&[("Event", event)]).field("Queue", name);
            items.push(
                begin("QueueParams").field("Max", b"0").field("Strategy", b"ringall").field("ActionID", id).end(),
            );
            for fields in queue.members.values() {
                let item = fields.iter().fold(begin("QueueMember"), |item, (key, value)| item.field(key, value));
                items.push(item.field("ActionID", id).end());
            }
            for (place, (caller, since)) in queue.waiting.iter().enumerate() {
                let channel = self.channels.get(caller).map(|channel| channel.block[0].1.clone()).unwrap_or_default();
                let entry = begin("QueueEntry")
                    .field("Position", (place + 1).to_string())
                    .field("Channel", channel)
                    .field("Uniqueid", caller)
                    .field("CallerIDNum", "unknown")
                    .field("Wait", (at - *since).num_seconds().to_string())
                    .field("ActionID", id);
                items.push(entry.end());
            }
        }
        items
    }

    fn bridge_items(&self, id: &str) -> Vec<Vec<u8>> {
        let item = |(bridge, [kind, technology]): (&Bytes, &[Bytes; 2])| {
            let item = Written::new(&[("Event", "BridgeListItem"), ("ActionID", id)]).field("BridgeUniqueid", bridge);
            item.field("BridgeType", kind).field("BridgeTechnology", technology).end()
        };
        self.bridges.iter().map(item).collect()
    }

    fn channel_items(&self, id: &str, at: Time) -> Vec<Vec<u8>> {
        let item = |channel: &Channel| {
            let up_s = (at - channel.since).num_seconds();
            let item = Written::new(&[("Event", "CoreShowChannel"), ("ActionID", id)]);
            let item = channel.block.iter().fold(item, |item, (key, value)| item.field(key, value));
            item.field("Application", channel.application)
                .field("ApplicationData", &channel.data)
                .field("Duration", format!("{:02}:{:02}:{:02}", up_s / 3600, up_s / 60 % 60, up_s % 60))
                .field("BridgeId", channel.bridge.clone().unwrap_or_default())
                .end()
        };
        self.channels.values().map(item).collect()
    }
}

impl reconnects::Peer for Peer {
    const GREETING: &[u8] = b"Asterisk Call Manager/11.0.0\r\n";

    const SIGNS_IN: &str = "Action: Login";

    const BETWEEN: &str = "\r\n\r\n";

    const SESSION: fn(Instant, Option<BootId>) -> Session = cable::asterisk;

    /// A packet each. Channels come in no order: Asterisk hashes them.
    fn answer(&self, action: &str, at: Time, chance: &mut StdRng) -> Vec<Vec<u8>> {
        let get = |key: &str| action.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        let id = get("ActionID").unwrap_or_default();
        let success = |more: &[(&str, &str)]| {
            let said =
                more.iter().fold(Written::new(&[("Response", "Success"), ("ActionID", id)]), |said, (key, value)| {
                    said.field(key, value.as_bytes())
                });
            vec![said.end()]
        };
        match get("Action").unwrap_or_default() {
            "Challenge" => success(&[("Challenge", "123456789")]),
            "Login" => success(&[("Message", "Authentication accepted")]),
            "Ping" => success(&[("Ping", "Pong"), ("Timestamp", "1795316742.000001")]),
            "CoreSettings" => success(&[("AMIversion", "11.0.0"), ("AsteriskVersion", "22.10.0")]),
            "CoreStatus" => success(&[("CoreStartupDate", "2026-11-21"), ("CoreStartupTime", "20:37:13")]),
            "QueueStatus" => {
                list(id, "QueueStatus", "Queue status will follow", self.queue_items(id, get("Queue"), at))
            }
            "BridgeList" => list(id, "BridgeList", "Bridge listing will follow", self.bridge_items(id)),
            "CoreShowChannels" => {
                let mut items = self.channel_items(id, at);
                items.shuffle(chance);
                list(id, "CoreShowChannels", "Channels will follow", items)
            }
            other => panic!("a link asks {other:?}"),
        }
    }

    fn up(&self) -> impl Iterator<Item = (LegId, bool)> {
        let named = |id: &Bytes| LegId::from(&*String::from_utf8_lossy(id));
        self.channels.iter().map(move |(id, channel)| (named(id), channel.bridge.is_some()))
    }

    fn waiting(&self) -> BTreeMap<QueueName, usize> {
        let busy = self.queues.iter().filter(|(_, queue)| !queue.waiting.is_empty());
        busy.map(|(name, queue)| ((&*String::from_utf8_lossy(name)).into(), queue.waiting.len())).collect()
    }
}

fn list(id: &str, name: &str, message: &str, items: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let head = Written::new(&[("Response", "Success"), ("ActionID", id), ("EventList", "start"), ("Message", message)]);
    let event = format!("{name}Complete");
    let tail = Written::new(&[("Event", &event), ("ActionID", id), ("EventList", "Complete")]);
    let tail = tail.field("ListItems", items.len().to_string());
    [head.end()].into_iter().chain(items).chain([tail.end()]).collect()
}

/// A packet while it is written.
struct Written(Vec<u8>);

impl Written {
    fn new(fields: &[(&str, &str)]) -> Written {
        fields.iter().fold(Written(Vec::new()), |packet, (key, value)| packet.field(key, value))
    }

    fn field(mut self, key: &str, value: impl AsRef<[u8]>) -> Written {
        for part in [key.as_bytes(), b": ", value.as_ref(), b"\r\n"] {
            self.0.extend_from_slice(part);
        }
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"\r\n");
        self.0
    }
}
