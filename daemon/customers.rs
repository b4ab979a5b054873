//! `ringback customers`: a file of customers put in, tried first, and all of them as one.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use chrono::Utc;
use clap::Subcommand;
use daemon::CustomerId;
use daemon::aside::Record;
use daemon::config::Config;
use daemon::desk::looks::Look;
use daemon::sheet::{self, Outcome, Report};
use daemon::store::read::Reader;
use daemon::store::{self, Held, Store};

use crate::configured;

/// Customers that an export reads at a time.
const CHUNK: u32 = 500;

#[derive(Subcommand)]
pub enum CustomersVerb {
    /// Put in a file of customers (CSV, UTF-8 or GBK), while no daemon runs; while one does, the page
    /// Customers, Import does the same. Lines go by id or by number; nothing is taken away.
    Import {
        /// - is standard input.
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
        /// Say what would come of each line, and write nothing. A daemon may run.
        #[arg(long)]
        dry_run: bool,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print all customers as a file that can be put in again, which is on record. A daemon may run.
    Export {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Exit code 1 says that lines were refused; each is on standard error, with what to mend.
pub fn act(verb: CustomersVerb) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    match verb {
        CustomersVerb::Export { config } => runtime.block_on(export(&configured(config.as_deref())?)),
        CustomersVerb::Import { file, dry_run, config } => {
            runtime.block_on(import(&file, dry_run, &configured(config.as_deref())?))
        }
    }
}

async fn import(file: &Path, dry_run: bool, config: &Config) -> anyhow::Result<ExitCode> {
    let (policy, _) = store::look(&config.data, &daemon::policy(config), None)?;
    let mut bytes = Vec::new();
    match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(drop),
        false => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes)).map(drop),
    }
    .with_context(|| format!("cannot read {}", file.display()))?;
    let mut written = match dry_run {
        true => None,
        false => Some(Store::open(&config.data, daemon::policy(config)).map_err(|error| match error.is::<Held>() {
            true => error.context("a daemon runs here: import on its page, Customers, Import; or stop it first"),
            false => error,
        })?),
    };
    let reader = match &written {
        Some(store) => store.reader()?,
        None => Reader::look(&config.data, policy.clone())?,
    };
    let staff = reader.directory().await?.staff();
    let sheet = match sheet::read(&bytes, &policy, &staff) {
        Ok(sheet) => sheet,
        Err(wrong) => {
            eprintln!("{}:{}: {}", file.display(), wrong.line, wrong.why);
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut report = sheet::tried(&reader, sheet).await?;
    if let Some(store) = &mut written {
        for batch in report.batches() {
            let answers = store.give_all(batch.commands(), Utc::now())?;
            batch.hear(answers);
        }
    }
    Ok(told(file, &report, dry_run))
}

fn told(file: &Path, report: &Report, dry_run: bool) -> ExitCode {
    for wrong in report.refused() {
        let column = if wrong.column.is_empty() { String::new() } else { format!("{}: ", wrong.column) };
        eprintln!("{}:{}: {column}{}", file.display(), wrong.line, wrong.why);
    }
    if !report.ignored.is_empty() {
        eprintln!("columns left out: {}", report.ignored.join(", "));
    }
    let refused = report.count(|outcome| matches!(outcome, Outcome::Refused(_)));
    let (new, changed, same) = (report.new_ones(), report.changed(), report.same());
    let would = if dry_run { "would be " } else { "" };
    println!("{would}{new} new, {changed} changed, {same} the same, {refused} refused");
    if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn export(config: &Config) -> anyhow::Result<ExitCode> {
    let (policy, _) = store::look(&config.data, &daemon::policy(config), None)?;
    let reader = Reader::look(&config.data, policy)?;
    let directory = reader.directory().await?;
    // That all were taken away is on record before the first is.
    Record::open(&config.data, daemon::policy(config))?.keep(Look::Customers { masked: false }, Utc::now())?;
    let mut out = std::io::stdout().lock();
    write!(out, "{}", sheet::head())?;
    let mut last = CustomerId(0);
    loop {
        let customers = reader.customers_after(last, CHUNK).await?;
        for customer in &customers {
            write!(out, "{}", sheet::write(customer, &directory, |number| number.as_str().to_owned()))?;
        }
        match customers.last() {
            Some(customer) => last = customer.id,
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}
