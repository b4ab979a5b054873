//! A ticket is one matter of one customer, with a number of its own.

use crate::names::words;
use crate::number::Number;
use crate::{CustomerId, DepartmentName, PersonId, TicketId, Time};

#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    pub id: TicketId,
    /// `YYYYMMDD-NNNN` in the site's time zone, counted from 1 each day.
    pub number: String,
    pub kind: Kind,
    /// One of the policy's categories, or empty.
    pub category: String,
    pub priority: Priority,
    pub complexity: Complexity,
    /// How it came.
    pub channel: Channel,
    pub summary: String,
    /// What happened, and what the customer wants, in the customer's words.
    pub course: String,
    pub demand: String,
    pub object: Object,
    pub state: TicketState,
    /// Who first talked with the customer about it; none until somebody did.
    pub owner: Option<PersonId>,
    /// Who works on it for the owner, where somebody else does.
    pub handler: Option<PersonId>,
    /// Whose it is to find out and to decide; none: nobody's but the owner's.
    pub department: Option<DepartmentName>,
    pub customer: Option<CustomerId>,
    /// Who called, where no customer is known yet.
    pub caller: Option<Number>,
    pub opened_at: Time,
    pub closed_at: Option<Time>,
    /// The ticket that it became part of, where it goes on.
    pub merged_into: Option<TicketId>,
    /// Counts up with each saved change, so that two editors notice each other.
    pub version: i64,
}

/// What a complaint is about; what is empty is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    pub product: String,
    pub order: String,
    pub batch: String,
    pub person: String,
    pub department: String,
}

words! { Kind { Consultation = "consultation", Complaint = "complaint", Suggestion = "suggestion", AfterSales = "after_sales", Other = "other" } }
words! { Complexity { Simple = "simple", Complex = "complex" } }
words! { Channel { Phone = "phone", Visit = "visit", Email = "email", Letter = "letter", Web = "web", Chat = "chat", Social = "social" } }
words! { Satisfaction { Satisfied = "satisfied", Fairly = "fairly", Dissatisfied = "dissatisfied" } }
words! { Priority { Normal = "normal", Urgent = "urgent" } }
words! { TicketState {
    New = "new",
    InProgress = "in_progress",
    /// The customer is to do something first.
    WaitingCustomer = "waiting_customer",
    /// Somebody is to decide on a remedy first.
    WaitingApproval = "waiting_approval",
    /// The customer knows what came of it.
    Resolved = "resolved",
    /// So does the file.
    Filed = "filed",
    Closed = "closed",
    /// It was over, and is not.
    Reopened = "reopened",
} }

impl Kind {
    /// Whether writing its form makes that of it. What is kept as a complaint stays one: it is over once its
    /// customer was asked whether it is well, and not sooner under another name.
    pub fn may_become(self, then: Kind) -> bool {
        self != Kind::Complaint || then == Kind::Complaint
    }
}

impl TicketState {
    /// Whether a repeat caller joins a ticket in this state.
    pub fn is_open(self) -> bool {
        match self {
            TicketState::New
            | TicketState::InProgress
            | TicketState::WaitingCustomer
            | TicketState::WaitingApproval
            | TicketState::Reopened => true,
            TicketState::Resolved | TicketState::Filed | TicketState::Closed => false,
        }
    }

    /// Whether what was found out and what was done stays as it is, until the matter is opened again.
    pub fn is_on_file(self) -> bool {
        match self {
            TicketState::Filed | TicketState::Closed => true,
            TicketState::New
            | TicketState::InProgress
            | TicketState::WaitingCustomer
            | TicketState::WaitingApproval
            | TicketState::Resolved
            | TicketState::Reopened => false,
        }
    }
}
