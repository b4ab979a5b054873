//! What a line tells, which is most of what lines are for.

use serde::{Deserialize, Serialize};

use super::names::{Agent, CallName, Id, Label, Text};
use super::words::{
    BridgeKind, DeviceState, DialEnd, Direction, Duty, EndedBy, HangupBy, LegState, QueueLeft, Side, SurveyStage,
    TransferKind,
};

/// What is told; the first half speaks of calls, the second of legs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Told {
    CallStarted(CallTold),
    CallQueued {
        call: CallName,
        queue: Label,
    },
    CallLeftQueue {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<QueueLeft>,
    },
    AgentRinging {
        call: CallName,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<Label>,
    },
    AgentMissed {
        call: CallName,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<DialEnd>,
    },
    CallAnswered {
        call: CallName,
        /// Who took it; none of an outbound call, which the called party took.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
    },
    CallHeld {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
    },
    CallResumed {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
    },
    CallTransferred {
        call: CallName,
        /// Who sent it on.
        agent: Agent,
        to: Text,
        kind: TransferKind,
    },
    CallSurveyed {
        call: CallName,
        stage: SurveyStage,
        /// The key that was pressed, where it was answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<u8>,
    },
    CallEnded {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<EndedBy>,
        /// Q.850.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<u16>,
    },
    /// Part of a snapshot: a call that is up.
    CallSeen(CallSeen),

    Agent {
        agent: Agent,
        duty: Duty,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
        #[serde(default, skip_serializing_if = "is_zero")]
        wrap_up_s: u32,
    },
    Queue {
        queue: Label,
    },
    QueueMember {
        queue: Label,
        agent: Agent,
        #[serde(default)]
        state: DeviceState,
        /// Why; none: not paused. May be empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paused: Option<Text>,
        #[serde(default, skip_serializing_if = "is_zero")]
        wrap_up_s: u32,
    },
    QueueMemberRemoved {
        queue: Label,
        agent: Agent,
    },

    SnapshotBegan {
        marker: Label,
    },
    SnapshotEnded {
        marker: Label,
    },
    PbxStopping {},

    LegStarted(LegTold),
    LegIs {
        leg: Id,
        state: LegState,
    },
    LegNamed {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Text>,
    },
    Dialled {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Text>,
    },
    DialEnded {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Id>,
        how: DialEnd,
    },
    JoinedBridge {
        leg: Id,
        bridge: Id,
        #[serde(default)]
        kind: BridgeKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<Id>,
    },
    LeftBridge {
        leg: Id,
        bridge: Id,
    },
    BridgesMerged {
        from: Id,
        into: Id,
    },
    Held {
        leg: Id,
    },
    Resumed {
        leg: Id,
    },
    HangupAsked {
        leg: Id,
        by: HangupBy,
    },
    LegEnded {
        leg: Id,
        #[serde(default)]
        cause: u16,
    },
    CallerQueued {
        caller: Id,
        queue: Label,
    },
    CallerLeftQueue {
        caller: Id,
        queue: Label,
        how: QueueLeft,
    },
    AgentOffered {
        queue: Label,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<Id>,
    },
    AgentNotAnswering {
        queue: Label,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<Id>,
    },
    AgentConnected {
        queue: Label,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<Id>,
    },
    BlindTransfer {
        by: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<Id>,
        to: Text,
        succeeded: bool,
    },
    AttendedTransfer {
        by: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_second: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<Id>,
        succeeded: bool,
    },
    PickedUp {
        leg: Id,
        ringing: Id,
    },
    Parked {
        leg: Id,
        space: Label,
    },
    Unparked {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Id>,
    },
    Surveyed {
        leg: Id,
        stage: SurveyStage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<u8>,
    },
    OriginateEnded {
        leg: Id,
        succeeded: bool,
    },
    /// Part of a snapshot: a leg that is up.
    LegSeen(LegSeen),
    /// Part of a snapshot: a caller who waits.
    CallerSeen {
        caller: Id,
        queue: Label,
        waited_ms: u64,
    },
}

/// A call: who is in it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallTold {
    pub call: CallName,
    #[serde(default, skip_serializing_if = "is_inbound")]
    pub direction: Direction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<Text>,
    /// What was dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Text>,
    /// Who dials, outbound and internal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
}

/// A call that is up.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallSeen {
    #[serde(flatten)]
    pub call: CallTold,
    /// The queue that it waits in, or came through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Label>,
    /// How long it waits there; none: not, or no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ringing: Vec<Agent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub talking: Vec<Agent>,
    pub up_ms: u64,
}

/// A leg: whose it is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LegTold {
    pub leg: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<Id>,
    pub side: Side,
    /// The agent's name, or the line's.
    pub device: Label,
    #[serde(default)]
    pub state: LegState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialled: Option<Text>,
}

/// A leg that is up.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LegSeen {
    #[serde(flatten)]
    pub leg: LegTold,
    pub up_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Id>,
    #[serde(default)]
    pub kind: BridgeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Label>,
}

fn is_inbound(direction: &Direction) -> bool {
    *direction == Direction::Inbound
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
