//! The demo's house: people, customers and what was written down about them, given as commands
//! like anybody's, and the hotline that goes with it. A second start adds nothing.

mod house;
mod stories;

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use crate::desk::command::{Command, CustomerForm, Done, Given, Step, TicketForm};
use crate::desk::handling::{Finding, Findings, Handle};
use crate::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use crate::engine::Commands;
use crate::number::Number;
use crate::simulator::{Regular, Simulation};

use crate::store::read::{Directory, Reader};
use crate::{Extension, PbxName, PersonId, Role, TicketId};

/// Somebody of the demo, who signs in with the login and a password that the caller chooses.
pub struct Seat {
    pub login: &'static str,
    pub name: &'static str,
    pub role: Role,
    pub extension: Option<&'static str>,
}

/// The agent at whom the demo looks is the first. Extension 1008 is left to nobody, so that the
/// administration has one to ask about.
pub const PEOPLE: [Seat; 14] = [
    seat("agent", "周晓云", Role::Agent, Some("1001")),
    seat("handler", "韩志远", Role::Handler, None),
    seat("supervisor", "刘敏", Role::Supervisor, None),
    seat("manager", "沈国华", Role::Manager, None),
    seat("admin", "何建平", Role::Admin, None),
    seat("lijianguo", "李建国", Role::Agent, Some("1002")),
    seat("chenmeiling", "陈美玲", Role::Agent, Some("1003")),
    seat("zhaozhiqiang", "赵志强", Role::Agent, Some("1004")),
    seat("sunlihua", "孙丽华", Role::Agent, Some("1005")),
    seat("wuhaitao", "吴海涛", Role::Agent, Some("1006")),
    seat("zhengyawen", "郑雅文", Role::Agent, Some("1007")),
    seat("qianyufen", "钱玉芬", Role::Handler, None),
    seat("fengtao", "冯涛", Role::Handler, None),
    seat("machenglin", "马成林", Role::Handler, None),
];

const fn seat(login: &'static str, name: &'static str, role: Role, extension: Option<&'static str>) -> Seat {
    Seat { login, name, role, extension }
}

/// One of each role, to look at the pages as: the first seats.
pub const ROLES: usize = 5;

/// Who is who, by login.
#[derive(Default)]
struct People(BTreeMap<&'static str, PersonId>);

impl People {
    /// None: nobody of the demo, as whom things happen by themselves.
    fn get(&self, login: &str) -> Option<PersonId> {
        self.0.get(login).copied()
    }
}

/// The hotline that plays beside it: its regulars are the demo's customers.
pub fn hotline(seed: u64) -> Simulation {
    let regular = |known: &Known| Regular { name: known.name.into(), number: known.number.into() };
    let watched = PEOPLE[0].extension.map(Extension::from);
    Simulation::day(seed, watched, CUSTOMERS.iter().map(regular).collect())
}

/// Adds whatever of the demo's people, policy, customers and matters is not there yet.
///
/// # Errors
/// When the store cannot be read or written, or refuses one of them.
pub async fn furnish(
    commands: &Commands,
    reader: &Reader,
    pbx: &PbxName,
    password_hash: impl Fn(&Seat) -> String,
) -> anyhow::Result<()> {
    let directory = reader.directory().await.context("read who is there")?;
    let mut people = People::default();
    for seat in &PEOPLE {
        let person = match directory.people.iter().find(|person| person.login == seat.login) {
            Some(person) => person.id,
            None => add(commands, seat, password_hash(seat)).await?,
        };
        map(commands, &directory, pbx, seat, person).await?;
        people.0.insert(seat.login, person);
    }
    let is_ours = house::furnish(commands, reader, &people).await?;
    for known in &CUSTOMERS {
        let card = reader.card(Some(Number::from_canonical(known.number))).await.context("look a customer up")?;
        if card.customers.is_empty() {
            introduce(commands, known, people.get("agent")).await?;
        }
    }
    if is_ours {
        house::look_after(commands, reader, &people).await?;
        stories::tell(commands, reader, &people).await?;
    }
    Ok(())
}

async fn add(commands: &Commands, seat: &Seat, password_hash: String) -> anyhow::Result<PersonId> {
    let command =
        Command::AddPerson { login: seat.login.into(), name: seat.name.into(), role: seat.role, password_hash };
    match give(commands, None, command).await? {
        Done::Person(person) => Ok(person),
        other => bail!("adding {} came to {other:?}", seat.login),
    }
}

async fn map(
    commands: &Commands,
    directory: &Directory,
    pbx: &PbxName,
    seat: &Seat,
    person: PersonId,
) -> anyhow::Result<()> {
    let Some(extension) = seat.extension.map(Extension::from) else { return Ok(()) };
    if directory.holder(pbx, &extension).is_none() {
        let command = Command::MapExtension { pbx: pbx.clone(), extension, person: Some(person) };
        give(commands, None, command).await?;
    }
    Ok(())
}

async fn introduce(commands: &Commands, known: &Known, agent: Option<PersonId>) -> anyhow::Result<()> {
    let form = CustomerForm {
        name: known.name.into(),
        company: known.company.into(),
        address: known.address.into(),
        key_customer: known.key_customer,
        note: known.note.into(),
        numbers: vec![known.number.into()],
        ..CustomerForm::default()
    };
    let saved = give(commands, agent, Command::SaveCustomer { customer: None, ticket: None, form }).await?;
    let Done::Customer(customer) = saved else { bail!("saving {} came to {saved:?}", known.name) };
    for matter in known.matters {
        let number = Some(known.number.to_owned());
        let opened = Command::OpenTicket {
            call: None,
            customer: Some(customer),
            number,
            kind: matter.kind,
            channel: Channel::Phone,
        };
        let opened = give(commands, agent, opened).await?;
        let Done::Ticket(ticket) = opened else { bail!("opening a ticket came to {opened:?}") };
        let form = TicketForm {
            kind: matter.kind,
            category: matter.category.into(),
            priority: if known.key_customer { Priority::Urgent } else { Priority::Normal },
            complexity: Complexity::Simple,
            channel: Channel::Phone,
            summary: matter.summary.into(),
            course: matter.course.into(),
            demand: matter.demand.into(),
            object: Object::default(),
        };
        let settled = matter.settled.as_ref();
        let state = if settled.is_some() { TicketState::InProgress } else { matter.state };
        give(commands, agent, Command::SaveTicket { ticket, version: NEW, form, state }).await?;
        if let Some(settled) = settled {
            settle(commands, agent, ticket, settled, matter.state).await?;
        }
    }
    Ok(())
}

/// As far as a complaint comes before somebody calls again to ask whether it is well.
async fn settle(
    commands: &Commands,
    agent: Option<PersonId>,
    ticket: TicketId,
    settled: &Settled,
    state: TicketState,
) -> anyhow::Result<()> {
    let findings = Findings {
        finding: Some(Finding::Justified),
        reason: settled.reason.into(),
        cause: settled.cause.into(),
        party: settled.party.into(),
        solution: settled.solution.into(),
        loss_cents: None,
    };
    give(commands, agent, Command::Handle(ticket, Handle::Find { version: 0, findings })).await?;
    let told = Step::Told { how: Channel::Phone, words: settled.solution.into() };
    give(commands, agent, Command::Matter(ticket, told)).await?;
    if state == TicketState::Filed {
        let filed = Step::Filed { words: settled.solution.into() };
        give(commands, agent, Command::Matter(ticket, filed)).await?;
    }
    Ok(())
}

/// The version of a ticket that nobody has saved yet.
const NEW: i64 = 1;

async fn give(commands: &Commands, by: Option<PersonId>, command: Command) -> anyhow::Result<Done> {
    let what = format!("{command:?}");
    match commands.give(Given { by, command }).await {
        Ok(done) => Ok(done),
        Err(refusal) => bail!("the demo's {what} was refused: {refusal:?}"),
    }
}

struct Known {
    name: &'static str,
    company: &'static str,
    address: &'static str,
    number: &'static str,
    key_customer: bool,
    note: &'static str,
    matters: &'static [Matter],
}

struct Matter {
    kind: Kind,
    category: &'static str,
    state: TicketState,
    /// Of a complaint that was looked into.
    settled: Option<Settled>,
    summary: &'static str,
    course: &'static str,
    demand: &'static str,
}

struct Settled {
    reason: &'static str,
    cause: &'static str,
    party: &'static str,
    solution: &'static str,
}

const fn known(name: &'static str, number: &'static str, matters: &'static [Matter]) -> Known {
    Known { name, company: "", address: "", number, key_customer: false, note: "", matters }
}

const CUSTOMERS: [Known; 12] = [
    Known {
        name: "张伟",
        company: "海川贸易有限公司",
        address: "深圳市南山区科苑路 15 号",
        number: "+8613800138000",
        key_customer: true,
        note: "重点客户，来电请先核对合同号。",
        matters: &[
            Matter {
                kind: Kind::Complaint,
                category: "delivery",
                state: TicketState::Filed,
                settled: Some(Settled {
                    reason: "签收单与合同日期不符，晚到属实。",
                    cause: "承运商中转仓爆仓，未按约定改走专线。",
                    party: "承运商",
                    solution: "补偿运费 180 元，后续改走专线。",
                }),
                summary: "整箱货物晚到三天",
                course: "合同约定 2 日送达，实际第 5 日才到，仓库已拒收一箱。",
                demand: "补偿运费",
            },
            Matter {
                kind: Kind::AfterSales,
                category: "product_quality",
                state: TicketState::InProgress,
                settled: None,
                summary: "两台显示器有坏点",
                course: "收货当天开箱检查发现，已拍照。",
                demand: "换货",
            },
        ],
    },
    Known {
        name: "王芳",
        company: "",
        address: "北京市朝阳区望京街 8 号",
        number: "+8613911112222",
        key_customer: false,
        note: "",
        matters: &[Matter {
            kind: Kind::Consultation,
            category: "information",
            state: TicketState::Closed,
            settled: None,
            summary: "询问发票抬头如何修改",
            course: "电子发票已开错抬头，未跨月。",
            demand: "重开发票",
        }],
    },
    Known {
        name: "O'Brien 欧阳",
        company: "Harbour Tools Ltd",
        address: "上海市浦东新区张杨路 500 号",
        number: "+862158881234",
        key_customer: true,
        note: "Speaks English.",
        matters: &[],
    },
    known(
        "李秀英",
        "+8613712345678",
        &[Matter {
            kind: Kind::Complaint,
            category: "service_attitude",
            state: TicketState::Resolved,
            settled: Some(Settled {
                reason: "派工记录显示改约后未通知客户。",
                cause: "师傅改约没有登记。",
                party: "安装组",
                solution: "组长电话道歉，改约一律先通知客户。",
            }),
            summary: "安装师傅态度不好",
            course: "约好上午上门，下午才到，且没有解释。",
            demand: "道歉",
        }],
    ),
    known(
        "陈静",
        "+8613698765432",
        &[Matter {
            kind: Kind::AfterSales,
            category: "after_sales",
            state: TicketState::New,
            settled: None,
            summary: "洗衣机脱水时异响",
            course: "使用四个月，脱水时有撞击声。",
            demand: "上门维修",
        }],
    ),
    known("刘洋", "+8615012340001", &[]),
    known("杨磊", "+8615812340002", &[]),
    known("黄敏", "+8617712340003", &[]),
    known(
        "徐杰",
        "+8618612340004",
        &[Matter {
            kind: Kind::Suggestion,
            category: "other",
            state: TicketState::Closed,
            settled: None,
            summary: "建议增加周末送货",
            course: "工作日家里没有人收货。",
            demand: "",
        }],
    ),
    known("马涛", "+8618912340005", &[]),
    known("周娟", "+861062345678", &[]),
    known("孙勇", "+8675526000000", &[]),
];

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use tokio::sync::{Notify, mpsc};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::calls::pop::PopState;
    use crate::config::Config;
    use crate::desk::policy::Policy;
    use crate::engine::{self, Outlets};
    use crate::live::{LinkState, Notice, Topic};
    use crate::number::Numbering;
    use crate::simulator::{Pace, SECRET, Server, USERNAME};
    use crate::store::Store;
    use crate::store::read::TicketFilter;

    /// The whole daemon beside a busy hotline, over a real socket.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_hotlines_calls_become_tickets_and_duties() {
        let dir = tempfile::tempdir().unwrap();
        let mut busy = hotline(3);
        busy.calls_per_second = 20.0;
        busy.pace = Pace::Drill;
        let server = Server::bind(busy, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let port = server.address().unwrap().port();
        let file = format!(
            "[[pbx]]\nname = \"demo\"\nkind = \"asterisk\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             username = \"{USERNAME}\"\nsecret = \"{SECRET}\"\ntrunks = [\"PJSIP/trunk\"]\n"
        );
        let path = dir.path().join("ringback.toml");
        std::fs::write(&path, file).unwrap();
        let config = Config::read(&path).unwrap();
        let stop = CancellationToken::new();
        let playing = tokio::spawn(server.run(stop.clone()));
        let store = Store::open(dir.path(), crate::policy(&config)).unwrap();
        let daemon = crate::start(&config, store, stop.clone()).unwrap();
        furnish(&daemon.commands, &daemon.reader, &"demo".into(), |_| "hash".into()).await.unwrap();
        let me = daemon.reader.credentials("agent".into()).await.unwrap().unwrap().person;
        let mut live = daemon.live.subscribe(vec![Topic::Extension("demo".into(), "1001".into())]).await.unwrap();
        let (mut rang, mut talked) = (false, false);
        while !talked {
            if let Some(Notice::Pop(pop)) = live.next().await {
                rang |= matches!(pop.state, PopState::Ringing { .. });
                talked |= matches!(pop.state, PopState::Talking { .. }) && rang;
            }
        }
        let begun = std::time::Instant::now();
        let known = CUSTOMERS.iter().map(|known| known.matters.len()).sum::<usize>();
        loop {
            let all = TicketFilter { owner: None, open: None, limit: 500 };
            let tickets = daemon.reader.tickets(all).await.unwrap();
            let owned = tickets.iter().filter(|row| row.ticket.owner == Some(me)).count();
            let owed = daemon.reader.duties(me).await.unwrap().len();
            if tickets.len() > known + 20 && owned > 0 && owed > 0 {
                break;
            }
            assert!(begun.elapsed().as_secs() < 20, "{} tickets, {owned} of them mine, {owed} owed", tickets.len());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let mut house = daemon.live.subscribe(vec![Topic::House]).await.unwrap();
        loop {
            if let Some(Notice::Link(link)) = house.next().await {
                assert_eq!((&link.state, link.damaged_total), (&LinkState::Up, 0));
                assert_eq!(link.product, "Asterisk 22.10.0");
                break;
            }
        }
        stop.cancel();
        playing.await.unwrap();
        daemon.ended().await.unwrap();
    }

    #[tokio::test]
    async fn a_second_start_adds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let policy = Policy::new(jiff::tz::TimeZone::UTC, Numbering::new("CN", None));
        let store = Store::open(dir.path(), policy).unwrap();
        let reader = store.reader().unwrap();
        let (told, _) = mpsc::channel(1024);
        let (errands, _) = mpsc::channel(1);
        let outlets = Outlets { told, errands, outbox: std::sync::Arc::new(Notify::new()) };
        let stop = CancellationToken::new();
        let (inbox, _thread) = engine::start(store, outlets, Utc::now, stop.clone()).unwrap();
        let commands = Commands::new(inbox);
        let pbx = PbxName::from("demo");
        let mut seen = Vec::new();
        for _ in 0..2 {
            furnish(&commands, &reader, &pbx, |seat| format!("hash of {}", seat.login)).await.unwrap();
            let directory = reader.directory().await.unwrap();
            let all = TicketFilter { owner: None, open: None, limit: 100 };
            seen.push((directory.people.len(), directory.extensions.len(), reader.tickets(all).await.unwrap().len()));
        }
        let matters = CUSTOMERS.iter().map(|known| known.matters.len()).sum::<usize>() + stories::STORIES.len();
        assert_eq!(seen, [(14, 7, matters); 2]);
        let card = reader.card(Some(Number::from_canonical("+8613800138000"))).await.unwrap();
        assert_eq!(card.customers[0].name, "张伟");
        assert!(card.customers[0].key_customer);
        assert_eq!(card.open_tickets.len(), 1, "the closed one is history");
        stop.cancel();
    }
}
