//! What somebody was told at once: the rungs of one message, and what else could not wait.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as FromState};
use axum::response::IntoResponse;
use daemon::MessageId;
use daemon::desk::rights::Act;
use daemon::live::{Message, Telling, Topic};
use daemon::store::read::{Directory, ToldOf};

use super::{Room, Shell, html, present};
use crate::auth::{Anyone, Require, Visitor};
use crate::error::Error;
use crate::parts::duties::{owed_to, ticket_name};
use crate::pen::Pen;
use crate::state::State;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    shell: Shell,
    message: Message,
    of: Vec<ToldOf>,
    directory: Arc<Directory>,
}

impl MessagePage {
    /// Each with what it is of, as that stands now.
    fn told(&self) -> Vec<(&Telling, &ToldOf)> {
        self.message.tellings.iter().zip(&self.of).collect()
    }
    fn whom(&self, of: &ToldOf) -> String {
        match of {
            _ if !self.sees(of) => String::new(),
            ToldOf::Owed(row) => owed_to(&self.shell.visitor.pen, row),
            ToldOf::Matter(row) => ticket_name(&self.shell.visitor.pen, row),
        }
    }
    fn instead_of(&self, telling: &Telling) -> String {
        instead_of(&self.shell.visitor.pen, &self.directory, telling)
    }
    fn sees(&self, of: &ToldOf) -> bool {
        sees(&self.shell.visitor, of)
    }
    /// Those that stand beyond the end of the list.
    fn more(&self) -> i64 {
        self.message.count - self.of.len() as i64
    }
}

/// A message is its reader's alone; to others it is not there.
pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Anyone>,
    Path(message): Path<i64>,
) -> Result<impl IntoResponse, Error> {
    let found = state.reader.message(MessageId(message)).await?;
    let (message, of) = found.filter(|(message, _)| message.person == visitor.person.id).ok_or(Error::NotFound)?;
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say1("told-many", "count", message.count));
    let shell = Shell::new(&state, visitor, Room::Message, title, &notices);
    html(MessagePage { shell, message, of, directory })
}

/// Whether somebody who is told of a matter sees it: where nobody else is there an admin is told, and
/// since then it may have become another's.
pub fn sees(visitor: &Visitor, of: &ToldOf) -> bool {
    match of {
        ToldOf::Owed(row) => visitor.may_of(row, Act::See),
        ToldOf::Matter(row) => visitor.may(&row.circle(), Act::See),
    }
}

/// What is told: of a rung which, of whom, until when; and in whose place one is told. To whoever may not
/// see the matter, its number alone.
pub fn told_in_words(visitor: &Visitor, telling: &Telling, of: &ToldOf) -> String {
    let (pen, directory) = (&visitor.pen, &visitor.directory);
    let rung = pen.word("rung", telling.news.as_str());
    let text = match of {
        ToldOf::Owed(row) => {
            let due = row.due_at.map_or_else(|| pen.say("due-paused"), |due_at| pen.when(&due_at));
            let who = if sees(visitor, of) { owed_to(pen, row) } else { row.ticket_number.clone() };
            pen.language.say("told", &[("rung", &rung), ("who", &who), ("due", &due)])
        }
        ToldOf::Matter(row) => {
            let who = if sees(visitor, of) { ticket_name(pen, row) } else { String::new() };
            let number = &row.ticket.number;
            pen.language.say("told-matter", &[("rung", &rung), ("who", &who), ("number", number)])
        }
    };
    if telling.instead_of.is_empty() {
        return text;
    }
    format!("{text}{}{}", pen.say("comma"), instead_of(pen, directory, telling))
}

fn instead_of(pen: &Pen, directory: &Directory, telling: &Telling) -> String {
    let names = telling.instead_of.iter().filter_map(|person| Some(directory.person(*person)?.name.as_str()));
    let names = names.collect::<Vec<_>>().join(&pen.say("comma"));
    if names.is_empty() { names } else { pen.say1("told-instead-of", "who", names) }
}
