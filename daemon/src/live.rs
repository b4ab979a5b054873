//! Notices to whoever listens, by topic. What the PBX says is told at once; what we keep is told
//! after its commit. A laggard is told how many it missed, and then reads afresh.
//!
//! The [`Hub`] belongs to the board's task, which is the only one that knows what stands right
//! now; [`Live`] is everybody else's handle to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::calls::call::Call;
use crate::calls::now::{AgentNow, QueueNow};
use crate::calls::pop::PopState;
use crate::desk::News;
use crate::desk::asking::Ask;
use crate::desk::clock::Claim;
use crate::desk::command::Refusal;
use crate::{CallId, Extension, MessageId, ObligationId, PbxName, PersonId, TicketId, Time};

/// Notices that one listener may be behind. A browser's stream that is this far behind is better
/// served by reading everything again.
const MAILBOX: usize = 256;

/// Subscriptions that may wait for the board at once: a reconnect storm of browsers waits here.
const SUBSCRIBING: usize = 1024;

/// What a listener wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Pops and phone state of one extension.
    Extension(PbxName, Extension),
    /// What one person owes and owns.
    Person(PersonId),
    /// What nobody owns, and so anybody may keep.
    Unowned,
    /// Queues, agents, everybody's obligations.
    Board,
    /// The state of each link and of the store; people and extensions changed.
    House,
    /// What waits for a supervisor's or a manager's word.
    Approvals,
    /// Every decoded event of every PBX, and the counters of its link.
    Events,
}

#[derive(Clone, Debug)]
pub enum Notice {
    Pop(Arc<Pop>),
    /// The call turned out to be part of another one; its pop there is told under that name.
    PopGone {
        call: CallId,
        agent: Extension,
    },
    Phone(Arc<AgentNow>),
    /// The board as a whole; at most a few times a second.
    Board(Arc<BoardNow>),
    /// This person's obligations or notices changed: read them again.
    Duties(PersonId),
    /// Somebody's or nobody's obligations changed: boards, and lists of what nobody owns, read
    /// again. At most once a commit and topic.
    Obligations,
    /// Somebody asked for a remedy, decided on one or took a request back, or it is another matter's: lists of
    /// what waits read again. At most once a commit.
    Approvals,
    /// This ticket changed: read it again. Told to its owner and the board.
    Ticket(TicketId),
    Link(Arc<LinkNow>),
    /// Whether the store refuses to be written: what people ask for is then refused, and what
    /// calls leave is kept later.
    Store {
        failing: bool,
    },
    /// People, extensions or settings changed: read them again.
    House,
    Event(Arc<SeenEvent>),
    /// What rungs tell this person, delivered at least once under its id.
    Told(Arc<Message>),
    /// Something that this person asked of a PBX was not done.
    NotDone(Arc<NotDone>),
    /// This person calls somebody from their own phone while another works on what is owed to them.
    Beside {
        person: PersonId,
        obligation: ObligationId,
        claim: Claim,
    },
    /// So many notices were dropped for this listener since the last one it got: read all again.
    Missed(u64),
}

/// What an extension's screen shows of a call, now.
#[derive(Clone, Debug)]
pub struct Pop {
    pub call: Arc<Call>,
    pub agent: Extension,
    pub state: PopState,
}

#[derive(Clone, Debug, Default)]
pub struct BoardNow {
    pub at: Option<Time>,
    /// Sorted by PBX and name.
    pub queues: Vec<QueueNow>,
    pub agents: Vec<AgentNow>,
    /// Calls that are up, by PBX.
    pub calls_up: Vec<(PbxName, u32)>,
    /// PBXes of which nothing here says how they stand now.
    pub out_of_sight: Vec<PbxName>,
}

/// A link to a PBX, now.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkNow {
    pub pbx: PbxName,
    /// What the PBX says of itself: `Asterisk 22.10.0`; empty until it did.
    pub product: String,
    pub state: LinkState,
    pub since: Time,
    /// What went wrong last and what helps against it, in English, for admins.
    pub last_error: Option<String>,
    pub events_total: u64,
    /// Packets that were torn or over a size limit, and so not understood.
    pub damaged_total: u64,
    /// Half a ping's round trip away, in microseconds.
    pub latency_us: Option<u64>,
    /// Since when the PBX is out of sight; none while it is seen, and before the first attempt to
    /// see it came to an end.
    pub unseen_since: Option<Time>,
}

impl LinkNow {
    /// One of which nothing is known yet.
    pub fn new(pbx: PbxName, since: Time) -> LinkNow {
        LinkNow {
            pbx,
            product: String::new(),
            state: LinkState::Connecting,
            since,
            last_error: None,
            events_total: 0,
            damaged_total: 0,
            latency_us: None,
            unseen_since: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum LinkState {
    Connecting,
    /// Connected and asking what is up.
    Snapshot,
    Up,
    Down {
        attempt: u32,
        retry_at: Time,
    },
}

/// A decoded event as the administration's live view shows it.
#[derive(Clone, Debug)]
pub struct SeenEvent {
    pub at: Time,
    pub pbx: PbxName,
    /// Stable code: `caller_queued`.
    pub name: &'static str,
    pub call: Option<CallId>,
    pub detail: String,
}

/// What one person is told at once: one rung, or so many that they come together.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub person: PersonId,
    /// When it was put together.
    pub at: Time,
    /// How many things it tells.
    pub count: i64,
    /// The first of them, in the order of firing.
    pub tellings: Vec<Telling>,
}

/// What a person is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    pub about: About,
    pub news: News,
    /// When it fired.
    pub at: Time,
    /// In whose place, where it is not only for themselves.
    pub instead_of: BTreeSet<PersonId>,
}

/// What somebody is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Owed(ObligationId),
    /// The matter itself.
    Matter(TicketId),
}

/// What was asked of a PBX, and why it was not done; for who asked.
#[derive(Clone, Debug, PartialEq)]
pub struct NotDone {
    pub ask: Ask,
    pub why: WhyNot,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WhyNot {
    /// What is now is not what it was when it was asked: the call is over, nobody talks in it any
    /// more, one's own phone is in use.
    Refused(Refusal),
    /// The link is down; nothing was sent.
    LinkDown,
    /// Too much is asked of that PBX at once; nothing was sent.
    Busy,
    /// In the PBX's own words.
    ByPbx(String),
    /// The link was lost before an answer, or none came: it may be done or not.
    Unknown,
    /// The asker's own phone did not come up, or nobody picked it up.
    NotPickedUp,
}

/// Everybody's handle for listening.
#[derive(Clone, Debug)]
pub struct Live {
    asking: mpsc::Sender<Subscribe>,
}

/// A wish to listen, on its way to the board.
#[derive(Debug)]
pub struct Subscribe {
    pub topics: Vec<Topic>,
    pub reply: oneshot::Sender<Subscription>,
}

/// The daemon is stopping; nothing more will be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl Live {
    /// The handle, and what the board listens to.
    pub fn new() -> (Live, mpsc::Receiver<Subscribe>) {
        let (asking, asked) = mpsc::channel(SUBSCRIBING);
        (Live { asking }, asked)
    }

    /// Listens to some topics. What stands now (pops, phones, board, links) comes first, then
    /// every change, with no gap between.
    pub async fn subscribe(&self, topics: Vec<Topic>) -> Result<Subscription, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.asking.send(Subscribe { topics, reply }).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

/// One listener's end.
#[derive(Debug)]
pub struct Subscription {
    standing: VecDeque<Notice>,
    mailbox: mpsc::Receiver<Notice>,
    missed: Arc<AtomicU64>,
}

impl Subscription {
    /// Takes what stood when the subscription began; [`Subscription::next`] then tells only what
    /// changed since.
    pub fn standing(&mut self) -> impl Iterator<Item = Notice> + use<> {
        std::mem::take(&mut self.standing).into_iter()
    }

    /// The next notice; none when the daemon stops.
    pub async fn next(&mut self) -> Option<Notice> {
        if let Some(notice) = self.standing.pop_front() {
            return Some(notice);
        }
        match self.missed.swap(0, Ordering::Relaxed) {
            0 => self.mailbox.recv().await,
            missed => Some(Notice::Missed(missed)),
        }
    }
}

/// Who listens to what. Owned by one task.
#[derive(Debug, Default)]
pub struct Hub {
    last_id: u64,
    listeners: HashMap<u64, Listener>,
    by_topic: BTreeMap<Topic, Vec<u64>>,
}

#[derive(Debug)]
struct Listener {
    topics: Vec<Topic>,
    mailbox: mpsc::Sender<Notice>,
    missed: Arc<AtomicU64>,
}

impl Hub {
    /// Takes a listener on, with what stands for it now.
    pub fn join(&mut self, topics: Vec<Topic>, standing: VecDeque<Notice>) -> Subscription {
        let (mailbox, receiver) = mpsc::channel(MAILBOX);
        let missed = Arc::new(AtomicU64::new(0));
        self.last_id += 1;
        for topic in &topics {
            self.by_topic.entry(topic.clone()).or_default().push(self.last_id);
        }
        self.listeners.insert(self.last_id, Listener { topics, mailbox, missed: missed.clone() });
        Subscription { standing, mailbox: receiver, missed }
    }

    /// Whether anybody would hear: what is costly to say need not be made for nobody.
    pub fn has(&self, topic: &Topic) -> bool {
        self.by_topic.contains_key(topic)
    }

    /// Tells everybody who listens to `topic`; never waits.
    pub fn tell(&mut self, topic: &Topic, notice: Notice) {
        let Some(ids) = self.by_topic.get(topic) else { return };
        let mut gone = Vec::new();
        for id in ids {
            let Some(listener) = self.listeners.get(id) else { continue };
            match listener.mailbox.try_send(notice.clone()) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    listener.missed.fetch_add(1, Ordering::Relaxed);
                }
                Err(mpsc::error::TrySendError::Closed(_)) => gone.push(*id),
            }
        }
        for id in gone {
            self.leave(id);
        }
    }

    /// Forgets listeners that hung up while nothing was said on their topics.
    pub fn sweep(&mut self) {
        let gone: Vec<u64> = self.listeners.iter().filter(|(_, l)| l.mailbox.is_closed()).map(|(id, _)| *id).collect();
        for id in gone {
            self.leave(id);
        }
    }

    pub fn len(&self) -> usize {
        self.listeners.len()
    }

    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    fn leave(&mut self, id: u64) {
        let Some(listener) = self.listeners.remove(&id) else { return };
        for topic in listener.topics {
            if let Some(ids) = self.by_topic.get_mut(&topic) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.by_topic.remove(&topic);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duties(n: i64) -> Notice {
        Notice::Duties(PersonId(n))
    }

    fn heard(notice: Option<Notice>) -> i64 {
        match notice {
            Some(Notice::Duties(PersonId(n))) => n,
            Some(Notice::Missed(n)) => -(n as i64),
            other => panic!("unexpected {other:?}"),
        }
    }

    #[tokio::test]
    async fn what_stands_comes_first_and_only_ones_own_topics() {
        let mut hub = Hub::default();
        let mut ears = hub.join(vec![Topic::Person(PersonId(7))], [duties(1)].into());
        hub.tell(&Topic::Person(PersonId(8)), duties(2));
        hub.tell(&Topic::Person(PersonId(7)), duties(3));
        assert_eq!(heard(ears.next().await), 1);
        assert_eq!(heard(ears.next().await), 3);
    }

    #[tokio::test]
    async fn a_laggard_is_told_how_many_it_missed_and_holds_nobody_up() {
        let mut hub = Hub::default();
        let mut slow = hub.join(vec![Topic::Board], VecDeque::new());
        for n in 0..MAILBOX as i64 + 5 {
            hub.tell(&Topic::Board, duties(n));
        }
        assert_eq!(heard(slow.next().await), -5);
        for n in 0..MAILBOX as i64 {
            assert_eq!(heard(slow.next().await), n);
        }
    }

    #[tokio::test]
    async fn who_hangs_up_is_forgotten() {
        let mut hub = Hub::default();
        drop(hub.join(vec![Topic::Board, Topic::House], VecDeque::new()));
        hub.sweep();
        assert!(hub.is_empty() && !hub.has(&Topic::House));
    }
}
