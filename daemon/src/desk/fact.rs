//! What follows from a decision. Facts are kept in order and never changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::asking::Ask;
use super::clock::{Claim, News, Next, Obligation, ObligationState, Proof, Rung, Survey};
use super::command::{CustomerForm, Done, SessionHash, TicketForm};
use super::customer::CustomerFact;
use super::deadline::Ladder;
use super::draw::Drawing;
use super::handling::HandlingFact;
use super::looks::Look;
use super::ownership::HandFact;
use super::papers::PaperFact;
use super::policy::Terms;
use super::regroup::RegroupFact;
use super::survey::SurveyFact;
use super::ticket::{Ticket, TicketState};
use super::told::Addressee;
use crate::calls::call::{Call, Outcome};
use crate::number::Number;
use crate::{
    CallId, CustomerId, DepartmentName, Extension, ObligationId, PbxName, PersonId, QueueName, Role, TicketId, Time,
};

#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    TicketOpened {
        ticket: Box<Ticket>,
        day: i64,
        nth: i64,
        call: Option<CallId>,
        by: Option<PersonId>,
    },
    /// A state of a call. Its row is its record; nothing else is appended for it.
    CallSeen {
        call: Arc<Call>,
        seen_at: Time,
        person: Option<PersonId>,
        ticket: Option<TicketId>,
        talk_ms: i64,
        /// Somebody talked long enough to prove a callback.
        proven: bool,
    },
    CallJoined {
        call: CallId,
        ticket: TicketId,
    },
    /// Somebody said that it is about another matter; what is owed for it, and by whom, goes with
    /// it.
    CallMoved {
        call: CallId,
        from: Option<TicketId>,
        to: TicketId,
        owner: Option<PersonId>,
        owed: Vec<(ObligationId, Option<PersonId>)>,
    },
    CallsMerged {
        from: CallId,
        into: CallId,
        ticket: Option<TicketId>,
    },
    /// Also of the ticket's open obligations that nobody owns.
    OwnerTaken {
        ticket: TicketId,
        person: PersonId,
        call: CallId,
    },
    TicketSaved {
        ticket: TicketId,
        by: Option<PersonId>,
        version: i64,
        form: Box<TicketForm>,
        state: TicketState,
        department: Option<DepartmentName>,
        closed_at: Option<Time>,
        /// Whom to tell beside the board.
        owner: Option<PersonId>,
    },
    /// Whose it is.
    Hand(Box<HandFact>),
    /// What was found out about it, and what is done.
    Handling(Box<HandlingFact>),
    DepartmentSet {
        department: DepartmentName,
        responsible: Option<PersonId>,
        deputy: Option<PersonId>,
        others: BTreeSet<PersonId>,
        by: Option<PersonId>,
    },
    /// Somebody is told of a matter at once.
    Notified {
        ticket: TicketId,
        /// The ticket's, since which it is so.
        version: i64,
        news: News,
        told: Vec<Addressee>,
        send_at: Time,
    },
    /// An empty body forgets the draft.
    DraftKept {
        ticket: TicketId,
        person: PersonId,
        body: String,
    },
    TicketLinked {
        ticket: TicketId,
        customer: CustomerId,
        owner: Option<PersonId>,
    },
    ObligationBegan {
        obligation: Box<Obligation>,
        /// What it began with; none when no call brought it.
        call: Option<CallId>,
        /// The policy's version by which its times were reckoned.
        policy: i64,
    },
    /// Its customer became known, or something changed that its times are reckoned from: other times
    /// for what has not fired yet.
    ObligationMoved {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        customer: Option<CustomerId>,
        queue: Option<QueueName>,
        ladder: Ladder,
        next: Option<Next>,
        policy: i64,
    },
    /// By the policy of that version its times are as they were.
    Unmoved {
        obligation: ObligationId,
        policy: i64,
    },
    AttemptMade {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        call: CallId,
        outcome: Outcome,
        at: Time,
    },
    ObligationKept {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        proof: Proof,
    },
    RungFired {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        rung: Rung,
        planned_at: Time,
        fired_at: Time,
        /// Fired well after its time, because the daemon or the disk was down.
        late: bool,
        told: Vec<Addressee>,
        /// Nobody hears of it before: the quiet hours' end.
        send_at: Time,
        next: Option<Next>,
    },
    /// Somebody took it to work on; none: it is free again.
    Claimed {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        claim: Option<Claim>,
        by: Option<PersonId>,
    },
    /// Somebody called the customer from their own phone while another works on it, which no PBX stops.
    CalledBeside {
        obligation: ObligationId,
        ticket: TicketId,
        call: CallId,
        by: PersonId,
        claim: Claim,
    },
    /// Its window stands still from then on.
    Suspended {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        from: Time,
        reason: String,
        by: Option<PersonId>,
    },
    Resumed {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        at: Time,
        by: Option<PersonId>,
    },
    /// It is over otherwise than by a talk that was seen.
    ObligationEnded {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        state: ObligationState,
        /// Why, in somebody's words, or by what it was kept.
        why: String,
        by: Option<PersonId>,
        /// The last talk since it began, where it was kept by somebody's word.
        proof: Option<Proof>,
    },
    /// The customer was told that the complaint is accepted, and by when it will be solved.
    Accepted {
        obligation: ObligationId,
        ticket: TicketId,
        solved_by: Time,
        by: Option<PersonId>,
    },
    /// What the customer said of a matter that was over. It counts once a talk proves that they were
    /// asked.
    Surveyed {
        obligation: ObligationId,
        ticket: TicketId,
        owner: Option<PersonId>,
        survey: Survey,
        /// None: by the caller's keys.
        by: Option<PersonId>,
        /// Who served the customer, and the queue; where somebody asked.
        served: Option<PersonId>,
        queue: Option<QueueName>,
    },
    /// Of asking customers how they were served.
    Survey(SurveyFact),
    /// The customer is dissatisfied, so it is not over; supervisors hear of it.
    TicketReopened {
        ticket: TicketId,
        owner: Option<PersonId>,
        /// What is owed anew for it, which the notices name; the visit, where the policy has nothing owed.
        obligation: ObligationId,
        told: Vec<Addressee>,
        /// When they may be told.
        send_at: Time,
    },
    /// Of drawing closed matters at random.
    Draw(Drawing),
    CustomerSaved {
        customer: CustomerId,
        by: Option<PersonId>,
        version: i64,
        form: Box<CustomerForm>,
        numbers: Vec<Number>,
    },
    /// What else follows for customers.
    Customer(CustomerFact),
    /// Of what lies with a matter.
    Paper(PaperFact),
    /// What lies in one ticket went to another.
    Regroup(RegroupFact),
    /// The site has other terms from now on.
    PolicySet {
        version: i64,
        text: String,
        terms: Box<Terms>,
        /// None: the command line, or what ships with another version of this daemon.
        by: Option<PersonId>,
    },
    PersonAdded {
        person: PersonId,
        login: String,
        name: String,
        role: Role,
        password_hash: String,
        by: Option<PersonId>,
    },
    /// Ends the person's sessions.
    PasswordSet {
        person: PersonId,
        password_hash: String,
        by: Option<PersonId>,
    },
    /// Ends the person's sessions where the role changed or the person may not sign in any more.
    PersonChanged {
        person: PersonId,
        name: String,
        role: Role,
        active: bool,
        ends_sessions: bool,
        by: Option<PersonId>,
    },
    /// Whether somebody is away, and who stands in.
    AwaySet {
        person: PersonId,
        away: bool,
        deputy: Option<PersonId>,
        by: Option<PersonId>,
    },
    ExtensionMapped {
        pbx: PbxName,
        extension: Extension,
        person: Option<PersonId>,
        by: Option<PersonId>,
    },
    ExtensionIgnored {
        pbx: PbxName,
        extension: Extension,
        by: Option<PersonId>,
    },
    SignedIn {
        session: SessionHash,
        person: PersonId,
        expires_at: Time,
        user_agent: String,
    },
    SessionKept {
        session: SessionHash,
        expires_at: Time,
    },
    SignedOut {
        session: SessionHash,
    },
    LanguageSet {
        person: PersonId,
        language: String,
    },
    /// Somebody was shown what not everybody sees, or took it away.
    Looked {
        by: Option<PersonId>,
        look: Look,
    },
    /// Somebody asked something of a PBX.
    Asked {
        by: PersonId,
        pbx: PbxName,
        ask: Ask,
        ticket: Option<TicketId>,
        obligation: Option<ObligationId>,
        /// Whom it is done to, beside the customer.
        person: Option<PersonId>,
    },
}

/// What the giver of a command hears when these facts are kept.
pub fn done(facts: &[Fact]) -> Done {
    facts
        .iter()
        .find_map(|fact| match fact {
            Fact::TicketOpened { ticket, .. } => Some(Done::Ticket(ticket.id)),
            Fact::TicketSaved { version, .. } => Some(Done::Version(*version)),
            Fact::PolicySet { version, .. } => Some(Done::Version(*version)),
            Fact::CustomerSaved { customer, .. } => Some(Done::Customer(*customer)),
            Fact::Customer(fact) => fact.done(),
            Fact::Paper(fact) => fact.done(),
            Fact::Regroup(fact) => fact.done(),
            Fact::PersonAdded { person, .. } => Some(Done::Person(*person)),
            Fact::ObligationBegan { obligation, .. } => Some(Done::Obligation(obligation.id)),
            Fact::Asked { ask: Ask::Dial { leg, .. } | Ask::Spy { leg, .. }, .. } => {
                Some(Done::Dialling { leg: leg.clone() })
            }
            Fact::Asked { ask: Ask::HangUp { .. } | Ask::Pause { .. }, .. } => None,
            Fact::CallSeen { .. }
            | Fact::CallJoined { .. }
            | Fact::CallMoved { .. }
            | Fact::CallsMerged { .. }
            | Fact::OwnerTaken { .. }
            | Fact::Hand(_)
            | Fact::Handling(_)
            | Fact::DepartmentSet { .. }
            | Fact::Notified { .. }
            | Fact::DraftKept { .. }
            | Fact::TicketLinked { .. }
            | Fact::ObligationMoved { .. }
            | Fact::Unmoved { .. }
            | Fact::AttemptMade { .. }
            | Fact::ObligationKept { .. }
            | Fact::RungFired { .. }
            | Fact::Claimed { .. }
            | Fact::CalledBeside { .. }
            | Fact::Suspended { .. }
            | Fact::Resumed { .. }
            | Fact::ObligationEnded { .. }
            | Fact::Accepted { .. }
            | Fact::Surveyed { .. }
            | Fact::TicketReopened { .. }
            | Fact::Survey(_)
            | Fact::Draw(_)
            | Fact::PasswordSet { .. }
            | Fact::PersonChanged { .. }
            | Fact::AwaySet { .. }
            | Fact::ExtensionMapped { .. }
            | Fact::ExtensionIgnored { .. }
            | Fact::SignedIn { .. }
            | Fact::SessionKept { .. }
            | Fact::SignedOut { .. }
            | Fact::Looked { .. }
            | Fact::LanguageSet { .. } => None,
        })
        .unwrap_or(Done::Nothing)
}
