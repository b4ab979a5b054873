//! Every recording of a real PBX against the truth, which was taken from the phones' side.

mod asterisk;
mod driver;
mod freeswitch;
mod looks;

use serde_json::Value;

use super::*;
use driver::recordings;

fn json_of(calls: &[Call]) -> Vec<Value> {
    calls.iter().map(|call| serde_json::to_value(to_json(call)).expect("JSON")).collect()
}

/// Where a call is not what the truth says.
fn differences(truth: &Value, call: &Value) -> Vec<String> {
    let ms = |name: &str| call[name].as_i64().unwrap_or(-1);
    let near = |name: &str, seconds: &Value| (ms(name) - seconds.as_i64().unwrap_or(0) * 1000).abs() <= 1000;
    let transfer = &call["transfers"][0];
    let truth = truth.as_object().expect("an object");
    let agrees = |(key, value): (&String, &Value)| match key.as_str() {
        "caller" | "to" | "agent" | "direction" | "ended_by" => &call[key] == value,
        "result" => &call["outcome"] == value,
        "by" => value.as_str().is_some_and(|names| names.split('|').any(|name| call["agent"] == name)),
        "transferred_to" => &transfer["to"] == value && transfer["completed"] == true,
        "transfer" => &transfer["kind"] == value,
        "talk_s" => near("talk_ms", value),
        "held_s" => near("hold_ms", value),
        "wait_s" => near("waited_ms", value),
        "waited_at_least_s" => ms("waited_ms") >= value.as_i64().unwrap_or(0) * 1000,
        "rung_unanswered_at_least" => {
            let offers = call["offers"].as_array().expect("offers");
            let unanswered = offers.iter().filter(|offer| offer["outcome"] == "no_answer").count();
            unanswered as i64 >= value.as_i64().unwrap_or(0)
        }
        "originated" => call["direction"] == "outbound",
        other => panic!("the truth knows a word that this test does not: {other}"),
    };
    let wrong = truth.iter().filter(|(key, value)| !agrees((key, value)));
    wrong.map(|(key, value)| format!("{key} should be {value}")).collect()
}

#[test]
fn every_recording_agrees_with_the_phones() {
    for file in [recordings("asterisk-22", "ami"), recordings("freeswitch-1.10", "esl")].concat() {
        let truth = std::fs::read_to_string(file.with_extension("truth.json")).expect("truth");
        let truth: Vec<Value> = serde_json::from_str(&truth).expect("a list");
        let calls = json_of(&calls(&file).expect("calls"));
        assert_eq!(calls.len(), truth.len(), "{}: {calls:#?}", file.display());
        let was_whole = !file.to_string_lossy().contains("connects_mid_call");
        for (truth, call) in truth.iter().zip(&calls) {
            let wrong = differences(truth, call);
            assert!(wrong.is_empty(), "{}: {wrong:?} in {call:#}", file.display());
            assert_eq!(call["certain"], was_whole, "{}", file.display());
        }
    }
}
