//! The daemon by hand: the same board, engine, store and outbox, by a clock that its owner moves.
//!
//! [`start`](crate::start) gives each of them a task or a thread of its own, and they wait for the
//! machine's clock. Here they are turned one after the other until nothing is left to be done at that
//! moment, and then the clock goes on to the next moment at which something is due. So a year is lived
//! in seconds, by the code that lives it in a year.
//!
//! There are no links: a PBX is whoever tells here what it says, and what is asked of it is theirs to
//! do.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context;
use protocol::{CallEvent, Request};
use tokio::select;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::config::Config;
use crate::desk::draw::Seed;
use crate::desk::policy::Policy;
use crate::engine::{Commands, Engine, Errand, INBOX, Input, Outlets};
use crate::files::Files;
use crate::link::{FromLink, Link, Refused};
use crate::live::{LinkNow, LinkState, Live, Notice, Subscribe, Topic};
use crate::store::Store;
use crate::store::read::Reader;
use crate::wall::Wall;
use crate::{MessageId, PbxName, TO_BOARD, Time, outbox, seat};

/// A daemon whose owner moves its clock, and the ways in that [`Daemon`](crate::Daemon) has.
pub struct Clockwork {
    pub commands: Commands,
    pub reader: Reader,
    pub live: Live,
    pub files: Files,
    /// What all of it goes by.
    pub wall: Wall,
    /// What the clock shows: nanoseconds since 1970.
    hands: Arc<AtomicI64>,
    engine: Engine,
    board: Board,
    inbox: mpsc::Receiver<Input>,
    asked: mpsc::Receiver<Subscribe>,
    told: mpsc::Receiver<(Topic, Notice)>,
    errands: mpsc::Receiver<Errand>,
    requests: BTreeMap<PbxName, mpsc::Receiver<Request>>,
    policy: watch::Receiver<Arc<Policy>>,
    /// When the engine has something to do next.
    due: Option<Time>,
    outbox: JoinHandle<()>,
    stop: CancellationToken,
}

impl Clockwork {
    /// Over an open store, as [`start`](crate::start); the clock shows `at`. Nothing is seen of a PBX
    /// before [`Clockwork::connects`]. To be called within a runtime, which also runs the outbox.
    pub fn new(config: &Config, mut store: Store, seed: Seed, at: Time) -> anyhow::Result<Clockwork> {
        let hands = Arc::new(AtomicI64::new(nanos(at)));
        let wall = Wall::new({
            let hands = hands.clone();
            move || Time::from_timestamp_nanos(hands.load(Ordering::Relaxed))
        });
        store.understood()?;
        store.ensure_seed(seed, at).context("cannot keep a seed for draws")?;
        store.watch(config.pbxs.iter().map(|pbx| pbx.name.clone()).collect())?;
        let (reader, policy) = (store.reader()?, store.in_force());
        let (to_engine, inbox) = mpsc::channel(INBOX);
        let (tell, told) = mpsc::channel(TO_BOARD);
        let (send, errands) = mpsc::channel(TO_BOARD);
        let (news, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let mut requests = BTreeMap::new();
        let seats = config.pbxs.iter().map(|pbx| {
            let (link, asked) = Link::by_hand(pbx.name.clone());
            requests.insert(pbx.name.clone(), asked);
            (pbx.name.clone(), seat(pbx, link, at))
        });
        let board = Board::new(seats.collect(), wall.clone());
        let outbox = outbox::deliver(reader.clone(), to_engine.clone(), tell.clone(), news.clone(), stop.clone());
        let (live, asked) = Live::new();
        let mut clockwork = Clockwork {
            commands: Commands::new(to_engine),
            reader,
            live,
            files: Files::within(&config.data),
            wall,
            hands,
            engine: Engine::new(store, Outlets { told: tell, errands: send, outbox: news }),
            board,
            inbox,
            asked,
            told,
            errands,
            requests,
            policy,
            due: None,
            outbox: tokio::spawn(outbox),
            stop,
        };
        clockwork.policy.mark_changed();
        Ok(clockwork)
    }

    pub fn now(&self) -> Time {
        self.wall.now()
    }

    /// The PBX is seen from now on, and says that nothing is up.
    pub async fn connects(&mut self, pbx: &PbxName, boot: &str) {
        let link = LinkNow { state: LinkState::Up, ..LinkNow::new(pbx.clone(), self.now()) };
        self.board.hear(FromLink::State(link));
        self.says(pbx, [CallEvent::SnapshotBegan { boot: boot.into() }, CallEvent::SnapshotEnded]).await;
    }

    /// The PBX says so, now.
    pub async fn says(&mut self, pbx: &PbxName, events: impl IntoIterator<Item = CallEvent>) {
        for event in events {
            self.board.hear(FromLink::Event { pbx: pbx.clone(), at: self.now(), event });
        }
        self.rests().await;
    }

    /// What the PBX was asked to do and has not answered; it does it.
    pub async fn takes_request(&mut self, pbx: &PbxName) -> Option<Request> {
        let request = self.requests.get_mut(pbx)?.try_recv().ok()?;
        self.answers(pbx, request.clone(), Ok(())).await;
        Some(request)
    }

    async fn answers(&mut self, pbx: &PbxName, request: Request, answer: Result<(), Refused>) {
        self.board.hear(FromLink::Answered { pbx: pbx.clone(), request, answer });
        self.rests().await;
    }

    /// Works while somebody asks for something, until they have their answer; no time passes.
    pub async fn during<T>(&mut self, asks: impl Future<Output = T>) -> T {
        let mut asks = pin!(asks);
        loop {
            self.rests().await;
            select! {
                biased;
                answer = &mut asks => {
                    self.rests().await;
                    return answer;
                }
                Some(input) = self.inbox.recv() => self.turns([input]).await,
                Some(subscribe) = self.asked.recv() => self.board.admit(subscribe),
            }
        }
    }

    /// Lets time pass: whatever is due meanwhile is done when it is due.
    pub async fn until(&mut self, to: Time) {
        self.rests().await;
        while let Some(at) = self.due.into_iter().chain(self.board.wakes_at()).min().filter(|at| *at <= to) {
            self.shows(at.max(self.now()));
            self.rests().await;
        }
        self.shows(to.max(self.now()));
        self.rests().await;
    }

    /// Stops as a daemon does that was told to: what came is kept, and no more is taken.
    pub async fn ends(mut self) -> anyhow::Result<()> {
        self.rests().await;
        self.stop.cancel();
        self.outbox.await.context("the outbox failed")
    }

    /// Until nothing is left to be done at this moment, and whoever is to be told has been told.
    async fn rests(&mut self) {
        loop {
            let now = self.now();
            if self.board.wakes_at().is_some_and(|at| at <= now) {
                self.board.wake(now);
            }
            if self.policy.has_changed().unwrap_or_default() {
                let policy = self.policy.borrow_and_update().clone();
                self.board.goes_by(&policy);
            }
            let mut came: Vec<Input> = std::iter::from_fn(|| self.board.hand_on(now)).collect();
            came.extend(std::iter::from_fn(|| self.inbox.try_recv().ok()));
            let mut is_quiet = came.is_empty();
            self.turns(came).await;
            while let Ok(subscribe) = self.asked.try_recv() {
                self.board.admit(subscribe);
            }
            while let Ok(errand) = self.errands.try_recv() {
                self.board.run_errand(errand);
                is_quiet = false;
            }
            let is_told = self.reader.undelivered(MessageId(0)).await.is_ok_and(|messages| messages.is_empty());
            if !is_told {
                select! {
                    Some(input) = self.inbox.recv() => self.turns([input]).await,
                    Some((topic, notice)) = self.told.recv() => self.board.tell(&topic, notice),
                }
            } else if is_quiet && self.inbox.is_empty() {
                return;
            }
        }
    }

    /// The engine takes that, and fires what is due, and the board tells what it tells meanwhile.
    async fn turns(&mut self, came: impl IntoIterator<Item = Input>) {
        let now = self.now();
        let mut settles = pin!(self.engine.settle(came, now));
        loop {
            select! {
                due = &mut settles => {
                    self.due = due;
                    break;
                }
                Some((topic, notice)) = self.told.recv() => self.board.tell(&topic, notice),
            }
        }
        while let Ok((topic, notice)) = self.told.try_recv() {
            self.board.tell(&topic, notice);
        }
    }

    fn shows(&mut self, at: Time) {
        self.hands.store(nanos(at), Ordering::Relaxed);
    }
}

/// What no clock shows is the end of all time.
fn nanos(at: Time) -> i64 {
    at.timestamp_nanos_opt().unwrap_or(i64::MAX)
}
