//! Tickets in lists, and one with all that its page shows.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::calls::stored_call;
use super::customers::{customer, customers_on};
use super::obligations::{OBLIGATIONS, obligation_rows};
use super::timeline::timeline;
use crate::desk::ownership::Receiver;
use crate::store::column::*;
use crate::store::read::*;
use crate::store::{Result, gather, handlings, hands, papers, regroup};
use crate::{PersonId, TicketId};

pub const TICKETS: &str = "SELECT t.*, coalesce(c.name, '') AS customer_name,
        CASE WHEN c.key_customer = 1 THEN c.manager END AS manager,
        EXISTS (SELECT 1 FROM drafts d WHERE d.ticket = t.id) AS has_draft, f.obligation AS offered,
        f.to_person AS offered_to, f.to_department AS offered_department
    FROM tickets t LEFT JOIN customers c ON c.id = t.customer
    LEFT JOIN offers f ON f.ticket = t.id AND f.ended IS NULL";

pub fn ticket_row(row: &Row) -> Result<TicketRow> {
    Ok(TicketRow {
        ticket: ticket_of_row(row)?,
        customer_name: row.get("customer_name")?,
        manager: maybe_person(row, "manager")?,
        has_draft: row.get("has_draft")?,
        offered: offered(row)?,
        talked: Vec::new(),
    })
}

pub fn offered(row: &Row) -> Result<Option<Receiver>> {
    match row.get::<_, Option<i64>>("offered")? {
        Some(_) => hands::receiver(row, "offered_to", "offered_department").map(Some),
        None => Ok(None),
    }
}

pub fn tickets(db: &Connection, filter: &TicketFilter) -> Result<Vec<TicketRow>> {
    let whose = match filter.owner {
        Some(_) => {
            "t.id IN (SELECT id FROM tickets WHERE owner = ?1 UNION SELECT id FROM tickets WHERE handler = ?1
                UNION SELECT o.id FROM department_people d JOIN tickets o ON o.department = d.department
                    WHERE d.person = ?1)"
        }
        None => "?1 IS NULL",
    };
    let sql = format!("{TICKETS} WHERE {whose} AND (?2 IS NULL OR t.is_open = ?2) ORDER BY t.id DESC LIMIT ?3");
    db.prepare_cached(&sql)?
        .query_map(params![filter.owner.map(|id| id.0), filter.open, filter.limit], ticket_row)?
        .collect()
}

/// The ticket of that number, `YYYYMMDD-NNNN`.
pub fn numbered(db: &Connection, number: &str) -> Result<Option<TicketId>> {
    let Some((day, nth)) = number.split_once('-') else { return Ok(None) };
    let (Ok(day), Ok(nth)) = (day.parse::<i64>(), nth.parse::<i64>()) else { return Ok(None) };
    db.prepare_cached("SELECT id FROM tickets WHERE day = ?1 AND nth = ?2 AND number = ?3")?
        .query_row(params![day, nth, number], |row| row.get(0).map(TicketId))
        .optional()
}

pub fn ticket(db: &Connection, id: TicketId, asker: PersonId) -> Result<Option<TicketPage>> {
    let sql = format!("{TICKETS} WHERE t.id = ?1");
    let Some(mut row) = db.prepare_cached(&sql)?.query_row([id.0], ticket_row).optional()? else { return Ok(None) };
    row.talked = hands::talked(db, id)?;
    let customers = match (row.ticket.customer, &row.ticket.caller) {
        (Some(id), _) => customer(db, id)?.into_iter().collect(),
        (None, Some(number)) => customers_on(db, number)?,
        (None, None) => Vec::new(),
    };
    let draft = db
        .prepare_cached("SELECT body FROM drafts WHERE ticket = ?1 AND person = ?2")?
        .query_row([id.0, asker.0], |row| row.get(0))
        .optional()?;
    let sql = format!("{OBLIGATIONS} WHERE o.ticket = ?1 ORDER BY o.state <> 'open', o.id DESC LIMIT ?2");
    let obligations = obligation_rows(db, &sql, params![id.0, LIST])?;
    let calls = db
        .prepare_cached(
            // With those by which what is owed in it was kept or tried: our own, and talks about other matters.
            "SELECT * FROM calls WHERE merged_into IS NULL AND (ticket = ?1 OR id IN (
                SELECT proof_call FROM obligations WHERE ticket = ?1 AND proof_call IS NOT NULL
                UNION SELECT a.call FROM attempts a JOIN obligations o ON o.id = a.obligation WHERE o.ticket = ?1))
             ORDER BY started_at_ms DESC LIMIT ?2",
        )?
        .query_map([id.0, LIST], |row| stored_call(db, row))?
        .collect::<Result<_>>()?;
    let (comments, attachments) = (papers::comments(db, id)?, papers::attachments(db, id)?);
    let (timeline, paused) = (timeline(db, id, &comments, &attachments)?, gather::paused(db, id)?);
    let (holders, offers, ties) = (hands::holders(db, id)?, hands::offers(db, id)?, papers::ties(db, id)?);
    Ok(Some(TicketPage {
        row,
        customers,
        timeline,
        draft,
        obligations,
        paused,
        calls,
        holders,
        offers,
        comments,
        attachments,
        ties,
        regrouped: regroup::regrouped(db, id)?,
        handling: handlings::row(db, id)?,
    }))
}
