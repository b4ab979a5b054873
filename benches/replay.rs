//! A simulated hotline's calls through the tracker alone, and through tracker, board, desk and
//! store, durable, as fast as they are taken.

mod disk;
mod hotline;
mod told;

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::Utc;
use daemon::board::{Board, Seat, Wires};
use daemon::calls::dialplan::Dialplan;
use daemon::calls::look::Silence;
use daemon::calls::tracker::{Change, Tracker};
use daemon::capture::Tap;
use daemon::config::{Config, Pbx};
use daemon::engine::{self, Outlets};
use daemon::link::{EVENTS, FromLink, Link};
use daemon::live::{LinkNow, LinkState, Live};
use daemon::number::Numbering;
use daemon::store::Store;
use daemon::wall::Wall;
use daemon::{PbxName, Time};
use disk::fdatasync;
use hotline::Played;
use protocol::CallEvent;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use told::tell;

/// Calls of one run: seconds of work for the slower of the two ways.
const CALLS: usize = 20_000;

fn main() {
    let played = hotline::play(CALLS);
    println!("{} calls, {} events", played.calls, played.events.len());
    tracker(&played);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(durable(played));
}

/// The median of several runs: one core, nothing else.
fn tracker(played: &Played) {
    let mut rates: Vec<f64> = (0..5)
        .map(|_| {
            let events: Vec<(Time, CallEvent)> = played.events.clone();
            let mut tracker = Tracker::new("bench".into(), Dialplan::default(), Numbering::new("CN", None));
            let mut changes = Vec::new();
            let mut ended = 0;
            let begun = Instant::now();
            for (at, event) in events {
                tracker.observe(at, event, &mut changes);
                ended += changes.drain(..).filter(|change| matches!(change, Change::Ended(_))).count();
            }
            let took = begun.elapsed();
            std::hint::black_box(&tracker);
            ended as f64 / took.as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    tell("through the tracker alone", rate, "calls/s", "≥ 50,000", rate >= 50_000.0);
}

/// From the first event to the last commit, over the real board, engine and SQLite with
/// `synchronous = FULL`.
async fn durable(played: Played) {
    let dir = tempfile::tempdir().expect("a directory");
    let config = Config::without_file();
    let store = Store::open(dir.path(), daemon::policy(&config)).expect("a store");
    let (told, hear_told) = mpsc::channel(1024);
    let (errands, hear_errands) = mpsc::channel(1024);
    let stop = CancellationToken::new();
    let outlets = Outlets { told, errands, outbox: Default::default() };
    let policy = store.in_force();
    let (inbox, thread) = engine::start(store, outlets, Utc::now, stop.clone()).expect("an engine");
    let (events, links) = mpsc::channel(EVENTS);
    let (_live, asked) = Live::new();
    let board = Board::new(BTreeMap::from([("bench".into(), seat("bench".into(), &stop))]), Wall::of_the_machine());
    let board =
        tokio::spawn(board.run(Wires { links, asked, told: hear_told, errands: hear_errands, engine: inbox, policy }));

    let (calls, count) = (played.calls, played.events.len());
    let begun = Instant::now();
    for (at, event) in played.events {
        events.send(FromLink::Event { pbx: "bench".into(), at, event }).await.expect("the board");
    }
    drop(events);
    board.await.expect("the board");
    stop.cancel();
    tokio::task::spawn_blocking(move || thread.join()).await.expect("the engine").expect("the engine");
    let took = begun.elapsed();

    let db = rusqlite::Connection::open(dir.path().join("ringback.sqlite")).expect("the store");
    let kept: i64 = db.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).expect("a count");
    assert_eq!(kept, calls as i64, "every call is kept");
    let rate = calls as f64 / took.as_secs_f64();
    println!(
        "{calls} calls ({count} events) kept in {:.1} s; a bare commit here takes {:?}",
        took.as_secs_f64(),
        fdatasync()
    );
    tell("through tracker, desk and store, durable", rate, "calls/s", "≥ 2,000", rate >= 2_000.0);
}

fn seat(pbx: PbxName, stop: &CancellationToken) -> Seat {
    // A link that leads nowhere: nothing listens at port 1.
    let (nowhere, _) = mpsc::channel(1);
    let config = Pbx::simulated(pbx.as_str(), ([127, 0, 0, 1], 1).into());
    let (link, _) = Link::start(config, Tap::default(), nowhere, stop.clone());
    let tracker = Tracker::new(pbx.clone(), Dialplan::default(), Numbering::new("CN", None));
    let now = LinkNow { state: LinkState::Up, ..LinkNow::new(pbx, Utc::now()) };
    let look_every = std::time::Duration::from_secs(300);
    Seat { tracker, link, now, silence: Silence::Filters, look_every }
}
