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

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Decoder;

use super::codec::{ContentType, EslCodec, Frame, Message};
use super::duties::{Duties, Listed};
use super::event::{Event, Header};
use super::events;
use super::legs::Legs;
use super::login::{Credentials, Login, LoginFailure, Progress};
use super::requests::{self, Dialling, JobIds};
use super::snapshot;
use super::survey::{List, Purpose, Survey};
use crate::charset::text;
use crate::event::{BootId, CallEvent, LegId};
use crate::request::Request;
use crate::session::{self, Answer, Heard, Over};

/// Greeting and login take a round trip or two.
const LOGIN_WITHIN: Duration = Duration::from_secs(15);

/// What is done at once: a command that begins a job, the end of a call.
const REPLY_WITHIN: Duration = Duration::from_secs(10);

/// No byte for so long after a ping: dead.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// A list, with all that stands before it in the line.
const LIST_WITHIN: Duration = Duration::from_secs(30);

/// A click-to-call is through when the phone was picked up, or has rung long enough.
const CALL_WITHIN: Duration = Duration::from_secs(90);

const PING_EVERY: Duration = Duration::from_secs(15);

/// Snapshots that damage or strange legs ask for come no faster than this: they read all tables.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(5);

/// Events held during a snapshot: several seconds of the busiest PBX, some 10 MB.
const MAX_HELD: usize = 65_536;

/// Lists and events are compared this often, for the queue of events may have overflowed.
const LOOK_EVERY: Duration = Duration::from_secs(180);

/// And no more often than this, whatever the counts say.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_secs(30);

/// Nothing tells when a place in a queue comes or goes.
const DUTIES_EVERY: Duration = Duration::from_secs(60);

/// A list that lacks a leg that exists has not caught up with the events; it is asked for again so
/// many times, this much later.
const LIST_AGAIN_AFTER: Duration = Duration::from_secs(2);
const LISTS_AT_MOST: u8 = 3;

/// The event that tells a leg's end may come after the answer that it is gone.
const GONE_AFTER: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Conversation {
    codec: EslCodec,
    ids: JobIds,
    dialling: Dialling,
    stage: Stage,
    send: Vec<u8>,
    /// What was sent and not replied to, in order.
    line: VecDeque<Pending>,
    /// What is done in the background, by Job-UUID.
    jobs: BTreeMap<String, Job>,
    /// The last run that we saw, in this conversation or the one before.
    boot: Option<BootId>,
    /// This conversation's.
    core: Option<BootId>,
    legs: Legs,
    /// Legs that are gone but for the event that tells it, and until when it may come.
    gone: BTreeMap<LegId, Instant>,
    duties: Duties,
    survey: Option<Survey>,
    surveys: u64,
    /// How often the present look has met a list that was behind.
    lists: u8,
    pulse: Pulse,
    /// The PBX's clock since the Unix epoch, and when it was that.
    clock: Option<(Instant, Duration)>,
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

#[derive(Debug)]
struct Job {
    /// None: the version, which we ask ourselves.
    request: Option<Request>,
    is_answered: bool,
    until: Instant,
}

/// Events that come at any rate.
#[derive(Debug, Default)]
struct Pulse {
    last: Option<Instant>,
    every: Option<Duration>,
    /// How many sessions more than legs there were, at the last beat; and of what no look made
    /// sense.
    surplus: i64,
    accepted: i64,
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
            jobs: BTreeMap::new(),
            boot,
            core: None,
            legs: Legs::default(),
            gone: BTreeMap::new(),
            duties: Duties::default(),
            survey: None,
            surveys: 0,
            lists: 0,
            pulse: Pulse::default(),
            clock: None,
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
        let duties = &self.duties;
        match requests::command(&request, &self.dialling, |agent| duties.called(agent)) {
            Ok(Some(command)) => {
                if let Request::Pause { agent, paused: true, reason, .. } = &request {
                    self.duties.paused(agent, reason);
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
        let deadlines = replies.map(|pending| pending.until).chain(self.jobs.values().map(|job| job.until));
        let deadlines = deadlines.chain(self.gone.values().copied()).chain(self.pulse.missed_at());
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
        self.give_up_jobs(at, heard);
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
            self.begin(at, Purpose::Look);
        } else if self.may_ask() && self.duties_at <= at {
            self.begin(at, Purpose::Duties);
        }
    }

    /// A snapshot waits for lists, each with its own limit, and for an event that says which run of
    /// FreeSWITCH this is.
    fn stuck_at(&self) -> Option<Instant> {
        let survey = self.survey.as_ref().filter(|_| matches!(self.stage, Stage::Snapshot { .. }))?;
        Some(survey.began + 2 * LIST_WITHIN)
    }

    fn may_ask(&self) -> bool {
        matches!(self.stage, Stage::Live) && self.survey.is_none()
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
        for mut told in mapped.drain(..) {
            self.duties.observe(&mut told);
            self.tell(at, told, heard);
        }
        self.mapped = mapped;
    }

    fn tell(&mut self, at: Instant, told: CallEvent, heard: &mut Vec<Heard>) {
        let known = self.legs.observe(at, &told);
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
            && self.pulse.is_odd(count - self.legs.count() as i64)
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
                self.clock = clock.map(|clock| (at, clock + round_trip / 2));
                heard.push(Heard::Pong { round_trip, clock });
            }
            What::List(no, list) => self.listed(at, no, list, said, heard),
            What::Exists(no, leg) => {
                if let Some(survey) = self.survey.as_mut().filter(|survey| survey.no == no) {
                    // Refused, it is taken to exist: that ends nothing.
                    survey.exists(&leg, said.trim_ascii() != b"false");
                    self.finish_if_done(at, heard);
                }
            }
            What::Job(id) if said.starts_with(b"+OK") => self.job_begun(at, &id, heard),
            What::Job(id) => self.job_refused(&id, &text(&said), heard),
            What::Forgotten => {}
        }
    }

    fn listed(&mut self, at: Instant, no: u64, list: List, said: Bytes, heard: &mut Vec<Heard>) {
        let Some(survey) = self.survey.as_mut().filter(|survey| survey.no == no) else { return };
        let (doubtful, refused) = survey.listed(list, said, &self.legs);
        heard.extend(refused.map(|said| missing(list, &said)));
        for leg in doubtful {
            if requests::is_word(&leg) {
                let command = format!("api uuid_exists {leg}");
                self.command(at, &command, What::Exists(no, leg), LIST_WITHIN);
            } else if let Some(survey) = &mut self.survey {
                survey.exists(&leg, true);
            }
        }
        self.finish_if_done(at, heard);
    }

    fn finish_if_done(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let Some(survey) = self.survey.take_if(|survey| survey.is_done()) else { return };
        match survey.purpose {
            Purpose::Snapshot => match self.core.clone() {
                Some(core) => self.finish_snapshot(at, &survey, core, heard),
                None => self.survey = Some(survey),
            },
            Purpose::Look => self.finish_look(at, &survey, heard),
            Purpose::Duties => {
                let news = self.duties_in(&survey).news;
                heard.extend(news.into_iter().map(now));
            }
        }
    }

    /// What was refused sends nobody home.
    fn duties_in(&mut self, survey: &Survey) -> Listed {
        if survey.has(List::Agents) && survey.has(List::Tiers) {
            self.duties.listed(&survey.rows(List::Agents), &survey.rows(List::Tiers))
        } else {
            Listed::default()
        }
    }

    fn finish_snapshot(&mut self, at: Instant, survey: &Survey, core: BootId, heard: &mut Vec<Heard>) {
        if self.boot.as_ref().is_some_and(|before| *before != core) {
            heard.push(now(CallEvent::PbxStarted));
        }
        self.boot = Some(core.clone());
        heard.push(now(CallEvent::SnapshotBegan { boot: core }));
        // What the events tell from its beginning needs no list, and of what they ended it is too old.
        let up: BTreeSet<&LegId> = survey.verdicts().filter(|(_, exists)| *exists).map(|(leg, _)| leg).collect();
        let (_, mut told) = self.listing(at, survey);
        told.retain(|event| event.leg().is_none_or(|leg| up.contains(leg)));
        for event in told {
            self.legs.observe(survey.began, &event);
            heard.push(now(event));
        }
        heard.push(now(CallEvent::SnapshotEnded));
        if let Stage::Snapshot { held } = std::mem::replace(&mut self.stage, Stage::Live) {
            for (came, event) in held {
                heard.push(Heard::Event { event, held: at.duration_since(came) });
            }
        }
        self.looked(at);
        heard.push(Heard::Live);
    }

    fn finish_look(&mut self, at: Instant, survey: &Survey, heard: &mut Vec<Heard>) {
        let (missing, strange): (Vec<_>, Vec<_>) = survey.verdicts().partition(|(leg, _)| self.legs.contains(leg));
        let is_behind = survey.has(List::Channels) && missing.iter().any(|(_, exists)| *exists);
        self.lists += 1;
        if is_behind && self.lists < LISTS_AT_MOST {
            self.look_at = at + LIST_AGAIN_AFTER;
            return;
        }
        let strange: BTreeSet<&LegId> = strange.into_iter().filter(|(_, exists)| *exists).map(|(leg, _)| leg).collect();
        let (news, mut told) = self.listing(at, survey);
        heard.extend(news.into_iter().map(now));
        // What was refused is no sign that nothing is there: of queues that are not named nothing is
        // compared, and without the channels nothing at all.
        let has_tables = [List::Agents, List::Tiers, List::Callers].into_iter().all(|list| survey.has(list));
        told.retain(|event| match event {
            CallEvent::QueueSeen { .. } => has_tables,
            other => other.leg().is_none_or(|leg| self.legs.contains(leg) || strange.contains(leg)),
        });
        if survey.has(List::Channels) {
            heard.push(now(CallEvent::LookBegan));
            heard.extend(told.into_iter().map(now));
            heard.push(now(CallEvent::LookEnded));
        }
        for (leg, _) in missing.into_iter().filter(|(_, exists)| !exists) {
            self.gone.insert(leg.clone(), at + GONE_AFTER);
        }
        if !strange.is_empty() {
            self.want_snapshot_soon(at, "A channel is up of which no event told.");
        }
        self.looked(at);
    }

    /// What of how agents stand is news, and all that the lists say.
    fn listing(&mut self, at: Instant, survey: &Survey) -> (Vec<CallEvent>, Vec<CallEvent>) {
        let now_s = self.clock.map_or(0, |(then, clock)| (clock + at.duration_since(then)).as_secs());
        let duties = self.duties_in(survey);
        let mut told = snapshot::queues(&survey.rows(List::Queues));
        told.extend(duties.all);
        let mut served = BTreeMap::new();
        told.extend(snapshot::callers(&survey.rows(List::Callers), now_s, &mut served));
        told.extend(snapshot::legs(&survey.rows(List::Channels), &served, now_s));
        (duties.news, told)
    }

    fn looked(&mut self, at: Instant) {
        self.lists = 0;
        self.look_last = Some(at);
        self.look_at = at + LOOK_EVERY;
        self.duties_at = at + DUTIES_EVERY;
        self.pulse.accept();
    }

    /// All is asked at once: the answers come one after the other, in order.
    fn begin(&mut self, at: Instant, purpose: Purpose) {
        self.surveys += 1;
        let no = self.surveys;
        self.survey = Some(Survey::new(no, purpose, at));
        for list in purpose.lists() {
            self.command(at, &format!("api {}", list.command()), What::List(no, *list), LIST_WITHIN);
        }
        self.duties_at = at + DUTIES_EVERY;
    }

    fn begin_snapshot(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        heard.push(Heard::Asking);
        (self.snapshot_at, self.snapshot_last) = (None, Some(at));
        self.legs = Legs::default();
        self.gone.clear();
        self.stage = Stage::Snapshot { held: Vec::new() };
        self.begin(at, Purpose::Snapshot);
    }

    fn want_snapshot_soon(&mut self, at: Instant, why: &'static str) {
        let due = self.snapshot_last.map_or(at, |last| at.max(last + SNAPSHOT_EVERY));
        self.snapshot_at.get_or_insert((due, why));
    }

    fn want_look_soon(&mut self, at: Instant) {
        let soon = at + LIST_AGAIN_AFTER;
        let due = self.look_last.map_or(soon, |last| soon.max(last + LOOK_AT_MOST_EVERY));
        self.look_at = self.look_at.min(due);
    }

    /// Legs that were proven gone, and whose end no event has told by now.
    fn bury(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let due: Vec<LegId> = self.gone.extract_if(.., |_, until| *until <= at).map(|(leg, _)| leg).collect();
        let lost: Vec<LegId> = due.into_iter().filter(|leg| self.legs.contains(leg)).collect();
        if lost.is_empty() {
            return;
        }
        heard.push(Heard::Note(format!(
            "{} channels of the PBX are gone of which no event told it: FreeSWITCH drops events when more than 100,000 \
             wait for us (mod_event_socket), and says nothing.",
            lost.len()
        )));
        for leg in lost {
            self.tell(at, CallEvent::LegGone { leg }, heard);
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

    fn late(&mut self, no: u64, name: &'static str, heard: &mut Vec<Heard>) {
        match self.survey.take_if(|survey| survey.no == no).map(|survey| survey.purpose) {
            None => {}
            Some(Purpose::Snapshot) => self.end(Over::SnapshotStuck(name), heard),
            Some(Purpose::Look | Purpose::Duties) => {
                self.look_at += LOOK_EVERY;
                heard.push(Heard::Note(format!("The PBX did not finish its answer to {name} within 30 s.")));
            }
        }
    }

    fn bgapi(&mut self, at: Instant, command: &str, request: Option<Request>) {
        let id = self.ids.next();
        requests::write(command, &id, &mut self.send);
        self.line.push_back(Pending { what: What::Job(id.clone()), sent: at, until: at + REPLY_WITHIN });
        self.jobs.insert(id, Job { request, is_answered: false, until: at + REPLY_WITHIN });
    }

    /// A call is through only when a phone was picked up: that it is being made is all the answer.
    fn job_begun(&mut self, at: Instant, id: &str, heard: &mut Vec<Heard>) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        match &job.request {
            Some(request @ (Request::Originate { .. } | Request::Spy { .. })) => {
                heard.push(Heard::Answered { request: request.clone(), answer: Answer::Done });
                (job.is_answered, job.until) = (true, at + CALL_WITHIN);
            }
            Some(Request::Hangup { .. } | Request::Pause { .. } | Request::Snapshot | Request::Look) | None => {}
        }
    }

    fn job_refused(&mut self, id: &str, said: &str, heard: &mut Vec<Heard>) {
        if let Some(Job { request: Some(request), .. }) = self.jobs.remove(id) {
            heard.push(Heard::Answered { request, answer: Answer::No(in_its_words(said)) });
        }
    }

    fn job_done(&mut self, at: Instant, event: &Event<'_>, heard: &mut Vec<Heard>) {
        let Some(job) = event.get(Header::JobUuid).and_then(|id| self.jobs.remove(&*id)) else { return };
        let said = event.body();
        let succeeded = said.starts_with("+OK");
        match job.request {
            None => heard.push(Heard::Product(product(&said))),
            Some(Request::Originate { leg, .. } | Request::Spy { leg, .. }) => {
                self.tell(at, CallEvent::OriginateEnded { leg: Some(leg), succeeded }, heard);
            }
            Some(request @ (Request::Hangup { .. } | Request::Pause { .. } | Request::Snapshot | Request::Look)) => {
                let answer = if succeeded { Answer::Done } else { Answer::No(in_its_words(&said)) };
                heard.push(Heard::Answered { request, answer });
            }
        }
    }

    fn give_up_jobs(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let late = self.jobs.extract_if(.., |_, job| job.until <= at).map(|(_, job)| job);
        heard.extend(late.filter_map(unanswered));
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
        heard.extend(std::mem::take(&mut self.jobs).into_values().filter_map(unanswered));
        heard.push(Heard::Over(why));
    }
}

impl Pulse {
    /// `told`: how often it beats, where the PBX says so; else the longest time between two beats.
    fn beat(&mut self, at: Instant, told: Option<Duration>) {
        let gap = self.last.map(|last| at.duration_since(last));
        self.every = told.or(gap.max(self.every));
        self.last = Some(at);
    }

    /// When three beats have not come.
    fn missed_at(&self) -> Option<Instant> {
        Some(self.last? + 3 * self.every?)
    }

    /// Whether the PBX has counted more sessions than we see legs, or fewer, twice by the same
    /// number; events are under way, so once means nothing.
    fn is_odd(&mut self, surplus: i64) -> bool {
        let before = std::mem::replace(&mut self.surplus, surplus);
        surplus != 0 && surplus == before && surplus != self.accepted
    }

    /// A look was taken: what it left is not worth another.
    fn accept(&mut self) {
        self.accepted = self.surplus;
    }
}

/// Which run of FreeSWITCH an event is of: each says so.
fn core_of(event: &Event<'_>) -> Option<BootId> {
    let uuid = event.get(Header::CoreUuid)?;
    Some(uuid.chars().filter(char::is_ascii_alphanumeric).collect::<String>().as_str().into())
}

fn now(event: CallEvent) -> Heard {
    Heard::Event { event, held: Duration::ZERO }
}

fn unanswered(job: Job) -> Option<Heard> {
    match job.request? {
        // Answered when it began.
        Request::Originate { .. } | Request::Spy { .. } if job.is_answered => None,
        request => Some(Heard::Answered { request, answer: Answer::Unknown }),
    }
}

/// `No such channel!` of `-ERR No such channel!`.
fn in_its_words(said: &str) -> String {
    said.trim().strip_prefix("-ERR").unwrap_or(said).trim().to_owned()
}

/// `FreeSWITCH 1.10.12` of `FreeSWITCH Version 1.10.12-release~64bit (-release 64bit)`.
fn product(said: &str) -> String {
    let version = said.split_once("Version ").map_or("", |(_, version)| version);
    let number = version.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    if number.is_empty() { "FreeSWITCH".to_owned() } else { format!("FreeSWITCH {number}") }
}

fn missing(list: List, said: &str) -> Heard {
    let what = list.name();
    Heard::Note(if said.contains("permission denied") {
        format!(
            "The PBX refused {what} ({said}): take `esl-allowed-api` from our user in the directory, or add `json show \
             uuid_exists callcenter_config originate uuid_kill strmicroepoch version` to it."
        )
    } else {
        match list {
            List::Channels => format!(
                "The PBX keeps no list of its channels ({said}): calls that were up before we came stay unseen. See that \
                 it does not run with -nosql."
            ),
            List::Queues | List::Agents | List::Tiers | List::Callers => {
                format!(
                    "The PBX refused {what} ({said}): is mod_callcenter loaded? `load mod_callcenter` on the PBX (fs_cli)."
                )
            }
        }
    })
}

#[cfg(test)]
mod tests;
