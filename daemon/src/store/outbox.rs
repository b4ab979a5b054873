//! What is to be told, and the messages that tell it.
//!
//! A rung writes a row for each whom it tells, in its own transaction. Messages are put together
//! from rows in a transaction of their own: each row gets its one message, so that a kill between any
//! two steps loses nothing and tells nothing in two messages. A message is then delivered at least
//! once under its id.
//!
//! Who is to be told of few things gets a message for each; from the policy's count on, one for
//! all. A steady trickle is a storm too, so each person's messages are paced: one less than that
//! count at once, and then one in [`PACE`]. What comes sooner waits and comes as one.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rusqlite::{Connection, Row, params};

use super::column::{from_ms, ms, time, word};
use super::read::LIST;
use super::{Result, Store, Writing};
use crate::desk::News;
use crate::live::{About, Message, Telling};
use crate::{MessageId, ObligationId, PersonId, TicketId, Time};

/// Once somebody was told of much, they hear of the rest this often: soon enough to act on what is
/// late, and seldom enough to get something done in between. What is owed stands on their pages at
/// once in any case.
const PACE: TimeDelta = TimeDelta::minutes(5);

/// What is delivered says this many of a message's rungs; the rest is read where it is shown.
const SAID: i64 = 20;

impl Store {
    /// When the first of what is in no message yet is to be told; it may be past.
    pub fn next_to_send(&self) -> Result<Option<Time>> {
        let mut first = self.db.prepare_cached("SELECT min(send_at_ms) FROM outbox WHERE message IS NULL")?;
        first.query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.map(from_ms)))
    }
}

impl Writing<'_> {
    /// Puts all that is to be told at `now` into messages.
    pub fn compose(&mut self, now: Time) -> Result<()> {
        let waiting: Vec<(i64, i64)> = self
            .db
            .prepare_cached(
                "SELECT person, count(*) FROM outbox WHERE message IS NULL AND send_at_ms <= ?1
                 GROUP BY person ORDER BY person",
            )?
            .query_map([ms(now)], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_>>()?;
        let at_once = i32::try_from(self.policy.terms.notices.digest_from).unwrap_or(i32::MAX).max(2) - 1;
        for (person, count) in waiting {
            let pace = self.pace(person, at_once, now)?;
            if count <= pace.left {
                self.one_by_one(person, now)?;
                self.paced(person, pace.after(count))?;
            } else if pace.left > 0 {
                let message = self.message(person, count, now)?;
                let all = "UPDATE outbox SET message = ?1 WHERE person = ?2 AND message IS NULL AND send_at_ms <= ?3";
                self.db.prepare_cached(all)?.execute(params![message, person, ms(now)])?;
                self.paced(person, pace.after(1))?;
            } else {
                self.paced(person, pace.until)?;
                let send_at = self.policy.send_at(pace.next_at);
                let later =
                    "UPDATE outbox SET send_at_ms = ?1 WHERE person = ?2 AND message IS NULL AND send_at_ms <= ?3";
                self.db.prepare_cached(later)?.execute(params![ms(send_at), person, ms(now)])?;
            }
        }
        Ok(())
    }

    fn pace(&self, person: i64, at_once: i32, now: Time) -> Result<Pace> {
        let until = self
            .db
            .prepare_cached("SELECT paced_until_ms FROM people WHERE id = ?1")?
            .query_row([person], |row| time(row, "paced_until_ms"))?;
        Ok(Pace::new(until, at_once, now))
    }

    fn paced(&self, person: i64, until: Time) -> Result<()> {
        let sql = "UPDATE people SET paced_until_ms = ?2 WHERE id = ?1";
        self.db.prepare_cached(sql)?.execute(params![person, ms(until)]).map(drop)
    }

    fn one_by_one(&mut self, person: i64, now: Time) -> Result<()> {
        let rows: Vec<i64> = self
            .db
            .prepare_cached(
                "SELECT id FROM outbox WHERE person = ?1 AND message IS NULL AND send_at_ms <= ?2 ORDER BY id",
            )?
            .query_map(params![person, ms(now)], |row| row.get(0))?
            .collect::<Result<_>>()?;
        for row in rows {
            let message = self.message(person, 1, now)?;
            self.db.prepare_cached("UPDATE outbox SET message = ?1 WHERE id = ?2")?.execute([message, row])?;
        }
        Ok(())
    }

    fn message(&mut self, person: i64, told: i64, now: Time) -> Result<i64> {
        let id = self.ids.draw(1);
        self.db
            .prepare_cached("INSERT INTO messages (id, channel, person, told, at_ms) VALUES (?1, 'desk', ?2, ?3, ?4)")?
            .execute(params![id, person, told, ms(now)])?;
        Ok(id)
    }

    pub fn delivered(&mut self, messages: &[MessageId], now: Time) -> Result<()> {
        let mut statement = self
            .db
            .prepare_cached("UPDATE messages SET delivered_at_ms = ?2 WHERE id = ?1 AND delivered_at_ms IS NULL")?;
        for message in messages {
            statement.execute(params![message.0, ms(now)])?;
        }
        Ok(())
    }
}

/// How many messages somebody may get now.
struct Pace {
    left: i64,
    /// When there is one more.
    next_at: Time,
    /// With each message this moves on by [`PACE`].
    until: Time,
}

impl Pace {
    fn new(until: Time, at_once: i32, now: Time) -> Pace {
        // A clock that was set back since makes nobody wait for longer.
        let until = until.clamp(now, now + PACE * at_once);
        let left = (now + PACE * at_once - until).num_milliseconds() / PACE.num_milliseconds();
        Pace { left, next_at: until - PACE * (at_once - 1), until }
    }

    fn after(&self, messages: i64) -> Time {
        self.until + PACE * i32::try_from(messages).unwrap_or(i32::MAX)
    }
}

const MESSAGES: &str = "SELECT id, person, told, at_ms FROM messages";

/// Those that have not reached their channel, oldest first; at most [`LIST`].
pub fn undelivered(db: &Connection, after: MessageId) -> Result<Vec<Message>> {
    let sql = format!("{MESSAGES} WHERE delivered_at_ms IS NULL AND id > ?1 ORDER BY id LIMIT ?2");
    messages(db, &sql, params![after.0, LIST], SAID)
}

/// What the person was told since that message, oldest first; at most [`LIST`].
pub fn told(db: &Connection, person: PersonId, after: MessageId) -> Result<Vec<Message>> {
    let sql = format!("{MESSAGES} WHERE person = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    messages(db, &sql, params![person.0, after.0, LIST], SAID)
}

/// With the first [`LIST`] of what it tells.
pub fn message(db: &Connection, id: MessageId) -> Result<Option<Message>> {
    let sql = format!("{MESSAGES} WHERE id = ?1");
    Ok(messages(db, &sql, [id.0], LIST)?.pop())
}

fn messages(db: &Connection, sql: &str, values: impl rusqlite::Params, said: i64) -> Result<Vec<Message>> {
    let mut messages = db.prepare_cached(sql)?.query_map(values, message_row)?.collect::<Result<Vec<_>>>()?;
    for message in &mut messages {
        message.tellings = tellings(db, message.id, said)?;
    }
    Ok(messages)
}

fn message_row(row: &Row) -> Result<Message> {
    Ok(Message {
        id: MessageId(row.get("id")?),
        person: PersonId(row.get("person")?),
        at: time(row, "at_ms")?,
        count: row.get("told")?,
        tellings: Vec::new(),
    })
}

fn tellings(db: &Connection, message: MessageId, limit: i64) -> Result<Vec<Telling>> {
    db.prepare_cached("SELECT id, obligation, ticket, rung, at_ms FROM outbox WHERE message = ?1 ORDER BY id LIMIT ?2")?
        .query_map([message.0, limit], |row| {
            let instead_of = db
                .prepare_cached("SELECT person FROM outbox_instead_of WHERE outbox = ?1")?
                .query_map([row.get::<_, i64>("id")?], |row| row.get(0).map(PersonId))?
                .collect::<Result<BTreeSet<_>>>()?;
            Ok(Telling {
                about: match row.get::<_, Option<i64>>("obligation")? {
                    Some(obligation) => About::Owed(ObligationId(obligation)),
                    None => About::Matter(TicketId(row.get("ticket")?)),
                },
                news: word(row, "rung", News::parse)?,
                at: time(row, "at_ms")?,
                instead_of,
            })
        })?
        .collect()
}
