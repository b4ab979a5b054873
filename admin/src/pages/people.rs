//! People, what they may do, and whose phone is whose.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State as FromState};
use axum::response::{IntoResponse, Redirect};
use daemon::desk::command::{Command, Given};
use daemon::live::Topic;
use daemon::store::read::{Directory, Person};
use daemon::{PbxName, PersonId, Role};
use serde::Deserialize;

use super::{Room, Shell, html, links_of, present};
use crate::auth::{Require, Wire};
use crate::error::Error;
use crate::state::State;

/// The shortest password that is taken, in characters (NIST SP 800-63B).
const PASSWORD_CHARS: usize = 8;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    directory: Arc<Directory>,
    pbxs: Vec<PbxName>,
}

impl PeoplePage {
    fn roles(&self) -> &'static [Role] {
        Role::ALL
    }
    fn extensions(&self, person: &Person) -> Vec<(&PbxName, &daemon::Extension)> {
        self.directory.extensions_of(person.id).collect()
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Wire>,
) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House]).await?;
    let pbxs = links_of(&notices).into_keys().collect();
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("people"));
    let shell = Shell::new(&state, visitor, Room::People, title, &notices);
    html(PeoplePage { shell, directory, pbxs })
}

#[derive(Deserialize)]
pub struct NewPerson {
    login: String,
    name: String,
    role: String,
    password: String,
}

pub async fn add(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Wire>,
    Form(new): Form<NewPerson>,
) -> Result<Redirect, Error> {
    let role = Role::parse(&new.role).ok_or(Error::Unreadable)?;
    let password_hash = hashed(&state, new.password).await?;
    let login = new.login.trim().to_lowercase();
    let command = Command::AddPerson { login, name: new.name.trim().to_owned(), role, password_hash };
    give(&state, visitor.person.id, command).await
}

#[derive(Deserialize)]
pub struct Changed {
    name: String,
    role: String,
    /// A ticked box sends it.
    active: Option<String>,
}

pub async fn change(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Wire>,
    Path(person): Path<i64>,
    Form(changed): Form<Changed>,
) -> Result<Redirect, Error> {
    let role = Role::parse(&changed.role).ok_or(Error::Unreadable)?;
    let command = Command::ChangePerson {
        person: PersonId(person),
        name: changed.name.trim().to_owned(),
        role,
        active: changed.active.is_some(),
    };
    give(&state, visitor.person.id, command).await
}

#[derive(Deserialize)]
pub struct Password {
    password: String,
}

pub async fn password(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Wire>,
    Path(person): Path<i64>,
    Form(new): Form<Password>,
) -> Result<Redirect, Error> {
    let password_hash = hashed(&state, new.password).await?;
    give(&state, visitor.person.id, Command::SetPassword { person: PersonId(person), password_hash }).await
}

async fn hashed(state: &State, password: String) -> Result<String, Error> {
    if password.chars().count() < PASSWORD_CHARS {
        return Err(Error::ShortPassword);
    }
    state.door.hasher.hash(password).await
}

async fn give(state: &State, by: PersonId, command: Command) -> Result<Redirect, Error> {
    state.commands.give(Given { by: Some(by), command }).await?;
    Ok(Redirect::to("/admin/people"))
}
