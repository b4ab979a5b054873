//! A house for tests: the engine on a real store in a directory of its own, in virtual time.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Engine, Errand, Input, Outlets};
use crate::calls::call::{Call, Direction, Outcome, Segment};
use crate::desk::clock::ClockKind;
use crate::desk::command::{Command, CustomerForm, Done, Given, Refusal};
use crate::desk::policy::Policy;
use crate::live::{Notice, Topic};
use crate::number::{Number, Numbering};
use crate::store::Store;
use crate::store::read::{Card, ObligationRow, Reader, TicketPage};
use crate::{CustomerId, PbxName, PersonId, Role, TicketId, Time};

pub struct House {
    pub dir: TempDir,
    pub runtime: tokio::runtime::Runtime,
    pub engine: Option<Engine>,
    pub told: mpsc::Receiver<(Topic, Notice)>,
    pub errands: mpsc::Receiver<Errand>,
    pub reader: Reader,
    pub now: Time,
    policy: Policy,
}

/// Seconds since the tests' day began to matter: 2026-11-24 10:00 in Shanghai.
pub fn t(seconds: f64) -> Time {
    let start = Time::from_timestamp(1_795_485_600, 0).unwrap();
    start + TimeDelta::milliseconds((seconds * 1000.0).round() as i64)
}

pub const MINUTE: f64 = 60.0;

pub fn policy() -> Policy {
    Policy::new(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(), Numbering::new("CN", Some("021")))
}

/// Of a site that owes callbacks, and no solutions beside them.
pub fn callbacks_alone() -> Policy {
    let mut policy = policy();
    policy.terms.clocks.rule_mut(ClockKind::Resolution).kinds.clear();
    policy
}

impl House {
    pub fn new() -> House {
        House::at(t(0.0))
    }

    pub fn at(now: Time) -> House {
        House::under(policy(), now)
    }

    pub fn under(policy: Policy, now: Time) -> House {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (engine, told, errands, reader) = open(dir.path().join("data"), policy.clone());
        House { dir, runtime, engine: Some(engine), told, errands, reader, now, policy }
    }

    /// As after `kill -9`: nothing is told, nothing flushed; the next engine finds what is on disk.
    pub fn crash(&mut self) {
        self.engine = None;
        let (engine, told, errands, reader) = open(self.dir.path().join("data"), self.policy.clone());
        (self.engine, self.told, self.errands, self.reader) = (Some(engine), told, errands, reader);
    }

    pub fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    pub fn store(&mut self) -> &mut Store {
        &mut self.engine().store
    }

    pub fn turn(&mut self) {
        let now = self.now;
        self.runtime.block_on(self.engine.as_mut().unwrap().turn(now));
    }

    /// Until nothing is left that is due, or that another policy moves.
    pub fn settle(&mut self) {
        let now = self.now;
        self.runtime.block_on(self.engine.as_mut().unwrap().settle([], now));
    }

    pub fn input(&mut self, input: Input) {
        self.engine().waiting.push_back(input);
        self.turn();
    }

    /// All at once, after whatever was due by then.
    pub fn take(&mut self, at: Time, inputs: impl IntoIterator<Item = Input>) {
        self.until(at);
        self.engine().waiting.extend(inputs);
        self.turn();
    }

    /// The PBX says at `at` that the call stands so.
    pub fn sees(&mut self, at: Time, call: &Call) {
        self.until(at);
        self.input(Input::Calls { at, calls: vec![Arc::new(call.clone())] });
    }

    pub fn give(&mut self, by: Option<PersonId>, command: Command) -> Result<Done, Refusal> {
        let (reply, mut answer) = oneshot::channel();
        self.input(Input::Command(Box::new(Given { by, command }), reply));
        answer.try_recv().expect("an answer after the turn")
    }

    /// Lets time pass, waking up whenever something is due.
    pub fn until(&mut self, to: Time) {
        self.settle();
        while let Some(due) = self.engine().due.filter(|due| *due <= to) {
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = self.now.max(to);
    }

    pub fn person(&mut self, login: &str, role: Role, extension: Option<&str>) -> PersonId {
        let (login, name, password_hash) = (login.to_owned(), login.to_owned(), "-".to_owned());
        let added = self.give(None, Command::AddPerson { login, name, role, password_hash });
        let Ok(Done::Person(person)) = added else { panic!("{added:?}") };
        if let Some(extension) = extension {
            let command = Command::MapExtension { pbx: "hq".into(), extension: extension.into(), person: Some(person) };
            self.give(None, command).unwrap();
        }
        person
    }

    pub fn customer(&mut self, name: &str, key_customer: bool, numbers: &[&str]) -> CustomerId {
        let form = customer_form(name, key_customer, numbers);
        let saved = self.give(None, Command::SaveCustomer { customer: None, ticket: None, form });
        let Ok(Done::Customer(customer)) = saved else { panic!("{saved:?}") };
        customer
    }

    pub fn card(&self, number: &str) -> Card {
        self.runtime.block_on(self.reader.card(Some(Number::from_canonical(number)))).unwrap()
    }

    pub fn duties(&self, person: PersonId) -> Vec<ObligationRow> {
        self.runtime.block_on(self.reader.duties(person)).unwrap()
    }

    pub fn ticket_of(&self, call: &Call) -> Option<TicketId> {
        self.runtime.block_on(self.reader.ticket_of(call.id.clone())).unwrap()
    }

    pub fn page(&self, ticket: TicketId) -> TicketPage {
        self.runtime.block_on(self.reader.ticket(ticket, PersonId(0))).unwrap().expect("the ticket")
    }

    pub fn page_of(&self, call: &Call) -> TicketPage {
        self.page(self.ticket_of(call).expect("the call's ticket"))
    }

    pub fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        self.runtime.block_on(question)
    }

    /// One column of a question, as text.
    pub fn sql(&self, question: &str) -> Vec<String> {
        let db = rusqlite::Connection::open(self.dir.path().join("data/ringback.sqlite")).unwrap();
        let mut statement = db.prepare(question).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
        rows.map(|value| match value.unwrap() {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        })
        .collect()
    }
}

fn open(dir: PathBuf, policy: Policy) -> (Engine, mpsc::Receiver<(Topic, Notice)>, mpsc::Receiver<Errand>, Reader) {
    let mut store = Store::open(&dir, policy).unwrap();
    store.watch(vec!["hq".into()]).unwrap();
    let reader = store.reader().unwrap();
    let (told_to, told) = mpsc::channel(100_000);
    let (errands_to, errands) = mpsc::channel(64);
    let outlets = Outlets { told: told_to, errands: errands_to, outbox: Arc::new(Notify::new()) };
    (Engine::new(store, outlets), told, errands, reader)
}

pub fn customer_form(name: &str, key_customer: bool, numbers: &[&str]) -> CustomerForm {
    CustomerForm {
        name: name.into(),
        key_customer,
        numbers: numbers.iter().map(|number| (*number).to_owned()).collect(),
        ..CustomerForm::default()
    }
}

pub fn call(id: &str, direction: Direction, number: Option<&str>, started_at: Time) -> Call {
    Call {
        id: id.into(),
        pbx: PbxName::from("hq"),
        direction,
        caller: number.map(Into::into),
        caller_name: None,
        number: number.map(Number::from_canonical),
        to: Some("support".into()),
        agent: None,
        started_at,
        answered_at: None,
        ended_at: None,
        outcome: None,
        ended_by: None,
        waits: Vec::new(),
        segments: Vec::new(),
        offers: Vec::new(),
        transfers: Vec::new(),
        survey: None,
        originated: None,
        certain: true,
    }
}

pub fn inbound(id: &str, number: &str, started_at: Time) -> Call {
    call(id, Direction::Inbound, Some(number), started_at)
}

pub fn outbound(id: &str, number: &str, agent: &str, started_at: Time) -> Call {
    Call { agent: Some(agent.into()), ..call(id, Direction::Outbound, Some(number), started_at) }
}

/// The call as it looks after it ended.
pub fn ended(call: &Call, at: Time, outcome: Outcome) -> Call {
    let mut call = call.clone();
    call.ended_at = Some(at);
    call.outcome = Some(outcome);
    for segment in &mut call.segments {
        segment.to = segment.to.or(Some(at));
    }
    call
}

/// The call as it looks while `agent` talks since `from`.
pub fn talking(call: &Call, agent: &str, from: Time) -> Call {
    let mut call = call.clone();
    call.answered_at = call.answered_at.or(Some(from));
    call.agent = call.agent.or(Some(agent.into()));
    call.segments.push(Segment { agent: agent.into(), queue: None, from, to: None, holds: Vec::new() });
    call
}
