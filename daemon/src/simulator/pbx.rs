//! What an Asterisk keeps (channels, bridges, queues, members' devices) and which events each
//! move of a call makes, in the order seen in recordings of Asterisk 22.

mod dial;
mod queue;
pub(super) mod transfer;

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::Simulation;
use super::ami::{Bridge, Channel, Class, Device, Member, Packet, Party, SYSTEM_NAME, Said, State, escape};
use crate::Time;

/// A channel, as this module knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Leg(u64);

/// Why a queue lets a ringing phone go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LetGo {
    RungOut { rang_ms: i64 },
    Declined { rang_ms: i64 },
}

/// Who ends a talk between two legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    Caller,
    Agent,
    /// Asterisk was told to.
    Pbx,
    /// The caller was sent on.
    Transfer,
}

pub(super) struct Pbx {
    /// By its own clock.
    pub started_at: Time,
    clock_behind: TimeDelta,
    pub now: Time,
    seed: u64,
    legs_made: u64,
    bridges_made: u64,
    locals_made: u64,
    pub channels: BTreeMap<Leg, Channel>,
    bridges: BTreeMap<String, Bridge>,
    pub queues: Vec<Queue>,
    pub agents: Vec<Phone>,
    pub said: Vec<Said>,
}

pub(super) struct Queue {
    pub name: String,
    pub number: String,
    pub ring_all: bool,
    pub limit_ms: Option<i64>,
    /// Who waits, first in line first, and since when.
    pub waiting: Vec<(Leg, Time)>,
    pub completed: u32,
    pub abandoned: u32,
    pub members: Vec<usize>,
}

/// An agent's phone and what the queues know of it.
pub(super) struct Phone {
    pub extension: String,
    pub name: String,
    pub device: Device,
    pub queues: Vec<usize>,
    /// The queues in which it is paused, and why.
    pub paused: BTreeMap<usize, String>,
    calls_taken: u32,
    last_call_s: i64,
    last_pause_s: i64,
    /// The queue whose call it is in.
    in_call_of: Option<usize>,
}

impl Pbx {
    pub fn new(simulation: &Simulation, at: Time) -> Self {
        let queues: Vec<Queue> = simulation
            .queues
            .iter()
            .map(|queue| Queue {
                name: queue.name.to_string(),
                number: queue.number.clone(),
                ring_all: queue.ring_all,
                limit_ms: queue.limit_ms,
                waiting: Vec::new(),
                completed: 0,
                abandoned: 0,
                members: queue.members.clone(),
            })
            .collect();
        let agents = simulation
            .agents
            .iter()
            .enumerate()
            .map(|(nth, agent)| Phone {
                extension: agent.extension.to_string(),
                name: agent.name.clone(),
                device: Device::NotInUse,
                queues: (0..queues.len()).filter(|&queue| queues[queue].members.contains(&nth)).collect(),
                paused: BTreeMap::new(),
                calls_taken: 0,
                last_call_s: 0,
                last_pause_s: 0,
                in_call_of: None,
            })
            .collect();
        Self {
            started_at: at - simulation.clock_behind,
            clock_behind: simulation.clock_behind,
            now: at,
            seed: simulation.seed,
            legs_made: 0,
            bridges_made: 0,
            locals_made: 0,
            channels: BTreeMap::new(),
            bridges: BTreeMap::new(),
            queues,
            agents,
            said: Vec::new(),
        }
    }

    /// Pauses the agent in one queue or in all (`queue` none); without a reason: no longer.
    pub fn pause(&mut self, agent: usize, queue: Option<usize>, reason: Option<&str>) {
        let now_s = self.now.timestamp();
        for each in self.agents[agent].queues.clone() {
            if queue.is_some_and(|only| only != each) {
                continue;
            }
            let phone = &mut self.agents[agent];
            match reason {
                Some(reason) => {
                    phone.last_pause_s = now_s;
                    phone.paused.insert(each, reason.to_owned())
                }
                None => phone.paused.remove(&each),
            };
            let packet = Packet::event("QueueMemberPause", Class::Agent).member(&self.member(agent, each));
            self.say(Class::Agent, packet);
        }
    }

    pub fn device(&mut self, agent: usize, device: Device) {
        if self.agents[agent].device == device {
            return;
        }
        self.agents[agent].device = device;
        for queue in self.agents[agent].queues.clone() {
            let packet = Packet::event("QueueMemberStatus", Class::Agent).member(&self.member(agent, queue));
            self.say(Class::Agent, packet);
        }
        let name = format!("PJSIP/{}", self.agents[agent].extension);
        self.device_changed(&name, device.word());
    }

    pub fn member(&self, agent: usize, queue: usize) -> Member<'_> {
        let phone = &self.agents[agent];
        Member {
            queue: &self.queues[queue].name,
            name: &phone.name,
            extension: &phone.extension,
            calls_taken: phone.calls_taken,
            last_call_s: phone.last_call_s,
            last_pause_s: phone.last_pause_s,
            login_s: self.started_at.timestamp(),
            in_call: phone.in_call_of == Some(queue),
            device: phone.device,
            paused: phone.paused.get(&queue).map(String::as_str),
        }
    }

    fn party(&self, agent: usize) -> Party {
        let phone = &self.agents[agent];
        Party { number: Some(phone.extension.clone()), name: Some(phone.name.clone()) }
    }

    pub fn uniqueid(&self, leg: Leg) -> &str {
        &self.channels[&leg].uniqueid
    }

    fn call_phone(&mut self, caller: Leg, agent: usize) -> Leg {
        let extension = self.agents[agent].extension.clone();
        let linked = self.channels[&caller].linkedid.clone();
        let party = self.party(agent);
        let leg = self.newchannel(&extension, State::Down, "from-agents", "s", party, Some(linked), None);
        self.set(leg, "DIALEDPEERNUMBER", &extension);
        leg
    }

    #[expect(clippy::too_many_arguments, reason = "a channel has as many properties")]
    fn newchannel(
        &mut self,
        endpoint: &str,
        state: State,
        context: &'static str,
        exten: &str,
        caller: Party,
        linkedid: Option<String>,
        id: Option<String>,
    ) -> Leg {
        let name = format!("PJSIP/{endpoint}-{:08x}", self.legs_made);
        self.channel(name, state, context, exten, caller, linkedid, id)
    }

    #[expect(clippy::too_many_arguments, reason = "a channel has as many properties")]
    fn channel(
        &mut self,
        name: String,
        state: State,
        context: &'static str,
        exten: &str,
        caller: Party,
        linkedid: Option<String>,
        id: Option<String>,
    ) -> Leg {
        let leg = Leg(self.legs_made);
        self.legs_made += 1;
        let named_at_s = (self.now - self.clock_behind).timestamp();
        let uniqueid = id.unwrap_or_else(|| format!("{SYSTEM_NAME}-{named_at_s}.{}", leg.0));
        let channel = Channel {
            name,
            state,
            caller,
            connected: Party::default(),
            context,
            exten: exten.to_owned(),
            priority: 1,
            linkedid: linkedid.unwrap_or_else(|| uniqueid.clone()),
            uniqueid,
            application: "",
            data: String::new(),
            bridge: None,
            created_at: self.now,
        };
        self.channels.insert(leg, channel);
        self.tell(Class::Call, "Newchannel", leg);
        leg
    }

    fn channel_mut(&mut self, leg: Leg) -> &mut Channel {
        self.channels.get_mut(&leg).expect("a leg lives until its hang-up, and no move outlives it")
    }

    fn newstate(&mut self, leg: Leg, state: State) {
        self.channel_mut(leg).state = state;
        self.tell(Class::Call, "Newstate", leg);
    }

    pub fn execute(&mut self, leg: Leg, application: &'static str, data: String) {
        let channel = self.channel_mut(leg);
        channel.application = application;
        channel.data = data;
        let channel = &self.channels[&leg];
        let packet = Packet::event("Newexten", Class::Dialplan)
            .channel("", channel)
            .field("Extension", &channel.exten)
            .field("Application", application)
            .field("AppData", &channel.data);
        self.say(Class::Dialplan, packet);
    }

    fn set(&mut self, leg: Leg, variable: &str, value: &str) {
        let packet = Packet::event("VarSet", Class::Dialplan)
            .channel("", &self.channels[&leg])
            .field("Variable", variable)
            .field("Value", escape(value));
        self.say(Class::Dialplan, packet);
    }

    fn clear_dial(&mut self, leg: Leg) {
        for variable in ["DIALSTATUS", "RINGTIME", "RINGTIME_MS", "PROGRESSTIME", "PROGRESSTIME_MS"] {
            self.set(leg, variable, "");
        }
    }

    fn new_callerid(&mut self, leg: Leg) {
        let packet = Packet::event("NewCallerid", Class::Call)
            .channel("", &self.channels[&leg])
            .field("CID-CallingPres", "0 (Presentation Allowed, Not Screened)");
        self.say(Class::Call, packet);
    }

    fn connected_to_agent(&mut self, leg: Leg, agent: usize) {
        self.channel_mut(leg).connected = self.party(agent);
        self.newconnectedline(leg);
    }

    fn newconnectedline(&mut self, leg: Leg) {
        self.tell(Class::Call, "NewConnectedLine", leg);
    }

    fn dial_packet(&self, event: &str, from: Option<Leg>, to: Leg) -> Packet {
        let packet = Packet::event(event, Class::Call);
        let packet = match from {
            Some(from) => packet.channel("", &self.channels[&from]),
            None => packet,
        };
        packet.channel("Dest", &self.channels[&to])
    }

    fn dial_rings(&mut self, from: Option<Leg>, to: Leg) {
        let packet = self.dial_packet("DialState", from, to).field("DialStatus", "RINGING");
        self.say(Class::Call, packet);
    }

    fn dial_ends(&mut self, from: Option<Leg>, to: Leg, status: &str) {
        let packet = self.dial_packet("DialEnd", from, to).field("DialStatus", status);
        self.say(Class::Call, packet);
    }

    fn queue_packet(&self, event: &str, caller: Leg, leg: Leg, queue: usize, agent: usize) -> Packet {
        let phone = &self.agents[agent];
        Packet::event(event, Class::Agent)
            .channel("", &self.channels[&caller])
            .channel("Dest", &self.channels[&leg])
            .field("Queue", &self.queues[queue].name)
            .field("Interface", format_args!("PJSIP/{}", phone.extension))
            .field("MemberName", &phone.name)
    }

    fn ring_no_answer(&mut self, caller: Leg, queue: usize, agent: usize, leg: Leg, rang_ms: i64) {
        let packet = self.queue_packet("AgentRingNoAnswer", caller, leg, queue, agent).field("RingTime", rang_ms);
        self.say(Class::Agent, packet);
    }

    /// The caller's place in the queue, from 1.
    fn position(&self, caller: Leg, queue: usize) -> usize {
        self.queues[queue].waiting.iter().position(|(leg, _)| *leg == caller).map_or(1, |place| place + 1)
    }

    fn abandoned(&mut self, caller: Leg, queue: usize) {
        self.set(caller, "ABANDONED", "TRUE");
        let position = self.position(caller, queue);
        let waited = self.queues[queue].waiting.get(position - 1).map_or(0, |(_, at)| (self.now - *at).num_seconds());
        self.queues[queue].abandoned += 1;
        let packet = Packet::event("QueueCallerAbandon", Class::Agent)
            .channel("", &self.channels[&caller])
            .field("Queue", &self.queues[queue].name)
            .field("Position", position)
            .field("OriginalPosition", position)
            .field("HoldTime", waited);
        self.say(Class::Agent, packet);
        self.leave(caller, queue);
    }

    /// Takes the caller out of the queue; answers how many seconds the caller waited.
    fn leave(&mut self, caller: Leg, queue: usize) -> i64 {
        let position = self.position(caller, queue);
        let since = self.queues[queue].waiting.remove(position - 1).1;
        let line = &self.queues[queue];
        let (name, count) = (line.name.clone(), line.waiting.len());
        if count == 0 {
            self.device_changed(&format!("Queue:{name}"), Device::NotInUse.word());
        }
        let packet = Packet::event("QueueCallerLeave", Class::Agent)
            .channel("", &self.channels[&caller])
            .field("Queue", name)
            .field("Position", position)
            .field("Count", count);
        self.say(Class::Agent, packet);
        (self.now - since).num_seconds()
    }

    fn bridge(&mut self, first: Leg, second: Leg) {
        let bridge = self.create_bridge();
        self.enter_bridge(first, &bridge);
        self.enter_bridge(second, &bridge);
        for (leg, peer) in [(first, second), (second, first)] {
            let peer = self.channels[&peer].name.clone();
            self.set(leg, "BRIDGEPEER", &peer);
        }
    }

    fn unbridge(&mut self, first: Leg, second: Leg) {
        for leg in [first, second] {
            self.set(leg, "BRIDGEPEER", "");
        }
        let bridge = self.bridge_of(first).id;
        self.leave_bridge(first);
        self.leave_bridge(second);
        self.destroy_bridge(&bridge);
    }

    fn create_bridge(&mut self) -> String {
        self.bridges_made += 1;
        let id = format!("{:08x}-5150-4000-8000-{:012x}", self.seed as u32, self.bridges_made);
        let bridge = Bridge { id: id.clone(), channels: 0 };
        let packet = Packet::event("BridgeCreate", Class::Call).bridge("", &bridge);
        self.say(Class::Call, packet);
        self.bridges.insert(id.clone(), bridge);
        id
    }

    fn destroy_bridge(&mut self, id: &str) {
        if let Some(bridge) = self.bridges.remove(id) {
            let packet = Packet::event("BridgeDestroy", Class::Call).bridge("", &bridge);
            self.say(Class::Call, packet);
        }
    }

    fn enter_bridge(&mut self, leg: Leg, id: &str) {
        self.channel_mut(leg).bridge = Some(id.to_owned());
        self.count_in_bridge("BridgeEnter", leg, id, 1);
    }

    fn leave_bridge(&mut self, leg: Leg) {
        if let Some(id) = self.channel_mut(leg).bridge.take() {
            self.count_in_bridge("BridgeLeave", leg, &id, -1);
        }
    }

    fn count_in_bridge(&mut self, event: &str, leg: Leg, id: &str, change: i32) {
        let Some(bridge) = self.bridges.get_mut(id) else { return };
        bridge.channels = bridge.channels.saturating_add_signed(change);
        let packet = Packet::event(event, Class::Call).bridge("", bridge).channel("", &self.channels[&leg]);
        self.say(Class::Call, packet);
    }

    fn bridge_of(&self, leg: Leg) -> Bridge {
        let id = self.channels[&leg].bridge.as_ref();
        id.and_then(|id| self.bridges.get(id)).cloned().unwrap_or(Bridge { id: String::new(), channels: 0 })
    }

    fn hangup_requested(&mut self, leg: Leg, cause: Option<(u16, Option<u16>)>) {
        let mut packet = Packet::event("HangupRequest", Class::Call).channel("", &self.channels[&leg]);
        if let Some((cause, technical)) = cause {
            packet = packet.field("Cause", cause);
            if let Some(technical) = technical {
                packet = packet.field("TechCause", technical);
            }
        }
        self.say(Class::Call, packet);
    }

    fn soft_hangup(&mut self, leg: Leg) {
        let packet =
            Packet::event("SoftHangupRequest", Class::Call).channel("", &self.channels[&leg]).field("Cause", 16);
        self.say(Class::Call, packet);
    }

    fn hangup(&mut self, leg: Leg, cause: u16) {
        let text = match cause {
            16 => "Normal Clearing",
            17 => "User busy",
            26 => "Answered elsewhere",
            127 => "Interworking, unspecified",
            _ => "Unknown",
        };
        if let Some(channel) = self.channels.remove(&leg) {
            let packet = Packet::event("Hangup", Class::Call)
                .channel("", &channel)
                .field("Cause", cause)
                .field("Cause-txt", text);
            self.say(Class::Call, packet);
        }
    }

    /// The flood of quality figures with which a talk ends; there was no media, so all is nought.
    fn quality(&mut self, first: Leg, second: Leg) {
        for (suffix, value) in [
            ("", "ssrc=1;themssrc=0;lp=0;rxjitter=0.000000;rxcount=0;txjitter=0.000000;txcount=0;rlp=0;rtt=0.000000"),
            ("JITTER", "minrxjitter=000.000000;maxrxjitter=000.000000;avgrxjitter=000.000000;"),
            ("LOSS", "  minrxlost=000.000000;  maxrxlost=000.000000;  avgrxlost=000.000000;"),
            ("RTT", "     minrtt=000.000000;     maxrtt=000.000000;     avgrtt=000.000000;"),
            ("MES", "   minrxmes=000.000000;   maxrxmes=000.000000;   avgrxmes=000.000000;"),
        ] {
            self.set(first, &format!("RTPAUDIOQOS{suffix}"), value);
            self.set(second, &format!("RTPAUDIOQOS{suffix}BRIDGED"), value);
        }
    }

    fn talk_times(&mut self, leg: Leg, talk_s: i64, waited_s: i64) {
        for (variable, value) in [
            ("ANSWEREDTIME", talk_s),
            ("ANSWEREDTIME_MS", talk_s * 1000),
            ("DIALEDTIME", talk_s + waited_s),
            ("DIALEDTIME_MS", (talk_s + waited_s) * 1000),
        ] {
            self.set(leg, variable, &value.to_string());
        }
    }

    fn cdr(&mut self, leg: Leg, other: Option<Leg>, talk_s: i64, disposition: &str) {
        let channel = &self.channels[&leg];
        let number = channel.caller.number.as_deref().unwrap_or("");
        let name = channel.caller.name.as_deref().unwrap_or("");
        let moment = |at: Time| at.format("%Y-%m-%d %H:%M:%S");
        let other = other.and_then(|leg| self.channels.get(&leg)).map_or("", |channel| &channel.name);
        let packet = Packet::event("Cdr", Class::Cdr)
            .field("AccountCode", "")
            .field("Source", number)
            .field("Destination", &channel.exten)
            .field("DestinationContext", channel.context)
            .field("CallerID", format_args!("\"{name}\" <{number}>"))
            .field("Channel", &channel.name)
            .field("DestinationChannel", other)
            .field("LastApplication", channel.application)
            .field("LastData", &channel.data)
            .field("StartTime", moment(channel.created_at))
            .field("AnswerTime", moment(self.now - chrono::TimeDelta::seconds(talk_s)))
            .field("EndTime", moment(self.now))
            .field("Duration", (self.now - channel.created_at).num_seconds())
            .field("BillableSeconds", talk_s)
            .field("Disposition", disposition)
            .field("AMAFlags", "DOCUMENTATION")
            .field("UniqueID", &channel.uniqueid)
            .field("UserField", "");
        self.say(Class::Cdr, packet);
    }

    fn device_changed(&mut self, device: &str, state: &str) {
        let packet = Packet::event("DeviceStateChange", Class::Call).field("Device", device).field("State", state);
        self.say(Class::Call, packet);
    }

    fn tell(&mut self, class: Class, event: &str, leg: Leg) {
        let packet = Packet::event(event, class).channel("", &self.channels[&leg]);
        self.say(class, packet);
    }

    fn say(&mut self, class: Class, packet: Packet) {
        self.said.push(Said { class, packet: packet.end() });
    }
}
