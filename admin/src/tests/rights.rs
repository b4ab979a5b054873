//! Who may know of what: matters of others are not there, and numbers are masked wherever they stand.

use axum::body::to_bytes;
use axum::http::{Method, StatusCode};
use daemon::config::{Config, Pbx};
use daemon::demo;
use daemon::desk::command::{Command, Done, Given};
use daemon::desk::ticket::{Channel, Kind};
use daemon::evidence::{check, unpack};
use daemon::simulator::{Pace, Server};
use daemon::store::read::{OwedFilter, TicketFilter, Whose};
use daemon::{ObligationId, PersonId, Role, TicketId};
use futures_util::StreamExt;
use serde_json::json as value;
use tokio_util::sync::CancellationToken;

use super::*;

const FORM: &str = "version=1&kind=complaint&category=&priority=urgent&complexity=simple&channel=phone&state=in_progress&course=&demand=&summary=seen&back=ticket";

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

fn sent(method: &str, path: &str, body: &str, session: &str) -> Request<Body> {
    let mut request = if method == "GET" { get(path, Some(session)) } else { form(path, body, Some(session)) };
    *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    if path.starts_with("/api/") && method != "GET" {
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a header"));
    }
    request
}

/// All that names a matter or what is owed for it, with what is asked there.
const OBJECTS: &[(&str, &str, &str)] = &[
    ("GET", "/tickets/{number}", ""),
    ("GET", "/tickets/{number}/evidence.zip", ""),
    ("POST", "/show/ticket/{id}", ""),
    ("POST", "/tickets/{id}/save", FORM),
    ("POST", "/tickets/{id}/step", "step=promise&at=2099-01-01T10:00"),
    ("POST", "/tickets/{id}/draft", FORM),
    ("POST", "/tickets/{id}/regroup", "what=split&kind=other"),
    ("POST", "/tickets/{id}/discard", ""),
    ("GET", "/owed/{owed}", ""),
    ("POST", "/owed/{owed}/claim", ""),
    ("POST", "/owed/{owed}/suspend", "reason=why"),
    ("GET", "/api/v1/tickets/{number}", ""),
    ("GET", "/api/v1/tickets/{number}/evidence.zip", ""),
    ("POST", "/api/v1/show/ticket/{id}", ""),
    ("POST", "/api/v1/tickets/{number}/step", r#"{"step":"promise","at":"2099-01-01T10:00:00Z"}"#),
    ("POST", "/api/v1/tickets/{number}/regroup", r#"{"what":"split","kind":"other"}"#),
    ("GET", "/api/v1/obligations/{owed}", ""),
    ("POST", "/api/v1/obligations/{owed}/claim", "{}"),
    ("POST", "/api/v1/dial", r#"{"ticket":{id}}"#),
    ("POST", "/api/v1/dial", r#"{"obligation":{owed}}"#),
];

#[tokio::test]
async fn a_matter_of_another_is_not_there() {
    let site = Site::open().await;
    site.person("other", Role::Agent).await;
    let agent = site.id("agent").await;
    let (ticket, number, owed) = site.matter(agent).await;
    let filled = |text: &str| {
        let text = text.replace("{number}", &number).replace("{id}", &ticket.to_string());
        text.replace("{owed}", &owed.to_string())
    };
    let before = site.state.reader.ticket(ticket, agent).await.expect("an answer").expect("it").timeline.len();
    // A wrong form is no matter of rights; what one may not know of looks like what is not there.
    for who in ["other", "handler"] {
        let session = site.sign_in(who).await;
        for (method, path, body) in OBJECTS {
            let answer = site.ask(sent(method, &filled(path), &filled(body), &session)).await;
            let status = answer.status();
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path} as {who}: {}", text(answer).await);
            let nowhere =
                path.replace("{number}", "20260101-9999").replace("{id}", "99999999").replace("{owed}", "99999999");
            let body = body.replace("{id}", "99999999").replace("{owed}", "99999999");
            let nothing = site.ask(sent(method, &nowhere, &body, &session)).await;
            assert_eq!(nothing.status(), status, "{method} {path} as {who}, where there is nothing");
        }
        for list in ["/tickets", "/owed", "/api/v1/tickets", "/api/v1/obligations", "/api/v1/duties", "/"] {
            let page = text(site.ask(get(list, Some(&session))).await).await;
            assert!(!page.contains(&number), "{list} as {who}");
            let found = text(site.ask(get(&format!("{list}?text=13800135827"), Some(&session))).await).await;
            assert!(!found.contains(&number), "{list} as {who}, searched");
        }
    }
    let wires = site.sign_in("admin").await;
    for (method, path, body) in OBJECTS {
        let answer = site.ask(sent(method, &filled(path), &filled(body), &wires)).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path} as an admin");
    }
    let after = site.state.reader.ticket(ticket, agent).await.expect("an answer").expect("it").timeline.len();
    assert_eq!(after, before, "nobody changed anything");
    for who in ["agent", "supervisor", "manager"] {
        let session = site.sign_in(who).await;
        for (_, path, _) in OBJECTS.iter().filter(|(method, ..)| *method == "GET") {
            let answer = site.ask(get(&filled(path), Some(&session))).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path} as {who}");
        }
    }
}

#[tokio::test]
async fn what_nobody_owns_is_there_for_agents_and_who_leads_them() {
    let site = Site::open().await;
    let agent = site.id("agent").await;
    let number = Some("13800135827".to_owned());
    let (kind, channel) = (Kind::Complaint, Channel::Phone);
    let open = Command::OpenTicket { call: None, customer: None, number, kind, channel };
    let by_the_house = site.state.commands.give(Given { by: None, command: open }).await;
    let Ok(Done::Ticket(ticket)) = by_the_house else { panic!("{by_the_house:?}") };
    let page = site.state.reader.ticket(ticket, agent).await.expect("an answer").expect("the ticket");
    assert_eq!(page.row.ticket.owner, None);
    for (who, status) in [("agent", 200), ("handler", 404), ("supervisor", 200), ("manager", 200), ("admin", 403)] {
        let session = site.sign_in(who).await;
        let answer = site.ask(get(&format!("/api/v1/tickets/{}", page.row.ticket.number), Some(&session))).await;
        assert_eq!(answer.status().as_u16(), status, "{who}");
    }
}

/// A site beside a busy hotline, so that everything that shows a number has some to show.
async fn busy() -> (Site, CancellationToken) {
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
    async fn digits(&self) -> Vec<String> {
        let all = TicketFilter { owner: None, open: None, limit: 500 };
        let rows = self.state.reader.tickets(all).await.expect("tickets");
        let numbers = rows.iter().filter_map(|row| row.ticket.caller.as_ref());
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
    let text_of_terms = "[rights]\nmask_numbers_for = [\"agent\", \"handler\"]\n".to_owned();
    site.given(manager, Command::SetPolicy { version: None, text: text_of_terms }).await;
    let agent = site.sign_in("agent").await;
    let me = site.id("agent").await;
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
    ]
    .map(str::to_owned)
    .to_vec();
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
    for path in ["/live", "/api/v1/board", "/api/v1/status"] {
        said.push(("supervisor", text(site.ask(get(path, Some(&boss))).await).await));
    }
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
