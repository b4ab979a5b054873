//! The diary's own calendar: it marks the open minutes of a day one by one, and counts them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Milliseconds since 1970 in UTC.
pub type Ms = i64;

pub const MINUTE: Ms = 60_000;
pub const HOUR: Ms = 60 * MINUTE;
pub const DAY: Ms = 24 * HOUR;

/// Where the site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    Shanghai,
    Berlin,
    NewYork,
    /// Its summer is the turn of the year, and its midnight is where the clocks change.
    Santiago,
    /// Its clocks change by half an hour.
    LordHowe,
}

impl Zone {
    pub const ALL: [Zone; 5] = [Zone::Shanghai, Zone::Berlin, Zone::NewYork, Zone::Santiago, Zone::LordHowe];

    pub fn name(self) -> &'static str {
        match self {
            Zone::Shanghai => "Asia/Shanghai",
            Zone::Berlin => "Europe/Berlin",
            Zone::NewYork => "America/New_York",
            Zone::Santiago => "America/Santiago",
            Zone::LordHowe => "Australia/Lord_Howe",
        }
    }

    /// How far its clocks are ahead of UTC then.
    fn ahead(self, at: Ms) -> Ms {
        let (winter, summer) = match self {
            Zone::Shanghai => return 8 * HOUR,
            Zone::Berlin => (HOUR, 2 * HOUR),
            Zone::NewYork => (-5 * HOUR, -4 * HOUR),
            Zone::Santiago => (-4 * HOUR, -3 * HOUR),
            Zone::LordHowe => (10 * HOUR + HOUR / 2, 11 * HOUR),
        };
        let (year, _) = civil(at.div_euclid(DAY));
        let Some([spring, autumn]) = self.changes_in(year) else { return winter };
        // In the south the year begins and ends in summer.
        let is_summer = if spring < autumn { (spring..autumn).contains(&at) } else { !(autumn..spring).contains(&at) };
        if is_summer { summer } else { winter }
    }

    /// When its clocks are set forward in a year, and when back: by the rules of the European Union, of the
    /// USA, of Chile, and of New South Wales for its island.
    fn changes_in(self, year: i64) -> Option<[Ms; 2]> {
        match self {
            Zone::Shanghai => None,
            Zone::Berlin => Some([sunday(year, 4, 0) * DAY + HOUR, sunday(year, 11, 0) * DAY + HOUR]),
            Zone::NewYork => Some([sunday(year, 3, 2) * DAY + 7 * HOUR, sunday(year, 11, 1) * DAY + 6 * HOUR]),
            Zone::Santiago => {
                Some([sunday_from(year, 9, 2) * DAY + 4 * HOUR, sunday_from(year, 4, 2) * DAY + 3 * HOUR])
            }
            Zone::LordHowe => {
                Some([sunday(year, 10, 1) * DAY - 9 * HOUR + HOUR / 2, sunday(year, 4, 1) * DAY - 9 * HOUR])
            }
        }
    }

    /// What its clocks show, counted as if they never changed.
    fn shows(self, at: Ms) -> Ms {
        at + self.ahead(at)
    }

    /// Days of 2026 on which its clocks are changed, counted from 1970.
    pub fn changes(self) -> Option<[i64; 2]> {
        Some(self.changes_in(2026)?.map(|at| self.day_of(at)))
    }

    /// The site's day, counted from 1970.
    pub fn day_of(self, at: Ms) -> i64 {
        self.shows(at).div_euclid(DAY)
    }

    /// Until when nobody is told anything who is to be told at `at`: nights from ten to seven.
    pub fn quiet_until(self, at: Ms) -> Ms {
        let is_day = |at: Ms| (7 * HOUR..22 * HOUR).contains(&self.shows(at).rem_euclid(DAY));
        if is_day(at) {
            return at;
        }
        let mut minute = at - at.rem_euclid(MINUTE);
        while !is_day(minute) {
            minute += MINUTE;
        }
        minute
    }
}

/// The year and month of a day.
fn civil(day: i64) -> (i64, i64) {
    let mut year = 1970 + day * 400 / 146_097;
    while day_of_month(year, 1) > day {
        year -= 1;
    }
    while day_of_month(year + 1, 1) <= day {
        year += 1;
    }
    let month = (1..=12).rfind(|month| day_of_month(year, *month) <= day);
    (year, month.unwrap_or(1))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Its first day.
fn day_of_month(year: i64, month: i64) -> i64 {
    let leap_days_before = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let leap_day = i64::from(month > 2 && is_leap(year));
    (year - 1970) * 365 + leap_days_before(year) - leap_days_before(1970) + days_before(month) + leap_day
}

/// The month's Sunday of that count; the one before the first is the last of the month before.
fn sunday(year: i64, month: i64, nth: i64) -> i64 {
    sunday_from(year, month, 1) + 7 * (nth - 1)
}

/// The first Sunday from that day of the month on.
fn sunday_from(year: i64, month: i64, day: i64) -> i64 {
    let first = day_of_month(year, month) + day - 1;
    // 1970 began on a Thursday.
    first + (10 - first).rem_euclid(7)
}

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
    pub fn terms(zone: Zone) -> String {
        let holidays = match zone {
            Zone::Shanghai => "make_up = \"10:00-16:00\"\nholidays = \"CN\"",
            Zone::Berlin | Zone::NewYork | Zone::Santiago | Zone::LordHowe => "holidays = \"none\"",
        };
        Hours::TERMS.replace("HOLIDAYS", holidays)
    }

    const TERMS: &str = "
[calendar.site]
monday = \"09:00-12:00 13:30-18:00\"
tuesday = \"09:00-12:00 13:30-18:00\"
wednesday = \"09:00-12:00 13:30-18:00\"
thursday = \"09:00-12:00 13:30-18:00\"
friday = \"09:00-12:00 13:30-17:00\"
saturday = \"closed\"
sunday = \"closed\"
HOLIDAYS
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

    fn slots(self, zone: Zone, day: i64) -> &'static [Slot] {
        const NIGHT: &[Slot] = &[(20 * 60, 26 * 60)];
        match self {
            Hours::All => &[(0, 24 * 60)],
            Hours::Office if zone == Zone::Shanghai && is_in(day, OFF) => &[],
            Hours::Office if zone == Zone::Shanghai && is_in(day, WORKED) => &[(10 * 60, 16 * 60)],
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

    /// The open stretches of a day of UTC.
    fn stretches(self, zone: Zone, day: i64) -> Stretches {
        thread_local! {
            static KNOWN: RefCell<BTreeMap<(Zone, Hours, i64), Stretches>> = const { RefCell::new(BTreeMap::new()) };
        }
        KNOWN.with_borrow_mut(|known| known.entry((zone, self, day)).or_insert_with(|| self.marked(zone, day)).clone())
    }

    /// Minute by minute, each by what the site's clocks show then.
    fn marked(self, zone: Zone, day: i64) -> Stretches {
        let first = zone.day_of(day * DAY) - 1;
        let slots: [&[Slot]; 4] = std::array::from_fn(|nth| self.slots(zone, first + nth as i64));
        let changes = zone.ahead(day * DAY) != zone.ahead((day + 1) * DAY);
        let usual = zone.ahead(day * DAY);
        let mut stretches: Vec<(Ms, Ms)> = Vec::new();
        for moment in (0..24 * 60).map(|minute| day * DAY + minute * MINUTE) {
            let shown = moment + if changes { zone.ahead(moment) } else { usual };
            let (shows, minute) = ((shown.div_euclid(DAY) - first) as usize, shown.rem_euclid(DAY) / MINUTE);
            let is_within = |slots: &[Slot], minute: i64| slots.iter().any(|(from, to)| (*from..*to).contains(&minute));
            if !is_within(slots[shows], minute) && !is_within(slots[shows - 1], minute + 24 * 60) {
                continue;
            }
            match stretches.last_mut() {
                Some(last) if last.1 == moment => last.1 += MINUTE,
                _ => stretches.push((moment, moment + MINUTE)),
            }
        }
        stretches.into()
    }

    /// The end of the last of these hours in the month, where that is to come; else the end of the month.
    pub fn month_end(self, zone: Zone, at: Ms) -> Ms {
        let (year, month) = civil(zone.day_of(at));
        let next = day_of_month(year + month / 12, month % 12 + 1) * DAY;
        // No clock is changed so soon after that midnight, but some may be in what UTC calls that day.
        let end = next - zone.ahead(next - zone.ahead(next));
        let mut closes = None;
        for day in at.div_euclid(DAY)..=end.div_euclid(DAY) {
            let stretches = self.stretches(zone, day);
            closes = stretches
                .iter()
                .filter(|(opens, _)| *opens < end)
                .map(|(_, closes)| *closes.min(&end))
                .max()
                .or(closes);
        }
        closes.filter(|closes| *closes > at).unwrap_or(end)
    }

    /// When so many of these hours, but for the pauses, have passed since `from`. None: not while the
    /// last pause lasts.
    pub fn passed(self, zone: Zone, from: Ms, need: Ms, pauses: &[(Ms, Option<Ms>)]) -> Option<Ms> {
        let rests = |at: Ms| pauses.iter().any(|(from, to)| *from <= at && to.is_none_or(|to| at < to));
        let mut left = need;
        for day in from.div_euclid(DAY).. {
            for &(opens, closes) in self.stretches(zone, day).iter() {
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
            let ends = day * DAY + DAY;
            if pauses.iter().any(|(from, to)| to.is_none() && *from <= ends) {
                return None;
            }
        }
        None
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
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[month as usize - 1]
}
