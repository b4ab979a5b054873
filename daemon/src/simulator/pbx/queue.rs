//! A caller's way through a queue.

use super::super::ami::{Class, Device, Packet, Party, State};
use super::{Leg, LetGo, Parting, Pbx};

impl Pbx {
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

    pub(super) fn release(&mut self, agent: usize, leg: Leg, queue: usize) {
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
}
