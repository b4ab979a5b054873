//! Values as columns: the one place that knows how a core type looks in a row.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};

use super::handlings;
use crate::desk::Rung;
use crate::desk::clock::{Claim, ClockKind, ObligationState, Proof, Survey};
use crate::desk::ticket::{Channel, Complexity, Kind, Priority, Satisfaction, Ticket, TicketState};
use crate::number::Number;
use crate::{CallId, CustomerId, PersonId, TicketId, Time};

pub fn ms(at: Time) -> i64 {
    at.timestamp_millis()
}

/// Only what [`ms`] wrote comes here, so that the far ends of time cannot occur.
pub fn from_ms(ms: i64) -> Time {
    Time::from_timestamp_millis(ms).unwrap_or_default()
}

pub fn time(row: &Row, column: &str) -> rusqlite::Result<Time> {
    row.get(column).map(from_ms)
}
pub fn maybe_time(row: &Row, column: &str) -> rusqlite::Result<Option<Time>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_ms))
}

/// A stable word; one that this binary does not know is an error that names the column.
pub fn word<T>(row: &Row, column: &str, parse: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    parse(row.get_ref(column)?.as_str()?).ok_or_else(|| unknown(row, column))
}
pub fn maybe_word<T>(row: &Row, column: &str, parse: fn(&str) -> Option<T>) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => parse(text).map(Some).ok_or_else(|| unknown(row, column)),
        None => Ok(None),
    }
}

fn unknown(row: &Row, column: &str) -> rusqlite::Error {
    let text: String = row.get(column).unwrap_or_default();
    let what = FromSqlError::Other(format!("{column} holds {text:?}, which this version does not know").into());
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(what))
}

/// A name made of text: extension, PBX, call.
pub fn name<T: for<'a> From<&'a str>>(row: &Row, column: &str) -> rusqlite::Result<T> {
    Ok(row.get_ref(column)?.as_str()?.into())
}
pub fn maybe_name<T: for<'a> From<&'a str>>(row: &Row, column: &str) -> rusqlite::Result<Option<T>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(Into::into))
}
/// Somebody's id, where there is one.
pub fn maybe_person(row: &Row, column: &str) -> rusqlite::Result<Option<PersonId>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(PersonId))
}
pub fn number(row: &Row, column: &str) -> rusqlite::Result<Number> {
    Ok(Number::from_canonical(row.get_ref(column)?.as_str()?))
}
pub fn maybe_number(row: &Row, column: &str) -> rusqlite::Result<Option<Number>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(Number::from_canonical))
}

/// A row of `tickets`.
pub fn ticket_of_row(row: &Row) -> rusqlite::Result<Ticket> {
    Ok(Ticket {
        id: TicketId(row.get("id")?),
        number: row.get("number")?,
        kind: word(row, "kind", Kind::parse)?,
        category: row.get("category")?,
        priority: word(row, "priority", Priority::parse)?,
        complexity: word(row, "complexity", Complexity::parse)?,
        channel: word(row, "channel", Channel::parse)?,
        summary: row.get("summary")?,
        course: row.get("course")?,
        demand: row.get("demand")?,
        object: handlings::object(row)?,
        state: word(row, "state", TicketState::parse)?,
        owner: maybe_person(row, "owner")?,
        handler: maybe_person(row, "handler")?,
        department: maybe_name(row, "department")?,
        customer: row.get::<_, Option<i64>>("customer")?.map(CustomerId),
        caller: maybe_number(row, "caller")?,
        opened_at: time(row, "opened_at_ms")?,
        closed_at: maybe_time(row, "closed_at_ms")?,
        merged_into: row.get::<_, Option<i64>>("merged_into")?.map(TicketId),
        version: row.get("version")?,
    })
}

/// The proof in a row of `obligations`.
pub fn proof(row: &Row) -> rusqlite::Result<Option<Proof>> {
    let Some(call) = maybe_name::<CallId>(row, "proof_call")? else { return Ok(None) };
    Ok(Some(Proof {
        call,
        agent: name(row, "proof_agent")?,
        from: time(row, "proof_from_ms")?,
        talk_ms: row.get("proof_talk_ms")?,
    }))
}

/// Who took the obligation of the row last, and until when.
pub fn claim(row: &Row) -> rusqlite::Result<Option<Claim>> {
    let by = maybe_person(row, "claimed_by")?;
    Ok(by.zip(maybe_time(row, "claimed_until_ms")?).map(|(by, until)| Claim { by, until }))
}

/// What the customer said, as far as the row has it.
pub fn survey(row: &Row) -> rusqlite::Result<Option<Survey>> {
    let result = maybe_word(row, "survey", Satisfaction::parse)?;
    let words = row.get::<_, Option<String>>("survey_words")?.unwrap_or_default();
    let score = row.get("survey_score")?;
    Ok(result.map(|result| Survey { result, words, score }))
}

pub fn clock_kind(row: &Row) -> rusqlite::Result<ClockKind> {
    word(row, "kind", ClockKind::parse)
}
pub fn obligation_state(row: &Row) -> rusqlite::Result<ObligationState> {
    word(row, "state", ObligationState::parse)
}
pub fn rung(row: &Row, column: &str) -> rusqlite::Result<Rung> {
    word(row, column, Rung::parse)
}
