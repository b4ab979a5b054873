//! A capture as a recording: its segments in order, whatever runs and connections they hold.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::segment::{EXTENSION, Record, Segment};
use crate::replay::recording::{Arrival, Asked, Recording, Step};

/// Whether a file is a segment, by its name.
pub fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}

/// The segments of one PBX, in order: run, number within it, file.
pub type Chain = Vec<(i64, u64, PathBuf)>;

/// Segments in any order, by PBX.
///
/// # Errors
/// One of them is no segment, or cannot be read.
pub fn chains(segments: &[PathBuf]) -> anyhow::Result<Vec<Chain>> {
    let mut of: BTreeMap<String, Chain> = BTreeMap::new();
    for path in segments {
        let about = Segment::open(path)?.about;
        of.entry(about.pbx).or_default().push((about.run, about.nth, path.clone()));
    }
    of.values_mut().for_each(|chain| chain.sort());
    Ok(of.into_values().collect())
}

/// A recording for each PBX of which there are segments.
///
/// # Errors
/// One of them is no segment, or cannot be read.
pub fn recordings(segments: &[PathBuf]) -> anyhow::Result<Vec<Recording>> {
    chains(segments)?.into_iter().map(recording).collect()
}

fn recording(segments: Chain) -> anyhow::Result<Recording> {
    // Names of devices and numbers may have been configured anew meanwhile: the last word holds.
    let last = segments.last().context("a capture has segments")?;
    let about = Segment::open(&last.2)?.about;
    Ok(Recording {
        pbx: about.pbx.as_str().into(),
        kind: about.kind,
        asked: Asked::Link,
        dialplan: about.dialplan(),
        numbering: about.numbering(),
        steps: Box::new(Steps { next: segments.into(), open: None, before: None, connected: false, due: None }),
    })
}

struct Steps {
    next: VecDeque<(i64, u64, PathBuf)>,
    open: Option<Segment>,
    /// The run and the number of the segment that was read last.
    before: Option<(i64, u64)>,
    connected: bool,
    /// What is to be told before the next record.
    due: Option<Step>,
}

impl Iterator for Steps {
    type Item = anyhow::Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(due) = self.due.take() {
                return Some(Ok(due));
            }
            if let Some((at, record)) = self.open.as_mut().and_then(Iterator::next) {
                return Some(Ok(match record {
                    Record::Connected => {
                        self.connected = true;
                        Step::Connected
                    }
                    Record::Heard(bytes) => {
                        self.connected = true;
                        Step::Bytes { at: Arrival::At(at), bytes }
                    }
                    Record::Asked(asking) => Step::Asked { at, asking },
                    Record::Missed(_) => Step::Missing,
                    Record::Lost(_) => {
                        self.connected = false;
                        Step::Lost
                    }
                }));
            }
            let (run, nth, path) = self.next.pop_front()?;
            self.due = match self.before {
                Some(before) if before == (run, nth.wrapping_sub(1)) => None,
                // The daemon ended without a word.
                Some((before, _)) if before != run => self.connected.then_some(Step::Lost),
                Some(_) => Some(Step::Missing),
                None => None,
            };
            self.before = Some((run, nth));
            match Segment::open(&path) {
                Ok(segment) => self.open = Some(segment),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
