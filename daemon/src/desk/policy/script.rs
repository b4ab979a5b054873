//! What is said to callers and what never, as the site wants it: by the queue that they came
//! through, and by what their matter is about.

use std::collections::BTreeMap;

use crate::QueueName;

/// The longest text to be said, in characters: it stands beside a ringing phone and must be read at a
/// glance.
pub const MAX_SAY: usize = 400;

/// The longest of what is never said, in characters.
pub const MAX_NEVER: usize = 100;

/// How much of that one script may forbid; more nobody keeps in mind.
pub const MAX_NEVERS: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    pub queues: BTreeMap<QueueName, Script>,
    /// By the code of what a matter is about.
    pub categories: BTreeMap<String, Script>,
}

/// One of the two is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// In one or more lines.
    pub say: String,
    /// Promises and words to be kept from.
    pub never: Vec<String>,
}
