//! The call is sent on, by one who talked.

use protocol::event::LegKind;

use super::{Live, SAME_MOMENT};
use crate::calls::call::{Transfer, TransferKind};
use crate::{Extension, LegId, Time};

impl Live {
    /// `by` sends the party on; what it talked is over, and the target comes next. Told twice where
    /// both legs tell it.
    pub fn blind_transfer(&mut self, by: &LegId, other: Option<&LegId>, to: &str, at: Time) {
        let index = self.find(by);
        if index.is_some_and(|index| self.legs[index].handed_on) {
            return;
        }
        let talked_last = || self.call.segments.last().map(|segment| segment.agent.clone());
        let from = index.map(|index| self.name_of(index)).or_else(talked_last);
        if self.is_told(TransferKind::Blind, &from, at) {
            return;
        }
        if let Some(index) = index {
            self.hand_on(index, other, at);
        }
        if let Some(sent) = self.sent_by_nobody(&from) {
            sent.from = from;
            self.changed = true;
            return;
        }
        self.transfer(Transfer { kind: TransferKind::Blind, from, to: to.to_owned(), completed: false, at });
        self.transfer_due = Some(self.call.transfers.len() - 1);
    }

    /// The last transfer, where nobody was known to have made it and `by` has not talked since: the
    /// party may be further on in the dialplan, and even in the next queue, before a busy Asterisk
    /// tells who sent it there (seen on Asterisk 22).
    fn sent_by_nobody(&mut self, by: &Option<Extension>) -> Option<&mut Transfer> {
        let talks = &self.call.segments;
        let sent = self.call.transfers.last_mut()?;
        let talked_since = talks.iter().any(|talk| Some(&talk.agent) == by.as_ref() && talk.from > sent.at);
        (sent.kind == TransferKind::Blind && sent.from.is_none() && !talked_since).then_some(sent)
    }

    /// The party stands elsewhere in the dialplan as it leaves a talk. Where nobody in the call sent
    /// it there, somebody else did, as by `Redirect`, which tells no more.
    pub fn sent_away(&mut self, id: &LegId, to: &str, at: Time) {
        let is_told = |last: &Transfer| at - last.at < SAME_MOMENT || (last.to == to && !last.completed);
        if self.call.transfers.last().is_some_and(is_told) || self.party().is_none_or(|party| &party.id != id) {
            return;
        }
        self.transfer(Transfer { kind: TransferKind::Blind, from: None, to: to.to_owned(), completed: false, at });
        self.transfer_due = Some(self.call.transfers.len() - 1);
    }

    /// Whoever sent the party away put it aside: that is no transfer.
    pub fn put_aside(&mut self, id: &LegId) {
        if self.party().is_some_and(|party| &party.id == id) {
            self.forget_unsaid(|_| true);
        }
    }

    /// The last transfer, that nobody told of and that has reached nobody, was part of something
    /// else.
    fn forget_unsaid(&mut self, is_part: impl FnOnce(&Transfer) -> bool) {
        let is_unsaid = |sent: &Transfer| sent.kind == TransferKind::Blind && sent.from.is_none() && !sent.completed;
        if self.transfer_due.is_some_and(|due| due + 1 == self.call.transfers.len())
            && self.call.transfers.pop_if(|sent| is_unsaid(sent) && is_part(sent)).is_some()
        {
            self.transfer_due = None;
            self.changed = true;
        }
    }

    pub fn attended_transfer(
        &mut self,
        by: &LegId,
        second: Option<&LegId>,
        other: Option<&LegId>,
        target: Option<&LegId>,
        at: Time,
    ) {
        // The second leg may tell it again as it ends.
        if self.find(by).is_some_and(|index| self.legs[index].handed_on) {
            return;
        }
        let from = self.find(by).map(|index| self.name_of(index));
        for leg in [Some(by), second].into_iter().flatten() {
            if let Some(index) = self.find(leg) {
                self.legs[index].consulted = true;
                self.hand_on(index, other, at);
            }
        }
        // The other of the two legs tells into which call.
        self.handed_away = second.is_none() && other.is_none() && self.lead().is_some_and(|lead| &lead.id == by);
        self.heir =
            second.zip(other.filter(|_| target.is_none())).map(|(second, other)| (second.clone(), other.clone()));
        let phone = target.and_then(|target| self.phone_behind(target));
        let queue = self.call.waits.last().filter(|wait| wait.left_at.is_none()).map(|wait| wait.queue.to_string());
        // The target may not be told, and be heard already.
        let mut open = self.call.segments.iter().rev().filter(|talk| talk.to.is_none());
        let talker = open.find(|talk| Some(&talk.agent) != from.as_ref()).map(|talk| talk.agent.to_string());
        let (to, talks) = match phone {
            Some(index) => (self.name_of(index).to_string(), self.legs[index].segment.is_some()),
            None => match queue.or(talker) {
                Some(to) => (to, true),
                None => (self.transfer_target(by, second), false),
            },
        };
        if self.is_told(TransferKind::Attended, &from, at) {
            return;
        }
        self.forget_unsaid(|sent| at - sent.at < SAME_MOMENT);
        self.transfer(Transfer { kind: TransferKind::Attended, from, to, completed: talks, at });
        self.transfer_due = (!talks).then(|| self.call.transfers.len() - 1);
    }

    /// A leg is gone and has not left its bridge: who was sent on in its name has its place there.
    /// Asterisk tells no more than that, where the transfer comes between the target's answer and
    /// the bridge (seen on Asterisk 22: `DestType: App`, and the second leg ends as it stood).
    pub fn inherit(&mut self, gone: &LegId) {
        let Some((_, heir)) = self.heir.take_if(|(second, _)| second == gone) else { return };
        let place = self.find(gone).and_then(|index| self.legs[index].bridge.clone());
        if let (Some(place), Some(index)) = (place, self.find(&heir)) {
            self.legs[index].bridge = Some(place);
            self.stale = true;
        }
    }

    /// One who transfers has two legs, each of which may tell of it.
    fn is_told(&self, kind: TransferKind, from: &Option<Extension>, at: Time) -> bool {
        let last = self.call.transfers.last();
        last.is_some_and(|last| last.kind == kind && last.from == *from && at - last.at < SAME_MOMENT)
    }

    /// The leg at `index` has no more to say; where the call was its own, it is `other`'s now.
    fn hand_on(&mut self, index: usize, other: Option<&LegId>, at: Time) {
        self.stale = true;
        self.legs[index].handed_on = true;
        self.close_segment(index, at);
        if self.party == Some(index)
            && let Some(other) = other.and_then(|other| self.find(other)).filter(|other| !self.legs[*other].ended)
        {
            self.close_segment(other, at);
            self.party = Some(other);
        }
    }

    pub(super) fn transfer(&mut self, transfer: Transfer) {
        self.call.transfers.push(transfer);
        self.changed = true;
    }

    /// Whoever rings, or was dialled, for a transfer whose target the PBX does not name.
    pub(super) fn transfer_target(&self, by: &LegId, second: Option<&LegId>) -> String {
        let rings = self.call.offers.iter().rev().find(|offer| offer.to.is_none());
        let dialled = [second, Some(by)].into_iter().flatten().filter_map(|id| self.find(id));
        let dialled = dialled.filter_map(|index| self.legs[index].dialled.as_deref()).next();
        rings.map(|offer| offer.agent.as_str()).or(dialled).unwrap_or_default().to_owned()
    }

    /// The phone at the far end of a loop, or the leg itself.
    pub(super) fn phone_behind(&self, id: &LegId) -> Option<usize> {
        let index = self.find(id)?;
        if self.legs[index].kind == LegKind::Device {
            return Some(index);
        }
        let half = self.legs[index].other_half.as_ref()?;
        self.legs.iter().position(|leg| leg.kind == LegKind::Device && leg.called_by.as_ref() == Some(half))
    }
}
