//! Two ways of doing the same, timed in turns in one run: on a noisy machine only their ratio
//! means something.

use std::time::{Duration, Instant};

/// Turns each way gets; the median of the ratios is told.
const TURNS: usize = 15;

/// The median of `ours ÷ yardstick` in time, of [`TURNS`] turns.
pub fn paired<A, B>(mut ours: impl FnMut() -> A, mut yardstick: impl FnMut() -> B) -> f64 {
    let mut turns: Vec<f64> =
        (0..TURNS).map(|_| time(&mut ours).as_secs_f64() / time(&mut yardstick).as_secs_f64()).collect();
    turns.sort_by(f64::total_cmp);
    turns[TURNS / 2]
}

fn time<T>(work: &mut impl FnMut() -> T) -> Duration {
    let begun = Instant::now();
    std::hint::black_box(work());
    begun.elapsed()
}
