//! What every handler may reach.

use std::net::IpAddr;
use std::sync::Arc;

use daemon::files::Files;
use daemon::live::Live;
use daemon::store::read::Reader;
use daemon::wall::Wall;
use daemon::{Commands, Role, Time};
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use crate::auth::Door;
use crate::pen::Pen;
use crate::text::Language;

#[derive(Clone)]
pub struct State {
    pub commands: Commands,
    pub reader: Reader,
    pub live: Live,
    pub files: Files,
    pub house: Arc<House>,
    pub door: Arc<Door>,
    /// Pages are written by it.
    pub wall: Wall,
    /// Streams end themselves when it is cancelled, before the server waits for its connections.
    pub stop: CancellationToken,
}

/// What the configuration says of the house.
#[derive(Clone, Debug)]
pub struct House {
    /// What the sign-in page calls it; may be empty.
    pub name: String,
    /// For whoever has not chosen one; none: the browser's.
    pub language: Option<Language>,
    pub zone: TimeZone,
    /// Browsers reach us over HTTPS: cookies are then for HTTPS alone.
    pub https: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Changes with the binary; a page that hears another one offers to reload.
    pub build: String,
}

impl State {
    pub fn new(
        commands: Commands,
        reader: Reader,
        live: Live,
        files: Files,
        house: House,
        stop: CancellationToken,
    ) -> State {
        let (house, door, wall) = (Arc::new(house), Arc::new(Door::default()), Wall::of_the_machine());
        State { commands, reader, live, files, house, door, wall, stop }
    }

    /// The same by another clock.
    pub fn by(self, wall: Wall) -> State {
        State { wall, ..self }
    }

    pub fn now(&self) -> Time {
        self.wall.now()
    }

    /// For somebody in that role, or of whom we know nothing: what they see of numbers is the site's
    /// terms'.
    pub fn pen(&self, language: Language, role: Option<Role>) -> Pen {
        let policy = self.reader.policy();
        let rights = &policy.terms.rights;
        let may_show = role.is_some_and(|role| rights.may_show(role));
        Pen { language, zone: self.house.zone.clone(), now: self.now(), masked: rights.masks(), may_show }
    }
}
