//! What people do to matters: write them down, open another.

use super::case::{Case, KnownCall};
use super::command::{Command, FieldWhy, Refusal, TicketForm};
use super::fact::Fact;
use super::matters::{Opening, open, saved};
use super::people::text;
use super::policy::{Policy, Subject};
use super::rights::{self, Act, in_circle, leads, writes};
use super::rungs::moved;
use super::states::{goes_on, saved_as};
use super::ticket::{Kind, Object, Ticket, TicketState};
use crate::number::Number;
use crate::{CallId, DepartmentName, PersonId, Time};

/// One line: a name, a summary.
pub(super) const LINE_CHARS: usize = 200;
/// What a form's large fields take; a page of writing.
pub(super) const TEXT_CHARS: usize = 8_000;
/// A draft is the whole form, encoded.
const DRAFT_BYTES: usize = 64 * 1024;
pub fn given(case: &Case, by: Option<PersonId>, command: &Command, now: Time) -> Result<Vec<Fact>, Refusal> {
    match command {
        Command::SaveTicket { version, form, state, .. } => {
            writes(case, by)?;
            save(case, by, *version, form, *state, now)
        }
        Command::KeepDraft { body, .. } => {
            writes(case, by)?;
            let person = by.ok_or(Refusal::NotAllowed)?;
            let ticket = case.ticket.as_ref().ok_or(Refusal::NoSuchTicket)?;
            // What one has typed can be forgotten in any case: saving may have made it another's. It is also
            // kept where the ticket has become part of another meanwhile.
            if !body.is_empty() {
                in_circle(case, &case.circle, by, Act::Write, now)?;
            }
            if body.len() > DRAFT_BYTES {
                return Err(Refusal::Field { field: "body", why: FieldWhy::TooLong { max: DRAFT_BYTES } });
            }
            Ok(vec![Fact::DraftKept { ticket: ticket.id, person, body: body.clone() }])
        }
        Command::OpenTicket { call, customer, number, kind, channel } => {
            writes(case, by)?;
            let known = case.only_customer().map(|customer| customer.id);
            if customer.is_some() && known != *customer {
                return Err(Refusal::NoSuchCustomer);
            }
            let kept = case.call.as_ref();
            let typed = number.as_ref().map(|typed| read(&case.policy, "number", typed)).transpose()?;
            let caller = typed.or_else(|| kept.and_then(|kept| kept.number.clone()));
            let mut facts = Vec::new();
            let (kind, channel) = (*kind, *channel);
            let (call_id, owner) = (call.clone(), by);
            let opening = Opening {
                opened_at: now,
                customer: known,
                caller,
                call: call_id,
                queue: None,
                by,
                owner,
                kind,
                channel,
            };
            let opened = open(case, &mut facts, opening);
            // A call that is not kept yet joins the newest matter by itself.
            if let (Some(kept), Some(call)) = (kept, call) {
                may_move(case, by, kept, call, now)?;
                facts.push(Fact::CallMoved {
                    call: call.clone(),
                    from: kept.ticket.as_ref().map(|matter| matter.id),
                    to: opened.id,
                    owner: by,
                    owed: case.obligations.iter().map(|open| (open.id, open.owner)).collect(),
                });
                facts.extend(case.obligations.iter().map(|owed| {
                    let mut owed = owed.clone();
                    let standing = std::mem::take(&mut owed.basis.subject.standing);
                    owed.basis.subject = Subject { kind, standing, ..Subject::default() };
                    (owed.ticket, owed.owner) = (opened.id, owed.owner.or(by));
                    moved(&case.policy, &owed)
                }));
            }
            Ok(facts)
        }
        Command::Dial { .. }
        | Command::HangUp { .. }
        | Command::Pause { .. }
        | Command::Unpause { .. }
        | Command::Spy { .. }
        | Command::SaveCustomer { .. }
        | Command::Customers(_)
        | Command::SetPolicy { .. }
        | Command::Matter(..)
        | Command::Hand(..)
        | Command::Handle(..)
        | Command::SetDepartment { .. }
        | Command::Paper(..)
        | Command::Regroup(..)
        | Command::Owed(..)
        | Command::Look(_)
        | Command::AddPerson { .. }
        | Command::SetPassword { .. }
        | Command::ChangePerson { .. }
        | Command::SetAway { .. }
        | Command::MapExtension { .. }
        | Command::IgnoreExtension { .. }
        | Command::SignIn { .. }
        | Command::KeepSession { .. }
        | Command::SignOut { .. }
        | Command::SetLanguage { .. } => Ok(Vec::new()),
    }
}

/// What a call is about is for whoever is on the phone to say, and for whoever has its matter.
fn may_move(case: &Case, by: Option<PersonId>, kept: &KnownCall, call: &CallId, now: Time) -> Result<(), Refusal> {
    let Some(person) = by else { return Ok(()) };
    let is_on_it = case.up.iter().any(|up| up.id == *call && up.is_of(&case.staff, person));
    if is_on_it || leads(case, person) || kept.ticket.is_none() {
        return Ok(());
    }
    match rights::ticket(case, by, Act::Write, now) {
        Ok(_) => Ok(()),
        Err(Refusal::NoSuchTicket) => Err(Refusal::NoSuchCall),
        Err(other) => Err(other),
    }
}

fn save(
    case: &Case,
    by: Option<PersonId>,
    version: i64,
    form: &TicketForm,
    state: TicketState,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let ticket = rights::ticket(case, by, Act::Write, now)?;
    if ticket.version != version {
        return Err(Refusal::Changed { by: case.saved_by, version: ticket.version });
    }
    if !ticket.kind.may_become(form.kind) {
        return Err(Refusal::IsComplaint);
    }
    if !form.category.is_empty() && !case.policy.categories.contains(&form.category) {
        return Err(Refusal::Field { field: "category", why: FieldWhy::Unknown });
    }
    text("summary", &form.summary, LINE_CHARS)?;
    text("course", &form.course, TEXT_CHARS)?;
    text("demand", &form.demand, TEXT_CHARS)?;
    for (field, value) in of_object(&form.object) {
        text(field, value, LINE_CHARS)?;
    }
    let department = department(case, ticket, form.kind, &form.category);
    let then = Ticket {
        kind: form.kind,
        category: form.category.clone(),
        priority: form.priority,
        complexity: form.complexity,
        channel: form.channel,
        course: form.course.clone(),
        department: department.clone(),
        ..ticket.clone()
    };
    let state = saved_as(case, ticket, &then, state)?;
    let then = Ticket { state, ..then };
    let closed_at = if state.is_open() { None } else { ticket.closed_at.or(Some(now)) };
    let mut facts = vec![Fact::TicketSaved {
        ticket: ticket.id,
        by,
        version: version + 1,
        form: Box::new(form.clone()),
        state,
        department,
        closed_at,
        owner: ticket.owner,
    }];
    saved(case, &mut facts, ticket, &then, by, now);
    goes_on(case, &mut facts, ticket, &then, by, now);
    Ok(facts)
}

/// Its lines by their names in forms.
fn of_object(object: &Object) -> [(&'static str, &str); 5] {
    let Object { product, order, batch, person, department } = object;
    [
        ("object_product", product),
        ("object_order", order),
        ("object_batch", batch),
        ("object_person", person),
        ("object_department", department),
    ]
}

/// Whose it is by what it is about from now on, until somebody has taken the work on.
pub(super) fn department(case: &Case, ticket: &Ticket, kind: Kind, category: &str) -> Option<DepartmentName> {
    let known = ticket.department.clone();
    let is_as_before = (ticket.kind, ticket.category.as_str()) == (kind, category);
    if ticket.handler.is_some() || (known.is_some() && is_as_before) {
        return known;
    }
    let subject = Subject { kind, category: category.to_owned(), ..Subject::default() };
    case.policy.terms.responsible(&subject).cloned()
}

pub(super) fn read(policy: &Policy, field: &'static str, typed: &str) -> Result<Number, Refusal> {
    policy.numbering.read(typed).ok_or(Refusal::Field { field, why: FieldWhy::NotANumber })
}
