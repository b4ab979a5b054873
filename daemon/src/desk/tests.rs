//! The rules as scripts: what the PBX says and people do, in virtual time, on a real store.

mod asking;
mod clocks;
mod customers;
mod handling;
mod histories;
mod ladder;
mod owed;
mod ownership;
mod regroup;
mod rights;
mod surveys;
mod waiting;

use chrono::TimeDelta;

use super::clock::{ClockKind, News, ObligationState};
use super::command::{Command, Done, FieldWhy, Refusal, SessionHash, TicketForm};
use super::handling::{Finding, Findings, Handle};
use super::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use crate::calls::call::{Call, Direction, Outcome, Span};
use crate::engine::Input;
use crate::engine::house::*;
use crate::live::About;
use crate::store::read::TimelineWhat;
use crate::{PersonId, Role, TicketId, Time};

const MOBILE: &str = "+8613800138000";
const OTHER: &str = "+8613900139000";

/// A caller who gives up after 20 s.
fn missed(house: &mut House, id: &str, number: &str, from: f64) -> Call {
    let call = inbound(id, number, t(from));
    house.sees(t(from), &call);
    let call = ended(&call, t(from + 20.0), Outcome::Abandoned);
    house.sees(t(from + 20.0), &call);
    call
}

fn states(house: &House) -> Vec<String> {
    house.sql("SELECT state FROM obligations WHERE kind = 'missed_call' ORDER BY id")
}

fn rungs(house: &House) -> Vec<String> {
    house.sql(
        "SELECT rung FROM rungs r JOIN obligations o ON o.id = r.obligation WHERE o.kind = 'missed_call'
         ORDER BY obligation, planned_at_ms",
    )
}

/// What somebody was told of missed calls.
fn told(house: &House, person: crate::PersonId) -> Vec<News> {
    let missed = house.sql("SELECT id FROM obligations WHERE kind = 'missed_call'");
    let told = house.ask(house.reader.told(person, crate::MessageId(0))).unwrap();
    let told = told.iter().flat_map(|message| &message.tellings);
    let of_missed = |about: About| match about {
        About::Owed(obligation) => missed.contains(&obligation.to_string()),
        About::Matter(_) => false,
    };
    told.filter(|telling| of_missed(telling.about)).map(|telling| telling.news).collect()
}

#[test]
fn an_abandoned_caller_is_owed_a_callback_whose_rungs_fire_at_their_time() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", MOBILE, 0.0);
    let owed = &house.card(MOBILE).open_obligations[0];
    assert_eq!(owed.reminder_at, Some(t(20.0 + 24.0 * MINUTE)));
    assert_eq!(owed.due_at, Some(t(20.0 + 30.0 * MINUTE)));
    assert_eq!(owed.escalated_at, Some(t(20.0 + (30.0 + 24.0 * 60.0) * MINUTE)));

    house.until(t(20.0 + 24.0 * MINUTE - 0.001));
    house.turn();
    assert_eq!(rungs(&house), [""; 0], "never early");
    house.until(t(20.0 + 24.0 * MINUTE));
    assert_eq!(rungs(&house), ["reminder"]);
    house.until(t(20.0 + 30.0 * MINUTE));
    house.until(t(20.0 + 31.0 * MINUTE));
    assert_eq!(rungs(&house), ["reminder", "due"]);
    house.until(t(3.0 * 24.0 * 60.0 * MINUTE));
    assert_eq!(rungs(&house), ["reminder", "due", "escalated"]);
    assert_eq!(house.sql("SELECT DISTINCT late FROM rungs"), ["0"]);
    assert_eq!(told(&house, boss), [News::Reminder, News::Due, News::Escalated], "supervisors, since nobody owns it");
    assert_eq!(states(&house), ["open"], "a deadline that passes ends nothing");
}

#[test]
fn a_key_customer_is_called_back_within_ten_minutes() {
    let mut house = House::new();
    house.customer("Shen", true, &[MOBILE]);
    missed(&mut house, "a", MOBILE, 0.0);
    assert_eq!(house.card(MOBILE).open_obligations[0].due_at, Some(t(20.0 + 10.0 * MINUTE)));
}

#[test]
fn who_calls_again_joins_the_open_matter_and_is_owed_one_callback() {
    let mut house = House::new();
    let first = missed(&mut house, "a", MOBILE, 0.0);
    let second = missed(&mut house, "b", MOBILE, 300.0);
    assert_eq!(house.ticket_of(&first), house.ticket_of(&second));
    assert_eq!(states(&house), ["open"]);
    let page = house.page_of(&first);
    assert_eq!(page.row.ticket.number, "20261124-0001");
    assert_eq!(page.calls.len(), 2);
    let what: Vec<_> = page.timeline.iter().map(|row| &row.what).collect();
    assert!(matches!(
        what[..],
        [
            TimelineWhat::Opened,
            TimelineWhat::Joined { .. },
            TimelineWhat::ObligationBegan { clock: ClockKind::Resolution, .. },
            TimelineWhat::ObligationBegan { clock: ClockKind::MissedCall, .. },
            TimelineWhat::Joined { .. }
        ]
    ));
}

#[test]
fn a_closed_matter_is_not_joined() {
    let mut house = House::new();
    let agent = house.person("ann", Role::Agent, None);
    let first = missed(&mut house, "a", MOBILE, 0.0);
    save(&mut house, agent, &first, 1, TicketState::Closed).unwrap();
    let second = missed(&mut house, "b", MOBILE, 100.0);
    assert_ne!(house.ticket_of(&first), house.ticket_of(&second));
    assert_eq!(house.page_of(&second).row.ticket.number, "20261124-0002");
}

#[test]
fn a_withheld_number_has_a_ticket_of_its_own_and_nobody_can_be_called_back() {
    let mut house = House::new();
    for id in ["a", "b"] {
        let call = call(id, Direction::Inbound, None, t(0.0));
        house.sees(t(0.0), &call);
        house.sees(t(9.0), &ended(&call, t(9.0), Outcome::Abandoned));
    }
    assert_eq!(house.sql("SELECT number FROM tickets"), ["20261124-0001", "20261124-0002"]);
    assert_eq!(states(&house), [""; 0]);
}

#[test]
fn internal_calls_have_no_ticket_and_outbound_ones_only_join() {
    let mut house = House::new();
    let internal = call("i", Direction::Internal, None, t(0.0));
    house.sees(t(0.0), &internal);
    let out = outbound("o", MOBILE, "1001", t(1.0));
    house.sees(t(1.0), &out);
    assert_eq!((house.ticket_of(&internal), house.ticket_of(&out)), (None, None));
    let missed = missed(&mut house, "a", MOBILE, 10.0);
    let back = outbound("p", MOBILE, "1001", t(60.0));
    house.sees(t(60.0), &back);
    assert_eq!(house.ticket_of(&back), house.ticket_of(&missed));
    assert!(house.ticket_of(&back).is_some());
}

#[test]
fn a_talk_of_ten_seconds_proves_the_callback_and_one_of_less_does_not() {
    for (seconds, state) in [(9.9, "open"), (10.0, "kept")] {
        let mut house = House::new();
        missed(&mut house, "a", MOBILE, 0.0);
        let back = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(70.0));
        house.sees(t(70.0), &back);
        house.sees(t(70.0 + seconds), &ended(&back, t(70.0 + seconds), Outcome::Answered));
        assert_eq!(states(&house), [state], "{seconds} s");
    }
}

#[test]
fn the_proof_names_call_agent_and_talk_and_no_rung_follows() {
    let mut house = House::new();
    let first = missed(&mut house, "a", MOBILE, 0.0);
    let back = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(70.0));
    house.sees(t(70.0), &back);
    house.sees(t(90.0), &ended(&back, t(90.0), Outcome::Answered));
    let page = house.page_of(&first);
    let owed = page.obligations.iter().find(|row| row.kind == ClockKind::MissedCall).expect("the callback");
    let proof = owed.proof.clone().expect("a proof");
    assert_eq!((proof.call, proof.agent, proof.from, proof.talk_ms), (back.id, "1001".into(), t(70.0), 20_000));
    assert_eq!(owed.state, ObligationState::Kept);
    assert!(matches!(page.timeline.last().unwrap().what, TimelineWhat::Kept { .. }));
    house.until(t(7.0 * 24.0 * 3600.0));
    assert_eq!(rungs(&house), [""; 0]);
}

#[test]
fn the_customer_calling_again_proves_it_too_also_from_another_number() {
    for number in [MOBILE, OTHER] {
        let mut house = House::new();
        house.customer("Shen", false, &[MOBILE, OTHER]);
        missed(&mut house, "a", MOBILE, 0.0);
        let again = talking(&inbound("b", number, t(60.0)), "1001", t(65.0));
        house.sees(t(65.0), &again);
        house.sees(t(80.0), &ended(&again, t(80.0), Outcome::Answered));
        assert_eq!(states(&house), ["kept"], "{number}");
    }
}

#[test]
fn time_on_hold_is_no_talk() {
    let mut house = House::new();
    missed(&mut house, "a", MOBILE, 0.0);
    let mut back = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(70.0));
    back.segments[0].holds.push(Span { from: t(73.0), to: Some(t(90.0)) });
    house.sees(t(95.0), &ended(&back, t(95.0), Outcome::Answered));
    assert_eq!(states(&house), ["open"], "3 s before the hold and 5 s after it");
}

#[test]
fn a_saving_talk_stops_the_rungs_while_it_goes_on() {
    let mut house = House::new();
    missed(&mut house, "a", MOBILE, 0.0);
    let begins = 20.0 + 24.0 * MINUTE - 11.0;
    let back = talking(&outbound("o", MOBILE, "1001", t(begins)), "1001", t(begins));
    house.sees(t(begins), &back);
    assert_eq!(states(&house), ["open"]);
    house.sees(t(begins + 10.0), &back);
    assert_eq!(states(&house), ["kept"]);
    house.until(t(begins + 3600.0));
    assert_eq!(rungs(&house), [""; 0]);
}

#[test]
fn a_state_that_waited_long_for_the_disk_proves_no_more_than_it_showed() {
    let mut house = House::new();
    missed(&mut house, "a", MOBILE, 0.0);
    let back = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(70.0));
    house.until(t(500.0));
    house.input(Input::Calls { at: t(75.0), calls: vec![back.into()] });
    assert_eq!(states(&house), ["open"]);
}

#[test]
fn a_talk_on_another_line_since_the_call_began_leaves_nothing_owed() {
    let mut house = House::new();
    house.customer("Shen", false, &[MOBILE, OTHER]);
    let given_up = inbound("a", MOBILE, t(0.0));
    house.sees(t(0.0), &given_up);
    let talk = talking(&inbound("b", OTHER, t(5.0)), "1001", t(6.0));
    house.sees(t(6.0), &talk);
    house.sees(t(30.0), &ended(&talk, t(30.0), Outcome::Answered));
    house.sees(t(40.0), &ended(&given_up, t(40.0), Outcome::Abandoned));
    assert_eq!(states(&house), [""; 0]);
}

#[test]
fn unanswered_calls_of_ours_are_attempts_each_once() {
    let mut house = House::new();
    missed(&mut house, "a", MOBILE, 0.0);
    for (id, at, outcome) in [("o", 60.0, Outcome::NoAnswer), ("p", 120.0, Outcome::Busy)] {
        let out = outbound(id, MOBILE, "1001", t(at));
        house.sees(t(at), &out);
        let out = ended(&out, t(at + 25.0), outcome);
        house.sees(t(at + 25.0), &out);
        house.sees(t(at + 26.0), &out);
    }
    house.crash();
    let again = ended(&outbound("p", MOBILE, "1001", t(120.0)), t(145.0), Outcome::Busy);
    house.sees(t(200.0), &again);
    assert_eq!(house.card(MOBILE).open_obligations[0].attempts, 2);
    assert_eq!(house.sql("SELECT count(*) FROM facts WHERE kind = 'attempt_made'"), ["2"]);
}

#[test]
fn what_was_not_seen_creates_no_debt_and_no_attempt() {
    let mut house = House::new();
    let unseen = |call: &Call, at: Time, outcome| Call { certain: false, ..ended(call, at, outcome) };
    let call = inbound("a", MOBILE, t(0.0));
    house.sees(t(9.0), &unseen(&call, t(9.0), Outcome::Failed));
    assert_eq!(states(&house), [""; 0]);
    assert!(house.ticket_of(&call).is_some(), "but it has its ticket");
    missed(&mut house, "b", MOBILE, 20.0);
    let out = outbound("o", MOBILE, "1001", t(60.0));
    house.sees(t(70.0), &unseen(&out, t(70.0), Outcome::Failed));
    assert_eq!(house.card(MOBILE).open_obligations[0].attempts, 0);
}

#[test]
fn who_was_seen_to_give_up_after_the_link_was_down_for_a_while_is_called_back() {
    let mut house = House::new();
    let call = Call { certain: false, ..inbound("a", MOBILE, t(0.0)) };
    house.sees(t(9.0), &ended(&call, t(9.0), Outcome::Abandoned));
    assert_eq!(states(&house), ["open"]);
}

#[test]
fn an_unseen_end_is_no_proof_but_a_talk_that_the_pbx_shows_is() {
    let mut house = House::new();
    missed(&mut house, "a", MOBILE, 0.0);
    let mut talk = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(61.0));
    talk.certain = false;
    house.sees(t(65.0), &talk);
    house.sees(t(300.0), &ended(&talk, t(300.0), Outcome::Answered));
    assert_eq!(states(&house), ["open"], "the talk may have ended at 66");
    let mut talk = talking(&outbound("p", MOBILE, "1001", t(400.0)), "1001", t(401.0));
    talk.certain = false;
    house.sees(t(411.0), &talk);
    assert_eq!(states(&house), ["kept"]);
}

#[test]
fn who_first_talked_owns_the_ticket_and_what_is_owed_on_it() {
    let mut house = House::new();
    let (ann, ben) = (house.person("ann", Role::Agent, Some("1001")), house.person("ben", Role::Agent, Some("1002")));
    let boss = house.person("boss", Role::Supervisor, None);
    let first = missed(&mut house, "a", MOBILE, 0.0);
    assert_eq!(house.page_of(&first).row.ticket.owner, None);
    let short = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(61.0));
    house.sees(t(61.0), &short);
    house.sees(t(64.0), &ended(&short, t(64.0), Outcome::Answered));
    let later = talking(&outbound("p", MOBILE, "1002", t(90.0)), "1002", t(91.0));
    house.sees(t(95.0), &ended(&later, t(95.0), Outcome::Answered));
    assert_eq!(house.page_of(&first).row.ticket.owner, Some(ann));
    assert_eq!(house.duties(ann)[0].owner, Some(ann));
    assert_eq!(house.duties(ben).len(), 0);
    house.until(t(3.0 * 24.0 * 3600.0));
    assert_eq!(told(&house, ann), [News::Reminder, News::Due]);
    assert_eq!(told(&house, boss), [News::Due, News::Escalated]);
    assert_eq!(told(&house, ben), []);
}

#[test]
fn two_customers_on_a_number_and_none_is_chosen() {
    let mut house = House::new();
    let jiang = house.customer("Jiang", false, &[MOBILE, OTHER]);
    house.customer("Feng", true, &[MOBILE]);
    let call = missed(&mut house, "a", MOBILE, 0.0);
    let page = house.page_of(&call);
    assert_eq!(page.row.ticket.customer, None);
    assert_eq!(page.customers.len(), 2);
    assert_eq!(house.card(MOBILE).open_obligations[0].due_at, Some(t(20.0 + 30.0 * MINUTE)), "nobody's class");
    let form = customer_form("Jiang", false, &[MOBILE, OTHER]);
    let ticket = house.ticket_of(&call);
    house.give(None, Command::SaveCustomer { customer: Some((jiang, 1)), ticket, form }).unwrap();
    assert_eq!(house.page_of(&call).row.ticket.customer, Some(jiang));
    let back = talking(&outbound("o", OTHER, "1001", t(100.0)), "1001", t(101.0));
    house.sees(t(120.0), &ended(&back, t(120.0), Outcome::Answered));
    assert_eq!(states(&house), ["kept"], "over the chosen customer's other number");
}

#[test]
fn saving_the_caller_as_a_customer_links_the_matter_and_what_is_owed() {
    let mut house = House::new();
    let call = missed(&mut house, "a", MOBILE, 0.0);
    let customer = house.customer("Shen", true, &[" +86 138-0013-8000 "]);
    assert_eq!(house.sql("SELECT number FROM customer_numbers"), [MOBILE]);
    let page = house.page_of(&call);
    assert_eq!(page.row.ticket.customer, Some(customer));
    assert_eq!(page.obligations[0].customer, Some(customer));
    assert_eq!(
        page.obligations[0].due_at,
        Some(t(20.0 + 10.0 * MINUTE)),
        "a key customer's window, from the same start"
    );
    house.until(t(20.0 + 8.0 * MINUTE));
    assert_eq!(rungs(&house), ["reminder"]);
}

#[test]
fn tickets_are_numbered_by_the_sites_day() {
    // 15:59:50 UTC is ten seconds before midnight in Shanghai.
    let evening = t(0.0) + TimeDelta::seconds(14 * 3600 - 10);
    let mut house = House::at(evening);
    for (id, seconds) in [("a", 0), ("b", 5), ("c", 10), ("d", 11)] {
        let at = evening + TimeDelta::seconds(seconds);
        house.sees(at, &call(id, Direction::Inbound, None, at));
    }
    assert_eq!(
        house.sql("SELECT number FROM tickets ORDER BY id"),
        ["20261124-0001", "20261124-0002", "20261125-0001", "20261125-0002"]
    );
}

#[test]
fn the_first_end_wins_and_older_states_change_nothing() {
    let mut house = House::new();
    let call = inbound("a", MOBILE, t(0.0));
    house.sees(t(0.0), &call);
    let over = ended(&call, t(20.0), Outcome::Abandoned);
    house.sees(t(20.0), &over);
    house.sees(t(21.0), &call);
    house.crash();
    house.sees(t(22.0), &over);
    let back = talking(&outbound("o", MOBILE, "1001", t(30.0)), "1001", t(31.0));
    house.sees(t(50.0), &ended(&back, t(50.0), Outcome::Answered));
    house.sees(t(60.0), &over);
    assert_eq!(states(&house), ["kept"], "what was kept is not owed again");
    assert_eq!(house.sql("SELECT ended_at_ms FROM calls WHERE id = 'a'"), [t(20.0).timestamp_millis().to_string()]);
    assert_eq!(house.sql("SELECT count(*) FROM tickets"), ["1"]);
}

#[test]
fn merged_calls_are_one_contact_with_one_ticket() {
    let mut house = House::new();
    let (one, two) = (inbound("a", MOBILE, t(0.0)), inbound("b", MOBILE, t(1.0)));
    house.sees(t(1.0), &one);
    house.input(Input::Merged { from: one.id.clone(), into: two.id.clone() });
    house.sees(t(2.0), &two);
    assert!(house.ticket_of(&two).is_some());
    assert_eq!(house.sql("SELECT count(*) FROM tickets"), ["1"]);
    assert_eq!(house.card(MOBILE).contacts_total, 1);
}

#[test]
fn calls_that_the_pbx_forgot_are_over_and_nothing_is_concluded() {
    let mut house = House::new();
    let (gone, up) = (inbound("a", MOBILE, t(0.0)), inbound("b", OTHER, t(0.0)));
    house.sees(t(0.0), &gone);
    house.sees(t(0.0), &up);
    house.crash();
    house.input(Input::Standing { pbx: "hq".into(), at: t(60.0), up: vec![up.id] });
    assert_eq!(house.sql("SELECT id FROM calls WHERE ended_at_ms IS NULL"), ["b"]);
    assert_eq!(house.sql("SELECT certain FROM calls WHERE id = 'a'"), ["0"]);
    assert_eq!(states(&house), [""; 0]);
}

/// All that the register form asks for once a complaint was looked into.
pub fn found(house: &mut House, by: PersonId, ticket: TicketId) {
    let words = |words: &str| words.to_owned();
    let findings = Findings {
        finding: Some(Finding::Justified),
        reason: words("The seal was missing."),
        cause: words("The line was set up wrongly."),
        party: words("assembly"),
        solution: words("It is exchanged."),
        loss_cents: Some(1_250),
    };
    let version = house.page(ticket).handling.version;
    house.give(Some(by), Command::Handle(ticket, Handle::Find { version, findings })).unwrap();
}

fn save(
    house: &mut House,
    by: crate::PersonId,
    call: &Call,
    version: i64,
    state: TicketState,
) -> Result<Done, Refusal> {
    let form = TicketForm {
        kind: Kind::Consultation,
        category: "delivery".into(),
        priority: Priority::Urgent,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: format!("by {by}"),
        course: String::new(),
        demand: String::new(),
        object: Object::default(),
    };
    let ticket = house.ticket_of(call).unwrap();
    house.give(Some(by), Command::SaveTicket { ticket, version, form, state })
}

#[test]
fn of_two_who_edit_the_second_is_told_and_nothing_is_lost() {
    let mut house = House::new();
    let (ann, ben) = (house.person("ann", Role::Agent, None), house.person("ben", Role::Agent, None));
    let call = missed(&mut house, "a", MOBILE, 0.0);
    let ticket = house.ticket_of(&call).unwrap();
    house.give(Some(ben), Command::KeepDraft { ticket, body: "course=half".into() }).unwrap();
    assert_eq!(save(&mut house, ann, &call, 1, TicketState::InProgress), Ok(Done::Version(2)));
    let refused = save(&mut house, ben, &call, 1, TicketState::InProgress);
    assert_eq!(refused, Err(Refusal::Changed { by: Some(ann), version: 2 }));
    let page = house.ask(house.reader.ticket(ticket, ben)).unwrap().unwrap();
    assert_eq!(page.row.ticket.summary, format!("by {ann}"));
    assert_eq!(page.draft.as_deref(), Some("course=half"));
    assert_eq!(save(&mut house, ben, &call, 2, TicketState::Closed), Ok(Done::Version(3)));
    let page = house.ask(house.reader.ticket(ticket, ben)).unwrap().unwrap();
    assert_eq!((page.draft, page.row.ticket.state), (None, TicketState::Closed));
}

#[test]
fn an_admin_wires_people_but_writes_no_tickets_and_an_agent_the_other_way_round() {
    let mut house = House::new();
    let (admin, ann) = (house.person("root", Role::Admin, None), house.person("ann", Role::Agent, None));
    let call = missed(&mut house, "a", MOBILE, 0.0);
    assert_eq!(save(&mut house, admin, &call, 1, TicketState::New), Err(Refusal::NotAllowed));
    let ignore = Command::IgnoreExtension { pbx: "hq".into(), extension: "8802".into() };
    assert_eq!(house.give(Some(ann), ignore.clone()), Err(Refusal::NotAllowed));
    assert_eq!(house.give(Some(admin), ignore), Ok(Done::Nothing));
    let name = "root".to_owned();
    let demoted = Command::ChangePerson { person: admin, name, role: Role::Agent, active: true };
    assert_eq!(house.give(Some(admin), demoted), Err(Refusal::NotAllowed), "the last admin stays");
    let (login, name, password_hash) = ("ANN".into(), "Ann".into(), "-".into());
    let twice = Command::AddPerson { login, name, role: Role::Agent, password_hash };
    assert_eq!(house.give(Some(admin), twice), Err(Refusal::LoginTaken));
}

#[test]
fn forms_are_checked_by_field() {
    let mut house = House::new();
    let form = customer_form(" ", false, &[]);
    let refused = house.give(None, Command::SaveCustomer { customer: None, ticket: None, form });
    assert_eq!(refused, Err(Refusal::Field { field: "name", why: FieldWhy::Missing }));
    let form = customer_form("Shen", false, &["no digits"]);
    let refused = house.give(None, Command::SaveCustomer { customer: None, ticket: None, form });
    assert_eq!(refused, Err(Refusal::Field { field: "numbers", why: FieldWhy::NotANumber }));
}

#[test]
fn a_new_matter_takes_its_call_along_and_what_is_owed_for_it() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let first = missed(&mut house, "a", MOBILE, 0.0);
    let second = missed(&mut house, "b", OTHER, 100.0);
    let old = house.ticket_of(&second).unwrap();
    let open = Command::OpenTicket {
        call: Some("b".into()),
        customer: None,
        number: None,
        kind: Kind::Consultation,
        channel: Channel::Phone,
    };
    let Ok(Done::Ticket(new)) = house.give(Some(ann), open) else { panic!("refused") };
    assert_ne!(old, new);
    let page = house.page(new);
    assert_eq!(page.row.ticket.caller, second.number);
    let kinds = |ticket| -> Vec<ClockKind> { house.page(ticket).obligations.iter().map(|row| row.kind).collect() };
    assert_eq!((page.calls.len(), kinds(new)), (1, vec![ClockKind::Resolution, ClockKind::MissedCall]));
    assert!(page.obligations.iter().all(|row| row.owner == Some(ann)));
    assert_eq!((house.page(old).calls.len(), kinds(old)), (0, vec![ClockKind::Resolution]), "it is a matter still");
    assert_eq!(house.page_of(&first).obligations.len(), 2, "another call's is not touched");
    // The call is told again after a restart, and stays where it was put.
    house.sees(t(200.0), &second);
    assert_eq!(house.ticket_of(&second), Some(new));
    assert_eq!(states(&house), ["open", "open"]);
}

#[test]
fn two_who_save_a_customer_notice_each_other() {
    let mut house = House::new();
    let (ann, ben) = (house.person("ann", Role::Agent, None), house.person("ben", Role::Agent, None));
    let jiang = house.customer("Jiang", false, &[MOBILE]);
    let save = |name: &str, version| {
        let form = customer_form(name, false, &[MOBILE]);
        Command::SaveCustomer { customer: Some((jiang, version)), ticket: None, form }
    };
    house.give(Some(ann), save("Jiang Wei", 1)).unwrap();
    let refused = house.give(Some(ben), save("Jiang Hua", 1));
    assert_eq!(refused, Err(Refusal::Changed { by: Some(ann), version: 2 }));
    assert_eq!(house.card(MOBILE).customers[0].name, "Jiang Wei");
    house.give(Some(ben), save("Jiang Hua", 2)).unwrap();
    assert_eq!(house.card(MOBILE).customers[0].name, "Jiang Hua");
}

#[test]
fn a_session_ends_when_it_is_left_alone_and_in_any_case_after_a_shift() {
    let mut house = House::new();
    let person = house.person("ann", Role::Agent, None);
    let session = SessionHash([7; 32]);
    house.give(None, Command::SignIn { session, person, user_agent: String::new() }).unwrap();
    let hour = 60.0 * MINUTE;
    let at = |house: &mut House, seconds: f64| {
        house.until(t(seconds));
        house.ask(house.reader.session(session, t(seconds))).unwrap().map(|session| session.to_renew)
    };
    assert_eq!(at(&mut house, 60.0), Some(false), "no write for each page");
    assert_eq!(at(&mut house, 6.0 * MINUTE), Some(true));
    assert_eq!(at(&mut house, 7.0 * hour), Some(true));
    house.give(Some(person), Command::KeepSession { session }).unwrap();
    assert_eq!(at(&mut house, 7.0 * hour), Some(false));
    assert_eq!(at(&mut house, 11.9 * hour), Some(false), "its end cannot be put off any more");
    assert_eq!(at(&mut house, 12.0 * hour), None, "however busy");
    assert_eq!(house.give(Some(person), Command::KeepSession { session }), Err(Refusal::NotAllowed));

    let idle = SessionHash([8; 32]);
    house.give(None, Command::SignIn { session: idle, person, user_agent: String::new() }).unwrap();
    assert!(house.ask(house.reader.session(idle, t(19.9 * hour))).unwrap().is_some());
    assert!(house.ask(house.reader.session(idle, t(20.0 * hour))).unwrap().is_none());
}
