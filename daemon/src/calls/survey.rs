//! The PBX's own survey of a call: how far the caller came with it, and which key was pressed first.
//!
//! Stages may come in any order, twice, or be left out where a later one was told: what is known of
//! a survey is the earliest that was told of each.

use protocol::event::{Key, SurveyStage};

use super::call::{Call, Segment};
use crate::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    pub offered_at: Time,
    /// When the question had been played.
    pub heard_at: Option<Time>,
    pub answered: Option<Answered>,
}

/// The first answer; the earlier key where two came at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answered {
    pub at: Time,
    pub key: Key,
}

impl Survey {
    /// As one stage alone tells.
    pub fn of(stage: SurveyStage, at: Time) -> Survey {
        let offered = Survey { offered_at: at, heard_at: None, answered: None };
        match stage {
            SurveyStage::Offered => offered,
            SurveyStage::Heard => Survey { heard_at: Some(at), ..offered },
            SurveyStage::Answered(key) => {
                Survey { heard_at: Some(at), answered: Some(Answered { at, key }), ..offered }
            }
        }
    }

    /// What both tell.
    pub fn with(self, other: Survey) -> Survey {
        Survey {
            offered_at: self.offered_at.min(other.offered_at),
            heard_at: self.heard_at.into_iter().chain(other.heard_at).min(),
            answered: self.answered.into_iter().chain(other.answered).min(),
        }
    }
}

impl Call {
    /// The talk that the survey is about: the last before it was offered.
    pub fn surveyed_talk(&self) -> Option<&Segment> {
        let survey = self.survey?;
        self.segments.iter().rev().filter(|talk| talk.from <= survey.offered_at).max_by_key(|talk| talk.from)
    }
}
