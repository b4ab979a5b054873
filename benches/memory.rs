//! What the real binary holds in memory: idle, and with 10,000 calls up.

mod asterisk;
mod told;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use asterisk::{Asterisk, waits};
use rusqlite::{Connection, OpenFlags};
use told::tell;

const CALLS: usize = 10_000;

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("ringback.toml");
    std::fs::write(&config, "[web]\nlisten = \"127.0.0.1:0\"\n").expect("a configuration");
    let idle = Running::serve(&config);
    let idle_mb = idle.resident_mb();
    tell("idle", idle_mb, "MB", "≤ 40", idle_mb <= 40.0);
    drop(idle);

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (pbx, address) = Asterisk::listen().await;
        let text = format!(
            "[web]\nlisten = \"127.0.0.1:0\"\n[[pbx]]\nname = \"bench\"\nkind = \"asterisk\"\nhost = \"127.0.0.1\"\n\
             port = {}\nusername = \"ringback\"\nsecret = \"ringback\"\n",
            address.port()
        );
        std::fs::write(&config, text).expect("a configuration");
        let busy = Running::serve(&config);
        let mut pbx = pbx.met().await;
        for call in 0..CALLS {
            pbx.say(&waits(call, &format!("138{call:08}"))).await;
        }
        let store = dir.path().join("ringback-data/ringback.sqlite");
        while kept(&store) < CALLS as i64 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let busy_mb = busy.resident_mb();
        tell("10,000 calls up", busy_mb, "MB", "≤ 200", busy_mb <= 200.0);
    });
}

fn kept(store: &Path) -> i64 {
    let db = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store");
    db.query_row("SELECT count(*) FROM calls WHERE ended_at_ms IS NULL", [], |row| row.get(0)).expect("a count")
}

struct Running(Child);

impl Running {
    /// Serves, and has said where.
    fn serve(config: &Path) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ringback"))
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ringback serve");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        lines
            .find(|line| line.as_ref().is_ok_and(|line| line.contains("http://")))
            .expect("an address")
            .expect("a line");
        Running(child)
    }

    fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        let kb: f64 = line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number");
        kb / 1024.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
