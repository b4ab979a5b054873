//! Whatever may wake one stream, as one thing to wait for.

use std::time::Duration;

use daemon::desk::command::SessionHash;
use daemon::live::{Notice, Subscription};
use tokio::sync::broadcast;
use tokio::time::{Instant, Interval, interval, sleep_until};
use tokio_util::sync::CancellationToken;

/// A browser that hears nothing for three of these says so in red.
const PING: Duration = Duration::from_secs(15);

/// How often what is late is looked at afresh, for whoever watches: a chip turns by itself in the
/// browser, but a row enters the list only by being read.
const AT_RISK: Duration = Duration::from_secs(10);

/// What may wake a stream.
pub enum Wake {
    Notice(Option<Notice>),
    SignedOut(Result<SessionHash, broadcast::error::RecvError>),
    Ping,
    AtRisk,
    Diary,
    Stop,
}

/// Whatever wakes one stream.
pub struct Wakes {
    /// What stood when it began, until it is told.
    pub standing: Option<Vec<Notice>>,
    subscription: Subscription,
    signed_out: broadcast::Receiver<SessionHash>,
    stop: CancellationToken,
    ping: Interval,
    at_risk: Interval,
}

impl Wakes {
    pub fn new(
        mut subscription: Subscription,
        signed_out: broadcast::Receiver<SessionHash>,
        stop: CancellationToken,
    ) -> Wakes {
        let standing = Some(subscription.standing().collect());
        Wakes { standing, subscription, signed_out, stop, ping: interval(PING), at_risk: interval(AT_RISK) }
    }

    pub async fn next(&mut self, diary_at: Option<Instant>, watches: bool) -> Wake {
        tokio::select! {
            () = self.stop.cancelled() => Wake::Stop,
            session = self.signed_out.recv() => Wake::SignedOut(session),
            notice = self.subscription.next() => Wake::Notice(notice),
            () = sleep_until(diary_at.unwrap_or_else(Instant::now)), if diary_at.is_some() => Wake::Diary,
            _ = self.ping.tick() => Wake::Ping,
            _ = self.at_risk.tick(), if watches => Wake::AtRisk,
        }
    }
}
