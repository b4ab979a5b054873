//! What every handler may reach.

use std::net::IpAddr;
use std::sync::Arc;

use daemon::files::Files;
use daemon::live::Live;
use daemon::store::read::Reader;
use daemon::{Commands, Time};
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
    /// Customers' numbers are shown as `138****5827`.
    pub masked: bool,
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
        State { commands, reader, live, files, house: Arc::new(house), door: Arc::new(Door::default()), stop }
    }

    pub fn pen(&self, language: Language) -> Pen {
        Pen { language, zone: self.house.zone.clone(), now: now(), masked: self.house.masked }
    }
}

/// The pages' clock: when a page is written.
pub fn now() -> Time {
    chrono::Utc::now()
}
