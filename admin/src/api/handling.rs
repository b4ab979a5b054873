//! What is found out about matters and done about them, and what waits for somebody's word.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State as FromState};
use axum::response::IntoResponse;
use daemon::PersonId;
use daemon::desk::handling::Findings;
use daemon::desk::rights::Act;
use daemon::desk::ticket::Object;
use daemon::store::read::{FoundUnder, HandlingRow, LogRow, RemedyRow, Request, ToldRow};
use serde_json::{Value, json};

use crate::auth::{Read, Require, Watch};
use crate::error::Error;
use crate::pages::handling::{Handled, given};
use crate::parts::handling::Decider;
use crate::seen;
use crate::state::State;

/// As it stands after it.
pub async fn handle(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(number): Path<String>,
    Json(handled): Json<Handled>,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_number(&state, &visitor, &number).await?;
    given(&state, &visitor, page.row.ticket.id, handled).await?;
    let page = state.reader.numbered(number, visitor.person.id).await?.ok_or(Error::NotFound)?;
    Ok(Json(whole(&page.handling, visitor.may(&page.row.circle(), Act::Assess))))
}

/// Requests that wait for somebody's word, the longest first.
pub async fn approvals(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    let reader = Decider::of(&visitor, state.reader.policy().terms.remedies);
    let asked = |request: &Request| {
        let mut row = remedy(&request.remedy);
        row["ticket"] = json!(request.ticket.ticket.number);
        row["may_decide"] = json!(reader.may_decide(&request.remedy.remedy));
        row
    };
    Ok(Json(state.reader.requests(BTreeSet::new()).await?.iter().map(asked).collect::<Vec<_>>()))
}

pub fn object(Object { product, order, batch, person, department }: &Object) -> Value {
    json!({ "product": product, "order": order, "batch": batch, "person": person, "department": department })
}

/// Assessments are for those who may read them alone.
pub fn whole(handling: &HandlingRow, sees_assessments: bool) -> Value {
    let logged = |row: &LogRow| {
        let evidence: Vec<i64> = row.evidence.iter().map(|file| file.0).collect();
        json!({ "at": row.at, "by": row.by.0, "words": row.words, "evidence": evidence })
    };
    let mut whole = head(handling);
    whole["version"] = json!(handling.version);
    whole["log"] = handling.log.iter().map(logged).collect();
    whole["remedies"] = handling.remedies.iter().map(remedy).collect();
    whole["beside"] = handling.beside.iter().map(under).collect();
    if sees_assessments {
        whole["assessments"] = handling.assessments.iter().map(written).collect();
    }
    whole
}

fn written((at, by, words): &(daemon::Time, PersonId, String)) -> Value {
    json!({ "at": at, "by": by.0, "words": words })
}

/// What was found out, told and filed.
fn head(handling: &HandlingRow) -> Value {
    let Findings { finding, reason, cause, party, solution, loss_cents } = &handling.findings;
    let told = |told: &ToldRow| {
        json!({
            "at": told.at, "by": told.by.0, "how": told.how.as_str(), "words": told.words,
            "withdrawn": told.withdrawn,
        })
    };
    json!({
        "saved": handling.saved.map(|(by, at)| json!({ "by": by.0, "at": at })),
        "findings": {
            "finding": finding.map(|finding| finding.as_str()), "reason": reason, "cause": cause, "party": party,
            "solution": solution, "loss_cents": loss_cents,
        },
        "told": handling.told.as_ref().map(told),
        "filed": handling.filed.as_ref().map(written),
    })
}

/// The same of a ticket that became part of it, where it does not stand in it.
fn under(found: &FoundUnder) -> Value {
    let mut under = head(&found.head);
    under["number"] = json!(found.number);
    under
}

fn remedy(row: &RemedyRow) -> Value {
    let remedy = &row.remedy;
    json!({
        "id": remedy.id.0,
        "kind": remedy.kind.as_str(),
        "sum_cents": remedy.sum_cents,
        "words": remedy.words,
        "state": remedy.state.as_str(),
        "at": row.at,
        "by": remedy.by.0,
        "decided": row.decided.map(|(at, by)| json!({ "at": at, "by": by.0, "why": row.why })),
    })
}
