//! What events say of legs and bridges.

use super::{BridgeId, Device, LegId, QueueName};

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
