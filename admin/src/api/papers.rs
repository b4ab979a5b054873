//! Notes, files and ties of tickets.

use axum::Json;
use axum::extract::{Multipart, Path, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use daemon::desk::command::Done;
use daemon::store::read::{Attachment, Comment, TicketPage, Tied};
use serde_json::{Value, json};

use crate::auth::{Desk, Read, Require};
use crate::error::Error;
use crate::pages::papers::{Asked, attach_to, file_of, give_for};
use crate::state::State;

/// What lies with a ticket, into its own answer.
pub fn put(whole: &mut Value, page: &TicketPage) {
    let comment = |comment: &Comment| json!({ "id": comment.id.0, "by": comment.by.map(|by| by.0), "at": comment.at, "words": comment.words });
    let attachment = |attachment: &Attachment| {
        let file = &attachment.file;
        json!({
            "id": attachment.id.0,
            "by": attachment.by.map(|by| by.0),
            "at": attachment.at,
            "name": file.name,
            "media": file.media.as_str(),
            "bytes": file.bytes,
            "sha256": file.sha256,
        })
    };
    let tied = |tied: &Tied| {
        let (of, to) = (&page.row.ticket.number, &tied.number);
        let (ticket, other) = if tied.is_ours { (of, to) } else { (to, of) };
        json!({ "ticket": ticket, "how": tied.how.as_str(), "other": other })
    };
    whole["comments"] = page.comments.iter().map(comment).collect();
    whole["files"] = page.attachments.iter().map(attachment).collect();
    whole["ties"] = page.ties.iter().map(tied).collect();
}

pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(number): Path<String>,
    Json(asked): Json<Asked>,
) -> Result<Response, Error> {
    give_for(&state, &visitor, &number, asked).await.map(done)
}

pub async fn attach(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(number): Path<String>,
    form: Multipart,
) -> Result<Response, Error> {
    attach_to(&state, &visitor, &number, form).await.map(done)
}

pub async fn file(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path((number, file)): Path<(String, i64)>,
) -> Result<Response, Error> {
    file_of(&state, &visitor, &number, file).await
}

/// What is new has an id.
fn done(done: Done) -> Response {
    match done {
        Done::Paper(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Done::Nothing
        | Done::Ticket(_)
        | Done::Version(_)
        | Done::Customer(_)
        | Done::Person(_)
        | Done::Obligation(_)
        | Done::Dialling { .. } => StatusCode::NO_CONTENT.into_response(),
    }
}
