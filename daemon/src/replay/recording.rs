//! What came from one PBX, in order, wherever it was kept: the steps of a [`Recording`].

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};

use protocol::native::mapping::{AGENTS, LINES};
use protocol::session::Asking;
use serde::{Deserialize, Serialize};

use crate::calls::dialplan::Dialplan;
use crate::number::Numbering;
use crate::{PbxName, Time};

/// One PBX's words, and what is to be known of it to understand them.
pub struct Recording {
    pub pbx: PbxName,
    pub kind: Kind,
    pub asked: Asked,
    pub dialplan: Dialplan,
    pub numbering: Numbering,
    pub steps: Box<dyn Iterator<Item = anyhow::Result<Step>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Asterisk,
    FreeSwitch,
    Native,
}

impl Kind {
    /// By what is in it, from the first byte of a connection or from its middle: every frame of an
    /// event socket has a type.
    fn of(bytes: &[u8]) -> Kind {
        let block = memchr::memmem::find(bytes, b"\n\n").map_or(bytes, |end| &bytes[..end]);
        let is_frame = block.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"Content-Type: "));
        match bytes.first() {
            Some(b'{') => Kind::Native,
            Some(_) | None if is_frame => Kind::FreeSwitch,
            Some(_) | None => Kind::Asterisk,
        }
    }

    fn greeting(self) -> &'static [u8] {
        match self {
            Kind::Asterisk => b"Asterisk Call Manager",
            Kind::FreeSwitch => b"Content-Type: auth/request",
            Kind::Native => b"{",
        }
    }

    /// What stands in an answer that tells the channels.
    fn answer(self) -> &'static [u8] {
        match self {
            Kind::Asterisk => b"\nEvent: CoreShowChannelsComplete",
            Kind::FreeSwitch => super::freeswitch::CHANNELS,
            Kind::Native => b"snapshot_began",
        }
    }
}

/// Who asked the PBX what is up, while it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A link of ours, on each connection, before it believed anything.
    Link,
    /// Somebody, once.
    Once,
    /// Nobody: what is heard is all that there is.
    Never,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A connection began: the next byte is its first.
    Connected,
    Bytes {
        at: Arrival,
        bytes: Bytes,
    },
    /// Whoever listened asked the PBX.
    Asked {
        at: Time,
        asking: Asking,
    },
    /// Bytes came here that were not kept.
    Missing,
    /// The connection ended, or whoever listened did.
    Lost,
}

/// When bytes came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    At(Time),
    SinceConnect(TimeDelta),
    /// Only the PBX's own time stamps tell.
    Unsaid,
}

impl Recording {
    /// A file of raw bytes, with its `.times` beside it if there is one.
    ///
    /// # Errors
    /// One of them cannot be read or understood.
    pub fn file(path: &Path) -> anyhow::Result<Recording> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Recording::raw(&stem, bytes.into(), &Times::beside(path)?))
    }

    /// What the PBX `name` sent on one connection.
    pub fn raw(name: &str, bytes: Bytes, times: &Times) -> Recording {
        let kind = Kind::of(&bytes);
        let asked = match memchr::memmem::find(&bytes, kind.answer()) {
            Some(_) => Asked::Once,
            None => Asked::Never,
        };
        let connected = bytes.starts_with(kind.greeting()).then_some(Step::Connected);
        let reads = times.reads_of(&bytes).into_iter().map(|(at, bytes)| Step::Bytes { at, bytes });
        Recording {
            pbx: name.into(),
            kind,
            asked,
            dialplan: match kind {
                Kind::Asterisk | Kind::FreeSwitch => Dialplan::default(),
                Kind::Native => Dialplan::new(vec![LINES.into()], vec![AGENTS.into()]),
            },
            numbering: Numbering::new("CN", None),
            steps: Box::new(connected.into_iter().chain(reads).map(Ok)),
        }
    }
}

/// When which bytes of a file came.
#[derive(Debug, Default)]
pub struct Times {
    /// Milliseconds since connect, offset of the read's first byte.
    reads: Vec<(i64, usize)>,
}

impl Times {
    /// The `.times` file beside a recording; empty where there is none.
    ///
    /// # Errors
    /// There is one, and it cannot be read or understood.
    pub fn beside(recording: &Path) -> anyhow::Result<Times> {
        let path = recording.with_extension("times");
        if !path.exists() {
            return Ok(Times::default());
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let read = |(number, line): (usize, &str)| {
            let fields = line.split_once(' ').and_then(|(s, o)| Some((s.parse::<f64>().ok()?, o.trim().parse().ok()?)));
            let wrong = || format!("{}:{}: a line holds seconds and an offset", path.display(), number + 1);
            fields.map(|(seconds, offset)| ((seconds * 1000.0).round() as i64, offset)).with_context(wrong)
        };
        Ok(Times { reads: text.lines().enumerate().map(read).collect::<anyhow::Result<_>>()? })
    }

    fn reads_of(&self, bytes: &Bytes) -> Vec<(Arrival, Bytes)> {
        if self.reads.is_empty() {
            return vec![(Arrival::Unsaid, bytes.clone())];
        }
        let end = |offset: usize| offset.min(bytes.len());
        let ends = self.reads.iter().skip(1).map(|(_, offset)| *offset).chain([bytes.len()]);
        let reads = self.reads.iter().zip(ends).filter(|((_, from), to)| end(*from) < end(*to));
        reads
            .map(|((ms, from), to)| {
                (Arrival::SinceConnect(TimeDelta::milliseconds(*ms)), bytes.slice(end(*from)..end(to)))
            })
            .collect()
    }
}

/// Gives each message its time.
#[derive(Debug, Default)]
pub struct Clock {
    /// The moment of connection.
    epoch: Option<Time>,
    last: Time,
}

impl Clock {
    /// When a message came that ends in a read of this arrival and bears its PBX's own `stamp`;
    /// never before the one that came last, unless our own clock was set back.
    pub fn read(&mut self, arrival: Arrival, stamp: Option<Time>) -> Time {
        let at = match arrival {
            Arrival::At(at) => {
                self.last = at;
                at
            }
            Arrival::SinceConnect(since) => {
                if self.epoch.is_none() {
                    self.epoch = stamp.map(|stamp| stamp - since);
                }
                self.epoch.unwrap_or(DateTime::UNIX_EPOCH) + since
            }
            Arrival::Unsaid => stamp.unwrap_or(self.last),
        };
        self.last = self.last.max(at);
        self.last
    }
}
