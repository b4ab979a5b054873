//! A call with the customer, weighed against what is owed to them: the talk that keeps an
//! obligation, the attempt that came to nothing, and when enough of those were made. Who dialled
//! makes no difference, nor which of the customer's numbers it was, nor who called whom.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::case::{Case, KnownCall, OpenObligation};
use super::clock::{Basis, Claim, ClockKind, Keeping, ObligationState, whole_ms};
use super::fact::Fact;
use super::matters::{ended, goes_on, visited};
use super::owed::{claim, claimed};
use super::policy::Policy;
use super::rights::may_take;
use super::states::archived;
use super::talks;
use crate::Time;
use crate::calls::call::{Call, Direction, Outcome};

/// A claim is prolonged by at least so much at once: not each state of a call leaves a line.
const PROLONGED_BY: TimeDelta = TimeDelta::minutes(1);

/// What a state of a call does to an obligation of whoever it is with; `over`: its end was kept
/// before.
pub fn weighed(case: &Case, at: Time, call: &Call, over: bool, owed: &OpenObligation, facts: &mut Vec<Fact>) {
    let (obligation, ticket, owner) = (owed.id, owed.ticket, owed.owner);
    let keeping = owed.basis.kind.keeping();
    let proof = talks::proof(case, at, call, owed);
    let tried = proof.is_none() && keeping != Keeping::Word && !over;
    match (keeping, proof) {
        (Keeping::Survey, Some(proof)) => {
            if let Some(survey) = &owed.survey {
                return visited(case, facts, owed, proof, survey, at);
            }
        }
        (Keeping::Talk | Keeping::LaterTalk | Keeping::Word, Some(proof)) => {
            facts.push(Fact::ObligationKept { obligation, ticket, owner, proof });
            return goes_on(case, facts, owed, at);
        }
        (Keeping::Talk | Keeping::LaterTalk | Keeping::Survey | Keeping::Word, None) => {}
    }
    if let Some(outcome) = attempt(call, owed).filter(|_| tried) {
        let (call, began) = (call.id.clone(), call.started_at);
        facts.push(Fact::AttemptMade { obligation, ticket, owner, call, outcome, at: began });
        let attempts: Vec<Time> = owed.attempts.iter().copied().chain([began]).collect();
        if is_given_up(&case.policy, &owed.basis, &attempts, at) {
            facts.push(ended(owed, ObligationState::Unreachable, None));
            archived(case, facts, owed, at);
            return goes_on(case, facts, owed, at);
        }
    }
    let theirs = prolonged(case, at, call, owed);
    facts.extend(theirs.or_else(|| dialled(case, at, call, owed)));
}

/// Somebody calls the customer: what a talk would keep is theirs, as with the page's button. No PBX
/// stops whoever dials while another has it; they are told.
fn dialled(case: &Case, at: Time, call: &Call, owed: &OpenObligation) -> Option<Fact> {
    if !dials(case.call.as_ref(), call) || owed.basis.kind.keeping() == Keeping::Word {
        return None;
    }
    let by = case.staff.holder(&call.pbx, call.agent.as_ref()?)?;
    match claimed(&case.policy, owed, at) {
        Some(claim) if claim.by == by => None,
        Some(claim) => {
            let (obligation, ticket, call) = (owed.id, owed.ticket, call.id.clone());
            Some(Fact::CalledBeside { obligation, ticket, call, by, claim })
        }
        None => {
            let theirs = may_take(case, owed, by, at);
            claim(case, owed, by, at).ok().filter(|_| theirs)
        }
    }
}

/// Whether this is the first that is seen of somebody's calling that number.
pub fn dials(known: Option<&KnownCall>, call: &Call) -> bool {
    let is_new = known.is_none_or(|known| known.number.is_none());
    is_new && call.direction == Direction::Outbound && call.number.is_some() && call.ended_at.is_none()
}

/// Whether the customer was called as often, and on as many of the site's days, as the policy
/// wants before they count as unreachable. Only where a call is what is owed; and a promise is for
/// its time: it is not given up before, however often was called.
pub fn is_given_up(policy: &Policy, basis: &Basis, attempts: &[Time], now: Time) -> bool {
    let may_end = match basis.kind {
        ClockKind::MissedCall | ClockKind::FirstResponse | ClockKind::ReturnVisit | ClockKind::SpotCheck => true,
        ClockKind::Promise => basis.promised_at.is_some_and(|promised_at| promised_at <= now),
        // These end when somebody did something, whether or not the customer picks up.
        ClockKind::Acceptance | ClockKind::Resolution | ClockKind::Filing | ClockKind::HandOver => false,
    };
    let wanted = policy.terms.callback;
    let days: BTreeSet<i64> = attempts.iter().map(|at| policy.day(*at)).collect();
    let enough = |count: usize, wanted: u32| u32::try_from(count).unwrap_or(u32::MAX) >= wanted;
    may_end && enough(attempts.len(), wanted.attempts) && enough(days.len(), wanted.days)
}

/// Whoever took it is on such a call, or just was: theirs for longer.
fn prolonged(case: &Case, at: Time, call: &Call, obligation: &OpenObligation) -> Option<Fact> {
    let claim = claimed(&case.policy, obligation, at)?;
    let own = |extension| case.staff.holder(&call.pbx, extension) == Some(claim.by);
    let mut agents = call.agent.iter().chain(call.segments.iter().map(|segment| &segment.agent));
    let until = whole_ms(at) + TimeDelta::milliseconds(case.policy.terms.callback.claim_ms);
    let is_theirs = call.direction != Direction::Internal && agents.any(own);
    (is_theirs && until - claim.until >= PROLONGED_BY).then_some(Fact::Claimed {
        obligation: obligation.id,
        ticket: obligation.ticket,
        owner: obligation.owner,
        claim: Some(Claim { by: claim.by, until }),
        by: Some(claim.by),
    })
}

/// A call of ours that came to nothing. What was not seen to the end proves no failure either.
fn attempt(call: &Call, obligation: &OpenObligation) -> Option<Outcome> {
    let ours = call.direction == Direction::Outbound && call.started_at >= obligation.basis.began_at;
    call.outcome.filter(|_| ours && call.certain && call.ended_at.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::policy::Subject;
    use crate::engine::house::{policy, t};

    const DAY: f64 = 86_400.0;

    fn basis(kind: ClockKind, promised_at: Option<Time>) -> Basis {
        let (queue, subject) = (None, Subject::default());
        Basis { kind, began_at: t(0.0), promised_at, queue, subject, suspensions: Vec::new() }
    }

    fn given_up(kind: ClockKind, attempts: &[f64]) -> bool {
        let attempts: Vec<Time> = attempts.iter().map(|at| t(*at)).collect();
        is_given_up(&policy(), &basis(kind, None), &attempts, *attempts.last().unwrap())
    }

    #[test]
    fn three_attempts_on_two_days_of_the_site_suffice_and_less_does_not() {
        // The tests' day begins at ten in the morning; midnight is fourteen hours on.
        let midnight = 14.0 * 3600.0;
        assert!(!given_up(ClockKind::MissedCall, &[0.0, 60.0, 120.0, 180.0]), "all on one day");
        assert!(!given_up(ClockKind::MissedCall, &[0.0, DAY]), "two are not three");
        assert!(given_up(ClockKind::MissedCall, &[0.0, 60.0, DAY]));
        assert!(!given_up(ClockKind::MissedCall, &[0.0, 60.0, midnight - 0.001]));
        assert!(given_up(ClockKind::MissedCall, &[0.0, 60.0, midnight]), "the site's midnight, not UTC's");
        for kind in [ClockKind::FirstResponse, ClockKind::ReturnVisit, ClockKind::SpotCheck] {
            assert!(given_up(kind, &[0.0, 60.0, DAY]), "{}", kind.as_str());
        }
        for kind in [ClockKind::Acceptance, ClockKind::Resolution, ClockKind::Filing, ClockKind::HandOver] {
            assert!(!given_up(kind, &[0.0, 60.0, DAY, 2.0 * DAY]), "{} is no call", kind.as_str());
        }
    }

    #[test]
    fn a_promise_is_not_given_up_before_its_time() {
        let promise = basis(ClockKind::Promise, Some(t(2.0 * DAY)));
        let attempts = [t(0.0), t(60.0), t(DAY)];
        assert!(!is_given_up(&policy(), &promise, &attempts, t(DAY + 30.0)));
        assert!(is_given_up(&policy(), &promise, &attempts, t(2.0 * DAY)));
        assert!(!is_given_up(&policy(), &promise, &attempts[..2], t(3.0 * DAY)));
    }
}
