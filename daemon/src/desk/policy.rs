//! The policy in force: every figure that a decision goes by, as data.

mod rule;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use jiff::tz::TimeZone;

use super::clock::{ClockKind, Ladder};
use crate::number::Numbering;
use crate::{PbxName, Time};
pub use rule::{ClockRule, Clocks, Exception, Hours, Subject, Target, When};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Why people take a break, where the site does not say otherwise.
pub const PAUSE_REASONS: [&str; 5] = ["break", "meal", "training", "paperwork", "other"];

#[derive(Clone, Debug)]
pub struct Policy {
    /// Ticket numbers go by its days.
    pub zone: TimeZone,
    pub calendar: Calendar,
    /// How long somebody who was missed may wait for our call.
    pub missed_call: Window,
    /// The reminder's place in the window.
    pub reminder_percent: i64,
    /// From the deadline to the escalation, at all hours.
    pub escalated_after_ms: i64,
    /// What a talk must last to prove a callback.
    pub proof_talk_ms: i64,
    /// From signing in to being asked again, however busy.
    pub session_ms: i64,
    /// From the last page that was asked for to being asked again.
    pub session_idle_ms: i64,
    /// A session's idle time is written anew when it is off by so much: no write a request.
    pub session_renew_ms: i64,
    /// Codes of what a ticket may be about; their names are texts.
    pub categories: Vec<String>,
    /// Codes of why somebody may take a break; their names are texts.
    pub pause_reasons: Vec<String>,
    /// How the site's people write numbers.
    pub numbering: Numbering,
    /// How numbers are dialled on each PBX; as the site writes them where there is nothing else.
    pub numbering_at: BTreeMap<PbxName, Numbering>,
}

/// The length of a window in milliseconds of the calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub normal_ms: i64,
    pub key_customer_ms: i64,
}

/// The hours that count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Calendar {
    AllHours,
}

impl Policy {
    /// The default policy, for a site in `zone` whose people write numbers as `numbering` reads.
    pub fn new(zone: TimeZone, numbering: Numbering) -> Policy {
        let categories = [
            "product_quality",
            "description_mismatch",
            "delivery",
            "service_attitude",
            "after_sales",
            "information",
            "other",
        ];
        Policy {
            zone,
            calendar: Calendar::AllHours,
            missed_call: Window { normal_ms: 30 * MINUTE_MS, key_customer_ms: 10 * MINUTE_MS },
            reminder_percent: 80,
            escalated_after_ms: 24 * HOUR_MS,
            proof_talk_ms: 10_000,
            session_ms: 12 * HOUR_MS,
            session_idle_ms: 8 * HOUR_MS,
            session_renew_ms: 5 * MINUTE_MS,
            categories: categories.map(String::from).into(),
            pause_reasons: PAUSE_REASONS.map(String::from).into(),
            numbering,
            numbering_at: BTreeMap::new(),
        }
    }

    /// When each rung of an obligation is due; the same facts always give the same ladder.
    pub fn ladder(&self, kind: ClockKind, began_at: Time, key_customer: bool) -> Ladder {
        let window = match kind {
            ClockKind::MissedCall
            | ClockKind::FirstResponse
            | ClockKind::Acceptance
            | ClockKind::Resolution
            | ClockKind::Promise
            | ClockKind::Filing
            | ClockKind::ReturnVisit
            | ClockKind::SpotCheck => self.missed_call,
        };
        let window_ms = if key_customer { window.key_customer_ms } else { window.normal_ms };
        let due_at = self.calendar.after(began_at, window_ms);
        Ladder {
            reminder_at: self.calendar.after(began_at, window_ms * self.reminder_percent / 100),
            due_at,
            escalated_at: Calendar::AllHours.after(due_at, self.escalated_after_ms),
        }
    }

    /// When a session that began then and was last used then ends of itself.
    pub fn session_ends(&self, began_at: Time, used_at: Time) -> Time {
        let idle = used_at + TimeDelta::milliseconds(self.session_idle_ms);
        idle.min(began_at + TimeDelta::milliseconds(self.session_ms))
    }

    /// The site's day at that moment, as `YYYYMMDD`.
    pub fn day(&self, at: Time) -> i64 {
        let stamp = jiff::Timestamp::from_millisecond(at.timestamp_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = stamp.to_zoned(self.zone.clone()).date();
        i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
    }
}

impl Calendar {
    /// The moment at which `open_ms` of counted hours have passed since `from`.
    pub fn after(&self, from: Time, open_ms: i64) -> Time {
        match self {
            Calendar::AllHours => from + TimeDelta::milliseconds(open_ms),
        }
    }
}
