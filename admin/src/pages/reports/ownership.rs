//! Whose matters were: passed on by whom to whom and what came of it, how often customers had to call
//! until they were helped, who does not answer and who does nothing.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use chrono::TimeDelta;
use daemon::desk::ownership::{Part, Receiver};
use daemon::desk::policy::{Policy, Terms};
use daemon::live::Topic;
use daemon::store::passes::{
    CalledMatter, Came, IdleMatter, Matter, Ownership, Pass, PassFilter, PassedMatter, PassedOn, Share, Unanswered,
};
use daemon::store::read::{Directory, LIST};
use daemon::{PersonId, TicketId, Time};
use serde::Deserialize;

use super::super::{Room, Shell, html, present};
use super::{LINES, address, csv, in_address, share};
use crate::api;
use crate::auth::{Require, Visitor, Watch};
use crate::error::Error;
use crate::parts::owners::receiver;
use crate::pen::Pen;
use crate::period::{self, Period};
use crate::state::State;

const PATH: &str = "/reports/ownership";

/// Reasons of refusals that the page shows; the link beside them shows all.
const REASONS: i64 = 8;

/// Working hours without a deed after which a matter lies idle, unless said otherwise: a day's.
const IDLE_HOURS: i64 = 8;
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
    fn period(&self, pen: &Pen) -> Period {
        super::period(&self.period, &self.from, &self.to, pen)
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

/// Names, addresses and spans, as both pages write them.
struct Writer {
    pen: Pen,
    directory: Arc<Directory>,
    policy: Arc<Policy>,
    period: Period,
    idle_hours: i64,
}

impl Writer {
    fn of(state: &State, visitor: &Visitor, asked: &Asked) -> Writer {
        Writer {
            pen: visitor.pen.clone(),
            directory: visitor.directory.clone(),
            policy: state.reader.policy(),
            period: asked.period(&visitor.pen),
            idle_hours: asked.idle_hours(),
        }
    }

    fn person(&self, person: &Option<PersonId>) -> String {
        let name = |id: &PersonId| self.directory.name(*id).to_owned();
        person.as_ref().map_or_else(|| self.pen.say("nobody-yet"), name)
    }
    fn receiver(&self, to: &Receiver) -> String {
        receiver(&self.directory, to)
    }
    fn summary(&self, summary: &str) -> String {
        if summary.is_empty() { self.pen.say("no-summary") } else { summary.to_owned() }
    }
    /// How many working hours have passed since then.
    fn worked(&self, since: &Time) -> String {
        let hours = self.policy.terms.calendars.get(Terms::SITE);
        let worked_ms = hours.map_or(0, |hours| hours.between_ms(*since, self.pen.now));
        self.pen.lasted(&(self.pen.now - TimeDelta::milliseconds(worked_ms)), &Some(self.pen.now))
    }

    /// The report's own address with more asked.
    fn link(&self, more: &[(&'static str, String)]) -> String {
        self.to(PATH, more)
    }
    fn to(&self, path: &str, more: &[(&'static str, String)]) -> String {
        let mut asked = in_address(&self.period);
        if self.idle_hours != IDLE_HOURS {
            asked.push(("idle", self.idle_hours.to_string()));
        }
        asked.extend_from_slice(more);
        address(path, &asked)
    }
    fn passes(&self, more: &[(&'static str, String)]) -> String {
        let mut asked = vec![("show", "passes".to_owned())];
        asked.extend_from_slice(more);
        self.link(&asked)
    }
}

fn id_or_nobody(person: Option<PersonId>) -> String {
    person.map_or_else(|| "nobody".to_owned(), |id| id.to_string())
}

#[derive(Template)]
#[template(path = "ownership.html")]
struct OwnershipPage {
    shell: Shell,
    write: Writer,
    report: Ownership,
    reasons: Vec<Pass>,
    /// The site has no hours, so that nothing can lie idle in them.
    has_no_hours: bool,
}

/// A figure: what it is called, how many, and the address of what it counts.
struct Figure {
    word: String,
    count: i64,
    href: String,
    share: Option<String>,
}

impl OwnershipPage {
    fn all(&self) -> i64 {
        self.report.passed.iter().map(PassedOn::all).sum()
    }
    fn figures(&self) -> Vec<Figure> {
        let (pen, all) = (&self.write.pen, self.all());
        let passed = Figure {
            word: pen.say("passed-matters"),
            count: self.report.matters,
            href: self.write.link(&[("show", "passed".to_owned())]),
            share: Some(pen.say1("passed-times-all", "count", all)),
        };
        let of = |came: &Came| {
            let count = self.report.passed.iter().map(|row| row.of(*came)).sum();
            let href = self.write.passes(&[("came", came.as_str().to_owned())]);
            Figure { word: pen.word("came", came.as_str()), count, href, share: Some(share(count, all)) }
        };
        [passed].into_iter().chain(Came::ALL.iter().map(of)).collect()
    }
    /// The figures of a row of the table, as many as its columns.
    fn row(&self, row: &PassedOn) -> Vec<Figure> {
        let whose = vec![
            ("part", row.part.as_str().to_owned()),
            ("giver", id_or_nobody(row.giver)),
            ("receiver", api::receiver(&row.receiver)),
        ];
        let figure = |count, more: Vec<(&'static str, String)>| {
            let href = self.write.passes(&[whose.clone(), more].concat());
            Figure { word: String::new(), count, href, share: None }
        };
        let all = figure(row.all(), Vec::new());
        let came = Came::ALL.iter().map(|came| figure(row.of(*came), vec![("came", came.as_str().to_owned())]));
        [all].into_iter().chain(came).collect()
    }
    fn came_words(&self) -> Vec<String> {
        Came::ALL.iter().map(|came| self.write.pen.word("came", came.as_str())).collect()
    }
    fn refusals(&self) -> (i64, String) {
        let count = self.report.passed.iter().map(|row| row.refused).sum();
        (count, self.write.passes(&[("came", Came::Refused.as_str().to_owned())]))
    }

    /// A bar for each share: its figure, and its length in percent of the longest.
    fn bars(&self, shares: &[Share], show: &'static str) -> Vec<(Figure, String)> {
        let most = shares.iter().map(|share| share.matters).max().unwrap_or(0).max(1);
        let whole: i64 = shares.iter().map(|share| share.matters).sum();
        let bar = |bar: &Share| {
            let word = match show {
                "calls" if bar.of == 0 => self.write.pen.say("calls-without"),
                "calls" => self.write.pen.say1("calls-so-many", "count", bar.of),
                _ => self.write.pen.say1("times-so-many", "count", bar.of),
            };
            let href = self.write.link(&[("show", show.to_owned()), ("times", bar.of.to_string())]);
            let length = format!("{:.1}%", bar.matters as f64 * 100.0 / most as f64);
            (Figure { word, count: bar.matters, href, share: Some(share(bar.matters, whole)) }, length)
        };
        shares.iter().map(bar).collect()
    }
    fn solved(&self) -> i64 {
        self.report.calls.iter().map(|share| share.matters).sum()
    }
    fn of_ticket(&self, matter: &Matter) -> String {
        self.write.passes(&[("ticket", matter.ticket.to_string())])
    }
    fn waiting(&self, row: &Unanswered) -> String {
        let (came, ever) = (Came::Waiting.as_str().to_owned(), "1".to_owned());
        self.write.passes(&[("receiver", api::receiver(&row.receiver)), ("came", came), ("ever", ever)])
    }
    fn lapsed(&self, row: &Unanswered) -> String {
        self.write.passes(&[("receiver", api::receiver(&row.receiver)), ("came", Came::Lapsed.as_str().to_owned())])
    }
    fn idle(&self, owner: &Option<PersonId>) -> String {
        self.write.link(&[("show", "idle".to_owned()), ("owner", id_or_nobody(*owner))])
    }
    fn file(&self, show: &str) -> String {
        self.write.to("/reports/ownership.csv", &[("show", show.to_owned())])
    }
    fn words(&self) -> Vec<(&'static str, String, bool)> {
        let link = |word: &&'static str| {
            let mut asked = vec![("period", (*word).to_owned())];
            if self.write.idle_hours != IDLE_HOURS {
                asked.push(("idle", self.write.idle_hours.to_string()));
            }
            (*word, address(PATH, &asked), self.write.period.word == *word)
        };
        period::WORDS.iter().map(link).collect()
    }
}

/// What stands behind a figure.
#[derive(Template)]
#[template(path = "ownership_list.html")]
struct ListPage {
    shell: Shell,
    write: Writer,
    rows: Rows,
    /// What is asked, in words.
    of: Vec<String>,
    file: String,
}

impl ListPage {
    fn is_cut(&self) -> bool {
        self.count() as i64 == LIST
    }
    fn count(&self) -> usize {
        match &self.rows {
            Rows::Passes(rows) => rows.len(),
            Rows::Passed(rows) => rows.len(),
            Rows::Calls(rows) => rows.len(),
            Rows::Idle(rows) => rows.len(),
        }
    }
    fn of_ticket(&self, matter: &Matter) -> String {
        self.write.passes(&[("ticket", matter.ticket.to_string())])
    }
    fn took(&self, row: &CalledMatter) -> String {
        self.write.pen.lasted(&row.opened_at, &Some(row.solved_at))
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Query(asked): Query<Asked>,
) -> Result<axum::response::Response, Error> {
    let write = Writer::of(&state, &visitor, &asked);
    let (from, to, now) = (write.period.from, write.period.to, write.pen.now);
    let idle_since = asked.idle_since(&write.policy, now);
    let notices = present(&state, vec![Topic::House]).await?;
    let title = visitor.pen.say("ownership");
    if let Some(behind) = asked.behind(from, to, now)? {
        let of = words_of(&write, &behind, &asked);
        let rows = behind.rows(&state, (from, to), idle_since, LIST).await?;
        let file = list_file(&write, &asked);
        let shell = Shell::new(&state, visitor, Room::Reports, title, &notices);
        return Ok(html(ListPage { shell, write, rows, of, file })?.into_response());
    }
    let refused = PassFilter { from, to, came: Some(Came::Refused), ..PassFilter::default() };
    let (report, reasons) =
        tokio::try_join!(state.reader.ownership(from, to, idle_since), state.reader.passes(refused, REASONS))?;
    let shell = Shell::new(&state, visitor, Room::Reports, title, &notices);
    let has_no_hours = idle_since.is_none();
    Ok(html(OwnershipPage { shell, write, report, reasons, has_no_hours })?.into_response())
}

/// The same list as a file.
fn list_file(write: &Writer, asked: &Asked) -> String {
    let asked = [
        ("show", &asked.show),
        ("part", &asked.part),
        ("giver", &asked.giver),
        ("receiver", &asked.receiver),
        ("came", &asked.came),
        ("ticket", &asked.ticket),
        ("times", &asked.times),
        ("owner", &asked.owner),
        ("ever", &asked.ever),
    ];
    let filled = asked.into_iter().filter(|(_, text)| !text.is_empty());
    write.to("/reports/ownership.csv", &filled.map(|(name, text)| (name, text.clone())).collect::<Vec<_>>())
}

/// Which rows a list has.
fn words_of(write: &Writer, behind: &Behind, asked: &Asked) -> Vec<String> {
    let pen = &write.pen;
    let days = || format!("{} – {}", write.period.first, write.period.last);
    match behind {
        Behind::Passes(filter) => {
            let part = filter.part.map(|part| pen.word("hand-part", part.as_str()));
            let giver = filter.giver.map(|giver| pen.say1("passed-by", "who", write.person(&giver)));
            let receiver = filter.receiver.as_ref().map(|to| pen.say1("passed-to", "who", write.receiver(to)));
            let came = filter.came.map(|came| pen.word("came", came.as_str()));
            let days = if asked.ever.is_empty() { days() } else { pen.say("passed-ever") };
            [Some(days), part, giver, receiver, came].into_iter().flatten().collect()
        }
        Behind::Passed { times } => {
            let times = times.map(|times| pen.say1("times-so-many", "count", times));
            [Some(days()), times].into_iter().flatten().collect()
        }
        Behind::Calls { calls } => {
            let calls = calls.map(|calls| pen.say1("calls-so-many", "count", calls));
            [Some(days()), calls].into_iter().flatten().collect()
        }
        Behind::Idle { owner } => {
            let owner = owner.map(|owner| write.person(&owner));
            [Some(pen.say1("idle-so-long", "hours", write.idle_hours)), owner].into_iter().flatten().collect()
        }
    }
}

/// A list as a file; all that was passed on where none is named.
pub async fn file(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let write = Writer::of(&state, &visitor, &asked);
    let (from, to, now) = (write.period.from, write.period.to, write.pen.now);
    let behind = asked.behind(from, to, now)?;
    let all = PassFilter { from, to, ..PassFilter::default() };
    let rows = behind.unwrap_or(Behind::Passes(all));
    let rows = rows.rows(&state, (from, to), asked.idle_since(&write.policy, now), LINES).await?;
    let name = match &rows {
        Rows::Passes(_) => "passed-on",
        Rows::Passed(_) => "matters-passed-on",
        Rows::Calls(_) => "calls-needed",
        Rows::Idle(_) => "idle",
    };
    Ok(csv(name, &write.period, lines(&write, &rows)))
}

fn lines(write: &Writer, rows: &Rows) -> Vec<Vec<String>> {
    let pen = &write.pen;
    let heads = |more: Vec<String>| {
        let matter = ["col-number", "col-matter", "col-customer", "col-owner", "col-state"].map(|key| pen.say(key));
        [matter.to_vec(), more].concat()
    };
    let at = |at: &Option<Time>| at.as_ref().map(|at| pen.full(at)).unwrap_or_default();
    let matter = |matter: &Matter| {
        vec![
            matter.number.clone(),
            matter.summary.clone(),
            matter.customer_name.clone(),
            write.person(&matter.owner),
            pen.word("state", matter.state.as_str()),
        ]
    };
    let mut all = Vec::new();
    match rows {
        Rows::Passes(rows) => {
            all.push(vec![
                pen.say("col-number"),
                pen.say("col-matter"),
                pen.say("passed-part"),
                pen.say("passed-giver"),
                pen.say("passed-receiver"),
                pen.say("passed-at"),
                pen.say("passed-words"),
                pen.say("passed-came"),
                pen.say("passed-ended-at"),
                pen.say("passed-ended-by"),
                pen.say("passed-why"),
            ]);
            all.extend(rows.iter().map(|row| {
                vec![
                    row.number.clone(),
                    row.summary.clone(),
                    pen.word("hand-part", row.part.as_str()),
                    write.person(&row.giver),
                    write.receiver(&row.receiver),
                    pen.full(&row.at),
                    row.words.clone(),
                    pen.word("came", row.came.as_str()),
                    at(&row.ended_at),
                    row.ended_by.map(|by| write.person(&Some(by))).unwrap_or_default(),
                    row.why.clone(),
                ]
            }));
        }
        Rows::Passed(rows) => {
            all.push(heads(vec![pen.say("passed-times"), pen.say("passed-went")]));
            all.extend(
                rows.iter()
                    .map(|row| [matter(&row.matter), vec![row.times.to_string(), row.went.to_string()]].concat()),
            );
        }
        Rows::Calls(rows) => {
            all.push(heads(vec![
                pen.say("calls-count"),
                pen.say("calls-missed"),
                pen.say("calls-opened"),
                pen.say("calls-solved"),
            ]));
            all.extend(rows.iter().map(|row| {
                let more = vec![
                    row.calls.to_string(),
                    row.missed.to_string(),
                    pen.full(&row.opened_at),
                    pen.full(&row.solved_at),
                ];
                [matter(&row.matter), more].concat()
            }));
        }
        Rows::Idle(rows) => {
            all.push(heads(vec![pen.say("idle-last")]));
            all.extend(rows.iter().map(|row| [matter(&row.matter), vec![pen.full(&row.last_at)]].concat()));
        }
    }
    all
}
