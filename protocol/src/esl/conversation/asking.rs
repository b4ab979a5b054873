//! What a conversation asks of itself: all that is up, at first and after damage; now and then
//! whether that is still so; and how agents stand.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::requests;
use super::super::sight::Looked;
use super::super::survey::{List, Survey};
use super::{Conversation, DUTIES_EVERY, LIST_WITHIN, LOOK_EVERY, Stage, What, now};
use crate::event::CallEvent;
use crate::session::{Asking, Heard, Over};

/// Snapshots that damage or strange legs ask for come no faster than this: they read all tables.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(5);

/// And no more often than this, whatever the counts say.
pub(super) const LOOK_AT_MOST_EVERY: Duration = Duration::from_secs(30);

/// A list that has not caught up with the events is asked for again so much later.
pub(super) const LIST_AGAIN_AFTER: Duration = Duration::from_secs(2);

impl Conversation {
    /// A snapshot waits for lists, each with its own limit, and for an event that says which run of
    /// FreeSWITCH this is.
    pub(super) fn stuck_at(&self) -> Option<Instant> {
        let survey = self.sight.survey().filter(|_| matches!(self.stage, Stage::Snapshot { .. }))?;
        Some(survey.began + 2 * LIST_WITHIN)
    }

    pub(super) fn may_ask(&self) -> bool {
        matches!(self.stage, Stage::Live) && self.sight.survey().is_none()
    }

    pub(super) fn listed(&mut self, at: Instant, no: u64, list: List, said: Bytes, heard: &mut Vec<Heard>) {
        let Some((doubtful, refused)) = self.sight.listed(no, list, said) else { return };
        heard.extend(refused.map(|said| missing(list, &said)));
        for leg in doubtful {
            if requests::is_word(&leg) {
                let command = format!("api uuid_exists {leg}");
                self.command(at, &command, What::Exists(no, leg), LIST_WITHIN);
            } else {
                self.sight.exists(no, &leg, true);
            }
        }
        self.finish_if_done(at, heard);
    }

    pub(super) fn finish_if_done(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let Some(survey) = self.sight.take_done(self.core.is_some()) else { return };
        match survey.asking {
            Asking::Snapshot => self.finish_snapshot(at, &survey, heard),
            Asking::Look => self.finish_look(at, &survey, heard),
            Asking::Duties => heard.extend(self.sight.duties(&survey).into_iter().map(now)),
        }
    }

    fn finish_snapshot(&mut self, at: Instant, survey: &Survey, heard: &mut Vec<Heard>) {
        let Some(core) = self.core.clone() else { return };
        if self.boot.as_ref().is_some_and(|before| *before != core) {
            heard.push(now(CallEvent::PbxStarted));
        }
        self.boot = Some(core.clone());
        heard.push(now(CallEvent::SnapshotBegan { boot: core }));
        heard.extend(self.sight.snapshot(at, survey).into_iter().map(now));
        heard.push(now(CallEvent::SnapshotEnded));
        if let Stage::Snapshot { held } = std::mem::replace(&mut self.stage, Stage::Live) {
            for (came, event) in held {
                heard.push(Heard::Event { event, held: at.duration_since(came) });
            }
        }
        self.looked(at);
        heard.push(Heard::Live);
    }

    fn finish_look(&mut self, at: Instant, survey: &Survey, heard: &mut Vec<Heard>) {
        let mut told = Vec::new();
        let looked = self.sight.look(at, survey, &mut told);
        heard.extend(told.into_iter().map(now));
        match looked {
            Looked::Behind => return self.look_at = at + LIST_AGAIN_AFTER,
            Looked::Well => {}
            Looked::Strange => self.want_snapshot_soon(at, "A channel is up of which no event told."),
        }
        self.looked(at);
    }

    fn looked(&mut self, at: Instant) {
        self.look_last = Some(at);
        self.look_at = at + LOOK_EVERY;
        self.duties_at = at + DUTIES_EVERY;
        self.pulse.accept();
    }

    /// All is asked at once: the answers come one after the other, in order.
    pub(super) fn begin(&mut self, at: Instant, asking: Asking, heard: &mut Vec<Heard>) {
        heard.push(Heard::Asking(asking));
        let (no, lists) = self.sight.begin(asking, at);
        for list in lists {
            self.command(at, &format!("api {}", list.command()), What::List(no, *list), LIST_WITHIN);
        }
        self.duties_at = at + DUTIES_EVERY;
    }

    pub(super) fn begin_snapshot(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        (self.snapshot_at, self.snapshot_last) = (None, Some(at));
        self.stage = Stage::Snapshot { held: Vec::new() };
        self.begin(at, Asking::Snapshot, heard);
    }

    pub(super) fn want_snapshot_soon(&mut self, at: Instant, why: &'static str) {
        let due = self.snapshot_last.map_or(at, |last| at.max(last + SNAPSHOT_EVERY));
        self.snapshot_at.get_or_insert((due, why));
    }

    pub(super) fn want_look_soon(&mut self, at: Instant) {
        let soon = at + LIST_AGAIN_AFTER;
        let due = self.look_last.map_or(soon, |last| soon.max(last + LOOK_AT_MOST_EVERY));
        self.look_at = self.look_at.min(due);
    }

    pub(super) fn bury(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let lost = self.sight.bury(at);
        if lost.is_empty() {
            return;
        }
        heard.push(Heard::Note(format!(
            "{} channels of the PBX are gone of which no event told it: FreeSWITCH drops events when more than 100,000 \
             wait for us (mod_event_socket), and says nothing.",
            lost.len()
        )));
        for leg in lost {
            self.tell(at, CallEvent::LegGone { leg }, heard);
        }
    }

    pub(super) fn late(&mut self, no: u64, name: &'static str, heard: &mut Vec<Heard>) {
        match self.sight.give_up(no) {
            None => {}
            Some(Asking::Snapshot) => self.end(Over::SnapshotStuck(name), heard),
            Some(Asking::Look | Asking::Duties) => {
                self.look_at += LOOK_EVERY;
                heard.push(Heard::Note(format!("The PBX did not finish its answer to {name} within 30 s.")));
            }
        }
    }
}

fn missing(list: List, said: &str) -> Heard {
    let what = list.name();
    Heard::Note(if said.contains("permission denied") {
        format!(
            "The PBX refused {what} ({said}): take `esl-allowed-api` from our user in the directory, or add `json show \
             uuid_exists callcenter_config originate uuid_kill strmicroepoch version` to it."
        )
    } else {
        match list {
            List::Channels => format!(
                "The PBX keeps no list of its channels ({said}): calls that were up before we came stay unseen. See that \
                 it does not run with -nosql."
            ),
            List::Queues | List::Agents | List::Tiers | List::Callers => {
                format!(
                    "The PBX refused {what} ({said}): is mod_callcenter loaded? `load mod_callcenter` on the PBX (fs_cli)."
                )
            }
        }
    })
}
