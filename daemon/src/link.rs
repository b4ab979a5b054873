//! The links to PBXes: one task each, which connects, reads without ever waiting for anybody,
//! and tells the board what it heard.
//!
//! A link that is cut, or that fell behind, says so; what it tells next is a snapshot of all that
//! is up. Nothing is dropped in silence.

use protocol::event::CallEvent;
use protocol::request::Request;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Pbx;
use crate::live::LinkNow;
use crate::{PbxName, Time};

/// What a link tells the board, in order.
#[derive(Clone, Debug)]
pub enum FromLink {
    /// The PBX said this; `at` is when its bytes arrived.
    Event { pbx: PbxName, at: Time, event: CallEvent },
    /// The link's state, when it changes, and its counters, at most once a second.
    State(LinkNow),
    /// The PBX is out of sight since `from`, the outage's key: what was known of its calls is no
    /// more, and the next event will be `SnapshotBegan`. Told again with `to` once the snapshot
    /// is through. `why` is for admins.
    Outage { pbx: PbxName, from: Time, to: Option<Time>, why: String },
    /// What came of a request that was given to [`Link::ask`].
    Answered { pbx: PbxName, request: Request, answer: Result<(), Refused> },
}

/// Why a request was not done; for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The link is down or not yet through with its snapshot. The request was not sent.
    Down,
    /// More requests wait than [`REQUESTS`]. The request was not sent.
    Busy,
    /// The PBX said no, in its own words.
    ByPbx(String),
    /// The PBX has not answered, or the link was lost before it did: it may be done or not, so
    /// it is never sent again.
    Unknown,
}

/// Events that may wait for the board: a few seconds of a busy PBX (some 10,000 events/s), and a
/// few MB. When they are more, the board is behind for good, and a snapshot is the shorter way.
pub const EVENTS: usize = 32_768;

/// Requests that may wait for the link: people click, so more than this is a fault somewhere.
pub const REQUESTS: usize = 64;

/// A running link.
#[derive(Clone, Debug)]
pub struct Link {
    pub pbx: PbxName,
    requests: mpsc::Sender<Request>,
}

impl Link {
    /// Starts the link's task. It ends when `stop` is cancelled, or when nobody listens at `to`,
    /// a channel of [`EVENTS`].
    pub fn start(config: Pbx, to: mpsc::Sender<FromLink>, stop: CancellationToken) -> (Link, JoinHandle<()>) {
        let (requests, asked) = mpsc::channel(REQUESTS);
        let link = Link { pbx: config.name.clone(), requests };
        (link, tokio::spawn(run(config, asked, to, stop)))
    }

    /// Asks the PBX, without waiting; what comes of it is told as [`FromLink::Answered`].
    pub fn ask(&self, request: Request) -> Result<(), Refused> {
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => Refused::Down,
        })
    }
}

async fn run(_config: Pbx, _asked: mpsc::Receiver<Request>, _to: mpsc::Sender<FromLink>, stop: CancellationToken) {
    stop.cancelled().await;
}
