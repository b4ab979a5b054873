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
