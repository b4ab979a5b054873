//! The register form on paper: one page of A4 while it is empty, and with four hundred characters each of
//! course and cause; what is longer goes on, on another.

use serde_json::{Value, json};
use thirtyfour::common::print::{PrintMargins, PrintPage, PrintParameters};

use super::chromium::Browser;
use super::scene::{Scene, ZHOU};

#[tokio::test(flavor = "multi_thread")]
async fn the_register_form_is_one_page_of_a4_empty_and_full_and_cuts_nothing() {
    let scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    let made = send(&browser, "POST", "", json!({ "kind": "complaint", "number": "13911112222" })).await;
    let ticket = format!("/{}", made["number"].as_str().expect("a number"));
    for language in ["zh-CN", "en"] {
        assert_eq!(pages(&scene, &browser, &ticket, language, "empty").await, 1, "empty, {language}");
    }

    let of = |words: &str, characters: usize| words.chars().cycle().take(characters).collect::<String>();
    let course = of("冰箱冷藏室三次维修后仍不制冷，员工餐厅的食材受损。", 400);
    let cause = of("复检：压缩机阀片泄漏，前三次未测压，属误判。", 400);
    let object = json!({ "product": "冰箱 BCD-520WGHD", "order": "D2609-088120", "batch": "YX26A07-004418" });
    let form = json!({
        "version": made["version"], "category": "product_quality", "priority": "urgent", "course": course,
        "demand": "更换同型号新机；补偿食材损失 640 元。", "summary": "要求换机", "object": object,
    });
    send(&browser, "PUT", &ticket, form).await;
    let handle = format!("{ticket}/handle");
    let findings = json!({
        "what": "find", "version": 0, "finding": "justified", "reason": "复检与客户所述一致", "cause": cause,
        "party": "城西服务站；零部件供方", "solution": "更换新机一台，旧机带回质量部；补偿食材损失。",
        "loss_cents": 493_900,
    });
    send(&browser, "POST", &handle, findings.clone()).await;
    let remedy = json!({ "what": "propose", "kind": "compensation", "sum_cents": 15_000, "words": "食材" });
    send(&browser, "POST", &handle, remedy).await;
    let told = json!({ "step": "told", "how": "phone", "words": "周三送新机，补偿当天到账" });
    send(&browser, "POST", &format!("{ticket}/step"), told).await;
    for language in ["zh-CN", "en"] {
        assert_eq!(pages(&scene, &browser, &ticket, language, "full").await, 1, "full, {language}");
    }
    let shown = browser.text_of("#register").await.expect("the form");
    for words in [course.as_str(), cause.as_str(), "13911112222", "D2609-088120", "周三送新机", "4,939"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }

    let mut longer = findings;
    (longer["version"], longer["cause"]) = (json!(1), json!(of("复检：压缩机阀片泄漏。", 3_000)));
    send(&browser, "POST", &handle, longer).await;
    assert!(pages(&scene, &browser, &ticket, "zh-CN", "long").await > 1, "what is longer is not cut");
    browser.is_content().await;
}

/// To `/api/v1/tickets…`, by the session that the browser has.
async fn send(browser: &Browser, method: &str, path: &str, body: Value) -> Value {
    let script = "return fetch('/api/v1/tickets' + arguments[1], { method: arguments[0], body: arguments[2],
        headers: { 'content-type': 'application/json' } }).then(async (answer) =>
        answer.ok ? (answer.status === 204 ? null : answer.json()) : { failed: await answer.text() })";
    let answer = browser.js(script, &[json!(method), json!(path), json!(body.to_string())]).await;
    assert!(answer.get("failed").is_none(), "{method} {path}: {answer}");
    answer
}

/// How many pages of A4 Chromium prints it on.
async fn pages(scene: &Scene, browser: &Browser, ticket: &str, language: &str, name: &str) -> usize {
    let speak = "return fetch('/language', { method: 'POST', body: new URLSearchParams({ language: arguments[0] }) })
        .then((answer) => answer.ok)";
    browser.js(speak, &[json!(language)]).await;
    browser.goto(format!("{}/tickets{ticket}/print", scene.url())).await.expect("the form");
    browser.see("#register", &ticket[1..]).await;
    let paper = PrintParameters {
        background: true,
        shrink_to_fit: false,
        page: PrintPage { width: 21.0, height: 29.7 },
        margin: PrintMargins { top: 1.0, bottom: 1.0, left: 1.2, right: 1.2 },
        ..PrintParameters::default()
    };
    let pdf = browser.print_page(paper).await.expect("a printed page");
    browser.keep(&format!("register-{name}-{language}.pdf"), &pdf);
    let text = String::from_utf8_lossy(&pdf);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}
