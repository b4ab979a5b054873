//! The reading side's connections: pages ask whole questions, threads answer them.

use std::sync::Arc;

use super::read::*;
use crate::desk::command::SessionHash;
use crate::live::Told;
use crate::number::Number;
use crate::{CallId, CustomerId, ObligationId, OutboxId, PersonId, TicketId, Time};

/// Asks the store; clone it freely.
#[derive(Clone)]
pub struct Reader {}

impl Reader {
    pub async fn directory(&self) -> Result<Arc<Directory>, ReadError> {
        Err(ReadError::Closed)
    }
    /// Who is on a number, what is open and what was; empty for a withheld number.
    pub async fn card(&self, _number: Option<Number>) -> Result<Card, ReadError> {
        Err(ReadError::Closed)
    }
    /// Open obligations, the person's own and those that nobody owns, by due time.
    pub async fn duties(&self, _person: PersonId) -> Result<Vec<ObligationRow>, ReadError> {
        Err(ReadError::Closed)
    }
    /// Open obligations whose reminder is past at `now`, by due time.
    pub async fn at_risk(&self, _now: Time) -> Result<Vec<ObligationRow>, ReadError> {
        Err(ReadError::Closed)
    }
    pub async fn ticket(&self, _ticket: TicketId, _asker: PersonId) -> Result<Option<TicketPage>, ReadError> {
        Err(ReadError::Closed)
    }
    pub async fn tickets(&self, _filter: TicketFilter) -> Result<Vec<TicketRow>, ReadError> {
        Err(ReadError::Closed)
    }
    pub async fn ticket_of(&self, _call: CallId) -> Result<Option<TicketId>, ReadError> {
        Err(ReadError::Closed)
    }
    pub async fn obligation(&self, _obligation: ObligationId) -> Result<Option<ObligationRow>, ReadError> {
        Err(ReadError::Closed)
    }
    pub async fn customer(&self, _customer: CustomerId) -> Result<Option<Customer>, ReadError> {
        Err(ReadError::Closed)
    }
    /// Whose session it is; none when signed out, expired, or no longer active.
    pub async fn session(&self, _session: SessionHash, _now: Time) -> Result<Option<PersonId>, ReadError> {
        Err(ReadError::Closed)
    }
    pub async fn credentials(&self, _login: String) -> Result<Option<Credentials>, ReadError> {
        Err(ReadError::Closed)
    }
    /// Newest first.
    pub async fn outages(&self, _limit: u32) -> Result<Vec<Outage>, ReadError> {
        Err(ReadError::Closed)
    }
    /// For each PBX that was ever out of sight; the others were seen all the time. An outage that
    /// has not ended counts up to `to`.
    pub async fn coverage(&self, _from: Time, _to: Time) -> Result<Vec<Coverage>, ReadError> {
        Err(ReadError::Closed)
    }
    /// Extensions that were seen and are nobody's; `today_from` is where today began on the site.
    pub async fn unmapped(&self, _today_from: Time) -> Result<Vec<UnmappedExtension>, ReadError> {
        Err(ReadError::Closed)
    }
    /// What the person was told since that outbox row, oldest first.
    pub async fn told(&self, _person: PersonId, _after: OutboxId) -> Result<Vec<Told>, ReadError> {
        Err(ReadError::Closed)
    }
}
