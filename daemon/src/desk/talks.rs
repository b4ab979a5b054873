//! Talks that the PBX saw, and what they prove.

use chrono::TimeDelta;

use super::case::{Case, OpenObligation};
use super::clock::{Keeping, Proof};
use crate::Time;
use crate::calls::call::{Call, Segment, Span};

/// The talk of a call, as it stood at `at`, that counts for an obligation; either direction.
pub fn proof(case: &Case, at: Time, call: &Call, obligation: &OpenObligation) -> Option<Proof> {
    let began_at = obligation.basis.began_at;
    match obligation.basis.kind.keeping() {
        Keeping::Word => return None,
        Keeping::LaterTalk if call.started_at < began_at => return None,
        Keeping::LaterTalk | Keeping::Talk | Keeping::Survey => {}
    }
    let segment = counted(&call.segments, call.certain).find(|segment| suffices(case, segment, began_at, at))?;
    Some(Proof {
        call: call.id.clone(),
        agent: segment.agent.clone(),
        from: segment.from.max(began_at),
        talk_ms: talk_ms(segment, began_at, at),
    })
}

/// The last talk of the case's other calls since then that is long enough to count.
pub fn last_since(case: &Case, since: Time) -> Option<Proof> {
    let sufficient = case.talks.iter().flat_map(|talk| {
        let segments = counted(&talk.segments, talk.certain).map(move |segment| (talk, segment));
        segments.filter(move |(talk, segment)| suffices(case, segment, since, talk.seen_at))
    });
    sufficient.max_by_key(|(talk, segment)| (segment.from, &talk.call)).map(|(talk, segment)| Proof {
        call: talk.call.clone(),
        agent: segment.agent.clone(),
        from: segment.from.max(since),
        talk_ms: talk_ms(segment, since, talk.seen_at),
    })
}

/// Whether any of these was talked in long enough since then.
pub fn any(case: &Case, segments: &[Segment], certain: bool, since: Time, at: Time) -> bool {
    counted(segments, certain).any(|segment| suffices(case, segment, since, at))
}

/// The first talk of a call that was as long by `at` as a callback's must be, and when it was.
pub fn sufficed<'a>(case: &Case, at: Time, call: &'a Call) -> Option<(&'a Segment, Time)> {
    let by_then = |segment| lasted(segment, case.policy.terms.callback.talk_ms).filter(|moment| *moment <= at);
    call.segments.iter().find_map(|segment| Some((segment, by_then(segment)?)))
}

pub fn longest_ms(segments: &[Segment], at: Time) -> i64 {
    segments.iter().map(|segment| talk_ms(segment, segment.from, at)).max().unwrap_or(0)
}

/// When so much had been talked, without the time on hold; none: the talk was shorter.
pub fn lasted(segment: &Segment, talk_ms: i64) -> Option<Time> {
    let (mut from, mut left) = (segment.from, TimeDelta::milliseconds(talk_ms));
    for hold in segment.holds.iter().filter(|hold| hold.from >= segment.from) {
        if hold.from - from >= left {
            break;
        }
        left -= hold.from - from;
        from = hold.to?;
    }
    let at = from + left;
    segment.to.is_none_or(|to| at <= to).then_some(at)
}

/// How long was talked since `since`, without the time on hold. What is open counts up to `at`.
pub fn talk_ms(segment: &Segment, since: Time, at: Time) -> i64 {
    let talk = Span { from: segment.from, to: segment.to };
    span_ms(talk, since, at) - segment.holds.iter().map(|hold| span_ms(*hold, since, at)).sum::<i64>()
}

fn suffices(case: &Case, segment: &Segment, since: Time, at: Time) -> bool {
    talk_ms(segment, since, at) >= case.policy.terms.callback.talk_ms
}

/// Where part of a call was not seen, the end of a talk is only a bound; the open talk is what the
/// PBX shows at this moment.
fn counted(segments: &[Segment], certain: bool) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(move |segment| certain || segment.to.is_none())
}

fn span_ms(span: Span, since: Time, at: Time) -> i64 {
    (span.to.unwrap_or(at) - span.from.max(since)).num_milliseconds().max(0)
}
