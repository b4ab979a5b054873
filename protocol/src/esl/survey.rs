//! Asking what is up: lists, and of each leg of which lists and events say different things,
//! whether it exists.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;

use super::json::{self, Value};
use super::legs::Legs;
use super::snapshot::{self, Row, column};
use crate::charset::text;
use crate::event::LegId;
use crate::session::Asking;

/// What FreeSWITCH lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    Queues,
    Agents,
    Tiers,
    Callers,
    Channels,
}

impl List {
    /// The channels last: what was written when we subscribed is in their list by then.
    pub fn of(asking: Asking) -> &'static [List] {
        match asking {
            Asking::Snapshot | Asking::Look => {
                &[List::Queues, List::Agents, List::Tiers, List::Callers, List::Channels]
            }
            Asking::Duties => &[List::Agents, List::Tiers],
        }
    }

    /// The tables of mod_callcenter by the JSON API, since a contact may hold the bar that parts
    /// the columns of its other lists (mod_callcenter.c).
    pub fn command(self) -> &'static str {
        match self {
            List::Queues => r#"json {"command":"callcenter_config","data":{"arguments":"queue list"}}"#,
            List::Agents => r#"json {"command":"callcenter_config","data":{"arguments":"agent list"}}"#,
            List::Tiers => r#"json {"command":"callcenter_config","data":{"arguments":"tier list"}}"#,
            List::Callers => r#"json {"command":"callcenter_config","data":{"arguments":"member list"}}"#,
            List::Channels => "show channels as json",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            List::Queues => "callcenter_config queue list",
            List::Agents => "callcenter_config agent list",
            List::Tiers => "callcenter_config tier list",
            List::Callers => "callcenter_config member list",
            List::Channels => "show channels",
        }
    }
}

/// One round of asking.
#[derive(Debug)]
pub struct Survey {
    /// Replies to an earlier one are of no matter.
    pub no: u64,
    pub asking: Asking,
    pub began: Instant,
    answers: BTreeMap<List, Bytes>,
    /// Legs that are asked for, and whether they exist.
    doubts: BTreeMap<LegId, Option<bool>>,
    refused: BTreeSet<List>,
}

impl Survey {
    pub fn new(no: u64, asking: Asking, began: Instant) -> Self {
        Survey { no, asking, began, answers: BTreeMap::new(), doubts: BTreeMap::new(), refused: BTreeSet::new() }
    }

    /// A list came, or was refused: then in whose words. Of the legs it is to be asked whether they
    /// exist.
    pub fn listed(&mut self, list: List, answer: Bytes, legs: &Legs) -> (Vec<LegId>, Option<String>) {
        let refused = refusal(&answer);
        if refused.is_some() {
            self.refused.insert(list);
        }
        self.answers.insert(list, if refused.is_some() { Bytes::new() } else { answer });
        let doubtful = if self.has_all_lists() { self.doubtful(legs) } else { Vec::new() };
        self.doubts = doubtful.iter().map(|leg| (leg.clone(), None)).collect();
        (doubtful, refused)
    }

    /// Whether a leg exists, as far as the PBX would say.
    pub fn exists(&mut self, leg: &LegId, exists: bool) {
        if let Some(answer) = self.doubts.get_mut(leg) {
            *answer = Some(exists);
        }
    }

    pub fn is_done(&self) -> bool {
        self.has_all_lists() && self.doubts.values().all(Option::is_some)
    }

    fn has_all_lists(&self) -> bool {
        self.answers.len() == List::of(self.asking).len()
    }

    /// The legs that lists and events do not agree upon. Those whose start or end the events told
    /// since are not among them: a list may be older.
    fn doubtful(&self, legs: &Legs) -> Vec<LegId> {
        let listed = self.channels().filter(|leg| !legs.ended(leg) && !legs.contains(leg));
        match self.asking {
            Asking::Snapshot => listed.collect(),
            Asking::Look => {
                let rows: BTreeSet<LegId> = self.channels().collect();
                let missing = legs.up_since(self.began).filter(|leg| !rows.contains(*leg));
                listed.chain(missing.cloned()).collect()
            }
            Asking::Duties => Vec::new(),
        }
    }

    fn channels(&self) -> impl Iterator<Item = LegId> {
        self.rows(List::Channels).into_iter().filter_map(|row| column(&row, "uuid").map(LegId::from))
    }

    pub fn rows(&self, list: List) -> Vec<Row<'_>> {
        self.answers.get(&list).and_then(|answer| snapshot::rows(answer)).unwrap_or_default()
    }

    /// Whether the PBX gave us this list: one that it refused says nothing.
    pub fn has(&self, list: List) -> bool {
        self.answers.contains_key(&list) && !self.refused.contains(&list)
    }

    /// The legs that were asked for, and whether they exist.
    pub fn verdicts(&self) -> impl Iterator<Item = (&LegId, bool)> {
        self.doubts.iter().map(|(leg, exists)| (leg, exists.unwrap_or(true)))
    }
}

/// In whose words a list was refused; none when it was not.
pub fn refusal(answer: &[u8]) -> Option<String> {
    if answer.starts_with(b"-") {
        return Some(text(answer).trim().to_owned());
    }
    let (mut failed, mut said) = (false, String::new());
    if answer.first() == Some(&b'{') {
        // An answer that is none has no rows either.
        let _ = json::object(answer.trim_ascii(), |key, value: Value| match key {
            b"status" => failed = value.text() == "error",
            b"message" => said = value.text().into_owned(),
            _ => {}
        });
    }
    failed.then_some(said)
}
