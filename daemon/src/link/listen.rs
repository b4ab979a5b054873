//! The native socket's door: takes connections, over TLS where the configuration says so, reads the
//! hello, and hands the connection to the link of the PBX whose token it bears.
//!
//! Whoever has not shown a token yet is nobody: few of them are taken at once, fewer from one
//! address, and each has a few seconds. A wrong token is answered late, so that guessing is slow.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::BytesMut;
use protocol::native::codec::{Line, Lines};
use protocol::native::conversation::{self, error};
use protocol::native::wire::write;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::certificates::Certificates;
use super::connect::Wire;
use super::native::Arrival;
use crate::PbxName;
use crate::config::NativeListen;

/// Connections that have not shown a token.
const STRANGERS: usize = 64;

/// Those of one address.
const STRANGERS_OF_ONE: usize = 8;

/// TLS and hello are through within this.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// A wrong token is answered after this: with the connections of an address, eight guesses in so
/// long.
const WRONG_TOKEN_AFTER: Duration = Duration::from_secs(3);

/// For the last words on a connection.
const GOODBYE: Duration = Duration::from_secs(2);

/// After a failure to accept, as when there are no file descriptors left.
const BREATH: Duration = Duration::from_millis(100);

/// Certificates are looked at before each connection, and this often, so that a renewal that went wrong
/// is told before the old one is over.
const RENEWED_WITHIN: Duration = Duration::from_secs(60);

/// Where one PBX's connections go.
pub struct Door {
    pub pbx: PbxName,
    /// Tokens are compared by their digests, whole: the time that takes says nothing of the token.
    digest: [u8; 32],
    arrivals: mpsc::Sender<Arrival>,
}

impl Door {
    pub fn new(pbx: PbxName, token: &str, arrivals: mpsc::Sender<Arrival>) -> Door {
        Door { pbx, digest: Sha256::digest(token).into(), arrivals }
    }
}

/// A socket that listens.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Certificates>,
    doors: Arc<[Door]>,
}

impl Listener {
    /// # Errors
    /// The address is taken, or certificate and key cannot be used; what helps is said.
    pub fn bind(config: &NativeListen, doors: Vec<Door>) -> anyhow::Result<Listener> {
        let tls = config.tls.as_ref().map(Certificates::open).transpose()?;
        let listen = config.listen;
        let listening = || {
            let tcp = std::net::TcpListener::bind(listen)?;
            tcp.set_nonblocking(true)?;
            TcpListener::from_std(tcp)
        };
        let tcp = listening()
            .with_context(|| format!("cannot listen on {listen}; choose another address, with listen in [native]"))?;
        Ok(Listener { tcp, tls, doors: doors.into() })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Takes connections until `stop` is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut strangers: JoinSet<IpAddr> = JoinSet::new();
        let mut of_address: BTreeMap<IpAddr, usize> = BTreeMap::new();
        let mut renewed = interval(RENEWED_WITHIN);
        renewed.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                accepted = self.tcp.accept(), if strangers.len() < STRANGERS => match accepted {
                    Ok((tcp, from)) => {
                        let here = of_address.entry(from.ip()).or_default();
                        if *here >= STRANGERS_OF_ONE {
                            debug!(%from, "too many connections of one address without a hello");
                            continue;
                        }
                        *here += 1;
                        let (tls, doors) = (self.acceptor().await, self.doors.clone());
                        strangers.spawn(async move {
                            admit(tcp, from, tls, &doors).await;
                            from.ip()
                        });
                    }
                    Err(error) => {
                        warn!("the native socket cannot take a connection: {error}");
                        sleep(BREATH).await;
                    }
                },
                Some(done) = strangers.join_next() => {
                    let Ok(address) = done else { continue };
                    if let Some(here) = of_address.get_mut(&address) {
                        *here -= 1;
                        if *here == 0 {
                            of_address.remove(&address);
                        }
                    }
                }
                _ = renewed.tick(), if self.tls.is_some() => drop(self.acceptor().await),
                () = stop.cancelled() => return,
            }
        }
    }

    async fn acceptor(&mut self) -> Option<TlsAcceptor> {
        let certificates = self.tls.as_mut()?;
        certificates.look().await;
        Some(certificates.acceptor())
    }
}

/// From a stranger to an arrival, or to a connection that was told why not.
async fn admit(tcp: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>, doors: &[Door]) {
    let until = Instant::now() + HELLO_WITHIN;
    if let Err(error) = tcp.set_nodelay(true) {
        debug!(%from, "{error}");
    }
    let mut wire: Box<dyn Wire> = match tls {
        None => Box::new(tcp),
        Some(tls) => match timeout_at(until, tls.accept(tcp)).await {
            Ok(Ok(stream)) => Box::new(stream),
            Ok(Err(error)) => return warn!(%from, "no TLS with a sender: {error}"),
            Err(_) => return warn!(%from, "a sender has not finished its TLS handshake in time"),
        },
    };
    let mut buffer = BytesMut::new();
    let Ok(first) = timeout_at(until, first_line(&mut wire, &mut buffer)).await else {
        warn!(%from, "a sender has not said hello in time");
        return close(wire, format!("no hello within {} s", HELLO_WITHIN.as_secs())).await;
    };
    let Some(first) = first else { return };
    let hello = match conversation::hello(&first) {
        Ok(hello) => hello,
        Err(reason) => {
            warn!(%from, "no hello: {reason}");
            return close(wire, reason).await;
        }
    };
    let shown: [u8; 32] = Sha256::digest(&hello.token).into();
    let door = doors.iter().filter(|door| door.digest == shown).fold(None, |_, door| Some(door));
    let Some(door) = door else {
        warn!(%from, "a sender showed a token that no PBX of the configuration has");
        sleep(WRONG_TOKEN_AFTER).await;
        return close(wire, "no PBX has this token".into()).await;
    };
    if let Some(said) = hello.pbx.as_ref().filter(|pbx| **pbx != *door.pbx.0) {
        let reason = format!("this is the token of the PBX {}, and the hello says {said:?}", door.pbx);
        warn!(%from, "{reason}");
        return close(wire, reason).await;
    }
    let arrival = Arrival { wire, hello, buffer, line: 1, from: from.to_string() };
    if let Err(mpsc::error::SendTimeoutError::Timeout(arrival)) = door.arrivals.send_timeout(arrival, GOODBYE).await {
        close(arrival.wire, "too many connections of this PBX at once".into()).await;
    }
}

/// None: the connection ended before it.
async fn first_line(wire: &mut Box<dyn Wire>, buffer: &mut BytesMut) -> Option<Line> {
    let mut lines = Lines::default();
    loop {
        if let Some(line) = lines.next(buffer) {
            return Some(line);
        }
        match wire.read_buf(buffer).await {
            Ok(bytes) if bytes > 0 => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

async fn close(mut wire: Box<dyn Wire>, reason: String) {
    let mut bytes = Vec::new();
    write(&error(Some(1), None, reason, true), &mut bytes);
    let said = async {
        wire.write_all(&bytes).await?;
        wire.shutdown().await
    };
    // Whoever does not take it has gone.
    let _ = timeout(GOODBYE, said).await;
}
