//! The status line: how fresh the page is; and, filling it as a banner that moves nothing, which PBX
//! cannot be seen since when, and that nothing can be saved.

use std::collections::BTreeMap;

use askama::Template;
use daemon::live::{LinkNow, LinkState};
use daemon::{PbxName, Time};

use super::part;
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
    /// Whether the reader can mend a link.
    wires: bool,
}
part!(Status = "status");

impl Status {
    pub fn new(pen: Pen, links: &BTreeMap<PbxName, LinkNow>, store_failing: bool, wires: bool) -> Status {
        let unseen = links.values().filter_map(|link| Some((link.pbx.clone(), link.unseen_since?))).collect();
        let up = links.values().filter(|link| link.state == LinkState::Up).count();
        Status { pen, up, total: links.len(), unseen, store_failing, wires }
    }
}
