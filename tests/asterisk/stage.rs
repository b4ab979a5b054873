//! A scene that is recorded, and in the end judged by what the phones know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::lab;
use super::phone::Line;
use super::scene::Scene;
use super::tape::Tape;
use super::visitor::Stream;
use crate::house::{ringback, until};
use crate::truth::differences;

/// As long as people talk here: enough to be told from an instant.
pub const A_TALK: Duration = Duration::from_millis(1200);

const AGENTS: [&str; 3] = ["1001", "1002", "1003"];

pub struct Stage {
    pub scene: Scene,
    pub tape: Tape,
    /// What each agent sees.
    desks: [Stream; 3],
}

impl Stage {
    pub async fn set() -> Stage {
        let scene = Scene::set().await;
        let tape = Tape::start().await;
        let desks = [scene.agents[0].desk().await, scene.agents[1].desk().await, scene.agents[2].desk().await];
        Stage { scene, tape, desks }
    }

    pub fn calls(&self, number: &str, from: &str) -> Line {
        self.scene.lab.trunk.call(number, from, None)
    }

    /// The next call that the phone of `1001` to `1003` gets.
    pub async fn rung(&mut self, agent: &str) -> Line {
        self.phone(agent).rung().await
    }

    pub fn phone(&mut self, agent: &str) -> &mut super::phone::Phone {
        let index = AGENTS.iter().position(|one| *one == agent).unwrap_or_else(|| panic!("no agent {agent}"));
        &mut self.scene.lab.agents[index]
    }

    /// The next call that the phone gets, once it is answered.
    pub async fn answers(&mut self, agent: &str) -> Line {
        let line = self.rung(agent).await;
        line.up().await;
        line
    }

    /// Everybody has hung up: keeps the recording as `NAME` where `RINGBACK_RECORD` names a folder,
    /// and compares what the phones know, an object a call in order of their starts, with what is
    /// made of the recording, and that with what the daemon saw live.
    pub async fn ends(mut self, name: &str, truth: Value) {
        self.tape.ends().await;
        let kept = Kept::new();
        self.tape.keep(&kept.folder, name, &truth);
        let truth = truth.as_array().expect("a list of calls");
        let replayed = replay(&kept.folder.join(format!("{name}.ami")));
        assert_eq!(replayed.len(), truth.len(), "{name}: {replayed:#?}");
        for (truth, call) in truth.iter().zip(&replayed) {
            let wrong = differences(truth, call);
            assert!(wrong.is_empty(), "{name}: {wrong:?} in {call:#}");
            assert_eq!(call["certain"], true, "{name}");
            self.showed(call).await;
        }
        let replayed: Vec<Value> = replayed.iter().map(told).collect();
        let ask = async || {
            let live = self.live();
            if live == replayed { Ok(()) } else { Err(format!("live {live:#?}\nreplayed {replayed:#?}")) }
        };
        until("the daemon's own calls", ask).await;
    }

    /// Who talked saw it on the desk, and so did whose phone rang.
    async fn showed(&mut self, call: &Value) {
        if call["direction"] != "inbound" {
            return;
        }
        let agents = |what: &str| call[what].as_array().into_iter().flatten().filter_map(|part| part["agent"].as_str());
        let talked: Vec<&str> = agents("segments").collect();
        // Who picks up somebody else's call talks without having been rung.
        let rang = agents("offers").filter(|agent| !talked.contains(agent)).map(|agent| (agent, "ringing"));
        for (agent, state) in talked.iter().map(|agent| (*agent, "talking")).chain(rang) {
            if let Some(index) = AGENTS.iter().position(|one| *one == agent) {
                self.desks[index].pops(state, "").await;
            }
        }
    }

    /// The calls that the daemon has seen the end of, as [`told`] tells them.
    fn live(&self) -> Vec<Value> {
        let database = self.scene.house.database();
        let asked = "SELECT direction, caller, reached, agent, outcome, ended_by, certain, ticket IS NOT NULL, \
             (SELECT count(*) FROM obligations WHERE obligations.call = calls.id) FROM calls \
             WHERE merged_into IS NULL AND ended_at_ms IS NOT NULL ORDER BY started_at_ms, id";
        let mut rows = database.prepare(asked).expect("a question");
        let text = |row: &rusqlite::Row, at: usize| row.get::<_, Option<String>>(at);
        let call = |row: &rusqlite::Row| {
            Ok(json!({
                "direction": text(row, 0)?, "caller": text(row, 1)?, "to": text(row, 2)?, "agent": text(row, 3)?,
                "outcome": text(row, 4)?, "ended_by": text(row, 5)?, "certain": row.get::<_, bool>(6)?,
                "has_ticket": row.get::<_, bool>(7)?, "owed": row.get::<_, i64>(8)?,
            }))
        };
        let calls = rows.query_map([], call).expect("the calls");
        calls.map(|call| call.expect("a call")).collect()
    }
}

/// What is kept of a call: every caller from outside has a ticket, nobody else here; a callback is
/// owed to whom nobody served, once.
fn told(call: &Value) -> Value {
    let is_inbound = call["direction"] == "inbound";
    let unserved = ["abandoned", "timed_out", "missed"].contains(&call["outcome"].as_str().unwrap_or(""));
    let owed = i64::from(is_inbound && unserved && call["number"].is_string());
    json!({
        "direction": call["direction"], "caller": call["caller"], "to": call["to"], "agent": call["agent"],
        "outcome": call["outcome"], "ended_by": call["ended_by"], "certain": call["certain"],
        "has_ticket": is_inbound, "owed": owed,
    })
}

/// The calls in a recording, as `ringback replay` tells them.
fn replay(recording: &Path) -> Vec<Value> {
    let done = ringback().args(["replay", "--json"]).arg(recording).output().expect("ringback replay");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = String::from_utf8(done.stdout).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("a call a line")).collect()
}

/// Where recordings go: to be kept, or only to be judged.
struct Kept {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Kept {
    fn new() -> Kept {
        match std::env::var_os("RINGBACK_RECORD") {
            Some(folder) => {
                let folder = PathBuf::from(folder).join(format!("asterisk-{}", lab::version()));
                std::fs::create_dir_all(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
                Kept { folder, _temporary: None }
            }
            None => {
                let folder = tempfile::tempdir().expect("a folder");
                Kept { folder: folder.path().to_owned(), _temporary: Some(folder) }
            }
        }
    }
}
