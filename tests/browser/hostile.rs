//! Whoever calls chooses the name that the PBX shows us. It stays text, on every page.

use serde_json::json;

use super::chromium::{A_WHILE, Browser};
use super::scene::{BOSS, Scene, WIRES, ZHOU};

/// Markup, ends of what it might stand in, marks that turn text around, and quotes.
const NAMES: [&str; 9] = [
    "<img src=x onerror=\"window.hit=1;alert(1)\">",
    "</script><script>window.hit=2;alert(2)</script>",
    "\"'><svg/onload=window.hit=3>",
    "</textarea></title><b id=hit>4</b>",
    "javascript:window.hit=5//` ${window.hit=5} {{7*7}}",
    "\u{202e}gnp.exe\u{2066}<i>6</i>\u{2069}\u{200f}",
    "O'Brien & Söhne \"GmbH\" \\u003cimg\\u003e",
    "a\r\nEvent: Shutdown\r\n\r\ndata: {}\n\nevent: signed-out",
    "<a href=//evil.test>&lt;p&gt;&#x3c;p&#x3e;<!-- <style>*{display:none}</style>",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_name_stays_text_wherever_it_is_shown() {
    let mut scene = Scene::open().await;
    let desk = scene.browser(ZHOU).await;
    let board = scene.browser(BOSS).await;
    board.goto(format!("{}/live", scene.url())).await.expect("the board");
    let wires = scene.browser(WIRES).await;
    wires.see("#events-none, #events", "").await;
    for (nth, name) in NAMES.iter().enumerate() {
        let mut call = scene.pbx.ring(&format!("1391111{nth:04}"), name, "support", "1001").await;
        desk.see_count("#pops > .pop.ringing", 1).await;
        shows(&desk, "#pops > .pop.ringing", name).await;
        scene.pbx.answer(&mut call, "1001").await;
        desk.see_count("#pops > .pop.talking", 1).await;
        shows(&desk, "#pops > .pop.talking", name).await;

        // The agent takes the name over, into every field.
        desk.tap("#tabs > a[id^=tab-]").await;
        let type_it = "for (const id of ['name', 'company', 'course', 'demand', 'summary']) {
            const field = document.getElementById(id);
            field.value = arguments[0];
            field.dispatchEvent(new Event('input', { bubbles: true }));
        }";
        desk.see("#summary", "").await;
        desk.js(type_it, &[json!(name)]).await;
        desk.see("[data-draft]", "草稿已存").await;
        desk.tap("form[data-ticket] .btn.main").await;
        desk.see_count("form[data-ticket]", 0).await;
        shows(&desk, "#work", name).await;
        scene.pbx.hang_up(call).await;
        desk.see_count("#pops > .pop.past", 1).await;
        desk.tap("[data-do=dismiss]").await;
        // The number can be as bad.
        let call = scene.pbx.ring(name, name, "support", "1001").await;
        desk.see_count("#pops > .pop.ringing", 1).await;
        harmless(&desk, name).await;
        scene.pbx.hang_up(call).await;
        desk.see_count("#pops > .pop.ringing", 0).await;
        // Asterisk escapes these, in numbers without saying so.
        if !name.contains(['"', '\'', '\\', '\n', '?']) {
            shows(&wires, "#events", name).await;
        }
        harmless(&desk, name).await;
        harmless(&board, name).await;
        harmless(&wires, name).await;

        desk.tap("#my-open a[href^='/?ticket=']").await;
        desk.tap("#work .sub a[href^='/tickets/']").await;
        desk.see("#t-head h1", "").await;
        harmless(&desk, name).await;
        desk.goto(format!("{}/tickets?text=1391111{nth:04}", scene.url())).await.expect("the tickets");
        harmless(&desk, name).await;
        desk.goto(scene.url()).await.expect("the desk");
    }
    // Nine calls went by with hostile names, and the link was never torn.
    wires.see("#link-main", "已连接").await;
    board.see("#status:not(.warn):not(.bad)", "已连接").await;
    tokio::time::sleep(A_WHILE).await;
    for browser in [&desk, &board, &wires] {
        browser.is_content().await;
    }
}

/// The name is there, letter for letter; white space may be shown as one space.
async fn shows(browser: &Browser, css: &str, name: &str) {
    let script = format!("return document.querySelector({css:?}).textContent");
    let spaces = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = browser.js(&script, &[]).await;
    let shown = spaces(shown.as_str().unwrap_or_default());
    assert!(shown.contains(&spaces(name)), "{name:?} is not in {shown:?}");
}

/// Nothing of it ran, and nothing stands in the page that we did not put there. An open dialog
/// would fail the script itself.
async fn harmless(browser: &Browser, name: &str) {
    let script = "return [
        window.hit ?? null,
        document.querySelectorAll('img, iframe, object, embed, style, base, #hit, i, [onerror], [onload], a[href*=evil]').length,
        document.querySelectorAll('script').length,
        [...document.querySelectorAll('*')].some((el) => [...el.attributes].some((a) => /^on/i.test(a.name))),
    ]";
    let found = browser.js(script, &[]).await;
    assert_eq!(found, json!([null, 0, 1, false]), "{name:?} at {}", browser.current_url().await.expect("a page"));
}
