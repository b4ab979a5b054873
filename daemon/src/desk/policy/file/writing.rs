//! Terms written whole, each part with what it means.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::days::{AS_MONDAY, Holidays, WEEKDAYS};
use super::scripts;
use super::{MONTH_END, PROMISED, Target, Terms, hours_word, length};
use crate::desk::calendar::{Calendar, Official, china};
use crate::desk::clock::ClockKind;
use crate::desk::policy::rule::{ClockRule, Exception, When};
use crate::desk::policy::terms::{Callback, Notices, Responsible, Steps};
use crate::desk::survey::Asking;

const HEAD: &str = "\
# What this site promises, in which hours, and whom a deadline tells.
#
# What is left out is as Ringback ships it. Lengths of time are written as \"30m\", \"24h\", \"1h 30m\" or
# \"10s\"; hours as \"09:00-12:00 13:30-18:00\", \"22:00-06:00\" or \"closed\".
";

const CLOCKS: &str = "
# Clocks. within: what is given; hours: \"open\" counts the calendar's hours alone, \"all\" every hour;
# kinds: the kinds of matter that it runs for (consultation, complaint, suggestion, after_sales, other);
# may_pause: may stand still while we wait for the customer. Of except, the first that fits goes
# before; it says for which matters it is by kind (consultation, complaint, suggestion, after_sales,
# other), category, priority (normal, urgent), complexity (simple, complex), key_customer or class.
";

const LADDER: &str = "\
# The ladder of each clock: a reminder at so many percent of its time, the deadline, and the
# escalation so long after it. told: owner, supervisor, manager.
";

const NOTICES: &str = "
# Nobody is told anything in quiet hours (or \"none\"): they hear of it at their end; the clock goes on.
# From digest_from notices at once on, each person gets one message.
";

const CALLBACK: &str = "
# A callback is proven by a talk of so long that the PBX saw. After so many attempts, on so many days,
# a customer cannot be reached. Whoever takes one has it to themselves for as long as claim says.
";

const CUSTOMERS: &str = "
# What customers may be to the site beside key customers: words of its own, as in [\"vip\", \"partner\"].
# Who has a word that is taken away keeps it until they are saved anew.
";

const SURVEY: &str = "
# How customers are asked how they were served. scale: \"words\" (the keys 1 satisfied, 2 fairly,
# 3 dissatisfied) or \"scores\" (1 to 5); of scores, from which on one is satisfied, and fairly so.
";

const SPOT_CHECK: &str = "
# So many of a hundred closed matters are drawn each month, to be looked at again.
";

const CALENDARS: &str = "
# Calendars. [calendar.site] goes for all who come through no queue with one of its own. A week is
# written whole. holidays: \"CN\" (mainland China's tables, as they ship), \"own\" (only the years below)
# or \"none\" (the site works through them). make_up: the hours of a weekend's day that is worked on for
# a holiday elsewhere, or \"monday\", as a Monday's. dates: days with hours of their own.
# [calendar.site.year.2027] brings the table of a year, which `ringback policy import-calendar` makes
# of an iCalendar file: off = [\"2027-01-01 元旦\"], work = [\"2027-01-03\"].
";

const QUEUES: &str = "\
# Queues whose callers have another calendar than the site's, as in: support = \"night\".
";

const DEPARTMENTS: &str = "
# Departments, each with the calendar of whose hours count for what it answers for, as in:
# \"品质部\" = \"site\". Which department answers for a matter is said in rows, of which the first that fits
# goes: [[responsibility]] with kind, category (or one of them, or none: for all others) and department.
";

const SCRIPTS: &str = "
# What is said first and what never, beside a call by its queue, and on a matter by its category:
# [script.queue.sales] or [script.category.delivery] with say = \"您好，这里是售后服务\" (in several lines
# between three quotes) and never = [\"今天一定修好\"].
";

const REMEDIES: &str = "
# What is offered to make up for something, in whole units of your currency: up to `free` whoever works
# on the matter decides alone, up to `supervisor` a supervisor does, above it a manager. Nobody decides
# on their own request, and the customer is told only afterwards.
";

const RIGHTS: &str = "
# Customers' numbers are masked (138****5827) as soon as there is anybody in mask_numbers_for, as in
# [\"agent\", \"handler\"]: for these for good; all others who see customers' matters show a number by a
# click, and it is kept who did. Whoever sees only the mask can call all the same.
";

impl Terms {
    /// As a file, which reads as the same terms.
    pub fn write(&self) -> String {
        let Terms {
            clocks,
            calendars,
            queues,
            departments,
            responsibility,
            steps,
            notices,
            callback,
            classes,
            asking,
            spot_check_percent,
            remedies,
            scripts,
            rights,
        } = self;
        let mut out = String::from(HEAD);
        out.push_str(CLOCKS);
        clocks.iter().for_each(|(kind, rule)| clock(&mut out, kind, rule));
        out.push_str(LADDER);
        ladder(&mut out, steps, notices);
        out.push_str(NOTICES);
        let Notices { told: _, quiet, digest_from } = notices;
        let quiet = if quiet.is_empty() { "none".to_owned() } else { quiet.to_string() };
        line(&mut out, "", format_args!("[notices]\nquiet = \"{quiet}\"\ndigest_from = {digest_from}"));
        out.push_str(CALLBACK);
        let Callback { talk_ms, attempts, days, claim_ms } = callback;
        let (talk, claim) = (length::write(*talk_ms), length::write(*claim_ms));
        let counts = format_args!("attempts = {attempts}\ndays = {days}");
        line(&mut out, "[callback]\n", format_args!("talk = \"{talk}\"\n{counts}\nclaim = \"{claim}\""));
        out.push_str(CUSTOMERS);
        let classes: Vec<String> = classes.iter().map(|class| quoted(class)).collect();
        line(&mut out, "[customers]\n", format_args!("classes = [{}]", classes.join(", ")));
        out.push_str(SURVEY);
        let Asking { scale, satisfied_from, fairly_from } = asking;
        let from = format_args!("satisfied_from = {satisfied_from}\nfairly_from = {fairly_from}");
        line(&mut out, "[survey]\n", format_args!("scale = \"{}\"\n{from}", scale.as_str()));
        out.push_str(SPOT_CHECK);
        line(&mut out, "[spot_check]\n", format_args!("percent = {spot_check_percent}"));
        out.push_str(REMEDIES);
        let (free, supervisor) = (remedies.free_cents / 100, remedies.supervisor_cents / 100);
        line(&mut out, "[remedies]\n", format_args!("free = {free}\nsupervisor = {supervisor}"));
        out.push_str(RIGHTS);
        let masked: Vec<String> = rights.mask_numbers_for.iter().map(|role| quoted(role.as_str())).collect();
        line(&mut out, "[rights]\n", format_args!("mask_numbers_for = [{}]", masked.join(", ")));
        out.push_str(CALENDARS);
        // The site's first, as the others lean on it.
        let others = calendars.iter().filter(|(name, _)| *name != Terms::SITE);
        for (name, hours) in calendars.get_key_value(Terms::SITE).into_iter().chain(others) {
            calendar(&mut out, name, hours);
        }
        out.push_str(QUEUES);
        out.push_str("[queues]\n");
        for (queue, name) in queues {
            line(&mut out, "", format_args!("{} = {}", key(queue.as_str()), quoted(name)));
        }
        out.push_str(DEPARTMENTS);
        out.push_str("[departments]\n");
        for (department, name) in departments {
            line(&mut out, "", format_args!("{} = {}", key(department.as_str()), quoted(name)));
        }
        responsibility.iter().for_each(|row| responsible(&mut out, row));
        out.push_str(SCRIPTS);
        scripts::write(&mut out, scripts);
        out
    }

    /// All that deadlines are reckoned from, with the tables of holidays that ship written out: it
    /// changes whenever they would.
    pub fn in_full(&self) -> String {
        let mut full = self.write();
        for (name, calendar) in &self.calendars {
            line(&mut full, "", format_args!("# {name} {}", calendar.zone.iana_name().unwrap_or_default()));
            for (number, table) in calendar.official.iter().flatten() {
                year(&mut full, name, *number, table);
            }
        }
        full
    }
}

/// One setting that is not the same in two sets of terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the file: `clock.missed_call.within`.
    pub key: String,
    /// As the file writes it; none where there was none.
    pub was: Option<String>,
    pub will_be: Option<String>,
}

/// What is another from one set of terms to the next, in the order of their keys.
pub fn changes(was: &Terms, will_be: &Terms) -> Vec<Change> {
    let (was, mut will_be) = (settings(was), settings(will_be));
    let mut changes: Vec<Change> = was
        .into_iter()
        .map(|(key, was)| Change { will_be: will_be.remove(&key), key, was: Some(was) })
        .filter(|change| change.was != change.will_be)
        .collect();
    changes.extend(will_be.into_iter().map(|(key, value)| Change { key, was: None, will_be: Some(value) }));
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    changes
}

fn settings(terms: &Terms) -> BTreeMap<String, String> {
    fn walk(path: &str, value: &toml::Value, settings: &mut BTreeMap<String, String>) {
        match value {
            toml::Value::Table(table) => table.iter().for_each(|(name, value)| {
                let path = if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) };
                walk(&path, value, settings);
            }),
            value => drop(settings.insert(path.to_owned(), value.to_string())),
        }
    }
    let mut settings = BTreeMap::new();
    let table: toml::Table = toml::from_str(&terms.write()).unwrap_or_default();
    walk("", &toml::Value::Table(table), &mut settings);
    settings
}

pub fn line(out: &mut String, head: &str, rest: std::fmt::Arguments) {
    out.push_str(head);
    // Writing to a string does not fail.
    let _ = writeln!(out, "{rest}");
}

fn clock(out: &mut String, kind: ClockKind, rule: &ClockRule) {
    let ClockRule { target, hours, kinds, may_pause, except } = rule;
    let within = match target {
        Target::Within { ms } => length::write(*ms),
        Target::EndOfMonth => MONTH_END.to_owned(),
        Target::Promised => PROMISED.to_owned(),
    };
    line(out, "", format_args!("[clock.{}]\nwithin = \"{within}\"", kind.as_str()));
    let kinds: Vec<String> = kinds.iter().map(|kind| quoted(kind.as_str())).collect();
    let kinds = kinds.join(", ");
    line(out, "", format_args!("hours = \"{}\"", hours_word(*hours)));
    // Every kind's is to be answered.
    if kind != ClockKind::HandOver {
        line(out, "", format_args!("kinds = [{kinds}]"));
    }
    line(out, "", format_args!("may_pause = {may_pause}"));
    if except.is_empty() {
        // A promise has none to be said.
        out.push_str(if kind == ClockKind::Promise { "" } else { "except = []\n" });
    } else {
        out.push_str("except = [\n");
        for one in except {
            line(out, "    ", format_args!("{{ {} }},", exception(one)));
        }
        out.push_str("]\n");
    }
    out.push('\n');
}

fn exception(exception: &Exception) -> String {
    let Exception { when: When { kind, category, priority, complexity, key_customer, class }, within_ms } = exception;
    let words = [
        kind.map(|kind| format!("kind = \"{}\"", kind.as_str())),
        category.as_deref().map(|category| format!("category = {}", quoted(category))),
        priority.map(|priority| format!("priority = \"{}\"", priority.as_str())),
        complexity.map(|complexity| format!("complexity = \"{}\"", complexity.as_str())),
        key_customer.map(|key| format!("key_customer = {key}")),
        class.as_deref().map(|class| format!("class = {}", quoted(class))),
        Some(format!("within = \"{}\"", length::write(*within_ms))),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn ladder(out: &mut String, steps: &Steps, notices: &Notices) {
    let Steps { reminder_percent, escalated_after_ms } = steps;
    let after = length::write(*escalated_after_ms);
    line(out, "[ladder]\n", format_args!("reminder_percent = {reminder_percent}\nescalated_after = \"{after}\"\n"));
    out.push_str("[ladder.told]\n");
    for (rung, recipients) in &notices.told {
        let words: Vec<String> = recipients.iter().map(|one| quoted(one.as_str())).collect();
        line(out, "", format_args!("{} = [{}]", rung.as_str(), words.join(", ")));
    }
}

fn calendar(out: &mut String, name: &str, calendar: &Calendar) {
    let Calendar { zone: _, week, make_up, official, dates } = calendar;
    line(out, "", format_args!("[calendar.{}]", key(name)));
    for (day, word) in (0_i8..).zip(WEEKDAYS) {
        let weekday = jiff::civil::Weekday::from_monday_zero_offset(day);
        let hours = weekday.map(|weekday| week.of(weekday).to_string()).unwrap_or_default();
        line(out, "", format_args!("{word} = \"{hours}\""));
    }
    let make_up = make_up.as_ref().map_or_else(|| AS_MONDAY.to_owned(), ToString::to_string);
    let holidays = Holidays::of(official.as_ref());
    line(out, "", format_args!("make_up = \"{make_up}\"\nholidays = \"{}\"\n", holidays.word()));
    line(out, "", format_args!("[calendar.{}.dates]", key(name)));
    for (date, hours) in dates {
        line(out, "", format_args!("\"{date}\" = \"{hours}\""));
    }
    out.push('\n');
    let ships = china::tables();
    for (number, table) in official.iter().flatten() {
        if holidays == Holidays::Own || ships.get(number) != Some(table) {
            year(out, name, *number, table);
        }
    }
}

pub fn year(out: &mut String, calendar: &str, year: i16, table: &Official) {
    let Official { holidays, make_up_days } = table;
    line(out, "", format_args!("[calendar.{}.year.{year}]\noff = [", key(calendar)));
    for (day, name) in holidays {
        line(out, "    ", format_args!("{},", quoted(format!("{day} {name}").trim_end())));
    }
    let work: Vec<String> = make_up_days.iter().map(|day| format!("\"{day}\"")).collect();
    line(out, "]\n", format_args!("work = [{}]\n", work.join(", ")));
}

fn responsible(out: &mut String, row: &Responsible) {
    let Responsible { kind, category, department } = row;
    out.push_str("\n[[responsibility]]\n");
    if let Some(kind) = kind {
        line(out, "", format_args!("kind = \"{}\"", kind.as_str()));
    }
    if let Some(category) = category {
        line(out, "", format_args!("category = {}", quoted(category)));
    }
    line(out, "", format_args!("department = {}", quoted(department.as_str())));
}

pub fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// As a basic string, for a value or a key: in one line, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// What stands between the quotes.
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            letter if letter.is_control() => drop(write!(out, "\\u{:04X}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out
}
