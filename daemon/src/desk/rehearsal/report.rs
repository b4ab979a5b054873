//! What came of a rehearsal: each obligation's rungs as they fired and as they would have, and how many
//! were kept in time under each policy.

use std::collections::BTreeMap;

use crate::desk::Addressee;
use crate::desk::clock::{ClockKind, ObligationState, Rung};
use crate::{ObligationId, PersonId, TicketId, Time};

#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Of all that was owed within the period, the earliest begun first.
    pub tales: Vec<Tale>,
    /// Which versions of the policy were put in force up to the period's end, and when.
    pub versions: Vec<(i64, Time)>,
    /// Who is who at the period's end.
    pub names: BTreeMap<PersonId, String>,
}

/// A rung that fired, or would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    pub rung: Rung,
    pub planned_at: Time,
    pub told: Vec<Addressee>,
}

/// One obligation under both policies.
#[derive(Clone, Debug)]
pub struct Tale {
    pub obligation: ObligationId,
    pub ticket: TicketId,
    pub kind: ClockKind,
    pub began_at: Time,
    pub ended: Option<(ObligationState, Time)>,
    /// Firing planned within the period: as they fired.
    pub was: Vec<Firing>,
    /// As they would have.
    pub would: Vec<Firing>,
    pub outcome_was: Outcome,
    pub outcome_would: Outcome,
}

/// How an obligation stands at the end of the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    KeptInTime,
    KeptLate,
    /// It ended otherwise: waived, unreachable, replaced, dropped.
    EndedOtherwise,
    Open,
    OpenOverdue,
    /// The policy that was tried has no such clock run for such a matter.
    NotOwed,
}

/// How many obligations of a clock had which outcome, and how many of which rung fired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub outcomes: BTreeMap<Outcome, usize>,
    pub rungs: BTreeMap<Rung, usize>,
}

impl Outcome {
    pub const ALL: [Outcome; 6] = [
        Outcome::KeptInTime,
        Outcome::KeptLate,
        Outcome::OpenOverdue,
        Outcome::Open,
        Outcome::EndedOtherwise,
        Outcome::NotOwed,
    ];

    pub fn of(ended: Option<(ObligationState, Time)>, is_overdue: bool) -> Outcome {
        match (ended.map(|(state, _)| state), is_overdue) {
            (Some(ObligationState::Kept), false) => Outcome::KeptInTime,
            (Some(ObligationState::Kept), true) => Outcome::KeptLate,
            (None | Some(ObligationState::Open), false) => Outcome::Open,
            (None | Some(ObligationState::Open), true) => Outcome::OpenOverdue,
            (
                Some(
                    ObligationState::Waived
                    | ObligationState::Unreachable
                    | ObligationState::Replaced
                    | ObligationState::Dropped,
                ),
                _,
            ) => Outcome::EndedOtherwise,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::KeptInTime => "kept_in_time",
            Outcome::KeptLate => "kept_late",
            Outcome::EndedOtherwise => "ended_otherwise",
            Outcome::Open => "open",
            Outcome::OpenOverdue => "open_overdue",
            Outcome::NotOwed => "not_owed",
        }
    }
}

impl Tale {
    /// Whether anything would have been otherwise.
    pub fn differs(&self) -> bool {
        self.was != self.would || self.outcome_was != self.outcome_would
    }

    /// A rung as it fired, and as it would have.
    pub fn side_by_side(&self, rung: Rung) -> (Option<&Firing>, Option<&Firing>) {
        let of = |rungs: &'_ [Firing]| rungs.iter().position(|fired| fired.rung == rung);
        (of(&self.was).map(|at| &self.was[at]), of(&self.would).map(|at| &self.would[at]))
    }
}

impl Report {
    pub fn differences(&self) -> impl Iterator<Item = &Tale> {
        self.tales.iter().filter(|tale| tale.differs())
    }

    /// By clock, as it was and as it would have been.
    pub fn summary(&self) -> BTreeMap<ClockKind, (Tally, Tally)> {
        let mut summary: BTreeMap<ClockKind, (Tally, Tally)> = BTreeMap::new();
        for tale in &self.tales {
            let (was, would) = summary.entry(tale.kind).or_default();
            was.count(tale.outcome_was, &tale.was);
            would.count(tale.outcome_would, &tale.would);
        }
        summary
    }
}

impl Tally {
    fn count(&mut self, outcome: Outcome, rungs: &[Firing]) {
        *self.outcomes.entry(outcome).or_default() += 1;
        for fired in rungs {
            *self.rungs.entry(fired.rung).or_default() += 1;
        }
    }

    pub fn of(&self, outcome: Outcome) -> usize {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }
}
