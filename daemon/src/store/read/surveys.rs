//! How customers said they were served, counted; and the lots of matters that may be looked at again.

use crate::desk::draw::Lot;
use crate::names::words;
use crate::{Extension, PersonId, QueueName, TicketId, Time};

words! {
    /// How a customer was asked how they were served.
    Way { Keys = "keys", Agent = "agent" }
}

/// Askings, counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyed {
    pub way: Way,
    /// Who served; none where the PBX's agent is nobody's, or nobody talked.
    pub person: Option<PersonId>,
    pub agent: Option<Extension>,
    pub queue: Option<QueueName>,
    pub offered: i64,
    pub heard: i64,
    pub answered: i64,
    pub satisfied: i64,
    pub fairly: i64,
    pub dissatisfied: i64,
    /// Of those answered, with a score; and the sum of them.
    pub scored: i64,
    pub scores: i64,
}

/// A closed matter's lot, as it was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    pub ticket: TicketId,
    pub number: String,
    pub at: Time,
    pub lot: Lot,
    pub percent: u8,
    pub drawn: bool,
}
