//! The stream: what lives on the reader's pages, sent again whenever it changed.
//!
//! `GET /stream?pages=desk,live&lang=en`: one stream a browser and language, for all of its tabs;
//! a worker sends no page's `Accept-Language`, so the page says what it speaks. Events:
//! `fragment` `{"id","html","in"?}` (no `html`: gone), `told` `{"id","text","late","href"}`, `not-done` `{"text"}` (what
//! this reader asked of a PBX and was not done), `beside` `{"text","href"}` (another works on what this
//! reader calls about), `owed` (what is owed changed), `approvals` (what waits for somebody's word did), `event` (a row of the
//! events' live view), `ping` `{"now","build"}` every 15 s, `resync` (something was missed: read the
//! page again). Data is always one line of JSON, in which no CR, LF or NUL can stand: whatever a
//! caller is named, it cannot begin an event of its own.

mod said;
mod wakes;
mod writer;

use std::convert::Infallible;

use axum::extract::{Query, State as FromState};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use daemon::Role;
use daemon::live::Topic;
use futures_util::stream::unfold;
use serde::Deserialize;
use wakes::Wakes;
use writer::Writer;

use crate::auth::{Anyone, Desk, Govern, Oversee, Read, Require, Right, Visitor, Watch, Wire};
use crate::error::Error;
use crate::pages::Room;
use crate::pages::desk::topics;
use crate::state::State;
use crate::text::Language;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    pages: String,
    lang: Option<String>,
}

pub async fn stream(
    FromState(state): FromState<State>,
    Require { mut visitor, .. }: Require<Anyone>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    if let Some(language) = asked.lang.as_deref().and_then(Language::parse) {
        visitor.pen.language = language;
    }
    let role = visitor.person.role;
    let mut rooms: Vec<Room> = asked.pages.split(',').filter_map(Room::parse).collect();
    // Whoever asks for more than their role may see gets what it may see.
    rooms.retain(|room| match room {
        Room::Desk => Desk::allows(role),
        Room::Tickets | Room::Ticket | Room::Owed | Room::Obligation => Read::allows(role),
        Room::Customers | Room::Customer | Room::Blacklist => Read::allows(role),
        Room::Import => Watch::allows(role),
        Room::Live | Room::Reports | Room::Approvals => Watch::allows(role),
        Room::Links | Room::People => Wire::allows(role),
        Room::Policy | Room::Departments => Oversee::allows(role),
        Room::Audit => Govern::allows(role),
        Room::Away | Room::Message | Room::Failed => true,
    });
    let subscription = state.live.subscribe(topics_of(&rooms, &visitor)).await?;
    // Subscribed before the answer begins, so that no sign-out falls between.
    let signed_out = state.door.signed_out.subscribe();
    let wakes = Wakes::new(subscription, signed_out, state.stop.clone());
    // Driven by the connection itself, which asks for the next event when the socket takes it: no
    // task between a notice and the wire, and what a slow browser has not taken waits in the
    // daemon's mailbox, where it is counted.
    let events = unfold((Writer::new(state, visitor, rooms), wakes), async |(mut writer, mut wakes)| {
        let event = writer.next(&mut wakes).await?;
        Some((Ok::<_, Infallible>(event), (writer, wakes)))
    });
    let headers = [(CACHE_CONTROL, "no-cache"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, Sse::new(events)).into_response())
}

fn topics_of(rooms: &[Room], visitor: &Visitor) -> Vec<Topic> {
    let mut all = vec![Topic::House];
    for room in rooms {
        match room {
            Room::Desk | Room::Tickets | Room::Ticket => all.extend(topics(visitor)),
            Room::Owed | Room::Obligation => {
                all.push(Topic::Person(visitor.person.id));
                // What nobody owns is no handler's.
                all.extend((visitor.person.role != Role::Handler).then_some(Topic::Unowned));
                all.extend(visitor.directory.stands_in_for(visitor.person.id).map(Topic::Person));
                all.extend(Watch::allows(visitor.person.role).then_some(Topic::Board));
            }
            Room::Live => all.extend([Topic::Board, Topic::Person(visitor.person.id)]),
            Room::Approvals => all.extend([Topic::Approvals, Topic::Person(visitor.person.id)]),
            Room::Links => all.extend([Topic::Board, Topic::Events]),
            Room::Customers | Room::Customer | Room::Import | Room::Blacklist => {}
            Room::People
            | Room::Policy
            | Room::Reports
            | Room::Departments
            | Room::Away
            | Room::Audit
            | Room::Message
            | Room::Failed => {}
        }
    }
    all.sort();
    all.dedup();
    all
}
