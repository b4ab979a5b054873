//! Whose matters are, in rows: offers, holders, and the people of departments.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::column::*;
use super::detail;
use super::keep::Sequence;
use super::read::{HolderRow, OfferRow};
use crate::desk::case::Department;
use crate::desk::ownership::{HandFact, HandOver, How, OfferEnd, Part, Receiver};
use crate::desk::rights::Circle;
use crate::desk::ticket::Ticket;
use crate::{DepartmentName, Extension, ObligationId, PbxName, PersonId, TicketId, Time};

type Result<T> = rusqlite::Result<T>;

/// What `tell` says of it is written by whoever calls.
pub fn keep(db: &Connection, ids: &mut Sequence, fact: &HandFact, now: Time) -> Result<()> {
    match fact {
        HandFact::Offered { ticket, offer, words, .. } => {
            let HandOver { obligation, part, from, to, by } = offer;
            let (person, department) = columns(to);
            db.prepare_cached(
                "INSERT INTO offers (obligation, ticket, part, from_person, to_person, to_department, by_person, words,
                    at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                obligation.0,
                ticket.0,
                part.as_str(),
                from.map(|id| id.0),
                person.map(|id| id.0),
                department.map(DepartmentName::as_str),
                by.0,
                words,
                ms(now),
            ])
            .map(drop)
        }
        HandFact::OfferEnded { obligation, end, by, why, .. } => db
            .prepare_cached(
                "UPDATE offers SET ended = ?2, ended_at_ms = ?3, ended_by = ?4, end_why = ?5 WHERE obligation = ?1",
            )?
            .execute(params![obligation.0, end.as_str(), ms(now), by.map(|id| id.0), why])
            .map(drop),
        HandFact::Given { ticket, part, person, department, how, by, owed, .. } => {
            let set = match part {
                Part::Matter => "UPDATE tickets SET owner = ?2, department = coalesce(?3, department) WHERE id = ?1",
                Part::Work => "UPDATE tickets SET handler = ?2, department = coalesce(?3, department) WHERE id = ?1",
            };
            db.prepare_cached(set)?.execute(params![
                ticket.0,
                person.0,
                department.as_ref().map(DepartmentName::as_str)
            ])?;
            for obligation in owed {
                db.prepare_cached(
                    "UPDATE obligations SET owner = ?2, claimed_by = NULL, claimed_until_ms = NULL WHERE id = ?1",
                )?
                .execute([obligation.0, person.0])?;
            }
            hold(db, ids, *ticket, *part, *person, (*how, Some(*by)), now)
        }
    }
}

/// Somebody has that part of it from then on, and whoever had it no longer.
pub fn hold(
    db: &Connection,
    ids: &mut Sequence,
    ticket: TicketId,
    part: Part,
    person: PersonId,
    (how, by): (How, Option<PersonId>),
    now: Time,
) -> Result<()> {
    db.prepare_cached("UPDATE holders SET to_ms = ?3 WHERE ticket = ?1 AND part = ?2 AND to_ms IS NULL")?
        .execute(params![ticket.0, part.as_str(), ms(now)])?;
    db.prepare_cached(
        "INSERT INTO holders (id, ticket, part, person, how, by_person, from_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![ids.draw(1), ticket.0, part.as_str(), person.0, how.as_str(), by.map(|id| id.0), ms(now)])
    .map(drop)
}

/// The offer that stands.
pub fn offer(db: &Connection, ticket: TicketId) -> Result<Option<HandOver>> {
    db.prepare_cached("SELECT * FROM offers WHERE ticket = ?1 AND ended IS NULL")?
        .query_row([ticket.0], offer_of)
        .optional()
}

/// Who has to do with a ticket.
pub fn circle(db: &Connection, ticket: &Ticket) -> Result<Circle> {
    let manager = db
        .prepare_cached("SELECT manager FROM customers WHERE id = ?1 AND key_customer = 1")?
        .query_row([ticket.customer.map(|id| id.0)], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(Circle {
        owner: ticket.owner,
        handler: ticket.handler,
        department: ticket.department.clone(),
        offered: offer(db, ticket.id)?.map(|offer| offer.to),
        manager: manager.flatten().map(PersonId),
        talked: talked(db, ticket.id)?,
    })
}

/// Who talks with a customer in a ticket goes by its newest calls.
const CALLS: u32 = 50;

/// Who talked with the customer in a ticket's newest calls, and until when; none: still.
pub fn talked(db: &Connection, ticket: TicketId) -> Result<Vec<(PersonId, Option<Time>)>> {
    let mut statement = db.prepare_cached(
        "SELECT pbx, agent, person, ended_at_ms, detail FROM calls WHERE ticket = ?1 AND merged_into IS NULL
         ORDER BY started_at_ms DESC LIMIT ?2",
    )?;
    let mut holder = db.prepare_cached("SELECT person FROM extensions WHERE pbx = ?1 AND extension = ?2")?;
    let mut rows = statement.query(params![ticket.0, CALLS])?;
    let mut talked = Vec::new();
    while let Some(row) = rows.next()? {
        let (pbx, agent): (PbxName, Option<Extension>) = (name(row, "pbx")?, maybe_name(row, "agent")?);
        let ended_at = maybe_time(row, "ended_at_ms")?;
        for segment in detail::read(row.get_ref("detail")?.as_str()?).segments {
            // Whose extension it was then is kept of the call's first agent alone.
            let person: Option<i64> = match agent.as_ref() == Some(&segment.agent) {
                true => row.get("person")?,
                false => {
                    let found = holder.query_row([pbx.as_str(), segment.agent.as_str()], |row| row.get(0));
                    found.optional()?
                }
            };
            talked.extend(person.map(|person| (PersonId(person), segment.to.or(ended_at))));
        }
    }
    Ok(talked)
}

fn offer_of(row: &Row) -> Result<HandOver> {
    Ok(HandOver {
        obligation: ObligationId(row.get("obligation")?),
        part: word(row, "part", Part::parse)?,
        from: row.get::<_, Option<i64>>("from_person")?.map(PersonId),
        to: receiver(row, "to_person", "to_department")?,
        by: PersonId(row.get("by_person")?),
    })
}

/// A receiver in a row of `offers`.
pub fn receiver(row: &Row, person: &str, department: &str) -> Result<Receiver> {
    Ok(match maybe_name::<DepartmentName>(row, department)? {
        Some(department) => Receiver::Department(department),
        None => Receiver::Person(PersonId(row.get(person)?)),
    })
}

fn columns(to: &Receiver) -> (Option<PersonId>, Option<&DepartmentName>) {
    match to {
        Receiver::Person(person) => (Some(*person), None),
        Receiver::Department(department) => (None, Some(department)),
    }
}

/// All that was offered of a ticket, oldest first.
pub fn offers(db: &Connection, ticket: TicketId) -> Result<Vec<OfferRow>> {
    db.prepare_cached("SELECT * FROM offers WHERE ticket = ?1 ORDER BY at_ms, obligation")?
        .query_map([ticket.0], |row| {
            Ok(OfferRow {
                offer: offer_of(row)?,
                words: row.get("words")?,
                at: time(row, "at_ms")?,
                ended: maybe_word(row, "ended", OfferEnd::parse)?,
                ended_at: maybe_time(row, "ended_at_ms")?,
                ended_by: row.get::<_, Option<i64>>("ended_by")?.map(PersonId),
                why: row.get::<_, Option<String>>("end_why")?.unwrap_or_default(),
            })
        })?
        .collect()
}

/// Who had a ticket and the work on it, oldest first.
pub fn holders(db: &Connection, ticket: TicketId) -> Result<Vec<HolderRow>> {
    db.prepare_cached("SELECT * FROM holders WHERE ticket = ?1 ORDER BY from_ms, id")?
        .query_map([ticket.0], |row| {
            Ok(HolderRow {
                part: word(row, "part", Part::parse)?,
                person: PersonId(row.get("person")?),
                how: word(row, "how", How::parse)?,
                by: row.get::<_, Option<i64>>("by_person")?.map(PersonId),
                from: time(row, "from_ms")?,
                to: maybe_time(row, "to_ms")?,
            })
        })?
        .collect()
}

const RESPONSIBLE: &str = "responsible";
const DEPUTY: &str = "deputy";
const OTHER: &str = "other";

pub fn departments(db: &Connection) -> Result<BTreeMap<DepartmentName, Department>> {
    let mut departments: BTreeMap<DepartmentName, Department> = BTreeMap::new();
    let mut statement = db.prepare_cached("SELECT department, post, person FROM department_people")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let people = departments.entry(name(row, "department")?).or_default();
        let person = PersonId(row.get("person")?);
        match row.get_ref("post")?.as_str()? {
            RESPONSIBLE => people.responsible = Some(person),
            DEPUTY => people.deputy = Some(person),
            _ => drop(people.others.insert(person)),
        }
    }
    Ok(departments)
}

pub fn set_department(db: &Connection, name: &DepartmentName, people: &Department) -> Result<()> {
    db.prepare_cached("DELETE FROM department_people WHERE department = ?1")?.execute([name.as_str()])?;
    let heads = [(RESPONSIBLE, people.responsible), (DEPUTY, people.deputy)];
    let others = people.others.iter().map(|person| (OTHER, Some(*person)));
    for (post, person) in heads.into_iter().chain(others) {
        let Some(person) = person else { continue };
        db.prepare_cached("INSERT INTO department_people (department, post, person) VALUES (?1, ?2, ?3)")?
            .execute(params![name.as_str(), post, person.0])?;
    }
    Ok(())
}

/// What of it stands in its line of `facts`: kind, who, of which obligation, about whom, and the rest.
pub struct Said {
    pub kind: &'static str,
    pub by: Option<PersonId>,
    pub ticket: TicketId,
    pub obligation: Option<ObligationId>,
    pub person: Option<PersonId>,
    pub body: Value,
}

pub fn said(fact: &HandFact) -> Said {
    match fact {
        HandFact::Offered { ticket, offer, words, told, .. } => {
            let (person, department) = columns(&offer.to);
            Said {
                kind: "offered",
                by: Some(offer.by),
                ticket: *ticket,
                obligation: Some(offer.obligation),
                person,
                body: json!({
                    "part": offer.part.as_str(), "from": offer.from.map(|id| id.0), "words": words,
                    "department": department.map(DepartmentName::as_str),
                    "told": told.iter().map(|told| told.person.0).collect::<Vec<_>>(),
                }),
            }
        }
        HandFact::OfferEnded { ticket, obligation, end, by, why, told, .. } => Said {
            kind: "offer_ended",
            by: *by,
            ticket: *ticket,
            obligation: Some(*obligation),
            person: None,
            body: json!({
                "end": end.as_str(), "why": why, "told": told.iter().map(|told| told.person.0).collect::<Vec<_>>(),
            }),
        },
        HandFact::Given { ticket, part, person, from, department, how, by, words, owed } => Said {
            kind: "given",
            by: Some(*by),
            ticket: *ticket,
            obligation: None,
            person: Some(*person),
            body: json!({
                "part": part.as_str(), "from": from.map(|id| id.0), "how": how.as_str(), "words": words,
                "department": department.as_ref().map(DepartmentName::as_str),
                "owed": owed.iter().map(|id| id.0).collect::<Vec<_>>(),
            }),
        },
    }
}
