//! What is kept of customers beside their rows: what went from one to another, whose calls people are
//! warned of, who was told of complaints.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::column::*;
use super::gather::{OBLIGATIONS, complaints_told, customer_in_any_case, customer_named, for_customer, obligations};
use super::keep::{About, Sequence, tell};
use super::line::{Line, addressee};
use super::questions::customers::{customer, customers_on};
use super::read::Customer;
use crate::desk::case::{Case, HeldObligation, HeldTicket, KnownShift, Record, Written};
use crate::desk::clock::News;
use crate::desk::command::CustomerForm;
use crate::desk::customer::{CustomerFact, Moved, MovedNumber, OfCustomers, Shift, ShiftKind};
use crate::desk::customers::{ImportRow, Weighed, weigh};
use crate::desk::ticket::Kind;
use crate::number::Number;
use crate::{CustomerId, ObligationId, PersonId, ShiftId, TicketId, Time};

pub fn gather(db: &Connection, case: &mut Case, command: &OfCustomers) -> rusqlite::Result<()> {
    match command {
        OfCustomers::Merge { from: (from, _), into: (into, _) } => whole(db, case, &[*from, *into]),
        OfCustomers::Split { customer: (customer, _), .. } => whole(db, case, &[*customer]),
        OfCustomers::Undo(id) => {
            case.shift = known_shift(db, *id)?;
            let Some(Shift { giver, taker, .. }) = case.shift.as_ref().map(|known| known.shift.clone()) else {
                return Ok(());
            };
            whole(db, case, &[giver, taker])
        }
        OfCustomers::Import(row) => {
            case.written = written_for(db, row)?;
            let (customer, form) = match weigh(row, &case.written) {
                Ok(Weighed::New(form)) => (None, form),
                Ok(Weighed::Changed { customer, form, .. }) => (Some(customer), form),
                Ok(Weighed::Same(_)) | Err(_) => return Ok(()),
            };
            for_customer(db, case, customer, &form)
        }
        OfCustomers::Blacklist { .. } | OfCustomers::TakeOff { .. } => Ok(()),
    }
}

/// Who has the line's id, or one of its numbers.
pub fn written_for(db: &Connection, row: &ImportRow) -> rusqlite::Result<Vec<Written>> {
    let mut found: BTreeMap<CustomerId, Written> = BTreeMap::new();
    let mut add = |customer: Customer| {
        if customer.merged_into.is_none() {
            let written = Written { id: customer.id, version: customer.version, form: customer.form() };
            found.insert(customer.id, written);
        }
    };
    match row.id {
        Some(id) => customer(db, id)?.into_iter().for_each(&mut add),
        None => {
            for number in &row.numbers {
                customers_on(db, number)?.into_iter().for_each(&mut add);
            }
        }
    }
    Ok(found.into_values().collect())
}

fn whole(db: &Connection, case: &mut Case, customers: &[CustomerId]) -> rusqlite::Result<()> {
    for &id in customers {
        let named = match case.shift {
            // Who is part of another is given back what was theirs.
            Some(_) => customer_in_any_case(db, id)?,
            None => customer_named(db, id)?,
        };
        let Some(record) = record(db, id)? else { continue };
        case.customers.extend(named);
        for held in record.tickets.iter().filter(|held| held.is_open_complaint) {
            case.complaints_told.extend(complaints_told(db, held.id)?);
        }
        case.records.push(record);
        let open = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.customer = ?1 ORDER BY o.id");
        case.obligations.extend(obligations(db, &open, [id.0])?);
    }
    Ok(())
}

fn record(db: &Connection, id: CustomerId) -> rusqlite::Result<Option<Record>> {
    let form = db
        .prepare_cached(
            "SELECT name, company, address, key_customer, class, manager, note FROM customers WHERE id = ?1",
        )?
        .query_row([id.0], |row| {
            Ok(CustomerForm {
                name: row.get("name")?,
                company: row.get("company")?,
                address: row.get("address")?,
                key_customer: row.get("key_customer")?,
                class: row.get("class")?,
                manager: maybe_person(row, "manager")?,
                note: row.get("note")?,
                numbers: Vec::new(),
            })
        })
        .optional()?;
    let Some(form) = form else { return Ok(None) };
    let numbers = db
        .prepare_cached("SELECT number, place FROM customer_numbers WHERE customer = ?1 ORDER BY place")?
        .query_map([id.0], |row| Ok((number(row, "number")?, row.get("place")?)))?
        .collect::<rusqlite::Result<_>>()?;
    let tickets = db
        .prepare_cached("SELECT id, caller, is_open, kind FROM tickets WHERE customer = ?1 ORDER BY id")?
        .query_map([id.0], |row| {
            let is_open: bool = row.get("is_open")?;
            let is_open_complaint = is_open && word(row, "kind", Kind::parse)? == Kind::Complaint;
            Ok(HeldTicket { id: TicketId(row.get("id")?), caller: maybe_number(row, "caller")?, is_open_complaint })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let obligations = db
        .prepare_cached(
            "SELECT o.id, o.ticket, o.number, t.customer IS NULL AS by_number
             FROM obligations o JOIN tickets t ON t.id = o.ticket WHERE o.customer = ?1 ORDER BY o.id",
        )?
        .query_map([id.0], |row| {
            Ok(HeldObligation {
                id: ObligationId(row.get("id")?),
                ticket: TicketId(row.get("ticket")?),
                number: maybe_number(row, "number")?,
                by_number: row.get("by_number")?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(Record { id, form, numbers, tickets, obligations }))
}

fn known_shift(db: &Connection, id: ShiftId) -> rusqlite::Result<Option<KnownShift>> {
    let found = db
        .prepare_cached("SELECT * FROM shifts WHERE id = ?1")?
        .query_row([id.0], |row| Ok((shift(row)?, row.get_ref("undone_at_ms")?.as_i64_or_null()?.is_some())))
        .optional()?;
    let Some((shift, is_undone)) = found else { return Ok(None) };
    let later = "SELECT EXISTS (SELECT 1 FROM shifts WHERE id > ?1 AND undone_at_ms IS NULL
        AND (giver IN (?2, ?3) OR taker IN (?2, ?3)))";
    let later: bool = db.prepare_cached(later)?.query_row([id.0, shift.giver.0, shift.taker.0], |row| row.get(0))?;
    Ok(Some(KnownShift { shift, is_undone, is_last: !later }))
}

fn shift(row: &Row) -> rusqlite::Result<Shift> {
    Ok(Shift {
        id: ShiftId(row.get("id")?),
        kind: word(row, "kind", ShiftKind::parse)?,
        giver: CustomerId(row.get("giver")?),
        taker: CustomerId(row.get("taker")?),
        moved: moved(&serde_json::from_str(row.get_ref("moved")?.as_str()?).unwrap_or_default()),
    })
}

pub fn keep(db: &Connection, ids: &mut Sequence, fact: &CustomerFact, now: Time) -> rusqlite::Result<()> {
    match fact {
        CustomerFact::ComplaintTold { ticket, manager, told, send_at, .. } => {
            db.prepare_cached("INSERT INTO complaints_told (ticket, manager, at_ms) VALUES (?1, ?2, ?3)")?
                .execute(params![ticket.0, manager.0, ms(now)])?;
            let key = format!("complaint:{ticket}:{manager}");
            let about = About { key, obligation: None, ticket: Some(*ticket), news: News::Complaint };
            tell(db, ids, &about, told, now, *send_at)
        }
        CustomerFact::Shifted { shift, by } => {
            let Shift { id, kind, giver, taker, moved } = &**shift;
            db.prepare_cached(
                "INSERT INTO shifts (id, kind, giver, taker, at_ms, by_person, moved)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                id.0,
                kind.as_str(),
                giver.0,
                taker.0,
                ms(now),
                by.map(|by| by.0),
                written(moved).to_string()
            ])?;
            go(db, (*giver, *taker), moved, *by)?;
            match kind {
                ShiftKind::Merge => part_of(db, *giver, Some(*taker)),
                ShiftKind::Split => Ok(()),
            }
        }
        CustomerFact::ShiftUndone { shift, back, by } => {
            let Shift { id, kind, giver, taker, .. } = &**shift;
            db.prepare_cached("UPDATE shifts SET undone_at_ms = ?2, undone_by = ?3 WHERE id = ?1")?
                .execute(params![id.0, ms(now), by.map(|by| by.0)])?;
            go(db, (*taker, *giver), back, *by)?;
            match kind {
                ShiftKind::Merge => part_of(db, *giver, None),
                ShiftKind::Split => part_of(db, *taker, Some(*giver)),
            }
        }
        CustomerFact::Blacklisted { number, reason, until, by } => db
            .prepare_cached(
                "INSERT INTO blacklist (number, reason, by_person, at_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (number) DO UPDATE SET reason = excluded.reason, by_person = excluded.by_person,
                    at_ms = excluded.at_ms, until_ms = excluded.until_ms",
            )?
            .execute(params![number.as_str(), reason, by.map(|by| by.0), ms(now), until.map(ms)])
            .map(drop),
        CustomerFact::TakenOff { number, .. } => {
            db.prepare_cached("DELETE FROM blacklist WHERE number = ?1")?.execute([number.as_str()]).map(drop)
        }
    }
}

fn go(
    db: &Connection,
    (giver, taker): (CustomerId, CustomerId),
    moved: &Moved,
    by: Option<PersonId>,
) -> rusqlite::Result<()> {
    for MovedNumber { number, is_taken, is_at, .. } in &moved.numbers {
        if *is_taken {
            db.prepare_cached("DELETE FROM customer_numbers WHERE customer = ?1 AND number = ?2")?
                .execute(params![giver.0, number.as_str()])?;
        }
        if let Some(place) = is_at {
            db.prepare_cached("INSERT INTO customer_numbers (number, customer, place) VALUES (?1, ?2, ?3)")?
                .execute(params![number.as_str(), taker.0, place])?;
        }
    }
    for ticket in &moved.tickets {
        db.prepare_cached("UPDATE tickets SET customer = ?2 WHERE id = ?1")?.execute([ticket.0, taker.0])?;
    }
    for obligation in &moved.obligations {
        db.prepare_cached("UPDATE obligations SET customer = ?2 WHERE id = ?1")?.execute([obligation.0, taker.0])?;
    }
    db.prepare_cached("UPDATE customers SET version = version + 1, saved_by = ?3 WHERE id IN (?1, ?2)")?
        .execute(params![giver.0, taker.0, by.map(|by| by.0)])
        .map(drop)
}

fn part_of(db: &Connection, customer: CustomerId, whole: Option<CustomerId>) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE customers SET merged_into = ?2 WHERE id = ?1")?
        .execute(params![customer.0, whole.map(|id| id.0)])
        .map(drop)
}

pub fn line(fact: &CustomerFact) -> Line<'_> {
    match fact {
        CustomerFact::ComplaintTold { ticket, customer, manager, told, .. } => Line {
            kind: "complaint_told",
            ticket: Some(*ticket),
            customer: Some(*customer),
            person: Some(*manager),
            body: Some(json!({ "told": told.iter().map(addressee).collect::<Vec<_>>() })),
            ..Line::default()
        },
        CustomerFact::Shifted { shift, by } => Line {
            kind: match shift.kind {
                ShiftKind::Merge => "customers_merged",
                ShiftKind::Split => "customer_split",
            },
            by: *by,
            customer: Some(shift.giver),
            body: Some(json!({ "shift": shift.id.0, "taker": shift.taker.0, "moved": written(&shift.moved) })),
            ..Line::default()
        },
        CustomerFact::ShiftUndone { shift, back, by } => Line {
            kind: match shift.kind {
                ShiftKind::Merge => "merge_undone",
                ShiftKind::Split => "split_undone",
            },
            by: *by,
            customer: Some(shift.giver),
            body: Some(json!({ "shift": shift.id.0, "taker": shift.taker.0, "back": written(back) })),
            ..Line::default()
        },
        CustomerFact::Blacklisted { number, reason, until, by } => Line {
            kind: "blacklisted",
            by: *by,
            body: Some(json!({ "number": number.as_str(), "reason": reason, "until_ms": until.map(ms) })),
            ..Line::default()
        },
        CustomerFact::TakenOff { number, by } => Line {
            kind: "taken_off_blacklist",
            by: *by,
            body: Some(json!({ "number": number.as_str() })),
            ..Line::default()
        },
    }
}

fn written(moved: &Moved) -> Value {
    let number = |moved: &MovedNumber| {
        let MovedNumber { number, was_at, is_taken, is_at } = moved;
        json!({ "number": number.as_str(), "was_at": was_at, "is_taken": is_taken, "is_at": is_at })
    };
    json!({
        "numbers": moved.numbers.iter().map(number).collect::<Vec<_>>(),
        "tickets": moved.tickets.iter().map(|id| id.0).collect::<Vec<_>>(),
        "obligations": moved.obligations.iter().map(|id| id.0).collect::<Vec<_>>(),
    })
}

/// What [`written`] wrote.
fn moved(body: &Value) -> Moved {
    let ids = |name: &str| body[name].as_array().into_iter().flatten().filter_map(Value::as_i64);
    let number = |value: &Value| {
        Some(MovedNumber {
            number: Number::from_canonical(value["number"].as_str()?),
            was_at: value["was_at"].as_i64()?,
            is_taken: value["is_taken"].as_bool()?,
            is_at: value["is_at"].as_i64(),
        })
    };
    Moved {
        numbers: body["numbers"].as_array().into_iter().flatten().filter_map(number).collect(),
        tickets: ids("tickets").map(TicketId).collect(),
        obligations: ids("obligations").map(ObligationId).collect(),
    }
}
