//! Numbers whose calls are to be answered with care, or not at all.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State as FromState};
use axum::response::{IntoResponse, Redirect};
use daemon::PersonId;
use daemon::desk::command::Command;
use daemon::desk::customer::OfCustomers;
use daemon::live::Topic;
use daemon::store::read::{Directory, Listed};
use serde::Deserialize;

use super::asking::give;
use super::step::moment;
use super::{Room, Shell, html, present};
use crate::auth::{Read, Require, Right, Watch};
use crate::error::Error;
use crate::state::State;

#[derive(Template)]
#[template(path = "blacklist.html")]
struct BlacklistPage {
    shell: Shell,
    rows: Vec<Listed>,
    /// A number that somebody came to warn of.
    number: String,
    directory: Arc<Directory>,
}

impl BlacklistPage {
    fn leads(&self) -> bool {
        Watch::allows(self.shell.visitor.person.role)
    }
    fn by(&self, person: &Option<PersonId>) -> &str {
        let person = person.and_then(|id| self.directory.person(id));
        person.map_or("–", |person| person.name.as_str())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    number: String,
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.blacklist(state.now()).await?;
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("blacklist"));
    let shell = Shell::new(&state, visitor, Room::Blacklist, title, &notices);
    html(BlacklistPage { shell, rows, number: asked.number, directory })
}

#[derive(Deserialize)]
pub struct Warning {
    number: String,
    #[serde(default)]
    reason: String,
    /// As a field for a time holds it, in the site's time; empty: until somebody takes it off.
    #[serde(default)]
    until: String,
    /// Milliseconds since 1970: since when it is there, by which a masked number is known.
    at: Option<i64>,
}

pub async fn add(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Form(warning): Form<Warning>,
) -> Result<Redirect, Error> {
    let until = match warning.until.as_str() {
        "" => None,
        text => Some(moment("until", text, &visitor.pen.zone)?),
    };
    let Warning { number, reason, .. } = warning;
    give(&state, &visitor, Command::Customers(OfCustomers::Blacklist { number, reason, until })).await?;
    Ok(Redirect::to("/blacklist"))
}

pub async fn take_off(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Form(warning): Form<Warning>,
) -> Result<Redirect, Error> {
    let rows = state.reader.blacklist(state.now()).await?;
    let is_shown = |row: &&Listed| {
        Some(row.at.timestamp_millis()) == warning.at && visitor.pen.told(&row.number) == warning.number
    };
    let shown = rows.iter().find(is_shown).map(|row| row.number.as_str().to_owned());
    let number = shown.unwrap_or(warning.number);
    give(&state, &visitor, Command::Customers(OfCustomers::TakeOff { number })).await?;
    Ok(Redirect::to("/blacklist"))
}
