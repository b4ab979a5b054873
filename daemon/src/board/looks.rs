//! When each PBX is looked at, to compare what it says with what we hold for true.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::PbxName;

/// A drift is found within so long. Less often is too late for whoever watches a board, more often
/// costs a big PBX megabytes and locks of its queues.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// So much sooner or later, by chance, that several PBXes, and several of us, do not all look at
/// once.
const JITTER: Duration = Duration::from_secs(60);

/// When a look found what may only have been on its way. Longer than anything is on its way, see
/// [`look`](crate::calls::look).
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Looks {
    due: BTreeMap<PbxName, Instant>,
}

impl Looks {
    pub fn at<'a>(pbxs: impl Iterator<Item = &'a PbxName>) -> Looks {
        let mut looks = Looks::default();
        for pbx in pbxs {
            looks.due.insert(pbx.clone(), Instant::now() + later());
        }
        looks
    }

    pub fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// The PBXes to be looked at now; each then comes again after a while.
    pub fn due(&mut self, now: Instant) -> Vec<PbxName> {
        let mut due = Vec::new();
        for (pbx, at) in self.due.iter_mut().filter(|(_, at)| **at <= now) {
            *at = now + later();
            due.push(pbx.clone());
        }
        due
    }

    pub fn again(&mut self, pbx: &PbxName, now: Instant) {
        if let Some(at) = self.due.get_mut(pbx) {
            *at = now + AGAIN;
        }
    }
}

fn later() -> Duration {
    rand::rng().random_range(EVERY - JITTER..=EVERY + JITTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pbx_is_looked_at_every_few_minutes_and_soon_again_in_doubt() {
        let pbxs: [PbxName; 2] = ["hq".into(), "branch".into()];
        let mut looks = Looks::at(pbxs.iter());
        let began = Instant::now();
        assert!(looks.due(began).is_empty());
        let mut seen: BTreeMap<PbxName, u32> = BTreeMap::new();
        let mut now = began;
        while now < began + Duration::from_secs(3600) {
            now = looks.next().expect("one is next");
            for pbx in looks.due(now) {
                *seen.entry(pbx).or_default() += 1;
            }
        }
        assert!(pbxs.iter().all(|pbx| (10..=15).contains(&seen[pbx])), "{seen:?}");
        looks.again(&pbxs[0], now);
        assert_eq!(looks.next(), Some(now + AGAIN));
        assert_eq!(looks.due(now + AGAIN), [pbxs[0].clone()]);
    }
}
