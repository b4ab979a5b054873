//! One conversation with one PBX, whatever its kind: bytes in; events, answers and bytes out. It
//! owns no socket and no clock: whoever does tells it what came and what time it is.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::event::{BootId, CallEvent};
use crate::request::Request;
use crate::{ami, esl};

/// A conversation, from connecting until [`Heard::Over`]; then it is done with.
#[derive(Debug)]
pub enum Session {
    Ami(Box<ami::conversation::Conversation>),
    Esl(Box<esl::conversation::Conversation>),
}

/// What came of a step, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// What the PBX says of itself: `Asterisk 22.10.0`.
    Product(String),
    /// Signed in, and asking.
    Asking(Asking),
    /// Why that is asked anew, for admins; before it.
    Resync(&'static str),
    /// The bytes of this event came so long before the step that told it: not zero for those
    /// that had to wait for a snapshot's end.
    Event {
        event: CallEvent,
        held: Duration,
    },
    /// The snapshot is through, whatever was held for it is told.
    Live,
    Answered {
        request: Request,
        answer: Answer,
    },
    /// The PBX is alive: its own clock, since the Unix epoch, half a `round_trip` ago.
    Pong {
        round_trip: Duration,
        clock: Option<Duration>,
    },
    /// Bytes that could not be understood were passed over; a snapshot will follow.
    Damaged {
        why: &'static str,
        bytes: usize,
    },
    /// A message that the dialplan sends to us says what nobody understands, and why.
    Misread(String),
    /// What an admin should know, with what helps.
    Note(String),
    /// The conversation is over: close the connection.
    Over(Over),
}

/// What is asked, at first and every now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// All that is up, to be told as the truth.
    Snapshot,
    /// The same, to be compared.
    Look,
    /// How agents stand, where no event tells it.
    Duties,
}

/// What a PBX answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// Refused, in the PBX's words or, before anything was sent, in ours.
    No(String),
    /// Not signed in yet, or no longer: nothing was sent.
    Down,
    /// No answer in time or before the end: it may be done or not.
    Unknown,
}

/// Why a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    Login(LoginFailure),
    /// The PBX said that it is going down, then closed.
    ShutDown,
    Closed,
    /// Nothing came any more, not even the answer to a ping.
    Dead,
    /// Pings were answered, but no event came any more, not even the PBX's heartbeat.
    NoHeartbeat,
    /// Damage while replies were on their way, which are told apart by their order alone.
    LostTrack,
    /// The snapshot did not come to its end.
    SnapshotStuck(&'static str),
    /// More happened during a snapshot than can be held.
    FellBehind,
}

/// Why we were not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    Ami(ami::login::LoginFailure),
    Esl(esl::login::LoginFailure),
}

impl LoginFailure {
    /// What went wrong and what helps, for admins. `username` is empty where we have none; `from`
    /// is our address as the PBX sees it.
    pub fn advice(&self, username: &str, from: Option<IpAddr>) -> String {
        match self {
            LoginFailure::Ami(failure) => failure.advice(username, from),
            LoginFailure::Esl(failure) => failure.advice(username, from),
        }
    }

    pub fn back_off(&self) -> BackOff {
        match self {
            LoginFailure::Ami(failure) => failure.back_off(),
            LoginFailure::Esl(failure) => failure.back_off(),
        }
    }
}

/// How long to wait before an attempt is made again: anything from `least` up to a limit that is
/// `first` and doubles with each attempt up to `most`, by chance, so that not all come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    pub least: Duration,
    pub first: Duration,
    pub most: Duration,
}

impl BackOff {
    pub const fn secs(least: u64, first: u64, most: u64) -> Self {
        BackOff {
            least: Duration::from_secs(least),
            first: Duration::from_secs(first),
            most: Duration::from_secs(most),
        }
    }

    /// The limit before attempt number `attempt`, from 0.
    pub fn limit(&self, attempt: u32) -> Duration {
        self.first.saturating_mul(1 << attempt.min(20)).min(self.most)
    }
}

/// For admins. Failures to sign in have advice of their own.
impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Over::Login(_) => f.write_str("The PBX did not let us in."),
            Over::ShutDown => f.write_str("The PBX went down in good order."),
            Over::Closed => f.write_str("The PBX closed the connection."),
            Over::Dead => f.write_str("The PBX did not answer a ping for 10 s: it hangs, or the network is cut."),
            Over::NoHeartbeat => {
                f.write_str("No event of the PBX came any more, not even its heartbeat, three times over.")
            }
            Over::LostTrack => f.write_str("What the PBX sent was damaged while it answered us: we begin anew."),
            Over::SnapshotStuck(action) => write!(f, "The PBX did not finish its answer to {action} within 30 s."),
            Over::FellBehind => f.write_str("Too much happened while the PBX told what is up."),
        }
    }
}

impl Session {
    /// The connection's bytes so far: all that can be read is taken from `buffer`.
    pub fn receive(&mut self, at: Instant, buffer: &mut BytesMut, heard: &mut Vec<Heard>) {
        match self {
            Session::Ami(conversation) => conversation.receive(at, buffer, heard),
            Session::Esl(conversation) => conversation.receive(at, buffer, heard),
        }
    }

    /// The connection ended; `buffer` holds what [`Session::receive`] has left.
    pub fn closed(&mut self, buffer: &mut BytesMut, heard: &mut Vec<Heard>) {
        match self {
            Session::Ami(conversation) => conversation.closed(buffer, heard),
            Session::Esl(conversation) => conversation.closed(buffer, heard),
        }
    }

    pub fn ask(&mut self, at: Instant, request: Request, heard: &mut Vec<Heard>) {
        match self {
            Session::Ami(conversation) => conversation.ask(at, request, heard),
            Session::Esl(conversation) => conversation.ask(at, request, heard),
        }
    }

    /// Whoever we tell has lost what we told: all that is up will be told anew, after the snapshot
    /// that is under way if there is one.
    pub fn want_snapshot(&mut self, at: Instant) {
        match self {
            Session::Ami(conversation) => conversation.want_snapshot(at),
            Session::Esl(conversation) => conversation.want_snapshot(at),
        }
    }

    /// The run of the PBX that was seen last; for the next session with it.
    pub fn boot(&self) -> Option<&BootId> {
        match self {
            Session::Ami(conversation) => conversation.boot(),
            Session::Esl(conversation) => conversation.boot(),
        }
    }

    /// When [`Session::wake`] wants to be called, unless something comes before.
    pub fn next_wake(&self) -> Instant {
        match self {
            Session::Ami(conversation) => conversation.next_wake(),
            Session::Esl(conversation) => conversation.next_wake(),
        }
    }

    pub fn wake(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        match self {
            Session::Ami(conversation) => conversation.wake(at, heard),
            Session::Esl(conversation) => conversation.wake(at, heard),
        }
    }

    /// What is to be sent; take it from here after each step.
    pub fn to_send(&mut self) -> &mut Vec<u8> {
        match self {
            Session::Ami(conversation) => conversation.to_send(),
            Session::Esl(conversation) => conversation.to_send(),
        }
    }
}
