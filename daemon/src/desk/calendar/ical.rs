//! Holidays and make-up days from an iCalendar file, as calendars that can be subscribed to give
//! them: all-day events, of which those marked 班, or as working days in English, are worked on.
//!
//! Where a file marks its days (休 and 班), what it does not mark is a festival on which people
//! work, and is passed over. What cannot be taken is told, event by event; nothing is guessed.

use std::collections::BTreeMap;
use std::fmt;

use icalendar::parser::{Component, read_calendar, unfold};
use jiff::civil::Date;

use super::Official;

/// The longest stretch of days that one event is believed to mean; a longer one is a mistake.
const MOST_DAYS: usize = 31;

/// The tables by year that a file gives, and what of it was passed over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    pub tables: BTreeMap<i16, Official>,
    pub passed_over: Vec<PassedOver>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its date and title as they stand there.
    pub event: String,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No date that can be read.
    NoDate,
    /// It has a time of day.
    NotAllDay,
    /// It repeats; only what stands there once is read.
    Repeats,
    TooLong,
    Cancelled,
    /// Neither 休 nor 班, in a file that marks its days.
    Unmarked,
    /// Another event says the opposite of the same day.
    Contradicted,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NoDate => "it has no date that can be read (DTSTART)",
            Why::NotAllDay => "it has a time of day; a holiday is an all-day event",
            Why::Repeats => "it repeats; give each day as an event of its own",
            Why::TooLong => "it is longer than a month",
            Why::Cancelled => "it is cancelled",
            Why::Unmarked => "it is marked neither 休 nor 班, and others are",
            Why::Contradicted => "another event says the opposite of the same day",
        })
    }
}

/// Why a file is no calendar, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotACalendar(pub String);

impl fmt::Display for NotACalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Off,
    Work,
    None,
}

pub fn read(text: &str) -> Result<Imported, NotACalendar> {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).map_err(|why| {
        let why: String = why.lines().take(3).collect::<Vec<_>>().join(" ");
        NotACalendar(format!("this is no iCalendar file (RFC 5545, *.ics): {why}"))
    })?;
    let events: Vec<&Component<'_>> = calendar.components.iter().filter(|part| part.name == "VEVENT").collect();
    if events.is_empty() {
        return Err(NotACalendar("this file holds no events (VEVENT); is it an iCalendar file (*.ics)?".into()));
    }
    let marks_days = events.iter().any(|event| mark(&title(event)) != Mark::None);
    let mut imported = Imported::default();
    for event in events {
        let taken = days(event).and_then(|days| imported.take(event, &days, marks_days));
        if let Err(why) = taken {
            let date = property(event, "DTSTART").unwrap_or("?");
            imported.passed_over.push(PassedOver { event: format!("{date} {}", title(event)), why });
        }
    }
    Ok(imported)
}

impl Imported {
    fn take(&mut self, event: &Component<'_>, days: &[Date], marks_days: bool) -> Result<(), Why> {
        let title = title(event);
        let works = match mark(&title) {
            Mark::Work => true,
            Mark::Off => false,
            Mark::None if marks_days => return Err(Why::Unmarked),
            Mark::None => false,
        };
        let contradicted = |day: &Date| {
            self.tables.get(&day.year()).is_some_and(|table| match works {
                true => table.holidays.contains_key(day),
                false => table.make_up_days.contains(day),
            })
        };
        if days.iter().any(contradicted) {
            return Err(Why::Contradicted);
        }
        for day in days {
            let table = self.tables.entry(day.year()).or_default();
            match works {
                true => drop(table.make_up_days.insert(*day)),
                false => drop(table.holidays.insert(*day, title.as_str().into())),
            }
        }
        Ok(())
    }
}

/// The days of an all-day event; its end is the day after the last (RFC 5545, 3.6.1).
fn days(event: &Component<'_>) -> Result<Vec<Date>, Why> {
    if property(event, "STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
        return Err(Why::Cancelled);
    }
    if property(event, "RRULE").is_some() || property(event, "RDATE").is_some() {
        return Err(Why::Repeats);
    }
    let first = date(property(event, "DTSTART").ok_or(Why::NoDate)?)?;
    let end = match property(event, "DTEND") {
        Some(end) => date(end)?,
        None => first.tomorrow().map_err(|_| Why::NoDate)?,
    };
    let days: Vec<Date> =
        first.series(jiff::Span::new().days(1)).take_while(|day| *day < end).take(MOST_DAYS + 1).collect();
    match days.len() {
        0 => Ok(vec![first]),
        1..=MOST_DAYS => Ok(days),
        _ => Err(Why::TooLong),
    }
}

/// `20261001`
fn date(text: &str) -> Result<Date, Why> {
    if text.contains('T') {
        return Err(Why::NotAllDay);
    }
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Why::NoDate);
    }
    Date::strptime("%Y%m%d", text).map_err(|_| Why::NoDate)
}

fn mark(title: &str) -> Mark {
    let lower = title.to_lowercase();
    if title.contains('班') || ["make-up", "makeup", "workday", "working day"].iter().any(|word| lower.contains(word))
    {
        Mark::Work
    } else if title.contains('休') || title.contains("放假") || lower.contains("day off") {
        Mark::Off
    } else {
        Mark::None
    }
}

fn title(event: &Component<'_>) -> String {
    property(event, "SUMMARY").unwrap_or_default().replace("\\,", ",").replace("\\;", ";")
}

fn property<'a>(event: &'a Component<'_>, name: &str) -> Option<&'a str> {
    event.properties.iter().find(|property| property.name == name).map(|property| property.val.as_str())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::desk::calendar::china;

    fn file(events: &[(&str, &str, &str)]) -> String {
        let event = |(start, end, title): &(&str, &str, &str)| {
            let end = if end.is_empty() { String::new() } else { format!("DTEND;VALUE=DATE:{end}\r\n") };
            let start = if start.contains('T') { format!(":{start}") } else { format!(";VALUE=DATE:{start}") };
            format!("BEGIN:VEVENT\r\nUID:{title}{start}\r\nDTSTART{start}\r\n{end}SUMMARY:{title}\r\nEND:VEVENT\r\n")
        };
        let events: String = events.iter().map(event).collect();
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n{events}END:VCALENDAR\r\n")
    }

    #[test]
    fn a_file_with_the_days_of_2026_gives_the_table_that_ships() {
        let text = file(&[
            ("20260101", "20260104", "元旦（休）"),
            ("20260104", "", "元旦（班）"),
            ("20260214", "20260215", "春节（班）"),
            ("20260215", "20260224", "春节（休）"),
            ("20260228", "", "春节（班）"),
            ("20260404", "20260407", "清明节（休）"),
            ("20260501", "20260506", "劳动节（休）"),
            ("20260509", "", "劳动节（班）"),
            ("20260619", "20260622", "端午节（休）"),
            ("20260920", "", "国庆节（班）"),
            ("20260925", "20260928", "中秋节（休）"),
            ("20261001", "20261008", "国庆节（休）"),
            ("20261010", "", "国庆节（班）"),
            ("20260305", "", "惊蛰"),
        ]);
        let imported = read(&text).unwrap();
        let ships = &china::tables()[&2026];
        let table = &imported.tables[&2026];
        assert_eq!(table.make_up_days, ships.make_up_days);
        assert!(table.holidays.keys().eq(ships.holidays.keys()));
        let [odd] = &imported.passed_over[..] else { panic!("{:?}", imported.passed_over) };
        assert_eq!((odd.event.as_str(), odd.why), ("20260305 惊蛰", Why::Unmarked));
    }

    #[test]
    fn where_nothing_is_marked_every_all_day_event_is_a_holiday() {
        let imported =
            read(&file(&[("20270101", "", "New Year's Day"), ("20271225", "20271227", "Christmas")])).unwrap();
        let days: Vec<Date> = imported.tables[&2027].holidays.keys().copied().collect();
        assert_eq!(days, [date(2027, 1, 1), date(2027, 12, 25), date(2027, 12, 26)]);
        assert!(imported.passed_over.is_empty());
    }

    #[test]
    fn what_cannot_be_taken_is_told_and_the_rest_is_taken() {
        let mut text = file(&[
            ("20270101", "", "元旦（休）"),
            ("20270101", "", "元旦（班）"),
            ("20270102T090000Z", "", "上班"),
            ("20270199", "", "休"),
            ("20270301", "20270601", "长休"),
        ]);
        text = text.replace(
            "END:VCALENDAR",
            "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270401\r\nRRULE:FREQ=YEARLY\r\n\
                             SUMMARY:休\r\nEND:VEVENT\r\nEND:VCALENDAR",
        );
        let imported = read(&text).unwrap();
        assert_eq!(imported.tables[&2027].holidays.len(), 1);
        let whys: Vec<Why> = imported.passed_over.iter().map(|passed| passed.why).collect();
        assert_eq!(whys, [Why::Contradicted, Why::NotAllDay, Why::NoDate, Why::TooLong, Why::Repeats]);
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        for text in ["", "hello", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "BEGIN:VEVENT\r\nDTSTART:1"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
