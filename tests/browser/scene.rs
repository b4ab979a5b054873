//! The house in which the browser tests play: a scripted PBX, four people, and customers whose
//! history was written before the daemon started.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daemon::calls::call::{Call, Direction, EndedBy, Outcome, Segment, Wait};
use daemon::config::Config;
use daemon::desk::command::{Command, CustomerForm, Done, Given, Step, TicketForm};
use daemon::desk::decide::Input;
use daemon::desk::fact;
use daemon::desk::handling::Handle;
use daemon::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use daemon::number::Number;
use daemon::store::Store;
use daemon::{CustomerId, PersonId, Role, TicketId};

use super::chromium::Browser;
use crate::house::{House, Running, password_of};
use crate::pbx::Pbx;

/// Who sits at extension 1001, and what their login is.
pub const ZHOU: &str = "zhou";
/// Extension 1002.
pub const LI: &str = "li";
pub const BOSS: &str = "boss";
pub const WIRES: &str = "wires";

/// A customer with a past: contacts, an open matter.
pub const KNOWN: &str = "13800138000";

pub struct Scene {
    pub pbx: Pbx,
    pub daemon: Option<Running>,
    /// Its directory goes with it.
    house: House,
}

impl Scene {
    /// The daemon runs and has met the PBX.
    pub async fn open() -> Scene {
        Scene::with_past(|_| {}).await
    }

    /// The same, with whatever more has happened before.
    pub async fn with_past(more: impl FnOnce(&mut Past)) -> Scene {
        let mut pbx = Pbx::listen(&[("support", &["1001", "1002"]), ("complaints", &["1002"])]).await;
        let house = House::new(&format!(
            "{}wrap_up = {{ seconds = 3 }}\n[site]\ntime_zone = \"Asia/Shanghai\"\n",
            pbx.config("main")
        ));
        let mut past = Past::of(&house);
        past.settle();
        more(&mut past);
        drop(past);
        let daemon = Some(house.serve());
        pbx.met().await;
        Scene { pbx, daemon, house }
    }

    pub fn url(&self) -> &str {
        &self.daemon.as_ref().expect("the daemon runs").url
    }

    /// `kill -9`, and started again.
    pub async fn restart(&mut self) {
        self.daemon.take().expect("the daemon runs").kill();
        self.daemon = Some(self.house.serve());
    }

    /// A browser in which somebody has signed in.
    pub async fn browser(&self, login: &str) -> Browser {
        let browser = Browser::open().await;
        browser.sign_in(self.url(), login).await;
        browser
    }
}

/// What happened before the daemon started: the same commands and calls, given by hand.
pub struct Past {
    store: Store,
    calls: u32,
    /// The last ticket that was opened.
    last: Option<TicketId>,
    /// Who holds which extension.
    holders: BTreeMap<String, PersonId>,
}

impl Past {
    fn of(house: &House) -> Past {
        let config = Config::read(&house.config()).expect("the test's configuration");
        let store = Store::open(&config.data, daemon::policy(&config)).expect("the store");
        Past { store, calls: 0, last: None, holders: BTreeMap::new() }
    }

    fn settle(&mut self) {
        let zhou = self.person(ZHOU, "周晓云", Role::Agent, Some("1001"));
        self.person(LI, "李建国", Role::Agent, Some("1002"));
        self.person(BOSS, "刘敏", Role::Supervisor, None);
        self.person(WIRES, "何建平", Role::Admin, None);
        let zhang = self.customer(zhou, "张伟", "海川贸易有限公司", KNOWN, true);
        let form = TicketForm {
            kind: Kind::Consultation,
            category: "information".into(),
            priority: Priority::Normal,
            complexity: Complexity::Simple,
            channel: Channel::Phone,
            summary: "发票抬头已改，重开电子发票".into(),
            course: String::new(),
            demand: String::new(),
            object: Object::default(),
        };
        let settled = self.open(zhou, zhang, KNOWN, TimeDelta::hours(581));
        self.talked(KNOWN, "1002", TimeDelta::hours(581), TimeDelta::seconds(175));
        self.talked(KNOWN, "1001", TimeDelta::minutes(33_377), TimeDelta::seconds(400));
        self.save(zhou, settled, form, TicketState::Closed, TimeDelta::days(22));
        let form = TicketForm {
            kind: Kind::AfterSales,
            category: "product_quality".into(),
            priority: Priority::Urgent,
            complexity: Complexity::Simple,
            channel: Channel::Phone,
            summary: "两台显示器有坏点，等换货".into(),
            course: "收货当天开箱检查发现，已拍照。".into(),
            demand: "换货".into(),
            object: Object::default(),
        };
        self.matter(zhou, zhang, KNOWN, form, TimeDelta::days(2));
        self.talked(KNOWN, "1001", TimeDelta::minutes(2_823), TimeDelta::seconds(192));
        self.talked(KNOWN, "1002", TimeDelta::minutes(1_129), TimeDelta::seconds(67));
    }

    pub fn person(&mut self, login: &str, name: &str, role: Role, extension: Option<&str>) -> PersonId {
        let password_hash = admin::auth::hash(&password_of(login));
        let add = Command::AddPerson { login: login.into(), name: name.into(), role, password_hash };
        let Done::Person(person) = self.give(None, add, TimeDelta::days(30)) else { panic!("no person {login}") };
        if let Some(extension) = extension {
            let map = Command::MapExtension { pbx: "main".into(), extension: extension.into(), person: Some(person) };
            self.give(None, map, TimeDelta::days(30));
            self.holders.insert(extension.to_owned(), person);
        }
        person
    }

    pub fn holder(&self, extension: &str) -> PersonId {
        self.holders[extension]
    }

    pub fn customer(&mut self, by: PersonId, name: &str, company: &str, number: &str, key: bool) -> CustomerId {
        let form = CustomerForm {
            name: name.into(),
            company: company.into(),
            key_customer: key,
            numbers: vec![canonical(number)],
            ..CustomerForm::default()
        };
        let save = Command::SaveCustomer { customer: None, ticket: None, form };
        match self.give(Some(by), save, TimeDelta::days(30)) {
            Done::Customer(customer) => customer,
            other => panic!("saving {name} came to {other:?}"),
        }
    }

    /// A ticket that stays open.
    pub fn matter(&mut self, by: PersonId, customer: CustomerId, number: &str, form: TicketForm, ago: TimeDelta) {
        let ticket = self.open(by, customer, number, ago);
        self.save(by, ticket, form, TicketState::InProgress, ago);
        // They wait for what was promised a minute ago; without it the solution would be long overdue.
        let at = Utc::now() + TimeDelta::days(2);
        self.give(Some(by), Command::Matter(ticket, Step::Promise { at }), TimeDelta::minutes(1));
    }

    /// In the last ticket that was opened.
    pub fn handles(&mut self, by: PersonId, handle: Handle) {
        let ticket = self.last.expect("a ticket was opened");
        self.give(Some(by), Command::Handle(ticket, handle), TimeDelta::minutes(1));
    }

    fn open(&mut self, by: PersonId, customer: CustomerId, number: &str, ago: TimeDelta) -> TicketId {
        let number = Some(canonical(number));
        let open = Command::OpenTicket {
            call: None,
            customer: Some(customer),
            number,
            kind: Kind::Consultation,
            channel: Channel::Phone,
        };
        match self.give(Some(by), open, ago) {
            Done::Ticket(ticket) => {
                self.last = Some(ticket);
                ticket
            }
            other => panic!("opening a ticket came to {other:?}"),
        }
    }

    fn save(&mut self, by: PersonId, ticket: TicketId, form: TicketForm, state: TicketState, ago: TimeDelta) {
        self.give(Some(by), Command::SaveTicket { ticket, version: 1, form, state }, ago);
    }

    /// A call from that number that an agent took.
    pub fn talked(&mut self, number: &str, agent: &str, ago: TimeDelta, talk: TimeDelta) {
        let (answered_at, ended_at) = (Utc::now() - ago, Utc::now() - ago + talk);
        let segment = Segment {
            agent: agent.into(),
            queue: Some("support".into()),
            from: answered_at,
            to: Some(ended_at),
            holds: Vec::new(),
        };
        let call = self.inbound(number, answered_at, ended_at);
        self.observe(Call {
            agent: Some(agent.into()),
            answered_at: Some(answered_at),
            outcome: Some(Outcome::Answered),
            segments: vec![segment],
            ..call
        });
    }

    /// A call from that number that nobody took.
    pub fn missed(&mut self, number: &str, ago: TimeDelta) {
        let ended_at = Utc::now() - ago;
        let call = self.inbound(number, ended_at, ended_at);
        self.observe(Call { outcome: Some(Outcome::Abandoned), ..call });
    }

    fn inbound(&mut self, number: &str, left_at: DateTime<Utc>, ended_at: DateTime<Utc>) -> Call {
        self.calls += 1;
        let joined_at = left_at - TimeDelta::seconds(18);
        Call {
            id: format!("past-x-{}", self.calls).as_str().into(),
            pbx: "main".into(),
            direction: Direction::Inbound,
            caller: Some(number.into()),
            caller_name: None,
            number: Some(Number::from_canonical(&canonical(number))),
            to: Some("support".into()),
            agent: None,
            started_at: joined_at,
            answered_at: None,
            ended_at: Some(ended_at),
            outcome: None,
            ended_by: Some(EndedBy::Caller),
            waits: vec![Wait { queue: "support".into(), joined_at, left_at: Some(left_at) }],
            segments: Vec::new(),
            offers: Vec::new(),
            transfers: Vec::new(),
            survey: None,
            originated: None,
            certain: true,
        }
    }

    fn observe(&mut self, call: Call) {
        let at = call.ended_at.expect("it is over");
        self.decide(Input::Call { at, call: Arc::new(call) }, at);
    }

    fn give(&mut self, by: Option<PersonId>, command: Command, ago: TimeDelta) -> Done {
        self.decide(Input::Given(Box::new(Given { by, command })), Utc::now() - ago)
    }

    fn decide(&mut self, input: Input, at: DateTime<Utc>) -> Done {
        let facts = self.store.together(|writing| writing.decide(&input, at)).expect("a commit");
        fact::done(&facts.unwrap_or_else(|refusal| panic!("{input:?}: {refusal:?}")))
    }
}

/// A Chinese mobile number with its country.
fn canonical(number: &str) -> String {
    format!("+86{number}")
}
