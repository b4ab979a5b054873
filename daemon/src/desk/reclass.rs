//! What is kept as a complaint is one for whoever handles it: it is over once its customer was asked whether
//! it is well. Anything becomes a complaint by its form; that one is none is for a supervisor or a manager to
//! say, with the reason, which stands in its timeline. So nobody is done with a complaint by calling it
//! something else, nor by putting it into a matter that is none ([`Unfit::IsComplaint`]).
//!
//! [`Unfit::IsComplaint`]: super::regroup::Unfit::IsComplaint

use super::case::Case;
use super::command::{FieldWhy, Refusal};
use super::fact::Fact;
use super::handling::{HandlingFact, written};
use super::matters::saved;
use super::ticket::{Kind, Ticket};
use super::tickets::department;
use crate::{PersonId, Time};

/// It is of that kind from now on, in the state that it is in, with what follows for its clocks.
pub fn reclass(
    case: &Case,
    ticket: &Ticket,
    kind: Kind,
    why: &str,
    by: PersonId,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    written("why", why)?;
    if ticket.kind.may_become(kind) {
        // Its form makes that of it.
        return Err(Refusal::Field { field: "kind", why: FieldWhy::Unknown });
    }
    let department = department(case, ticket, kind, &ticket.category);
    let then = Ticket { kind, department: department.clone(), ..ticket.clone() };
    let (ticket_id, owner, was, why) = (ticket.id, ticket.owner, ticket.kind, why.trim().to_owned());
    let fact = HandlingFact::Reclassed { ticket: ticket_id, owner, was, kind, department, why, by };
    let mut facts = vec![fact.into()];
    saved(case, &mut facts, ticket, &then, Some(by), now);
    Ok(facts)
}
