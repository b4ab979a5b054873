//! What people do about matters, and how a matter stands: its clocks, whom they told, its timeline.

use daemon::evidence::{check_kept, unpack};
use serde_json::{Value, json};

use super::site::{LIU, Site, local, local_of};
use daemon::Time;

impl Site {
    /// The number of the newest matter of whoever calls from that line.
    pub fn matter_of(&mut self, line: &str) -> String {
        let line = line.trim_start_matches("+86");
        let found = self.get(LIU, &format!("/api/v1/tickets?text={line}&which=all"));
        let newest = found
            .as_array()
            .and_then(|found| found.iter().filter_map(|ticket| ticket["number"].as_str()).max().map(ToOwned::to_owned));
        newest.unwrap_or_else(|| panic!("there is no matter of {line}"))
    }

    /// As a supervisor sees it.
    pub fn ticket(&mut self, number: &str) -> Value {
        self.get(LIU, &format!("/api/v1/tickets/{number}"))
    }

    /// Saves the matter's form with these fields, the others as they stand.
    pub fn saves(&mut self, who: &str, number: &str, fields: &[(&str, &str)]) {
        let ticket = self.get(who, &format!("/api/v1/tickets/{number}"));
        let word = |field: &str| ticket[field].as_str().unwrap_or_default().to_owned();
        let version = ticket["version"].to_string();
        let state = if ticket["state"] == "new" { "in_progress".to_owned() } else { word("state") };
        let mut form = vec![("version", version), ("state", state), ("back", "ticket".to_owned())];
        let kept = ["kind", "category", "priority", "complexity", "channel", "course", "demand", "summary"];
        form.extend(kept.map(|field| (field, word(field))));
        form.retain(|(field, _)| fields.iter().all(|(other, _)| other != field));
        let form: Vec<(&str, &str)> =
            form.iter().map(|(field, value)| (*field, value.as_str())).chain(fields.iter().copied()).collect();
        self.form(who, &format!("/tickets/{}/save", ticket["id"]), &form);
    }

    pub fn steps(&mut self, who: &str, number: &str, step: Value) {
        self.post(who, &format!("/api/v1/tickets/{number}/step"), step);
    }

    pub fn hands(&mut self, who: &str, number: &str, hand: Value) {
        self.post(who, &format!("/api/v1/tickets/{number}/hand"), hand);
    }

    pub fn person(&self, who: &str) -> String {
        format!("person:{}", self.id(who))
    }

    /// What is or was owed in the matter, in the order in which it began, each as
    /// `missed_call open 2026-01-05 10:30 zhou`: its clock, its state, its deadline, whose it is.
    pub fn clocks(&mut self, number: &str) -> Vec<String> {
        let ticket = self.ticket(number);
        let mut owed: Vec<&Value> = ticket["obligations"].as_array().expect("obligations").iter().collect();
        owed.sort_by_key(|owed| (owed["began_at"].as_str(), owed["kind"].as_str()));
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let line = |owed: &&Value| {
            let (kind, state, due) = (word(&owed["kind"]), word(&owed["state"]), local_of(&owed["due_at"]));
            format!("{kind} {state} {due} {}", self.name(&owed["owner"]))
        };
        owed.iter().map(line).collect()
    }

    /// The last that was owed of that clock, whole.
    pub fn owed(&mut self, number: &str, kind: &str) -> Value {
        let ticket = self.ticket(number);
        let owed = ticket["obligations"].as_array().expect("obligations").iter().filter(|owed| owed["kind"] == kind);
        let last = owed.max_by_key(|owed| owed["began_at"].as_str().map(ToOwned::to_owned));
        let id = last.unwrap_or_else(|| panic!("{number} owes no {kind}"))["id"].clone();
        self.get(LIU, &format!("/api/v1/obligations/{id}"))
    }

    /// What dials for it.
    pub fn for_owed(&mut self, number: &str, kind: &str) -> Value {
        json!({ "obligation": self.owed(number, kind)["id"] })
    }

    /// The call of the matter that proves the last clock of that kind, by its place among the matter's
    /// calls, the first being 1.
    pub fn proving_call(&mut self, number: &str, kind: &str) -> usize {
        let proof = self.owed(number, kind)["proof"]["call"].clone();
        let ticket = self.ticket(number);
        let mut calls: Vec<&Value> = ticket["calls"].as_array().expect("calls").iter().collect();
        calls.sort_by_key(|call| call["started_at"].as_str());
        let place = calls.iter().position(|call| call["id"] == proof);
        place.unwrap_or_else(|| panic!("{kind} of {number} is proven by {proof}, which is no call of it")) + 1
    }

    /// All that the matter told anybody, as it left for them: `2026-01-05 10:24 missed_call reminder: liu`.
    pub fn told(&mut self, number: &str) -> Vec<String> {
        let id = &self.ticket(number)["id"];
        let rows = self.sql(&format!(
            "SELECT outbox.at_ms, coalesce(obligations.kind || ' ', '') || outbox.rung || ': ' || people.login
             FROM outbox JOIN people ON people.id = outbox.person
             LEFT JOIN obligations ON obligations.id = outbox.obligation
             WHERE coalesce(obligations.ticket, outbox.ticket) = {id} ORDER BY 1, 2"
        ));
        let line = |row: &String| {
            let (at, what) = row.split_once(' ').expect("two columns");
            let at = at.parse().ok().and_then(Time::from_timestamp_millis).expect("a time");
            format!("{} {what}", local(at))
        };
        rows.iter().map(line).collect()
    }

    /// Whose it was: `matter zhou talked`.
    pub fn chain(&mut self, number: &str) -> Vec<String> {
        let ticket = self.ticket(number);
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let holder =
            |row: &Value| format!("{} {} {}", word(&row["part"]), self.name(&row["person"]), word(&row["how"]));
        ticket["holders"].as_array().expect("holders").iter().map(holder).collect()
    }

    /// The matter is over: nothing is owed for it any more, and its evidence is one file that holds by
    /// itself and by the store. Its timeline: `2026-01-05 10:00 Ticket opened`.
    pub fn archives(&mut self, number: &str) -> Vec<String> {
        let ticket = self.ticket(number);
        assert_eq!(ticket["state"], "closed", "{number}");
        let open = ticket["obligations"].as_array().expect("obligations").iter().filter(|owed| owed["state"] == "open");
        assert_eq!(open.count(), 0, "{:?}", self.clocks(number));
        let pack = self.file(LIU, &format!("/api/v1/tickets/{number}/evidence.zip"));
        let checked = check_kept(&pack, self.data()).expect("a pack and a store");
        assert!(checked.findings.is_empty(), "{number}: {:?}", checked.findings);
        assert_eq!(checked.ticket, number);
        let files = unpack(&pack).expect("a pack");
        let timeline: Value = serde_json::from_slice(&files["timeline.json"]).expect("JSON");
        let line = |line: &Value| {
            let said = [&line["what"], &line["more"]].map(|said| said.as_str().unwrap_or_default());
            format!("{} {}", local_of(&line["at"]), said.join(" ").trim_end())
        };
        timeline.as_array().expect("lines").iter().map(line).collect()
    }

    /// The matter's timeline has these, in this order, whatever stands between them.
    pub fn archives_with(&mut self, number: &str, wanted: &[&str]) {
        let timeline = self.archives(number);
        let mut rest = timeline.iter();
        for wanted in wanted {
            assert!(rest.any(|line| line.starts_with(wanted)), "{wanted:?} is not in its place: {timeline:#?}");
        }
    }
}
