//! Scripts in virtual time on a real store, and another policy tried on what came of them.

use std::sync::Arc;

use super::*;
use crate::Role;
use crate::calls::call::{Call, Outcome as CallOutcome};
use crate::desk::clock::ClockKind;
use crate::desk::command::{Command, Done, Owed as OnOwed};
use crate::desk::policy::Terms;
use crate::engine::Input;
use crate::engine::house::*;
use crate::store;

const MOBILE: &str = "+8613800138000";

/// By a policy of that text, from the tests' first day on.
fn rehearse(house: &House, text: &str, from: f64, to: f64) -> Report {
    let terms = Terms::read(text, &policy()).expect(text);
    let tried = policy().with(9, terms);
    let mut rehearsal = Rehearsal::new(&tried, t(from));
    let known = store::past(&house.dir.path().join("data"), &policy(), t(to), |happened| rehearsal.observe(happened));
    rehearsal.end(known.expect("facts").until)
}

const ALWAYS: f64 = 1e9;

fn missed(house: &mut House, id: &str, from: f64) -> Call {
    let call = ended(&inbound(id, MOBILE, t(from)), t(from), CallOutcome::Abandoned);
    house.sees(t(from), &call);
    call
}

fn called_back(house: &mut House, id: &str, from: f64) {
    let back = talking(&outbound(id, MOBILE, "1001", t(from)), "1001", t(from));
    house.sees(t(from), &back);
    house.sees(t(from + 20.0), &ended(&back, t(from + 20.0), CallOutcome::Answered));
}

/// `rung@minute told+told`, by the tests' clock.
fn rungs(firings: &[Firing]) -> Vec<String> {
    let told = |firing: &Firing| {
        let name = |told: &super::super::Addressee| {
            let instead = told.instead_of.iter().map(|person| format!("<{person}")).collect::<String>();
            format!("{}{instead}", told.person)
        };
        firing.told.iter().map(name).collect::<Vec<_>>().join("+")
    };
    let minute = |firing: &Firing| (firing.planned_at - t(0.0)).num_minutes();
    firings.iter().map(|f| format!("{}@{} {}", f.rung.as_str(), minute(f), told(f))).collect()
}

fn only(report: &Report, kind: ClockKind) -> &Tale {
    let mut of_kind = report.tales.iter().filter(|tale| tale.kind == kind);
    let only = of_kind.next().expect("a tale");
    assert!(of_kind.next().is_none(), "{:#?}", report.tales);
    only
}

fn none(report: &Report) {
    let all: Vec<&Tale> = report.differences().collect();
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn a_tighter_window_shows_exactly_the_rungs_that_it_would_have_fired() {
    let mut house = House::under(callbacks_alone(), t(0.0));
    let boss = house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", 0.0);
    called_back(&mut house, "b", 25.0 * MINUTE);
    house.until(t(3.0 * 3600.0));
    let same = house.sql("SELECT text FROM policies WHERE version = 0").remove(0);
    none(&rehearse(&house, &same, 0.0, ALWAYS));

    let ten = same.replace("within = \"30m\"", "within = \"10m\"");
    let report = rehearse(&house, &ten, 0.0, ALWAYS);
    let tale = only(&report, ClockKind::MissedCall);
    assert_eq!(rungs(&tale.was.rungs), [format!("reminder@24 {boss}")]);
    assert_eq!(rungs(&tale.would.rungs), [format!("reminder@8 {boss}"), format!("due@10 {boss}")]);
    assert_eq!((tale.was.outcome, tale.would.outcome), (Outcome::KeptInTime, Outcome::KeptLate));
    let summary = report.summary();
    let (was, would) = &summary[&ClockKind::MissedCall];
    assert_eq!((was.of(Outcome::KeptInTime), would.of(Outcome::KeptInTime)), (1, 0));
    assert_eq!((was.rungs[&Rung::Reminder], would.rungs[&Rung::Due]), (1, 1));

    // Only what falls into the period is told, and what came after it is not known.
    let late = rehearse(&house, &ten, 9.0 * MINUTE, 20.0 * MINUTE);
    let tale = only(&late, ClockKind::MissedCall);
    assert_eq!((rungs(&tale.was.rungs), rungs(&tale.would.rungs)), (vec![], vec![format!("due@10 {boss}")]));
    assert_eq!((tale.was.outcome, tale.would.outcome), (Outcome::Open, Outcome::OpenOverdue));
    assert!(rehearse(&house, &ten, 26.0 * MINUTE, ALWAYS).tales.is_empty(), "it had ended before");
}

#[test]
fn pauses_waivers_and_absences_count_as_they_were() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let chief = house.person("chief", Role::Manager, None);
    missed(&mut house, "a", 0.0);
    called_back(&mut house, "b", MINUTE);
    // Two hours for the solution; it rests from the first to the third, and the owner is away from then on.
    let of_solution = "SELECT id FROM obligations WHERE kind = 'resolution'";
    let solution = ObligationId(house.sql(of_solution)[0].parse().unwrap());
    let say = |house: &mut House, by, owed| house.give(Some(by), Command::Owed(solution, owed)).unwrap();
    house.until(t(3600.0));
    say(&mut house, ann, OnOwed::Suspend { reason: "waits".into() });
    house.until(t(3.0 * 3600.0));
    say(&mut house, ann, OnOwed::Resume);
    house.give(Some(ann), Command::SetAway { person: ann, away: true, deputy: Some(chief) }).unwrap();
    house.until(t(230.0 * MINUTE));
    say(&mut house, boss, OnOwed::Waive { reason: "enough".into() });
    house.until(t(9.0 * 3600.0));
    let same = house.sql("SELECT text FROM policies WHERE version = 0").remove(0);
    none(&rehearse(&house, &same, 0.0, ALWAYS));

    let tighter = same.replace("complexity = \"simple\", within = \"2h\"", "complexity = \"simple\", within = \"75m\"");
    assert_ne!(tighter, same);
    let report =
        rehearse(&house, &tighter.replace("due = [\"owner\", \"supervisor\"]", "due = [\"manager\"]"), 0.0, ALWAYS);
    let tale = only(&report, ClockKind::Resolution);
    assert_eq!(rungs(&tale.was.rungs), [format!("reminder@216 {chief}<{ann}")]);
    // 80 of a hundred of 75 minutes are the first hour; the last quarter of an hour is the fourth's.
    assert_eq!(rungs(&tale.would.rungs), [format!("reminder@60 {ann}"), format!("due@195 {chief}")]);
    assert_eq!((tale.was.outcome, tale.would.outcome), (Outcome::EndedOtherwise, Outcome::EndedOtherwise));
    // Where it may not rest, the two hours are over at noon.
    let without = same.replacen("may_pause = true", "may_pause = false", 1);
    assert_ne!(without, same);
    let report = rehearse(&house, &without, 0.0, ALWAYS);
    let tale = only(&report, ClockKind::Resolution);
    assert_eq!(rungs(&tale.would.rungs), [format!("reminder@96 {ann}"), format!("due@120 {boss}+{ann}")]);
}

#[test]
fn a_clock_that_would_not_have_run_owes_nothing_and_nobody_would_have_heard() {
    let mut house = House::new();
    house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", 0.0);
    house.until(t(3.0 * 3600.0));
    let report = rehearse(&house, "[clock.resolution]\nkinds = [\"complaint\"]\n", 0.0, ALWAYS);
    let tale = only(&report, ClockKind::Resolution);
    assert_eq!((tale.was.rungs.len(), tale.would.rungs.len(), tale.would.outcome), (2, 0, Outcome::NotOwed));
    assert!(!only(&report, ClockKind::MissedCall).differs());
}

#[test]
fn what_fired_late_for_an_absence_of_the_daemon_is_no_difference() {
    let mut house = House::new();
    house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", 0.0);
    house.until(t(10.0 * MINUTE));
    house.crash();
    // Down over both rungs; who works here is another when it is back.
    house.now = t(40.0 * MINUTE);
    let at = house.now;
    let another = inbound("n", "+8613900139000", at);
    house.input(Input::Calls { at, calls: vec![Arc::new(another)] });
    house.person("other", Role::Supervisor, None);
    called_back(&mut house, "b", 41.0 * MINUTE);
    house.until(t(26.0 * 3600.0));
    assert_eq!(house.sql("SELECT count(*) FROM rungs WHERE late = 1"), ["2"]);
    none(&rehearse(&house, "", 0.0, ALWAYS));
}

#[test]
fn each_moment_goes_by_the_class_and_the_form_that_were_known_then() {
    let mut house = House::under(callbacks_alone(), t(0.0));
    let boss = house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", 0.0);
    // A key customer from the ninth minute on: ten minutes instead of thirty.
    house.until(t(9.0 * MINUTE));
    let saved = house.give(
        Some(boss),
        Command::SaveCustomer { customer: None, ticket: None, form: customer_form("Shen", true, &[MOBILE]) },
    );
    assert!(matches!(saved, Ok(Done::Customer(_))));
    house.until(t(2.0 * 3600.0));
    house.turn();
    let same = house.sql("SELECT text FROM policies WHERE version = 0").remove(0);
    none(&rehearse(&house, &same, 0.0, ALWAYS));
    let report = rehearse(&house, &same.replace("within = \"10m\"", "within = \"20m\""), 0.0, ALWAYS);
    let tale = only(&report, ClockKind::MissedCall);
    assert_eq!(rungs(&tale.was.rungs), [format!("reminder@8 {boss}"), format!("due@10 {boss}")]);
    assert_eq!(rungs(&tale.would.rungs), [format!("reminder@16 {boss}"), format!("due@20 {boss}")]);
}

fn spoken(house: &mut House, id: &str, from: f64, seconds: f64) {
    let call = talking(&outbound(id, MOBILE, "1001", t(from)), "1001", t(from));
    house.sees(t(from), &call);
    house.sees(t(from + seconds), &ended(&call, t(from + seconds), CallOutcome::Answered));
}

/// How it ended, and at which second of the tests' clock.
fn end(side: &Sided) -> Option<(ObligationState, i64)> {
    side.ended.map(|ended| (ended.state, (ended.at - t(0.0)).num_seconds()))
}

#[test]
fn a_longer_talk_proves_later_and_a_shorter_one_sooner() {
    let mut house = House::under(callbacks_alone(), t(0.0));
    let boss = house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", 0.0);
    spoken(&mut house, "b", 5.0 * MINUTE, 7.0);
    spoken(&mut house, "c", 10.0 * MINUTE, 12.0);
    spoken(&mut house, "d", 28.0 * MINUTE, 50.0);
    house.until(t(3.0 * 3600.0));
    house.person("late", Role::Agent, None);
    let tried = |talk: &str| {
        let same = house.sql("SELECT text FROM policies WHERE version = 0").remove(0);
        let report = rehearse(&house, &same.replace("talk = \"10s\"", &format!("talk = \"{talk}\"")), 0.0, ALWAYS);
        only(&report, ClockKind::MissedCall).clone()
    };
    let same = tried("10s");
    assert!(!same.differs());
    assert_eq!(end(&same.would), Some((ObligationState::Kept, 612)));
    let longer = tried("30s");
    assert_eq!(end(&longer.was), Some((ObligationState::Kept, 612)));
    assert_eq!(end(&longer.would), Some((ObligationState::Kept, 28 * 60 + 30)), "as soon as it is so long");
    assert_eq!(rungs(&longer.would.rungs), [format!("reminder@24 {boss}")]);
    assert_eq!(end(&tried("5s").would), Some((ObligationState::Kept, 305)));
    let never = tried("1m");
    assert_eq!((end(&never.would), never.would.outcome), (None, Outcome::OpenOverdue));
    assert_eq!(rungs(&never.would.rungs), [format!("reminder@24 {boss}"), format!("due@30 {boss}")]);
}

#[test]
fn who_is_called_in_vain_would_have_been_given_up_earlier_or_not_at_all() {
    let mut house = House::under(callbacks_alone(), t(0.0));
    house.person("boss", Role::Supervisor, None);
    missed(&mut house, "a", 0.0);
    const DAY: f64 = 24.0 * 3600.0;
    for (nth, at) in [MINUTE, 2.0 * MINUTE, DAY, DAY + 60.0].into_iter().enumerate() {
        let call = outbound(&format!("b{nth}"), MOBILE, "1001", t(at));
        house.sees(t(at), &call);
        house.sees(t(at + 20.0), &ended(&call, t(at + 20.0), CallOutcome::NoAnswer));
    }
    house.until(t(3.0 * DAY));
    house.person("late", Role::Agent, None);
    let tried = |text: &str| {
        let alone = format!("[clock.resolution]\nkinds = []\n[callback]\n{text}");
        only(&rehearse(&house, &alone, 0.0, ALWAYS), ClockKind::MissedCall).clone()
    };
    let unreachable = |at: f64| Some((ObligationState::Unreachable, at as i64 + 20));
    assert!(!tried("").differs());
    assert_eq!(end(&tried("").would), unreachable(DAY));
    assert_eq!(end(&tried("days = 1\nattempts = 2\n").would), unreachable(2.0 * MINUTE));
    assert_eq!(end(&tried("attempts = 4\n").would), unreachable(DAY + 60.0));
    assert_eq!(end(&tried("attempts = 5\n").would), None);
}

#[test]
fn what_would_have_been_owed_beside_is_told_with_its_rungs() {
    let mut house = House::under(callbacks_alone(), t(0.0));
    let boss = house.person("boss", Role::Supervisor, None);
    let call = talking(&inbound("a", MOBILE, t(0.0)), "1001", t(0.0));
    house.sees(t(0.0), &call);
    house.sees(t(60.0), &ended(&call, t(60.0), CallOutcome::Answered));
    let page = house.page_of(&call).row.ticket;
    house.until(t(3.0 * 3600.0));
    let form = crate::desk::command::TicketForm {
        kind: page.kind,
        category: String::new(),
        priority: page.priority,
        complexity: page.complexity,
        channel: page.channel,
        summary: String::new(),
        course: String::new(),
        demand: String::new(),
        object: page.object.clone(),
    };
    let state = TicketState::Closed;
    let save = Command::SaveTicket { ticket: page.id, version: page.version, form, state };
    house.give(Some(boss), save).unwrap();
    house.until(t(4.0 * 3600.0));
    assert_eq!(house.sql("SELECT count(*) FROM obligations"), ["0"]);
    let report = rehearse(&house, "[spot_check]\npercent = 100\n", 0.0, ALWAYS);
    let solution = only(&report, ClockKind::Resolution);
    assert_eq!((solution.obligation, solution.was.outcome), (None, Outcome::NotOwed));
    assert_eq!(rungs(&solution.would.rungs), [format!("reminder@96 {boss}"), format!("due@120 {boss}")]);
    assert_eq!(end(&solution.would), Some((ObligationState::Kept, 3 * 3600)));
    let check = only(&report, ClockKind::SpotCheck);
    assert_eq!((check.obligation, check.would.outcome), (None, Outcome::Open));
    assert_eq!(report.differences().count(), 2);
    none(&rehearse(&house, "[clock.resolution]\nkinds = []\n", 0.0, ALWAYS));
}
