//! The calendars of a file: weekly hours, dates of their own, and the tables of holidays.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use toml::de::DeTable;

use super::reading::{Reading, Value};
use super::writing;
use super::{Ground, Terms};
use crate::desk::calendar::{Calendar, Official, Slots, Week, china};

pub const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The hours of a Monday.
pub const AS_MONDAY: &str = "monday";

/// Whose tables of holidays a calendar goes by.
#[derive(Clone, Copy, PartialEq)]
pub enum Holidays {
    /// The site works through them.
    None,
    /// Mainland China's, as they ship; the file's own years go before them.
    China,
    /// Only those that the file brings.
    Own,
}

impl Holidays {
    const ALL: [Holidays; 3] = [Holidays::China, Holidays::Own, Holidays::None];

    pub fn word(self) -> &'static str {
        match self {
            Holidays::None => "none",
            Holidays::China => "CN",
            Holidays::Own => "own",
        }
    }

    fn tables(self) -> Option<BTreeMap<i16, Official>> {
        match self {
            Holidays::None => None,
            Holidays::China => Some(china::tables()),
            Holidays::Own => Some(BTreeMap::new()),
        }
    }

    /// From which these tables can be written.
    pub fn of(tables: Option<&BTreeMap<i16, Official>>) -> Holidays {
        match tables {
            None => Holidays::None,
            Some(tables) if china::tables().keys().all(|year| tables.contains_key(year)) => Holidays::China,
            Some(_) => Holidays::Own,
        }
    }
}

/// The site's first: what another calendar leaves out is as the site's.
pub fn take(calendars: &mut BTreeMap<String, Calendar>, reading: &mut Reading, table: &DeTable, ground: &Ground) {
    let usual = &ground.usual.calendars[Terms::SITE];
    let mut site = usual.clone();
    reading.section(table, Terms::SITE, |reading, section| site = calendar(usual, reading, section));
    calendars.insert(Terms::SITE.to_owned(), site.clone());
    for (name, value) in table.iter().filter(|(name, _)| name.get_ref() != Terms::SITE) {
        if let Some(section) = reading.table(value) {
            calendars.insert(name.get_ref().to_string(), calendar(&site, reading, section));
        }
    }
    for (name, _) in table.iter() {
        let calendar = calendars.get(name.get_ref().as_ref());
        if calendar.is_some_and(|c| c.week.is_closed() && c.dates.values().all(Slots::is_empty)) {
            reading.wrong::<()>(&name.span(), "this calendar has no hours at all, so nothing would ever be due");
        }
    }
}

fn calendar(base: &Calendar, reading: &mut Reading, table: &DeTable) -> Calendar {
    let mut calendar = base.clone();
    reading.keys(table, &[&WEEKDAYS[..], &["make_up", "holidays", "dates", "year"]].concat());
    week(&mut calendar, reading, table);
    reading.set(table, "make_up", &mut calendar.make_up, |reading, value| match value.get_ref().as_str() {
        Some(AS_MONDAY) => Some(None),
        _ => reading.hours(value).map(Some),
    });
    reading.set(table, "holidays", &mut calendar.official, |reading, value| {
        reading.one_of(value, &Holidays::ALL, Holidays::word).map(Holidays::tables)
    });
    reading.section(table, "dates", |reading, dates| {
        calendar.dates.clear();
        for (day, hours) in dates {
            let day = day_of(reading, day.get_ref(), &day.span());
            calendar.dates.extend(day.zip(reading.hours(hours)));
        }
    });
    reading.section(table, "year", |reading, years| {
        let Some(tables) = &mut calendar.official else {
            let why = "with holidays = \"none\" no year has a table; write holidays = \"CN\" or \"own\"";
            if let Some(year) = years.keys().next() {
                reading.wrong::<()>(&year.span(), why);
            }
            return;
        };
        for (name, value) in years {
            let year = name.get_ref().parse().ok().filter(|year| YEARS.contains(year));
            match year {
                Some(year) => tables.extend(official(year, reading, value).map(|table| (year, table))),
                None => {
                    reading.wrong::<()>(&name.span(), format!("{:?} is no year", name.get_ref()));
                }
            }
        }
    });
    calendar
}

/// Years in which calls are made.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;

/// A week that is begun is written whole: whoever says Monday's hours alone may mean that the
/// weekend is closed, or that it is as before.
fn week(calendar: &mut Calendar, reading: &mut Reading, table: &DeTable) {
    let (said, missing): (Vec<&str>, Vec<&str>) = WEEKDAYS.iter().partition(|day| table.contains_key(**day));
    let Some(first) = said.first().and_then(|day| table.get_key_value(*day)) else { return };
    if !missing.is_empty() {
        let why = "a week is written whole, with \"closed\" for a day without hours; missing: ";
        reading.wrong::<()>(&first.0.span(), format!("{why}{}", missing.join(", ")));
    }
    // The hours of the days that are said may be wrong too.
    let mut days = WEEKDAYS.map(|_| Slots::CLOSED);
    for (day, hours) in WEEKDAYS.iter().zip(&mut days) {
        reading.set(table, day, hours, Reading::hours);
    }
    if missing.is_empty() {
        calendar.week = Week::new(days);
    }
}

fn official(year: i16, reading: &mut Reading, value: &Value) -> Option<Official> {
    const OFF: &str = "[\"2026-10-01 国庆节\"]";
    let table = reading.table(value)?;
    reading.keys(table, &["off", "work"]);
    let mut official = Official::default();
    reading.set(table, "off", &mut official.holidays, |reading, value| {
        let days = reading.list(value, OFF)?.iter().filter_map(|value| {
            let text = reading.text(value, "2026-10-01 国庆节")?;
            let (day, name) = text.split_once(' ').unwrap_or((text, ""));
            Some((day_in(year, reading, value, day)?, name.trim().into()))
        });
        Some(days.collect())
    });
    reading.set(table, "work", &mut official.make_up_days, |reading, value| {
        let days = reading.list(value, "[\"2026-10-10\"]")?.iter().filter_map(|value| {
            let text = reading.text(value, "2026-10-10")?;
            let day = day_in(year, reading, value, text)?;
            if official.holidays.contains_key(&day) {
                return reading.wrong(&value.span(), format!("{day} is off and worked on at once"));
            }
            Some(day)
        });
        Some(days.collect())
    });
    Some(official)
}

fn day_in(year: i16, reading: &mut Reading, value: &Value, text: &str) -> Option<Date> {
    let day = day_of(reading, text, &value.span())?;
    match day.year() == year {
        true => Some(day),
        false => reading.wrong(&value.span(), format!("{day} is not in {year}")),
    }
}

fn day_of(reading: &mut Reading, text: &str, span: &Range<usize>) -> Option<Date> {
    let day = Some(text).filter(|text| text.len() == 10).and_then(|text| Date::strptime("%Y-%m-%d", text).ok());
    day.or_else(|| reading.wrong(span, format!("{text:?} is no date; write it as \"2026-12-31\"")))
}

/// The text with a table of holidays for one calendar and year put in, in the place of the one
/// that it had; all else, comments too, stays as it was.
pub fn with_year(text: &str, calendar: &str, year: i16, table: &Official) -> String {
    let mut section = String::new();
    writing::year(&mut section, calendar, year, table);
    let header = section.lines().next().unwrap_or_default();
    let mut kept = String::new();
    let (mut skipping, mut put_in) = (false, false);
    for line in text.split_inclusive('\n') {
        let begins = line.trim_start().starts_with('[');
        if line.trim() == header {
            kept.push_str(&section);
            (skipping, put_in) = (true, true);
        } else if !skipping || (begins && line.trim_end().ends_with(']')) {
            skipping = false;
            kept.push_str(line);
        }
    }
    if !put_in {
        if !kept.is_empty() && !kept.ends_with("\n\n") {
            kept.push_str(if kept.ends_with('\n') { "\n" } else { "\n\n" });
        }
        kept.push_str(&section);
    }
    kept
}
