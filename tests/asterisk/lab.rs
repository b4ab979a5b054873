//! The lab: an Asterisk of its own and the phones around it. One at a time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};

use super::phone::Phone;

/// Where the lab's Asterisk listens, as `etc/manager.conf` and `etc/pjsip.conf` say.
pub const MANAGER: &str = "127.0.0.1:25038";
const SIP: &str = "127.0.0.1:25060";

/// The numbers that `etc/extensions.conf` leads to the queues.
pub const HOTLINE: &str = "4008001234";
pub const COMPLAINTS: &str = "4008009999";

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
        let _ = std::process::Command::new(script()).arg("kill").status();
    }
}

impl Lab {
    /// A fresh Asterisk, with phones that answer after a blink.
    pub async fn start() -> Lab {
        let alone = ALONE.lock().await;
        lab("stop").await;
        let asterisk = Asterisk;
        lab("start").await;
        let pbx: SocketAddr = SIP.parse().expect("an address");
        let phone =
            async |user: &str, address: &str| Phone::start(user, address.parse().expect("an address"), pbx).await;
        Lab {
            trunk: phone("trunk", "127.0.0.2:25090").await,
            agents: [
                phone("1001", "127.0.0.1:25071").await,
                phone("1002", "127.0.0.1:25072").await,
                phone("1003", "127.0.0.1:25073").await,
            ],
            _asterisk: asterisk,
            _alone: alone,
        }
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

async fn lab(verb: &str) {
    let done = Command::new(script()).arg(verb).stdin(Stdio::null()).output().await;
    let done = done.unwrap_or_else(|why| panic!("lab.sh: {why}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "lab.sh {verb}: {said}(is it installed? tests/asterisk/lab.sh install)");
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asterisk/lab.sh")
}
