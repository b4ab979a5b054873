//! The simulated Asterisk's manager port: signs sessions in, answers them, and tells them what
//! happens.
//!
//! One task owns the hotline and plays it on the clock; each session is a task of its own that
//! asks the owner and hears events through one shared ring. A session that does not keep up is
//! dropped, as Asterisk drops one whose socket stays full beyond its `writetimeout`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::Utc;
use md5::{Digest, Md5};
use rand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::Simulation;
use super::actions::{self, Action};
use super::ami::{Class, Packet, Said};
use super::hotline::Hotline;

/// Events that wait for a session: some seconds of the heaviest load, so that a session that
/// reads at all is never dropped for a pause of its own.
const EVENTS_KEPT: usize = 65_536;

/// Questions of all sessions together; each session asks one at a time.
const QUESTIONS_KEPT: usize = SESSIONS_MAX;

/// As Asterisk's `authlimit`, so that a client that leaks connections notices.
const SESSIONS_MAX: usize = 50;

/// A write that takes longer ends the session.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// As Asterisk's `authtimeout`.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Asterisk takes no longer line, and no more headers in an action.
const LINE_MAX: usize = 1024;
const HEADERS_MAX: usize = 128;

/// A manager port that is open; [`Server::run`] serves it.
pub struct Server {
    listener: TcpListener,
    simulation: Simulation,
}

/// A session asks the owner of the hotline.
struct Question {
    action: Action,
    reply: oneshot::Sender<Bytes>,
}

/// What every session shares.
struct Port {
    username: String,
    secret: String,
    questions: mpsc::Sender<Question>,
    events: broadcast::Sender<Said>,
    started: std::time::Instant,
    write_timeout: Duration,
}

impl Server {
    pub async fn bind(simulation: Simulation, listen: SocketAddr) -> io::Result<Server> {
        let listener = TcpListener::bind(listen).await?;
        Ok(Server { listener, simulation })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Plays until told to stop; sessions end with it.
    pub async fn run(self, stop: CancellationToken) {
        let (questions, asked) = mpsc::channel(QUESTIONS_KEPT);
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let hotline = Hotline::new(&self.simulation, Utc::now());
        let port = Arc::new(Port {
            username: self.simulation.username,
            secret: self.simulation.secret,
            questions,
            events: events.clone(),
            started: std::time::Instant::now(),
            write_timeout: WRITE_TIMEOUT,
        });
        tokio::join!(play(hotline, asked, events, stop.clone()), accept(self.listener, port, stop));
    }
}

/// Owns the hotline: lets happen what is due, and answers.
async fn play(
    mut hotline: Hotline,
    mut asked: mpsc::Receiver<Question>,
    events: broadcast::Sender<Said>,
    stop: CancellationToken,
) {
    loop {
        let wait = (hotline.next_wake() - Utc::now()).to_std().unwrap_or_default();
        let question = tokio::select! {
            () = stop.cancelled() => return,
            question = asked.recv() => match question {
                Some(question) => Some(question),
                None => return,
            },
            () = sleep(wait) => None,
        };
        let now = Utc::now();
        hotline.wake(now);
        let answer = question.map(|question| (actions::answer(&mut hotline, now, &question.action), question.reply));
        hotline.take_ended();
        for said in hotline.take_said() {
            // Nobody listens, or everybody left: the hotline goes on all the same.
            let _ = events.send(said);
        }
        if let Some((bytes, reply)) = answer {
            let _ = reply.send(bytes);
        }
    }
}

async fn accept(listener: TcpListener, port: Arc<Port>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else { continue };
        // No banner and an immediate close is how Asterisk says that it is full.
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let (port, stop) = (port.clone(), stop.clone());
        tokio::spawn(async move {
            info!(%from, "manager session begins");
            let ended = tokio::select! {
                () = stop.cancelled() => Ok(()),
                ended = async { session(stream.set_nodelay(true).map(|()| stream)?, &port).await } => ended,
            };
            debug!(%from, ?ended, "manager session ended");
            drop(place);
        });
    }
}

async fn session(stream: impl AsyncRead + AsyncWrite, port: &Port) -> io::Result<()> {
    let (reader, writer) = split(stream);
    let mut lines = Lines { reader, buffer: BytesMut::with_capacity(4096) };
    let mut out = Out { writer, patience: port.write_timeout };
    out.send(b"Asterisk Call Manager/11.0.0\r\n").await?;
    let Ok(mask) = timeout(LOGIN_TIMEOUT, sign_in(&mut lines, &mut out, port)).await else { return Ok(()) };
    let Some(mut mask) = mask? else { return Ok(()) };
    let mut events = port.events.subscribe();
    loop {
        tokio::select! {
            said = events.recv() => {
                let mut batch = BytesMut::new();
                let mut next = Some(said.map_err(|_| io::Error::other("the session does not keep up"))?);
                while let Some(said) = next {
                    if mask.wants(said.class) {
                        batch.extend_from_slice(&said.packet);
                    }
                    next = if batch.len() < BATCH_BYTES { events.try_recv().ok() } else { None };
                }
                out.send(&batch).await?;
            }
            action = lines.action() => {
                let Some(action) = action? else { return Ok(()) };
                match action.name().to_ascii_lowercase().as_str() {
                    "logoff" => {
                        let bye = Packet::response("Goodbye", action.id()).field("Message", "Thanks for all the fish.");
                        return out.send(&bye.end()).await;
                    }
                    "events" => {
                        mask = Mask::read(action.get("EventMask").unwrap_or("off"));
                        let word = if mask == Mask::NONE { "Off" } else { "On" };
                        let reply = Packet::response("Success", action.id()).field("Events", word);
                        out.send(&reply.end()).await?;
                    }
                    "login" => out.send(&action.error("Already logged in")).await?,
                    _ => {
                        let answer = port.ask(action).await?;
                        out.send(&answer).await?;
                    }
                }
            }
        }
    }
}

/// Several events go in one write while they are there already.
const BATCH_BYTES: usize = 64 * 1024;

/// Until somebody has signed in: which events they want. None when they left or were refused.
async fn sign_in(
    lines: &mut Lines<impl AsyncRead + Unpin>,
    out: &mut Out<impl AsyncWrite + Unpin>,
    port: &Port,
) -> io::Result<Option<Mask>> {
    let challenge = rand::rng().random_range(100_000_000..1_000_000_000u32).to_string();
    loop {
        let Some(action) = lines.action().await? else { return Ok(None) };
        match action.name().to_ascii_lowercase().as_str() {
            "challenge" => match action.get("AuthType") {
                Some(kind) if kind.eq_ignore_ascii_case("MD5") => {
                    let reply = Packet::response("Success", action.id()).field("Challenge", &challenge);
                    out.send(&reply.end()).await?;
                }
                _ => out.send(&action.error("Must specify AuthType")).await?,
            },
            "login" if port.accepts(&action, &challenge) => {
                let mask = Mask::read(action.get("Events").unwrap_or("on"));
                out.send(&action.success("Authentication accepted")).await?;
                if mask.wants(Class::System) {
                    let up_s = port.started.elapsed().as_secs();
                    let booted = Packet::event("FullyBooted", Class::System)
                        .field("Uptime", up_s)
                        .field("LastReload", up_s)
                        .field("Status", "Fully Booted");
                    out.send(&booted.end()).await?;
                }
                return Ok(Some(mask));
            }
            "login" => {
                // Asterisk waits a second, to slow down whoever guesses.
                sleep(Duration::from_secs(1)).await;
                out.send(&action.error("Authentication failed")).await?;
                return Ok(None);
            }
            "logoff" => return Ok(None),
            _ => out.send(&action.error("Permission denied")).await?,
        }
    }
}

impl Port {
    fn accepts(&self, action: &Action, challenge: &str) -> bool {
        if action.get("Username") != Some(&self.username) {
            return false;
        }
        match action.get("AuthType") {
            Some(kind) if kind.eq_ignore_ascii_case("MD5") => {
                let digest = Md5::digest(format!("{challenge}{}", self.secret));
                let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                action.get("Key") == Some(&key)
            }
            _ => action.get("Secret") == Some(&self.secret),
        }
    }

    async fn ask(&self, action: Action) -> io::Result<Bytes> {
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the hotline is closed");
        self.questions.send(Question { action, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}

/// The classes of events that a session wants, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mask(u8);

impl Mask {
    const NONE: Mask = Mask(0);

    fn read(text: &str) -> Mask {
        let bits = |wanted: &dyn Fn(Class) -> bool| {
            Class::ALL.into_iter().filter(|class| wanted(*class)).fold(0, |bits, class| bits | 1 << class as u8)
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "on" | "all" | "true" | "yes" => Mask(bits(&|_| true)),
            "off" | "false" | "no" | "" => Mask::NONE,
            list => Mask(bits(&|class| {
                list.split(',').any(|word| matches!(word.trim(), w if w == class.word() || w == "all"))
            })),
        }
    }

    fn wants(self, class: Class) -> bool {
        self.0 & 1 << class as u8 != 0
    }
}

struct Out<W> {
    writer: W,
    patience: Duration,
}

impl<W: AsyncWrite + Unpin> Out<W> {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(self.patience, self.writer.write_all(bytes)).await?
    }
}

/// Reads actions; what has come of one stays here when a wait for the rest is given up.
struct Lines<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The next action; none when the other side has closed.
    async fn action(&mut self) -> io::Result<Option<Action>> {
        loop {
            if let Some(action) = self.take()? {
                return Ok(Some(action));
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// An action that has come whole: lines, ended by CRLF or LF, up to an empty one.
    fn take(&mut self) -> io::Result<Option<Action>> {
        let mut action = Action::default();
        let mut from = 0;
        while let Some(length) = self.buffer[from..].iter().position(|byte| *byte == b'\n') {
            let line =
                self.buffer[from..from + length].strip_suffix(b"\r").unwrap_or(&self.buffer[from..from + length]);
            let line = String::from_utf8_lossy(line).into_owned();
            from += length + 1;
            match line.split_once(':') {
                Some((key, value)) => action.0.push((key.trim().to_owned(), value.trim_start().to_owned())),
                None if line.is_empty() && !action.0.is_empty() => {
                    let _ = self.buffer.split_to(from);
                    return Ok(Some(action));
                }
                None => {}
            }
            if length > LINE_MAX || action.0.len() > HEADERS_MAX {
                return Err(io::Error::other("an action over Asterisk's limits"));
            }
        }
        if self.buffer.len() > LINE_MAX * HEADERS_MAX {
            return Err(io::Error::other("an action over Asterisk's limits"));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::simulator::SECRET;

    struct Client<S> {
        stream: S,
        heard: String,
    }

    impl Client<TcpStream> {
        /// On the real socket.
        async fn open(address: SocketAddr) -> Self {
            Client::greeted(TcpStream::connect(address).await.unwrap()).await
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
        async fn greeted(stream: S) -> Self {
            let mut client = Client { stream, heard: String::new() };
            client.until("Asterisk Call Manager/11.0.0\r\n").await;
            client
        }

        async fn ask(&mut self, action: &str) {
            self.stream.write_all(action.replace('\n', "\r\n").as_bytes()).await.unwrap();
        }

        /// All that came up to and with `mark`; a closed connection ends it too.
        async fn until(&mut self, mark: &str) -> String {
            let mut bytes = [0; 65_536];
            loop {
                if let Some(at) = self.heard.find(mark) {
                    return self.heard.drain(..at + mark.len()).collect();
                }
                let read = timeout(Duration::from_secs(20), self.stream.read(&mut bytes)).await;
                let length = read.unwrap_or_else(|_| panic!("never heard {mark:?}")).unwrap();
                if length == 0 {
                    return std::mem::take(&mut self.heard);
                }
                self.heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        }
    }

    async fn open(simulation: Simulation) -> (SocketAddr, CancellationToken) {
        let server = Server::bind(simulation, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, stop) = (server.address().unwrap(), CancellationToken::new());
        tokio::spawn(server.run(stop.clone()));
        (address, stop)
    }

    #[tokio::test]
    async fn sessions_sign_in_both_ways_and_wrong_secrets_are_turned_away() {
        let (address, stop) = open(Simulation::drill(5.0, 1)).await;
        let mut wrong = Client::open(address).await;
        wrong.ask("Action: Ping\n\nAction: Login\nUsername: ringback\nSecret: wrong\n\n").await;
        assert!(wrong.until("Permission denied\r\n\r\n").await.starts_with("Response: Error"));
        assert!(wrong.until("(never)").await.contains("Message: Authentication failed"));

        let mut md5 = Client::open(address).await;
        md5.ask("Action: Challenge\nAuthType: MD5\n\n").await;
        let reply = md5.until("\r\n\r\n").await;
        let challenge = reply.split("Challenge: ").nth(1).unwrap().trim();
        let key: String = Md5::digest(format!("{challenge}{SECRET}")).iter().map(|b| format!("{b:02x}")).collect();
        md5.ask(&format!("Action: Login\nAuthType: md5\nUsername: ringback\nKey: {key}\nEvents: off\n\n")).await;
        assert!(md5.until("\r\n\r\n").await.contains("Authentication accepted"));
        md5.ask("action: nonsense\nactionid: 7\n\nAction: Logoff\n\n").await;
        let reply = md5.until("Thanks for all the fish.").await;
        assert!(reply.contains("ActionID: 7\r\nMessage: Invalid/unknown command: nonsense."), "{reply}");
        stop.cancel();
    }

    #[tokio::test]
    async fn a_snapshot_counts_its_items_and_events_follow() {
        let (address, stop) = open(Simulation::drill(50.0, 1)).await;
        let mut client = Client::open(address).await;
        client.ask(&format!("Action: Login\nUsername: ringback\nSecret: {SECRET}\nEvents: call,agent\n\n")).await;
        let heard = client.until("Event: AgentComplete").await;
        assert!(!heard.contains("Event: VarSet") && !heard.contains("FullyBooted"), "only what was asked for");
        client.ask("Action: CoreShowChannels\nActionID: a\n\n").await;
        client.until("ActionID: a\r\nEventList: start").await;
        let list = client.until("\r\nEventList: Complete\r\n").await;
        let total = client.until("\r\n\r\n").await;
        let items = list.matches("Event: CoreShowChannel\r\n").count();
        assert!(items > 0 && total.starts_with(&format!("ListItems: {items}\r\n")), "{items} items, {total}");
        client.ask("Action: QueueStatus\nActionID: b\n\n").await;
        let list = client.until("Event: QueueStatusComplete\r\n").await;
        assert_eq!(list.matches("Event: QueueParams\r\n").count(), 3);
        stop.cancel();
    }

    /// A session that hears agents' events over a line that holds no more than a packet or two.
    async fn enter(port: &Arc<Port>) -> (Client<DuplexStream>, JoinHandle<io::Result<()>>) {
        let (ours, theirs) = duplex(256);
        let port = port.clone();
        let ended = tokio::spawn(async move { session(theirs, &port).await });
        let mut client = Client::greeted(ours).await;
        client.ask(&format!("Action: Login\nUsername: ringback\nSecret: {SECRET}\nEvents: off\n\n")).await;
        client.until("Authentication accepted\r\n\r\n").await;
        // Answered by whoever hears the events by now.
        client.ask("Action: Events\nEventMask: agent\n\n").await;
        client.until("Events: On\r\n\r\n").await;
        (client, ended)
    }

    /// The line takes a packet at once or, unread, never, so that no write hangs on how quick this
    /// machine is.
    #[tokio::test]
    async fn a_session_that_does_not_read_is_dropped_and_the_others_hear_on() {
        let (questions, _asked) = mpsc::channel(1);
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let (username, secret) = ("ringback".to_owned(), SECRET.to_owned());
        let (started, write_timeout) = (std::time::Instant::now(), Duration::from_millis(10));
        let port = Port { username, secret, questions, events: events.clone(), started, write_timeout };
        let port = Arc::new(port);
        let (mut deaf, ended) = enter(&port).await;
        let (mut other, _goes_on) = enter(&port).await;
        let say = |nth: u32| {
            let packet = Packet::event("AgentComplete", Class::Agent).field("Nth", nth).end();
            events.send(Said { class: Class::Agent, packet }).unwrap();
        };
        for nth in 0..50 {
            say(nth);
            other.until(&format!("Nth: {nth}\r\n\r\n")).await;
        }
        assert_eq!(ended.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        let rest = deaf.until("(never)").await;
        assert!(
            rest.len() <= 256 && rest.starts_with("Event: AgentComplete"),
            "what the line held, then the end: {rest}"
        );
        say(50);
        other.until("Nth: 50\r\n\r\n").await;
    }
}
