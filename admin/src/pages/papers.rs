//! What lies with a ticket: notes, files, and other tickets that it has to do with.

use askama::Template;
use axum::Form;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, Query, State as FromState};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use daemon::desk::command::{Command, Done, FieldWhy, Refusal};
use daemon::desk::papers::{Paper, Tie};
use daemon::desk::rights::Act;
use daemon::files::FileError;
use daemon::store::read::{Attachment, Directory, TicketPage, Tied};
use daemon::{AttachmentId, PersonId, TicketId};
use serde::Deserialize;
use std::sync::Arc;

use super::asking::give;
use crate::auth::{Desk, Read, Require, Visitor};
use crate::error::Error;
use crate::parts::part;
use crate::pen::Pen;
use crate::seen;
use crate::state::State;

/// A file, and what a form has beside it.
pub const FILE_BODY_BYTES: usize = 21 * 1024 * 1024;

/// Nothing in a file runs or loads, should a browser show it all the same.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// What lies there, each file with who brought it; and which other tickets.
#[derive(Template)]
#[template(path = "parts/papers.html")]
pub struct PapersPart {
    pen: Pen,
    ticket: TicketId,
    attachments: Vec<Attachment>,
    ties: Vec<Tied>,
    directory: Arc<Directory>,
    may_write: bool,
}
part!(PapersPart = "papers");

impl PapersPart {
    pub fn of(visitor: &Visitor, page: &TicketPage, may_write: bool) -> PapersPart {
        PapersPart {
            pen: visitor.pen.clone(),
            ticket: page.row.ticket.id,
            attachments: page.attachments.clone(),
            ties: page.ties.iter().map(|tied| seen_tie(visitor, tied)).collect(),
            directory: visitor.directory.clone(),
            may_write,
        }
    }
    fn by(&self, person: Option<PersonId>) -> &str {
        person.map_or("–", |person| self.directory.name(person))
    }
    /// What the other ticket is to this one.
    fn how(&self, tied: &Tied) -> String {
        let family = if tied.is_ours { "tie" } else { "tied" };
        match family {
            "tie" => self.pen.word("tie", tied.how.as_str()),
            _ => self.pen.word("tied", tied.how.as_str()),
        }
    }
}

/// Another's matter is named, and no more is said of it.
fn seen_tie(visitor: &Visitor, tied: &Tied) -> Tied {
    let mut tied = tied.clone();
    if !visitor.may(&tied.circle, Act::See) {
        tied.summary.clear();
    }
    tied
}

/// The fields in which something is written or chosen; beside what lives.
#[derive(Template)]
#[template(path = "parts/papers_forms.html")]
pub struct PapersForms {
    pub pen: Pen,
    pub ticket: TicketId,
}
impl askama::filters::HtmlSafe for PapersForms {}

impl PapersForms {
    fn ties(&self) -> &'static [Tie] {
        Tie::ALL
    }
}

/// The field for a note, over the timeline.
#[derive(Template)]
#[template(path = "parts/note.html")]
pub struct NoteForm {
    pen: Pen,
    ticket: TicketId,
    unsent: Unsent,
}
impl askama::filters::HtmlSafe for NoteForm {}

impl NoteForm {
    pub fn of(visitor: &Visitor, page: &TicketPage) -> NoteForm {
        let (pen, ticket) = (visitor.pen.clone(), page.row.ticket.id);
        NoteForm { pen, ticket, unsent: Unsent::of(visitor, page) }
    }
}

/// By what the browser keeps a note that is not sent: whose it is, and of which ticket. What was begun in a
/// ticket that became part of another is sent there.
#[derive(Template)]
#[template(path = "parts/unsent.html")]
pub struct Unsent {
    pen: Pen,
    key: String,
    of_parts: String,
}
impl askama::filters::HtmlSafe for Unsent {}

impl Unsent {
    pub fn of(visitor: &Visitor, page: &TicketPage) -> Unsent {
        let key = |number: &String| format!("{number}-{}", visitor.person.id);
        let of_parts: Vec<String> = page.regrouped.parts.iter().map(key).collect();
        Unsent { pen: visitor.pen.clone(), key: key(&page.row.ticket.number), of_parts: of_parts.join(" ") }
    }
}

/// What a form or a script asks for; what it does not need is not there.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// `comment`, `tie`, `untie`.
    what: String,
    #[serde(default)]
    words: String,
    /// `related`, `duplicate_of`, `caused_by`.
    #[serde(default)]
    how: String,
    /// The other ticket's number.
    #[serde(default)]
    other: String,
}

pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
    Form(asked): Form<Asked>,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_id(&state, &visitor, TicketId(ticket)).await?;
    given(&state, &visitor, &page, asked).await?;
    Ok(Redirect::to(&format!("/tickets/{}", page.row.ticket.number)))
}

/// For the ticket of that number.
pub async fn give_for(state: &State, visitor: &Visitor, number: &str, asked: Asked) -> Result<Done, Error> {
    let page = seen::by_number(state, visitor, number).await?;
    given(state, visitor, &page, asked).await
}

async fn given(state: &State, visitor: &Visitor, page: &TicketPage, asked: Asked) -> Result<Done, Error> {
    let wrong = |field, why| Error::Refused(Refusal::Field { field, why });
    let how = || Tie::parse(&asked.how).ok_or(wrong("how", FieldWhy::Unknown));
    let paper = match asked.what.as_str() {
        "comment" => Paper::Comment { words: asked.words },
        "tie" => Paper::Tie { how: how()?, other: other(state, visitor, &asked.other).await? },
        "untie" => Paper::Untie { how: how()?, other: other(state, visitor, &asked.other).await? },
        _ => return Err(wrong("what", FieldWhy::Unknown)),
    };
    give(state, visitor, Command::Paper(page.row.ticket.id, paper)).await
}

/// Another ticket that the reader may see, by its number.
async fn other(state: &State, visitor: &Visitor, number: &str) -> Result<TicketId, Error> {
    let wrong = |why| Error::Refused(Refusal::Field { field: "other", why });
    if number.trim().is_empty() {
        return Err(wrong(FieldWhy::Missing));
    }
    let page = state.reader.numbered(number.trim().to_owned(), visitor.person.id).await?;
    let page = page.filter(|page| visitor.sees(&page.row).is_ok());
    page.map(|page| page.row.ticket.id).ok_or(wrong(FieldWhy::Unknown))
}

/// From the ticket's page.
pub async fn attach(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
    form: Multipart,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_id(&state, &visitor, TicketId(ticket)).await?;
    take_in(&state, &visitor, &page, form).await?;
    Ok(Redirect::to(&format!("/tickets/{}", page.row.ticket.number)))
}

/// To the ticket of that number.
pub async fn attach_to(state: &State, visitor: &Visitor, number: &str, form: Multipart) -> Result<Done, Error> {
    let page = seen::by_number(state, visitor, number).await?;
    take_in(state, visitor, &page, form).await
}

/// The field `file` of the form. It is on disk before anybody keeps that it is there.
async fn take_in(state: &State, visitor: &Visitor, page: &TicketPage, mut form: Multipart) -> Result<Done, Error> {
    while let Some(mut field) = form.next_field().await.map_err(unread)? {
        let name = field.file_name().unwrap_or_default().to_owned();
        if field.name() != Some("file") || name.is_empty() {
            continue;
        }
        let mut incoming = state.files.receive().await.map_err(FileError::Disk)?;
        while let Some(bytes) = field.chunk().await.map_err(unread)? {
            incoming.write(&bytes).await?;
        }
        let file = incoming.keep(&name).await?;
        return give(state, visitor, Command::Paper(page.row.ticket.id, Paper::Attach { file })).await;
    }
    Err(Error::Refused(Refusal::Field { field: "file", why: FieldWhy::Missing }))
}

/// A form that could not be read to its end; most often it is too large.
fn unread(error: MultipartError) -> Error {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return Error::Refused(Refusal::Paper(daemon::desk::papers::Unfit::Large));
    }
    Error::Unreadable
}

#[derive(Deserialize)]
pub struct How {
    /// A picture may be shown; everything else is saved.
    show: Option<u8>,
}

pub async fn file(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path((ticket, file)): Path<(i64, i64)>,
    Query(how): Query<How>,
) -> Result<Response, Error> {
    let page = seen::by_id(&state, &visitor, TicketId(ticket)).await?;
    handed_out(&state, &page, AttachmentId(file), how.show.is_some()).await
}

pub async fn file_of(state: &State, visitor: &Visitor, number: &str, file: i64) -> Result<Response, Error> {
    let page = seen::by_number(state, visitor, number).await?;
    handed_out(state, &page, AttachmentId(file), false).await
}

async fn handed_out(state: &State, page: &TicketPage, file: AttachmentId, show: bool) -> Result<Response, Error> {
    let attachment = page.attachments.iter().find(|attachment| attachment.id == file).ok_or(Error::NotFound)?;
    let file = &attachment.file;
    let bytes = state.files.read(&file.sha256).await?;
    let place = if show && file.media.is_picture() { "inline" } else { "attachment" };
    let headers = [
        (CONTENT_TYPE, file.media.as_str().to_owned()),
        (CONTENT_DISPOSITION, disposition(place, &file.name)),
        (CONTENT_SECURITY_POLICY, FILE_POLICY.to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// The name twice: for browsers, and in letters that everything reads (RFC 6266).
fn disposition(place: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || " .-_()".contains(c) { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let escaped: String = name.bytes().map(escaped).collect();
    format!("{place}; filename=\"{ascii}\"; filename*=UTF-8''{escaped}")
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
