//! What the reader owes, which tickets lie open before them, and their list of open ones.

use std::sync::Arc;

use askama::Template;
use daemon::desk::ticket::Priority;
use daemon::number::Number;
use daemon::store::read::{Directory, ObligationRow, TicketRow};
use daemon::{PersonId, TicketId};

use super::part;
use crate::pen::Pen;

/// Obligations by due time, each with a button that calls.
#[derive(Template)]
#[template(path = "parts/duties.html")]
pub struct Duties {
    pub pen: Pen,
    pub rows: Vec<ObligationRow>,
    /// Whether the reader has a telephone to call with.
    pub can_dial: bool,
    /// Numbers that are on the reader's phone now.
    pub on_phone: Vec<Number>,
    pub directory: Arc<Directory>,
    pub me: PersonId,
}
part!(Duties = "duties");

impl Duties {
    fn overdue(&self) -> usize {
        self.rows.iter().filter(|row| row.due_at.is_some_and(|due_at| due_at <= self.pen.now)).count()
    }
    fn on_phone(&self, row: &ObligationRow) -> bool {
        row.number.as_ref().is_some_and(|number| self.on_phone.contains(number))
    }
    fn whom(&self, row: &ObligationRow) -> String {
        owed_to(&self.pen, row)
    }
    /// In whose place it is the reader's.
    fn instead_of(&self, row: &ObligationRow) -> Option<String> {
        let owner = row.owner.filter(|owner| *owner != self.me)?;
        Some(self.pen.say1("told-instead-of", "who", self.directory.name(owner)))
    }
}

/// The tabs over the ticket: the list first, then what is being written.
#[derive(Template)]
#[template(path = "parts/tabs.html")]
pub struct Tabs {
    pub pen: Pen,
    pub open_count: usize,
    pub tabs: Vec<TicketRow>,
    /// Tickets of calls that are on the reader's phone.
    pub on_phone: Vec<TicketId>,
    pub chosen: Option<TicketId>,
}
part!(Tabs = "tabs");

impl Tabs {
    fn name(&self, row: &TicketRow) -> String {
        match (&row.customer_name, &row.ticket.caller) {
            (name, _) if !name.is_empty() => name.clone(),
            (_, Some(number)) => self.pen.number(number),
            (_, None) => String::new(),
        }
    }
    fn is_chosen(&self, row: &TicketRow) -> bool {
        self.chosen == Some(row.ticket.id)
    }
    fn rings(&self, row: &TicketRow) -> bool {
        self.on_phone.contains(&row.ticket.id)
    }
}

/// The reader's open tickets.
#[derive(Template)]
#[template(path = "parts/my_open.html")]
pub struct MyOpen {
    pub pen: Pen,
    pub rows: Vec<TicketRow>,
    pub duties: Vec<ObligationRow>,
}
part!(MyOpen = "my-open");

impl MyOpen {
    fn due(&self, row: &TicketRow) -> Option<&ObligationRow> {
        self.duties.iter().find(|duty| duty.ticket == row.ticket.id)
    }
}

/// To whom something is owed.
pub fn owed_to(pen: &Pen, row: &ObligationRow) -> String {
    match &row.number {
        _ if !row.customer_name.is_empty() => row.customer_name.clone(),
        Some(number) => pen.number(number),
        None => pen.say("unknown-caller"),
    }
}

/// Who a ticket is about.
pub fn ticket_name(pen: &Pen, row: &TicketRow) -> String {
    match (&row.customer_name, &row.ticket.caller) {
        (name, _) if !name.is_empty() => name.clone(),
        (_, Some(number)) => pen.number(number),
        (_, None) => pen.say("unknown-caller"),
    }
}

pub fn is_urgent(row: &TicketRow) -> bool {
    row.ticket.priority == Priority::Urgent
}

/// Open obligations past their reminder, for whoever watches.
#[derive(Template)]
#[template(path = "parts/at_risk.html")]
pub struct AtRisk {
    pub pen: Pen,
    pub rows: Vec<ObligationRow>,
    pub directory: Arc<Directory>,
}
part!(AtRisk = "at-risk");

impl AtRisk {
    fn overdue(&self) -> usize {
        self.rows.iter().filter(|row| row.due_at.is_some_and(|due_at| due_at <= self.pen.now)).count()
    }
    fn owner(&self, row: &ObligationRow) -> String {
        let owner = row.owner.and_then(|owner| self.directory.person(owner));
        owner.map_or_else(|| self.pen.say("nobody-yet"), |person| person.name.clone())
    }
    fn whom(&self, row: &ObligationRow) -> String {
        owed_to(&self.pen, row)
    }
}
