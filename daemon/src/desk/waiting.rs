//! Waiting for the customer, and how it ends by itself: the customer calls. The call must be about that very
//! matter, have begun since it waits, have been seen whole, and come to a talk as long as a callback's; so it
//! is with what a talk proves elsewhere. A call that was up when somebody said that the matter waits is the one
//! in which the customer was told what for.
//!
//! What stood still goes on from the moment at which the talk was long enough, whenever it is heard of and
//! whichever states of the call are, so that it makes no difference who was first to say so.

use super::case::{Case, Waiting};
use super::clock::{News, whole_ms};
use super::fact::Fact;
use super::handling::HandlingFact;
use super::matters::has_ended;
use super::owed::resume;
use super::talks;
use super::told::stands_in;
use crate::calls::call::{Call, Direction};
use crate::{TicketId, Time};

/// `ticket` is the call's. The form that whoever is on the phone has open stands: its version is as it was.
pub fn ends(case: &Case, at: Time, call: &Call, ticket: Option<TicketId>, facts: &mut Vec<Fact>) {
    let waiting = case.waiting.as_ref().filter(|waiting| Some(waiting.ticket) == ticket);
    let Some(Waiting { ticket, version, since, owner, handler, owed }) = waiting else { return };
    let began_since = call.direction == Direction::Inbound && call.started_at >= *since;
    let Some((segment, talked_at)) = talks::sufficed(case, at, call).filter(|_| began_since && call.certain) else {
        return;
    };
    let (talked_at, ticket) = (whole_ms(talked_at), *ticket);
    let person = case.staff.holder(&call.pbx, &segment.agent);
    let (call, agent) = (call.id.clone(), segment.agent.clone());
    facts.push(HandlingFact::Called { ticket, owner: *owner, call, agent, person, talked_at }.into());
    for owed in owed.iter().filter(|owed| !has_ended(facts, owed)).collect::<Vec<_>>() {
        // What runs already was resumed by itself.
        facts.extend(resume(case, owed, None, talked_at).unwrap_or_default());
    }
    // Whoever took the call knows.
    let wanted = [*owner, *handler].into_iter().flatten().filter(|theirs| Some(*theirs) != person);
    let told = stands_in(&case.staff, &wanted.collect());
    if !told.is_empty() {
        let (version, send_at) = (*version, case.policy.send_at(at));
        facts.push(Fact::Notified { ticket, version, news: News::Called, told, send_at });
    }
}
