//! The list behind a figure of the report of ownership: a page, or a file for a spreadsheet.

use askama::Template;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::Time;
use daemon::store::ownership::{CalledMatter, Matter, PassFilter};
use daemon::store::read::LIST;

use super::Writer;
use super::asked::{Asked, Behind, Rows};
use crate::auth::{Require, Watch};
use crate::error::Error;
use crate::pages::Shell;
use crate::pages::reports::{LINES, csv};
use crate::state::State;

/// What stands behind a figure.
#[derive(Template)]
#[template(path = "ownership_list.html")]
pub(super) struct ListPage {
    pub(super) shell: Shell,
    pub(super) write: Writer,
    pub(super) rows: Rows,
    /// What is asked, in words.
    pub(super) of: Vec<String>,
    pub(super) file: String,
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

/// The same list as a file.
pub(super) fn list_file(write: &Writer, asked: &Asked) -> String {
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
pub(super) fn words_of(write: &Writer, behind: &Behind, asked: &Asked) -> Vec<String> {
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
