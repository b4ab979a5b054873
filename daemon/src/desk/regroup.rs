//! Two tickets that are one matter, and one that is two: what lies in one goes to another, and back when
//! that was wrong.
//!
//! A **merge** puts a ticket into another, which goes on: its calls, notes, files, links and all that is
//! owed in it go there, and it is closed and points there. So do the log of the investigation, remedies, of
//! which none is to be decided or paid twice, and assessments; the ticket that stays waits for an approval
//! where one of these does. What was found out is taken over by a ticket that had nothing; else what each
//! found stays its own, and is read beside. What it said itself, its form and what somebody
//! typed and had not sent, stays with it to be read. Nothing that is owed is lost by it: of what is owed
//! once for a matter what is due first stays and the other is replaced; of missed calls likewise, where
//! it is the same customer or number; promises stand beside each other, since each was made. Its times go
//! by the ticket that stays, which therefore must be owed at least as much by the policy. Each thing that is
//! owed keeps its own rungs, so none fires twice.
//!
//! A **split** opens another ticket of the same customer with clocks of its own, and calls, notes and files
//! that are named go there, with what is owed for those calls.
//!
//! A complaint goes into another complaint alone, and one that was split off what is none stays: neither is a
//! way to be done with it. Making a complaint of the ticket that goes on is its form's, where it is seen what is
//! owed by it.
//!
//! A regrouping's fact names all that went, so that undoing brings everything back as it was. Where what
//! has happened since stands on it, it cannot be undone any more: something that went is elsewhere, or is
//! over. Regroupings of the same tickets are undone in turn, the last one first.

use std::collections::BTreeSet;

use super::case::{Case, OpenObligation};
use super::clock::{Claim, ClockKind, Next, ObligationState, Rung};
use super::command::{Done, FieldWhy, Refusal};
use super::fact::Fact;
use super::handling::{Findings, HandlingFact, Remedy, RemedyState};
use super::matters::{Opening, Whose, ended, goes_on as owed_instead, open, runs};
use super::ownership::HandOver;
use super::papers::Tie;
use super::policy::Subject;
use super::rights::{self, Act, Circle, in_circle};
use super::rungs::{applies, moved};
use super::ticket::{Channel, Kind, Priority, Ticket, TicketState};
use crate::names::words;
use crate::number::Number;
use crate::{
    AssessmentId, AttachmentId, CallId, CommentId, CustomerId, InquiryId, ObligationId, PersonId, RegroupId, RemedyId,
    Role, TicketId, Time,
};

/// Who may give it away may do so to another ticket.
const ACT: Act = Act::Hand;

/// What somebody asks for. By whoever may hand over both tickets; where they are of different people, by a
/// supervisor.
#[derive(Clone, Debug, PartialEq)]
pub enum Regroup {
    /// The ticket is the same matter as another, which goes on.
    Merge { into: TicketId },
    /// Part of the ticket is another matter, of that kind.
    Split { parts: Parts, kind: Kind },
    /// Its merge or split was wrong.
    Undo(RegroupId),
}

/// What of a ticket is about something else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    pub calls: BTreeSet<CallId>,
    pub comments: BTreeSet<CommentId>,
    pub attachments: BTreeSet<AttachmentId>,
}

words! {
    RegroupKind { Merge = "merge", Split = "split" }
}

/// All that went from one ticket to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Regrouping {
    pub id: RegroupId,
    pub kind: RegroupKind,
    pub giver: TicketId,
    pub taker: TicketId,
    /// How the giver stood.
    pub state: TicketState,
    /// Also those that turned out to be part of these.
    pub calls: Vec<CallId>,
    pub comments: Vec<CommentId>,
    pub attachments: Vec<AttachmentId>,
    pub links: Vec<WentLink>,
    pub owed: Vec<WentOwed>,
    /// What ended since something else stands in its place.
    pub replaced: Vec<Replaced>,
    pub handled: Handled,
    /// How the taker stood, which with what came waits for an approval; none where it stands as before.
    pub taker_was: Option<TicketState>,
}

/// What was found out and done in a matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handled {
    pub log: Vec<InquiryId>,
    pub remedies: Vec<RemedyId>,
    pub assessments: Vec<AssessmentId>,
    /// What the taker took over, which had found nothing; none where each keeps what it found.
    pub found: Option<TakenOver>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TakenOver {
    /// As they stand in the taker: of that version, and still who found them and when.
    pub found: Found,
    /// Who had saved the taker's, in which nothing stood.
    pub saved_was: Option<(PersonId, Time)>,
}

/// What was found out, and who wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub version: i64,
    pub findings: Findings,
    pub saved: Option<(PersonId, Time)>,
}

impl Found {
    fn is_blank(&self) -> bool {
        self.findings == Findings::default()
    }
}

/// `ticket` is `how` to `other`.
pub type Link = (TicketId, Tie, TicketId);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WentLink {
    pub was: Link,
    /// None where the taker has such a one, or is itself the other.
    pub is: Option<Link>,
}

/// Something open, and whose it was and is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WentOwed {
    pub id: ObligationId,
    pub owner_was: Option<PersonId>,
    pub owner_is: Option<PersonId>,
    pub customer_was: Option<CustomerId>,
    pub customer_is: Option<CustomerId>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replaced {
    pub id: ObligationId,
    /// What stands in its place.
    pub by: ObligationId,
    /// The rung that came next, and who worked on it.
    pub next: Option<Rung>,
    pub claim: Option<Claim>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RegroupFact {
    Went {
        regrouping: Box<Regrouping>,
        by: PersonId,
    },
    /// All of it is back.
    Undone {
        regrouping: Box<Regrouping>,
        by: PersonId,
    },
    /// The same, of the ticket that took it.
    Taken {
        regrouping: Box<Regrouping>,
        undone: bool,
        by: PersonId,
    },
}

/// Why it cannot be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A ticket is merged into another.
    Itself,
    /// One of the two is over, or waits for the customer.
    Over,
    /// It is part of another ticket; there it goes on.
    Gone,
    /// They are of different customers.
    OtherCustomer,
    /// A complaint would be none any more: it goes into another complaint alone.
    IsComplaint,
    /// By the policy less would be owed in the one that stays.
    OwesLess,
    /// They are of different people, and who asks is no supervisor; or the one that stays is nobody's.
    OtherOwner,
    /// One is offered to somebody who has not answered.
    Offered,
    NoSuchRegrouping,
    Undone,
    /// Of the same tickets there is a later one, which must be undone first.
    NotTheLast,
    /// What has happened since stands on it.
    BuiltOn,
}

/// What the case has for it.
#[derive(Clone, Debug, Default)]
pub struct Regroupable {
    /// The ticket that the case's ticket is to be merged into, or gave to.
    pub other: Option<Ticket>,
    pub other_circle: Circle,
    pub other_offer: Option<HandOver>,
    /// What lies in the case's ticket, and in the other.
    pub here: Lies,
    pub there: Lies,
    pub known: Option<KnownRegrouping>,
    /// What ended since something else stands in its place, as it would be if it were open.
    pub replaced: Vec<OpenObligation>,
}

#[derive(Clone, Debug, Default)]
pub struct Lies {
    pub calls: Vec<HeldCall>,
    pub comments: BTreeSet<CommentId>,
    pub attachments: BTreeSet<AttachmentId>,
    pub links: BTreeSet<(TicketId, Tie, TicketId)>,
    pub log: BTreeSet<InquiryId>,
    pub remedies: Vec<Remedy>,
    pub assessments: BTreeSet<AssessmentId>,
    pub found: Found,
}

#[derive(Clone, Debug)]
pub struct HeldCall {
    pub id: CallId,
    pub number: Option<Number>,
    /// The call that it turned out to be part of.
    pub part_of: Option<CallId>,
    /// What is owed for it, while it is open.
    pub owed: Vec<ObligationId>,
}

#[derive(Clone, Debug)]
pub struct KnownRegrouping {
    pub regrouping: Regrouping,
    pub is_undone: bool,
    /// Of its tickets none stands that is later.
    pub is_last: bool,
    /// Nothing has happened to the taker since that cannot be taken back with it.
    pub is_untouched: bool,
}

impl RegroupFact {
    fn regrouping(&self) -> &Regrouping {
        match self {
            RegroupFact::Went { regrouping, .. }
            | RegroupFact::Undone { regrouping, .. }
            | RegroupFact::Taken { regrouping, .. } => regrouping,
        }
    }

    /// What the giver of a command hears: where it goes on.
    pub fn done(&self) -> Option<Done> {
        match self {
            RegroupFact::Went { regrouping, .. } => Some(Done::Ticket(regrouping.taker)),
            RegroupFact::Undone { regrouping, .. } => Some(Done::Ticket(regrouping.giver)),
            RegroupFact::Taken { .. } => None,
        }
    }

    /// Both tickets.
    pub fn tickets(&self) -> [TicketId; 2] {
        let Regrouping { giver, taker, .. } = self.regrouping();
        [*giver, *taker]
    }

    /// Whether remedies are another matter's from then on.
    pub fn takes_remedies(&self) -> bool {
        !self.regrouping().handled.remedies.is_empty()
    }

    /// Whose duties change by it.
    pub fn owners(&self) -> impl Iterator<Item = Option<PersonId>> {
        self.regrouping().owed.iter().flat_map(|owed| [owed.owner_was, owed.owner_is])
    }
}

pub fn given(case: &Case, by: Option<PersonId>, regroup: &Regroup, now: Time) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    match regroup {
        Regroup::Merge { into } => merge(case, rights::ticket(case, Some(by), ACT, now)?, *into, by, now),
        Regroup::Split { parts, kind } => split(case, rights::ticket(case, Some(by), ACT, now)?, parts, *kind, by, now),
        Regroup::Undo(_) => undo(case, by, now),
    }
}

fn merge(case: &Case, giver: &Ticket, into: TicketId, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
    let unfit = |why| Err(Refusal::Regroup(why));
    if into == giver.id {
        return unfit(Unfit::Itself);
    }
    let found = case.regroup.other.as_ref().filter(|other| other.id == into);
    let taker = found.ok_or(Refusal::NoSuchTicket)?;
    in_circle(case, &case.regroup.other_circle, Some(by), ACT, now)?;
    if taker.merged_into.is_some() {
        return unfit(Unfit::Gone);
    }
    if !goes_on(giver.state) || !goes_on(taker.state) {
        return unfit(Unfit::Over);
    }
    if case.offer.is_some() || case.regroup.other_offer.is_some() {
        return unfit(Unfit::Offered);
    }
    if giver.customer.is_some() && giver.customer != taker.customer {
        return unfit(Unfit::OtherCustomer);
    }
    if !giver.kind.may_become(taker.kind) {
        return unfit(Unfit::IsComplaint);
    }
    if owes_less(case, giver, taker) {
        return unfit(Unfit::OwesLess);
    }
    let goes_over = giver.owner.is_some() && giver.owner != taker.owner;
    if goes_over && (taker.owner.is_none() || !case.staff.is_in(by, Role::Supervisor)) {
        return unfit(Unfit::OtherOwner);
    }
    let (theirs, replaced) = together(case, giver, taker);
    let Lies { calls, comments, attachments, links, log, remedies, assessments, found } = &case.regroup.here;
    let waits = taker.state != TicketState::WaitingApproval && remedies.iter().any(is_requested);
    let was = |id| case.obligations.iter().find(|owed| owed.id == id);
    let regrouping = Regrouping {
        id: case.ids.regroup(),
        kind: RegroupKind::Merge,
        giver: giver.id,
        taker: taker.id,
        state: giver.state,
        calls: calls.iter().map(|call| call.id.clone()).collect(),
        comments: comments.iter().copied().collect(),
        attachments: attachments.iter().copied().collect(),
        links: links.iter().map(|link| went(*link, giver.id, taker.id, &case.regroup.there.links)).collect(),
        owed: theirs
            .iter()
            .filter_map(|owed| {
                let before = was(owed.id)?;
                Some(WentOwed {
                    id: owed.id,
                    owner_was: before.owner,
                    owner_is: owed.owner,
                    customer_was: before.customer,
                    customer_is: owed.customer,
                })
            })
            .collect(),
        replaced: replaced.iter().map(|(replaced, _)| *replaced).collect(),
        handled: Handled {
            log: log.iter().copied().collect(),
            remedies: remedies.iter().map(|remedy| remedy.id).collect(),
            assessments: assessments.iter().copied().collect(),
            found: taken_over(found, &case.regroup.there.found),
        },
        taker_was: waits.then_some(taker.state),
    };
    let regrouping = Box::new(regrouping);
    let mut facts = vec![Fact::Regroup(RegroupFact::Went { regrouping: regrouping.clone(), by })];
    facts.extend(replaced.iter().map(|(_, owed)| ended(owed, ObligationState::Replaced, Some(by))));
    let stays = theirs.iter().filter(|owed| !regrouping.replaced.iter().any(|replaced| replaced.id == owed.id));
    facts.extend(stays.filter_map(|owed| anew(case, was(owed.id)?, owed)));
    facts.push(Fact::Regroup(RegroupFact::Taken { regrouping, undone: false, by }));
    facts.extend(waits.then(|| becomes(taker, TicketState::WaitingApproval, by)));
    Ok(facts)
}

fn is_requested(remedy: &Remedy) -> bool {
    remedy.state == RemedyState::Requested
}

/// No clock goes by whether a matter that is worked on waits for an approval.
fn becomes(ticket: &Ticket, state: TicketState, by: PersonId) -> Fact {
    let (id, owner) = (ticket.id, ticket.owner);
    HandlingFact::Moved { ticket: id, owner, state, by: Some(by), why: String::new() }.into()
}

fn taken_over(here: &Found, there: &Found) -> Option<TakenOver> {
    (!here.is_blank() && there.is_blank())
        .then(|| TakenOver { found: Found { version: there.version + 1, ..here.clone() }, saved_was: there.saved })
}

/// Its times, where they are others in the ticket that it came to.
fn anew(case: &Case, before: &OpenObligation, then: &OpenObligation) -> Option<Fact> {
    let is_as_before = case.policy.ladder(&then.basis) == before.ladder && then.customer == before.customer;
    (!is_as_before).then(|| moved(&case.policy, then))
}

/// Whether there is work on it, so that another can go on in it. What waits for the customer, and whose
/// clocks stand still, is first not to wait.
fn goes_on(state: TicketState) -> bool {
    match state {
        TicketState::New | TicketState::InProgress | TicketState::WaitingApproval | TicketState::Reopened => true,
        TicketState::WaitingCustomer | TicketState::Resolved | TicketState::Filed | TicketState::Closed => false,
    }
}

/// Whether something that is owed for the one would not be owed for the other, or later.
fn owes_less(case: &Case, giver: &Ticket, taker: &Ticket) -> bool {
    let is_unlike = ClockKind::ALL.iter().any(|kind| runs(case, *kind, giver) && !runs(case, *kind, taker));
    // Who wrote waits for a first word, which is not owed in what came by phone.
    let waits = |owed: &OpenObligation| owed.ticket == giver.id && owed.basis.kind == ClockKind::FirstResponse;
    let is_unanswered = taker.channel == Channel::Phone && case.obligations.iter().any(waits);
    let is_slower = giver.priority == Priority::Urgent && taker.priority == Priority::Normal;
    is_unlike || is_unanswered || is_slower
}

/// What is owed in the one as it will be in the other, and what of both ends since it is owed twice.
pub fn together(case: &Case, giver: &Ticket, taker: &Ticket) -> (Vec<OpenObligation>, Vec<(Replaced, OpenObligation)>) {
    let whose = Whose::of(case, taker);
    let theirs: Vec<OpenObligation> =
        case.obligations.iter().filter(|owed| owed.ticket == giver.id).map(|owed| come(owed, giver, &whose)).collect();
    let ours = case.obligations.iter().filter(|owed| owed.ticket == taker.id);
    let replaced = replaced(case, ours, &theirs);
    (theirs, replaced)
}

/// As it will be in the ticket that takes it.
pub fn come(owed: &OpenObligation, giver: &Ticket, taker: &Whose) -> OpenObligation {
    let mut then = owed.clone();
    let standing = std::mem::take(&mut then.basis.subject.standing);
    then.basis.subject = taker.subject.clone();
    if taker.customer.is_none() {
        then.basis.subject.standing = standing;
    }
    then.ticket = taker.ticket;
    then.ticket_owner = taker.owner;
    then.customer = taker.customer.or(owed.customer);
    // What somebody else owes in it they owe there.
    if owed.owner.is_none() || owed.owner == giver.owner {
        then.owner = taker.owner.or(owed.owner);
    }
    then
}

/// What ends since the same is owed twice and the other is due first; what is due at once, the
/// taker's stays.
fn replaced<'a>(
    case: &Case,
    ours: impl Iterator<Item = &'a OpenObligation>,
    theirs: &[OpenObligation],
) -> Vec<(Replaced, OpenObligation)> {
    let mut ours: Vec<&OpenObligation> = ours.collect();
    let due = |owed: &OpenObligation| {
        let due_at = case.policy.ladder(&owed.basis).due_at;
        (due_at.is_none(), due_at)
    };
    let end = |owed: &OpenObligation, by: ObligationId| {
        let replaced = Replaced { id: owed.id, by, next: owed.next.map(|next| next.rung), claim: owed.claim };
        (replaced, owed.clone())
    };
    let mut ends = Vec::new();
    for their in theirs {
        let Some(at) = ours.iter().position(|our| is_same(our, their)) else { continue };
        let our = ours.swap_remove(at);
        ends.push(if due(their) < due(our) { end(our, their.id) } else { end(their, our.id) });
    }
    ends
}

/// Whether one keeping of it is enough for both.
fn is_same(one: &OpenObligation, other: &OpenObligation) -> bool {
    let is_same_kind = one.basis.kind == other.basis.kind;
    is_same_kind
        && match one.basis.kind {
            ClockKind::FirstResponse
            | ClockKind::Acceptance
            | ClockKind::Resolution
            | ClockKind::Filing
            | ClockKind::ReturnVisit
            | ClockKind::SpotCheck => true,
            ClockKind::MissedCall => {
                (one.customer.is_some() && one.customer == other.customer)
                    || (one.number.is_some() && one.number == other.number)
            }
            ClockKind::Promise | ClockKind::HandOver => false,
        }
}

fn went(was: Link, giver: TicketId, taker: TicketId, there: &BTreeSet<Link>) -> WentLink {
    let end = |id| if id == giver { taker } else { id };
    let is = (end(was.0), was.1, end(was.2));
    WentLink { was, is: (is.0 != is.2 && !there.contains(&is)).then_some(is) }
}

fn split(
    case: &Case,
    giver: &Ticket,
    parts: &Parts,
    kind: Kind,
    by: PersonId,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let wrong = |field, why| Err(Refusal::Field { field, why });
    let Lies { calls, comments, attachments, .. } = &case.regroup.here;
    if parts.calls.is_empty() && parts.comments.is_empty() && parts.attachments.is_empty() {
        return wrong("calls", FieldWhy::Missing);
    }
    if !parts.calls.iter().all(|id| calls.iter().any(|call| call.id == *id && call.part_of.is_none())) {
        return wrong("calls", FieldWhy::Unknown);
    }
    if !parts.comments.is_subset(comments) {
        return wrong("comments", FieldWhy::Unknown);
    }
    if !parts.attachments.is_subset(attachments) {
        return wrong("files", FieldWhy::Unknown);
    }
    let goes = |id: &CallId| parts.calls.contains(id);
    let calls: Vec<_> = calls.iter().filter(|call| goes(&call.id) || call.part_of.as_ref().is_some_and(goes)).collect();
    let number = calls.iter().find_map(|call| call.number.clone());
    let opening = Opening {
        opened_at: now,
        customer: giver.customer,
        caller: number.or_else(|| giver.caller.clone()),
        call: None,
        queue: case.queue.clone(),
        by: Some(by),
        // Whoever talked with the customer about the one did about the other.
        owner: giver.owner.or(Some(by)),
        kind,
        channel: if calls.is_empty() { giver.channel } else { Channel::Phone },
    };
    let mut facts = Vec::new();
    let taker = open(case, &mut facts, opening);
    let whose = Whose::of(case, &taker);
    let is_for = |owed: &&OpenObligation| calls.iter().any(|call| call.owed.contains(&owed.id));
    let theirs = case.obligations.iter().filter(is_for).map(|owed| (owed, come(owed, giver, &whose)));
    let theirs: Vec<(&OpenObligation, OpenObligation)> = theirs.collect();
    let regrouping = Box::new(Regrouping {
        id: case.ids.regroup(),
        kind: RegroupKind::Split,
        giver: giver.id,
        taker: taker.id,
        state: giver.state,
        calls: calls.iter().map(|call| call.id.clone()).collect(),
        comments: parts.comments.iter().copied().collect(),
        attachments: parts.attachments.iter().copied().collect(),
        links: Vec::new(),
        owed: theirs
            .iter()
            .map(|(before, owed)| WentOwed {
                id: owed.id,
                owner_was: before.owner,
                owner_is: owed.owner,
                customer_was: before.customer,
                customer_is: owed.customer,
            })
            .collect(),
        replaced: Vec::new(),
        handled: Handled::default(),
        taker_was: None,
    });
    facts.push(Fact::Regroup(RegroupFact::Went { regrouping: regrouping.clone(), by }));
    facts.extend(theirs.iter().filter_map(|(before, owed)| anew(case, before, owed)));
    facts.push(Fact::Regroup(RegroupFact::Taken { regrouping, undone: false, by }));
    Ok(facts)
}

/// The case's regrouping, whose giver is the case's ticket.
fn undo(case: &Case, by: PersonId, now: Time) -> Result<Vec<Fact>, Refusal> {
    in_circle(case, &case.circle, Some(by), ACT, now)?;
    let unfit = |why| Err(Refusal::Regroup(why));
    let here = case.ticket.as_ref().map(|ticket| ticket.id);
    let known = case.regroup.known.as_ref().filter(|known| Some(known.regrouping.giver) == here);
    let (Some(known), Some(giver)) = (known, &case.ticket) else { return unfit(Unfit::NoSuchRegrouping) };
    let taker = case.regroup.other.as_ref().ok_or(Refusal::NoSuchTicket)?;
    in_circle(case, &case.regroup.other_circle, Some(by), ACT, now)?;
    if known.is_undone {
        return unfit(Unfit::Undone);
    }
    if !known.is_last {
        return unfit(Unfit::NotTheLast);
    }
    let regrouping = &known.regrouping;
    let stands = match regrouping.kind {
        RegroupKind::Merge => goes_on(taker.state),
        RegroupKind::Split => known.is_untouched,
    };
    if !stands || !is_all_there(case, regrouping) {
        return unfit(Unfit::BuiltOn);
    }
    // What was split off is no matter of its own any more.
    if regrouping.kind == RegroupKind::Split && !taker.kind.may_become(giver.kind) {
        return unfit(Unfit::IsComplaint);
    }
    let goes_over = giver.owner.is_some() && giver.owner != taker.owner;
    if goes_over && !case.staff.is_in(by, Role::Supervisor) {
        return unfit(Unfit::OtherOwner);
    }
    let regrouping = Box::new(as_it_comes_back(case, regrouping));
    let mut facts = vec![Fact::Regroup(RegroupFact::Undone { regrouping: regrouping.clone(), by })];
    let stays = |remedy: &&Remedy| is_requested(remedy) && !regrouping.handled.remedies.contains(&remedy.id);
    let waits = case.regroup.there.remedies.iter().any(|remedy| stays(&remedy));
    let goes_on = taker.state == TicketState::WaitingApproval && !waits;
    let becomes = goes_on.then(|| becomes(taker, regrouping.taker_was.unwrap_or(TicketState::InProgress), by));
    let (giver, taker) = (Whose::of(case, giver), Whose::of(case, taker));
    if regrouping.kind == RegroupKind::Split {
        // It is no matter of its own any more; nobody is owed anything in it.
        let own = case.obligations.iter().filter(|owed| owed.ticket == taker.ticket);
        let own = own.filter(|owed| !regrouping.owed.iter().any(|went| went.id == owed.id));
        facts.extend(own.map(|owed| ended(owed, ObligationState::Dropped, Some(by))));
    }
    let back = case.obligations.iter().chain(&case.regroup.replaced).filter_map(|owed| {
        let went = regrouping.owed.iter().find(|went| went.id == owed.id);
        let replaced = regrouping.replaced.iter().find(|replaced| replaced.id == owed.id);
        if went.is_none() && replaced.is_none() {
            return None;
        }
        let whose = if went.is_some() { &giver } else { &taker };
        let mut then = owed.clone();
        (then.ticket, then.ticket_owner) = (whose.ticket, whose.owner);
        then.basis.subject = Subject { standing: then.basis.subject.standing.clone(), ..whose.subject.clone() };
        if let Some(went) = went {
            then.owner = went.owner_was;
            then.ticket_state = regrouping.state;
            // Somebody else's since where customers were put together.
            if then.customer == went.customer_is && went.customer_was != went.customer_is {
                then.customer = went.customer_was;
                let known = case.customers.iter().find(|customer| Some(customer.id) == went.customer_was);
                then.basis.subject.standing = known.map(|known| known.standing.clone()).unwrap_or_default();
            }
        }
        if let Some(replaced) = replaced {
            then.next = replaced.next.map(|rung| Next { rung, at: None });
        }
        Some(then)
    });
    let back: Vec<OpenObligation> = back.collect();
    let stays = case.obligations.iter().filter(|owed| back.iter().all(|then| then.id != owed.id));
    let after = Case { obligations: stays.chain(&back).cloned().collect(), ..case.clone() };
    for then in &back {
        facts.push(moved(&case.policy, then));
        // A policy that came meanwhile may not have it owed in the matter that it comes back to.
        if !applies(&case.policy, then) {
            facts.push(ended(then, ObligationState::Dropped, None));
            owed_instead(&after, &mut facts, then, now);
        }
    }
    facts.push(Fact::Regroup(RegroupFact::Taken { regrouping, undone: true, by }));
    facts.extend(becomes);
    Ok(facts)
}

/// Remedies come back as they were decided meanwhile, and with them the giver. What was found out since
/// stays where it was written.
fn as_it_comes_back(case: &Case, regrouping: &Regrouping) -> Regrouping {
    let there = &case.regroup.there;
    let mut back = regrouping.clone();
    let waits =
        there.remedies.iter().any(|remedy| is_requested(remedy) && regrouping.handled.remedies.contains(&remedy.id));
    if back.state == TicketState::WaitingApproval && !waits {
        back.state = TicketState::InProgress;
    }
    back.handled.found = back.handled.found.filter(|taken| taken.found.version == there.found.version);
    back
}

/// Whether all that went is where it went, and open where it was.
fn is_all_there(case: &Case, regrouping: &Regrouping) -> bool {
    let there = &case.regroup.there;
    let is_open =
        |id: &ObligationId| case.obligations.iter().any(|owed| owed.id == *id && owed.ticket == regrouping.taker);
    let is_replaced = |id: &ObligationId| regrouping.replaced.iter().any(|replaced| replaced.id == *id);
    regrouping.calls.iter().all(|id| there.calls.iter().any(|call| call.id == *id))
        && regrouping.comments.iter().all(|id| there.comments.contains(id))
        && regrouping.attachments.iter().all(|id| there.attachments.contains(id))
        && regrouping.handled.log.iter().all(|id| there.log.contains(id))
        && regrouping.handled.remedies.iter().all(|id| there.remedies.iter().any(|remedy| remedy.id == *id))
        && regrouping.handled.assessments.iter().all(|id| there.assessments.contains(id))
        && regrouping.links.iter().all(|link| link.is.is_none_or(|link| there.links.contains(&link)))
        && regrouping.owed.iter().all(|owed| is_replaced(&owed.id) || is_open(&owed.id))
        && regrouping
            .replaced
            .iter()
            .all(|replaced| is_open(&replaced.by) && case.regroup.replaced.iter().any(|owed| owed.id == replaced.id))
}
