//! Looking for words in all that is written of tickets: what is asked, within whose sight, and what was found
//! where.

use super::{Piece, TicketRow};
use crate::names::words;
use crate::{DepartmentName, PersonId};

/// What is looked for in all that is written of tickets.
#[derive(Clone, Debug)]
pub struct Seek {
    /// As typed: words that must all be there, of one character and more, or a phone number, whole or
    /// in part.
    pub text: String,
    /// Only open, only closed, or all.
    pub open: Option<bool>,
    pub by: Seer,
    pub limit: u32,
}

/// Whose tickets somebody sees.
#[derive(Clone, Debug)]
pub enum Seer {
    All,
    These(Theirs),
}

/// Those that these people own or work on or are offered, and those of these departments.
#[derive(Clone, Debug, Default)]
pub struct Theirs {
    pub people: Vec<PersonId>,
    pub departments: Vec<DepartmentName>,
    /// With those that nobody owns.
    pub nobodys: bool,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Sought {
    /// Open ones first, newest first.
    pub found: Vec<Found>,
    /// Older matters are still being taken into the index.
    pub lacks_older: bool,
}

/// A ticket in which all the words stand.
#[derive(Clone, Debug)]
pub struct Found {
    pub row: TicketRow,
    /// Where, the field with most of them first.
    pub hits: Vec<Hit>,
}

/// A field in which something stands that was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub place: Place,
    /// The text around it.
    pub pieces: Vec<Piece>,
}

words! {
    /// What a text is of a ticket.
    Place {
        Summary = "summary",
        Course = "course",
        Demand = "demand",
        Customer = "customer",
        Number = "number",
        Phone = "phone",
        Comment = "comment",
        Attachment = "attachment",
        /// What it is about.
        Object = "object",
        /// What was found out and done.
        Handling = "handling",
    }
}
