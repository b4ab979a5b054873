//! What the reader's own telephone does.

use askama::Template;
use askama::filters::HtmlSafe;
use daemon::calls::now::{AgentNow, AgentState};
use daemon::{Extension, PbxName, QueueName};

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

    /// Breaks from one queue, where there is something to choose.
    fn breaks(&self) -> Option<Breaks<'_>> {
        self.rests().and_then(|agent| Breaks::of(&self.pen, agent))
    }

    fn partly(&self) -> Option<String> {
        self.agent.as_ref().and_then(|agent| partly_on_break(&self.pen, agent))
    }

    fn queues(&self) -> String {
        let queues: Vec<&str> = self.agent.iter().flat_map(|agent| &agent.queues).map(QueueName::as_str).collect();
        queues.join(&self.pen.say("and"))
    }

    /// The reason of a break from all queues.
    fn reason(&self) -> Option<&str> {
        self.agent.as_ref().and_then(rest)
    }
}

/// Breaks from one queue of several, as a menu's entries: at one's own phone, and at an agent of the
/// board.
#[derive(Template)]
#[template(path = "parts/breaks.html")]
pub struct Breaks<'a> {
    pen: &'a Pen,
    agent: &'a AgentNow,
}
impl HtmlSafe for Breaks<'_> {}

impl Breaks<'_> {
    /// None where the PBX knows only breaks from all queues, or all are one.
    pub fn of<'a>(pen: &'a Pen, agent: &'a AgentNow) -> Option<Breaks<'a>> {
        (agent.rests_by_queue && agent.queues.len() > 1 && may_rest(agent)).then_some(Breaks { pen, agent })
    }

    /// The agent's queues, each with the reason of a break from it.
    fn rows(&self) -> impl Iterator<Item = (&QueueName, Option<String>)> {
        let reason = |queue| self.agent.paused_in.iter().find(|(paused, _)| paused == queue);
        self.agent.queues.iter().map(move |queue| (queue, reason(queue).map(|(_, why)| reason_word(self.pen, why))))
    }
}

/// From which queues the agent is on a break, and why; none: from none, or from all.
pub fn partly_on_break(pen: &Pen, agent: &AgentNow) -> Option<String> {
    if agent.paused_in.is_empty() || rest(agent).is_some() {
        return None;
    }
    let named = |(queue, reason): &(QueueName, String)| in_brackets(queue, &reason_word(pen, reason));
    let queues: Vec<String> = agent.paused_in.iter().map(named).collect();
    Some(pen.say1("agent-paused-in", "queues", queues.join(&pen.say("and"))))
}

fn in_brackets(queue: &QueueName, reason: &str) -> String {
    if reason.is_empty() { queue.to_string() } else { format!("{queue} ({reason})") }
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
