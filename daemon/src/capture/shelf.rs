//! Where segments lie: a folder for each PBX, begun anew every hour or when one is large, the
//! oldest thrown away by age and by size.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{NaiveDateTime, TimeDelta};
use tracing::{info, warn};
use zstd::Encoder;

use super::segment::{About, EXTENSION, Piece};
use crate::config::Capture;
use crate::{PbxName, Time};

/// A segment is closed after so long: what is deleted by age is late by this at most.
const ROTATE_AFTER: TimeDelta = TimeDelta::hours(1);

/// A segment is closed when its file is as large: deleting one frees so much at once.
const ROTATE_AT: u64 = 64 << 20;

/// What `kill -9` may cost. The recordings of Asterisk, written out so often, take a twentieth of
/// their size; in one block a twenty-second part, so that waiting longer would gain little.
const WRITE_OUT_AFTER: TimeDelta = TimeDelta::seconds(1);

/// Or so many bytes that came: at this size a block costs nothing in compression.
const WRITE_OUT_AT: usize = 1 << 20;

/// The disk that refused is tried again so late.
const TRY_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(60);

/// Room on the disk that is left to what matters more.
const LEAVE_FREE: u64 = 256 << 20;

/// Level 3 would make files a tenth smaller.
const LEVEL: i32 = 1;

const NAME: &str = "%Y%m%dT%H%M%S%6f";

#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    max_age: TimeDelta,
    max_bytes: u64,
    run: i64,
    seats: BTreeMap<PbxName, Seat>,
    /// The disk refused; nothing is written before that.
    again_at: Option<Time>,
    leave_free: u64,
}

#[derive(Debug)]
struct Seat {
    about: About,
    open: Option<Open>,
    /// Bytes of records that could not be written since the last segment.
    missed: u64,
}

struct Open {
    path: PathBuf,
    records: Encoder<'static, File>,
    began: Time,
    /// When what was written last was written out, and how much came since.
    written_at: Time,
    unwritten: usize,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.path.fmt(f)
    }
}

impl Shelf {
    pub fn new(folder: PathBuf, limits: &Capture, abouts: BTreeMap<PbxName, About>, now: Time) -> Shelf {
        let seat = |about| Seat { about, open: None, missed: 0 };
        Shelf {
            folder,
            max_age: TimeDelta::days(i64::from(limits.days)),
            max_bytes: limits.max_mb << 20,
            run: now.timestamp_micros(),
            seats: abouts.into_iter().map(|(pbx, about)| (pbx, seat(about))).collect(),
            again_at: None,
            leave_free: LEAVE_FREE,
        }
    }

    #[cfg(test)]
    pub fn leaving(self, leave_free: u64) -> Shelf {
        Shelf { leave_free, ..self }
    }

    /// Keeps a piece, or counts it as missed.
    pub fn keep(&mut self, pbx: &PbxName, piece: &[u8], now: Time) {
        let Some(seat) = self.seats.get_mut(pbx) else { return };
        if self.again_at.is_some_and(|at| now < at) {
            seat.missed += piece.len() as u64;
            return;
        }
        match self.try_keep(pbx, piece, now) {
            Ok(()) => {
                if self.again_at.take().is_some() {
                    info!("the capture goes on; it tells its gaps");
                }
            }
            Err(error) => self.refused(&error, pbx, piece.len(), now),
        }
    }

    /// Writes out, and closes segments, that have had their time.
    pub fn tick(&mut self, now: Time) {
        let mut full = false;
        let limit = self.rotate_at();
        for (pbx, seat) in &mut self.seats {
            let Some(open) = &mut seat.open else { continue };
            let step = open.step(now, limit);
            match step {
                Ok(false) => {}
                Ok(true) => {
                    full = true;
                    seat.open = None;
                }
                Err(error) => {
                    let pbx = pbx.clone();
                    return self.refused(&error, &pbx, 1, now);
                }
            }
        }
        if full {
            self.tidy(now);
        }
    }

    /// Deletes the oldest: those over age, and as many as must go for those that are being
    /// written to have room.
    pub fn tidy(&mut self, now: Time) {
        let open: Vec<&Path> =
            self.seats.values().filter_map(|seat| Some(seat.open.as_ref()?.path.as_path())).collect();
        let mut closed: Vec<(Time, PathBuf, u64)> = segments(&self.folder);
        closed.retain(|(_, path, _)| !open.contains(&path.as_path()));
        closed.sort();
        let room = self.rotate_at() * self.seats.len() as u64;
        let mut total: u64 = closed.iter().map(|(_, _, bytes)| bytes).sum();
        for (began, path, bytes) in closed {
            if now - began <= self.max_age && total + room <= self.max_bytes {
                break;
            }
            match fs::remove_file(&path) {
                Ok(()) => total -= bytes,
                Err(error) => warn!("cannot delete {}: {error}", path.display()),
            }
        }
    }

    pub fn close(mut self) {
        for (pbx, seat) in &mut self.seats {
            if let Some(open) = seat.open.take()
                && let Err(error) = open.records.finish()
            {
                warn!(%pbx, "the capture's last words are not kept: {error}");
            }
        }
    }

    fn try_keep(&mut self, pbx: &PbxName, piece: &[u8], now: Time) -> io::Result<()> {
        let run = self.run;
        let Some(seat) = self.seats.get_mut(pbx) else { return Ok(()) };
        if seat.open.is_none() {
            room_on(&self.folder, self.leave_free)?;
            let about = About { run, ..seat.about.clone() };
            let mut open = Open::new(&self.folder.join(pbx.as_str()), &about, now)?;
            if seat.missed > 0 {
                let mut gap = Piece::default();
                gap.missed(now, seat.missed);
                open.records.write_all(&gap.take())?;
            }
            seat.about.nth += 1;
            seat.missed = 0;
            seat.open = Some(open);
        }
        let Some(open) = &mut seat.open else { return Ok(()) };
        open.unwritten += piece.len();
        open.records.write_all(piece)
    }

    /// The disk takes no more: everything that is open is left as it is, and later begun anew.
    fn refused(&mut self, error: &io::Error, pbx: &PbxName, bytes: usize, now: Time) {
        if self.again_at.is_none() {
            warn!("the capture stops, and is tried again every minute: {error}");
        }
        self.again_at = Some(now + TRY_AGAIN_AFTER);
        for (name, seat) in &mut self.seats {
            let lost = if name == pbx { bytes } else { 0 };
            seat.missed += (lost + seat.open.take().map_or(0, |open| open.unwritten)) as u64;
        }
        // Ours is what can go when others need the room.
        self.tidy(now);
    }

    /// Four segments of each PBX fit into what is allowed.
    fn rotate_at(&self) -> u64 {
        ROTATE_AT.min(self.max_bytes / (4 * self.seats.len().max(1)) as u64)
    }
}

impl Open {
    fn new(folder: &Path, about: &About, now: Time) -> io::Result<Open> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut began = now;
        let (path, mut file) = loop {
            let path = folder.join(began.format(NAME).to_string()).with_extension(EXTENSION);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => began += TimeDelta::microseconds(1),
                Err(error) => return Err(error),
            }
        };
        file.write_all(&about.head()?)?;
        let records = Encoder::new(file, LEVEL)?;
        Ok(Open { path, records, began, written_at: now, unwritten: 0 })
    }

    /// Whether the segment is closed now.
    fn step(&mut self, now: Time, limit: u64) -> io::Result<bool> {
        let waits_long = now - self.written_at >= WRITE_OUT_AFTER && self.unwritten > 0;
        if waits_long || self.unwritten >= WRITE_OUT_AT {
            self.records.flush()?;
            (self.written_at, self.unwritten) = (now, 0);
        }
        let full = now - self.began >= ROTATE_AFTER || self.records.get_ref().metadata()?.len() >= limit;
        if full {
            self.records.do_finish()?;
        }
        Ok(full)
    }
}

/// All segments below a folder: when they began, where they are, and how large.
pub fn segments(folder: &Path) -> Vec<(Time, PathBuf, u64)> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries(folder).flat_map(|pbx| entries(&pbx.path()).collect::<Vec<_>>());
    files
        .filter_map(|file| {
            let path = file.path();
            let stem = path.file_stem()?.to_str()?;
            let began = NaiveDateTime::parse_from_str(stem, NAME).ok()?.and_utc();
            let is_segment = path.extension().is_some_and(|extension| extension == EXTENSION);
            is_segment.then_some((began, path, file.metadata().ok()?.len()))
        })
        .collect()
}

/// An error when less is free on the folder's disk, as far as that can be known.
fn room_on(folder: &Path, least: u64) -> io::Result<()> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let Ok(disk) = rustix::fs::statvfs(there) else { return Ok(()) };
    if disk.f_bavail * disk.f_frsize >= least {
        return Ok(());
    }
    let why = format!("less than {} MB are free on the disk of {}", least >> 20, folder.display());
    Err(io::Error::new(io::ErrorKind::StorageFull, why))
}
