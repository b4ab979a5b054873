//! Looking at a PBX while its recordings play: nothing is said to differ that does not, and what
//! was lost is found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::TimeDelta;
use protocol::CallEvent;
use protocol::event::{Device, MemberState};

use super::super::*;
use super::asterisk;
use super::driver::{Said, Up, Waiting, follow, recordings};
use crate::calls::dialplan::Dialplan;
use crate::calls::look::Difference;
use crate::number::Numbering;
use crate::{CallId, QueueName};

/// What a PBX would answer.
#[derive(Clone, Default)]
struct Truth {
    up: Up,
    waiting: Waiting,
    members: BTreeMap<(QueueName, Device), MemberState>,
}

impl Truth {
    fn follow(&mut self, at: Time, event: &CallEvent) {
        follow(&mut self.up, &mut self.waiting, at, event);
        match event {
            CallEvent::LegSeen(seen) => {
                self.up.insert(seen.leg.id.clone(), (at, (**seen).clone()));
            }
            CallEvent::MemberIs(state) => {
                self.members.insert((state.queue.clone(), state.member.interface.clone()), (**state).clone());
            }
            CallEvent::MemberRemoved { queue, member } => {
                self.members.remove(&(queue.clone(), member.interface.clone()));
            }
            _ => {}
        }
    }

    fn after(said: &[Said]) -> Truth {
        let mut truth = Truth::default();
        said.iter().for_each(|said| said.events.iter().for_each(|event| truth.follow(said.at, event)));
        truth
    }

    fn told(&self, at: Time) -> Vec<CallEvent> {
        let mut queues: Vec<QueueName> = self.members.keys().map(|(queue, _)| queue.clone()).collect();
        queues.extend(self.waiting.values().map(|(_, queue)| queue.clone()));
        queues.dedup();
        let queues = queues.into_iter().map(|queue| CallEvent::QueueSeen { queue });
        // A queue's count follows the talk's end by a moment, and here time may stand still in it.
        let settled = |state: &MemberState| MemberState { in_call: false, ..state.clone() };
        let members = self.members.values().map(|state| CallEvent::MemberIs(Box::new(settled(state))));
        let ms = |since: &Time| (at - *since).num_milliseconds() as u64;
        let callers = self.waiting.iter().map(|(caller, (since, queue))| CallEvent::CallerSeen {
            caller: caller.clone(),
            queue: queue.clone(),
            waited_ms: ms(since),
        });
        let legs = self.up.values().map(|(since, seen)| {
            CallEvent::LegSeen(Box::new(protocol::event::LegSeen { up_ms: ms(since), ..seen.clone() }))
        });
        queues.chain(members).chain(callers).chain(legs).collect()
    }
}

struct Watch {
    tracker: Tracker,
    changes: Vec<Change>,
}

impl Watch {
    fn new() -> Watch {
        let tracker = Tracker::new("lab".into(), Dialplan::default(), Numbering::new("CN", None));
        Watch { tracker, changes: Vec::new() }
    }

    fn hear(&mut self, at: Time, event: CallEvent) {
        self.tracker.observe(at, event, &mut self.changes);
    }

    fn look(&mut self, at: Time, truth: &Truth) -> Vec<Difference> {
        self.hear(at, CallEvent::LookBegan);
        truth.told(at).into_iter().for_each(|event| self.hear(at, event));
        self.hear(at, CallEvent::LookEnded);
        self.drifts()
    }

    fn drifts(&mut self) -> Vec<Difference> {
        let drift = |change| if let Change::Drift(difference) = change { Some(difference) } else { None };
        self.changes.drain(..).filter_map(drift).collect()
    }

    fn snapshot(&mut self, at: Time, truth: &Truth) {
        self.hear(at, CallEvent::SnapshotBegan { boot: "b".into() });
        truth.told(at).into_iter().for_each(|event| self.hear(at, event));
        self.hear(at, CallEvent::SnapshotEnded);
        self.changes.clear();
    }

    /// Seen from outside: who waits where, which legs are of some call, which calls have legs, who
    /// is on a break from what.
    fn disagrees(&self, at: Time, truth: &Truth) -> Option<String> {
        let waiting = |queue: &QueueName| truth.waiting.values().filter(|(_, its)| its == queue).count();
        for queue in self.tracker.queues_now(at) {
            if queue.waiting.len() != waiting(&queue.queue) {
                return Some(format!("{} wait in {}, not {}", waiting(&queue.queue), queue.queue, queue.waiting.len()));
            }
        }
        let called: Vec<&CallId> = truth.up.keys().filter_map(|leg| self.tracker.call_of(leg)).collect();
        if let Some(call) = self.tracker.calls().find(|call| !called.contains(&&call.id)) {
            return Some(format!("{} is up without a leg", call.id));
        }
        let agents = self.tracker.agents_now(at);
        for ((queue, _), state) in &truth.members {
            let agent = agents.iter().find(|agent| agent.agent.as_str() == state.agent());
            let paused = agent.is_some_and(|agent| agent.paused_in.iter().any(|(its, _)| its == queue));
            if agent.is_none_or(|agent| !agent.queues.contains(queue)) || paused != state.paused.is_some() {
                return Some(format!("{} in {queue} is {:?}, not {agent:?}", state.agent(), state.paused));
            }
        }
        None
    }
}

fn files() -> Vec<(PathBuf, Vec<Said>)> {
    let files = recordings("asterisk-22", "ami").into_iter();
    files.map(|file| (file.clone(), heard(asterisk::said(&file)))).collect()
}

/// Only what says something.
fn heard(said: Vec<Said>) -> Vec<Said> {
    said.into_iter().filter(|said| !said.events.is_empty()).collect()
}

/// The answer may be so much newer than the events that have come, or older than those.
const IN_FLIGHT: TimeDelta = TimeDelta::seconds(1);

#[test]
fn a_look_at_any_moment_finds_nothing_amiss_where_nothing_is() {
    for (file, said) in files() {
        for ahead in [0, 1, 2, 5, 20] {
            let mut watch = Watch::new();
            for (index, Said { at, events, .. }) in said.iter().enumerate() {
                events.iter().for_each(|event| watch.hear(*at, event.clone()));
                let near = |other: &Said| (other.at - *at).abs() <= IN_FLIGHT;
                let newer = said[index + 1..].iter().take(ahead).take_while(|other| near(other)).count();
                let truth = Truth::after(&said[..=index + newer]);
                assert_eq!(watch.look(*at, &truth), [], "{} at {index}, {newer} ahead", file.display());
            }
        }
    }
}

#[test]
fn an_event_that_was_lost_is_found_by_the_second_look_and_mended() {
    let (mut lost, mut found) = (0, 0);
    for (file, said) in files() {
        for without in 0..said.len() {
            let mut watch = Watch::new();
            for (_, Said { at, events, .. }) in
                said[..=without].iter().enumerate().filter(|(index, _)| *index != without)
            {
                events.iter().for_each(|event| watch.hear(*at, event.clone()));
            }
            watch.changes.clear();
            let truth = Truth::after(&said[..=without]);
            let at = said[without].at;
            let before = watch.disagrees(at, &truth);
            let drifts = [watch.look(at, &truth), watch.look(at + TimeDelta::seconds(5), &truth)].concat();
            let whose = format!("{} without {without}: {:?}", file.display(), said[without]);
            lost += 1;
            found += usize::from(!drifts.is_empty());
            assert!(before.is_none() || !drifts.is_empty(), "{whose}: {before:?}");
            if drifts.iter().any(Difference::is_mended_by_asking) {
                watch.snapshot(at + TimeDelta::seconds(6), &truth);
            }
            let still = watch.disagrees(at + TimeDelta::seconds(6), &truth);
            assert_eq!(still, None, "{whose}: after {drifts:?}");
            for seconds in [7, 12, 17] {
                let again = watch.look(at + TimeDelta::seconds(seconds), &truth);
                assert_eq!(again, [], "{whose}: after {drifts:?}");
            }
        }
    }
    assert!(found * 3 > lost, "{found} of {lost} lost messages are such as a look can miss, and were missed");
}
