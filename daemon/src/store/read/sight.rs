//! What was seen of each PBX, and what hindered sight.

use crate::ledger::Entry;
use crate::{PbxName, Time};

/// How much of a period a PBX was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    pub pbx: PbxName,
    pub total_ms: i64,
    pub seen_ms: i64,
    /// When it was not, oldest first; of very many the newest [`LIST`](super::LIST).
    pub gaps: Vec<Gap>,
    pub gaps_total: usize,
}

/// A stretch of time in which a PBX was not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    pub from: Time,
    pub to: Time,
    pub why: Blind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Blind {
    /// In English, for admins.
    Outage(String),
    /// Nobody had looked at the PBX yet.
    NotYet,
    /// The PBX is looked at no more.
    NoMore,
    /// The time has not come.
    Ahead,
}

/// A time in which a PBX was not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    pub pbx: PbxName,
    pub from: Time,
    pub to: Option<Time>,
    pub why: String,
}

/// A line of the ledger; an outage's `to` is when it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    pub entry: Entry,
    /// Of outages that are over.
    pub to: Option<Time>,
}
