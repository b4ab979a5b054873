mod freeswitch;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use protocol::ami::codec::{AmiCodec, Frame};
use protocol::ami::events;
use protocol::request::Dialable;
use rand::SeedableRng;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::connect::Wire;
use super::peer::next_action;
use super::*;
use crate::calls::dialplan::Dialplan;
use crate::calls::tracker::Tracker;
use crate::capture::Tap;
use crate::config::{Asterisk, Tls};
use crate::number::Numbering;
use crate::simulator::{Server, Simulation};

/// How the other side lets us in.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Welcoming,
    Refusing(&'static str),
    /// Closes without a greeting.
    Closing,
}

/// What is left of a recording after the login's and the lists' answers.
fn recorded(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/asterisk-22");
    let bytes = std::fs::read(folder.join(name)).unwrap();
    let end = b"CoreShowChannelsComplete";
    let lists = bytes.windows(end.len()).position(|window| window == end).unwrap();
    let blank = bytes[lists..].windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    bytes[lists + blank + 4..].to_vec()
}

fn events_of(bytes: &[u8]) -> Vec<CallEvent> {
    let (mut codec, mut buffer, mut out) = (AmiCodec::without_banner(), BytesMut::from(bytes), Vec::new());
    while let Some(frame) = codec.decode(&mut buffer).unwrap() {
        if let Frame::Packet(packet) = frame {
            out.extend(events::map(&packet));
        }
    }
    out
}

/// Speaks as an Asterisk to one connection: lets it in, answers with empty lists, and once
/// `CoreShowChannels` is answered says `then`. Returns the actions that it was asked, when the
/// other side hangs up, or at once if `hang_up` is said.
async fn asterisk(wire: impl Wire, manner: Manner, then: Vec<u8>, hang_up: bool) -> Vec<String> {
    let (reader, mut writer) = tokio::io::split(wire);
    if manner == Manner::Closing {
        return Vec::new();
    }
    let mut asked = Vec::new();
    let mut then = Some(then);
    writer.write_all(b"Asterisk Call Manager/11.0.0\r\n").await.unwrap();
    let mut lines = BufReader::new(reader).lines();
    while let Some((action, id)) = next_action(&mut lines).await {
        asked.push(action.clone());
        if writer.write_all(reply(&action, &id, manner).replace('\n', "\r\n").as_bytes()).await.is_err() {
            break;
        }
        if manner != Manner::Welcoming && action == "Login" {
            break;
        }
        if action == "CoreShowChannels"
            && let Some(then) = then.take()
        {
            writer.write_all(&then).await.unwrap();
            if hang_up {
                break;
            }
        }
    }
    writer.shutdown().await.ok();
    asked
}

fn reply(action: &str, id: &str, manner: Manner) -> String {
    let list = |name: &str| {
        format!(
            "Response: Success\nActionID: {id}\nEventList: start\n\nEvent: {name}Complete\nActionID: {id}\n\
             EventList: Complete\nListItems: 0\n\n"
        )
    };
    match (action, manner) {
        ("Challenge", _) => format!("Response: Success\nActionID: {id}\nChallenge: 123\n\n"),
        ("Login", Manner::Refusing(why)) => format!("Response: Error\nActionID: {id}\nMessage: {why}\n\n"),
        ("CoreStatus", _) => {
            format!("Response: Success\nActionID: {id}\nCoreStartupDate: 2026-11-21\nCoreStartupTime: 20:37:13\n\n")
        }
        ("QueueStatus" | "BridgeList" | "CoreShowChannels", _) => list(action),
        ("CoreSettings", _) => format!("Response: Success\nActionID: {id}\nAsteriskVersion: 22.10.0\n\n"),
        ("Originate", _) => {
            format!("Response: Error\nActionID: {id}\nMessage: Extension does not exist.\n\n")
        }
        _ => format!("Response: Success\nActionID: {id}\n\n"),
    }
}

/// A PBX at this port of our own, signed in to as `ringback` with `s3cret`.
pub(crate) fn pbx(port: u16) -> Pbx {
    let mut pbx = Pbx::simulated("hq", ([127, 0, 0, 1], port).into());
    let asterisk = asterisk_of(&mut pbx);
    asterisk.username = "ringback".into();
    asterisk.secret = "s3cret".into();
    pbx
}

pub(crate) fn asterisk_of(pbx: &mut Pbx) -> &mut Asterisk {
    match &mut pbx.wiring {
        Wiring::Asterisk(asterisk) => asterisk,
        Wiring::FreeSwitch(_) | Wiring::Native(_) => panic!("no Asterisk"),
    }
}

/// A link to a listener of our own.
struct Linked {
    listener: TcpListener,
    link: Link,
    told: mpsc::Receiver<FromLink>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Linked {
    async fn new(change: impl FnOnce(&mut Pbx)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut pbx = pbx(listener.local_addr().unwrap().port());
        change(&mut pbx);
        let (to, told) = mpsc::channel(EVENTS);
        let stop = CancellationToken::new();
        let (link, task) = Link::start(pbx, Tap::default(), to, stop.clone());
        Linked { listener, link, told, stop, task }
    }

    async fn serve(&self, manner: Manner, then: Vec<u8>, hang_up: bool) -> JoinHandle<Vec<String>> {
        let (stream, _) = self.listener.accept().await.unwrap();
        tokio::spawn(asterisk(stream, manner, then, hang_up))
    }

    /// The next news that `pick` picks; those before it are passed over.
    async fn until<T>(&mut self, pick: impl Fn(FromLink) -> Option<T>) -> T {
        until(&mut self.told, pick).await
    }

    async fn state(&mut self, pick: impl Fn(&LinkState) -> bool) -> LinkNow {
        self.until(|news| match news {
            FromLink::State(now) if pick(&now.state) => Some(now),
            _ => None,
        })
        .await
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(5), self.task).await.expect("the link ends when told").unwrap();
    }
}

async fn until<T>(told: &mut mpsc::Receiver<FromLink>, pick: impl Fn(FromLink) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = pick(told.recv().await.expect("the link is up")) {
                return found;
            }
        }
    };
    timeout(Duration::from_secs(20), found).await.expect("in time")
}

fn is_down(state: &LinkState) -> bool {
    matches!(state, LinkState::Down { .. })
}

#[tokio::test]
async fn all_that_a_pbx_says_reaches_the_board_and_a_cut_is_an_outage() {
    let mut linked = Linked::new(|_| {}).await;
    let burst = recorded("burst.ami");
    let cut = burst.len() - 100;
    let asked = linked.serve(Manner::Welcoming, burst[..cut].to_vec(), true).await;

    let mut events = Vec::new();
    let (from, why) = loop {
        match linked.told.recv().await.unwrap() {
            FromLink::Event { event, .. } => events.push(event),
            FromLink::Outage { from, to: None, why, .. } => break (from, why),
            FromLink::State(_) | FromLink::Hindered(_) | FromLink::Native { .. } | FromLink::Answered { .. } => {}
            FromLink::Outage { .. } => panic!("no outage was open"),
        }
    };
    let expected = events_of(&burst[..cut]);
    assert!(expected.len() > 200, "{}", expected.len());
    assert!(matches!(events[0], CallEvent::SnapshotBegan { .. }));
    assert_eq!(events[1], CallEvent::SnapshotEnded);
    assert_eq!(events[2..], expected[..]);
    assert!(why.contains("closed the connection"), "{why}");

    let down = linked.state(is_down).await;
    assert_eq!(down.damaged_total, 1, "the packet that was cut is told");
    let refused = Request::Hangup { leg: "a".into() };
    linked.link.ask(refused.clone()).unwrap();
    let answer = linked
        .until(|news| match news {
            FromLink::Answered { request, answer, .. } => Some((request, answer)),
            _ => None,
        })
        .await;
    assert_eq!(answer, (refused, Err(Refused::Down)));

    // It is back: a snapshot, then the outage's end under the same key.
    let first = asked.await.unwrap();
    let all = ["CoreStatus", "QueueStatus", "BridgeList", "CoreShowChannels"];
    assert_eq!(first, [&["Challenge", "Login", "Ping", "CoreSettings"][..], &all].concat());
    let again = linked.serve(Manner::Welcoming, Vec::new(), false).await;
    linked
        .until(|news| match news {
            FromLink::Event { event: CallEvent::SnapshotBegan { .. }, .. } => Some(()),
            FromLink::Event { event, .. } => panic!("before the snapshot: {event:?}"),
            _ => None,
        })
        .await;
    let ended = linked
        .until(|news| match news {
            FromLink::Outage { from, to, .. } => Some((from, to.is_some_and(|to| to >= from))),
            _ => None,
        })
        .await;
    assert_eq!(ended, (from, true));
    let up = linked.state(|state| *state == LinkState::Up).await;
    assert_eq!((up.last_error, up.product.as_str()), (None, "Asterisk 22.10.0"));
    linked.end().await;
    again.await.unwrap();
}

#[tokio::test]
async fn a_refused_click_to_call_is_answered() {
    let mut linked = Linked::new(|_| {}).await;
    let _asterisk = linked.serve(Manner::Welcoming, Vec::new(), false).await;
    linked.state(|state| *state == LinkState::Up).await;
    let to = Dialable::new("13600000001").unwrap();
    linked.link.ask(Request::Originate { agent: "1001".into(), to, leg: "ringback-1".into() }).unwrap();
    let answer = linked
        .until(|news| match news {
            FromLink::Answered { answer, .. } => Some(answer),
            _ => None,
        })
        .await;
    assert_eq!(answer, Err(Refused::ByPbx("Extension does not exist.".into())));
    linked.end().await;
}

#[tokio::test]
async fn a_wrong_secret_waits_long_and_a_login_in_use_does_not() {
    for (manner, part, least, most) in [
        (Manner::Refusing("Authentication failed"), "permit = 127.0.0.1/255.255.255.255", 59, 151),
        (Manner::Refusing("Login Already In Use"), "allowmultiplelogin", 0, 5),
        (Manner::Closing, "authlimit", 9, 21),
    ] {
        let mut linked = Linked::new(|_| {}).await;
        let _asterisk = linked.serve(manner, Vec::new(), false).await;
        let down = linked.state(is_down).await;
        let LinkState::Down { attempt, retry_at } = down.state else { unreachable!() };
        let wait = (retry_at - down.since).num_seconds();
        assert_eq!(attempt, 1);
        assert!((least..=most).contains(&wait), "{part}: {wait} s");
        assert!(down.last_error.as_ref().is_some_and(|why| why.contains(part)), "{:?}", down.last_error);
        linked.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_told_and_mended_by_a_snapshot() {
    let (to, mut told) = mpsc::channel(64);
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let burst = recorded("burst.ami");
    let asterisk = tokio::spawn(asterisk(theirs, Manner::Welcoming, burst.clone(), false));
    let stop = CancellationToken::new();
    let config = pbx(0);
    let stopped = stop.clone();
    let conversation = tokio::spawn(async move {
        let (_requests, mut asked) = mpsc::channel(REQUESTS);
        let mut teller = Teller::new(config.name.clone(), to);
        let mut now = LinkNow::new(config.name.clone(), Utc::now());
        let mut session = session(&config, None).unwrap();
        let desk =
            Desk { now: &mut now, tap: &mut Tap::default(), teller: &mut teller, asked: &mut asked, stop: &stopped };
        converse(Box::new(ours), &mut session, desk).await.is_none()
    });
    // Nobody takes anything: the PBX gets rid of all it has to say all the same.
    let drained = async {
        while told.len() < 64 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), drained).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;

    // Now somebody does: what had fitted, then the outage, then the present.
    let mut events = Vec::new();
    let from = until_outage(&mut told, &mut events).await;
    assert!(events.len() < 64 && events.len() > 40);
    assert_eq!(events[2..], events_of(&burst)[..events.len() - 2]);
    until(&mut told, |news| match news {
        FromLink::Event { event: CallEvent::SnapshotBegan { .. }, .. } => Some(()),
        FromLink::Event { event, .. } => panic!("before the snapshot: {event:?}"),
        _ => None,
    })
    .await;
    let ended = until(&mut told, |news| match news {
        FromLink::Outage { from, to: Some(_), .. } => Some(from),
        _ => None,
    })
    .await;
    assert_eq!(ended, from);
    stop.cancel();
    assert!(conversation.await.unwrap());
    let asked = asterisk.await.unwrap();
    assert_eq!(asked.iter().filter(|action| *action == "CoreShowChannels").count(), 2);
}

async fn until_outage(told: &mut mpsc::Receiver<FromLink>, events: &mut Vec<CallEvent>) -> Time {
    loop {
        match told.recv().await.unwrap() {
            FromLink::Event { event, .. } => events.push(event),
            FromLink::Outage { from, to: None, .. } => return from,
            FromLink::Outage { .. }
            | FromLink::State(_)
            | FromLink::Hindered(_)
            | FromLink::Native { .. }
            | FromLink::Answered { .. } => {}
        }
    }
}

/// A certificate for `localhost`, its PEM file, and who serves with it.
struct Certified {
    acceptor: tokio_rustls::TlsAcceptor,
    fingerprint: [u8; 32],
    file: tempfile::NamedTempFile,
}

fn certified() -> Certified {
    use sha2::Digest;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = made.cert.der().clone();
    let fingerprint = sha2::Sha256::digest(&certificate).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(made.cert.pem().as_bytes()).unwrap();
    Certified { acceptor: Arc::new(config).into(), fingerprint, file }
}

#[tokio::test]
async fn tls_by_the_pinned_certificate_or_by_its_authority() {
    let certified = certified();
    let pinned = Tls::Fingerprint(certified.fingerprint);
    let vouched = Tls::Authority(certified.file.path().to_owned());
    for tls in [pinned, vouched] {
        let mut linked = Linked::new(|pbx| {
            let address = &mut asterisk_of(pbx).address;
            address.host = "localhost".into();
            address.tls = Some(tls.clone());
        })
        .await;
        let (stream, _) = linked.listener.accept().await.unwrap();
        let acceptor = certified.acceptor.clone();
        let asterisk = tokio::spawn(async move {
            let stream = acceptor.accept(stream).await.unwrap();
            asterisk(stream, Manner::Welcoming, recorded("burst.ami"), false).await
        });
        linked.state(|state| *state == LinkState::Up).await;
        linked.end().await;
        assert!(asterisk.await.unwrap().contains(&"CoreShowChannels".to_owned()));
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_gets_no_login() {
    let certified = certified();
    let wrong = Tls::Fingerprint([7; 32]);
    let stranger = Tls::Authority(self::certified().file.into_temp_path().keep().unwrap());
    for (tls, part) in [(wrong, "fingerprint"), (stranger, "pin it instead")] {
        let mut linked = Linked::new(|pbx| {
            let address = &mut asterisk_of(pbx).address;
            address.host = "localhost".into();
            address.tls = Some(tls.clone());
        })
        .await;
        let (stream, _) = linked.listener.accept().await.unwrap();
        let acceptor = certified.acceptor.clone();
        let served = tokio::spawn(async move {
            let mut sent = Vec::new();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.read_to_end(&mut sent).await.ok();
            }
            sent
        });
        let down = linked.state(is_down).await;
        assert!(down.last_error.as_ref().is_some_and(|why| why.contains(part)), "{:?}", down.last_error);
        assert_eq!(served.await.unwrap(), b"", "nothing is said to a stranger");
        linked.end().await;
    }
}

#[tokio::test]
async fn a_plain_port_is_told_from_a_tls_one() {
    let mut linked = Linked::new(|pbx| asterisk_of(pbx).address.tls = Some(Tls::Fingerprint([7; 32]))).await;
    let _asterisk = linked.serve(Manner::Welcoming, Vec::new(), false).await;
    let down = linked.state(is_down).await;
    assert!(down.last_error.as_ref().is_some_and(|why| why.contains("tlsenable")), "{:?}", down.last_error);
    linked.end().await;
}

#[tokio::test]
async fn nobody_at_the_port_is_told_with_what_helps() {
    let mut linked = Linked::new(|pbx| asterisk_of(pbx).address.port = 1).await;
    let down = linked.state(is_down).await;
    assert!(down.last_error.as_ref().is_some_and(|why| why.contains("enabled = yes")), "{:?}", down.last_error);
    linked.end().await;
}

/// A hotline under load whose link is cut at bytes of chance, in logins, lists and calls: what the
/// tracker holds in the end is what a tracker holds that saw the last snapshot alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_number_of_cuts_no_call_is_missing_and_none_is_a_ghost() {
    let simulation = Simulation { secret: "s3cret".into(), username: "ringback".into(), ..Simulation::drill(20.0, 11) };
    let server = Server::bind(simulation, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = server.address().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(server.run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(2)).await;

    let config = pbx(address.port());
    let tracker =
        || Tracker::new(config.name.clone(), Dialplan::new(Vec::new(), Vec::new()), Numbering::new("CN", None));
    let (to, mut told) = mpsc::channel(EVENTS);
    let mut teller = Teller::new(config.name.clone(), to);
    let mut now = LinkNow::new(config.name.clone(), Utc::now());
    let (_requests, mut asked) = mpsc::channel(REQUESTS);
    let mut boot = None;
    let mut chance = rand::rngs::StdRng::seed_from_u64(5);
    let (mut scarred, mut changes, mut snapshots, mut outages) = (tracker(), Vec::new(), 0, 0);
    // What a tracker sees that began at the last snapshot.
    let mut fresh = None;
    const CUTS: usize = 40;
    for cut in 0..=CUTS {
        let (reader, writer) = tokio::net::TcpStream::connect(address).await.unwrap().into_split();
        let bytes = if cut < CUTS { chance.random_range(0..250_000) } else { u64::MAX };
        let wire = tokio::io::join(reader.take(bytes), writer);
        let mut session = session(&config, boot.take()).unwrap();
        let enough = stop.child_token();
        let desk =
            Desk { now: &mut now, tap: &mut Tap::default(), teller: &mut teller, asked: &mut asked, stop: &enough };
        let mut conversation = Box::pin(converse(Box::new(wire), &mut session, desk));
        let ended = loop {
            let news = tokio::select! {
                biased;
                news = told.recv() => news.unwrap(),
                ended = &mut conversation => break ended,
            };
            match news {
                FromLink::Event { at, event, .. } => {
                    if let CallEvent::SnapshotBegan { .. } = event {
                        (fresh, snapshots) = (Some(tracker()), snapshots + 1);
                    }
                    let ended = event == CallEvent::SnapshotEnded;
                    if let Some(fresh) = &mut fresh {
                        fresh.observe(at, event.clone(), &mut Vec::new());
                    }
                    scarred.observe(at, event, &mut changes);
                    if ended {
                        assert_eq!(seen_by(&scarred), seen_by(fresh.as_ref().unwrap()), "after {cut} cuts");
                        if cut == CUTS {
                            enough.cancel();
                        }
                    }
                }
                FromLink::Outage { from, to: None, .. } => {
                    outages += 1;
                    scarred.lost_sight(from, &mut changes);
                }
                FromLink::Outage { .. }
                | FromLink::State(_)
                | FromLink::Hindered(_)
                | FromLink::Native { .. }
                | FromLink::Answered { .. } => {}
            }
        };
        drop(conversation);
        boot = session.boot().cloned();
        if let Some(ended) = ended {
            teller.lost(ended.heard_at, "cut".into());
        }
    }
    assert!(snapshots > CUTS / 4 && outages > 5, "{snapshots} snapshots, {outages} outages");
    assert!(seen_by(&scarred).len() > 5, "calls were up");
    stop.cancel();
    served.await.unwrap();
}

/// The callers of all calls that are up, in order.
fn seen_by(tracker: &Tracker) -> Vec<Option<String>> {
    let up = tracker.calls().filter(|call| call.ended_at.is_none());
    let mut callers: Vec<_> = up.map(|call| call.caller.clone()).collect();
    callers.sort();
    callers
}
