//! Numbers are masked wherever they stand, and whole only for who asks for them, which is kept.

use axum::body::to_bytes;
use axum::http::StatusCode;
use daemon::config::{Config, Pbx};
use daemon::demo;
use daemon::desk::command::{Command, Done, Given};
use daemon::desk::customer::OfCustomers;
use daemon::desk::ticket::{Channel, Kind};
use daemon::evidence::{check, unpack};
use daemon::simulator::{Pace, Server};
use daemon::store::read::{OwedFilter, TicketFilter, Whose};
use daemon::{CustomerId, MessageId, ObligationId, PersonId, TicketId};
use futures_util::StreamExt;
use serde_json::json as value;
use tokio_util::sync::CancellationToken;

use super::objects::sent;
use super::*;

impl Site {
    pub(super) async fn id(&self, login: &str) -> PersonId {
        self.state.reader.credentials(login.to_owned()).await.expect("an answer").expect("somebody").person
    }

    pub(super) async fn given(&self, by: PersonId, command: Command) -> Done {
        self.state.commands.give(Given { by: Some(by), command }).await.expect("it is done")
    }

    /// A matter of somebody's, and the solution that is owed for it.
    pub(super) async fn matter(&self, by: PersonId) -> (TicketId, String, ObligationId) {
        let number = Some("13800135827".to_owned());
        let (kind, channel) = (Kind::Complaint, Channel::Phone);
        let open = Command::OpenTicket { call: None, customer: None, number, kind, channel };
        let Done::Ticket(ticket) = self.given(by, open).await else { panic!("no ticket") };
        let page = self.state.reader.ticket(ticket, by).await.expect("an answer").expect("the ticket");
        assert_eq!(page.row.ticket.owner, Some(by));
        (ticket, page.row.ticket.number, page.obligations[0].id)
    }
}

/// A site beside a busy hotline, so that everything that shows a number has some to show.
pub(super) async fn busy() -> (Site, CancellationToken) {
    let mut hotline = demo::hotline(3);
    hotline.calls_per_second = 20.0;
    hotline.pace = Pace::Drill;
    let server = Server::bind(hotline, ([127, 0, 0, 1], 0).into()).await.expect("a hotline");
    let pbxs = vec![Pbx::simulated("demo", server.address().expect("an address"))];
    let stop = CancellationToken::new();
    tokio::spawn(server.run(stop.clone()));
    let site = Site::with(Config { pbxs, ..Config::without_file() }).await;
    let hash = crate::auth::hash(PASSWORD);
    let (commands, reader) = (&site.state.commands, &site.state.reader);
    demo::furnish(commands, reader, &"demo".into(), |_| hash.clone()).await.expect("people and customers");
    (site, stop)
}

impl Site {
    /// The last digits of every number that the store knows.
    pub(super) async fn digits(&self) -> Vec<String> {
        let all = TicketFilter { owner: None, open: None, limit: 500 };
        let rows = self.state.reader.tickets(all).await.expect("tickets");
        let known = self.state.reader.customers_after(CustomerId(0), 500).await.expect("customers");
        let theirs = known.iter().flat_map(|customer| &customer.numbers);
        let numbers = rows.iter().filter_map(|row| row.ticket.caller.as_ref()).chain(theirs);
        let mut digits: Vec<String> =
            numbers.map(|number| number.as_str()[number.as_str().len() - 8..].to_owned()).collect();
        digits.sort();
        digits.dedup();
        digits
    }

    async fn heard(&self, path: &str, session: &str, until: impl Fn(&str) -> bool) -> String {
        let mut body = self.ask(get(path, Some(session))).await.into_body().into_data_stream();
        let mut all = String::new();
        let hears = async {
            while !until(&all) {
                all.push_str(&String::from_utf8_lossy(&body.next().await.expect("more").expect("bytes")));
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(60), hears).await;
        assert!(heard.is_ok(), "{path} never says it: {all}");
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_masking_site_no_page_stream_answer_or_file_tells_a_number() {
    let (site, stop) = busy().await;
    let manager = site.id("manager").await;
    let boss = site.sign_in("supervisor").await;
    let known = &site.digits().await[0];
    let plain = text(site.ask(get("/api/v1/tickets?which=all", Some(&boss))).await).await;
    assert!(plain.contains(known.as_str()), "{known} is told where nothing is masked");
    let sought = format!("/api/v1/tickets?text={known}");
    let places = |all: &str| all.matches("\"place\":\"phone\"").count();
    assert!(places(&text(site.ask(get(&sought, Some(&boss))).await).await) > 0, "where it was found is told");
    let text_of_terms = "[rights]\nmask_numbers_for = [\"agent\", \"handler\", \"supervisor\"]\n".to_owned();
    site.given(manager, Command::SetPolicy { version: None, text: text_of_terms }).await;
    let (agent, mia) = (site.sign_in("agent").await, site.sign_in("manager").await);
    let me = site.id("agent").await;
    let customers = site.state.reader.customers_after(CustomerId(0), 500).await.expect("customers");
    let warned = customers.iter().find(|customer| customer.numbers.len() > 1).or(customers.first()).expect("somebody");
    let number = warned.numbers[0].as_str().to_owned();
    let blacklist = OfCustomers::Blacklist { number: number.clone(), reason: "threats".into(), until: None };
    site.given(manager, Command::Customers(blacklist)).await;
    let mut said = Vec::new();
    let stars = |all: &str| all.contains("****");
    // Pops come whole with the stream; the board's callers too.
    let pops = |all: &str| all.contains("data-pop=\\\"ringing\\\"") || all.contains("data-pop=\"ringing\"");
    said.push(("desk's stream", site.heard("/stream?pages=desk", &agent, |all| pops(all) && stars(all)).await));
    said.push((
        "board's stream",
        site.heard("/stream?pages=live", &boss, |all| all.contains("caller-") && stars(all)).await,
    ));
    let filter = |owner| OwedFilter { owner, kind: None, state: None, at_risk: None, limit: 10 };
    // Of what nobody owes somebody else may take some meanwhile.
    let mine = site.state.reader.owed(filter(Whose::Of(me))).await.expect("what is owed");
    let ours = TicketFilter { owner: Some(me), open: None, limit: 5 };
    let tickets = site.state.reader.tickets(ours).await.expect("tickets");
    assert!(!mine.is_empty() && !tickets.is_empty());
    let mut paths: Vec<String> = [
        "/",
        "/tickets",
        "/tickets?which=all",
        "/owed",
        "/away",
        "/api/v1/me",
        "/api/v1/people",
        "/api/v1/duties",
        "/api/v1/tickets",
        "/api/v1/obligations",
        "/customers",
        "/customers/new",
        "/blacklist",
        "/api/v1/customers",
        "/api/v1/blacklist",
    ]
    .map(str::to_owned)
    .to_vec();
    let last = &number[number.len() - 4..];
    for path in ["/tickets?text=", "/api/v1/tickets?text=", "/customers?text=", "/api/v1/customers?text="] {
        paths.push(format!("{path}{last}"));
    }
    paths.push(format!("/api/v1/look-up?number={}", number.replace('+', "%2B")));
    for customer in customers.iter().take(5).chain([warned]) {
        paths.push(format!("/customers/{}", customer.id));
        paths.push(format!("/customers/{}?with={last}", customer.id));
        paths.push(format!("/api/v1/customers/{}", customer.id));
    }
    for message in site.state.reader.told(me, MessageId(0)).await.expect("messages").iter().take(3) {
        said.push(("agent", text(site.ask(get(&format!("/messages/{}", message.id), Some(&agent))).await).await));
    }
    for row in &tickets {
        paths.push(format!("/?ticket={}", row.ticket.id));
        paths.push(format!("/tickets/{}", row.ticket.number));
        paths.push(format!("/api/v1/tickets/{}", row.ticket.number));
    }
    for row in &mine {
        paths.push(format!("/owed/{}", row.id));
        paths.push(format!("/api/v1/obligations/{}", row.id));
    }
    for (who, session) in [("agent", &agent), ("supervisor", &boss)] {
        for path in &paths {
            let answer = site.ask(get(path, Some(session))).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path} as {who}");
            said.push((who, text(answer).await));
        }
    }
    // A number comes in pieces there.
    let found = text(site.ask(get(&sought, Some(&boss))).await).await;
    assert!(found.contains("\"number\"") && places(&found) == 0, "{found}");
    for path in ["/live", "/api/v1/board", "/api/v1/status", "/customers/import"] {
        said.push(("supervisor", text(site.ask(get(path, Some(&boss))).await).await));
    }
    // Who leads takes all customers away, as they see them, and it is on record.
    for path in ["/customers/export", "/api/v1/customers/export"] {
        let file = text(site.ask(get(path, Some(&boss))).await).await;
        assert!(file.lines().count() > customers.len() && stars(&file), "{file}");
        said.push(("supervisor's file", file));
    }
    let whole = text(site.ask(get("/customers/export", Some(&mia))).await).await;
    assert!(whole.contains(&number), "who sees numbers has them whole: {whole}");
    let audit = json(site.ask(get("/api/v1/audit", Some(&mia))).await).await;
    let rows = |masked: bool| {
        let rows = audit.as_array().expect("rows").iter();
        rows.filter(|row| row["what"] == "customers_exported" && row["masked"] == masked).count()
    };
    assert_eq!((rows(true), rows(false)), (2, 1), "{audit}");
    let listed = text(site.ask(get("/audit", Some(&mia))).await).await;
    assert!(listed.contains("导出全部客户"), "{listed}");
    said.push(("manager", listed));
    assert_eq!(site.ask(get("/customers/export", Some(&agent))).await.status(), StatusCode::FORBIDDEN);
    // Taken off by the mask that is shown.
    let blacklisted = async || site.state.reader.blacklist(site.state.now()).await.expect("a list").len();
    let before = blacklisted().await;
    let page = text(site.ask(get("/blacklist", Some(&boss))).await).await;
    let field = |name: &str| {
        let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap_or_else(|| panic!("{name}: {page}")).to_owned()
    };
    let off = format!("number={}&at={}", field("number"), field("at"));
    assert_eq!(site.ask(form("/blacklist/off", &off, Some(&boss))).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(blacklisted().await, before - 1);
    // Evidence holds what the chain holds, but for what would tell a number.
    let packed = site.ask(get(&format!("/tickets/{}/evidence.zip", tickets[0].ticket.number), Some(&agent))).await;
    assert_eq!(packed.status(), StatusCode::OK);
    let packed = to_bytes(packed.into_body(), 1 << 24).await.expect("a file");
    let checked = check(&packed);
    assert_eq!(checked.findings, [""; 0]);
    assert!(checked.hidden > 0, "{checked:?}");
    for bytes in unpack(&packed).expect("files").into_values() {
        said.push(("the pack", String::from_utf8_lossy(&bytes).into_owned()));
    }
    // All that was there when the pages were written is among what is there now.
    let digits = site.digits().await;
    assert!(digits.len() > 5, "{digits:?}");
    let masked = said.iter().filter(|(_, said)| stars(said)).count();
    assert!(masked > paths.len() / 2, "{masked} of {} show a mask", said.len());
    for (whose, said) in &said {
        for digits in &digits {
            let at = said.find(digits.as_str());
            assert!(at.is_none(), "{digits} for {whose}: {}", at.map_or("", |at| &said[at.saturating_sub(200)..]));
        }
    }
    // Who sees only the mask calls by what it is about.
    let owed = mine.iter().find(|row| row.number.is_some()).expect("somebody to call");
    let dial = sent("POST", "/api/v1/dial", &value!({ "obligation": owed.id.0 }).to_string(), &agent);
    let dialled = site.ask(dial).await.status();
    assert!(matches!(dialled, StatusCode::ACCEPTED | StatusCode::CONFLICT), "{dialled}");
    stop.cancel();
}

#[tokio::test]
async fn a_masked_number_is_shown_by_a_click_that_is_kept() {
    let site = Site::open().await;
    let (agent, manager) = (site.id("agent").await, site.id("manager").await);
    let (ticket, number, _) = site.matter(agent).await;
    let text_of_terms = "[rights]\nmask_numbers_for = [\"agent\", \"handler\"]\n".to_owned();
    site.given(manager, Command::SetPolicy { version: None, text: text_of_terms }).await;
    let sessions = [site.sign_in("agent").await, site.sign_in("supervisor").await, site.sign_in("manager").await];
    let [agent, boss, mia] = &sessions;
    let page = text(site.ask(get(&format!("/tickets/{number}"), Some(agent))).await).await;
    assert!(page.contains("138****5827") && !page.contains("data-show"), "an agent has no eye");
    let page = text(site.ask(get(&format!("/tickets/{number}"), Some(boss))).await).await;
    assert!(page.contains("138****5827") && page.contains(&format!("data-show=\"/show/ticket/{ticket}\"")), "{page}");
    let show = format!("/show/ticket/{ticket}");
    assert_eq!(site.ask(form(&show, "", Some(agent))).await.status(), StatusCode::FORBIDDEN);
    let nothing = json(site.ask(get("/api/v1/audit", Some(mia))).await).await;
    assert_eq!(nothing, value!([]));
    assert_eq!(json(site.ask(form(&show, "", Some(boss))).await).await, value!(["13800135827"]));
    let audit = json(site.ask(get("/api/v1/audit", Some(mia))).await).await;
    let row = &audit[0];
    assert_eq!((&row["what"], &row["ticket"]), (&value!("numbers_shown"), &value!(number)), "{audit}");
    assert_eq!(row["by"], value!(site.id("supervisor").await.0));
    let listed = text(site.ask(get("/audit", Some(mia))).await).await;
    assert!(listed.contains("显示号码") && listed.contains(&number), "{listed}");
    let timeline = text(site.ask(get(&format!("/tickets/{number}"), Some(agent))).await).await;
    assert!(timeline.contains("显示了完整号码"), "it stands in the timeline");
    // A whole pack is another look.
    let packed = site.ask(get(&format!("/api/v1/tickets/{number}/evidence.zip"), Some(boss))).await;
    let packed = to_bytes(packed.into_body(), 1 << 24).await.expect("a file");
    let files = unpack(&packed).expect("files");
    let ticket = String::from_utf8_lossy(&files["ticket.json"]).into_owned();
    assert!(ticket.contains("+8613800135827"), "{ticket}");
    let audit = json(site.ask(get("/api/v1/audit", Some(mia))).await).await;
    assert_eq!(audit[0]["what"], "evidence_made");
}
