//! Who may do what in a matter: one table. The desk refuses by it, and pages show what it allows.
//!
//! What somebody may goes by their role and by what they are to the matter: [`allows`] is the table.
//! What they are to it is read from its [`Circle`]. Whoever may not see a matter is told that it is not
//! there; whoever sees it and may not do that, that they may not.

use chrono::TimeDelta;

use super::case::{Case, OpenObligation, Staff};
use super::command::Refusal;
use super::ownership::Receiver;
use super::regroup::Unfit;
use super::ticket::Ticket;
use crate::names::words;
use crate::{DepartmentName, PersonId, Role, Time};

/// Whoever talked with a customer writes down what was said, and comes back to it on the same day.
const TALK_COUNTS_FOR: TimeDelta = TimeDelta::hours(24);

words! {
    /// What is done in a matter, and with what is owed in it.
    Act {
        /// Read it: its pages, its files, its evidence, whose number it is.
        See = "see",
        /// Write its form, and say whose it is.
        Write = "write",
        /// Leave a note or a file, and say which other matters it has to do with.
        Note = "note",
        /// Promise, accept, answer, ask how it was: what its clocks go by.
        Step = "step",
        /// Put solution and result on file.
        File = "file",
        /// Call its customer from a page.
        Call = "call",
        /// Take what is owed, give it back, let it stand still and go on.
        Work = "work",
        /// Let what is owed go, and free what somebody else has taken.
        Waive = "waive",
        /// Take what nobody has, offer what one has.
        Hand = "hand",
        /// Give it to somebody at once.
        Assign = "assign",
        /// Say whether a remedy that is asked for is given.
        Decide = "decide",
        /// Write, and read, what the monthly assessment goes by.
        Assess = "assess",
        /// Make another kind of matter of a complaint.
        Reclass = "reclass",
    }
}

words! {
    /// What somebody is to a matter; it may be several of these.
    Relation {
        /// It is theirs, or the work on it, or what is owed in it; or they stand in for whose it is.
        Own = "own",
        /// They work in its department.
        Department = "department",
        /// They are talking with the customer in it, or did within the last day.
        Talked = "talked",
        /// It is offered to them and they have not answered, or they look after its customer.
        Invited = "invited",
        /// Nobody owns it.
        Nobodys = "nobodys",
        Others = "others",
    }
}

/// The table.
pub fn allows(role: Role, relation: Relation, act: Act) -> bool {
    use Act::*;
    let acts: &[Act] = match (role, relation) {
        (Role::Supervisor, _) => Act::ALL,
        (Role::Manager, _) => &[See, Call, Work, Waive, Decide, Assess, Reclass],
        (Role::Agent | Role::Handler, Relation::Own | Relation::Department) => {
            &[See, Write, Note, Step, File, Call, Work, Hand]
        }
        (Role::Agent | Role::Handler, Relation::Talked) => &[See, Write, Note, Step, Call, Work],
        (Role::Agent | Role::Handler, Relation::Invited) => &[See, Note, Call],
        // Whose it is answers for what is on file; nobody's is a supervisor's.
        (Role::Agent, Relation::Nobodys) => &[See, Write, Note, Step, Call, Work, Hand],
        (Role::Handler, Relation::Nobodys) | (Role::Agent | Role::Handler, Relation::Others) => &[],
        // They wire PBXes and people; customers' matters are not theirs.
        (Role::Admin, _) => &[],
    };
    acts.contains(&act)
}

/// Who has to do with a matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circle {
    pub owner: Option<PersonId>,
    /// Who works on it for the owner.
    pub handler: Option<PersonId>,
    pub department: Option<DepartmentName>,
    /// To whom it is offered, who has not answered.
    pub offered: Option<Receiver>,
    /// Who looks after its customer, where that is a key customer.
    pub manager: Option<PersonId>,
    /// Who talked with the customer in it, and until when; none: still.
    pub talked: Vec<(PersonId, Option<Time>)>,
}

/// Those who work here, as far as rights go by them.
pub trait People {
    fn role(&self, person: PersonId) -> Option<Role>;
    /// Who is told in somebody's place; themselves while they are here.
    fn stand_in(&self, person: PersonId) -> Option<PersonId>;
    fn is_of(&self, person: PersonId, department: &DepartmentName) -> bool;
}

impl People for Staff {
    fn role(&self, person: PersonId) -> Option<Role> {
        self.people.get(&person).map(|member| member.role)
    }
    fn stand_in(&self, person: PersonId) -> Option<PersonId> {
        Staff::stand_in(self, person)
    }
    fn is_of(&self, person: PersonId, department: &DepartmentName) -> bool {
        Staff::is_of(self, person, department)
    }
}

impl Circle {
    pub fn may(&self, people: &impl People, who: PersonId, act: Act, now: Time) -> bool {
        let Some(role) = people.role(who) else { return false };
        let mut relations = Relation::ALL.iter().filter(|relation| self.is(people, who, **relation, now));
        relations.any(|relation| allows(role, *relation, act))
    }

    /// Of what somebody owes in it: whoever may so in the matter may, and whose it is to keep; what nobody
    /// is to keep is as a matter that nobody owns.
    pub fn may_of(&self, owes: Option<PersonId>, people: &impl People, who: PersonId, act: Act, now: Time) -> bool {
        let owed = Circle { owner: owes, ..Circle::default() };
        owed.may(people, who, act, now) || self.may(people, who, act, now)
    }

    fn is(&self, people: &impl People, who: PersonId, relation: Relation, now: Time) -> bool {
        let theirs = |person: PersonId| person == who || people.stand_in(person) == Some(who);
        match relation {
            Relation::Own => self.owner.into_iter().chain(self.handler).any(theirs),
            Relation::Department => self.department.as_ref().is_some_and(|department| people.is_of(who, department)),
            Relation::Talked => {
                let counts = |until: &Option<Time>| until.is_none_or(|until| until + TALK_COUNTS_FOR > now);
                self.talked.iter().any(|(person, until)| *person == who && counts(until))
            }
            Relation::Invited => {
                let offered = self.offered.as_ref().is_some_and(|to| match to {
                    Receiver::Person(person) => theirs(*person),
                    Receiver::Department(department) => people.is_of(who, department),
                });
                offered || self.manager.is_some_and(theirs)
            }
            Relation::Nobodys => self.owner.is_none(),
            Relation::Others => true,
        }
    }
}

/// The ticket that the input names, where `by` may do that in it; the command line may all. In what became
/// part of another nothing is done any more.
pub fn ticket(case: &Case, by: Option<PersonId>, act: Act, now: Time) -> Result<&Ticket, Refusal> {
    has_matters(case, by)?;
    let ticket = case.ticket.as_ref().ok_or(Refusal::NoSuchTicket)?;
    in_circle(case, &case.circle, by, act, now)?;
    let goes_on_elsewhere = ticket.merged_into.is_some();
    match act {
        Act::See | Act::Call => Ok(ticket),
        Act::Write
        | Act::Note
        | Act::Step
        | Act::File
        | Act::Work
        | Act::Waive
        | Act::Hand
        | Act::Assign
        | Act::Decide
        | Act::Assess
        | Act::Reclass => {
            if goes_on_elsewhere {
                Err(Refusal::Regroup(Unfit::Gone))
            } else {
                Ok(ticket)
            }
        }
    }
}

/// As [`ticket`], of whose matter the circle is.
pub fn in_circle(case: &Case, circle: &Circle, by: Option<PersonId>, act: Act, now: Time) -> Result<(), Refusal> {
    let Some(by) = by else { return Ok(()) };
    let may = |act| circle.may(&*case.staff, by, act, now);
    match (may(Act::See), may(act)) {
        (_, true) => Ok(()),
        (true, false) => Err(Refusal::NotAllowed),
        (false, false) => Err(Refusal::NoSuchTicket),
    }
}

/// Whether somebody may do that with what is owed: the case's ticket is its matter.
pub fn with_owed(case: &Case, owes: Option<PersonId>, by: PersonId, act: Act, now: Time) -> bool {
    case.circle.may_of(owes, &*case.staff, by, act, now)
}

/// Whether what is owed may be taken by who dials its customer's number, whom only the PBX has told of.
pub fn may_take(case: &Case, owed: &OpenObligation, by: PersonId, now: Time) -> bool {
    let department = owed.basis.subject.department.clone();
    let circle = Circle { owner: owed.ticket_owner, department, ..Circle::default() };
    circle.may_of(owed.owner, &*case.staff, by, Act::Work, now)
}

/// Whether somebody is above all whose matters these are: of what concerns everybody's calls.
pub fn leads(case: &Case, by: PersonId) -> bool {
    case.staff.role(by).is_some_and(|role| allows(role, Relation::Others, Act::Waive))
}

/// Customers' matters are not an admin's; the command line is the house's owner.
pub fn has_matters(case: &Case, by: Option<PersonId>) -> Result<(), Refusal> {
    let Some(by) = by else { return Ok(()) };
    match case.staff.role(by) {
        Some(Role::Agent | Role::Handler | Role::Supervisor | Role::Manager) => Ok(()),
        Some(Role::Admin) | None => Err(Refusal::NotAllowed),
    }
}

/// Who writes matters down at all: managers read.
pub fn writes(case: &Case, by: Option<PersonId>) -> Result<(), Refusal> {
    let Some(by) = by else { return Ok(()) };
    match case.staff.role(by) {
        Some(Role::Agent | Role::Handler | Role::Supervisor) => Ok(()),
        Some(Role::Manager | Role::Admin) | None => Err(Refusal::NotAllowed),
    }
}
