//! Wire formats of PBXes and the one vocabulary that they are all read into. Pure: no socket, no
//! clock, no disk.
//!
//! Bytes → [`ami::codec`] (frames) → [`ami::events`] (a vendor's message) → [`event::CallEvent`].
//! A [`session::Session`] is one conversation with one PBX: bytes go in; events, replies and the
//! bytes to send come out. Whatever can be asked of a PBX is a [`request::Request`].
//!
//! Reading order: [`event`], [`request`], [`session`], [`ami`].

pub mod ami;
pub mod event;
pub mod request;
pub mod session;

pub use event::{CallEvent, Extension, LegId, QueueName};
pub use request::Request;
