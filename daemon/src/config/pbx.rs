//! One `[[pbx]]` table: whose calls are whose, and how the PBX is wired to us.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Wrong, wrong};
use crate::PbxName;
use crate::calls::WrapUp;

/// The table as it stands. Which keys it needs beside these that have no `Option` goes by `kind`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PbxTable {
    pub name: Spanned<String>,
    kind: Spanned<String>,
    host: Option<Spanned<String>>,
    port: Option<u16>,
    username: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
    secret_file: Option<Spanned<PathBuf>>,
    token: Option<Spanned<String>>,
    token_file: Option<Spanned<PathBuf>>,
    tls: Option<Spanned<TlsTable>>,
    #[serde(default)]
    trunks: Vec<String>,
    #[serde(default)]
    extensions: Vec<String>,
    region: Option<Spanned<String>>,
    #[serde(default)]
    home_area_code: Option<Spanned<String>>,
    #[serde(default)]
    originate: OriginateTable,
    #[serde(default)]
    wrap_up: WrapUpTable,
    look_seconds: Option<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    ca_file: Option<PathBuf>,
    fingerprint: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OriginateTable {
    channel: Option<Spanned<String>>,
    context: Option<String>,
    caller_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrapUpTable {
    seconds: Option<Spanned<i64>>,
    queues: BTreeMap<String, Spanned<i64>>,
}

/// A PBX, checked.
#[derive(Clone, Debug)]
pub struct Pbx {
    pub name: PbxName,
    pub wiring: Wiring,
    /// Devices that lead outside (`PJSIP/trunk`), with `*` for any text. None given: every device
    /// that is no agent's.
    pub trunks: Vec<String>,
    /// Devices that are agents' phones (`PJSIP/10*`). None given: queue members, and names of two
    /// to six digits.
    pub extensions: Vec<String>,
    /// The ISO region that national numbers belong to.
    pub region: String,
    /// The area code that local numbers lack, with its leading 0: `010`.
    pub home_area_code: Option<String>,
    /// How long calls are written up, where the PBX does not say.
    pub wrap_up: WrapUp,
    /// How often what we hold for true is compared with what the PBX says.
    pub look_every: Duration,
}

/// How a PBX and we come together.
#[derive(Clone, Debug)]
pub enum Wiring {
    /// We connect to the manager port.
    Asterisk(Asterisk),
    /// We connect to the event socket.
    FreeSwitch(FreeSwitch),
    /// It connects to our native socket.
    Native(Native),
}

impl Wiring {
    /// Where we meet, for people.
    pub fn place(&self) -> String {
        match self {
            Wiring::Asterisk(asterisk) => asterisk.address.to_string(),
            Wiring::FreeSwitch(freeswitch) => freeswitch.address.to_string(),
            Wiring::Native(_) => "connects to our native socket".into(),
        }
    }

    /// Who we are there; empty where we have no name.
    pub fn username(&self) -> &str {
        match self {
            Wiring::Asterisk(asterisk) => &asterisk.username,
            Wiring::FreeSwitch(freeswitch) => freeswitch.username.as_deref().unwrap_or_default(),
            Wiring::Native(_) => "",
        }
    }
}

#[derive(Clone)]
pub struct Asterisk {
    pub address: Address,
    pub username: String,
    pub secret: String,
    /// How an agent's phone is called: `PJSIP/{agent}`.
    pub originate_channel: String,
    /// The dialplan context in which an agent's phone dials outside.
    pub originate_context: String,
    pub originate_caller_id: Option<String>,
}

impl fmt::Debug for Asterisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asterisk(at {}, user {}, secret not shown)", self.address, self.username)
    }
}

#[derive(Clone)]
pub struct FreeSwitch {
    /// Never with TLS: the event socket has none.
    pub address: Address,
    /// `user@domain` of the directory; none: by the socket's own password.
    pub username: Option<String>,
    pub secret: String,
    /// How an agent's phone is called: `user/{agent}`.
    pub originate_channel: String,
    /// The dialplan context in which an agent's phone dials outside.
    pub originate_context: String,
    pub originate_caller_id: Option<String>,
}

impl fmt::Debug for FreeSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.username.as_deref().unwrap_or("none");
        write!(f, "FreeSwitch(at {}, user {user}, secret not shown)", self.address)
    }
}

/// A PBX that connects to us.
#[derive(Clone)]
pub struct Native {
    /// By which its sender is known.
    pub token: String,
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Native(token not shown)")
    }
}

/// Where we connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    /// None: without TLS.
    pub tls: Option<Tls>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How the PBX proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// By a certificate that this authority (PEM) signed.
    Authority(PathBuf),
    /// By exactly this certificate: SHA-256 of its DER form.
    Fingerprint([u8; 32]),
}

impl Pbx {
    /// A simulated Asterisk on this machine.
    pub fn simulated(name: &str, address: SocketAddr) -> Pbx {
        let asterisk = Asterisk {
            address: Address { host: address.ip().to_string(), port: address.port(), tls: None },
            username: crate::simulator::USERNAME.into(),
            secret: crate::simulator::SECRET.into(),
            originate_channel: "PJSIP/{agent}".into(),
            originate_context: "from-internal".into(),
            originate_caller_id: None,
        };
        Pbx {
            name: name.into(),
            wiring: Wiring::Asterisk(asterisk),
            trunks: Vec::new(),
            extensions: Vec::new(),
            region: "CN".into(),
            home_area_code: None,
            wrap_up: WrapUp::default(),
            look_every: LOOK_EVERY,
        }
    }

    /// Relative paths are taken from `base`.
    pub(super) fn checked(mut table: PbxTable, base: &Path) -> Result<Pbx, Wrong> {
        let name = table.name.get_ref();
        if name.is_empty()
            || name.len() > 32
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            let why = format!("{name:?} is no name for a PBX; use up to 32 letters, digits, - and _, as in \"hq\"");
            return Err(wrong(table.name.span().start, why));
        }
        let name = name.as_str().into();
        let region = match table.region.take() {
            None => "CN".to_owned(),
            Some(text) if text.get_ref().len() == 2 && text.get_ref().bytes().all(|b| b.is_ascii_uppercase()) => {
                text.into_inner()
            }
            Some(text) => {
                let why = format!("{:?} is no region; use two capital letters, as in \"CN\"", text.get_ref());
                return Err(wrong(text.span().start, why));
            }
        };
        let home_area_code = match table.home_area_code.take() {
            Some(text) if text.get_ref().is_empty() || !text.get_ref().bytes().all(|b| b.is_ascii_digit()) => {
                let why = format!("{:?} is no area code; use digits, as in \"010\"", text.get_ref());
                return Err(wrong(text.span().start, why));
            }
            other => other.map(Spanned::into_inner),
        };
        let wrap_up = wrap_up(std::mem::take(&mut table.wrap_up))?;
        let look_every = look_every(table.look_seconds.take())?;
        let (mut trunks, mut extensions) = (std::mem::take(&mut table.trunks), std::mem::take(&mut table.extensions));
        let wiring = match table.kind.get_ref().as_str() {
            "asterisk" => Wiring::Asterisk(Asterisk::checked(table, base)?),
            "freeswitch" => Wiring::FreeSwitch(FreeSwitch::checked(table, base)?),
            "native" => {
                // Its lines say whose end of the PBX a leg is at.
                trunks.push(protocol::native::mapping::LINES.into());
                extensions.push(protocol::native::mapping::AGENTS.into());
                Wiring::Native(Native::checked(table, base)?)
            }
            unknown => {
                let why = format!("PBX kind {unknown:?} is not known; \"asterisk\", \"freeswitch\" and \"native\" are");
                return Err(wrong(table.kind.span().start, why));
            }
        };
        Ok(Pbx { name, wiring, trunks, extensions, region, home_area_code, wrap_up, look_every })
    }
}

impl Asterisk {
    fn checked(table: PbxTable, base: &Path) -> Result<Asterisk, Wrong> {
        let secret = secret(("secret", &table.secret, &table.secret_file), &table.name, base)?;
        let Some(username) = table.username else {
            let why = "this PBX lacks its username: the section of manager.conf, as in \"ringback\"".to_owned();
            return Err(wrong(table.name.span().start, why));
        };
        let originate_channel = channel(table.originate.channel, "PJSIP/{agent}")?;
        let tls = table.tls.map(|tls| Tls::checked(tls, base)).transpose()?;
        let port = table.port.unwrap_or(if tls.is_some() { 5039 } else { 5038 });
        Ok(Asterisk {
            address: Address { host: host(table.host, &table.name)?, port, tls },
            username: username.into_inner(),
            secret,
            originate_channel,
            originate_context: table.originate.context.unwrap_or_else(|| "from-internal".into()),
            originate_caller_id: table.originate.caller_id,
        })
    }
}

impl FreeSwitch {
    fn checked(table: PbxTable, base: &Path) -> Result<FreeSwitch, Wrong> {
        if let Some(tls) = table.tls {
            let why = "a FreeSWITCH's event socket has no TLS; leave this out, and reach it on the same machine or \
                       through a tunnel (WireGuard, SSH)";
            return Err(wrong(tls.span().start, why.into()));
        }
        if let Some(user) = table.username.as_ref().filter(|user| user.get_ref().split('@').count() != 2) {
            let why = "the username is a user of the directory, with its domain, as in \"ringback@pbx.example\"; leave \
                       it out to sign in by the password of event_socket.conf.xml";
            return Err(wrong(user.span().start, why.into()));
        }
        Ok(FreeSwitch {
            secret: secret(("secret", &table.secret, &table.secret_file), &table.name, base)?,
            address: Address { host: host(table.host, &table.name)?, port: table.port.unwrap_or(8021), tls: None },
            username: table.username.map(Spanned::into_inner),
            originate_channel: channel(table.originate.channel, "user/{agent}")?,
            originate_context: table.originate.context.unwrap_or_else(|| "default".into()),
            originate_caller_id: table.originate.caller_id,
        })
    }
}

/// How an agent's phone is called.
fn channel(given: Option<Spanned<String>>, usual: &str) -> Result<String, Wrong> {
    match given {
        None => Ok(usual.to_owned()),
        Some(text) if text.get_ref().contains("{agent}") => Ok(text.into_inner()),
        Some(text) => {
            let why = format!("the channel must hold {{agent}}, where the extension goes, as in {usual:?}");
            Err(wrong(text.span().start, why))
        }
    }
}

/// Writing a call up longer than a day is a slip of the pen.
const LONGEST_WRAP_UP_S: i64 = 24 * 60 * 60;

fn wrap_up(table: WrapUpTable) -> Result<WrapUp, Wrong> {
    let checked = |seconds: Spanned<i64>| {
        let out_of_range = || {
            let why = format!("{} is no wrap-up time; give seconds, from 0 to a day, as in 30", seconds.get_ref());
            wrong(seconds.span().start, why)
        };
        let within = Some(*seconds.get_ref()).filter(|seconds| *seconds <= LONGEST_WRAP_UP_S);
        within.and_then(|seconds| u32::try_from(seconds).ok()).ok_or_else(out_of_range)
    };
    let queues = table.queues.into_iter().map(|(queue, seconds)| Ok((queue.as_str().into(), checked(seconds)?)));
    Ok(WrapUp { seconds: table.seconds.map_or(Ok(0), checked)?, queues: queues.collect::<Result<_, Wrong>>()? })
}

/// A drift is found within so long. Less often is too late for whoever watches a board, more often
/// costs a big PBX megabytes and locks of its queues.
const LOOK_EVERY: Duration = Duration::from_secs(5 * 60);

/// A look that is doubted comes again after as long as this; see the board's looks.
const LOOK_SECONDS: std::ops::RangeInclusive<i64> = 5..=24 * 60 * 60;

fn look_every(given: Option<Spanned<i64>>) -> Result<Duration, Wrong> {
    let Some(given) = given else { return Ok(LOOK_EVERY) };
    match u64::try_from(*given.get_ref()) {
        Ok(seconds) if LOOK_SECONDS.contains(given.get_ref()) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => {
            let why = format!(
                "{} is too often or too seldom to look; give seconds, from 5 to a day, as in 300",
                given.get_ref()
            );
            Err(wrong(given.span().start, why))
        }
    }
}

fn host(host: Option<Spanned<String>>, name: &Spanned<String>) -> Result<String, Wrong> {
    match host {
        Some(host) if host.get_ref().is_empty() => {
            Err(wrong(host.span().start, "the host is empty; give a name or an address".into()))
        }
        Some(host) => Ok(host.into_inner()),
        None => Err(wrong(name.span().start, "this PBX lacks its host; give a name or an address".into())),
    }
}

/// Short enough to paste, too long to guess: with 16 letters and digits, 95 bits.
const SHORTEST_TOKEN: usize = 16;

impl Native {
    fn checked(table: PbxTable, base: &Path) -> Result<Native, Wrong> {
        let here = table.token.as_ref().map(|token| token.span().start);
        let token = secret(("token", &table.token, &table.token_file), &table.name, base)?;
        if token.len() < SHORTEST_TOKEN {
            let why = format!(
                "the token has less than {SHORTEST_TOKEN} characters and could be guessed; `openssl rand -hex 16` makes one"
            );
            return Err(wrong(here.unwrap_or(table.name.span().start), why));
        }
        let foreign = table.host.map(|host| host.span().start).or(table.username.map(|user| user.span().start));
        if let Some(offset) = foreign.or(table.tls.map(|tls| tls.span().start)) {
            let why = "a native PBX connects to us: it has a token, and where we listen stands in [native]";
            return Err(wrong(offset, why.into()));
        }
        Ok(Native { token })
    }
}

/// The secret itself or the file that holds it; `$CREDENTIALS_DIRECTORY` is where systemd puts
/// such files. `key` is what it is called: `secret`.
fn secret(
    (key, given, in_file): (&str, &Option<Spanned<String>>, &Option<Spanned<PathBuf>>),
    pbx: &Spanned<String>,
    base: &Path,
) -> Result<String, Wrong> {
    match (given, in_file) {
        (Some(secret), None) => Ok(secret.get_ref().clone()),
        (None, Some(file)) => {
            let base = std::env::var_os("CREDENTIALS_DIRECTORY").map_or(base.to_owned(), PathBuf::from);
            let path = base.join(file.get_ref());
            let text = std::fs::read_to_string(&path).map_err(|error| {
                let why = format!("the {key}'s file {} cannot be read ({error})", path.display());
                wrong(file.span().start, why)
            })?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (Some(_), Some(file)) => Err(wrong(file.span().start, format!("give either {key} or {key}_file, not both"))),
        (None, None) => Err(wrong(pbx.span().start, format!("this PBX lacks its {key} or {key}_file"))),
    }
}

impl Tls {
    fn checked(table: Spanned<TlsTable>, base: &Path) -> Result<Tls, Wrong> {
        let offset = table.span().start;
        match table.into_inner() {
            TlsTable { ca_file: Some(file), fingerprint: None } => Ok(Tls::Authority(base.join(file))),
            TlsTable { ca_file: None, fingerprint: Some(text) } => {
                fingerprint(&text).map(Tls::Fingerprint).ok_or_else(|| {
                    wrong(offset, "the fingerprint is not 64 hexadecimal digits (SHA-256), colons allowed".into())
                })
            }
            _ => Err(wrong(
                offset,
                "tls needs either ca_file (the PEM file of whoever signed the PBX's certificate) or fingerprint \
                 (openssl x509 -in asterisk.pem -noout -fingerprint -sha256)"
                    .into(),
            )),
        }
    }
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
    let mut out = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}
