//! What pages may read of the store: whole questions, answered from a few read-only connections.
//! View types are plain data, ready to be shown; each is in the file of its noun, and the SQL that fills it
//! in the file of that name in `questions`. Begin with [`Reader`], whose methods are the questions.

mod calls;
mod customers;
mod looks;
mod owed;
mod people;
mod policy;
mod seek;
mod sight;
mod surveys;
mod tickets;
mod timeline;

use std::fmt;

pub use super::handlings::{FoundUnder, HandlingRow, LogRow, RemedyRow, Request, ToldRow};
pub use super::reader::Reader;
pub use super::search::Piece;
pub use calls::{Contact, StoredCall};
pub use customers::{Card, Customer, CustomerFilter, CustomerPage, CustomerSave, Listed, ShiftRow};
pub use looks::{AuditRow, Audited};
pub use owed::{Ended, Fired, MadeAttempt, ObligationRow, OwedFilter, OwedPage, Pause, ToldOf, Whose};
pub use people::{Credentials, Directory, Person, Session, UnmappedExtension};
pub use policy::{PolicyText, PolicyVersion};
pub use seek::{Found, Hit, Place, Seek, Seer, Sought, Theirs};
pub use sight::{Blind, Coverage, Gap, LedgerRow, Outage};
pub use surveys::{Drawn, Surveyed, Way};
pub use tickets::{
    Attachment, Comment, HolderRow, OfferRow, RegroupRow, Regrouped, TicketFilter, TicketPage, TicketRow, Tied,
};
pub use timeline::{TimelineRow, TimelineWhat};

/// What a list of open work shows at most; more nobody reads down to.
pub const LIST: i64 = 500;

/// Why a question got no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadError {
    /// The store is closed: the daemon stops.
    Closed,
    /// The database said so.
    Failed(String),
}
impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Closed => f.write_str("the store is closed, for the daemon stops"),
            ReadError::Failed(why) => write!(f, "the store could not be read: {why}"),
        }
    }
}
impl std::error::Error for ReadError {}
