//! The links to PBXes: one task each, which connects, reads without ever waiting for anybody,
//! and tells the board what it heard.
//!
//! A link that is cut, or that fell behind, says so; what it tells next is a snapshot of all that
//! is up. Nothing is dropped in silence.

#[cfg(test)]
pub(crate) mod cable;
pub(crate) mod certificates;
mod connect;
pub(crate) mod converse;
pub mod listen;
pub mod native;
#[cfg(test)]
pub(crate) mod peer;
mod teller;

use std::net::IpAddr;
use std::time::Duration;

use chrono::Utc;
use protocol::event::{BootId, CallEvent};
use protocol::request::Request;
use protocol::session::{Over, Session};
use protocol::{ami, esl};
use rand::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::capture::Tap;
use crate::config::{Address, Pbx, Wiring};
use crate::ledger::Entry;
use crate::live::{LinkNow, LinkState};
use crate::{PbxName, Time};
use connect::{Connected, Unreachable};
pub(crate) use connect::{Service, Wire, connect};
use converse::{Desk, converse, enter};
use teller::Teller;

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
    /// Something hindered sight.
    Hindered(Entry),
    /// What a PBX that connects to us told, or that it is there or gone.
    Native { pbx: PbxName, said: native::Said },
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
    /// a channel of [`EVENTS`]. What the PBX sends goes to `tap` too.
    pub fn start(config: Pbx, tap: Tap, to: mpsc::Sender<FromLink>, stop: CancellationToken) -> (Link, JoinHandle<()>) {
        let (requests, asked) = mpsc::channel(REQUESTS);
        let link = Link { pbx: config.name.clone(), requests };
        (link, tokio::spawn(run(config, tap, asked, to, stop)))
    }

    /// One whose PBX is the caller: what is asked of it comes out at the other end.
    pub(crate) fn by_hand(pbx: PbxName) -> (Link, mpsc::Receiver<Request>) {
        let (requests, asked) = mpsc::channel(REQUESTS);
        (Link { pbx, requests }, asked)
    }

    /// One that is not there, for tests: whatever is asked of it is refused.
    #[cfg(test)]
    pub(crate) fn down(pbx: PbxName) -> Link {
        Link { pbx, requests: mpsc::channel(1).0 }
    }

    /// Asks the PBX, without waiting; what comes of it is told as [`FromLink::Answered`].
    pub fn ask(&self, request: Request) -> Result<(), Refused> {
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => Refused::Down,
        })
    }
}

/// A link that was up for so long starts its back-off anew when it is cut.
const STABLE: Duration = Duration::from_secs(60);

/// Connects, converses, waits, for ever.
async fn run(
    config: Pbx,
    mut tap: Tap,
    mut asked: mpsc::Receiver<Request>,
    to: mpsc::Sender<FromLink>,
    stop: CancellationToken,
) {
    let mut teller = Teller::new(config.name.clone(), to);
    let began = Utc::now();
    let mut now = LinkNow::new(config.name.clone(), began);
    let mut boot = None;
    let mut attempt = 0;
    let Some((address, service)) = address(&config) else { return };
    loop {
        enter(&mut now, LinkState::Connecting);
        teller.state(&now);
        let connected = tokio::select! {
            connected = connect(address, service) => connected,
            () = stop.cancelled() => return,
        };
        let (lost, since) = match connected {
            Err(unreachable) => (unreachable, began),
            Ok(Connected { wire, from }) => {
                let Some(mut session) = session(&config, boot.take()) else { return };
                let desk = Desk { now: &mut now, tap: &mut tap, teller: &mut teller, asked: &mut asked, stop: &stop };
                let Some(ended) = converse(wire, &mut session, desk).await else {
                    return tap.lost(Utc::now(), "Ringback ended");
                };
                boot = session.boot().cloned();
                if ended.live_since.is_some_and(|since| since.elapsed() >= STABLE) {
                    attempt = 0;
                }
                let since = if ended.live_since.is_some() { ended.heard_at } else { began };
                let lost = lost_by(&config, ended.why, from);
                tap.lost(Utc::now(), &lost.why);
                (lost, since)
            }
        };
        warn!(pbx = %config.name, "{}", lost.why);
        teller.lost(since, lost.why.clone());
        let wait =
            rand::rng().random_range(lost.back_off.least..=lost.back_off.limit(attempt).max(lost.back_off.least));
        attempt += 1;
        let retry_at = Utc::now() + wait;
        (now.last_error, now.latency_us) = (Some(lost.why), None);
        now.unseen_since = teller.unseen_since();
        enter(&mut now, LinkState::Down { attempt, retry_at });
        teller.state(&now);
        if !pause(wait, &mut asked, &mut teller, &stop).await {
            return;
        }
    }
}

/// None: it connects to us.
fn address(config: &Pbx) -> Option<(&Address, Service)> {
    match &config.wiring {
        Wiring::Asterisk(asterisk) => Some((&asterisk.address, Service::Manager)),
        Wiring::FreeSwitch(freeswitch) => Some((&freeswitch.address, Service::EventSocket)),
        Wiring::Native(_) => None,
    }
}

fn session(config: &Pbx, boot: Option<BootId>) -> Option<Session> {
    let epoch = Utc::now().timestamp_millis().unsigned_abs();
    let at = tokio::time::Instant::now().into_std();
    match &config.wiring {
        Wiring::Asterisk(asterisk) => {
            let credentials =
                ami::login::Credentials { username: asterisk.username.clone(), secret: asterisk.secret.clone() };
            let dialling = ami::requests::Dialling {
                channel: asterisk.originate_channel.clone(),
                context: asterisk.originate_context.clone(),
                caller_id: asterisk.originate_caller_id.clone(),
            };
            let conversation = ami::conversation::Conversation::new(credentials, dialling, epoch, boot, at);
            Some(Session::Ami(Box::new(conversation)))
        }
        Wiring::FreeSwitch(freeswitch) => {
            let credentials =
                esl::login::Credentials { username: freeswitch.username.clone(), secret: freeswitch.secret.clone() };
            let dialling = esl::requests::Dialling {
                channel: freeswitch.originate_channel.clone(),
                context: freeswitch.originate_context.clone(),
                caller_id: freeswitch.originate_caller_id.clone(),
            };
            let conversation = esl::conversation::Conversation::new(credentials, dialling, epoch, boot, at);
            Some(Session::Esl(Box::new(conversation)))
        }
        Wiring::Native(_) => None,
    }
}

fn lost_by(config: &Pbx, why: Over, from: Option<IpAddr>) -> Unreachable {
    match why {
        Over::Login(failure) => {
            let why = failure.advice(config.wiring.username(), from);
            Unreachable { why, back_off: failure.back_off() }
        }
        Over::ShutDown
        | Over::Closed
        | Over::Dead
        | Over::NoHeartbeat
        | Over::LostTrack
        | Over::SnapshotStuck(_)
        | Over::FellBehind => Unreachable::for_now(why.to_string()),
    }
}

/// Waits, refusing what is asked meanwhile, and until the board has heard of the outage; false
/// when the link is to end.
async fn pause(
    wait: Duration,
    asked: &mut mpsc::Receiver<Request>,
    teller: &mut Teller,
    stop: &CancellationToken,
) -> bool {
    let until = tokio::time::Instant::now() + wait;
    let to = teller.to();
    while tokio::time::Instant::now() < until || teller.is_behind() {
        tokio::select! {
            () = sleep_until(until), if tokio::time::Instant::now() < until => {}
            Some(request) = asked.recv() => {
                let pbx = teller.pbx().clone();
                teller.tell(FromLink::Answered { pbx, request, answer: Err(Refused::Down) });
            }
            _ = teller.caught_up(), if teller.is_behind() => {}
            () = to.closed() => return false,
            () = stop.cancelled() => return false,
        }
    }
    true
}

#[cfg(test)]
pub(crate) mod tests;
