//! The data directory: who may open it, and what is refused untouched.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Store;
use super::questions::obligations;
use super::read::{Seek, Seer};
use crate::Role;
use crate::desk::command::{Command, Done, Given, TicketForm};
use crate::desk::decide::Input;
use crate::desk::handling::Handle;
use crate::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use crate::engine::house::{House, policy, t};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nobody_else_reads_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let mut store = Store::open(&data, policy()).unwrap();
    store.ensure_admin("hash", t(0.0)).unwrap();
    assert_eq!(mode(&data), 0o700);
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_second_daemon_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), policy()).unwrap();
    let refused = Store::open(dir.path(), policy()).unwrap_err().to_string();
    let pid = std::process::id();
    assert!(refused.contains(&format!("another ringback (pid {pid}) holds {}", dir.path().display())), "{refused}");
    drop(first);
    Store::open(dir.path(), policy()).unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), policy()).unwrap());
    let file = dir.path().join("ringback.sqlite");
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (99, 'later', '2027-01-01T00:00:00Z', '1')",
            [],
        )
        .unwrap();
    newer.close().unwrap();
    let before = std::fs::read(&file).unwrap();
    let refused = Store::open(dir.path(), policy()).unwrap_err().to_string();
    assert!(refused.contains("newer ringback (schema 99; this one knows up to "), "{refused}");
    assert!(std::fs::read(&file).unwrap() == before, "not a byte changed");
}

#[test]
fn what_is_no_database_or_is_damaged_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ringback.sqlite");
    std::fs::write(&file, "dear diary, this is no database at all, but long enough to look at".repeat(100)).unwrap();
    let refused = format!("{:#}", Store::open(dir.path(), policy()).unwrap_err());
    assert!(refused.contains("not a ringback database"), "{refused}");
}

#[test]
fn the_first_start_makes_one_admin_and_no_other_start_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), policy()).unwrap();
    assert!(store.ensure_admin("hash", t(0.0)).unwrap());
    assert!(!store.ensure_admin("other", t(1.0)).unwrap());
    drop(store);
    let mut store = Store::open(dir.path(), policy()).unwrap();
    assert!(!store.ensure_admin("other", t(2.0)).unwrap());
    let found: String = store.db.query_row("SELECT login || password_hash FROM people", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "adminhash");
}

#[test]
fn ids_rise_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), policy()).unwrap();
    store.ensure_admin("hash", t(0.0)).unwrap();
    let highest = |store: &Store| -> (i64, i64) {
        let ask = |sql| store.db.query_row(sql, [], |row| row.get(0)).unwrap();
        (ask("SELECT max(seq) FROM facts"), ask("SELECT max(id) FROM people"))
    };
    let (seq, person) = highest(&store);
    assert!(seq > person, "a fact comes after the ids that it brought");
    drop(store);
    let mut store = Store::open(dir.path(), policy()).unwrap();
    assert!(store.ids.draw(1) > seq);
}

/// However a number is kept, and however it is typed, whole or by its last digits.
#[test]
fn tickets_are_found_by_any_way_of_writing_their_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), policy()).unwrap();
    let (login, name, password_hash) = ("zhou".into(), "周晓云".into(), "hash".into());
    let add = Command::AddPerson { login, name, role: Role::Agent, password_hash };
    let Ok(Done::Person(person)) = store.give(add, t(0.0)).unwrap() else { panic!("nobody was added") };
    let beijing = Some("+861062345678".to_owned());
    // As one that the numbering plan does not hold is kept: as it was dialled.
    let unplanned = Some("07552600000".to_owned());
    for number in [beijing, unplanned] {
        let command = Command::OpenTicket {
            call: None,
            customer: None,
            number,
            kind: Kind::Consultation,
            channel: Channel::Phone,
        };
        let opened = Input::Given(Box::new(Given { by: Some(person), command }));
        store.together(|writing| writing.decide(&opened, t(1.0))).unwrap().unwrap();
    }
    let found = |text: &str| -> Vec<String> {
        let seek = Seek { text: text.into(), open: None, by: Seer::All, limit: 10 };
        let rows = super::search::seek(&store.db, &policy().numbering, &seek).unwrap();
        rows.into_iter().map(|found| found.row.ticket.caller.unwrap().as_str().to_owned()).collect()
    };
    for typed in ["01062345678", "+861062345678", "0086 10 6234-5678", "010-6234 5678", "62345678", "5678", "0106234"] {
        assert_eq!(found(typed), ["+861062345678"], "{typed}");
    }
    for typed in ["07552600000", "+867552600000", "0755-2600000", "2600000"] {
        assert_eq!(found(typed), ["07552600000"], "{typed}");
    }
    assert_eq!(found("0000").len(), 1);
    assert_eq!(found("13800138000"), [""; 0]);
    assert_eq!(found(""), [""; 0]);
}

/// What an earlier version kept is there after the upgrade: its obligations, and the rungs, attempts
/// and messages that speak of them.
#[test]
fn obligations_of_an_earlier_version_are_brought_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = rusqlite::Connection::open(dir.path().join("ringback.sqlite")).unwrap();
    super::open::migrate_to(&mut db, 5);
    db.execute_batch(
        "INSERT INTO people VALUES (1, 'ann', 'Ann', 'agent', 'hash', 1, NULL, 0);
         INSERT INTO facts VALUES (9, 0, 'person_added', NULL, NULL, NULL, NULL, NULL, 1, '{}');
         INSERT INTO tickets (id, number, day, nth, kind, category, priority, summary, course, demand, state, is_open,
                opened_at_ms, version)
            VALUES (2, '20261122-0001', 20261122, 1, 'consultation', '', 'normal', '', '', '', 'new', 1, 0, 1);
         INSERT INTO calls (id, pbx, direction, started_at_ms, certain, talk_ms, proven, seen_at_ms, ticket, detail)
            VALUES ('c', 'hq', 'inbound', 0, 1, 0, 0, 0, 2, '{}'), ('d', 'hq', 'inbound', 0, 1, 0, 0, 0, 2, '{}');
         INSERT INTO obligations (id, kind, ticket, call, number, owner, began_at_ms, reminder_at_ms, due_at_ms,
                escalated_at_ms, state, next_rung, next_rung_at_ms)
            VALUES (3, 'missed_call', 2, 'c', '+8613800135827', 1, 1000, 2000, 3000, 4000, 'open', 'due', 3000);
         INSERT INTO obligations (id, kind, ticket, call, number, began_at_ms, reminder_at_ms, due_at_ms,
                escalated_at_ms, state, proof_call, proof_agent, proof_from_ms, proof_talk_ms)
            VALUES (4, 'missed_call', 2, 'd', '+8613800135827', 1000, 2000, 3000, 4000, 'kept', 'd', '1001', 1500, 9);
         INSERT INTO rungs VALUES (3, 'reminder', 2000, 2001, 0);
         INSERT INTO attempts VALUES (3, 'd', 'busy', 1800);
         INSERT INTO dials VALUES ('ringback-7', 3, 'hq', 1, 1700);
         INSERT INTO outbox VALUES (5, 'rung:3:reminder:1', 'desk', 1, 3, 'reminder', 2001, NULL);",
    )
    .unwrap();
    drop(db);
    let store = Store::open(dir.path(), policy()).unwrap();
    assert_eq!(store.next_due(&Default::default()).unwrap(), Some(crate::Time::from_timestamp_millis(3000).unwrap()));
    let open = obligations::obligation(&store.db, crate::ObligationId(3)).unwrap().unwrap();
    assert_eq!((open.fired.len(), open.attempts, open.owner), (1, 1, Some(crate::PersonId(1))));
    let kept = obligations::obligation(&store.db, crate::ObligationId(4)).unwrap().unwrap();
    assert_eq!(kept.proof.map(|proof| proof.talk_ms), Some(9));
    assert!(store.db.execute("DELETE FROM obligations WHERE id = 3", []).is_err(), "others speak of it");
}

/// A matter that was open before solutions were owed is owed one since it was opened, or opened again;
/// a solution that is known already, and a matter that is over, are left alone.
#[test]
fn open_matters_of_an_earlier_version_are_owed_a_solution() {
    let mut house = House::new();
    let boss = house.person("boss", Role::Supervisor, None);
    let opened = |house: &mut House, kind, hour: f64| {
        house.until(t(hour * 3600.0));
        let number = Some("+8613800138000".to_owned());
        let channel = Channel::Phone;
        let open = Command::OpenTicket { call: None, customer: None, number, kind, channel };
        let Ok(Done::Ticket(ticket)) = house.give(Some(boss), open) else { panic!("no ticket") };
        ticket
    };
    let save = |house: &mut House, kind, hour: f64, ticket, version, state| {
        house.until(t(hour * 3600.0));
        let form = TicketForm {
            kind,
            category: "delivery".into(),
            priority: Priority::Urgent,
            complexity: Complexity::Simple,
            channel: Channel::Phone,
            summary: "says \"state\":\"closed\" in its text".into(),
            course: String::new(),
            demand: String::new(),
            object: Object::default(),
        };
        house.give(Some(boss), Command::SaveTicket { ticket, version, form, state }).unwrap();
    };
    let [plain, over, again] = [Kind::Complaint, Kind::Other, Kind::Other].map(|kind| opened(&mut house, kind, 0.0));
    let known = opened(&mut house, Kind::Complaint, 1.0);
    save(&mut house, Kind::Other, 2.0, over, 1, TicketState::Closed);
    save(&mut house, Kind::Other, 3.0, again, 1, TicketState::Resolved);
    save(&mut house, Kind::Complaint, 4.0, again, 2, TicketState::InProgress);
    save(&mut house, Kind::Complaint, 5.0, again, 3, TicketState::InProgress);
    save(&mut house, Kind::Complaint, 5.0, plain, 1, TicketState::InProgress);
    // As it was before: nothing but missed calls was owed.
    house.engine = None;
    let dir = house.dir.path().join("data");
    let db = rusqlite::Connection::open(dir.join("ringback.sqlite")).unwrap();
    db.execute_batch(&format!(
        "PRAGMA foreign_keys = OFF;
         DELETE FROM facts WHERE obligation IN (SELECT id FROM obligations WHERE ticket <> {known});
         DELETE FROM outbox; DELETE FROM messages; DELETE FROM rungs;
         DELETE FROM obligations WHERE ticket <> {known};
         DROP TABLE suspensions; DROP INDEX IF EXISTS suspensions_that_last;
         CREATE TABLE suspensions (obligation INTEGER NOT NULL REFERENCES obligations (id), from_ms INTEGER NOT NULL,
            to_ms INTEGER, reason TEXT NOT NULL, by_person INTEGER, PRIMARY KEY (obligation, from_ms)) STRICT;
         INSERT INTO suspensions SELECT id, 5, 9, 'why', NULL FROM obligations WHERE ticket = {known} AND kind = 'resolution';
         ALTER TABLE people DROP COLUMN paced_until_ms;"
    ))
    .unwrap();
    // By hand, since later ones have run too.
    db.execute_batch(include_str!("migrations/V10__owed.sql")).unwrap();
    drop(db);
    house.crash();
    house.until(t(6.0 * 3600.0));
    let rows = house.sql(
        "SELECT t.id || ' ' || ((o.began_at_ms - 1795485600000) / 3600000) || ' ' || ((o.due_at_ms - o.began_at_ms) / 3600000)
            || ' ' || o.policy || ' ' || (SELECT count(*) FROM rungs r WHERE r.obligation = o.id)
         FROM obligations o JOIN tickets t ON t.id = o.ticket WHERE o.kind = 'resolution' AND o.state = 'open' ORDER BY t.id",
    );
    assert_eq!(rows, [format!("{plain} 0 24 0 0"), format!("{again} 4 24 0 0"), format!("{known} 1 24 0 0")]);
    assert_eq!(house.sql("SELECT reason FROM suspensions"), ["why"]);
    house.until(t(40.0 * 3600.0));
    assert_eq!(house.sql("SELECT count(*) || ' ' || sum(late) FROM rungs r JOIN obligations o ON o.id = r.obligation AND o.kind = 'resolution'"), ["6 0"]);
    let facts = "SELECT count(*) || ' ' || min(json_extract(body, '$.kind')) FROM facts f \
                 JOIN obligations o ON o.id = f.obligation AND o.kind = 'resolution' WHERE f.kind = 'obligation_began'";
    assert_eq!(house.sql(facts), ["3 complaint"]);
    let reclass = Handle::Reclass { kind: Kind::Other, why: "praise".into() };
    house.give(Some(boss), Command::Handle(plain, reclass)).unwrap();
    save(&mut house, Kind::Other, 41.0, plain, 3, TicketState::Resolved);
    let ended = "SELECT count(*) FROM obligations WHERE kind = 'resolution' AND state = 'kept' AND ticket = ";
    assert_eq!(house.sql(&format!("{ended}{plain}")), ["1"]);
}

/// What comes next is found in an index, however much is open.
#[test]
fn what_is_next_is_the_first_of_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), policy()).unwrap();
    let plan = |sql: &str| -> Vec<String> {
        let mut statement = store.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows =
            statement.query_map(rusqlite::params_from_iter(vec![0; statement.parameter_count()]), |row| row.get(3));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(plan(super::PENDING), ["SEARCH obligations USING COVERING INDEX obligations_due (next_rung_at_ms>?)"]);
    let to_send = plan("SELECT min(send_at_ms) FROM outbox WHERE message IS NULL");
    assert_eq!(to_send, ["SEARCH outbox USING INDEX outbox_to_send"]);
    let of_one = plan("SELECT id FROM outbox WHERE person = ?1 AND message IS NULL AND send_at_ms <= ?2 ORDER BY id");
    assert!(of_one[0].contains("INDEX outbox_to_send_to (person=? AND send_at_ms<?)"), "{of_one:?}");
}
