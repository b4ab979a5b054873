//! When each PBX is looked at, to compare what it says with what we hold for true.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::PbxName;

/// So much of its time a look comes sooner or later, by chance, that several PBXes, and several of
/// us, do not all look at once.
const JITTER: f64 = 0.2;

/// When a look found what may only have been on its way. Longer than anything is on its way, see
/// [`look`](crate::calls::look).
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Looks {
    due: BTreeMap<PbxName, Turn>,
}

#[derive(Debug)]
struct Turn {
    every: Duration,
    at: Instant,
}

impl Looks {
    /// Each PBX, and how often it is looked at.
    pub fn at(pbxs: impl Iterator<Item = (PbxName, Duration)>) -> Looks {
        let now = Instant::now();
        Looks { due: pbxs.map(|(pbx, every)| (pbx, Turn { every, at: now + later(every) })).collect() }
    }

    pub fn next(&self) -> Option<Instant> {
        self.due.values().map(|turn| turn.at).min()
    }

    /// The PBXes to be looked at now; each then comes again after a while.
    pub fn due(&mut self, now: Instant) -> Vec<PbxName> {
        let mut due = Vec::new();
        for (pbx, turn) in self.due.iter_mut().filter(|(_, turn)| turn.at <= now) {
            turn.at = now + later(turn.every);
            due.push(pbx.clone());
        }
        due
    }

    pub fn again(&mut self, pbx: &PbxName, now: Instant) {
        if let Some(turn) = self.due.get_mut(pbx) {
            turn.at = now + AGAIN;
        }
    }
}

fn later(every: Duration) -> Duration {
    every.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pbx_is_looked_at_every_few_minutes_and_soon_again_in_doubt() {
        let pbxs: [PbxName; 2] = ["hq".into(), "branch".into()];
        let mut looks = Looks::at(pbxs.iter().map(|pbx| (pbx.clone(), Duration::from_secs(300))));
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
