//! Looking at a PBX while its recordings play: nothing is said to differ that does not, and what
//! was lost is found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::TimeDelta;
use protocol::CallEvent;
use protocol::event::{Device, Duty, Extension, MemberState};

use super::super::*;
use super::driver::{Said, Up, Waiting, follow, recordings};
use super::{asterisk, freeswitch};
use crate::calls::dialplan::Dialplan;
use crate::calls::look::{Difference, Silence};
use crate::calls::now::AgentState;
use crate::number::Numbering;
use crate::{CallId, QueueName};

/// What a PBX would answer.
#[derive(Clone, Default)]
struct Truth {
    up: Up,
    waiting: Waiting,
    members: BTreeMap<(QueueName, Device), MemberState>,
    duties: BTreeMap<Extension, Duty>,
    queues: BTreeSet<QueueName>,
}

impl Truth {
    fn follow(&mut self, at: Time, event: &CallEvent) {
        follow(&mut self.up, &mut self.waiting, at, event);
        match event {
            CallEvent::LegSeen(seen) => {
                self.up.insert(seen.leg.id.clone(), (at, (**seen).clone()));
            }
            CallEvent::CallerQueued { queue, .. } => {
                self.queues.insert(queue.clone());
            }
            CallEvent::MemberIs(state) => {
                self.queues.insert(state.queue.clone());
                self.members.insert((state.queue.clone(), state.member.interface.clone()), (**state).clone());
            }
            CallEvent::MemberRemoved { queue, member } => {
                self.members.remove(&(queue.clone(), member.interface.clone()));
            }
            CallEvent::AgentIs { agent, duty, .. } => {
                self.duties.insert(agent.clone(), duty.clone());
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
        let queues = self.queues.iter().map(|queue| CallEvent::QueueSeen { queue: queue.clone() });
        // A queue's count follows the talk's end by a moment, and here time may stand still in it.
        let settled = |state: &MemberState| MemberState { in_call: false, ..state.clone() };
        let members = self.members.values().map(|state| CallEvent::MemberIs(Box::new(settled(state))));
        let duties = self.duties.iter().map(|(agent, duty)| CallEvent::AgentIs {
            agent: agent.clone(),
            duty: duty.clone(),
            wrap_up_s: 0,
        });
        let ms = |since: &Time| (at - *since).num_milliseconds() as u64;
        let callers = self.waiting.iter().map(|(caller, (since, queue))| CallEvent::CallerSeen {
            caller: caller.clone(),
            queue: queue.clone(),
            waited_ms: ms(since),
        });
        let legs = self.up.values().map(|(since, seen)| {
            CallEvent::LegSeen(Box::new(protocol::event::LegSeen { up_ms: ms(since), ..seen.clone() }))
        });
        queues.chain(members).chain(duties).chain(callers).chain(legs).collect()
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
        for (name, duty) in &truth.duties {
            // Who was not known yet is taken over from the list without a word.
            let Some(agent) = agents.iter().find(|agent| agent.agent == *name) else { continue };
            let stands = match duty {
                Duty::Out => agent.state == AgentState::Offline || agent.state.is_on_the_phone(),
                Duty::In => !matches!(agent.state, AgentState::Offline | AgentState::Paused { .. }),
                Duty::Paused(_) => matches!(agent.state, AgentState::Paused { .. }) || agent.state.is_on_the_phone(),
            };
            if !stands {
                return Some(format!("{name} is {duty:?}, not {agent:?}"));
            }
        }
        None
    }
}

/// Recordings of Asterisk, with all that they say.
fn asterisks() -> Vec<(PathBuf, Vec<Said>)> {
    recordings("asterisk-22", "ami").into_iter().map(|file| (file.clone(), heard(asterisk::said(&file)))).collect()
}

fn freeswitches() -> Vec<(PathBuf, Vec<Said>)> {
    freeswitch::recordings().into_iter().map(|file| (file.clone(), heard(freeswitch::said(&file)))).collect()
}

/// Only what says something.
fn heard(said: Vec<Said>) -> Vec<Said> {
    said.into_iter().filter(|said| !said.events.is_empty()).collect()
}

/// The answer may be so much newer than the events that have come, or older than those.
const IN_FLIGHT: TimeDelta = TimeDelta::seconds(1);

#[test]
fn a_look_at_an_asterisk_at_any_moment_finds_nothing_amiss_where_nothing_is() {
    finds_nothing_amiss(asterisks());
}

#[test]
fn a_look_at_a_freeswitch_at_any_moment_finds_nothing_amiss_where_nothing_is() {
    finds_nothing_amiss(freeswitches());
}

fn finds_nothing_amiss(recordings: Vec<(PathBuf, Vec<Said>)>) {
    for (file, said) in recordings {
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
fn an_event_of_an_asterisk_that_was_lost_is_found_by_the_second_look_and_mended() {
    let (lost, found) = finds_what_was_lost(asterisks(), Silence::Filters, "eventfilter");
    assert!(found * 3 > lost, "only {found} of {lost} lost messages were such as a look can see");
}

/// A FreeSWITCH says most things several times: a hangup in three events.
#[test]
fn an_event_of_a_freeswitch_that_was_lost_is_found_by_the_second_look_and_mended() {
    let (lost, found) = finds_what_was_lost(freeswitches(), Silence::Overflows, "mod_event_socket");
    assert!(found * 4 > lost, "only {found} of {lost} lost events were such as a look can see");
}

/// How many events were lost, one at a time, and of how many a look told. A leg's loss is told with
/// this `cause`.
fn finds_what_was_lost(recordings: Vec<(PathBuf, Vec<Said>)>, silence: Silence, cause: &str) -> (usize, usize) {
    let (mut lost, mut found) = (0, 0);
    for (file, said) in recordings {
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
            for difference in drifts.iter().filter(|difference| matches!(difference, Difference::LegGone { .. })) {
                assert!(difference.told(silence).contains(cause), "{whose}: {}", difference.told(silence));
            }
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
    (lost, found)
}
