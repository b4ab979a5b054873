//! What people ask for. It enters at the same door as calls.

use std::collections::BTreeSet;

use super::clock::{ClockKind, ObligationState};
use super::customer::{CannotUndo, OfCustomers};
use super::handling::Handle;
use super::looks::Look;
use super::ownership::{Hand, Receiver};
use super::papers::{Paper, Unfit};
use super::policy::Mistake;
use super::regroup::{self, Regroup};
use super::states::Missing;
use super::survey::Unanswered;
use super::ticket::{Channel, Complexity, Kind, Object, Priority, Satisfaction, TicketState};
use crate::{
    CallId, CustomerId, DepartmentName, Extension, LegId, ObligationId, PbxName, PersonId, QueueName, Role, TicketId,
    Time,
};
use protocol::request::Spying;

/// A command and who gave it; `by` is none for the command line and for what the house does
/// by itself.
#[derive(Clone, Debug)]
pub struct Given {
    pub by: Option<PersonId>,
    pub command: Command,
}

#[derive(Clone, Debug)]
pub enum Command {
    SaveTicket {
        ticket: TicketId,
        version: i64,
        form: TicketForm,
        state: TicketState,
    },
    /// What somebody has typed and not saved yet, as the page's form encoding; one a person and
    /// ticket. Empty forgets it.
    KeepDraft {
        ticket: TicketId,
        body: String,
    },
    /// A new matter beside the customer's open ones. A call that is named goes over to it, with
    /// what is owed for it.
    OpenTicket {
        call: Option<CallId>,
        customer: Option<CustomerId>,
        /// Whose it is, as somebody types it.
        number: Option<String>,
        kind: Kind,
        channel: Channel,
    },
    /// Something was done in a matter that its clocks go by.
    Matter(TicketId, Step),
    /// Something is found out about it, or proposed, or decided.
    Handle(TicketId, Handle),
    /// Whose it is changes.
    Hand(TicketId, Hand),
    /// Who answers for a department, for whoever is away, and who else works there.
    SetDepartment {
        department: DepartmentName,
        responsible: Option<PersonId>,
        deputy: Option<PersonId>,
        others: BTreeSet<PersonId>,
    },
    /// Something is done with what lies with a matter.
    Paper(TicketId, Paper),
    /// Two tickets are one matter, or one is two.
    Regroup(TicketId, Regroup),
    /// New, or changed from the version that the form showed.
    SaveCustomer {
        customer: Option<(CustomerId, i64)>,
        ticket: Option<TicketId>,
        form: CustomerForm,
    },
    /// About customers, beside writing them down.
    Customers(OfCustomers),
    /// Call somebody from the giver's own phone. Refused when the giver has no extension there.
    Dial {
        number: String,
        obligation: Option<ObligationId>,
        ticket: Option<TicketId>,
    },
    /// End a call: one that the giver talks in or has dialled; for a supervisor, any.
    HangUp {
        call: CallId,
    },
    /// A break from one queue, or (none) from all; `phone` none: the giver's own, and only a
    /// supervisor may name another's. The reason is one of the policy's.
    Pause {
        phone: Option<(PbxName, Extension)>,
        queue: Option<QueueName>,
        reason: String,
    },
    /// The break is over.
    Unpause {
        phone: Option<(PbxName, Extension)>,
        queue: Option<QueueName>,
    },
    /// Take part in a talk that is not one's own, from one's own phone. For supervisors.
    Spy {
        call: CallId,
        how: Spying,
    },
    /// About one obligation.
    Owed(ObligationId, Owed),
    /// To be shown what not everybody sees, or to take it away.
    Look(Look),
    /// Put other terms in force, changed from the version that the form showed; none: whatever stands.
    SetPolicy {
        version: Option<i64>,
        text: String,
    },
    AddPerson {
        login: String,
        name: String,
        role: Role,
        password_hash: String,
    },
    SetPassword {
        person: PersonId,
        password_hash: String,
    },
    ChangePerson {
        person: PersonId,
        name: String,
        role: Role,
        active: bool,
    },
    /// Somebody is away, or here again, and who is told in their place. One's own; for supervisors,
    /// managers and admins anybody's.
    SetAway {
        person: PersonId,
        away: bool,
        deputy: Option<PersonId>,
    },
    /// Whose phone it is; `person` none: nobody's any more.
    MapExtension {
        pbx: PbxName,
        extension: Extension,
        person: Option<PersonId>,
    },
    /// An extension that is no agent's (a door, a fax), so that it is not asked about again.
    IgnoreExtension {
        pbx: PbxName,
        extension: Extension,
    },
    SignIn {
        session: SessionHash,
        person: PersonId,
        user_agent: String,
    },
    /// The session is in use: its idle time begins anew.
    KeepSession {
        session: SessionHash,
    },
    SignOut {
        session: SessionHash,
    },
    SetLanguage {
        language: String,
    },
}

/// What is done in a matter beside writing its form.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The customer was promised to be called at that time, within a year. It stands in place of the
    /// resolution and of an earlier promise.
    Promise { at: Time },
    /// The customer was told that the complaint is accepted, and by when it will be solved, which is a
    /// promise.
    Accepted { solved_by: Time },
    /// The customer was answered on the channel that the matter came by; what was said.
    Replied { words: String },
    /// The customer is to do something first; what of its clocks may stand still by the policy does.
    Wait { reason: String },
    /// There is nothing to wait for any more.
    GoOn,
    /// The customer was told what came of it, which solves the matter; by which channel, and what was said.
    Told { how: Channel, words: String },
    /// The customer does not ask for anything any more; in their words.
    Withdrawn { words: String },
    /// Solution and result are on file.
    Filed { words: String },
    /// It is over for good.
    Close,
    /// It was over, and is not.
    Reopen { why: String },
    /// What the customer said when asked whether it is well: at the return visit, or, where that is
    /// over, at the spot check.
    Surveyed { result: Satisfaction, words: String },
    /// The same, as a score of 1 to 5; what it means the policy says.
    Scored { score: u8, words: String },
    /// The customer was called for it, and there is no answer.
    Unanswered { why: Unanswered, words: String },
}

/// What can be done to an obligation. None of it keeps it: that takes a talk.
#[derive(Clone, Debug, PartialEq)]
pub enum Owed {
    /// Work on it, so that nobody else does for some time.
    Claim,
    /// Let others have it again.
    Release,
    /// Let its window stand still, for a reason, where the policy lets.
    Suspend {
        reason: String,
    },
    Resume,
    /// Let it go, for a reason. For supervisors.
    Waive {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct TicketForm {
    pub kind: Kind,
    pub category: String,
    pub priority: Priority,
    pub complexity: Complexity,
    pub channel: Channel,
    pub summary: String,
    pub course: String,
    pub demand: String,
    pub object: Object,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomerForm {
    pub name: String,
    pub company: String,
    pub address: String,
    pub key_customer: bool,
    /// One of the policy's classes, or empty.
    pub class: String,
    /// Who looks after a key customer, and hears of each complaint of theirs.
    pub manager: Option<PersonId>,
    pub note: String,
    pub numbers: Vec<String>,
}

/// SHA-256 of a session's secret, which only the browser has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionHash(pub [u8; 32]);

/// What came of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    Nothing,
    Ticket(TicketId),
    /// Saved; the new version of the ticket, or of the policy.
    Version(i64),
    Customer(CustomerId),
    Person(PersonId),
    /// What is owed by it.
    Obligation(ObligationId),
    /// A note or a file.
    Paper(i64),
    /// The attempt's own leg id, by which its call will be known.
    Dialling {
        leg: LegId,
    },
}

/// Why a command was refused; a value, not an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    NoSuchTicket,
    NoSuchPerson,
    NoSuchCustomer,
    NoSuchObligation,
    NotAllowed,
    /// Somebody else saved it meanwhile: who, and the version that stands.
    Changed {
        by: Option<PersonId>,
        version: i64,
    },
    /// What is missing or wrong, by the form's field name.
    Field {
        field: &'static str,
        why: FieldWhy,
    },
    /// The merge or split.
    CannotUndo(CannotUndo),
    /// What is wrong with the text of a policy.
    Terms(Vec<Mistake>),
    LoginTaken,
    NotDialable(protocol::request::NotDialable),
    /// None of the giver's own, on the PBX that it is about.
    NoExtension,
    /// It is not up, or not for the giver to touch.
    NoSuchCall,
    /// Nobody talks in it yet.
    NotTalking,
    /// The giver is in it already.
    OwnCall,
    /// The giver's phone is in use.
    OnThePhone,
    /// Somebody is calling that customer right now, for the same obligation.
    BeingCalled {
        by: PersonId,
    },
    /// Somebody else works on it, until then.
    ClaimedBy {
        by: PersonId,
        until: Time,
    },
    /// It has ended: how, when, and by whom where somebody did it.
    Over {
        state: ObligationState,
        at: Time,
        by: Option<PersonId>,
    },
    /// Nothing of that kind is owed on the ticket.
    NotOwed(ClockKind),
    /// It is kept as a complaint; who may decide makes another kind of it, and says why.
    IsComplaint,
    /// It is over for good; it can be opened again.
    IsClosed,
    /// It is not over.
    IsOpen,
    /// What must be there first.
    Missing(BTreeSet<Missing>),
    /// Nobody waits for a decision on that remedy.
    NotRequested,
    /// Somebody else is to decide on what the giver asked for.
    OwnRequest,
    /// Above what the giver may decide, in hundredths of the site's currency.
    TooDear {
        limit_cents: i64,
    },
    /// Somebody has it.
    Held {
        by: PersonId,
    },
    /// It is offered to somebody already, who has not answered.
    Offered {
        to: Receiver,
    },
    /// Nothing is offered, or not to the giver.
    NotOffered,
    /// The department has nobody who is here.
    NobodyThere {
        department: DepartmentName,
    },
    /// The policy does not let such a clock stand still.
    MayNotPause,
    /// It stands still already.
    Suspended,
    /// It runs.
    NotSuspended,
    /// It does not go with papers.
    Paper(Unfit),
    /// Tickets cannot be put together or apart so.
    Regroup(regroup::Unfit),
    /// The PBX cannot be seen now.
    LinkDown,
    /// The store could not write; nothing was changed.
    StoreFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldWhy {
    Missing,
    TooLong {
        max: usize,
    },
    Unknown,
    NotANumber,
    /// No sum of money, or one beyond all measure.
    NotASum,
    Taken,
    /// Nothing that could be read as a time.
    NotATime,
    /// A time that is past.
    NotAhead,
    /// A time more than a year ahead.
    TooFarAhead,
}
