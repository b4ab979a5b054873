//! A simulated hotline, played in virtual time into decoded events.

use bytes::BytesMut;
use chrono::{TimeDelta, Utc};
use daemon::Time;
use daemon::simulator::{Hotline, Simulation};
use protocol::CallEvent;
use protocol::ami::codec::{AmiCodec, Frame};
use protocol::ami::events;
use tokio_util::codec::Decoder;

pub struct Played {
    pub calls: usize,
    pub events: Vec<(Time, CallEvent)>,
}

/// So many calls, from first ring to last hang-up, at 200 new ones a second. They lie ahead of the
/// clock, so that no timer of the wall clock has a part in them.
pub fn play(calls: usize) -> Played {
    let start = Utc::now() + TimeDelta::hours(1);
    let mut hotline = Hotline::new(&Simulation::drill(200.0, 7), start);
    let mut codec = AmiCodec::without_banner();
    let mut buffer = BytesMut::new();
    let mut played = Played { calls: 0, events: Vec::new() };
    let mut closed = false;
    while !closed || hotline.calls_up() > 0 {
        let at = hotline.next_wake();
        hotline.wake(at);
        for said in hotline.take_said() {
            buffer.extend_from_slice(&said.packet);
        }
        while let Ok(Some(Frame::Packet(packet))) = codec.decode(&mut buffer) {
            played.events.extend(events::map(&packet).map(|event| (at, event)));
        }
        played.calls += hotline.take_ended().len();
        if !closed && played.calls + hotline.calls_up() >= calls {
            hotline.close();
            closed = true;
        }
    }
    played
}
