//! A ticket's timeline: its facts, with those of the tickets that are part of it, in words for people.

use protocol::request::Spying;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Deserialize;

use crate::calls::call::Outcome;
use crate::desk::clock::{ClockKind, ObligationState, Survey};
use crate::desk::draw::Lot;
use crate::desk::handling::{Finding, RemedyKind, RemedyState};
use crate::desk::ownership::{How, OfferEnd, Part, Receiver};
use crate::desk::papers::Tie;
use crate::desk::regroup::RegroupKind;
use crate::desk::survey::Unanswered;
use crate::desk::ticket::{Channel, Kind, Satisfaction, TicketState};
use crate::desk::{News, Rung};
use crate::store::column::*;
use crate::store::read::*;
use crate::store::regroup::WHOLE;
use crate::store::{Result, papers};
use crate::{CallId, ObligationId, PersonId, TicketId};

pub fn timeline(
    db: &Connection,
    id: TicketId,
    comments: &[Comment],
    attachments: &[Attachment],
) -> Result<Vec<TimelineRow>> {
    let sql = format!(
        "SELECT f.seq, f.at_ms, f.kind, f.by_person, f.call, f.obligation, f.person, f.customer, f.body, o.kind AS clock,
            CASE WHEN f.ticket <> ?1 THEN t.number END AS whose
         FROM (SELECT * FROM facts WHERE ticket IN {WHOLE} ORDER BY seq DESC LIMIT ?2) f
         LEFT JOIN obligations o ON o.id = f.obligation JOIN tickets t ON t.id = f.ticket ORDER BY f.seq"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0, LIST])?;
    let mut timeline = papers::in_timeline(comments, attachments);
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get("seq")?;
        let (at, by) = (time(row, "at_ms")?, row.get::<_, Option<i64>>("by_person")?.map(PersonId));
        let of: Option<String> = row.get("whose")?;
        // Both tickets say that one was merged into the other; the one that goes on says it here.
        if of.is_some() && row.get_ref("kind")?.as_str()? == "ticket_merged" {
            continue;
        }
        timeline.extend(what(db, row)?.into_iter().map(|what| (seq, TimelineRow { at, by, of: of.clone(), what })));
    }
    timeline.sort_by_key(|(seq, _)| *seq);
    Ok(timeline.into_iter().map(|(_, row)| row).collect())
}

/// A fact as the timeline's words; kinds that it does not show give none.
fn what(db: &Connection, row: &Row) -> Result<Vec<TimelineWhat>> {
    let call = maybe_name::<CallId>(row, "call")?;
    let obligation = row.get::<_, Option<i64>>("obligation")?.map(ObligationId);
    let clock = maybe_word(row, "clock", ClockKind::parse)?;
    let mut body: Body = serde_json::from_str(row.get_ref("body")?.as_str()?).unwrap_or_default();
    let joined = call.clone().map(|call| TimelineWhat::Joined { call });
    // What is offered, and how that ends, has lines of its own.
    let clock = clock.filter(|clock| *clock != ClockKind::HandOver);
    let what = match row.get_ref("kind")?.as_str()? {
        "ticket_opened" => return Ok([TimelineWhat::Opened].into_iter().chain(joined).collect()),
        "call_joined" => joined,
        "owner_taken" => {
            row.get::<_, Option<i64>>("person")?.map(|person| TimelineWhat::Owner { person: PersonId(person) })
        }
        "ticket_saved" => Some(TimelineWhat::Saved { version: body.version }),
        "obligation_began" => {
            let began = obligation.zip(clock);
            began.map(|(obligation, clock)| {
                let due_at = body.due_at_ms.map(from_ms);
                TimelineWhat::ObligationBegan { obligation, clock, due_at }
            })
        }
        "rung_fired" => Rung::parse(&body.rung).map(|rung| TimelineWhat::Rung { rung, late: body.late }),
        "attempt_made" => {
            call.zip(Outcome::parse(&body.outcome)).map(|(call, outcome)| TimelineWhat::Attempt { call, outcome })
        }
        "obligation_kept" => call.zip(clock).map(|(call, clock)| TimelineWhat::Kept {
            clock,
            proof: crate::desk::clock::Proof {
                call,
                agent: body.agent.as_str().into(),
                from: from_ms(body.from_ms),
                talk_ms: body.talk_ms,
            },
        }),
        "obligation_ended" => ObligationState::parse(&body.state)
            .zip(clock)
            .map(|(state, clock)| TimelineWhat::Ended { clock, state, why: std::mem::take(&mut body.why) }),
        "accepted" => Some(TimelineWhat::Accepted { solved_by: from_ms(body.solved_by_ms) }),
        "surveyed" => Satisfaction::parse(&body.result).map(|result| TimelineWhat::Surveyed {
            survey: Survey { result, words: std::mem::take(&mut body.words), score: body.score },
        }),
        "survey_by_keys" => Some(TimelineWhat::SurveyedByKeys {
            person: row.get::<_, Option<i64>>("person")?.map(PersonId),
            agent: Some(body.agent.as_str()).filter(|agent| !agent.is_empty()).map(Into::into),
            heard: body.heard_at_ms.is_some(),
            pressed: body.pressed,
            result: Satisfaction::parse(&body.result),
        }),
        "dissatisfied_told" => {
            let told = body.told.as_array().into_iter().flatten();
            let told = told.filter_map(|told| told["person"].as_i64()).map(PersonId).collect();
            Some(TimelineWhat::DissatisfiedTold { told })
        }
        "survey_unanswered" => Unanswered::parse(&body.why)
            .map(|why| TimelineWhat::Unanswered { why, words: std::mem::take(&mut body.words) }),
        "lot_looked_at" => Some(TimelineWhat::Lot { lot: Lot(body.lot), percent: body.percent, drawn: body.drawn }),
        "offered" => {
            let person = row.get::<_, Option<i64>>("person")?.map(|person| Receiver::Person(PersonId(person)));
            let department = body.department.as_deref().map(|department| Receiver::Department(department.into()));
            let words = std::mem::take(&mut body.words);
            let offered = Part::parse(&body.part).zip(person.or(department));
            offered.map(|(part, to)| TimelineWhat::Offered { part, to, words })
        }
        "offer_ended" => {
            OfferEnd::parse(&body.end).map(|end| TimelineWhat::OfferEnded { end, why: std::mem::take(&mut body.why) })
        }
        "given" => {
            let person = row.get::<_, Option<i64>>("person")?.map(PersonId);
            let given = Part::parse(&body.part).zip(How::parse(&body.how)).zip(person);
            let words = std::mem::take(&mut body.words);
            given.map(|((part, how), person)| TimelineWhat::Given { part, person, how, words })
        }
        "notified" => (body.news == News::Urgent.as_str()).then_some(TimelineWhat::Alarmed),
        "ticket_moved" => TicketState::parse(&body.state)
            .map(|state| TimelineWhat::Became { state, why: std::mem::take(&mut body.why) }),
        "investigated" => Some(TimelineWhat::Investigated { words: std::mem::take(&mut body.words) }),
        "found" => Some(TimelineWhat::Found { finding: body.finding.as_deref().and_then(Finding::parse) }),
        "remedy_proposed" => RemedyKind::parse(&body.what)
            .zip(RemedyState::parse(&body.state))
            .map(|(kind, state)| TimelineWhat::RemedyProposed { kind, sum_cents: body.sum_cents, state }),
        "remedy_decided" => RemedyState::parse(&body.state)
            .map(|state| TimelineWhat::RemedyDecided { state, why: std::mem::take(&mut body.why) }),
        "told" => Channel::parse(&body.how).map(|how| TimelineWhat::Told {
            how,
            words: std::mem::take(&mut body.words),
            withdrawn: body.withdrawn,
        }),
        "filed" => Some(TimelineWhat::Filed { words: std::mem::take(&mut body.words) }),
        "assessed" => Some(TimelineWhat::Assessed),
        "waiting_ended" => {
            let person = row.get::<_, Option<i64>>("person")?.map(PersonId);
            call.map(|call| TimelineWhat::CustomerCalled { call, agent: body.agent.as_str().into(), person })
        }
        "reclassed" => Kind::parse(&body.was).zip(Kind::parse(&body.kind)).map(|(was, kind)| TimelineWhat::Reclassed {
            was,
            kind,
            why: std::mem::take(&mut body.why),
        }),
        "ticket_reopened" => Some(TimelineWhat::Reopened),
        "suspended" => Some(TimelineWhat::Suspended { reason: std::mem::take(&mut body.reason) }),
        "resumed" => Some(TimelineWhat::Resumed),
        "numbers_shown" => Some(TimelineWhat::NumbersShown),
        "evidence_made" => Some(TimelineWhat::EvidenceMade { masked: body.masked }),
        "called_beside" => {
            let holder = row.get::<_, Option<i64>>("person")?.map(PersonId);
            holder.map(|holder| TimelineWhat::CalledBeside { holder })
        }
        "tied" | "untied" => {
            let (how, number) = (Tie::parse(&body.how), number_of(db, TicketId(body.other))?);
            how.zip(number).map(|(how, number)| {
                match row.get_ref("kind").is_ok_and(|kind| kind == ValueRef::Text(b"tied")) {
                    true => TimelineWhat::Tied { how, number },
                    false => TimelineWhat::Untied { how, number },
                }
            })
        }
        "ticket_merged" | "ticket_split" | "merged_from" | "split_from" => {
            let gave = matches!(row.get_ref("kind")?.as_str()?, "ticket_merged" | "ticket_split");
            let kind = RegroupKind::parse(&body.what).zip(number_of(db, TicketId(body.other))?);
            let line = kind.map(|(kind, number)| TimelineWhat::Regrouped { kind, gave, number });
            // What a ticket began with stands in it; where one became part of another, in its own lines.
            let is_new = body.what == RegroupKind::Split.as_str();
            let calls =
                body.calls.iter().filter(|_| is_new).map(|call| TimelineWhat::Joined { call: call.as_str().into() });
            return Ok(line.into_iter().chain(calls).collect());
        }
        "regroup_undone" => {
            let kind = RegroupKind::parse(&body.what).zip(number_of(db, TicketId(body.other))?);
            kind.map(|(kind, number)| TimelineWhat::RegroupUndone { kind, number })
        }
        "call_moved" => number_of(db, TicketId(body.to))?.map(|number| TimelineWhat::CallMoved { number }),
        "ticket_linked" => {
            let name = "SELECT name FROM customers WHERE id = ?1";
            let customer = row.get::<_, Option<i64>>("customer")?;
            let name = db.prepare_cached(name)?.query_row([customer], |row| row.get(0)).optional()?;
            name.map(|name| TimelineWhat::Customer { name })
        }
        "claimed" => {
            let by = row.get::<_, Option<i64>>("person")?.map(PersonId);
            clock.map(|clock| TimelineWhat::Claimed { clock, by })
        }
        "claim_released" => clock.map(|clock| TimelineWhat::Claimed { clock, by: None }),
        "obligation_moved" => clock.map(|clock| TimelineWhat::Moved { clock, due_at: body.due_at_ms.map(from_ms) }),
        "dial_asked" => Some(TimelineWhat::Dialled),
        "hang_up_asked" => Some(TimelineWhat::HungUp),
        "spy_asked" => match Spying::parse(&body.how) {
            Some(how) => Some(TimelineWhat::Spied {
                agent: body.agent.as_str().into(),
                person: row.get::<_, Option<i64>>("person")?.map(PersonId),
                how,
                heard_ms: heard_ms(db, &body.leg)?,
            }),
            None => None,
        },
        _ => None,
    };
    Ok(what.into_iter().collect())
}

/// What the timeline needs of the bodies of facts; each has some of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    version: i64,
    due_at_ms: Option<i64>,
    state: String,
    was: String,
    kind: String,
    why: String,
    reason: String,
    solved_by_ms: i64,
    result: String,
    words: String,
    rung: String,
    late: bool,
    outcome: String,
    agent: String,
    from_ms: i64,
    talk_ms: i64,
    leg: String,
    how: String,
    part: String,
    end: String,
    news: String,
    department: Option<String>,
    heard_at_ms: Option<i64>,
    pressed: Option<u8>,
    score: Option<u8>,
    lot: u32,
    percent: u8,
    drawn: bool,
    other: i64,
    to: i64,
    masked: bool,
    /// Who was told; each kind of fact has them its own way.
    told: serde_json::Value,
    what: String,
    calls: Vec<String>,
    finding: Option<String>,
    sum_cents: i64,
    withdrawn: bool,
}

fn number_of(db: &Connection, ticket: TicketId) -> Result<Option<String>> {
    db.prepare_cached("SELECT number FROM tickets WHERE id = ?1")?.query_row([ticket.0], |row| row.get(0)).optional()
}

/// How long was listened by that leg; what is still going on counts up to when it was last told.
fn heard_ms(db: &Connection, leg: &str) -> Result<Option<i64>> {
    let heard = db
        .prepare_cached("SELECT coalesce(to_ms, from_ms) - from_ms FROM spyings WHERE leg = ?1")?
        .query_row([leg], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(heard.flatten())
}
