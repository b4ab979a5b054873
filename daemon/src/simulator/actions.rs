//! What the simulated Asterisk answers to actions about calls and queues, in Asterisk's words.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::ami::{Packet, SYSTEM_NAME};
use super::hotline::{Ask, Hotline, Refused};
use crate::Time;

/// One action as a session sent it.
#[derive(Clone, Debug, Default)]
pub(super) struct Action(pub Vec<(String, String)>);

impl Action {
    /// The first field of that name, whatever its case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    pub fn id(&self) -> Option<&str> {
        self.get("ActionID")
    }

    pub fn name(&self) -> &str {
        self.get("Action").unwrap_or("")
    }

    pub fn error(&self, message: &str) -> Bytes {
        Packet::response("Error", self.id()).field("Message", message).end()
    }

    pub fn success(&self, message: &str) -> Bytes {
        Packet::response("Success", self.id()).field("Message", message).end()
    }
}

/// The commands that a session may give, with what `ListCommands` says of them.
const COMMANDS: [(&str, &str); 14] = [
    ("BridgeList", "Get a list of bridges in the system.  (Priv: <none>)"),
    ("Challenge", "Generate Challenge for MD5 Auth.  (Priv: <none>)"),
    ("CoreSettings", "Show PBX core settings (version etc).  (Priv: system,reporting,all)"),
    ("CoreShowChannels", "List currently active channels.  (Priv: system,reporting,all)"),
    ("CoreStatus", "Show PBX core status variables.  (Priv: system,reporting,all)"),
    ("Events", "Control Event Flow.  (Priv: <none>)"),
    ("Hangup", "Hangup channel.  (Priv: system,call,all)"),
    ("ListCommands", "List available manager commands.  (Priv: <none>)"),
    ("Login", "Login Manager.  (Priv: <none>)"),
    ("Logoff", "Logoff Manager.  (Priv: <none>)"),
    ("Originate", "Originate a call.  (Priv: originate,all)"),
    ("Ping", "Keepalive command.  (Priv: <none>)"),
    ("QueuePause", "Makes a queue member temporarily unavailable.  (Priv: agent,all)"),
    ("QueueStatus", "Show queue status.  (Priv: <none>)"),
];

/// Does what the action asks and answers it.
pub(super) fn answer(hotline: &mut Hotline, at: Time, action: &Action) -> Bytes {
    match action.name().to_ascii_lowercase().as_str() {
        "ping" => {
            let stamp = format!("{}.{:06}", at.timestamp(), at.timestamp_subsec_micros());
            Packet::response("Success", action.id()).field("Ping", "Pong").field("Timestamp", stamp).end()
        }
        "listcommands" => {
            let packet = Packet::response("Success", action.id());
            COMMANDS.iter().fold(packet, |packet, (name, about)| packet.field(name, about)).end()
        }
        "coresettings" => core_settings(action),
        "corestatus" => core_status(hotline, action),
        "bridgelist" => bridges(hotline, action),
        "coreshowchannels" => channels(hotline, at, action),
        "queuestatus" => queues(hotline, at, action),
        "originate" => originate(hotline, at, action),
        "queuepause" => pause(hotline, at, action),
        "hangup" => {
            let channel = action.get("Channel").unwrap_or("").to_owned();
            match hotline.ask(at, Ask::Hangup { channel }) {
                Ok(()) => action.success("Channel Hungup"),
                Err(refused) => action.error(words(refused)),
            }
        }
        _ => action.error(&format!(
            "Invalid/unknown command: {}. Use Action: ListCommands to show available commands.",
            action.name()
        )),
    }
}

fn words(refused: Refused) -> &'static str {
    match refused {
        Refused::NoSuchChannel => "No such channel",
        Refused::NoSuchInterface => "Interface not found",
    }
}

fn core_settings(action: &Action) -> Bytes {
    Packet::response("Success", action.id())
        .field("AMIversion", "11.0.0")
        .field("AsteriskVersion", "22.10.0")
        .field("SystemName", SYSTEM_NAME)
        .field("CoreMaxCalls", 0)
        .field("CoreMaxLoadAvg", "0.000000")
        .field("CoreRunUser", "")
        .field("CoreRunGroup", "")
        .field("CoreMaxFilehandles", 0)
        .field("CoreRealTimeEnabled", "No")
        .field("CoreCDRenabled", "Yes")
        .field("CoreHTTPenabled", "No")
        .field("SoundsSearchCustomDir", "No")
        .end()
}

fn core_status(hotline: &Hotline, action: &Action) -> Bytes {
    let (date, time) = (hotline.pbx.started_at.format("%Y-%m-%d"), hotline.pbx.started_at.format("%H:%M:%S"));
    Packet::response("Success", action.id())
        .field("CoreStartupDate", &date)
        .field("CoreStartupTime", &time)
        .field("CoreReloadDate", &date)
        .field("CoreReloadTime", &time)
        .field("CoreCurrentCalls", hotline.calls_up())
        .end()
}

fn channels(hotline: &Hotline, at: Time, action: &Action) -> Bytes {
    let mut list = List::start(action, "Channels will follow");
    for channel in hotline.pbx.channels.values() {
        let up_s = (at - channel.created_at).num_seconds();
        let packet = Packet::item("CoreShowChannel")
            .action_id(action.id())
            .channel("", channel)
            .field("Application", channel.application)
            .field("ApplicationData", &channel.data)
            .field("Duration", format_args!("{:02}:{:02}:{:02}", up_s / 3600, up_s / 60 % 60, up_s % 60))
            .field("BridgeId", channel.bridge.as_deref().unwrap_or(""));
        list.item(packet);
    }
    list.end(action, "CoreShowChannelsComplete")
}

/// All are bridges of two.
fn bridges(hotline: &Hotline, action: &Action) -> Bytes {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for bridge in hotline.pbx.channels.values().filter_map(|channel| channel.bridge.as_deref()) {
        *sizes.entry(bridge).or_default() += 1;
    }
    let mut list = List::start(action, "Bridge listing will follow");
    for (bridge, size) in sizes {
        let packet = Packet::item("BridgeListItem")
            .action_id(action.id())
            .field("BridgeUniqueid", bridge)
            .field("BridgeType", "basic")
            .field("BridgeTechnology", "simple_bridge")
            .field("BridgeCreator", "<unknown>")
            .field("BridgeName", "<unknown>")
            .field("BridgeNumChannels", size)
            .field("BridgeVideoSourceMode", "none");
        list.item(packet);
    }
    list.end(action, "BridgeListComplete")
}

fn queues(hotline: &Hotline, at: Time, action: &Action) -> Bytes {
    let mut list = List::start(action, "Queue status will follow");
    let pbx = &hotline.pbx;
    let asked = action.get("Queue").filter(|name| !name.is_empty());
    for (nth, queue) in pbx.queues.iter().enumerate().filter(|(_, queue)| asked.is_none_or(|name| name == queue.name)) {
        let params = Packet::item("QueueParams")
            .field("Queue", &queue.name)
            .field("Max", 0)
            .field("Strategy", if queue.ring_all { "ringall" } else { "rrmemory" })
            .field("Calls", queue.waiting.len())
            .field("Holdtime", 0)
            .field("TalkTime", 0)
            .field("Completed", queue.completed)
            .field("Abandoned", queue.abandoned)
            .field("ServiceLevel", 0)
            .field("ServicelevelPerf", "0.0")
            .field("ServicelevelPerf2", "0.0")
            .field("Weight", 0)
            .action_id(action.id());
        list.item(params);
        for &agent in &queue.members {
            list.item(Packet::item("QueueMember").listed_member(&pbx.member(agent, nth)).action_id(action.id()));
        }
        for (place, (leg, since)) in queue.waiting.iter().enumerate() {
            let channel = &pbx.channels[leg];
            let entry = Packet::item("QueueEntry")
                .field("Queue", &queue.name)
                .field("Position", place + 1)
                .field("Channel", &channel.name)
                .field("Uniqueid", &channel.uniqueid)
                .field("CallerIDNum", channel.caller.number.as_deref().unwrap_or(QUEUE_UNKNOWN))
                .field("CallerIDName", channel.caller.name.as_deref().unwrap_or(QUEUE_UNKNOWN))
                .field("ConnectedLineNum", channel.connected.number.as_deref().unwrap_or(QUEUE_UNKNOWN))
                .field("ConnectedLineName", channel.connected.name.as_deref().unwrap_or(QUEUE_UNKNOWN))
                .field("Wait", (at - *since).num_seconds())
                .field("Priority", 0)
                .action_id(action.id());
            list.item(entry);
        }
    }
    list.end(action, "QueueStatusComplete")
}

/// Here Asterisk writes it without the brackets that it has elsewhere (app_queue.c).
const QUEUE_UNKNOWN: &str = "unknown";

fn originate(hotline: &mut Hotline, at: Time, action: &Action) -> Bytes {
    let Some(channel) = action.get("Channel").filter(|channel| !channel.is_empty()) else {
        return action.error("Channel not specified");
    };
    let (Some(number), Some(_), Some(_)) = (action.get("Exten"), action.get("Context"), action.get("Priority")) else {
        return action.error("Originate failed, application missing");
    };
    let leg = action.get("ChannelId").map(str::to_owned);
    let taken = |leg: &String| hotline.pbx.channels.values().any(|channel| &channel.uniqueid == leg);
    if leg.as_ref().is_some_and(taken) {
        return action.error("Originate failed");
    }
    let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let ask = Ask::Originate {
        action_id: action.id().map(str::to_owned),
        channel: channel.to_owned(),
        number: number.to_owned(),
        leg,
        caller_id: action.get("CallerID").map(str::to_owned),
        variables: action.all("Variable").filter_map(pair).collect(),
    };
    match hotline.ask(at, ask) {
        Ok(()) => action.success("Originate successfully queued"),
        Err(refused) => action.error(words(refused)),
    }
}

fn pause(hotline: &mut Hotline, at: Time, action: &Action) -> Bytes {
    let (Some(interface), Some(paused)) = (action.get("Interface"), action.get("Paused")) else {
        return action.error("Need 'Interface' and 'Paused' parameters");
    };
    let paused = matches!(paused.to_ascii_lowercase().as_str(), "true" | "yes" | "1" | "on" | "y" | "t");
    let reason = paused.then(|| action.get("Reason").unwrap_or("").to_owned());
    let queue = action.get("Queue").filter(|queue| !queue.is_empty()).map(str::to_owned);
    match hotline.ask(at, Ask::Pause { interface: interface.to_owned(), queue, reason }) {
        Ok(()) if paused => action.success("Interface paused successfully"),
        Ok(()) => action.success("Interface unpaused successfully"),
        Err(refused) => action.error(words(refused)),
    }
}

/// A list as Asterisk answers one: a reply, the items, and a last event that counts them.
struct List {
    bytes: BytesMut,
    items: usize,
}

impl List {
    fn start(action: &Action, message: &str) -> Self {
        let head = Packet::response("Success", action.id()).field("EventList", "start").field("Message", message);
        Self { bytes: BytesMut::from(&head.end()[..]), items: 0 }
    }

    fn item(&mut self, packet: Packet) {
        self.bytes.extend_from_slice(&packet.end());
        self.items += 1;
    }

    fn end(mut self, action: &Action, event: &str) -> Bytes {
        let tail =
            Packet::item(event).action_id(action.id()).field("EventList", "Complete").field("ListItems", self.items);
        self.bytes.extend_from_slice(&tail.end());
        self.bytes.freeze()
    }
}
