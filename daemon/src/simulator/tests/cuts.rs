//! A hotline whose link is cut a thousand times, at bytes of chance, in virtual time.

use std::time::Instant;

use protocol::CallEvent;
use protocol::ami::conversation::Conversation;
use protocol::ami::login::Credentials;
use protocol::ami::requests::Dialling;
use protocol::event::BootId;
use protocol::session::{Heard, Session};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::actions::{self, Action};
use super::*;
use crate::{LegId, QueueName};

const CUTS: usize = 1_000;

/// One in so many cuts lasts up to ten minutes, the others up to two seconds.
const LONG: usize = 100;

struct Cable {
    clock: Instant,
    tracker: Tracker,
    changes: Vec<Change>,
    session: Session,
    buffer: BytesMut,
    sees: bool,
    is_live: bool,
    /// The link is cut after so many more.
    bytes_left: usize,
}

impl Cable {
    fn instant(&self, at: Time) -> Instant {
        self.clock + (at - start()).to_std().unwrap_or_default()
    }

    fn connect(&mut self, at: Time, bytes_left: usize, boot: Option<BootId>) {
        self.session = session(self.instant(at), boot);
        self.buffer.clear();
        (self.sees, self.is_live, self.bytes_left) = (false, false, bytes_left);
    }

    fn carry(&mut self, at: Time, bytes: &[u8]) {
        let through = bytes.len().min(self.bytes_left);
        self.bytes_left -= through;
        self.buffer.extend_from_slice(&bytes[..through]);
        let (instant, mut heard) = (self.instant(at), Vec::new());
        self.session.receive(instant, &mut self.buffer, &mut heard);
        for heard in heard {
            match heard {
                Heard::Event { event, held } => {
                    self.sees |= matches!(event, CallEvent::SnapshotBegan { .. });
                    if self.sees || event == CallEvent::PbxStarted {
                        let at = at - TimeDelta::from_std(held).expect("a while");
                        while let Some(due) = self.tracker.next_wake().filter(|due| *due <= at) {
                            self.tracker.wake(due, &mut self.changes);
                        }
                        self.tracker.observe(at, event, &mut self.changes);
                    }
                }
                Heard::Live => self.is_live = true,
                Heard::Resync(why) => panic!("{why}"),
                Heard::Over(_)
                | Heard::Product(_)
                | Heard::Asking(_)
                | Heard::Answered { .. }
                | Heard::Pong { .. }
                | Heard::Damaged { .. }
                | Heard::Note(_) => {}
            }
        }
    }

    /// Whether whoever is up is in a call, and no call is without anybody.
    fn agrees(&self, hotline: &Hotline, at: Time) {
        let up = || hotline.pbx.channels.values().map(|channel| LegId::from(channel.uniqueid.as_str()));
        let missing: Vec<LegId> = up().filter(|leg| self.tracker.call_of(leg).is_none()).collect();
        assert!(missing.is_empty(), "in no call at {at}: {missing:?}");
        let called: BTreeSet<_> = up().filter_map(|leg| self.tracker.call_of(&leg).cloned()).collect();
        let ghosts: Vec<&Call> = self.tracker.calls().filter(|call| !called.contains(&call.id)).collect();
        assert!(ghosts.is_empty(), "ghosts at {at}: {ghosts:#?}");
        let waiting: BTreeMap<QueueName, usize> =
            self.tracker.queues_now(at).into_iter().map(|queue| (queue.queue, queue.waiting.len())).collect();
        for queue in &hotline.pbx.queues {
            assert_eq!(waiting.get(queue.name.as_str()), Some(&queue.waiting.len()), "{} at {at}", queue.name);
        }
    }
}

fn session(at: Instant, boot: Option<BootId>) -> Session {
    let credentials = Credentials { username: "ringback".into(), secret: "ringback".into() };
    let dialling = Dialling { channel: "PJSIP/{agent}".into(), context: "from-internal".into(), caller_id: None };
    Session::Ami(Box::new(Conversation::new(credentials, dialling, 1, boot, at)))
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

#[test]
fn a_thousand_cuts_leave_no_ghost_and_invent_no_abandon() {
    let simulation = Simulation::drill(5.0, 5);
    let (mut hotline, mut at) = (Hotline::new(&simulation, start()), start() + TimeDelta::seconds(30));
    let mut chance = StdRng::seed_from_u64(6);
    let clock = Instant::now();
    let mut cable = Cable {
        clock,
        tracker: Tracker::new(
            "sim".into(),
            Dialplan::new(vec!["PJSIP/trunk".into()], Vec::new()),
            Numbering::new("CN", None),
        ),
        changes: Vec::new(),
        session: session(clock, None),
        buffer: BytesMut::new(),
        sees: false,
        is_live: false,
        bytes_left: 0,
    };
    let (mut truths, mut calls, mut most_up, mut whole) = (Vec::new(), Vec::new(), 0, 0);
    for cut in 0..=CUTS {
        let bytes = if cut < CUTS { chance.random_range(0..200_000) } else { usize::MAX };
        if cut == CUTS / 2 {
            // The PBX starts anew, and counts its channels from nought again.
            truths.extend(hotline.take_ended());
            hotline = Hotline::new(&simulation, at);
            at += TimeDelta::seconds(20);
        }
        hotline.wake(at);
        hotline.take_said();
        let boot = cable.session.boot().cloned();
        cable.connect(at, bytes, boot);
        cable.carry(at, b"Asterisk Call Manager/11.0.0\r\n");
        let mut is_in = false;
        while cable.bytes_left > 0 {
            let sent = String::from_utf8(std::mem::take(cable.session.to_send())).expect("actions");
            if sent.is_empty() {
                break;
            }
            for action in sent.replace("\r\n", "\n").split_terminator("\n\n") {
                at += TimeDelta::milliseconds(chance.random_range(0..20));
                hotline.wake(at);
                let said = hotline.take_said();
                // Some of what was ready comes before the answer, the rest behind it.
                let before = chance.random_range(0..=said.len());
                let reply = answer(&mut hotline, at, action);
                let (early, late) = said.split_at(if is_in { before } else { 0 });
                early.iter().for_each(|said| cable.carry(at, &said.packet));
                cable.carry(at, &reply);
                late.iter().filter(|_| is_in).for_each(|said| cable.carry(at, &said.packet));
                is_in |= action.starts_with("Action: Login");
            }
        }
        if cable.bytes_left > 0 {
            assert!(cable.is_live);
            whole += 1;
            cable.agrees(&hotline, at);
        }
        most_up = most_up.max(hotline.calls_up());
        if cut == CUTS {
            hotline.close();
        }
        while cable.bytes_left > 0 && (cut < CUTS || hotline.calls_up() > 0) {
            at = hotline.next_wake();
            hotline.wake(at);
            for said in hotline.take_said() {
                cable.carry(at, &said.packet);
            }
        }
        truths.extend(hotline.take_ended());
        if cut < CUTS {
            cable.session.closed(&mut cable.buffer, &mut Vec::new());
            cable.tracker.lost_sight(at, &mut cable.changes);
            let most_ms = if cut % LONG == LONG - 1 { 600_000 } else { 2_000 };
            at += TimeDelta::milliseconds(chance.random_range(100..most_ms));
        }
        calls.extend(cable.changes.drain(..).filter_map(|change| match change {
            Change::Ended(call) => Some(*call),
            Change::Call(_)
            | Change::Merged { .. }
            | Change::Queues
            | Change::Agent(_)
            | Change::Listening { .. }
            | Change::Listened { .. }
            | Change::Drift(_) => None,
        }));
    }
    assert_eq!(cable.tracker.calls().count(), 0, "a call that never ends");
    let leg = |id: &str| id.rsplit_once("sim-").map(|(_, leg)| leg.to_owned()).expect("an id");
    let truths: BTreeMap<String, TrueCall> =
        truths.into_iter().map(|truth| (truth.leg.as_str().trim_start_matches("sim-").to_owned(), truth)).collect();
    let (mut told_once, mut certain) = (BTreeSet::new(), 0);
    for call in &calls {
        assert!(told_once.insert(leg(call.id.as_str())), "told twice: {call:#?}");
        // Of the calls that the restart cut off nobody knows how they would have gone.
        let Some(truth) = truths.get(&leg(call.id.as_str())) else {
            assert!(!call.certain, "never was: {call:#?}");
            continue;
        };
        if call.certain {
            certain += 1;
            assert_eq!(told(truth.direction, truth), told(truth.direction, &as_truth(call)));
        }
        let invented = call.outcome == Some(Outcome::Abandoned) && truth.outcome != Outcome::Abandoned;
        assert!(!invented, "{call:#?}\nbut {truth:#?}");
    }
    assert!(most_up > 20 && whole > CUTS / 3 && certain > 10, "{most_up} up, {whole} whole, {certain} certain");
}
