//! Requests as AMI actions. Asterisk ends a line at a bare LF as well as at CRLF (manager.c
//! `get_input`) and takes no line over 1024 bytes, so no value with a control character and no
//! longer line leaves here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::{Extension, LegId, QueueName};
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
    /// A leg's id that Asterisk would take for a pattern, or for more than an id.
    Leg(String),
    /// In that queue the agent is no member that we know of.
    NoMember(String),
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(key) => write!(f, "{key} holds a control character"),
            Self::TooLong(key) => write!(f, "{key} is too long for a line of AMI ({MAX_LINE} bytes)"),
            Self::Agent(name) => write!(f, "{name:?} is no plain extension (letters, digits, - _ .)"),
            Self::Leg(id) => write!(f, "{id:?} is no leg's id"),
            Self::NoMember(queue) => write!(f, "the agent is no member of {queue:?}"),
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

/// What an agent is called as a member, by queue.
pub type Interfaces = BTreeMap<QueueName, Box<str>>;

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

    /// `ChanSpy` by `u`, the very channel: the start of a name would also fit another phone whose
    /// name begins so, or the agent's next call. `E`: ends with that channel, `S`: ends when it is
    /// gone before, `q`: nobody hears that it begins; `w`: the agent hears too, `B`: both hear
    /// (app_chanspy.c; `u` since Asterisk 12).
    fn spy(
        &self,
        spy: &Extension,
        on: &LegId,
        agent: &Extension,
        how: Spying,
        leg: &LegId,
        id: &str,
    ) -> Result<Action, Unsendable> {
        let how = match how {
            Spying::Listen => "",
            Spying::Whisper => "w",
            Spying::Barge => "B",
        };
        Action::new("Originate", id)
            .header("Channel", &self.channel_of(spy)?)?
            .header("Application", "ChanSpy")?
            .header("Data", &format!("{},uqES{how}", plain_id(on)?))?
            // The phone that rings shows whose talk it is for.
            .header("CallerID", plain(agent)?)?
            .header("Timeout", RING_MS)?
            .header("ChannelId", whole_id(leg)?)?
            .header("Async", "true")
    }

    pub fn channel_of(&self, agent: &Extension) -> Result<String, Unsendable> {
        Ok(self.channel.replace("{agent}", plain(agent)?))
    }
}

/// A name in which no dial string can be hidden.
fn plain(agent: &Extension) -> Result<&str, Unsendable> {
    let name = agent.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err(Unsendable::Agent(name.to_owned()));
    }
    Ok(name)
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

/// An id that can stand among an application's arguments, which commas part.
fn plain_id(leg: &LegId) -> Result<&str, Unsendable> {
    let id = whole_id(leg)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if id.chars().all(is_plain) { Ok(id) } else { Err(Unsendable::Leg(id.to_owned())) }
}

fn whole_id(leg: &LegId) -> Result<&str, Unsendable> {
    let id = leg.as_str();
    let fits = (1..=149).contains(&id.len()) && !id.starts_with('/') && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(id) } else { Err(Unsendable::Leg(id.to_owned())) }
}

/// What a request becomes; nothing for a snapshot or a look, which are conversations of their own,
/// and several actions where queues know one agent by several interfaces. `interfaces_of` knows
/// what the queues call a member.
pub fn actions(
    request: &Request,
    dialling: &Dialling,
    interfaces_of: impl FnOnce(&Extension) -> Interfaces,
    ids: &mut ActionIds,
) -> Result<Vec<(String, Action)>, Unsendable> {
    let mut one = |build: &dyn Fn(&str) -> Result<Action, Unsendable>| {
        let id = ids.next();
        build(&id).map(|action| vec![(id, action)])
    };
    match request {
        Request::Originate { agent, to, leg } => one(&|id| dialling.originate(agent, to, leg, id)),
        Request::Hangup { leg } => one(&|id| hangup(leg, id)),
        Request::Pause { agent, queue, paused, reason } => {
            let known = interfaces_of(agent);
            let interfaces: Vec<String> = match queue {
                Some(queue) => {
                    vec![known.get(queue).ok_or_else(|| Unsendable::NoMember(queue.to_string()))?.to_string()]
                }
                None if known.is_empty() => vec![dialling.channel_of(agent)?],
                None => {
                    known.values().map(|interface| interface.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
                }
            };
            let queue = queue.as_ref().map(|queue| queue.as_str());
            let pause = |interface: &String| {
                let id = ids.next();
                pause(interface, queue, *paused, reason, &id).map(|action| (id, action))
            };
            interfaces.iter().map(pause).collect()
        }
        Request::Spy { spy, on, agent, how, leg } => one(&|id| dialling.spy(spy, on, agent, *how, leg, id)),
        Request::Snapshot | Request::Look => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
