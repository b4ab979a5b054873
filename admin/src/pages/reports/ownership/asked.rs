//! What the report of ownership is asked: of which period, and the list behind which of its figures.

use chrono::TimeDelta;
use daemon::desk::ownership::{Part, Receiver};
use daemon::desk::policy::{Policy, Terms};
use daemon::store::ownership::{CalledMatter, Came, IdleMatter, Pass, PassFilter, PassedMatter};
use daemon::{PersonId, TicketId, Time};
use serde::Deserialize;

use crate::error::Error;
use crate::pages::reports;
use crate::pen::Pen;
use crate::period::Period;
use crate::state::State;

/// Working hours without a deed after which a matter lies idle, unless said otherwise: a day's.
pub(super) const IDLE_HOURS: i64 = 8;
const MOST_IDLE_HOURS: i64 = 720;

/// What the report is asked, and which of its figures is opened.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub period: String,
    pub from: String,
    pub to: String,
    /// Working hours without a deed.
    pub idle: String,
    /// `passes`, `passed`, `calls` or `idle`: the list behind a figure.
    pub show: String,
    pub part: String,
    /// A person's id, or `nobody`; so `owner`.
    pub giver: String,
    /// `person:12` or `department:品质部`.
    pub receiver: String,
    pub came: String,
    pub ticket: String,
    /// How often it was passed on, or the customer called.
    pub times: String,
    pub owner: String,
    /// Not of the period alone.
    pub ever: String,
}

/// The list behind a figure.
pub enum Behind {
    Passes(PassFilter),
    Passed { times: Option<i64> },
    Calls { calls: Option<i64> },
    Idle { owner: Option<Option<PersonId>> },
}

pub enum Rows {
    Passes(Vec<Pass>),
    Passed(Vec<PassedMatter>),
    Calls(Vec<CalledMatter>),
    Idle(Vec<IdleMatter>),
}

impl Asked {
    pub(super) fn period(&self, pen: &Pen) -> Period {
        reports::period(&self.period, &self.from, &self.to, pen)
    }
    pub fn idle_hours(&self) -> i64 {
        self.idle.parse().map_or(IDLE_HOURS, |hours: i64| hours.clamp(1, MOST_IDLE_HOURS))
    }
    /// Since when nobody has done anything in what lies idle at `now`; none where the site has no such
    /// hours.
    pub fn idle_since(&self, policy: &Policy, now: Time) -> Option<Time> {
        let hours = policy.terms.calendars.get(Terms::SITE)?;
        hours.before(now, self.idle_hours() * TimeDelta::hours(1).num_milliseconds())
    }

    /// Which list, of `[from, to)`; none where no such list is asked for.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn behind(&self, from: Time, to: Time, now: Time) -> Result<Option<Behind>, Error> {
        let wrong = |name: &str, text: &str| Error::Parameter(format!("{name} is {text:?}, and nothing that there is"));
        let number = |name: &str, text: &str| match text {
            "" => Ok::<_, Error>(None),
            text => text.parse::<i64>().map(Some).map_err(|_| wrong(name, text)),
        };
        let person = |name: &str, text: &str| match text {
            "nobody" => Ok::<_, Error>(Some(None)),
            text => Ok(number(name, text)?.map(|id| Some(PersonId(id)))),
        };
        let behind = match self.show.as_str() {
            "" => return Ok(None),
            "passes" => {
                let part = match self.part.as_str() {
                    "" => None,
                    part => Some(Part::parse(part).ok_or_else(|| wrong("part", part))?),
                };
                let came = match self.came.as_str() {
                    "" => None,
                    came => Some(Came::parse(came).ok_or_else(|| wrong("came", came))?),
                };
                let receiver = match self.receiver.split_once(':') {
                    None if self.receiver.is_empty() => None,
                    Some(("person", id)) => number("receiver", id)?.map(|id| Receiver::Person(PersonId(id))),
                    Some(("department", name)) => Some(Receiver::Department(name.into())),
                    Some(_) | None => return Err(wrong("receiver", &self.receiver)),
                };
                let giver = person("giver", &self.giver)?;
                let ticket = number("ticket", &self.ticket)?.map(TicketId);
                let (from, to) = if self.ever.is_empty() { (from, to) } else { (Time::default(), now) };
                Behind::Passes(PassFilter { from, to, part, giver, receiver, came, ticket })
            }
            "passed" => Behind::Passed { times: number("times", &self.times)? },
            "calls" => Behind::Calls { calls: number("times", &self.times)? },
            "idle" => Behind::Idle { owner: person("owner", &self.owner)? },
            show => return Err(wrong("show", show)),
        };
        Ok(Some(behind))
    }
}

impl Behind {
    pub async fn rows(
        self,
        state: &State,
        (from, to): (Time, Time),
        idle_since: Option<Time>,
        limit: i64,
    ) -> Result<Rows, Error> {
        let reader = &state.reader;
        Ok(match self {
            Behind::Passes(filter) => Rows::Passes(reader.passes(filter, limit).await?),
            Behind::Passed { times } => Rows::Passed(reader.passed_matters(from, to, times, limit).await?),
            Behind::Calls { calls } => Rows::Calls(reader.called(from, to, calls, limit).await?),
            Behind::Idle { owner } => Rows::Idle(match idle_since {
                Some(since) => reader.idle_matters(since, owner, limit).await?,
                None => Vec::new(),
            }),
        })
    }
}
