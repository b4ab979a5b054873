//! Random days with crashes, against a simple oracle: every rung of what was owed fires exactly
//! once, at its time or at the first moment that the daemon was up, and says so once.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::Input;
use super::house::*;
use crate::calls::call::{Call, Outcome};
use crate::desk::Rung;
use crate::{Role, Time};

#[derive(Clone, Debug)]
enum Step {
    /// Somebody gives up; the state is sent so many times.
    Missed {
        who: u8,
        times: u8,
    },
    /// We call them, and talk so long.
    Called {
        who: u8,
        talk_ms: i64,
    },
    Pass {
        minutes: i64,
    },
    /// The daemon dies, and is back after so many minutes; the PBX then tells the last calls again.
    Crash {
        minutes: i64,
    },
    /// The daemon dies after it wrote and before it committed.
    CrashInside {
        who: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8, 1..3u8).prop_map(|(who, times)| Step::Missed { who, times }),
        3 => (0..4u8, prop_oneof![Just(0), Just(9_999), Just(10_000), Just(60_000)])
            .prop_map(|(who, talk_ms)| Step::Called { who, talk_ms }),
        4 => (1..40i64).prop_map(|minutes| Step::Pass { minutes }),
        2 => (0..2000i64).prop_map(|minutes| Step::Crash { minutes }),
        1 => (0..4u8).prop_map(|who| Step::CrashInside { who }),
    ]
}

/// What is owed to one number, as a person with a diary would keep it.
#[derive(Debug, Default)]
struct Oracle {
    open: BTreeMap<u8, (usize, Time, usize)>,
    /// By obligation in order of beginning: rungs with the time at which each fired.
    fired: Vec<Vec<Time>>,
    /// Of what is open: the days, in Shanghai, of calls that came to no talk.
    tried: BTreeMap<u8, Vec<i64>>,
}

impl Oracle {
    fn missed(&mut self, who: u8, at: Time) {
        let next = self.fired.len();
        let (obligation, ..) = *self.open.entry(who).or_insert((next, at, 0));
        if obligation == next {
            self.fired.push(Vec::new());
        }
    }
    fn talked(&mut self, who: u8) {
        self.open.remove(&who);
        self.tried.remove(&who);
    }
    /// Three calls in vain that are not all of one day, and it is given up.
    fn tried(&mut self, who: u8, at: Time) {
        if !self.open.contains_key(&who) {
            return;
        }
        let days = self.tried.entry(who).or_default();
        days.push((at + TimeDelta::hours(8)).timestamp().div_euclid(24 * 3600));
        if days.len() >= 3 && days.iter().any(|day| *day != days[0]) {
            self.talked(who);
        }
    }
    /// Time passes while the daemon is up, or was down until `to`.
    fn pass(&mut self, to: Time, up: bool) {
        for (obligation, began, next) in self.open.values_mut() {
            for (place, minutes) in [24, 30, 30 + 24 * 60].into_iter().enumerate().skip(*next) {
                let planned = *began + TimeDelta::minutes(minutes);
                if planned <= to {
                    self.fired[*obligation].push(if up { planned } else { to });
                    *next = place + 1;
                }
            }
        }
    }
}

/// The oracle's diary is of callbacks; each matter is owed its solution beside them.
const MISSED: &str = "(SELECT id FROM obligations WHERE kind = 'missed_call')";

fn number(who: u8) -> String {
    format!("+861380013800{who}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_rung_fires_exactly_once_whatever_crashes(steps in prop::collection::vec(step(), 1..40)) {
        let mut house = House::new();
        house.person("boss", Role::Supervisor, None);
        let mut oracle = Oracle::default();
        let mut said: Vec<(Time, Call)> = Vec::new();
        for (n, step) in steps.into_iter().enumerate() {
            let id = format!("c{n}");
            match step {
                Step::Missed { who, times } => {
                    let at = house.now;
                    let call = ended(&inbound(&id, &number(who), at), at, Outcome::Abandoned);
                    for _ in 0..times {
                        house.sees(at, &call);
                    }
                    oracle.missed(who, at);
                    said.push((at, call));
                }
                Step::Called { who, talk_ms } => {
                    let from = house.now;
                    let to = from + TimeDelta::milliseconds(talk_ms);
                    let out = talking(&outbound(&id, &number(who), "1001", from), "1001", from);
                    house.sees(from, &out);
                    oracle.pass(to, true);
                    house.sees(to, &ended(&out, to, Outcome::Answered));
                    if talk_ms >= 10_000 {
                        oracle.talked(who);
                    } else {
                        oracle.tried(who, from);
                    }
                    said.push((to, ended(&out, to, Outcome::Answered)));
                }
                Step::Pass { minutes } => {
                    let to = house.now + TimeDelta::minutes(minutes);
                    house.until(to);
                    oracle.pass(to, true);
                }
                Step::Crash { minutes } => {
                    house.crash();
                    house.now += TimeDelta::minutes(minutes);
                    oracle.pass(house.now, false);
                    house.turn();
                    for (at, call) in said.iter().rev().take(5) {
                        house.input(Input::Calls { at: *at, calls: vec![Arc::new(call.clone())] });
                    }
                }
                Step::CrashInside { who } => {
                    let at = house.now;
                    let call = Arc::new(ended(&inbound(&id, &number(who), at), at, Outcome::Abandoned));
                    let input = crate::desk::decide::Input::Call { at, call: call.clone() };
                    let cut: crate::store::Result<()> = house.engine().store.together(|writing| {
                        let _ = writing.decide(&input, at)?;
                        Err(rusqlite::Error::InvalidQuery)
                    });
                    prop_assert!(cut.is_err());
                    house.crash();
                    house.turn();
                    // The PBX still knows the call, and says it again.
                    house.sees(at, &call);
                    oracle.missed(who, at);
                    said.push((at, (*call).clone()));
                }
            }
        }
        let expected: Vec<String> = oracle
            .fired
            .iter()
            .flat_map(|times| times.iter().zip(Rung::ALL).map(|(at, rung)| format!("{} {}", rung.as_str(), at.timestamp_millis())))
            .collect();
        let order = "(SELECT id FROM obligations o WHERE o.id = obligation), planned_at_ms";
        let fired = house.sql(&format!("SELECT rung || ' ' || fired_at_ms FROM rungs WHERE obligation IN {MISSED} ORDER BY {order}"));
        prop_assert_eq!(fired, expected.clone());
        let told = house.sql(&format!(
            "SELECT rung || ' ' || at_ms FROM outbox WHERE obligation IN {MISSED} ORDER BY obligation, id",
        ));
        prop_assert_eq!(told, expected);
        let open = house.sql("SELECT count(*) FROM obligations WHERE state = 'open' AND kind = 'missed_call'");
        prop_assert_eq!(open, vec![oracle.open.len().to_string()]);
        prop_assert_eq!(house.sql("PRAGMA integrity_check"), ["ok"]);
    }
}
