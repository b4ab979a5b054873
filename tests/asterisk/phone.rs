//! Toy SIP phones over UDP: they ring, answer, decline, hold, press keys, transfer, and hang up.
//! Each phone is a task that owns its dialogs; tests hold [`Line`]s to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::headset::{Headset, Sound};
use crate::house::PATIENCE;

/// What a phone does when it is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    Ring,
    Answer { after: Duration },
    Decline { after: Duration },
}

/// One phone. Its task ends with it.
pub struct Phone {
    orders: mpsc::UnboundedSender<(String, Order)>,
    incoming: mpsc::UnboundedReceiver<Line>,
    next_id: AtomicU64,
    address: SocketAddr,
    headset: Headset,
}

/// One call of a phone, from the phone's side.
#[derive(Clone)]
pub struct Line {
    id: String,
    orders: mpsc::UnboundedSender<(String, Order)>,
    state: watch::Receiver<LineState>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LineState {
    Calling,
    Ringing,
    /// With what another phone must name to replace this dialog: Call-ID, to-tag, from-tag.
    Up {
        replaces: String,
        since: Instant,
    },
    /// `486`, `BYE`, `CANCEL`, or `here` when this side hung up; and how long it had been up.
    Ended {
        how: String,
        talked: Duration,
    },
}

enum Order {
    Manner(Manner),
    Call { number: String, from: String, name: Option<Vec<u8>>, state: watch::Sender<LineState> },
    Answer,
    Decline,
    HangUp,
    Hold(bool),
    Keys(char),
    Speak { sound: Sound, said: oneshot::Sender<()> },
    Refer { number: String, replaces: Option<String> },
}

impl Phone {
    pub async fn start(user: &str, address: SocketAddr, pbx: SocketAddr) -> Phone {
        let socket = UdpSocket::bind(address).await.unwrap_or_else(|why| panic!("phone {user} at {address}: {why}"));
        let (orders, ordered) = mpsc::unbounded_channel();
        let (rings, incoming) = mpsc::unbounded_channel();
        let headset = Headset::new(address.ip()).await;
        let set = Set {
            user: user.to_owned(),
            address,
            pbx,
            socket,
            manner: Manner::Answer { after: Duration::from_millis(300) },
            dialogs: BTreeMap::new(),
            rings,
            orders: orders.downgrade(),
            headset: headset.clone(),
            made: 0,
        };
        tokio::spawn(set.run(ordered));
        Phone { orders, incoming, next_id: AtomicU64::new(0), address, headset }
    }

    /// See [`Headset::heard`].
    pub fn heard(&self) -> usize {
        self.headset.heard()
    }

    pub fn will(&self, manner: Manner) {
        let _ = self.orders.send((String::new(), Order::Manner(manner)));
    }

    /// Dials; `from` is the number that is shown, and `name` the name, in whatever charset: a trunk
    /// may choose both freely.
    pub fn call(&self, number: &str, from: &str, name: Option<&[u8]>) -> Line {
        let nth = self.next_id.fetch_add(1, Ordering::Relaxed);
        let id = format!("{nth}-{}@{}", std::process::id(), self.address);
        let (state, seen) = watch::channel(LineState::Calling);
        let order =
            Order::Call { number: number.to_owned(), from: from.to_owned(), name: name.map(<[u8]>::to_vec), state };
        let _ = self.orders.send((id.clone(), order));
        Line { id, orders: self.orders.clone(), state: seen }
    }

    /// The next call that this phone gets.
    pub async fn rung(&mut self) -> Line {
        let line = timeout(PATIENCE, self.incoming.recv()).await.expect("a call in time");
        line.expect("the phone is there")
    }
}

impl Line {
    /// BYE when up, CANCEL before.
    pub fn hang_up(&self) {
        self.order(Order::HangUp);
    }

    pub fn hold(&self, on: bool) {
        self.order(Order::Hold(on));
    }

    /// Presses keys, as INFO.
    pub async fn press(&self, keys: &str) {
        for key in keys.chars() {
            self.order(Order::Keys(key));
            // Asterisk takes a key to last until it has seen its duration.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Sends a second of sound; waits until it is said.
    pub async fn speak(&self, sound: Sound) {
        let (said, done) = oneshot::channel();
        self.order(Order::Speak { sound, said });
        let _ = done.await;
    }

    /// REFER: a blind transfer by the phone's own button.
    pub fn refer(&self, number: &str) {
        self.order(Order::Refer { number: number.to_owned(), replaces: None });
    }

    /// REFER with Replaces: puts the far side through to that of `other`, a line of this phone
    /// that `number` has answered.
    pub async fn refer_to(&self, number: &str, other: &Line) {
        self.order(Order::Refer { number: number.to_owned(), replaces: Some(other.up().await) });
    }

    pub async fn up(&self) -> String {
        let is_up = |state: &LineState| matches!(state, LineState::Up { .. } | LineState::Ended { .. });
        match self.becomes("answered", is_up).await {
            LineState::Up { replaces, .. } => replaces,
            other => panic!("{}: never answered: {other:?}", self.id),
        }
    }

    /// How it ended.
    pub async fn ended(&self) -> String {
        self.over().await.0
    }

    /// For how many whole seconds it was up, once it is over.
    pub async fn talked_s(&self) -> u64 {
        (self.over().await.1.as_secs_f64().round()) as u64
    }

    async fn over(&self) -> (String, Duration) {
        match self.becomes("over", |state| matches!(state, LineState::Ended { .. })).await {
            LineState::Ended { how, talked } => (how, talked),
            other => unreachable!("{other:?}"),
        }
    }

    async fn becomes(&self, what: &str, is: impl FnMut(&LineState) -> bool) -> LineState {
        let mut state = self.state.clone();
        let seen = timeout(PATIENCE, state.wait_for(is)).await;
        let seen = seen.unwrap_or_else(|_| panic!("{} is not {what}: {:?}", self.id, *self.state.borrow()));
        seen.expect("the phone is there").clone()
    }

    fn order(&self, order: Order) {
        let _ = self.orders.send((self.id.clone(), order));
    }
}

/// The telephone set itself: its socket and its dialogs, by Call-ID.
struct Set {
    user: String,
    address: SocketAddr,
    pbx: SocketAddr,
    socket: UdpSocket,
    manner: Manner,
    dialogs: BTreeMap<String, Dialog>,
    rings: mpsc::UnboundedSender<Line>,
    orders: mpsc::WeakUnboundedSender<(String, Order)>,
    headset: Headset,
    made: u64,
}

struct Dialog {
    /// The INVITE that we got; none when we called.
    invite: Option<Message>,
    state: watch::Sender<LineState>,
    /// The far side's address, for requests.
    uri: String,
    /// From and To of our own requests, with their tags.
    local: String,
    remote: String,
    branch: String,
    cseq: u32,
    sdp_version: u32,
    held: bool,
    /// Where the far side wants to hear.
    hears_at: Option<SocketAddr>,
}

/// How long a refused re-INVITE waits.
const AGAIN: Duration = Duration::from_millis(300);

/// In its texts, as in all that is sent, a char stands for a byte: names come in any charset.
#[derive(Clone)]
struct Message {
    start: String,
    headers: Vec<(String, String)>,
    /// Where the sender wants to hear, as its SDP says.
    hears_at: Option<SocketAddr>,
}

impl Message {
    fn parse(bytes: &[u8]) -> Option<Message> {
        let text = of_bytes(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        let sdp = |key: &str| body.split("\r\n").find_map(|line| line.strip_prefix(key)?.split(' ').next());
        let hears_at = sdp("c=IN IP4 ").zip(sdp("m=audio ")).and_then(|(ip, port)| format!("{ip}:{port}").parse().ok());
        Some(Message { start, headers: lines.filter_map(header).collect(), hears_at })
    }

    fn get(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }
}

impl Set {
    async fn run(mut self, mut ordered: mpsc::UnboundedReceiver<(String, Order)>) {
        let mut datagram = vec![0; 65_536];
        loop {
            tokio::select! {
                order = ordered.recv() => match order {
                    Some((id, order)) => self.obey(id, order).await,
                    None => return,
                },
                got = self.socket.recv_from(&mut datagram) => {
                    let Ok((length, from)) = got else { continue };
                    if let Some(message) = Message::parse(&datagram[..length]) {
                        self.hear(message, from).await;
                    }
                }
            }
        }
    }

    async fn hear(&mut self, message: Message, from: SocketAddr) {
        let id = message.get("call-id").to_owned();
        if let Some(status) = message.status() {
            return self.hear_response(&id, status, &message).await;
        }
        match message.start.split(' ').next().unwrap_or("") {
            "INVITE" if self.dialogs.contains_key(&id) => {
                let body = self.sdp(&id, true);
                self.reply(&message, "200 OK", &body, from).await;
            }
            "INVITE" => self.ring(id, message, from).await,
            "CANCEL" => {
                self.reply(&message, "200 OK", "", from).await;
                if let Some(invite) = self.dialogs.get(&id).and_then(|dialog| dialog.invite.clone()) {
                    self.reply(&invite, "487 Request Terminated", "", from).await;
                }
                self.end(&id, "CANCEL");
            }
            "BYE" => {
                self.reply(&message, "200 OK", "", from).await;
                self.end(&id, "BYE");
            }
            "ACK" => {}
            _ => self.reply(&message, "200 OK", "", from).await,
        }
    }

    async fn ring(&mut self, id: String, invite: Message, from: SocketAddr) {
        self.reply(&invite, "100 Trying", "", from).await;
        self.reply(&invite, "180 Ringing", "", from).await;
        let (state, seen) = watch::channel(LineState::Ringing);
        let uri = between(invite.get("contact"), '<', '>').to_owned();
        let hears_at = invite.hears_at;
        let dialog = Dialog {
            uri,
            local: format!("{};tag={}", invite.get("to"), self.tag(&id)),
            remote: invite.get("from").to_owned(),
            invite: Some(invite),
            state,
            branch: String::new(),
            cseq: 100,
            sdp_version: 1,
            held: false,
            hears_at,
        };
        self.dialogs.insert(id.clone(), dialog);
        let Some(orders) = self.orders.upgrade() else { return };
        let _ = self.rings.send(Line { id: id.clone(), orders: orders.clone(), state: seen });
        let (after, order) = match self.manner {
            Manner::Ring => return,
            Manner::Answer { after } => (after, Order::Answer),
            Manner::Decline { after } => (after, Order::Decline),
        };
        self.order_later(orders, &id, after, order);
    }

    fn order_later(&self, orders: mpsc::UnboundedSender<(String, Order)>, id: &str, after: Duration, order: Order) {
        let id = id.to_owned();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let _ = orders.send((id, order));
        });
    }

    async fn hear_response(&mut self, id: &str, status: u16, message: &Message) {
        let (number, method) = message.get("cseq").split_once(' ').unwrap_or(("0", ""));
        let (number, method) = (number.parse().unwrap_or(0), method.to_owned());
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        if method != "INVITE" || status < 200 {
            return;
        }
        dialog.remote = message.get("to").to_owned();
        if status < 300 {
            dialog.hears_at = message.hears_at.or(dialog.hears_at);
            let contact = between(message.get("contact"), '<', '>');
            if !contact.is_empty() {
                dialog.uri = contact.to_owned();
            }
            let branch = self.branch();
            self.request(id, "ACK", "", Some((number, branch)), &[]).await;
            self.now_up(id);
        } else {
            let (branch, held) = (dialog.branch.clone(), dialog.held);
            let is_up = matches!(*dialog.state.borrow(), LineState::Up { .. });
            self.request(id, "ACK", "", Some((number, branch)), &[]).await;
            match self.orders.upgrade() {
                // Asterisk was busy with an offer of its own: again in a moment (RFC 3261, 14.1).
                Some(orders) if is_up => self.order_later(orders, id, AGAIN, Order::Hold(held)),
                _ => self.end(id, &status.to_string()),
            }
        }
    }

    async fn obey(&mut self, id: String, order: Order) {
        match order {
            Order::Manner(manner) => self.manner = manner,
            Order::Call { number, from, name, state } => {
                let uri = format!("sip:{number}@{}", self.pbx);
                let name = name.map_or(String::new(), |name| format!("\"{}\" ", of_bytes(&name)));
                let dialog = Dialog {
                    invite: None,
                    state,
                    local: format!("{name}<sip:{from}@{}>;tag={}", self.address, self.tag(&id)),
                    remote: format!("<{uri}>"),
                    uri,
                    branch: self.branch(),
                    cseq: 1,
                    sdp_version: 1,
                    held: false,
                    hears_at: None,
                };
                let branch = dialog.branch.clone();
                self.dialogs.insert(id.clone(), dialog);
                let body = self.sdp(&id, true);
                self.request(&id, "INVITE", &body, Some((1, branch)), &[]).await;
            }
            Order::Answer => {
                if let Some(invite) = self.dialogs.get(&id).and_then(|dialog| dialog.invite.clone()) {
                    let body = self.sdp(&id, true);
                    self.reply(&invite, "200 OK", &body, self.pbx).await;
                    self.now_up(&id);
                }
            }
            Order::Decline => {
                if let Some(invite) = self.dialogs.get(&id).and_then(|dialog| dialog.invite.clone()) {
                    self.reply(&invite, "486 Busy Here", "", self.pbx).await;
                    self.end(&id, "here");
                }
            }
            Order::HangUp => {
                let Some(dialog) = self.dialogs.get(&id) else { return };
                if matches!(*dialog.state.borrow(), LineState::Up { .. }) {
                    self.request(&id, "BYE", "", None, &[]).await;
                } else {
                    let as_invited = (dialog.cseq, dialog.branch.clone());
                    self.request(&id, "CANCEL", "", Some(as_invited), &[]).await;
                }
                self.end(&id, "here");
            }
            Order::Hold(on) => {
                let (body, branch) = (self.sdp(&id, !on), self.branch());
                let Some(dialog) = self.dialogs.get_mut(&id) else { return };
                dialog.held = on;
                dialog.cseq += 1;
                dialog.branch = branch.clone();
                let fixed = Some((dialog.cseq, branch));
                self.request(&id, "INVITE", &body, fixed, &[]).await;
            }
            Order::Keys(key) => {
                let body = format!("Signal={key}\r\nDuration=160\r\n");
                self.request(&id, "INFO", &body, None, &[]).await;
            }
            Order::Speak { sound, said } => {
                if let Some(hears_at) = self.dialogs.get(&id).and_then(|dialog| dialog.hears_at) {
                    let headset = self.headset.clone();
                    tokio::spawn(async move {
                        headset.speak(hears_at, sound).await;
                        let _ = said.send(());
                    });
                }
            }
            Order::Refer { number, replaces } => {
                let escaped = |dialog: String| dialog.replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
                let replaces = replaces.map_or(String::new(), |dialog| format!("?Replaces={}", escaped(dialog)));
                let refer_to = format!("Refer-To: <sip:{number}@{}{replaces}>", self.pbx);
                let by = format!("Referred-By: <sip:{}@{}>", self.user, self.address);
                self.request(&id, "REFER", "", None, &[refer_to, by]).await;
            }
        }
    }

    fn now_up(&mut self, id: &str) {
        let Some(dialog) = self.dialogs.get(id) else { return };
        let tag = |address: &str| address.split(";tag=").nth(1).unwrap_or("").to_owned();
        let replaces = format!("{id};to-tag={};from-tag={}", tag(&dialog.remote), tag(&dialog.local));
        dialog.state.send_replace(LineState::Up { replaces, since: Instant::now() });
    }

    /// The dialog stays known, so that what still comes for it is answered.
    fn end(&mut self, id: &str, how: &str) {
        if let Some(dialog) = self.dialogs.get(id) {
            dialog.state.send_if_modified(|state| {
                let talked = match state {
                    LineState::Calling | LineState::Ringing => Duration::ZERO,
                    LineState::Up { since, .. } => since.elapsed(),
                    LineState::Ended { .. } => return false,
                };
                *state = LineState::Ended { how: how.to_owned(), talked };
                true
            });
        }
    }

    /// A request within a dialog; `fixed` are the number and branch where they are not new ones.
    async fn request(&mut self, id: &str, method: &str, body: &str, fixed: Option<(u32, String)>, extra: &[String]) {
        let fresh = self.branch();
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        let (cseq, branch) = fixed.unwrap_or_else(|| {
            dialog.cseq += 1;
            (dialog.cseq, fresh)
        });
        let mut lines = vec![
            format!("{method} {} SIP/2.0", dialog.uri),
            format!("Via: SIP/2.0/UDP {};branch={branch}", self.address),
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", dialog.local),
            format!("To: {}", dialog.remote),
            format!("Call-ID: {id}"),
            format!("CSeq: {cseq} {method}"),
            format!("Contact: <sip:{}@{}>", self.user, self.address),
        ];
        lines.extend_from_slice(extra);
        self.send(lines, body, self.pbx).await;
    }

    async fn reply(&self, request: &Message, status: &str, body: &str, to: SocketAddr) {
        let id = request.get("call-id");
        let tag = if status.starts_with("100") || request.get("to").contains(";tag=") {
            String::new()
        } else {
            format!(";tag={}", self.tag(id))
        };
        let mut lines = vec![format!("SIP/2.0 {status}")];
        for (name, value) in &request.headers {
            match name.as_str() {
                "via" => lines.push(format!("Via: {value}")),
                "record-route" => lines.push(format!("Record-Route: {value}")),
                "from" => lines.push(format!("From: {value}")),
                "to" => lines.push(format!("To: {value}{tag}")),
                "call-id" => lines.push(format!("Call-ID: {value}")),
                "cseq" => lines.push(format!("CSeq: {value}")),
                _ => {}
            }
        }
        lines.push(format!("Contact: <sip:{}@{}>", self.user, self.address));
        self.send(lines, body, to).await;
    }

    async fn send(&self, mut lines: Vec<String>, body: &str, to: SocketAddr) {
        match body.get(..2) {
            Some("v=") => lines.push("Content-Type: application/sdp".to_owned()),
            Some(_) => lines.push("Content-Type: application/dtmf-relay".to_owned()),
            None => {}
        }
        lines.push(format!("Content-Length: {}", body.len()));
        let text = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
        let bytes: Vec<u8> = text.chars().map(|char| char as u8).collect();
        let _ = self.socket.send_to(&bytes, to).await;
    }

    fn sdp(&mut self, id: &str, sends_and_hears: bool) -> String {
        let (ip, port) = (self.address.ip(), self.headset.port());
        let Some(dialog) = self.dialogs.get_mut(id) else { return String::new() };
        let version = dialog.sdp_version;
        dialog.sdp_version += 1;
        let direction = if sends_and_hears { "sendrecv" } else { "sendonly" };
        format!(
            "v=0\r\no=toy 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
        )
    }

    fn branch(&mut self) -> String {
        self.made += 1;
        format!("z9hG4bK-{}-{}-{}", self.address.port(), std::process::id(), self.made)
    }

    /// The same for every message of a dialog.
    fn tag(&self, id: &str) -> String {
        format!("t{}x{}", self.address.port(), id.len() + id.bytes().map(usize::from).sum::<usize>())
    }
}

fn of_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn between(text: &str, open: char, close: char) -> &str {
    text.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map_or("", |(inner, _)| inner)
}
