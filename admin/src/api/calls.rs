//! Calls as they were kept, and what is asked of a PBX: to dial, hang up, pause, listen in.

use axum::Json;
use axum::extract::State as FromState;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daemon::desk::command::Done;
use daemon::store::read::StoredCall;
use serde_json::{Value, json};

use super::sight::outage;
use crate::auth::{Read, Require, Watch};
use crate::error::Error;
use crate::pages::asking::{Break, Dial, HangUp, Spy, give};
use crate::parts::pop::outcome_word;
use crate::pen::Pen;
use crate::state::State;

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
