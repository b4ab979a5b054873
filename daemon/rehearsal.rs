//! `ringback policy rehearse`: what another policy would have made of what has happened, side by side with
//! what did.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use daemon::config::Config;
use daemon::desk::policy::{Policy, changes};
use daemon::desk::rehearsal::{Firing, Outcome, Rehearsal, Report, Tale, Tally};
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
    let mut rehearsal = Rehearsal::new(tried, from);
    let known = store::past(&config.data, &site, to, |happened| rehearsal.observe(happened))?;
    if known.until <= from {
        bail!("nothing is known of that period: what is kept ends at {}", shown(zone, known.until));
    }
    let report = rehearsal.end(known.until);
    let (in_force, _) = store::look(&config.data, &site, None)?;
    let untried = untried(&in_force, tried);
    let told = Told { zone, from, known: &known, report: &report, untried: &untried };
    let mut out = io::stdout().lock();
    match as_json {
        true => serde_json::to_writer_pretty(&mut out, &told.json()).context("cannot print")?,
        false => told.print(&mut out)?,
    }
    Ok(writeln!(out)?)
}

/// A day of the site, whole, or a moment with its zone.
fn moment(name: &str, text: &str, zone: &TimeZone, ends: bool) -> anyhow::Result<Time> {
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

/// Settings that differ and that no rehearsal of facts can show: they change what begins and ends.
fn untried(in_force: &Policy, tried: &Policy) -> Vec<String> {
    let keys = changes(&in_force.terms, &tried.terms).into_iter().map(|change| change.key);
    let decides = |key: &String| {
        let of_callbacks = key.starts_with("callback.") && !key.ends_with(".claim");
        of_callbacks || key.starts_with("spot_check.") || key.ends_with(".kinds") || key.ends_with(".may_pause")
    };
    keys.filter(decides).collect()
}

struct Told<'a> {
    zone: &'a TimeZone,
    from: Time,
    known: &'a Known,
    report: &'a Report,
    untried: &'a [String],
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
        if !self.untried.is_empty() {
            writeln!(
                out,
                "\nWhat began, ended and paused is taken as it was. Of what is to be changed this is not rehearsed:\n  {}",
                self.untried.join("\n  ")
            )?;
        }
        Ok(())
    }

    fn print_tale(&self, out: &mut impl Write, tale: &Tale) -> anyhow::Result<()> {
        let ticket = self.ticket(tale);
        let ended = match tale.ended {
            Some((state, at)) => format!("{} {}", state.as_str(), shown(self.zone, at)),
            None => "open".to_owned(),
        };
        writeln!(out, "\n{} of {ticket}, since {}, {ended}", tale.kind.as_str(), shown(self.zone, tale.began_at))?;
        for rung in Rung::ALL {
            let (was, would) = tale.side_by_side(*rung);
            if was.is_some() || would.is_some() {
                let side = |firing: Option<&Firing>| firing.map_or_else(|| "–".to_owned(), |firing| self.side(firing));
                writeln!(out, "  {}{}{}", wide(rung.as_str(), RUNG), wide(&side(was), SIDE), side(would))?;
            }
        }
        let (was, would) = (words(tale.outcome_was), words(tale.outcome_would));
        if was != would {
            writeln!(out, "  {}{}{would}", wide("", RUNG), wide(was, SIDE))?;
        }
        Ok(())
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
        let side = |outcome: Outcome, rungs: &[Firing]| {
            let rungs: Vec<Value> = rungs.iter().map(firing).collect();
            json!({ "outcome": outcome.as_str(), "rungs": rungs })
        };
        let tale = |tale: &Tale| {
            json!({
                "obligation": tale.obligation.0,
                "ticket": self.ticket(tale),
                "clock": tale.kind.as_str(),
                "began_at": tale.began_at,
                "ended": tale.ended.map(|(state, at)| json!({ "state": state.as_str(), "at": at })),
                "was": side(tale.outcome_was, &tale.was),
                "would": side(tale.outcome_would, &tale.would),
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
            "not_rehearsed": self.untried,
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
fn shown(zone: &TimeZone, at: Time) -> String {
    let at = Timestamp::from_millisecond(at.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Filled up with blanks to so many columns; a terminal gives CJK two each.
fn wide(text: &str, columns: usize) -> String {
    let taken: usize = text.chars().map(|letter| if letter >= '\u{1100}' { 2 } else { 1 }).sum();
    // Something stands between it and the next in any case.
    format!("{text}{}", " ".repeat(columns.saturating_sub(taken).max(1)))
}
