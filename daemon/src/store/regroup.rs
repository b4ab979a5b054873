//! Tickets put together and apart: what a decision looks at, facts into tables and lines, what pages
//! read, and where whoever would have joined a ticket goes once it is part of another.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::column::*;
use super::gather::{OBLIGATIONS, customer_in_any_case, matter, obligations, obligations_of, whole_matter};
use super::handlings::{self, FoundUnder};
use super::hands;
use super::line::Line;
use super::read::{RegroupRow, Regrouped};
use crate::desk::case::{Case, Matter};
use crate::desk::clock::{Claim, Rung};
use crate::desk::papers::Tie;
use crate::desk::regroup::{
    Found, Handled, HeldCall, KnownRegrouping, Lies, Link, Regroup, RegroupFact, RegroupKind, Regrouping, Replaced,
    TakenOver, WentLink, WentOwed,
};
use crate::desk::ticket::{Ticket, TicketState};
use crate::number::Number;
use crate::{
    AssessmentId, AttachmentId, CallId, CommentId, CustomerId, InquiryId, ObligationId, PersonId, RegroupId, RemedyId,
    TicketId, Time,
};

type Result<T> = rusqlite::Result<T>;

/// Ticket `?1` and all that are part of it.
pub const WHOLE: &str = "(WITH RECURSIVE whole (id) AS (
    SELECT ?1 UNION SELECT t.id FROM whole w JOIN tickets t ON t.merged_into = w.id) SELECT id FROM whole)";

pub fn gather(db: &Connection, case: &mut Case, ticket: TicketId, regroup: &Regroup, now: Time) -> Result<()> {
    whole_matter(db, case, ticket, now)?;
    case.offer = hands::offer(db, ticket)?;
    let other = match regroup {
        Regroup::Merge { into } => Some(*into),
        Regroup::Split { .. } => {
            case.next_nth = super::gather::next_nth(db, &case.policy, now)?;
            None
        }
        Regroup::Undo(id) => {
            case.regroup.known = known(db, *id)?;
            case.regroup.known.as_ref().map(|known| known.regrouping.taker)
        }
    };
    case.regroup.here = lies(db, ticket)?;
    let Some(other) = other.filter(|other| *other != ticket) else { return Ok(()) };
    case.regroup.other = one(db, other)?;
    if let Some(other) = &case.regroup.other {
        case.regroup.other_circle = hands::circle(db, other)?;
    }
    case.regroup.other_offer = hands::offer(db, other)?;
    case.regroup.there = lies(db, other)?;
    case.obligations.extend(obligations_of(db, other)?);
    let went = case.regroup.known.as_ref().map(|known| known.regrouping.clone());
    let named = went.iter().flat_map(|went| &went.owed).filter_map(|owed| owed.customer_was);
    let theirs = case.regroup.other.as_ref().and_then(|other| other.customer);
    for customer in named.chain(theirs).collect::<std::collections::BTreeSet<_>>() {
        if !case.customers.iter().any(|known| known.id == customer) {
            case.customers.extend(customer_in_any_case(db, customer)?);
        }
    }
    for replaced in went.iter().flat_map(|went| &went.replaced) {
        let sql = format!("{OBLIGATIONS} WHERE o.id = ?1 AND o.state = 'replaced'");
        case.regroup.replaced.extend(obligations(db, &sql, [replaced.id.0])?);
    }
    Ok(())
}

fn one(db: &Connection, TicketId(id): TicketId) -> Result<Option<Ticket>> {
    db.prepare_cached("SELECT * FROM tickets WHERE id = ?1")?.query_row([id], ticket_of_row).optional()
}

fn lies(db: &Connection, ticket: TicketId) -> Result<Lies> {
    let calls = db
        .prepare_cached("SELECT id, number, merged_into FROM calls WHERE ticket = ?1 ORDER BY started_at_ms, id")?
        .query_map([ticket.0], |row| {
            let id: CallId = name(row, "id")?;
            let owed = db
                .prepare_cached("SELECT id FROM obligations WHERE call = ?1 AND state = 'open' ORDER BY id")?
                .query_map([id.as_str()], |row| row.get(0).map(ObligationId))?
                .collect::<Result<_>>()?;
            let (number, part_of) = (maybe_number(row, "number")?, maybe_name(row, "merged_into")?);
            Ok(HeldCall { id, number, part_of, owed })
        })?
        .collect::<Result<_>>()?;
    let ids = |table: &str| -> Result<Vec<i64>> {
        db.prepare_cached(&format!("SELECT id FROM {table} WHERE ticket = ?1"))?
            .query_map([ticket.0], |row| row.get(0))?
            .collect()
    };
    let links = db
        .prepare_cached("SELECT ticket, how, other FROM ties WHERE ticket = ?1 OR other = ?1")?
        .query_map([ticket.0], |row| {
            Ok((TicketId(row.get("ticket")?), word(row, "how", Tie::parse)?, TicketId(row.get("other")?)))
        })?
        .collect::<Result<_>>()?;
    Ok(Lies {
        calls,
        comments: ids("comments")?.into_iter().map(CommentId).collect(),
        attachments: ids("attachments")?.into_iter().map(AttachmentId).collect(),
        links,
        log: ids("investigations")?.into_iter().map(InquiryId).collect(),
        remedies: handlings::remedies(db, ticket)?.into_iter().map(|row| row.remedy).collect(),
        assessments: ids("assessments")?.into_iter().map(AssessmentId).collect(),
        found: handlings::found(db, ticket)?,
    })
}

fn known(db: &Connection, id: RegroupId) -> Result<Option<KnownRegrouping>> {
    let found = db
        .prepare_cached("SELECT * FROM regroups WHERE id = ?1")?
        .query_row([id.0], |row| Ok((regrouping(row)?, row.get::<_, Option<i64>>("undone_at_ms")?.is_some())))
        .optional()?;
    let Some((regrouping, is_undone)) = found else { return Ok(None) };
    let is_last = is_last(db, &regrouping)?;
    // What people saw of it, tried to do, and what time did of itself goes back with it.
    let touched = "SELECT EXISTS (SELECT 1 FROM facts WHERE ticket = ?1
        AND seq > (SELECT coalesce(max(seq), 0) FROM facts WHERE ticket = ?1 AND kind = 'split_from')
        AND kind NOT IN ('rung_fired', 'obligation_moved', 'claimed', 'claim_released', 'numbers_shown',
            'evidence_made', 'notified'))";
    let touched: bool = db.prepare_cached(touched)?.query_row([regrouping.taker.0], |row| row.get(0))?;
    Ok(Some(KnownRegrouping { regrouping, is_undone, is_last, is_untouched: !touched }))
}

fn is_last(db: &Connection, regrouping: &Regrouping) -> Result<bool> {
    let Regrouping { id, giver, taker, .. } = regrouping;
    let later = "SELECT EXISTS (SELECT 1 FROM regroups WHERE id > ?1 AND undone_at_ms IS NULL
        AND (giver IN (?2, ?3) OR taker IN (?2, ?3)))";
    let later: bool = db.prepare_cached(later)?.query_row([id.0, giver.0, taker.0], |row| row.get(0))?;
    Ok(!later)
}

fn regrouping(row: &Row) -> Result<Regrouping> {
    let moved = serde_json::from_str(row.get_ref("moved")?.as_str()?).unwrap_or_default();
    let giver = TicketId(row.get("giver")?);
    let taker = TicketId(row.get("taker")?);
    let kind = word(row, "kind", RegroupKind::parse)?;
    Ok(read(RegroupId(row.get("id")?), kind, (giver, taker), &moved))
}

pub fn keep(db: &Connection, fact: &RegroupFact, now: Time) -> Result<()> {
    match fact {
        RegroupFact::Went { regrouping, by } => {
            let Regrouping { id, kind, giver, taker, .. } = &**regrouping;
            db.prepare_cached(
                "INSERT INTO regroups (id, kind, giver, taker, at_ms, by_person, moved)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                id.0,
                kind.as_str(),
                giver.0,
                taker.0,
                ms(now),
                by.0,
                written(regrouping).to_string()
            ])?;
            go(db, regrouping, (*giver, *taker))?;
            for WentLink { was, is } in &regrouping.links {
                unlink(db, *was)?;
                is.map_or(Ok(()), |link| self::link(db, link))?;
            }
            for owed in &regrouping.owed {
                owe(db, owed.id, *taker, owed.owner_is)?;
            }
            if let Some(TakenOver { found, .. }) = &regrouping.handled.found {
                handlings::find(db, *taker, found)?;
            }
            match kind {
                RegroupKind::Merge => part_of(db, *giver, *taker, *by, now),
                RegroupKind::Split => Ok(()),
            }
        }
        RegroupFact::Undone { regrouping, by } => {
            let Regrouping { id, kind, giver, taker, state, .. } = &**regrouping;
            db.prepare_cached("UPDATE regroups SET undone_at_ms = ?2, undone_by = ?3 WHERE id = ?1")?
                .execute(params![id.0, ms(now), by.0])?;
            go(db, regrouping, (*taker, *giver))?;
            for WentLink { was, is } in &regrouping.links {
                is.map_or(Ok(()), |link| unlink(db, link))?;
                self::link(db, *was)?;
            }
            for owed in &regrouping.owed {
                owe(db, owed.id, *giver, owed.owner_was)?;
            }
            for replaced in &regrouping.replaced {
                reopen(db, replaced)?;
            }
            if let Some(TakenOver { found, saved_was }) = &regrouping.handled.found {
                // Whoever has it open sees that it changed.
                let before = Found { version: found.version + 1, saved: *saved_was, ..Found::default() };
                handlings::find(db, *taker, &before)?;
            }
            match kind {
                RegroupKind::Merge => db
                    .prepare_cached(
                        "UPDATE tickets SET state = ?2, is_open = ?3, closed_at_ms = NULL, version = version + 1,
                            saved_by = ?4, merged_into = NULL WHERE id = ?1",
                    )?
                    .execute(params![giver.0, state.as_str(), state.is_open(), by.0])
                    .map(drop),
                RegroupKind::Split => part_of(db, *taker, *giver, *by, now),
            }
        }
        // As of the other ticket.
        RegroupFact::Taken { .. } => Ok(()),
    }
}

/// Calls with what was asked at their ends, notes, files, and what was done about the matter.
fn go(db: &Connection, regrouping: &Regrouping, (from, to): (TicketId, TicketId)) -> Result<()> {
    for call in &regrouping.calls {
        db.prepare_cached("UPDATE calls SET ticket = ?2 WHERE id = ?1")?.execute(params![call.as_str(), to.0])?;
        db.prepare_cached("UPDATE surveyings SET ticket = ?3 WHERE call = ?1 AND ticket = ?2")?.execute(params![
            call.as_str(),
            from.0,
            to.0
        ])?;
    }
    let Handled { log, remedies, assessments, found: _ } = &regrouping.handled;
    let all: [(&str, Vec<i64>); 5] = [
        ("comments", regrouping.comments.iter().map(|id| id.0).collect()),
        ("attachments", regrouping.attachments.iter().map(|id| id.0).collect()),
        ("investigations", log.iter().map(|id| id.0).collect()),
        ("remedies", remedies.iter().map(|id| id.0).collect()),
        ("assessments", assessments.iter().map(|id| id.0).collect()),
    ];
    for (table, ids) in all {
        let mut goes = db.prepare_cached(&format!("UPDATE {table} SET ticket = ?2 WHERE id = ?1"))?;
        ids.into_iter().try_for_each(|id| goes.execute([id, to.0]).map(drop))?;
    }
    Ok(())
}

fn link(db: &Connection, (ticket, how, other): Link) -> Result<()> {
    db.prepare_cached("INSERT INTO ties (ticket, how, other) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![ticket.0, how.as_str(), other.0])
        .map(drop)
}

fn unlink(db: &Connection, (ticket, how, other): Link) -> Result<()> {
    db.prepare_cached("DELETE FROM ties WHERE ticket = ?1 AND how = ?2 AND other = ?3")?
        .execute(params![ticket.0, how.as_str(), other.0])
        .map(drop)
}

fn owe(db: &Connection, owed: ObligationId, ticket: TicketId, owner: Option<PersonId>) -> Result<()> {
    db.prepare_cached("UPDATE obligations SET ticket = ?2, owner = ?3 WHERE id = ?1")?
        .execute(params![owed.0, ticket.0, owner.map(|id| id.0)])
        .map(drop)
}

/// Its times follow from what is reckoned anew.
fn reopen(db: &Connection, replaced: &Replaced) -> Result<()> {
    db.prepare_cached(
        "UPDATE obligations SET state = 'open', next_rung = ?2, ended_at_ms = NULL, ended_by = NULL, end_why = NULL,
            claimed_by = ?3, claimed_until_ms = ?4 WHERE id = ?1",
    )?
    .execute(params![
        replaced.id.0,
        replaced.next.map(Rung::as_str),
        replaced.claim.map(|claim| claim.by.0),
        replaced.claim.map(|claim| ms(claim.until)),
    ])
    .map(drop)
}

fn part_of(db: &Connection, part: TicketId, whole: TicketId, by: PersonId, now: Time) -> Result<()> {
    db.prepare_cached(
        "UPDATE tickets SET state = ?2, is_open = 0, closed_at_ms = coalesce(closed_at_ms, ?3), version = version + 1,
            saved_by = ?4, merged_into = ?5 WHERE id = ?1",
    )?
    .execute(params![part.0, TicketState::Closed.as_str(), ms(now), by.0, whole.0])
    .map(drop)
}

pub fn line(fact: &RegroupFact) -> Line<'_> {
    match fact {
        RegroupFact::Went { regrouping, by } => match regrouping.kind {
            RegroupKind::Merge => Line {
                kind: "ticket_merged",
                by: Some(*by),
                ticket: Some(regrouping.giver),
                body: Some(said(regrouping, regrouping.taker)),
                ..Line::default()
            },
            RegroupKind::Split => Line {
                kind: "ticket_split",
                by: Some(*by),
                ticket: Some(regrouping.giver),
                body: Some(said(regrouping, regrouping.taker)),
                ..Line::default()
            },
        },
        RegroupFact::Undone { regrouping, by } => Line {
            kind: "regroup_undone",
            by: Some(*by),
            ticket: Some(regrouping.giver),
            body: Some(said(regrouping, regrouping.taker)),
            ..Line::default()
        },
        RegroupFact::Taken { regrouping, undone: true, by } => Line {
            kind: "regroup_undone",
            by: Some(*by),
            ticket: Some(regrouping.taker),
            body: Some(told(regrouping)),
            ..Line::default()
        },
        RegroupFact::Taken { regrouping, undone: false, by } => match regrouping.kind {
            RegroupKind::Merge => Line {
                kind: "merged_from",
                by: Some(*by),
                ticket: Some(regrouping.taker),
                body: Some(told(regrouping)),
                ..Line::default()
            },
            RegroupKind::Split => Line {
                kind: "split_from",
                by: Some(*by),
                ticket: Some(regrouping.taker),
                body: Some(told(regrouping)),
                ..Line::default()
            },
        },
    }
}

fn said(regrouping: &Regrouping, other: TicketId) -> Value {
    json!({
        "regrouping": regrouping.id.0, "what": regrouping.kind.as_str(), "other": other.0, "moved": written(regrouping),
    })
}

/// What went stands with the other ticket's line.
fn told(regrouping: &Regrouping) -> Value {
    let calls: Vec<_> = regrouping.calls.iter().map(CallId::as_str).collect();
    json!({
        "regrouping": regrouping.id.0, "what": regrouping.kind.as_str(), "other": regrouping.giver.0, "calls": calls,
    })
}

fn written(regrouping: &Regrouping) -> Value {
    let Regrouping { state, calls, comments, attachments, links, owed, replaced, handled, taker_was, .. } = regrouping;
    let Handled { log, remedies, assessments, found } = handled;
    let taken = |TakenOver { found, saved_was }: &TakenOver| {
        let mut body = handlings::findings_body(&found.findings);
        body["version"] = json!(found.version);
        body["saved"] = saved_body(found.saved);
        body["saved_was"] = saved_body(*saved_was);
        body
    };
    let link = |(ticket, how, other): &Link| json!([ticket.0, how.as_str(), other.0]);
    let went_link = |went: &WentLink| json!({ "was": link(&went.was), "is": went.is.as_ref().map(link) });
    let person = |person: Option<PersonId>| person.map(|id| id.0);
    let customer = |customer: Option<CustomerId>| customer.map(|id| id.0);
    let went_owed = |owed: &WentOwed| {
        json!({
            "id": owed.id.0, "owner_was": person(owed.owner_was), "owner_is": person(owed.owner_is),
            "customer_was": customer(owed.customer_was), "customer_is": customer(owed.customer_is),
        })
    };
    let replaced_one = |replaced: &Replaced| {
        json!({
            "id": replaced.id.0, "by": replaced.by.0, "next": replaced.next.map(Rung::as_str),
            "claimed_by": replaced.claim.map(|claim| claim.by.0),
            "claimed_until_ms": replaced.claim.map(|claim| ms(claim.until)),
        })
    };
    json!({
        "state": state.as_str(),
        "calls": calls.iter().map(CallId::as_str).collect::<Vec<_>>(),
        "comments": comments.iter().map(|id| id.0).collect::<Vec<_>>(),
        "attachments": attachments.iter().map(|id| id.0).collect::<Vec<_>>(),
        "links": links.iter().map(went_link).collect::<Vec<_>>(),
        "owed": owed.iter().map(went_owed).collect::<Vec<_>>(),
        "replaced": replaced.iter().map(replaced_one).collect::<Vec<_>>(),
        "log": log.iter().map(|id| id.0).collect::<Vec<_>>(),
        "remedies": remedies.iter().map(|id| id.0).collect::<Vec<_>>(),
        "assessments": assessments.iter().map(|id| id.0).collect::<Vec<_>>(),
        "found": found.as_ref().map(taken),
        "taker_was": taker_was.map(TicketState::as_str),
    })
}

fn saved_body(saved: Option<(PersonId, Time)>) -> Value {
    saved.map_or(Value::Null, |(by, at)| json!({ "by": by.0, "at_ms": ms(at) }))
}

fn saved_of(body: &Value) -> Option<(PersonId, Time)> {
    Some((PersonId(body["by"].as_i64()?), from_ms(body["at_ms"].as_i64()?)))
}

/// What [`written`] wrote.
fn read(id: RegroupId, kind: RegroupKind, (giver, taker): (TicketId, TicketId), body: &Value) -> Regrouping {
    let all = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let ids = |name: &str| all(name).iter().filter_map(Value::as_i64).collect::<Vec<_>>();
    let link = |value: &Value| -> Option<Link> {
        let how = Tie::parse(value[1].as_str()?)?;
        Some((TicketId(value[0].as_i64()?), how, TicketId(value[2].as_i64()?)))
    };
    let person = |value: &Value| value.as_i64().map(PersonId);
    let customer = |value: &Value| value.as_i64().map(CustomerId);
    let taken = body["found"]["version"].as_i64().map(|version| TakenOver {
        found: Found {
            version,
            findings: handlings::findings_of(&body["found"]),
            saved: saved_of(&body["found"]["saved"]),
        },
        saved_was: saved_of(&body["found"]["saved_was"]),
    });
    Regrouping {
        id,
        kind,
        giver,
        taker,
        state: body["state"].as_str().and_then(TicketState::parse).unwrap_or(TicketState::InProgress),
        calls: all("calls").iter().filter_map(|id| Some(CallId::from(id.as_str()?))).collect(),
        comments: ids("comments").into_iter().map(CommentId).collect(),
        attachments: ids("attachments").into_iter().map(AttachmentId).collect(),
        links: all("links")
            .iter()
            .filter_map(|went| Some(WentLink { was: link(&went["was"])?, is: link(&went["is"]) }))
            .collect(),
        owed: all("owed")
            .iter()
            .filter_map(|owed| {
                Some(WentOwed {
                    id: ObligationId(owed["id"].as_i64()?),
                    owner_was: person(&owed["owner_was"]),
                    owner_is: person(&owed["owner_is"]),
                    customer_was: customer(&owed["customer_was"]),
                    customer_is: customer(&owed["customer_is"]),
                })
            })
            .collect(),
        replaced: all("replaced")
            .iter()
            .filter_map(|replaced| {
                let by = person(&replaced["claimed_by"]);
                let until = replaced["claimed_until_ms"].as_i64().map(from_ms);
                Some(Replaced {
                    id: ObligationId(replaced["id"].as_i64()?),
                    by: ObligationId(replaced["by"].as_i64()?),
                    next: replaced["next"].as_str().and_then(Rung::parse),
                    claim: by.zip(until).map(|(by, until)| Claim { by, until }),
                })
            })
            .collect(),
        handled: Handled {
            log: ids("log").into_iter().map(InquiryId).collect(),
            remedies: ids("remedies").into_iter().map(RemedyId).collect(),
            assessments: ids("assessments").into_iter().map(AssessmentId).collect(),
            found: taken,
        },
        taker_was: body["taker_was"].as_str().and_then(TicketState::parse),
    }
}

/// Where whoever would have joined tickets that are part of others goes: each with the newest of those.
/// Of the customer, or (none) of nobody known who called from that number.
pub fn joined(db: &Connection, customer: Option<CustomerId>, number: &Number) -> Result<Vec<(TicketId, Matter)>> {
    let of = |sql: &str, key: &dyn rusqlite::ToSql| -> Result<Vec<TicketId>> {
        db.prepare_cached(sql)?.query_map([key], |row| row.get(0).map(TicketId))?.collect()
    };
    let mut parts = match customer {
        Some(CustomerId(id)) => {
            let theirs = "SELECT id FROM tickets WHERE merged_into IS NOT NULL AND customer IS NOT NULL
                AND customer = ?1 ORDER BY id DESC";
            of(theirs, &id)?
        }
        None => Vec::new(),
    };
    let callers = "SELECT id FROM tickets WHERE merged_into IS NOT NULL AND customer IS NULL AND caller = ?1
        ORDER BY id DESC";
    parts.extend(of(callers, &number.as_str())?);
    let mut found: Vec<(TicketId, Matter)> = Vec::new();
    for part in parts {
        let Some(whole) = whole(db, part)? else { continue };
        let open = db
            .prepare_cached(
                "SELECT id, owner, customer, caller, kind, category, priority, complexity, department FROM tickets
                 WHERE id = ?1 AND is_open = 1",
            )?
            .query_row([whole.0], matter)
            .optional()?;
        found.extend(open.filter(|open| found.iter().all(|(_, known)| known.id != open.id)).map(|open| (part, open)));
    }
    Ok(found)
}

/// The ticket that it became part of in the end, itself no part of another.
fn whole(db: &Connection, part: TicketId) -> Result<Option<TicketId>> {
    db.prepare_cached(
        "WITH RECURSIVE way (id, next) AS (
            SELECT id, merged_into FROM tickets WHERE id = ?1
            UNION SELECT t.id, t.merged_into FROM way w JOIN tickets t ON t.id = w.next)
         SELECT id FROM way WHERE next IS NULL",
    )?
    .query_row([part.0], |row| row.get(0).map(TicketId))
    .optional()
}

/// Numbers of the tickets that are part of it.
pub fn parts(db: &Connection, ticket: TicketId) -> Result<Vec<String>> {
    let sql = format!("SELECT number FROM tickets WHERE id IN {WHOLE} AND id <> ?1 ORDER BY id");
    db.prepare_cached(&sql)?.query_map([ticket.0], |row| row.get(0))?.collect()
}

/// What was found out and told in those that are part of it, but for what went over into another.
pub fn beside(db: &Connection, ticket: TicketId) -> Result<Vec<FoundUnder>> {
    let sql = format!(
        "SELECT h.*, t.number FROM tickets t JOIN handlings h ON h.ticket = t.id WHERE t.id IN {WHOLE} AND t.id <> ?1
         ORDER BY t.id"
    );
    let mut parts = db.prepare_cached(&sql)?;
    let mut last = db.prepare_cached(
        "SELECT * FROM regroups WHERE giver = ?1 AND kind = ?2 AND undone_at_ms IS NULL ORDER BY id DESC LIMIT 1",
    )?;
    let mut rows = parts.query([ticket.0])?;
    let mut beside = Vec::new();
    while let Some(row) = rows.next()? {
        let part: i64 = row.get("ticket")?;
        let merge = last.query_row(params![part, RegroupKind::Merge.as_str()], regrouping).optional()?;
        let mut found = handlings::under(row)?;
        if merge.is_some_and(|merge| merge.handled.found.is_some()) {
            found.head.findings = Default::default();
            found.head.saved = None;
        }
        beside.extend(Some(found).filter(|found| !found.is_blank()));
    }
    Ok(beside)
}

pub fn regrouped(db: &Connection, ticket: TicketId) -> Result<Regrouped> {
    let into = db
        .prepare_cached("SELECT w.number FROM tickets t JOIN tickets w ON w.id = t.merged_into WHERE t.id = ?1")?
        .query_row([ticket.0], |row| row.get(0))
        .optional()?;
    let mut rows = db
        .prepare_cached(
            "SELECT r.*, t.number FROM regroups r
             JOIN tickets t ON t.id = CASE WHEN r.giver = ?1 THEN r.taker ELSE r.giver END
             WHERE r.giver = ?1 OR r.taker = ?1 ORDER BY r.id DESC",
        )?
        .query_map([ticket.0], |row| {
            let regrouping = regrouping(row)?;
            let undone = maybe_time(row, "undone_at_ms")?;
            let can_undo = undone.is_none() && is_last(db, &regrouping)?;
            Ok(RegroupRow {
                id: regrouping.id,
                kind: regrouping.kind,
                gave: regrouping.giver == ticket,
                giver: regrouping.giver,
                other: row.get("number")?,
                at: time(row, "at_ms")?,
                by: PersonId(row.get("by_person")?),
                undone: undone.zip(row.get::<_, Option<i64>>("undone_by")?.map(PersonId)),
                can_undo,
            })
        })?
        .collect::<Result<Vec<_>>>()?;
    rows.truncate(super::read::LIST as usize);
    Ok(Regrouped { into, parts: parts(db, ticket)?, rows })
}
