//! Which rows a transaction touched, as the database itself tells it, and the tables whose rows are
//! sealed.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;

use super::Result;

/// Tables that are not sealed: what passes, and what is kept of it elsewhere. Facts and seals have
/// hashes of their own.
const UNSEALED: &[&str] = &[
    "alive",
    "chain_key",
    "drafts",
    "facts",
    "journal",
    "refinery_schema_history",
    "seals",
    "search_state",
    "seen_extensions",
    "sessions",
    "sources",
];

/// All other tables, by name, with what is asked of each.
#[derive(Clone, Debug)]
pub struct Tables(Vec<Table>);

#[derive(Clone, Debug)]
struct Table {
    name: String,
    one: String,
    scan: String,
}

impl Tables {
    /// Those of an open store. An index of words and its parts are made of other tables' rows.
    pub fn of(db: &Connection) -> Result<Tables> {
        let names = db
            .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<Vec<String>>>()?;
        let sealed = names.into_iter().filter(|name| !name.starts_with("sqlite_") && !UNSEALED.contains(&&**name));
        Ok(Tables(sealed.map(Table::new).collect()))
    }
    pub fn all(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.0.len()
    }
    pub fn name(&self, table: usize) -> &str {
        &self.0[table].name
    }
    pub fn find(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|table| (*table.name).cmp(name)).ok()
    }
    /// The question for one row by its rowid, which is the answer's first column.
    pub fn one(&self, table: usize) -> &str {
        &self.0[table].one
    }
    /// The question for all rows.
    pub fn scan(&self, table: usize) -> &str {
        &self.0[table].scan
    }
}

impl Table {
    fn new(name: String) -> Table {
        let scan = format!("SELECT rowid, * FROM {name}");
        Table { one: format!("{scan} WHERE rowid = ?1"), scan: format!("{scan} ORDER BY rowid"), name }
    }
}

/// Rows that the open transaction touched. As many as it writes are told, and no more.
#[derive(Debug)]
pub struct Touched {
    tables: Tables,
    told: Receiver<(usize, i64)>,
}

impl Touched {
    /// From now on the connection tells. It stays silent of rows that give way to others by
    /// `INSERT OR REPLACE`, and of those of a table that is emptied without a `WHERE`: neither is
    /// used.
    pub fn watch(db: &mut Connection) -> Result<Touched> {
        let tables = Tables::of(db)?;
        let (tell, told) = channel();
        let known = tables.clone();
        db.update_hook(Some(move |_, _: &str, table: &str, rowid| hear(&tell, &known, table, rowid)))?;
        Ok(Touched { tables, told })
    }
    pub fn tables(&self) -> &Tables {
        &self.tables
    }
    /// And forgets them.
    pub fn take(&self) -> BTreeSet<(usize, i64)> {
        self.told.try_iter().collect()
    }
}

fn hear(tell: &Sender<(usize, i64)>, tables: &Tables, table: &str, rowid: i64) {
    if let Some(table) = tables.find(table) {
        // Nobody listens any more only where the store is being closed.
        let _ = tell.send((table, rowid));
    }
}
