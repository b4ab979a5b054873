//! `ringback evidence`: all of a ticket in one file; a daemon may run.

use std::path::PathBuf;

use admin::pen::Pen;
use admin::text::Language;
use anyhow::{Context, bail};
use chrono::Utc;
use daemon::aside::Record;
use daemon::desk::looks::Look;
use daemon::store::verify::digest;

use crate::configured;

#[derive(clap::Args)]
pub struct Evidence {
    /// The ticket's number, as in 20261122-0007.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The file to write; one that is there is not overwritten.
    #[arg(value_name = "OUT.zip")]
    out: PathBuf,
    /// Of its pages: zh-CN or en.
    #[arg(long, default_value = "zh-CN", value_parser = language, value_name = "LANGUAGE")]
    language: Language,
    /// Mask customers' numbers, and keep back the texts that hold them.
    #[arg(long)]
    masked: bool,
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory; otherwise that of the configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

fn language(tag: &str) -> Result<Language, String> {
    Language::parse(tag).ok_or_else(|| "zh-CN or en".into())
}

/// That it was made is on record before the file is written.
pub fn act(asked: &Evidence) -> anyhow::Result<()> {
    let Evidence { number, out, language, masked, config, data } = asked;
    let config = configured(config.as_deref())?;
    let data = data.as_ref().unwrap_or(&config.data);
    if out.exists() {
        bail!("{} is there already; give another name", out.display());
    }
    let policy = daemon::policy(&config);
    let mut record = Record::open(data, policy.clone())?;
    let Some(evidence) = daemon::store::evidence::gather(data, &policy, number)? else {
        bail!("there is no ticket {number}");
    };
    let ticket = evidence.page.row.ticket.id;
    let (zone, now) = (config.site.time_zone.clone(), Utc::now());
    let pen = Pen { language: *language, zone, now, masked: *masked, may_show: false };
    let bytes = admin::evidence::pack(evidence, &pen, !masked)?;
    let sha256 = digest(&bytes);
    record.keep(Look::Evidence { ticket, sha256: sha256.clone(), masked: *masked }, now)?;
    std::fs::write(out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{sha256}  {}", out.display());
    Ok(())
}
