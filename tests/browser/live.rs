//! The supervisor's board: pushed, never reloaded.

use super::scene::{BOSS, KNOWN, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn the_board_follows_callers_and_agents_without_a_reload() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(BOSS).await;
    browser.goto(format!("{}/live", scene.url())).await.expect("the board");
    browser.js("window.same = true", &[]).await;
    browser.see("#q-main-support td:last-child", "2/2").await;
    let mut calls = Vec::new();
    for waiting in 1..=3 {
        calls.push(scene.pbx.wait(&format!("1391111222{waiting}"), "", "support").await);
        browser.see("#q-main-support td:nth-child(3)", &waiting.to_string()).await;
        browser.see_count("#q-main-support circle", waiting).await;
    }
    browser.see("#figures", "3").await;
    browser.see_that("return document.querySelector('#q-main-support td:nth-child(4)').innerText >= '0:01'").await;
    assert_eq!(browser.text_of("#q-main-complaints td:nth-child(3)").await.as_deref(), Some("0"));
    browser.see_count("#callers .caller", 3).await;
    let positions = "return [...document.querySelectorAll('#callers .caller b')].map((b) => b.innerText).join()";
    assert_eq!(browser.js(positions, &[]).await, serde_json::json!("1,2,3"));
    browser.see("#callers .caller:first-child", "13911112221").await;

    let state = async |word: &str| {
        let script = format!(
            "const li = document.getElementById('agent-main-1001');
             return !!li && li.closest('ul').previousElementSibling.innerText.includes({word:?})"
        );
        browser.see_that(&script).await;
    };
    state("就绪").await;
    scene.pbx.offer(&mut calls[0], "1001").await;
    state("振铃").await;
    scene.pbx.answer(&mut calls[0], "1001").await;
    state("通话中").await;
    browser.see("#q-main-support td:nth-child(3)", "2").await;
    browser.see("#q-main-support td:last-child", "1/2").await;
    browser.see("#agent-main-1001", "周晓云").await;
    browser.see("#callers .caller:first-child b", "1").await;
    browser.see("#callers .caller:first-child", "13911112222").await;
    for call in calls {
        scene.pbx.hang_up(call).await;
    }
    state("话后").await;
    browser.see("#q-main-support td:last-child", "1/2").await;
    // The time that the configuration gives is over by itself.
    state("就绪").await;
    browser.see_count("#callers .caller", 0).await;
    browser.see("#q-main-support td:nth-child(3)", "0").await;
    assert_eq!(browser.js("return window.same", &[]).await, serde_json::json!(true), "the page was never loaded anew");
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_holds_still_under_a_hand() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(BOSS).await;
    browser.goto(format!("{}/live", scene.url())).await.expect("the board");
    browser.see("#q-main-support", "").await;
    let queues = browser.find(thirtyfour::By::Css("#queues")).await.expect("the queues");
    browser.action_chain().move_to_element_center(&queues).perform().await.expect("a hand");
    let _call = scene.pbx.wait(KNOWN, "", "support").await;
    browser.see(".held-back:not([hidden])", "条变化").await;
    assert_eq!(browser.text_of("#q-main-support td:nth-child(3)").await.as_deref(), Some("0"), "not under a hand");
    browser.take_the_hand_away().await;
    browser.see("#q-main-support td:nth-child(3)", "1").await;
}
