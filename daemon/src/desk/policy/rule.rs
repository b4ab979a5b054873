//! The table of clocks: what each kind of obligation is given, in which hours, and for which
//! matters otherwise.

use std::collections::{BTreeMap, BTreeSet};

use crate::DepartmentName;
use crate::desk::clock::ClockKind;
use crate::desk::ticket::{Complexity, Kind, Priority};

/// A row for every kind of clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocks(BTreeMap<ClockKind, ClockRule>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRule {
    pub target: Target,
    pub hours: Hours,
    /// The kinds of matter that it runs for: all, but for the acceptance notice, which is for
    /// complaints, and filing and return visit, which are for complaints and after-sales.
    pub kinds: BTreeSet<Kind>,
    /// Whether it may be suspended while we wait for the customer.
    pub may_pause: bool,
    /// The first that fits goes before `target`.
    pub except: Vec<Exception>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Within {
        ms: i64,
    },
    /// The end of the month's last open hours.
    EndOfMonth,
    /// The time that was promised.
    Promised,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hours {
    All,
    /// Those of the calendar of the matter's queue or department.
    Open,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub when: When,
    pub within_ms: i64,
}

/// What a matter must be; what is none does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    pub kind: Option<Kind>,
    pub category: Option<String>,
    pub priority: Option<Priority>,
    pub complexity: Option<Complexity>,
    pub key_customer: Option<bool>,
    /// One of the site's classes of customers.
    pub class: Option<String>,
}

/// What of a matter a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub kind: Kind,
    pub category: String,
    pub priority: Priority,
    pub complexity: Complexity,
    pub standing: Standing,
    /// Whose it is; none: by the table of the policy.
    pub department: Option<DepartmentName>,
}

/// What a customer is to the site. Nobody known is in no class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub key_customer: bool,
    /// One of the site's classes, or empty.
    pub class: String,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

impl Default for Subject {
    /// A matter of which nothing is known yet.
    fn default() -> Subject {
        Subject {
            kind: Kind::Consultation,
            category: String::new(),
            priority: Priority::Normal,
            complexity: Complexity::Simple,
            standing: Standing::default(),
            department: None,
        }
    }
}

impl Clocks {
    pub fn new(rules: BTreeMap<ClockKind, ClockRule>) -> Option<Clocks> {
        ClockKind::ALL.iter().all(|kind| rules.contains_key(kind)).then_some(Clocks(rules))
    }

    pub fn rule(&self, kind: ClockKind) -> &ClockRule {
        &self.0[&kind]
    }

    pub fn rule_mut(&mut self, kind: ClockKind) -> &mut ClockRule {
        self.0.entry(kind).or_insert_with(|| ClockRule::usual(kind))
    }

    /// The longest window that counts a calendar's hours; none: 0.
    pub fn longest_open_ms(&self) -> i64 {
        let open = self.0.values().filter(|rule| rule.hours == Hours::Open);
        let windows = open.flat_map(|rule| {
            let own = if let Target::Within { ms } = rule.target { Some(ms) } else { None };
            own.into_iter().chain(rule.except.iter().map(|exception| exception.within_ms))
        });
        windows.max().unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (ClockKind, &ClockRule)> {
        self.0.iter().map(|(kind, rule)| (*kind, rule))
    }
}

impl Default for Clocks {
    fn default() -> Clocks {
        Clocks(ClockKind::ALL.iter().map(|kind| (*kind, ClockRule::usual(*kind))).collect())
    }
}

impl ClockRule {
    /// The rule as hotlines have it.
    fn usual(kind: ClockKind) -> ClockRule {
        let within = |ms: i64, hours: Hours| ClockRule {
            target: Target::Within { ms },
            hours,
            kinds: Kind::ALL.iter().copied().collect(),
            may_pause: false,
            except: Vec::new(),
        };
        let except = |when: When, within_ms: i64| Exception { when, within_ms };
        match kind {
            ClockKind::MissedCall => {
                let key = When { key_customer: Some(true), ..When::default() };
                ClockRule { except: vec![except(key, 10 * MINUTE_MS)], ..within(30 * MINUTE_MS, Hours::Open) }
            }
            ClockKind::FirstResponse => {
                let urgent = When { priority: Some(Priority::Urgent), ..When::default() };
                ClockRule { except: vec![except(urgent, 5 * MINUTE_MS)], ..within(10 * MINUTE_MS, Hours::Open) }
            }
            ClockKind::Resolution => {
                let complaint = When { kind: Some(Kind::Complaint), ..When::default() };
                let simple = When { complexity: Some(Complexity::Simple), ..When::default() };
                let exceptions = vec![except(complaint, 24 * HOUR_MS), except(simple, 2 * HOUR_MS)];
                ClockRule { may_pause: true, except: exceptions, ..within(24 * HOUR_MS, Hours::All) }
            }
            ClockKind::Acceptance => {
                ClockRule { kinds: BTreeSet::from([Kind::Complaint]), ..within(24 * HOUR_MS, Hours::All) }
            }
            ClockKind::Filing | ClockKind::ReturnVisit => {
                let kinds = BTreeSet::from([Kind::Complaint, Kind::AfterSales]);
                ClockRule { kinds, ..within(24 * HOUR_MS, Hours::All) }
            }
            ClockKind::Promise => ClockRule { target: Target::Promised, ..within(0, Hours::All) },
            ClockKind::HandOver => within(2 * HOUR_MS, Hours::Open),
            ClockKind::SpotCheck => ClockRule { target: Target::EndOfMonth, ..within(0, Hours::Open) },
        }
    }

    pub fn runs_for(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    pub fn target(&self, subject: &Subject) -> Target {
        let exception = self.except.iter().find(|exception| exception.when.fits(subject));
        exception.map_or(self.target, |exception| Target::Within { ms: exception.within_ms })
    }
}

impl When {
    fn fits(&self, subject: &Subject) -> bool {
        self.kind.is_none_or(|kind| kind == subject.kind)
            && self.category.as_deref().is_none_or(|category| category == subject.category)
            && self.priority.is_none_or(|priority| priority == subject.priority)
            && self.complexity.is_none_or(|complexity| complexity == subject.complexity)
            && self.key_customer.is_none_or(|key| key == subject.standing.key_customer)
            && self.class.as_deref().is_none_or(|class| class == subject.standing.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_figures_are_those_of_hotlines() {
        let clocks = Clocks::default();
        let plain = Subject {
            kind: Kind::Consultation,
            category: String::new(),
            priority: Priority::Normal,
            complexity: Complexity::Simple,
            standing: Standing::default(),
            department: None,
        };
        let key = Standing { key_customer: true, ..Standing::default() };
        let minutes = |kind: ClockKind, subject: &Subject| match clocks.rule(kind).target(subject) {
            Target::Within { ms } => ms / MINUTE_MS,
            Target::EndOfMonth | Target::Promised => panic!(),
        };
        assert_eq!(minutes(ClockKind::MissedCall, &plain), 30);
        assert_eq!(minutes(ClockKind::MissedCall, &Subject { standing: key, ..plain.clone() }), 10);
        assert_eq!(minutes(ClockKind::FirstResponse, &Subject { priority: Priority::Urgent, ..plain.clone() }), 5);
        assert_eq!(minutes(ClockKind::Resolution, &plain), 120);
        assert_eq!(
            minutes(ClockKind::Resolution, &Subject { complexity: Complexity::Complex, ..plain.clone() }),
            24 * 60
        );
        assert_eq!(minutes(ClockKind::Resolution, &Subject { kind: Kind::Complaint, ..plain.clone() }), 24 * 60);
        assert_eq!(minutes(ClockKind::ReturnVisit, &plain), 24 * 60);
        assert_eq!(clocks.rule(ClockKind::Promise).target(&plain), Target::Promised);
    }
}
