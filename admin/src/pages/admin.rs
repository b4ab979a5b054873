//! PBX links, their outages, what they say, and extensions that are nobody's.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State as FromState};
use axum::response::{IntoResponse, Redirect};
use daemon::PersonId;
use daemon::desk::command::{Command, Given};
use daemon::live::Topic;
use serde::Deserialize;

use super::live::board_of;
use super::{Room, Shell, html, links_of, present};
use crate::auth::{Require, Visitor, Wire};
use crate::error::Error;
use crate::parts::links::{CoverageBars, Ledger, Links, Unmapped};
use crate::period::{Asked, Period};
use crate::state::State;

/// Lines of the ledger that the page shows.
const LINES: u32 = 20;

#[derive(Template)]
#[template(path = "admin.html")]
struct AdminPage {
    shell: Shell,
    links: Links,
    ledger: Ledger,
    coverage: CoverageBars,
    unmapped: Unmapped,
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Wire>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House, Topic::Board]).await?;
    let known = links_of(&notices);
    let pen = visitor.pen.clone();
    let (ledger, coverage) = seen(&state, &visitor, &asked, known.keys().cloned().collect()).await?;
    let unmapped = state.reader.unmapped(pen.start_of_today()).await?;
    let title = pen.say("links");
    html(AdminPage {
        links: Links { pen: pen.clone(), links: known.clone(), board: board_of(&notices) },
        ledger,
        coverage,
        unmapped: Unmapped { pen, unmapped, directory: visitor.directory.clone() },
        shell: Shell::new(&state, visitor, Room::Links, title, &notices),
    })
}

/// What hindered sight, and how much of a period was seen all the same.
pub async fn seen(
    state: &State,
    visitor: &Visitor,
    asked: &Asked,
    pbxs: Vec<daemon::PbxName>,
) -> Result<(Ledger, CoverageBars), Error> {
    let pen = visitor.pen.clone();
    let period = Period::of(asked, &pen);
    // Of days to come nothing can have been missed.
    let to = period.to.min(pen.now).max(period.from);
    let (rows, coverage) =
        tokio::try_join!(state.reader.ledger(LINES), state.reader.coverage(period.from, to, pen.now))?;
    Ok((Ledger { pen: pen.clone(), rows }, CoverageBars { pen, pbxs, coverage, period }))
}

#[derive(Deserialize)]
pub struct Mapped {
    pbx: String,
    extension: String,
    #[serde(default)]
    person: String,
    what: String,
}

/// Says whose phone an extension is, or that it is nobody's.
pub async fn map_extension(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Wire>,
    Form(mapped): Form<Mapped>,
) -> Result<Redirect, Error> {
    let (pbx, extension) = (mapped.pbx.as_str().into(), mapped.extension.as_str().into());
    let (command, back) = match mapped.what.as_str() {
        "map" => {
            let person = mapped.person.parse().map(PersonId).map_err(|_| Error::Unreadable)?;
            (Command::MapExtension { pbx, extension, person: Some(person) }, "/admin")
        }
        "add" => {
            let person = mapped.person.parse().map(PersonId).map_err(|_| Error::Unreadable)?;
            (Command::MapExtension { pbx, extension, person: Some(person) }, "/admin/people")
        }
        "free" => (Command::MapExtension { pbx, extension, person: None }, "/admin/people"),
        "ignore" => (Command::IgnoreExtension { pbx, extension }, "/admin"),
        _ => return Err(Error::Unreadable),
    };
    state.commands.give(Given { by: Some(visitor.person.id), command }).await?;
    Ok(Redirect::to(back))
}
