//! What the lines say, as they stand on the wire. These are view types: the core's own types never
//! go over a socket.

mod names;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use names::{Agent, Boot, CallName, Id, Label, Text};

/// A line from the sender.
#[derive(Clone, Debug, PartialEq)]
pub enum FromSender {
    Hello(Hello),
    Heartbeat,
    Answer(Answer),
    Told(Numbered),
}

/// The first line of a connection.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    pub version: u32,
    pub token: String,
    /// The sender's run; its lines are numbered from 1.
    pub source: Id,
    /// The PBX's run: calls of another are over.
    pub boot: Boot,
    /// The PBX's name in our configuration, where the sender knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pbx: Option<String>,
    /// What the PBX is: `ExamplePBX 4.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// The sender's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// Only asks whether it would be let in, and how the PBX is connected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check: bool,
}

impl Hello {
    /// The line, its end included, as it may be kept.
    pub fn without_token(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            #[serde(flatten)]
            hello: &'a Hello,
        }
        let hello = &Hello { token: String::new(), ..self.clone() };
        let mut line = Vec::new();
        write(&Line { kind: "hello", hello }, &mut line);
        line
    }
}

/// The token is not shown.
impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hello { version, source, boot, pbx, product, .. } = self;
        write!(f, "Hello(version {version}, source {source:?}, boot {boot:?}, pbx {pbx:?}, product {product:?})")
    }
}

/// What came of a [`FromUs::Request`].
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub id: String,
    pub done: bool,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// Something told, with its number within the source and the time at which it happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Numbered {
    #[serde(flatten)]
    pub told: Told,
    pub seq: u64,
    pub at: DateTime<Utc>,
}

/// What is told; the first half speaks of calls, the second of legs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Told {
    CallStarted {
        call: CallName,
        #[serde(default, skip_serializing_if = "is_inbound")]
        direction: Direction,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller_name: Option<Text>,
        /// What was dialled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Text>,
        /// Who dials, outbound and internal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
    },
    CallQueued {
        call: CallName,
        queue: Label,
    },
    CallLeftQueue {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<QueueLeft>,
    },
    AgentRinging {
        call: CallName,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<Label>,
    },
    AgentMissed {
        call: CallName,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<DialEnd>,
    },
    CallAnswered {
        call: CallName,
        /// Who took it; none of an outbound call, which the called party took.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
    },
    CallHeld {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
    },
    CallResumed {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
    },
    CallTransferred {
        call: CallName,
        /// Who sent it on.
        agent: Agent,
        to: Text,
        kind: TransferKind,
    },
    CallEnded {
        call: CallName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<EndedBy>,
        /// Q.850.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<u16>,
    },
    /// Part of a snapshot: a call that is up.
    CallSeen {
        call: CallName,
        #[serde(default, skip_serializing_if = "is_inbound")]
        direction: Direction,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller_name: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Agent>,
        /// The queue that it waits in, or came through.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<Label>,
        /// How long it waits there; none: not, or no longer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waited_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ringing: Vec<Agent>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        talking: Vec<Agent>,
        up_ms: u64,
    },

    Agent {
        agent: Agent,
        duty: Duty,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
        #[serde(default, skip_serializing_if = "is_zero")]
        wrap_up_s: u32,
    },
    Queue {
        queue: Label,
    },
    QueueMember {
        queue: Label,
        agent: Agent,
        #[serde(default)]
        state: DeviceState,
        /// Why; none: not paused. May be empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paused: Option<Text>,
        #[serde(default, skip_serializing_if = "is_zero")]
        wrap_up_s: u32,
    },
    QueueMemberRemoved {
        queue: Label,
        agent: Agent,
    },

    SnapshotBegan {
        marker: Label,
    },
    SnapshotEnded {
        marker: Label,
    },
    PbxStopping {},

    LegStarted {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        linked: Option<Id>,
        side: Side,
        /// The agent's name, or the line's.
        device: Label,
        #[serde(default)]
        state: LegState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dialled: Option<Text>,
    },
    LegIs {
        leg: Id,
        state: LegState,
    },
    LegNamed {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Text>,
    },
    Dialled {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Text>,
    },
    DialEnded {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Id>,
        how: DialEnd,
    },
    JoinedBridge {
        leg: Id,
        bridge: Id,
        #[serde(default)]
        kind: BridgeKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<Id>,
    },
    LeftBridge {
        leg: Id,
        bridge: Id,
    },
    BridgesMerged {
        from: Id,
        into: Id,
    },
    Held {
        leg: Id,
    },
    Resumed {
        leg: Id,
    },
    HangupAsked {
        leg: Id,
        by: HangupBy,
    },
    LegEnded {
        leg: Id,
        #[serde(default)]
        cause: u16,
    },
    CallerQueued {
        caller: Id,
        queue: Label,
    },
    CallerLeftQueue {
        caller: Id,
        queue: Label,
        how: QueueLeft,
    },
    AgentOffered {
        queue: Label,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<Id>,
    },
    AgentNotAnswering {
        queue: Label,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<Id>,
    },
    AgentConnected {
        queue: Label,
        agent: Agent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<Id>,
    },
    BlindTransfer {
        by: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<Id>,
        to: Text,
        succeeded: bool,
    },
    AttendedTransfer {
        by: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_second: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<Id>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<Id>,
        succeeded: bool,
    },
    PickedUp {
        leg: Id,
        ringing: Id,
    },
    Parked {
        leg: Id,
        space: Label,
    },
    Unparked {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Id>,
    },
    OriginateEnded {
        leg: Id,
        succeeded: bool,
    },
    /// Part of a snapshot: a leg that is up.
    LegSeen {
        leg: Id,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        linked: Option<Id>,
        side: Side,
        /// The agent's name, or the line's.
        device: Label,
        #[serde(default)]
        state: LegState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dialled: Option<Text>,
        up_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<Id>,
        #[serde(default)]
        kind: BridgeKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<Label>,
    },
    /// Part of a snapshot: a caller who waits.
    CallerSeen {
        caller: Id,
        queue: Label,
        waited_ms: u64,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    #[default]
    Inbound,
    Outbound,
    Internal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    Blind,
    Attended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The outside party, or who dialled an internal call.
    Caller,
    Agent,
    Pbx,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    Out,
    In,
    Paused,
}

/// Whose end of the PBX a leg leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Agent,
    Outside,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    #[default]
    Down,
    Calling,
    Ringing,
    Up,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DialEnd {
    Answered,
    Busy,
    NoAnswer,
    Declined,
    Cancelled,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BridgeKind {
    #[default]
    Talk,
    Conference,
    Holding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HangupBy {
    Party,
    Pbx,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueLeft {
    Unsaid,
    HungUp,
    TimedOut,
    Served,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    #[default]
    Unknown,
    Free,
    InUse,
    Busy,
    Offline,
    Ringing,
    RingingInUse,
    OnHold,
}

/// A line to the sender, who passes by what a later version says beside.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromUs {
    Welcome {
        version: u32,
        /// The PBX's name in our configuration.
        pbx: String,
        /// All of the source up to here is kept; 0: nothing.
        last_seq: u64,
        /// Whoever has nothing to say says `heartbeat` this often.
        heartbeat_s: u64,
        /// Lines beyond the last acknowledged one that are read before we wait for the disk.
        window: u64,
        /// Of a `check`: since when a sender is connected, and which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connected: Option<String>,
    },
    /// All up to this number is on disk.
    Ack {
        seq: u64,
    },
    Error {
        /// The line of this connection, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        reason: String,
        /// The connection ends with it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        closing: bool,
    },
    /// Tell all that is up, between `snapshot_began` and `snapshot_ended` with this marker.
    Resync {
        marker: String,
        why: String,
    },
    Heartbeat {},
    Request {
        id: String,
        #[serde(flatten)]
        ask: Ask,
    },
}

/// What the PBX is asked to do. It may refuse, and must answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Ring the agent, then dial; `leg` names the agent's leg, and the call.
    Originate {
        agent: String,
        to: String,
        leg: String,
    },
    Hangup {
        leg: String,
    },
    Pause {
        agent: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        paused: bool,
        reason: String,
    },
    Spy {
        spy: String,
        agent: String,
        on: String,
        how: Spying,
        leg: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spying {
    Listen,
    Whisper,
    Barge,
}

/// A line that cannot be taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its number, where that could be read.
    pub seq: Option<u64>,
    /// For whoever writes the sender.
    pub reason: String,
}

/// The highest number: what every JSON library takes for a whole number.
const MOST: u64 = (1 << 53) - 1;

impl FromSender {
    pub fn parse(line: &[u8]) -> Result<FromSender, Malformed> {
        let unnumbered = |reason: String| Malformed { seq: None, reason };
        let mut fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| unnumbered(format!("this is no JSON object: {error}")))?;
        let seq = fields.remove("seq");
        let number = seq.as_ref().and_then(Value::as_u64).filter(|seq| (1..=MOST).contains(seq));
        let wrong = |reason: String| Malformed { seq: number, reason };
        let kind = match fields.get("type") {
            Some(Value::String(kind)) => kind.clone(),
            Some(_) | None => return Err(wrong("the field type is missing, or is no text".into())),
        };
        let one_of_a_kind = matches!(kind.as_str(), "hello" | "heartbeat" | "answer");
        if one_of_a_kind && seq.is_some() {
            return Err(wrong(format!("{kind} bears no seq")));
        }
        match kind.as_str() {
            "hello" => {
                fields.remove("type");
                read(fields).map(FromSender::Hello).map_err(wrong)
            }
            "heartbeat" => Ok(FromSender::Heartbeat),
            "answer" => {
                fields.remove("type");
                read(fields).map(FromSender::Answer).map_err(wrong)
            }
            _ => {
                let Some(seq) = number else {
                    return Err(unnumbered("the field seq is missing, or is no whole number from 1".into()));
                };
                let at = match fields.remove("at").map(serde_json::from_value::<DateTime<Utc>>) {
                    Some(Ok(at)) => at,
                    Some(Err(error)) => {
                        return Err(wrong(format!("at is no time such as 2026-11-21T20:43:19.123Z: {error}")));
                    }
                    None => {
                        return Err(wrong(
                            "the field at is missing: when it happened, 2026-11-21T20:43:19.123Z".into(),
                        ));
                    }
                };
                let told = read(fields).map_err(wrong)?;
                Ok(FromSender::Told(Numbered { told, seq, at }))
            }
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(fields: Map<String, Value>) -> Result<T, String> {
    T::deserialize(Value::Object(fields)).map_err(|error| error.to_string())
}

/// A line, with its end.
pub fn write(line: &impl Serialize, out: &mut Vec<u8>) {
    let begin = out.len();
    // What is written here has text keys and no foreign parts, so that it cannot fail.
    if serde_json::to_writer(&mut *out, line).is_err() {
        out.truncate(begin);
        return;
    }
    out.push(b'\n');
}

fn is_inbound(direction: &Direction) -> bool {
    *direction == Direction::Inbound
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::names::MAX_TEXT;
    use super::*;

    fn refused(line: &str) -> (Option<u64>, String) {
        let malformed = FromSender::parse(line.as_bytes()).expect_err(line);
        (malformed.seq, malformed.reason)
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_with_its_number() {
        let at = r#""at":"2026-11-21T20:43:19Z""#;
        for (line, seq, part) in [
            ("hello", None, "no JSON object"),
            ("[]", None, "no JSON object"),
            (r#"{"seq":3}"#, Some(3), "type is missing"),
            (r#"{"type":"call_queued"}"#, None, "seq is missing"),
            (r#"{"type":"call_queued","seq":0}"#, None, "seq is missing"),
            (r#"{"type":"call_queued","seq":7,"call":"a","queue":"b"}"#, Some(7), "at is missing"),
            (r#"{"type":"call_queued","seq":7,"at":"noon"}"#, Some(7), "at is no time"),
            (&format!(r#"{{"type":"call_queued","seq":7,{at},"call":"a"}}"#), Some(7), "missing field `queue`"),
            (
                &format!(r#"{{"type":"call_queued","seq":7,{at},"call":"a","queue":"b","x":1}}"#),
                Some(7),
                "unknown field `x`",
            ),
            (&format!(r#"{{"type":"call_sung","seq":7,{at}}}"#), Some(7), "unknown variant `call_sung`"),
            (
                &format!(r#"{{"type":"call_queued","seq":7,{at},"call":"a b","queue":"b"}}"#),
                Some(7),
                "not a call's name",
            ),
            (
                &format!(r#"{{"type":"agent_ringing","seq":7,{at},"call":"a","agent":"1001&x"}}"#),
                Some(7),
                "not an agent's",
            ),
            (r#"{"type":"heartbeat","seq":1}"#, Some(1), "bears no seq"),
        ] {
            let (found, reason) = refused(line);
            assert!(found == seq && reason.contains(part), "{line}: {found:?} {reason}");
        }
    }

    #[test]
    fn a_name_that_somebody_else_wrote_costs_no_event() {
        let line = format!(
            r#"{{"type":"call_started","seq":1,"at":"2026-11-21T20:43:19Z","call":"a","caller_name":"a\u0000\r\n{}"}}"#,
            "王".repeat(400)
        );
        let Ok(FromSender::Told(Numbered { told: Told::CallStarted { caller_name, .. }, .. })) =
            FromSender::parse(line.as_bytes())
        else {
            panic!("not taken: {line}")
        };
        let name = caller_name.unwrap();
        assert!(name.as_str().starts_with("a王") && name.as_str().chars().count() == MAX_TEXT);
    }

    #[test]
    fn the_token_is_not_shown() {
        let hello = r#"{"type":"hello","version":1,"token":"s3cret","source":"a","boot":"1"}"#;
        let parsed = FromSender::parse(hello.as_bytes());
        assert!(parsed.is_ok() && !format!("{parsed:?}").contains("s3cret"));
    }

    #[test]
    fn a_time_may_bear_an_offset() {
        let line = r#"{"type":"queue","seq":1,"at":"2026-11-22T04:43:19.5+08:00","queue":"support"}"#;
        let Ok(FromSender::Told(told)) = FromSender::parse(line.as_bytes()) else { panic!() };
        let mut out = Vec::new();
        write(&told, &mut out);
        let expected = "{\"type\":\"queue\",\"queue\":\"support\",\"seq\":1,\"at\":\"2026-11-21T20:43:19.500Z\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
