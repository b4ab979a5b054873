//! Gathers the case: the rows that an input may touch, read in the transaction that keeps what is
//! decided on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::asked;
use super::column::*;
use super::detail;
use super::handlings;
use super::hands;
use super::surveys;
use super::versions;
use crate::calls::call::{Call, Direction};
use crate::desk;
use crate::desk::case::*;
use crate::desk::clock::{Basis, ClockKind, Next, ObligationState, Rung};
use crate::desk::command::{Command, CustomerForm};
use crate::desk::deadline::{Ladder, Suspension};
use crate::desk::decide::Input;
use crate::desk::looks::{Look, Whose};
use crate::desk::policy::{Policy, Standing, Subject};
use crate::desk::ticket::{Complexity, Kind, Priority, TicketState};
use crate::number::Number;
use crate::{CallId, CustomerId, ObligationId, PbxName, PersonId, Role, TicketId, Time};

/// Fills `case` (new) for `input`. `now` is when a ticket would be opened, but for calls, whose
/// tickets are opened when they begin.
pub fn gather(db: &Connection, mut case: Case, input: &Input, now: Time) -> rusqlite::Result<Case> {
    match input {
        Input::Call { at, call } => for_call(db, &mut case, *at, call)?,
        Input::Merged { from, .. } => case.call = known_call(db, from)?,
        Input::Due(obligation) | Input::Stale(obligation) => {
            let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.id = ?1");
            case.obligations = obligations(db, &sql, [obligation.0])?;
            // Where a promise is not owed any more, what stands in its place goes by what is owed beside.
            let is_over = |owed: &OpenObligation| {
                let rule = case.policy.terms.clocks.rule(owed.basis.kind);
                owed.basis.kind == ClockKind::Promise && !rule.runs_for(owed.basis.subject.kind)
            };
            if let Some(ticket) = case.obligations.first().filter(|owed| is_over(owed)).map(|owed| owed.ticket) {
                case.obligations = obligations_of(db, ticket)?;
            }
            let offered = case.obligations.iter().find(|owed| owed.basis.kind == ClockKind::HandOver);
            if let Some(ticket) = offered.map(|owed| owed.ticket) {
                case.offer = hands::offer(db, ticket)?;
            }
        }
        Input::Given(given) => for_command(db, &mut case, &given.command, now)?,
    }
    Ok(case)
}

fn for_call(db: &Connection, case: &mut Case, at: Time, call: &Call) -> rusqlite::Result<()> {
    with_caller(db, case, at, call)?;
    let matter = case.call.as_ref().and_then(|known| known.ticket.as_ref()).or(case.open_tickets.first());
    let may_end_waiting = call.direction == Direction::Inbound && desk::weighs(&case.policy, at, call);
    if let Some(ticket) = matter.filter(|_| may_end_waiting).map(|matter| matter.id) {
        case.waiting = waiting(db, ticket)?;
    }
    Ok(())
}

/// The matter, where it waits for its customer.
fn waiting(db: &Connection, ticket: TicketId) -> rusqlite::Result<Option<Waiting>> {
    let found = db
        .prepare_cached(
            "SELECT version, waiting_since_ms, owner, handler FROM tickets
             WHERE id = ?1 AND state = ?2 AND waiting_since_ms IS NOT NULL",
        )?
        .query_row(params![ticket.0, TicketState::WaitingCustomer.as_str()], |row| {
            Ok(Waiting {
                ticket,
                version: row.get("version")?,
                since: time(row, "waiting_since_ms")?,
                owner: row.get::<_, Option<i64>>("owner")?.map(PersonId),
                handler: row.get::<_, Option<i64>>("handler")?.map(PersonId),
                owed: Vec::new(),
            })
        })
        .optional()?;
    found.map(|found| Ok(Waiting { owed: obligations_of(db, ticket)?, ..found })).transpose()
}

/// Whoever it is with, and what is owed to them.
fn with_caller(db: &Connection, case: &mut Case, at: Time, call: &Call) -> rusqlite::Result<()> {
    case.call = known_call(db, &call.id)?;
    let surveyed = call.survey.is_some();
    let weighs = surveyed || desk::weighs(&case.policy, at, call) || desk::dials(case.call.as_ref(), call);
    if let Some(known) = case.call.as_mut().filter(|_| surveyed) {
        known.survey = surveys::known(db, &call.id)?;
    }
    if !lacks_ticket(case) && !weighs {
        // The caller may have come to a queue only now.
        let opened = case.call.as_ref().and_then(|known| known.ticket.as_ref());
        if let Some(matter) = opened.filter(|_| !call.waits.is_empty() && call.direction == Direction::Inbound) {
            case.obligations = obligations_unrouted(db, matter.id, call.started_at)?;
        }
        return Ok(());
    }
    let Some(number) = call.number.as_ref().filter(|_| call.direction != Direction::Internal) else {
        // Nobody knows who called, but the matter that the call opened.
        if let Some(matter) = case.call.as_ref().and_then(|known| known.ticket.as_ref()).filter(|_| weighs) {
            case.obligations = obligations_of(db, matter.id)?;
        }
        if call.direction == Direction::Inbound && lacks_ticket(case) {
            case.next_nth = next_nth(db, &case.policy, call.started_at)?;
        }
        return Ok(());
    };
    case.customers = customers_on(db, number)?;
    if weighs {
        case.obligations = obligations_with(db, &case.customers, number)?;
        case.beside = beside_promises(db, &case.obligations)?;
    }
    if lacks_ticket(case) {
        case.open_tickets = open_tickets(db, case.only_customer().map(|c| c.id), number)?;
        if case.open_tickets.is_empty() && call.direction == Direction::Inbound {
            case.next_nth = next_nth(db, &case.policy, call.started_at)?;
        }
    }
    if surveyed {
        let matter = case.call.as_ref().and_then(|known| known.ticket.as_ref()).or(case.open_tickets.first());
        if let Some(ticket) = matter.map(|matter| matter.id) {
            named_ticket(db, case, ticket)?;
        }
    }
    let ends = call.outcome.is_some() && case.call.as_ref().is_none_or(|known| !known.ended);
    if ends && call.direction == Direction::Inbound && call.answered_at.is_none() {
        case.talks = talks(db, &case.policy, &case.customers, Some(number), (call.started_at, at), Some(&call.id))?;
    }
    Ok(())
}

fn lacks_ticket(case: &Case) -> bool {
    case.call.as_ref().is_none_or(|known| known.ticket.is_none())
}

fn for_command(db: &Connection, case: &mut Case, command: &Command, now: Time) -> rusqlite::Result<()> {
    match command {
        Command::KeepDraft { ticket, .. }
        | Command::Look(Look::Evidence { ticket, .. } | Look::Numbers { of: Whose::Ticket(ticket) }) => {
            named_ticket(db, case, *ticket)
        }
        Command::Look(Look::Numbers { of: Whose::Call(call) }) => call_and_matter(db, case, call),
        Command::Look(Look::Customers { .. } | Look::Numbers { of: Whose::Customer(_) }) => Ok(()),
        Command::Paper(ticket, paper) => {
            named_ticket(db, case, *ticket)?;
            super::papers::gather(db, case, *ticket, paper)
        }
        Command::Regroup(ticket, regroup) => super::regroup::gather(db, case, *ticket, regroup, now),
        Command::SaveTicket { ticket, .. } | Command::Matter(ticket, _) | Command::Handle(ticket, _) => {
            whole_matter(db, case, *ticket, now)
        }
        Command::Hand(ticket, _) => {
            case.offer = hands::offer(db, *ticket)?;
            whole_matter(db, case, *ticket, now)
        }
        Command::OpenTicket { call, customer, number, .. } => {
            case.next_nth = next_nth(db, &case.policy, now)?;
            if let Some(call) = call {
                call_and_matter(db, case, call)?;
                let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.call = ?1");
                case.obligations = obligations(db, &sql, [call.as_str()])?;
            }
            let typed = number.as_ref().and_then(|typed| case.policy.numbering.read(typed));
            let on_call = case.call.as_ref().and_then(|call| call.number.as_ref());
            case.customers = match (customer, typed.as_ref().or(on_call)) {
                (Some(customer), _) => customer_named(db, *customer)?.into_iter().collect(),
                (None, Some(number)) => customers_on(db, number)?,
                (None, None) => Vec::new(),
            };
            Ok(())
        }
        Command::SaveCustomer { customer, ticket, form } => {
            if let Some(ticket) = ticket {
                named_ticket(db, case, *ticket)?;
                case.obligations = obligations_of(db, *ticket)?;
            }
            for_customer(db, case, customer.map(|(customer, _)| customer), form)
        }
        Command::Customers(command) => super::customers::gather(db, case, command),
        Command::Dial { obligation, ticket, .. } => {
            case.out_of_sight = asked::out_of_sight(db)?;
            if let Some(obligation) = obligation {
                named_obligation(db, case, *obligation)?;
                case.attempt = asked::attempt(db, *obligation)?;
            }
            if let Some(ticket) = ticket {
                named_ticket(db, case, *ticket)?;
            }
            Ok(())
        }
        Command::Owed(obligation, _) => {
            named_obligation(db, case, *obligation)?;
            // What stands beside it in its matter may begin or stay by how it ends.
            if let Some(ticket) = case.obligations.first().map(|owed| owed.ticket) {
                case.obligations = obligations_of(db, ticket)?;
                case.offer = hands::offer(db, ticket)?;
            }
            Ok(())
        }
        Command::HangUp { call } => {
            case.out_of_sight = asked::out_of_sight(db)?;
            case.up = asked::up(db, call)?.into_iter().collect();
            Ok(())
        }
        Command::Spy { call, .. } => {
            case.out_of_sight = asked::out_of_sight(db)?;
            if let Some(named) = asked::up(db, call)? {
                case.up = asked::all_up(db, &named.pbx)?;
            }
            Ok(())
        }
        Command::Pause { .. } | Command::Unpause { .. } => {
            case.out_of_sight = asked::out_of_sight(db)?;
            Ok(())
        }
        Command::KeepSession { session } => {
            case.session_began_at = db
                .prepare_cached("SELECT created_at_ms FROM sessions WHERE hash = ?1 AND expires_at_ms > ?2")?
                .query_row(params![session.0, ms(now)], |row| time(row, "created_at_ms"))
                .optional()?;
            Ok(())
        }
        Command::SetPolicy { .. } => {
            case.saved_by = versions::set_by(db, case.policy.version)?;
            Ok(())
        }
        Command::AddPerson { .. }
        | Command::SetPassword { .. }
        | Command::ChangePerson { .. }
        | Command::SetDepartment { .. }
        | Command::SetAway { .. }
        | Command::MapExtension { .. }
        | Command::IgnoreExtension { .. }
        | Command::SignIn { .. }
        | Command::SignOut { .. }
        | Command::SetLanguage { .. } => Ok(()),
    }
}

/// What the customer's numbers and class touch: matters and obligations of these numbers that are
/// nobody's yet, and the customer's own obligations.
pub(super) fn for_customer(
    db: &Connection,
    case: &mut Case,
    customer: Option<CustomerId>,
    form: &CustomerForm,
) -> rusqlite::Result<()> {
    let mut found: BTreeMap<ObligationId, OpenObligation> =
        case.obligations.drain(..).map(|obligation| (obligation.id, obligation)).collect();
    if let Some(customer) = customer {
        case.customers = customer_named(db, customer)?.into_iter().collect();
        let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.customer = ?1");
        found.extend(obligations(db, &sql, [customer.0])?.into_iter().map(|o| (o.id, o)));
        case.complaints = complaints(db, customer)?;
    }
    for number in crate::desk::customers::numbers(&case.policy, form).unwrap_or_default() {
        if customers_on(db, &number)?.iter().any(|other| Some(other.id) != customer) {
            case.shared.insert(number.clone());
        }
        for matter in open_tickets(db, None, &number)? {
            found.extend(obligations_of(db, matter.id)?.into_iter().map(|o| (o.id, o)));
            case.open_tickets.push(matter);
        }
        found.extend(obligations_with(db, &[], &number)?.into_iter().map(|o| (o.id, o)));
    }
    case.obligations = found.into_values().collect();
    let theirs = case.complaints.iter().chain(case.ticket.iter().map(|ticket| &ticket.id));
    for &ticket in theirs.chain(case.open_tickets.iter().map(|matter| &matter.id)) {
        case.complaints_told.extend(complaints_told(db, ticket)?);
    }
    Ok(())
}

/// The customer's open ones.
pub(super) fn complaints(db: &Connection, CustomerId(id): CustomerId) -> rusqlite::Result<Vec<TicketId>> {
    db.prepare_cached("SELECT id FROM tickets WHERE is_open = 1 AND customer = ?1 AND kind = ?2 ORDER BY id")?
        .query_map(params![id, Kind::Complaint.as_str()], |row| row.get(0).map(TicketId))?
        .collect()
}

pub(super) fn complaints_told(db: &Connection, ticket: TicketId) -> rusqlite::Result<BTreeSet<(TicketId, PersonId)>> {
    db.prepare_cached("SELECT manager FROM complaints_told WHERE ticket = ?1")?
        .query_map([ticket.0], |row| Ok((ticket, PersonId(row.get(0)?))))?
        .collect()
}

/// A call, whether it is up, and whose matter it is.
fn call_and_matter(db: &Connection, case: &mut Case, call: &CallId) -> rusqlite::Result<()> {
    case.call = known_call(db, call)?;
    case.up = asked::up(db, call)?.into_iter().collect();
    let matter = case.call.as_ref().and_then(|known| known.ticket.as_ref());
    matter.map(|matter| matter.id).map_or(Ok(()), |ticket| named_ticket(db, case, ticket))
}

/// Open, or how it ended; with its matter.
fn named_obligation(db: &Connection, case: &mut Case, id: ObligationId) -> rusqlite::Result<()> {
    let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.id = ?1");
    case.obligations = obligations(db, &sql, [id.0])?;
    case.over = db
        .prepare_cached(
            "SELECT owner, state, coalesce(ended_at_ms, proof_from_ms, began_at_ms) AS at_ms, ended_by
             FROM obligations WHERE id = ?1 AND state <> 'open'",
        )?
        .query_row([id.0], |row| {
            Ok(Over {
                owner: row.get::<_, Option<i64>>("owner")?.map(PersonId),
                state: word(row, "state", ObligationState::parse)?,
                at: time(row, "at_ms")?,
                by: row.get::<_, Option<i64>>("ended_by")?.map(PersonId),
            })
        })
        .optional()?;
    let matter = db
        .prepare_cached("SELECT ticket FROM obligations WHERE id = ?1")?
        .query_row([id.0], |row| row.get(0).map(TicketId))
        .optional()?;
    matter.map_or(Ok(()), |ticket| named_ticket(db, case, ticket))
}

/// A matter with all that its clocks go by.
pub(super) fn whole_matter(db: &Connection, case: &mut Case, id: TicketId, now: Time) -> rusqlite::Result<()> {
    named_ticket(db, case, id)?;
    let Some(ticket) = &case.ticket else { return Ok(()) };
    case.obligations = obligations_of(db, id)?;
    if let Some(customer) = ticket.customer {
        case.customers = customer_named(db, customer)?.into_iter().collect();
    }
    case.complaints_told = complaints_told(db, id)?;
    case.handling = handlings::handling(db, id)?;
    case.queue = db
        .prepare_cached("SELECT queue FROM obligations WHERE ticket = ?1 AND queue IS NOT NULL ORDER BY id LIMIT 1")?
        .query_row([id.0], |row| name(row, "queue"))
        .optional()?;
    let began = case.obligations.iter().map(|owed| owed.basis.began_at);
    let since = began.chain([ticket.opened_at]).min().unwrap_or(ticket.opened_at);
    case.talks = talks(db, &case.policy, &case.customers, ticket.caller.as_ref(), (since, now), None)?;
    Ok(())
}

fn named_ticket(db: &Connection, case: &mut Case, TicketId(id): TicketId) -> rusqlite::Result<()> {
    let found = db
        .prepare_cached("SELECT * FROM tickets WHERE id = ?1")?
        .query_row([id], |row| Ok((ticket_of_row(row)?, row.get::<_, Option<i64>>("saved_by")?.map(PersonId))))
        .optional()?;
    if let Some((ticket, saved_by)) = found {
        case.circle = hands::circle(db, &ticket)?;
        (case.ticket, case.saved_by) = (Some(ticket), saved_by);
    }
    Ok(())
}

/// What was kept of the call, or of the calls that turned out to be part of it.
fn known_call(db: &Connection, id: &CallId) -> rusqlite::Result<Option<KnownCall>> {
    let read = |row: &Row| {
        let ticket = match row.get::<_, Option<i64>>("id")? {
            Some(_) => Some(matter(row)?),
            None => None,
        };
        Ok(KnownCall { ticket, number: maybe_number(row, "number")?, ended: row.get("ended")?, survey: None })
    };
    let own = db
        .prepare_cached(
            "SELECT c.ended_at_ms IS NOT NULL AS ended, c.number, t.id, t.owner, t.customer, t.caller, t.kind, t.category,
                t.priority, t.complexity, t.department
             FROM calls c LEFT JOIN tickets t ON t.id = c.ticket WHERE c.id = ?1",
        )?
        .query_row([id.as_str()], read)
        .optional()?;
    if own.is_some() {
        return Ok(own);
    }
    db.prepare_cached(
        "SELECT 0 AS ended, c.number, t.id, t.owner, t.customer, t.caller, t.kind, t.category,
                t.priority, t.complexity, t.department
         FROM calls c JOIN tickets t ON t.id = c.ticket WHERE c.merged_into = ?1 ORDER BY c.started_at_ms LIMIT 1",
    )?
    .query_row([id.as_str()], read)
    .optional()
}

fn customers_on(db: &Connection, number: &Number) -> rusqlite::Result<Vec<KnownCustomer>> {
    db.prepare_cached(
        "SELECT c.id, c.key_customer, c.class, c.manager, c.version, c.saved_by FROM customer_numbers n JOIN customers c ON c.id = n.customer
         WHERE n.number = ?1 ORDER BY c.id",
    )?
    .query_map([number.as_str()], known_customer)?
    .collect()
}

pub(super) fn customer_named(db: &Connection, CustomerId(id): CustomerId) -> rusqlite::Result<Option<KnownCustomer>> {
    db.prepare_cached(
        "SELECT id, key_customer, class, manager, version, saved_by FROM customers
         WHERE id = ?1 AND merged_into IS NULL",
    )?
    .query_row([id], known_customer)
    .optional()
}

/// Also who is part of another.
pub(super) fn customer_in_any_case(db: &Connection, id: CustomerId) -> rusqlite::Result<Option<KnownCustomer>> {
    db.prepare_cached("SELECT id, key_customer, class, manager, version, saved_by FROM customers WHERE id = ?1")?
        .query_row([id.0], known_customer)
        .optional()
}

fn known_customer(row: &Row) -> rusqlite::Result<KnownCustomer> {
    Ok(KnownCustomer {
        id: CustomerId(row.get("id")?),
        standing: standing(row)?,
        manager: row.get::<_, Option<i64>>("manager")?.map(PersonId),
        version: row.get("version")?,
        saved_by: row.get::<_, Option<i64>>("saved_by")?.map(PersonId),
    })
}

/// The newest suffices: a call is joined to one. Where the newest is part of another, that one.
fn open_tickets(db: &Connection, customer: Option<CustomerId>, number: &Number) -> rusqlite::Result<Vec<Matter>> {
    let mut found = super::regroup::joined(db, customer, number)?;
    if let Some(CustomerId(id)) = customer {
        let own = db
            .prepare_cached(
                "SELECT id, owner, customer, caller, kind, category, priority, complexity, department FROM tickets
                 WHERE is_open = 1 AND customer = ?1 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([id], matter)
            .optional()?;
        found.extend(own.map(|own: Matter| (own.id, own)));
    }
    let numbers = db
        .prepare_cached(
            "SELECT id, owner, customer, caller, kind, category, priority, complexity, department FROM tickets
             WHERE is_open = 1 AND customer IS NULL AND caller = ?1 ORDER BY id DESC",
        )?
        .query_map([number.as_str()], matter)?
        .collect::<Result<Vec<_>, _>>()?;
    found.extend(numbers.into_iter().map(|matter| (matter.id, matter)));
    found.sort_by_key(|(nth, _)| std::cmp::Reverse(*nth));
    let mut known = BTreeSet::new();
    Ok(found.into_iter().map(|(_, matter)| matter).filter(|matter| known.insert(matter.id)).collect())
}

pub(super) fn matter(row: &Row) -> rusqlite::Result<Matter> {
    Ok(Matter {
        id: TicketId(row.get("id")?),
        owner: row.get::<_, Option<i64>>("owner")?.map(PersonId),
        customer: row.get::<_, Option<i64>>("customer")?.map(CustomerId),
        caller: maybe_number(row, "caller")?,
        subject: subject(row, Standing::default())?,
    })
}

/// What rules look at of a matter, from its row.
fn subject(row: &Row, standing: Standing) -> rusqlite::Result<Subject> {
    Ok(Subject {
        kind: word(row, "kind", Kind::parse)?,
        category: row.get("category")?,
        priority: word(row, "priority", Priority::parse)?,
        complexity: word(row, "complexity", Complexity::parse)?,
        standing,
        department: maybe_name(row, "department")?,
    })
}

fn standing(row: &Row) -> rusqlite::Result<Standing> {
    Ok(Standing { key_customer: row.get("key_customer")?, class: row.get("class")? })
}

pub(super) const OBLIGATIONS: &str =
    "SELECT o.id, o.kind AS clock, o.ticket, o.customer, o.number, o.queue, o.owner, o.began_at_ms,
        o.promised_at_ms, o.next_rung, o.next_rung_at_ms, o.moved_at_ms, o.reminder_at_ms, o.due_at_ms,
        o.escalated_at_ms, o.claimed_by, o.claimed_until_ms,
        t.kind, t.category, t.priority, t.complexity, t.department, t.owner AS ticket_owner, t.state AS ticket_state,
        coalesce(c.key_customer, 0) AS key_customer, coalesce(c.class, '') AS class, s.result AS survey, s.words AS survey_words,
        s.score AS survey_score
    FROM obligations o JOIN tickets t ON t.id = o.ticket LEFT JOIN customers c ON c.id = o.customer
    LEFT JOIN surveys s ON s.obligation = o.id";

/// Open obligations to whoever is on the number, over any of their numbers, the oldest first: what one call
/// ends together ends in one order, whichever of the numbers it was.
fn obligations_with(
    db: &Connection,
    customers: &[KnownCustomer],
    number: &Number,
) -> rusqlite::Result<Vec<OpenObligation>> {
    let by_number = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.number = ?1 ORDER BY o.id");
    let mut found = obligations(db, &by_number, [number.as_str()])?;
    for customer in customers {
        let by_customer = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.customer = ?1 ORDER BY o.id");
        let theirs = obligations(db, &by_customer, [customer.id.0])?;
        found.extend(theirs.into_iter().filter(|obligation| obligation.number.as_ref() != Some(number)));
    }
    found.sort_by_key(|obligation| obligation.id);
    Ok(found)
}

/// Where tickets of different numbers were put together.
fn beside_promises(db: &Connection, found: &[OpenObligation]) -> rusqlite::Result<Vec<OpenObligation>> {
    let promises = found.iter().filter(|owed| owed.basis.kind == ClockKind::Promise);
    let tickets: BTreeSet<TicketId> = promises.map(|owed| owed.ticket).collect();
    let mut beside = Vec::new();
    for ticket in tickets {
        let its = obligations_of(db, ticket)?;
        beside.extend(its.into_iter().filter(|other| found.iter().all(|owed| owed.id != other.id)));
    }
    Ok(beside)
}

pub(super) fn obligations_of(db: &Connection, ticket: TicketId) -> rusqlite::Result<Vec<OpenObligation>> {
    let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.ticket = ?1 ORDER BY o.id");
    obligations(db, &sql, [ticket.0])
}

/// Of what a matter began with that moment, what has come through no queue yet.
fn obligations_unrouted(db: &Connection, ticket: TicketId, began_at: Time) -> rusqlite::Result<Vec<OpenObligation>> {
    let sql =
        format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.ticket = ?1 AND o.queue IS NULL AND o.began_at_ms = ?2");
    obligations(db, &sql, params![ticket.0, ms(began_at)])
}

pub(super) fn obligations(
    db: &Connection,
    sql: &str,
    key: impl rusqlite::Params,
) -> rusqlite::Result<Vec<OpenObligation>> {
    let mut found = db.prepare_cached(sql)?.query_map(key, obligation)?.collect::<Result<Vec<_>, _>>()?;
    for obligation in &mut found {
        obligation.basis.suspensions = suspensions(db, obligation.id)?;
        obligation.attempts = db
            .prepare_cached("SELECT at_ms FROM attempts WHERE obligation = ?1 ORDER BY at_ms")?
            .query_map([obligation.id.0], |row| time(row, "at_ms"))?
            .collect::<Result<_, _>>()?;
    }
    Ok(found)
}

/// What each of a ticket's obligations that stood still once, or stands still, is reckoned from.
pub fn paused(db: &Connection, ticket: TicketId) -> rusqlite::Result<BTreeMap<ObligationId, Basis>> {
    let sql =
        format!("{OBLIGATIONS} WHERE o.ticket = ?1 AND EXISTS (SELECT 1 FROM suspensions p WHERE p.obligation = o.id)");
    let found = obligations(db, &sql, [ticket.0])?;
    Ok(found.into_iter().map(|obligation| (obligation.id, obligation.basis)).collect())
}

/// But for what stands in tables of its own.
fn obligation(row: &Row) -> rusqlite::Result<OpenObligation> {
    let next_at = maybe_time(row, "next_rung_at_ms")?;
    Ok(OpenObligation {
        id: ObligationId(row.get("id")?),
        ticket: TicketId(row.get("ticket")?),
        customer: row.get::<_, Option<i64>>("customer")?.map(CustomerId),
        number: maybe_number(row, "number")?,
        owner: row.get::<_, Option<i64>>("owner")?.map(PersonId),
        ticket_owner: row.get::<_, Option<i64>>("ticket_owner")?.map(PersonId),
        ticket_state: word(row, "ticket_state", TicketState::parse)?,
        basis: Basis {
            kind: word(row, "clock", ClockKind::parse)?,
            began_at: time(row, "began_at_ms")?,
            promised_at: maybe_time(row, "promised_at_ms")?,
            queue: maybe_name(row, "queue")?,
            subject: subject(row, standing(row)?)?,
            suspensions: Vec::new(),
        },
        ladder: Ladder {
            reminder_at: maybe_time(row, "reminder_at_ms")?,
            due_at: maybe_time(row, "due_at_ms")?,
            escalated_at: maybe_time(row, "escalated_at_ms")?,
        },
        next: maybe_word(row, "next_rung", Rung::parse)?.map(|rung| Next { rung, at: next_at }),
        moved_at: maybe_time(row, "moved_at_ms")?,
        claim: claim(row)?,
        attempts: Vec::new(),
        survey: survey(row)?,
    })
}

fn suspensions(db: &Connection, ObligationId(id): ObligationId) -> rusqlite::Result<Vec<Suspension>> {
    db.prepare_cached("SELECT from_ms, to_ms FROM suspensions WHERE obligation = ?1 ORDER BY id")?
        .query_map([id], |row| Ok(Suspension { from: time(row, "from_ms")?, to: maybe_time(row, "to_ms")? }))?
        .collect()
}

/// Calls that began longer before than this cannot still be talked on.
const LONGEST_CALL_MS: i64 = 24 * 60 * 60 * 1000;

/// Calls with the customers, or on the number, talked on for as long as counts at least, that may have gone
/// on since then; but for one. What was seen ahead of now was seen before the clock was set back, and
/// nobody knows when.
fn talks(
    db: &Connection,
    policy: &Policy,
    customers: &[KnownCustomer],
    on: Option<&Number>,
    (since, now): (Time, Time),
    but: Option<&CallId>,
) -> rusqlite::Result<Vec<Talk>> {
    let mut numbers: Vec<Number> = on.into_iter().cloned().collect();
    for customer in customers {
        let theirs = db
            .prepare_cached("SELECT number FROM customer_numbers WHERE customer = ?1 ORDER BY place")?
            .query_map([customer.id.0], |row| number(row, "number"))?
            .collect::<Result<Vec<_>, _>>()?;
        numbers.extend(theirs.into_iter().filter(|number| Some(number) != on));
    }
    let mut found = Vec::new();
    for number in numbers {
        let talks = db
            .prepare_cached(
                "SELECT id, certain, seen_at_ms, detail FROM calls
                 WHERE number = ?1 AND started_at_ms >= ?2 AND talk_ms >= ?5 AND id IS NOT ?3 AND merged_into IS NULL
                    AND seen_at_ms <= ?4",
            )?
            .query_map(
                params![
                    number.as_str(),
                    ms(since) - LONGEST_CALL_MS,
                    but.map(|id| id.as_str()),
                    ms(now),
                    policy.terms.callback.talk_ms
                ],
                |row| {
                    Ok(Talk {
                        call: name(row, "id")?,
                        certain: row.get("certain")?,
                        seen_at: time(row, "seen_at_ms")?,
                        segments: detail::read(row.get_ref("detail")?.as_str()?).segments,
                    })
                },
            )?
            .collect::<Result<Vec<_>, _>>()?;
        found.extend(talks);
    }
    Ok(found)
}

pub(super) fn next_nth(db: &Connection, policy: &Policy, opened_at: Time) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT coalesce(max(nth), 0) + 1 FROM tickets WHERE day = ?1")?
        .query_row([policy.day(opened_at)], |row| row.get(0))
}

/// Everybody and their extensions.
pub fn staff(db: &Connection) -> rusqlite::Result<Arc<Staff>> {
    let people = db
        .prepare_cached("SELECT id, login, name, role, active, away, deputy FROM people")?
        .query_map([], |row| {
            let member = Member {
                login: row.get("login")?,
                name: row.get("name")?,
                role: word(row, "role", Role::parse)?,
                active: row.get("active")?,
                away: row.get("away")?,
                deputy: row.get::<_, Option<i64>>("deputy")?.map(PersonId),
            };
            Ok((PersonId(row.get("id")?), member))
        })?
        .collect::<Result<_, _>>()?;
    let mut extensions: BTreeMap<PbxName, BTreeMap<_, _>> = BTreeMap::new();
    let mut statement = db.prepare_cached("SELECT pbx, extension, person FROM extensions")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        extensions.entry(name(row, "pbx")?).or_default().insert(name(row, "extension")?, PersonId(row.get("person")?));
    }
    Ok(Arc::new(Staff { people, extensions, departments: hands::departments(db)? }))
}
