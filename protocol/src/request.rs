//! What any PBX can be asked. A refusal comes before the wire: a [`Request`] can only be built
//! from values that cannot break out of their line.

use crate::event::{Extension, LegId, QueueName};

/// A number that may be dialled: `^\+?[0-9*#]{1,32}$`, so that neither a dial string nor a
/// protocol line can be forged with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialable(String);

/// Why a text is no [`Dialable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDialable {
    Empty,
    TooLong,
    Character(char),
}

impl Dialable {
    pub fn new(text: &str) -> Result<Self, NotDialable> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() {
            return Err(NotDialable::Empty);
        }
        if let Some(bad) = digits.chars().find(|c| !matches!(c, '0'..='9' | '*' | '#')) {
            return Err(NotDialable::Character(bad));
        }
        if digits.len() > 32 {
            return Err(NotDialable::TooLong);
        }
        Ok(Self(text.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What we ask of a PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Ring `agent`'s phone, then dial `to` from it, asynchronously. `leg` is our own id for the
    /// first leg, so that its events are known as ours before the reply comes. Never resent.
    Originate {
        agent: Extension,
        to: Dialable,
        leg: LegId,
    },
    Hangup {
        leg: LegId,
    },
    /// Pause or unpause in one queue, or in all (`queue` none).
    Pause {
        agent: Extension,
        queue: Option<QueueName>,
        paused: bool,
        reason: String,
    },
    /// Ring `spy`'s phone, under our own id `leg`, and let it hear the talk of `agent`, whose leg
    /// is `on`. Never resent.
    Spy {
        spy: Extension,
        on: LegId,
        agent: Extension,
        how: Spying,
        leg: LegId,
    },
    /// Ask for everything that is up now; what is told then is the truth.
    Snapshot,
    /// Ask for everything that is up now, to be compared; see
    /// [`CallEvent::LookBegan`](crate::CallEvent::LookBegan).
    Look,
}

/// How somebody takes part in a talk that is not theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spying {
    /// Hears both.
    Listen,
    /// Hears both, and the agent hears them.
    Whisper,
    /// Hears both, and both hear them.
    Barge,
}

impl Spying {
    /// A stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Spying::Listen => "listen",
            Spying::Whisper => "whisper",
            Spying::Barge => "barge",
        }
    }
    pub fn parse(word: &str) -> Option<Spying> {
        [Spying::Listen, Spying::Whisper, Spying::Barge].into_iter().find(|how| how.as_str() == word)
    }
}
