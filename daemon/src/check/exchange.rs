//! Messages to and fro with a PBX, one at a time. A link cannot afford to wait; a check can.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::Decoder;

use crate::link::Wire;

pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Events follow at once; the slowest machine has been through its queue by then.
pub const ECHO_WITHIN: Duration = Duration::from_secs(3);

/// Why a conversation broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Closed,
    Silent,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::Closed => f.write_str("the PBX closed the connection"),
            Cut::Silent => f.write_str("the PBX did not answer within 10 s"),
        }
    }
}

pub struct Exchange<C> {
    wire: Box<dyn Wire>,
    codec: C,
    buffer: BytesMut,
}

impl<C: Decoder> Exchange<C> {
    pub fn new(wire: Box<dyn Wire>, codec: C) -> Exchange<C> {
        Exchange { wire, codec, buffer: BytesMut::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        let sent = async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        };
        sent.await.map_err(|_: std::io::Error| Cut::Closed)
    }

    pub async fn next(&mut self, until: Instant) -> Result<C::Item, Cut> {
        loop {
            if let Ok(Some(message)) = self.codec.decode(&mut self.buffer) {
                return Ok(message);
            }
            match timeout_at(until, self.wire.read_buf(&mut self.buffer)).await {
                Ok(Ok(bytes)) if bytes > 0 => {}
                Ok(_) => return Err(Cut::Closed),
                Err(_) => return Err(Cut::Silent),
            }
        }
    }
}
