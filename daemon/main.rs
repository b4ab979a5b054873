//! The binary: command line, configuration, logs; start, serve, drain. What is asked is done by
//! the libraries.

use std::io::{IsTerminal, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use daemon::config::Config;
use daemon::{Extension, PbxName, Role};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Exit code of sysexits.h for a wrong configuration; systemd can be told not to retry on it.
const EX_CONFIG: u8 = 78;

/// Browsers and the store get this long to finish after a stop was asked for.
const GRACE: Duration = Duration::from_secs(10);

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
    /// Say which calls are in recordings of a PBX's event socket.
    Replay {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// One JSON object a call, and nothing else.
        #[arg(long)]
        json: bool,
    },
    /// Check the configuration, then each PBX: reachable, login, permissions, events; with the
    /// lines to paste into manager.conf.
    Check {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// People who sign in.
    User {
        #[command(subcommand)]
        command: UserVerb,
    },
}

#[derive(Subcommand)]
enum UserVerb {
    /// Add somebody. The password is asked for, or read from standard input.
    Add {
        login: String,
        #[arg(long)]
        name: Option<String>,
        /// agent, supervisor or admin.
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
    Role::parse(text).ok_or_else(|| "a role is agent, supervisor or admin".into())
}

fn extension(text: &str) -> Result<(PbxName, Extension), String> {
    match text.split_once('/') {
        Some((pbx, extension)) if !pbx.is_empty() && !extension.is_empty() => Ok((pbx.into(), extension.into())),
        _ => Err("an extension is PBX/EXTENSION, as in hq/1001".into()),
    }
}
