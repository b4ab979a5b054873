//! Requests as `bgapi` commands, each under a Job-UUID of ours: its result comes as an event, and
//! the session sees other events meanwhile.
//!
//! A command is one line of words parted by blanks; dial strings give brackets, commas and more a
//! meaning of their own, and `$` is expanded. So no word is quoted: what is not of plain letters is
//! refused.

use std::fmt;

use crate::event::{Extension, LegId};
use crate::request::{Dialable, Request, Spying};

/// How long a phone may ring on a click-to-call.
const RING_S: u32 = 30;

/// Job-UUIDs of one connection, in the form of a UUID, which is as long as mod_event_socket takes.
#[derive(Debug)]
pub struct JobIds {
    epoch: u64,
    counter: u64,
}

impl JobIds {
    /// `epoch` must differ between connections, so that no late result is taken for another.
    pub fn new(epoch: u64) -> Self {
        JobIds { epoch, counter: 0 }
    }

    #[expect(clippy::should_implement_trait, reason = "ids never end")]
    pub fn next(&mut self) -> String {
        self.counter += 1;
        let (high, low) = (self.epoch >> 32, self.epoch & 0xffff_ffff);
        format!("{high:08x}-{:04x}-{:04x}-8000-{:012x}", low >> 16, low & 0xffff, self.counter & 0xffff_ffff_ffff)
    }
}

/// Why something is not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unaskable {
    /// An agent's name that could mean more to a dial string than a name.
    Agent(String),
    /// A leg's id that is more than a word.
    Leg(String),
    /// The number that phones are shown, from the configuration.
    CallerId(String),
    /// The dial string or the context, from the configuration.
    Dialling(String),
    /// mod_callcenter has no agent of this name.
    UnknownAgent(String),
    /// FreeSWITCH pauses agents, not their places in queues.
    OneQueue,
}

impl fmt::Display for Unaskable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(name) => write!(f, "{name:?} is no plain extension (letters, digits, - _ .)"),
            Self::Leg(id) => write!(f, "{id:?} is no leg's id"),
            Self::CallerId(text) => write!(f, "originate.caller_id {text:?} is no plain number (digits, + * #)"),
            Self::Dialling(text) => write!(f, "{text:?} is no word of a dial string"),
            Self::UnknownAgent(name) => write!(f, "mod_callcenter knows no agent {name:?}"),
            Self::OneQueue => f.write_str("FreeSWITCH pauses an agent in all queues at once, not in one"),
        }
    }
}

/// How an agent's phone is called and dials outside; from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// `user/{agent}`, or with options and an address: `[leg_timeout=20]sofia/internal/{agent}@10.0.0.9`.
    pub channel: String,
    /// The dialplan context in which the phone dials: `default`.
    pub context: String,
    /// What the phones see; none: the agent's extension, which the dialplan may replace.
    pub caller_id: Option<String>,
}

/// The command that does what is asked, without `bgapi`; none for a snapshot or a look, which are
/// conversations of their own. `agent_called` knows what mod_callcenter calls an agent:
/// `1001@default`.
pub fn command(
    request: &Request,
    dialling: &Dialling,
    agent_called: impl FnOnce(&Extension) -> Option<String>,
) -> Result<Option<String>, Unaskable> {
    match request {
        Request::Originate { agent, to, leg } => dialling.originate(agent, to, leg).map(Some),
        Request::Hangup { leg } => Ok(Some(format!("uuid_kill {}", word(leg)?))),
        Request::Pause { queue: Some(_), .. } => Err(Unaskable::OneQueue),
        Request::Pause { agent, queue: None, paused, reason: _ } => {
            let unknown = || Unaskable::UnknownAgent(agent.to_string());
            let called = agent_called(agent).filter(|name| is_agent_name(name)).ok_or_else(unknown)?;
            let status = if *paused { "On Break" } else { "Available" };
            Ok(Some(format!("callcenter_config agent set status {called} '{status}'")))
        }
        Request::Spy { spy, on, agent: _, how, leg } => dialling.spy(spy, on, *how, leg).map(Some),
        Request::Snapshot | Request::Look => Ok(None),
    }
}

/// Writes `command` to be done in the background, as job `id`.
pub fn write(command: &str, id: &str, send: &mut Vec<u8>) {
    send.extend_from_slice(format!("bgapi {command}\nJob-UUID: {id}\n\n").as_bytes());
}

impl Dialling {
    /// The phone first, under our id; once it is picked up it dials by the dialplan.
    fn originate(&self, agent: &Extension, to: &Dialable, leg: &LegId) -> Result<String, Unaskable> {
        let context = &self.context;
        if context.is_empty() || !context.bytes().all(is_plain) {
            return Err(Unaskable::Dialling(context.clone()));
        }
        let variables = self.variables(agent, leg)?;
        Ok(format!("originate {{{variables}}}{} {} XML {context}", self.channel_of(agent)?, to.as_str()))
    }

    /// `eavesdrop` mixes the listener into what its target reads (`aleg`: the target's other side
    /// hears it) or is written (`bleg`: the target does), and keys of the listener's phone would
    /// change that (mod_dptools.c `eavesdrop_function`, switch_ivr_async.c `eavesdrop_callback`).
    fn spy(&self, spy: &Extension, on: &LegId, how: Spying, leg: &LegId) -> Result<String, Unaskable> {
        let heard = match how {
            Spying::Listen => "",
            Spying::Whisper => ",eavesdrop_whisper_bleg=true",
            Spying::Barge => ",eavesdrop_whisper_aleg=true,eavesdrop_whisper_bleg=true",
        };
        let variables = self.variables(spy, leg)?;
        let (channel, on) = (self.channel_of(spy)?, word(on)?);
        Ok(format!("originate {{{variables},eavesdrop_enable_dtmf=false{heard}}}{channel} &eavesdrop({on})"))
    }

    fn variables(&self, agent: &Extension, leg: &LegId) -> Result<String, Unaskable> {
        let caller_id = self.caller_id.as_deref().unwrap_or(agent.as_str());
        let is_number = |byte| is_plain(byte) || matches!(byte, b'+' | b'*' | b'#');
        if caller_id.is_empty() || caller_id.len() > 64 || !caller_id.bytes().all(is_number) {
            return Err(Unaskable::CallerId(caller_id.to_owned()));
        }
        let leg = word(leg)?;
        Ok(format!(
            "origination_uuid={leg},originate_timeout={RING_S},ignore_early_media=true,\
             origination_caller_id_number={caller_id},origination_caller_id_name={caller_id}"
        ))
    }

    fn channel_of(&self, agent: &Extension) -> Result<String, Unaskable> {
        let name = agent.as_str();
        if !is_name(name) {
            return Err(Unaskable::Agent(name.to_owned()));
        }
        let channel = &self.channel;
        if channel.is_empty() || channel.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\'' | b'"')) {
            return Err(Unaskable::Dialling(channel.clone()));
        }
        Ok(channel.replace("{agent}", name))
    }
}

/// Whether a leg's id can stand as a word of a command.
pub fn is_word(leg: &LegId) -> bool {
    is_name(leg.as_str())
}

fn word(leg: &LegId) -> Result<&str, Unaskable> {
    if is_word(leg) { Ok(leg.as_str()) } else { Err(Unaskable::Leg(leg.to_string())) }
}

/// `1001@default`, or without a domain.
fn is_agent_name(name: &str) -> bool {
    match name.split_once('@') {
        Some((name, domain)) => is_name(name) && is_name(domain),
        None => is_name(name),
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests;
