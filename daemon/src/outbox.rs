//! Brings what rungs say to the people whom they tell: messages, in order, at least once under
//! their ids. The engine puts them together from the rows of the outbox.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::MessageId;
use crate::engine::{Inbox, Input};
use crate::live::{Message, Notice, Topic};
use crate::store::read::Reader;

/// How a message leaves the house.
#[derive(Clone, Debug)]
enum Channel {
    /// The person's own pages. Who has none open reads it later from the store.
    Desk(mpsc::Sender<(Topic, Notice)>),
}

/// After a question that the store did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Delivers until `stop`. `news` is the engine's word that there are new messages; what an earlier run
/// has left undelivered goes first.
pub async fn deliver(
    reader: Reader,
    inbox: Inbox,
    told: mpsc::Sender<(Topic, Notice)>,
    news: Arc<Notify>,
    stop: CancellationToken,
) {
    let channel = Channel::Desk(told);
    // The engine marks messages as delivered in its own time; until then they are not sent again.
    let mut sent = MessageId(0);
    loop {
        let rest = match reader.undelivered(sent).await {
            Ok(messages) if messages.is_empty() => news.notified().await_or(&stop).await,
            Ok(messages) => {
                sent = messages.last().map_or(sent, |message| message.id);
                let ids = messages.iter().map(|message| message.id).collect();
                for message in messages {
                    channel.send(message).await;
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
    async fn send(&self, message: Message) {
        match self {
            Channel::Desk(told) => {
                // With nobody to take notices the daemon stops, and pages will read it.
                let _ = told.send((Topic::Person(message.person), Notice::Told(Arc::new(message)))).await;
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
