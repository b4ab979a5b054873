//! Callers who are answered, sent on, kept on hold.

use std::time::Duration;

use tokio::time::sleep;

use super::lab::{COMPLAINTS, HOTLINE};
use super::phone::Manner;
use super::scene::{Scene, callback};

#[tokio::test]
async fn an_answered_call_pops_at_the_agent_and_becomes_a_ticket_with_an_owner() {
    let mut scene = Scene::set().await;
    let mut desk = scene.agents[0].desk().await;
    let name = "李四 <b onclick=x>";
    let caller = scene.lab.trunk.call(HOTLINE, "+8613912345678", Some(name.as_bytes()));
    let pop = desk.pops("ringing", "李四 &#").await;
    let agent = scene.lab.agents[0].rung().await;
    agent.up().await;
    desk.becomes(&pop, "talking").await;
    let owner = scene.agents[0].id;
    scene.ticket("+8613912345678", |ticket| ticket["owner"] == owner).await;
    caller.hang_up();
    desk.becomes(&pop, "ended").await;
    let ticket = scene.ticket("+8613912345678", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    let call = &ticket["calls"][0];
    assert_eq!(
        (&call["outcome"], &call["agent"], &call["certain"]),
        (&"answered".into(), &"1001".into(), &true.into())
    );
    assert!(callback(&ticket).is_null(), "no call is owed to who was served");
}

#[tokio::test]
async fn everybody_rings_one_answers_and_the_others_pops_are_taken_back() {
    let scene = Scene::set().await;
    scene.lab.agents[0].will(Manner::Ring);
    scene.lab.agents[1].will(Manner::Answer { after: Duration::from_secs(1) });
    scene.lab.agents[2].will(Manner::Ring);
    let mut desks = [scene.agents[0].desk().await, scene.agents[1].desk().await, scene.agents[2].desk().await];
    let caller = scene.lab.trunk.call(COMPLAINTS, "13200000001", None);
    let mut ids = Vec::new();
    for desk in &mut desks {
        ids.push(desk.pops("ringing", "132").await);
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "one call, one pop: {ids:?}");
    desks[0].becomes(&ids[0], "taken").await;
    desks[1].becomes(&ids[0], "talking").await;
    desks[2].becomes(&ids[0], "taken").await;
    caller.hang_up();
    desks[1].becomes(&ids[0], "ended").await;
}

#[tokio::test]
async fn hold_is_seen_on_the_board() {
    let mut scene = Scene::set().await;
    let caller = scene.lab.trunk.call(HOTLINE, "13600000003", None);
    let agent = scene.lab.agents[0].rung().await;
    agent.up().await;
    scene.board_says("1001", "talking").await;
    agent.hold(true);
    scene.board_says("1001", "on_hold").await;
    agent.hold(false);
    scene.board_says("1001", "talking").await;
    caller.hang_up();
    scene.board_says("1001", "available").await;
}

#[tokio::test]
async fn a_blind_transfer_moves_the_pop() {
    let mut scene = Scene::set().await;
    let mut from = scene.agents[0].desk().await;
    let mut to = scene.agents[2].desk().await;
    let caller = scene.lab.trunk.call(HOTLINE, "13600000001", None);
    let agent = scene.lab.agents[0].rung().await;
    agent.up().await;
    let pop = from.pops("talking", "136").await;
    agent.refer("1003");
    from.becomes(&pop, "ended").await;
    assert_eq!(to.pops("ringing", "136").await, pop, "the same call");
    to.becomes(&pop, "talking").await;
    sleep(Duration::from_secs(1)).await;
    caller.hang_up();
    to.becomes(&pop, "ended").await;
    let ticket = scene.ticket("13600000001", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!(ticket["calls"].as_array().map(Vec::len), Some(1), "one call, however many legs");
    assert_eq!(ticket["owner"], scene.agents[0].id, "who talked first stays the owner");
    assert!(callback(&ticket).is_null());
}

#[tokio::test]
async fn a_phone_that_transfers_by_itself_stays_one_call_too() {
    let mut scene = Scene::set().await;
    let mut from = scene.agents[0].desk().await;
    let mut to = scene.agents[2].desk().await;
    let caller = scene.lab.trunk.call(HOTLINE, "13600000004", None);
    let agent = scene.lab.agents[0].rung().await;
    agent.up().await;
    let pop = from.pops("talking", "136").await;
    agent.hold(true);
    scene.board_says("1001", "on_hold").await;
    let consultation = scene.lab.agents[0].call("1003", "1001", None);
    scene.lab.agents[2].rung().await.up().await;
    // Both are in their bridge: what is sent on before that is another kind of transfer.
    to.pops("talking", "1001").await;
    agent.refer_to("1003", &consultation).await;
    from.becomes(&pop, "ended").await;
    assert_eq!(to.pops("talking", "136").await, pop, "the same call");
    sleep(Duration::from_secs(1)).await;
    caller.hang_up();
    to.becomes(&pop, "ended").await;
    let ticket = scene.ticket("13600000004", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    assert_eq!(ticket["calls"].as_array().map(Vec::len), Some(1), "the consultation is no call of its own");
    assert_eq!(ticket["owner"], scene.agents[0].id, "who talked first stays the owner");
}

#[tokio::test]
async fn an_attended_transfer_stays_one_call() {
    let mut scene = Scene::set().await;
    let mut from = scene.agents[0].desk().await;
    let mut to = scene.agents[2].desk().await;
    let caller = scene.lab.trunk.call(HOTLINE, "13600000002", None);
    let agent = scene.lab.agents[0].rung().await;
    agent.up().await;
    let pop = from.pops("talking", "136").await;
    agent.press("*21003").await;
    scene.lab.agents[2].rung().await.up().await;
    sleep(Duration::from_secs(1)).await;
    agent.hang_up();
    from.becomes(&pop, "ended").await;
    assert_eq!(to.pops("talking", "136").await, pop, "the same call");
    caller.hang_up();
    to.becomes(&pop, "ended").await;
    let ticket = scene.ticket("13600000002", |ticket| ticket["calls"][0]["ended_at"].is_string()).await;
    let call = &ticket["calls"][0];
    assert_eq!((&call["outcome"], &call["agent"]), (&"answered".into(), &"1001".into()));
    assert_eq!(ticket["calls"].as_array().map(Vec::len), Some(1), "the consultation is no call of its own");
}
