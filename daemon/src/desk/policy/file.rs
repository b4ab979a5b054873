//! The site's terms as a file for people (TOML): written whole, with what each means; read with
//! every mistake told where it stands, and what would be right.
//!
//! What a file leaves out is as it ships. Writing and reading again gives the same.

mod days;
mod length;
mod reading;
mod scripts;
mod syntax;
mod writing;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::de::DeTable;

use super::rule::{ClockRule, Clocks, Exception, Hours, Target, When};
use super::terms::{Callback, Notices, Recipient, Responsible, Steps, Terms};
use super::{MAX_TEXT_BYTES, Policy};
use crate::desk::calendar::Slots;
use crate::desk::clock::{ClockKind, Rung};
use crate::desk::handling::DEAREST;
use crate::desk::survey::{Asking, Scale};
use crate::desk::ticket::{Complexity, Kind, Priority};
use crate::place::place;
use crate::{DepartmentName, Role};
pub use days::with_year;
use reading::{Reading, Value};
pub use writing::{Change, changes};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In English, and what would be right.
    pub why: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.why)
    }
}

/// What the words of a file are measured against.
struct Ground<'a> {
    policy: &'a Policy,
    usual: &'a Terms,
    /// The site's classes of customers.
    classes: &'a [String],
}

impl Terms {
    /// Reads a file for the site that `policy` is for; what the file leaves out is as
    /// [`Terms::usual`] has it.
    ///
    /// # Errors
    /// All that is wrong with it, in order; at least one.
    pub fn read(text: &str, policy: &Policy) -> Result<Terms, Vec<Mistake>> {
        if text.len() > MAX_TEXT_BYTES {
            let why = format!("this is longer than {} KiB; shorten its comments", MAX_TEXT_BYTES / 1024);
            return Err(vec![Mistake { line: 1, column: 1, why }]);
        }
        let (document, unreadable) = DeTable::parse_recoverable(text);
        let mut reading = Reading { mistakes: syntax::slips(text, &unreadable) };
        let mut terms = Terms::usual(&policy.zone);
        // What stands in a file that cannot be read may be taken for something else.
        if reading.mistakes.is_empty() {
            let usual = terms.clone();
            terms.take(&mut reading, document.get_ref(), &Ground { policy, usual: &usual, classes: &[] });
        }
        match reading.mistakes.is_empty() {
            true => Ok(terms),
            false => Err(told(text, reading.mistakes)),
        }
    }

    fn take(&mut self, reading: &mut Reading, document: &DeTable, ground: &Ground) {
        const SECTIONS: [&str; 14] = [
            "clock",
            "ladder",
            "notices",
            "callback",
            "customers",
            "survey",
            "spot_check",
            "remedies",
            "calendar",
            "queues",
            "departments",
            "responsibility",
            "script",
            "rights",
        ];
        reading.keys(document, &SECTIONS);
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
        // Before the clocks, whose exceptions may name one.
        reading.section(document, "customers", |reading, table| take_classes(classes, reading, table));
        let ground = &Ground { classes, ..*ground };
        reading.section(document, "clock", |reading, table| take_clocks(clocks, reading, table, ground));
        reading.section(document, "ladder", |reading, table| {
            reading.keys(table, &["reminder_percent", "escalated_after", "told"]);
            take_steps(steps, reading, table);
            reading.section(table, "told", |reading, told| take_told(notices, reading, told));
        });
        reading.section(document, "notices", |reading, table| take_notices(notices, reading, table));
        reading.section(document, "callback", |reading, table| take_callback(callback, reading, table));
        reading.section(document, "survey", |reading, table| take_asking(asking, reading, table));
        reading.section(document, "spot_check", |reading, table| {
            reading.keys(table, &["percent"]);
            let mut percent = i64::from(*spot_check_percent);
            reading.set(table, "percent", &mut percent, |reading, value| reading.whole(value, 0..=100));
            *spot_check_percent = u8::try_from(percent).unwrap_or(*spot_check_percent);
        });
        reading.section(document, "remedies", |reading, table| {
            reading.keys(table, &["free", "supervisor"]);
            for (key, cents) in [("free", &mut remedies.free_cents), ("supervisor", &mut remedies.supervisor_cents)] {
                reading.set(table, key, cents, |reading, value| {
                    reading.whole(value, 0..=DEAREST / 100).map(|whole| whole * 100)
                });
            }
            if let (Some(supervisor), true) = (table.get("supervisor"), remedies.supervisor_cents < remedies.free_cents)
            {
                let why = "less than what needs nobody's word; give the same or more than `free`";
                reading.wrong::<()>(&supervisor.span(), why);
            }
        });
        reading.section(document, "calendar", |reading, table| days::take(calendars, reading, table, ground));
        reading.section(document, "queues", |reading, table| {
            let names: Vec<&str> = calendars.keys().map(String::as_str).collect();
            for (queue, calendar) in table {
                if let Some(name) = reading.one_of(calendar, &names, |name| name) {
                    queues.insert(queue.get_ref().as_ref().into(), name.to_owned());
                }
            }
        });
        reading.section(document, "departments", |reading, table| {
            let names: Vec<&str> = calendars.keys().map(String::as_str).collect();
            for (department, calendar) in table {
                if department.get_ref().trim().is_empty() {
                    reading.wrong::<()>(&department.span(), "a department has a name, as in \"品质部\" = \"site\"");
                }
                if let Some(name) = reading.one_of(calendar, &names, |name| name) {
                    departments.insert(department.get_ref().as_ref().into(), name.to_owned());
                }
            }
        });
        reading.section(document, "script", |reading, table| scripts::take(scripts, reading, table, ground));
        reading.set(document, "responsibility", responsibility, |reading, value| {
            let list = reading.list(value, "[[responsibility]]")?;
            Some(list.iter().filter_map(|row| responsible(reading, row, departments, ground)).collect())
        });
        reading.section(document, "rights", |reading, table| {
            reading.keys(table, &["mask_numbers_for"]);
            reading.set(table, "mask_numbers_for", &mut rights.mask_numbers_for, |reading, value| {
                let list = reading.list(value, "[\"agent\", \"handler\"]")?;
                Some(list.iter().filter_map(|word| reading.one_of(word, Role::ALL, Role::as_str)).collect())
            });
        });
    }
}

fn told(text: &str, mut mistakes: Vec<(Range<usize>, String)>) -> Vec<Mistake> {
    mistakes.sort_by_key(|(span, _)| span.start);
    let at = |(span, why): (Range<usize>, String)| {
        let (line, column) = place(text, span.start);
        Mistake { line, column, why }
    };
    mistakes.into_iter().map(at).collect()
}

fn take_clocks(clocks: &mut Clocks, reading: &mut Reading, table: &DeTable, ground: &Ground) {
    let kinds: Vec<&str> = ClockKind::ALL.iter().map(|kind| kind.as_str()).collect();
    reading.keys(table, &kinds);
    for kind in ClockKind::ALL {
        let rule = clocks.rule_mut(*kind);
        reading.section(table, kind.as_str(), |reading, table| take_clock(*kind, rule, reading, table, ground));
    }
}

fn take_clock(kind: ClockKind, rule: &mut ClockRule, reading: &mut Reading, table: &DeTable, ground: &Ground) {
    reading.keys(table, &["within", "hours", "kinds", "may_pause", "except"]);
    reading.set(table, "within", &mut rule.target, |reading, value| target(kind, reading, value));
    reading.set(table, "hours", &mut rule.hours, |reading, value| reading.one_of(value, &HOURS, hours_word));
    reading.set(table, "kinds", &mut rule.kinds, |reading, value| {
        let list = reading.list(value, "[\"complaint\", \"after_sales\"]")?;
        if kind == ClockKind::HandOver {
            return reading.wrong(&value.span(), "whatever is offered is to be answered; leave this out");
        }
        Some(list.iter().filter_map(|word| reading.one_of(word, Kind::ALL, Kind::as_str)).collect())
    });
    reading.set(table, "may_pause", &mut rule.may_pause, Reading::truth);
    reading.set(table, "except", &mut rule.except, |reading, value| {
        let list = reading.list(value, "[{ key_customer = true, within = \"10m\" }]")?;
        if kind == ClockKind::Promise && !list.is_empty() {
            reading.wrong::<()>(&value.span(), PROMISE);
        }
        Some(list.iter().filter_map(|value| exception(reading, value, ground)).collect())
    });
}

const PROMISED: &str = "promised";
const MONTH_END: &str = "end_of_month";
const PROMISE: &str = "a promise is due when it was promised, and at no other time; leave this out";

const HOURS: [Hours; 2] = [Hours::All, Hours::Open];

fn hours_word(hours: Hours) -> &'static str {
    match hours {
        Hours::All => "all",
        Hours::Open => "open",
    }
}

fn target(kind: ClockKind, reading: &mut Reading, value: &Value) -> Option<Target> {
    let written = value.get_ref().as_str();
    let target = match (kind, written) {
        (ClockKind::Promise, Some(PROMISED)) => Target::Promised,
        (ClockKind::Promise, _) => return reading.wrong(&value.span(), PROMISE),
        (_, Some(PROMISED)) => {
            let why = "only a promise is due when it was promised; give a length of time, as in \"24h\"";
            return reading.wrong(&value.span(), why);
        }
        (_, Some(MONTH_END)) => Target::EndOfMonth,
        (_, _) => Target::Within { ms: reading.length(value)? },
    };
    Some(target)
}

fn exception(reading: &mut Reading, value: &Value, ground: &Ground) -> Option<Exception> {
    const CONDITIONS: [&str; 6] = ["kind", "category", "priority", "complexity", "key_customer", "class"];
    let table = reading.table(value)?;
    reading.keys(table, &[&CONDITIONS[..], &["within"]].concat());
    let mut when = When::default();
    let categories: Vec<&str> = ground.policy.categories.iter().map(String::as_str).collect();
    reading.set(table, "kind", &mut when.kind, |r, v| r.one_of(v, Kind::ALL, Kind::as_str).map(Some));
    reading.set(table, "category", &mut when.category, |r, v| {
        r.one_of(v, &categories, |category| category).map(|category| Some(category.to_owned()))
    });
    reading.set(table, "priority", &mut when.priority, |r, v| r.one_of(v, Priority::ALL, Priority::as_str).map(Some));
    reading.set(table, "complexity", &mut when.complexity, |r, v| {
        r.one_of(v, Complexity::ALL, Complexity::as_str).map(Some)
    });
    reading.set(table, "key_customer", &mut when.key_customer, |r, v| r.truth(v).map(Some));
    let classes: Vec<&str> = ground.classes.iter().map(String::as_str).collect();
    if let (Some(class), true) = (table.get("class"), classes.is_empty()) {
        let why = "there is no class of customers yet; name them, as in [customers] with classes = [\"vip\"]";
        reading.wrong::<()>(&class.span(), why);
    } else {
        reading.set(table, "class", &mut when.class, |r, v| {
            r.one_of(v, &classes, |class| class).map(|class| Some(class.to_owned()))
        });
    }
    if !CONDITIONS.iter().any(|condition| table.contains_key(*condition)) {
        let why =
            "an exception says for which matters it is: kind, category, priority, complexity, key_customer or class";
        reading.wrong::<()>(&value.span(), why);
    }
    let Some(within) = table.get("within") else {
        return reading.wrong(&value.span(), "an exception says what they are given, as in within = \"10m\"");
    };
    Some(Exception { when, within_ms: reading.length(within)? })
}

fn responsible(
    reading: &mut Reading,
    value: &Value,
    departments: &BTreeMap<DepartmentName, String>,
    ground: &Ground,
) -> Option<Responsible> {
    let table = reading.table(value)?;
    reading.keys(table, &["kind", "category", "department"]);
    let categories: Vec<&str> = ground.policy.categories.iter().map(String::as_str).collect();
    let (mut kind, mut category, mut department) = (None, None, None);
    reading.set(table, "kind", &mut kind, |r, v| r.one_of(v, Kind::ALL, Kind::as_str).map(Some));
    reading.set(table, "category", &mut category, |r, v| {
        r.one_of(v, &categories, |category| category).map(|category| Some(category.to_owned()))
    });
    let names: Vec<&str> = departments.keys().map(DepartmentName::as_str).collect();
    if names.is_empty() {
        return reading.wrong(
            &value.span(),
            "there is no department yet; name them, as in [departments] with \"品质部\" = \"site\"",
        );
    }
    if !table.contains_key("department") {
        return reading.wrong(&value.span(), "a row says who answers for such matters, as in department = \"品质部\"");
    }
    reading.set(table, "department", &mut department, |r, v| r.one_of(v, &names, |name| name).map(Some));
    Some(Responsible { kind, category, department: department?.into() })
}

fn take_steps(steps: &mut Steps, reading: &mut Reading, table: &DeTable) {
    reading.set(table, "reminder_percent", &mut steps.reminder_percent, |reading, value| reading.whole(value, 1..=100));
    reading.set(table, "escalated_after", &mut steps.escalated_after_ms, Reading::length);
}

fn take_told(notices: &mut Notices, reading: &mut Reading, table: &DeTable) {
    let rungs: Vec<&str> = Rung::ALL.iter().map(|rung| rung.as_str()).collect();
    reading.keys(table, &rungs);
    for rung in Rung::ALL {
        let Some(value) = table.get(rung.as_str()) else { continue };
        let Some(list) = reading.list(value, "[\"owner\", \"supervisor\"]") else { continue };
        let recipients = list.iter().filter_map(|word| reading.one_of(word, Recipient::ALL, Recipient::as_str));
        notices.told.insert(*rung, recipients.collect());
    }
}

fn take_notices(notices: &mut Notices, reading: &mut Reading, table: &DeTable) {
    reading.keys(table, &["quiet", "digest_from"]);
    reading.set(table, "quiet", &mut notices.quiet, |reading, value| match value.get_ref().as_str() {
        Some("none") => Some(Slots::CLOSED),
        _ => reading.hours(value),
    });
    let mut digest_from = i64::try_from(notices.digest_from).unwrap_or(i64::MAX);
    reading.set(table, "digest_from", &mut digest_from, |reading, value| reading.whole(value, 2..=100_000));
    notices.digest_from = usize::try_from(digest_from).unwrap_or(notices.digest_from);
}

fn take_callback(callback: &mut Callback, reading: &mut Reading, table: &DeTable) {
    reading.keys(table, &["talk", "attempts", "days", "claim"]);
    let count = |reading: &mut Reading, value: &Value| {
        reading.whole(value, 1..=100).and_then(|count| u32::try_from(count).ok())
    };
    reading.set(table, "talk", &mut callback.talk_ms, Reading::length);
    reading.set(table, "attempts", &mut callback.attempts, count);
    reading.set(table, "days", &mut callback.days, count);
    reading.set(table, "claim", &mut callback.claim_ms, Reading::length);
}

/// A word is a line of a list and a cell of a table.
const CLASS_CHARS: usize = 20;

fn take_classes(classes: &mut Vec<String>, reading: &mut Reading, table: &DeTable) {
    const EXAMPLE: &str = "[\"vip\", \"partner\"]";
    reading.keys(table, &["classes"]);
    reading.set(table, "classes", classes, |reading, value| {
        let mut words: Vec<String> = Vec::new();
        for value in reading.list(value, EXAMPLE)? {
            let Some(word) = reading.text(value, "vip") else { continue };
            let is_word = word == word.trim() && (1..=CLASS_CHARS).contains(&word.chars().count());
            match is_word && !word.chars().any(char::is_control) && !words.iter().any(|known| known == word) {
                true => words.push(word.to_owned()),
                false => {
                    let why = format!("a class is a word of up to {CLASS_CHARS} letters, named once, as in {EXAMPLE}");
                    reading.wrong::<()>(&value.span(), why);
                }
            }
        }
        Some(words)
    });
}

fn take_asking(asking: &mut Asking, reading: &mut Reading, table: &DeTable) {
    reading.keys(table, &["scale", "satisfied_from", "fairly_from"]);
    let score = |reading: &mut Reading, value: &Value| {
        reading.whole(value, 1..=i64::from(Asking::BEST)).and_then(|score| u8::try_from(score).ok())
    };
    reading.set(table, "scale", &mut asking.scale, |reading, value| reading.one_of(value, Scale::ALL, Scale::as_str));
    reading.set(table, "satisfied_from", &mut asking.satisfied_from, score);
    reading.set(table, "fairly_from", &mut asking.fairly_from, score);
    if let Some(value) = table.get("fairly_from").filter(|_| asking.fairly_from > asking.satisfied_from) {
        reading.wrong::<()>(&value.span(), "who is satisfied is fairly so too: this is no more than satisfied_from");
    }
}

#[cfg(test)]
mod tests;
