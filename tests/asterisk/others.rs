//! Calls that are nobody's wish of ours, or come with strange names, or twice at once.

use serde_json::json;
use tokio::time::sleep;

use super::lab::{self, HOTLINE};
use super::phone::Manner;
use super::stage::{A_TALK, Stage};

/// 张三 in GBK, as some carriers send it.
const ZHANG_SAN: &[u8] = b"\xD5\xC5\xC8\xFD";

#[tokio::test]
async fn colleagues_talk_and_no_ticket_comes_of_it() {
    let mut stage = Stage::set().await;
    let line = stage.phone("1001").call("1002", "1001", None);
    stage.answers("1002").await;
    stage.tape.talk(&["PJSIP/1001-", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    line.hang_up();
    stage.phone("1003").will(Manner::Decline { after: A_TALK });
    let declined = stage.phone("1001").call("1003", "1001", None);
    assert_eq!(declined.ended().await, "486");
    let truth = json!([
        { "direction": "internal", "agent": "1001", "to": "1002", "result": "answered", "talk_s": 1 },
        { "direction": "internal", "agent": "1001", "to": "1003", "result": "busy", "talked": [] },
    ]);
    stage.ends("internal_calls", truth).await;
}

#[tokio::test]
async fn an_agent_calls_out_and_is_answered_or_not() {
    let mut stage = Stage::set().await;
    let line = stage.phone("1001").call("13900139000", "1001", None);
    let outside = stage.scene.lab.trunk.rung().await;
    outside.up().await;
    stage.tape.talk(&["PJSIP/1001-", "PJSIP/trunk-"]).await;
    sleep(A_TALK).await;
    line.hang_up();
    outside.ended().await;
    stage.scene.lab.trunk.will(Manner::Decline { after: A_TALK });
    let busy = stage.phone("1001").call("13900139001", "1001", None);
    assert_eq!(busy.ended().await, "486");
    stage.scene.lab.trunk.rung().await;
    stage.scene.lab.trunk.will(Manner::Ring);
    let in_vain = stage.phone("1001").call("13900139002", "1001", None);
    let outside = stage.scene.lab.trunk.rung().await;
    sleep(A_TALK).await;
    in_vain.hang_up();
    assert_eq!(outside.ended().await, "CANCEL");
    let call = |to: &str, result: &str| json!({ "direction": "outbound", "agent": "1001", "to": to, "result": result });
    let truth =
        json!([call("13900139000", "answered"), call("13900139001", "busy"), call("13900139002", "no_answer"),]);
    stage.ends("outbound_by_phone", truth).await;
}

/// The PBX rings the agent, then the customer.
#[tokio::test]
async fn the_pbx_calls_out_for_an_agent() {
    let mut stage = Stage::set().await;
    let to = [
        ("Channel", "PJSIP/1001"),
        ("ChannelId", "ours-1"),
        ("Context", "from-agents"),
        ("Exten", "13900139000"),
        ("Priority", "1"),
        ("CallerID", "4008001234"),
        ("Async", "true"),
    ];
    stage.tape.asks("Originate", &to).await;
    let agent = stage.answers("1001").await;
    let outside = stage.scene.lab.trunk.rung().await;
    outside.up().await;
    stage.tape.talk(&["PJSIP/1001-", "PJSIP/trunk-"]).await;
    sleep(A_TALK).await;
    agent.hang_up();
    outside.ended().await;
    let truth = json!([{
        "direction": "outbound", "agent": "1001", "to": "13900139000", "result": "answered",
        "talk_s": outside.talked_s().await,
    }]);
    stage.ends("outbound_by_originate", truth).await;
}

#[tokio::test]
async fn names_come_in_any_charset_and_with_any_intent() {
    let mut stage = Stage::set().await;
    let names: [&[u8]; 4] = [
        ZHANG_SAN,
        "李四 <img src=x onerror=alert(1)>".as_bytes(),
        br#"O'Brien\\r\\nEvent: Hangup\\r\\nUniqueid: 1"#,
        b"\xff\xfe%0d%0aAction: Logoff",
    ];
    let mut truth = Vec::new();
    for (nth, name) in names.into_iter().enumerate() {
        let number = format!("1350000000{nth}");
        let caller = stage.scene.lab.trunk.call(HOTLINE, &number, Some(name));
        let by = if nth % 2 == 0 { "1001" } else { "1002" };
        let agent = stage.answers(by).await;
        stage.tape.told(&["Event: BridgeEnter", &format!("CallerIDNum: {number}")]).await;
        sleep(A_TALK).await;
        caller.hang_up();
        agent.ended().await;
        truth.push(json!({
            "caller": number, "to": "support", "result": "answered", "talked": [by], "ended_by": "caller",
        }));
    }
    let names: Vec<String> = {
        let database = stage.scene.house.database();
        let mut rows = database.prepare("SELECT caller_name FROM calls ORDER BY started_at_ms").expect("a question");
        let names = rows.query_map([], |row| row.get(0)).expect("the calls");
        names.map(|name| name.expect("a name")).collect()
    };
    // 22 has thrown away what is no UTF-8 before it tells us.
    let lost = "\u{FFFD}".repeat(ZHANG_SAN.len());
    assert_eq!(names[0], if lab::version() == "16" { "张三" } else { lost.as_str() });
    assert_eq!(names[1], "李四 <img src=x onerror=alert(1)>");
    assert_eq!(names[2], r"O'Brien\\r\\nEvent: Hangup\\r\\nUniqueid: 1");
    assert!(names[3].ends_with("%0d%0aAction: Logoff"), "{names:?}");
    stage.ends("strange_names", json!(truth)).await;
}

#[tokio::test]
async fn one_number_calls_twice_at_once() {
    let mut stage = Stage::set().await;
    let first = stage.calls(HOTLINE, "13500000010");
    stage.answers("1001").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1001-"]).await;
    let second = stage.calls(HOTLINE, "13500000010");
    stage.answers("1002").await;
    stage.tape.talk(&["PJSIP/trunk-", "PJSIP/1002-"]).await;
    sleep(A_TALK).await;
    first.hang_up();
    sleep(A_TALK).await;
    second.hang_up();
    let call = |by: &str| json!({ "caller": "13500000010", "to": "support", "result": "answered", "talked": [by], "ended_by": "caller" });
    stage.ends("one_number_twice", json!([call("1001"), call("1002")])).await;
}
