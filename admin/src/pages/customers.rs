//! Customers: the list that is searched, and one with all that is theirs.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use daemon::desk::command::{Command, CustomerForm, Done, Refusal};
use daemon::desk::customer::{OfCustomers, ShiftKind};
use daemon::desk::rights::Act;
use daemon::live::Topic;
use daemon::number::Number;
use daemon::store::read::{
    Contact, Customer, CustomerFilter, CustomerPage, CustomerSave, Directory, Listed, ObligationRow, Person, ShiftRow,
    TicketRow,
};
use daemon::{CustomerId, PersonId, Role, ShiftId, TicketId};
use serde::{Deserialize, Serialize};

use super::asking::give;
use super::form::{Difference, wrong_at};
use super::{Room, Shell, html, present};
use crate::auth::{Desk, Read, Require, Right, Visitor, Watch};
use crate::error::{Error, Explained};
use crate::pen::Pen;
use crate::state::State;

/// Who a page of the list shows at most; more are found by searching.
const LISTED: u32 = 100;

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomerList {
    shell: Shell,
    rows: Vec<Customer>,
    asked: Asked,
    classes: Vec<String>,
    directory: Arc<Directory>,
}

impl CustomerList {
    fn manager(&self, customer: &Customer) -> &str {
        let manager = customer.manager.filter(|_| customer.key_customer);
        manager.and_then(|id| self.directory.person(id)).map_or("", |person| person.name.as_str())
    }
    fn is_cut(&self) -> bool {
        self.rows.len() >= LISTED as usize
    }
    fn writes(&self) -> bool {
        Desk::allows(self.shell.visitor.person.role)
    }
    fn leads(&self) -> bool {
        Watch::allows(self.shell.visitor.person.role)
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub text: String,
    pub class: String,
    /// `1`: key customers alone.
    pub key: String,
    pub before: Option<i64>,
}

impl Asked {
    pub fn filter(&self, limit: u32) -> CustomerFilter {
        CustomerFilter {
            text: self.text.trim().to_owned(),
            class: Some(self.class.clone()).filter(|class| !class.is_empty()),
            key_customer: (self.key == "1").then_some(true),
            before: self.before.map(CustomerId),
            limit,
        }
    }
}

pub async fn list(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let rows = state.reader.customers(asked.filter(LISTED)).await?;
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("customers"));
    let classes = state.reader.policy().terms.classes.clone();
    let shell = Shell::new(&state, visitor, Room::Customers, title, &notices);
    html(CustomerList { shell, rows, asked, classes, directory })
}

/// The form as the browser sends it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// The version that the writer began from.
    pub version: i64,
    pub name: String,
    pub company: String,
    pub address: String,
    /// A ticked box sends it.
    pub key: Option<String>,
    pub class: String,
    pub manager: String,
    pub note: String,
    /// One a line.
    pub numbers: String,
}

impl Typed {
    fn of(pen: &Pen, customer: &Customer) -> Typed {
        let numbers: Vec<String> = customer.numbers.iter().map(|number| pen.number(number)).collect();
        Typed {
            version: customer.version,
            name: customer.name.clone(),
            company: customer.company.clone(),
            address: customer.address.clone(),
            key: customer.key_customer.then(|| "1".to_owned()),
            class: customer.class.clone(),
            manager: customer.manager.map(|id| id.to_string()).unwrap_or_default(),
            note: customer.note.clone(),
            numbers: numbers.join("\n"),
        }
    }

    /// A number that is shown with stars in it is the one that it is shown for.
    fn form(&self, pen: &Pen, customer: Option<&Customer>) -> CustomerForm {
        let whole = |typed: &str| {
            let shown = customer.and_then(|c| c.numbers.iter().find(|number| pen.number(number) == typed));
            shown.map_or_else(|| typed.to_owned(), |number| number.as_str().to_owned())
        };
        let lines = self.numbers.split(['\n', ',', ';', '，', '；', '、']).map(str::trim);
        CustomerForm {
            name: self.name.trim().to_owned(),
            company: self.company.trim().to_owned(),
            address: self.address.trim().to_owned(),
            key_customer: self.key.is_some(),
            class: self.class.clone(),
            manager: self.manager.parse().ok().map(PersonId),
            note: self.note.trim().to_owned(),
            numbers: lines.filter(|line| !line.is_empty()).map(whole).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerWhole {
    shell: Shell,
    /// None: one who is yet to be written down.
    page: Option<CustomerPage>,
    typed: Typed,
    classes: Vec<String>,
    directory: Arc<Directory>,
    refused: Option<Refusal>,
    /// Who changed it meanwhile, and what differs.
    conflict: Option<(String, Vec<Difference>)>,
    /// Whom it could be merged with, as searched for.
    seek: Option<(String, Vec<Customer>)>,
}

impl CustomerWhole {
    fn pen(&self) -> &Pen {
        &self.shell.visitor.pen
    }
    fn writes(&self) -> bool {
        Desk::allows(self.shell.visitor.person.role)
            && self.page.as_ref().is_none_or(|page| page.customer.merged_into.is_none())
    }
    fn leads(&self) -> bool {
        Watch::allows(self.shell.visitor.person.role)
    }
    fn action(&self) -> String {
        self.page.as_ref().map_or("/customers".to_owned(), |page| format!("/customers/{}/save", page.customer.id))
    }
    fn wrong(&self, field: &str) -> Option<String> {
        wrong_at(self.pen(), self.refused.as_ref(), field)
    }
    /// A refusal that is of no field of this form.
    fn trouble(&self) -> Option<String> {
        const FIELDS: [&str; 7] = ["name", "company", "address", "class", "manager", "note", "numbers"];
        match &self.refused {
            None | Some(Refusal::Changed { .. }) => None,
            Some(Refusal::Field { field, .. }) if FIELDS.contains(field) => None,
            Some(other) => Some(self.pen().word("error", crate::error::refusal_code(other))),
        }
    }
    /// Also one that the site has taken away since.
    fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = self.classes.iter().map(String::as_str).collect();
        if !self.typed.class.is_empty() && !classes.contains(&self.typed.class.as_str()) {
            classes.push(&self.typed.class);
        }
        classes
    }
    fn managers(&self) -> Vec<&Person> {
        let may = |person: &&Person| {
            (person.active && person.role != Role::Admin) || person.id.to_string() == self.typed.manager
        };
        self.directory.people.iter().filter(may).collect()
    }
    fn is_manager(&self, person: &Person) -> bool {
        person.id.to_string() == self.typed.manager
    }
    fn name(&self, person: &Option<PersonId>) -> String {
        let person = person.and_then(|id| self.directory.person(id));
        person.map_or_else(|| self.pen().say("policy-nobody"), |person| person.name.clone())
    }
    fn owner(&self, row: &TicketRow) -> &str {
        let owner = row.ticket.owner.and_then(|owner| self.directory.person(owner));
        owner.map_or("–", |person| person.name.as_str())
    }
    /// A matter that is not the reader's is named, and leads nowhere.
    fn may_see(&self, row: &TicketRow) -> bool {
        self.shell.visitor.sees(row).is_ok()
    }
    /// What is owed in matters that are the reader's.
    fn owed<'a>(&self, page: &'a CustomerPage) -> Vec<&'a ObligationRow> {
        page.owed.iter().filter(|row| self.shell.visitor.may_of(row, Act::See)).collect()
    }
    fn by(&self, contact: &Contact) -> String {
        let person = contact.person.and_then(|person| self.directory.person(person));
        match (person, &contact.agent) {
            (Some(person), _) => person.name.clone(),
            (None, Some(agent)) => agent.to_string(),
            (None, None) => self.pen().say("contact-nobody"),
        }
    }
    fn warnings<'a>(&self, page: &'a CustomerPage) -> Vec<&'a Listed> {
        page.blacklisted.iter().filter(|listed| listed.stands(self.pen().now)).collect()
    }
    fn warning<'a>(&self, page: &'a CustomerPage, number: &Number) -> Option<&'a Listed> {
        self.warnings(page).into_iter().find(|listed| listed.number == *number)
    }
    fn shared<'a>(&self, page: &'a CustomerPage, number: &Number) -> Vec<(&'a CustomerId, &'a str)> {
        page.shared.iter().filter(|(n, ..)| n == number).map(|(_, id, name)| (id, name.as_str())).collect()
    }
    fn shift(&self, row: &ShiftRow) -> String {
        let (numbers, tickets, say) = (row.numbers.len(), row.tickets, self.pen().language);
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("who", &row.other_name), ("numbers", &numbers), ("tickets", &tickets)];
        match (row.kind, row.gave) {
            (ShiftKind::Merge, true) => say.say("shift-merged-into", &values),
            (ShiftKind::Merge, false) => say.say("shift-merged-from", &values),
            (ShiftKind::Split, true) => say.say("shift-split-off", &values),
            (ShiftKind::Split, false) => say.say("shift-split-from", &values),
        }
    }
    fn changed(&self, save: &CustomerSave) -> String {
        let words: Vec<String> = save.changed.iter().map(|field| self.pen().word("customer-field", field)).collect();
        words.join(&self.pen().say("comma"))
    }
}

/// Where a record is part of another the whole is shown, but for what is asked about the part itself.
pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(id): Path<i64>,
    Query(seeking): Query<Seeking>,
) -> Result<Response, Error> {
    let page = state.reader.customer_page(CustomerId(id)).await?.ok_or(Error::NotFound)?;
    if let Some(whole) = page.customer.merged_into {
        return Ok(Redirect::to(&format!("/customers/{whole}")).into_response());
    }
    let seek = match seeking.with.trim() {
        "" => None,
        text => {
            let filter = CustomerFilter { text: text.to_owned(), limit: 10, ..CustomerFilter::default() };
            let mut found = state.reader.customers(filter).await?;
            found.retain(|other| other.id != page.customer.id);
            Some((text.to_owned(), found))
        }
    };
    let typed = Typed::of(&visitor.pen, &page.customer);
    Ok(whole(&state, visitor, Some(page), typed, None, seek).await?.into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Seeking {
    /// Whom somebody looks for to merge with.
    with: String,
}

pub async fn blank(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
) -> Result<impl IntoResponse, Error> {
    whole(&state, visitor, None, Typed::default(), None, None).await
}

async fn whole(
    state: &State,
    visitor: Visitor,
    page: Option<CustomerPage>,
    typed: Typed,
    refused: Option<Refusal>,
    seek: Option<(String, Vec<Customer>)>,
) -> Result<impl IntoResponse + use<>, Error> {
    let (pen, directory) = (visitor.pen.clone(), visitor.directory.clone());
    let mut typed = typed;
    let mut conflict = None;
    if let (Some(Refusal::Changed { by, .. }), Some(page)) = (&refused, &page) {
        let theirs = Typed::of(&pen, &page.customer);
        let who = by.and_then(|by| directory.person(by)).map(|person| person.name.clone());
        conflict = Some((who.unwrap_or_else(|| pen.say("somebody")), differences(&pen, &directory, &typed, &theirs)));
        // Saving now is saving over what is shown beside it: knowingly.
        typed.version = theirs.version;
    }
    let title = page.as_ref().map_or_else(|| pen.say("customer-new"), |page| page.customer.name.clone());
    let notices = present(state, vec![Topic::House]).await?;
    let classes = state.reader.policy().terms.classes.clone();
    let shell = Shell::new(state, visitor, Room::Customer, title, &notices);
    html(CustomerWhole { shell, page, typed, classes, directory, refused, conflict, seek })
}

fn differences(pen: &Pen, directory: &Directory, mine: &Typed, theirs: &Typed) -> Vec<Difference> {
    let yes = |key: &Option<String>| if key.is_some() { pen.say("yes") } else { pen.say("no") };
    let manager = |id: &String| {
        let person = id.parse().ok().and_then(|id| directory.person(PersonId(id)));
        person.map(|person| person.name.clone()).unwrap_or_default()
    };
    let all = [
        ("name", mine.name.clone(), theirs.name.clone()),
        ("company", mine.company.clone(), theirs.company.clone()),
        ("address", mine.address.clone(), theirs.address.clone()),
        ("key_customer", yes(&mine.key), yes(&theirs.key)),
        ("class", mine.class.clone(), theirs.class.clone()),
        ("manager", manager(&mine.manager), manager(&theirs.manager)),
        ("numbers", mine.numbers.clone(), theirs.numbers.clone()),
        ("note", mine.note.clone(), theirs.note.clone()),
    ];
    // A browser sends line ends of its own.
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let differ = all.into_iter().filter(|(_, mine, theirs)| plain(mine) != plain(theirs));
    differ.map(|(field, mine, theirs)| Difference { field, mine, theirs }).collect()
}

pub async fn add(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Form(typed): Form<Typed>,
) -> Result<Response, Error> {
    let form = typed.form(&visitor.pen, None);
    let command = Command::SaveCustomer { customer: None, ticket: None, form };
    outcome(&state, visitor, None, typed, command).await
}

pub async fn save(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, Error> {
    let customer = state.reader.customer(CustomerId(id)).await?.ok_or(Error::NotFound)?;
    let form = typed.form(&visitor.pen, Some(&customer));
    let command = Command::SaveCustomer { customer: Some((customer.id, typed.version)), ticket: None, form };
    outcome(&state, visitor, Some(customer.id), typed, command).await
}

/// The customer as saved; or the form as it was refused, with all that was typed.
async fn outcome(
    state: &State,
    visitor: Visitor,
    customer: Option<CustomerId>,
    typed: Typed,
    command: Command,
) -> Result<Response, Error> {
    let refusal = match give(state, &visitor, command).await {
        Ok(Done::Customer(id)) => return Ok(Redirect::to(&format!("/customers/{id}")).into_response()),
        Ok(_) => return Err(Error::Broken),
        Err(Error::Refused(refusal)) => refusal,
        Err(error) => return Err(error),
    };
    let status = match &refusal {
        Refusal::Changed { .. } => StatusCode::CONFLICT,
        Refusal::Field { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        _ => return Err(Error::Refused(refusal)),
    };
    let page = match customer {
        Some(id) => state.reader.customer_page(id).await?,
        None => None,
    };
    let mut response = whole(state, visitor, page, typed, Some(refusal), None).await?.into_response();
    response.extensions_mut().insert(Explained(status));
    Ok(response)
}

#[derive(Deserialize)]
pub struct Merge {
    version: i64,
    into: i64,
    into_version: i64,
}

pub async fn merge(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
    Form(merge): Form<Merge>,
) -> Result<Redirect, Error> {
    let from = (CustomerId(id), merge.version);
    shifted(&state, &visitor, OfCustomers::Merge { from, into: (CustomerId(merge.into), merge.into_version) }).await
}

/// Of boxes that are ticked many come under one name, which a map of names cannot hold.
pub async fn split(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Redirect, Error> {
    let all = |name: &str| fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    let version = all("version").first().and_then(|version| version.parse().ok()).ok_or(Error::Unreadable)?;
    let tickets: Option<Vec<TicketId>> = all("ticket").iter().map(|id| id.parse().ok().map(TicketId)).collect();
    let command = OfCustomers::Split {
        customer: (CustomerId(id), version),
        name: all("name").first().cloned().unwrap_or_default(),
        numbers: all("number"),
        tickets: tickets.ok_or(Error::Unreadable)?,
    };
    shifted(&state, &visitor, command).await
}

pub async fn undo(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(id): Path<i64>,
) -> Result<Redirect, Error> {
    shifted(&state, &visitor, OfCustomers::Undo(ShiftId(id))).await
}

async fn shifted(state: &State, visitor: &Visitor, command: OfCustomers) -> Result<Redirect, Error> {
    match give(state, visitor, Command::Customers(command)).await? {
        Done::Customer(id) => Ok(Redirect::to(&format!("/customers/{id}"))),
        _ => Err(Error::Broken),
    }
}
