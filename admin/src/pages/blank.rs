//! The blank card of a number that nobody is known on: what is written on it in the pop becomes a
//! customer.

use axum::Form;
use axum::extract::{Path, State as FromState};
use axum::response::Redirect;
use daemon::CallId;
use daemon::desk::command::{Command, CustomerForm, FieldWhy, Refusal};
use daemon::live::Notice;
use serde::Deserialize;

use super::asking::give;
use super::desk::topics;
use super::present;
use crate::auth::{Desk, Require};
use crate::error::Error;
use crate::state::State;

#[derive(Deserialize)]
pub struct Written {
    name: String,
    #[serde(default)]
    company: String,
}

/// For a call on one's own phone, or whose matter one may see.
pub async fn save(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(call): Path<String>,
    Form(Written { name, company }): Form<Written>,
) -> Result<Redirect, Error> {
    let call = CallId::from(&*call);
    let standing = present(&state, topics(&visitor)).await?.into_iter().find_map(|notice| match notice {
        Notice::Pop(pop) if pop.call.id == call => pop.call.number.clone(),
        _ => None,
    });
    let ticket = state.reader.ticket_of(call).await?;
    let page = match ticket {
        Some(ticket) => state.reader.ticket(ticket, visitor.person.id).await?,
        None => None,
    };
    let seen = page.filter(|page| visitor.sees(&page.row).is_ok());
    let number = standing.or_else(|| seen.as_ref()?.row.ticket.caller.clone()).ok_or(Error::NotFound)?;
    if !state.reader.card(Some(number.clone())).await?.customers.is_empty() {
        // Somebody was quicker; their card stands on the pop.
        return Err(Error::Refused(Refusal::Field { field: "name", why: FieldWhy::Taken }));
    }
    let form = CustomerForm {
        name: name.trim().to_owned(),
        company: company.trim().to_owned(),
        numbers: vec![number.as_str().to_owned()],
        ..CustomerForm::default()
    };
    let ticket = seen.map(|page| page.row.ticket.id);
    give(&state, &visitor, Command::SaveCustomer { customer: None, ticket, form }).await?;
    Ok(Redirect::to("/"))
}
