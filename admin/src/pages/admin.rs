//! PBX links, their outages, what they say, and extensions that are nobody's.

use askama::Template;
use axum::Form;
use axum::extract::State as FromState;
use axum::response::{IntoResponse, Redirect};
use daemon::desk::command::{Command, Given};
use daemon::live::Topic;
use daemon::{PersonId, Time};
use serde::Deserialize;

use super::live::board_of;
use super::{Room, Shell, html, links_of, present};
use crate::auth::{Require, Visitor, Wire};
use crate::error::Error;
use crate::parts::links::{CoverageBars, Links, Outages, Unmapped};
use crate::state::State;

/// Outages that the page lists.
const OUTAGES: u32 = 12;

/// Outages that a day's bars are drawn from; a link that flaps more often is seen to flap anyway.
const OUTAGES_OF_A_DAY: u32 = 500;

#[derive(Template)]
#[template(path = "admin.html")]
struct AdminPage {
    shell: Shell,
    links: Links,
    outages: Outages,
    coverage: CoverageBars,
    unmapped: Unmapped,
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Wire>,
) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House, Topic::Board]).await?;
    let known = links_of(&notices);
    let pen = visitor.pen.clone();
    let (outages, coverage) = seen(&state, &visitor, known.keys().cloned().collect()).await?;
    let unmapped = state.reader.unmapped(pen.start_of_today()).await?;
    let title = pen.say("links");
    html(AdminPage {
        links: Links { pen: pen.clone(), links: known.clone(), board: board_of(&notices) },
        outages,
        coverage,
        unmapped: Unmapped { pen, unmapped, directory: visitor.directory.clone() },
        shell: Shell::new(&state, visitor, Room::Links, title, &known),
    })
}

/// When PBXes were out of sight: the list, and today's bars.
pub async fn seen(
    state: &State,
    visitor: &Visitor,
    pbxs: Vec<daemon::PbxName>,
) -> Result<(Outages, CoverageBars), Error> {
    let pen = &visitor.pen;
    let from: Time = pen.start_of_today();
    let (mut outages, coverage) =
        tokio::try_join!(state.reader.outages(OUTAGES_OF_A_DAY), state.reader.coverage(from, pen.now))?;
    let bars = CoverageBars { pen: pen.clone(), pbxs, coverage, outages: outages.clone(), from };
    outages.truncate(OUTAGES as usize);
    Ok((Outages { pen: pen.clone(), outages }, bars))
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
