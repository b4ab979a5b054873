//! Checks a pack: by itself, and against the store that it is of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{CHAIN, Chain, ChainSeal, Pack, fact_name, row_name, seal_name};
use crate::store::verify::{Seal, digest, kept_as_evidence, link, skip};

/// What came of it.
#[derive(Debug)]
pub struct Checked {
    pub ticket: String,
    pub facts: usize,
    pub rows: usize,
    /// Texts that are kept back, and there by their digests.
    pub hidden: usize,
    /// The chain's head when it was made.
    pub head: String,
    /// In English; none where all fits.
    pub findings: Vec<String>,
}

/// Whether all that is in it fits together, down to the byte. It does not say that it is of a
/// certain house: whoever knows how can make a whole one up. That its head was noted elsewhere, or
/// [`check_kept`], does.
pub fn check(bytes: &[u8]) -> Checked {
    let mut checked =
        Checked { ticket: String::new(), facts: 0, rows: 0, hidden: 0, head: String::new(), findings: Vec::new() };
    if let Err(error) = check_files(bytes, &mut checked) {
        checked.findings.push(format!("{error:#}"));
    }
    checked
}

/// Beside [`check`]: whether the store in the directory made it, and still has its head.
pub fn check_kept(bytes: &[u8], dir: &Path) -> anyhow::Result<Checked> {
    let mut checked = check(bytes);
    let kept = kept_as_evidence(dir, &digest(bytes), &checked.head)?;
    if !kept.was_made {
        checked.findings.push("no fact of this store says that it made this very file".to_owned());
    }
    if !kept.has_head {
        checked.findings.push(format!("the head {} is not in this store's chain", checked.head));
    }
    Ok(checked)
}

fn check_files(bytes: &[u8], checked: &mut Checked) -> anyhow::Result<()> {
    let (pack, manifest) = Pack::read(bytes)?;
    if pack.manifest() != manifest {
        let listed: BTreeMap<&str, &str> =
            manifest.lines().filter_map(|line| line.split_once("  ")).map(|(sha, name)| (name, sha)).collect();
        let unlike = pack.files.iter().filter(|(name, bytes)| listed.get(name.as_str()) != Some(&&*digest(bytes)));
        checked.findings.extend(unlike.map(|(name, _)| format!("{name} is not as the manifest has it")));
        let gone = listed.keys().filter(|name| !pack.files.contains_key(**name));
        checked.findings.extend(gone.map(|name| format!("{name} is named in the manifest, and is not there")));
        if checked.findings.is_empty() {
            checked.findings.push("the manifest was changed".to_owned());
        }
    } else if pack.zip()? != bytes {
        checked.findings.push("the file around what is in it was changed".to_owned());
    }
    let chain = pack.files.get(CHAIN).ok_or_else(|| anyhow::anyhow!("it has no {CHAIN}"))?;
    let chain: Chain = serde_json::from_slice(chain)?;
    checked.ticket.clone_from(&chain.ticket);
    checked.head.clone_from(&chain.head.hash);
    (checked.facts, checked.rows) = (chain.facts.len(), chain.rows.len());
    checked.findings.extend(seals(&chain));
    let seals: BTreeMap<i64, &ChainSeal> = chain.seals.iter().map(|seal| (seal.nth, seal)).collect();
    let mut known = BTreeSet::new();
    for fact in &chain.facts {
        let name = fact_name(fact.seq);
        text(&pack, &name, fact.shown, &fact.digest, checked);
        let hash = link(&fact.before, &fact.digest);
        if hash != fact.hash {
            checked.findings.push(format!("fact {} does not follow from what was before it", fact.seq));
        }
        let last = fact.then.iter().fold(hash, |hash, digest| link(&hash, digest));
        if seals.get(&fact.seal).is_none_or(|seal| seal.fact_hash != last) {
            checked.findings.push(format!("fact {} is not under seal {}", fact.seq, fact.seal));
        }
        known.insert(name);
    }
    for row in &chain.rows {
        let name = row_name(&row.table, row.rowid);
        text(&pack, &name, row.shown, &row.digest, checked);
        let line = format!("{} {} {}", row.table, row.rowid, row.digest);
        let lines = pack.files.get(&seal_name(row.seal)).map(|lines| String::from_utf8_lossy(lines));
        let sealed = seals.get(&row.seal).is_some_and(|seal| {
            lines
                .as_ref()
                .is_some_and(|lines| digest(lines.as_bytes()) == seal.rows && lines.lines().any(|it| it == line))
        });
        if !sealed {
            checked.findings.push(format!("{}, row {}, is not under seal {}", row.table, row.rowid, row.seal));
        }
        known.insert(name);
    }
    let of_the_chain = |name: &&String| name.starts_with("facts/") || name.starts_with("rows/");
    let more = pack.files.keys().filter(of_the_chain).filter(|name| !known.contains(*name));
    checked.findings.extend(more.map(|name| format!("{name} is not of the chain")));
    Ok(())
}

/// A text of the chain is what its digest is of.
fn text(pack: &Pack, name: &str, is_shown: bool, digest_of_it: &str, checked: &mut Checked) {
    match pack.files.get(name) {
        None if !is_shown => checked.hidden += 1,
        None => checked.findings.push(format!("{name} is not there")),
        Some(text) if digest(text) != digest_of_it => {
            checked.findings.push(format!("{name} is not what the chain has: it was changed"));
        }
        Some(_) => {}
    }
}

/// Each seal follows from those before it, and the head stands over all of them.
fn seals(chain: &Chain) -> Vec<String> {
    let mut findings = Vec::new();
    for seal in &chain.seals {
        let whole = Seal { nth: seal.nth, fact: seal.fact, fact_hash: &seal.fact_hash, rows: &seal.rows };
        if whole.hash(&seal.before, &seal.skipped) != seal.hash {
            findings.push(format!("seal {} does not follow from those before it", seal.nth));
        }
        let is_head = seal.nth == chain.head.seal && seal.hash == chain.head.hash;
        let stands_under = |over: &ChainSeal| {
            (over.nth - 1 == seal.nth && over.before == seal.hash)
                || (skip(over.nth) == seal.nth && over.skipped == seal.hash)
        };
        if !is_head && !chain.seals.iter().any(stands_under) {
            findings.push(format!("seal {} is not under the head", seal.nth));
        }
    }
    if !chain.seals.iter().any(|seal| seal.nth == chain.head.seal && seal.hash == chain.head.hash) {
        findings.push("the head is not among the seals".to_owned());
    }
    findings
}
