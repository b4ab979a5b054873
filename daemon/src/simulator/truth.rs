//! What really happened to a simulated caller, in the words of [`crate::calls::call`].

use crate::calls::call::{Direction, EndedBy, Offer, Outcome, Segment, Transfer};
use crate::{Extension, LegId, Time};

/// A call that is over, as the simulated people know it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrueCall {
    /// The first leg.
    pub leg: LegId,
    pub direction: Direction,
    /// As sent; none when withheld.
    pub caller: Option<String>,
    /// The queue or extension that it first reached, or the number that was dialled; none when
    /// the caller hung up before any.
    pub to: Option<String>,
    /// Who talked first; outbound: who dialled.
    pub agent: Option<Extension>,
    pub outcome: Outcome,
    pub ended_by: EndedBy,
    pub started_at: Time,
    pub answered_at: Option<Time>,
    pub ended_at: Time,
    pub segments: Vec<Segment>,
    pub offers: Vec<Offer>,
    pub transfers: Vec<Transfer>,
}
