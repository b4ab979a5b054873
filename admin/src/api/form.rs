//! A ticket's form, saved by a script.

use axum::Json;
use axum::extract::{Path, State as FromState};
use axum::response::IntoResponse;
use daemon::desk::command::{Command, FieldWhy, Refusal, TicketForm};
use daemon::desk::ticket::{Channel, Complexity, Kind, Object, Priority, Ticket, TicketState};
use serde::Deserialize;

use super::tickets::ticket_row;
use crate::auth::{Desk, Require};
use crate::error::Error;
use crate::pages::asking::give;
use crate::seen;
use crate::state::State;

/// What is left out stays as it is.
#[derive(Deserialize)]
pub struct Form {
    /// The one that the script read.
    version: i64,
    kind: Option<String>,
    category: Option<String>,
    priority: Option<String>,
    complexity: Option<String>,
    channel: Option<String>,
    state: Option<String>,
    summary: Option<String>,
    course: Option<String>,
    demand: Option<String>,
    #[serde(default)]
    object: About,
}

#[derive(Default, Deserialize)]
struct About {
    product: Option<String>,
    order: Option<String>,
    batch: Option<String>,
    person: Option<String>,
    department: Option<String>,
}

impl Form {
    fn command(self, ticket: Ticket) -> Result<Command, Error> {
        let state = match ticket.state {
            TicketState::New => TicketState::InProgress,
            state => state,
        };
        let (about, object) = (self.object, ticket.object);
        let form = TicketForm {
            kind: word("kind", self.kind, ticket.kind, Kind::parse)?,
            category: self.category.unwrap_or(ticket.category),
            priority: word("priority", self.priority, ticket.priority, Priority::parse)?,
            complexity: word("complexity", self.complexity, ticket.complexity, Complexity::parse)?,
            channel: word("channel", self.channel, ticket.channel, Channel::parse)?,
            summary: text(self.summary, ticket.summary),
            course: text(self.course, ticket.course),
            demand: text(self.demand, ticket.demand),
            object: Object {
                product: text(about.product, object.product),
                order: text(about.order, object.order),
                batch: text(about.batch, object.batch),
                person: text(about.person, object.person),
                department: text(about.department, object.department),
            },
        };
        let state = word("state", self.state, state, TicketState::parse)?;
        Ok(Command::SaveTicket { ticket: ticket.id, version: self.version, form, state })
    }
}

fn text(sent: Option<String>, stands: String) -> String {
    sent.map_or(stands, |text| text.trim().to_owned())
}

fn word<T>(
    field: &'static str,
    sent: Option<String>,
    stands: T,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, Error> {
    let unknown = Error::Refused(Refusal::Field { field, why: FieldWhy::Unknown });
    sent.map_or(Ok(stands), |word| parse(&word).ok_or(unknown))
}

pub async fn save(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(number): Path<String>,
    Json(form): Json<Form>,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_number(&state, &visitor, &number).await?;
    give(&state, &visitor, form.command(page.row.ticket)?).await?;
    let page = state.reader.numbered(number, visitor.person.id).await?.ok_or(Error::NotFound)?;
    Ok(Json(ticket_row(&visitor.pen, &page.row)))
}
