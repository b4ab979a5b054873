//! What an Asterisk keeps (channels, bridges, queues, members' devices) and which events each
//! move of a call makes, in the order seen in recordings of Asterisk 22.

use std::collections::BTreeMap;

use super::Simulation;
use super::ami::{Bridge, Channel, Class, Device, Member, Packet, Party, SYSTEM_NAME, Said, State, UNKNOWN, escape};
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
    pub started_at: Time,
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
    pub paused: Option<String>,
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
                paused: None,
                calls_taken: 0,
                last_call_s: 0,
                last_pause_s: 0,
                in_call_of: None,
            })
            .collect();
        Self {
            started_at: at,
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

    // Moves of an inbound call.

    /// A call comes in over the trunk and starts with the dialplan's first step, which answers.
    pub fn arrive(&mut self, from: Party, dialled: &str) -> Leg {
        let leg = self.newchannel("trunk", State::Ring, "from-trunk", dialled, from, None, None);
        self.set(leg, "SIPDOMAIN", "127.0.0.1");
        leg
    }

    pub fn answer(&mut self, leg: Leg) {
        self.execute(leg, "Answer", String::new());
        self.newstate(leg, State::Up);
        self.device_changed("PJSIP/trunk", Device::InUse.word());
    }

    pub fn join(&mut self, caller: Leg, queue: usize) {
        let (name, limit) = (self.queues[queue].name.clone(), self.queues[queue].limit_ms);
        self.channel_mut(caller).priority = 2;
        let data = limit.map_or(format!("{name},tT"), |ms| format!("{name},tT,,,{}", ms / 1000));
        self.execute(caller, "Queue", data);
        for variable in ["ANSWEREDTIME", "ANSWEREDTIME_MS", "DIALEDTIME", "DIALEDTIME_MS", "QUEUEWAIT", "QUEUEWAIT_MS"]
        {
            self.set(caller, variable, "");
        }
        if self.queues[queue].waiting.is_empty() {
            self.device_changed(&format!("Queue:{name}"), Device::Ringing.word());
        }
        let now = self.now;
        self.queues[queue].waiting.push((caller, now));
        let count = self.queues[queue].waiting.len();
        let packet = Packet::event("QueueCallerJoin", Class::Agent).channel("", &self.channels[&caller]);
        let packet = packet.field("Queue", &name).field("Position", count).field("Count", count);
        self.say(Class::Agent, packet);
    }

    /// The queue rings an agent for a caller.
    pub fn offer(&mut self, caller: Leg, queue: usize, agent: usize) -> Leg {
        let leg = self.call_phone(caller, agent);
        let customer = self.channels[&caller].caller.clone();
        let begun = self
            .dial_packet("DialBegin", Some(caller), leg)
            .field("DialString", format_args!("PJSIP/{}", self.agents[agent].extension));
        // The dialled leg gets the caller's name and the dialled number between the snapshot
        // that AgentCalled shows and the one of DialBegin, which was taken first.
        let exten = self.channels[&caller].exten.clone();
        let dialled = self.channel_mut(leg);
        dialled.connected = customer;
        dialled.exten = exten;
        let packet = self.queue_packet("AgentCalled", caller, leg, queue, agent);
        self.say(Class::Agent, packet);
        self.say(Class::Call, begun);
        if !self.queues[queue].ring_all {
            self.connected_to_agent(caller, agent);
        }
        self.newstate(leg, State::Ringing);
        self.execute(leg, "AppQueue", "(Outgoing Line)".into());
        self.newconnectedline(leg);
        self.device(agent, Device::Ringing);
        self.dial_rings(Some(caller), leg);
        leg
    }

    /// The agent takes the offered call; the other phones that rang are in `losers`.
    pub fn take(&mut self, caller: Leg, queue: usize, agent: usize, leg: Leg, rang_ms: i64, losers: &[(usize, Leg)]) {
        self.newstate(leg, State::Up);
        self.dial_ends(Some(caller), leg, "ANSWER");
        for &(_, loser) in losers {
            self.dial_ends(Some(caller), loser, "CANCEL");
        }
        if self.queues[queue].ring_all {
            self.connected_to_agent(caller, agent);
        }
        for &(_, loser) in losers {
            self.dial_ends(Some(caller), loser, "CANCEL");
        }
        let waited_s = self.leave(caller, queue);
        for &(other, loser) in losers {
            self.hangup(loser, 26);
            self.device(other, Device::NotInUse);
        }
        self.set(caller, "QUEUEPOSITION", "1");
        self.agents[agent].in_call_of = Some(queue);
        self.device(agent, Device::InUse);
        self.set(caller, "QUEUEWAIT", &waited_s.to_string());
        self.set(caller, "QUEUEWAIT_MS", &(waited_s * 1000).to_string());
        let packet = self.queue_packet("AgentConnect", caller, leg, queue, agent);
        self.say(Class::Agent, packet.field("HoldTime", waited_s).field("RingTime", rang_ms / 1000));
        self.bridge(leg, caller);
    }

    /// A phone that rang for a queue's caller stops.
    pub fn let_go(&mut self, caller: Leg, queue: usize, agent: usize, leg: Leg, why: LetGo) {
        match why {
            LetGo::RungOut { rang_ms } => {
                self.ring_no_answer(caller, queue, agent, leg, rang_ms);
                self.dial_ends(Some(caller), leg, "NOANSWER");
                self.dial_ends(Some(caller), leg, "CANCEL");
                self.hangup(leg, 0);
            }
            LetGo::Declined { rang_ms } => {
                self.hangup_requested(leg, Some((17, Some(486))));
                self.dial_ends(Some(caller), leg, "NOANSWER");
                self.ring_no_answer(caller, queue, agent, leg, rang_ms / 1000 * 1000);
                self.hangup(leg, 17);
            }
        }
        self.device(agent, Device::NotInUse);
    }

    /// The caller hangs up while waiting; `ringing` are the phones that rang for it.
    pub fn abandon(&mut self, caller: Leg, queue: usize, ringing: &[(usize, Leg)]) {
        self.hangup_requested(caller, None);
        for &(_, leg) in ringing {
            self.dial_ends(Some(caller), leg, "CANCEL");
            self.dial_ends(Some(caller), leg, "CANCEL");
        }
        self.abandoned(caller, queue);
        self.soft_hangup(caller);
        self.cdr(caller, None, 0, "ANSWERED");
        for &(agent, leg) in ringing {
            self.hangup(leg, 0);
            self.device(agent, Device::NotInUse);
        }
        self.hangup(caller, 0);
        self.device_changed("PJSIP/trunk", Device::NotInUse.word());
    }

    /// The queue gives up on the caller, who hears an announcement. Asterisk calls it abandoned
    /// all the same: only the lack of the caller's own HangupRequest tells the two apart.
    pub fn give_up(&mut self, caller: Leg, queue: usize, ringing: &[(usize, Leg)], rang_ms: i64) {
        for &(agent, leg) in ringing {
            self.ring_no_answer(caller, queue, agent, leg, rang_ms);
        }
        for status in ["NOANSWER", "CANCEL"] {
            for &(_, leg) in ringing {
                self.dial_ends(Some(caller), leg, status);
            }
        }
        self.abandoned(caller, queue);
        self.channel_mut(caller).priority = 3;
        self.execute(caller, "Playback", "vm-nobodyavail".into());
        for &(agent, leg) in ringing {
            self.hangup(leg, 0);
            self.device(agent, Device::NotInUse);
        }
    }

    /// The announcement is over.
    pub fn announced(&mut self, caller: Leg) {
        self.set(caller, "PLAYBACKSTATUS", "SUCCESS");
        self.channel_mut(caller).priority = 4;
        self.execute(caller, "Hangup", String::new());
        self.drop_line(caller, 16);
    }

    /// The caller hangs up before any queue, or hears nothing more.
    pub fn caller_quits(&mut self, caller: Leg) {
        self.hangup_requested(caller, Some((16, None)));
        self.drop_line(caller, 16);
    }

    /// A talk that came through a queue ends.
    pub fn part(&mut self, caller: Leg, queue: usize, talker: (usize, Leg), waited_s: i64, talk_s: i64, how: Parting) {
        let (agent, leg) = talker;
        let (first, second, reason) = match how {
            Parting::Agent => (leg, caller, "agent"),
            Parting::Transfer => (leg, caller, "transfer"),
            Parting::Caller | Parting::Pbx => (caller, leg, "caller"),
        };
        let complete = self
            .queue_packet("AgentComplete", caller, leg, queue, agent)
            .field("HoldTime", waited_s)
            .field("TalkTime", talk_s)
            .field("Reason", reason);
        self.queues[queue].completed += 1;
        self.quality(first, second);
        match how {
            Parting::Pbx => {
                self.unbridge(first, second);
                self.soft_hangup(caller);
                self.say(Class::Agent, complete);
            }
            Parting::Caller | Parting::Agent => {
                self.hangup_requested(first, None);
                self.say(Class::Agent, complete);
                self.unbridge(first, second);
                self.talk_times(caller, talk_s, waited_s);
                self.soft_hangup(caller);
            }
            Parting::Transfer => {
                self.say(Class::Agent, complete);
                self.release(agent, leg, queue);
                return;
            }
        }
        self.release(agent, leg, queue);
        self.cdr(caller, Some(leg), talk_s, "ANSWERED");
        self.hangup(caller, 16);
        self.device_changed("PJSIP/trunk", Device::NotInUse.word());
    }

    fn release(&mut self, agent: usize, leg: Leg, queue: usize) {
        let now_s = self.now.timestamp();
        let phone = &mut self.agents[agent];
        phone.calls_taken += 1;
        phone.last_call_s = now_s;
        debug_assert!(phone.in_call_of.is_none_or(|of| of == queue));
        phone.in_call_of = None;
        self.hangup(leg, 16);
        self.device(agent, Device::NotInUse);
    }

    pub fn hold(&mut self, leg: Leg, on: bool) {
        let (name, device) = if on { ("Hold", Device::OnHold) } else { ("Unhold", Device::InUse) };
        let packet = Packet::event(name, Class::Call).channel("", &self.channels[&leg]);
        self.say(Class::Call, if on { packet.field("MusicClass", "default") } else { packet });
        self.device_changed("PJSIP/trunk", device.word());
    }

    /// The agent sends the caller on to another agent's phone, which rings.
    pub fn blind_transfer(
        &mut self,
        caller: Leg,
        queue: Option<usize>,
        from: (usize, Leg),
        to: usize,
        waited_s: i64,
        talk_s: i64,
    ) -> Leg {
        let (agent, leg) = from;
        let target = self.agents[to].extension.clone();
        let unhold = Packet::event("Unhold", Class::Call).channel("", &self.channels[&leg]);
        self.say(Class::Call, unhold);
        let names = (self.channels[&caller].name.clone(), self.channels[&leg].name.clone());
        self.set(leg, "BLINDTRANSFER", &names.0);
        self.set(caller, "BLINDTRANSFER", &names.1);
        let bridge = self.bridge_of(leg);
        let packet = Packet::event("BlindTransfer", Class::Call)
            .field("Result", "Success")
            .channel("Transferer", &self.channels[&leg])
            .channel("Transferee", &self.channels[&caller])
            .bridge("", &bridge)
            .field("IsExternal", "Yes")
            .field("Context", "from-agents")
            .field("Extension", &target);
        self.say(Class::Call, packet);
        self.leave_bridge(leg);
        let moved = self.channel_mut(caller);
        moved.context = "from-agents";
        moved.exten = target.clone();
        moved.priority = 1;
        self.leave_bridge(caller);
        self.destroy_bridge(&bridge.id);
        match queue {
            Some(queue) => self.part(caller, queue, from, waited_s, talk_s, Parting::Transfer),
            None => {
                self.hangup(leg, 16);
                self.device(agent, Device::NotInUse);
            }
        }
        self.execute(caller, "Dial", format!("PJSIP/{target},20,tT"));
        self.dial_phone(caller, to)
    }

    // Moves of a call through Dial.

    /// The dialplan dials an agent's phone directly.
    pub fn dial_phone(&mut self, caller: Leg, agent: usize) -> Leg {
        self.clear_dial(caller);
        let leg = self.call_phone(caller, agent);
        let exten = self.channels[&caller].exten.clone();
        self.channel_mut(leg).exten = exten;
        self.execute(leg, "AppDial", "(Outgoing Line)".into());
        self.channel_mut(leg).connected = self.channels[&caller].caller.clone();
        self.newconnectedline(leg);
        let begun = self.dial_packet("DialBegin", Some(caller), leg).field("DialString", &self.agents[agent].extension);
        self.say(Class::Call, begun);
        self.connected_to_agent(caller, agent);
        self.newstate(leg, State::Ringing);
        self.device(agent, Device::Ringing);
        self.set(caller, "RINGTIME", "0");
        self.set(caller, "RINGTIME_MS", "2");
        self.dial_rings(Some(caller), leg);
        leg
    }

    /// An agent's phone dials a number from its own keys.
    pub fn dial_out(&mut self, agent: usize, number: &str) -> Leg {
        let from = self.party(agent);
        let extension = self.agents[agent].extension.clone();
        let leg = self.newchannel(&extension, State::Ring, "from-agents", number, from, None, None);
        self.set(leg, "SIPDOMAIN", "127.0.0.1");
        self.device(agent, Device::InUse);
        leg
    }

    /// The trunk leg of a call that goes out: it rings at the customer's.
    pub fn dial_trunk(&mut self, from: Leg, number: &str) -> Leg {
        self.execute(from, "Dial", format!("PJSIP/{number}@trunk,30,tT"));
        self.clear_dial(from);
        let linked = self.channels[&from].linkedid.clone();
        let leg = self.newchannel("trunk", State::Down, "from-trunk", "s", Party::default(), Some(linked), None);
        self.channel_mut(leg).exten = number.to_owned();
        self.execute(leg, "AppDial", "(Outgoing Line)".into());
        let own = self.channels[&from].caller.clone();
        let callee = Party { number: Some(number.to_owned()), name: None };
        self.channel_mut(leg).caller = callee.clone();
        self.new_callerid(leg);
        self.channel_mut(leg).connected = own;
        self.newconnectedline(leg);
        let begun = self.dial_packet("DialBegin", Some(from), leg).field("DialString", format_args!("{number}@trunk"));
        self.say(Class::Call, begun);
        self.channel_mut(from).connected = callee;
        self.newconnectedline(from);
        self.newstate(leg, State::Ringing);
        self.set(from, "RINGTIME", "0");
        self.set(from, "RINGTIME_MS", "1");
        self.device_changed("PJSIP/trunk", Device::Ringing.word());
        self.dial_rings(Some(from), leg);
        leg
    }

    /// The dialled side of a Dial answers; `from` had not been answered itself unless it was up.
    pub fn dialled_answers(&mut self, from: Leg, to: Leg) {
        self.newstate(to, State::Up);
        self.set(from, "DIALSTATUS", "ANSWER");
        self.dial_ends(Some(from), to, "ANSWER");
        if self.channels[&from].state != State::Up {
            self.newstate(from, State::Up);
        }
        let leg = self.channel_mut(to);
        leg.exten = String::new();
        self.execute(to, "AppDial", "(Outgoing Line)".into());
        self.bridge(to, from);
        if self.channels[&to].name.starts_with("PJSIP/trunk") || self.channels[&from].name.starts_with("PJSIP/trunk") {
            self.device_changed("PJSIP/trunk", Device::InUse.word());
        }
    }

    /// The dialled side of a Dial does not come to talk: `BUSY`, or `NOANSWER`, or `CANCEL` when
    /// the dialling side gives up.
    pub fn dial_fails(&mut self, from: Leg, to: Leg, status: &str) {
        let cause = match status {
            "BUSY" => {
                self.hangup_requested(to, Some((17, Some(486))));
                17
            }
            "NOANSWER" => 16,
            _ => {
                self.hangup_requested(from, Some((127, None)));
                127
            }
        };
        self.dial_ends(Some(from), to, status);
        self.hangup(to, cause);
        self.set(from, "DIALSTATUS", status);
        if status != "CANCEL" {
            self.channel_mut(from).priority += 1;
            self.execute(from, "Hangup", String::new());
        }
        self.soft_hangup(from);
        self.cdr(from, Some(to), 0, if status == "BUSY" { "BUSY" } else { "NO ANSWER" });
        self.hangup(from, cause);
    }

    /// A talk that came about by Dial ends; `from` dialled, `first` hangs up.
    pub fn hang_up_dial(&mut self, from: Leg, to: Leg, first: Leg, talk_s: i64, pbx: bool) {
        let second = if first == from { to } else { from };
        self.quality(first, second);
        if !pbx {
            self.hangup_requested(first, Some((16, None)));
        }
        self.unbridge(first, second);
        self.set(from, "DIALSTATUS", "ANSWER");
        self.soft_hangup(from);
        self.cdr(from, Some(to), talk_s, "ANSWERED");
        self.hangup(to, 16);
        self.hangup(from, 16);
    }

    /// What is left of a call whose other side is gone.
    pub fn drop_line(&mut self, leg: Leg, cause: u16) {
        self.soft_hangup(leg);
        self.cdr(leg, None, 0, "ANSWERED");
        self.hangup(leg, cause);
    }

    // Originate.

    /// We were asked to ring an agent's phone first; `id` is what the asker calls the leg.
    pub fn originate(
        &mut self,
        agent: usize,
        id: Option<String>,
        caller_id: Option<String>,
        variables: &[(String, String)],
    ) -> Leg {
        let extension = self.agents[agent].extension.clone();
        let mut party = self.party(agent);
        let leg = self.newchannel(&extension, State::Down, "from-agents", "s", party.clone(), None, id);
        self.execute(leg, "AppDial2", "(Outgoing Line)".into());
        for (name, value) in variables {
            self.set(leg, name, value);
        }
        if let Some(number) = caller_id {
            party.number = Some(number);
            self.channel_mut(leg).caller = party.clone();
        }
        self.new_callerid(leg);
        self.channel_mut(leg).connected = party;
        self.newconnectedline(leg);
        let begun = self.dial_packet("DialBegin", None, leg).field("DialString", &extension);
        self.say(Class::Call, begun);
        self.newstate(leg, State::Ringing);
        self.dial_rings(None, leg);
        self.device(agent, Device::Ringing);
        leg
    }

    pub fn originate_answered(&mut self, agent: usize, leg: Leg, number: &str) {
        self.newstate(leg, State::Up);
        self.dial_ends(None, leg, "ANSWER");
        let channel = self.channel_mut(leg);
        channel.exten = number.to_owned();
        self.device(agent, Device::InUse);
    }

    /// The agent's own phone does not take the call that we were asked for.
    pub fn originate_failed(&mut self, leg: Leg, status: &str) {
        self.dial_ends(None, leg, status);
        self.hangup(leg, if status == "BUSY" { 17 } else { 0 });
    }

    /// Asterisk sends it when the first leg is up or given up, and only then.
    pub fn originate_response(&mut self, action_id: Option<&str>, leg: &str, channel: &str, number: &str, reason: u8) {
        let success = reason == 4;
        let packet = Packet::event("OriginateResponse", Class::Call)
            .action_id(action_id)
            .field("Response", if success { "Success" } else { "Failure" })
            .field("Channel", channel)
            .field("Context", "from-agents")
            .field("Exten", number)
            .field("Reason", reason)
            .field("Uniqueid", leg)
            .field("CallerIDNum", UNKNOWN)
            .field("CallerIDName", UNKNOWN);
        self.say(Class::Call, packet);
    }

    // Attended transfer: the agent's phone asks a colleague behind a pair of Local channels,
    // then hangs up, and Asterisk merges the two bridges.

    pub fn consult(&mut self, agent: (usize, Leg), to: usize) -> Consultation {
        let (from, leg) = agent;
        let target = self.agents[to].extension.clone();
        self.hold(leg, true);
        let linked = self.channels[&leg].linkedid.clone();
        self.locals_made += 1;
        let name = format!("Local/{target}@from-agents-{:08x}", self.locals_made);
        let one = self.channel(
            format!("{name};1"),
            State::Down,
            "from-agents",
            &target,
            Party::default(),
            Some(linked.clone()),
            None,
        );
        let two = self.channel(
            format!("{name};2"),
            State::Ring,
            "from-agents",
            &target,
            Party::default(),
            Some(linked),
            None,
        );
        let transferer = self.channels[&leg].name.clone();
        for half in [one, two] {
            self.set(half, "TRANSFERERNAME", &transferer);
            self.set(half, "ATTENDEDTRANSFER", &transferer);
        }
        self.channel_mut(two).caller = self.party(from);
        self.new_callerid(two);
        let packet = Packet::event("LocalBridge", Class::Call)
            .channel("LocalOne", &self.channels[&one])
            .channel("LocalTwo", &self.channels[&two])
            .field("Context", "from-agents")
            .field("Exten", &target)
            .field("LocalOptimization", "Yes");
        self.say(Class::Call, packet);
        self.execute(two, "Dial", format!("PJSIP/{target},20,tT"));
        let bridge = self.create_bridge();
        self.enter_bridge(one, &bridge);
        let first = self.bridge_of(leg).id;
        self.leave_bridge(leg);
        self.enter_bridge(leg, &bridge);
        let phone = self.dial_phone(two, to);
        self.newstate(one, State::Ringing);
        self.dial_rings(None, one);
        Consultation { one, two, phone, second: bridge, first }
    }

    /// The colleague picks up.
    pub fn consulted(&mut self, consultation: &Consultation, to: usize) {
        let Consultation { one, two, phone, .. } = consultation;
        self.newstate(*phone, State::Up);
        self.device(to, Device::InUse);
        self.set(*two, "DIALSTATUS", "ANSWER");
        self.dial_ends(Some(*two), *phone, "ANSWER");
        self.newstate(*two, State::Up);
        let bridge = self.create_bridge();
        self.channel_mut(*phone).exten = String::new();
        self.execute(*phone, "AppDial", "(Outgoing Line)".into());
        self.enter_bridge(*phone, &bridge);
        self.newstate(*one, State::Up);
        self.dial_ends(None, *one, "ANSWER");
        self.enter_bridge(*two, &bridge);
    }

    /// The agent leaves the customer and the colleague together.
    pub fn attended_transfer(
        &mut self,
        caller: Leg,
        queue: usize,
        from: (usize, Leg),
        consultation: &Consultation,
        times_s: (i64, i64),
    ) {
        let leg = from.1;
        self.hangup_requested(leg, None);
        let (first, second) = (self.bridges[&consultation.first].clone(), self.bridges[&consultation.second].clone());
        let packet = Packet::event("BridgeMerge", Class::Call).bridge("To", &first).bridge("From", &second);
        self.say(Class::Call, packet);
        self.leave_bridge(consultation.one);
        self.enter_bridge(consultation.one, &first.id);
        self.channel_mut(consultation.one).connected = self.channels[&caller].caller.clone();
        self.newconnectedline(consultation.one);
        self.channel_mut(caller).connected = self.channels[&consultation.phone].caller.clone();
        self.newconnectedline(caller);
        self.channel_mut(consultation.phone).connected = self.channels[&caller].caller.clone();
        self.newconnectedline(consultation.phone);
        let (orig, merged) = (self.bridges[&first.id].clone(), self.bridges[&second.id].clone());
        let packet = Packet::event("AttendedTransfer", Class::Call)
            .field("Result", "Success")
            .channel("OrigTransferer", &self.channels[&leg])
            .bridge("Orig", &orig)
            .channel("SecondTransferer", &self.channels[&leg])
            .bridge("Second", &merged)
            .channel("Transferee", &self.channels[&caller])
            .channel("TransferTarget", &self.channels[&consultation.one])
            .field("IsExternal", "No")
            .field("DestType", "Bridge")
            .field("DestBridgeUniqueid", &first.id);
        self.say(Class::Call, packet);
        self.leave_bridge(leg);
        self.destroy_bridge(&second.id);
        self.part(caller, queue, from, times_s.0, times_s.1, Parting::Transfer);
    }

    /// The talk after an attended transfer ends; `by_caller` or by the colleague's phone.
    pub fn part_transferred(&mut self, caller: Leg, consultation: &Consultation, by_caller: bool) {
        let Consultation { one, two, phone, .. } = *consultation;
        if by_caller {
            self.hangup_requested(caller, None);
        } else {
            self.hangup_requested(phone, None);
        }
        let (outer, inner) = (self.bridge_of(caller).id, self.bridge_of(phone).id);
        self.leave_bridge(caller);
        self.soft_hangup(caller);
        self.leave_bridge(one);
        self.destroy_bridge(&outer);
        self.hangup_requested(two, Some((16, None)));
        self.hangup(one, 16);
        self.leave_bridge(two);
        self.leave_bridge(phone);
        self.cdr(caller, None, 0, "ANSWERED");
        self.hangup(caller, 16);
        self.set(two, "DIALSTATUS", "ANSWER");
        self.soft_hangup(two);
        self.hangup(two, 16);
        self.destroy_bridge(&inner);
        self.device_changed("PJSIP/trunk", Device::NotInUse.word());
        self.hangup(phone, 16);
    }

    // Agents.

    pub fn pause(&mut self, agent: usize, reason: Option<String>) {
        let now_s = self.now.timestamp();
        let phone = &mut self.agents[agent];
        phone.last_pause_s = now_s;
        phone.paused = reason;
        self.tell_queues(agent, "QueueMemberPause");
    }

    pub fn device(&mut self, agent: usize, device: Device) {
        if self.agents[agent].device == device {
            return;
        }
        self.agents[agent].device = device;
        self.tell_queues(agent, "QueueMemberStatus");
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
            paused: phone.paused.as_deref(),
        }
    }

    fn tell_queues(&mut self, agent: usize, event: &str) {
        for queue in self.agents[agent].queues.clone() {
            let packet = Packet::event(event, Class::Agent).member(&self.member(agent, queue));
            self.say(Class::Agent, packet);
        }
    }

    fn party(&self, agent: usize) -> Party {
        let phone = &self.agents[agent];
        Party { number: Some(phone.extension.clone()), name: Some(phone.name.clone()) }
    }

    // What the moves are made of.

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
        let uniqueid = id.unwrap_or_else(|| format!("{SYSTEM_NAME}-{}.{}", self.now.timestamp(), leg.0));
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

/// An agent asking a colleague: the pair of Local channels, the colleague's phone, the bridge of
/// the consultation and that of the customer's talk.
#[derive(Clone, Debug)]
pub(super) struct Consultation {
    one: Leg,
    two: Leg,
    pub phone: Leg,
    second: String,
    first: String,
}
