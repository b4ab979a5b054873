//! Three PBXes of 1,000 agents in all flood the real daemon, over real sockets, for as long as is
//! asked: `cargo bench --bench flood -- --seconds 60`. Nothing may be lost, and no PBX may wait.
//!
//! With `--live` the PBXes are whole simulated hotlines at their own pace (some 180 calls a second),
//! which also answer what the daemon asks them every few minutes: that is the run for hours.
//!
//! The PBXes are another process, which plays packets of the simulated hotline that were rendered
//! before, each round under new ids, at an even rate; links, trackers, board, engine, store and
//! capture are those of the daemon.

mod told;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use chrono::Utc;
use daemon::config::{Config, Pbx};
use daemon::live::{LinkState, Live, Notice, Topic};
use daemon::simulator::{Hotline, Server, Simulation};
use daemon::store::Store;
use protocol::ami::codec::{AmiCodec, Frame};
use protocol::ami::events;
use rusqlite::Connection;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;
use told::tell;

const PBXS: usize = 3;

/// A drill of so many calls a second has 334 agents.
const CALLS_PER_S: f64 = 60.8;

/// Calls of a round, of each PBX: some 50 MB of packets.
const CALLS: usize = 1_500;

/// What Asterisk gives a client to take what it writes, unless told otherwise.
const WRITE_TIMEOUT: Duration = Duration::from_millis(100);

/// How often the sockets are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

fn main() {
    let asked = Asked::read();
    if asked.feeds && asked.live {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(hotlines());
    } else if asked.feeds {
        feed(&asked);
    } else if asked.live {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(soak(&asked));
    } else {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(flood(&asked));
    }
}

struct Asked {
    seconds: f64,
    /// Events a second, of all PBXes.
    rate: f64,
    capture: bool,
    /// Hotlines that go on by themselves, at no given rate.
    live: bool,
    /// This process is the PBXes.
    feeds: bool,
}

impl Asked {
    fn read() -> Asked {
        let args: Vec<String> = std::env::args().collect();
        let number = |name: &str, default: f64| {
            let at = args.iter().position(|arg| arg == name);
            at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
        };
        let has = |name: &str| args.iter().any(|arg| arg == name);
        Asked {
            seconds: number("--seconds", 20.0),
            rate: number("--rate", 100_000.0),
            capture: !has("--no-capture"),
            live: has("--live"),
            feeds: has("--feed"),
        }
    }
}

/// For hours: memory, what the daemon and the PBXes disagree on, and calls that never end.
async fn soak(asked: &Asked) {
    let (mut feeder, ports) = Feeder::start(asked);
    let dir = tempfile::tempdir().expect("a directory");
    let config = config(asked, dir.path(), &ports);
    let store = Store::open(&config.data, daemon::policy(&config)).expect("a store");
    let stop = CancellationToken::new();
    let daemon = daemon::start(&config, store, stop.clone()).expect("a daemon");
    let begun = Instant::now();
    let mut memory = Vec::new();
    while begun.elapsed().as_secs_f64() < asked.seconds {
        tokio::time::sleep(Duration::from_secs_f64((asked.seconds / 12.0).min(300.0))).await;
        memory.push(resident_mb());
        let events = total(&seen(&daemon.live).await);
        println!("{:>6.0} s: {events} events heard, {:.0} MB", begun.elapsed().as_secs_f64(), resident_mb());
    }
    stop.cancel();
    daemon.ended().await.expect("a good end");
    feeder.end();
    let db = Connection::open(dir.path().join("ringback.sqlite")).expect("the store");
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count") as f64;
    println!("{} calls kept", count("SELECT count(*) FROM calls"));
    let outages = count("SELECT count(*) FROM outages WHERE from_ms > (SELECT min(started_at_ms) + 5000 FROM calls)");
    tell("outages", outages, "", "0", outages == 0.0);
    let drifts = count("SELECT count(*) FROM ledger WHERE what = 'drift'");
    tell("told otherwise by the PBX", drifts, "times", "0", drifts == 0.0);
    // The longest calls of the drill are over in a few minutes.
    let stuck = count(
        "SELECT count(*) FROM calls WHERE ended_at_ms IS NULL AND merged_into IS NULL
            AND started_at_ms < (SELECT max(started_at_ms) - 1800000 FROM calls)",
    );
    tell("calls up for half an hour", stuck, "", "0", stuck == 0.0);
    let (third, end) = (memory[memory.len() / 3], memory[memory.len() - 1]);
    tell("memory grown after the first third", end - third, "MB", "≤ 16", end - third <= 16.0);
}

fn config(asked: &Asked, dir: &Path, ports: &[u16]) -> Config {
    let mut config = Config::without_file();
    config.data = dir.to_owned();
    config.capture.enabled = asked.capture;
    config.capture.max_mb = 512;
    config.pbxs =
        ports.iter().map(|port| Pbx::simulated(&format!("pbx{port}"), ([127, 0, 0, 1], *port).into())).collect();
    config
}

async fn flood(asked: &Asked) {
    let (mut feeder, ports) = Feeder::start(asked);
    let dir = tempfile::tempdir().expect("a directory");
    let config = config(asked, dir.path(), &ports);
    let store = Store::open(&config.data, daemon::policy(&config)).expect("a store");
    let stop = CancellationToken::new();
    let daemon = daemon::start(&config, store, stop.clone()).expect("a daemon");
    let before = loop {
        let seen = seen(&daemon.live).await;
        if seen.len() == PBXS && seen.values().all(|(is_up, _)| *is_up) {
            break total(&seen);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // Counters are told once a second: what the snapshots held is counted by then.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = before.max(total(&seen(&daemon.live).await));
    let start_mb = resident_mb();
    let (begun, cpu_begun) = (Instant::now(), cpu_s());
    feeder.say("go");
    let sockets = Sockets::watch(ports);

    let mut memory = Vec::new();
    let fed = loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        memory.push(resident_mb());
        if let Ok(fed) = feeder.said.try_recv() {
            break fed;
        }
    };
    let took = begun.elapsed().as_secs_f64();
    let cores = (cpu_s() - cpu_begun) / took;
    let mut fed = vec![fed];
    while fed.len() < PBXS {
        fed.push(feeder.said.recv().expect("what was fed"));
    }
    let fed: Vec<Fed> = fed.iter().map(|line| Fed::read(line)).collect();
    let backlogs = sockets.end();
    let sum = |of: fn(&Fed) -> u64| fed.iter().map(of).sum::<u64>();
    let (packets, told, bytes) = (sum(|f| f.packets), sum(|f| f.told), sum(|f| f.bytes));
    // The last words may be under way.
    let waited = Instant::now();
    let heard = loop {
        let heard = total(&seen(&daemon.live).await) - before;
        if heard >= told || waited.elapsed() > Duration::from_secs(10) {
            break heard;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let behind = waited.elapsed();
    stop.cancel();
    daemon.ended().await.expect("a good end");
    feeder.end();
    let db = Connection::open(dir.path().join("ringback.sqlite")).expect("the store");
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count");
    let outages = count("SELECT count(*) FROM outages");
    let calls = count("SELECT count(*) FROM calls WHERE ended_at_ms IS NOT NULL");

    let rate = packets as f64 / took;
    println!(
        "{packets} packets ({told} of them about calls, {:.0} MB) from {PBXS} sockets in {took:.1} s; {calls} calls \
         kept; caught up {behind:?} after the last; {cores:.2} cores",
        bytes as f64 / 1e6
    );
    tell("events from sockets", rate, "events/s", "≥ 98 % of what was asked", rate >= 0.98 * asked.rate);
    tell("lost", told as f64 - heard as f64, "events", "0", heard == told);
    tell("outages", outages as f64, "", "0", outages == 0);
    let blocked = fed.iter().map(|fed| fed.blocked_ms).fold(0.0, f64::max);
    let allowed = WRITE_TIMEOUT.as_secs_f64() * 1000.0;
    tell("a PBX's longest wait to write", blocked, "ms", "≤ 100", blocked <= allowed);
    let late = late(&backlogs, bytes as f64 / took / PBXS as f64);
    tell("sockets read within 100 ms", late, "% of the time", "≥ 99.99", late >= 99.99);
    let (middle, end) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    println!("memory: {start_mb:.0} MB before, {middle:.0} MB in the middle, {end:.0} MB at the end");
    tell("memory grown in the second half", end - middle, "MB", "≤ 64", end - middle <= 64.0);
}

/// Whether each link is up, and how many events the board has had of it.
async fn seen(live: &Live) -> BTreeMap<String, (bool, u64)> {
    let mut subscription = live.subscribe(vec![Topic::House]).await.expect("the board");
    let links = subscription.standing().filter_map(|notice| match notice {
        Notice::Link(now) => Some((now.pbx.to_string(), (now.state == LinkState::Up, now.events_total))),
        _ => None,
    });
    links.collect()
}

fn total(seen: &BTreeMap<String, (bool, u64)>) -> u64 {
    seen.values().map(|(_, events)| events).sum()
}

/// The share of looks, in percent, at which no socket held more than what comes in 100 ms.
fn late(backlogs: &[u64], bytes_per_s: f64) -> f64 {
    let limit = bytes_per_s * WRITE_TIMEOUT.as_secs_f64();
    let most = backlogs.iter().max().copied().unwrap_or(0) as f64;
    println!(
        "{} looks at the sockets; the most that waited were {:.1} ms of events",
        backlogs.len(),
        most / bytes_per_s * 1000.0
    );
    let well = backlogs.iter().filter(|bytes| **bytes as f64 <= limit).count();
    100.0 * well as f64 / backlogs.len().max(1) as f64
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("our status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("our memory");
    let kb: f64 = line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number");
    kb / 1024.0
}

/// Processor time of this process, at the kernel's usual hundred ticks a second.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("our times");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Looks at how many bytes wait in the sockets, on either side.
struct Sockets {
    stop: Arc<AtomicBool>,
    looks: thread::JoinHandle<Vec<u64>>,
}

impl Sockets {
    fn watch(ports: Vec<u16>) -> Sockets {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let looks = thread::spawn(move || {
            let mut looks = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
                looks.extend(ports.iter().map(|port| waiting(&table, *port)).max());
                thread::sleep(LOOK_EVERY);
            }
            looks
        });
        Sockets { stop, looks }
    }

    fn end(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.looks.join().expect("the looks")
    }
}

/// Bytes that a PBX at `port` wrote and the daemon has not read: `/proc/net/tcp` has a line a socket,
/// with addresses, state, and the lengths of its queues.
fn waiting(table: &str, port: u16) -> u64 {
    let port = format!(":{port:04X}");
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
    let queues = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (sending, received) = fields.next()?.split_once(':')?;
        (state == "01").then_some(())?;
        match (local.ends_with(&port), remote.ends_with(&port)) {
            (true, _) => Some(hex(sending)),
            (_, true) => Some(hex(received)),
            _ => None,
        }
    });
    queues.sum()
}

/// The other process, as this one sees it.
struct Feeder {
    child: Child,
    orders: Option<ChildStdin>,
    said: Receiver<String>,
}

impl Feeder {
    fn start(asked: &Asked) -> (Feeder, Vec<u16>) {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--feed", "--seconds", &asked.seconds.to_string(), "--rate", &asked.rate.to_string()])
            .args(asked.live.then_some("--live"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the PBXes");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let ports = (0..PBXS).map(|_| line(&mut lines).parse().expect("a port")).collect();
        let (tell, said) = channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let orders = child.stdin.take();
        (Feeder { child, orders, said }, ports)
    }

    fn say(&mut self, order: &str) {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "{order}").expect("the PBXes listen");
        }
    }

    fn end(&mut self) {
        self.orders = None;
        let _ = self.child.wait();
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    line.trim().to_owned()
}

/// What a PBX said of itself when it was done.
#[derive(Default)]
struct Fed {
    packets: u64,
    /// Those that the daemon understands as events of calls, queues or agents.
    told: u64,
    bytes: u64,
    blocked_ms: f64,
}

impl Fed {
    fn read(line: &str) -> Fed {
        let mut fields = line.split(' ');
        let mut next = || fields.next().unwrap_or("");
        Fed {
            packets: next().parse().expect("packets"),
            told: next().parse().expect("events"),
            bytes: next().parse().expect("bytes"),
            blocked_ms: next().parse().expect("milliseconds"),
        }
    }
}

/// The other process: hotlines that live, until nobody listens any more.
async fn hotlines() {
    let stop = CancellationToken::new();
    let mut running = tokio::task::JoinSet::new();
    for nth in 0..PBXS {
        let simulation = Simulation::drill(CALLS_PER_S, nth as u64 + 1);
        let server = Server::bind(simulation, ([127, 0, 0, 1], 0).into()).await.expect("a port");
        println!("{}", server.address().expect("its address").port());
        running.spawn(server.run(stop.clone()));
    }
    let ended = tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
    stop.cancel();
    while running.join_next().await.is_some() {}
}

/// The other process: a thread for each PBX, which begin together.
fn feed(asked: &Asked) {
    // All is rendered before anybody may connect: a link does not wait for long to be let in.
    let rounds: Vec<(Simulation, Round)> = (0..PBXS)
        .map(|nth| {
            let simulation = Simulation::drill(CALLS_PER_S, nth as u64 + 1);
            let round = Round::render(&simulation);
            (simulation, round)
        })
        .collect();
    let go = Arc::new((Mutex::new(false), std::sync::Condvar::new()));
    let rate = asked.rate / PBXS as f64;
    let seconds = asked.seconds;
    for (simulation, mut round) in rounds {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        println!("{}", listener.local_addr().expect("its address").port());
        let go = go.clone();
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the daemon");
            stream.set_nodelay(true).expect("a socket");
            let out = Arc::new(Mutex::new(stream.try_clone().expect("a socket")));
            let answers = out.clone();
            thread::spawn(move || answer(stream, &answers, &simulation));
            let (gone, told) = &*go;
            drop(told.wait_while(gone.lock().expect("no panic"), |gone| !*gone));
            let fed = round.play(&out, rate, seconds);
            println!("{} {} {} {:.3}", fed.packets, fed.told, fed.bytes, fed.blocked_ms);
            // The connection stays until the other process has seen enough.
            thread::park();
        });
    }
    let mut order = String::new();
    stdin().read_line(&mut order).expect("an order");
    *go.0.lock().expect("no panic") = true;
    go.1.notify_all();
    let _ = stdin().read_to_end(&mut Vec::new());
}

/// A few minutes of a hotline, as its packets.
struct Round {
    bytes: Vec<u8>,
    /// Where each packet ends, and how many events were told by then.
    ends: Vec<(usize, u64)>,
    /// Where the name stands that begins every id: each round has its own.
    ids: Vec<usize>,
}

impl Round {
    fn render(simulation: &Simulation) -> Round {
        const ID: &[u8] = b"sim-";
        let mut hotline = Hotline::new(simulation, Utc::now());
        let mut codec = AmiCodec::without_banner();
        let mut round = Round { bytes: Vec::new(), ends: Vec::new(), ids: Vec::new() };
        let (mut ended, mut told, mut closed) = (0, 0, false);
        while !closed || hotline.calls_up() > 0 {
            let at = hotline.next_wake();
            hotline.wake(at);
            for said in hotline.take_said() {
                round.bytes.extend_from_slice(&said.packet);
                let mut packet = BytesMut::from(&said.packet[..]);
                if let Ok(Some(Frame::Packet(packet))) = codec.decode(&mut packet) {
                    told += u64::from(events::map(&packet).is_some());
                }
                round.ends.push((round.bytes.len(), told));
            }
            ended += hotline.take_ended().len();
            if !closed && ended + hotline.calls_up() >= CALLS {
                hotline.close();
                closed = true;
            }
        }
        round.ids = memchr::memmem::find_iter(&round.bytes, ID).collect();
        round
    }

    /// Evenly, a millisecond's packets at a time; what was missed is made up for.
    fn play(&mut self, out: &Mutex<TcpStream>, rate: f64, seconds: f64) -> Fed {
        let mut fed = Fed::default();
        let (mut round, mut next) = (0, 0);
        let begun = Instant::now();
        loop {
            let elapsed = begun.elapsed().as_secs_f64();
            if elapsed >= seconds {
                return fed;
            }
            let due = (elapsed * rate) as u64;
            if due <= fed.packets {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            if next == 0 {
                self.rename(round);
            }
            let to = (next + (due - fed.packets) as usize).min(self.ends.len());
            let (from_byte, from_told) = next.checked_sub(1).map_or((0, 0), |before| self.ends[before]);
            let (to_byte, to_told) = self.ends[to - 1];
            let wrote = Instant::now();
            out.lock().expect("no panic").write_all(&self.bytes[from_byte..to_byte]).expect("the daemon reads");
            fed.blocked_ms = fed.blocked_ms.max(wrote.elapsed().as_secs_f64() * 1000.0);
            fed.packets += (to - next) as u64;
            fed.told += to_told - from_told;
            fed.bytes += (to_byte - from_byte) as u64;
            next = to;
            if next == self.ends.len() {
                (round, next) = (round + 1, 0);
            }
        }
    }

    /// Ids of this round: three letters or digits in place of `sim`.
    fn rename(&mut self, round: usize) {
        let digit = |nth: usize| b"0123456789abcdefghijklmnopqrstuvwxyz"[nth % 36];
        let name = [digit(round / 1296), digit(round / 36), digit(round)];
        for at in &self.ids {
            self.bytes[*at..at + 3].copy_from_slice(&name);
        }
    }
}

/// Answers what a link asks: who it is, what is up (nobody), who is in which queue, and whether we
/// live.
fn answer(stream: TcpStream, out: &Mutex<TcpStream>, simulation: &Simulation) {
    let say = |text: &str| out.lock().expect("no panic").write_all(text.as_bytes());
    if say("Asterisk Call Manager/11.0.0\r\n").is_err() {
        return;
    }
    let mut action = BTreeMap::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let Some((key, value)) = line.split_once(": ") {
            action.insert(key.to_ascii_lowercase(), value.to_owned());
            continue;
        }
        let action = std::mem::take(&mut action);
        let (Some(name), Some(id)) = (action.get("action"), action.get("actionid")) else { continue };
        let done = |fields: &str| format!("Response: Success\r\nActionID: {id}\r\n{fields}\r\n");
        let list = |items: &[String], end: &str| {
            let start = done("EventList: start\r\n");
            let items: String = items.iter().map(|item| format!("{item}ActionID: {id}\r\n\r\n")).collect();
            format!("{start}{items}Event: {end}\r\nActionID: {id}\r\nEventList: Complete\r\n\r\n")
        };
        let text = match name.as_str() {
            "Challenge" => done("Challenge: 123456789\r\n"),
            "CoreStatus" => done("CoreStartupDate: 2026-11-22\r\nCoreStartupTime: 08:00:00\r\n"),
            "CoreSettings" => done("AsteriskVersion: 22.10.0\r\n"),
            "CoreShowChannels" => list(&[], "CoreShowChannelsComplete"),
            "BridgeList" => list(&[], "BridgeListComplete"),
            "QueueStatus" => list(&members(simulation), "QueueStatusComplete"),
            "Ping" => {
                let now = Utc::now();
                let clock = format!("{}.{:06}", now.timestamp(), now.timestamp_subsec_micros());
                done(&format!("Ping: Pong\r\nTimestamp: {clock}\r\n"))
            }
            _ => done(""),
        };
        if say(&text).is_err() {
            return;
        }
    }
}

fn members(simulation: &Simulation) -> Vec<String> {
    let queues = simulation.queues.iter().flat_map(|queue| {
        let name = &queue.name;
        let params = format!("Event: QueueParams\r\nQueue: {name}\r\n");
        let members = queue.members.iter().map(move |nth| {
            let agent = &simulation.agents[*nth];
            let device = format!("PJSIP/{}", agent.extension);
            format!(
                "Event: QueueMember\r\nQueue: {name}\r\nName: {}\r\nLocation: {device}\r\nStateInterface: {device}\r\n\
                 Status: 1\r\nPaused: 0\r\nInCall: 0\r\n",
                agent.name
            )
        });
        [params].into_iter().chain(members)
    });
    queues.collect()
}
