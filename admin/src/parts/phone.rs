//! What the reader's own telephone does.

use askama::Template;
use daemon::calls::now::{AgentNow, AgentState};
use daemon::{Extension, PbxName};

use super::part;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/phone.html")]
pub struct Phone {
    pen: Pen,
    /// What the PBX says of the reader's extension; none before it said anything.
    agent: Option<AgentNow>,
    extensions: Vec<String>,
}
part!(Phone = "phone");

impl Phone {
    pub fn new(pen: Pen, agent: Option<AgentNow>, extensions: &[(PbxName, Extension)]) -> Phone {
        let extensions = extensions.iter().map(|(_, extension)| extension.to_string()).collect();
        Phone { pen, agent, extensions }
    }

    /// Who may take a break: a member of some queue whose phone is there.
    fn rests(&self) -> Option<&AgentNow> {
        self.agent.as_ref().filter(|agent| may_rest(agent))
    }

    fn is_busy(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| agent.state.is_on_the_phone())
    }

    /// The reason of a break from all queues.
    fn reason(&self) -> Option<&str> {
        self.agent.as_ref().and_then(rest)
    }
}

pub const REASONS: [&str; 5] = daemon::desk::policy::PAUSE_REASONS;

pub fn may_rest(agent: &AgentNow) -> bool {
    !agent.queues.is_empty() && !matches!(agent.state, AgentState::Unknown | AgentState::Offline)
}

/// Why the agent is on a break from all queues; none: is not.
pub fn rest(agent: &AgentNow) -> Option<&str> {
    if let AgentState::Paused { reason } = &agent.state {
        return Some(reason);
    }
    let everywhere = agent.paused_in.len() == agent.queues.len();
    agent.paused_in.first().filter(|_| everywhere).map(|(_, reason)| reason.as_str())
}

/// A break's reason, in the page's words where it is one of ours.
pub fn reason_word(pen: &Pen, reason: &str) -> String {
    if REASONS.contains(&reason) { pen.word("pause", reason) } else { reason.to_owned() }
}

/// How an agent's state looks: class, icon and the word of its text.
pub fn look(state: &AgentState) -> (&'static str, &'static str, &'static str) {
    match state {
        AgentState::Unknown => ("", "off", "unknown"),
        AgentState::Offline => ("", "off", "offline"),
        AgentState::Available => ("ok", "ready", "available"),
        AgentState::Ringing => ("live", "ring", "ringing"),
        AgentState::Talking => ("live", "talk", "talking"),
        AgentState::Outbound => ("live", "out", "outbound"),
        AgentState::OnHold => ("", "hold", "on_hold"),
        AgentState::Listening => ("live", "ear", "listening"),
        AgentState::WrapUp { .. } => ("", "pen", "wrap_up"),
        AgentState::Paused { .. } => ("", "cup", "paused"),
    }
}
