//! Tickets, as lists and their own pages show them: with who has them, what was written and attached, and
//! with which others they have to do.

use std::collections::BTreeMap;

use super::{Customer, ObligationRow, StoredCall, TimelineRow};
use crate::desk::clock::Basis;
use crate::desk::ownership::{HandOver, How, OfferEnd, Part, Receiver};
use crate::desk::papers::{File, Tie};
use crate::desk::regroup::RegroupKind;
use crate::desk::rights::Circle;
use crate::desk::ticket::Ticket;
use crate::store::handlings::HandlingRow;
use crate::{AttachmentId, CommentId, ObligationId, PersonId, RegroupId, TicketId, Time};

#[derive(Clone, Debug)]
pub struct TicketRow {
    pub ticket: Ticket,
    pub customer_name: String,
    /// Who looks after the customer, where that is a key customer.
    pub manager: Option<PersonId>,
    pub has_draft: bool,
    /// To whom it, or the work on it, is offered, who has not answered.
    pub offered: Option<Receiver>,
    /// Who talked with the customer in it, and until when; of a ticket that was asked for alone, not of
    /// lists.
    pub talked: Vec<(PersonId, Option<Time>)>,
}

impl TicketRow {
    pub fn circle(&self) -> Circle {
        Circle {
            owner: self.ticket.owner,
            handler: self.ticket.handler,
            department: self.ticket.department.clone(),
            offered: self.offered.clone(),
            manager: self.manager,
            talked: self.talked.clone(),
        }
    }
}

/// Which tickets a list shows, newest first.
#[derive(Clone, Debug)]
pub struct TicketFilter {
    /// Whose they are, or their department's, or whose work.
    pub owner: Option<PersonId>,
    /// Only open, only closed, or all.
    pub open: Option<bool>,
    pub limit: u32,
}

/// All that a ticket's page shows.
#[derive(Clone, Debug)]
pub struct TicketPage {
    pub row: TicketRow,
    /// The ticket's customer, or all who share the number when none is chosen.
    pub customers: Vec<Customer>,
    /// Oldest first.
    pub timeline: Vec<TimelineRow>,
    /// What the asker has typed and not saved.
    pub draft: Option<String>,
    /// Open ones first.
    pub obligations: Vec<ObligationRow>,
    /// What those are reckoned from that stood still once, or stand still.
    pub paused: BTreeMap<ObligationId, Basis>,
    /// Newest first.
    pub calls: Vec<StoredCall>,
    /// Oldest first; the last of each part has it now.
    pub holders: Vec<HolderRow>,
    /// Oldest first; only the last may still stand.
    pub offers: Vec<OfferRow>,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// Newest first.
    pub attachments: Vec<Attachment>,
    pub ties: Vec<Tied>,
    pub regrouped: Regrouped,
    pub handling: HandlingRow,
}

/// Somebody had a matter, or the work on it, for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct HolderRow {
    pub part: Part,
    pub person: PersonId,
    pub how: How,
    pub by: Option<PersonId>,
    pub from: Time,
    pub to: Option<Time>,
}

/// A matter, or the work on it, was offered to somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferRow {
    pub offer: HandOver,
    pub words: String,
    pub at: Time,
    /// None: nobody has answered yet.
    pub ended: Option<OfferEnd>,
    pub ended_at: Option<Time>,
    pub ended_by: Option<PersonId>,
    pub why: String,
}

/// A note of somebody who works on a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    pub id: CommentId,
    pub by: Option<PersonId>,
    pub at: Time,
    pub words: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub by: Option<PersonId>,
    pub at: Time,
    pub file: File,
}

/// Another ticket that one has to do with.
#[derive(Clone, Debug, PartialEq)]
pub struct Tied {
    pub how: Tie,
    /// It is said of this ticket; else of the other one.
    pub is_ours: bool,
    pub ticket: TicketId,
    pub number: String,
    pub summary: String,
    pub is_open: bool,
    /// Who has to do with that ticket.
    pub circle: Circle,
}

/// How a ticket was put together with others, or apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regrouped {
    /// The number of the ticket that it became part of.
    pub into: Option<String>,
    /// Those of the tickets that are part of it, oldest first.
    pub parts: Vec<String>,
    /// Newest first.
    pub rows: Vec<RegroupRow>,
}

/// A merge or a split, as of one of its tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct RegroupRow {
    pub id: RegroupId,
    pub kind: RegroupKind,
    /// It went from this ticket to the other; else the other way.
    pub gave: bool,
    /// The one that it went from; a merge or split is undone there.
    pub giver: TicketId,
    /// The other's number.
    pub other: String,
    pub at: Time,
    pub by: PersonId,
    pub undone: Option<(Time, PersonId)>,
    /// Nothing of the same tickets is later.
    pub can_undo: bool,
}
