//! What people do to obligations: take them, let them stand still, let them go. None of it keeps
//! one: that takes a talk that the PBX saw.

use chrono::TimeDelta;

use super::case::{Case, OpenObligation};
use super::clock::{Claim, ObligationState, whole_ms};
use super::command::{FieldWhy, Owed, Refusal};
use super::deadline::Suspension;
use super::fact::Fact;
use super::people::text;
use super::rungs::moved;
use crate::{PersonId, Role, Time};

/// A sentence or two.
const REASON_CHARS: usize = 500;

/// About the case's only obligation.
pub fn given(case: &Case, by: Option<PersonId>, command: &Owed, now: Time) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    let supervises = match case.staff.people.get(&by).map(|member| member.role) {
        Some(Role::Supervisor | Role::Manager) => true,
        Some(Role::Agent) => false,
        // Customers' matters are not theirs.
        Some(Role::Admin) | None => return Err(Refusal::NotAllowed),
    };
    let owed = case.obligations.first().filter(|owed| concerns(case, owed, by, supervises));
    let owed = owed.ok_or(Refusal::NoSuchObligation)?;
    match command {
        Owed::Claim => claim(case, owed, by, now).map(|fact| vec![fact]),
        Owed::Release => release(owed, by, supervises, now),
        Owed::Suspend { reason } => suspend(case, owed, by, reason, now),
        Owed::Resume => resume(case, owed, by, now),
        Owed::Waive { reason } if supervises => waive(owed, by, reason),
        Owed::Waive { .. } => Err(Refusal::NotAllowed),
    }
}

/// An agent's are their own, those of whom they stand in for, and those that nobody owns; a
/// supervisor's, all.
pub fn concerns(case: &Case, owed: &OpenObligation, by: PersonId, supervises: bool) -> bool {
    let theirs = |owner| owner == by || case.staff.stand_in(owner) == Some(by);
    supervises || owed.owner.is_none_or(theirs)
}

/// For as long as the policy says; whoever has it has it anew.
pub fn claim(case: &Case, owed: &OpenObligation, by: PersonId, now: Time) -> Result<Fact, Refusal> {
    if let Some(Claim { by, until }) = claimed(owed, now).filter(|claim| claim.by != by) {
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

/// Who works on it now.
pub fn claimed(owed: &OpenObligation, now: Time) -> Option<Claim> {
    owed.claim.filter(|claim| claim.until > now)
}

fn release(owed: &OpenObligation, by: PersonId, supervises: bool, now: Time) -> Result<Vec<Fact>, Refusal> {
    match claimed(owed, now) {
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

fn suspend(case: &Case, owed: &OpenObligation, by: PersonId, reason: &str, now: Time) -> Result<Vec<Fact>, Refusal> {
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

fn resume(case: &Case, owed: &OpenObligation, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
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

fn waive(owed: &OpenObligation, by: PersonId, reason: &str) -> Result<Vec<Fact>, Refusal> {
    given_reason(reason)?;
    Ok(vec![Fact::ObligationEnded {
        obligation: owed.id,
        ticket: owed.ticket,
        owner: owed.owner,
        state: ObligationState::Waived,
        why: reason.trim().to_owned(),
        by: Some(by),
        proof: None,
    }])
}

fn given_reason(reason: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::Field { field: "reason", why: FieldWhy::Missing });
    }
    text("reason", reason, REASON_CHARS)
}
