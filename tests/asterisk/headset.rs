//! What a phone says and hears: G.711 over RTP (RFC 3550), told apart only into loud and silent.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;

/// Twenty milliseconds of sound.
const SAMPLES: usize = 160;

/// One for all lines of a phone.
#[derive(Clone)]
pub struct Headset {
    socket: Arc<UdpSocket>,
    heard: Arc<AtomicUsize>,
    spoken: Arc<AtomicU16>,
}

/// What is said.
#[derive(Clone, Copy)]
pub enum Sound {
    Silence,
    Loud,
}

impl Headset {
    pub async fn new(ip: IpAddr) -> Headset {
        let socket = Arc::new(UdpSocket::bind((ip, 0)).await.expect("a port to speak from"));
        let heard = Arc::new(AtomicUsize::new(0));
        tokio::spawn(listen(Arc::downgrade(&socket), heard.clone()));
        Headset { socket, heard, spoken: Arc::default() }
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("a bound socket").port()
    }

    /// Packets of loud sound that came so far, 50 a second.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    /// Takes a second.
    pub async fn speak(self, to: SocketAddr, sound: Sound) {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..50 {
            pace.tick().await;
            let nth = self.spoken.fetch_add(1, Ordering::Relaxed);
            let mut packet = vec![0x80, 0];
            packet.extend_from_slice(&nth.to_be_bytes());
            packet.extend_from_slice(&(u32::from(nth) * SAMPLES as u32).to_be_bytes());
            packet.extend_from_slice(b"toys");
            packet.extend((0..SAMPLES).map(|sample| match sound {
                Sound::Silence => 0xFF,
                // The loudest of each sign, 500 times a second.
                Sound::Loud if sample / 8 % 2 == 0 => 0x00,
                Sound::Loud => 0x80,
            }));
            let _ = self.socket.send_to(&packet, to).await;
        }
    }
}

async fn listen(socket: std::sync::Weak<UdpSocket>, heard: Arc<AtomicUsize>) {
    let mut packet = [0; 1500];
    while let Some(socket) = socket.upgrade() {
        let received = tokio::time::timeout(Duration::from_millis(100), socket.recv(&mut packet)).await;
        let Ok(Ok(bytes)) = received else { continue };
        let samples = packet.get(12..bytes).unwrap_or_default();
        // In µ-law the bits are turned, and three of them are the power of two.
        let is_loud = |sample: &&u8| !**sample & 0x70 >= 0x60;
        if !samples.is_empty() && samples.iter().filter(is_loud).count() * 2 > samples.len() {
            heard.fetch_add(1, Ordering::Relaxed);
        }
    }
}
