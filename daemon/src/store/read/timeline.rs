//! What happened to a ticket, in the order in which it did: a line of its own for each kind of thing that can.

use protocol::request::Spying;

use crate::calls::call::Outcome;
use crate::desk::Rung;
use crate::desk::clock::{ClockKind, ObligationState, Proof, Survey};
use crate::desk::draw::Lot;
use crate::desk::handling::{Finding, RemedyKind, RemedyState};
use crate::desk::ownership::{How, OfferEnd, Part, Receiver};
use crate::desk::papers::Tie;
use crate::desk::regroup::RegroupKind;
use crate::desk::survey::Unanswered;
use crate::desk::ticket::{Channel, Kind, Satisfaction, TicketState};
use crate::{AttachmentId, CallId, Extension, ObligationId, PersonId, Time};

/// One thing that happened to a ticket.
#[derive(Clone, Debug)]
pub struct TimelineRow {
    pub at: Time,
    pub by: Option<PersonId>,
    /// The number of the ticket whose line it was, where that became part of this one.
    pub of: Option<String>,
    pub what: TimelineWhat,
}

#[derive(Clone, Debug)]
pub enum TimelineWhat {
    Opened,
    Joined {
        call: CallId,
    },
    Owner {
        person: PersonId,
    },
    Saved {
        version: i64,
    },
    ObligationBegan {
        obligation: ObligationId,
        clock: ClockKind,
        due_at: Option<Time>,
    },
    Rung {
        rung: Rung,
        late: bool,
    },
    Attempt {
        call: CallId,
        outcome: Outcome,
    },
    Kept {
        clock: ClockKind,
        proof: Proof,
    },
    /// An obligation ended otherwise than by a talk.
    Ended {
        clock: ClockKind,
        state: ObligationState,
        why: String,
    },
    Suspended {
        reason: String,
    },
    Resumed,
    /// Somebody called while this person was working on it.
    CalledBeside {
        holder: PersonId,
    },
    /// Somebody wrote down what the customer said of the outcome.
    Surveyed {
        survey: Survey,
    },
    /// A caller was asked by the PBX how they were served by somebody; none where nobody knows who.
    SurveyedByKeys {
        person: Option<PersonId>,
        agent: Option<Extension>,
        heard: bool,
        pressed: Option<u8>,
        result: Option<Satisfaction>,
    },
    /// These were told that a caller was dissatisfied with a matter that is not over.
    DissatisfiedTold {
        told: Vec<PersonId>,
    },
    /// Somebody called to ask, and has no answer to write down.
    Unanswered {
        why: Unanswered,
        words: String,
    },
    /// It was closed, and its lot looked at.
    Lot {
        lot: Lot,
        percent: u8,
        drawn: bool,
    },
    /// The customer was told by when a complaint will be solved.
    Accepted {
        solved_by: Time,
    },
    /// The customer was dissatisfied.
    Reopened,
    /// It is in another state.
    Became {
        state: TicketState,
        why: String,
    },
    /// It waited for the customer, who called and talked with them.
    CustomerCalled {
        call: CallId,
        agent: Extension,
        person: Option<PersonId>,
    },
    /// It is no complaint any more.
    Reclassed {
        was: Kind,
        kind: Kind,
        why: String,
    },
    Investigated {
        words: String,
    },
    Found {
        finding: Option<Finding>,
    },
    RemedyProposed {
        kind: RemedyKind,
        sum_cents: i64,
        state: RemedyState,
    },
    RemedyDecided {
        state: RemedyState,
        why: String,
    },
    /// The customer heard what came of it.
    Told {
        how: Channel,
        words: String,
        withdrawn: bool,
    },
    Filed {
        words: String,
    },
    /// What was written is for supervisors and managers.
    Assessed,
    /// It, or the work on it, was offered to somebody, who has not accepted by that.
    Offered {
        part: Part,
        to: Receiver,
        words: String,
    },
    OfferEnded {
        end: OfferEnd,
        why: String,
    },
    /// It, or the work on it, is somebody's from then on.
    Given {
        part: Part,
        person: PersonId,
        how: How,
        words: String,
    },
    /// Who leads was told at once of an urgent complaint.
    Alarmed,
    Commented {
        words: String,
    },
    Attached {
        attachment: AttachmentId,
        name: String,
    },
    /// It has to do with another ticket, whose number it is.
    Tied {
        how: Tie,
        number: String,
    },
    Untied {
        how: Tie,
        number: String,
    },
    /// All or part of one of two tickets went to the other, whose number it is.
    Regrouped {
        kind: RegroupKind,
        gave: bool,
        number: String,
    },
    /// It came back.
    RegroupUndone {
        kind: RegroupKind,
        number: String,
    },
    /// A call turned out to be about another ticket, whose number it is.
    CallMoved {
        number: String,
    },
    /// Somebody said whose it is.
    Customer {
        name: String,
    },
    /// Somebody took it, or let it go.
    Claimed {
        clock: ClockKind,
        by: Option<PersonId>,
    },
    /// Something changed what a deadline is reckoned from.
    Moved {
        clock: ClockKind,
        due_at: Option<Time>,
    },
    /// Somebody called from a page.
    Dialled,
    /// Somebody was shown the customer's numbers, which are masked otherwise.
    NumbersShown,
    /// All of it was put into one file; its numbers masked, or not.
    EvidenceMade {
        masked: bool,
    },
    /// Somebody ended a call from a page.
    HungUp,
    /// Somebody listened in on an agent; `heard_ms` none: the phone for it was not picked up.
    Spied {
        agent: Extension,
        person: Option<PersonId>,
        how: Spying,
        heard_ms: Option<i64>,
    },
}
