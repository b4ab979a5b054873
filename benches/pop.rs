//! From ring to pop: the last byte of a PBX's event is written to its socket, and an agent's stream
//! has read the card with the customer's history; 50 calls a second, 1,000 desks connected. Beside
//! it, call by call, the least that any such push costs: a line read from a socket and pushed by a
//! bare axum to one of 1,000 streams.

mod asterisk;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use asterisk::{Asterisk, channel, party, waits};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use chrono::{TimeDelta, Utc};
use daemon::calls::call::{Call, Direction, EndedBy, Outcome, Segment};
use daemon::config::{Config, Pbx};
use daemon::desk::command::{Command, CustomerForm, Done, Given, SessionHash};
use daemon::desk::decide::Input;
use daemon::desk::fact;
use daemon::number::Number;
use daemon::store::{Store, Writing};
use daemon::{Role, Time};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use told::tell;

const DESKS: usize = 1_000;
const CALLS: usize = 1_500;
const CALLS_A_SECOND: u32 = 50;
/// Contacts that each customer has had before.
const CONTACTS: i64 = 8;
/// A call rings for so many calls' time, and is talked on for as long.
const RINGS_FOR: usize = 25;
/// One in so many callers gives up.
const GIVES_UP: usize = 10;
/// A card is about this long.
const CARD_BYTES: usize = 4_000;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let dir = tempfile::tempdir().expect("a directory");
    let (pbx, address) = Asterisk::listen().await;
    let mut config = Config::without_file();
    config.data = dir.path().to_owned();
    config.pbxs = vec![Pbx::simulated("bench", address)];
    let store = furnished(&config);
    let stop = CancellationToken::new();
    let daemon = daemon::start(&config, store, stop.clone()).expect("a daemon");
    let mut pbx = pbx.met().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let pages = listener.local_addr().expect("a port");
    let house = admin::House {
        name: String::new(),
        language: None,
        zone: config.site.time_zone.clone(),
        https: false,
        trusted_proxies: Vec::new(),
        build: "bench".into(),
    };
    let state = admin::State::new(
        daemon.commands.clone(),
        daemon.reader.clone(),
        daemon.live.clone(),
        daemon.files.clone(),
        house,
        stop.clone(),
    );
    tokio::spawn(admin::serve::serve(listener, admin::router(state), stop.clone()));

    let (seen, mut saw) = mpsc::unbounded_channel();
    for desk in 0..DESKS {
        let request =
            format!("GET /stream?pages=desk HTTP/1.1\r\nHost: {pages}\r\nCookie: ringback={}\r\n\r\n", secret(desk));
        tokio::spawn(watch(pages, request, marks(), seen.clone()));
    }
    let (bare_pbx, bare_pages) = bare().await;
    let mut bare_pbx = TcpStream::connect(bare_pbx).await.expect("the bare one");
    bare_pbx.set_nodelay(true).expect("a socket");
    let (bare_seen, mut bare_saw) = mpsc::unbounded_channel();
    for desk in 0..DESKS {
        let request = format!("GET /{desk} HTTP/1.1\r\nHost: {bare_pages}\r\n\r\n");
        tokio::spawn(watch(bare_pages, request, marks(), bare_seen.clone()));
    }
    // Each stream says something once it stands.
    for _ in 0..DESKS {
        saw.recv().await.expect("a desk");
        bare_saw.recv().await.expect("a stream");
    }
    println!("{DESKS} desks connected");

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // Rings, answers and hang-ups take turns, as calls that know nothing of each other.
    let mut beat = interval(Duration::from_secs(1) / (3 * CALLS_A_SECOND));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let filler = "x".repeat(CARD_BYTES);
    for call in 0..CALLS {
        beat.tick().await;
        if let Some(rung) = call.checked_sub(RINGS_FOR) {
            let step = if rung % GIVES_UP == 0 { gives_up(rung) } else { answers(rung, &extension(rung * 7 % DESKS)) };
            pbx.say(&step).await;
        }
        beat.tick().await;
        if let Some(talked) = call.checked_sub(2 * RINGS_FOR).filter(|call| call % GIVES_UP != 0) {
            pbx.say(&ends(talked, &extension(talked * 7 % DESKS))).await;
        }
        beat.tick().await;
        let desk = call * 7 % DESKS;
        let caller = caller(call % DESKS);
        let ring = waits(call, &caller) + &rings(call, &extension(desk), &caller);
        while saw.try_recv().is_ok() {}
        let written = pbx.say(&ring).await;
        ours.push(until(&mut saw, &pop_mark(call), written).await);
        let line = format!("{desk} {} {filler}\n", bare_mark(call));
        bare_pbx.write_all(line.as_bytes()).await.expect("the bare one");
        let written = Instant::now();
        theirs.push(until(&mut bare_saw, &bare_mark(call), written).await);
    }
    stop.cancel();

    let (ours, theirs) = (percentiles(ours), percentiles(theirs));
    println!("ring to pop:     p50 {:?}, p99 {:?}, max {:?}", ours.0, ours.1, ours.2);
    println!("bare axum push:  p50 {:?}, p99 {:?}, max {:?}", theirs.0, theirs.1, theirs.2);
    let ratio = ours.1.as_secs_f64() / theirs.1.as_secs_f64();
    tell("ring to pop ÷ bare push, p99", ratio, "×", "≤ 5 ×", ratio <= 5.0);
}

/// When a stream had read the text.
type Seen = (String, Instant);

async fn until(saw: &mut mpsc::UnboundedReceiver<Seen>, mark: &str, written: Instant) -> Duration {
    loop {
        let (text, at) = saw.recv().await.expect("streams");
        if text.contains(mark) {
            return at.saturating_duration_since(written);
        }
    }
}

/// What a stream is watched for; the rest it says is read and dropped.
fn marks() -> &'static [&'static str] {
    &["pop-bench-", "mark-", "retry", "event: pops", "event: ping", "hello"]
}

fn pop_mark(call: usize) -> String {
    format!("caller-{call}.")
}

fn bare_mark(call: usize) -> String {
    format!("mark-{call}.")
}

async fn watch(
    to: std::net::SocketAddr,
    request: String,
    marks: &'static [&'static str],
    seen: mpsc::UnboundedSender<Seen>,
) {
    let mut stream = TcpStream::connect(to).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut buffer = vec![0; 64 * 1024];
    let mut first = true;
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let at = Instant::now();
        let text = String::from_utf8_lossy(&buffer[..read]);
        if first {
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        }
        if first || marks.iter().any(|mark| text.contains(mark)) {
            first = false;
            if seen.send((text.into_owned(), at)).is_err() {
                return;
            }
        }
    }
}

fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1])
}

/// A bare server of streams, and the socket whose lines it pushes: `DESK TEXT`.
async fn bare() -> (std::net::SocketAddr, std::net::SocketAddr) {
    type Streams = Arc<std::sync::Mutex<Vec<Option<mpsc::Sender<String>>>>>;
    let streams: Streams = Arc::new(std::sync::Mutex::new(vec![None; DESKS]));
    let router = Router::new()
        .route(
            "/{desk}",
            get(async |Path(desk): Path<usize>, State(streams): State<Streams>| {
                let (sender, receiver) = mpsc::channel(16);
                sender.try_send("hello".into()).expect("room");
                streams.lock().expect("streams")[desk] = Some(sender);
                let events = tokio_stream::wrappers::ReceiverStream::new(receiver);
                Sse::new(events.map(|text| Ok::<_, std::convert::Infallible>(Event::default().data(text))))
            }),
        )
        .with_state(streams.clone());
    let pages = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = pages.local_addr().expect("a port");
    tokio::spawn(async move {
        use axum::serve::ListenerExt;
        let pages = pages.tap_io(|stream| stream.set_nodelay(true).expect("a socket"));
        axum::serve(pages, router).await
    });
    let pbx = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let from = pbx.local_addr().expect("a port");
    tokio::spawn(async move {
        let (socket, _) = pbx.accept().await.expect("a connection");
        let mut lines = BufReader::new(socket).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let (desk, text) = line.split_once(' ').expect("a line");
            let stream = streams.lock().expect("streams")[desk.parse::<usize>().expect("a desk")].clone();
            let _ = stream.expect("a stream").send(text.to_owned()).await;
        }
    });
    (from, at)
}

/// People at their desks, signed in, and customers who have called before.
fn furnished(config: &Config) -> Store {
    let mut store = Store::open(&config.data, daemon::policy(config)).expect("a store");
    let now = Utc::now();
    let furnish = |writing: &mut Writing| {
        for desk in 0..DESKS {
            let command = Command::AddPerson {
                login: format!("agent{desk}"),
                name: format!("坐席 {desk}"),
                role: Role::Agent,
                password_hash: "none".into(),
            };
            let Done::Person(person) = given(writing, command, now)? else { unreachable!("people are added") };
            let extension = extension(desk).as_str().into();
            given(writing, Command::MapExtension { pbx: "bench".into(), extension, person: Some(person) }, now)?;
            let session = SessionHash(Sha256::digest(secret(desk).as_bytes()).into());
            given(writing, Command::SignIn { session, person, user_agent: String::new() }, now)?;
            let form = CustomerForm {
                name: format!("客户 {desk}"),
                company: "翠苑物业服务公司".into(),
                numbers: vec![caller(desk)],
                ..CustomerForm::default()
            };
            given(writing, Command::SaveCustomer { customer: None, ticket: None, form }, now)?;
            for contact in 0..CONTACTS {
                let call = answered(desk, contact, now - TimeDelta::days(contact + 1));
                writing.decide(&Input::Call { at: call.started_at, call: Arc::new(call) }, now)?.expect("a call");
            }
        }
        Ok(())
    };
    store.together(furnish).expect("a commit");
    store
}

fn given(writing: &mut Writing, command: Command, now: Time) -> daemon::store::Result<Done> {
    let input = Input::Given(Box::new(Given { by: None, command }));
    Ok(fact::done(&writing.decide(&input, now)?.expect("accepted")))
}

fn answered(desk: usize, contact: i64, at: Time) -> Call {
    let ended = at + TimeDelta::seconds(90);
    Call {
        id: format!("bench-old-{desk}.{contact}").as_str().into(),
        pbx: "bench".into(),
        direction: Direction::Inbound,
        caller: Some(caller(desk)),
        caller_name: None,
        number: Some(Number::from_canonical(&format!("+86{}", caller(desk)))),
        to: Some("support".into()),
        agent: Some(extension(desk).as_str().into()),
        started_at: at,
        answered_at: Some(at),
        ended_at: Some(ended),
        outcome: Some(Outcome::Answered),
        ended_by: Some(EndedBy::Caller),
        waits: Vec::new(),
        segments: vec![Segment {
            agent: extension(desk).as_str().into(),
            queue: Some("support".into()),
            from: at,
            to: Some(ended),
            holds: Vec::new(),
        }],
        offers: Vec::new(),
        transfers: Vec::new(),
        survey: None,
        originated: None,
        certain: true,
    }
}

fn secret(desk: usize) -> String {
    format!("{desk:064x}")
}

fn extension(desk: usize) -> String {
    (2000 + desk).to_string()
}

fn caller(customer: usize) -> String {
    format!("137{customer:08}")
}

/// An agent's phone rings for a caller who waits.
fn rings(call: usize, agent: &str, caller: &str) -> String {
    let device = format!("PJSIP/{agent}");
    let leg = channel(&device, call, "a");
    let called = party(agent, agent);
    let calling = channel("PJSIP/trunk", call, "c") + &party(caller, &format!("caller-{call}."));
    format!(
        "Event: Newchannel\r\nPrivilege: call,all\r\n{leg}{called}\r\n\
         Event: AgentCalled\r\nPrivilege: agent,all\r\n{calling}DestChannel: {device}-{call:08x}\r\n\
         DestUniqueid: b{call}.a\r\nDestLinkedid: b{call}.c\r\nQueue: support\r\nInterface: {device}\r\n\
         MemberName: {agent}\r\n\r\n"
    )
}

/// The caller hangs up while the phone rings.
fn gives_up(call: usize) -> String {
    let (caller, agent) = (channel("PJSIP/trunk", call, "c"), channel("PJSIP/x", call, "a"));
    format!(
        "Event: HangupRequest\r\nPrivilege: call,all\r\n{caller}\r\n\
         Event: Hangup\r\nPrivilege: call,all\r\n{agent}Cause: 16\r\n\r\n\
         Event: QueueCallerAbandon\r\nPrivilege: agent,all\r\n{caller}Queue: support\r\n\r\n\
         Event: QueueCallerLeave\r\nPrivilege: agent,all\r\n{caller}Queue: support\r\n\r\n\
         Event: Hangup\r\nPrivilege: call,all\r\n{caller}Cause: 16\r\n\r\n"
    )
}

/// The agent takes the call.
fn answers(call: usize, agent: &str) -> String {
    let device = format!("PJSIP/{agent}");
    let (caller, leg) = (channel("PJSIP/trunk", call, "c"), channel(&device, call, "a"));
    let bridge = format!("BridgeUniqueid: bridge-{call}\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\n");
    format!(
        "Event: QueueCallerLeave\r\nPrivilege: agent,all\r\n{caller}Queue: support\r\n\r\n\
         Event: AgentConnect\r\nPrivilege: agent,all\r\n{caller}DestChannel: {device}-{call:08x}\r\n\
         DestUniqueid: b{call}.a\r\nDestLinkedid: b{call}.c\r\nQueue: support\r\nInterface: {device}\r\n\
         MemberName: {agent}\r\n\r\n\
         Event: BridgeEnter\r\nPrivilege: call,all\r\n{bridge}{leg}\r\n\
         Event: BridgeEnter\r\nPrivilege: call,all\r\n{bridge}{caller}\r\n"
    )
}

/// The caller hangs up after the talk.
fn ends(call: usize, agent: &str) -> String {
    let (caller, leg) = (channel("PJSIP/trunk", call, "c"), channel(&format!("PJSIP/{agent}"), call, "a"));
    let bridge = format!("BridgeUniqueid: bridge-{call}\r\n");
    format!(
        "Event: HangupRequest\r\nPrivilege: call,all\r\n{caller}\r\n\
         Event: BridgeLeave\r\nPrivilege: call,all\r\n{bridge}{caller}\r\n\
         Event: BridgeLeave\r\nPrivilege: call,all\r\n{bridge}{leg}\r\n\
         Event: Hangup\r\nPrivilege: call,all\r\n{leg}Cause: 16\r\n\r\n\
         Event: Hangup\r\nPrivilege: call,all\r\n{caller}Cause: 16\r\n\r\n"
    )
}
