//! Whose matters were: the report of a period, and the lists behind its figures.

use axum::Json;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::store::ownership::{
    CalledMatter, Came, Idle, IdleMatter, Matter, Pass, PassedMatter, PassedOn, Share, Unanswered,
};
use daemon::store::read::LIST;
use serde_json::{Value, json};

use super::tickets::receiver;
use super::{Between, surveys};
use crate::auth::{Require, Watch};
use crate::error::Error;
use crate::pages::reports::ownership::{Asked, Rows};
use crate::state::State;

pub async fn report(
    FromState(state): FromState<State>,
    _: Require<Watch>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let (from, to) = between(&asked)?;
    let idle_since = asked.idle_since(&state.reader.policy(), state.now());
    let report = state.reader.ownership(from, to, idle_since).await?;
    let share = |share: &Share| json!({ "of": share.of, "matters": share.matters });
    Ok(Json(json!({
        "from": from,
        "to": to,
        "idle_since": idle_since,
        "matters": report.matters,
        "passed": report.passed.iter().map(passed_on).collect::<Vec<_>>(),
        "times": report.times.iter().map(share).collect::<Vec<_>>(),
        "most_passed": report.most_passed.iter().map(passed).collect::<Vec<_>>(),
        "calls": report.calls.iter().map(share).collect::<Vec<_>>(),
        "most_calls": report.most_calls.iter().map(called).collect::<Vec<_>>(),
        "unanswered": report.unanswered.iter().map(unanswered).collect::<Vec<_>>(),
        "idle": report.idle.iter().map(idle).collect::<Vec<_>>(),
    })))
}

/// The newest or the worst [`LIST`] of what stands behind a figure.
pub async fn list(
    FromState(state): FromState<State>,
    _: Require<Watch>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let (from, to) = between(&asked)?;
    let Some(behind) = asked.behind(from, to, state.now())? else {
        return Err(Error::Parameter("show is missing; give passes, passed, calls or idle".to_owned()));
    };
    let idle_since = asked.idle_since(&state.reader.policy(), state.now());
    let rows: Vec<Value> = match behind.rows(&state, (from, to), idle_since, LIST).await? {
        Rows::Passes(rows) => rows.iter().map(pass).collect(),
        Rows::Passed(rows) => rows.iter().map(passed).collect(),
        Rows::Calls(rows) => rows.iter().map(called).collect(),
        Rows::Idle(rows) => rows.iter().map(idle_matter).collect(),
    };
    Ok(Json(rows))
}

fn between(asked: &Asked) -> Result<(daemon::Time, daemon::Time), Error> {
    surveys::period(Between { from: Some(asked.from.clone()), to: Some(asked.to.clone()) })
}

fn passed_on(row: &PassedOn) -> Value {
    let mut value = json!({
        "part": row.part.as_str(), "giver": row.giver.map(|id| id.0), "receiver": receiver(&row.receiver),
        "matters": row.matters, "times": row.all(),
    });
    for came in Came::ALL {
        value[came.as_str()] = row.of(*came).into();
    }
    value
}

fn matter(matter: &Matter) -> Value {
    json!({
        "ticket": matter.number, "summary": matter.summary, "customer": matter.customer_name,
        "owner": matter.owner.map(|id| id.0), "handler": matter.handler.map(|id| id.0), "state": matter.state.as_str(),
    })
}

fn passed(row: &PassedMatter) -> Value {
    let mut value = matter(&row.matter);
    value["times"] = row.times.into();
    value["went_over"] = row.went.into();
    value
}

fn called(row: &CalledMatter) -> Value {
    let mut value = matter(&row.matter);
    value["calls"] = row.calls.into();
    value["missed"] = row.missed.into();
    value["opened_at"] = json!(row.opened_at);
    value["solved_at"] = json!(row.solved_at);
    value
}

fn unanswered(row: &Unanswered) -> Value {
    json!({
        "receiver": receiver(&row.receiver), "waiting": row.waiting, "oldest_at": row.oldest_at, "lapsed": row.lapsed,
    })
}

fn idle(row: &Idle) -> Value {
    json!({ "owner": row.owner.map(|id| id.0), "open": row.open, "idle": row.idle, "oldest_at": row.oldest_at })
}

fn idle_matter(row: &IdleMatter) -> Value {
    let mut value = matter(&row.matter);
    value["last_at"] = json!(row.last_at);
    value
}

fn pass(row: &Pass) -> Value {
    json!({
        "ticket": row.number, "part": row.part.as_str(), "giver": row.giver.map(|id| id.0),
        "receiver": receiver(&row.receiver), "by": row.by.map(|id| id.0), "at": row.at, "words": row.words,
        "came": row.came.as_str(), "ended_at": row.ended_at, "ended_by": row.ended_by.map(|id| id.0), "why": row.why,
    })
}
