//! What is done in a matter beside its form: a call promised, a complaint accepted, a reply, waiting for
//! the customer, telling them the result, filing, and what they said in the end.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State as FromState};
use axum::response::{IntoResponse, Redirect};
use chrono::DateTime;
use daemon::desk::clock::{ClockKind, ObligationState};
use daemon::desk::command::{Command, Done, FieldWhy, Refusal, Step};
use daemon::desk::policy::Policy;
use daemon::desk::rights::Act;
use daemon::desk::survey::{Asking, Scale, Unanswered};
use daemon::desk::ticket::{Channel, Kind, Satisfaction, TicketState};
use daemon::store::read::TicketPage;
use daemon::{TicketId, Time};
use jiff::civil;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::asking::give;
use crate::auth::{Desk, Require, Visitor};
use crate::error::Error;
use crate::parts::handling::ahead;
use crate::pen::Pen;
use crate::state::State;

/// A step as a form or a script sends it; what it does not need is not there.
#[derive(Debug, Deserialize)]
pub struct Taken {
    /// `promise`, `accepted`, `replied`, `wait`, `go_on`, `told`, `withdrawn`, `filed`, `close`, `reopen`,
    /// `surveyed`.
    pub step: String,
    /// For when it is promised, or by when it will be solved: RFC 3339, or a time of the site's zone as
    /// `2026-11-24T15:00`.
    #[serde(default)]
    pub at: String,
    #[serde(default)]
    pub words: String,
    /// `satisfied`, `fairly`, `dissatisfied`, or a score of `1` to `5`; `not_asked`, `declined`.
    #[serde(default)]
    pub result: String,
    /// By which channel the customer was told.
    #[serde(default)]
    pub how: String,
    /// For what the customer is waited for.
    #[serde(default)]
    pub reason: String,
    /// Why it is opened again.
    #[serde(default)]
    pub why: String,
}

impl Taken {
    fn step(self, zone: &TimeZone) -> Result<Step, Error> {
        let wrong = |field, why| Error::Refused(Refusal::Field { field, why });
        let at = |field| moment(field, &self.at, zone);
        Ok(match self.step.as_str() {
            "promise" => Step::Promise { at: at("at")? },
            "accepted" => Step::Accepted { solved_by: at("at")? },
            "replied" => Step::Replied { words: self.words },
            "wait" => Step::Wait { reason: self.reason },
            "go_on" => Step::GoOn,
            "told" => {
                let how = Channel::parse(&self.how).ok_or(wrong("how", FieldWhy::Missing))?;
                Step::Told { how, words: self.words }
            }
            "withdrawn" => Step::Withdrawn { words: self.words },
            "filed" => Step::Filed { words: self.words },
            "close" => Step::Close,
            "reopen" => Step::Reopen { why: self.why },
            "surveyed" if let Ok(score) = self.result.parse() => Step::Scored { score, words: self.words },
            "surveyed" if let Some(why) = Unanswered::parse(&self.result) => {
                Step::Unanswered { why, words: self.words }
            }
            "surveyed" => {
                let result = Satisfaction::parse(&self.result).ok_or(wrong("result", FieldWhy::Missing))?;
                Step::Surveyed { result, words: self.words }
            }
            _ => return Err(wrong("step", FieldWhy::Unknown)),
        })
    }
}

/// A time of a form, which is the site's, or of a script.
pub fn moment(field: &'static str, text: &str, zone: &TimeZone) -> Result<Time, Error> {
    let wrong = |why| Error::Refused(Refusal::Field { field, why });
    if text.trim().is_empty() {
        return Err(wrong(FieldWhy::Missing));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.into());
    }
    let local = text.parse::<civil::DateTime>().and_then(|at| at.to_zoned(zone.clone()));
    let at = local.ok().and_then(|at| Time::from_timestamp_millis(at.timestamp().as_millisecond()));
    at.ok_or(wrong(FieldWhy::NotATime))
}

/// From the ticket's page, which shows what came of it.
pub async fn take(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Desk>,
    Path(ticket): Path<i64>,
    Form(taken): Form<Taken>,
) -> Result<impl IntoResponse, Error> {
    let page = state.reader.ticket(TicketId(ticket), visitor.person.id).await?.ok_or(Error::NotFound)?;
    given(&state, &visitor, &page, taken).await?;
    Ok(Redirect::to(&format!("/tickets/{}", page.row.ticket.number)))
}

/// For the ticket of that number.
pub async fn take_for(state: &State, visitor: &Visitor, number: &str, taken: Taken) -> Result<Done, Error> {
    let page = state.reader.numbered(number.to_owned(), visitor.person.id).await?.ok_or(Error::NotFound)?;
    given(state, visitor, &page, taken).await
}

async fn given(state: &State, visitor: &Visitor, page: &TicketPage, taken: Taken) -> Result<Done, Error> {
    visitor.sees(&page.row)?;
    let command = Command::Matter(page.row.ticket.id, taken.step(&visitor.pen.zone)?);
    give(state, visitor, command).await
}

/// The steps that can be taken now, by what is owed.
#[derive(Template)]
#[template(path = "parts/steps.html")]
pub struct Steps {
    pen: Pen,
    ticket: TicketId,
    state: TicketState,
    /// Whether the reader may do more than file it,
    may_step: bool,
    /// and that.
    may_file: bool,
    /// Whether nothing is missing before it is over for good.
    may_close: bool,
    /// What the reader may make of it beside what its form does.
    kinds: Vec<Kind>,
    owed: Vec<ClockKind>,
    scale: Scale,
    /// How it came.
    channel: Channel,
}
impl askama::filters::HtmlSafe for Steps {}

impl Steps {
    /// Those that the reader may take.
    pub fn of(pen: &Pen, page: &TicketPage, policy: &Policy, may: impl Fn(Act) -> bool) -> Steps {
        let act = |kind: ClockKind| if kind == ClockKind::Filing { Act::File } else { Act::Step };
        let open = page.obligations.iter().filter(|row| may(act(row.kind)) && row.state == ObligationState::Open);
        let ahead = ahead(page, policy);
        let is_next = |state: TicketState| ahead.iter().any(|(next, _)| *next == state);
        let is_free = |state: TicketState| ahead.iter().any(|(next, missing)| *next == state && missing.is_empty());
        let ticket = &page.row.ticket;
        let owed: Vec<ClockKind> = open.map(|row| row.kind).collect();
        let others = Kind::ALL.iter().copied().filter(|kind| may(Act::Reclass) && !ticket.kind.may_become(*kind));
        let is_filed_next = !ticket.state.is_open() && is_next(TicketState::Filed);
        Steps {
            pen: pen.clone(),
            ticket: ticket.id,
            state: ticket.state,
            may_step: may(Act::Step),
            may_file: may(Act::File) && (is_filed_next || owed.contains(&ClockKind::Filing)),
            may_close: may(Act::Step) && is_free(TicketState::Closed),
            kinds: others.collect(),
            owed,
            scale: policy.terms.asking.scale,
            channel: ticket.channel,
        }
    }

    fn is_open(&self) -> bool {
        self.may_step && self.state.is_open()
    }
    fn waits(&self) -> bool {
        self.may_step && self.state == TicketState::WaitingCustomer
    }
    fn may_wait(&self) -> bool {
        self.may_step && matches!(self.state, TicketState::New | TicketState::InProgress | TicketState::Reopened)
    }
    fn may_reopen(&self) -> bool {
        self.may_step && !self.state.is_open()
    }
    fn channels(&self) -> &'static [Channel] {
        Channel::ALL
    }

    fn owes(&self, kind: &str) -> bool {
        self.owed.iter().any(|owed| owed.as_str() == kind)
    }

    fn asks(&self) -> bool {
        self.owes("return_visit") || self.owes("spot_check")
    }

    /// The customer says a number, of which one has to know which end is the good one.
    fn scores(&self) -> bool {
        self.scale == Scale::Scores
    }

    /// What there is to say, and as people read it.
    fn results(&self) -> Vec<(String, String)> {
        let word = |group: &str, word: &str| (word.to_owned(), self.pen.word(group, word));
        let said: Vec<_> = match self.scale {
            Scale::Words => Satisfaction::ALL.iter().map(|result| word("survey", result.as_str())).collect(),
            Scale::Scores => (1..=Asking::BEST).map(|score| (score.to_string(), score.to_string())).collect(),
        };
        said.into_iter().chain(Unanswered::ALL.iter().map(|why| word("unanswered", why.as_str()))).collect()
    }
}
