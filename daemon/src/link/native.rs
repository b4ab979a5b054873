//! The link to a PBX that connects to us: one task, which outlives the sender's connections.
//!
//! It remembers how far each run of the sender was told, so that what comes twice is heard once, and
//! acknowledges what the engine has committed. A sender that is held back keeps what it has, so this
//! is the one reader that may wait: for the board, and for the disk once a window of lines is not
//! yet on it.
//!
//! A PBX has one sender. A connection of the same run takes over from the one before, which is dead
//! and does not know it. One of another run has to wait until the one before is silent for two
//! heartbeats; a second node of a PBX is a PBX of its own, with its own name and token.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use chrono::{DateTime, SecondsFormat, Utc};
use protocol::Request;
use protocol::event::{BootId, CallEvent};
use protocol::native::conversation::{Conversation, HEARTBEAT, Heard, Heeded, Known, Over, error, welcome};
use protocol::native::mapping::Mapping;
use protocol::native::wire::{FromUs, Hello, write};
use protocol::session::Answer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::connect::Wire;
use super::converse::{CLOCK_OFF_MS, COUNTERS_EVERY, READ, Sending, enter, instant};
use super::{FromLink, Link, REQUESTS, Refused};
use crate::capture::Tap;
use crate::ledger::{self, Hindrance};
use crate::live::{LinkNow, LinkState};
use crate::store::journal::{Entry, Source};
use crate::{PbxName, Time};

/// What a link tells the board, beside its state.
#[derive(Clone, Debug)]
pub enum Said {
    Line(Line),
    /// Something was never told; `entry` says so in the journal, for each call that is up.
    Missed {
        at: Time,
        entry: Entry,
        nth: u64,
        committed: watch::Sender<u64>,
    },
    /// The sender is connected, of this run of its PBX. `whole`: nothing was missed since it was last
    /// in sight.
    There {
        at: Time,
        boot: BootId,
        whole: bool,
    },
    /// Nobody is connected since `from`; told again with `to` when somebody is and all is known.
    Away {
        from: Time,
        to: Option<Time>,
        why: String,
    },
}

/// A line that counts, and what it says.
#[derive(Clone, Debug)]
pub struct Line {
    pub entry: Entry,
    pub events: Vec<CallEvent>,
    /// Of the link's lines; told by `committed` once it is on disk.
    pub nth: u64,
    pub committed: watch::Sender<u64>,
}

/// What was told of a run of the sender, when it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// Everything.
    Whole,
    /// All about calls; a snapshot will tell how agents stand.
    AllCalls,
    /// Nobody knows; a snapshot will tell what is up.
    Nothing,
}

/// A connection whose hello bears our PBX's token.
pub struct Arrival {
    pub wire: Box<dyn Wire>,
    pub hello: Hello,
    /// What came after the hello.
    pub buffer: BytesMut,
    /// Lines that were read.
    pub line: u64,
    /// Where it came from, for people.
    pub from: String,
}

/// What a link knows when it starts.
#[derive(Debug, Default)]
pub struct Memory {
    pub mapping: Mapping,
    /// The newest last.
    pub sources: Vec<Source>,
}

/// Connections that wait for the link; it takes each at once.
pub const ARRIVALS: usize = 4;

/// A run of the sender.
struct Run {
    source: Arc<str>,
    boot: BootId,
    known: Known,
}

/// A line on its way to the disk.
struct InFlight {
    nth: u64,
    source: Arc<str>,
    seq: u64,
}

/// Starts the link's task, which waits for what is remembered; it ends when `stop` is cancelled, or when nobody listens at `to`.
pub fn start(
    pbx: PbxName,
    tap: Tap,
    memory: oneshot::Receiver<Memory>,
    arrivals: mpsc::Receiver<Arrival>,
    to: mpsc::Sender<FromLink>,
    stop: CancellationToken,
) -> (Link, JoinHandle<()>) {
    let (requests, asked) = mpsc::channel(REQUESTS);
    let link = Link { pbx: pbx.clone(), requests };
    let run = async move {
        // Dropped: the start failed.
        let Ok(memory) = memory.await else { return };
        Native::new(pbx, tap, memory, arrivals, asked, to).run(stop).await;
    };
    (link, tokio::spawn(run))
}

struct Native {
    now: LinkNow,
    tap: Tap,
    mapping: Mapping,
    /// The newest last.
    runs: Vec<Run>,
    arrivals: mpsc::Receiver<Arrival>,
    asked: mpsc::Receiver<Request>,
    to: mpsc::Sender<FromLink>,
    nth: u64,
    in_flight: VecDeque<InFlight>,
    committed: watch::Sender<u64>,
    heed: watch::Receiver<u64>,
    /// Since our start a snapshot was heard to its end, and nothing was missed after it.
    sees_all: bool,
    /// Out of sight since, and why.
    away: Option<(Time, String)>,
    connections: u64,
}

/// The board is gone.
struct Deaf;

impl Native {
    fn new(
        pbx: PbxName,
        tap: Tap,
        memory: Memory,
        arrivals: mpsc::Receiver<Arrival>,
        asked: mpsc::Receiver<Request>,
        to: mpsc::Sender<FromLink>,
    ) -> Native {
        let (committed, heed) = watch::channel(0);
        let last_error = Some("No sender has connected to the native socket yet.".into());
        let began = Utc::now();
        let now = LinkNow { last_error, unseen_since: Some(began), ..LinkNow::new(pbx, began) };
        let run = |source: Source| Run {
            source: source.source.into(),
            boot: source.boot,
            known: Known { received: source.last_seq, kept: source.last_seq, last_at: Some(source.last_at) },
        };
        Native {
            now,
            tap,
            mapping: memory.mapping,
            runs: memory.sources.into_iter().map(run).collect(),
            arrivals,
            asked,
            to,
            nth: 0,
            in_flight: VecDeque::new(),
            committed,
            heed,
            sees_all: false,
            away: None,
            connections: 0,
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let ended = async {
            let mut next = None;
            self.tell_state().await?;
            loop {
                let arrival = match next.take() {
                    Some(arrival) => arrival,
                    None => match self.wait().await? {
                        Some(arrival) => arrival,
                        None => return Ok(()),
                    },
                };
                next = self.serve(arrival).await?;
            }
        };
        let _: Option<Result<(), Deaf>> = stop.run_until_cancelled(ended).await;
    }

    /// Waits for a connection; none: there will be no more.
    async fn wait(&mut self) -> Result<Option<Arrival>, Deaf> {
        loop {
            tokio::select! {
                arrival = self.arrivals.recv() => match arrival {
                    None => return Ok(None),
                    Some(arrival) if !arrival.hello.check => return Ok(Some(arrival)),
                    Some(check) => self.reply_to_check(check, None),
                },
                Some(request) = self.asked.recv() => {
                    let pbx = self.now.pbx.clone();
                    self.tell(FromLink::Answered { pbx, request, answer: Err(Refused::Down) }).await?;
                }
                Ok(()) = self.heed.changed() => drop(self.heed_commit(None)),
                () = self.to.closed() => return Err(Deaf),
            }
        }
    }

    /// Converses until the connection ends; says which one takes over, if one does.
    async fn serve(&mut self, arrival: Arrival) -> Result<Option<Arrival>, Deaf> {
        let Arrival { wire, hello, mut buffer, line, from } = arrival;
        let (mut reader, mut writer) = split(wire);
        let mut sending = Sending::default();
        let mut heard = Vec::new();
        self.connections += 1;
        let epoch = Utc::now().timestamp_millis().unsigned_abs().wrapping_add(self.connections);
        let since = self.enter_run(&hello);
        let source = self.current().source.clone();
        let known = self.current().known;
        let mut conversation = Conversation::new(self.now.pbx.as_str(), line, known, epoch, instant());
        self.greet(&hello, since, &from, &mut conversation).await?;
        let mut told = self.now.clone();
        let mut counters = interval(COUNTERS_EVERY);
        counters.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Utc::now();
        let mut next = None;
        self.tap.connected(heard_at);
        self.tap.heard(heard_at, &hello.without_token());
        self.tap.heard(heard_at, &buffer);
        conversation.receive(instant(), heard_at, &mut buffer, &mut self.mapping, &mut heard);
        loop {
            for heard in std::mem::take(&mut heard) {
                match heard {
                    Heard::Line(heeded) => self.line(heeded, &source).await?,
                    Heard::Missed { from, to } => {
                        let why = format!("The sender has lost its lines {from} to {to}.");
                        self.now.damaged_total += 1;
                        let pbx = Some(self.now.pbx.clone());
                        let (what, detail) = (Hindrance::Resync, why.clone());
                        self.tell(FromLink::Hindered(ledger::Entry { pbx, at: heard_at, what, detail })).await?;
                        self.out_of_sight(heard_at, &why).await?;
                        self.missed(from - 1, &source, heard_at).await?;
                        enter(&mut self.now, LinkState::Snapshot);
                    }
                    Heard::Refused { line, seq, reason } => {
                        self.now.damaged_total += 1;
                        warn!(pbx = %self.now.pbx, line, seq, "a line was refused: {reason}");
                    }
                    Heard::Answered { request, answer } => {
                        let answer = match answer {
                            Answer::Done => Ok(()),
                            Answer::No(why) => Err(Refused::ByPbx(why)),
                            Answer::Down => Err(Refused::Down),
                            Answer::Unknown => Err(Refused::Unknown),
                        };
                        self.tell(FromLink::Answered { pbx: self.now.pbx.clone(), request, answer }).await?;
                    }
                    Heard::Over(over) => {
                        self.current().known = conversation.known();
                        sending.take(conversation.to_send());
                        // What it is told last helps whoever looks at the sender; nothing waits for it.
                        let _ = timeout(GOODBYE, sending.go(&mut writer)).await;
                        self.left(over, heard_at).await?;
                        return Ok(next);
                    }
                }
            }
            if self.now.state != told.state || self.now.last_error != told.last_error {
                self.tell_state().await?;
                told = self.now.clone();
            }
            sending.take(conversation.to_send());
            let ready = conversation.is_ready(instant()) && sending.len() < UNSENT;
            let wake = tokio::time::Instant::from_std(conversation.next_wake());
            buffer.reserve(READ);
            tokio::select! {
                read = reader.read_buf(&mut buffer), if ready => match read {
                    Ok(bytes) if bytes > 0 => {
                        heard_at = Utc::now();
                        self.tap.heard(heard_at, &buffer[buffer.len() - bytes..]);
                        conversation.receive(instant(), heard_at, &mut buffer, &mut self.mapping, &mut heard);
                    }
                    Ok(_) | Err(_) => conversation.end(instant(), Over::Closed, &mut heard),
                },
                Ok(()) = self.heed.changed() => {
                    let was_full = !ready;
                    if let Some(seq) = self.heed_commit(Some(&source)) {
                        conversation.kept(instant(), seq);
                    }
                    if was_full {
                        conversation.receive(instant(), heard_at, &mut buffer, &mut self.mapping, &mut heard);
                    }
                }
                () = sleep_until(wake) => {
                    conversation.wake(instant(), &mut heard);
                    if !ready {
                        conversation.receive(instant(), heard_at, &mut buffer, &mut self.mapping, &mut heard);
                    }
                }
                Some(request) = self.asked.recv() => conversation.ask(instant(), request, &mut heard),
                Some(arrival) = self.arrivals.recv() => {
                    let silent = (Utc::now() - heard_at).to_std().unwrap_or_default() >= 2 * HEARTBEAT;
                    if arrival.hello.check {
                        let since = self.now.since.to_rfc3339_opts(SecondsFormat::Secs, true);
                        self.reply_to_check(arrival, Some(format!("source {source} from {from}, since {since}")));
                    } else if *arrival.hello.source.as_str() == *source || silent {
                        next = Some(arrival);
                        conversation.end(instant(), Over::TakenOver, &mut heard);
                    } else {
                        self.refuse(arrival, &source, &from);
                    }
                }
                // A failure to write shows as a failure to read.
                _ = sending.go(&mut writer), if sending.is_busy() => {}
                _ = counters.tick() => {
                    self.tap.tick();
                    if self.now != told {
                        self.tell_state().await?;
                        told = self.now.clone();
                    }
                }
                () = self.to.closed() => return Err(Deaf),
            }
        }
    }

    /// Makes the sender's run the newest, and says what was told of it.
    fn enter_run(&mut self, hello: &Hello) -> Since {
        let boot: BootId = hello.boot.as_str().into();
        let is_last = self.runs.last().is_some_and(|run| *run.source == *hello.source.as_str() && run.boot == boot);
        let known = self.runs.iter().position(|run| *run.source == *hello.source.as_str());
        let run = match known {
            Some(place) => Run { boot, ..self.runs.remove(place) },
            None => Run { source: hello.source.as_str().into(), boot, known: Known::default() },
        };
        self.runs.push(run);
        if self.runs.len() > RUNS {
            self.runs.remove(0);
        }
        match (is_last, self.sees_all) {
            (true, true) => Since::Whole,
            (true, false) => Since::AllCalls,
            (false, _) => Since::Nothing,
        }
    }

    /// The run that is connected, or was last.
    fn current(&mut self) -> &mut Run {
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    async fn greet(
        &mut self,
        hello: &Hello,
        since: Since,
        from: &str,
        conversation: &mut Conversation,
    ) -> Result<(), Deaf> {
        let at = Utc::now();
        let boot: BootId = hello.boot.as_str().into();
        info!(pbx = %self.now.pbx, source = hello.source.as_str(), from, "a sender is connected");
        self.mapping.runs(boot.clone());
        self.now.product = hello.product.as_ref().map_or_else(String::new, |product| product.as_str().to_owned());
        self.now.last_error = hello.at.and_then(|theirs| clock_note(theirs, at));
        self.now.latency_us = None;
        self.said(Said::There { at, boot, whole: since == Since::Whole }).await?;
        if since == Since::Whole {
            return self.in_sight(at).await;
        }
        self.sees_all = false;
        if since == Since::Nothing {
            let (source, seq) = (self.current().source.clone(), self.current().known.received);
            self.missed(seq, &source, at).await?;
        }
        enter(&mut self.now, LinkState::Snapshot);
        conversation.want_snapshot(instant(), "what is up is not known yet");
        self.tell_state().await
    }

    async fn in_sight(&mut self, at: Time) -> Result<(), Deaf> {
        self.sees_all = true;
        self.now.unseen_since = None;
        if self.now.state != LinkState::Up {
            enter(&mut self.now, LinkState::Up);
            info!(pbx = %self.now.pbx, product = %self.now.product, "in sight");
        }
        if let Some((from, why)) = self.away.take() {
            self.said(Said::Away { from, to: Some(at), why }).await?;
        }
        self.tell_state().await
    }

    async fn line(&mut self, heeded: Heeded, source: &Arc<str>) -> Result<(), Deaf> {
        let Heeded { seq, at, line, events } = heeded;
        self.now.events_total += 1;
        let ended = events.contains(&CallEvent::SnapshotEnded);
        let boot = self.current().boot.clone();
        let entry = Entry { source: source.clone(), boot, seq, at, call: None, line };
        let nth = self.fly(source, seq);
        let committed = self.committed.clone();
        self.said(Said::Line(Line { entry, events, nth, committed })).await?;
        if ended { self.in_sight(Utc::now()).await } else { Ok(()) }
    }

    /// Of what was told after `last` nothing is known: no call that is up is certain any more.
    async fn missed(&mut self, last: u64, source: &Arc<str>, at: Time) -> Result<(), Deaf> {
        let boot = self.current().boot.clone();
        let entry = Entry { source: source.clone(), boot, seq: last, at, call: None, line: "".into() };
        let nth = self.fly(source, last);
        self.said(Said::Missed { at, entry, nth, committed: self.committed.clone() }).await
    }

    /// The next line of the link goes out.
    fn fly(&mut self, source: &Arc<str>, seq: u64) -> u64 {
        self.nth += 1;
        self.in_flight.push_back(InFlight { nth: self.nth, source: source.clone(), seq });
        self.nth
    }

    /// What the engine has committed; the last of `source` among it.
    fn heed_commit(&mut self, source: Option<&Arc<str>>) -> Option<u64> {
        let nth = *self.heed.borrow_and_update();
        let mut last = None;
        while let Some(line) = self.in_flight.pop_front_if(|line| line.nth <= nth) {
            if source == Some(&line.source) {
                last = Some(line.seq);
            }
            if let Some(run) = self.runs.iter_mut().find(|run| run.source == line.source) {
                run.known.kept = run.known.kept.max(line.seq);
            }
        }
        last
    }

    /// The connection is gone.
    async fn left(&mut self, over: Over, heard_at: Time) -> Result<(), Deaf> {
        let why = match over {
            Over::Closed => "The sender closed the connection.",
            Over::Dead => "The sender was silent for 30 s: it hangs, or the network is cut.",
            Over::TakenOver => "The sender connected anew.",
        };
        self.tap.lost(Utc::now(), why);
        let sees_all = self.sees_all;
        self.out_of_sight(heard_at, why).await?;
        self.sees_all = sees_all;
        self.now.last_error = Some(format!("{why} We wait for it to connect again."));
        enter(&mut self.now, LinkState::Connecting);
        self.tell_state().await
    }

    async fn out_of_sight(&mut self, from: Time, why: &str) -> Result<(), Deaf> {
        warn!(pbx = %self.now.pbx, "{why}");
        let seen = std::mem::replace(&mut self.sees_all, false);
        self.now.unseen_since.get_or_insert(from);
        if self.away.is_none() && seen {
            self.away = Some((from, why.to_owned()));
            self.said(Said::Away { from, to: None, why: why.to_owned() }).await?;
        }
        Ok(())
    }

    fn reply_to_check(&self, arrival: Arrival, connected: Option<String>) {
        let last_seq = self.runs.last().map_or(0, |run| run.known.kept);
        say_and_close(arrival, welcome(self.now.pbx.as_str(), last_seq, connected));
    }

    fn refuse(&mut self, arrival: Arrival, source: &str, from: &str) {
        let reason = format!(
            "a sender of this PBX is connected from {from}, source {source}. Its place is free {} s after its last \
             word; a second node is a PBX of its own, with its own name and token",
            2 * HEARTBEAT.as_secs()
        );
        let note = format!("Another sender came from {} with this PBX's token, and was turned away.", arrival.from);
        warn!(pbx = %self.now.pbx, "{note}");
        self.now.last_error = Some(note);
        let line = arrival.line;
        say_and_close(arrival, error(Some(line), None, reason, true));
    }

    async fn said(&self, said: Said) -> Result<(), Deaf> {
        self.tell(FromLink::Native { pbx: self.now.pbx.clone(), said }).await
    }

    async fn tell_state(&self) -> Result<(), Deaf> {
        self.tell(FromLink::State(self.now.clone())).await
    }

    /// The board takes what comes at once; it never waits for the disk.
    async fn tell(&self, news: FromLink) -> Result<(), Deaf> {
        self.to.send(news).await.map_err(|_| Deaf)
    }
}

/// Runs of the sender that are remembered, as many as the store does.
const RUNS: usize = 16;

/// Bytes that a sender has not taken from us, errors above all; then it is not read either, and so dead
/// before long.
const UNSENT: usize = 1024 * 1024;

/// For the last words on a connection.
const GOODBYE: Duration = Duration::from_secs(2);

fn clock_note(theirs: DateTime<Utc>, at: Time) -> Option<String> {
    let ahead_ms = (theirs - at).num_milliseconds();
    (ahead_ms.abs() > CLOCK_OFF_MS)
        .then(|| format!("The sender's clock is {ahead_ms} ms ahead of ours: run NTP on both."))
}

/// Answers a connection that is not served, beside whatever else is going on.
fn say_and_close(arrival: Arrival, line: FromUs) {
    let mut wire = arrival.wire;
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        write(&line, &mut bytes);
        let said = async {
            wire.write_all(&bytes).await?;
            wire.shutdown().await
        };
        // Whoever does not take it has gone.
        let _ = timeout(GOODBYE, said).await;
    });
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
