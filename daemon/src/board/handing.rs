//! What the engine has yet to take: one state a call, in the order of their first change; and lines
//! of native senders, which go before everything else.
//!
//! A call's state is read when it is handed over, so it may follow from lines that came since. Were
//! such a line kept after the call, a kill between them would leave a call that is ahead of its
//! journal. The other way round the journal is replayed, and the call follows from it again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

use crate::calls::call::Call;
use crate::engine::Input;
use crate::store::journal::Entry;
use crate::{CallId, PbxName, Time};

/// Calls handed over at once: one transaction's worth. More would let a command wait behind them.
const CALLS_A_BATCH: usize = 512;

/// Lines handed over at once. The links bound how many wait here: their windows.
const LINES_A_BATCH: usize = 512;

#[derive(Debug, Default)]
pub struct Handing {
    journals: VecDeque<Input>,
    /// Calls that changed, each once, oldest change first; and what must keep its place among
    /// them.
    order: VecDeque<Step>,
    waiting: BTreeMap<CallId, State>,
}

#[derive(Debug)]
enum Step {
    Call(CallId),
    Other(Box<Input>),
}

#[derive(Debug)]
enum State {
    /// Still up: its state is read when it is handed over, so that states in between cost nothing.
    Up,
    Ended(Arc<Call>),
}

impl Handing {
    pub fn is_empty(&self) -> bool {
        self.order.is_empty() && self.journals.is_empty()
    }

    /// A line of a sender, the `nth` of its link.
    pub fn journal(&mut self, pbx: &PbxName, entry: Entry, nth: u64, committed: &watch::Sender<u64>) {
        if let Some(Input::Journal { pbx: last, entries, nth: last_nth, .. }) = self.journals.back_mut()
            && last == pbx
            && entries.len() < LINES_A_BATCH
        {
            entries.push(entry);
            *last_nth = nth;
            return;
        }
        let committed = committed.clone();
        self.journals.push_back(Input::Journal { pbx: pbx.clone(), entries: vec![entry], nth, committed });
    }

    pub fn changed(&mut self, id: CallId) {
        if !self.waiting.contains_key(&id) {
            self.order.push_back(Step::Call(id.clone()));
            self.waiting.insert(id, State::Up);
        }
    }

    pub fn ended(&mut self, call: Arc<Call>) {
        if self.waiting.insert(call.id.clone(), State::Ended(call.clone())).is_none() {
            self.order.push_back(Step::Call(call.id.clone()));
        }
    }

    pub fn merged(&mut self, from: CallId, into: CallId) {
        self.waiting.remove(&from);
        self.order.push_back(Step::Other(Box::new(Input::Merged { from, into })));
    }

    pub fn add(&mut self, input: Input) {
        self.order.push_back(Step::Other(Box::new(input)));
    }

    /// The next input for the engine; `up` finds a call that is up.
    pub fn next<'a>(&mut self, up: impl Fn(&CallId) -> Option<&'a Call>, at: Time) -> Option<Input> {
        if let Some(journal) = self.journals.pop_front() {
            return Some(journal);
        }
        let mut calls = Vec::new();
        while calls.len() < CALLS_A_BATCH {
            match self.order.front() {
                Some(Step::Call(_)) => {}
                Some(Step::Other(_)) if calls.is_empty() => {
                    let Some(Step::Other(input)) = self.order.pop_front() else { continue };
                    return Some(*input);
                }
                Some(Step::Other(_)) | None => break,
            }
            let Some(Step::Call(id)) = self.order.pop_front() else { break };
            match self.waiting.remove(&id) {
                Some(State::Ended(call)) => calls.push(call),
                Some(State::Up) => calls.extend(up(&id).map(|call| Arc::new(call.clone()))),
                // Merged into another meanwhile.
                None => {}
            }
        }
        (!calls.is_empty()).then_some(Input::Calls { at, calls })
    }
}
