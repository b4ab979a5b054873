//! The ladder: which rungs of an obligation fire now, and whom they tell.

use chrono::TimeDelta;

use super::case::{Case, OpenObligation};
use super::clock::{ClockKind, Next, ObligationState, Rung};
use super::fact::Fact;
use super::matters::{ended, goes_on};
use super::ownership::lapses;
use super::policy::Policy;
use super::told::told;
use crate::{ObligationId, Time};

/// Later than this is late. The alarm looks at the clock every second, and a commit takes some
/// milliseconds.
pub const LATE_AFTER: TimeDelta = TimeDelta::seconds(5);

/// All rungs of the obligation that are due at `now`, oldest first; after a long absence these are several.
pub fn due(case: &Case, id: ObligationId, now: Time) -> Vec<Fact> {
    let named = case.obligations.iter().find(|obligation| obligation.id == id);
    named.map_or_else(Vec::new, |obligation| climb(case, obligation, now))
}

/// What is due is reckoned anew: what was written down may be from before the policy, the matter
/// or the customer changed.
fn climb(case: &Case, obligation: &OpenObligation, now: Time) -> Vec<Fact> {
    if !applies(&case.policy, obligation) {
        return dropped(case, obligation, now);
    }
    let ladder = case.policy.ladder(&obligation.basis);
    let Some(known) = obligation.next else { return Vec::new() };
    let mut standing = Some(ladder.next(known.rung));
    let mut fired = Vec::new();
    while let Some(Next { rung, at: Some(planned_at) }) = standing.filter(|next| next.at.is_some_and(|at| at <= now)) {
        standing = rung.next().map(|next| ladder.next(next));
        fired.push(Fact::RungFired {
            obligation: obligation.id,
            ticket: obligation.ticket,
            owner: obligation.owner,
            rung,
            planned_at,
            fired_at: now,
            late: is_late(obligation, planned_at, now),
            told: told(&case.staff, case.policy.terms.notices.recipients(rung), obligation.owner),
            send_at: case.policy.send_at(now),
            next: standing,
        });
    }
    let is_due = |fact: &Fact| matches!(fact, Fact::RungFired { rung: Rung::Due, .. });
    if obligation.basis.kind == ClockKind::HandOver && fired.iter().any(is_due) {
        fired.retain(|fact| !matches!(fact, Fact::RungFired { rung: Rung::Escalated, .. }));
        fired.extend(lapses(case, obligation, now));
    }
    if fired.is_empty() && standing != Some(known) {
        return vec![moved(&case.policy, obligation)];
    }
    fired
}

/// Whether the policy has such a clock run for such a matter, as it had when it began.
pub(super) fn applies(policy: &Policy, obligation: &OpenObligation) -> bool {
    policy.terms.clocks.rule(obligation.basis.kind).runs_for(obligation.basis.subject.kind)
}

/// By the policy in force it is not owed any more. Where it was a promise, the solution is owed instead,
/// as wherever a promise is over.
fn dropped(case: &Case, obligation: &OpenObligation, now: Time) -> Vec<Fact> {
    let mut facts = vec![ended(obligation, ObligationState::Dropped, None)];
    goes_on(case, &mut facts, obligation, now);
    facts
}

/// The times of what is owed by the policy in force, where they were reckoned by an earlier one; what
/// is not owed by it ends. Nothing else begins than what stands in the place of that: who would owe it has
/// not heard of it, and its time may be past. Nothing fires here: what is due now is due by the times that
/// follow.
pub fn reckoned(case: &Case, id: ObligationId, now: Time) -> Vec<Fact> {
    let policy = &case.policy;
    let is_as_before = |owed: &OpenObligation| {
        let ladder = policy.ladder(&owed.basis);
        ladder == owed.ladder && owed.next == owed.next.map(|next| ladder.next(next.rung))
    };
    let reckon = |owed: &OpenObligation| match is_as_before(owed) {
        _ if !applies(policy, owed) => dropped(case, owed, now),
        true => vec![Fact::Unmoved { obligation: owed.id, policy: policy.version }],
        false => vec![moved(policy, owed)],
    };
    case.obligations.iter().find(|owed| owed.id == id).map_or_else(Vec::new, reckon)
}

/// Whether it fires well after it could have. A change may move a rung into the past, as when a
/// matter becomes urgent: it fires at once, with the time that it should have had, and is late only
/// where even this comes well after the change.
fn is_late(obligation: &OpenObligation, planned_at: Time, now: Time) -> bool {
    let known_at = obligation.next.and_then(|next| next.at);
    let stood = [Some(planned_at), obligation.moved_at, known_at];
    let could_at = stood.into_iter().flatten().max().unwrap_or(planned_at);
    now - could_at > LATE_AFTER
}

/// The obligation's times as they are by the policy in force. What has fired stays so.
pub fn moved(policy: &Policy, obligation: &OpenObligation) -> Fact {
    let ladder = policy.ladder(&obligation.basis);
    Fact::ObligationMoved {
        obligation: obligation.id,
        ticket: obligation.ticket,
        owner: obligation.owner,
        customer: obligation.customer,
        queue: obligation.basis.queue.clone(),
        ladder,
        next: obligation.next.map(|next| ladder.next(next.rung)),
        policy: policy.version,
    }
}
