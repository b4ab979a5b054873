//! FreeSWITCH's event socket (mod_event_socket), inbound mode: we connect, FreeSWITCH 1.10 tells.

pub mod codec;
pub mod conversation;
pub mod duties;
pub mod event;
pub mod events;
pub mod json;
pub mod legs;
pub mod login;
pub mod requests;
pub mod snapshot;
pub mod survey;
