//! The configuration file, `ringback.toml`, checked whole before anything starts.
//!
//! What is wrong is told with its line and column, what was meant, and how to mend it. An unknown
//! key is an error, for it is a typing mistake more often than a wish.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

/// The file as it stands, with a place for each value that can be wrong.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: PathBuf,
    site: SiteTable,
    web: WebTable,
    pbx: Vec<PbxTable>,
}

impl Default for File {
    fn default() -> Self {
        File { data: "ringback-data".into(), site: SiteTable::default(), web: WebTable::default(), pbx: Vec::new() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SiteTable {
    name: String,
    time_zone: Option<Spanned<String>>,
    language: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WebTable {
    listen: Option<Spanned<String>>,
    https: bool,
    trusted_proxies: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PbxTable {
    name: Spanned<String>,
    kind: Spanned<String>,
    host: Spanned<String>,
    port: Option<u16>,
    username: String,
    secret: Option<Spanned<String>>,
    secret_file: Option<Spanned<PathBuf>>,
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

/// The configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory; made when it is not there.
    pub data: PathBuf,
    pub site: Site,
    pub web: Web,
    pub pbxs: Vec<Pbx>,
}

#[derive(Clone, Debug)]
pub struct Site {
    /// What the sign-in page calls the house; may be empty.
    pub name: String,
    /// Ticket numbers, due times and pages go by it.
    pub time_zone: jiff::tz::TimeZone,
    /// The language of whoever has not chosen one: `zh-CN` or `en`; none: the browser's.
    pub language: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Web {
    pub listen: SocketAddr,
    /// Browsers reach us over HTTPS (a proxy in front ends it): cookies are then for HTTPS alone.
    pub https: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

#[derive(Clone)]
pub struct Pbx {
    pub name: crate::PbxName,
    pub host: String,
    pub port: u16,
    pub username: String,
    pub secret: String,
    pub tls: Option<Tls>,
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
    /// How an agent's phone is called: `PJSIP/{agent}`.
    pub originate_channel: String,
    /// The dialplan context in which an agent's phone dials outside.
    pub originate_context: String,
    pub originate_caller_id: Option<String>,
}

impl Pbx {
    /// A simulated Asterisk on this machine.
    pub fn simulated(name: &str, address: SocketAddr) -> Pbx {
        Pbx {
            name: name.into(),
            host: address.ip().to_string(),
            port: address.port(),
            username: crate::simulator::USERNAME.into(),
            secret: crate::simulator::SECRET.into(),
            tls: None,
            trunks: Vec::new(),
            extensions: Vec::new(),
            region: "CN".into(),
            home_area_code: None,
            originate_channel: "PJSIP/{agent}".into(),
            originate_context: "from-internal".into(),
            originate_caller_id: None,
        }
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

impl fmt::Debug for Pbx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pbx({} at {}:{}, user {}, secret not shown)", self.name, self.host, self.port, self.username)
    }
}

/// What is wrong with the file, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub file: PathBuf,
    /// Line and column, from 1; none when the file as a whole could not be read.
    pub at: Option<(usize, usize)>,
    pub why: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file.display(), self.why),
            None => write!(f, "{}: {}", self.file.display(), self.why),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and checks `path`.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            file: path.to_owned(),
            at: None,
            why: format!("cannot be read ({error}); give the right path with --config"),
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Config::parse(&text, base).map_err(|wrong| ConfigError {
            file: path.to_owned(),
            at: wrong.offset.map(|offset| place(&text, offset)),
            why: wrong.why,
        })
    }

    /// The configuration of a start without a file.
    pub fn without_file() -> Config {
        Config::checked(File::default(), Path::new("")).unwrap_or_else(|wrong| unreachable!("defaults: {}", wrong.why))
    }

    /// Relative paths in the file are taken from `base`, the file's own directory.
    fn parse(text: &str, base: &Path) -> Result<Config, Wrong> {
        let file: File = toml::from_str(text)
            .map_err(|error| Wrong { offset: error.span().map(|s| s.start), why: error.message().to_owned() })?;
        Config::checked(file, base)
    }

    fn checked(file: File, base: &Path) -> Result<Config, Wrong> {
        let mut pbxs: Vec<Pbx> = Vec::new();
        for table in file.pbx {
            let offset = table.name.span().start;
            let pbx = Pbx::checked(table, base)?;
            if pbxs.iter().any(|other| other.name == pbx.name) {
                return Err(wrong(offset, format!("two PBXs are named {:?}; each needs a name of its own", pbx.name)));
            }
            pbxs.push(pbx);
        }
        Ok(Config { data: base.join(file.data), site: Site::checked(file.site)?, web: Web::checked(file.web)?, pbxs })
    }
}

impl Site {
    fn checked(table: SiteTable) -> Result<Site, Wrong> {
        let time_zone = match table.time_zone {
            None => jiff::tz::TimeZone::get("Asia/Shanghai").unwrap_or(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))),
            Some(name) => jiff::tz::TimeZone::get(name.get_ref()).map_err(|_| {
                wrong(
                    name.span().start,
                    format!("no time zone is called {:?}; one is \"Asia/Shanghai\"", name.get_ref()),
                )
            })?,
        };
        let language = match table.language {
            None => None,
            Some(word) if ["zh-CN", "en"].contains(&word.get_ref().as_str()) => Some(word.into_inner()),
            Some(word) => {
                let why = format!("language {:?} is not there; \"zh-CN\" and \"en\" are", word.get_ref());
                return Err(wrong(word.span().start, why));
            }
        };
        Ok(Site { name: table.name, time_zone, language })
    }
}

impl Web {
    fn checked(table: WebTable) -> Result<Web, Wrong> {
        let listen = match table.listen {
            None => SocketAddr::from(([127, 0, 0, 1], 8400)),
            Some(text) => text.get_ref().parse().map_err(|_| {
                let why = format!("{:?} is no address and port; one is \"127.0.0.1:8400\"", text.get_ref());
                wrong(text.span().start, why)
            })?,
        };
        let trusted_proxies = table
            .trusted_proxies
            .into_iter()
            .map(|text| {
                text.get_ref().parse().map_err(|_| {
                    wrong(text.span().start, format!("{:?} is no IP address; one is \"127.0.0.1\"", text.get_ref()))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Web { listen, https: table.https, trusted_proxies })
    }
}

impl Pbx {
    fn checked(table: PbxTable, base: &Path) -> Result<Pbx, Wrong> {
        let name = table.name.get_ref();
        if name.is_empty()
            || name.len() > 32
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            let why = format!("{name:?} is no name for a PBX; use up to 32 letters, digits, - and _, as in \"hq\"");
            return Err(wrong(table.name.span().start, why));
        }
        if table.kind.get_ref() != "asterisk" {
            let why = format!("PBX kind {:?} is not known; \"asterisk\" is", table.kind.get_ref());
            return Err(wrong(table.kind.span().start, why));
        }
        if table.host.get_ref().is_empty() {
            return Err(wrong(table.host.span().start, "the host is empty; give a name or an address".into()));
        }
        let secret = secret(&table, base)?;
        let tls = table.tls.map(|tls| Tls::checked(tls, base)).transpose()?;
        let originate_channel = match table.originate.channel {
            None => "PJSIP/{agent}".to_owned(),
            Some(text) if text.get_ref().contains("{agent}") => text.into_inner(),
            Some(text) => {
                return Err(wrong(
                    text.span().start,
                    "the channel must hold {agent}, where the extension goes, as in \"PJSIP/{agent}\"".into(),
                ));
            }
        };
        let region = match table.region {
            None => "CN".to_owned(),
            Some(text) if text.get_ref().len() == 2 && text.get_ref().bytes().all(|b| b.is_ascii_uppercase()) => {
                text.into_inner()
            }
            Some(text) => {
                let why = format!("{:?} is no region; use two capital letters, as in \"CN\"", text.get_ref());
                return Err(wrong(text.span().start, why));
            }
        };
        let home_area_code = match table.home_area_code {
            Some(text) if text.get_ref().is_empty() || !text.get_ref().bytes().all(|b| b.is_ascii_digit()) => {
                let why = format!("{:?} is no area code; use digits, as in \"010\"", text.get_ref());
                return Err(wrong(text.span().start, why));
            }
            other => other.map(Spanned::into_inner),
        };
        Ok(Pbx {
            name: table.name.get_ref().as_str().into(),
            host: table.host.into_inner(),
            port: table.port.unwrap_or(if tls.is_some() { 5039 } else { 5038 }),
            username: table.username,
            secret,
            tls,
            trunks: table.trunks,
            extensions: table.extensions,
            region,
            home_area_code,
            originate_channel,
            originate_context: table.originate.context.unwrap_or_else(|| "from-internal".into()),
            originate_caller_id: table.originate.caller_id,
        })
    }
}

/// The secret itself or the file that holds it; `$CREDENTIALS_DIRECTORY` is where systemd puts
/// such files.
fn secret(table: &PbxTable, base: &Path) -> Result<String, Wrong> {
    match (&table.secret, &table.secret_file) {
        (Some(secret), None) => Ok(secret.get_ref().clone()),
        (None, Some(file)) => {
            let base = std::env::var_os("CREDENTIALS_DIRECTORY").map_or(base.to_owned(), PathBuf::from);
            let path = base.join(file.get_ref());
            let text = std::fs::read_to_string(&path).map_err(|error| {
                let why = format!("the secret's file {} cannot be read ({error})", path.display());
                wrong(file.span().start, why)
            })?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (Some(_), Some(file)) => Err(wrong(file.span().start, "give either secret or secret_file, not both".into())),
        (None, None) => Err(wrong(table.name.span().start, "this PBX lacks its secret or secret_file".into())),
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

struct Wrong {
    offset: Option<usize>,
    why: String,
}

fn wrong(offset: usize, why: String) -> Wrong {
    Wrong { offset: Some(offset), why }
}

/// Line and column, from 1, of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PBX: &str = "[[pbx]]\nname = \"hq\"\nkind = \"asterisk\"\nhost = \"10.0.0.2\"\nusername = \"ringback\"\n";

    fn refused(text: &str) -> (String, (usize, usize)) {
        let wrong = Config::parse(text, Path::new("")).map(|_| ()).expect_err("should be refused");
        let at = place(text, wrong.offset.expect("a place"));
        (wrong.why, at)
    }

    #[test]
    fn no_file_is_all_defaults() {
        let config = Config::without_file();
        assert_eq!(config.web.listen.to_string(), "127.0.0.1:8400");
        assert_eq!(config.data, Path::new("ringback-data"));
        assert!(config.pbxs.is_empty());
    }

    #[test]
    fn a_whole_pbx() {
        let text = format!("{PBX}secret = \"s\"\ntls = {{ fingerprint = \"{}\" }}\n", "AB:".repeat(31) + "cd");
        let config = Config::parse(&text, Path::new("/etc/ringback")).map_err(|w| w.why).unwrap();
        let pbx = &config.pbxs[0];
        assert_eq!((pbx.port, pbx.region.as_str()), (5039, "CN"));
        assert!(matches!(pbx.tls, Some(Tls::Fingerprint(f)) if f[0] == 0xab && f[31] == 0xcd));
        assert!(!format!("{config:?}").contains("\"s\""), "secrets are not shown");
        assert_eq!(config.data, Path::new("/etc/ringback/ringback-data"));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        assert_eq!(refused("[web]\nlisten = \"8400\"\n").1, (2, 10));
        let (why, at) = refused("[web]\nlisen = \"127.0.0.1:1\"\n");
        assert!(why.contains("lisen") && at == (2, 1), "{why} {at:?}");
        assert!(refused(PBX).0.contains("secret"));
        assert_eq!(refused(&format!("{PBX}secret = \"s\"\nregion = \"china\"\n")).1, (7, 10));
        assert!(refused(&format!("{PBX}secret = \"s\"\n{PBX}secret = \"s\"\n")).0.contains("two PBXs"));
        assert!(refused("[site]\ntime_zone = \"Mars\"\n").0.contains("Asia/Shanghai"));
    }
}
