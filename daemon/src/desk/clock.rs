//! Obligations: what is owed to somebody, by when, and whom we tell on the way there.

use super::deadline::{Ladder, Suspension};
use super::policy::Subject;
use super::ticket::Satisfaction;
use crate::names::words;
use crate::number::Number;
use crate::{CallId, CustomerId, Extension, ObligationId, PersonId, QueueName, TicketId, Time};

words! {
    /// The kinds of clock; a new kind is a new row of the policy.
    ClockKind {
        /// Somebody whom nobody took is to be called.
        MissedCall = "missed_call",
        /// A matter that came without a live answer is to be answered.
        FirstResponse = "first_response",
        /// Who complained is to hear that it was accepted, and by when it will be solved.
        Acceptance = "acceptance",
        /// The customer is to hear the solution.
        Resolution = "resolution",
        /// What was promised for a time of its own.
        Promise = "promise",
        /// Solution and result are to be filed.
        Filing = "filing",
        /// The customer is to be asked whether it is well.
        ReturnVisit = "return_visit",
        /// A closed matter that was drawn is to be looked at again.
        SpotCheck = "spot_check",
        /// Somebody is to accept a matter, or the work on it, that is offered to them.
        HandOver = "hand_over",
    }
}
words! {
    /// The steps of the ladder; each fires once.
    Rung { Reminder = "reminder", Due = "due", Escalated = "escalated" }
}
words! {
    /// What somebody is told of an obligation or a matter: a rung, or what else cannot wait.
    News {
        Reminder = "reminder",
        Due = "due",
        Escalated = "escalated",
        /// It began since the customer was dissatisfied with how the matter was ended.
        Reopened = "reopened",
        /// A caller was dissatisfied, and the matter is not over yet.
        Dissatisfied = "dissatisfied",
        /// A customer whom somebody looks after complains.
        Complaint = "complaint",
        /// A matter, or the work on it, is offered to them.
        Offered = "offered",
        /// What they offered was accepted,
        Accepted = "accepted",
        /// refused,
        Refused = "refused",
        /// taken back by a supervisor,
        Withdrawn = "withdrawn",
        /// or not accepted in time.
        Lapsed = "lapsed",
        /// A complaint that cannot wait: the form may be completed afterwards.
        Urgent = "urgent",
        /// A remedy waits for their decision,
        Requested = "requested",
        /// was approved,
        Approved = "approved",
        /// or was not.
        Disapproved = "disapproved",
        /// Somebody wrote a note into a matter of theirs.
        Commented = "commented",
        /// A customer whom a matter of theirs waited for has called.
        Called = "called",
    }
}
words! {
    ObligationState {
        Open = "open",
        Kept = "kept",
        /// A supervisor let it go, with a reason.
        Waived = "waived",
        /// Called as often, and on as many days, as the policy wants; nobody was reached.
        Unreachable = "unreachable",
        /// A promise for a time of its own stands in its place; or the same, owed in a ticket that was merged with
        /// its own.
        Replaced = "replaced",
        /// What it was owed for is no more: the matter was opened again or withdrawn.
        Dropped = "dropped",
    }
}

/// Something owed, as it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Obligation {
    pub id: ObligationId,
    pub ticket: TicketId,
    pub customer: Option<CustomerId>,
    /// The number to call; none for a matter that came by another channel from nobody known.
    pub number: Option<Number>,
    /// Who is to keep it; none: anybody of the site.
    pub owner: Option<PersonId>,
    pub basis: Basis,
    pub ladder: Ladder,
}

/// What a deadline is reckoned from, beside the policy in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    pub kind: ClockKind,
    pub began_at: Time,
    /// For when it was promised; of promises only.
    pub promised_at: Option<Time>,
    /// The queue that it came through: its hours count. None: the site's.
    pub queue: Option<QueueName>,
    pub subject: Subject,
    /// In any order.
    pub suspensions: Vec<Suspension>,
}

/// What keeps an obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// A talk with the customer that the PBX saw since it began.
    Talk,
    /// Such a talk in a call that began after it: the talk in which something was promised does not
    /// keep the promise.
    LaterTalk,
    /// A talk since it began, and what the customer said to whether it is well; in either order.
    Survey,
    /// Somebody's word that it was done. What was talked since is written beside it.
    Word,
}

/// What the customer said of a matter that was over, while no talk has proven it yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub result: Satisfaction,
    pub words: String,
    /// Where the site asks for one.
    pub score: Option<u8>,
}

/// The rung that comes next; without a time while the window does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    pub rung: Rung,
    pub at: Option<Time>,
}

/// Somebody works on it, until then at most: nobody else may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub by: PersonId,
    pub until: Time,
}

/// The talk, seen by the PBX, that kept an obligation.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    pub call: CallId,
    pub agent: Extension,
    pub from: Time,
    /// Length of the talk when it sufficed, in milliseconds; the talk may have gone on.
    pub talk_ms: i64,
}

impl Basis {
    /// As it would be if what stands still went on at that moment.
    pub fn resumed(mut self, at: Time) -> Basis {
        for suspension in &mut self.suspensions {
            suspension.to.get_or_insert(at.max(suspension.from));
        }
        self
    }
}

impl ClockKind {
    /// A first response may also be kept by a reply on the matter's own channel.
    pub fn keeping(self) -> Keeping {
        match self {
            ClockKind::MissedCall | ClockKind::FirstResponse => Keeping::Talk,
            ClockKind::Promise => Keeping::LaterTalk,
            ClockKind::ReturnVisit | ClockKind::SpotCheck => Keeping::Survey,
            ClockKind::Acceptance | ClockKind::Resolution | ClockKind::Filing | ClockKind::HandOver => Keeping::Word,
        }
    }

    /// Whether it is owed by those who answer the queue, whichever department the matter is for.
    pub fn is_the_queues(self) -> bool {
        match self {
            ClockKind::MissedCall | ClockKind::FirstResponse => true,
            ClockKind::Acceptance
            | ClockKind::Resolution
            | ClockKind::Promise
            | ClockKind::Filing
            | ClockKind::ReturnVisit
            | ClockKind::SpotCheck
            | ClockKind::HandOver => false,
        }
    }
}

impl Rung {
    pub const FIRST: Rung = Rung::Reminder;

    pub fn next(self) -> Option<Rung> {
        match self {
            Rung::Reminder => Some(Rung::Due),
            Rung::Due => Some(Rung::Escalated),
            Rung::Escalated => None,
        }
    }
}

impl From<Rung> for News {
    fn from(rung: Rung) -> News {
        match rung {
            Rung::Reminder => News::Reminder,
            Rung::Due => News::Due,
            Rung::Escalated => News::Escalated,
        }
    }
}

/// Moments are kept in whole milliseconds; a deadline is reckoned from what is kept.
pub fn whole_ms(at: Time) -> Time {
    Time::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}
