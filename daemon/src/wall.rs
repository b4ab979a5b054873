//! Where the time is read. The core is handed its times; whoever hands them reads this clock, and no
//! other: the machine's, or one that somebody moves.

use std::sync::Arc;

use crate::Time;

/// The clock on the wall; clone it freely.
#[derive(Clone)]
pub struct Wall(Arc<dyn Fn() -> Time + Send + Sync>);

impl Wall {
    pub fn of_the_machine() -> Wall {
        Wall::new(chrono::Utc::now)
    }

    /// One that shows what `read` says.
    pub fn new(read: impl Fn() -> Time + Send + Sync + 'static) -> Wall {
        Wall(Arc::new(read))
    }

    pub fn now(&self) -> Time {
        (self.0)()
    }
}
