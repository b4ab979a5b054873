//! The native link over real sockets: who is let in, what is told to the board, what is acknowledged.

use protocol::native::client::{self, Client, Identity, check_hello};
use tokio::io::{AsyncBufReadExt, BufReader, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;

use super::*;
use crate::config::{Address, NativeListen, ServerTls, Tls};
use crate::link::listen::{Door, Listener};
use crate::link::{Service, connect};

const TOKEN: &str = "3f9c1e5b7a2d4860";

/// A door, a link behind it, and what the link tells.
struct House {
    at: Address,
    told: mpsc::Receiver<FromLink>,
    stop: CancellationToken,
    link: Link,
}

fn house(tls: Option<(ServerTls, Tls)>) -> House {
    let (server, client) = tls.unzip();
    let listen = NativeListen { listen: ([127, 0, 0, 1], 0).into(), tls: server };
    let (arrivals, arriving) = mpsc::channel(ARRIVALS);
    let (to, told) = mpsc::channel(1024);
    let (memory, remembered) = oneshot::channel();
    let stop = CancellationToken::new();
    let (link, _) = start("shop".into(), Tap::default(), remembered, arriving, to, stop.clone());
    memory.send(Memory::default()).expect("a link");
    let listener = Listener::bind(&listen, vec![Door::new("shop".into(), TOKEN, arrivals)]).expect("a listener");
    let host = if client.is_some() { "localhost" } else { "127.0.0.1" };
    let at = Address { host: host.into(), port: listener.address().expect("an address").port(), tls: client };
    tokio::spawn(listener.run(stop.clone()));
    House { at, told, stop, link }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl House {
    /// What the link said next, but for its state.
    async fn said(&mut self) -> Said {
        loop {
            let next = timeout(Duration::from_secs(20), self.told.recv()).await.expect("in time").expect("a link");
            match next {
                FromLink::Native { said, .. } => return said,
                FromLink::State(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn line(&mut self) -> Line {
        match self.said().await {
            Said::Line(line) => line,
            other => panic!("{other:?}"),
        }
    }
}

/// A sender that says what it is told to.
struct Raw {
    lines: tokio::io::Lines<BufReader<ReadHalf<Box<dyn Wire>>>>,
    writer: WriteHalf<Box<dyn Wire>>,
}

impl Raw {
    async fn connect(at: &Address) -> Raw {
        let (reader, writer) = split(connect(at, Service::Ringback).await.expect("a connection").wire);
        Raw { lines: BufReader::new(reader).lines(), writer }
    }

    async fn hello(at: &Address, source: &str) -> Raw {
        let mut raw = Raw::connect(at).await;
        raw.say(&format!(r#"{{"type":"hello","version":1,"token":"{TOKEN}","source":"{source}","boot":"1"}}"#)).await;
        raw
    }

    async fn say(&mut self, line: &str) {
        self.writer.write_all(format!("{line}\n").as_bytes()).await.expect("to write");
        self.writer.flush().await.expect("to write");
    }

    async fn hears(&mut self) -> Option<FromUs> {
        let line = timeout(Duration::from_secs(20), self.lines.next_line()).await.expect("in time").ok()??;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}")))
    }

    async fn error(&mut self) -> String {
        match self.hears().await {
            Some(FromUs::Error { reason, closing: true, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    async fn snapshot(&mut self, first: u64) {
        for (seq, kind) in (first..).zip(["snapshot_began", "snapshot_ended"]) {
            let at = Utc::now().to_rfc3339();
            self.say(&format!(r#"{{"type":"{kind}","seq":{seq},"at":"{at}","marker":"m"}}"#)).await;
        }
    }
}

#[tokio::test]
async fn who_says_no_hello_or_a_wrong_one_is_told_why_and_closed() {
    let house = house(None);
    for (first, why) in [
        ("GET / HTTP/1.1", "no JSON object"),
        (r#"{"type":"heartbeat"}"#, "must be a hello"),
        (r#"{"type":"hello","version":2,"token":"x","source":"s","boot":"1"}"#, "version 2"),
        (r#"{"type":"hello","version":1,"token":"0000000000000000","source":"s","boot":"1"}"#, "no PBX has this token"),
        (
            r#"{"type":"hello","version":1,"token":"3f9c1e5b7a2d4860","pbx":"hq","source":"s","boot":"1"}"#,
            "token of the PBX shop",
        ),
    ] {
        let mut raw = Raw::connect(&house.at).await;
        raw.say(first).await;
        let reason = raw.error().await;
        assert!(reason.contains(why), "{first}: {reason}");
        assert_eq!(raw.hears().await, None, "closed");
    }
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let house = house(None);
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(Raw::connect(&house.at).await);
    }
    let mut ninth = TcpStream::connect((house.at.host.as_str(), house.at.port)).await.expect("a connection");
    let mut byte = [0];
    let closed = timeout(Duration::from_secs(5), ninth.read(&mut byte)).await.expect("closed at once");
    assert_eq!(closed.unwrap_or(0), 0);
    drop(silent);
}

#[tokio::test]
async fn a_line_is_acknowledged_when_the_engine_says_so_and_heard_once_over_reconnects() {
    let mut house = house(None);
    let mut raw = Raw::hello(&house.at, "s1").await;
    assert!(matches!(raw.hears().await, Some(FromUs::Welcome { last_seq: 0, .. })));
    assert!(matches!(raw.hears().await, Some(FromUs::Resync { .. })));
    assert!(matches!(house.said().await, Said::There { whole: false, .. }));
    assert!(matches!(house.said().await, Said::Missed { .. }));
    raw.snapshot(1).await;
    let (first, second) = (house.line().await, house.line().await);
    assert_eq!((first.entry.seq, second.events), (1, vec![CallEvent::SnapshotEnded]));
    first.committed.send_replace(first.nth);
    assert_eq!(raw.hears().await, Some(FromUs::Ack { seq: 1 }));

    // The sender tells again what it has no word of; it is heard no more, and acknowledged in time.
    drop(raw);
    let Said::Away { from, to: None, .. } = house.said().await else { panic!("out of sight") };
    let mut raw = Raw::hello(&house.at, "s1").await;
    assert!(matches!(raw.hears().await, Some(FromUs::Welcome { last_seq: 1, .. })));
    assert!(matches!(house.said().await, Said::There { whole: true, .. }));
    let Said::Away { from: same, to: Some(_), .. } = house.said().await else { panic!("in sight") };
    assert_eq!(from, same);
    let at = Utc::now().to_rfc3339();
    raw.say(&format!(r#"{{"type":"snapshot_ended","seq":2,"at":"{at}","marker":"m"}}"#)).await;
    raw.say(&format!(r#"{{"type":"queue","seq":3,"at":"{at}","queue":"support"}}"#)).await;
    let third = house.line().await;
    assert_eq!(third.entry.seq, 3);
    third.committed.send_replace(third.nth);
    assert_eq!(raw.hears().await, Some(FromUs::Ack { seq: 3 }));

    // Another run of the sender: nobody knows what happened between.
    drop(raw);
    assert!(matches!(house.said().await, Said::Away { to: None, .. }));
    let mut raw = Raw::hello(&house.at, "s2").await;
    assert!(matches!(raw.hears().await, Some(FromUs::Welcome { last_seq: 0, .. })));
    assert!(matches!(house.said().await, Said::There { whole: false, .. }));
    assert!(matches!(house.said().await, Said::Missed { .. }));
    raw.snapshot(1).await;
    assert_eq!(house.line().await.entry.source.as_ref(), "s2");
}

#[tokio::test]
async fn the_same_run_takes_over_another_is_turned_away_and_a_check_is_told() {
    let mut house = house(None);
    let mut raw = Raw::hello(&house.at, "s1").await;
    assert!(matches!(raw.hears().await, Some(FromUs::Welcome { connected: None, .. })));
    assert!(matches!(raw.hears().await, Some(FromUs::Resync { .. })));
    let mut stranger = Raw::hello(&house.at, "s2").await;
    assert!(stranger.error().await.contains("source s1"));
    let mut check = Raw::connect(&house.at).await;
    check.writer.write_all(&check_hello(TOKEN, Utc::now()).expect("a hello")).await.expect("to write");
    let Some(FromUs::Welcome { connected: Some(connected), .. }) = check.hears().await else { panic!("a welcome") };
    assert!(connected.contains("s1"), "{connected}");
    let mut again = Raw::hello(&house.at, "s1").await;
    assert!(raw.error().await.contains("taken over"));
    assert!(matches!(again.hears().await, Some(FromUs::Welcome { .. })));
    // A request reaches whoever is there now, and its answer comes back.
    while !matches!(again.hears().await, Some(FromUs::Resync { .. })) {}
    house.link.ask(Request::Hangup { leg: "c1".into() }).expect("room");
    let Some(FromUs::Request { id, .. }) = again.hears().await else { panic!("a request") };
    again.say(&format!(r#"{{"type":"answer","id":"{id}","done":false,"reason":"no such call"}}"#)).await;
    loop {
        let next = timeout(Duration::from_secs(20), house.told.recv()).await.expect("in time").expect("a link");
        if let FromLink::Answered { answer, .. } = next {
            assert_eq!(answer, Err(Refused::ByPbx("no such call".into())));
            break;
        }
    }
}

/// Where certificate and key are.
struct Pem {
    dir: tempfile::TempDir,
    files: ServerTls,
}

type Made = rcgen::CertifiedKey<rcgen::KeyPair>;

impl Pem {
    fn new() -> Pem {
        let dir = tempfile::tempdir().expect("a directory");
        let files = ServerTls { cert_file: dir.path().join("cert.pem"), key_file: dir.path().join("key.pem") };
        Pem { dir, files }
    }

    fn made() -> Made {
        rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate")
    }

    fn write_both(&self, made: &Made) {
        std::fs::write(&self.files.cert_file, made.cert.pem()).expect("to write");
        std::fs::write(&self.files.key_file, made.signing_key.serialize_pem()).expect("to write");
    }

    /// Believes in this certificate alone.
    fn believer(&self, name: &str, made: &Made) -> Tls {
        let file = self.dir.path().join(name);
        std::fs::write(&file, made.cert.pem()).expect("to write");
        Tls::Authority(file)
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_one_that_is_none_is_not() {
    let pem = Pem::new();
    let (first, second) = (Pem::made(), Pem::made());
    pem.write_both(&first);
    let (old, new) = (pem.believer("old.pem", &first), pem.believer("new.pem", &second));
    let house = house(Some((pem.files.clone(), old.clone())));
    let shows = async |tls: &Tls| {
        connect(&Address { tls: Some(tls.clone()), ..house.at.clone() }, Service::Ringback).await.is_ok()
    };
    assert!(shows(&old).await && !shows(&new).await);

    // Half of a renewal, then no certificate at all, then none that can be read.
    for wrong in [second.cert.pem(), "no certificate".into(), "-----BEGIN CERTIFICATE-----\n".into()] {
        std::fs::write(&pem.files.cert_file, wrong).expect("to write");
        assert!(shows(&old).await && !shows(&new).await);
    }
    std::fs::remove_file(&pem.files.cert_file).expect("to remove");
    assert!(shows(&old).await);

    pem.write_both(&second);
    assert!(shows(&new).await && !shows(&old).await);
}

#[tokio::test]
async fn over_tls_by_our_certificate() {
    let pem = Pem::new();
    pem.write_both(&Pem::made());
    let mut house = house(Some((pem.files.clone(), Tls::Authority(pem.files.cert_file.clone()))));
    let mut client = Client::new(
        Identity {
            token: TOKEN.into(),
            source: "s1".try_into().expect("a source"),
            boot: "1".try_into().expect("a boot"),
            product: None,
        },
        1 << 20,
        instant(),
    );
    client.connected(instant(), Utc::now());
    let mut wire = connect(&house.at, Service::Ringback).await.expect("TLS").wire;
    let hello = std::mem::take(client.to_send(instant()));
    wire.write_all(&hello).await.expect("to write");
    wire.flush().await.expect("to write");
    let (mut buffer, mut heard) = (BytesMut::new(), Vec::new());
    while heard.is_empty() {
        wire.read_buf(&mut buffer).await.expect("to read");
        client.receive(instant(), &mut buffer, &mut heard);
    }
    assert_eq!(heard[0], client::Heard::Welcome { pbx: "shop".into(), last_seq: 0 });
    assert!(matches!(house.said().await, Said::There { .. }));
}
