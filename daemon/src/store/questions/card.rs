//! Who is on a number, for a pop: the customers, the last contacts with them, and what is open.

use rusqlite::Connection;

use super::calls::newest_contacts;
use super::customers::{customers_on, listed};
use super::obligations::{OBLIGATIONS, obligation_rows};
use super::tickets::{TICKETS, ticket_row};
use crate::number::Number;
use crate::store::Result;
use crate::store::read::*;

/// What a pop shows of the past.
const CONTACTS: usize = 5;

pub fn card(db: &Connection, number: &Number) -> Result<Card> {
    let customers = customers_on(db, number)?;
    let mut numbers: Vec<&Number> = customers.iter().flat_map(|customer| &customer.numbers).chain([number]).collect();
    numbers.sort();
    numbers.dedup();
    let mut card = Card::default();
    for number in numbers {
        let (contacts, total) = contacts(db, number)?;
        card.contacts.extend(contacts);
        card.contacts_total += total;
    }
    card.contacts.sort_by(|a, b| (b.at, &b.call).cmp(&(a.at, &a.call)));
    card.contacts.truncate(CONTACTS);
    let sql = format!("{TICKETS} WHERE t.is_open = 1 AND t.customer IS NULL AND t.caller = ?1");
    card.open_tickets = db.prepare_cached(&sql)?.query_map([number.as_str()], ticket_row)?.collect::<Result<_>>()?;
    let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.number = ?1");
    card.open_obligations = obligation_rows(db, &sql, [number.as_str()])?;
    for customer in &customers {
        let sql = format!("{TICKETS} WHERE t.is_open = 1 AND t.customer = ?1");
        let theirs = db.prepare_cached(&sql)?.query_map([customer.id.0], ticket_row)?.collect::<Result<Vec<_>>>()?;
        card.open_tickets.extend(theirs);
        let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.customer = ?1");
        let theirs = obligation_rows(db, &sql, [customer.id.0])?;
        card.open_obligations.extend(theirs.into_iter().filter(|row| row.number.as_ref() != Some(number)));
    }
    card.open_tickets.sort_by_key(|row| std::cmp::Reverse(row.ticket.id));
    card.open_obligations.sort_by_key(|row| (row.due_at, row.id));
    card.customers = customers;
    card.listed = listed(db, number)?;
    Ok(card)
}

fn contacts(db: &Connection, number: &Number) -> Result<(Vec<Contact>, i64)> {
    let total = db
        .prepare_cached("SELECT count(*) FROM calls WHERE number = ?1 AND merged_into IS NULL")?
        .query_row([number.as_str()], |row| row.get(0))?;
    Ok((newest_contacts(db, number, CONTACTS)?, total))
}
