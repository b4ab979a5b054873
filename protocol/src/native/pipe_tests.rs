//! Both sides over a pipe that cuts, in virtual time, while either side is killed and comes back: what
//! is on disk is what was told, each line once and in order, and nothing is acknowledged before.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::client::{self, Client, Identity};
use super::codec::Lines;
use super::conversation::{self, Conversation, Heard, Known, Over, WINDOW};
use super::mapping::Mapping;
use super::wire::Told;

#[derive(Clone, Debug)]
enum Step {
    Tell(u8),
    /// So many bytes arrive, there or here.
    Up(u16),
    Down(u16),
    /// So many of the lines that were heard are committed.
    Commit(u8),
    Cut,
    Connect,
    KillDaemon,
    KillSender,
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..20).prop_map(Step::Tell),
        6 => (1u16..4000).prop_map(Step::Up),
        6 => (1u16..2000).prop_map(Step::Down),
        5 => (1u8..30).prop_map(Step::Commit),
        2 => Just(Step::Cut),
        4 => Just(Step::Connect),
        1 => Just(Step::KillDaemon),
        1 => Just(Step::KillSender),
        2 => (1u16..40_000).prop_map(Step::Pass),
    ]
}

struct World {
    at: Instant,
    now: DateTime<Utc>,
    sources: u32,
    client: Client,
    source: String,
    /// What each source was given: a name for each number.
    told: BTreeMap<String, Vec<String>>,
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    is_connected: bool,
    sender_buffer: BytesMut,
    daemon_buffer: BytesMut,
    hello: Lines,
    conversation: Option<(String, Conversation)>,
    mapping: Mapping,
    known: BTreeMap<String, Known>,
    /// Heard and not committed.
    heard: VecDeque<(String, u64, String)>,
    disk: BTreeMap<String, Vec<String>>,
    epoch: u64,
}

fn identity(source: &str) -> Identity {
    Identity {
        token: "0123456789abcdef".into(),
        source: source.try_into().unwrap(),
        boot: "1".try_into().unwrap(),
        product: None,
    }
}

impl World {
    fn new() -> World {
        let at = Instant::now();
        World {
            at,
            now: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
            sources: 1,
            client: Client::new(identity("s1"), 20_000, at),
            source: "s1".into(),
            told: BTreeMap::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            is_connected: false,
            sender_buffer: BytesMut::new(),
            daemon_buffer: BytesMut::new(),
            hello: Lines::default(),
            conversation: None,
            mapping: Mapping::default(),
            known: BTreeMap::new(),
            heard: VecDeque::new(),
            disk: BTreeMap::new(),
            epoch: 0,
        }
    }

    fn kept(&self, source: &str) -> u64 {
        self.disk.get(source).map_or(0, |lines| lines.len() as u64)
    }

    fn tell(&mut self, told: Told, name: String) -> bool {
        let Ok(seq) = self.client.tell(self.now, told) else { return false };
        let names = self.told.entry(self.source.clone()).or_default();
        names.push(name);
        assert_eq!(seq, names.len() as u64);
        true
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Tell(lines) => {
                for _ in 0..lines {
                    let name = format!("q{}", self.told.get(&self.source).map_or(0, Vec::len) + 1);
                    if !self.tell(Told::Queue { queue: name.as_str().try_into().unwrap() }, name) {
                        break;
                    }
                }
                self.sends();
            }
            Step::Up(bytes) => {
                let bytes: Vec<u8> = self.up.drain(..self.up.len().min(bytes.into())).collect();
                self.daemon_reads(&bytes);
            }
            Step::Down(bytes) => {
                let bytes: Vec<u8> = self.down.drain(..self.down.len().min(bytes.into())).collect();
                self.sender_reads(&bytes);
            }
            Step::Commit(lines) => self.commit(lines.into()),
            Step::Cut => self.cut(),
            Step::Connect => self.connect(),
            Step::KillDaemon => {
                self.cut();
                self.conversation = None;
                self.known.clear();
                self.heard.clear();
                self.mapping = Mapping::default();
            }
            Step::KillSender => {
                self.cut();
                self.sources += 1;
                self.source = format!("s{}", self.sources);
                self.client = Client::new(identity(&self.source), 20_000, self.at);
            }
            Step::Pass(ms) => {
                self.at += Duration::from_millis(ms.into());
                self.now += TimeDelta::milliseconds(ms.into());
                let mut said = Vec::new();
                if self.client.next_wake().is_some_and(|wake| wake <= self.at) {
                    self.client.wake(self.at, &mut said);
                }
                self.sender_hears(said);
                let mut heard = Vec::new();
                if let Some((_, conversation)) = &mut self.conversation
                    && conversation.next_wake() <= self.at
                {
                    conversation.wake(self.at, &mut heard);
                }
                self.daemon_hears(heard);
                self.daemon_reads(&[]);
            }
        }
    }

    fn connect(&mut self) {
        if self.is_connected {
            return;
        }
        self.is_connected = true;
        self.client.connected(self.at, self.now);
        self.hello = Lines::default();
        self.daemon_buffer.clear();
        self.sends();
    }

    fn cut(&mut self) {
        if !std::mem::replace(&mut self.is_connected, false) {
            return;
        }
        (self.up, self.down) = (VecDeque::new(), VecDeque::new());
        self.sender_buffer.clear();
        self.client.closed();
        self.end();
    }

    fn end(&mut self) {
        let mut heard = Vec::new();
        if let Some((_, conversation)) = &mut self.conversation {
            conversation.end(self.at, Over::Closed, &mut heard);
        }
        if let Some((source, conversation)) = self.conversation.take() {
            self.known.insert(source, conversation.known());
        }
    }

    fn sends(&mut self) {
        if self.is_connected {
            let bytes = std::mem::take(self.client.to_send(self.at));
            self.up.extend(bytes);
        }
        if let Some((_, conversation)) = &mut self.conversation {
            let bytes = std::mem::take(conversation.to_send());
            self.down.extend(bytes);
        }
    }

    fn daemon_reads(&mut self, bytes: &[u8]) {
        self.daemon_buffer.extend_from_slice(bytes);
        if self.conversation.is_none() && self.is_connected {
            let Some(line) = self.hello.next(&mut self.daemon_buffer) else { return };
            let hello = conversation::hello(&line).expect("a hello");
            let source = hello.source.as_str().to_owned();
            self.mapping.runs(hello.boot.as_str().into());
            self.epoch += 1;
            // What was heard and is not committed comes along, as long as we live.
            let mut known = self.known.get(&source).copied().unwrap_or_default();
            known.kept = self.kept(&source);
            let conversation = Conversation::new("hq", 1, known, self.epoch, self.at);
            self.conversation = Some((source, conversation));
        }
        let mut heard = Vec::new();
        if let Some((_, conversation)) = &mut self.conversation {
            conversation.receive(self.at, self.now, &mut self.daemon_buffer, &mut self.mapping, &mut heard);
        }
        self.daemon_hears(heard);
    }

    fn daemon_hears(&mut self, heard: Vec<Heard>) {
        for heard in heard {
            match heard {
                Heard::Line(heeded) => {
                    let (source, _) = self.conversation.as_ref().expect("a conversation");
                    let name = heeded.events.first().map_or_else(String::new, |event| event.detail());
                    self.heard.push_back((source.clone(), heeded.seq, name));
                    assert!(heeded.at <= self.now);
                }
                Heard::Over(Over::Dead) => self.cut(),
                Heard::Over(_) | Heard::Answered { .. } => {}
                Heard::Missed { .. } | Heard::Refused { .. } => panic!("nothing was lost or wrong: {heard:?}"),
            }
        }
        assert!(self.heard.len() as u64 <= WINDOW);
        self.sends();
    }

    fn commit(&mut self, lines: usize) {
        for (source, seq, name) in self.heard.drain(..lines.min(self.heard.len())) {
            let disk = self.disk.entry(source.clone()).or_default();
            disk.push(name);
            assert_eq!(disk.len() as u64, seq, "each line of {source} once and in order");
        }
        if let Some((source, conversation)) = &mut self.conversation {
            let kept = self.disk.get(source).map_or(0, |lines| lines.len() as u64);
            conversation.kept(self.at, kept);
        }
        for (source, known) in &mut self.known {
            known.kept = self.disk.get(source).map_or(0, |lines| lines.len() as u64);
        }
        self.daemon_reads(&[]);
        self.sends();
    }

    fn sender_reads(&mut self, bytes: &[u8]) {
        self.sender_buffer.extend_from_slice(bytes);
        let mut said = Vec::new();
        self.client.receive(self.at, &mut self.sender_buffer, &mut said);
        self.sender_hears(said);
    }

    fn sender_hears(&mut self, said: Vec<client::Heard>) {
        for said in said {
            match said {
                client::Heard::Welcome { last_seq, .. } => {
                    assert!(last_seq <= self.kept(&self.source), "a welcome promises what is not on disk");
                }
                client::Heard::Acked { seq } => {
                    assert!(seq <= self.kept(&self.source), "acknowledged before it was on disk");
                }
                client::Heard::SnapshotWanted { marker, .. } => {
                    let label = |marker: &str| marker.try_into().unwrap();
                    if self.tell(Told::SnapshotBegan { marker: label(&marker) }, "1".into()) {
                        self.tell(Told::SnapshotEnded { marker: label(&marker) }, String::new());
                    }
                }
                client::Heard::Over(_) => return self.cut(),
                client::Heard::Error { closing: true, .. } | client::Heard::Asked { .. } => {}
                client::Heard::Error { reason, .. } => panic!("{reason}"),
            }
        }
        self.sends();
    }

    /// All cables are mended.
    fn heal(&mut self) {
        self.step(Step::Cut);
        self.step(Step::Connect);
        for _ in 0..200 {
            for step in [Step::Up(u16::MAX), Step::Down(u16::MAX), Step::Commit(u8::MAX), Step::Pass(100)] {
                self.step(step);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn each_line_is_kept_once_and_acknowledged_after(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.heal();
        prop_assert_eq!(world.client.unacked(), 0, "all is acknowledged in the end");
        for (source, disk) in &world.disk {
            let told = &world.told[source];
            // A sender that was killed takes along what it had not yet got rid of.
            prop_assert_eq!(&told[..disk.len()], &disk[..]);
            if *source == world.source {
                prop_assert_eq!(told.len(), disk.len());
            }
        }
    }
}

#[test]
fn a_client_that_is_full_says_so_and_takes_nothing() {
    let mut client = Client::new(identity("s1"), 1000, Instant::now());
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let told = || Told::Queue { queue: "support".try_into().unwrap() };
    let fit = std::iter::from_fn(|| client.tell(now, told()).ok()).count();
    assert!((5..20).contains(&fit), "{fit}");
    assert_eq!(client.unacked(), fit);
}
