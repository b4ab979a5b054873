//! Notes, files and ties of matters: what a decision looks at, facts into tables and lines, and what
//! pages read of them.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use super::column::*;
use super::hands;
use super::keep::{About, Sequence, tell};
use super::line::{Line, addressee};
use super::read::{Attachment, Comment, Tied, TimelineRow, TimelineWhat};
use crate::desk::case::Case;
use crate::desk::clock::News;
use crate::desk::media::Media;
use crate::desk::papers::{File, Paper, PaperFact, Tie};
use crate::{AttachmentId, CommentId, PersonId, TicketId, Time};

type Result<T> = rusqlite::Result<T>;

/// Beside the ticket itself.
pub fn gather(db: &Connection, case: &mut Case, ticket: TicketId, paper: &Paper) -> Result<()> {
    match paper {
        Paper::Comment { .. } => Ok(()),
        Paper::Attach { .. } => {
            let sum = "SELECT coalesce(sum(bytes), 0) FROM attachments WHERE ticket = ?1";
            case.papers.bytes = db.prepare_cached(sum)?.query_row([ticket.0], |row| row.get(0))?;
            Ok(())
        }
        Paper::Tie { other, .. } | Paper::Untie { other, .. } => {
            case.papers.other = db
                .prepare_cached("SELECT * FROM tickets WHERE id = ?1")?
                .query_row([other.0], ticket_of_row)
                .optional()?;
            if let Some(other) = &case.papers.other {
                case.papers.other_circle = hands::circle(db, other)?;
            }
            case.papers.ties = db
                .prepare_cached("SELECT how, other FROM ties WHERE ticket = ?1")?
                .query_map([ticket.0], |row| Ok((word(row, "how", Tie::parse)?, TicketId(row.get("other")?))))?
                .collect::<Result<_>>()?;
            Ok(())
        }
    }
}

pub fn keep(db: &Connection, ids: &mut Sequence, fact: &PaperFact, now: Time) -> Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| db.prepare_cached(sql)?.execute(values).map(drop);
    match fact {
        PaperFact::Commented { comment, ticket, by, words, told, send_at, .. } => {
            run(
                "INSERT INTO comments (id, ticket, by_person, at_ms, words) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![comment.0, ticket.0, by.0, ms(now), words],
            )?;
            let key = format!("comment:{comment}");
            let about = About { key, obligation: None, ticket: Some(*ticket), news: News::Commented };
            tell(db, ids, &about, told, now, *send_at)
        }
        PaperFact::Attached { attachment, ticket, by, file, .. } => {
            let File { name, media, bytes, sha256 } = file;
            run(
                "INSERT INTO attachments (id, ticket, name, media, bytes, sha256, by_person, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![attachment.0, ticket.0, name, media.as_str(), bytes, sha256, by.0, ms(now)],
            )
        }
        PaperFact::Tied { ticket, how, other, .. } => run(
            "INSERT INTO ties (ticket, how, other) VALUES (?1, ?2, ?3) ON CONFLICT (ticket, how, other) DO NOTHING",
            params![ticket.0, how.as_str(), other.0],
        ),
        PaperFact::Untied { ticket, how, other, .. } => run(
            "DELETE FROM ties WHERE ticket = ?1 AND how = ?2 AND other = ?3",
            params![ticket.0, how.as_str(), other.0],
        ),
    }
}

pub fn line(fact: &PaperFact) -> Line<'_> {
    match fact {
        PaperFact::Commented { comment, ticket, by, words, told, .. } => Line {
            kind: "commented",
            by: Some(*by),
            ticket: Some(*ticket),
            body: Some(json!({
                "comment": comment.0, "words": words, "told": told.iter().map(addressee).collect::<Vec<_>>(),
            })),
            ..Line::default()
        },
        PaperFact::Attached { attachment, ticket, by, file, .. } => Line {
            kind: "attached",
            by: Some(*by),
            ticket: Some(*ticket),
            body: Some(json!({
                "attachment": attachment.0, "name": file.name, "media": file.media.as_str(), "bytes": file.bytes,
                "sha256": file.sha256,
            })),
            ..Line::default()
        },
        PaperFact::Tied { ticket, how, other, by } => tie_line("tied", *ticket, *how, *other, *by),
        PaperFact::Untied { ticket, how, other, by } => tie_line("untied", *ticket, *how, *other, *by),
    }
}

fn tie_line(kind: &'static str, ticket: TicketId, how: Tie, other: TicketId, by: PersonId) -> Line<'static> {
    let body = Some(json!({ "how": how.as_str(), "other": other.0 }));
    Line { kind, by: Some(by), ticket: Some(ticket), body, ..Line::default() }
}

/// Oldest first.
pub fn comments(db: &Connection, ticket: TicketId) -> Result<Vec<Comment>> {
    db.prepare_cached("SELECT id, by_person, at_ms, words FROM comments WHERE ticket = ?1 ORDER BY id")?
        .query_map([ticket.0], |row| {
            Ok(Comment {
                id: CommentId(row.get("id")?),
                by: maybe_person(row, "by_person")?,
                at: time(row, "at_ms")?,
                words: row.get("words")?,
            })
        })?
        .collect()
}

/// Newest first.
pub fn attachments(db: &Connection, ticket: TicketId) -> Result<Vec<Attachment>> {
    db.prepare_cached("SELECT * FROM attachments WHERE ticket = ?1 ORDER BY id DESC")?
        .query_map([ticket.0], attachment)?
        .collect()
}

/// The contents of all attachments, each once.
pub fn contents(db: &Connection) -> Result<std::collections::BTreeSet<String>> {
    db.prepare("SELECT DISTINCT sha256 FROM attachments")?.query_map([], |row| row.get(0))?.collect()
}

fn attachment(row: &Row) -> Result<Attachment> {
    Ok(Attachment {
        id: AttachmentId(row.get("id")?),
        by: maybe_person(row, "by_person")?,
        at: time(row, "at_ms")?,
        file: File {
            name: row.get("name")?,
            media: word(row, "media", Media::parse)?,
            bytes: row.get("bytes")?,
            sha256: row.get("sha256")?,
        },
    })
}

/// Matters that this one has to do with, and those that say so of it.
pub fn ties(db: &Connection, TicketId(id): TicketId) -> Result<Vec<Tied>> {
    db.prepare_cached(
        "SELECT t.*, e.how, e.ticket = ?1 AS ours
         FROM ties e JOIN tickets t ON t.id = CASE WHEN e.ticket = ?1 THEN e.other ELSE e.ticket END
         WHERE e.ticket = ?1 OR e.other = ?1 ORDER BY t.id DESC",
    )?
    .query_map([id], |row| {
        Ok(Tied {
            how: word(row, "how", Tie::parse)?,
            is_ours: row.get("ours")?,
            ticket: TicketId(row.get("id")?),
            number: row.get("number")?,
            summary: row.get("summary")?,
            is_open: row.get("is_open")?,
            circle: hands::circle(db, &ticket_of_row(row)?)?,
        })
    })?
    .collect()
}

/// Notes and files as the timeline has them, by the place in the order of all that is kept.
pub fn in_timeline(comments: &[Comment], attachments: &[Attachment]) -> Vec<(i64, TimelineRow)> {
    let notes = comments.iter().map(|comment| {
        let what = TimelineWhat::Commented { words: comment.words.clone() };
        (comment.id.0, TimelineRow { at: comment.at, by: comment.by, of: None, what })
    });
    let files = attachments.iter().map(|attachment| {
        let what = TimelineWhat::Attached { attachment: attachment.id, name: attachment.file.name.clone() };
        (attachment.id.0, TimelineRow { at: attachment.at, by: attachment.by, of: None, what })
    });
    notes.chain(files).collect()
}
