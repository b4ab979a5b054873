//! Who was asked how they were served and what they said, one by one: what stands behind the counts.

use rusqlite::{Connection, Row, params};

use super::column::*;
use super::read::Way;
use crate::desk::ticket::Satisfaction;
use crate::names::words;
use crate::{CallId, Extension, PersonId, QueueName, Time};

type Result<T> = rusqlite::Result<T>;

words! {
    /// How far an asking came, and to what.
    Heard {
        Offered = "offered",
        Heard = "heard",
        Answered = "answered",
        Satisfied = "satisfied",
        Fairly = "fairly",
        Dissatisfied = "dissatisfied",
    }
}

/// Who served the customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    Person(PersonId),
    /// As the PBX names somebody who is nobody here.
    Agent(Extension),
    Nobody,
}

/// Which askings of those that were offered in `[from, to)`.
#[derive(Clone, Debug)]
pub struct AskingFilter {
    pub from: Time,
    pub to: Time,
    pub came: Heard,
    pub way: Option<Way>,
    /// `Some(None)`: of no queue.
    pub queue: Option<Option<QueueName>>,
    pub server: Option<Server>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    pub offered_at: Time,
    pub way: Way,
    /// Its number and what it is about; none where the call became no matter's.
    pub ticket: Option<(String, String)>,
    pub call: Option<CallId>,
    pub server: Server,
    pub queue: Option<QueueName>,
    pub heard_at: Option<Time>,
    pub answered_at: Option<Time>,
    /// Also where it is no answer.
    pub pressed: Option<u8>,
    pub result: Option<Satisfaction>,
    pub score: Option<u8>,
    /// What the customer said beside, as an agent wrote it down.
    pub words: String,
}

/// Newest first; at most `limit`.
pub fn list(db: &Connection, filter: &AskingFilter, limit: i64) -> Result<Vec<Asking>> {
    let (person, agent) = match &filter.server {
        Some(Server::Person(person)) => (Some(person.0), None),
        Some(Server::Agent(agent)) => (None, Some(agent.as_str())),
        Some(Server::Nobody) | None => (None, None),
    };
    db.prepare_cached(
        "SELECT y.*, t.number, t.summary, coalesce(v.words, '') AS words FROM surveyings y
         LEFT JOIN tickets t ON t.id = y.ticket LEFT JOIN surveys v ON v.obligation = y.obligation
         WHERE y.offered_at_ms >= ?1 AND y.offered_at_ms < ?2
            AND (?3 = 'offered' OR (?3 = 'heard' AND y.heard_at_ms IS NOT NULL)
                OR (?3 = 'answered' AND y.result IS NOT NULL) OR y.result = ?3)
            AND (?4 IS NULL OR y.way = ?4) AND (?5 = 0 OR y.queue IS NOT DISTINCT FROM ?6)
            AND (?7 = 0 OR (y.person IS NOT DISTINCT FROM ?8
                AND (?8 IS NOT NULL OR y.agent IS NOT DISTINCT FROM ?9)))
         ORDER BY y.offered_at_ms DESC, y.key LIMIT ?10",
    )?
    .query_map(
        params![
            ms(filter.from),
            ms(filter.to),
            filter.came.as_str(),
            filter.way.map(Way::as_str),
            filter.queue.is_some(),
            filter.queue.as_ref().and_then(|queue| queue.as_ref()).map(|queue| queue.as_str()),
            filter.server.is_some(),
            person,
            agent,
            limit,
        ],
        asking,
    )?
    .collect()
}

fn asking(row: &Row) -> Result<Asking> {
    let number: Option<String> = row.get("number")?;
    Ok(Asking {
        offered_at: time(row, "offered_at_ms")?,
        way: word(row, "way", Way::parse)?,
        ticket: number.zip(row.get("summary")?),
        call: maybe_name(row, "call")?,
        server: Server::of(maybe_person(row, "person")?, maybe_name(row, "agent")?),
        queue: maybe_name(row, "queue")?,
        heard_at: maybe_time(row, "heard_at_ms")?,
        answered_at: maybe_time(row, "answered_at_ms")?,
        pressed: row.get("pressed")?,
        result: maybe_word(row, "result", Satisfaction::parse)?,
        score: row.get("score")?,
        words: row.get("words")?,
    })
}

impl Server {
    pub fn of(person: Option<PersonId>, agent: Option<Extension>) -> Server {
        match (person, agent) {
            (Some(person), _) => Server::Person(person),
            (None, Some(agent)) => Server::Agent(agent),
            (None, None) => Server::Nobody,
        }
    }
}
