//! Remedies that wait for a supervisor's or a manager's word.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::RemedyId;
use daemon::desk::handling::RemedyState;
use daemon::live::Topic;
use daemon::store::read::{Directory, Request};
use serde::Deserialize;

use super::{Room, Shell, html, present};
use crate::auth::{Require, Watch};
use crate::error::Error;
use crate::parts::handling::Decider;
use crate::parts::part;
use crate::pen::Pen;
use crate::state::State;

#[derive(Template)]
#[template(path = "approvals.html")]
struct Approvals {
    shell: Shell,
    list: List,
}

#[derive(Template)]
#[template(path = "parts/approvals.html")]
struct List {
    pen: Pen,
    /// The longest first; also what is decided since the page that shows it was opened, where it stood.
    requests: Vec<Request>,
    reader: Decider,
    directory: Arc<Directory>,
}
part!(List = "approvals");

impl List {
    fn by(&self, request: &Request) -> &str {
        self.directory.name(request.remedy.remedy.by)
    }
    fn is_asked(&self, request: &Request) -> bool {
        request.remedy.remedy.state == RemedyState::Requested
    }
    /// Who said so, and when.
    fn decided(&self, request: &Request) -> Option<String> {
        let (at, by) = request.remedy.decided?;
        Some(format!("{} {}", self.directory.name(by), self.pen.when(&at)))
    }
}

#[derive(Deserialize)]
pub struct Asked {
    /// Remedies by id, with commas between: what the page shows, and is to go on to show where it is decided.
    #[serde(default)]
    seen: String,
}

pub async fn show(
    FromState(state): FromState<State>,
    Query(asked): Query<Asked>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    let seen: BTreeSet<RemedyId> = asked.seen.split(',').filter_map(|id| id.parse().ok().map(RemedyId)).collect();
    let requests = state.reader.requests(seen).await?;
    let reader = Decider::of(&visitor, state.reader.policy().terms.remedies);
    let list = List { pen: visitor.pen.clone(), requests, reader, directory: visitor.directory.clone() };
    let notices = present(&state, vec![Topic::House]).await?;
    let title = visitor.pen.say("approvals");
    html(Approvals { shell: Shell::new(&state, visitor, Room::Approvals, title, &notices), list })
}
