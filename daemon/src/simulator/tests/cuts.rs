//! A hotline with three hundred calls up whose link is cut a thousand times, at bytes of chance, in
//! virtual time; with all behind it that a daemon has: the board, the engine, the desk and a store.
//! Whoever was missed, and was seen to be, is owed one callback, on one ticket; and nobody else is.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::super::actions::{self, Action};
use super::*;
use crate::board::{Board, Seat};
use crate::calls::call::Segment;
use crate::calls::look::Silence;
use crate::engine::Input;
use crate::engine::house::{House, callbacks_alone};
use crate::link::Link;
use crate::link::cable::{self, Cable};
use crate::live::LinkNow;
use crate::wall::Wall;
use crate::{CallId, LegId, QueueName};

/// In each of two histories, so that two cores have something to do.
const CUTS: usize = 500;

/// A connection lasts for so many bytes at most: four times what it takes to tell all that is up.
const BYTES: usize = 1_200_000;

/// One in so many cuts lasts up to ten minutes, the others up to two seconds.
const LONG: usize = 200;

/// Of so many packets the engine takes at once what came of them, on average.
const BATCH: u32 = 500;

/// How long a talk must be to count as one.
const TALK: TimeDelta = TimeDelta::seconds(10);

/// How long a queue that gives up on a caller says so.
const VOICE: TimeDelta = TimeDelta::seconds(3);

const HQ: &str = "hq";

/// Few enough agents that callers wait, and some give up.
fn busy() -> Simulation {
    let drill = Simulation::drill(50.0, 5);
    let limits = [None, None, Some(40_000)];
    let regular = |n: usize| Regular { name: format!("Regular {n}"), number: format!("+86138{n:08}") };
    Simulation {
        calls_per_second: 9.0,
        pace: Pace::Human,
        queues: drill
            .queues
            .iter()
            .zip(limits)
            .map(|(queue, limit_ms)| SimulatedQueue { limit_ms, ..queue.clone() })
            .collect(),
        regulars: (0..2_000).map(regular).collect(),
        ..drill
    }
}

/// A daemon, whose link can be cut.
struct Site {
    cable: Cable,
    board: Board,
    house: House,
    /// The link is cut after so many more.
    bytes_left: usize,
    /// Calls that the engine was told to be over.
    ended: Vec<std::sync::Arc<Call>>,
    chance: StdRng,
}

impl Site {
    fn new(at: Time) -> Site {
        let tracker = Tracker::new(
            HQ.into(),
            Dialplan::new(vec!["PJSIP/trunk".into()], Vec::new()),
            Numbering::new("CN", Some("021")),
        );
        let (link, now) = (Link::down(HQ.into()), LinkNow::new(HQ.into(), at));
        let seat = Seat { tracker, link, now, silence: Silence::Filters, look_every: Duration::from_secs(300) };
        Site {
            cable: Cable::new(HQ.into(), at, cable::asterisk),
            board: Board::new(BTreeMap::from([(HQ.into(), seat)]), Wall::of_the_machine()),
            house: House::under(callbacks_alone(), at),
            bytes_left: 0,
            ended: Vec::new(),
            chance: StdRng::seed_from_u64(6),
        }
    }

    fn tracker(&self) -> &Tracker {
        self.board.tracker(&HQ.into())
    }

    fn carry(&mut self, at: Time, bytes: &[u8]) {
        let through = bytes.len().min(self.bytes_left);
        self.bytes_left -= through;
        self.cable.receive(at, &bytes[..through]);
        self.follow(at);
        if self.chance.random_ratio(1, BATCH) {
            self.keep(at);
        }
    }

    fn follow(&mut self, at: Time) {
        let wakes = |board: &Board| board.wakes_at().filter(|due| *due <= at);
        while let Some(due) = wakes(&self.board) {
            self.board.wake(due);
        }
        self.cable.take_told().for_each(|told| self.board.hear(told));
    }

    /// The engine takes what waits for it, and commits.
    fn keep(&mut self, at: Time) {
        let inputs: Vec<Input> = std::iter::from_fn(|| self.board.hand_on(at)).collect();
        for input in &inputs {
            if let Input::Calls { calls, .. } = input {
                self.ended.extend(calls.iter().filter(|call| call.ended_at.is_some()).cloned());
            }
        }
        self.house.take(at, inputs);
    }

    fn cut(&mut self, at: Time) {
        self.cable.cut();
        self.follow(at);
        self.keep(at);
    }

    /// Signs in and asks what is up, while the hotline goes on.
    fn connect(&mut self, hotline: &mut Hotline, at: &mut Time, bytes: usize) {
        self.cable.connect(*at);
        self.bytes_left = bytes;
        self.carry(*at, b"Asterisk Call Manager/11.0.0\r\n");
        let mut is_in = false;
        while self.bytes_left > 0 {
            let sent = self.cable.take_sent();
            if sent.is_empty() {
                break;
            }
            for action in sent.replace("\r\n", "\n").split_terminator("\n\n") {
                *at += TimeDelta::milliseconds(self.chance.random_range(0..20));
                hotline.wake(*at);
                let said = hotline.take_said();
                // Some of what was ready comes before the answer, the rest behind it.
                let before = self.chance.random_range(0..=said.len());
                let reply = answer(hotline, *at, action);
                let (early, late) = said.split_at(if is_in { before } else { 0 });
                early.iter().for_each(|said| self.carry(*at, &said.packet));
                self.carry(*at, &reply);
                late.iter().filter(|_| is_in).for_each(|said| self.carry(*at, &said.packet));
                is_in |= action.starts_with("Action: Login");
            }
        }
    }

    /// The channels of a call are in one, no two calls are in one, none is without anybody, and as
    /// many wait as do.
    fn agrees(&self, hotline: &Hotline, at: Time) {
        let tracker = self.tracker();
        let up = || hotline.pbx.channels.values().map(|channel| LegId::from(channel.uniqueid.as_str()));
        let missing: Vec<LegId> = up().filter(|leg| tracker.call_of(leg).is_none()).collect();
        assert!(missing.is_empty(), "in no call at {at}: {missing:?}");
        let mut called: BTreeSet<&CallId> = BTreeSet::new();
        for legs in hotline.parties() {
            let calls: BTreeSet<&CallId> = legs.iter().filter_map(|leg| tracker.call_of(leg)).collect();
            assert_eq!(calls.len(), 1, "{legs:?} are one call at {at}, not {calls:?}");
            assert!(called.is_disjoint(&calls), "{calls:?} is more than one call at {at}: {legs:?}");
            called.extend(calls);
        }
        let ghosts: Vec<&Call> = tracker.calls().filter(|call| !called.contains(&call.id)).collect();
        assert!(ghosts.is_empty(), "ghosts at {at}: {ghosts:#?}");
        let waiting: BTreeMap<QueueName, usize> =
            tracker.queues_now(at).into_iter().map(|queue| (queue.queue, queue.waiting.len())).collect();
        for queue in &hotline.pbx.queues {
            assert_eq!(waiting.get(queue.name.as_str()), Some(&queue.waiting.len()), "{} at {at}", queue.name);
        }
    }
}

fn answer(hotline: &mut Hotline, at: Time, action: &str) -> Vec<u8> {
    let pair = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    let action = Action(action.lines().filter_map(pair).collect());
    match action.name() {
        "Challenge" => {
            let id = action.id().unwrap_or_default();
            format!("Response: Success\r\nActionID: {id}\r\nChallenge: 123456789\r\n\r\n").into_bytes()
        }
        "Login" => action.success("Authentication accepted").to_vec(),
        _ => actions::answer(hotline, at, &action).to_vec(),
    }
}

/// Calls as they were, by the run of the PBX and their first channel: a PBX whose clock was set back
/// names channels as it did before.
type Truths = BTreeMap<(usize, String), TrueCall>;

fn note(truths: &mut Truths, run: usize, ended: Vec<TrueCall>) {
    for truth in ended {
        assert_eq!(truths.insert((run, truth.leg.to_string()), truth), None);
    }
}

/// From when to when the link was up.
type Sights = Vec<(Time, Time)>;

#[test]
fn cuts_under_three_hundred_calls_leave_no_ghost_and_each_who_was_missed_is_owed_one_callback() {
    is_cut(6);
}

#[test]
fn cuts_under_three_hundred_other_calls_leave_no_ghost_and_each_who_was_missed_is_owed_one_callback() {
    is_cut(8);
}

fn is_cut(seed: u64) {
    let (mut truths, mut sights, mut most_up, mut run) = (Truths::new(), Sights::new(), 0, 0);
    let mut simulation = busy();
    let (mut hotline, mut at) = (Hotline::new(&simulation, start()), start() + TimeDelta::seconds(120));
    let (mut site, mut chance) = (Site::new(at), StdRng::seed_from_u64(seed));
    for cut in 0..=CUTS {
        let bytes = if cut < CUTS { chance.random_range(0..BYTES) } else { usize::MAX };
        if cut == CUTS / 2 {
            // The PBX starts anew, its clock stands a second after its first start, and it counts its
            // channels from nought again.
            note(&mut truths, run, hotline.take_ended());
            run += 1;
            simulation = Simulation { seed: 7, clock_behind: at - start() - TimeDelta::seconds(1), ..simulation };
            hotline = Hotline::new(&simulation, at);
            at += TimeDelta::seconds(120);
        }
        hotline.wake(at);
        hotline.take_said();
        site.connect(&mut hotline, &mut at, bytes);
        let seen_from = at;
        if site.bytes_left > 0 {
            assert!(site.cable.is_live);
            site.agrees(&hotline, at);
        }
        most_up = most_up.max(hotline.calls_up());
        if cut == CUTS {
            hotline.close();
        }
        while site.bytes_left > 0 && (cut < CUTS || hotline.calls_up() > 0) {
            at = hotline.next_wake();
            hotline.wake(at);
            for said in hotline.take_said() {
                site.carry(at, &said.packet);
            }
        }
        note(&mut truths, run, hotline.take_ended());
        if site.cable.is_live {
            sights.push((seen_from, site.cable.heard_at));
        }
        if cut < CUTS {
            site.cut(at);
            let most_ms = if cut % LONG == LONG - 1 { 600_000 } else { 2_000 };
            at += TimeDelta::milliseconds(chance.random_range(100..most_ms));
        }
    }
    site.keep(at);
    assert_eq!(site.tracker().calls().count(), 0, "a call that never ends");
    assert_eq!(site.house.sql("SELECT id FROM calls WHERE ended_at_ms IS NULL"), [""; 0]);
    assert!(most_up > 300 && sights.len() > CUTS / 3, "{most_up} up, seen {} times", sights.len());
    let reused = truths.keys().filter(|(run, leg)| *run == 1 && truths.contains_key(&(0, leg.clone()))).count();
    assert!(reused > 100, "{reused} names of channels were used by both runs");
    let calls = told(&site, &truths);
    owed(&site, &calls, &sights);
}

/// A call that was told, and what it was; none: the restart cut it off.
type Both<'a> = (&'a Call, Option<&'a TrueCall>);

/// Each is told once, as it was where it is certain, and as given up only by who did.
fn told<'a>(site: &'a Site, truths: &'a Truths) -> Vec<Both<'a>> {
    let boot = |call: &Call| call.id.as_str().split('-').nth(1).expect("a boot").to_owned();
    let first = boot(&site.ended[0]);
    let (mut told_once, mut both, mut certain) = (BTreeSet::new(), Vec::new(), 0);
    for call in &site.ended {
        assert!(told_once.insert(&call.id), "told twice: {call:#?}");
        let leg = call.id.as_str().splitn(3, '-').nth(2).expect("a channel");
        let truth = truths.get(&(usize::from(boot(call) != first), leg.to_owned()));

        match truth {
            Some(truth) => {
                if call.certain {
                    certain += 1;
                    assert_eq!(super::told(truth.direction, truth), super::told(truth.direction, &as_truth(call)));
                }
                let invented = call.outcome.is_some_and(is_missed) && !is_missed(truth.outcome);
                assert!(!invented, "{call:#?}\nbut {truth:#?}");
            }
            None => assert!(!call.certain && !call.outcome.is_some_and(is_missed), "never was so: {call:#?}"),
        }
        both.push((&**call, truth));
    }
    assert!(certain > 15, "{certain} certain");
    both
}

/// What is owed, as the store keeps it.
struct Owed {
    call: String,
    number: String,
    began_at: Time,
    ended_at: Option<Time>,
}

fn rows(site: &Site, question: &str) -> Vec<Vec<Value>> {
    let rows = site.house.sql(&format!("SELECT json_array({question}"));
    rows.iter().map(|row| serde_json::from_str(row).expect("an array")).collect()
}

fn is_missed(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Abandoned | Outcome::TimedOut | Outcome::Missed)
}

fn owed(site: &Site, calls: &[Both<'_>], sights: &Sights) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let at = |value: &Value| value.as_i64().and_then(Time::from_timestamp_millis);
    let read = |row: Vec<Value>| Owed {
        call: text(&row[0]),
        number: text(&row[1]),
        began_at: at(&row[2]).expect("a time"),
        ended_at: at(&row[3]),
    };
    let owed: Vec<Owed> =
        rows(site, "call, number, began_at_ms, ended_at_ms) FROM obligations WHERE kind = 'missed_call'")
            .into_iter()
            .map(read)
            .collect();
    let numbering = Numbering::new("CN", Some("021"));
    let number = |truth: &TrueCall| Some(numbering.read(truth.caller.as_deref()?)?.to_string());
    let (mut due, mut uncertain) = (0, 0);
    for (call, truth) in calls {
        let its = owed.iter().filter(|owed| owed.call == call.id.as_str()).count();
        let Some(truth) = truth.filter(|truth| truth.direction == Direction::Inbound && is_missed(truth.outcome))
        else {
            assert_eq!(its, 0, "nothing is owed for {call:#?}");
            continue;
        };
        // Whose time is up hears so for a while before the PBX hangs up.
        let voice = if truth.outcome == Outcome::TimedOut { VOICE } else { TimeDelta::zero() };
        let was_seen = sights.iter().any(|(from, to)| *from < truth.ended_at - voice && truth.ended_at < *to);
        let is_told = call.outcome.is_some_and(is_missed);
        assert!(!was_seen || is_told || call.waits.is_empty(), "was seen to give up: {call:#?}");
        let Some(number) = number(truth).filter(|_| is_told) else {
            assert_eq!(its, 0, "nobody to call back: {call:#?}");
            continue;
        };
        let ended_at = call.ended_at.expect("is over");
        let is_owed = |owed: &Owed| {
            owed.number == number && owed.began_at <= ended_at && owed.ended_at.is_none_or(|end| end > ended_at)
        };
        let talked = calls.iter().any(|(other, _)| {
            let is_same = other.number.as_ref().is_some_and(|its| its.to_string() == number);
            let talk =
                |segment: &Segment| segment.to.unwrap_or(ended_at).min(ended_at) - segment.from.max(call.started_at);
            is_same && other.segments.iter().any(|segment| talk(segment) >= TALK)
        });
        let open = owed.iter().filter(|owed| is_owed(owed)).count();
        assert!(open == 1 || (open == 0 && talked), "{open} owed at the end of {call:#?}");
        (due, uncertain) = (due + its, uncertain + usize::from(its > 0 && !call.certain));
    }
    assert_eq!(due, owed.len());
    assert!(due > 100 && uncertain > 20, "{due} callbacks, {uncertain} of them of calls that were not seen whole");
    // All that a number calls about is one matter; who withholds it has one of their own.
    assert_eq!(site.house.sql("SELECT id FROM calls WHERE direction = 'inbound' AND ticket IS NULL"), [""; 0]);
    let matters = rows(site, "number, count(DISTINCT ticket)) FROM calls WHERE ticket NOT NULL GROUP BY number");
    for matter in &matters {
        assert!(matter[1] == 1 || matter[0].is_null(), "{matter:?}");
    }
    let tickets: u64 = matters.iter().filter_map(|matter| matter[1].as_u64()).sum();
    assert_eq!(rows(site, "count(*)) FROM tickets"), [[Value::from(tickets)]]);
}
