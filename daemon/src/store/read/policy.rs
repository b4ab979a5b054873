//! The versions of the site's terms.

use crate::{PersonId, Time};

/// One of the versions of the site's terms.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyVersion {
    pub version: i64,
    pub at: Time,
    /// None: as shipped, by the command line, or because what ships changed.
    pub by: Option<PersonId>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PolicyText {
    pub version: PolicyVersion,
    /// As somebody wrote it (TOML).
    pub text: String,
}
