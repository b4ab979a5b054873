//! Customers, as pages show them: who is on a number, one with all that is theirs, and who is warned of.

use super::{Contact, ObligationRow, TicketRow};
use crate::desk::command::CustomerForm;
use crate::desk::customer::ShiftKind;
use crate::number::Number;
use crate::{CustomerId, PersonId, ShiftId, Time};

/// What the pop shows: who is on a number. Several customers may share it: all are here, none
/// is chosen.
#[derive(Clone, Debug, Default)]
pub struct Card {
    pub customers: Vec<Customer>,
    /// What is on the blacklist of this number; it may have run out.
    pub listed: Option<Listed>,
    /// The last five contacts on the customers' numbers, newest first.
    pub contacts: Vec<Contact>,
    /// How many contacts there are in all.
    pub contacts_total: i64,
    pub open_tickets: Vec<TicketRow>,
    pub open_obligations: Vec<ObligationRow>,
}

#[derive(Clone, Debug)]
pub struct Customer {
    pub id: CustomerId,
    pub name: String,
    pub company: String,
    pub address: String,
    pub key_customer: bool,
    /// One of the policy's classes, or empty.
    pub class: String,
    pub manager: Option<PersonId>,
    pub note: String,
    pub numbers: Vec<Number>,
    pub version: i64,
    /// Of whose record theirs became part.
    pub merged_into: Option<CustomerId>,
}

impl Customer {
    /// As it stands, to be changed and saved.
    pub fn form(&self) -> CustomerForm {
        CustomerForm {
            name: self.name.clone(),
            company: self.company.clone(),
            address: self.address.clone(),
            key_customer: self.key_customer,
            class: self.class.clone(),
            manager: self.manager,
            note: self.note.clone(),
            numbers: self.numbers.iter().map(|number| number.as_str().to_owned()).collect(),
        }
    }
}

/// Which customers a list shows.
#[derive(Clone, Debug, Default)]
pub struct CustomerFilter {
    /// Part of a name, a company or a number; empty: all, newest first.
    pub text: String,
    pub class: Option<String>,
    pub key_customer: Option<bool>,
    /// Where there is no text: those before that one.
    pub before: Option<CustomerId>,
    pub limit: u32,
}

/// All that a customer's page shows.
#[derive(Clone, Debug)]
pub struct CustomerPage {
    pub customer: Customer,
    /// Of their numbers; some may have run out.
    pub blacklisted: Vec<Listed>,
    /// Who else has one of their numbers.
    pub shared: Vec<(Number, CustomerId, String)>,
    /// Newest first.
    pub open: Vec<TicketRow>,
    /// The last that are over.
    pub past: Vec<TicketRow>,
    pub owed: Vec<ObligationRow>,
    /// The last twenty, newest first.
    pub contacts: Vec<Contact>,
    /// Newest first.
    pub history: Vec<CustomerSave>,
    /// What went to and from other records, newest first.
    pub shifts: Vec<ShiftRow>,
}

/// A customer was saved.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerSave {
    pub at: Time,
    pub by: Option<PersonId>,
    pub version: i64,
    /// Names of the form's fields; none where it is the first that is known.
    pub changed: Vec<&'static str>,
}

/// A merge or split, as one of its two customers sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShiftRow {
    pub id: ShiftId,
    pub kind: ShiftKind,
    /// What went was this customer's.
    pub gave: bool,
    pub other: CustomerId,
    pub other_name: String,
    /// Their company, address and notes.
    pub other_lines: Vec<String>,
    pub numbers: Vec<Number>,
    pub tickets: usize,
    pub at: Time,
    pub by: Option<PersonId>,
    pub undone: Option<(Time, Option<PersonId>)>,
    /// Neither has a later one that stands.
    pub can_undo: bool,
}

/// A number whose calls are to be answered with care, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub number: Number,
    pub reason: String,
    pub by: Option<PersonId>,
    pub at: Time,
    /// None: until somebody takes it off.
    pub until: Option<Time>,
}

impl Listed {
    pub fn stands(&self, now: Time) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}
