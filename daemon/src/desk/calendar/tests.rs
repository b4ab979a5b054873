use jiff::civil::{Weekday, date};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn at(text: &str) -> Time {
    from_stamp(text.parse().unwrap())
}

fn hours(text: &str) -> Slots {
    text.parse().unwrap()
}

/// Weekdays with a break at noon, closed at weekends and on the holidays of mainland China.
fn office() -> Calendar {
    let day = hours("09:00-12:00 13:30-18:00");
    let week = std::array::from_fn(|index| if index < 5 { day.clone() } else { Slots::CLOSED });
    let make_up = Some(hours("10:00-16:00"));
    let official = Some(china::tables());
    Calendar { zone: shanghai(), week: Week::new(week), make_up, official, dates: BTreeMap::new() }
}

#[test]
fn half_an_hour_of_open_hours() {
    let office = office();
    let due = |from: &str, minutes: i64| office.after(at(from), minutes * 60_000).unwrap();
    // Friday evening: Monday morning.
    assert_eq!(due("2026-11-20T17:45:00+08:00", 30), at("2026-11-23T09:15:00+08:00"));
    // Over the break at noon.
    assert_eq!(due("2026-11-20T11:50:00+08:00", 30), at("2026-11-20T13:50:00+08:00"));
    // To the minute of closing: then, not the next morning.
    assert_eq!(due("2026-11-20T17:30:00+08:00", 30), at("2026-11-20T18:00:00+08:00"));
    // The night before the National Day holiday, which ends on a Thursday.
    assert_eq!(due("2026-09-30T20:00:00+08:00", 30), at("2026-10-08T09:30:00+08:00"));
    // A Saturday that makes up for it has hours of its own.
    assert_eq!(due("2026-10-10T08:00:00+08:00", 30), at("2026-10-10T10:30:00+08:00"));
    assert_eq!(due("2026-10-09T17:50:00+08:00", 30), at("2026-10-10T10:20:00+08:00"));
    assert_eq!(due("2026-11-20T20:00:00+08:00", 0), at("2026-11-20T20:00:00+08:00"));
}

#[test]
fn so_many_open_hours_ago() {
    let office = office();
    let since = |to: &str, minutes: i64| office.before(at(to), minutes * 60_000);
    // Monday morning, back over the weekend and the break at noon of Friday.
    assert_eq!(since("2026-11-23T09:30:00+08:00", 60), Some(at("2026-11-20T17:30:00+08:00")));
    assert_eq!(since("2026-11-23T09:30:00+08:00", 6 * 60), Some(at("2026-11-20T11:00:00+08:00")));
    // In the night, the evening before is what counts.
    assert_eq!(since("2026-11-20T23:00:00+08:00", 30), Some(at("2026-11-20T17:30:00+08:00")));
    // Back over the National Day holiday and its make-up day.
    assert_eq!(since("2026-10-08T09:10:00+08:00", 20), Some(at("2026-09-30T17:50:00+08:00")));
    for (to, minutes) in [("2026-11-24T15:00:00+08:00", 90), ("2026-10-12T09:01:00+08:00", 1_000)] {
        let since = since(to, minutes).unwrap();
        assert_eq!(office.between_ms(since, at(to)), minutes * 60_000);
    }
    assert_eq!(since("2026-11-20T20:00:00+08:00", 0), Some(at("2026-11-20T20:00:00+08:00")));
    let never = Calendar { week: Week::new(std::array::from_fn(|_| Slots::CLOSED)), official: None, ..office };
    assert_eq!(never.before(at("2026-11-20T20:00:00+08:00"), 1), None);
}

#[test]
fn hours_over_midnight_belong_to_the_day_that_they_began_on() {
    let mut days: [Slots; 7] = std::array::from_fn(|_| Slots::CLOSED);
    days[4] = hours("22:00-06:00");
    let friday_night = Calendar { week: Week::new(days), official: None, ..office() };
    assert!(friday_night.is_open(at("2026-11-21T05:59:00+08:00")));
    assert!(!friday_night.is_open(at("2026-11-21T06:00:00+08:00")));
    assert!(!friday_night.is_open(at("2026-11-20T05:00:00+08:00")), "that would be Thursday's night");
    let due = friday_night.after(at("2026-11-21T05:00:00+08:00"), 90 * 60_000).unwrap();
    assert_eq!(due, at("2026-11-27T22:30:00+08:00"));
}

#[test]
fn a_date_of_its_own_goes_before_holiday_and_week() {
    let mut office = office();
    office.dates.insert(date(2026, 10, 1), hours("10:00-11:00"));
    office.dates.insert(date(2026, 11, 23), Slots::CLOSED);
    assert_eq!(office.open_from(at("2026-10-01T00:00:00+08:00")), Some(at("2026-10-01T10:00:00+08:00")));
    assert_eq!(office.open_from(at("2026-11-23T10:00:00+08:00")), Some(at("2026-11-24T09:00:00+08:00")));
}

#[test]
fn a_year_without_a_table_is_told() {
    let office = office();
    let unknown = |from: &str, to: &str| office.unknown_years(at(from), at(to));
    assert!(unknown("2026-01-01T00:00:00+08:00", "2026-12-31T23:59:59+08:00").is_empty());
    assert_eq!(unknown("2026-12-31T00:00:00+08:00", "2027-01-01T00:00:00+08:00"), [2027]);
    assert_eq!(unknown("2025-12-31T00:00:00+08:00", "2027-01-01T00:00:00+08:00"), [2025, 2027]);
    assert!(Calendar { official: None, ..office }.unknown_years(at("2030-01-01T00:00:00Z"), Time::MAX_UTC).is_empty());
}

#[test]
fn a_calendar_without_hours_says_so_and_ends() {
    let never = Calendar { week: Week::new(std::array::from_fn(|_| Slots::CLOSED)), make_up: None, ..office() };
    assert_eq!(never.after(at("2026-11-20T00:00:00Z"), 1), None);
    assert_eq!(never.open_from(at("2026-11-20T00:00:00Z")), None);
    let mut once = never.clone();
    once.dates.insert(date(2030, 1, 1), hours("10:00-11:00"));
    assert_eq!(once.after(at("2026-11-20T00:00:00Z"), 60_000), Some(at("2030-01-01T10:01:00+08:00")));
    assert_eq!(once.after(at("2026-11-20T00:00:00Z"), 2 * 3_600_000), None);
}

#[test]
fn years_of_all_hours_are_the_clock_itself() {
    let all = Calendar::all_hours(shanghai());
    let from = at("2026-02-03T04:05:06.789Z");
    for ms in [1, 59_999, 86_400_000, 1_000 * 86_400_000] {
        assert_eq!(all.after(from, ms), Some(from + TimeDelta::milliseconds(ms)));
        assert_eq!(all.between_ms(from, from + TimeDelta::milliseconds(ms)), ms);
    }
}

#[test]
fn clocks_that_change_cost_or_give_an_hour() {
    let berlin = Calendar::all_hours(TimeZone::get("Europe/Berlin").unwrap());
    let midnight = at("2026-03-29T00:00:00+01:00");
    assert_eq!(berlin.between_ms(midnight, at("2026-03-30T00:00:00+02:00")), 23 * 3_600_000);
    let mut night = berlin.clone();
    night.week = Week::new(std::array::from_fn(|_| hours("01:00-05:00")));
    assert_eq!(night.between_ms(midnight, at("2026-03-30T00:00:00+02:00")), 3 * 3_600_000);
    let autumn = at("2026-10-25T00:00:00+02:00");
    assert_eq!(night.between_ms(autumn, at("2026-10-26T00:00:00+01:00")), 5 * 3_600_000);
}

#[test]
fn hours_that_begin_or_end_where_clocks_are_changed_go_by_the_clocks_before() {
    let open_on = |zone: &str, slots: &str, day: Date| {
        let zone = TimeZone::get(zone).unwrap();
        let week = Week::new(std::array::from_fn(|_| hours(slots)));
        let calendar = Calendar { week, ..Calendar::all_hours(zone.clone()) };
        let noon = |day: Date| from_stamp(day.at(12, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp());
        calendar.between_ms(noon(day.yesterday().unwrap()), noon(day)) / 60_000
    };
    let berlin = |slots, day| open_on("Europe/Berlin", slots, day);
    // From two to three there is no clock that shows it, and the clocks before would have led to half past two.
    assert_eq!(berlin("01:00-02:30", date(2026, 3, 29)), 90);
    assert_eq!(berlin("02:30-05:00", date(2026, 3, 29)), 90);
    // Half past two is there twice, and the first counts.
    assert_eq!(berlin("01:00-02:30", date(2026, 10, 25)), 90);
    assert_eq!(berlin("02:30-05:00", date(2026, 10, 25)), 210);
    assert_eq!(open_on("Australia/Lord_Howe", "01:00-03:00", date(2026, 10, 4)), 90, "by half an hour");
    assert_eq!(open_on("Australia/Lord_Howe", "01:00-03:00", date(2026, 4, 5)), 150);
    // Where the day begins at one o'clock, and where its last hour is there twice.
    let santiago = |slots, day| open_on("America/Santiago", slots, day);
    assert_eq!(santiago("00:00-24:00", date(2026, 9, 6)), 23 * 60);
    assert_eq!(santiago("00:00-02:00", date(2026, 9, 6)), 60);
    assert_eq!(santiago("22:00-24:00", date(2026, 9, 6)), 120, "the evening before ends as it does");
    assert_eq!(santiago("22:00-24:00", date(2026, 4, 5)), 180);
}

#[test]
fn a_month_ends_with_its_last_hours_also_where_clocks_change_then() {
    let month_end = |zone: &str, slots: &str, from: &str| {
        let week = Week::new(std::array::from_fn(|_| hours(slots)));
        Calendar { week, ..Calendar::all_hours(TimeZone::get(zone).unwrap()) }.month_end(at(from))
    };
    // New York's clocks change on the first of November, two hours after the month began.
    let october = "2026-10-25T12:00:00-04:00";
    assert_eq!(month_end("America/New_York", "20:00-02:00", october), at("2026-11-01T00:00:00-04:00"));
    assert_eq!(month_end("America/New_York", "09:00-18:00", october), at("2026-10-31T18:00:00-04:00"));
    // Those of Lord Howe on the first of April 2035.
    let march = "2035-03-25T12:00:00+11:00";
    assert_eq!(month_end("Australia/Lord_Howe", "20:00-02:00", march), at("2035-04-01T00:00:00+11:00"));
}

/// Looks at the wall clock of every minute, and at nothing else.
fn open_by_the_wall(calendar: &Calendar, at: Time) -> bool {
    let stamp = Timestamp::from_millisecond(at.timestamp_millis()).unwrap();
    let wall = stamp.to_zoned(calendar.zone.clone());
    let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
    let opens = |day: Date| {
        let official = calendar.official.as_ref().and_then(|tables| tables.get(&day.year()));
        match (calendar.dates.get(&day), official) {
            (Some(own), _) => own.clone(),
            (None, Some(table)) if table.holidays.contains_key(&day) => Slots::CLOSED,
            (None, Some(table)) if table.make_up_days.contains(&day) => {
                calendar.make_up.clone().unwrap_or(calendar.week.of(Weekday::Monday).clone())
            }
            (None, _) => calendar.week.of(day.weekday()).clone(),
        }
    };
    let today = opens(wall.date()).iter().any(|slot| (slot.from_min..slot.to_min).contains(&minute));
    let reach = minute + DAY_MIN;
    today || opens(wall.date().yesterday().unwrap()).iter().any(|slot| (slot.from_min..slot.to_min).contains(&reach))
}

fn random_hours(random: &mut StdRng) -> Slots {
    let choices = [
        "closed",
        "09:00-12:00 13:30-18:00",
        "00:00-24:00",
        "22:00-06:00",
        "08:15-08:16",
        "06:00-12:00 20:00-04:30",
        "00:00-03:00 23:00-24:00",
        "12:00-12:01 12:01-12:02",
    ];
    hours(choices[random.random_range(0..choices.len())])
}

#[test]
fn every_minute_agrees_with_the_wall_clock() {
    /// Where sites are, and days of 2026 on which their clocks change, or holidays are near: in the north, in the
    /// south, at midnight, by half an hour, and never.
    const SITES: [(&str, [&str; 2]); 6] = [
        ("Asia/Shanghai", ["2026-02-16T00:00:00Z", "2026-10-03T00:00:00Z"]),
        ("Europe/Berlin", ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
        ("America/New_York", ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"]),
        ("America/Santiago", ["2026-09-06T04:00:00Z", "2026-04-05T03:00:00Z"]),
        ("Australia/Lord_Howe", ["2026-10-03T15:30:00Z", "2026-04-04T15:00:00Z"]),
        ("Asia/Kathmandu", ["2026-09-17T00:00:00Z", "2026-10-17T00:00:00Z"]),
    ];
    for seed in 0..48 {
        let mut random = StdRng::seed_from_u64(seed);
        let (zone, changes) = SITES[seed as usize % SITES.len()];
        let mut calendar = Calendar {
            zone: TimeZone::get(zone).unwrap(),
            week: Week::new(std::array::from_fn(|_| random_hours(&mut random))),
            make_up: random.random_bool(0.5).then(|| random_hours(&mut random)),
            official: random.random_bool(0.7).then(china::tables),
            dates: BTreeMap::new(),
        };
        let change = at(changes[random.random_range(0..2)]);
        let start = change - TimeDelta::minutes(random.random_range(0..8 * 1440));
        for _ in 0..3 {
            let day = calendar.day(start).saturating_add(jiff::Span::new().days(random.random_range(0..8)));
            calendar.dates.insert(day, random_hours(&mut random));
        }
        let mut open_min = 0;
        for minute in 0..9 * 1440 {
            let now = start + TimeDelta::minutes(minute);
            let open = open_by_the_wall(&calendar, now);
            assert_eq!(calendar.is_open(now), open, "seed {seed}: {now}");
            if open {
                open_min += 1;
                if open_min % 97 == 0 {
                    let passed = calendar.after(start, open_min * 60_000);
                    assert_eq!(passed, Some(now + TimeDelta::minutes(1)), "seed {seed}: {open_min} min");
                }
            }
            if minute % 61 == 0 {
                let end = now + TimeDelta::minutes(1);
                assert_eq!(calendar.between_ms(start, end), open_min * 60_000, "seed {seed}: {now}");
            }
        }
    }
}
