//! The oracle: a person with a diary at the daemon's place.
//!
//! They look at the same clock on the wall, hear what the PBX says, and write down what people do, in
//! the plainest way; they know the site's terms, and no code of the desk. What a dead daemon had
//! not written is not in the diary either: the pages after the last that was kept are torn out.

mod customers;
mod deeds;
mod handing;
mod hearing;
mod regrouping;
mod rules;
mod weighing;

use std::collections::{BTreeMap, BTreeSet};

use super::hours::{DAY, Hours, MINUTE, Ms};
use crate::desk::clock::{ClockKind, ObligationState};
use crate::desk::ticket::{Channel, Kind, Satisfaction, TicketState};
use customers::Shift;
pub use customers::{Customer, Form};
pub use deeds::Deed;
pub use handing::Hand;
use handing::Offer;
pub use hearing::Standing;
use hearing::{Heard, Noted};
use regrouping::Regrouping;
pub use rules::{LOTS, Rules, rules};

/// Who works here. The first three have a phone each.
pub const AGENTS: [usize; 2] = [0, 1];
pub const SUPERVISORS: [usize; 2] = [2, 3];
pub const MANAGER: usize = 4;

#[derive(Clone, Debug)]
pub struct Ticket {
    /// The line that it came from.
    pub line: usize,
    pub customer: Option<usize>,
    pub owner: Option<usize>,
    /// Who works on it for the owner.
    pub handler: Option<usize>,
    pub kind: Kind,
    pub is_urgent: bool,
    pub is_complex: bool,
    pub channel: Channel,
    pub state: TicketState,
    pub version: i64,
    pub opened: Ms,
    /// Of a hundred, with a fraction: those below the site's percent are drawn.
    pub lot: f64,
    /// Its form says what it is about.
    pub is_written: bool,
    /// How often it was written what was found out.
    pub findings: i64,
    /// When somebody said last that it waits for its customer.
    pub waits: Ms,
    pub is_found: bool,
    /// It turned out to be that one.
    pub part_of: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Owed {
    pub kind: ClockKind,
    pub ticket: usize,
    /// On which to call them.
    pub line: usize,
    pub customer: Option<usize>,
    pub owner: Option<usize>,
    pub began: Ms,
    pub promised: Option<Ms>,
    pub queue: Option<&'static str>,
    pub pauses: Vec<(Ms, Option<Ms>)>,
    pub state: ObligationState,
    /// When it ended.
    pub ended: Option<Ms>,
    /// The call and since when it was talked, where a talk kept it.
    pub proof: Option<(String, Ms)>,
    pub attempts: BTreeMap<String, Ms>,
    survey: Option<Satisfaction>,
    /// The last, also one that is over.
    pub claim: Option<(usize, Ms)>,
    /// When its rungs are due.
    pub ladder: [Option<Ms>; 3],
    pub fired: Vec<Fired>,
    /// What else was told of it, and whom.
    pub news: Vec<(&'static str, Told)>,
    /// What somebody is to accept.
    offer: Option<Offer>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    pub planned: Ms,
    pub at: Ms,
    pub told: Told,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub people: BTreeSet<usize>,
    /// Not before.
    pub send: Ms,
}

impl Owed {
    pub fn is_open(&self) -> bool {
        self.state == ObligationState::Open
    }

    fn next(&self) -> Option<Ms> {
        self.ladder.get(self.fired.len()).copied().flatten().filter(|_| self.is_open())
    }
}

#[derive(Clone)]
pub struct Diary {
    pub rules: Rules,
    pub tickets: Vec<Ticket>,
    pub owed: Vec<Owed>,
    heard: BTreeMap<u64, Heard>,
    noted: BTreeMap<u64, Noted>,
    /// What must be written down of calls.
    pub news: BTreeSet<u64>,
    /// Which PBXs are in sight.
    pub sees: [bool; 2],
    pub customers: Vec<Customer>,
    pub shifts: Vec<Shift>,
    pub regroupings: Vec<Regrouping>,
    pub away: [Option<Option<usize>>; 5],
}

impl Diary {
    pub fn new(rules: Rules) -> Diary {
        let known = |lines, is_key| Customer { lines, is_key, version: 1, part_of: None };
        Diary {
            rules,
            tickets: Vec::new(),
            owed: Vec::new(),
            heard: BTreeMap::new(),
            noted: BTreeMap::new(),
            news: BTreeSet::new(),
            sees: [false; 2],
            customers: vec![known([0, 1].into(), false), known([2].into(), true)],
            shifts: Vec::new(),
            regroupings: Vec::new(),
            away: [None; 5],
        }
    }

    /// The next moment at which something is due.
    pub fn next_due(&self) -> Option<Ms> {
        self.owed.iter().filter_map(Owed::next).min()
    }

    /// What is owed no more by other terms is dropped, and whoever is due now is told.
    pub fn fire(&mut self, now: Ms) {
        self.drops(now);
        for nth in 0..self.owed.len() {
            while let Some(planned) = self.owed[nth].next().filter(|planned| *planned <= now) {
                let rung = self.owed[nth].fired.len();
                let told = self.told(rung, self.owed[nth].owner, now);
                self.owed[nth].fired.push(Fired { planned, at: now, told });
                if self.owed[nth].kind == ClockKind::HandOver && rung == 1 {
                    self.lapses(nth, now);
                }
            }
        }
    }

    /// The clock was far ahead when it was looked at last: what was not to be told before a time that it
    /// showed then is told now.
    pub fn comes_back(&mut self, now: Ms) {
        let told = self.owed.iter_mut().flat_map(|owed| {
            owed.fired.iter_mut().map(|fired| &mut fired.told).chain(owed.news.iter_mut().map(|(_, told)| told))
        });
        for told in told.filter(|told| told.send > now + 3 * DAY) {
            told.send = now;
        }
    }

    fn drops(&mut self, now: Ms) {
        for nth in 0..self.owed.len() {
            let Owed { kind, ticket, .. } = self.owed[nth];
            if self.owed[nth].is_open() && !self.rules.runs(kind, self.tickets[ticket].kind) {
                self.drop(nth, now);
            }
        }
    }

    pub fn drop(&mut self, nth: usize, now: Ms) {
        self.ends(nth, ObligationState::Dropped, now);
        self.goes_on(nth, now);
    }

    fn told(&self, rung: usize, owner: Option<usize>, now: Ms) -> Told {
        let mut wanted: Vec<usize> = Vec::new();
        match rung {
            0 => wanted.extend(owner),
            1 => wanted.extend(owner.into_iter().chain(SUPERVISORS)),
            _ => wanted.push(MANAGER),
        }
        let mut people: BTreeSet<usize> = wanted.into_iter().filter_map(|person| self.stands_in(person)).collect();
        if people.is_empty() {
            people.extend(SUPERVISORS);
        }
        Told { people, send: self.send(now) }
    }

    /// When those are told who are to be told now.
    fn send(&self, now: Ms) -> Ms {
        if self.rules.quiet { self.rules.zone.quiet_until(now) } else { now }
    }

    /// Their deputy, or that one's.
    pub fn stands_in(&self, person: usize) -> Option<usize> {
        let mut asked = person;
        for _ in 0..self.away.len() {
            match self.away[asked] {
                None => return Some(asked),
                Some(deputy) => asked = deputy?,
            }
        }
        None
    }

    fn begins(&mut self, kind: ClockKind, ticket: usize, began: Ms, queue: Option<&'static str>) -> usize {
        let Ticket { line, customer, owner, handler, .. } = self.tickets[ticket];
        // Whoever does the work files it.
        let owner = handler.filter(|_| kind == ClockKind::Filing).or(owner);
        let owner = owner.filter(|_| kind != ClockKind::SpotCheck);
        self.owed.push(Owed {
            kind,
            ticket,
            line,
            customer,
            owner,
            began,
            promised: None,
            queue,
            pauses: Vec::new(),
            state: ObligationState::Open,
            ended: None,
            proof: None,
            attempts: BTreeMap::new(),
            survey: None,
            claim: None,
            ladder: [None; 3],
            fired: Vec::new(),
            news: Vec::new(),
            offer: None,
        });
        let nth = self.owed.len() - 1;
        self.reckon(nth);
        nth
    }

    /// As what is owed already, to the same one.
    fn begins_beside(&mut self, kind: ClockKind, nth: usize, began: Ms) -> usize {
        let Owed { ticket, line, customer, queue, .. } = self.owed[nth];
        let new = self.begins(kind, ticket, began, queue);
        (self.owed[new].line, self.owed[new].customer) = (line, customer);
        self.reckon(new);
        new
    }

    fn reckon(&mut self, nth: usize) {
        let owed = &self.owed[nth];
        let rules = &self.rules;
        let ticket = &self.tickets[owed.ticket];
        let is_key = owed.customer.is_some_and(|customer| self.customers[customer].is_key);
        let open = if owed.queue == Some("night") { Hours::Night } else { Hours::Office };
        let (window, hours) = match owed.kind {
            ClockKind::MissedCall => (if is_key { rules.key } else { rules.missed }, open),
            ClockKind::FirstResponse => (if ticket.is_urgent { 5 * MINUTE } else { 10 * MINUTE }, open),
            ClockKind::Resolution => {
                let window = if ticket.is_complex { rules.complex } else { rules.simple };
                (window, if rules.office { open } else { Hours::All })
            }
            ClockKind::Acceptance | ClockKind::Filing | ClockKind::ReturnVisit => (DAY, Hours::All),
            ClockKind::HandOver => (rules.offer, open),
            ClockKind::Promise | ClockKind::SpotCheck => (0, Hours::All),
        };
        let passed = |window: Ms| hours.passed(rules.zone, owed.began, window, &owed.pauses);
        let until = match owed.kind {
            ClockKind::SpotCheck => Some(open.month_end(rules.zone, owed.began)),
            _ => owed.promised,
        };
        let (reminder, due) = match until {
            Some(promised) => (Some(owed.began + (promised - owed.began) * rules.percent / 100), Some(promised)),
            None => (passed(window * rules.percent / 100), passed(window)),
        };
        self.owed[nth].ladder = [reminder, due, due.map(|due| due + rules.escalated)];
    }

    fn reckon_where(&mut self, whose: impl Fn(&Owed) -> bool) {
        (0..self.owed.len())
            .filter(|nth| self.owed[*nth].is_open() && whose(&self.owed[*nth]))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|nth| self.reckon(nth));
    }

    fn ends(&mut self, nth: usize, state: ObligationState, now: Ms) {
        let owed = &mut self.owed[nth];
        (owed.state, owed.ended, owed.claim) = (state, Some(now), None);
    }

    fn keeps(&mut self, nth: usize, proof: Option<(String, Ms)>, now: Ms) {
        self.ends(nth, ObligationState::Kept, now);
        self.owed[nth].proof = proof;
    }

    fn open_of(&self, ticket: usize, kind: ClockKind) -> Option<usize> {
        self.owed.iter().position(|owed| owed.is_open() && owed.ticket == ticket && owed.kind == kind)
    }

    /// A return visit is over, and nobody is dissatisfied: so is the matter.
    fn archives(&mut self, nth: usize, now: Ms) {
        let Owed { kind, ticket, .. } = self.owed[nth];
        let its = &mut self.tickets[ticket];
        if kind != ClockKind::ReturnVisit || its.state != TicketState::Filed {
            return;
        }
        its.state = TicketState::Closed;
        its.version += 1;
        let is_drawn = self.rules.runs(ClockKind::SpotCheck, its.kind) && its.lot < self.rules.spot as f64;
        if is_drawn && self.open_of(ticket, ClockKind::SpotCheck).is_none() {
            self.begins_beside(ClockKind::SpotCheck, nth, now);
        }
    }

    fn visited(&mut self, nth: usize, proof: (String, Ms), result: Satisfaction, now: Ms) {
        self.keeps(nth, Some(proof), now);
        if result != Satisfaction::Dissatisfied {
            return self.archives(nth, now);
        }
        let ticket = self.owed[nth].ticket;
        for kind in [ClockKind::Filing, ClockKind::ReturnVisit, ClockKind::SpotCheck] {
            while let Some(over) = self.open_of(ticket, kind) {
                self.ends(over, ObligationState::Dropped, now);
            }
        }
        let runs = self.rules.runs(ClockKind::Resolution, self.tickets[ticket].kind);
        // Where no solution is owed, they hear of the visit itself.
        let named = if runs { self.begins_beside(ClockKind::Resolution, nth, now) } else { nth };
        let told = self.told(1, None, now);
        self.owed[named].news.push(("reopened", told));
        let ticket = &mut self.tickets[ticket];
        ticket.state = TicketState::Reopened;
        ticket.version += 1;
    }
}
