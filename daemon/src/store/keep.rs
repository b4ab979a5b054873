//! Keeps what was decided: each fact into the tables that pages read, and as a [`line`] into
//! `facts`, in the same transaction.

use rusqlite::{Connection, params};

use super::chain::Chain;
use super::column::ms;
use super::detail;
use super::handlings;
use super::hands;
use super::line;
use super::versions;
use crate::desk::case::Department;
use crate::desk::clock::{News, Obligation, ObligationState, Rung};
use crate::desk::fact::Fact;
use crate::desk::handling::{HandlingFact, RemedyState};
use crate::desk::ownership::{HandFact, How, Part};
use crate::desk::ticket::{Ticket, TicketState};
use crate::desk::{Addressee, LATE_AFTER};
use crate::{ObligationId, RemedyId, TicketId, Time};

/// The one source of ids. A fact's own number is drawn after the ids that it brought, so that the
/// highest fact is the highest id that was ever kept.
#[derive(Debug)]
pub struct Sequence {
    last: i64,
}

impl Sequence {
    pub fn after_facts(db: &Connection) -> rusqlite::Result<Sequence> {
        // Messages are made of rows, without a fact.
        let last = "SELECT max(coalesce((SELECT max(seq) FROM facts), 0), coalesce((SELECT max(id) FROM messages), 0))";
        Ok(Sequence { last: db.query_row(last, [], |row| row.get(0))? })
    }
    /// The first of those that will be drawn next.
    pub fn next(&self) -> i64 {
        self.last + 1
    }
    pub fn draw(&mut self, count: i64) -> i64 {
        let first = self.last + 1;
        self.last += count;
        first
    }
}

pub fn keep(db: &Connection, ids: &mut Sequence, chain: &mut Chain, fact: &Fact, now: Time) -> rusqlite::Result<()> {
    write(db, ids, fact, now)?;
    line::of(fact).map_or(Ok(()), |line| chain.append(db, ids.draw(1), now, line))
}

fn write(db: &Connection, ids: &mut Sequence, fact: &Fact, now: Time) -> rusqlite::Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| db.prepare_cached(sql)?.execute(values).map(drop);
    match fact {
        Fact::TicketOpened { ticket, day, nth, by, .. } => {
            insert_ticket(db, ticket, *day, *nth)?;
            let Some(owner) = ticket.owner else { return Ok(()) };
            hands::hold(db, ids, ticket.id, Part::Matter, owner, (How::Opened, *by), now)
        }
        Fact::Hand(fact) => {
            hands::keep(db, ids, fact, now)?;
            match &**fact {
                HandFact::Offered { offer, told, send_at, .. } => {
                    tell(db, ids, &About::owed(offer.obligation, News::Offered), told, now, *send_at)
                }
                HandFact::OfferEnded { obligation, end, told, send_at, .. } => {
                    tell(db, ids, &About::owed(*obligation, end.news()), told, now, *send_at)
                }
                HandFact::Given { .. } => Ok(()),
            }
        }
        Fact::Handling(fact) => {
            handlings::keep(db, ids, fact, now)?;
            match &**fact {
                HandlingFact::Proposed { ticket, remedy, told, send_at, .. } => {
                    let (id, state) = (remedy.id, remedy.state);
                    About::remedy(*ticket, id, state).map_or(Ok(()), |about| tell(db, ids, &about, told, now, *send_at))
                }
                HandlingFact::Decided { ticket, remedy, state, told, send_at, .. } => {
                    let about = About::remedy(*ticket, *remedy, *state);
                    about.map_or(Ok(()), |about| tell(db, ids, &about, told, now, *send_at))
                }
                HandlingFact::Logged { .. }
                | HandlingFact::Found { .. }
                | HandlingFact::Told { .. }
                | HandlingFact::Filed { .. }
                | HandlingFact::Assessed { .. }
                | HandlingFact::Reclassed { .. }
                | HandlingFact::Called { .. }
                | HandlingFact::Moved { .. } => Ok(()),
            }
        }
        Fact::DepartmentSet { department, responsible, deputy, others, .. } => {
            let people = Department { responsible: *responsible, deputy: *deputy, others: others.clone() };
            hands::set_department(db, department, &people)
        }
        Fact::Notified { ticket, version, news, told, send_at } => {
            let key = format!("matter:{ticket}.{version}:{}", news.as_str());
            let about = About { key, obligation: None, ticket: Some(*ticket), news: *news };
            tell(db, ids, &about, told, now, *send_at)
        }
        Fact::CallSeen { .. } => write_call(db, fact),
        Fact::CallJoined { .. } => Ok(()),
        Fact::Asked { .. } => super::asked::keep(db, fact, now),
        Fact::CallMoved { call, to, owner, .. } => {
            run("UPDATE calls SET ticket = ?2 WHERE id = ?1 OR merged_into = ?1", params![call.as_str(), to.0])?;
            run(
                "UPDATE obligations SET ticket = ?2, owner = coalesce(owner, ?3) WHERE call = ?1 AND state = 'open'",
                params![call.as_str(), to.0, owner.map(|id| id.0)],
            )
        }
        Fact::CallsMerged { from, into, ticket } => {
            run(
                "UPDATE calls SET merged_into = ?2, ended_at_ms = coalesce(ended_at_ms, seen_at_ms) WHERE id = ?1",
                params![from.as_str(), into.as_str()],
            )?;
            run(
                "UPDATE calls SET ticket = coalesce(ticket, ?2) WHERE id = ?1",
                params![into.as_str(), ticket.map(|id| id.0)],
            )?;
            super::surveys::merged(db, from, into)
        }
        Fact::OwnerTaken { ticket, person, .. } => {
            hands::hold(db, ids, *ticket, Part::Matter, *person, (How::Talked, None), now)?;
            run("UPDATE tickets SET owner = ?2 WHERE id = ?1", params![ticket.0, person.0])?;
            run(
                "UPDATE obligations SET owner = ?2 WHERE ticket = ?1 AND state = 'open' AND owner IS NULL",
                params![ticket.0, person.0],
            )
        }
        Fact::TicketSaved { ticket, by, version, form, state, department, closed_at, .. } => {
            run(
                "UPDATE tickets SET kind = ?2, category = ?3, priority = ?4, summary = ?5, course = ?6, demand = ?7,
                    state = ?8, is_open = ?9, closed_at_ms = ?10, version = ?11, saved_by = ?12, complexity = ?13,
                    channel = ?14, department = ?15, object_product = ?16, object_order = ?17, object_batch = ?18,
                    object_person = ?19, object_department = ?20 WHERE id = ?1",
                params![
                    ticket.0,
                    form.kind.as_str(),
                    form.category,
                    form.priority.as_str(),
                    form.summary,
                    form.course,
                    form.demand,
                    state.as_str(),
                    state.is_open(),
                    closed_at.map(ms),
                    version,
                    by.map(|id| id.0),
                    form.complexity.as_str(),
                    form.channel.as_str(),
                    department.as_ref().map(|department| department.as_str()),
                    form.object.product,
                    form.object.order,
                    form.object.batch,
                    form.object.person,
                    form.object.department,
                ],
            )?;
            run("DELETE FROM drafts WHERE ticket = ?1 AND person = ?2", params![ticket.0, by.map(|id| id.0)])
        }
        Fact::DraftKept { ticket, person, body } if body.is_empty() => {
            run("DELETE FROM drafts WHERE ticket = ?1 AND person = ?2", params![ticket.0, person.0])
        }
        Fact::DraftKept { ticket, person, body } => run(
            "INSERT INTO drafts (ticket, person, body, kept_at_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (ticket, person) DO UPDATE SET body = excluded.body, kept_at_ms = excluded.kept_at_ms",
            params![ticket.0, person.0, body, ms(now)],
        ),
        Fact::TicketLinked { ticket, customer, .. } => {
            run("UPDATE tickets SET customer = ?2 WHERE id = ?1", params![ticket.0, customer.0])
        }
        Fact::ObligationBegan { obligation, call, policy } => {
            let Obligation { id, ticket, customer, number, owner, basis, ladder } = &**obligation;
            run(
                "INSERT INTO obligations (id, kind, ticket, call, customer, number, queue, owner, began_at_ms,
                    promised_at_ms, reminder_at_ms, due_at_ms, escalated_at_ms, policy, state, next_rung, next_rung_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                params![
                    id.0,
                    basis.kind.as_str(),
                    ticket.0,
                    call.as_ref().map(|call| call.as_str()),
                    customer.map(|id| id.0),
                    number.as_ref().map(|number| number.as_str()),
                    basis.queue.as_ref().map(|queue| queue.as_str()),
                    owner.map(|id| id.0),
                    ms(basis.began_at),
                    basis.promised_at.map(ms),
                    ladder.reminder_at.map(ms),
                    ladder.due_at.map(ms),
                    ladder.escalated_at.map(ms),
                    policy,
                    ObligationState::Open.as_str(),
                    Rung::FIRST.as_str(),
                    ladder.at(Rung::FIRST).map(ms),
                ],
            )
        }
        Fact::ObligationMoved { obligation, customer, queue, ladder, next, policy, .. } => run(
            "UPDATE obligations SET customer = ?2, reminder_at_ms = ?3, due_at_ms = ?4, escalated_at_ms = ?5,
                next_rung_at_ms = ?6, policy = ?7, queue = ?10,
                moved_at_ms = CASE WHEN next_rung_at_ms IS DISTINCT FROM ?6 AND coalesce(next_rung_at_ms, ?9) >= ?9
                    THEN ?8 ELSE moved_at_ms END
             WHERE id = ?1",
            params![
                obligation.0,
                customer.map(|id| id.0),
                ladder.reminder_at.map(ms),
                ladder.due_at.map(ms),
                ladder.escalated_at.map(ms),
                next.and_then(|next| next.at).map(ms),
                policy,
                ms(now),
                // What was due before and had not fired is late for another reason.
                ms(now - LATE_AFTER),
                queue.as_ref().map(|queue| queue.as_str()),
            ],
        ),
        Fact::Unmoved { obligation, policy } => {
            run("UPDATE obligations SET policy = ?2 WHERE id = ?1", params![obligation.0, policy])
        }
        Fact::PolicySet { version, text, terms, by } => versions::keep(db, *version, text, terms, *by, now),
        Fact::AttemptMade { obligation, call, outcome, at, .. } => run(
            "INSERT INTO attempts (obligation, call, outcome, at_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (obligation, call) DO NOTHING",
            params![obligation.0, call.as_str(), outcome.as_str(), ms(*at)],
        ),
        Fact::ObligationKept { obligation, proof, .. } => run(
            "UPDATE obligations SET state = ?2, next_rung = NULL, next_rung_at_ms = NULL, proof_call = ?3,
                proof_agent = ?4, proof_from_ms = ?5, proof_talk_ms = ?6, ended_at_ms = ?7, claimed_by = NULL,
                claimed_until_ms = NULL WHERE id = ?1",
            params![
                obligation.0,
                ObligationState::Kept.as_str(),
                proof.call.as_str(),
                proof.agent.as_str(),
                ms(proof.from),
                proof.talk_ms,
                ms(now),
            ],
        ),
        Fact::Claimed { obligation, claim, .. } => run(
            "UPDATE obligations SET claimed_by = ?2, claimed_until_ms = ?3 WHERE id = ?1",
            params![obligation.0, claim.map(|claim| claim.by.0), claim.map(|claim| ms(claim.until))],
        ),
        // The fact is all.
        Fact::CalledBeside { .. } | Fact::Looked { .. } => Ok(()),
        Fact::Suspended { obligation, from, reason, by, .. } => run(
            "INSERT INTO suspensions (id, obligation, from_ms, reason, by_person) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![ids.draw(1), obligation.0, ms(*from), reason, by.map(|id| id.0)],
        ),
        Fact::Resumed { obligation, at, .. } => run(
            "UPDATE suspensions SET to_ms = ?2 WHERE obligation = ?1 AND to_ms IS NULL",
            params![obligation.0, ms(*at)],
        ),
        Fact::ObligationEnded { obligation, state, why, by, proof, .. } => run(
            "UPDATE obligations SET state = ?2, next_rung = NULL, next_rung_at_ms = NULL, ended_at_ms = ?3,
                ended_by = ?4, end_why = ?5, proof_call = ?6, proof_agent = ?7, proof_from_ms = ?8, proof_talk_ms = ?9,
                claimed_by = NULL, claimed_until_ms = NULL WHERE id = ?1",
            params![
                obligation.0,
                state.as_str(),
                ms(now),
                by.map(|id| id.0),
                why,
                proof.as_ref().map(|proof| proof.call.as_str()),
                proof.as_ref().map(|proof| proof.agent.as_str()),
                proof.as_ref().map(|proof| ms(proof.from)),
                proof.as_ref().map(|proof| proof.talk_ms),
            ],
        ),
        Fact::Accepted { obligation, solved_by, .. } => {
            run("UPDATE obligations SET promised_at_ms = ?2 WHERE id = ?1", params![obligation.0, ms(*solved_by)])
        }
        Fact::Surveyed { .. } => super::surveys::keep_said(db, fact, now),
        Fact::TicketReopened { ticket, obligation, told, send_at, .. } => {
            run(
                "UPDATE tickets SET state = ?2, is_open = 1, closed_at_ms = NULL, version = version + 1 WHERE id = ?1",
                params![ticket.0, TicketState::Reopened.as_str()],
            )?;
            tell(db, ids, &About::owed(*obligation, News::Reopened), told, now, *send_at)
        }
        Fact::Survey(fact) => super::surveys::keep(db, ids, fact, now),
        Fact::Draw(drawing) => super::draws::keep(db, drawing, now),
        Fact::RungFired { obligation, rung, planned_at, fired_at, late, told, send_at, next, .. } => {
            run(
                "INSERT INTO rungs (obligation, rung, planned_at_ms, fired_at_ms, late) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![obligation.0, rung.as_str(), ms(*planned_at), ms(*fired_at), late],
            )?;
            run(
                "UPDATE obligations SET next_rung = ?2, next_rung_at_ms = ?3 WHERE id = ?1",
                params![obligation.0, next.map(|next| next.rung.as_str()), next.and_then(|next| next.at).map(ms)],
            )?;
            tell(db, ids, &About::owed(*obligation, (*rung).into()), told, *fired_at, *send_at)
        }
        Fact::CustomerSaved { customer, by, version, form, numbers } => {
            run(
                "INSERT INTO customers (id, name, company, address, key_customer, note, version, saved_by, class, manager)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, company = excluded.company,
                    address = excluded.address, key_customer = excluded.key_customer, note = excluded.note,
                    version = excluded.version, saved_by = excluded.saved_by, class = excluded.class,
                    manager = excluded.manager",
                params![
                    customer.0,
                    form.name,
                    form.company,
                    form.address,
                    form.key_customer,
                    form.note,
                    version,
                    by.map(|id| id.0),
                    form.class,
                    form.manager.map(|id| id.0),
                ],
            )?;
            run("DELETE FROM customer_numbers WHERE customer = ?1", params![customer.0])?;
            (0_i64..).zip(numbers).try_for_each(|(place, number)| {
                run(
                    "INSERT INTO customer_numbers (number, customer, place) VALUES (?1, ?2, ?3)",
                    params![number.as_str(), customer.0, place],
                )
            })
        }
        Fact::Customer(fact) => super::customers::keep(db, ids, fact, now),
        Fact::Paper(fact) => super::papers::keep(db, ids, fact, now),
        Fact::Regroup(fact) => super::regroup::keep(db, fact, now),
        Fact::PersonAdded { person, login, name, role, password_hash, .. } => run(
            "INSERT INTO people (id, login, name, role, password_hash, active, created_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)",
            params![person.0, login, name, role.as_str(), password_hash, ms(now)],
        ),
        Fact::PasswordSet { person, password_hash, .. } => {
            run("UPDATE people SET password_hash = ?2 WHERE id = ?1", params![person.0, password_hash])?;
            run("DELETE FROM sessions WHERE person = ?1", params![person.0])
        }
        Fact::PersonChanged { person, name, role, active, ends_sessions, .. } => {
            run(
                "UPDATE people SET name = ?2, role = ?3, active = ?4 WHERE id = ?1",
                params![person.0, name, role.as_str(), active],
            )?;
            match ends_sessions {
                true => run("DELETE FROM sessions WHERE person = ?1", params![person.0]),
                false => Ok(()),
            }
        }
        Fact::AwaySet { person, away, deputy, .. } => run(
            "UPDATE people SET away = ?2, deputy = ?3 WHERE id = ?1",
            params![person.0, away, deputy.map(|deputy| deputy.0)],
        ),
        Fact::ExtensionMapped { pbx, extension, person: Some(person), .. } => {
            run(
                "DELETE FROM ignored_extensions WHERE pbx = ?1 AND extension = ?2",
                params![pbx.as_str(), extension.as_str()],
            )?;
            run(
                "INSERT INTO extensions (pbx, extension, person) VALUES (?1, ?2, ?3)
                 ON CONFLICT (pbx, extension) DO UPDATE SET person = excluded.person",
                params![pbx.as_str(), extension.as_str(), person.0],
            )
        }
        Fact::ExtensionMapped { pbx, extension, person: None, .. } => {
            run("DELETE FROM extensions WHERE pbx = ?1 AND extension = ?2", params![pbx.as_str(), extension.as_str()])
        }
        Fact::ExtensionIgnored { pbx, extension, .. } => {
            run("DELETE FROM extensions WHERE pbx = ?1 AND extension = ?2", params![pbx.as_str(), extension.as_str()])?;
            run(
                "INSERT INTO ignored_extensions (pbx, extension) VALUES (?1, ?2) ON CONFLICT (pbx, extension) DO NOTHING",
                params![pbx.as_str(), extension.as_str()],
            )
        }
        Fact::SignedIn { session, person, expires_at, user_agent } => {
            run("DELETE FROM sessions WHERE expires_at_ms <= ?1", params![ms(now)])?;
            run(
                "INSERT INTO sessions (hash, person, created_at_ms, expires_at_ms, user_agent)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![session.0, person.0, ms(now), ms(*expires_at), user_agent],
            )
        }
        Fact::SessionKept { session, expires_at } => {
            run("UPDATE sessions SET expires_at_ms = ?2 WHERE hash = ?1", params![session.0, ms(*expires_at)])
        }
        Fact::SignedOut { session } => run("DELETE FROM sessions WHERE hash = ?1", params![session.0]),
        Fact::LanguageSet { person, language } => {
            run("UPDATE people SET language = ?2 WHERE id = ?1", params![person.0, language])
        }
    }
}

/// What is told, and what of.
pub struct About {
    /// By which it is told once to each: `rung:OBLIGATION:RUNG`.
    pub key: String,
    pub obligation: Option<ObligationId>,
    /// The matter itself, where it is told of no obligation.
    pub ticket: Option<TicketId>,
    pub news: News,
}

impl About {
    fn remedy(ticket: TicketId, remedy: RemedyId, state: RemedyState) -> Option<About> {
        let news = state.news()?;
        let key = format!("remedy:{remedy}:{}", news.as_str());
        Some(About { key, obligation: None, ticket: Some(ticket), news })
    }
    fn owed(obligation: ObligationId, news: News) -> About {
        let key = format!("rung:{obligation}:{}", news.as_str());
        About { key, obligation: Some(obligation), ticket: None, news }
    }
}

/// A row of the outbox to each.
pub fn tell(
    db: &Connection,
    ids: &mut Sequence,
    about: &About,
    told: &[Addressee],
    at: Time,
    send_at: Time,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO outbox (id, key, channel, person, obligation, ticket, rung, at_ms, send_at_ms)
         VALUES (?1, ?2, 'desk', ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut stand_in = db.prepare_cached("INSERT INTO outbox_instead_of (outbox, person) VALUES (?1, ?2)")?;
    told.iter().try_for_each(|Addressee { person, instead_of }| {
        let About { key, obligation, ticket, news } = about;
        let (id, key) = (ids.draw(1), format!("{key}:{person}"));
        let (obligation, ticket) = (obligation.map(|id| id.0), ticket.map(|id| id.0));
        insert.execute(params![id, key, person.0, obligation, ticket, news.as_str(), ms(at), ms(send_at)])?;
        instead_of.iter().try_for_each(|absent| stand_in.execute(params![id, absent.0]).map(drop))
    })
}

fn insert_ticket(db: &Connection, ticket: &Ticket, day: i64, nth: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO tickets (id, number, day, nth, kind, category, priority, summary, course, demand, state, is_open,
            owner, customer, caller, opened_at_ms, version, complexity, channel)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    )?
    .execute(params![
        ticket.id.0,
        ticket.number,
        day,
        nth,
        ticket.kind.as_str(),
        ticket.category,
        ticket.priority.as_str(),
        ticket.summary,
        ticket.course,
        ticket.demand,
        ticket.state.as_str(),
        ticket.state.is_open(),
        ticket.owner.map(|id| id.0),
        ticket.customer.map(|id| id.0),
        ticket.caller.as_ref().map(|number| number.as_str()),
        ms(ticket.opened_at),
        ticket.version,
        ticket.complexity.as_str(),
        ticket.channel.as_str(),
    ])
    .map(drop)
}

fn write_call(db: &Connection, fact: &Fact) -> rusqlite::Result<()> {
    let Fact::CallSeen { call, seen_at, person, ticket, talk_ms, proven } = fact else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO calls (id, pbx, direction, caller, caller_name, number, reached, agent, person, started_at_ms,
            answered_at_ms, ended_at_ms, outcome, ended_by, originated, certain, talk_ms, proven, seen_at_ms, ticket,
            detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
         ON CONFLICT (id) DO UPDATE SET direction = excluded.direction, caller = excluded.caller,
            caller_name = excluded.caller_name, number = excluded.number, reached = excluded.reached,
            agent = excluded.agent, person = coalesce(excluded.person, calls.person),
            started_at_ms = excluded.started_at_ms, answered_at_ms = excluded.answered_at_ms,
            ended_at_ms = excluded.ended_at_ms, outcome = excluded.outcome, ended_by = excluded.ended_by,
            originated = excluded.originated, certain = excluded.certain, talk_ms = excluded.talk_ms,
            proven = excluded.proven, seen_at_ms = excluded.seen_at_ms,
            ticket = coalesce(excluded.ticket, calls.ticket), detail = excluded.detail",
    )?
    .execute(params![
        call.id.as_str(),
        call.pbx.as_str(),
        call.direction.as_str(),
        call.caller,
        call.caller_name,
        call.number.as_ref().map(|number| number.as_str()),
        call.to,
        call.agent.as_ref().map(|agent| agent.as_str()),
        person.map(|id| id.0),
        ms(call.started_at),
        call.answered_at.map(ms),
        call.ended_at.map(ms),
        call.outcome.map(|outcome| outcome.as_str()),
        call.ended_by.map(|by| by.as_str()),
        call.originated.as_ref().map(|leg| leg.as_str()),
        call.certain,
        talk_ms,
        proven,
        ms(*seen_at),
        ticket.map(|id| id.0),
        detail::write(call),
    ])
    .map(drop)
}
