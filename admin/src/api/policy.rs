//! The site's terms, as the API tells and takes them: the text that people write, in versions.

use axum::Json;
use axum::extract::{Path, State as FromState};
use axum::response::IntoResponse;
use daemon::desk::command::{Command, Done, Refusal};
use daemon::desk::policy::{Change, Policy, Terms, changes};
use daemon::store::read::{PolicyText, PolicyVersion};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Govern, Oversee, Require};
use crate::error::Error;
use crate::pages::asking::give;
use crate::pages::policy::text_of;
use crate::state::State;

/// The terms in force.
pub async fn show(FromState(state): FromState<State>, _: Require<Oversee>) -> Result<impl IntoResponse, Error> {
    let policy = state.reader.policy();
    let text = text_of(&state, &policy, policy.version).await?;
    Ok(Json(json!({ "version": policy.version, "text": text, "years_without_holidays": years(&policy, state.now()) })))
}

/// The years whose holidays are not known, and in which calendars.
pub fn years(policy: &Policy, now: daemon::Time) -> Value {
    let unknown = policy.unknown_years(now);
    unknown.iter().map(|(year, calendars)| json!({ "year": year, "calendars": calendars })).collect()
}

#[derive(Deserialize)]
pub struct Set {
    /// The one that it was made from.
    version: i64,
    text: String,
}

pub async fn set(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Govern>,
    Json(Set { version, text }): Json<Set>,
) -> Result<impl IntoResponse, Error> {
    let done = give(&state, &visitor, Command::SetPolicy { version: Some(version), text }).await?;
    let Done::Version(version) = done else { return Err(Error::Broken) };
    Ok(Json(json!({ "version": version, "years_without_holidays": years(&state.reader.policy(), state.now()) })))
}

#[derive(Deserialize)]
pub struct Tried {
    text: String,
}

/// What it would change, and nothing is changed.
pub async fn check(
    FromState(state): FromState<State>,
    _: Require<Oversee>,
    Json(Tried { text }): Json<Tried>,
) -> Result<impl IntoResponse, Error> {
    let policy = state.reader.policy();
    let terms = Terms::read(&text, &policy).map_err(Refusal::Terms)?;
    let changed: Value = changes(&policy.terms, &terms).iter().map(change).collect();
    let years = years(&policy.with(policy.version, terms), state.now());
    Ok(Json(json!({ "version": policy.version, "changes": changed, "years_without_holidays": years })))
}

fn change(Change { key, was, will_be }: &Change) -> Value {
    json!({ "key": key, "was": was, "will_be": will_be })
}

/// Newest first.
pub async fn versions(FromState(state): FromState<State>, _: Require<Oversee>) -> Result<impl IntoResponse, Error> {
    let versions = state.reader.policy_versions().await?;
    Ok(Json(versions.iter().map(version_of).collect::<Vec<_>>()))
}

pub async fn version(
    FromState(state): FromState<State>,
    _: Require<Oversee>,
    Path(number): Path<i64>,
) -> Result<impl IntoResponse, Error> {
    let PolicyText { version, text } = state.reader.policy_text(number).await?.ok_or(Error::NotFound)?;
    let mut whole = version_of(&version);
    whole["text"] = text.into();
    Ok(Json(whole))
}

fn version_of(version: &PolicyVersion) -> Value {
    json!({ "version": version.version, "at": version.at, "by": version.by.map(|by| by.0) })
}
