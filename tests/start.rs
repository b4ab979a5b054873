//! Starting and stopping, and what is said when it cannot.

use std::os::unix::fs::PermissionsExt;

use crate::house::{House, ringback};

#[test]
fn a_wrong_configuration_is_told_with_its_place() {
    let house = House::new("");
    std::fs::write(house.config(), "[web]\nlisten = \"here\"\n").unwrap();
    let ended = house.serve_to_its_end();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(78), "{told}");
    assert!(told.contains("ringback.toml:2:10"), "{told}");
}

#[test]
fn the_first_admin_is_told_once_and_the_files_are_private() {
    let house = House::new("");
    let first = house.serve();
    assert!(first.said.iter().any(|line| line.contains("admin") && line.contains("password")), "{:?}", first.said);
    for entry in std::fs::read_dir(house.data()).unwrap() {
        let file = entry.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?} is open to others", file.path());
    }
    assert!(first.stop(), "stops by itself");
    let second = house.serve();
    assert!(!second.said.iter().any(|line| line.contains("password")), "{:?}", second.said);
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused() {
    let house = House::new("");
    let first = house.serve();
    let second = house.serve_to_its_end();
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(told.contains(&first.pid().to_string()) && told.contains("ringback-data"), "{told}");
}

#[test]
fn replay_prints_calls_and_nothing_else() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/asterisk-22/abandoned_in_queue.ami");
    let ended = ringback().args(["replay", "--json", file]).output().unwrap();
    let lines: Vec<serde_json::Value> =
        String::from_utf8(ended.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["outcome"], "abandoned");
    assert_eq!(lines[0]["caller"], "01062345678");
    assert_eq!(lines[0]["number"], "+861062345678");
}
