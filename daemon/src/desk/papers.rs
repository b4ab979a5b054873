//! What lies with a matter: notes of those who work on it, files, and which other matters it has to do
//! with. None of it changes the matter itself, so it never conflicts with who writes its form.

use std::collections::BTreeSet;

use super::case::Case;
use super::command::{Done, FieldWhy, Refusal};
use super::fact::Fact;
use super::media::Media;
use super::people::text;
use super::policy::Recipient;
use super::rights::{self, Act, Circle, in_circle};
use super::ticket::Ticket;
use super::told::{Addressee, told};
use crate::names::words;
use crate::{AttachmentId, CommentId, PersonId, TicketId, Time};

/// A note; some paragraphs.
const NOTE_CHARS: usize = 4_000;

/// One file, at most.
pub const FILE_BYTES: i64 = 20 * 1024 * 1024;

/// All files of one matter.
pub const TICKET_BYTES: i64 = 200 * 1024 * 1024;

/// Other matters that one has to do with; more nobody looks through.
const TIES: usize = 50;

/// What is done with a matter's papers.
#[derive(Clone, Debug, PartialEq)]
pub enum Paper {
    Comment {
        words: String,
    },
    /// A file whose bytes are on disk.
    Attach {
        file: File,
    },
    Tie {
        how: Tie,
        other: TicketId,
    },
    Untie {
        how: Tie,
        other: TicketId,
    },
}

words! {
    /// What a matter is to another.
    Tie {
        Related = "related",
        Duplicate = "duplicate_of",
        CausedBy = "caused_by",
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// As it may be shown and saved under.
    pub name: String,
    pub media: Media,
    pub bytes: i64,
    /// Of the content, in hexadecimal digits; by which it is kept.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PaperFact {
    Commented {
        comment: CommentId,
        ticket: TicketId,
        owner: Option<PersonId>,
        by: PersonId,
        words: String,
        /// The owner, or who stands in, where somebody else wrote it.
        told: Vec<Addressee>,
        send_at: Time,
    },
    Attached {
        attachment: AttachmentId,
        ticket: TicketId,
        owner: Option<PersonId>,
        by: PersonId,
        file: File,
    },
    Tied {
        ticket: TicketId,
        how: Tie,
        other: TicketId,
        by: PersonId,
    },
    Untied {
        ticket: TicketId,
        how: Tie,
        other: TicketId,
        by: PersonId,
    },
}

/// Why something cannot be done with papers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A matter has nothing to do with itself.
    Itself,
    /// More than one may be tied to.
    ManyTies,
    /// The file is larger than one may be.
    Large,
    /// There is no room left for it in the matter.
    Full,
    /// It is of no kind that may lie here.
    Media,
}

/// What the case has for papers.
#[derive(Clone, Debug, Default)]
pub struct Papers {
    /// The other matter that the input names.
    pub other: Option<Ticket>,
    pub other_circle: Circle,
    /// Ties of the matter to others.
    pub ties: Vec<(Tie, TicketId)>,
    /// How much its files take already.
    pub bytes: i64,
}

impl PaperFact {
    /// What the giver of a command hears.
    pub fn done(&self) -> Option<Done> {
        match self {
            PaperFact::Commented { comment, .. } => Some(Done::Paper(comment.0)),
            PaperFact::Attached { attachment, .. } => Some(Done::Paper(attachment.0)),
            PaperFact::Tied { .. } | PaperFact::Untied { .. } => None,
        }
    }

    /// The matters that it changes, each with whom to tell beside the board.
    pub fn tickets(&self) -> Vec<(TicketId, Option<PersonId>)> {
        match self {
            PaperFact::Commented { ticket, owner, .. } | PaperFact::Attached { ticket, owner, .. } => {
                vec![(*ticket, *owner)]
            }
            PaperFact::Tied { ticket, other, .. } | PaperFact::Untied { ticket, other, .. } => {
                vec![(*ticket, None), (*other, None)]
            }
        }
    }
}

pub fn given(case: &Case, by: Option<PersonId>, paper: &Paper, now: Time) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    let ticket = rights::ticket(case, Some(by), Act::Note, now)?;
    let fact = match paper {
        Paper::Comment { words } => commented(case, ticket, by, words, now)?,
        Paper::Attach { file } => attached(case, ticket, by, file)?,
        Paper::Tie { how, other } => {
            let other = other_than(case, ticket, by, *other, now)?;
            if case.papers.ties.contains(&(*how, other)) {
                return Ok(Vec::new());
            }
            if case.papers.ties.len() >= TIES {
                return Err(Refusal::Paper(Unfit::ManyTies));
            }
            PaperFact::Tied { ticket: ticket.id, how: *how, other, by }
        }
        Paper::Untie { how, other } => {
            if !case.papers.ties.contains(&(*how, *other)) {
                return Ok(Vec::new());
            }
            PaperFact::Untied { ticket: ticket.id, how: *how, other: *other, by }
        }
    };
    Ok(vec![Fact::Paper(fact)])
}

fn commented(case: &Case, ticket: &Ticket, by: PersonId, words: &str, now: Time) -> Result<PaperFact, Refusal> {
    if words.trim().is_empty() {
        return Err(Refusal::Field { field: "words", why: FieldWhy::Missing });
    }
    text("words", words, NOTE_CHARS)?;
    let owner = ticket.owner.filter(|owner| *owner != by);
    let mut told = owner.map(|_| told(&case.staff, &BTreeSet::from([Recipient::Owner]), owner)).unwrap_or_default();
    told.retain(|told| told.person != by);
    Ok(PaperFact::Commented {
        comment: case.ids.comment(),
        ticket: ticket.id,
        owner: ticket.owner,
        by,
        words: words.trim().to_owned(),
        told,
        send_at: case.policy.send_at(now),
    })
}

fn attached(case: &Case, ticket: &Ticket, by: PersonId, file: &File) -> Result<PaperFact, Refusal> {
    if file.bytes > FILE_BYTES {
        return Err(Refusal::Paper(Unfit::Large));
    }
    if case.papers.bytes + file.bytes > TICKET_BYTES {
        return Err(Refusal::Paper(Unfit::Full));
    }
    let attachment = case.ids.attachment();
    Ok(PaperFact::Attached { attachment, ticket: ticket.id, owner: ticket.owner, by, file: file.clone() })
}

/// Another matter that somebody may have to do with.
fn other_than(case: &Case, ticket: &Ticket, by: PersonId, other: TicketId, now: Time) -> Result<TicketId, Refusal> {
    if other == ticket.id {
        return Err(Refusal::Paper(Unfit::Itself));
    }
    let found = case.papers.other.as_ref().filter(|found| found.id == other).ok_or(Refusal::NoSuchTicket)?;
    in_circle(case, &case.papers.other_circle, Some(by), Act::See, now)?;
    Ok(found.id)
}
