//! A real Chromium without a screen, driven by a chromedriver of its own; both end with the test.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::prelude::*;
use thirtyfour::{LoggingPrefsLogLevel, RequestData, SessionId};

use crate::house::{password_of, until};

/// What Chromium needs to run as root, with nothing but the test's pages to talk to.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--accept-lang=zh-CN",
    "--window-size=1366,768",
];

pub struct Browser {
    web: WebDriver,
    driver: Child,
    port: u16,
    _profile: TempDir,
}

impl Deref for Browser {
    type Target = WebDriver;
    fn deref(&self) -> &WebDriver {
        &self.web
    }
}

impl Browser {
    /// A browser that nobody has used yet.
    ///
    /// A machine without Chromium fails the test: a suite that cannot run has proved nothing.
    pub async fn open() -> Browser {
        // Two providers are linked in, so that rustls cannot choose by itself; it is installed once.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: install the packages chromium and chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver says its port").expect("chromedriver says its port");
            if let Some(port) = line.split("successfully on port ").nth(1) {
                break port.trim_end_matches('.').parse().expect("a port");
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let mut wishes = DesiredCapabilities::chrome();
        for flag in FLAGS {
            wishes.add_arg(flag).expect("a flag");
        }
        wishes.add_arg(&format!("--user-data-dir={}", profile.path().display())).expect("a flag");
        wishes.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a wish");
        let web = WebDriver::new(format!("http://127.0.0.1:{port}"), wishes).await.expect("a Chromium");
        // It is ended by Drop below, which also works when a test panics outside of any runtime.
        web.clone().leak().expect("a new session");
        Browser { web, driver, port, _profile: profile }
    }

    /// Goes to the sign-in and through it.
    pub async fn sign_in(&self, url: &str, login: &str) {
        self.goto(format!("{url}/sign-in")).await.expect("the sign-in page");
        self.give(login, &password_of(login)).await;
        self.see(".appbar .me", "").await;
    }

    /// Fills the sign-in form and sends it.
    pub async fn give(&self, login: &str, password: &str) {
        for (field, text) in [("#user", login), ("#pass", password)] {
            self.write(field, text).await;
        }
        self.tap("form.form .btn.main").await;
    }

    /// What a script returns; `arguments[0]…` are `values`.
    pub async fn js(&self, script: &str, values: &[Value]) -> Value {
        self.execute(script, values.to_vec()).await.unwrap_or_else(|e| panic!("{script}: {e}")).json().clone()
    }

    /// The text of the first element, as a reader sees it; none when it is not there.
    pub async fn text_of(&self, css: &str) -> Option<String> {
        let script = "const el = document.querySelector(arguments[0]); return el ? el.innerText : null";
        self.js(script, &[json!(css)]).await.as_str().map(str::to_owned)
    }

    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null";
        self.js(script, &[json!(css), json!(name)]).await.as_str().map(str::to_owned)
    }

    pub async fn value_of(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.value ?? null";
        self.js(script, &[json!(css)]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until what is typed there is this, as once a script has put it back.
    pub async fn holds(&self, css: &str, typed: &str) {
        until(&format!("{css} holds {typed:?}"), async || match self.value_of(css).await {
            value if value == typed => Ok(()),
            other => Err(other),
        })
        .await;
    }

    pub async fn count(&self, css: &str) -> u64 {
        let script = "return document.querySelectorAll(arguments[0]).length";
        self.js(script, &[json!(css)]).await.as_u64().unwrap_or_default()
    }

    /// Waits until the first element shows this text; the whole of what it shows.
    pub async fn see(&self, css: &str, text: &str) -> String {
        until(&format!("{css} shows {text:?}"), async || match self.text_of(css).await {
            Some(shown) if shown.contains(text) => Ok(shown),
            Some(shown) => Err(shown),
            None => {
                Err(format!("{} has no such element", self.current_url().await.map(String::from).unwrap_or_default()))
            }
        })
        .await
    }

    /// Waits until there are so many such elements.
    pub async fn see_count(&self, css: &str, count: u64) {
        until(&format!("{count} {css}"), async || match self.count(css).await {
            found if found == count => Ok(()),
            found => Err(format!("{found} of them")),
        })
        .await;
    }

    /// Waits until a script's answer is true.
    pub async fn see_that(&self, script: &str) {
        until(script, async || match self.js(script, &[]).await {
            Value::Bool(true) => Ok(()),
            other => Err(other.to_string()),
        })
        .await;
    }

    /// Clicks it, as a hand would: it must be there to be hit.
    pub async fn tap(&self, css: &str) {
        until(&format!("a click on {css}"), async || {
            let found = self.find(By::Css(css)).await.map_err(|e| e.to_string())?;
            // The driver takes what lies under the status line for in sight.
            let scroll = "document.querySelector(arguments[0])?.scrollIntoView({ block: 'nearest' })";
            self.js(scroll, &[json!(css)]).await;
            found.click().await.map_err(|e| e.to_string())
        })
        .await;
    }

    /// Lists under a hand hold still: neither pointer nor focus stays in one.
    pub async fn take_the_hand_away(&self) {
        let brand = self.find(By::Css(".brand")).await.expect("the bar");
        self.action_chain().move_to_element_center(&brand).perform().await.expect("a hand");
        self.js("document.activeElement?.blur()", &[]).await;
    }

    /// Types into a field, key by key.
    pub async fn write(&self, css: &str, text: &str) {
        until(&format!("typing into {css}"), async || {
            let found = self.find(By::Css(css)).await.map_err(|e| e.to_string())?;
            found.send_keys(text).await.map_err(|e| e.to_string())
        })
        .await;
    }

    /// One key, wherever the focus is.
    pub async fn press(&self, key: Key) {
        self.action_chain().send_keys(key + "").perform().await.expect("a key");
    }

    /// One key with another held down.
    pub async fn chord(&self, held: Key, key: impl Into<char>) {
        let keys = self.action_chain().key_down(held.clone()).send_keys(key.into().to_string()).key_up(held);
        keys.perform().await.expect("keys");
    }

    /// How wide and high the page is, whatever the window.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.cmd(DevTools("Emulation.setDeviceMetricsOverride", metrics)).await.expect("other measures");
    }

    /// A picture of the page as it is, for people to look at.
    pub async fn shoot(&self, name: &str) {
        self.screenshot(&shots().join(format!("{name}.png"))).await.expect("a picture");
    }

    /// What it printed, beside the pictures.
    pub fn keep(&self, name: &str, bytes: &[u8]) {
        std::fs::write(shots().join(name), bytes).expect("a file");
    }

    /// What the console said that it should not have: errors, and breaches of the policy. Refused
    /// requests are listed by Chromium too; which may happen is each test's own affair.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.browser_log().await.expect("the console");
        let of_ours = |message: &str| !message.contains("Failed to load resource") && !message.contains("net::ERR_");
        log.into_iter().filter(|e| e.level == "SEVERE" && of_ours(&e.message)).map(|e| e.message).collect()
    }

    pub async fn is_content(&self) {
        assert_eq!(self.complaints().await, Vec::<String>::new());
    }
}

fn shots() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/browser-shots");
    std::fs::create_dir_all(&dir).expect("a directory for pictures");
    dir
}

impl Drop for Browser {
    fn drop(&mut self) {
        let end = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            self.web.session_id()
        );
        if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = socket.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = socket.write_all(end.as_bytes());
            // Its answer comes when Chromium has ended.
            let _ = socket.read(&mut [0; 512]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A command of the DevTools protocol.
struct DevTools(&'static str, Value);

impl fmt::Debug for DevTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FormatRequestData for DevTools {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let body = json!({ "cmd": self.0, "params": self.1 });
        RequestData::new(reqwest::Method::POST, format!("/session/{session}/goog/cdp/execute")).add_body(body)
    }
}

/// How long a test waits to see that nothing happens.
pub const A_WHILE: Duration = Duration::from_millis(600);
