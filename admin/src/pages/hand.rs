//! Whose a ticket is to be: taken, offered, accepted, refused, assigned.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State as FromState};
use axum::response::{IntoResponse, Redirect};
use daemon::desk::command::{Command, Done, FieldWhy, Refusal};
use daemon::desk::ownership::{Hand, Part, Receiver};
use daemon::desk::ticket::TicketState;
use daemon::store::read::{Person, TicketPage};
use daemon::{PersonId, Role, TicketId};
use serde::Deserialize;

use super::asking::give;
use crate::auth::{Desk, Require, Right, Visitor};
use crate::error::Error;
use crate::parts::owners::offered;
use crate::pen::Pen;
use crate::state::State;

/// As a form or a script sends it; what it does not need is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Handed {
    /// `take`, `offer`, `accept`, `refuse`, `withdraw`, `assign`.
    pub what: String,
    /// `matter` (to answer to the customer for it) or `work`.
    pub part: String,
    /// `person:12` or `department:品质部`.
    pub to: String,
    pub words: String,
}

impl Handed {
    fn hand(self) -> Result<Hand, Error> {
        let wrong = |field, why| Error::Refused(Refusal::Field { field, why });
        let part = || Part::parse(&self.part).ok_or(wrong("part", FieldWhy::Unknown));
        let to = || match self.to.split_once(':') {
            Some(("person", id)) => {
                id.parse().map(|id| Receiver::Person(PersonId(id))).map_err(|_| wrong("to", FieldWhy::Unknown))
            }
            Some(("department", name)) => Ok(Receiver::Department(name.into())),
            _ => Err(wrong("to", FieldWhy::Missing)),
        };
        Ok(match self.what.as_str() {
            "take" => Hand::Take { part: part()? },
            "offer" => Hand::Offer { part: part()?, to: to()?, words: self.words },
            "accept" => Hand::Accept,
            "refuse" => Hand::Refuse { why: self.words },
            "withdraw" => Hand::Withdraw,
            "assign" => Hand::Assign { part: part()?, to: to()?, words: self.words },
            _ => return Err(wrong("what", FieldWhy::Unknown)),
        })
    }
}

pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
    Form(handed): Form<Handed>,
) -> Result<impl IntoResponse, Error> {
    let page = state.reader.ticket(TicketId(ticket), visitor.person.id).await?.ok_or(Error::NotFound)?;
    hand_in(&state, &visitor, &page, handed).await?;
    // Who gave it away may not see it any more.
    let page = state.reader.ticket(TicketId(ticket), visitor.person.id).await?.ok_or(Error::NotFound)?;
    let sees = visitor.sees(&page.row).is_ok();
    let to = if sees { format!("/tickets/{}", page.row.ticket.number) } else { "/tickets".to_owned() };
    Ok(Redirect::to(&to))
}

/// About a ticket, for pages and scripts.
pub async fn hand_in(state: &State, visitor: &Visitor, page: &TicketPage, handed: Handed) -> Result<Done, Error> {
    visitor.sees(&page.row)?;
    give(state, visitor, Command::Hand(page.row.ticket.id, handed.hand()?)).await
}

/// What the reader may do about whose it is, where something is to be written; the rest stands with
/// the owners.
#[derive(Template)]
#[template(path = "parts/giving.html")]
pub struct Giving {
    pen: Pen,
    ticket: TicketId,
    may_offer: bool,
    may_assign: bool,
    /// What is offered to the reader, and by whom.
    offered: Option<(String, String)>,
    people: Vec<Person>,
    departments: Vec<String>,
    /// Whose it would be by the table.
    department: String,
}
impl askama::filters::HtmlSafe for Giving {}

impl Giving {
    pub fn of(state: &State, visitor: &Visitor, page: &TicketPage) -> Giving {
        let (me, role, ticket) = (visitor.person.id, visitor.person.role, &page.row.ticket);
        let is_open = ticket.state != TicketState::Closed && Desk::allows(role);
        let theirs = |person: PersonId| person == me || visitor.directory.stand_in(person) == Some(me);
        let standing = page.offers.iter().find(|offer| offer.ended.is_none());
        let is_receiver = standing.is_some_and(|offer| match &offer.offer.to {
            Receiver::Person(person) => theirs(*person),
            Receiver::Department(department) => visitor.directory.is_of(me, department),
        });
        let supervises = role == Role::Supervisor;
        let has_it = ticket.owner.is_none_or(theirs) || ticket.handler.is_some_and(theirs);
        let works = |person: &&Person| {
            person.active && matches!(person.role, Role::Agent | Role::Handler | Role::Supervisor) && person.id != me
        };
        Giving {
            pen: visitor.pen.clone(),
            ticket: ticket.id,
            may_offer: is_open && standing.is_none() && has_it && !supervises,
            may_assign: is_open && supervises,
            offered: standing
                .filter(|_| is_open && is_receiver)
                .map(|offer| (offered(&visitor.pen, &visitor.directory, offer), offer.words.clone())),
            people: visitor.directory.people.iter().filter(works).cloned().collect(),
            departments: state.reader.policy().terms.departments.keys().map(ToString::to_string).collect(),
            department: ticket.department.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }

    fn any(&self) -> bool {
        self.may_offer || self.may_assign || self.offered.is_some()
    }
    fn parts(&self) -> &'static [Part] {
        Part::ALL
    }
}
