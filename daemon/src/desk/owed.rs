//! What people do to obligations: take them, let them stand still, let them go. None of it keeps
//! one: that takes a talk that the PBX saw.

use chrono::TimeDelta;

use super::case::{Case, OpenObligation, Over};
use super::clock::{Claim, ObligationState, whole_ms};
use super::command::{FieldWhy, Owed, Refusal};
use super::deadline::Suspension;
use super::fact::Fact;
use super::matters::goes_on;
use super::ownership::let_go;
use super::people::text;
use super::policy::Policy;
use super::rungs::moved;
use crate::{ObligationId, PersonId, Role, Time};

/// A sentence or two.
const REASON_CHARS: usize = 500;

/// Claims by an earlier policy may have been for longer than those by this one, and for a day at most.
const LONGEST_CLAIM: TimeDelta = TimeDelta::days(1);

pub fn given(
    case: &Case,
    by: Option<PersonId>,
    id: ObligationId,
    command: &Owed,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    // Customers' matters are not an admin's.
    let supervises = supervises(case, by).ok_or(Refusal::NotAllowed)?;
    let owed = named(case, id, by, supervises)?;
    match command {
        Owed::Claim => claim(case, owed, by, now).map(|fact| vec![fact]),
        Owed::Release => release(&case.policy, owed, by, supervises, now),
        Owed::Suspend { reason } => suspend(case, owed, by, reason, now),
        Owed::Resume => resume(case, owed, by, now),
        Owed::Waive { reason } if supervises => waive(case, owed, by, reason, now),
        Owed::Waive { .. } => Err(Refusal::NotAllowed),
    }
}

/// Whether somebody's are all obligations; none where they have none at all.
pub fn supervises(case: &Case, person: PersonId) -> Option<bool> {
    match case.staff.people.get(&person)?.role {
        Role::Supervisor | Role::Manager => Some(true),
        Role::Agent | Role::Handler => Some(false),
        Role::Admin => None,
    }
}

/// The open obligation of that id, or why somebody cannot have it.
pub fn named(case: &Case, id: ObligationId, by: PersonId, supervises: bool) -> Result<&OpenObligation, Refusal> {
    let concerns = |owner| concerns(case, owner, by, supervises);
    match (case.obligations.iter().find(|owed| owed.id == id), case.over) {
        (Some(owed), _) if concerns(owed.owner) => Ok(owed),
        (None, Some(Over { owner, state, at, by })) if concerns(owner) => Err(Refusal::Over { state, at, by }),
        (Some(_) | None, _) => Err(Refusal::NoSuchObligation),
    }
}

/// An agent's are their own, those of whom they stand in for, and those that nobody owns; a handler's
/// not these; a supervisor's, all.
pub fn concerns(case: &Case, owner: Option<PersonId>, by: PersonId, supervises: bool) -> bool {
    let theirs = |owner| owner == by || case.staff.stand_in(owner) == Some(by);
    let nobodys = !case.staff.is_in(by, Role::Handler);
    supervises || owner.map_or(nobodys, theirs)
}

/// For as long as the policy says; whoever has it has it anew.
pub fn claim(case: &Case, owed: &OpenObligation, by: PersonId, now: Time) -> Result<Fact, Refusal> {
    if let Some(Claim { by, until }) = claimed(&case.policy, owed, now).filter(|claim| claim.by != by) {
        return Err(Refusal::ClaimedBy { by, until });
    }
    let until = whole_ms(now) + TimeDelta::milliseconds(case.policy.terms.callback.claim_ms);
    Ok(Fact::Claimed {
        obligation: owed.id,
        ticket: owed.ticket,
        owner: owed.owner,
        claim: Some(Claim { by, until }),
        by: Some(by),
    })
}

/// Who works on it now. A claim that lasts for longer than any is from a clock that was ahead then, and
/// was set back since: it holds nobody up.
pub fn claimed(policy: &Policy, owed: &OpenObligation, now: Time) -> Option<Claim> {
    let longest = TimeDelta::milliseconds(policy.terms.callback.claim_ms).max(LONGEST_CLAIM);
    owed.claim.filter(|claim| claim.until > now && claim.until - now <= longest)
}

fn release(
    policy: &Policy,
    owed: &OpenObligation,
    by: PersonId,
    supervises: bool,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    match claimed(policy, owed, now) {
        None => Ok(Vec::new()),
        Some(claim) if claim.by != by && !supervises => Err(Refusal::ClaimedBy { by: claim.by, until: claim.until }),
        Some(_) => Ok(vec![Fact::Claimed {
            obligation: owed.id,
            ticket: owed.ticket,
            owner: owed.owner,
            claim: None,
            by: Some(by),
        }]),
    }
}

pub fn suspend(
    case: &Case,
    owed: &OpenObligation,
    by: PersonId,
    reason: &str,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    given_reason(reason)?;
    if !case.policy.terms.clocks.rule(owed.basis.kind).may_pause {
        return Err(Refusal::MayNotPause);
    }
    if owed.basis.suspensions.iter().any(|suspension| suspension.to.is_none()) {
        return Err(Refusal::Suspended);
    }
    let from = whole_ms(now);
    let mut then = owed.clone();
    then.basis.suspensions.push(Suspension { from, to: None });
    let (obligation, ticket, owner) = (owed.id, owed.ticket, owed.owner);
    let fact = Fact::Suspended { obligation, ticket, owner, from, reason: reason.trim().to_owned(), by: Some(by) };
    Ok(vec![fact, moved(&case.policy, &then)])
}

pub fn resume(case: &Case, owed: &OpenObligation, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
    let at = whole_ms(now);
    let mut then = owed.clone();
    let open = then.basis.suspensions.iter_mut().find(|suspension| suspension.to.is_none());
    let open = open.ok_or(Refusal::NotSuspended)?;
    // The clock may have been set back since.
    let at = at.max(open.from);
    open.to = Some(at);
    let fact = Fact::Resumed { obligation: owed.id, ticket: owed.ticket, owner: owed.owner, at, by: Some(by) };
    Ok(vec![fact, moved(&case.policy, &then)])
}

pub fn waive(case: &Case, owed: &OpenObligation, by: PersonId, reason: &str, now: Time) -> Result<Vec<Fact>, Refusal> {
    given_reason(reason)?;
    let mut facts = vec![Fact::ObligationEnded {
        obligation: owed.id,
        ticket: owed.ticket,
        owner: owed.owner,
        state: ObligationState::Waived,
        why: reason.trim().to_owned(),
        by: Some(by),
        proof: None,
    }];
    goes_on(case, &mut facts, owed, now);
    facts.extend(let_go(case, owed, by, reason, now));
    Ok(facts)
}

fn given_reason(reason: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::Field { field: "reason", why: FieldWhy::Missing });
    }
    text("reason", reason, REASON_CHARS)
}
