//! How customers say that they were served, counted and in their words; and which closed matters were
//! drawn to be looked at again, so that anybody can reckon the draw by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as FromState};
use axum::response::IntoResponse;
use daemon::desk::draw::{LOTS, Seed};
use daemon::live::Topic;
use daemon::store::askings::{Asking, AskingFilter, Heard, Server};
use daemon::store::read::{Directory, Drawn, LIST, Surveyed, Way};
use daemon::{PersonId, QueueName, Time};
use serde::Deserialize;

use super::super::{Room, Shell, html, present};
use super::{LINES, address, csv, in_address, share};
use crate::auth::{Govern, Require, Right, Visitor, Watch};
use crate::error::Error;
use crate::pen::Pen;
use crate::period::{self, Period};
use crate::state::State;

const PATH: &str = "/reports/surveys";

/// Satisfied of a hundred who answered, that a hotline is held to.
const GOAL: i64 = 90;

/// Words of dissatisfied customers that the page shows; the link beside them shows all.
const WORDS: i64 = 10;

/// What the page is asked, and which of its figures is opened.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub period: String,
    pub from: String,
    pub to: String,
    /// `offered`, `heard`, `answered`, `satisfied`, `fairly`, `dissatisfied`; for a file also `draws`.
    pub show: String,
    /// `keys` or `agent`.
    pub way: String,
    /// A queue's name.
    pub queue: String,
    /// Those of no queue.
    pub no_queue: String,
    /// `person:12`, `agent:1001`, or `nobody`.
    pub server: String,
}

impl Asked {
    fn period(&self, pen: &Pen) -> Period {
        super::period(&self.period, &self.from, &self.to, pen)
    }

    /// # Errors
    /// What cannot be read.
    pub fn filter(&self, from: Time, to: Time) -> Result<AskingFilter, Error> {
        let wrong = |name: &str, text: &str| Error::Parameter(format!("{name} is {text:?}, and nothing that there is"));
        let way = match self.way.as_str() {
            "" => None,
            way => Some(Way::parse(way).ok_or_else(|| wrong("way", way))?),
        };
        let server = match self.server.split_once(':') {
            None if self.server.is_empty() => None,
            None if self.server == "nobody" => Some(Server::Nobody),
            Some(("person", id)) => {
                let id = id.parse().map_err(|_| wrong("server", &self.server))?;
                Some(Server::Person(PersonId(id)))
            }
            Some(("agent", extension)) => Some(Server::Agent(extension.into())),
            Some(_) | None => return Err(wrong("server", &self.server)),
        };
        let queue = match (self.queue.as_str(), self.no_queue.as_str()) {
            ("", "") => None,
            ("", _) => Some(None),
            (queue, _) => Some(Some(QueueName::from(queue))),
        };
        let came = if self.show.is_empty() { Heard::Offered.as_str() } else { &self.show };
        let came = Heard::parse(came).ok_or_else(|| wrong("show", came))?;
        Ok(AskingFilter { from, to, came, way, queue, server })
    }
}

/// As addresses and the API name it.
pub fn server_word(server: &Server) -> String {
    match server {
        Server::Person(person) => format!("person:{person}"),
        Server::Agent(agent) => format!("agent:{agent}"),
        Server::Nobody => "nobody".to_owned(),
    }
}

/// Askings of one queue, of who served, or of one way: counted.
#[derive(Clone, Default)]
struct Counts {
    offered: i64,
    heard: i64,
    answered: i64,
    satisfied: i64,
    fairly: i64,
    dissatisfied: i64,
    scored: i64,
    scores: i64,
}

impl Counts {
    fn add(&mut self, row: &Surveyed) {
        self.offered += row.offered;
        self.heard += row.heard;
        self.answered += row.answered;
        self.satisfied += row.satisfied;
        self.fairly += row.fairly;
        self.dissatisfied += row.dissatisfied;
        self.scored += row.scored;
        self.scores += row.scores;
    }
    fn of(&self, came: Heard) -> i64 {
        match came {
            Heard::Offered => self.offered,
            Heard::Heard => self.heard,
            Heard::Answered => self.answered,
            Heard::Satisfied => self.satisfied,
            Heard::Fairly => self.fairly,
            Heard::Dissatisfied => self.dissatisfied,
        }
    }
    fn heard_share(&self) -> String {
        share(self.heard, self.offered)
    }
    fn answered_share(&self) -> String {
        share(self.answered, self.offered)
    }
    fn dissatisfied_share(&self) -> String {
        share(self.dissatisfied, self.answered)
    }
    fn satisfied_share(&self) -> String {
        share(self.satisfied, self.answered)
    }
    fn mean(&self) -> String {
        if self.scored == 0 { "–".to_owned() } else { format!("{:.1}", self.scores as f64 / self.scored as f64) }
    }
    fn reaches(&self) -> bool {
        self.satisfied * 100 >= GOAL * self.answered
    }
}

/// A row of a table of counts: whose they are, how addresses name that, and the counts.
type Counted = (String, Vec<(&'static str, String)>, Counts);

#[derive(Template)]
#[template(path = "surveys.html")]
struct SurveysPage {
    shell: Shell,
    pen: Pen,
    period: Period,
    directory: Arc<Directory>,
    all: Counts,
    by_queue: Vec<Counted>,
    by_server: Vec<Counted>,
    by_way: Vec<Counted>,
    dissatisfied: Vec<Asking>,
    draws: Vec<Drawn>,
    /// By which the lots are checked,
    seed: Seed,
    /// and which only those are told who set the policy: with it, what will be drawn is known before.
    tells_seed: bool,
    percent: u8,
}

impl SurveysPage {
    fn link(&self, came: Heard, more: &[(&'static str, String)]) -> String {
        let mut asked = in_address(&self.period);
        asked.push(("show", came.as_str().to_owned()));
        asked.extend_from_slice(more);
        address(PATH, &asked)
    }
    fn file(&self, show: &str) -> String {
        let mut asked = in_address(&self.period);
        asked.push(("show", show.to_owned()));
        address("/reports/surveys.csv", &asked)
    }
    fn tables(&self) -> [(&'static str, String, &Vec<Counted>); 3] {
        [
            ("queue", self.pen.say("by-queue"), &self.by_queue),
            ("server", self.pen.say("by-agent"), &self.by_server),
            ("way", self.pen.say("by-way"), &self.by_way),
        ]
    }
    fn cells(&self, row: &Counted) -> Vec<(i64, String)> {
        Heard::ALL.iter().map(|came| (row.2.of(*came), self.link(*came, &row.1))).collect()
    }
    fn came_words(&self) -> Vec<String> {
        Heard::ALL.iter().map(|came| self.pen.word("asked", came.as_str())).collect()
    }
    fn server(&self, server: &Server) -> String {
        server_name(&self.pen, &self.directory, server)
    }
    fn words(&self) -> Vec<(&'static str, String, bool)> {
        let link =
            |word: &&'static str| (*word, address(PATH, &[("period", (*word).to_owned())]), self.period.word == *word);
        period::WORDS.iter().map(link).collect()
    }
    fn drawn(&self) -> usize {
        self.draws.iter().filter(|draw| draw.drawn).count()
    }
    fn below(&self, draw: &Drawn) -> u32 {
        u32::from(draw.percent) * (LOTS / 100)
    }
    /// It comes to the same when it is reckoned again.
    fn agrees(&self, draw: &Drawn) -> bool {
        self.seed.lot(draw.ticket) == draw.lot && draw.lot.is_drawn(draw.percent) == draw.drawn
    }
    fn is_cut(&self) -> bool {
        self.draws.len() as i64 == LIST
    }
    fn said(&self, asking: &Asking) -> String {
        said(&self.pen, asking)
    }
}

/// Which askings a figure counts.
#[derive(Template)]
#[template(path = "surveys_list.html")]
struct ListPage {
    shell: Shell,
    pen: Pen,
    directory: Arc<Directory>,
    rows: Vec<Asking>,
    of: Vec<String>,
    whole: String,
    file: String,
}

impl ListPage {
    fn server(&self, server: &Server) -> String {
        server_name(&self.pen, &self.directory, server)
    }
    fn said(&self, asking: &Asking) -> String {
        said(&self.pen, asking)
    }
    fn is_cut(&self) -> bool {
        self.rows.len() as i64 == LIST
    }
}

fn server_name(pen: &Pen, directory: &Directory, server: &Server) -> String {
    match server {
        Server::Person(person) => directory.name(*person).to_owned(),
        Server::Agent(agent) => agent.to_string(),
        Server::Nobody => pen.say("asked-nobody"),
    }
}

/// How far it came: an answer, with its score or key, or none.
fn said(pen: &Pen, asking: &Asking) -> String {
    let key = asking.pressed.map(|key| pen.say1("asked-key", "key", key));
    match (asking.result, asking.score) {
        (Some(result), Some(score)) => {
            pen.say2("survey-scored", "result", pen.word("survey", result.as_str()), "score", score)
        }
        (Some(result), None) => pen.word("survey", result.as_str()),
        (None, _) => key.unwrap_or_else(|| match asking.heard_at {
            Some(_) => pen.say("asked-silent"),
            None => pen.say("asked-gone"),
        }),
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Query(asked): Query<Asked>,
) -> Result<axum::response::Response, Error> {
    let (pen, directory) = (visitor.pen.clone(), visitor.directory.clone());
    let period = asked.period(&pen);
    let (from, to) = (period.from, period.to);
    let notices = present(&state, vec![Topic::House]).await?;
    let title = pen.say("surveys");
    if !asked.show.is_empty() {
        let filter = asked.filter(from, to)?;
        let rows = state.reader.askings(filter.clone(), LIST).await?;
        let of = words_of(&pen, &directory, &period, &filter);
        let whole = address(PATH, &in_address(&period));
        let file = list_file(&period, &asked);
        let shell = Shell::new(&state, visitor, Room::Reports, title, &notices);
        return Ok(html(ListPage { shell, pen, directory, rows, of, whole, file })?.into_response());
    }
    let unhappy = AskingFilter { from, to, came: Heard::Dissatisfied, way: None, queue: None, server: None };
    let (rows, dissatisfied, draws) = tokio::try_join!(
        state.reader.surveys(from, to),
        state.reader.askings(unhappy, WORDS),
        state.reader.draws(from, to, LIST)
    )?;
    let (mut all, policy) = (Counts::default(), state.reader.policy());
    let mut queues: BTreeMap<Option<QueueName>, Counts> = BTreeMap::new();
    let mut servers: BTreeMap<Server, Counts> = BTreeMap::new();
    let mut ways: BTreeMap<Way, Counts> = BTreeMap::new();
    for row in &rows {
        all.add(row);
        queues.entry(row.queue.clone()).or_default().add(row);
        servers.entry(Server::of(row.person, row.agent.clone())).or_default().add(row);
        ways.entry(row.way).or_default().add(row);
    }
    let by_queue = queues.into_iter().map(|(queue, counts)| match queue {
        Some(queue) => (queue.to_string(), vec![("queue", queue.to_string())], counts),
        None => (pen.say("asked-no-queue"), vec![("no_queue", "1".to_owned())], counts),
    });
    let by_server = servers.into_iter().map(|(server, counts)| {
        (server_name(&pen, &directory, &server), vec![("server", server_word(&server))], counts)
    });
    let by_way = ways
        .into_iter()
        .map(|(way, counts)| (pen.word("asked-way", way.as_str()), vec![("way", way.as_str().to_owned())], counts));
    let (by_queue, mut by_server, by_way) = (by_queue.collect(), by_server.collect::<Vec<_>>(), by_way.collect());
    by_server.sort_by_key(|(.., counts)| std::cmp::Reverse(counts.offered));
    let page = SurveysPage {
        period,
        directory,
        all,
        by_queue,
        by_server,
        by_way,
        dissatisfied,
        draws,
        seed: policy.seed,
        tells_seed: Govern::allows(visitor.person.role),
        percent: policy.terms.spot_check_percent,
        shell: Shell::new(&state, visitor, Room::Reports, title, &notices),
        pen,
    };
    Ok(html(page)?.into_response())
}

fn list_file(period: &Period, asked: &Asked) -> String {
    let fields = [
        ("show", &asked.show),
        ("way", &asked.way),
        ("queue", &asked.queue),
        ("no_queue", &asked.no_queue),
        ("server", &asked.server),
    ];
    let filled = fields.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.clone()));
    address("/reports/surveys.csv", &in_address(period).into_iter().chain(filled).collect::<Vec<_>>())
}

fn words_of(pen: &Pen, directory: &Directory, period: &Period, filter: &AskingFilter) -> Vec<String> {
    let queue = filter
        .queue
        .as_ref()
        .map(|queue| queue.as_ref().map_or_else(|| pen.say("asked-no-queue"), ToString::to_string));
    let server = filter.server.as_ref().map(|server| server_name(pen, directory, server));
    let way = filter.way.map(|way| pen.word("asked-way", way.as_str()));
    let days = format!("{} – {}", period.first, period.last);
    let came = pen.word("asked", filter.came.as_str());
    [Some(days), Some(came), queue, server, way].into_iter().flatten().collect()
}

/// The askings as a file, or the lots that were looked at.
pub async fn file(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    Query(asked): Query<Asked>,
) -> Result<axum::response::Response, Error> {
    let period = asked.period(&visitor.pen);
    let (from, to) = (period.from, period.to);
    if asked.show == "draws" {
        let rows = state.reader.draws(from, to, LINES).await?;
        return Ok(csv("draws", &period, draw_lines(&visitor.pen, &rows)).into_response());
    }
    let rows = state.reader.askings(asked.filter(from, to)?, LINES).await?;
    Ok(csv("surveys", &period, lines(&visitor, &rows)).into_response())
}

fn lines(visitor: &Visitor, rows: &[Asking]) -> Vec<Vec<String>> {
    let pen = &visitor.pen;
    let head = vec![
        pen.say("col-time"),
        pen.say("asked-way"),
        pen.say("col-number"),
        pen.say("col-matter"),
        pen.say("asked-served"),
        pen.say("asked-queue"),
        pen.say("asked-heard"),
        pen.say("asked-answered"),
        pen.say("asked-score"),
        pen.say("asked-words"),
    ];
    let line = |row: &Asking| {
        let (number, summary) = row.ticket.clone().unwrap_or_default();
        vec![
            pen.full(&row.offered_at),
            pen.word("asked-way", row.way.as_str()),
            number,
            summary,
            server_name(pen, &visitor.directory, &row.server),
            row.queue.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.heard_at.map(|at| pen.full(&at)).unwrap_or_default(),
            row.result.map(|result| pen.word("survey", result.as_str())).unwrap_or_default(),
            row.score.map(|score| score.to_string()).unwrap_or_default(),
            row.words.clone(),
        ]
    };
    [head].into_iter().chain(rows.iter().map(line)).collect()
}

fn draw_lines(pen: &Pen, rows: &[Drawn]) -> Vec<Vec<String>> {
    let head = vec![
        pen.say("col-time"),
        pen.say("col-number"),
        pen.say("draw-id"),
        pen.say("draw-lot"),
        pen.say("draw-below"),
        pen.say("draw-drawn"),
    ];
    let line = |row: &Drawn| {
        vec![
            pen.full(&row.at),
            row.number.clone(),
            row.ticket.to_string(),
            row.lot.0.to_string(),
            (u32::from(row.percent) * (LOTS / 100)).to_string(),
            if row.drawn { pen.say("draw-yes") } else { pen.say("draw-no") },
        ]
    };
    [head].into_iter().chain(rows.iter().map(line)).collect()
}
