//! One connection's life: reads whatever comes as it comes, and never waits for who listens.

use std::time::Instant;

use bytes::{Buf, BytesMut};
use chrono::{TimeDelta, Utc};
use protocol::Request;
use protocol::session::{Answer, Asking, Heard, Over, Session};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::connect::Wire;
use super::teller::Teller;
use super::{FromLink, Refused};
use crate::Time;
use crate::capture::Tap;
use crate::ledger::Hindrance;
use crate::live::{LinkNow, LinkState};

/// Read at once: a hundred events.
pub(super) const READ: usize = 64 * 1024;

/// Counters are told this often, when they changed.
pub(super) const COUNTERS_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Clocks that differ by more make the PBX's own time stamps confusing to compare with ours.
pub(super) const CLOCK_OFF_MS: i64 = 5_000;

/// How a conversation ended.
pub struct Ended {
    pub why: Over,
    /// When bytes came last.
    pub heard_at: Time,
    /// When the PBX came into sight, on this connection.
    pub live_since: Option<tokio::time::Instant>,
}

/// What a conversation works on.
pub struct Desk<'a> {
    pub now: &'a mut LinkNow,
    pub tap: &'a mut Tap,
    pub teller: &'a mut Teller,
    pub asked: &'a mut mpsc::Receiver<Request>,
    pub stop: &'a CancellationToken,
}

/// Converses until the connection or the conversation ends; none: we are to stop.
pub async fn converse(wire: Box<dyn Wire>, session: &mut Session, desk: Desk<'_>) -> Option<Ended> {
    let Desk { now, tap, teller, asked, stop } = desk;
    let (mut reader, mut writer) = split(wire);
    let mut buffer = BytesMut::with_capacity(READ);
    let mut sending = Sending::default();
    let mut heard = Vec::new();
    let mut heard_at = Utc::now();
    let mut live_since = None;
    let mut told = now.clone();
    let mut torn = Often::default();
    let mut misread = Often::default();
    let mut their_clock = TheirClock::default();
    // Why the last connection ended; what is noted on this one stays.
    let complaint = now.last_error.clone();
    let mut counters = interval(COUNTERS_EVERY);
    counters.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let to = teller.to();
    teller.begin();
    tap.connected(heard_at);
    loop {
        let wake = tokio::time::Instant::from_std(session.next_wake());
        buffer.reserve(READ);
        tokio::select! {
            read = reader.read_buf(&mut buffer) => match read {
                Ok(bytes) if bytes > 0 => {
                    let (time, instant) = moment();
                    heard_at = time;
                    tap.heard(heard_at, &buffer[buffer.len() - bytes..]);
                    session.receive(instant, &mut buffer, &mut heard);
                }
                Ok(_) => session.closed(&mut buffer, &mut heard),
                Err(error) => {
                    debug!(pbx = %now.pbx, "reading failed: {error}");
                    session.closed(&mut buffer, &mut heard);
                }
            },
            () = sleep_until(wake) => session.wake(instant(), &mut heard),
            Some(request) = asked.recv() => session.ask(instant(), request, &mut heard),
            snapshot = teller.caught_up(), if teller.is_behind() => if snapshot {
                session.want_snapshot(instant());
            },
            // A failure to write shows as a failure to read.
            _ = sending.go(&mut writer), if sending.is_busy() => {}
            _ = counters.tick() => {
                tap.tick();
                if *now != told {
                    teller.state(now);
                    told = now.clone();
                }
            }
            () = to.closed() => return None,
            () = stop.cancelled() => return None,
        }
        for heard in heard.drain(..) {
            match heard {
                Heard::Event { event, held } => {
                    now.events_total += 1;
                    let held = TimeDelta::from_std(held).unwrap_or_default();
                    teller.event(heard_at - held, event);
                }
                Heard::Product(product) => now.product = product,
                Heard::Asking(asking) => {
                    tap.asked(Utc::now(), asking);
                    if asking == Asking::Snapshot && now.state != LinkState::Up {
                        enter(now, LinkState::Snapshot);
                    }
                }
                Heard::Live => {
                    if teller.snapshot_ended(heard_at) {
                        live_since.get_or_insert_with(tokio::time::Instant::now);
                        if now.state != LinkState::Up {
                            now.last_error.take_if(|error| complaint.as_ref() == Some(error));
                            enter(now, LinkState::Up);
                            info!(pbx = %now.pbx, product = %now.product, "in sight");
                        }
                    }
                }
                Heard::Answered { request, answer } => {
                    let answer = match answer {
                        Answer::Done => Ok(()),
                        Answer::No(why) => Err(Refused::ByPbx(why)),
                        Answer::Down => Err(Refused::Down),
                        Answer::Unknown => Err(Refused::Unknown),
                    };
                    teller.tell(FromLink::Answered { pbx: now.pbx.clone(), request, answer });
                }
                Heard::Pong { round_trip, clock } => {
                    now.latency_us = Some((round_trip / 2).as_micros() as u64);
                    let theirs = clock.and_then(|clock| TimeDelta::from_std(clock + round_trip / 2).ok());
                    if let Some(theirs) = theirs {
                        let ahead_ms = theirs.num_milliseconds() - heard_at.timestamp_millis();
                        if let Some(detail) = their_clock.step(ahead_ms) {
                            teller.hindered(heard_at, Hindrance::ClockStep, detail);
                        }
                        if ahead_ms.abs() > CLOCK_OFF_MS {
                            let note = format!("The PBX's clock is {ahead_ms} ms ahead of ours: run NTP on both.");
                            note_down(now, note);
                        }
                    }
                }
                Heard::Damaged { why, bytes } => {
                    now.damaged_total += 1;
                    warn!(pbx = %now.pbx, bytes, "passed over: {why}");
                    torn.happened(why.to_owned());
                }
                Heard::Resync(why) => teller.hindered(heard_at, Hindrance::Resync, why.to_owned()),
                Heard::Misread(why) => misread.happened(why),
                Heard::Note(note) => note_down(now, note),
                Heard::Over(why) => return Some(Ended { why, heard_at, live_since }),
            }
        }
        if let Some((count, last)) = torn.tell(instant()) {
            let detail = format!("{count} packets could not be understood; the last: {last}.");
            teller.hindered(heard_at, Hindrance::Damaged, detail);
        }
        if let Some((count, last)) = misread.tell(instant()) {
            let detail = format!("{count} surveys were told wrongly by the dialplan; the last: {last}.");
            teller.hindered(heard_at, Hindrance::Misread, detail);
        }
        if now.state == LinkState::Up && !teller.sees() {
            enter(now, LinkState::Snapshot);
        }
        now.unseen_since = teller.unseen_since();
        if now.state != told.state || now.last_error != told.last_error || now.unseen_since != told.unseen_since {
            teller.state(now);
            told = now.clone();
        }
        sending.take(session.to_send());
    }
}

/// The state changes now.
pub fn enter(now: &mut LinkNow, state: LinkState) {
    now.state = state;
    now.since = Utc::now();
}

fn note_down(now: &mut LinkNow, note: String) {
    if now.last_error.as_ref() != Some(&note) {
        warn!(pbx = %now.pbx, "{note}");
        now.last_error = Some(note);
    }
}

/// What may go wrong with every packet, on its way into the ledger: the first at once, then no line a
/// minute says more than how many there were.
#[derive(Default)]
struct Often {
    count: u64,
    last: String,
    told: Option<Instant>,
}

const OFTEN_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

impl Often {
    fn happened(&mut self, why: String) {
        self.last = why;
        self.count += 1;
    }

    /// How many there were, and the last, where it is time to say so.
    fn tell(&mut self, at: Instant) -> Option<(u64, &str)> {
        let is_quiet = self.told.is_some_and(|told| at.duration_since(told) < OFTEN_EVERY);
        if self.count == 0 || is_quiet {
            return None;
        }
        self.told = Some(at);
        Some((std::mem::take(&mut self.count), &self.last))
    }
}

/// How far the PBX's clock is ahead of ours. It moves by less than this between two pings, unless
/// one of the two clocks was set.
const STEP_MS: i64 = 2_000;

#[derive(Default)]
struct TheirClock {
    ahead_ms: Option<i64>,
}

impl TheirClock {
    fn step(&mut self, ahead_ms: i64) -> Option<String> {
        let before = self.ahead_ms.replace(ahead_ms)?;
        let moved = (ahead_ms - before).abs() >= STEP_MS;
        moved.then(|| format!("The PBX's clock was {before} ms ahead of ours and is now {ahead_ms} ms ahead."))
    }
}

/// How far apart the two clocks may have been read: what waits for a snapshot's end is dated by the
/// difference of both at two moments.
const SAME: TimeDelta = TimeDelta::microseconds(200);

/// Now, by both clocks. On a busy machine another may have its turn between two readings; then they
/// are read again, a few times, for the time may be being set.
fn moment() -> (Time, Instant) {
    let read = || (Utc::now(), instant(), Utc::now());
    let mut last = read();
    for _ in 0..8 {
        if (last.2 - last.0).abs() < SAME {
            break;
        }
        last = read();
    }
    (last.0, last.1)
}

pub(crate) fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Bytes on their way out, while others come in.
#[derive(Default)]
pub(crate) struct Sending {
    bytes: BytesMut,
    /// TLS may hold what it was given.
    unflushed: bool,
}

impl Sending {
    pub(crate) fn take(&mut self, bytes: &mut Vec<u8>) {
        self.unflushed |= !bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
        bytes.clear();
    }

    /// Bytes that the other side has not taken.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.unflushed
    }

    /// Cancelling it loses nothing.
    pub(crate) async fn go(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        let sent = async {
            while self.bytes.has_remaining() {
                writer.write_buf(&mut self.bytes).await?;
            }
            writer.flush().await
        }
        .await;
        self.unflushed = false;
        if sent.is_err() {
            self.bytes.clear();
        }
        sent
    }
}
