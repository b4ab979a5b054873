//! The end of the year: what must be so whatever happened.

use daemon::store::verify::verify;

use serde_json::{Value, json};

use super::site::{LIN, LIU, QUALITY, Site, local_of};

pub fn are_in_order(site: &mut Site) {
    let verified = verify(site.data(), &[]).expect("a store");
    assert_eq!(verified.findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "the chain is whole");

    let nothing = [""; 0];
    let open = site.sql("SELECT ticket, kind FROM obligations WHERE state = 'open'");
    assert_eq!(open, nothing, "all that was owed has come to an end");
    let owned = site.sql("SELECT number FROM tickets WHERE owner IS NULL OR state <> 'closed'");
    assert_eq!(owned, nothing, "each matter was somebody's, and is over");

    // Each rung whose time came while it was owed has fired at that time, once, and no other.
    for (rung, column) in [("reminder", "reminder_at_ms"), ("due", "due_at_ms"), ("escalated", "escalated_at_ms")] {
        let wrong = site.sql(&format!(
            "SELECT kind, began_at_ms, {column}, ended_at_ms, fired_at_ms
             FROM obligations LEFT JOIN rungs ON obligation = obligations.id AND rung = '{rung}'
             WHERE (fired_at_ms IS NOT NULL) <> ({column} <= ended_at_ms) OR fired_at_ms <> {column} OR late"
        ));
        assert_eq!(wrong, nothing, "{rung}");
    }
    let doubled = site.sql("SELECT obligation, rung, person FROM outbox GROUP BY 1, 2, 3, ticket HAVING count(*) > 1");
    assert_eq!(doubled, nothing, "nobody is told of a thing twice");
    let silent = site.sql(
        "SELECT obligation, rung FROM rungs
         WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.obligation = rungs.obligation AND o.rung = rungs.rung)",
    );
    assert_eq!(silent, nothing, "no rung is told to nobody");
    let waiting = site.sql("SELECT id FROM messages WHERE delivered_at_ms IS NULL");
    assert_eq!(waiting, nothing, "all that was to be told has reached whom it was for");

    let team = site.get(LIU, "/api/v1/obligations?at_risk=true");
    assert_eq!(team["obligations"].as_array().map(Vec::len), Some(0));
    reports_agree(site);
}

/// What the reports say of the year is what happened in it.
fn reports_agree(site: &mut Site) {
    const YEAR: &str = "from=2026-01-01T00:00:00%2B08:00&to=2027-01-01T00:00:00%2B08:00";
    let ownership = site.get(LIU, &format!("/api/v1/ownership?{YEAR}"));
    let passed = |row: &Value| {
        let came = ["accepted", "refused", "lapsed"].map(|came| format!("{came} {}", row[came])).join(", ");
        let (part, to) = (row["part"].as_str().unwrap_or("-"), row["receiver"].as_str().unwrap_or("-"));
        format!("{part} of {} to {to}: {came}", site.name(&row["giver"]))
    };
    let mut found: Vec<String> = ownership["passed"].as_array().expect("rows").iter().map(passed).collect();
    found.sort();
    let lin = site.person(LIN);
    let wanted = [
        format!("matter of zhou to {lin}: accepted 0, refused 1, lapsed 0"),
        format!("work of lin to department:{QUALITY}: accepted 1, refused 0, lapsed 0"),
        format!("work of zhou to department:{QUALITY}: accepted 2, refused 0, lapsed 1"),
    ];
    assert_eq!(found, wanted);
    // Who was missed called twice until it was solved, who wrote not at all, all others once.
    let calls = [(0, 1), (1, 9), (2, 1)].map(|(of, matters)| json!({ "of": of, "matters": matters }));
    assert_eq!(ownership["calls"], json!(calls));

    let surveys = &site.get(LIU, &format!("/api/v1/surveys?{YEAR}"))["all"];
    let counts = ["offered", "answered", "satisfied", "fairly", "dissatisfied"].map(|count| surveys[count].clone());
    assert_eq!(counts, [6, 6, 3, 1, 2].map(|count| json!(count)));

    // The PBX was seen from the first connection on, over all the daemon's starts.
    let coverage = &site.get(LIU, &format!("/api/v1/coverage?{YEAR}"))["pbxs"][0];
    let gaps: Vec<&Value> = coverage["gaps"].as_array().expect("gaps").iter().collect();
    assert_eq!(gaps.iter().map(|gap| &gap["why"]).collect::<Vec<_>>(), ["not_yet"], "{coverage}");
    assert_eq!(local_of(&gaps[0]["to"]), "2026-01-04 08:30");
}
