//! A lab, a daemon that watches it, and everybody signed in.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, manager};
use super::visitor::Visitor;
use crate::house::{House, Running};

/// Who sits at extensions 1001 to 1003, in order.
const AGENTS: [&str; 3] = ["anna", "bo", "cai"];

pub struct Scene {
    pub lab: Lab,
    pub agents: [Visitor; 3],
    pub supervisor: Visitor,
    pub admin: Visitor,
    _running: Running,
    pub house: House,
}

impl Scene {
    pub async fn set() -> Scene {
        Scene::set_at(manager()).await
    }

    /// The daemon reaches the manager port at `address`.
    pub async fn set_at(address: SocketAddr) -> Scene {
        Scene::set_as("ringback", address, "").await
    }

    /// The daemon signs in as that user of the manager port, and looks at it often.
    pub async fn set_looking(username: &str) -> Scene {
        Scene::set_as(username, manager(), "look_seconds = 5\n").await
    }

    /// The daemon signs in as that user of the manager port.
    pub async fn set_signed_in(username: &str) -> Scene {
        Scene::set_as(username, manager(), "").await
    }

    async fn set_as(username: &str, address: SocketAddr, more: &str) -> Scene {
        let lab = Lab::start().await;
        let house = House::new(&format!(
            "[[pbx]]\nname = \"lab\"\nkind = \"asterisk\"\nhost = \"127.0.0.1\"\nport = {}\nusername = \"{username}\"\n\
             secret = \"lab-secret\"\ntrunks = [\"PJSIP/trunk\"]\nregion = \"CN\"\n{more}\n[pbx.originate]\n\
             context = \"from-agents\"\ncaller_id = \"4008001234\"\n\n\
             [pbx.wrap_up]\nqueues = {{ tired = 4 }}\n",
            address.port()
        ));
        house.furnish(&STAFF);
        let running = house.serve();
        let sign_in = async |login: &str| Visitor::sign_in(&running.url, login).await;
        let scene = Scene {
            agents: [sign_in(AGENTS[0]).await, sign_in(AGENTS[1]).await, sign_in(AGENTS[2]).await],
            supervisor: sign_in("sun").await,
            admin: sign_in("root").await,
            lab,
            _running: running,
            house,
        };
        scene.link_is("up").await;
        scene
    }

    pub async fn link_is(&self, state: &str) {
        let is = |links: &Value| (links[0]["state"] == state).then_some(());
        self.admin.get_until("links", is).await;
    }

    /// The ticket of whoever called from `number`, once `fits`.
    pub async fn ticket(&self, number: &str, fits: impl Fn(&Value) -> bool) -> Value {
        // The end of a number is the same however it was dialled.
        let path = format!("tickets?which=all&text={}", &number[number.len() - 8..]);
        let named = self.supervisor.get_until(&path, |rows| rows[0]["number"].as_str().map(str::to_owned)).await;
        self.supervisor.get_until(&format!("tickets/{named}"), |ticket| fits(ticket).then(|| ticket.clone())).await
    }

    /// What is owed to whoever called from `number`.
    pub async fn owed(&self, number: &str) -> Value {
        let ticket = self.ticket(number, |ticket| callback(ticket).is_object()).await;
        callback(&ticket).clone()
    }

    pub async fn board_says(&self, extension: &str, state: &str) {
        let says = |board: &Value| {
            let agent = board["agents"].as_array()?.iter().find(|agent| agent["extension"] == extension)?;
            (agent["state"] == state).then_some(())
        };
        self.supervisor.get_until("board", says).await;
    }

    /// So many members of a queue are there and not paused in it.
    pub async fn on_duty(&self, queue: &str, members: u32) {
        let says = |board: &Value| {
            let queue = board["queues"].as_array()?.iter().find(|one| one["queue"] == queue)?;
            (queue["on_duty"] == members).then_some(())
        };
        self.supervisor.get_until("board", says).await;
    }
}

/// The callback that is, or was, owed on a ticket; null where none is. Its solution is owed beside.
pub fn callback(ticket: &Value) -> &Value {
    let owed = ticket["obligations"].as_array();
    owed.and_then(|owed| owed.iter().find(|one| one["kind"] == "missed_call")).unwrap_or(&Value::Null)
}

/// The callbacks among somebody's duties.
pub fn callbacks(duties: &Value) -> Vec<&Value> {
    duties.as_array().into_iter().flatten().filter(|one| one["kind"] == "missed_call").collect()
}

/// What a house keeps with everybody in it. Made once: each password takes its time.
static STAFF: LazyLock<Vec<(OsString, Vec<u8>)>> = LazyLock::new(|| {
    let house = House::new("");
    for (login, extension) in AGENTS.iter().zip(["lab/1001", "lab/1002", "lab/1003"]) {
        house.person(login, "agent", Some(extension));
    }
    house.person("sun", "supervisor", None);
    house.person("root", "admin", None);
    house.kept()
});

/// As long as a callback must last to count, and a little more.
pub const LONG_ENOUGH: Duration = Duration::from_millis(10_500);
