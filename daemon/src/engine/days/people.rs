//! Who calls, what people do, and what goes wrong: all by chance, and the same for the same seed.

use rand::Rng;
use sha2::{Digest, Sha256};

use super::diary::{AGENTS, Deed, Form, Hand, MANAGER, SUPERVISORS};
use super::hours::{DAY, HOUR, MINUTE, Ms};
use super::machine::{Site, time};
use super::pbx::{End, LINES, Move, PBXS, WITHHELD};
use super::world::{Happening, Verdict, World};
use crate::desk::clock::ClockKind;
use crate::desk::command::{Command, CustomerForm, Owed as ToOwed, Step, TicketForm};
use crate::desk::customer::OfCustomers;
use crate::desk::handling::{Finding, Findings, Handle};
use crate::desk::ownership::{self, Part, Receiver};
use crate::desk::regroup::Regroup;
use crate::desk::ticket::{Channel, Complexity, Kind, Object, Priority, Satisfaction, TicketState};
use crate::{CustomerId, ObligationId, RegroupId, ShiftId, TicketId};

/// On an average so far apart.
const CALLS_EVERY: Ms = 7 * HOUR;
const ACTS_EVERY: Ms = 5 * HOUR;
const FAILS_EVERY: Ms = 20 * HOUR;

/// Of those who are owed something the same one is not dialled anew before.
const DIALS_EVERY: Ms = 10 * MINUTE;

/// Or not in time.
const ANSWERED_WITHIN: Ms = 8 * HOUR;

/// So many are enough to be mixed up.
const MOST_CUSTOMERS: usize = 6;

const TEN_YEARS: Ms = 3652 * DAY;

impl World {
    fn lot(&mut self, sides: u64) -> u64 {
        self.chance.random_range(0..sides)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.chance.random_range(0..choices.len())]
    }

    fn soon(&mut self, mean: Ms) -> Ms {
        self.chance.random_range(MINUTE..2 * mean)
    }

    fn free_phone(&mut self, phone: usize) -> Option<usize> {
        self.engaged.values().all(|(_, taken)| *taken != Some(phone)).then_some(phone)
    }

    fn is_free(&self, line: usize) -> bool {
        let lines = self.diary.lines_with(line);
        self.engaged.values().all(|(taken, _)| !lines.contains(taken))
    }

    // Calls.

    pub fn somebody_calls(&mut self) {
        let again = self.soon(CALLS_EVERY);
        self.later(again, Happening::Calls);
        let line = self.chance.random_range(0..LINES.len());
        if !self.is_free(line) {
            return;
        }
        if self.lot(4) == 0 {
            let phone = self.chance.random_range(0..3);
            if let Some(phone) = self.free_phone(phone) {
                self.dials(line, phone);
            }
            return;
        }
        let withheld = self.lot(8) == 0;
        let line = if withheld { WITHHELD + self.pbx.made as usize } else { line };
        let pbx = self.chance.random_range(0..PBXS.len());
        let no = self.pbx.prepare(pbx, line, None, None);
        self.engaged.insert(no, (line, None));
        let queue = if self.lot(4) == 0 { "night" } else { "support" };
        let queues = self.one_of(&[0, 0, 0, 400]);
        self.later(0, Happening::Moves(no, Move::Starts));
        self.later(queues, Happening::Moves(no, Move::Queues(queue)));
        let phone = self.chance.random_range(0..3);
        let rings = queues + self.chance.random_range(0..20_000);
        let taken = self.free_phone(phone).filter(|_| self.chance.random_bool(0.6));
        if let Some(phone) = taken {
            self.engaged.insert(no, (line, Some(phone)));
            self.later(rings, Happening::Moves(no, Move::Rings { phone }));
        }
        match (self.lot(10), taken) {
            (0..8, Some(phone)) => {
                let answers = rings + self.chance.random_range(1..9_000);
                self.later(answers, Happening::Moves(no, Move::Answers { phone }));
                self.talks(no, answers);
            }
            (0..8, None) => {
                let gives_up = queues + self.chance.random_range(1..120_000);
                self.later(gives_up, Happening::Moves(no, Move::Ends(End::Abandoned)));
            }
            (8, _) => self.later(rings + 60_000, Happening::Moves(no, Move::Ends(End::TimedOut))),
            (_, _) => self.later(rings + 30_000, Happening::Moves(no, Move::Ends(End::Abandoned))),
        }
    }

    /// A talk that begins then, with its end.
    fn talks(&mut self, no: u64, from: Ms) {
        let long = self.one_of(&[2_000, 5_000, 9_999, 10_000, 10_001, 30_000, 60_000, 300_000]);
        if long > 9_000 && self.lot(4) == 0 {
            let holds = from + self.chance.random_range(1..long);
            let held = self.one_of(&[1, 4_000, 30_000]);
            self.later(holds, Happening::Moves(no, Move::Holds));
            self.later(holds + held, Happening::Moves(no, Move::Resumes));
        } else if !self.pbx.calls[&no].is_ours && self.lot(6) == 0 {
            let (hands_on, phone) = (from + self.chance.random_range(1..long), self.chance.random_range(0..3));
            self.later(hands_on, Happening::Moves(no, Move::Transfers { phone }));
        }
        self.later(from + long, Happening::Moves(no, Move::Ends(End::Talked)));
        let fails = from + self.chance.random_range(0..=long.max(12_000));
        match self.lot(16) {
            0..2 => self.later(fails, Happening::IsCut(self.pbx.calls[&no].pbx)),
            2 => {
                let turns = self.chance.random_range(0..3);
                self.later(fails, Happening::IsDoomed { turns });
            }
            _ => {}
        }
    }

    /// By the phone's own keys.
    fn dials(&mut self, line: usize, phone: usize) {
        let pbx = self.chance.random_range(0..PBXS.len());
        let no = self.pbx.prepare(pbx, line, Some(phone), None);
        self.engaged.insert(no, (line, Some(phone)));
        self.goes_out(no, 0);
    }

    /// A call to somebody, from its start on.
    pub fn goes_out(&mut self, no: u64, after: Ms) {
        self.later(after, Happening::Moves(no, Move::Starts));
        let Some(phone) = self.pbx.calls[&no].phone else { return };
        match self.lot(10) {
            0..5 => {
                let answers = after + self.chance.random_range(1_000..9_000);
                self.later(answers, Happening::Moves(no, Move::Answers { phone }));
                self.talks(no, answers);
            }
            5..7 => self.later(after + 3_000, Happening::Moves(no, Move::Ends(End::Busy))),
            _ => self.later(after + 25_000, Happening::Moves(no, Move::Ends(End::NoAnswer))),
        }
    }

    // Deeds.

    pub fn somebody_acts(&mut self) -> Verdict {
        let again = self.soon(ACTS_EVERY);
        self.later(again, Happening::Acts);
        let by = self.one_of(&[0, 0, 0, 1, 1, 1, 2, 2, 3, 4]);
        match self.deed(by) {
            Some((by, deed)) => self.gives(by, deed),
            None => Ok(()),
        }
    }

    fn deed(&mut self, by: usize) -> Option<(usize, Deed)> {
        let now = self.wall();
        let hours = self.chance.random_range(1..40) * HOUR;
        let deed = match self.lot(138) {
            100..116 => return self.hands(by),
            116..126 => return self.writes_customers(by),
            126.. => return self.regroups(by),
            0..20 => {
                let nth = self.open(|kind| !matches!(kind, ClockKind::Acceptance | ClockKind::Filing))?;
                let line = Some(self.diary.owed[nth].line).filter(|line| *line < WITHHELD)?;
                let phone = self.free_phone(by.min(2)).filter(|_| self.is_free(line))?;
                let dials = self.at;
                if by < 3 && self.dialled.get(&nth).is_some_and(|at| dials - at < DIALS_EVERY) {
                    return None;
                }
                if by < 3 && self.lot(2) == 0 {
                    self.dials(line, phone);
                    return None;
                }
                self.dialled.insert(nth, dials);
                Deed::Dial(nth)
            }
            20..33 => {
                let ticket = self.ticket()?;
                let known = self.diary.tickets[ticket].clone();
                let kind = self.one_of(&[known.kind, known.kind, Kind::Complaint, Kind::AfterSales, Kind::Other]);
                let state = self.one_of(&[
                    TicketState::InProgress,
                    TicketState::InProgress,
                    TicketState::Resolved,
                    TicketState::Resolved,
                    TicketState::Closed,
                ]);
                let (is_urgent, is_complex) = (self.lot(4) == 0, self.lot(3) == 0);
                Deed::Save { ticket, kind, is_urgent, is_complex, state }
            }
            33..35 => {
                let ticket = self.ticket()?;
                let kind = self.one_of(&[Kind::Consultation, Kind::AfterSales, Kind::Other]);
                let by = self.one_of(&[by, SUPERVISORS[0], SUPERVISORS[1], MANAGER]);
                return Some((by, Deed::Reclass { ticket, kind }));
            }
            35..38 => Deed::Found { ticket: self.ticket()? },
            38..43 => Deed::Told { ticket: self.ticket()? },
            43..44 => Deed::Withdrawn { ticket: self.ticket()? },
            44..45 => Deed::Reopen { ticket: self.ticket()? },
            45..50 => {
                Deed::Promise { ticket: self.ticket()?, at: now + hours - if self.lot(9) == 0 { DAY } else { 0 } }
            }
            50..54 => Deed::Accepted { ticket: self.owing(ClockKind::Acceptance)?, solved_by: now + hours },
            54..57 => Deed::Replied { ticket: self.owing(ClockKind::FirstResponse)? },
            57..66 => Deed::Filed { ticket: self.owing(ClockKind::Filing)? },
            66..72 => {
                let results = [Satisfaction::Satisfied, Satisfaction::Fairly, Satisfaction::Dissatisfied];
                let asks = self.one_of(&[ClockKind::ReturnVisit, ClockKind::ReturnVisit, ClockKind::SpotCheck]);
                Deed::Surveyed { ticket: self.owing(asks)?, result: self.one_of(&results) }
            }
            72..76 => Deed::Suspend(self.open(|_| true)?),
            76..78 => Deed::Wait { ticket: self.ticket()? },
            78..82 => {
                let paused = |nth: &usize| self.diary.owed[*nth].pauses.iter().any(|pause| pause.1.is_none());
                let paused: Vec<usize> =
                    (0..self.diary.owed.len()).filter(|nth| self.diary.owed[*nth].is_open()).filter(paused).collect();
                if paused.is_empty() {
                    return None;
                }
                Deed::Resume(self.one_of(&paused))
            }
            82..84 => {
                let waits = |nth: &usize| self.diary.tickets[*nth].state == TicketState::WaitingCustomer;
                let waiting: Vec<usize> = (0..self.diary.tickets.len()).filter(waits).collect();
                if waiting.is_empty() {
                    return None;
                }
                Deed::GoOn { ticket: self.one_of(&waiting) }
            }
            84..87 => Deed::Waive(self.open(|_| true)?),
            87..90 => Deed::Claim(self.open(|_| true)?),
            90..91 => Deed::Release(self.open(|_| true)?),
            91..93 => {
                let customer = self.customer();
                let known = &self.diary.customers[customer];
                let lines = std::array::from_fn(|line| known.lines.contains(&line));
                Deed::Customer(Form { customer: Some(customer), ticket: None, is_key: self.lot(2) == 0, lines })
            }
            93..95 => {
                let kind = self.one_of(&[Kind::Complaint, Kind::Consultation]);
                Deed::Mail { line: self.chance.random_range(0..LINES.len()), kind }
            }
            95..98 => {
                let terms = self.terms();
                let by = if self.lot(4) == 0 { by } else { MANAGER };
                return Some((by, Deed::Terms(terms)));
            }
            98..100 => {
                let person = self.one_of(&AGENTS);
                let deputy = self.one_of(&[None, Some(1 - person), Some(2)]);
                return Some((2, Deed::Away { person, is_away: self.chance.random_bool(0.5), deputy }));
            }
        };
        Some((by, deed))
    }

    fn customer(&mut self) -> usize {
        let customers = &self.diary.customers;
        let all: Vec<usize> = (0..customers.len()).filter(|nth| customers[*nth].part_of.is_none()).collect();
        self.one_of(&all)
    }

    /// Customers are written down, also as whose a matter is; two are one, or were not.
    fn writes_customers(&mut self, by: usize) -> Option<(usize, Deed)> {
        match self.lot(10) {
            0..3 => return Some((by, Deed::Merge { from: self.customer(), into: self.customer() })),
            3..6 => {
                let shift = self.diary.shifts.len().checked_sub(1 + self.chance.random_range(0..2))?;
                return Some((by, Deed::Undo(shift)));
            }
            _ => {}
        }
        let customer = self.customer();
        let customer = Some(customer).filter(|_| self.diary.customers.len() > MOST_CUSTOMERS || self.lot(3) > 0);
        let mut lines = [false; LINES.len()];
        if let Some(customer) = customer {
            self.diary.customers[customer].lines.iter().for_each(|line| lines[*line] = true);
        }
        // Those from 3 on are nobody's at first.
        if self.lot(2) == 0 {
            let line = self.one_of(&[0, 1, 2, 3, 3, 3, 4, 4, 4]);
            lines[line] = !lines[line];
        }
        let whose = self.diary.tickets.iter().rposition(|ticket| ticket.customer.is_none());
        let ticket = if self.lot(2) == 0 { whose } else { None };
        Some((by, Deed::Customer(Form { customer, ticket, is_key: self.lot(2) == 0, lines })))
    }

    /// Two matters are one, or were not.
    fn regroups(&mut self, by: usize) -> Option<(usize, Deed)> {
        let by = self.one_of(&[2, 3, by]);
        let regrouping = self.diary.regroupings.len().checked_sub(1 + self.chance.random_range(0..2));
        if let Some(regrouping) = regrouping.filter(|_| self.lot(5) < 2) {
            return Some((by, Deed::Part(regrouping)));
        }
        let from = self.ticket()?;
        // Mostly the same customer's, or nobody's.
        let whose = self.diary.tickets[from].customer;
        let is_like = |nth: &usize| {
            let its = &self.diary.tickets[*nth];
            its.state.is_open() && *nth != from && (whose.is_none() || its.customer == whose)
        };
        let like: Vec<usize> = (0..self.diary.tickets.len()).filter(is_like).collect();
        let into = if like.is_empty() || self.lot(6) == 0 { self.ticket()? } else { self.one_of(&like) };
        Some((by, Deed::Join { from, into }))
    }

    /// Somebody answers what is offered: mostly whoever is asked, or who stands in for them.
    pub fn somebody_answers(&mut self) -> Verdict {
        let Some(nth) = self.open(|kind| kind == ClockKind::HandOver) else { return Ok(()) };
        let its = &self.diary.owed[nth];
        let (ticket, asked) = (its.ticket, its.owner.unwrap_or(MANAGER));
        let asked = self.diary.stands_in(asked).filter(|_| self.lot(4) > 0).unwrap_or(asked);
        let by = if self.lot(5) == 0 { self.one_of(&[0, 1, 2, 3, MANAGER]) } else { asked };
        let answers = [Hand::Accept, Hand::Accept, Hand::Refuse, Hand::Withdraw, Hand::Offer(Part::Matter, by)];
        let hand = self.one_of(&answers);
        self.gives(by, Deed::Hand { ticket, hand })
    }

    /// Whose a matter is changes.
    fn hands(&mut self, by: usize) -> Option<(usize, Deed)> {
        let part = self.one_of(&[Part::Matter, Part::Matter, Part::Work]);
        let is_away = |person: &usize| self.diary.away[*person].is_some();
        let away = AGENTS.into_iter().find(is_away).filter(|_| self.chance.random_bool(0.6));
        let to = away.unwrap_or_else(|| self.one_of(&[0, 0, 1, 1, 2, 3, MANAGER]));
        // What is worked on elsewhere is to be filed there, whoever else has the matter by then.
        let to_be_filed = self.open(|kind| kind == ClockKind::Filing).filter(|_| self.lot(3) == 0);
        let ticket = to_be_filed.map(|nth| self.diary.owed[nth].ticket).or_else(|| self.ticket())?;
        let hand = match self.lot(8) {
            0..4 => Hand::Offer(part, to),
            4 => Hand::Take(part),
            5 => Hand::Accept,
            _ => return Some((self.one_of(&[2, 2, by]), Deed::Hand { ticket, hand: Hand::Assign(part, to) })),
        };
        let offers = matches!(hand, Hand::Offer(..));
        let by = self.diary.tickets[ticket].owner.filter(|_| offers).unwrap_or(by);
        if offers {
            let answers = self.chance.random_range(MINUTE..ANSWERED_WITHIN);
            self.later(answers, Happening::Answers);
        }
        Some((by, Deed::Hand { ticket, hand }))
    }

    /// One of what is open, the newest most often.
    fn open(&mut self, kind: impl Fn(ClockKind) -> bool) -> Option<usize> {
        let owed = &self.diary.owed;
        let open: Vec<usize> =
            (0..owed.len()).rev().filter(|nth| owed[*nth].is_open() && kind(owed[*nth].kind)).take(12).collect();
        let nth = self.chance.random_range(0..open.len().max(1)).min(self.chance.random_range(0..open.len().max(1)));
        open.get(nth).copied()
    }

    fn ticket(&mut self) -> Option<usize> {
        let count = self.diary.tickets.len();
        let newest = self.chance.random_range(0..count.clamp(1, 6));
        count.checked_sub(1 + newest)
    }

    /// Mostly one of which such a thing is owed.
    fn owing(&mut self, kind: ClockKind) -> Option<usize> {
        match self.lot(8) {
            0 => self.ticket(),
            _ => self.open(|owed| owed == kind).map(|nth| self.diary.owed[nth].ticket),
        }
    }

    /// The deed, as the daemon is asked for it.
    pub fn command(&self, deed: Deed) -> Command {
        let ticket_id = |nth: usize| TicketId(self.ticket_ids[nth]);
        let owed = |nth: usize, what: ToOwed| Command::Owed(ObligationId(self.owed_ids[nth]), what);
        let (reason, words) = (String::from("waits for the customer"), String::from("in short"));
        match deed {
            Deed::Save { ticket, kind, is_urgent, is_complex, state } => {
                let known = &self.diary.tickets[ticket];
                let form = TicketForm {
                    kind,
                    category: "other".into(),
                    priority: if is_urgent { Priority::Urgent } else { Priority::Normal },
                    complexity: if is_complex { Complexity::Complex } else { Complexity::Simple },
                    channel: known.channel,
                    summary: String::new(),
                    course: "how it went".into(),
                    demand: String::new(),
                    object: Object::default(),
                };
                Command::SaveTicket { ticket: ticket_id(ticket), version: known.version, form, state }
            }
            Deed::Found { ticket } => {
                let some = || String::from("in short");
                let findings = Findings {
                    finding: Some(Finding::Justified),
                    reason: some(),
                    cause: some(),
                    party: some(),
                    solution: some(),
                    loss_cents: None,
                };
                let version = self.diary.tickets[ticket].findings;
                Command::Handle(ticket_id(ticket), Handle::Find { version, findings })
            }
            Deed::Reclass { ticket, kind } => Command::Handle(ticket_id(ticket), Handle::Reclass { kind, why: words }),
            Deed::Told { ticket } => Command::Matter(ticket_id(ticket), Step::Told { how: Channel::Phone, words }),
            Deed::Withdrawn { ticket } => Command::Matter(ticket_id(ticket), Step::Withdrawn { words }),
            Deed::Wait { ticket } => Command::Matter(ticket_id(ticket), Step::Wait { reason }),
            Deed::GoOn { ticket } => Command::Matter(ticket_id(ticket), Step::GoOn),
            Deed::Reopen { ticket } => Command::Matter(ticket_id(ticket), Step::Reopen { why: words }),
            Deed::Promise { ticket, at } => Command::Matter(ticket_id(ticket), Step::Promise { at: time(at) }),
            Deed::Accepted { ticket, solved_by } => {
                Command::Matter(ticket_id(ticket), Step::Accepted { solved_by: time(solved_by) })
            }
            Deed::Replied { ticket } => Command::Matter(ticket_id(ticket), Step::Replied { words }),
            Deed::Filed { ticket } => Command::Matter(ticket_id(ticket), Step::Filed { words }),
            Deed::Surveyed { ticket, result } => Command::Matter(ticket_id(ticket), Step::Surveyed { result, words }),
            Deed::Mail { line, kind } => Command::OpenTicket {
                call: None,
                customer: None,
                number: Some(LINES[line].to_owned()),
                kind,
                channel: Channel::Email,
            },
            Deed::Hand { ticket, hand } => {
                let to = |to: usize| Receiver::Person(Site::get().people[to]);
                let hand = match hand {
                    Hand::Take(part) => ownership::Hand::Take { part },
                    Hand::Offer(part, person) => ownership::Hand::Offer { part, to: to(person), words },
                    Hand::Accept => ownership::Hand::Accept,
                    Hand::Refuse => ownership::Hand::Refuse { why: words },
                    Hand::Withdraw => ownership::Hand::Withdraw,
                    Hand::Assign(part, person) => ownership::Hand::Assign { part, to: to(person), words },
                };
                Command::Hand(ticket_id(ticket), hand)
            }
            Deed::Claim(nth) => owed(nth, ToOwed::Claim),
            Deed::Release(nth) => owed(nth, ToOwed::Release),
            Deed::Suspend(nth) => owed(nth, ToOwed::Suspend { reason }),
            Deed::Resume(nth) => owed(nth, ToOwed::Resume),
            Deed::Waive(nth) => owed(nth, ToOwed::Waive { reason }),
            Deed::Dial(nth) => Command::Dial {
                number: LINES[self.diary.owed[nth].line].to_owned(),
                obligation: Some(ObligationId(self.owed_ids[nth])),
                ticket: None,
            },
            Deed::Customer(Form { customer, ticket, is_key, lines }) => {
                let numbers = LINES.iter().zip(lines).filter(|(_, is_theirs)| *is_theirs);
                let form = CustomerForm {
                    name: "Shen".to_owned(),
                    key_customer: is_key,
                    numbers: numbers.map(|(number, _)| (*number).to_owned()).collect(),
                    ..CustomerForm::default()
                };
                let customer = customer.map(|customer| self.stands(customer));
                Command::SaveCustomer { customer, ticket: ticket.map(ticket_id), form }
            }
            Deed::Merge { from, into } => {
                Command::Customers(OfCustomers::Merge { from: self.stands(from), into: self.stands(into) })
            }
            Deed::Join { from, into } => Command::Regroup(ticket_id(from), Regroup::Merge { into: ticket_id(into) }),
            Deed::Part(nth) => {
                let giver = self.diary.regroupings[nth].giver;
                Command::Regroup(ticket_id(giver), Regroup::Undo(RegroupId(self.regrouping_ids[nth])))
            }
            Deed::Undo(shift) => Command::Customers(OfCustomers::Undo(ShiftId(self.shift_ids[shift]))),
            Deed::Terms(rules) => Command::SetPolicy { version: None, text: rules.terms() },
            Deed::Away { person, is_away, deputy } => {
                let people = &Site::get().people;
                Command::SetAway { person: people[person], away: is_away, deputy: deputy.map(|deputy| people[deputy]) }
            }
        }
    }

    /// A customer, as they stand.
    fn stands(&self, customer: usize) -> (CustomerId, i64) {
        (CustomerId(self.customer_ids[customer]), self.diary.customers[customer].version)
    }

    // Faults.

    pub fn something_fails(&mut self) -> Verdict {
        let again = self.soon(FAILS_EVERY);
        self.later(again, Happening::Fails);
        if self.sleeps {
            return Ok(());
        }
        match self.lot(16) {
            0..6 => {
                let turns = self.chance.random_range(0..8);
                self.later(0, Happening::IsDoomed { turns });
            }
            6 if self.machine.running().is_some() => {
                self.notes(|| "killed".into());
                self.kills(u64::MAX);
            }
            7..11 => {
                let pbx = self.chance.random_range(0..PBXS.len());
                if self.links_up[pbx] {
                    return self.cuts(pbx);
                }
            }
            11..13 => {
                let (long, is_cut_off) = self.one_of(&[(MINUTE, false), (12 * HOUR, true)]);
                self.notes(|| "the machine sleeps".into());
                self.sleeps = true;
                self.later(long, Happening::Wakes { is_cut_off });
            }
            13..15 => {
                let by = self.one_of(&[HOUR, -HOUR]);
                let back = self.chance.random_range(MINUTE..DAY);
                self.later(0, Happening::Steps(by));
                self.later(back, Happening::Steps(-by));
            }
            15 => {
                let back = self.chance.random_range(1_000..HOUR);
                self.later(0, Happening::Steps(TEN_YEARS));
                self.later(back, Happening::Steps(-TEN_YEARS));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A matter's lot, of a hundred: as whoever checks a draw reckons it by hand, of a site whose seed is
/// all zeros.
pub fn lot(ticket: i64) -> f64 {
    let hash = Sha256::digest(format!("{:032}:{ticket}", 0));
    let first = hash[..4].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (first % 10_000) as f64 / 100.0
}
