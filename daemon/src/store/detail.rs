//! A call's waits, segments, offers and transfers as one JSON text: read whole or not at all.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::column::{from_ms, ms};
use crate::calls::call::{Call, Offer, OfferOutcome, Segment, Span, Transfer, TransferKind, Wait};

type Text<'a> = Cow<'a, str>;
/// Milliseconds from and to.
type Open = (i64, Option<i64>);
/// Agent, queue, from, to, holds.
type Talked<'a> = (Text<'a>, Option<Text<'a>>, i64, Option<i64>, Vec<Open>);
/// Agent, queue, from, to, outcome.
type Rang<'a> = (Text<'a>, Option<Text<'a>>, i64, Option<i64>, Option<Text<'a>>);

/// Short keys and tuples, since there is one for each call that ever was.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written<'a> {
    /// Queue, joined, left.
    w: Vec<(Text<'a>, i64, Option<i64>)>,
    s: Vec<Talked<'a>>,
    o: Vec<Rang<'a>>,
    /// Kind, from, to, completed, at.
    t: Vec<(Text<'a>, Option<Text<'a>>, Text<'a>, bool, i64)>,
}

#[derive(Default)]
pub struct Detail {
    pub waits: Vec<Wait>,
    pub segments: Vec<Segment>,
    pub offers: Vec<Offer>,
    pub transfers: Vec<Transfer>,
}

pub fn write(call: &Call) -> String {
    let queue = |queue: &'_ Option<crate::QueueName>| queue.as_ref().map(|q| q.as_str().to_owned().into());
    let written = Written {
        w: call.waits.iter().map(|w| (w.queue.as_str().into(), ms(w.joined_at), w.left_at.map(ms))).collect(),
        s: call
            .segments
            .iter()
            .map(|s| {
                let holds = s.holds.iter().map(|h| (ms(h.from), h.to.map(ms))).collect();
                (s.agent.as_str().into(), queue(&s.queue), ms(s.from), s.to.map(ms), holds)
            })
            .collect(),
        o: call
            .offers
            .iter()
            .map(|o| {
                let outcome = o.outcome.map(|outcome| outcome.as_str().into());
                (o.agent.as_str().into(), queue(&o.queue), ms(o.from), o.to.map(ms), outcome)
            })
            .collect(),
        t: call
            .transfers
            .iter()
            .map(|t| {
                let from = t.from.as_ref().map(|from| from.as_str().into());
                (t.kind.as_str().into(), from, t.to.as_str().into(), t.completed, ms(t.at))
            })
            .collect(),
    };
    serde_json::to_string(&written).unwrap_or_default()
}

/// What cannot be read is empty: a page then shows the call without its parts.
pub fn read(text: &str) -> Detail {
    let written: Written = serde_json::from_str(text).unwrap_or_default();
    let waits = written.w.into_iter().map(|(queue, joined, left)| Wait {
        queue: (&*queue).into(),
        joined_at: from_ms(joined),
        left_at: left.map(from_ms),
    });
    let segments = written.s.into_iter().map(|(agent, queue, from, to, holds)| Segment {
        agent: (&*agent).into(),
        queue: queue.map(|queue| (&*queue).into()),
        from: from_ms(from),
        to: to.map(from_ms),
        holds: holds.into_iter().map(|(from, to)| Span { from: from_ms(from), to: to.map(from_ms) }).collect(),
    });
    let offers = written.o.into_iter().map(|(agent, queue, from, to, outcome)| Offer {
        agent: (&*agent).into(),
        queue: queue.map(|queue| (&*queue).into()),
        from: from_ms(from),
        to: to.map(from_ms),
        outcome: outcome.and_then(|outcome| OfferOutcome::parse(&outcome)),
    });
    let transfers = written.t.into_iter().filter_map(|(kind, from, to, completed, at)| {
        Some(Transfer {
            kind: TransferKind::parse(&kind)?,
            from: from.map(|from| (&*from).into()),
            to: to.into_owned(),
            completed,
            at: from_ms(at),
        })
    });
    Detail {
        waits: waits.collect(),
        segments: segments.collect(),
        offers: offers.collect(),
        transfers: transfers.collect(),
    }
}
