//! The site's terms: what it promises, in which hours, and whom it tells. The part of the policy
//! that the site itself writes, in versions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::rule::{Clocks, Subject};
use super::script::Scripts;
use super::{HOUR_MS, MINUTE_MS};
use crate::desk::calendar::{Calendar, Slots};
use crate::desk::clock::{Basis, Rung};
use crate::desk::handling::Limits;
use crate::desk::looks::Rights;
use crate::desk::survey::{Asking, Scale};
use crate::desk::ticket::Kind;
use crate::names::words;
use crate::{DepartmentName, QueueName};

pub use crate::desk::deadline::Steps;

#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    pub clocks: Clocks,
    /// Hours by name; there is always [`Terms::SITE`].
    pub calendars: BTreeMap<String, Calendar>,
    /// Which calendar goes for who comes through a queue; the site's for all others.
    pub queues: BTreeMap<QueueName, String>,
    /// The departments, and which calendar goes for what they answer for.
    pub departments: BTreeMap<DepartmentName, String>,
    /// Which department answers for a matter: the first that fits.
    pub responsibility: Vec<Responsible>,
    pub steps: Steps,
    pub notices: Notices,
    pub callback: Callback,
    /// The words of the site for what its customers are to it, beside key customers.
    pub classes: Vec<String>,
    /// How customers are asked how they were served.
    pub asking: Asking,
    /// How many of a hundred closed matters are drawn to be looked at again.
    pub spot_check_percent: u8,
    /// Which remedies need whose approval.
    pub remedies: Limits,
    pub scripts: Scripts,
    pub rights: Rights,
}

/// A row of the responsibility table; what is none does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responsible {
    pub kind: Option<Kind>,
    pub category: Option<String>,
    pub department: DepartmentName,
}

/// Whom rungs tell, and when people want to hear of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    pub told: BTreeMap<Rung, BTreeSet<Recipient>>,
    /// Hours of every day, in the site's zone, in which nobody is told anything; what would be told
    /// then is told at their end. The clock goes on.
    pub quiet: Slots,
    /// From so many at once on they come to each as one message.
    pub digest_from: usize,
}

words! {
    /// Whom a rung tells, by what they are to the matter.
    Recipient { Owner = "owner", Supervisor = "supervisor", Manager = "manager" }
}

/// What it takes to keep a callback, or to give it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback {
    /// What a talk must last to prove one.
    pub talk_ms: i64,
    /// After so many attempts,
    pub attempts: u32,
    /// on so many of the site's days, the customer cannot be reached.
    pub days: u32,
    /// How long somebody who took one may work on it before others may.
    pub claim_ms: i64,
}

impl Notices {
    pub fn recipients(&self, rung: Rung) -> &BTreeSet<Recipient> {
        const NOBODY: &BTreeSet<Recipient> = &BTreeSet::new();
        self.told.get(&rung).unwrap_or(NOBODY)
    }
}

impl Terms {
    /// The calendar of whoever has none of their own.
    pub const SITE: &str = "site";

    /// As hotlines have it. The site is open at all hours until it says its own: a promise that
    /// falls into a night is better kept early than forgotten.
    pub fn usual(zone: &TimeZone) -> Terms {
        let told = [
            (Rung::Reminder, BTreeSet::from([Recipient::Owner])),
            (Rung::Due, BTreeSet::from([Recipient::Owner, Recipient::Supervisor])),
            (Rung::Escalated, BTreeSet::from([Recipient::Manager])),
        ];
        Terms {
            clocks: Clocks::default(),
            calendars: BTreeMap::from([(Terms::SITE.to_owned(), Calendar::all_hours(zone.clone()))]),
            queues: BTreeMap::new(),
            departments: BTreeMap::new(),
            responsibility: Vec::new(),
            steps: Steps { reminder_percent: 80, escalated_after_ms: 24 * HOUR_MS },
            notices: Notices { told: BTreeMap::from(told), quiet: Slots::CLOSED, digest_from: 5 },
            callback: Callback { talk_ms: 10_000, attempts: 3, days: 2, claim_ms: 15 * MINUTE_MS },
            classes: Vec::new(),
            asking: Asking { scale: Scale::Words, satisfied_from: 4, fairly_from: 3 },
            spot_check_percent: 0,
            remedies: Limits { free_cents: 20_000, supervisor_cents: 200_000 },
            scripts: Scripts::default(),
            rights: Rights::default(),
        }
    }

    /// The department that answers for it by the table.
    pub fn responsible(&self, subject: &Subject) -> Option<&DepartmentName> {
        let fits = |row: &&Responsible| {
            row.kind.is_none_or(|kind| kind == subject.kind)
                && row.category.as_ref().is_none_or(|category| *category == subject.category)
        };
        self.responsibility.iter().find(fits).map(|row| &row.department)
    }

    /// In whose hours it is owed: of the department that answers for the matter, else of the queue
    /// that it came through. Who was missed or waits for a first word is the queue's, whatever the
    /// matter is about.
    ///
    /// # Panics
    /// Without a calendar of the site, which [`Terms::usual`] has and no file can take away.
    pub fn calendar(&self, basis: &Basis) -> &Calendar {
        let department = basis.subject.department.as_ref().or_else(|| self.responsible(&basis.subject));
        let department = department.filter(|_| !basis.kind.is_the_queues());
        let departments = department.and_then(|department| self.departments.get(department));
        let named = departments.or_else(|| self.queues.get(basis.queue.as_ref()?));
        named.and_then(|name| self.calendars.get(name)).unwrap_or(&self.calendars[Terms::SITE])
    }
}
