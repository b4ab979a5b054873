//! What is seen of the PBXes, what hindered sight, and how the house fares.

use axum::Json;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::live::{LinkNow, LinkState, Topic};
use daemon::store::read::{Blind, Coverage, Gap, LedgerRow, Outage};
use serde_json::{Value, json};

use super::{Between, moment, policy};
use crate::auth::{Oversee, Require, Wire};
use crate::error::Error;
use crate::pages::{links_of, present, store_fails};
use crate::state::State;

/// How the house fares, on one glance.
pub async fn status(FromState(state): FromState<State>, _: Require<Oversee>) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House]).await?;
    let policy = state.reader.policy();
    let link = |link: &LinkNow| json!({ "pbx": link.pbx.as_str(), "unseen_since": link.unseen_since });
    Ok(Json(json!({
        "at": state.now(),
        "store_failing": store_fails(&notices),
        "links": links_of(&notices).values().map(link).collect::<Vec<_>>(),
        "policy": policy.version,
        "years_without_holidays": policy::years(&policy, state.now()),
    })))
}

pub async fn links(FromState(state): FromState<State>, _: Require<Wire>) -> Result<impl IntoResponse, Error> {
    let links = links_of(&present(&state, vec![Topic::House]).await?);
    Ok(Json(links.values().map(link).collect::<Vec<_>>()))
}

fn link(link: &LinkNow) -> Value {
    let (state, retry_at) = match link.state {
        LinkState::Connecting => ("connecting", None),
        LinkState::Snapshot => ("snapshot", None),
        LinkState::Up => ("up", None),
        LinkState::Down { retry_at, .. } => ("down", Some(retry_at)),
    };
    json!({
        "pbx": link.pbx.as_str(),
        "product": link.product,
        "state": state,
        "since": link.since,
        "retry_at": retry_at,
        "last_error": link.last_error,
        "events_total": link.events_total,
        "damaged_total": link.damaged_total,
        "latency_us": link.latency_us,
        "unseen_since": link.unseen_since,
    })
}

const OUTAGES: u32 = 200;

pub async fn outages(FromState(state): FromState<State>, _: Require<Wire>) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.outages(OUTAGES).await?;
    Ok(Json(rows.iter().map(outage).collect::<Vec<_>>()))
}

pub fn outage(outage: &Outage) -> Value {
    json!({ "pbx": outage.pbx.as_str(), "from": outage.from, "to": outage.to, "why": outage.why })
}

/// What hindered sight, newest first.
pub async fn ledger(FromState(state): FromState<State>, _: Require<Wire>) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.ledger(OUTAGES).await?;
    let row = |row: &LedgerRow| {
        let LedgerRow { entry, to } = row;
        let pbx = entry.pbx.as_ref().map(|pbx| pbx.as_str());
        json!({ "pbx": pbx, "at": entry.at, "to": to, "what": entry.what.as_str(), "detail": entry.detail })
    };
    Ok(Json(rows.iter().map(row).collect::<Vec<_>>()))
}

pub async fn coverage(
    FromState(state): FromState<State>,
    _: Require<Oversee>,
    Query(between): Query<Between>,
) -> Result<impl IntoResponse, Error> {
    let (from, to) = (moment("from", between.from)?, moment("to", between.to)?);
    if to < from {
        return Err(Error::Parameter("to is before from".to_owned()));
    }
    let rows = state.reader.coverage(from, to, state.now()).await?;
    let gap = |gap: &Gap| {
        let (why, detail) = match &gap.why {
            Blind::Outage(detail) => ("outage", Some(detail)),
            Blind::NotYet => ("not_yet", None),
            Blind::NoMore => ("no_more", None),
            Blind::Ahead => ("ahead", None),
        };
        json!({ "from": gap.from, "to": gap.to, "why": why, "detail": detail })
    };
    let row = |c: &Coverage| {
        json!({
            "pbx": c.pbx.as_str(),
            "seen_ms": c.seen_ms,
            "total_ms": c.total_ms,
            "gaps": c.gaps.iter().map(gap).collect::<Vec<_>>(),
            "gaps_total": c.gaps_total,
        })
    };
    Ok(Json(json!({ "from": from, "to": to, "pbxs": rows.iter().map(row).collect::<Vec<_>>() })))
}
