//! A call as JSON, for whoever is outside.

use chrono::SecondsFormat;
use serde::Serialize;

use crate::Time;
use crate::calls::call::{Call, Span};

/// A call as the outside sees it; the same object for replays and for the API.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallJson {
    pub pbx: String,
    pub direction: &'static str,
    /// As sent; none when withheld.
    pub caller: Option<String>,
    /// E.164.
    pub number: Option<String>,
    pub to: Option<String>,
    pub agent: Option<String>,
    pub outcome: Option<&'static str>,
    pub started_at: String,
    pub answered_at: Option<String>,
    pub ended_at: Option<String>,
    pub waited_ms: Option<i64>,
    pub talk_ms: Option<i64>,
    pub hold_ms: Option<i64>,
    pub ended_by: Option<&'static str>,
    pub segments: Vec<SegmentJson>,
    pub transfers: Vec<TransferJson>,
    pub offers: Vec<OfferJson>,
    /// The PBX's own, by the caller's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub survey: Option<SurveyJson>,
    pub certain: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SurveyJson {
    /// Whom it is about.
    pub agent: Option<String>,
    pub offered_at: String,
    pub heard_at: Option<String>,
    pub answered_at: Option<String>,
    pub key: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentJson {
    pub agent: String,
    pub queue: Option<String>,
    pub from: String,
    pub to: Option<String>,
    pub hold_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TransferJson {
    pub kind: &'static str,
    pub from: Option<String>,
    pub to: String,
    pub completed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfferJson {
    pub agent: String,
    pub outcome: Option<&'static str>,
}

pub fn to_json(call: &Call) -> CallJson {
    CallJson {
        pbx: call.pbx.to_string(),
        direction: call.direction.as_str(),
        caller: call.caller.clone(),
        number: call.number.as_ref().and_then(|number| number.e164()).map(str::to_owned),
        to: call.to.clone(),
        agent: call.agent.as_ref().map(ToString::to_string),
        outcome: call.outcome.map(|outcome| outcome.as_str()),
        started_at: rfc3339(call.started_at),
        answered_at: call.answered_at.map(rfc3339),
        ended_at: call.ended_at.map(rfc3339),
        waited_ms: call.waited().map(|waited| waited.num_milliseconds()),
        talk_ms: call.talked().map(|talked| talked.num_milliseconds()),
        hold_ms: call.held().map(|held| held.num_milliseconds()),
        ended_by: call.ended_by.map(|by| by.as_str()),
        segments: call
            .segments
            .iter()
            .map(|segment| SegmentJson {
                agent: segment.agent.to_string(),
                queue: segment.queue.as_ref().map(ToString::to_string),
                from: rfc3339(segment.from),
                to: segment.to.map(rfc3339),
                hold_ms: Span::sum(&segment.holds).map(|held| held.num_milliseconds()),
            })
            .collect(),
        transfers: call
            .transfers
            .iter()
            .map(|transfer| TransferJson {
                kind: transfer.kind.as_str(),
                from: transfer.from.as_ref().map(ToString::to_string),
                to: transfer.to.clone(),
                completed: transfer.completed,
            })
            .collect(),
        offers: call
            .offers
            .iter()
            .map(|offer| OfferJson {
                agent: offer.agent.to_string(),
                outcome: offer.outcome.map(|outcome| outcome.as_str()),
            })
            .collect(),
        survey: call.survey.map(|survey| SurveyJson {
            agent: call.surveyed_talk().map(|talk| talk.agent.to_string()),
            offered_at: rfc3339(survey.offered_at),
            heard_at: survey.heard_at.map(rfc3339),
            answered_at: survey.answered.map(|answered| rfc3339(answered.at)),
            key: survey.answered.map(|answered| answered.key.digit()),
        }),
        certain: call.certain,
    }
}

pub fn rfc3339(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
