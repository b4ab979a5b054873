//! What people do with customers: write them down, put two together and one asunder, warn of their calls.

mod complaints;
mod import;
mod shifts;

use super::case::{Case, KnownCustomer, Matter};
use super::clock::whole_ms;
use super::command::{CustomerForm, FieldWhy, Refusal};
use super::customer::{CustomerFact, OfCustomers};
use super::fact::Fact;
use super::people::text;
use super::policy::{Policy, Standing};
use super::rights::{self, Act, writes};
use super::rungs::moved;
use super::ticket::Kind;
use super::tickets::{LINE_CHARS, TEXT_CHARS, read};
use crate::number::Number;
use crate::{CustomerId, PersonId, Role, TicketId, Time};
pub use complaints::heard;
pub use import::{ImportRow, Weighed, Whose, weigh};

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
    writes(case, by)?;
    if ticket.is_some() {
        rights::ticket(case, by, Act::Write, now)?;
    }
    written(case, by, customer, form, now)
}

/// As [`save`]; a ticket that it is about is the case's.
fn written(
    case: &Case,
    by: Option<PersonId>,
    customer: Option<(CustomerId, i64)>,
    form: &CustomerForm,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let ticket = case.ticket.as_ref().map(|ticket| ticket.id);
    let known = customer.map(|named| stands(case, named)).transpose()?;
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

pub fn given(case: &Case, by: Option<PersonId>, command: &OfCustomers, now: Time) -> Result<Vec<Fact>, Refusal> {
    match command {
        OfCustomers::Merge { from, into } => {
            writes(case, by)?;
            shifts::merge(case, by, *from, *into, now)
        }
        OfCustomers::Split { customer, name, numbers, tickets } => {
            writes(case, by)?;
            shifts::split(case, by, *customer, name, (numbers, tickets), now)
        }
        OfCustomers::Undo(_) => {
            writes(case, by)?;
            shifts::undo(case, by, now)
        }
        OfCustomers::Blacklist { number, reason, until } => {
            leads(case, by)?;
            let number = read(&case.policy, "number", number)?;
            if reason.trim().is_empty() {
                return Err(Refusal::Field { field: "reason", why: FieldWhy::Missing });
            }
            text("reason", reason, LINE_CHARS)?;
            if until.is_some_and(|until| until <= now) {
                return Err(Refusal::Field { field: "until", why: FieldWhy::NotAhead });
            }
            let (reason, until) = (reason.trim().to_owned(), until.map(whole_ms));
            Ok(vec![Fact::Customer(CustomerFact::Blacklisted { number, reason, until, by })])
        }
        OfCustomers::TakeOff { number } => {
            leads(case, by)?;
            let number = read(&case.policy, "number", number)?;
            Ok(vec![Fact::Customer(CustomerFact::TakenOff { number, by })])
        }
        OfCustomers::Import(row) => {
            leads(case, by)?;
            let refused = |why| Refusal::Field { field: "numbers", why };
            match weigh(row, &case.written) {
                Ok(Weighed::New(form)) => written(case, by, None, &form, now),
                Ok(Weighed::Changed { customer, version, form, .. }) => {
                    written(case, by, Some((customer, version)), &form, now)
                }
                Ok(Weighed::Same(_)) => Ok(Vec::new()),
                Err(Whose::NoSuchCustomer) => Err(Refusal::NoSuchCustomer),
                Err(Whose::Several(_)) => Err(refused(FieldWhy::Taken)),
                Err(Whose::Nameless) => Err(Refusal::Field { field: "name", why: FieldWhy::Missing }),
            }
        }
    }
}

/// What concerns the whole site is for who leads, and for the command line.
fn leads(case: &Case, by: Option<PersonId>) -> Result<(), Refusal> {
    let role = by.map(|by| case.staff.people.get(&by).map(|member| member.role));
    match role {
        None | Some(Some(Role::Supervisor | Role::Manager)) => Ok(()),
        Some(Some(Role::Agent | Role::Handler | Role::Admin) | None) => Err(Refusal::NotAllowed),
    }
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

/// What stands in one cell or in several lines: numbers, whatever is between them.
pub fn numbers_in(text: &str) -> impl Iterator<Item = &str> {
    let between = ['\n', ',', ';', '|', '，', '；', '、', '\t'];
    text.split(between).map(str::trim).filter(|number| !number.is_empty())
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
