//! Whether what the daemon has kept is what stands in the diary.

use std::collections::{BTreeMap, BTreeSet};

use super::diary::Told;
use super::hours::{DAY, HOUR};
use super::machine::Site;
use super::pbx::LINES;
use super::world::{Verdict, World};
use crate::desk::clock::{ClockKind, Rung};

impl World {
    /// Nobody does anything any more, nothing fails, and the daemon has a day and a half for what is
    /// left.
    pub fn ends(&mut self) -> Verdict {
        self.calms_down()?;
        self.rests(36 * HOUR)?;
        // What came at the very last.
        self.delivers()?;
        self.compares()?;
        self.is_all_told()?;
        match self.machine.broken() {
            broken if broken.is_empty() => Ok(()),
            broken => Err(format!("the chain is broken: {broken:?}")),
        }
    }

    /// What was to be told by now is told in one message, and each message has arrived.
    fn is_all_told(&mut self) -> Verdict {
        let now = self.wall();
        let untold = self.machine.sql(&format!("SELECT id FROM outbox WHERE message IS NULL AND send_at_ms <= {now}"));
        if !untold.is_empty() {
            return Err(format!("{untold:?} were to be told by {now}"));
        }
        let farthest = now + 3 * DAY;
        let never =
            self.machine.sql(&format!("SELECT id FROM outbox WHERE message IS NULL AND send_at_ms > {farthest}"));
        if !never.is_empty() {
            return Err(format!("{never:?} are not told for days"));
        }
        let waiting = self.machine.sql("SELECT id FROM messages WHERE delivered_at_ms IS NULL");
        if !waiting.is_empty() {
            return Err(format!("{waiting:?} are not delivered"));
        }
        let sent = self.sent.iter().flat_map(|(id, (_, says))| says.iter().map(move |says| format!("{id} {says}")));
        let mut sent: Vec<String> = sent.collect();
        sent.sort();
        let mut kept =
            self.machine.sql("SELECT message, person, obligation, rung FROM outbox WHERE message IS NOT NULL");
        kept.sort();
        if sent != kept {
            return Err(format!("{} tellings arrived, and {} are kept", sent.len(), kept.len()));
        }
        let sent_at: BTreeMap<String, i64> = self
            .machine
            .sql("SELECT obligation || ' ' || rung || ' ' || person, send_at_ms FROM outbox")
            .iter()
            .filter_map(|row| row.rsplit_once(' ').and_then(|(key, at)| Some((key.to_owned(), at.parse().ok()?))))
            .collect();
        for (id, its) in self.owed_ids.iter().zip(&self.diary.owed) {
            let rungs = Rung::ALL.iter().zip(&its.fired).map(|(rung, fired)| (rung.as_str(), &fired.told));
            for (news, told) in rungs.chain(its.news.iter().map(|(news, told)| (*news, told))) {
                for person in &told.people {
                    let key = format!("{id} {news} {}", Site::get().people[*person]);
                    if sent_at.get(&key).is_none_or(|at| *at < told.send) {
                        return Err(format!("{key} was not to be told before {}", told.send));
                    }
                }
            }
        }
        let told = self.machine.sql(
            "SELECT m.id FROM messages m WHERE told <> (SELECT count(*) FROM outbox o WHERE o.message = m.id)
             OR EXISTS (SELECT 1 FROM outbox o WHERE o.message = m.id AND (o.person <> m.person OR o.send_at_ms > m.at_ms))",
        );
        if told.is_empty() { Ok(()) } else { Err(format!("{told:?} do not tell what they say they tell")) }
    }

    /// Each row is as it should be, and there is no other.
    pub fn compares(&mut self) -> Verdict {
        if self.machine.running().is_none() || self.sleeps {
            return Ok(());
        }
        let customers = self.diary.customers.iter().zip(&self.customer_ids);
        let customers = customers.map(|(its, id)| {
            let part_of = its.part_of.map_or(0, |nth| self.customer_ids[nth]);
            let mut lines: Vec<&str> = its.lines.iter().map(|line| LINES[*line]).collect();
            lines.sort_unstable();
            format!("{id} {} {} {part_of} {}", i64::from(its.is_key), its.version, lines.join(","))
        });
        self.same(
            "customers",
            customers.collect(),
            "SELECT id, key_customer, version, coalesce(merged_into, 0), coalesce((SELECT group_concat(number, ',')
                FROM (SELECT number FROM customer_numbers WHERE customer = c.id ORDER BY number)), '')
             FROM customers c ORDER BY id",
        )?;
        let (owed, rungs, told, attempts, tickets) = self.wanted();
        self.same(
            "tickets",
            tickets,
            "SELECT id, state, coalesce(owner, 0), coalesce(handler, 0), coalesce(customer, 0), coalesce(merged_into, 0), version FROM tickets ORDER BY id",
        )?;
        self.same(
            "obligations",
            owed,
            "SELECT id, kind, ticket, coalesce(number, '-'), coalesce(customer, 0), coalesce(queue, '-'), coalesce(owner, 0), began_at_ms, state,
                coalesce(ended_at_ms, '-'), CASE WHEN kind IN ('resolution', 'acceptance', 'filing', 'first_response', 'hand_over')
                THEN '-' ELSE coalesce(proof_call || '@' || proof_from_ms, '-') END,
                CASE WHEN state = 'open' THEN coalesce(reminder_at_ms, '-') || '/' || coalesce(due_at_ms, '-') || '/'
                || coalesce(escalated_at_ms, '-') || '/' || coalesce(next_rung, '-')
                || coalesce(' ' || claimed_by || '@' || claimed_until_ms, '') ELSE '-' END
             FROM obligations ORDER BY id",
        )?;
        self.same(
            "rungs",
            rungs.clone(),
            "SELECT obligation, rung, planned_at_ms, fired_at_ms FROM rungs
             ORDER BY obligation, rung = 'escalated', rung = 'due', fired_at_ms",
        )?;
        self.same(
            "facts of rungs",
            rungs,
            "SELECT obligation, json_extract(body, '$.rung') AS rung, json_extract(body, '$.planned_at_ms'), at_ms
             FROM facts WHERE kind = 'rung_fired' ORDER BY obligation, rung = 'escalated', rung = 'due', seq",
        )?;
        self.same("outbox", told, "SELECT obligation, rung, person FROM outbox WHERE obligation IS NOT NULL ORDER BY obligation, rung, person, id")?;
        self.same("attempts", attempts, "SELECT obligation, call, at_ms FROM attempts ORDER BY obligation, call")?;
        Ok(())
    }

    #[expect(clippy::type_complexity, reason = "a list for each table")]
    fn wanted(&self) -> (Vec<String>, Vec<String>, Vec<String>, Vec<String>, Vec<String>) {
        let people = &Site::get().people;
        let person = |nth: Option<usize>| nth.map_or(0, |nth| people[nth].0);
        let customer = |nth: Option<usize>| nth.map_or(0, |nth| self.customer_ids[nth]);
        let some = |at: Option<i64>| at.map_or("-".to_owned(), |at| at.to_string());
        let (mut owed, mut rungs, mut told, mut attempts) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        let mut by_id: Vec<(i64, usize)> = self.owed_ids.iter().copied().zip(0..).collect();
        by_id.sort_unstable();
        for (id, nth) in by_id {
            let its = &self.diary.owed[nth];
            let proof = its.proof.as_ref().map_or("-".to_owned(), |(call, from)| format!("{call}@{from}"));
            let proof = if by_word(its.kind) { "-".to_owned() } else { proof };
            let [reminder, due, escalated] = its.ladder.map(some);
            let next = Rung::ALL.get(its.fired.len()).map_or("-", |rung| rung.as_str());
            let claim = its.claim.map_or(String::new(), |(by, until)| format!(" {}@{until}", people[by]));
            let ladder = format!("{reminder}/{due}/{escalated}/{next}{claim}");
            let ladder = if its.is_open() { ladder } else { "-".to_owned() };
            let line = format!(
                "{id} {} {} {} {} {} {} {} {} {} {proof} {ladder}",
                its.kind.as_str(),
                self.ticket_ids[its.ticket],
                LINES.get(its.line).unwrap_or(&"-"),
                customer(its.customer),
                its.queue.unwrap_or("-"),
                person(its.owner),
                its.began,
                its.state.as_str(),
                some(its.ended),
            );
            owed.insert(id, line);
            let mut tells = |news: &str, to: &Told| {
                let rows = to.people.iter().map(|who| (id, news.to_owned(), people[*who].0));
                told.extend(rows);
            };
            its.news.iter().for_each(|(news, told)| tells(news, told));
            for (rung, fired) in Rung::ALL.iter().zip(&its.fired) {
                rungs.push(format!("{id} {} {} {}", rung.as_str(), fired.planned, fired.at));
                tells(rung.as_str(), &fired.told);
            }
            attempts.extend(its.attempts.iter().map(|(call, at)| format!("{id} {call} {at}")));
        }
        told.sort();
        let told = told.into_iter().map(|(id, news, person)| format!("{id} {news} {person}")).collect();
        let tickets = self.diary.tickets.iter().zip(&self.ticket_ids);
        let tickets = tickets.map(|(its, id)| {
            let (owner, handler) = (person(its.owner), person(its.handler));
            let part_of = its.part_of.map_or(0, |nth| self.ticket_ids[nth]);
            let whose = format!("{owner} {handler} {} {part_of}", customer(its.customer));
            format!("{id} {} {whose} {}", its.state.as_str(), its.version)
        });
        (owed.into_values().collect(), rungs, told, attempts, tickets.collect())
    }

    fn same(&mut self, what: &str, wanted: Vec<String>, question: &str) -> Verdict {
        let found = self.machine.sql(question);
        if found == wanted {
            return Ok(());
        }
        let (known, there): (BTreeSet<&String>, BTreeSet<&String>) = (wanted.iter().collect(), found.iter().collect());
        let lacking: Vec<_> = known.difference(&there).take(3).collect();
        let surplus: Vec<_> = there.difference(&known).take(3).collect();
        let counts = (wanted.len(), found.len());
        Err(format!("{what} {counts:?}:\n  should be {lacking:#?}\n  and there is {surplus:#?}"))
    }
}

/// What was talked since is then written beside it, and proves nothing.
fn by_word(kind: ClockKind) -> bool {
    use ClockKind::{Acceptance, Filing, FirstResponse, HandOver, Resolution};
    matches!(kind, Resolution | Acceptance | Filing | FirstResponse | HandOver)
}
