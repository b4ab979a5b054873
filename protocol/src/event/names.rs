//! What events call things by: opaque ids of one PBX, and plain names without its technology.

use std::borrow::Borrow;
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
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
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
text_name! {
    /// One run of a PBX, from its start to its end; leg ids may repeat in another. Letters and
    /// digits only.
    BootId
}
text_name! {
    /// A device as the PBX writes it, without the part that numbers a single leg: `PJSIP/1001`,
    /// `PJSIP/trunk`, `sofia/internal/1001`.
    Device
}

impl Device {
    /// The device's own name: `1001` of `PJSIP/1001`, of `Local/1001@agents/n` and of
    /// `sofia/internal/1001@10.0.0.5:5060`.
    pub fn plain(&self) -> &str {
        plain_name(&self.0)
    }

    /// Whether it stands for a phone, as a hint and an agent's login do; `Custom:away` does not.
    pub fn is_phone(&self) -> bool {
        !self.0.starts_with("Custom:")
    }
}

/// What remains of an interface, a dial string or an address when technology, profile, context
/// and options are taken off: `1003` of `Local/1003@members/n`, `support` of `support@default`.
pub fn plain_name(text: &str) -> &str {
    let before_at = match text.split_once('@') {
        Some((before, _)) => before,
        None => text.strip_suffix("/n").unwrap_or(text),
    };
    match before_at.bytes().rposition(|byte| matches!(byte, b'/' | b':')) {
        Some(at) => &before_at[at + 1..],
        None => before_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_technology_context_and_options() {
        for (text, plain) in [
            ("PJSIP/1001", "1001"),
            ("Local/1003@members/n", "1003"),
            ("Local/1003/n", "1003"),
            ("support@default", "support"),
            ("sofia/internal/1001@10.0.0.5:5060", "1001"),
            ("hint:1001@ctx", "1001"),
            ("Agent:1001", "1001"),
            ("PJSIP/trunk/sip:139@127.0.0.2:5090", "139"),
            ("support", "support"),
            ("", ""),
        ] {
            assert_eq!(plain_name(text), plain, "{text}");
        }
    }
}
