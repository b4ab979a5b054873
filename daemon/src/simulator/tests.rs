mod cuts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::BytesMut;
use chrono::TimeDelta;
use protocol::ami::codec::{AmiCodec, Frame};
use protocol::ami::events::map;
use tokio_util::codec::Decoder;

use super::*;
use crate::Time;
use crate::calls::call::{Call, Direction, EndedBy, Outcome};
use crate::calls::dialplan::Dialplan;
use crate::calls::tracker::{Change, Tracker};
use crate::number::Numbering;

fn start() -> Time {
    "2026-03-02T01:00:00Z".parse().unwrap()
}

/// Plays until so many calls have ended and then until nobody is left: each packet with its time.
fn play(simulation: &Simulation, calls: usize) -> (Vec<(Time, Said)>, Vec<TrueCall>) {
    let mut hotline = Hotline::new(simulation, start());
    let (mut said, mut ended) = (Vec::new(), Vec::new());
    let mut closed = false;
    loop {
        let at = hotline.next_wake();
        hotline.wake(at);
        said.extend(hotline.take_said().into_iter().map(|said| (at, said)));
        ended.extend(hotline.take_ended());
        if ended.len() >= calls && !closed {
            hotline.close();
            closed = true;
        }
        if closed && hotline.calls_up() == 0 {
            return (said, ended);
        }
    }
}

fn fields(packet: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(packet).into_owned();
    let pair = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.split("\r\n").filter_map(pair).collect()
}

fn keys(fields: &[(String, String)]) -> Vec<String> {
    fields.iter().map(|(key, _)| key.clone()).collect()
}

/// For each event, the orders of headers that a real Asterisk sent it with.
fn recorded_orders() -> BTreeMap<String, BTreeSet<Vec<String>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/asterisk-22");
    let mut orders: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "ami") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for packet in text.split("\r\n\r\n") {
            let fields = fields(packet.as_bytes());
            if let Some((key, event)) = fields.first().filter(|(key, _)| key == "Event") {
                debug_assert_eq!(key, "Event");
                orders.entry(event.clone()).or_default().insert(keys(&fields));
            }
        }
    }
    orders
}

#[test]
fn every_event_has_the_headers_that_asterisk_sends_in_its_order() {
    let orders = recorded_orders();
    let mut events = BTreeSet::new();
    for (_, said) in play(&Simulation::drill(5.0, 7), 600).0 {
        assert!(said.packet.ends_with(b"\r\n\r\n"));
        let fields = fields(&said.packet);
        let event = &fields[0].1;
        let known = orders.get(event).unwrap_or_else(|| panic!("no recording has {event}"));
        assert!(known.contains(&keys(&fields)), "{event}: {:?} is none of {known:#?}", keys(&fields));
        events.insert(event.clone());
    }
    // Whatever the recordings show of calls is played, but for what only real media and timers
    // make, keys pressed, and what answers an action.
    let mut unplayed = Vec::new();
    for event in orders.keys() {
        let left_out = ["TestEvent", "RTCP", "DTMF", "FullyBooted", "SuccessfulAuth", "MusicOnHold", "Originate"];
        let answers = ["QueueParams", "QueueMember", "QueueEntry", "CoreShowChannel"];
        // This hotline announces nothing, parks nobody, and its agents neither come nor go.
        let others = [
            "AgentDump",
            "AgentLogin",
            "AgentLogoff",
            "LocalOptimization",
            "Park",
            "Pickup",
            "QueueMemberAdded",
            "QueueMemberRemoved",
            "UnPark",
        ];
        let left_out = left_out.into_iter().chain(others).collect::<Vec<_>>();
        if left_out.iter().any(|name| event.starts_with(name))
            || event.ends_with("Complete") && event != "AgentComplete"
        {
            continue;
        }
        unplayed.extend((!events.contains(event) && !answers.contains(&event.as_str())).then_some(event));
    }
    assert!(unplayed.is_empty(), "never played: {unplayed:?}");
}

#[test]
fn every_leg_that_begins_ends_once() {
    let mut up = BTreeSet::new();
    let mut ended = BTreeSet::new();
    for (_, said) in play(&Simulation::day(3, Some("1001".into()), Vec::new()), 300).0 {
        let fields = fields(&said.packet);
        let id = || fields.iter().find(|(key, _)| key == "Uniqueid").unwrap().1.clone();
        match fields[0].1.as_str() {
            "Newchannel" => assert!(up.insert(id()) && !ended.contains(&id())),
            "Hangup" => assert!(up.remove(&id()) && ended.insert(id())),
            _ => {}
        }
    }
    assert!(up.is_empty(), "still up: {up:?}");
}

#[test]
fn a_day_has_every_kind_of_call() {
    let (_, calls) = play(&Simulation::day(11, Some("1001".into()), Vec::new()), 800);
    let count = |outcome| calls.iter().filter(|call| call.outcome == outcome).count();
    for outcome in
        [Outcome::Answered, Outcome::Abandoned, Outcome::TimedOut, Outcome::Missed, Outcome::Busy, Outcome::NoAnswer]
    {
        assert!(count(outcome) > 0, "none {outcome:?}");
    }
    assert!(count(Outcome::Answered) > calls.len() / 2, "most callers are served");
    assert!(calls.iter().any(|call| call.caller.is_none()), "some withhold their number");
    assert!(calls.iter().any(|call| call.direction == Direction::Outbound), "some are called back");
    assert!(calls.iter().any(|call| !call.transfers.is_empty()));
    assert!(calls.iter().flat_map(|call| &call.segments).any(|talk| !talk.holds.is_empty()));
    let watched = calls.iter().flat_map(|call| &call.offers).filter(|offer| offer.agent.as_str() == "1001");
    let rings_ms: Vec<_> = watched.filter_map(|offer| Some((offer.to? - offer.from).num_milliseconds())).collect();
    let long = rings_ms.iter().filter(|ms| **ms >= 8_000).count();
    assert!(long > 20, "the watched phone rings long and often: {long} of {}", rings_ms.len());
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let bytes = |seed| play(&Simulation::drill(3.0, seed), 100).0.into_iter().map(|(at, said)| (at, said.packet));
    assert!(bytes(5).eq(bytes(5)));
    assert!(!bytes(5).eq(bytes(6)));
}

#[test]
fn asked_to_dial_it_rings_the_agent_and_then_the_customer() {
    let mut quiet = Simulation::day(1, None, Vec::new());
    quiet.calls_per_second = 1e-6;
    let (mut answered, mut failed) = (0, 0);
    for seed in 0..40 {
        quiet.seed = seed;
        let mut hotline = Hotline::new(&quiet, start());
        hotline.close();
        let ask = Ask::Originate {
            action_id: Some("a1".into()),
            channel: "PJSIP/1002".into(),
            number: "13900139000".into(),
            leg: Some("ringback-1".into()),
            caller_id: None,
            variables: vec![("RINGBACK_TICKET".into(), "42".into())],
        };
        hotline.ask(start(), ask).unwrap();
        hotline.wake(start() + TimeDelta::minutes(3));
        let said = hotline.take_said();
        let responses: Vec<_> =
            said.iter().map(|said| fields(&said.packet)).filter(|fields| fields[0].1 == "OriginateResponse").collect();
        assert_eq!(responses.len(), 1);
        assert!(responses[0].contains(&("Uniqueid".into(), "ringback-1".into())));
        let [call] = &hotline.take_ended()[..] else { panic!("one call") };
        assert_eq!(call.leg.as_str(), "ringback-1");
        assert_eq!((call.direction, call.to.as_deref()), (Direction::Outbound, Some("13900139000")));
        match call.outcome {
            Outcome::Answered => answered += 1,
            Outcome::Busy | Outcome::NoAnswer => failed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(answered > 15 && failed > 3, "{answered} answered, {failed} not");
}

/// What a tracker makes of the events, by first leg.
fn tracked(said: &[(Time, Said)]) -> BTreeMap<String, Call> {
    let mut codec = AmiCodec::without_banner();
    let mut tracker =
        Tracker::new("sim".into(), Dialplan::new(vec!["PJSIP/trunk".into()], Vec::new()), Numbering::new("CN", None));
    let mut changes = Vec::new();
    for (at, said) in said {
        let mut bytes = BytesMut::from(&said.packet[..]);
        let Some(Frame::Packet(packet)) = codec.decode(&mut bytes).unwrap() else { panic!("no packet: {said:?}") };
        while let Some(due) = tracker.next_wake().filter(|due| due <= at) {
            tracker.wake(due, &mut changes);
        }
        if let Some(event) = map(&packet) {
            tracker.observe(*at, event, &mut changes);
        }
    }
    assert_eq!(tracker.calls().count(), 0, "a call that never ends");
    let ended = changes.into_iter().filter_map(|change| match change {
        Change::Ended(call) => Some(*call),
        Change::Call(_)
        | Change::Merged { .. }
        | Change::Queues
        | Change::Agent(_)
        | Change::Drift(_)
        | Change::Listening { .. }
        | Change::Listened { .. } => None,
    });
    ended.map(|call| (call.id.as_str().rsplit_once("sim-").unwrap().1.to_owned(), call)).collect()
}

/// The parts that both sides can know; who ended a call that never came to a talk is a matter of
/// words, and an outbound call's caller is the house.
fn told(direction: Direction, truth: &TrueCall) -> impl PartialEq + std::fmt::Debug + use<> {
    let inbound = direction == Direction::Inbound;
    let offers: Vec<_> =
        truth.offers.iter().map(|offer| (offer.agent.clone(), offer.from, offer.to, offer.outcome)).collect();
    let ended_by = truth.answered_at.map(|_| truth.ended_by);
    (
        (truth.direction, truth.caller.clone().filter(|_| inbound), truth.to.clone(), truth.agent.clone()),
        (truth.outcome, ended_by, truth.started_at, truth.answered_at, truth.ended_at),
        truth.segments.clone(),
        offers,
        truth.transfers.clone(),
    )
}

fn as_truth(call: &Call) -> TrueCall {
    TrueCall {
        leg: "".into(),
        direction: call.direction,
        caller: call.caller.clone(),
        to: call.to.clone(),
        agent: call.agent.clone(),
        outcome: call.outcome.unwrap(),
        ended_by: call.ended_by.unwrap_or(EndedBy::Pbx),
        started_at: call.started_at,
        answered_at: call.answered_at,
        ended_at: call.ended_at.unwrap(),
        segments: call.segments.clone(),
        offers: call.offers.clone(),
        transfers: call.transfers.clone(),
    }
}

#[test]
fn what_the_tracker_makes_of_the_events_is_what_happened() {
    for simulation in [Simulation::day(21, Some("1001".into()), Vec::new()), Simulation::drill(8.0, 22)] {
        let (said, truths) = play(&simulation, 250);
        let calls = tracked(&said);
        let mut wrong = Vec::new();
        for truth in &truths {
            let leg = truth.leg.as_str().trim_start_matches("sim-");
            let call = calls.get(leg).unwrap_or_else(|| panic!("never seen: {truth:#?}"));
            assert!(call.certain);
            let (true_one, seen) = (told(truth.direction, truth), told(truth.direction, &as_truth(call)));
            if true_one != seen {
                wrong.push(format!("{leg}\n was  {true_one:?}\n seen {seen:?}"));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {} differ:\n{}",
            wrong.len(),
            truths.len(),
            wrong[..wrong.len().min(8)].join("\n")
        );
        assert_eq!(calls.len(), truths.len(), "calls that never were");
    }
}

#[test]
fn who_is_paused_in_a_queue_gets_none_of_its_calls() {
    let mut hotline = Hotline::new(&Simulation::day(9, Some("1001".into()), Vec::new()), start());
    let pause = |queue: Option<&str>, reason: Option<&str>| Ask::Pause {
        interface: "PJSIP/1001".into(),
        queue: queue.map(str::to_owned),
        reason: reason.map(str::to_owned),
    };
    hotline.ask(start(), pause(Some("sales"), Some("lunch"))).unwrap();
    let told = hotline.take_said().iter().map(|said| fields(&said.packet)).collect::<Vec<_>>();
    let one = told.iter().filter(|fields| fields[0].1 == "QueueMemberPause").collect::<Vec<_>>();
    assert!(one.len() == 1 && one[0].contains(&("PausedReason".into(), "lunch".into())), "{one:?}");
    hotline.wake(start() + TimeDelta::minutes(60));
    let calls = hotline.take_ended();
    let offered = |queue: &str| {
        let offers = calls.iter().flat_map(|call| &call.offers).filter(|offer| offer.agent.as_str() == "1001");
        offers.filter(|offer| offer.queue.as_ref().is_some_and(|q| q.as_str() == queue)).count()
    };
    assert_eq!(offered("sales"), 0);
    assert!(offered("support") > 5, "the other queues still ring");
    let unknown = hotline.ask(start() + TimeDelta::minutes(60), pause(Some("nowhere"), None));
    assert!(unknown.is_err());
}
