//! What is owed to customers, as lists, its own page and messages show it: until when, how far it went, and
//! how it ended.

use super::{StoredCall, TicketRow};
use crate::calls::call::Outcome;
use crate::desk::clock::{Basis, Claim, ClockKind, ObligationState, Proof, Survey};
use crate::desk::rights::Circle;
use crate::desk::{Addressee, Rung};
use crate::number::Number;
use crate::{CallId, CustomerId, Extension, ObligationId, PbxName, PersonId, TicketId, Time};

#[derive(Clone, Debug)]
pub struct ObligationRow {
    pub id: ObligationId,
    pub kind: ClockKind,
    pub state: ObligationState,
    pub ticket: TicketId,
    pub ticket_number: String,
    /// The matter, in a line; empty until somebody wrote one.
    pub summary: String,
    pub customer: Option<CustomerId>,
    pub customer_name: String,
    pub number: Option<Number>,
    pub owner: Option<PersonId>,
    /// Who has to do with its matter; who talked in it, only where it was asked for alone.
    pub circle: Circle,
    pub began_at: Time,
    /// For when it was promised; of an acceptance, by when it will be solved, as the customer was told.
    pub promised_at: Option<Time>,
    /// None while the window stands still, as the other two.
    pub due_at: Option<Time>,
    pub reminder_at: Option<Time>,
    pub escalated_at: Option<Time>,
    pub attempts: u32,
    /// Who took it last, and until when.
    pub claim: Option<Claim>,
    /// Since when its window stands still, and why.
    pub suspended: Option<(Time, String)>,
    /// The talk that kept it; or, where somebody's word did, the last one since it began.
    pub proof: Option<Proof>,
    /// What the customer said at the return visit or spot check.
    pub survey: Option<Survey>,
    /// How it ended, where no talk kept it.
    pub ended: Option<Ended>,
    /// Rungs that fired, in their order.
    pub fired: Vec<Fired>,
}

impl ObligationRow {
    /// Who works on it now.
    pub fn claimed(&self, now: Time) -> Option<Claim> {
        self.claim.filter(|claim| claim.until > now)
    }
}

/// A rung that fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    pub rung: Rung,
    pub planned_at: Time,
    pub fired_at: Time,
    /// Well after its time, because the daemon or the disk was down.
    pub late: bool,
    pub told: Vec<Addressee>,
}

/// An obligation's end other than by a talk.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub at: Time,
    pub by: Option<PersonId>,
    /// In the words of whoever ended it.
    pub why: String,
}

/// Which obligations a list shows.
#[derive(Clone, Debug)]
pub struct OwedFilter {
    pub owner: Whose,
    pub kind: Option<ClockKind>,
    pub state: Option<ObligationState>,
    /// Only those whose reminder was due by then.
    pub at_risk: Option<Time>,
    pub limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Anybodys,
    Of(PersonId),
    /// With those of whom they stand in for.
    OfOrNobodys(PersonId),
    Nobodys,
}

/// All that an obligation's page shows.
#[derive(Clone, Debug)]
pub struct OwedPage {
    pub row: ObligationRow,
    /// Oldest first.
    pub attempts: Vec<MadeAttempt>,
    /// Oldest first; the last may still go on.
    pub pauses: Vec<Pause>,
    /// What it is reckoned from, where it stood still once or stands still.
    pub paused: Option<Basis>,
    /// The policy lets its clock stand still.
    pub may_pause: bool,
    /// Its matter is not over: a promise can stand in it.
    pub may_promise: bool,
    /// The call that it is owed for.
    pub began_with: Option<StoredCall>,
    /// The call that kept it.
    pub proof_call: Option<StoredCall>,
}

/// A call of ours with the customer that came to no talk.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeAttempt {
    pub call: CallId,
    pub pbx: PbxName,
    pub outcome: Outcome,
    pub at: Time,
    pub ended_at: Option<Time>,
    pub agent: Option<Extension>,
    pub person: Option<PersonId>,
}

/// A stretch in which an obligation's window stands still, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    pub from: Time,
    pub to: Option<Time>,
    pub reason: String,
    pub by: Option<PersonId>,
}

/// What somebody was told of.
#[derive(Clone, Debug)]
pub enum ToldOf {
    Owed(Box<ObligationRow>),
    /// The matter itself.
    Matter(Box<TicketRow>),
}
