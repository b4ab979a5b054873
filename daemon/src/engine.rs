//! The writing owner and the alarm clock.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::calls::call::Call;
use crate::desk::command::{Done, Given, Refusal};
use crate::{CallId, Extension, OutboxId, PbxName, Time};

/// What reaches the engine, in the order in which it takes effect.
#[derive(Debug)]
pub enum Input {
    /// Whole states of calls as they stood at `at`; a call may come several times, with states
    /// in between left out, and again after a restart. `at` is when the tracker stood so, not
    /// when it was sent: open talks are measured up to it.
    Calls {
        at: Time,
        calls: Vec<Arc<Call>>,
    },
    /// Two calls turned out to be one.
    Merged {
        from: CallId,
        into: CallId,
    },
    /// After a snapshot: these calls of the PBX are up; whatever else is kept as up has ended
    /// unseen.
    Standing {
        pbx: PbxName,
        at: Time,
        up: Vec<CallId>,
    },
    Command(Given, oneshot::Sender<Result<Done, Refusal>>),
    /// A PBX is out of sight since `from`; told again with `to` once it is back.
    Outage {
        pbx: PbxName,
        from: Time,
        to: Option<Time>,
        why: String,
    },
    /// Extensions that the PBX spoke of, with the name that it gives them.
    Extensions {
        pbx: PbxName,
        at: Time,
        seen: Vec<(Extension, String)>,
    },
    /// Outbox rows that reached their channel.
    Delivered(Vec<OutboxId>),
}

/// A call that somebody asked for; the record is on disk. To be sent once, never again.
#[derive(Debug, PartialEq)]
pub struct Dial {
    pub pbx: PbxName,
    pub request: protocol::Request,
}

/// Inputs that wait for the engine. The board coalesces whole calls when it is full, so this
/// only has to bridge one commit: a disk's fsync of some milliseconds, at a thousand inputs a
/// second, with room for a slow disk.
pub const INBOX: usize = 1024;

/// Where inputs enter.
pub type Inbox = mpsc::Sender<Input>;

/// The door for people's commands; clone it freely.
#[derive(Clone)]
pub struct Commands {
    inbox: Inbox,
}

impl Commands {
    pub fn new(inbox: Inbox) -> Commands {
        Commands { inbox }
    }
    /// Answers after the commit. [`Refusal::StoreFailed`] when the disk refused or the daemon stops.
    pub async fn give(&self, given: Given) -> Result<Done, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Input::Command(given, reply)).await.map_err(|_| Refusal::StoreFailed)?;
        answer.await.unwrap_or(Err(Refusal::StoreFailed))
    }
}
