//! What people ask for about customers beside writing them down, and what follows from it.

use super::command::Done;
use super::customers::ImportRow;
use super::told::Addressee;
use crate::names::words;
use crate::number::Number;
use crate::{CustomerId, ObligationId, PersonId, ShiftId, TicketId, Time};

#[derive(Clone, Debug)]
pub enum OfCustomers {
    /// Two records are of one customer: all that is `from`'s is `into`'s from then on. Each as it stood
    /// in that version.
    Merge {
        from: (CustomerId, i64),
        into: (CustomerId, i64),
    },
    /// A record is of two customers: these numbers and matters are another's, of that name.
    Split {
        customer: (CustomerId, i64),
        name: String,
        numbers: Vec<String>,
        tickets: Vec<TicketId>,
    },
    /// A merge or a split was wrong.
    Undo(ShiftId),
    /// Calls from that number are to be answered with care, or not at all; until then, or (none) until
    /// somebody takes it off. For supervisors.
    Blacklist {
        number: String,
        reason: String,
        until: Option<Time>,
    },
    TakeOff {
        number: String,
    },
    /// A line of a file. For supervisors and managers.
    Import(Box<ImportRow>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum CustomerFact {
    /// A key customer complains, and who looks after them hears of it.
    ComplaintTold {
        ticket: TicketId,
        customer: CustomerId,
        manager: PersonId,
        told: Vec<Addressee>,
        /// When they may be told.
        send_at: Time,
    },
    Shifted {
        shift: Box<Shift>,
        by: Option<PersonId>,
    },
    /// What then went the other way, beside the shift itself.
    ShiftUndone {
        shift: Box<Shift>,
        back: Box<Moved>,
        by: Option<PersonId>,
    },
    Blacklisted {
        number: Number,
        reason: String,
        until: Option<Time>,
        by: Option<PersonId>,
    },
    TakenOff {
        number: Number,
        by: Option<PersonId>,
    },
}

words! {
    ShiftKind { Merge = "merge", Split = "split" }
}

/// What went from one customer to another; the versions of both count on.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    pub id: ShiftId,
    pub kind: ShiftKind,
    pub giver: CustomerId,
    pub taker: CustomerId,
    pub moved: Moved,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moved {
    pub numbers: Vec<MovedNumber>,
    pub tickets: Vec<TicketId>,
    /// Open ones and others.
    pub obligations: Vec<ObligationId>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MovedNumber {
    pub number: Number,
    /// Its place among the giver's.
    pub was_at: i64,
    /// It is the giver's no more.
    pub is_taken: bool,
    /// Its place among the taker's; none where they have it already.
    pub is_at: Option<i64>,
}

/// Why a merge or split cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotUndo {
    NoSuchShift,
    /// It is undone already.
    Undone,
    /// Of the same customers there is a later one, which must be undone first.
    NotTheLast,
}

impl CustomerFact {
    /// What the giver of a command hears.
    pub fn done(&self) -> Option<Done> {
        match self {
            CustomerFact::Shifted { shift, .. } => Some(Done::Customer(shift.taker)),
            CustomerFact::ShiftUndone { shift, .. } => Some(Done::Customer(shift.giver)),
            CustomerFact::ComplaintTold { .. } | CustomerFact::Blacklisted { .. } | CustomerFact::TakenOff { .. } => {
                None
            }
        }
    }

    /// The matters that it changes.
    pub fn tickets(&self) -> &[TicketId] {
        match self {
            CustomerFact::ComplaintTold { ticket, .. } => std::slice::from_ref(ticket),
            CustomerFact::Shifted { shift, .. } => &shift.moved.tickets,
            CustomerFact::ShiftUndone { back, .. } => &back.tickets,
            CustomerFact::Blacklisted { .. } | CustomerFact::TakenOff { .. } => &[],
        }
    }
}
