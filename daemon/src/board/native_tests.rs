//! Lines of the simple form through mapping and tracker: the calls that they make, and that a journal
//! makes them again.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;
use protocol::native::mapping::{AGENTS, LINES, Mapping};
use protocol::native::wire::{FromSender, Numbered};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::board::{Board, Seat};
use crate::calls::call::{Call, Direction, EndedBy, OfferOutcome, Outcome, TransferKind};
use crate::calls::dialplan::Dialplan;
use crate::calls::look::Silence;
use crate::calls::tracker::{Change, Tracker};
use crate::engine::Input;
use crate::engine::house::t;
use crate::link::Link;
use crate::link::native::{self, Line};
use crate::live::LinkNow;
use crate::number::Numbering;
use crate::store::journal::{Entry, Kept};
use crate::wall::Wall;
use crate::{CallId, PbxName};

const HQ: &str = "hq";

fn tracker() -> Tracker {
    let dialplan = Dialplan::new(vec![LINES.into()], vec![AGENTS.into()]);
    Tracker::new(HQ.into(), dialplan, Numbering::new("CN", Some("021")))
}

/// The calls that a script makes. A line is the second, the call, the type and more fields.
fn calls(script: &[(f64, &str, &str, Value)]) -> Vec<Call> {
    let (mut tracker, mut mapping, mut changes) = (tracker(), Mapping::default(), Vec::new());
    mapping.runs("1".into());
    tracker.runs("1".into(), t(0.0), &mut changes);
    for (seq, (second, call, kind, more)) in script.iter().enumerate() {
        let Numbered { told, at, .. } = parsed(&line(*second, seq as u64 + 1, call, kind, more));
        let mut events = Vec::new();
        mapping.map(told, &mut events).unwrap_or_else(|why| panic!("{kind} at {second}: {why}"));
        events.into_iter().for_each(|event| tracker.observe(at, event, &mut changes));
    }
    assert_eq!(tracker.calls().count(), 0, "all are over");
    changes.into_iter().filter_map(|change| if let Change::Ended(call) = change { Some(*call) } else { None }).collect()
}

fn line(second: f64, seq: u64, call: &str, kind: &str, more: &Value) -> String {
    let mut line = json!({ "type": kind, "seq": seq, "at": t(second).to_rfc3339(), "call": call });
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    line.to_string()
}

fn parsed(line: &str) -> Numbered {
    let Ok(FromSender::Told(numbered)) = FromSender::parse(line.as_bytes()) else { panic!("{line}") };
    numbered
}

#[test]
fn a_call_through_a_queue_with_a_declined_offer_a_hold_and_a_blind_transfer() {
    let [call] = &calls(&[
        (0.0, "c", "call_started", json!({ "caller": "13600000001", "caller_name": "王芳", "to": "4008001234" })),
        (1.0, "c", "call_queued", json!({ "queue": "support" })),
        (2.0, "c", "agent_ringing", json!({ "agent": "1001" })),
        (5.0, "c", "agent_missed", json!({ "agent": "1001", "reason": "declined" })),
        (6.0, "c", "agent_ringing", json!({ "agent": "1002" })),
        (6.0, "c", "agent_ringing", json!({ "agent": "anna" })),
        (10.0, "c", "call_answered", json!({ "agent": "anna" })),
        (20.0, "c", "call_held", json!({})),
        (30.0, "c", "call_resumed", json!({})),
        (40.0, "c", "call_transferred", json!({ "agent": "anna", "to": "1003", "kind": "blind" })),
        (41.0, "c", "agent_ringing", json!({ "agent": "1003" })),
        (45.0, "c", "call_answered", json!({ "agent": "1003" })),
        (60.0, "c", "call_ended", json!({ "by": "caller" })),
    ])[..] else {
        panic!("one call")
    };
    assert_eq!(
        (call.direction, call.outcome, call.ended_by),
        (Direction::Inbound, Some(Outcome::Answered), Some(EndedBy::Caller))
    );
    assert_eq!((call.id.as_str(), call.caller_name.as_deref()), ("hq-1-c", Some("王芳")));
    assert_eq!(call.number.as_ref().map(|number| number.as_str()), Some("+8613600000001"));
    assert_eq!((call.waited(), call.held()), (Some(TimeDelta::seconds(9)), Some(TimeDelta::seconds(10))));
    let offers: Vec<_> = call.offers.iter().map(|o| (o.agent.as_str(), o.outcome, o.queue.is_some())).collect();
    assert_eq!(
        offers,
        [
            ("1001", Some(OfferOutcome::Declined), true),
            ("1002", Some(OfferOutcome::AnsweredElsewhere), true),
            ("anna", Some(OfferOutcome::Answered), true),
            ("1003", Some(OfferOutcome::Answered), false),
        ]
    );
    let talks: Vec<_> =
        call.segments.iter().map(|s| (s.agent.as_str(), (s.to.unwrap() - s.from).num_seconds())).collect();
    assert_eq!(talks, [("anna", 30), ("1003", 15)]);
    let [transfer] = &call.transfers[..] else { panic!("{:?}", call.transfers) };
    assert_eq!((transfer.kind, transfer.to.as_str(), transfer.completed), (TransferKind::Blind, "1003", true));
    assert!(call.certain);
}

#[test]
fn who_gave_up_is_who_is_said_to_have_ended_it() {
    for (by, outcome) in [("caller", Outcome::Abandoned), ("pbx", Outcome::TimedOut)] {
        let waiting = calls(&[
            (0.0, "c", "call_started", json!({ "caller": "13600000001" })),
            (1.0, "c", "call_queued", json!({ "queue": "support" })),
            (9.0, "c", "agent_ringing", json!({ "agent": "1001" })),
            (20.0, "c", "call_ended", json!({ "by": by })),
        ]);
        assert_eq!(waiting[0].outcome, Some(outcome), "{by}");
        assert_eq!(waiting[0].waits[0].left_at, Some(t(20.0)));
    }
    let left = calls(&[
        (0.0, "c", "call_started", json!({ "caller": "13600000001" })),
        (1.0, "c", "call_queued", json!({ "queue": "support" })),
        (61.0, "c", "call_left_queue", json!({ "how": "timed_out" })),
        (70.0, "c", "call_ended", json!({ "by": "caller" })),
    ]);
    assert_eq!(left[0].outcome, Some(Outcome::TimedOut));
    let direct = calls(&[
        (0.0, "c", "call_started", json!({ "caller": "13600000001", "to": "1001" })),
        (1.0, "c", "agent_ringing", json!({ "agent": "1001" })),
        (20.0, "c", "call_ended", json!({ "by": "caller" })),
    ]);
    assert_eq!(direct[0].outcome, Some(Outcome::Missed));
}

#[test]
fn calls_that_agents_make_and_an_attended_transfer() {
    let out = calls(&[
        (0.0, "o", "call_started", json!({ "direction": "outbound", "agent": "1001", "to": "13800138000" })),
        (8.0, "o", "call_answered", json!({})),
        (30.0, "o", "call_ended", json!({ "by": "agent" })),
    ]);
    let call = &out[0];
    assert_eq!(
        (call.direction, call.outcome, call.ended_by),
        (Direction::Outbound, Some(Outcome::Answered), Some(EndedBy::Agent))
    );
    assert_eq!((call.agent.as_ref().map(|a| a.as_str()), call.to.as_deref()), (Some("1001"), Some("13800138000")));
    assert_eq!(call.talked(), Some(TimeDelta::seconds(22)));
    for (cause, outcome) in [(17, Outcome::Busy), (19, Outcome::NoAnswer)] {
        let unanswered = calls(&[
            (0.0, "o", "call_started", json!({ "direction": "outbound", "agent": "1001", "to": "13800138000" })),
            (9.0, "o", "call_ended", json!({ "cause": cause })),
        ]);
        assert_eq!(unanswered[0].outcome, Some(outcome));
    }
    let inside = calls(&[
        (0.0, "i", "call_started", json!({ "direction": "internal", "agent": "1001", "to": "1002" })),
        (1.0, "i", "agent_ringing", json!({ "agent": "1002" })),
        (4.0, "i", "call_answered", json!({ "agent": "1002" })),
        (9.0, "i", "call_ended", json!({ "by": "caller" })),
    ]);
    assert_eq!((inside[0].direction, inside[0].outcome), (Direction::Internal, Some(Outcome::Answered)));
    let attended = calls(&[
        (0.0, "a", "call_started", json!({ "caller": "13600000001", "to": "1001" })),
        (1.0, "a", "agent_ringing", json!({ "agent": "1001" })),
        (2.0, "a", "call_answered", json!({ "agent": "1001" })),
        (30.0, "a", "call_transferred", json!({ "agent": "1001", "to": "1002", "kind": "attended" })),
        (50.0, "a", "call_ended", json!({ "by": "agent" })),
    ]);
    let talks: Vec<&str> = attended[0].segments.iter().map(|segment| segment.agent.as_str()).collect();
    assert_eq!((talks, attended[0].ended_by), (vec!["1001", "1002"], Some(EndedBy::Agent)));
    let [transfer] = &attended[0].transfers[..] else { panic!("{:?}", attended[0].transfers) };
    assert_eq!((transfer.kind, transfer.to.as_str(), transfer.completed), (TransferKind::Attended, "1002", true));
}

/// A board of one native PBX.
fn board() -> Board {
    let (link, now) = (Link::down(HQ.into()), LinkNow::new(HQ.into(), t(0.0)));
    let seat = Seat { tracker: tracker(), link, now, silence: Silence::Filters, look_every: Duration::from_secs(300) };
    Board::new(BTreeMap::from([(HQ.into(), seat)]), Wall::of_the_machine())
}

/// Steps of some calls, each a legal one for its call's state.
fn script() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0u8..5, 0u8..6), 0..80)
}

/// The next line of a call in `state`, by what `choice` would have; and the state after it.
fn next(state: u8, choice: u8) -> (&'static str, Value, u8) {
    match (state, choice) {
        (0, _) => ("call_started", json!({ "caller": "13600000001", "to": "4008001234" }), 1),
        (1, 0..3) => ("call_queued", json!({ "queue": "support" }), 2),
        (1 | 2, 3) => ("call_ended", json!({ "by": "caller" }), 0),
        (1 | 2, _) => ("agent_ringing", json!({ "agent": "1001" }), 3),
        (3, 0) => ("agent_missed", json!({ "agent": "1001", "reason": "busy" }), 1),
        (3, 1) => ("call_ended", json!({ "by": "pbx" }), 0),
        (3, _) => ("call_answered", json!({ "agent": "1001" }), 4),
        (4, 0) => ("call_held", json!({}), 4),
        (4, 1) => ("call_resumed", json!({}), 4),
        (4, 2) => ("call_transferred", json!({ "agent": "1001", "to": "1002", "kind": "attended" }), 5),
        (4, 3) => ("call_transferred", json!({ "agent": "1001", "to": "support", "kind": "blind" }), 1),
        (_, _) => ("call_ended", json!({ "by": "agent" }), 0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// After a kill at any moment, what the journal holds makes the calls that were up again, and the
    /// journal holds no line of a call that is over and kept.
    #[test]
    fn the_journal_makes_the_calls_again(script in script()) {
        let mut board = board();
        let pbx: PbxName = HQ.into();
        let mut mapping = Mapping::default();
        mapping.runs("1".into());
        board.hear_native(&pbx, native::Said::There { at: t(0.0), boot: "1".into(), whole: false });
        let (committed, _watching) = watch::channel(0);
        let mut journal: Vec<Kept> = Vec::new();
        let mut states: BTreeMap<u8, (u8, u32)> = BTreeMap::new();
        for (n, (which, choice)) in script.into_iter().enumerate() {
            let (state, round) = states.get(&which).copied().unwrap_or_default();
            let (kind, more, after) = next(state, choice);
            let round = if state == 0 { round + 1 } else { round };
            states.insert(which, (after, round));
            let text = line(n as f64, n as u64 + 1, &format!("c{which}.{round}"), kind, &more);
            let Numbered { told, at, seq } = parsed(&text);
            let mut events = Vec::new();
            mapping.map(told, &mut events).map_err(TestCaseError::fail)?;
            let entry = Entry { source: "s".into(), boot: "1".into(), seq, at, call: None, line: text.into() };
            board.hear_native(&pbx, native::Said::Line(Line { entry, events, nth: seq, committed: committed.clone() }));
            // As the engine and the store would keep it.
            while let Some(input) = board.hand_on(t(0.0)) {
                match input {
                    Input::Journal { entries, .. } => journal.extend(entries.into_iter().filter_map(|entry| {
                        let (nth, line) = (entry.seq as i64, entry.line.to_string());
                        entry.call.map(|call| Kept { nth, call, boot: entry.boot, at: entry.at, line })
                    })),
                    Input::Calls { calls, .. } => {
                        for over in calls.iter().filter(|call| call.ended_at.is_some()) {
                            journal.retain(|kept| kept.call != over.id);
                        }
                    }
                    _ => {}
                }
            }
        }
        let up: Vec<Call> = board.tracker(&pbx).calls().cloned().collect();
        let mut again = self::board();
        let lines = journal.len();
        let mut names: Vec<CallId> = journal.iter().map(|kept| kept.call.clone()).collect();
        names.dedup();
        let tells = again.remember(&pbx, journal.clone(), None, &mut Mapping::default());
        let same: Vec<(i64, Option<CallId>)> = journal.iter().map(|kept| (kept.nth, Some(kept.call.clone()))).collect();
        prop_assert_eq!(tells, same);
        let made: Vec<Call> = again.tracker(&pbx).calls().cloned().collect();
        prop_assert!(lines == 0 || !made.is_empty());
        prop_assert_eq!(made, up);
    }
}
