//! The way in and out: passwords, roles, languages, keys.

use serde_json::json;
use thirtyfour::Key;

use super::chromium::Browser;
use super::scene::{BOSS, KNOWN, LI, Scene, WIRES, ZHOU};
use crate::house::password_of;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_the_right_one_enters() {
    let scene = Scene::open().await;
    let browser = Browser::open().await;
    browser.goto(format!("{}/tickets", scene.url())).await.expect("a page");
    browser.give(ZHOU, "not the password").await;
    browser.see("#pass-why", "账号或密码不对").await;
    assert_eq!(browser.value_of("#user").await, ZHOU, "the account need not be typed again");
    browser.write("#pass", &password_of(ZHOU)).await;
    browser.tap("form.form .btn.main").await;
    // On to where one was going.
    browser.see(".appbar a[aria-current=page]", "工单").await;
    browser.see(".appbar .me", "周晓云").await;
    browser.is_content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_does_not_see_the_board_nor_the_wires() {
    let scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    for page in ["/live", "/admin", "/admin/people"] {
        browser.goto(format!("{}{page}", scene.url())).await.expect("a page");
        browser.see("h1", "您的角色看不到这一页").await;
        let status = browser.js("return performance.getEntriesByType('navigation')[0].responseStatus", &[]).await;
        assert_eq!(status, json!(403), "{page}");
        assert!(browser.find_all(thirtyfour::By::Css("#queues, #links, .person")).await.expect("a page").is_empty());
        browser.tap("main .btn.main").await;
        browser.see("#phone", "").await;
    }
    let rooms = browser.text_of(".rooms").await.expect("the bar");
    assert!(!rooms.contains("看板") && !rooms.contains("链路"), "{rooms}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_every_tab() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
    browser.see("#pops > .pop", "张伟").await;
    let first = browser.window().await.expect("a tab");
    let second = browser.new_tab().await.expect("a tab");
    browser.switch_to_window(second).await.expect("the second tab");
    browser.goto(format!("{}/tickets", scene.url())).await.expect("a page");
    browser.tap(".me summary").await;
    browser.tap("form[action='/sign-out'] button").await;
    browser.see("form[action='/sign-in']", "账号").await;
    browser.switch_to_window(first).await.expect("the first tab");
    browser.see("#status.bad", "登录已失效").await;
    // Another rings while nobody is signed in: what was open hears nothing of it.
    scene.pbx.hang_up(call).await;
    let _other = scene.pbx.ring("13911112222", "Nobody's", "support", "1001").await;
    browser.switch_to_new_person(&scene).await;
    let shown = browser.text_of("#status").await;
    assert!(shown.is_some_and(|text| text.contains("登录已失效")), "a tab of who left is no tab of who came");
    assert_eq!(browser.count("#pops > .pop[data-who*='新']").await, 0);
}

impl Browser {
    /// Somebody else signs in, in another tab; back to the first.
    async fn switch_to_new_person(&self, scene: &Scene) {
        let here = self.window().await.expect("a tab");
        let tab = self.new_tab().await.expect("a tab");
        self.switch_to_window(tab).await.expect("the new tab");
        self.sign_in(scene.url(), LI).await;
        self.see("#phone", "1002").await;
        self.switch_to_window(here).await.expect("the first tab");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_is_in_one_language_also_what_is_pushed_to_it() {
    let mut scene = Scene::open().await;
    for (login, pages) in
        [(ZHOU, vec!["/", "/tickets"]), (BOSS, vec!["/live"]), (WIRES, vec!["/admin", "/admin/people"])]
    {
        let browser = scene.browser(login).await;
        for language in ["zh-CN", "en"] {
            if browser.attribute("html", "lang").await.as_deref() != Some(language) {
                browser.tap(".me summary").await;
                browser.tap("form[action='/language'] button").await;
                browser.see_that(&format!("return document.documentElement.lang === {language:?}")).await;
            }
            for page in &pages {
                browser.goto(format!("{}{page}", scene.url())).await.expect("a page");
                // What the stream says while the call waits, rings, talks, ends, and of the link.
                let mut call = scene.pbx.ring(KNOWN, "", "support", "1001").await;
                if *page == "/" {
                    browser.see_count("#pops > .pop.ringing", 1).await;
                }
                speaks_only(&browser, language, page).await;
                scene.pbx.answer(&mut call, "1001").await;
                if *page == "/" {
                    browser.see_count("#pops > .pop.talking", 1).await;
                }
                speaks_only(&browser, language, page).await;
                scene.pbx.hang_up(call).await;
                if *page == "/" {
                    browser.see_count("#pops > .pop.past", 1).await;
                    speaks_only(&browser, language, page).await;
                    browser.tap("[data-do=dismiss]").await;
                }
            }
        }
        browser.is_content().await;
    }
}

/// No word of the other language, beside names and what people wrote themselves.
async fn speaks_only(browser: &Browser, language: &str, page: &str) {
    let script = r"
        const texts = [document.title];
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const el = walk.currentNode.parentElement;
            if (!el.closest('[lang], kbd, #events, .mono') && el.getClientRects().length) texts.push(walk.currentNode.data);
        }
        for (const el of document.querySelectorAll('body *')) {
            if (el.closest('[lang], kbd, #events')) continue;
            for (const name of ['aria-label', 'placeholder', 'title']) {
                if (el.hasAttribute(name)) texts.push(el.getAttribute(name));
            }
        }
        return texts";
    let texts = browser.js(script, &[]).await;
    let ours = ["Ringback", "Asterisk", "PBX", "HTTPS", "main", "support", "complaints", "zhou", "boss", "wires"];
    let theirs = [
        "周晓云",
        "李建国",
        "刘敏",
        "何建平",
        "张伟",
        "海川贸易有限公司",
        "两台显示器有坏点，等换货",
        "发票抬头已改，重开电子发票",
    ];
    for text in texts.as_array().expect("texts") {
        let mut rest = text.as_str().unwrap_or_default().to_owned();
        for word in ours.iter().chain(&theirs) {
            rest = rest.replace(word, "");
        }
        let foreign = match language {
            "en" => rest.contains(|c| ('\u{3000}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c)),
            _ => rest.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word.len() > 2 && word != "Alt"),
        };
        assert!(!foreign, "{page} in {language} says {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lead_from_place_to_place() {
    let scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let at = async || browser.js("return document.activeElement.id", &[]).await;
    for (key, place) in [('1', "place-phone"), ('3', "place-diary"), ('2', "place-ticket")] {
        browser.chord(Key::Alt, key).await;
        assert_eq!(at().await, json!(place), "Alt {key}");
    }
    browser.write("body", "/").await;
    assert_eq!(at().await, json!("seek"));
    browser.write("#seek", "?1/").await;
    assert_eq!(browser.value_of("#seek").await, "?1/", "in a field they are letters");
    browser.chord(Key::Alt, '1').await;
    browser.write("#place-phone", "?").await;
    browser.see("#keys-sheet[open]", "快捷键").await;
    browser.write("#keys-sheet", &Key::Escape.value().to_string()).await;
    browser.see_count("#keys-sheet[open]", 0).await;
    browser.is_content().await;
}
