//! The pop: it comes at once, disturbs nobody, and stays true.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::scene::{BOSS, KNOWN, Scene, ZHOU};

/// What counts as at once: a blink of an eye, and this machine may be busy.
const BLINK_MS: f64 = 300.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_pops_within_a_blink_with_all_that_is_known() {
    let mut scene = Scene::with_past(|past| past.missed(KNOWN, chrono::TimeDelta::minutes(5))).await;
    let browser = scene.browser(ZHOU).await;
    let watch = "
        window.poppedAt = 0;
        new MutationObserver(() => {
            if (window.poppedAt || !document.querySelector('#pops > .pop.ringing')) return;
            window.poppedAt = -1;
            requestAnimationFrame(() => { window.poppedAt = performance.timeOrigin + performance.now(); });
        }).observe(document.getElementById('pops'), { childList: true, subtree: true });";
    browser.js(watch, &[]).await;
    let mut took_ms = Vec::new();
    // The first also waits for the stream itself; it does not count.
    for _ in 0..6 {
        let mut call = scene.pbx.wait(KNOWN, "", "support").await;
        browser.js("window.poppedAt = 0", &[]).await;
        let rang = scene.pbx.offer(&mut call, "1001").await.duration_since(UNIX_EPOCH).expect("after 1970");
        browser.see_that("return window.poppedAt > 0").await;
        let popped = browser.js("return window.poppedAt", &[]).await.as_f64().expect("a time");
        took_ms.push(popped - rang.as_secs_f64() * 1000.0);
        if took_ms.len() == 1 {
            let shown = browser.see("#pops > .pop", "张伟").await;
            for what in [
                "来电",
                "support",
                "请用话机 1001 接听",
                "重点客户",
                "海川贸易有限公司",
                "可能为何来电",
                "未接通",
                "未结事项",
                "两台显示器有坏点",
                "紧急",
                "最近联系",
                "3:12",
                "1:07",
                "李建国",
                "排队中放弃",
            ] {
                assert!(shown.contains(what), "{what} is not in\n{shown}");
            }
            let title = browser.title().await.expect("a title");
            assert!(title.contains("☎") && title.contains("张伟"), "{title}");
            assert_eq!(browser.attribute("#favicon", "href").await.as_deref(), Some("/assets/icon-ringing.svg"));
        }
        scene.pbx.hang_up(call).await;
        browser.see_count("#pops > .pop.ringing", 0).await;
    }
    let mut counted: Vec<f64> = took_ms.drain(1..).collect();
    counted.sort_by(f64::total_cmp);
    eprintln!("ring to painted pop, ms: {counted:.1?}");
    assert!(counted[counted.len() / 2] < BLINK_MS, "{counted:?}");
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pop_leaves_focus_and_text_alone() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    browser.tap(".matters a, #my-open a, #work a").await;
    browser.write("#summary", "客户说").await;
    let place = "const r = document.activeElement.getBoundingClientRect();
        return [document.activeElement.id, document.activeElement.selectionStart, Math.round(r.x), Math.round(r.y)]";
    let before = browser.js(place, &[]).await;
    let mut call = scene.pbx.ring("13911112222", "New Caller", "support", "1001").await;
    browser.see("#pops > .pop.ringing", "New Caller").await;
    assert_eq!(browser.js(place, &[]).await, before, "the cursor stays where it was, and so does the field");
    browser.write("#summary", "要换货").await;
    scene.pbx.answer(&mut call, "1001").await;
    browser.see_count("#pops > .pop.talking", 1).await;
    scene.pbx.hang_up(call).await;
    browser.see("#pops > .pop.past", "话后").await;
    assert!(browser.value_of("#summary").await.ends_with("客户说要换货"));
    assert_eq!(browser.js("return document.activeElement.id", &[]).await, json!("summary"));
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pop_is_there_after_a_reload_and_in_a_second_tab() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let mut call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    browser.see("#pops > .pop.ringing", "张伟").await;
    browser.refresh().await.expect("a reload");
    browser.see("#pops > .pop.ringing", "张伟").await;
    let first = browser.window().await.expect("a tab");
    let second = browser.new_tab().await.expect("a tab");
    browser.switch_to_window(second).await.expect("the second tab");
    browser.goto(scene.url()).await.expect("the desk");
    browser.see("#pops > .pop.ringing", "张伟").await;
    scene.pbx.answer(&mut call, "1001").await;
    for tab in [first, browser.window().await.expect("a tab")] {
        browser.switch_to_window(tab).await.expect("a tab");
        browser.see("#pops > .pop.talking", "通话中").await;
        browser.see_count("#pops > .pop", 1).await;
    }
    browser.refresh().await.expect("a reload");
    browser.see("#pops > .pop.talking", "张伟").await;
    scene.pbx.hang_up(call).await;
    browser.see("#pops > .pop.past", "话后").await;
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pop_is_taken_back_when_somebody_else_answers() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let mut call = scene.pbx.wait(KNOWN, "", "support").await;
    scene.pbx.offer(&mut call, "1001").await;
    scene.pbx.offer(&mut call, "1002").await;
    browser.see("#pops > .pop.ringing", "张伟").await;
    scene.pbx.answer(&mut call, "1002").await;
    let shown = browser.see("#pops > .pop.past", "已由李建国接听").await;
    let at = SystemTime::now();
    assert!(shown.contains("5 秒后收起"), "{shown}");
    browser.see_count("#pops > .pop", 0).await;
    let stayed = at.elapsed().expect("time goes on");
    assert!(Duration::from_secs(4) < stayed && stayed < Duration::from_secs(8), "it stayed {stayed:?}");
    browser.refresh().await.expect("a reload");
    browser.see("#pops", "等待来电").await;
    assert_eq!(browser.count("#pops > .pop").await, 0, "nor does it come back");
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_of_two_languages_are_each_told_in_their_own() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let chinese = browser.window().await.expect("a tab");
    let tab = browser.new_tab().await.expect("a tab");
    browser.switch_to_window(tab.clone()).await.expect("the second tab");
    browser.goto(scene.url()).await.expect("the desk");
    browser.tap(".me summary").await;
    browser.tap("form[action='/language'] button").await;
    browser.see("#pops", "Waiting for calls").await;
    let _call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    browser.see("#pops > .pop.ringing .band", "Waited").await;
    browser.switch_to_window(chinese).await.expect("the first tab");
    browser.see("#pops > .pop.ringing .band", "来电").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_at_the_board_gets_no_pop() {
    let mut scene = Scene::open().await;
    let board = scene.browser(BOSS).await;
    board.goto(format!("{}/live", scene.url())).await.expect("the board");
    let call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    board.see("#q-main-support td:nth-child(3)", "1").await;
    assert_eq!(board.count(".pop").await, 0);
    scene.pbx.hang_up(call).await;
    board.see("#q-main-support td:nth-child(3)", "0").await;
    board.is_content().await;
}
