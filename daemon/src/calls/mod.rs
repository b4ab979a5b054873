//! What the PBX says: calls, queues and agents, mirrored from events. Pure.
//!
//! [`call`] is what a call is; [`tracker`] turns events into changes of calls; [`now`] is how
//! queues and agents look at this moment; [`pop`] is what an agent's screen shows of a call.

pub mod call;
pub mod dialplan;
mod leg;
mod live;
pub mod look;
pub mod now;
pub mod pop;
mod staff;
pub mod survey;
pub mod tracker;

pub use staff::WrapUp;
