//! What follows for customers beside that they were saved.

use super::command::Done;
use super::told::Addressee;
use crate::{CustomerId, PersonId, TicketId, Time};

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
}

impl CustomerFact {
    /// What the giver of a command hears.
    pub fn done(&self) -> Option<Done> {
        match self {
            CustomerFact::ComplaintTold { .. } => None,
        }
    }

    /// The matters that it changes.
    pub fn tickets(&self) -> impl Iterator<Item = TicketId> {
        match self {
            CustomerFact::ComplaintTold { ticket, .. } => [*ticket].into_iter(),
        }
    }
}
