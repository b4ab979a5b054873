//! What streams tell: nobody what their pages would not show, and no number that they mask.

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use daemon::desk::command::{Command, Done, TicketForm};
use daemon::desk::papers::Paper;
use daemon::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use daemon::store::read::TicketFilter;
use daemon::{PersonId, Role, TicketId};
use futures_util::StreamExt;

use super::objects::sent;
use super::rights::busy;
use super::*;

/// All that there is; whoever asks for more than their role may see gets what it may see.
const ALL_PAGES: &str = "/stream?pages=desk,tickets,ticket,owed,obligation,customers,customer,import,blacklist,live,links,\
    people,policy,reports,departments,away,audit,message,approvals";

struct Heard {
    body: BodyDataStream,
    all: String,
}

impl Heard {
    async fn by(site: &Site, session: &str) -> Heard {
        let body = site.ask(get(ALL_PAGES, Some(session))).await.into_body().into_data_stream();
        Heard { body, all: String::new() }
    }

    async fn until(&mut self, said: impl Fn(&str) -> bool) {
        let hears = async {
            while !said(&self.all) {
                self.all.push_str(&String::from_utf8_lossy(&self.body.next().await.expect("more").expect("bytes")));
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(60), hears).await;
        assert!(heard.is_ok(), "it is never said: {}", self.all);
    }
}

fn saved(ticket: TicketId, version: i64, summary: &str) -> Command {
    let form = TicketForm {
        kind: Kind::Complaint,
        category: String::new(),
        priority: Priority::Urgent,
        complexity: Complexity::Simple,
        channel: Channel::Email,
        summary: summary.to_owned(),
        course: String::new(),
        demand: String::new(),
        object: Object::default(),
    };
    Command::SaveTicket { ticket, version, form, state: TicketState::InProgress }
}

impl Site {
    async fn opened(&self, by: PersonId, number: &str) -> TicketId {
        let (kind, channel) = (Kind::Consultation, Channel::Email);
        let open = Command::OpenTicket { call: None, customer: None, number: Some(number.into()), kind, channel };
        let Done::Ticket(ticket) = self.given(by, open).await else { panic!("no ticket") };
        ticket
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_each_role_what_its_pages_show() {
    let (site, stop) = busy().await;
    let owner = site.person("owner", Role::Agent).await;
    let terms = "[rights]\nmask_numbers_for = [\"agent\", \"handler\", \"supervisor\", \"manager\"]\n".to_owned();
    site.given(site.id("manager").await, Command::SetPolicy { version: None, text: terms }).await;
    for (nth, &role) in Role::ALL.iter().enumerate() {
        let me = site.id(role.as_str()).await;
        let session = site.sign_in(role.as_str()).await;
        let theirs = site.opened(owner, &format!("1380013{nth:04}")).await;
        let has_desk = matches!(role, Role::Agent | Role::Handler | Role::Supervisor);
        let mut heard = Heard::by(&site, &session).await;
        heard.until(|all| all.contains("event: pops")).await;
        // It is urgent, so that it is told of at once; then something is written in it.
        site.given(owner, saved(theirs, 1, "zqtheirs")).await;
        site.given(owner, Command::Paper(theirs, Paper::Comment { words: "zqtheirs note".into() })).await;
        let from = heard.all.len();
        if has_desk {
            let own = site.opened(me, &format!("1390013{nth:04}")).await;
            site.given(me, saved(own, 1, "zqown")).await;
            heard.until(|all| all.contains("zqown")).await;
        } else {
            // Whatever is told next was told after that.
            heard.until(|all| all[from..].matches("data:").count() > 5).await;
        }
        let (all, hides) = (&heard.all, !matches!(role, Role::Supervisor | Role::Manager));
        let at = all.find("zqtheirs").filter(|_| hides);
        assert!(at.is_none(), "{role:?} hears: {}", at.map_or("", |at| &all[at..]));
        let shows = |word: &str| all.contains(&format!("\"id\":\"{word}\"")) || all.contains(&format!("id=\\\"{word}"));
        let watches = matches!(role, Role::Supervisor | Role::Manager);
        assert_eq!(shows("queues"), watches, "the board is for who watches, and not for {role:?}");
        assert_eq!(shows("duties"), has_desk, "a desk is for who has one, and not for {role:?}");
        assert_eq!(all.contains("event: event"), role == Role::Admin, "the PBX's words, for {role:?}");
        if role == Role::Admin {
            assert!(!all.contains("zq"), "no word of a matter");
            continue;
        }
        for digits in site.digits().await {
            let at = all.find(&digits);
            assert!(at.is_none(), "{role:?} hears {digits}: {}", at.map_or("", |at| &all[at.saturating_sub(200)..]));
        }
    }
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_for_whoever_has_it_or_its_matter() {
    let (site, stop) = busy().await;
    let session = site.sign_in("handler").await;
    let boss = site.sign_in("supervisor").await;
    let found = async {
        loop {
            let all = TicketFilter { owner: None, open: None, limit: 50 };
            let rows = site.state.reader.tickets(all).await.expect("tickets");
            for row in rows.iter().filter(|row| row.ticket.owner.is_some()) {
                let page = site.state.reader.ticket(row.ticket.id, PersonId(0)).await.expect("an answer");
                if let Some(call) = page.and_then(|page| page.calls.first().cloned()) {
                    return call.id;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let call = tokio::time::timeout(Duration::from_secs(60), found).await.expect("a call that somebody took");
    let asks = |path: String, body: String, session: String| {
        let site = &site;
        async move { site.ask(sent("POST", &path, &body, &session)).await.status() }
    };
    for (path, body, status) in [
        (format!("/show/call/{call}"), String::new(), StatusCode::NOT_FOUND),
        (format!("/api/v1/show/call/{call}"), String::new(), StatusCode::NOT_FOUND),
        (format!("/pops/{call}/customer"), "name=x".to_owned(), StatusCode::NOT_FOUND),
        ("/tickets".to_owned(), format!("call={call}"), StatusCode::NOT_FOUND),
        ("/spy".to_owned(), format!("call={call}&how=listen"), StatusCode::FORBIDDEN),
        ("/api/v1/hangup".to_owned(), format!("{{\"call\":\"{call}\"}}"), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(asks(path.clone(), body, session.clone()).await, status, "{path}");
    }
    assert_eq!(asks(format!("/show/call/{call}"), String::new(), boss).await, StatusCode::OK);
    stop.cancel();
}
