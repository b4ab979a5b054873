//! The oracle: a person with a diary at the daemon's place.
//!
//! They look at the same clock on the wall, hear what the PBX says, and write down what people do, in
//! the plainest way; they know the site's terms, and no code of the desk. What a dead daemon had
//! not written is not in the diary either: the pages after the last that was kept are torn out.

use std::collections::{BTreeMap, BTreeSet};

use super::hours::{DAY, HOUR, Hours, MINUTE, Ms, day_of, quiet_until};
use super::pbx::{End, Move};
use crate::desk::clock::{ClockKind, ObligationState};
use crate::desk::ticket::{Channel, Kind, Satisfaction, TicketState};

/// The site's terms, as far as they are not the same on all days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    pub missed: Ms,
    pub key: Ms,
    pub simple: Ms,
    pub complex: Ms,
    /// Solutions are owed in open hours alone.
    pub office: bool,
    pub callbacks_may_pause: bool,
    pub percent: i64,
    pub escalated: Ms,
    /// Nobody is told anything from ten to seven.
    pub quiet: bool,
    pub digest_from: usize,
    pub attempts: usize,
    pub days: usize,
    pub claim: Ms,
}

impl Rules {
    /// As a site writes them.
    pub fn terms(&self) -> String {
        let minutes = |ms: Ms| ms / MINUTE;
        format!(
            "[clock.missed_call]\nwithin = \"{}m\"\nmay_pause = {}\nexcept = [{{ key_customer = true, within = \"{}m\" }}]\n\
             [clock.resolution]\nwithin = \"{}m\"\nhours = \"{}\"\nexcept = [{{ complexity = \"simple\", within = \"{}m\" }}]\n\
             [ladder]\nreminder_percent = {}\nescalated_after = \"{}m\"\n\
             [notices]\nquiet = \"{}\"\ndigest_from = {}\n\
             [callback]\nattempts = {}\ndays = {}\nclaim = \"{}m\"\n{}",
            minutes(self.missed),
            self.callbacks_may_pause,
            minutes(self.key),
            minutes(self.complex),
            if self.office { "open" } else { "all" },
            minutes(self.simple),
            self.percent,
            minutes(self.escalated),
            if self.quiet { "22:00-07:00" } else { "none" },
            self.digest_from,
            self.attempts,
            self.days,
            minutes(self.claim),
            Hours::TERMS,
        )
    }
}

/// Who works here. The first three have a phone each.
pub const AGENTS: [usize; 2] = [0, 1];
pub const SUPERVISORS: [usize; 2] = [2, 3];
pub const MANAGER: usize = 4;

/// A talk so long counts.
const TALK: Ms = 10_000;

#[derive(Clone, Debug)]
struct Talk {
    phone: usize,
    from: Ms,
    to: Option<Ms>,
    holds: Vec<(Ms, Option<Ms>)>,
}

impl Talk {
    fn long(&self, since: Ms, at: Ms) -> Ms {
        let span = |from: Ms, to: Option<Ms>| (to.unwrap_or(at) - from.max(since)).max(0);
        span(self.from, self.to) - self.holds.iter().map(|(from, to)| span(*from, *to)).sum::<Ms>()
    }
}

/// What was heard of a call.
#[derive(Clone, Debug)]
pub struct Heard {
    pub name: String,
    is_ours: bool,
    line: usize,
    phone: Option<usize>,
    started: Ms,
    queue: Option<&'static str>,
    talks: Vec<Talk>,
    /// How is not known where nobody looked.
    ended: Option<(Ms, Option<End>)>,
    /// From its beginning on, without a gap.
    is_whole: bool,
    /// The talk that lasts long enough is on record.
    is_noted: bool,
}

/// What was written down of a call.
#[derive(Clone, Debug)]
struct Noted {
    heard: Heard,
    seen: Ms,
    is_over: bool,
    ticket: Option<usize>,
}

/// Whose it is: a customer's, or a line's of which nobody knows whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Customer(usize),
    Line(usize),
}

pub fn who(line: usize) -> Who {
    match line {
        0 | 1 => Who::Customer(0),
        2 => Who::Customer(1),
        _ => Who::Line(line),
    }
}

#[derive(Clone, Debug)]
pub struct Ticket {
    pub line: usize,
    pub owner: Option<usize>,
    pub kind: Kind,
    pub is_urgent: bool,
    pub is_complex: bool,
    pub channel: Channel,
    pub state: TicketState,
    pub version: i64,
}

#[derive(Clone, Debug)]
pub struct Owed {
    pub kind: ClockKind,
    pub ticket: usize,
    pub line: usize,
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
    claim: Option<(usize, Ms)>,
    /// When its rungs are due.
    pub ladder: [Option<Ms>; 3],
    pub fired: Vec<Fired>,
    /// Whom it was told to at once when it began.
    pub reopened: Option<Told>,
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

/// What somebody does; of tickets and of what is owed by their order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deed {
    Save {
        ticket: usize,
        kind: Kind,
        is_urgent: bool,
        is_complex: bool,
        state: TicketState,
    },
    Promise {
        ticket: usize,
        at: Ms,
    },
    Accepted {
        ticket: usize,
        solved_by: Ms,
    },
    Replied {
        ticket: usize,
    },
    Filed {
        ticket: usize,
    },
    Surveyed {
        ticket: usize,
        result: Satisfaction,
    },
    /// A matter that came by e-mail.
    Mail {
        line: usize,
        kind: Kind,
    },
    Claim(usize),
    Release(usize),
    Suspend(usize),
    Resume(usize),
    Waive(usize),
    Dial(usize),
    Class {
        customer: usize,
        key: bool,
    },
    Terms(Rules),
    Away {
        person: usize,
        is_away: bool,
        deputy: Option<usize>,
    },
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
    /// The PBX is in sight.
    pub sees: bool,
    /// By customer.
    pub keys: [bool; 2],
    pub versions: [i64; 2],
    pub away: [Option<Option<usize>>; 5],
}

impl Diary {
    pub fn new(rules: Rules) -> Diary {
        Diary {
            rules,
            tickets: Vec::new(),
            owed: Vec::new(),
            heard: BTreeMap::new(),
            noted: BTreeMap::new(),
            news: BTreeSet::new(),
            sees: false,
            keys: [false, true],
            versions: [1, 1],
            away: [None; 5],
        }
    }

    /// The next moment at which something is due.
    pub fn next_due(&self) -> Option<Ms> {
        self.owed.iter().filter_map(Owed::next).min()
    }

    /// Whoever is due now is told.
    pub fn fire(&mut self, now: Ms) {
        for nth in 0..self.owed.len() {
            while let Some(planned) = self.owed[nth].next().filter(|planned| *planned <= now) {
                let rung = self.owed[nth].fired.len();
                let told = self.told(rung, self.owed[nth].owner, now);
                self.owed[nth].fired.push(Fired { planned, at: now, told });
            }
        }
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
        Told { people, send: if self.rules.quiet { quiet_until(now) } else { now } }
    }

    /// Their deputy, or that one's.
    fn stands_in(&self, person: usize) -> Option<usize> {
        let mut asked = person;
        for _ in 0..self.away.len() {
            match self.away[asked] {
                None => return Some(asked),
                Some(deputy) => asked = deputy?,
            }
        }
        None
    }

    // What is heard of calls.

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

    fn note(&mut self, no: u64, heard: Heard, now: Ms) {
        let known = self.noted.get(&no);
        let was_over = known.is_some_and(|noted| noted.is_over);
        let dials = known.is_none() && heard.is_ours && heard.ended.is_none();
        if was_over && heard.ended.is_none() {
            return;
        }
        let ticket = known.and_then(|noted| noted.ticket).or_else(|| self.matter_of(&heard));
        if let (Some(ticket), Some(talk)) = (ticket, heard.talks.first())
            && self.tickets[ticket].owner.is_none()
        {
            self.tickets[ticket].owner = Some(talk.phone);
            let nobodys = |owed: &&mut Owed| owed.is_open() && owed.ticket == ticket && owed.owner.is_none();
            self.owed.iter_mut().filter(nobodys).for_each(|owed| owed.owner = Some(talk.phone));
        }
        for nth in 0..self.owed.len() {
            if self.owed[nth].is_open() && who(self.owed[nth].line) == who(heard.line) {
                self.weigh(nth, &heard, (was_over, dials), now);
            }
        }
        if let Some(ticket) = ticket.filter(|_| !was_over) {
            self.owe(&heard, ticket, now);
        }
        if heard.ended.is_some() {
            self.heard.remove(&no);
        }
        let is_over = was_over || heard.ended.is_some();
        self.noted.insert(no, Noted { heard, seen: now, is_over, ticket });
    }

    /// The newest open matter of whoever it is; for who calls, else a new one.
    fn matter_of(&mut self, heard: &Heard) -> Option<usize> {
        let theirs = |ticket: &Ticket| ticket.state.is_open() && who(ticket.line) == who(heard.line);
        let open = self.tickets.iter().rposition(theirs);
        if open.is_some() || heard.is_ours {
            return open;
        }
        Some(self.opens((heard.line, heard.started, heard.queue), None, Kind::Consultation, Channel::Phone))
    }

    fn opens(
        &mut self,
        (line, opened, queue): (usize, Ms, Option<&'static str>),
        owner: Option<usize>,
        kind: Kind,
        channel: Channel,
    ) -> usize {
        self.tickets.push(Ticket {
            line,
            owner,
            kind,
            is_urgent: false,
            is_complex: false,
            channel,
            state: TicketState::New,
            version: 1,
        });
        let ticket = self.tickets.len() - 1;
        self.begins(ClockKind::Resolution, ticket, opened, queue);
        if kind == Kind::Complaint {
            self.begins(ClockKind::Acceptance, ticket, opened, queue);
        }
        if channel != Channel::Phone {
            self.begins(ClockKind::FirstResponse, ticket, opened, queue);
        }
        ticket
    }

    fn weigh(&mut self, nth: usize, heard: &Heard, (was_over, dials): (bool, bool), now: Ms) {
        let by_word = matches!(self.owed[nth].kind, ClockKind::Resolution | ClockKind::Acceptance | ClockKind::Filing);
        let weighs = heard.ended.is_some() || heard.talks.iter().any(|talk| talk.long(talk.from, now) >= TALK);
        if weighs
            && by_word
            && self.owed[nth].queue.is_none()
            && self.owed[nth].began == heard.started
            && !heard.is_ours
        {
            self.owed[nth].queue = heard.queue;
            self.reckon(nth);
        }
        let owed = &self.owed[nth];
        let began = owed.began;
        let may_prove = !by_word && (owed.kind != ClockKind::Promise || heard.started >= began);
        let talk = heard.counted(self.sees).find(|talk| may_prove && talk.long(began, now) >= TALK);
        let proof = talk.map(|talk| (heard.name.clone(), talk.from.max(began)));
        let is_visit = owed.kind == ClockKind::ReturnVisit;
        if let Some(proof) = proof {
            match (is_visit, owed.survey) {
                (true, None) => {}
                (true, Some(result)) => return self.visited(nth, proof, result, now),
                (false, _) => {
                    self.keeps(nth, Some(proof), now);
                    return self.goes_on(nth, now);
                }
            }
        } else if heard.is_ours && heard.started >= began && heard.is_whole && heard.ended.is_some() {
            let owed = &mut self.owed[nth];
            if !by_word && !was_over {
                owed.attempts.insert(heard.name.clone(), heard.started);
                let days: BTreeSet<i64> = owed.attempts.values().map(|at| day_of(*at)).collect();
                let is_time = owed.kind != ClockKind::Promise || owed.promised.is_some_and(|promised| promised <= now);
                if is_time && owed.attempts.len() >= self.rules.attempts && days.len() >= self.rules.days {
                    self.ends(nth, ObligationState::Unreachable, now);
                    return self.goes_on(nth, now);
                }
            }
        }
        let until = now + self.rules.claim;
        match self.owed[nth].claim.filter(|(_, until)| *until > now) {
            // Whoever has it and is on such a call has it for longer.
            Some((by, so_far)) if weighs || dials => {
                let is_theirs = heard.phone == Some(by) || heard.talks.iter().any(|talk| talk.phone == by);
                if is_theirs && until - so_far >= MINUTE {
                    self.owed[nth].claim = Some((by, until));
                }
            }
            // Whoever calls has it.
            None if dials && !by_word => {
                let by = heard.phone.filter(|by| self.concerns(nth, *by));
                self.owed[nth].claim = by.map(|by| (by, until)).or(self.owed[nth].claim);
            }
            Some(_) | None => {}
        }
    }

    /// In the place of a promise that is over the solution is owed.
    fn goes_on(&mut self, nth: usize, now: Ms) {
        let Owed { kind, ticket, queue, .. } = self.owed[nth];
        let is_owed =
            [ClockKind::Resolution, ClockKind::Promise].into_iter().any(|kind| self.open_of(ticket, kind).is_some());
        if kind == ClockKind::Promise && self.tickets[ticket].state.is_open() && !is_owed {
            self.begins(ClockKind::Resolution, ticket, now, queue);
        }
    }

    /// Who gave up, or was sent away, is owed one call, unless they were talked with since.
    fn owe(&mut self, heard: &Heard, ticket: usize, now: Ms) {
        let Some((ended, Some(End::Abandoned | End::TimedOut))) = heard.ended else { return };
        let theirs = who(heard.line);
        let is_owed = |owed: &Owed| owed.is_open() && owed.kind == ClockKind::MissedCall && who(owed.line) == theirs;
        if !heard.is_whole || self.owed.iter().any(is_owed) {
            return;
        }
        let others = self.noted.values().filter(|noted| who(noted.heard.line) == theirs);
        let talked =
            |noted: &&Noted| noted.heard.counted(true).any(|talk| talk.long(heard.started, noted.seen) >= TALK);
        if others.filter(talked).any(|noted| noted.seen <= now) {
            return;
        }
        let nth = self.begins(ClockKind::MissedCall, ticket, ended, heard.queue);
        self.owed[nth].line = heard.line;
        self.reckon(nth);
    }

    // What is owed.

    fn begins(&mut self, kind: ClockKind, ticket: usize, began: Ms, queue: Option<&'static str>) -> usize {
        let Ticket { line, owner, .. } = self.tickets[ticket];
        self.owed.push(Owed {
            kind,
            ticket,
            line,
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
            reopened: None,
        });
        let nth = self.owed.len() - 1;
        self.reckon(nth);
        nth
    }

    fn reckon(&mut self, nth: usize) {
        let owed = &self.owed[nth];
        let rules = &self.rules;
        let ticket = &self.tickets[owed.ticket];
        let is_key = matches!(who(owed.line), Who::Customer(customer) if self.keys[customer]);
        let open = if owed.queue == Some("night") { Hours::Night } else { Hours::Office };
        let (window, hours) = match owed.kind {
            ClockKind::MissedCall => (if is_key { rules.key } else { rules.missed }, open),
            ClockKind::FirstResponse => (if ticket.is_urgent { 5 * MINUTE } else { 10 * MINUTE }, open),
            ClockKind::Resolution => {
                let window = if ticket.is_complex { rules.complex } else { rules.simple };
                (window, if rules.office { open } else { Hours::All })
            }
            ClockKind::Acceptance | ClockKind::Filing | ClockKind::ReturnVisit => (DAY, Hours::All),
            ClockKind::Promise | ClockKind::SpotCheck => (0, Hours::All),
        };
        let passed = |window: Ms| hours.passed(owed.began, window, &owed.pauses);
        let (reminder, due) = match owed.promised {
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

    fn visited(&mut self, nth: usize, proof: (String, Ms), result: Satisfaction, now: Ms) {
        self.keeps(nth, Some(proof), now);
        if result != Satisfaction::Dissatisfied {
            return;
        }
        let ticket = self.owed[nth].ticket;
        for kind in [ClockKind::Filing, ClockKind::ReturnVisit] {
            while let Some(over) = self.open_of(ticket, kind) {
                self.ends(over, ObligationState::Dropped, now);
            }
        }
        let queue = self.owed[nth].queue;
        let begun = self.begins(ClockKind::Resolution, ticket, now, queue);
        let told = self.told(1, None, now);
        self.owed[begun].reopened = Some(told);
        let ticket = &mut self.tickets[ticket];
        ticket.state = TicketState::InProgress;
        ticket.version += 1;
    }

    // What people do.

    /// Whether they may, and it makes sense; then what follows.
    pub fn does(&mut self, by: usize, deed: Deed, now: Ms) -> bool {
        match deed {
            Deed::Save { ticket, kind, is_urgent, is_complex, state } => {
                by != MANAGER && self.saves(ticket, kind, is_urgent, is_complex, state, now)
            }
            Deed::Mail { line, kind } => {
                if by == MANAGER {
                    return false;
                }
                self.opens((line, now, None), Some(by), kind, Channel::Email);
                true
            }
            Deed::Promise { ticket, at } => {
                let may = self.may_step(by, ticket) && at > now;
                if may {
                    self.promises(by, ticket, at, now);
                }
                may
            }
            Deed::Accepted { ticket, solved_by } => {
                let told = self.step(by, ticket, ClockKind::Acceptance, solved_by > now, now);
                if told.is_some() {
                    self.promises(by, ticket, solved_by, now);
                }
                told.is_some()
            }
            Deed::Replied { ticket } => self.step(by, ticket, ClockKind::FirstResponse, true, now).is_some(),
            Deed::Filed { ticket } => {
                let is_somebodys = self.tickets[ticket].owner.is_some() || SUPERVISORS.contains(&by);
                let filed = self.step(by, ticket, ClockKind::Filing, is_somebodys, now);
                if filed.is_some() && is_followed(self.tickets[ticket].kind) {
                    let queue = self.queue_of(ticket);
                    self.begins(ClockKind::ReturnVisit, ticket, now, queue);
                }
                filed.is_some()
            }
            Deed::Surveyed { ticket, result } => {
                let visit = self.open_of(ticket, ClockKind::ReturnVisit).filter(|_| self.may_step(by, ticket));
                let Some(nth) = visit else { return false };
                self.owed[nth].survey = Some(result);
                if let Some(proof) = self.talked_since(self.owed[nth].began, self.tickets[ticket].line, now) {
                    self.visited(nth, proof, result, now);
                }
                true
            }
            Deed::Claim(nth) | Deed::Dial(nth) => {
                let is_free = self.owed[nth].claim.is_none_or(|(whose, until)| whose == by || until <= now);
                let has_phone = !matches!(deed, Deed::Dial(_)) || by < 3 && self.sees;
                let may = self.concerns(nth, by) && is_free && has_phone;
                if may {
                    self.owed[nth].claim = Some((by, now + self.rules.claim));
                }
                may
            }
            Deed::Release(nth) => {
                let claim = self.owed[nth].claim.filter(|(_, until)| *until > now);
                let is_theirs = claim.is_none_or(|(whose, _)| whose == by || !AGENTS.contains(&by));
                let may = self.concerns(nth, by) && is_theirs;
                if may && claim.is_some() {
                    self.owed[nth].claim = None;
                }
                may
            }
            Deed::Suspend(nth) => {
                let may_pause = match self.owed[nth].kind {
                    ClockKind::Resolution => true,
                    ClockKind::MissedCall => self.rules.callbacks_may_pause,
                    ClockKind::FirstResponse
                    | ClockKind::Acceptance
                    | ClockKind::Promise
                    | ClockKind::Filing
                    | ClockKind::ReturnVisit
                    | ClockKind::SpotCheck => false,
                };
                let runs = self.owed[nth].pauses.iter().all(|pause| pause.1.is_some());
                let may = self.concerns(nth, by) && may_pause && runs;
                if may {
                    self.owed[nth].pauses.push((now, None));
                    self.reckon(nth);
                }
                may
            }
            Deed::Resume(nth) => {
                let concerns = self.concerns(nth, by);
                let pause = self.owed[nth].pauses.iter_mut().find(|pause| concerns && pause.1.is_none());
                let Some(pause) = pause else { return false };
                pause.1 = Some(now.max(pause.0));
                self.reckon(nth);
                true
            }
            Deed::Waive(nth) => {
                let may = self.concerns(nth, by) && !AGENTS.contains(&by);
                if may {
                    self.ends(nth, ObligationState::Waived, now);
                    self.goes_on(nth, now);
                }
                may
            }
            Deed::Class { customer, key } => {
                self.keys[customer] = key;
                self.versions[customer] += 1;
                self.reckon_where(|owed| who(owed.line) == Who::Customer(customer));
                true
            }
            Deed::Terms(rules) => {
                let may = by == MANAGER;
                if may {
                    self.rules = rules;
                    self.reckon_where(|_| true);
                }
                may
            }
            Deed::Away { person, is_away, deputy } => {
                self.away[person] = is_away.then_some(deputy);
                true
            }
        }
    }

    fn saves(
        &mut self,
        nth: usize,
        kind: Kind,
        is_urgent: bool,
        is_complex: bool,
        state: TicketState,
        now: Ms,
    ) -> bool {
        let ticket = &mut self.tickets[nth];
        let (was, was_open) = (ticket.kind, ticket.state.is_open());
        let is_open = state.is_open();
        (ticket.kind, ticket.is_urgent, ticket.is_complex, ticket.state) = (kind, is_urgent, is_complex, state);
        ticket.version += 1;
        let (resolved, reopened) = (was_open && !is_open, !was_open && is_open);
        for owed in 0..self.owed.len() {
            if !self.owed[owed].is_open() || self.owed[owed].ticket != nth {
                continue;
            }
            match self.owed[owed].kind {
                ClockKind::Acceptance if kind != Kind::Complaint => self.ends(owed, ObligationState::Dropped, now),
                ClockKind::Filing | ClockKind::ReturnVisit if !is_followed(kind) || reopened => {
                    self.ends(owed, ObligationState::Dropped, now);
                }
                ClockKind::Resolution | ClockKind::Acceptance | ClockKind::FirstResponse if resolved => {
                    self.ends(owed, ObligationState::Kept, now);
                }
                ClockKind::MissedCall
                | ClockKind::FirstResponse
                | ClockKind::Acceptance
                | ClockKind::Resolution
                | ClockKind::Promise
                | ClockKind::Filing
                | ClockKind::ReturnVisit
                | ClockKind::SpotCheck => self.reckon(owed),
            }
        }
        let queue = self.queue_of(nth);
        if is_open && kind == Kind::Complaint && was != Kind::Complaint {
            self.begins(ClockKind::Acceptance, nth, now, queue);
        }
        if reopened && self.open_of(nth, ClockKind::Promise).is_none() {
            self.begins(ClockKind::Resolution, nth, now, queue);
        }
        if is_followed(kind) && !is_open && (resolved || !is_followed(was)) {
            self.begins(ClockKind::Filing, nth, now, queue);
        }
        true
    }

    fn promises(&mut self, by: usize, ticket: usize, at: Ms, now: Ms) {
        for kind in [ClockKind::Resolution, ClockKind::Promise] {
            while let Some(nth) = self.open_of(ticket, kind) {
                self.ends(nth, ObligationState::Replaced, now);
            }
        }
        let queue = self.queue_of(ticket);
        let nth = self.begins(ClockKind::Promise, ticket, now, queue);
        self.owed[nth].promised = Some(at);
        self.owed[nth].owner = self.tickets[ticket].owner.or(Some(by));
        self.reckon(nth);
    }

    /// The queue that the matter came through.
    fn queue_of(&self, ticket: usize) -> Option<&'static str> {
        self.owed.iter().filter(|owed| owed.ticket == ticket).find_map(|owed| owed.queue)
    }

    /// The last talk since then with whoever has the line.
    fn talked_since(&self, since: Ms, line: usize, now: Ms) -> Option<(String, Ms)> {
        // What is written with a time to come was written before the clock was set back.
        let theirs = self.noted.values().filter(|noted| who(noted.heard.line) == who(line) && noted.seen <= now);
        let talks = theirs.flat_map(|noted| noted.heard.counted(true).map(move |talk| (noted, talk)));
        let long = talks.filter(|(noted, talk)| talk.long(since, noted.seen) >= TALK);
        let last = long.max_by_key(|(noted, talk)| (talk.from, noted.heard.name.clone()));
        last.map(|(noted, talk)| (noted.heard.name.clone(), talk.from.max(since)))
    }

    fn step(&mut self, by: usize, ticket: usize, kind: ClockKind, makes_sense: bool, now: Ms) -> Option<usize> {
        let may = makes_sense && self.may_step(by, ticket);
        let nth = self.open_of(ticket, kind).filter(|_| may)?;
        self.ends(nth, ObligationState::Kept, now);
        Some(nth)
    }

    fn may_step(&self, by: usize, ticket: usize) -> bool {
        by != MANAGER && self.is_for(self.tickets[ticket].owner, by)
    }

    fn concerns(&self, nth: usize, by: usize) -> bool {
        self.owed[nth].is_open() && self.is_for(self.owed[nth].owner, by)
    }

    /// Agents have what is their own, or nobody's, and that of whom they stand in for.
    fn is_for(&self, owner: Option<usize>, by: usize) -> bool {
        let theirs = |owner: usize| owner == by || self.stands_in(owner) == Some(by);
        !AGENTS.contains(&by) || owner.is_none_or(theirs)
    }
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
    fn counted(&self, sees: bool) -> impl Iterator<Item = &Talk> {
        self.talks.iter().filter(move |talk| match talk.to {
            Some(_) => self.is_whole,
            None => sees,
        })
    }
}

/// Complaints and after-sales are filed, and the customer is visited.
fn is_followed(kind: Kind) -> bool {
    matches!(kind, Kind::Complaint | Kind::AfterSales)
}

/// What sites find good, for a number that is as good as any other.
pub fn rules(lot: impl Fn(i64) -> i64) -> Rules {
    let minutes = |choices: &[i64]| choices[lot(choices.len() as i64) as usize] * MINUTE;
    Rules {
        missed: minutes(&[30, 45, 90, 240]),
        key: minutes(&[10, 15]),
        simple: minutes(&[120, 300, 40]),
        complex: minutes(&[24 * 60, 600]),
        office: lot(2) == 0,
        callbacks_may_pause: lot(2) == 0,
        percent: [80, 50, 33, 100][lot(4) as usize],
        escalated: [24 * HOUR, 2 * HOUR, HOUR / 2][lot(3) as usize],
        quiet: lot(3) == 0,
        digest_from: 2 + lot(5) as usize,
        attempts: 2 + lot(2) as usize,
        days: 1 + lot(2) as usize,
        claim: minutes(&[15, 30]),
    }
}
