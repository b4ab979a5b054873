//! Which moments count: weekly hours, days that differ from their week, and the site's zone.
//!
//! A clock of open hours asks two things: when so much of them will have passed, and how much has
//! passed between two moments. Both are pure, so a deadline can be reckoned anew at any time. A
//! date's own hours go before the official table of its year, and that before the week. A year
//! whose table is not there is reckoned as plain weeks, and [`Calendar::unknown_years`] says so:
//! somebody has to be told that its holidays were not known.
//!
//! All rules of time zones are here.

pub mod china;
pub mod ical;
pub mod slot;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Time;
pub use slot::{DAY_MIN, Slot, Slots, Week};

/// How far back hours are looked for: no site is closed for longer.
const LOOK_BACK: TimeDelta = TimeDelta::days(112);

#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    pub zone: TimeZone,
    pub week: Week,
    /// Hours of the make-up days of the official tables; none: those of a Monday.
    pub make_up: Option<Slots>,
    /// The official tables by year. None: the site works through holidays, and no table is missing.
    pub official: Option<BTreeMap<i16, Official>>,
    /// Days with hours of their own; empty hours: closed.
    pub dates: BTreeMap<Date, Slots>,
}

/// What a country's table says of one year.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Official {
    /// Days off, with the holiday's name.
    pub holidays: BTreeMap<Date, Box<str>>,
    /// Days of a weekend on which all work, for a holiday elsewhere.
    pub make_up_days: BTreeSet<Date>,
}

impl Calendar {
    /// Open at all hours; only its zone matters.
    pub fn all_hours(zone: TimeZone) -> Calendar {
        Calendar { zone, week: Week::all_hours(), make_up: None, official: None, dates: BTreeMap::new() }
    }

    /// The earliest moment at which `open_ms` of open hours have passed since `from`; `from` itself
    /// for none. None: the calendar has no open hours to come.
    pub fn after(&self, from: Time, open_ms: i64) -> Option<Time> {
        if open_ms <= 0 {
            return Some(from);
        }
        let mut left_ms = open_ms;
        for (opens_at, closes_at) in self.spans(from) {
            let opens_at = opens_at.max(from);
            let span_ms = (closes_at - opens_at).num_milliseconds().max(0);
            if span_ms >= left_ms {
                return Some(opens_at + TimeDelta::milliseconds(left_ms));
            }
            left_ms -= span_ms;
        }
        None
    }

    /// The open hours between two moments, in milliseconds; none when they stand the other way.
    pub fn between_ms(&self, from: Time, to: Time) -> i64 {
        let spans = self.spans(from).take_while(|(opens_at, _)| *opens_at < to);
        spans.map(|(opens_at, closes_at)| (closes_at.min(to) - opens_at.max(from)).num_milliseconds().max(0)).sum()
    }

    /// The latest moment since which `open_ms` of open hours have passed at `to`. None: there were not so
    /// many within the last sixteen weeks.
    pub fn before(&self, to: Time, open_ms: i64) -> Option<Time> {
        if open_ms <= 0 {
            return Some(to);
        }
        let mut back = TimeDelta::days(7);
        let from = loop {
            match to - back {
                from if self.between_ms(from, to) >= open_ms => break from,
                _ if back >= LOOK_BACK => return None,
                _ => back = (back * 4).min(LOOK_BACK),
            }
        };
        let spans: Vec<_> = self.spans(from).take_while(|(opens_at, _)| *opens_at < to).collect();
        let mut left_ms = open_ms;
        for (opens_at, closes_at) in spans.into_iter().rev() {
            let (opens_at, closes_at) = (opens_at.max(from), closes_at.min(to));
            let span_ms = (closes_at - opens_at).num_milliseconds().max(0);
            if span_ms >= left_ms {
                return Some(closes_at - TimeDelta::milliseconds(left_ms));
            }
            left_ms -= span_ms;
        }
        None
    }

    pub fn is_open(&self, at: Time) -> bool {
        self.spans(at).next().is_some_and(|(opens_at, _)| opens_at <= at)
    }

    /// The stretch of open hours in which `at` lies; of one that began before yesterday only the
    /// part since then. None: it is closed then.
    pub fn stretch(&self, at: Time) -> Option<(Time, Time)> {
        self.spans(at).next().filter(|(opens_at, _)| *opens_at <= at)
    }

    /// When it is open next: `from` itself when it is open then. None: never again.
    pub fn open_from(&self, from: Time) -> Option<Time> {
        self.spans(from).next().map(|(opens_at, _)| opens_at.max(from))
    }

    /// The end of the last open hours of the month in which `at` lies, where they end after `at`;
    /// else the end of the month.
    pub fn month_end(&self, at: Time) -> Time {
        let (first, last) = (self.day(at), self.day(at).last_of_month());
        let midnight = self.instant(last, DAY_MIN);
        let mut days = last.series(jiff::Span::new().days(-1)).take_while(|day| *day >= first);
        let closes = days.find_map(|day| self.hours_of(day).iter().last().map(|slot| self.instant(day, slot.to_min)));
        closes.map(|closes_at| closes_at.min(midnight)).filter(|closes_at| *closes_at > at).unwrap_or(midnight)
    }

    /// The years that the days from `from` to `to` touch and for which there is no official table.
    pub fn unknown_years(&self, from: Time, to: Time) -> Vec<i16> {
        let Some(official) = &self.official else { return Vec::new() };
        let years = self.day(from).year()..=self.day(to).year();
        years.filter(|year| !official.contains_key(year)).collect()
    }

    /// The site's day at that moment.
    pub fn day(&self, at: Time) -> Date {
        day_in(&self.zone, at)
    }

    /// The hours of a day, from its own midnight on.
    pub fn hours_of(&self, day: Date) -> &Slots {
        const CLOSED: &Slots = &Slots::CLOSED;
        if let Some(hours) = self.dates.get(&day) {
            return hours;
        }
        let official = self.official.as_ref().and_then(|tables| tables.get(&day.year()));
        match official {
            Some(table) if table.holidays.contains_key(&day) => CLOSED,
            Some(table) if table.make_up_days.contains(&day) => {
                self.make_up.as_ref().unwrap_or(self.week.of(jiff::civil::Weekday::Monday))
            }
            Some(_) | None => self.week.of(day.weekday()),
        }
    }

    /// Stretches of open hours in their order, none touching the next; the first is the first that
    /// ends after `from`. Infinite while the week has hours.
    fn spans(&self, from: Time) -> impl Iterator<Item = (Time, Time)> {
        // Yesterday's hours may reach into today.
        let first = self.day(from).yesterday().unwrap_or(Date::MIN);
        let last = self.last_day(first);
        let slots = first.series(jiff::Span::new().days(1)).take_while(move |day| *day <= last).flat_map(|day| {
            let instants = |slot: &Slot| (self.instant(day, slot.from_min), self.instant(day, slot.to_min));
            self.hours_of(day).iter().map(instants).collect::<Vec<_>>()
        });
        Merged { slots: slots.peekable() }.filter(move |(_, closes_at)| *closes_at > from)
    }

    /// Where there is nothing to be found any more: a week without hours has only its odd days.
    fn last_day(&self, first: Date) -> Date {
        if !self.week.is_closed() {
            return Date::MAX;
        }
        let made_up = self.make_up.as_ref().filter(|hours| !hours.is_empty()).and(self.official.as_ref());
        let made_up = made_up.into_iter().flat_map(|tables| tables.values()).flat_map(|table| &table.make_up_days);
        made_up.chain(self.dates.keys()).max().copied().unwrap_or(first)
    }

    /// A wall clock's time, of which there is none or are two where clocks are changed: then the
    /// one that the clocks before the change lead to.
    fn instant(&self, day: Date, minute: u16) -> Time {
        let day = if minute < DAY_MIN { day } else { day.tomorrow().unwrap_or(Date::MAX) };
        let minute = minute % DAY_MIN;
        let wall = day.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
        let stamp = self.zone.to_ambiguous_zoned(wall).compatible().map(|zoned| zoned.timestamp());
        from_stamp(stamp.unwrap_or(Timestamp::MAX))
    }
}

/// The day that a clock in `zone` shows at that moment.
pub fn day_in(zone: &TimeZone, at: Time) -> Date {
    let stamp = Timestamp::from_millisecond(at.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.to_zoned(zone.clone()).date()
}

fn from_stamp(stamp: Timestamp) -> Time {
    DateTime::from_timestamp_millis(stamp.as_millisecond()).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC)
}

/// Slots that touch or overlap are one stretch.
struct Merged<I: Iterator<Item = (Time, Time)>> {
    slots: std::iter::Peekable<I>,
}

impl<I: Iterator<Item = (Time, Time)>> Iterator for Merged<I> {
    type Item = (Time, Time);

    fn next(&mut self) -> Option<(Time, Time)> {
        let (opens_at, mut closes_at) = self.slots.next()?;
        // A stretch that never ends would be looked through for ever.
        let enough = opens_at + TimeDelta::days(MERGED_DAYS);
        while let Some((_, later)) = self.slots.next_if(|(next, _)| *next <= closes_at && closes_at < enough) {
            closes_at = closes_at.max(later);
        }
        Some((opens_at, closes_at))
    }
}

/// Stretches longer than this are told in pieces.
const MERGED_DAYS: i64 = 31;

#[cfg(test)]
mod tests;
