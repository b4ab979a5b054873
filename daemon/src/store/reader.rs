//! The reading side's connections: pages ask whole questions, threads answer them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::askings::{self, Asking, AskingFilter};
use super::customers::written_for;
use super::evidence::{self, Evidence};
use super::open::read_only;
use super::ownership::{self, CalledMatter, IdleMatter, Ownership, Pass, PassFilter, PassedMatter};
use super::questions::{calls, card, customers, looks, obligations, owed, people, tickets};
use super::read::*;
use super::{coverage, draws, handlings, outbox, search, sight, surveys, versions};
use crate::desk::case::Written;
use crate::desk::command::SessionHash;
use crate::desk::customers::ImportRow;
use crate::desk::looks::Whose;
use crate::desk::policy::Policy;
use crate::live::{About, Message};
use crate::number::Number;
use crate::{CallId, CustomerId, MessageId, ObligationId, PersonId, RemedyId, TicketId, Time};

/// Questions that wait for a thread. A card takes a tenth of a millisecond, so this many are
/// answered within a pop's blink; whoever comes later waits for room.
const QUESTIONS: usize = 256;

/// What a connection keeps of the file in memory, in KiB: the upper parts of all indexes, and what
/// today's callers need.
const CACHE_KIB: i64 = 8 * 1024;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// Asks the store; clone it freely. Threads of their own, so that nothing stands before a pop, and no
/// search through millions of names before a page.
#[derive(Clone)]
pub struct Reader {
    pops: mpsc::Sender<Question>,
    searches: mpsc::Sender<Question>,
    pages: mpsc::Sender<Question>,
    policy: watch::Receiver<Arc<Policy>>,
    dir: Arc<Path>,
}

impl Reader {
    /// Of a directory, whether a daemon runs on it or not; the policy stays as it is given.
    pub fn look(dir: &Path, policy: Policy) -> anyhow::Result<Reader> {
        let (in_force, policy) = watch::channel(Arc::new(policy));
        drop(in_force);
        Reader::open(&dir.join(super::open::FILE), policy)
    }
    pub(super) fn open(file: &Path, policy: watch::Receiver<Arc<Policy>>) -> anyhow::Result<Reader> {
        let [pops, searches, pages] = ["read-pops", "read-searches", "read-pages"].map(|name| lane(file, name));
        Ok(Reader {
            pops: pops?,
            searches: searches?,
            pages: pages?,
            policy,
            dir: file.parent().unwrap_or(file).into(),
        })
    }

    pub async fn directory(&self) -> Result<Arc<Directory>, ReadError> {
        ask(&self.pages, |db| people::directory(db).map(Arc::new)).await
    }
    /// Who is on a number, what is open and what was; empty for a withheld number.
    pub async fn card(&self, number: Option<Number>) -> Result<Card, ReadError> {
        match number {
            Some(number) => ask(&self.pops, move |db| card::card(db, &number)).await,
            None => Ok(Card::default()),
        }
    }
    /// Open obligations, by due time: the person's own and of each for whom they stand in, at most
    /// [`LIST`] of one, and the nearest twenty that nobody owns.
    pub async fn duties(&self, person: PersonId) -> Result<Vec<ObligationRow>, ReadError> {
        ask(&self.pages, move |db| owed::duties(db, person)).await
    }
    /// Open obligations whose reminder is past at `now`, by due time; at most [`LIST`].
    pub async fn at_risk(&self, now: Time) -> Result<Vec<ObligationRow>, ReadError> {
        ask(&self.pages, move |db| owed::at_risk(db, now)).await
    }
    pub async fn ticket(&self, ticket: TicketId, asker: PersonId) -> Result<Option<TicketPage>, ReadError> {
        ask(&self.pages, move |db| tickets::ticket(db, ticket, asker)).await
    }
    pub async fn tickets(&self, filter: TicketFilter) -> Result<Vec<TicketRow>, ReadError> {
        ask(&self.pages, move |db| tickets::tickets(db, &filter)).await
    }
    /// The ticket of that number, with all that its page shows.
    pub async fn numbered(&self, number: String, asker: PersonId) -> Result<Option<TicketPage>, ReadError> {
        let whole = move |db: &Connection| match tickets::numbered(db, &number)? {
            Some(ticket) => tickets::ticket(db, ticket, asker),
            None => Ok(None),
        };
        ask(&self.pages, whole).await
    }
    /// Tickets in which words stand, open ones first, newest first.
    pub async fn seek(&self, seek: Seek) -> Result<Sought, ReadError> {
        let policy = self.policy();
        let sought = move |db: &Connection| {
            let found = search::seek(db, &policy.numbering, &seek)?;
            Ok(Sought { found, lacks_older: search::lacks(db)? })
        };
        ask(&self.pages, sought).await
    }
    /// Remedies that wait for somebody's word, and of `shown` those that did, the first that was asked for
    /// first; at most [`LIST`] of either.
    pub async fn requests(&self, shown: BTreeSet<RemedyId>) -> Result<Vec<Request>, ReadError> {
        ask(&self.pages, move |db| handlings::requests(db, &shown)).await
    }
    /// Who asked for those, and for how much, in hundredths of the site's currency.
    pub async fn asked_for(&self) -> Result<Vec<(PersonId, i64)>, ReadError> {
        ask(&self.pages, handlings::asked_for).await
    }
    pub async fn ticket_of(&self, call: CallId) -> Result<Option<TicketId>, ReadError> {
        ask(&self.pops, move |db| calls::ticket_of(db, &call)).await
    }
    /// Who was asked in `[from, to)` how they were served, and what they said.
    pub async fn surveys(&self, from: Time, to: Time) -> Result<Vec<Surveyed>, ReadError> {
        ask(&self.pages, move |db| surveys::counts(db, from, to)).await
    }
    /// Those whom the counts count, newest first; at most `limit`.
    pub async fn askings(&self, filter: AskingFilter, limit: i64) -> Result<Vec<Asking>, ReadError> {
        ask(&self.searches, move |db| askings::list(db, &filter, limit)).await
    }
    /// Lots that were looked at in `[from, to)`, newest first; at most `limit`.
    pub async fn draws(&self, from: Time, to: Time, limit: i64) -> Result<Vec<Drawn>, ReadError> {
        ask(&self.pages, move |db| draws::list(db, from, to, limit)).await
    }
    /// Each time that the lot of one ticket was looked at, oldest first.
    pub async fn draws_of(&self, ticket: TicketId) -> Result<Vec<Drawn>, ReadError> {
        ask(&self.pages, move |db| draws::of(db, ticket)).await
    }
    /// Whose matters of `[from, to)` were, and on what nobody has done anything since `idle_since`;
    /// `None`: that cannot be said.
    pub async fn ownership(&self, from: Time, to: Time, idle_since: Option<Time>) -> Result<Ownership, ReadError> {
        ask(&self.searches, move |db| ownership::report(db, from, to, idle_since)).await
    }
    /// What was passed on, newest first; at most `limit`.
    pub async fn passes(&self, filter: PassFilter, limit: i64) -> Result<Vec<Pass>, ReadError> {
        ask(&self.searches, move |db| ownership::passes(db, &filter, limit)).await
    }
    /// Matters that were passed on in `[from, to)`, or so many times; most often first, at most `limit`.
    pub async fn passed_matters(
        &self,
        from: Time,
        to: Time,
        times: Option<i64>,
        limit: i64,
    ) -> Result<Vec<PassedMatter>, ReadError> {
        ask(&self.searches, move |db| ownership::passed_matters(db, from, to, times, limit)).await
    }
    /// Matters that were solved in `[from, to)`, or after so many calls; most calls first, at most `limit`.
    pub async fn called(
        &self,
        from: Time,
        to: Time,
        calls: Option<i64>,
        limit: i64,
    ) -> Result<Vec<CalledMatter>, ReadError> {
        ask(&self.searches, move |db| ownership::called(db, from, to, calls, limit)).await
    }
    /// Open matters in which nobody has done anything since then, of one owner or of all; `Some(None)`:
    /// of nobody. At most `limit`.
    pub async fn idle_matters(
        &self,
        since: Time,
        owner: Option<Option<PersonId>>,
        limit: i64,
    ) -> Result<Vec<IdleMatter>, ReadError> {
        ask(&self.searches, move |db| ownership::idle_matters(db, since, owner, limit)).await
    }
    pub async fn obligation(&self, obligation: ObligationId) -> Result<Option<ObligationRow>, ReadError> {
        ask(&self.pages, move |db| obligations::obligation(db, obligation)).await
    }
    /// What is owed, by due time and what stands still last.
    pub async fn owed(&self, filter: OwedFilter) -> Result<Vec<ObligationRow>, ReadError> {
        ask(&self.pages, move |db| owed::list(db, &filter)).await
    }
    /// What is owed, by id, from the one after `after` on.
    pub async fn owed_after(&self, filter: OwedFilter, after: ObligationId) -> Result<Vec<ObligationRow>, ReadError> {
        ask(&self.pages, move |db| owed::after(db, &filter, after)).await
    }
    /// An obligation with all that happened to it.
    pub async fn owed_page(&self, obligation: ObligationId) -> Result<Option<OwedPage>, ReadError> {
        let policy = self.policy();
        ask(&self.pages, move |db| owed::page(db, &policy, obligation)).await
    }
    pub async fn customer(&self, customer: CustomerId) -> Result<Option<Customer>, ReadError> {
        ask(&self.pages, move |db| customers::customer(db, customer)).await
    }
    /// A customer with all that is theirs, also of one who became part of another.
    pub async fn customer_page(&self, customer: CustomerId) -> Result<Option<CustomerPage>, ReadError> {
        ask(&self.pages, move |db| customers::page(db, customer)).await
    }
    pub async fn customers(&self, filter: CustomerFilter) -> Result<Vec<Customer>, ReadError> {
        let policy = self.policy();
        ask(&self.searches, move |db| customers::list(db, &policy.numbering, &filter)).await
    }
    /// Who follows that one, by id.
    pub async fn customers_after(&self, customer: CustomerId, limit: u32) -> Result<Vec<Customer>, ReadError> {
        ask(&self.searches, move |db| customers::after(db, customer, limit)).await
    }
    /// For each line of a file those who have its id, or one of its numbers.
    pub async fn written(&self, rows: Vec<ImportRow>) -> Result<Vec<Vec<Written>>, ReadError> {
        ask(&self.searches, move |db| rows.iter().map(|row| written_for(db, row)).collect()).await
    }
    /// Who is on a number, and the last twenty contacts with them.
    pub async fn look_up(&self, number: Number) -> Result<(Vec<Customer>, Vec<Contact>), ReadError> {
        ask(&self.pops, move |db| customers::look_up(db, &number)).await
    }
    /// Whose calls people are warned of at `now`, newest first; at most [`LIST`].
    pub async fn blacklist(&self, now: Time) -> Result<Vec<Listed>, ReadError> {
        ask(&self.pages, move |db| customers::blacklist(db, now)).await
    }
    /// Whose session it is; none when signed out, expired, or no longer active.
    pub async fn session(&self, session: SessionHash, now: Time) -> Result<Option<Session>, ReadError> {
        let policy = self.policy();
        ask(&self.pops, move |db| people::session(db, &policy, &session, now)).await
    }
    pub async fn credentials(&self, login: String) -> Result<Option<Credentials>, ReadError> {
        ask(&self.pages, move |db| people::credentials(db, &login)).await
    }
    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
    }
    /// The versions of the site's terms, newest first; at most [`LIST`].
    pub async fn policy_versions(&self) -> Result<Vec<PolicyVersion>, ReadError> {
        ask(&self.pages, versions::versions).await
    }
    pub async fn policy_text(&self, version: i64) -> Result<Option<PolicyText>, ReadError> {
        ask(&self.pages, move |db| versions::text(db, version)).await
    }
    /// What people were shown or took away that not everybody sees, newest first, from before that
    /// fact on; at most [`LIST`].
    pub async fn audit(&self, before: Option<i64>) -> Result<Vec<AuditRow>, ReadError> {
        ask(&self.pages, move |db| looks::audit(db, before)).await
    }
    /// Numbers that are masked otherwise: only after the look is on record.
    pub async fn numbers_of(&self, of: Whose) -> Result<Vec<Number>, ReadError> {
        ask(&self.pages, move |db| looks::numbers_of(db, &of)).await
    }
    /// All of the ticket of that number with its place in the chain, over a connection of its own.
    pub async fn evidence(&self, number: String) -> Result<Option<Evidence>, ReadError> {
        let (dir, policy) = (self.dir.clone(), self.policy());
        let gathered = tokio::task::spawn_blocking(move || evidence::gather(&dir, &policy, &number)).await;
        let failed = |error: String| ReadError::Failed(error);
        gathered.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(format!("{error:#}")))
    }
    /// Newest first.
    pub async fn outages(&self, limit: u32) -> Result<Vec<Outage>, ReadError> {
        ask(&self.pages, move |db| sight::outages(db, limit)).await
    }
    /// How much of a period each PBX was seen that was ever looked at, as it is known at `now`.
    pub async fn coverage(&self, from: Time, to: Time, now: Time) -> Result<Vec<Coverage>, ReadError> {
        ask(&self.pages, move |db| coverage::coverage(db, from, to, now)).await
    }
    /// What hindered sight, newest first.
    pub async fn ledger(&self, limit: u32) -> Result<Vec<LedgerRow>, ReadError> {
        ask(&self.pages, move |db| sight::ledger(db, limit)).await
    }
    /// Extensions that were seen and are nobody's; `today_from` is where today began on the site.
    pub async fn unmapped(&self, today_from: Time) -> Result<Vec<UnmappedExtension>, ReadError> {
        ask(&self.pages, move |db| people::unmapped(db, today_from)).await
    }
    /// What the person was told since that message, oldest first; at most [`LIST`].
    pub async fn told(&self, person: PersonId, after: MessageId) -> Result<Vec<Message>, ReadError> {
        ask(&self.pages, move |db| outbox::told(db, person, after)).await
    }
    /// Messages that have not reached their channel, oldest first; at most [`LIST`].
    pub async fn undelivered(&self, after: MessageId) -> Result<Vec<Message>, ReadError> {
        ask(&self.pages, move |db| outbox::undelivered(db, after)).await
    }
    /// What somebody is told of, as it stands now.
    pub async fn told_of(&self, about: About) -> Result<Option<ToldOf>, ReadError> {
        ask(&self.pages, move |db| owed::told_of(db, about)).await
    }
    /// A message, with the first [`LIST`] of what it tells, each with what it is of.
    pub async fn message(&self, message: MessageId) -> Result<Option<(Message, Vec<ToldOf>)>, ReadError> {
        let whole = move |db: &Connection| {
            let Some(message) = outbox::message(db, message)? else { return Ok(None) };
            let of = message.tellings.iter().map(|telling| owed::told_of(db, telling.about));
            let of = of.filter_map(rusqlite::Result::transpose).collect::<rusqlite::Result<_>>()?;
            Ok(Some((message, of)))
        };
        ask(&self.pages, whole).await
    }
}

/// A thread with a connection of its own; it ends with the last [`Reader`].
fn lane(file: &Path, name: &str) -> anyhow::Result<mpsc::Sender<Question>> {
    let db = read_only(file)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let (asking, mut asked) = mpsc::channel::<Question>(QUESTIONS);
    let answer = move || {
        while let Some(question) = asked.blocking_recv() {
            question(&db);
        }
    };
    std::thread::Builder::new().name(name.into()).spawn(answer).context("cannot start a thread for reading")?;
    Ok(asking)
}

/// Each question sees one state of the store, however many statements it takes.
async fn ask<T: Send + 'static>(
    lane: &mpsc::Sender<Question>,
    question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, ReadError> {
    let (reply, answer) = oneshot::channel();
    let job = move |db: &Connection| {
        let found = on_one_state(db, question).map_err(|error| ReadError::Failed(error.to_string()));
        // Whoever asked may have gone meanwhile, as when a browser closed the page.
        let _ = reply.send(found);
    };
    lane.send(Box::new(job)).await.map_err(|_| ReadError::Closed)?;
    answer.await.map_err(|_| ReadError::Closed)?
}

/// A transaction whose two statements, too, are planned once.
fn on_one_state<T>(db: &Connection, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    db.prepare_cached("BEGIN")?.execute([])?;
    let found = question(db);
    db.prepare_cached("COMMIT")?.execute([])?;
    found
}
