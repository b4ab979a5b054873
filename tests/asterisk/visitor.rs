//! Somebody signed in over HTTP, as a browser is: the JSON API, and the stream of what lives on
//! the desk.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::house::{PATIENCE, sign_in, until};

pub struct Visitor {
    client: Client,
    url: String,
    pub id: i64,
}

impl Visitor {
    pub async fn sign_in(url: &str, login: &str) -> Visitor {
        let client = sign_in(url, login).await;
        let mut visitor = Visitor { client, url: url.to_owned(), id: 0 };
        visitor.id = visitor.get("me").await["id"].as_i64().expect("an id");
        visitor
    }

    /// `GET /api/v1/…`
    pub async fn get(&self, path: &str) -> Value {
        let response = self.fetch(&format!("/api/v1/{path}")).await;
        assert_eq!(response.status(), StatusCode::OK, "GET {path}");
        response.json().await.expect("JSON")
    }

    /// Asks again until `fits` finds what it looks for.
    pub async fn get_until<T>(&self, path: &str, fits: impl Fn(&Value) -> Option<T>) -> T {
        let ask = async || {
            let answer = self.get(path).await;
            fits(&answer).ok_or_else(|| answer.to_string())
        };
        until(path, ask).await
    }

    /// The call button.
    pub async fn dial(&self, obligation: &Value) {
        let asked = json!({ "number": obligation["number"], "obligation": obligation["id"], "ticket": null });
        let request = self.client.post(format!("{}/api/v1/dial", self.url));
        let response = request.json(&asked).send().await.expect("dial");
        assert_eq!(response.status(), StatusCode::ACCEPTED, "{}", response.text().await.unwrap_or_default());
    }

    /// `POST /api/v1/…`; the status and what it says.
    pub async fn ask(&self, what: &str, asked: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}/api/v1/{what}", self.url)).json(asked);
        let response = request.send().await.unwrap_or_else(|why| panic!("{what}: {why}"));
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// Sends a page's form; its values hold nothing that would have to be escaped.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) {
        let body: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let request = self.client.post(format!("{}{path}", self.url)).body(body.join("&"));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let status = request.send().await.unwrap_or_else(|why| panic!("{path}: {why}")).status();
        assert!(status.is_success() || status.is_redirection(), "{path}: {status}");
    }

    pub async fn desk(&self) -> Stream {
        let response = self.fetch("/stream?pages=desk").await;
        assert_eq!(response.status(), StatusCode::OK);
        let (pops, seen) = watch::channel(Pops::default());
        tokio::spawn(listen(response, pops));
        Stream { seen }
    }

    async fn fetch(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        request.send().await.unwrap_or_else(|why| panic!("{path}: {why}"))
    }
}

/// What the desk's stream has shown of pops: the states of each, in order; and who was told to work on
/// what this visitor calls about.
pub struct Stream {
    seen: watch::Receiver<Pops>,
}

#[derive(Clone, Debug, Default)]
struct Pops {
    states: BTreeMap<String, Vec<(String, Arc<str>)>>,
    beside: Vec<String>,
    closed: bool,
}

impl Stream {
    /// Waits for a pop in this state whose card has `text` in it; which one it is.
    pub async fn pops(&mut self, state: &str, text: &str) -> String {
        let find = |pops: &Pops| {
            let fits = |(_, states): &(&String, &Vec<(String, Arc<str>)>)| {
                states.iter().any(|(s, html)| s == state && html.contains(text))
            };
            pops.states.iter().find(fits).map(|(id, _)| id.clone())
        };
        let waited = timeout(PATIENCE, self.seen.wait_for(|pops| pops.closed || find(pops).is_some())).await;
        let found = waited.ok().and_then(|seen| seen.ok().and_then(|pops| find(&pops)));
        found.unwrap_or_else(|| panic!("no pop {state} with {text}: {}", self.summary()))
    }

    /// Waits until that pop's last state is this.
    pub async fn becomes(&mut self, id: &str, state: &str) {
        let is = |pops: &Pops| pops.states.get(id).and_then(|states| states.last()).is_some_and(|(s, _)| s == state);
        let waited = timeout(PATIENCE, self.seen.wait_for(|pops| pops.closed || is(pops))).await;
        let is_so = waited.ok().and_then(|seen| seen.ok().map(|pops| is(&pops))).unwrap_or(false);
        assert!(is_so, "pop {id} is not {state}: {}", self.summary());
    }

    /// Waits to be told that somebody else works on what is called about; in which words.
    pub async fn is_beside(&mut self) -> String {
        let waited = timeout(PATIENCE, self.seen.wait_for(|pops| pops.closed || !pops.beside.is_empty())).await;
        let told = waited.ok().and_then(|seen| seen.ok().and_then(|pops| pops.beside.first().cloned()));
        told.unwrap_or_else(|| panic!("nothing was told: {}", self.summary()))
    }

    fn summary(&self) -> String {
        let pops = self.seen.borrow();
        let states = |states: &Vec<(String, Arc<str>)>| states.iter().map(|(s, _)| s.clone()).collect::<Vec<_>>();
        format!("closed: {}, {:?}", pops.closed, pops.states.iter().map(|(id, s)| (id, states(s))).collect::<Vec<_>>())
    }
}

/// Reads server-sent events to their end; `fragment`s of pops and `beside` are kept.
async fn listen(response: Response, pops: watch::Sender<Pops>) {
    let mut bytes = response.bytes_stream();
    let mut text = Vec::new();
    while let Some(Ok(more)) = bytes.next().await {
        text.extend_from_slice(&more);
        while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            note(&String::from_utf8_lossy(&event), &pops);
        }
    }
    pops.send_modify(|pops| pops.closed = true);
}

fn note(event: &str, pops: &watch::Sender<Pops>) {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    let told = field("event:").filter(|told| ["fragment", "beside"].contains(told));
    let Some(told) = told else { return };
    let data: Value = serde_json::from_str(field("data:").unwrap_or("null")).expect("a line of JSON");
    if told == "beside" {
        let text = data["text"].as_str().unwrap_or_default().to_owned();
        return pops.send_modify(|pops| pops.beside.push(text));
    }
    let Some(id) = data["id"].as_str().filter(|id| id.starts_with("pop-")) else { return };
    let html = data["html"].as_str().unwrap_or("");
    let state = html.split("data-pop=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("gone");
    pops.send_modify(|pops| pops.states.entry(id.to_owned()).or_default().push((state.to_owned(), html.into())));
}
