//! Tickets put together that are one matter, and one taken apart that is two.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State as FromState};
use axum::response::{IntoResponse, Redirect};
use daemon::desk::command::{Command, Done, FieldWhy, Refusal};
use daemon::desk::regroup::{Parts, Regroup};
use daemon::desk::ticket::Kind;
use daemon::store::read::{Comment, RegroupRow, StoredCall, TicketPage};
use daemon::{AttachmentId, CallId, CommentId, RegroupId, TicketId};
use serde::Deserialize;

use super::asking::give;
use crate::auth::{Desk, Require, Right, Visitor};
use crate::error::Error;
use crate::parts::pop::outcome_word;
use crate::parts::timeline::regrouped;
use crate::pen::Pen;
use crate::state::State;

/// Characters of a note by which it is known again.
const HINT_CHARS: usize = 40;

/// What became part of the ticket, what can be undone, and the fields to do more.
#[derive(Template)]
#[template(path = "parts/regroup.html")]
pub struct RegroupPart {
    pen: Pen,
    page: TicketPage,
    /// Whether the reader works on tickets.
    works: bool,
}
impl askama::filters::HtmlSafe for RegroupPart {}

impl RegroupPart {
    pub fn of(visitor: &Visitor, page: &TicketPage) -> RegroupPart {
        let works = Desk::allows(visitor.person.role);
        RegroupPart { pen: visitor.pen.clone(), page: page.clone(), works }
    }
    /// What became part of another is written there.
    fn may_write(&self) -> bool {
        self.works && self.page.regrouped.into.is_none()
    }
    fn ticket(&self) -> TicketId {
        self.page.row.ticket.id
    }
    fn standing(&self) -> Vec<&RegroupRow> {
        let rows = self.page.regrouped.rows.iter().filter(|row| row.undone.is_none() && row.can_undo);
        rows.filter(|_| self.works).collect()
    }
    fn said(&self, row: &RegroupRow) -> String {
        regrouped(&self.pen, row.kind, row.gave, &row.other)
    }
    /// Those that are of it, and not only by which something in it was kept.
    fn own_calls(&self) -> impl Iterator<Item = &StoredCall> {
        self.page.calls.iter().filter(|call| call.ticket == Some(self.page.row.ticket.id))
    }
    fn call(&self, call: &StoredCall) -> String {
        let direction = self.pen.word("direction", call.direction.as_str());
        let outcome = self.pen.word("outcome", outcome_word(call.outcome));
        format!("{direction}{}{outcome}", self.pen.say("comma"))
    }
    fn hint(&self, comment: &Comment) -> String {
        comment.words.chars().take(HINT_CHARS).collect()
    }
    fn has_parts(&self) -> bool {
        !(self.own_calls().next().is_none() && self.page.comments.is_empty() && self.page.attachments.is_empty())
    }
    fn kinds(&self) -> &'static [Kind] {
        Kind::ALL
    }
}

/// What a form or a script asks for; what it does not need is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// `merge`, `split`, `undo`.
    what: String,
    /// Of the ticket that goes on: its number.
    into: String,
    calls: Vec<String>,
    comments: Vec<i64>,
    files: Vec<i64>,
    /// Of the new ticket.
    kind: String,
    /// The merge or split that was wrong.
    id: Option<i64>,
}

impl Asked {
    /// Of a form's fields; many boxes may be ticked.
    fn of(fields: &[(String, String)]) -> Result<Asked, Error> {
        let all = |name: &str| -> Vec<String> {
            fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
        };
        let ids = |name: &str| {
            let parsed = all(name).into_iter().map(|id| id.parse().map_err(|_| Error::Unreadable));
            parsed.collect::<Result<Vec<i64>, _>>()
        };
        Ok(Asked {
            what: all("what").pop().unwrap_or_default(),
            into: all("into").pop().unwrap_or_default(),
            calls: all("calls"),
            comments: ids("comments")?,
            files: ids("files")?,
            kind: all("kind").pop().unwrap_or_default(),
            id: ids("id")?.first().copied(),
        })
    }

    async fn regroup(self, state: &State, visitor: &Visitor) -> Result<Regroup, Error> {
        let wrong = |field, why| Error::Refused(Refusal::Field { field, why });
        Ok(match self.what.as_str() {
            "merge" => {
                let number = self.into.trim();
                if number.is_empty() {
                    return Err(wrong("into", FieldWhy::Missing));
                }
                let page = state.reader.numbered(number.to_owned(), visitor.person.id).await?;
                let page = page.filter(|page| visitor.sees(&page.row).is_ok());
                Regroup::Merge { into: page.ok_or(wrong("into", FieldWhy::Unknown))?.row.ticket.id }
            }
            "split" => Regroup::Split {
                parts: Parts {
                    calls: self.calls.iter().map(|id| CallId::from(id.as_str())).collect(),
                    comments: self.comments.into_iter().map(CommentId).collect(),
                    attachments: self.files.into_iter().map(AttachmentId).collect(),
                },
                kind: Kind::parse(&self.kind).ok_or(wrong("kind", FieldWhy::Unknown))?,
            },
            "undo" => Regroup::Undo(RegroupId(self.id.ok_or(wrong("id", FieldWhy::Missing))?)),
            _ => return Err(wrong("what", FieldWhy::Unknown)),
        })
    }
}

/// From the ticket's page; to where it goes on.
pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<impl IntoResponse, Error> {
    let page = state.reader.ticket(TicketId(ticket), visitor.person.id).await?.ok_or(Error::NotFound)?;
    let number = given(&state, &visitor, &page, Asked::of(&fields)?).await?;
    Ok(Redirect::to(&format!("/tickets/{number}")))
}

/// For the ticket of that number; the number of the one in which it goes on.
pub async fn give_for(state: &State, visitor: &Visitor, number: &str, asked: Asked) -> Result<String, Error> {
    let page = state.reader.numbered(number.to_owned(), visitor.person.id).await?.ok_or(Error::NotFound)?;
    given(state, visitor, &page, asked).await
}

async fn given(state: &State, visitor: &Visitor, page: &TicketPage, asked: Asked) -> Result<String, Error> {
    visitor.sees(&page.row)?;
    let regroup = asked.regroup(state, visitor).await?;
    let done = give(state, visitor, Command::Regroup(page.row.ticket.id, regroup)).await?;
    let Done::Ticket(ticket) = done else { return Err(Error::Broken) };
    let page = state.reader.ticket(ticket, visitor.person.id).await?.ok_or(Error::NotFound)?;
    Ok(page.row.ticket.number)
}
