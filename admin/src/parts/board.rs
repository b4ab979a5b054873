//! Queues and agents as they are this moment.

use std::sync::Arc;

use askama::Template;
use daemon::calls::now::{AgentNow, AgentState, DeviceState, QueueNow, Waiting};
use daemon::live::BoardNow;
use daemon::store::read::Directory;
use daemon::{CallId, PbxName, Time};

use super::part;
use super::phone::{Breaks, look, may_rest, partly_on_break, reason_word};
use crate::pen::Pen;

/// What the waiting axis spans; whoever waits longer stands at its end.
const AXIS_MS: i64 = 90_000;
/// The two lines across it: a good answer, and one that is late.
const LIMITS_MS: [i64; 2] = [20_000, 60_000];

/// The ruled band of figures on top.
#[derive(Template)]
#[template(path = "parts/figures.html")]
pub struct Figures {
    pub pen: Pen,
    pub board: Arc<BoardNow>,
}
part!(Figures = "figures");

impl Figures {
    /// Whether anything can be said at all: with no queue in sight nought would be a lie.
    fn seen(&self) -> bool {
        self.board.queues.iter().any(|queue| queue.seen)
    }
    fn unseen_queues(&self) -> usize {
        self.board.queues.iter().filter(|queue| !queue.seen).count()
    }
    fn out_of_sight(&self) -> Option<String> {
        out_of_sight(&self.pen, &self.board)
    }
    fn waiting(&self) -> usize {
        self.board.queues.iter().filter(|queue| queue.seen).map(|queue| queue.waiting.len()).sum()
    }
    fn oldest(&self) -> Option<Time> {
        self.board.queues.iter().filter(|queue| queue.seen).filter_map(oldest).min()
    }
    fn agents_in(&self, wanted: fn(&AgentState) -> bool) -> usize {
        self.board.agents.iter().filter(|agent| wanted(&agent.state)).count()
    }
    fn talking(&self) -> usize {
        self.agents_in(talks)
    }
    fn free(&self) -> usize {
        self.agents_in(|state| *state == AgentState::Available)
    }
    fn on_duty(&self) -> usize {
        self.agents_in(|state| !matches!(state, AgentState::Offline | AgentState::Unknown | AgentState::Paused { .. }))
    }
    /// None while no PBX is in sight.
    fn calls_up(&self) -> Option<u32> {
        let up = |pbx| self.board.calls_up.iter().find(|(its, _)| its == pbx).map(|(_, up)| *up);
        let mut seen: Vec<_> = self.board.queues.iter().filter(|queue| queue.seen).map(|queue| &queue.pbx).collect();
        seen.dedup();
        seen.into_iter().filter_map(up).reduce(|one, other| one + other)
    }
}

#[derive(Template)]
#[template(path = "parts/queues.html")]
pub struct Queues {
    pub pen: Pen,
    pub board: Arc<BoardNow>,
}
part!(Queues = "queues");

impl Queues {
    /// How a longest wait stands out.
    fn level(&self, since: &Time) -> &'static str {
        match self.mark(since) {
            "past" => "warn",
            "long" => "bad",
            _ => "",
        }
    }
    fn out_of_sight(&self) -> Option<String> {
        out_of_sight(&self.pen, &self.board)
    }
    /// The PBX is named where a name alone would not tell.
    fn has_several_pbxs(&self) -> bool {
        self.board.queues.windows(2).any(|pair| pair[0].pbx != pair[1].pbx)
    }
    fn limits(&self) -> [(i64, String); 2] {
        LIMITS_MS.map(|limit| (limit / 1000, percent(limit)))
    }
    fn at(&self, since: &Time) -> String {
        percent((self.pen.now - since).num_milliseconds().clamp(0, AXIS_MS))
    }
    fn mark(&self, since: &Time) -> &'static str {
        mark((self.pen.now - since).num_milliseconds())
    }
    fn said(&self, queue: &QueueNow) -> String {
        match oldest(queue) {
            None => self.pen.say("queue-empty"),
            Some(since) => self.pen.say2(
                "queue-waiting",
                "count",
                queue.waiting.len(),
                "longest",
                self.pen.long_span((self.pen.now - since).num_milliseconds()),
            ),
        }
    }
}

/// Who waits, and at which position.
#[derive(Template)]
#[template(path = "parts/callers.html")]
pub struct Callers {
    pub pen: Pen,
    pub board: Arc<BoardNow>,
}
part!(Callers = "callers");

/// Callers that the list shows; the queues' own figures count them all.
const CALLERS: usize = 30;

impl Callers {
    fn count(&self) -> usize {
        self.board.queues.iter().filter(|queue| queue.seen).map(|queue| queue.waiting.len()).sum()
    }
    fn is_blind(&self) -> bool {
        self.is_partly_blind() && !self.board.queues.iter().any(|queue| queue.seen)
    }
    /// Somebody may wait whom we do not see.
    fn is_partly_blind(&self) -> bool {
        !self.board.out_of_sight.is_empty() || self.board.queues.iter().any(|queue| !queue.seen)
    }
    /// The longest waiting first, with their positions in their queues.
    fn rows(&self) -> Vec<(usize, &QueueNow, &Waiting)> {
        let of = |queue| QueueNow::positions(queue).map(move |(position, waiting)| (position, queue, waiting));
        let mut rows: Vec<_> = self.board.queues.iter().filter(|queue| queue.seen).flat_map(of).collect();
        rows.sort_by_key(|(position, queue, waiting)| (waiting.since, *position, &queue.pbx, &queue.queue));
        rows.truncate(CALLERS);
        rows
    }
    fn whom(&self, waiting: &Waiting) -> String {
        waiting.caller.as_deref().map_or_else(|| self.pen.say("unknown-caller"), |number| self.pen.raw_number(number))
    }
}

#[derive(Template)]
#[template(path = "parts/agents.html")]
pub struct Agents {
    pub pen: Pen,
    pub board: Arc<BoardNow>,
    pub directory: Arc<Directory>,
    /// PBXs on which the reader has a phone, to listen in from.
    pub phones: Vec<PbxName>,
}
part!(Agents = "agents");

/// The ways to take part in a talk, and their signs.
pub const SPYING: [(&str, &str); 3] = [("listen", "ear"), ("whisper", "whisper"), ("barge", "users")];

/// Agents of one state.
struct Group<'a> {
    class: &'static str,
    icon: &'static str,
    word: &'static str,
    agents: Vec<&'a AgentNow>,
}

impl Agents {
    /// The columns, left to right; the first is double.
    fn columns(&self) -> Vec<Vec<Group<'_>>> {
        let column = |states: &[AgentState]| {
            let groups = states.iter().map(|state| self.group(state));
            groups.filter(|group| !group.agents.is_empty() || !matches!(group.word, "unknown" | "listening")).collect()
        };
        vec![
            column(&[AgentState::Talking, AgentState::Outbound]),
            column(&[AgentState::Ringing, AgentState::Available]),
            column(&[
                AgentState::OnHold,
                AgentState::Listening,
                AgentState::WrapUp { until: Time::UNIX_EPOCH },
                AgentState::Unknown,
            ]),
            column(&[AgentState::Paused { reason: String::new() }, AgentState::Offline]),
        ]
    }
    fn group(&self, like: &AgentState) -> Group<'_> {
        let (class, icon, word) = look(like);
        let mut agents: Vec<_> = self.board.agents.iter().filter(|agent| look(&agent.state).2 == word).collect();
        // Who stands so longest is on top; names keep those of one moment in place.
        agents.sort_by(|a, b| (a.since, &a.agent).cmp(&(b.since, &b.agent)));
        Group { class, icon, word, agents }
    }
    /// Nought would be a lie when nobody is in sight.
    fn count(&self, group: &Group<'_>) -> String {
        let is_blind =
            !self.board.agents.is_empty() && self.board.agents.iter().all(|agent| agent.state == AgentState::Unknown);
        if is_blind && group.agents.is_empty() { "–".to_owned() } else { group.agents.len().to_string() }
    }
    fn name(&self, agent: &AgentNow) -> String {
        let holder = self.directory.holder(&agent.pbx, &agent.agent);
        holder.map_or_else(|| agent.agent.to_string(), |person| person.name.clone())
    }
    fn breaks<'a>(&'a self, agent: &'a AgentNow) -> Option<Breaks<'a>> {
        Breaks::of(&self.pen, agent)
    }
    /// Whether there is anything to ask of the PBX about this agent.
    fn has_menu(&self, agent: &AgentNow) -> bool {
        may_rest(agent) || self.talk(agent).is_some()
    }
    /// The call that the agent talks in, or dials.
    fn talk<'a>(&self, agent: &'a AgentNow) -> Option<&'a CallId> {
        agent.call.as_ref().filter(|_| talks(&agent.state))
    }
    fn hears(&self, agent: &AgentNow) -> bool {
        self.phones.contains(&agent.pbx)
    }
    /// What goes without saying in the state: the queue, the reason, queues that the agent is on a
    /// break from, and a phone that does what no call explains.
    fn why(&self, agent: &AgentNow) -> String {
        let first = match (&agent.state, &agent.queue) {
            (AgentState::Paused { reason }, _) => {
                Some(reason_word(&self.pen, reason)).filter(|reason| !reason.is_empty())
            }
            (_, Some(queue)) => Some(queue.to_string()),
            (_, None) => None,
        };
        let breaks = partly_on_break(&self.pen, agent);
        let phone = (agent.state == AgentState::Available).then(|| agent.device.filter(|device| is_in_use(*device)));
        let phone = phone.flatten().map(|device| self.pen.word("device", device_word(device)));
        [first, breaks, phone].into_iter().flatten().collect::<Vec<_>>().join(&self.pen.say("comma"))
    }
}

fn is_in_use(device: DeviceState) -> bool {
    match device {
        DeviceState::InUse
        | DeviceState::Busy
        | DeviceState::Ringing
        | DeviceState::RingingInUse
        | DeviceState::OnHold => true,
        DeviceState::Unknown | DeviceState::Free | DeviceState::Offline => false,
    }
}

/// The stable word of a device's state.
pub fn device_word(device: DeviceState) -> &'static str {
    match device {
        DeviceState::Unknown => "unknown",
        DeviceState::Free => "free",
        DeviceState::InUse => "in_use",
        DeviceState::Busy => "busy",
        DeviceState::Offline => "unreachable",
        DeviceState::Ringing => "ringing",
        DeviceState::RingingInUse => "ringing_in_use",
        DeviceState::OnHold => "on_hold",
    }
}

/// The PBXes of which nothing can be said now.
fn out_of_sight(pen: &Pen, board: &BoardNow) -> Option<String> {
    let names: Vec<&str> = board.out_of_sight.iter().map(PbxName::as_str).collect();
    (!names.is_empty()).then(|| names.join(&pen.say("and")))
}

pub fn oldest(queue: &QueueNow) -> Option<Time> {
    queue.waiting.iter().map(|waiting| waiting.since).min()
}

fn talks(state: &AgentState) -> bool {
    matches!(state, AgentState::Talking | AgentState::Outbound | AgentState::OnHold)
}

fn mark(waited_ms: i64) -> &'static str {
    match waited_ms {
        ..20_000 => "in",
        20_000..60_000 => "past",
        _ => "long",
    }
}

fn percent(of_axis_ms: i64) -> String {
    format!("{:.1}%", of_axis_ms as f64 * 100.0 / AXIS_MS as f64)
}
