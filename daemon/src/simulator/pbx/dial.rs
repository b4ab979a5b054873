//! Calls through Dial: straight to a phone, and out over the trunk; and those that we were asked for
//! by Originate.

use super::super::ami::{Class, Device, Packet, Party, State, UNKNOWN};
use super::{Leg, Pbx};

impl Pbx {
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
}
