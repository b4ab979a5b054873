//! Customers: what they are to the site, and who hears of their complaints.

use super::*;
use crate::desk::command::CustomerForm;
use crate::desk::policy::{Policy, Terms};
use crate::{CustomerId, PersonId, TicketId};

/// A site with a class of its own, whose people are called back sooner.
fn classed() -> Policy {
    let policy = policy();
    let text = "[customers]\nclasses = [\"gold\"]\n\
                [clock.missed_call]\nexcept = [{ class = \"gold\", within = \"5m\" }, { key_customer = true, within = \"10m\" }]\n";
    policy.with(0, Terms::read(text, &policy).unwrap())
}

fn saved(house: &mut House, customer: CustomerId, version: i64, form: CustomerForm) -> Result<Done, Refusal> {
    house.give(None, Command::SaveCustomer { customer: Some((customer, version)), ticket: None, form })
}

fn opened(house: &mut House, by: PersonId, customer: Option<CustomerId>, number: Option<&str>, kind: Kind) -> TicketId {
    let number = number.map(str::to_owned);
    let command = Command::OpenTicket { call: None, customer, number, kind, channel: Channel::Email };
    let Ok(Done::Ticket(ticket)) = house.give(Some(by), command) else { panic!("no ticket") };
    ticket
}

fn becomes(house: &mut House, by: PersonId, ticket: TicketId, version: i64, kind: Kind) {
    let form = TicketForm {
        kind,
        category: String::new(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Email,
        summary: String::new(),
        course: String::new(),
        demand: String::new(),
    };
    let save = Command::SaveTicket { ticket, version, form, state: TicketState::InProgress };
    house.give(Some(by), save).unwrap();
}

/// Which complaints somebody was told of, in order.
fn complaints(house: &mut House, person: PersonId) -> Vec<TicketId> {
    house.settle();
    let told = house.ask(house.reader.told(person, crate::MessageId(0))).unwrap();
    let told = told.into_iter().flat_map(|message| message.tellings);
    let complaints = told.filter(|telling| telling.news == News::Complaint);
    let ticket = |about: About| match about {
        About::Matter(ticket) => ticket,
        About::Owed(_) => panic!("a complaint is a matter"),
    };
    complaints.map(|telling| ticket(telling.about)).collect()
}

#[test]
fn a_clock_may_go_by_the_customers_class_and_is_reckoned_anew_when_that_changes() {
    let mut house = House::under(classed(), t(0.0));
    let form = CustomerForm { class: "gold".into(), ..customer_form("Shen", true, &[MOBILE]) };
    let customer = house.customer("Shen", true, &[MOBILE]);
    missed(&mut house, "a", MOBILE, 0.0);
    let due = |house: &House| house.card(MOBILE).open_obligations[0].due_at;
    assert_eq!(due(&house), Some(t(20.0 + 10.0 * MINUTE)));
    saved(&mut house, customer, 1, form.clone()).unwrap();
    assert_eq!(due(&house), Some(t(20.0 + 5.0 * MINUTE)));
    house.crash();
    let plain = CustomerForm { class: String::new(), key_customer: false, ..form };
    saved(&mut house, customer, 2, plain).unwrap();
    assert_eq!(due(&house), Some(t(20.0 + 30.0 * MINUTE)));
}

#[test]
fn a_class_is_one_of_the_sites_and_who_has_an_older_word_keeps_it() {
    let mut house = House::under(classed(), t(0.0));
    let customer = house.customer("Shen", false, &[MOBILE]);
    let form = |class: &str| CustomerForm { class: class.into(), ..customer_form("Shen", false, &[MOBILE]) };
    let unknown = Err(Refusal::Field { field: "class", why: FieldWhy::Unknown });
    assert_eq!(saved(&mut house, customer, 1, form("silver")), unknown);
    saved(&mut house, customer, 1, form("gold")).unwrap();
    house
        .give(None, Command::SetPolicy { version: None, text: "[customers]\nclasses = [\"silver\"]\n".into() })
        .unwrap();
    saved(&mut house, customer, 2, form("gold")).unwrap();
    saved(&mut house, customer, 3, form("silver")).unwrap();
    assert_eq!(saved(&mut house, customer, 4, form("gold")), unknown);
}

#[test]
fn who_looks_after_a_key_customer_hears_of_each_complaint_once() {
    let mut house = House::new();
    let (ann, may) = (house.person("ann", Role::Agent, None), house.person("may", Role::Agent, None));
    let looked_after = |key| CustomerForm { manager: Some(may), ..customer_form("Shen", key, &[MOBILE]) };
    let customer = house.customer("Shen", true, &[MOBILE]);
    saved(&mut house, customer, 1, looked_after(true)).unwrap();

    let opened_so = opened(&mut house, ann, Some(customer), None, Kind::Complaint);
    let becomes_one = opened(&mut house, ann, Some(customer), None, Kind::Consultation);
    assert_eq!(complaints(&mut house, may), [opened_so]);
    becomes(&mut house, ann, becomes_one, 1, Kind::Complaint);
    becomes(&mut house, ann, becomes_one, 2, Kind::Other);
    house.crash();
    becomes(&mut house, ann, becomes_one, 3, Kind::Complaint);
    assert_eq!(complaints(&mut house, may), [opened_so, becomes_one]);

    // Theirs once it is known whose number it is.
    let by_number = opened(&mut house, ann, None, Some(OTHER), Kind::Complaint);
    let with_both = CustomerForm { numbers: vec![MOBILE.into(), OTHER.into()], ..looked_after(true) };
    saved(&mut house, customer, 2, with_both.clone()).unwrap();
    assert_eq!(complaints(&mut house, may), [opened_so, becomes_one, by_number]);

    // No key customer any more; and then one with somebody else, who hears of what is open.
    saved(&mut house, customer, 3, CustomerForm { key_customer: false, ..with_both.clone() }).unwrap();
    opened(&mut house, ann, Some(customer), None, Kind::Complaint);
    assert_eq!(complaints(&mut house, may).len(), 3);
    let boss = house.person("boss", Role::Supervisor, None);
    saved(&mut house, customer, 4, CustomerForm { manager: Some(boss), ..with_both }).unwrap();
    assert_eq!(complaints(&mut house, boss).len(), 4);
    assert_eq!(complaints(&mut house, may).len(), 3);
}

#[test]
fn in_the_place_of_who_is_away_their_deputy_hears_of_a_complaint() {
    let mut house = House::new();
    let (ann, may) = (house.person("ann", Role::Agent, None), house.person("may", Role::Agent, None));
    let customer = house.customer("Shen", true, &[MOBILE]);
    let form = CustomerForm { manager: Some(may), ..customer_form("Shen", true, &[MOBILE]) };
    saved(&mut house, customer, 1, form).unwrap();
    house.give(Some(may), Command::SetAway { person: may, away: true, deputy: Some(ann) }).unwrap();
    let ticket = opened(&mut house, ann, Some(customer), None, Kind::Complaint);
    assert_eq!((complaints(&mut house, ann), complaints(&mut house, may)), (vec![ticket], vec![]));
    let told = house.ask(house.reader.told(ann, crate::MessageId(0))).unwrap();
    let telling = told.iter().flat_map(|message| &message.tellings).find(|telling| telling.news == News::Complaint);
    assert!(telling.expect("a telling").instead_of.contains(&may));
}

#[test]
fn an_admin_looks_after_no_customer() {
    let mut house = House::new();
    let wires = house.person("root", Role::Admin, None);
    let customer = house.customer("Shen", true, &[MOBILE]);
    let form = CustomerForm { manager: Some(wires), ..customer_form("Shen", true, &[MOBILE]) };
    let refused = Err(Refusal::Field { field: "manager", why: FieldWhy::Unknown });
    assert_eq!(saved(&mut house, customer, 1, form), refused);
}
