//! How customers say that they were served, counted, and which closed matters were drawn to be looked
//! at again.

use axum::Json;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::Time;
use daemon::store::askings::Asking;
use daemon::store::read::{Drawn, LIST, Surveyed};
use serde_json::{Value, json};

use super::{Between, moment};
use crate::auth::{Govern, Require, Watch};
use crate::error::Error;
use crate::pages::reports::surveys::{Asked, server_word};
use crate::state::State;

pub async fn counts(
    FromState(state): FromState<State>,
    _: Require<Watch>,
    Query(between): Query<Between>,
) -> Result<impl IntoResponse, Error> {
    let (from, to) = period(between)?;
    let rows = state.reader.surveys(from, to).await?;
    let all = rows.iter().fold([0; 8], |sum, row| {
        let figures = figures(row);
        std::array::from_fn(|nth| sum[nth] + figures[nth])
    });
    let rows: Vec<Value> = rows.iter().map(row).collect();
    Ok(Json(json!({ "from": from, "to": to, "all": named(all), "rows": rows })))
}

/// The newest of those whom a count counts.
pub async fn list(
    FromState(state): FromState<State>,
    _: Require<Watch>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let (from, to) = period(Between { from: Some(asked.from.clone()), to: Some(asked.to.clone()) })?;
    let rows = state.reader.askings(asked.filter(from, to)?, LIST).await?;
    let row = |row: &Asking| {
        json!({
            "way": row.way.as_str(), "ticket": row.ticket.as_ref().map(|(number, _)| number),
            "call": row.call.as_ref().map(|call| call.as_str()), "server": server_word(&row.server),
            "queue": row.queue.as_ref().map(|queue| queue.as_str()), "offered_at": row.offered_at,
            "heard_at": row.heard_at, "answered_at": row.answered_at, "pressed": row.pressed,
            "result": row.result.map(|result| result.as_str()), "score": row.score, "words": row.words,
        })
    };
    Ok(Json(rows.iter().map(row).collect::<Vec<_>>()))
}

/// With the seed, by which whoever has it reckons each lot again.
pub async fn draws(
    FromState(state): FromState<State>,
    _: Require<Govern>,
    Query(between): Query<Between>,
) -> Result<impl IntoResponse, Error> {
    let (from, to) = period(between)?;
    let rows = state.reader.draws(from, to, LIST).await?;
    let row = |drawn: &Drawn| {
        json!({
            "id": drawn.ticket.0, "ticket": drawn.number, "at": drawn.at, "lot": drawn.lot.0,
            "below": u32::from(drawn.percent) * 100, "drawn": drawn.drawn,
        })
    };
    let seed = state.reader.policy().seed.to_string();
    Ok(Json(json!({ "from": from, "to": to, "seed": seed, "draws": rows.iter().map(row).collect::<Vec<_>>() })))
}

pub fn period(Between { from, to }: Between) -> Result<(Time, Time), Error> {
    let (from, to) = (moment("from", from)?, moment("to", to)?);
    match from <= to {
        true => Ok((from, to)),
        false => Err(Error::Parameter("to is before from".to_owned())),
    }
}

fn row(row: &Surveyed) -> Value {
    let mut counted = named(figures(row));
    counted["way"] = row.way.as_str().into();
    counted["person"] = row.person.map(|person| person.0).into();
    counted["agent"] = row.agent.as_ref().map(|agent| agent.as_str()).into();
    counted["queue"] = row.queue.as_ref().map(|queue| queue.as_str()).into();
    counted
}

fn figures(row: &Surveyed) -> [i64; 8] {
    let Surveyed { offered, heard, answered, satisfied, fairly, dissatisfied, scored, scores, .. } = *row;
    [offered, heard, answered, satisfied, fairly, dissatisfied, scored, scores]
}

fn named([offered, heard, answered, satisfied, fairly, dissatisfied, scored, scores]: [i64; 8]) -> Value {
    json!({
        "offered": offered, "heard": heard, "answered": answered, "satisfied": satisfied, "fairly": fairly,
        "dissatisfied": dissatisfied, "scored": scored, "scores_sum": scores,
    })
}
