//! A plain back and forth with an event socket: ask, wait for the answer.

use memchr::memmem;
use protocol::charset::text;
use protocol::esl::codec::{ContentType, EslCodec, Frame, Message};
use protocol::esl::events::EVENTS;
use protocol::esl::login::{Credentials, Login, LoginFailure, Progress};
use tokio::time::Instant;
use tokio_util::bytes::Bytes;

use super::super::exchange::{ANSWER_WITHIN, Cut, ECHO_WITHIN, Exchange};
use crate::config::FreeSwitch;
use crate::link::Wire;

/// The subclass of the event that is sent and awaited: of letters that both encodings leave as
/// they are.
const ECHO: &str = "ringback-check";

pub struct Talk {
    exchange: Exchange<EslCodec>,
    /// What a user may ask for, as it was told when we signed in.
    allowed_api: String,
    echoed: bool,
}

impl Talk {
    pub async fn sign_in(wire: Box<dyn Wire>, pbx: &FreeSwitch) -> Result<Talk, LoginFailure> {
        let mut talk =
            Talk { exchange: Exchange::new(wire, EslCodec::default()), allowed_api: String::new(), echoed: false };
        let mut login = Login::new(Credentials { username: pbx.username.clone(), secret: pbx.secret.clone() });
        loop {
            let mut send = Vec::new();
            let progress = match talk.message(Instant::now() + ANSWER_WITHIN).await {
                Ok(Message::Frame(frame)) => {
                    if let Some(allowed) = frame.get(b"Allowed-API") {
                        talk.allowed_api = text(allowed).into_owned();
                    }
                    login.observe(&frame, &mut send)
                }
                Ok(Message::Stranger(line)) => Progress::Failed(login.greeted_strangely(&line)),
                Ok(Message::Damaged(_)) => Progress::Waiting,
                Err(Cut::Closed) => Progress::Failed(login.closed()),
                Err(Cut::Silent) => Progress::Failed(login.timed_out()),
            };
            match progress {
                // A failure to write shows as a failure to read.
                Progress::Waiting => drop(talk.exchange.send(&send).await),
                Progress::In => return Ok(talk),
                Progress::Failed(failure) => return Err(failure),
            }
        }
    }

    /// Empty where we were told nothing of limits.
    pub fn allowed_api(&self) -> &str {
        &self.allowed_api
    }

    /// The answer to a command; refusals are answers too, and begin with a dash.
    pub async fn api(&mut self, command: &str) -> Result<Bytes, Cut> {
        self.ask(&format!("api {command}\n\n")).await
    }

    /// As a link does, and to our own event.
    pub async fn subscribe(&mut self) -> Result<Result<(), String>, Cut> {
        let said = self.ask(&format!("event json BACKGROUND_JOB HEARTBEAT {EVENTS} {ECHO}\n\n")).await?;
        Ok(if said.starts_with(b"+OK") { Ok(()) } else { Err(text(&said).trim().to_owned()) })
    }

    /// Sends an event through the PBX to ourselves; whether it came back.
    pub async fn echo(&mut self) -> Result<bool, Cut> {
        self.ask(&format!("sendevent CUSTOM\nEvent-Subclass: {ECHO}\n\n")).await?;
        let until = Instant::now() + ECHO_WITHIN;
        while !self.echoed {
            match self.message(until).await {
                Ok(_) => {}
                Err(Cut::Silent) => return Ok(false),
                Err(Cut::Closed) => return Err(Cut::Closed),
            }
        }
        Ok(true)
    }

    /// One command at a time, so the next reply is its own.
    async fn ask(&mut self, command: &str) -> Result<Bytes, Cut> {
        self.exchange.send(command.as_bytes()).await?;
        let until = Instant::now() + ANSWER_WITHIN;
        loop {
            let Message::Frame(frame) = self.message(until).await? else { continue };
            match frame.content_type {
                ContentType::ApiResponse => return Ok(frame.body),
                ContentType::CommandReply => {
                    return Ok(Bytes::copy_from_slice(frame.get(b"Reply-Text").unwrap_or_default()));
                }
                ContentType::AuthRequest
                | ContentType::EventPlain
                | ContentType::EventJson
                | ContentType::DisconnectNotice
                | ContentType::RudeRejection => {}
            }
        }
    }

    async fn message(&mut self, until: Instant) -> Result<Message, Cut> {
        let message = self.exchange.next(until).await?;
        if let Message::Frame(frame) = &message {
            self.note(frame);
        }
        Ok(message)
    }

    fn note(&mut self, frame: &Frame) {
        self.echoed |= frame.is_event() && memmem::find(&frame.body, ECHO.as_bytes()).is_some();
    }
}
