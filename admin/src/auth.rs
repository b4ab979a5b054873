//! Who is asking: sessions, passwords, what a role may do.
//!
//! A session is 256 random bits in a cookie; the store has only their SHA-256. Every request reads
//! the session and the person afresh, so that signing out or losing a role takes effect at once.

mod password;
mod throttle;

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};
use axum::http::request::Parts;
use daemon::desk::command::{Command, Given, SessionHash};
use daemon::desk::rights::{Act, Circle};
use daemon::store::read::{Directory, ObligationRow, Person, TicketRow};
use daemon::{Extension, PbxName, PersonId, Role};
use sha2::{Digest, Sha256};
use tokio::sync::broadcast;

pub use password::{Hasher, hash};
pub use throttle::Throttle;

use crate::error::Error;
use crate::pen::Pen;
use crate::state::{House, State};
use crate::text::Language;

/// Sign-outs that a stream may be behind before it looks its session up again: far more than
/// happen in the moment that a stream needs to wake.
const SIGN_OUTS: usize = 64;

/// What guards the way in.
pub struct Door {
    pub hasher: Hasher,
    pub throttle: Throttle,
    /// Sessions that just ended: their streams end with them.
    pub signed_out: broadcast::Sender<SessionHash>,
}

impl Default for Door {
    fn default() -> Self {
        Door { hasher: Hasher::default(), throttle: Throttle::default(), signed_out: broadcast::channel(SIGN_OUTS).0 }
    }
}

/// Somebody who has signed in, and all that their pages need to know of them.
#[derive(Clone)]
pub struct Visitor {
    pub person: Person,
    pub session: SessionHash,
    pub extensions: Vec<(PbxName, Extension)>,
    pub directory: Arc<Directory>,
    pub pen: Pen,
    pub theme: Theme,
    /// Remedies that wait for their word.
    pub to_approve: usize,
}

impl Visitor {
    /// Whether they may do that in a matter; the desk asks the same table.
    pub fn may(&self, circle: &Circle, act: Act) -> bool {
        circle.may(&*self.directory, self.person.id, act, self.pen.now)
    }
    /// Whoever may not see a ticket is told that it is not there.
    pub fn sees(&self, row: &TicketRow) -> Result<(), Error> {
        if self.may(&row.circle(), Act::See) { Ok(()) } else { Err(Error::NotFound) }
    }
    /// The same as `may` of what is owed in it.
    pub fn may_of(&self, row: &ObligationRow, act: Act) -> bool {
        row.circle.may_of(row.owner, &*self.directory, self.person.id, act, self.pen.now)
    }
}

/// What a route asks of a role.
pub trait Right: Send + Sync + 'static {
    fn allows(role: Role) -> bool;
}
/// Whoever has signed in.
pub struct Anyone;
/// Answers calls and writes tickets.
pub struct Desk;
/// Sees customers' matters, and may call about them.
pub struct Read;
/// Sees the whole team.
pub struct Watch;
/// Wires PBXes and people; needs no customer's text.
pub struct Wire;

/// Answers for how the house fares: team or wires.
pub struct Oversee;

/// Says what the site promises.
pub struct Govern;

impl Right for Anyone {
    fn allows(_: Role) -> bool {
        true
    }
}
impl Right for Desk {
    fn allows(role: Role) -> bool {
        match role {
            Role::Agent | Role::Handler | Role::Supervisor => true,
            Role::Manager | Role::Admin => false,
        }
    }
}
impl Right for Read {
    fn allows(role: Role) -> bool {
        match role {
            Role::Agent | Role::Handler | Role::Supervisor | Role::Manager => true,
            Role::Admin => false,
        }
    }
}
impl Right for Watch {
    fn allows(role: Role) -> bool {
        match role {
            Role::Supervisor | Role::Manager => true,
            Role::Agent | Role::Handler | Role::Admin => false,
        }
    }
}
impl Right for Oversee {
    fn allows(role: Role) -> bool {
        match role {
            Role::Supervisor | Role::Manager | Role::Admin => true,
            Role::Agent | Role::Handler => false,
        }
    }
}
impl Right for Govern {
    fn allows(role: Role) -> bool {
        match role {
            Role::Manager | Role::Admin => true,
            Role::Agent | Role::Handler | Role::Supervisor => false,
        }
    }
}
impl Right for Wire {
    fn allows(role: Role) -> bool {
        match role {
            Role::Admin => true,
            Role::Agent | Role::Handler | Role::Supervisor | Role::Manager => false,
        }
    }
}

/// A handler that takes `Require<Desk>` runs only for whoever has that right.
pub struct Require<R: Right> {
    pub visitor: Visitor,
    right: PhantomData<R>,
}

impl<R: Right> FromRequestParts<State> for Require<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let visitor = visitor(&parts.headers, state).await?.ok_or(Error::SignIn)?;
        if !R::allows(visitor.person.role) {
            return Err(Error::NotAllowed);
        }
        Ok(Require { visitor, right: PhantomData })
    }
}

/// Who the cookie says it is; none when it says nothing that stands.
pub async fn visitor(headers: &HeaderMap, state: &State) -> Result<Option<Visitor>, Error> {
    let Some(secret) = cookie(headers, session_cookie(&state.house)) else { return Ok(None) };
    let session = session_hash(secret);
    let Some(stands) = state.reader.session(session, state.now()).await? else { return Ok(None) };
    let id = stands.person;
    if stands.to_renew {
        keep(session, id, state);
    }
    let directory = state.reader.directory().await?;
    let Some(person) = directory.person(id).filter(|person| person.active).cloned() else { return Ok(None) };
    let chosen = person.language.as_deref().and_then(Language::parse);
    let pen = state.pen(chosen.unwrap_or_else(|| language(headers, &state.house)), Some(person.role));
    let extensions = directory.extensions_of(id).map(|(pbx, e)| (pbx.clone(), e.clone())).collect();
    let to_approve = to_approve(state, &person).await?;
    Ok(Some(Visitor { person, session, extensions, directory, pen, theme: Theme::of(headers), to_approve }))
}

async fn to_approve(state: &State, person: &Person) -> Result<usize, Error> {
    if !Watch::allows(person.role) {
        return Ok(0);
    }
    let limits = state.reader.policy().terms.remedies;
    let asked = state.reader.asked_for().await?;
    let theirs = |(by, sum_cents): &&(PersonId, i64)| *by != person.id && limits.may_decide(person.role, *sum_cents);
    Ok(asked.iter().filter(theirs).count())
}

/// Says that the session is in use; no page waits for it. Streams do not say so: a browser that is
/// left alone goes on listening.
fn keep(session: SessionHash, person: PersonId, state: &State) {
    let commands = state.commands.clone();
    let given = Given { by: Some(person), command: Command::KeepSession { session } };
    // Refused when it was signed out meanwhile, or the disk refuses; the next request tries again.
    tokio::spawn(async move { drop(commands.give(given).await) });
}

/// Whether a session still stands; asked by streams, which outlive the request that began them.
pub async fn stands(session: SessionHash, state: &State) -> bool {
    match state.reader.session(session, state.now()).await {
        Ok(person) => person.is_some(),
        // The store not answering is no reason to cut the telephone off.
        Err(_) => true,
    }
}

/// The language of somebody of whom we only know the browser.
pub fn language(headers: &HeaderMap, house: &House) -> Language {
    let accepted = || headers.get(ACCEPT_LANGUAGE)?.to_str().ok().and_then(Language::accepted);
    cookie(headers, "language").and_then(Language::parse).or(house.language).or_else(accepted).unwrap_or(Language::ZhCn)
}

/// Light or dark, as the reader chose; else as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    pub fn of(headers: &HeaderMap) -> Theme {
        match cookie(headers, "theme") {
            Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            Some(_) | None => Theme::System,
        }
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';')).find_map(
        |pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        },
    )
}

pub fn session_cookie(house: &House) -> &'static str {
    if house.https { "__Host-ringback" } else { "ringback" }
}

/// A new session's secret, for the browser alone, and what the store may know of it.
pub fn new_session() -> (String, SessionHash) {
    let secret = random_hex();
    let hash = session_hash(&secret);
    (secret, hash)
}

/// `Set-Cookie` that begins a session, or with an empty secret ends it. The store ends it in time;
/// the cookie itself goes with the browser.
pub fn set_session(house: &House, secret: &str) -> String {
    let secure = if house.https { "; Secure" } else { "" };
    let end = if secret.is_empty() { "; Max-Age=0" } else { "" };
    format!("{}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}{end}", session_cookie(house))
}

/// The asking browser's address: the peer's, or what a proxy that we were told to trust says.
pub fn address(parts: &Parts, house: &House) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip());
    if !house.trusted_proxies.contains(&peer) {
        return peer;
    }
    let line = parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Each proxy appends who it heard from; the last that is none of ours is the browser.
    let hops = line.rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    hops.into_iter().find(|hop| !house.trusted_proxies.contains(hop)).unwrap_or(peer)
}

fn session_hash(secret: &str) -> SessionHash {
    SessionHash(Sha256::digest(secret.as_bytes()).into())
}

pub(crate) fn random_hex() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn house(trusted: &[&str]) -> House {
        House {
            name: String::new(),
            language: None,
            zone: jiff::tz::TimeZone::UTC,
            https: true,
            trusted_proxies: trusted.iter().map(|ip| ip.parse().expect("an address")).collect(),
            build: String::new(),
        }
    }

    fn asked(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut request = Request::builder().header("x-forwarded-for", forwarded).body(()).expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().expect("an address"), 4000)));
        address(&request.into_parts().0, &house(trusted)).to_string()
    }

    #[test]
    fn a_forwarded_address_is_believed_of_a_trusted_proxy_only() {
        assert_eq!(asked("203.0.113.9", "198.51.100.7", &[]), "203.0.113.9");
        assert_eq!(asked("10.0.0.1", "198.51.100.7", &["10.0.0.1"]), "198.51.100.7");
        // A client's own claim stands left of what our proxy appended.
        assert_eq!(asked("10.0.0.1", "1.2.3.4, 198.51.100.7, 10.0.0.2", &["10.0.0.1", "10.0.0.2"]), "198.51.100.7");
        assert_eq!(asked("10.0.0.1", "nonsense", &["10.0.0.1"]), "10.0.0.1");
    }

    #[test]
    fn a_session_cookie_is_for_this_host_and_https_alone() {
        let (secret, hash) = new_session();
        assert_eq!(secret.len(), 64);
        assert_eq!(session_hash(&secret), hash);
        let line = set_session(&house(&[]), &secret);
        for part in ["__Host-ringback=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(line.contains(part), "{line}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("a=b; __Host-ringback={secret}").parse().expect("a header"));
        assert_eq!(cookie(&headers, session_cookie(&house(&[]))), Some(secret.as_str()));
    }
}
