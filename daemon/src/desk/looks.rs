//! What somebody is shown, or takes away, that is not in everybody's sight: it is a fact who did.

use super::case::Case;
use super::command::Refusal;
use super::fact::Fact;
use super::rights::{self, Act, People, has_matters, leads};
use crate::{CallId, CustomerId, PersonId, Role, TicketId, Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The numbers of somebody whom pages show as `138****5827`.
    Numbers { of: Whose },
    /// All of a matter in one file; its SHA-256, and whether numbers are masked in it.
    Evidence { ticket: TicketId, sha256: String, masked: bool },
    /// All customers as a file; whether their numbers are masked in it.
    Customers { masked: bool },
}

/// Whose numbers are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    Ticket(TicketId),
    Customer(CustomerId),
    /// Who is on the phone.
    Call(CallId),
}

/// Whoever may not is told that it is not there.
pub fn given(case: &Case, by: Option<PersonId>, look: &Look, now: Time) -> Result<Vec<Fact>, Refusal> {
    has_matters(case, by)?;
    let sees = |role: Role| case.policy.terms.rights.may_show(role);
    let sees_numbers = by.is_none_or(|by| case.staff.role(by).is_some_and(sees));
    match look {
        Look::Numbers { .. } if !sees_numbers => return Err(Refusal::NotAllowed),
        Look::Numbers { of: Whose::Ticket(_) } | Look::Evidence { .. } => {
            rights::ticket(case, by, Act::See, now)?;
        }
        Look::Numbers { of: Whose::Call(call) } => on_call(case, by, call, now)?,
        // Whoever has matters finds their customers.
        Look::Numbers { of: Whose::Customer(_) } => {}
        Look::Customers { masked } => {
            if by.is_some_and(|by| !leads(case, by)) || (!masked && !sees_numbers) {
                return Err(Refusal::NotAllowed);
            }
        }
    }
    Ok(vec![Fact::Looked { by, look: look.clone() }])
}

/// Who calls is for whoever has the call on the phone or its matter to know, and for who leads.
fn on_call(case: &Case, by: Option<PersonId>, call: &CallId, now: Time) -> Result<(), Refusal> {
    let is_on_it = |by| case.up.iter().any(|up| up.id == *call && up.is_of(&case.staff, by));
    let is_known = by.is_none_or(|by| leads(case, by) || is_on_it(by));
    if is_known || rights::ticket(case, by, Act::See, now).is_ok() { Ok(()) } else { Err(Refusal::NoSuchCall) }
}

/// Who sees customers' numbers, and how.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Rights {
    /// For these they are masked and stay so. As soon as there is anybody here, pages mask them for
    /// everybody, and all others who see customers' matters show them by a click, which is kept.
    pub mask_numbers_for: std::collections::BTreeSet<Role>,
}

impl Rights {
    pub fn masks(&self) -> bool {
        !self.mask_numbers_for.is_empty()
    }
    /// Whether the role may have masked numbers shown.
    pub fn may_show(&self, role: Role) -> bool {
        let reads = match role {
            Role::Agent | Role::Handler | Role::Supervisor | Role::Manager => true,
            Role::Admin => false,
        };
        reads && !self.mask_numbers_for.contains(&role)
    }
}
