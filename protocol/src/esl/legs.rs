//! Which legs are up, as far as the events tell. FreeSWITCH may drop events without a word
//! (mod_event_socket.c, a listener's full queue), and its lists may be older than the events
//! (switch_core_sqldb.c writes them from the same events, later): only both together show what is
//! missing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::event::{CallEvent, LegId};

/// For so long a list may still name a leg that has ended: the writer of lists is behind by
/// milliseconds, under load by seconds.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Legs that have ended and are remembered: a minute of a thousand calls a second.
const MAX_ENDED: usize = 65_536;

#[derive(Debug, Default)]
pub struct Legs {
    /// And since when we know of each.
    up: BTreeMap<LegId, Instant>,
    ended: BTreeSet<LegId>,
    ended_in_order: VecDeque<(Instant, LegId)>,
}

impl Legs {
    /// Takes in an event that came `at`; false when it tells of a leg that we know nothing of.
    pub fn observe(&mut self, at: Instant, event: &CallEvent) -> bool {
        match event {
            CallEvent::LegStarted(leg) => self.is_up(at, leg.id.clone()),
            CallEvent::LegSeen(seen) => self.is_up(at, seen.leg.id.clone()),
            CallEvent::LegEnded { leg, .. } | CallEvent::LegGone { leg } => self.has_ended(at, leg),
            CallEvent::LegRenamed { was, leg } => {
                self.has_ended(at, was);
                self.is_up(at, leg.clone());
            }
            // Tells of legs that may never have been.
            CallEvent::OriginateEnded { .. } => {}
            other => return other.leg().is_none_or(|leg| self.knows(leg)),
        }
        true
    }

    pub fn count(&self) -> usize {
        self.up.len()
    }

    pub fn contains(&self, leg: &LegId) -> bool {
        self.up.contains_key(leg)
    }

    /// Whether it has ended not long ago: a list that names it is behind.
    pub fn ended(&self, leg: &LegId) -> bool {
        self.ended.contains(leg)
    }

    /// Those that were up by then, and still are.
    pub fn up_since(&self, by: Instant) -> impl Iterator<Item = &LegId> {
        self.up.iter().filter(move |(_, since)| **since <= by).map(|(leg, _)| leg)
    }

    fn knows(&self, leg: &LegId) -> bool {
        self.contains(leg) || self.ended(leg)
    }

    fn is_up(&mut self, at: Instant, leg: LegId) {
        self.up.entry(leg).or_insert(at);
    }

    fn has_ended(&mut self, at: Instant, leg: &LegId) {
        self.up.remove(leg);
        if self.ended.insert(leg.clone()) {
            self.ended_in_order.push_back((at, leg.clone()));
        }
        while let Some((since, _)) = self.ended_in_order.front()
            && (self.ended_in_order.len() > MAX_ENDED || at.duration_since(*since) > REMEMBERED)
        {
            if let Some((_, forgotten)) = self.ended_in_order.pop_front() {
                self.ended.remove(&forgotten);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_remembered_for_a_while() {
        let (mut legs, at) = (Legs::default(), Instant::now());
        let ended = |leg: &str| CallEvent::LegEnded { leg: leg.into(), cause: 16 };
        let up = |leg: &str| CallEvent::LegIs { leg: leg.into(), state: crate::event::LegState::Up };
        assert!(!legs.observe(at, &up("a")), "never heard of");
        legs.is_up(at, "a".into());
        assert!(legs.observe(at, &up("a")) && legs.contains(&"a".into()));
        legs.observe(at, &CallEvent::LegRenamed { was: "a".into(), leg: "b".into() });
        assert_eq!((legs.contains(&"b".into()), legs.ended(&"a".into()), legs.count()), (true, true, 1));
        legs.observe(at, &ended("b"));
        assert!(legs.observe(at, &ended("b")) && legs.observe(at, &up("b")) && legs.count() == 0);
        legs.observe(at + REMEMBERED * 2, &ended("c"));
        assert_eq!((legs.ended(&"b".into()), legs.ended(&"c".into())), (false, true));
        assert!(legs.observe(at, &CallEvent::OriginateEnded { leg: Some("x".into()), succeeded: false }));
    }
}
