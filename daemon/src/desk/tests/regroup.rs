//! Tickets that are one matter, and one that is two: where everything goes, and that it comes back.

use proptest::prelude::*;

use super::*;
use crate::desk::command::{Owed, Step};
use crate::desk::handling::{RemedyKind, RemedyState};
use crate::desk::media::Media;
use crate::desk::ownership::{Hand, Part, Receiver};
use crate::desk::papers::{File, Paper, Tie};
use crate::desk::regroup::{Parts, Regroup, Unfit};
use crate::store::read::{Place, Seek, Seer, TicketPage, TimelineRow};
use crate::{AttachmentId, CallId, CustomerId, ObligationId, PersonId, RegroupId, RemedyId, TicketId};

const HOUR: f64 = 60.0 * MINUTE;

fn opened(house: &mut House, by: PersonId, customer: Option<CustomerId>, number: Option<&str>, kind: Kind) -> TicketId {
    let number = number.map(str::to_owned);
    let command = Command::OpenTicket { call: None, customer, number, kind, channel: Channel::Email };
    let Ok(Done::Ticket(ticket)) = house.give(Some(by), command) else { panic!("no ticket") };
    ticket
}

fn merge(house: &mut House, by: PersonId, from: TicketId, into: TicketId) -> Result<Done, Refusal> {
    house.give(Some(by), Command::Regroup(from, Regroup::Merge { into }))
}

fn split(house: &mut House, by: PersonId, from: TicketId, parts: Parts, kind: Kind) -> Result<Done, Refusal> {
    house.give(Some(by), Command::Regroup(from, Regroup::Split { parts, kind }))
}

fn last(house: &House) -> Option<(TicketId, RegroupId)> {
    let standing = "SELECT giver || ' ' || id FROM regroups WHERE undone_at_ms IS NULL ORDER BY id DESC LIMIT 1";
    let row = house.sql(standing).pop()?;
    let (giver, id) = row.split_once(' ')?;
    Some((TicketId(giver.parse().unwrap()), RegroupId(id.parse().unwrap())))
}

fn undo(house: &mut House, by: PersonId) -> Result<Done, Refusal> {
    let (giver, id) = last(house).expect("something to undo");
    house.give(Some(by), Command::Regroup(giver, Regroup::Undo(id)))
}

fn unfit(why: Unfit) -> Result<Done, Refusal> {
    Err(Refusal::Regroup(why))
}

fn paper(house: &mut House, by: PersonId, ticket: TicketId, paper: Paper) -> i64 {
    let Ok(Done::Paper(id)) = house.give(Some(by), Command::Paper(ticket, paper)) else { panic!("no paper") };
    id
}

fn note(words: &str) -> Paper {
    Paper::Comment { words: words.to_owned() }
}

fn picture() -> Paper {
    let (name, media, sha256) = ("a.png".to_owned(), Media::Png, "ab".repeat(32));
    Paper::Attach { file: File { name, media, bytes: 9, sha256 } }
}

fn priority(house: &mut House, by: PersonId, ticket: TicketId, priority: Priority) {
    let page = house.page(ticket);
    let its = page.row.ticket;
    let form = TicketForm {
        kind: its.kind,
        category: its.category,
        priority,
        complexity: its.complexity,
        channel: its.channel,
        summary: its.summary,
        course: its.course,
        demand: its.demand,
        object: Object::default(),
    };
    let save = Command::SaveTicket { ticket, version: its.version, form, state: TicketState::InProgress };
    house.give(Some(by), save).unwrap();
}

/// Kind, state and deadline of what is or was owed in a ticket, in the order in which it began.
fn clocks(house: &House, ticket: TicketId) -> Vec<String> {
    house.sql(&format!(
        "SELECT kind || ' ' || state || ' ' || coalesce((due_at_ms - {}) / 60000, '-') FROM obligations
         WHERE ticket = {ticket} ORDER BY id",
        t(0.0).timestamp_millis()
    ))
}

/// All that stands in rows up to that id, but for what counts on.
fn rows(house: &House, up_to: i64) -> Vec<Vec<String>> {
    let questions = [
        format!(
            "SELECT id || ' ' || state || is_open || ' ' || coalesce(owner, '-') || ' ' || coalesce(customer, '-') || ' '
                || coalesce(merged_into, '-') || ' ' || coalesce(closed_at_ms, '-') FROM tickets WHERE id <= {up_to}
             ORDER BY id"
        ),
        "SELECT id || ' ' || coalesce(ticket, '-') FROM calls ORDER BY id".to_owned(),
        format!("SELECT id || ' ' || ticket FROM comments WHERE id <= {up_to} ORDER BY id"),
        format!("SELECT id || ' ' || ticket FROM attachments WHERE id <= {up_to} ORDER BY id"),
        "SELECT ticket || how || other FROM ties ORDER BY ticket, how, other".to_owned(),
        format!(
            "SELECT id || ' ' || ticket || ' ' || coalesce(owner, '-') || ' ' || coalesce(customer, '-') || state || ' '
                || coalesce(reminder_at_ms, '-') || ' ' || coalesce(due_at_ms, '-') || ' '
                || coalesce(escalated_at_ms, '-') || coalesce(next_rung, '-') || ' ' || coalesce(next_rung_at_ms, '-')
                || ' ' || coalesce(claimed_by, '-') || ' ' || coalesce(claimed_until_ms, '-') || ' '
                || coalesce(ended_at_ms, '-') || ' ' || coalesce(ended_by, '-') || coalesce(end_why, '-')
             FROM obligations WHERE id <= {up_to} ORDER BY id"
        ),
        format!("SELECT id || ' ' || ticket FROM investigations WHERE id <= {up_to} ORDER BY id"),
        format!("SELECT id || ' ' || ticket || ' ' || state FROM remedies WHERE id <= {up_to} ORDER BY id"),
        format!("SELECT id || ' ' || ticket FROM assessments WHERE id <= {up_to} ORDER BY id"),
        "SELECT ticket || ' ' || coalesce(finding, '-') || reason || cause || party || solution || ' '
            || coalesce(loss_cents, '-') || ' ' || coalesce(saved_by, '-') || ' ' || coalesce(saved_at_ms, '-') || ' '
            || coalesce(told_at_ms, '-') || ' ' || coalesce(filed_at_ms, '-') FROM handlings
         WHERE saved_by IS NOT NULL OR told_at_ms IS NOT NULL ORDER BY ticket"
            .to_owned(),
    ];
    questions.iter().map(|question| house.sql(question)).collect()
}

fn highest(house: &House) -> i64 {
    house.sql("SELECT max(seq) FROM facts")[0].parse().unwrap()
}

#[test]
fn a_promise_that_is_kept_leaves_the_solution_that_came_along_as_it_is_whatever_number_that_is_owed_to() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let stays = opened(&mut house, ann, None, Some(MOBILE), Kind::Other);
    let goes = opened(&mut house, ann, None, Some(OTHER), Kind::Other);
    house.give(Some(ann), Command::Matter(stays, Step::Promise { at: t(HOUR) })).unwrap();
    assert_eq!(merge(&mut house, ann, goes, stays), Ok(Done::Ticket(stays)));
    let call = talking(&inbound("a", MOBILE, t(60.0)), "1001", t(70.0));
    house.sees(t(100.0), &ended(&call, t(100.0), Outcome::Answered));
    let solutions = clocks(&house, stays).into_iter().filter(|clock| !clock.starts_with("first_response"));
    assert_eq!(solutions.collect::<Vec<_>>(), ["resolution replaced 120", "resolution open 120", "promise kept 60"]);
}

#[test]
fn what_comes_back_ends_where_a_policy_that_came_meanwhile_does_not_have_it_owed() {
    let mut all = policy();
    all.terms.clocks.rule_mut(ClockKind::Acceptance).kinds = Kind::ALL.iter().copied().collect();
    let mut house = House::under(all, t(0.0));
    let ann = house.person("ann", Role::Agent, None);
    let shen = house.customer("Shen", false, &[MOBILE]);
    let [goes, stays] = [Kind::Other, Kind::Complaint].map(|kind| opened(&mut house, ann, Some(shen), None, kind));
    merge(&mut house, ann, goes, stays).unwrap();
    let acceptances = |house: &House, ticket| {
        let of = house.page(ticket).obligations.into_iter().filter(|row| row.kind == ClockKind::Acceptance);
        of.map(|row| row.state).collect::<Vec<_>>()
    };
    assert_eq!(acceptances(&house, stays), [ObligationState::Open, ObligationState::Replaced]);
    house.give(None, Command::SetPolicy { version: None, text: String::new() }).unwrap();
    house.until(t(HOUR));
    undo(&mut house, ann).unwrap();
    house.until(t(2.0 * HOUR));
    assert_eq!(acceptances(&house, goes), [ObligationState::Dropped], "only complaints are to be accepted now");
    assert_eq!(acceptances(&house, stays), [ObligationState::Open]);
}

/// Two promises in one matter, to two numbers of the customer, given up by one call.
#[test]
fn the_solution_that_stands_in_the_place_of_promises_is_owed_to_the_number_of_the_last_of_them() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let shen = house.customer("Shen", false, &[MOBILE]);
    let goes = opened(&mut house, ann, Some(shen), Some(OTHER), Kind::Other);
    let stays = opened(&mut house, ann, Some(shen), Some(MOBILE), Kind::Other);
    for ticket in [goes, stays] {
        house.give(Some(ann), Command::Matter(ticket, Step::Promise { at: t(HOUR) })).unwrap();
    }
    merge(&mut house, ann, goes, stays).unwrap();
    for (id, at) in [("a", HOUR), ("b", 2.0 * HOUR), ("c", 25.0 * HOUR)] {
        let call = outbound(id, MOBILE, "1001", t(at));
        house.sees(t(at), &call);
        house.sees(t(at + 9.0), &ended(&call, t(at + 9.0), Outcome::NoAnswer));
    }
    let ended = house.page(stays).obligations.into_iter().filter(|row| row.kind == ClockKind::Promise);
    assert!(ended.map(|row| row.state).eq([ObligationState::Unreachable; 2]));
    let solution = house.page(stays).obligations.into_iter().find(|row| row.state == ObligationState::Open).unwrap();
    assert_eq!(
        (solution.kind, solution.number.as_ref().map(|number| number.as_str())),
        (ClockKind::Resolution, Some(MOBILE))
    );
}

#[test]
fn all_that_is_one_tickets_goes_to_the_other_and_the_one_points_there() {
    let mut house = House::new();
    let (ann, boss) = (house.person("ann", Role::Agent, None), house.person("boss", Role::Supervisor, None));
    let shen = house.customer("Shen", false, &[MOBILE]);
    let stays = opened(&mut house, ann, Some(shen), None, Kind::Other);
    let third = opened(&mut house, ann, Some(shen), None, Kind::Other);
    let goes = opened(&mut house, ann, Some(shen), None, Kind::Other);
    let call = missed(&mut house, "a", MOBILE, 0.0);
    assert_eq!(house.ticket_of(&call), Some(goes), "the newest is joined");
    let noted = paper(&mut house, boss, goes, note("催过一次"));
    let filed = paper(&mut house, ann, goes, picture());
    for (how, other) in [(Tie::CausedBy, third), (Tie::Duplicate, stays)] {
        house.give(Some(ann), Command::Paper(goes, Paper::Tie { how, other })).unwrap();
    }
    let up_to = highest(&house);
    let before = rows(&house, up_to);
    let number = house.page(goes).row.ticket.number;
    assert_eq!(merge(&mut house, ann, goes, stays), Ok(Done::Ticket(stays)));

    let page = house.page(stays);
    assert_eq!(page.calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(page.comments.iter().map(|comment| comment.id.0).collect::<Vec<_>>(), [noted]);
    assert_eq!(page.attachments.iter().map(|file| file.id.0).collect::<Vec<_>>(), [filed]);
    let ties: Vec<_> = page.ties.iter().map(|tied| (tied.how, tied.is_ours, tied.ticket)).collect();
    assert_eq!(ties, [(Tie::CausedBy, true, third)], "what it was to the other is no more");
    assert_eq!(page.regrouped.parts, std::slice::from_ref(&number));
    let said = |what: &TimelineWhat| match what {
        TimelineWhat::Regrouped { gave: false, number: other, .. } => *other == number,
        _ => false,
    };
    assert_eq!(page.timeline.iter().filter(|row| said(&row.what)).count(), 1);
    let joined = page.timeline.iter().find(|row| matches!(&row.what, TimelineWhat::Joined { .. })).expect("the call");
    assert_eq!(joined.of.as_deref(), Some(&*number), "its lines say whose they were");

    let part = house.page(goes);
    assert_eq!(part.row.ticket.state, TicketState::Closed);
    assert_eq!(part.regrouped.into.as_deref(), Some(&*page.row.ticket.number));
    assert!(part.calls.is_empty() && part.comments.is_empty() && part.attachments.is_empty() && part.ties.is_empty());
    let seek = Seek { text: number.clone(), open: Some(true), by: Seer::All, limit: 5 };
    let found = house.ask(house.reader.seek(seek)).unwrap().found;
    assert_eq!(found.iter().map(|found| found.row.ticket.id).collect::<Vec<_>>(), [stays], "by the other's number");
    assert_eq!(found[0].hits[0].place, Place::Number);

    let again = missed(&mut house, "b", MOBILE, 100.0);
    assert_eq!(house.ticket_of(&again), Some(stays), "and not the third, which is newer");
    house.crash();
    for command in [
        Command::Paper(goes, note("x")),
        Command::Matter(goes, Step::Promise { at: t(HOUR) }),
        Command::Hand(goes, Hand::Take { part: Part::Work }),
    ] {
        assert_eq!(house.give(Some(ann), command), unfit(Unfit::Gone));
    }
    assert_eq!(merge(&mut house, ann, third, goes), unfit(Unfit::Gone));
    assert_eq!(undo(&mut house, ann), Ok(Done::Ticket(goes)), "what came since stays");
    let mut after = rows(&house, up_to);
    assert_eq!(after[1].pop(), Some(format!("b {stays}")));
    assert_eq!(after, before);
    let seek = Seek { text: number, open: None, by: Seer::All, limit: 5 };
    let found = house.ask(house.reader.seek(seek)).unwrap().found;
    assert_eq!(found.iter().map(|found| found.row.ticket.id).collect::<Vec<_>>(), [goes]);
}

fn handle(house: &mut House, by: PersonId, ticket: TicketId, handle: Handle) -> Result<Done, Refusal> {
    house.give(Some(by), Command::Handle(ticket, handle))
}

fn log(words: &str, evidence: impl IntoIterator<Item = i64>) -> Handle {
    Handle::Log { words: words.to_owned(), evidence: evidence.into_iter().map(AttachmentId).collect() }
}

fn refund(sum_cents: i64) -> Handle {
    Handle::Propose { kind: RemedyKind::Refund, sum_cents, words: String::new() }
}

fn caused_by(version: i64, cause: &str) -> Handle {
    let findings = Findings { cause: cause.to_owned(), loss_cents: Some(700), ..Findings::default() };
    Handle::Find { version, findings }
}

/// Who opens the ticket that goes on has all that was found out and done before them, and decides what
/// waits; each of it once.
#[test]
fn what_was_found_out_and_done_goes_along_and_comes_back_as_it_was_decided() {
    let mut house = House::new();
    let (ann, boss) = (house.person("ann", Role::Agent, None), house.person("boss", Role::Supervisor, None));
    let chief = house.person("chief", Role::Manager, None);
    let shen = house.customer("Shen", false, &[MOBILE]);
    let [stays, goes] = [0, 1].map(|_| opened(&mut house, ann, Some(shen), None, Kind::Complaint));
    let number = house.page(goes).row.ticket.number;
    let file = paper(&mut house, ann, goes, picture());
    for (by, what) in [
        (ann, log("pressed again", [file])),
        (ann, caused_by(0, "leak")),
        (ann, refund(100)),
        (ann, refund(500_000)),
        (boss, Handle::Assess { words: "two points".into() }),
    ] {
        handle(&mut house, by, goes, what).unwrap();
    }
    handle(&mut house, ann, stays, log("asked the carrier", [])).unwrap();
    let before = [stays, goes].map(|ticket| house.page(ticket).handling);
    let up_to = highest(&house);
    let rows_before = rows(&house, up_to);
    merge(&mut house, ann, goes, stays).unwrap();

    let page = house.page(stays);
    assert_eq!(page.row.ticket.state, TicketState::WaitingApproval);
    let words = |page: &TicketPage| page.handling.log.iter().map(|row| row.words.clone()).collect::<Vec<_>>();
    assert_eq!(words(&page), ["pressed again", "asked the carrier"]);
    assert_eq!(page.handling.log[0].evidence, [AttachmentId(file)].into());
    assert_eq!(page.attachments.iter().map(|file| file.id.0).collect::<Vec<_>>(), [file]);
    assert_eq!((page.handling.findings.cause.as_str(), page.handling.saved), ("leak", before[1].saved));
    assert_eq!((&page.handling.remedies, &page.handling.assessments), (&before[1].remedies, &before[1].assessments));
    assert_eq!(page.handling.beside, [], "what was taken over stands once");
    let logged = |row: &&TimelineRow| matches!(&row.what, TimelineWhat::Investigated { .. });
    let whose: Vec<_> = page.timeline.iter().filter(logged).map(|row| row.of.clone()).collect();
    assert_eq!(whose, [Some(number.clone()), None]);
    let part = house.page(goes).handling;
    assert!(part.log.is_empty() && part.remedies.is_empty() && part.assessments.is_empty());
    assert_eq!(part.findings, before[1].findings, "what it said is there to be read");
    let asked = house.ask(house.reader.requests(Default::default())).unwrap();
    assert_eq!(asked.iter().map(|asked| asked.ticket.ticket.id).collect::<Vec<_>>(), [stays]);
    house.crash();
    undo(&mut house, ann).unwrap();
    assert_eq!(rows(&house, up_to), rows_before);

    merge(&mut house, ann, goes, stays).unwrap();
    let dear = asked[0].remedy.remedy.id;
    assert_eq!(handle(&mut house, chief, goes, Handle::Approve { remedy: dear }), unfit(Unfit::Gone));
    handle(&mut house, chief, stays, Handle::Approve { remedy: dear }).unwrap();
    assert_eq!(house.page(stays).row.ticket.state, TicketState::InProgress);
    undo(&mut house, ann).unwrap();
    let part = house.page(goes);
    assert_eq!(part.row.ticket.state, TicketState::InProgress, "nobody's word is waited for any more");
    let states = part.handling.remedies.iter().map(|row| row.remedy.state);
    assert_eq!(states.collect::<Vec<_>>(), [RemedyState::Granted, RemedyState::Approved]);
    assert_eq!(house.sql("SELECT count(*) FROM remedies"), ["2"]);
}

#[test]
fn of_two_findings_the_one_stands_and_the_other_is_read_beside() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    let shen = house.customer("Shen", false, &[MOBILE]);
    let [first, stays, goes] = [0, 1, 2].map(|_| opened(&mut house, boss, Some(shen), None, Kind::Complaint));
    handle(&mut house, boss, first, caused_by(0, "transport")).unwrap();
    handle(&mut house, boss, goes, caused_by(0, "leak")).unwrap();
    merge(&mut house, boss, goes, stays).unwrap();
    // What they found out further is theirs, whatever becomes of the merge.
    let version = house.page(stays).handling.version;
    assert_eq!(
        handle(&mut house, boss, stays, caused_by(0, "late")),
        Err(Refusal::Changed { by: Some(boss), version })
    );
    handle(&mut house, boss, stays, caused_by(version, "valve")).unwrap();
    undo(&mut house, boss).unwrap();
    let cause = |house: &House, ticket| house.page(ticket).handling.findings.cause;
    assert_eq!((cause(&house, stays), cause(&house, goes)), ("valve".into(), "leak".into()));

    merge(&mut house, boss, goes, stays).unwrap();
    merge(&mut house, boss, stays, first).unwrap();
    let page = house.page(first).handling;
    let beside = page.beside.iter().map(|found| (found.number.clone(), found.head.findings.cause.clone()));
    let number = |ticket| house.page(ticket).row.ticket.number;
    assert_eq!(page.findings.cause, "transport");
    assert_eq!(beside.collect::<Vec<_>>(), [(number(stays), "valve".into()), (number(goes), "leak".into())]);
    let seek = Seek { text: "leak".into(), open: Some(true), by: Seer::All, limit: 5 };
    let found = house.ask(house.reader.seek(seek)).unwrap().found;
    assert_eq!(found.iter().map(|found| found.row.ticket.id).collect::<Vec<_>>(), [first]);
    let sealed = house.ask(house.reader.ticket(stays, boss)).unwrap().unwrap();
    assert_eq!(sealed.handling.beside.len(), 1, "what became part of another shows what became part of it");
}

/// Whoever called about the one and is nobody known is heard in the other, wherever that went since.
#[test]
fn who_calls_without_a_name_joins_what_their_ticket_became_part_of() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    let shen = house.customer("Shen", false, &[OTHER]);
    let (theirs, call) =
        (opened(&mut house, boss, Some(shen), None, Kind::Other), missed(&mut house, "a", MOBILE, 0.0));
    let nobodys = house.ticket_of(&call).unwrap();
    let (one, two) = (opened(&mut house, boss, Some(shen), None, Kind::Other), theirs);
    assert_eq!(merge(&mut house, boss, two, nobodys), unfit(Unfit::OtherCustomer), "whose that is nobody has said");
    merge(&mut house, boss, nobodys, two).unwrap();
    merge(&mut house, boss, two, one).unwrap();
    let again = missed(&mut house, "b", MOBILE, 100.0);
    assert_eq!(house.ticket_of(&again), Some(one));
    let owed = house.card(OTHER).open_obligations.iter().filter(|owed| owed.kind == ClockKind::MissedCall).count();
    assert_eq!(owed, 1, "a talk with the customer keeps it");
    save(&mut house, boss, &again, 1, TicketState::Closed).unwrap();
    let anew = missed(&mut house, "c", MOBILE, 200.0);
    assert!(![Some(one), Some(two), Some(nobodys)].contains(&house.ticket_of(&anew)), "that is over");
}

#[test]
fn of_what_is_owed_twice_what_is_due_first_stays_and_no_rung_fires_twice() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    let shen = house.customer("Shen", false, &[MOBILE]);
    let early = opened(&mut house, boss, Some(shen), None, Kind::Other);
    house.until(t(HOUR));
    let late = opened(&mut house, boss, Some(shen), None, Kind::Other);
    assert_eq!(clocks(&house, early), ["resolution open 120", "first_response open 10"]);
    assert_eq!(clocks(&house, late), ["resolution open 180", "first_response open 70"]);
    house.until(t(1.7 * HOUR));
    let fired = house.sql("SELECT count(*) FROM rungs");
    merge(&mut house, boss, early, late).unwrap();
    assert_eq!(
        clocks(&house, late),
        ["resolution open 120", "first_response open 10", "resolution replaced 180", "first_response replaced 70"]
    );
    assert_eq!(house.sql("SELECT count(*) FROM rungs"), fired);
    house.until(t(2.5 * HOUR));
    let decided = "SELECT count(*) FROM facts WHERE kind = 'rung_fired'";
    let distinct =
        "SELECT count(DISTINCT obligation || json_extract(body, '$.rung')) FROM facts WHERE kind = 'rung_fired'";
    assert_eq!(house.sql(decided), house.sql(distinct));
    undo(&mut house, boss).unwrap();
    assert_eq!(clocks(&house, early), ["resolution open 120", "first_response open 10"]);
    assert_eq!(clocks(&house, late), ["resolution open 180", "first_response open 70"]);
    house.until(t(30.0 * HOUR));
    assert_eq!(house.sql(decided), house.sql(distinct), "what comes back goes on where it stood");
    assert_eq!(house.sql("SELECT count(*) FROM rungs"), ["12"], "each of four told three times");

    // Promises were made, each by itself.
    for (ticket, at) in [(late, t(60.0 * HOUR)), (early, t(50.0 * HOUR))] {
        house.give(Some(boss), Command::Matter(ticket, Step::Promise { at })).unwrap();
    }
    merge(&mut house, boss, early, late).unwrap();
    let open = format!("SELECT kind FROM obligations WHERE ticket = {late} AND state = 'open' ORDER BY id");
    assert_eq!(house.sql(&open), ["first_response", "promise", "promise"]);
}

#[test]
fn only_what_can_go_on_as_one_is_put_together() {
    let mut house = House::new();
    let (ann, bob) = (house.person("ann", Role::Agent, None), house.person("bob", Role::Agent, None));
    let boss = house.person("boss", Role::Supervisor, None);
    let (shen, wen) = (house.customer("Shen", false, &[MOBILE]), house.customer("Wen", false, &[OTHER]));
    let [a, b] = [0, 1].map(|_| opened(&mut house, ann, Some(shen), None, Kind::Other));
    let bobs = opened(&mut house, bob, Some(shen), None, Kind::Other);
    let wens = opened(&mut house, ann, Some(wen), None, Kind::Other);
    let complaint = opened(&mut house, ann, Some(shen), None, Kind::Complaint);
    assert_eq!(merge(&mut house, ann, a, a), unfit(Unfit::Itself));
    assert_eq!(merge(&mut house, ann, a, TicketId(7)), Err(Refusal::NoSuchTicket));
    assert_eq!(merge(&mut house, ann, a, bobs), Err(Refusal::NoSuchTicket), "what one may not see is not there");
    assert_eq!(merge(&mut house, ann, bobs, a), Err(Refusal::NoSuchTicket));
    assert_eq!(merge(&mut house, ann, a, wens), unfit(Unfit::OtherCustomer));
    assert_eq!(merge(&mut house, ann, complaint, a), unfit(Unfit::IsComplaint));
    priority(&mut house, ann, a, Priority::Urgent);
    assert_eq!(merge(&mut house, ann, a, b), unfit(Unfit::OwesLess), "what is urgent stays so");
    let offer = Hand::Offer { part: Part::Matter, to: Receiver::Person(bob), words: "yours".into() };
    house.give(Some(ann), Command::Hand(a, offer)).unwrap();
    for (from, into) in [(a, b), (b, a)] {
        assert_ne!(merge(&mut house, ann, from, into), Ok(Done::Ticket(into)));
    }
    assert_eq!(merge(&mut house, ann, b, a), unfit(Unfit::Offered));
    house.give(Some(ann), Command::Hand(a, Hand::Withdraw)).unwrap();

    // Whose it is answers for it until somebody accepts it; a supervisor may say so.
    let merged = house.give(Some(bob), Command::Regroup(bobs, Regroup::Merge { into: b }));
    assert_eq!(merged, Err(Refusal::NoSuchTicket));
    merge(&mut house, boss, bobs, a).unwrap();
    let owners = format!("SELECT DISTINCT owner FROM obligations WHERE ticket = {a} AND state = 'open'");
    assert_eq!(house.sql(&owners), [ann.to_string()]);
    assert_eq!(undo(&mut house, ann), Err(Refusal::NoSuchTicket), "that one is not theirs");
    undo(&mut house, boss).unwrap();
    let owners = format!("SELECT DISTINCT owner FROM obligations WHERE ticket = {bobs} AND state = 'open'");
    assert_eq!(house.sql(&owners), [bob.to_string()]);

    priority(&mut house, ann, complaint, Priority::Urgent);
    merge(&mut house, ann, a, complaint).unwrap();
    house.give(Some(ann), Command::Matter(complaint, Step::Replied { words: "yes".into() })).unwrap();
    assert_eq!(undo(&mut house, ann), unfit(Unfit::BuiltOn), "the one answer was for both");
    assert_eq!(house.give(None, Command::Regroup(b, Regroup::Merge { into: complaint })), Err(Refusal::NotAllowed));
}

#[test]
fn what_is_about_something_else_gets_a_ticket_and_clocks_of_its_own() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, None);
    let shen = house.customer("Shen", false, &[MOBILE]);
    let stays = opened(&mut house, ann, Some(shen), None, Kind::Complaint);
    let call = missed(&mut house, "a", MOBILE, 0.0);
    let (kept, goes) = (paper(&mut house, ann, stays, note("one")), paper(&mut house, ann, stays, note("two")));
    let file = paper(&mut house, ann, stays, picture());
    let up_to = highest(&house);
    let before = rows(&house, up_to);
    let parts = || Parts {
        calls: [call.id.clone()].into(),
        comments: [crate::CommentId(goes)].into(),
        attachments: [crate::AttachmentId(file)].into(),
    };
    let missing = Err(Refusal::Field { field: "calls", why: FieldWhy::Missing });
    assert_eq!(split(&mut house, ann, stays, Parts::default(), Kind::Other), missing);
    let strange = Parts { calls: [CallId::from("b")].into(), ..Parts::default() };
    let unknown = Err(Refusal::Field { field: "calls", why: FieldWhy::Unknown });
    assert_eq!(split(&mut house, ann, stays, strange, Kind::Other), unknown);
    house.until(t(HOUR));
    let Ok(Done::Ticket(new)) = split(&mut house, ann, stays, parts(), Kind::Complaint) else { panic!("no ticket") };
    let page = house.page(new);
    assert_eq!((page.row.ticket.customer, page.row.ticket.owner), (Some(shen), Some(ann)));
    assert_eq!(page.calls.len() + page.comments.len() + page.attachments.len(), 3);
    assert!(page.timeline.iter().any(|row| matches!(&row.what, TimelineWhat::Joined { call } if call.as_str() == "a")));
    let theirs: Vec<String> = clocks(&house, new).iter().map(|clock| clock.split(' ').take(2).collect()).collect();
    assert_eq!(theirs, ["missed_callopen", "resolutionopen", "acceptanceopen"]);
    assert_eq!(house.page(stays).comments.iter().map(|comment| comment.id.0).collect::<Vec<_>>(), [kept]);
    house.crash();
    assert_eq!(undo(&mut house, ann), Ok(Done::Ticket(stays)));
    assert_eq!(rows(&house, up_to)[..5], before[..5]);
    let moved =
        |rows: &[Vec<String>]| rows[5].iter().map(|row| row.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(moved(&rows(&house, up_to)), moved(&before));
    assert_eq!(house.page(new).regrouped.into, Some(house.page(stays).row.ticket.number));
    assert_eq!(clocks(&house, new).iter().filter(|clock| clock.contains("dropped")).count(), 2);
    let (_, id) = (0, RegroupId(house.sql("SELECT max(id) FROM regroups")[0].parse().unwrap()));
    let again = house.give(Some(ann), Command::Regroup(stays, Regroup::Undo(id)));
    assert_eq!(again, unfit(Unfit::Undone));
    let others = house.give(Some(ann), Command::Regroup(new, Regroup::Undo(id)));
    assert_eq!(others, unfit(Unfit::NoSuchRegrouping));

    let Ok(Done::Ticket(new)) = split(&mut house, ann, stays, parts(), Kind::Other) else { panic!("no ticket") };
    paper(&mut house, ann, new, note("three"));
    assert_eq!(undo(&mut house, ann), unfit(Unfit::BuiltOn));
    assert_eq!(merge(&mut house, ann, new, stays), Ok(Done::Ticket(stays)), "but what it became can be put back");
    assert_eq!(house.page(stays).comments.len(), 3);
}

/// Under a policy that owes as much for the one kind as for the other, so that nothing else stands in the way.
#[test]
fn nobody_is_done_with_a_complaint_by_putting_it_into_what_is_none() {
    let mut policy = policy();
    for kind in [ClockKind::Acceptance, ClockKind::Filing, ClockKind::ReturnVisit] {
        policy.terms.clocks.rule_mut(kind).kinds = Kind::ALL.iter().copied().collect();
    }
    let mut house = House::under(policy, t(0.0));
    let (ann, boss) = (house.person("ann", Role::Agent, None), house.person("boss", Role::Supervisor, None));
    let shen = house.customer("Shen", false, &[MOBILE]);
    let [other, complaint, second] =
        [Kind::Other, Kind::Complaint, Kind::Complaint].map(|kind| opened(&mut house, ann, Some(shen), None, kind));
    for by in [ann, boss] {
        assert_eq!(merge(&mut house, by, complaint, other), unfit(Unfit::IsComplaint));
    }
    merge(&mut house, ann, complaint, second).unwrap();
    merge(&mut house, ann, other, second).unwrap();
    assert_eq!(house.page(second).row.ticket.kind, Kind::Complaint);
    undo(&mut house, ann).unwrap();
    // What goes on is called something else by who may, and the part that comes back is what it was.
    let reclass = || Handle::Reclass { kind: Kind::Other, why: "praise, and not blame".into() };
    house.give(Some(boss), Command::Handle(second, reclass())).unwrap();
    undo(&mut house, ann).unwrap();
    assert_eq!(house.page(complaint).row.ticket.kind, Kind::Complaint);

    let noted = paper(&mut house, ann, other, note("also torn"));
    let parts = || Parts { comments: [crate::CommentId(noted)].into(), ..Parts::default() };
    let Ok(Done::Ticket(split_off)) = split(&mut house, ann, other, parts(), Kind::Complaint) else { panic!() };
    for by in [ann, boss] {
        assert_eq!(undo(&mut house, by), unfit(Unfit::IsComplaint));
    }
    house.give(Some(boss), Command::Handle(split_off, reclass())).unwrap();
    assert_eq!(undo(&mut house, ann), unfit(Unfit::BuiltOn));
    merge(&mut house, ann, split_off, other).expect("but what it became can be put back");
    assert_eq!(house.page(other).comments.len(), 1);

    let noted = paper(&mut house, ann, complaint, note("torn twice"));
    let parts = Parts { comments: [crate::CommentId(noted)].into(), ..Parts::default() };
    split(&mut house, ann, complaint, parts, Kind::Complaint).unwrap();
    undo(&mut house, ann).expect("it goes on in the complaint that it came from");
}

#[derive(Clone, Debug)]
enum Event {
    Merge(usize, usize),
    Split(usize, usize),
    Missed(usize),
    Noted(usize),
    Attached(usize),
    Tied(usize, usize),
    Promised(usize, i64),
    Urgent(usize, bool),
    Claimed(usize),
    Paused(usize),
    Logged(usize),
    Found(usize, usize),
    Proposed(usize, usize),
    Decided(usize, bool),
    Assessed(usize),
    Passed(i64),
    Crashed,
}

fn happening() -> impl Strategy<Value = Event> {
    let nth = || 0..4usize;
    prop_oneof![
        2 => (0..3usize).prop_map(Event::Missed),
        2 => nth().prop_map(Event::Noted),
        1 => nth().prop_map(Event::Attached),
        2 => (nth(), nth()).prop_map(|(one, other)| Event::Tied(one, other)),
        1 => (nth(), 1..50i64).prop_map(|(nth, hours)| Event::Promised(nth, hours)),
        1 => (nth(), any::<bool>()).prop_map(|(nth, urgent)| Event::Urgent(nth, urgent)),
        1 => (0..8usize).prop_map(Event::Claimed),
        1 => (0..8usize).prop_map(Event::Paused),
        1 => nth().prop_map(Event::Logged),
        2 => (nth(), 0..3usize).prop_map(|(nth, cause)| Event::Found(nth, cause)),
        2 => (nth(), 0..2usize).prop_map(|(nth, sum)| Event::Proposed(nth, sum)),
        2 => (nth(), any::<bool>()).prop_map(|(nth, approved)| Event::Decided(nth, approved)),
        1 => nth().prop_map(Event::Assessed),
        3 => (1..300i64).prop_map(Event::Passed),
        1 => Just(Event::Crashed),
    ]
}

fn regrouping() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..4usize, 0..4usize).prop_map(|(from, into)| Event::Merge(from, into)),
        1 => (0..4usize, 1..64usize).prop_map(|(from, bits)| Event::Split(from, bits)),
    ]
}

struct Site {
    house: House,
    boss: PersonId,
    chief: PersonId,
    tickets: Vec<TicketId>,
    calls: usize,
}

impl Site {
    fn new(kinds: &[usize]) -> Site {
        let mut house = House::new();
        let boss = house.person("boss", Role::Supervisor, None);
        let chief = house.person("chief", Role::Manager, None);
        let shen = house.customer("Shen", false, &[MOBILE]);
        let owner = |nth| if nth % 3 == 2 { None } else { Some(shen) };
        let tickets = kinds.iter().enumerate().map(|(nth, kind)| {
            let number = owner(nth).is_none().then_some(OTHER);
            opened(&mut house, boss, owner(nth), number, [Kind::Other, Kind::Complaint][*kind])
        });
        let tickets = tickets.collect();
        Site { house, boss, chief, tickets, calls: 0 }
    }

    /// Whether it happened; what the house refuses is no part of its history.
    fn happens(&mut self, event: &Event) -> bool {
        let (boss, ticket) = (self.boss, |nth: usize| self.tickets[nth % self.tickets.len()]);
        let open = |house: &House, nth: usize| {
            let open = house.sql("SELECT id FROM obligations WHERE state = 'open' ORDER BY id");
            open.get(nth).map(|id| ObligationId(id.parse().unwrap()))
        };
        let command = match *event {
            Event::Merge(from, into) => Command::Regroup(ticket(from), Regroup::Merge { into: ticket(into) }),
            Event::Split(from, bits) => {
                let of =
                    |table: &str| self.house.sql(&format!("SELECT id FROM {table} WHERE ticket = {}", ticket(from)));
                let chosen = |all: Vec<String>, from: usize| -> Vec<String> {
                    let chosen = all.into_iter().enumerate().filter(|(nth, _)| bits >> (from + nth % 2) & 1 == 1);
                    chosen.map(|(_, id)| id).collect()
                };
                let parts = Parts {
                    calls: chosen(of("calls"), 0).iter().map(|id| CallId::from(id.as_str())).collect(),
                    comments: chosen(of("comments"), 2)
                        .iter()
                        .map(|id| crate::CommentId(id.parse().unwrap()))
                        .collect(),
                    attachments: chosen(of("attachments"), 4)
                        .iter()
                        .map(|id| crate::AttachmentId(id.parse().unwrap()))
                        .collect(),
                };
                let kind = [self.house.page(ticket(from)).row.ticket.kind, Kind::Suggestion][bits % 2];
                Command::Regroup(ticket(from), Regroup::Split { parts, kind })
            }
            Event::Missed(line) => {
                let number = [MOBILE, OTHER, "+8613700137000"][line];
                let from = (self.house.now - t(0.0)).num_milliseconds() as f64 / 1000.0;
                missed(&mut self.house, &format!("c{}", self.calls), number, from);
                self.calls += 1;
                return true;
            }
            Event::Noted(nth) => Command::Paper(ticket(nth), note("words")),
            Event::Attached(nth) => Command::Paper(ticket(nth), picture()),
            Event::Tied(one, other) => {
                Command::Paper(ticket(one), Paper::Tie { how: Tie::ALL[one % 3], other: ticket(other) })
            }
            Event::Promised(nth, hours) => {
                let at = self.house.now + TimeDelta::hours(hours);
                Command::Matter(ticket(nth), Step::Promise { at })
            }
            Event::Urgent(nth, urgent) => {
                let its = self.house.page(ticket(nth)).row.ticket;
                let form = TicketForm {
                    kind: its.kind,
                    category: its.category,
                    priority: if urgent { Priority::Urgent } else { Priority::Normal },
                    complexity: its.complexity,
                    channel: its.channel,
                    summary: its.summary,
                    course: its.course,
                    demand: its.demand,
                    object: Object::default(),
                };
                let state = TicketState::InProgress;
                Command::SaveTicket { ticket: its.id, version: its.version, form, state }
            }
            Event::Claimed(nth) => match open(&self.house, nth) {
                Some(id) => Command::Owed(id, Owed::Claim),
                None => return false,
            },
            Event::Paused(nth) => match open(&self.house, nth) {
                Some(id) => Command::Owed(id, Owed::Suspend { reason: "waits".into() }),
                None => return false,
            },
            Event::Logged(nth) => {
                let file = self
                    .house
                    .sql(&format!("SELECT coalesce(max(id), '') FROM attachments WHERE ticket = {}", ticket(nth)));
                Command::Handle(ticket(nth), log("words", file[0].parse()))
            }
            Event::Found(nth, cause) => {
                let version = self.house.page(ticket(nth)).handling.version;
                Command::Handle(ticket(nth), caused_by(version, ["", "leak", "transport"][cause]))
            }
            Event::Proposed(nth, sum) => Command::Handle(ticket(nth), refund([100, 500_000][sum])),
            Event::Decided(nth, approved) => {
                let asked =
                    self.house.sql("SELECT ticket || ' ' || id FROM remedies WHERE state = 'requested' ORDER BY id");
                let Some((ticket, remedy)) = asked.get(nth).and_then(|asked| asked.split_once(' ')) else {
                    return false;
                };
                let remedy = RemedyId(remedy.parse().unwrap());
                let word = if approved {
                    Handle::Approve { remedy }
                } else {
                    Handle::Refuse { remedy, why: "too much".into() }
                };
                let given = Command::Handle(TicketId(ticket.parse().unwrap()), word);
                // Whatever waits can be decided.
                self.house.give(Some(self.chief), given).unwrap();
                return true;
            }
            Event::Assessed(nth) => Command::Handle(ticket(nth), Handle::Assess { words: "two points".into() }),
            Event::Passed(minutes) => {
                let to = self.house.now + TimeDelta::minutes(minutes);
                self.house.until(to);
                return true;
            }
            Event::Crashed => {
                self.house.crash();
                return true;
            }
        };
        self.house.give(Some(boss), command).is_ok()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever came before, and however many are put together and apart: undone in turn, all that there
    /// was is as it was.
    #[test]
    fn what_was_put_together_and_apart_comes_back_as_it_was(
        kinds in prop::collection::vec(0..2usize, 4),
        before in prop::collection::vec(happening(), 0..12),
        changes in prop::collection::vec(regrouping(), 1..5),
    ) {
        let mut site = Site::new(&kinds);
        for event in &before {
            site.happens(event);
        }
        // What is due is told before, so that nothing but the regroupings changes rows.
        site.house.settle();
        let up_to = highest(&site.house);
        let rows_before = rows(&site.house, up_to);
        for event in &changes {
            site.happens(event);
        }
        site.house.crash();
        while last(&site.house).is_some() {
            prop_assert!(undo(&mut site.house, site.boss).is_ok());
        }
        prop_assert_eq!(rows(&site.house, up_to), rows_before);
    }

    /// With a life in between: what cannot come back changes nothing, whatever is owed stays owed until it
    /// ended, and no rung is decided twice.
    #[test]
    fn with_a_life_in_between_nothing_is_lost_or_told_twice(
        kinds in prop::collection::vec(0..2usize, 4),
        life in prop::collection::vec(prop_oneof![3 => happening(), 2 => regrouping()], 4..20),
    ) {
        let mut site = Site::new(&kinds);
        for event in &life {
            site.happens(event);
        }
        while last(&site.house).is_some() {
            let at_rest = rows(&site.house, i64::MAX);
            match undo(&mut site.house, site.boss) {
                Ok(_) => {}
                Err(refusal) => {
                    prop_assert_eq!(refusal, Refusal::Regroup(Unfit::BuiltOn));
                    prop_assert_eq!(rows(&site.house, i64::MAX), at_rest);
                    break;
                }
            }
        }
        site.house.until(site.house.now + TimeDelta::hours(30));
        let twice = "SELECT obligation FROM facts WHERE kind = 'rung_fired' GROUP BY obligation, json_extract(body, '$.rung') HAVING count(*) > 1";
        prop_assert_eq!(site.house.sql(twice), [""; 0]);
        let lost = "SELECT id FROM obligations o WHERE state = 'open' AND next_rung IS NULL
            AND (SELECT count(*) FROM rungs r WHERE r.obligation = o.id) < 3";
        prop_assert_eq!(site.house.sql(lost), [""; 0], "what is open goes on to be told of");
        let astray = "SELECT o.id FROM obligations o JOIN tickets t ON t.id = o.ticket
            WHERE o.state = 'open' AND t.merged_into IS NOT NULL
            UNION ALL SELECT c.id FROM calls c JOIN tickets t ON t.id = c.ticket WHERE t.merged_into IS NOT NULL
            UNION ALL SELECT r.id FROM remedies r JOIN tickets t ON t.id = r.ticket WHERE t.merged_into IS NOT NULL
            UNION ALL SELECT i.id FROM investigations i JOIN tickets t ON t.id = i.ticket WHERE t.merged_into IS NOT NULL
            UNION ALL SELECT a.id FROM assessments a JOIN tickets t ON t.id = a.ticket WHERE t.merged_into IS NOT NULL";
        prop_assert_eq!(site.house.sql(astray), [""; 0], "in what is part of another lies nothing");
        let unasked = "SELECT id FROM tickets t WHERE (state = 'waiting_approval')
            <> EXISTS (SELECT 1 FROM remedies r WHERE r.ticket = t.id AND r.state = 'requested')";
        prop_assert_eq!(site.house.sql(unasked), [""; 0], "what waits for somebody's word says so, and nothing else does");
        let unowed = "SELECT id FROM tickets t WHERE is_open = 1 AND NOT EXISTS (SELECT 1 FROM obligations o
            WHERE o.ticket = t.id AND o.state = 'open' AND o.kind IN ('resolution', 'promise'))";
        prop_assert_eq!(site.house.sql(unowed), [""; 0], "no open ticket is without a clock");
    }
}
