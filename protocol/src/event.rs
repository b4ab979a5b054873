//! The vendor-neutral vocabulary of what happens to calls.
//!
//! A vendor's words stop in its own folder: here a queue is `support`, an agent is `1001`,
//! whatever technology or context the PBX puts around them. An event says what the PBX said, no
//! more: what follows from it is the tracker's business, and so is the order, for a PBX may send
//! some of these earlier, later, twice or never.

mod detail;
mod legs;
mod names;
mod queues;
mod survey;

pub use legs::{BridgeKind, DialEnd, HangupBy, Leg, LegKind, LegSeen, LegState, Spot};
pub use names::{BootId, BridgeId, Device, Extension, LegId, QueueName, plain_name};
pub use queues::{DeviceState, DoneBy, Duty, Member, MemberState, QueueLeft};
pub use survey::{Key, SurveyStage};

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

    /// The PBX itself asks the party of this leg how it was. Stages may be left out, or doubled.
    Surveyed {
        leg: LegId,
        stage: SurveyStage,
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
            Self::Surveyed { .. } => "surveyed",
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
            | Self::Unparked { leg, .. }
            | Self::Surveyed { leg, .. } => Some(leg),
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
}
