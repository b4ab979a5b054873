//! Notes, files and ties, and a timeline that leaves nothing out.

use crate::desk::command::{Command, Done, FieldWhy, Refusal};
use crate::desk::media::Media;
use crate::desk::papers::{File, Paper, TICKET_BYTES, Tie, Unfit};
use crate::desk::ticket::{Channel, Kind};
use crate::engine::house::House;
use crate::live::{Notice, Topic};
use crate::store::read::{Place, Seek, Seer, TimelineWhat};
use crate::{MessageId, PersonId, Role, TicketId};

fn opened(house: &mut House, by: PersonId) -> TicketId {
    let (kind, channel) = (Kind::Complaint, Channel::Email);
    let number = Some("13800135827".to_owned());
    let open = Command::OpenTicket { call: None, customer: None, number, kind, channel };
    let Ok(Done::Ticket(ticket)) = house.give(Some(by), open) else { panic!("no ticket") };
    ticket
}

fn comment(words: &str) -> Paper {
    Paper::Comment { words: words.to_owned() }
}

fn file(bytes: i64) -> File {
    File { name: "照片.png".to_owned(), media: Media::Png, bytes, sha256: "ab".repeat(32) }
}

#[test]
fn a_note_is_told_to_the_owner_found_and_in_the_timeline() {
    let mut house = House::new();
    let (zhou, li) = (house.person("zhou", Role::Agent, None), house.person("li", Role::Agent, None));
    let (boss, chief) = (house.person("boss", Role::Supervisor, None), house.person("chief", Role::Manager, None));
    let ticket = opened(&mut house, zhou);
    while house.told.try_recv().is_ok() {}
    let given = house.give(Some(boss), Command::Paper(ticket, comment(" 请今天内回复，品质部已确认 ")));
    let Ok(Done::Paper(id)) = given else { panic!("{given:?}") };
    let heard: Vec<_> = std::iter::from_fn(|| house.told.try_recv().ok()).collect();
    let hears =
        |topic: Topic| heard.iter().any(|(to, what)| *to == topic && matches!(what, Notice::Ticket(t) if *t == ticket));
    assert!(hears(Topic::Person(zhou)) && hears(Topic::Board), "whoever has it open reads it again");
    house.turn();
    assert_eq!(house.ask(house.reader.told(zhou, MessageId(0))).unwrap().len(), 1, "the owner is told, for good");
    assert_eq!(house.ask(house.reader.told(boss, MessageId(0))).unwrap().len(), 0);
    house.give(Some(zhou), Command::Paper(ticket, comment("好的"))).unwrap();
    house.turn();
    assert_eq!(house.ask(house.reader.told(zhou, MessageId(0))).unwrap().len(), 1, "not of their own");

    let page = house.page(ticket);
    assert_eq!(page.comments[0].id.0, id);
    assert_eq!((page.comments[0].by, page.comments[0].words.as_str()), (Some(boss), "请今天内回复，品质部已确认"));
    let lines: Vec<_> = page.timeline.iter().filter(|row| matches!(row.what, TimelineWhat::Commented { .. })).collect();
    assert_eq!(lines.iter().map(|row| row.by).collect::<Vec<_>>(), [Some(boss), Some(zhou)]);
    let seek = Seek { text: "品质部".to_owned(), open: None, by: Seer::All, limit: 5 };
    let found = house.ask(house.reader.seek(seek)).unwrap().found;
    assert_eq!(found[0].hits[0].place, Place::Comment);

    for (who, words, refusal) in [
        (li, "x", Refusal::NoSuchTicket),
        (chief, "x", Refusal::NotAllowed),
        (zhou, "  ", Refusal::Field { field: "words", why: FieldWhy::Missing }),
        (zhou, &*"长".repeat(4001), Refusal::Field { field: "words", why: FieldWhy::TooLong { max: 4000 } }),
    ] {
        assert_eq!(house.give(Some(who), Command::Paper(ticket, comment(words))), Err(refusal));
    }
    assert_eq!(house.sql("SELECT count(*) FROM comments"), ["2"]);
}

#[test]
fn tickets_are_tied_once_seen_from_both_and_taken_apart_again() {
    let mut house = House::new();
    let (zhou, li) = (house.person("zhou", Role::Agent, None), house.person("li", Role::Agent, None));
    let (one, other, theirs) = (opened(&mut house, zhou), opened(&mut house, zhou), opened(&mut house, li));
    let tie = |how, other| Command::Paper(one, Paper::Tie { how, other });
    for _ in 0..2 {
        house.give(Some(zhou), tie(Tie::Duplicate, other)).unwrap();
    }
    assert_eq!(house.sql("SELECT count(*) FROM facts WHERE kind = 'tied'"), ["1"], "once is enough");
    let ties = |house: &House, ticket| -> Vec<(Tie, bool, TicketId)> {
        house.page(ticket).ties.iter().map(|tied| (tied.how, tied.is_ours, tied.ticket)).collect()
    };
    assert_eq!(ties(&house, one), [(Tie::Duplicate, true, other)]);
    assert_eq!(ties(&house, other), [(Tie::Duplicate, false, one)]);
    assert_eq!(house.give(Some(zhou), tie(Tie::Related, one)), Err(Refusal::Paper(Unfit::Itself)));
    assert_eq!(house.give(Some(zhou), tie(Tie::Related, theirs)), Err(Refusal::NoSuchTicket));
    house.give(Some(zhou), Command::Paper(one, Paper::Untie { how: Tie::Duplicate, other })).unwrap();
    assert_eq!(ties(&house, other), []);
    let said: Vec<_> = house.page(one).timeline.into_iter().map(|row| row.what).collect();
    let number = house.page(other).row.ticket.number;
    let is = |what: &TimelineWhat, tied: bool| match what {
        TimelineWhat::Tied { how: Tie::Duplicate, number: n } => tied && *n == number,
        TimelineWhat::Untied { how: Tie::Duplicate, number: n } => !tied && *n == number,
        _ => false,
    };
    assert!(said.iter().any(|what| is(what, true)) && said.iter().any(|what| is(what, false)), "{said:?}");
}

#[test]
fn files_have_room_up_to_a_bound_and_are_on_record() {
    let mut house = House::new();
    let zhou = house.person("zhou", Role::Agent, None);
    let ticket = opened(&mut house, zhou);
    let attach =
        |house: &mut House, bytes| house.give(Some(zhou), Command::Paper(ticket, Paper::Attach { file: file(bytes) }));
    let most = 20 * 1024 * 1024;
    assert_eq!(attach(&mut house, most + 1), Err(Refusal::Paper(Unfit::Large)));
    for _ in 0..TICKET_BYTES / most {
        attach(&mut house, most).unwrap();
    }
    assert_eq!(attach(&mut house, 1), Err(Refusal::Paper(Unfit::Full)));
    let page = house.page(ticket);
    assert_eq!(page.attachments.len(), 10);
    assert!(
        page.timeline.iter().any(|row| matches!(&row.what, TimelineWhat::Attached { name, .. } if name == "照片.png"))
    );
    let body = house.sql("SELECT body FROM facts WHERE kind = 'attached' LIMIT 1").remove(0);
    assert!(body.contains(&"ab".repeat(32)) && body.contains("照片.png"), "{body}");
}

/// Each kind of fact that is of a ticket has a line in its timeline, but for those named here with
/// why not.
#[test]
fn the_timeline_leaves_nothing_out() {
    const SHOWN_OTHERWISE: &[&str] = &[
        // By what stands in tables, wherever it went meanwhile.
        "commented",
        "attached",
        // A look at a matter that was drawn or not is not something that happened to it; what is owed by it is.
        "lot_looked_at",
        // Who was told stands with the rung or the complaint.
        "complaint_told",
    ];
    let sources = [
        include_str!("line.rs"),
        include_str!("customers.rs"),
        include_str!("papers.rs"),
        include_str!("draws.rs"),
        include_str!("surveys.rs"),
        include_str!("hands.rs"),
    ];
    let timeline = include_str!("questions/timeline.rs");
    let mut of_tickets = 0;
    let said =
        |source: &'static str| [" Line {", " Said {"].into_iter().flat_map(|opening| source.split(opening).skip(1));
    for line in sources.into_iter().flat_map(said) {
        let line = line.split("..Line::default()").next().unwrap_or_default();
        let Some(kind) = line.split("kind: \"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
        if !line.contains("ticket: ") || SHOWN_OTHERWISE.contains(&kind) {
            continue;
        }
        of_tickets += 1;
        let shown = timeline.contains(&format!("\"{kind}\" =>")) || timeline.contains(&format!("\"{kind}\" | "));
        assert!(shown, "{kind} is of a ticket, and its timeline does not show it");
    }
    assert!(of_tickets > 15, "{of_tickets}");
}
