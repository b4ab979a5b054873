//! What happened, as a rehearsal hears it: of the facts that were kept those that deadlines, and whom
//! they tell, go by.

use super::Firing;
use crate::desk::case::Staff;
use crate::desk::clock::{Basis, ObligationState};
use crate::desk::policy::{Policy, Standing, Subject};
use crate::{CallId, CustomerId, ObligationId, PersonId, QueueName, TicketId, Time};

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
    /// A matter was opened or saved; the customer's class apart.
    Ticket {
        ticket: TicketId,
        subject: Subject,
    },
    Customer {
        customer: CustomerId,
        standing: Standing,
    },
    /// Who works here from then on, and who is away.
    Staff(Staff),
    Began(Box<Began>),
    /// What its times are reckoned from may be another.
    Moved {
        obligation: ObligationId,
        ticket: TicketId,
        customer: Option<CustomerId>,
        queue: Option<QueueName>,
    },
    /// What is owed for that call goes to another matter.
    CallMoved {
        call: CallId,
        to: TicketId,
        by: Option<PersonId>,
    },
    OwnerTaken {
        ticket: TicketId,
        person: PersonId,
    },
    Suspended {
        obligation: ObligationId,
        from: Time,
    },
    Resumed {
        obligation: ObligationId,
        to: Time,
    },
    Fired {
        obligation: ObligationId,
        firing: Firing,
    },
    Ended {
        obligation: ObligationId,
        state: ObligationState,
    },
}

/// Something was owed from then on.
#[derive(Clone, Debug)]
pub struct Began {
    pub id: ObligationId,
    pub ticket: TicketId,
    pub customer: Option<CustomerId>,
    pub owner: Option<PersonId>,
    /// What it was owed for.
    pub call: Option<CallId>,
    pub basis: Basis,
}
