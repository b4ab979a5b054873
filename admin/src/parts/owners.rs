//! Whose a ticket is: who answers to the customer, who works on it, whose it was, and to whom it is
//! offered.

use std::sync::Arc;

use askama::Template;
use daemon::desk::ownership::{Part, Receiver};
use daemon::store::read::{Directory, HolderRow, OfferRow, TicketPage};
use daemon::{DepartmentName, PersonId, Role, TicketId};

use super::part;
use crate::auth::{Desk, Right, Visitor};
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/owners.html")]
pub struct Owners {
    pen: Pen,
    ticket: TicketId,
    owner: Option<PersonId>,
    handler: Option<PersonId>,
    department: Option<DepartmentName>,
    holders: Vec<HolderRow>,
    standing: Option<OfferRow>,
    /// The reader may take what nobody has,
    may_take: bool,
    /// or take their own offer back.
    may_withdraw: bool,
    directory: Arc<Directory>,
}
part!(Owners = "owners");

impl Owners {
    pub fn of(visitor: &Visitor, page: &TicketPage) -> Owners {
        let (me, role, ticket) = (visitor.person.id, visitor.person.role, &page.row.ticket);
        let standing = page.offers.iter().find(|offer| offer.ended.is_none()).cloned();
        let is_open = ticket.state != daemon::desk::ticket::TicketState::Closed && Desk::allows(role);
        let may_withdraw = standing
            .as_ref()
            .is_some_and(|offer| offer.offer.by == me || offer.offer.from == Some(me) || role == Role::Supervisor);
        let is_of = ticket.department.as_ref().is_some_and(|department| visitor.directory.is_of(me, department));
        Owners {
            pen: visitor.pen.clone(),
            ticket: ticket.id,
            owner: ticket.owner,
            handler: ticket.handler,
            department: ticket.department.clone(),
            holders: page.holders.clone(),
            may_take: is_open && (ticket.owner.is_none() && role != Role::Handler || ticket.handler.is_none() && is_of),
            may_withdraw: is_open && may_withdraw,
            standing,
            directory: visitor.directory.clone(),
        }
    }

    fn name(&self, person: &PersonId) -> &str {
        self.directory.name(*person)
    }
    fn offered(&self, offer: &OfferRow) -> String {
        offered(&self.pen, &self.directory, offer)
    }
    /// What the button takes.
    fn takes(&self) -> Part {
        if self.owner.is_none() { Part::Matter } else { Part::Work }
    }
}

/// Who offers it to whom.
pub fn offered(pen: &Pen, directory: &Directory, offer: &OfferRow) -> String {
    let to = receiver(directory, &offer.offer.to);
    let by = receiver(directory, &Receiver::Person(offer.offer.by));
    match offer.offer.part {
        Part::Matter => pen.say2("offered-matter", "who", to, "by", by),
        Part::Work => pen.say2("offered-work", "who", to, "by", by),
    }
}

/// Somebody's name, or a department's.
pub fn receiver(directory: &Directory, to: &Receiver) -> String {
    match to {
        Receiver::Person(person) => directory.name(*person).to_owned(),
        Receiver::Department(department) => department.to_string(),
    }
}
