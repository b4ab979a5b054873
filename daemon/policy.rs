//! `ringback policy`: what the site promises, as a file.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::Utc;
use clap::Subcommand;
use daemon::config::Config;
use daemon::desk::calendar::ical;
use daemon::desk::command::{Command, Done, Refusal};
use daemon::desk::policy::{Change, Mistake, Policy, Terms, changes, with_year};
use daemon::store::{self, Held, Store};

use crate::{configured, rehearsal};

#[derive(Subcommand)]
pub enum PolicyVerb {
    /// Print the policy in force, whether a daemon runs or not.
    Export {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// An earlier one.
        #[arg(long, value_name = "N")]
        version: Option<i64>,
    },
    /// Say what is wrong with a policy, and what it would change. Nothing is changed.
    Check {
        /// What `export` printed, edited; - is standard input.
        #[arg(value_name = "FILE.toml")]
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Put a policy in force, while no daemon runs: stop it, import, and start it again.
    Import {
        #[arg(value_name = "FILE.toml")]
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Put the holidays and make-up days of an iCalendar file into a policy, and print it: to be
    /// checked, and then imported.
    ImportCalendar {
        #[arg(value_name = "FILE.ics")]
        file: PathBuf,
        /// The policy's calendar that they are for.
        #[arg(long, default_value = Terms::SITE, value_name = "NAME")]
        calendar: String,
        /// Into this policy; otherwise into the one in force.
        #[arg(long, value_name = "FILE.toml")]
        policy: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Try another policy on what has happened, and print which rungs it would have fired, when, and to
    /// whom, side by side with what did happen. Nothing is changed, and a daemon may run.
    Rehearse {
        #[arg(value_name = "NEW.toml")]
        file: PathBuf,
        /// The first day of the period, or a time: 2026-11-01, 2026-11-01T09:00:00+08:00.
        #[arg(long, value_name = "DAY")]
        from: String,
        /// Its last day, or a time; otherwise up to now.
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        /// As one JSON object, and nothing else.
        #[arg(long)]
        json: bool,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Exit code 1 says that a policy has mistakes; they are on standard error, a line each.
pub fn act(verb: PolicyVerb) -> anyhow::Result<ExitCode> {
    match verb {
        PolicyVerb::Export { config, version } => {
            let (_, text) = in_force(&configured(config.as_deref())?, version)?;
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        PolicyVerb::Rehearse { file, from, to, json, config } => {
            let config = configured(config.as_deref())?;
            let (stands, _) = in_force(&config, None)?;
            match Terms::read(&text(&file)?, &stands) {
                Ok(terms) => {
                    let tried = stands.with(stands.version, terms);
                    rehearsal::rehearse(&config, &tried, (&from, to.as_deref()), json)?;
                    Ok(ExitCode::SUCCESS)
                }
                Err(mistakes) => Ok(wrong(&file, &mistakes)),
            }
        }
        PolicyVerb::Check { file, config } => check(&file, &configured(config.as_deref())?),
        PolicyVerb::Import { file, config } => import(&file, &configured(config.as_deref())?),
        PolicyVerb::ImportCalendar { file, calendar, policy, config } => {
            import_calendar(&file, &calendar, policy.as_deref(), &configured(config.as_deref())?)
        }
    }
}

/// The years whose holidays are not known, as `check` tells them.
pub fn unknown_years(policy: &Policy) -> Vec<String> {
    let told = |(year, calendars): (&i16, &Vec<String>)| {
        format!(
            "no holiday table for {year} ({}): it is reckoned as plain weeks; `ringback policy import-calendar` \
             brings one",
            calendars.join(", ")
        )
    };
    policy.unknown_years(Utc::now()).iter().map(told).collect()
}

pub fn in_force(config: &Config, version: Option<i64>) -> anyhow::Result<(Policy, String)> {
    store::look(&config.data, &daemon::policy(config), version)
}

fn check(file: &Path, config: &Config) -> anyhow::Result<ExitCode> {
    let (stands, _) = in_force(config, None)?;
    let terms = match Terms::read(&text(file)?, &stands) {
        Ok(terms) => terms,
        Err(mistakes) => return Ok(wrong(file, &mistakes)),
    };
    let changes = changes(&stands.terms, &terms);
    println!("the policy is well; version {} is in force", stands.version);
    if changes.is_empty() {
        println!("it changes nothing");
    }
    for Change { key, was, will_be } in &changes {
        let (was, will_be) = (was.as_deref().unwrap_or("(none)"), will_be.as_deref().unwrap_or("(none)"));
        println!("  {key}: {was} -> {will_be}");
    }
    for warning in unknown_years(&stands.with(stands.version, terms)) {
        println!("warning: {warning}");
    }
    Ok(ExitCode::SUCCESS)
}

fn import(file: &Path, config: &Config) -> anyhow::Result<ExitCode> {
    let text = text(file)?;
    let mut store = Store::open(&config.data, daemon::policy(config)).map_err(|error| match error.is::<Held>() {
        true => error.context("a policy is put in force while no daemon runs: stop it, import, and start it again"),
        false => error,
    })?;
    store.settle(Utc::now())?;
    match store.give(Command::SetPolicy { version: None, text }, Utc::now())? {
        Ok(Done::Version(version)) => println!("version {version} is in force"),
        Ok(_) => bail!("nothing was changed"),
        Err(Refusal::Terms(mistakes)) => return Ok(wrong(file, &mistakes)),
        Err(refusal) => bail!("refused: {refusal:?}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn import_calendar(file: &Path, calendar: &str, into: Option<&Path>, config: &Config) -> anyhow::Result<ExitCode> {
    let (stands, kept) = in_force(config, None)?;
    let mut policy = into.map_or(Ok(kept), text)?;
    let imported = ical::read(&text(file)?).map_err(|why| anyhow::anyhow!("{}: {why}", file.display()))?;
    for passed in &imported.passed_over {
        eprintln!("passed over: {} ({})", passed.event, passed.why);
    }
    for (year, table) in &imported.tables {
        policy = with_year(&policy, calendar, *year, table);
        let (off, work) = (table.holidays.len(), table.make_up_days.len());
        eprintln!("{year}: {off} days off, {work} make-up days, for the calendar {calendar}");
    }
    match Terms::read(&policy, &stands) {
        Ok(_) => print!("{policy}"),
        Err(mistakes) => {
            // The lines are those of the text with the tables in it.
            print!("{policy}");
            return Ok(wrong(Path::new("the policy above"), &mistakes));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn wrong(file: &Path, mistakes: &[Mistake]) -> ExitCode {
    for mistake in mistakes {
        eprintln!("{}:{mistake}", file.display());
    }
    ExitCode::FAILURE
}

fn text(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(text)
}
