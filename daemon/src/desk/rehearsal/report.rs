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
    /// None: it was not owed, and would have been.
    pub obligation: Option<ObligationId>,
    pub ticket: TicketId,
    pub kind: ClockKind,
    pub began_at: Time,
    pub was: Sided,
    pub would: Sided,
}

/// What became of it under one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sided {
    /// What fired of it, planned within the period.
    pub rungs: Vec<Firing>,
    pub ended: Option<Ended>,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub state: ObligationState,
    pub at: Time,
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
    /// Nothing of it was owed within the period.
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

    fn of(ended: Option<Ended>, is_overdue: bool) -> Outcome {
        match (ended.map(|ended| ended.state), is_overdue) {
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

impl Default for Sided {
    fn default() -> Sided {
        Sided { rungs: Vec::new(), ended: None, outcome: Outcome::NotOwed }
    }
}

impl Sided {
    pub fn of(mut rungs: Vec<Firing>, ended: Option<Ended>, from: Time) -> Sided {
        let outcome = Outcome::of(ended, rungs.iter().any(|fired| fired.rung == Rung::Due));
        rungs.retain(|fired| fired.planned_at >= from);
        Sided { rungs, ended, outcome }
    }

    pub fn rung(&self, rung: Rung) -> Option<&Firing> {
        self.rungs.iter().find(|fired| fired.rung == rung)
    }
}

impl Tale {
    /// Whether anything would have been otherwise, but for the moment of its end.
    pub fn differs(&self) -> bool {
        let how = |side: &Sided| (side.outcome, side.ended.map(|ended| ended.state));
        self.was.rungs != self.would.rungs || how(&self.was) != how(&self.would)
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
            was.count(&tale.was);
            would.count(&tale.would);
        }
        summary
    }
}

impl Tally {
    fn count(&mut self, side: &Sided) {
        *self.outcomes.entry(side.outcome).or_default() += 1;
        for fired in &side.rungs {
            *self.rungs.entry(fired.rung).or_default() += 1;
        }
    }

    pub fn of(&self, outcome: Outcome) -> usize {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }
}
