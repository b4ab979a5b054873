//! The `[native]` table: where PBXs that connect to us do so.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::{Pbx, Wiring, Wrong, wrong};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NativeTable {
    listen: Spanned<String>,
    tls: Option<TlsTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    cert_file: PathBuf,
    key_file: PathBuf,
}

/// Where the native socket is.
#[derive(Clone, Debug)]
pub struct NativeListen {
    pub listen: SocketAddr,
    /// None: without TLS.
    pub tls: Option<ServerTls>,
}

/// How we prove who we are, in PEM form.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Our certificate, then those that vouch for it.
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

impl NativeListen {
    /// Relative paths are taken from `base`.
    pub(super) fn checked(table: NativeTable, base: &Path) -> Result<NativeListen, Wrong> {
        let listen = table.listen.get_ref().parse().map_err(|_| {
            let why = format!("{:?} is no address and port; one is \"0.0.0.0:8402\"", table.listen.get_ref());
            wrong(table.listen.span().start, why)
        })?;
        let tls =
            table.tls.map(|tls| ServerTls { cert_file: base.join(tls.cert_file), key_file: base.join(tls.key_file) });
        Ok(NativeListen { listen, tls })
    }
}

/// Whether `pbx`, beside `others`, can be told by its token, and has somewhere to connect to.
pub(super) fn reachable(pbx: &Pbx, others: &[Pbx], listen: Option<&NativeListen>, offset: usize) -> Result<(), Wrong> {
    let Wiring::Native(native) = &pbx.wiring else { return Ok(()) };
    if listen.is_none() {
        let why = "a native PBX connects to us, but there is no [native] table that says where: [native] \
                   listen = \"0.0.0.0:8402\"";
        return Err(wrong(offset, why.into()));
    }
    let is_same = |other: &&Pbx| matches!(&other.wiring, Wiring::Native(other) if other.token == native.token);
    match others.iter().find(is_same) {
        None => Ok(()),
        Some(other) => {
            let why = format!("{} has the same token as {}; each needs its own", pbx.name, other.name);
            Err(wrong(offset, why))
        }
    }
}
