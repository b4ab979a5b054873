//! PBX links: how each stands, when it was out of sight, what it says, whose phones it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use daemon::ledger::Hindrance;
use daemon::live::{BoardNow, LinkNow, LinkState, SeenEvent};
use daemon::store::read::{Blind, Coverage, Directory, Gap, LedgerRow, UnmappedExtension};
use daemon::{PbxName, Time};

use super::{Part, part};
use crate::pen::Pen;
use crate::period::{self, Period};

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
    /// Since when it stands so: while it is out of sight, each attempt begins no new time.
    fn since<'a>(&self, link: &'a LinkNow) -> &'a Time {
        link.unseen_since.as_ref().filter(|_| link.state != LinkState::Up).unwrap_or(&link.since)
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
    /// What is wrong, and whether it keeps us from seeing.
    fn troubles(&self) -> Vec<(&PbxName, &str, bool)> {
        let trouble = |link: &'_ LinkNow| link.state != LinkState::Up;
        let told = self.links.values();
        told.filter_map(|link| Some((&link.pbx, link.last_error.as_deref()?, trouble(link)))).collect()
    }
}

/// What hindered sight, the newest first.
#[derive(Template)]
#[template(path = "parts/ledger.html")]
pub struct Ledger {
    pub pen: Pen,
    pub rows: Vec<LedgerRow>,
}
part!(Ledger = "ledger");

impl Ledger {
    /// How a line looks: class and icon; its word is its own.
    fn look(&self, what: Hindrance) -> (&'static str, &'static str) {
        match what {
            Hindrance::Outage => ("", "cut"),
            Hindrance::Restart | Hindrance::Resync => ("", "again"),
            Hindrance::ClockStep => ("", "clock"),
            Hindrance::Overflow | Hindrance::Damaged | Hindrance::Misread | Hindrance::Drift => ("", "warn"),
        }
    }
    fn is_open(&self, row: &LedgerRow) -> bool {
        row.entry.what == Hindrance::Outage && row.to.is_none()
    }
}

/// How much of a period each PBX was seen.
#[derive(Template)]
#[template(path = "parts/coverage.html")]
pub struct CoverageBars {
    pub pen: Pen,
    pub pbxs: Vec<PbxName>,
    pub coverage: Vec<Coverage>,
    pub period: Period,
}
impl HtmlSafe for CoverageBars {}

/// Today lives; another period is a page's own and is not sent again.
impl Part for CoverageBars {
    fn id(&self) -> String {
        if self.period.word == "today" { "coverage".to_owned() } else { "coverage-chosen".to_owned() }
    }
}

/// A stretch of a bar, in thousandths of the period.
struct Stretch {
    class: &'static str,
    x: i64,
    width: i64,
}

/// A bar's length. At 250 px an outage thinner than [`THINNEST`] would not be seen.
const BAR: i64 = 1000;
const THINNEST: i64 = 11;

/// Gaps that a list under the bars shows.
const GAPS: usize = 12;

impl CoverageBars {
    fn choices(&self) -> [(&'static str, bool); 3] {
        period::WORDS.map(|word| (word, self.period.word == word))
    }
    fn of(&self, pbx: &PbxName) -> Option<&Coverage> {
        self.coverage.iter().find(|coverage| coverage.pbx == *pbx)
    }
    /// PBXes that are wired, and those that once were.
    fn rows(&self) -> Vec<&PbxName> {
        let once = self.coverage.iter().map(|c| &c.pbx).filter(|pbx| !self.pbxs.contains(*pbx));
        self.pbxs.iter().chain(once.filter(|pbx| self.of(pbx).is_some_and(|c| c.seen_ms > 0))).collect()
    }
    /// Until where the bar can say anything.
    fn so_far(&self) -> i64 {
        self.at(&self.pen.now)
    }
    fn at(&self, at: &Time) -> i64 {
        let whole = (self.period.to - self.period.from).num_milliseconds().max(1);
        ((*at - self.period.from).num_milliseconds().clamp(0, whole) * BAR) / whole
    }
    fn blind(&self, pbx: &PbxName) -> Vec<Stretch> {
        let gaps = self.of(pbx).map(|coverage| &coverage.gaps[..]).unwrap_or_default();
        let stretch = |gap: &Gap| {
            let (class, least) = match gap.why {
                Blind::Outage(_) => ("blind", THINNEST),
                Blind::NotYet | Blind::NoMore | Blind::Ahead => ("ahead", 0),
            };
            let x = self.at(&gap.from);
            Stretch { class, x, width: (self.at(&gap.to) - x).max(least) }
        };
        gaps.iter().map(stretch).collect()
    }
    /// Rounded down: a period with a gap is never shown as whole.
    fn share(&self, pbx: &PbxName) -> String {
        match self.of(pbx) {
            Some(c) if c.total_ms > 0 => {
                let per_mille = c.seen_ms * 1000 / c.total_ms;
                if per_mille == 1000 { "100%".to_owned() } else { format!("{}.{}%", per_mille / 10, per_mille % 10) }
            }
            Some(_) | None => "–".to_owned(),
        }
    }
    /// Outages of the period, newest first, and how many more there are. The ledger has today's.
    fn gaps(&self) -> (Vec<(&PbxName, &Gap)>, usize) {
        if self.period.word == "today" {
            return (Vec::new(), 0);
        }
        let all = self.coverage.iter().flat_map(|c| c.gaps.iter().map(move |gap| (&c.pbx, gap)));
        let mut all: Vec<_> = all.filter(|(_, gap)| matches!(gap.why, Blind::Outage(_))).collect();
        all.sort_by_key(|(pbx, gap)| (std::cmp::Reverse(gap.from), (*pbx).clone()));
        let more = all.len().saturating_sub(GAPS);
        all.truncate(GAPS);
        (all, more)
    }
    fn lasted(&self, gap: &Gap) -> String {
        self.pen.lasted(&gap.from, &Some(gap.to))
    }
    fn why<'a>(&self, gap: &'a Gap) -> &'a str {
        if let Blind::Outage(why) = &gap.why { why } else { "" }
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
