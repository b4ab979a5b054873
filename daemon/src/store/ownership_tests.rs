//! A small history, and what its report says, reckoned by hand.

use super::ownership::{Came, Idle, PassFilter, PassedOn, Share, Unanswered};
use crate::calls::call::Outcome;
use crate::desk::command::{Command, TicketForm};
use crate::desk::ownership::{Hand, Part, Receiver};
use crate::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use crate::engine::house::{House, ended, inbound, policy, t, talking};
use crate::{PersonId, Role, TicketId, Time};

const HOUR: f64 = 3600.0;

struct Site {
    house: House,
    ann: PersonId,
    ben: PersonId,
    boss: PersonId,
    wu: PersonId,
}

fn quality() -> Receiver {
    Receiver::Department("品质部".into())
}

impl Site {
    fn new() -> Site {
        let mut policy = policy();
        policy.terms.departments.insert("品质部".into(), "site".into());
        let mut house = House::under(policy, t(-1.0));
        let ann = house.person("ann", Role::Agent, Some("1001"));
        let ben = house.person("ben", Role::Agent, Some("1002"));
        let boss = house.person("boss", Role::Supervisor, None);
        let wu = house.person("wu", Role::Handler, None);
        let set = Command::SetDepartment {
            department: "品质部".into(),
            responsible: Some(wu),
            deputy: None,
            others: Default::default(),
        };
        house.give(Some(boss), set).unwrap();
        Site { house, ann, ben, boss, wu }
    }

    /// The customer calls and talks with that extension for a minute.
    fn talks(&mut self, id: &str, number: &str, extension: &str, at: f64) -> TicketId {
        let call = talking(&inbound(id, number, t(at)), extension, t(at));
        self.house.sees(t(at), &call);
        self.house.sees(t(at + 60.0), &ended(&call, t(at + 60.0), Outcome::Answered));
        self.house.ticket_of(&call).unwrap()
    }

    /// The customer calls, and gives up.
    fn misses(&mut self, id: &str, number: &str, at: f64) {
        let call = inbound(id, number, t(at));
        self.house.sees(t(at), &call);
        self.house.sees(t(at + 20.0), &ended(&call, t(at + 20.0), Outcome::Abandoned));
    }

    fn hand(&mut self, at: f64, by: PersonId, ticket: TicketId, hand: Hand) {
        self.house.until(t(at));
        self.house.give(Some(by), Command::Hand(ticket, hand)).unwrap();
    }

    fn offer(&mut self, at: f64, by: PersonId, ticket: TicketId, part: Part, to: Receiver) {
        self.hand(at, by, ticket, Hand::Offer { part, to, words: "they know it".into() });
    }

    fn saves(&mut self, at: f64, by: PersonId, ticket: TicketId, state: TicketState) {
        self.house.until(t(at));
        let version = self.house.page(ticket).row.ticket.version;
        let form = TicketForm {
            kind: Kind::Consultation,
            category: String::new(),
            priority: Priority::Normal,
            complexity: Complexity::Simple,
            channel: Channel::Phone,
            summary: "a leak".into(),
            course: String::new(),
            demand: String::new(),
            object: Object::default(),
        };
        self.house.give(Some(by), Command::SaveTicket { ticket, version, form, state }).unwrap();
    }

    fn list(&self, filter: PassFilter) -> Vec<(TicketId, Came, String)> {
        let rows = self.house.ask(self.house.reader.passes(filter, 100)).unwrap();
        rows.into_iter().map(|pass| (pass.ticket, pass.came, pass.why)).collect()
    }
}

fn row(part: Part, giver: PersonId, receiver: Receiver, matters: i64) -> PassedOn {
    let (accepted, refused, withdrawn, lapsed, waiting, assigned) = (0, 0, 0, 0, 0, 0);
    let giver = Some(giver);
    PassedOn { part, giver, receiver, matters, accepted, refused, withdrawn, lapsed, waiting, assigned }
}

fn between(from: f64, to: f64) -> PassFilter {
    PassFilter { from: t(from), to: t(to), ..PassFilter::default() }
}

#[test]
fn a_period_says_who_passed_what_on_and_what_came_of_it() {
    let mut site = Site::new();
    let Site { ann, ben, boss, wu, .. } = site;
    let to = Receiver::Person;
    // One that Ben refuses first and takes then, and on which the department works.
    let one = site.talks("a", "+8613800138000", "1001", 0.0);
    site.offer(100.0, ann, one, Part::Matter, to(ben));
    site.hand(200.0, ben, one, Hand::Refuse { why: " not my region ".into() });
    site.offer(300.0, ann, one, Part::Matter, to(ben));
    site.hand(400.0, ben, one, Hand::Accept);
    site.offer(500.0, ben, one, Part::Work, quality());
    site.hand(600.0, wu, one, Hand::Accept);
    // One that a supervisor gives to Ben, who offers it back to Ann: she lets it lapse, after two hours.
    let two = site.talks("b", "+8613900139000", "1001", 1000.0);
    site.hand(1100.0, boss, two, Hand::Assign { part: Part::Matter, to: to(ben), words: String::new() });
    site.offer(1200.0, ben, two, Part::Matter, to(ann));
    // One that is taken back, and offered again.
    let three = site.talks("c", "+8613700137000", "1001", 3.0 * HOUR);
    site.offer(3.0 * HOUR + 100.0, ann, three, Part::Matter, to(ben));
    site.hand(3.0 * HOUR + 200.0, ann, three, Hand::Withdraw);
    site.offer(3.0 * HOUR + 300.0, ann, three, Part::Matter, quality());
    site.house.until(t(4.0 * HOUR));

    let report = site.house.ask(site.house.reader.ownership(t(0.0), t(4.0 * HOUR), None)).unwrap();
    let expected = [
        PassedOn { accepted: 1, refused: 1, withdrawn: 1, ..row(Part::Matter, ann, to(ben), 2) },
        PassedOn { waiting: 1, ..row(Part::Matter, ann, quality(), 1) },
        PassedOn { assigned: 1, ..row(Part::Matter, ann, to(ben), 1) },
        PassedOn { accepted: 1, ..row(Part::Work, ben, quality(), 1) },
        PassedOn { lapsed: 1, ..row(Part::Matter, ben, to(ann), 1) },
    ];
    // What Ann gave Ben by herself and by a supervisor's word stands in one row.
    let (first, rest) = (&report.passed[0], &report.passed[1..]);
    assert_eq!(first, &PassedOn { assigned: 1, matters: 3, ..expected[0].clone() });
    assert_eq!(first.all(), 4);
    for row in [&expected[1], &expected[3], &expected[4]] {
        assert!(rest.contains(row), "{row:?} in {rest:?}");
    }
    assert_eq!(rest.len(), 3);
    assert_eq!(report.matters, 3);
    assert_eq!(report.times, [Share { of: 2, matters: 2 }, Share { of: 3, matters: 1 }]);
    let most: Vec<_> = report.most_passed.iter().map(|row| (row.matter.ticket, row.times, row.went)).collect();
    assert_eq!(most, [(one, 3, 2), (two, 2, 1), (three, 2, 0)]);
    let waiting = Unanswered { receiver: quality(), waiting: 1, oldest_at: Some(t(3.0 * HOUR + 300.0)), lapsed: 0 };
    let let_lapse = Unanswered { receiver: to(ann), waiting: 0, oldest_at: None, lapsed: 1 };
    assert_eq!(report.unanswered, [waiting, let_lapse]);

    // Behind each figure stand as many as it says.
    let all = between(0.0, 4.0 * HOUR);
    for row in &report.passed {
        for came in Came::ALL {
            let filter = PassFilter {
                part: Some(row.part),
                giver: Some(row.giver),
                receiver: Some(row.receiver.clone()),
                came: Some(*came),
                ..all.clone()
            };
            assert_eq!(site.list(filter).len() as i64, row.of(*came), "{row:?} {came:?}");
        }
    }
    let refused = PassFilter { came: Some(Came::Refused), ..all.clone() };
    assert_eq!(site.list(refused), [(one, Came::Refused, "not my region".to_owned())]);
    let of_two = PassFilter { ticket: Some(two), ..all };
    assert_eq!(site.list(of_two).iter().map(|(_, came, _)| *came).collect::<Vec<_>>(), [Came::Lapsed, Came::Assigned]);
    let twice = site.house.ask(site.house.reader.passed_matters(t(0.0), t(4.0 * HOUR), Some(2), 100)).unwrap();
    assert_eq!(twice.iter().map(|row| row.matter.ticket).collect::<Vec<_>>(), [two, three]);
    // Of an hour in which nothing was passed on there is nothing but what waits now.
    let quiet = site.house.ask(site.house.reader.ownership(t(HOUR), t(2.0 * HOUR), None)).unwrap();
    assert_eq!((quiet.passed.len(), quiet.matters, quiet.times.len(), quiet.unanswered.len()), (0, 0, 0, 1));
}

#[test]
fn calls_are_counted_until_the_matter_was_solved() {
    let mut site = Site::new();
    let ann = site.ann;
    // Answered twice and missed once, then solved; what the customer calls for later is another matter.
    let one = site.talks("a", "+8613800138000", "1001", 0.0);
    site.misses("b", "+8613800138000", 1000.0);
    assert_eq!(site.talks("c", "+8613800138000", "1002", 2000.0), one);
    site.saves(3000.0, ann, one, TicketState::Resolved);
    let other = site.talks("d", "+8613800138000", "1001", 4000.0);
    assert_ne!(other, one);
    let two = site.talks("e", "+8613900139000", "1001", 5000.0);
    site.saves(6000.0, ann, two, TicketState::Resolved);
    site.saves(7000.0, ann, two, TicketState::Closed);
    // Came by mail: no call at all.
    let open = Command::OpenTicket {
        call: None,
        customer: None,
        number: Some("13700137000".into()),
        kind: Kind::Consultation,
        channel: Channel::Email,
    };
    site.house.give(Some(ann), open).unwrap();
    let mailed = TicketId(site.house.sql("SELECT max(id) FROM tickets")[0].parse().unwrap());
    site.saves(8000.0, ann, mailed, TicketState::Resolved);

    let asked =
        |site: &Site, from: f64, to: f64| site.house.ask(site.house.reader.ownership(t(from), t(to), None)).unwrap();
    let report = asked(&site, 0.0, 9000.0);
    let share = |of, matters| Share { of, matters };
    assert_eq!(report.calls, [share(0, 1), share(1, 1), share(3, 1)]);
    let worst: Vec<_> = report.most_calls.iter().map(|row| (row.matter.ticket, row.calls, row.missed)).collect();
    assert_eq!(worst, [(one, 3, 1)]);
    assert_eq!((report.most_calls[0].opened_at, report.most_calls[0].solved_at), (t(0.0), t(3000.0)));
    // It counts where it was solved, and not again when it is closed.
    assert_eq!(asked(&site, 6500.0, 7500.0).calls, []);
    let once = site.house.ask(site.house.reader.called(t(0.0), t(9000.0), Some(1), 100)).unwrap();
    assert_eq!(once.iter().map(|row| row.matter.ticket).collect::<Vec<_>>(), [two]);
}

#[test]
fn matters_are_idle_in_which_nobody_does_anything() {
    let mut site = Site::new();
    let Site { ann, ben, boss, .. } = site;
    let idle = |site: &Site, since: Time| {
        site.house.ask(site.house.reader.ownership(t(0.0), t(0.0), Some(since))).unwrap().idle
    };
    let lain = site.talks("a", "+8613800138000", "1001", 0.0);
    let busy = site.talks("b", "+8613900139000", "1001", 100.0);
    let held = site.talks("c", "+8613700137000", "1002", 200.0);
    let solved = site.talks("d", "+8613600136000", "1002", 300.0);
    site.saves(400.0, ben, solved, TicketState::Resolved);
    // The customer of the first calls again in vain, and a supervisor looks at it: nobody does anything.
    site.misses("e", "+8613800138000", 2.0 * HOUR);
    site.saves(3.0 * HOUR, ann, busy, TicketState::InProgress);
    site.house.until(t(4.0 * HOUR));
    let look = crate::desk::looks::Look::Numbers { of: crate::desk::looks::Whose::Ticket(lain) };
    site.house.give(Some(boss), Command::Look(look)).unwrap();

    let of = |owner, open, idle, at: f64| Idle { owner: Some(owner), open, idle, oldest_at: t(at) };
    // Saved when they were opened or talked with: what counts is the end of the talk.
    assert_eq!(idle(&site, t(HOUR)), [of(ann, 2, 1, 60.0), of(ben, 1, 1, 260.0)]);
    assert_eq!(idle(&site, t(100.0)), [of(ann, 2, 1, 60.0)]);
    assert_eq!(idle(&site, t(59.0)), []);
    let behind = |owner| site.house.ask(site.house.reader.idle_matters(t(HOUR), owner, 100)).unwrap();
    assert_eq!(behind(Some(Some(ann))).iter().map(|row| row.matter.ticket).collect::<Vec<_>>(), [lain]);
    assert_eq!(behind(None).iter().map(|row| row.matter.ticket).collect::<Vec<_>>(), [lain, held]);
    assert_eq!(behind(Some(None)), []);
}
