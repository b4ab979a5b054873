//! What has changed with a commit, each thing once, and who hears of it.

use std::collections::BTreeSet;

use crate::desk::clock::Claim;
use crate::desk::fact::Fact;
use crate::desk::looks::{Look, Whose};
use crate::desk::ownership::HandFact;
use crate::live::{Notice, Topic};
use crate::{ObligationId, PersonId, TicketId};

#[derive(Debug, Default)]
pub struct Changed {
    tickets: BTreeSet<(TicketId, Option<PersonId>)>,
    duties: BTreeSet<PersonId>,
    obligations: bool,
    /// Something that nobody owned, or owns now.
    unowned: bool,
    /// Something that waits for somebody's word, or did.
    approvals: bool,
    house: bool,
    /// Who calls somebody whom another works on.
    beside: Vec<(PersonId, ObligationId, Claim)>,
}

impl Changed {
    pub fn house(&mut self) {
        self.house = true;
    }

    /// Something of this ticket, to whoever looks at it.
    pub fn ticket_seen(&mut self, ticket: TicketId) {
        self.ticket(ticket, None);
    }

    pub fn note(&mut self, fact: &Fact) {
        match fact {
            Fact::TicketOpened { ticket, .. } => self.ticket(ticket.id, ticket.owner),
            // Pages hear of a call from the tracker; here only that its record is whole.
            Fact::CallSeen { call, ticket, person, .. } => {
                if let Some(ticket) = ticket.filter(|_| call.ended_at.is_some()) {
                    self.ticket(ticket, *person);
                }
            }
            Fact::CallJoined { ticket, .. } => self.ticket(*ticket, None),
            Fact::CallMoved { from, to, owner, owed, .. } => {
                from.iter().for_each(|from| self.ticket(*from, None));
                self.ticket(*to, *owner);
                owed.iter().for_each(|(_, by)| self.obligation(*to, by.or(*owner)));
                self.unowned |= owed.iter().any(|(_, by)| by.is_none());
            }
            Fact::CallsMerged { ticket, .. } => ticket.iter().for_each(|ticket| self.ticket(*ticket, None)),
            Fact::OwnerTaken { ticket, person, .. } => {
                self.obligation(*ticket, Some(*person));
                self.unowned = true;
            }
            Fact::TicketSaved { ticket, owner, .. } | Fact::TicketLinked { ticket, owner, .. } => {
                self.ticket(*ticket, *owner);
            }
            Fact::ObligationBegan { obligation, .. } => self.obligation(obligation.ticket, obligation.owner),
            Fact::ObligationMoved { ticket, owner, .. }
            | Fact::AttemptMade { ticket, owner, .. }
            | Fact::Claimed { ticket, owner, .. }
            | Fact::Suspended { ticket, owner, .. }
            | Fact::Resumed { ticket, owner, .. }
            | Fact::ObligationEnded { ticket, owner, .. }
            | Fact::Surveyed { ticket, owner, .. }
            | Fact::TicketReopened { ticket, owner, .. }
            | Fact::ObligationKept { ticket, owner, .. }
            | Fact::RungFired { ticket, owner, .. } => self.obligation(*ticket, *owner),
            Fact::Accepted { ticket, .. } => self.ticket(*ticket, None),
            Fact::CalledBeside { obligation, ticket, by, claim, .. } => {
                self.ticket(*ticket, None);
                self.beside.push((*by, *obligation, *claim));
            }
            Fact::Hand(fact) => match &**fact {
                HandFact::Offered { ticket, offer, .. } => {
                    self.ticket(*ticket, offer.from);
                    self.ticket(*ticket, Some(offer.by));
                }
                HandFact::OfferEnded { ticket, by, .. } => self.ticket(*ticket, *by),
                HandFact::Given { ticket, person, from, .. } => {
                    self.obligation(*ticket, Some(*person));
                    self.obligation(*ticket, *from);
                }
            },
            Fact::Handling(fact) => {
                self.ticket(fact.ticket(), fact.owner());
                self.approvals |= fact.is_of_approval();
            }
            Fact::Notified { ticket, .. } => self.ticket(*ticket, None),
            Fact::PolicySet { .. }
            | Fact::DepartmentSet { .. }
            | Fact::PersonAdded { .. }
            | Fact::PasswordSet { .. }
            | Fact::PersonChanged { .. }
            | Fact::AwaySet { .. }
            | Fact::ExtensionMapped { .. }
            | Fact::ExtensionIgnored { .. }
            | Fact::LanguageSet { .. } => self.house(),
            Fact::Paper(fact) => fact.tickets().into_iter().for_each(|(ticket, owner)| self.ticket(ticket, owner)),
            Fact::Regroup(fact) => {
                let [giver, taker] = fact.tickets();
                self.ticket(giver, None);
                self.ticket(taker, None);
                fact.owners().for_each(|owner| self.obligation(taker, owner));
                self.approvals |= fact.takes_remedies();
            }
            Fact::Customer(fact) => fact.tickets().iter().for_each(|ticket| self.ticket(*ticket, None)),
            Fact::Survey(fact) => fact.ticket().into_iter().for_each(|ticket| self.ticket(ticket, None)),
            Fact::Draw(_)
            | Fact::Unmoved { .. }
            | Fact::DraftKept { .. }
            | Fact::SignedIn { .. }
            | Fact::SessionKept { .. }
            | Fact::SignedOut { .. } => {}
            // Who saved it may have them on the phone.
            Fact::CustomerSaved { by, .. } => self.duties.extend(*by),
            Fact::Looked {
                look: Look::Evidence { ticket, .. } | Look::Numbers { of: Whose::Ticket(ticket) }, ..
            } => {
                self.ticket(*ticket, None);
            }
            Fact::Looked {
                look: Look::Customers { .. } | Look::Numbers { of: Whose::Customer(_) | Whose::Call(_) },
                ..
            } => {}
            Fact::Asked { ticket, .. } => ticket.iter().for_each(|ticket| self.ticket(*ticket, None)),
        }
    }

    fn ticket(&mut self, ticket: TicketId, owner: Option<PersonId>) {
        self.tickets.insert((ticket, owner));
    }

    fn obligation(&mut self, ticket: TicketId, owner: Option<PersonId>) {
        self.ticket(ticket, owner);
        self.duties.extend(owner);
        self.obligations = true;
        self.unowned |= owner.is_none();
    }

    pub fn notices(&self) -> Vec<(Topic, Notice)> {
        let mut notices = Vec::new();
        let mut told = BTreeSet::new();
        for &(ticket, owner) in &self.tickets {
            notices.extend(owner.map(|owner| (Topic::Person(owner), Notice::Ticket(ticket))));
            if told.insert(ticket) {
                notices.push((Topic::Board, Notice::Ticket(ticket)));
            }
        }
        notices.extend(self.duties.iter().map(|&person| (Topic::Person(person), Notice::Duties(person))));
        notices.extend(self.obligations.then_some((Topic::Board, Notice::Obligations)));
        notices.extend(self.approvals.then_some((Topic::Approvals, Notice::Approvals)));
        notices.extend(self.unowned.then_some((Topic::Unowned, Notice::Obligations)));
        notices.extend(
            self.beside.iter().map(|&(person, obligation, claim)| {
                (Topic::Person(person), Notice::Beside { person, obligation, claim })
            }),
        );
        notices.extend(self.house.then_some((Topic::House, Notice::House)));
        notices
    }
}
