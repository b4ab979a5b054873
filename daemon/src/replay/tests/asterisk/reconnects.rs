//! The link to an Asterisk is cut.

use super::super::reconnects::{Piece, Tape, cuts_at_any_byte, cuts_between};
use super::peer::Peer;
use super::*;

/// Packets that say nothing, of which there are many, are left out: to be cut before or after them
/// is all the same. Where `all` is wanted, they stay.
fn read(file: &Path, all: bool) -> Tape<Peer> {
    let mut peer = Peer::default();
    let (mut packets, mut peers) = (Vec::new(), Vec::new());
    for (at, packet) in packets_of(file) {
        let is_asked = packet.event().is_none() || packet.get(b"ActionID").is_some();
        if !is_asked && (all || events::map(&packet).is_some() || packet.event() == Some(b"AgentLogin")) {
            peers.push(peer.clone());
            packets.push(Piece { at, bytes: [packet.bytes(), &b"\r\n"[..]].concat() });
        }
        peer.follow(at, &packet);
    }
    peers.push(peer);
    Tape { name: file.display().to_string(), packets, peers }
}

pub fn tapes() -> Vec<Tape<Peer>> {
    recordings().iter().map(|file| read(file, false)).collect()
}

#[test]
fn a_link_may_be_lost_between_any_two_packets_and_within_each() {
    let runs = cuts_between(tapes(), 19);
    assert!(runs > 3_000, "{runs} runs");
}

/// Packets that say nothing among them.
#[test]
fn a_link_may_be_lost_at_any_byte() {
    let is_shortest = |file: &&PathBuf| file.ends_with("asterisk-22/queue_not_joined.ami");
    let file = recordings().iter().find(is_shortest).cloned().expect("the shortest recording");
    cuts_at_any_byte(&read(&file, true));
}
