//! The names and ids that every room uses.

use std::fmt;
use std::sync::Arc;

pub use protocol::event::{Extension, LegId, QueueName};
pub use protocol::request::Spying;

/// A moment. The clock is read only where bytes arrive and in the engine; everywhere else time
/// is an argument.
pub type Time = chrono::DateTime<chrono::Utc>;

/// A PBX, as the configuration names it: `hq`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PbxName(pub Arc<str>);

/// A department, as the policy names it: `品质部`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DepartmentName(pub Arc<str>);

/// One call of one PBX: `hq-t6zq80-1795293682.59`, made of the PBX, its boot and the id of the
/// call's oldest leg. The same call gets the same id again after we were restarted and asked
/// the PBX what is up. Safe in URLs and HTML ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub Arc<str>);

macro_rules! text { ($($name:ident)*) => {$(
    impl $name { pub fn as_str(&self) -> &str { &self.0 } }
    impl From<&str> for $name { fn from(text: &str) -> Self { Self(text.into()) } }
    impl fmt::Display for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) } }
    impl fmt::Debug for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Debug::fmt(&*self.0, f) } }
)*} }
text! { PbxName DepartmentName CallId }

macro_rules! row_id { ($($(#[$doc:meta])* $name:ident)*) => {$(
    $(#[$doc])*
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct $name(pub i64);
    impl fmt::Display for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) } }
    impl fmt::Debug for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, concat!(stringify!($name), "({})"), self.0) } }
)*} }
row_id! {
    /// Somebody who signs in.
    PersonId
    CustomerId
    /// What went from one customer to another by a merge or a split.
    ShiftId
    TicketId
    /// What went from one ticket to another by a merge or a split.
    RegroupId
    ObligationId
    /// A note in a matter.
    CommentId
    AttachmentId
    /// A line of a matter's investigation.
    InquiryId
    /// What somebody proposed to make up for it.
    RemedyId
    AssessmentId
    /// What somebody is told at once; the idempotency key of whatever is sent for it.
    MessageId
}

/// A closed enum whose variants have stable words for stores, forms, JSON and message ids.
macro_rules! words { ($(#[$doc:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal),* $(,)? }) => {
    $(#[$doc])*
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum $name { $($(#[$inner])* $variant),* }
    impl $name {
        pub const ALL: &'static [$name] = &[$($name::$variant),*];
        pub fn as_str(self) -> &'static str { match self { $($name::$variant => $word),* } }
        pub fn parse(word: &str) -> Option<Self> { match word { $($word => Some($name::$variant),)* _ => None } }
    }
} }
pub(crate) use words;

words! {
    /// What a person may do here: who comes later may more, with two exceptions. A manager reads
    /// everything and writes no tickets; an admin wires PBXes and people, and needs no customer's
    /// text.
    Role {
        Agent = "agent",
        /// Of a department: investigates and decides its matters, and sees no others.
        Handler = "handler",
        Supervisor = "supervisor",
        /// Sees all that a supervisor sees, and sets the policy.
        Manager = "manager",
        Admin = "admin",
    }
}
