//! `ringback check`: whether a PBX can be reached and tells us what we need, and the lines that
//! mend what is wrong.

use crate::config::Pbx;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub state: FindingState,
    /// What was found, for admins, in English.
    pub text: String,
    /// Exact lines for the PBX's `manager.conf`, where they would help.
    pub lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingState {
    Ok,
    Warning,
    Failed,
}

/// Connects once and looks at everything that a link needs; ends within a minute.
pub async fn check(_config: &Pbx) -> Vec<Finding> {
    Vec::new()
}
