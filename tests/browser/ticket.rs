//! The ticket of a call: written while the call is up, kept while it is written.

use thirtyfour::Key;

use super::chromium::Browser;
use super::scene::{BOSS, KNOWN, Scene, ZHOU};

const STRANGER: &str = "13911112222";

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_callers_ticket_is_drafted_kept_and_saved_and_makes_the_customer() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let mut call = scene.pbx.ring(STRANGER, "", "support", "1001").await;
    browser.see("#pops > .pop.ringing", "新号码").await;
    scene.pbx.answer(&mut call, "1001").await;
    browser.tap("#tabs > a[id^=tab-]").await;
    browser.write("#name", "吴明").await;
    browser.write("#company", "晨光文具").await;
    browser.tap("label:has(> input[name=kind][value=complaint])").await;
    browser.tap("label:has(> input[name=priority][value=urgent])").await;
    browser.tap("#category option[value=delivery]").await;
    browser.write("#course", "约好周三送到，至今没有消息。").await;
    browser.write("#summary", "催送货，答应今天内回复").await;
    let draft = browser.see("[data-draft]", "草稿已存").await;
    assert!(draft.chars().filter(|c| *c == ':').count() == 2, "it says when: {draft}");
    browser.see_count("#tabs .unsaved", 1).await;

    scene.pbx.hang_up(call).await;
    browser.refresh().await.expect("a reload");
    for (field, kept) in [("#name", "吴明"), ("#category", "delivery"), ("#summary", "催送货，答应今天内回复")]
    {
        assert_eq!(browser.value_of(field).await, kept, "{field}");
    }
    assert_eq!(browser.value_of("input[name=kind]:checked").await, "complaint");
    assert_eq!(browser.value_of("input[name=priority]:checked").await, "urgent");

    browser.write("#demand", "今天送到").await;
    browser.chord(Key::Control, Key::Enter).await;
    let open = browser.see("#my-open, #work", "催送货").await;
    assert!(open.contains("吴明"), "{open}");
    browser.see_count("#tabs .unsaved", 0).await;

    // The next call from there is a customer's.
    let _again = scene.pbx.ring(STRANGER, "", "support", "1001").await;
    let pop = browser.see("#pops > .pop.ringing", "吴明").await;
    assert!(pop.contains("晨光文具") && pop.contains("催送货"), "{pop}");
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_write_the_same_ticket_lose_nothing() {
    let scene = Scene::open().await;
    let agent = scene.browser(ZHOU).await;
    open_the_matter(&agent).await;
    let supervisor = scene.browser(BOSS).await;
    supervisor.goto(format!("{}/tickets", scene.url())).await.expect("the tickets");
    supervisor.tap(".which, .tabs a:nth-child(3)").await;
    supervisor.tap("table a.num").await;

    rewrite(&agent, "#summary", "坐席写的小结").await;
    agent.see("[data-draft]", "草稿已存").await;
    rewrite(&supervisor, "#summary", "主管写的小结").await;
    supervisor.tap("form[data-ticket] .btn.main").await;
    supervisor.see("#t-head h1", "主管写的小结").await;

    agent.tap("form[data-ticket] .btn.main").await;
    let compare = agent.see(".compare", "坐席写的小结").await;
    assert!(compare.contains("主管写的小结") && compare.contains("刘敏"), "{compare}");
    agent.see(".banner", "刘敏刚改过这张工单").await;
    assert_eq!(agent.value_of("#summary").await, "坐席写的小结", "what was typed stays in its field");
    agent.refresh().await.expect("a reload");
    assert_eq!(agent.value_of("#summary").await, "坐席写的小结", "also over a reload");
    agent.tap("form[data-ticket] .btn.main").await;
    agent.see_count("form[data-ticket]", 0).await;
    agent.see("#pops", "").await;
    supervisor.refresh().await.expect("a reload");
    supervisor.see("#t-head h1", "坐席写的小结").await;
    let timeline = supervisor.see("#timeline", "周晓云").await;
    assert!(timeline.contains("刘敏"), "both savings are in the history: {timeline}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_can_be_put_aside() {
    let scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    open_the_matter(&browser).await;
    rewrite(&browser, "#summary", "写错了").await;
    browser.see("[data-draft]", "草稿已存").await;
    browser.refresh().await.expect("a reload");
    browser.tap("button[name=discard]").await;
    browser.see_that("return document.getElementById('summary')?.value === '两台显示器有坏点，等换货'").await;
    browser.refresh().await.expect("a reload");
    assert_eq!(browser.value_of("#summary").await, "两台显示器有坏点，等换货");
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_callers_open_matter_is_beside_not_in_front_of_what_is_written() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    browser.tap("#tabs .new-tab button").await;
    browser.write("#summary", "先写着的").await;
    let _call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    browser.see("#tabs", "张伟").await;
    assert_eq!(browser.value_of("#summary").await, "先写着的");
    browser.tap("#pops > .pop .matters a").await;
    browser.see("#work h2", "张伟").await;
    browser.back().await.expect("back");
    browser.see_that("return document.getElementById('summary')?.value === '先写着的'").await;
    browser.is_content().await;
}

async fn open_the_matter(browser: &Browser) {
    browser.tap("#my-open a[href^='/?ticket=']").await;
    browser.see("#work h2", "张伟").await;
}

async fn rewrite(browser: &Browser, field: &str, text: &str) {
    let keys = format!("{}a{}{text}", Key::Control.value(), Key::Null.value());
    browser.write(field, &keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_about_something_else_gets_a_matter_of_its_own() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let mut call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    browser.see("#pops > .pop.ringing .matters", "换货").await;
    scene.pbx.answer(&mut call, "1001").await;
    browser.see_count("#pops > .pop.ringing", 0).await;
    browser.tap("#pops .matters-part button").await;
    browser.see("form[data-ticket]", "").await;
    assert_eq!(browser.value_of("#summary").await, "", "it is a new ticket");
    // The pop shows both matters now, and the call's tab is the new one.
    browser.see_count("#pops .matters > li", 2).await;
    browser.is_content().await;
}
