//! How Asterisk 22 writes: the packets of its manager interface, with its field names, their
//! order and its escapes, as seen in recordings.

use std::fmt::{Display, Write};

use bytes::Bytes;

use crate::Time;

/// One event as it goes to every session that asked for its class.
#[derive(Clone, Debug)]
pub struct Said {
    pub class: Class,
    /// The whole packet with its empty line.
    pub packet: Bytes,
}

/// Manager classes; a session gets an event when its mask has the event's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    System,
    Call,
    Agent,
    Dialplan,
    Cdr,
}

impl Class {
    pub const ALL: [Class; 5] = [Class::System, Class::Call, Class::Agent, Class::Dialplan, Class::Cdr];

    pub fn word(self) -> &'static str {
        match self {
            Class::System => "system",
            Class::Call => "call",
            Class::Agent => "agent",
            Class::Dialplan => "dialplan",
            Class::Cdr => "cdr",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub name: String,
    pub state: State,
    pub caller: Party,
    pub connected: Party,
    pub context: &'static str,
    pub exten: String,
    pub priority: u32,
    pub uniqueid: String,
    pub linkedid: String,
    pub application: &'static str,
    pub data: String,
    /// The bridge that it is in, by id.
    pub bridge: Option<String>,
    pub created_at: Time,
}

/// A number and a name; none where Asterisk knows none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Party {
    pub number: Option<String>,
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Down = 0,
    Ring = 4,
    Ringing = 5,
    Up = 6,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Down => "Down",
            State::Ring => "Ring",
            State::Ringing => "Ringing",
            State::Up => "Up",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Bridge {
    pub id: String,
    pub channels: u32,
}

/// An agent's membership of one queue.
pub(super) struct Member<'a> {
    pub queue: &'a str,
    pub name: &'a str,
    pub extension: &'a str,
    pub calls_taken: u32,
    pub last_call_s: i64,
    pub last_pause_s: i64,
    pub login_s: i64,
    pub in_call: bool,
    pub device: Device,
    pub paused: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Device {
    NotInUse = 1,
    InUse = 2,
    Ringing = 6,
    OnHold = 8,
}

impl Device {
    pub fn word(self) -> &'static str {
        match self {
            Device::NotInUse => "NOT_INUSE",
            Device::InUse => "INUSE",
            Device::Ringing => "RINGING",
            Device::OnHold => "ONHOLD",
        }
    }
}

/// A packet while it is written, field by field.
pub(super) struct Packet(String);

impl Packet {
    /// An event that nobody asked for.
    pub fn event(name: &str, class: Class) -> Self {
        Packet(String::with_capacity(1024))
            .field("Event", name)
            .field("Privilege", format_args!("{},all", class.word()))
            .field("SystemName", SYSTEM_NAME)
    }

    /// An item of a list that a session asked for: no privilege, no system name.
    pub fn item(name: &str) -> Self {
        Packet(String::with_capacity(512)).field("Event", name)
    }

    pub fn response(word: &str, action_id: Option<&str>) -> Self {
        Packet(String::with_capacity(256)).field("Response", word).action_id(action_id)
    }

    pub fn action_id(self, id: Option<&str>) -> Self {
        match id {
            Some(id) => self.field("ActionID", id),
            None => self,
        }
    }

    pub fn field(mut self, key: &str, value: impl Display) -> Self {
        let _ = write!(self.0, "{key}: {value}\r\n");
        self
    }

    pub fn channel(self, prefix: &str, channel: &Channel) -> Self {
        self.prefixed(prefix, "Channel", &channel.name)
            .prefixed(prefix, "ChannelState", channel.state as u8)
            .prefixed(prefix, "ChannelStateDesc", channel.state.word())
            .party(prefix, "CallerID", &channel.caller)
            .party(prefix, "ConnectedLine", &channel.connected)
            .prefixed(prefix, "Language", "en")
            .prefixed(prefix, "AccountCode", "")
            .prefixed(prefix, "Context", channel.context)
            .prefixed(prefix, "Exten", &channel.exten)
            .prefixed(prefix, "Priority", channel.priority)
            .prefixed(prefix, "Uniqueid", &channel.uniqueid)
            .prefixed(prefix, "Linkedid", &channel.linkedid)
    }

    pub fn bridge(self, prefix: &str, bridge: &Bridge) -> Self {
        self.prefixed(prefix, "BridgeUniqueid", &bridge.id)
            .prefixed(prefix, "BridgeType", "basic")
            .prefixed(prefix, "BridgeTechnology", "simple_bridge")
            .prefixed(prefix, "BridgeCreator", "<unknown>")
            .prefixed(prefix, "BridgeName", "<unknown>")
            .prefixed(prefix, "BridgeNumChannels", bridge.channels)
            .prefixed(prefix, "BridgeVideoSourceMode", "none")
    }

    /// As in `QueueMemberStatus` and `QueueMemberPause`.
    pub fn member(self, member: &Member<'_>) -> Self {
        self.field("Queue", member.queue)
            .field("MemberName", member.name)
            .field("Interface", format_args!("PJSIP/{}", member.extension))
            .standing(member)
            .field("Ringinuse", 0)
            .field("Wrapuptime", 0)
    }

    /// As in the answer to `QueueStatus`, where the same things have other names.
    pub fn listed_member(self, member: &Member<'_>) -> Self {
        self.field("Queue", member.queue)
            .field("Name", member.name)
            .field("Location", format_args!("PJSIP/{}", member.extension))
            .standing(member)
            .field("Wrapuptime", 0)
    }

    fn standing(self, member: &Member<'_>) -> Self {
        self.field("StateInterface", format_args!("PJSIP/{}", member.extension))
            .field("Membership", "static")
            .field("Penalty", 0)
            .field("CallsTaken", member.calls_taken)
            .field("LastCall", member.last_call_s)
            .field("LastPause", member.last_pause_s)
            .field("LoginTime", member.login_s)
            .field("InCall", u8::from(member.in_call))
            .field("Status", member.device as u8)
            .field("Paused", u8::from(member.paused.is_some()))
            .field("PausedReason", member.paused.unwrap_or(""))
    }

    pub fn end(mut self) -> Bytes {
        self.0.push_str("\r\n");
        Bytes::from(self.0)
    }

    fn prefixed(mut self, prefix: &str, key: &str, value: impl Display) -> Self {
        let _ = write!(self.0, "{prefix}{key}: {value}\r\n");
        self
    }

    fn party(self, prefix: &str, key: &str, party: &Party) -> Self {
        let number = party.number.as_deref().unwrap_or(UNKNOWN);
        let name = party.name.as_deref().map_or_else(|| UNKNOWN.to_owned(), escape);
        self.prefixed(prefix, &format!("{key}Num"), number).prefixed(prefix, &format!("{key}Name"), name)
    }
}

/// What stands before the epoch in every id.
pub(super) const SYSTEM_NAME: &str = "sim";

/// What Asterisk writes where it knows no number or name.
pub(super) const UNKNOWN: &str = "<unknown>";

/// The escapes of `ast_escape_c`, which Asterisk applies to names and to values of variables.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\\' | '\'' | '"' | '?' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
