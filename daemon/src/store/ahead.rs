//! What is left of a clock that was far ahead, once it is set back.
//!
//! What was to be told at times that the clock showed then is told now. What began then stays reckoned
//! from there, and is told of: which of two clocks was right nobody here can know, and a machine that
//! wakes up in a year long past, until it has asked for the time, sets its clock back too. Were times
//! moved with it, all that is owed would fire at once when the right time is there again.

use rusqlite::params;

use super::column::ms;
use super::{Result, Writing};
use crate::Time;
use crate::ledger::{Entry, Hindrance};

/// Nothing waits so long to be told: quiet hours end within two days.
const WAITS_AT_MOST_MS: i64 = 3 * 24 * 60 * 60 * 1000;

impl Writing<'_> {
    /// Lets what waits to be told be told.
    pub fn tells_what_lies_ahead(&mut self, now: Time) -> Result<()> {
        let send_at = self.policy.send_at(now);
        self.db
            .prepare_cached("UPDATE outbox SET send_at_ms = ?1 WHERE message IS NULL AND send_at_ms > ?2")?
            .execute(params![ms(send_at), ms(now) + WAITS_AT_MOST_MS])
            .map(drop)
    }

    /// Notes what is owed since a time that has not come yet.
    pub fn notes_what_lies_ahead(&mut self, now: Time) -> Result<()> {
        let question = "SELECT count(*) FROM obligations WHERE state = 'open' AND began_at_ms > ?1";
        let count: i64 = self.db.prepare_cached(question)?.query_row([ms(now)], |row| row.get(0))?;
        if count == 0 {
            return Ok(());
        }
        let detail = format!(
            "Our clock was set back by more than a day. {count} obligations began while it was ahead, and are reckoned \
             from then: their deadlines lie as far ahead. Promise the customers a time, or waive these."
        );
        tracing::warn!("{detail}");
        self.ledger(&Entry { pbx: None, at: now, what: Hindrance::ClockStep, detail })
    }
}
