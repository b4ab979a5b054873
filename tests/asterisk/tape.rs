//! The manager port as a recorder hears it: every byte that Asterisk sends, and when it came.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::lab;
use crate::house::PATIENCE;

pub struct Tape {
    says: OwnedWriteHalf,
    heard: watch::Receiver<Heard>,
    /// What [`Tape::hears`] has passed by.
    passed: usize,
    asked: u32,
}

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// Seconds since connect, and the offset of what then came.
    times: Vec<(f64, usize)>,
    /// The whole packets, as text.
    packets: Vec<Arc<str>>,
    /// Where the next packet begins.
    next: usize,
}

impl Tape {
    /// Signs in, and asks who waits and what is up, as a recording begins.
    pub async fn start() -> Tape {
        let stream = TcpStream::connect(lab::manager()).await.expect("the manager port");
        let (hears, says) = stream.into_split();
        let (writer, heard) = watch::channel(Heard::default());
        tokio::spawn(listen(hears, writer));
        let mut tape = Tape { says, heard, passed: 0, asked: 0 };
        tape.asks("Login", &[("Username", "ringback"), ("Secret", "lab-secret")]).await;
        tape.asks("QueueStatus", &[]).await;
        tape.told(&["Event: QueueStatusComplete"]).await;
        tape.asks("CoreShowChannels", &[]).await;
        tape.told(&["Event: CoreShowChannelsComplete"]).await;
        tape
    }

    /// An action and its reply, which says that it was done.
    pub async fn asks(&mut self, action: &str, fields: &[(&str, &str)]) -> Arc<str> {
        self.asked += 1;
        let id = format!("ActionID: tape-{}\r\n", self.asked);
        let fields: String = fields.iter().map(|(key, value)| format!("{key}: {value}\r\n")).collect();
        let packet = format!("Action: {action}\r\n{id}{fields}\r\n");
        self.says.write_all(packet.as_bytes()).await.expect("write to the manager port");
        let reply = self.told(&["Response: ", &id]).await;
        assert!(reply.contains("Response: Success"), "{packet}{reply}");
        reply
    }

    /// The first packet that has all of these in it, of all that were and will be.
    pub async fn told(&self, parts: &[&str]) -> Arc<str> {
        let fits = |packet: &Arc<str>| parts.iter().all(|part| packet.contains(part));
        self.until(&format!("{parts:?}"), |heard| heard.packets.iter().find(|packet| fits(packet)).cloned()).await
    }

    /// The next packet that has all of these in it; what came before it is passed by.
    pub async fn hears(&mut self, what: &str, and: &[&str]) -> Arc<str> {
        let passed = self.passed;
        let fits = |packet: &Arc<str>| packet.contains(what) && and.iter().all(|part| packet.contains(part));
        let next = |heard: &Heard| {
            let index = passed + heard.packets[passed..].iter().position(fits)?;
            Some((index, heard.packets[index].clone()))
        };
        let (index, packet) = self.until(&format!("{what} {and:?}"), next).await;
        self.passed = index + 1;
        packet
    }

    /// Waits until all these channels are together in one bridge; each is known by how it begins
    /// (`PJSIP/1001-`), and where that is not enough by how it ends (`Local/103@pool-*;2`).
    pub async fn talk(&self, channels: &[&str]) {
        let together = |heard: &Heard| {
            let bridge = |channel: &&str| bridge_of(&heard.packets, channel);
            let bridges: Option<Vec<&str>> = channels.iter().map(bridge).collect();
            bridges.filter(|bridges| bridges.iter().all(|bridge| *bridge == bridges[0])).map(drop)
        };
        self.until(&format!("a talk of {channels:?}"), together).await;
    }

    /// Everybody has hung up, and Asterisk has told what it had to tell; the recording ends here.
    pub async fn ends(&mut self) {
        // By their ids: a packet that Asterisk tears must not leave one too many for ever.
        let of = |heard: &Heard, name: &str| -> BTreeSet<String> {
            let packets = heard.packets.iter().filter(|packet| packet.starts_with(name));
            packets.map(|packet| field(packet, "Uniqueid").to_owned()).collect()
        };
        let idle =
            |heard: &Heard| of(heard, "Event: Newchannel\r\n").is_subset(&of(heard, "Event: Hangup\r\n")).then_some(());
        self.until("everybody to have hung up", idle).await;
        self.asks("Ping", &[]).await;
    }

    /// Writes `NAME.ami`, `NAME.times` and `NAME.truth.json`.
    pub fn keep(&self, folder: &Path, name: &str, truth: &Value) {
        let heard = self.heard.borrow();
        let times: String = heard.times.iter().map(|(seconds, offset)| format!("{seconds:.4} {offset}\n")).collect();
        let truth = serde_json::to_string_pretty(truth).expect("JSON") + "\n";
        let write = |ending: &str, bytes: &[u8]| std::fs::write(folder.join(format!("{name}.{ending}")), bytes);
        write("ami", &heard.bytes)
            .and(write("times", times.as_bytes()))
            .and(write("truth.json", truth.as_bytes()))
            .unwrap_or_else(|why| panic!("cannot keep {name} in {}: {why}", folder.display()));
    }

    async fn until<T>(&self, what: &str, find: impl Fn(&Heard) -> Option<T>) -> T {
        let mut heard = self.heard.clone();
        let listening = async {
            loop {
                if let Some(found) = find(&heard.borrow_and_update()) {
                    return found;
                }
                heard.changed().await.unwrap_or_else(|_| panic!("the manager port closed before {what}"));
            }
        };
        let found = timeout(PATIENCE, listening).await;
        found.unwrap_or_else(|_| {
            let packets = self.heard.borrow().packets.clone();
            let last = packets.iter().rev().take(30).rev().map(|packet| gist(packet));
            panic!("the manager port never told {what}; at last: {:#?}", last.collect::<Vec<_>>())
        })
    }
}

/// A header's value.
pub fn field<'a>(packet: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    packet.split("\r\n").find_map(value).unwrap_or("")
}

/// The bridge in which such a channel is now, the last of several.
fn bridge_of<'a>(packets: &'a [Arc<str>], channel: &str) -> Option<&'a str> {
    let (begins, ends) = channel.split_once('*').unwrap_or((channel, ""));
    let last = packets.iter().rev().find(|packet| {
        let moves = packet.starts_with("Event: BridgeEnter\r\n") || packet.starts_with("Event: BridgeLeave\r\n");
        let name = field(packet, "Channel");
        moves && name.starts_with(begins) && name.ends_with(ends)
    })?;
    last.starts_with("Event: BridgeEnter\r\n").then(|| field(last, "BridgeUniqueid"))
}

fn gist(packet: &str) -> String {
    let first = packet.split("\r\n").next().unwrap_or("");
    format!("{first} {} {}", field(packet, "Channel"), field(packet, "Message"))
}

async fn listen(mut hears: OwnedReadHalf, writer: watch::Sender<Heard>) {
    let begun = Instant::now();
    let mut chunk = [0; 16_384];
    while let Ok(length @ 1..) = hears.read(&mut chunk).await {
        writer.send_modify(|heard| {
            heard.times.push((begun.elapsed().as_secs_f64(), heard.bytes.len()));
            heard.bytes.extend_from_slice(&chunk[..length]);
            while let Some(end) = heard.bytes[heard.next..].windows(4).position(|four| four == b"\r\n\r\n") {
                let packet = String::from_utf8_lossy(&heard.bytes[heard.next..heard.next + end + 4]);
                // The banner has no blank line of its own.
                let packet = packet
                    .split_once("Call Manager/")
                    .map_or(&*packet, |(_, rest)| rest.split_once("\r\n").map_or("", |(_, packet)| packet));
                heard.packets.push(packet.into());
                heard.next += end + 4;
            }
        });
    }
}
