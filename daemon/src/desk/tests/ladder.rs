//! Whom rungs tell, and in whose place.

use super::*;
use crate::PersonId;

fn away(house: &mut House, by: PersonId, person: PersonId, deputy: Option<PersonId>) -> Result<Done, Refusal> {
    house.give(Some(by), Command::SetAway { person, away: true, deputy })
}

/// Each rung with whom it told, in the order of firing: `due ann boss`, `due ben<ann`.
fn told(house: &House, names: &[(PersonId, &str)]) -> Vec<String> {
    let name = |id: &PersonId| names.iter().find(|(person, _)| person == id).map_or("?", |(_, name)| *name);
    let ids = house.sql("SELECT id FROM obligations WHERE kind = 'missed_call' ORDER BY id");
    let rows = ids.iter().filter_map(|id| {
        let id = crate::ObligationId(id.parse().unwrap());
        house.ask(house.reader.obligation(id)).unwrap()
    });
    rows.flat_map(|row| row.fired)
        .map(|fired| {
            let told = fired.told.iter().map(|told| {
                let instead: Vec<&str> = told.instead_of.iter().map(name).collect();
                let mark = if instead.is_empty() { "" } else { "<" };
                format!(" {}{mark}{}", name(&told.person), instead.join("+"))
            });
            format!("{}{}", fired.rung.as_str(), told.collect::<String>())
        })
        .collect()
}

#[test]
fn while_the_owner_is_away_the_deputy_is_told_and_has_what_is_owed() {
    let mut house = House::new();
    let (ann, ben) = (house.person("ann", Role::Agent, Some("1001")), house.person("ben", Role::Agent, Some("1002")));
    let (boss, chief) = (house.person("boss", Role::Supervisor, None), house.person("chief", Role::Manager, None));
    let names = [(ann, "ann"), (ben, "ben"), (boss, "boss"), (chief, "chief")];
    let first = missed(&mut house, "a", MOBILE, 0.0);
    let short = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(61.0));
    house.sees(t(61.0), &short);
    house.sees(t(64.0), &ended(&short, t(64.0), Outcome::Answered));
    assert_eq!(house.page_of(&first).row.ticket.owner, Some(ann));
    house.until(t(25.0 * MINUTE));
    assert_eq!(house.duties(ben).len(), 0);
    assert_eq!(away(&mut house, ann, ann, Some(ben)), Ok(Done::Nothing));
    assert_eq!(house.duties(ben).len(), 2, "the deputy sees what is owed: the callback and the solution");
    house.until(t(31.0 * MINUTE));
    house.give(Some(ann), Command::SetAway { person: ann, away: false, deputy: Some(ben) }).unwrap();
    assert_eq!(house.duties(ben).len(), 0);
    house.until(t(3.0 * 24.0 * 3600.0));
    assert_eq!(told(&house, &names), ["reminder ann", "due ben<ann boss", "escalated chief"]);
}

#[test]
fn ones_own_absence_is_ones_own_to_say_and_anybodys_for_who_leads() {
    let mut house = House::new();
    let (ann, ben) = (house.person("ann", Role::Agent, None), house.person("ben", Role::Agent, None));
    let (boss, root) = (house.person("boss", Role::Supervisor, None), house.person("root", Role::Admin, None));
    assert_eq!(away(&mut house, ann, ben, None), Err(Refusal::NotAllowed));
    assert_eq!(away(&mut house, boss, ben, Some(ann)), Ok(Done::Nothing));
    assert_eq!(away(&mut house, root, ben, None), Ok(Done::Nothing));
    assert_eq!(away(&mut house, ann, ann, Some(ben)), Ok(Done::Nothing), "two may stand in for each other");
    let unknown = Err(Refusal::Field { field: "deputy", why: FieldWhy::Unknown });
    assert_eq!(away(&mut house, ann, ann, Some(ann)), unknown, "nobody stands in for themselves");
    assert_eq!(away(&mut house, ann, ann, Some(root)), unknown, "an admin could not open what it is about");
    assert_eq!(away(&mut house, ann, ann, Some(PersonId(999_999))), Err(Refusal::NoSuchPerson));
    house.crash();
    assert_eq!(
        house.sql("SELECT away || ' ' || coalesce(deputy, 0) FROM people WHERE login = 'ann'"),
        [format!("1 {ben}")]
    );
}

#[test]
fn a_rung_that_a_change_moved_into_the_past_is_not_late() {
    let mut house = House::new();
    house.person("boss", Role::Supervisor, None);
    let call = missed(&mut house, "a", MOBILE, 0.0);
    let ticket = house.ticket_of(&call);
    house.until(t(20.0 * MINUTE));
    // Key customers have ten minutes: their reminder and deadline are past.
    let form = customer_form("Shen", true, &[MOBILE]);
    house.give(None, Command::SaveCustomer { customer: None, ticket, form }).unwrap();
    let fired = |house: &House| {
        let rows =
            "SELECT rung || ' ' || late || ' ' || ((fired_at_ms - planned_at_ms) / 60000) FROM rungs ORDER BY rung";
        house.sql(rows)
    };
    assert_eq!(fired(&house), ["due 0 9", "reminder 0 11"], "at once, with the times that they should have had");
    // Moved while it was up, and then it was down: that is ours.
    let mut house = House::new();
    house.person("boss", Role::Supervisor, None);
    let call = missed(&mut house, "a", MOBILE, 0.0);
    let ticket = house.ticket_of(&call);
    let form = customer_form("Shen", true, &[MOBILE]);
    house.give(None, Command::SaveCustomer { customer: None, ticket, form }).unwrap();
    house.crash();
    house.now = t(20.0 * MINUTE);
    house.turn();
    assert_eq!(fired(&house), ["due 1 9", "reminder 1 11"]);
}
