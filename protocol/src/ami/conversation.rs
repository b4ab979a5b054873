//! One conversation with an Asterisk: sign in with events on, ask what is up while holding what
//! comes meanwhile, then follow. Asterisk has no replay and no marker in its lists: whatever is
//! missed is asked for again as a whole.
//!
//! An Asterisk session is one thread: events never stand inside a list, but those that it had
//! ready before may come after the list, and be older than it (manager.c `session_do`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::codec::{AmiCodec, Banner, Frame, Packet};
use super::events;
use super::fields::text;
use super::login::{Credentials, Login, Progress};
use super::look::Look;
use super::requests::{self, Action, ActionIds, Dialling, Interfaces};
use super::survey;
use crate::event::{BootId, CallEvent, Extension, QueueName};
use crate::request::Request;
use crate::session::{Answer, Asking, Heard, LoginFailure, Over};

/// Greeting and login take a round trip or two; Asterisk thinks for a second before it refuses.
const LOGIN_WITHIN: Duration = Duration::from_secs(15);

/// A reply to a simple action is immediate; a session that is busy with a list may take longer.
const REPLY_WITHIN: Duration = Duration::from_secs(10);

/// Between two items of a list.
const LIST_WITHIN: Duration = Duration::from_secs(30);

const PING_EVERY: Duration = Duration::from_secs(15);

/// No byte for so long after a ping: dead.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Snapshots that damage or reloads ask for come no faster than this: on a big site one is
/// megabytes, and takes locks of the queues.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(5);

/// Events held during a snapshot: several seconds of the busiest PBX, some 10 MB.
const MAX_HELD: usize = 65_536;

#[derive(Debug)]
pub struct Conversation {
    codec: AmiCodec,
    ids: ActionIds,
    dialling: Dialling,
    stage: Stage,
    send: Vec<u8>,
    /// What we wait for, by ActionID.
    pending: BTreeMap<String, Pending>,
    /// The last run that we saw, in this conversation or the one before.
    boot: Option<BootId>,
    /// Requests that are not yet answered in full.
    asked: BTreeMap<u64, Asked>,
    asked_last: u64,
    /// What queues call each agent.
    interfaces: BTreeMap<Extension, Interfaces>,
    queues: BTreeSet<QueueName>,
    look: Option<Look>,
    began: Instant,
    heard_at: Instant,
    ping_at: Instant,
    /// A snapshot is wanted, and may be taken from then on.
    snapshot_at: Option<(Instant, &'static str)>,
    snapshot_last: Option<Instant>,
    /// No reply came yet since the login: a `FullyBooted` now only says that it is up already.
    just_in: bool,
    stopping: bool,
    over: bool,
}

#[derive(Debug)]
enum Stage {
    Login(Login),
    Snapshot {
        /// Lists not yet at their end.
        lists: u8,
        held: Vec<(Instant, CallEvent)>,
    },
    Live,
}

#[derive(Debug)]
struct Pending {
    what: What,
    /// Of a list, so far.
    items: usize,
    sent: Instant,
    until: Instant,
}

#[derive(Debug)]
enum What {
    Settings,
    Status,
    List(&'static str),
    /// A list that is only looked at.
    Look(&'static str),
    Ping,
    /// One action of that request.
    Request(u64),
}

/// A request on its way: it may take several actions, and is answered once, by the worst.
#[derive(Debug)]
struct Asked {
    request: Request,
    unanswered: usize,
    answer: Answer,
}

impl Conversation {
    /// `epoch` differs from every other connection's; `boot` is the run that was seen last.
    pub fn new(credentials: Credentials, dialling: Dialling, epoch: u64, boot: Option<BootId>, at: Instant) -> Self {
        Conversation {
            codec: AmiCodec::default(),
            ids: ActionIds::new(epoch),
            dialling,
            stage: Stage::Login(Login::new(credentials)),
            send: Vec::new(),
            pending: BTreeMap::new(),
            asked: BTreeMap::new(),
            asked_last: 0,
            boot,
            interfaces: BTreeMap::new(),
            queues: BTreeSet::new(),
            look: None,
            began: at,
            heard_at: at,
            ping_at: at + PING_EVERY,
            snapshot_at: None,
            snapshot_last: None,
            just_in: true,
            stopping: false,
            over: false,
        }
    }

    /// The run of Asterisk that was seen last.
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
                Ok(Some(Frame::Packet(packet))) => self.observe(at, &packet, heard),
                Ok(Some(Frame::Banner(banner))) => self.greeted(&banner, heard),
                Ok(Some(Frame::Damaged(damaged))) => self.damaged(at, damaged.why.as_str(), damaged.bytes, heard),
                Ok(None) | Err(_) => break,
            }
        }
    }

    pub fn closed(&mut self, buffer: &mut BytesMut, heard: &mut Vec<Heard>) {
        if self.over {
            return;
        }
        if let Ok(Some(Frame::Damaged(damaged))) = self.codec.decode_eof(buffer) {
            heard.push(Heard::Damaged { why: damaged.why.as_str(), bytes: damaged.bytes });
        }
        let why = match &mut self.stage {
            Stage::Login(login) => Over::Login(LoginFailure::Ami(login.closed())),
            Stage::Snapshot { .. } | Stage::Live if self.stopping => Over::ShutDown,
            Stage::Snapshot { .. } | Stage::Live => Over::Closed,
        };
        self.end(why, heard);
    }

    pub fn ask(&mut self, at: Instant, request: Request, heard: &mut Vec<Heard>) {
        if matches!(self.stage, Stage::Login(_)) || self.over {
            return heard.push(Heard::Answered { request, answer: Answer::Down });
        }
        if request == Request::Look {
            let answer = self.begin_look(at, heard);
            return heard.push(Heard::Answered { request, answer });
        }
        let known = &self.interfaces;
        let interfaces_of = |agent: &Extension| known.get(agent).cloned().unwrap_or_default();
        match requests::actions(&request, &self.dialling, interfaces_of, &mut self.ids) {
            Ok(actions) if actions.is_empty() => {
                self.want_snapshot_soon(at, "What we held for true was not what the PBX says.");
                heard.push(Heard::Answered { request, answer: Answer::Done });
            }
            Ok(actions) => {
                self.asked_last += 1;
                let no = self.asked_last;
                self.asked.insert(no, Asked { request, unanswered: actions.len(), answer: Answer::Done });
                for (id, action) in actions {
                    self.act(at, id, action, What::Request(no), REPLY_WITHIN);
                }
            }
            Err(why) => heard.push(Heard::Answered { request, answer: Answer::No(why.to_string()) }),
        }
    }

    /// One action of a request was answered.
    fn answered(&mut self, no: u64, answer: Answer, heard: &mut Vec<Heard>) {
        let Some(asked) = self.asked.get_mut(&no) else { return };
        asked.unanswered -= 1;
        // What is not known weighs more than a refusal: it may have been done.
        match (&asked.answer, &answer) {
            (_, Answer::Done) | (Answer::Unknown, _) => {}
            (Answer::Done | Answer::No(_) | Answer::Down, _) => asked.answer = answer,
        }
        if asked.unanswered == 0
            && let Some(Asked { request, answer, .. }) = self.asked.remove(&no)
        {
            heard.push(Heard::Answered { request, answer });
        }
    }

    pub fn next_wake(&self) -> Instant {
        if let Stage::Login(_) = self.stage {
            return self.began + LOGIN_WITHIN;
        }
        let snapshot_at = self.snapshot_at.filter(|_| matches!(self.stage, Stage::Live)).map(|(due, _)| due);
        let look_at = self.look.as_ref().and_then(Look::next_wake);
        let deadlines = self.pending.values().map(|pending| pending.until);
        deadlines.chain(snapshot_at).chain(look_at).fold(self.ping_at, Instant::min)
    }

    pub fn wake(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        if self.over {
            return;
        }
        if let Stage::Login(login) = &mut self.stage {
            if at >= self.began + LOGIN_WITHIN {
                let why = login.timed_out();
                self.end(Over::Login(LoginFailure::Ami(why)), heard);
            }
            return;
        }
        let late = self.pending.extract_if(.., |_, pending| pending.until <= at).map(|(_, pending)| pending.what);
        for what in late.collect::<Vec<_>>() {
            match what {
                What::Ping if at.duration_since(self.heard_at) < PONG_WITHIN => {}
                What::Ping => return self.end(Over::Dead, heard),
                What::Settings => return self.end(Over::SnapshotStuck("CoreSettings"), heard),
                What::Status => return self.end(Over::SnapshotStuck("CoreStatus"), heard),
                What::List(name) => return self.end(Over::SnapshotStuck(name), heard),
                What::Look(name) => {
                    self.look = None;
                    heard.push(Heard::Note(format!("The PBX did not finish its answer to {name} within 30 s.")));
                }
                What::Request(no) => self.answered(no, Answer::Unknown, heard),
            }
        }
        if at >= self.ping_at {
            self.ping(at);
        }
        if let Some((_, why)) = self.snapshot_at.filter(|(due, _)| *due <= at && matches!(self.stage, Stage::Live)) {
            heard.push(Heard::Resync(why));
            self.ask_all(at, heard);
        }
        self.go_on_looking(at);
    }

    fn greeted(&mut self, banner: &Banner, heard: &mut Vec<Heard>) {
        let Stage::Login(login) = &mut self.stage else { return };
        if let Some((major, minor, patch)) = banner.version {
            heard.push(Heard::Product(format!("Asterisk, AMI {major}.{minor}.{patch}")));
        }
        if let Progress::Failed(why) = login.greeted(banner, &mut self.ids, &mut self.send) {
            self.end(Over::Login(LoginFailure::Ami(why)), heard);
        }
    }

    fn observe(&mut self, at: Instant, packet: &Packet, heard: &mut Vec<Heard>) {
        if let Stage::Login(login) = &mut self.stage {
            match login.observe(packet, &mut self.ids, &mut self.send) {
                Progress::Waiting => {}
                Progress::In => {
                    self.ping(at);
                    let id = self.ids.next();
                    let settings = Action::new("CoreSettings", &id);
                    self.act(at, id, settings, What::Settings, LIST_WITHIN);
                    self.ask_all(at, heard);
                }
                Progress::Failed(why) => self.end(Over::Login(LoginFailure::Ami(why)), heard),
            }
            return;
        }
        match packet.event() {
            Some(name) => self.event(at, name, packet, heard),
            None => self.reply(at, packet, heard),
        }
    }

    fn event(&mut self, at: Instant, name: &[u8], packet: &Packet, heard: &mut Vec<Heard>) {
        // Nearly always nothing is listed, and events are many.
        if self.pending.values().any(|pending| matches!(pending.what, What::List(_) | What::Look(_)))
            && let Some(id) = packet.get(b"ActionID").and_then(|id| std::str::from_utf8(id).ok())
            && let Some(pending) = self.pending.get_mut(id)
            && let What::List(list) | What::Look(list) = pending.what
        {
            let is_look = matches!(pending.what, What::Look(_));
            pending.until = at + LIST_WITHIN;
            let mark = packet.get(b"EventList").unwrap_or_default();
            if mark.eq_ignore_ascii_case(b"Complete") || mark.eq_ignore_ascii_case(b"Cancelled") {
                heard.extend(miscounted(list, pending.items, packet));
                self.pending.remove(id);
                if is_look {
                    self.look_ended(at, heard)
                } else {
                    self.list_ended(at, heard)
                }
                return;
            }
            pending.items += 1;
            // What is left of a look that a snapshot overtook is old news.
            if !is_look || self.look.is_some() {
                self.tell(packet, heard);
            }
            return;
        }
        match name {
            b"UserEvent" | b"VarSet" if let Err(why) = survey::read(packet) => heard.push(Heard::Misread(why)),
            b"FullyBooted" if !self.just_in => self.want_snapshot_soon(at, "The PBX said that it is up in full."),
            b"FullyBooted" => {}
            b"Reload" | b"Load" if of_queues(packet) => {
                self.want_snapshot_soon(at, "The PBX has loaded its queues anew.");
            }
            b"Shutdown" => {
                self.stopping = true;
                self.tell(packet, heard);
            }
            _ => match &mut self.stage {
                Stage::Snapshot { held, .. } => {
                    held.extend(events::map(packet).map(|event| (at, event)));
                    if held.len() > MAX_HELD {
                        self.end(Over::FellBehind, heard);
                    }
                }
                Stage::Live => self.tell(packet, heard),
                Stage::Login(_) => {}
            },
        }
    }

    fn tell(&mut self, packet: &Packet, heard: &mut Vec<Heard>) {
        let Some(event) = events::map(packet) else { return };
        self.learn(&event);
        heard.push(Heard::Event { event, held: Duration::ZERO });
    }

    fn learn(&mut self, event: &CallEvent) {
        if let CallEvent::QueueSeen { queue } = event {
            self.queues.insert(queue.clone());
        }
        if let CallEvent::MemberIs(state) = event {
            let interface = state.member.interface.as_str();
            let known = self.interfaces.get(state.agent()).and_then(|queues| queues.get(&state.queue));
            if known.is_none_or(|known| **known != *interface) {
                let queues = self.interfaces.entry(state.agent().into()).or_default();
                queues.insert(state.queue.clone(), interface.into());
            }
        } else if let CallEvent::MemberRemoved { queue, member } = event {
            let left = member.interface.as_str();
            for queues in self.interfaces.values_mut() {
                queues.retain(|its, interface| its != queue || **interface != *left);
            }
        }
    }

    fn reply(&mut self, at: Instant, packet: &Packet, heard: &mut Vec<Heard>) {
        let Some(pending) = packet
            .get(b"ActionID")
            .and_then(|id| std::str::from_utf8(id).ok())
            .and_then(|id| Some((id, self.pending.remove(id)?)))
        else {
            return; // Too late, or not ours.
        };
        self.just_in = false;
        let (id, Pending { what, items, sent, until }) = pending;
        let success = packet.response().is_some_and(|result| result.eq_ignore_ascii_case(b"Success"));
        let said = || text(packet.get(b"Message").unwrap_or_default()).into_owned();
        match what {
            What::Ping => {
                let clock = packet.get(b"Timestamp").and_then(|value| text(value).parse().ok());
                let clock = clock.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
                heard.push(Heard::Pong { round_trip: at.duration_since(sent), clock });
            }
            What::Settings if success => {
                let version = packet.get(b"AsteriskVersion").map(text);
                heard.extend(version.map(|version| Heard::Product(format!("Asterisk {version}"))));
            }
            What::Settings => heard.push(missing("CoreSettings", &said())),
            What::Status => {
                if !success {
                    heard.push(missing("CoreStatus", &said()));
                }
                let boot = events::boot(packet).unwrap_or_else(|| "0".into());
                if self.boot.as_ref().is_some_and(|before| *before != boot) {
                    heard.push(Heard::Event { event: CallEvent::PbxStarted, held: Duration::ZERO });
                }
                self.boot = Some(boot.clone());
                heard.push(Heard::Event { event: CallEvent::SnapshotBegan { boot }, held: Duration::ZERO });
            }
            // The list itself follows, under the same id.
            What::List(_) | What::Look(_) if success => {
                self.pending.insert(id.to_owned(), Pending { what, items, sent, until });
            }
            What::Look(name) => {
                self.look = None;
                heard.push(missing(name, &said()));
            }
            What::List(name) => {
                heard.push(missing(name, &said()));
                self.list_ended(at, heard);
            }
            What::Request(no) => {
                let answer = if success { Answer::Done } else { Answer::No(said()) };
                self.answered(no, answer, heard);
            }
        }
    }

    fn list_ended(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let Stage::Snapshot { lists, held } = &mut self.stage else { return };
        *lists -= 1;
        if *lists > 0 {
            return;
        }
        heard.push(Heard::Event { event: CallEvent::SnapshotEnded, held: Duration::ZERO });
        for (came, event) in std::mem::take(held) {
            self.learn(&event);
            heard.push(Heard::Event { event, held: at.duration_since(came) });
        }
        self.stage = Stage::Live;
        heard.push(Heard::Live);
    }

    fn damaged(&mut self, at: Instant, why: &'static str, bytes: usize, heard: &mut Vec<Heard>) {
        heard.push(Heard::Damaged { why, bytes });
        if !matches!(self.stage, Stage::Login(_)) {
            heard.push(Heard::Note(format!(
                "A packet of the PBX was damaged ({why}). Asterisk before 16.26 and 18.12 loses parts of packets when \
                 the network is slow: set `writetimeout = 10000` for our user in manager.conf, or upgrade it."
            )));
            self.want_snapshot_soon(at, "A packet was damaged.");
        }
    }

    /// All that is up will be told anew, after the snapshot that is under way if there is one.
    pub fn want_snapshot(&mut self, at: Instant) {
        self.snapshot_at = Some((at, "Events were dropped."));
    }

    fn want_snapshot_soon(&mut self, at: Instant, why: &'static str) {
        let due = self.snapshot_last.map_or(at, |last| at.max(last + SNAPSHOT_EVERY));
        self.snapshot_at.get_or_insert((due, why));
    }

    fn begin_look(&mut self, at: Instant, heard: &mut Vec<Heard>) -> Answer {
        if !matches!(self.stage, Stage::Live) || self.snapshot_at.is_some() || self.look.is_some() {
            return Answer::No("all that is up is being asked for already".to_owned());
        }
        heard.push(Heard::Asking(Asking::Look));
        heard.push(Heard::Event { event: CallEvent::LookBegan, held: Duration::ZERO });
        self.look = Some(Look::new(self.queues.iter().cloned(), at));
        self.go_on_looking(at);
        Answer::Done
    }

    fn go_on_looking(&mut self, at: Instant) {
        while let Some(list) = self.look.as_mut().and_then(|look| look.wake(at)) {
            let id = self.ids.next();
            match list.action(&id) {
                Ok(action) => self.act(at, id, action, What::Look(list.name()), LIST_WITHIN),
                // A queue that cannot be named on a line is not looked at.
                Err(_) => drop(self.look.as_mut().map(|look| look.ended(at))),
            }
        }
    }

    fn look_ended(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let Some(look) = &mut self.look else { return };
        if look.ended(at) {
            self.look = None;
            heard.push(Heard::Event { event: CallEvent::LookEnded, held: Duration::ZERO });
        }
    }

    /// Sends all questions at once: Asterisk answers one after the other, in order.
    fn ask_all(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        heard.push(Heard::Asking(Asking::Snapshot));
        (self.snapshot_at, self.snapshot_last) = (None, Some(at));
        self.look = None;
        self.queues.clear();
        let id = self.ids.next();
        let status = Action::new("CoreStatus", &id);
        self.act(at, id, status, What::Status, LIST_WITHIN);
        let lists = ["QueueStatus", "BridgeList", "CoreShowChannels"];
        for name in lists {
            let id = self.ids.next();
            let action = Action::new(name, &id);
            self.act(at, id, action, What::List(name), LIST_WITHIN);
        }
        self.stage = Stage::Snapshot { lists: lists.len() as u8, held: Vec::new() };
    }

    fn ping(&mut self, at: Instant) {
        self.ping_at = at + PING_EVERY;
        let id = self.ids.next();
        let ping = Action::new("Ping", &id);
        self.act(at, id, ping, What::Ping, PONG_WITHIN);
    }

    fn act(&mut self, at: Instant, id: String, action: Action, what: What, within: Duration) {
        action.write(&mut self.send);
        self.pending.insert(id, Pending { what, items: 0, sent: at, until: at + within });
    }

    fn end(&mut self, why: Over, heard: &mut Vec<Heard>) {
        self.over = true;
        self.pending.clear();
        for (_, Asked { request, .. }) in std::mem::take(&mut self.asked) {
            heard.push(Heard::Answered { request, answer: Answer::Unknown });
        }
        heard.push(Heard::Over(why));
    }
}

/// Whether a module's (re)load may have changed who is in which queue.
fn of_queues(packet: &Packet) -> bool {
    matches!(packet.get(b"Module"), Some(b"All" | b"app_queue.so" | b"app_queue"))
}

/// A list whose last event counts other than we did was not understood whole.
fn miscounted(list: &str, items: usize, end: &Packet) -> Option<Heard> {
    let told: usize = std::str::from_utf8(end.get(b"ListItems")?).ok()?.trim().parse().ok()?;
    let note = || format!("The PBX counts {told} items in its answer to {list}, and {items} were understood.");
    (told != items).then(|| Heard::Note(note()))
}

fn missing(action: &str, said: &str) -> Heard {
    let unknown = said.starts_with("Invalid/unknown command");
    Heard::Note(if unknown {
        format!("The PBX does not know {action} ({said}): is app_queue.so loaded?")
    } else {
        format!("The PBX refused {action} ({said}): add `reporting` to our user's `write =` line in manager.conf.")
    })
}

#[cfg(test)]
mod tests;
