//! FreeSWITCH's heartbeat: an event that comes at any rate, and counts the sessions.

use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub struct Pulse {
    last: Option<Instant>,
    every: Option<Duration>,
    /// How many sessions more than legs there were, at the last beat; and of what no look made
    /// sense.
    surplus: i64,
    accepted: i64,
}

impl Pulse {
    /// `told`: how often it beats, where the PBX says so; else the longest time between two beats.
    pub fn beat(&mut self, at: Instant, told: Option<Duration>) {
        let gap = self.last.map(|last| at.duration_since(last));
        self.every = told.or(gap.max(self.every));
        self.last = Some(at);
    }

    /// When three beats have not come.
    pub fn missed_at(&self) -> Option<Instant> {
        Some(self.last? + 3 * self.every?)
    }

    /// Whether the PBX has counted more sessions than we see legs, or fewer, twice by the same
    /// number; events are under way, so once means nothing.
    pub fn is_odd(&mut self, surplus: i64) -> bool {
        let before = std::mem::replace(&mut self.surplus, surplus);
        surplus != 0 && surplus == before && surplus != self.accepted
    }

    /// A look was taken: what it left is not worth another.
    pub fn accept(&mut self) {
        self.accepted = self.surplus;
    }
}
