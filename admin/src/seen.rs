//! A ticket with all that its page shows, for a reader who may see it. Whoever may not is told that it is not
//! there, just as where there is none.

use daemon::TicketId;
use daemon::store::read::TicketPage;

use crate::auth::Visitor;
use crate::error::Error;
use crate::state::State;

pub async fn by_id(state: &State, visitor: &Visitor, ticket: TicketId) -> Result<TicketPage, Error> {
    seen(visitor, state.reader.ticket(ticket, visitor.person.id).await?)
}

/// By the number that people, addresses and scripts know it by.
pub async fn by_number(state: &State, visitor: &Visitor, number: &str) -> Result<TicketPage, Error> {
    seen(visitor, state.reader.numbered(number.to_owned(), visitor.person.id).await?)
}

fn seen(visitor: &Visitor, page: Option<TicketPage>) -> Result<TicketPage, Error> {
    let page = page.ok_or(Error::NotFound)?;
    visitor.sees(&page.row)?;
    Ok(page)
}
