//! What the lines say, as they stand on the wire. These are view types: the core's own types never
//! go over a socket.

mod from_us;
mod names;
mod told;
mod words;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use from_us::{Ask, FromUs, Spying};
pub use names::{Agent, Boot, CallName, Id, Label, Text};
pub use told::{CallSeen, CallTold, LegSeen, LegTold, Told};
pub use words::{
    BridgeKind, DeviceState, DialEnd, Direction, Duty, EndedBy, HangupBy, LegState, QueueLeft, Side, SurveyStage,
    TransferKind,
};

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
            (
                &format!(r#"{{"type":"leg_started","seq":7,{at},"leg":"a","side":"agent","device":"1001","up_ms":1}}"#),
                Some(7),
                "unknown field `up_ms`",
            ),
            (
                &format!(
                    r#"{{"type":"leg_seen","seq":7,{at},"leg":"a","side":"agent","device":"1001","up_ms":1,"x":1}}"#
                ),
                Some(7),
                "unknown field `x`",
            ),
            (
                &format!(r#"{{"type":"call_seen","seq":7,{at},"call":"a","up_ms":1,"x":1}}"#),
                Some(7),
                "unknown field `x`",
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
        let Ok(FromSender::Told(Numbered { told: Told::CallStarted(CallTold { caller_name, .. }), .. })) =
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
