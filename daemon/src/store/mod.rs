//! The store remembers: facts, and the tables that pages read, in one SQLite file.
//!
//! [`Store`] is the one writing connection; its owner is the engine. Whatever is written goes
//! through [`Store::together`]: one transaction, and one fsync, for all inputs that are ready.
//! [`read`] is what pages may ask, over connections that cannot write.

mod ahead;
mod asked;
pub mod askings;
mod chain;
mod column;
mod coverage;
mod customers;
mod detail;
mod draws;
pub mod evidence;
mod gather;
pub mod handlings;
mod hands;
pub mod journal;
mod keep;
mod line;
mod open;
pub(crate) mod outbox;
pub mod ownership;
#[cfg(test)]
mod ownership_tests;
mod papers;
#[cfg(test)]
mod papers_tests;
mod past;
mod questions;
pub mod read;
mod reader;
mod regroup;
mod search;
mod sight;
#[cfg(test)]
mod sight_tests;
mod surveys;
#[cfg(test)]
mod tests;
mod touched;
pub mod verify;
#[cfg(test)]
mod verify_tests;
mod versions;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::watch;

use crate::desk::case::{Case, Ids, Staff};
use crate::desk::command::{Command, Done, Given, Refusal};
use crate::desk::decide::{self, Input};
use crate::desk::draw::{Drawing, Seed};
use crate::desk::fact::{self, Fact};
use crate::desk::policy::{Policy, Terms};
use crate::files::Files;
use crate::{Extension, ObligationId, PbxName, Role, Time};
use chain::Chain;
use column::{from_ms, ms};
use keep::Sequence;
pub use open::Held;
pub use past::{Known, past};
use touched::Touched;
pub use versions::look;

pub type Result<T> = rusqlite::Result<T>;

/// The writing side. Dropping it lets another daemon have the directory.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    file: PathBuf,
    policy: Arc<Policy>,
    /// As committed, for all who read.
    in_force: watch::Sender<Arc<Policy>>,
    /// Why the terms that are kept cannot be read; meanwhile they are as shipped.
    unread: Option<String>,
    ids: Sequence,
    /// As committed; none after a transaction failed, and before the first.
    chain: Option<Chain>,
    touched: Touched,
    /// As committed; none after it changed or a transaction failed.
    staff: Option<Arc<Staff>>,
    /// The PBXs that are looked at.
    watched: Vec<PbxName>,
    /// Held as long as the store is open.
    _lock: File,
}

/// An open transaction.
pub struct Writing<'a> {
    db: &'a Connection,
    policy: &'a mut Arc<Policy>,
    ids: &'a mut Sequence,
    chain: &'a mut Chain,
    staff: &'a mut Option<Arc<Staff>>,
    watched: &'a [PbxName],
}

impl Store {
    /// All that `work` writes, or nothing: on an error, also of the commit itself, it is as if
    /// nothing had been asked.
    pub fn together<T>(&mut self, work: impl FnOnce(&mut Writing) -> Result<T>) -> Result<T> {
        let before = self.policy.clone();
        let result = self.transact(work);
        if result.is_err() {
            self.staff = None;
            self.policy = before;
            self.touched.take();
        } else if !Arc::ptr_eq(&before, &self.policy) {
            self.unread = None;
            self.in_force.send_replace(self.policy.clone());
        }
        result
    }

    fn transact<T>(&mut self, work: impl FnOnce(&mut Writing) -> Result<T>) -> Result<T> {
        let Store { db, policy, ids, chain, touched, staff, watched, .. } = self;
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Taken out: only a commit makes it what the next one goes on from.
        let mut going_on = chain.take().map_or_else(|| Chain::load(&transaction), Ok)?;
        let done = work(&mut Writing { db: &transaction, policy, ids, chain: &mut going_on, staff, watched })?;
        going_on.seal(&transaction, touched)?;
        transaction.commit()?;
        *chain = Some(going_on);
        Ok(done)
    }

    /// The end of the chain, as committed.
    pub fn head(&self) -> Result<Option<verify::Head>> {
        verify::head(&self.db)
    }

    /// The policy in force, as committed, from now on.
    pub fn in_force(&self) -> watch::Receiver<Arc<Policy>> {
        self.in_force.subscribe()
    }

    #[cfg(test)]
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The connection, to play a disk that refuses.
    #[cfg(test)]
    pub(crate) fn db(&self) -> &Connection {
        &self.db
    }

    /// When the next rung is due, but for those of `passed_over`; it may be past.
    pub fn next_due(&self, passed_over: &BTreeSet<ObligationId>) -> Result<Option<Time>> {
        let mut pending = self.db.prepare_cached(PENDING)?;
        let mut rows = pending.query([])?;
        while let Some(row) = rows.next()? {
            if !passed_over.contains(&ObligationId(row.get(0)?)) {
                return row.get(1).map(|at| Some(from_ms(at)));
            }
        }
        Ok(None)
    }

    /// Obligations with a rung that is due at `now`, but for those of `passed_over`, the longest
    /// due first; `limit` at most.
    pub fn due(&self, now: Time, passed_over: &BTreeSet<ObligationId>, limit: usize) -> Result<Vec<ObligationId>> {
        let mut pending = self.db.prepare_cached(PENDING)?;
        let mut rows = pending.query([])?;
        let mut due = Vec::new();
        while due.len() < limit
            && let Some(row) = rows.next()?
            && row.get::<_, i64>(1)? <= ms(now)
        {
            due.extend(Some(ObligationId(row.get(0)?)).filter(|id| !passed_over.contains(id)));
        }
        Ok(due)
    }

    /// The terms that are kept, as far as they can be read.
    ///
    /// # Errors
    /// Why they cannot, and what helps: a daemon would go by others than the site wrote.
    pub fn understood(&self) -> anyhow::Result<()> {
        match &self.unread {
            None => Ok(()),
            Some(why) => anyhow::bail!(
                "{why}; mend what `ringback policy export` prints, and put it in force with `ringback policy import`"
            ),
        }
    }

    /// Notes by what deadlines are reckoned where that is another than before, though nobody set
    /// it: the terms as they ship, at the first start, and later a newer daemon's holidays or
    /// another zone.
    pub fn settle(&mut self, now: Time) -> Result<()> {
        if self.unread.is_some() {
            return Ok(());
        }
        let (version, text) = match versions::in_force(&self.db)? {
            None => (self.policy.version, self.policy.terms.write()),
            Some(last) if last.print == versions::print(&self.policy.terms) => return Ok(()),
            Some(last) => (last.version + 1, last.text),
        };
        let terms = Box::new(self.policy.terms.clone());
        self.together(|writing| writing.keep(&[Fact::PolicySet { version, text, terms, by: None }], now))
    }

    /// Open obligations whose times were reckoned by an earlier policy, but for those of
    /// `passed_over`, the nearest due first; `limit` at most.
    pub fn stale(&self, passed_over: &BTreeSet<ObligationId>, limit: usize) -> Result<Vec<ObligationId>> {
        let mut earlier = self.db.prepare_cached(EARLIER)?;
        let mut rows = earlier.query([self.policy.version])?;
        let mut stale = Vec::new();
        while stale.len() < limit
            && let Some(row) = rows.next()?
        {
            stale.extend(Some(ObligationId(row.get(0)?)).filter(|id| !passed_over.contains(id)));
        }
        Ok(stale)
    }

    /// Takes away the bytes of attachments that no ticket speaks of; says of how many. Before anything can be
    /// attached.
    pub fn sweep(&self, files: &Files) -> anyhow::Result<usize> {
        let kept = papers::contents(&self.db).context("cannot read which files are attached")?;
        files.sweep(&kept).context("cannot sweep the attachments")
    }

    /// Whether there are matters that are not in the index of words yet.
    pub fn lacks_words(&self) -> Result<bool> {
        search::lacks(&self.db)
    }

    /// A command of the command line, where no engine runs.
    pub fn give(&mut self, command: Command, now: Time) -> Result<std::result::Result<Done, Refusal>> {
        let input = Input::Given(Box::new(Given { by: None, command }));
        self.together(|writing| Ok(writing.decide(&input, now)?.map(|facts| fact::done(&facts))))
    }

    /// Keeps what closed matters are drawn by, where there is nothing yet.
    pub fn ensure_seed(&mut self, seed: Seed, now: Time) -> Result<()> {
        if draws::seed(&self.db)?.is_some() {
            return Ok(());
        }
        self.together(|writing| writing.keep(&[Fact::Draw(Drawing::Seeded { seed })], now))
    }

    /// Commands of the command line, in one transaction, each seeing what those before it did.
    pub fn give_all(&mut self, commands: Vec<Command>, now: Time) -> Result<Vec<std::result::Result<Done, Refusal>>> {
        self.together(|writing| {
            let give = |command| {
                let input = Input::Given(Box::new(Given { by: None, command }));
                Ok(writing.decide(&input, now)?.map(|facts| fact::done(&facts)))
            };
            commands.into_iter().map(give).collect()
        })
    }

    /// Makes the first admin where there is nobody yet; says whether it did.
    pub fn ensure_admin(&mut self, password_hash: &str, now: Time) -> Result<bool> {
        let command = Command::AddPerson {
            login: "admin".into(),
            name: "Admin".into(),
            role: Role::Admin,
            password_hash: password_hash.into(),
        };
        self.together(|writing| {
            if !writing.staff()?.people.is_empty() {
                return Ok(false);
            }
            Ok(writing.decide(&Input::Given(Box::new(Given { by: None, command })), now)?.is_ok())
        })
    }
}

impl Writing<'_> {
    /// Gather, decide, keep. A refusal has written nothing.
    pub fn decide(&mut self, input: &Input, now: Time) -> Result<std::result::Result<Vec<Fact>, Refusal>> {
        let staff = self.staff()?;
        let case = Case::new(self.policy.clone(), staff, Ids::from(self.ids.next()));
        let case = gather::gather(self.db, case, input, now)?;
        let facts = match decide::decide(&case, input, now) {
            Ok(facts) => facts,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let begun = facts.iter().filter(|fact| matches!(fact, Fact::ObligationBegan { .. })).count();
        self.ids.draw(Ids::used(begun));
        self.keep(&facts, now)?;
        Ok(Ok(facts))
    }

    fn keep(&mut self, facts: &[Fact], now: Time) -> Result<()> {
        for fact in facts {
            keep::keep(self.db, self.ids, self.chain, fact, now)?;
            match fact {
                Fact::PolicySet { version, terms, .. } => {
                    *self.policy = Arc::new(self.policy.with(*version, Terms::clone(terms)));
                }
                Fact::Draw(Drawing::Seeded { seed }) => {
                    *self.policy = Arc::new(self.policy.seeded(*seed));
                }
                _ => {}
            }
        }
        if facts.iter().any(changes_staff) {
            *self.staff = None;
        }
        search::follow(self.db, facts)
    }

    /// Takes older matters into the index of words, some at a time; says whether there are more.
    pub fn take_older(&mut self) -> Result<bool> {
        search::take_older(self.db)
    }

    pub fn staff(&mut self) -> Result<Arc<Staff>> {
        if let Some(staff) = &*self.staff {
            return Ok(staff.clone());
        }
        let staff = gather::staff(self.db)?;
        *self.staff = Some(staff.clone());
        Ok(staff)
    }

    /// Extensions that a PBX spoke of; a name once known is not forgotten for an empty one.
    pub fn extensions(&mut self, pbx: &PbxName, at: Time, seen: &[(Extension, String)]) -> Result<()> {
        let mut statement = self.db.prepare_cached(
            "INSERT INTO seen_extensions (pbx, extension, name, last_seen_at_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (pbx, extension) DO UPDATE SET last_seen_at_ms = excluded.last_seen_at_ms,
                name = CASE WHEN excluded.name = '' THEN seen_extensions.name ELSE excluded.name END",
        )?;
        for (extension, name) in seen {
            statement.execute(params![pbx.as_str(), extension.as_str(), name, ms(at)])?;
        }
        Ok(())
    }
}

/// An index has them in this order.
const EARLIER: &str =
    "SELECT id FROM obligations WHERE state = 'open' AND policy < ?1 ORDER BY policy, next_rung_at_ms";

/// Whoever asks reads only as far as needed: an index has them in this order.
const PENDING: &str = "SELECT id, next_rung_at_ms FROM obligations
    WHERE state = 'open' AND next_rung_at_ms IS NOT NULL ORDER BY next_rung_at_ms";

fn changes_staff(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::PersonAdded { .. }
            | Fact::PersonChanged { .. }
            | Fact::AwaySet { .. }
            | Fact::DepartmentSet { .. }
            | Fact::ExtensionMapped { .. }
            | Fact::ExtensionIgnored { .. }
    )
}
