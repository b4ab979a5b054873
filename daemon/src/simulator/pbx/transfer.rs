//! Sending a caller on, blindly or after asking.

use super::super::ami::{Class, Device, Packet, Party, State};
use super::{Leg, Parting, Pbx};

/// An agent asking a colleague: the pair of Local channels, the colleague's phone, the bridge of
/// the consultation and that of the customer's talk.
#[derive(Clone, Debug)]
pub(in super::super) struct Consultation {
    one: Leg,
    two: Leg,
    pub phone: Leg,
    second: String,
    first: String,
}

impl Pbx {
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
}
