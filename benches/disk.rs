//! What the disk costs, beside what a bench measures on it.

use std::io::Write;
use std::time::{Duration, Instant};

/// What one small write to disk costs on this machine.
pub fn fdatasync() -> Duration {
    let mut file = tempfile::tempfile().expect("a file");
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("a write");
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}
