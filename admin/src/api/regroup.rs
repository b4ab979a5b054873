//! Tickets put together and apart.

use axum::Json;
use axum::extract::{Path, State as FromState};
use axum::response::IntoResponse;
use daemon::store::read::{RegroupRow, TicketPage};
use serde_json::{Value, json};

use crate::auth::{Desk, Require};
use crate::error::Error;
use crate::pages::regroup::{Asked, give_for};
use crate::state::State;

/// How a ticket was put together with others, into its own answer.
pub fn put(whole: &mut Value, page: &TicketPage) {
    let row = |row: &RegroupRow| {
        json!({
            "id": row.id.0,
            "kind": row.kind.as_str(),
            "gave": row.gave,
            "other": row.other,
            "at": row.at,
            "by": row.by.0,
            "undone_at": row.undone.map(|(at, _)| at),
            "undone_by": row.undone.map(|(_, by)| by.0),
        })
    };
    whole["merged_into"] = json!(page.regrouped.into);
    whole["parts"] = json!(page.regrouped.parts);
    whole["regroupings"] = page.regrouped.rows.iter().map(row).collect();
}

pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(number): Path<String>,
    Json(asked): Json<Asked>,
) -> Result<impl IntoResponse, Error> {
    let number = give_for(&state, &visitor, &number, asked).await?;
    Ok(Json(json!({ "number": number })))
}
