//! One conversation with a FreeSWITCH: sign in, subscribe, ask what is up while holding what comes
//! meanwhile, then follow, and compare now and then.
//!
//! A reply says not to which command it belongs: replies come in the order of the commands, with
//! events between them. So a command whose reply is late keeps its place in the line, and a reply
//! that was lost to damage ends the conversation.
//!
//! Other than an Asterisk, a FreeSWITCH may drop events without a word, and what it lists may be
//! older than what it told. Each leg that lists and events do not agree upon is asked for by name;
//! what is proven gone is told to have ended, and a leg that is up of which no event came asks for
//! a snapshot.

mod asking;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Decoder;

use super::codec::{ContentType, EslCodec, Frame, Message};
use super::event::{Event, Header};
use super::events;
use super::jobs::{Done, Jobs, REPLY_WITHIN};
use super::login::{Credentials, Login, LoginFailure, Progress};
use super::pulse::Pulse;
use super::requests::{self, Dialling, JobIds};
use super::sight::Sight;
use super::survey::List;
use crate::charset::text;
use crate::event::{BootId, CallEvent, LegId};
use crate::request::Request;
use crate::session::{self, Answer, Asking, Heard, Over};

/// Greeting and login take a round trip or two.
const LOGIN_WITHIN: Duration = Duration::from_secs(15);

/// No byte for so long after a ping: dead.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// A list, with all that stands before it in the line.
const LIST_WITHIN: Duration = Duration::from_secs(30);

const PING_EVERY: Duration = Duration::from_secs(15);

/// Events held during a snapshot: several seconds of the busiest PBX, some 10 MB.
const MAX_HELD: usize = 65_536;

/// Lists and events are compared this often, for the queue of events may have overflowed.
const LOOK_EVERY: Duration = Duration::from_secs(180);

/// Nothing tells when a place in a queue comes or goes.
const DUTIES_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Conversation {
    codec: EslCodec,
    ids: JobIds,
    dialling: Dialling,
    stage: Stage,
    send: Vec<u8>,
    /// What was sent and not replied to, in order.
    line: VecDeque<Pending>,
    jobs: Jobs,
    /// The last run that we saw, in this conversation or the one before.
    boot: Option<BootId>,
    /// This conversation's.
    core: Option<BootId>,
    sight: Sight,
    pulse: Pulse,
    began: Instant,
    heard_at: Instant,
    ping_at: Instant,
    /// A snapshot is wanted, may be taken from then on, and why.
    snapshot_at: Option<(Instant, &'static str)>,
    snapshot_last: Option<Instant>,
    look_at: Instant,
    look_last: Option<Instant>,
    duties_at: Instant,
    stopping: bool,
    over: bool,
    mapped: Vec<CallEvent>,
}

#[derive(Debug)]
enum Stage {
    Login(Login),
    Subscribing,
    Snapshot { held: Vec<(Instant, CallEvent)> },
    Live,
}

#[derive(Debug)]
struct Pending {
    what: What,
    sent: Instant,
    until: Instant,
}

#[derive(Debug)]
enum What {
    /// Whether the events were wanted as JSON.
    Subscription {
        json: bool,
    },
    Ping,
    /// Of that survey.
    List(u64, List),
    Exists(u64, LegId),
    Job(String),
    /// Too late: the reply is passed over when it comes.
    Forgotten,
}

impl Conversation {
    /// `epoch` differs from every other connection's; `boot` is the run that was seen last.
    pub fn new(credentials: Credentials, dialling: Dialling, epoch: u64, boot: Option<BootId>, at: Instant) -> Self {
        Conversation {
            codec: EslCodec::default(),
            ids: JobIds::new(epoch),
            dialling,
            stage: Stage::Login(Login::new(credentials)),
            send: Vec::new(),
            line: VecDeque::new(),
            jobs: Jobs::default(),
            boot,
            core: None,
            sight: Sight::default(),
            pulse: Pulse::default(),
            began: at,
            heard_at: at,
            ping_at: at + PING_EVERY,
            snapshot_at: None,
            snapshot_last: None,
            look_at: at + LOOK_EVERY,
            look_last: None,
            duties_at: at + DUTIES_EVERY,
            stopping: false,
            over: false,
            mapped: Vec::new(),
        }
    }

    /// The run of FreeSWITCH that was seen last.
    pub fn boot(&self) -> Option<&BootId> {
        self.boot.as_ref()
    }

    pub fn to_send(&mut self) -> &mut Vec<u8> {
        &mut self.send
    }

    pub fn receive(&mut self, at: Instant, buffer: &mut BytesMut, heard: &mut Vec<Heard>) {
        self.heard_at = at;
        while !self.over {
            match self.codec.decode(buffer) {
                Ok(Some(Message::Frame(frame))) => self.observe(at, &frame, heard),
                Ok(Some(Message::Damaged(damaged))) => self.damaged(at, damaged.why.as_str(), damaged.bytes, heard),
                Ok(Some(Message::Stranger(line))) => {
                    if let Stage::Login(login) = &self.stage {
                        let why = login.greeted_strangely(&line);
                        self.refused(why, heard);
                    }
                }
                Ok(None) | Err(_) => break,
            }
        }
    }

    pub fn closed(&mut self, buffer: &mut BytesMut, heard: &mut Vec<Heard>) {
        while let Ok(Some(message)) = self.codec.decode_eof(buffer) {
            match message {
                Message::Damaged(damaged) if !self.over => {
                    heard.push(Heard::Damaged { why: damaged.why.as_str(), bytes: damaged.bytes });
                }
                // The farewell may have landed inside the last frame.
                Message::Frame(frame) if !self.over => self.observe(self.heard_at, &frame, heard),
                Message::Damaged(_) | Message::Frame(_) | Message::Stranger(_) => {}
            }
        }
        if self.over {
            return;
        }
        match &self.stage {
            Stage::Login(login) => {
                let why = login.closed();
                self.refused(why, heard);
            }
            Stage::Subscribing | Stage::Snapshot { .. } | Stage::Live if self.stopping => {
                self.end(Over::ShutDown, heard);
            }
            Stage::Subscribing | Stage::Snapshot { .. } | Stage::Live => self.end(Over::Closed, heard),
        }
    }

    pub fn ask(&mut self, at: Instant, request: Request, heard: &mut Vec<Heard>) {
        if self.over || matches!(self.stage, Stage::Login(_) | Stage::Subscribing) {
            return heard.push(Heard::Answered { request, answer: Answer::Down });
        }
        let sight = &self.sight;
        match requests::command(&request, &self.dialling, |agent| sight.called(agent)) {
            Ok(Some(command)) => {
                if let Request::Pause { agent, paused: true, reason, .. } = &request {
                    self.sight.paused(agent, reason);
                }
                self.bgapi(at, &command, Some(request));
            }
            Ok(None) => {
                match request {
                    Request::Look => self.look_at = at,
                    Request::Snapshot
                    | Request::Originate { .. }
                    | Request::Hangup { .. }
                    | Request::Pause { .. }
                    | Request::Spy { .. } => {
                        self.want_snapshot_soon(at, "What we held for true was not what the PBX says.");
                    }
                }
                heard.push(Heard::Answered { request, answer: Answer::Done });
            }
            Err(why) => heard.push(Heard::Answered { request, answer: Answer::No(why.to_string()) }),
        }
    }

    /// All that is up will be told anew, after the snapshot that is under way if there is one.
    pub fn want_snapshot(&mut self, at: Instant) {
        self.snapshot_at = Some((at, "Events were dropped."));
    }

    pub fn next_wake(&self) -> Instant {
        if let Stage::Login(_) = self.stage {
            return self.began + LOGIN_WITHIN;
        }
        let replies = self.line.iter().filter(|pending| !matches!(pending.what, What::Forgotten));
        let deadlines = replies.map(|pending| pending.until).chain(self.jobs.deadlines());
        let deadlines = deadlines.chain(self.sight.buries_at()).chain(self.pulse.missed_at());
        let snapshot_at = self.snapshot_at.map(|(due, _)| due).filter(|_| matches!(self.stage, Stage::Live));
        let lists_at = [self.look_at, self.duties_at].into_iter().filter(|_| self.may_ask());
        let stuck_at = self.stuck_at();
        deadlines.chain(snapshot_at).chain(lists_at).chain(stuck_at).fold(self.ping_at, Instant::min)
    }

    pub fn wake(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        if self.over {
            return;
        }
        if let Stage::Login(login) = &self.stage {
            if at >= self.began + LOGIN_WITHIN {
                let why = login.timed_out();
                self.refused(why, heard);
            }
            return;
        }
        self.pass_over_the_late(at, heard);
        self.jobs.give_up(at, heard);
        self.bury(at, heard);
        if self.over {
            return;
        }
        if self.pulse.missed_at().is_some_and(|missed| missed <= at) {
            return self.end(Over::NoHeartbeat, heard);
        }
        if self.stuck_at().is_some_and(|stuck| stuck <= at) {
            return self.end(Over::SnapshotStuck("version"), heard);
        }
        if at >= self.ping_at {
            self.ping(at);
        }
        if let Some((_, why)) = self.snapshot_at.filter(|(due, _)| *due <= at && matches!(self.stage, Stage::Live)) {
            heard.push(Heard::Resync(why));
            self.begin_snapshot(at, heard);
        } else if self.may_ask() && self.look_at <= at {
            self.begin(at, Asking::Look, heard);
        } else if self.may_ask() && self.duties_at <= at {
            self.begin(at, Asking::Duties, heard);
        }
    }

    fn observe(&mut self, at: Instant, frame: &Frame, heard: &mut Vec<Heard>) {
        if let Stage::Login(login) = &mut self.stage {
            match login.observe(frame, &mut self.send) {
                Progress::Waiting => {}
                Progress::In => self.subscribe(at, true),
                Progress::Failed(why) => self.refused(why, heard),
            }
            return;
        }
        match frame.content_type {
            ContentType::EventJson | ContentType::EventPlain => match Event::read(frame) {
                Ok(event) => self.event(at, &event, heard),
                Err(_) => self.damaged(at, "an event could not be read", frame.body.len(), heard),
            },
            ContentType::CommandReply => {
                let said = frame.headers.slice_ref(frame.get(b"Reply-Text").unwrap_or_default());
                self.reply(at, said, heard);
            }
            ContentType::ApiResponse => self.reply(at, frame.body.clone(), heard),
            ContentType::DisconnectNotice => {
                let lingers = frame.get(b"Content-Disposition").is_some_and(|how| how.eq_ignore_ascii_case(b"linger"));
                // Said by a FreeSWITCH that goes down; who is thrown out is told another farewell.
                self.stopping |= !lingers && frame.body.starts_with(b"The system is being shut down");
            }
            ContentType::AuthRequest | ContentType::RudeRejection => {}
        }
    }

    fn subscribe(&mut self, at: Instant, json: bool) {
        self.stage = Stage::Subscribing;
        let format = if json { "json" } else { "plain" };
        let command = format!("event {format} BACKGROUND_JOB HEARTBEAT {}", events::EVENTS);
        self.command(at, &command, What::Subscription { json }, REPLY_WITHIN);
    }

    fn event(&mut self, at: Instant, event: &Event<'_>, heard: &mut Vec<Heard>) {
        if self.core.is_none() {
            self.core = core_of(event);
            self.finish_if_done(at, heard);
        }
        match event.get(Header::EventName).as_deref() {
            Some("BACKGROUND_JOB") => return self.job_done(at, event, heard),
            Some("HEARTBEAT") => return self.beat(at, event),
            Some("SHUTDOWN") => self.stopping = true,
            Some(_) | None => {}
        }
        let mut mapped = std::mem::take(&mut self.mapped);
        events::map(event, &mut mapped);
        if event.get(Header::EventSubclass).as_deref() == Some(events::SURVEY)
            && let Err(why) = events::surveyed(event)
        {
            heard.push(Heard::Misread(why));
        }
        for told in mapped.drain(..) {
            self.tell(at, told, heard);
        }
        self.mapped = mapped;
    }

    fn tell(&mut self, at: Instant, mut told: CallEvent, heard: &mut Vec<Heard>) {
        let known = self.sight.observe(at, &mut told);
        match &mut self.stage {
            Stage::Snapshot { held } => {
                held.push((at, told));
                if held.len() > MAX_HELD {
                    self.end(Over::FellBehind, heard);
                }
            }
            Stage::Live => {
                if !known {
                    self.want_look_soon(at);
                }
                heard.push(now(told));
            }
            Stage::Login(_) | Stage::Subscribing => {}
        }
    }

    fn beat(&mut self, at: Instant, event: &Event<'_>) {
        let told = event.get(Header::HeartbeatInterval).and_then(|seconds| seconds.parse().ok());
        self.pulse.beat(at, told.map(Duration::from_secs));
        let count = event.get(Header::SessionCount).and_then(|count| count.parse::<i64>().ok());
        if let (Some(count), Stage::Live) = (count, &self.stage)
            && self.pulse.is_odd(count - self.sight.count() as i64)
        {
            self.want_look_soon(at);
        }
    }

    fn reply(&mut self, at: Instant, said: Bytes, heard: &mut Vec<Heard>) {
        let Some(Pending { what, sent, .. }) = self.line.pop_front() else { return };
        match what {
            What::Subscription { .. } if said.starts_with(b"+OK") => {
                self.ping(at);
                self.bgapi(at, "version", None);
                self.begin_snapshot(at, heard);
            }
            What::Subscription { json: true } => self.subscribe(at, false),
            What::Subscription { json: false } => {
                let why = LoginFailure::NoEvents(text(&said).trim().to_owned());
                self.refused(why, heard);
            }
            What::Ping => {
                let micros = text(&said).trim().parse().ok();
                let clock = micros.map(Duration::from_micros);
                let round_trip = at.duration_since(sent);
                self.sight.clock_is(at, clock.map(|clock| clock + round_trip / 2));
                heard.push(Heard::Pong { round_trip, clock });
            }
            What::List(no, list) => self.listed(at, no, list, said, heard),
            What::Exists(no, leg) => {
                // Refused, it is taken to exist: that ends nothing.
                self.sight.exists(no, &leg, said.trim_ascii() != b"false");
                self.finish_if_done(at, heard);
            }
            What::Job(id) if said.starts_with(b"+OK") => {
                let request = self.jobs.begun(at, &id);
                heard.extend(request.map(|request| Heard::Answered { request, answer: Answer::Done }));
            }
            What::Job(id) => {
                let refused = self.jobs.refused(&id, &text(&said));
                heard.extend(refused.map(|(request, answer)| Heard::Answered { request, answer }));
            }
            What::Forgotten => {}
        }
    }

    fn pass_over_the_late(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        for place in 0..self.line.len() {
            let pending = &mut self.line[place];
            if pending.until > at || matches!(pending.what, What::Forgotten) {
                continue;
            }
            match std::mem::replace(&mut pending.what, What::Forgotten) {
                What::Ping if at.duration_since(self.heard_at) < PONG_WITHIN => {}
                What::Ping => return self.end(Over::Dead, heard),
                What::Subscription { .. } => return self.end(Over::SnapshotStuck("event"), heard),
                What::List(no, list) => self.late(no, list.name(), heard),
                What::Exists(no, _) => self.late(no, "uuid_exists", heard),
                // Is given up by itself.
                What::Job(_) | What::Forgotten => {}
            }
        }
    }

    fn bgapi(&mut self, at: Instant, command: &str, request: Option<Request>) {
        let id = self.ids.next();
        requests::write(command, &id, &mut self.send);
        self.line.push_back(Pending { what: What::Job(id.clone()), sent: at, until: at + REPLY_WITHIN });
        self.jobs.add(at, id, request);
    }

    fn job_done(&mut self, at: Instant, event: &Event<'_>, heard: &mut Vec<Heard>) {
        let Some(id) = event.get(Header::JobUuid) else { return };
        match self.jobs.done(&id, &event.body()) {
            None => {}
            Some(Done::Product(product)) => heard.push(Heard::Product(product)),
            Some(Done::Answered(request, answer)) => heard.push(Heard::Answered { request, answer }),
            Some(Done::Told(event)) => self.tell(at, event, heard),
        }
    }

    fn damaged(&mut self, at: Instant, why: &'static str, bytes: usize, heard: &mut Vec<Heard>) {
        heard.push(Heard::Damaged { why, bytes });
        if matches!(self.stage, Stage::Login(_)) {
            return;
        }
        // What is lost may have been a reply.
        if !self.line.is_empty() {
            return self.end(Over::LostTrack, heard);
        }
        self.want_snapshot_soon(at, "A frame was damaged.");
    }

    fn ping(&mut self, at: Instant) {
        self.ping_at = at + PING_EVERY;
        self.command(at, "api strmicroepoch", What::Ping, PONG_WITHIN);
    }

    fn command(&mut self, at: Instant, command: &str, what: What, within: Duration) {
        self.send.extend_from_slice(command.as_bytes());
        self.send.extend_from_slice(b"\n\n");
        self.line.push_back(Pending { what, sent: at, until: at + within });
    }

    fn refused(&mut self, why: LoginFailure, heard: &mut Vec<Heard>) {
        self.end(Over::Login(session::LoginFailure::Esl(why)), heard);
    }

    fn end(&mut self, why: Over, heard: &mut Vec<Heard>) {
        self.over = true;
        self.jobs.end(heard);
        heard.push(Heard::Over(why));
    }
}

/// Which run of FreeSWITCH an event is of: each says so.
pub fn core_of(event: &Event<'_>) -> Option<BootId> {
    let uuid = event.get(Header::CoreUuid)?;
    Some(uuid.chars().filter(char::is_ascii_alphanumeric).collect::<String>().as_str().into())
}

fn now(event: CallEvent) -> Heard {
    Heard::Event { event, held: Duration::ZERO }
}

#[cfg(test)]
mod tests;
