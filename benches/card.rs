//! The pop's card as it is asked for, and drawn: ten million customers in the store, and twenty contacts
//! of whoever calls. Beside it a bare query by the same indexes, on a connection of its own.

mod told;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use admin::parts::pop::PopCard;
use admin::pen::Pen;
use admin::text::Language;
use chrono::{TimeDelta, Utc};
use daemon::calls::call::{Call, Direction, EndedBy, Outcome, Segment, Wait};
use daemon::calls::pop::PopState;
use daemon::config::Config;
use daemon::desk::decide::Input;
use daemon::desk::policy::{Script, Scripts};
use daemon::live::Pop;
use daemon::number::Number;
use daemon::store::Store;
use rusqlite::{Connection, OpenFlags};
use told::tell;

/// Customers in the store, each with a number.
const CUSTOMERS: i64 = 10_000_000;

/// Customers who call, spread over all; each with [`CONTACTS`] calls on one ticket, the last missed.
const CALLERS: i64 = 500;
const CONTACTS: i64 = 20;

/// Questions that are timed.
const ASKED: usize = 10_000;

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let begun = Instant::now();
    drop(open(dir.path()));
    people(dir.path());
    let mut store = open(dir.path());
    history(&mut store);
    println!("  {CUSTOMERS} customers stand after {} s", begun.elapsed().as_secs());
    let reader = store.reader().expect("a reader");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let bare = Connection::open_with_flags(file(dir.path()), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file");
    let sql = "SELECT p.name, c.id, c.started_at_ms, c.outcome, c.talk_ms FROM customer_numbers n
        JOIN customers p ON p.id = n.customer JOIN calls c ON c.number = n.number
        WHERE n.number = ?1 AND c.merged_into IS NULL ORDER BY c.started_at_ms DESC LIMIT 20";
    let mut bare = bare.prepare(sql).expect("a question");

    let scripts = scripts();
    let [mut asked, mut drawn, mut looked_up] = [(); 3].map(|()| Vec::with_capacity(ASKED));
    for nth in 0..ASKED as i64 {
        let number = number(caller(nth * 7919 % CALLERS));
        let begun = Instant::now();
        let rows = bare.query_map([number.as_str()], |row| row.get::<_, String>(1)).expect("an answer");
        assert_eq!(rows.count() as i64, CONTACTS);
        looked_up.push(begun.elapsed());

        let begun = Instant::now();
        let card = runtime.block_on(reader.card(Some(number.clone()))).expect("a card");
        asked.push(begun.elapsed());
        let whole = (card.customers.len(), card.contacts.len(), card.contacts_total, card.open_tickets.len());
        assert_eq!((whole, card.open_obligations.is_empty()), ((1, 5, CONTACTS, 1), false));
        let card = PopCard::new(pen(), Arc::new(rings(number)), card, Arc::default(), &scripts);
        let html = card.to_string();
        drawn.push(begun.elapsed());
        assert!(html.contains("您好"), "{html}");
    }
    let [looked_up, asked, drawn] = [looked_up, asked, drawn].map(Spread::of);
    println!("  a bare query by the same indexes: {looked_up}");
    println!("  the card: {asked}, {:.1} times the bare query", asked.median_ms / looked_up.median_ms);
    let times = drawn.median_ms / looked_up.median_ms;
    println!("  the card and its pop as HTML: {drawn}, {times:.1} times the bare query");
    tell("a pop among ten million customers, 99 of 100", drawn.most_ms, "ms", "≤ 1", drawn.most_ms <= 1.0);
}

/// Of many times the middle one, and the one that 99 of 100 keep within.
struct Spread {
    median_ms: f64,
    most_ms: f64,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Spread {
        times.sort();
        let ms = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
        Spread { median_ms: ms(50), most_ms: ms(99) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "median {:.3} ms, 99 of 100 within {:.3} ms", self.median_ms, self.most_ms)
    }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, daemon::policy(&Config::without_file())).expect("a store")
}

fn file(dir: &Path) -> std::path::PathBuf {
    dir.join("ringback.sqlite")
}

/// Everybody, without the facts that would tell of them: they are not what is measured.
fn people(dir: &Path) {
    let db = Connection::open(file(dir)).expect("the file");
    db.execute_batch(&format!(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144;
         BEGIN;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CUSTOMERS})
         INSERT INTO customers (id, name, company, address, key_customer, note, version)
             SELECT i, printf('客户%08d', i), '', '', i % 100 = 0, '', 1 FROM n;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CUSTOMERS})
         INSERT INTO customer_numbers (number, customer, place) SELECT printf('+86138%08d', i), i, 0 FROM n;
         COMMIT; PRAGMA journal_mode = WAL;"
    ))
    .expect("ten million customers");
}

fn caller(nth: i64) -> i64 {
    1 + nth * (CUSTOMERS / CALLERS)
}

fn number(customer: i64) -> Number {
    Number::from_canonical(&format!("+86138{customer:08}"))
}

fn history(store: &mut Store) {
    let from = Utc::now() - TimeDelta::hours(1);
    store
        .together(|writing| {
            for nth in 0..CALLERS {
                for contact in 0..CONTACTS {
                    let call = Arc::new(call(caller(nth), contact, from + TimeDelta::seconds(contact * 60)));
                    let at = call.ended_at.unwrap_or(from);
                    let refused = writing.decide(&Input::Call { at, call }, at)?;
                    assert!(refused.is_ok(), "{refused:?}");
                }
            }
            Ok(())
        })
        .expect("a commit");
}

fn call(customer: i64, contact: i64, from: daemon::Time) -> Call {
    let missed = contact + 1 == CONTACTS;
    let to = from + TimeDelta::seconds(40);
    let talk = Segment { agent: "1001".into(), queue: None, from, to: Some(to), holds: Vec::new() };
    Call {
        id: format!("bench-{customer}-{contact}").as_str().into(),
        pbx: "bench".into(),
        direction: Direction::Inbound,
        caller: Some(number(customer).as_str().to_owned()),
        caller_name: None,
        number: Some(number(customer)),
        to: Some("support".into()),
        agent: None,
        started_at: from,
        answered_at: (!missed).then_some(from),
        ended_at: Some(to),
        outcome: Some(if missed { Outcome::Abandoned } else { Outcome::Answered }),
        ended_by: Some(EndedBy::Caller),
        waits: Vec::new(),
        segments: if missed { Vec::new() } else { vec![talk] },
        offers: Vec::new(),
        transfers: Vec::new(),
        originated: None,
        certain: true,
        survey: None,
    }
}

/// The same customer calls once more.
fn rings(number: Number) -> Pop {
    let since = Utc::now();
    let waited = Wait { queue: "support".into(), joined_at: since, left_at: None };
    let call = Call {
        id: "bench-now".into(),
        caller: Some(number.as_str().to_owned()),
        number: Some(number),
        ended_at: None,
        outcome: None,
        ended_by: None,
        answered_at: None,
        segments: Vec::new(),
        waits: vec![waited],
        ..call(1, 0, since)
    };
    Pop { call: Arc::new(call), agent: "1001".into(), state: PopState::Ringing { since } }
}

fn scripts() -> Scripts {
    let never = ["今天一定修好", "换机、退款批准之前，不说金额和日期"].map(str::to_owned).to_vec();
    let script = Script { say: "您好，这里是售后服务".to_owned(), never };
    Scripts { queues: [("support".into(), script)].into(), ..Scripts::default() }
}

fn pen() -> Pen {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone");
    Pen { language: Language::ZhCn, zone, now: Utc::now(), masked: true, may_show: true }
}
