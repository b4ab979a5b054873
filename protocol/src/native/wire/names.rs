//! Names and texts as they may stand in a line: checked where something is made of them, taken as they
//! come where somebody else wrote them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! checked { ($($(#[$doc:meta])* $name:ident($check:expr, $what:literal);)*) => {$(
    $(#[$doc])*
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
    #[serde(try_from = "String", into = "String")]
    pub struct $name(String);
    impl $name {
        pub fn as_str(&self) -> &str { &self.0 }
    }
    impl TryFrom<String> for $name {
        type Error = String;
        fn try_from(text: String) -> Result<Self, String> {
            let check: fn(&str) -> bool = $check;
            if check(&text) { Ok(Self(text)) } else { Err(format!("{text:?} is not {}", $what)) }
        }
    }
    impl TryFrom<&str> for $name {
        type Error = String;
        fn try_from(text: &str) -> Result<Self, String> { text.to_owned().try_into() }
    }
    impl From<$name> for String {
        fn from(name: $name) -> String { name.0 }
    }
    impl fmt::Debug for $name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Debug::fmt(&self.0, f) }
    }
    impl fmt::Display for $name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
    }
)*} }

checked! {
    /// A leg, a bridge, a source.
    Id(|text| printable(text) && text.len() <= 128, "an id: 1 to 128 printable ASCII characters without blanks");
    /// A call of the simple form. Its legs' ids are made of it and a slash.
    CallName(
        |text| printable(text) && text.len() <= 100 && !text.contains('/'),
        "a call's name: 1 to 100 printable ASCII characters without blanks and slashes"
    );
    /// An agent, as plain as people say it.
    Agent(
        |text| plain(text) && text.len() <= 64,
        "an agent's name: 1 to 64 letters, digits, - _ and . of ASCII, as in 1001"
    );
    /// A run of a PBX.
    Boot(
        |text| !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric()),
        "the PBX's run: 1 to 64 letters and digits, such as the second at which it started"
    );
    /// A queue, a device, a place to park, a marker.
    Label(
        |text| !text.is_empty() && text.chars().count() <= 128 && !text.chars().any(char::is_control),
        "a name: 1 to 128 characters without control characters"
    );
}

fn printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// What somebody else wrote, a caller's name above all: taken as it comes, without control
/// characters and not at any length, since no event should be lost for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct Text(String);

/// Longer names and numbers are cut.
pub(super) const MAX_TEXT: usize = 256;

impl Text {
    /// None when nothing is in it.
    pub fn some(&self) -> Option<Box<str>> {
        (!self.0.is_empty()).then(|| self.0.as_str().into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect())
    }
}
impl From<&str> for Text {
    fn from(text: &str) -> Text {
        text.to_owned().into()
    }
}
impl From<Text> for String {
    fn from(text: Text) -> String {
        text.0
    }
}
