//! What is owed, as the API tells it, and what may be done to it.

use axum::Json;
use axum::extract::{Path, Query, State as FromState};
use axum::response::IntoResponse;
use daemon::desk::Addressee;
use daemon::desk::clock::{ClockKind, ObligationState};
use daemon::desk::rights::Act;
use daemon::store::read::{Fired, LIST, ObligationRow, OwedFilter, OwedPage, StoredCall, Whose};
use daemon::{ObligationId, PersonId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Desk, Read, Require, Right, Visitor, Watch};
use crate::error::Error;
use crate::pages::owed::{With, by_id, done, parsed};
use crate::parts::course::{Step, What, course};
use crate::pen::Pen;
use crate::state::State;

/// What a script gets at once where it does not say.
const PAGE: u32 = 100;

pub async fn duties(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.duties(visitor.person.id).await?;
    let seen = rows.iter().filter(|row| visitor.may_of(row, Act::See));
    Ok(Json(seen.map(|row| obligation(&visitor.pen, row)).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
pub struct Asked {
    owner: Option<String>,
    kind: Option<String>,
    state: Option<String>,
    at_risk: Option<bool>,
    after: Option<i64>,
    limit: Option<u32>,
}

impl Asked {
    fn filter(&self, visitor: &Visitor) -> Result<OwedFilter, Error> {
        let (me, sees_all) = (visitor.person.id, Watch::allows(visitor.person.role));
        let owner = match self.owner.as_deref().unwrap_or_default() {
            "" if sees_all => Whose::Anybodys,
            "" => Whose::OfOrNobodys(me),
            "me" => Whose::Of(me),
            "nobody" => Whose::Nobodys,
            id => match id.parse().map(PersonId) {
                Ok(owner) if owner == me || sees_all || visitor.directory.stand_in(owner) == Some(me) => {
                    Whose::Of(owner)
                }
                Ok(_) => return Err(Error::NotAllowed),
                Err(_) => return Err(Error::Parameter(format!("owner is {id:?}; give me, nobody or a person's id"))),
            },
        };
        let at_risk = self.at_risk.filter(|at_risk| *at_risk).map(|_| visitor.pen.now);
        Ok(OwedFilter {
            owner,
            kind: parsed("kind", self.kind.as_deref(), ClockKind::parse)?,
            // What has ended is at no risk.
            state: parsed("state", self.state.as_deref(), ObligationState::parse)?
                .or(at_risk.map(|_| ObligationState::Open)),
            at_risk,
            limit: self.limit.unwrap_or(PAGE).clamp(1, u32::try_from(LIST).unwrap_or(u32::MAX)),
        })
    }
}

pub async fn list(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let filter = asked.filter(&visitor)?;
    let rows = state.reader.owed_after(filter.clone(), ObligationId(asked.after.unwrap_or_default())).await?;
    // A short page is the last.
    let is_full = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= filter.limit;
    let next = rows.last().filter(|_| is_full).map(|row| row.id.0);
    let seen = rows.iter().filter(|row| visitor.may_of(row, Act::See));
    Ok(Json(json!({ "obligations": seen.map(|row| obligation(&visitor.pen, row)).collect::<Vec<_>>(), "next": next })))
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(id): Path<i64>,
) -> Result<impl IntoResponse, Error> {
    Ok(Json(whole(&visitor.pen, &by_id(&state, &visitor, ObligationId(id)).await?)))
}

/// It, or what stands in its place, as it is afterwards.
pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path((id, what)): Path<(i64, String)>,
    with: Option<Json<With>>,
) -> Result<impl IntoResponse, Error> {
    let with = with.map(|Json(with)| with).unwrap_or_default();
    let id = done(&state, &visitor, ObligationId(id), &what, with).await?;
    Ok(Json(whole(&visitor.pen, &by_id(&state, &visitor, id).await?)))
}

pub fn whole(pen: &Pen, page: &OwedPage) -> Value {
    let mut whole = obligation(pen, &page.row);
    let attempts = page.attempts.iter().map(|made| {
        json!({
            "call": made.call.as_str(),
            "pbx": made.pbx.as_str(),
            "at": made.at,
            "ended_at": made.ended_at,
            "outcome": made.outcome.as_str(),
            "agent": made.agent.as_ref().map(|agent| agent.as_str()),
            "person": made.person.map(|person| person.0),
        })
    });
    whole["attempts_made"] = attempts.collect();
    let pauses = page.pauses.iter().map(
        |pause| json!({ "from": pause.from, "to": pause.to, "reason": pause.reason, "by": pause.by.map(|by| by.0) }),
    );
    whole["suspensions"] = pauses.collect();
    whole["may_pause"] = page.may_pause.into();
    whole["began_with"] = page.began_with.as_ref().map(|call| call.id.as_str()).into();
    if let Some(call) = &page.proof_call {
        whole["proof"]["pbx"] = call.pbx.as_str().into();
        whole["proof"]["started_at"] = json!(call.started_at);
        whole["proof"]["ended_at"] = json!(call.ended_at);
        whole["proof"]["events"] = events(pen, call);
    }
    whole
}

pub fn events(pen: &Pen, call: &StoredCall) -> Value {
    course(call).iter().map(|step| event(pen, step)).collect()
}

fn event(pen: &Pen, Step { at, what }: &Step) -> Value {
    let (outcome, completed) = match what {
        What::StoppedRinging { outcome, .. } => (Some(outcome.as_str()), None),
        What::Ended { outcome, .. } => (outcome.map(|outcome| outcome.as_str()), None),
        What::Transferred { completed, .. } => (None, Some(*completed)),
        What::Began
        | What::JoinedQueue { .. }
        | What::LeftQueue { .. }
        | What::Rang { .. }
        | What::Talked { .. }
        | What::Held { .. }
        | What::Resumed { .. }
        | What::Parted { .. } => (None, None),
    };
    json!({
        "at": at,
        "event": what.as_str(),
        "agent": what.agent().map(|agent| agent.as_str()),
        "place": what.place().map(|place| pen.sent(place)),
        "outcome": outcome,
        "completed": completed,
    })
}

pub fn obligation(pen: &Pen, row: &ObligationRow) -> Value {
    json!({
        "id": row.id.0,
        "kind": row.kind.as_str(),
        "state": row.state.as_str(),
        "ticket": row.ticket_number,
        "customer": row.customer_name,
        "number": row.number.as_ref().map(|number| pen.told(number)),
        "owner": row.owner.map(|owner| owner.0),
        "began_at": row.began_at,
        "reminder_at": row.reminder_at,
        "due_at": row.due_at,
        "escalated_at": row.escalated_at,
        "attempts": row.attempts,
        "promised_at": row.promised_at,
        "claimed": row.claimed(pen.now).map(|claim| json!({ "by": claim.by.0, "until": claim.until })),
        "survey": row.survey.as_ref().map(|survey| json!({
            "result": survey.result.as_str(), "words": survey.words, "score": survey.score,
        })),
        "suspended": row.suspended.as_ref().map(|(since, why)| json!({ "since": since, "why": why })),
        "ended": row.ended.as_ref().map(|end| json!({ "at": end.at, "by": end.by.map(|by| by.0), "why": end.why })),
        "fired": row.fired.iter().map(fired).collect::<Vec<_>>(),
        "proof": row.proof.as_ref().map(|proof| json!({
            "call": proof.call.as_str(),
            "agent": proof.agent.as_str(),
            "from": proof.from,
            "talk_ms": proof.talk_ms,
        })),
    })
}

/// A rung that fired, and whom it told; `for`: in whose place.
fn fired(fired: &Fired) -> Value {
    let told = |told: &Addressee| {
        let instead_of: Vec<i64> = told.instead_of.iter().map(|person| person.0).collect();
        json!({ "person": told.person.0, "for": instead_of })
    };
    json!({
        "rung": fired.rung.as_str(),
        "planned_at": fired.planned_at,
        "fired_at": fired.fired_at,
        "late": fired.late,
        "told": fired.told.iter().map(told).collect::<Vec<_>>(),
    })
}
