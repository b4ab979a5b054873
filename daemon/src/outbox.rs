//! Brings what rungs say to the people whom they tell: outbox rows, in order, at least once under
//! their ids.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::OutboxId;
use crate::engine::{Inbox, Input};
use crate::live::{Notice, Told, Topic};
use crate::store::read::Reader;

/// How a row leaves the house.
#[derive(Clone, Debug)]
enum Channel {
    /// The person's own pages. Who has none open reads it later from the store.
    Desk(mpsc::Sender<(Topic, Notice)>),
}

/// After a question that the store did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Delivers until `stop`. `news` is the engine's word that there are new rows; what an earlier run
/// has left undelivered goes first.
pub async fn deliver(
    reader: Reader,
    inbox: Inbox,
    told: mpsc::Sender<(Topic, Notice)>,
    news: Arc<Notify>,
    stop: CancellationToken,
) {
    let channel = Channel::Desk(told);
    // The engine marks rows as delivered in its own time; until then they are not sent again.
    let mut sent = OutboxId(0);
    loop {
        let rest = match reader.undelivered(sent).await {
            Ok(rows) if rows.is_empty() => news.notified().await_or(&stop).await,
            Ok(rows) => {
                sent = rows.last().map_or(sent, |row| row.id);
                let ids = rows.iter().map(|row| row.id).collect();
                for row in rows {
                    channel.send(row).await;
                }
                inbox.send(Input::Delivered(ids)).await.is_err()
            }
            Err(error) => {
                tracing::warn!(%error, "the outbox could not be read");
                tokio::time::sleep(RETRY).await_or(&stop).await
            }
        };
        if rest || stop.is_cancelled() {
            return;
        }
    }
}

impl Channel {
    async fn send(&self, row: Told) {
        match self {
            Channel::Desk(told) => {
                // With nobody to take notices the daemon stops, and pages will read the row.
                let _ = told.send((Topic::Person(row.person), Notice::Told(Arc::new(row)))).await;
            }
        }
    }
}

trait OrStop: Future<Output = ()> + Sized {
    /// Waits, or stops waiting; says whether to stop.
    async fn await_or(self, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = self => false,
            () = stop.cancelled() => true,
        }
    }
}
impl<F: Future<Output = ()>> OrStop for F {}
