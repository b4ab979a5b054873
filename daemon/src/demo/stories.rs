//! Matters in which something has happened: passed on, refused, promised, noted, solved and asked about.
//! Each is told once, to whoever signs in first; the hotline goes on from there.

use anyhow::bail;
use chrono::{TimeDelta, Utc};

use super::house::{LOGISTICS, QUALITY};
use super::{NEW, People, give};
use crate::desk::command::{Command, CustomerForm, Done, Step, TicketForm};
use crate::desk::handling::{Handle, RemedyKind};
use crate::desk::ownership::{Hand, Part, Receiver};
use crate::desk::papers::Paper;
use crate::desk::survey::Unanswered;
use crate::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use crate::engine::Commands;
use crate::number::Number;
use crate::store::read::Reader;
use crate::{CustomerId, PersonId, TicketId};

pub struct Story {
    customer: Customer,
    matter: Matter,
    then: &'static [Deed],
}

struct Customer {
    name: &'static str,
    company: &'static str,
    number: &'static str,
    class: &'static str,
}

struct Matter {
    channel: Channel,
    kind: Kind,
    category: &'static str,
    priority: Priority,
    summary: &'static str,
    course: &'static str,
    demand: &'static str,
}

/// What somebody does, by login.
enum Deed {
    OffersWork(&'static str, &'static str, &'static str),
    Offers(&'static str, &'static str, &'static str),
    Accepts(&'static str),
    Refuses(&'static str, &'static str),
    TakesBack(&'static str),
    Assigns(&'static str, &'static str, &'static str),
    Notes(&'static str, &'static str),
    /// In hundredths of the site's currency.
    Proposes(&'static str, RemedyKind, i64, &'static str),
    /// For something that the customer is to do.
    Waits(&'static str, &'static str),
    /// Hours from now.
    Promises(&'static str, i64),
    Saves(&'static str, TicketState),
    Files(&'static str, &'static str),
    /// Called and asked: the score, and what the customer said.
    Asks(&'static str, u8, &'static str),
    /// Called, and the customer would not say.
    AsksInVain(&'static str, &'static str),
}

pub const STORIES: &[Story] = &[
    Story {
        customer: Customer { name: "何秀兰", company: "", number: "+8613501230011", class: "普通" },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::Complaint,
            category: "product_quality",
            priority: Priority::Normal,
            summary: "冰箱门封条开裂，冷藏室结霜",
            course: "购买五个月，上周起门封条右下角开裂，擦过两次仍结霜，已发照片。",
            demand: "换门封条，补偿变质的食物",
        },
        then: &[Deed::OffersWork("agent", QUALITY, "照片里裂口约 6 厘米，请鉴定是不是批次问题")],
    },
    Story {
        customer: Customer {
            name: "郭志明", company: "明达家电商行", number: "+8613501230012", class: "经销商"
        },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::Complaint,
            category: "delivery",
            priority: Priority::Urgent,
            summary: "二十台空调少到三台，周末要装机",
            course: "运单写二十台，实收十七台，司机当场签了差异单。",
            demand: "周五前补齐三台",
        },
        then: &[
            Deed::OffersWork("agent", LOGISTICS, "差异单已在附件里，请查中转仓"),
            Deed::Accepts("fengtao"),
            Deed::Notes("fengtao", "中转仓找到两台，还差一台，已调广州仓的。"),
            Deed::Proposes("fengtao", RemedyKind::Compensation, 150_000, "两天误工，按合同第六条"),
        ],
    },
    Story {
        customer: Customer { name: "罗婷", company: "", number: "+8613501230013", class: "普通" },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::AfterSales,
            category: "after_sales",
            priority: Priority::Normal,
            summary: "热水器换过主板又报 E4",
            course: "上月换过主板，昨天又报 E4，水温上不去。",
            demand: "再上门一次，免收上门费",
        },
        then: &[
            Deed::Offers("agent", "lijianguo", "上次换主板是李工派的"),
            Deed::Refuses("lijianguo", "那次是陈美玲派的工，我没有接触过这家"),
            Deed::Offers("agent", "chenmeiling", "上次换主板是你派的工，客户愿意等你回电"),
            Deed::Accepts("chenmeiling"),
            Deed::Promises("chenmeiling", 3),
        ],
    },
    Story {
        customer: Customer { name: "林涛", company: "", number: "+8613501230014", class: "普通" },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::Consultation,
            category: "information",
            priority: Priority::Normal,
            summary: "问以旧换新的补贴怎么领",
            course: "旧洗衣机还能用，想知道补贴额度和材料。",
            demand: "回电告知材料清单",
        },
        then: &[Deed::Promises("agent", 2)],
    },
    Story {
        customer: Customer { name: "梁静", company: "", number: "+8613501230015", class: "VIP" },
        matter: Matter {
            channel: Channel::Email,
            kind: Kind::Consultation,
            category: "information",
            priority: Priority::Normal,
            summary: "邮件：要三年的维修记录",
            course: "报销需要，请按发票号列出。",
            demand: "发到原邮箱",
        },
        then: &[Deed::Waits("agent", "等客户补发票号")],
    },
    Story {
        customer: Customer { name: "宋佳", company: "佳和公寓", number: "+8613501230016", class: "VIP" },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::AfterSales,
            category: "after_sales",
            priority: Priority::Normal,
            summary: "六台洗衣机一起保养，要约同一天",
            course: "公寓公用洗衣房，周二上午没有住户。",
            demand: "下周二上午",
        },
        then: &[
            Deed::Offers("agent", "zhaozhiqiang", "这片归你"),
            Deed::TakesBack("agent"),
            Deed::Assigns("supervisor", "zhaozhiqiang", "批量保养统一由赵志强排"),
        ],
    },
    Story {
        customer: Customer { name: "方莉", company: "", number: "+8613501230017", class: "普通" },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::Consultation,
            category: "information",
            priority: Priority::Normal,
            summary: "问滤芯型号和更换周期",
            course: "净水机买了一年，指示灯变黄。",
            demand: "",
        },
        then: &[Deed::Saves("agent", TicketState::Resolved), Deed::Saves("agent", TicketState::Closed)],
    },
    Story {
        customer: Customer { name: "韦国栋", company: "", number: "+8613501230018", class: "普通" },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::AfterSales,
            category: "after_sales",
            priority: Priority::Normal,
            summary: "油烟机漏油滴到灶台",
            course: "清洗后装回去就开始滴油。",
            demand: "上门重装",
        },
        then: &[Deed::Offers("agent", "wuhaitao", "上次清洗是你跟的单")],
    },
    visited(
        "苏敏",
        "+8613501230021",
        "空调漏水，重接了排水管",
        &[
            Deed::Saves("agent", TicketState::Resolved),
            Deed::Files("agent", "重接排水管，试机半小时不漏"),
            Deed::Asks("agent", 5, "师傅很准时"),
        ],
    ),
    visited(
        "邓超群",
        "+8613501230022",
        "洗碗机排水慢，清了滤网",
        &[
            Deed::Saves("lijianguo", TicketState::Resolved),
            Deed::Files("lijianguo", "清滤网，教了每月清一次"),
            Deed::Asks("lijianguo", 4, ""),
        ],
    ),
    visited(
        "贺兰英",
        "+8613501230023",
        "电饭煲换内胆，等了六天",
        &[
            Deed::Saves("chenmeiling", TicketState::Resolved),
            Deed::Files("chenmeiling", "内胆到货后当天寄出"),
            Deed::Asks("chenmeiling", 2, "说好三天，等了六天，中间没有人告诉我"),
        ],
    ),
    visited(
        "田野",
        "+8613501230024",
        "电视遥控器失灵，补寄一个",
        &[
            Deed::Saves("agent", TicketState::Resolved),
            Deed::Files("agent", "补寄遥控器，单号已发"),
            Deed::AsksInVain("agent", "客户在开会，不愿评价"),
        ],
    ),
    visited(
        "汪小满",
        "+8613501230025",
        "风扇异响，换了轴承",
        &[Deed::Saves("agent", TicketState::Resolved), Deed::Files("agent", "换轴承，等回访")],
    ),
    // The same number as another customer's of the demo: the pop shows both.
    Story {
        customer: Customer { name: "周建国", company: "", number: "+861062345678", class: "普通" },
        matter: Matter {
            channel: Channel::Visit,
            kind: Kind::Suggestion,
            category: "other",
            priority: Priority::Normal,
            summary: "建议门店加一张维修价目表",
            course: "来门店反映，家里座机与女儿周娟共用。",
            demand: "",
        },
        then: &[],
    },
];

/// A repair that was done: what is left is to hear whether it is well.
const fn visited(name: &'static str, number: &'static str, summary: &'static str, then: &'static [Deed]) -> Story {
    Story {
        customer: Customer { name, company: "", number, class: "普通" },
        matter: Matter {
            channel: Channel::Phone,
            kind: Kind::AfterSales,
            category: "after_sales",
            priority: Priority::Normal,
            summary,
            course: "客户来电报修，已派工。",
            demand: "尽快修好",
        },
        then,
    }
}

/// Those whose customers are not there yet.
pub async fn tell(commands: &Commands, reader: &Reader, people: &People) -> anyhow::Result<()> {
    let policy = reader.policy();
    let is_named = |department: &str| policy.terms.departments.contains_key(&department.into());
    for story in STORIES {
        // A site with a policy of its own has its own departments, to whom nothing of these is offered.
        let goes_elsewhere = |deed: &Deed| matches!(deed, Deed::OffersWork(_, department, _) if !is_named(department));
        if story.then.iter().any(goes_elsewhere) {
            continue;
        }
        let known = reader.card(Some(Number::from_canonical(story.customer.number))).await?.customers;
        if known.iter().any(|customer| customer.name == story.customer.name) {
            continue;
        }
        // Whoever does the first thing in it took the call.
        let agent = story.then.iter().find_map(|deed| deed.saves()).map_or(people.get("agent"), |by| people.get(by));
        let customer = introduce(commands, agent, &story.customer).await?;
        let mut told = Told { commands, people, ticket: TicketId(0), version: NEW, matter: &story.matter };
        told.opens(agent, customer, story.customer.number).await?;
        for deed in story.then {
            told.does(deed).await?;
        }
    }
    Ok(())
}

async fn introduce(commands: &Commands, by: Option<PersonId>, known: &Customer) -> anyhow::Result<CustomerId> {
    let form = CustomerForm {
        name: known.name.into(),
        company: known.company.into(),
        class: known.class.into(),
        numbers: vec![known.number.into()],
        ..CustomerForm::default()
    };
    match give(commands, by, Command::SaveCustomer { customer: None, ticket: None, form }).await? {
        Done::Customer(customer) => Ok(customer),
        other => bail!("saving {} came to {other:?}", known.name),
    }
}

impl Deed {
    fn saves(&self) -> Option<&'static str> {
        if let Deed::Saves(login, _) = self { Some(login) } else { None }
    }
}

/// A story as far as it is told.
struct Told<'a> {
    commands: &'a Commands,
    people: &'a People,
    ticket: TicketId,
    version: i64,
    matter: &'a Matter,
}

impl Told<'_> {
    async fn opens(&mut self, by: Option<PersonId>, customer: CustomerId, number: &str) -> anyhow::Result<()> {
        let Matter { kind, channel, .. } = *self.matter;
        let (customer, number) = (Some(customer), Some(number.to_owned()));
        let open = Command::OpenTicket { call: None, customer, number, kind, channel };
        match give(self.commands, by, open).await? {
            Done::Ticket(ticket) => self.ticket = ticket,
            other => bail!("opening a ticket came to {other:?}"),
        }
        self.saves(by, TicketState::InProgress).await
    }

    async fn saves(&mut self, by: Option<PersonId>, state: TicketState) -> anyhow::Result<()> {
        let matter = self.matter;
        let form = TicketForm {
            kind: matter.kind,
            category: matter.category.into(),
            priority: matter.priority,
            complexity: Complexity::Simple,
            channel: matter.channel,
            summary: matter.summary.into(),
            course: matter.course.into(),
            demand: matter.demand.into(),
            object: Object::default(),
        };
        let (ticket, version) = (self.ticket, self.version);
        give(self.commands, by, Command::SaveTicket { ticket, version, form, state }).await?;
        self.version += 1;
        Ok(())
    }

    async fn does(&mut self, deed: &Deed) -> anyhow::Result<()> {
        let hand = |hand| Command::Hand(self.ticket, hand);
        let step = |step| Command::Matter(self.ticket, step);
        let offer = |part, to, words: &str| hand(Hand::Offer { part, to, words: words.to_owned() });
        let (login, command) = match *deed {
            Deed::OffersWork(login, department, words) => {
                (login, offer(Part::Work, Receiver::Department(department.into()), words))
            }
            Deed::Offers(login, to, words) => (login, offer(Part::Matter, self.person(to)?, words)),
            Deed::Accepts(login) => (login, hand(Hand::Accept)),
            Deed::Refuses(login, why) => (login, hand(Hand::Refuse { why: why.to_owned() })),
            Deed::TakesBack(login) => (login, hand(Hand::Withdraw)),
            Deed::Assigns(login, to, words) => {
                let (to, words) = (self.person(to)?, words.to_owned());
                (login, hand(Hand::Assign { part: Part::Matter, to, words }))
            }
            Deed::Notes(login, words) => {
                (login, Command::Paper(self.ticket, Paper::Comment { words: words.to_owned() }))
            }
            Deed::Proposes(login, kind, sum_cents, words) => {
                let words = words.to_owned();
                (login, Command::Handle(self.ticket, Handle::Propose { kind, sum_cents, words }))
            }
            Deed::Waits(login, reason) => {
                (login, Command::Matter(self.ticket, Step::Wait { reason: reason.to_owned() }))
            }
            Deed::Promises(login, hours) => {
                let at = Utc::now() + TimeDelta::hours(hours);
                (login, step(Step::Promise { at }))
            }
            Deed::Files(login, words) => (login, step(Step::Filed { words: words.to_owned() })),
            Deed::Asks(login, score, words) => (login, step(Step::Scored { score, words: words.to_owned() })),
            Deed::AsksInVain(login, words) => {
                let (why, words) = (Unanswered::Declined, words.to_owned());
                (login, step(Step::Unanswered { why, words }))
            }
            Deed::Saves(login, state) => return self.saves(self.people.get(login), state).await,
        };
        give(self.commands, self.people.get(login), command).await.map(drop)
    }

    fn person(&self, login: &str) -> anyhow::Result<Receiver> {
        match self.people.get(login) {
            Some(person) => Ok(Receiver::Person(person)),
            None => bail!("nobody of the demo signs in as {login}"),
        }
    }
}
