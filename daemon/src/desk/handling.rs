//! What was found out about a matter, and what is done about it: the half of the register form that
//! is written after the call. Whoever works on the matter keeps a log of the investigation, finds whether
//! the customer is right and why it came to it, and proposes remedies; what is dearer than the policy lets
//! is decided by a supervisor or a manager before anybody may tell the customer of it.

use std::collections::BTreeSet;

use super::case::Case;
use super::clock::News;
use super::command::{FieldWhy, Refusal};
use super::fact::Fact;
use super::people::text;
use super::policy::Recipient;
use super::reclass::reclass;
use super::rights::{self, Act};
use super::states::{Missing, check, moves};
use super::ticket::{Channel, Kind, Ticket, TicketState};
use super::tickets::{LINE_CHARS, TEXT_CHARS};
use super::told::{Addressee, stands_in, told};
use crate::names::words;
use crate::{AttachmentId, CallId, DepartmentName, Extension, PersonId, RemedyId, Role, TicketId, Time};

/// Some sentences.
const WORDS_CHARS: usize = 2_000;

/// A hundred million, in hundredths of the site's currency: more is a slip of the pen.
pub const DEAREST: i64 = 10_000_000_000;

/// Files that one line of the log names.
const EVIDENCE: usize = 20;

words! {
    /// Whether the customer is right.
    Finding { Justified = "justified", Partly = "partly", Unjustified = "unjustified" }
}

words! {
    RemedyKind {
        Exchange = "exchange",
        Return = "return",
        Refund = "refund",
        Compensation = "compensation",
        Repair = "repair",
        Apology = "apology",
    }
}

words! {
    /// How far a remedy has come.
    RemedyState {
        /// Somebody is to approve it.
        Requested = "requested",
        /// The policy leaves it to whoever works on the matter.
        Granted = "granted",
        Approved = "approved",
        Refused = "refused",
        /// Taken back before anybody decided.
        Withdrawn = "withdrawn",
    }
}

impl RemedyState {
    /// Whether the customer may be told of it.
    pub fn stands(self) -> bool {
        match self {
            RemedyState::Granted | RemedyState::Approved => true,
            RemedyState::Requested | RemedyState::Refused | RemedyState::Withdrawn => false,
        }
    }
}

/// What was found out, and what is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    pub finding: Option<Finding>,
    /// Why it is justified, or not.
    pub reason: String,
    pub cause: String,
    /// Who answers for the cause: a department, a supplier, a carrier.
    pub party: String,
    pub solution: String,
    /// What it costs the site, in hundredths of its currency.
    pub loss_cents: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    pub id: RemedyId,
    pub kind: RemedyKind,
    /// Hundredths of the site's currency; 0 where it costs nothing, as an apology.
    pub sum_cents: i64,
    pub words: String,
    pub state: RemedyState,
    pub by: PersonId,
}

/// What the case has of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handling {
    /// Counts up with each saved change of the findings, so that two editors notice each other.
    pub version: i64,
    pub findings: Findings,
    pub saved_by: Option<PersonId>,
    pub remedies: Vec<Remedy>,
    /// Files of the matter, which the log may name.
    pub files: BTreeSet<AttachmentId>,
}

impl Handling {
    pub fn waits_for_approval(&self) -> bool {
        self.remedies.iter().any(|remedy| remedy.state == RemedyState::Requested)
    }
}

/// What people do.
#[derive(Clone, Debug, PartialEq)]
pub enum Handle {
    /// A line of the log, with files of the matter that show it.
    Log {
        words: String,
        evidence: BTreeSet<AttachmentId>,
    },
    /// Changed from the version that the form showed.
    Find {
        version: i64,
        findings: Findings,
    },
    Propose {
        kind: RemedyKind,
        sum_cents: i64,
        words: String,
    },
    /// Take a request back.
    Withdraw {
        remedy: RemedyId,
    },
    /// By a supervisor up to the policy's sum, by a manager any; nobody their own.
    Approve {
        remedy: RemedyId,
    },
    Refuse {
        remedy: RemedyId,
        why: String,
    },
    /// For the monthly assessment, and for supervisors and managers alone.
    Assess {
        words: String,
    },
    /// It is no complaint. For supervisors and managers.
    Reclass {
        kind: Kind,
        why: String,
    },
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum HandlingFact {
    Logged {
        ticket: TicketId,
        owner: Option<PersonId>,
        words: String,
        evidence: BTreeSet<AttachmentId>,
        by: PersonId,
    },
    Found {
        ticket: TicketId,
        owner: Option<PersonId>,
        version: i64,
        findings: Box<Findings>,
        by: PersonId,
    },
    Proposed {
        ticket: TicketId,
        owner: Option<PersonId>,
        remedy: Remedy,
        /// Who may decide it; nobody where the policy leaves it to whoever proposed.
        told: Vec<Addressee>,
        send_at: Time,
    },
    Decided {
        ticket: TicketId,
        owner: Option<PersonId>,
        remedy: RemedyId,
        state: RemedyState,
        why: String,
        by: PersonId,
        /// Who asked, and whose the matter is.
        told: Vec<Addressee>,
        send_at: Time,
    },
    /// The customer heard what came of it.
    Told {
        ticket: TicketId,
        owner: Option<PersonId>,
        how: Channel,
        words: String,
        /// The customer does not ask for anything any more.
        withdrawn: bool,
        by: PersonId,
    },
    /// Solution and result are on file.
    Filed {
        ticket: TicketId,
        words: String,
        by: PersonId,
    },
    Assessed {
        ticket: TicketId,
        words: String,
        by: PersonId,
    },
    /// It was kept as a complaint, and is of another kind from then on.
    Reclassed {
        ticket: TicketId,
        owner: Option<PersonId>,
        was: Kind,
        kind: Kind,
        department: Option<DepartmentName>,
        why: String,
        by: PersonId,
    },
    /// It waited for its customer, who has called: it is in progress, and what stood still runs since then.
    Called {
        ticket: TicketId,
        owner: Option<PersonId>,
        call: CallId,
        /// With whom they talked,
        agent: Extension,
        person: Option<PersonId>,
        /// and when it had been for long enough.
        talked_at: Time,
    },
    /// It is in another state from then on.
    Moved {
        ticket: TicketId,
        owner: Option<PersonId>,
        state: TicketState,
        /// None: its return visit is over.
        by: Option<PersonId>,
        why: String,
    },
}

impl HandlingFact {
    /// Whom to tell beside the board.
    pub fn owner(&self) -> Option<PersonId> {
        match self {
            HandlingFact::Logged { owner, .. }
            | HandlingFact::Found { owner, .. }
            | HandlingFact::Proposed { owner, .. }
            | HandlingFact::Decided { owner, .. }
            | HandlingFact::Told { owner, .. }
            | HandlingFact::Reclassed { owner, .. }
            | HandlingFact::Called { owner, .. }
            | HandlingFact::Moved { owner, .. } => *owner,
            HandlingFact::Filed { .. } | HandlingFact::Assessed { .. } => None,
        }
    }
    /// Whether somebody asks for a remedy, decides on one, or takes a request back.
    pub fn is_of_approval(&self) -> bool {
        match self {
            HandlingFact::Proposed { remedy, .. } => remedy.state == RemedyState::Requested,
            HandlingFact::Decided { .. } => true,
            HandlingFact::Logged { .. }
            | HandlingFact::Found { .. }
            | HandlingFact::Told { .. }
            | HandlingFact::Filed { .. }
            | HandlingFact::Assessed { .. }
            | HandlingFact::Reclassed { .. }
            | HandlingFact::Called { .. }
            | HandlingFact::Moved { .. } => false,
        }
    }
    pub fn ticket(&self) -> TicketId {
        match self {
            HandlingFact::Logged { ticket, .. }
            | HandlingFact::Found { ticket, .. }
            | HandlingFact::Proposed { ticket, .. }
            | HandlingFact::Decided { ticket, .. }
            | HandlingFact::Told { ticket, .. }
            | HandlingFact::Filed { ticket, .. }
            | HandlingFact::Assessed { ticket, .. }
            | HandlingFact::Reclassed { ticket, .. }
            | HandlingFact::Called { ticket, .. }
            | HandlingFact::Moved { ticket, .. } => *ticket,
        }
    }
}

/// What remedies cost that need nobody else's word, and up to which sum a supervisor's is enough; in
/// hundredths of the site's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub free_cents: i64,
    pub supervisor_cents: i64,
}

impl Limits {
    /// Whether whoever has that role may decide on such a sum.
    pub fn may_decide(&self, role: Role, sum_cents: i64) -> bool {
        match role {
            Role::Supervisor => sum_cents <= self.supervisor_cents,
            Role::Manager => true,
            Role::Agent | Role::Handler | Role::Admin => false,
        }
    }
}

pub fn given(case: &Case, by: Option<PersonId>, handle: &Handle, now: Time) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    let act = match handle {
        Handle::Log { .. } | Handle::Find { .. } | Handle::Propose { .. } | Handle::Withdraw { .. } => Act::Step,
        Handle::Approve { .. } | Handle::Refuse { .. } => Act::Decide,
        Handle::Assess { .. } => Act::Assess,
        Handle::Reclass { .. } => Act::Reclass,
    };
    let ticket = rights::ticket(case, Some(by), act, now)?;
    let changes_what_is_filed = match handle {
        Handle::Find { .. }
        | Handle::Propose { .. }
        | Handle::Withdraw { .. }
        | Handle::Approve { .. }
        | Handle::Refuse { .. } => true,
        Handle::Log { .. } | Handle::Assess { .. } | Handle::Reclass { .. } => false,
    };
    if changes_what_is_filed && ticket.state.is_on_file() {
        check(BTreeSet::from([Missing::Reopened]))?;
    }
    let role = case.staff.people.get(&by).map(|member| member.role).ok_or(Refusal::NotAllowed)?;
    match handle {
        Handle::Approve { remedy } => decide(case, ticket, *remedy, (by, role), RemedyState::Approved, "", now),
        Handle::Refuse { remedy, why } => {
            written("why", why)?;
            decide(case, ticket, *remedy, (by, role), RemedyState::Refused, why, now)
        }
        Handle::Assess { words } => {
            written("words", words)?;
            let words = words.trim().to_owned();
            Ok(vec![HandlingFact::Assessed { ticket: ticket.id, words, by }.into()])
        }
        Handle::Reclass { kind, why } => reclass(case, ticket, *kind, why, by, now),
        Handle::Log { words, evidence } => log(case, ticket, words, evidence, by),
        Handle::Find { version, findings } => find(case, ticket, *version, findings, by),
        Handle::Propose { kind, sum_cents, words } => propose(case, ticket, (*kind, *sum_cents), words, by, now),
        Handle::Withdraw { remedy } => withdraw(case, ticket, *remedy, by, now),
    }
}

fn log(
    case: &Case,
    ticket: &Ticket,
    words: &str,
    evidence: &BTreeSet<AttachmentId>,
    by: PersonId,
) -> Result<Vec<Fact>, Refusal> {
    written("words", words)?;
    if evidence.len() > EVIDENCE {
        return Err(Refusal::Field { field: "evidence", why: FieldWhy::TooLong { max: EVIDENCE } });
    }
    if !evidence.is_subset(&case.handling.files) {
        return Err(Refusal::Field { field: "evidence", why: FieldWhy::Unknown });
    }
    let (words, evidence) = (words.trim().to_owned(), evidence.clone());
    Ok(vec![HandlingFact::Logged { ticket: ticket.id, owner: ticket.owner, words, evidence, by }.into()])
}

fn find(case: &Case, ticket: &Ticket, version: i64, findings: &Findings, by: PersonId) -> Result<Vec<Fact>, Refusal> {
    let known = &case.handling;
    if known.version != version {
        return Err(Refusal::Changed { by: known.saved_by, version: known.version });
    }
    text("reason", &findings.reason, TEXT_CHARS)?;
    text("cause", &findings.cause, TEXT_CHARS)?;
    text("party", &findings.party, LINE_CHARS)?;
    text("solution", &findings.solution, TEXT_CHARS)?;
    findings.loss_cents.map_or(Ok(()), |loss| sum("loss", loss))?;
    let findings = Box::new(findings.clone());
    let (ticket, owner, version) = (ticket.id, ticket.owner, version + 1);
    Ok(vec![HandlingFact::Found { ticket, owner, version, findings, by }.into()])
}

fn propose(
    case: &Case,
    ticket: &Ticket,
    (kind, sum_cents): (RemedyKind, i64),
    words: &str,
    by: PersonId,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    sum("sum", sum_cents)?;
    text("words", words, WORDS_CHARS)?;
    if !ticket.state.is_open() {
        return Err(Refusal::Missing(BTreeSet::from([Missing::Reopened])));
    }
    let limits = case.policy.terms.remedies;
    let is_free = sum_cents <= limits.free_cents;
    let state = if is_free { RemedyState::Granted } else { RemedyState::Requested };
    let role = if limits.may_decide(Role::Supervisor, sum_cents) { Recipient::Supervisor } else { Recipient::Manager };
    // Nobody decides on their own request, so they need not hear of it.
    let deciders = || told(&case.staff, &BTreeSet::from([role]), None).into_iter().filter(|told| told.person != by);
    let told = if is_free { Vec::new() } else { deciders().collect() };
    let remedy = Remedy { id: case.ids.remedy(), kind, sum_cents, words: words.trim().to_owned(), state, by };
    let (id, owner, send_at) = (ticket.id, ticket.owner, case.policy.send_at(now));
    let mut facts = vec![HandlingFact::Proposed { ticket: id, owner, remedy, told, send_at }.into()];
    if !is_free && ticket.state != TicketState::WaitingApproval {
        facts.extend(moves(case, ticket, TicketState::WaitingApproval, Some(by), "", now));
    }
    Ok(facts)
}

fn withdraw(case: &Case, ticket: &Ticket, id: RemedyId, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
    requested(case, id)?;
    Ok(ends(case, ticket, id, (RemedyState::Withdrawn, "", by), Vec::new(), now))
}

fn decide(
    case: &Case,
    ticket: &Ticket,
    id: RemedyId,
    (by, role): (PersonId, Role),
    state: RemedyState,
    why: &str,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let remedy = requested(case, id)?;
    if remedy.by == by {
        return Err(Refusal::OwnRequest);
    }
    let limits = case.policy.terms.remedies;
    if !limits.may_decide(role, remedy.sum_cents) {
        return Err(match role {
            Role::Supervisor => Refusal::TooDear { limit_cents: limits.supervisor_cents },
            Role::Agent | Role::Handler | Role::Manager | Role::Admin => Refusal::NotAllowed,
        });
    }
    let wanted = [Some(remedy.by), ticket.owner, ticket.handler].into_iter().flatten().filter(|person| *person != by);
    let told = stands_in(&case.staff, &wanted.collect());
    Ok(ends(case, ticket, id, (state, why, by), told, now))
}

/// Once nobody waits for a decision any more, the work goes on.
fn ends(
    case: &Case,
    ticket: &Ticket,
    remedy: RemedyId,
    (state, why, by): (RemedyState, &str, PersonId),
    told: Vec<Addressee>,
    now: Time,
) -> Vec<Fact> {
    let (id, owner, why, send_at) = (ticket.id, ticket.owner, why.trim().to_owned(), case.policy.send_at(now));
    let mut facts = vec![HandlingFact::Decided { ticket: id, owner, remedy, state, why, by, told, send_at }.into()];
    let requested = case.handling.remedies.iter().filter(|other| other.state == RemedyState::Requested);
    if requested.count() == 1 && ticket.state == TicketState::WaitingApproval {
        facts.extend(moves(case, ticket, TicketState::InProgress, Some(by), "", now));
    }
    facts
}

fn requested(case: &Case, id: RemedyId) -> Result<&Remedy, Refusal> {
    let remedy = case.handling.remedies.iter().find(|remedy| remedy.id == id);
    remedy.filter(|remedy| remedy.state == RemedyState::Requested).ok_or(Refusal::NotRequested)
}

impl RemedyState {
    /// What those who asked hear.
    pub fn news(self) -> Option<News> {
        match self {
            RemedyState::Requested => Some(News::Requested),
            RemedyState::Approved => Some(News::Approved),
            RemedyState::Refused => Some(News::Disapproved),
            RemedyState::Granted | RemedyState::Withdrawn => None,
        }
    }
}

impl From<HandlingFact> for Fact {
    fn from(fact: HandlingFact) -> Fact {
        Fact::Handling(Box::new(fact))
    }
}

fn sum(field: &'static str, cents: i64) -> Result<(), Refusal> {
    match cents {
        0..=DEAREST => Ok(()),
        _ => Err(Refusal::Field { field, why: FieldWhy::NotASum }),
    }
}

pub(super) fn written(field: &'static str, words: &str) -> Result<(), Refusal> {
    if words.trim().is_empty() {
        return Err(Refusal::Field { field, why: FieldWhy::Missing });
    }
    text(field, words, WORDS_CHARS)
}
