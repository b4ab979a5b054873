//! Calls that are over, or as far as they were kept: in a line of a customer's contacts, and whole.

use super::Outage;
use crate::calls::call::{Direction, EndedBy, Offer, Outcome, Segment, Transfer, Wait};
use crate::number::Number;
use crate::{CallId, Extension, PbxName, PersonId, TicketId, Time};

#[derive(Clone, Debug)]
pub struct Contact {
    pub call: CallId,
    pub direction: Direction,
    pub at: Time,
    pub outcome: Option<Outcome>,
    pub talk_ms: i64,
    pub agent: Option<Extension>,
    pub person: Option<PersonId>,
    pub pbx: PbxName,
    pub summary: String,
    pub certain: bool,
    /// What hid part of it.
    pub gap: Option<Outage>,
}

/// A call as it was kept.
#[derive(Clone, Debug)]
pub struct StoredCall {
    pub id: CallId,
    pub pbx: PbxName,
    pub direction: Direction,
    pub caller: Option<String>,
    pub caller_name: Option<String>,
    pub number: Option<Number>,
    pub to: Option<String>,
    pub agent: Option<Extension>,
    /// Whose extension it was when the call was kept.
    pub person: Option<PersonId>,
    pub started_at: Time,
    pub answered_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub outcome: Option<Outcome>,
    pub ended_by: Option<EndedBy>,
    pub talk_ms: i64,
    pub certain: bool,
    /// What hid part of it, if that is on record.
    pub gap: Option<Outage>,
    pub waits: Vec<Wait>,
    pub segments: Vec<Segment>,
    pub offers: Vec<Offer>,
    pub transfers: Vec<Transfer>,
    pub ticket: Option<TicketId>,
}
