//! The course of a call: all that the PBX showed of it, one thing after another.

use daemon::calls::call::{EndedBy, OfferOutcome, Outcome, TransferKind};
use daemon::store::read::StoredCall;
use daemon::{Extension, QueueName, Time};

/// Something that happened in a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub at: Time,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Began,
    JoinedQueue { queue: QueueName },
    LeftQueue { queue: QueueName },
    Rang { agent: Extension },
    StoppedRinging { agent: Extension, outcome: OfferOutcome },
    Talked { agent: Extension },
    Held { agent: Extension },
    Resumed { agent: Extension },
    Parted { agent: Extension },
    Transferred { kind: TransferKind, from: Option<Extension>, to: String, completed: bool },
    Ended { outcome: Option<Outcome>, by: Option<EndedBy> },
}

impl What {
    /// A stable word, for the API and the texts.
    pub fn as_str(&self) -> &'static str {
        match self {
            What::Began => "began",
            What::JoinedQueue { .. } => "joined_queue",
            What::LeftQueue { .. } => "left_queue",
            What::Rang { .. } => "rang",
            What::StoppedRinging { .. } => "stopped_ringing",
            What::Talked { .. } => "talked",
            What::Held { .. } => "held",
            What::Resumed { .. } => "resumed",
            What::Parted { .. } => "parted",
            What::Transferred { .. } => "transferred",
            What::Ended { .. } => "ended",
        }
    }

    pub fn agent(&self) -> Option<&Extension> {
        match self {
            What::Rang { agent }
            | What::StoppedRinging { agent, .. }
            | What::Talked { agent }
            | What::Held { agent }
            | What::Resumed { agent }
            | What::Parted { agent } => Some(agent),
            What::Transferred { from, .. } => from.as_ref(),
            What::Began | What::JoinedQueue { .. } | What::LeftQueue { .. } | What::Ended { .. } => None,
        }
    }

    /// The queue, or where the call was sent on to.
    pub fn place(&self) -> Option<&str> {
        match self {
            What::JoinedQueue { queue } | What::LeftQueue { queue } => Some(queue.as_str()),
            What::Transferred { to, .. } => Some(to),
            What::Began
            | What::Rang { .. }
            | What::StoppedRinging { .. }
            | What::Talked { .. }
            | What::Held { .. }
            | What::Resumed { .. }
            | What::Parted { .. }
            | What::Ended { .. } => None,
        }
    }
}

/// In the order of time; what is of one moment, in the order in which it must have been.
pub fn course(call: &StoredCall) -> Vec<Step> {
    let mut steps = vec![Step { at: call.started_at, what: What::Began }];
    let mut push = |at: Option<Time>, what: What| steps.extend(at.map(|at| Step { at, what }));
    for wait in &call.waits {
        push(Some(wait.joined_at), What::JoinedQueue { queue: wait.queue.clone() });
    }
    for offer in &call.offers {
        push(Some(offer.from), What::Rang { agent: offer.agent.clone() });
        // Who took it talks next: that says it.
        if let Some(outcome) = offer.outcome.filter(|outcome| *outcome != OfferOutcome::Answered) {
            push(offer.to, What::StoppedRinging { agent: offer.agent.clone(), outcome });
        }
    }
    for wait in &call.waits {
        push(wait.left_at, What::LeftQueue { queue: wait.queue.clone() });
    }
    for segment in &call.segments {
        let agent = &segment.agent;
        push(Some(segment.from), What::Talked { agent: agent.clone() });
        for hold in &segment.holds {
            push(Some(hold.from), What::Held { agent: agent.clone() });
            push(hold.to, What::Resumed { agent: agent.clone() });
        }
        push(segment.to, What::Parted { agent: agent.clone() });
    }
    for transfer in &call.transfers {
        let (kind, from) = (transfer.kind, transfer.from.clone());
        let (to, completed) = (transfer.to.clone(), transfer.completed);
        push(Some(transfer.at), What::Transferred { kind, from, to, completed });
    }
    push(call.ended_at, What::Ended { outcome: call.outcome, by: call.ended_by });
    steps.sort_by_key(|step| step.at);
    steps
}
