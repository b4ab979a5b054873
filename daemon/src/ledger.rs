//! The ledger: whatever hindered sight of a PBX, line by line, so that each figure can say what it
//! rests on. Nothing is ever taken out of it.

use crate::names::words;
use crate::{PbxName, Time};

words! {
    /// What stood between a PBX and us.
    Hindrance {
        /// The PBX was out of sight. Outages have an end too, and so a table of their own; the
        /// ledger is read with them among its lines.
        Outage = "outage",
        /// The PBX runs anew: what was up before is gone.
        Restart = "restart",
        /// All that is up was asked for again.
        Resync = "resync",
        /// A clock was set, or its machine slept.
        ClockStep = "clock_step",
        /// Events came faster than we took them, and were dropped.
        Overflow = "overflow",
        /// Packets that were torn or too long, and so not understood.
        Damaged = "damaged",
        /// What a dialplan told us by words of its own was not understood.
        Misread = "misread",
        /// What we held for true is not what the PBX says.
        Drift = "drift",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// None: it concerns us, and so all of them.
    pub pbx: Option<PbxName>,
    pub at: Time,
    pub what: Hindrance,
    /// What happened and what helps, in English, for admins.
    pub detail: String,
}
