//! A complaint from its first word to the archive: what must be there before each state, who decides on
//! remedies, and what of its clocks stands still meanwhile.

use std::collections::BTreeSet;

use super::super::command::Step;
use super::super::handling::{RemedyKind, RemedyState};
use super::super::states::Missing;
use super::super::ticket::Satisfaction;
use super::*;
use crate::RemedyId;
use crate::store::read::TicketPage;

const HOUR: f64 = 60.0 * MINUTE;

/// A complaint of Ann's, who talked with the customer for a minute.
struct Desk {
    house: House,
    ann: PersonId,
    boss: PersonId,
    chief: PersonId,
    ticket: TicketId,
}

impl Desk {
    fn new() -> Desk {
        let mut house = House::new();
        let ann = house.person("ann", Role::Agent, Some("1001"));
        let boss = house.person("boss", Role::Supervisor, None);
        let chief = house.person("chief", Role::Manager, None);
        let call = talking(&inbound("first", MOBILE, t(0.0)), "1001", t(0.0));
        house.sees(t(0.0), &call);
        house.sees(t(60.0), &ended(&call, t(60.0), Outcome::Answered));
        let ticket = house.ticket_of(&call).unwrap();
        let mut desk = Desk { house, ann, boss, chief, ticket };
        desk.save(Kind::Complaint, "", TicketState::InProgress).unwrap();
        desk
    }

    fn save(&mut self, kind: Kind, category: &str, state: TicketState) -> Result<Done, Refusal> {
        let ticket = self.page().row.ticket;
        let form = TicketForm {
            kind,
            category: category.into(),
            priority: ticket.priority,
            complexity: ticket.complexity,
            channel: ticket.channel,
            summary: "torn".into(),
            course: if category.is_empty() { String::new() } else { "It was torn.".into() },
            demand: String::new(),
            object: Object { batch: "B-7".into(), ..Object::default() },
        };
        self.house.give(Some(self.ann), Command::SaveTicket { ticket: ticket.id, version: ticket.version, form, state })
    }

    fn step(&mut self, step: Step) -> Result<Done, Refusal> {
        self.house.give(Some(self.ann), Command::Matter(self.ticket, step))
    }

    fn handle(&mut self, by: PersonId, handle: Handle) -> Result<Done, Refusal> {
        self.house.give(Some(by), Command::Handle(self.ticket, handle))
    }

    fn tell(&mut self) -> Result<Done, Refusal> {
        self.step(Step::Told { how: Channel::Phone, words: "A new one comes.".into() })
    }

    fn refund(&mut self, cents: i64) -> Result<RemedyId, Refusal> {
        let propose = Handle::Propose { kind: RemedyKind::Refund, sum_cents: cents, words: "as paid".into() };
        self.handle(self.ann, propose)?;
        Ok(self.page().handling.remedies.last().unwrap().remedy.id)
    }

    fn page(&self) -> TicketPage {
        self.house.page(self.ticket)
    }

    fn state(&self) -> TicketState {
        self.page().row.ticket.state
    }

    fn open(&self) -> Vec<ClockKind> {
        let rows = self.page().obligations;
        let mut open: Vec<_> =
            rows.into_iter().filter(|row| row.state == ObligationState::Open).map(|row| row.kind).collect();
        open.sort();
        open
    }

    fn remedy(&self) -> RemedyState {
        self.page().handling.remedies.last().unwrap().remedy.state
    }

    fn hears(&self, person: PersonId) -> Vec<News> {
        let told = self.house.ask(self.house.reader.told(person, crate::MessageId(0))).unwrap();
        told.iter().flat_map(|message| &message.tellings).map(|telling| telling.news).collect()
    }

    /// The customer is called for half a minute.
    fn visit(&mut self, at: f64, result: Satisfaction) {
        let call = talking(&outbound("visit", MOBILE, "1001", t(at)), "1001", t(at));
        self.house.sees(t(at), &call);
        self.house.sees(t(at + 30.0), &ended(&call, t(at + 30.0), Outcome::Answered));
        self.step(Step::Surveyed { result, words: "their words".into() }).unwrap();
    }
}

fn form_of(ticket: &crate::desk::ticket::Ticket) -> TicketForm {
    let its = ticket.clone();
    TicketForm {
        kind: its.kind,
        category: its.category,
        priority: its.priority,
        complexity: its.complexity,
        channel: its.channel,
        summary: its.summary,
        course: its.course,
        demand: its.demand,
        object: its.object,
    }
}

fn lacks<const N: usize>(what: [Missing; N]) -> Result<Done, Refusal> {
    Err(Refusal::Missing(BTreeSet::from(what)))
}

#[test]
fn each_refusal_says_all_that_is_missing_and_the_way_ends_in_the_archive_by_itself() {
    use Missing::*;
    let mut desk = Desk::new();
    desk.house.until(t(HOUR));
    let all = [Category, Course, Finding, Reason, Cause, Party, Solution, Told, Filed, ReturnVisit];
    assert_eq!(desk.save(Kind::Complaint, "", TicketState::Closed), lacks(all));
    assert_eq!(desk.step(Step::Close), lacks(all));
    assert_eq!(desk.save(Kind::Complaint, "", TicketState::Resolved), lacks([Solution, Told]));
    assert_eq!(desk.tell(), lacks([Solution]), "nobody tells what is not written down");
    assert_eq!(desk.save(Kind::Complaint, "", TicketState::Filed), lacks([Filed]));
    found(&mut desk.house, desk.ann, desk.ticket);
    desk.tell().unwrap();
    assert_eq!((desk.state(), desk.open()), (TicketState::Resolved, vec![ClockKind::Filing]));
    let file = || Step::Filed { words: "exchanged".into() };
    assert_eq!(desk.step(file()), lacks([Category, Course]), "the form is completed before it is filed");
    desk.save(Kind::Complaint, "other", TicketState::Resolved).unwrap();
    assert_eq!(desk.step(Step::Close), lacks([Filed, ReturnVisit]));
    desk.step(file()).unwrap();
    assert_eq!((desk.state(), desk.open()), (TicketState::Filed, vec![ClockKind::ReturnVisit]));
    assert_eq!(desk.step(Step::Close), lacks([ReturnVisit]));
    assert_eq!(desk.save(Kind::Complaint, "other", TicketState::Closed), lacks([ReturnVisit]));
    desk.visit(2.0 * HOUR, Satisfaction::Satisfied);
    assert_eq!((desk.state(), desk.open()), (TicketState::Closed, vec![]));
    assert_eq!(desk.page().row.ticket.closed_at, Some(t(HOUR)), "since it was over");
    let calls: Vec<String> = desk.page().calls.iter().map(|call| call.id.to_string()).collect();
    assert_eq!(calls, ["visit", "first"], "the call that proves the visit is shown with it");
    assert_eq!(desk.step(Step::Close), Err(Refusal::IsClosed));
    let ticket = desk.page().row.ticket;
    assert_eq!((ticket.object.batch.as_str(), ticket.summary.as_str()), ("B-7", "torn"));
    desk.step(Step::Reopen { why: "It came again.".into() }).unwrap();
    assert_eq!((desk.state(), desk.open()), (TicketState::Reopened, vec![ClockKind::Resolution]));
    assert_eq!(desk.step(Step::Reopen { why: "twice".into() }), Err(Refusal::IsOpen));
}

#[test]
fn what_is_filed_stays_as_it_was_filed_until_the_matter_is_opened_again() {
    let mut desk = Desk::new();
    desk.save(Kind::Complaint, "other", TicketState::InProgress).unwrap();
    found(&mut desk.house, desk.ann, desk.ticket);
    desk.tell().unwrap();
    let other = |desk: &Desk| {
        let handling = desk.page().handling;
        let findings = Findings { loss_cents: Some(1), ..handling.findings };
        Handle::Find { version: handling.version, findings }
    };
    desk.handle(desk.ann, other(&desk)).expect("it is not filed yet");
    found(&mut desk.house, desk.ann, desk.ticket);
    desk.step(Step::Filed { words: "exchanged".into() }).unwrap();
    let filed = desk.page().handling;
    let changes = |desk: &Desk| {
        let remedy = RemedyId(1);
        let propose = Handle::Propose { kind: RemedyKind::Apology, sum_cents: 0, words: String::new() };
        let late = Handle::Find { version: 0, findings: Findings::default() };
        let refuse = Handle::Refuse { remedy, why: "late".into() };
        [other(desk), late, propose, Handle::Withdraw { remedy }, Handle::Approve { remedy }, refuse]
    };
    let stays = |desk: &mut Desk| {
        for change in changes(desk) {
            assert_eq!(desk.handle(desk.boss, change), lacks([Missing::Reopened]));
        }
        assert_eq!(desk.handle(desk.ann, other(desk)), lacks([Missing::Reopened]));
        // Its form does not take it out of the file by the back door.
        assert_eq!(desk.save(Kind::Complaint, "other", TicketState::Resolved), lacks([Missing::Reopened]));
        let stands = desk.page().handling;
        assert_eq!((stands.version, stands.findings), (filed.version, filed.findings.clone()));
    };
    stays(&mut desk);
    desk.visit(2.0 * HOUR, Satisfaction::Satisfied);
    assert_eq!(desk.state(), TicketState::Closed);
    stays(&mut desk);
    let line = Handle::Log { words: "The customer wrote a letter.".into(), evidence: BTreeSet::new() };
    desk.handle(desk.ann, line).expect("the log goes on beside it");
    desk.handle(desk.chief, Handle::Assess { words: "Two points.".into() })
        .expect("a month is assessed once it is over");
    desk.step(Step::Reopen { why: "It came again.".into() }).unwrap();
    desk.handle(desk.ann, other(&desk)).unwrap();
    assert_eq!(desk.page().handling.findings.loss_cents, Some(1));
}

#[test]
fn what_is_given_up_or_waived_is_archived_too_and_who_is_dissatisfied_has_it_back() {
    for waived in [true, false] {
        let mut desk = Desk::new();
        desk.save(Kind::Complaint, "other", TicketState::InProgress).unwrap();
        found(&mut desk.house, desk.ann, desk.ticket);
        desk.tell().unwrap();
        desk.step(Step::Filed { words: "exchanged".into() }).unwrap();
        if waived {
            let visit = desk.page().obligations.iter().find(|row| row.kind == ClockKind::ReturnVisit).unwrap().id;
            let waive = super::super::command::Owed::Waive { reason: "moved abroad".into() };
            desk.house.give(Some(desk.boss), Command::Owed(visit, waive)).unwrap();
            assert_eq!((desk.state(), desk.open()), (TicketState::Closed, vec![]));
        } else {
            desk.visit(2.0 * HOUR, Satisfaction::Dissatisfied);
            assert_eq!((desk.state(), desk.open()), (TicketState::Reopened, vec![ClockKind::Resolution]));
            assert_eq!(desk.step(Step::Close), lacks([Missing::Told, Missing::Filed, Missing::ReturnVisit]));
        }
    }
}

#[test]
fn a_complaint_is_one_until_who_decides_says_otherwise_and_why() {
    let mut desk = Desk::new();
    desk.house.until(t(HOUR));
    let reclass = |kind, why: &str| Handle::Reclass { kind, why: why.into() };
    for state in [TicketState::InProgress, TicketState::Closed] {
        assert_eq!(desk.save(Kind::Consultation, "other", state), Err(Refusal::IsComplaint));
    }
    assert_eq!(desk.page().row.ticket.kind, Kind::Complaint);
    assert_eq!(desk.page().row.ticket.category, "", "all of a refused form is as it was");
    let slip = "She asked when we open.";
    assert_eq!(desk.handle(desk.ann, reclass(Kind::Consultation, slip)), Err(Refusal::NotAllowed));
    let (ticket, version) = (desk.ticket, desk.page().row.ticket.version);
    let by_form = |kind| {
        let form = TicketForm { kind, ..form_of(&desk.page().row.ticket) };
        Command::SaveTicket { ticket, version, form, state: TicketState::InProgress }
    };
    let by_form = by_form(Kind::Consultation);
    assert_eq!(desk.house.give(Some(desk.boss), by_form), Err(Refusal::IsComplaint), "a form has no room for why");
    let missing = Err(Refusal::Field { field: "why", why: FieldWhy::Missing });
    assert_eq!(desk.handle(desk.boss, reclass(Kind::Consultation, "  ")), missing);
    assert_eq!(desk.open(), [ClockKind::Acceptance, ClockKind::Resolution]);
    desk.handle(desk.chief, reclass(Kind::Consultation, slip)).unwrap();
    let page = desk.page();
    assert_eq!((page.row.ticket.kind, page.row.ticket.version), (Kind::Consultation, version + 1));
    assert_eq!(desk.open(), [ClockKind::Resolution], "a consultation's clocks");
    let due = page.obligations.iter().find(|row| row.kind == ClockKind::Resolution).unwrap().due_at;
    assert_eq!(due, Some(t(2.0 * HOUR)), "and its windows");
    let said = page.timeline.iter().find_map(|row| match &row.what {
        TimelineWhat::Reclassed { was, kind, why } => Some((row.by, *was, *kind, why.clone())),
        _ => None,
    });
    assert_eq!(said, Some((Some(desk.chief), Kind::Complaint, Kind::Consultation, slip.to_owned())));
    let again = desk.handle(desk.boss, reclass(Kind::Other, slip));
    assert_eq!(again, Err(Refusal::Field { field: "kind", why: FieldWhy::Unknown }), "its form makes that of it");
    desk.save(Kind::AfterSales, "other", TicketState::InProgress).unwrap();
    desk.save(Kind::Complaint, "other", TicketState::InProgress).expect("anything may turn out to be a complaint");
    assert_eq!(desk.handle(desk.boss, reclass(Kind::Complaint, slip)), again);
    // Also what was opened as one and nobody wrote anything into.
    let number = Some(OTHER.to_owned());
    let open =
        Command::OpenTicket { call: None, customer: None, number, kind: Kind::Complaint, channel: Channel::Email };
    let Ok(Done::Ticket(opened)) = desk.house.give(Some(desk.ann), open) else { panic!("no ticket") };
    desk.ticket = opened;
    assert_eq!(desk.save(Kind::Other, "other", TicketState::Closed), Err(Refusal::IsComplaint));
}

#[test]
fn other_matters_are_closed_at_once_and_become_no_closed_complaint() {
    let mut desk = Desk::new();
    let why = || "It is a question.".to_owned();
    desk.handle(desk.boss, Handle::Reclass { kind: Kind::Other, why: why() }).unwrap();
    desk.save(Kind::Consultation, "", TicketState::Closed).unwrap();
    assert_eq!((desk.state(), desk.open()), (TicketState::Closed, vec![]));
    let lacking = [Missing::Solution, Missing::Told];
    assert_eq!(desk.save(Kind::Complaint, "other", TicketState::Closed), lacks(lacking));
    desk.save(Kind::Complaint, "other", TicketState::InProgress).unwrap();
    assert_eq!(desk.state(), TicketState::Reopened);
    desk.handle(desk.boss, Handle::Reclass { kind: Kind::Other, why: why() }).unwrap();
    // After-sales are filed and visited, and need no form.
    desk.save(Kind::AfterSales, "other", TicketState::Resolved).unwrap();
    assert_eq!(desk.step(Step::Close), lacks([Missing::Filed, Missing::ReturnVisit]));
    desk.step(Step::Filed { words: "repaired".into() }).unwrap();
}

#[test]
fn a_remedy_is_told_only_once_somebody_else_has_approved_it() {
    let mut desk = Desk::new();
    found(&mut desk.house, desk.ann, desk.ticket);
    let small = desk.refund(20_000).unwrap();
    assert_eq!((desk.remedy(), desk.state()), (RemedyState::Granted, TicketState::InProgress));
    assert_eq!(desk.handle(desk.boss, Handle::Approve { remedy: small }), Err(Refusal::NotRequested));
    let dear = desk.refund(200_000).unwrap();
    assert_eq!((desk.remedy(), desk.state()), (RemedyState::Requested, TicketState::WaitingApproval));
    assert_eq!((desk.hears(desk.boss), desk.hears(desk.chief)), (vec![News::Requested], vec![]));
    assert_eq!(desk.tell(), lacks([Missing::Approval]));
    assert_eq!(desk.handle(desk.ann, Handle::Approve { remedy: dear }), Err(Refusal::NotAllowed));
    desk.handle(desk.boss, Handle::Approve { remedy: dear }).unwrap();
    assert_eq!((desk.remedy(), desk.state()), (RemedyState::Approved, TicketState::InProgress));
    assert_eq!(desk.hears(desk.ann), [News::Approved]);
    let dearer = desk.refund(200_001).unwrap();
    assert_eq!(desk.hears(desk.chief), [News::Requested], "above what a supervisor decides");
    let refused = desk.handle(desk.boss, Handle::Approve { remedy: dearer });
    assert_eq!(refused, Err(Refusal::TooDear { limit_cents: 200_000 }));
    let refuse = |why: &str| Handle::Refuse { remedy: dearer, why: why.into() };
    let missing = Err(Refusal::Field { field: "why", why: FieldWhy::Missing });
    assert_eq!(desk.handle(desk.chief, refuse(" ")), missing);
    desk.handle(desk.chief, refuse("half is enough")).unwrap();
    assert_eq!((desk.remedy(), desk.state()), (RemedyState::Refused, TicketState::InProgress));
    assert_eq!(desk.hears(desk.ann), [News::Approved, News::Disapproved]);
    assert_eq!(desk.handle(desk.chief, Handle::Approve { remedy: dearer }), Err(Refusal::NotRequested));
    desk.tell().unwrap();
    let late = Handle::Propose { kind: RemedyKind::Apology, sum_cents: 0, words: String::new() };
    assert_eq!(desk.handle(desk.ann, late), lacks([Missing::Reopened]));
}

#[test]
fn nobody_decides_on_their_own_request_and_the_last_decision_lets_the_work_go_on() {
    let mut desk = Desk::new();
    let propose = |sum_cents| Handle::Propose { kind: RemedyKind::Compensation, sum_cents, words: String::new() };
    desk.handle(desk.boss, propose(30_000)).unwrap();
    let own = desk.page().handling.remedies[0].remedy.id;
    assert_eq!(desk.handle(desk.boss, Handle::Approve { remedy: own }), Err(Refusal::OwnRequest));
    let other = desk.refund(40_000).unwrap();
    desk.handle(desk.ann, Handle::Withdraw { remedy: other }).unwrap();
    assert_eq!(desk.state(), TicketState::WaitingApproval, "one is still to be decided");
    let waits = Command::Matter(desk.ticket, Step::Wait { reason: "their photos".into() });
    assert_eq!(desk.house.give(Some(desk.ann), waits), lacks([Missing::Approval]));
    desk.handle(desk.chief, Handle::Approve { remedy: own }).unwrap();
    assert_eq!(desk.state(), TicketState::InProgress);
    for cents in [-1, 10_000_000_001] {
        let wrong = Err(Refusal::Field { field: "sum", why: FieldWhy::NotASum });
        assert_eq!(desk.handle(desk.ann, propose(cents)), wrong);
    }
}

#[test]
fn while_the_customer_is_waited_for_the_solution_stands_still_and_nothing_else() {
    let mut desk = Desk::new();
    desk.house.until(t(HOUR));
    let due = |desk: &Desk, kind| desk.page().obligations.iter().find(|row| row.kind == kind).unwrap().due_at;
    assert_eq!(due(&desk, ClockKind::Resolution), Some(t(24.0 * HOUR)));
    desk.step(Step::Wait { reason: "their photos".into() }).unwrap();
    assert_eq!((desk.state(), due(&desk, ClockKind::Resolution)), (TicketState::WaitingCustomer, None));
    assert_eq!(due(&desk, ClockKind::Acceptance), Some(t(24.0 * HOUR + 60.0)), "the policy does not let it pause");
    assert_eq!(desk.step(Step::Wait { reason: "twice".into() }), Err(Refusal::Suspended));
    desk.house.until(t(4.0 * HOUR));
    desk.step(Step::GoOn).unwrap();
    assert_eq!((desk.state(), due(&desk, ClockKind::Resolution)), (TicketState::InProgress, Some(t(27.0 * HOUR))));
    assert_eq!(desk.step(Step::GoOn), Err(Refusal::NotSuspended));
    // Whoever does anything else with it goes on too.
    desk.step(Step::Wait { reason: "again".into() }).unwrap();
    desk.save(Kind::Complaint, "other", TicketState::InProgress).unwrap();
    assert_eq!((desk.state(), due(&desk, ClockKind::Resolution)), (TicketState::InProgress, Some(t(27.0 * HOUR))));
    desk.step(Step::Wait { reason: "again".into() }).unwrap();
    desk.save(Kind::Complaint, "other", TicketState::WaitingCustomer).unwrap();
    assert_eq!(due(&desk, ClockKind::Resolution), None, "a form that leaves it so does not");
}

#[test]
fn what_is_withdrawn_is_owed_no_more_and_visited_all_the_same() {
    let mut desk = Desk::new();
    desk.save(Kind::Complaint, "other", TicketState::InProgress).unwrap();
    desk.step(Step::Promise { at: t(5.0 * HOUR) }).unwrap();
    assert_eq!(desk.open(), [ClockKind::Acceptance, ClockKind::Promise]);
    desk.step(Step::Withdrawn { words: "It was my own fault.".into() }).unwrap();
    assert_eq!((desk.state(), desk.open()), (TicketState::Resolved, vec![ClockKind::Filing]));
    let rows = desk.page().obligations;
    let dropped = |kind| rows.iter().any(|row| row.kind == kind && row.state == ObligationState::Dropped);
    assert!(dropped(ClockKind::Promise) && dropped(ClockKind::Acceptance), "nobody said that they were kept");
    found(&mut desk.house, desk.ann, desk.ticket);
    desk.step(Step::Filed { words: "withdrawn".into() }).unwrap();
    assert_eq!(desk.open(), [ClockKind::ReturnVisit], "who was talked out of it would say so");
    assert!(desk.page().handling.told.unwrap().withdrawn);
}

#[test]
fn of_two_who_write_what_was_found_out_the_second_is_told() {
    let mut desk = Desk::new();
    found(&mut desk.house, desk.ann, desk.ticket);
    let findings = Findings { cause: "another".into(), ..Findings::default() };
    let refused = desk.handle(desk.boss, Handle::Find { version: 0, findings: findings.clone() });
    assert_eq!(refused, Err(Refusal::Changed { by: Some(desk.ann), version: 1 }));
    // The form beside it is another's: nobody is disturbed.
    desk.save(Kind::Complaint, "other", TicketState::InProgress).unwrap();
    desk.handle(desk.boss, Handle::Find { version: 1, findings }).unwrap();
    assert_eq!(desk.page().handling.findings.cause, "another");
    desk.handle(desk.ann, Handle::Log { words: "Called the carrier.".into(), evidence: BTreeSet::new() }).unwrap();
    let foreign = Handle::Log { words: "x".into(), evidence: BTreeSet::from([crate::AttachmentId(9)]) };
    let unknown = Err(Refusal::Field { field: "evidence", why: FieldWhy::Unknown });
    assert_eq!(desk.handle(desk.ann, foreign), unknown);
    let assess = || Handle::Assess { words: "Two points.".into() };
    assert_eq!(desk.handle(desk.ann, assess()), Err(Refusal::NotAllowed));
    desk.handle(desk.chief, assess()).unwrap();
    let page = desk.page().handling;
    assert_eq!((page.log.len(), page.assessments.len(), page.findings.loss_cents), (1, 1, None));
}
