//! The customer's card as a pop asks for it: a question to a reader's thread and its answer.

mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use daemon::calls::call::{Call, Direction, EndedBy, Outcome, Segment};
use daemon::config::Config;
use daemon::desk::command::{Command, CustomerForm};
use daemon::desk::decide::Input;
use daemon::number::Number;
use daemon::store::Store;
use told::tell;

/// Customers in the store, each with [`CONTACTS`] calls on one ticket, the last of them missed.
const CUSTOMERS: i64 = 2_000;
const CONTACTS: i64 = 10;

/// Questions that are timed.
const ASKED: usize = 20_000;

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path(), daemon::policy(&Config::without_file())).expect("a store");
    furnish(&mut store);
    let reader = store.reader().expect("a reader");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut times: Vec<Duration> = (0..ASKED as i64)
        .map(|nth| {
            let number = number(nth * 7919 % CUSTOMERS);
            let begun = Instant::now();
            let card = runtime.block_on(reader.card(Some(number))).expect("a card");
            let took = begun.elapsed();
            let whole =
                (card.customers.len(), card.contacts_total, card.open_tickets.len(), card.open_obligations.len());
            assert_eq!(whole, (1, CONTACTS, 1, 1));
            took
        })
        .collect();
    times.sort();
    let ms = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    tell("a card with ten contacts, median", ms(50), "ms", "≤ 0.1", ms(50) <= 0.1);
    println!("  99 of 100 within {:.3} ms", ms(99));
}

fn number(nth: i64) -> Number {
    Number::from_canonical(&format!("+86138{nth:08}"))
}

fn furnish(store: &mut Store) {
    let from = Utc::now() - TimeDelta::hours(1);
    for nth in 0..CUSTOMERS {
        let form = CustomerForm {
            name: format!("Customer {nth}"),
            numbers: vec![number(nth).as_str().to_owned()],
            ..CustomerForm::default()
        };
        let command = Command::SaveCustomer { customer: None, ticket: None, form };
        store.give(command, from).expect("a commit").expect("a customer");
    }
    store
        .together(|writing| {
            for nth in 0..CUSTOMERS {
                for contact in 0..CONTACTS {
                    let call = Arc::new(call(nth, contact, from + TimeDelta::seconds(contact * 60)));
                    let at = call.ended_at.unwrap_or(from);
                    let refused = writing.decide(&Input::Call { at, call }, at)?;
                    assert!(refused.is_ok(), "{refused:?}");
                }
            }
            Ok(())
        })
        .expect("a commit");
}

fn call(nth: i64, contact: i64, from: daemon::Time) -> Call {
    let missed = contact + 1 == CONTACTS;
    let to = from + TimeDelta::seconds(40);
    let talk = Segment { agent: "1001".into(), queue: None, from, to: Some(to), holds: Vec::new() };
    Call {
        id: format!("bench-{nth}-{contact}").as_str().into(),
        pbx: "bench".into(),
        direction: Direction::Inbound,
        caller: Some(number(nth).as_str().to_owned()),
        caller_name: None,
        number: Some(number(nth)),
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
        survey: None,
        originated: None,
        certain: true,
    }
}
