//! The policy in force: every figure that a decision goes by, as data.

mod file;
mod rule;
mod script;
mod terms;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use jiff::tz::TimeZone;

use super::calendar::{Calendar, Week, day_in};
use super::clock::Basis;
use super::deadline::{self, Ladder, Window};
use super::draw::Seed;
use crate::number::Numbering;
use crate::{PbxName, Time};
pub use file::{Change, Mistake, changes, with_year};
pub use rule::{ClockRule, Clocks, Exception, Hours, Standing, Subject, Target, When};
pub use script::{Script, Scripts};
pub use terms::{Callback, Notices, Recipient, Responsible, Steps, Terms};

/// The longest text of a site's terms: with all their comments they take a tenth of it, and a form
/// with it, encoded, stays within what a request may hold.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// So far ahead a year's table of holidays should be there, however short the clocks are: there is time
/// to bring it.
const LOOK_AHEAD: TimeDelta = TimeDelta::days(60);

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Why people take a break, where the site does not say otherwise.
pub const PAUSE_REASONS: [&str; 5] = ["break", "meal", "training", "paperwork", "other"];

#[derive(Clone, Debug)]
pub struct Policy {
    /// Counts up with each change of the terms; 0: as shipped.
    pub version: i64,
    pub terms: Terms,
    /// What closed matters are drawn by; the store's, whatever the terms.
    pub seed: Seed,
    /// Ticket numbers go by its days.
    pub zone: TimeZone,
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
    all_hours: Calendar,
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
            version: 0,
            terms: Terms::usual(&zone),
            seed: Seed::default(),
            all_hours: Calendar::all_hours(zone.clone()),
            zone,
            session_ms: 12 * HOUR_MS,
            session_idle_ms: 8 * HOUR_MS,
            session_renew_ms: 5 * MINUTE_MS,
            categories: categories.map(String::from).into(),
            pause_reasons: PAUSE_REASONS.map(String::from).into(),
            numbering,
            numbering_at: BTreeMap::new(),
        }
    }

    /// The same with other terms.
    pub fn with(&self, version: i64, terms: Terms) -> Policy {
        Policy { version, terms, ..self.clone() }
    }

    /// The same with other lots.
    pub fn seeded(&self, seed: Seed) -> Policy {
        Policy { seed, ..self.clone() }
    }

    /// The years of which a calendar needs the table of holidays and has none, with the calendars'
    /// names: what falls due in them is reckoned as if they had no holidays. From `now` as far ahead as
    /// anything that is owed now can fall due in the calendar's hours, but for what stands still, and for
    /// 60 days at least.
    pub fn unknown_years(&self, now: Time) -> BTreeMap<i16, Vec<String>> {
        let longest_ms = self.terms.clocks.longest_open_ms();
        let mut unknown: BTreeMap<i16, Vec<String>> = BTreeMap::new();
        for (name, calendar) in &self.terms.calendars {
            let last_due = calendar.after(now, longest_ms).unwrap_or(now);
            for year in calendar.unknown_years(now, last_due.max(now + LOOK_AHEAD)) {
                unknown.entry(year).or_default().push(name.clone());
            }
        }
        unknown
    }

    /// When each rung of an obligation is due; the same facts always give the same ladder.
    pub fn ladder(&self, basis: &Basis) -> Ladder {
        let rule = self.terms.clocks.rule(basis.kind);
        let calendar = match rule.hours {
            Hours::All => &self.all_hours,
            Hours::Open => self.terms.calendar(basis),
        };
        let window = match rule.target(&basis.subject) {
            Target::Within { ms } => Window::Counted { ms },
            Target::EndOfMonth => Window::Until(calendar.month_end(basis.began_at)),
            Target::Promised => Window::Until(basis.promised_at.unwrap_or(basis.began_at)),
        };
        deadline::ladder(basis.began_at, window, &basis.suspensions, self.terms.steps, calendar)
    }

    /// When people may be told of what fires at `at`: at once, or at the end of the quiet hours in
    /// which it lies. Hours that never end are no quiet hours.
    pub fn send_at(&self, at: Time) -> Time {
        let quiet = &self.terms.notices.quiet;
        if quiet.is_empty() {
            return at;
        }
        let week = Week::new(std::array::from_fn(|_| quiet.clone()));
        let hours = Calendar { week, ..Calendar::all_hours(self.zone.clone()) };
        let stretch = hours.stretch(at).filter(|(from, to)| *to - *from < TimeDelta::days(2));
        stretch.map_or(at, |(_, to)| to)
    }

    /// When a session that began then and was last used then ends of itself.
    pub fn session_ends(&self, began_at: Time, used_at: Time) -> Time {
        let idle = used_at + TimeDelta::milliseconds(self.session_idle_ms);
        idle.min(began_at + TimeDelta::milliseconds(self.session_ms))
    }

    /// The site's day at that moment, as `YYYYMMDD`.
    pub fn day(&self, at: Time) -> i64 {
        let date = day_in(&self.zone, at);
        i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().expect("a time")
    }

    fn years(text: &str, now: &str) -> Vec<i16> {
        let policy = Policy::new(TimeZone::get("Asia/Shanghai").expect("a zone"), Numbering::new("CN", None));
        let terms = Terms::read(text, &policy).expect(text);
        policy.with(1, terms).unknown_years(at(now)).into_keys().collect()
    }

    #[test]
    fn a_year_without_holidays_is_told_as_far_ahead_as_anything_can_be_owed() {
        let site = "[calendar.site]\nholidays = \"own\"\nyear.2026.off = []\n";
        assert_eq!(years("", "2026-12-31T00:00:00Z"), [0; 0], "a site that works through holidays lacks no table");
        // Shanghai's year turns eight hours before UTC's; the 60th day ahead is then in it.
        assert_eq!(years(site, "2026-11-01T15:59:59Z"), [0; 0]);
        assert_eq!(years(site, "2026-11-01T16:00:00Z"), [2027]);
        assert_eq!(years(site, "2026-12-31T16:00:00Z"), [2027]);
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let week: String = days.map(|day| format!("{day} = \"09:00-17:00\"\n")).concat();
        let long =
            format!("[clock.first_response]\nexcept = [{{ kind = \"other\", within = \"800h\" }}]\n{site}{week}");
        // A hundred days of eight hours reach from the 23rd of September on into the year that follows.
        assert_eq!(years(&long, "2026-09-22T09:00:00Z"), [0; 0]);
        assert_eq!(years(&long, "2026-09-24T09:00:00Z"), [2027]);
        let all = long.replace("[clock.first_response]", "[clock.first_response]\nhours = \"all\"");
        assert_eq!(years(&all, "2026-09-24T09:00:00Z"), [0; 0], "no calendar is asked about all hours");
    }
}
