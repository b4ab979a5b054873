//! A link in virtual time, for tests: the very session that a link has and the very teller, with
//! bytes that come, and end, when a test says so.

use std::time::Instant;

use bytes::BytesMut;
use chrono::TimeDelta;
use protocol::event::BootId;
use protocol::session::{Heard, Over, Session};
use protocol::{ami, esl};
use tokio::sync::mpsc;

use super::teller::Teller;
use super::{EVENTS, FromLink};
use crate::{PbxName, Time};

pub(crate) struct Cable {
    /// A new conversation with a PBX whose last run was that.
    anew: fn(Instant, Option<BootId>) -> Session,
    session: Session,
    teller: Teller,
    told: mpsc::Receiver<FromLink>,
    buffer: BytesMut,
    /// One moment, by both clocks.
    origin: (Time, Instant),
    /// When bytes came last.
    pub heard_at: Time,
    pub is_live: bool,
    /// Packets that could not be understood.
    pub damaged: usize,
}

impl Cable {
    pub fn new(pbx: PbxName, at: Time, anew: fn(Instant, Option<BootId>) -> Session) -> Cable {
        let (to, told) = mpsc::channel(EVENTS);
        let origin = (at, Instant::now());
        Cable {
            anew,
            session: anew(origin.1, None),
            teller: Teller::new(pbx, to),
            told,
            buffer: BytesMut::new(),
            origin,
            heard_at: at,
            is_live: false,
            damaged: 0,
        }
    }

    pub fn connect(&mut self, at: Time) {
        self.session = (self.anew)(self.instant(at), self.session.boot().cloned());
        self.buffer.clear();
        self.teller.begin();
        (self.heard_at, self.is_live) = (at, false);
    }

    pub fn receive(&mut self, at: Time, bytes: &[u8]) {
        self.heard_at = at;
        self.buffer.extend_from_slice(bytes);
        let (instant, mut heard) = (self.instant(at), Vec::new());
        self.session.receive(instant, &mut self.buffer, &mut heard);
        self.learn(heard);
    }

    /// Does what is due next, if that is by then; and when it was due.
    pub fn wake(&mut self, until: Time) -> Option<Time> {
        let (due, mut heard) = (self.session.next_wake(), Vec::new());
        if due > self.instant(until) {
            return None;
        }
        self.session.wake(due, &mut heard);
        self.learn(heard);
        Some(self.origin.0 + TimeDelta::from_std(due - self.origin.1).expect("a while"))
    }

    pub fn cut(&mut self) {
        let mut heard = Vec::new();
        self.session.closed(&mut self.buffer, &mut heard);
        heard.retain(|heard| !matches!(heard, Heard::Over(Over::Closed | Over::ShutDown | Over::Login(_))));
        self.learn(heard);
        self.teller.lost(self.heard_at, "cut".into());
    }

    /// What is to be sent to the PBX.
    pub fn take_sent(&mut self) -> String {
        String::from_utf8(std::mem::take(self.session.to_send())).expect("text")
    }

    /// What the board is told, in order.
    pub fn take_told(&mut self) -> impl Iterator<Item = FromLink> {
        std::iter::from_fn(|| self.told.try_recv().ok())
    }

    fn instant(&self, at: Time) -> Instant {
        self.origin.1 + (at - self.origin.0).to_std().unwrap_or_default()
    }

    fn learn(&mut self, heard: Vec<Heard>) {
        for heard in heard {
            match heard {
                Heard::Event { event, held } => {
                    let held = TimeDelta::from_std(held).unwrap_or_default();
                    self.teller.event(self.heard_at - held, event);
                }
                Heard::Live => self.is_live |= self.teller.snapshot_ended(self.heard_at),
                Heard::Damaged { .. } => self.damaged += 1,
                Heard::Misread(why) | Heard::Note(why) => panic!("{why}"),
                Heard::Resync(why) => panic!("{why}"),
                Heard::Over(why) => panic!("{why}"),
                Heard::Product(_) | Heard::Asking(_) | Heard::Answered { .. } | Heard::Pong { .. } => {}
            }
        }
    }
}

/// A conversation with an Asterisk whose last run was that.
pub(crate) fn asterisk(at: Instant, boot: Option<BootId>) -> Session {
    let credentials = ami::login::Credentials { username: "ringback".into(), secret: "ringback".into() };
    let (channel, context) = ("PJSIP/{agent}".into(), "from-internal".into());
    let dialling = ami::requests::Dialling { channel, context, caller_id: None };
    Session::Ami(Box::new(ami::conversation::Conversation::new(credentials, dialling, 1, boot, at)))
}

/// A conversation with a FreeSWITCH whose last run was that.
pub(crate) fn freeswitch(at: Instant, boot: Option<BootId>) -> Session {
    let credentials = esl::login::Credentials { username: None, secret: "ClueCon".into() };
    let (channel, context) = ("user/{agent}".into(), "default".into());
    let dialling = esl::requests::Dialling { channel, context, caller_id: None };
    Session::Esl(Box::new(esl::conversation::Conversation::new(credentials, dialling, 7, boot, at)))
}
