//! What happens to calls, matters and deadlines.
//!
//! Pure rooms: [`number`], [`calls`] (what the PBX says), [`desk`] (what we promised).
//! The shell around them: [`config`], [`store`], [`live`], [`outbox`], [`link`], [`board`],
//! [`engine`]. [`start`] wires them up; data flows one way:
//!
//! ```text
//! link ─► board (trackers, pops) ─► live ─► pages
//!            └─► engine: gather ─► decide ─► keep ─► live, outbox
//! ```

pub mod board;
pub mod calls;
pub mod check;
pub mod config;
pub mod desk;
pub mod engine;
pub mod link;
pub mod live;
pub mod names;
pub mod number;
pub mod outbox;
pub mod simulator;
pub mod store;

pub use engine::Commands;
pub use names::*;
