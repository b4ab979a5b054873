//! Every recording of a real PBX against the truth, which was taken from the phones' side.

mod asterisk;
mod captured;
mod driver;
mod freeswitch;
mod looks;
mod reconnects;
#[path = "../../../tests/truth.rs"]
mod truth;

use serde_json::Value;

use super::*;
use driver::recordings;
use truth::differences;

fn json_of(calls: &[Call]) -> Vec<Value> {
    calls.iter().map(|call| serde_json::to_value(to_json(call)).expect("JSON")).collect()
}

#[test]
fn every_recording_agrees_with_the_phones() {
    let asterisks = [recordings("asterisk-22", "ami"), recordings("asterisk-16", "ami")].concat();
    let mut wrong = Vec::new();
    for file in [asterisks, recordings("freeswitch-1.10", "esl")].concat() {
        let truth = std::fs::read_to_string(file.with_extension("truth.json")).expect("truth");
        let truth: Vec<Value> = serde_json::from_str(&truth).expect("a list");
        let calls = json_of(&calls(&file).expect("calls"));
        assert_eq!(calls.len(), truth.len(), "{}: {calls:#?}", file.display());
        let was_whole = !file.to_string_lossy().contains("connects_mid_call");
        for (truth, call) in truth.iter().zip(&calls) {
            assert_eq!(call["certain"], was_whole, "{}", file.display());
            let differences = differences(truth, call);
            wrong.extend((!differences.is_empty()).then(|| format!("{}: {differences:?} in {call:#}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
