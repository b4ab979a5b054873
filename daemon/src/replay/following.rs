//! A captured link to a FreeSWITCH, followed as the link did: what it asked, and when, stands in the
//! capture, and the answers come in the order of the questions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::CallEvent;
use protocol::charset::text;
use protocol::esl::codec::{ContentType, Frame};
use protocol::esl::conversation::core_of;
use protocol::esl::event::Event;
use protocol::esl::events;
use protocol::esl::requests::is_word;
use protocol::esl::sight::Sight;
use protocol::esl::survey::List;
use protocol::event::{BootId, LegId};
use protocol::session::Asking;

use crate::Time;

#[derive(Debug, Default)]
pub struct Following {
    sight: Sight,
    /// Events that wait for the snapshot's end; none: all that is up was told.
    held: Option<Vec<(Time, CallEvent)>>,
    /// The link has not asked yet.
    is_blind: bool,
    /// What was asked and is not answered, in order.
    line: VecDeque<Asked>,
    /// The last run that was seen, and this connection's.
    boot: Option<BootId>,
    core: Option<BootId>,
    /// A moment of the capture, and what stands for it on the clock of `sight`.
    origin: Option<(Time, Instant)>,
    heard_at: Time,
    mapped: Vec<CallEvent>,
}

#[derive(Debug)]
enum Asked {
    /// Of that asking.
    List(u64, List),
    Exists(u64, LegId),
}

impl Following {
    pub fn connected(&mut self) {
        let Following { boot, origin, heard_at, .. } = std::mem::take(self);
        *self = Following { boot, origin, heard_at, held: Some(Vec::new()), is_blind: true, ..Following::default() };
    }

    /// What comes next does not continue what came before.
    pub fn torn(&mut self) {
        let Following { boot, core, origin, heard_at, .. } = std::mem::take(self);
        *self = Following { boot, core, origin, heard_at, ..Following::default() };
    }

    /// The link asked the PBX.
    pub fn asked(&mut self, at: Time, asking: Asking, out: &mut Vec<(Time, CallEvent)>) {
        self.bury(at, out);
        let now = self.instant(at);
        let (no, lists) = self.sight.begin(asking, now);
        self.line.extend(lists.iter().map(|list| Asked::List(no, *list)));
        if asking != Asking::Snapshot {
            return;
        }
        let mut held = self.held.take().unwrap_or_default();
        if std::mem::take(&mut self.is_blind) {
            for (came, event) in &mut held {
                let came = self.instant(*came);
                self.sight.observe(came, event);
            }
        }
        self.held = Some(held);
    }

    pub fn observe(&mut self, at: Time, frame: &Frame, out: &mut Vec<(Time, CallEvent)>) {
        self.bury(at, out);
        self.heard_at = at;
        match frame.content_type {
            ContentType::EventJson | ContentType::EventPlain => {
                let Ok(event) = Event::read(frame) else { return };
                if self.core.is_none() {
                    self.core = core_of(&event);
                    self.finish_if_done(at, out);
                }
                let mut mapped = std::mem::take(&mut self.mapped);
                events::map(&event, &mut mapped);
                for told in mapped.drain(..) {
                    self.tell(at, told, out);
                }
                self.mapped = mapped;
            }
            ContentType::ApiResponse => self.answered(at, frame, out),
            ContentType::CommandReply
            | ContentType::AuthRequest
            | ContentType::DisconnectNotice
            | ContentType::RudeRejection => {}
        }
    }

    fn answered(&mut self, at: Time, frame: &Frame, out: &mut Vec<(Time, CallEvent)>) {
        let now = self.instant(at);
        // What a ping is answered: microseconds since 1970.
        if let Ok(micros) = text(&frame.body).trim().parse() {
            return self.sight.clock_is(now, Some(Duration::from_micros(micros)));
        }
        match self.line.pop_front() {
            None => return,
            Some(Asked::List(no, list)) => {
                let Some((doubtful, _)) = self.sight.listed(no, list, frame.body.clone()) else { return };
                for leg in doubtful {
                    if is_word(&leg) {
                        self.line.push_back(Asked::Exists(no, leg));
                    } else {
                        self.sight.exists(no, &leg, true);
                    }
                }
            }
            Some(Asked::Exists(no, leg)) => self.sight.exists(no, &leg, frame.body.trim_ascii() != b"false"),
        }
        self.finish_if_done(at, out);
    }

    fn finish_if_done(&mut self, at: Time, out: &mut Vec<(Time, CallEvent)>) {
        let now = self.instant(at);
        let Some(survey) = self.sight.take_done(self.core.is_some()) else { return };
        let mut told = Vec::new();
        match survey.asking {
            Asking::Snapshot => {
                let boot = self.core.clone().unwrap_or_else(|| "replay".into());
                if self.boot.as_ref().is_some_and(|before| *before != boot) {
                    told.push(CallEvent::PbxStarted);
                }
                self.boot = Some(boot.clone());
                told.push(CallEvent::SnapshotBegan { boot });
                told.extend(self.sight.snapshot(now, &survey));
                told.push(CallEvent::SnapshotEnded);
            }
            // Whether it is asked again, or all that is up is, the capture says.
            Asking::Look => drop(self.sight.look(now, &survey, &mut told)),
            Asking::Duties => told = self.sight.duties(&survey),
        }
        out.extend(told.into_iter().map(|event| (at, event)));
        if survey.asking == Asking::Snapshot {
            out.extend(self.held.take().unwrap_or_default());
        }
    }

    fn tell(&mut self, at: Time, mut told: CallEvent, out: &mut Vec<(Time, CallEvent)>) {
        if !self.is_blind {
            let now = self.instant(at);
            self.sight.observe(now, &mut told);
        }
        match &mut self.held {
            Some(held) => held.push((at, told)),
            None => out.push((at, told)),
        }
    }

    /// Told when its time has come, as of the last that was heard before.
    fn bury(&mut self, at: Time, out: &mut Vec<(Time, CallEvent)>) {
        let now = self.instant(at);
        for leg in self.sight.bury(now) {
            self.tell(self.heard_at, CallEvent::LegGone { leg }, out);
        }
    }

    fn instant(&mut self, at: Time) -> Instant {
        let (origin, instant) = *self.origin.get_or_insert_with(|| (at, Instant::now()));
        instant + (at - origin).to_std().unwrap_or_default()
    }
}
