//! Another policy is put in force while much is owed: no rung fires twice, none is forgotten, each
//! at its time by the new one, though the daemon dies in the midst.

use std::sync::Arc;

use chrono::TimeDelta;

use super::house::*;
use super::{Input, RECKONED};
use crate::calls::call::Outcome;
use crate::desk::command::{Command, Done, Refusal};
use crate::{PersonId, Role, Time};

/// More than three pieces of what is reckoned at once.
const OWED: usize = 3 * RECKONED + 20;

fn house() -> House {
    House::under(callbacks_alone(), t(0.0))
}

fn terms(minutes: i64) -> String {
    format!(
        "[clock.resolution]\nkinds = []\n[clock.missed_call]\nwithin = \"{minutes}m\"\n[ladder]\nreminder_percent = 50\nescalated_after = \"2h\"\n"
    )
}

fn set(house: &mut House, by: Option<PersonId>, minutes: i64) -> Result<Done, Refusal> {
    house.give(by, Command::SetPolicy { version: None, text: terms(minutes) })
}

/// So many callers give up, one a second.
fn owe(house: &mut House, count: usize) -> Time {
    let first = house.now;
    for nth in 0..count {
        let at = first + TimeDelta::seconds(nth as i64);
        let call = inbound(&format!("c{nth}"), &format!("+86138{nth:08}"), at);
        house.until(at);
        house.input(Input::Calls { at, calls: vec![Arc::new(ended(&call, at, Outcome::Abandoned))] });
    }
    first
}

fn one(house: &House, question: &str) -> i64 {
    house.sql(question)[0].parse().unwrap()
}

#[test]
fn another_policy_moves_what_has_not_fired_and_is_kept_as_a_version() {
    let mut house = house();
    let boss = house.person("boss", Role::Admin, None);
    let ann = house.person("ann", Role::Agent, None);
    let began = owe(&mut house, 1);
    assert_eq!(house.sql("SELECT version || ' ' || (by_person IS NULL) FROM policies"), ["0 1"]);
    // The reminder at 24 minutes has fired when the half hour becomes an hour and a half.
    house.until(began + TimeDelta::minutes(25));
    assert_eq!(set(&mut house, Some(ann), 90), Err(Refusal::NotAllowed));
    assert_eq!(set(&mut house, Some(boss), 90), Ok(Done::Version(1)));
    assert_eq!(house.reader.policy().version, 1);
    house.until(began + TimeDelta::hours(30));
    let minutes = "SELECT rung || ' ' || ((r.planned_at_ms - began_at_ms) / 60000) FROM rungs r \
                   JOIN obligations o ON o.id = r.obligation ORDER BY r.planned_at_ms";
    assert_eq!(house.sql(minutes), ["reminder 24", "due 90", "escalated 210"]);
    assert_eq!(one(&house, "SELECT sum(late) FROM rungs"), 0);
    let version = house.ask(house.reader.policy_text(1)).unwrap().unwrap();
    assert_eq!((version.text, version.version.by), (terms(90), Some(boss)));
    assert_eq!(
        house.sql("SELECT by_person FROM facts WHERE kind = 'policy_set' AND by_person > 0"),
        [boss.to_string()]
    );
}

#[test]
fn a_shorter_policy_takes_effect_at_once_and_the_nearest_due_come_first() {
    let mut house = house();
    let began = owe(&mut house, OWED);
    house.until(began + TimeDelta::minutes(8));
    set(&mut house, None, 10).unwrap();
    // Of those that were reckoned in this turn the reminders at five minutes are overdue.
    let first = "SELECT count(*) FROM obligations WHERE policy = 1";
    assert_eq!(one(&house, first), RECKONED as i64);
    assert_eq!(one(&house, "SELECT max(id) - min(id) < 1000 FROM obligations WHERE policy = 1"), 1);
    house.until(began + TimeDelta::hours(5));
    assert_eq!(one(&house, first), OWED as i64);
    assert_eq!(one(&house, "SELECT count(*) FROM rungs"), 3 * OWED as i64);
    let never_early = "SELECT count(*) FROM rungs WHERE fired_at_ms < planned_at_ms";
    assert_eq!(one(&house, never_early), 0);
    let by_new = "SELECT count(*) FROM rungs r JOIN obligations o ON o.id = r.obligation \
                  WHERE r.planned_at_ms - o.began_at_ms NOT IN (300000, 600000, 7800000)";
    assert_eq!(one(&house, by_new), 0);
}

#[test]
fn what_is_not_moved_leaves_no_trace() {
    let mut house = house();
    owe(&mut house, 3);
    let text = "[callback]\nattempts = 5\n".to_owned();
    house.give(None, Command::SetPolicy { version: Some(0), text }).unwrap();
    house.turn();
    assert_eq!(one(&house, "SELECT count(*) FROM obligations WHERE policy = 1"), 3);
    assert_eq!(one(&house, "SELECT count(*) FROM facts WHERE kind = 'obligation_moved'"), 0);
    let stale = house.give(None, Command::SetPolicy { version: Some(0), text: String::new() });
    assert_eq!(stale, Err(Refusal::Changed { by: None, version: 1 }));
    let wrong = house.give(None, Command::SetPolicy { version: None, text: "[clocks]".into() });
    let Err(Refusal::Terms(mistakes)) = wrong else { panic!("{wrong:?}") };
    assert_eq!((mistakes[0].line, mistakes[0].column), (1, 2));
    assert_eq!(house.reader.policy().version, 1);
    // A commit that fails leaves the policy as it was, for all.
    house.engine().store.db().execute_batch("PRAGMA query_only = ON").unwrap();
    assert_eq!(set(&mut house, None, 45), Err(Refusal::StoreFailed));
    house.engine().store.db().execute_batch("PRAGMA query_only = OFF").unwrap();
    assert_eq!(house.reader.policy().version, 1);
    house.turn();
    assert_eq!(set(&mut house, None, 45), Ok(Done::Version(2)));
}

#[test]
fn a_clock_that_runs_no_longer_ends_what_is_owed_by_it_and_no_other_begins() {
    let mut house = House::new();
    let began = owe(&mut house, OWED);
    let states = "SELECT kind || ' ' || state || ' ' || count(*) FROM obligations GROUP BY kind, state ORDER BY kind";
    let all = format!("{OWED}");
    assert_eq!(house.sql("SELECT DISTINCT kind FROM obligations ORDER BY 1"), ["missed_call", "resolution"]);
    // At the very moment at which the first reminders of solutions are due: 80 of a hundred of two hours.
    house.until(began + TimeDelta::minutes(96) - TimeDelta::milliseconds(1));
    house.now = began + TimeDelta::minutes(96) + TimeDelta::seconds(10);
    let text = "[clock.resolution]\nkinds = [\"complaint\"]\n".to_owned();
    house.give(None, Command::SetPolicy { version: Some(0), text }).unwrap();
    house.until(began + TimeDelta::hours(30));
    let dropped = ["missed_call open ", "resolution dropped "].map(|row| format!("{row}{all}"));
    assert_eq!(house.sql(states), dropped);
    let of_solutions =
        "SELECT count(*) FROM rungs r JOIN obligations o ON o.id = r.obligation WHERE o.kind = 'resolution'";
    assert_eq!(one(&house, of_solutions), 0);
    house.give(None, Command::SetPolicy { version: Some(1), text: String::new() }).unwrap();
    house.until(began + TimeDelta::hours(31));
    assert_eq!(house.sql(states), dropped, "nothing begins for what came before");
    owe(&mut house, 1);
    assert_eq!(one(&house, "SELECT count(*) FROM obligations WHERE kind = 'resolution' AND state = 'open'"), 0);
    let new = inbound("new", "+8613700000001", house.now);
    house.sees(house.now, &new);
    assert_eq!(one(&house, "SELECT count(*) FROM obligations WHERE kind = 'resolution' AND state = 'open'"), 1);
}
