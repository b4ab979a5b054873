//! The party's stays in queues, and how each ended.

use protocol::event::{HangupBy, QueueLeft};

use super::{Live, SAME_MOMENT};
use crate::calls::call::{Direction, Outcome, Wait};
use crate::{Extension, LegId, QueueName, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Open,
    Served,
    /// `asked`: somebody had asked by then for the caller's leg to end, and it was not outlived.
    Left {
        at: Time,
        how: QueueLeft,
        asked: bool,
    },
    /// Was over when the PBX came into sight again: nobody knows how.
    Unseen,
}

impl Live {
    pub fn queued(&mut self, queue: QueueName, at: Time) {
        if self.call.waits.last().is_some_and(|wait| wait.queue == queue && wait.left_at.is_none()) {
            return;
        }
        self.changed = true;
        self.ender = None;
        if self.call.to.is_none() || (self.call.direction == Direction::Internal && self.call.waits.is_empty()) {
            self.call.to = Some(queue.to_string());
        }
        if let Some(due) = self.transfer_due.take() {
            self.call.transfers[due].to = queue.to_string();
            self.call.transfers[due].completed = true;
        }
        self.call.waits.push(Wait { queue, joined_at: at, left_at: None });
        self.stays.push(Stay::Open);
    }

    pub fn left_queue(&mut self, queue: &QueueName, how: QueueLeft, at: Time) {
        let Some(index) = self.call.waits.iter().rposition(|wait| &wait.queue == queue) else { return };
        if self.call.waits[index].left_at.is_none() {
            self.call.waits[index].left_at = Some(at);
            self.changed = true;
        }
        let joined_at = self.call.waits[index].joined_at;
        let asked = match self.party().and_then(|party| party.asked_to_end) {
            Some((HangupBy::Party, _)) => true,
            Some((HangupBy::Pbx, asked_at)) => asked_at >= joined_at,
            None => false,
        };
        self.stays[index] = match (self.stays[index], how) {
            (Stay::Served, _) | (_, QueueLeft::Served) => Stay::Served,
            (Stay::Left { at, asked, .. }, QueueLeft::HungUp | QueueLeft::TimedOut | QueueLeft::Unserved) => {
                Stay::Left { at, how, asked }
            }
            (left @ Stay::Left { .. }, QueueLeft::Unsaid) => left,
            (Stay::Unseen, _) => Stay::Unseen,
            (Stay::Open, how) => Stay::Left { at, how, asked },
        };
    }

    /// Not all of the call will have been seen. Who has left the queue, nobody knows yet for what,
    /// may be served meanwhile.
    pub fn lost_sight(&mut self) {
        self.call.certain = false;
        if let Some(stay @ Stay::Left { how: QueueLeft::Unsaid, asked: false, .. }) = self.stays.last_mut() {
            *stay = Stay::Unseen;
        }
    }

    /// The caller was seen to wait, and then seen not to.
    pub fn left_unseen(&mut self, queue: &QueueName, at: Time) {
        let Some(index) = self.call.waits.iter().rposition(|wait| &wait.queue == queue) else { return };
        if self.call.waits[index].left_at.is_none() {
            self.call.waits[index].left_at = Some(at);
            self.changed = true;
        }
        if self.stays[index] == Stay::Open {
            self.stays[index] = Stay::Unseen;
        }
    }

    pub fn connected(&mut self, id: Option<&LegId>, agent: Extension, queue: QueueName, at: Time) {
        let index = id.and_then(|id| self.find(id));
        let known = index.and_then(|index| self.legs[index].offer).or_else(|| self.open_offer(&agent));
        if known.is_none() {
            self.offered(id, agent, queue, at);
        }
        if let Some(stay) = self.stays.last_mut() {
            *stay = Stay::Served;
        }
    }

    /// Asterisk reports a queue that gives up as an abandon too: only whether the caller's leg had
    /// been asked to end by then tells them apart.
    pub(super) fn outcome_of(&self, stay: Stay) -> Outcome {
        let caller_went_at = match self.party().and_then(|party| party.asked_to_end) {
            Some((HangupBy::Party, at)) => Some(at),
            Some((HangupBy::Pbx, _)) | None => None,
        };
        match stay {
            // Goes as the agent comes; or talked, unseen.
            Stay::Served if !self.call.certain => Outcome::Failed,
            Stay::Open | Stay::Served => Outcome::Abandoned,
            Stay::Unseen => Outcome::Failed,
            Stay::Left { how: QueueLeft::HungUp | QueueLeft::Served, .. } => Outcome::Abandoned,
            Stay::Left { how: QueueLeft::TimedOut, .. } => Outcome::TimedOut,
            Stay::Left { asked: true, .. } => Outcome::Abandoned,
            // Left by a key, not unserved; what came after brought nobody.
            Stay::Left { how: QueueLeft::Unsaid, .. } if caller_went_at.is_some() => Outcome::Abandoned,
            Stay::Left { at, how: QueueLeft::Unserved | QueueLeft::Unsaid, .. } => {
                let same_moment = caller_went_at.is_some_and(|went| went - at < SAME_MOMENT);
                if same_moment { Outcome::Abandoned } else { Outcome::TimedOut }
            }
        }
    }
}
