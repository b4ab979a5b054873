//! Customers' facts: into the tables that pages read, and as lines of `facts`.

use rusqlite::{Connection, params};
use serde_json::json;

use super::column::ms;
use super::keep::{About, Sequence, tell};
use super::line::{Line, addressee};
use crate::Time;
use crate::desk::clock::News;
use crate::desk::customer::CustomerFact;

pub fn keep(db: &Connection, ids: &mut Sequence, fact: &CustomerFact, now: Time) -> rusqlite::Result<()> {
    match fact {
        CustomerFact::ComplaintTold { ticket, manager, told, send_at, .. } => {
            db.prepare_cached("INSERT INTO complaints_told (ticket, manager, at_ms) VALUES (?1, ?2, ?3)")?
                .execute(params![ticket.0, manager.0, ms(now)])?;
            let key = format!("complaint:{ticket}:{manager}");
            let about = About { key, obligation: None, ticket: Some(*ticket), news: News::Complaint };
            tell(db, ids, &about, told, now, *send_at)
        }
    }
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
    }
}
