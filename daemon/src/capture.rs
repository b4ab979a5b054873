//! Captures: what each PBX sent, byte for byte with the time of its coming, kept for a while on
//! the disk, so that a day can be read again (`ringback replay`) or shown to somebody else
//! (`ringback capture mask`).
//!
//! Only what comes from the PBX is kept: what we send would hold our secret. Of that stands there
//! when we asked what is up. The token by which a sender signs in is blanked. Links hand pieces of
//! capture to one thread and never wait for it; what it has no room for is not kept, and the
//! capture says so at that place.

pub mod mask;
pub mod read;
pub mod segment;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use protocol::session::Asking;
use tracing::warn;

use crate::config::Config;
use crate::{PbxName, Time};
use segment::{About, Piece};
use shelf::Shelf;

/// The folder below the data directory; in it a folder for each PBX.
pub const FOLDER: &str = "capture";

/// Pieces that may wait for the disk, of all PBXes together: 16 MB, some seconds of the busiest
/// house that we hold ourselves to.
const PIECES: usize = 256;

/// A piece is handed over when it is as large as this, or when it is a second old.
const PIECE: usize = 64 * 1024;

/// While the disk has no room, a link gathers this much before it lets go.
const PIECE_MOST: usize = 4 * PIECE;

/// How often the thread looks whether something is to be written out or thrown away.
const TICK: Duration = Duration::from_millis(500);

/// A link's hand, holding what it heard until there is enough to hand on.
#[derive(Debug, Default)]
pub struct Tap(Option<Open>);

#[derive(Debug)]
struct Open {
    pbx: PbxName,
    to: SyncSender<(PbxName, Vec<u8>)>,
    piece: Piece,
    /// Bytes of the PBX that could not be kept since the last piece was taken.
    missed: u64,
    /// Whether it was said that some could not.
    complained: bool,
}

/// A capture that runs.
#[derive(Debug, Default)]
pub struct Capturing {
    /// One for each PBX; none when nothing is captured.
    pub taps: BTreeMap<PbxName, Tap>,
    /// Ends when the taps have.
    pub thread: Option<thread::JoinHandle<()>>,
}

/// Starts the capture, if there is to be one.
///
/// # Errors
/// The thread cannot be started. A disk that refuses is no error: it is tried again and again.
pub fn start(config: &Config) -> anyhow::Result<Capturing> {
    if !config.capture.enabled || config.pbxs.is_empty() {
        return Ok(Capturing::default());
    }
    let abouts = config.pbxs.iter().map(|pbx| (pbx.name.clone(), About::of(pbx))).collect();
    let mut shelf = Shelf::new(config.data.join(FOLDER), &config.capture, abouts, Utc::now());
    let (to, pieces) = sync_channel::<(PbxName, Vec<u8>)>(PIECES);
    let taps = config.pbxs.iter().map(|pbx| (pbx.name.clone(), Tap::new(pbx.name.clone(), to.clone()))).collect();
    let keep = move || {
        shelf.tidy(Utc::now());
        loop {
            match pieces.recv_timeout(TICK) {
                Ok((pbx, piece)) => shelf.keep(&pbx, &piece, Utc::now()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            shelf.tick(Utc::now());
        }
        shelf.close();
    };
    let thread = thread::Builder::new().name("capture".into()).spawn(keep).context("cannot start the capture")?;
    Ok(Capturing { taps, thread: Some(thread) })
}

impl Tap {
    fn new(pbx: PbxName, to: SyncSender<(PbxName, Vec<u8>)>) -> Tap {
        Tap(Some(Open { pbx, to, piece: Piece::default(), missed: 0, complained: false }))
    }

    /// A connection was made; what is heard next are its first bytes.
    pub fn connected(&mut self, at: Time) {
        if let Some(open) = &mut self.0 {
            open.piece.connected(at);
        }
    }

    /// The connection ended, and why.
    pub fn lost(&mut self, at: Time, why: &str) {
        if let Some(open) = &mut self.0 {
            open.piece.lost(at, why);
            open.hand_over();
        }
    }

    /// We asked the PBX: without knowing what, its answers cannot be understood.
    pub fn asked(&mut self, at: Time, asking: Asking) {
        if let Some(open) = &mut self.0 {
            open.piece.asked(at, asking);
        }
    }

    pub fn heard(&mut self, at: Time, bytes: &[u8]) {
        let Some(open) = &mut self.0 else { return };
        if open.piece.len() >= PIECE {
            open.hand_over();
        }
        if !open.piece.is_empty() && open.piece.len() + bytes.len() > PIECE_MOST {
            open.missed += bytes.len() as u64;
            return;
        }
        if open.missed > 0 {
            open.piece.missed(at, std::mem::take(&mut open.missed));
        }
        open.piece.heard(at, bytes);
    }

    /// Hands over what was heard; to be called about once a second.
    pub fn tick(&mut self) {
        if let Some(open) = &mut self.0 {
            open.hand_over();
        }
    }
}

impl Open {
    fn hand_over(&mut self) {
        if self.piece.is_empty() {
            return;
        }
        match self.to.try_send((self.pbx.clone(), self.piece.take())) {
            Ok(()) => self.complained = self.missed > 0,
            Err(TrySendError::Full((_, piece)) | TrySendError::Disconnected((_, piece))) => {
                self.piece.put_back(piece);
                if !std::mem::replace(&mut self.complained, true) {
                    warn!(pbx = %self.pbx, "the disk is too slow for the capture, which will have gaps; nothing else waits for it");
                }
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.tick();
    }
}
