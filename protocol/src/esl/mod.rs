//! FreeSWITCH's event socket (mod_event_socket), inbound mode: we connect, FreeSWITCH 1.10 tells.

pub mod codec;
pub mod event;
pub mod events;
pub mod json;
pub mod login;
pub mod requests;
pub mod snapshot;
