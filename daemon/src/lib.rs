#![doc = include_str!("../README.md")]

pub mod aside;
pub mod board;
pub mod calls;
pub mod capture;
pub mod check;
pub mod clockwork;
pub mod config;
pub mod demo;
pub mod desk;
pub mod engine;
pub mod evidence;
pub mod files;
pub mod ledger;
pub mod link;
pub mod live;
pub mod names;
pub mod number;
pub mod outbox;
mod place;
pub mod replay;
pub mod send;
pub mod sheet;
pub mod simulator;
pub mod store;
pub mod wall;
pub mod whereabouts;

pub use engine::Commands;
pub use names::*;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use board::{Board, Seat, Wires};
use calls::dialplan::Dialplan;
use calls::look::Silence;
use calls::tracker::Tracker;
use capture::Capturing;
use config::{Config, Wiring};
use desk::draw::Seed;
use desk::policy::Policy;
use engine::Outlets;
use files::Files;
use link::Link;
use link::listen::{Door, Listener};
use link::native::Memory;
use live::{LinkNow, Live};
use number::Numbering;
use store::Store;
use store::read::Reader;
use wall::Wall;

/// Notices and errands that may wait for the board between two of its turns; it never waits
/// for anything but its inputs, so these are short.
const TO_BOARD: usize = 1024;

/// A running daemon, and the three ways in: commands, questions, notices.
pub struct Daemon {
    pub commands: Commands,
    pub reader: Reader,
    pub live: Live,
    /// The bytes of attachments.
    pub files: Files,
    /// Where PBXs connect to us, if any do.
    pub native: Option<SocketAddr>,
    links: Vec<JoinHandle<()>>,
    /// Ends when the links have.
    capture: Option<thread::JoinHandle<()>>,
    board: JoinHandle<()>,
    outbox: JoinHandle<()>,
    /// Answers the command line.
    aside: JoinHandle<()>,
    engine: thread::JoinHandle<()>,
    /// The later stages stop after the earlier ones have handed on what they had.
    stop_engine: CancellationToken,
}

/// The policy that the configuration asks for.
pub fn policy(config: &Config) -> Policy {
    let site = config.pbxs.first().map_or_else(|| Numbering::new("CN", None), numbering);
    let mut policy = Policy::new(config.site.time_zone.clone(), site);
    policy.numbering_at = config.pbxs.iter().map(|pbx| (pbx.name.clone(), numbering(pbx))).collect();
    policy
}

/// Starts everything over an open store. When `stop` is cancelled the links end first; see
/// [`Daemon::ended`].
pub fn start(config: &Config, mut store: Store, stop: CancellationToken) -> anyhow::Result<Daemon> {
    let wall = Wall::of_the_machine();
    store.understood()?;
    store.ensure_seed(Seed(rand::random()), wall.now()).context("cannot keep a seed for draws")?;
    let reader = store.reader()?;
    let files = Files::within(&config.data);
    let swept = store.sweep(&files)?;
    if swept > 0 {
        tracing::info!(swept, "files that no ticket speaks of were taken away");
    }
    let watched = config.pbxs.iter().map(|pbx| pbx.name.clone()).collect();
    store.watch(watched).context("cannot note since when the PBXs were out of sight")?;
    let (told, hear_told) = mpsc::channel(TO_BOARD);
    let (errands, hear_errands) = mpsc::channel(TO_BOARD);
    let news = Arc::new(Notify::new());
    let stop_engine = CancellationToken::new();
    let outlets = Outlets { told: told.clone(), errands, outbox: news.clone() };
    let Capturing { mut taps, thread: capture } = capture::start(config)?;
    let (from_links, hear_links) = mpsc::channel(link::EVENTS);
    let mut seats = BTreeMap::new();
    let mut links = Vec::new();
    let mut doors = Vec::new();
    let mut connecting = Vec::new();
    for pbx in &config.pbxs {
        let tap = taps.remove(&pbx.name).unwrap_or_default();
        let (link, task) = match &pbx.wiring {
            Wiring::Asterisk(_) | Wiring::FreeSwitch(_) => {
                Link::start(pbx.clone(), tap, from_links.clone(), stop.clone())
            }
            Wiring::Native(native) => {
                let (arrivals, arriving) = mpsc::channel(link::native::ARRIVALS);
                doors.push(Door::new(pbx.name.clone(), &native.token, arrivals));
                let (remembered, memory) = oneshot::channel();
                connecting.push((pbx.name.clone(), remembered));
                link::native::start(pbx.name.clone(), tap, memory, arriving, from_links.clone(), stop.clone())
            }
        };
        seats.insert(pbx.name.clone(), seat(pbx, link, wall.now()));
        links.push(task);
    }
    // Without a PBX there is still somebody who may speak to the board: the stop itself.
    links.push(tokio::spawn({
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            drop(from_links);
        }
    }));

    let mut board = Board::new(seats, wall.clone());
    for (pbx, remembered) in connecting {
        let memory = recall(&mut store, &mut board, &pbx)
            .with_context(|| format!("cannot read what the sender of {pbx} told before"))?;
        // The link waits for it.
        let _ = remembered.send(memory);
    }
    // Only now, for a sender must find what it told before.
    let listener = match &config.native {
        Some(native) if !doors.is_empty() => Some(Listener::bind(native, doors)?),
        Some(_) | None => None,
    };
    let native = listener.as_ref().map(Listener::address).transpose()?;
    links.extend(listener.map(|listener| tokio::spawn(listener.run(stop.clone()))));
    let policy = store.in_force();
    let (inbox, engine) = engine::start(store, outlets, move || wall.now(), stop_engine.clone())?;

    let (live, asked) = Live::new();
    let wires =
        Wires { links: hear_links, asked, told: hear_told, errands: hear_errands, engine: inbox.clone(), policy };
    let board = tokio::spawn(board.run(wires));
    let outbox = tokio::spawn(outbox::deliver(reader.clone(), inbox.clone(), told, news, stop.clone()));
    let commands = Commands::new(inbox);
    let aside = tokio::spawn(aside::answer(config.data.clone(), commands.clone(), stop.clone()));
    Ok(Daemon { commands, reader, live, files, native, links, capture, board, outbox, aside, engine, stop_engine })
}

impl Daemon {
    /// After `stop`: waits until the links have ended, the board has handed on what it had, and
    /// the engine has kept it.
    pub async fn ended(self) -> anyhow::Result<()> {
        for link in self.links {
            link.await.context("a link failed")?;
        }
        self.board.await.context("the board failed")?;
        self.outbox.await.context("the outbox failed")?;
        self.aside.await.context("what answers the command line failed")?;
        self.stop_engine.cancel();
        let (engine, capture) = (self.engine, self.capture);
        tokio::task::spawn_blocking(move || {
            engine.join().map_err(|_| anyhow::anyhow!("the engine failed; see the log above"))?;
            capture.map_or(Ok(()), thread::JoinHandle::join).map_err(|_| anyhow::anyhow!("the capture failed"))
        })
        .await?
    }
}

/// A PBX's place on the board, before anything is known of it.
fn seat(pbx: &config::Pbx, link: Link, at: Time) -> Seat {
    let dialplan = Dialplan::new(pbx.trunks.clone(), pbx.extensions.clone());
    let tracker = Tracker::new(pbx.name.clone(), dialplan, numbering(pbx)).with_wrap_up(pbx.wrap_up.clone());
    let silence = match &pbx.wiring {
        Wiring::FreeSwitch(_) => Silence::Overflows,
        // A sender of the native socket is never looked at.
        Wiring::Asterisk(_) | Wiring::Native(_) => Silence::Filters,
    };
    Seat { tracker, link, now: LinkNow::new(pbx.name.clone(), at), silence, look_every: pbx.look_every }
}

/// What the sender of a native PBX told of calls that are not over is told to the board again.
fn recall(store: &mut Store, board: &mut Board, pbx: &PbxName) -> anyhow::Result<Memory> {
    let mut memory = Memory { sources: store.sources(pbx)?, ..Memory::default() };
    let kept = store.journal(pbx)?;
    let tells = board.remember(pbx, kept, memory.sources.last(), &mut memory.mapping);
    store.together(|writing| writing.journal_tells(&tells))?;
    Ok(memory)
}

fn numbering(pbx: &config::Pbx) -> Numbering {
    Numbering::new(&pbx.region, pbx.home_area_code.as_deref())
}
