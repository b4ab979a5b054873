//! The case: what one decision may look at. The store gathers it in the transaction that keeps
//! what is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::clock::{Basis, Claim, Next, ObligationState, Survey};
use super::command::CustomerForm;
use super::customer::Shift;
use super::deadline::Ladder;
use super::handling::Handling;
use super::ownership::HandOver;
use super::papers::Papers;
use super::policy::{Policy, Standing, Subject};
use super::regroup::Regroupable;
use super::rights::Circle;
use super::survey::Known;
use super::ticket::{Ticket, TicketState};
use super::told::{Post, stand_in};
use crate::calls::call::{Direction, Segment};
use crate::number::Number;
use crate::{
    AttachmentId, CallId, CommentId, CustomerId, DepartmentName, Extension, LegId, ObligationId, PbxName, PersonId,
    QueueName, RegroupId, RemedyId, Role, ShiftId, TicketId, Time,
};

/// Only what the input may touch is filled in; the rest is empty.
#[derive(Clone, Debug)]
pub struct Case {
    pub policy: Arc<Policy>,
    pub staff: Arc<Staff>,
    pub ids: Ids,
    /// The next free count of the day on which a ticket would be opened.
    pub next_nth: i64,
    /// What was kept of the input's call.
    pub call: Option<KnownCall>,
    /// The matter of the input's call, where it waits for its customer.
    pub waiting: Option<Waiting>,
    /// Those who are on the call's number, or the customer that the input names.
    pub customers: Vec<KnownCustomer>,
    /// Open matters that the input may concern, newest first.
    pub open_tickets: Vec<Matter>,
    /// Open obligations that the input may concern, oldest first.
    pub obligations: Vec<OpenObligation>,
    /// What is open beside the promises among these in their matters, though to another number: who called
    /// does not keep it, but a promise that is over goes by it.
    pub beside: Vec<OpenObligation>,
    /// Calls with the same customers that were talked on long enough to count, since the input's call
    /// or what it is about began; but for that call.
    pub talks: Vec<Talk>,
    /// The obligation that the input names, where it has ended.
    pub over: Option<Over>,
    /// The queue that the ticket came through.
    pub queue: Option<QueueName>,
    /// The ticket that the input names.
    pub ticket: Option<Ticket>,
    /// Who has to do with that ticket.
    pub circle: Circle,
    /// Who saved that ticket, or the policy in force, last.
    pub saved_by: Option<PersonId>,
    /// What was found out about that ticket.
    pub handling: Handling,
    /// What of that ticket is offered to somebody who has not answered.
    pub offer: Option<HandOver>,
    /// When the session that the input names began; none when it does not stand.
    pub session_began_at: Option<Time>,
    /// Who has the id or a number of a line of a file.
    pub written: Vec<Written>,
    /// All that is theirs whom a merge, a split or an undoing is about.
    pub records: Vec<Record>,
    /// The merge or split that the input would undo.
    pub shift: Option<KnownShift>,
    /// The open complaints of the customer that the input names.
    pub complaints: Vec<TicketId>,
    /// Which account managers were told of which of the complaints that the input may concern.
    pub complaints_told: BTreeSet<(TicketId, PersonId)>,
    /// What the input's papers need.
    pub papers: Papers,
    /// What lies in the tickets that the input would put together or apart.
    pub regroup: Regroupable,
    /// Numbers of the input that other customers have too.
    pub shared: BTreeSet<Number>,
    /// The last call that was asked for to keep the obligation that the input names.
    pub attempt: Option<Attempt>,
    /// The call that is to be ended or listened to, where it is up; in the latter case with all
    /// others of its PBX.
    pub up: Vec<UpCall>,
    /// PBXs that cannot be seen now, for what is asked of them.
    pub out_of_sight: BTreeSet<PbxName>,
}

/// Who works here, and whose extension is whose.
#[derive(Clone, Debug, Default)]
pub struct Staff {
    pub people: BTreeMap<PersonId, Member>,
    pub extensions: BTreeMap<PbxName, BTreeMap<Extension, PersonId>>,
    pub departments: BTreeMap<DepartmentName, Department>,
}

/// The people of a department.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Department {
    pub responsible: Option<PersonId>,
    pub deputy: Option<PersonId>,
    pub others: BTreeSet<PersonId>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub login: String,
    pub name: String,
    pub role: Role,
    pub active: bool,
    /// Not here for now: whoever stands in is told instead.
    pub away: bool,
    pub deputy: Option<PersonId>,
}

impl Member {
    /// Whether matters may be theirs: managers read, and admins need no customer's text.
    pub fn works_on_matters(&self) -> bool {
        match self.role {
            Role::Agent | Role::Handler | Role::Supervisor => self.active,
            Role::Manager | Role::Admin => false,
        }
    }
}

/// Ids that nobody has. One decision makes at most one of each, but for obligations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ids {
    first: i64,
}

#[derive(Clone, Debug)]
pub struct KnownCall {
    pub ticket: Option<Matter>,
    pub number: Option<Number>,
    pub ended: bool,
    /// Of its own survey, where it has one now.
    pub survey: Option<Known>,
}

/// A matter that waits for its customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub ticket: TicketId,
    pub version: i64,
    pub since: Time,
    pub owner: Option<PersonId>,
    pub handler: Option<PersonId>,
    /// What is open in it.
    pub owed: Vec<OpenObligation>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KnownCustomer {
    pub id: CustomerId,
    pub standing: Standing,
    /// Who looks after a key customer, and hears of each complaint of theirs.
    pub manager: Option<PersonId>,
    pub version: i64,
    pub saved_by: Option<PersonId>,
}

/// A customer as they stand, with their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub id: CustomerId,
    pub version: i64,
    pub form: CustomerForm,
}

/// All that is a customer's.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub id: CustomerId,
    /// But for the numbers.
    pub form: CustomerForm,
    /// Each with its place.
    pub numbers: Vec<(Number, i64)>,
    pub tickets: Vec<HeldTicket>,
    pub obligations: Vec<HeldObligation>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HeldTicket {
    pub id: TicketId,
    pub caller: Option<Number>,
    pub is_open_complaint: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HeldObligation {
    pub id: ObligationId,
    pub ticket: TicketId,
    pub number: Option<Number>,
    /// Nobody said yet whose the matter is; it is owed to whom the number is.
    pub by_number: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KnownShift {
    pub shift: Shift,
    pub is_undone: bool,
    /// Of its customers none stands that is later.
    pub is_last: bool,
}

/// A ticket, as far as joining calls to it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Matter {
    pub id: TicketId,
    pub owner: Option<PersonId>,
    pub customer: Option<CustomerId>,
    pub caller: Option<Number>,
    /// The customer's class apart, which a matter alone does not know.
    pub subject: Subject,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OpenObligation {
    pub id: ObligationId,
    pub ticket: TicketId,
    pub customer: Option<CustomerId>,
    pub number: Option<Number>,
    pub owner: Option<PersonId>,
    pub ticket_owner: Option<PersonId>,
    pub ticket_state: TicketState,
    pub basis: Basis,
    /// As it was reckoned last.
    pub ladder: Ladder,
    /// None once all have fired.
    pub next: Option<Next>,
    /// When a change gave the next rung another time, last.
    pub moved_at: Option<Time>,
    /// The last, also one that is over.
    pub claim: Option<Claim>,
    /// When calls to the customer came to no talk, oldest first.
    pub attempts: Vec<Time>,
    /// Of a return visit or spot check: what the customer said, where no talk proves it yet.
    pub survey: Option<Survey>,
}

/// An obligation that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    pub owner: Option<PersonId>,
    pub state: ObligationState,
    pub at: Time,
    /// None where no person ended it, but a call.
    pub by: Option<PersonId>,
}

/// Another call's talking, as far as it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Talk {
    pub call: CallId,
    pub certain: bool,
    /// When it was seen so: an open talk counts up to here.
    pub seen_at: Time,
    pub segments: Vec<Segment>,
}

/// A call that somebody asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub by: PersonId,
    pub pbx: PbxName,
    pub asked_at: Time,
    /// The tracker told of it, and that it is not over.
    pub is_told: bool,
    pub is_up: bool,
}

/// A call that is up, and who is in it now.
#[derive(Clone, Debug, PartialEq)]
pub struct UpCall {
    pub id: CallId,
    pub pbx: PbxName,
    pub ticket: Option<TicketId>,
    pub direction: Direction,
    /// Who dialled, where it is not inbound.
    pub agent: Option<Extension>,
    /// In the order in which they joined.
    pub talking: Vec<Extension>,
    pub ringing: Vec<Extension>,
}

impl Ids {
    pub fn from(first: i64) -> Ids {
        Ids { first }
    }
    pub fn ticket(self) -> TicketId {
        TicketId(self.first)
    }
    pub fn customer(self) -> CustomerId {
        CustomerId(self.first + 1)
    }
    pub fn comment(self) -> CommentId {
        CommentId(self.first + 1)
    }
    pub fn attachment(self) -> AttachmentId {
        AttachmentId(self.first + 1)
    }
    pub fn remedy(self) -> RemedyId {
        RemedyId(self.first + 1)
    }
    /// What goes from one customer to another opens no ticket.
    pub fn shift(self) -> ShiftId {
        ShiftId(self.first)
    }
    /// What goes from one ticket to another may open one.
    pub fn regroup(self) -> RegroupId {
        RegroupId(self.first + 1)
    }
    pub fn person(self) -> PersonId {
        PersonId(self.first + 1)
    }
    pub fn leg(self) -> LegId {
        LegId(format!("ringback-{}", self.count()).into())
    }
    /// What a leg of ours is numbered by.
    pub fn count(self) -> i64 {
        self.first + 2
    }
    /// Of the obligations that one decision begins, the one after so many others.
    pub fn obligation(self, others: usize) -> ObligationId {
        ObligationId(self.first + Self::SINGLE + others as i64)
    }
    /// How many ids a decision has used at most that begins so many obligations.
    pub fn used(obligations: usize) -> i64 {
        Self::SINGLE + obligations as i64
    }
    const SINGLE: i64 = 3;
}

impl Staff {
    /// Whose extension it is.
    pub fn holder(&self, pbx: &PbxName, extension: &Extension) -> Option<PersonId> {
        self.extensions.get(pbx)?.get(extension).copied()
    }
    pub fn is_active(&self, person: PersonId) -> bool {
        self.people.get(&person).is_some_and(|member| member.active)
    }
    /// Who is told in somebody's place; none where nobody of the chain of deputies is here.
    pub fn stand_in(&self, person: PersonId) -> Option<PersonId> {
        let post = |member: &Member| Post { is_here: member.active && !member.away, deputy: member.deputy };
        stand_in(person, |person| self.people.get(&person).map(post))
    }
    /// Who answers for a department now: the responsible person, else the department's deputy, else who
    /// stands in for the one or the other, else anybody of it.
    pub fn head(&self, department: &DepartmentName) -> Option<PersonId> {
        let people = self.departments.get(department)?;
        let is_here = |person: &PersonId| self.people.get(person).is_some_and(|member| member.active && !member.away);
        let heads = || [people.responsible, people.deputy].into_iter().flatten();
        let stand_in = || heads().find_map(|head| self.stand_in(head));
        heads().find(is_here).or_else(stand_in).or_else(|| people.others.iter().copied().find(is_here))
    }
    /// Whether somebody works there.
    pub fn is_of(&self, person: PersonId, department: &DepartmentName) -> bool {
        self.departments.get(department).is_some_and(|people| people.all().any(|one| one == person))
    }
    pub fn is_in(&self, person: PersonId, role: Role) -> bool {
        self.people.get(&person).is_some_and(|member| member.role == role)
    }
    /// Active people in a role.
    pub fn in_role(&self, role: Role) -> impl Iterator<Item = PersonId> {
        self.people.iter().filter(move |(_, m)| m.active && m.role == role).map(|(id, _)| *id)
    }
}

impl Department {
    /// Each once or twice.
    pub fn all(&self) -> impl Iterator<Item = PersonId> {
        [self.responsible, self.deputy].into_iter().flatten().chain(self.others.iter().copied())
    }
}

impl Record {
    pub fn has(&self, number: &Number) -> bool {
        self.numbers.iter().any(|(theirs, _)| theirs == number)
    }
    pub fn place(&self, number: &Number) -> i64 {
        self.numbers.iter().find(|(theirs, _)| theirs == number).map_or(0, |(_, place)| *place)
    }
    /// What is owed in these matters, or for these numbers in none of theirs.
    pub fn obligations_of(&self, tickets: &BTreeSet<TicketId>, numbers: &BTreeSet<Number>) -> Vec<ObligationId> {
        let goes = |held: &&HeldObligation| {
            tickets.contains(&held.ticket)
                || (held.by_number && held.number.as_ref().is_some_and(|number| numbers.contains(number)))
        };
        self.obligations.iter().filter(goes).map(|held| held.id).collect()
    }
}

impl Case {
    /// A case with nothing in it but what every decision may use.
    pub fn new(policy: Arc<Policy>, staff: Arc<Staff>, ids: Ids) -> Case {
        Case {
            policy,
            staff,
            ids,
            next_nth: 1,
            call: None,
            waiting: None,
            customers: Vec::new(),
            open_tickets: Vec::new(),
            obligations: Vec::new(),
            beside: Vec::new(),
            talks: Vec::new(),
            over: None,
            queue: None,
            ticket: None,
            circle: Circle::default(),
            saved_by: None,
            handling: Handling::default(),
            offer: None,
            session_began_at: None,
            written: Vec::new(),
            records: Vec::new(),
            shift: None,
            complaints: Vec::new(),
            complaints_told: BTreeSet::new(),
            papers: Papers::default(),
            regroup: Regroupable::default(),
            shared: BTreeSet::new(),
            attempt: None,
            up: Vec::new(),
            out_of_sight: BTreeSet::new(),
        }
    }
    /// The customer, where exactly one is on the number.
    pub fn only_customer(&self) -> Option<&KnownCustomer> {
        match self.customers.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}
