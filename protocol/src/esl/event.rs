//! One event, in either encoding. An event of a channel has a hundred headers and more, of which
//! we need some sixty, and most events few of those: one pass over the body notes where the ones
//! that have a [`Header`] stand, and a value is decoded when it is asked for.
//!
//! Decoding comes after splitting, so nothing that a caller sends can forge a header.

use std::borrow::Cow;
use std::fmt;

use super::codec::{ContentType, Frame, lines, split};
use super::json::{self, Value};
use crate::charset::{owned_text, text};

macro_rules! headers {
    ($($variant:ident $name:literal,)*) => {
        /// A header that somebody here reads. To read one more, add it to the list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Header { $($variant,)* }

        impl Header {
            pub const ALL: &[Header] = &[$(Header::$variant,)*];

            /// As FreeSWITCH writes it.
            pub const fn name(self) -> &'static str {
                match self { $(Header::$variant => $name,)* }
            }
        }
    };
}

headers! {
    EventName "Event-Name",
    EventSubclass "Event-Subclass",
    CoreUuid "Core-UUID",
    EventTimestamp "Event-Date-Timestamp",
    EventSequence "Event-Sequence",
    EventInfo "Event-Info",

    UniqueId "Unique-ID",
    OldUniqueId "Old-Unique-ID",
    ChannelName "Channel-Name",
    AnswerState "Answer-State",
    CallDirection "Call-Direction",
    HangupCause "Hangup-Cause",

    CallerDialplan "Caller-Dialplan",
    CallerIdName "Caller-Caller-ID-Name",
    CallerIdNumber "Caller-Caller-ID-Number",
    CallerOrigIdName "Caller-Orig-Caller-ID-Name",
    CallerOrigIdNumber "Caller-Orig-Caller-ID-Number",
    CallerDestination "Caller-Destination-Number",
    CallerPrivacyHideNumber "Caller-Privacy-Hide-Number",
    CallerAnsweredTime "Caller-Channel-Answered-Time",

    OtherType "Other-Type",
    OtherUniqueId "Other-Leg-Unique-ID",
    OtherAnsweredTime "Other-Leg-Channel-Answered-Time",
    BridgeA "Bridge-A-Unique-ID",
    BridgeB "Bridge-B-Unique-ID",

    JobUuid "Job-UUID",
    JobCommand "Job-Command",

    VarCcSide "variable_cc_side",
    VarCcQueue "variable_cc_queue",
    VarCcAgent "variable_cc_agent",
    VarCcMemberSession "variable_cc_member_session_uuid",
    VarCcCause "variable_cc_cause",
    VarCcCancelReason "variable_cc_cancel_reason",
    VarSipDisposition "variable_sip_hangup_disposition",
    VarSipTermStatus "variable_sip_term_status",
    VarQ850 "variable_hangup_cause_q850",
    VarOriginator "variable_originator",
    VarBridgeUuid "variable_bridge_uuid",
    VarLastBridgeTo "variable_last_bridge_to",
    VarLastBridgeRole "variable_last_bridge_role",
    VarLastBridgeProto "variable_last_bridge_proto_specific_hangup_cause",
    VarTransferTo "variable_transfer_to",
    VarTransferDestination "variable_transfer_destination",
    VarTransferDisposition "variable_transfer_disposition",
    VarReferUuid "variable_refer_uuid",
    VarAttXferKill "variable_att_xfer_kill_uuid",
    VarEndpointDisposition "variable_endpoint_disposition",
    VarOtherLoopback "variable_other_loopback_leg_uuid",
    VarGateway "variable_sip_gateway",
    VarGatewayName "variable_sip_gateway_name",
    VarUserName "variable_user_name",
    VarDialedUser "variable_dialed_user",

    CcAction "CC-Action",
    CcQueue "CC-Queue",
    CcAgent "CC-Agent",
    CcAgentUuid "CC-Agent-UUID",
    CcAgentStatus "CC-Agent-Status",
    CcAgentBridged "CC-Agent-Bridged",
    CcMemberSession "CC-Member-Session-UUID",
    CcCancelReason "CC-Cancel-Reason",

    Action "Action",
    ValetExtension "Valet-Extension",
    BridgeTo "Bridge-To-UUID",
    XferOriginal "att_xfer_original_call_id",
    XferDestination "att_xfer_destination_call_id",
    XferPeer "att_xfer_destination_peer_uuid",

    SurveyStage "Survey-Stage",
    SurveyAnswer "Survey-Answer",

    SessionCount "Session-Count",
    HeartbeatInterval "Heartbeat-Interval",
    FreeSwitchVersion "FreeSWITCH-Version",
}

const HEADERS: usize = Header::ALL.len();

/// An event, in place.
#[derive(Clone)]
pub struct Event<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
    slots: [Slot; HEADERS],
    body: Slot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Json,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    from: u32,
    to: u32,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Absent,
    /// As it is meant.
    Literal,
    /// With JSON's escapes, or percent-encoded.
    Encoded,
    /// A JSON list.
    List,
}

const NOWHERE: Slot = Slot { from: 0, to: 0, form: Form::Absent };

/// Why a frame could not be read as an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnEvent {
    /// A frame of another type.
    OtherType,
    /// The body is no JSON object, or holds a line that is no header.
    Malformed,
}

impl<'a> Event<'a> {
    pub fn read(frame: &'a Frame) -> Result<Event<'a>, NotAnEvent> {
        match frame.content_type {
            ContentType::EventJson => Event::from_json(&frame.body),
            ContentType::EventPlain => Event::from_plain(&frame.body),
            ContentType::AuthRequest
            | ContentType::CommandReply
            | ContentType::ApiResponse
            | ContentType::DisconnectNotice
            | ContentType::RudeRejection => Err(NotAnEvent::OtherType),
        }
    }

    /// The body of a `text/event-json`.
    pub fn from_json(bytes: &'a [u8]) -> Result<Event<'a>, NotAnEvent> {
        let mut event = Event { bytes, encoding: Encoding::Json, slots: [NOWHERE; HEADERS], body: NOWHERE };
        let read = json::object(bytes, |key, value| {
            let slot = match lookup(key) {
                Some(header) => &mut event.slots[header as usize],
                None if key == b"_body" => &mut event.body,
                None => return,
            };
            let (raw, form) = match value {
                Value::Text { raw, escaped: false } => (raw, Form::Literal),
                Value::Text { raw, escaped: true } => (raw, Form::Encoded),
                Value::List(raw) => (raw, Form::List),
                Value::Word(raw) => (raw, Form::Literal),
                Value::Object(_) => return,
            };
            slot.fill(bytes, raw, form);
        });
        read.map(|()| event).map_err(|_| NotAnEvent::Malformed)
    }

    /// The body of a `text/event-plain`: header lines, percent-encoded, and perhaps a body.
    pub fn from_plain(bytes: &'a [u8]) -> Result<Event<'a>, NotAnEvent> {
        let mut event = Event { bytes, encoding: Encoding::Plain, slots: [NOWHERE; HEADERS], body: NOWHERE };
        let mut at = 0;
        for line in lines(bytes) {
            at = offset(bytes, line) + line.len();
            let (key, value) = split_plain(line).ok_or(NotAnEvent::Malformed)?;
            if let Some(header) = lookup(key)
                && value != b"_undef_"
            {
                let form = if memchr::memchr(b'%', value).is_some() { Form::Encoded } else { Form::Literal };
                event.slots[header as usize].fill(bytes, value, form);
            }
        }
        let rest = &bytes[at..];
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count().min(2);
        event.body.fill(bytes, &rest[ends..], Form::Literal);
        Ok(event)
    }

    /// What a header says; none when it is missing or empty. Of one that comes twice the first
    /// counts, as in FreeSWITCH's own look-up (switch_event.c `switch_event_get_header_ptr`). Of one
    /// with several values, as variables are that were pushed to, the first.
    pub fn get(&self, header: Header) -> Option<Cow<'a, str>> {
        let slot = self.slots[header as usize];
        let value = match slot.form {
            Form::List => {
                let mut first = None;
                // A list that ends badly has told its first value.
                let _ = json::list(slot.of(self.bytes), |value| {
                    first.get_or_insert_with(|| value.text());
                });
                first
            }
            Form::Absent | Form::Literal | Form::Encoded => self.text(slot),
        }?;
        let first = match value.strip_prefix(ARRAY) {
            Some(values) if self.encoding == Encoding::Plain => {
                values.split(BETWEEN).next().map(|one| one.to_owned().into())
            }
            Some(_) | None => Some(value),
        };
        first.filter(|value| !value.is_empty())
    }

    /// What stands beside the headers: the output of a background job.
    pub fn body(&self) -> Cow<'a, str> {
        self.text(self.body).unwrap_or_default()
    }

    fn text(&self, slot: Slot) -> Option<Cow<'a, str>> {
        let raw = slot.of(self.bytes);
        match (slot.form, self.encoding) {
            (Form::Absent | Form::List, _) => None,
            (Form::Literal, _) => Some(text(raw)),
            (Form::Encoded, Encoding::Json) => Some(Cow::Owned(owned_text(json::unescape(raw)))),
            (Form::Encoded, Encoding::Plain) => Some(Cow::Owned(owned_text(percent_decode(raw)))),
        }
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = Header::ALL.iter().filter_map(|header| Some((header.name(), self.get(*header)?)));
        f.debug_map().entries(there).finish()
    }
}

/// How a list is written in plain events (switch_event.h `switch_event_add_array`).
const ARRAY: &str = "ARRAY::";
const BETWEEN: &str = "|:";

impl Slot {
    /// Keeps the place of `value`, a part of `bytes`, unless a place is kept already.
    fn fill(&mut self, bytes: &[u8], value: &[u8], form: Form) {
        if self.form == Form::Absent {
            let from = offset(bytes, value);
            *self = Slot { from: from as u32, to: (from + value.len()) as u32, form };
        }
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.from as usize..self.to as usize]
    }
}

/// Where `part`, a part of `bytes`, begins in it.
pub(super) fn offset(bytes: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - bytes.as_ptr() as usize
}

/// The header of this name. Most keys are variables that nobody reads, so a miss must be cheap: a
/// few bytes of the key lead to the only places where it could stand.
fn lookup(key: &[u8]) -> Option<Header> {
    let mut at = hash(key);
    loop {
        let header = *Header::ALL.get(usize::from(PLACES[at]))?;
        if header.name().as_bytes() == key {
            return Some(header);
        }
        at = (at + 1) % PLACES.len();
    }
}

/// A table of open addressing, a quarter full.
static PLACES: [u8; 512] = {
    let mut places = [u8::MAX; 512];
    let mut nth = 0;
    while nth < HEADERS {
        let mut at = hash(Header::ALL[nth].name().as_bytes());
        while places[at] != u8::MAX {
            at = (at + 1) % places.len();
        }
        places[at] = nth as u8;
        nth += 1;
    }
    places
};

const _: () = assert!(HEADERS < 128, "the table of places would be too full");

/// By the length, the last byte and two in the middle: variables begin alike.
const fn hash(key: &[u8]) -> usize {
    let length = key.len();
    if length == 0 {
        return 0;
    }
    let (last, middle, third) = (key[length - 1] as usize, key[length / 2] as usize, key[length / 3] as usize);
    (length * 61 + last * 7 + middle * 29 + third * 113) % 512
}

/// As [`split`], but variables may be named anyhow.
fn split_plain(line: &[u8]) -> Option<(&[u8], &[u8])> {
    split(line).or_else(|| {
        let at = memchr::memmem::find(line, b": ")?;
        Some((&line[..at], &line[at + 2..]))
    })
}

/// `%XX` as the byte that it means; a `%` that is followed by anything else stays.
fn percent_decode(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                plain.push(nibble(*high) << 4 | nibble(*low));
                rest = after;
            }
            _ => plain.push(byte),
        }
    }
    plain
}

/// Of a hexadecimal digit.
fn nibble(digit: u8) -> u8 {
    (digit as char).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests;
