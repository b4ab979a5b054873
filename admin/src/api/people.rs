//! Who signs in, who is away and who stands in, and the departments.

use axum::Json;
use axum::extract::State as FromState;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daemon::PersonId;
use daemon::desk::command::Command;
use daemon::store::read::Person;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Anyone, Oversee, Require};
use crate::error::Error;
use crate::pages::asking::give;
use crate::pages::departments::SetDepartment;
use crate::state::State;

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
