//! An Asterisk whose every word is the test's: it lets the daemon in over a real socket, says what
//! stands when it is asked, and then tells of calls exactly as the test plays them, with the events
//! and in the order of recordings of Asterisk 22.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::SystemTime;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::house::PATIENCE;

/// The number that callers dial.
pub const HOTLINE: &str = "4008001234";

/// What a test may have said and the socket not yet taken.
const UNSAID: usize = 64;

/// The test's end.
pub struct Pbx {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    lists: watch::Sender<Standing>,
    met: watch::Receiver<u64>,
    asked: mpsc::Receiver<BTreeMap<String, String>>,
    members: Vec<Member>,
    up: BTreeMap<String, Leg>,
    legs_made: u32,
}

/// A queue's member and what its device does.
struct Member {
    queue: String,
    agent: String,
    status: Device,
    /// Why it is on a break.
    paused: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Device {
    NotInUse = 1,
    InUse = 2,
    Ringing = 6,
}

impl Device {
    fn word(self) -> &'static str {
        match self {
            Device::NotInUse => "NOT_INUSE",
            Device::InUse => "INUSE",
            Device::Ringing => "RINGING",
        }
    }
}

/// A channel.
#[derive(Clone)]
struct Leg {
    /// Without the counter that each channel's name ends with.
    device: String,
    nth: u32,
    id: String,
    linked: String,
    number: String,
    name: String,
    exten: String,
    state: u8,
}

/// A call from outside that waits in a queue, rings, or talks.
pub struct Inbound {
    caller: Leg,
    queue: String,
    waits: bool,
    ringing: Vec<(String, Leg)>,
    talking: Option<(String, Leg)>,
}

/// A call that the daemon asked for.
pub struct Outbound {
    agent: String,
    phone: Leg,
    line: Leg,
    answered: bool,
}

/// Somebody who listens in.
pub struct Listener {
    agent: String,
    phone: Leg,
}

/// What `Originate` asked for.
#[derive(Debug)]
pub struct Originate {
    pub agent: String,
    pub exten: String,
    pub headers: BTreeMap<String, String>,
}

impl Pbx {
    /// One with these queues and their members, at a free port.
    pub async fn listen(queues: &[(&str, &[&str])]) -> Pbx {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a port");
        let members = queues
            .iter()
            .flat_map(|(queue, agents)| agents.iter().map(move |agent| (queue, agent)))
            .map(|(queue, agent)| Member {
                queue: (*queue).into(),
                agent: (*agent).into(),
                status: Device::NotInUse,
                paused: None,
            })
            .collect();
        let (orders, taken) = mpsc::channel(UNSAID);
        let (lists, standing) = watch::channel(Standing::default());
        let (snapshots, met) = watch::channel(0);
        let (tell, asked) = mpsc::channel(UNSAID);
        let line = Line { address, listener: Some(listener), session: None, standing, snapshots, tell };
        tokio::spawn(line.run(taken));
        let pbx = Pbx { address, orders, lists, met, asked, members, up: BTreeMap::new(), legs_made: 0 };
        pbx.stands();
        pbx
    }

    /// The lines of a configuration that lead to it.
    pub fn config(&self, name: &str) -> String {
        format!(
            "[[pbx]]\nname = \"{name}\"\nkind = \"asterisk\"\nhost = \"127.0.0.1\"\nport = {}\n\
             username = \"ringback\"\nsecret = \"ringback\"\nregion = \"CN\"\ntrunks = [\"PJSIP/trunk\"]\n",
            self.address.port()
        )
    }

    /// Until the daemon has asked what stands, once more than it had at the last call.
    pub async fn met(&mut self) {
        timeout(PATIENCE, self.met.changed()).await.expect("the daemon asks what is up").expect("the PBX listens");
    }

    /// Ends the connection and refuses new ones, until [`Pbx::mend`].
    pub async fn cut(&mut self) {
        self.order(Order::Cut).await;
    }

    pub async fn mend(&mut self) {
        self.order(Order::Mend).await;
    }

    /// A caller comes in and waits in a queue.
    pub async fn wait(&mut self, number: &str, name: &str, queue: &str) -> Inbound {
        let mut caller = self.leg("trunk", None, number, name, HOTLINE, 4);
        let began = event("Newchannel", "call", &[&caller.block("")]);
        caller.state = 6;
        self.up.insert(caller.id.clone(), caller.clone());
        let at = [field("Queue", queue), "Position: 1\r\nCount: 1\r\n".to_owned()].concat();
        let text = [
            began,
            event("Newstate", "call", &[&caller.block("")]),
            event("QueueCallerJoin", "agent", &[&caller.block(""), &at]),
        ]
        .concat();
        self.say(text).await;
        Inbound { caller, queue: queue.to_owned(), waits: true, ringing: Vec::new(), talking: None }
    }

    /// The queue rings an agent's phone; when the last byte was written.
    pub async fn offer(&mut self, call: &mut Inbound, agent: &str) -> SystemTime {
        let mut phone = self.leg(agent, Some(&call.caller), agent, &format!("Agent {agent}"), HOTLINE, 0);
        let began = event("Newchannel", "call", &[&phone.block("")]);
        let both = [call.caller.block(""), phone.block("Dest")].concat();
        let member = [
            field("Queue", &call.queue),
            field("Interface", &format!("PJSIP/{agent}")),
            field("MemberName", &format!("Agent {agent}")),
        ]
        .concat();
        let dialled = field("DialString", &format!("PJSIP/{agent}"));
        phone.state = 5;
        self.up.insert(phone.id.clone(), phone.clone());
        let text = [
            began,
            event("AgentCalled", "agent", &[&both, &member]),
            event("DialBegin", "call", &[&both, &dialled]),
            event("Newstate", "call", &[&phone.block("")]),
            self.device(agent, Device::Ringing),
        ]
        .concat();
        call.ringing.push((agent.to_owned(), phone));
        self.say(text).await
    }

    /// A caller comes in and an agent's phone rings.
    pub async fn ring(&mut self, number: &str, name: &str, queue: &str, agent: &str) -> Inbound {
        let mut call = self.wait(number, name, queue).await;
        self.offer(&mut call, agent).await;
        call
    }

    /// One of the phones that ring is picked up; the others stop.
    pub async fn answer(&mut self, call: &mut Inbound, agent: &str) {
        let at = call.ringing.iter().position(|(a, _)| a == agent).expect("that phone rings");
        let (agent, mut phone) = call.ringing.swap_remove(at);
        phone.state = 6;
        self.up.insert(phone.id.clone(), phone.clone());
        let both = [call.caller.block(""), phone.block("Dest")].concat();
        let member = [
            field("Queue", &call.queue),
            field("Interface", &format!("PJSIP/{agent}")),
            field("MemberName", &format!("Agent {agent}")),
        ]
        .concat();
        let mut text = [
            event("Newstate", "call", &[&phone.block("")]),
            event("DialEnd", "call", &[&both, "DialStatus: ANSWER\r\n"]),
            event("QueueCallerLeave", "agent", &[&call.caller.block(""), &field("Queue", &call.queue)]),
        ]
        .concat();
        text += &self.stop_ringing(call, 26);
        text += &self.device(&agent, Device::InUse);
        text += &event("AgentConnect", "agent", &[&both, &member, "HoldTime: 1\r\nRingTime: 1\r\n"]);
        text += &bridged(&phone, &call.caller);
        call.waits = false;
        call.talking = Some((agent, phone));
        self.say(text).await;
    }

    /// The caller hangs up, whatever the call is at.
    pub async fn hang_up(&mut self, mut call: Inbound) {
        let caller = call.caller.clone();
        let queue = field("Queue", &call.queue);
        let mut text = event("HangupRequest", "call", &[&caller.block("")]);
        if let Some((agent, phone)) = call.talking.take() {
            let member = field("Interface", &format!("PJSIP/{agent}")) + "Reason: caller\r\n";
            text += &event("AgentComplete", "agent", &[&caller.block(""), &phone.block("Dest"), &queue, &member]);
            text += &parted(&caller, &phone);
            text += &self.end(&phone, 16);
            text += &self.device(&agent, Device::NotInUse);
        }
        if call.waits {
            text += &event("QueueCallerAbandon", "agent", &[&caller.block(""), &queue]);
            text += &event("QueueCallerLeave", "agent", &[&caller.block(""), &queue]);
        }
        text += &self.stop_ringing(&mut call, 0);
        text += &self.end(&caller, 16);
        self.say(text).await;
    }

    /// From now on whatever the daemon asks to have done is refused in these words.
    pub fn refuse(&self, words: &str) {
        self.lists.send_modify(|lists| lists.refusing = Some(words.to_owned()));
    }

    /// From now on the daemon gets no answer to what it asks to have done.
    pub fn say_nothing(&self) {
        self.lists.send_modify(|lists| lists.refusing = Some(String::new()));
    }

    /// The next that the daemon asked to have done, header by header.
    pub async fn asked(&mut self) -> BTreeMap<String, String> {
        timeout(PATIENCE, self.asked.recv()).await.expect("an action").expect("the PBX listens")
    }

    /// Whether the daemon has asked for something that the test has not looked at.
    pub fn was_asked(&mut self) -> bool {
        self.asked.try_recv().is_ok()
    }

    /// An agent is on a break from all queues, or (none) no longer.
    pub async fn rests(&mut self, agent: &str, reason: Option<&str>) {
        self.rests_where(|member| member.agent == agent, reason).await;
    }

    /// The same, in one queue.
    pub async fn rests_in(&mut self, queue: &str, agent: &str, reason: Option<&str>) {
        self.rests_where(|member| member.agent == agent && member.queue == queue, reason).await;
    }

    async fn rests_where(&mut self, which: impl Fn(&Member) -> bool, reason: Option<&str>) {
        let mut text = String::new();
        for member in self.members.iter_mut().filter(|member| which(member)) {
            member.paused = reason.map(str::to_owned);
            text += &event("QueueMemberPause", "agent", &[&member.block("MemberName", "Interface")]);
        }
        self.say(text).await;
    }

    /// A phone that was rung for an application is picked up.
    pub async fn picks_up(&mut self, asked: &BTreeMap<String, String>) -> Listener {
        let agent = asked["Channel"].trim_start_matches("PJSIP/").to_owned();
        let mut phone = self.leg(&agent, None, &agent, &format!("Agent {agent}"), "s", 0);
        phone.id = asked["ChannelId"].clone();
        phone.linked = phone.id.clone();
        let began = event("Newchannel", "call", &[&phone.block("")]);
        phone.state = 6;
        self.up.insert(phone.id.clone(), phone.clone());
        let up = event("Newstate", "call", &[&phone.block("")]);
        let spies = event("ChanSpyStart", "call", &[&phone.block("Spyer")]);
        let device = self.device(&agent, Device::InUse);
        self.say([began, up, spies, device].concat()).await;
        Listener { agent, phone }
    }

    pub async fn puts_down(&mut self, listener: Listener) {
        let mut text = event("ChanSpyStop", "call", &[&listener.phone.block("Spyer")]);
        text += &self.end(&listener.phone, 16);
        text += &self.device(&listener.agent, Device::NotInUse);
        self.say(text).await;
    }

    /// What the daemon asked to have dialled.
    pub async fn originated(&mut self) -> Originate {
        let headers = self.asked().await;
        let agent = headers["Channel"].trim_start_matches("PJSIP/").to_owned();
        Originate { agent, exten: headers["Exten"].clone(), headers }
    }

    /// The agent picks their own phone up, and the number that was asked for rings.
    pub async fn dial(&mut self, asked: &Originate) -> Outbound {
        let mut phone = self.leg(&asked.agent, None, &asked.agent, &format!("Agent {}", asked.agent), "s", 0);
        phone.id = asked.headers["ChannelId"].clone();
        phone.linked = phone.id.clone();
        let began = event("Newchannel", "call", &[&phone.block("")]);
        let done = [
            field("ActionID", &asked.headers["ActionID"]),
            "Response: Success\r\n".to_owned(),
            field("Channel", &phone.channel()),
            "Reason: 4\r\n".to_owned(),
            field("Uniqueid", &phone.id),
        ]
        .concat();
        phone.state = 6;
        phone.exten = asked.exten.clone();
        let picked_up = event("Newstate", "call", &[&phone.block("")]);
        let done = event("OriginateResponse", "call", &[&done]);
        self.ring_out(&asked.agent, phone, [began, picked_up, done].concat()).await
    }

    /// The agent dials with the phone's own keys, and the number rings.
    pub async fn keys(&mut self, agent: &str, number: &str) -> Outbound {
        let mut phone = self.leg(agent, None, agent, &format!("Agent {agent}"), number, 0);
        let began = event("Newchannel", "call", &[&phone.block("")]);
        phone.state = 4;
        let rings = event("Newstate", "call", &[&phone.block("")]);
        self.ring_out(agent, phone, [began, rings].concat()).await
    }

    async fn ring_out(&mut self, agent: &str, phone: Leg, before: String) -> Outbound {
        let mut line = self.leg("trunk", Some(&phone), "<unknown>", "<unknown>", "s", 0);
        let begun = event("Newchannel", "call", &[&line.block("")]);
        line.number = phone.exten.clone();
        line.exten = phone.exten.clone();
        line.state = 5;
        for leg in [&phone, &line] {
            self.up.insert(leg.id.clone(), leg.clone());
        }
        let both = [phone.block(""), line.block("Dest")].concat();
        let dialled = field("DialString", &format!("{}@trunk", phone.exten));
        let text = [
            before,
            self.device(agent, Device::InUse),
            begun,
            event("DialBegin", "call", &[&both, &dialled]),
            event("Newstate", "call", &[&line.block("")]),
        ]
        .concat();
        self.say(text).await;
        Outbound { agent: agent.to_owned(), phone, line, answered: false }
    }

    /// The dialled party answers.
    pub async fn answered(&mut self, call: &mut Outbound) {
        call.line.state = 6;
        call.answered = true;
        self.up.insert(call.line.id.clone(), call.line.clone());
        let both = [call.phone.block(""), call.line.block("Dest")].concat();
        let text = [
            event("Newstate", "call", &[&call.line.block("")]),
            event("DialEnd", "call", &[&both, "DialStatus: ANSWER\r\n"]),
            bridged(&call.line, &call.phone),
        ]
        .concat();
        self.say(text).await;
    }

    /// The agent hangs up.
    pub async fn lay_down(&mut self, call: Outbound) {
        let mut text = event("HangupRequest", "call", &[&call.phone.block(""), "Cause: 16\r\n"]);
        if call.answered {
            text += &parted(&call.phone, &call.line);
        } else {
            let both = [call.phone.block(""), call.line.block("Dest")].concat();
            text += &event("DialEnd", "call", &[&both, "DialStatus: CANCEL\r\n"]);
        }
        text += &self.end(&call.line, 16);
        text += &self.end(&call.phone, 16);
        text += &self.device(&call.agent, Device::NotInUse);
        self.say(text).await;
    }

    fn leg(&mut self, device: &str, linked: Option<&Leg>, number: &str, name: &str, exten: &str, state: u8) -> Leg {
        self.legs_made += 1;
        let id = format!("script-1795293548.{}", self.legs_made);
        let linked = linked.map_or_else(|| id.clone(), |leg| leg.linked.clone());
        Leg {
            device: device.into(),
            nth: self.legs_made,
            id,
            linked,
            number: number.into(),
            name: name.into(),
            exten: exten.into(),
            state,
        }
    }

    fn stop_ringing(&mut self, call: &mut Inbound, cause: u8) -> String {
        let mut text = String::new();
        for (agent, phone) in std::mem::take(&mut call.ringing) {
            let both = [call.caller.block(""), phone.block("Dest")].concat();
            text += &event("DialEnd", "call", &[&both, "DialStatus: CANCEL\r\n"]);
            text += &self.end(&phone, cause);
            text += &self.device(&agent, Device::NotInUse);
        }
        text
    }

    fn end(&mut self, leg: &Leg, cause: u8) -> String {
        self.up.remove(&leg.id);
        event("Hangup", "call", &[&leg.block(""), &field("Cause", &cause.to_string())])
    }

    fn device(&mut self, agent: &str, status: Device) -> String {
        let device = [field("Device", &format!("PJSIP/{agent}")), field("State", status.word())].concat();
        let mut text = event("DeviceStateChange", "call", &[&device]);
        for member in self.members.iter_mut().filter(|member| member.agent == agent) {
            member.status = status;
            text += &event("QueueMemberStatus", "agent", &[&member.block("MemberName", "Interface")]);
        }
        text
    }

    /// Says it to whoever listens; when the last byte was written.
    async fn say(&mut self, text: String) -> SystemTime {
        self.stands();
        self.order(|done| Order::Say(text, done)).await
    }

    async fn order(&mut self, order: impl FnOnce(oneshot::Sender<SystemTime>) -> Order) -> SystemTime {
        let (done, at) = oneshot::channel();
        self.orders.send(order(done)).await.expect("the PBX runs");
        at.await.expect("the PBX runs")
    }

    /// What a listener that comes now is told.
    fn stands(&self) {
        let mut queues: Vec<&str> = self.members.iter().map(|member| member.queue.as_str()).collect();
        queues.dedup();
        let mut status: Vec<String> = queues
            .iter()
            .map(|queue| format!("Event: QueueParams\r\nQueue: {queue}\r\nMax: 0\r\nStrategy: ringall\r\nCalls: 0\r\n"))
            .collect();
        let members = self.members.iter();
        status.extend(members.map(|member| format!("Event: QueueMember\r\n{}", member.block("Name", "Location"))));
        let channels = self.up.values().map(|leg| format!("Event: CoreShowChannel\r\n{}", leg.block(""))).collect();
        self.lists.send_modify(|lists| (lists.status, lists.channels) = (status, channels));
    }
}

impl Member {
    fn block(&self, name: &str, interface: &str) -> String {
        let (queue, agent) = (&self.queue, &self.agent);
        format!(
            "Queue: {queue}\r\n{name}: Agent {agent}\r\n{interface}: PJSIP/{agent}\r\nStateInterface: PJSIP/{agent}\r\n\
             Membership: static\r\nPenalty: 0\r\nCallsTaken: 0\r\nLastCall: 0\r\nLastPause: 0\r\nInCall: 0\r\n\
             Status: {}\r\nPaused: {}\r\nPausedReason: {}\r\nWrapuptime: 0\r\n",
            self.status as u8,
            u8::from(self.paused.is_some()),
            self.paused.as_deref().unwrap_or_default()
        )
    }
}

impl Leg {
    fn channel(&self) -> String {
        format!("PJSIP/{}-{:08x}", self.device, self.nth)
    }

    /// The channel's lines in an event, with their names prefixed.
    fn block(&self, prefix: &str) -> String {
        let word = match self.state {
            0 => "Down",
            4 => "Ring",
            5 => "Ringing",
            _ => "Up",
        };
        let state = self.state.to_string();
        let lines = [
            ("Channel", self.channel()),
            ("ChannelState", state),
            ("ChannelStateDesc", word.to_owned()),
            ("CallerIDNum", escape(&self.number)),
            ("CallerIDName", escape(&self.name)),
            ("ConnectedLineNum", "<unknown>".to_owned()),
            ("ConnectedLineName", "<unknown>".to_owned()),
            ("Exten", self.exten.clone()),
            ("Uniqueid", self.id.clone()),
            ("Linkedid", self.linked.clone()),
        ];
        lines.iter().map(|(key, value)| field(&format!("{prefix}{key}"), value)).collect()
    }
}

fn bridged(first: &Leg, second: &Leg) -> String {
    let bridge = |count: u8| bridge(first, count);
    [
        event("BridgeCreate", "call", &[&bridge(0)]),
        event("BridgeEnter", "call", &[&bridge(1), &first.block("")]),
        event("BridgeEnter", "call", &[&bridge(2), &second.block("")]),
    ]
    .concat()
}

fn parted(first: &Leg, second: &Leg) -> String {
    // A bridge goes by the call; either leg leads to its name.
    let bridge = |count: u8| bridge(first, count);
    [
        event("BridgeLeave", "call", &[&bridge(1), &first.block("")]),
        event("BridgeLeave", "call", &[&bridge(0), &second.block("")]),
        event("BridgeDestroy", "call", &[&bridge(0)]),
    ]
    .concat()
}

fn bridge(leg: &Leg, count: u8) -> String {
    format!(
        "BridgeUniqueid: bridge-of-{}\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\nBridgeNumChannels: {count}\r\n",
        leg.linked
    )
}

fn event(name: &str, class: &str, parts: &[&str]) -> String {
    format!("Event: {name}\r\nPrivilege: {class},all\r\n{}\r\n", parts.concat())
}

fn field(key: &str, value: &str) -> String {
    format!("{key}: {value}\r\n")
}

/// As `ast_escape_c` writes a name: no name can end its line.
fn escape(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, c| {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' | '\'' | '"' | '?' => out.extend(['\\', c]),
            c => out.push(c),
        }
        out
    })
}

/// The items of its two lists, without their ids.
#[derive(Clone, Default)]
struct Standing {
    status: Vec<String>,
    channels: Vec<String>,
    refusing: Option<String>,
}

enum Order {
    Say(String, oneshot::Sender<SystemTime>),
    Cut(oneshot::Sender<SystemTime>),
    Mend(oneshot::Sender<SystemTime>),
}

/// The socket's end, in a task of its own.
struct Line {
    address: SocketAddr,
    listener: Option<TcpListener>,
    session: Option<Session>,
    standing: watch::Receiver<Standing>,
    snapshots: watch::Sender<u64>,
    tell: mpsc::Sender<BTreeMap<String, String>>,
}

struct Session {
    lines: Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
    action: BTreeMap<String, String>,
}

impl Line {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                socket = accept(self.listener.as_ref()) => self.greet(socket).await,
                line = next_line(self.session.as_mut()) => self.line(line).await,
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
            }
        }
    }

    async fn greet(&mut self, socket: TcpStream) {
        socket.set_nodelay(true).expect("a socket");
        let (read, mut out) = socket.into_split();
        if out.write_all(b"Asterisk Call Manager/11.0.0\r\n").await.is_ok() {
            self.session = Some(Session { lines: BufReader::new(read).lines(), out, action: BTreeMap::new() });
        }
    }

    async fn line(&mut self, line: Option<String>) {
        let (Some(session), Some(line)) = (self.session.as_mut(), line) else {
            self.session = None;
            return;
        };
        if let Some((key, value)) = line.split_once(": ") {
            session.action.insert(key.to_owned(), value.to_owned());
            return;
        }
        let action = std::mem::take(&mut session.action);
        let Some(name) = action.get("Action").cloned() else { return };
        let answer = self.answer(&action);
        if let Some(session) = self.session.as_mut()
            && session.out.write_all(answer.as_bytes()).await.is_err()
        {
            self.session = None;
        }
        match name.as_str() {
            "CoreShowChannels" => self.snapshots.send_modify(|count| *count += 1),
            "Originate" | "Hangup" | "QueuePause" => self.tell.send(action).await.unwrap_or_default(),
            _ => {}
        }
    }

    fn answer(&self, action: &BTreeMap<String, String>) -> String {
        let id = action.get("ActionID").map_or_else(String::new, |id| field("ActionID", id));
        let lists = self.standing.borrow();
        match action["Action"].as_str() {
            "Challenge" => format!("Response: Success\r\n{id}Challenge: 123456789\r\n\r\n"),
            "CoreSettings" => {
                format!("Response: Success\r\n{id}AMIversion: 11.0.0\r\nAsteriskVersion: 22.10.0\r\n\r\n")
            }
            "CoreStatus" => {
                format!("Response: Success\r\n{id}CoreStartupDate: 2026-11-21\r\nCoreStartupTime: 20:37:13\r\n\r\n")
            }
            "QueueStatus" => list(&id, &lists.status, "QueueStatusComplete"),
            "BridgeList" => list(&id, &[], "BridgeListComplete"),
            "CoreShowChannels" => list(&id, &lists.channels, "CoreShowChannelsComplete"),
            "Ping" => format!(
                "Response: Success\r\n{id}Ping: Pong\r\nTimestamp: {}.000000\r\n\r\n",
                chrono::Utc::now().timestamp()
            ),
            "Originate" | "Hangup" | "QueuePause" => match &lists.refusing {
                Some(words) if words.is_empty() => String::new(),
                Some(words) => format!("Response: Error\r\n{id}Message: {words}\r\n\r\n"),
                None => format!("Response: Success\r\n{id}Message: done\r\n\r\n"),
            },
            _ => format!("Response: Success\r\n{id}Message: Authentication accepted\r\n\r\n"),
        }
    }

    async fn obey(&mut self, order: Order) {
        let done = match order {
            Order::Say(text, done) => {
                if let Some(session) = self.session.as_mut() {
                    session.out.write_all(text.as_bytes()).await.expect("the daemon reads");
                }
                done
            }
            Order::Cut(done) => {
                self.session = None;
                self.listener = None;
                done
            }
            Order::Mend(done) => {
                self.listener = Some(TcpListener::bind(self.address).await.expect("its own port again"));
                done
            }
        };
        // Nobody waits when the test has ended.
        let _ = done.send(SystemTime::now());
    }
}

fn list(id: &str, items: &[String], end: &str) -> String {
    let mut text = format!("Response: Success\r\n{id}EventList: start\r\nMessage: will follow\r\n\r\n");
    for item in items {
        text += &format!("{item}{id}\r\n");
    }
    text += &format!("Event: {end}\r\n{id}EventList: Complete\r\nListItems: {}\r\n\r\n", items.len());
    text
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => listener.accept().await.expect("a connection").0,
        None => std::future::pending().await,
    }
}

/// None when the other side has gone.
async fn next_line(session: Option<&mut Session>) -> Option<String> {
    match session {
        Some(session) => session.lines.next_line().await.ok().flatten(),
        None => std::future::pending().await,
    }
}
