//! Obligations as rows, with how far their ladders went: what each list and page of them is made of.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row};

use super::tickets::offered;
use crate::desk::rights::Circle;
use crate::desk::{Addressee, News};
use crate::store::column::*;
use crate::store::read::*;
use crate::store::{Result, hands};
use crate::{CustomerId, ObligationId, PersonId, TicketId};

pub const OBLIGATIONS: &str = "SELECT o.*, t.number AS ticket_number, t.summary, coalesce(c.name, '') AS customer_name,
        t.owner AS ticket_owner, t.handler, t.department, f.obligation AS offered, f.to_person AS offered_to,
        f.to_department AS offered_department,
        (SELECT k.manager FROM customers k WHERE k.id = t.customer AND k.key_customer = 1) AS manager,
        (SELECT count(*) FROM attempts a WHERE a.obligation = o.id) AS attempts,
        s.from_ms AS suspended_ms, s.reason AS suspended_why, v.result AS survey, v.words AS survey_words,
        v.score AS survey_score
    FROM obligations o LEFT JOIN surveys v ON v.obligation = o.id LEFT JOIN suspensions s ON s.obligation = o.id AND s.to_ms IS NULL
    JOIN tickets t ON t.id = o.ticket LEFT JOIN customers c ON c.id = o.customer
    LEFT JOIN offers f ON f.ticket = t.id AND f.ended IS NULL";

pub fn obligation_rows(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<ObligationRow>> {
    let mut rows =
        db.prepare_cached(sql)?.query_map(values, obligation_row)?.collect::<Result<Vec<ObligationRow>>>()?;
    for row in &mut rows {
        row.fired = fired(db, row.id)?;
    }
    Ok(rows)
}

fn obligation_row(row: &Row) -> Result<ObligationRow> {
    let ended_by = maybe_person(row, "ended_by")?;
    let by_talk = proof(row)?.is_some() && ended_by.is_none();
    let why = row.get::<_, Option<String>>("end_why")?.unwrap_or_default();
    Ok(ObligationRow {
        id: ObligationId(row.get("id")?),
        kind: clock_kind(row)?,
        state: obligation_state(row)?,
        ticket: TicketId(row.get("ticket")?),
        ticket_number: row.get("ticket_number")?,
        summary: row.get("summary")?,
        customer: row.get::<_, Option<i64>>("customer")?.map(CustomerId),
        customer_name: row.get("customer_name")?,
        number: maybe_number(row, "number")?,
        owner: maybe_person(row, "owner")?,
        circle: Circle {
            owner: maybe_person(row, "ticket_owner")?,
            handler: maybe_person(row, "handler")?,
            department: maybe_name(row, "department")?,
            offered: offered(row)?,
            manager: maybe_person(row, "manager")?,
            talked: Vec::new(),
        },
        began_at: time(row, "began_at_ms")?,
        promised_at: maybe_time(row, "promised_at_ms")?,
        due_at: maybe_time(row, "due_at_ms")?,
        reminder_at: maybe_time(row, "reminder_at_ms")?,
        escalated_at: maybe_time(row, "escalated_at_ms")?,
        attempts: row.get("attempts")?,
        claim: claim(row)?,
        suspended: maybe_time(row, "suspended_ms")?.zip(row.get("suspended_why")?),
        proof: proof(row)?,
        survey: survey(row)?,
        ended: maybe_time(row, "ended_at_ms")?.filter(|_| !by_talk).map(|at| Ended { at, by: ended_by, why }),
        fired: Vec::new(),
    })
}

fn fired(db: &Connection, obligation: ObligationId) -> Result<Vec<Fired>> {
    let mut fired = db
        .prepare_cached("SELECT rung, planned_at_ms, fired_at_ms, late FROM rungs WHERE obligation = ?1")?
        .query_map([obligation.0], |row| {
            Ok(Fired {
                rung: rung(row, "rung")?,
                planned_at: time(row, "planned_at_ms")?,
                fired_at: time(row, "fired_at_ms")?,
                late: row.get("late")?,
                told: Vec::new(),
            })
        })?
        .collect::<Result<Vec<_>>>()?;
    fired.sort_by_key(|fired| fired.rung);
    let mut statement = db.prepare_cached(
        "SELECT b.rung, b.person, i.person AS absent FROM outbox b
         LEFT JOIN outbox_instead_of i ON i.outbox = b.id WHERE b.obligation = ?1 ORDER BY b.id, i.person",
    )?;
    let mut rows = statement.query([obligation.0])?;
    while let Some(row) = rows.next()? {
        let (news, person) = (word(row, "rung", News::parse)?, PersonId(row.get("person")?));
        let Some(fired) = fired.iter_mut().find(|fired| News::from(fired.rung) == news) else { continue };
        if fired.told.last().is_none_or(|told| told.person != person) {
            fired.told.push(Addressee { person, instead_of: BTreeSet::new() });
        }
        let absent = maybe_person(row, "absent")?;
        fired.told.last_mut().into_iter().for_each(|told| told.instead_of.extend(absent));
    }
    Ok(fired)
}

pub fn obligation(db: &Connection, id: ObligationId) -> Result<Option<ObligationRow>> {
    let sql = format!("{OBLIGATIONS} WHERE o.id = ?1");
    let mut row = obligation_rows(db, &sql, [id.0])?.pop();
    if let Some(row) = &mut row {
        row.circle.talked = hands::talked(db, row.ticket)?;
    }
    Ok(row)
}
