//! What is heard of calls, and how much of it counts.

use std::collections::BTreeSet;

use super::super::hours::Ms;
use super::super::pbx::{End, Move};
use super::Diary;

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

    /// When it had been so long: so much later as they were on hold before.
    pub(super) fn reached(&self, long: Ms) -> Option<Ms> {
        let mut at = self.from + long;
        for (from, to) in self.holds.iter().filter(|(from, _)| *from >= self.from) {
            if *from < at {
                at += (*to)? - *from;
            }
        }
        self.to.is_none_or(|to| at <= to).then_some(at)
    }
}

/// What was heard of a call.
#[derive(Clone, Debug)]
pub struct Heard {
    pub name: String,
    pub(super) pbx: usize,
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
    /// When it was over, or was found to be.
    pub(super) over_at: Option<Ms>,
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
    /// Whoever talked does no more.
    fn leaves(&mut self, at: Ms) {
        for talk in self.talks.iter_mut().filter(|talk| talk.to.is_none()) {
            talk.to = Some(at);
            talk.holds.iter_mut().filter(|hold| hold.1.is_none()).for_each(|hold| hold.1 = Some(at));
        }
    }

    fn ends(&mut self, at: Ms, how: Option<End>) {
        self.leaves(at);
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
    pub fn hears(
        &mut self,
        no: u64,
        what: Move,
        (pbx, line, dials, name): (usize, usize, Option<usize>, String),
        at: Ms,
    ) {
        if what == Move::Starts {
            self.heard.entry(no).or_insert(Heard {
                name,
                pbx,
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
            Move::Transfers { phone } => {
                heard.leaves(at);
                heard.talks.push(Talk { phone, from: at, to: None, holds: Vec::new() });
                heard.is_noted = false;
            }
            Move::Ends(how) => heard.ends(at, Some(how)),
        }
        self.news.insert(no);
    }

    /// The PBX tells what is up: each call's line, who dialled it, name, since when, queue, and who talks
    /// in it.
    pub fn sees_all(&mut self, pbx: usize, up: Vec<(u64, Standing)>, at: Ms) {
        self.sees[pbx] = true;
        let theirs = self.heard.iter().filter(|(_, heard)| heard.pbx == pbx).map(|(no, _)| *no);
        let gone: Vec<u64> = theirs.filter(|no| up.iter().all(|(stands, _)| stands != no)).collect();
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
                pbx,
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
            // Who talked when it was seen last has handed it on.
            if talker.is_some_and(|phone| heard.talks.iter().any(|talk| talk.to.is_none() && talk.phone != phone)) {
                heard.leaves(at);
            }
            if let Some(phone) = talker.filter(|_| heard.talks.iter().all(|talk| talk.to.is_some())) {
                heard.talks.push(Talk { phone, from: at, to: None, holds: Vec::new() });
                self.news.insert(no);
            }
            self.news.extend(is_new.then_some(no));
        }
    }

    /// Of what is up not all will have been heard.
    pub fn loses_sight(&mut self, pbx: usize) {
        self.sees[pbx] = false;
        let up = self.heard.values_mut().filter(|heard| heard.ended.is_none() && heard.pbx == pbx);
        up.for_each(|heard| heard.is_whole = false);
    }

    /// What was only heard is forgotten.
    pub fn dies(&mut self) {
        self.sees = [false; 2];
        self.heard.clear();
        self.news.clear();
    }

    /// Other terms may want talks to be longer, or shorter.
    pub(super) fn looks_anew(&mut self) {
        self.heard.values_mut().for_each(|heard| heard.is_noted = false);
    }

    /// A talk has lasted long enough by now.
    pub fn looks_at_talks(&mut self, at: Ms) {
        let (sees, counts) = (self.sees, self.rules.talk);
        let up = self.heard.iter_mut().filter(|(_, heard)| heard.ended.is_none() && sees[heard.pbx]);
        for (no, heard) in up.filter(|(_, heard)| !heard.is_noted) {
            let is_long = |talk: &Talk| talk.to.is_none() && talk.long(talk.from, at) >= counts;
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
    pub fn stand(&mut self, pbx: usize, up: &BTreeSet<u64>, now: Ms) {
        let theirs = self.noted.iter_mut().filter(|(_, noted)| noted.heard.pbx == pbx);
        for (_, noted) in theirs.filter(|(no, noted)| !noted.is_over && !up.contains(no)) {
            (noted.is_over, noted.heard.is_whole) = (true, false);
            noted.over_at = Some(now);
        }
    }
}
