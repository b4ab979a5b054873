//! Customers, as the API tells them, and what may be done with them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as FromState};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daemon::desk::command::{Command, CustomerForm, Done};
use daemon::desk::customer::OfCustomers;
use daemon::desk::rights::Act;
use daemon::sheet::{Outcome, Wrong};
use daemon::store::read::{Contact, Customer, CustomerPage, CustomerSave, LIST, Listed, ShiftRow};
use daemon::whereabouts;
use daemon::{CustomerId, PersonId, ShiftId, TicketId, Time};
use serde::Deserialize;
use serde_json::{Value, json};

use super::owed::obligation;
use super::tickets::ticket_row;
use crate::auth::{Desk, Read, Require, Visitor, Watch};
use crate::error::Error;
use crate::pages::asking::give;
use crate::pages::customers::Asked;
use crate::pages::import::import;
use crate::parts::pop::outcome_word;
use crate::pen::Pen;
use crate::state::State;

/// What a script gets at once where it does not say.
const PAGE: u32 = 100;

#[derive(Deserialize)]
pub struct Limit {
    limit: Option<u32>,
}

pub async fn list(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
    Query(Limit { limit }): Query<Limit>,
) -> Result<impl IntoResponse, Error> {
    let limit = limit.unwrap_or(PAGE).clamp(1, u32::try_from(LIST).unwrap_or(u32::MAX));
    let rows = state.reader.customers(asked.filter(limit)).await?;
    // A short page is the last; a search has one.
    let is_full = asked.text.trim().is_empty() && rows.len() >= limit as usize;
    let next = rows.last().filter(|_| is_full).map(|row| row.id.0);
    Ok(Json(
        json!({ "customers": rows.iter().map(|row| customer(&visitor.pen, row)).collect::<Vec<_>>(), "next": next }),
    ))
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(id): Path<i64>,
) -> Result<impl IntoResponse, Error> {
    let page = state.reader.customer_page(CustomerId(id)).await?.ok_or(Error::NotFound)?;
    Ok(Json(whole(&visitor, &page)))
}

#[derive(Deserialize)]
pub struct Sent {
    /// The version that it is changed from.
    #[serde(default)]
    version: i64,
    name: String,
    #[serde(default)]
    company: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    key_customer: bool,
    #[serde(default)]
    class: String,
    manager: Option<i64>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    numbers: Vec<String>,
}

impl Sent {
    fn form(self) -> CustomerForm {
        CustomerForm {
            name: self.name.trim().to_owned(),
            company: self.company.trim().to_owned(),
            address: self.address.trim().to_owned(),
            key_customer: self.key_customer,
            class: self.class,
            manager: self.manager.map(PersonId),
            note: self.note.trim().to_owned(),
            numbers: self.numbers,
        }
    }
}

pub async fn add(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Json(sent): Json<Sent>,
) -> Result<impl IntoResponse, Error> {
    let command = Command::SaveCustomer { customer: None, ticket: None, form: sent.form() };
    Ok((StatusCode::CREATED, asked(&state, &visitor, command).await?))
}

pub async fn save(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
    Json(sent): Json<Sent>,
) -> Result<impl IntoResponse, Error> {
    let customer = Some((CustomerId(id), sent.version));
    asked(&state, &visitor, Command::SaveCustomer { customer, ticket: None, form: sent.form() }).await
}

#[derive(Deserialize)]
pub struct Merge {
    version: i64,
    into: i64,
    into_version: i64,
}

pub async fn merge(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
    Json(Merge { version, into, into_version }): Json<Merge>,
) -> Result<impl IntoResponse, Error> {
    let (from, into) = ((CustomerId(id), version), (CustomerId(into), into_version));
    asked(&state, &visitor, Command::Customers(OfCustomers::Merge { from, into })).await
}

#[derive(Deserialize)]
pub struct Split {
    version: i64,
    name: String,
    #[serde(default)]
    numbers: Vec<String>,
    /// Ids.
    #[serde(default)]
    tickets: Vec<i64>,
}

pub async fn split(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
    Json(Split { version, name, numbers, tickets }): Json<Split>,
) -> Result<impl IntoResponse, Error> {
    let tickets = tickets.into_iter().map(TicketId).collect();
    let command = OfCustomers::Split { customer: (CustomerId(id), version), name, numbers, tickets };
    asked(&state, &visitor, Command::Customers(command)).await
}

pub async fn undo(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
) -> Result<impl IntoResponse, Error> {
    asked(&state, &visitor, Command::Customers(OfCustomers::Undo(ShiftId(id)))).await
}

/// The customer as they are afterwards.
async fn asked(state: &State, visitor: &Visitor, command: Command) -> Result<Json<Value>, Error> {
    let Done::Customer(id) = give(state, visitor, command).await? else { return Err(Error::Broken) };
    let page = state.reader.customer_page(id).await?.ok_or(Error::NotFound)?;
    Ok(Json(whole(visitor, &page)))
}

#[derive(Deserialize)]
pub struct On {
    number: String,
}

/// Who is on a number, and the last twenty contacts with them.
pub async fn look_up(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(On { number }): Query<On>,
) -> Result<impl IntoResponse, Error> {
    let read = state.reader.policy().numbering.read(&number);
    let number = read.ok_or_else(|| Error::Parameter(format!("number is {number:?}, and no phone number")))?;
    let (customers, contacts) = state.reader.look_up(number.clone()).await?;
    Ok(Json(json!({
        "number": telephone(&visitor.pen, &number),
        "customers": customers.iter().map(|one| customer(&visitor.pen, one)).collect::<Vec<_>>(),
        "contacts": contacts.iter().map(contact).collect::<Vec<_>>(),
    })))
}

pub async fn blacklist(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.blacklist(state.now()).await?;
    Ok(Json(rows.iter().map(|row| listed(&visitor.pen, row)).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
pub struct Warning {
    number: String,
    #[serde(default)]
    reason: String,
    until: Option<Time>,
}

pub async fn warn(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Json(Warning { number, reason, until }): Json<Warning>,
) -> Result<StatusCode, Error> {
    give(&state, &visitor, Command::Customers(OfCustomers::Blacklist { number, reason, until })).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn take_off(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Json(Warning { number, .. }): Json<Warning>,
) -> Result<StatusCode, Error> {
    give(&state, &visitor, Command::Customers(OfCustomers::TakeOff { number })).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub struct How {
    #[serde(default)]
    dry_run: bool,
}

/// The file is the body as it is; the answer tells every line that is not the same.
pub async fn put(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Query(How { dry_run }): Query<How>,
    body: Bytes,
) -> Result<impl IntoResponse, Error> {
    let report = match import(&state, &visitor, &body, dry_run).await? {
        Ok(report) => report,
        Err(Wrong { line, why, .. }) => return Err(Error::Parameter(format!("line {line}: {why}"))),
    };
    let line = |tried: &daemon::sheet::Tried| match &tried.outcome {
        Outcome::Same => None,
        Outcome::New => Some(json!({ "line": tried.line, "what": "new", "name": tried.row.name })),
        Outcome::Changed(fields) => {
            Some(json!({ "line": tried.line, "what": "changed", "name": tried.row.name, "fields": fields }))
        }
        Outcome::Refused(wrong) => {
            let wrong = wrong.iter().map(|wrong| json!({ "column": wrong.column, "why": wrong.why }));
            Some(json!({ "line": tried.line, "what": "refused", "wrong": wrong.collect::<Vec<_>>() }))
        }
    };
    Ok(Json(json!({
        "dry_run": dry_run,
        "new": report.new_ones(),
        "changed": report.changed(),
        "same": report.same(),
        "refused": report.count(|outcome| matches!(outcome, Outcome::Refused(_))),
        "ignored": report.ignored,
        "lines": report.tried.iter().filter_map(line).collect::<Vec<_>>(),
    })))
}

fn customer(pen: &Pen, customer: &Customer) -> Value {
    json!({
        "id": customer.id.0,
        "version": customer.version,
        "name": customer.name,
        "company": customer.company,
        "address": customer.address,
        "key_customer": customer.key_customer,
        "class": customer.class,
        "manager": customer.manager.map(|manager| manager.0),
        "note": customer.note,
        "numbers": customer.numbers.iter().map(|number| telephone(pen, number)).collect::<Vec<_>>(),
        "merged_into": customer.merged_into.map(|whole| whole.0),
    })
}

fn telephone(pen: &Pen, number: &daemon::number::Number) -> Value {
    let known = whereabouts::of(number);
    let name = |name: Option<whereabouts::Name>| name.map(|name| json!({ "zh": name.zh, "en": name.en }));
    json!({
        "number": pen.told(number),
        "place": known.and_then(|known| name(known.place)),
        "carrier": known.and_then(|known| name(known.carrier)),
    })
}

fn whole(visitor: &Visitor, page: &CustomerPage) -> Value {
    let mut whole = customer(&visitor.pen, &page.customer);
    // Matters that are not the asker's are counted, and no more is said of them.
    let mine = |rows: &[daemon::store::read::TicketRow]| {
        rows.iter().filter(|row| visitor.sees(row).is_ok()).map(|row| ticket_row(&visitor.pen, row)).collect::<Vec<_>>()
    };
    whole["open"] = mine(&page.open).into();
    whole["open_total"] = page.open.len().into();
    whole["closed"] = mine(&page.past).into();
    let owed = page.owed.iter().filter(|row| visitor.may_of(row, Act::See));
    whole["owed"] = owed.map(|row| obligation(&visitor.pen, row)).collect();
    whole["contacts"] = page.contacts.iter().map(contact).collect();
    whole["blacklisted"] = page
        .blacklisted
        .iter()
        .filter(|listed| listed.stands(visitor.pen.now))
        .map(|row| listed(&visitor.pen, row))
        .collect();
    whole["shared"] = page
        .shared
        .iter()
        .map(|(number, id, name)| json!({ "number": visitor.pen.told(number), "customer": id.0, "name": name }))
        .collect();
    whole["history"] = page.history.iter().map(saved).collect();
    whole["shifts"] = page.shifts.iter().map(|row| shift(&visitor.pen, row)).collect();
    whole
}

fn contact(contact: &Contact) -> Value {
    json!({
        "call": contact.call.as_str(),
        "pbx": contact.pbx.as_str(),
        "direction": contact.direction.as_str(),
        "at": contact.at,
        "outcome": outcome_word(contact.outcome),
        "talk_ms": contact.talk_ms,
        "agent": contact.agent.as_ref().map(|agent| agent.as_str()),
        "person": contact.person.map(|person| person.0),
        "certain": contact.certain,
    })
}

fn listed(pen: &Pen, listed: &Listed) -> Value {
    json!({
        "number": pen.told(&listed.number),
        "reason": listed.reason,
        "by": listed.by.map(|by| by.0),
        "at": listed.at,
        "until": listed.until,
    })
}

fn saved(save: &CustomerSave) -> Value {
    json!({ "at": save.at, "by": save.by.map(|by| by.0), "version": save.version, "changed": save.changed })
}

fn shift(pen: &Pen, row: &ShiftRow) -> Value {
    json!({
        "id": row.id.0,
        "what": row.kind.as_str(),
        "gave": row.gave,
        "other": row.other.0,
        "other_name": row.other_name,
        "numbers": row.numbers.iter().map(|number| pen.told(number)).collect::<Vec<_>>(),
        "tickets": row.tickets,
        "at": row.at,
        "by": row.by.map(|by| by.0),
        "undone_at": row.undone.map(|(at, _)| at),
        "can_undo": row.can_undo,
    })
}
