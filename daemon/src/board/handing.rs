//! What the engine has yet to take: one state a call, in the order of their first change.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::calls::call::Call;
use crate::engine::Input;
use crate::{CallId, Time};

/// Calls handed over at once: one transaction's worth. More would let a command wait behind them.
const CALLS_A_BATCH: usize = 512;

#[derive(Debug, Default)]
pub struct Handing {
    /// Calls that changed, each once, oldest change first; and what must keep its place among
    /// them.
    order: VecDeque<Step>,
    waiting: BTreeMap<CallId, State>,
}

#[derive(Debug)]
enum Step {
    Call(CallId),
    Other(Input),
}

#[derive(Debug)]
enum State {
    /// Still up: its state is read when it is handed over, so that states in between cost nothing.
    Up,
    Ended(Arc<Call>),
}

impl Handing {
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
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
        self.order.push_back(Step::Other(Input::Merged { from, into }));
    }

    pub fn add(&mut self, input: Input) {
        self.order.push_back(Step::Other(input));
    }

    /// The next input for the engine; `up` finds a call that is up.
    pub fn next<'a>(&mut self, up: impl Fn(&CallId) -> Option<&'a Call>, at: Time) -> Option<Input> {
        let mut calls = Vec::new();
        while calls.len() < CALLS_A_BATCH {
            match self.order.front() {
                Some(Step::Call(_)) => {}
                Some(Step::Other(_)) if calls.is_empty() => {
                    let Some(Step::Other(input)) = self.order.pop_front() else { continue };
                    return Some(input);
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
