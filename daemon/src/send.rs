//! The sender's side of the native socket over TCP or TLS: whatever an [`Owner`] has to tell is told
//! until it is acknowledged, over as many connections as that takes. `ringback send` tells a file.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::BytesMut;
use chrono::Utc;
use protocol::native::client::{Client, Heard, Identity, Over};
use tokio::io::{AsyncReadExt, split};
use tokio::time::{Instant, sleep, sleep_until};

use crate::config::Address;
use crate::link::converse::{Sending, instant};
use crate::link::{Service, connect};

/// Who has something to tell.
pub trait Owner {
    /// The next line, of which the number does not matter; none: that was all.
    fn next(&mut self) -> Option<String>;
    /// All that is up, between the lines that begin and end a snapshot; none: it is not known.
    fn snapshot(&mut self, marker: &str) -> Vec<String>;
    fn hear(&mut self, heard: &Heard);
}

/// How to go about it.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Bytes that are told and not acknowledged.
    pub keep: usize,
    /// Given up when nobody has answered for so long.
    pub patience: Duration,
}

/// Between two attempts to connect.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Tells all that `owner` has, and returns when all of it is acknowledged.
///
/// # Errors
/// Nobody could be reached, or we are not let in.
pub async fn send(to: &Address, identity: Identity, owner: &mut impl Owner, manner: Manner) -> anyhow::Result<()> {
    let Manner { keep, patience } = manner;
    let mut client = Client::new(identity, keep, instant());
    // What had no room, in its order: a snapshot's lines among the others.
    let mut waiting: VecDeque<String> = VecDeque::new();
    let mut seen = Instant::now();
    loop {
        let wire = match connect(to, Service::Ringback).await {
            Ok(connected) => connected.wire,
            Err(unreachable) if seen.elapsed() >= patience => bail!("{}", unreachable.why),
            Err(_) => {
                sleep(AGAIN_AFTER).await;
                continue;
            }
        };
        let (mut reader, mut writer) = split(wire);
        let (mut buffer, mut sending, mut heard) = (BytesMut::new(), Sending::default(), Vec::new());
        client.connected(instant(), Utc::now());
        let mut is_in = false;
        'connected: loop {
            for heard in heard.drain(..) {
                owner.hear(&heard);
                match heard {
                    Heard::Welcome { .. } => is_in = true,
                    Heard::Error { reason, closing: true, .. } if !is_in => bail!("we are not let in: {reason}"),
                    Heard::SnapshotWanted { marker, .. } => {
                        waiting.extend(owner.snapshot(&marker));
                    }
                    Heard::Asked { id, .. } => {
                        client.answer(instant(), id, Err("this sender tells, and does nothing".into()));
                    }
                    Heard::Over(Over::SourceTaken { last_seq }) => {
                        bail!("line {last_seq} of this source is kept there, and was never told by us: name another")
                    }
                    Heard::Over(Over::NotOurs(why)) => bail!("{to} is no native socket: {why}"),
                    Heard::Over(Over::Closed | Over::Dead) => break 'connected,
                    Heard::Acked { .. } | Heard::Error { .. } => {}
                }
            }
            while is_in && let Some(line) = waiting.pop_front().or_else(|| owner.next()) {
                if client.tell_line(&line).is_err() {
                    waiting.push_front(line);
                    break;
                }
            }
            if is_in && waiting.is_empty() && client.unacked() == 0 {
                return Ok(());
            }
            if !sending.is_busy() {
                sending.take(client.to_send(instant()));
            }
            let wake = client.next_wake().map_or_else(|| Instant::now() + AGAIN_AFTER, Instant::from_std);
            tokio::select! {
                read = reader.read_buf(&mut buffer) => match read {
                    Ok(bytes) if bytes > 0 => {
                        seen = Instant::now();
                        client.receive(instant(), &mut buffer, &mut heard);
                    }
                    Ok(_) | Err(_) => break,
                },
                // A failure to write shows as a failure to read.
                _ = sending.go(&mut writer), if sending.is_busy() => {}
                () = sleep_until(wake) => client.wake(instant(), &mut heard),
            }
        }
        client.closed();
        if seen.elapsed() >= patience {
            bail!("{to} takes connections and says nothing");
        }
        sleep(AGAIN_AFTER).await;
    }
}

/// Lines of a file, and what was said of them.
struct Lines<'a> {
    lines: &'a mut dyn BufRead,
    out: &'a mut dyn Write,
    read: u64,
    /// The file's line of each number that is not acknowledged; none: it is not of the file.
    told: BTreeMap<u64, Option<u64>>,
    next: u64,
    acked: u64,
    refused: u64,
    failed: Option<std::io::Error>,
}

impl Owner for Lines<'_> {
    fn next(&mut self) -> Option<String> {
        loop {
            let mut line = Vec::new();
            match self.lines.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) => self.read += 1,
                Err(error) => {
                    self.failed = Some(error);
                    return None;
                }
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            // What a connection begins with and what keeps it is said by us.
            let ours = ["hello", "heartbeat", "answer"];
            let kind = serde_json::from_str::<serde_json::Value>(&line)
                .ok()
                .and_then(|line| line.get("type").and_then(|kind| kind.as_str().map(str::to_owned)));
            if line.is_empty() || kind.is_some_and(|kind| ours.contains(&kind.as_str())) {
                continue;
            }
            self.numbered(Some(self.read));
            return Some(line);
        }
    }

    /// A file does not know what is up, but that nothing is before its first line.
    fn snapshot(&mut self, marker: &str) -> Vec<String> {
        if self.next > 1 {
            return Vec::new();
        }
        let at = Utc::now().to_rfc3339();
        let line = |kind: &str| serde_json::json!({ "type": kind, "at": at, "marker": marker }).to_string();
        self.numbered(None);
        self.numbered(None);
        vec![line("snapshot_began"), line("snapshot_ended")]
    }

    fn hear(&mut self, heard: &Heard) {
        let said = match heard {
            Heard::Welcome { pbx, last_seq } => {
                self.forget(*last_seq);
                writeln!(self.out, "connected as {pbx}")
            }
            Heard::Acked { seq } => {
                self.forget(*seq);
                writeln!(self.out, "kept: {} lines", self.acked)
            }
            Heard::Error { line, seq, reason, .. } => {
                let ours = seq.and_then(|seq| self.told.get(&seq).copied().flatten());
                self.refused += u64::from(ours.is_some());
                match (ours, line) {
                    (Some(ours), _) => writeln!(self.out, "line {ours}: {reason}"),
                    (None, Some(line)) => writeln!(self.out, "line {line} of the connection: {reason}"),
                    (None, None) => writeln!(self.out, "{reason}"),
                }
            }
            Heard::SnapshotWanted { why, .. } if self.next > 1 => {
                writeln!(self.out, "a snapshot is wanted ({why}); a file has none")
            }
            Heard::SnapshotWanted { .. } | Heard::Asked { .. } | Heard::Over(_) => Ok(()),
        };
        // A reader that has seen enough does not end the sending.
        drop(said);
    }
}

impl Lines<'_> {
    fn numbered(&mut self, line: Option<u64>) {
        self.told.insert(self.next, line);
        self.next += 1;
    }

    fn forget(&mut self, up_to: u64) {
        let rest = self.told.split_off(&(up_to + 1));
        self.acked += std::mem::replace(&mut self.told, rest).values().flatten().count() as u64;
    }
}

/// Tells the lines of a file, and writes what came of them. Says whether all were taken.
///
/// # Errors
/// The file cannot be read, nobody can be reached, or we are not let in.
pub async fn file(
    to: &Address,
    identity: Identity,
    lines: &mut dyn BufRead,
    out: &mut dyn Write,
    manner: Manner,
) -> anyhow::Result<bool> {
    let told = BTreeMap::new();
    let mut lines = Lines { lines, out, read: 0, told, next: 1, acked: 0, refused: 0, failed: None };
    let sent = send(to, identity, &mut lines, manner).await;
    let Lines { out, acked, refused, failed, told, .. } = lines;
    let left = told.values().flatten().count();
    writeln!(out, "{acked} lines kept, {refused} of them not understood, {left} not kept")?;
    sent?;
    failed.map_or(Ok(()), Err).context("the lines cannot be read")?;
    Ok(refused == 0)
}
