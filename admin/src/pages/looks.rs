//! What not everybody sees: masked numbers shown by a click, a matter's evidence taken away, and the
//! list of who did either.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as FromState};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::{Json, body::Bytes};
use daemon::desk::command::{Command, Refusal};
use daemon::desk::looks::{Look, Whose};
use daemon::desk::rights::Act;
use daemon::live::Topic;
use daemon::store::read::{AuditRow, Directory, TicketPage};
use daemon::store::verify::digest;
use daemon::{CallId, CustomerId, TicketId};

use super::asking::give;
use super::{Room, Shell, html, present};
use crate::auth::{Govern, Read, Require, Visitor};
use crate::error::Error;
use crate::evidence::pack;
use crate::pen::Pen;
use crate::seen;
use crate::state::State;

/// Whose numbers: `ticket/ID`, `customer/ID` or `call/ID`.
fn whose(what: &str, id: &str) -> Option<Whose> {
    match what {
        "ticket" => id.parse().ok().map(|id| Whose::Ticket(TicketId(id))),
        "customer" => id.parse().ok().map(|id| Whose::Customer(CustomerId(id))),
        "call" => Some(Whose::Call(CallId::from(id))),
        _ => None,
    }
}

/// The numbers as people here write them, once it is on record who asked for them.
pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path((what, id)): Path<(String, String)>,
) -> Result<Json<Vec<String>>, Error> {
    let of = whose(&what, &id).ok_or(Error::NotFound)?;
    if let Whose::Ticket(ticket) = of {
        seen::by_id(&state, &visitor, ticket).await?;
    }
    let numbers = state.reader.numbers_of(of.clone()).await?;
    give(&state, &visitor, Command::Look(Look::Numbers { of })).await.map_err(unseen)?;
    let whole = Pen { masked: false, ..visitor.pen };
    Ok(Json(numbers.iter().map(|number| whole.number(number)).collect()))
}

/// All of a matter in one file; that it was made is on record before it is given away.
pub async fn evidence(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(number): Path<String>,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_number(&state, &visitor, &number).await?;
    let bytes = made(&state, &visitor, &page, number.clone()).await?;
    let name = format!("attachment; filename=\"evidence-{number}.zip\"");
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(|_| Error::Broken)?),
    ];
    Ok((headers, Bytes::from(bytes)))
}

async fn made(state: &State, visitor: &Visitor, page: &TicketPage, number: String) -> Result<Vec<u8>, Error> {
    let evidence = state.reader.evidence(number).await?.ok_or(Error::NotFound)?;
    // Who may have numbers shown may take them away.
    let masked = visitor.pen.masked && !visitor.pen.may_show;
    let pen = Pen { masked, ..visitor.pen.clone() };
    let sees_assessments = visitor.may(&page.row.circle(), Act::Assess);
    let packed = tokio::task::spawn_blocking(move || pack(evidence, &pen, sees_assessments)).await;
    let bytes = packed.map_err(|_| Error::Broken)?.map_err(|error| {
        tracing::error!(%error, "evidence could not be put together");
        Error::Broken
    })?;
    let look = Look::Evidence { ticket: page.row.ticket.id, sha256: digest(&bytes), masked };
    give(state, visitor, Command::Look(look)).await.map_err(unseen)?;
    Ok(bytes)
}

/// Whoever may not know of a matter is told that it is not there.
fn unseen(error: Error) -> Error {
    match error {
        Error::Refused(Refusal::NoSuchTicket) => Error::NotFound,
        Error::Refused(Refusal::NotAllowed) => Error::NotAllowed,
        other => other,
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    shell: Shell,
    rows: Vec<AuditRow>,
    directory: Arc<Directory>,
}

impl Audit {
    fn by(&self, row: &AuditRow) -> String {
        row.by.map_or_else(|| self.shell.visitor.pen.say("audit-command-line"), |by| self.directory.name(by).to_owned())
    }
}

/// Who was shown what.
pub async fn audit(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Govern>,
) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.audit(None).await?;
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("audit"));
    let shell = Shell::new(&state, visitor, Room::Audit, title, &notices);
    html(Audit { shell, rows, directory })
}
