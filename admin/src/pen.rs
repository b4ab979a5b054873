//! What a template writes with: one language, one time zone, one moment.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::TimeDelta;
use daemon::desk::handling::RemedyKind;
use daemon::number::Number;
use daemon::store::read::{ObligationRow, Outage};
use daemon::whereabouts::{self, Name};
use daemon::{Time, desk::clock::ObligationState};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::text::Language;

/// A sum of money: `1,280.50`; whole units without their hundredths.
pub fn sum(cents: i64) -> String {
    let digits = (cents / 100).unsigned_abs().to_string();
    let mut whole = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            whole.push(',');
        }
        whole.push(digit);
    }
    let sign = if cents < 0 { "-" } else { "" };
    match cents % 100 {
        0 => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{:02}", rest.abs()),
    }
}

#[derive(Clone)]
pub struct Pen {
    pub language: Language,
    pub zone: TimeZone,
    pub now: Time,
    /// Numbers of customers are shown as `138****5827`.
    pub masked: bool,
    /// The reader may have them shown whole, which is kept.
    pub may_show: bool,
}

/// A button that shows the numbers of somebody whom pages mask; nothing where there is nothing to show.
pub struct Eye(Option<(&'static str, String, String)>);

impl fmt::Display for Eye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((what, id, label)) = &self.0 else { return Ok(()) };
        // Ids and labels are ours: words of texts, numbers, and ids of calls, which are safe in HTML.
        write!(
            f,
            r##"<button class="btn bare only eye" type="button" data-show="/show/{what}/{id}" aria-label="{label}" title="{label}">{}</button>"##,
            Icon("eye")
        )
    }
}
impl HtmlSafe for Eye {}

/// `<svg>` that shows one symbol of `assets/icons.svg`; decorative.
pub struct Icon(&'static str);

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r##"<svg class="i" aria-hidden="true"><use href="/assets/icons.svg#i-{}"/></svg>"##, self.0)
    }
}
impl HtmlSafe for Icon {}

/// The countdown chip of something that is due.
#[derive(Template)]
#[template(path = "due.html")]
pub struct Due {
    pub class: &'static str,
    icon: Option<Icon>,
    word: String,
    figure: String,
    title: String,
    iso: String,
    /// Milliseconds since the epoch, for the ticking script; none when nothing ticks.
    ticks: Option<(i64, i64)>,
}
impl HtmlSafe for Due {}

impl Pen {
    pub fn say(&self, key: &str) -> String {
        self.language.say(key, &[])
    }
    pub fn say1(&self, key: &str, name: &str, value: impl fmt::Display) -> String {
        self.language.say(key, &[(name, &value)])
    }
    pub fn say2(&self, key: &str, a: &str, value_a: impl fmt::Display, b: &str, value_b: impl fmt::Display) -> String {
        self.language.say(key, &[(a, &value_a), (b, &value_b)])
    }
    /// A remedy, with its sum where it costs something.
    pub fn remedy(&self, kind: RemedyKind, sum_cents: i64) -> String {
        let kind = self.word("remedy", kind.as_str());
        match sum_cents {
            0 => kind,
            cents => self.say2("remedy-sum", "kind", kind, "sum", sum(cents)),
        }
    }
    /// The name of a closed enum's value: `word("kind", "complaint")` is the text `kind-complaint`.
    pub fn word(&self, family: &str, word: &str) -> String {
        self.language.say(&format!("{family}-{word}"), &[])
    }
    pub fn icon(&self, name: &'static str) -> Icon {
        Icon(name)
    }

    /// `16:10`, in the site's time.
    pub fn hm(&self, at: &Time) -> String {
        self.local(at).strftime("%H:%M").to_string()
    }
    pub fn hms(&self, at: &Time) -> String {
        self.local(at).strftime("%H:%M:%S").to_string()
    }
    /// `2026-11-24T16:10`, as a field for a time holds it.
    pub fn typed(&self, at: &Time) -> String {
        self.local(at).strftime("%Y-%m-%dT%H:%M").to_string()
    }
    /// The next minute, before which nothing can be promised, as such a field holds it.
    pub fn soonest(&self) -> String {
        self.typed(&(self.now + TimeDelta::minutes(1)))
    }
    /// `16:10:21.118`.
    pub fn exact(&self, at: &Time) -> String {
        self.local(at).strftime("%H:%M:%S%.3f").to_string()
    }
    /// `今天 16:10`, `11-22 10:31`, with the year only when it is another.
    pub fn when(&self, at: &Time) -> String {
        let (then, now) = (self.local(at), self.local(&self.now));
        let days = (then.date() - now.date()).get_days();
        match days {
            0 => self.say1("when-today", "time", then.strftime("%H:%M")),
            1 => self.say1("when-tomorrow", "time", then.strftime("%H:%M")),
            _ if then.year() == now.year() => then.strftime("%m-%d %H:%M").to_string(),
            _ => then.strftime("%Y-%m-%d %H:%M").to_string(),
        }
    }
    /// `11 月 24 日 周二`, `Tue 24 November`, for the day's heads of a timeline.
    pub fn day(&self, at: &Time) -> String {
        let then = self.local(at);
        let date = match self.language {
            Language::ZhCn => then.strftime("%-m 月 %-d 日").to_string(),
            Language::En => then.strftime("%-d %B").to_string(),
        };
        let weekday = self.word("weekday", &then.strftime("%u").to_string());
        let dated = match self.language {
            Language::ZhCn => format!("{date} {weekday}"),
            Language::En => format!("{weekday} {date}"),
        };
        let today = then.date() == self.local(&self.now).date();
        if today { format!("{} {dated}", self.say("today")) } else { dated }
    }
    /// RFC 3339 with the site's offset, to the second: what `datetime=""` and titles bear.
    pub fn iso(&self, at: &Time) -> String {
        self.local(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
    /// Minutes since midnight of the site's day, for bars that span a day.
    pub fn minute_of_day(&self, at: &Time) -> i64 {
        let then = self.local(at);
        i64::from(then.hour()) * 60 + i64::from(then.minute())
    }
    pub fn start_of_today(&self) -> Time {
        self.start_of(self.today())
    }
    pub fn today(&self) -> Date {
        self.local(&self.now).date()
    }
    /// When a day of the site begins.
    pub fn start_of(&self, day: Date) -> Time {
        let midnight = day.to_zoned(self.zone.clone()).map(|midnight| midnight.timestamp().as_millisecond());
        midnight.ok().and_then(chrono::DateTime::from_timestamp_millis).unwrap_or(self.now)
    }
    pub fn end_of(&self, day: Date) -> Time {
        self.start_of(day.tomorrow().unwrap_or(day))
    }

    /// `19 B`, `2.4 KB`, `3.0 MB`: how large a file is.
    pub fn size(&self, bytes: i64) -> String {
        match bytes {
            0..1_000 => format!("{bytes} B"),
            1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
            _ => format!("{:.1} MB", bytes as f64 / 1e6),
        }
    }

    /// `3:12`, `1:02:03`: how long something took or takes.
    pub fn span(&self, ms: i64) -> String {
        let s = ms.max(0) / 1000;
        if s < 3600 {
            format!("{}:{:02}", s / 60, s % 60)
        } else {
            format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
        }
    }
    /// `3分12秒`, as records have it.
    pub fn long_span(&self, ms: i64) -> String {
        let s = ms.max(0) / 1000;
        if s < 60 {
            self.say1("span-seconds", "seconds", s)
        } else {
            self.say2("span-minutes", "minutes", s / 60, "seconds", s % 60)
        }
    }
    /// Milliseconds since the epoch, as the ticking script reads them.
    pub fn ms(&self, at: &Time) -> i64 {
        at.timestamp_millis()
    }
    pub fn since(&self, at: &Time) -> String {
        self.span((self.now - at).num_milliseconds())
    }
    /// How long something stands, to be read and not watched: `12天4时`, `3时5分`, `2:10`.
    pub fn age(&self, at: &Time) -> String {
        self.left(self.now - *at)
    }
    /// Length of a stretch that may still go on.
    pub fn lasted(&self, from: &Time, to: &Option<Time>) -> String {
        self.left(to.unwrap_or(self.now) - *from)
    }
    fn left(&self, left: TimeDelta) -> String {
        let (days, hours, minutes) = (left.num_days(), left.num_hours() % 24, left.num_minutes() % 60);
        match (days, left.num_hours()) {
            (1.., _) if hours == 0 => self.say1("left-whole-days", "days", days),
            (1.., _) => self.say2("left-days", "days", days, "hours", hours),
            (_, 1..) => self.say2("left-hours", "hours", hours, "minutes", format!("{minutes:02}")),
            _ => self.span(left.num_milliseconds()),
        }
    }

    /// That not all of a call was seen, and what hid it.
    pub fn uncertain(&self, gap: &Option<Outage>) -> String {
        match gap {
            None => self.say("uncertain"),
            Some(Outage { from, to: None, .. }) => self.say1("uncertain-since", "from", self.when(from)),
            Some(Outage { from, to: Some(to), .. }) if to == from => self.say1("uncertain-at", "at", self.when(from)),
            Some(Outage { from, to: Some(to), .. }) => {
                self.say2("uncertain-between", "from", self.when(from), "to", self.hm(to))
            }
        }
    }

    /// The countdown chip of an obligation.
    pub fn due(&self, row: &ObligationRow) -> Due {
        let iso = row.due_at.map(|due_at| self.iso(&due_at)).unwrap_or_default();
        let still = |class: &'static str, icon: &'static str, word: String| Due {
            class,
            icon: Some(Icon(icon)),
            word,
            figure: String::new(),
            title: iso.clone(),
            iso: iso.clone(),
            ticks: None,
        };
        match row.state {
            ObligationState::Open => {}
            ObligationState::Kept
            | ObligationState::Waived
            | ObligationState::Unreachable
            | ObligationState::Replaced
            | ObligationState::Dropped => return still("kept", "done", self.word("due", row.state.as_str())),
        }
        let Some(due_at) = row.due_at else { return still("held", "pause", self.say("due-paused")) };
        let is_near = row.reminder_at.is_some_and(|reminder_at| self.now >= reminder_at);
        let left = due_at - self.now;
        let (class, icon, word) = if left <= TimeDelta::zero() {
            ("over", Some(Icon("over")), self.say("due-over"))
        } else if is_near {
            ("risk", Some(Icon("risk")), self.say("due-risk"))
        } else {
            ("", None, self.say("due-left"))
        };
        Due {
            class,
            icon,
            word,
            figure: self.left(left.abs()),
            title: self.say1("due-title", "when", &iso),
            ticks: Some((due_at.timestamp_millis(), row.reminder_at.unwrap_or(due_at).timestamp_millis())),
            iso,
        }
    }

    /// The button beside a masked number: `what` is `ticket`, `customer` or `call`.
    pub fn eye(&self, what: &'static str, id: impl fmt::Display) -> Eye {
        let shown = self.masked && self.may_show;
        Eye(shown.then(|| (what, id.to_string(), self.say("show-number"))))
    }
    /// A customer's number as the API and files tell it: with its country, where it is not masked.
    pub fn told(&self, number: &Number) -> String {
        if self.masked { self.number(number) } else { number.as_str().to_owned() }
    }
    /// What a PBX sent beside a number, in which there may be one all the same.
    pub fn sent(&self, text: &str) -> String {
        if self.masked { mask_within(text) } else { text.to_owned() }
    }
    /// `2026-11-24 16:10:21`, of whatever day.
    pub fn full(&self, at: &Time) -> String {
        self.local(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
    /// `2026-11-24 16:10`, of whatever day.
    pub fn minute(&self, at: &Time) -> String {
        self.local(at).strftime("%Y-%m-%d %H:%M").to_string()
    }
    /// A customer's number as people here write it.
    pub fn number(&self, number: &Number) -> String {
        let text = number.as_str();
        let plain = match text.strip_prefix("+86") {
            Some(mobile) if mobile.len() == 11 && mobile.starts_with('1') => mobile.to_owned(),
            Some(service) if service.starts_with("400") || service.starts_with("800") => service.to_owned(),
            Some(landline) if landline.len() > SHORTEST_LANDLINE => format!("0{landline}"),
            Some(_) | None => text.to_owned(),
        };
        if self.masked { mask(&plain) } else { plain }
    }
    /// Where a mainland number is from, and whose network it was given to; empty where neither is known.
    pub fn whereabouts(&self, number: &Number) -> String {
        let Some(known) = whereabouts::of(number) else { return String::new() };
        let said =
            |name: Option<Name>| name.map(|name| if self.language == Language::ZhCn { name.zh } else { name.en });
        let said = [said(known.place), said(known.carrier)].into_iter().flatten().collect::<Vec<_>>();
        said.join(if self.language == Language::ZhCn { " " } else { ", " })
    }
    /// A number as a PBX sent it, shown by the same rule.
    pub fn raw_number(&self, number: &str) -> String {
        if self.masked { mask(number) } else { number.to_owned() }
    }

    fn local(&self, at: &Time) -> Zoned {
        let at = Timestamp::from_millisecond(at.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(self.zone.clone())
    }
}

/// Of the mainland, with its area code, without the trunk's 0: an area of three digits and seven more.
const SHORTEST_LANDLINE: usize = 9;

/// `13800135827` → `138****5827`. Short codes are no one's secret.
fn mask(number: &str) -> String {
    let characters: Vec<char> = number.chars().collect();
    if characters.len() < 8 {
        return number.to_owned();
    }
    let (head, tail) = (characters.len() - 8, characters.len() - 4);
    characters[..head].iter().chain(&['*'; 4]).chain(&characters[tail..]).collect()
}

/// Each run of digits that could be a number, whatever stands around it.
fn mask_within(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_digit() {
            run.push(letter);
            continue;
        }
        out.push_str(&mask(&run));
        run.clear();
        out.extend(Some(letter).filter(|letter| *letter != '\0'));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pen(language: Language) -> Pen {
        let now = "2026-11-24T08:18:24Z".parse().expect("a time");
        Pen { language, zone: TimeZone::get("Asia/Shanghai").expect("a zone"), now, masked: true, may_show: false }
    }

    fn row(due: &str, reminder: &str) -> ObligationRow {
        ObligationRow {
            id: daemon::ObligationId(1),
            kind: daemon::desk::clock::ClockKind::MissedCall,
            state: ObligationState::Open,
            ticket: daemon::TicketId(1),
            ticket_number: "20261124-0001".to_owned(),
            summary: String::new(),
            customer: None,
            customer_name: String::new(),
            number: Some(Number::from_canonical("+8613800135827")),
            owner: None,
            circle: Default::default(),
            began_at: "2026-11-24T08:00:00Z".parse().expect("a time"),
            promised_at: None,
            due_at: due.parse().ok(),
            reminder_at: reminder.parse().ok(),
            escalated_at: "2026-11-25T08:00:00Z".parse().ok(),
            attempts: 0,
            claim: None,
            suspended: None,
            proof: None,
            survey: None,
            ended: None,
            fired: Vec::new(),
        }
    }

    #[test]
    fn a_countdown_says_its_state_in_sign_word_and_figure() {
        let pen = pen(Language::ZhCn);
        let plain = pen.due(&row("2026-11-24T10:00:00Z", "2026-11-24T09:50:00Z")).to_string();
        assert!(plain.contains("剩") && plain.contains("1时41分"), "{plain}");
        let risk = pen.due(&row("2026-11-24T08:20:00Z", "2026-11-24T08:16:00Z")).to_string();
        assert!(risk.contains("临期") && risk.contains("1:36") && risk.contains("#i-risk"), "{risk}");
        let over = pen.due(&row("2026-11-24T08:10:00Z", "2026-11-24T08:08:00Z")).to_string();
        assert!(over.contains("超时") && over.contains("8:24") && over.contains("#i-over"), "{over}");
        let days = pen.due(&row("2026-11-26T12:00:00Z", "2026-11-26T11:00:00Z")).to_string();
        assert!(days.contains("2天3时"), "{days}");
    }

    #[test]
    fn times_are_the_sites_and_numbers_masked() {
        let pen = pen(Language::En);
        assert_eq!(pen.when(&"2026-11-24T08:10:00Z".parse().expect("a time")), "today 16:10");
        assert_eq!(pen.when(&"2026-11-22T02:31:00Z".parse().expect("a time")), "11-22 10:31");
        assert_eq!(pen.when(&"2025-11-22T02:31:00Z".parse().expect("a time")), "2025-11-22 10:31");
        assert_eq!(pen.number(&Number::from_canonical("+8613800135827")), "138****5827");
        assert_eq!(pen.number(&Number::from_canonical("10086")), "10086");
        let whole = Pen { masked: false, ..pen.clone() };
        let written = |number: &str| whole.number(&Number::from_canonical(number));
        assert_eq!(["+861062345678", "+8675526000000"].map(written), ["01062345678", "075526000000"]);
        assert_eq!(
            ["+864008001234", "+8695588", "+442079460000"].map(written),
            ["4008001234", "+8695588", "+442079460000"]
        );
        assert_eq!(pen.told(&Number::from_canonical("+8613800135827")), "138****5827");
        assert_eq!(pen.sent("Shen 13800135827 (home)"), "Shen 138****5827 (home)");
        assert_eq!(pen.eye("ticket", 7).to_string(), "");
        assert_eq!(pen.span(192_000), "3:12");
    }
}
