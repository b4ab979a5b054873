//! What people do, whether they may, and what follows.

use super::super::hours::{DAY, Ms};
use super::customers::Form;
use super::handing::Hand;
use super::rules::Rules;
use super::{AGENTS, Diary, MANAGER, Owed, SUPERVISORS, Ticket};
use crate::desk::clock::{ClockKind, ObligationState};
use crate::desk::ticket::{Channel, Kind, Satisfaction, TicketState};

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
    /// It is no complaint.
    Reclass {
        ticket: usize,
        kind: Kind,
    },
    /// All that is to be found out.
    Found {
        ticket: usize,
    },
    Told {
        ticket: usize,
    },
    Withdrawn {
        ticket: usize,
    },
    Wait {
        ticket: usize,
    },
    GoOn {
        ticket: usize,
    },
    Reopen {
        ticket: usize,
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
    Hand {
        ticket: usize,
        hand: Hand,
    },
    Claim(usize),
    Release(usize),
    Suspend(usize),
    Resume(usize),
    Waive(usize),
    Dial(usize),
    Customer(Form),
    /// Two who are one.
    Merge {
        from: usize,
        into: usize,
    },
    /// Who are two after all.
    Undo(usize),
    /// Two matters are one.
    Join {
        from: usize,
        into: usize,
    },
    /// They are two after all.
    Part(usize),
    Terms(Rules),
    Away {
        person: usize,
        is_away: bool,
        deputy: Option<usize>,
    },
}

impl Diary {
    /// Whether they may, and it makes sense; then what follows.
    pub fn does(&mut self, by: usize, deed: Deed, now: Ms) -> bool {
        match deed {
            Deed::Save { ticket, kind, is_urgent, is_complex, state } => {
                self.may_step(by, ticket, now) && self.saves(ticket, kind, (is_urgent, is_complex), state, now)
            }
            // Only who leads says that a complaint is none.
            Deed::Reclass { ticket, kind } => {
                let Ticket { kind: was, is_urgent, is_complex, state, part_of, .. } = self.tickets[ticket];
                let leads = SUPERVISORS.contains(&by) || by == MANAGER;
                let may = leads && part_of.is_none() && was == Kind::Complaint && kind != Kind::Complaint;
                if may {
                    self.becomes(ticket, kind, (is_urgent, is_complex), state, now);
                }
                may
            }
            Deed::Found { ticket } => {
                let may = self.may_step(by, ticket, now) && !self.is_on_file(ticket);
                self.tickets[ticket].findings += i64::from(may);
                self.tickets[ticket].is_found |= may;
                may
            }
            Deed::Told { ticket } => {
                let Ticket { kind, state, is_found, .. } = self.tickets[ticket];
                let may = self.may_step(by, ticket, now) && state.is_open() && (kind != Kind::Complaint || is_found);
                if may {
                    self.moves(ticket, TicketState::Resolved, now);
                }
                may
            }
            Deed::Withdrawn { ticket } => {
                let may = self.may_step(by, ticket, now) && self.tickets[ticket].state.is_open();
                if may {
                    use ClockKind::{Acceptance, FirstResponse, Promise, Resolution};
                    for kind in [Resolution, Promise, Acceptance, FirstResponse] {
                        while let Some(nth) = self.open_of(ticket, kind) {
                            self.ends(nth, ObligationState::Dropped, now);
                        }
                    }
                    self.moves(ticket, TicketState::Resolved, now);
                }
                may
            }
            Deed::Wait { ticket } => {
                use TicketState::{InProgress, New, Reopened};
                let may =
                    self.may_step(by, ticket, now) && [New, InProgress, Reopened].contains(&self.tickets[ticket].state);
                if may {
                    let open = |nth: &usize| self.owed[*nth].is_open() && self.owed[*nth].ticket == ticket;
                    let open: Vec<usize> = (0..self.owed.len()).filter(open).collect();
                    self.moves(ticket, TicketState::WaitingCustomer, now);
                    self.tickets[ticket].waits = now;
                    for nth in open {
                        if self.owed[nth].is_open() && self.may_pause(nth) && !self.stands_still(nth) {
                            self.owed[nth].pauses.push((now, None));
                            self.reckon(nth);
                        }
                    }
                }
                may
            }
            Deed::GoOn { ticket } => {
                let may = self.may_step(by, ticket, now) && self.tickets[ticket].state == TicketState::WaitingCustomer;
                if may {
                    self.moves(ticket, TicketState::InProgress, now);
                }
                may
            }
            Deed::Reopen { ticket } => {
                let may = self.may_step(by, ticket, now) && !self.tickets[ticket].state.is_open();
                if may {
                    self.moves(ticket, TicketState::Reopened, now);
                }
                may
            }
            Deed::Mail { line, kind } => {
                if by == MANAGER {
                    return false;
                }
                self.opens((line, now, None), Some(by), kind, Channel::Email);
                true
            }
            Deed::Promise { ticket, at } => {
                let runs = self.rules.runs(ClockKind::Promise, self.tickets[ticket].kind);
                let may = self.may_step(by, ticket, now) && at > now && runs;
                if may {
                    self.promises(by, ticket, at, now);
                }
                may
            }
            Deed::Accepted { ticket, solved_by } => {
                let told = self.step(by, ticket, ClockKind::Acceptance, solved_by > now, now);
                if told.is_some() && self.rules.runs(ClockKind::Promise, self.tickets[ticket].kind) {
                    self.promises(by, ticket, solved_by, now);
                }
                told.is_some()
            }
            Deed::Replied { ticket } => self.step(by, ticket, ClockKind::FirstResponse, true, now).is_some(),
            Deed::Filed { ticket } => {
                let Ticket { kind, state, is_written, is_found, owner, handler, .. } = self.tickets[ticket];
                let follows = self.rules.runs(ClockKind::Filing, kind) || self.rules.runs(ClockKind::ReturnVisit, kind);
                let open = self.open_of(ticket, ClockKind::Filing);
                let is_next = open.is_some() || state == TicketState::Resolved && follows;
                let is_whole = kind != Kind::Complaint || is_written && is_found;
                let is_theirs = self.is_theirs(owner, by) || self.is_theirs(handler, by) || SUPERVISORS.contains(&by);
                let may = self.may_step(by, ticket, now) && is_next && is_whole && is_theirs;
                if may {
                    if let Some(nth) = open {
                        self.ends(nth, ObligationState::Kept, now);
                    }
                    if state == TicketState::Resolved {
                        self.moves(ticket, TicketState::Filed, now);
                    }
                    if self.rules.runs(ClockKind::ReturnVisit, kind) {
                        let queue = self.queue_of(ticket);
                        self.begins(ClockKind::ReturnVisit, ticket, now, queue);
                    }
                }
                may
            }
            Deed::Surveyed { ticket, result } => {
                let visit = self.open_of(ticket, ClockKind::ReturnVisit);
                let visit = visit.or_else(|| self.open_of(ticket, ClockKind::SpotCheck));
                let Some(nth) = visit.filter(|_| self.may_step(by, ticket, now)) else { return false };
                self.owed[nth].survey = Some(result);
                if let Some(proof) = self.talked_since(self.owed[nth].began, ticket, now) {
                    self.visited(nth, proof, result, now);
                }
                true
            }
            Deed::Hand { ticket, hand } => self.hands(by, ticket, hand, now),
            Deed::Claim(nth) | Deed::Dial(nth) => {
                let is_free = self.claim_of(nth, now).is_none_or(|(whose, _)| whose == by);
                let dials = matches!(deed, Deed::Dial(_));
                let has_phone = !dials || by < 3 && self.sees.contains(&true);
                let may_dial = dials && self.may_dial(nth, by);
                let may = (self.concerns(nth, by, now) || may_dial) && is_free && has_phone;
                if may {
                    self.owed[nth].claim = Some((by, now + self.rules.claim));
                }
                may
            }
            Deed::Release(nth) => {
                let claim = self.claim_of(nth, now);
                let is_theirs = claim.is_none_or(|(whose, _)| whose == by || !AGENTS.contains(&by));
                let may = self.concerns(nth, by, now) && is_theirs;
                if may && claim.is_some() {
                    self.owed[nth].claim = None;
                }
                may
            }
            Deed::Suspend(nth) => {
                let may = self.concerns(nth, by, now) && self.may_pause(nth) && !self.stands_still(nth);
                if may {
                    self.owed[nth].pauses.push((now, None));
                    self.reckon(nth);
                }
                may
            }
            Deed::Resume(nth) => {
                let concerns = self.concerns(nth, by, now);
                let pause = self.owed[nth].pauses.iter_mut().find(|pause| concerns && pause.1.is_none());
                let Some(pause) = pause else { return false };
                pause.1 = Some(now.max(pause.0));
                self.reckon(nth);
                true
            }
            Deed::Waive(nth) => {
                let may = self.concerns(nth, by, now) && !AGENTS.contains(&by);
                if may {
                    self.ends(nth, ObligationState::Waived, now);
                    self.goes_on(nth, now);
                    self.archives(nth, now);
                    if self.owed[nth].kind == ClockKind::HandOver {
                        self.hears_back(nth, "withdrawn", Some(by), now);
                    }
                }
                may
            }
            Deed::Customer(form) => self.writes_customer(by, form, now),
            Deed::Merge { from, into } => self.merges(by, from, into),
            Deed::Undo(shift) => self.undoes(by, shift),
            Deed::Join { from, into } => self.joins(by, from, into, now),
            Deed::Part(regrouping) => self.parts(by, regrouping),
            Deed::Terms(rules) => {
                let may = by == MANAGER;
                if may {
                    self.rules = rules;
                    self.reckon_where(|_| true);
                    self.looks_anew();
                }
                may
            }
            Deed::Away { person, is_away, deputy } => {
                self.away[person] = is_away.then_some(deputy);
                true
            }
        }
    }

    /// Nobody works on anything for longer than a day: what says so was written while the clock was ahead.
    pub(super) fn claim_of(&self, nth: usize, now: Ms) -> Option<(usize, Ms)> {
        self.owed[nth].claim.filter(|(_, until)| *until > now && *until <= now + DAY)
    }

    pub(super) fn saves(
        &mut self,
        nth: usize,
        kind: Kind,
        (is_urgent, is_complex): (bool, bool),
        asked: TicketState,
        now: Ms,
    ) -> bool {
        let Ticket { kind: kind_was, state: was, is_found, .. } = self.tickets[nth];
        let state = if asked == TicketState::InProgress && !was.is_open() { TicketState::Reopened } else { asked };
        // Nobody tells a customer anything by writing it down.
        let is_over_by_it = !state.is_open() && (was.is_open() || kind != kind_was);
        let is_closed_by_it = state == TicketState::Closed && was != TicketState::Closed;
        let (files, visits) = (self.rules.runs(ClockKind::Filing, kind), self.rules.runs(ClockKind::ReturnVisit, kind));
        let is_to_be_visited = self.open_of(nth, ClockKind::ReturnVisit).is_some();
        let is_early = is_closed_by_it
            && (is_to_be_visited
                || (files || visits) && was != TicketState::Filed
                || kind == Kind::Complaint && !is_found);
        if asked == TicketState::Resolved && self.is_on_file(nth) {
            return false;
        }
        let is_lost = kind_was == Kind::Complaint && kind != Kind::Complaint;
        if is_over_by_it && kind == Kind::Complaint || is_early || is_lost {
            return false;
        }
        self.tickets[nth].is_written = true;
        self.becomes(nth, kind, (is_urgent, is_complex), state, now);
        true
    }

    /// As it was put there it stays, while nobody opens it again.
    fn is_on_file(&self, nth: usize) -> bool {
        matches!(self.tickets[nth].state, TicketState::Filed | TicketState::Closed)
    }

    /// It is in another state, and nothing else of it is otherwise.
    fn moves(&mut self, nth: usize, state: TicketState, now: Ms) {
        let Ticket { kind, is_urgent, is_complex, .. } = self.tickets[nth];
        self.becomes(nth, kind, (is_urgent, is_complex), state, now);
    }

    fn becomes(&mut self, nth: usize, kind: Kind, (is_urgent, is_complex): (bool, bool), state: TicketState, now: Ms) {
        let stood: Vec<usize> =
            match self.tickets[nth].state == TicketState::WaitingCustomer && state != TicketState::WaitingCustomer {
                true => (0..self.owed.len())
                    .filter(|owed| self.owed[*owed].ticket == nth && self.stands_still(*owed))
                    .collect(),
                false => Vec::new(),
            };
        let ticket = &mut self.tickets[nth];
        let (was, state_was) = (ticket.kind, ticket.state);
        let (was_open, is_open) = (state_was.is_open(), state.is_open());
        (ticket.kind, ticket.is_urgent, ticket.is_complex, ticket.state) = (kind, is_urgent, is_complex, state);
        ticket.version += 1;
        let Ticket { channel, opened, lot, .. } = *ticket;
        let (resolved, reopened) = (was_open && !is_open, !was_open && is_open);
        let queue = self.queue_of(nth);
        let mut lost_promise = false;
        for owed in 0..self.owed.len() {
            if !self.owed[owed].is_open() || self.owed[owed].ticket != nth {
                continue;
            }
            let clock = self.owed[owed].kind;
            if !self.rules.runs(clock, kind) {
                lost_promise |= clock == ClockKind::Promise;
                self.ends(owed, ObligationState::Dropped, now);
                continue;
            }
            match clock {
                ClockKind::Filing | ClockKind::ReturnVisit | ClockKind::SpotCheck if reopened => {
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
                | ClockKind::SpotCheck
                | ClockKind::HandOver => self.reckon(owed),
            }
        }
        let runs = |clock: ClockKind| self.rules.runs(clock, kind);
        let came = |clock: ClockKind| runs(clock) && !self.rules.runs(clock, was);
        let owes = |clock: ClockKind| self.open_of(nth, clock).is_some();
        let mut begun = Vec::new();
        // The solution is owed from the matter's opening on, or anew where something else stood in its place.
        if is_open && runs(ClockKind::Resolution) && !owes(ClockKind::Promise) && !owes(ClockKind::Resolution) {
            if reopened || lost_promise {
                begun.push((ClockKind::Resolution, now));
            } else if came(ClockKind::Resolution) {
                begun.push((ClockKind::Resolution, opened.min(now)));
            }
        }
        if is_open && came(ClockKind::Acceptance) {
            begun.push((ClockKind::Acceptance, now));
        }
        let waits = is_open && came(ClockKind::FirstResponse) && channel != Channel::Phone;
        if waits && self.talked_since(opened.min(now), nth, now).is_none() {
            begun.push((ClockKind::FirstResponse, opened.min(now)));
        }
        if runs(ClockKind::Filing) && (resolved || came(ClockKind::Filing) && !is_open) {
            begun.push((ClockKind::Filing, now));
        }
        let closes = state == TicketState::Closed && state_was != TicketState::Closed;
        if closes && runs(ClockKind::SpotCheck) && lot < self.rules.spot as f64 && !owes(ClockKind::SpotCheck) {
            begun.push((ClockKind::SpotCheck, now));
        }
        for (clock, since) in begun {
            self.begins(clock, nth, since, queue);
        }
        for owed in stood {
            if self.owed[owed].is_open() {
                self.owed[owed].pauses.iter_mut().filter(|pause| pause.1.is_none()).for_each(|pause| {
                    pause.1 = Some(now.max(pause.0));
                });
                self.reckon(owed);
            }
        }
    }

    fn may_pause(&self, nth: usize) -> bool {
        match self.owed[nth].kind {
            ClockKind::Resolution => true,
            ClockKind::MissedCall => self.rules.callbacks_may_pause,
            ClockKind::FirstResponse
            | ClockKind::Acceptance
            | ClockKind::Promise
            | ClockKind::Filing
            | ClockKind::ReturnVisit
            | ClockKind::SpotCheck
            | ClockKind::HandOver => false,
        }
    }

    pub(super) fn stands_still(&self, nth: usize) -> bool {
        self.owed[nth].is_open() && self.owed[nth].pauses.iter().any(|pause| pause.1.is_none())
    }

    pub(super) fn promises(&mut self, by: usize, ticket: usize, at: Ms, now: Ms) {
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
    pub(super) fn queue_of(&self, ticket: usize) -> Option<&'static str> {
        self.owed.iter().filter(|owed| owed.ticket == ticket).find_map(|owed| owed.queue)
    }

    /// The last talk since then with whose matter it is.
    pub(super) fn talked_since(&self, since: Ms, ticket: usize, now: Ms) -> Option<(String, Ms)> {
        let lines = self.lines_of(ticket);
        // What is written with a time to come was written before the clock was set back.
        let theirs = self.noted.values().filter(|noted| lines.contains(&noted.heard.line) && noted.seen <= now);
        let talks = theirs.flat_map(|noted| noted.heard.counted(true).map(move |talk| (noted, talk)));
        let long = talks.filter(|(noted, talk)| talk.long(since, noted.seen) >= self.rules.talk);
        let last = long.max_by_key(|(noted, talk)| (talk.from, noted.heard.name.clone()));
        last.map(|(noted, talk)| (noted.heard.name.clone(), talk.from.max(since)))
    }

    pub(super) fn step(
        &mut self,
        by: usize,
        ticket: usize,
        kind: ClockKind,
        makes_sense: bool,
        now: Ms,
    ) -> Option<usize> {
        let may = makes_sense && self.may_step(by, ticket, now);
        let nth = self.open_of(ticket, kind).filter(|_| may)?;
        self.ends(nth, ObligationState::Kept, now);
        Some(nth)
    }

    pub(super) fn may_step(&self, by: usize, ticket: usize, now: Ms) -> bool {
        let is_whole = self.tickets[ticket].part_of.is_none();
        is_whole && by != MANAGER && (self.has(ticket, by) || self.talked_in(ticket, by, now))
    }

    pub(super) fn concerns(&self, nth: usize, by: usize, now: Ms) -> bool {
        let Owed { owner, ticket, .. } = self.owed[nth];
        let has = self.is_for(owner, by) || self.has(ticket, by);
        self.owed[nth].is_open() && (has || self.talked_in(ticket, by, now))
    }

    /// Who is offered a matter may call in it.
    fn may_dial(&self, nth: usize, by: usize) -> bool {
        let offered = self.open_of(self.owed[nth].ticket, ClockKind::HandOver);
        self.owed[nth].is_open() && offered.is_some_and(|offer| self.is_invited(offer, by))
    }

    /// Who dials by the phone's own keys: but for what only a talk gives, or the work on it.
    pub(super) fn may_take(&self, nth: usize, by: usize) -> bool {
        let Owed { owner, ticket, .. } = self.owed[nth];
        self.owed[nth].is_open() && (self.is_for(owner, by) || self.is_for(self.tickets[ticket].owner, by))
    }

    /// Who is on the phone in a matter, or was within a day, may write in it what was said.
    fn talked_in(&self, ticket: usize, by: usize, now: Ms) -> bool {
        let calls = self.noted.values().filter(|noted| noted.ticket == Some(ticket));
        let mut talks =
            calls.flat_map(|noted| noted.heard.talks.iter().map(|talk| (talk.phone, talk.to.or(noted.over_at))));
        talks.any(|(phone, to)| phone == by && to.is_none_or(|to| to + DAY > now))
    }

    /// Agents have what is their own, or nobody's, and that of whom they stand in for.
    pub(super) fn is_for(&self, owner: Option<usize>, by: usize) -> bool {
        let theirs = |owner: usize| owner == by || self.stands_in(owner) == Some(by);
        !AGENTS.contains(&by) || owner.is_none_or(theirs)
    }
}
