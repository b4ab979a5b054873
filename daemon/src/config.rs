//! The configuration file, `ringback.toml`, checked whole before anything starts.
//!
//! What is wrong is told with its line and column, what was meant, and how to mend it. An unknown
//! key is an error, for it is a typing mistake more often than a wish.

mod native;
mod pbx;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::place::place;
use native::NativeTable;
pub use native::{NativeListen, ServerTls};
use pbx::PbxTable;
pub use pbx::{Address, Asterisk, FreeSwitch, Native, Pbx, Tls, Wiring};

/// The file as it stands, with a place for each value that can be wrong.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: PathBuf,
    site: SiteTable,
    web: WebTable,
    capture: CaptureTable,
    native: Option<NativeTable>,
    pbx: Vec<PbxTable>,
}

impl Default for File {
    fn default() -> Self {
        File {
            data: "ringback-data".into(),
            site: SiteTable::default(),
            web: WebTable::default(),
            capture: CaptureTable::default(),
            native: None,
            pbx: Vec::new(),
        }
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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaptureTable {
    enabled: Option<bool>,
    days: Option<Spanned<i64>>,
    max_mb: Option<Spanned<i64>>,
}

/// The configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory; made when it is not there.
    pub data: PathBuf,
    pub site: Site,
    pub web: Web,
    pub capture: Capture,
    /// Where PBXs connect to us, if any do.
    pub native: Option<NativeListen>,
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

/// What is kept of the PBXes' own words.
#[derive(Clone, Debug)]
pub struct Capture {
    pub enabled: bool,
    /// Segments older than this are deleted.
    pub days: u32,
    /// So are the oldest when all together are larger.
    pub max_mb: u64,
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
        let native = file.native.map(|table| NativeListen::checked(table, base)).transpose()?;
        let mut pbxs: Vec<Pbx> = Vec::new();
        for table in file.pbx {
            let offset = table.name.span().start;
            let pbx = Pbx::checked(table, base)?;
            if pbxs.iter().any(|other| other.name == pbx.name) {
                return Err(wrong(offset, format!("two PBXs are named {:?}; each needs a name of its own", pbx.name)));
            }
            native::reachable(&pbx, &pbxs, native.as_ref(), offset)?;
            pbxs.push(pbx);
        }
        Ok(Config {
            data: base.join(file.data),
            site: Site::checked(file.site)?,
            web: Web::checked(file.web)?,
            capture: Capture::checked(file.capture)?,
            native,
            pbxs,
        })
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

impl Capture {
    fn checked(table: CaptureTable) -> Result<Capture, Wrong> {
        let days = within(table.days, 7, 1..=3650, "days", "to keep nothing, say enabled = false")?;
        let max_mb = within(table.max_mb, 2048, 16..=1 << 30, "megabytes", "to keep nothing, say enabled = false")?;
        Ok(Capture { enabled: table.enabled.unwrap_or(true), days: days as u32, max_mb })
    }
}

fn within(
    value: Option<Spanned<i64>>,
    default: u64,
    allowed: RangeInclusive<u64>,
    unit: &str,
    hint: &str,
) -> Result<u64, Wrong> {
    let Some(value) = value else { return Ok(default) };
    u64::try_from(*value.get_ref()).ok().filter(|value| allowed.contains(value)).ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        wrong(value.span().start, format!("{} {unit} is not between {least} and {most}; {hint}", value.get_ref()))
    })
}

struct Wrong {
    offset: Option<usize>,
    why: String,
}

fn wrong(offset: usize, why: String) -> Wrong {
    Wrong { offset: Some(offset), why }
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
        let Wiring::Asterisk(Asterisk { address, .. }) = &pbx.wiring else { panic!("an Asterisk") };
        assert_eq!((address.port, pbx.region.as_str()), (5039, "CN"));
        assert!(matches!(address.tls, Some(Tls::Fingerprint(f)) if f[0] == 0xab && f[31] == 0xcd));
        assert!(!format!("{config:?}").contains("\"s\""), "secrets are not shown");
        assert_eq!(config.data, Path::new("/etc/ringback/ringback-data"));
    }

    #[test]
    fn a_native_pbx_needs_a_token_of_its_own_and_somewhere_to_connect_to() {
        let native =
            |name: &str, token: &str| format!("[[pbx]]\nname = {name:?}\nkind = \"native\"\ntoken = {token:?}\n");
        let listen = "[native]\nlisten = \"127.0.0.1:8402\"\n";
        let (one, other) = ("0123456789abcdef", "fedcba9876543210");
        let text = format!("{listen}{}{}", native("a", one), native("b", other));
        let config = Config::parse(&text, Path::new("/etc/ringback")).map_err(|w| w.why).unwrap();
        assert_eq!(config.pbxs.len(), 2);
        assert!(!format!("{config:?}").contains(one), "tokens are not shown");
        assert!(refused(&native("a", one)).0.contains("[native]"));
        assert!(refused(&format!("{listen}{}", native("a", "short"))).0.contains("guessed"));
        assert!(refused(&format!("{listen}{}{}", native("a", one), native("b", one))).0.contains("same token"));
        let (why, at) = refused(&format!("{listen}{}host = \"x\"\n", native("a", one)));
        assert!(why.contains("connects to us") && at == (7, 8), "{why} {at:?}");
        assert_eq!(refused("[native]\nlisten = \"8402\"\n").1, (2, 10));
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
        let (why, at) = refused("[capture]\nenabled = true\ndays = 0\n");
        assert!(why.contains("between 1 and 3650") && at == (3, 8), "{why} {at:?}");
        assert_eq!(refused("[capture]\nmax_mb = -5\n").1, (2, 10));
    }

    #[test]
    fn a_freeswitch_is_reached_without_tls_and_perhaps_without_a_name() {
        let text = "[[pbx]]\nname = \"fs\"\nkind = \"freeswitch\"\nhost = \"127.0.0.1\"\nsecret = \"s\"\n";
        let config = Config::parse(text, Path::new("")).map_err(|w| w.why).unwrap();
        let Wiring::FreeSwitch(freeswitch) = &config.pbxs[0].wiring else { panic!("a FreeSWITCH") };
        assert_eq!((freeswitch.address.port, freeswitch.username.as_deref()), (8021, None));
        assert_eq!(freeswitch.originate_channel, "user/{agent}");
        assert!(!format!("{config:?}").contains("\"s\""), "secrets are not shown");
        let (why, at) = refused(&format!("{text}tls = {{ fingerprint = \"00\" }}\n"));
        assert!(why.contains("tunnel") && at == (6, 7), "{why} {at:?}");
        assert!(refused(&format!("{text}username = \"ringback\"\n")).0.contains("ringback@pbx.example"));
        assert!(refused(&format!("{text}originate.channel = \"user/1\"\n")).0.contains("user/{agent}"));
    }
}
