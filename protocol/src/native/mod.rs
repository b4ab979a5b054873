//! The native event socket, for every PBX that is neither Asterisk nor FreeSWITCH: one JSON object
//! a line, over TCP or TLS. The PBX's side, the *sender*, connects to us.
//!
//! Every event reaches the tracker exactly once, whatever breaks. The sender numbers what it tells
//! from 1, without a hole, for as long as it runs; a run is a *source* and has a name of its own,
//! which `hello` gives, and a new connection goes on where the last one stopped. The sender keeps
//! each line until we have acknowledged it. We hand each line on in order, with its number; whoever
//! keeps it does so in one commit with the number, and only after that commit the number is
//! acknowledged. `welcome` says the last number of that source that is kept, so the sender forgets
//! up to there and tells the rest again, in order. What comes again is known by its number, passed
//! by and acknowledged. A hole in the numbers means that the sender has lost something: it is told
//! so, what is up becomes uncertain, and a snapshot is asked for, which is told by numbered lines
//! like everything else. A line that cannot be understood but bears a number is answered with the
//! reason and counts as told, for it will not get better by being told again.
//!
//! Reading order: [`wire`] what the lines say, [`codec`] bytes to lines, [`mapping`] lines to call
//! events, [`calls`] the form for PBXes that know no legs, [`conversation`] our side, [`client`]
//! theirs. The specification is in the crate's README.

pub mod calls;
pub mod client;
pub mod codec;
pub mod conversation;
#[cfg(test)]
mod conversation_tests;
pub mod mapping;
#[cfg(test)]
mod pipe_tests;
#[cfg(test)]
mod readme_tests;
pub mod wire;

/// The version of the protocol that is spoken here.
pub const VERSION: u32 = 1;

/// A JSON Schema of every line, in both directions.
pub const SCHEMA: &str = include_str!("native.schema.json");
