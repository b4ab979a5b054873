//! The desk: the telephone left, the ticket in the middle, what one owes on the right.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use daemon::calls::now::AgentNow;
use daemon::calls::pop::PopState;
use daemon::desk::clock::ObligationState;
use daemon::desk::command::{Command, CustomerForm, Done, Given, Refusal};
use daemon::desk::rights::Act;
use daemon::desk::ticket::{Channel, Kind, TicketState};
use daemon::live::{Notice, Pop, Topic};
use daemon::store::read::{ObligationRow, TicketFilter, TicketPage, TicketRow};
use daemon::{CallId, Role, TicketId};
use serde::Deserialize;

use super::form::{FormView, Typed};
use super::{Room, Shell, html, links_of, present};
use crate::auth::{Desk, Require, Right, Visitor, Watch};
use crate::error::Error;
use crate::parts::duties::{Duties, MyOpen, Tabs, ticket_name};
use crate::parts::phone::Phone;
use crate::parts::pop::PopCard;
use crate::parts::waiting::Waiting;
use crate::seen;
use crate::state::State;

/// Tabs beside each other before they are no longer found at a glance.
const TABS: usize = 6;

/// Open tickets of one person that the list shows; more are found by searching.
const MY_OPEN: u32 = 100;

#[derive(Template)]
#[template(path = "desk.html")]
struct DeskPage {
    shell: Shell,
    phone: Phone,
    pops: Vec<PopCard>,
    waiting: Waiting,
    tabs: Tabs,
    my_open: MyOpen,
    duties: Duties,
    form: Option<FormView>,
}

impl DeskPage {
    fn work_due(&self) -> Option<&ObligationRow> {
        let obligations = &self.form.as_ref()?.page.obligations;
        let open = obligations.iter().filter(|row| row.state == ObligationState::Open);
        open.min_by_key(|row| (row.due_at.is_none(), row.due_at)).or(obligations.first())
    }
}

#[derive(Deserialize)]
pub struct Asked {
    ticket: Option<i64>,
    call: Option<String>,
}

pub async fn show(
    FromState(state): FromState<State>,
    Query(asked): Query<Asked>,
    who: Result<Require<Desk>, Error>,
    headers: axum::http::HeaderMap,
) -> Result<Response, Error> {
    let visitor = match who {
        Ok(Require { visitor, .. }) => visitor,
        Err(Error::NotAllowed) => {
            let visitor = crate::auth::visitor(&headers, &state).await?.ok_or(Error::NotAllowed)?;
            return Ok(Redirect::to(instead(visitor.person.role)).into_response());
        }
        Err(error) => return Err(error),
    };
    if let Some(call) = asked.call {
        let ticket = state.reader.ticket_of(CallId::from(&*call)).await?;
        let to = ticket.map_or_else(|| "/".to_owned(), |ticket| format!("/?ticket={ticket}"));
        return Ok(Redirect::to(&to).into_response());
    }
    Ok(page(&state, visitor, asked.ticket.map(TicketId), None).await?.into_response())
}

/// Where the house's front door leads who has no desk.
fn instead(role: Role) -> &'static str {
    if Watch::allows(role) { "/live" } else { "/admin" }
}

/// The desk with a ticket's form as it stands, or as it was just refused.
async fn page(
    state: &State,
    visitor: Visitor,
    chosen: Option<TicketId>,
    refused: Option<(Typed, Refusal)>,
) -> Result<impl IntoResponse + use<>, Error> {
    let notices = present(state, topics(&visitor)).await?;
    let pen = visitor.pen.clone();
    let (standing, agent) = sort(&notices);
    let links = links_of(&notices);
    let mut pops = Vec::new();
    for pop in &standing {
        pops.push(pop_card(state, &visitor, pop.clone()).await?.seen_by(&links));
    }
    pops.reverse();
    let form = match chosen {
        None => None,
        Some(ticket) => {
            let found = state.reader.ticket(ticket, visitor.person.id).await?.ok_or(Error::NotFound)?;
            let mut form = form_view(&visitor, found, refused, "desk")?;
            form.script = form.script_of(&state.reader.policy());
            Some(form)
        }
    };
    let diary = Diary::read(state, &visitor, &standing).await?;
    let title = match &form {
        Some(form) => format!("{} {}", form.page.row.ticket.number, ticket_name(&pen, &form.page.row)),
        None => pen.say("desk"),
    };
    html(DeskPage {
        phone: Phone::new(pen.clone(), agent, &visitor.extensions),
        waiting: Waiting::new(pen, &visitor.extensions, &links),
        tabs: diary.tabs(&visitor, chosen, form.as_ref().map(|form| &form.page.row)),
        my_open: diary.my_open(&visitor),
        duties: diary.duties(&visitor, &standing),
        pops,
        form,
        shell: Shell::new(state, visitor, Room::Desk, title, &notices),
    })
}

fn form_view(
    visitor: &Visitor,
    mut page: TicketPage,
    refused: Option<(Typed, Refusal)>,
    back: &'static str,
) -> Result<FormView, Error> {
    visitor.sees(&page.row)?;
    let (draft, refusal) = match refused {
        Some((typed, refusal)) => {
            page.draft = Some(serde_urlencoded::to_string(&typed).map_err(|_| Error::Broken)?);
            (true, Some(refusal))
        }
        None => (page.draft.is_some(), None),
    };
    let mut view = FormView::new(visitor.pen.clone(), page, &visitor.directory, back);
    let circle = view.page.row.circle();
    (view.may_write, view.may_reclass) = (visitor.may(&circle, Act::Write), visitor.may(&circle, Act::Reclass));
    view.is_draft = draft;
    view.refused = refusal;
    Ok(view)
}

/// What the desk lives on.
pub fn topics(visitor: &Visitor) -> Vec<Topic> {
    let phones = visitor.extensions.iter().map(|(pbx, extension)| Topic::Extension(pbx.clone(), extension.clone()));
    let theirs = visitor.directory.stands_in_for(visitor.person.id).map(Topic::Person);
    // What nobody owns is no handler's.
    let nobodys = (visitor.person.role != Role::Handler).then_some(Topic::Unowned);
    phones.chain(theirs).chain([Topic::Person(visitor.person.id), Topic::House]).chain(nobodys).collect()
}

fn sort(notices: &[Notice]) -> (Vec<Arc<Pop>>, Option<AgentNow>) {
    let mut pops = Vec::new();
    let mut agent = None;
    for notice in notices {
        match notice {
            Notice::Pop(pop) if pop.state.stands() => pops.push(pop.clone()),
            Notice::Phone(phone) => agent = Some(AgentNow::clone(phone)),
            _ => {}
        }
    }
    (pops, agent)
}

/// A pop with all that is known of the caller: one question to the store.
pub async fn pop_card(state: &State, visitor: &Visitor, pop: Arc<Pop>) -> Result<PopCard, Error> {
    let card = match pop.state {
        // Who is on the number may still be written.
        PopState::Ringing { .. } | PopState::Dialling { .. } | PopState::Talking { .. } | PopState::Ended { .. } => {
            state.reader.card(pop.call.number.clone()).await?
        }
        PopState::TakenBack { .. } => Default::default(),
    };
    let policy = state.reader.policy();
    Ok(PopCard::new(visitor.pen.clone(), pop, card, visitor.directory.clone(), &policy.terms.scripts))
}

/// What one person owes and owns, read once for all the parts that show it.
pub struct Diary {
    owed: Vec<ObligationRow>,
    open: Vec<TicketRow>,
    /// Tickets of calls on the phone now.
    on_phone: Vec<TicketRow>,
}

impl Diary {
    pub async fn read(state: &State, visitor: &Visitor, standing: &[Arc<Pop>]) -> Result<Diary, Error> {
        let me = visitor.person.id;
        let filter = TicketFilter { owner: Some(me), open: Some(true), limit: MY_OPEN };
        let (mut owed, open) = tokio::try_join!(state.reader.duties(me), state.reader.tickets(filter))?;
        owed.retain(|row| visitor.may_of(row, Act::See));
        let mut on_phone = Vec::new();
        for pop in standing {
            let Some(ticket) = state.reader.ticket_of(pop.call.id.clone()).await? else { continue };
            let page = state.reader.ticket(ticket, me).await?;
            on_phone.extend(page.map(|page| page.row).filter(|row| visitor.sees(row).is_ok()));
        }
        Ok(Diary { owed, open, on_phone })
    }

    pub fn duties(&self, visitor: &Visitor, standing: &[Arc<Pop>]) -> Duties {
        Duties {
            pen: visitor.pen.clone(),
            rows: self.owed.clone(),
            can_dial: !visitor.extensions.is_empty(),
            directory: visitor.directory.clone(),
            me: visitor.person.id,
            on_phone: standing.iter().filter_map(|pop| pop.call.number.clone()).collect(),
        }
    }

    pub fn my_open(&self, visitor: &Visitor) -> MyOpen {
        let mut rows = self.open.clone();
        // What is due first comes first; what is not due at all after it, newest first.
        let due = |row: &TicketRow| self.owed.iter().find(|o| o.ticket == row.ticket.id).map(|o| o.due_at);
        rows.sort_by_key(|row| (due(row).is_none(), due(row), std::cmp::Reverse(row.ticket.opened_at)));
        MyOpen { pen: visitor.pen.clone(), rows, duties: self.owed.clone() }
    }

    pub fn tabs(&self, visitor: &Visitor, chosen: Option<TicketId>, shown: Option<&TicketRow>) -> Tabs {
        let mut tabs: Vec<TicketRow> = Vec::new();
        let drafts = self.open.iter().filter(|row| row.has_draft);
        for row in shown.into_iter().chain(&self.on_phone).chain(drafts) {
            if !tabs.iter().any(|tab| tab.ticket.id == row.ticket.id) && tabs.len() < TABS {
                tabs.push(row.clone());
            }
        }
        // A tab keeps its place while others come and go.
        tabs.sort_by_key(|row| row.ticket.id);
        Tabs {
            pen: visitor.pen.clone(),
            open_count: self.open.len(),
            tabs,
            on_phone: self.on_phone.iter().map(|row| row.ticket.id).collect(),
            chosen,
        }
    }
}

#[derive(Deserialize)]
pub struct NewTicket {
    customer: Option<i64>,
    /// The call that is about something else than the caller's open matters.
    call: Option<String>,
}

pub async fn open(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Form(new): Form<NewTicket>,
) -> Result<Redirect, Error> {
    let customer = new.customer.map(daemon::CustomerId);
    let call = new.call.as_deref().map(CallId::from);
    let command =
        Command::OpenTicket { call, customer, number: None, kind: Kind::Consultation, channel: Channel::Phone };
    match state.commands.give(Given { by: Some(visitor.person.id), command }).await? {
        Done::Ticket(ticket) => Ok(Redirect::to(&format!("/?ticket={ticket}"))),
        _ => Err(Error::Broken),
    }
}

/// Saves the ticket, and the customer with it where one was named.
pub async fn save(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, Error> {
    let ticket = TicketId(ticket);
    let by = Some(visitor.person.id);
    let (Some(form), Some(to)) = (typed.form(), typed.ticket_state()) else { return Err(Error::Unreadable) };
    let page_before = seen::by_id(&state, &visitor, ticket).await?;
    // The customer has called while the form was open, which ended the waiting that it shows.
    let called = to == TicketState::WaitingCustomer && page_before.row.ticket.state == TicketState::InProgress;
    let to = if called { TicketState::InProgress } else { to };
    let save = Command::SaveTicket { ticket, version: typed.version, form, state: to };
    let mut outcome = state.commands.give(Given { by, command: save }).await;
    if outcome.is_ok()
        && let Some((customer, form)) = named_customer(&typed, &page_before)
    {
        let command = Command::SaveCustomer { customer, ticket: Some(ticket), form };
        outcome = state.commands.give(Given { by, command }).await;
    }
    match outcome {
        Ok(_) => {
            let forget = Command::KeepDraft { ticket, body: String::new() };
            state.commands.give(Given { by, command: forget }).await?;
            let to = match typed.back.as_str() {
                "ticket" => format!("/tickets/{}", page_before.row.ticket.number),
                _ => "/".to_owned(),
            };
            Ok(Redirect::to(&to).into_response())
        }
        Err(refusal) => {
            let status = if matches!(refusal, Refusal::Changed { .. }) {
                StatusCode::CONFLICT
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            // What was typed is kept first: whatever happens to the page, it is not lost.
            if let Ok(body) = serde_urlencoded::to_string(&typed) {
                let _ = state.commands.give(Given { by, command: Command::KeepDraft { ticket, body } }).await;
            }
            let page = page(&state, visitor, Some(ticket), Some((typed, refusal))).await?;
            let mut response = page.into_response();
            // Marked as a page, so that the error layer leaves it as it is.
            response.extensions_mut().insert(crate::error::Explained(status));
            Ok(response)
        }
    }
}

fn named_customer(typed: &Typed, page: &TicketPage) -> Option<(Option<(daemon::CustomerId, i64)>, CustomerForm)> {
    if page.row.ticket.customer.is_some() {
        return None;
    }
    if let Some(chosen) = typed.chosen_customer() {
        let known = page.customers.iter().find(|customer| customer.id == chosen)?;
        return Some((Some((chosen, known.version)), known.form()));
    }
    let caller = page.row.ticket.caller.as_ref()?;
    if typed.name.trim().is_empty() || !page.customers.is_empty() {
        return None;
    }
    let form = CustomerForm {
        name: typed.name.trim().to_owned(),
        company: typed.company.trim().to_owned(),
        numbers: vec![caller.as_str().to_owned()],
        ..CustomerForm::default()
    };
    Some((None, form))
}

/// Keeps what has been typed; empty forgets it.
pub async fn draft(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
    body: String,
) -> Result<StatusCode, Error> {
    keep_draft(&state, &visitor, TicketId(ticket), body).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn discard(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
) -> Result<Redirect, Error> {
    keep_draft(&state, &visitor, TicketId(ticket), String::new()).await?;
    Ok(Redirect::to(&format!("/?ticket={ticket}")))
}

async fn keep_draft(state: &State, visitor: &Visitor, ticket: TicketId, body: String) -> Result<(), Error> {
    seen::by_id(state, visitor, ticket).await?;
    if !body.is_empty() && Typed::from_draft(&body).is_none() {
        return Err(Error::Unreadable);
    }
    let command = Command::KeepDraft { ticket, body };
    state.commands.give(Given { by: Some(visitor.person.id), command }).await?;
    Ok(())
}
