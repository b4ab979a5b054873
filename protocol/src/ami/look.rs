//! Looking at what is up while everything goes on: one short list after the other, a queue at a
//! time, with room between them for the events that a session cannot send during a list
//! (manager.c `session_do`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::requests::{Action, Unsendable};
use crate::event::QueueName;

/// Between two lists: Asterisk sends what has gathered as soon as a list is through.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Look {
    ahead: VecDeque<List>,
    /// When the next list is to be asked for; none while one is under way.
    next_at: Option<Instant>,
}

#[derive(Debug)]
pub enum List {
    Queue(QueueName),
    Channels,
}

impl Look {
    pub fn new(queues: impl Iterator<Item = QueueName>, at: Instant) -> Look {
        Look { ahead: queues.map(List::Queue).chain([List::Channels]).collect(), next_at: Some(at) }
    }

    pub fn next_wake(&self) -> Option<Instant> {
        self.next_at
    }

    /// The list to be asked for now.
    pub fn wake(&mut self, at: Instant) -> Option<List> {
        self.next_at.take_if(|due| *due <= at)?;
        self.ahead.pop_front()
    }

    /// The list under way is through; whether it was the last.
    pub fn ended(&mut self, at: Instant) -> bool {
        self.next_at = Some(at + PAUSE);
        self.ahead.is_empty()
    }
}

impl List {
    pub fn name(&self) -> &'static str {
        match self {
            List::Queue(_) => "QueueStatus",
            List::Channels => "CoreShowChannels",
        }
    }

    pub fn action(&self, id: &str) -> Result<Action, Unsendable> {
        let action = Action::new(self.name(), id);
        match self {
            List::Queue(queue) => action.header("Queue", queue.as_str()),
            List::Channels => Ok(action),
        }
    }
}
