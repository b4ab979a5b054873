//! How much of a period each PBX was seen, and why not all of it.

use rusqlite::{Connection, params};

use super::Result;
use super::column::{from_ms, maybe_time, ms, name, time};
use super::read::{Blind, Coverage, Gap, LIST};
use crate::{PbxName, Time};

/// The note that the daemon is there is made this often at the least; older than that, the PBX is
/// looked at no more.
const NOTED_WITHIN_MS: i64 = 90_000;

/// A stretch that was not seen, in milliseconds since 1970.
struct Stretch {
    from: i64,
    to: i64,
    why: Blind,
}

/// Each PBX that was ever looked at, by name.
pub fn coverage(db: &Connection, from: Time, to: Time, now: Time) -> Result<Vec<Coverage>> {
    let looked_at: Vec<(PbxName, Option<(Time, Time)>)> = db
        .prepare_cached(
            "SELECT pbx, since_ms, at_ms FROM alive WHERE pbx <> ''
             UNION ALL SELECT DISTINCT pbx, NULL, NULL FROM outages WHERE pbx NOT IN (SELECT pbx FROM alive)
             ORDER BY pbx",
        )?
        .query_map([], |row| {
            let looked = maybe_time(row, "since_ms")?.zip(maybe_time(row, "at_ms")?);
            Ok((name(row, "pbx")?, looked))
        })?
        .collect::<Result<_>>()?;
    looked_at.into_iter().map(|(pbx, looked)| cover(db, pbx, looked, [from, to].map(ms), ms(now))).collect()
}

fn cover(
    db: &Connection,
    pbx: PbxName,
    looked: Option<(Time, Time)>,
    [from, to]: [i64; 2],
    now: i64,
) -> Result<Coverage> {
    let to = to.max(from);
    let mut blind = outages(db, &pbx, [from, to.min(now)])?;
    let (since, until) = looked.map_or((to, to), |(since, at)| (ms(since), ms(at)));
    let until = if now - until <= NOTED_WITHIN_MS { now } else { until };
    // What has a better reason keeps it: these fill up what is left.
    for filling in [
        Stretch { from: now, to, why: Blind::Ahead },
        Stretch { from, to: since, why: Blind::NotYet },
        Stretch { from: until, to, why: Blind::NoMore },
    ] {
        fill(&mut blind, Stretch { from: filling.from.max(from), to: filling.to.min(to), why: filling.why });
    }
    let unseen_ms: i64 = blind.iter().map(|stretch| stretch.to - stretch.from).sum();
    let gaps_total = blind.len();
    let gap = |stretch: Stretch| Gap { from: from_ms(stretch.from), to: from_ms(stretch.to), why: stretch.why };
    let newest = blind.into_iter().rev().take(LIST as usize);
    let mut gaps: Vec<Gap> = newest.map(gap).collect();
    gaps.reverse();
    Ok(Coverage { pbx, total_ms: to - from, seen_ms: to - from - unseen_ms, gaps, gaps_total })
}

/// The outages within the period, in order, no moment twice.
fn outages(db: &Connection, pbx: &PbxName, [from, to]: [i64; 2]) -> Result<Vec<Stretch>> {
    let mut statement = db.prepare_cached(
        "SELECT from_ms, to_ms, why FROM outages
         WHERE pbx = ?1 AND from_ms < ?3 AND (to_ms IS NULL OR to_ms > ?2) ORDER BY from_ms",
    )?;
    let mut rows = statement.query(params![pbx.as_str(), from, to])?;
    let mut stretches: Vec<Stretch> = Vec::new();
    while let Some(row) = rows.next()? {
        let told_until = stretches.last().map_or(from, |stretch| stretch.to);
        let start = ms(time(row, "from_ms")?).max(told_until);
        let end = maybe_time(row, "to_ms")?.map_or(to, ms).min(to);
        if end > start {
            stretches.push(Stretch { from: start, to: end, why: Blind::Outage(row.get("why")?) });
        }
    }
    Ok(stretches)
}

/// Puts into `blind` whatever of `filling` is not in it yet.
fn fill(blind: &mut Vec<Stretch>, filling: Stretch) {
    let mut free = filling.from;
    let mut filled = Vec::with_capacity(blind.len() + 1);
    let put = |filled: &mut Vec<Stretch>, from: i64, to: i64| {
        if from < to.min(filling.to) {
            filled.push(Stretch { from, to: to.min(filling.to), why: filling.why.clone() });
        }
    };
    for stretch in blind.drain(..) {
        put(&mut filled, free, stretch.from);
        free = free.max(stretch.to);
        filled.push(stretch);
    }
    put(&mut filled, free, filling.to);
    *blind = filled;
}
