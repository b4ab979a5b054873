//! What the phones know of a call, against what Ringback makes of it.
//!
//! A truth is an object whose words are these, each left out where the phones cannot know it:
//! `caller` (null when withheld), `to`, `direction`, `agent`, `result`, `by` (who talked first, or
//! some who may have, `|` between), `talked` (who talked, in order), `rang` (what became of each
//! ringing of each phone), `transfers` (kind, by whom, to whom, whether they got there) or, of the
//! only one, `transfer` and `transferred_to`, `ended_by`, and whole seconds in `talk_s`, `held_s`,
//! `wait_s`, `waited_at_least_s`.

use serde_json::{Value, json};

/// Where a call, as `ringback replay --json` tells it, is not what the truth says.
pub fn differences(truth: &Value, call: &Value) -> Vec<String> {
    let ms = |name: &str| call[name].as_i64().unwrap_or(-1);
    let near = |name: &str, seconds: &Value| (ms(name) - seconds.as_i64().unwrap_or(0) * 1000).abs() <= 1000;
    let transfer = &call["transfers"][0];
    let truth = truth.as_object().expect("an object");
    let agrees = |(key, value): (&String, &Value)| match key.as_str() {
        "caller" | "to" | "agent" | "direction" | "ended_by" => &call[key] == value,
        "result" => &call["outcome"] == value,
        "by" => value.as_str().is_some_and(|names| names.split('|').any(|name| call["agent"] == name)),
        "talked" => &talked(call) == value,
        "rang" => &rang(call) == value,
        "transfers" => &transfers(call) == value,
        "transferred_to" => &transfer["to"] == value && transfer["completed"] == true,
        "transfer" => &transfer["kind"] == value,
        "talk_s" => near("talk_ms", value),
        "held_s" => near("hold_ms", value),
        "wait_s" => near("waited_ms", value),
        "waited_at_least_s" => ms("waited_ms") >= value.as_i64().unwrap_or(0) * 1000,
        "rung_unanswered_at_least" => {
            let unanswered = list(call, "offers").filter(|offer| offer["outcome"] == "no_answer").count();
            unanswered as i64 >= value.as_i64().unwrap_or(0)
        }
        "originated" => call["direction"] == "outbound",
        other => panic!("the truth knows a word that this test does not: {other}"),
    };
    let wrong = truth.iter().filter(|(key, value)| !agrees((key, value)));
    wrong.map(|(key, value)| format!("{key} should be {value}")).collect()
}

fn list<'a>(call: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    call[name].as_array().into_iter().flatten()
}

/// Who talked, in order; who talks on after a while on hold or in another bridge is named once.
fn talked(call: &Value) -> Value {
    let mut agents: Vec<&Value> = list(call, "segments").map(|segment| &segment["agent"]).collect();
    agents.dedup();
    json!(agents)
}

/// What became of each ringing, by agent.
fn rang(call: &Value) -> Value {
    let mut rang = json!({});
    for offer in list(call, "offers") {
        let outcomes = &mut rang[offer["agent"].as_str().unwrap_or_default()];
        match outcomes.as_array_mut() {
            Some(outcomes) => outcomes.push(offer["outcome"].clone()),
            None => *outcomes = json!([offer["outcome"]]),
        }
    }
    rang
}

fn transfers(call: &Value) -> Value {
    let told = |t: &Value| json!([t["kind"], t["from"], t["to"], t["completed"]]);
    list(call, "transfers").map(told).collect()
}
