//! Lines to the sender.

use serde::{Deserialize, Serialize};

/// A line to the sender, who passes by what a later version says beside.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromUs {
    Welcome {
        version: u32,
        /// The PBX's name in our configuration.
        pbx: String,
        /// All of the source up to here is kept; 0: nothing.
        last_seq: u64,
        /// Whoever has nothing to say says `heartbeat` this often.
        heartbeat_s: u64,
        /// Lines beyond the last acknowledged one that are read before we wait for the disk.
        window: u64,
        /// Of a `check`: since when a sender is connected, and which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connected: Option<String>,
    },
    /// All up to this number is on disk.
    Ack {
        seq: u64,
    },
    Error {
        /// The line of this connection, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        reason: String,
        /// The connection ends with it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        closing: bool,
    },
    /// Tell all that is up, between `snapshot_began` and `snapshot_ended` with this marker.
    Resync {
        marker: String,
        why: String,
    },
    Heartbeat {},
    Request {
        id: String,
        #[serde(flatten)]
        ask: Ask,
    },
}

/// What the PBX is asked to do. It may refuse, and must answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Ring the agent, then dial; `leg` names the agent's leg, and the call.
    Originate {
        agent: String,
        to: String,
        leg: String,
    },
    Hangup {
        leg: String,
    },
    Pause {
        agent: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        paused: bool,
        reason: String,
    },
    Spy {
        spy: String,
        agent: String,
        on: String,
        how: Spying,
        leg: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spying {
    Listen,
    Whisper,
    Barge,
}
