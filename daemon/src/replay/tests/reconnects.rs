//! A link that is cut at any byte and made anew after any while, through the very conversation that
//! a link has, with a PBX that answers what it was asked: no call is told wrongly as certain, none
//! is missing, none stays, and nobody has given up who did not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use chrono::TimeDelta;
use protocol::event::BootId;
use protocol::session::Session;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::*;
use super::driver;
use crate::calls::call::{EndedBy, Outcome};
use crate::calls::dialplan::Dialplan;
use crate::link::FromLink;
use crate::link::cable::Cable;
use crate::number::Numbering;
use crate::{CallId, LegId, QueueName};

/// A PBX that knows what a recording has told so far, and answers with it.
pub trait Peer: Clone {
    /// Comes before anything is asked.
    const GREETING: &[u8];

    /// The PBX tells what happens once this was answered.
    const SIGNS_IN: &str;

    /// A new conversation with one whose last run was that.
    const SESSION: fn(Instant, Option<BootId>) -> Session;

    /// What is between two actions of a link.
    const BETWEEN: &str;

    /// The answer to one action, in pieces between which other things may be told.
    fn answer(&self, action: &str, at: Time, chance: &mut StdRng) -> Vec<Vec<u8>>;

    /// All channels, and whether each is in a bridge.
    fn up(&self) -> impl Iterator<Item = (LegId, bool)>;

    /// How many wait, by queue, where somebody does.
    fn waiting(&self) -> BTreeMap<QueueName, usize>;
}

/// A recording, but for the lists that whoever recorded it had asked for.
pub struct Tape<P> {
    pub name: String,
    pub packets: Vec<Piece>,
    /// What the PBX knew before each packet, and after the last.
    pub peers: Vec<P>,
}

pub struct Piece {
    pub at: Time,
    pub bytes: Vec<u8>,
}

impl<P> Tape<P> {
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
    cable: Cable,
    tracker: Tracker,
    changes: Vec<Change>,
}

impl Watch {
    fn new<P: Peer>(tape: &Tape<P>) -> Watch {
        Watch {
            cable: Cable::new("lab".into(), tape.begins(), P::SESSION),
            tracker: Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None)),
            changes: Vec::new(),
        }
    }

    fn receive(&mut self, at: Time, bytes: &[u8]) {
        self.cable.receive(at, bytes);
        self.learn();
    }

    fn learn(&mut self) {
        for told in self.cable.take_told() {
            match told {
                FromLink::Event { at, event, .. } => {
                    while let Some(due) = self.tracker.next_wake().filter(|due| *due <= at) {
                        self.tracker.wake(due, &mut self.changes);
                    }
                    self.tracker.observe(at, event, &mut self.changes);
                }
                FromLink::Outage { from, to: None, .. } => self.tracker.lost_sight(from, &mut self.changes),
                FromLink::Outage { .. }
                | FromLink::State(_)
                | FromLink::Hindered(_)
                | FromLink::Native { .. }
                | FromLink::Answered { .. } => {}
            }
        }
    }

    /// What comes when nothing is cut: whatever is due before a packet, and the packet.
    fn hear<P: Peer>(&mut self, tape: &Tape<P>, packet: usize) {
        let Piece { at, bytes } = &tape.packets[packet];
        let at = self.cable.heard_at.max(*at);
        while let Some(due) = self.cable.wake(at) {
            self.learn();
            for action in actions::<P>(&self.cable.take_sent()) {
                let answer = tape.peers[packet].answer(&action, due, &mut StdRng::seed_from_u64(0));
                answer.iter().for_each(|piece| self.receive(due, piece));
            }
        }
        self.receive(at, bytes);
    }

    /// Signs in when `from` is the next packet, and asks what is up. Meanwhile the PBX goes on by
    /// chance, and what it tells of that stands anywhere behind it. Returns the next packet.
    fn connect<P: Peer>(&mut self, tape: &Tape<P>, from: usize, at: Time, chance: Option<&mut StdRng>) -> usize {
        let mut still = StdRng::seed_from_u64(0);
        let goes_on = if chance.is_some() { 0.4 } else { 0.0 };
        let chance = chance.unwrap_or(&mut still);
        let (mut happened, mut told, mut now, mut is_in) = (from, from, at, false);
        self.cable.connect(at);
        self.receive(now, P::GREETING);
        loop {
            let sent = self.cable.take_sent();
            if sent.is_empty() {
                break;
            }
            for action in actions::<P>(&sent) {
                while is_in && happened < tape.packets.len() && chance.random_bool(goes_on) {
                    now = now.max(tape.packets[happened].at);
                    happened += 1;
                }
                for piece in tape.peers[happened].answer(&action, now, chance) {
                    while is_in && told < happened && chance.random_bool(0.3) {
                        self.receive(now, &tape.packets[told].bytes);
                        told += 1;
                    }
                    self.receive(now, &piece);
                }
                is_in |= action.starts_with(P::SIGNS_IN);
            }
        }
        assert!(self.cable.is_live, "{}: the lists are through", tape.name);
        tape.packets[told..happened].iter().for_each(|piece| self.receive(now, &piece.bytes));
        happened
    }

    /// The connection ends, within a packet of which `part` came.
    fn cut(&mut self, part: &[u8]) {
        if !part.is_empty() {
            self.receive(self.cable.heard_at, part);
        }
        self.cable.cut();
        self.learn();
    }

    /// The calls that are over, and those that are up.
    fn calls(self) -> (Vec<Call>, Vec<Call>) {
        (self.changes.into_iter().filter_map(ended).collect(), self.tracker.calls().cloned().collect())
    }

    fn stand(&self, peer: &impl Peer) -> Stand {
        let queues = self.tracker.queues_now(self.cable.heard_at).into_iter();
        Stand {
            legs: peer.up().map(|(leg, _)| (leg.clone(), self.tracker.call_of(&leg).cloned())).collect(),
            talking: peer.up().filter(|(_, is_bridged)| *is_bridged).map(|(leg, _)| leg).collect(),
            waiting: queues
                .map(|queue| (queue.queue, queue.waiting.len()))
                .filter(|(_, waiting)| *waiting > 0)
                .collect(),
        }
    }
}

/// What a link sent, an action each.
pub fn actions<P: Peer>(sent: &str) -> Vec<String> {
    sent.split_terminator(P::BETWEEN).map(str::to_owned).collect()
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
    fn of<P: Peer>(tape: &Tape<P>) -> Whole {
        let mut watch = Watch::new(tape);
        watch.connect(tape, 0, tape.begins(), None);
        let mut stands = vec![watch.stand(&tape.peers[0])];
        for packet in 0..tape.packets.len() {
            watch.hear(tape, packet);
            stands.push(watch.stand(&tape.peers[packet + 1]));
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

fn check<P: Peer>(tape: &Tape<P>, whole: &Whole, cut: &Cut, chance: &mut StdRng) -> Result<(), String> {
    let mut watch = Watch::new(tape);
    watch.connect(tape, 0, tape.begins(), None);
    (0..cut.after).for_each(|packet| watch.hear(tape, packet));
    let part = tape.packets.get(cut.after).map(|piece| &piece.bytes[..cut.part]).unwrap_or_default();
    watch.cut(part);
    if (watch.cable.damaged > 0) != (cut.part > 0) {
        return Err(format!("{} damaged", watch.cable.damaged));
    }
    let next = watch.connect(tape, cut.until, cut.at, Some(chance));
    agree(&watch, tape, whole, next)?;
    (next..tape.packets.len()).for_each(|packet| watch.hear(tape, packet));
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
fn agree(watch: &Watch, tape: &Tape<impl Peer>, whole: &Whole, next: usize) -> Result<(), String> {
    let (found, truth) = (watch.stand(&tape.peers[next]), &whole.stands[next]);
    for leg in truth.talking.iter().filter(|leg| truth.legs[*leg].is_some()) {
        if found.mates(leg) != truth.mates(leg) {
            return Err(format!("{leg} is with others at {next}: {:#?} not {:#?}", found.legs, truth.legs));
        }
    }
    for call in watch.tracker.calls() {
        let is_of = |stand: &Stand| stand.legs.values().flatten().any(|id| *id == call.id);
        // A consultation is a call of its own until it is known what it is for.
        let is_known = whole.calls.contains_key(&call.id) || is_of(truth);
        if !is_of(&found) || (call.certain && !is_known) {
            return Err(format!("a ghost at {next}: {call:#?}"));
        }
    }
    // One who gives up is in the queue's list for longer, or shorter, than until the leaving is told.
    let peer = tape.peers[next].waiting();
    let count = |waiting: &BTreeMap<QueueName, usize>, queue| waiting.get(queue).copied().unwrap_or(0);
    for queue in [&found.waiting, &truth.waiting, &peer].into_iter().flat_map(BTreeMap::keys) {
        let (told, known) = (count(&truth.waiting, queue), count(&peer, queue));
        if !(told.min(known)..=told.max(known)).contains(&count(&found.waiting, queue)) {
            return Err(format!("who waits at {next}: {:?} not {:?} or {peer:?}", found.waiting, truth.waiting));
        }
    }
    Ok(())
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
    fn cut<P>(self, tape: &Tape<P>, after: usize, part: usize) -> Cut {
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

/// Cuts links between any two packets of recordings and within each packet, for any while. Of all
/// that a run could try it tries every so many, for all would take a debug build many minutes;
/// `RINGBACK_EVERY=1` does. `every` shares no factor with the number of gaps, so that each recording
/// meets each gap. Returns how many runs there were.
pub fn cuts_between<P: Peer>(tapes: Vec<Tape<P>>, every: usize) -> usize {
    let asked = std::env::var("RINGBACK_EVERY").ok().and_then(|every| every.parse().ok());
    let every = asked.unwrap_or(every);
    let (mut runs, mut wrong) = (0, Vec::new());
    for (nth, tape) in tapes.iter().enumerate() {
        let whole = Whole::of(tape);
        for after in 0..=tape.packets.len() {
            for (kind, away) in AWAY.into_iter().enumerate() {
                if !(nth + after * AWAY.len() + kind).is_multiple_of(every) {
                    continue;
                }
                let mut chance = StdRng::seed_from_u64((after * AWAY.len() + kind) as u64);
                let within = tape.packets.get(after).map_or(1, |piece| piece.bytes.len());
                for part in [0, chance.random_range(0..within)] {
                    runs += 1;
                    let lost = check(tape, &whole, &away.cut(tape, after, part), &mut chance);
                    wrong.extend(lost.err().map(|why| format!("{} {after}+{part} {away:?}: {why}", tape.name)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {runs} wrong: {}", wrong.len(), wrong[0]);
    runs
}

/// Cuts a link at every byte of one recording.
pub fn cuts_at_any_byte<P: Peer>(tape: &Tape<P>) {
    let whole = Whole::of(tape);
    let mut chance = StdRng::seed_from_u64(1);
    for after in 0..tape.packets.len() {
        for part in 0..tape.packets[after].bytes.len() {
            let away = AWAY[part % AWAY.len()];
            let lost = check(tape, &whole, &away.cut(tape, after, part), &mut chance);
            assert_eq!(lost, Ok(()), "{after}+{part} {away:?}");
        }
    }
}
