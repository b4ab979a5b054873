//! Whose a matter is: offered, accepted, refused, lapsed, assigned; and who may touch it.

use super::super::case::Department;
use super::super::command::Step;
use super::super::ownership::{Hand, How, OfferEnd, Part, Receiver};
use super::super::policy::Responsible;
use super::*;
use crate::store::read::TicketPage;
use crate::{DepartmentName, PersonId, TicketId};

const HOUR: f64 = 60.0 * MINUTE;

/// A matter of Ann's, who talked with the customer first; Ben is another agent, Wu and Qi handle what
/// is the 品质部's.
struct Site {
    house: House,
    ann: PersonId,
    ben: PersonId,
    boss: PersonId,
    wu: PersonId,
    qi: PersonId,
    ticket: TicketId,
}

fn quality() -> DepartmentName {
    "品质部".into()
}

impl Site {
    fn new() -> Site {
        let mut policy = policy();
        policy.terms.departments.insert(quality(), "site".into());
        policy.terms.responsibility =
            vec![Responsible { kind: Some(Kind::Complaint), category: None, department: quality() }];
        let mut house = House::under(policy, t(-1.0));
        let ann = house.person("ann", Role::Agent, Some("1001"));
        let ben = house.person("ben", Role::Agent, Some("1002"));
        let boss = house.person("boss", Role::Supervisor, None);
        let wu = house.person("wu", Role::Handler, None);
        let qi = house.person("qi", Role::Handler, None);
        let call = talking(&inbound("first", MOBILE, t(0.0)), "1001", t(0.0));
        house.sees(t(0.0), &call);
        house.sees(t(60.0), &ended(&call, t(60.0), Outcome::Answered));
        let ticket = house.ticket_of(&call).unwrap();
        let mut site = Site { house, ann, ben, boss, wu, qi, ticket };
        site.people(Some(wu), None, &[qi]).unwrap();
        site
    }

    fn people(
        &mut self,
        responsible: Option<PersonId>,
        deputy: Option<PersonId>,
        others: &[PersonId],
    ) -> Result<Done, Refusal> {
        let others = others.iter().copied().collect();
        let set = Command::SetDepartment { department: quality(), responsible, deputy, others };
        self.house.give(Some(self.boss), set)
    }

    fn hand(&mut self, by: PersonId, hand: Hand) -> Result<Done, Refusal> {
        self.house.give(Some(by), Command::Hand(self.ticket, hand))
    }

    fn offer(&mut self, by: PersonId, part: Part, to: Receiver) -> Result<Done, Refusal> {
        self.hand(by, Hand::Offer { part, to, words: "knows them".into() })
    }

    fn page(&self) -> TicketPage {
        self.house.page(self.ticket)
    }

    fn complain(&mut self, priority: Priority) {
        let version = self.page().row.ticket.version;
        let form = TicketForm {
            kind: Kind::Complaint,
            category: "other".into(),
            priority,
            complexity: Complexity::Simple,
            channel: Channel::Phone,
            summary: "torn".into(),
            course: "It was torn.".into(),
            demand: String::new(),
            object: Object::default(),
        };
        let save = Command::SaveTicket { ticket: self.ticket, version, form, state: TicketState::InProgress };
        self.house.give(Some(self.ann), save).unwrap();
    }

    /// Who owes what, but for what has ended.
    fn owed(&self) -> Vec<(ClockKind, Option<PersonId>)> {
        let rows = self.page().obligations;
        let mut open: Vec<_> =
            rows.iter().filter(|row| row.state == ObligationState::Open).map(|row| (row.kind, row.owner)).collect();
        open.sort();
        open
    }

    fn chain(&self) -> Vec<(Part, PersonId, How)> {
        self.page().holders.iter().map(|holder| (holder.part, holder.person, holder.how)).collect()
    }

    fn told(&self, person: PersonId) -> Vec<News> {
        let told = self.house.ask(self.house.reader.told(person, crate::MessageId(0))).unwrap();
        told.iter().flat_map(|message| &message.tellings).map(|telling| telling.news).collect()
    }
}

#[test]
fn a_matter_goes_over_only_when_it_is_accepted() {
    let mut site = Site::new();
    site.house.until(t(100.0));
    site.offer(site.ann, Part::Matter, Receiver::Person(site.ben)).unwrap();
    assert_eq!(site.page().row.ticket.owner, Some(site.ann), "until Ben accepts");
    let (ann, ben) = (site.ann, site.ben);
    assert_eq!(site.owed(), [(ClockKind::Resolution, Some(ann)), (ClockKind::HandOver, Some(ben))]);
    assert_eq!(site.told(ben), [News::Offered]);
    let again = site.offer(ann, Part::Matter, Receiver::Person(site.boss));
    assert_eq!(again, Err(Refusal::Offered { to: Receiver::Person(ben) }));
    assert_eq!(site.hand(ann, Hand::Accept), Err(Refusal::NotOffered), "not by the giver");
    site.house.until(t(200.0));
    site.hand(ben, Hand::Accept).unwrap();
    assert_eq!(site.page().row.ticket.owner, Some(ben));
    assert_eq!(site.owed(), [(ClockKind::Resolution, Some(ben))], "what was Ann's to solve is Ben's");
    assert_eq!(site.told(ann), [News::Accepted]);
    assert_eq!(site.chain(), [(Part::Matter, ann, How::Talked), (Part::Matter, ben, How::Accepted)]);
    let holders = site.page().holders;
    assert_eq!((holders[0].to, holders[1].from, holders[1].to), (Some(t(200.0)), t(200.0), None));
    assert_eq!(site.hand(ann, Hand::Take { part: Part::Matter }), Err(Refusal::NotAllowed), "it is Ben's");
}

#[test]
fn who_refuses_says_why_and_the_giver_hears_it() {
    let mut site = Site::new();
    site.house.until(t(100.0));
    site.offer(site.ann, Part::Matter, Receiver::Person(site.ben)).unwrap();
    let mute = site.hand(site.ben, Hand::Refuse { why: " ".into() });
    assert_eq!(mute, Err(Refusal::Field { field: "why", why: FieldWhy::Missing }));
    site.hand(site.ben, Hand::Refuse { why: "on leave from tomorrow".into() }).unwrap();
    assert_eq!((site.page().row.ticket.owner, site.told(site.ann)), (Some(site.ann), vec![News::Refused]));
    let offers = site.page().offers;
    assert_eq!((offers[0].ended, offers[0].why.as_str()), (Some(OfferEnd::Refused), "on leave from tomorrow"));
    assert_eq!(site.owed(), [(ClockKind::Resolution, Some(site.ann))]);
    site.offer(site.ann, Part::Matter, Receiver::Person(site.boss)).expect("another may be asked");
    site.hand(site.ann, Hand::Withdraw).unwrap();
    assert_eq!(site.owed(), [(ClockKind::Resolution, Some(site.ann))]);
}

#[test]
fn what_nobody_accepts_in_time_is_the_givers_again_once() {
    let mut site = Site::new();
    site.house.until(t(100.0));
    site.offer(site.ann, Part::Matter, Receiver::Person(site.ben)).unwrap();
    site.house.until(t(100.0 + 2.0 * HOUR - 1.0));
    assert_eq!(site.told(site.ben), [News::Offered, News::Reminder]);
    site.house.until(t(100.0 + 2.0 * HOUR + 1.0));
    assert_eq!(site.told(site.ann).iter().filter(|news| **news == News::Lapsed).count(), 1);
    assert_eq!(site.page().offers[0].ended, Some(OfferEnd::Lapsed));
    assert_eq!(site.page().row.ticket.owner, Some(site.ann));
    assert_eq!(site.hand(site.ben, Hand::Accept), Err(Refusal::NoSuchTicket), "too late, and it is Ann's");
    site.house.until(t(60.0 * HOUR));
    assert!(
        !site.told(site.boss).contains(&News::Escalated)
            || site.owed().iter().all(|owed| owed.0 != ClockKind::HandOver)
    );
    assert_eq!(site.told(site.ann).iter().filter(|news| **news == News::Lapsed).count(), 1);
}

#[test]
fn a_department_works_on_it_while_the_owner_answers_to_the_customer() {
    let mut site = Site::new();
    site.house.until(t(100.0));
    site.complain(Priority::Normal);
    assert_eq!(site.page().row.ticket.department, Some(quality()), "by the table");
    site.offer(site.ann, Part::Work, Receiver::Department(quality())).unwrap();
    assert_eq!(site.told(site.wu), [News::Offered], "who answers for the department");
    site.hand(site.qi, Hand::Accept).expect("anybody of it may");
    let ticket = site.page().row.ticket;
    assert_eq!((ticket.owner, ticket.handler), (Some(site.ann), Some(site.qi)));
    assert!(site.owed().contains(&(ClockKind::Resolution, Some(site.ann))), "to tell the customer stays Ann's");
    let version = ticket.version;
    let form = TicketForm {
        kind: Kind::Complaint,
        category: "other".into(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: "torn".into(),
        course: "It was torn.".into(),
        demand: String::new(),
        object: Object::default(),
    };
    let save = Command::SaveTicket { ticket: site.ticket, version, form, state: TicketState::InProgress };
    site.house.give(Some(site.ann), save).unwrap();
    found(&mut site.house, site.qi, site.ticket);
    let told = Step::Told { how: Channel::Phone, words: "A new one comes.".into() };
    site.house.give(Some(site.ann), Command::Matter(site.ticket, told)).unwrap();
    assert_eq!(site.owed(), [(ClockKind::Filing, Some(site.qi))], "who had the work files it");
    let file = |words: &str| Command::Matter(site.ticket, Step::Filed { words: words.into() });
    assert_eq!(site.house.give(Some(site.ben), file("mine")), Err(Refusal::NoSuchTicket));
    site.house.give(Some(site.wu), file("replaced")).expect("one of the department");
}

#[test]
fn an_absent_head_is_stood_in_for_and_an_empty_department_is_told() {
    let mut site = Site::new();
    site.people(Some(site.wu), Some(site.qi), &[]).unwrap();
    let away = Command::SetAway { person: site.wu, away: true, deputy: Some(site.ben) };
    site.house.give(Some(site.boss), away).unwrap();
    site.offer(site.ann, Part::Work, Receiver::Department(quality())).unwrap();
    assert_eq!(
        (site.told(site.qi), site.told(site.ben)),
        (vec![News::Offered], vec![]),
        "the department's deputy first"
    );
    site.hand(site.ann, Hand::Withdraw).unwrap();
    site.people(None, None, &[]).unwrap();
    let nobody = site.offer(site.ann, Part::Work, Receiver::Department(quality()));
    assert_eq!(nobody, Err(Refusal::NobodyThere { department: quality() }));
    let unknown = site.offer(site.ann, Part::Work, Receiver::Department("仓库".into()));
    assert_eq!(unknown, Err(Refusal::NobodyThere { department: "仓库".into() }));
    let admin = site.house.person("root", Role::Admin, None);
    assert_eq!(
        site.people(Some(admin), None, &[]),
        Err(Refusal::Field { field: "responsible", why: FieldWhy::Unknown })
    );
}

#[test]
fn a_supervisor_assigns_at_once_and_an_open_offer_falls() {
    let mut site = Site::new();
    site.house.until(t(100.0));
    site.offer(site.ann, Part::Matter, Receiver::Person(site.ben)).unwrap();
    let assign = |to| Hand::Assign { part: Part::Matter, to: Receiver::Person(to), words: "as agreed".into() };
    assert_eq!(site.hand(site.ann, assign(site.boss)), Err(Refusal::NotAllowed), "for supervisors");
    site.hand(site.boss, assign(site.boss)).unwrap();
    assert_eq!(site.page().row.ticket.owner, Some(site.boss));
    assert_eq!(site.owed(), [(ClockKind::Resolution, Some(site.boss))]);
    assert_eq!(site.page().offers[0].ended, Some(OfferEnd::Withdrawn));
    assert_eq!(site.told(site.ann), [News::Withdrawn]);
}

#[test]
fn whoever_lets_somebody_off_accepting_takes_the_offer_back() {
    let mut site = Site::new();
    site.offer(site.ann, Part::Matter, Receiver::Person(site.ben)).unwrap();
    let offered = site.page().offers[0].offer.obligation;
    let waive = Command::Owed(offered, super::super::command::Owed::Waive { reason: "talked it over".into() });
    site.house.give(Some(site.boss), waive).unwrap();
    assert_eq!((site.page().offers[0].ended, site.told(site.ann)), (Some(OfferEnd::Withdrawn), vec![News::Withdrawn]));
    assert_eq!(site.owed(), [(ClockKind::Resolution, Some(site.ann))]);
}

#[test]
fn an_urgent_complaint_is_told_at_once_and_once() {
    let mut site = Site::new();
    site.house.until(t(100.0));
    site.complain(Priority::Normal);
    assert_eq!(site.told(site.boss), []);
    site.complain(Priority::Urgent);
    assert_eq!((site.told(site.boss), site.told(site.wu)), (vec![News::Urgent], vec![News::Urgent]));
    site.complain(Priority::Urgent);
    assert_eq!(site.told(site.boss), [News::Urgent]);
}

#[test]
fn a_handler_touches_what_is_their_departments_and_nothing_else() {
    let mut site = Site::new();
    let promise = Command::Matter(site.ticket, Step::Promise { at: t(5.0 * HOUR) });
    assert_eq!(site.house.give(Some(site.wu), promise.clone()), Err(Refusal::NoSuchTicket), "not theirs yet");
    site.complain(Priority::Normal);
    site.house.give(Some(site.qi), promise).unwrap();
    let people = Department { responsible: Some(site.wu), deputy: None, others: [site.qi].into() };
    assert_eq!(site.house.ask(site.house.reader.directory()).unwrap().departments[&quality()], people);
}
