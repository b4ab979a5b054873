//! The machine that the daemon runs on: its real tracker, engine, desk and store, one step at a time,
//! on a disk that a crash cuts off at any byte.
//!
//! SQLite appends what it writes to its log, and takes of it what the last whole commit ends with. So
//! a daemon that died while the log had a certain length has left exactly that much of it: a crash
//! at any write of a turn is the turn, and then the log cut there. What the turn told is known with
//! the length that the log had when it was told, so what was told before the crash is known too.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use chrono::TimeDelta;
use jiff::tz::TimeZone;
use rusqlite::config::DbConfig;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, oneshot};

use super::super::house::House;
use super::super::{Engine, Errand, Input, Outlets};
use super::hours::{Ms, Zone, new_year_2026};
use super::pbx::{LINES, PBXS, PHONES};
use crate::board::handing::Handing;
use crate::calls::dialplan::Dialplan;
use crate::calls::tracker::{Change, Tracker};
use crate::desk::command::{Command, Done, Refusal};
use crate::desk::policy::Policy;
use crate::live::{Notice, Topic};
use crate::number::Numbering;
use crate::store::Store;
use crate::store::verify::verify;
use crate::{CustomerId, PersonId, Role, Time};

pub fn time(at: Ms) -> Time {
    Time::from_timestamp_millis(at).expect("a moment")
}

/// A site on its first day, as bytes of its database.
pub struct Site {
    pub people: Vec<PersonId>,
    pub customers: [CustomerId; 2],
    bytes: Vec<u8>,
}

impl Site {
    pub fn get() -> &'static Site {
        static SITE: OnceLock<Site> = OnceLock::new();
        SITE.get_or_init(Site::build)
    }

    fn build() -> Site {
        let mut house = House::at(time((new_year_2026() - 1) * super::hours::DAY));
        let roles = [Role::Agent, Role::Agent, Role::Supervisor, Role::Supervisor, Role::Manager];
        let logins = ["ann", "ben", "boss", "chief", "mia"];
        let people = roles.into_iter().zip(logins).zip(PHONES.into_iter().map(Some).chain([None, None]));
        let people = people.map(|((role, login), phone)| house.person(login, role, phone)).collect();
        let people: Vec<PersonId> = people;
        for (person, phone) in people.iter().zip(PHONES) {
            let (pbx, extension) = (PBXS[0].into(), phone.into());
            house.give(None, Command::MapExtension { pbx, extension, person: Some(*person) }).expect("a phone");
        }
        let customers = [house.customer("Shen", false, &LINES[..2]), house.customer("Li", true, &LINES[2..3])];
        house.turn();
        house.engine().store.db().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
        let bytes = std::fs::read(house.dir.path().join("data/ringback.sqlite")).expect("the database");
        Site { people, customers, bytes }
    }
}

/// Something that the daemon told, and how long the log was then.
pub struct Heard<T> {
    pub what: T,
    pub log: u64,
}

pub struct Machine {
    dir: TempDir,
    zone: Zone,
    running: Option<Running>,
}

pub struct Running {
    /// Of each PBX.
    pub trackers: [Tracker; 2],
    pub changes: Vec<Change>,
    pub handing: Handing,
    pub engine: Engine,
    told: mpsc::Receiver<(Topic, Notice)>,
    pub errands: mpsc::Receiver<Errand>,
    outbox: Arc<Notify>,
}

/// What a turn did that others hear of.
#[derive(Default)]
pub struct Turned {
    pub notices: Vec<Heard<Notice>>,
    pub answer: Option<Heard<Result<Done, Refusal>>>,
    /// There is something to be sent.
    pub has_messages: bool,
}

impl Machine {
    /// A daemon that has never run.
    pub fn new(zone: Zone) -> Machine {
        Machine { zone, ..Machine::with(&Site::get().bytes, &[]) }
    }

    /// On a disk with that database and log; in memory where there is such a disk.
    pub fn with(database: &[u8], log: &[u8]) -> Machine {
        let memory = PathBuf::from("/dev/shm");
        let dir = tempfile::tempdir_in(&memory).or_else(|_| tempfile::tempdir()).expect("a directory");
        std::fs::write(dir.path().join("ringback.sqlite"), database).expect("a database");
        std::fs::write(dir.path().join("ringback.sqlite-wal"), log).expect("a log");
        Machine { dir, zone: Zone::Shanghai, running: None }
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        let (zone, numbering) = (TimeZone::get(self.zone.name())?, Numbering::new("CN", Some("021")));
        let mut store = Store::open(self.dir.path(), Policy::new(zone, numbering.clone()))?;
        store.watch(PBXS.map(Into::into).into())?;
        // A crash is played by cutting the log: it is not to be taken in behind our back.
        store.db().execute_batch("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0")?;
        store.db().set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let outbox = Arc::new(Notify::new());
        let (told_to, told) = mpsc::channel(1);
        let (errands_to, errands) = mpsc::channel(64);
        let outlets = Outlets { told: told_to, errands: errands_to, outbox: outbox.clone() };
        let tracker = |pbx: &str| {
            let dialplan = Dialplan::new(vec!["PJSIP/trunk".into()], Vec::new());
            Tracker::new(pbx.into(), dialplan, numbering.clone())
        };
        self.running = Some(Running {
            trackers: PBXS.map(tracker),
            changes: Vec::new(),
            handing: Handing::default(),
            engine: Engine::new(store, outlets),
            told,
            errands,
            outbox,
        });
        self.checkpoint();
        Ok(())
    }

    pub fn running(&mut self) -> Option<&mut Running> {
        self.running.as_mut()
    }

    pub fn daemon(&mut self) -> &mut Running {
        self.running.as_mut().expect("a daemon that runs")
    }

    /// The daemon dies while its log has that length.
    pub fn kill(&mut self, log: u64) {
        self.running = None;
        let path = self.dir.path().join("ringback.sqlite-wal");
        if let Ok(file) = std::fs::OpenOptions::new().write(true).open(path) {
            let kept = file.metadata().map_or(0, |its| its.len()).min(log);
            file.set_len(kept).expect("a log to cut");
        }
        // How far others had read is gone with the memory.
        let _ = std::fs::remove_file(self.dir.path().join("ringback.sqlite-shm"));
    }

    /// What is amiss in the chain of what is kept.
    pub fn broken(&self) -> Vec<String> {
        let verified = verify(self.dir.path(), &[]).expect("a store");
        verified.findings.iter().map(ToString::to_string).collect()
    }

    /// The database and its log, as they are on the disk.
    pub fn disk(&self) -> (Vec<u8>, Vec<u8>) {
        let read = |name: &str| std::fs::read(self.dir.path().join(name)).unwrap_or_default();
        (read("ringback.sqlite"), read("ringback.sqlite-wal"))
    }

    pub fn log_len(&self) -> u64 {
        std::fs::metadata(self.dir.path().join("ringback.sqlite-wal")).map_or(0, |log| log.len())
    }

    /// Where the commits end that were written since the log had that length.
    pub fn commits(&self, since: u64) -> Vec<u64> {
        const HEADER: u64 = 32;
        const FRAME: u64 = 24;
        let log = std::fs::read(self.dir.path().join("ringback.sqlite-wal")).unwrap_or_default();
        let word = |at: u64| {
            let at = at as usize;
            log.get(at..at + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
        };
        let Some(page) = word(8) else { return Vec::new() };
        let frame = FRAME + u64::from(page);
        let mut at = since.max(HEADER);
        let mut commits = Vec::new();
        while let Some(pages_after) = word(at + 4) {
            at += frame;
            if pages_after > 0 && at <= log.len() as u64 {
                commits.push(at);
            }
        }
        commits
    }

    /// The log is taken into the database, at a moment of rest.
    pub fn checkpoint(&mut self) {
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// A turn of the engine, and what is heard of it meanwhile.
    pub fn turn(&mut self, now: Ms, answer: &mut Option<oneshot::Receiver<Result<Done, Refusal>>>) -> Turned {
        let path = self.dir.path().join("ringback.sqlite-wal");
        let log_len = || std::fs::metadata(&path).map_or(0, |log| log.len());
        let Running { engine, told, outbox, .. } = self.running.as_mut().expect("a daemon that runs");
        let mut turned = Turned::default();
        let mut turn = pin!(engine.turn(time(now)));
        loop {
            let is_over = turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(());
            let log = log_len();
            if let Some(Ok(what)) = answer.as_mut().map(|answer| answer.try_recv()) {
                turned.answer = Some(Heard { what, log });
                *answer = None;
            }
            while let Ok((_, what)) = told.try_recv() {
                turned.notices.push(Heard { what, log });
            }
            if is_over {
                turned.has_messages = pin!(outbox.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
                return turned;
            }
        }
    }

    /// All columns of all rows, as text.
    pub fn sql(&mut self, question: &str) -> Vec<String> {
        let db = self.daemon().engine.store.db();
        let mut statement = db.prepare(question).expect("a question");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let text = |column| {
                Ok(match row.get::<_, rusqlite::types::Value>(column)? {
                    rusqlite::types::Value::Null => "-".to_owned(),
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                })
            };
            (0..columns).map(text).collect::<rusqlite::Result<Vec<_>>>().map(|columns| columns.join(" "))
        });
        rows.expect("rows").collect::<rusqlite::Result<_>>().expect("rows")
    }
}

impl Running {
    /// As the board hears of other terms.
    pub fn hears_terms(&mut self) {
        let talk = self.engine.store.policy().terms.callback.talk_ms;
        self.trackers.iter_mut().for_each(|tracker| tracker.proves_after(TimeDelta::milliseconds(talk)));
    }

    /// Hands on what the tracker has changed, as the board does.
    pub fn follow(&mut self) {
        for change in self.changes.drain(..) {
            match change {
                Change::Call(id) => self.handing.changed(id),
                Change::Ended(call) => self.handing.ended(Arc::new(*call)),
                Change::Merged { from, into } => self.handing.merged(from, into),
                Change::Queues
                | Change::Agent(_)
                | Change::Drift(_)
                | Change::Listening { .. }
                | Change::Listened { .. } => {}
            }
        }
    }

    /// What waits goes to the engine; the ids of the calls among it.
    pub fn hand_on(&mut self, now: Ms) -> Vec<String> {
        let mut calls = Vec::new();
        while let Some(input) =
            self.handing.next(|id| self.trackers.iter().find_map(|tracker| tracker.call(id)), time(now))
        {
            if let Input::Calls { calls: handed, .. } = &input {
                calls.extend(handed.iter().map(|call| call.id.as_str().to_owned()));
            }
            self.engine.waiting.push_back(input);
        }
        calls
    }

    pub fn give(&mut self, by: Option<PersonId>, command: Command) -> oneshot::Receiver<Result<Done, Refusal>> {
        let (reply, answer) = oneshot::channel();
        self.engine.waiting.push_back(Input::Command(Box::new(crate::desk::command::Given { by, command }), reply));
        answer
    }
}
