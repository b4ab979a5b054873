//! A plain back and forth with an AMI: ask, wait for the answer.

use std::collections::BTreeSet;

use protocol::ami::codec::{AmiCodec, Frame, Packet};
use protocol::ami::fields::text;
use protocol::ami::login::{Credentials, Login, LoginFailure, Progress};
use protocol::ami::requests::{Action, ActionIds};
use tokio::time::Instant;

use super::exchange::{ANSWER_WITHIN, Cut, ECHO_WITHIN, Exchange};
use crate::config::Asterisk;
use crate::link::Wire;

/// The name of the `UserEvent` that is sent and awaited.
const ECHO: &str = "RingbackCheck";

/// What has shown itself so far.
#[derive(Debug, Default)]
pub struct SignedIn {
    pub ami: Option<(u32, u32, u32)>,
    /// Classes of events that have come.
    pub classes: BTreeSet<String>,
}

pub struct Talk {
    exchange: Exchange<AmiCodec>,
    ids: ActionIds,
    signed_in: SignedIn,
    echoed: bool,
}

impl Talk {
    pub async fn sign_in(wire: Box<dyn Wire>, pbx: &Asterisk) -> Result<Talk, LoginFailure> {
        let mut talk = Talk {
            exchange: Exchange::new(wire, AmiCodec::default()),
            ids: ActionIds::new(chrono::Utc::now().timestamp_millis().unsigned_abs()),
            signed_in: SignedIn::default(),
            echoed: false,
        };
        let mut login = Login::new(Credentials { username: pbx.username.clone(), secret: pbx.secret.clone() });
        let mut until = Instant::now() + ANSWER_WITHIN;
        loop {
            let mut send = Vec::new();
            let progress = match talk.frame(until).await {
                Ok(Frame::Banner(banner)) => {
                    talk.signed_in.ami = banner.version;
                    login.greeted(&banner, &mut talk.ids, &mut send)
                }
                Ok(Frame::Packet(packet)) => login.observe(&packet, &mut talk.ids, &mut send),
                Ok(Frame::Damaged(_)) => Progress::Waiting,
                Err(Cut::Closed) => Progress::Failed(login.closed()),
                Err(Cut::Silent) => Progress::Failed(login.timed_out()),
            };
            match progress {
                Progress::Waiting if send.is_empty() => {}
                Progress::Waiting => {
                    // A failure to write shows as a failure to read.
                    let _ = talk.exchange.send(&send).await;
                    until = Instant::now() + ANSWER_WITHIN;
                }
                Progress::In => return Ok(talk),
                Progress::Failed(failure) => return Err(failure),
            }
        }
    }

    pub fn signed_in(&self) -> &SignedIn {
        &self.signed_in
    }

    /// The reply to an action; refusals are replies too.
    pub async fn ask(&mut self, name: &'static str, headers: &[(&'static str, &str)]) -> Result<Packet, Cut> {
        let id = self.begin(name, headers).await?;
        let until = Instant::now() + ANSWER_WITHIN;
        loop {
            let packet = self.packet(until).await?;
            if packet.response().is_some() && packet.get(b"ActionID") == Some(id.as_bytes()) {
                return Ok(packet);
            }
        }
    }

    /// The items of a list; none when it was refused.
    pub async fn list(&mut self, name: &'static str) -> Result<Vec<Packet>, Cut> {
        let id = self.begin(name, &[]).await?;
        let mut items = Vec::new();
        loop {
            let packet = self.packet(Instant::now() + ANSWER_WITHIN).await?;
            if packet.get(b"ActionID") != Some(id.as_bytes()) {
                continue;
            }
            let refused = packet.response().is_some_and(|result| !result.eq_ignore_ascii_case(b"Success"));
            let mark = packet.get(b"EventList").unwrap_or_default();
            if refused || mark.eq_ignore_ascii_case(b"Complete") || mark.eq_ignore_ascii_case(b"Cancelled") {
                return Ok(items);
            }
            items.extend(packet.event().is_some().then_some(packet.clone()));
        }
    }

    /// Sends an event through the PBX to ourselves; whether it came back.
    pub async fn echo(&mut self) -> Result<bool, Cut> {
        self.ask("UserEvent", &[("UserEvent", ECHO)]).await?;
        let until = Instant::now() + ECHO_WITHIN;
        while !self.echoed {
            match self.packet(until).await {
                Ok(_) => {}
                Err(Cut::Silent) => return Ok(false),
                Err(Cut::Closed) => return Err(Cut::Closed),
            }
        }
        Ok(true)
    }

    async fn begin(&mut self, name: &'static str, headers: &[(&'static str, &str)]) -> Result<String, Cut> {
        let id = self.ids.next();
        let mut action = Action::new(name, &id);
        for (key, value) in headers {
            // All values are our own constants.
            action = action.header(key, value).map_err(|_| Cut::Closed)?;
        }
        let mut send = Vec::new();
        action.write(&mut send);
        self.exchange.send(&send).await?;
        Ok(id)
    }

    async fn packet(&mut self, until: Instant) -> Result<Packet, Cut> {
        loop {
            if let Frame::Packet(packet) = self.frame(until).await? {
                return Ok(packet);
            }
        }
    }

    async fn frame(&mut self, until: Instant) -> Result<Frame, Cut> {
        let frame = self.exchange.next(until).await?;
        if let Frame::Packet(packet) = &frame {
            self.note(packet);
        }
        Ok(frame)
    }

    fn note(&mut self, packet: &Packet) {
        let Some(event) = packet.event() else { return };
        if let Some(classes) = packet.get(b"Privilege") {
            self.signed_in.classes.extend(text(classes).split(',').map(str::to_owned));
        }
        self.echoed |= event == b"UserEvent" && packet.get(b"UserEvent") == Some(ECHO.as_bytes());
    }
}
