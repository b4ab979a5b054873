//! Whose matters were: passed on by whom to whom and what came of it, how often customers had to call
//! until they were helped, who does not answer and who does nothing.

mod asked;
mod list;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use chrono::TimeDelta;
use daemon::desk::ownership::Receiver;
use daemon::desk::policy::{Policy, Terms};
use daemon::live::Topic;
use daemon::store::ownership::{Came, Matter, Ownership, Pass, PassFilter, PassedOn, Share, Unanswered};
use daemon::store::read::{Directory, LIST};
use daemon::{PersonId, Time};

use asked::IDLE_HOURS;
pub use asked::{Asked, Rows};
pub use list::file;
use list::{ListPage, list_file, words_of};

use super::{address, in_address, share};
use crate::api::tickets;
use crate::auth::{Require, Visitor, Watch};
use crate::error::Error;
use crate::pages::{Room, Shell, html, present};
use crate::parts::owners::receiver;
use crate::pen::Pen;
use crate::period::{self, Period};
use crate::state::State;

const PATH: &str = "/reports/ownership";

/// Reasons of refusals that the page shows; the link beside them shows all.
const REASONS: i64 = 8;

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
            ("receiver", tickets::receiver(&row.receiver)),
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
        self.write.passes(&[("receiver", tickets::receiver(&row.receiver)), ("came", came), ("ever", ever)])
    }
    fn lapsed(&self, row: &Unanswered) -> String {
        self.write.passes(&[("receiver", tickets::receiver(&row.receiver)), ("came", Came::Lapsed.as_str().to_owned())])
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
