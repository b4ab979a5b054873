//! What the command line does beside a running daemon. It reads over connections of its own; that somebody
//! looked is the daemon's to keep, who has the store open, and it is asked for it through a folder of
//! the data directory. Whoever may write there is the house's owner.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::desk::command::{Command, Given};
use crate::desk::looks::Look;
use crate::desk::policy::Policy;
use crate::engine::Commands;
use crate::store::{Held, Store};
use crate::{TicketId, Time};

/// Of the data directory.
const FOLDER: &str = "aside";

/// How often the daemon looks whether it is asked; a person waits for it.
const EVERY: Duration = Duration::from_millis(250);

/// How long the command line waits: some commits on a slow disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Larger than anything that is asked; of a larger file no more is read.
const ASKED_BYTES: u64 = 4 * 1024;

/// Where it is kept that somebody looked.
pub enum Record {
    Store(Box<Store>),
    /// By the daemon that runs in that directory.
    Daemon(PathBuf),
}

impl Record {
    pub fn open(dir: &Path, policy: Policy) -> anyhow::Result<Record> {
        match Store::open(dir, policy) {
            Ok(store) => Ok(Record::Store(Box::new(store))),
            Err(error) if error.is::<Held>() => Ok(Record::Daemon(dir.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// It is on disk when this has returned.
    pub fn keep(&mut self, look: Look, now: Time) -> anyhow::Result<()> {
        match self {
            Record::Store(store) => match store.give(Command::Look(look), now)? {
                Ok(_) => Ok(()),
                Err(refusal) => bail!("refused: {refusal:?}"),
            },
            Record::Daemon(dir) => ask(dir, &look),
        }
    }
}

/// As it lies in the folder.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Asked {
    Evidence { ticket: i64, sha256: String, masked: bool },
    Customers { masked: bool },
}

impl Asked {
    fn of(look: &Look) -> anyhow::Result<Asked> {
        Ok(match look {
            Look::Evidence { ticket: TicketId(ticket), sha256, masked } => {
                Asked::Evidence { ticket: *ticket, sha256: sha256.clone(), masked: *masked }
            }
            Look::Customers { masked } => Asked::Customers { masked: *masked },
            Look::Numbers { .. } => bail!("numbers are shown on pages"),
        })
    }

    fn look(self) -> Look {
        match self {
            Asked::Evidence { ticket, sha256, masked } => Look::Evidence { ticket: TicketId(ticket), sha256, masked },
            Asked::Customers { masked } => Look::Customers { masked },
        }
    }
}

/// What is asked is `NAME.json` until it is answered: then `NAME.kept`, or `NAME.refused` and why.
fn ask(dir: &Path, look: &Look) -> anyhow::Result<()> {
    let folder = dir.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = format!("{:032x}", rand::random::<u128>());
    let [draft, asked, kept, refused] =
        ["draft", "json", "kept", "refused"].map(|end| folder.join(format!("{name}.{end}")));
    // Whole before it has its name.
    fs::write(&draft, serde_json::to_vec(&Asked::of(look)?)?)
        .and_then(|()| fs::rename(&draft, &asked))
        .with_context(|| format!("cannot write in {}", folder.display()))?;
    let since = Instant::now();
    loop {
        if fs::remove_file(&kept).is_ok() {
            return Ok(());
        }
        if let Ok(why) = fs::read_to_string(&refused) {
            let _ = fs::remove_file(&refused);
            bail!("the daemon refused it: {why}");
        }
        // Taken back, unless it is being answered right now.
        if since.elapsed() > PATIENCE && fs::remove_file(&asked).is_ok() {
            bail!("the daemon in {} did not answer within {} s", dir.display(), PATIENCE.as_secs());
        }
        thread::sleep(EVERY / 5);
    }
}

/// Answers what is asked until `stop`. What was asked of a daemon that died is kept by the next: once
/// more is better than not at all.
pub async fn answer(dir: PathBuf, commands: Commands, stop: CancellationToken) {
    let folder = dir.join(FOLDER);
    let mut every = interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        for asked in waiting(&folder) {
            let (end, why) = match keep(&asked, &commands).await {
                Ok(()) => ("kept", String::new()),
                Err(why) => ("refused", why),
            };
            // The answer is there before the question goes.
            let answered = fs::write(asked.with_extension(end), why).and_then(|()| fs::remove_file(&asked));
            if let Err(error) = answered {
                tracing::error!(%error, folder = %folder.display(), "what the command line asked cannot be answered");
            }
        }
    }
}

/// Nothing is there until somebody has asked for the first time.
fn waiting(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
}

async fn keep(asked: &Path, commands: &Commands) -> Result<(), String> {
    let bytes = fs::metadata(asked).map_err(|error| error.to_string())?.len();
    if bytes > ASKED_BYTES {
        return Err(format!("{bytes} bytes are more than anybody asks"));
    }
    let text = fs::read(asked).map_err(|error| error.to_string())?;
    let asked: Asked = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let given = Given { by: None, command: Command::Look(asked.look()) };
    commands.give(given).await.map(drop).map_err(|refusal| format!("{refusal:?}"))
}
