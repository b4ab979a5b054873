//! The policy on its page: a mistake is shown where it stands and nothing typed is lost; mended and
//! saved it moves what is open.

use chrono::TimeDelta;
use daemon::Role;
use serde_json::{Value, json};

use super::chromium::Browser;
use super::scene::{BOSS, Scene, ZHOU};
use crate::house::sign_in;

const MISSED: &str = "13911112222";
const CHIEF: &str = "chief";

async fn scene() -> Scene {
    Scene::with_past(|past| {
        past.person(CHIEF, "沈国华", Role::Manager, None);
        past.missed(MISSED, TimeDelta::minutes(2));
    })
    .await
}

/// In place of what stands, wherever that is in the text.
async fn replace(browser: &Browser, was: &str, now: &str) {
    let script = "const text = document.getElementById('policy-text');
        if (!text.value.includes(arguments[0])) return false;
        text.value = text.value.replace(arguments[0], arguments[1]);
        text.dispatchEvent(new Event('input', { bubbles: true }));
        return true";
    assert_eq!(browser.js(script, &[json!(was), json!(now)]).await, json!(true), "{was}");
}

/// In minutes from when it began.
async fn window(scene: &Scene, id: i64) -> i64 {
    let boss = sign_in(scene.url(), BOSS).await;
    let owed = boss.get(format!("{}/api/v1/obligations/{id}", scene.url())).send().await.expect("an answer");
    let owed: Value = owed.json().await.expect("JSON");
    let at = |name: &str| owed[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    (at("due_at") - at("began_at")).num_minutes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_shown_at_its_line_and_mended_and_then_an_open_deadline_moves() {
    let scene = scene().await;
    let chief = scene.browser(CHIEF).await;
    chief.goto(format!("{}/owed?which=team", scene.url())).await.expect("the list");
    chief.see("#owed-list", "未接回电").await;
    let id = "return Number([...document.querySelectorAll('#owed-list tr[id]')]
        .find((row) => row.innerText.includes('未接回电')).id.replace('owed-', ''))";
    let id = chief.js(id, &[]).await.as_i64().expect("an obligation");
    assert_eq!(window(&scene, id).await, 30);

    chief.tap(".rooms a[href='/policy']").await;
    chief.see("h1", "规则").await;
    replace(&chief, "within = \"30m\"", "within = \"soon\" # 我的注释").await;
    chief.tap("button[value=save]").await;
    chief.see(".banner.bad", "未采用：1 处错误").await;
    let wrong = chief.see(".mistakes", "不是时长").await;
    assert!(wrong.contains("within = \"soon\""), "{wrong}");
    let line = chief.attribute(".mistakes a", "data-line").await.expect("its line");
    assert_eq!(chief.see(".lines .wrong", "").await, line, "marked at its line");
    chief.tap(".mistakes a").await;
    let chosen =
        "const t = document.getElementById('policy-text'); return t.value.slice(t.selectionStart, t.selectionEnd)";
    assert_eq!(chief.js(chosen, &[]).await, json!("\"soon\" # 我的注释"), "its place leads there");

    replace(&chief, "within = \"soon\"", "within = \"10m\"").await;
    chief.tap("button[value=check]").await;
    let will = chief.see(".changes", "clock.missed_call.within").await;
    assert!(will.contains("\"30m\"") && will.contains("\"10m\""), "{will}");
    assert_eq!(window(&scene, id).await, 30, "nothing is in force yet");
    chief.tap("button[value=save]").await;
    chief.see(".toolbar", "第 1 版").await;
    chief.see(".versions li:first-child", "沈国华").await;
    assert!(chief.value_of("#policy-text").await.contains("within = \"10m\" # 我的注释"), "with its comments");
    assert_eq!(window(&scene, id).await, 10, "what is open goes by it at once");
    chief.goto(format!("{}/owed/{id}", scene.url())).await.expect("the obligation");
    chief.see("#owed-head .due", "剩").await;
    chief.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_overtaken_and_who_leaves_the_page_lose_nothing_and_a_supervisor_only_reads() {
    let scene = scene().await;
    let (chief, other) = (scene.browser(CHIEF).await, scene.browser("wires").await);
    for browser in [&chief, &other] {
        browser.goto(format!("{}/policy", scene.url())).await.expect("the policy");
        browser.see(".lines li:first-child", "1").await;
    }
    replace(&other, "attempts = 3", "attempts = 4").await;
    other.tap("button[value=save]").await;
    other.see(".toolbar", "第 1 版").await;
    replace(&chief, "talk = \"10s\"", "talk = \"15s\"").await;
    // Gone and come back before saving: what was typed, from what it was typed over.
    for page in ["/owed", "/policy"] {
        chief.goto(format!("{}{page}", scene.url())).await.expect("a page");
    }
    chief.see("[data-kept]", "还没启用").await;
    assert!(chief.value_of("#policy-text").await.contains("talk = \"15s\""));
    chief.tap("button[value=save]").await;
    chief.see(".banner", "何建平 先启用了第 1 版").await;
    let both = chief.see(".cols .main", "callback.attempts").await;
    assert!(both.contains("callback.talk"), "{both}");
    assert!(chief.value_of("#policy-text").await.contains("talk = \"15s\""));
    chief.tap("button[value=save]").await;
    chief.see(".toolbar", "第 2 版").await;
    assert_eq!(chief.count("[data-kept]:not([hidden])").await, 0, "it is saved");
    chief.tap(".versions li:nth-child(2) a").await;
    let then = chief.see(".changes", "callback.attempts").await;
    assert!(then.contains('4') && then.contains('3'), "{then}");
    chief.tap("button[value=save]").await;
    chief.see(".toolbar", "第 3 版").await;

    let boss = scene.browser(BOSS).await;
    boss.goto(format!("{}/policy", scene.url())).await.expect("the policy");
    boss.see(".banner.calm", "由经理和管理员设定").await;
    assert_eq!(boss.count("#policy-text[readonly]").await, 1);
    assert_eq!(boss.count(".policy-form button[value]").await, 0);
    for browser in [&chief, &other, &boss] {
        browser.is_content().await;
    }
}

/// Who looks at one page for days hears of a year that came into reach in its status line, and nothing
/// above it moves; the banner comes with the next page.
#[tokio::test(flavor = "multi_thread")]
async fn a_year_without_holidays_is_told_on_pages_that_stand() {
    let scene = scene().await;
    let desk = scene.browser(ZHOU).await;
    desk.see("#status", "交换机 1/1 已连接").await;
    let chief = sign_in(scene.url(), CHIEF).await;
    let put = async |version: i64, text: &str| {
        let asked = json!({ "version": version, "text": text });
        let answer = chief.put(format!("{}/api/v1/policy", scene.url())).json(&asked).send().await.expect("an answer");
        let set: Value = answer.json().await.expect("JSON");
        set["years_without_holidays"].as_array().unwrap_or_else(|| panic!("{set}")).clone()
    };
    let place = "const r = document.querySelector('#place-ticket').getBoundingClientRect(); return [r.top, r.height]";
    let before = desk.js(place, &[]).await;
    let unknown = put(0, "[calendar.site]\nholidays = \"own\"\n").await;
    let year = unknown[0]["year"].as_i64().expect("a year");
    // Late in a year the next one is in reach too.
    desk.see("#status .year:not([hidden])", &format!("还没有 {year}")).await;
    assert_eq!(desk.count(".banner.year").await, 0);
    assert_eq!(desk.js(place, &[]).await, before);
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        desk.resize(width, height).await;
        desk.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        desk.shoot(&format!("year-told-{name}")).await;
    }
    desk.refresh().await.expect("a reload");
    desk.see(".banner.year", &format!("{year}")).await;
    desk.see("#status", "实时").await;
    let told = "return [...document.querySelectorAll('#status [data-years]')].some((el) => !el.hidden)";
    assert_eq!(desk.js(told, &[]).await, json!(false), "the banner tells it");

    let standing = scene.browser(BOSS).await;
    standing.goto(format!("{}/owed", scene.url())).await.expect("the list");
    let tables: String = (year..year + 3).map(|year| format!("year.{year}.off = []\n")).collect();
    assert_eq!(put(1, &format!("[calendar.site]\nholidays = \"own\"\n{tables}")).await, Vec::<Value>::new());
    for browser in [&desk, &standing] {
        browser.see_count("#status [data-years]", 0).await;
        browser.is_content().await;
    }
}
