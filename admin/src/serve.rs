//! Our own accept loop, since `axum::serve` has no header time-out and no cap on connections.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at once: 10,000 desks with a stream each and a spare for their pages, below the
/// 32,768 file descriptors that a service is commonly given.
const CONNECTIONS: usize = 20_000;

/// Connections of one address: a whole office behind one router, with two a desk. One machine
/// cannot take all of [`CONNECTIONS`].
const CONNECTIONS_OF_ONE: usize = 4_000;

/// A browser sends its headers at once; who needs longer is attacking or gone.
const HEADERS: Duration = Duration::from_secs(10);

/// How long a stop waits for answers under way.
const GRACE: Duration = Duration::from_secs(5);

/// After a failed accept (no file descriptor left) before the next.
const AFTER_A_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled; then lets answers under way end, for a while.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let open = TaskTracker::new();
    let all = Arc::new(Semaphore::new(CONNECTIONS));
    let of_one = Arc::new(OfOne::default());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_A_FAILED_ACCEPT).await;
                continue;
            }
        };
        // Over a cap the connection is closed at once: that costs less than saying so.
        let Ok(permit) = all.clone().try_acquire_owned() else { continue };
        let Some(seat) = of_one.take(peer.ip()) else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        open.spawn(async move {
            if let Err(error) = converse(stream, peer, router, stop).await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop((permit, seat));
        });
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(GRACE, open.wait()).await.is_err() {
        tracing::warn!("answers still under way were cut off");
    }
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // A pop is one small write that must leave now.
    stream.set_nodelay(true)?;
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Connections by address. A lock and not a task, since a seat must be given back on drop; it is
/// held for a look into a map.
#[derive(Default)]
struct OfOne(Mutex<HashMap<IpAddr, usize>>);

struct Seat {
    ip: IpAddr,
    of_one: Arc<OfOne>,
}

impl OfOne {
    fn take(self: &Arc<Self>, ip: IpAddr) -> Option<Seat> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = seats.entry(ip).or_default();
        if *taken >= CONNECTIONS_OF_ONE {
            return None;
        }
        *taken += 1;
        Some(Seat { ip, of_one: self.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.of_one.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = seats.get_mut(&self.ip) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&self.ip);
            }
        }
    }
}
