//! Which screen shows which call, and what it was last told of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calls::call::Call;
use crate::calls::pop::{self, PopState};
use crate::calls::tracker::Tracker;
use crate::live::{Hub, Notice, Pop, Topic};
use crate::{CallId, Extension, PbxName};

#[derive(Debug, Default)]
pub struct Pops {
    shown: BTreeMap<CallId, BTreeMap<Extension, PopState>>,
    /// Calls that each screen has to do with, so that a new listener finds its own quickly.
    by_extension: BTreeMap<(PbxName, Extension), Vec<CallId>>,
}

impl Pops {
    /// Tells every screen for which `call` looks different now.
    pub fn show(&mut self, call: &Call, hub: &mut Hub) {
        let mut shared: Option<Arc<Call>> = None;
        for agent in pop::extensions(call) {
            let Some(state) = pop::state(call, agent) else { continue };
            let shown = self.shown.entry(call.id.clone()).or_default();
            match shown.get(agent) {
                Some(last) if *last == state => continue,
                Some(_) => {}
                None => self.by_extension.entry((call.pbx.clone(), agent.clone())).or_default().push(call.id.clone()),
            }
            shown.insert(agent.clone(), state.clone());
            let topic = Topic::Extension(call.pbx.clone(), agent.clone());
            if hub.has(&topic) {
                let call = shared.get_or_insert_with(|| Arc::new(call.clone())).clone();
                hub.tell(&topic, Notice::Pop(Arc::new(Pop { call, agent: agent.clone(), state })));
            }
        }
    }

    /// The call is over and told; who was shown it.
    pub fn forget(&mut self, pbx: &PbxName, id: &CallId) -> Vec<Extension> {
        let agents: Vec<Extension> = self.shown.remove(id).unwrap_or_default().into_keys().collect();
        for agent in &agents {
            let seat = (pbx.clone(), agent.clone());
            if let Some(calls) = self.by_extension.get_mut(&seat) {
                calls.retain(|call| call != id);
                if calls.is_empty() {
                    self.by_extension.remove(&seat);
                }
            }
        }
        agents
    }

    /// The call is part of another one now, under whose name its screens will hear of it.
    pub fn withdraw(&mut self, pbx: &PbxName, id: &CallId, hub: &mut Hub) {
        for agent in self.forget(pbx, id) {
            let topic = Topic::Extension(pbx.clone(), agent.clone());
            hub.tell(&topic, Notice::PopGone { call: id.clone(), agent });
        }
    }

    /// What a screen that is opened now shows.
    pub fn standing(&self, pbx: &PbxName, agent: &Extension, tracker: &Tracker) -> impl Iterator<Item = Arc<Pop>> {
        let calls = self.by_extension.get(&(pbx.clone(), agent.clone())).cloned().unwrap_or_default();
        calls.into_iter().filter_map(|id| {
            let call = tracker.call(&id)?;
            let state = pop::state(call, agent)?;
            state.stands().then(|| Arc::new(Pop { call: Arc::new(call.clone()), agent: agent.clone(), state }))
        })
    }
}
