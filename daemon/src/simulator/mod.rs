//! A hotline that is not there: callers, queues and agents' phones behind an Asterisk 22 that
//! speaks AMI over a real socket. For the demo, for drills, and for load.
//!
//! [`Simulation`] says what the hotline is like. [`Hotline`] plays it in virtual time and keeps
//! the [truth](TrueCall) of its calls, so that what a daemon makes of the events can be compared
//! with what happened. [`Server`] plays it on the clock to whoever signs in.
//!
//! Reading order: [`truth`], `ami` (how Asterisk writes), `pbx` (which events a move of a call
//! makes, in which order), [`hotline`] (who calls whom, when), `actions`, [`server`].

mod actions;
mod ami;
mod callers;
pub mod hotline;
mod pbx;
pub mod server;
#[cfg(test)]
mod tests;
pub mod truth;

pub use ami::{Class, Said};
pub use hotline::{Ask, Hotline};
pub use server::Server;
pub use truth::TrueCall;

use chrono::TimeDelta;

use crate::{Extension, QueueName};

/// What the hotline is like.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The same seed and settings give the same day, to the millisecond.
    pub seed: u64,
    /// Mean rate of callers; they come at random.
    pub calls_per_second: f64,
    pub pace: Pace,
    /// The PBX's own clock is so far behind; it names channels and its start by it.
    pub clock_behind: TimeDelta,
    /// Who may sign in at the manager port.
    pub username: String,
    pub secret: String,
    pub agents: Vec<SimulatedAgent>,
    pub queues: Vec<SimulatedQueue>,
    /// Customers who call again and again, beside strangers.
    pub regulars: Vec<Regular>,
    /// The agent who is offered calls first and is let ring for long, so that whoever looks on
    /// sees them.
    pub watched: Option<Extension>,
}

/// How long people take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As at a small hotline: talks of half a minute.
    Human,
    /// A tenth of that, so that many calls need fewer agents.
    Drill,
}

#[derive(Clone, Debug)]
pub struct SimulatedAgent {
    pub extension: Extension,
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct SimulatedQueue {
    pub name: QueueName,
    /// The number that callers dial to reach it.
    pub number: String,
    /// Everybody's phone rings at once, instead of who has been idle longest.
    pub ring_all: bool,
    /// The queue gives up on a caller after so long.
    pub limit_ms: Option<i64>,
    /// Members, as indices of [`Simulation::agents`].
    pub members: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct Regular {
    pub name: String,
    pub number: String,
}

/// What signs in at a simulated manager port unless said otherwise.
pub const USERNAME: &str = "ringback";
pub const SECRET: &str = "ringback";

impl Simulation {
    /// A day at a hotline of eight agents and three queues, at a human pace.
    pub fn day(seed: u64, watched: Option<Extension>, regulars: Vec<Regular>) -> Self {
        let names = ["周晓云", "李建国", "陈美玲", "赵志强", "孙丽华", "吴海涛", "郑雅文", "王思远"];
        let agents = (1001..).zip(names).map(|(number, name)| agent(number, name)).collect();
        Self {
            seed,
            calls_per_second: 0.15,
            pace: Pace::Human,
            clock_behind: TimeDelta::zero(),
            username: USERNAME.into(),
            secret: SECRET.into(),
            agents,
            queues: vec![
                queue("support", "4008001234", false, Some(60_000), vec![0, 1, 2, 3, 4, 5]),
                queue("sales", "4008005678", false, Some(60_000), vec![0, 4, 5, 6, 7]),
                queue("complaints", "4008009999", true, Some(45_000), vec![0, 1, 6]),
            ],
            regulars,
            watched,
        }
    }

    /// As many agents as `calls_per_second` keep busy, in three queues, at a tenth of the time.
    pub fn drill(calls_per_second: f64, seed: u64) -> Self {
        let staff = ((calls_per_second * DRILL_BUSY_S * 1.1) as usize).max(6);
        let agents = (1001..).take(staff).map(|number: u32| agent(number, &format!("Agent {number}"))).collect();
        let share = |nth: usize| (0..staff).filter(|i| i % 3 == nth).collect();
        Self {
            seed,
            calls_per_second,
            pace: Pace::Drill,
            clock_behind: TimeDelta::zero(),
            username: USERNAME.into(),
            secret: SECRET.into(),
            agents,
            queues: vec![
                queue("support", "4008001234", false, None, share(0)),
                queue("sales", "4008005678", false, None, share(1)),
                queue("complaints", "4008009999", false, Some(6_000), share(2)),
            ],
            regulars: Vec::new(),
            watched: None,
        }
    }
}

/// How long a call keeps an agent busy in a drill, on average, in seconds: ring, talk, wrap-up.
const DRILL_BUSY_S: f64 = 5.0;

fn agent(number: u32, name: &str) -> SimulatedAgent {
    SimulatedAgent { extension: number.to_string().as_str().into(), name: name.into() }
}

fn queue(name: &str, number: &str, ring_all: bool, limit_ms: Option<i64>, members: Vec<usize>) -> SimulatedQueue {
    SimulatedQueue { name: name.into(), number: number.into(), ring_all, limit_ms, members }
}
