//! Whether our clock was set, or the machine slept: the wall clock beside one that only goes on.

use std::time::Instant;

use chrono::TimeDelta;

use crate::Time;

/// Clocks that are kept in step are slewed, by far less between two looks at them.
const STEP: TimeDelta = TimeDelta::seconds(1);

#[derive(Debug)]
pub struct Clock {
    wall: Time,
    steady: Instant,
}

impl Clock {
    pub fn new(wall: Time, steady: Instant) -> Clock {
        Clock { wall, steady }
    }

    /// How far the wall clock went otherwise than time did since the last look, if that is more
    /// than a clock's own error.
    pub fn step(&mut self, wall: Time, steady: Instant) -> Option<TimeDelta> {
        let went = TimeDelta::from_std(steady.duration_since(self.steady)).unwrap_or_default();
        let step = (wall - self.wall) - went;
        *self = Clock { wall, steady };
        (step.abs() >= STEP).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told_and_one_that_goes_is_not() {
        let (wall, steady) = (Time::UNIX_EPOCH, Instant::now());
        let mut clock = Clock::new(wall, steady);
        let later = |seconds: i64| wall + TimeDelta::seconds(seconds);
        assert_eq!(clock.step(later(30), steady + Duration::from_millis(29_985)), None);
        assert_eq!(clock.step(later(60), steady + Duration::from_secs(60)), None);
        let steady = steady + Duration::from_secs(60);
        let set = later(90) + TimeDelta::hours(1);
        assert_eq!(clock.step(set, steady + Duration::from_secs(30)), Some(TimeDelta::hours(1)));
        assert_eq!(clock.step(later(120), steady + Duration::from_secs(60)), Some(TimeDelta::hours(-1)));
        assert_eq!(clock.step(later(150), steady + Duration::from_secs(90)), None);
    }
}
