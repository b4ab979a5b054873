//! The link is cut at any byte and made anew after any while, through the very conversation that
//! a link has, with an Asterisk that answers what it was asked: no call is told wrongly as
//! certain, none is missing, none stays, and nobody has given up who did not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::BytesMut;
use chrono::TimeDelta;
use protocol::CallEvent;
use protocol::ami::conversation::Conversation;
use protocol::ami::login::Credentials;
use protocol::ami::requests::Dialling;
use protocol::event::BootId;
use protocol::session::{Heard, Session};

use super::peer::Peer;
use super::*;
use crate::calls::call::{EndedBy, Outcome};
use crate::calls::dialplan::Dialplan;
use crate::number::Numbering;
use crate::{CallId, LegId, QueueName};

/// A recording, but for the lists that whoever recorded it had asked for.
struct Tape {
    name: String,
    packets: Vec<Piece>,
    /// What the PBX knew before each packet, and after the last.
    peers: Vec<Peer>,
}

struct Piece {
    at: Time,
    /// With its empty line.
    bytes: Vec<u8>,
}

impl Tape {
    /// Packets that say nothing, of which there are many, are left out: to be cut before or after
    /// them is all the same. Where `all` is wanted, they stay.
    fn read(file: &Path, all: bool) -> Tape {
        let mut peer = Peer::default();
        let (mut packets, mut peers) = (Vec::new(), Vec::new());
        for (at, packet) in packets_of(file) {
            let is_asked = packet.event().is_none() || packet.get(b"ActionID").is_some();
            if !is_asked && (all || events::map(&packet).is_some() || packet.event() == Some(b"AgentLogin")) {
                peers.push(peer.clone());
                packets.push(Piece { at, bytes: [packet.bytes(), &b"\r\n"[..]].concat() });
            }
            peer.follow(at, &packet);
        }
        peers.push(peer);
        Tape { name: file.display().to_string(), packets, peers }
    }

    fn begins(&self) -> Time {
        self.packets[0].at
    }

    fn ends(&self) -> Time {
        self.packets[self.packets.len() - 1].at
    }

    /// The first packet that comes later than this.
    fn later_than(&self, at: Time) -> usize {
        self.packets.partition_point(|piece| piece.at <= at)
    }
}

/// Whoever holds a link, and what follows for it.
struct Watch {
    tracker: Tracker,
    changes: Vec<Change>,
    session: Session,
    buffer: BytesMut,
    /// Something of what is up was told on this connection.
    sees: bool,
    is_live: bool,
    damaged: usize,
    clock: (Time, Instant),
    heard_at: Time,
}

impl Watch {
    fn new(tape: &Tape) -> Watch {
        let clock = (tape.begins(), Instant::now());
        Watch {
            tracker: Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None)),
            changes: Vec::new(),
            session: session(clock.1, None),
            buffer: BytesMut::new(),
            sees: false,
            is_live: false,
            damaged: 0,
            clock,
            heard_at: clock.0,
        }
    }

    fn instant(&self, at: Time) -> Instant {
        self.clock.1 + (at - self.clock.0).to_std().unwrap_or_default()
    }

    fn receive(&mut self, at: Time, bytes: &[u8]) {
        let mut heard = Vec::new();
        self.heard_at = at;
        self.buffer.extend_from_slice(bytes);
        let instant = self.instant(at);
        self.session.receive(instant, &mut self.buffer, &mut heard);
        self.learn(at, heard);
    }

    fn learn(&mut self, at: Time, heard: Vec<Heard>) {
        for heard in heard {
            match heard {
                Heard::Event { event, held } => {
                    self.sees |= matches!(event, CallEvent::SnapshotBegan { .. });
                    if self.sees || event == CallEvent::PbxStarted {
                        let at = at - TimeDelta::from_std(held).unwrap_or_default();
                        while let Some(due) = self.tracker.next_wake().filter(|due| *due <= at) {
                            self.tracker.wake(due, &mut self.changes);
                        }
                        self.tracker.observe(at, event, &mut self.changes);
                    }
                }
                Heard::Live => self.is_live = true,
                Heard::Damaged { .. } => self.damaged += 1,
                Heard::Note(note) => panic!("{note}"),
                Heard::Resync(why) => panic!("{why}"),
                Heard::Over(_) | Heard::Product(_) | Heard::Asking(_) | Heard::Answered { .. } | Heard::Pong { .. } => {
                }
            }
        }
    }

    /// Signs in when `from` is the next packet, and asks what is up. Meanwhile the PBX goes on by
    /// chance, and what it tells of that stands anywhere behind it. Returns the next packet.
    fn connect(&mut self, tape: &Tape, from: usize, at: Time, chance: Option<&mut StdRng>) -> usize {
        let mut still = StdRng::seed_from_u64(0);
        let goes_on = if chance.is_some() { 0.4 } else { 0.0 };
        let chance = chance.unwrap_or(&mut still);
        let (mut happened, mut told, mut now, mut is_in) = (from, from, at, false);
        self.receive(now, b"Asterisk Call Manager/11.0.0\r\n");
        loop {
            let sent = String::from_utf8(std::mem::take(self.session.to_send())).expect("actions");
            if sent.is_empty() {
                break;
            }
            for action in sent.replace("\r\n", "\n").split_terminator("\n\n") {
                while is_in && happened < tape.packets.len() && chance.random_bool(goes_on) {
                    now = now.max(tape.packets[happened].at);
                    happened += 1;
                }
                for piece in tape.peers[happened].answer(action, now, chance) {
                    while is_in && told < happened && chance.random_bool(0.3) {
                        self.receive(now, &tape.packets[told].bytes);
                        told += 1;
                    }
                    self.receive(now, &piece);
                }
                is_in |= action.starts_with("Action: Login");
            }
        }
        assert!(self.is_live, "{}: the lists are through", tape.name);
        tape.packets[told..happened].iter().for_each(|piece| self.receive(now, &piece.bytes));
        happened
    }

    /// The connection ends, within a packet of which `part` came.
    fn cut(&mut self, part: &[u8]) {
        let at = self.heard_at;
        if !part.is_empty() {
            self.receive(at, part);
        }
        let mut heard = Vec::new();
        self.session.closed(&mut self.buffer, &mut heard);
        self.learn(at, heard);
        self.tracker.lost_sight(at, &mut self.changes);
    }

    fn anew(&mut self, at: Time) {
        self.session = session(self.instant(at), self.session.boot().cloned());
        self.buffer.clear();
        (self.sees, self.is_live) = (false, false);
    }

    /// The calls that are over, and those that are up.
    fn calls(self) -> (Vec<Call>, Vec<Call>) {
        (self.changes.into_iter().filter_map(ended).collect(), self.tracker.calls().cloned().collect())
    }

    fn stand(&self, peer: &Peer) -> Stand {
        let legs = peer.up().map(|(id, _)| LegId::from(&*String::from_utf8_lossy(id)));
        let bridged = peer.up().filter(|(_, is_bridged)| *is_bridged);
        let queues = self.tracker.queues_now(self.heard_at).into_iter();
        Stand {
            legs: legs.map(|leg| (leg.clone(), self.tracker.call_of(&leg).cloned())).collect(),
            talking: bridged.map(|(id, _)| LegId::from(&*String::from_utf8_lossy(id))).collect(),
            waiting: queues
                .map(|queue| (queue.queue, queue.waiting.len()))
                .filter(|(_, waiting)| *waiting > 0)
                .collect(),
        }
    }
}

fn session(at: Instant, boot: Option<BootId>) -> Session {
    let credentials = Credentials { username: "ringback".into(), secret: "s3cret".into() };
    let dialling = Dialling { channel: "PJSIP/{agent}".into(), context: "from-internal".into(), caller_id: None };
    Session::Ami(Box::new(Conversation::new(credentials, dialling, 1, boot, at)))
}

/// What a link tells that was never cut: the calls, and how each moment stood.
struct Whole {
    calls: BTreeMap<CallId, Call>,
    stands: Vec<Stand>,
}

/// How a moment stands: which channels that are up are in which call, and how many wait where.
struct Stand {
    legs: BTreeMap<LegId, Option<CallId>>,
    /// Those of them that are in a bridge.
    talking: BTreeSet<LegId>,
    waiting: BTreeMap<QueueName, usize>,
}

impl Whole {
    fn of(tape: &Tape) -> Whole {
        let mut watch = Watch::new(tape);
        watch.connect(tape, 0, tape.begins(), None);
        let mut stands = vec![watch.stand(&tape.peers[0])];
        for (piece, peer) in tape.packets.iter().zip(&tape.peers[1..]) {
            watch.receive(piece.at, &piece.bytes);
            stands.push(watch.stand(peer));
        }
        let (calls, up) = watch.calls();
        assert!(up.is_empty(), "{}: {up:?}", tape.name);
        Whole { calls: calls.into_iter().map(|call| (call.id.clone(), call)).collect(), stands }
    }
}

/// The link is lost after so many packets and `part` of the next, and is there again at `at`, when
/// `until` is the next packet.
struct Cut {
    after: usize,
    part: usize,
    until: usize,
    at: Time,
}

fn check(tape: &Tape, whole: &Whole, cut: &Cut, chance: &mut StdRng) -> Result<(), String> {
    let mut watch = Watch::new(tape);
    watch.connect(tape, 0, tape.begins(), None);
    tape.packets[..cut.after].iter().for_each(|piece| watch.receive(piece.at, &piece.bytes));
    let part = tape.packets.get(cut.after).map(|piece| &piece.bytes[..cut.part]).unwrap_or_default();
    watch.cut(part);
    if (watch.damaged > 0) != (cut.part > 0) {
        return Err(format!("{} damaged", watch.damaged));
    }
    watch.anew(cut.at);
    let next = watch.connect(tape, cut.until, cut.at, Some(chance));
    agree(&watch, tape, whole, next)?;
    let now = watch.heard_at;
    tape.packets[next..].iter().for_each(|piece| watch.receive(piece.at.max(now), &piece.bytes));
    let (calls, up) = watch.calls();
    if !up.is_empty() {
        return Err(format!("stays up: {up:#?}"));
    }
    for call in &calls {
        let truth = whole.calls.get(&call.id);
        if call.certain && truth.is_none_or(|truth| driver::outline(truth) != driver::outline(call)) {
            return Err(format!("certain, and not so: {call:#?}\nbut {truth:#?}"));
        }
        if call.outcome == Some(Outcome::Abandoned) && !truth.is_some_and(gave_up) {
            return Err(format!("an abandon that was none: {call:#?}\nbut {truth:#?}"));
        }
    }
    Ok(())
}

/// The caller hung up, waiting; maybe for a second time, after somebody had talked to them.
fn gave_up(call: &Call) -> bool {
    let talked_until = call.segments.iter().filter_map(|segment| segment.to).max();
    let left_at = call.waits.last().and_then(|wait| wait.left_at);
    call.outcome == Some(Outcome::Abandoned)
        || (call.ended_by == Some(EndedBy::Caller) && left_at.is_some() && left_at > talked_until)
}

/// Right after a snapshot whoever talks is in the same call, no call is without channels, and as
/// many wait as do. Of a channel that is in no bridge, since it picks up or is about to end, a list
/// does not say with whom it was or will be.
fn agree(watch: &Watch, tape: &Tape, whole: &Whole, next: usize) -> Result<(), String> {
    let (found, truth) = (watch.stand(&tape.peers[next]), &whole.stands[next]);
    for leg in truth.talking.iter().filter(|leg| truth.legs[*leg].is_some()) {
        if found.mates(leg) != truth.mates(leg) {
            return Err(format!("{leg} is with others at {next}: {:#?} not {:#?}", found.legs, truth.legs));
        }
    }
    for call in watch.tracker.calls() {
        let has_leg = found.legs.values().flatten().any(|id| *id == call.id);
        if !has_leg || (call.certain && !whole.calls.contains_key(&call.id)) {
            return Err(format!("a ghost at {next}: {call:#?}"));
        }
    }
    // One who has given up is in the queue's list until it has told both that and the leaving.
    match found.waiting == truth.waiting || found.waiting == tape.peers[next].waiting() {
        true => Ok(()),
        false => Err(format!("who waits at {next}: {:?} not {:?}", found.waiting, truth.waiting)),
    }
}

impl Stand {
    /// Who is in one call with this channel.
    fn mates(&self, leg: &LegId) -> BTreeSet<&LegId> {
        let call = &self.legs[leg];
        self.talking.iter().filter(|leg| call.is_some() && self.legs[*leg] == *call).collect()
    }
}

/// How long the link stays away.
#[derive(Clone, Copy, Debug)]
enum Away {
    NoTime,
    Packets(usize),
    Seconds(i64),
    UntilAllIsOver,
}

const AWAY: [Away; 5] = [Away::NoTime, Away::Packets(3), Away::Seconds(1), Away::Seconds(10), Away::UntilAllIsOver];

impl Away {
    fn cut(self, tape: &Tape, after: usize, part: usize) -> Cut {
        let lost_at = after.checked_sub(1).map_or(tape.begins(), |last| tape.packets[last].at);
        let (until, at) = match self {
            Away::NoTime => (after, lost_at),
            Away::Packets(more) => {
                let until = (after + more).min(tape.packets.len());
                (until, tape.packets[..until].last().map_or(lost_at, |piece| piece.at))
            }
            Away::Seconds(seconds) => {
                let at = lost_at + TimeDelta::seconds(seconds);
                (tape.later_than(at), at)
            }
            Away::UntilAllIsOver => (tape.packets.len(), tape.ends() + TimeDelta::seconds(5)),
        };
        Cut { after, part, until, at }
    }
}

/// Of all gaps at all packets a run tries every so many, for all would take a debug build five
/// minutes; `RINGBACK_EVERY=1` does. It shares no factor with the number of gaps, so that each
/// recording meets each gap.
const EVERY: usize = 19;

fn every() -> usize {
    std::env::var("RINGBACK_EVERY").ok().and_then(|every| every.parse().ok()).unwrap_or(EVERY)
}

#[test]
fn a_link_may_be_lost_between_any_two_packets_and_within_each() {
    let (mut runs, mut wrong) = (0, Vec::new());
    for (nth, file) in recordings().iter().enumerate() {
        let tape = Tape::read(file, false);
        let whole = Whole::of(&tape);
        for after in 0..=tape.packets.len() {
            for (kind, away) in AWAY.into_iter().enumerate() {
                if !(nth + after * AWAY.len() + kind).is_multiple_of(every()) {
                    continue;
                }
                let mut chance = StdRng::seed_from_u64((after * AWAY.len() + kind) as u64);
                let within = tape.packets.get(after).map_or(1, |piece| piece.bytes.len());
                for part in [0, chance.random_range(0..within)] {
                    runs += 1;
                    let lost = check(&tape, &whole, &away.cut(&tape, after, part), &mut chance);
                    wrong.extend(lost.err().map(|why| format!("{} {after}+{part} {away:?}: {why}", tape.name)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {runs} wrong: {}", wrong.len(), wrong[0]);
    assert!(runs > 3_000, "{runs} runs");
}

/// Every byte of one recording, packets that say nothing among them.
#[test]
fn a_link_may_be_lost_at_any_byte() {
    let [file] =
        &recordings().into_iter().filter(|file| file.ends_with("asterisk-22/queue_not_joined.ami")).collect::<Vec<_>>()
            [..]
    else {
        panic!("the shortest recording");
    };
    let tape = Tape::read(file, true);
    let whole = Whole::of(&tape);
    let mut chance = StdRng::seed_from_u64(1);
    for after in 0..tape.packets.len() {
        for part in 0..tape.packets[after].bytes.len() {
            let away = AWAY[part % AWAY.len()];
            let lost = check(&tape, &whole, &away.cut(&tape, after, part), &mut chance);
            assert_eq!(lost, Ok(()), "{after}+{part} {away:?}");
        }
    }
}
