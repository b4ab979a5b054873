//! The whole router over a real daemon and store, asked as browsers ask.

mod customers;
mod handling;
mod objects;
mod opening;
mod papers;
mod policy;
mod regroup;
mod reports;
mod rights;
mod streams;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use daemon::config::Config;
use daemon::desk::command::{Command, Done, Given};
use daemon::store::Store;
use daemon::{PersonId, Role};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{House, State, router};

const PASSWORD: &str = "a good password";

struct Site {
    router: Router,
    state: State,
    stop: CancellationToken,
    _data: tempfile::TempDir,
}

impl Site {
    async fn open() -> Site {
        Site::with(Config::without_file()).await
    }

    async fn with(config: Config) -> Site {
        let data = tempfile::tempdir().expect("a directory");
        let config = Config { data: data.path().to_owned(), ..config };
        let store = Store::open(data.path(), daemon::policy(&config)).expect("a store");
        let stop = CancellationToken::new();
        let daemon = daemon::start(&config, store, stop.clone()).expect("a daemon");
        let house = House {
            name: "云岫电器".to_owned(),
            language: None,
            zone: config.site.time_zone.clone(),
            https: false,
            trusted_proxies: Vec::new(),
            build: "test".to_owned(),
        };
        let state = State::new(
            daemon.commands.clone(),
            daemon.reader.clone(),
            daemon.live.clone(),
            daemon.files.clone(),
            house,
            stop.child_token(),
        );
        let site = Site { router: router(state.clone()), state, stop, _data: data };
        for &role in Role::ALL {
            site.person(role.as_str(), role).await;
        }
        site
    }

    async fn person(&self, login: &str, role: Role) -> PersonId {
        let (login, name) = (login.to_owned(), login.to_owned());
        let command = Command::AddPerson { login, name, role, password_hash: crate::auth::hash(PASSWORD) };
        let added = self.state.commands.give(Given { by: None, command }).await;
        let Ok(Done::Person(person)) = added else { panic!("{added:?}") };
        person
    }

    async fn ask(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// The session's cookie.
    async fn sign_in(&self, login: &str) -> String {
        let answer = self.ask(form("/sign-in", &format!("user={login}&pass=a+good+password"), None)).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{login} signs in");
        let cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|c| c.to_str().ok());
        let session = cookies.filter_map(|c| c.split(';').next()).find(|c| c.starts_with("ringback="));
        session.expect("a session").to_owned()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn request(method: Method, path: &str, session: Option<&str>) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path).header(ACCEPT, "text/html").header(HOST, "desk.test");
    match session {
        Some(session) => builder.header(COOKIE, session),
        None => builder,
    }
}

fn get(path: &str, session: Option<&str>) -> Request<Body> {
    request(Method::GET, path, session).body(Body::empty()).expect("a request")
}

fn form(path: &str, body: &str, session: Option<&str>) -> Request<Body> {
    request(Method::POST, path, session)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .expect("a request")
}

async fn text(answer: Response) -> String {
    let bytes = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Who may: nobody signed in, agent, handler, supervisor, manager, admin.
type May = [bool; 6];
const ALL: May = [true; 6];
const SIGNED_IN: May = [false, true, true, true, true, true];
const DESK: May = [false, true, true, true, false, false];
const READ: May = [false, true, true, true, true, false];
const WATCH: May = [false, false, false, true, true, false];
const WIRE: May = [false, false, false, false, false, true];
const GOVERN: May = [false, false, false, false, true, true];
const OVERSEE: May = [false, false, false, true, true, true];

/// Every route and who may use it.
const ROUTES: &[(&str, &str, May)] = &[
    ("GET", "/sign-in", ALL),
    ("POST", "/sign-in", ALL),
    ("POST", "/language", ALL),
    ("GET", "/", DESK),
    ("POST", "/dial", READ),
    ("POST", "/hangup", READ),
    ("POST", "/pause", READ),
    ("POST", "/unpause", READ),
    ("POST", "/spy", WATCH),
    ("POST", "/pops/{id}/customer", DESK),
    ("GET", "/tickets", READ),
    ("POST", "/tickets", DESK),
    ("GET", "/tickets/{number}", READ),
    ("GET", "/tickets/{number}/evidence.zip", READ),
    ("GET", "/tickets/{number}/print", READ),
    ("POST", "/show/{what}/{id}", READ),
    ("GET", "/audit", GOVERN),
    ("POST", "/tickets/{id}/save", DESK),
    ("POST", "/tickets/{id}/step", DESK),
    ("POST", "/tickets/{id}/handle", READ),
    ("POST", "/tickets/{id}/hand", DESK),
    ("GET", "/approvals", WATCH),
    ("GET", "/tickets/new", DESK),
    ("POST", "/tickets/new", DESK),
    ("POST", "/tickets/{id}/papers", DESK),
    ("POST", "/tickets/{id}/regroup", DESK),
    ("POST", "/tickets/{id}/files", DESK),
    ("GET", "/tickets/{id}/files/{file}", READ),
    ("POST", "/tickets/{id}/draft", DESK),
    ("POST", "/tickets/{id}/discard", DESK),
    ("GET", "/owed", READ),
    ("GET", "/owed/{id}", READ),
    ("POST", "/owed/{id}/{what}", READ),
    ("GET", "/live", WATCH),
    ("GET", "/admin", WIRE),
    ("POST", "/admin/extensions", WIRE),
    ("GET", "/admin/people", WIRE),
    ("POST", "/admin/people", WIRE),
    ("POST", "/admin/people/{id}", WIRE),
    ("POST", "/admin/people/{id}/password", WIRE),
    ("GET", "/customers", READ),
    ("POST", "/customers", DESK),
    ("GET", "/customers/new", DESK),
    ("GET", "/customers/import", WATCH),
    ("POST", "/customers/import", WATCH),
    ("GET", "/customers/export", WATCH),
    ("GET", "/customers/{id}", READ),
    ("POST", "/customers/{id}/save", DESK),
    ("POST", "/customers/{id}/merge", DESK),
    ("POST", "/customers/{id}/split", DESK),
    ("POST", "/shifts/{id}/undo", DESK),
    ("GET", "/blacklist", READ),
    ("POST", "/blacklist", WATCH),
    ("POST", "/blacklist/off", WATCH),
    ("GET", "/policy", OVERSEE),
    ("POST", "/policy", GOVERN),
    ("GET", "/reports/ownership", WATCH),
    ("GET", "/reports/ownership.csv", WATCH),
    ("GET", "/reports/surveys", WATCH),
    ("GET", "/reports/surveys.csv", WATCH),
    ("GET", "/departments", OVERSEE),
    ("POST", "/departments", OVERSEE),
    ("GET", "/away", SIGNED_IN),
    ("POST", "/away", SIGNED_IN),
    ("GET", "/messages/{id}", SIGNED_IN),
    ("GET", "/stream", SIGNED_IN),
    ("GET", "/api/v1/me", SIGNED_IN),
    ("GET", "/api/v1/people", SIGNED_IN),
    ("POST", "/api/v1/away", SIGNED_IN),
    ("GET", "/api/v1/status", OVERSEE),
    ("GET", "/api/v1/duties", DESK),
    ("GET", "/api/v1/board", WATCH),
    ("GET", "/api/v1/links", WIRE),
    ("GET", "/api/v1/outages", WIRE),
    ("GET", "/api/v1/ledger", WIRE),
    ("GET", "/api/v1/coverage", OVERSEE),
    ("GET", "/api/v1/ownership", WATCH),
    ("GET", "/api/v1/ownership/list", WATCH),
    ("GET", "/api/v1/surveys", WATCH),
    ("GET", "/api/v1/surveys/list", WATCH),
    ("GET", "/api/v1/draws", GOVERN),
    ("GET", "/api/v1/tickets", READ),
    ("POST", "/api/v1/tickets", DESK),
    ("POST", "/api/v1/tickets/{number}/step", DESK),
    ("POST", "/api/v1/tickets/{number}/handle", READ),
    ("POST", "/api/v1/tickets/{number}/hand", DESK),
    ("GET", "/api/v1/approvals", WATCH),
    ("GET", "/api/v1/departments", OVERSEE),
    ("POST", "/api/v1/departments", OVERSEE),
    ("GET", "/api/v1/tickets/{number}", READ),
    ("PUT", "/api/v1/tickets/{number}", DESK),
    ("POST", "/api/v1/tickets/{number}/papers", DESK),
    ("POST", "/api/v1/tickets/{number}/regroup", DESK),
    ("POST", "/api/v1/tickets/{number}/files", DESK),
    ("GET", "/api/v1/tickets/{number}/files/{file}", READ),
    ("GET", "/api/v1/tickets/{number}/evidence.zip", READ),
    ("POST", "/api/v1/show/{what}/{id}", READ),
    ("GET", "/api/v1/audit", GOVERN),
    ("GET", "/api/v1/obligations", READ),
    ("GET", "/api/v1/obligations/{id}", READ),
    ("POST", "/api/v1/obligations/{id}/{what}", READ),
    ("GET", "/api/v1/customers", READ),
    ("POST", "/api/v1/customers", DESK),
    ("POST", "/api/v1/customers/import", WATCH),
    ("GET", "/api/v1/customers/export", WATCH),
    ("GET", "/api/v1/customers/{id}", READ),
    ("PUT", "/api/v1/customers/{id}", DESK),
    ("POST", "/api/v1/customers/{id}/merge", DESK),
    ("POST", "/api/v1/customers/{id}/split", DESK),
    ("POST", "/api/v1/shifts/{id}/undo", DESK),
    ("GET", "/api/v1/look-up", READ),
    ("GET", "/api/v1/blacklist", READ),
    ("POST", "/api/v1/blacklist", WATCH),
    ("POST", "/api/v1/blacklist/off", WATCH),
    ("GET", "/api/v1/policy", OVERSEE),
    ("PUT", "/api/v1/policy", GOVERN),
    ("POST", "/api/v1/policy/check", OVERSEE),
    ("GET", "/api/v1/policy/versions", OVERSEE),
    ("GET", "/api/v1/policy/versions/{id}", OVERSEE),
    ("POST", "/api/v1/dial", READ),
    ("POST", "/api/v1/hangup", READ),
    ("POST", "/api/v1/pause", READ),
    ("POST", "/api/v1/unpause", READ),
    ("POST", "/api/v1/spy", WATCH),
    // Also for whoever asks from the machine itself.
    ("GET", "/metrics", OVERSEE),
    ("GET", "/assets/{name}", ALL),
    // Last, since it ends the session that asks.
    ("POST", "/sign-out", ALL),
];

#[tokio::test]
async fn every_route_is_for_whom_it_is_meant() {
    let routes = include_str!("lib.rs").split(".route(\"").skip(1);
    for route in routes {
        let (path, rest) = route.split_once('"').expect("a path");
        let handlers = rest.lines().next().expect("a line");
        for (method, word) in [("GET", "get("), ("POST", "post("), ("PUT", "put(")] {
            let listed = ROUTES.iter().any(|(m, p, _)| *m == method && *p == path);
            assert_eq!(handlers.contains(word), listed, "{method} {path} has no row, or is not there");
        }
    }
    let site = Site::open().await;
    let mut who = vec![None];
    for role in Role::ALL {
        who.push(Some(site.sign_in(role.as_str()).await));
    }
    for (method, path, may) in ROUTES {
        let path = path
            .replace("{number}", "20260101-9999")
            .replace("{id}", "999999")
            .replace("{what}", "claim")
            .replace("{file}", "999999")
            .replace("{name}", "style.css");
        for (session, may) in who.iter().zip(may) {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let request = match method {
                Method::GET => get(&path, session.as_deref()),
                _ => {
                    let mut request = form(&path, "", session.as_deref());
                    *request.method_mut() = method.clone();
                    request
                }
            };
            let answer = site.ask(request).await;
            let to = answer.headers().get(LOCATION).map(|to| to.to_str().unwrap_or_default().to_owned());
            let to_door = to
                .as_deref()
                .is_some_and(|to| to.starts_with("/sign-in") || (path == "/" && (to == "/admin" || to == "/live")));
            let refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
                || (to_door && path != "/sign-out");
            // A wrong form at the sign-in is no matter of rights.
            assert_eq!(!refused, *may, "{method} {path} as {session:?}: {} {to:?}", answer.status());
        }
    }
}

#[tokio::test]
async fn a_foreign_site_cannot_command() {
    let site = Site::open().await;
    let session = site.sign_in("agent").await;
    for (method, path, _) in ROUTES.iter().filter(|(method, ..)| *method != "GET") {
        let mut request = form(&path.replace("{id}", "1"), "language=en", Some(&session));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
        request.headers_mut().insert(ORIGIN, "https://evil.test".parse().expect("a header"));
        assert_eq!(site.ask(request).await.status(), StatusCode::FORBIDDEN, "{method} {path}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_look_the_same() {
    let site = Site::open().await;
    let mut pages = Vec::new();
    for login in ["agent", "agend"] {
        let answer = site.ask(form("/sign-in", &format!("user={login}&pass=wrong"), None)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let page = text(answer).await;
        assert!(page.contains("账号或密码不对"), "{page}");
        pages.push(page.replace(login, ""));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn signing_out_ends_the_open_stream_within_a_second() {
    let site = Site::open().await;
    let session = site.sign_in("agent").await;
    let answer = site.ask(get("/stream?pages=desk", Some(&session))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    let mut body = answer.into_body().into_data_stream();
    let first = body.next().await.expect("a first event").expect("bytes");
    assert!(String::from_utf8_lossy(&first).starts_with("retry: "), "{first:?}");
    site.ask(form("/sign-out", "", Some(&session))).await;
    let rest = async {
        let mut all = String::new();
        while let Some(Ok(bytes)) = body.next().await {
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
        all
    };
    let rest = tokio::time::timeout(Duration::from_secs(1), rest).await.expect("the stream ends");
    assert!(rest.contains("event: signed-out"), "{rest}");
    let again = site.ask(get("/api/v1/me", Some(&session))).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_stream_speaks_the_language_of_its_page() {
    let site = Site::open().await;
    let session = site.sign_in("agent").await;
    for (language, word) in [("zh-CN", "没有欠着的约定"), ("en", "Nothing owed")] {
        let answer = site.ask(get(&format!("/stream?pages=desk&lang={language}"), Some(&session))).await;
        let mut body = answer.into_body().into_data_stream();
        let hears = async {
            let mut all = String::new();
            while !all.contains(word) {
                all.push_str(&String::from_utf8_lossy(&body.next().await.expect("more").expect("bytes")));
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(10), hears).await;
        assert!(heard.is_ok(), "{language} never says {word}");
    }
}

#[tokio::test]
async fn a_draft_is_kept_and_a_second_writer_loses_nothing() {
    let site = Site::open().await;
    let (agent, supervisor) = (site.sign_in("agent").await, site.sign_in("supervisor").await);
    let opened = site.ask(form("/tickets", "", Some(&agent))).await;
    let to = opened.headers()[LOCATION].to_str().expect("a path").to_owned();
    let id = to.strip_prefix("/?ticket=").expect("a ticket").to_owned();
    let body = |summary: &str| {
        format!(
            "version=1&kind=complaint&category=&priority=urgent&complexity=simple&channel=phone&state=in_progress&course=&demand=&summary={summary}&back=desk"
        )
    };
    let kept = site.ask(form(&format!("/tickets/{id}/draft"), &body("half+a+senten"), Some(&agent))).await;
    assert_eq!(kept.status(), StatusCode::NO_CONTENT);
    let shown = text(site.ask(get(&to, Some(&agent))).await).await;
    assert!(shown.contains("half a senten"), "the draft comes back");
    let others = text(site.ask(get(&to, Some(&supervisor))).await).await;
    assert!(!others.contains("half a senten"), "a draft is its writer's alone");

    let saved = site.ask(form(&format!("/tickets/{id}/save"), &body("the+supervisors"), Some(&supervisor))).await;
    assert_eq!(saved.status(), StatusCode::SEE_OTHER, "{}", text(saved).await);
    let conflict = site.ask(form(&format!("/tickets/{id}/save"), &body("the+agents"), Some(&agent))).await;
    assert_eq!(conflict.status(), StatusCode::CONFLICT);
    let page = text(conflict).await;
    assert!(page.contains("the agents") && page.contains("the supervisors"), "both are shown");
    assert!(page.contains("name=\"version\" value=\"2\""), "saving again is saving over it, knowingly");
}

#[tokio::test]
async fn what_a_customer_is_called_stays_text() {
    let site = Site::open().await;
    let agent = site.sign_in("agent").await;
    let opened = site.ask(form("/tickets", "", Some(&agent))).await;
    let to = opened.headers()[LOCATION].to_str().expect("a path").to_owned();
    let id = to.strip_prefix("/?ticket=").expect("a ticket").to_owned();
    let hostile = "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E%22%27%3C%2Ftextarea%3E%3Cscript%3E";
    let body = format!(
        "version=1&kind=other&category=&priority=normal&complexity=simple&channel=phone&state=in_progress&course={hostile}&demand={hostile}&summary={hostile}&back=ticket"
    );
    let saved = site.ask(form(&format!("/tickets/{id}/save"), &body, Some(&agent))).await;
    let whole = saved.headers()[LOCATION].to_str().expect("a path").to_owned();
    for path in ["/", &to, &whole, "/tickets"] {
        let page = text(site.ask(get(path, Some(&agent))).await).await;
        assert!(!page.contains("<img") && !page.contains("<script>"), "{path}");
        assert!(page.contains("&#60;img src=x"), "{path} shows it as text");
    }
}

#[tokio::test]
async fn an_assets_tag_spares_sending_it_again() {
    let site = Site::open().await;
    let first = site.ask(get("/assets/style.css", None)).await;
    let tag = first.headers()["etag"].clone();
    assert_eq!(first.headers()["cache-control"], "no-cache");
    let mut again = get("/assets/style.css", None);
    again.headers_mut().insert("if-none-match", tag);
    assert_eq!(site.ask(again).await.status(), StatusCode::NOT_MODIFIED);
    let missing = text(site.ask(get("/nowhere", None)).await).await;
    assert!(missing.contains("没有这一页"), "{missing}");
}

async fn json(answer: Response) -> serde_json::Value {
    serde_json::from_str(&text(answer).await).expect("JSON")
}

#[tokio::test]
async fn coverage_answers_for_a_period_and_says_what_is_wrong_with_one() {
    let site = Site::open().await;
    let (boss, wires) = (site.sign_in("supervisor").await, site.sign_in("admin").await);
    let ask = async |query: &str| site.ask(get(&format!("/api/v1/coverage{query}"), Some(&boss))).await;
    for (query, wrong) in [
        ("", "from is missing"),
        ("?from=2026-11-22T00:00:00%2B08:00", "to is missing"),
        ("?from=yesterday&to=2026-11-22T00:00:00Z", "from is \"yesterday\""),
        ("?from=2026-11-22&to=2026-11-23", "no time with its zone"),
        ("?from=2026-11-23T00:00:00Z&to=2026-11-22T00:00:00Z", "to is before from"),
    ] {
        let answer = ask(query).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
        let problem = json(answer).await;
        assert_eq!(problem["code"], "parameter");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(wrong)), "{query}: {problem}");
    }
    let whole = json(ask("?from=2026-11-22T00:00:00%2B08:00&to=2026-11-22T00:30:00Z").await).await;
    assert_eq!(whole, serde_json::json!({ "from": "2026-11-21T16:00:00Z", "to": "2026-11-22T00:30:00Z", "pbxs": [] }));
    let spaced = ask("?from=2026-11-22T00:00:00+08:00&to=2026-11-22T00:30:00Z").await;
    assert_eq!(spaced.status(), StatusCode::OK, "a plus sign that was not escaped is one all the same");
    let ledger = json(site.ask(get("/api/v1/ledger", Some(&wires))).await).await;
    assert_eq!(ledger, serde_json::json!([]));
}

#[tokio::test]
async fn the_links_page_shows_the_period_that_was_chosen_and_only_today_lives() {
    let site = Site::open().await;
    let wires = site.sign_in("admin").await;
    let page = async |query: &str| text(site.ask(get(&format!("/admin{query}"), Some(&wires))).await).await;
    let today = page("").await;
    assert!(today.contains("id=\"coverage\" data-live") && today.contains("aria-current=\"true\">今天"), "{today}");
    let week = page("?period=week").await;
    assert!(week.contains("id=\"coverage-chosen\" aria") && week.contains("aria-current=\"true\">7 天"), "{week}");
    let days = page("?from=2026-10-01&to=2026-10-07").await;
    assert!(days.contains("value=\"2026-10-01\"") && days.contains("value=\"2026-10-07\""), "{days}");
    let wrong = page("?from=2026-10-07&to=2026-10-01").await;
    assert!(wrong.contains("起止日期不对") && wrong.contains("id=\"coverage\""), "{wrong}");
}
