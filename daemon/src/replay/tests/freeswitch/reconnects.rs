//! The link to a FreeSWITCH is cut.

use super::super::reconnects::{Piece, Tape, cuts_between};
use super::peer::{Peer, headers};
use super::*;

/// What a link of ours is told, since it subscribed to that. Where `all` is not wanted, what says
/// nothing is left out.
fn read(file: &Path, all: bool) -> Tape<Peer> {
    let mut peer = Peer::default();
    let (mut packets, mut peers) = (Vec::new(), Vec::new());
    for (at, frame) in frames_of(file).into_iter().filter(|(_, frame)| frame.is_event()) {
        let (headers, mut told) = (headers(&frame), Vec::new());
        if let Ok(event) = Event::read(&frame) {
            events::map(&event, &mut told);
        }
        let is_subscribed =
            |name: &str| events::EVENTS.split(' ').any(|event| headers.get(name).is_some_and(|its| its == event));
        if (all || !told.is_empty())
            && is_subscribed(match &*headers["Event-Name"] {
                "CUSTOM" => "Event-Subclass",
                _ => "Event-Name",
            })
        {
            peers.push(peer.clone());
            packets.push(Piece { at, bytes: [&frame.headers[..], &frame.body].concat() });
        }
        peer.follow(at, &headers);
    }
    peers.push(peer);
    Tape { name: file.display().to_string(), packets, peers }
}

/// Of the recordings in which something happens.
pub fn tapes() -> Vec<Tape<Peer>> {
    recordings().iter().map(|file| read(file, false)).filter(|tape| !tape.packets.is_empty()).collect()
}

#[test]
fn a_link_may_be_lost_between_any_two_events_and_within_each() {
    let runs = cuts_between(tapes(), 11);
    assert!(runs > 1_000, "{runs} runs");
}
