//! Callers who wait, and the phones that ring for them.

use super::*;

impl Hotline {
    pub(super) fn arrive(&mut self) {
        let gap_ms = -(1.0 - self.rng.random::<f64>()).ln() / self.calls_per_second * 1000.0;
        self.later(gap_ms as i64, Step::Arrive);
        let party = callers::draw(&mut self.rng, &self.regulars);
        let direct = self.rng.random_bool(0.05).then(|| self.any_idle()).flatten();
        match direct {
            Some(agent) => self.arrive_direct(party, agent),
            None => self.arrive_at_queue(party),
        }
    }

    pub(super) fn arrive_at_queue(&mut self, party: Party) {
        let queue = *(0..self.queues.len()).collect::<Vec<_>>().choose(&mut self.rng).unwrap_or(&0);
        let dialled = self.pbx.queues[queue].number.clone();
        let first = self.pbx.arrive(party.clone(), &dialled);
        self.pbx.answer(first);
        let no = self.open(first, Direction::Inbound, &party, Stage::Arrived);
        self.call(no).queue = Some(queue);
        self.later(200, Step::Join(no));
        let patience_ms = match self.rng.random_range(0..1000) {
            0..=5 => 150,
            6..=150 => self.between(4_000, 12_000),
            _ => self.between(30_000, 90_000),
        };
        self.later(patience_ms, Step::Patience(no));
        if let Some(limit_ms) = self.pbx.queues[queue].limit_ms {
            self.later(200 + limit_ms, Step::Limit(no));
        }
    }

    pub(super) fn arrive_direct(&mut self, party: Party, agent: usize) {
        let extension = self.pbx.agents[agent].extension.clone();
        let first = self.pbx.arrive(party.clone(), &format!("40080{extension}"));
        self.pbx.execute(first, "Dial", format!("PJSIP/{extension},20,tT"));
        let no = self.open(first, Direction::Inbound, &party, Stage::Arrived);
        self.call(no).truth.to = Some(extension);
        self.ring_direct(no, agent, None);
        let patience_ms = self.between(12_000, 30_000);
        self.later(patience_ms, Step::Patience(no));
    }

    pub(super) fn open(&mut self, first: Leg, direction: Direction, party: &Party, stage: Stage) -> CallNo {
        let now = self.pbx.now;
        self.calls_made += 1;
        let no = CallNo(self.calls_made);
        let caller = party.number.clone().filter(|number| number != "anonymous");
        let truth = TrueCall {
            leg: LegId::from(self.pbx.uniqueid(first)),
            direction,
            caller,
            to: None,
            agent: None,
            outcome: Outcome::Failed,
            ended_by: EndedBy::Pbx,
            started_at: now,
            answered_at: None,
            ended_at: now,
            segments: Vec::new(),
            offers: Vec::new(),
            transfers: Vec::new(),
        };
        let call = Call {
            stage,
            turn: 0,
            first,
            truth,
            queue: None,
            waited_s: 0,
            ringing: Vec::new(),
            rings_since: now,
            talker: None,
            talks_since: now,
            trunk: None,
            consultation: None,
            asked: None,
        };
        self.calls.insert(no, call);
        no
    }

    pub(super) fn join(&mut self, no: CallNo) {
        let Some(call) = self.calls.get_mut(&no) else { return };
        let Some(queue) = call.queue else { return };
        call.stage = Stage::Waiting;
        call.turn += 1;
        call.truth.to = Some(self.pbx.queues[queue].name.clone());
        let first = call.first;
        self.pbx.join(first, queue);
        self.queues[queue].waiting.insert(no);
        self.offer(queue);
    }

    pub(super) fn patience_ends(&mut self, no: CallNo) {
        let Some(call) = self.calls.get(&no) else { return };
        let (first, queue) = (call.first, call.queue);
        match call.stage {
            Stage::Arrived => {
                self.pbx.caller_quits(first);
                self.end(no, Outcome::Abandoned, EndedBy::Caller);
            }
            Stage::Waiting | Stage::Ringing => {
                let ringing = call.ringing.clone();
                let queue = queue.unwrap_or_default();
                self.pbx.abandon(first, queue, &ringing);
                self.phones_stop(no, OfferOutcome::CallerGone);
                self.queues[queue].waiting.remove(&no);
                self.end(no, Outcome::Abandoned, EndedBy::Caller);
            }
            Stage::RingingDirect => self.direct_fails(no, "CANCEL"),
            Stage::Talking
            | Stage::Consulting
            | Stage::TalkingOn
            | Stage::Announcing
            | Stage::Originating
            | Stage::Dialling => {}
        }
    }

    pub(super) fn limit_reached(&mut self, no: CallNo) {
        let Some(call) = self.calls.get(&no) else { return };
        if !matches!(call.stage, Stage::Waiting | Stage::Ringing) {
            return;
        }
        let (first, queue, ringing) = (call.first, call.queue.unwrap_or_default(), call.ringing.clone());
        let rang_ms = (self.pbx.now - call.rings_since).num_milliseconds();
        self.pbx.give_up(first, queue, &ringing, rang_ms);
        self.phones_stop(no, OfferOutcome::NoAnswer);
        self.queues[queue].waiting.remove(&no);
        self.enter(no, Stage::Announcing);
        self.plan_next(no, 3_000, Next::Announced);
    }

    /// Rings idle members for those who wait.
    pub(super) fn offer(&mut self, queue: usize) {
        while let Some(&no) = self.queues[queue].waiting.first() {
            let members = if self.pbx.queues[queue].ring_all {
                self.queues[queue].idle.iter().map(|(_, agent)| *agent).collect()
            } else {
                Vec::from_iter(self.choose(queue))
            };
            if members.is_empty() {
                return;
            }
            self.ring(no, queue, &members);
        }
    }

    /// The watched agent, if idle for a while, else who has been idle longest.
    pub(super) fn choose(&self, queue: usize) -> Option<usize> {
        let idle = &self.queues[queue].idle;
        let rested = |agent: usize| {
            let since = self.agents[agent].idle_since?;
            (self.pbx.now - since > TimeDelta::seconds(5) && idle.contains(&(since, agent))).then_some(agent)
        };
        self.watched.and_then(rested).or_else(|| idle.first().map(|(_, agent)| *agent))
    }

    pub(super) fn ring(&mut self, no: CallNo, queue: usize, members: &[usize]) {
        let now = self.pbx.now;
        self.queues[queue].waiting.remove(&no);
        self.enter(no, Stage::Ringing);
        self.call(no).rings_since = now;
        let name = QueueName::from(self.pbx.queues[queue].name.as_str());
        for &agent in members {
            let first = self.calls[&no].first;
            let leg = self.pbx.offer(first, queue, agent);
            self.set_busy(agent);
            self.note_offer(no, agent, Some(name.clone()));
            self.call(no).ringing.push((agent, leg));
        }
        let Some(&agent) = members.choose(&mut self.rng) else { return };
        let watched = Some(agent) == self.watched;
        let (after_ms, next) = match self.rng.random_range(0..100) {
            _ if watched => (self.between(8_000, 14_000), Next::Take(agent)),
            0..86 => (self.between(2_000, 6_000), Next::Take(agent)),
            86..91 if members.len() == 1 => (self.between(1_000, 3_000), Next::Decline(agent)),
            _ => (self.scaled(RING_LIMIT_MS), Next::RingOut),
        };
        self.plan_next(no, after_ms, next);
    }

    pub(super) fn take(&mut self, no: CallNo, agent: usize) {
        let call = &self.calls[&no];
        let first = call.first;
        let Some(&(_, leg)) = call.ringing.iter().find(|(a, _)| *a == agent) else { return };
        match (call.stage, call.queue) {
            (Stage::Ringing, Some(queue)) => {
                let losers: Vec<_> = call.ringing.iter().copied().filter(|(a, _)| *a != agent).collect();
                let rang_ms = (self.pbx.now - call.rings_since).num_milliseconds();
                let waited_s = self.pbx.queues[queue].waiting.iter().find(|(l, _)| *l == first);
                let waited_s = waited_s.map_or(0, |(_, since)| (self.pbx.now - *since).num_seconds());
                self.call(no).waited_s = waited_s;
                self.pbx.take(first, queue, agent, leg, rang_ms, &losers);
                let name = QueueName::from(self.pbx.queues[queue].name.as_str());
                self.answered(no, agent, leg, Some(name));
            }
            _ => {
                self.pbx.dialled_answers(first, leg);
                self.pbx.device(agent, Device::InUse);
                self.answered(no, agent, leg, None);
                if let Some(transfer) = self.call(no).truth.transfers.last_mut() {
                    transfer.completed = true;
                }
            }
        }
        self.talk(no);
    }

    pub(super) fn answered(&mut self, no: CallNo, agent: usize, leg: Leg, queue: Option<QueueName>) {
        let now = self.pbx.now;
        let extension = self.extension(agent);
        let direct = queue.is_none();
        self.close_offer(no, agent, OfferOutcome::Answered);
        self.call(no).ringing.retain(|(a, _)| *a != agent);
        self.phones_stop(no, OfferOutcome::AnsweredElsewhere);
        self.enter(no, Stage::Talking);
        let call = self.call(no);
        call.talker = Some((agent, leg));
        call.talks_since = now;
        call.truth.answered_at.get_or_insert(now);
        call.truth.agent.get_or_insert_with(|| extension.clone());
        if direct {
            call.queue = None;
        }
        call.truth.segments.push(Segment { agent: extension, queue, from: now, to: None, holds: Vec::new() });
    }

    /// One phone stops ringing by its own doing; the caller is offered to another soon.
    pub(super) fn let_go(&mut self, no: CallNo, agent: usize, outcome: OfferOutcome) {
        let call = &self.calls[&no];
        let rang_ms = (self.pbx.now - call.rings_since).num_milliseconds();
        let (Some(queue), first) = (call.queue, call.first) else { return };
        let Some(&(_, leg)) = call.ringing.iter().find(|(a, _)| *a == agent) else { return };
        let why = match outcome {
            OfferOutcome::Declined => LetGo::Declined { rang_ms },
            _ => LetGo::RungOut { rang_ms },
        };
        self.pbx.let_go(first, queue, agent, leg, why);
        self.close_offer(no, agent, outcome);
        self.call(no).ringing.retain(|(a, _)| *a != agent);
        self.set_idle(agent);
        if self.calls[&no].ringing.is_empty() {
            self.enter(no, Stage::Waiting);
            self.queues[queue].waiting.insert(no);
            self.later(1_000, Step::Offer(queue));
        }
    }

    pub(super) fn ring_out(&mut self, no: CallNo) {
        match self.calls[&no].stage {
            Stage::RingingDirect => self.direct_fails(no, "NOANSWER"),
            _ => {
                for (agent, _) in self.calls[&no].ringing.clone() {
                    self.let_go(no, agent, OfferOutcome::NoAnswer);
                }
            }
        }
    }
}
