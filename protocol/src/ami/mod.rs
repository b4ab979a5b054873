//! Asterisk Manager Interface, versions 5 (Asterisk 16) to 13.

pub mod codec;
pub mod conversation;
pub mod events;
pub mod fields;
pub mod login;
mod look;
pub mod packet;
pub mod requests;
pub mod survey;
