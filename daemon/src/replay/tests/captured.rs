//! A link in virtual time, and what it would capture: read again, the capture gives the very calls
//! that the link gave, whatever the PBX dropped and whatever was asked meanwhile.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use protocol::Request;
use protocol::session::{Asking, Heard, Session};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::*;
use super::reconnects::{Peer, Tape, actions};
use super::{asterisk, freeswitch};
use crate::calls::dialplan::Dialplan;
use crate::number::Numbering;

/// A link, what it captures, and the calls that it gives.
struct Link {
    session: Session,
    origin: (Time, Instant),
    heard: Vec<Heard>,
    heard_at: Time,
    tracker: Tracker,
    calls: Vec<Call>,
    steps: Vec<Step>,
    /// How often what was asked for.
    snapshots: usize,
    looks: usize,
    drifts: usize,
}

impl Link {
    fn connect<P: Peer>(at: Time, pbx: &P) -> Link {
        let origin = (at, Instant::now());
        let mut link = Link {
            session: P::SESSION(origin.1, None),
            origin,
            heard: Vec::new(),
            heard_at: at,
            tracker: Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None)),
            calls: Vec::new(),
            steps: vec![Step::Connected],
            snapshots: 0,
            looks: 0,
            drifts: 0,
        };
        link.receive(at, Bytes::from_static(P::GREETING), pbx);
        link
    }

    fn instant(&self, at: Time) -> Instant {
        self.origin.1 + (at - self.origin.0).to_std().expect("later")
    }

    fn receive(&mut self, at: Time, bytes: Bytes, pbx: &impl Peer) {
        self.heard_at = at;
        self.steps.push(Step::Bytes { at: Arrival::At(at), bytes: bytes.clone() });
        self.session.receive(self.instant(at), &mut BytesMut::from(&bytes[..]), &mut self.heard);
        self.go_on(at, pbx);
    }

    fn ask(&mut self, at: Time, request: Request, pbx: &impl Peer) {
        self.session.ask(self.instant(at), request, &mut self.heard);
        self.go_on(at, pbx);
    }

    /// Whatever is due until then.
    fn pass(&mut self, at: Time, pbx: &impl Peer) {
        while self.session.next_wake() <= self.instant(at) {
            let due = self.session.next_wake();
            self.session.wake(due, &mut self.heard);
            let since = chrono::TimeDelta::from_std(due - self.origin.1).expect("later");
            self.go_on(self.origin.0 + since, pbx);
        }
    }

    fn go_on(&mut self, at: Time, pbx: &impl Peer) {
        let mut changes = Vec::new();
        for heard in std::mem::take(&mut self.heard) {
            match heard {
                Heard::Event { event, held } => {
                    let held = chrono::TimeDelta::from_std(held).expect("short");
                    self.tracker.observe(self.heard_at - held, event, &mut changes);
                }
                Heard::Asking(asking) => {
                    self.snapshots += usize::from(asking == Asking::Snapshot);
                    self.looks += usize::from(asking == Asking::Look);
                    self.steps.push(Step::Asked { at, asking });
                }
                Heard::Over(over) => panic!("{over}"),
                Heard::Product(_)
                | Heard::Resync(_)
                | Heard::Live
                | Heard::Answered { .. }
                | Heard::Pong { .. }
                | Heard::Damaged { .. }
                | Heard::Misread(_)
                | Heard::Note(_) => {}
            }
        }
        let mut is_amiss = false;
        for change in changes {
            if let Change::Drift(difference) = &change {
                self.drifts += 1;
                is_amiss |= difference.is_mended_by_asking();
            }
            self.calls.extend(ended(change));
        }
        if is_amiss {
            self.session.ask(self.instant(at), Request::Snapshot, &mut self.heard);
        }
        let sent = String::from_utf8(std::mem::take(self.session.to_send())).expect("text");
        self.answered(at, &sent, pbx);
    }

    fn answered<P: Peer>(&mut self, at: Time, sent: &str, pbx: &P) {
        for action in actions::<P>(sent) {
            for piece in pbx.answer(&action, at, &mut StdRng::seed_from_u64(0)) {
                self.receive(at, piece.into(), pbx);
            }
        }
    }

    /// What it gave, and what its capture gives.
    fn end(mut self, kind: Kind) -> (Vec<Call>, Vec<Call>) {
        self.calls.extend(self.tracker.calls().cloned());
        self.calls.sort_by_key(|call| call.started_at);
        let recording = Recording {
            pbx: "lab".into(),
            kind,
            asked: Asked::Link,
            dialplan: Dialplan::default(),
            numbering: Numbering::new("CN", None),
            steps: Box::new(self.steps.into_iter().map(Ok)),
        };
        (self.calls, calls_of(recording).expect("calls"))
    }
}

/// How many differences were found, how often all that is up was asked for anew, and how often the
/// link looked.
fn captures_give_the_calls_of_their_links<P: Peer>(tapes: Vec<Tape<P>>, kind: Kind) -> (usize, usize, usize) {
    let mut random = StdRng::seed_from_u64(3);
    let (mut drifted, mut asked_anew, mut looked) = (0, 0, 0);
    for Tape { name, packets, peers } in &tapes {
        for _ in 0..2 {
            let from = if random.random_bool(0.7) { 0 } else { random.random_range(0..packets.len()) };
            let lost: BTreeSet<usize> = (0..packets.len()).filter(|_| random.random_bool(0.35)).collect();
            let mut link = Link::connect(packets[from].at, &peers[from]);
            for (index, packet) in packets.iter().enumerate().skip(from) {
                link.pass(packet.at, &peers[index]);
                let pbx = &peers[index + 1];
                if !lost.contains(&index) {
                    link.receive(packet.at, packet.bytes.clone().into(), pbx);
                }
                match random.random_range(0..60) {
                    0..4 => link.ask(packet.at, Request::Look, pbx),
                    4 => link.ask(packet.at, Request::Snapshot, pbx),
                    _ => {}
                }
            }
            // As the board looks, and looks again in doubt.
            let (mut at, pbx) = (packets[packets.len() - 1].at, &peers[packets.len()]);
            for _ in 0..4 {
                at += Duration::from_secs(6);
                link.pass(at, pbx);
                link.ask(at, Request::Look, pbx);
                link.pass(at + Duration::from_secs(2), pbx);
            }
            drifted += usize::from(link.drifts > 0);
            asked_anew += link.snapshots - 1;
            looked += link.looks;
            let (given, captured) = link.end(kind);
            assert_eq!(captured, given, "{name} from {from} without {lost:?}");
        }
    }
    (drifted, asked_anew, looked)
}

#[test]
fn a_capture_of_a_freeswitch_gives_the_calls_of_its_link_whatever_was_dropped_and_asked() {
    let (drifted, asked_anew, looked) = captures_give_the_calls_of_their_links(freeswitch::tapes(), Kind::FreeSwitch);
    assert!(drifted > 10 && asked_anew > 50 && looked > 300, "{drifted} {asked_anew} {looked}");
}

#[test]
fn a_capture_of_an_asterisk_gives_the_calls_of_its_link_whatever_was_dropped_and_asked() {
    let (drifted, asked_anew, looked) = captures_give_the_calls_of_their_links(asterisk::tapes(), Kind::Asterisk);
    assert!(drifted > 10 && asked_anew > 50 && looked > 300, "{drifted} {asked_anew} {looked}");
}
