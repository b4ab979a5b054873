//! A matter's evidence as one file that can be given away: what is to be read, and what is needed to
//! check it against the chain with common tools, without any other customer's facts.
//!
//! The same files give the same bytes. `MANIFEST.sha256` names each with its SHA-256, as `sha256sum -c`
//! reads it. What is proven is in `facts/` and `rows/`, each file the very text that a digest of the
//! chain is of; `chain.json` leads from them to the head.

mod check;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::store::evidence::Evidence;
use crate::store::verify::digest;
pub use check::{Checked, check, check_kept};

const MANIFEST: &str = "MANIFEST.sha256";
const CHAIN: &str = "chain.json";

/// More than any matter holds; a file that unpacks to more is none of ours.
const MAX_BYTES: u64 = 4 << 30;

/// Files by their names within the pack.
#[derive(Debug, Default)]
pub struct Pack {
    files: BTreeMap<String, Vec<u8>>,
}

impl Pack {
    pub fn put(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), bytes.into());
    }

    /// Facts, rows and the way from them to the head. A text that `hides` says to hide is there by
    /// its digest alone.
    pub fn put_chain(&mut self, evidence: &Evidence, hides: impl Fn(&[u8]) -> bool) -> anyhow::Result<()> {
        let mut shown = |name: String, text: &[u8]| {
            let is_shown = !hides(text);
            if is_shown {
                self.put(name, text);
            }
            is_shown
        };
        let facts = evidence.facts.iter().map(|fact| ChainFact {
            seq: fact.seq,
            shown: shown(fact_name(fact.seq), &fact.text),
            digest: digest(&fact.text),
            before: fact.before.clone(),
            hash: fact.hash.clone(),
            seal: fact.seal,
            then: fact.then.clone(),
        });
        let facts = facts.collect();
        let rows = evidence.rows.iter().filter_map(|row| {
            let seal = row.seal?;
            Some(ChainRow {
                table: row.table.clone(),
                rowid: row.rowid,
                shown: shown(row_name(&row.table, row.rowid), &row.text),
                digest: digest(&row.text),
                seal,
            })
        });
        let rows = rows.collect();
        for (nth, seal) in &evidence.seals {
            if let Some(lines) = &seal.lines {
                self.put(seal_name(*nth), lines.as_bytes());
            }
        }
        let seals = evidence.seals.iter().map(|(nth, seal)| ChainSeal {
            nth: *nth,
            before: seal.before.clone(),
            skipped: seal.skipped.clone(),
            fact: seal.fact,
            fact_hash: seal.fact_hash.clone(),
            rows: seal.rows.clone(),
            hash: seal.hash.clone(),
        });
        let chain = Chain {
            ticket: evidence.page.row.ticket.number.clone(),
            head: ChainHead { hash: evidence.head.hash.clone(), seal: evidence.head.seal, fact: evidence.head.fact },
            facts,
            rows,
            seals: seals.collect(),
        };
        self.put(CHAIN, serde_json::to_vec_pretty(&chain)?);
        Ok(())
    }

    /// As one file, with a manifest of the others.
    pub fn zip(&self) -> anyhow::Result<Vec<u8>> {
        // No time of its own: what is in it has one.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let manifest = self.manifest();
        let with_manifest = self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        for (name, bytes) in [(MANIFEST, manifest.as_bytes())].into_iter().chain(with_manifest) {
            zip.start_file(name, options)?;
            zip.write_all(bytes)?;
        }
        Ok(zip.finish()?.into_inner())
    }

    /// The files of a pack, and its manifest as it stands there.
    fn read(bytes: &[u8]) -> anyhow::Result<(Pack, String)> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).context("this is no zip file that can be read")?;
        let mut pack = Pack::default();
        let mut left = MAX_BYTES;
        for nth in 0..archive.len() {
            let file = archive.by_index(nth).context("a file of the pack cannot be read")?;
            let name = std::str::from_utf8(file.name_raw()).context("a file of the pack has no name")?.to_owned();
            let mut bytes = Vec::new();
            file.take(left).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be unpacked"))?;
            left -= bytes.len() as u64;
            if pack.files.insert(name.clone(), bytes).is_some() {
                bail!("{name} is in it twice");
            }
        }
        let manifest = pack.files.remove(MANIFEST).with_context(|| format!("it has no {MANIFEST}"))?;
        Ok((pack, String::from_utf8_lossy(&manifest).into_owned()))
    }

    fn manifest(&self) -> String {
        self.files.iter().map(|(name, bytes)| format!("{}  {name}\n", digest(bytes))).collect()
    }
}

/// The files of a pack by their names, its manifest apart.
///
/// # Errors
/// It is no zip file, or none of ours.
pub fn unpack(bytes: &[u8]) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    Ok(Pack::read(bytes)?.0.files)
}

fn fact_name(seq: i64) -> String {
    format!("facts/{seq}.json")
}

fn row_name(table: &str, rowid: i64) -> String {
    format!("rows/{table}-{rowid}.json")
}

fn seal_name(nth: i64) -> String {
    format!("seals/{nth}.txt")
}

/// `chain.json`.
#[derive(Serialize, Deserialize)]
struct Chain {
    ticket: String,
    head: ChainHead,
    facts: Vec<ChainFact>,
    rows: Vec<ChainRow>,
    /// From the head down to all that are named; each is right before another of them, or skipped to
    /// by one.
    seals: Vec<ChainSeal>,
}

#[derive(Serialize, Deserialize)]
struct ChainHead {
    hash: String,
    seal: i64,
    fact: i64,
}

#[derive(Serialize, Deserialize)]
struct ChainFact {
    seq: i64,
    /// Else its text is kept back: numbers are masked in this pack.
    shown: bool,
    digest: String,
    before: String,
    hash: String,
    seal: i64,
    /// Digests of those that follow it, up to the last under the seal.
    then: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ChainRow {
    table: String,
    rowid: i64,
    shown: bool,
    digest: String,
    seal: i64,
}

#[derive(Serialize, Deserialize)]
struct ChainSeal {
    nth: i64,
    before: String,
    skipped: String,
    fact: i64,
    fact_hash: String,
    rows: String,
    hash: String,
}
