//! A matter that came otherwise than by a call: who it is from is looked for, or typed, or not known yet.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use daemon::CustomerId;
use daemon::desk::command::{Command, Done, FieldWhy, Refusal};
use daemon::desk::ticket::{Channel, Kind};
use daemon::live::Topic;
use daemon::store::read::{Customer, CustomerFilter};
use serde::Deserialize;

use super::asking::give;
use super::form::wrong_word;
use super::{Room, Shell, html, present};
use crate::auth::{Desk, Require, Visitor};
use crate::error::{Error, Explained};
use crate::pen::Pen;
use crate::state::State;

/// Customers that are offered; whoever looks for another writes more of the name.
const OFFERED: u32 = 10;

/// As the form sends it, also while a customer is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// Part of a name, a company or a number.
    text: String,
    channel: String,
    kind: String,
    /// The id of who was chosen; empty: nobody of these.
    customer: String,
    /// As people write it.
    number: String,
}

#[derive(Template)]
#[template(path = "opening.html")]
struct OpeningPage {
    shell: Shell,
    typed: Typed,
    found: Vec<Customer>,
    refused: Option<(&'static str, FieldWhy)>,
}

impl OpeningPage {
    fn pen(&self) -> &Pen {
        &self.shell.visitor.pen
    }
    /// What came by phone was seen, or is written down as soon as it is.
    fn channels(&self) -> &'static [Channel] {
        Channel::ALL
    }
    fn kinds(&self) -> &'static [Kind] {
        Kind::ALL
    }
    /// Two are both shown and none is chosen.
    fn is_chosen(&self, customer: &Customer) -> bool {
        customer.id.to_string() == self.typed.customer || self.found.len() == 1
    }
    fn wrong(&self, field: &str) -> Option<String> {
        self.refused.filter(|(wrong, _)| *wrong == field).map(|(_, why)| wrong_word(self.pen(), why))
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Query(typed): Query<Typed>,
) -> Result<impl IntoResponse, Error> {
    page(&state, visitor, typed, None).await
}

async fn page(
    state: &State,
    visitor: Visitor,
    mut typed: Typed,
    refused: Option<(&'static str, FieldWhy)>,
) -> Result<Response, Error> {
    let text = typed.text.trim().to_owned();
    let mut found = Vec::new();
    if !text.is_empty() {
        found = state.reader.customers(CustomerFilter { text, limit: OFFERED, ..CustomerFilter::default() }).await?;
    }
    if typed.channel.is_empty() {
        Channel::Visit.as_str().clone_into(&mut typed.channel);
    }
    let notices = present(state, vec![Topic::House]).await?;
    let title = visitor.pen.say("new-ticket");
    let shell = Shell::new(state, visitor, Room::Tickets, title, &notices);
    Ok(html(OpeningPage { shell, typed, found, refused })?.into_response())
}

pub async fn open(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Form(typed): Form<Typed>,
) -> Result<Response, Error> {
    let opened = match command(&typed) {
        Ok(command) => give(&state, &visitor, command).await,
        Err(refusal) => Err(Error::Refused(refusal)),
    };
    match opened {
        Ok(Done::Ticket(ticket)) => Ok(Redirect::to(&format!("/?ticket={ticket}")).into_response()),
        Ok(_) => Err(Error::Broken),
        Err(Error::Refused(Refusal::Field { field, why })) => {
            let mut response = page(&state, visitor, typed, Some((field, why))).await?;
            response.extensions_mut().insert(Explained(StatusCode::UNPROCESSABLE_ENTITY));
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

fn command(typed: &Typed) -> Result<Command, Refusal> {
    let unknown = |field| Refusal::Field { field, why: FieldWhy::Unknown };
    let customer = match typed.customer.as_str() {
        "" => None,
        id => Some(CustomerId(id.parse().map_err(|_| unknown("customer"))?)),
    };
    Ok(Command::OpenTicket {
        call: None,
        customer,
        number: Some(typed.number.trim().to_owned()).filter(|number| !number.is_empty()),
        kind: Kind::parse(&typed.kind).ok_or(unknown("kind"))?,
        channel: Channel::parse(&typed.channel).ok_or(unknown("channel"))?,
    })
}
