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
use super::rights::{Act, has_matters, with_owed};
use super::rungs::moved;
use super::states::archived;
use crate::{ObligationId, PersonId, Time};

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
    let act = match command {
        Owed::Claim | Owed::Release | Owed::Suspend { .. } | Owed::Resume => Act::Work,
        Owed::Waive { .. } => Act::Waive,
    };
    let owed = named(case, id, by, act, now)?;
    match command {
        Owed::Claim => claim(case, owed, by, now).map(|fact| vec![fact]),
        Owed::Release => release(case, owed, by, now),
        Owed::Suspend { reason } => suspend(case, owed, by, reason, now),
        Owed::Resume => resume(case, owed, Some(by), now),
        Owed::Waive { reason } => waive(case, owed, by, reason, now),
    }
}

/// The open obligation of that id, or why somebody cannot do that with it.
pub fn named(case: &Case, id: ObligationId, by: PersonId, act: Act, now: Time) -> Result<&OpenObligation, Refusal> {
    has_matters(case, Some(by))?;
    let open = case.obligations.iter().find(|owed| owed.id == id);
    let owner = open.map(|owed| owed.owner).or(case.over.map(|over| over.owner));
    let owner = owner.ok_or(Refusal::NoSuchObligation)?;
    let may = |act| with_owed(case, owner, by, act, now);
    match (open, case.over) {
        _ if !may(Act::See) => Err(Refusal::NoSuchObligation),
        _ if !may(act) => Err(Refusal::NotAllowed),
        (Some(owed), _) => Ok(owed),
        (None, Some(Over { state, at, by, .. })) => Err(Refusal::Over { state, at, by }),
        (None, None) => Err(Refusal::NoSuchObligation),
    }
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

fn release(case: &Case, owed: &OpenObligation, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
    match claimed(&case.policy, owed, now) {
        None => Ok(Vec::new()),
        Some(claim) if claim.by != by && !with_owed(case, owed.owner, by, Act::Waive, now) => {
            Err(Refusal::ClaimedBy { by: claim.by, until: claim.until })
        }
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

pub fn resume(case: &Case, owed: &OpenObligation, by: Option<PersonId>, now: Time) -> Result<Vec<Fact>, Refusal> {
    let at = whole_ms(now);
    let mut then = owed.clone();
    let open = then.basis.suspensions.iter_mut().find(|suspension| suspension.to.is_none());
    let open = open.ok_or(Refusal::NotSuspended)?;
    // The clock may have been set back since.
    let at = at.max(open.from);
    open.to = Some(at);
    let fact = Fact::Resumed { obligation: owed.id, ticket: owed.ticket, owner: owed.owner, at, by };
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
    archived(case, &mut facts, owed, now);
    facts.extend(let_go(case, owed, by, reason, now));
    Ok(facts)
}

pub fn given_reason(reason: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::Field { field: "reason", why: FieldWhy::Missing });
    }
    text("reason", reason, REASON_CHARS)
}
