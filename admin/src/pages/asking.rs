//! What a page or a script asks of a PBX: to call, to end a call, to take a break, to listen in.
//! Who asks hears of a refusal at once; what the PBX itself says to it comes on the stream.

use axum::Form;
use axum::extract::State as FromState;
use axum::response::Redirect;
use daemon::desk::command::{Command, Done, Given, Refusal};
use daemon::{CallId, ObligationId, PersonId, Spying, TicketId};
use serde::{Deserialize, Deserializer};

use crate::auth::{Read, Require, Right, Visitor, Watch};
use crate::error::Error;
use crate::state::State;

#[derive(Deserialize)]
pub struct Dial {
    /// Left out or empty: that of the obligation, else of the ticket.
    #[serde(default)]
    pub number: String,
    pub obligation: Option<i64>,
    pub ticket: Option<i64>,
}

#[derive(Deserialize)]
pub struct HangUp {
    pub call: String,
}

/// Whose phone; the asker's own where none is named.
#[derive(Deserialize)]
pub struct Break {
    pub pbx: Option<String>,
    pub extension: Option<String>,
    /// None: all of its queues.
    pub queue: Option<String>,
    /// Why, to begin one.
    #[serde(default)]
    pub reason: String,
}

#[derive(Deserialize)]
pub struct Spy {
    pub call: String,
    #[serde(deserialize_with = "spying")]
    pub how: Spying,
}

fn spying<'de, D: Deserializer<'de>>(from: D) -> Result<Spying, D::Error> {
    let word = String::deserialize(from)?;
    Spying::parse(&word).ok_or_else(|| serde::de::Error::custom("listen, whisper or barge"))
}

impl Dial {
    pub fn command(self) -> Command {
        let (obligation, ticket) = (self.obligation.map(ObligationId), self.ticket.map(TicketId));
        Command::Dial { number: self.number, obligation, ticket }
    }
}

impl HangUp {
    pub fn command(self) -> Command {
        Command::HangUp { call: CallId::from(&*self.call) }
    }
}

impl Break {
    fn phone(&self) -> Option<(daemon::PbxName, daemon::Extension)> {
        Some((self.pbx.as_deref()?.into(), self.extension.as_deref()?.into()))
    }
    pub fn begin(self) -> Command {
        Command::Pause { phone: self.phone(), queue: self.queue.as_deref().map(Into::into), reason: self.reason }
    }
    pub fn end(self) -> Command {
        Command::Unpause { phone: self.phone(), queue: self.queue.as_deref().map(Into::into) }
    }
}

impl Spy {
    pub fn command(self) -> Command {
        Command::Spy { call: CallId::from(&*self.call), how: self.how }
    }
}

pub async fn dial(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Form(dial): Form<Dial>,
) -> Result<Redirect, Error> {
    give(&state, &visitor, dial.command()).await?;
    Ok(Redirect::to("/"))
}

pub async fn hang_up(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Form(asked): Form<HangUp>,
) -> Result<Redirect, Error> {
    give(&state, &visitor, asked.command()).await?;
    Ok(Redirect::to(home(&visitor)))
}

pub async fn pause(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Form(asked): Form<Break>,
) -> Result<Redirect, Error> {
    give(&state, &visitor, asked.begin()).await?;
    Ok(Redirect::to(home(&visitor)))
}

pub async fn unpause(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Form(asked): Form<Break>,
) -> Result<Redirect, Error> {
    give(&state, &visitor, asked.end()).await?;
    Ok(Redirect::to(home(&visitor)))
}

pub async fn spy(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Form(asked): Form<Spy>,
) -> Result<Redirect, Error> {
    give(&state, &visitor, asked.command()).await?;
    Ok(Redirect::to(home(&visitor)))
}

/// Where these buttons stand, for a browser without our script.
fn home(visitor: &Visitor) -> &'static str {
    if Watch::allows(visitor.person.role) { "/live" } else { "/" }
}

/// For API and forms alike: on record by then, and on its way.
pub async fn give(state: &State, visitor: &Visitor, command: Command) -> Result<Done, Error> {
    let given = Given { by: Some(visitor.person.id), command };
    state.commands.give(given).await.map_err(|refusal| match refusal {
        Refusal::BeingCalled { by } => Error::BeingCalled { who: name(visitor, by) },
        Refusal::ClaimedBy { by, until } => Error::Claimed { who: name(visitor, by), until },
        Refusal::Over { state, at, by } => Error::Over { state, at, who: by.map(|by| name(visitor, by)) },
        other => Error::Refused(other),
    })
}

fn name(visitor: &Visitor, person: PersonId) -> String {
    let person = visitor.directory.person(person);
    person.map_or_else(|| visitor.pen.say("somebody"), |person| person.name.clone())
}
