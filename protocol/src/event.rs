//! The vendor-neutral vocabulary of what happens to calls.
//!
//! A vendor's words stop in its own folder: here a queue is `support`, an agent is `1001`,
//! whatever technology or context the PBX puts around them.

use std::fmt;
use std::sync::Arc;

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Arc<str>);
        impl $name {
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self(text.into()) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Debug::fmt(&*self.0, f) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

text_name! {
    /// One leg (channel) as its PBX names it: Asterisk's Uniqueid, FreeSWITCH's Unique-ID.
    /// Opaque bytes; unique within one boot of one PBX, never to be parsed for order.
    LegId
}
text_name! {
    /// A bridge as its PBX names it.
    BridgeId
}
text_name! {
    /// A queue's plain name: `support`, not `support@default`.
    QueueName
}
text_name! {
    /// An agent's plain name on the PBX: `1001`, not `PJSIP/1001` or `Local/1001@agents/n`.
    Extension
}

/// One thing that a PBX said about calls, queues or agents.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEvent {}
