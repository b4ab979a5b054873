//! When an obligation is due: a pure function of what happened, the policy's rule, and the calendar.
//!
//! Nothing is summed up along the way. A window began at a moment, was suspended for some
//! stretches, and ends when so much of the hours that count has passed outside of them. So the same
//! facts give the same deadline, in whatever order they came and however often it is reckoned, and
//! another policy can be tried on last month's facts.

use chrono::TimeDelta;

use super::calendar::Calendar;
use super::clock::{Next, Rung};
use crate::Time;

/// What a rule gives somebody to keep an obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// So many milliseconds of the hours that count.
    Counted { ms: i64 },
    /// Up to this moment, whatever hours lie before it: what was promised, the end of a month. It
    /// is not suspended.
    Until(Time),
}

/// A stretch in which the window does not run; open while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suspension {
    pub from: Time,
    pub to: Option<Time>,
}

/// Where the rungs stand in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The reminder's place, in percent of the window.
    pub reminder_percent: i64,
    /// From the deadline to the escalation, at all hours.
    pub escalated_after_ms: i64,
}

/// When the rungs of one obligation are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ladder {
    pub reminder_at: Option<Time>,
    pub due_at: Option<Time>,
    pub escalated_at: Option<Time>,
}

impl Ladder {
    pub fn at(&self, rung: Rung) -> Option<Time> {
        match rung {
            Rung::Reminder => self.reminder_at,
            Rung::Due => self.due_at,
            Rung::Escalated => self.escalated_at,
        }
    }

    pub fn next(&self, rung: Rung) -> Next {
        Next { rung, at: self.at(rung) }
    }
}

/// When the rungs are due. None: not while the suspension lasts, or while `calendar`, the hours
/// that count, has none to come.
///
/// `suspensions` may come in any order, overlap and repeat.
pub fn ladder(began_at: Time, window: Window, suspensions: &[Suspension], steps: Steps, calendar: &Calendar) -> Ladder {
    let (reminder_at, due_at) = match window {
        Window::Counted { ms } => {
            let running = running(began_at, suspensions);
            (passed(&running, ms * steps.reminder_percent / 100, calendar), passed(&running, ms, calendar))
        }
        Window::Until(end) => {
            let before_ms = (end - began_at).num_milliseconds().max(0);
            (Some(began_at.min(end) + TimeDelta::milliseconds(before_ms * steps.reminder_percent / 100)), Some(end))
        }
    };
    Ladder {
        reminder_at,
        due_at,
        escalated_at: due_at.map(|due_at| due_at + TimeDelta::milliseconds(steps.escalated_after_ms)),
    }
}

/// The stretches since `began_at` that lie in no suspension, in order; the last may have no end.
fn running(began_at: Time, suspensions: &[Suspension]) -> Vec<(Time, Option<Time>)> {
    #[cfg(test)]
    if mutant::SUMS_PAUSES.get() {
        return mutant::running(began_at, suspensions);
    }
    let mut suspensions = suspensions.to_vec();
    suspensions.sort();
    let mut running = Vec::new();
    let mut from = Some(began_at);
    for suspension in suspensions {
        let Some(runs_from) = from else { break };
        if suspension.from > runs_from {
            running.push((runs_from, Some(suspension.from)));
        }
        from = suspension.to.map(|to| to.max(runs_from));
    }
    running.extend(from.map(|from| (from, None)));
    running
}

/// The earliest moment at which `ms` of the calendar's hours have passed in these stretches.
fn passed(running: &[(Time, Option<Time>)], ms: i64, calendar: &Calendar) -> Option<Time> {
    let mut left_ms = ms;
    for (from, to) in running {
        let Some(to) = to else { return calendar.after(*from, left_ms) };
        let there_ms = calendar.between_ms(*from, *to);
        if there_ms >= left_ms {
            return calendar.after(*from, left_ms);
        }
        left_ms -= there_ms;
    }
    None
}

/// What this module is not, to show that a simulation of days would find it out.
#[cfg(test)]
pub(crate) mod mutant {
    use super::*;

    thread_local! { pub static SUMS_PAUSES: std::cell::Cell<bool> = const { std::cell::Cell::new(false) }; }

    /// As if the window had begun later by the sum of all pauses, whatever hours they lay in.
    pub fn running(began_at: Time, suspensions: &[Suspension]) -> Vec<(Time, Option<Time>)> {
        let sum: Option<TimeDelta> = suspensions.iter().map(|pause| Some(pause.to? - pause.from)).sum();
        sum.map(|sum| (began_at + sum, None)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::super::calendar::{Slots, Week};
    use super::*;

    const STEPS: Steps = Steps { reminder_percent: 80, escalated_after_ms: 24 * HOUR_MS };
    const HOUR_MS: i64 = 3_600_000;

    fn at(minute: i64) -> Time {
        Time::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::minutes(minute)
    }

    fn office() -> Calendar {
        let week = std::array::from_fn(|day| if day < 5 { "09:00-12:00 13:00-18:00" } else { "10:00-12:00" });
        let week = Week::new(week.map(|text: &str| text.parse::<Slots>().unwrap()));
        Calendar { week, ..Calendar::all_hours(TimeZone::get("Asia/Shanghai").unwrap()) }
    }

    fn suspension(from: i64, to: Option<i64>) -> Suspension {
        Suspension { from: at(from), to: to.map(at) }
    }

    #[test]
    fn a_pause_moves_what_has_not_fired_by_its_length() {
        let all = Calendar::all_hours(TimeZone::UTC);
        let window = Window::Counted { ms: HOUR_MS };
        let plain = ladder(at(0), window, &[], STEPS, &all);
        assert_eq!((plain.reminder_at, plain.due_at), (Some(at(48)), Some(at(60))));
        // Two pauses that overlap are one stretch of half an hour, after the reminder.
        let paused = [suspension(60, Some(80)), suspension(50, Some(70))];
        let moved = ladder(at(0), window, &paused, STEPS, &all);
        assert_eq!((moved.reminder_at, moved.due_at), (Some(at(48)), Some(at(90))));
        // While it lasts nothing beyond it has a time.
        let lasting = ladder(at(0), window, &[suspension(50, None)], STEPS, &all);
        assert_eq!((lasting.reminder_at, lasting.due_at, lasting.escalated_at), (Some(at(48)), None, None));
    }

    #[test]
    fn a_promise_is_due_when_it_was_promised() {
        let promised = ladder(at(0), Window::Until(at(100)), &[suspension(10, None)], STEPS, &office());
        assert_eq!((promised.reminder_at, promised.due_at), (Some(at(80)), Some(at(100))));
        assert_eq!(promised.escalated_at, Some(at(100 + 24 * 60)));
    }

    /// Walks minute by minute: an hour counts when the office is open and nothing is suspended.
    fn walked(began: i64, minutes: i64, suspensions: &[Suspension], calendar: &Calendar) -> Option<Time> {
        let mut left = minutes;
        for minute in began..began + 40 * 1440 {
            if left == 0 {
                return Some(at(minute));
            }
            let now = at(minute);
            let rests = suspensions.iter().any(|s| s.from <= now && s.to.is_none_or(|to| now < to));
            left -= i64::from(!rests && calendar.is_open(now));
        }
        None
    }

    fn suspensions() -> impl Strategy<Value = Vec<Suspension>> {
        let one = (0i64..6000, 0i64..3000, prop::bool::weighted(0.9));
        prop::collection::vec(one.prop_map(|(from, long, ends)| suspension(from, ends.then_some(from + long))), 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn a_walk_by_the_minute_comes_to_the_same_deadline(
            began in 0i64..5000, minutes in 1i64..1500, pauses in suspensions(),
        ) {
            let due = ladder(at(began), Window::Counted { ms: minutes * 60_000 }, &pauses, STEPS, &office()).due_at;
            let walked = walked(began, minutes, &pauses, &office());
            prop_assert_eq!(due, walked);
        }

        #[test]
        fn later_begun_longer_or_more_paused_is_never_due_earlier(
            began in 0i64..5000, later in 0i64..500, minutes in 1i64..1500, more in 0i64..500,
            pauses in suspensions(), another in suspensions(),
        ) {
            let due = |began: i64, minutes: i64, pauses: &[Suspension]| {
                let due = ladder(at(began), Window::Counted { ms: minutes * 60_000 }, pauses, STEPS, &office()).due_at;
                due.unwrap_or(Time::MAX_UTC)
            };
            let plain = due(began, minutes, &pauses);
            prop_assert!(due(began + later, minutes, &pauses) >= plain);
            prop_assert!(due(began, minutes + more, &pauses) >= plain);
            prop_assert!(due(began, minutes, &[pauses.clone(), another.clone()].concat()) >= plain);
            let mut turned = [another, pauses].concat();
            let straight = due(began, minutes, &turned);
            turned.reverse();
            turned.extend(turned.clone());
            prop_assert_eq!(due(began, minutes, &turned), straight, "order and repetition do not matter");
        }
    }
}
