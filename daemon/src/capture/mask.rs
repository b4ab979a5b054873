//! `ringback capture mask`: captures and recordings that can be shown to strangers.
//!
//! Numbers, names, addresses and hosts have pseudonyms; who is the same stays the same, so that a
//! replay gives the same calls up to the renaming. What makes the structure stays: extensions (up
//! to six digits), queues, devices, contexts, ids, times.

mod json;
mod messages;
mod pseudonyms;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use zstd::Encoder;

use super::read;
use super::segment::{About, Piece, Record, Segment};
use crate::replay::recording::{Arrival, Recording, Step};
use crate::replay::{self};
pub use messages::Dropped;
use messages::{Doing, Messages};
use pseudonyms::Pseudonyms;

/// Compression takes its time once; the files are sent to somebody.
const LEVEL: i32 = 9;

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masked {
    pub files: Vec<PathBuf>,
    /// What could not be understood and was left out.
    pub dropped: Dropped,
}

/// Masks what is at `paths` into files of the same names in the folder `out`, which is made, and
/// must be empty. `key` decides the pseudonyms: a random one, that is then forgotten.
///
/// # Errors
/// Something cannot be read or written.
pub fn mask(paths: &[PathBuf], out: &Path, key: [u8; 32]) -> anyhow::Result<Masked> {
    mask_by(paths, out, &mut Pseudonyms::new(key))
}

fn mask_by(paths: &[PathBuf], out: &Path, pseudonyms: &mut Pseudonyms) -> anyhow::Result<Masked> {
    let files = replay::files(paths)?;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    if fs::read_dir(out)?.next().is_some() {
        bail!("{} is not empty; masked files go into a folder of their own", out.display());
    }
    let (segments, raw): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|file| read::is_segment(file));
    let captures = read::chains(&segments)?;
    for file in &raw {
        learn(Recording::file(file)?, pseudonyms)?;
    }
    for chain in &captures {
        let paths: Vec<PathBuf> = chain.iter().map(|(_, _, path)| path.clone()).collect();
        for recording in read::recordings(&paths)? {
            learn(recording, pseudonyms)?;
        }
    }
    let mut masked = Masked::default();
    for file in &raw {
        masked.raw(file, out, pseudonyms)?;
    }
    for chain in captures {
        masked.capture(&chain, out, pseudonyms)?;
    }
    Ok(masked)
}

fn learn(recording: Recording, pseudonyms: &mut Pseudonyms) -> anyhow::Result<()> {
    let mut messages = Messages::new(recording.kind);
    for step in recording.steps {
        match step? {
            Step::Connected => messages.connected(),
            Step::Bytes { bytes, .. } => drop(messages.pass(&bytes, Doing::Learning(pseudonyms))),
            Step::Asked { .. } => {}
            Step::Missing | Step::Lost => messages.torn(),
        }
    }
    Ok(())
}

impl Masked {
    /// A file of raw bytes, and its `.times`.
    fn raw(&mut self, file: &Path, out: &Path, pseudonyms: &mut Pseudonyms) -> anyhow::Result<()> {
        let recording = Recording::file(file)?;
        let mut messages = Messages::new(recording.kind);
        let mut bytes = Vec::new();
        let mut times = String::new();
        for step in recording.steps {
            match step? {
                Step::Connected => messages.connected(),
                Step::Bytes { at, bytes: read } => {
                    let said = messages.pass(&read, Doing::Masking(pseudonyms));
                    if let Arrival::SinceConnect(since) = at
                        && !said.is_empty()
                    {
                        times += &format!("{:.3} {}\n", since.num_milliseconds() as f64 / 1000.0, bytes.len());
                    }
                    bytes.extend(said);
                }
                Step::Asked { .. } => {}
                Step::Missing | Step::Lost => messages.torn(),
            }
        }
        messages.torn();
        let name =
            file.file_name().map(|name| pseudonyms.text(&name.to_string_lossy())).context("a file has a name")?;
        let path = out.join(name);
        create(&path)?.write_all(&bytes)?;
        if !times.is_empty() {
            create(&path.with_extension("times"))?.write_all(times.as_bytes())?;
        }
        self.add(path, messages.dropped);
        Ok(())
    }

    /// The segments of one PBX, in order.
    fn capture(&mut self, chain: &read::Chain, out: &Path, pseudonyms: &mut Pseudonyms) -> anyhow::Result<()> {
        let mut before = None;
        let mut messages: Option<Messages> = None;
        for (run, nth, path) in chain {
            let segment = Segment::open(path)?;
            let messages = messages.get_or_insert_with(|| Messages::new(segment.about.kind));
            if before != Some((*run, nth.wrapping_sub(1))) {
                messages.torn();
            }
            before = Some((*run, *nth));
            let mut text = |texts: &[String]| texts.iter().map(|one| pseudonyms.text(one)).collect();
            let about = About {
                trunks: text(&segment.about.trunks),
                extensions: text(&segment.about.extensions),
                ..segment.about.clone()
            };
            let folder = out.join(&about.pbx);
            fs::create_dir_all(&folder)?;
            let path = folder.join(path.file_name().context("a file has a name")?);
            let mut file = create(&path)?;
            file.write_all(&about.head()?)?;
            let mut records = Encoder::new(file, LEVEL)?;
            for (at, record) in segment {
                let mut piece = Piece::default();
                match record {
                    Record::Connected => {
                        messages.connected();
                        piece.connected(at);
                    }
                    Record::Heard(bytes) => match &messages.pass(&bytes, Doing::Masking(pseudonyms))[..] {
                        [] => {}
                        said => piece.heard(at, said),
                    },
                    Record::Asked(asking) => piece.asked(at, asking),
                    Record::Missed(count) => {
                        messages.torn();
                        piece.missed(at, count);
                    }
                    Record::Lost(why) => {
                        messages.torn();
                        piece.lost(at, &pseudonyms.text(&why));
                    }
                }
                records.write_all(&piece.take())?;
            }
            records.finish()?;
            self.add(path, Dropped::default());
        }
        if let Some(mut messages) = messages {
            messages.torn();
            self.dropped.add(messages.dropped);
        }
        Ok(())
    }

    fn add(&mut self, file: PathBuf, dropped: Dropped) {
        self.files.push(file);
        self.dropped.add(dropped);
    }
}

impl Dropped {
    fn add(&mut self, other: Dropped) {
        self.pieces += other.pieces;
        self.bytes += other.bytes;
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot make {}", path.display()))
}
