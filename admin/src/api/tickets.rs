//! Tickets: lists of them, one whole, one that came by another way than a call, and the next step of one.

use axum::Json;
use axum::extract::{Path, Query, State as FromState};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daemon::CustomerId;
use daemon::desk::command::{Command, Done, FieldWhy, Refusal};
use daemon::desk::ownership::Receiver;
use daemon::desk::rights::Act;
use daemon::desk::ticket::{Channel, Kind};
use daemon::store::read::{Found, Hit, HolderRow, Piece, Place, TicketPage, TicketRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::call;
use super::owed::obligation;
use super::{handling, papers, regroup};
use crate::auth::{Desk, Read, Require};
use crate::error::Error;
use crate::pages::asking::give;
use crate::pages::hand::{Handed, hand_in};
use crate::pages::step::{Taken, take_for};
use crate::pages::tickets::Asked;
use crate::pen::Pen;
use crate::seen;
use crate::state::State;

pub async fn tickets(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let listed = asked.listed(&state, &visitor).await?;
    Ok(Json(listed.found.iter().map(|it| found(&visitor.pen, it)).collect::<Vec<_>>()))
}

/// A ticket of a list, and where in it the words stand that were looked for.
fn found(pen: &Pen, found: &Found) -> Value {
    let piece = |piece: &Piece| json!({ "text": piece.text, "hit": piece.hit });
    let hit =
        |hit: &Hit| json!({ "place": hit.place.as_str(), "pieces": hit.pieces.iter().map(piece).collect::<Vec<_>>() });
    let mut row = ticket_row(pen, &found.row);
    // Where a number is masked, what of it was looked for is not told either.
    let told = |hit: &&Hit| !pen.masked || hit.place != Place::Phone;
    row["hits"] = found.hits.iter().filter(told).map(hit).collect();
    row
}

pub async fn ticket(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(number): Path<String>,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_number(&state, &visitor, &number).await?;
    let sees_assessments = visitor.may(&page.row.circle(), Act::Assess);
    Ok(Json(whole_ticket(&visitor.pen, &page, sees_assessments)))
}

/// A ticket with its calls, with what is owed for it, whose it is, and what was found out and done.
pub fn whole_ticket(pen: &Pen, page: &TicketPage, sees_assessments: bool) -> Value {
    let mut whole = ticket_row(pen, &page.row);
    whole["calls"] = page.calls.iter().map(|it| call(pen, it)).collect();
    whole["obligations"] = page.obligations.iter().map(|row| obligation(pen, row)).collect();
    whole["holders"] = page.holders.iter().map(holder).collect();
    whole["handling"] = handling::whole(&page.handling, sees_assessments);
    papers::put(&mut whole, page);
    regroup::put(&mut whole, page);
    whole["customers"] =
        page.customers.iter().map(|c| json!({ "id": c.id.0, "name": c.name, "company": c.company })).collect();
    whole
}

fn holder(row: &HolderRow) -> Value {
    json!({
        "part": row.part.as_str(), "person": row.person.0, "how": row.how.as_str(), "by": row.by.map(|by| by.0),
        "from": row.from, "to": row.to,
    })
}

/// A matter that came by another way than a call that we saw.
#[derive(Deserialize)]
pub struct Opened {
    customer: Option<i64>,
    /// Whose it is where no customer is named, as people write it: `13800138000`.
    number: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    channel: String,
}

pub async fn open(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Json(opened): Json<Opened>,
) -> Result<impl IntoResponse, Error> {
    let wrong = |field, why| Error::Refused(Refusal::Field { field, why });
    let Opened { customer, number, kind, channel } = opened;
    let kind = if kind.is_empty() { Some(Kind::Consultation) } else { Kind::parse(&kind) };
    let channel = if channel.is_empty() { Some(Channel::Phone) } else { Channel::parse(&channel) };
    let command = Command::OpenTicket {
        call: None,
        customer: customer.map(CustomerId),
        number,
        kind: kind.ok_or(wrong("kind", FieldWhy::Unknown))?,
        channel: channel.ok_or(wrong("channel", FieldWhy::Unknown))?,
    };
    let Done::Ticket(ticket) = give(&state, &visitor, command).await? else { return Err(Error::Broken) };
    let page = state.reader.ticket(ticket, visitor.person.id).await?.ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(ticket_row(&visitor.pen, &page.row))))
}

pub async fn step(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(number): Path<String>,
    Json(taken): Json<Taken>,
) -> Result<impl IntoResponse, Error> {
    take_for(&state, &visitor, &number, taken).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn hand(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(number): Path<String>,
    Json(handed): Json<Handed>,
) -> Result<impl IntoResponse, Error> {
    let page = state.reader.numbered(number, visitor.person.id).await?.ok_or(Error::NotFound)?;
    hand_in(&state, &visitor, &page, handed).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub fn ticket_row(pen: &Pen, row: &TicketRow) -> Value {
    let ticket = &row.ticket;
    json!({
        "id": ticket.id.0,
        "number": ticket.number,
        "kind": ticket.kind.as_str(),
        "category": ticket.category,
        "priority": ticket.priority.as_str(),
        "complexity": ticket.complexity.as_str(),
        "channel": ticket.channel.as_str(),
        "state": ticket.state.as_str(),
        "summary": ticket.summary,
        "course": ticket.course,
        "demand": ticket.demand,
        "object": handling::object(&ticket.object),
        "owner": ticket.owner.map(|owner| owner.0),
        "handler": ticket.handler.map(|handler| handler.0),
        "department": ticket.department.as_ref().map(|department| department.as_str()),
        "offered": row.offered.as_ref().map(receiver),
        "customer": row.customer_name,
        "caller": ticket.caller.as_ref().map(|number| pen.told(number)),
        "opened_at": ticket.opened_at,
        "closed_at": ticket.closed_at,
        "version": ticket.version,
    })
}

/// As it is sent to offer a ticket.
pub fn receiver(to: &Receiver) -> String {
    match to {
        Receiver::Person(person) => format!("person:{person}"),
        Receiver::Department(department) => format!("department:{department}"),
    }
}
