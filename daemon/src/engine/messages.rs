//! Many rungs at one instant, and the quiet hours: each of those who are told hears once, in its
//! time, whatever is cut off between any two steps.

use std::sync::Arc;

use chrono::TimeDelta;

use super::house::*;
use super::{Input, RUNGS};
use crate::calls::call::Outcome;
use crate::desk::Rung;
use crate::desk::command::Command;
use crate::desk::policy::{Policy, Recipient};
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
            3 => house.settle(),
            // It is on record as delivered.
            _ => {
                house.settle();
                delivered(&mut house);
            }
        }
        let before: Vec<MessageId> = waiting(&house).iter().map(|message| message.id).collect();
        house.crash();
        house.settle();
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
    // Deadline of the four six minutes later: they are told apart from the reminders, which nobody
    // took yet, and together, for nobody is told of four things twice in so short a time.
    house.until(t(30.0 * MINUTE));
    assert_eq!(counts(&house), [[1; 12].as_slice(), &[4; 3]].concat());
    assert_eq!(house.sql("SELECT count(DISTINCT message) FROM outbox"), ["15"]);
}

/// When the boss was told, in minutes, and of how much, while so many are missed each minute.
fn trickle(per_minute: usize, minutes: usize) -> Vec<(i64, i64)> {
    let mut policy = callbacks_alone();
    policy.terms.notices.told = [(Rung::Reminder, [Recipient::Supervisor].into()), (Rung::Due, [].into())].into();
    policy.terms.steps.escalated_after_ms = 30 * 24 * 3_600_000;
    let mut house = House::under(policy, t(0.0));
    let boss = house.person("boss", Role::Supervisor, None);
    house.give(None, Command::SetAway { person: boss, away: false, deputy: None }).unwrap();
    for minute in 0..minutes {
        let at = t(minute as f64 * MINUTE);
        house.until(at);
        let missed = (0..per_minute).map(|nth| {
            let call = inbound(&format!("c{minute}-{nth}"), &format!("+8613800{minute:03}{nth:03}"), at);
            Arc::new(ended(&call, at, Outcome::Abandoned))
        });
        house.input(Input::Calls { at, calls: missed.collect() });
    }
    house.until(t((minutes + 30) as f64 * MINUTE));
    let rows = "SELECT ((at_ms - 1795485600000) / 60000) || ' ' || told FROM messages ORDER BY at_ms, id";
    let number = |text: &str| text.parse().unwrap();
    let message = |row: String| row.split_once(' ').map(|(at, told)| (number(at), number(told))).unwrap();
    house.sql(rows).into_iter().map(message).collect()
}

#[test]
fn a_trickle_that_does_not_end_is_a_message_in_five_minutes() {
    let told = trickle(2, 120);
    let all: i64 = told.iter().map(|(_, told)| told).sum();
    assert_eq!(all, 2 * 2 * 120, "each reminder and each deadline");
    assert!(told.len() < 45, "{} messages in two hours and a half", told.len());
    assert_eq!(told[..5], [(24, 1), (24, 1), (25, 1), (25, 1), (29, 8)], "the first come at once");
    for (nth, (at, _)) in told.iter().enumerate() {
        let within = told[nth..].iter().filter(|(then, _)| then - at < 5).count();
        assert!(within <= 5, "{within} within five minutes of {at}: {told:?}");
    }
    let waited = told.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
    assert!(waited <= Some(6), "{told:?}");
}

#[test]
fn whose_pace_was_used_up_waits_no_longer_because_the_clock_was_set_back() {
    let mut house = herd(4);
    house.until(t(24.0 * MINUTE));
    delivered(&mut house);
    house.now = t(-3600.0);
    let at = house.now;
    let call = inbound("early", "+8613900139000", at);
    house.input(Input::Calls { at, calls: vec![Arc::new(ended(&call, at, Outcome::Abandoned))] });
    house.until(at + TimeDelta::minutes(24));
    assert_eq!(waiting(&house).len(), 0);
    house.until(at + TimeDelta::minutes(29));
    assert_eq!(waiting(&house).len(), 3);
}

/// A herd does not claim to have fired at one instant what took several commits.
#[test]
fn each_commit_of_a_herd_has_its_own_time() {
    let mut house = herd(2 * RUNGS + 1);
    house.now = t(24.0 * MINUTE);
    for _ in 0..3 {
        house.turn();
        house.now += TimeDelta::milliseconds(40);
    }
    let fired =
        house.sql("SELECT (fired_at_ms - min(planned_at_ms)) || ' ' || count(*) FROM rungs GROUP BY fired_at_ms");
    assert_eq!(fired, [format!("0 {RUNGS}"), format!("40 {RUNGS}"), "80 1".into()]);
    told_once(&house, 2 * RUNGS + 1);
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

/// A clock that was ahead for a minute.
#[test]
fn what_was_to_be_told_years_ahead_is_told_once_the_clock_is_set_back_and_what_began_there_is_named() {
    for is_killed in [false, true] {
        let mut house = House::under(quiet("22:00-07:00"), at(9.0));
        house.person("boss", Role::Supervisor, None);
        let gives_up = |house: &mut House, number: &str| {
            let at = house.now;
            house.input(Input::Calls {
                at,
                calls: vec![Arc::new(ended(&inbound(number, number, at), at, Outcome::Abandoned))],
            });
        };
        gives_up(&mut house, "+8613800138000");
        let ahead = TimeDelta::days(3652) + TimeDelta::hours(14);
        house.now += ahead;
        gives_up(&mut house, "+8613900139000");
        house.settle();
        assert_eq!(house.sql("SELECT count(*) FROM outbox WHERE message IS NULL"), ["3"], "it is night there");
        if is_killed {
            house.crash();
        }
        house.now -= ahead;
        house.settle();
        assert_eq!(house.sql("SELECT count(*) FROM outbox WHERE message IS NULL"), ["0"]);
        assert_eq!(house.sql("SELECT sum(told) FROM messages"), ["3"]);
        // Of a daemon that was killed nobody knows when it looked at the clock last.
        let named = house.sql("SELECT detail FROM ledger WHERE what = 'clock_step'");
        assert_eq!(named.len(), usize::from(!is_killed));
        assert!(named.iter().all(|detail| detail.contains("1 obligations began while it was ahead")), "{named:?}");
    }
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
