//! Many rungs at one instant, and the quiet hours: each of those who are told hears once, in its
//! time, whatever is cut off between any two steps.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Input;
use super::house::*;
use crate::calls::call::Outcome;
use crate::desk::policy::Policy;
use crate::live::Message;
use crate::{MessageId, Role, Time};

/// A site with three supervisors at which so many were missed at one instant: their reminders are
/// due 24 minutes later.
fn herd(size: usize) -> House {
    let mut house = House::under(callbacks_alone(), t(0.0));
    for login in ["boss", "chief", "head"] {
        house.person(login, Role::Supervisor, None);
    }
    let at = house.now;
    let missed = (0..size).map(|n| {
        let call = inbound(&format!("c{n}"), &format!("+86138{n:08}"), at);
        Arc::new(ended(&call, at, Outcome::Abandoned))
    });
    house.input(Input::Calls { at, calls: missed.collect() });
    house
}

fn waiting(house: &House) -> Vec<Message> {
    house.ask(house.reader.undelivered(MessageId(0))).unwrap()
}

fn delivered(house: &mut House) {
    let ids = waiting(house).iter().map(|message| message.id).collect();
    house.input(Input::Delivered(ids));
}

/// Each of the three was told of all, each row in one message.
fn told_once(house: &House, size: usize) {
    let size = size.to_string();
    assert_eq!(house.sql("SELECT count(*) FROM rungs"), [size.as_str()]);
    let each = house.sql("SELECT count(*) FROM outbox GROUP BY person, message ORDER BY person");
    assert_eq!(each, [size.as_str(); 3], "one message each");
    assert_eq!(house.sql("SELECT told FROM messages ORDER BY person"), [size.as_str(); 3]);
    assert_eq!(house.sql("SELECT count(*) FROM outbox WHERE message IS NULL"), ["0"]);
}

#[test]
fn five_hundred_at_once_are_one_message_to_each_over_a_kill_at_every_step() {
    let due = t(24.0 * MINUTE);
    for step in 0..5 {
        let mut house = herd(500);
        house.now = due;
        let now = due;
        match step {
            // Nothing was written yet.
            0 => {}
            // A batch of rungs is on disk, and in no message.
            1 => {
                let engine = house.engine.as_mut().unwrap();
                let due = engine.store.due(now, &Default::default(), 200).unwrap();
                house
                    .runtime
                    .block_on(house.engine.as_mut().unwrap().each(&due, super::decide::Input::Due, now))
                    .unwrap();
            }
            // All fired, and the message was being put together.
            2 => {
                let engine = house.engine.as_mut().unwrap();
                while house.runtime.block_on(engine.fire(now)).unwrap() {}
                let cut: crate::store::Result<()> = engine.store.together(|writing| {
                    writing.compose(now)?;
                    Err(rusqlite::Error::InvalidQuery)
                });
                assert!(cut.is_err());
            }
            // Put together, and sent, or not: nothing says that it was.
            3 => house.turn(),
            // It is on record as delivered.
            _ => {
                house.turn();
                delivered(&mut house);
            }
        }
        let before: Vec<MessageId> = waiting(&house).iter().map(|message| message.id).collect();
        house.crash();
        house.turn();
        told_once(&house, 500);
        let after: Vec<MessageId> = waiting(&house).iter().map(|message| message.id).collect();
        match step {
            0..=2 => assert_eq!((before.len(), after.len()), (0, 3)),
            3 => assert_eq!(before, after, "sent again under the same id"),
            _ => assert_eq!(after, []),
        }
        house.until(due + TimeDelta::minutes(1));
        told_once(&house, 500);
    }
}

#[test]
fn ten_thousand_at_once_are_one_message_to_each() {
    let mut house = herd(10_000);
    house.until(t(24.0 * MINUTE));
    told_once(&house, 10_000);
    let message = waiting(&house).remove(0);
    assert_eq!((message.count, message.tellings.len()), (10_000, 20), "what is said is bounded");
    let whole = house.ask(house.reader.message(message.id)).unwrap().unwrap();
    assert_eq!((whole.0.tellings.len(), whole.1.len()), (500, 500));
}

#[test]
fn few_come_one_by_one_and_what_waits_joins_the_next() {
    let mut house = herd(4);
    house.until(t(24.0 * MINUTE));
    let counts = |house: &House| waiting(house).iter().map(|message| message.count).collect::<Vec<_>>();
    assert_eq!(counts(&house), [1; 12], "four, each for three");
    // Deadline of the four: they are told apart from the reminders, which nobody took yet.
    house.until(t(30.0 * MINUTE));
    assert_eq!(counts(&house), [1; 24]);
    assert_eq!(house.sql("SELECT count(DISTINCT message) FROM outbox"), ["24"]);
}

fn quiet(hours: &str) -> Policy {
    let mut policy = callbacks_alone();
    policy.terms.notices.quiet = hours.parse().unwrap();
    policy
}

/// A moment of the tests' day and the next, in Shanghai.
fn at(hour: f64) -> Time {
    t((hour - 10.0) * 3600.0)
}

#[test]
fn in_quiet_hours_rungs_fire_and_nobody_hears_before_their_end() {
    let mut house = House::under(quiet("22:00-07:00"), at(22.5));
    house.person("boss", Role::Supervisor, None);
    let call = inbound("a", "+8613800138000", at(22.5));
    house.sees(at(22.5), &call);
    house.sees(at(22.5), &ended(&call, at(22.5), Outcome::Abandoned));
    let fired = |house: &House| house.sql("SELECT rung || ' ' || late FROM rungs ORDER BY planned_at_ms");
    house.until(at(23.5));
    assert_eq!(fired(&house), ["reminder 0", "due 0"], "the clock goes on");
    assert_eq!(house.sql("SELECT count(*) FROM rungs WHERE fired_at_ms <> planned_at_ms"), ["0"]);
    assert_eq!(waiting(&house), []);
    house.crash();
    house.until(at(31.0) - TimeDelta::milliseconds(1));
    assert_eq!(waiting(&house), []);
    house.until(at(31.0));
    assert_eq!(waiting(&house).len(), 2);
    assert_eq!(waiting(&house)[0].at, at(31.0));
    house.crash();
    house.turn();
    assert_eq!(waiting(&house).len(), 2, "each once");
    delivered(&mut house);
    house.until(at(33.0));
    assert_eq!(waiting(&house), []);
    assert_eq!(house.sql("SELECT count(*) FROM messages"), ["2"]);
}

#[test]
fn a_night_of_rungs_is_one_message_in_the_morning() {
    let mut house = House::under(quiet("22:00-07:00"), at(22.5));
    house.person("boss", Role::Supervisor, None);
    for n in 0..6 {
        let from = at(22.5 + f64::from(n));
        let call = inbound(&format!("c{n}"), &format!("+861380013800{n}"), from);
        house.sees(from, &call);
        house.sees(from, &ended(&call, from, Outcome::Abandoned));
    }
    house.until(at(31.0));
    assert_eq!(waiting(&house).iter().map(|message| message.count).collect::<Vec<_>>(), [12]);
}

#[test]
fn notices_wait_for_the_end_of_the_quiet_hours_in_the_sites_zone() {
    let night = quiet("12:00-14:00 22:00-07:00");
    for (from, to) in [(12.0, 14.0), (13.5, 14.0), (14.0, 14.0), (21.9, 21.9), (22.0, 31.0), (25.0, 31.0), (31.0, 31.0)]
    {
        assert_eq!(night.send_at(at(from)), at(to), "{from}");
    }
    assert_eq!(quiet("closed").send_at(at(23.0)), at(23.0));
    assert_eq!(quiet("00:00-24:00").send_at(at(23.0)), at(23.0), "quiet for ever is not quiet");
}
