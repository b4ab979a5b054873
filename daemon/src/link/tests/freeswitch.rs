//! A link to a FreeSWITCH, whose every word is the test's or a recording's.

use protocol::esl::codec::{EslCodec, Message};
use protocol::esl::event::Event;
use protocol::esl::events;

use super::*;
use crate::config::{Address, FreeSwitch};

const CORE: &str = "58619c2d-b441-4bfa-a875-3aec7135c6c0";

/// How the other side lets us in.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    Open,
    WrongPassword,
    Forbidden,
}

/// What a recorded FreeSWITCH told by itself, as it told it.
fn recorded_events(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/freeswitch-1.10");
    let bytes = std::fs::read(folder.join(name)).unwrap();
    let (mut codec, mut buffer, mut frames) = (EslCodec::default(), BytesMut::from(&bytes[..]), Vec::new());
    while let Some(Message::Frame(frame)) = codec.decode(&mut buffer).unwrap() {
        if frame.is_event() {
            frames.push([&frame.headers[..], &frame.body].concat());
        }
    }
    frames
}

fn told_by(bytes: &[u8]) -> Vec<CallEvent> {
    let (mut codec, mut buffer, mut told) = (EslCodec::without_greeting(), BytesMut::from(bytes), Vec::new());
    while let Some(message) = codec.decode(&mut buffer).unwrap() {
        if let Message::Frame(frame) = message {
            events::map(&Event::read(&frame).unwrap(), &mut told);
        }
    }
    told
}

/// Speaks as a FreeSWITCH to one connection: lets it in, answers with empty lists, and once the
/// channels are listed says `then`. Returns the commands that it was asked, when the other side
/// hangs up, or at once if `hang_up` is said.
async fn freeswitch(wire: impl Wire, door: Door, then: Vec<u8>, hang_up: bool) -> Vec<String> {
    let (mut reader, mut writer) = tokio::io::split(wire);
    if door == Door::Forbidden {
        let rejection = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n";
        writer.write_all(rejection).await.unwrap();
        return Vec::new();
    }
    let (mut asked, mut text, mut then) = (Vec::new(), Vec::new(), Some(then));
    writer.write_all(b"Content-Type: auth/request\n\n").await.unwrap();
    let mut read = [0; 4096];
    'connection: while let Ok(bytes) = reader.read(&mut read).await
        && bytes > 0
    {
        text.extend_from_slice(&read[..bytes]);
        while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
            let command = String::from_utf8(text.drain(..end + 2).collect()).unwrap().trim_end().to_owned();
            let is_last = command.starts_with("api show channels");
            let reply = reply(&command, door);
            asked.push(command);
            if writer.write_all(reply.as_bytes()).await.is_err() || door == Door::WrongPassword {
                break 'connection;
            }
            if is_last && let Some(then) = then.take() {
                writer.write_all(&then).await.unwrap();
                if hang_up {
                    break 'connection;
                }
            }
        }
    }
    writer.shutdown().await.ok();
    asked
}

fn reply(command: &str, door: Door) -> String {
    let reply = |said: &str| format!("Content-Type: command/reply\nReply-Text: {said}\n\n");
    let answer = |said: &str| format!("Content-Type: api/response\nContent-Length: {}\n\n{said}", said.len());
    match command.split_once("\nJob-UUID: ") {
        _ if command.starts_with("auth ") && door == Door::WrongPassword => {
            reply("-ERR invalid") + "Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n"
        }
        Some((command, id)) => {
            let said =
                if command == "bgapi version" { "FreeSWITCH Version 1.10.12-release" } else { "-ERR No such channel!" };
            let event = format!(
                r#"{{"Event-Name":"BACKGROUND_JOB","Core-UUID":"{CORE}","Job-UUID":"{id}","_body":"{said}\n"}}"#
            );
            let done = format!("Content-Length: {}\nContent-Type: text/event-json\n\n{event}", event.len());
            reply("+OK Job-UUID: x") + &done
        }
        None if command.starts_with("api strmicroepoch") => answer(&(Utc::now().timestamp_micros()).to_string()),
        None if command.starts_with("api show channels") => answer("{\"row_count\":0}\n"),
        None if command.starts_with("api json") => answer("{\"status\":\"success\",\"response\":[]}\n"),
        None => reply("+OK"),
    }
}

fn wired(pbx: &mut Pbx) {
    let address = asterisk_of(pbx).address.clone();
    pbx.wiring = Wiring::FreeSwitch(FreeSwitch {
        address: Address { tls: None, ..address },
        username: None,
        secret: "s3cret".into(),
        originate_channel: "user/{agent}".into(),
        originate_context: "default".into(),
        originate_caller_id: None,
    });
}

async fn serve(linked: &Linked, door: Door, then: Vec<u8>, hang_up: bool) -> JoinHandle<Vec<String>> {
    let (stream, _) = linked.listener.accept().await.unwrap();
    tokio::spawn(freeswitch(stream, door, then, hang_up))
}

#[tokio::test]
async fn all_that_a_freeswitch_says_reaches_the_board_and_a_cut_is_an_outage() {
    let mut linked = Linked::new(wired).await;
    let burst = recorded_events("burst.json.esl").concat();
    let cut = burst.len() - 100;
    let asked = serve(&linked, Door::Open, burst[..cut].to_vec(), true).await;
    let mut events = Vec::new();
    let from = until_outage(&mut linked.told, &mut events).await;
    let expected = told_by(&burst[..cut]);
    assert!(expected.len() > 200, "{}", expected.len());
    assert!(matches!(&events[0], CallEvent::SnapshotBegan { boot } if boot.as_str() == CORE.replace('-', "")));
    assert_eq!(events[1], CallEvent::SnapshotEnded);
    assert_eq!(events[2..], expected[..]);
    let down = linked.state(is_down).await;
    assert_eq!(down.damaged_total, 1, "the frame that was cut is told");
    let asked = asked.await.unwrap();
    assert!(asked[0] == "auth s3cret" && asked[1].starts_with("event json "), "{asked:?}");

    // It is back: a snapshot, then the outage's end under the same key.
    let again = serve(&linked, Door::Open, Vec::new(), false).await;
    let ended = linked
        .until(|news| match news {
            FromLink::Outage { from, to: Some(_), .. } => Some(from),
            _ => None,
        })
        .await;
    assert_eq!(ended, from);
    let up = linked.state(|state| *state == LinkState::Up).await;
    assert_eq!((up.last_error, up.product.as_str()), (None, "FreeSWITCH 1.10.12"));
    let hangup = Request::Hangup { leg: "a".into() };
    linked.link.ask(hangup.clone()).unwrap();
    let answer = linked
        .until(|news| match news {
            FromLink::Answered { request, answer, .. } => Some((request, answer)),
            _ => None,
        })
        .await;
    assert_eq!(answer, (hangup, Err(Refused::ByPbx("No such channel!".into()))));
    linked.end().await;
    again.await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_and_a_forbidden_address_wait_long_with_what_to_paste() {
    for (door, part) in [(Door::WrongPassword, "event_socket.conf.xml"), (Door::Forbidden, "apply-inbound-acl")] {
        let mut linked = Linked::new(wired).await;
        let _freeswitch = serve(&linked, door, Vec::new(), false).await;
        let down = linked.state(is_down).await;
        let LinkState::Down { retry_at, .. } = down.state else { unreachable!() };
        let wait = (retry_at - down.since).num_seconds();
        assert!((59..=151).contains(&wait), "{part}: {wait} s");
        assert!(down.last_error.as_ref().is_some_and(|why| why.contains(part)), "{:?}", down.last_error);
        linked.end().await;
    }
    let mut linked = Linked::new(|pbx| {
        asterisk_of(pbx).address.port = 1;
        wired(pbx);
    })
    .await;
    let down = linked.state(is_down).await;
    assert!(down.last_error.as_ref().is_some_and(|why| why.contains("listen-ip")), "{:?}", down.last_error);
    linked.end().await;
}

/// Cut at bytes of chance, within frames and between them, in either encoding: what was whole is
/// told, in order, and nothing else.
#[tokio::test]
async fn a_cut_at_any_byte_loses_what_was_cut_and_nothing_before() {
    let mut chance = rand::rngs::StdRng::seed_from_u64(3);
    for recording in ["attended_transfer.json.esl", "attended_transfer.plain.esl"] {
        let bytes = recorded_events(recording).concat();
        for _ in 0..25 {
            let cut = chance.random_range(0..bytes.len());
            let (ours, theirs) = tokio::io::duplex(16 * 1024);
            let peer = tokio::spawn(freeswitch(theirs, Door::Open, bytes[..cut].to_vec(), true));
            let mut config = pbx(0);
            wired(&mut config);
            let (to, mut told) = mpsc::channel(EVENTS);
            let mut teller = Teller::new(config.name.clone(), to);
            let mut now = LinkNow::new(config.name.clone(), Utc::now());
            let (_requests, mut asked) = mpsc::channel(REQUESTS);
            let stop = CancellationToken::new();
            let mut session = session(&config, None).unwrap();
            let desk =
                Desk { now: &mut now, tap: &mut Tap::default(), teller: &mut teller, asked: &mut asked, stop: &stop };
            let ended = converse(Box::new(ours), &mut session, desk).await.expect("the PBX closed");
            assert_eq!(ended.why, Over::Closed, "{recording} cut at {cut}");
            peer.await.unwrap();
            let mut events = Vec::new();
            while let Ok(news) = told.try_recv() {
                if let FromLink::Event { event, .. } = news {
                    events.push(event);
                }
            }
            assert_eq!(events[2..], told_by(&bytes[..cut])[..], "{recording} cut at {cut}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_told_and_mended_by_a_snapshot() {
    let (to, mut told) = mpsc::channel(64);
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let burst = recorded_events("burst.json.esl").concat();
    let peer = tokio::spawn(freeswitch(theirs, Door::Open, burst.clone(), false));
    let stop = CancellationToken::new();
    let mut config = pbx(0);
    wired(&mut config);
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
    let full = async {
        while told.len() < 64 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), full).await.unwrap();
    let mut events = Vec::new();
    let from = until_outage(&mut told, &mut events).await;
    assert!(events.len() < 64 && events.len() > 40);
    assert_eq!(events[2..], told_by(&burst)[..events.len() - 2]);
    let ended = until(&mut told, |news| match news {
        FromLink::Outage { from, to: Some(_), .. } => Some(from),
        _ => None,
    })
    .await;
    assert_eq!(ended, from);
    stop.cancel();
    assert!(conversation.await.unwrap());
    let asked = peer.await.unwrap();
    let lists = asked.iter().filter(|command| command.starts_with("api show channels")).count();
    assert!(lists >= 2, "at the start, after the outage, and perhaps to look for legs of which the list said nothing");
}
