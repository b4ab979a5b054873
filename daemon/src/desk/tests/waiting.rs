//! Waiting for the customer ends when they call about it, and not otherwise.

use super::super::command::{Owed, Step};
use super::*;
use crate::{PersonId, TicketId};

const HOUR: f64 = 60.0 * MINUTE;

/// A matter of Ann's that waits for its customer since one hour on.
struct Desk {
    house: House,
    ann: PersonId,
    ben: PersonId,
    ticket: TicketId,
}

impl Desk {
    fn new() -> Desk {
        let mut house = House::new();
        let ann = house.person("ann", Role::Agent, Some("1001"));
        let ben = house.person("ben", Role::Agent, Some("1002"));
        house.customer("Shen", false, &[MOBILE, OTHER]);
        let call = talking(&inbound("first", MOBILE, t(0.0)), "1001", t(0.0));
        house.sees(t(0.0), &call);
        house.sees(t(60.0), &ended(&call, t(60.0), Outcome::Answered));
        let ticket = house.ticket_of(&call).unwrap();
        let mut desk = Desk { house, ann, ben, ticket };
        desk.waits(HOUR);
        desk
    }

    fn waits(&mut self, at: f64) {
        self.house.until(t(at));
        self.step(Step::Wait { reason: "their photos".into() }).unwrap();
    }

    fn step(&mut self, step: Step) -> Result<Done, Refusal> {
        self.house.give(Some(self.ann), Command::Matter(self.ticket, step))
    }

    /// Its customer calls and talks with Ben for so long.
    fn calls(&mut self, id: &str, from: f64, seconds: f64) -> Call {
        let call = inbound(id, OTHER, t(from));
        self.house.sees(t(from), &call);
        let call = talking(&call, "1002", t(from + 5.0));
        self.house.sees(t(from + 5.0), &call);
        if seconds > 10.0 {
            self.house.sees(t(from + 15.0), &call);
        }
        let call = ended(&call, t(from + 5.0 + seconds), Outcome::Answered);
        self.house.sees(t(from + 5.0 + seconds), &call);
        call
    }

    fn state(&self) -> TicketState {
        self.house.page(self.ticket).row.ticket.state
    }

    fn due(&self) -> Option<Time> {
        let rows = self.house.page(self.ticket).obligations;
        rows.iter().find(|row| row.kind == ClockKind::Resolution).unwrap().due_at
    }

    fn still_waits(&self, why: &str) {
        assert_eq!((self.state(), self.due()), (TicketState::WaitingCustomer, None), "{why}");
    }
}

#[test]
fn who_was_waited_for_calls_and_the_matter_goes_on_since_they_were_talked_with() {
    let mut desk = Desk::new();
    desk.still_waits("nobody has called");
    let version = desk.house.page(desk.ticket).row.ticket.version;
    desk.calls("again", 2.0 * HOUR, 40.0);
    let page = desk.house.page(desk.ticket);
    assert_eq!(page.row.ticket.state, TicketState::InProgress);
    let rested = HOUR + 15.0;
    assert_eq!(desk.due(), Some(t(2.0 * HOUR + rested)), "an hour was left, and is");
    assert_eq!(page.row.ticket.version, version, "what somebody types meanwhile is no later edit");
    let said = page.timeline.iter().find_map(|row| match &row.what {
        TimelineWhat::CustomerCalled { call, person, .. } => Some((row.by, call.as_str(), *person)),
        _ => None,
    });
    assert_eq!(said, Some((None, "again", Some(desk.ben))));
    desk.house.settle();
    let told = desk.house.ask(desk.house.reader.told(desk.ann, crate::MessageId(0))).unwrap();
    let told: Vec<News> = told.iter().flat_map(|message| &message.tellings).map(|telling| telling.news).collect();
    assert_eq!(told.iter().filter(|news| **news == News::Called).count(), 1, "Ben took it; Ann waited: {told:?}");
    assert_eq!(desk.step(Step::GoOn), Err(Refusal::NotSuspended));
    // What they called then does not end what is waited for since.
    desk.waits(3.0 * HOUR);
    desk.house.crash();
    let again = ended(
        &talking(&inbound("again", OTHER, t(2.0 * HOUR)), "1002", t(2.0 * HOUR + 5.0)),
        t(2.0 * HOUR + 45.0),
        Outcome::Answered,
    );
    desk.house.sees(t(3.0 * HOUR + 1.0), &again);
    desk.still_waits("it was over before");
    desk.calls("third", 4.0 * HOUR, 40.0);
    assert_eq!(desk.state(), TicketState::InProgress);
}

#[test]
fn whichever_states_of_the_call_are_heard_of_it_goes_on_since_the_same_moment() {
    let due = |states: &[f64]| {
        let mut desk = Desk::new();
        let from = 2.0 * HOUR;
        let call = talking(&inbound("again", OTHER, t(from)), "1002", t(from + 5.0));
        for at in states {
            desk.house.sees(t(from + at), &call);
        }
        desk.house.sees(t(from + 60.0), &ended(&call, t(from + 60.0), Outcome::Answered));
        desk.due().expect("it runs")
    };
    assert_eq!(due(&[]), due(&[5.0, 15.0, 20.0]));
    assert_eq!(due(&[7.0]), due(&[30.0]));
}

#[test]
fn no_other_call_ends_it() {
    let mut desk = Desk::new();
    desk.calls("short", 2.0 * HOUR, 9.9);
    desk.still_waits("a wrong connection");
    let out = talking(&outbound("out", MOBILE, "1001", t(2.1 * HOUR)), "1001", t(2.1 * HOUR));
    desk.house.sees(t(2.1 * HOUR), &out);
    desk.house.sees(t(2.1 * HOUR + 60.0), &ended(&out, t(2.1 * HOUR + 60.0), Outcome::Answered));
    desk.still_waits("we called them, and know ourselves what they said");
    let other = talking(&inbound("other", "+8613700137000", t(2.2 * HOUR)), "1002", t(2.2 * HOUR));
    desk.house.sees(t(2.2 * HOUR), &other);
    desk.house.sees(t(2.2 * HOUR + 60.0), &ended(&other, t(2.2 * HOUR + 60.0), Outcome::Answered));
    desk.still_waits("somebody else called");
    let gap = talking(&inbound("gap", MOBILE, t(2.3 * HOUR)), "1002", t(2.3 * HOUR));
    let gap = Call { certain: false, ..gap };
    desk.house.sees(t(2.3 * HOUR), &gap);
    desk.house.sees(t(2.3 * HOUR + 60.0), &gap);
    desk.house.sees(t(2.3 * HOUR + 70.0), &ended(&gap, t(2.3 * HOUR + 70.0), Outcome::Answered));
    desk.still_waits("part of it was not seen");
    let missed = inbound("missed", MOBILE, t(2.4 * HOUR));
    desk.house.sees(t(2.4 * HOUR), &missed);
    desk.house.sees(t(2.4 * HOUR + 60.0), &ended(&missed, t(2.4 * HOUR + 60.0), Outcome::Abandoned));
    desk.still_waits("nobody talked with them");

    // What they call about is their newest matter, and no other.
    let customer = desk.house.page(desk.ticket).row.ticket.customer;
    let open = Command::OpenTicket { call: None, customer, number: None, kind: Kind::Other, channel: Channel::Email };
    let Ok(Done::Ticket(newer)) = desk.house.give(Some(desk.ann), open) else { panic!("no ticket") };
    let call = desk.calls("newer", 2.5 * HOUR, 60.0);
    assert_eq!(desk.house.ticket_of(&call), Some(newer));
    desk.still_waits("they called about something else");
}

#[test]
fn a_call_in_which_somebody_said_what_is_waited_for_does_not_end_it() {
    let mut desk = Desk::new();
    desk.step(Step::GoOn).unwrap();
    let from = 1.5 * HOUR;
    let call = talking(&inbound("up", MOBILE, t(from)), "1001", t(from + 1.0));
    desk.house.sees(t(from), &call);
    desk.waits(from + 5.0);
    desk.house.sees(t(from + 11.0), &call);
    desk.house.sees(t(from + 300.0), &ended(&call, t(from + 300.0), Outcome::Answered));
    desk.still_waits("it was up before");
}

#[test]
fn at_one_moment_it_makes_no_difference_whether_the_call_or_somebody_says_that_it_goes_on() {
    let after = |order: [usize; 3]| {
        let mut desk = Desk::new();
        let from = 2.0 * HOUR;
        let call = talking(&inbound("again", OTHER, t(from)), "1002", t(from + 5.0));
        desk.house.sees(t(from + 5.0), &call);
        desk.house.until(t(from + 15.0));
        for what in order {
            match what {
                0 => desk.house.sees(t(from + 15.0), &call),
                1 => drop(desk.step(Step::GoOn)),
                _ => {
                    let owed = desk.house.page(desk.ticket).obligations;
                    let owed = owed.iter().find(|row| row.kind == ClockKind::Resolution).unwrap().id;
                    let _ = desk.house.give(Some(desk.ann), Command::Owed(owed, Owed::Resume));
                }
            }
        }
        desk.house.sees(t(from + 60.0), &ended(&call, t(from + 60.0), Outcome::Answered));
        desk.house.until(t(30.0 * HOUR));
        let rows = "SELECT o.kind, o.state, o.due_at_ms, t.state,
            (SELECT group_concat(from_ms || '-' || to_ms) FROM suspensions s WHERE s.obligation = o.id),
            (SELECT count(*) FROM rungs r WHERE r.obligation = o.id)
            FROM obligations o JOIN tickets t ON t.id = o.ticket ORDER BY o.id";
        (desk.house.sql(rows), desk.state())
    };
    let first = after([0, 1, 2]);
    assert_eq!(first.1, TicketState::InProgress);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(after(order), first, "{order:?}");
    }
}

/// Since when it waits is told by its facts, where a store is from before that was kept in its row.
#[test]
fn what_waits_already_in_an_earlier_versions_store_goes_on_likewise() {
    let mut desk = Desk::new();
    let waits = "SELECT coalesce(waiting_since_ms, 'not') FROM tickets";
    let since = desk.house.sql(waits);
    assert_eq!(since, [t(HOUR).timestamp_millis().to_string()]);
    let earlier = "ALTER TABLE tickets DROP COLUMN waiting_since_ms;
        DELETE FROM refinery_schema_history WHERE version >= 21;";
    desk.house.store().db().execute_batch(earlier).unwrap();
    desk.house.crash();
    assert_eq!(desk.house.sql(waits), since);
    desk.calls("again", 2.0 * HOUR, 40.0);
    assert_eq!(desk.state(), TicketState::InProgress);
}
