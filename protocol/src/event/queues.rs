//! What events say of queues and of those who serve them.

use super::{Device, Extension, QueueName};

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
