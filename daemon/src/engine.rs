//! The writing owner and the alarm clock.
//!
//! One thread takes all inputs that are ready into one transaction, each seeing what those before
//! it wrote, then lets fire what is due. Only after the commit does anybody hear: answers, notices,
//! what is asked of PBXes. A commit that failed never happened: commands are refused, and refused at once
//! until the disk takes again; everything else is kept for then, a call by its newest state alone.

mod changed;
#[cfg(test)]
pub(crate) mod days;
#[cfg(test)]
pub(crate) mod house;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod reckoning;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use rusqlite::ErrorCode;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::calls::call::Call;
use crate::desk::asking::Ask;
use crate::desk::command::{Done, Given, Refusal};
use crate::desk::decide;
use crate::desk::fact::{self, Fact};
use crate::ledger::Entry;
use crate::live::{Notice, Topic};
use crate::store::{self, Store, Writing, journal};
use crate::{CallId, Extension, LegId, MessageId, ObligationId, PbxName, PersonId, Time};
use changed::Changed;

/// What reaches the engine, in the order in which it takes effect.
#[derive(Debug)]
pub enum Input {
    /// Whole states of calls as they stood at `at`; a call may come several times, with states
    /// in between left out, and again after a restart. `at` is when the tracker stood so, not
    /// when it was sent: open talks are measured up to it.
    Calls {
        at: Time,
        calls: Vec<Arc<Call>>,
    },
    /// Two calls turned out to be one.
    Merged {
        from: CallId,
        into: CallId,
    },
    /// After a snapshot: these calls of the PBX are up; whatever else is kept as up has ended
    /// unseen.
    Standing {
        pbx: PbxName,
        at: Time,
        up: Vec<CallId>,
    },
    Command(Box<Given>, oneshot::Sender<Result<Done, Refusal>>),
    /// A PBX is out of sight since `from`; told again with `to` once it is back.
    Outage {
        pbx: PbxName,
        from: Time,
        to: Option<Time>,
        why: String,
    },
    /// Something hindered sight.
    Ledger(Entry),
    /// Extensions that the PBX spoke of, with the name that it gives them.
    Extensions {
        pbx: PbxName,
        at: Time,
        seen: Vec<(Extension, String)>,
    },
    /// Messages that reached their channel.
    Delivered(Vec<MessageId>),
    /// Lines of a native sender, in order; its link hears of the last one's `nth` once they are on
    /// disk.
    Journal {
        pbx: PbxName,
        entries: Vec<journal::Entry>,
        nth: u64,
        committed: watch::Sender<u64>,
    },
    /// Somebody listened in by that leg of ours; told when it begins, and when it ends.
    Listened {
        leg: LegId,
        from: Option<Time>,
        to: Option<Time>,
    },
}

/// Something that somebody asked of a PBX; the record is on disk. To be sent once, never again.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    pub by: PersonId,
    pub pbx: PbxName,
    pub ask: Ask,
}

/// Inputs that wait for the engine. The board coalesces whole calls when it is full, so this
/// only has to bridge one commit: a disk's fsync of some milliseconds, at a thousand inputs a
/// second, with room for a slow disk.
pub const INBOX: usize = 1024;

/// Where inputs enter.
pub type Inbox = mpsc::Sender<Input>;

/// The door for people's commands; clone it freely.
#[derive(Clone)]
pub struct Commands {
    inbox: Inbox,
}

impl Commands {
    pub fn new(inbox: Inbox) -> Commands {
        Commands { inbox }
    }
    /// Answers after the commit. [`Refusal::StoreFailed`] when the disk refused or the daemon stops.
    pub async fn give(&self, given: Given) -> Result<Done, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Input::Command(Box::new(given), reply)).await.map_err(|_| Refusal::StoreFailed)?;
        answer.await.unwrap_or(Err(Refusal::StoreFailed))
    }
}

/// Calls and other inputs that share a commit: at a tenth of a millisecond each, a command that
/// has just missed one waits no longer than a blink.
const BATCH: usize = 512;

/// Rungs that share a commit at most, each commit at its own time, so that a herd of them does not
/// keep calls waiting.
const RUNGS: usize = 500;

/// Obligations that share a commit when they are reckoned anew by another policy: whatever comes
/// meanwhile waits for so many, not for the million that may be open.
const RECKONED: usize = 100;

/// The clock is looked at this often while something is pending. A sleep is measured in elapsed
/// time, but deadlines are moments of the wall clock, which may be set, or stand still with the
/// machine; so no sleep is trusted for longer. The disk is not touched for it.
const LOOK: Duration = Duration::from_millis(500);

/// While what is due comes piece by piece, messages wait for so long at most.
const HELD_BACK: TimeDelta = TimeDelta::seconds(5);

/// Between attempts to write after the disk refused.
const RETRY: Duration = Duration::from_secs(1);

/// It is noted this often that the daemon is alive: after a kill it is told to have been away for
/// at most so much longer than it was, and a commit in so long is nothing to any disk.
const ALIVE_EVERY: TimeDelta = TimeDelta::seconds(30);

/// The note goes this often with what is kept anyway.
const ALIVE_ALONG: TimeDelta = TimeDelta::seconds(1);

/// Between two pieces of what is taken into the index of words: it is done beside the day's work.
const WORDS_EVERY: Duration = Duration::from_millis(20);

/// A clock that was ahead by less does no harm that lasts: what is owed is late by as much.
const FAR: TimeDelta = TimeDelta::days(1);

/// Attempts to write what is left when the daemon stops while the disk refuses.
const LAST_ATTEMPTS: u32 = 3;

/// Where effects go, after the commit.
pub struct Outlets {
    pub told: mpsc::Sender<(Topic, Notice)>,
    pub errands: mpsc::Sender<Errand>,
    /// Notified when there are new messages.
    pub outbox: Arc<Notify>,
}

/// The engine, as its thread owns it.
pub struct Engine {
    store: Store,
    outlets: Outlets,
    /// Taken from the inbox and not committed yet: [`BATCH`] and one input more at most, or while
    /// the disk refuses as many calls as there were, by their newest states.
    waiting: VecDeque<Input>,
    /// When the next rung is due, or what waits for the end of the quiet hours.
    due: Option<Time>,
    /// When it was last noted that the daemon is alive.
    alive_at: Option<Time>,
    /// When the clock was looked at last.
    looked_at: Option<Time>,
    /// It was noted by what deadlines are reckoned.
    settled: bool,
    /// There may be more that is due.
    behind: bool,
    /// There may be more that was reckoned by an earlier policy.
    stale: bool,
    /// There may be older matters that are not in the index of words.
    lacks_words: bool,
    /// Obligations whose rungs cannot be kept; not tried again before the next start.
    passed_over: BTreeSet<ObligationId>,
    /// The disk refuses; log and pages have been told so.
    failing: bool,
}

/// Starts the engine on a thread of its own, since SQLite blocks. After `stop` it takes no more,
/// commits what it was given, and ends.
pub fn start(
    store: Store,
    outlets: Outlets,
    clock: impl Fn() -> Time + Send + 'static,
    stop: CancellationToken,
) -> anyhow::Result<(Inbox, std::thread::JoinHandle<()>)> {
    let (sender, inbox) = mpsc::channel(INBOX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let run = move || runtime.block_on(Engine::new(store, outlets).run(inbox, clock, stop));
    let thread = std::thread::Builder::new().name("engine".into()).spawn(run).context("cannot start the engine")?;
    Ok((sender, thread))
}

impl Engine {
    pub fn new(store: Store, outlets: Outlets) -> Engine {
        Engine {
            store,
            outlets,
            waiting: VecDeque::new(),
            due: None,
            alive_at: None,
            looked_at: None,
            settled: false,
            behind: false,
            stale: false,
            lacks_words: true,
            passed_over: BTreeSet::new(),
            failing: false,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Input>, clock: impl Fn() -> Time, stop: CancellationToken) {
        self.turn(clock()).await;
        self.log_head();
        loop {
            // While the disk refuses, whoever waits in the inbox is answered all the same.
            let retry_at = self.failing.then(|| Instant::now() + RETRY);
            loop {
                let idle = if retry_at.is_none() { self.idle(clock()) } else { Duration::MAX };
                tokio::select! {
                    () = stop.cancelled(), if !inbox.is_closed() => inbox.close(),
                    input = inbox.recv(), if self.failing || self.waiting.is_empty() => match input {
                        Some(input) => self.receive(input),
                        None => return self.end(clock).await,
                    },
                    () = sleep(idle), if retry_at.is_none() => {}
                    () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {}
                }
                if retry_at.is_none_or(|at| at <= Instant::now()) {
                    break;
                }
            }
            let mut taken: usize = self.waiting.iter().map(weight).sum();
            while taken < BATCH
                && let Ok(input) = inbox.try_recv()
            {
                taken += weight(&input);
                self.receive(input);
            }
            self.turn(clock()).await;
        }
    }

    /// Commits what was left, and that until now the daemon was there.
    async fn end(mut self, clock: impl Fn() -> Time) {
        self.alive_at = None;
        self.turn(clock()).await;
        for _ in 0..LAST_ATTEMPTS {
            if !self.waiting.is_empty() {
                sleep(RETRY).await;
                self.turn(clock()).await;
            }
        }
        if !self.waiting.is_empty() {
            tracing::error!(inputs = self.waiting.len(), "stopped with inputs that the disk did not take");
        }
        self.log_head();
    }

    /// For a log that leaves the machine.
    fn log_head(&self) {
        match self.store.head() {
            Ok(Some(head)) => tracing::info!(head.hash, head.seal, head.fact, "the chain's head"),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the chain's head cannot be read"),
        }
    }

    fn receive(&mut self, input: Input) {
        let kept = if self.failing { refuse(input) } else { Some(input) };
        self.waiting.extend(kept);
    }

    /// How long nothing needs to be done of itself.
    fn idle(&self, now: Time) -> Duration {
        if !self.waiting.is_empty() || self.behind || self.stale {
            return Duration::ZERO;
        }
        let until = |at: Time| (at - now).to_std().unwrap_or(Duration::ZERO);
        let note = self.alive_at.map_or(Duration::ZERO, |at| until(at + ALIVE_EVERY));
        let words = if self.lacks_words { WORDS_EVERY } else { Duration::MAX };
        self.due.map_or(note, |due| until(due).min(LOOK).min(note)).min(words)
    }

    /// Takes what came, and fires what is due, until nothing is left to be done at `now`; says when
    /// something is due next.
    pub async fn settle(&mut self, came: impl IntoIterator<Item = Input>, now: Time) -> Option<Time> {
        self.waiting.extend(came);
        loop {
            self.turn(now).await;
            let is_due = self.due.is_some_and(|due| due <= now);
            if self.failing || (self.waiting.is_empty() && !self.behind && !self.stale && !is_due) {
                return self.due;
            }
        }
    }

    /// Commits what waits, as much as belongs into one commit, then fires what is due, as much again.
    pub async fn turn(&mut self, now: Time) {
        let failed = self.work(now).await.err();
        if failed.is_some() == self.failing {
            return;
        }
        self.failing = failed.is_some();
        match failed {
            Some(error) => {
                tracing::error!(%error, "the store cannot write; until it can, calls wait and commands are refused");
            }
            None => tracing::info!("the store can write again"),
        }
        // Nobody listens any more when the daemon stops.
        let _ = self.outlets.told.send((Topic::House, Notice::Store { failing: self.failing })).await;
    }

    async fn work(&mut self, now: Time) -> store::Result<()> {
        if self.failing {
            coalesce(&mut self.waiting);
            // With nothing to keep, nothing else would show that the disk takes again.
            self.alive_at = None;
        }
        if !self.settled {
            self.store.settle(now)?;
            self.settled = true;
        }
        self.look_at_the_clock(now)?;
        let inputs = self.batch();
        let seen = seen_until(&inputs, now);
        if !inputs.is_empty() {
            self.take(inputs, seen, now).await?;
        }
        if self.note_is_older(ALIVE_EVERY, seen) {
            self.store.together(|writing| writing.alive(seen))?;
            self.alive_at = Some(seen);
        }
        self.behind = self.fire(now).await?;
        if !self.behind {
            self.stale = self.reckon(now).await?;
        }
        if self.lacks_words && !self.behind && !self.stale {
            self.lacks_words = self.store.lacks_words()?;
            if self.lacks_words {
                self.lacks_words = self.store.together(|writing| writing.take_older())?;
            }
        }
        self.compose(now)?;
        let (due, to_send) = (self.store.next_due(&self.passed_over)?, self.store.next_to_send()?);
        self.due = due.into_iter().chain(to_send).min();
        Ok(())
    }

    /// What was written while the clock was far ahead is seen to once it is set back, and at the start.
    fn look_at_the_clock(&mut self, now: Time) -> store::Result<()> {
        let was_ahead = self.looked_at.is_some_and(|at| at - now > FAR);
        if was_ahead || self.looked_at.is_none() {
            self.store.together(|writing| {
                writing.tells_what_lies_ahead(now)?;
                if was_ahead { writing.notes_what_lies_ahead(now) } else { Ok(()) }
            })?;
        }
        self.looked_at = Some(now);
        Ok(())
    }

    /// Puts what is to be told now into messages. Not before all that is due has fired, so that who
    /// is told of many things is told once: what comes piece by piece is held back for the rest,
    /// though not for long.
    fn compose(&mut self, now: Time) -> store::Result<()> {
        let from = if self.behind || self.stale { now - HELD_BACK } else { now };
        if self.store.next_to_send()?.is_some_and(|at| at <= from) {
            self.store.together(|writing| writing.compose(now))?;
            self.outlets.outbox.notify_one();
        }
        Ok(())
    }

    /// Whether the note is so old, or the clock was set back since.
    fn note_is_older(&self, age: TimeDelta, now: Time) -> bool {
        self.alive_at.is_none_or(|at| (now - at).abs() >= age)
    }

    fn batch(&mut self) -> Vec<Input> {
        let mut taken = 0;
        let mut inputs = Vec::new();
        while taken < BATCH
            && let Some(input) = self.waiting.pop_front()
        {
            taken += weight(&input);
            inputs.push(input);
        }
        inputs
    }

    /// All inputs in one commit; where one of them is at fault, each in its own, so that it spoils
    /// nothing but itself. What the disk refused waits again.
    async fn take(&mut self, inputs: Vec<Input>, seen: Time, now: Time) -> store::Result<()> {
        let mut changed = Changed::default();
        let note = self.note_is_older(ALIVE_ALONG, seen);
        let result = self.store.together(|writing| {
            if note {
                writing.alive(seen)?;
            }
            inputs.iter().map(|input| apply(writing, input, now, &mut changed)).collect::<store::Result<Vec<_>>>()
        });
        match result {
            Ok(applied) => {
                self.alive_at = if note { Some(seen) } else { self.alive_at };
                for (input, applied) in inputs.into_iter().zip(applied) {
                    self.answer(input, applied);
                }
                self.tell(&changed).await;
            }
            Err(error) if !inputs_fault(&error) => {
                self.put_back(inputs.into_iter());
                return Err(error);
            }
            Err(error) if inputs.len() == 1 => {
                tracing::error!(%error, ?inputs, "an input could not be kept, and is passed over");
                inputs.into_iter().for_each(|input| drop(refuse(input)));
            }
            Err(_) => {
                let mut inputs = inputs.into_iter();
                while let Some(input) = inputs.next() {
                    if let Err(error) = Box::pin(self.take(vec![input], seen, now)).await {
                        let tried = self.waiting.pop_front();
                        self.put_back(tried.into_iter().chain(inputs));
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn put_back(&mut self, inputs: impl Iterator<Item = Input>) {
        let mut back: VecDeque<Input> = inputs.filter_map(refuse).collect();
        back.append(&mut self.waiting);
        self.waiting = back;
    }

    /// Fires up to [`RUNGS`] rungs; says whether there may be more. One that cannot be kept, for
    /// what its obligation's row holds, keeps no other from firing.
    async fn fire(&mut self, now: Time) -> store::Result<bool> {
        let due = self.store.due(now, &self.passed_over, RUNGS)?;
        self.each(&due, decide::Input::Due, now).await?;
        Ok(due.len() == RUNGS)
    }

    /// Reckons up to [`RECKONED`] obligations anew by the policy in force; says whether there may be
    /// more.
    async fn reckon(&mut self, now: Time) -> store::Result<bool> {
        let stale = self.store.stale(&self.passed_over, RECKONED)?;
        self.each(&stale, decide::Input::Stale, now).await?;
        Ok(stale.len() == RECKONED)
    }

    /// All in one commit; where one of them is at fault, each in its own.
    async fn each(
        &mut self,
        obligations: &[ObligationId],
        input: fn(ObligationId) -> decide::Input,
        now: Time,
    ) -> store::Result<()> {
        match self.decide(obligations, input, now).await {
            Err(error) if inputs_fault(&error) => {
                for &obligation in obligations {
                    match self.decide(&[obligation], input, now).await {
                        Err(error) if inputs_fault(&error) => {
                            tracing::error!(%error, %obligation, "an obligation cannot be kept; it is tried again at the next start");
                            self.passed_over.insert(obligation);
                        }
                        other => other?,
                    }
                }
                Ok(())
            }
            other => other,
        }
    }

    async fn decide(
        &mut self,
        obligations: &[ObligationId],
        input: fn(ObligationId) -> decide::Input,
        now: Time,
    ) -> store::Result<()> {
        if obligations.is_empty() {
            return Ok(());
        }
        let mut changed = Changed::default();
        self.store.together(|writing| {
            obligations.iter().try_for_each(|obligation| {
                let facts = writing.decide(&input(*obligation), now)?.unwrap_or_default();
                // Nothing came of it: it would be due for ever.
                let none = facts.is_empty().then_some(rusqlite::Error::QueryReturnedNoRows);
                note(facts, &mut changed);
                none.map_or(Ok(()), Err)
            })
        })?;
        self.tell(&changed).await;
        Ok(())
    }

    /// What was asked of a PBX goes to the board before its asker hears of it; it is not kept for
    /// later when the board has no room, for nobody wants a phone that rings minutes after.
    fn answer(&mut self, input: Input, applied: Applied) {
        let mut answer = applied.answer;
        if let Some(errand) = applied.errand
            && self.outlets.errands.try_send(errand).is_err()
        {
            answer = Err(Refusal::LinkDown);
        }
        match input {
            // Whoever asked may have gone meanwhile; what was kept is kept.
            Input::Command(_, reply) => drop(reply.send(answer)),
            Input::Journal { nth, committed, .. } => drop(committed.send_replace(nth)),
            Input::Calls { .. }
            | Input::Merged { .. }
            | Input::Standing { .. }
            | Input::Outage { .. }
            | Input::Ledger(_)
            | Input::Extensions { .. }
            | Input::Delivered(_)
            | Input::Listened { .. } => {}
        }
    }

    async fn tell(&mut self, changed: &Changed) {
        for notice in changed.notices() {
            // Nobody listens any more when the daemon stops.
            let _ = self.outlets.told.send(notice).await;
        }
    }
}

/// Until when all that was seen is kept, once these inputs are: where a whole batch was taken more
/// may wait, of which a kill leaves nothing.
fn seen_until(inputs: &[Input], now: Time) -> Time {
    let at = |input: &Input| if let Input::Calls { at, .. } = input { Some(*at) } else { None };
    let whole = inputs.iter().map(weight).sum::<usize>() >= BATCH;
    whole.then(|| inputs.iter().rev().find_map(at)).flatten().map_or(now, |at| at.min(now))
}

/// An input's share of a [`BATCH`].
fn weight(input: &Input) -> usize {
    match input {
        Input::Calls { calls, .. } => calls.len(),
        Input::Extensions { seen, .. } => seen.len(),
        Input::Delivered(messages) => messages.len(),
        Input::Journal { entries, .. } => entries.len(),
        Input::Merged { .. }
        | Input::Standing { .. }
        | Input::Command(..)
        | Input::Outage { .. }
        | Input::Ledger(_)
        | Input::Listened { .. } => 1,
    }
}

/// Whoever gave a command is told that it was not kept; everything else is given back for another
/// try.
fn refuse(input: Input) -> Option<Input> {
    match input {
        Input::Command(_, reply) => {
            let _ = reply.send(Err(Refusal::StoreFailed));
            None
        }
        Input::Calls { .. }
        | Input::Merged { .. }
        | Input::Standing { .. }
        | Input::Outage { .. }
        | Input::Ledger(_)
        | Input::Extensions { .. }
        | Input::Delivered(_)
        | Input::Journal { .. }
        | Input::Listened { .. } => Some(input),
    }
}

/// Of each call the newest state suffices; so that what waits is bounded by calls, not by events.
fn coalesce(waiting: &mut VecDeque<Input>) {
    let mut newer = BTreeSet::new();
    for input in waiting.iter_mut().rev() {
        if let Input::Calls { calls, .. } = input {
            calls.retain(|call| newer.insert(call.id.clone()));
        }
    }
    waiting.retain(|input| !matches!(input, Input::Calls { calls, .. } if calls.is_empty()));
}

/// What came of one input.
struct Applied {
    answer: Result<Done, Refusal>,
    errand: Option<Errand>,
}

fn apply(writing: &mut Writing, input: &Input, now: Time, changed: &mut Changed) -> store::Result<Applied> {
    let mut answer = Ok(Done::Nothing);
    let mut errand = None;
    match input {
        Input::Calls { at, calls } => {
            for call in calls {
                let input = decide::Input::Call { at: *at, call: call.clone() };
                note(writing.decide(&input, now)?.unwrap_or_default(), changed);
                if call.ended_at.is_some() {
                    writing.journal_done(&call.id)?;
                }
            }
        }
        Input::Merged { from, into } => {
            writing.journal_merged(from, into)?;
            let input = decide::Input::Merged { from: from.clone(), into: into.clone() };
            note(writing.decide(&input, now)?.unwrap_or_default(), changed);
        }
        Input::Command(given, _) => match writing.decide(&decide::Input::Given(given.clone()), now)? {
            Ok(facts) => {
                answer = Ok(fact::done(&facts));
                errand = facts.iter().find_map(errand_of);
                note(facts, changed);
            }
            Err(refusal) => answer = Err(refusal),
        },
        Input::Standing { pbx, at, up } => writing.standing(pbx, *at, up)?,
        Input::Outage { pbx, from, to, why } => {
            writing.outage(pbx, *from, *to, why)?;
            changed.house();
        }
        Input::Ledger(entry) => {
            writing.ledger(entry)?;
            changed.house();
        }
        Input::Extensions { pbx, at, seen } => writing.extensions(pbx, *at, seen)?,
        Input::Delivered(messages) => writing.delivered(messages, now)?,
        Input::Journal { pbx, entries, .. } => writing.journal(pbx, entries, now)?,
        Input::Listened { leg, from, to } => {
            writing.listened(leg, *from, *to)?.into_iter().for_each(|ticket| changed.ticket_seen(ticket));
        }
    }
    Ok(Applied { answer, errand })
}

fn note(facts: Vec<Fact>, changed: &mut Changed) {
    facts.iter().for_each(|fact| changed.note(fact));
}

fn errand_of(fact: &Fact) -> Option<Errand> {
    let Fact::Asked { by, pbx, ask, .. } = fact else { return None };
    Some(Errand { by: *by, pbx: pbx.clone(), ask: ask.clone() })
}

/// Whether it is what was written that the store refuses, rather than the disk that fails.
fn inputs_fault(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(code, ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig),
        None => true,
    }
}
