//! What is heard of calls, and how much of it counts.

use std::collections::BTreeSet;

use super::super::hours::Ms;
use super::super::pbx::{End, Move};
use super::Diary;

/// A talk so long counts.
pub(super) const TALK: Ms = 10_000;

#[derive(Clone, Debug)]
pub struct Talk {
    pub(super) phone: usize,
    pub(super) from: Ms,
    pub(super) to: Option<Ms>,
    pub(super) holds: Vec<(Ms, Option<Ms>)>,
}

impl Talk {
    pub(super) fn long(&self, since: Ms, at: Ms) -> Ms {
        let span = |from: Ms, to: Option<Ms>| (to.unwrap_or(at) - from.max(since)).max(0);
        span(self.from, self.to) - self.holds.iter().map(|(from, to)| span(*from, *to)).sum::<Ms>()
    }
}

/// What was heard of a call.
#[derive(Clone, Debug)]
pub struct Heard {
    pub name: String,
    pub(super) is_ours: bool,
    pub(super) line: usize,
    pub(super) phone: Option<usize>,
    pub(super) started: Ms,
    pub(super) queue: Option<&'static str>,
    pub(super) talks: Vec<Talk>,
    /// How is not known where nobody looked.
    pub(super) ended: Option<(Ms, Option<End>)>,
    /// From its beginning on, without a gap.
    pub(super) is_whole: bool,
    /// The talk that lasts long enough is on record.
    pub(super) is_noted: bool,
}

/// What was written down of a call.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub(super) heard: Heard,
    pub(super) seen: Ms,
    pub(super) is_over: bool,
    pub(super) ticket: Option<usize>,
}

/// A call that is up, as the PBX tells it when it is asked.
pub struct Standing {
    pub line: usize,
    pub dials: Option<usize>,
    pub name: String,
    pub started: Ms,
    pub queue: Option<&'static str>,
    pub talker: Option<usize>,
}

impl Heard {
    fn ends(&mut self, at: Ms, how: Option<End>) {
        for talk in self.talks.iter_mut().filter(|talk| talk.to.is_none()) {
            talk.to = Some(at);
            talk.holds.iter_mut().filter(|hold| hold.1.is_none()).for_each(|hold| hold.1 = Some(at));
        }
        self.ended = Some((at, how));
    }

    /// Talks of whose end nobody knows count while they are seen to go on.
    pub(super) fn counted(&self, sees: bool) -> impl Iterator<Item = &Talk> {
        self.talks.iter().filter(move |talk| match talk.to {
            Some(_) => self.is_whole,
            None => sees,
        })
    }
}

impl Diary {
    /// Something of a call that the PBX tells as it happens.
    pub fn hears(&mut self, no: u64, what: Move, (line, dials, name): (usize, Option<usize>, String), at: Ms) {
        if what == Move::Starts {
            self.heard.entry(no).or_insert(Heard {
                name,
                is_ours: dials.is_some(),
                line,
                phone: dials,
                started: at,
                queue: None,
                talks: Vec::new(),
                ended: None,
                is_whole: true,
                is_noted: false,
            });
            self.news.insert(no);
            return;
        }
        let Some(heard) = self.heard.get_mut(&no) else { return };
        match what {
            Move::Starts => {}
            Move::Queues(queue) => heard.queue = Some(queue),
            Move::Rings { .. } => return,
            Move::Answers { phone } => heard.talks.push(Talk { phone, from: at, to: None, holds: Vec::new() }),
            Move::Holds | Move::Resumes => {
                let Some(talk) = heard.talks.last_mut().filter(|talk| talk.to.is_none()) else { return };
                let open = talk.holds.last_mut().filter(|hold| hold.1.is_none());
                match (what, open) {
                    (Move::Holds, None) => talk.holds.push((at, None)),
                    (Move::Resumes, Some(hold)) => hold.1 = Some(at),
                    _ => return,
                }
                heard.is_noted = false;
            }
            Move::Ends(how) => heard.ends(at, Some(how)),
        }
        self.news.insert(no);
    }

    /// The PBX tells what is up: each call's line, who dialled it, name, since when, queue, and who talks
    /// in it.
    pub fn sees_all(&mut self, up: Vec<(u64, Standing)>, at: Ms) {
        self.sees = true;
        let gone: Vec<u64> =
            self.heard.keys().copied().filter(|no| up.iter().all(|(stands, _)| stands != no)).collect();
        for no in gone {
            let heard = self.heard.get_mut(&no).expect("heard of");
            if heard.ended.is_none() {
                heard.is_whole = false;
                heard.ends(at, None);
                self.news.insert(no);
            }
        }
        for (no, standing) in up {
            let Standing { line, dials, name, started, queue, talker } = standing;
            let is_new = !self.heard.contains_key(&no);
            let heard = self.heard.entry(no).or_insert(Heard {
                name,
                is_ours: dials.is_some(),
                line,
                phone: dials,
                started,
                queue: None,
                talks: Vec::new(),
                ended: None,
                is_whole: false,
                is_noted: false,
            });
            heard.queue = heard.queue.or(queue);
            if let Some(phone) = talker.filter(|_| heard.talks.iter().all(|talk| talk.to.is_some())) {
                heard.talks.push(Talk { phone, from: at, to: None, holds: Vec::new() });
                self.news.insert(no);
            }
            self.news.extend(is_new.then_some(no));
        }
    }

    /// Of what is up not all will have been heard.
    pub fn loses_sight(&mut self) {
        self.sees = false;
        self.heard.values_mut().filter(|heard| heard.ended.is_none()).for_each(|heard| heard.is_whole = false);
    }

    /// What was only heard is forgotten.
    pub fn dies(&mut self) {
        self.sees = false;
        self.heard.clear();
        self.news.clear();
    }

    /// A talk has lasted long enough by now.
    pub fn looks_at_talks(&mut self, at: Ms) {
        if !self.sees {
            return;
        }
        for (no, heard) in self.heard.iter_mut().filter(|(_, heard)| heard.ended.is_none() && !heard.is_noted) {
            let is_long = |talk: &Talk| talk.to.is_none() && talk.long(talk.from, at) >= TALK;
            if heard.talks.iter().any(is_long) {
                heard.is_noted = true;
                self.news.insert(*no);
            }
        }
    }

    /// These calls are written down as they stand.
    pub fn notes(&mut self, calls: &[u64], now: Ms) {
        for no in calls {
            self.news.remove(no);
            if let Some(heard) = self.heard.get(no).cloned() {
                self.note(*no, heard, now);
            }
        }
    }

    /// These calls are up, and no others.
    pub fn stand(&mut self, up: &BTreeSet<u64>) {
        for (_, noted) in self.noted.iter_mut().filter(|(no, noted)| !noted.is_over && !up.contains(no)) {
            (noted.is_over, noted.heard.is_whole) = (true, false);
        }
    }
}
