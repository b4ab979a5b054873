//! How agents stand, as mod_callcenter lists them. It tells by events who goes on a break, and
//! nothing when a place in a queue or an agent comes or goes: those are listed every so often, and
//! what is different is told.

use std::collections::BTreeMap;

use super::events::member;
use super::snapshot::{self, Row, column};
use crate::event::{CallEvent, Device, Duty, Extension, MemberState, QueueName, plain_name};

#[derive(Debug, Default)]
pub struct Duties {
    agents: BTreeMap<Extension, Agent>,
    places: BTreeMap<(QueueName, Device), MemberState>,
    /// Why we were asked to pause somebody: FreeSWITCH keeps no reason.
    reasons: BTreeMap<Extension, Box<str>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Agent {
    duty: Duty,
    wrap_up_s: u32,
    /// `1001@default`.
    called: Box<str>,
    /// The phone that is dialled for them.
    phone: Option<Device>,
}

/// What a list told.
#[derive(Debug, Default)]
pub struct Listed {
    /// All of it.
    pub all: Vec<CallEvent>,
    /// What of it was not so before.
    pub news: Vec<CallEvent>,
}

impl Duties {
    /// Takes in the lists of agents and of their places.
    pub fn listed(&mut self, agents: &[Row], tiers: &[Row]) -> Listed {
        let mut listed = Listed::default();
        let mut seen = BTreeMap::new();
        for row in agents {
            let told = snapshot::agents(std::slice::from_ref(row)).pop();
            if let (Some(CallEvent::AgentIs { agent, duty, wrap_up_s }), Some(name)) = (told, column(row, "name")) {
                let phone = column(row, "contact").and_then(phone);
                seen.insert(agent, Agent { duty, wrap_up_s, called: name.into(), phone });
            }
        }
        let before = std::mem::replace(&mut self.agents, seen);
        for (name, agent) in &self.agents {
            let event = self.agent_is(name, agent);
            let same = before.get(name).is_some_and(|was| (&was.duty, was.wrap_up_s) == (&agent.duty, agent.wrap_up_s));
            listed.news.extend((!same).then(|| event.clone()));
            listed.all.push(event);
        }
        for name in before.keys().filter(|name| !self.agents.contains_key(*name)) {
            listed.news.push(CallEvent::AgentIs { agent: name.clone(), duty: Duty::Out, wrap_up_s: 0 });
        }

        let mut places = BTreeMap::new();
        for event in snapshot::tiers(tiers) {
            if let CallEvent::MemberIs(mut state) = event {
                if let Some(agent) = self.agents.get(&state.member.agent) {
                    state.wrap_up_s = agent.wrap_up_s;
                    state.device = agent.phone.clone().unwrap_or(state.device);
                }
                places.insert((state.queue.clone(), state.member.interface.clone()), *state);
            }
        }
        for (place, state) in &places {
            let event = CallEvent::MemberIs(Box::new(state.clone()));
            listed.news.extend((self.places.get(place) != Some(state)).then(|| event.clone()));
            listed.all.push(event);
        }
        for ((queue, interface), _) in self.places.iter().filter(|(place, _)| !places.contains_key(*place)) {
            listed.news.push(CallEvent::MemberRemoved { queue: queue.clone(), member: member(interface.as_str()) });
        }
        self.places = places;
        listed
    }

    /// Takes in an event, and adds what it does not say: why, and for how long after calls.
    pub fn observe(&mut self, event: &mut CallEvent) {
        if let CallEvent::AgentIs { agent, duty, wrap_up_s } = event {
            if let Some(known) = self.agents.get_mut(agent) {
                known.duty = duty.clone();
                *wrap_up_s = known.wrap_up_s;
            }
            match duty {
                Duty::Paused(_) => *duty = self.explained(agent, duty.clone()),
                Duty::In | Duty::Out => drop(self.reasons.remove(agent)),
            }
        }
    }

    /// What mod_callcenter calls the agent at this phone, or of this name.
    pub fn called(&self, agent: &Extension) -> Option<String> {
        let by_name = self.agents.get(agent);
        let by_phone = || {
            self.agents.values().find(|known| known.phone.as_ref().is_some_and(|phone| phone.plain() == agent.as_str()))
        };
        by_name.or_else(by_phone).map(|known| known.called.to_string())
    }

    /// Somebody is being paused, and why.
    pub fn paused(&mut self, agent: &Extension, reason: &str) {
        if let Some(called) = self.called(agent) {
            self.reasons.insert(plain_name(&called).into(), reason.into());
        }
    }

    fn agent_is(&self, name: &Extension, agent: &Agent) -> CallEvent {
        let duty = self.explained(name, agent.duty.clone());
        CallEvent::AgentIs { agent: name.clone(), duty, wrap_up_s: agent.wrap_up_s }
    }

    fn explained(&self, agent: &Extension, duty: Duty) -> Duty {
        match duty {
            Duty::Paused(reason) if reason.is_empty() => {
                Duty::Paused(self.reasons.get(agent).cloned().unwrap_or_default())
            }
            Duty::Paused(_) | Duty::In | Duty::Out => duty,
        }
    }
}

/// The phone of `[leg_timeout=8]sofia/internal/1001@10.0.0.9:5071`. What is dialled through a
/// gateway or a loop, or at several places at once, is no phone of one's own.
fn phone(contact: &str) -> Option<Device> {
    let mut dialled = contact;
    while let Some(rest) = dialled.strip_prefix(['[', '{', '<']) {
        dialled = rest.split_once([']', '}', '>'])?.1;
    }
    let elsewhere = ["sofia/gateway/", "loopback/"].iter().any(|prefix| dialled.starts_with(prefix));
    let name = dialled.split_once('@').map_or(dialled, |(name, _)| name);
    (!elsewhere && !dialled.contains(['|', ',']) && name.contains('/')).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn row(columns: &[(&'static str, &'static str)]) -> Row<'static> {
        columns.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value))).collect()
    }

    fn agent(name: &'static str, contact: &'static str, status: &'static str) -> Row<'static> {
        row(&[("name", name), ("contact", contact), ("status", status), ("state", "Waiting"), ("wrap_up_time", "5")])
    }

    fn tier(queue: &'static str, agent: &'static str, state: &'static str) -> Row<'static> {
        row(&[("queue", queue), ("agent", agent), ("state", state), ("level", "1"), ("position", "1")])
    }

    fn names(events: &[CallEvent]) -> Vec<String> {
        events.iter().map(|event| format!("{} {}", event.name(), event.detail())).collect()
    }

    #[test]
    fn only_what_is_different_is_news() {
        let mut duties = Duties::default();
        let agents = [agent("1001@default", "user/1001", "Available"), agent("1002@default", "user/1002", "On Break")];
        let tiers =
            [tier("support@default", "1001@default", "Ready"), tier("support@default", "1002@default", "Ready")];
        let first = duties.listed(&agents, &tiers);
        assert_eq!((first.all.len(), names(&first.news)), (4, names(&first.all)));
        assert!(duties.listed(&agents, &tiers).news.is_empty());

        // One goes on a break, told by an event: no news of the next list.
        let mut event = CallEvent::AgentIs { agent: "1001".into(), duty: Duty::Paused("".into()), wrap_up_s: 0 };
        duties.paused(&"1001".into(), "午饭");
        duties.observe(&mut event);
        let told = CallEvent::AgentIs { agent: "1001".into(), duty: Duty::Paused("午饭".into()), wrap_up_s: 5 };
        assert_eq!(event, told);
        let agents = [agent("1001@default", "user/1001", "On Break")];
        let next = duties.listed(&agents, &tiers[..1]);
        assert_eq!(names(&next.news), ["agent_is 1002 Out", "member_removed 1002 from support"]);
        assert_eq!(next.all[0], told);
    }

    #[test]
    fn an_agent_is_found_by_name_and_by_phone() {
        let mut duties = Duties::default();
        let listed = duties.listed(
            &[agent("alice@default", "[leg_timeout=8]sofia/internal/1007@127.0.0.1:5071", "Available")],
            &[tier("support@default", "alice@default", "Active Inbound")],
        );
        let [_, CallEvent::MemberIs(state)] = &listed.all[..] else { panic!("{listed:?}") };
        assert_eq!((state.agent(), state.member.interface.as_str(), state.wrap_up_s), ("1007", "alice@default", 5));
        for name in ["alice", "1007"] {
            assert_eq!(duties.called(&name.into()).as_deref(), Some("alice@default"));
        }
        assert_eq!(duties.called(&"1008".into()), None);
    }

    #[test]
    fn a_phone_is_what_rings_at_one_place() {
        let plain = |contact| phone(contact).map(|phone| phone.to_string());
        assert_eq!(plain("user/1001@pbx.example").as_deref(), Some("user/1001"));
        assert_eq!(
            plain("{a=b}[leg_timeout=8]sofia/internal/1001@10.0.0.9:5071").as_deref(),
            Some("sofia/internal/1001")
        );
        for contact in
            ["sofia/gateway/trunk/13900139000", "loopback/1001/default", "user/1|user/2", "user/1,user/2", "", "[x"]
        {
            assert_eq!(plain(contact), None, "{contact}");
        }
    }
}
