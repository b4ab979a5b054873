//! Comparing what we hold for true with what the PBX says when it is looked at.
//!
//! An event that is on its way while the PBX answers looks like a difference, and is none. So a
//! difference is told when two looks in a row find it; how a member stands, which a look's answer
//! sets right at once, when no event of the same content comes within `IN_FLIGHT`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::TimeDelta;
use protocol::event::{BridgeId, Device, DeviceState, LegSeen, LegState, MemberState};

use crate::{CallId, Extension, LegId, QueueName, Time};

/// A PBX under load hands its events out this late, and seldom later.
const IN_FLIGHT: TimeDelta = TimeDelta::seconds(2);

/// Something that is not as we held it to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// A leg is up of which we know nothing.
    LegUnknown { leg: LegId, device: Device },
    /// A leg is gone that we held for up.
    LegGone { leg: LegId },
    /// A leg has been answered, and we held it for ringing.
    LegAnswered { leg: LegId },
    /// A leg is in another bridge than we knew; none: in no bridge.
    LegElsewhere { leg: LegId, ours: Option<BridgeId>, theirs: Option<BridgeId> },
    /// A caller waits, and not as we knew.
    CallerUnknown { queue: QueueName, caller: LegId },
    /// A caller waits no more who waited as we knew.
    CallerGone { queue: QueueName, call: CallId },
    /// A queue has a member of whom we did not know.
    MemberUnknown { queue: QueueName, agent: Extension },
    /// A queue has a member no more.
    MemberGone { queue: QueueName, agent: Extension },
    /// An agent is on a break, or is not any more; none: in all queues at once.
    Break { queue: Option<QueueName>, agent: Extension, paused: bool },
    /// An agent's phone does something else than we were told.
    Phone { agent: Extension, ours: DeviceState, theirs: DeviceState },
    /// The queue counts an agent as talking who is in no call.
    InCall { queue: QueueName, agent: Extension },
}

impl Difference {
    /// Whether asking for all that is up sets it right. What the PBX itself has wrong stays so.
    pub fn is_mended_by_asking(&self) -> bool {
        match self {
            Difference::LegUnknown { .. }
            | Difference::LegGone { .. }
            | Difference::LegAnswered { .. }
            | Difference::LegElsewhere { .. }
            | Difference::CallerUnknown { .. }
            | Difference::CallerGone { .. }
            | Difference::MemberGone { .. } => true,
            Difference::MemberUnknown { .. }
            | Difference::Break { .. }
            | Difference::Phone { .. }
            | Difference::InCall { .. } => false,
        }
    }
}

/// Why an Asterisk's or a FreeSWITCH's events may not have told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Asterisk: our user's filters hide events.
    Filters,
    /// FreeSWITCH: the queue of events for us overflows.
    Overflows,
}

impl Difference {
    /// What differs, and the likely cause, for admins.
    pub fn told(&self, of: Silence) -> String {
        format!("{self}: {}.", self.cause(of))
    }

    fn cause(&self, of: Silence) -> &'static str {
        match (of, self) {
            (Silence::Filters, Difference::LegUnknown { .. }) => {
                "it was lost, or the PBX hides the start of legs from our user (eventfilter, disabledevents: Newchannel)"
            }
            (Silence::Filters, Difference::LegGone { .. }) => {
                "it was lost, or the PBX hides the end of legs from our user (eventfilter, disabledevents: Hangup)"
            }
            (Silence::Filters, Difference::LegAnswered { .. }) => {
                "it was lost, or the PBX hides the states of legs from our user (eventfilter, disabledevents: Newstate)"
            }
            (Silence::Filters, Difference::LegElsewhere { .. }) => {
                "it was lost, or the PBX hides who talks with whom from our user (eventfilter, disabledevents: \
                 BridgeEnter, BridgeLeave)"
            }
            (Silence::Filters, Difference::CallerUnknown { .. }) => {
                "it was lost, or our user may not read the class agent"
            }
            (Silence::Filters, Difference::CallerGone { .. }) => {
                "it was lost, or the PBX hides it from our user (eventfilter: QueueCallerLeave)"
            }
            (Silence::Filters, Difference::MemberUnknown { .. } | Difference::MemberGone { .. }) => {
                "members that a database holds come and go without one, or it was lost"
            }
            (Silence::Filters, Difference::Break { .. }) => {
                "it was lost, or the PBX hides it from our user (eventfilter: QueueMemberPause)"
            }
            (
                Silence::Overflows,
                Difference::LegUnknown { .. }
                | Difference::LegGone { .. }
                | Difference::LegAnswered { .. }
                | Difference::LegElsewhere { .. }
                | Difference::CallerUnknown { .. }
                | Difference::CallerGone { .. }
                | Difference::Break { .. },
            ) => {
                "it was lost, for FreeSWITCH drops events without a word when more than 100,000 wait for us \
                 (mod_event_socket)"
            }
            (Silence::Overflows, Difference::MemberUnknown { .. } | Difference::MemberGone { .. }) => {
                "mod_callcenter tells nothing when a place in a queue comes or goes"
            }
            (Silence::Filters | Silence::Overflows, Difference::Phone { .. }) => {
                "the state of the member's device lags, or an event was lost"
            }
            (Silence::Filters | Silence::Overflows, Difference::InCall { .. }) => {
                "the PBX's own count is wrong. It gives the agent no calls of that queue until the member is removed \
                 and added again, or the queue is reloaded"
            }
        }
    }
}

/// What differs, without its cause and without a full stop.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |bridge: &Option<BridgeId>| bridge.as_ref().map_or("no bridge".to_owned(), ToString::to_string);
        match self {
            Difference::LegUnknown { leg, device } => {
                write!(f, "A leg of {device} ({leg}) is up of which no event told")
            }
            Difference::LegGone { leg } => write!(f, "The leg {leg} is gone and no event told"),
            Difference::LegAnswered { leg } => write!(f, "The leg {leg} was answered and no event told"),
            Difference::LegElsewhere { leg, ours, theirs } => {
                write!(f, "The leg {leg} is in {}, was in {} and no event told", or_none(theirs), or_none(ours))
            }
            Difference::CallerUnknown { queue, caller } => write!(f, "{caller} waits in {queue} and no event told"),
            Difference::CallerGone { queue, call } => write!(f, "{call} waits no more in {queue} and no event told"),
            Difference::MemberUnknown { queue, agent } => write!(f, "{agent} is a member of {queue} and no event told"),
            Difference::MemberGone { queue, agent } => {
                write!(f, "{agent} is no member of {queue} any more and no event told")
            }
            Difference::Break { queue, agent, paused } => {
                let how = if *paused { "on a break" } else { "back from a break" };
                let place = queue.as_ref().map(|queue| format!(" in {queue}")).unwrap_or_default();
                write!(f, "{agent} is {how}{place} and no event told")
            }
            Difference::Phone { agent, ours, theirs } => {
                write!(f, "The phone of {agent} is {theirs:?}, and was {ours:?} as far as events told")
            }
            Difference::InCall { queue, agent } => {
                write!(f, "{queue} counts {agent} as talking, who is in no call")
            }
        }
    }
}

/// The looks at one PBX.
#[derive(Debug, Default)]
pub(super) struct Looks {
    under_way: Option<UnderWay>,
    /// What the last look found, and since when looks find it: told if the next one finds it too.
    suspected: BTreeMap<Difference, Time>,
    /// How members and agents stood otherwise than we held, which the look set right; told with the
    /// next look, unless an event was on its way.
    corrected: BTreeMap<(Option<QueueName>, Extension), (Time, Vec<Difference>)>,
    /// What was told and is still found: it is not told again.
    told: BTreeSet<Difference>,
}

/// What was held when a look began, and what it was told since.
#[derive(Debug, Default)]
struct UnderWay {
    before: Held,
    legs: BTreeMap<LegId, Seen>,
    queues: BTreeSet<QueueName>,
    callers: BTreeSet<(QueueName, LegId)>,
    members: BTreeSet<(QueueName, Device)>,
    agents: BTreeSet<Extension>,
    stuck: BTreeSet<Difference>,
}

/// What we hold for true, as far as a look can tell otherwise.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The legs that are up; without more where a leg has outlived its call and is not followed.
    pub legs: BTreeMap<LegId, Option<Seen>>,
    pub waiting: BTreeSet<(QueueName, CallId)>,
    pub members: BTreeMap<(QueueName, Device), Extension>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub state: LegState,
    pub bridge: Option<BridgeId>,
    pub device: Device,
}

impl Looks {
    pub fn began(&mut self, held: Held) {
        self.under_way = Some(UnderWay { before: held, ..UnderWay::default() });
    }

    /// A snapshot follows, or the PBX began anew: there is nothing left to compare.
    pub fn forget(&mut self) {
        *self = Looks { told: std::mem::take(&mut self.told), ..Looks::default() };
    }

    pub fn are_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether the next look should come soon.
    pub fn have_doubts(&self) -> bool {
        !self.suspected.is_empty() || !self.corrected.is_empty()
    }

    pub fn leg(&mut self, seen: LegSeen) {
        let Some(look) = &mut self.under_way else { return };
        let LegSeen { leg, bridge, .. } = seen;
        let seen = Seen { state: leg.state, bridge: bridge.map(|(bridge, _)| bridge), device: leg.device };
        look.legs.insert(leg.id, seen);
    }

    pub fn queue(&mut self, queue: QueueName) {
        if let Some(look) = &mut self.under_way {
            look.queues.insert(queue);
        }
    }

    pub fn caller(&mut self, caller: LegId, queue: QueueName) {
        if let Some(look) = &mut self.under_way {
            look.callers.insert((queue, caller));
        }
    }

    /// How a member stands; `differs` from what we held. Of two that come during one look one is
    /// an event, which explains the difference.
    pub fn member(&mut self, at: Time, told: &MemberState, agent: &Extension, differs: Vec<Difference>) {
        let place = (told.queue.clone(), told.member.interface.clone());
        let is_listed = self.under_way.as_mut().is_some_and(|look| look.members.insert(place));
        self.stands(at, (Some(told.queue.clone()), agent.clone()), is_listed, differs);
    }

    /// The same of an agent in all queues at once.
    pub fn agent(&mut self, at: Time, agent: &Extension, differs: Vec<Difference>) {
        let is_listed = self.under_way.as_mut().is_some_and(|look| look.agents.insert(agent.clone()));
        self.stands(at, (None, agent.clone()), is_listed, differs);
    }

    fn stands(
        &mut self,
        at: Time,
        whom: (Option<QueueName>, Extension),
        is_listed: bool,
        mut differs: Vec<Difference>,
    ) {
        if !is_listed {
            if self.corrected.get(&whom).is_some_and(|(found, _)| at - *found < IN_FLIGHT) {
                self.corrected.remove(&whom);
            }
            return;
        }
        if let Some(look) = &mut self.under_way {
            look.stuck.extend(differs.extract_if(.., |differs| matches!(differs, Difference::InCall { .. })));
        }
        if !differs.is_empty() {
            self.corrected.insert(whom, (at, differs));
        }
    }

    /// The look is through: what is certain by now to be a difference.
    pub fn ended(&mut self, at: Time, held: &Held, call_of: impl Fn(&LegId) -> Option<CallId>) -> Vec<Difference> {
        let Some(look) = self.under_way.take() else { return Vec::new() };
        let found = look.found(held, call_of);
        let is_settled = |since: &Time| at - *since >= IN_FLIGHT;
        let mut tell: Vec<Difference> = Vec::new();
        let before = std::mem::take(&mut self.suspected);
        self.told.retain(|told| found.contains(told));
        for difference in found {
            let since = before.get(&difference).copied().unwrap_or(at);
            if is_settled(&since) && self.told.insert(difference.clone()) {
                tell.push(difference);
            } else if !self.told.contains(&difference) {
                self.suspected.insert(difference, since);
            }
        }
        let settled = self.corrected.extract_if(.., |_, (since, _)| is_settled(since));
        tell.extend(settled.flat_map(|(_, (_, differences))| differences));
        tell
    }
}

impl UnderWay {
    /// What neither stood so when the look began nor does now. Only what was there all the time
    /// can be missing.
    fn found(self, now: &Held, call_of: impl Fn(&LegId) -> Option<CallId>) -> BTreeSet<Difference> {
        let UnderWay { before, legs, queues, callers, members, agents: _, mut stuck } = self;
        let mut found = std::mem::take(&mut stuck);
        for (leg, ours) in &now.legs {
            let Some(earlier) = before.legs.get(leg) else { continue };
            let Some(theirs) = legs.get(leg) else {
                found.insert(Difference::LegGone { leg: leg.clone() });
                continue;
            };
            let (Some(ours), Some(earlier)) = (ours, earlier) else { continue };
            if theirs.state == LegState::Up && [ours, earlier].iter().all(|known| known.state != LegState::Up) {
                found.insert(Difference::LegAnswered { leg: leg.clone() });
            }
            if [ours, earlier].iter().all(|known| known.bridge != theirs.bridge) {
                let (ours, theirs) = (ours.bridge.clone(), theirs.bridge.clone());
                found.insert(Difference::LegElsewhere { leg: leg.clone(), ours, theirs });
            }
        }
        let is_known = |leg: &&LegId| now.legs.contains_key(*leg) || before.legs.contains_key(*leg);
        for (leg, seen) in legs.iter().filter(|(leg, _)| !is_known(leg)) {
            found.insert(Difference::LegUnknown { leg: leg.clone(), device: seen.device.clone() });
        }
        let waits: BTreeMap<(QueueName, CallId), LegId> =
            callers.into_iter().filter_map(|(queue, caller)| Some(((queue, call_of(&caller)?), caller))).collect();
        for ((queue, call), caller) in &waits {
            let place = (queue.clone(), call.clone());
            if !now.waiting.contains(&place) && !before.waiting.contains(&place) {
                found.insert(Difference::CallerUnknown { queue: queue.clone(), caller: caller.clone() });
            }
        }
        for (queue, call) in now.waiting.intersection(&before.waiting).filter(|(queue, _)| queues.contains(queue)) {
            if !waits.contains_key(&(queue.clone(), call.clone())) {
                found.insert(Difference::CallerGone { queue: queue.clone(), call: call.clone() });
            }
        }
        for (place, agent) in now.members.iter().filter(|(place, _)| before.members.contains_key(place)) {
            if queues.contains(&place.0) && !members.contains(place) {
                found.insert(Difference::MemberGone { queue: place.0.clone(), agent: agent.clone() });
            }
        }
        found
    }
}
