//! Obligations: what is owed to somebody, by when, and whom we tell on the way there.

use crate::names::words;
use crate::number::Number;
use crate::{CallId, CustomerId, Extension, ObligationId, PersonId, TicketId, Time};

words! {
    /// The kinds of clock; a new kind is a new row of the policy.
    ClockKind { MissedCall = "missed_call" }
}
words! {
    /// The steps of the ladder; each fires once.
    Rung { Reminder = "reminder", Due = "due", Escalated = "escalated" }
}
words! { ObligationState { Open = "open", Kept = "kept", Waived = "waived" } }

#[derive(Clone, Debug, PartialEq)]
pub struct Obligation {
    pub id: ObligationId,
    pub kind: ClockKind,
    pub ticket: TicketId,
    pub customer: Option<CustomerId>,
    /// The number that was missed.
    pub number: Number,
    /// Who is to keep it; none: anybody of the site.
    pub owner: Option<PersonId>,
    pub began_at: Time,
    pub due_at: Time,
    pub state: ObligationState,
    /// Calls to the customer since it began that came to no talk.
    pub attempts: u32,
    pub proof: Option<Proof>,
}

/// The talk, seen by the PBX, that kept an obligation.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    pub call: CallId,
    pub agent: Extension,
    pub from: Time,
    /// Length of the talk when it sufficed, in milliseconds; the talk may have gone on.
    pub talk_ms: i64,
}
