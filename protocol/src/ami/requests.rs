//! Requests as AMI actions. Asterisk ends a line at a bare LF as well as at CRLF (manager.c
//! `get_input`) and takes no line over 1024 bytes, so no value with a control character and no
//! longer line leaves here.

use std::fmt;

use crate::event::{Extension, LegId};
use crate::request::{Dialable, Request, Spying};

/// The longest line that Asterisk reads, its end included (`inbuf[1025]` in manager.h).
const MAX_LINE: usize = 1024;

/// How long an agent's phone may ring on a click-to-call, in milliseconds.
const RING_MS: &str = "30000";

/// ActionIDs of one connection: `{epoch}-{counter}`. Far below 64 bytes, for Asterisk cuts long
/// ones, line end and all, in some lists.
#[derive(Debug)]
pub struct ActionIds {
    epoch: u64,
    counter: u64,
}

impl ActionIds {
    /// `epoch` must differ between connections, so that no late reply is taken for another.
    pub fn new(epoch: u64) -> Self {
        ActionIds { epoch, counter: 0 }
    }

    #[expect(clippy::should_implement_trait, reason = "ids never end")]
    pub fn next(&mut self) -> String {
        self.counter += 1;
        format!("{:x}-{}", self.epoch, self.counter)
    }
}

/// Why a value cannot be put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// It holds a control character, which could end the line.
    Control(&'static str),
    /// Its line would be longer than Asterisk reads.
    TooLong(&'static str),
    /// An agent's name that could mean more to a dial string than a name.
    Agent(String),
    /// A leg's id that Asterisk would take for a pattern.
    Leg(String),
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(key) => write!(f, "{key} holds a control character"),
            Self::TooLong(key) => write!(f, "{key} is too long for a line of AMI ({MAX_LINE} bytes)"),
            Self::Agent(name) => write!(f, "{name:?} is no plain extension (letters, digits, - _ .)"),
            Self::Leg(id) => write!(f, "{id:?} is no leg's id"),
        }
    }
}

/// One action, line by line.
#[derive(Debug)]
pub struct Action(Vec<u8>);

impl Action {
    pub fn new(name: &'static str, id: &str) -> Self {
        Action(format!("Action: {name}\r\nActionID: {id}\r\n").into_bytes())
    }

    pub fn header(mut self, key: &'static str, value: &str) -> Result<Self, Unsendable> {
        if value.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err(Unsendable::Control(key));
        }
        if key.len() + value.len() + ": \r\n".len() > MAX_LINE {
            return Err(Unsendable::TooLong(key));
        }
        for part in [key, ": ", value, "\r\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        Ok(self)
    }

    pub fn write(self, send: &mut Vec<u8>) {
        send.extend_from_slice(&self.0);
        send.extend_from_slice(b"\r\n");
    }
}

/// How an agent's phone is called and dials outside; from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// `PJSIP/{agent}`.
    pub channel: String,
    /// The dialplan context in which the phone dials: `from-internal`.
    pub context: String,
    /// What the dialled party sees; none: the agent's extension, which the dialplan may replace.
    pub caller_id: Option<String>,
}

impl Dialling {
    pub fn originate(&self, agent: &Extension, to: &Dialable, leg: &LegId, id: &str) -> Result<Action, Unsendable> {
        Action::new("Originate", id)
            .header("Channel", &self.channel_of(agent)?)?
            .header("Context", &self.context)?
            .header("Exten", to.as_str())?
            .header("Priority", "1")?
            .header("CallerID", self.caller_id.as_deref().unwrap_or(agent.as_str()))?
            .header("Timeout", RING_MS)?
            .header("ChannelId", whole_id(leg)?)?
            // Else the session is blocked, and sees no events, until the phone is picked up.
            .header("Async", "true")
    }

    /// `ChanSpy` takes the start of a channel's name; with the dash no longer extension has it too.
    /// `E`: ends with the channel, `S`: ends when none is left, `q`: announces nothing
    /// (app_chanspy.c).
    fn spy(
        &self,
        spy: &Extension,
        agent: &Extension,
        how: Spying,
        leg: &LegId,
        id: &str,
    ) -> Result<Action, Unsendable> {
        let options = match how {
            Spying::Listen => "qES",
            Spying::Whisper => "qESw",
            Spying::Barge => "qESB",
        };
        Action::new("Originate", id)
            .header("Channel", &self.channel_of(spy)?)?
            .header("Application", "ChanSpy")?
            .header("Data", &format!("{}-,{options}", self.channel_of(agent)?))?
            .header("CallerID", spy.as_str())?
            .header("Timeout", RING_MS)?
            .header("ChannelId", whole_id(leg)?)?
            .header("Async", "true")
    }

    pub fn channel_of(&self, agent: &Extension) -> Result<String, Unsendable> {
        let name = agent.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(Unsendable::Agent(name.to_owned()));
        }
        Ok(self.channel.replace("{agent}", name))
    }
}

/// `Hangup` takes a channel's name, its Uniqueid, or between slashes a pattern.
pub fn hangup(leg: &LegId, id: &str) -> Result<Action, Unsendable> {
    Action::new("Hangup", id).header("Channel", whole_id(leg)?)
}

/// `interface` is the member's, as its queue writes it.
pub fn pause(interface: &str, queue: Option<&str>, paused: bool, reason: &str, id: &str) -> Result<Action, Unsendable> {
    let mut action = Action::new("QueuePause", id).header("Interface", interface)?;
    if let Some(queue) = queue {
        action = action.header("Queue", queue)?;
    }
    action = action.header("Paused", if paused { "true" } else { "false" })?;
    if reason.is_empty() { Ok(action) } else { action.header("Reason", reason) }
}

fn whole_id(leg: &LegId) -> Result<&str, Unsendable> {
    let id = leg.as_str();
    let fits = (1..=149).contains(&id.len()) && !id.starts_with('/') && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(id) } else { Err(Unsendable::Leg(id.to_owned())) }
}

/// What a request becomes, but for a snapshot, which is a conversation of its own. `interface_of`
/// knows what queues call a member.
pub fn action(
    request: &Request,
    dialling: &Dialling,
    interface_of: impl FnOnce(&Extension) -> Option<String>,
    id: &str,
) -> Result<Option<Action>, Unsendable> {
    match request {
        Request::Originate { agent, to, leg } => dialling.originate(agent, to, leg, id).map(Some),
        Request::Hangup { leg } => hangup(leg, id).map(Some),
        Request::Pause { agent, queue, paused, reason } => {
            let interface = interface_of(agent).map_or_else(|| dialling.channel_of(agent), Ok)?;
            pause(&interface, queue.as_ref().map(|queue| queue.as_str()), *paused, reason, id).map(Some)
        }
        Request::Spy { spy, on: _, agent, how, leg } => dialling.spy(spy, agent, *how, leg, id).map(Some),
        Request::Snapshot | Request::Look => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dialling() -> Dialling {
        Dialling { channel: "PJSIP/{agent}".into(), context: "from-internal".into(), caller_id: None }
    }

    fn bytes(request: &Request, dialling: &Dialling) -> Result<String, Unsendable> {
        let mut send = Vec::new();
        action(request, dialling, |_| None, "a-1")?.expect("an action").write(&mut send);
        Ok(String::from_utf8(send).unwrap())
    }

    #[test]
    fn a_click_to_call_is_async_with_our_own_id() {
        let request = Request::Originate {
            agent: "1001".into(),
            to: Dialable::new("+8613600000001").unwrap(),
            leg: "ringback-7".into(),
        };
        let expected = "Action: Originate\r\nActionID: a-1\r\nChannel: PJSIP/1001\r\nContext: from-internal\r\n\
                        Exten: +8613600000001\r\nPriority: 1\r\nCallerID: 1001\r\nTimeout: 30000\r\n\
                        ChannelId: ringback-7\r\nAsync: true\r\n\r\n";
        assert_eq!(bytes(&request, &dialling()).unwrap(), expected);
    }

    #[test]
    fn pause_and_hangup() {
        let request =
            Request::Pause {
                agent: "1001".into(), queue: Some("support".into()), paused: true, reason: "午饭".into()
            };
        let expected = "Action: QueuePause\r\nActionID: a-1\r\nInterface: PJSIP/1001\r\nQueue: support\r\n\
                        Paused: true\r\nReason: 午饭\r\n\r\n";
        assert_eq!(bytes(&request, &dialling()).unwrap(), expected);
        let hangup = Request::Hangup { leg: "lab-1795293696.64".into() };
        assert!(bytes(&hangup, &dialling()).unwrap().contains("\r\nChannel: lab-1795293696.64\r\n"));
        assert_eq!(
            bytes(&Request::Hangup { leg: "/^PJSIP/".into() }, &dialling()),
            Err(Unsendable::Leg("/^PJSIP/".into()))
        );
    }

    #[test]
    fn what_a_dial_string_could_read_otherwise_is_no_agent() {
        for name in ["", "1001&PJSIP/1002", "1001/x", "1001@x", "${EXTEN}", "1001,x", "1001\n"] {
            let refused = dialling().channel_of(&name.into());
            assert_eq!(refused, Err(Unsendable::Agent(name.into())));
        }
    }

    #[test]
    fn ids_are_short_and_never_the_same() {
        let mut ids = ActionIds::new(u64::MAX);
        let first = ids.next();
        assert!(first.len() <= 64 && first != ids.next());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Whatever people and PBXes call things: exactly one action, of exactly these headers,
        /// each on a line that Asterisk can read; or a refusal.
        #[test]
        fn nothing_breaks_out_of_its_line(texts in prop::collection::vec(text(), 6), which in 0u8..4, paused: bool) {
            let dialling = Dialling {
                channel: "PJSIP/{agent}".into(), context: texts[0].clone(), caller_id: Some(texts[1].clone()),
            };
            let leg: LegId = texts[2].as_str().into();
            let agent: Extension = texts[3].as_str().into();
            let (request, keys): (Request, &[&str]) = match which {
                0 => match Dialable::new(&texts[4]) {
                    Ok(to) => (
                        Request::Originate { agent, to, leg },
                        &["Action", "ActionID", "Channel", "Context", "Exten", "Priority", "CallerID", "Timeout",
                          "ChannelId", "Async"],
                    ),
                    Err(_) => return Ok(()),
                },
                1 => (Request::Hangup { leg }, &["Action", "ActionID", "Channel"]),
                2 => (
                    Request::Pause { agent, queue: Some(texts[4].as_str().into()), paused, reason: texts[5].clone() + "x" },
                    &["Action", "ActionID", "Interface", "Queue", "Paused", "Reason"],
                ),
                _ => (
                    Request::Pause { agent, queue: None, paused, reason: String::new() },
                    &["Action", "ActionID", "Interface", "Paused"],
                ),
            };
            let Ok(sent) = bytes(&request, &dialling) else { return Ok(()) };
            // As Asterisk reads it: a line ends at LF, one CR before it is dropped.
            let lines: Vec<&str> = sent.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
            prop_assert_eq!(&lines[keys.len()..], &["", ""], "one action and nothing after it");
            let sent_keys: Vec<&str> = lines[..keys.len()].iter().map(|line| line.split(':').next().unwrap()).collect();
            prop_assert_eq!(sent_keys, keys.to_vec());
            prop_assert!(lines.iter().all(|line| line.len() + 2 <= MAX_LINE));
            prop_assert!(!sent.contains('\0'));
        }
    }

    /// Plain names, and texts made of what could end a line or mean something to a dialplan.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9]{1,6}",
            "\\PC{0,12}",
            prop::collection::vec(
                prop::sample::select(vec![
                    "\r",
                    "\n",
                    "\r\n",
                    "\0",
                    "\u{85}",
                    "\u{2028}",
                    "Action: Command",
                    ": ",
                    "1001",
                    "&",
                    ",",
                    "/",
                    "@",
                    "${EXTEN}",
                    "王",
                    "\t",
                    "+",
                    " "
                ]),
                0..8
            )
            .prop_map(|parts| parts.concat()),
            Just("x".repeat(2000)),
        ]
    }
}
