//! What is owed, asked of the real binary as scripts and pages ask: pauses, promises and the other
//! steps of a matter by what comes of them, and what is said of what has ended.

use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::house::{House, Running, ringback, sign_in, until};

/// A hotline without a PBX: two agents and a supervisor, who owe solutions within so long.
struct Site {
    house: House,
    running: Running,
    agent: Client,
    other: Client,
    boss: Client,
}

impl Site {
    async fn open(policy: &str) -> Site {
        let house = House::new("[site]\ntime_zone = \"Asia/Shanghai\"\nlanguage = \"en\"\n");
        for (login, role) in [("zhou", "agent"), ("li", "agent"), ("boss", "supervisor"), ("head", "manager")] {
            house.person(login, role, None);
        }
        let file = house.data().join("policy.toml");
        std::fs::write(&file, policy).expect("the policy's file");
        let mut import = ringback();
        import.args(["policy", "import"]).arg(&file).arg("--config").arg(house.config());
        assert!(import.stdout(Stdio::null()).status().expect("ringback policy import").success());
        let running = house.serve();
        let [agent, other, boss] = [
            sign_in(&running.url, "zhou").await,
            sign_in(&running.url, "li").await,
            sign_in(&running.url, "boss").await,
        ];
        Site { house, running, agent, other, boss }
    }

    async fn get(&self, who: &Client, what: &str) -> Value {
        let answer = who.get(format!("{}/api/v1/{what}", self.running.url)).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    async fn post(&self, who: &Client, what: &str, asked: Value) -> (u16, Value) {
        let request = who.post(format!("{}/api/v1/{what}", self.running.url)).json(&asked);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Status and code of what is refused.
    async fn refused(&self, who: &Client, what: &str, asked: Value) -> (u16, String) {
        let (status, why) = self.post(who, what, asked).await;
        (status, why["code"].as_str().unwrap_or_else(|| panic!("{what}: {why}")).to_owned())
    }

    /// As a page's form sends it; where the answer leads.
    async fn submit(&self, who: &Client, what: &str, body: &str) -> (StatusCode, String) {
        let request = who.post(format!("{}{what}", self.running.url)).body(body.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded").header("accept", "text/html");
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
        (status, if to.is_empty() { answer.text().await.unwrap_or_default() } else { to })
    }

    /// A matter of that kind that came by e-mail: its number.
    async fn matter(&self, who: &Client, kind: &str) -> String {
        let opened = json!({ "number": "138 0013 8000", "kind": kind, "channel": "email" });
        let (status, ticket) = self.post(who, "tickets", opened).await;
        assert_eq!(status, 201, "{ticket}");
        ticket["number"].as_str().expect("its number").to_owned()
    }

    /// What is owed in a matter, newest first: its kind and how it stands.
    async fn owed(&self, ticket: &str) -> Vec<Value> {
        let whole = self.get(&self.boss, &format!("tickets/{ticket}")).await;
        whole["obligations"].as_array().expect("what is owed").clone()
    }

    async fn open_kinds(&self, ticket: &str) -> Vec<String> {
        let owed = self.owed(ticket).await;
        let open = owed.iter().filter(|row| row["state"] == "open").filter_map(|row| row["kind"].as_str());
        let mut kinds: Vec<String> = open.map(str::to_owned).collect();
        kinds.sort();
        kinds
    }

    async fn of_kind(&self, ticket: &str, kind: &str) -> Value {
        let owed = self.owed(ticket).await;
        owed.iter().find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {owed:?}")).clone()
    }

    /// The form is written, the complaint looked into, and its customer told.
    async fn resolve(&self, ticket: &str) {
        let whole = self.get(&self.agent, &format!("tickets/{ticket}")).await;
        let form = format!(
            "version={}&kind={}&category=other&priority=normal&complexity=simple&channel=email&summary=x&course=torn\
             &demand=&state=in_progress",
            whole["version"],
            whole["kind"].as_str().unwrap_or_default(),
        );
        let (status, said) = self.submit(&self.agent, &format!("/tickets/{}/save", whole["id"]), &form).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{said}");
        let found = json!({
            "what": "find", "version": 0, "finding": "justified", "reason": "torn", "cause": "the belt",
            "party": "packing", "solution": "exchanged", "loss_cents": null,
        });
        let (status, said) = self.post(&self.agent, &format!("tickets/{ticket}/handle"), found).await;
        assert!(status < 300, "{said}");
        let told = json!({ "step": "told", "how": "email", "words": "A new one is on its way." });
        assert_eq!(self.post(&self.agent, &format!("tickets/{ticket}/step"), told).await.0, 204);
    }
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}

fn ms(value: &Value) -> i64 {
    moment(value).timestamp_millis()
}

const QUICK: &str = "[clock.resolution]\nwithin = \"4s\"\nexcept = []\n[clock.first_response]\nkinds = []\n";

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_paused_no_rung_fires_and_the_rest_of_the_window_follows() {
    let site = Site::open(QUICK).await;
    let ticket = site.matter(&site.agent, "consultation").await;
    let owed = site.of_kind(&ticket, "resolution").await;
    let path = format!("obligations/{}", owed["id"]);
    assert_eq!(ms(&owed["due_at"]) - ms(&owed["began_at"]), 4_000);
    let because = json!({ "reason": "等客户寄回" });
    assert_eq!(site.refused(&site.agent, &format!("{path}/pause"), json!({})).await, (422, "field_missing".into()));
    let (status, paused) = site.post(&site.agent, &format!("{path}/pause"), because.clone()).await;
    assert_eq!((status, &paused["due_at"], &paused["reminder_at"]), (200, &Value::Null, &Value::Null), "{paused}");
    assert_eq!(paused["suspended"]["why"], "等客户寄回");
    assert_eq!(site.refused(&site.agent, &format!("{path}/pause"), because.clone()).await, (409, "suspended".into()));
    // The window and a second more.
    tokio::time::sleep(Duration::from_millis(5_000)).await;
    let still = site.get(&site.agent, &path).await;
    assert_eq!((&still["fired"], &still["state"]), (&json!([]), &json!("open")));

    let (_, resumed) = site.post(&site.agent, &format!("{path}/resume"), json!({})).await;
    let pause = &resumed["suspensions"][0];
    let paused_ms = ms(&pause["to"]) - ms(&pause["from"]);
    assert!(paused_ms >= 5_000, "{pause}");
    assert_eq!(ms(&resumed["due_at"]) - ms(&owed["due_at"]), paused_ms, "moved by as long as it was paused");
    assert_eq!(site.refused(&site.agent, &format!("{path}/resume"), json!({})).await, (409, "not_suspended".into()));
    // Twice in what may be one millisecond, and once more that lasts.
    for _ in 0..5 {
        let (status, said) = site.post(&site.agent, &format!("{path}/pause"), because.clone()).await;
        assert_eq!(status, 200, "{said}");
        let (status, said) = site.post(&site.agent, &format!("{path}/resume"), json!({})).await;
        assert_eq!(status, 200, "{said}");
    }
    let fired = until("reminder and deadline", async || {
        let whole = site.get(&site.agent, &path).await;
        if whole["fired"].as_array().is_some_and(|fired| fired.len() == 2) { Ok(whole) } else { Err(whole.to_string()) }
    })
    .await;
    let rests: i64 =
        fired["suspensions"].as_array().expect("pauses").iter().map(|p| ms(&p["to"]) - ms(&p["from"])).sum();
    assert_eq!(fired["suspensions"].as_array().map(Vec::len), Some(6));
    let due = &fired["fired"][1];
    assert_eq!(ms(&due["planned_at"]) - ms(&owed["began_at"]), 4_000 + rests);
    assert!(ms(&due["fired_at"]) >= ms(&due["planned_at"]) && due["late"] == false, "{due}");

    // It stands still over a kill, and is still the same afterwards.
    site.post(&site.agent, &format!("{path}/pause"), because).await;
    let before = site.get(&site.agent, &path).await;
    let Site { house, running, .. } = site;
    running.kill();
    let running = house.serve();
    let agent = sign_in(&running.url, "zhou").await;
    let after: Value =
        agent.get(format!("{}/api/v1/{path}", running.url)).send().await.expect("it").json().await.expect("JSON");
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_a_clock_of_its_own_from_either_page_and_from_a_script() {
    let site = Site::open("").await;
    let ticket = site.matter(&site.agent, "consultation").await;
    let resolution = site.of_kind(&ticket, "resolution").await;
    let promise = format!("obligations/{}/promise", resolution["id"]);
    let past = (Utc::now() - TimeDelta::minutes(1)).to_rfc3339();
    let far = (Utc::now() + TimeDelta::days(400)).to_rfc3339();
    for (at, code) in [
        (json!({}), "field_missing"),
        (json!({ "at": "tomorrow" }), "field_not_a_time"),
        (json!({ "at": past }), "field_not_ahead"),
        (json!({ "at": far }), "field_too_far_ahead"),
    ] {
        assert_eq!(site.refused(&site.agent, &promise, at).await, (422, code.into()));
    }
    assert_eq!(site.refused(&site.other, &promise, json!({ "at": far })).await, (404, "not_found".into()));
    assert_eq!(site.open_kinds(&ticket).await, ["first_response", "resolution"], "nothing was replaced");

    let at = Utc::now() + TimeDelta::hours(5);
    let (status, promised) = site.post(&site.agent, &promise, json!({ "at": at.to_rfc3339() })).await;
    assert_eq!((status, &promised["kind"], &promised["state"]), (200, &json!("promise"), &json!("open")), "{promised}");
    assert_eq!(ms(&promised["due_at"]), at.timestamp_millis());
    assert_eq!(site.open_kinds(&ticket).await, ["first_response", "promise"]);
    let mine = site.get(&site.agent, "obligations?owner=me&kind=promise").await;
    assert_eq!(mine["obligations"][0]["id"], promised["id"], "listed");

    // What was replaced says so, to whoever comes too late.
    let (status, why) = site.post(&site.agent, &promise, json!({ "at": at.to_rfc3339() })).await;
    assert_eq!((status, &why["code"], &why["ended"]["state"]), (409, &json!("over"), &json!("replaced")), "{why}");
    let said = why["title"].as_str().unwrap_or_default();
    assert!(said.contains("zhou"), "who did it: {said}");

    // From the page, in the site's own time; and it leads to the promise.
    let id = promised["id"].as_i64().expect("an id");
    let (status, to) = site.submit(&site.agent, &format!("/owed/{id}/promise"), "at=2027-03-01T15:30").await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{to}");
    let moved = site.of_kind(&ticket, "promise").await;
    assert_eq!((to, &moved["due_at"]), (format!("/owed/{}", moved["id"]), &json!("2027-03-01T07:30:00Z")));
    let (status, said) =
        site.submit(&site.agent, &format!("/owed/{}/promise", moved["id"]), "at=2020-01-01T10:00").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(said.contains("That time is past"), "{said}");

    // A supervisor lets the promise go: the solution is owed again.
    let (status, _) =
        site.post(&site.boss, &format!("obligations/{}/waive", moved["id"]), json!({ "reason": "solved" })).await;
    assert_eq!(
        (status, site.open_kinds(&ticket).await),
        (200, vec!["first_response".to_owned(), "resolution".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_goes_from_its_acceptance_to_the_return_visit() {
    let site = Site::open("").await;
    let ticket = site.matter(&site.agent, "complaint").await;
    let step = format!("tickets/{ticket}/step");
    assert_eq!(site.open_kinds(&ticket).await, ["acceptance", "first_response", "resolution"]);
    let by_when = Utc::now() + TimeDelta::hours(30);
    let accepted = |at: String| json!({ "step": "accepted", "at": at });
    let past = (Utc::now() - TimeDelta::seconds(1)).to_rfc3339();
    assert_eq!(site.refused(&site.agent, &step, accepted(past)).await, (422, "field_not_ahead".into()));
    assert_eq!(site.refused(&site.other, &step, accepted(by_when.to_rfc3339())).await, (404, "not_found".into()));
    assert_eq!(site.post(&site.agent, &step, accepted(by_when.to_rfc3339())).await.0, 204);
    assert_eq!(site.open_kinds(&ticket).await, ["first_response", "promise"], "what was said is promised");
    assert_eq!(ms(&site.of_kind(&ticket, "promise").await["due_at"]), by_when.timestamp_millis());
    assert_eq!(site.refused(&site.agent, &step, accepted(by_when.to_rfc3339())).await, (409, "not_owed".into()));

    let replied = |words: &str| json!({ "step": "replied", "words": words });
    assert_eq!(site.refused(&site.agent, &step, replied(" ")).await, (422, "field_missing".into()));
    assert_eq!(site.post(&site.agent, &step, replied("已收到")).await.0, 204);
    let answered = site.of_kind(&ticket, "first_response").await;
    assert_eq!((&answered["state"], &answered["ended"]["why"]), (&json!("kept"), &json!("已收到")));

    site.resolve(&ticket).await;
    assert_eq!(site.open_kinds(&ticket).await, ["filing", "promise"]);
    let id = site.get(&site.agent, &format!("tickets/{ticket}")).await["id"].clone();
    let (status, to) =
        site.submit(&site.agent, &format!("/tickets/{id}/step"), "step=filed&words=%E5%B7%B2%E6%8D%A2%E8%B4%A7").await;
    assert_eq!((status, to), (StatusCode::SEE_OTHER, format!("/tickets/{ticket}")));
    assert_eq!(site.open_kinds(&ticket).await, ["promise", "return_visit"]);
    let surveyed = |result: &str| json!({ "step": "surveyed", "result": result, "words": "还行" });
    assert_eq!(site.refused(&site.agent, &step, surveyed("so-so")).await, (422, "field_missing".into()));
    assert_eq!(site.post(&site.agent, &step, surveyed("fairly")).await.0, 204);
    let visit = site.of_kind(&ticket, "return_visit").await;
    assert_eq!((&visit["state"], &visit["survey"]["result"]), (&json!("open"), &json!("fairly")), "no talk proves it");
    assert_eq!(site.refused(&site.agent, &step, json!({ "step": "done" })).await, (422, "field_unknown".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_risk_is_open_and_what_has_ended_says_how() {
    let site = Site::open(QUICK).await;
    let ticket = site.matter(&site.agent, "consultation").await;
    let id = site.of_kind(&ticket, "resolution").await["id"].clone();
    let at_risk =
        async || site.get(&site.boss, "obligations?at_risk=true").await["obligations"].as_array().map(Vec::len);
    assert_eq!(at_risk().await, Some(0));
    until("the reminder's time", async || match at_risk().await {
        Some(1) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let (status, _) = site.post(&site.boss, &format!("obligations/{id}/waive"), json!({ "reason": "重复" })).await;
    assert_eq!((status, at_risk().await), (200, Some(0)), "what has ended is at no risk");
    let waived = site.get(&site.boss, "obligations?at_risk=true&state=waived").await;
    assert_eq!(waived["obligations"].as_array().map(Vec::len), Some(1), "unless one asks for such");
    for (who, what) in [
        (&site.agent, "claim"),
        (&site.agent, "release"),
        (&site.boss, "pause"),
        (&site.boss, "resume"),
        (&site.boss, "waive"),
    ] {
        let (status, why) = site.post(who, &format!("obligations/{id}/{what}"), json!({ "reason": "x" })).await;
        assert_eq!(
            (status, &why["code"], &why["ended"]["state"]),
            (409, &json!("over"), &json!("waived")),
            "{what}: {why}"
        );
        let since = Utc::now() - moment(&why["ended"]["at"]);
        assert!(since < TimeDelta::minutes(1), "{why}");
        let said = why["title"].as_str().unwrap_or_default();
        assert!(said.contains("Waived") && said.contains("boss"), "{said}");
    }
    let number = json!({ "number": "13800138000", "obligation": id });
    assert_eq!(site.post(&site.agent, "dial", number).await.1["code"], "over");
    // Another agent's is not there, whether or not it is over.
    let claim = format!("obligations/{id}/claim");
    assert_eq!(site.refused(&site.other, &claim, json!({})).await, (404, "not_found".into()));
    assert_eq!(
        site.refused(&site.agent, &format!("obligations/{id}/forget"), json!({})).await,
        (404, "not_found".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_sees_what_who_is_away_owes_and_not_longer() {
    let site = Site::open("").await;
    let ticket = site.matter(&site.agent, "consultation").await;
    let li = site.get(&site.other, "me").await["id"].clone();
    let zhou = site.get(&site.agent, "me").await["id"].clone();
    let listed = async || {
        let rows = site.get(&site.other, "obligations").await;
        let page = site.other.get(format!("{}/owed", site.running.url)).header("accept", "text/html");
        let page = page.send().await.expect("the list").text().await.expect("a page");
        let rows = rows["obligations"].as_array().expect("a list").len();
        (rows, page.matches("in place of zhou").count(), page.matches(&format!("/tickets/{ticket}")).count())
    };
    assert_eq!(listed().await, (0, 0, 0));
    let away = |away: bool| json!({ "away": away, "deputy": li });
    assert_eq!(site.post(&site.agent, "away", away(true)).await.0, 204);
    assert_eq!(listed().await, (2, 2, 2), "with in whose place");
    let theirs = site.get(&site.other, &format!("obligations?owner={zhou}")).await;
    assert_eq!(theirs["obligations"].as_array().map(Vec::len), Some(2));
    let id = site.of_kind(&ticket, "resolution").await["id"].clone();
    assert_eq!(site.post(&site.other, &format!("obligations/{id}/claim"), json!({})).await.0, 200);
    assert_eq!(site.post(&site.other, &format!("obligations/{id}/release"), json!({})).await.0, 200);
    assert_eq!(site.post(&site.agent, "away", away(false)).await.0, 204);
    assert_eq!(listed().await, (0, 0, 0));
    let claim = format!("obligations/{id}/claim");
    assert_eq!(site.refused(&site.other, &claim, json!({})).await, (404, "not_found".into()));
    assert_eq!(site.get(&site.other, &format!("obligations?owner={zhou}")).await["code"], "not_allowed");
}
