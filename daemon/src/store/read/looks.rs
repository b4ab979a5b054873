//! Looks: the record of what people were shown, or took away, that not everybody sees.

use crate::names::words;
use crate::{CallId, CustomerId, PersonId, Time};

/// Something that somebody was shown, or took away, that not everybody sees.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    pub seq: i64,
    pub at: Time,
    /// None: the command line.
    pub by: Option<PersonId>,
    pub what: Audited,
    pub ticket: Option<String>,
    pub customer: Option<(CustomerId, String)>,
    pub call: Option<CallId>,
    /// Of a file: numbers are masked in it.
    pub masked: bool,
}

words! {
    Audited { NumbersShown = "numbers_shown", EvidenceMade = "evidence_made", CustomersExported = "customers_exported" }
}
