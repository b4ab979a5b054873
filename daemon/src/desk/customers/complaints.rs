//! Who looks after a key customer hears of each complaint of theirs, once.

use std::collections::BTreeSet;

use crate::desk::case::{Case, KnownCustomer};
use crate::desk::customer::CustomerFact;
use crate::desk::fact::Fact;
use crate::desk::policy::Recipient;
use crate::desk::told::told;
use crate::{TicketId, Time};

/// Of those of `complaints` that they were not told of yet. Who is away has somebody in their place.
pub fn heard(case: &Case, facts: &mut Vec<Fact>, customer: &KnownCustomer, complaints: &[TicketId], at: Time) {
    let Some(manager) = customer.manager.filter(|_| customer.standing.key_customer) else { return };
    let new = complaints.iter().filter(|ticket| !case.complaints_told.contains(&(**ticket, manager)));
    facts.extend(new.map(|&ticket| {
        let told = told(&case.staff, &BTreeSet::from([Recipient::Owner]), Some(manager));
        let send_at = case.policy.send_at(at);
        Fact::Customer(CustomerFact::ComplaintTold { ticket, customer: customer.id, manager, told, send_at })
    }));
}
