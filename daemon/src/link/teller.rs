//! The link's mouth towards the board. It never waits: what does not fit is said to be lost, and
//! a snapshot mends it.

use std::collections::VecDeque;

use protocol::event::CallEvent;
use tokio::sync::mpsc;

use super::FromLink;
use crate::ledger::{Entry, Hindrance};
use crate::live::LinkNow;
use crate::{PbxName, Time};

/// What the board knows through us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// Nothing of the present, until a snapshot begins.
    None,
    /// As much as a snapshot that is under way has told.
    Partly,
    Whole,
}

#[derive(Debug)]
pub struct Teller {
    pbx: PbxName,
    to: mpsc::Sender<FromLink>,
    /// What must be told and did not fit: states (the last one only), outages, and answers, of
    /// which there are no more than requests.
    owed: VecDeque<FromLink>,
    sight: Sight,
    outage: Option<(Time, String)>,
    /// Events were dropped since the last snapshot was wanted.
    overflowed: bool,
    /// So many since the board was last told of it.
    dropped: u64,
}

impl Teller {
    pub fn new(pbx: PbxName, to: mpsc::Sender<FromLink>) -> Self {
        Teller { pbx, to, owed: VecDeque::new(), sight: Sight::None, outage: None, overflowed: false, dropped: 0 }
    }

    pub fn pbx(&self) -> &PbxName {
        &self.pbx
    }

    /// An event that came `at`. What comes before a snapshot is passed over: it would say
    /// nothing to somebody who sees nothing.
    pub fn event(&mut self, at: Time, event: CallEvent) {
        match (self.sight, &event) {
            (Sight::None, CallEvent::PbxStarted) => {}
            (_, CallEvent::SnapshotBegan { .. }) if !self.overflowed => self.sight = Sight::Partly,
            (Sight::None, _) => {
                self.dropped += u64::from(self.overflowed);
                return;
            }
            (Sight::Partly | Sight::Whole, _) => {}
        }
        self.hand_over();
        let fits =
            self.owed.is_empty() && self.to.try_send(FromLink::Event { pbx: self.pbx.clone(), at, event }).is_ok();
        if !fits {
            self.overflowed = true;
            self.dropped += 1;
            self.lost(
                at,
                "Ringback could not keep up with the PBX's events; all that is up is asked for again.".into(),
            );
        }
    }

    /// A snapshot is through; whether the board now sees the whole.
    pub fn snapshot_ended(&mut self, at: Time) -> bool {
        if self.sight == Sight::None {
            return false;
        }
        self.sight = Sight::Whole;
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let detail = format!("{dropped} events came faster than they were taken, and were dropped.");
            self.hindered(at, Hindrance::Overflow, detail);
        }
        if let Some((from, why)) = self.outage.take() {
            self.tell(FromLink::Outage { pbx: self.pbx.clone(), from, to: Some(at), why });
        }
        true
    }

    /// The PBX is out of sight since `from`, unless it was before.
    pub fn lost(&mut self, from: Time, why: String) {
        self.sight = Sight::None;
        if self.outage.is_none() {
            self.outage = Some((from, why.clone()));
            self.tell(FromLink::Outage { pbx: self.pbx.clone(), from, to: None, why });
        }
    }

    pub fn hindered(&mut self, at: Time, what: Hindrance, detail: String) {
        self.tell(FromLink::Hindered(Entry { pbx: Some(self.pbx.clone()), at, what, detail }));
    }

    /// A new connection: what was dropped on the last one is of no matter.
    pub fn begin(&mut self) {
        self.overflowed = false;
        self.sight = Sight::None;
    }

    /// Anything but an event.
    pub fn tell(&mut self, news: FromLink) {
        if let FromLink::State(_) = news {
            self.owed.retain(|owed| !matches!(owed, FromLink::State(_)));
        }
        self.owed.push_back(news);
        self.hand_over();
    }

    pub fn state(&mut self, now: &LinkNow) {
        self.tell(FromLink::State(now.clone()));
    }

    /// Whether [`Teller::caught_up`] has something to wait for.
    pub fn is_behind(&self) -> bool {
        self.overflowed || !self.owed.is_empty()
    }

    /// Waits until the board has taken what is owed and, after an overflow, half of what waited
    /// for it; then it is time for a snapshot, if this says so. Cancelling it loses nothing.
    pub async fn caught_up(&mut self) -> bool {
        while !self.owed.is_empty() {
            let Ok(place) = self.to.reserve().await else { return self.deaf().await };
            if let Some(news) = self.owed.pop_front() {
                place.send(news);
            }
        }
        if self.overflowed {
            let Ok(places) = self.to.reserve_many(self.to.max_capacity().div_ceil(2)).await else {
                return self.deaf().await;
            };
            drop(places);
        }
        std::mem::take(&mut self.overflowed)
    }

    /// Since when the PBX is out of sight.
    pub fn unseen_since(&self) -> Option<Time> {
        self.outage.as_ref().map(|(from, _)| *from)
    }

    /// For waiting until nobody listens any more.
    pub fn to(&self) -> mpsc::Sender<FromLink> {
        self.to.clone()
    }

    /// Whether the board sees the PBX, at least in part.
    pub fn sees(&self) -> bool {
        self.sight != Sight::None
    }

    async fn deaf(&mut self) -> bool {
        std::future::pending().await
    }

    fn hand_over(&mut self) {
        while let Some(news) = self.owed.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(news)) = self.to.try_send(news) {
                self.owed.push_front(news);
                return;
            }
        }
    }
}
