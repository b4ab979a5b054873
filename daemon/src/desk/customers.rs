//! What people do with customers: write them down.

mod complaints;

use super::case::{Case, KnownCustomer, Matter};
use super::command::{CustomerForm, FieldWhy, Refusal};
use super::fact::Fact;
use super::people::text;
use super::policy::{Policy, Standing};
use super::rungs::moved;
use super::ticket::Kind;
use super::tickets::{LINE_CHARS, TEXT_CHARS, may_write, read};
use crate::number::Number;
use crate::{CustomerId, PersonId, Role, TicketId, Time};
pub use complaints::heard;

/// Lines of one customer.
const NUMBERS: usize = 50;

/// A new customer, or one as changed from that version; `ticket` is theirs from then on, and so is what
/// came from their numbers and is nobody's.
pub fn save(
    case: &Case,
    by: Option<PersonId>,
    customer: Option<(CustomerId, i64)>,
    ticket: Option<TicketId>,
    form: &CustomerForm,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    may_write(case, by)?;
    let known = customer.map(|named| stands(case, named)).transpose()?;
    if ticket.is_some() && case.ticket.is_none() {
        return Err(Refusal::NoSuchTicket);
    }
    let numbers = checked(case, known, form)?;
    let id = known.map_or(case.ids.customer(), |known| known.id);
    let version = known.map_or(1, |known| known.version + 1);
    let then = KnownCustomer {
        id,
        standing: Standing { key_customer: form.key_customer, class: form.class.clone() },
        manager: form.manager,
        version,
        saved_by: by,
    };
    let saved =
        Fact::CustomerSaved { customer: id, by, version, form: Box::new(form.clone()), numbers: numbers.clone() };
    let mut facts = vec![saved];
    let named = case.ticket.iter().filter(|ticket| ticket.customer != Some(id)).map(|t| (t.id, t.owner, t.kind));
    let alone = |number: &Number| numbers.contains(number) && !case.shared.contains(number);
    let nobodys = |matter: &&Matter| {
        matter.customer.is_none() && matter.caller.as_ref().is_some_and(alone) && Some(matter.id) != ticket
    };
    let theirs = case.open_tickets.iter().filter(nobodys);
    let joined: Vec<_> = named.chain(theirs.map(|matter| (matter.id, matter.owner, matter.subject.kind))).collect();
    facts.extend(joined.iter().map(|&(ticket, owner, _)| Fact::TicketLinked { ticket, customer: id, owner }));
    facts.extend(case.obligations.iter().filter_map(|obligation| {
        let linked = joined.iter().any(|(ticket, ..)| *ticket == obligation.ticket)
            || (obligation.customer.is_none() && obligation.number.as_ref().is_some_and(alone));
        let reckoned = obligation.customer == Some(id) && obligation.basis.subject.standing != then.standing;
        (linked || reckoned).then(|| {
            let mut owed = obligation.clone();
            owed.customer = Some(id);
            owed.basis.subject.standing = then.standing.clone();
            moved(&case.policy, &owed)
        })
    }));
    let brought = joined.iter().filter(|(.., kind)| *kind == Kind::Complaint).map(|(ticket, ..)| *ticket);
    let complaints: Vec<TicketId> = case.complaints.iter().copied().chain(brought).collect();
    heard(case, &mut facts, &then, &complaints, now);
    Ok(facts)
}

/// The customer, if that version stands.
fn stands(case: &Case, (id, version): (CustomerId, i64)) -> Result<&KnownCustomer, Refusal> {
    let known = case.customers.iter().find(|customer| customer.id == id).ok_or(Refusal::NoSuchCustomer)?;
    match known.version == version {
        true => Ok(known),
        false => Err(Refusal::Changed { by: known.saved_by, version: known.version }),
    }
}

/// The numbers of a form that may be saved.
fn checked(case: &Case, known: Option<&KnownCustomer>, form: &CustomerForm) -> Result<Vec<Number>, Refusal> {
    if form.name.trim().is_empty() {
        return Err(Refusal::Field { field: "name", why: FieldWhy::Missing });
    }
    text("name", &form.name, LINE_CHARS)?;
    text("company", &form.company, LINE_CHARS)?;
    text("address", &form.address, LINE_CHARS)?;
    text("note", &form.note, TEXT_CHARS)?;
    // A word that the site has taken away stays with whom it was given to.
    let stays = known.is_some_and(|known| known.standing.class == form.class);
    if !form.class.is_empty() && !stays && !case.policy.terms.classes.contains(&form.class) {
        return Err(Refusal::Field { field: "class", why: FieldWhy::Unknown });
    }
    let looks_after = |person: PersonId| {
        let member = case.staff.people.get(&person);
        // Customers' matters are not an admin's.
        member.is_some_and(|member| member.active && member.role != Role::Admin)
    };
    let stays = known.is_some_and(|known| known.manager == form.manager);
    if form.manager.is_some_and(|manager| !stays && !looks_after(manager)) {
        return Err(Refusal::Field { field: "manager", why: FieldWhy::Unknown });
    }
    numbers(&case.policy, form)
}

/// The numbers of the form, in the one canonical form, each once.
pub fn numbers(policy: &Policy, form: &CustomerForm) -> Result<Vec<Number>, Refusal> {
    let typed = form.numbers.iter().map(|typed| typed.trim()).filter(|typed| !typed.is_empty());
    let mut numbers = Vec::new();
    for typed in typed {
        let number = read(policy, "numbers", typed)?;
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    if numbers.len() > NUMBERS {
        return Err(Refusal::Field { field: "numbers", why: FieldWhy::TooLong { max: NUMBERS } });
    }
    Ok(numbers)
}
