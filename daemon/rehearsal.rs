//! `ringback policy rehearse`: what another policy would have made of what has happened, side by side with
//! what did.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use daemon::config::Config;
use daemon::desk::clock::ClockKind;
use daemon::desk::policy::{Policy, changes};
use daemon::desk::rehearsal::{Ended, Firing, Outcome, Rehearsal, Report, Sided, Tale, Tally};
use daemon::desk::{Addressee, Rung};
use daemon::store::{self, Known};
use daemon::{PersonId, Time};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// Its rehearsal, for people or as one JSON object.
pub fn rehearse(config: &Config, tried: &Policy, span: (&str, Option<&str>), as_json: bool) -> anyhow::Result<()> {
    let zone = &config.site.time_zone;
    let now = Utc::now();
    let from = moment("--from", span.0, zone, false)?;
    let to = span.1.map_or(Ok(now), |to| moment("--to", to, zone, true))?.min(now);
    if to <= from {
        bail!("the period is empty: from {} to {}", shown(zone, from), shown(zone, to));
    }
    let site = daemon::policy(config);
    let (in_force, _) = store::look(&config.data, &site, None)?;
    // Matters are drawn by the lots that they have.
    let mut rehearsal = Rehearsal::new(&tried.seeded(in_force.seed), from);
    let known = store::past(&config.data, &site, to, |happened| rehearsal.observe(happened))?;
    if known.until <= from {
        bail!("nothing is known of that period: what is kept ends at {}", shown(zone, known.until));
    }
    let report = rehearsal.end(known.until);
    let unknown = unknown(&in_force, tried);
    let told = Told { zone, from, known: &known, report: &report, unknown: &unknown };
    let mut out = io::stdout().lock();
    match as_json {
        true => serde_json::to_writer_pretty(&mut out, &told.json()).context("cannot print")?,
        false => told.print(&mut out)?,
    }
    Ok(writeln!(out)?)
}

/// A day of the site, whole, or a moment with its zone.
pub fn moment(name: &str, text: &str, zone: &TimeZone, ends: bool) -> anyhow::Result<Time> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == 10).with_context(|| {
        format!("{name} is {text:?}: give a day, as in 2026-11-01, or a time, as in 2026-11-01T09:00:00+08:00")
    })?;
    let day = if ends { day.tomorrow()? } else { day };
    let midnight = day.to_zoned(zone.clone())?.timestamp().as_millisecond();
    DateTime::from_timestamp_millis(midnight).with_context(|| format!("{name} is out of range"))
}

/// Settings that differ and that would have let people do what they could not.
fn unknown(in_force: &Policy, tried: &Policy) -> Vec<(String, &'static str)> {
    let of_setting = |key: &str| {
        let (clock, setting) = key.strip_prefix("clock.")?.rsplit_once('.')?;
        let kind = ClockKind::parse(clock)?;
        if kind == ClockKind::HandOver {
            return Some("what people would have offered each other, and accepted, is not known; it is left out");
        }
        let rules = [in_force, tried].map(|policy| policy.terms.clocks.rule(kind));
        match setting {
            "may_pause" if rules[1].may_pause => {
                Some("nobody could let it rest, and it is taken as if nobody would have")
            }
            "kinds" if rules[1].kinds.is_subset(&rules[0].kinds) => None,
            "kinds" => match kind {
                ClockKind::Promise => {
                    Some("what would have been promised is not known, but what was said with an acceptance")
                }
                ClockKind::Acceptance | ClockKind::Filing => {
                    Some("what would have been owed beside stays open: nobody was asked for it")
                }
                ClockKind::FirstResponse => {
                    Some("of what would have been owed beside only talks are known, and no replies")
                }
                ClockKind::ReturnVisit | ClockKind::SpotCheck => Some(
                    "what would have been owed beside stays open, or is given up: nobody was asked whether it is well",
                ),
                ClockKind::MissedCall | ClockKind::Resolution | ClockKind::HandOver => None,
            },
            _ => None,
        }
    };
    let of_key = |key: String| {
        let why = match key.as_str() {
            "spot_check.percent" if in_force.terms.spot_check_percent < tried.terms.spot_check_percent => Some(
                "who would have been drawn beside was not asked whether it is well: what is open of it stays so, or is given up",
            ),
            key => of_setting(key),
        };
        why.map(|why| (key, why))
    };
    changes(&in_force.terms, &tried.terms).into_iter().filter_map(|change| of_key(change.key)).collect()
}

struct Told<'a> {
    zone: &'a TimeZone,
    from: Time,
    known: &'a Known,
    report: &'a Report,
    unknown: &'a [(String, &'static str)],
}

/// Columns of the side-by-side part.
const RUNG: usize = 12;
const SIDE: usize = 38;

impl Told<'_> {
    fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let (from, until) = (shown(self.zone, self.from), shown(self.zone, self.known.until));
        writeln!(out, "from {from} to {until}, {}", self.zone.iana_name().unwrap_or_default())?;
        let earlier = self.report.versions.iter().rfind(|(_, at)| *at <= self.from);
        for (version, at) in earlier.into_iter().chain(self.report.versions.iter().filter(|(_, at)| *at > self.from)) {
            writeln!(out, "version {version} was in force since {}", shown(self.zone, *at))?;
        }
        let (owed, other) = (self.report.tales.len(), self.report.differences().count());
        writeln!(out, "\n{other} of {owed} obligations would have gone otherwise")?;
        if other > 0 {
            writeln!(out, "\n{}{}as it would have been", wide("", RUNG + 2), wide("as it was", SIDE))?;
        }
        for tale in self.report.differences() {
            self.print_tale(out, tale)?;
        }
        self.print_summary(out)?;
        if self.known.left_out > 0 {
            let left_out = self.known.left_out;
            writeln!(out, "\n{left_out} facts of an earlier version say too little, and were left out")?;
        }
        if other > 0 {
            writeln!(
                out,
                "\nWhat people did is taken as it was. What they would have done otherwise is not known: what would have\n\
                 been owed longer, or beside, ends by what was seen, said and done all the same."
            )?;
        }
        for (setting, why) in self.unknown {
            writeln!(out, "  {setting}: {why}")?;
        }
        Ok(())
    }

    fn print_tale(&self, out: &mut impl Write, tale: &Tale) -> anyhow::Result<()> {
        let ticket = self.ticket(tale);
        writeln!(out, "\n{} of {ticket}, since {}", tale.kind.as_str(), shown(self.zone, tale.began_at))?;
        for rung in Rung::ALL {
            let (was, would) = (tale.was.rung(*rung), tale.would.rung(*rung));
            if was.is_some() || would.is_some() {
                let side = |firing: Option<&Firing>| firing.map_or_else(|| "–".to_owned(), |firing| self.side(firing));
                writeln!(out, "  {}{}{}", wide(rung.as_str(), RUNG), wide(&side(was), SIDE), side(would))?;
            }
        }
        writeln!(out, "  {}{}{}", wide("", RUNG), wide(&self.end(&tale.was), SIDE), self.end(&tale.would))
            .map_err(Into::into)
    }

    fn end(&self, side: &Sided) -> String {
        let how = match (side.outcome, side.ended) {
            (Outcome::EndedOtherwise, Some(Ended { state, .. })) => state.as_str(),
            (outcome, _) => words(outcome),
        };
        let at = side.ended.map(|ended| format!(" {}", shown(self.zone, ended.at)));
        format!("{how}{}", at.unwrap_or_default())
    }

    fn side(&self, firing: &Firing) -> String {
        let told: Vec<String> = firing.told.iter().map(|told| self.addressee(told)).collect();
        format!("{} {}", shown(self.zone, firing.planned_at), told.join(", "))
    }

    fn addressee(&self, told: &Addressee) -> String {
        let name = self.name(told.person);
        let absent: Vec<String> = told.instead_of.iter().map(|person| self.name(*person)).collect();
        if absent.is_empty() { name } else { format!("{name} (for {})", absent.join(", ")) }
    }

    fn name(&self, person: PersonId) -> String {
        self.report.names.get(&person).cloned().unwrap_or_else(|| person.to_string())
    }

    fn ticket(&self, tale: &Tale) -> String {
        self.known.tickets.get(&tale.ticket).cloned().unwrap_or_else(|| tale.ticket.to_string())
    }

    /// As it was -> as it would have been.
    fn print_summary(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let heads = Outcome::ALL.map(words).into_iter().chain(["rungs"]);
        let heads: String = heads.map(|head| wide(head, COLUMN)).collect();
        writeln!(out, "\n{}{}", wide("clock", COLUMN + 2), heads.trim_end())?;
        let arrow = |was: usize, would: usize| if was == would { was.to_string() } else { format!("{was} -> {would}") };
        for (kind, (was, would)) in self.report.summary() {
            let figures = Outcome::ALL.map(|outcome| arrow(was.of(outcome), would.of(outcome)));
            let rungs = |tally: &Tally| tally.rungs.values().sum();
            let figures = figures.into_iter().chain([arrow(rungs(&was), rungs(&would))]);
            let figures: String = figures.map(|figure| wide(&figure, COLUMN)).collect();
            writeln!(out, "{}{}", wide(kind.as_str(), COLUMN + 2), figures.trim_end())?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let firing = |firing: &Firing| {
            let told: Vec<Value> = firing
                .told
                .iter()
                .map(|told| {
                    let absent: Vec<i64> = told.instead_of.iter().map(|person| person.0).collect();
                    json!({ "person": told.person.0, "name": self.name(told.person), "for": absent })
                })
                .collect();
            json!({ "rung": firing.rung.as_str(), "planned_at": firing.planned_at, "told": told })
        };
        let side = |side: &Sided| {
            let rungs: Vec<Value> = side.rungs.iter().map(firing).collect();
            let ended = side.ended.map(|ended| json!({ "state": ended.state.as_str(), "at": ended.at }));
            json!({ "outcome": side.outcome.as_str(), "ended": ended, "rungs": rungs })
        };
        let tale = |tale: &Tale| {
            json!({
                "obligation": tale.obligation.map(|obligation| obligation.0),
                "ticket": self.ticket(tale),
                "clock": tale.kind.as_str(),
                "began_at": tale.began_at,
                "was": side(&tale.was),
                "would": side(&tale.would),
            })
        };
        let tally = |tally: &Tally| {
            let outcomes = Outcome::ALL.map(|outcome| (outcome.as_str(), tally.of(outcome)));
            let rungs: BTreeMap<&str, usize> =
                tally.rungs.iter().map(|(rung, count)| (rung.as_str(), *count)).collect();
            json!({ "obligations": BTreeMap::from(outcomes), "rungs": rungs })
        };
        let summary = self.report.summary();
        let summary: BTreeMap<&str, Value> = summary
            .iter()
            .map(|(kind, (was, would))| (kind.as_str(), json!({ "was": tally(was), "would": tally(would) })))
            .collect();
        let versions = self.report.versions.iter().map(|(version, at)| json!({ "version": version, "at": at }));
        json!({
            "from": self.from,
            "until": self.known.until,
            "versions": versions.collect::<Vec<_>>(),
            "obligations": self.report.tales.len(),
            "differences": self.report.differences().map(tale).collect::<Vec<_>>(),
            "summary": summary,
            "facts_left_out": self.known.left_out,
            "not_known": self.unknown.iter().map(|(setting, why)| json!({ "setting": setting, "why": why })).collect::<Vec<_>>(),
        })
    }
}

const COLUMN: usize = 16;

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::KeptInTime => "kept in time",
        Outcome::KeptLate => "kept late",
        Outcome::OpenOverdue => "open, overdue",
        Outcome::Open => "open",
        Outcome::EndedOtherwise => "ended otherwise",
        Outcome::NotOwed => "not owed",
    }
}

/// In the site's time.
pub fn shown(zone: &TimeZone, at: Time) -> String {
    let at = Timestamp::from_millisecond(at.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Filled up with blanks to so many columns; a terminal gives CJK two each.
fn wide(text: &str, columns: usize) -> String {
    let taken: usize = text.chars().map(|letter| if letter >= '\u{1100}' { 2 } else { 1 }).sum();
    // Something stands between it and the next in any case.
    format!("{text}{}", " ".repeat(columns.saturating_sub(taken).max(1)))
}
