//! What people were shown or took away, and the numbers that such a look shows.

use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::CustomerId;
use crate::desk::looks::Whose;
use crate::number::Number;
use crate::store::Result;
use crate::store::column::*;
use crate::store::read::*;

/// What people were shown or took away, newest first; at most [`LIST`].
pub fn audit(db: &Connection, before: Option<i64>) -> Result<Vec<AuditRow>> {
    db.prepare_cached(
        "SELECT f.seq, f.at_ms, f.kind, f.by_person, f.call, f.customer, f.body, t.number AS ticket, coalesce(c.name, '') AS name
         FROM facts f LEFT JOIN tickets t ON t.id = f.ticket LEFT JOIN customers c ON c.id = f.customer
         WHERE f.kind IN ('numbers_shown', 'evidence_made', 'customers_exported') AND f.seq < ?1 ORDER BY f.seq DESC LIMIT ?2",
    )?
    .query_map(params![before.unwrap_or(i64::MAX), LIST], |row| {
        let customer = row.get::<_, Option<i64>>("customer")?.map(CustomerId);
        Ok(AuditRow {
            seq: row.get("seq")?,
            at: time(row, "at_ms")?,
            by: maybe_person(row, "by_person")?,
            what: word(row, "kind", Audited::parse)?,
            ticket: row.get("ticket")?,
            customer: customer.zip(row.get("name")?),
            call: maybe_name(row, "call")?,
            masked: serde_json::from_str(row.get_ref("body")?.as_str()?).is_ok_and(|body: Body| body.masked),
        })
    })?
    .collect()
}

/// What the list shows of such a fact's body.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    masked: bool,
}

/// The numbers that a look at a ticket, a customer or a call shows.
pub fn numbers_of(db: &Connection, of: &Whose) -> Result<Vec<Number>> {
    let (sql, key): (_, &dyn rusqlite::ToSql) = match of {
        Whose::Ticket(ticket) => {
            let sql =
                "SELECT n.number FROM tickets t JOIN customer_numbers n ON n.customer = t.customer WHERE t.id = ?1
                 UNION SELECT caller FROM tickets WHERE id = ?1 AND caller IS NOT NULL";
            (sql, &ticket.0)
        }
        Whose::Customer(customer) => {
            ("SELECT number FROM customer_numbers WHERE customer = ?1 ORDER BY place", &customer.0)
        }
        Whose::Call(call) => {
            ("SELECT number FROM calls WHERE id = ?1 AND number IS NOT NULL", &call.as_str().to_owned())
        }
    };
    db.prepare_cached(sql)?.query_map([key], |row| number(row, "number"))?.collect()
}
