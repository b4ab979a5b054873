//! Stands where calls appear, while none does: that they are waited for, or cannot be seen.

use std::collections::BTreeMap;

use askama::Template;
use daemon::live::{LinkNow, LinkState};
use daemon::{Extension, PbxName};

use super::part;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/waiting.html")]
pub struct Waiting {
    pen: Pen,
    /// PBXes that have a phone of the reader's, and are out of sight.
    unseen: Vec<PbxName>,
}
part!(Waiting = "waiting");

impl Waiting {
    pub fn new(pen: Pen, extensions: &[(PbxName, Extension)], links: &BTreeMap<PbxName, LinkNow>) -> Waiting {
        let has_phone = |link: &&LinkNow| extensions.iter().any(|(pbx, _)| *pbx == link.pbx);
        let unseen = links.values().filter(has_phone).filter(|link| link.state != LinkState::Up);
        Waiting { pen, unseen: unseen.map(|link| link.pbx.clone()).collect() }
    }

    fn pbxs(&self) -> String {
        let names: Vec<&str> = self.unseen.iter().map(PbxName::as_str).collect();
        names.join(&self.pen.say("and"))
    }
}
