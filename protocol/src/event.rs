//! The vendor-neutral vocabulary of what happens to calls.
//!
//! A vendor's words stop in its own folder: here a queue is `support`, an agent is `1001`,
//! whatever technology or context the PBX puts around them. An event says what the PBX said, no
//! more: what follows from it is the tracker's business, and so is the order, for a PBX may send
//! some of these earlier, later, twice or never.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Arc<str>);
        impl $name {
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self(text.into()) }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Debug::fmt(&*self.0, f) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

text_name! {
    /// One leg (channel) as its PBX names it: Asterisk's Uniqueid, FreeSWITCH's Unique-ID.
    /// Opaque bytes; unique within one boot of one PBX, never to be parsed for order.
    LegId
}
text_name! {
    /// A bridge as its PBX names it.
    BridgeId
}
text_name! {
    /// A queue's plain name: `support`, not `support@default`.
    QueueName
}
text_name! {
    /// An agent's plain name on the PBX: `1001`, not `PJSIP/1001` or `Local/1001@agents/n`.
    Extension
}
text_name! {
    /// One run of a PBX, from its start to its end; leg ids may repeat in another. Letters and
    /// digits only.
    BootId
}
text_name! {
    /// A device as the PBX writes it, without the part that numbers a single leg: `PJSIP/1001`,
    /// `PJSIP/trunk`, `sofia/internal/1001`.
    Device
}

impl Device {
    /// The device's own name: `1001` of `PJSIP/1001`, of `Local/1001@agents/n` and of
    /// `sofia/internal/1001@10.0.0.5:5060`.
    pub fn plain(&self) -> &str {
        plain_name(&self.0)
    }

    /// Whether it stands for a phone, as a hint and an agent's login do; `Custom:away` does not.
    pub fn is_phone(&self) -> bool {
        !self.0.starts_with("Custom:")
    }
}

/// What remains of an interface, a dial string or an address when technology, profile, context
/// and options are taken off: `1003` of `Local/1003@members/n`, `support` of `support@default`.
pub fn plain_name(text: &str) -> &str {
    let before_at = match text.split_once('@') {
        Some((before, _)) => before,
        None => text.strip_suffix("/n").unwrap_or(text),
    };
    match before_at.bytes().rposition(|byte| matches!(byte, b'/' | b':')) {
        Some(at) => &before_at[at + 1..],
        None => before_at,
    }
}

/// One thing that a PBX said about calls, queues or agents.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEvent {
    /// A leg came up.
    LegStarted(Box<Leg>),
    /// A leg's state is now this one; states may be skipped.
    LegIs {
        leg: LegId,
        state: LegState,
    },
    /// The number and name of a leg's own party are now these. On a called leg that is the
    /// called party, not who calls.
    LegNamed {
        leg: LegId,
        number: Option<Box<str>>,
        name: Option<Box<str>>,
    },
    /// A leg has another id from now on.
    LegRenamed {
        was: LegId,
        leg: LegId,
    },
    /// `leg` is being called, by `by`'s leg or (none) by the PBX itself, as on a click-to-call.
    Dialled {
        by: Option<LegId>,
        leg: LegId,
        to: Option<Box<str>>,
    },
    /// Dialling `leg` came to an end. May be said twice, with different results, and for a leg
    /// of which no dialling was said.
    DialEnded {
        by: Option<LegId>,
        leg: LegId,
        how: DialEnd,
    },
    /// The two halves of an internal loop: what goes into one comes out of the other. Neither
    /// is anybody's phone.
    Looped {
        one: LegId,
        two: LegId,
    },
    /// `leg` is in a bridge; `instead_of` leaves it at once, and `leg` has its place.
    JoinedBridge {
        leg: LegId,
        bridge: BridgeId,
        kind: BridgeKind,
        instead_of: Option<LegId>,
        linked: Option<LegId>,
        spot: Option<Box<Spot>>,
    },
    /// `spot` is where the leg goes on, where that is said: another than that at which it joined,
    /// and no transfer told, is somebody outside who sent it there.
    LeftBridge {
        leg: LegId,
        bridge: BridgeId,
        spot: Option<Box<Spot>>,
    },
    /// All that are in `from` are moved to `into`; leaving and joining may be said as well.
    BridgesMerged {
        from: BridgeId,
        into: BridgeId,
    },
    /// The party of this leg put the others on hold. May be doubled, or never taken back.
    Held {
        leg: LegId,
    },
    Resumed {
        leg: LegId,
    },
    /// Somebody wants the leg to end. Who asked first is who hung up.
    HangupAsked {
        leg: LegId,
        by: HangupBy,
    },
    /// The last that is heard of a leg. `cause` is the Q.850 cause, 0 where none was given.
    LegEnded {
        leg: LegId,
        cause: u16,
    },
    /// A leg is gone, as the PBX says when it is asked, and no event told of its end: when and how
    /// it ended nobody knows.
    LegGone {
        leg: LegId,
    },

    /// A caller waits in a queue.
    CallerQueued {
        caller: LegId,
        queue: QueueName,
    },
    CallerLeftQueue {
        caller: LegId,
        queue: QueueName,
        how: QueueLeft,
    },
    /// A queue rings a member's phone for a caller. `leg` is the leg towards the member.
    AgentOffered {
        caller: Option<LegId>,
        leg: Option<LegId>,
        queue: QueueName,
        member: Member,
    },
    /// The offer came to nothing; why is told by how dialling the leg ended.
    AgentNotAnswering {
        caller: Option<LegId>,
        leg: Option<LegId>,
        queue: QueueName,
        member: Member,
    },
    /// A queue connects a caller with a member.
    AgentConnected {
        caller: Option<LegId>,
        leg: Option<LegId>,
        queue: QueueName,
        member: Member,
    },
    /// The queue's own account of a member's part. May come early, late or never.
    AgentDone {
        caller: Option<LegId>,
        leg: Option<LegId>,
        queue: QueueName,
        member: Member,
        by: DoneBy,
    },

    /// `by` sent the other side on to `to`, without having talked to anybody there.
    BlindTransfer {
        by: LegId,
        other: Option<LegId>,
        to: Box<str>,
        succeeded: bool,
    },
    /// Whoever `by` talked with was joined with whoever `by_second` talked with, or called: the
    /// two legs of the one who transferred, which may be one and the same.
    AttendedTransfer {
        by: LegId,
        by_second: Option<LegId>,
        other: Option<LegId>,
        target: Option<LegId>,
        succeeded: bool,
    },
    /// `leg` took the call that was ringing at `ringing`.
    PickedUp {
        leg: LegId,
        ringing: LegId,
    },
    /// A leg was put aside, at `space`, for anybody to take back.
    Parked {
        leg: LegId,
        space: Box<str>,
    },
    /// `by` took it back; none when nobody did and its time was over.
    Unparked {
        leg: LegId,
        by: Option<LegId>,
    },

    /// How a member of a queue stands, in full.
    MemberIs(Box<MemberState>),
    MemberRemoved {
        queue: QueueName,
        member: Member,
    },
    /// How an agent stands in all queues at once, where the PBX has it so.
    AgentIs {
        agent: Extension,
        duty: Duty,
        /// The agent's own wrap-up time after a call, in seconds; 0 where not said.
        wrap_up_s: u32,
    },
    DeviceIs {
        device: Device,
        state: DeviceState,
    },

    /// What came of a click-to-call. Without a leg ever having started, this is all that is
    /// said of it.
    OriginateEnded {
        leg: Option<LegId>,
        succeeded: bool,
    },

    /// What follows until `SnapshotEnded` is everything that is up now.
    SnapshotBegan {
        boot: BootId,
    },
    /// Part of a snapshot: a bridge. What a leg that is told later says of its kind is a guess.
    BridgeSeen {
        bridge: BridgeId,
        kind: BridgeKind,
    },
    /// Part of a snapshot: a leg that is up.
    LegSeen(Box<LegSeen>),
    /// Part of a snapshot: a queue.
    QueueSeen {
        queue: QueueName,
    },
    /// Part of a snapshot: a caller who waits in a queue, so long by now.
    CallerSeen {
        caller: LegId,
        queue: QueueName,
        waited_ms: u64,
    },
    SnapshotEnded,

    /// What the PBX tells of what is up, of its queues and members until `LookEnded` is to be
    /// compared with what is known, and says nothing new. Other events may stand between.
    LookBegan,
    LookEnded,

    /// The PBX runs anew: whatever was up before is gone.
    PbxStarted,
    /// The PBX is going down, and all calls with it.
    PbxStopping,
}

/// Where in the PBX's dialplan a leg stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub context: Box<str>,
    pub extension: Box<str>,
}

/// A leg as it comes up.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    pub id: LegId,
    /// The oldest leg of those that the PBX counts as one call, where it says so.
    pub linked: Option<LegId>,
    pub device: Device,
    pub kind: LegKind,
    pub state: LegState,
    /// The leg's own party: who calls, on a leg that calls.
    pub number: Option<Box<str>>,
    pub name: Option<Box<str>>,
    /// What the leg's party dialled, on a leg that calls.
    pub dialled: Option<Box<str>>,
}

/// A leg of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct LegSeen {
    pub leg: Leg,
    pub bridge: Option<(BridgeId, BridgeKind)>,
    /// The queue that the leg is in, or was last served by.
    pub queue: Option<QueueName>,
    /// What both halves of a loop are called by, where this is one and the PBX names them alike.
    pub half_of: Option<Box<str>>,
    pub up_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegKind {
    /// Somebody's phone, or a line to the outside.
    Device,
    /// A half of an internal loop.
    Loop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegState {
    /// Being set up; nothing rings.
    Down,
    /// Calls the PBX and hears it ring.
    Calling,
    /// Is called and rings.
    Ringing,
    Up,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialEnd {
    Answered,
    Busy,
    /// Rang until the time was over, or was turned down without a reason.
    NoAnswer,
    /// The caller, or another phone that answered, ended it.
    Cancelled,
    /// Could not be reached.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeKind {
    /// Two parties talk; what meets here is one call.
    Talk,
    /// A conference: who meets here does not become one call.
    Conference,
    /// A place to wait in, such as parking.
    Holding,
    /// Where an agent's line rests between calls: who rests is in no call.
    Resting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangupBy {
    /// The party at the leg's far end: the phone, or the caller's network.
    Party,
    /// The PBX, at somebody's order or its own.
    Pbx,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueLeft {
    /// Not said why; what comes next tells.
    Unsaid,
    /// Without having been served: hung up, or the queue gave up; Asterisk does not say which.
    Unserved,
    /// The caller hung up.
    HungUp,
    /// The queue gave up on the caller.
    TimedOut,
    Served,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneBy {
    Caller,
    Agent,
    Transfer,
    Unsaid,
}

/// A member of a queue: who, and at which device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub agent: Extension,
    /// What the queue dials, as the PBX writes it: the member's identity within its queue.
    pub interface: Device,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MemberState {
    pub queue: QueueName,
    pub member: Member,
    /// The device whose state is taken for the member's.
    pub device: Device,
    pub state: DeviceState,
    /// None while not paused.
    pub paused: Option<Box<str>>,
    /// Whether the queue counts the member as talking with one of its callers.
    pub in_call: bool,
    /// The queue's own wrap-up time after a call, in seconds; 0 where not said.
    pub wrap_up_s: u32,
}

/// Whether an agent takes calls of queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Signed out.
    Out,
    In,
    /// Signed in and on a break; the reason may be empty.
    Paused(Box<str>),
}

impl MemberState {
    /// Who sits there: the name of the phone behind the interface, where the PBX tells one.
    pub fn agent(&self) -> &str {
        if self.device.is_phone() { self.device.plain() } else { self.member.agent.as_str() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceState {
    Unknown,
    Free,
    InUse,
    Busy,
    /// Cannot be reached: not registered, or no such device.
    Offline,
    Ringing,
    /// In use, and rings for another call.
    RingingInUse,
    OnHold,
}

impl CallEvent {
    /// A stable code for logs and views.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LegStarted(_) => "leg_started",
            Self::LegIs { .. } => "leg_is",
            Self::LegNamed { .. } => "leg_named",
            Self::LegRenamed { .. } => "leg_renamed",
            Self::Dialled { .. } => "dialled",
            Self::DialEnded { .. } => "dial_ended",
            Self::Looped { .. } => "looped",
            Self::JoinedBridge { .. } => "joined_bridge",
            Self::LeftBridge { .. } => "left_bridge",
            Self::BridgesMerged { .. } => "bridges_merged",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::HangupAsked { .. } => "hangup_asked",
            Self::LegEnded { .. } => "leg_ended",
            Self::LegGone { .. } => "leg_gone",
            Self::CallerQueued { .. } => "caller_queued",
            Self::CallerLeftQueue { .. } => "caller_left_queue",
            Self::AgentOffered { .. } => "agent_offered",
            Self::AgentNotAnswering { .. } => "agent_not_answering",
            Self::AgentConnected { .. } => "agent_connected",
            Self::AgentDone { .. } => "agent_done",
            Self::BlindTransfer { .. } => "blind_transfer",
            Self::AttendedTransfer { .. } => "attended_transfer",
            Self::PickedUp { .. } => "picked_up",
            Self::Parked { .. } => "parked",
            Self::Unparked { .. } => "unparked",
            Self::MemberIs(_) => "member_is",
            Self::MemberRemoved { .. } => "member_removed",
            Self::AgentIs { .. } => "agent_is",
            Self::DeviceIs { .. } => "device_is",
            Self::OriginateEnded { .. } => "originate_ended",
            Self::SnapshotBegan { .. } => "snapshot_began",
            Self::LegSeen(_) => "leg_seen",
            Self::BridgeSeen { .. } => "bridge_seen",
            Self::QueueSeen { .. } => "queue_seen",
            Self::CallerSeen { .. } => "caller_seen",
            Self::SnapshotEnded => "snapshot_ended",
            Self::LookBegan => "look_began",
            Self::LookEnded => "look_ended",
            Self::PbxStarted => "pbx_started",
            Self::PbxStopping => "pbx_stopping",
        }
    }

    /// The leg by which the event's call can be found, where there is one.
    pub fn leg(&self) -> Option<&LegId> {
        match self {
            Self::LegStarted(leg) => Some(&leg.id),
            Self::LegSeen(seen) => Some(&seen.leg.id),
            Self::LegIs { leg, .. }
            | Self::LegNamed { leg, .. }
            | Self::LegRenamed { leg, .. }
            | Self::Dialled { leg, .. }
            | Self::DialEnded { leg, .. }
            | Self::Looped { one: leg, .. }
            | Self::JoinedBridge { leg, .. }
            | Self::LeftBridge { leg, .. }
            | Self::Held { leg }
            | Self::Resumed { leg }
            | Self::HangupAsked { leg, .. }
            | Self::LegEnded { leg, .. }
            | Self::LegGone { leg }
            | Self::CallerQueued { caller: leg, .. }
            | Self::CallerLeftQueue { caller: leg, .. }
            | Self::CallerSeen { caller: leg, .. }
            | Self::BlindTransfer { by: leg, .. }
            | Self::AttendedTransfer { by: leg, .. }
            | Self::PickedUp { leg, .. }
            | Self::Parked { leg, .. }
            | Self::Unparked { leg, .. } => Some(leg),
            Self::AgentOffered { caller, leg, .. }
            | Self::AgentNotAnswering { caller, leg, .. }
            | Self::AgentConnected { caller, leg, .. }
            | Self::AgentDone { caller, leg, .. } => caller.as_ref().or(leg.as_ref()),
            Self::OriginateEnded { leg, .. } => leg.as_ref(),
            Self::BridgesMerged { .. }
            | Self::MemberIs(_)
            | Self::MemberRemoved { .. }
            | Self::AgentIs { .. }
            | Self::DeviceIs { .. }
            | Self::SnapshotBegan { .. }
            | Self::BridgeSeen { .. }
            | Self::QueueSeen { .. }
            | Self::SnapshotEnded
            | Self::LookBegan
            | Self::LookEnded
            | Self::PbxStarted
            | Self::PbxStopping => None,
        }
    }

    /// The rest of the event for people to read, in one line.
    pub fn detail(&self) -> String {
        match self {
            Self::LegStarted(leg) => detail_of(leg),
            Self::LegSeen(seen) => format!("{} up_ms={}", detail_of(&seen.leg), seen.up_ms),
            Self::MemberIs(member) => format!(
                "{} in {}: {:?}{}",
                member.member.agent,
                member.queue,
                member.state,
                member.paused.as_ref().map(|why| format!(", paused {why}")).unwrap_or_default()
            ),
            Self::LegIs { leg, state } => format!("{leg} {state:?}"),
            Self::LegNamed { leg, number, name } => format!("{leg} {} {}", or_dash(number), or_dash(name)),
            Self::LegRenamed { was, leg } => format!("{was} → {leg}"),
            Self::Dialled { by, leg, to } => format!("{} → {leg} {}", or_dash(by), or_dash(to)),
            Self::DialEnded { by, leg, how } => format!("{} → {leg} {how:?}", or_dash(by)),
            Self::Looped { one, two } => format!("{one} = {two}"),
            Self::JoinedBridge { leg, bridge, kind, .. } => format!("{leg} in {bridge} ({kind:?})"),
            Self::LeftBridge { leg, bridge, .. } => format!("{leg} from {bridge}"),
            Self::BridgesMerged { from, into } => format!("{from} → {into}"),
            Self::Held { leg } | Self::Resumed { leg } | Self::LegGone { leg } => leg.to_string(),
            Self::HangupAsked { leg, by } => format!("{leg} by {by:?}"),
            Self::LegEnded { leg, cause } => format!("{leg} cause {cause}"),
            Self::CallerQueued { caller, queue } => format!("{caller} in {queue}"),
            Self::CallerLeftQueue { caller, queue, how } => format!("{caller} from {queue} ({how:?})"),
            Self::AgentOffered { caller, queue, member, .. }
            | Self::AgentNotAnswering { caller, queue, member, .. }
            | Self::AgentConnected { caller, queue, member, .. } => {
                format!("{} in {queue} for {}", member.agent, or_dash(caller))
            }
            Self::AgentDone { caller, queue, member, by, .. } => {
                format!("{} in {queue} for {} ({by:?})", member.agent, or_dash(caller))
            }
            Self::BlindTransfer { by, other, to, succeeded } => {
                format!("{} by {by} → {to}{}", or_dash(other), unless(*succeeded))
            }
            Self::AttendedTransfer { by, other, target, succeeded, .. } => {
                format!("{} by {by} → {}{}", or_dash(other), or_dash(target), unless(*succeeded))
            }
            Self::PickedUp { leg, ringing } => format!("{ringing} by {leg}"),
            Self::Parked { leg, space } => format!("{leg} at {space}"),
            Self::Unparked { leg, by } => format!("{leg} by {}", or_dash(by)),
            Self::MemberRemoved { queue, member } => format!("{} from {queue}", member.agent),
            Self::AgentIs { agent, duty, .. } => format!("{agent} {duty:?}"),
            Self::DeviceIs { device, state } => format!("{device} {state:?}"),
            Self::OriginateEnded { leg, succeeded } => format!("{}{}", or_dash(leg), unless(*succeeded)),
            Self::SnapshotBegan { boot } => boot.to_string(),
            Self::BridgeSeen { bridge, kind } => format!("{bridge} ({kind:?})"),
            Self::QueueSeen { queue } => queue.to_string(),
            Self::CallerSeen { caller, queue, waited_ms } => format!("{caller} in {queue} waited_ms={waited_ms}"),
            Self::SnapshotEnded | Self::LookBegan | Self::LookEnded | Self::PbxStarted | Self::PbxStopping => {
                String::new()
            }
        }
    }
}

fn detail_of(leg: &Leg) -> String {
    let (number, name, dialled) = (or_dash(&leg.number), or_dash(&leg.name), or_dash(&leg.dialled));
    format!("{} {:?} {number} {name} → {dialled} ({})", leg.device, leg.state, leg.id)
}

fn or_dash<T: fmt::Display>(what: &Option<T>) -> &dyn fmt::Display {
    what.as_ref().map_or(&"-", |what| what)
}

fn unless(succeeded: bool) -> &'static str {
    if succeeded { "" } else { " (failed)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_technology_context_and_options() {
        for (text, plain) in [
            ("PJSIP/1001", "1001"),
            ("Local/1003@members/n", "1003"),
            ("Local/1003/n", "1003"),
            ("support@default", "support"),
            ("sofia/internal/1001@10.0.0.5:5060", "1001"),
            ("hint:1001@ctx", "1001"),
            ("Agent:1001", "1001"),
            ("PJSIP/trunk/sip:139@127.0.0.2:5090", "139"),
            ("support", "support"),
            ("", ""),
        ] {
            assert_eq!(plain_name(text), plain, "{text}");
        }
    }

    #[test]
    fn detail_is_for_people() {
        let event = CallEvent::LegEnded { leg: "a.1".into(), cause: 16 };
        assert_eq!((event.name(), event.detail().as_str()), ("leg_ended", "a.1 cause 16"));
        let dialled = CallEvent::Dialled { by: None, leg: "a.2".into(), to: Some("1001".into()) };
        assert_eq!(dialled.detail(), "- → a.2 1001");
        assert_eq!(CallEvent::PbxStarted.detail(), "");
    }
}
