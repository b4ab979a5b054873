//! Remedies that wait for a supervisor's or a manager's word.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as FromState;
use axum::response::IntoResponse;
use daemon::live::Topic;
use daemon::store::read::{Directory, Request};

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
    /// The longest first.
    requests: Vec<Request>,
    reader: Decider,
    directory: Arc<Directory>,
}
part!(List = "approvals");

impl List {
    fn by(&self, request: &Request) -> &str {
        self.directory.person(request.remedy.remedy.by).map_or("–", |person| person.name.as_str())
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    let requests = state.reader.requests().await?;
    let reader = Decider::of(&visitor, state.reader.policy().terms.remedies);
    let list = List { pen: visitor.pen.clone(), requests, reader, directory: visitor.directory.clone() };
    let notices = present(&state, vec![Topic::House]).await?;
    let title = visitor.pen.say("approvals");
    html(Approvals { shell: Shell::new(&state, visitor, Room::Approvals, title, &notices), list })
}
