//! Whose a matter is: offered and accepted, refused, or lapsed; taken, or given by who leads.

use super::super::hours::Ms;
use super::{AGENTS, Diary, MANAGER, Owed, SUPERVISORS, Ticket, Told};
use crate::desk::clock::{ClockKind, ObligationState};
use crate::desk::ownership::Part;
use crate::desk::ticket::TicketState;

/// What somebody does about whose a matter is, or the work on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hand {
    Take(Part),
    Offer(Part, usize),
    Accept,
    Refuse,
    Withdraw,
    Assign(Part, usize),
}

/// That something is offered; whose it is to answer is who owes that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    part: Part,
    from: Option<usize>,
    by: usize,
}

impl Diary {
    pub(super) fn hands(&mut self, by: usize, ticket: usize, hand: Hand, now: Ms) -> bool {
        let Ticket { owner, state, .. } = self.tickets[ticket];
        let offered = self.open_of(ticket, ClockKind::HandOver);
        let offer = offered.and_then(|nth| self.owed[nth].offer);
        let leads = SUPERVISORS.contains(&by);
        let answers = offered.filter(|nth| self.is_invited(*nth, by));
        let may = match hand {
            Hand::Accept | Hand::Refuse => answers.is_some(),
            Hand::Assign(..) => leads,
            Hand::Take(_) | Hand::Offer(..) | Hand::Withdraw => by != MANAGER && self.has(ticket, by),
        };
        if !may || state == TicketState::Closed {
            return false;
        }
        match (hand, answers) {
            (Hand::Take(part), _) => match self.holder(ticket, part) {
                Some(holder) => return holder == by,
                None => self.give(ticket, part, by),
            },
            (Hand::Offer(part, to), _) => {
                let holder = self.holder(ticket, part);
                let from = holder.or(owner);
                let is_theirs = leads || from == Some(by) || owner == Some(by);
                let stands_in = from.is_none_or(|from| self.stands_in(from) == Some(by));
                if offered.is_some() || !(is_theirs || stands_in) || to == MANAGER || holder == Some(to) {
                    return false;
                }
                let queue = self.queue_of(ticket);
                let nth = self.begins(ClockKind::HandOver, ticket, now, queue);
                self.owed[nth].owner = Some(to);
                self.owed[nth].offer = Some(Offer { part, from, by });
                self.says(nth, "offered", Some(to), now);
            }
            (Hand::Accept, Some(nth)) => {
                self.ends(nth, ObligationState::Kept, now);
                self.hears_back(nth, "accepted", Some(by), now);
                if let Some(Offer { part, .. }) = offer {
                    self.give(ticket, part, by);
                }
            }
            (Hand::Refuse, Some(nth)) => {
                self.ends(nth, ObligationState::Kept, now);
                self.hears_back(nth, "refused", Some(by), now);
            }
            (Hand::Accept | Hand::Refuse, None) => return false,
            (Hand::Withdraw, _) => {
                let Some((nth, Offer { from, by: giver, .. })) = offered.zip(offer) else { return false };
                if giver != by && from != Some(by) && !leads {
                    return false;
                }
                self.takes_back(nth, by, now);
            }
            (Hand::Assign(_, MANAGER), _) => return false,
            (Hand::Assign(part, to), _) => {
                if let Some(nth) = offered {
                    self.takes_back(nth, by, now);
                }
                self.give(ticket, part, to);
            }
        }
        true
    }

    /// Nobody has answered in time: it is whose it was.
    pub(super) fn lapses(&mut self, nth: usize, now: Ms) {
        self.ends(nth, ObligationState::Dropped, now);
        self.hears_back(nth, "lapsed", None, now);
    }

    fn takes_back(&mut self, nth: usize, by: usize, now: Ms) {
        self.ends(nth, ObligationState::Dropped, now);
        self.hears_back(nth, "withdrawn", Some(by), now);
    }

    /// Who offered it hears what came of it, from whom else did it.
    pub(super) fn hears_back(&mut self, nth: usize, news: &'static str, by: Option<usize>, now: Ms) {
        let giver = self.owed[nth].offer.map(|offer| offer.by);
        self.says(nth, news, giver.filter(|giver| Some(*giver) != by), now);
    }

    /// They, or who stands in for them; nobody, where nobody does.
    fn says(&mut self, nth: usize, news: &'static str, to: Option<usize>, now: Ms) {
        let people = to.and_then(|to| self.stands_in(to)).into_iter().collect();
        let told = Told { people, send: self.send(now) };
        self.owed[nth].news.push((news, told));
    }

    fn holder(&self, ticket: usize, part: Part) -> Option<usize> {
        match part {
            Part::Matter => self.tickets[ticket].owner,
            Part::Work => self.tickets[ticket].handler,
        }
    }

    /// With the matter goes what is owed in it, with the work what is to be filed.
    fn give(&mut self, ticket: usize, part: Part, person: usize) {
        let has_handler = self.tickets[ticket].handler.is_some();
        let goes = |owed: &&mut Owed| {
            let is_of_it = match owed.kind {
                ClockKind::HandOver | ClockKind::SpotCheck => false,
                ClockKind::Filing => part == Part::Work || !has_handler,
                ClockKind::MissedCall
                | ClockKind::FirstResponse
                | ClockKind::Acceptance
                | ClockKind::Resolution
                | ClockKind::Promise
                | ClockKind::ReturnVisit => part == Part::Matter,
            };
            is_of_it && owed.is_open() && owed.ticket == ticket && owed.owner != Some(person)
        };
        for owed in self.owed.iter_mut().filter(goes) {
            (owed.owner, owed.claim) = (Some(person), None);
        }
        let ticket = &mut self.tickets[ticket];
        match part {
            Part::Matter => ticket.owner = Some(person),
            Part::Work => ticket.handler = Some(person),
        }
    }

    /// Whether that offer is to them, or to whom they stand in for.
    pub(super) fn is_invited(&self, nth: usize, by: usize) -> bool {
        let to = self.owed[nth].owner.filter(|_| self.owed[nth].is_open() && self.owed[nth].offer.is_some());
        to.is_some_and(|to| to == by || self.stands_in(to) == Some(by))
    }

    /// Agents have what is their own, or nobody's, and the work on it, and that of whom they stand in for.
    pub(super) fn has(&self, ticket: usize, by: usize) -> bool {
        let Ticket { owner, handler, .. } = self.tickets[ticket];
        self.is_for(owner, by) || self.is_theirs(handler, by)
    }

    /// Not what is nobody's.
    pub(super) fn is_theirs(&self, whose: Option<usize>, by: usize) -> bool {
        AGENTS.contains(&by) && whose.is_some() && self.is_for(whose, by)
    }
}
