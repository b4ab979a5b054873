//! Full text: which matters a word stands in, over all that is written of them, newest first.
//!
//! The one module whose SQL is SQLite's alone (FTS5). A matter is one document: its number, what its
//! form says, what was found out and done, its customer, its notes, the names of its files; assessments
//! are not in it, since whoever sees the matter finds it by its words. The document is written anew, in the
//! same transaction, whenever a fact changed something of it; [`words`] says how it is taken apart.
//! The index keeps no text of its own: what is shown is read from the rows.
//!
//! A store from before there was an index, or with one that another version made, gets its own piece by
//! piece while the daemon runs, newest matters first, so that no start waits for it.

mod marks;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

pub use marks::Piece;
pub use words::Words;

use super::handlings;
use super::questions::tickets::{TICKETS, ticket_row};
use super::read::{Found, Hit, Place, Seek, Seer, Theirs};
use super::regroup::WHOLE;
use crate::desk::customer::CustomerFact;
use crate::desk::fact::Fact;
use crate::desk::ownership::HandFact;
use crate::desk::papers::PaperFact;
use crate::number::Numbering;
use crate::{CustomerId, TicketId};

type Result<T> = rusqlite::Result<T>;

/// Goes up whenever a text is taken apart otherwise than before.
const VERSION: i64 = 2;

/// Older matters that are taken in with one commit: a few milliseconds, for which whatever comes
/// meanwhile waits.
const AT_ONCE: i64 = 200;

/// Notes of one matter that are found; the newest.
const NOTES: i64 = 200;

/// Stands between two fields, so that no phrase reaches from one into the next.
const BREAK: &str = "¶";

/// Makes the index where there is none, or none of this version.
pub fn prepare(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS search_state (version INTEGER NOT NULL, below INTEGER NOT NULL) STRICT",
    )?;
    let made: Option<i64> = db.query_row("SELECT version FROM search_state", [], |row| row.get(0)).optional()?;
    if made == Some(VERSION) {
        return Ok(());
    }
    // One character is the beginning of a token, and so are four digits: these have indexes of their
    // own. The tokens are ours; the tokenizer only parts them at spaces.
    db.execute_batch(
        "DROP TABLE IF EXISTS search; DELETE FROM search_state;
         CREATE VIRTUAL TABLE search USING fts5(text, ends, marks, content = '', contentless_delete = 1,
            tokenize = 'ascii', prefix = '1 4');",
    )?;
    let below = "INSERT INTO search_state (version, below) SELECT ?1, coalesce(max(id), -1) + 1 FROM tickets";
    db.execute(below, [VERSION]).map(drop)
}

/// Takes in some of the matters that are not in the index yet; says whether there are more.
pub fn take_older(db: &Connection) -> Result<bool> {
    let older: Vec<i64> = db
        .prepare_cached("SELECT id FROM tickets WHERE id < (SELECT below FROM search_state) ORDER BY id DESC LIMIT ?1")?
        .query_map([AT_ONCE], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for id in &older {
        take(db, TicketId(*id))?;
    }
    let below = older.last().copied().unwrap_or(0);
    db.prepare_cached("UPDATE search_state SET below = ?1")?.execute([below])?;
    Ok(below > 0)
}

/// Whether there are matters that are not in the index yet.
pub fn lacks(db: &Connection) -> Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM tickets WHERE id < (SELECT below FROM search_state))")?
        .query_row([], |row| row.get(0))
}

/// Brings the index up to what these facts changed.
pub fn follow(db: &Connection, facts: &[Fact]) -> Result<()> {
    let mut changed = BTreeSet::new();
    for fact in facts {
        match touched(fact) {
            Touched::Nothing => {}
            Touched::Ticket(ticket) => changed.extend([ticket]),
            Touched::Tickets(tickets) => changed.extend(tickets),
            Touched::Customer(customer) => changed.extend(tickets_of(db, customer)?),
            Touched::Both(customers) => {
                for customer in customers {
                    changed.extend(tickets_of(db, customer)?);
                }
            }
        }
    }
    changed.into_iter().try_for_each(|ticket| take(db, ticket))
}

/// Whose document a fact changes.
enum Touched {
    Nothing,
    Ticket(TicketId),
    Tickets([TicketId; 2]),
    Customer(CustomerId),
    Both([CustomerId; 2]),
}

fn touched(fact: &Fact) -> Touched {
    match fact {
        Fact::TicketOpened { ticket, .. } => Touched::Ticket(ticket.id),
        Fact::TicketSaved { ticket, .. }
        | Fact::TicketLinked { ticket, .. }
        | Fact::TicketReopened { ticket, .. }
        | Fact::OwnerTaken { ticket, .. } => Touched::Ticket(*ticket),
        Fact::CustomerSaved { customer, .. } => Touched::Customer(*customer),
        Fact::Paper(fact) => match fact {
            PaperFact::Commented { ticket, .. } | PaperFact::Attached { ticket, .. } => Touched::Ticket(*ticket),
            PaperFact::Tied { .. } | PaperFact::Untied { .. } => Touched::Nothing,
        },
        Fact::Regroup(fact) => Touched::Tickets(fact.tickets()),
        Fact::Customer(fact) => match fact {
            // Also their other matters, which are found by the customer's numbers.
            CustomerFact::Shifted { shift, .. } | CustomerFact::ShiftUndone { shift, .. } => {
                Touched::Both([shift.giver, shift.taker])
            }
            CustomerFact::ComplaintTold { .. } | CustomerFact::Blacklisted { .. } | CustomerFact::TakenOff { .. } => {
                Touched::Nothing
            }
        },
        // Findings are looked for as comments are.
        Fact::Handling(fact) => Touched::Ticket(fact.ticket()),
        Fact::Hand(fact) => match &**fact {
            HandFact::Given { ticket, .. } | HandFact::Offered { ticket, .. } | HandFact::OfferEnded { ticket, .. } => {
                Touched::Ticket(*ticket)
            }
        },
        Fact::DepartmentSet { .. }
        | Fact::Notified { .. }
        | Fact::CallSeen { .. }
        | Fact::CallJoined { .. }
        | Fact::CallMoved { .. }
        | Fact::CallsMerged { .. }
        | Fact::DraftKept { .. }
        | Fact::ObligationBegan { .. }
        | Fact::ObligationMoved { .. }
        | Fact::Unmoved { .. }
        | Fact::AttemptMade { .. }
        | Fact::ObligationKept { .. }
        | Fact::RungFired { .. }
        | Fact::Claimed { .. }
        | Fact::CalledBeside { .. }
        | Fact::Suspended { .. }
        | Fact::Resumed { .. }
        | Fact::ObligationEnded { .. }
        | Fact::Accepted { .. }
        | Fact::Surveyed { .. }
        | Fact::PolicySet { .. }
        | Fact::PersonAdded { .. }
        | Fact::PasswordSet { .. }
        | Fact::PersonChanged { .. }
        | Fact::AwaySet { .. }
        | Fact::ExtensionMapped { .. }
        | Fact::ExtensionIgnored { .. }
        | Fact::SignedIn { .. }
        | Fact::SessionKept { .. }
        | Fact::SignedOut { .. }
        | Fact::LanguageSet { .. }
        | Fact::Survey(_)
        | Fact::Draw(_)
        | Fact::Looked { .. }
        | Fact::Asked { .. } => Touched::Nothing,
    }
}

fn tickets_of(db: &Connection, customer: CustomerId) -> Result<Vec<TicketId>> {
    db.prepare_cached("SELECT id FROM tickets WHERE customer = ?1")?
        .query_map([customer.0], |row| row.get(0).map(TicketId))?
        .collect()
}

fn take(db: &Connection, ticket: TicketId) -> Result<()> {
    let Some(document) = document(db, ticket)? else { return Ok(()) };
    db.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([ticket.0])?;
    db.prepare_cached("INSERT INTO search (rowid, text, ends, marks) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![ticket.0, document.text(), document.ends(), document.marks.join(" ")])
        .map(drop)
}

/// All that is written of a matter, and how it stands.
struct Document {
    fields: Vec<(Place, String)>,
    /// Found by every end, and in no sentence.
    numbers: Vec<String>,
    /// Whether it is open, and whom it concerns.
    marks: Vec<String>,
}

impl Document {
    fn text(&self) -> String {
        let fields = self.fields.iter().map(|(_, text)| words::tokens(text).collect::<Vec<_>>().join(" "));
        fields.collect::<Vec<_>>().join(&format!(" {BREAK} "))
    }

    fn ends(&self) -> String {
        let of_texts = self.fields.iter().flat_map(|(_, text)| words::ends(text));
        let all: BTreeSet<String> = of_texts.chain(self.numbers.iter().flat_map(|n| words::ends_of(n))).collect();
        all.into_iter().collect::<Vec<_>>().join(" ")
    }
}

fn document(db: &Connection, TicketId(id): TicketId) -> Result<Option<Document>> {
    let head = db
        .prepare_cached(
            "SELECT t.number, t.summary, t.course, t.demand, t.object_product, t.object_order, t.object_batch,
                t.object_person, t.object_department, t.caller, t.is_open, t.owner, t.customer, t.handler, t.department,
                f.to_person, f.to_department,
                coalesce(c.name, '') AS name, coalesce(c.company, '') AS company,
                CASE WHEN c.key_customer = 1 THEN c.manager END AS manager
             FROM tickets t LEFT JOIN customers c ON c.id = t.customer
             LEFT JOIN offers f ON f.ticket = t.id AND f.ended IS NULL WHERE t.id = ?1",
        )?
        .query_row([id], |row| {
            let mark = if row.get("is_open")? { "open" } else { "closed" };
            let number: String = row.get("number")?;
            let fields = vec![
                (Place::Summary, row.get("summary")?),
                (Place::Course, row.get("course")?),
                (Place::Demand, row.get("demand")?),
                (Place::Object, row.get("object_product")?),
                (Place::Object, row.get("object_order")?),
                (Place::Object, row.get("object_batch")?),
                (Place::Object, row.get("object_person")?),
                (Place::Object, row.get("object_department")?),
                (Place::Customer, row.get("name")?),
                (Place::Customer, row.get("company")?),
                (Place::Number, number.clone()),
            ];
            let caller: Option<String> = row.get("caller")?;
            let mut marks = vec![mark.to_owned(), of(row.get("owner")?)];
            for person in ["manager", "handler", "to_person"] {
                marks.extend(row.get::<_, Option<i64>>(person)?.map(|person| of(Some(person))));
            }
            for department in ["department", "to_department"] {
                marks.extend(row.get::<_, Option<String>>(department)?.map(|name| at(&name)));
            }
            let numbers = [number].into_iter().chain(caller).collect();
            Ok((Document { fields, numbers, marks }, row.get::<_, Option<i64>>("customer")?))
        })
        .optional()?;
    let Some((mut document, customer)) = head else { return Ok(None) };
    let mut more = |place: Place, sql: &str, key: &dyn rusqlite::ToSql| -> Result<()> {
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query_map([key], |row| row.get::<_, String>(0))?;
        rows.try_for_each(|text| text.map(|text| document.fields.push((place, text))))
    };
    // Whoever has the number of one that became part of it finds it.
    let parts = format!("SELECT number FROM tickets WHERE id IN {WHOLE} AND id <> ?1 ORDER BY id");
    more(Place::Number, &parts, &id)?;
    let notes = format!("SELECT words FROM comments WHERE ticket = ?1 ORDER BY id DESC LIMIT {NOTES}");
    more(Place::Comment, &notes, &id)?;
    more(Place::Attachment, "SELECT name FROM attachments WHERE ticket = ?1 ORDER BY id DESC", &id)?;
    let handled = handlings::texts(db, TicketId(id))?;
    document.fields.extend(handled.into_iter().map(|text| (Place::Handling, text)));
    let numbers: Vec<String> = db
        .prepare_cached("SELECT number FROM customer_numbers WHERE customer = ?1 ORDER BY place")?
        .query_map([customer], |row| row.get(0))?
        .collect::<Result<_>>()?;
    document.numbers.extend(numbers);
    Ok(Some(document))
}

/// The mark of a department, in the letters of a token.
fn at(department: &str) -> String {
    let digits: String = department.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("at{digits}")
}

/// The mark of whom it concerns: its owner, who works on it or is offered it, or who looks after its
/// customer; nobody's: of none.
fn of(owner: Option<i64>) -> String {
    format!("of{}", owner.map_or_else(|| "none".to_owned(), |id| id.to_string()))
}

/// Matters in which all the words stand, open ones first, the newest first.
pub fn seek(db: &Connection, numbering: &Numbering, seek: &Seek) -> Result<Vec<Found>> {
    let Some(words) = Words::read(numbering, &seek.text) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let states: &[(&str, bool)] = match seek.open {
        None => &[("open", true), ("closed", false)],
        Some(true) => &[("open", true)],
        Some(false) => &[("closed", false)],
    };
    for (mark, is_open) in states {
        let mut expression = format!("({}) AND marks : \"{mark}\"", words.expression());
        if let Seer::These(Theirs { people, departments, nobodys }) = &seek.by {
            let people = people.iter().map(|id| of(Some(id.0)));
            let departments = departments.iter().map(|name| at(name.as_str()));
            let theirs = people.chain(departments).chain(nobodys.then(|| of(None)));
            let theirs: Vec<String> = theirs.map(|mark| format!("\"{mark}\"")).collect();
            if theirs.is_empty() {
                return Ok(Vec::new());
            }
            expression.push_str(&format!(" AND marks : ({})", theirs.join(" OR ")));
        }
        let limit = i64::from(seek.limit) - found.len() as i64;
        let sql = format!(
            "{TICKETS} WHERE t.is_open = ?2 AND t.id IN (
                SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid DESC LIMIT ?3) ORDER BY t.id DESC"
        );
        let rows = db
            .prepare_cached(&sql)?
            .query_map(params![expression, is_open, limit.max(0)], ticket_row)?
            .collect::<Result<Vec<_>>>()?;
        for row in rows {
            let hits = hits(db, row.ticket.id, &words)?;
            found.push(Found { row, hits });
        }
    }
    Ok(found)
}

/// Where the words stand: each field that has one, those that have more of them first.
fn hits(db: &Connection, ticket: TicketId, words: &Words) -> Result<Vec<Hit>> {
    let Some(Document { fields, numbers, .. }) = document(db, ticket)? else { return Ok(Vec::new()) };
    let phones = numbers.into_iter().skip(1).map(|number| (Place::Phone, number));
    let marked = fields.into_iter().chain(phones).filter_map(|(place, text)| {
        let pieces = marks::marked(&text, words)?;
        Some(Hit { place, pieces })
    });
    let mut hits: Vec<Hit> = marked.collect();
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.pieces.iter().filter(|piece| piece.hit).count()));
    Ok(hits)
}
