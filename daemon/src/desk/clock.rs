//! Obligations: what is owed to somebody, by when, and whom we tell on the way there.

use crate::names::words;
use crate::number::Number;
use crate::{CallId, CustomerId, Extension, ObligationId, PersonId, TicketId, Time};

words! {
    /// The kinds of clock; a new kind is a new row of the policy.
    ClockKind {
        /// Somebody whom nobody took is to be called.
        MissedCall = "missed_call",
        /// A matter that came without a live answer is to be answered.
        FirstResponse = "first_response",
        /// Who complained is to hear that it was accepted, and by when it will be solved.
        Acceptance = "acceptance",
        /// The customer is to hear the solution.
        Resolution = "resolution",
        /// What was promised for a time of its own.
        Promise = "promise",
        /// Solution and result are to be filed.
        Filing = "filing",
        /// The customer is to be asked whether it is well.
        ReturnVisit = "return_visit",
        /// A closed matter that was drawn is to be looked at again.
        SpotCheck = "spot_check",
    }
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

/// When the rungs of one obligation are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ladder {
    pub reminder_at: Time,
    pub due_at: Time,
    pub escalated_at: Time,
}

impl Ladder {
    pub fn at(&self, rung: Rung) -> Time {
        match rung {
            Rung::Reminder => self.reminder_at,
            Rung::Due => self.due_at,
            Rung::Escalated => self.escalated_at,
        }
    }
}

impl Rung {
    pub const FIRST: Rung = Rung::Reminder;

    pub fn next(self) -> Option<Rung> {
        match self {
            Rung::Reminder => Some(Rung::Due),
            Rung::Due => Some(Rung::Escalated),
            Rung::Escalated => None,
        }
    }
}

/// Moments are kept in whole milliseconds; a deadline is reckoned from what is kept.
pub fn whole_ms(at: Time) -> Time {
    Time::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}
