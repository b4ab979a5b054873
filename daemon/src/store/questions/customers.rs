//! Customers: those on a number, lists of them, and one with all that is theirs; and the blacklist.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::calls::newest_contacts;
use super::obligations::{OBLIGATIONS, obligation_rows};
use super::tickets::{TICKETS, ticket_row};
use crate::desk::customer::ShiftKind;
use crate::number::{Number, Numbering};
use crate::store::Result;
use crate::store::column::*;
use crate::store::read::*;
use crate::{CustomerId, ShiftId, Time};

/// Contacts that a customer's page shows, and closed matters.
const LAST: usize = 20;

/// Who is on a number, and the last contacts with them, newest first.
pub fn look_up(db: &Connection, number: &Number) -> Result<(Vec<Customer>, Vec<Contact>)> {
    let customers = customers_on(db, number)?;
    let numbers = customers.iter().flat_map(|customer| &customer.numbers).chain([number]);
    let contacts = last_contacts(db, &numbers.collect(), LAST)?;
    Ok((customers, contacts))
}

pub fn customer(db: &Connection, id: CustomerId) -> Result<Option<Customer>> {
    let numbers = db
        .prepare_cached("SELECT number FROM customer_numbers WHERE customer = ?1 ORDER BY place")?
        .query_map([id.0], |row| number(row, "number"))?
        .collect::<Result<_>>()?;
    db.prepare_cached("SELECT * FROM customers WHERE id = ?1")?
        .query_row([id.0], |row| {
            Ok(Customer {
                id,
                name: row.get("name")?,
                company: row.get("company")?,
                address: row.get("address")?,
                key_customer: row.get("key_customer")?,
                class: row.get("class")?,
                manager: maybe_person(row, "manager")?,
                note: row.get("note")?,
                numbers,
                version: row.get("version")?,
                merged_into: row.get::<_, Option<i64>>("merged_into")?.map(CustomerId),
            })
        })
        .optional()
}

pub fn customers_on(db: &Connection, number: &Number) -> Result<Vec<Customer>> {
    let ids: Vec<i64> = db
        .prepare_cached("SELECT customer FROM customer_numbers WHERE number = ?1 ORDER BY customer")?
        .query_map([number.as_str()], |row| row.get(0))?
        .collect::<Result<_>>()?;
    ids.into_iter().filter_map(|id| customer(db, CustomerId(id)).transpose()).collect()
}

pub fn page(db: &Connection, id: CustomerId) -> Result<Option<CustomerPage>> {
    let Some(customer) = customer(db, id)? else { return Ok(None) };
    let tickets = |open: bool| -> Result<Vec<TicketRow>> {
        let sql = format!("{TICKETS} WHERE t.customer = ?1 AND t.is_open = ?2 ORDER BY t.id DESC LIMIT ?3");
        let limit = if open { LIST } else { LAST as i64 };
        db.prepare_cached(&sql)?.query_map(params![id.0, open, limit], ticket_row)?.collect()
    };
    let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.customer = ?1 ORDER BY o.due_at_ms, o.id LIMIT ?2");
    let mut shared = Vec::new();
    let mut blacklisted = Vec::new();
    for number in &customer.numbers {
        let others = customers_on(db, number)?.into_iter().filter(|other| other.id != id);
        shared.extend(others.map(|other| (number.clone(), other.id, other.name)));
        blacklisted.extend(listed(db, number)?);
    }
    Ok(Some(CustomerPage {
        open: tickets(true)?,
        past: tickets(false)?,
        owed: obligation_rows(db, &sql, params![id.0, LIST])?,
        contacts: last_contacts(db, &customer.numbers.iter().collect(), LAST)?,
        history: history(db, id)?,
        shifts: shifts(db, id)?,
        shared,
        blacklisted,
        customer,
    }))
}

fn last_contacts(db: &Connection, numbers: &BTreeSet<&Number>, count: usize) -> Result<Vec<Contact>> {
    let mut found = Vec::new();
    for number in numbers {
        found.extend(newest_contacts(db, number, count)?);
    }
    found.sort_by(|a, b| (b.at, &b.call).cmp(&(a.at, &a.call)));
    found.truncate(count);
    Ok(found)
}

/// How customers are found: by a number, whole or a part of it, by how a name or a company begins, and
/// then by what is in one.
pub fn list(db: &Connection, numbering: &Numbering, filter: &CustomerFilter) -> Result<Vec<Customer>> {
    let text = filter.text.trim();
    let mut ids: Vec<CustomerId> = Vec::new();
    let mut add = |found: Vec<i64>| {
        for id in found.into_iter().map(CustomerId) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.len() >= filter.limit as usize
    };
    let ask = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<Vec<i64>> {
        db.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect()
    };
    let before = filter.before.map_or(i64::MAX, |id| id.0);
    let limit = filter.limit;
    if text.is_empty() {
        let newest = "SELECT id FROM customers WHERE merged_into IS NULL AND id < ?1
            AND (?2 IS NULL OR class = ?2) AND (?3 IS NULL OR key_customer = ?3) ORDER BY id DESC LIMIT ?4";
        add(ask(newest, params![before, filter.class, filter.key_customer, limit])?);
    } else {
        let whole = numbering.read(text).filter(|_| text.chars().any(|c| c.is_numeric()));
        let on = "SELECT customer FROM customer_numbers WHERE number = ?1 ORDER BY customer LIMIT ?2";
        let is_number = match &whole {
            Some(number) => add(ask(on, params![number.as_str(), limit])?),
            None => false,
        };
        let digits = numbering.digits_in_common(text).map(|digits| contains(&digits));
        let part = "SELECT DISTINCT customer FROM customer_numbers WHERE number LIKE ?1 LIMIT ?2";
        // Prefixes are stretches of an index: what a name is followed by sorts before this.
        let end = format!("{text}\u{10ffff}");
        let name =
            "SELECT id FROM customers WHERE name >= ?1 AND name < ?2 AND merged_into IS NULL ORDER BY name LIMIT ?3";
        let firm = "SELECT id FROM customers WHERE company >= ?1 AND company < ?2 AND company <> ''
            AND merged_into IS NULL ORDER BY company LIMIT ?3";
        let within = "SELECT id FROM customers WHERE merged_into IS NULL AND (name LIKE ?1 ESCAPE '\\'
            OR company LIKE ?1 ESCAPE '\\') LIMIT ?2";
        let _ = is_number
            || digits.map(|digits| ask(part, params![digits, limit])).transpose()?.is_some_and(&mut add)
            || add(ask(name, params![text, end, limit])?)
            || add(ask(firm, params![text, end, limit])?)
            || add(ask(within, params![contains(text), limit])?);
    }
    ids.truncate(limit as usize);
    let found = ids.into_iter().filter_map(|id| customer(db, id).transpose()).collect::<Result<Vec<_>>>()?;
    let fits = |customer: &Customer| {
        filter.class.as_ref().is_none_or(|class| *class == customer.class)
            && filter.key_customer.is_none_or(|key| key == customer.key_customer)
    };
    Ok(found.into_iter().filter(fits).collect())
}

/// Who follows that one, by id: for an export.
pub fn after(db: &Connection, id: CustomerId, limit: u32) -> Result<Vec<Customer>> {
    let next = "SELECT id FROM customers WHERE id > ?1 AND merged_into IS NULL ORDER BY id LIMIT ?2";
    let ids: Vec<i64> =
        db.prepare_cached(next)?.query_map(params![id.0, limit], |row| row.get(0))?.collect::<Result<_>>()?;
    ids.into_iter().filter_map(|id| customer(db, CustomerId(id)).transpose()).collect()
}

/// What is kept of a number on the blacklist, whether it has run out or not.
pub fn listed(db: &Connection, number: &Number) -> Result<Option<Listed>> {
    let mut found = db.prepare_cached("SELECT * FROM blacklist WHERE number = ?1")?;
    let mut rows = found.query_map([number.as_str()], listed_row)?;
    rows.next().transpose()
}

/// Those that stand at `now`, newest first; at most [`LIST`].
pub fn blacklist(db: &Connection, now: Time) -> Result<Vec<Listed>> {
    db.prepare_cached(
        "SELECT * FROM blacklist WHERE until_ms IS NULL OR until_ms > ?1 ORDER BY at_ms DESC, number LIMIT ?2",
    )?
    .query_map(params![ms(now), LIST], listed_row)?
    .collect()
}

fn listed_row(row: &Row) -> Result<Listed> {
    Ok(Listed {
        number: number(row, "number")?,
        reason: row.get("reason")?,
        by: maybe_person(row, "by_person")?,
        at: time(row, "at_ms")?,
        until: maybe_time(row, "until_ms")?,
    })
}

/// Newest first.
fn shifts(db: &Connection, id: CustomerId) -> Result<Vec<ShiftRow>> {
    let mut rows: Vec<ShiftRow> = db
        .prepare_cached(
            "SELECT s.*, o.id AS other, o.name AS other_name, o.company, o.address, o.note
             FROM shifts s JOIN customers o ON o.id = CASE WHEN s.giver = ?1 THEN s.taker ELSE s.giver END
             WHERE s.giver = ?1 OR s.taker = ?1 ORDER BY s.id DESC LIMIT ?2",
        )?
        .query_map(params![id.0, LIST], |row| {
            let moved: Value = serde_json::from_str(row.get_ref("moved")?.as_str()?).unwrap_or_default();
            let numbers = moved["numbers"].as_array().into_iter().flatten();
            let numbers = numbers.filter_map(|moved| moved["number"].as_str()).map(Number::from_canonical);
            let undone_by = maybe_person(row, "undone_by")?;
            Ok(ShiftRow {
                id: ShiftId(row.get("id")?),
                kind: word(row, "kind", ShiftKind::parse)?,
                gave: row.get::<_, i64>("giver")? == id.0,
                other: CustomerId(row.get("other")?),
                other_name: row.get("other_name")?,
                other_lines: [row.get("company")?, row.get("address")?, row.get("note")?].into(),
                numbers: numbers.collect(),
                tickets: moved["tickets"].as_array().map_or(0, Vec::len),
                at: time(row, "at_ms")?,
                by: maybe_person(row, "by_person")?,
                undone: maybe_time(row, "undone_at_ms")?.map(|at| (at, undone_by)),
                can_undo: false,
            })
        })?
        .collect::<Result<_>>()?;
    // The last that stands, where the other side has none that is later.
    if let Some(last) = rows.iter_mut().find(|row| row.undone.is_none()) {
        let later = "SELECT EXISTS (SELECT 1 FROM shifts WHERE id > ?1 AND undone_at_ms IS NULL
            AND (giver = ?2 OR taker = ?2))";
        last.can_undo = !db.prepare_cached(later)?.query_row([last.id.0, last.other.0], |row| row.get(0))?;
    }
    Ok(rows)
}

/// Each time that it was saved, newest first, with the fields that were changed.
fn history(db: &Connection, id: CustomerId) -> Result<Vec<CustomerSave>> {
    const FIELDS: [&str; 8] = ["name", "company", "address", "key_customer", "class", "manager", "note", "numbers"];
    let mut statement = db.prepare_cached(
        "SELECT at_ms, by_person, body FROM facts WHERE customer = ?1 AND kind = 'customer_saved'
         ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![id.0, LIST])?;
    let mut saves: Vec<(CustomerSave, Value)> = Vec::new();
    while let Some(row) = rows.next()? {
        let body: Value = serde_json::from_str(row.get_ref("body")?.as_str()?).unwrap_or_default();
        if let Some((later, with)) = saves.last_mut() {
            later.changed = FIELDS.into_iter().filter(|field| with[*field] != body[*field]).collect();
        }
        let by = maybe_person(row, "by_person")?;
        let version = body["version"].as_i64().unwrap_or_default();
        saves.push((CustomerSave { at: time(row, "at_ms")?, by, version, changed: Vec::new() }, body));
    }
    Ok(saves.into_iter().map(|(save, _)| save).collect())
}

/// A pattern for texts that contain `text`, taken literally.
fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "%"
}
