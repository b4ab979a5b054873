//! What happened, read from the facts for a rehearsal, while a daemon may be running: over a connection
//! that cannot write, in one state of the store.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use rusqlite::{Connection, Row};
use serde_json::Value;

use super::column::*;
use super::open::{FILE, read_only};
use super::questions::calls::stored_call;
use super::versions;
use crate::calls::call::Call;
use crate::desk::Addressee;
use crate::desk::case::{Member, Staff};
use crate::desk::clock::{Basis, ClockKind, ObligationState, Proof, Rung, Survey};
use crate::desk::ownership::Part;
use crate::desk::policy::{Policy, Standing, Subject, Terms};
use crate::desk::regroup::RegroupKind;
use crate::desk::rehearsal::{Began, Firing, Form, Happened, Opening, PastCall, Regrouped, What};
use crate::desk::ticket::{Channel, Complexity, Kind, Priority, Satisfaction, TicketState};
use crate::number::Number;
use crate::{CustomerId, Extension, ObligationId, PbxName, PersonId, RegroupId, Role, TicketId, Time};

/// How far what was told reaches.
#[derive(Debug)]
pub struct Known {
    /// All that happened up to then is known.
    pub until: Time,
    /// Facts of an earlier version of the daemon that say too little; they were left out.
    pub left_out: usize,
    /// Numbers of matters, for people.
    pub tickets: BTreeMap<TicketId, String>,
}

/// Tells all that happened before `to`, in its order. `policy` is the site's, as configured.
pub fn past(dir: &Path, policy: &Policy, to: Time, mut tell: impl FnMut(Happened)) -> anyhow::Result<Known> {
    let file = dir.join(FILE);
    if !file.exists() {
        bail!("nothing is kept in {} yet", dir.display());
    }
    let mut db = read_only(&file)?;
    let state = db.transaction()?;
    let told = told(&state, policy, to, &mut tell);
    told.with_context(|| format!("{} is of another version; start this daemon on it once", file.display()))
}

fn told(db: &Connection, policy: &Policy, to: Time, tell: &mut impl FnMut(Happened)) -> rusqlite::Result<Known> {
    let mut reading = Reading { policy, db, staff: Staff::default(), left_out: 0 };
    let alive = "SELECT max(coalesce((SELECT max(at_ms) FROM facts), 0), coalesce((SELECT max(at_ms) FROM alive), 0))";
    let until = from_ms(db.query_row(alive, [], |row| row.get(0))?).min(to);
    let mut facts = db.prepare(
        "SELECT seq, at_ms, kind, by_person, call, ticket, obligation, customer, person, body FROM facts
         WHERE at_ms < ?1 ORDER BY seq",
    )?;
    let mut rows = facts.query([ms(to)])?;
    let mut calls = db.prepare(
        "SELECT * FROM calls WHERE merged_into IS NULL AND direction <> 'internal' AND started_at_ms < ?1
         ORDER BY started_at_ms, id",
    )?;
    let mut calls = calls.query_map([ms(to)], |row| past_call(db, row))?.peekable();
    let began_by =
        |at: Time| move |call: &rusqlite::Result<PastCall>| call.as_ref().is_ok_and(|its| its.call.started_at <= at);
    let tell_call = |call: PastCall, tell: &mut dyn FnMut(Happened)| {
        tell(Happened { at: call.call.started_at, is_anew: false, what: What::Call(Box::new(call)) });
    };
    let (mut before, mut is_anew) = (None, true);
    while let Some(row) = rows.next()? {
        let fact = Kept::of(row)?;
        while let Some(call) = calls.next_if(began_by(fact.at)) {
            tell_call(call?, tell);
        }
        is_anew |= before != Some((fact.at, fact.follows()));
        before = Some((fact.at, fact.seq));
        if let Some(what) = reading.what(&fact) {
            tell(Happened { at: fact.at, is_anew: std::mem::take(&mut is_anew), what });
        }
    }
    for call in calls {
        tell_call(call?, tell);
    }
    let tickets = db
        .prepare("SELECT id, number FROM tickets")?
        .query_map([], |row| Ok((TicketId(row.get("id")?), row.get("number")?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Known { until, left_out: reading.left_out, tickets })
}

/// A row of `facts`.
struct Kept {
    seq: i64,
    at: Time,
    kind: String,
    by: Option<PersonId>,
    call: Option<crate::CallId>,
    ticket: Option<TicketId>,
    obligation: Option<ObligationId>,
    customer: Option<CustomerId>,
    person: Option<PersonId>,
    body: Value,
}

impl Kept {
    fn of(row: &Row) -> rusqlite::Result<Kept> {
        let id = |column: &str| row.get::<_, Option<i64>>(column);
        Ok(Kept {
            seq: row.get("seq")?,
            at: time(row, "at_ms")?,
            kind: row.get("kind")?,
            by: id("by_person")?.map(PersonId),
            call: maybe_name(row, "call")?,
            ticket: id("ticket")?.map(TicketId),
            obligation: id("obligation")?.map(ObligationId),
            customer: id("customer")?.map(CustomerId),
            person: id("person")?.map(PersonId),
            body: serde_json::from_str(row.get_ref("body")?.as_str()?).unwrap_or_default(),
        })
    }
    /// The number of the fact that it would follow within a decision. Each decision draws numbers before
    /// its facts, and between them only whom they tell has some.
    fn follows(&self) -> i64 {
        let told = self.body["told"].as_array().map_or(0, Vec::len);
        self.seq - 1 - i64::try_from(told).unwrap_or_default()
    }
    fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }
    fn time(&self, name: &str) -> Option<Time> {
        self.body[name].as_i64().map(from_ms)
    }
    fn subject(&self) -> Option<Subject> {
        Some(Subject {
            kind: Kind::parse(self.text("kind")?)?,
            category: self.text("category")?.to_owned(),
            priority: Priority::parse(self.text("priority")?)?,
            complexity: Complexity::parse(self.text("complexity")?)?,
            standing: Standing::default(),
            department: self.text("department").map(Into::into),
        })
    }
}

struct Reading<'a> {
    policy: &'a Policy,
    db: &'a Connection,
    staff: Staff,
    left_out: usize,
}

impl Reading<'_> {
    /// None: deadlines do not go by it.
    fn what(&mut self, fact: &Kept) -> Option<What> {
        let read = match fact.kind.as_str() {
            "policy_set" => self.policy_set(fact),
            "ticket_opened" => {
                opened(fact).map(|(ticket, opening)| What::Opened { ticket, opening: Box::new(opening) })
            }
            "ticket_saved" => {
                let by = fact.by;
                fact.ticket.zip(form(fact)).map(|(ticket, form)| What::Saved { ticket, by, form: Box::new(form) })
            }
            "ticket_moved" => {
                fact.ticket.zip(fact.text("state").and_then(TicketState::parse)).map(|(ticket, state)| {
                    let by = fact.by;
                    let why = fact.text("why").unwrap_or_default().to_owned();
                    What::Became { ticket, state, by, why }
                })
            }
            "reclassed" => reclassed(fact),
            "waiting_ended" => {
                let called = fact.ticket.zip(fact.time("talked_at_ms"));
                called.map(|(ticket, talked_at)| What::CustomerCalled { ticket, talked_at })
            }
            "told" if fact.body["withdrawn"] != true => return None,
            "told" => fact.ticket.zip(fact.by).map(|(ticket, by)| What::Withdrawn { ticket, by }),
            "filed" => fact.ticket.zip(fact.by).zip(fact.text("words")).map(|((ticket, by), words)| {
                let words = words.to_owned();
                What::Filed { ticket, words, by }
            }),
            "ticket_linked" => {
                fact.ticket.zip(fact.customer).map(|(ticket, customer)| What::Linked { ticket, customer })
            }
            "call_joined" => fact.call.clone().zip(fact.ticket).map(|(call, ticket)| What::Joined { call, ticket }),
            "customer_saved" => {
                fact.customer.zip(fact.body["key_customer"].as_bool()).map(|(customer, key_customer)| {
                    let numbers = fact.body["numbers"].as_array().into_iter().flatten().filter_map(Value::as_str);
                    // Facts of before there were classes name none.
                    let standing = Standing { key_customer, class: fact.text("class").unwrap_or_default().to_owned() };
                    What::Customer { customer, standing, numbers: numbers.map(Number::from_canonical).collect() }
                })
            }
            "person_added" | "person_changed" | "away_set" => self.member(fact),
            "extension_mapped" | "extension_ignored" => self.extension(fact),
            "accepted" => accepted(fact),
            "surveyed" => surveyed(fact),
            "attempt_made" => fact.call.clone().map(|call| What::Tried { call }),
            "given" => given(fact),
            // Whom a matter would have been offered to, and when, was people's to say.
            "obligation_began" if fact.text("clock") == Some(ClockKind::HandOver.as_str()) => return None,
            "obligation_began" => began(fact).map(|began| What::Began(Box::new(began))),
            "obligation_moved" => fact.obligation.zip(fact.ticket).map(|(obligation, ticket)| What::Moved {
                obligation,
                ticket,
                customer: fact.customer,
                queue: fact.text("queue").map(Into::into),
            }),
            "call_moved" => fact.call.clone().zip(fact.body["to"].as_i64()).map(|(call, to)| What::CallMoved {
                call,
                to: TicketId(to),
                by: fact.by,
            }),
            "ticket_merged" | "ticket_split" => regrouped(fact, false),
            // Of the ticket that gave and has it back; the other's line tells the same.
            "regroup_undone" if fact.body.get("moved").is_some() => regrouped(fact, true),
            "regroup_undone" => return None,
            "owner_taken" => fact.ticket.zip(fact.person).map(|(ticket, person)| What::OwnerTaken { ticket, person }),
            "suspended" => suspended(fact),
            "resumed" => resumed(fact),
            "rung_fired" => {
                fact.obligation.zip(fired(fact)).map(|(obligation, firing)| What::Fired { obligation, firing })
            }
            "obligation_kept" => {
                fact.obligation.zip(proof(fact)).map(|(obligation, proof)| What::Kept { obligation, proof })
            }
            "obligation_ended" => ended(fact),
            _ => return None,
        };
        self.left_out += usize::from(read.is_none());
        read
    }

    fn policy_set(&self, fact: &Kept) -> Option<What> {
        let version = fact.body["version"].as_i64()?;
        let kept = versions::text(self.db, version).ok().flatten();
        let terms = kept.and_then(|kept| Terms::read(&kept.text, self.policy).ok());
        let policy = terms.map(|terms| Box::new(self.policy.with(version, terms)));
        Some(What::PolicySet { version, policy })
    }

    fn extension(&mut self, fact: &Kept) -> Option<What> {
        let (pbx, extension): (PbxName, Extension) = (fact.text("pbx")?.into(), fact.text("extension")?.into());
        let of_pbx = self.staff.extensions.entry(pbx).or_default();
        match fact.person {
            Some(person) => drop(of_pbx.insert(extension, person)),
            None => drop(of_pbx.remove(&extension)),
        }
        Some(What::Staff(self.staff.clone()))
    }

    fn member(&mut self, fact: &Kept) -> Option<What> {
        let people = &mut self.staff.people;
        let person = fact.person?;
        if fact.kind == "away_set" {
            let member = people.get_mut(&person)?;
            member.away = fact.body["away"].as_bool()?;
            member.deputy = fact.body["deputy"].as_i64().map(PersonId);
        } else {
            let was = people.get(&person);
            let member = Member {
                login: was.map(|was| was.login.clone()).or(fact.text("login").map(str::to_owned))?,
                name: fact.text("name")?.to_owned(),
                role: Role::parse(fact.text("role")?)?,
                active: fact.body["active"].as_bool().unwrap_or(true),
                away: was.is_some_and(|was| was.away),
                deputy: was.and_then(|was| was.deputy),
            };
            people.insert(person, member);
        }
        Some(What::Staff(self.staff.clone()))
    }
}

/// All that was ever seen of the call of the row.
fn past_call(db: &Connection, row: &Row) -> rusqlite::Result<PastCall> {
    let its = stored_call(db, row)?;
    let call = Call {
        id: its.id,
        pbx: its.pbx,
        direction: its.direction,
        caller: its.caller,
        caller_name: its.caller_name,
        number: its.number,
        to: its.to,
        agent: its.agent,
        started_at: its.started_at,
        answered_at: its.answered_at,
        ended_at: its.ended_at,
        outcome: its.outcome,
        ended_by: its.ended_by,
        waits: its.waits,
        segments: its.segments,
        offers: its.offers,
        transfers: its.transfers,
        survey: None,
        originated: None,
        certain: its.certain,
    };
    Ok(PastCall { call, seen_at: time(row, "seen_at_ms")?, gap: its.gap.map(|gap| (gap.from, gap.to)) })
}

fn opened(fact: &Kept) -> Option<(TicketId, Opening)> {
    let opening = Opening {
        opened_at: fact.time("opened_at_ms")?,
        customer: fact.customer,
        caller: fact.text("number").map(Number::from_canonical),
        call: fact.call.clone(),
        queue: None,
        by: fact.by,
        // Once whoever opened one owned it.
        owner: if fact.body.get("owner").is_some() { fact.body["owner"].as_i64().map(PersonId) } else { fact.by },
        kind: Kind::parse(fact.text("kind")?)?,
        channel: Channel::parse(fact.text("channel")?)?,
    };
    Some((fact.ticket?, opening))
}

fn form(fact: &Kept) -> Option<Form> {
    let Subject { kind, category, priority, complexity, standing: _, department } = fact.subject()?;
    let channel = Channel::parse(fact.text("channel")?)?;
    let state = TicketState::parse(fact.text("state")?)?;
    Some(Form { kind, category, priority, complexity, channel, state, department })
}

fn reclassed(fact: &Kept) -> Option<What> {
    let (kind, department) = (Kind::parse(fact.text("kind")?)?, fact.text("department").map(Into::into));
    Some(What::Reclassed { ticket: fact.ticket?, kind, department, by: fact.by? })
}

fn accepted(fact: &Kept) -> Option<What> {
    Some(What::Accepted { ticket: fact.ticket?, solved_by: fact.time("solved_by_ms")?, by: fact.by? })
}

fn surveyed(fact: &Kept) -> Option<What> {
    let (result, words) = (Satisfaction::parse(fact.text("result")?)?, fact.text("words")?.to_owned());
    Some(What::Surveyed { ticket: fact.ticket?, survey: Survey { result, words, score: None }, by: fact.by })
}

fn suspended(fact: &Kept) -> Option<What> {
    let reason = fact.text("reason")?.to_owned();
    Some(What::Suspended { obligation: fact.obligation?, from: fact.time("from_ms")?, reason, by: fact.by? })
}

fn resumed(fact: &Kept) -> Option<What> {
    Some(What::Resumed { obligation: fact.obligation?, to: fact.time("to_ms")?, by: fact.by })
}

fn proof(fact: &Kept) -> Option<Proof> {
    let (from, talk_ms) = (fact.time("from_ms")?, fact.body["talk_ms"].as_i64()?);
    Some(Proof { call: fact.call.clone()?, agent: fact.text("agent")?.into(), from, talk_ms })
}

fn ended(fact: &Kept) -> Option<What> {
    let state = ObligationState::parse(fact.text("state")?)?;
    let why = fact.text("why").unwrap_or_default().to_owned();
    Some(What::Ended { obligation: fact.obligation?, state, by: fact.by, why })
}

fn given(fact: &Kept) -> Option<What> {
    let person = |name: &str| fact.body[name].as_i64().map(PersonId);
    let owed = fact.body["owed"].as_array()?.iter().filter_map(Value::as_i64).map(ObligationId);
    Some(What::Given {
        ticket: fact.ticket?,
        is_owner: Part::parse(fact.text("part")?)? == Part::Matter,
        from: person("from"),
        to: fact.person?,
        department: fact.text("department").map(Into::into),
        owed: owed.collect(),
    })
}

/// It went to the other ticket, or came back.
fn regrouped(fact: &Kept, back: bool) -> Option<What> {
    let moved = &fact.body["moved"];
    let all = |name: &str| moved[name].as_array().into_iter().flatten();
    let owner = if back { "owner_was" } else { "owner_is" };
    let owed =
        all("owed").filter_map(|owed| Some((ObligationId(owed["id"].as_i64()?), owed[owner].as_i64().map(PersonId))));
    Some(What::Regrouped(Box::new(Regrouped {
        id: RegroupId(fact.body["regrouping"].as_i64()?),
        kind: RegroupKind::parse(fact.text("what")?)?,
        giver: fact.ticket?,
        taker: TicketId(fact.body["other"].as_i64()?),
        is_back: back,
        calls: all("calls").filter_map(|call| Some(call.as_str()?.into())).collect(),
        owed: owed.collect(),
        replaced: all("replaced").filter_map(|replaced| replaced["id"].as_i64().map(ObligationId)).collect(),
    })))
}

fn began(fact: &Kept) -> Option<Began> {
    let kind = ClockKind::parse(fact.text("clock")?)?;
    Some(Began {
        id: fact.obligation?,
        ticket: fact.ticket?,
        customer: fact.customer,
        number: fact.text("number").map(Number::from_canonical),
        owner: fact.person,
        call: fact.call.clone(),
        basis: Basis {
            kind,
            began_at: fact.time("began_at_ms")?,
            promised_at: fact.time("promised_at_ms"),
            queue: fact.text("queue").map(Into::into),
            subject: fact.subject()?,
            suspensions: Vec::new(),
        },
    })
}

fn fired(fact: &Kept) -> Option<Firing> {
    let addressee = |told: &Value| {
        let instead_of = told["instead_of"].as_array()?.iter().filter_map(Value::as_i64).map(PersonId);
        Some(Addressee { person: PersonId(told["person"].as_i64()?), instead_of: instead_of.collect() })
    };
    Some(Firing {
        rung: Rung::parse(fact.text("rung")?)?,
        planned_at: fact.time("planned_at_ms")?,
        told: fact.body["told"].as_array()?.iter().filter_map(addressee).collect(),
    })
}
