//! AMI bytes to call events, against a bare memchr split of the same bytes into lines and fields;
//! and that an event the daemon passes by allocates nothing. FreeSWITCH's events in JSON to call
//! events, against a bare walk by serde_json over the same objects.

mod counting;
mod paired;
mod told;

use bytes::{Bytes, BytesMut};
use counting::{Counting, allocations};
use criterion::{Criterion, Throughput};
use paired::paired;
use protocol::ami::codec::{AmiCodec, Frame};
use protocol::esl;
use protocol::esl::codec::{EslCodec, Message};
use protocol::esl::event::Event;
use serde::Deserializer;
use serde::de::IgnoredAny;
use tokio_util::codec::Decoder;
use told::tell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Each read of a socket brings about this much.
const READ: usize = 16 * 1024;

fn main() {
    let mut bytes = Vec::new();
    let mut passed_by = Vec::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/asterisk-22");
    for entry in std::fs::read_dir(folder).expect("the recordings") {
        let path = entry.expect("a recording").path();
        if path.extension().is_some_and(|e| e == "ami") {
            let recorded = std::fs::read(&path).expect("a recording");
            // Without the banner, so that they can stand one after the other.
            let start = memchr::memchr(b'\n', &recorded).map_or(0, |i| i + 1);
            bytes.extend_from_slice(&recorded[start..]);
        }
    }
    for packet in bytes.split_inclusive_packets() {
        if packet.starts_with(b"Event: VarSet") || packet.starts_with(b"Event: Newexten") {
            passed_by.extend_from_slice(packet);
        }
    }

    let speed = 1.0 / paired(|| ours(&bytes), || bare(&bytes));
    tell("decode and map ÷ bare split, speed", speed, "×", "≥ 0.5 ×", speed >= 0.5);
    let events = esl_events();
    let speed = 1.0 / paired(|| esl_ours(&events), || esl_bare(&events));
    tell("FreeSWITCH JSON event, read and mapped ÷ bare serde_json walk, speed", speed, "×", "≥ 0.5 ×", speed >= 0.5);
    ours(&passed_by);
    let (made, packets) = allocations(|| ours(&passed_by).0);
    let reads = passed_by.len().div_ceil(READ) as f64;
    // The read buffer itself is renewed now and then; that is by the read, not by the event.
    let a_packet = made as f64 / packets as f64;
    println!("events passed by: {packets} packets in {reads} reads, {made} allocations");
    tell("allocations for each event passed by", a_packet, "", "< 0.05: the read buffer's own", a_packet < 0.05);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("ami codec and events", |b| b.iter(|| ours(&bytes)));
    group.bench_function("bare memchr split", |b| b.iter(|| bare(&bytes)));
    group.finish();
    criterion.final_summary();
}

/// Packets and events that our own reader makes of the bytes.
fn ours(bytes: &[u8]) -> (u64, u64) {
    let mut codec = AmiCodec::without_banner();
    let mut buffer = BytesMut::with_capacity(2 * READ);
    let (mut packets, mut events) = (0, 0);
    for read in bytes.chunks(READ) {
        buffer.extend_from_slice(read);
        while let Ok(Some(frame)) = codec.decode(&mut buffer) {
            if let Frame::Packet(packet) = frame {
                packets += 1;
                events += u64::from(std::hint::black_box(protocol::ami::events::map(&packet)).is_some());
            }
        }
    }
    (packets, events)
}

/// The least that any reader must do: find each line's end and each field's colon.
fn bare(bytes: &[u8]) -> (u64, u64) {
    let (mut lines, mut fields, mut from) = (0, 0, 0);
    for end in memchr::memchr_iter(b'\n', bytes) {
        let line = &bytes[from..end];
        from = end + 1;
        lines += 1;
        if let Some(colon) = memchr::memchr(b':', line) {
            std::hint::black_box((&line[..colon], &line[colon..]));
            fields += 1;
        }
    }
    (lines, fields)
}

/// The bodies of all recorded events in JSON.
fn esl_events() -> Vec<Bytes> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/freeswitch-1.10");
    let mut bodies = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the recordings") {
        let path = entry.expect("a recording").path();
        let mut buffer = match path.to_str() {
            Some(name) if name.ends_with(".json.esl") => {
                BytesMut::from(&std::fs::read(&path).expect("a recording")[..])
            }
            _ => continue,
        };
        let mut codec = EslCodec::default();
        while let Ok(Some(Message::Frame(frame))) = codec.decode(&mut buffer) {
            bodies.extend(frame.is_event().then_some(frame.body));
        }
    }
    bodies
}

fn esl_ours(events: &[Bytes]) -> u64 {
    let (mut told, mut count) = (Vec::new(), 0);
    for body in events {
        if let Ok(event) = Event::from_json(body) {
            esl::events::map(&event, &mut told);
        }
        count += std::hint::black_box(&told).len() as u64;
        told.clear();
    }
    count
}

/// The least that a reader by serde_json must do: visit each key, and pass over each value.
fn esl_bare(events: &[Bytes]) -> u64 {
    struct Walk;
    impl<'de> serde::de::Visitor<'de> for Walk {
        type Value = u64;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("an event")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
            let mut count = 0;
            while let Some((key, IgnoredAny)) = map.next_entry::<&str, IgnoredAny>()? {
                std::hint::black_box(key);
                count += 1;
            }
            Ok(count)
        }
    }
    let walk = |body: &Bytes| serde_json::Deserializer::from_slice(body).deserialize_map(Walk).unwrap_or_default();
    events.iter().map(walk).sum()
}

trait Packets {
    fn split_inclusive_packets(&self) -> impl Iterator<Item = &[u8]>;
}

impl Packets for Vec<u8> {
    fn split_inclusive_packets(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.as_slice();
        std::iter::from_fn(move || {
            let end = memchr::memmem::find(rest, b"\r\n\r\n")? + 4;
            let (packet, after) = rest.split_at(end);
            rest = after;
            Some(packet)
        })
    }
}
