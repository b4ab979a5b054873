//! FreeSWITCH's event socket (mod_event_socket), inbound mode: we connect, FreeSWITCH 1.10 tells.

pub mod codec;
pub mod conversation;
pub mod duties;
pub mod event;
pub mod events;
pub mod jobs;
pub mod json;
pub mod legs;
pub mod login;
pub mod pulse;
pub mod requests;
pub mod sight;
pub mod snapshot;
pub mod survey;
