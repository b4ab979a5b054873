//! The status line: how fresh the page is; and, filling it as a banner that moves nothing, which PBX
//! cannot be seen since when, that nothing can be saved, and which year came into reach whose holidays
//! nobody knows.

use std::collections::BTreeMap;

use askama::Template;
use daemon::live::{LinkNow, LinkState};
use daemon::{PbxName, Role, Time};

use super::part;
use crate::auth::{Govern, Right, Wire};
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "status.html")]
pub struct Status {
    pen: Pen,
    up: usize,
    total: usize,
    /// PBXes that are out of sight, and since when.
    unseen: Vec<(PbxName, Time)>,
    /// The store refuses to be written.
    store_failing: bool,
    /// Years without a table of holidays. A page that bears their banner shows none of them here.
    unknown_years: Vec<i16>,
    role: Role,
}
part!(Status = "status");

impl Status {
    pub fn new(
        pen: Pen,
        links: &BTreeMap<PbxName, LinkNow>,
        store_failing: bool,
        unknown_years: Vec<i16>,
        role: Role,
    ) -> Status {
        let unseen = links.values().filter_map(|link| Some((link.pbx.clone(), link.unseen_since?))).collect();
        let up = links.values().filter(|link| link.state == LinkState::Up).count();
        Status { pen, up, total: links.len(), unseen, store_failing, unknown_years, role }
    }

    fn years(&self, between: &str) -> String {
        self.unknown_years.iter().map(i16::to_string).collect::<Vec<_>>().join(between)
    }
    fn year(&self) -> String {
        self.pen.say1("status-year", "year", self.years(&self.pen.say("and")))
    }
    /// Whether the reader can mend a link.
    fn wires(&self) -> bool {
        Wire::allows(self.role)
    }
    /// Whether the reader can bring a table of holidays.
    fn governs(&self) -> bool {
        Govern::allows(self.role)
    }
}
