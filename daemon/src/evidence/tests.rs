use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Pack, check, check_kept};
use crate::calls::call::Outcome;
use crate::desk::command::Command;
use crate::desk::looks::Look;
use crate::engine::house::{House, MINUTE, ended, inbound, outbound, policy, t, talking};
use crate::store::evidence::{Evidence, gather};
use crate::store::verify::digest;
use crate::{Role, TicketId};

/// A customer who was missed and called back, and others before, between and after.
fn house() -> (House, TicketId, String) {
    let mut house = House::new();
    house.person("ann", Role::Agent, Some("1001"));
    house.person("boss", Role::Supervisor, None);
    house.customer("Shen", false, &["+8613800138000"]);
    let mut missed = None;
    for nth in 0..12 {
        let at = 60.0 * f64::from(nth);
        let number = if nth == 5 { "+8613800138000".to_owned() } else { format!("+86139001390{nth:02}") };
        let call = inbound(&format!("c{nth}"), &number, t(at));
        house.sees(t(at), &call);
        house.sees(t(at + 20.0), &ended(&call, t(at + 20.0), Outcome::Abandoned));
        if nth == 5 {
            missed = Some(call);
        }
    }
    let back = outbound("back", "+8613800138000", "1001", t(15.0 * MINUTE));
    let talk = talking(&back, "1001", t(15.0 * MINUTE + 5.0));
    house.sees(t(15.0 * MINUTE + 5.0), &talk);
    house.sees(t(17.0 * MINUTE), &ended(&talk, t(17.0 * MINUTE), Outcome::Answered));
    let later = inbound("later", "+8613900139099", t(18.0 * MINUTE));
    house.sees(t(18.0 * MINUTE), &later);
    house.sees(t(19.0 * MINUTE), &ended(&later, t(19.0 * MINUTE), Outcome::Abandoned));
    let page = house.page_of(&missed.unwrap());
    (house, page.row.ticket.id, page.row.ticket.number)
}

fn evidence(house: &House, number: &str) -> Evidence {
    gather(&house.dir.path().join("data"), &policy(), number).unwrap().expect("the ticket")
}

fn pack(evidence: &Evidence) -> Pack {
    let mut pack = Pack::default();
    pack.put("index.html", "<p>what was promised</p>".repeat(200));
    pack.put_chain(evidence, |_| false).unwrap();
    pack
}

#[test]
fn a_pack_proves_the_facts_and_rows_of_its_matter_and_tells_of_no_other() {
    let (mut house, ticket, number) = house();
    let whole = evidence(&house, &number);
    let kinds = ["ticket_opened", "obligation_began", "obligation_kept"];
    let texts: Vec<String> = whole.facts.iter().map(|fact| String::from_utf8(fact.text.clone()).unwrap()).collect();
    for kind in kinds {
        assert!(texts.iter().any(|text| text.contains(&format!("\"{kind}\""))), "{kind} in {texts:?}");
    }
    let rows: Vec<&str> = whole.rows.iter().map(|row| row.table.as_str()).collect();
    for table in ["tickets", "calls", "obligations", "customers", "customer_numbers"] {
        assert!(rows.contains(&table), "{table} in {rows:?}");
    }
    let bytes = pack(&whole).zip().unwrap();
    assert_eq!(bytes, pack(&evidence(&house, &number)).zip().unwrap(), "the same state gives the same bytes");
    let checked = check(&bytes);
    assert_eq!(checked.findings, [""; 0]);
    assert_eq!((checked.ticket.as_str(), checked.hidden), (number.as_str(), 0));
    let (unpacked, _) = Pack::read(&bytes).unwrap();
    for (name, bytes) in &unpacked.files {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("1390013"), "another's number is in {name}: {text}");
    }
    // The store knows it once it is a fact.
    let data = house.dir.path().join("data");
    assert_eq!(check_kept(&bytes, &data).unwrap().findings.len(), 1);
    let look = Look::Evidence { ticket, sha256: digest(&bytes), masked: false };
    house.give(None, Command::Look(look)).unwrap();
    assert_eq!(check_kept(&bytes, &data).unwrap().findings, [""; 0]);
    let elsewhere = House::new();
    assert_eq!(check_kept(&bytes, &elsewhere.dir.path().join("data")).unwrap().findings.len(), 2);
}

#[test]
fn one_changed_byte_of_a_pack_is_found_wherever_it_is() {
    let (house, _, number) = house();
    let bytes = pack(&evidence(&house, &number)).zip().unwrap();
    let mut chance = StdRng::seed_from_u64(1);
    for _ in 0..300 {
        let at = chance.random_range(0..bytes.len());
        let mut changed = bytes.clone();
        changed[at] ^= 1 << chance.random_range(0..8);
        assert_ne!(check(&changed).findings, [""; 0], "byte {at} of {}", bytes.len());
    }
    assert_ne!(check(&bytes[..bytes.len() - 1]).findings, [""; 0]);
    assert_ne!(check(b"").findings, [""; 0]);
}

/// Who makes the manifest anew as well is found by the chain.
#[test]
fn a_fact_that_was_changed_with_its_manifest_does_not_follow() {
    let (house, _, number) = house();
    let whole = evidence(&house, &number);
    let names: Vec<String> = {
        let pack = pack(&whole);
        pack.files.keys().filter(|name| name.starts_with("facts/") || name.starts_with("rows/")).cloned().collect()
    };
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        let mut forged = pack(&whole);
        let text = forged.files.get_mut(&name).unwrap();
        let at = text.len() - 2;
        text[at] ^= 1;
        let findings = check(&forged.zip().unwrap()).findings;
        assert!(findings.iter().any(|found| found.contains("it was changed")), "{name}: {findings:?}");
        let mut less = pack(&whole);
        less.files.remove(&name);
        assert_ne!(check(&less.zip().unwrap()).findings, [""; 0], "without {name}");
    }
}

#[test]
fn what_is_masked_is_there_by_its_digest_alone() {
    let (house, _, number) = house();
    let whole = evidence(&house, &number);
    let mut masked = Pack::default();
    masked.put_chain(&whole, |text| String::from_utf8_lossy(text).contains("00138000")).unwrap();
    let checked = check(&masked.zip().unwrap());
    assert_eq!(checked.findings, [""; 0]);
    assert!(checked.hidden >= 3, "{checked:?}");
    for (name, bytes) in &masked.files {
        assert!(!String::from_utf8_lossy(bytes).contains("00138000"), "{name}");
    }
}
