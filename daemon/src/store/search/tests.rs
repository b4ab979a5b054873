//! Words of one character and more, wherever they stand; whose tickets; old stores.

use crate::desk::command::{Command, Done, TicketForm};
use crate::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use crate::engine::house::{House, customer_form, t};
use crate::store::read::{Found, Place, Seek, Seer, Theirs};
use crate::{PersonId, Role, TicketId};

const MOBILE: &str = "+8613800135827";

fn opened(house: &mut House, by: PersonId, summary: &str, course: &str) -> TicketId {
    let (kind, channel) = (Kind::Consultation, Channel::Phone);
    let open = Command::OpenTicket { call: None, customer: None, number: Some(MOBILE.to_owned()), kind, channel };
    let Ok(Done::Ticket(ticket)) = house.give(Some(by), open) else { panic!("no ticket") };
    save(house, by, ticket, 1, (summary, course), TicketState::InProgress);
    ticket
}

fn save(house: &mut House, by: PersonId, ticket: TicketId, version: i64, texts: (&str, &str), state: TicketState) {
    let form = TicketForm {
        kind: Kind::Consultation,
        category: String::new(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: texts.0.to_owned(),
        course: texts.1.to_owned(),
        demand: String::new(),
        object: Object::default(),
    };
    house.give(Some(by), Command::SaveTicket { ticket, version, form, state }).unwrap();
}

fn seek(house: &House, text: &str, by: Seer) -> Vec<Found> {
    let seek = Seek { text: text.to_owned(), open: None, by, limit: 10 };
    house.ask(house.reader.seek(seek)).unwrap().found
}

fn ids(found: &[Found]) -> Vec<TicketId> {
    found.iter().map(|found| found.row.ticket.id).collect()
}

#[test]
fn words_of_any_length_hit_wherever_they_stand() {
    let mut house = House::new();
    let zhou = house.person("zhou", Role::Agent, None);
    let fridge = opened(
        &mut house,
        zhou,
        "冰箱 BCD-520 三次维修后仍不制冷",
        "9月购入。门封漏风，Müller GmbH 的压缩机；订单D2609-117283。",
    );
    let other = opened(&mut house, zhou, "空调移机报价", "箱子压坏了");
    let hits = |text: &str| ids(&seek(&house, text, Seer::All));
    for text in [
        "冰",
        "仍",
        "冷",
        "风",
        "冰箱",
        "制冷",
        "漏风",
        "三次维修",
        "不制冷",
        "维修后仍不制冷",
        "冰箱 制冷",
        "制冷　冰箱",
        "bcd",
        "BCD520",
        "ＢＣＤ",
        "冰箱BCD",
        "520三次",
        "müll",
        "MÜLLER",
        "gmbh",
        "d2609",
        "117283",
        "7283",
        "冰箱bcd-520三次",
        "9月",
        "月",
        "d",
    ] {
        assert_eq!(hits(text), [fridge], "{text}");
    }
    for text in ["箱", "报价 箱", "移机"] {
        assert!(hits(text).contains(&other), "{text}");
    }
    // Both characters, but not beside each other; over a field's or a sentence's end; a word's inside.
    for text in [
        "冰制",
        "购月",
        "冷9月",
        "风 报价",
        "入门",
        "cd",
        "20三次",
        "",
        " ",
        "\"",
        "冰\" OR \"箱",
        "*",
        "'",
        "NEAR(",
        "text:冰x",
    ] {
        assert_eq!(hits(text), [], "{text}");
    }
    assert_eq!(hits("5827"), [other, fridge], "newest first");
    assert_eq!(hits("138 0013 5827").len(), 2);
    assert_eq!(hits("1124-0001"), [fridge], "the matter's number, by its end");
    assert_eq!(hits("20261124-0001"), [fridge]);
}

#[test]
fn open_matters_come_first_and_what_changes_is_found_as_it_is_now() {
    let mut house = House::new();
    let zhou = house.person("zhou", Role::Agent, None);
    let [first, second, third] = ["退货一", "退货二", "退货三"].map(|summary| opened(&mut house, zhou, summary, ""));
    save(&mut house, zhou, second, 2, ("退货二", ""), TicketState::Resolved);
    assert_eq!(ids(&seek(&house, "退货", Seer::All)), [third, first, second]);
    save(&mut house, zhou, third, 2, ("换货", ""), TicketState::InProgress);
    assert_eq!(ids(&seek(&house, "退货", Seer::All)), [first, second]);
    assert_eq!(ids(&seek(&house, "换货", Seer::All)), [third]);

    // Their customer becomes known, and is called otherwise later.
    let saved = house.give(
        None,
        Command::SaveCustomer { customer: None, ticket: None, form: customer_form("沈国栋", false, &[MOBILE]) },
    );
    let Ok(Done::Customer(shen)) = saved else { panic!("{saved:?}") };
    assert_eq!(ids(&seek(&house, "国栋 换", Seer::All)), [third]);
    let mut form = customer_form("沈国梁", false, &[MOBILE, "+8613700137999"]);
    form.company = "翠苑物业".to_owned();
    house.give(None, Command::SaveCustomer { customer: Some((shen, 1)), ticket: None, form }).unwrap();
    assert_eq!(ids(&seek(&house, "国栋", Seer::All)), []);
    assert_eq!(ids(&seek(&house, "物业 7999", Seer::All)).len(), 2, "of the open ones that were given to the customer");
}

fn these(people: &[PersonId]) -> Seer {
    Seer::These(Theirs { people: people.to_vec(), nobodys: true, ..Theirs::default() })
}

#[test]
fn who_seeks_finds_what_they_may_see() {
    let mut house = House::new();
    let (zhou, li) = (house.person("zhou", Role::Agent, None), house.person("li", Role::Agent, None));
    let mine = opened(&mut house, zhou, "冰箱", "");
    let theirs = opened(&mut house, li, "冰箱", "");
    assert_eq!(ids(&seek(&house, "冰箱", these(&[zhou]))), [mine]);
    assert_eq!(ids(&seek(&house, "冰箱", these(&[zhou, li]))), [theirs, mine]);
    assert_eq!(ids(&seek(&house, "冰箱", these(&[]))), []);
}

#[test]
fn the_place_of_a_hit_is_marked() {
    let mut house = House::new();
    let zhou = house.person("zhou", Role::Agent, None);
    let long = format!("{}门封漏风，又漏水。{}", "前".repeat(100), "后".repeat(100));
    opened(&mut house, zhou, "冰箱", &long);
    let found = seek(&house, "漏", Seer::All);
    let hit = &found[0].hits[0];
    assert_eq!(hit.place, Place::Course);
    let shown: String =
        hit.pieces.iter().map(|p| if p.hit { format!("[{}]", p.text) } else { p.text.clone() }).collect();
    assert!(
        shown.starts_with("…前前") && shown.contains("门封[漏]风，又[漏]水。后") && shown.ends_with("后…"),
        "{shown}"
    );
    let hits = seek(&house, "冰箱 5827", Seer::All).remove(0).hits;
    let places: Vec<Place> = hits.iter().map(|hit| hit.place).collect();
    assert_eq!(places, [Place::Summary, Place::Phone]);
    assert_eq!(hits[1].pieces[1].text, "5827");
}

/// A store from before the index: the newest matters are found first, and nothing waits for the rest.
#[test]
fn older_matters_are_taken_in_piece_by_piece_while_the_daemon_runs() {
    let mut house = House::new();
    let zhou = house.person("zhou", Role::Agent, None);
    let old: Vec<TicketId> = (0..700).map(|_| opened(&mut house, zhou, "冰箱", "")).collect();
    house.engine = None;
    let db = rusqlite::Connection::open(house.dir.path().join("data/ringback.sqlite")).unwrap();
    db.execute_batch("DROP TABLE search; DROP TABLE search_state").unwrap();
    drop(db);
    house.crash();
    house.now = t(60.0);
    let new = opened(&mut house, zhou, "冰箱", "");
    let sought = |house: &House, limit| {
        let seek = Seek { text: "冰".to_owned(), open: None, by: Seer::All, limit };
        let sought = house.ask(house.reader.seek(seek)).unwrap();
        (ids(&sought.found), sought.lacks_older)
    };
    let (found, lacks) = sought(&house, 1000);
    assert!(lacks && found[0] == new && found.len() > 1 && found.len() < 701, "{} so far", found.len());
    (0..4).for_each(|_| house.turn());
    let (found, lacks) = sought(&house, 1000);
    assert!(!lacks && found.len() == 701 && found[700] == old[0], "{}", found.len());
}
