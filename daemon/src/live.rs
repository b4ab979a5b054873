//! Notices to whoever listens, by topic. What the PBX says is told at once; what we keep is told
//! after its commit. A laggard is told how many it missed, and then reads afresh.

use std::sync::Arc;

use crate::calls::call::Call;
use crate::calls::now::{AgentNow, QueueNow};
use crate::calls::pop::PopState;
use crate::{CallId, Extension, PbxName, PersonId, TicketId, Time};

/// What a listener wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Pops and phone state of one extension.
    Extension(PbxName, Extension),
    /// What one person owes and owns.
    Person(PersonId),
    /// Queues, agents, everybody's obligations.
    Board,
    /// The state of each link; people and extensions changed.
    House,
    /// Every decoded event of every PBX.
    Events,
}

#[derive(Clone, Debug)]
pub enum Notice {
    Pop(Arc<Pop>),
    Phone(Arc<AgentNow>),
    /// The board as a whole; at most a few times a second.
    Board(Arc<BoardNow>),
    /// This person's obligations or notices changed: read them again.
    Duties(PersonId),
    /// This ticket changed: read it again.
    Ticket(TicketId),
    Link(Arc<LinkNow>),
    /// People, extensions or settings changed: read them again.
    House,
    Event(Arc<SeenEvent>),
    /// A rung told this person: an outbox row, delivered at least once under its id.
    Told(Arc<Told>),
    /// So many notices were dropped for this listener since the last one it got: read all again.
    Missed(u64),
}

/// What an extension's screen shows of a call, now.
#[derive(Clone, Debug)]
pub struct Pop {
    pub call: Arc<Call>,
    pub agent: Extension,
    pub state: PopState,
}

#[derive(Clone, Debug, Default)]
pub struct BoardNow {
    pub at: Option<Time>,
    /// Sorted by PBX and name.
    pub queues: Vec<QueueNow>,
    pub agents: Vec<AgentNow>,
    /// Calls that are up, by PBX.
    pub calls_up: Vec<(PbxName, u32)>,
}

/// A link to a PBX, now.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkNow {
    pub pbx: PbxName,
    /// What the PBX says of itself: `Asterisk 22.10.0`; empty until it did.
    pub product: String,
    pub state: LinkState,
    pub since: Time,
    /// What went wrong last and what helps against it, in English, for admins.
    pub last_error: Option<String>,
    pub events_total: u64,
    /// Packets that were torn or over a size limit, and so not understood.
    pub damaged_total: u64,
    /// Half a ping's round trip away, in microseconds.
    pub latency_us: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LinkState {
    Connecting,
    /// Connected and asking what is up.
    Snapshot,
    Up,
    Down {
        attempt: u32,
        retry_at: Time,
    },
}

/// A decoded event as the administration's live view shows it.
#[derive(Clone, Debug)]
pub struct SeenEvent {
    pub at: Time,
    pub pbx: PbxName,
    /// Stable code: `caller_queued`.
    pub name: &'static str,
    pub call: Option<CallId>,
    pub detail: String,
}

/// What a rung tells a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub id: crate::OutboxId,
    pub person: PersonId,
    pub obligation: crate::ObligationId,
    pub rung: crate::desk::Rung,
    pub at: Time,
}
