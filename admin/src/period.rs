//! Which period a page is asked about: a word, or days from and to, in the site's time.

use daemon::Time;
use jiff::civil::Date;
use serde::Deserialize;

use crate::pen::Pen;

/// As a form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub period: String,
    /// `2026-11-22`; both days are part of it.
    pub from: String,
    pub to: String,
}

/// Whole days of the site.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// Which of the choices it is; `days` for one that was typed.
    pub word: &'static str,
    pub first: Date,
    pub last: Date,
    pub from: Time,
    /// The end of the last day.
    pub to: Time,
    /// What was typed is no period; today is shown.
    pub is_wrong: bool,
}

/// The choices that need no typing.
pub const WORDS: [&str; 3] = ["today", "week", "month"];

impl Period {
    pub fn of(asked: &Asked, pen: &Pen) -> Period {
        let today = pen.today();
        let back = |days| today.checked_sub(jiff::Span::new().days(days)).unwrap_or(today);
        let typed = (!asked.from.is_empty() || !asked.to.is_empty()).then(|| typed(asked));
        let (word, first, last, is_wrong) = match (typed, asked.period.as_str()) {
            (Some(Some((first, last))), _) => ("days", first, last, false),
            (Some(None), _) => ("today", today, today, true),
            (None, "week") => ("week", back(6), today, false),
            (None, "month") => ("month", today.first_of_month(), today, false),
            (None, _) => ("today", today, today, false),
        };
        Period { word, first, last, from: pen.start_of(first), to: pen.end_of(last), is_wrong }
    }

    pub fn is_one_day(&self) -> bool {
        self.first == self.last
    }
}

/// The longest that is drawn: ten years.
const LONGEST_DAYS: i32 = 3_660;

fn typed(asked: &Asked) -> Option<(Date, Date)> {
    let (first, last): (Date, Date) = (asked.from.parse().ok()?, asked.to.parse().ok()?);
    let days = first.until(last).ok()?.get_days();
    (0..=LONGEST_DAYS).contains(&days).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::text::Language;

    fn pen() -> Pen {
        let now = "2026-11-24T08:18:24Z".parse().expect("a time");
        Pen {
            language: Language::En,
            zone: TimeZone::get("Asia/Shanghai").expect("a zone"),
            now,
            masked: false,
            may_show: false,
        }
    }

    fn period(period: &str, from: &str, to: &str) -> Period {
        Period::of(&Asked { period: period.into(), from: from.into(), to: to.into() }, &pen())
    }

    #[test]
    fn a_period_is_whole_days_of_the_site() {
        for (word, first) in
            [("today", "2026-11-24"), ("week", "2026-11-18"), ("month", "2026-11-01"), ("", "2026-11-24")]
        {
            let period = period(word, "", "");
            assert_eq!((period.first.to_string().as_str(), period.last.to_string().as_str()), (first, "2026-11-24"));
        }
        let week = period("week", "", "");
        assert_eq!(week.from.to_rfc3339(), "2026-11-17T16:00:00+00:00");
        assert_eq!(week.to.to_rfc3339(), "2026-11-24T16:00:00+00:00");
        let days = period("week", "2026-10-01", "2026-10-07");
        assert_eq!((days.word, (days.to - days.from).num_days(), days.is_wrong), ("days", 7, false));
    }

    #[test]
    fn what_is_no_period_is_said_to_be_none() {
        for (from, to) in [("2026-11-24", ""), ("2026-11-24", "2026-11-23"), ("x", "y"), ("0001-01-01", "9999-12-31")] {
            let period = period("", from, to);
            assert!(period.is_wrong && period.word == "today", "{from} {to}");
        }
    }
}
