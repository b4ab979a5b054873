//! The lab: an Asterisk of its own and the phones around it. One at a time, of the version that
//! `RINGBACK_ASTERISK` names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};

use super::phone::Phone;

/// 22 or 16; `lab.sh` knows them.
static VERSION: LazyLock<String> =
    LazyLock::new(|| std::env::var("RINGBACK_ASTERISK").unwrap_or_else(|_| "22".to_owned()));

pub fn version() -> &'static str {
    &VERSION
}

/// Where the lab's Asterisk listens, as `etc/manager.conf` says.
pub fn manager() -> SocketAddr {
    place("127.0.0.1", "38")
}

/// A place of the lab's: each version has a hundred ports.
fn place(host: &str, port: &str) -> SocketAddr {
    format!("{host}:2{}{port}", version()).parse().expect("an address")
}

/// The numbers that `etc/extensions.conf` leads to the queues.
pub const HOTLINE: &str = "4008001234";
pub const COMPLAINTS: &str = "4008009999";
pub const SALES: &str = "4008002001";
pub const POOL: &str = "4008002002";
pub const KEYS: &str = "4008002003";
pub const SHUT: &str = "4008002004";
pub const TOLD: &str = "4008002005";
pub const FLOATING: &str = "4008002006";
pub const TIRED: &str = "4008002007";
/// To 1001 alone, and to all three phones at once.
pub const DIRECT: &str = "4008005678";
pub const GROUP: &str = "4008001111";

static ALONE: Mutex<()> = Mutex::const_new(());

pub struct Lab {
    /// The carrier's side: callers call from here, customers are called here.
    pub trunk: Phone,
    /// Extensions 1001 to 1003.
    pub agents: [Phone; 3],
    // Ended before the next test may begin.
    _asterisk: Asterisk,
    _alone: MutexGuard<'static, ()>,
}

/// Asterisk, which is none of our children: it ends with the test all the same.
struct Asterisk;

impl Drop for Asterisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new(script()).args([version(), "kill"]).status();
    }
}

impl Lab {
    /// A fresh Asterisk, with phones that answer after a blink.
    pub async fn start() -> Lab {
        let alone = ALONE.lock().await;
        lab("stop").await;
        let asterisk = Asterisk;
        lab("start").await;
        let pbx = place("127.0.0.1", "60");
        let phone = async |user: &str, host: &str, port: &str| Phone::start(user, place(host, port), pbx).await;
        Lab {
            trunk: phone("trunk", "127.0.0.2", "90").await,
            agents: [
                phone("1001", "127.0.0.1", "71").await,
                phone("1002", "127.0.0.1", "72").await,
                phone("1003", "127.0.0.1", "73").await,
            ],
            _asterisk: asterisk,
            _alone: alone,
        }
    }

    /// What Asterisk's console answers.
    pub async fn cli(&self, command: &str) -> String {
        lab_with(&["cli", command]).await
    }

    pub async fn crash(&self) {
        lab("kill").await;
    }

    pub async fn start_again(&self) {
        lab("start").await;
    }

    /// Both politely and at once.
    pub async fn restart(&self) {
        lab("stop").await;
        lab("start").await;
    }
}

/// Runs `lab.sh`; what it says.
async fn lab(verb: &str) -> String {
    lab_with(&[verb]).await
}

async fn lab_with(verb: &[&str]) -> String {
    let done = Command::new(script()).arg(version()).args(verb).stdin(Stdio::null()).output().await;
    let done = done.unwrap_or_else(|why| panic!("lab.sh: {why}"));
    let said = String::from_utf8_lossy(&done.stderr);
    let version = version();
    assert!(done.status.success(), "lab.sh {version} {verb:?}: {said}(tests/asterisk/lab.sh {version} install?)");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asterisk/lab.sh")
}
