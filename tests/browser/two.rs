//! Two people at one matter, or at one customer, in two browsers: whoever comes later loses nothing.

use thirtyfour::Key;

use super::chromium::Browser;
use super::scene::{BOSS, Scene, ZHOU};

async fn at_the_ticket(scene: &Scene, login: &str) -> Browser {
    let browser = scene.browser(login).await;
    browser.goto(format!("{}/tickets?text=显示器", scene.url())).await.expect("the tickets");
    browser.tap("table a.num").await;
    browser.see("#t-head h1", "两台显示器有坏点").await;
    browser
}

async fn notes(browser: &Browser) -> String {
    browser.see("#timeline", "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_and_files_of_two_stand_beside_each_other_and_a_note_that_is_not_sent_survives() {
    let scene = Scene::open().await;
    let (agent, boss) = (at_the_ticket(&scene, ZHOU).await, at_the_ticket(&scene, BOSS).await);
    // One writes a note and has not sent it, when the other sends one and a file, and changes the form.
    agent.write("form[data-note] textarea", "坐席还没写完").await;
    boss.write("form[data-note] textarea", "主管先写好了").await;
    boss.tap("form[data-note] .btn").await;
    boss.see("#timeline", "主管先写好了").await;
    let dir = tempfile::tempdir().expect("a directory");
    for (browser, name) in [(&boss, "主管.pdf"), (&agent, "坐席.pdf")] {
        let file = dir.path().join(name);
        std::fs::write(&file, format!("%PDF-1.7 {name}")).expect("a file");
        browser.write("input[type=file]", file.to_str().expect("a path")).await;
        browser.tap(".papers-forms form[enctype] .btn").await;
        browser.see("#papers .files", name).await;
    }
    let seen = agent.see("#papers .files", "主管").await;
    assert!(seen.contains("坐席"), "{seen}");
    agent.see("#timeline", "主管先写好了").await;
    assert_eq!(
        agent.value_of("form[data-note] textarea").await,
        "坐席还没写完",
        "what lives beside it leaves it alone"
    );

    agent.refresh().await.expect("a reload");
    agent.holds("form[data-note] textarea", "坐席还没写完").await;
    agent.write("form[data-note] textarea", "，现在写完了").await;
    agent.tap("form[data-note] .btn").await;
    agent.see("#timeline", "坐席还没写完，现在写完了").await;
    agent.refresh().await.expect("a reload");
    assert_eq!(agent.value_of("form[data-note] textarea").await, "", "what was sent is not there twice");
    let both = notes(&agent).await;
    assert!(both.contains("主管先写好了") && both.contains("坐席还没写完，现在写完了"), "{both}");
    for browser in [&agent, &boss] {
        browser.is_content().await;
    }
}

/// A note is not lost either where the ticket became part of another meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_into_what_is_merged_meanwhile_is_told_where_it_goes_on() {
    let scene = Scene::open().await;
    let agent = scene.browser(ZHOU).await;
    agent.tap("#tabs .new-tab button").await;
    agent.write("#summary", "张伟又来问").await;
    agent.see("[data-draft]", "草稿已存").await;
    agent.tap("#work a[href^='/tickets/']").await;
    let part = agent.see("#t-head .crumbs .num", "").await;
    let boss = at_the_ticket(&scene, BOSS).await;
    agent.write("form[data-note] textarea", "等他发照片").await;
    let whole = boss.see("#t-head .crumbs .num", "").await;
    boss.goto(format!("{}/tickets/{part}", scene.url())).await.expect("the ticket");
    boss.tap("#regroup summary").await;
    // A ticket of nobody known yet goes to the customer's.
    boss.write("#regroup input[name=into]", &whole).await;
    boss.tap("#regroup form:has(input[name=into]) .btn").await;
    boss.see("#regroup", &part).await;
    agent.see("#t-head .banner", &whole).await;
    agent.tap("form[data-note] .btn").await;
    agent.see("form[data-note] [data-why]", "已并入另一单").await;
    assert_eq!(agent.value_of("form[data-note] textarea").await, "等他发照片");
    agent.refresh().await.expect("a reload");
    assert_eq!(agent.value_of("#summary").await, "张伟又来问", "what was typed and not saved is there to be read");
    agent.goto(format!("{}/tickets/{part}", scene.url())).await.expect("the ticket");
    agent.see("#t-head .banner", &whole).await;

    boss.tap("#regroup form:has(input[value=undo]) .btn").await;
    boss.see("#t-head .crumbs .num", &part).await;
    agent.refresh().await.expect("a reload");
    // It goes on once the ticket stands by itself again.
    agent.holds("form[data-note] textarea", "等他发照片").await;
    boss.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_write_of_one_customer_lose_nothing() {
    let scene = Scene::open().await;
    let (agent, boss) = (scene.browser(ZHOU).await, scene.browser(BOSS).await);
    for browser in [&agent, &boss] {
        browser.goto(format!("{}/customers", scene.url())).await.expect("the customers");
        browser.tap("table a[href^='/customers/']").await;
        browser.see("h1", "张伟").await;
    }
    agent.write("#note", "坐席：下午两点后再打").await;
    boss.write("#note", "主管：发票要专票").await;
    boss.tap(".customer-form .btn.main").await;
    boss.see("#note", "").await;
    boss.see_that("return document.querySelector('input[name=version]')?.value === '2'").await;
    agent.chord(Key::Control, Key::Enter).await;
    let compare = agent.see(".compare", "坐席：下午两点后再打").await;
    assert!(compare.contains("主管：发票要专票"), "{compare}");
    assert_eq!(agent.value_of("#note").await, "坐席：下午两点后再打", "what was typed stays in its field");
    agent.write("#note", "；主管：发票要专票").await;
    agent.tap(".customer-form .btn.main").await;
    agent.see_that("return document.querySelector('input[name=version]')?.value === '3'").await;
    boss.refresh().await.expect("a reload");
    assert_eq!(boss.value_of("#note").await, "坐席：下午两点后再打；主管：发票要专票");
    boss.is_content().await;
}
