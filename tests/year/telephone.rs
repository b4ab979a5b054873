//! The telephone exchange of the year: who calls whom, told as a PBX tells it. Whether a talk counts,
//! whose the caller is and what is owed is for the house to find out.

use protocol::Request;
use protocol::event::{
    BridgeId, BridgeKind, CallEvent, DialEnd, HangupBy, Leg, LegId, LegKind, LegState, Member, QueueLeft,
};
use serde_json::Value;

use super::site::Site;

pub const PBX: &str = "hq";

/// The queue that callers come to.
const QUEUE: &str = "support";

/// A call, as the exchange knows it.
#[derive(Clone, Debug)]
pub struct Call {
    nth: u64,
    /// The leg that it began with.
    first: LegId,
    /// The customer's line.
    line: String,
    /// The agent's phone.
    phone: Option<String>,
    is_ours: bool,
    is_rung: bool,
    talks: bool,
}

impl Site {
    /// A customer calls, and waits in the queue.
    pub fn rings(&mut self, line: &str) -> Call {
        self.calls += 1;
        let (nth, first) = (self.calls, LegId::from(format!("c{}", self.calls).as_str()));
        let (line, is_ours) = (line.to_owned(), false);
        let call = Call { nth, first: first.clone(), line, phone: None, is_ours, is_rung: false, talks: false };
        self.say([
            CallEvent::LegStarted(Box::new(call.first_leg())),
            CallEvent::CallerQueued { caller: first, queue: QUEUE.into() },
        ]);
        call
    }

    /// The queue rings an agent, who answers at once.
    pub fn answers(&mut self, call: &mut Call, who: &str) {
        let phone = self.phone(who);
        let member = Member { agent: phone.as_str().into(), interface: format!("PJSIP/{phone}").as_str().into() };
        (call.phone, call.is_rung, call.talks) = (Some(phone), true, true);
        let (caller, leg) = (call.first.clone(), call.second());
        let (offered, queue) = ((Some(caller.clone()), Some(leg.clone())), QUEUE.into());
        self.say([
            CallEvent::LegStarted(Box::new(call.second_leg(LegState::Down))),
            CallEvent::AgentOffered { caller: offered.0, leg: offered.1, queue, member },
            CallEvent::Dialled { by: Some(caller.clone()), leg: leg.clone(), to: None },
            CallEvent::LegIs { leg: leg.clone(), state: LegState::Up },
            CallEvent::DialEnded { by: Some(caller.clone()), leg: leg.clone(), how: DialEnd::Answered },
            CallEvent::CallerLeftQueue { caller: caller.clone(), queue: QUEUE.into(), how: QueueLeft::Served },
            call.joins(leg),
            call.joins(caller),
        ]);
    }

    /// Somebody dials from a page, as `asked` says it: their own phone comes up, and the customer's
    /// rings.
    pub fn dials(&mut self, who: &str, asked: Value) -> Call {
        self.post(who, "/api/v1/dial", asked);
        let Some(Request::Originate { agent, to, leg }) = self.requested() else { panic!("{who} dials nobody") };
        assert_eq!(agent.as_str(), self.phone(who), "one's own phone rings");
        self.calls += 1;
        let call = Call {
            nth: self.calls,
            first: leg.clone(),
            line: to.as_str().to_owned(),
            phone: Some(agent.as_str().to_owned()),
            is_ours: true,
            is_rung: true,
            talks: false,
        };
        let to = Some(call.line.as_str().into());
        self.say([
            CallEvent::LegStarted(Box::new(call.first_leg())),
            CallEvent::LegStarted(Box::new(call.second_leg(LegState::Down))),
            CallEvent::Dialled { by: Some(leg), leg: call.second(), to },
        ]);
        call
    }

    /// The customer who is called answers.
    pub fn picks_up(&mut self, call: &mut Call) {
        call.talks = true;
        let (by, leg) = (call.first.clone(), call.second());
        self.say([
            CallEvent::LegIs { leg: leg.clone(), state: LegState::Up },
            CallEvent::DialEnded { by: Some(by.clone()), leg: leg.clone(), how: DialEnd::Answered },
            call.joins(leg),
            call.joins(by),
        ]);
    }

    /// Whoever is called does not answer, or is on the phone.
    pub fn comes_to_nothing(&mut self, call: Call, how: DialEnd) {
        let (first, second, cause) = (call.first, LegId::from(format!("s{}", call.nth).as_str()), 17);
        self.say([
            CallEvent::HangupAsked { leg: first.clone(), by: HangupBy::Party },
            CallEvent::DialEnded { by: Some(first.clone()), leg: second.clone(), how },
            CallEvent::LegEnded { leg: second, cause },
            CallEvent::LegEnded { leg: first, cause },
        ]);
    }

    /// The customer hangs up: after a talk, or having waited in vain.
    pub fn hangs_up(&mut self, call: Call) {
        let (first, second, cause) = (call.first.clone(), call.second(), 16);
        let customers = if call.is_ours { second.clone() } else { first.clone() };
        let mut said = vec![CallEvent::HangupAsked { leg: customers, by: HangupBy::Party }];
        if call.talks {
            said.extend([&second, &first].map(|leg| call.leaves(leg.clone())));
        } else if !call.is_ours {
            let (caller, queue) = (first.clone(), QUEUE.into());
            said.push(CallEvent::CallerLeftQueue { caller, queue, how: QueueLeft::HungUp });
        }
        said.extend(call.is_rung.then_some(CallEvent::LegEnded { leg: second, cause }));
        said.push(CallEvent::LegEnded { leg: first, cause });
        self.say(said);
    }

    /// They talk for so long, and the customer hangs up.
    pub fn talk_and_hang_up(&mut self, call: Call, seconds: i64) {
        self.passes(seconds);
        self.hangs_up(call);
    }
}

impl Call {
    /// The agent's leg of a call that came, the customer's of one that was made.
    fn second(&self) -> LegId {
        format!("s{}", self.nth).as_str().into()
    }

    fn bridge(&self) -> BridgeId {
        format!("b{}", self.nth).as_str().into()
    }

    fn joins(&self, leg: LegId) -> CallEvent {
        let (bridge, kind) = (self.bridge(), BridgeKind::Talk);
        CallEvent::JoinedBridge { leg, bridge, kind, instead_of: None, linked: None, spot: None }
    }

    fn leaves(&self, leg: LegId) -> CallEvent {
        CallEvent::LeftBridge { leg, bridge: self.bridge(), spot: None }
    }

    fn first_leg(&self) -> Leg {
        let own = self.phone.as_deref().unwrap_or_default();
        let (device, state, number, dialled) = match self.is_ours {
            true => (format!("PJSIP/{own}"), LegState::Up, own, self.line.as_str()),
            false => ("PJSIP/trunk".to_owned(), LegState::Calling, self.line.as_str(), "4008001234"),
        };
        self.leg(self.first.clone(), &device, state, Some(number), Some(dialled))
    }

    fn second_leg(&self, state: LegState) -> Leg {
        let own = self.phone.as_deref().unwrap_or_default();
        let (device, number) = match self.is_ours {
            true => ("PJSIP/trunk".to_owned(), Some(self.line.as_str())),
            false => (format!("PJSIP/{own}"), None),
        };
        self.leg(self.second(), &device, state, number, None)
    }

    fn leg(&self, id: LegId, device: &str, state: LegState, number: Option<&str>, dialled: Option<&str>) -> Leg {
        Leg {
            id,
            linked: Some(self.first.clone()),
            device: device.into(),
            kind: LegKind::Device,
            state,
            number: number.map(Into::into),
            name: None,
            dialled: dialled.map(Into::into),
        }
    }
}
