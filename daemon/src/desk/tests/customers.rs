//! Customers: what they are to the site, who hears of their complaints, and what is theirs when two are one.

use proptest::prelude::*;

use super::*;
use crate::desk::command::CustomerForm;
use crate::desk::customer::{CannotUndo, OfCustomers};
use crate::desk::policy::{Policy, Terms};
use crate::{CustomerId, PersonId, ShiftId, TicketId};

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
        object: Object::default(),
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

/// When whoever was missed is to be called back.
fn callback(house: &House, number: &str) -> Option<Time> {
    let card = house.card(number);
    card.open_obligations.iter().find(|row| row.kind == ClockKind::MissedCall).and_then(|row| row.due_at)
}

#[test]
fn a_clock_may_go_by_the_customers_class_and_is_reckoned_anew_when_that_changes() {
    let mut house = House::under(classed(), t(0.0));
    let form = CustomerForm { class: "gold".into(), ..customer_form("Shen", true, &[MOBILE]) };
    let customer = house.customer("Shen", true, &[MOBILE]);
    missed(&mut house, "a", MOBILE, 0.0);
    let due = |house: &House| callback(house, MOBILE);
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
    let boss = house.person("boss", Role::Supervisor, None);
    let reclass = Handle::Reclass { kind: Kind::Other, why: "praise".into() };
    house.give(Some(boss), Command::Handle(becomes_one, reclass)).unwrap();
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

fn version(house: &House, customer: CustomerId) -> (CustomerId, i64) {
    let versions = house.sql(&format!("SELECT version FROM customers WHERE id = {customer}"));
    (customer, versions[0].parse().unwrap())
}

fn asks(house: &mut House, by: Option<PersonId>, command: OfCustomers) -> Result<Done, Refusal> {
    house.give(by, Command::Customers(command))
}

fn merge(house: &mut House, from: CustomerId, into: CustomerId) -> Result<Done, Refusal> {
    let command = OfCustomers::Merge { from: version(house, from), into: version(house, into) };
    asks(house, None, command)
}

fn split(house: &mut House, customer: CustomerId, numbers: &[&str], tickets: &[TicketId]) -> Result<Done, Refusal> {
    let numbers = numbers.iter().map(|number| (*number).to_owned()).collect();
    let customer = version(house, customer);
    asks(house, None, OfCustomers::Split { customer, name: "Wen".into(), numbers, tickets: tickets.into() })
}

fn last_shift(house: &House) -> ShiftId {
    ShiftId(house.sql("SELECT max(id) FROM shifts WHERE undone_at_ms IS NULL")[0].parse().unwrap())
}

/// What customers have and are; versions count on, and whoever is part of another has nothing.
fn standing_rows(house: &House, up_to: i64) -> Vec<Vec<String>> {
    let questions = [
        "SELECT c.id || ' ' || name || company || address || key_customer || class || coalesce(manager, '') || note
         FROM customers c WHERE merged_into IS NULL ORDER BY c.id"
            .to_owned(),
        "SELECT number || ' ' || customer || ' ' || place FROM customer_numbers ORDER BY customer, place, number"
            .to_owned(),
        format!("SELECT id || ' ' || coalesce(customer, '-') FROM tickets WHERE id <= {up_to} ORDER BY id"),
        format!(
            "SELECT id || ' ' || coalesce(customer, '-') || ' ' || coalesce(reminder_at_ms, '-') || ' '
                || coalesce(due_at_ms, '-') || ' ' || coalesce(escalated_at_ms, '-') || state
             FROM obligations WHERE id <= {up_to} ORDER BY id"
        ),
    ];
    questions.iter().map(|question| house.sql(question)).collect()
}

fn highest(house: &House) -> i64 {
    house.sql("SELECT max(seq) FROM facts")[0].parse().unwrap()
}

#[test]
fn two_records_of_one_customer_become_one_and_their_clocks_go_by_it() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, None);
    let key = house.customer("Shen", true, &[MOBILE]);
    let twice = house.customer("Shen again", false, &[OTHER]);
    let call = missed(&mut house, "a", OTHER, 0.0);
    let complaint = opened(&mut house, ann, Some(twice), None, Kind::Complaint);
    saved(&mut house, key, 1, CustomerForm { manager: Some(ann), ..customer_form("Shen", true, &[MOBILE]) }).unwrap();
    assert_eq!(callback(&house, OTHER), Some(t(20.0 + 30.0 * MINUTE)));
    assert_eq!(merge(&mut house, twice, key), Ok(Done::Customer(key)));
    let card = house.card(MOBILE);
    assert_eq!(card.customers.len(), 1);
    let numbers: Vec<_> = card.customers[0].numbers.iter().map(|number| number.as_str()).collect();
    assert_eq!(numbers, [MOBILE, OTHER]);
    assert_eq!(callback(&house, OTHER), Some(t(20.0 + 10.0 * MINUTE)), "a key customer's now");
    let page = house.ask(house.reader.customer_page(key)).unwrap().unwrap();
    let open: Vec<_> = page.open.iter().map(|row| row.ticket.id).collect();
    assert_eq!(open, [complaint, house.ticket_of(&call).unwrap()]);
    assert_eq!(page.contacts.len(), 1);
    assert_eq!(complaints(&mut house, ann), [complaint], "who looks after them hears of what came with it");

    let part = house.ask(house.reader.customer_page(twice)).unwrap().unwrap();
    assert_eq!(part.customer.merged_into, Some(key));
    let edits = saved(&mut house, twice, 2, customer_form("Shen again", false, &[OTHER]));
    assert_eq!(edits, Err(Refusal::NoSuchCustomer), "a record that is part of another is not written");
    assert_eq!(merge(&mut house, key, key), Err(Refusal::Field { field: "into", why: FieldWhy::Taken }));
    let stale = OfCustomers::Merge { from: (twice, 1), into: (key, 1) };
    assert!(asks(&mut house, None, stale).is_err());
}

#[test]
fn what_was_saved_meanwhile_is_not_merged_unseen() {
    let mut house = House::new();
    let (one, two) = (house.customer("Shen", false, &[MOBILE]), house.customer("Wen", false, &[OTHER]));
    let boss = house.person("boss", Role::Supervisor, None);
    let form = customer_form("Wen", true, &[OTHER]);
    house.give(Some(boss), Command::SaveCustomer { customer: Some((two, 1)), ticket: None, form }).unwrap();
    let refused = asks(&mut house, None, OfCustomers::Merge { from: (one, 1), into: (two, 1) });
    assert_eq!(refused, Err(Refusal::Changed { by: Some(boss), version: 2 }));
}

#[test]
fn shifts_of_the_same_customers_are_undone_the_last_one_first_and_once() {
    let mut house = House::new();
    let numbers = ["+8613100000001", "+8613100000002", "+8613100000003"];
    let [a, b, c] = numbers.map(|number| house.customer("Shen", false, &[number]));
    merge(&mut house, a, b).unwrap();
    let first = last_shift(&house);
    merge(&mut house, b, c).unwrap();
    let second = last_shift(&house);
    let undo = |house: &mut House, shift| asks(house, None, OfCustomers::Undo(shift));
    assert_eq!(undo(&mut house, first), Err(Refusal::CannotUndo(CannotUndo::NotTheLast)));
    assert_eq!(undo(&mut house, second), Ok(Done::Customer(b)));
    assert_eq!(undo(&mut house, second), Err(Refusal::CannotUndo(CannotUndo::Undone)));
    assert_eq!(undo(&mut house, first), Ok(Done::Customer(a)));
    assert_eq!(undo(&mut house, ShiftId(7)), Err(Refusal::CannotUndo(CannotUndo::NoSuchShift)));
    assert_eq!(house.sql("SELECT count(*) FROM customers WHERE merged_into IS NULL"), ["3"]);
}

#[test]
fn a_split_takes_what_is_named_and_what_is_owed_in_it() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, None);
    let customer = house.customer("Shen", false, &[MOBILE, OTHER]);
    let stays = opened(&mut house, ann, Some(customer), None, Kind::Other);
    let goes = opened(&mut house, ann, Some(customer), None, Kind::Other);
    let refused = |field, why| Err(Refusal::Field { field, why });
    assert_eq!(split(&mut house, customer, &["+8613700137000"], &[]), refused("numbers", FieldWhy::Unknown));
    assert_eq!(split(&mut house, customer, &[], &[]), refused("numbers", FieldWhy::Missing));
    assert_eq!(split(&mut house, customer, &[], &[TicketId(3)]), refused("tickets", FieldWhy::Unknown));
    let Ok(Done::Customer(other)) = split(&mut house, customer, &["139 0013 9000"], &[goes]) else { panic!() };
    let page = |house: &House, id| house.ask(house.reader.customer_page(id)).unwrap().unwrap();
    let (old, new) = (page(&house, customer), page(&house, other));
    let of = |rows: &[crate::store::read::TicketRow]| rows.iter().map(|row| row.ticket.id).collect::<Vec<_>>();
    assert_eq!((of(&old.open), of(&new.open)), (vec![stays], vec![goes]));
    assert!(new.owed.iter().all(|row| row.ticket == goes) && !new.owed.is_empty());
    assert_eq!((new.customer.name.as_str(), new.customer.numbers[0].as_str()), ("Wen", OTHER));
    assert_eq!(old.customer.numbers.len(), 1);
}

#[test]
fn the_blacklist_is_for_who_leads_and_runs_out_by_itself() {
    let mut house = House::new();
    let (ann, boss) = (house.person("ann", Role::Agent, None), house.person("boss", Role::Supervisor, None));
    let until = t(3600.0);
    let listed = |until| OfCustomers::Blacklist { number: "138 0013 8000".into(), reason: "threats".into(), until };
    assert_eq!(asks(&mut house, Some(ann), listed(Some(until))), Err(Refusal::NotAllowed));
    let past = Err(Refusal::Field { field: "until", why: FieldWhy::NotAhead });
    assert_eq!(asks(&mut house, Some(boss), listed(Some(t(-1.0)))), past);
    asks(&mut house, Some(boss), listed(Some(until))).unwrap();
    let found = house.card(MOBILE).listed.expect("a warning");
    assert_eq!((found.reason.as_str(), found.by, found.until), ("threats", Some(boss), Some(until)));
    assert!(found.stands(t(3599.0)) && !found.stands(until));
    let standing = |house: &House, at| house.ask(house.reader.blacklist(at)).unwrap().len();
    assert_eq!((standing(&house, t(3599.0)), standing(&house, until)), (1, 0));
    asks(&mut house, Some(boss), listed(None)).unwrap();
    assert_eq!(standing(&house, t(1e9)), 1);
    asks(&mut house, Some(boss), OfCustomers::TakeOff { number: MOBILE.into() }).unwrap();
    assert!(house.card(MOBILE).listed.is_none());
}

#[derive(Clone, Debug)]
enum Event {
    Merge(usize, usize),
    /// Those of three numbers and of the customer's matters whose bit is set.
    Split(usize, usize),
    Missed(usize),
}

const LINES: [&str; 4] = ["+8613100000001", "+8613100000002", "+8613100000003", "+8613100000004"];

/// Three customers, some numbers in common, matters by number and by name.
fn site(shared: &[bool], missed_first: &[usize]) -> (House, PersonId, Vec<CustomerId>) {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, None);
    let numbers = |nth: usize| {
        let own = [LINES[nth]];
        let common = shared[nth].then_some(LINES[3]);
        own.into_iter().chain(common).collect::<Vec<_>>()
    };
    let customers: Vec<_> =
        (0..3).map(|nth| house.customer(["Shen", "Wen", "Li"][nth], nth == 0, &numbers(nth))).collect();
    for (nth, customer) in customers.iter().enumerate() {
        opened(&mut house, ann, Some(*customer), None, if nth == 1 { Kind::Complaint } else { Kind::Other });
    }
    for (nth, line) in missed_first.iter().enumerate() {
        missed(&mut house, &format!("before-{nth}"), LINES[*line], 30.0 * nth as f64);
    }
    (house, ann, customers)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is merged and split, and whoever calls in between: undone in turn, all that there was is
    /// as it was, and what came since is theirs whose number it came from.
    #[test]
    fn what_was_merged_and_split_comes_apart_as_it_was(
        shared in prop::collection::vec(any::<bool>(), 3),
        missed_first in prop::collection::vec(0..4usize, 0..4),
        events in prop::collection::vec(
            prop_oneof![
                (0..3usize, 0..3usize).prop_map(|(from, into)| Event::Merge(from, into)),
                (0..3usize, 1..64usize).prop_map(|(whose, bits)| Event::Split(whose, bits)),
                (0..4usize).prop_map(Event::Missed),
            ],
            1..8,
        ),
    ) {
        let (mut house, _, customers) = site(&shared, &missed_first);
        let up_to = highest(&house);
        let before = standing_rows(&house, up_to);
        for (nth, event) in events.iter().enumerate() {
            match *event {
                // What the house refuses is no part of its history.
                Event::Merge(from, into) => drop(merge(&mut house, customers[from], customers[into])),
                Event::Split(whose, bits) => {
                    let set = |bit: usize| bits >> bit & 1 == 1;
                    let named: Vec<&str> = (0..4).filter(|bit| set(*bit)).map(|bit| LINES[bit]).collect();
                    let theirs = format!("SELECT id FROM tickets WHERE customer = {} ORDER BY id", customers[whose]);
                    let theirs = house.sql(&theirs).into_iter().enumerate().filter(|(nth, _)| set(4 + nth % 2));
                    let theirs: Vec<TicketId> = theirs.map(|(_, id)| TicketId(id.parse().unwrap())).collect();
                    let has = format!("SELECT number FROM customer_numbers WHERE customer = {}", customers[whose]);
                    let has = house.sql(&has);
                    let named: Vec<&str> = named.into_iter().filter(|number| has.iter().any(|has| has == number)).collect();
                    drop(split(&mut house, customers[whose], &named, &theirs));
                }
                Event::Missed(line) => {
                    let from = 200.0 + 30.0 * nth as f64;
                    missed(&mut house, &format!("between-{nth}"), LINES[line], from);
                }
            }
            if nth == 2 {
                house.crash();
            }
        }
        while house.sql("SELECT count(*) FROM shifts WHERE undone_at_ms IS NULL") != ["0"] {
            let shift = last_shift(&house);
            prop_assert!(asks(&mut house, None, OfCustomers::Undo(shift)).is_ok());
        }
        prop_assert_eq!(standing_rows(&house, up_to), before);
        let strange = format!(
            "SELECT id FROM tickets t WHERE id > {up_to} AND customer IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM customer_numbers n WHERE n.customer = t.customer AND n.number = t.caller)"
        );
        prop_assert_eq!(house.sql(&strange), [""; 0], "each new matter is of whom its number is");
        let of_nobody = "SELECT t.id FROM tickets t JOIN customers c ON c.id = t.customer WHERE c.merged_into IS NOT NULL
            UNION SELECT o.id FROM obligations o JOIN customers c ON c.id = o.customer WHERE c.merged_into IS NOT NULL";
        prop_assert_eq!(house.sql(of_nobody), [""; 0], "who is part of another has nothing");
    }
}
