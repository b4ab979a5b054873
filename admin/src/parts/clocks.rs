//! The clocks of a ticket: what is owed in it as bars, from when until when, where each stood still and how
//! it ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use daemon::desk::clock::{Basis, ClockKind, ObligationState};
use daemon::desk::deadline::Ladder;
use daemon::desk::policy::Policy;
use daemon::store::read::{Directory, ObligationRow, TicketPage};
use daemon::{ObligationId, Time};

use super::owed::waits;
use super::part;
use crate::auth::Visitor;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/clocks.html")]
pub struct Clocks {
    pen: Pen,
    rows: Vec<ObligationRow>,
    /// What those are reckoned from that stood still once, or stand still.
    paused: BTreeMap<ObligationId, Basis>,
    directory: Arc<Directory>,
    policy: Arc<Policy>,
}
part!(Clocks = "clocks");

impl Clocks {
    /// The share of the bar that is the window; the rest is room for lateness.
    const WINDOW: f64 = 80.0;

    pub fn of(visitor: &Visitor, page: &TicketPage, policy: &Arc<Policy>) -> Clocks {
        Clocks {
            pen: visitor.pen.clone(),
            rows: page.obligations.iter().filter(|row| stands(row)).cloned().collect(),
            paused: page.paused.clone(),
            directory: visitor.directory.clone(),
            policy: policy.clone(),
        }
    }

    fn place(&self, row: &ObligationRow, moment: Time) -> f64 {
        let due_at = row.due_at.or(self.if_resumed(row).and_then(|ladder| ladder.due_at)).unwrap_or(self.pen.now);
        let window = (due_at - row.began_at).num_milliseconds().max(1) as f64;
        let share = (moment - row.began_at).num_milliseconds() as f64 / window;
        (share * Self::WINDOW).clamp(0.0, 100.0)
    }
    fn at(&self, row: &ObligationRow, moment: Time) -> String {
        format!("{:.1}%", self.place(row, moment))
    }
    /// When its rungs would be due if it went on now; of what stands still.
    fn if_resumed(&self, row: &ObligationRow) -> Option<Ladder> {
        let basis = row.suspended.as_ref().and_then(|_| self.paused.get(&row.id))?;
        Some(self.policy.ladder(&basis.clone().resumed(self.pen.now)))
    }
    /// When it was kept or let go; while it is owed, now.
    fn end(&self, row: &ObligationRow) -> Time {
        let kept = row.proof.as_ref().map(|proof| proof.from);
        kept.or(row.ended.as_ref().map(|ended| ended.at)).unwrap_or(self.pen.now)
    }
    /// Where it stood still: from, and how wide.
    fn held(&self, row: &ObligationRow) -> Vec<(String, String)> {
        let pauses = self.paused.get(&row.id).into_iter().flat_map(|basis| &basis.suspensions);
        let boxes = pauses.map(|pause| {
            let (from, to) = (self.place(row, pause.from), self.place(row, pause.to.unwrap_or(self.end(row))));
            (format!("{from:.1}%"), format!("{:.1}%", (to - from).max(0.4)))
        });
        boxes.collect()
    }
    fn run(&self, row: &ObligationRow) -> (&'static str, String) {
        let past = |moment: Option<Time>| moment.is_some_and(|moment| self.pen.now >= moment);
        let class = match row.state {
            ObligationState::Kept
            | ObligationState::Waived
            | ObligationState::Unreachable
            | ObligationState::Replaced
            | ObligationState::Dropped => "kept",
            ObligationState::Open if past(row.due_at) => "over",
            ObligationState::Open if past(row.reminder_at) => "risk",
            ObligationState::Open => "",
        };
        (class, self.at(row, self.end(row)))
    }
    /// Rungs on the bar: where, and whether it fired.
    fn rungs(&self, row: &ObligationRow) -> Vec<(String, bool)> {
        use daemon::desk::Rung;
        let fired = |rung: Rung| row.fired.iter().any(|fired| fired.rung == rung);
        let would = self.if_resumed(row);
        let at = |kept: Option<Time>, rung: Rung| kept.or(would.and_then(|ladder| ladder.at(rung)));
        let rungs = [(at(row.reminder_at, Rung::Reminder), Rung::Reminder), (at(row.due_at, Rung::Due), Rung::Due)];
        rungs.into_iter().filter_map(|(at, rung)| Some((self.at(row, at?), fired(rung)))).collect()
    }
    fn result(&self, row: &ObligationRow) -> String {
        match &row.proof {
            Some(proof) => {
                let talk = self.pen.span(proof.talk_ms);
                self.pen.say2("clock-proven", "when", self.pen.when(&proof.from), "talk", talk)
            }
            None if row.state != ObligationState::Open => self.pen.word("ended", row.state.as_str()),
            None if row.attempts > 0 => self.pen.say1("tried", "count", row.attempts),
            None => waits(&self.pen, row, self.policy.terms.callback.talk_ms),
        }
    }
    fn owner(&self, row: &ObligationRow) -> String {
        let owner = row.owner.and_then(|owner| self.directory.person(owner));
        owner.map_or_else(|| self.pen.say("nobody-yet"), |person| person.name.clone())
    }
}

/// Who was offered it and answered stands in the chain of owners, not among the clocks.
fn stands(row: &ObligationRow) -> bool {
    row.kind != ClockKind::HandOver || row.state == ObligationState::Open
}
