//! Direct calls, talks, holds and transfers.

use super::*;

impl Hotline {
    /// `leg` is the ringing leg where a transfer already made it.
    pub(super) fn ring_direct(&mut self, no: CallNo, agent: usize, leg: Option<Leg>) {
        let (now, first) = (self.pbx.now, self.calls[&no].first);
        let leg = leg.unwrap_or_else(|| self.pbx.dial_phone(first, agent));
        self.set_busy(agent);
        self.note_offer(no, agent, None);
        self.enter(no, Stage::RingingDirect);
        let call = self.call(no);
        call.ringing.push((agent, leg));
        call.rings_since = now;
        let answers = Some(agent) == self.watched || self.rng.random_bool(0.85);
        let (after_ms, next) = match answers {
            true => (self.between(2_000, 8_000), Next::Take(agent)),
            false => (self.scaled(20_000), Next::RingOut),
        };
        self.plan_next(no, after_ms, next);
    }

    /// Nobody takes the direct call: it rang out, or the caller gave up (`CANCEL`).
    pub(super) fn direct_fails(&mut self, no: CallNo, status: &str) {
        let call = &self.calls[&no];
        let (first, answered) = (call.first, call.truth.answered_at.is_some());
        let Some(&(agent, leg)) = call.ringing.first() else { return };
        self.pbx.dial_fails(first, leg, status);
        self.pbx.device(agent, Device::NotInUse);
        let (by, offer) = match status {
            "CANCEL" => (EndedBy::Caller, OfferOutcome::CallerGone),
            _ => (EndedBy::Pbx, OfferOutcome::NoAnswer),
        };
        self.phones_stop(no, offer);
        self.end(no, if answered { Outcome::Answered } else { Outcome::Missed }, by);
    }

    /// Plans how the talk goes.
    pub(super) fn talk(&mut self, no: CallNo) {
        let talk_ms =
            if self.rng.random_bool(0.15) { self.between(4_000, 9_000) } else { self.between(12_000, 50_000) };
        let transferred = !self.calls[&no].truth.transfers.is_empty();
        let queued = self.calls[&no].queue.is_some();
        let inbound = self.calls[&no].truth.direction == Direction::Inbound;
        let end_at = self.pbx.now + TimeDelta::milliseconds(talk_ms);
        let next = match self.rng.random_range(0..100) {
            0..8 if inbound && !transferred => Next::Hold(end_at),
            8..13 if inbound && !transferred => Next::Blind,
            13..17 if queued && !transferred => Next::Consult,
            17..65 => Next::End(EndedBy::Caller),
            _ => Next::End(EndedBy::Agent),
        };
        let after_ms = if matches!(next, Next::Hold(_)) { talk_ms / 3 } else { talk_ms };
        self.plan_next(no, after_ms, next);
    }

    pub(super) fn hold(&mut self, no: CallNo, end_at: Time) {
        let now = self.pbx.now;
        let Some((_, leg)) = self.calls[&no].talker else { return };
        self.pbx.hold(leg, true);
        if let Some(talk) = self.call(no).truth.segments.last_mut() {
            talk.holds.push(Span { from: now, to: None });
        }
        let for_ms = (end_at - now).num_milliseconds() / 2;
        self.plan_next(no, for_ms, Next::Resume(end_at));
    }

    pub(super) fn resume(&mut self, no: CallNo, end_at: Time) {
        let now = self.pbx.now;
        let Some((_, leg)) = self.calls[&no].talker else { return };
        self.pbx.hold(leg, false);
        self.end_hold(no);
        self.plan_next(no, (end_at - now).num_milliseconds(), Next::End(EndedBy::Caller));
    }

    pub(super) fn blind_transfer(&mut self, no: CallNo) {
        let Some(to) = self.any_idle() else { return self.end_talk(no, EndedBy::Agent) };
        let call = &self.calls[&no];
        let Some(from) = call.talker else { return };
        let (first, queue, waited_s, talk_s) = (call.first, call.queue, call.waited_s, self.talk_s(no));
        self.set_busy(to);
        self.note_transfer(no, TransferKind::Blind, from.0, to, false);
        self.end_segment(no);
        let leg = self.pbx.blind_transfer(first, queue, from, to, waited_s, talk_s);
        self.wrap_up(from.0);
        let call = self.call(no);
        call.talker = None;
        call.queue = None;
        self.ring_direct(no, to, Some(leg));
        let patience_ms = self.between(15_000, 30_000);
        self.later(patience_ms, Step::Patience(no));
    }

    pub(super) fn consult(&mut self, no: CallNo) {
        let now = self.pbx.now;
        let Some(to) = self.any_idle() else { return self.end_talk(no, EndedBy::Agent) };
        let Some(from) = self.calls[&no].talker else { return };
        self.set_busy(to);
        let consultation = self.pbx.consult(from, to);
        self.note_offer(no, to, None);
        self.enter(no, Stage::Consulting);
        let call = self.call(no);
        if let Some(talk) = call.truth.segments.last_mut() {
            talk.holds.push(Span { from: now, to: None });
        }
        call.consultation = Some((to, consultation));
        let rings_ms = self.between(1_500, 4_000);
        self.plan_next(no, rings_ms, Next::Consulted);
    }

    pub(super) fn consulted(&mut self, no: CallNo) {
        let Some((to, consultation)) = self.calls[&no].consultation.clone() else { return };
        self.pbx.consulted(&consultation, to);
        self.close_offer(no, to, OfferOutcome::Answered);
        let asks_ms = self.between(3_000, 8_000);
        self.plan_next(no, asks_ms, Next::HandOver);
    }

    pub(super) fn hand_over(&mut self, no: CallNo) {
        let now = self.pbx.now;
        let call = &self.calls[&no];
        let (Some(from), Some((to, consultation)), Some(queue)) = (call.talker, call.consultation.clone(), call.queue)
        else {
            return;
        };
        let (first, times_s) = (call.first, (call.waited_s, self.talk_s(no)));
        self.end_hold(no);
        self.end_segment(no);
        self.pbx.attended_transfer(first, queue, from, &consultation, times_s);
        self.wrap_up(from.0);
        self.note_transfer(no, TransferKind::Attended, from.0, to, true);
        let extension = self.extension(to);
        self.enter(no, Stage::TalkingOn);
        let call = self.call(no);
        call.talker = Some((to, consultation.phone));
        call.queue = None;
        call.talks_since = now;
        call.truth.segments.push(Segment { agent: extension, queue: None, from: now, to: None, holds: Vec::new() });
        let by = if self.rng.random_bool(0.6) { EndedBy::Caller } else { EndedBy::Agent };
        let talk_ms = self.between(8_000, 30_000);
        self.plan_next(no, talk_ms, Next::End(by));
    }

    pub(super) fn end_talk(&mut self, no: CallNo, by: EndedBy) {
        let talk_s = self.talk_s(no);
        let call = &self.calls[&no];
        let (first, waited_s) = (call.first, call.waited_s);
        let Some((agent, leg)) = call.talker else { return };
        let how = match by {
            EndedBy::Caller => Parting::Caller,
            EndedBy::Agent => Parting::Agent,
            EndedBy::Pbx => Parting::Pbx,
        };
        match (call.consultation.clone(), call.trunk, call.queue) {
            (Some((_, consultation)), ..) => self.pbx.part_transferred(first, &consultation, by == EndedBy::Caller),
            // The agent dialled: the first leg is the agent's own.
            (None, Some(trunk), _) => {
                let hangs_up = if by == EndedBy::Caller { trunk } else { first };
                self.pbx.hang_up_dial(first, trunk, hangs_up, talk_s, by == EndedBy::Pbx);
            }
            (None, None, Some(queue)) => self.pbx.part(first, queue, (agent, leg), waited_s, talk_s, how),
            (None, None, None) => {
                let hangs_up = if by == EndedBy::Agent { leg } else { first };
                self.pbx.hang_up_dial(first, leg, hangs_up, talk_s, by == EndedBy::Pbx);
            }
        }
        self.pbx.device(agent, Device::NotInUse);
        self.end_hold(no);
        self.end_segment(no);
        self.wrap_up(agent);
        self.end(no, Outcome::Answered, by);
    }

    /// Asterisk is told to hang up.
    pub(super) fn kick(&mut self, no: CallNo) {
        match self.calls[&no].stage {
            Stage::Talking | Stage::TalkingOn => self.end_talk(no, EndedBy::Pbx),
            Stage::Arrived | Stage::Waiting | Stage::Ringing | Stage::RingingDirect => self.patience_ends(no),
            Stage::Dialling => self.customer_fails(no, "CANCEL"),
            Stage::Consulting | Stage::Announcing | Stage::Originating => {}
        }
    }
}
