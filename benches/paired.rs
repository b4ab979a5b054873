//! Two ways of doing the same, timed in turns in one run: on a noisy machine only their ratio
//! means something.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Turns each way gets; the median of the ratios is told.
const TURNS: usize = 15;

/// The median of `ours ÷ yardstick` in time, of [`TURNS`] turns, and the median times.
pub struct Paired {
    pub ratio: f64,
    pub ours: Duration,
    pub yardstick: Duration,
}

pub fn paired<A, B>(mut ours: impl FnMut() -> A, mut yardstick: impl FnMut() -> B) -> Paired {
    let mut turns: Vec<(f64, Duration, Duration)> = (0..TURNS)
        .map(|_| {
            let a = time(&mut ours);
            let b = time(&mut yardstick);
            (a.as_secs_f64() / b.as_secs_f64(), a, b)
        })
        .collect();
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, ours, yardstick) = turns[TURNS / 2];
    Paired { ratio, ours, yardstick }
}

pub fn time<T>(work: &mut impl FnMut() -> T) -> Duration {
    let begun = Instant::now();
    std::hint::black_box(work());
    begun.elapsed()
}

/// Tells a figure, what it is measured against, and whether that is met; a bench that misses its
/// mark ends as a failure, when `verdict` is asked.
pub fn tell(what: &str, figure: f64, unit: &str, mark: &str, met: bool) {
    let sign = if met { "met" } else { "MISSED" };
    println!("{what}: {figure:.3} {unit} (wanted: {mark}) {sign}");
}

/// The system's allocator, which counts what is asked of it.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes on to the system's allocator as it came; counting touches no memory of
// the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

/// How many allocations `work` made.
pub fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let done = work();
    (ALLOCATIONS.load(Ordering::Relaxed) - before, done)
}
