//! Whatever happens to matters, in whatever order: the times of what is owed are those that follow
//! from the facts, reckoned by nobody but them; and what has fired stays so.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::super::case::{Case, Ids, OpenObligation, Staff};
use super::super::clock::{Basis, Next, Rung};
use super::super::command::{Owed, Step};
use super::super::deadline::Suspension;
use super::super::decide::{Input as Asked, decide};
use super::super::fact::Fact;
use super::super::policy::{Policy, Standing, Subject, Terms};
use super::super::regroup::{Parts, Regroup};
use super::super::rehearsal::{Rehearsal, Report, Sided};
use super::super::ticket::Satisfaction;
use super::*;
use crate::{CustomerId, ObligationId, PersonId, RegroupId, TicketId, store};

/// Who calls: two numbers of a customer who is known later, and one of nobody.
const NUMBERS: [&str; 3] = [MOBILE, OTHER, "+8613700137000"];

#[derive(Clone, Debug)]
enum Event {
    /// Somebody calls: is missed, or talked with so long.
    Called {
        who: usize,
        talk_ms: i64,
    },
    /// We call.
    Dialled {
        who: usize,
        talk_ms: i64,
    },
    /// One of the matters is written down.
    Saved {
        nth: usize,
        form: (usize, usize, usize, usize),
        state: usize,
    },
    Stepped {
        nth: usize,
        step: usize,
        hours: i64,
    },
    /// The customer of the first two numbers is saved, in a class.
    Class(bool),
    /// Something owed is paused, goes on, or is let go.
    Owed {
        nth: usize,
        what: usize,
    },
    /// The caller's last call is about something else.
    Moved,
    /// One of the matters is the same as another, or its last call is about something else.
    Merged {
        nth: usize,
        into: usize,
    },
    Split {
        nth: usize,
        /// And it was not.
        undone: bool,
    },
    /// The last merge or split was wrong.
    Undone,
    Passed {
        minutes: i64,
    },
    Crashed,
}

fn event() -> impl Strategy<Value = Event> {
    let talk = || prop_oneof![Just(0), Just(9_000), Just(40_000)];
    prop_oneof![
        4 => (0..3usize, talk()).prop_map(|(who, talk_ms)| Event::Called { who, talk_ms }),
        2 => (0..3usize, talk()).prop_map(|(who, talk_ms)| Event::Dialled { who, talk_ms }),
        6 => (0..3usize, (0..5usize, 0..2usize, 0..2usize, 0..3usize), 0..4usize)
            .prop_map(|(nth, form, state)| Event::Saved { nth, form, state }),
        7 => (0..3usize, 0..13usize, 1..40i64).prop_map(|(nth, step, hours)| Event::Stepped { nth, step, hours }),
        2 => any::<bool>().prop_map(Event::Class),
        3 => (0..4usize, 0..3usize).prop_map(|(nth, what)| Event::Owed { nth, what }),
        1 => Just(Event::Moved),
        3 => (0..3usize, 0..3usize).prop_map(|(nth, into)| Event::Merged { nth, into }),
        1 => (0..3usize, any::<bool>()).prop_map(|(nth, undone)| Event::Split { nth, undone }),
        2 => Just(Event::Undone),
        4 => (1..600i64).prop_map(|minutes| Event::Passed { minutes }),
        1 => Just(Event::Crashed),
    ]
}

/// What a form may ask for.
const STATES: [TicketState; 4] =
    [TicketState::New, TicketState::InProgress, TicketState::Resolved, TicketState::Closed];

struct Site {
    house: House,
    boss: PersonId,
    calls: usize,
    customer: Option<CustomerId>,
}

/// Under which most days are lived.
fn usual() -> Policy {
    let mut policy = policy();
    policy.terms.spot_check_percent = 50;
    policy
}

/// With other windows, steps, hours and people to tell; what begins, ends and may rest is as usual.
fn other() -> Policy {
    let text = "[clock.missed_call]\nwithin = \"10m\"\nexcept = [{ key_customer = true, within = \"4m\" }]\n\
        [clock.resolution]\nwithin = \"5h\"\nhours = \"open\"\nexcept = [{ priority = \"urgent\", within = \"30m\" }]\n\
        [clock.acceptance]\nwithin = \"3h\"\n[clock.return_visit]\nwithin = \"400h\"\n\
        [ladder]\nreminder_percent = 35\nescalated_after = \"90m\"\ntold.due = [\"manager\"]\n\
        [spot_check]\npercent = 50\n\
        [calendar.site]\nmonday = \"09:00-12:00 13:30-18:00\"\ntuesday = \"09:00-12:00 13:30-18:00\"\n\
        wednesday = \"09:00-12:00\"\nthursday = \"22:00-06:00\"\nfriday = \"09:00-18:00\"\nsaturday = \"closed\"\n\
        sunday = \"10:00-11:00\"\n";
    let usual = usual();
    usual.with(0, Terms::read(text, &usual).unwrap())
}

/// As usual, and nobody is drawn.
fn callers_alone() -> Policy {
    policy()
}

/// With another idea of what is owed at all, and of what proves it and gives it up.
fn unlike() -> Policy {
    let text = "[clock.missed_call]\nkinds = [\"consultation\", \"complaint\"]\n\
        [clock.first_response]\nkinds = [\"complaint\", \"suggestion\"]\n\
        [clock.acceptance]\nkinds = [\"complaint\", \"suggestion\"]\nwithin = \"3h\"\n\
        [clock.resolution]\nkinds = [\"consultation\", \"after_sales\", \"other\"]\nmay_pause = false\n\
        [clock.promise]\nkinds = [\"consultation\", \"complaint\"]\n\
        [clock.filing]\nkinds = [\"complaint\", \"suggestion\"]\n\
        [clock.return_visit]\nkinds = [\"complaint\", \"suggestion\", \"other\"]\n\
        [callback]\ntalk = \"25s\"\nattempts = 2\ndays = 1\n[spot_check]\npercent = 100\n";
    let usual = policy();
    usual.with(0, Terms::read(text, &usual).unwrap())
}

/// It happens in both lives, where it can in the first. Of what is owed it is the like.
fn both(lived: &mut Site, tried: &mut Site, event: &Event) {
    let alike = |site: &Site, key: &str| {
        let found = site.ids(&format!(
            "SELECT o.id FROM obligations o JOIN tickets t ON t.id = o.ticket WHERE o.state = 'open'
                AND o.kind || ' ' || t.number || ' ' || o.began_at_ms = '{key}'"
        ));
        found.first().map(|id| ObligationId(*id))
    };
    let (refused, key) = match event {
        Event::Owed { nth, what } => {
            let keys = lived.house.sql(
                "SELECT o.kind || ' ' || t.number || ' ' || o.began_at_ms FROM obligations o
                 JOIN tickets t ON t.id = o.ticket WHERE o.state = 'open' ORDER BY o.id DESC LIMIT 4",
            );
            let Some(key) = keys.get(*nth).cloned() else { return };
            let id = alike(lived, &key).unwrap();
            (lived.give(Command::Owed(id, owed(*what))).is_err(), Some((key, *what)))
        }
        // What is filed, and what must be before it is closed, was as it was in the life that is on record.
        Event::Saved { nth, form, state: 3 } if !files_alike(lived, tried, Some(Kind::ALL[form.0]), *nth) => return,
        Event::Stepped { nth, step: 4, .. } if !files_alike(lived, tried, None, *nth) => return,
        // That and when a call ended the waiting for its customer is taken as it was.
        Event::Called { talk_ms: 1.., .. } if counts(lived) != counts(tried) && waits(lived) => return,
        // What is told of goes by the matter that it has come to, which is one for both lives.
        Event::Moved if owed_for_the_last(lived) != owed_for_the_last(tried) => return,
        // Where less would be owed by one policy alone, people would not have put them together by it.
        Event::Merged { nth, into } if !is_like(lived, *nth, *into) => return,
        // What has ended by one policy alone could not come back by it.
        Event::Undone if !(lived.can_undo() && tried.can_undo()) => return,
        // Whether a matter comes back goes on to what later calls are about, which is taken as it was.
        Event::Stepped { nth, step: 5, hours } => {
            return both(lived, tried, &Event::Stepped { nth: *nth, step: 6, hours: *hours });
        }
        event => (lived.happens(event).is_err(), None),
    };
    if refused {
        return;
    }
    match key {
        Some((key, what)) => {
            if let Some(id) = alike(tried, &key) {
                let _ = tried.give(Command::Owed(id, owed(what)));
            }
        }
        None => drop(tried.happens(event)),
    }
}

/// Whether both policies have such a matter filed and visited, or neither; of its own kind where none is
/// said.
fn files_alike(lived: &Site, tried: &Site, kind: Option<Kind>, nth: usize) -> bool {
    let own = || lived.ticket(nth).map(|ticket| lived.house.page(ticket).row.ticket.kind);
    let Some(kind) = kind.or_else(own) else { return true };
    let follows = |site: &Site| {
        let clocks = site.house.reader.policy().terms.clocks.clone();
        [ClockKind::Filing, ClockKind::ReturnVisit].map(|clock| clocks.rule(clock).runs_for(kind))
    };
    follows(lived).contains(&true) == follows(tried).contains(&true)
}

fn is_like(site: &Site, one: usize, other: usize) -> bool {
    let Some((one, other)) = site.ticket(one).zip(site.ticket(other)) else { return false };
    let [one, other] = [one, other].map(|id| site.house.page(id).row.ticket);
    (one.kind, one.channel, one.state) == (other.kind, other.channel, other.state)
}

/// How long a talk must be.
fn counts(site: &Site) -> i64 {
    site.house.reader.policy().terms.callback.talk_ms
}

fn waits(site: &Site) -> bool {
    !site.ids("SELECT id FROM tickets WHERE state = 'waiting_customer'").is_empty()
}

fn owed_for_the_last(site: &Site) -> Vec<String> {
    let open = "SELECT kind FROM obligations WHERE state = 'open' AND call = 'c";
    site.house.sql(&format!("{open}{}'", site.calls as i64 - 1))
}

fn owed(what: usize) -> Owed {
    let reason = String::from("waits for the customer");
    match what {
        0 => Owed::Suspend { reason },
        1 => Owed::Resume,
        _ => Owed::Waive { reason },
    }
}

impl Site {
    fn new() -> Site {
        Site::under(usual())
    }

    fn under(policy: Policy) -> Site {
        let mut house = House::under(policy, t(0.0));
        let boss = house.person("boss", Role::Supervisor, Some("1001"));
        Site { house, boss, calls: 0, customer: None }
    }

    fn call(&mut self, direction: Direction, who: usize, talk_ms: i64) {
        let id = format!("c{}", self.calls);
        self.calls += 1;
        let from = self.house.now;
        let to = from + TimeDelta::milliseconds(talk_ms.max(1_000));
        let suffices = from + TimeDelta::milliseconds(self.house.reader.policy().terms.callback.talk_ms);
        let call = call(&id, direction, Some(NUMBERS[who]), from);
        self.house.sees(from, &call);
        let queue = crate::calls::call::Wait { queue: "support".into(), joined_at: from, left_at: Some(to) };
        let call = Call { waits: vec![queue], ..call };
        let (call, outcome) = match (talk_ms > 0, direction) {
            (true, _) => (talking(&call, "1001", from), Outcome::Answered),
            (false, Direction::Inbound) => (call, Outcome::Abandoned),
            (false, _) => (call, Outcome::NoAnswer),
        };
        if talk_ms > 0 && suffices < to {
            self.house.sees(suffices, &call);
        }
        self.house.sees(to, &ended(&call, to, outcome));
        // People do nothing in the very millisecond in which a call ends.
        self.house.until(to + TimeDelta::seconds(1));
    }

    /// What the house refuses is no part of its history.
    fn give(&mut self, command: Command) -> Result<(), Refusal> {
        self.house.give(Some(self.boss), command).map(drop)
    }

    fn ids(&self, question: &str) -> Vec<i64> {
        self.house.sql(question).iter().map(|id| id.parse().unwrap()).collect()
    }

    fn ticket(&self, nth: usize) -> Option<TicketId> {
        let newest = self.ids("SELECT id FROM tickets ORDER BY id DESC LIMIT 3");
        newest.get(nth).map(|id| TicketId(*id))
    }

    fn happens(&mut self, event: &Event) -> Result<(), Refusal> {
        match *event {
            Event::Called { who, talk_ms } => self.call(Direction::Inbound, who, talk_ms),
            Event::Dialled { who, talk_ms } => self.call(Direction::Outbound, who, talk_ms),
            Event::Saved { nth, form: (kind, priority, complexity, channel), state } => {
                let Some(ticket) = self.ticket(nth) else { return Ok(()) };
                let form = TicketForm {
                    kind: Kind::ALL[kind],
                    category: "other".into(),
                    priority: Priority::ALL[priority],
                    complexity: Complexity::ALL[complexity],
                    channel: Channel::ALL[channel],
                    summary: String::new(),
                    course: "It broke.".into(),
                    demand: String::new(),
                    object: Object::default(),
                };
                let version = self.house.page(ticket).row.ticket.version;
                return self.give(Command::SaveTicket { ticket, version, form, state: STATES[state] });
            }
            Event::Stepped { nth, step, hours } => {
                let Some(ticket) = self.ticket(nth) else { return Ok(()) };
                let (at, words) = (self.house.now + TimeDelta::hours(hours), String::from("words"));
                let step = match step {
                    12 => {
                        let kind = Kind::ALL[hours as usize % Kind::ALL.len()];
                        return self.give(Command::Handle(ticket, Handle::Reclass { kind, why: words }));
                    }
                    7 => {
                        // What is part of another is handled there, and what is on file stays.
                        let page = self.house.page(ticket);
                        if page.regrouped.into.is_none() && page.row.ticket.state.is_open() {
                            found(&mut self.house, self.boss, ticket);
                        }
                        Step::Told { how: Channel::Email, words }
                    }
                    8 => Step::Withdrawn { words },
                    9 => Step::Wait { reason: words },
                    10 => Step::GoOn,
                    11 => Step::Reopen { why: words },
                    0 | 1 => Step::Promise { at },
                    2 => Step::Accepted { solved_by: at },
                    3 => Step::Replied { words },
                    4 => Step::Filed { words },
                    5 => Step::Surveyed { result: Satisfaction::Dissatisfied, words },
                    _ => Step::Surveyed { result: Satisfaction::Satisfied, words },
                };
                return self.give(Command::Matter(ticket, step));
            }
            Event::Class(key) => {
                let version = self.ids("SELECT version FROM customers").first().copied();
                let customer = self.customer.zip(version);
                let form = customer_form("Shen", key, &NUMBERS[..2]);
                let saved = self.house.give(Some(self.boss), Command::SaveCustomer { customer, ticket: None, form });
                if let Ok(Done::Customer(customer)) = saved {
                    self.customer = Some(customer);
                }
            }
            Event::Owed { nth, what } => {
                let open = self.ids("SELECT id FROM obligations WHERE state = 'open' ORDER BY id DESC LIMIT 4");
                let Some(id) = open.get(nth) else { return Ok(()) };
                return self.give(Command::Owed(ObligationId(*id), owed(what)));
            }
            Event::Moved => {
                let call = self.calls.checked_sub(1).map(|last| format!("c{last}").as_str().into());
                let (kind, channel) = (Kind::Complaint, Channel::Phone);
                return self.give(Command::OpenTicket { call, customer: None, number: None, kind, channel });
            }
            Event::Merged { nth, into } => {
                let Some((from, into)) = self.ticket(nth).zip(self.ticket(into)) else { return Ok(()) };
                return self.give(Command::Regroup(from, Regroup::Merge { into }));
            }
            Event::Split { nth, undone } => {
                let Some(from) = self.ticket(nth) else { return Ok(()) };
                let last = format!("SELECT id FROM calls WHERE ticket = {from} ORDER BY started_at_ms DESC LIMIT 1");
                let calls = self.house.sql(&last).iter().map(|id| id.as_str().into()).collect();
                let parts = Parts { calls, ..Parts::default() };
                // A complaint that was split off is not done with by undoing that.
                let kind = if undone { Kind::Suggestion } else { Kind::Complaint };
                self.give(Command::Regroup(from, Regroup::Split { parts, kind }))?;
                return if undone { self.undo() } else { Ok(()) };
            }
            Event::Undone => return self.undo(),
            Event::Passed { minutes } => {
                let to = self.house.now + TimeDelta::minutes(minutes);
                self.house.until(to);
            }
            Event::Crashed => self.house.crash(),
        }
        Ok(())
    }
}

/// The last that stands.
fn last_regrouping(site: &Site) -> Option<(TicketId, RegroupId)> {
    let standing = "SELECT giver || ' ' || id FROM regroups WHERE undone_at_ms IS NULL ORDER BY id DESC LIMIT 1";
    let row = site.house.sql(standing).pop()?;
    let (giver, id) = row.split_once(' ')?;
    Some((TicketId(giver.parse().unwrap()), RegroupId(id.parse().unwrap())))
}

impl Site {
    fn undo(&mut self) -> Result<(), Refusal> {
        let Some((giver, id)) = last_regrouping(self) else { return Ok(()) };
        self.give(Command::Regroup(giver, Regroup::Undo(id)))
    }

    /// Whether what would come back, and what stands for it, is owed, by this life's policy.
    fn can_undo(&self) -> bool {
        let Some((_, id)) = last_regrouping(self) else { return false };
        let over = format!(
            "SELECT o.id FROM regroups r, json_each(r.moved, '$.owed') e JOIN obligations o
                ON o.id = json_extract(e.value, '$.id') WHERE r.id = {id} AND o.state NOT IN ('open', 'replaced')
             UNION SELECT o.id FROM regroups r, json_each(r.moved, '$.replaced') e JOIN obligations o
                ON o.id = json_extract(e.value, '$.by') WHERE r.id = {id} AND o.state <> 'open'"
        );
        let is_split = self.house.sql(&format!("SELECT kind FROM regroups WHERE id = {id}")) == ["split"];
        self.house.sql(&over).is_empty() && !is_split
    }
}

/// What is known from facts alone.
#[derive(Default)]
struct Known {
    tickets: BTreeMap<i64, Subject>,
    customers: BTreeMap<i64, Standing>,
    open: BTreeMap<i64, Reckoned>,
    /// What a merge may have ended, and so may be open again.
    over: BTreeMap<i64, Reckoned>,
}

struct Reckoned {
    ticket: i64,
    customer: Option<i64>,
    basis: Basis,
    fired: usize,
}

fn at_ms(value: &Value) -> Option<Time> {
    value.as_i64().and_then(Time::from_timestamp_millis)
}

fn word<T>(body: &Value, name: &str, parse: fn(&str) -> Option<T>) -> T {
    body[name].as_str().and_then(parse).unwrap_or_else(|| panic!("{name} in {body}"))
}

fn subject(body: &Value) -> Subject {
    Subject {
        kind: word(body, "kind", Kind::parse),
        category: body["category"].as_str().unwrap().to_owned(),
        priority: word(body, "priority", Priority::parse),
        complexity: word(body, "complexity", Complexity::parse),
        standing: Standing::default(),
        department: body["department"].as_str().map(Into::into),
    }
}

impl Known {
    fn from_facts(house: &House) -> Known {
        let mut known = Known::default();
        let facts = house.sql(
            "SELECT json_object('kind', kind, 'ticket', ticket, 'obligation', obligation, 'customer', customer,
                'body', json(body)) FROM facts ORDER BY seq",
        );
        for fact in facts {
            let fact: Value = serde_json::from_str(&fact).unwrap();
            known.learn(fact["kind"].as_str().unwrap(), &fact, &fact["body"]);
        }
        known
    }

    fn learn(&mut self, kind: &str, fact: &Value, body: &Value) {
        let (ticket, customer) = (fact["ticket"].as_i64(), fact["customer"].as_i64());
        let obligation = fact["obligation"].as_i64().unwrap_or_default();
        match kind {
            "ticket_opened" | "ticket_saved" => {
                self.tickets.insert(ticket.unwrap(), subject(body));
            }
            "reclassed" => {
                let subject = self.tickets.get_mut(&ticket.unwrap()).unwrap();
                subject.kind = word(body, "kind", Kind::parse);
                subject.department = body["department"].as_str().map(Into::into);
            }
            "customer_saved" => {
                let class = body["class"].as_str().unwrap().to_owned();
                let standing = Standing { key_customer: body["key_customer"].as_bool().unwrap(), class };
                self.customers.insert(customer.unwrap(), standing);
            }
            "obligation_began" => {
                let basis = Basis {
                    kind: word(body, "clock", ClockKind::parse),
                    began_at: at_ms(&body["began_at_ms"]).unwrap(),
                    promised_at: at_ms(&body["promised_at_ms"]),
                    queue: body["queue"].as_str().map(Into::into),
                    subject: Subject::default(),
                    suspensions: Vec::new(),
                };
                self.open.insert(obligation, Reckoned { ticket: ticket.unwrap(), customer, basis, fired: 0 });
            }
            "obligation_moved" => {
                let owed = self.open.get_mut(&obligation).unwrap();
                (owed.ticket, owed.customer) = (ticket.unwrap(), customer);
                owed.basis.queue = body["queue"].as_str().map(Into::into);
            }
            "suspended" => {
                let from = at_ms(&body["from_ms"]).unwrap();
                self.open.get_mut(&obligation).unwrap().basis.suspensions.push(Suspension { from, to: None });
            }
            "resumed" => {
                let suspensions = &mut self.open.get_mut(&obligation).unwrap().basis.suspensions;
                suspensions.last_mut().unwrap().to = at_ms(&body["to_ms"]);
            }
            "rung_fired" => self.open.get_mut(&obligation).unwrap().fired += 1,
            "obligation_kept" | "obligation_ended" => {
                let over = self.open.remove(&obligation).expect("what ends was open");
                self.over.insert(obligation, over);
            }
            "ticket_merged" | "ticket_split" => {
                for owed in body["moved"]["owed"].as_array().unwrap() {
                    self.open.get_mut(&owed["id"].as_i64().unwrap()).unwrap().ticket = body["other"].as_i64().unwrap();
                }
            }
            "regroup_undone" if body.get("moved").is_some() => {
                for replaced in body["moved"]["replaced"].as_array().unwrap() {
                    let id = replaced["id"].as_i64().unwrap();
                    self.open.insert(id, self.over.remove(&id).unwrap());
                }
                for owed in body["moved"]["owed"].as_array().unwrap() {
                    self.open.get_mut(&owed["id"].as_i64().unwrap()).unwrap().ticket = ticket.unwrap();
                }
            }
            _ => {}
        }
    }

    /// What must stand in the rows of what is open.
    fn rows(self, policy: &Policy) -> Vec<String> {
        let row = |(id, owed): (i64, Reckoned)| {
            let standing = owed.customer.and_then(|customer| self.customers.get(&customer)).cloned();
            let subject = Subject { standing: standing.unwrap_or_default(), ..self.tickets[&owed.ticket].clone() };
            let ladder = policy.ladder(&Basis { subject, ..owed.basis });
            let next = Rung::ALL.get(owed.fired).copied();
            let ms = |at: Option<Time>| at.map_or("-".to_owned(), |at| at.timestamp_millis().to_string());
            format!(
                "{id} {} {} {} {} {}",
                ms(ladder.reminder_at),
                ms(ladder.due_at),
                ms(ladder.escalated_at),
                next.map_or("-", Rung::as_str),
                ms(next.and_then(|next| ladder.at(next))),
            )
        };
        self.open.into_iter().map(row).collect()
    }
}

fn rows(house: &House) -> Vec<String> {
    house.sql(
        "SELECT id || ' ' || coalesce(reminder_at_ms, '-') || ' ' || coalesce(due_at_ms, '-') || ' '
            || coalesce(escalated_at_ms, '-') || ' ' || coalesce(next_rung, '-') || ' '
            || coalesce(next_rung_at_ms, '-') FROM obligations WHERE state = 'open' ORDER BY id",
    )
}

/// A policy tried on all that happened in the house.
fn rehearsed(house: &House, tried: &Policy) -> Report {
    let mut rehearsal = Rehearsal::new(tried, t(0.0));
    let data = house.dir.path().join("data");
    let known = store::past(&data, &policy(), Time::MAX_UTC, |happened| rehearsal.observe(happened)).unwrap();
    assert_eq!(known.left_out, 0);
    rehearsal.end(known.until)
}

/// A subject, and when and how something owed for it began and rested.
fn basis() -> impl Strategy<Value = Basis> {
    let subject =
        (0..5usize, 0..2usize, 0..2usize, any::<bool>()).prop_map(|(kind, priority, complexity, key)| Subject {
            kind: Kind::ALL[kind],
            category: String::new(),
            priority: Priority::ALL[priority],
            complexity: Complexity::ALL[complexity],
            standing: Standing { key_customer: key, class: String::new() },
            department: None,
        });
    let rests = prop::collection::vec((0..2000i64, 0..500i64, prop::bool::weighted(0.8)), 0..3);
    (0..8usize, 0..2000i64, 1..3000i64, subject, rests).prop_map(|(kind, began, promised, subject, rests)| Basis {
        kind: ClockKind::ALL[kind],
        began_at: t(began as f64 * MINUTE),
        promised_at: Some(t((began + promised) as f64 * MINUTE)),
        queue: None,
        subject,
        suspensions: rests
            .into_iter()
            .map(|(from, long, ends)| {
                let to = ends.then(|| t((began + from + long) as f64 * MINUTE));
                Suspension { from: t((began + from) as f64 * MINUTE), to }
            })
            .collect(),
    })
}

/// Rungs that fire of it by then, with their planned times.
fn fired(policy: &Policy, basis: &Basis, now: Time) -> Vec<(Rung, Time)> {
    let mut case = Case::new(policy.clone().into(), Staff::default().into(), Ids::from(1));
    let ladder = policy.ladder(basis);
    let next = ladder.next(Rung::FIRST);
    case.obligations.push(OpenObligation {
        id: ObligationId(1),
        ticket: TicketId(1),
        customer: None,
        number: None,
        owner: None,
        ticket_owner: None,
        ticket_state: TicketState::InProgress,
        basis: basis.clone(),
        ladder,
        next: Some(Next { at: next.at.or(Some(now)), ..next }),
        moved_at: None,
        claim: None,
        attempts: Vec::new(),
        survey: None,
    });
    let facts = decide(&case, &Asked::Due(ObligationId(1)), now).unwrap();
    let fired = facts.into_iter().filter_map(|fact| match fact {
        Fact::RungFired { rung, planned_at, .. } => Some((rung, planned_at)),
        _ => None,
    });
    fired.collect()
}

/// What trying the one policy on the facts of days lived under the other says, and what the same days under it
/// came to.
fn rehearsed_and_lived(events: &[Event], first: usize, second: usize) -> (Vec<String>, Vec<String>) {
    // Lots are drawn by a matter's id, which is another in another life.
    let mut other = other();
    other.terms.spot_check_percent = 0;
    let policies = [callers_alone(), other, unlike()];
    let (lived, tried) = (policies[first].clone(), policies[(first + second) % 3].clone());
    let [mut under_lived, mut under_tried] = [Site::under(lived), Site::under(tried.clone())];
    let days_after = Event::Passed { minutes: 9 * 24 * 60 };
    for event in events.iter().chain([&days_after]) {
        both(&mut under_lived, &mut under_tried, event);
        // What one life owes since an earlier deed and the other since a later one is told apart by its time.
        for site in [&mut under_lived, &mut under_tried] {
            let a_second_later = site.house.now + TimeDelta::seconds(1);
            site.house.until(a_second_later);
        }
    }
    under_lived.house.settle();
    under_tried.house.settle();
    let report = rehearsed(&under_lived.house, &tried);
    let numbers: BTreeMap<String, String> = under_lived
        .house
        .sql("SELECT id || ' ' || number FROM tickets")
        .iter()
        .filter_map(|line| line.split_once(' ').map(|(id, number)| (id.to_owned(), number.to_owned())))
        .collect();
    let mut would = Vec::new();
    for tale in report.tales.iter().filter(|tale| tale.would != Sided::default()) {
        let about = format!(
            "{} {} {}",
            tale.kind.as_str(),
            numbers[&tale.ticket.to_string()],
            tale.began_at.timestamp_millis(),
        );
        let ended = tale.would.ended.map(|ended| format!("{} {}", ended.state.as_str(), ended.at.timestamp_millis()));
        would.push(format!("{about} {}", ended.unwrap_or_else(|| "open 0".to_owned())));
        would.extend(tale.would.rungs.iter().map(|firing| {
            let told: Vec<String> = firing.told.iter().map(|told| told.person.to_string()).collect();
            let at = firing.planned_at.timestamp_millis();
            format!("{about} {} {at} {}", firing.rung.as_str(), told.join("+"))
        }));
    }
    would.sort();
    let mut did = under_tried.house.sql(
        "SELECT o.kind || ' ' || t.number || ' ' || o.began_at_ms || ' ' || r.rung || ' ' || r.planned_at_ms || ' '
            || (SELECT group_concat(person, '+') FROM outbox b WHERE b.obligation = o.id AND b.rung = r.rung)
         FROM rungs r JOIN obligations o ON o.id = r.obligation JOIN tickets t ON t.id = o.ticket
         UNION ALL SELECT o.kind || ' ' || t.number || ' ' || o.began_at_ms || ' ' || o.state || ' '
            || coalesce(o.ended_at_ms, 0) FROM obligations o JOIN tickets t ON t.id = o.ticket",
    );
    did.sort();
    (would, did)
}

/// What was owed all along would have been owed anew since the last change of kind: people let go the one
/// as they let go the other.
#[test]
fn what_people_let_go_would_be_let_go_also_where_another_stood_in_its_place() {
    let saved = |kind| Event::Saved { nth: 0, form: (kind, 0, 0, 0), state: 0 };
    let events = [
        Event::Called { who: 1, talk_ms: 0 },
        Event::Called { who: 1, talk_ms: 40_000 },
        saved(1),
        Event::Stepped { nth: 0, step: 12, hours: 3 },
        Event::Called { who: 0, talk_ms: 9_000 },
        Event::Owed { nth: 1, what: 2 },
    ];
    let (would, did) = rehearsed_and_lived(&events, 0, 2);
    assert_eq!(would, did);
    assert!(would.iter().any(|line| line.starts_with("resolution") && line.contains(" waived ")), "{would:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_has_fired_by_now_has_fired_by_any_later_moment(
        basis in basis(), now in 0..9000i64, later in 0..9000i64,
    ) {
        let policy = policy();
        let by = |minute: i64| fired(&policy, &basis, t(minute as f64 * MINUTE));
        let (before, after) = (by(now), by(now + later));
        prop_assert_eq!(&after[..before.len().min(after.len())], &before[..]);
        for (_, planned_at) in before {
            prop_assert!(planned_at <= t(now as f64 * MINUTE), "never early");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn times_follow_from_the_facts_alone(events in prop::collection::vec(event(), 1..40)) {
        let mut site = Site::new();
        for event in &events {
            let _ = site.happens(event);
        }
        // What follows at once has followed.
        site.house.turn();
        let known = Known::from_facts(&site.house);
        let mut policy = policy();
        policy.terms.spot_check_percent = 50;
        prop_assert_eq!(rows(&site.house), known.rows(&policy));
        let twice = "SELECT count(*) FROM (SELECT 1 FROM facts WHERE kind = 'rung_fired'
            GROUP BY obligation, json_extract(body, '$.rung') HAVING count(*) > 1)";
        prop_assert_eq!(site.house.sql(twice), ["0"]);
        let early = "SELECT count(*) FROM rungs WHERE fired_at_ms < planned_at_ms";
        prop_assert_eq!(site.house.sql(early), ["0"]);
        let overdue = format!(
            "SELECT count(*) FROM obligations WHERE state = 'open' AND next_rung_at_ms <= {}",
            site.house.now.timestamp_millis(),
        );
        prop_assert_eq!(site.house.sql(&overdue), ["0"], "none forgotten");
        // Of one matter nobody owes the same thing twice, but what was promised in each of two that are one.
        let doubled = "SELECT count(*) FROM (SELECT 1 FROM obligations WHERE state = 'open' AND kind <> 'missed_call'
            AND (kind <> 'promise' OR ticket NOT IN (SELECT taker FROM regroups))
            GROUP BY ticket, kind HAVING count(*) > 1)";
        prop_assert_eq!(site.house.sql(doubled), ["0"]);
        let over = "SELECT count(*) FROM obligations o JOIN tickets t ON t.id = o.ticket WHERE o.state = 'open'
            AND (t.is_open = 0) = (o.kind IN ('resolution', 'acceptance', 'first_response'))
            AND o.kind NOT IN ('missed_call', 'promise')";
        prop_assert_eq!(site.house.sql(over), ["0"], "what is owed fits the matter's state");
        let report = rehearsed(&site.house, &policy);
        let differences: Vec<_> = report.differences().collect();
        prop_assert!(differences.is_empty(), "the policy in force comes to what happened: {:#?}", differences);
        let all: usize = report.tales.iter().map(|tale| tale.would.rungs.len()).sum();
        prop_assert_eq!(site.house.sql("SELECT count(*) FROM rungs"), [all.to_string()]);
    }

    /// The same days lived under each of two policies: trying one on the other's facts comes to what it
    /// came to.
    #[test]
    fn a_rehearsal_comes_to_what_would_have_happened(
        events in prop::collection::vec(event(), 1..30), first in 0..3usize, second in 1..3usize,
    ) {
        let (would, did) = rehearsed_and_lived(&events, first, second);
        prop_assert_eq!(would, did);
    }

    #[test]
    fn what_happens_at_one_moment_may_come_in_any_order(
        before in prop::collection::vec(event(), 0..12), together in Just([0usize, 1, 2, 3, 4]).prop_shuffle(),
        key in any::<bool>(), result in 0..2usize,
    ) {
        let after = |order: &[usize]| {
            let mut site = Site::new();
            // A complaint that was resolved and filed, and a missed call of the same customer.
            let _ = site.happens(&Event::Class(false));
            let _ = site.happens(&Event::Called { who: 0, talk_ms: 40_000 });
            let _ = site.happens(&Event::Saved { nth: 0, form: (1, 0, 0, 0), state: 1 });
            let _ = site.happens(&Event::Stepped { nth: 0, step: 7, hours: 1 });
            let _ = site.happens(&Event::Stepped { nth: 0, step: 4, hours: 1 });
            let visited = site.ticket(0).unwrap();
            let _ = site.happens(&Event::Called { who: 1, talk_ms: 0 });
            let missed = site.ticket(0).unwrap();
            before.iter().filter(|event| matches!(event, Event::Passed { .. })).for_each(|event| drop(site.happens(event)));
            let (from, to) = (site.house.now, site.house.now + TimeDelta::seconds(30));
            let talk = talking(&outbound("talk", OTHER, "1001", from), "1001", from);
            site.house.sees(from, &talk);
            site.house.until(to);
            for what in order {
                match what {
                    0 => site.house.sees(to, &ended(&talk, to, Outcome::Answered)),
                    1 => {
                        let result = [Satisfaction::Satisfied, Satisfaction::Fairly][result];
                        let _ = site.give(Command::Matter(visited, Step::Surveyed { result, words: String::new() }));
                    }
                    2 => drop(site.happens(&Event::Class(key))),
                    3 => site.house.sees(to, &ended(&inbound("other", NUMBERS[2], to), to, Outcome::Abandoned)),
                    _ => {
                        let version = site.house.page(missed).row.ticket.version;
                        let form = TicketForm {
                            kind: Kind::Complaint,
                            category: String::new(),
                            priority: Priority::Urgent,
                            complexity: Complexity::Complex,
                            channel: Channel::Phone,
                            summary: String::new(),
                            course: String::new(),
                            demand: String::new(),
                            object: Object::default(),
                        };
                        let state = TicketState::InProgress;
                        let _ = site.give(Command::SaveTicket { ticket: missed, version, form, state });
                    }
                }
            }
            site.house.until(to + TimeDelta::days(3));
            // What ended at that moment is not reckoned any more; that it ended is the same.
            site.house.sql(
                "SELECT o.kind || ' ' || state || ' ' || o.began_at_ms || ' ' || coalesce(proof_call, '') || ' '
                    || coalesce(proof_talk_ms, '') || CASE WHEN state <> 'open' THEN '' ELSE ' ' || due_at_ms || ' '
                    || (SELECT count(*) FROM rungs r WHERE r.obligation = o.id) END AS line
                 FROM obligations o ORDER BY line",
            )
        };
        prop_assert_eq!(after(&together), after(&[0, 1, 2, 3, 4]));
    }
}
