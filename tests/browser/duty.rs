//! A caller who was missed is owed a call; a call that the PBX saw is the only thing that pays it.

use std::time::Duration;

use super::scene::{Scene, ZHOU};

const MISSED: &str = "13911112222";

/// The callback among what is owed; that a matter is not solved stands beside it.
const CALLBACK: &str = "#duties [data-clock=missed_call]";

/// A talk that proves: ten seconds, and a little for the way.
const TALK: Duration = Duration::from_millis(10_400);

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_caller_is_owed_a_call_until_one_is_proven() {
    let mut scene = Scene::open().await;
    let browser = scene.browser(ZHOU).await;
    browser.see_count(CALLBACK, 0).await;
    let call = scene.pbx.wait(MISSED, "", "support").await;
    scene.pbx.hang_up(call).await;
    let duty = browser.see(CALLBACK, "未接回电").await;
    assert!(duty.contains("剩") && duty.contains("139 1111 2222") || duty.contains("13911112222"), "{duty}");
    let first = browser.text_of("#duties .due b").await;
    browser
        .see_that(&format!(
            "return document.querySelector('#duties .due b').innerText !== {first:?}",
            first = first.unwrap_or_default()
        ))
        .await;

    // Once in vain.
    browser.tap("#duties [data-clock=missed_call] .act button").await;
    browser.see("#toasts", "正在拨出").await;
    let asked = scene.pbx.originated().await;
    assert_eq!((asked.agent.as_str(), asked.exten.as_str()), ("1001", MISSED), "digits, and nothing else");
    assert_eq!(asked.headers["Async"], "true");
    assert!(!asked.headers["ChannelId"].is_empty());
    let vain = scene.pbx.dial(&asked).await;
    browser.see("#pops > .pop", "呼出").await;
    scene.pbx.lay_down(vain).await;
    browser.see("#duties .held-back", "条变化").await;
    browser.take_the_hand_away().await;
    browser.see(CALLBACK, "试过 1 次").await;

    // And once for ten seconds.
    browser.tap("#duties [data-clock=missed_call] .act button").await;
    let asked = scene.pbx.originated().await;
    let mut talk = scene.pbx.dial(&asked).await;
    scene.pbx.answered(&mut talk).await;
    browser.see("#pops > .pop.talking", "").await;
    browser.take_the_hand_away().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(browser.count(CALLBACK).await, 1, "five seconds prove nothing");
    tokio::time::sleep(TALK - Duration::from_secs(5)).await;
    browser.see_count(CALLBACK, 0).await;
    scene.pbx.lay_down(talk).await;

    let theirs = "[...document.querySelectorAll('#my-open tr, #my-open li')].find((row) => row.innerText.includes(arguments[0])).querySelector('a').click()";
    browser.see("#my-open", MISSED).await;
    browser.js(theirs, &[MISSED.into()]).await;
    browser.tap("#work .sub a[href^='/tickets/']").await;
    let proof = browser.see("#proof .proof", "周晓云").await;
    assert!(proof.contains("秒") && proof.contains("未接回电"), "{proof}");
    browser.see("#proof .tries", "").await;
    browser.see("#clocks", "已完成").await;
    browser.see("#timeline", "由交换机确认").await;
    browser.is_content().await;
}
