//! In which state a matter is, and what must be there before it may be in another.
//!
//! ```text
//! new ─► in progress ◄─► waiting for the customer, for an approval
//!              │ the customer is told
//!              ▼
//!          resolved ─► filed ─► closed          any of these three ─► reopened ─► in progress
//! ```
//! Kinds of matter for which the policy has no filing and no return visit may be closed at any time. What
//! is closed without its visit is refused, and so is what is filed without what the register form must
//! hold; the refusal names all that is missing. A complaint that cannot wait is told of first: nothing is
//! asked of its form before it is filed.
//!
//! What is filed stays as it was filed: findings, loss and remedies are changed once the matter is opened
//! again, which is a state of its own, with its reason. Lines of the log and assessments come beside them,
//! whenever somebody writes one.

use std::collections::BTreeSet;

use super::case::{Case, OpenObligation};
use super::clock::{ClockKind, whole_ms};
use super::command::{FieldWhy, Refusal};
use super::draw::Drawing;
use super::fact::Fact;
use super::handling::{Finding, Findings, HandlingFact};
use super::matters::{Whose, begin, has_ended, saved};
use super::owed::{given_reason, resume, suspend};
use super::policy::{Clocks, Subject};
use super::ticket::{Kind, Ticket, TicketState};
use crate::names::words;
use crate::{PersonId, Time};

words! {
    /// What a matter needs before it may be in a state.
    Missing {
        /// Somebody has to decide on a remedy first.
        Approval = "approval",
        Category = "category",
        Course = "course",
        /// Whether the customer is right.
        Finding = "finding",
        Reason = "reason",
        Cause = "cause",
        Party = "party",
        Solution = "solution",
        /// The customer has not heard what came of it.
        Told = "told",
        /// Solution and result are not on file.
        Filed = "filed",
        /// The customer has not been asked whether it is well, nor given up as unreachable, nor has
        /// anybody waived it.
        ReturnVisit = "return_visit",
        /// It is over, and is to be reopened first.
        Reopened = "reopened",
    }
}

/// The state in which a saved form puts a matter: what its writer asked for, where that may be.
pub fn saved_as(case: &Case, before: &Ticket, then: &Ticket, asked: TicketState) -> Result<TicketState, Refusal> {
    let was = before.state;
    let state = match asked {
        // Whoever works on what was over works on it again.
        TicketState::InProgress if !was.is_open() => TicketState::Reopened,
        // What is on file is not taken out of it by its form.
        TicketState::Resolved if was.is_on_file() => return Err(Refusal::Missing(BTreeSet::from([Missing::Reopened]))),
        TicketState::InProgress | TicketState::Resolved | TicketState::Closed => asked,
        TicketState::New
        | TicketState::WaitingCustomer
        | TicketState::WaitingApproval
        | TicketState::Filed
        | TicketState::Reopened
            if asked == was =>
        {
            was
        }
        TicketState::Filed => return Err(Refusal::Missing(BTreeSet::from([Missing::Filed]))),
        TicketState::WaitingApproval => return Err(Refusal::Missing(BTreeSet::from([Missing::Approval]))),
        TicketState::New | TicketState::WaitingCustomer | TicketState::Reopened => {
            return Err(Refusal::Field { field: "state", why: FieldWhy::Unknown });
        }
    };
    check(missing(case, before, then, state, false))?;
    Ok(state)
}

/// What the states of a matter go by, beside what stands in it.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub clocks: &'a Clocks,
    pub findings: &'a Findings,
    /// Somebody is to decide on a remedy.
    pub waits_for_approval: bool,
    /// Its return visit is owed.
    pub visits: bool,
}

impl<'a> Known<'a> {
    fn of(case: &'a Case) -> Known<'a> {
        Known {
            clocks: &case.policy.terms.clocks,
            findings: &case.handling.findings,
            waits_for_approval: case.handling.waits_for_approval(),
            visits: case.obligations.iter().any(|owed| owed.basis.kind == ClockKind::ReturnVisit),
        }
    }

    fn runs(&self, kind: ClockKind, ticket: &Ticket) -> bool {
        self.clocks.rule(kind).runs_for(ticket.kind)
    }

    /// The states that come next for a matter, and what is missing before each.
    pub fn ahead(&self, ticket: &Ticket) -> Vec<(TicketState, BTreeSet<Missing>)> {
        use TicketState::*;
        let follows = self.runs(ClockKind::Filing, ticket) || self.runs(ClockKind::ReturnVisit, ticket);
        let next: &[TicketState] = match ticket.state {
            New | InProgress | WaitingCustomer | WaitingApproval | Reopened if follows => &[Resolved, Filed],
            New | InProgress | WaitingCustomer | WaitingApproval | Reopened => &[Resolved, Closed],
            Resolved if follows => &[Filed],
            Resolved | Filed => &[Closed],
            Closed => &[],
        };
        let before = |state: &TicketState| (*state, lacking(self, ticket, ticket, *state, *state == Resolved));
        next.iter().map(before).collect()
    }
}

/// All that is missing before a matter may be in that state; `told`: the customer hears of it by this.
pub fn missing(case: &Case, before: &Ticket, then: &Ticket, state: TicketState, told: bool) -> BTreeSet<Missing> {
    lacking(&Known::of(case), before, then, state, told)
}

fn lacking(known: &Known, before: &Ticket, then: &Ticket, state: TicketState, told: bool) -> BTreeSet<Missing> {
    let (was, is_complaint) = (before.state, then.kind == Kind::Complaint);
    // What becomes a complaint when it is over was never told of as one.
    let is_over_by_it = !state.is_open() && (was.is_open() || before.kind != then.kind);
    let goes_on = was == TicketState::WaitingApproval && state != was;
    let runs = |kind: ClockKind| known.runs(kind, then);
    let ends = state == TicketState::Filed || state == TicketState::Closed;
    let is_filed = was == TicketState::Filed || was == TicketState::Closed;
    let mut missing = BTreeSet::new();
    let mut unless = |there: bool, what: Missing| {
        if !there {
            missing.insert(what);
        }
    };
    if is_over_by_it || goes_on {
        unless(!known.waits_for_approval, Missing::Approval);
    }
    if is_over_by_it && is_complaint {
        unless(!known.findings.solution.trim().is_empty(), Missing::Solution);
        unless(told, Missing::Told);
    }
    if ends && is_complaint && state != was {
        for what in unwritten(known.findings, then) {
            unless(false, what);
        }
    }
    if state == TicketState::Closed && state != was {
        let follows = runs(ClockKind::Filing) || runs(ClockKind::ReturnVisit);
        unless(is_filed || !follows, Missing::Filed);
        unless(!known.visits && (is_filed || !runs(ClockKind::ReturnVisit)), Missing::ReturnVisit);
    }
    missing
}

/// What the register form of a complaint must hold, and does not.
fn unwritten(findings: &Findings, ticket: &Ticket) -> BTreeSet<Missing> {
    let is_written = |what: &Missing| match what {
        Missing::Category => !ticket.category.is_empty(),
        Missing::Course => !ticket.course.trim().is_empty(),
        Missing::Finding => findings.finding.is_some(),
        Missing::Reason => !findings.reason.trim().is_empty(),
        Missing::Cause => !findings.cause.trim().is_empty(),
        // Nobody answers for what was nobody's fault.
        Missing::Party => findings.finding == Some(Finding::Unjustified) || !findings.party.trim().is_empty(),
        Missing::Solution => !findings.solution.trim().is_empty(),
        Missing::Approval | Missing::Told | Missing::Filed | Missing::ReturnVisit | Missing::Reopened => true,
    };
    Missing::ALL.iter().copied().filter(|what| !is_written(what)).collect()
}

pub fn check(missing: BTreeSet<Missing>) -> Result<(), Refusal> {
    if missing.is_empty() { Ok(()) } else { Err(Refusal::Missing(missing)) }
}

/// The matter is in that state from now on, with what follows for its clocks. Whether it may be was
/// checked.
pub fn moves(
    case: &Case,
    ticket: &Ticket,
    state: TicketState,
    by: Option<PersonId>,
    why: &str,
    now: Time,
) -> Vec<Fact> {
    let then = Ticket { state, ..ticket.clone() };
    let (id, owner, why) = (ticket.id, ticket.owner, why.trim().to_owned());
    let mut facts = vec![HandlingFact::Moved { ticket: id, owner, state, by, why }.into()];
    saved(case, &mut facts, ticket, &then, by, now);
    goes_on(case, &mut facts, ticket, &then, by, now);
    facts
}

/// What stood still while the matter waited for the customer runs again once it does not.
pub fn goes_on(case: &Case, facts: &mut Vec<Fact>, before: &Ticket, then: &Ticket, by: Option<PersonId>, now: Time) {
    if before.state != TicketState::WaitingCustomer || then.state == before.state {
        return;
    }
    let subject = Whose::of(case, then).subject;
    let again = |owed: &OpenObligation| {
        let mut owed = owed.clone();
        // As what is said of it by the same change.
        owed.basis.subject = Subject { standing: owed.basis.subject.standing.clone(), ..subject.clone() };
        // What runs already was resumed by itself.
        resume(case, &owed, by, now).unwrap_or_default()
    };
    let stood: Vec<Fact> = case.obligations.iter().filter(|owed| !has_ended(facts, owed)).flat_map(again).collect();
    facts.extend(stood);
}

/// The customer is to do something first: what may stand still by the policy does.
pub fn waits(case: &Case, ticket: &Ticket, reason: &str, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
    match ticket.state {
        TicketState::New | TicketState::InProgress | TicketState::Reopened => {}
        TicketState::WaitingCustomer => return Err(Refusal::Suspended),
        TicketState::WaitingApproval => check(BTreeSet::from([Missing::Approval]))?,
        TicketState::Resolved | TicketState::Filed | TicketState::Closed => {
            check(BTreeSet::from([Missing::Reopened]))?;
        }
    }
    given_reason(reason)?;
    let mut facts = moves(case, ticket, TicketState::WaitingCustomer, Some(by), reason, now);
    stands_still(case, &mut facts, by, reason, now);
    Ok(facts)
}

/// What of a matter's clocks may stand still by the policy, and runs.
pub fn stands_still(case: &Case, facts: &mut Vec<Fact>, by: PersonId, reason: &str, now: Time) {
    for owed in &case.obligations {
        if !has_ended(facts, owed) {
            facts.extend(suspend(case, owed, by, reason, now).unwrap_or_default());
        }
    }
}

/// A return visit is over, and the customer is not dissatisfied or cannot be asked: so is the matter.
pub fn archived(case: &Case, facts: &mut Vec<Fact>, visit: &OpenObligation, now: Time) {
    if visit.basis.kind != ClockKind::ReturnVisit || visit.ticket_state != TicketState::Filed {
        return;
    }
    let (ticket, owner, state) = (visit.ticket, visit.ticket_owner, TicketState::Closed);
    facts.push(HandlingFact::Moved { ticket, owner, state, by: None, why: String::new() }.into());
    let percent = case.policy.terms.spot_check_percent;
    let runs = case.policy.terms.clocks.rule(ClockKind::SpotCheck).runs_for(visit.basis.subject.kind);
    let is_owed = |owed: &OpenObligation| owed.ticket == ticket && owed.basis.kind == ClockKind::SpotCheck;
    if percent == 0 || !runs {
        return;
    }
    let lot = case.policy.seed.lot(ticket);
    let drawn = lot.is_drawn(percent);
    facts.push(Fact::Draw(Drawing::Looked { ticket, lot, percent, drawn }));
    if drawn && !case.obligations.iter().any(is_owed) {
        begin(case, facts, ClockKind::SpotCheck, whole_ms(now), Whose::with(visit));
    }
}
