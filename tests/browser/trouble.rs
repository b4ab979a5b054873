//! When something is out of reach, the page says so, and shows nothing old as if it were live.

use serde_json::json;

use crate::house::sign_in;

use super::scene::{BOSS, KNOWN, Scene, WIRES, ZHOU};

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_link_is_amber_on_every_page() {
    let mut scene = Scene::open().await;
    let desk = scene.browser(ZHOU).await;
    let board = scene.browser(BOSS).await;
    board.goto(format!("{}/live", scene.url())).await.expect("the board");
    board.see("#q-main-support td:last-child", "2/2").await;
    desk.see("#status", "交换机 1/1 已连接").await;
    scene.pbx.cut().await;
    desk.see("#status.warn", "main 从").await;
    desk.see("#status.warn", "其间的来电").await;
    desk.see("#waiting", "此刻看不到来电").await;
    desk.see("#waiting", "看不到 main").await;
    board.see("#status.warn", "main 从").await;
    board.see("#q-main-support", "看不到").await;
    board.see("#q-main-support td:nth-child(3)", "不知").await;
    board.see("#figures", "在线通话 –").await;
    board.see("#callers", "看不到").await;
    // Pages that are opened meanwhile say so from the start.
    desk.goto(format!("{}/tickets", scene.url())).await.expect("the tickets");
    desk.see("#status.warn", "main 从").await;
    // Painted with the page itself, not only by what comes after it.
    let painted =
        sign_in(scene.url(), ZHOU).await.get(format!("{}/tickets", scene.url())).send().await.expect("a page");
    let painted = painted.text().await.expect("HTML");
    assert!(painted.contains("class=\"status warn\"") && painted.contains("main 从"), "{painted}");
    // And so do pages that say what failed.
    for refused in ["nothing-here", "live"] {
        desk.goto(format!("{}/{refused}", scene.url())).await.expect("a page");
        desk.see("#main > .failed h1", "").await;
        desk.see("#status.warn", "main 从").await;
    }
    let outside = reqwest::get(format!("{}/sign-in", scene.url())).await.expect("a page").text().await.expect("HTML");
    assert!(
        !outside.contains("main 从") && !outside.contains("status warn"),
        "who has not signed in learns nothing of it: {outside}"
    );
    let wires = scene.browser(WIRES).await;
    wires.see("#link-main", "断开").await;
    wires.see("#status.warn", "main 从").await;
    // What helps is said in the page's language, as is what the ledger has.
    wires.see("#links .trouble", "在 manager.conf 的 [general] 下写").await;
    wires.see("#ledger", "交换机关了连接").await;

    scene.pbx.mend().await;
    scene.pbx.met().await;
    for browser in [&desk, &board, &wires] {
        browser.see("#status:not(.warn)", "交换机 1/1 已连接").await;
    }
    desk.goto(scene.url()).await.expect("the desk");
    desk.see("#waiting", "等待来电").await;
    board.see("#q-main-support td:last-child", "2/2").await;
    board.see("#figures", "在线通话 0").await;
    wires.see("#link-main", "已连接").await;
    wires.see("#ledger", "main").await;
    for browser in [&desk, &board, &wires] {
        browser.is_content().await;
    }
}

/// What becomes of a call whose PBX is out of sight is not known, so its pop does not go on as if it
/// were; in sight again, it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_pop_does_not_tick_on_while_its_pbx_is_out_of_sight() {
    let mut scene = Scene::open().await;
    let desk = scene.browser(ZHOU).await;
    let mut call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    scene.pbx.answer(&mut call, "1001").await;
    desk.see("#pops > .pop.talking .band time", ":").await;
    scene.pbx.cut().await;
    let told = desk.see("#pops > .pop.unseen", "张伟").await;
    assert!(told.contains("不知还在不在通话") && told.contains("main 从"), "{told}");
    assert_eq!(desk.count("#pops .band time, #pops form[action='/hangup']").await, 0, "nothing that is not known");
    desk.js("location.reload()", &[]).await;
    desk.see("#pops > .pop.unseen", "张伟").await;
    scene.pbx.mend().await;
    scene.pbx.met().await;
    desk.see("#status:not(.warn)", "交换机 1/1 已连接").await;
    desk.see_count("#pops > .pop.unseen", 0).await;
    desk.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_its_server_says_so_in_red_and_keeps_what_is_written() {
    let mut scene = Scene::with_past(|past| past.missed("13911112222", chrono::TimeDelta::minutes(3))).await;
    let browser = scene.browser(ZHOU).await;
    let _call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    browser.see("#pops > .pop.ringing", "张伟").await;
    browser.see("#duties .due", "剩").await;
    browser.tap("#my-open a[href^='/?ticket=']").await;
    browser.see("#summary", "").await;
    scene.daemon.take().expect("the daemon runs").kill();
    browser.write("#summary", "，断线时写的").await;
    browser.see("[data-draft]", "草稿存在本机").await;
    // Three quarters of a minute of silence, which nobody sits through: the page's clock is put on.
    browser.js("const now = Date.now; Date.now = () => now() + 46_000", &[]).await;
    let told = browser.see("#status.bad", "与服务器断开").await;
    assert!(told.contains("草稿存在本机"), "{told}");
    browser.see("#duties .due", "不知").await;
    for live in ["#duties .due b", "#pops > .pop .band time"] {
        assert_eq!(browser.text_of(live).await.as_deref(), Some("–"), "{live} is not known any more");
    }
    let kept = "return Object.values(sessionStorage).some((v) => new URLSearchParams(v).get('summary')?.includes('断线时写的'))";
    assert_eq!(browser.js(kept, &[]).await, json!(true), "the draft is in the tab");
    assert!(browser.value_of("#summary").await.ends_with("断线时写的"));
}
