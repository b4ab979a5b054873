//! The Asterisk half of a recorded conversation: what a link would have told of the same bytes.
//!
//! What a link asked is not in a recording, so the answers are recognised by themselves: a reply to
//! `CoreStatus` begins a snapshot, and the last of the lists that are asked for with it, that of
//! channels, ends it. When it looked, to compare, a capture says; that list ends a look, too.

use bytes::BytesMut;
use chrono::DateTime;
use protocol::CallEvent;
use protocol::ami::codec::{AmiCodec, Frame, Packet};
use protocol::ami::events;
use protocol::event::BootId;
use protocol::session::Asking;
use tokio_util::codec::Decoder;

use super::recording::{Arrival, Asked, Clock};
use crate::Time;

/// Ends the last list of a snapshot, as of a look.
const LAST: &[u8] = b"CoreShowChannelsComplete";

/// A link asks for it so many actions after the status.
const LAST_AFTER_STATUS: u64 = 3;

#[derive(Debug)]
pub struct Reader {
    packets: Packets,
    asked: Asked,
    sight: Sight,
    boot: Option<BootId>,
    /// What is listed is to be compared.
    looks: bool,
}

#[derive(Debug)]
enum Sight {
    /// The link has not asked yet: it believes nothing.
    Blind,
    /// Until the list of channels is complete that somebody asked for.
    Opening {
        listed: Vec<CallEvent>,
        held: Vec<(Time, CallEvent)>,
    },
    /// Between the answer to `CoreStatus`, which has the number `status`, and the end of the lists.
    Snapshot {
        status: Option<u64>,
        held: Vec<(Time, CallEvent)>,
    },
    Whole,
}

impl Reader {
    /// In the middle of a connection.
    pub fn new(asked: Asked) -> Reader {
        Reader {
            packets: Packets::default(),
            asked,
            sight: match asked {
                Asked::Once => Sight::Opening { listed: Vec::new(), held: Vec::new() },
                Asked::Link | Asked::Never => Sight::Whole,
            },
            boot: None,
            looks: false,
        }
    }

    /// The link asked the PBX; for all that is up, it shows by the answers.
    pub fn asked(&mut self, at: Time, asking: Asking, out: &mut Vec<(Time, CallEvent)>) {
        if asking == Asking::Look && matches!(self.sight, Sight::Whole) {
            self.looks = true;
            out.push((at, CallEvent::LookBegan));
        }
    }

    pub fn connected(&mut self) {
        self.packets.begin(AmiCodec::default());
        self.looks = false;
        if self.asked == Asked::Link {
            self.sight = Sight::Blind;
        }
    }

    /// What comes next does not continue what came before.
    pub fn torn(&mut self) {
        self.packets.begin(AmiCodec::without_banner());
        self.looks = false;
        if let Sight::Snapshot { .. } = self.sight {
            self.sight = Sight::Whole;
        }
    }

    pub fn receive(&mut self, arrival: Arrival, bytes: &[u8], out: &mut Vec<(Time, CallEvent)>) {
        self.packets.unread.extend_from_slice(bytes);
        while let Some((at, packet)) = self.packets.next(arrival) {
            self.observe(at, &packet, out);
        }
    }

    fn observe(&mut self, at: Time, packet: &Packet, out: &mut Vec<(Time, CallEvent)>) {
        if packet.event().is_none() && packet.get(b"CoreStartupDate").is_some() {
            return self.status(at, packet, out);
        }
        match &mut self.sight {
            Sight::Blind => {}
            Sight::Opening { listed, held } => match packet.event() {
                Some(b"QueueParams" | b"QueueMember" | b"QueueEntry" | b"BridgeListItem" | b"CoreShowChannel") => {
                    listed.extend(events::map(packet));
                }
                Some(LAST) => {
                    let began = CallEvent::SnapshotBegan { boot: "replay".into() };
                    let snapshot = [began].into_iter().chain(listed.drain(..)).chain([CallEvent::SnapshotEnded]);
                    out.extend(snapshot.map(|event| (at, event)).chain(held.drain(..)));
                    self.sight = Sight::Whole;
                }
                Some(_) | None => held.extend(events::map(packet).map(|event| (at, event))),
            },
            Sight::Snapshot { status, .. } if ends_lists(*status, packet) => {
                out.push((at, CallEvent::SnapshotEnded));
                if let Sight::Snapshot { held, .. } = std::mem::replace(&mut self.sight, Sight::Whole) {
                    out.extend(held);
                }
            }
            Sight::Snapshot { held, .. } => {
                let told = events::map(packet).map(|event| (at, event));
                if is_item(packet) { out.extend(told) } else { held.extend(told) }
            }
            Sight::Whole if self.looks && packet.event() == Some(LAST) => {
                self.looks = false;
                out.push((at, CallEvent::LookEnded));
            }
            // Else asked for by hand.
            Sight::Whole if is_item(packet) && !self.looks => {}
            Sight::Whole => out.extend(events::map(packet).map(|event| (at, event))),
        }
    }

    /// An answer to `CoreStatus`: of which run all that follows is.
    fn status(&mut self, at: Time, packet: &Packet, out: &mut Vec<(Time, CallEvent)>) {
        let boot = events::boot(packet).unwrap_or_else(|| "0".into());
        if self.boot.as_ref().is_some_and(|before| *before != boot) {
            out.push((at, CallEvent::PbxStarted));
        }
        self.boot = Some(boot.clone());
        self.looks = false;
        out.push((at, CallEvent::SnapshotBegan { boot }));
        self.sight = Sight::Snapshot { status: number(packet), held: Vec::new() };
    }
}

/// Bytes into packets, each with its time.
#[derive(Debug)]
pub struct Packets {
    codec: AmiCodec,
    pub unread: BytesMut,
    clock: Clock,
}

impl Default for Packets {
    fn default() -> Self {
        Packets { codec: AmiCodec::without_banner(), unread: BytesMut::new(), clock: Clock::default() }
    }
}

impl Packets {
    pub fn begin(&mut self, codec: AmiCodec) {
        self.codec = codec;
        self.unread.clear();
    }

    /// The next whole packet of what is unread, all of which came by `arrival`.
    pub fn next(&mut self, arrival: Arrival) -> Option<(Time, Packet)> {
        loop {
            match self.codec.decode(&mut self.unread) {
                Ok(Some(Frame::Packet(packet))) => {
                    let stamp = packet.get(b"Timestamp").filter(|_| packet.event().is_some()).and_then(timestamp);
                    return Some((self.clock.read(arrival, stamp), packet));
                }
                Ok(Some(Frame::Banner(_) | Frame::Damaged(_))) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// Whether a packet belongs to a list: events that nobody asked for bear no `ActionID`, but for
/// what came of an `Originate`.
fn is_item(packet: &Packet) -> bool {
    let list = [b"QueueParams".as_slice(), b"QueueMember", b"QueueEntry", b"BridgeListItem", b"CoreShowChannel"];
    packet.event().is_some_and(|name| list.contains(&name)) && packet.get(b"ActionID").is_some()
}

/// Whether a packet ends the last list, or says that it will not come. Asterisk answers one action
/// after the other.
fn ends_lists(status: Option<u64>, packet: &Packet) -> bool {
    match packet.event() {
        Some(name) => name == LAST,
        None if packet.response() == Some(b"Error") => {
            status.is_some_and(|status| number(packet) == Some(status + LAST_AFTER_STATUS))
        }
        None => false,
    }
}

/// The number of our own action that a reply is to: ids are `EPOCH-NUMBER`.
fn number(packet: &Packet) -> Option<u64> {
    let id = std::str::from_utf8(packet.get(b"ActionID")?).ok()?;
    id.rsplit_once('-')?.1.parse().ok()
}

/// `1723000000.123456`
fn timestamp(value: &[u8]) -> Option<Time> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    DateTime::from_timestamp_micros((seconds * 1e6) as i64)
}
