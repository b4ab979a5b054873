//! What pages may read of the store: whole questions, answered from a few read-only connections.
//! View types are plain data, ready to be shown.

use std::collections::BTreeMap;
use std::fmt;

use crate::calls::call::{Direction, EndedBy, Offer, Outcome, Segment, Transfer, Wait};
use crate::desk::case::{Department, Member, Staff};
use crate::desk::clock::{Basis, Claim, ClockKind, ObligationState, Proof, Survey};
use crate::desk::command::CustomerForm;
use crate::desk::customer::ShiftKind;
use crate::desk::draw::Lot;
use crate::desk::handling::{Finding, RemedyKind, RemedyState};
use crate::desk::ownership::{HandOver, How, OfferEnd, Part, Receiver};
use crate::desk::papers::{File, Tie};
use crate::desk::regroup::RegroupKind;
use crate::desk::rights::{Circle, People};
use crate::desk::survey::Unanswered;
use crate::desk::ticket::{Channel, Satisfaction, Ticket, TicketState};
use crate::desk::{self, Addressee, Post, Rung};
use crate::ledger::Entry;
use crate::names::words;
use crate::number::Number;
use crate::{
    AttachmentId, CallId, CommentId, CustomerId, DepartmentName, Extension, ObligationId, PbxName, PersonId, QueueName,
    RegroupId, Role, ShiftId, TicketId, Time,
};
use protocol::request::Spying;

pub use super::handlings::{HandlingRow, LogRow, RemedyRow, Request, ToldRow};
pub use super::reader::Reader;
pub use super::search::Piece;

/// What a list of open work shows at most; more nobody reads down to.
pub const LIST: i64 = 500;

/// Why a question got no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadError {
    /// The store is closed: the daemon stops.
    Closed,
    /// The database said so.
    Failed(String),
}
impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Closed => f.write_str("the store is closed, for the daemon stops"),
            ReadError::Failed(why) => write!(f, "the store could not be read: {why}"),
        }
    }
}
impl std::error::Error for ReadError {}

/// Everybody who signs in, and whose extension is whose. Small; pages keep it and read it again
/// on [`crate::live::Notice::House`].
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub people: Vec<Person>,
    pub extensions: Vec<(PbxName, Extension, PersonId)>,
    /// Of those departments that have people.
    pub departments: BTreeMap<DepartmentName, Department>,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub id: PersonId,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub active: bool,
    /// Not here for now: whoever stands in is told instead.
    pub away: bool,
    pub deputy: Option<PersonId>,
    pub language: Option<String>,
    pub created_at: Time,
}

impl Directory {
    /// As decisions look at them, but for their extensions.
    pub fn staff(&self) -> Staff {
        let member = |person: &Person| Member {
            login: person.login.clone(),
            name: person.name.clone(),
            role: person.role,
            active: person.active,
            away: person.away,
            deputy: person.deputy,
        };
        let people = self.people.iter().map(|person| (person.id, member(person))).collect();
        Staff { people, ..Staff::default() }
    }
    pub fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.iter().find(|p| p.id == id)
    }
    /// Who is told in somebody's place; none where nobody of the chain of deputies is here.
    pub fn stand_in(&self, person: PersonId) -> Option<PersonId> {
        let post = |person: &Person| Post { is_here: person.active && !person.away, deputy: person.deputy };
        desk::stand_in(person, |id| self.person(id).map(post))
    }
    /// In whose place this person is told now, the person apart.
    pub fn stands_in_for(&self, person: PersonId) -> impl Iterator<Item = PersonId> {
        let absent = self.people.iter().filter(move |p| p.id != person && p.deputy.is_some());
        absent.map(|p| p.id).filter(move |absent| self.stand_in(*absent) == Some(person))
    }
    /// Whether somebody works in a department.
    pub fn is_of(&self, person: PersonId, department: &DepartmentName) -> bool {
        self.departments.get(department).is_some_and(|people| people.all().any(|one| one == person))
    }
    pub fn holder(&self, pbx: &PbxName, extension: &Extension) -> Option<&Person> {
        let (.., id) = self.extensions.iter().find(|(p, e, _)| p == pbx && e == extension)?;
        self.person(*id)
    }
    pub fn extensions_of(&self, id: PersonId) -> impl Iterator<Item = (&PbxName, &Extension)> {
        self.extensions.iter().filter(move |(.., p)| *p == id).map(|(pbx, e, _)| (pbx, e))
    }
}

impl People for Directory {
    fn role(&self, person: PersonId) -> Option<Role> {
        self.person(person).map(|person| person.role)
    }
    fn stand_in(&self, person: PersonId) -> Option<PersonId> {
        Directory::stand_in(self, person)
    }
    fn is_of(&self, person: PersonId, department: &DepartmentName) -> bool {
        Directory::is_of(self, person, department)
    }
}

#[derive(Clone, Debug)]
pub struct Customer {
    pub id: CustomerId,
    pub name: String,
    pub company: String,
    pub address: String,
    pub key_customer: bool,
    /// One of the policy's classes, or empty.
    pub class: String,
    pub manager: Option<PersonId>,
    pub note: String,
    pub numbers: Vec<Number>,
    pub version: i64,
    /// Of whose record theirs became part.
    pub merged_into: Option<CustomerId>,
}

impl Customer {
    /// As it stands, to be changed and saved.
    pub fn form(&self) -> CustomerForm {
        CustomerForm {
            name: self.name.clone(),
            company: self.company.clone(),
            address: self.address.clone(),
            key_customer: self.key_customer,
            class: self.class.clone(),
            manager: self.manager,
            note: self.note.clone(),
            numbers: self.numbers.iter().map(|number| number.as_str().to_owned()).collect(),
        }
    }
}

/// What the pop shows: who is on a number. Several customers may share it: all are here, none
/// is chosen.
#[derive(Clone, Debug, Default)]
pub struct Card {
    pub customers: Vec<Customer>,
    /// What is on the blacklist of this number; it may have run out.
    pub listed: Option<Listed>,
    /// The last five contacts on the customers' numbers, newest first.
    pub contacts: Vec<Contact>,
    /// How many contacts there are in all.
    pub contacts_total: i64,
    pub open_tickets: Vec<TicketRow>,
    pub open_obligations: Vec<ObligationRow>,
}

/// Which customers a list shows.
#[derive(Clone, Debug, Default)]
pub struct CustomerFilter {
    /// Part of a name, a company or a number; empty: all, newest first.
    pub text: String,
    pub class: Option<String>,
    pub key_customer: Option<bool>,
    /// Where there is no text: those before that one.
    pub before: Option<CustomerId>,
    pub limit: u32,
}

/// All that a customer's page shows.
#[derive(Clone, Debug)]
pub struct CustomerPage {
    pub customer: Customer,
    /// Of their numbers; some may have run out.
    pub blacklisted: Vec<Listed>,
    /// Who else has one of their numbers.
    pub shared: Vec<(Number, CustomerId, String)>,
    /// Newest first.
    pub open: Vec<TicketRow>,
    /// The last that are over.
    pub past: Vec<TicketRow>,
    pub owed: Vec<ObligationRow>,
    /// The last twenty, newest first.
    pub contacts: Vec<Contact>,
    /// Newest first.
    pub history: Vec<CustomerSave>,
    /// What went to and from other records, newest first.
    pub shifts: Vec<ShiftRow>,
}

/// A number whose calls are to be answered with care, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub number: Number,
    pub reason: String,
    pub by: Option<PersonId>,
    pub at: Time,
    /// None: until somebody takes it off.
    pub until: Option<Time>,
}

impl Listed {
    pub fn stands(&self, now: Time) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// A customer was saved.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerSave {
    pub at: Time,
    pub by: Option<PersonId>,
    pub version: i64,
    /// Names of the form's fields; none where it is the first that is known.
    pub changed: Vec<&'static str>,
}

/// A merge or split, as one of its two customers sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShiftRow {
    pub id: ShiftId,
    pub kind: ShiftKind,
    /// What went was this customer's.
    pub gave: bool,
    pub other: CustomerId,
    pub other_name: String,
    /// Their company, address and notes.
    pub other_lines: Vec<String>,
    pub numbers: Vec<Number>,
    pub tickets: usize,
    pub at: Time,
    pub by: Option<PersonId>,
    pub undone: Option<(Time, Option<PersonId>)>,
    /// Neither has a later one that stands.
    pub can_undo: bool,
}

#[derive(Clone, Debug)]
pub struct Contact {
    pub call: CallId,
    pub direction: Direction,
    pub at: Time,
    pub outcome: Option<Outcome>,
    pub talk_ms: i64,
    pub agent: Option<Extension>,
    pub person: Option<PersonId>,
    pub pbx: PbxName,
    pub summary: String,
    pub certain: bool,
    /// What hid part of it.
    pub gap: Option<Outage>,
}

/// Which tickets a list shows, newest first.
#[derive(Clone, Debug)]
pub struct TicketFilter {
    /// Whose they are, or their department's, or whose work.
    pub owner: Option<PersonId>,
    /// Only open, only closed, or all.
    pub open: Option<bool>,
    pub limit: u32,
}

/// What is looked for in all that is written of tickets.
#[derive(Clone, Debug)]
pub struct Seek {
    /// As typed: words that must all be there, of one character and more, or a phone number, whole or
    /// in part.
    pub text: String,
    /// Only open, only closed, or all.
    pub open: Option<bool>,
    pub by: Seer,
    pub limit: u32,
}

/// Whose tickets somebody sees.
#[derive(Clone, Debug)]
pub enum Seer {
    All,
    These(Theirs),
}

/// Those that these people own or work on or are offered, and those of these departments.
#[derive(Clone, Debug, Default)]
pub struct Theirs {
    pub people: Vec<PersonId>,
    pub departments: Vec<DepartmentName>,
    /// With those that nobody owns.
    pub nobodys: bool,
}

/// A ticket in which all the words stand.
#[derive(Clone, Debug)]
pub struct Found {
    pub row: TicketRow,
    /// Where, the field with most of them first.
    pub hits: Vec<Hit>,
}

/// A field in which something stands that was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub place: Place,
    /// The text around it.
    pub pieces: Vec<Piece>,
}

words! {
    /// What a text is of a ticket.
    Place {
        Summary = "summary",
        Course = "course",
        Demand = "demand",
        Customer = "customer",
        Number = "number",
        Phone = "phone",
        Comment = "comment",
        Attachment = "attachment",
        /// What it is about.
        Object = "object",
        /// What was found out and done.
        Handling = "handling",
    }
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Sought {
    /// Open ones first, newest first.
    pub found: Vec<Found>,
    /// Older matters are still being taken into the index.
    pub lacks_older: bool,
}

/// All that a ticket's page shows.
#[derive(Clone, Debug)]
pub struct TicketPage {
    pub row: TicketRow,
    /// The ticket's customer, or all who share the number when none is chosen.
    pub customers: Vec<Customer>,
    /// Oldest first.
    pub timeline: Vec<TimelineRow>,
    /// What the asker has typed and not saved.
    pub draft: Option<String>,
    /// Open ones first.
    pub obligations: Vec<ObligationRow>,
    /// What those are reckoned from that stood still once, or stand still.
    pub paused: BTreeMap<ObligationId, Basis>,
    /// Newest first.
    pub calls: Vec<StoredCall>,
    /// Oldest first; the last of each part has it now.
    pub holders: Vec<HolderRow>,
    /// Oldest first; only the last may still stand.
    pub offers: Vec<OfferRow>,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// Newest first.
    pub attachments: Vec<Attachment>,
    pub ties: Vec<Tied>,
    pub regrouped: Regrouped,
    pub handling: HandlingRow,
}

/// How a ticket was put together with others, or apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regrouped {
    /// The number of the ticket that it became part of.
    pub into: Option<String>,
    /// Those of the tickets that are part of it, oldest first.
    pub parts: Vec<String>,
    /// Newest first.
    pub rows: Vec<RegroupRow>,
}

/// A merge or a split, as of one of its tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct RegroupRow {
    pub id: RegroupId,
    pub kind: RegroupKind,
    /// It went from this ticket to the other; else the other way.
    pub gave: bool,
    /// The one that it went from; a merge or split is undone there.
    pub giver: TicketId,
    /// The other's number.
    pub other: String,
    pub at: Time,
    pub by: PersonId,
    pub undone: Option<(Time, PersonId)>,
    /// Nothing of the same tickets is later.
    pub can_undo: bool,
}

/// A note of somebody who works on a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    pub id: CommentId,
    pub by: Option<PersonId>,
    pub at: Time,
    pub words: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub by: Option<PersonId>,
    pub at: Time,
    pub file: File,
}

/// Another ticket that one has to do with.
#[derive(Clone, Debug, PartialEq)]
pub struct Tied {
    pub how: Tie,
    /// It is said of this ticket; else of the other one.
    pub is_ours: bool,
    pub ticket: TicketId,
    pub number: String,
    pub summary: String,
    pub is_open: bool,
    /// Who has to do with that ticket.
    pub circle: Circle,
}

/// Somebody had a matter, or the work on it, for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct HolderRow {
    pub part: Part,
    pub person: PersonId,
    pub how: How,
    pub by: Option<PersonId>,
    pub from: Time,
    pub to: Option<Time>,
}

/// A matter, or the work on it, was offered to somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferRow {
    pub offer: HandOver,
    pub words: String,
    pub at: Time,
    /// None: nobody has answered yet.
    pub ended: Option<OfferEnd>,
    pub ended_at: Option<Time>,
    pub ended_by: Option<PersonId>,
    pub why: String,
}

/// A call as it was kept.
#[derive(Clone, Debug)]
pub struct StoredCall {
    pub id: CallId,
    pub pbx: PbxName,
    pub direction: Direction,
    pub caller: Option<String>,
    pub caller_name: Option<String>,
    pub number: Option<Number>,
    pub to: Option<String>,
    pub agent: Option<Extension>,
    /// Whose extension it was when the call was kept.
    pub person: Option<PersonId>,
    pub started_at: Time,
    pub answered_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub outcome: Option<Outcome>,
    pub ended_by: Option<EndedBy>,
    pub talk_ms: i64,
    pub certain: bool,
    /// What hid part of it, if that is on record.
    pub gap: Option<Outage>,
    pub waits: Vec<Wait>,
    pub segments: Vec<Segment>,
    pub offers: Vec<Offer>,
    pub transfers: Vec<Transfer>,
    pub ticket: Option<TicketId>,
}

/// How much of a period a PBX was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    pub pbx: PbxName,
    pub total_ms: i64,
    pub seen_ms: i64,
    /// When it was not, oldest first; of very many the newest [`LIST`].
    pub gaps: Vec<Gap>,
    pub gaps_total: usize,
}

/// A stretch of time in which a PBX was not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    pub from: Time,
    pub to: Time,
    pub why: Blind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Blind {
    /// In English, for admins.
    Outage(String),
    /// Nobody had looked at the PBX yet.
    NotYet,
    /// The PBX is looked at no more.
    NoMore,
    /// The time has not come.
    Ahead,
}

/// Somebody's session, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub person: PersonId,
    /// Its idle time began so long ago that its use is worth a
    /// [`KeepSession`](crate::desk::command::Command::KeepSession).
    pub to_renew: bool,
}

/// Who may sign in, and the hash that proves it.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub person: PersonId,
    pub password_hash: String,
    pub active: bool,
}

#[derive(Clone, Debug)]
pub struct TicketRow {
    pub ticket: Ticket,
    pub customer_name: String,
    /// Who looks after the customer, where that is a key customer.
    pub manager: Option<PersonId>,
    pub has_draft: bool,
    /// To whom it, or the work on it, is offered, who has not answered.
    pub offered: Option<Receiver>,
    /// Who talked with the customer in it, and until when; of a ticket that was asked for alone, not of
    /// lists.
    pub talked: Vec<(PersonId, Option<Time>)>,
}

impl TicketRow {
    pub fn circle(&self) -> Circle {
        Circle {
            owner: self.ticket.owner,
            handler: self.ticket.handler,
            department: self.ticket.department.clone(),
            offered: self.offered.clone(),
            manager: self.manager,
            talked: self.talked.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct ObligationRow {
    pub id: ObligationId,
    pub kind: ClockKind,
    pub state: ObligationState,
    pub ticket: TicketId,
    pub ticket_number: String,
    /// The matter, in a line; empty until somebody wrote one.
    pub summary: String,
    pub customer: Option<CustomerId>,
    pub customer_name: String,
    pub number: Option<Number>,
    pub owner: Option<PersonId>,
    /// Who has to do with its matter; who talked in it, only where it was asked for alone.
    pub circle: Circle,
    pub began_at: Time,
    /// For when it was promised; of an acceptance, by when it will be solved, as the customer was told.
    pub promised_at: Option<Time>,
    /// None while the window stands still, as the other two.
    pub due_at: Option<Time>,
    pub reminder_at: Option<Time>,
    pub escalated_at: Option<Time>,
    pub attempts: u32,
    /// Who took it last, and until when.
    pub claim: Option<Claim>,
    /// Since when its window stands still, and why.
    pub suspended: Option<(Time, String)>,
    /// The talk that kept it; or, where somebody's word did, the last one since it began.
    pub proof: Option<Proof>,
    /// What the customer said at the return visit or spot check.
    pub survey: Option<Survey>,
    /// How it ended, where no talk kept it.
    pub ended: Option<Ended>,
    /// Rungs that fired, in their order.
    pub fired: Vec<Fired>,
}

/// A rung that fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    pub rung: Rung,
    pub planned_at: Time,
    pub fired_at: Time,
    /// Well after its time, because the daemon or the disk was down.
    pub late: bool,
    pub told: Vec<Addressee>,
}

/// Which obligations a list shows.
#[derive(Clone, Debug)]
pub struct OwedFilter {
    pub owner: Whose,
    pub kind: Option<ClockKind>,
    pub state: Option<ObligationState>,
    /// Only those whose reminder was due by then.
    pub at_risk: Option<Time>,
    pub limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Anybodys,
    Of(PersonId),
    /// With those of whom they stand in for.
    OfOrNobodys(PersonId),
    Nobodys,
}

/// All that an obligation's page shows.
#[derive(Clone, Debug)]
pub struct OwedPage {
    pub row: ObligationRow,
    /// Oldest first.
    pub attempts: Vec<MadeAttempt>,
    /// Oldest first; the last may still go on.
    pub pauses: Vec<Pause>,
    /// What it is reckoned from, where it stood still once or stands still.
    pub paused: Option<Basis>,
    /// The policy lets its clock stand still.
    pub may_pause: bool,
    /// Its matter is not over: a promise can stand in it.
    pub may_promise: bool,
    /// The call that it is owed for.
    pub began_with: Option<StoredCall>,
    /// The call that kept it.
    pub proof_call: Option<StoredCall>,
}

/// A call of ours with the customer that came to no talk.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeAttempt {
    pub call: CallId,
    pub pbx: PbxName,
    pub outcome: Outcome,
    pub at: Time,
    pub ended_at: Option<Time>,
    pub agent: Option<Extension>,
    pub person: Option<PersonId>,
}

/// A stretch in which an obligation's window stands still, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    pub from: Time,
    pub to: Option<Time>,
    pub reason: String,
    pub by: Option<PersonId>,
}

/// An obligation's end other than by a talk.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub at: Time,
    pub by: Option<PersonId>,
    /// In the words of whoever ended it.
    pub why: String,
}

/// What somebody was told of.
#[derive(Clone, Debug)]
pub enum ToldOf {
    Owed(Box<ObligationRow>),
    /// The matter itself.
    Matter(Box<TicketRow>),
}

/// One thing that happened to a ticket.
#[derive(Clone, Debug)]
pub struct TimelineRow {
    pub at: Time,
    pub by: Option<PersonId>,
    /// The number of the ticket whose line it was, where that became part of this one.
    pub of: Option<String>,
    pub what: TimelineWhat,
}

#[derive(Clone, Debug)]
pub enum TimelineWhat {
    Opened,
    Joined {
        call: CallId,
    },
    Owner {
        person: PersonId,
    },
    Saved {
        version: i64,
    },
    ObligationBegan {
        obligation: ObligationId,
        clock: ClockKind,
        due_at: Option<Time>,
    },
    Rung {
        rung: Rung,
        late: bool,
    },
    Attempt {
        call: CallId,
        outcome: Outcome,
    },
    Kept {
        clock: ClockKind,
        proof: Proof,
    },
    /// An obligation ended otherwise than by a talk.
    Ended {
        clock: ClockKind,
        state: ObligationState,
        why: String,
    },
    Suspended {
        reason: String,
    },
    Resumed,
    /// Somebody called while this person was working on it.
    CalledBeside {
        holder: PersonId,
    },
    /// Somebody wrote down what the customer said of the outcome.
    Surveyed {
        survey: Survey,
    },
    /// A caller was asked by the PBX how they were served by somebody; none where nobody knows who.
    SurveyedByKeys {
        person: Option<PersonId>,
        agent: Option<Extension>,
        heard: bool,
        pressed: Option<u8>,
        result: Option<Satisfaction>,
    },
    /// These were told that a caller was dissatisfied with a matter that is not over.
    DissatisfiedTold {
        told: Vec<PersonId>,
    },
    /// Somebody called to ask, and has no answer to write down.
    Unanswered {
        why: Unanswered,
        words: String,
    },
    /// It was closed, and its lot looked at.
    Lot {
        lot: Lot,
        percent: u8,
        drawn: bool,
    },
    /// The customer was told by when a complaint will be solved.
    Accepted {
        solved_by: Time,
    },
    /// The customer was dissatisfied.
    Reopened,
    /// It is in another state.
    Became {
        state: TicketState,
        why: String,
    },
    Investigated {
        words: String,
    },
    Found {
        finding: Option<Finding>,
    },
    RemedyProposed {
        kind: RemedyKind,
        sum_cents: i64,
        state: RemedyState,
    },
    RemedyDecided {
        state: RemedyState,
        why: String,
    },
    /// The customer heard what came of it.
    Told {
        how: Channel,
        words: String,
        withdrawn: bool,
    },
    Filed {
        words: String,
    },
    /// What was written is for supervisors and managers.
    Assessed,
    /// It, or the work on it, was offered to somebody, who has not accepted by that.
    Offered {
        part: Part,
        to: Receiver,
        words: String,
    },
    OfferEnded {
        end: OfferEnd,
        why: String,
    },
    /// It, or the work on it, is somebody's from then on.
    Given {
        part: Part,
        person: PersonId,
        how: How,
        words: String,
    },
    /// Who leads was told at once of an urgent complaint.
    Alarmed,
    Commented {
        words: String,
    },
    Attached {
        attachment: AttachmentId,
        name: String,
    },
    /// It has to do with another ticket, whose number it is.
    Tied {
        how: Tie,
        number: String,
    },
    Untied {
        how: Tie,
        number: String,
    },
    /// All or part of one of two tickets went to the other, whose number it is.
    Regrouped {
        kind: RegroupKind,
        gave: bool,
        number: String,
    },
    /// It came back.
    RegroupUndone {
        kind: RegroupKind,
        number: String,
    },
    /// A call turned out to be about another ticket, whose number it is.
    CallMoved {
        number: String,
    },
    /// Somebody said whose it is.
    Customer {
        name: String,
    },
    /// Somebody took it, or let it go.
    Claimed {
        clock: ClockKind,
        by: Option<PersonId>,
    },
    /// Something changed what a deadline is reckoned from.
    Moved {
        clock: ClockKind,
        due_at: Option<Time>,
    },
    /// Somebody called from a page.
    Dialled,
    /// Somebody was shown the customer's numbers, which are masked otherwise.
    NumbersShown,
    /// All of it was put into one file; its numbers masked, or not.
    EvidenceMade {
        masked: bool,
    },
    /// Somebody ended a call from a page.
    HungUp,
    /// Somebody listened in on an agent; `heard_ms` none: the phone for it was not picked up.
    Spied {
        agent: Extension,
        person: Option<PersonId>,
        how: Spying,
        heard_ms: Option<i64>,
    },
}

/// Something that somebody was shown, or took away, that not everybody sees.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    pub seq: i64,
    pub at: Time,
    /// None: the command line.
    pub by: Option<PersonId>,
    pub what: Audited,
    pub ticket: Option<String>,
    pub customer: Option<(CustomerId, String)>,
    pub call: Option<CallId>,
    /// Of a file: numbers are masked in it.
    pub masked: bool,
}

words! {
    Audited { NumbersShown = "numbers_shown", EvidenceMade = "evidence_made", CustomersExported = "customers_exported" }
}

/// One of the versions of the site's terms.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyVersion {
    pub version: i64,
    pub at: Time,
    /// None: as shipped, by the command line, or because what ships changed.
    pub by: Option<PersonId>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PolicyText {
    pub version: PolicyVersion,
    /// As somebody wrote it (TOML).
    pub text: String,
}

/// A time in which a PBX was not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    pub pbx: PbxName,
    pub from: Time,
    pub to: Option<Time>,
    pub why: String,
}

#[derive(Clone, Debug)]
pub struct UnmappedExtension {
    pub pbx: PbxName,
    pub extension: Extension,
    pub name: String,
    pub answered_today: i64,
    pub dialled_today: i64,
    pub last_seen_at: Time,
}

/// A line of the ledger; an outage's `to` is when it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    pub entry: Entry,
    /// Of outages that are over.
    pub to: Option<Time>,
}

words! {
    /// How a customer was asked how they were served.
    Way { Keys = "keys", Agent = "agent" }
}

/// Askings, counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyed {
    pub way: Way,
    /// Who served; none where the PBX's agent is nobody's, or nobody talked.
    pub person: Option<PersonId>,
    pub agent: Option<Extension>,
    pub queue: Option<QueueName>,
    pub offered: i64,
    pub heard: i64,
    pub answered: i64,
    pub satisfied: i64,
    pub fairly: i64,
    pub dissatisfied: i64,
    /// Of those answered, with a score; and the sum of them.
    pub scored: i64,
    pub scores: i64,
}

/// A closed matter's lot, as it was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    pub ticket: TicketId,
    pub number: String,
    pub at: Time,
    pub lot: Lot,
    pub percent: u8,
    pub drawn: bool,
}
