//! The list of tickets: the newest, or those in which words stand that somebody looks for, as far as they may
//! be seen.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::Role;
use daemon::live::Topic;
use daemon::store::read::{Directory, Found, Hit, Place, Seek, Seer, Sought, Theirs, TicketFilter, TicketRow};
use serde::Deserialize;

use super::{Room, Shell, html, present};
use crate::auth::{Desk, Read, Require, Right, Visitor, Watch};
use crate::error::Error;
use crate::state::State;

/// Tickets on one page of the list; whoever looks for more searches.
const LISTED: u32 = 200;

/// Places that a row of what was found shows beside the summary.
const ELSEWHERE: usize = 2;

#[derive(Template)]
#[template(path = "tickets.html")]
struct TicketList {
    shell: Shell,
    listed: Listed,
    text: String,
    which: &'static str,
    directory: Arc<Directory>,
}

impl TicketList {
    fn owner(&self, row: &TicketRow) -> &str {
        let owner = row.ticket.owner.and_then(|owner| self.directory.person(owner));
        owner.map_or("–", |person| person.name.as_str())
    }
    fn writes(&self) -> bool {
        Desk::allows(self.shell.visitor.person.role)
    }
    fn tabs(&self) -> [(&'static str, String); 3] {
        let text = serde_urlencoded::to_string([("text", &self.text)]).unwrap_or_default();
        ["open", "closed", "all"].map(|which| (which, format!("/tickets?which={which}&{text}")))
    }
    /// What is marked in the summary, where something is.
    fn in_summary<'a>(&self, found: &'a Found) -> Option<&'a Hit> {
        found.hits.iter().find(|hit| hit.place == Place::Summary)
    }
    /// Where else something stands: a line of its own.
    fn elsewhere<'a>(&self, found: &'a Found) -> Vec<&'a Hit> {
        let masked = self.shell.visitor.pen.masked;
        let shown = |hit: &&Hit| match hit.place {
            Place::Summary | Place::Number => false,
            Place::Phone => !masked,
            Place::Course
            | Place::Demand
            | Place::Object
            | Place::Handling
            | Place::Customer
            | Place::Comment
            | Place::Attachment => true,
        };
        found.hits.iter().filter(shown).take(ELSEWHERE).collect()
    }
}

pub async fn list(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let listed = asked.listed(&state, &visitor).await?;
    let (which, text) = (asked.which().0, asked.text.trim().to_owned());
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("tickets"));
    let shell = Shell::new(&state, visitor, Room::Tickets, title, &notices);
    html(TicketList { shell, listed, text, which, directory })
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub which: String,
}

impl Asked {
    fn which(&self) -> (&'static str, Option<bool>) {
        match self.which.as_str() {
            "closed" => ("closed", Some(false)),
            "open" => ("open", Some(true)),
            "all" => ("all", None),
            // Whoever searches looks everywhere.
            _ if !self.text.trim().is_empty() => ("all", None),
            _ => ("open", Some(true)),
        }
    }

    /// What this reader may see of it.
    pub async fn listed(&self, state: &State, visitor: &Visitor) -> Result<Listed, Error> {
        let (text, open) = (self.text.trim().to_owned(), self.which().1);
        let mut listed = if text.is_empty() {
            let rows = state.reader.tickets(TicketFilter { owner: None, open, limit: LISTED }).await?;
            let found = rows.into_iter().map(|row| Found { row, hits: Vec::new() }).collect();
            Listed { found, lacks_older: false }
        } else {
            let Sought { found, lacks_older } =
                state.reader.seek(Seek { text, open, by: sees(visitor), limit: LISTED }).await?;
            Listed { found, lacks_older }
        };
        listed.found.retain(|found| visitor.sees(&found.row).is_ok());
        Ok(listed)
    }
}

/// What a list of tickets shows.
pub struct Listed {
    pub found: Vec<Found>,
    /// Older tickets are not in the index of words yet.
    pub lacks_older: bool,
}

/// Whose tickets are sought for a reader; [`Visitor::sees`] has the last word on each.
fn sees(visitor: &Visitor) -> Seer {
    if Watch::allows(visitor.person.role) {
        return Seer::All;
    }
    let me = visitor.person.id;
    let directory = &visitor.directory;
    Seer::These(Theirs {
        people: directory.stands_in_for(me).chain([me]).collect(),
        departments: directory.departments.keys().filter(|name| directory.is_of(me, name)).cloned().collect(),
        nobodys: visitor.person.role != Role::Handler,
    })
}
