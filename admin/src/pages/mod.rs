//! The pages, a file a noun, and the shell that they share.

pub mod admin;
pub mod approvals;
pub mod asking;
pub mod away;
pub mod blacklist;
pub mod blank;
pub mod customers;
pub mod departments;
pub mod desk;
pub mod failed;
pub mod form;
pub mod hand;
pub mod handling;
pub mod import;
pub mod live;
pub mod looks;
pub mod messages;
pub mod opening;
pub mod owed;
pub mod papers;
pub mod people;
pub mod policy;
pub mod print;
pub mod regroup;
pub mod reports;
pub mod sign_in;
pub mod step;
pub mod ticket;
pub mod tickets;

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Html;
use daemon::live::{LinkNow, Notice, Topic};
use daemon::{PbxName, Role};

use crate::auth::{Govern, Right, Visitor};
use crate::error::Error;
use crate::parts::status::Status;
use crate::pen::Pen;
use crate::state::State;
use crate::text::Language;

/// Which page it is: its place in the bar, and what its stream shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    Desk,
    Tickets,
    Ticket,
    Owed,
    Obligation,
    /// What waits for a supervisor or manager.
    Approvals,
    Customers,
    Customer,
    /// A file of customers.
    Import,
    Blacklist,
    Live,
    Links,
    People,
    Policy,
    /// What a period came to.
    Reports,
    Departments,
    /// Who is away, and who stands in.
    Away,
    /// Who was shown what.
    Audit,
    /// What somebody was told at once.
    Message,
    /// Says what failed, wherever one wanted to go.
    Failed,
}

impl Room {
    pub const ALL: [Room; 20] = [
        Room::Desk,
        Room::Tickets,
        Room::Ticket,
        Room::Owed,
        Room::Obligation,
        Room::Approvals,
        Room::Customers,
        Room::Customer,
        Room::Import,
        Room::Blacklist,
        Room::Live,
        Room::Links,
        Room::People,
        Room::Policy,
        Room::Reports,
        Room::Departments,
        Room::Away,
        Room::Audit,
        Room::Message,
        Room::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Room::Desk => "desk",
            Room::Tickets => "tickets",
            Room::Ticket => "ticket",
            Room::Owed => "owed",
            Room::Obligation => "obligation",
            Room::Approvals => "approvals",
            Room::Customers => "customers",
            Room::Customer => "customer",
            Room::Import => "import",
            Room::Blacklist => "blacklist",
            Room::Live => "live",
            Room::Links => "links",
            Room::People => "people",
            Room::Policy => "policy",
            Room::Reports => "reports",
            Room::Departments => "departments",
            Room::Away => "away",
            Room::Audit => "audit",
            Room::Message => "message",
            Room::Failed => "failed",
        }
    }
    pub fn parse(word: &str) -> Option<Room> {
        Room::ALL.into_iter().find(|room| room.as_str() == word)
    }
}

/// What is around every page.
pub struct Shell {
    pub title: String,
    pub room: Room,
    /// The page fills the window and scrolls inside.
    pub fills: bool,
    pub visitor: Visitor,
    pub status: Status,
    /// Years without a table of holidays, with the calendars that lack it.
    unknown_years: BTreeMap<i16, Vec<String>>,
    pub build: String,
}

impl Shell {
    pub fn new(state: &State, visitor: Visitor, room: Room, title: String, notices: &[Notice]) -> Shell {
        let (links, store_failing) = (links_of(notices), store_fails(notices));
        let unknown_years = state.reader.policy().unknown_years(visitor.pen.now);
        let years = unknown_years.keys().copied().collect();
        let status = Status::new(visitor.pen.clone(), &links, store_failing, years, visitor.person.role);
        let fills = matches!(room, Room::Desk | Room::Live);
        Shell { title, room, fills, visitor, status, unknown_years, build: state.house.build.clone() }
    }

    fn pen(&self) -> &Pen {
        &self.visitor.pen
    }
    fn now_ms(&self) -> i64 {
        self.pen().ms(&self.pen().now)
    }
    /// For the script's own clock times: the site's zone, not the browser's.
    fn zone(&self) -> &str {
        self.pen().zone.iana_name().unwrap_or("UTC")
    }
    fn seeks(&self) -> bool {
        self.visitor.person.role != Role::Admin
    }
    /// Agents are many and know what they are.
    fn shows_role(&self) -> bool {
        self.visitor.person.role != Role::Agent
    }
    fn role(&self) -> String {
        self.pen().word("role", self.visitor.person.role.as_str())
    }
    fn other_language(&self) -> Language {
        match self.pen().language {
            Language::ZhCn => Language::En,
            Language::En => Language::ZhCn,
        }
    }

    /// Whether the reader can bring a table of holidays.
    fn governs(&self) -> bool {
        Govern::allows(self.visitor.person.role)
    }

    /// What waits in a room for the reader, and in words; none: nothing does.
    fn waits(&self, href: &str) -> Option<(usize, String)> {
        let count = self.visitor.to_approve;
        let waits = href == "/approvals" && count > 0;
        waits.then(|| (count, self.pen().say1("approvals-waiting", "count", count)))
    }

    /// The rooms that the reader may enter: address, name, whether this is it.
    fn rooms(&self) -> Vec<(&'static str, String, bool)> {
        let pen = self.pen();
        let live = ("/live", pen.say("live"), self.room == Room::Live);
        let desk = ("/", pen.say("desk"), self.room == Room::Desk);
        let tickets = ("/tickets", pen.say("tickets"), matches!(self.room, Room::Tickets | Room::Ticket));
        let owed = ("/owed", pen.say("obligations"), matches!(self.room, Room::Owed | Room::Obligation));
        let approvals = ("/approvals", pen.say("approvals"), self.room == Room::Approvals);
        let of_customers = matches!(self.room, Room::Customers | Room::Customer | Room::Import | Room::Blacklist);
        let customers = ("/customers", pen.say("customers"), of_customers);
        let policy = ("/policy", pen.say("policy"), self.room == Room::Policy);
        let reports = ("/reports/ownership", pen.say("reports"), self.room == Room::Reports);
        let audit = ("/audit", pen.say("audit"), self.room == Room::Audit);
        let departments = ("/departments", pen.say("departments"), self.room == Room::Departments);
        match self.visitor.person.role {
            Role::Agent | Role::Handler => vec![desk, tickets, customers, owed],
            Role::Supervisor => vec![live, desk, tickets, customers, owed, approvals, reports, departments, policy],
            Role::Manager => vec![live, tickets, customers, owed, approvals, reports, departments, policy, audit],
            Role::Admin => vec![
                ("/admin", pen.say("links"), self.room == Room::Links),
                ("/admin/people", pen.say("people"), self.room == Room::People),
                departments,
                policy,
                audit,
            ],
        }
    }

    /// What the script says by itself, in the page's language; `{…}` is filled in there.
    fn words(&self) -> String {
        let pen = self.pen();
        let words = serde_json::json!({
            "left": pen.say("due-left"),
            "risk": pen.say("due-risk"),
            "over": pen.say("due-over"),
            "unknown": pen.say("unknown"),
            "wholeDays": pen.say1("left-whole-days", "days", "{d}"),
            "days": pen.say2("left-days", "days", "{d}", "hours", "{h}"),
            "hours": pen.say2("left-hours", "hours", "{h}", "minutes", "{m}"),
            "age": pen.say1("age", "seconds", "{s}"),
            "held": pen.say1("held", "count", "{n}"),
            "lost": pen.say2("lost", "span", "{span}", "at", "{at}"),
            "retry": pen.say("lost-retry"),
            "signedOut": pen.say("signed-out"),
            "signIn": pen.say("sign-in"),
            "draftKept": pen.say1("draft-kept", "at", "{at}"),
            "draftHere": pen.say("draft-here"),
            "draftWaits": pen.say("draft-waits"),
            "rings": pen.say2("title-rings", "span", "{span}", "who", "{who}"),
            "overdue": pen.say2("title-overdue", "count", "{n}", "page", "{page}"),
            "newBuild": pen.say("new-build"),
            "reload": pen.say("reload"),
            "close": pen.say("close"),
            "failed": pen.say("action-failed"),
            "dialling": pen.say("dialling"),
            "noticesOn": pen.say("notices-on"),
            "noticesOff": pen.say("notices-off"),
            "noticesHttps": pen.say("notices-https"),
            "paused": pen.say("stream-paused"),
            "pause": pen.say("stream-pause"),
            "resume": pen.say("stream-resume"),
        });
        words.to_string()
    }
}

/// What stands now on some topics, as a listener who comes now would be told first.
pub async fn present(state: &State, topics: Vec<Topic>) -> Result<Vec<Notice>, Error> {
    Ok(state.live.subscribe(topics).await?.standing().collect())
}

pub fn links_of(notices: &[Notice]) -> BTreeMap<PbxName, LinkNow> {
    let links = notices.iter().filter_map(|notice| match notice {
        Notice::Link(link) => Some((link.pbx.clone(), LinkNow::clone(link))),
        _ => None,
    });
    links.collect()
}

pub fn store_fails(notices: &[Notice]) -> bool {
    notices.iter().any(|notice| matches!(notice, Notice::Store { failing: true }))
}

pub fn html(page: impl Template) -> Result<Html<String>, Error> {
    Ok(Html(page.render()?))
}
