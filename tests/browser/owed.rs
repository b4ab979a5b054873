//! What is owed on its own pages: one person at a time works on it, a supervisor lets it go, and
//! what was proven shows the call that proved it.

use std::time::Duration;

use chrono::TimeDelta;
use daemon::Role;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::chromium::Browser;
use super::scene::{BOSS, LI, Scene, ZHOU};
use crate::house::{sign_in, until};

const MISSED: &str = "13911112222";
const OTHER: &str = "13922223333";

/// A talk that proves: ten seconds, and a little for the way.
const TALK: Duration = Duration::from_millis(10_400);

async fn scene() -> Scene {
    Scene::with_past(|past| {
        past.missed(MISSED, TimeDelta::minutes(26));
        past.missed(OTHER, TimeDelta::minutes(2));
    })
    .await
}

async fn api(scene: &Scene, who: &Client, what: &str) -> Value {
    let answer = who.get(format!("{}/api/v1/{what}", scene.url())).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

async fn post(scene: &Scene, who: &Client, what: &str, asked: Value) -> (StatusCode, Value) {
    let request = who.post(format!("{}/api/v1/{what}", scene.url())).json(&asked);
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

/// The callback to that number.
async fn owed_to(scene: &Scene, who: &Client, number: &str) -> i64 {
    let all = api(scene, who, "obligations?kind=missed_call").await;
    let rows = all["obligations"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["number"] == format!("+86{number}"));
    row.unwrap_or_else(|| panic!("{all}"))["id"].as_i64().expect("an id")
}

async fn whole(scene: &Scene, login: &str, id: i64) -> Browser {
    let browser = scene.browser(login).await;
    browser.goto(format!("{}/owed/{id}", scene.url())).await.expect("the obligation");
    browser.see("#owed-head h1", "未接回电").await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_has_taken_another_cannot_dial_and_is_told_who_has_it() {
    let mut scene = scene().await;
    let boss = sign_in(scene.url(), BOSS).await;
    let id = owed_to(&scene, &boss, MISSED).await;
    let li = scene.browser(LI).await;
    li.see(&format!("#duty-{id}"), "未接回电").await;
    let list = scene.browser(ZHOU).await;
    list.goto(format!("{}/owed", scene.url())).await.expect("the list");
    list.see(&format!("#owed-{id}"), "临期").await;
    list.tap(&format!("#owed-{id} td:first-child a")).await;
    list.see("#owed-head .btn", "").await;
    list.js("document.querySelector('#owed-head form[action$=\"/claim\"] button').focus()", &[]).await;
    list.press(thirtyfour::Key::Enter).await;
    list.see("#owed-head .state.live", "您在处理").await;

    li.tap(&format!("#duty-{id} .act button")).await;
    let said = li.see("#toasts .toast.bad", "周晓云").await;
    assert!(said.contains("正在处理这一项，今天") || said.contains("正在处理这一项，明天"), "{said}");
    assert!(!scene.pbx.was_asked(), "nothing reached the PBX");
    let others = whole(&scene, LI, id).await;
    others.see("#owed-head .state.live", "周晓云 在处理").await;
    assert_eq!(others.count("#owed-head form[action='/dial'] button:not([disabled])").await, 0);

    // A supervisor takes it from her; it is anybody's again, on both pages by itself.
    let (status, _) = post(&scene, &boss, &format!("obligations/{id}/release"), json!({})).await;
    assert_eq!(status, StatusCode::OK);
    others.see("#owed-head .btns", "我来处理").await;
    list.see("#owed-head .btns", "我来处理").await;
    others.tap("#owed-head form[action='/dial'] button").await;
    assert_eq!(scene.pbx.asked().await["Channel"], "PJSIP/1002");
    list.see("#owed-head .state.live", "李建国 在处理").await;
    for browser in [&li, &list, &others] {
        browser.is_content().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_on_one_page_is_drawn_on_the_other_and_so_is_its_end() {
    let scene = scene().await;
    let zhou = sign_in(scene.url(), ZHOU).await;
    let all = api(&scene, &zhou, "obligations?kind=resolution&state=open").await;
    let mut rows = all["obligations"].as_array().expect("a list").iter();
    let owed = rows.find(|row| row["number"] == format!("+86{OTHER}")).unwrap_or_else(|| panic!("{all}"));
    let id = owed["id"].as_i64().unwrap_or_else(|| panic!("{all}"));
    let open = async |login| {
        let browser = scene.browser(login).await;
        browser.goto(format!("{}/owed/{id}", scene.url())).await.expect("the obligation");
        browser.see("#owed-head h1", "办结").await;
        browser
    };
    let (hers, boss) = (open(ZHOU).await, open(BOSS).await);
    hers.tap(".owed-pause > summary").await;
    hers.see(".owed-pause button", "暂停计时").await;
    hers.js("document.querySelector('.owed-pause input').value = '等客户寄回显示器'", &[]).await;
    hers.tap(".owed-pause button").await;
    for browser in [&hers, &boss] {
        let said = browser.see("#owed-head .meta", "等客户寄回显示器").await;
        assert!(said.contains("暂停"), "{said}");
        browser.see_count("#owed-window .held", 1).await;
        browser.see("#owed-head .due", "暂停").await;
        browser.see("#owed-pauses", "周晓云").await;
        // Where the deadline would lie if it went on now, with the reminder before it.
        let drawn = browser.js("return document.getElementById('owed-window').textContent", &[]).await;
        assert!(drawn.as_str().is_some_and(|drawn| drawn.contains("现在继续则到期")), "{drawn}");
        browser.see_count("#owed-window .rung.todo", 2).await;
        browser.see_that("return getComputedStyle(document.querySelector('.owed-pause')).display === 'none'").await;
    }
    let paused = api(&scene, &zhou, &format!("obligations/{id}")).await;
    assert_eq!((&paused["due_at"], &paused["suspended"]["why"]), (&Value::Null, &json!("等客户寄回显示器")));
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        boss.resize(width, height).await;
        boss.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        boss.shoot(&format!("owed-paused-{name}")).await;
    }
    boss.resize(1366, 768).await;
    hers.see("#owed-proof h2", "告知凭据").await;
    let ticket = paused["ticket"].as_str().expect("a number");
    hers.goto(format!("{}/tickets/{ticket}", scene.url())).await.expect("the ticket");
    hers.see_count(&format!("#clock-resolution-{id} .clockbar .held"), 1).await;
    hers.see_count(&format!("#clock-resolution-{id} .rung.todo"), 2).await;
    hers.goto(format!("{}/owed/{id}", scene.url())).await.expect("the obligation");
    boss.tap("#owed-head form[action$='/resume'] button").await;
    for browser in [&hers, &boss] {
        browser.see_count("#owed-head form[action$='/resume']", 0).await;
        browser.see_count("#owed-window .held", 1).await;
        browser.see_count("#owed-head .due[data-due]", 1).await;
        browser.is_content().await;
    }
    let resumed = api(&scene, &zhou, &format!("obligations/{id}")).await;
    assert!(resumed["due_at"].as_str() > owed["due_at"].as_str(), "{resumed} after {owed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dials_by_the_phones_own_keys_has_it_and_the_second_reads_whose_it_is() {
    let mut scene = scene().await;
    let boss = sign_in(scene.url(), BOSS).await;
    let id = owed_to(&scene, &boss, MISSED).await;
    let page = whole(&scene, ZHOU, id).await;
    let li = scene.browser(LI).await;
    let first = scene.pbx.keys("1001", MISSED).await;
    page.see("#owed-head .state.live", "您在处理").await;
    let second = scene.pbx.keys("1002", MISSED).await;
    let said = li.see("#toasts .toast.bad", "周晓云").await;
    assert!(said.contains("未接回电") && said.contains("拦不住"), "{said}");
    // It stands with the call, also after the notice is gone.
    li.see("#pops > .pop .why", "周晓云 在处理").await;
    li.shoot("beside").await;
    assert!(!scene.pbx.was_asked(), "the PBX was asked for nothing");
    scene.pbx.lay_down(second).await;
    scene.pbx.lay_down(first).await;
    let ticket = api(&scene, &boss, &format!("obligations/{id}")).await["ticket"].clone();
    page.goto(format!("{}/tickets/{}", scene.url(), ticket.as_str().expect("a number"))).await.expect("the ticket");
    page.see("#timeline", "当时 周晓云 在处理").await;
    for browser in [&page, &li] {
        browser.is_content().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_made_where_it_is_owed_and_a_time_that_is_past_is_refused_beside_it() {
    let scene = scene().await;
    let zhou = sign_in(scene.url(), ZHOU).await;
    let id = owed_to(&scene, &zhou, MISSED).await;
    let page = whole(&scene, ZHOU, id).await;
    page.tap(".owed-promise > summary").await;
    let promise = "const form = document.querySelector('.owed-promise form'); form.noValidate = true;
        form.querySelector('[name=at]').value = arguments[0]; form.querySelector('button').click()";
    page.js(promise, &[json!("2020-01-01T10:00")]).await;
    page.see(".owed-promise [data-why]", "时间已过").await;
    page.shoot("owed-promise-refused").await;
    page.js(promise, &[json!("2027-03-01T15:30")]).await;
    page.see("#owed-head h1", "约定").await;
    page.see("#owed-head .meta", "03-01 15:30").await;
    let promises = async || {
        let promised = api(&scene, &zhou, "obligations?kind=promise&owner=me&state=open").await;
        let promised = promised["obligations"].as_array().expect("a list").iter();
        promised
            .map(|one| [&one["ticket"], &one["due_at"]].map(|text| text.as_str().expect("a text").to_owned()))
            .collect()
    };
    let promised: Vec<[String; 2]> = promises().await;
    let made = promised.iter().find(|[_, due_at]| due_at == "2027-03-01T07:30:00Z");
    let [ticket, _] = made.unwrap_or_else(|| panic!("{promised:?}"));

    // From the ticket's page as well, where it moves it.
    page.goto(format!("{}/tickets/{ticket}", scene.url())).await.expect("the ticket");
    let promise = promise.replace(".owed-promise form", ".taken form");
    page.js(&promise, &[json!("2020-01-01T10:00")]).await;
    page.see(".taken [data-why]", "时间已过").await;
    page.js(&promise, &[json!("2027-03-02T09:00")]).await;
    page.see("#clocks", "03-02 09:00").await;
    let moved: Vec<[String; 2]> = promises().await;
    assert_eq!(moved.iter().filter(|[of, _]| of == ticket).count(), 1, "{moved:?}");
    page.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_who_is_away_owes_comes_to_the_deputys_open_page_and_goes_again() {
    let scene = scene().await;
    let (zhou, boss) = (sign_in(scene.url(), ZHOU).await, sign_in(scene.url(), BOSS).await);
    let id = api(&scene, &zhou, "obligations?owner=me&kind=promise&state=open").await["obligations"][0]["id"].clone();
    let people = api(&scene, &boss, "people").await;
    let person = |name: &str| {
        let people = people.as_array().expect("a list");
        people.iter().find(|person| person["name"] == name).expect("that person")["id"].clone()
    };
    let list = scene.browser(LI).await;
    list.goto(format!("{}/owed", scene.url())).await.expect("the list");
    list.see("#owed-list", "未接回电").await;
    list.see_count(&format!("#owed-{id}"), 0).await;
    let (status, _) = post(&scene, &zhou, "away", json!({ "away": true, "deputy": person("李建国") })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    list.see(&format!("#owed-{id}"), "代 周晓云").await;
    list.shoot("owed-deputy").await;
    let back = json!({ "away": false, "deputy": person("李建国"), "person": person("周晓云") });
    assert_eq!(post(&scene, &boss, "away", back).await.0, StatusCode::NO_CONTENT);
    list.take_the_hand_away().await;
    list.see_count(&format!("#owed-{id}"), 0).await;
    list.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_waives_with_a_reason_and_it_is_shown() {
    let scene = scene().await;
    let (boss, zhou) = (sign_in(scene.url(), BOSS).await, sign_in(scene.url(), ZHOU).await);
    let id = owed_to(&scene, &boss, MISSED).await;
    let waive = format!("obligations/{id}/waive");
    let refused = async |who: &Client, what: &str, asked: Value| {
        let (status, why) = post(&scene, who, what, asked).await;
        (status.as_u16(), why["code"].as_str().unwrap_or_default().to_owned())
    };
    let because = || json!({ "reason": "号码是传真" });
    assert_eq!(refused(&zhou, &waive, because()).await, (403, "not_allowed".into()));
    assert_eq!(refused(&boss, &waive, json!({})).await, (422, "field_missing".into()));
    assert_eq!(refused(&boss, "obligations/1/waive", because()).await, (404, "not_found".into()));
    let pause = format!("obligations/{id}/pause");
    assert_eq!(refused(&zhou, &pause, because()).await, (409, "may_not_pause".into()), "by the policy as shipped");

    let watched = whole(&scene, ZHOU, id).await;
    assert_eq!(watched.count(".owed-waive, .owed-pause").await, 0, "neither is hers to do");
    let page = whole(&scene, BOSS, id).await;
    page.tap(".owed-waive > summary").await;
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        page.resize(width, height).await;
        page.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        page.shoot(&format!("owed-waive-{name}")).await;
    }
    page.resize(1366, 768).await;
    page.js("document.querySelector('.owed-waive input').value = '号码是传真'", &[]).await;
    page.tap(".owed-waive button").await;
    page.see("#owed-head .meta", "号码是传真").await;
    let told = watched.see("#owed-head .meta", "号码是传真").await;
    assert!(told.contains("已免除") && told.contains("刘敏"), "{told}");
    assert_eq!(watched.count("#owed-head .btns").await, 0, "there is nothing more to do");
    page.see_that("return getComputedStyle(document.querySelector('.owed-forms')).display === 'none'").await;
    let ended = api(&scene, &boss, &format!("obligations/{id}")).await;
    assert_eq!((&ended["state"], &ended["ended"]["why"]), (&json!("waived"), &json!("号码是传真")));
    for browser in [&watched, &page] {
        browser.is_content().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_proven_shows_what_was_tried_and_the_call_that_proved_it() {
    let mut scene = scene().await;
    let zhou = sign_in(scene.url(), ZHOU).await;
    let id = owed_to(&scene, &zhou, MISSED).await;
    let page = whole(&scene, ZHOU, id).await;
    page.tap("#owed-head form[action='/dial'] button").await;
    let asked = scene.pbx.originated().await;
    let vain = scene.pbx.dial(&asked).await;
    scene.pbx.lay_down(vain).await;
    page.see("#owed-proof .tries", "周晓云").await;
    page.tap("#owed-head form[action='/dial'] button").await;
    let asked = scene.pbx.originated().await;
    let mut talk = scene.pbx.dial(&asked).await;
    scene.pbx.answered(&mut talk).await;
    tokio::time::sleep(TALK).await;
    page.see("#owed-proof .proof", "1001 周晓云").await;
    scene.pbx.lay_down(talk).await;
    let course = page.see("#owed-proof .course", "通话结束").await;
    assert!(course.contains("接通") && course.contains("1001 周晓云"), "{course}");
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        page.resize(width, height).await;
        page.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        page.shoot(&format!("owed-proven-{name}")).await;
    }
    let proven = until("the call's end on record", async || {
        let whole = api(&scene, &zhou, &format!("obligations/{id}")).await;
        if whole["proof"]["ended_at"].is_null() { Err(whole.to_string()) } else { Ok(whole) }
    })
    .await;
    let events: Vec<&str> = proven["proof"]["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!((events.first(), events.last()), (Some(&"began"), Some(&"ended")));
    assert!(events.contains(&"talked"), "{events:?}");
    assert_eq!((&proven["state"], &proven["attempts"], &proven["claimed"]), (&json!("kept"), &json!(1), &Value::Null));
    assert_eq!(proven["proof"]["pbx"], "main");
    page.is_content().await;
}

/// Another agent's is not there, and pages of a list follow each other without a gap.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_the_own_and_nobodys_and_lists_come_in_pages() {
    let scene = Scene::with_past(|past| {
        past.person("wu", "吴海", Role::Agent, Some("1003"));
        for nth in 0..5 {
            past.missed(&format!("1391111222{nth}"), TimeDelta::minutes(3));
        }
    })
    .await;
    let (boss, zhou) = (sign_in(scene.url(), BOSS).await, sign_in(scene.url(), ZHOU).await);
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let page =
            api(&scene, &zhou, &format!("obligations?limit=2&after={after}&owner=nobody&kind=missed_call")).await;
        let rows = page["obligations"].as_array().expect("a list");
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().filter_map(|row| row["id"].as_i64()));
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted(), "{seen:?}");
    let none = api(&scene, &zhou, "obligations?owner=me&kind=missed_call").await;
    assert_eq!(none["obligations"], json!([]));
    let late = api(&scene, &boss, "obligations?at_risk=true&kind=missed_call").await;
    assert_eq!(late["obligations"], json!([]), "three of thirty minutes are gone");
    for (query, code) in
        [("kind=x", "parameter"), ("state=x", "parameter"), ("owner=x", "parameter"), ("owner=1", "not_allowed")]
    {
        assert_eq!(api(&scene, &zhou, &format!("obligations?{query}")).await["code"], code, "{query}");
    }
}
