//! The binary: command line, configuration, logs; start, serve, drain. What is asked is done by
//! the libraries.

mod customers;
mod draws;
mod evidence;
mod policy;
mod rehearsal;
mod verify;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use clap::{Parser, Subcommand};
use daemon::check::FindingState;
use daemon::config::{Address, Config, ConfigError, Pbx, Tls};
use daemon::desk::command::{Command, Done, Refusal};
use daemon::send::Manner;
use daemon::simulator::{Server, Simulation};
use daemon::store::Store;
use daemon::{Daemon, Extension, PbxName, Role, demo};
use protocol::native::client::Identity;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

/// Exit code of sysexits.h for a wrong configuration; systemd can be told not to retry on it.
const EX_CONFIG: u8 = 78;

/// Browsers and the store get this long to finish after a stop was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// The shortest password that is taken.
const PASSWORD_MIN: usize = 10;

/// Bytes that `send` has told and not seen acknowledged: some windows of the daemon.
const KEEP: usize = 8 * 1024 * 1024;

/// The demo's people are nobody, and it listens on this machine alone.
const DEMO_PASSWORD: &str = "ringback-demo";

/// Ringback: the customer's history on the agent's screen while the phone still rings, and every
/// promise held to its time.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the daemon. Without a configuration: data in ./ringback-data, pages on 127.0.0.1:8400,
    /// no PBX.
    Serve {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Run the daemon with people, customers and a simulated Asterisk that plays a day at a
    /// hotline without end. Everything is kept in ./ringback-demo.
    Demo {
        /// Where the pages are.
        #[arg(long, default_value = "127.0.0.1:8400", value_name = "ADDR")]
        listen: SocketAddr,
        /// Where the demo's data are.
        #[arg(long, default_value = "ringback-demo", value_name = "DIR")]
        data: PathBuf,
    },
    /// Run the simulated Asterisk alone, for drills and load.
    Simulate {
        /// Where it speaks AMI; user `ringback`, secret `ringback`.
        #[arg(long, value_name = "ADDR")]
        listen: SocketAddr,
        #[arg(long, default_value_t = 1.0, value_name = "N")]
        calls_per_second: f64,
        /// The same seed gives the same day.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Say which calls are in recordings of a PBX's event socket, or in a capture of ours.
    Replay {
        /// Files, or folders of them, such as ringback-data/capture.
        #[arg(required = true, value_name = "PATH")]
        files: Vec<PathBuf>,
        /// One JSON object a call, and nothing else.
        #[arg(long)]
        json: bool,
    },
    /// What the daemon has captured of its PBXes' own words.
    Capture {
        #[command(subcommand)]
        command: CaptureVerb,
    },
    /// Tell a daemon's native socket what a file of JSON lines holds, and say what came of each.
    Send(Send),
    /// Check the configuration, then each PBX: reachable, login, permissions, events; with the
    /// lines to paste into manager.conf.
    Check {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// What the site promises, in which hours, and whom a deadline tells.
    Policy {
        #[command(subcommand)]
        command: policy::PolicyVerb,
    },
    /// Say whether what was kept is still as it was kept: one changed byte anywhere is told, and
    /// where. Nothing is written, and a daemon may run.
    Verify(verify::Verify),
    /// Customers, as a file.
    Customers {
        #[command(subcommand)]
        command: customers::CustomersVerb,
    },
    /// Which closed matters were drawn for a spot check, and any lot reckoned again.
    Draws {
        #[command(subcommand)]
        command: draws::DrawsVerb,
    },
    /// Put all of a ticket into one zip file, with what is needed to check it against the chain. A
    /// daemon may run; the ticket's page has the same file.
    Evidence(evidence::Evidence),
    /// People who sign in.
    User {
        #[command(subcommand)]
        command: UserVerb,
    },
}

#[derive(clap::Args)]
struct Send {
    /// A JSON object a line, as the native socket's specification has them; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the native socket is.
    #[arg(long, default_value = "127.0.0.1:8402", value_name = "HOST:PORT")]
    to: String,
    /// By which the daemon knows the PBX.
    #[arg(long, env = "RINGBACK_TOKEN", hide_env_values = true)]
    token: String,
    /// Speak TLS, and trust who is vouched for by this PEM file.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Name this run, to go on with it later; otherwise it is a new one.
    #[arg(long)]
    source: Option<String>,
    /// The PBX's run.
    #[arg(long, default_value = "1")]
    boot: String,
    /// Seconds without an answer until it is given up.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    patience: u64,
}

#[derive(Subcommand)]
enum CaptureVerb {
    /// Write captures and recordings anew, with pseudonyms for numbers, names and addresses, to show
    /// to strangers. The same is the same everywhere; extensions and queues stay.
    Mask {
        /// Files, or folders of them, such as ringback-data/capture; then a new folder for what
        /// comes of them.
        #[arg(required = true, num_args = 2.., value_names = ["PATH", "OUT"])]
        paths: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum UserVerb {
    /// Add somebody. The password is asked for and not shown, or read from standard input.
    Add {
        login: String,
        #[arg(long)]
        name: Option<String>,
        /// agent, supervisor, manager or admin.
        #[arg(long, default_value = "agent", value_parser = role)]
        role: Role,
        /// Their phone, as PBX/EXTENSION: `hq/1001`. May be given several times.
        #[arg(long, value_name = "PBX/EXTENSION", value_parser = extension)]
        extension: Vec<(PbxName, Extension)>,
        #[command(flatten)]
        common: UserCommon,
    },
    /// Give somebody a new password; they are signed out everywhere.
    Password {
        login: String,
        #[command(flatten)]
        common: UserCommon,
    },
    /// Everybody, with role and extensions.
    List {
        #[command(flatten)]
        common: UserCommon,
    },
}

#[derive(clap::Args)]
struct UserCommon {
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take the password from standard input without asking.
    #[arg(long)]
    password_stdin: bool,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "a role is agent, supervisor, manager or admin".into())
}

fn extension(text: &str) -> Result<(PbxName, Extension), String> {
    match text.split_once('/') {
        Some((pbx, extension)) if !pbx.is_empty() && !extension.is_empty() => Ok((pbx.into(), extension.into())),
        _ => Err("an extension is PBX/EXTENSION, as in hq/1001".into()),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logs();
    // One provider of cryptography for every TLS connection of the process. It is only refused
    // where there is one already, which cannot be here.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    act(cli.command).unwrap_or_else(|error| {
        eprintln!("ringback: {error:#}");
        if error.is::<ConfigError>() { ExitCode::from(EX_CONFIG) } else { ExitCode::FAILURE }
    })
}

fn act(verb: Verb) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match verb {
        Verb::Serve { config } => runtime.block_on(serve(configured(config.as_deref())?))?,
        Verb::Demo { listen, data } => runtime.block_on(demo(listen, data))?,
        Verb::Simulate { listen, calls_per_second, seed } => {
            runtime.block_on(simulate(listen, calls_per_second, seed))?;
        }
        Verb::Replay { files, json } => replay(&files, json)?,
        Verb::Capture { command: CaptureVerb::Mask { paths } } => mask(&paths)?,
        Verb::Send(sending) => return runtime.block_on(send(sending)),
        Verb::Check { config } => return runtime.block_on(check(configured(config.as_deref())?)),
        Verb::Policy { command } => return policy::act(command),
        Verb::Customers { command } => return customers::act(command),
        Verb::Draws { command } => return draws::act(command),
        Verb::Evidence(asked) => evidence::act(&asked)?,
        Verb::Verify(asked) => return verify::act(&asked),
        Verb::User { command } => runtime.block_on(user(command))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What the file says, or the defaults; in the working directory nothing is picked up unasked.
fn configured(path: Option<&Path>) -> Result<Config, ConfigError> {
    path.map_or_else(|| Ok(Config::without_file()), Config::read)
}

/// Logs go to standard error, so that standard output is for what was asked. `RINGBACK_LOG` says
/// how much (`debug`, `daemon=trace,info`); `RINGBACK_LOG_FORMAT=json` is for collectors.
fn logs() {
    let level = EnvFilter::try_from_env("RINGBACK_LOG").unwrap_or_else(|_| EnvFilter::new("info,refinery_core=warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(level).with_writer(io::stderr);
    if std::env::var("RINGBACK_LOG_FORMAT").is_ok_and(|format| format == "json") {
        logs.json().init();
    } else {
        logs.with_ansi(io::stderr().is_terminal()).init();
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut store = Store::open(&config.data, daemon::policy(&config))?;
    let password = generated_password();
    if store.ensure_admin(&admin::auth::hash(&password), Utc::now())? {
        println!("first start: sign in as admin with the password {password} (it is told only now)");
    }
    run(&config, store, async |_: &Daemon| Ok(())).await
}

/// The ordinary daemon, beside a PBX that happens to be in the same process.
async fn demo(listen: SocketAddr, data: PathBuf) -> anyhow::Result<()> {
    let hotline = Server::bind(demo::hotline(rand::random()), ([127, 0, 0, 1], 0).into()).await?;
    let mut config = Config::without_file();
    config.data = data;
    config.site.name = "云岫电器客服热线".into();
    config.web.listen = listen;
    config.pbxs = vec![Pbx::simulated("demo", hotline.address()?)];
    let store = Store::open(&config.data, daemon::policy(&config))?;
    let stop_hotline = CancellationToken::new();
    let playing = tokio::spawn(hotline.run(stop_hotline.clone()));
    run(&config, store, async |daemon: &Daemon| {
        let hash = admin::auth::hash(DEMO_PASSWORD);
        demo::furnish(&daemon.commands, &daemon.reader, &config.pbxs[0].name, |_| hash.clone()).await?;
        println!("a simulated hotline plays; sign in with the password {DEMO_PASSWORD} as one of");
        for seat in &demo::PEOPLE[..demo::ROLES] {
            println!("  {:<12} {}, {}", seat.login, seat.name, seat.role.as_str());
        }
        Ok(())
    })
    .await?;
    stop_hotline.cancel();
    Ok(playing.await?)
}

/// Runs the daemon and its pages until it is asked to stop, then drains: links and pages first,
/// the engine last. `before` runs when the daemon does and the pages do not yet.
async fn run(
    config: &Config,
    store: Store,
    before: impl AsyncFnOnce(&Daemon) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let listen = config.web.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another address, with listen in [web]"))?;
    let asked_to_stop = asked_to_stop()?;
    let stop = CancellationToken::new();
    let daemon = daemon::start(config, store, stop.clone())?;
    for warning in policy::unknown_years(&daemon.reader.policy()) {
        warn!("{warning}");
    }
    before(&daemon).await?;
    let house = admin::House {
        name: config.site.name.clone(),
        language: config.site.language.as_deref().and_then(admin::text::Language::parse),
        zone: config.site.time_zone.clone(),
        https: config.web.https,
        trusted_proxies: config.web.trusted_proxies.clone(),
        build: admin::assets::build(),
    };
    let state = admin::State::new(
        daemon.commands.clone(),
        daemon.reader.clone(),
        daemon.live.clone(),
        daemon.files.clone(),
        house,
        stop.clone(),
    );
    if let Some(native) = daemon.native {
        println!("PBXs connect to the native socket on {native}");
    }
    println!("ringback {} listens on http://{}", env!("CARGO_PKG_VERSION"), listener.local_addr()?);
    let pages = tokio::spawn(admin::serve::serve(listener, admin::router(state), stop.clone()));
    asked_to_stop.await;
    info!("stopping");
    stop.cancel();
    let drained = async {
        pages.await?;
        daemon.ended().await
    };
    tokio::time::timeout(GRACE, drained).await.context("did not end in time; what was acknowledged is kept")?
}

/// Ends when the process is asked to stop; from the call on, no such wish is missed.
fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn simulate(listen: SocketAddr, calls_per_second: f64, seed: u64) -> anyhow::Result<()> {
    if !(calls_per_second > 0.0 && calls_per_second <= 10_000.0) {
        bail!("--calls-per-second is more than 0 and at most 10000, as in 0.5");
    }
    let simulation = Simulation::drill(calls_per_second, seed);
    let asked_to_stop = asked_to_stop()?;
    let (user, secret) = (simulation.username.clone(), simulation.secret.clone());
    let server = Server::bind(simulation, listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("a simulated Asterisk speaks AMI on {}; user {user}, secret {secret}", server.address()?);
    let stop = CancellationToken::new();
    let playing = tokio::spawn(server.run(stop.clone()));
    asked_to_stop.await;
    stop.cancel();
    Ok(playing.await?)
}

/// A reader that has seen enough, such as `head`, is no failure.
fn replay(files: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match daemon::replay::print(files, json, &mut io::stdout().lock()) {
        Err(error) if error.downcast_ref().is_some_and(is_closed) => Ok(()),
        printed => printed,
    }
}

fn mask(paths: &[PathBuf]) -> anyhow::Result<()> {
    let Some((out, paths)) = paths.split_last() else { bail!("say what to mask, and a folder for what comes of it") };
    let masked = daemon::capture::mask::mask(paths, out, rand::random())?;
    println!("{} files in {}", masked.files.len(), out.display());
    if masked.dropped.pieces > 0 {
        let (pieces, bytes) = (masked.dropped.pieces, masked.dropped.bytes);
        println!("left out, because they could not be understood: {pieces} pieces, {bytes} bytes");
    }
    println!(
        "texts in ASCII that are nobody's name, such as what agents type into variables, are as they were: look before you share"
    );
    Ok(())
}

/// Exit code 0 says that every line is kept and was understood.
async fn send(sending: Send) -> anyhow::Result<ExitCode> {
    let Send { file, to, token, tls_ca, source, boot, patience } = sending;
    let (host, port) = to.rsplit_once(':').context("--to is HOST:PORT, as in 127.0.0.1:8402")?;
    let port = port.parse().with_context(|| format!("{port:?} is no port"))?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let place = Address { host, port, tls: tls_ca.map(Tls::Authority) };
    let source = source.unwrap_or_else(|| format!("send-{:016x}", rand::random::<u64>()));
    let identity = Identity {
        token,
        source: source.try_into().map_err(anyhow::Error::msg)?,
        boot: boot.try_into().map_err(anyhow::Error::msg)?,
        product: Some("ringback send".into()),
    };
    let mut lines: Box<dyn io::BufRead> = if file.as_os_str() == "-" {
        Box::new(io::BufReader::new(io::stdin()))
    } else {
        let opened = std::fs::File::open(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Box::new(io::BufReader::new(opened))
    };
    let manner = Manner { keep: KEEP, patience: Duration::from_secs(patience) };
    let understood = daemon::send::file(&place, identity, &mut lines, &mut io::stdout(), manner).await?;
    Ok(if understood { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found about each PBX, and the lines that mend it.
async fn check(config: Config) -> anyhow::Result<ExitCode> {
    println!("the configuration is well; data in {}", config.data.display());
    for warning in policy::unknown_years(&policy::in_force(&config, None)?.0) {
        println!("  warning  {warning}");
    }
    let mut worst = FindingState::Ok;
    for pbx in &config.pbxs {
        println!("\n{} ({})", pbx.name, pbx.wiring.place());
        for finding in daemon::check::check(pbx, config.native.as_ref()).await {
            let sign = match finding.state {
                FindingState::Ok => "ok     ",
                FindingState::Warning => "warning",
                FindingState::Failed => "FAILED ",
            };
            println!("  {sign}  {}", finding.text);
            for line in &finding.lines {
                println!("             {line}");
            }
            worst = worst.max(finding.state);
        }
    }
    if config.pbxs.is_empty() {
        println!("no PBX is configured; add a [[pbx]] with name, kind, host, username and secret");
    }
    Ok(if worst == FindingState::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn user(verb: UserVerb) -> anyhow::Result<()> {
    match verb {
        UserVerb::Add { login, name, role, extension, common } => {
            let password_hash = admin::auth::hash(&password(&common)?);
            let mut store = open(&common)?;
            let name = name.unwrap_or_else(|| login.clone());
            let done = give(&mut store, Command::AddPerson { login, name, role, password_hash })?;
            let Done::Person(person) = done else { bail!("nobody was added") };
            for (pbx, extension) in extension {
                give(&mut store, Command::MapExtension { pbx, extension, person: Some(person) })?;
            }
        }
        UserVerb::Password { login, common } => {
            let password_hash = admin::auth::hash(&password(&common)?);
            let mut store = open(&common)?;
            let directory = store.reader()?.directory().await?;
            let person = directory.people.iter().find(|person| person.login == login);
            let Some(person) = person else {
                bail!("nobody signs in as {login:?}; `ringback user list` says who does")
            };
            give(&mut store, Command::SetPassword { person: person.id, password_hash })?;
        }
        UserVerb::List { common } => {
            let directory = open(&common)?.reader()?.directory().await?;
            for person in &directory.people {
                let phones: Vec<String> =
                    directory.extensions_of(person.id).map(|(pbx, extension)| format!("{pbx}/{extension}")).collect();
                let away = if person.active { "" } else { " (may not sign in)" };
                let role = person.role.as_str();
                println!("{:<16} {role:<11} {}{away} {}", person.login, person.name, phones.join(" "));
            }
        }
    }
    Ok(())
}

fn open(common: &UserCommon) -> anyhow::Result<Store> {
    let config = configured(common.config.as_deref())?;
    Store::open(&config.data, daemon::policy(&config))
}

fn give(store: &mut Store, command: Command) -> anyhow::Result<Done> {
    match store.give(command, Utc::now())? {
        Ok(done) => Ok(done),
        Err(Refusal::LoginTaken) => bail!("somebody signs in by that name already; choose another"),
        Err(refusal) => bail!("refused: {refusal:?}"),
    }
}

/// The new password: asked for unseen at a terminal, else the first line of standard input.
fn password(common: &UserCommon) -> anyhow::Result<String> {
    let password = if !common.password_stdin && io::stdin().is_terminal() {
        rpassword::prompt_password("password (not shown as you type): ")?
    } else {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.chars().count() < PASSWORD_MIN {
        bail!("a password has at least {PASSWORD_MIN} characters");
    }
    Ok(password)
}

/// Twenty letters and digits that are not mistaken for one another: some 100 bits.
fn generated_password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
    (0..20).map(|_| LETTERS[rand::random_range(0..LETTERS.len())] as char).collect()
}
