//! The diary's own calendar: it marks the open minutes of a day one by one, and counts them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Milliseconds since 1970 in UTC.
pub type Ms = i64;

pub const MINUTE: Ms = 60_000;
pub const HOUR: Ms = 60 * MINUTE;
pub const DAY: Ms = 24 * HOUR;

/// The site's clocks are so far ahead of UTC, at all times of the year.
const ZONE: Ms = 8 * HOUR;

/// Minutes since a day's midnight.
type Slot = (i64, i64);

/// Of open hours, in order.
type Stretches = Rc<[(Ms, Ms)]>;

/// Whose hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hours {
    All,
    /// An office with holidays, and days of a weekend that are worked for them.
    Office,
    /// Every night over midnight, but for one night a month.
    Night,
}

impl Hours {
    /// As a site writes them.
    pub const TERMS: &str = "
[calendar.site]
monday = \"09:00-12:00 13:30-18:00\"
tuesday = \"09:00-12:00 13:30-18:00\"
wednesday = \"09:00-12:00 13:30-18:00\"
thursday = \"09:00-12:00 13:30-18:00\"
friday = \"09:00-12:00 13:30-17:00\"
saturday = \"closed\"
sunday = \"closed\"
make_up = \"10:00-16:00\"
holidays = \"CN\"
[calendar.night]
monday = \"20:00-02:00\"
tuesday = \"20:00-02:00\"
wednesday = \"20:00-02:00\"
thursday = \"20:00-02:00\"
friday = \"20:00-02:00\"
saturday = \"20:00-02:00\"
sunday = \"20:00-02:00\"
holidays = \"none\"
[calendar.night.dates]
\"2026-03-10\" = \"closed\"
\"2026-05-12\" = \"18:30-19:30 23:00-01:00\"
\"2026-10-13\" = \"closed\"
[queues]
night = \"night\"
";

    fn slots(self, day: i64) -> &'static [Slot] {
        const NIGHT: &[Slot] = &[(20 * 60, 26 * 60)];
        match self {
            Hours::All => &[(0, 24 * 60)],
            Hours::Office if is_in(day, OFF) => &[],
            Hours::Office if is_in(day, WORKED) => &[(10 * 60, 16 * 60)],
            // 1970 began on a Thursday.
            Hours::Office => match (day + 3).rem_euclid(7) {
                0..=3 => &[(9 * 60, 12 * 60), (13 * 60 + 30, 18 * 60)],
                4 => &[(9 * 60, 12 * 60), (13 * 60 + 30, 17 * 60)],
                _ => &[],
            },
            Hours::Night if is_in(day, &[(3, 10), (10, 13)]) => &[],
            Hours::Night if is_in(day, &[(5, 12)]) => &[(18 * 60 + 30, 19 * 60 + 30), (23 * 60, 25 * 60)],
            Hours::Night => NIGHT,
        }
    }

    /// Whether the day's minute is one of those that count.
    fn is_open(self, day: i64, minute: i64) -> bool {
        let is_within = |day: i64, minute: i64| self.slots(day).iter().any(|(from, to)| (*from..*to).contains(&minute));
        is_within(day, minute) || is_within(day - 1, minute + 24 * 60)
    }

    /// The open stretches of a day, as moments.
    fn stretches(self, day: i64) -> Stretches {
        thread_local! {
            static KNOWN: RefCell<BTreeMap<(Hours, i64), Stretches>> = const { RefCell::new(BTreeMap::new()) };
        }
        KNOWN.with_borrow_mut(|known| known.entry((self, day)).or_insert_with(|| self.marked(day)).clone())
    }

    fn marked(self, day: i64) -> Stretches {
        let moment = |minute: i64| day * DAY + minute * MINUTE - ZONE;
        let mut stretches: Vec<(Ms, Ms)> = Vec::new();
        for minute in (0..24 * 60).filter(|minute| self.is_open(day, *minute)) {
            match stretches.last_mut() {
                Some(last) if last.1 == moment(minute) => last.1 += MINUTE,
                _ => stretches.push((moment(minute), moment(minute + 1))),
            }
        }
        stretches.into()
    }

    /// When so many of these hours, but for the pauses, have passed since `from`. None: not while the
    /// last pause lasts.
    pub fn passed(self, from: Ms, need: Ms, pauses: &[(Ms, Option<Ms>)]) -> Option<Ms> {
        let rests = |at: Ms| pauses.iter().any(|(from, to)| *from <= at && to.is_none_or(|to| at < to));
        let mut left = need;
        for day in day_of(from).. {
            for &(opens, closes) in self.stretches(day).iter() {
                let mut edges = vec![opens.max(from), closes];
                edges.extend(pauses.iter().flat_map(|(from, to)| [Some(*from), *to]).flatten());
                edges.retain(|edge| (opens.max(from)..=closes).contains(edge));
                edges.sort_unstable();
                for piece in edges.windows(2).filter(|piece| !rests(piece[0])) {
                    let long = piece[1] - piece[0];
                    if left <= long {
                        return Some(piece[0] + left);
                    }
                    left -= long;
                }
            }
            let ends = day * DAY + DAY - ZONE;
            if pauses.iter().any(|(from, to)| to.is_none() && *from <= ends) {
                return None;
            }
        }
        None
    }
}

/// The site's day, counted from 1970.
pub fn day_of(at: Ms) -> i64 {
    (at + ZONE).div_euclid(DAY)
}

/// Until when nobody is told anything who is to be told at `at`: nights from ten to seven.
pub fn quiet_until(at: Ms) -> Ms {
    let since_midnight = (at + ZONE).rem_euclid(DAY);
    match since_midnight / HOUR {
        0..=6 => at - since_midnight + 7 * HOUR,
        22.. => at - since_midnight + DAY + 7 * HOUR,
        _ => at,
    }
}

/// Days of 2026 on which mainland China does not work, from the State Council's announcement.
const OFF: &[(i64, i64)] = &[
    (1, 1),
    (1, 2),
    (1, 3),
    (2, 15),
    (2, 16),
    (2, 17),
    (2, 18),
    (2, 19),
    (2, 20),
    (2, 21),
    (2, 22),
    (2, 23),
    (4, 4),
    (4, 5),
    (4, 6),
    (5, 1),
    (5, 2),
    (5, 3),
    (5, 4),
    (5, 5),
    (6, 19),
    (6, 20),
    (6, 21),
    (9, 25),
    (9, 26),
    (9, 27),
    (10, 1),
    (10, 2),
    (10, 3),
    (10, 4),
    (10, 5),
    (10, 6),
    (10, 7),
];

/// And days of a weekend of 2026 on which it does.
const WORKED: &[(i64, i64)] = &[(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)];

fn is_in(day: i64, days: &[(i64, i64)]) -> bool {
    days.iter().any(|(month, of_month)| new_year_2026() + days_before(*month) + of_month - 1 == day)
}

/// 56 years after 1970, of which 14 were leap years.
pub const fn new_year_2026() -> i64 {
    56 * 365 + 14
}

fn days_before(month: i64) -> i64 {
    const LONG: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    LONG.iter().take(month as usize - 1).sum()
}
