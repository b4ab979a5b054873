//! Two customers who are one, and one who is two: what is theirs goes from one record to another, and
//! back when that was wrong.
//!
//! A shift's fact names each number, matter and obligation that went; what is undone goes back by it, so
//! that all that there was before is as it was. What came in between goes with the number that it came
//! from. Shifts of the same customers are undone in turn, the last one first.

use std::collections::BTreeSet;

use super::{NUMBERS, heard, stands};
use crate::desk::case::{Case, HeldTicket, KnownCustomer, Record};
use crate::desk::command::{CustomerForm, FieldWhy, Refusal};
use crate::desk::customer::{CannotUndo, CustomerFact, Moved, MovedNumber, Shift, ShiftKind};
use crate::desk::fact::Fact;
use crate::desk::people::text;
use crate::desk::rungs::moved;
use crate::desk::tickets::{LINE_CHARS, read};
use crate::number::Number;
use crate::{CustomerId, PersonId, TicketId, Time};

pub fn merge(
    case: &Case,
    by: Option<PersonId>,
    from: (CustomerId, i64),
    into: (CustomerId, i64),
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let (giver, taker) = (stands(case, from)?, stands(case, into)?);
    if giver.id == taker.id {
        return Err(Refusal::Field { field: "into", why: FieldWhy::Taken });
    }
    let (given, taken) = (record(case, giver.id)?, record(case, taker.id)?);
    let mut place = taken.numbers.iter().map(|(_, place)| place + 1).max().unwrap_or_default();
    let mut numbers = Vec::new();
    for (number, was_at) in &given.numbers {
        let is_at = (!taken.has(number)).then_some(place);
        place += i64::from(is_at.is_some());
        numbers.push(MovedNumber { number: number.clone(), was_at: *was_at, is_taken: true, is_at });
    }
    if taken.numbers.len() + numbers.iter().filter(|moved| moved.is_at.is_some()).count() > NUMBERS {
        return Err(Refusal::Field { field: "numbers", why: FieldWhy::TooLong { max: NUMBERS } });
    }
    let moved = Moved {
        numbers,
        tickets: given.tickets.iter().map(|held| held.id).collect(),
        obligations: given.obligations.iter().map(|held| held.id).collect(),
    };
    let shift = Shift { id: case.ids.shift(), kind: ShiftKind::Merge, giver: giver.id, taker: taker.id, moved };
    let fact = CustomerFact::Shifted { shift: Box::new(shift.clone()), by };
    Ok(went(case, fact, &shift.moved, given, taker, now))
}

pub fn split(
    case: &Case,
    by: Option<PersonId>,
    customer: (CustomerId, i64),
    name: &str,
    (numbers, tickets): (&[String], &[TicketId]),
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let giver = stands(case, customer)?;
    let given = record(case, giver.id)?;
    if name.trim().is_empty() {
        return Err(Refusal::Field { field: "name", why: FieldWhy::Missing });
    }
    text("name", name, LINE_CHARS)?;
    let named: BTreeSet<Number> =
        numbers.iter().map(|typed| read(&case.policy, "numbers", typed)).collect::<Result<_, _>>()?;
    let tickets: BTreeSet<TicketId> = tickets.iter().copied().collect();
    if named.is_empty() && tickets.is_empty() {
        return Err(Refusal::Field { field: "numbers", why: FieldWhy::Missing });
    }
    if !named.iter().all(|number| given.has(number)) {
        return Err(Refusal::Field { field: "numbers", why: FieldWhy::Unknown });
    }
    if !tickets.iter().all(|ticket| given.tickets.iter().any(|held| held.id == *ticket)) {
        return Err(Refusal::Field { field: "tickets", why: FieldWhy::Unknown });
    }
    let id = case.ids.customer();
    let theirs = given.numbers.iter().filter(|(number, _)| named.contains(number));
    let numbers = (0..).zip(theirs).map(|(place, (number, was_at))| MovedNumber {
        number: number.clone(),
        was_at: *was_at,
        is_taken: true,
        is_at: Some(place),
    });
    let moved = Moved {
        numbers: numbers.collect(),
        obligations: given.obligations_of(&tickets, &named),
        tickets: tickets.into_iter().collect(),
    };
    // As the record was, until somebody writes it down otherwise.
    let form =
        CustomerForm { name: name.trim().to_owned(), note: String::new(), numbers: Vec::new(), ..given.form.clone() };
    let taker = KnownCustomer { id, version: 1, saved_by: by, ..giver.clone() };
    let saved = Fact::CustomerSaved { customer: id, by, version: 1, form: Box::new(form), numbers: Vec::new() };
    let shift = Shift { id: case.ids.shift(), kind: ShiftKind::Split, giver: giver.id, taker: id, moved };
    let fact = CustomerFact::Shifted { shift: Box::new(shift.clone()), by };
    Ok([saved].into_iter().chain(went(case, fact, &shift.moved, given, &taker, now)).collect())
}

/// The case's shift goes back.
pub fn undo(case: &Case, by: Option<PersonId>, now: Time) -> Result<Vec<Fact>, Refusal> {
    let known = case.shift.as_ref().ok_or(Refusal::CannotUndo(CannotUndo::NoSuchShift))?;
    if known.is_undone {
        return Err(Refusal::CannotUndo(CannotUndo::Undone));
    }
    if !known.is_last {
        return Err(Refusal::CannotUndo(CannotUndo::NotTheLast));
    }
    let shift = &known.shift;
    let customer = |id| case.customers.iter().find(|customer| customer.id == id).ok_or(Refusal::NoSuchCustomer);
    let (taker, given) = (customer(shift.giver)?, record(case, shift.taker)?);
    let back = match shift.kind {
        ShiftKind::Merge => back_from_merge(shift, given),
        ShiftKind::Split => back_from_split(shift, given, record(case, shift.giver)?),
    };
    let fact = CustomerFact::ShiftUndone { shift: Box::new(shift.clone()), back: Box::new(back.clone()), by };
    Ok(went(case, fact, &back, given, taker, now))
}

/// What went goes back, as far as it is still there; and what came since from a number that goes back.
fn back_from_merge(shift: &Shift, given: &Record) -> Moved {
    let kept = shift.moved.numbers.iter().filter(|moved| given.has(&moved.number));
    let numbers: Vec<MovedNumber> = kept
        .map(|moved| MovedNumber {
            number: moved.number.clone(),
            was_at: given.place(&moved.number),
            is_taken: moved.is_at.is_some(),
            is_at: Some(moved.was_at),
        })
        .collect();
    let away: BTreeSet<Number> = numbers.iter().filter(|moved| moved.is_taken).map(|m| m.number.clone()).collect();
    let is_back = |held: &&HeldTicket| {
        shift.moved.tickets.contains(&held.id)
            || (held.id.0 > shift.id.0 && held.caller.as_ref().is_some_and(|caller| away.contains(caller)))
    };
    let tickets: BTreeSet<TicketId> = given.tickets.iter().filter(is_back).map(|held| held.id).collect();
    let went: BTreeSet<_> = shift.moved.obligations.iter().copied().collect();
    let with_them = given.obligations_of(&tickets, &away);
    let obligations =
        given.obligations.iter().map(|held| held.id).filter(|id| went.contains(id) || with_them.contains(id));
    Moved { numbers, obligations: obligations.collect(), tickets: tickets.into_iter().collect() }
}

/// All that the second record has, since it is none of its own any more.
fn back_from_split(shift: &Shift, given: &Record, taken: &Record) -> Moved {
    let mut place = taken.numbers.iter().map(|(_, place)| place + 1).max().unwrap_or_default();
    let mut numbers = Vec::new();
    for (number, was_at) in &given.numbers {
        let before = shift.moved.numbers.iter().find(|moved| moved.number == *number).map(|moved| moved.was_at);
        let is_at = (!taken.has(number)).then(|| {
            before.unwrap_or_else(|| {
                place += 1;
                place
            })
        });
        numbers.push(MovedNumber { number: number.clone(), was_at: *was_at, is_taken: true, is_at });
    }
    Moved {
        numbers,
        tickets: given.tickets.iter().map(|held| held.id).collect(),
        obligations: given.obligations.iter().map(|held| held.id).collect(),
    }
}

/// That it went, and what of it is open by what the taker is to the site.
fn went(case: &Case, fact: CustomerFact, what: &Moved, given: &Record, taker: &KnownCustomer, now: Time) -> Vec<Fact> {
    let mut facts = vec![Fact::Customer(fact)];
    facts.extend(case.obligations.iter().filter(|owed| what.obligations.contains(&owed.id)).map(|owed| {
        let mut owed = owed.clone();
        owed.customer = Some(taker.id);
        owed.basis.subject.standing = taker.standing.clone();
        moved(&case.policy, &owed)
    }));
    let complains = |id: &&TicketId| given.tickets.iter().any(|held| held.id == **id && held.is_open_complaint);
    let complaints: Vec<TicketId> = what.tickets.iter().filter(complains).copied().collect();
    heard(case, &mut facts, taker, &complaints, now);
    facts
}

fn record(case: &Case, customer: CustomerId) -> Result<&Record, Refusal> {
    case.records.iter().find(|record| record.id == customer).ok_or(Refusal::NoSuchCustomer)
}
