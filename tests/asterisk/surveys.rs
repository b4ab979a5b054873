//! Callers whom the PBX asks how it was, by the lines that the protocol's README has for it.

use serde_json::{Value, json};
use tokio::time::sleep;

use super::phone::Line;
use super::scene::Scene;
use super::stage::A_TALK;
use crate::house::until;

/// Goes on to the survey when the agent hangs up.
const SURVEYED: &str = "4008003001";
/// The same, told by a variable.
const BY_VARIABLE: &str = "4008003002";
/// By a dialplan that has the words wrong.
const MISTAKEN: &str = "4008003003";
/// Where an agent sends a caller to be asked.
const ASK: &str = "8100";

/// Of the caller's survey: offered, heard, key, result; of whom, and whether on the caller's matter.
async fn survey(scene: &Scene, number: &str, expected: Value) {
    let asked = "SELECT s.heard_at_ms IS NOT NULL, s.pressed, s.result, p.login, s.queue, s.ticket = c.ticket
         FROM surveyings s JOIN calls c ON c.id = s.call LEFT JOIN people p ON p.id = s.person
         WHERE c.caller LIKE '%' || ?1 AND c.ended_at_ms IS NOT NULL";
    until("the survey", async || {
        let database = scene.house.database();
        let mut rows = database.prepare(asked).expect("a question");
        let one = |row: &rusqlite::Row| {
            Ok(json!({
                "heard": row.get::<_, bool>(0)?, "key": row.get::<_, Option<i64>>(1)?,
                "result": row.get::<_, Option<String>>(2)?, "served": row.get::<_, Option<String>>(3)?,
                "queue": row.get::<_, Option<String>>(4)?, "on_matter": row.get::<_, bool>(5)?,
            }))
        };
        let found: Vec<Value> = rows.query_map([number], one).expect("rows").map(|row| row.expect("a row")).collect();
        if found == [expected.clone()] { Ok(()) } else { Err(format!("{found:#?}, and not {expected:#}")) }
    })
    .await;
}

/// Calls, talks with 1001, who hangs up.
async fn served(scene: &mut Scene, number: &str, from: &str) -> Line {
    let caller = scene.lab.trunk.call(number, from, None);
    let agent = scene.lab.agents[0].rung().await;
    agent.up().await;
    caller.up().await;
    sleep(A_TALK).await;
    agent.hang_up();
    sleep(A_TALK).await;
    caller
}

fn said(heard: bool, key: Option<u8>, result: Option<&str>, served: &str, queue: Option<&str>) -> Value {
    json!({ "heard": heard, "key": key, "result": result, "served": served, "queue": queue, "on_matter": true })
}

#[test]
fn the_lines_are_those_of_the_readme() {
    let readme = include_str!("../../protocol/README.md");
    let lines = readme.split("```ini\n[ringback-survey]\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines = lines.expect("the dialplan in the README");
    assert!(include_str!("etc/extensions.conf").contains(&format!("[ringback-survey]\n{lines}")), "{lines}");
    let filters = readme.split("reporting,dialplan\n").nth(1).and_then(|rest| rest.split("```").next());
    assert!(include_str!("etc/manager.conf").contains(filters.expect("the filters in the README")));
}

#[tokio::test]
async fn a_key_a_silence_and_a_hangup_are_told_apart() {
    let mut scene = Scene::set().await;
    let pressing = served(&mut scene, SURVEYED, "13700000001").await;
    pressing.press("2").await;
    assert_eq!(pressing.ended().await, "BYE", "thanked, and let go");
    survey(&scene, "13700000001", said(true, Some(2), Some("fairly"), "anna", Some("surveyed"))).await;

    let silent = served(&mut scene, SURVEYED, "13700000002").await;
    assert_eq!(silent.ended().await, "BYE");
    survey(&scene, "13700000002", said(true, None, None, "anna", Some("surveyed"))).await;

    let leaving = served(&mut scene, SURVEYED, "13700000003").await;
    leaving.hang_up();
    survey(&scene, "13700000003", said(false, None, None, "anna", Some("surveyed"))).await;
}

#[tokio::test]
async fn who_is_sent_to_the_survey_speaks_of_the_last_agent() {
    let mut scene = Scene::set().await;
    let caller = scene.lab.trunk.call(SURVEYED, "13700000004", None);
    let first = scene.lab.agents[0].rung().await;
    first.up().await;
    sleep(A_TALK).await;
    first.refer("1002");
    let second = scene.lab.agents[1].rung().await;
    second.up().await;
    sleep(A_TALK).await;
    second.refer(ASK);
    sleep(A_TALK).await;
    caller.press("3").await;
    assert_eq!(caller.ended().await, "BYE");
    survey(&scene, "13700000004", said(true, Some(3), Some("dissatisfied"), "bo", None)).await;
    let told = "SELECT count(*) FROM outbox o JOIN people p ON p.id = o.person
         WHERE o.rung = 'dissatisfied' AND p.login = 'sun'";
    let told: i64 = scene.house.database().query_row(told, [], |row| row.get(0)).expect("the outbox");
    assert_eq!(told, 1, "the supervisor hears of it");
}

#[tokio::test]
async fn a_variable_tells_it_too() {
    let mut scene = Scene::set_signed_in("ringback-variables").await;
    let caller = served(&mut scene, BY_VARIABLE, "13700000005").await;
    caller.press("1").await;
    assert_eq!(caller.ended().await, "BYE");
    survey(&scene, "13700000005", said(true, Some(1), Some("satisfied"), "anna", Some("surveyed"))).await;
}

#[tokio::test]
async fn words_that_nobody_knows_stand_in_the_ledger() {
    let mut scene = Scene::set().await;
    let caller = served(&mut scene, MISTAKEN, "13700000006").await;
    assert_eq!(caller.ended().await, "BYE");
    let misread = |rows: &Value| {
        let row = rows.as_array()?.iter().find(|row| row["what"] == "misread")?;
        row["detail"].as_str().map(str::to_owned)
    };
    let detail = scene.admin.get_until("ledger", misread).await;
    assert!(detail.contains("offered, heard or answered, not \"asked\""), "{detail}");
    let surveys: i64 =
        scene.house.database().query_row("SELECT count(*) FROM surveyings", [], |row| row.get(0)).expect("the rows");
    assert_eq!(surveys, 0);
    scene.link_is("up").await;
}
