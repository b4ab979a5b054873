//! PBX links: how each stands, when it was out of sight, what it says, whose phones it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use daemon::live::{BoardNow, LinkNow, LinkState, SeenEvent};
use daemon::store::read::{Coverage, Directory, Outage, UnmappedExtension};
use daemon::{PbxName, Time};

use super::part;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/links.html")]
pub struct Links {
    pub pen: Pen,
    pub links: BTreeMap<PbxName, LinkNow>,
    pub board: Option<Arc<BoardNow>>,
}
part!(Links = "links");

impl Links {
    fn look(&self, link: &LinkNow) -> (&'static str, &'static str, &'static str) {
        match link.state {
            LinkState::Up => ("ok", "link", "up"),
            LinkState::Snapshot => ("warn", "again", "snapshot"),
            LinkState::Connecting => ("warn", "again", "connecting"),
            LinkState::Down { .. } => ("bad", "cut", "down"),
        }
    }
    fn retry(&self, link: &LinkNow) -> Option<(u32, Time)> {
        match link.state {
            LinkState::Down { attempt, retry_at } => Some((attempt, retry_at)),
            LinkState::Connecting | LinkState::Snapshot | LinkState::Up => None,
        }
    }
    fn latency(&self, link: &LinkNow) -> String {
        match link.latency_us.filter(|_| link.state == LinkState::Up) {
            Some(us) => self.pen.say1("milliseconds", "ms", format!("{:.1}", us as f64 / 1000.0)),
            None => "–".to_owned(),
        }
    }
    fn calls_up(&self, link: &LinkNow) -> Option<u32> {
        let board = self.board.as_ref().filter(|_| link.state == LinkState::Up)?;
        Some(board.calls_up.iter().find(|(pbx, _)| *pbx == link.pbx).map_or(0, |(_, up)| *up))
    }
    fn troubles(&self) -> Vec<(&PbxName, &str)> {
        let told = self.links.values().filter(|link| link.state != LinkState::Up);
        told.filter_map(|link| Some((&link.pbx, link.last_error.as_deref()?))).collect()
    }
}

#[derive(Template)]
#[template(path = "parts/outages.html")]
pub struct Outages {
    pub pen: Pen,
    pub outages: Vec<Outage>,
}
part!(Outages = "outages");

/// How much of today each PBX was seen.
#[derive(Template)]
#[template(path = "parts/coverage.html")]
pub struct CoverageBars {
    pub pen: Pen,
    pub pbxs: Vec<PbxName>,
    pub coverage: Vec<Coverage>,
    pub outages: Vec<Outage>,
    pub from: Time,
}
part!(CoverageBars = "coverage");

/// A stretch of a day's bar, in minutes.
struct Stretch {
    x: i64,
    width: i64,
}

impl CoverageBars {
    fn now_minute(&self) -> i64 {
        self.pen.minute_of_day(&self.pen.now)
    }
    fn blind(&self, pbx: &PbxName) -> Vec<Stretch> {
        let mine = self.outages.iter().filter(|outage| outage.pbx == *pbx);
        let today = mine.filter(|outage| outage.to.is_none_or(|to| to > self.from));
        let stretch = |outage: &Outage| {
            let x = if outage.from < self.from { 0 } else { self.pen.minute_of_day(&outage.from) };
            let end = outage.to.map_or_else(|| self.now_minute(), |to| self.pen.minute_of_day(&to));
            // At 250 px for a day an outage of a minute would be too thin to see.
            Stretch { x, width: (end - x).max(16) }
        };
        today.map(stretch).collect()
    }
    fn share(&self, pbx: &PbxName) -> String {
        let of = self.coverage.iter().find(|coverage| coverage.pbx == *pbx);
        match of {
            Some(c) if c.unseen_ms > 0 && c.period_ms > 0 => {
                // Rounded down: a day with a gap is never shown as whole.
                let per_mille = (c.period_ms - c.unseen_ms).max(0) * 1000 / c.period_ms;
                format!("{}.{}%", per_mille / 10, per_mille % 10)
            }
            Some(_) | None => "100%".to_owned(),
        }
    }
}

/// Extensions that were seen and are nobody's. It has fields, so the stream does not replace it.
#[derive(Template)]
#[template(path = "parts/unmapped.html")]
pub struct Unmapped {
    pub pen: Pen,
    pub unmapped: Vec<UnmappedExtension>,
    pub directory: Arc<Directory>,
}
impl HtmlSafe for Unmapped {}

/// One row of the events' live view.
#[derive(Template)]
#[template(path = "parts/event.html")]
pub struct EventRow<'a> {
    pub pen: &'a Pen,
    pub event: &'a SeenEvent,
}

impl EventRow<'_> {
    /// The end of the call's id, which tells calls of one hour apart.
    fn call(&self) -> String {
        let Some(call) = &self.event.call else { return "–".to_owned() };
        let id = call.as_str();
        let tail = id.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
        if tail == 0 { id.to_owned() } else { format!("…{}", &id[tail..]) }
    }
}
