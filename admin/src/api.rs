//! The HTTP API, `/api/v1`: the same facts as the pages, as JSON. Errors are RFC 9457 problems.

pub mod customers;
pub mod form;
pub mod handling;
pub mod looks;
pub mod owed;
pub mod ownership;
pub mod papers;
pub mod policy;
pub mod regroup;
pub mod surveys;

use crate::pen::Pen;
use axum::Json;
use axum::extract::{Path, Query, State as FromState};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::DateTime;
use daemon::calls::now::{AgentState, Waiting};
use daemon::desk::Addressee;
use daemon::desk::command::{Command, Done, FieldWhy, Refusal};
use daemon::desk::ownership::Receiver;
use daemon::desk::rights::Act;
use daemon::desk::ticket::{Channel, Kind};
use daemon::live::{LinkNow, LinkState, Topic};
use daemon::store::read::{
    Blind, Coverage, Fired, Found, Gap, Hit, HolderRow, LedgerRow, ObligationRow, Outage, Person, Piece, Place,
    StoredCall, TicketPage, TicketRow,
};
use daemon::{CustomerId, PersonId, Time};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Anyone, Desk, Oversee, Read, Require, Watch, Wire};
use crate::error::Error;
use crate::pages::asking::{Break, Dial, HangUp, Spy, give};
use crate::pages::departments::SetDepartment;
use crate::pages::hand::{Handed, hand_in};
use crate::pages::live::board_of;
use crate::pages::step::{Taken, take_for};
use crate::pages::ticket::by_number;
use crate::pages::tickets::Asked;
use crate::pages::{links_of, present, store_fails};
use crate::parts::board::{device_word, oldest};
use crate::parts::phone::look;
use crate::parts::pop::outcome_word;
use crate::state::State;

const OUTAGES: u32 = 200;

pub async fn me(Require { visitor, .. }: Require<Anyone>) -> impl IntoResponse {
    let extensions: Vec<Value> =
        visitor.extensions.iter().map(|(pbx, e)| json!({ "pbx": pbx.as_str(), "extension": e.as_str() })).collect();
    Json(json!({
        "id": visitor.person.id.0,
        "login": visitor.person.login,
        "name": visitor.person.name,
        "role": visitor.person.role.as_str(),
        "away": visitor.person.away,
        "deputy": visitor.person.deputy.map(|deputy| deputy.0),
        "language": visitor.pen.language.tag(),
        "extensions": extensions,
    }))
}

/// Everybody whose id other answers name.
pub async fn people(Require { visitor, .. }: Require<Anyone>) -> impl IntoResponse {
    let person = |person: &Person| {
        json!({
            "id": person.id.0,
            "name": person.name,
            "role": person.role.as_str(),
            "active": person.active,
            "away": person.away,
            "deputy": person.deputy.map(|deputy| deputy.0),
        })
    };
    Json(visitor.directory.people.iter().map(person).collect::<Vec<_>>())
}

/// How the house fares, on one glance.
pub async fn status(FromState(state): FromState<State>, _: Require<Oversee>) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House]).await?;
    let policy = state.reader.policy();
    let link = |link: &LinkNow| json!({ "pbx": link.pbx.as_str(), "unseen_since": link.unseen_since });
    Ok(Json(json!({
        "at": state.now(),
        "store_failing": store_fails(&notices),
        "links": links_of(&notices).values().map(link).collect::<Vec<_>>(),
        "policy": policy.version,
        "years_without_holidays": policy::years(&policy, state.now()),
    })))
}

#[derive(Deserialize)]
pub struct Away {
    /// None: the asker.
    person: Option<i64>,
    away: bool,
    deputy: Option<i64>,
}

pub async fn away(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Anyone>,
    Json(Away { person, away, deputy }): Json<Away>,
) -> Result<StatusCode, Error> {
    let person = person.map_or(visitor.person.id, PersonId);
    give(&state, &visitor, Command::SetAway { person, away, deputy: deputy.map(PersonId) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn duties(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.duties(visitor.person.id).await?;
    let seen = rows.iter().filter(|row| visitor.may_of(row, Act::See));
    Ok(Json(seen.map(|row| obligation(&visitor.pen, row)).collect::<Vec<_>>()))
}

pub async fn board(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    let board = board_of(&present(&state, vec![Topic::Board]).await?).unwrap_or_default();
    let queue = |queue: &daemon::calls::now::QueueNow| {
        let waiting = |(position, waiting): (usize, &Waiting)| {
            let Waiting { call, caller, since } = waiting;
            json!({ "position": position, "call": call.as_str(), "caller": caller.as_deref().map(|caller| visitor.pen.raw_number(caller)), "since": since })
        };
        json!({
            "pbx": queue.pbx.as_str(),
            "queue": queue.queue.as_str(),
            "seen": queue.seen,
            "longest_since": oldest(queue),
            "waiting": queue.positions().map(waiting).collect::<Vec<_>>(),
            "on_duty": queue.on_duty,
            "free": queue.free,
        })
    };
    let agent = |agent: &daemon::calls::now::AgentNow| {
        json!({
            "pbx": agent.pbx.as_str(),
            "extension": agent.agent.as_str(),
            "state": look(&agent.state).2,
            "since": agent.since,
            "queue": agent.queue.as_ref().map(|queue| queue.as_str()),
            "reason": reason_of(&agent.state),
            "until": until_of(&agent.state),
            "queues": agent.queues.iter().map(|queue| queue.as_str()).collect::<Vec<_>>(),
            "paused_in": agent.paused_in.iter().map(|(queue, reason)| json!({ "queue": queue.as_str(), "reason": reason })).collect::<Vec<_>>(),
            "device": agent.device.map(device_word),
            "call": agent.call.as_ref().map(|call| call.as_str()),
        })
    };
    Ok(Json(json!({
        "at": board.at,
        "queues": board.queues.iter().map(queue).collect::<Vec<_>>(),
        "agents": board.agents.iter().map(agent).collect::<Vec<_>>(),
        "calls_up": board.calls_up.iter().map(|(pbx, up)| json!({ "pbx": pbx.as_str(), "calls": up })).collect::<Vec<_>>(),
    })))
}

fn reason_of(state: &AgentState) -> Option<&str> {
    if let AgentState::Paused { reason } = state { Some(reason) } else { None }
}

fn until_of(state: &AgentState) -> Option<Time> {
    if let AgentState::WrapUp { until } = state { Some(*until) } else { None }
}

pub async fn links(FromState(state): FromState<State>, _: Require<Wire>) -> Result<impl IntoResponse, Error> {
    let links = links_of(&present(&state, vec![Topic::House]).await?);
    Ok(Json(links.values().map(link).collect::<Vec<_>>()))
}

pub async fn outages(FromState(state): FromState<State>, _: Require<Wire>) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.outages(OUTAGES).await?;
    Ok(Json(rows.iter().map(outage).collect::<Vec<_>>()))
}

fn outage(outage: &Outage) -> Value {
    json!({ "pbx": outage.pbx.as_str(), "from": outage.from, "to": outage.to, "why": outage.why })
}

/// What hindered sight, newest first.
pub async fn ledger(FromState(state): FromState<State>, _: Require<Wire>) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.ledger(OUTAGES).await?;
    let row = |row: &LedgerRow| {
        let LedgerRow { entry, to } = row;
        let pbx = entry.pbx.as_ref().map(|pbx| pbx.as_str());
        json!({ "pbx": pbx, "at": entry.at, "to": to, "what": entry.what.as_str(), "detail": entry.detail })
    };
    Ok(Json(rows.iter().map(row).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
pub struct Between {
    pub from: Option<String>,
    pub to: Option<String>,
}

pub async fn coverage(
    FromState(state): FromState<State>,
    _: Require<Oversee>,
    Query(between): Query<Between>,
) -> Result<impl IntoResponse, Error> {
    let (from, to) = (moment("from", between.from)?, moment("to", between.to)?);
    if to < from {
        return Err(Error::Parameter("to is before from".to_owned()));
    }
    let rows = state.reader.coverage(from, to, state.now()).await?;
    let gap = |gap: &Gap| {
        let (why, detail) = match &gap.why {
            Blind::Outage(detail) => ("outage", Some(detail)),
            Blind::NotYet => ("not_yet", None),
            Blind::NoMore => ("no_more", None),
            Blind::Ahead => ("ahead", None),
        };
        json!({ "from": gap.from, "to": gap.to, "why": why, "detail": detail })
    };
    let row = |c: &Coverage| {
        json!({
            "pbx": c.pbx.as_str(),
            "seen_ms": c.seen_ms,
            "total_ms": c.total_ms,
            "gaps": c.gaps.iter().map(gap).collect::<Vec<_>>(),
            "gaps_total": c.gaps_total,
        })
    };
    Ok(Json(json!({ "from": from, "to": to, "pbxs": rows.iter().map(row).collect::<Vec<_>>() })))
}

/// A moment of a query, RFC 3339.
fn moment(name: &str, text: Option<String>) -> Result<Time, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(Error::Parameter(format!("{name} is missing; give a time, as in 2026-11-22T00:00:00+08:00")));
    };
    // In a query a plus sign that was not escaped arrives as a space.
    let moment = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    moment.map(|moment| moment.to_utc()).map_err(|_| {
        Error::Parameter(format!("{name} is {text:?}, and no time with its zone, as in 2026-11-22T00:00:00+08:00"))
    })
}

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
    let page = by_number(&state, visitor.person.id, &number).await?.ok_or(Error::NotFound)?;
    visitor.sees(&page.row)?;
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

/// As it is sent to offer a ticket.
pub(crate) fn receiver(to: &Receiver) -> String {
    match to {
        Receiver::Person(person) => format!("person:{person}"),
        Receiver::Department(department) => format!("department:{department}"),
    }
}

fn holder(row: &HolderRow) -> Value {
    json!({
        "part": row.part.as_str(), "person": row.person.0, "how": row.how.as_str(), "by": row.by.map(|by| by.0),
        "from": row.from, "to": row.to,
    })
}

pub fn call(pen: &Pen, call: &StoredCall) -> Value {
    json!({
        "id": call.id.as_str(),
        "pbx": call.pbx.as_str(),
        "direction": call.direction.as_str(),
        "number": call.number.as_ref().map(|number| pen.told(number)),
        "agent": call.agent.as_ref().map(|agent| agent.as_str()),
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "outcome": outcome_word(call.outcome),
        "talk_ms": call.talk_ms,
        "certain": call.certain,
        "gap": call.gap.as_ref().map(outage),
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
    let page = by_number(&state, visitor.person.id, &number).await?.ok_or(Error::NotFound)?;
    hand_in(&state, &visitor, &page, handed).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The departments of the policy and their people.
pub async fn departments(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Oversee>,
) -> Result<impl IntoResponse, Error> {
    let terms = &state.reader.policy().terms;
    let departments = terms.departments.iter().map(|(name, calendar)| {
        let people = visitor.directory.departments.get(name).cloned().unwrap_or_default();
        json!({
            "name": name.as_str(), "calendar": calendar, "responsible": people.responsible.map(|id| id.0),
            "deputy": people.deputy.map(|id| id.0), "others": people.others.iter().map(|id| id.0).collect::<Vec<_>>(),
        })
    });
    Ok(Json(departments.collect::<Vec<_>>()))
}

pub async fn set_department(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Oversee>,
    Json(set): Json<SetDepartment>,
) -> Result<impl IntoResponse, Error> {
    give(&state, &visitor, set.command()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn dial(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Json(dial): Json<Dial>,
) -> Result<impl IntoResponse, Error> {
    give(&state, &visitor, dial.command()).await.map(asked)
}

pub async fn hang_up(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Json(hang_up): Json<HangUp>,
) -> Result<impl IntoResponse, Error> {
    give(&state, &visitor, hang_up.command()).await.map(asked)
}

pub async fn pause(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Json(pause): Json<Break>,
) -> Result<impl IntoResponse, Error> {
    give(&state, &visitor, pause.begin()).await.map(asked)
}

pub async fn unpause(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Json(unpause): Json<Break>,
) -> Result<impl IntoResponse, Error> {
    give(&state, &visitor, unpause.end()).await.map(asked)
}

pub async fn spy(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Json(spy): Json<Spy>,
) -> Result<impl IntoResponse, Error> {
    give(&state, &visitor, spy.command()).await.map(asked)
}

/// It is on record and on its way; a phone that rings for it is known by its leg.
fn asked(done: Done) -> (StatusCode, Json<Value>) {
    let leg = match done {
        Done::Dialling { leg } => Some(leg.to_string()),
        Done::Nothing
        | Done::Ticket(_)
        | Done::Version(_)
        | Done::Customer(_)
        | Done::Person(_)
        | Done::Obligation(_)
        | Done::Paper(_) => None,
    };
    (StatusCode::ACCEPTED, Json(json!({ "leg": leg })))
}

fn obligation(pen: &Pen, row: &ObligationRow) -> Value {
    json!({
        "id": row.id.0,
        "kind": row.kind.as_str(),
        "state": row.state.as_str(),
        "ticket": row.ticket_number,
        "customer": row.customer_name,
        "number": row.number.as_ref().map(|number| pen.told(number)),
        "owner": row.owner.map(|owner| owner.0),
        "began_at": row.began_at,
        "reminder_at": row.reminder_at,
        "due_at": row.due_at,
        "escalated_at": row.escalated_at,
        "attempts": row.attempts,
        "promised_at": row.promised_at,
        "claimed": row.claimed(pen.now).map(|claim| json!({ "by": claim.by.0, "until": claim.until })),
        "survey": row.survey.as_ref().map(|survey| json!({
            "result": survey.result.as_str(), "words": survey.words, "score": survey.score,
        })),
        "suspended": row.suspended.as_ref().map(|(since, why)| json!({ "since": since, "why": why })),
        "ended": row.ended.as_ref().map(|end| json!({ "at": end.at, "by": end.by.map(|by| by.0), "why": end.why })),
        "fired": row.fired.iter().map(fired).collect::<Vec<_>>(),
        "proof": row.proof.as_ref().map(|proof| json!({
            "call": proof.call.as_str(),
            "agent": proof.agent.as_str(),
            "from": proof.from,
            "talk_ms": proof.talk_ms,
        })),
    })
}

/// A rung that fired, and whom it told; `for`: in whose place.
fn fired(fired: &Fired) -> Value {
    let told = |told: &Addressee| {
        let instead_of: Vec<i64> = told.instead_of.iter().map(|person| person.0).collect();
        json!({ "person": told.person.0, "for": instead_of })
    };
    json!({
        "rung": fired.rung.as_str(),
        "planned_at": fired.planned_at,
        "fired_at": fired.fired_at,
        "late": fired.late,
        "told": fired.told.iter().map(told).collect::<Vec<_>>(),
    })
}

fn ticket_row(pen: &Pen, row: &TicketRow) -> Value {
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

fn link(link: &LinkNow) -> Value {
    let (state, retry_at) = match link.state {
        LinkState::Connecting => ("connecting", None),
        LinkState::Snapshot => ("snapshot", None),
        LinkState::Up => ("up", None),
        LinkState::Down { retry_at, .. } => ("down", Some(retry_at)),
    };
    json!({
        "pbx": link.pbx.as_str(),
        "product": link.product,
        "state": state,
        "since": link.since,
        "retry_at": retry_at,
        "last_error": link.last_error,
        "events_total": link.events_total,
        "damaged_total": link.damaged_total,
        "latency_us": link.latency_us,
        "unseen_since": link.unseen_since,
    })
}
