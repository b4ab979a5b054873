//! The real binary, in a directory of its own, on ports of its own; ended when dropped.

#[cfg(any(feature = "asterisk", feature = "faketime"))]
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode, header, redirect};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// How long a start or an expected change may take before a test fails. Never slept through:
/// only waited for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with a configuration, before and between starts.
pub struct House {
    dir: TempDir,
}

/// A daemon that runs.
pub struct Running {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// What it has printed before it listened.
    pub said: Vec<String>,
}

pub fn ringback() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.env_remove("RINGBACK_LOG").stdin(Stdio::null());
    command
}

impl House {
    /// A house whose web address is any free port, and whatever else `config` says.
    pub fn new(config: &str) -> House {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let house = House { dir };
        house.configure(config);
        house
    }

    pub fn configure(&self, config: &str) {
        let text = format!("{config}\n[web]\nlisten = \"127.0.0.1:0\"\n");
        std::fs::write(self.config(), text).expect("write the configuration");
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("ringback.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("ringback-data")
    }

    /// The files that it has kept, when nobody is in.
    #[cfg(feature = "asterisk")]
    pub fn kept(&self) -> Vec<(OsString, Vec<u8>)> {
        let files = std::fs::read_dir(self.data()).expect("its store").map(|file| file.expect("a file"));
        let files = files.filter(|file| file.path().is_file());
        files.map(|file| (file.file_name(), std::fs::read(file.path()).expect("a file's bytes"))).collect()
    }

    /// Puts in what another house has kept.
    #[cfg(feature = "asterisk")]
    pub fn furnish(&self, files: &[(OsString, Vec<u8>)]) {
        std::fs::create_dir_all(self.data()).expect("a place for the store");
        for (name, bytes) in files {
            std::fs::write(self.data().join(name), bytes).expect("a copy of the store");
        }
    }

    /// The store, to look at while the daemon writes it.
    pub fn database(&self) -> Connection {
        let file = self.data().join("ringback.sqlite");
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store")
    }

    /// Adds somebody who can sign in with the password `password-of-LOGIN`.
    pub fn person(&self, login: &str, role: &str, extension: Option<&str>) {
        let mut command = ringback();
        command.args(["user", "add", login, "--name", login, "--role", role, "--password-stdin", "--config"]);
        command.arg(self.config());
        if let Some(extension) = extension {
            command.args(["--extension", extension]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ringback user add");
        let mut stdin = child.stdin.take().expect("its input");
        writeln!(stdin, "{}", password_of(login)).expect("give the password");
        drop(stdin);
        assert!(child.wait().expect("ringback user add").success(), "user add {login} failed");
    }

    pub fn serve(&self) -> Running {
        self.start(ringback().arg("serve"))
    }

    /// Serves by another clock than the machine's, as those variables say.
    #[cfg(feature = "faketime")]
    pub fn serve_by(&self, clock: impl IntoIterator<Item = (&'static str, OsString)>) -> Running {
        self.start(ringback().envs(clock).arg("serve"))
    }

    /// Runs `serve` to its end, for starts that should be refused.
    pub fn serve_to_its_end(&self) -> Output {
        ringback().args(["serve", "--config"]).arg(self.config()).output().expect("ringback serve")
    }

    fn start(&self, command: &mut Command) -> Running {
        let mut child =
            command.arg("--config").arg(self.config()).stdout(Stdio::piped()).spawn().expect("ringback serve");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut said = Vec::new();
        let url = loop {
            let Some(Ok(line)) = lines.next() else {
                let status = child.wait();
                panic!("ringback ended before it listened ({status:?}): {said:#?}");
            };
            if let Some(at) = line.find("http://127.0.0.1:") {
                break line[at..].trim_end_matches(['/', ' ']).to_owned();
            }
            said.push(line);
        };
        // Drained to its end, so that the daemon never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Running { child, url, said }
    }
}

pub fn password_of(login: &str) -> String {
    format!("password-of-{login}")
}

/// A browser in which somebody of [`House::person`] has signed in.
pub async fn sign_in(url: &str, login: &str) -> Client {
    let door = Client::builder().redirect(redirect::Policy::none()).build().expect("a client");
    let form = format!("user={login}&pass={}", password_of(login));
    let request = door.post(format!("{url}/sign-in")).body(form);
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = request.send().await.expect("the sign-in page");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "signing in as {login}");
    let cookies = answer.headers().get_all(header::SET_COOKIE);
    let pairs: Vec<_> = cookies.iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
    let cookie = pairs.join("; ").parse().expect("cookies");
    let headers = [(header::COOKIE, cookie)].into_iter().collect();
    Client::builder().redirect(redirect::Policy::none()).default_headers(headers).build().expect("a client")
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: nothing is drained, nothing said.
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// A polite stop; whether it ended well, and in time.
    pub fn stop(mut self) -> bool {
        let _ = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ringback simulate`: an Asterisk that is not there, on a port of its own.
pub struct Simulated {
    child: Child,
    pub port: u16,
}

impl Simulated {
    pub fn start(calls_per_second: f64) -> Simulated {
        let mut child = ringback()
            .args(["simulate", "--listen", "127.0.0.1:0", "--calls-per-second", &calls_per_second.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ringback simulate");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("what it says");
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(';').next()?.trim().parse().ok());
        Simulated { child, port: port.unwrap_or_else(|| panic!("no port in {line:?}")) }
    }

    /// The lines of a configuration that lead to it.
    pub fn config(&self, name: &str) -> String {
        let port = self.port;
        format!(
            "[[pbx]]\nname = \"{name}\"\nkind = \"asterisk\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             username = \"ringback\"\nsecret = \"ringback\"\n"
        )
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until it is so, at most [`PATIENCE`]; the last answer is in the failure.
pub async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let begun = tokio::time::Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(so_far) if begun.elapsed() > PATIENCE => panic!("{what}: not within {PATIENCE:?}; last: {so_far}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
