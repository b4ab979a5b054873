//! Who may do what in a matter: each role, each relation to it, each command.

use super::super::looks::{Look, Whose};
use super::super::media::Media;
use super::super::ownership::{Hand, Part, Receiver};
use super::super::papers::{File, Paper, Tie};
use super::super::policy::Responsible;
use super::super::rights::{Act, Relation};
use super::*;
use crate::desk::command::{CustomerForm, Owed, Step};
use crate::{CallId, DepartmentName, ObligationId, PersonId, TicketId};

const HOUR: f64 = 60.0 * MINUTE;

/// What each may, by what they are to the matter. Supervisors all, admins nothing.
const AGENT: [(Relation, &str); 6] = [
    (Relation::Own, "see write note step file call work hand"),
    (Relation::Department, "see write note step file call work hand"),
    (Relation::Talked, "see write note step call work"),
    (Relation::Invited, "see note call"),
    (Relation::Nobodys, "see write note step call work hand"),
    (Relation::Others, ""),
];
const MANAGER: &str = "see call work waive reclass";

fn may(role: Role, relation: Relation, act: Act) -> bool {
    let is_in = |acts: &str| acts.split(' ').any(|word| word == act.as_str());
    let (_, of_agents) = AGENT.iter().find(|(of, _)| *of == relation).expect("a row");
    match role {
        Role::Agent => is_in(of_agents),
        Role::Handler => relation != Relation::Nobodys && is_in(of_agents),
        Role::Supervisor => true,
        Role::Manager => is_in(MANAGER),
        Role::Admin => false,
    }
}

/// A matter, and somebody who is that to it.
struct Matter {
    house: House,
    who: PersonId,
    boss: PersonId,
    ann: PersonId,
    ticket: TicketId,
    owed: ObligationId,
    call: CallId,
}

fn quality() -> DepartmentName {
    "品质部".into()
}

fn form(kind: Kind) -> TicketForm {
    TicketForm {
        kind,
        category: String::new(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: "torn".into(),
        course: String::new(),
        demand: String::new(),
        object: Object::default(),
    }
}

/// None where nobody in that role can be that.
fn matter(role: Role, relation: Relation) -> Option<Matter> {
    let mut policy = policy();
    policy.terms.departments.insert(quality(), "site".into());
    policy.terms.responsibility =
        vec![Responsible { kind: Some(Kind::Complaint), category: None, department: quality() }];
    let mut house = House::under(policy, t(-1.0));
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let boss = house.person("boss", Role::Supervisor, None);
    let who = house.person("who", role, Some("1002"));
    let call = inbound("first", MOBILE, t(0.0));
    let call = match relation {
        Relation::Nobodys => ended(&call, t(20.0), Outcome::Abandoned),
        _ => ended(&talking(&call, "1001", t(1.0)), t(60.0), Outcome::Answered),
    };
    house.sees(t(60.0), &call);
    let ticket = house.ticket_of(&call).unwrap();
    let works = matches!(role, Role::Agent | Role::Handler | Role::Supervisor);
    match relation {
        Relation::Own => {
            let to = Receiver::Person(who);
            let assign = Command::Hand(ticket, Hand::Assign { part: Part::Matter, to, words: String::new() });
            assert_eq!(house.give(Some(boss), assign).is_ok(), works);
            works.then_some(())?;
        }
        Relation::Department => {
            let others = [who].into();
            let set = Command::SetDepartment { department: quality(), responsible: None, deputy: None, others };
            assert_eq!(house.give(Some(boss), set).is_ok(), works);
            works.then_some(())?;
            let (form, state) = (form(Kind::Complaint), TicketState::InProgress);
            house.give(Some(ann), Command::SaveTicket { ticket, version: 1, form, state }).unwrap();
        }
        Relation::Talked => {
            let again = talking(&inbound("again", MOBILE, t(100.0)), "1002", t(101.0));
            house.sees(t(130.0), &ended(&again, t(130.0), Outcome::Answered));
            assert_eq!(house.ticket_of(&again), Some(ticket));
        }
        Relation::Invited => {
            let form = CustomerForm { manager: Some(who), ..customer_form("Shen", true, &[MOBILE]) };
            let save = Command::SaveCustomer { customer: None, ticket: Some(ticket), form };
            assert_eq!(house.give(Some(boss), save).is_ok(), role != Role::Admin);
            (role != Role::Admin).then_some(())?;
        }
        Relation::Nobodys | Relation::Others => {}
    }
    let open = house.page(ticket).obligations;
    let owed = open.iter().find(|row| row.state == ObligationState::Open).expect("something is owed").id;
    Some(Matter { house, who, boss, ann, ticket, owed, call: call.id })
}

/// Each in an order in which what is allowed hinders none of the rest.
fn commands(matter: &Matter) -> Vec<(Act, Command)> {
    let &Matter { ticket, owed, boss, .. } = matter;
    let row = matter.house.page(ticket).row.ticket;
    let file = File { name: "a.txt".into(), media: Media::Text, bytes: 1, sha256: "0".repeat(64) };
    let dial = |obligation, ticket| Command::Dial { number: String::new(), obligation, ticket };
    let reason = || "why".to_owned();
    let save =
        Command::SaveTicket { ticket, version: row.version, form: form(row.kind), state: TicketState::InProgress };
    let known = CustomerForm { name: "Li".into(), ..CustomerForm::default() };
    let move_on = Command::OpenTicket {
        call: Some(matter.call.clone()),
        customer: None,
        number: None,
        kind: Kind::Other,
        channel: Channel::Phone,
    };
    let to = Receiver::Person(boss);
    vec![
        (Act::See, Command::Look(Look::Evidence { ticket, sha256: String::new(), masked: true })),
        (Act::See, Command::Look(Look::Numbers { of: Whose::Ticket(ticket) })),
        (Act::See, Command::Look(Look::Numbers { of: Whose::Call(matter.call.clone()) })),
        (Act::Note, Command::Paper(ticket, Paper::Comment { words: "seen".into() })),
        (Act::Note, Command::Paper(ticket, Paper::Attach { file })),
        (Act::Note, Command::Paper(ticket, Paper::Untie { how: Tie::Related, other: ticket })),
        (Act::Write, Command::KeepDraft { ticket, body: "summary=x".into() }),
        (Act::Call, dial(None, Some(ticket))),
        (Act::Call, dial(Some(owed), None)),
        (Act::Work, Command::Owed(owed, Owed::Claim)),
        (Act::Work, Command::Owed(owed, Owed::Suspend { reason: reason() })),
        (Act::Work, Command::Owed(owed, Owed::Resume)),
        (Act::Work, Command::Owed(owed, Owed::Release)),
        (Act::Waive, Command::Owed(owed, Owed::Waive { reason: reason() })),
        (Act::Step, Command::Matter(ticket, Step::Promise { at: t(9.0 * HOUR) })),
        (Act::File, Command::Matter(ticket, Step::Filed { words: "mended".into() })),
        (Act::Write, save),
        (Act::Reclass, Command::Handle(ticket, Handle::Reclass { kind: Kind::Other, why: reason() })),
        (Act::Write, Command::SaveCustomer { customer: None, ticket: Some(ticket), form: known }),
        (Act::Assign, Command::Hand(ticket, Hand::Assign { part: Part::Work, to, words: String::new() })),
        (Act::Hand, Command::Hand(ticket, Hand::Take { part: Part::Work })),
        (Act::Write, move_on),
    ]
}

/// What is refused for what somebody is, and not for how things stand.
fn is_right(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotAllowed | Refusal::NoSuchTicket | Refusal::NoSuchObligation | Refusal::NoSuchCall)
}

#[test]
fn each_role_may_in_each_matter_what_the_table_says_and_nothing_else() {
    let mut tried = 0;
    for &role in Role::ALL {
        for &relation in Relation::ALL {
            let Some(mut matter) = matter(role, relation) else { continue };
            let sees = may(role, relation, Act::See);
            for (act, command) in commands(&matter) {
                let what = format!("{role:?}, {relation:?}: {command:?}");
                let before = matter.house.sql("SELECT count(*) FROM facts");
                let outcome = matter.house.give(Some(matter.who), command);
                tried += 1;
                match (outcome, may(role, relation, act)) {
                    (Ok(_), true) => {}
                    (Err(refusal), true) => assert!(!is_right(&refusal), "{what}: {refusal:?}"),
                    (outcome, false) => {
                        let refusal = outcome.expect_err(&what);
                        let is_hidden = !sees && role != Role::Admin;
                        let is_told = refusal == Refusal::NotAllowed;
                        assert!(is_right(&refusal) && is_told != is_hidden, "{what}: {refusal:?}");
                        assert_eq!(matter.house.sql("SELECT count(*) FROM facts"), before, "{what}");
                    }
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn who_talked_writes_for_a_day() {
    let mut matter = matter(Role::Agent, Relation::Talked).expect("an agent");
    let note = |words: &str| Command::Paper(matter.ticket, Paper::Comment { words: words.into() });
    let (first, second) = (note("will call back"), note("too late"));
    matter.house.until(t(23.0 * HOUR));
    matter.house.give(Some(matter.who), first).unwrap();
    matter.house.until(t(25.0 * HOUR));
    assert_eq!(matter.house.give(Some(matter.who), second), Err(Refusal::NoSuchTicket));
}

#[test]
fn whoever_is_on_the_phone_says_what_the_call_is_about() {
    let mut matter = matter(Role::Agent, Relation::Others).expect("an agent");
    let open = |call: &str| {
        let (kind, channel) = (Kind::Other, Channel::Phone);
        Command::OpenTicket { call: Some(call.into()), customer: None, number: None, kind, channel }
    };
    assert_eq!(matter.house.give(Some(matter.who), open("first")), Err(Refusal::NoSuchCall), "it is Ann's, and over");
    matter.house.sees(t(200.0), &talking(&inbound("next", MOBILE, t(190.0)), "1002", t(195.0)));
    assert!(
        matches!(matter.house.give(Some(matter.who), open("next")), Ok(Done::Ticket(ticket)) if ticket != matter.ticket)
    );
    let numbers = |call: &str| Command::Look(Look::Numbers { of: Whose::Call(call.into()) });
    matter.house.give(Some(matter.who), numbers("next")).expect("who calls them");
    assert_eq!(matter.house.give(Some(matter.who), numbers("first")), Err(Refusal::NoSuchCall));
    matter.house.give(Some(matter.ann), numbers("first")).expect("it is hers");
}

#[test]
fn a_deputy_may_what_who_is_away_may_until_they_are_back() {
    let mut matter = matter(Role::Agent, Relation::Others).expect("an agent");
    let note = || Command::Paper(matter.ticket, Paper::Comment { words: "seen".into() });
    let away = |away| Command::SetAway { person: matter.ann, away, deputy: Some(matter.who) };
    matter.house.give(Some(matter.ann), away(true)).unwrap();
    matter.house.give(Some(matter.who), note()).unwrap();
    matter.house.give(Some(matter.ann), away(false)).unwrap();
    assert_eq!(matter.house.give(Some(matter.who), note()), Err(Refusal::NoSuchTicket));
}

#[test]
fn nobody_reaches_a_matter_through_another() {
    let mut matter = matter(Role::Agent, Relation::Others).expect("an agent");
    let own = Command::OpenTicket {
        call: None,
        customer: None,
        number: Some(OTHER.into()),
        kind: Kind::Other,
        channel: Channel::Email,
    };
    let Ok(Done::Ticket(own)) = matter.house.give(Some(matter.who), own) else { panic!("no ticket") };
    let tie = |other| Command::Paper(own, Paper::Tie { how: Tie::Related, other });
    assert_eq!(matter.house.give(Some(matter.who), tie(matter.ticket)), Err(Refusal::NoSuchTicket));
    let (obligation, ticket) = (Some(matter.owed), Some(own));
    let dial = Command::Dial { number: String::new(), obligation, ticket };
    assert_eq!(matter.house.give(Some(matter.who), dial.clone()), Err(Refusal::NoSuchObligation));
    assert_eq!(matter.house.give(Some(matter.boss), dial), Err(Refusal::NoSuchObligation), "it is of no such matter");
    let forgets = Command::KeepDraft { ticket: matter.ticket, body: String::new() };
    matter.house.give(Some(matter.who), forgets).expect("what one has typed can be forgotten");
}

#[test]
fn all_customers_are_taken_away_by_who_leads_and_whole_by_who_sees_numbers() {
    let mut policy = policy();
    policy.terms.rights.mask_numbers_for = [Role::Agent, Role::Supervisor].into();
    let mut house = House::under(policy, t(0.0));
    for &role in Role::ALL {
        let who = house.person(role.as_str(), role, None);
        for masked in [true, false] {
            let taken = house.give(Some(who), Command::Look(Look::Customers { masked }));
            let may = role == Role::Manager || (role == Role::Supervisor && masked);
            assert_eq!(taken.is_ok(), may, "{role:?}, masked: {masked}: {taken:?}");
        }
    }
    house.give(None, Command::Look(Look::Customers { masked: false })).expect("the command line is the house's owner");
    let kept =
        house.sql("SELECT coalesce(by_person, 0) || body FROM facts WHERE kind = 'customers_exported' ORDER BY seq");
    assert_eq!(kept.len(), 4, "{kept:?}");
}
