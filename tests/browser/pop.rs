//! The pop: it comes at once, disturbs nobody, and stays true.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use daemon::Role;
use serde_json::json;

use super::scene::{BOSS, KNOWN, Past, Scene, ZHOU};
use crate::house::sign_in;

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

const SCRIPT: &str = "[script.queue.support]\nsay = \"您好，海川售后，请问怎么称呼？\"\n\
     never = [\"今天一定修好、马上到\", \"换机、退款批准之前，不说金额和日期\"]\n\
     [script.category.product_quality]\nsay = \"先问机号和批次\"\nnever = [\"一定是质量问题\"]\n";

/// The house with scripts; more has happened before.
async fn scripted(more: impl FnOnce(&mut Past)) -> Scene {
    let with_manager = |past: &mut Past| {
        past.person("chief", "沈国华", Role::Manager, None);
        more(past);
    };
    let scene = Scene::with_past(with_manager).await;
    let chief = sign_in(scene.url(), "chief").await;
    let asked = json!({ "version": 0, "text": SCRIPT });
    let set = chief.put(format!("{}/api/v1/policy", scene.url())).json(&asked).send().await.expect("an answer");
    assert!(set.status().is_success(), "{}", set.text().await.unwrap_or_default());
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pop_says_what_is_said_to_its_queue_and_what_never() {
    let mut scene = scripted(|past| past.missed(KNOWN, chrono::TimeDelta::minutes(5))).await;
    let browser = scene.browser(ZHOU).await;
    let mut call = scene.pbx.ring(KNOWN, "Zhang", "support", "1001").await;
    let shown = browser.see("#pops > .pop.ringing", "张伟").await;
    for what in ["北京市 中国移动", "来电显示 Zhang", "话术", "请问怎么称呼", "今天一定修好", "不说金额和日期"]
    {
        assert!(shown.contains(what), "{what} is not in\n{shown}");
    }
    let order = "return [...document.querySelectorAll('#pops > .pop > .part')]
        .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
        .map((part) => part.className.replace(/part ?/, '').replace('-part', ''))";
    let sizes = [("1366x768", 1366, 768), ("1366x640", 1366, 640), ("390", 390, 844)];
    for (name, width, height) in sizes {
        browser.resize(width, height).await;
        browser.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        browser.shoot(&format!("pop-{name}")).await;
        let wanted = match height < 700 {
            true => json!(["why", "script", "matters", "contacts"]),
            false => json!(["why", "matters", "contacts", "script"]),
        };
        assert_eq!(browser.js(order, &[]).await, wanted, "{name}: what is said first stands above the fold");
    }
    browser.resize(1366, 768).await;
    scene.pbx.answer(&mut call, "1001").await;
    browser.see("#pops > .pop.talking .script", "请问怎么称呼").await;
    scene.pbx.hang_up(call).await;
    // A matter has the script of what it is about.
    browser.tap("#my-open a[href^='/?ticket='], #work a[href^='/?ticket=']").await;
    let matter = browser.see(".ticket-form .script", "先问机号和批次").await;
    assert!(matter.contains("一定是质量问题"), "{matter}");
    browser.shoot("ticket-script").await;
    // Who comes through a queue without one has none.
    let _call = scene.pbx.ring("13911112222", "", "complaints", "1001").await;
    browser.see("#pops > .pop.ringing", "新号码").await;
    assert_eq!(browser.count("#pops > .pop.ringing .script").await, 0);
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_numbers_blank_card_becomes_a_customer_when_saved() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let mut call = scene.pbx.ring("13911112222", "New Caller", "support", "1001").await;
    let shown = browser.see("#pops > .pop.ringing", "新号码").await;
    assert!(shown.contains("保存后建立") && shown.contains("New Caller"), "{shown}");
    browser.write("#pops .blank [name=name]", "孙丽").await;
    // What is being written stays when the call goes on, and so does the cursor.
    scene.pbx.answer(&mut call, "1001").await;
    browser.see_count("#pops > .pop.talking", 1).await;
    let typed = "const name = document.querySelector('#pops .blank [name=name]');
        return [name.value, document.activeElement === name]";
    assert_eq!(browser.js(typed, &[]).await, json!(["孙丽", true]));
    browser.write("#pops .blank [name=company]", "云岫电器").await;
    for (name, width, height) in [("1366", 1366, 768), ("390", 390, 844)] {
        browser.resize(width, height).await;
        browser.see_that("return document.documentElement.scrollWidth <= innerWidth").await;
        browser.shoot(&format!("pop-blank-{name}")).await;
    }
    browser.resize(1366, 768).await;
    browser.tap("#pops .blank button").await;
    let known = browser.see("#pops > .pop.talking .who", "孙丽").await;
    assert!(known.contains("云岫电器"), "{known}");
    assert_eq!(browser.count("#pops .blank").await, 0);
    scene.pbx.hang_up(call).await;
    browser.see("#pops > .pop.past", "孙丽").await;
    let _again = scene.pbx.ring("13911112222", "", "support", "1001").await;
    browser.see("#pops > .pop.ringing .who", "孙丽").await;
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_customers_on_one_number_are_both_shown_and_none_is_chosen() {
    let shared = "02150880388";
    let two = |past: &mut Past| {
        let zhou = past.holder("1001");
        for (name, company) in [("江海涛", "油烟机修补"), ("冯敏", "")] {
            past.customer(zhou, name, company, &shared[1..], false);
        }
    };
    let mut scene = Scene::with_past(two).await;
    let browser = scene.browser(ZHOU).await;
    let _call = scene.pbx.ring(shared, "", "support", "1001").await;
    let shown = browser.see("#pops > .pop.ringing", "2 位客户共用").await;
    for what in ["江海涛", "冯敏", "未结 0", "上海市"] {
        assert!(shown.contains(what), "{what} is not in\n{shown}");
    }
    assert_eq!(browser.count("#pops .choose li").await, 2);
    assert_eq!(browser.count("#pops .blank, #pops .choose [checked]").await, 0);
    browser.shoot("pop-shared").await;
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_number_is_said_so() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let _call = scene.pbx.ring("anonymous", "Anonymous", "support", "1001").await;
    let shown = browser.see("#pops > .pop.ringing", "号码未显示").await;
    assert!(shown.contains("无法查找客户") || shown.contains("隐藏"), "{shown}");
    assert_eq!(browser.count("#pops .blank").await, 0, "there is nothing to know them by");
    browser.shoot("pop-withheld").await;
    browser.is_content().await;
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
