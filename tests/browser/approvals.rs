//! Two people before the same list of what waits for a decision: neither works on what the other has done.

use daemon::Role;
use daemon::desk::handling::{Handle, RemedyKind};
use serde_json::{Value, json};

use super::chromium::Browser;
use super::scene::{BOSS, Scene, ZHOU};

const CHIEF: &str = "chief";

/// Three remedies that wait, and their two deciders before the list.
async fn two_before_the_list() -> (Scene, Browser, Browser) {
    let scene = Scene::with_past(|past| {
        past.person(CHIEF, "陈志强", Role::Manager, None);
        let zhou = past.holder("1001");
        for (kind, yuan) in [(RemedyKind::Refund, 300), (RemedyKind::Compensation, 400), (RemedyKind::Repair, 500)] {
            past.handles(zhou, Handle::Propose { kind, sum_cents: yuan * 100, words: String::new() });
        }
    })
    .await;
    let (boss, chief) = (scene.browser(BOSS).await, scene.browser(CHIEF).await);
    for browser in [&boss, &chief] {
        browser.goto(format!("{}/approvals", scene.url())).await.expect("the list");
        browser.see_count("#approvals li", 3).await;
    }
    (scene, boss, chief)
}

fn nth(nth: usize, more: &str) -> String {
    format!("#approvals li:nth-child({nth}) {more}")
}

async fn places(browser: &Browser) -> Value {
    let script = "return [...document.querySelectorAll('#approvals li')].map((row) => row.getBoundingClientRect().top)";
    browser.js(script, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_decides_is_marked_where_it_stands() {
    let (scene, boss, chief) = two_before_the_list().await;
    chief.see("#to-approve .n", "3").await;
    let before = places(&chief).await;
    boss.tap(&nth(1, "form:has([value=approve]) .btn")).await;
    let row = chief.see(&nth(1, ""), "已批准").await;
    assert!(row.contains("刘敏") && row.contains("退款 300 元"), "{row}");
    chief.see_count(&nth(1, "form"), 0).await;
    chief.see("#to-approve .n", "2").await;
    assert_eq!(places(&chief).await, before, "nothing moves under the hand");
    boss.see(&nth(1, ""), "已批准").await;

    // Refused on the list, with the reason that the other reads there.
    boss.tap(&nth(2, "summary")).await;
    chief.tap(&nth(2, "summary")).await;
    chief.write(&nth(2, "input[name=why]"), "还没写完").await;
    let before = places(&chief).await;
    boss.write(&nth(2, "input[name=why]"), "没有付款凭证").await;
    boss.tap(&nth(2, "form:has([value=refuse]) .btn")).await;
    let row = chief.see(&nth(2, ""), "没有付款凭证").await;
    assert!(row.contains("未批准") && row.contains("刘敏"), "{row}");
    assert_eq!(places(&chief).await, before);

    // Who asked takes it back, and asks for another.
    let agent = scene.browser(ZHOU).await;
    agent.goto(format!("{}/tickets?text=显示器", scene.url())).await.expect("the tickets");
    agent.tap("table a.num").await;
    agent.tap("#remedies form:has([value=withdraw]) .btn").await;
    chief.see(&nth(3, ""), "已撤回").await;
    agent.tap(".remedy-forms details summary").await;
    agent.tap(".remedy-forms select[name=kind] option[value=exchange]").await;
    agent.write(".remedy-forms input[name=sum]", "600").await;
    agent.tap(".remedy-forms details .btn.main").await;
    chief.see(&nth(4, ""), "换货 600 元").await;
    assert_eq!(places(&chief).await.as_array().map(|rows| rows[..3].to_vec()), before.as_array().cloned());
    // What is over is not there any more for who opens the list now.
    chief.refresh().await.expect("a reload");
    chief.see_count("#approvals li", 1).await;
    for browser in [&boss, &chief, &agent] {
        browser.is_content().await;
    }
}

/// Whose page did not hear of it yet is told so by the click.
#[tokio::test(flavor = "multi_thread")]
async fn a_click_on_what_is_decided_says_so_and_shows_by_whom() {
    let (_scene, boss, chief) = two_before_the_list().await;
    chief.js("document.getElementById('approvals').id = 'deaf'", &[json!(null)]).await;
    boss.tap(&nth(1, "form:has([value=approve]) .btn")).await;
    boss.see(&nth(1, ""), "已批准").await;
    chief.tap("#deaf li:nth-child(1) form:has([value=approve]) .btn").await;
    chief.see(".toasts", "已由别人审批").await;
    chief.js("document.getElementById('deaf').id = 'approvals'", &[json!(null)]).await;
    chief.tap(&nth(2, "form:has([value=approve]) .btn")).await;
    let row = chief.see(&nth(1, ""), "已批准").await;
    assert!(row.contains("刘敏"), "{row}");
    chief.see(&nth(2, ""), "陈志强").await;
    boss.see(&nth(2, ""), "陈志强").await;
}
