//! The questions of [`Reader`] in SQL, each on one state of the store.

use std::collections::BTreeSet;

use protocol::request::Spying;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;

use super::column::*;
use super::customers::pages::listed;
use super::detail;
use super::gather;
use super::handlings;
use super::hands;
use super::papers;
use super::read::*;
use super::regroup::{self, WHOLE};
use super::sight;
use crate::calls::call::{Direction, EndedBy, Outcome};
use crate::desk::clock::{ClockKind, ObligationState, Survey};
use crate::desk::command::SessionHash;
use crate::desk::draw::Lot;
use crate::desk::handling::{Finding, RemedyKind, RemedyState};
use crate::desk::looks::Whose;
use crate::desk::ownership::{How, OfferEnd, Part, Receiver};
use crate::desk::papers::Tie;
use crate::desk::policy::Policy;
use crate::desk::regroup::RegroupKind;
use crate::desk::rights::Circle;
use crate::desk::survey::Unanswered;
use crate::desk::ticket::{Channel, Satisfaction, TicketState};
use crate::desk::{Addressee, News, Rung};
use crate::live::About;
use crate::number::Number;
use crate::{CallId, CustomerId, ObligationId, PbxName, PersonId, Role, TicketId, Time};

type Result<T> = rusqlite::Result<T>;

/// What a pop shows of the past.
const CONTACTS: usize = 5;

pub fn directory(db: &Connection) -> Result<Directory> {
    let people = db
        .prepare_cached(
            "SELECT id, login, name, role, active, away, deputy, language, created_at_ms FROM people ORDER BY name, id",
        )?
        .query_map([], |row| {
            Ok(Person {
                id: PersonId(row.get("id")?),
                login: row.get("login")?,
                name: row.get("name")?,
                role: word(row, "role", Role::parse)?,
                active: row.get("active")?,
                away: row.get("away")?,
                deputy: row.get::<_, Option<i64>>("deputy")?.map(PersonId),
                language: row.get("language")?,
                created_at: time(row, "created_at_ms")?,
            })
        })?
        .collect::<Result<_>>()?;
    let extensions = db
        .prepare_cached("SELECT pbx, extension, person FROM extensions ORDER BY pbx, extension")?
        .query_map([], |row| Ok((name(row, "pbx")?, name(row, "extension")?, PersonId(row.get("person")?))))?
        .collect::<Result<_>>()?;
    Ok(Directory { people, extensions, departments: hands::departments(db)? })
}

pub fn card(db: &Connection, number: &Number) -> Result<Card> {
    let customers = customers_on(db, number)?;
    let mut numbers: Vec<&Number> = customers.iter().flat_map(|customer| &customer.numbers).chain([number]).collect();
    numbers.sort();
    numbers.dedup();
    let mut card = Card::default();
    for number in numbers {
        let (contacts, total) = contacts(db, number)?;
        card.contacts.extend(contacts);
        card.contacts_total += total;
    }
    card.contacts.sort_by(|a, b| (b.at, &b.call).cmp(&(a.at, &a.call)));
    card.contacts.truncate(CONTACTS);
    let sql = format!("{TICKETS} WHERE t.is_open = 1 AND t.customer IS NULL AND t.caller = ?1");
    card.open_tickets = db.prepare_cached(&sql)?.query_map([number.as_str()], ticket_row)?.collect::<Result<_>>()?;
    let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.number = ?1");
    card.open_obligations = obligation_rows(db, &sql, [number.as_str()])?;
    for customer in &customers {
        let sql = format!("{TICKETS} WHERE t.is_open = 1 AND t.customer = ?1");
        let theirs = db.prepare_cached(&sql)?.query_map([customer.id.0], ticket_row)?.collect::<Result<Vec<_>>>()?;
        card.open_tickets.extend(theirs);
        let sql = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.customer = ?1");
        let theirs = obligation_rows(db, &sql, [customer.id.0])?;
        card.open_obligations.extend(theirs.into_iter().filter(|row| row.number.as_ref() != Some(number)));
    }
    card.open_tickets.sort_by_key(|row| std::cmp::Reverse(row.ticket.id));
    card.open_obligations.sort_by_key(|row| (row.due_at, row.id));
    card.customers = customers;
    card.listed = listed(db, number)?;
    Ok(card)
}

fn contacts(db: &Connection, number: &Number) -> Result<(Vec<Contact>, i64)> {
    let total = db
        .prepare_cached("SELECT count(*) FROM calls WHERE number = ?1 AND merged_into IS NULL")?
        .query_row([number.as_str()], |row| row.get(0))?;
    Ok((newest_contacts(db, number, CONTACTS)?, total))
}

pub(super) fn newest_contacts(db: &Connection, number: &Number, count: usize) -> Result<Vec<Contact>> {
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT c.id, c.direction, c.started_at_ms, c.ended_at_ms, c.outcome, c.talk_ms, c.agent, c.person, c.pbx,
                c.certain, coalesce(t.summary, '') AS summary
             FROM calls c LEFT JOIN tickets t ON t.id = c.ticket
             WHERE c.number = ?1 AND c.merged_into IS NULL ORDER BY c.started_at_ms DESC LIMIT ?2",
    )?
    .query_map(params![number.as_str(), limit], |row| {
        let (pbx, at) = (name(row, "pbx")?, time(row, "started_at_ms")?);
        let certain = row.get("certain")?;
        Ok(Contact {
            call: name(row, "id")?,
            direction: word(row, "direction", Direction::parse)?,
            at,
            outcome: maybe_word(row, "outcome", Outcome::parse)?,
            talk_ms: row.get("talk_ms")?,
            agent: maybe_name(row, "agent")?,
            person: row.get::<_, Option<i64>>("person")?.map(PersonId),
            gap: hidden(db, certain, &pbx, at, maybe_time(row, "ended_at_ms")?)?,
            pbx,
            summary: row.get("summary")?,
            certain,
        })
    })?
    .collect()
}

/// What hid part of a call, where not all of it was seen.
fn hidden(db: &Connection, certain: bool, pbx: &PbxName, from: Time, to: Option<Time>) -> Result<Option<Outage>> {
    if certain { Ok(None) } else { sight::gap(db, pbx, from, to) }
}

pub(super) fn customers_on(db: &Connection, number: &Number) -> Result<Vec<Customer>> {
    let ids: Vec<i64> = db
        .prepare_cached("SELECT customer FROM customer_numbers WHERE number = ?1 ORDER BY customer")?
        .query_map([number.as_str()], |row| row.get(0))?
        .collect::<Result<_>>()?;
    ids.into_iter().filter_map(|id| customer(db, CustomerId(id)).transpose()).collect()
}

pub fn customer(db: &Connection, id: CustomerId) -> Result<Option<Customer>> {
    let numbers = db
        .prepare_cached("SELECT number FROM customer_numbers WHERE customer = ?1 ORDER BY place")?
        .query_map([id.0], |row| number(row, "number"))?
        .collect::<Result<_>>()?;
    db.prepare_cached("SELECT * FROM customers WHERE id = ?1")?
        .query_row([id.0], |row| {
            Ok(Customer {
                id,
                name: row.get("name")?,
                company: row.get("company")?,
                address: row.get("address")?,
                key_customer: row.get("key_customer")?,
                class: row.get("class")?,
                manager: row.get::<_, Option<i64>>("manager")?.map(PersonId),
                note: row.get("note")?,
                numbers,
                version: row.get("version")?,
                merged_into: row.get::<_, Option<i64>>("merged_into")?.map(CustomerId),
            })
        })
        .optional()
}

pub(super) const TICKETS: &str = "SELECT t.*, coalesce(c.name, '') AS customer_name,
        CASE WHEN c.key_customer = 1 THEN c.manager END AS manager,
        EXISTS (SELECT 1 FROM drafts d WHERE d.ticket = t.id) AS has_draft, f.obligation AS offered,
        f.to_person AS offered_to, f.to_department AS offered_department
    FROM tickets t LEFT JOIN customers c ON c.id = t.customer
    LEFT JOIN offers f ON f.ticket = t.id AND f.ended IS NULL";

pub(super) fn ticket_row(row: &Row) -> Result<TicketRow> {
    Ok(TicketRow {
        ticket: ticket_of_row(row)?,
        customer_name: row.get("customer_name")?,
        manager: row.get::<_, Option<i64>>("manager")?.map(PersonId),
        has_draft: row.get("has_draft")?,
        offered: offered(row)?,
        talked: Vec::new(),
    })
}

fn offered(row: &Row) -> Result<Option<Receiver>> {
    match row.get::<_, Option<i64>>("offered")? {
        Some(_) => hands::receiver(row, "offered_to", "offered_department").map(Some),
        None => Ok(None),
    }
}

pub(super) const OBLIGATIONS: &str = "SELECT o.*, t.number AS ticket_number, t.summary, coalesce(c.name, '') AS customer_name,
        t.owner AS ticket_owner, t.handler, t.department, f.obligation AS offered, f.to_person AS offered_to,
        f.to_department AS offered_department,
        (SELECT k.manager FROM customers k WHERE k.id = t.customer AND k.key_customer = 1) AS manager,
        (SELECT count(*) FROM attempts a WHERE a.obligation = o.id) AS attempts,
        s.from_ms AS suspended_ms, s.reason AS suspended_why, v.result AS survey, v.words AS survey_words,
        v.score AS survey_score
    FROM obligations o LEFT JOIN surveys v ON v.obligation = o.id LEFT JOIN suspensions s ON s.obligation = o.id AND s.to_ms IS NULL
    JOIN tickets t ON t.id = o.ticket LEFT JOIN customers c ON c.id = o.customer
    LEFT JOIN offers f ON f.ticket = t.id AND f.ended IS NULL";

pub(super) fn obligation_rows(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<ObligationRow>> {
    let mut rows =
        db.prepare_cached(sql)?.query_map(values, obligation_row)?.collect::<Result<Vec<ObligationRow>>>()?;
    for row in &mut rows {
        row.fired = fired(db, row.id)?;
    }
    Ok(rows)
}

fn fired(db: &Connection, obligation: ObligationId) -> Result<Vec<Fired>> {
    let mut fired = db
        .prepare_cached("SELECT rung, planned_at_ms, fired_at_ms, late FROM rungs WHERE obligation = ?1")?
        .query_map([obligation.0], |row| {
            Ok(Fired {
                rung: rung(row, "rung")?,
                planned_at: time(row, "planned_at_ms")?,
                fired_at: time(row, "fired_at_ms")?,
                late: row.get("late")?,
                told: Vec::new(),
            })
        })?
        .collect::<Result<Vec<_>>>()?;
    fired.sort_by_key(|fired| fired.rung);
    let mut statement = db.prepare_cached(
        "SELECT b.rung, b.person, i.person AS absent FROM outbox b
         LEFT JOIN outbox_instead_of i ON i.outbox = b.id WHERE b.obligation = ?1 ORDER BY b.id, i.person",
    )?;
    let mut rows = statement.query([obligation.0])?;
    while let Some(row) = rows.next()? {
        let (news, person) = (word(row, "rung", News::parse)?, PersonId(row.get("person")?));
        let Some(fired) = fired.iter_mut().find(|fired| News::from(fired.rung) == news) else { continue };
        if fired.told.last().is_none_or(|told| told.person != person) {
            fired.told.push(Addressee { person, instead_of: BTreeSet::new() });
        }
        let absent = row.get::<_, Option<i64>>("absent")?.map(PersonId);
        fired.told.last_mut().into_iter().for_each(|told| told.instead_of.extend(absent));
    }
    Ok(fired)
}

fn obligation_row(row: &Row) -> Result<ObligationRow> {
    let ended_by = row.get::<_, Option<i64>>("ended_by")?.map(PersonId);
    let by_talk = proof(row)?.is_some() && ended_by.is_none();
    let why = row.get::<_, Option<String>>("end_why")?.unwrap_or_default();
    Ok(ObligationRow {
        id: ObligationId(row.get("id")?),
        kind: clock_kind(row)?,
        state: obligation_state(row)?,
        ticket: TicketId(row.get("ticket")?),
        ticket_number: row.get("ticket_number")?,
        summary: row.get("summary")?,
        customer: row.get::<_, Option<i64>>("customer")?.map(CustomerId),
        customer_name: row.get("customer_name")?,
        number: maybe_number(row, "number")?,
        owner: row.get::<_, Option<i64>>("owner")?.map(PersonId),
        circle: Circle {
            owner: row.get::<_, Option<i64>>("ticket_owner")?.map(PersonId),
            handler: row.get::<_, Option<i64>>("handler")?.map(PersonId),
            department: maybe_name(row, "department")?,
            offered: offered(row)?,
            manager: row.get::<_, Option<i64>>("manager")?.map(PersonId),
            talked: Vec::new(),
        },
        began_at: time(row, "began_at_ms")?,
        promised_at: maybe_time(row, "promised_at_ms")?,
        due_at: maybe_time(row, "due_at_ms")?,
        reminder_at: maybe_time(row, "reminder_at_ms")?,
        escalated_at: maybe_time(row, "escalated_at_ms")?,
        attempts: row.get("attempts")?,
        claim: claim(row)?,
        suspended: maybe_time(row, "suspended_ms")?.zip(row.get("suspended_why")?),
        proof: proof(row)?,
        survey: survey(row)?,
        ended: maybe_time(row, "ended_at_ms")?.filter(|_| !by_talk).map(|at| Ended { at, by: ended_by, why }),
        fired: Vec::new(),
    })
}

/// What nobody owns stands on every desk: the nearest of it, which is what anybody would take
/// next, and no more than a desk can show.
const UNOWNED: u32 = 20;

pub fn duties(db: &Connection, person: PersonId) -> Result<Vec<ObligationRow>> {
    let own = format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.owner = ?1 ORDER BY o.due_at_ms, o.id LIMIT ?2");
    let unowned =
        format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.owner IS NULL ORDER BY o.due_at_ms, o.id LIMIT ?1");
    let mut rows = obligation_rows(db, &own, params![person.0, LIST])?;
    for absent in stands_in_for(db, person)? {
        rows.extend(obligation_rows(db, &own, params![absent.0, LIST])?);
    }
    rows.extend(obligation_rows(db, &unowned, [UNOWNED])?);
    rows.sort_by_key(|row| (row.due_at.is_none(), row.due_at, row.id));
    Ok(rows)
}

/// Whose duties are this person's for now.
pub(super) fn stands_in_for(db: &Connection, person: PersonId) -> Result<Vec<PersonId>> {
    let anybody = "SELECT EXISTS (SELECT 1 FROM people WHERE (away = 1 OR active = 0) AND deputy IS NOT NULL)";
    if !db.prepare_cached(anybody)?.query_row([], |row| row.get(0))? {
        return Ok(Vec::new());
    }
    Ok(directory(db)?.stands_in_for(person).collect())
}

pub fn at_risk(db: &Connection, now: Time) -> Result<Vec<ObligationRow>> {
    let sql =
        format!("{OBLIGATIONS} WHERE o.state = 'open' AND o.reminder_at_ms <= ?1 ORDER BY o.due_at_ms, o.id LIMIT ?2");
    obligation_rows(db, &sql, params![ms(now), LIST])
}

pub fn obligation(db: &Connection, id: ObligationId) -> Result<Option<ObligationRow>> {
    let sql = format!("{OBLIGATIONS} WHERE o.id = ?1");
    let mut row = obligation_rows(db, &sql, [id.0])?.pop();
    if let Some(row) = &mut row {
        row.circle.talked = hands::talked(db, row.ticket)?;
    }
    Ok(row)
}

/// What is told of, as it stands now.
pub fn told_of(db: &Connection, about: About) -> Result<Option<ToldOf>> {
    Ok(match about {
        About::Owed(id) => obligation(db, id)?.map(|row| ToldOf::Owed(Box::new(row))),
        About::Matter(id) => {
            let sql = format!("{TICKETS} WHERE t.id = ?1");
            let row = db.prepare_cached(&sql)?.query_row([id.0], ticket_row).optional()?;
            row.map(|row| ToldOf::Matter(Box::new(row)))
        }
    })
}

pub fn ticket(db: &Connection, id: TicketId, asker: PersonId) -> Result<Option<TicketPage>> {
    let sql = format!("{TICKETS} WHERE t.id = ?1");
    let Some(mut row) = db.prepare_cached(&sql)?.query_row([id.0], ticket_row).optional()? else { return Ok(None) };
    row.talked = hands::talked(db, id)?;
    let customers = match (row.ticket.customer, &row.ticket.caller) {
        (Some(id), _) => customer(db, id)?.into_iter().collect(),
        (None, Some(number)) => customers_on(db, number)?,
        (None, None) => Vec::new(),
    };
    let draft = db
        .prepare_cached("SELECT body FROM drafts WHERE ticket = ?1 AND person = ?2")?
        .query_row([id.0, asker.0], |row| row.get(0))
        .optional()?;
    let sql = format!("{OBLIGATIONS} WHERE o.ticket = ?1 ORDER BY o.state <> 'open', o.id DESC LIMIT ?2");
    let obligations = obligation_rows(db, &sql, params![id.0, LIST])?;
    let calls = db
        .prepare_cached(
            // With those by which what is owed in it was kept or tried: our own, and talks about other matters.
            "SELECT * FROM calls WHERE merged_into IS NULL AND (ticket = ?1 OR id IN (
                SELECT proof_call FROM obligations WHERE ticket = ?1 AND proof_call IS NOT NULL
                UNION SELECT a.call FROM attempts a JOIN obligations o ON o.id = a.obligation WHERE o.ticket = ?1))
             ORDER BY started_at_ms DESC LIMIT ?2",
        )?
        .query_map([id.0, LIST], |row| stored_call(db, row))?
        .collect::<Result<_>>()?;
    let (comments, attachments) = (papers::comments(db, id)?, papers::attachments(db, id)?);
    let (timeline, paused) = (timeline(db, id, &comments, &attachments)?, gather::paused(db, id)?);
    let (holders, offers, ties) = (hands::holders(db, id)?, hands::offers(db, id)?, papers::ties(db, id)?);
    Ok(Some(TicketPage {
        row,
        customers,
        timeline,
        draft,
        obligations,
        paused,
        calls,
        holders,
        offers,
        comments,
        attachments,
        ties,
        regrouped: regroup::regrouped(db, id)?,
        handling: handlings::row(db, id)?,
    }))
}

pub(super) fn stored_call(db: &Connection, row: &Row) -> Result<StoredCall> {
    let detail = detail::read(row.get_ref("detail")?.as_str()?);
    let (pbx, certain) = (name(row, "pbx")?, row.get("certain")?);
    let (started_at, ended_at) = (time(row, "started_at_ms")?, maybe_time(row, "ended_at_ms")?);
    Ok(StoredCall {
        gap: hidden(db, certain, &pbx, started_at, ended_at)?,
        id: name(row, "id")?,
        pbx,
        direction: word(row, "direction", Direction::parse)?,
        caller: row.get("caller")?,
        caller_name: row.get("caller_name")?,
        number: maybe_number(row, "number")?,
        to: row.get("reached")?,
        agent: maybe_name(row, "agent")?,
        person: row.get::<_, Option<i64>>("person")?.map(PersonId),
        started_at,
        answered_at: maybe_time(row, "answered_at_ms")?,
        ended_at,
        outcome: maybe_word(row, "outcome", Outcome::parse)?,
        ended_by: maybe_word(row, "ended_by", EndedBy::parse)?,
        talk_ms: row.get("talk_ms")?,
        certain,
        waits: detail.waits,
        segments: detail.segments,
        offers: detail.offers,
        transfers: detail.transfers,
        ticket: row.get::<_, Option<i64>>("ticket")?.map(TicketId),
    })
}

/// What the timeline needs of the bodies of facts; each has some of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    version: i64,
    due_at_ms: Option<i64>,
    state: String,
    why: String,
    reason: String,
    solved_by_ms: i64,
    result: String,
    words: String,
    rung: String,
    late: bool,
    outcome: String,
    agent: String,
    from_ms: i64,
    talk_ms: i64,
    leg: String,
    how: String,
    part: String,
    end: String,
    news: String,
    department: Option<String>,
    heard_at_ms: Option<i64>,
    pressed: Option<u8>,
    score: Option<u8>,
    lot: u32,
    percent: u8,
    drawn: bool,
    other: i64,
    to: i64,
    masked: bool,
    /// Who was told; each kind of fact has them its own way.
    told: serde_json::Value,
    what: String,
    calls: Vec<String>,
    finding: Option<String>,
    sum_cents: i64,
    withdrawn: bool,
}

fn timeline(
    db: &Connection,
    id: TicketId,
    comments: &[Comment],
    attachments: &[Attachment],
) -> Result<Vec<TimelineRow>> {
    let sql = format!(
        "SELECT f.seq, f.at_ms, f.kind, f.by_person, f.call, f.obligation, f.person, f.customer, f.body, o.kind AS clock,
            CASE WHEN f.ticket <> ?1 THEN t.number END AS whose
         FROM (SELECT * FROM facts WHERE ticket IN {WHOLE} ORDER BY seq DESC LIMIT ?2) f
         LEFT JOIN obligations o ON o.id = f.obligation JOIN tickets t ON t.id = f.ticket ORDER BY f.seq"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0, LIST])?;
    let mut timeline = papers::in_timeline(comments, attachments);
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get("seq")?;
        let (at, by) = (time(row, "at_ms")?, row.get::<_, Option<i64>>("by_person")?.map(PersonId));
        let of: Option<String> = row.get("whose")?;
        // Both tickets say that one was merged into the other; the one that goes on says it here.
        if of.is_some() && row.get_ref("kind")?.as_str()? == "ticket_merged" {
            continue;
        }
        timeline.extend(what(db, row)?.into_iter().map(|what| (seq, TimelineRow { at, by, of: of.clone(), what })));
    }
    timeline.sort_by_key(|(seq, _)| *seq);
    Ok(timeline.into_iter().map(|(_, row)| row).collect())
}

/// What people were shown or took away, newest first; at most [`LIST`].
pub fn audit(db: &Connection, before: Option<i64>) -> Result<Vec<AuditRow>> {
    db.prepare_cached(
        "SELECT f.seq, f.at_ms, f.kind, f.by_person, f.call, f.customer, f.body, t.number AS ticket, coalesce(c.name, '') AS name
         FROM facts f LEFT JOIN tickets t ON t.id = f.ticket LEFT JOIN customers c ON c.id = f.customer
         WHERE f.kind IN ('numbers_shown', 'evidence_made', 'customers_exported') AND f.seq < ?1 ORDER BY f.seq DESC LIMIT ?2",
    )?
    .query_map(params![before.unwrap_or(i64::MAX), LIST], |row| {
        let customer = row.get::<_, Option<i64>>("customer")?.map(CustomerId);
        Ok(AuditRow {
            seq: row.get("seq")?,
            at: time(row, "at_ms")?,
            by: row.get::<_, Option<i64>>("by_person")?.map(PersonId),
            what: word(row, "kind", Audited::parse)?,
            ticket: row.get("ticket")?,
            customer: customer.zip(row.get("name")?),
            call: maybe_name(row, "call")?,
            masked: serde_json::from_str(row.get_ref("body")?.as_str()?).is_ok_and(|body: Body| body.masked),
        })
    })?
    .collect()
}

/// The numbers that a look at a ticket, a customer or a call shows.
pub fn numbers_of(db: &Connection, of: &Whose) -> Result<Vec<Number>> {
    let (sql, key): (_, &dyn rusqlite::ToSql) = match of {
        Whose::Ticket(ticket) => {
            let sql =
                "SELECT n.number FROM tickets t JOIN customer_numbers n ON n.customer = t.customer WHERE t.id = ?1
                 UNION SELECT caller FROM tickets WHERE id = ?1 AND caller IS NOT NULL";
            (sql, &ticket.0)
        }
        Whose::Customer(customer) => {
            ("SELECT number FROM customer_numbers WHERE customer = ?1 ORDER BY place", &customer.0)
        }
        Whose::Call(call) => {
            ("SELECT number FROM calls WHERE id = ?1 AND number IS NOT NULL", &call.as_str().to_owned())
        }
    };
    db.prepare_cached(sql)?.query_map([key], |row| number(row, "number"))?.collect()
}

/// A fact as the timeline's words; kinds that it does not show give none.
fn what(db: &Connection, row: &Row) -> Result<Vec<TimelineWhat>> {
    let call = maybe_name::<CallId>(row, "call")?;
    let obligation = row.get::<_, Option<i64>>("obligation")?.map(ObligationId);
    let clock = maybe_word(row, "clock", ClockKind::parse)?;
    let mut body: Body = serde_json::from_str(row.get_ref("body")?.as_str()?).unwrap_or_default();
    let joined = call.clone().map(|call| TimelineWhat::Joined { call });
    // What is offered, and how that ends, has lines of its own.
    let clock = clock.filter(|clock| *clock != ClockKind::HandOver);
    let what = match row.get_ref("kind")?.as_str()? {
        "ticket_opened" => return Ok([TimelineWhat::Opened].into_iter().chain(joined).collect()),
        "call_joined" => joined,
        "owner_taken" => {
            row.get::<_, Option<i64>>("person")?.map(|person| TimelineWhat::Owner { person: PersonId(person) })
        }
        "ticket_saved" => Some(TimelineWhat::Saved { version: body.version }),
        "obligation_began" => {
            let began = obligation.zip(clock);
            began.map(|(obligation, clock)| {
                let due_at = body.due_at_ms.map(from_ms);
                TimelineWhat::ObligationBegan { obligation, clock, due_at }
            })
        }
        "rung_fired" => Rung::parse(&body.rung).map(|rung| TimelineWhat::Rung { rung, late: body.late }),
        "attempt_made" => {
            call.zip(Outcome::parse(&body.outcome)).map(|(call, outcome)| TimelineWhat::Attempt { call, outcome })
        }
        "obligation_kept" => call.zip(clock).map(|(call, clock)| TimelineWhat::Kept {
            clock,
            proof: crate::desk::clock::Proof {
                call,
                agent: body.agent.as_str().into(),
                from: from_ms(body.from_ms),
                talk_ms: body.talk_ms,
            },
        }),
        "obligation_ended" => ObligationState::parse(&body.state)
            .zip(clock)
            .map(|(state, clock)| TimelineWhat::Ended { clock, state, why: std::mem::take(&mut body.why) }),
        "accepted" => Some(TimelineWhat::Accepted { solved_by: from_ms(body.solved_by_ms) }),
        "surveyed" => Satisfaction::parse(&body.result).map(|result| TimelineWhat::Surveyed {
            survey: Survey { result, words: std::mem::take(&mut body.words), score: body.score },
        }),
        "survey_by_keys" => Some(TimelineWhat::SurveyedByKeys {
            person: row.get::<_, Option<i64>>("person")?.map(PersonId),
            agent: Some(body.agent.as_str()).filter(|agent| !agent.is_empty()).map(Into::into),
            heard: body.heard_at_ms.is_some(),
            pressed: body.pressed,
            result: Satisfaction::parse(&body.result),
        }),
        "dissatisfied_told" => {
            let told = body.told.as_array().into_iter().flatten();
            let told = told.filter_map(|told| told["person"].as_i64()).map(PersonId).collect();
            Some(TimelineWhat::DissatisfiedTold { told })
        }
        "survey_unanswered" => Unanswered::parse(&body.why)
            .map(|why| TimelineWhat::Unanswered { why, words: std::mem::take(&mut body.words) }),
        "lot_looked_at" => Some(TimelineWhat::Lot { lot: Lot(body.lot), percent: body.percent, drawn: body.drawn }),
        "offered" => {
            let person = row.get::<_, Option<i64>>("person")?.map(|person| Receiver::Person(PersonId(person)));
            let department = body.department.as_deref().map(|department| Receiver::Department(department.into()));
            let words = std::mem::take(&mut body.words);
            let offered = Part::parse(&body.part).zip(person.or(department));
            offered.map(|(part, to)| TimelineWhat::Offered { part, to, words })
        }
        "offer_ended" => {
            OfferEnd::parse(&body.end).map(|end| TimelineWhat::OfferEnded { end, why: std::mem::take(&mut body.why) })
        }
        "given" => {
            let person = row.get::<_, Option<i64>>("person")?.map(PersonId);
            let given = Part::parse(&body.part).zip(How::parse(&body.how)).zip(person);
            let words = std::mem::take(&mut body.words);
            given.map(|((part, how), person)| TimelineWhat::Given { part, person, how, words })
        }
        "notified" => (body.news == News::Urgent.as_str()).then_some(TimelineWhat::Alarmed),
        "ticket_moved" => TicketState::parse(&body.state)
            .map(|state| TimelineWhat::Became { state, why: std::mem::take(&mut body.why) }),
        "investigated" => Some(TimelineWhat::Investigated { words: std::mem::take(&mut body.words) }),
        "found" => Some(TimelineWhat::Found { finding: body.finding.as_deref().and_then(Finding::parse) }),
        "remedy_proposed" => RemedyKind::parse(&body.what)
            .zip(RemedyState::parse(&body.state))
            .map(|(kind, state)| TimelineWhat::RemedyProposed { kind, sum_cents: body.sum_cents, state }),
        "remedy_decided" => RemedyState::parse(&body.state)
            .map(|state| TimelineWhat::RemedyDecided { state, why: std::mem::take(&mut body.why) }),
        "told" => Channel::parse(&body.how).map(|how| TimelineWhat::Told {
            how,
            words: std::mem::take(&mut body.words),
            withdrawn: body.withdrawn,
        }),
        "filed" => Some(TimelineWhat::Filed { words: std::mem::take(&mut body.words) }),
        "assessed" => Some(TimelineWhat::Assessed),
        "ticket_reopened" => Some(TimelineWhat::Reopened),
        "suspended" => Some(TimelineWhat::Suspended { reason: std::mem::take(&mut body.reason) }),
        "resumed" => Some(TimelineWhat::Resumed),
        "numbers_shown" => Some(TimelineWhat::NumbersShown),
        "evidence_made" => Some(TimelineWhat::EvidenceMade { masked: body.masked }),
        "called_beside" => {
            let holder = row.get::<_, Option<i64>>("person")?.map(PersonId);
            holder.map(|holder| TimelineWhat::CalledBeside { holder })
        }
        "tied" | "untied" => {
            let (how, number) = (Tie::parse(&body.how), number_of(db, TicketId(body.other))?);
            how.zip(number).map(|(how, number)| {
                match row.get_ref("kind").is_ok_and(|kind| kind == ValueRef::Text(b"tied")) {
                    true => TimelineWhat::Tied { how, number },
                    false => TimelineWhat::Untied { how, number },
                }
            })
        }
        "ticket_merged" | "ticket_split" | "merged_from" | "split_from" => {
            let gave = matches!(row.get_ref("kind")?.as_str()?, "ticket_merged" | "ticket_split");
            let kind = RegroupKind::parse(&body.what).zip(number_of(db, TicketId(body.other))?);
            let line = kind.map(|(kind, number)| TimelineWhat::Regrouped { kind, gave, number });
            // What a ticket began with stands in it; where one became part of another, in its own lines.
            let is_new = body.what == RegroupKind::Split.as_str();
            let calls =
                body.calls.iter().filter(|_| is_new).map(|call| TimelineWhat::Joined { call: call.as_str().into() });
            return Ok(line.into_iter().chain(calls).collect());
        }
        "regroup_undone" => {
            let kind = RegroupKind::parse(&body.what).zip(number_of(db, TicketId(body.other))?);
            kind.map(|(kind, number)| TimelineWhat::RegroupUndone { kind, number })
        }
        "call_moved" => number_of(db, TicketId(body.to))?.map(|number| TimelineWhat::CallMoved { number }),
        "ticket_linked" => {
            let name = "SELECT name FROM customers WHERE id = ?1";
            let customer = row.get::<_, Option<i64>>("customer")?;
            let name = db.prepare_cached(name)?.query_row([customer], |row| row.get(0)).optional()?;
            name.map(|name| TimelineWhat::Customer { name })
        }
        "claimed" => {
            let by = row.get::<_, Option<i64>>("person")?.map(PersonId);
            clock.map(|clock| TimelineWhat::Claimed { clock, by })
        }
        "claim_released" => clock.map(|clock| TimelineWhat::Claimed { clock, by: None }),
        "obligation_moved" => clock.map(|clock| TimelineWhat::Moved { clock, due_at: body.due_at_ms.map(from_ms) }),
        "dial_asked" => Some(TimelineWhat::Dialled),
        "hang_up_asked" => Some(TimelineWhat::HungUp),
        "spy_asked" => match Spying::parse(&body.how) {
            Some(how) => Some(TimelineWhat::Spied {
                agent: body.agent.as_str().into(),
                person: row.get::<_, Option<i64>>("person")?.map(PersonId),
                how,
                heard_ms: heard_ms(db, &body.leg)?,
            }),
            None => None,
        },
        _ => None,
    };
    Ok(what.into_iter().collect())
}

fn number_of(db: &Connection, ticket: TicketId) -> Result<Option<String>> {
    db.prepare_cached("SELECT number FROM tickets WHERE id = ?1")?.query_row([ticket.0], |row| row.get(0)).optional()
}

/// How long was listened by that leg; what is still going on counts up to when it was last told.
fn heard_ms(db: &Connection, leg: &str) -> Result<Option<i64>> {
    let heard = db
        .prepare_cached("SELECT coalesce(to_ms, from_ms) - from_ms FROM spyings WHERE leg = ?1")?
        .query_row([leg], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(heard.flatten())
}

pub fn tickets(db: &Connection, filter: &TicketFilter) -> Result<Vec<TicketRow>> {
    let whose = match filter.owner {
        Some(_) => {
            "t.id IN (SELECT id FROM tickets WHERE owner = ?1 UNION SELECT id FROM tickets WHERE handler = ?1
                UNION SELECT o.id FROM department_people d JOIN tickets o ON o.department = d.department
                    WHERE d.person = ?1)"
        }
        None => "?1 IS NULL",
    };
    let sql = format!("{TICKETS} WHERE {whose} AND (?2 IS NULL OR t.is_open = ?2) ORDER BY t.id DESC LIMIT ?3");
    db.prepare_cached(&sql)?
        .query_map(params![filter.owner.map(|id| id.0), filter.open, filter.limit], ticket_row)?
        .collect()
}

/// The ticket of that number, `YYYYMMDD-NNNN`.
pub fn numbered(db: &Connection, number: &str) -> Result<Option<TicketId>> {
    let Some((day, nth)) = number.split_once('-') else { return Ok(None) };
    let (Ok(day), Ok(nth)) = (day.parse::<i64>(), nth.parse::<i64>()) else { return Ok(None) };
    db.prepare_cached("SELECT id FROM tickets WHERE day = ?1 AND nth = ?2 AND number = ?3")?
        .query_row(params![day, nth, number], |row| row.get(0).map(TicketId))
        .optional()
}

pub fn ticket_of(db: &Connection, call: &CallId) -> Result<Option<TicketId>> {
    let found: Option<Option<i64>> = db
        .prepare_cached("SELECT ticket FROM calls WHERE id = ?1")?
        .query_row([call.as_str()], |row| row.get(0))
        .optional()?;
    Ok(found.flatten().map(TicketId))
}

pub fn session(db: &Connection, policy: &Policy, session: &SessionHash, now: Time) -> Result<Option<Session>> {
    db.prepare_cached(
        "SELECT s.person, s.created_at_ms, s.expires_at_ms FROM sessions s JOIN people p ON p.id = s.person
         WHERE s.hash = ?1 AND s.expires_at_ms > ?2 AND p.active = 1",
    )?
    .query_row(params![session.0, ms(now)], |row| {
        let would_end = policy.session_ends(time(row, "created_at_ms")?, now);
        let gained = would_end - time(row, "expires_at_ms")?;
        let to_renew = gained.num_milliseconds() >= policy.session_renew_ms;
        Ok(Session { person: PersonId(row.get("person")?), to_renew })
    })
    .optional()
}

pub fn credentials(db: &Connection, login: &str) -> Result<Option<Credentials>> {
    db.prepare_cached("SELECT id, password_hash, active FROM people WHERE lower(login) = lower(?1)")?
        .query_row([login], |row| {
            Ok(Credentials {
                person: PersonId(row.get("id")?),
                password_hash: row.get("password_hash")?,
                active: row.get("active")?,
            })
        })
        .optional()
}

pub fn outages(db: &Connection, limit: u32) -> Result<Vec<Outage>> {
    db.prepare_cached("SELECT pbx, from_ms, to_ms, why FROM outages ORDER BY from_ms DESC, pbx LIMIT ?1")?
        .query_map([limit], |row| {
            Ok(Outage {
                pbx: name(row, "pbx")?,
                from: time(row, "from_ms")?,
                to: maybe_time(row, "to_ms")?,
                why: row.get("why")?,
            })
        })?
        .collect()
}

pub fn unmapped(db: &Connection, today_from: Time) -> Result<Vec<UnmappedExtension>> {
    db.prepare_cached(
        "SELECT s.pbx, s.extension, s.name, s.last_seen_at_ms,
            (SELECT count(*) FROM calls c WHERE c.pbx = s.pbx AND c.agent = s.extension AND c.started_at_ms >= ?1
                AND c.direction = 'inbound' AND c.answered_at_ms IS NOT NULL) AS answered,
            (SELECT count(*) FROM calls c WHERE c.pbx = s.pbx AND c.agent = s.extension AND c.started_at_ms >= ?1
                AND c.direction <> 'inbound') AS dialled
         FROM seen_extensions s
         WHERE NOT EXISTS (SELECT 1 FROM extensions e WHERE e.pbx = s.pbx AND e.extension = s.extension)
            AND NOT EXISTS (SELECT 1 FROM ignored_extensions i WHERE i.pbx = s.pbx AND i.extension = s.extension)
         ORDER BY s.pbx, s.extension LIMIT ?2",
    )?
    .query_map(params![ms(today_from), LIST], |row| {
        Ok(UnmappedExtension {
            pbx: name(row, "pbx")?,
            extension: name(row, "extension")?,
            name: row.get("name")?,
            answered_today: row.get("answered")?,
            dialled_today: row.get("dialled")?,
            last_seen_at: time(row, "last_seen_at_ms")?,
        })
    })?
    .collect()
}
