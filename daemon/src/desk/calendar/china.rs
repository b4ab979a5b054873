//! Mainland China's official holidays and make-up working days, as the State Council announces
//! them for each year in the autumn before. A year is added here when it is announced.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};

use super::Official;

/// The years that ship.
pub fn tables() -> BTreeMap<i16, Official> {
    BTreeMap::from([(2026, year_2026())])
}

/// Announced on 2025-11-04.
fn year_2026() -> Official {
    let holidays = [
        ("元旦", date(2026, 1, 1), 3),
        ("春节", date(2026, 2, 15), 9),
        ("清明节", date(2026, 4, 4), 3),
        ("劳动节", date(2026, 5, 1), 5),
        ("端午节", date(2026, 6, 19), 3),
        ("中秋节", date(2026, 9, 25), 3),
        ("国庆节", date(2026, 10, 1), 7),
    ];
    let make_up_days = [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)];
    Official {
        holidays: holidays.into_iter().flat_map(|(name, first, days)| days_off(name, first, days)).collect(),
        make_up_days: make_up_days.into_iter().map(|(month, day)| date(2026, month, day)).collect(),
    }
}

fn days_off(name: &'static str, first: Date, days: usize) -> impl Iterator<Item = (Date, Box<str>)> {
    first.series(jiff::Span::new().days(1)).take(days).map(move |day| (day, name.into()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;

    use super::*;

    #[test]
    fn the_table_of_2026_has_the_days_of_the_announcement() {
        let table = year_2026();
        assert_eq!(table.holidays.len(), 33);
        assert_eq!(table.holidays.get(&date(2026, 10, 7)).map(AsRef::as_ref), Some("国庆节"));
        assert!(!table.holidays.contains_key(&date(2026, 10, 8)));
        let make_up: Vec<String> = table.make_up_days.iter().map(ToString::to_string).collect();
        assert_eq!(make_up, ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"]);
        for day in &table.make_up_days {
            assert!(matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday), "{day}");
            assert!(!table.holidays.contains_key(day), "{day}");
        }
    }
}
