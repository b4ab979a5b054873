//! A segment: one file of a capture.
//!
//! ```text
//! segment = "RBCAPT" 0x00 VERSION, length of ABOUT (u32, little-endian), ABOUT, zstd frame of RECORDs
//! ABOUT   = JSON: of which PBX, how to read its numbers, and the segment's place among the others
//! RECORD  = 'T' time (i64, little-endian: µs since 1970)
//!         | 'C' LATER                      a connection was made; what follows are its first bytes
//!         | 'B' LATER length bytes         these came
//!         | 'M' LATER count                so many bytes came that were not kept
//!         | 'A' LATER what                 we asked: 0 for all that is up, 1 to compare, 2 how agents stand
//!         | 'L' LATER length why           the connection ended
//! LATER   = µs since the record before, zigzag; it and all lengths and counts are LEB128 varints
//! ```
//!
//! A frame that was never finished, as after a `kill -9`, is read up to the last block that was
//! written out.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;
use chrono::DateTime;
use protocol::session::Asking;
use serde::{Deserialize, Serialize};
use zstd::Decoder;

use crate::Time;
use crate::calls::dialplan::Dialplan;
use crate::config::{Pbx, Wiring};
use crate::number::Numbering;
use crate::replay::recording::Kind;

pub const MAGIC: [u8; 8] = *b"RBCAPT\0\x01";

/// A segment's file name ends so.
pub const EXTENSION: &str = "capture";

/// The longest `ABOUT` and the longest text of bytes that are believed: a link reads far less at
/// once, and a torn file may claim anything.
const MOST: u64 = 1 << 24;

/// What a segment says of itself, in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub pbx: String,
    pub kind: Kind,
    /// When the daemon started, µs since 1970: segments of one run continue each other.
    pub run: i64,
    /// Which one of the run's, from 0.
    pub nth: u64,
    #[serde(default)]
    pub trunks: Vec<String>,
    #[serde(default)]
    pub extensions: Vec<String>,
    pub region: String,
    #[serde(default)]
    pub home_area_code: Option<String>,
}

impl About {
    pub fn of(pbx: &Pbx) -> About {
        let kind = match &pbx.wiring {
            Wiring::Asterisk(_) => Kind::Asterisk,
            Wiring::FreeSwitch(_) => Kind::FreeSwitch,
            Wiring::Native(_) => Kind::Native,
        };
        About {
            pbx: pbx.name.to_string(),
            kind,
            run: 0,
            nth: 0,
            trunks: pbx.trunks.clone(),
            extensions: pbx.extensions.clone(),
            region: pbx.region.clone(),
            home_area_code: pbx.home_area_code.clone(),
        }
    }

    pub fn dialplan(&self) -> Dialplan {
        Dialplan::new(self.trunks.clone(), self.extensions.clone())
    }

    pub fn numbering(&self) -> Numbering {
        Numbering::new(&self.region, self.home_area_code.as_deref())
    }

    /// A segment's first bytes, which stand before its frame.
    pub fn head(&self) -> io::Result<Vec<u8>> {
        let about = serde_json::to_vec(self)?;
        Ok([&MAGIC[..], &(about.len() as u32).to_le_bytes(), &about].concat())
    }
}

/// Records as they are written: whole ones, the first of which is a time.
#[derive(Debug, Default)]
pub struct Piece {
    records: Vec<u8>,
    /// The last record's time.
    at_us: i64,
}

impl Piece {
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn connected(&mut self, at: Time) {
        self.record(b'C', at);
    }

    pub fn heard(&mut self, at: Time, bytes: &[u8]) {
        self.record(b'B', at);
        varint(&mut self.records, bytes.len() as u64);
        self.records.extend_from_slice(bytes);
    }

    pub fn asked(&mut self, at: Time, asking: Asking) {
        self.record(b'A', at);
        let what = match asking {
            Asking::Snapshot => 0,
            Asking::Look => 1,
            Asking::Duties => 2,
        };
        varint(&mut self.records, what);
    }

    pub fn missed(&mut self, at: Time, count: u64) {
        self.record(b'M', at);
        varint(&mut self.records, count);
    }

    pub fn lost(&mut self, at: Time, why: &str) {
        self.record(b'L', at);
        varint(&mut self.records, why.len() as u64);
        self.records.extend_from_slice(why.as_bytes());
    }

    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.records)
    }

    /// What was taken, if nothing was added since.
    pub fn put_back(&mut self, records: Vec<u8>) {
        self.records = records;
    }

    fn record(&mut self, what: u8, at: Time) {
        let at_us = at.timestamp_micros();
        if self.records.is_empty() {
            self.records.push(b'T');
            self.records.extend_from_slice(&at_us.to_le_bytes());
            self.at_us = at_us;
        }
        self.records.push(what);
        let later = at_us - self.at_us;
        varint(&mut self.records, ((later << 1) ^ (later >> 63)) as u64);
        self.at_us = at_us;
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// One record as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Connected,
    Heard(Bytes),
    Asked(Asking),
    Missed(u64),
    Lost(String),
}

/// A segment that is being read.
pub struct Segment {
    pub about: About,
    records: BufReader<Decoder<'static, BufReader<File>>>,
    at_us: i64,
}

impl Segment {
    /// # Errors
    /// The file cannot be read, is no segment, or one of a later version.
    pub fn open(path: &Path) -> anyhow::Result<Segment> {
        Segment::begin(path).with_context(|| format!("cannot read {}", path.display()))
    }

    fn begin(path: &Path) -> anyhow::Result<Segment> {
        let mut file = BufReader::new(File::open(path)?);
        let mut magic = [0; 8];
        let mut length = [0; 4];
        file.read_exact(&mut magic).context("it is no capture: it is too short")?;
        if magic != MAGIC {
            let known = magic[..7] == MAGIC[..7];
            bail!(if known { "a later version of Ringback made it" } else { "it is no capture" });
        }
        file.read_exact(&mut length)?;
        let mut about = Vec::new();
        file.by_ref().take(u64::from(u32::from_le_bytes(length)).min(MOST)).read_to_end(&mut about)?;
        let about = serde_json::from_slice(&about).context("what it says of itself is damaged")?;
        let records = BufReader::with_capacity(1 << 16, Decoder::with_buffer(file)?);
        Ok(Segment { about, records, at_us: 0 })
    }

    fn record(&mut self) -> io::Result<Option<(Time, Record)>> {
        loop {
            let what = self.byte()?;
            if what == b'T' {
                let mut at = [0; 8];
                self.records.read_exact(&mut at)?;
                self.at_us = i64::from_le_bytes(at);
                continue;
            }
            let later = self.number()?;
            self.at_us = self.at_us.wrapping_add((later >> 1) as i64 ^ -((later & 1) as i64));
            let record = match what {
                b'C' => Record::Connected,
                b'B' => Record::Heard(self.text()?.into()),
                b'A' => Record::Asked(match self.number()? {
                    0 => Asking::Snapshot,
                    1 => Asking::Look,
                    2 => Asking::Duties,
                    _ => return Ok(None),
                }),
                b'M' => Record::Missed(self.number()?),
                b'L' => Record::Lost(String::from_utf8_lossy(&self.text()?).into_owned()),
                _ => return Ok(None),
            };
            return Ok(DateTime::from_timestamp_micros(self.at_us).map(|at| (at, record)));
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.records.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn text(&mut self) -> io::Result<Vec<u8>> {
        let length = self.number()?;
        if length > MOST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; length as usize];
        self.records.read_exact(&mut text)?;
        Ok(text)
    }
}

/// Records and when they came, up to the end of what can be read.
impl Iterator for Segment {
    type Item = (Time, Record);

    fn next(&mut self) -> Option<Self::Item> {
        self.record().ok().flatten()
    }
}
