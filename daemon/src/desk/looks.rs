//! What somebody is shown, or takes away, that is not in everybody's sight: it is a fact who did.

use super::case::Case;
use super::command::Refusal;
use super::fact::Fact;
use crate::{CallId, CustomerId, PersonId, Role, TicketId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The numbers of somebody whom pages show as `138****5827`.
    Numbers { of: Whose },
    /// All of a matter in one file; its SHA-256, and whether numbers are masked in it.
    Evidence { ticket: TicketId, sha256: String, masked: bool },
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
pub fn given(case: &Case, by: Option<PersonId>, look: &Look) -> Result<Vec<Fact>, Refusal> {
    let role = match by {
        Some(by) => Some(case.staff.people.get(&by).ok_or(Refusal::NotAllowed)?.role),
        None => None,
    };
    match look {
        Look::Numbers { .. } if !role.is_none_or(|role| case.policy.terms.rights.may_show(role)) => {
            return Err(Refusal::NotAllowed);
        }
        Look::Numbers { of: Whose::Customer(_) | Whose::Call(_) } => {}
        Look::Numbers { of: Whose::Ticket(_) } | Look::Evidence { .. } => {
            // Who sees it, the pages have said; an admin sees none.
            case.ticket.as_ref().ok_or(Refusal::NoSuchTicket)?;
            if role == Some(Role::Admin) {
                return Err(Refusal::NotAllowed);
            }
        }
    }
    Ok(vec![Fact::Looked { by, look: look.clone() }])
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
