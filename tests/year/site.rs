//! The site that lives the year: its people, its terms, its clock, and the ways in which people work:
//! pages and API, with a session each, as browsers and scripts use them.

use std::collections::BTreeMap;

use admin::{House, State, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HOST, SET_COOKIE};
use axum::http::{Method, Request, StatusCode};
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta};
use daemon::clockwork::Clockwork;
use daemon::config::Config;
use daemon::desk::draw::Seed;
use daemon::store::Store;
use daemon::{PbxName, Time};
use protocol::CallEvent;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::telephone::PBX;

/// Agents.
pub const ZHOU: &str = "zhou";
pub const LIN: &str = "lin";
/// Answers for the department of quality, and stands in there.
pub const HE: &str = "he";
pub const SONG: &str = "song";
/// Supervisor, and manager.
pub const LIU: &str = "liu";
pub const SHEN: &str = "shen";
/// Wires PBXes and people.
const ADMIN: &str = "admin";

/// Of the people who work: their role, and the phone of those who have one.
const PEOPLE: [(&str, &str, &str); 6] = [
    (ZHOU, "agent", "1001"),
    (LIN, "agent", "1002"),
    (LIU, "supervisor", "1003"),
    (HE, "handler", "1005"),
    (SONG, "handler", "1006"),
    (SHEN, "manager", ""),
];

const PASSWORD: &str = "a good password";

pub const QUALITY: &str = "品质部";

/// The terms of the house: as they ship, by office hours and the holidays of 2026, and with a
/// department that answers for complaints of products.
const TERMS: &str = r#"
[calendar.site]
holidays = "CN"
monday = "09:00-18:00"
tuesday = "09:00-18:00"
wednesday = "09:00-18:00"
thursday = "09:00-18:00"
friday = "09:00-18:00"
saturday = "closed"
sunday = "closed"

[departments]
"品质部" = "site"

[[responsibility]]
kind = "complaint"
category = "product_quality"
department = "品质部"
"#;

const CONFIG: &str = r#"
[site]
time_zone = "Asia/Shanghai"

[[pbx]]
name = "hq"
kind = "asterisk"
host = "127.0.0.1"
username = "ringback"
secret = "a secret"
trunks = ["PJSIP/trunk"]
"#;

pub struct Site {
    runtime: Runtime,
    _dir: TempDir,
    config: Config,
    running: Option<Running>,
    /// The cookies of each person's browser.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    ids: BTreeMap<String, i64>,
    /// How many there have been.
    pub calls: u64,
    starts: u64,
}

struct Running {
    daemon: Clockwork,
    router: Router,
}

impl Site {
    /// A site that begins at that time, with its people, phones and terms put in by the pages.
    pub fn open(when: &str) -> Site {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("ringback.toml");
        std::fs::write(&file, CONFIG).expect("a configuration");
        let config = Config::read(&file).expect("a configuration");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (cookies, ids) = (BTreeMap::new(), BTreeMap::new());
        let mut site = Site { runtime, _dir: dir, config, running: None, cookies, ids, calls: 0, starts: 0 };
        let mut store = site.store();
        store.ensure_admin(&admin::auth::hash(PASSWORD), moment(when)).expect("an admin");
        site.start(store, moment(when));
        for (login, role, phone) in PEOPLE {
            let person = [("login", login), ("name", login), ("role", role), ("password", PASSWORD)];
            site.form(ADMIN, "/admin/people", &person);
            let people = site.get(ADMIN, "/api/v1/people");
            let known = people.as_array().expect("people").iter().find(|person| person["name"] == login);
            let id = known.expect("the new one")["id"].as_i64().expect("an id");
            site.ids.insert(login.to_owned(), id);
            if !phone.is_empty() {
                let id = id.to_string();
                let mapped = [("pbx", PBX), ("extension", phone), ("person", &id), ("what", "add")];
                site.form(ADMIN, "/admin/extensions", &mapped);
            }
        }
        let version = site.get(SHEN, "/api/v1/policy")["version"].clone();
        site.ask(SHEN, Method::PUT, "/api/v1/policy", Some(json!({ "version": version, "text": TERMS })));
        let people = json!({ "department": QUALITY, "responsible": site.id(HE), "deputy": site.id(SONG) });
        site.post(LIU, "/api/v1/departments", people);
        site
    }

    fn store(&self) -> Store {
        Store::open(&self.config.data, daemon::policy(&self.config)).expect("a store")
    }

    fn start(&mut self, store: Store, at: Time) {
        self.starts += 1;
        let boot = format!("boot-{}", self.starts);
        let (runtime, config) = (&self.runtime, &self.config);
        let daemon = runtime.block_on(async {
            let mut daemon = Clockwork::new(config, store, Seed([7; 16]), at).expect("a daemon");
            daemon.connects(&pbx(), &boot).await;
            daemon
        });
        let house = House {
            name: "云岫电器".to_owned(),
            language: None,
            zone: config.site.time_zone.clone(),
            https: false,
            trusted_proxies: Vec::new(),
            build: "year".to_owned(),
        };
        let (commands, reader, live) = (daemon.commands.clone(), daemon.reader.clone(), daemon.live.clone());
        let state = State::new(commands, reader, live, daemon.files.clone(), house, CancellationToken::new());
        let router = router(state.by(daemon.wall.clone()));
        self.running = Some(Running { daemon, router });
    }

    /// The daemon is stopped and started again: all that it knows is what was kept.
    pub fn restarts(&mut self) {
        let Running { daemon, router } = self.running.take().expect("a daemon");
        let at = daemon.now();
        drop(router);
        self.runtime.block_on(daemon.ends()).expect("an end in good order");
        let store = self.store();
        self.start(store, at);
    }

    fn daemon(&mut self) -> (&Runtime, &mut Clockwork) {
        (&self.runtime, &mut self.running.as_mut().expect("a daemon").daemon)
    }

    pub fn data(&self) -> &std::path::Path {
        &self.config.data
    }

    pub fn now(&mut self) -> Time {
        self.daemon().1.now()
    }

    /// Time passes until then, by the clock of the site: `2026-01-05 10:00`.
    pub fn at(&mut self, when: &str) {
        let to = moment(when);
        assert!(to >= self.now(), "{when} is past: it is {}", local(self.now()));
        let (runtime, daemon) = self.daemon();
        runtime.block_on(daemon.until(to));
    }

    pub fn passes(&mut self, seconds: i64) {
        let to = self.now() + TimeDelta::seconds(seconds);
        let (runtime, daemon) = self.daemon();
        runtime.block_on(daemon.until(to));
    }

    /// The PBX says so.
    pub fn say(&mut self, events: impl IntoIterator<Item = CallEvent>) {
        let (runtime, daemon) = self.daemon();
        runtime.block_on(daemon.says(&pbx(), events));
    }

    /// What the PBX was asked to do.
    pub fn requested(&mut self) -> Option<protocol::Request> {
        let (runtime, daemon) = self.daemon();
        runtime.block_on(daemon.takes_request(&pbx()))
    }

    pub fn phone(&self, who: &str) -> String {
        let person = PEOPLE.iter().find(|(login, ..)| *login == who);
        person.map(|(_, _, phone)| (*phone).to_owned()).expect("somebody with a phone")
    }

    pub fn id(&self, who: &str) -> i64 {
        self.ids[who]
    }

    /// Who has that id; nobody: `-`.
    pub fn name(&self, id: &Value) -> String {
        let Some(id) = id.as_i64() else { return "-".to_owned() };
        self.ids.iter().find(|(_, known)| **known == id).map(|(login, _)| login.clone()).expect("somebody of the site")
    }

    pub fn get(&mut self, who: &str, path: &str) -> Value {
        self.ask(who, Method::GET, path, None)
    }

    pub fn post(&mut self, who: &str, path: &str, body: Value) -> Value {
        self.ask(who, Method::POST, path, Some(body))
    }

    /// The code with which somebody is refused.
    pub fn refused(&mut self, who: &str, path: &str, body: Value) -> String {
        self.problem(who, path, body)["code"].as_str().expect("a code").to_owned()
    }

    /// The whole of a refusal, where it is one.
    pub fn tried(&mut self, who: &str, path: &str, body: Value) -> Option<Value> {
        let (status, bytes) = self.answer(who, Method::POST, path, script(Some(body)));
        assert!(status.is_success() || status.is_client_error(), "{who} {path}: {status}");
        status.is_client_error().then(|| serde_json::from_slice(&bytes).expect("a problem document"))
    }

    /// The whole of a refusal.
    pub fn problem(&mut self, who: &str, path: &str, body: Value) -> Value {
        self.tried(who, path, body).unwrap_or_else(|| panic!("{who} {path} was not refused"))
    }

    pub fn ask(&mut self, who: &str, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, bytes) = self.answer(who, method, path, script(body));
        let text = String::from_utf8_lossy(&bytes);
        assert!(status.is_success(), "{who} {path}: {status} {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }

    pub fn file(&mut self, who: &str, path: &str) -> Vec<u8> {
        let (status, bytes) = self.answer(who, Method::GET, path, script(None));
        assert_eq!(status, StatusCode::OK, "{who} {path}");
        bytes
    }

    /// A page's form, as a browser posts it.
    pub fn form(&mut self, who: &str, path: &str, fields: &[(&str, &str)]) {
        let (status, bytes) = self.answer(who, Method::POST, path, browser(fields));
        assert_eq!(status, StatusCode::SEE_OTHER, "{who} {path}: {}", String::from_utf8_lossy(&bytes));
    }

    /// Who is not signed in, or not any more, signs in first.
    fn answer(&mut self, who: &str, method: Method, path: &str, body: Sent) -> (StatusCode, Vec<u8>) {
        if self.cookies.contains_key(who) {
            let (status, bytes, to) = self.answer_once(who, method.clone(), path, body.clone());
            let is_out = status == StatusCode::UNAUTHORIZED || to.is_some_and(|to| to.starts_with("/sign-in"));
            if !is_out {
                return (status, bytes);
            }
        }
        let (status, ..) =
            self.answer_once(who, Method::POST, "/sign-in", browser(&[("user", who), ("pass", PASSWORD)]));
        assert_eq!(status, StatusCode::SEE_OTHER, "{who} signs in");
        let (status, bytes, _) = self.answer_once(who, method, path, body);
        (status, bytes)
    }

    fn answer_once(
        &mut self,
        who: &str,
        method: Method,
        path: &str,
        body: Sent,
    ) -> (StatusCode, Vec<u8>, Option<String>) {
        let cookies = self.cookies.entry(who.to_owned()).or_default();
        let line: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header(HOST, "desk.test");
        request = request.header(ACCEPT_LANGUAGE, "en").header(COOKIE, line.join("; "));
        for (name, value) in body.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.text)).expect("a request");
        let Running { daemon, router } = self.running.as_mut().expect("a daemon");
        let answers = async {
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let (head, body) = answer.into_parts();
            (head, to_bytes(body, 1 << 24).await.expect("a body"))
        };
        let (head, bytes) = self.runtime.block_on(daemon.during(answers));
        let cookies = self.cookies.entry(who.to_owned()).or_default();
        for cookie in head.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let to = head.headers.get("location").and_then(|to| to.to_str().ok()).map(ToOwned::to_owned);
        (head.status, bytes.to_vec(), to)
    }

    /// All columns of all rows of what is kept, as text.
    pub fn sql(&self, question: &str) -> Vec<String> {
        let file = self.data().join("ringback.sqlite");
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store");
        let mut statement = db.prepare(question).expect("a question");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let text = |column| {
                Ok(match row.get::<_, rusqlite::types::Value>(column)? {
                    rusqlite::types::Value::Null => "-".to_owned(),
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                })
            };
            (0..columns).map(text).collect::<rusqlite::Result<Vec<_>>>().map(|columns| columns.join(" "))
        });
        rows.expect("rows").collect::<rusqlite::Result<_>>().expect("rows")
    }
}

/// What is sent with a request, and how.
#[derive(Clone)]
struct Sent {
    text: String,
    headers: &'static [(&'static str, &'static str)],
}

fn script(body: Option<Value>) -> Sent {
    Sent {
        text: body.map(|body| body.to_string()).unwrap_or_default(),
        headers: &[("content-type", "application/json")],
    }
}

fn browser(fields: &[(&str, &str)]) -> Sent {
    const HEADERS: &[(&str, &str)] =
        &[("content-type", "application/x-www-form-urlencoded"), ("origin", "http://desk.test")];
    let escaped = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    Sent { text: fields.join("&"), headers: HEADERS }
}

fn pbx() -> PbxName {
    PBX.into()
}

/// Shanghai knows no summer time.
fn zone() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).expect("a zone")
}

pub fn moment(when: &str) -> Time {
    let naive = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(when, format).ok())
        .unwrap_or_else(|| panic!("{when:?} is no time"));
    naive.and_local_timezone(zone()).single().expect("a time").to_utc()
}

/// `2026-01-05 10:00`, with seconds where there are any.
pub fn local(at: Time) -> String {
    let at = at.with_timezone(&zone());
    let text = at.format("%Y-%m-%d %H:%M:%S").to_string();
    text.strip_suffix(":00").map(ToOwned::to_owned).unwrap_or(text)
}

/// A time of the API.
pub fn local_of(at: &Value) -> String {
    match at.as_str() {
        Some(at) => local(DateTime::parse_from_rfc3339(at).expect("a time").to_utc()),
        None => "-".to_owned(),
    }
}
