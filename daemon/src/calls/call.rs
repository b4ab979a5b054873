//! A call: one conversation of one outside party (or of two extensions) with the house, however
//! many legs, queues and agents it took.

use chrono::TimeDelta;

use super::survey::Survey;
use crate::names::words;
use crate::number::Number;
use crate::{CallId, Extension, LegId, PbxName, QueueName, Time};

/// A talk so long, seen by the PBX, proves that a promise to call was kept, until the site's policy says
/// how long it must be.
pub const PROOF_TALK: TimeDelta = TimeDelta::seconds(10);

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub id: CallId,
    pub pbx: PbxName,
    pub direction: Direction,
    /// The calling number as the PBX sent it; none when withheld.
    pub caller: Option<String>,
    /// The calling party's name as sent, decoded; hostile until escaped.
    pub caller_name: Option<String>,
    /// The outside party in canonical form: who calls, or who is called. None when withheld or
    /// internal.
    pub number: Option<Number>,
    /// The first queue or extension that an inbound call reached; the number that an outbound or
    /// internal one dialled.
    pub to: Option<String>,
    /// Who talked first; for outbound and internal calls, who dialled.
    pub agent: Option<Extension>,
    pub started_at: Time,
    /// When the first talk with an agent (outbound: with the called party) began.
    pub answered_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// None while the call is up.
    pub outcome: Option<Outcome>,
    pub ended_by: Option<EndedBy>,
    /// Stays in queues, oldest first.
    pub waits: Vec<Wait>,
    /// Who talked, oldest first. The last may still be open.
    pub segments: Vec<Segment>,
    /// Whose phone rang, oldest first.
    pub offers: Vec<Offer>,
    pub transfers: Vec<Transfer>,
    /// The PBX's own, by the caller's keys.
    pub survey: Option<Survey>,
    /// The first leg's id where we asked for the call ourselves, as sent with the Originate.
    pub originated: Option<LegId>,
    /// False when part of the call fell into a time that we did not see; its times are then
    /// bounds, and nothing is concluded from what is missing.
    pub certain: bool,
}

impl Call {
    /// How long the caller waited: in queues, from the first until answered or given up; without
    /// a queue, from the start on. None while the wait lasts.
    pub fn waited(&self) -> Option<TimeDelta> {
        let from = self.waits.first().map_or(self.started_at, |wait| wait.joined_at);
        let left = self.waits.last().and_then(|wait| wait.left_at);
        self.answered_at.or(left).or(self.ended_at).map(|until| until - from)
    }

    /// How long the outside party and agents talked, without holds. None while they do.
    pub fn talked(&self) -> Option<TimeDelta> {
        let spans = self.segments.iter().map(|segment| Some(segment.to? - segment.from));
        Some(spans.sum::<Option<TimeDelta>>()? - self.held()?)
    }

    /// How long the outside party was on hold. None while it is.
    pub fn held(&self) -> Option<TimeDelta> {
        self.segments.iter().map(|segment| Span::sum(&segment.holds)).sum()
    }
}

words! {
    Direction {
        Inbound = "inbound",
        Outbound = "outbound",
        Internal = "internal",
    }
}

words! {
    /// How a call ended; the first terminal state wins.
    Outcome {
        Answered = "answered",
        /// The caller hung up while waiting in a queue or before reaching one.
        Abandoned = "abandoned",
        /// The house gave up on the caller: a queue, or a PBX that let nobody's phone ring.
        TimedOut = "timed_out",
        /// Rang at an extension without a queue and was not taken.
        Missed = "missed",
        /// Outbound and internal: the called party was busy.
        Busy = "busy",
        /// Outbound and internal: the called party did not take it.
        NoAnswer = "no_answer",
        /// Could not be put through, or what became of it was not seen.
        Failed = "failed",
    }
}

words! {
    EndedBy {
        Caller = "caller",
        Agent = "agent",
        Pbx = "pbx",
    }
}

/// One stay in a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    pub queue: QueueName,
    pub joined_at: Time,
    pub left_at: Option<Time>,
}

/// One agent talking with the outside party.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub agent: Extension,
    /// The queue that it came through, if any.
    pub queue: Option<QueueName>,
    pub from: Time,
    pub to: Option<Time>,
    /// Stretches on hold; the last may still be open.
    pub holds: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub from: Time,
    pub to: Option<Time>,
}

impl Span {
    /// None while one of them is open.
    pub fn sum(spans: &[Span]) -> Option<TimeDelta> {
        spans.iter().map(|span| Some(span.to? - span.from)).sum()
    }
}

/// One ringing of one agent's phone.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub agent: Extension,
    pub queue: Option<QueueName>,
    pub from: Time,
    /// When it stopped ringing. None while it rings, and while who answered waits for the caller.
    pub to: Option<Time>,
    /// None while it rings.
    pub outcome: Option<OfferOutcome>,
}

words! {
    OfferOutcome {
        Answered = "answered",
        NoAnswer = "no_answer",
        Busy = "busy",
        Declined = "declined",
        AnsweredElsewhere = "answered_elsewhere",
        CallerGone = "caller_gone",
        Failed = "failed",
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    pub kind: TransferKind,
    /// The agent who sent the call on.
    pub from: Option<Extension>,
    /// Agent, queue or number.
    pub to: String,
    /// The outside party talked with, or waited for, the target.
    pub completed: bool,
    pub at: Time,
}

words! {
    TransferKind {
        Blind = "blind",
        Attended = "attended",
    }
}
