//! A fact's line in `facts`, by which everything can be told and reckoned again: of whom and what it
//! is, and the rest as JSON.

use serde_json::{Value, json};

use super::column::ms;
use super::handlings;
use super::hands;
use crate::desk::Addressee;
use crate::desk::asking::Ask;
use crate::desk::clock::{Basis, Obligation};
use crate::desk::draw::Drawing;
use crate::desk::fact::Fact;
use crate::desk::looks::{Look, Whose};
use crate::{CallId, CustomerId, ObligationId, PersonId, TicketId};

/// What `facts` says of a fact beside its time: of whom and what, and the rest as JSON.
#[derive(Default)]
pub struct Line<'a> {
    pub kind: &'static str,
    pub by: Option<PersonId>,
    pub call: Option<&'a CallId>,
    pub ticket: Option<TicketId>,
    pub obligation: Option<ObligationId>,
    pub customer: Option<CustomerId>,
    pub person: Option<PersonId>,
    pub body: Option<Value>,
}

/// The fact's line in `facts`. None for what has its whole record in a table of its own: a call's
/// states, drafts, sessions; and for what changed nothing. Hashes of passwords are never among it.
pub fn of(fact: &Fact) -> Option<Line<'_>> {
    Some(match fact {
        Fact::CallSeen { .. }
        | Fact::DraftKept { .. }
        | Fact::SignedIn { .. }
        | Fact::SessionKept { .. }
        | Fact::SignedOut { .. }
        | Fact::Unmoved { .. } => return None,
        Fact::PolicySet { version, by, .. } => {
            Line { kind: "policy_set", by: *by, body: Some(json!({ "version": version })), ..Line::default() }
        }
        Fact::TicketOpened { ticket, call, by, .. } => Line {
            kind: "ticket_opened",
            by: *by,
            call: call.as_ref(),
            ticket: Some(ticket.id),
            customer: ticket.customer,
            body: Some(json!({
                "opened_at_ms": ms(ticket.opened_at), "kind": ticket.kind.as_str(),
                "category": ticket.category, "priority": ticket.priority.as_str(),
                "complexity": ticket.complexity.as_str(), "channel": ticket.channel.as_str(),
                "number": ticket.caller.as_ref().map(|number| number.as_str()), "owner": ticket.owner.map(|id| id.0),
            })),
            ..Line::default()
        },
        Fact::CallJoined { call, ticket } => {
            Line { kind: "call_joined", call: Some(call), ticket: Some(*ticket), ..Line::default() }
        }
        Fact::CallMoved { call, from, to, owner, .. } => Line {
            kind: "call_moved",
            by: *owner,
            call: Some(call),
            ticket: *from,
            body: Some(json!({ "to": to.0 })),
            ..Line::default()
        },
        Fact::CallsMerged { from, into, .. } => Line {
            kind: "calls_merged",
            call: Some(from),
            body: Some(json!({ "into": into.as_str() })),
            ..Line::default()
        },
        Fact::OwnerTaken { ticket, person, call } => Line {
            kind: "owner_taken",
            call: Some(call),
            ticket: Some(*ticket),
            person: Some(*person),
            ..Line::default()
        },
        Fact::TicketSaved { ticket, by, version, form, state, department, .. } => Line {
            kind: "ticket_saved",
            by: *by,
            ticket: Some(*ticket),
            body: Some(json!({
                "version": version, "kind": form.kind.as_str(), "category": form.category,
                "priority": form.priority.as_str(), "complexity": form.complexity.as_str(),
                "channel": form.channel.as_str(), "summary": form.summary, "course": form.course,
                "demand": form.demand, "state": state.as_str(), "object": handlings::object_body(&form.object),
                "department": department.as_ref().map(|department| department.as_str()),
            })),
            ..Line::default()
        },
        Fact::Hand(fact) => {
            let hands::Said { kind, by, ticket, obligation, person, body } = hands::said(fact);
            Line { kind, by, ticket: Some(ticket), obligation, person, body: Some(body), ..Line::default() }
        }
        Fact::Handling(fact) => {
            let handlings::Said { kind, by, call, person, body } = handlings::said(fact);
            Line { kind, by, call, ticket: Some(fact.ticket()), person, body: Some(body), ..Line::default() }
        }
        Fact::DepartmentSet { department, responsible, deputy, others, by } => Line {
            kind: "department_set",
            by: *by,
            body: Some(json!({
                "department": department.as_str(), "responsible": responsible.map(|id| id.0),
                "deputy": deputy.map(|id| id.0), "others": others.iter().map(|id| id.0).collect::<Vec<_>>(),
            })),
            ..Line::default()
        },
        Fact::Notified { ticket, version, news, told, .. } => Line {
            kind: "notified",
            ticket: Some(*ticket),
            body: Some(json!({
                "news": news.as_str(), "version": version, "told": told.iter().map(|told| told.person.0).collect::<Vec<_>>(),
            })),
            ..Line::default()
        },
        Fact::TicketLinked { ticket, customer, .. } => {
            Line { kind: "ticket_linked", ticket: Some(*ticket), customer: Some(*customer), ..Line::default() }
        }
        Fact::ObligationBegan { obligation, call, policy } => Line {
            kind: "obligation_began",
            call: call.as_ref(),
            ticket: Some(obligation.ticket),
            obligation: Some(obligation.id),
            customer: obligation.customer,
            person: obligation.owner,
            body: Some(began(obligation, *policy)),
            ..Line::default()
        },
        Fact::ObligationMoved { obligation, ticket, customer, queue, ladder, policy, .. } => Line {
            kind: "obligation_moved",
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            customer: *customer,
            body: Some(json!({
                "due_at_ms": ladder.due_at.map(ms), "policy": policy,
                "queue": queue.as_ref().map(|queue| queue.as_str()),
            })),
            ..Line::default()
        },
        Fact::AttemptMade { obligation, ticket, call, outcome, .. } => Line {
            kind: "attempt_made",
            call: Some(call),
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({ "outcome": outcome.as_str() })),
            ..Line::default()
        },
        Fact::ObligationKept { obligation, ticket, proof, .. } => Line {
            kind: "obligation_kept",
            call: Some(&proof.call),
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({
                "agent": proof.agent.as_str(), "from_ms": ms(proof.from), "talk_ms": proof.talk_ms,
            })),
            ..Line::default()
        },
        Fact::RungFired { obligation, ticket, rung, planned_at, late, told, .. } => Line {
            kind: "rung_fired",
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({
                "rung": rung.as_str(), "planned_at_ms": ms(*planned_at), "late": late,
                "told": told.iter().map(addressee).collect::<Vec<_>>(),
            })),
            ..Line::default()
        },
        Fact::Claimed { obligation, ticket, claim, by, .. } => Line {
            kind: if claim.is_some() { "claimed" } else { "claim_released" },
            by: *by,
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            person: claim.map(|claim| claim.by),
            body: claim.map(|claim| json!({ "until_ms": ms(claim.until) })),
            ..Line::default()
        },
        Fact::CalledBeside { obligation, ticket, call, by, claim } => Line {
            kind: "called_beside",
            by: Some(*by),
            call: Some(call),
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            person: Some(claim.by),
            body: Some(json!({ "until_ms": ms(claim.until) })),
            ..Line::default()
        },
        Fact::Suspended { obligation, ticket, from, reason, by, .. } => Line {
            kind: "suspended",
            by: *by,
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({ "from_ms": ms(*from), "reason": reason })),
            ..Line::default()
        },
        Fact::Resumed { obligation, ticket, at, by, .. } => Line {
            kind: "resumed",
            by: *by,
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({ "to_ms": ms(*at) })),
            ..Line::default()
        },
        Fact::ObligationEnded { obligation, ticket, state, why, by, proof, .. } => Line {
            kind: "obligation_ended",
            by: *by,
            call: proof.as_ref().map(|proof| &proof.call),
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({ "state": state.as_str(), "why": why })),
            ..Line::default()
        },
        Fact::Accepted { obligation, ticket, solved_by, by } => Line {
            kind: "accepted",
            by: *by,
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({ "solved_by_ms": ms(*solved_by) })),
            ..Line::default()
        },
        Fact::Surveyed { obligation, ticket, survey, by, served, queue, .. } => Line {
            kind: "surveyed",
            by: *by,
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            person: *served,
            body: Some(json!({
                "result": survey.result.as_str(), "words": survey.words, "score": survey.score,
                "queue": queue.as_ref().map(|queue| queue.as_str()),
            })),
            ..Line::default()
        },
        Fact::TicketReopened { ticket, obligation, told, .. } => Line {
            kind: "ticket_reopened",
            ticket: Some(*ticket),
            obligation: Some(*obligation),
            body: Some(json!({ "told": told.iter().map(|told| told.person.0).collect::<Vec<_>>() })),
            ..Line::default()
        },
        Fact::Survey(fact) => super::surveys::line(fact),
        Fact::Draw(drawing) => drawn(drawing),
        Fact::CustomerSaved { customer, by, version, form, numbers } => Line {
            kind: "customer_saved",
            by: *by,
            customer: Some(*customer),
            body: Some(json!({
                "version": version, "name": form.name, "company": form.company, "address": form.address,
                "key_customer": form.key_customer, "class": form.class,
                "manager": form.manager.map(|manager| manager.0), "note": form.note,
                "numbers": numbers.iter().map(|number| number.as_str()).collect::<Vec<_>>(),
            })),
            ..Line::default()
        },
        Fact::Customer(fact) => super::customers::line(fact),
        Fact::Paper(fact) => super::papers::line(fact),
        Fact::Regroup(fact) => super::regroup::line(fact),
        Fact::PersonAdded { person, login, name, role, by, .. } => Line {
            kind: "person_added",
            by: *by,
            person: Some(*person),
            body: Some(json!({ "login": login, "name": name, "role": role.as_str() })),
            ..Line::default()
        },
        Fact::PasswordSet { person, by, .. } => {
            Line { kind: "password_set", by: *by, person: Some(*person), ..Line::default() }
        }
        Fact::PersonChanged { person, name, role, active, by, .. } => Line {
            kind: "person_changed",
            by: *by,
            person: Some(*person),
            body: Some(json!({ "name": name, "role": role.as_str(), "active": active })),
            ..Line::default()
        },
        Fact::AwaySet { person, away, deputy, by } => Line {
            kind: "away_set",
            by: *by,
            person: Some(*person),
            body: Some(json!({ "away": away, "deputy": deputy.map(|deputy| deputy.0) })),
            ..Line::default()
        },
        Fact::ExtensionMapped { pbx, extension, person, by } => Line {
            kind: "extension_mapped",
            by: *by,
            person: *person,
            body: Some(json!({ "pbx": pbx.as_str(), "extension": extension.as_str() })),
            ..Line::default()
        },
        Fact::ExtensionIgnored { pbx, extension, by } => Line {
            kind: "extension_ignored",
            by: *by,
            body: Some(json!({ "pbx": pbx.as_str(), "extension": extension.as_str() })),
            ..Line::default()
        },
        Fact::LanguageSet { person, language } => Line {
            kind: "language_set",
            by: Some(*person),
            person: Some(*person),
            body: Some(json!({ "language": language })),
            ..Line::default()
        },
        Fact::Looked { by, look } => looked(*by, look),
        Fact::Asked { by, pbx, ask, ticket, obligation, person } => {
            let (kind, call, mut body) = asked(ask);
            body["pbx"] = pbx.as_str().into();
            Line {
                kind,
                by: Some(*by),
                call,
                ticket: *ticket,
                obligation: *obligation,
                person: *person,
                body: Some(body),
                ..Line::default()
            }
        }
    })
}

fn drawn(drawing: &Drawing) -> Line<'_> {
    match drawing {
        Drawing::Seeded { seed } => {
            Line { kind: "draw_seeded", body: Some(json!({ "seed": seed.to_string() })), ..Line::default() }
        }
        Drawing::Looked { ticket, lot, percent, drawn } => Line {
            kind: "lot_looked_at",
            ticket: Some(*ticket),
            body: Some(json!({ "lot": lot.0, "percent": percent, "drawn": drawn })),
            ..Line::default()
        },
    }
}

fn looked(by: Option<PersonId>, look: &Look) -> Line<'_> {
    let numbers = || Line { kind: "numbers_shown", by, ..Line::default() };
    match look {
        Look::Numbers { of: Whose::Ticket(ticket) } => Line { ticket: Some(*ticket), ..numbers() },
        Look::Numbers { of: Whose::Customer(customer) } => Line { customer: Some(*customer), ..numbers() },
        Look::Numbers { of: Whose::Call(call) } => Line { call: Some(call), ..numbers() },
        Look::Evidence { ticket, sha256, masked } => Line {
            kind: "evidence_made",
            by,
            ticket: Some(*ticket),
            body: Some(json!({ "sha256": sha256, "masked": masked })),
            ..Line::default()
        },
        Look::Customers { masked } => {
            Line { kind: "customers_exported", by, body: Some(json!({ "masked": masked })), ..Line::default() }
        }
    }
}

pub(super) fn addressee(told: &Addressee) -> Value {
    let instead_of: Vec<i64> = told.instead_of.iter().map(|person| person.0).collect();
    json!({ "person": told.person.0, "instead_of": instead_of })
}

/// All that its deadline is reckoned from, so that it can be reckoned again from facts alone.
fn began(obligation: &Obligation, policy: i64) -> Value {
    let Basis { kind, began_at, promised_at, queue, subject, suspensions: _ } = &obligation.basis;
    json!({
        "clock": kind.as_str(), "began_at_ms": ms(*began_at), "promised_at_ms": promised_at.map(ms),
        "queue": queue.as_ref().map(|queue| queue.as_str()),
        "kind": subject.kind.as_str(), "category": subject.category, "priority": subject.priority.as_str(),
        "complexity": subject.complexity.as_str(), "key_customer": subject.standing.key_customer,
        "class": subject.standing.class,
        "department": subject.department.as_ref().map(|department| department.as_str()),
        "number": obligation.number.as_ref().map(|number| number.as_str()),
        "due_at_ms": obligation.ladder.due_at.map(ms), "policy": policy,
    })
}

/// What was asked: its kind, of which call, and the rest.
fn asked(ask: &Ask) -> (&'static str, Option<&CallId>, Value) {
    match ask {
        Ask::Dial { agent, to, leg } => {
            let body = json!({ "leg": leg.as_str(), "agent": agent.as_str(), "to": to.as_str() });
            ("dial_asked", None, body)
        }
        Ask::HangUp { call } => ("hang_up_asked", Some(call), json!({})),
        Ask::Pause { agent, queue, reason } => {
            let kind = if reason.is_some() { "pause_asked" } else { "unpause_asked" };
            let queue = queue.as_ref().map(|queue| queue.as_str());
            (kind, None, json!({ "agent": agent.as_str(), "queue": queue, "reason": reason }))
        }
        Ask::Spy { spy, call, agent, how, leg } => {
            let (agent, spy) = (agent.as_str(), spy.as_str());
            let body = json!({ "leg": leg.as_str(), "agent": agent, "spy": spy, "how": how.as_str() });
            ("spy_asked", Some(call), body)
        }
    }
}
