//! Our side of one connection, from the sender's `hello`, which somebody else has read and found to
//! bear the right token, until [`Heard::Over`]. It owns no socket and no clock.
//!
//! It numbers lines, passes by what was told before, maps the rest, and acknowledges only what
//! [`Conversation::kept`] says is on disk. It takes no more lines while too many are not yet kept
//! ([`WINDOW`]) or came too fast ([`EVENTS_PER_S`]); its owner then stops reading that one socket.
//! This is the one place where that is right: the sender keeps everything until it is acknowledged,
//! so that nothing is lost by letting it wait, and whoever else talks with us does not notice.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use chrono::{DateTime, TimeDelta, Utc};

use super::VERSION;
use super::codec::{Line, Lines, MAX_LINE};
use super::mapping::Mapping;
use super::wire::{self, Ask, FromSender, FromUs, Hello, Malformed, Numbered, write};
use crate::event::CallEvent;
use crate::request::{Request, Spying};
use crate::session::Answer;

/// Whoever has nothing to say says so this often; three times as long without a word is dead.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// Lines that are read and not yet on disk: some commits' worth of the busiest sender.
pub const WINDOW: u64 = 4096;

/// The bytes of those lines.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// Lines that are taken in a second, and at once after a rest: five times what a PBX of a thousand
/// agents says, and a fifth of what the tracker can take.
pub const EVENTS_PER_S: u32 = 10_000;

/// That the sender is held back for being fast is told this often.
const SLOW_DOWN_EVERY: Duration = Duration::from_secs(10);

/// A snapshot that was asked for comes within this; then it is asked for again.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(30);

/// A phone rings for so long until an originate is answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Requests without an answer.
const MOST_ASKED: usize = 64;

/// A time so long ago is a broken clock.
const OLDEST: TimeDelta = TimeDelta::days(31);

/// How far the sender's source was told before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Read by us, in an earlier conversation of this run of ours.
    pub received: u64,
    /// On disk.
    pub kept: u64,
    /// The time of the last line: the next is not before it.
    pub last_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The next line of the source, to be kept with its number.
    Line(Heeded),
    /// Lines of these numbers were never told: the sender has lost them. A snapshot will follow.
    Missed {
        from: u64,
        to: u64,
    },
    /// A line could not be understood; the sender has been told. If it bears a number, a
    /// [`Heard::Line`] that says nothing follows.
    Refused {
        line: u64,
        seq: Option<u64>,
        reason: String,
    },
    Answered {
        request: Request,
        answer: Answer,
    },
    Over(Over),
}

/// A line that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Heeded {
    pub seq: u64,
    /// When it happened by the sender's clock; not later than it came, nor before the last one.
    pub at: DateTime<Utc>,
    pub line: Box<str>,
    pub events: Vec<CallEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Closed,
    Dead,
    /// Another connection has this one's place.
    TakenOver,
}

#[derive(Debug)]
pub struct Conversation {
    lines: Lines,
    /// Lines of the connection that were read.
    line: u64,
    received: u64,
    kept: u64,
    acked: u64,
    last_at: Option<DateTime<Utc>>,
    /// What was read since the last that is kept: number and bytes.
    unkept_bytes: VecDeque<(u64, usize)>,
    bytes: usize,
    bucket: Bucket,
    told_to_slow_at: Option<Instant>,
    /// The snapshot that was asked for: its marker, and when it is asked for again.
    wanted: Option<(String, Instant)>,
    snapshots: u32,
    asked: BTreeMap<String, (Request, Instant)>,
    epoch: u64,
    nth_asked: u64,
    send: Vec<u8>,
    heard_at: Instant,
    spoke_at: Instant,
    over: bool,
}

impl Conversation {
    /// Welcomes the sender. `epoch` differs from every other connection's. `line` counts the lines
    /// that were read, `hello` among them.
    pub fn new(pbx: &str, line: u64, known: Known, epoch: u64, at: Instant) -> Conversation {
        let mut conversation = Conversation {
            lines: Lines::default(),
            line,
            received: known.received.max(known.kept),
            kept: known.kept,
            acked: known.kept,
            last_at: known.last_at,
            unkept_bytes: VecDeque::new(),
            bytes: 0,
            bucket: Bucket::new(at),
            told_to_slow_at: None,
            wanted: None,
            snapshots: 0,
            asked: BTreeMap::new(),
            epoch,
            nth_asked: 0,
            send: Vec::new(),
            heard_at: at,
            spoke_at: at,
            over: false,
        };
        conversation.say(at, &welcome(pbx, known.kept, None));
        conversation
    }

    /// The last line of the source that was read, and its time; for the next conversation.
    pub fn known(&self) -> Known {
        Known { received: self.received, kept: self.kept, last_at: self.last_at }
    }

    pub fn to_send(&mut self) -> &mut Vec<u8> {
        &mut self.send
    }

    /// Whether bytes should be read now.
    pub fn is_ready(&self, at: Instant) -> bool {
        !self.over && !self.is_full() && self.bucket.ready_at() <= at
    }

    /// Takes the lines of `buffer` as far as there is room. `arrived` is when its bytes came.
    pub fn receive(
        &mut self,
        at: Instant,
        arrived: DateTime<Utc>,
        buffer: &mut BytesMut,
        mapping: &mut Mapping,
        heard: &mut Vec<Heard>,
    ) {
        self.heard_at = at;
        while self.is_ready(at) {
            match self.lines.next(buffer) {
                None => return,
                Some(Line::Whole(line)) => {
                    self.line += 1;
                    if !line.is_empty() {
                        self.observe(at, arrived, &line, mapping, heard);
                    }
                }
                Some(Line::TooLong { bytes }) => {
                    self.line += 1;
                    let reason = format!("a line of {bytes} bytes; the longest that is read has {MAX_LINE}");
                    self.refuse(at, Malformed { seq: None, reason }, heard);
                }
            }
        }
        if !self.is_full() && self.told_to_slow_at.is_none_or(|told| at >= told + SLOW_DOWN_EVERY) {
            self.told_to_slow_at = Some(at);
            let reason = format!("more than {EVENTS_PER_S} lines a second: they are read no faster; nothing is lost");
            self.say(at, &error(None, None, reason, false));
        }
    }

    /// All of the source up to `seq` is on disk.
    pub fn kept(&mut self, at: Instant, seq: u64) {
        if self.is_full() {
            // It could not be heard meanwhile.
            self.heard_at = at;
        }
        self.kept = self.kept.max(seq);
        while let Some((_, bytes)) = self.unkept_bytes.pop_front_if(|(line, _)| *line <= seq) {
            self.bytes -= bytes;
        }
        if self.kept > self.acked && !self.over {
            self.acked = self.kept;
            self.say(at, &FromUs::Ack { seq: self.acked });
        }
    }

    /// What was told of the present may not be all: `why`.
    pub fn want_snapshot(&mut self, at: Instant, why: &str) {
        if self.over {
            return;
        }
        self.snapshots += 1;
        let marker = format!("r{}-{}", self.epoch, self.snapshots);
        self.say(at, &FromUs::Resync { marker: marker.clone(), why: why.to_owned() });
        self.wanted = Some((marker, at + SNAPSHOT_WITHIN));
    }

    /// Asks the PBX; what comes of it is heard. Never asked again.
    pub fn ask(&mut self, at: Instant, request: Request, heard: &mut Vec<Heard>) {
        let ask = match &request {
            Request::Snapshot | Request::Look => {
                self.want_snapshot(at, "somebody wants to know what is up");
                heard.push(Heard::Answered { request, answer: Answer::Done });
                return;
            }
            Request::Originate { agent, to, leg } => {
                Ask::Originate { agent: agent.to_string(), to: to.as_str().to_owned(), leg: leg.to_string() }
            }
            Request::Hangup { leg } => Ask::Hangup { leg: leg.to_string() },
            Request::Pause { agent, queue, paused, reason } => Ask::Pause {
                agent: agent.to_string(),
                queue: queue.as_ref().map(|queue| queue.to_string()),
                paused: *paused,
                reason: reason.clone(),
            },
            Request::Spy { spy, on, agent, how, leg } => Ask::Spy {
                spy: spy.to_string(),
                agent: agent.to_string(),
                on: on.to_string(),
                how: match how {
                    Spying::Listen => wire::Spying::Listen,
                    Spying::Whisper => wire::Spying::Whisper,
                    Spying::Barge => wire::Spying::Barge,
                },
                leg: leg.to_string(),
            },
        };
        if self.over || self.asked.len() >= MOST_ASKED {
            let why = format!("{MOST_ASKED} requests wait for the PBX's answer already");
            heard.push(Heard::Answered { request, answer: Answer::No(why) });
            return;
        }
        self.nth_asked += 1;
        let id = format!("q{}-{}", self.epoch, self.nth_asked);
        self.say(at, &FromUs::Request { id: id.clone(), ask });
        self.asked.insert(id, (request, at + ANSWER_WITHIN));
    }

    /// The connection ended, or is to end for what is said as `why`.
    pub fn end(&mut self, at: Instant, over: Over, heard: &mut Vec<Heard>) {
        if self.over {
            return;
        }
        let why = match over {
            Over::Closed => None,
            Over::Dead => Some(format!("nothing came for {} s, not even a heartbeat", DEAD_AFTER.as_secs())),
            Over::TakenOver => Some("another connection of this PBX has taken over".to_owned()),
        };
        if let Some(reason) = why {
            self.say(at, &error(None, None, reason, true));
        }
        self.over = true;
        for (request, _) in std::mem::take(&mut self.asked).into_values() {
            heard.push(Heard::Answered { request, answer: Answer::Unknown });
        }
        heard.push(Heard::Over(over));
    }

    /// When [`Conversation::wake`] wants to be called, unless something comes before.
    pub fn next_wake(&self) -> Instant {
        let asked = self.asked.values().map(|(_, until)| *until);
        let wanted = self.wanted.iter().map(|(_, until)| *until);
        let dead = (!self.is_full()).then(|| self.heard_at + DEAD_AFTER);
        let slow = Some(self.bucket.ready_at()).filter(|ready| *ready > self.heard_at);
        let heartbeat = self.spoke_at + HEARTBEAT;
        asked.chain(wanted).chain(dead).chain(slow).min().map_or(heartbeat, |at| at.min(heartbeat))
    }

    pub fn wake(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        // While we do not read, its silence is our own doing.
        if !self.is_full() && at >= self.heard_at + DEAD_AFTER {
            return self.end(at, Over::Dead, heard);
        }
        if self.wanted.as_ref().is_some_and(|(_, until)| at >= *until) {
            self.want_snapshot(at, "the snapshot that was asked for has not come");
        }
        while let Some(id) = self.asked.iter().find(|(_, (_, until))| at >= *until).map(|(id, _)| id.clone()) {
            if let Some((request, _)) = self.asked.remove(&id) {
                heard.push(Heard::Answered { request, answer: Answer::Unknown });
            }
        }
        if at >= self.spoke_at + HEARTBEAT {
            self.say(at, &FromUs::Heartbeat {});
        }
    }

    fn is_full(&self) -> bool {
        self.received - self.kept >= WINDOW || self.bytes >= WINDOW_BYTES
    }

    fn observe(
        &mut self,
        at: Instant,
        arrived: DateTime<Utc>,
        line: &[u8],
        mapping: &mut Mapping,
        heard: &mut Vec<Heard>,
    ) {
        match FromSender::parse(line) {
            Ok(FromSender::Heartbeat) => {}
            Ok(FromSender::Hello(_)) => {
                let reason = "hello is said once, as the first line".to_owned();
                self.refuse(at, Malformed { seq: None, reason }, heard);
            }
            Ok(FromSender::Answer(answer)) => match self.asked.remove(&answer.id) {
                Some((request, _)) => {
                    let why = answer.reason.map_or_else(|| "no reason given".to_owned(), String::from);
                    let answer = if answer.done { Answer::Done } else { Answer::No(why) };
                    heard.push(Heard::Answered { request, answer });
                }
                None => {
                    let reason = format!("no request {:?} waits for an answer", answer.id);
                    self.refuse(at, Malformed { seq: None, reason }, heard);
                }
            },
            Ok(FromSender::Told(Numbered { told, seq, at: happened })) => {
                self.bucket.take(at);
                if !self.is_next(at, seq, line.len(), heard) {
                    return;
                }
                let is_end = matches!(told, wire::Told::SnapshotEnded { .. });
                let mut events = Vec::new();
                if let Err(reason) = mapping.map(told, &mut events) {
                    self.refuse(at, Malformed { seq: Some(seq), reason }, heard);
                } else if is_end {
                    self.wanted = None;
                }
                self.heed(seq, happened, arrived, line, events, heard);
            }
            Err(malformed) => {
                self.bucket.take(at);
                let seq = malformed.seq;
                let counts = seq.filter(|seq| self.is_next(at, *seq, line.len(), heard));
                // What was refused before is not refused again.
                if counts.is_some() || seq.is_none() {
                    self.refuse(at, malformed, heard);
                }
                if let Some(seq) = counts {
                    self.heed(seq, arrived, arrived, line, Vec::new(), heard);
                }
            }
        }
    }

    /// Whether the number is one that has not been told before. A hole is told to both sides.
    fn is_next(&mut self, at: Instant, seq: u64, bytes: usize, heard: &mut Vec<Heard>) -> bool {
        if seq <= self.received {
            // Forgotten by the sender only when it is kept; then it must be told so.
            if seq <= self.kept {
                self.say(at, &FromUs::Ack { seq: self.kept });
            }
            return false;
        }
        if seq > self.received + 1 {
            let (from, to) = (self.received + 1, seq - 1);
            let reason = format!("the numbers {from} to {to} were not told");
            self.say(at, &error(Some(self.line), Some(seq), reason.clone(), false));
            heard.push(Heard::Missed { from, to });
            self.want_snapshot(at, &reason);
        }
        self.received = seq;
        self.unkept_bytes.push_back((seq, bytes));
        self.bytes += bytes;
        true
    }

    fn heed(
        &mut self,
        seq: u64,
        happened: DateTime<Utc>,
        arrived: DateTime<Utc>,
        line: &[u8],
        events: Vec<CallEvent>,
        heard: &mut Vec<Heard>,
    ) {
        let earliest = self.last_at.unwrap_or(arrived - OLDEST).min(arrived);
        let at = happened.clamp(earliest, arrived);
        self.last_at = Some(at);
        heard.push(Heard::Line(Heeded { seq, at, line: String::from_utf8_lossy(line).into(), events }));
    }

    fn refuse(&mut self, at: Instant, malformed: Malformed, heard: &mut Vec<Heard>) {
        let Malformed { seq, reason } = malformed;
        self.say(at, &error(Some(self.line), seq, reason.clone(), false));
        heard.push(Heard::Refused { line: self.line, seq, reason });
    }

    fn say(&mut self, at: Instant, line: &FromUs) {
        self.spoke_at = at;
        write(line, &mut self.send);
    }
}

pub fn welcome(pbx: &str, last_seq: u64, connected: Option<String>) -> FromUs {
    FromUs::Welcome {
        version: VERSION,
        pbx: pbx.to_owned(),
        last_seq,
        heartbeat_s: HEARTBEAT.as_secs(),
        window: WINDOW,
        connected,
    }
}

pub fn error(line: Option<u64>, seq: Option<u64>, reason: String, closing: bool) -> FromUs {
    FromUs::Error { line, seq, reason, closing }
}

/// The first line of a connection: a hello of our version, or what to answer.
pub fn hello(line: &Line) -> Result<Hello, String> {
    let line = match line {
        Line::Whole(line) => line,
        Line::TooLong { bytes } => {
            return Err(format!("a line of {bytes} bytes; the longest that is read has {MAX_LINE}"));
        }
    };
    match FromSender::parse(line) {
        Ok(FromSender::Hello(hello)) if hello.version == VERSION => Ok(hello),
        Ok(FromSender::Hello(hello)) => {
            Err(format!("version {} is not spoken here; version {VERSION} is", hello.version))
        }
        Ok(FromSender::Heartbeat | FromSender::Answer(_) | FromSender::Told(_)) => {
            Err("the first line must be a hello".to_owned())
        }
        Err(malformed) => Err(malformed.reason),
    }
}

/// Whether what comes is within [`EVENTS_PER_S`]: each line takes its share of a second, and a
/// second may be taken in advance.
#[derive(Debug)]
struct Bucket {
    /// When all that was taken is paid for.
    paid_at: Instant,
}

impl Bucket {
    const EACH: Duration = Duration::from_nanos(1_000_000_000 / EVENTS_PER_S as u64);
    const AHEAD: Duration = Duration::from_secs(1);

    fn new(at: Instant) -> Bucket {
        Bucket { paid_at: at }
    }

    fn take(&mut self, at: Instant) {
        self.paid_at = self.paid_at.max(at) + Self::EACH;
    }

    /// When the next line may be taken. Once too much was taken, a rest lets many in at once, so
    /// that the reader does not wake for each.
    fn ready_at(&self) -> Instant {
        self.paid_at.checked_sub(Self::AHEAD).unwrap_or(self.paid_at)
    }
}
