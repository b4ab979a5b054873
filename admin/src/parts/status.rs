//! The status line: how fresh the page is, and which PBX cannot be seen.

use std::collections::BTreeMap;

use askama::Template;
use daemon::PbxName;
use daemon::live::{LinkNow, LinkState};

use super::part;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "status.html")]
pub struct Status {
    pen: Pen,
    up: usize,
    total: usize,
    down: Vec<LinkNow>,
    /// The store refuses to be written.
    store_failing: bool,
    /// Whether the reader can mend a link.
    wires: bool,
}
part!(Status = "status");

impl Status {
    pub fn new(pen: Pen, links: &BTreeMap<PbxName, LinkNow>, store_failing: bool, wires: bool) -> Status {
        let down = links.values().filter(|link| is_down(link)).cloned().collect();
        let up = links.values().filter(|link| link.state == LinkState::Up).count();
        Status { pen, up, total: links.len(), down, store_failing, wires }
    }
}

fn is_down(link: &LinkNow) -> bool {
    match link.state {
        LinkState::Down { .. } => true,
        LinkState::Connecting | LinkState::Snapshot | LinkState::Up => false,
    }
}
