//! What happened, as a rehearsal hears it: of what was kept that by which the desk decides what is owed,
//! and whom it tells; and what it decided.

use super::Firing;
use crate::calls::call::Call;
use crate::desk::case::Staff;
use crate::desk::clock::{Basis, ObligationState, Proof, Survey};
use crate::desk::matters::Opening;
use crate::desk::policy::{Policy, Standing};
use crate::desk::regroup::RegroupKind;
use crate::desk::ticket::{Channel, Complexity, Kind, Priority, TicketState};
use crate::number::Number;
use crate::{CallId, CustomerId, DepartmentName, ObligationId, PersonId, QueueName, RegroupId, TicketId, Time};

#[derive(Clone, Debug)]
pub struct Happened {
    /// When it was kept.
    pub at: Time,
    /// It was decided anew, and not together with what was told before: rungs may have fired in between.
    pub is_anew: bool,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// Other terms were put in force; no policy: they cannot be read any more.
    PolicySet {
        version: i64,
        policy: Option<Box<Policy>>,
    },
    /// Who works here from then on, and who is away.
    Staff(Staff),
    Customer {
        customer: CustomerId,
        standing: Standing,
        numbers: Vec<Number>,
    },
    /// A call began. What is told of it with a later time becomes known at that time.
    Call(Box<PastCall>),
    /// That call is about that matter.
    Joined {
        call: CallId,
        ticket: TicketId,
    },
    /// What is owed for that call goes to another matter.
    CallMoved {
        call: CallId,
        to: TicketId,
        by: Option<PersonId>,
    },
    Regrouped(Box<Regrouped>),
    /// The queue apart, which its call tells.
    Opened {
        ticket: TicketId,
        opening: Box<Opening>,
    },
    Saved {
        ticket: TicketId,
        by: Option<PersonId>,
        form: Box<Form>,
    },
    /// It is in another state from then on.
    Became {
        ticket: TicketId,
        state: TicketState,
        /// None: its visit is over.
        by: Option<PersonId>,
        why: String,
    },
    /// It is no complaint, but of that kind.
    Reclassed {
        ticket: TicketId,
        kind: Kind,
        department: Option<DepartmentName>,
        by: PersonId,
    },
    /// The customer whom it waited for has called, and what stood still runs since then.
    CustomerCalled {
        ticket: TicketId,
        talked_at: Time,
    },
    /// The customer asks for nothing any more.
    Withdrawn {
        ticket: TicketId,
        by: PersonId,
    },
    /// Solution and result are on file.
    Filed {
        ticket: TicketId,
        words: String,
        by: PersonId,
    },
    Linked {
        ticket: TicketId,
        customer: CustomerId,
    },
    OwnerTaken {
        ticket: TicketId,
        person: PersonId,
    },
    /// The matter, or the work on it, is somebody else's from then on, and what is owed in it with it.
    Given {
        ticket: TicketId,
        /// Whether the matter itself is.
        is_owner: bool,
        from: Option<PersonId>,
        to: PersonId,
        department: Option<DepartmentName>,
        owed: Vec<ObligationId>,
    },
    Accepted {
        ticket: TicketId,
        solved_by: Time,
        by: PersonId,
    },
    Surveyed {
        ticket: TicketId,
        survey: Survey,
        /// None: by the caller's keys.
        by: Option<PersonId>,
    },
    Began(Box<Began>),
    /// What its times are reckoned from may be another.
    Moved {
        obligation: ObligationId,
        ticket: TicketId,
        customer: Option<CustomerId>,
        queue: Option<QueueName>,
    },
    Suspended {
        obligation: ObligationId,
        from: Time,
        reason: String,
        by: PersonId,
    },
    Resumed {
        obligation: ObligationId,
        to: Time,
        by: Option<PersonId>,
    },
    Fired {
        obligation: ObligationId,
        firing: Firing,
    },
    /// That call to the customer came to no talk.
    Tried {
        call: CallId,
    },
    /// A talk that was seen kept it.
    Kept {
        obligation: ObligationId,
        proof: Proof,
    },
    /// It ended otherwise: by whom, and what was said of it.
    Ended {
        obligation: ObligationId,
        state: ObligationState,
        by: Option<PersonId>,
        why: String,
    },
}

/// What a matter's form says, as far as clocks go by it.
#[derive(Clone, Debug)]
pub struct Form {
    pub kind: Kind,
    pub category: String,
    pub priority: Priority,
    pub complexity: Complexity,
    pub channel: Channel,
    pub state: TicketState,
    pub department: Option<DepartmentName>,
}

/// All that was ever seen of a call.
#[derive(Clone, Debug)]
pub struct PastCall {
    pub call: Call,
    /// When it was seen last.
    pub seen_at: Time,
    /// From when to when its PBX was out of sight, where part of it was not seen.
    pub gap: Option<(Time, Option<Time>)>,
}

/// Something was owed from then on.
#[derive(Clone, Debug)]
pub struct Began {
    pub id: ObligationId,
    pub ticket: TicketId,
    pub customer: Option<CustomerId>,
    pub number: Option<Number>,
    pub owner: Option<PersonId>,
    /// What it was owed for.
    pub call: Option<CallId>,
    pub basis: Basis,
}

/// All of one ticket, or part of it, went to another, or came back.
#[derive(Clone, Debug)]
pub struct Regrouped {
    pub id: RegroupId,
    pub kind: RegroupKind,
    pub giver: TicketId,
    pub taker: TicketId,
    pub is_back: bool,
    pub calls: Vec<CallId>,
    /// What was owed and went, and who owes it from then on.
    pub owed: Vec<(ObligationId, Option<PersonId>)>,
    /// What ended since something else stood in its place, and is open again where it is back.
    pub replaced: Vec<ObligationId>,
}
