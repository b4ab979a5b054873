//! What people ask of the PBX, and what they see of its answer.

use chrono::TimeDelta;
use daemon::Role;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::chromium::Browser;
use super::scene::{BOSS, KNOWN, LI, Scene, ZHOU};
use crate::house::{sign_in, until};

/// A supervisor with a phone, at 1010.
const WEN: &str = "wen";

async fn scene() -> Scene {
    Scene::with_past(|past| {
        past.person(WEN, "文静", Role::Supervisor, Some("1010"));
        past.missed("13911112222", TimeDelta::minutes(2));
    })
    .await
}

async fn board(scene: &Scene, login: &str) -> Browser {
    let browser = scene.browser(login).await;
    browser.goto(format!("{}/live", scene.url())).await.expect("the board");
    browser.see("#agent-main-1001", "周晓云").await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_break_is_taken_and_ended_at_the_desk() {
    let mut scene = Scene::open().await;
    let desk = scene.browser(ZHOU).await;
    desk.see("#phone .pauses [aria-pressed=true]", "就绪").await;
    desk.tap("#phone .pauses [value=meal]").await;
    let asked = scene.pbx.asked().await;
    assert_eq!(
        (&*asked["Action"], &*asked["Interface"], &*asked["Paused"], &*asked["Reason"]),
        ("QueuePause", "PJSIP/1001", "true", "meal")
    );
    assert!(!asked.contains_key("Queue"), "from all queues: {asked:?}");
    scene.pbx.rests("1001", Some("meal")).await;
    desk.see("#phone .now", "小休").await;
    desk.see("#phone .pauses [aria-pressed=true]", "用餐").await;
    desk.js("document.querySelector('form[action=\"/language\"]').submit()", &[]).await;
    desk.see("#phone .pauses [aria-pressed=true]", "Meal").await;
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        desk.resize(width, height).await;
        desk.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        desk.shoot(&format!("asking-desk-en-{name}")).await;
    }
    desk.js("document.querySelector('form[action=\"/language\"]').submit()", &[]).await;
    desk.see("#phone .pauses [aria-pressed=true]", "用餐").await;
    let board = board(&scene, BOSS).await;
    board.see("#agent-main-1001", "用餐").await;
    desk.tap("#phone .pauses [formaction='/unpause']").await;
    let asked = scene.pbx.asked().await;
    assert_eq!((&*asked["Action"], &*asked["Paused"]), ("QueuePause", "false"));
    scene.pbx.rests("1001", None).await;
    desk.see("#phone .now", "就绪").await;
    desk.see("#phone .pauses [aria-pressed=true]", "就绪").await;
    desk.is_content().await;
}

/// Where the PBX knows breaks by queue: the agent from the desk, a supervisor from the board.
#[tokio::test(flavor = "multi_thread")]
async fn a_break_from_one_queue_is_taken_and_ended_at_the_desk_and_on_the_board() {
    let mut scene = Scene::open().await;
    let one = scene.browser(ZHOU).await;
    one.see("#phone .now", "support").await;
    assert_eq!(one.count("#phone .by-queue").await, 0, "who is in one queue has nothing to choose");
    let desk = scene.browser(LI).await;
    desk.see("#phone .by-queue > summary", "complaints、support").await;
    desk.tap("#phone .by-queue > summary").await;
    desk.tap("#break-main-1002-complaints > summary").await;
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        desk.resize(width, height).await;
        desk.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        desk.shoot(&format!("asking-queues-{name}")).await;
    }
    desk.resize(1366, 768).await;
    desk.tap("#break-main-1002-complaints [value=training]").await;
    let asked = scene.pbx.asked().await;
    assert_eq!(
        (&*asked["Interface"], &*asked["Queue"], &*asked["Paused"], &*asked["Reason"]),
        ("PJSIP/1002", "complaints", "true", "training")
    );
    scene.pbx.rests_in("complaints", "1002", Some("training")).await;
    desk.see("#phone .by-queue > summary", "complaints (培训) 小休").await;
    desk.see("#phone .now", "就绪").await;
    desk.see("#phone .pauses [aria-pressed=true]", "就绪").await;

    let board = board(&scene, BOSS).await;
    board.see("#agent-main-1002", "complaints (培训) 小休").await;
    board.see("#q-main-complaints td:last-child", "0/0").await;
    board.see("#q-main-support td:last-child", "2/2").await;
    board.tap("#agent-main-1002 > details > summary").await;
    board.tap("#break-main-1002-complaints button").await;
    let asked = scene.pbx.asked().await;
    assert_eq!((&*asked["Queue"], &*asked["Paused"]), ("complaints", "false"));
    scene.pbx.rests_in("complaints", "1002", None).await;
    desk.see("#phone .by-queue > summary", "complaints、support").await;
    board.take_the_hand_away().await;
    board.js("document.activeElement.blur()", &[]).await;
    board.see("#q-main-complaints td:last-child", "1/1").await;
    board.tap("#agent-main-1002 > details > summary").await;
    board.tap("#break-main-1002-support > summary").await;
    board.shoot("asking-queues-board-1366").await;
    board.tap("#break-main-1002-support [value=meal]").await;
    let asked = scene.pbx.asked().await;
    assert_eq!((&*asked["Queue"], &*asked["Paused"], &*asked["Reason"]), ("support", "true", "meal"));
    for browser in [&one, &desk, &board] {
        browser.is_content().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_pbx_is_shown_in_the_language_of_the_page() {
    let scene = Scene::open().await;
    let desk = scene.browser(ZHOU).await;
    desk.see("#phone .pauses", "用餐").await;
    scene.pbx.refuse("Interface not found");
    desk.tap("#phone .pauses [value=break]").await;
    let said = desk.see("#toasts .toast.bad", "Interface not found").await;
    assert!(said.contains("小休没有做成") && said.contains("交换机拒绝"), "{said}");
    desk.see("#phone .pauses [aria-pressed=true]", "就绪").await;
    desk.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_listens_in_from_the_board_by_keyboard() {
    let mut scene = scene().await;
    let board = board(&scene, WEN).await;
    let mut call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    scene.pbx.answer(&mut call, "1001").await;
    board.see_that("return !!document.querySelector('#agent-main-1001 form[action=\"/spy\"]')").await;
    board.js("document.querySelector('#agent-main-1001 summary').focus()", &[]).await;
    board.press(thirtyfour::Key::Enter).await;
    board.see("#agent-main-1001 [value=whisper]", "耳语").await;
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        board.resize(width, height).await;
        board.shoot(&format!("asking-board-{name}")).await;
    }
    board.resize(1366, 768).await;
    board.js("document.documentElement.dataset.theme = 'dark'", &[]).await;
    board.shoot("asking-board-1366-dark").await;
    board.press(thirtyfour::Key::Tab).await;
    board.see_that("return document.activeElement.value === 'listen'").await;
    board.press(thirtyfour::Key::Enter).await;
    board.see("#toasts .toast", "您的话机就要响").await;
    let asked = scene.pbx.asked().await;
    assert_eq!((&*asked["Channel"], &*asked["Application"], &*asked["Async"]), ("PJSIP/1010", "ChanSpy", "true"));
    assert!(asked["Data"].ends_with(",uqES"), "{asked:?}");
    assert!(asked["ChannelId"].starts_with("ringback-spy-"), "{asked:?}");
    let listener = scene.pbx.picks_up(&asked).await;
    board.take_the_hand_away().await;
    board.js("document.activeElement.blur()", &[]).await;
    let state = |agent: &str, word: &str| {
        format!(
            "const li = document.getElementById('agent-main-{agent}');
             return !!li && li.closest('ul').previousElementSibling.innerText.includes('{word}')"
        )
    };
    board.see_that(&state("1010", "旁听")).await;
    board.see_that(&state("1001", "通话中")).await;
    scene.pbx.puts_down(listener).await;
    board.see_that(&state("1010", "就绪")).await;
    scene.pbx.hang_up(call).await;

    board.goto(format!("{}/tickets?text=%E5%BC%A0%E4%BC%9F", scene.url())).await.expect("the caller's tickets");
    board.tap("#main a[href^='/tickets/2']").await;
    let line = board.see("#timeline", "监听").await;
    assert!(line.contains("周晓云") && line.contains("文静"), "{line}");
    board.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_hung_up_from_the_pop_and_from_the_board() {
    let mut scene = scene().await;
    let desk = scene.browser(ZHOU).await;
    let mut call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    desk.see("#pops > .pop.ringing", "").await;
    assert_eq!(desk.count("#pops form[action='/hangup']").await, 0, "what only rings is the queue's");
    scene.pbx.answer(&mut call, "1001").await;
    desk.see("#pops > .pop.talking", "").await;
    desk.shoot("asking-desk-1366").await;
    desk.resize(390, 844).await;
    desk.shoot("asking-desk-390").await;
    desk.resize(1366, 768).await;
    desk.js("document.documentElement.dataset.theme = 'dark'", &[]).await;
    desk.shoot("asking-desk-1366-dark").await;
    desk.tap("#pops form[action='/hangup'] button").await;
    let asked = scene.pbx.asked().await;
    assert_eq!(&*asked["Action"], "Hangup");
    let board = board(&scene, BOSS).await;
    board.tap("#agent-main-1001 summary").await;
    board.see("#agent-main-1001 .note", "没有分机").await;
    board.tap("#agent-main-1001 .sure > summary").await;
    board.tap("#agent-main-1001 form[action='/hangup'] button").await;
    let again = scene.pbx.asked().await;
    assert_eq!((&*again["Action"], &again["Channel"]), ("Hangup", &asked["Channel"]), "the caller's leg");
    scene.pbx.hang_up(call).await;
    desk.see("#pops > .pop.past", "").await;
    for browser in [&desk, &board] {
        browser.is_content().await;
    }
}

/// The link goes right after the PBX was asked to dial: it is never asked again, whoever asked is
/// told that it is not known, and the callback is free once the PBX shows that nothing came of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_is_never_asked_again() {
    let mut scene = scene().await;
    let desk = scene.browser(ZHOU).await;
    let (zhou, li) = (sign_in(scene.url(), ZHOU).await, sign_in(scene.url(), LI).await);
    let owed = get(&scene, &zhou, "duties").await[0].clone();
    let dial = json!({ "number": owed["number"], "obligation": owed["id"], "ticket": null });
    assert_eq!(post(&scene, &zhou, "dial", &dial).await.0, StatusCode::ACCEPTED);
    let (refused, why) = post(&scene, &li, "dial", &dial).await;
    assert_eq!((refused, &why["code"]), (StatusCode::CONFLICT, &json!("being_called")));
    assert_eq!(why["title"], "周晓云 正在给这位客户打电话");
    assert_eq!(scene.pbx.asked().await["Action"], "Originate");
    scene.pbx.say_nothing();
    desk.tap("#phone .pauses [value=meal]").await;
    assert_eq!(scene.pbx.asked().await["Action"], "QueuePause");
    scene.pbx.cut().await;
    desk.see("#toasts .toast.bad", "小休没有做成：不知是否做成，请看话机").await;
    let (refused, why) = until("the outage on record", async || {
        let (refused, why) = post(&scene, &li, "dial", &dial).await;
        if why["code"] == "link_down" { Ok((refused, why)) } else { Err(why.to_string()) }
    })
    .await;
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE, "{why}");
    scene.pbx.mend().await;
    scene.pbx.met().await;
    until("nobody being called", async || {
        let (_, why) = post(&scene, &li, "dial", &dial).await;
        if why["code"] == "claimed" { Ok(()) } else { Err(why.to_string()) }
    })
    .await;
    assert!(!scene.pbx.was_asked(), "it is not asked again by itself");
    let release = post(&scene, &zhou, &format!("obligations/{}/release", owed["id"]), &json!({})).await;
    assert_eq!(release.0, StatusCode::OK, "{}", release.1);
    assert_eq!(post(&scene, &li, "dial", &dial).await.0, StatusCode::ACCEPTED);
    let second = scene.pbx.asked().await;
    assert_eq!((&*second["Action"], &*second["Channel"]), ("Originate", "PJSIP/1002"), "not hers again");
    assert!(!scene.pbx.was_asked());

    // Killed with the call on its way: the next start asks for nothing.
    scene.restart().await;
    scene.pbx.met().await;
    let (zhou, li) = (sign_in(scene.url(), ZHOU).await, sign_in(scene.url(), LI).await);
    until("nobody being called", async || {
        let (_, why) = post(&scene, &zhou, "dial", &dial).await;
        if why["code"] == "claimed" { Ok(()) } else { Err(why.to_string()) }
    })
    .await;
    assert!(!scene.pbx.was_asked(), "what was asked before is not asked again");
    assert_eq!(post(&scene, &li, "dial", &dial).await.0, StatusCode::ACCEPTED, "it is still hers");
    assert_eq!(scene.pbx.asked().await["Channel"], "PJSIP/1002");
    drop(desk);
}

/// What the API refuses, in problems that scripts can read.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_refuses_what_pages_refuse() {
    let mut scene = scene().await;
    let (zhou, li, wen) =
        (sign_in(scene.url(), ZHOU).await, sign_in(scene.url(), LI).await, sign_in(scene.url(), WEN).await);
    let mut call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    let ringing = call_of(&scene, &wen, "ringing").await;
    let refused = async |who: &Client, what: &str, asked: Value| {
        let (status, why) = post(&scene, who, what, &asked).await;
        (status.as_u16(), why["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(refused(&zhou, "hangup", json!({ "call": ringing })).await, (404, "no_such_call".into()));
    assert_eq!(refused(&wen, "spy", json!({ "call": ringing, "how": "listen" })).await, (409, "not_talking".into()));
    assert_eq!(refused(&zhou, "spy", json!({ "call": ringing, "how": "listen" })).await, (403, "not_allowed".into()));
    let (status, _) = refused(&wen, "spy", json!({ "call": ringing, "how": "qES,all" })).await;
    assert_eq!(status, 422);
    assert_eq!(refused(&li, "pause", json!({})).await, (422, "field_missing".into()));
    let hostile = json!({ "reason": "meal\r\nAction: Command" });
    assert_eq!(refused(&li, "pause", hostile).await, (422, "field_unknown".into()));
    let anothers = json!({ "pbx": "main", "extension": "1001", "reason": "meal" });
    assert_eq!(refused(&li, "pause", anothers).await, (403, "not_allowed".into()));
    let hostile = json!({ "queue": "support\nAction: Logoff" });
    assert_eq!(refused(&li, "unpause", hostile).await, (422, "field_unknown".into()));
    scene.pbx.answer(&mut call, "1001").await;
    let talking = call_of(&scene, &wen, "talking").await;
    let refused = async |who: &Client, what: &str, asked: Value| post(&scene, who, what, &asked).await.0.as_u16();
    assert_eq!(refused(&li, "hangup", json!({ "call": talking })).await, 404, "another's call");
    assert_eq!(refused(&zhou, "hangup", json!({ "call": talking })).await, 202);
    assert_eq!(refused(&wen, "spy", json!({ "call": talking, "how": "barge" })).await, 202);
}

/// The call of agent 1001, once it is in that state and kept so.
async fn call_of(scene: &Scene, who: &Client, state: &str) -> String {
    until("the call on the board", async || {
        let board = get(scene, who, "board").await;
        let agents = board["agents"].as_array().expect("agents");
        let agent = agents.iter().find(|agent| agent["extension"] == "1001" && agent["state"] == state);
        agent.and_then(|agent| agent["call"].as_str().map(str::to_owned)).ok_or_else(|| board.to_string())
    })
    .await
}

async fn get(scene: &Scene, who: &Client, what: &str) -> Value {
    let answer = who.get(format!("{}/api/v1/{what}", scene.url())).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

async fn post(scene: &Scene, who: &Client, what: &str, asked: &Value) -> (StatusCode, Value) {
    let request = who.post(format!("{}/api/v1/{what}", scene.url())).json(asked);
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}
