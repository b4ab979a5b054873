//! Every row of the table of clocks: what begins it, what it is given, and what alone keeps it.

use super::super::calendar::{Calendar, Week};
use super::super::case::Ids;
use super::super::command::{Owed, Step};
use super::super::draw::Seed;
use super::super::policy::{Exception, Hours, Policy, Responsible, Target, When};
use super::super::ticket::Satisfaction;
use super::*;
use crate::store::read::ObligationRow;
use crate::{CallId, DepartmentName, PersonId, TicketId};

const HOUR: f64 = 60.0 * MINUTE;

/// The same hours every day.
fn hours(policy: &Policy, hours: &str) -> Calendar {
    let week = Week::new(std::array::from_fn(|_| hours.parse().unwrap()));
    Calendar { week, ..Calendar::all_hours(policy.zone.clone()) }
}

/// A desk with an agent, another, a supervisor, and a customer who was served by the first.
struct Desk {
    house: House,
    ann: PersonId,
    ben: PersonId,
    boss: PersonId,
    ticket: TicketId,
}

fn form() -> TicketForm {
    TicketForm {
        kind: Kind::Consultation,
        category: String::new(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: String::new(),
        course: String::new(),
        demand: String::new(),
        object: Object::default(),
    }
}

fn complaint() -> TicketForm {
    let (category, course) = ("product_quality".into(), "It broke on the second day.".into());
    TicketForm { kind: Kind::Complaint, category, course, ..form() }
}

impl Desk {
    /// Served from 0 to 60 s.
    fn new() -> Desk {
        Desk::under(policy())
    }

    fn under(policy: Policy) -> Desk {
        let mut house = House::under(policy, t(-1.0));
        let ann = house.person("ann", Role::Agent, Some("1001"));
        let ben = house.person("ben", Role::Agent, Some("1002"));
        let boss = house.person("boss", Role::Supervisor, None);
        house.customer("Shen", false, &[MOBILE, OTHER]);
        let call = talking(&inbound("first", MOBILE, t(0.0)), "1001", t(0.0));
        house.sees(t(0.0), &call);
        house.sees(t(60.0), &ended(&call, t(60.0), Outcome::Answered));
        let ticket = house.ticket_of(&call).unwrap();
        Desk { house, ann, ben, boss, ticket }
    }

    fn save(&mut self, form: TicketForm, state: TicketState) {
        let version = self.house.page(self.ticket).row.ticket.version;
        let save = Command::SaveTicket { ticket: self.ticket, version, form, state };
        self.house.give(Some(self.ann), save).unwrap();
    }

    /// A complaint is looked into, and its customer told what came of it.
    fn told(&mut self) {
        self.save(complaint(), TicketState::InProgress);
        found(&mut self.house, self.ann, self.ticket);
        self.step(self.ann, Step::Told { how: Channel::Phone, words: "A new one is on its way.".into() }).unwrap();
    }

    fn step(&mut self, by: PersonId, step: Step) -> Result<Done, Refusal> {
        self.house.give(Some(by), Command::Matter(self.ticket, step))
    }

    fn surveyed(&mut self, result: Satisfaction) {
        self.step(self.ann, Step::Surveyed { result, words: "their words".into() }).unwrap();
    }

    /// A talk with the customer on a number of theirs.
    fn talk(&mut self, call: Call, from: f64, seconds: f64) {
        let talk = talking(&call, "1001", t(from));
        self.house.sees(t(from), &talk);
        self.house.sees(t(from + seconds), &ended(&talk, t(from + seconds), Outcome::Answered));
    }

    fn rows(&self) -> Vec<ObligationRow> {
        self.house.page(self.ticket).obligations
    }

    /// The newest of a kind.
    fn row(&self, kind: ClockKind) -> ObligationRow {
        let of_kind = self.rows().into_iter().filter(|row| row.kind == kind);
        of_kind.max_by_key(|row| row.id).unwrap_or_else(|| panic!("no {}", kind.as_str()))
    }

    fn state(&self, kind: ClockKind) -> ObligationState {
        self.row(kind).state
    }

    fn open(&self) -> Vec<ClockKind> {
        let mut open: Vec<_> =
            self.rows().into_iter().filter(|row| row.state == ObligationState::Open).map(|row| row.kind).collect();
        open.sort();
        open
    }

    /// Resolved and filed as a complaint an hour after the beginning.
    fn filed() -> Desk {
        let mut desk = Desk::new();
        desk.house.until(t(HOUR));
        desk.told();
        desk.step(desk.ann, Step::Filed { words: "exchanged".into() }).unwrap();
        desk
    }
}

#[test]
fn a_solution_is_owed_from_the_opening_on_and_kept_by_whoever_says_that_it_was_told() {
    let mut desk = Desk::new();
    let owed = desk.row(ClockKind::Resolution);
    assert_eq!((owed.began_at, owed.due_at, owed.owner), (t(0.0), Some(t(2.0 * HOUR)), Some(desk.ann)));
    desk.house.until(t(HOUR));
    desk.save(form(), TicketState::Resolved);
    let kept = desk.row(ClockKind::Resolution);
    assert_eq!((kept.state, kept.ended.unwrap().by), (ObligationState::Kept, Some(desk.ann)));
    let talk = kept.proof.expect("the talk in which it was told");
    assert_eq!((talk.call, talk.talk_ms), (CallId::from("first"), 60_000));
    assert_eq!(desk.open(), [], "a consultation is neither filed nor visited");
}

#[test]
fn what_was_told_without_a_talk_is_kept_without_one() {
    let mut desk = Desk::new();
    let number = Some(OTHER.to_owned());
    let (kind, channel) = (Kind::Consultation, Channel::Visit);
    let open = Command::OpenTicket { call: None, customer: None, number, kind, channel };
    let Ok(Done::Ticket(ticket)) = desk.house.give(Some(desk.ann), open) else { panic!() };
    desk.ticket = ticket;
    let visit = TicketForm { channel, ..form() };
    desk.save(visit, TicketState::Closed);
    assert_eq!(
        (desk.state(ClockKind::Resolution), desk.row(ClockKind::Resolution).proof),
        (ObligationState::Kept, None)
    );
    assert_eq!(desk.state(ClockKind::FirstResponse), ObligationState::Kept, "who heard the solution was answered");
}

#[test]
fn its_window_follows_kind_and_complexity_and_what_is_past_by_them_fires_at_once() {
    let mut desk = Desk::new();
    desk.save(TicketForm { complexity: Complexity::Complex, ..form() }, TicketState::InProgress);
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(24.0 * HOUR)));
    desk.house.until(t(3.0 * HOUR));
    assert!(desk.row(ClockKind::Resolution).fired.is_empty());
    desk.save(form(), TicketState::InProgress);
    let owed = desk.row(ClockKind::Resolution);
    assert_eq!(owed.due_at, Some(t(2.0 * HOUR)));
    let planned: Vec<_> = owed.fired.iter().map(|fired| fired.planned_at).collect();
    assert_eq!(planned, [t(1.6 * HOUR), t(2.0 * HOUR)], "a simple matter is late by now");
    // Complex again: what has fired stays so and does not fire anew.
    desk.save(TicketForm { complexity: Complexity::Complex, ..form() }, TicketState::InProgress);
    desk.house.until(t(100.0 * HOUR));
    let fired: Vec<_> = desk.row(ClockKind::Resolution).fired.iter().map(|fired| fired.planned_at).collect();
    assert_eq!(fired, [t(1.6 * HOUR), t(2.0 * HOUR), t(48.0 * HOUR)]);
    let rungs = desk.house.sql("SELECT count(*) || ' ' || count(DISTINCT obligation || rung) FROM rungs");
    assert_eq!(rungs, ["3 3"]);
}

#[test]
fn a_customers_new_class_lets_fire_what_is_past_by_it() {
    let mut house = House::new();
    house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", MOBILE, 0.0);
    house.until(t(20.0 + 12.0 * MINUTE));
    assert_eq!(rungs(&house), [""; 0]);
    house.customer("Shen", true, &[MOBILE]);
    assert_eq!(rungs(&house), ["reminder", "due"], "ten minutes are over");
}

#[test]
fn a_complaint_is_to_be_accepted_and_whoever_tells_so_says_by_when() {
    let mut desk = Desk::new();
    desk.house.until(t(600.0));
    desk.save(complaint(), TicketState::InProgress);
    let owed = desk.row(ClockKind::Acceptance);
    assert_eq!((owed.began_at, owed.due_at), (t(600.0), Some(t(600.0 + 24.0 * HOUR))));
    desk.save(complaint(), TicketState::InProgress);
    assert_eq!(desk.open(), [ClockKind::Acceptance, ClockKind::Resolution], "once");
    let told = |at| Step::Accepted { solved_by: t(at) };
    let not_ahead = Err(Refusal::Field { field: "solved_by", why: FieldWhy::NotAhead });
    assert_eq!(desk.step(desk.ann, told(1.0)), not_ahead);
    desk.step(desk.ann, told(50.0 * HOUR)).unwrap();
    let kept = desk.row(ClockKind::Acceptance);
    assert_eq!((kept.state, kept.promised_at), (ObligationState::Kept, Some(t(50.0 * HOUR))));
    assert_eq!(desk.step(desk.ann, told(50.0 * HOUR)), Err(Refusal::NotOwed(ClockKind::Acceptance)));
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(24.0 * HOUR)), "a complaint's window");
    assert_eq!(desk.state(ClockKind::Resolution), ObligationState::Replaced);
    assert_eq!(desk.open(), [ClockKind::Promise], "what was said is promised");
    assert_eq!(desk.row(ClockKind::Promise).due_at, Some(t(50.0 * HOUR)));
}

#[test]
fn what_turns_out_to_be_no_complaint_is_not_to_be_accepted() {
    let mut desk = Desk::new();
    desk.save(complaint(), TicketState::InProgress);
    let reclass = Handle::Reclass { kind: Kind::Consultation, why: "a question".into() };
    desk.house.give(Some(desk.boss), Command::Handle(desk.ticket, reclass)).unwrap();
    assert_eq!(desk.state(ClockKind::Acceptance), ObligationState::Dropped);
    assert_eq!(desk.open(), [ClockKind::Resolution]);
}

#[test]
fn who_wrote_is_answered_on_that_channel_or_by_a_talk() {
    let mut desk = Desk::new();
    let opened = |desk: &mut Desk, id| {
        let number = Some(MOBILE.to_owned());
        let (kind, channel) = (Kind::Complaint, Channel::Email);
        let open = Command::OpenTicket { call: None, customer: None, number, kind, channel };
        let Ok(Done::Ticket(ticket)) = desk.house.give(Some(desk.ann), open) else { panic!("{id}") };
        desk.ticket = ticket;
    };
    desk.house.until(t(1000.0));
    opened(&mut desk, 1);
    let email = TicketForm { channel: Channel::Email, ..complaint() };
    assert_eq!(desk.open(), [ClockKind::FirstResponse, ClockKind::Acceptance, ClockKind::Resolution]);
    assert_eq!(desk.row(ClockKind::FirstResponse).due_at, Some(t(1000.0 + 10.0 * MINUTE)));
    desk.save(TicketForm { priority: Priority::Urgent, ..email.clone() }, TicketState::InProgress);
    assert_eq!(desk.row(ClockKind::FirstResponse).due_at, Some(t(1000.0 + 5.0 * MINUTE)));
    let empty = Err(Refusal::Field { field: "words", why: FieldWhy::Missing });
    assert_eq!(desk.step(desk.ann, Step::Replied { words: " ".into() }), empty);
    desk.step(desk.ann, Step::Replied { words: "We look into it.".into() }).unwrap();
    let kept = desk.row(ClockKind::FirstResponse);
    assert_eq!((kept.state, kept.ended.unwrap().why.as_str()), (ObligationState::Kept, "We look into it."));

    opened(&mut desk, 2);
    desk.talk(outbound("back", OTHER, "1001", t(1100.0)), 1100.0, 9.9);
    assert_eq!(desk.state(ClockKind::FirstResponse), ObligationState::Open);
    desk.talk(outbound("again", OTHER, "1001", t(1200.0)), 1200.0, 10.0);
    assert_eq!(desk.state(ClockKind::FirstResponse), ObligationState::Kept);
    // Told to have come by mail only after they were talked with.
    desk.save(complaint(), TicketState::InProgress);
    desk.save(email, TicketState::InProgress);
    assert!(!desk.open().contains(&ClockKind::FirstResponse));
}

#[test]
fn a_promise_is_kept_by_a_later_call_alone() {
    let mut desk = Desk::new();
    let promised = |at| Step::Promise { at: t(at) };
    // Given in a talk that goes on for long after.
    let talk = talking(&outbound("given", MOBILE, "1001", t(100.0)), "1001", t(100.0));
    desk.house.sees(t(110.0), &talk);
    desk.step(desk.ann, promised(5.0 * HOUR)).unwrap();
    assert_eq!(desk.state(ClockKind::Resolution), ObligationState::Replaced);
    assert_eq!(desk.open(), [ClockKind::Promise]);
    desk.house.sees(t(400.0), &ended(&talk, t(400.0), Outcome::Answered));
    assert_eq!(desk.state(ClockKind::Promise), ObligationState::Open);
    let owed = desk.row(ClockKind::Promise);
    assert_eq!((owed.due_at, owed.promised_at), (Some(t(5.0 * HOUR)), Some(t(5.0 * HOUR))));
    // Moved by agreement.
    desk.step(desk.ann, promised(7.0 * HOUR)).unwrap();
    assert_eq!((desk.open(), desk.row(ClockKind::Promise).due_at), (vec![ClockKind::Promise], Some(t(7.0 * HOUR))));
    // They wait for it on their other line, and are called from another PBX.
    let branch = Call { pbx: "branch".into(), ..outbound("branch", OTHER, "33", t(6.0 * HOUR)) };
    desk.talk(branch, 6.0 * HOUR, 12.0);
    let kept = desk.row(ClockKind::Promise);
    assert_eq!((kept.state, kept.proof.unwrap().call), (ObligationState::Kept, CallId::from("branch")));
}

#[test]
fn after_a_promise_the_solution_is_owed_again_unless_it_was_told() {
    for (kept, solved) in [(true, false), (true, true), (false, false)] {
        let mut desk = Desk::new();
        desk.step(desk.ann, Step::Promise { at: t(5.0 * HOUR) }).unwrap();
        if solved {
            desk.save(form(), TicketState::Resolved);
        }
        if kept {
            desk.talk(outbound("kept", OTHER, "1001", t(4.0 * HOUR)), 4.0 * HOUR, 12.0);
            assert_eq!(desk.state(ClockKind::Promise), ObligationState::Kept);
        } else {
            for (nth, hour) in [(1, 5.0), (2, 6.0), (3, 30.0)] {
                let out = outbound(&format!("vain{nth}"), OTHER, "1001", t(hour * HOUR));
                desk.house.sees(t(hour * HOUR + 30.0), &ended(&out, t(hour * HOUR + 30.0), Outcome::NoAnswer));
            }
            assert_eq!(desk.state(ClockKind::Promise), ObligationState::Unreachable);
        }
        if solved {
            assert_eq!(desk.open(), []);
            continue;
        }
        assert_eq!(desk.open(), [ClockKind::Resolution]);
        let (owed, began) = (desk.row(ClockKind::Resolution), desk.row(ClockKind::Promise).ended);
        let began = began.map_or(t(4.0 * HOUR + 12.0), |ended| ended.at);
        assert_eq!((owed.began_at, owed.due_at), (began, Some(began + TimeDelta::hours(2))), "a whole window");
        assert_eq!(owed.owner, Some(desk.ann));
        // It may be promised anew, or told.
        desk.house.until(began + TimeDelta::minutes(90));
        desk.save(form(), TicketState::Resolved);
        assert_eq!(desk.open(), []);
    }
}

#[test]
fn a_promise_that_is_waived_gives_the_solution_back_and_a_waived_solution_is_waived() {
    let mut desk = Desk::new();
    desk.step(desk.ann, Step::Promise { at: t(5.0 * HOUR) }).unwrap();
    let waive = |desk: &mut Desk, kind| {
        let waive = Command::Owed(desk.row(kind).id, Owed::Waive { reason: "as agreed".into() });
        desk.house.give(Some(desk.boss), waive).unwrap();
    };
    desk.house.until(t(HOUR));
    waive(&mut desk, ClockKind::Promise);
    assert_eq!((desk.open(), desk.row(ClockKind::Resolution).began_at), (vec![ClockKind::Resolution], t(HOUR)));
    waive(&mut desk, ClockKind::Resolution);
    assert_eq!(desk.open(), []);
}

#[test]
fn who_withheld_their_number_is_owed_a_solution_in_their_queues_hours() {
    let mut policy = policy();
    let nine_to_ten = hours(&policy, "09:00-10:00");
    policy.terms.calendars.insert("mornings".into(), nine_to_ten);
    policy.terms.queues.insert("early".into(), "mornings".into());
    policy.terms.clocks.rule_mut(ClockKind::Resolution).hours = Hours::Open;
    let mut desk = Desk::under(policy);
    let hidden = call("hidden", Direction::Inbound, None, t(100.0));
    desk.house.sees(t(100.0), &hidden);
    desk.ticket = desk.house.ticket_of(&hidden).unwrap();
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(100.0 + 2.0 * HOUR)), "the site's");
    let wait = crate::calls::call::Wait { queue: "early".into(), joined_at: t(101.0), left_at: None };
    let hidden = Call { waits: vec![wait], ..hidden };
    desk.house.sees(t(101.0), &hidden);
    // An hour tomorrow, and one the day after; the tests' day begins at ten.
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(48.0 * HOUR)), "as soon as they wait there");
    let hidden = talking(&hidden, "1001", t(110.0));
    desk.house.sees(t(125.0), &hidden);
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(48.0 * HOUR)));
    assert_eq!(desk.house.sql("SELECT queue FROM obligations ORDER BY id DESC LIMIT 1"), ["early"]);
}

#[test]
fn a_complaint_is_owed_in_the_hours_of_the_department_that_answers_for_it() {
    let mut policy = policy();
    for (name, slots) in [("mornings", "09:00-10:00"), ("evenings", "18:00-20:00")] {
        policy.terms.calendars.insert(name.into(), hours(&policy, slots));
    }
    let department = DepartmentName::from("品质部");
    policy.terms.queues.insert("early".into(), "mornings".into());
    policy.terms.departments.insert(department.clone(), "evenings".into());
    policy.terms.responsibility =
        vec![Responsible { kind: Some(Kind::Complaint), category: Some("product_quality".into()), department }];
    for kind in [ClockKind::Resolution, ClockKind::MissedCall] {
        let rule = policy.terms.clocks.rule_mut(kind);
        (rule.hours, rule.target) = (Hours::Open, Target::Within { ms: 3 * 3_600_000 });
        rule.except.clear();
    }
    let mut desk = Desk::under(policy);
    let wait = crate::calls::call::Wait { queue: "early".into(), joined_at: t(101.0), left_at: Some(t(110.0)) };
    let lost = Call { waits: vec![wait], ..inbound("lost", OTHER, t(100.0)) };
    desk.house.sees(t(110.0), &ended(&lost, t(110.0), Outcome::Abandoned));
    // The tests' day begins at ten: the queue's three hours end on the third morning from now.
    let missed = Some(t(72.0 * HOUR));
    assert_eq!(desk.row(ClockKind::MissedCall).due_at, missed);
    desk.save(TicketForm { category: "delivery".into(), ..complaint() }, TicketState::InProgress);
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(3.0 * HOUR)), "the site's hours, all of them");
    desk.save(TicketForm { category: "product_quality".into(), ..complaint() }, TicketState::InProgress);
    // Two hours this evening, and one tomorrow's.
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(33.0 * HOUR)));
    assert_eq!(desk.row(ClockKind::MissedCall).due_at, missed, "who waited in a queue waits in its hours");
    desk.save(TicketForm { category: "delivery".into(), ..complaint() }, TicketState::InProgress);
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(3.0 * HOUR)));
}

#[test]
fn where_promises_are_owed_no_more_the_solution_is_in_their_place() {
    let mut desk = Desk::new();
    desk.step(desk.ann, Step::Promise { at: t(9.0 * HOUR) }).unwrap();
    assert_eq!(desk.open(), [ClockKind::Promise]);
    desk.house.until(t(HOUR));
    let text = "[clock.promise]\nkinds = [\"complaint\"]\n".to_owned();
    desk.house.give(None, Command::SetPolicy { version: None, text }).unwrap();
    desk.house.settle();
    assert_eq!(desk.open(), [ClockKind::Resolution]);
    assert_eq!(desk.row(ClockKind::Resolution).due_at, Some(t(3.0 * HOUR)), "in a whole window from then on");
    let text = "[clock.promise]\nkinds = []\n[clock.resolution]\nkinds = []\n".to_owned();
    desk.house.give(None, Command::SetPolicy { version: None, text }).unwrap();
    desk.house.settle();
    assert_eq!(desk.open(), []);
}

#[test]
fn a_matter_of_another_kind_whose_promise_is_owed_no_more_is_not_left_without_a_clock() {
    let mut policy = policy();
    policy.terms.clocks.rule_mut(ClockKind::Promise).kinds = [Kind::Consultation].into();
    let mut desk = Desk::under(policy);
    desk.step(desk.ann, Step::Promise { at: t(9.0 * HOUR) }).unwrap();
    desk.house.until(t(HOUR));
    desk.save(TicketForm { kind: Kind::Other, ..form() }, TicketState::InProgress);
    assert_eq!(desk.open(), [ClockKind::Resolution]);
    assert_eq!(desk.row(ClockKind::Resolution).began_at, t(HOUR), "in a whole window from then on");
    assert_eq!(desk.state(ClockKind::Promise), ObligationState::Dropped);
    // Resolved with its promise open, and opened again as what no promise is owed for.
    let mut desk = Desk::under(desk.house.reader.policy().as_ref().clone());
    desk.step(desk.ann, Step::Promise { at: t(9.0 * HOUR) }).unwrap();
    desk.save(form(), TicketState::Resolved);
    desk.house.until(t(2.0 * HOUR));
    desk.save(TicketForm { kind: Kind::Other, ..form() }, TicketState::InProgress);
    assert_eq!(desk.open(), [ClockKind::Resolution]);
}

#[test]
fn a_promise_lies_ahead_within_a_year() {
    let mut desk = Desk::new();
    let refused = |why| Err(Refusal::Field { field: "at", why });
    assert_eq!(desk.step(desk.ann, Step::Promise { at: t(1.0) }), refused(FieldWhy::NotAhead));
    let far = Step::Promise { at: t(367.0 * 24.0 * HOUR) };
    assert_eq!(desk.step(desk.ann, far), refused(FieldWhy::TooFarAhead));
    assert_eq!(desk.open(), [ClockKind::Resolution], "nothing was replaced");
}

#[test]
fn steps_are_the_owners_and_the_supervisors() {
    let mut desk = Desk::new();
    let root = desk.house.person("root", Role::Admin, None);
    let promise = Step::Promise { at: t(5.0 * HOUR) };
    assert_eq!(desk.step(desk.ben, promise.clone()), Err(Refusal::NoSuchTicket));
    assert_eq!(desk.step(root, promise.clone()), Err(Refusal::NotAllowed));
    desk.step(desk.boss, promise).unwrap();
    assert_eq!(desk.row(ClockKind::Promise).owner, Some(desk.ann));
    desk.ticket = TicketId(999_999);
    assert_eq!(desk.step(desk.boss, Step::Filed { words: "x".into() }), Err(Refusal::NoSuchTicket));
}

#[test]
fn a_resolved_complaint_is_filed_then_visited() {
    let mut desk = Desk::new();
    desk.house.until(t(HOUR));
    desk.told();
    assert_eq!(desk.open(), [ClockKind::Filing]);
    assert_eq!(desk.row(ClockKind::Filing).due_at, Some(t(25.0 * HOUR)));
    assert_eq!(desk.step(desk.ben, Step::Filed { words: "x".into() }), Err(Refusal::NoSuchTicket));
    desk.house.until(t(2.0 * HOUR));
    desk.step(desk.ann, Step::Filed { words: "exchanged".into() }).unwrap();
    assert_eq!(desk.open(), [ClockKind::ReturnVisit]);
    assert_eq!(desk.row(ClockKind::ReturnVisit).due_at, Some(t(26.0 * HOUR)));
}

#[test]
fn a_return_visit_takes_a_talk_and_an_answer_in_either_order() {
    for talk_first in [true, false] {
        let mut desk = Desk::filed();
        let at = HOUR + 100.0;
        if talk_first {
            desk.talk(outbound("visit", MOBILE, "1001", t(at)), at, 30.0);
            assert_eq!(desk.open(), [ClockKind::ReturnVisit], "nobody noted what was said");
            desk.surveyed(Satisfaction::Fairly);
        } else {
            desk.surveyed(Satisfaction::Dissatisfied);
            desk.surveyed(Satisfaction::Fairly);
            assert_eq!(desk.open(), [ClockKind::ReturnVisit], "nobody was seen to have asked");
            desk.talk(outbound("visit", MOBILE, "1001", t(at)), at, 30.0);
        }
        let kept = desk.row(ClockKind::ReturnVisit);
        assert_eq!((kept.state, kept.proof.unwrap().call), (ObligationState::Kept, CallId::from("visit")));
        assert_eq!(kept.survey.unwrap().result, Satisfaction::Fairly);
        assert_eq!(desk.open(), []);
    }
}

#[test]
fn who_is_dissatisfied_has_the_matter_back_and_supervisors_hear_of_it() {
    for talk_first in [true, false] {
        let mut desk = Desk::filed();
        let at = HOUR + 100.0;
        if !talk_first {
            desk.surveyed(Satisfaction::Dissatisfied);
        }
        desk.talk(outbound("visit", MOBILE, "1001", t(at)), at, 30.0);
        if talk_first {
            desk.surveyed(Satisfaction::Dissatisfied);
        }
        let page = desk.house.page(desk.ticket);
        assert_eq!((page.row.ticket.state, page.row.ticket.closed_at), (TicketState::Reopened, None));
        assert_eq!(page.row.ticket.version, 5, "whoever has the old form open is told");
        assert_eq!(desk.open(), [ClockKind::Resolution]);
        let owed = desk.row(ClockKind::Resolution);
        assert_eq!((owed.began_at, owed.owner), (t(at + 30.0), Some(desk.ann)));
        assert_eq!(desk.state(ClockKind::ReturnVisit), ObligationState::Kept);
        let reopened = |house: &House, person| {
            let told = house.ask(house.reader.told(person, crate::MessageId(0))).unwrap();
            let tellings = told.iter().flat_map(|message| &message.tellings);
            tellings.filter(|telling| telling.news == News::Reopened).count()
        };
        assert_eq!((reopened(&desk.house, desk.boss), reopened(&desk.house, desk.ann)), (1, 0));
        assert!(page.timeline.iter().any(|row| matches!(row.what, TimelineWhat::Reopened)));
    }
}

#[test]
fn a_matter_comes_back_also_where_no_solution_is_owed_for_its_kind_and_supervisors_hear_of_it() {
    let mut desk = Desk::filed();
    desk.surveyed(Satisfaction::Dissatisfied);
    let text = "[clock.resolution]\nkinds = [\"consultation\"]\n".to_owned();
    desk.house.give(None, Command::SetPolicy { version: None, text }).unwrap();
    let at = HOUR + 100.0;
    desk.talk(outbound("visit", MOBILE, "1001", t(at)), at, 30.0);
    let page = desk.house.page(desk.ticket);
    assert_eq!(page.row.ticket.state, TicketState::Reopened);
    assert_eq!(desk.open(), [], "and none is begun that falls at its first rung");
    assert_eq!(desk.state(ClockKind::ReturnVisit), ObligationState::Kept);
    assert_eq!(desk.house.sql("SELECT count(*) FROM obligations WHERE state = 'dropped'"), ["0"]);
    let told = desk.house.ask(desk.house.reader.told(desk.boss, crate::MessageId(0))).unwrap();
    let news: Vec<News> = told.iter().flat_map(|message| &message.tellings).map(|telling| telling.news).collect();
    assert_eq!(news, [News::Reopened]);
    assert!(page.timeline.iter().any(|row| matches!(row.what, TimelineWhat::Reopened)));
}

#[test]
fn a_matter_that_is_opened_again_begins_anew() {
    let mut desk = Desk::filed();
    desk.house.until(t(2.0 * HOUR));
    desk.save(complaint(), TicketState::InProgress);
    assert_eq!(desk.open(), [ClockKind::Resolution]);
    assert_eq!(desk.row(ClockKind::Resolution).began_at, t(2.0 * HOUR));
    assert_eq!(desk.state(ClockKind::ReturnVisit), ObligationState::Dropped);
    assert_eq!(desk.house.sql("SELECT count(*) FROM obligations WHERE kind = 'resolution'"), ["2"]);
}

#[test]
fn a_talk_keeps_all_that_it_proves() {
    let mut desk = Desk::filed();
    desk.surveyed(Satisfaction::Satisfied);
    desk.step(desk.ann, Step::Promise { at: t(9.0 * HOUR) }).unwrap();
    missed(&mut desk.house, "again", OTHER, HOUR + 10.0);
    assert_eq!(states(&desk.house), ["open"]);
    desk.talk(outbound("all", MOBILE, "1001", t(HOUR + 100.0)), HOUR + 100.0, 10.0);
    assert_eq!(states(&desk.house), ["kept"]);
    assert_eq!(desk.open(), []);
    assert_eq!(desk.house.sql("SELECT count(*) FROM obligations WHERE proof_call = 'all'"), ["3"]);
}

#[test]
fn tries_count_for_what_a_call_keeps_and_for_nothing_else() {
    let mut desk = Desk::filed();
    let out = outbound("try", MOBILE, "1001", t(HOUR + 100.0));
    desk.house.sees(t(HOUR + 130.0), &ended(&out, t(HOUR + 130.0), Outcome::NoAnswer));
    assert_eq!(desk.row(ClockKind::ReturnVisit).attempts, 1);
    let kinds = desk.house.sql("SELECT o.kind FROM attempts a JOIN obligations o ON o.id = a.obligation");
    assert_eq!(kinds, ["return_visit"]);
}

#[test]
fn drawn_matters_are_looked_at_again_until_the_months_end() {
    let mut every = policy();
    every.terms.spot_check_percent = 100;
    let mut desk = Desk::under(every);
    desk.save(form(), TicketState::Resolved);
    assert_eq!(desk.open(), [], "resolved is not closed");
    desk.save(form(), TicketState::Closed);
    assert_eq!(desk.open(), [ClockKind::SpotCheck]);
    let owed = desk.row(ClockKind::SpotCheck);
    // Midnight after 30 November in Shanghai.
    assert_eq!(owed.due_at.unwrap().to_rfc3339(), "2026-11-30T16:00:00+00:00");
    assert_eq!(owed.owner, None);
    desk.talk(outbound("asked", MOBILE, "1001", t(200.0)), 200.0, 20.0);
    desk.surveyed(Satisfaction::Satisfied);
    assert_eq!(desk.state(ClockKind::SpotCheck), ObligationState::Kept);
    let ticket = desk.ticket;
    let lot = Seed::default().lot(ticket).0;
    let kept = desk.house.sql("SELECT body FROM facts WHERE kind = 'lot_looked_at'");
    let kept: Vec<serde_json::Value> = kept.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(kept, [serde_json::json!({ "drawn": true, "lot": lot, "percent": 100 })]);
    assert_eq!(desk.house.sql("SELECT lot FROM draws WHERE drawn = 1"), [lot.to_string()]);
}

#[test]
fn a_call_that_moves_to_another_matter_is_owed_by_that_ones_window() {
    let mut policy = policy();
    let when = When { priority: Some(Priority::Urgent), ..When::default() };
    policy.terms.clocks.rule_mut(ClockKind::MissedCall).except.push(Exception { when, within_ms: 5 * 60_000 });
    let mut house = House::under(policy, t(0.0));
    let ann = house.person("ann", Role::Agent, None);
    let call = missed(&mut house, "a", MOBILE, 0.0);
    let urgent = TicketForm { priority: Priority::Urgent, ..form() };
    let ticket = house.ticket_of(&call).unwrap();
    house.give(Some(ann), Command::SaveTicket { ticket, version: 1, form: urgent, state: TicketState::New }).unwrap();
    let due = |house: &House| {
        house.page_of(&call).obligations.iter().find(|row| row.kind == ClockKind::MissedCall).unwrap().due_at
    };
    assert_eq!(due(&house), Some(t(20.0 + 5.0 * MINUTE)));
    let (kind, channel) = (Kind::Consultation, Channel::Phone);
    let open = Command::OpenTicket { call: Some("a".into()), customer: None, number: None, kind, channel };
    house.give(Some(ann), open).unwrap();
    assert_eq!(due(&house), Some(t(20.0 + 30.0 * MINUTE)), "the new matter is not urgent");
}

#[test]
fn ids_of_one_decision_are_apart() {
    let ids = Ids::from(10);
    let mut all = vec![ids.ticket().0, ids.customer().0, ids.count()];
    all.extend((0..5).map(|others| ids.obligation(others).0));
    assert_eq!(all, (10..10 + Ids::used(5)).collect::<Vec<_>>());
}
