//! Calls that go out: agents who call back, and those that we ask for.

use super::*;

impl Hotline {
    /// An idle agent calls somebody back from the phone's own keys.
    pub(super) fn call_back(&mut self, number: String) {
        let Some(agent) = self.any_idle().filter(|agent| Some(*agent) != self.watched) else {
            let later_ms = self.between(10_000, 20_000);
            return self.later(later_ms, Step::CallBack(number));
        };
        self.set_busy(agent);
        let first = self.pbx.dial_out(agent, &number);
        let no = self.open_outbound(first, agent, &number, Stage::Dialling);
        self.dial(no, &number);
    }

    pub(super) fn originate(
        &mut self,
        agent: usize,
        action_id: Option<String>,
        number: String,
        leg: Option<String>,
        caller_id: Option<String>,
        variables: &[(String, String)],
    ) {
        if !self.make_free(agent) {
            let first = self.pbx.originate(agent, leg, caller_id, variables);
            let (leg, channel) = (self.pbx.uniqueid(first).to_owned(), self.pbx.channels[&first].name.clone());
            self.pbx.originate_failed(first, "BUSY");
            self.pbx.device(agent, Device::InUse);
            return self.pbx.originate_response(action_id.as_deref(), &leg, &channel, &number, 5);
        }
        self.set_busy(agent);
        let first = self.pbx.originate(agent, leg, caller_id, variables);
        let no = self.open_outbound(first, agent, &number, Stage::Originating);
        self.call(no).asked = Some((action_id, number));
        let picks_up_ms = self.between(1_000, 2_500);
        self.plan_next(no, picks_up_ms, Next::PickUp);
    }

    /// Whoever presses the call button first ends what the phone is doing; false when that
    /// cannot be ended.
    pub(super) fn make_free(&mut self, agent: usize) -> bool {
        let with = |call: &Call| {
            call.talker.is_some_and(|(a, _)| a == agent)
                || call.ringing.iter().any(|(a, _)| *a == agent)
                || call.consultation.as_ref().is_some_and(|(a, _)| *a == agent)
        };
        let Some((&no, call)) = self.calls.iter().find(|(_, call)| with(call)) else { return true };
        match call.stage {
            Stage::Talking | Stage::TalkingOn => self.end_talk(no, EndedBy::Agent),
            Stage::Ringing => self.let_go(no, agent, OfferOutcome::Declined),
            Stage::RingingDirect => self.direct_fails(no, "NOANSWER"),
            Stage::Arrived
            | Stage::Waiting
            | Stage::Consulting
            | Stage::Announcing
            | Stage::Originating
            | Stage::Dialling => return false,
        }
        true
    }

    pub(super) fn open_outbound(&mut self, first: Leg, agent: usize, number: &str, stage: Stage) -> CallNo {
        let party = Party { number: Some(self.pbx.agents[agent].extension.clone()), name: None };
        let no = self.open(first, Direction::Outbound, &party, stage);
        let extension = self.extension(agent);
        let call = self.call(no);
        call.truth.to = Some(number.to_owned());
        call.truth.agent = Some(extension);
        call.talker = Some((agent, first));
        no
    }

    pub(super) fn pick_up(&mut self, no: CallNo) {
        let call = &self.calls[&no];
        let first = call.first;
        let (Some((agent, _)), Some((action_id, number))) = (call.talker, call.asked.clone()) else { return };
        self.pbx.originate_answered(agent, first, &number);
        let (leg, channel) = (self.pbx.uniqueid(first).to_owned(), self.pbx.channels[&first].name.clone());
        self.pbx.originate_response(action_id.as_deref(), &leg, &channel, &number, 4);
        self.dial(no, &number);
    }

    pub(super) fn dial(&mut self, no: CallNo, number: &str) {
        let first = self.calls[&no].first;
        let trunk = self.pbx.dial_trunk(first, number);
        self.enter(no, Stage::Dialling);
        self.call(no).trunk = Some(trunk);
        let (after_ms, next) = match self.rng.random_range(0..100) {
            0..72 => (self.between(3_000, 8_000), Next::CustomerAnswers),
            72..84 => (self.between(2_000, 4_000), Next::CustomerBusy),
            _ => (self.between(15_000, 25_000), Next::NobodyThere),
        };
        self.plan_next(no, after_ms, next);
    }

    pub(super) fn customer_answers(&mut self, no: CallNo) {
        let now = self.pbx.now;
        let call = &self.calls[&no];
        let (Some(trunk), Some((agent, _))) = (call.trunk, call.talker) else { return };
        self.pbx.dialled_answers(call.first, trunk);
        let extension = self.extension(agent);
        self.enter(no, Stage::Talking);
        let call = self.call(no);
        call.talks_since = now;
        call.truth.answered_at = Some(now);
        call.truth.segments.push(Segment { agent: extension, queue: None, from: now, to: None, holds: Vec::new() });
        self.talk(no);
    }

    pub(super) fn customer_fails(&mut self, no: CallNo, status: &str) {
        let call = &self.calls[&no];
        let (Some(trunk), Some((agent, _))) = (call.trunk, call.talker) else { return };
        self.pbx.dial_fails(call.first, trunk, status);
        self.pbx.device(agent, Device::NotInUse);
        self.wrap_up(agent);
        match status {
            "BUSY" => self.end(no, Outcome::Busy, EndedBy::Pbx),
            _ => self.end(no, Outcome::NoAnswer, EndedBy::Agent),
        }
    }
}
