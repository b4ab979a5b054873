//! Who was shown what, as the API tells it.

use axum::Json;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::store::read::AuditRow;
use serde::Deserialize;
use serde_json::json;

use crate::auth::{Govern, Require};
use crate::error::Error;
use crate::state::State;

#[derive(Deserialize)]
pub struct Asked {
    /// The `id` of the last row of the page before.
    before: Option<i64>,
}

/// Newest first.
pub async fn audit(
    FromState(state): FromState<State>,
    _: Require<Govern>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.audit(asked.before).await?;
    let row = |row: &AuditRow| {
        json!({
            "id": row.seq,
            "at": row.at,
            "by": row.by.map(|by| by.0),
            "what": row.what.as_str(),
            "ticket": row.ticket,
            "customer": row.customer.as_ref().map(|(id, _)| id.0),
            "call": row.call.as_ref().map(|call| call.as_str()),
            "masked": row.masked,
        })
    };
    Ok(Json(rows.iter().map(row).collect::<Vec<_>>()))
}
