//! `ringback verify`: whether what was kept is still as it was kept.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use daemon::evidence::{self, Checked};
use daemon::store::verify::{Head, Verified, verify};

use crate::configured;

#[derive(clap::Args)]
pub struct Verify {
    /// The data directory; otherwise that of the configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A head that was noted earlier: it must be in the chain. May be given several times.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    head: Vec<String>,
    /// An evidence pack instead of a store; with --data it is also asked whether that store made it.
    #[arg(long, value_name = "FILE.zip")]
    pack: Option<PathBuf>,
}

/// Exit code 1 says that something is not as it was kept; what, is on standard output, a line each.
pub fn act(asked: &Verify) -> anyhow::Result<ExitCode> {
    if let Some(file) = &asked.pack {
        return pack(file, asked.data.as_deref(), &asked.head);
    }
    let configured = configured(asked.config.as_deref())?.data;
    let verified = verify(asked.data.as_deref().unwrap_or(&configured), &asked.head)?;
    print(&verified, &asked.head);
    Ok(if verified.findings_total == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(verified: &Verified, noted: &[String]) {
    let Verified { facts, seals, rows, files, head, findings, findings_total } = verified;
    println!("read: {facts} facts, {rows} rows under {seals} seals, {files} attachments");
    for finding in findings {
        println!("WRONG: {finding}");
    }
    match findings_total - findings.len() {
        0 => {}
        more => println!("and {more} more"),
    }
    if *findings_total == 0 {
        println!("nothing was changed, put in or taken away without the daemon");
        for hash in noted {
            println!("in the chain: {hash}");
        }
    } else {
        println!("{findings_total} findings: stop trusting this store, keep it as it is, and compare it with a backup");
    }
    if let Some(Head { hash, seal, fact, at }) = head {
        println!("head: {hash}");
        println!("      seal {seal}, over fact {fact} of {}", at.format("%Y-%m-%dT%H:%M:%S%.3fZ"));
        println!(
            "Note the head outside of this machine; later, `ringback verify --head HASH` says whether all up to it"
        );
        println!("is still there.");
    }
}

fn hash(text: &str) -> Result<String, String> {
    let text = text.trim().to_lowercase();
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(text).ok_or_else(|| "a head is 64 hexadecimal digits, as `ringback verify` prints it".into())
}

/// A pack, by itself or against the store that it is of.
fn pack(file: &Path, data: Option<&Path>, noted: &[String]) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut checked = match data {
        Some(data) => evidence::check_kept(&bytes, data)?,
        None => evidence::check(&bytes),
    };
    let others = noted.iter().filter(|noted| **noted != checked.head);
    let others: Vec<String> = others.map(|noted| format!("its head is not the noted {noted}")).collect();
    checked.findings.extend(others);
    let Checked { ticket, facts, rows, hidden, head, findings } = checked;
    println!("ticket {ticket}: {facts} facts, {rows} rows, {hidden} texts kept back");
    findings.iter().for_each(|finding| println!("WRONG: {finding}"));
    if findings.is_empty() {
        println!("all of it fits together, and stands under the head");
    }
    println!("head: {head}");
    if data.is_none() && noted.is_empty() {
        println!(
            "Whether that is the head of a certain house only a head noted elsewhere tells, or its store (--data)."
        );
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
