//! Days of a site, by the thousand, in virtual time: the real tracker, engine, desk and store, and an
//! oracle beside them.
//!
//! People call over two PBXs, also without saying their number, answer, hand callers on, call back,
//! promise, file, offer matters to each other, write down whose numbers and matters are whose, put customers
//! and matters together and apart again, and change the terms, by chance; a link is cut, the clock is set,
//! the machine sleeps, and the daemon dies at any byte that it writes. The site is where clocks never
//! change, or where they do in the midst of it. A [`diary`] that a person keeps who knows nothing of the
//! desk's code says which obligations, proofs, rungs and messages there must be: each once, none early, none
//! forgotten.
//!
//! One seed is one history, to the byte. `RINGBACK_SEED` plays one alone, tells what happens, and
//! compares after every turn; `RINGBACK_DAYS` says how many days are played altogether.
//!
//! Reading order: [`hours`] and [`diary`] (the oracle), [`pbx`] (the truth of calls), [`machine`] (the
//! daemon, and how it dies), [`world`] (what happens next), [`people`], [`verdict`].

mod diary;
mod hours;
mod machine;
mod pbx;
mod people;
mod verdict;
mod world;

use std::sync::Arc;

use super::house::{ended, inbound};
use super::{Input, RECKONED};
use crate::calls::call::Outcome;
use crate::desk::command::Command;
use hours::{HOUR, MINUTE, Ms, Zone};
use machine::{Machine, Site, time};
use world::{Happening, Sabotage, World};

/// Days of one history: holidays, a change of the terms or two, and some twenty crashes.
const DAYS: i64 = 30;

/// Played where nobody says how many; .ci/run says ten thousand.
const USUAL_DAYS: i64 = 600;

/// The database of a site that has lived so many days.
pub fn lived(seed: u64, days: i64) -> Vec<u8> {
    let mut world = World::new(seed, Sabotage::None, false, false);
    world.lives(days).expect("nothing is wrong");
    world.machine.checkpoint();
    world.machine.disk().0
}

fn plays(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let mut world = World::new(seed, Sabotage::None, false, false);
        if let Err(why) = world.lives(DAYS) {
            panic!("{why}\nto see what happened: RINGBACK_SEED={seed} cargo test --lib -p daemon engine::days::a_seed");
        }
    }
}

/// Every third seed from one on, so that three cores have something to do.
fn third(first: u64) {
    let days = std::env::var("RINGBACK_DAYS").ok().map_or(USUAL_DAYS, |days| days.parse().expect("a number of days"));
    plays((first..(days.unsigned_abs() / DAYS.unsigned_abs())).step_by(3));
}

#[test]
fn whatever_happens_each_promise_is_told_of_once_and_in_time() {
    third(0);
}

#[test]
fn whatever_happens_each_promise_is_told_of_once_and_in_time_second_part() {
    third(1);
}

#[test]
fn whatever_happens_each_promise_is_told_of_once_and_in_time_third_part() {
    third(2);
}

/// The one of `RINGBACK_SEED`, with all that happens; or, that the same seed is the same history.
#[test]
fn a_seed_is_one_history() {
    let named = std::env::var("RINGBACK_SEED").ok().map(|seed| seed.parse::<u64>().expect("a seed is a number"));
    if let Some(seed) = named {
        let mut world = World::new(seed, Sabotage::None, true, true);
        let verdict = world.lives(DAYS);
        println!("{}", world.history());
        verdict.unwrap_or_else(|why| panic!("{why}"));
        return;
    }
    let history = |seed| {
        let mut world = World::new(seed, Sabotage::None, true, false);
        world.lives(DAYS).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert!(world.crashes > 3 && world.turns > 300, "{} crashes, {} turns", world.crashes, world.turns);
        world.history()
    };
    for seed in 0..3 {
        assert!(history(seed) == history(seed), "seed {seed} is two histories");
    }
    assert!(history(3) != history(4));
}

/// In so many seeds at most a broken daemon is found out.
const SEEDS: u64 = 12;

fn is_found(sabotage: Sabotage, says: &[&str]) {
    let lives = |seed, sabotage| World::new(seed, sabotage, false, false).lives(DAYS).err();
    let found = (0..SEEDS).find_map(|seed| Some((seed, lives(seed, sabotage)?)));
    let (seed, why) = found.unwrap_or_else(|| panic!("{sabotage:?} is not found in {SEEDS} seeds"));
    assert!(says.iter().any(|says| why.contains(says)), "{why}");
    assert_eq!(lives(seed, Sabotage::None), None, "it is the sabotage that is found");
}

#[test]
fn a_daemon_that_tells_before_its_commit_is_found_out() {
    is_found(Sabotage::TellsFirst, &["is not kept"]);
}

#[test]
fn a_daemon_without_unique_rungs_is_found_out() {
    is_found(Sabotage::NoKeys, &["rungs", "outbox", "past", "obligations"]);
}

#[test]
fn a_daemon_that_sums_pauses_up_is_found_out() {
    // Of two that are put together, what is due first stays.
    is_found(Sabotage::SummedPauses, &["is due", "obligations", "rungs", "the answer"]);
}

/// Two days in which the daemon dies in the first turn, or in the second, or in any that there is.
#[test]
fn a_crash_in_any_turn_of_a_day_loses_what_was_not_committed_and_nothing_else() {
    const TURNS: u32 = 80;
    let crashes: u32 = (0..TURNS)
        .map(|turns| {
            let mut world = World::new(7, Sabotage::None, false, true);
            world.later(0, Happening::IsDoomed { turns });
            world.lives(2).unwrap_or_else(|why| panic!("in turn {turns}: {why}"));
            world.crashes
        })
        .sum();
    assert!(crashes >= TURNS / 2, "{crashes} crashes");
}

/// All that is owed is reckoned anew by other terms, a piece a commit, and the daemon dies at the end
/// of any of these commits, and in the midst of it.
#[test]
fn a_kill_at_any_write_of_a_reckoning_fires_each_rung_once_by_the_terms_that_were_kept() {
    const OWED: usize = 2 * RECKONED + 20;
    let terms = |within: Ms| {
        format!(
            "[clock.resolution]\nkinds = []\n[clock.missed_call]\nwithin = \"{}m\"\n[ladder]\nreminder_percent = 50\nescalated_after = \"2h\"\n",
            within / MINUTE
        )
    };
    let (before, after) = (60 * MINUTE, 10 * MINUTE);
    let settles = |machine: &mut Machine, now: Ms| {
        loop {
            machine.turn(now, &mut None);
            let engine = &machine.daemon().engine;
            if !engine.behind
                && !engine.stale
                && engine.waiting.is_empty()
                && engine.due.is_none_or(|due| due > time(now))
            {
                return;
            }
        }
    };
    let manager = Some(Site::get().people[diary::MANAGER]);
    let began = (hours::new_year_2026() + 100) * hours::DAY;
    let mut machine = Machine::new(Zone::Shanghai);
    machine.start().expect("a daemon");
    drop(machine.daemon().give(manager, Command::SetPolicy { version: None, text: terms(before) }));
    settles(&mut machine, began);
    let calls = (0..OWED).map(|nth| {
        let call = inbound(&format!("c{nth}"), &format!("+86138{nth:08}"), time(began));
        Arc::new(ended(&call, time(began), Outcome::Abandoned))
    });
    machine.daemon().engine.waiting.push_back(Input::Calls { at: time(began), calls: calls.collect() });
    settles(&mut machine, began);
    machine.checkpoint();
    let (database, _) = machine.disk();
    // Of the new ladder the reminder, at half of ten minutes, is past by now.
    let changed = began + 8 * MINUTE;
    drop(machine.daemon().give(manager, Command::SetPolicy { version: None, text: terms(after) }));
    settles(&mut machine, changed);
    let (_, log) = machine.disk();
    let commits = machine.commits(0);
    assert!(commits.len() > 5, "terms, three pieces, and what is due: {commits:?}");
    let mut cuts: Vec<u64> = commits.windows(2).flat_map(|two| [two[0], (two[0] + two[1]) / 2]).collect();
    cuts.extend([0, commits[0] - 1, log.len() as u64]);
    for cut in cuts {
        let mut machine = Machine::with(&database, &log[..cut as usize]);
        machine.start().expect("a daemon");
        let is_kept = cut >= commits[0];
        let now = changed + MINUTE;
        settles(&mut machine, now);
        while let Some(due) = machine.daemon().engine.due.filter(|due| *due < time(began + 9 * HOUR)) {
            settles(&mut machine, due.timestamp_millis());
        }
        let within = if is_kept { after } else { before };
        let ladder = [within / 2, within, within + 2 * HOUR].map(|planned| began + planned);
        let each = OWED.to_string();
        let found =
            machine.sql("SELECT planned_at_ms, count(*), count(DISTINCT obligation) FROM rungs GROUP BY 1 ORDER BY 1");
        assert_eq!(found, ladder.map(|planned| format!("{planned} {each} {each}")), "cut at {cut}");
        let early = machine.sql("SELECT count(*) FROM rungs WHERE fired_at_ms < planned_at_ms");
        assert_eq!(early, ["0"]);
        let told = machine.sql("SELECT count(*), count(DISTINCT obligation || rung || person) FROM outbox");
        let (rows, distinct) = told[0].split_once(' ').expect("two counts");
        assert_eq!(rows, distinct);
        assert_eq!(machine.sql("SELECT count(*) FROM outbox WHERE message IS NULL"), ["0"]);
    }
}
