//! The clocks and calendars of a policy as a file for people: written whole, read back with each
//! mistake told at its line.
//!
//! What a file does not say is as by default; what it says wrongly is refused, with what would be
//! right. Writing and reading again gives the same.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::rule::{ClockRule, Clocks, Exception, Hours, Target, When};
use crate::desk::calendar::{Calendar, Slots, Week, china};
use crate::desk::clock::ClockKind;
use crate::desk::ticket::{Complexity, Kind, Priority};

/// What of a policy stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    pub clocks: Clocks,
    /// By name; there is always one that is called as [`Terms::SITE`].
    pub calendars: BTreeMap<String, Calendar>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line and column, from 1.
    pub at: (usize, usize),
    pub why: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.at.0, self.at.1, self.why)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    clock: BTreeMap<Spanned<String>, ClockTable>,
    calendar: BTreeMap<String, CalendarTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockTable {
    within: Option<Spanned<String>>,
    hours: Option<Spanned<String>>,
    may_pause: Option<bool>,
    except: Option<Vec<ExceptTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptTable {
    kind: Option<Spanned<String>>,
    category: Option<String>,
    priority: Option<Spanned<String>>,
    complexity: Option<Spanned<String>>,
    key_customer: Option<bool>,
    within: Spanned<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CalendarTable {
    monday: Option<Spanned<String>>,
    tuesday: Option<Spanned<String>>,
    wednesday: Option<Spanned<String>>,
    thursday: Option<Spanned<String>>,
    friday: Option<Spanned<String>>,
    saturday: Option<Spanned<String>>,
    sunday: Option<Spanned<String>>,
    make_up: Option<Spanned<String>>,
    holidays: Option<Spanned<String>>,
    dates: BTreeMap<Spanned<String>, Spanned<String>>,
}

struct Wrong {
    offset: usize,
    why: String,
}

impl Terms {
    /// The calendar of whoever has none of their own.
    pub const SITE: &str = "site";

    /// As hotlines have it, for a site in `zone` that is open in office hours.
    pub fn usual(zone: &TimeZone) -> Terms {
        let office: Slots = "09:00-18:00".parse().unwrap_or(Slots::CLOSED);
        let week = std::array::from_fn(|day| if day < 5 { office.clone() } else { Slots::CLOSED });
        let site = Calendar {
            zone: zone.clone(),
            week: Week::new(week),
            make_up: None,
            official: Some(china::tables()),
            dates: BTreeMap::new(),
        };
        Terms { clocks: Clocks::default(), calendars: BTreeMap::from([(Terms::SITE.to_owned(), site)]) }
    }

    /// Reads a file; what it leaves out is as [`Terms::usual`] has it.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(text: &str, zone: &TimeZone) -> Result<Terms, Mistake> {
        let mistake = |offset: usize, why: String| Mistake { at: place(text, offset), why };
        let file: File = toml::from_str(text)
            .map_err(|error| mistake(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        Terms::checked(file, zone).map_err(|wrong| mistake(wrong.offset, wrong.why))
    }

    fn checked(file: File, zone: &TimeZone) -> Result<Terms, Wrong> {
        let mut terms = Terms::usual(zone);
        for (name, table) in file.clock {
            let kind = one_of(&name, "clock", ClockKind::ALL, ClockKind::as_str)?;
            terms.clocks.change(kind, |rule| table.change(kind, rule))?;
        }
        for (name, table) in file.calendar {
            let base = terms.calendars.get(&name).or(terms.calendars.get(Terms::SITE)).cloned();
            let calendar = base.unwrap_or_else(|| Calendar::all_hours(zone.clone()));
            terms.calendars.insert(name, table.changed(calendar)?);
        }
        Ok(terms)
    }
}
