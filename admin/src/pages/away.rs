//! Who is away, and who is told in their place.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State as FromState;
use axum::response::{IntoResponse, Redirect};
use daemon::desk::command::Command;
use daemon::live::Topic;
use daemon::store::read::{Directory, Person};
use daemon::{PersonId, Role};
use serde::Deserialize;

use super::asking::give;
use super::{Room, Shell, html, present};
use crate::auth::{Anyone, Oversee, Require, Right};
use crate::error::Error;
use crate::state::State;

#[derive(Template)]
#[template(path = "away.html")]
struct AwayPage {
    shell: Shell,
    directory: Arc<Directory>,
}

impl AwayPage {
    /// Whose absence the reader may say: their own, which comes first; for who leads or wires,
    /// everybody's.
    fn people(&self) -> Vec<&Person> {
        let me = self.shell.visitor.person.id;
        let may = |person: &&Person| person.id == me || Oversee::allows(self.shell.visitor.person.role);
        let mut people: Vec<&Person> = self.directory.people.iter().filter(|p| p.active).filter(may).collect();
        people.sort_by_key(|person| person.id != me);
        people
    }
    /// As the desk lets: an admin could not open what they are told of.
    fn deputies(&self, of: &Person) -> Vec<&Person> {
        let may = |person: &&Person| {
            let can_read = person.role != Role::Admin || of.role == Role::Admin;
            person.id != of.id && can_read && (person.active || self.stands_in(person, of))
        };
        self.directory.people.iter().filter(may).collect()
    }
    fn stands_in(&self, deputy: &Person, of: &Person) -> bool {
        of.deputy == Some(deputy.id)
    }
    /// What comes of it, as it stands now.
    fn told_instead(&self, person: &Person) -> String {
        let pen = &self.shell.visitor.pen;
        match self.directory.stand_in(person.id) {
            Some(told) if told == person.id => String::new(),
            Some(told) => {
                let name = self.directory.person(told).map(|told| told.name.as_str()).unwrap_or_default();
                pen.say1("away-told", "who", name)
            }
            None => pen.say("away-told-supervisors"),
        }
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Anyone>,
) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("away"));
    html(AwayPage { shell: Shell::new(&state, visitor, Room::Away, title, &notices), directory })
}

#[derive(Deserialize)]
pub struct Set {
    person: i64,
    /// Empty: nobody.
    #[serde(default)]
    deputy: String,
    /// A ticked box sends it.
    away: Option<String>,
}

pub async fn set(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Anyone>,
    Form(set): Form<Set>,
) -> Result<Redirect, Error> {
    let deputy = match set.deputy.as_str() {
        "" => None,
        id => Some(id.parse().map(PersonId).map_err(|_| Error::Unreadable)?),
    };
    let command = Command::SetAway { person: PersonId(set.person), away: set.away.is_some(), deputy };
    give(&state, &visitor, command).await?;
    Ok(Redirect::to("/away"))
}
