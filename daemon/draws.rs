//! `ringback draws`: which closed matters were drawn to be looked at again, and any lot reckoned anew.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::Utc;
use clap::Subcommand;
use daemon::config::Config;
use daemon::desk::draw::{LOTS, Seed};
use daemon::store;
use daemon::store::read::{Drawn, Reader};
use daemon::{PersonId, Time};

use crate::{configured, rehearsal};

#[derive(Subcommand)]
pub enum DrawsVerb {
    /// Print the lots that were looked at, each with whether it comes to the same when it is reckoned
    /// again. A daemon may run.
    List {
        /// The first day of the period, or a time: 2026-11-01, 2026-11-01T09:00:00+08:00.
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// Its last day, or a time; otherwise up to now.
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Reckon the lot of one ticket step by step, and compare it with what was kept. A daemon may run.
    Reckon {
        /// The ticket's number, as in 20261122-0007.
        #[arg(value_name = "NUMBER")]
        number: String,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Exit code 1 says that something kept does not come to the same again.
pub fn act(verb: DrawsVerb) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let agree = match verb {
        DrawsVerb::List { from, to, config } => {
            runtime.block_on(list(&configured(config.as_deref())?, from.as_deref(), to.as_deref()))?
        }
        DrawsVerb::Reckon { number, config } => runtime.block_on(reckon(&configured(config.as_deref())?, number))?,
    };
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look(config: &Config) -> anyhow::Result<(Seed, Reader)> {
    let (policy, _) = store::look(&config.data, &daemon::policy(config), None)?;
    Ok((policy.seed, Reader::look(&config.data, policy)?))
}

async fn list(config: &Config, from: Option<&str>, to: Option<&str>) -> anyhow::Result<bool> {
    let (seed, reader) = look(config)?;
    let zone = &config.site.time_zone;
    let from = from.map_or(Ok(Time::default()), |from| rehearsal::moment("--from", from, zone, false))?;
    let to = to.map_or_else(|| Ok(Utc::now()), |to| rehearsal::moment("--to", to, zone, true))?;
    let draws = reader.draws(from, to, i64::MAX).await?;
    println!("seed {seed}");
    let mut differ = 0;
    for draw in draws.iter().rev() {
        let said = if agrees(seed, draw) { "agrees" } else { "DIFFERS" };
        differ += usize::from(!agrees(seed, draw));
        println!(
            "{}  {}  id {}  lot {:4} of {LOTS}, drawn below {:4}: {:9}  {said}",
            draw.number,
            rehearsal::shown(zone, draw.at),
            draw.ticket,
            draw.lot.0,
            below(draw),
            outcome(draw.drawn)
        );
    }
    let drawn = draws.iter().filter(|draw| draw.drawn).count();
    println!("{} looked at, {drawn} drawn, {differ} that differ when reckoned again", draws.len());
    Ok(differ == 0)
}

async fn reckon(config: &Config, number: String) -> anyhow::Result<bool> {
    let (seed, reader) = look(config)?;
    let page = reader.numbered(number.clone(), PersonId(0)).await?;
    let Some(page) = page else { bail!("there is no ticket {number}") };
    let id = page.row.ticket.id;
    let text = format!("{seed}:{id}");
    let hash = daemon::store::verify::digest(text.as_bytes());
    let first = u32::from_str_radix(&hash[..8], 16).context("eight hexadecimal digits")?;
    println!("printf %s {text} | sha256sum");
    println!("{hash}");
    println!("{} is {first}; what remains of it by {LOTS}: lot {}", &hash[..8], first % LOTS);
    let kept = reader.draws_of(id).await?;
    for draw in &kept {
        let said = if agrees(seed, draw) { "agrees" } else { "DIFFERS" };
        let (when, below, outcome) =
            (rehearsal::shown(&config.site.time_zone, draw.at), below(draw), outcome(draw.drawn));
        println!("kept at {when}: lot {}, drawn below {below}: {outcome}; {said}", draw.lot.0);
    }
    if kept.is_empty() {
        println!("it was never looked at: it was not closed, or nothing was drawn then");
    }
    Ok(kept.iter().all(|draw| agrees(seed, draw) && draw.lot.0 == first % LOTS))
}

fn agrees(seed: Seed, draw: &Drawn) -> bool {
    seed.lot(draw.ticket) == draw.lot && draw.lot.is_drawn(draw.percent) == draw.drawn
}

fn below(draw: &Drawn) -> u32 {
    u32::from(draw.percent) * (LOTS / 100)
}

fn outcome(drawn: bool) -> &'static str {
    if drawn { "drawn" } else { "not drawn" }
}
