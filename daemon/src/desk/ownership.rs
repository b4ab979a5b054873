//! Whose a matter is. Whoever first talks with the customer about it owns it, and it goes over only to
//! somebody who accepts it: what is offered and not accepted in time is the giver's again. The work on a
//! matter may go to another or to a department while its owner stays the one who answers to the customer.
//!
//! That somebody is to accept is itself owed (a [`ClockKind::HandOver`]), so that it stands in lists, is
//! reminded of, and ends once, whatever is killed.

use super::case::{Case, OpenObligation};
use super::clock::{ClockKind, News, ObligationState};
use super::command::{FieldWhy, Refusal};
use super::fact::Fact;
use super::matters::{Whose, begin, ended, kept};
use super::people::text;
use super::rights::{self, Act};
use super::ticket::{Ticket, TicketState};
use super::told::{Addressee, stands_in};
use crate::names::words;
use crate::{DepartmentName, ObligationId, PersonId, Role, TicketId, Time};

/// Some sentences.
const WORDS_CHARS: usize = 2_000;

words! {
    /// What of a matter somebody has.
    Part {
        /// The matter: to answer to the customer for it.
        Matter = "matter",
        /// To find out and to decide, for its owner.
        Work = "work",
    }
}

words! {
    /// How somebody came to have it.
    How {
        /// Was the first to talk with the customer.
        Talked = "talked",
        Opened = "opened",
        /// Nobody had it.
        Took = "took",
        /// Was offered it, and accepted.
        Accepted = "accepted",
        /// A supervisor said so.
        Assigned = "assigned",
    }
}

words! {
    /// How an offer ended.
    OfferEnd { Accepted = "accepted", Refused = "refused", Withdrawn = "withdrawn", Lapsed = "lapsed" }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    Person(PersonId),
    /// Whoever of it accepts.
    Department(DepartmentName),
}

/// What is done about whose a matter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Have what nobody has.
    Take {
        part: Part,
    },
    /// Offer it to somebody; it is theirs once they accept. One offer at a time.
    Offer {
        part: Part,
        to: Receiver,
        words: String,
    },
    Accept,
    Refuse {
        why: String,
    },
    /// The giver thought better of it.
    Withdraw,
    /// Give it to somebody at once. For supervisors.
    Assign {
        part: Part,
        to: Receiver,
        words: String,
    },
}

/// An offer that nobody has answered.
#[derive(Clone, Debug, PartialEq)]
pub struct HandOver {
    /// That somebody is to accept it.
    pub obligation: ObligationId,
    pub part: Part,
    pub from: Option<PersonId>,
    pub to: Receiver,
    pub by: PersonId,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum HandFact {
    Offered {
        ticket: TicketId,
        offer: HandOver,
        words: String,
        told: Vec<Addressee>,
        send_at: Time,
    },
    OfferEnded {
        ticket: TicketId,
        obligation: ObligationId,
        end: OfferEnd,
        /// None: it lapsed.
        by: Option<PersonId>,
        why: String,
        /// Who offered it hears of it.
        told: Vec<Addressee>,
        send_at: Time,
    },
    Given {
        ticket: TicketId,
        part: Part,
        person: PersonId,
        from: Option<PersonId>,
        /// Of whom it is from now on; none: as before.
        department: Option<DepartmentName>,
        how: How,
        by: PersonId,
        words: String,
        /// What is owed in it and goes along.
        owed: Vec<ObligationId>,
    },
}

pub fn given(case: &Case, by: Option<PersonId>, hand: &Hand, now: Time) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    let offer = case.offer.as_ref();
    let is_offered = offer.is_some_and(|offer| receives(case, offer, by));
    let act = match hand {
        // Who is offered a matter sees it, and answers.
        Hand::Accept | Hand::Refuse { .. } if is_offered => Act::See,
        Hand::Take { .. } | Hand::Offer { .. } | Hand::Accept | Hand::Refuse { .. } | Hand::Withdraw => Act::Hand,
        Hand::Assign { .. } => Act::Assign,
    };
    let ticket = rights::ticket(case, Some(by), act, now)?;
    if ticket.state == TicketState::Closed {
        return Err(Refusal::IsClosed);
    }
    match hand {
        Hand::Take { part } => take(case, ticket, *part, by),
        Hand::Offer { part, to, words } => self::offer(case, ticket, *part, to, words, by, now),
        Hand::Accept => accept(case, ticket, offer.filter(|_| is_offered).ok_or(Refusal::NotOffered)?, by, now),
        Hand::Refuse { why } => {
            let offer = offer.filter(|_| is_offered).ok_or(Refusal::NotOffered)?;
            written("why", why)?;
            Ok(end(case, offer, OfferEnd::Refused, Some(by), why, now))
        }
        Hand::Withdraw => {
            let offer = offer.ok_or(Refusal::NotOffered)?;
            let theirs = offer.by == by || offer.from == Some(by) || supervises(case, by);
            if !theirs {
                return Err(Refusal::NotAllowed);
            }
            Ok(end(case, offer, OfferEnd::Withdrawn, Some(by), "", now))
        }
        Hand::Assign { part, to, words } => assign(case, ticket, *part, to, words, by, now),
    }
}

fn supervises(case: &Case, by: PersonId) -> bool {
    case.staff.is_in(by, Role::Supervisor)
}

fn receives(case: &Case, offer: &HandOver, by: PersonId) -> bool {
    match &offer.to {
        Receiver::Person(person) => *person == by || case.staff.stand_in(*person) == Some(by),
        Receiver::Department(department) => case.staff.is_of(by, department),
    }
}

/// Who has it now.
fn holder(ticket: &Ticket, part: Part) -> Option<PersonId> {
    match part {
        Part::Matter => ticket.owner,
        Part::Work => ticket.handler,
    }
}

fn take(case: &Case, ticket: &Ticket, part: Part, by: PersonId) -> Result<Vec<Fact>, Refusal> {
    match holder(ticket, part) {
        Some(holder) if holder == by => Ok(Vec::new()),
        Some(holder) => Err(Refusal::Held { by: holder }),
        None => Ok(vec![give(case, ticket, part, by, None, How::Took, by, "")]),
    }
}

fn offer(
    case: &Case,
    ticket: &Ticket,
    part: Part,
    to: &Receiver,
    words: &str,
    by: PersonId,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    if let Some(standing) = &case.offer {
        return Err(Refusal::Offered { to: standing.to.clone() });
    }
    written("words", words)?;
    let from = holder(ticket, part).or(ticket.owner);
    let is_theirs = from == Some(by) || ticket.owner == Some(by) || supervises(case, by);
    if !is_theirs && from.is_some_and(|from| case.staff.stand_in(from) != Some(by)) {
        return Err(Refusal::NotAllowed);
    }
    let person = person_of(case, to)?;
    if holder(ticket, part) == Some(person) {
        return Err(Refusal::Held { by: person });
    }
    let mut facts = Vec::new();
    let whose = Whose { owner: Some(person), ..Whose::of(case, ticket) };
    let obligation = begin(case, &mut facts, ClockKind::HandOver, now, whose);
    let told = tell(case, [person]);
    let offer = HandOver { obligation, part, from, to: to.clone(), by };
    let (words, send_at) = (words.trim().to_owned(), case.policy.send_at(now));
    facts.push(Fact::Hand(Box::new(HandFact::Offered { ticket: ticket.id, offer, words, told, send_at })));
    Ok(facts)
}

fn accept(case: &Case, ticket: &Ticket, offer: &HandOver, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
    let mut facts = end(case, offer, OfferEnd::Accepted, Some(by), "", now);
    facts.push(give(case, ticket, offer.part, by, offer.to.department(), How::Accepted, by, ""));
    Ok(facts)
}

/// It came to that end; what was owed for it with it.
fn end(case: &Case, offer: &HandOver, end: OfferEnd, by: Option<PersonId>, why: &str, now: Time) -> Vec<Fact> {
    let Some(owed) = case.obligations.iter().find(|owed| owed.id == offer.obligation) else { return Vec::new() };
    let over = match end {
        OfferEnd::Accepted | OfferEnd::Refused => kept(case, owed, why.trim().to_owned(), by),
        OfferEnd::Withdrawn | OfferEnd::Lapsed => ended(owed, ObligationState::Dropped, by),
    };
    vec![over, offer_ended(case, owed, offer, end, by, why, now)]
}

fn offer_ended(
    case: &Case,
    owed: &OpenObligation,
    offer: &HandOver,
    end: OfferEnd,
    by: Option<PersonId>,
    why: &str,
    now: Time,
) -> Fact {
    let giver = Some(offer.by).filter(|giver| Some(*giver) != by);
    Fact::Hand(Box::new(HandFact::OfferEnded {
        ticket: owed.ticket,
        obligation: owed.id,
        end,
        by,
        why: why.trim().to_owned(),
        told: tell(case, giver),
        send_at: case.policy.send_at(now),
    }))
}

/// Nobody has accepted in time: it is the giver's again, as it was all along.
pub fn lapses(case: &Case, owed: &OpenObligation, now: Time) -> Vec<Fact> {
    let Some(offer) = case.offer.as_ref().filter(|offer| offer.obligation == owed.id) else { return Vec::new() };
    end(case, offer, OfferEnd::Lapsed, None, "", now)
}

/// A supervisor let somebody off accepting: the offer stands no longer.
pub fn let_go(case: &Case, owed: &OpenObligation, by: PersonId, why: &str, now: Time) -> Option<Fact> {
    let offer = case.offer.as_ref().filter(|offer| offer.obligation == owed.id)?;
    Some(offer_ended(case, owed, offer, OfferEnd::Withdrawn, Some(by), why, now))
}

fn assign(
    case: &Case,
    ticket: &Ticket,
    part: Part,
    to: &Receiver,
    words: &str,
    by: PersonId,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    text("words", words, WORDS_CHARS)?;
    let person = person_of(case, to)?;
    let mut facts = Vec::new();
    if let Some(offer) = &case.offer {
        facts.extend(end(case, offer, OfferEnd::Withdrawn, Some(by), words, now));
    }
    facts.push(give(case, ticket, part, person, to.department(), How::Assigned, by, words));
    Ok(facts)
}

/// Who of those it is for can have it now.
fn person_of(case: &Case, to: &Receiver) -> Result<PersonId, Refusal> {
    let wrong = |why| Refusal::Field { field: "to", why };
    match to {
        Receiver::Person(person) => {
            let member = case.staff.people.get(person);
            member.filter(|member| member.works_on_matters()).map(|_| *person).ok_or(wrong(FieldWhy::Unknown))
        }
        Receiver::Department(department) => {
            let is_known = case.policy.terms.departments.contains_key(department);
            let head = case.staff.head(department).filter(|_| is_known);
            head.ok_or(Refusal::NobodyThere { department: department.clone() })
        }
    }
}

/// With it goes what whoever had it owes in it: with the matter all, with the work what is to be filed.
#[expect(clippy::too_many_arguments, reason = "one giving, told whole")]
fn give(
    case: &Case,
    ticket: &Ticket,
    part: Part,
    person: PersonId,
    department: Option<DepartmentName>,
    how: How,
    by: PersonId,
    words: &str,
) -> Fact {
    let from = holder(ticket, part);
    let goes = |owed: &&OpenObligation| {
        let of_part = match (part, owed.basis.kind) {
            (_, ClockKind::HandOver | ClockKind::SpotCheck) => false,
            (Part::Work, ClockKind::Filing) => true,
            (Part::Work, _) => false,
            // Who has the work files it.
            (Part::Matter, ClockKind::Filing) => ticket.handler.is_none(),
            (Part::Matter, _) => true,
        };
        of_part && owed.owner != Some(person)
    };
    Fact::Hand(Box::new(HandFact::Given {
        ticket: ticket.id,
        part,
        person,
        from,
        department,
        how,
        by,
        words: words.trim().to_owned(),
        owed: case.obligations.iter().filter(goes).map(|owed| owed.id).collect(),
    }))
}

/// Those, or who stands in for them.
fn tell(case: &Case, people: impl IntoIterator<Item = PersonId>) -> Vec<Addressee> {
    stands_in(&case.staff, &people.into_iter().collect())
}

fn written(field: &'static str, words: &str) -> Result<(), Refusal> {
    if words.trim().is_empty() {
        return Err(Refusal::Field { field, why: FieldWhy::Missing });
    }
    text(field, words, WORDS_CHARS)
}

impl Receiver {
    fn department(&self) -> Option<DepartmentName> {
        match self {
            Receiver::Person(_) => None,
            Receiver::Department(department) => Some(department.clone()),
        }
    }
}

impl OfferEnd {
    /// What the giver is told.
    pub fn news(self) -> News {
        match self {
            OfferEnd::Accepted => News::Accepted,
            OfferEnd::Refused => News::Refused,
            OfferEnd::Withdrawn => News::Withdrawn,
            OfferEnd::Lapsed => News::Lapsed,
        }
    }
}
