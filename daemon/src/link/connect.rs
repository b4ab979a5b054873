//! Connecting to a PBX: TCP, and TLS by an authority or by exactly one certificate.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protocol::session::BackOff;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::{Address, Tls};

/// A PBX on the LAN answers in a millisecond; one behind a VPN within a second.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A connection, ready to converse over.
pub struct Connected {
    pub wire: Box<dyn Wire>,
    /// Our address as the PBX sees it, unless there is a NAT between.
    pub from: Option<IpAddr>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// What is wrong and what helps, in English, for admins.
    pub why: String,
    pub back_off: BackOff,
}

impl Unreachable {
    /// May mend itself any time: the PBX restarts, the network comes back.
    pub fn for_now(why: String) -> Self {
        let least = Duration::from_millis(100);
        Unreachable { why, back_off: BackOff { least, first: Duration::from_secs(1), most: Duration::from_secs(30) } }
    }

    /// Stays so until somebody changes a configuration.
    fn until_mended(why: String) -> Self {
        Unreachable { why, back_off: BackOff::secs(10, 20, 120) }
    }
}

/// What is listened to at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Manager,
    EventSocket,
    Ringback,
}

impl Service {
    /// What helps when nobody listens.
    fn when_refused(self) -> &'static str {
        match self {
            Service::Manager => {
                "Asterisk does not run, or its manager interface is off: `enabled = yes` and `bindaddr = 0.0.0.0` \
                 under [general] in manager.conf."
            }
            Service::EventSocket => {
                "FreeSWITCH does not run, or its event socket listens elsewhere: see `listen-ip` (127.0.0.1 is reached \
                 from the same machine alone) and `listen-port` in event_socket.conf.xml, and that mod_event_socket \
                 is loaded."
            }
            Service::Ringback => "The daemon does not run.",
        }
    }
}

pub async fn connect(to: &Address, service: Service) -> Result<Connected, Unreachable> {
    let tls = to.tls.as_ref().map(|tls| tls_config(tls).map_err(Unreachable::until_mended)).transpose()?;
    let stream = match timeout(CONNECT_WITHIN, tcp(&to.host, to.port)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let advice = match error.kind() {
                std::io::ErrorKind::ConnectionRefused => service.when_refused(),
                _ => "See that host and port are right and that the network is up.",
            };
            return Err(Unreachable::for_now(format!("{to} cannot be reached ({error}). {advice}")));
        }
        Err(_) => {
            let why =
                format!("{to} has not answered within {CONNECT_WITHIN:?}: a firewall drops us, or the host is off.");
            return Err(Unreachable::for_now(why));
        }
    };
    let from = stream.local_addr().ok().map(|address| address.ip());
    let wire: Box<dyn Wire> = match tls {
        None => Box::new(stream),
        Some(config) => Box::new(handshake(to, config, stream).await?),
    };
    Ok(Connected { wire, from })
}

/// The first of the host's addresses that takes us.
async fn tcp(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let mut last = None;
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Pings find a dead peer sooner; this finds it for a link that nobody pings any more.
        socket.set_keepalive(true)?;
        match socket.connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("the host name has no address")))
}

async fn handshake(
    to: &Address,
    config: ClientConfig,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Unreachable> {
    let name = ServerName::try_from(to.host.clone())
        .map_err(|_| Unreachable::until_mended(format!("{:?} is no host name that TLS knows.", to.host)))?;
    let connector = TlsConnector::from(Arc::new(config));
    match timeout(CONNECT_WITHIN, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Unreachable::until_mended(tls_advice(to, &error))),
        Err(_) => Err(Unreachable::for_now(format!(
            "{to} does not speak TLS to us: is it the plain port? `tlsenable = yes` in manager.conf opens 5039."
        ))),
    }
}

fn tls_advice(to: &Address, error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(_)) => format!(
            "{to} answers, but not with TLS: is it the plain port? `tlsenable = yes` in manager.conf opens 5039."
        ),
        Some(rustls::Error::General(why)) => format!("{to}: {why}"),
        Some(rustls::Error::InvalidCertificate(why)) => format!(
            "{to} shows a certificate that the authority in ca_file does not vouch for ({why:?}). If it is \
             self-signed or made for another name, pin it instead: tls = {{ fingerprint = … }}, as `openssl x509 -in \
             asterisk.pem -noout -fingerprint -sha256` prints it on the PBX."
        ),
        _ => format!("{to}: TLS failed ({error}); Asterisk must offer TLS 1.2 or newer."),
    }
}

fn tls_config(tls: &Tls) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(match tls {
        Tls::Authority(file) => builder.with_root_certificates(authority(file)?).with_no_client_auth(),
        Tls::Fingerprint(pinned) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { fingerprint: *pinned, provider }))
            .with_no_client_auth(),
    })
}

fn authority(file: &Path) -> Result<RootCertStore, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("ca_file {} cannot be read ({error}).", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() {
        return Err(format!("ca_file {} holds no certificate in PEM form.", file.display()));
    }
    Ok(roots)
}

/// Trusts exactly one certificate, whatever name and dates it bears: those that come with
/// Asterisk are self-signed and made for any name.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown: [u8; 32] = Sha256::digest(end_entity).into();
        if shown == self.fingerprint {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(format!(
            "the certificate shown has fingerprint {}, not the pinned one. If the PBX got a new certificate, pin \
             that; if it did not, somebody stands between.",
            hex(&shown)
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
