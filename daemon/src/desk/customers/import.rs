//! A line of a file of customers: whom it is, and what it changes.
//!
//! A line is the customer of its id, or who has one of its numbers, or a new one. It adds and changes:
//! an empty cell leaves what is there, and numbers come beside those that are known; so the same file
//! may come twice, and nothing is lost by a file that has less.

use std::collections::BTreeSet;

use crate::desk::case::Written;
use crate::desk::command::CustomerForm;
use crate::number::Number;
use crate::{CustomerId, PersonId};

/// What a line says; empty and none: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportRow {
    pub id: Option<CustomerId>,
    pub name: String,
    pub company: String,
    pub address: String,
    pub key_customer: Option<bool>,
    pub class: String,
    pub manager: Option<PersonId>,
    pub note: String,
    pub numbers: Vec<Number>,
}

/// What a line comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Weighed {
    New(Box<CustomerForm>),
    Changed {
        customer: CustomerId,
        version: i64,
        form: Box<CustomerForm>,
        /// The form's fields.
        fields: Vec<&'static str>,
    },
    Same(CustomerId),
}

/// Why a line is nobody's.
#[derive(Clone, Debug, PartialEq)]
pub enum Whose {
    NoSuchCustomer,
    /// More than one has its numbers; their names.
    Several(Vec<String>),
    /// A new one has a name.
    Nameless,
}

/// `found` are all who have its id or one of its numbers.
pub fn weigh(row: &ImportRow, found: &[Written]) -> Result<Weighed, Whose> {
    let known = match (row.id, found) {
        (Some(id), found) => Some(found.iter().find(|written| written.id == id).ok_or(Whose::NoSuchCustomer)?),
        (None, []) => None,
        (None, [only]) => Some(only),
        (None, several) => {
            return Err(Whose::Several(several.iter().map(|written| written.form.name.clone()).collect()));
        }
    };
    let before = known.map(|written| written.form.clone()).unwrap_or_default();
    let said = |text: &str, before: &str| if text.is_empty() { before.to_owned() } else { text.to_owned() };
    let has: BTreeSet<&str> = before.numbers.iter().map(String::as_str).collect();
    let new = row.numbers.iter().map(Number::as_str).filter(|number| !has.contains(number)).map(str::to_owned);
    let form = CustomerForm {
        name: said(&row.name, &before.name),
        company: said(&row.company, &before.company),
        address: said(&row.address, &before.address),
        key_customer: row.key_customer.unwrap_or(before.key_customer),
        class: said(&row.class, &before.class),
        manager: row.manager.or(before.manager),
        note: said(&row.note, &before.note),
        numbers: before.numbers.iter().cloned().chain(new).collect(),
    };
    let Some(Written { id, version, .. }) = known else {
        return if form.name.is_empty() { Err(Whose::Nameless) } else { Ok(Weighed::New(Box::new(form))) };
    };
    let fields: Vec<&'static str> = [
        ("name", form.name != before.name),
        ("company", form.company != before.company),
        ("address", form.address != before.address),
        ("key_customer", form.key_customer != before.key_customer),
        ("class", form.class != before.class),
        ("manager", form.manager != before.manager),
        ("note", form.note != before.note),
        ("numbers", form.numbers != before.numbers),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect();
    Ok(match fields.is_empty() {
        true => Weighed::Same(*id),
        false => Weighed::Changed { customer: *id, version: *version, form: Box::new(form), fields },
    })
}
