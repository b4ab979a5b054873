//! A network between the daemon and its PBX that can be cut: a TCP proxy.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Cable {
    address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Cable {
    pub async fn lay(to: impl Into<String>) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (whole, state) = watch::channel(true);
        tokio::spawn(run(listener, address, to.into(), state));
        Cable { address, whole }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections break, and new ones are refused.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn run(mut listener: TcpListener, address: SocketAddr, to: String, mut state: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((near, _)) = accepted {
                tokio::spawn(join(near, to.clone(), state.clone()));
            },
            _ = becomes(&mut state, false) => {
                drop(listener);
                if !becomes(&mut state, true).await {
                    return;
                }
                listener = TcpListener::bind(address).await.expect("the same port again");
            }
        }
    }
}

async fn join(mut near: TcpStream, to: String, mut state: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(to).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = becomes(&mut state, false) => {}
    }
}

/// False when the test is over.
async fn becomes(state: &mut watch::Receiver<bool>, whole: bool) -> bool {
    state.wait_for(|now| *now == whole).await.is_ok()
}
