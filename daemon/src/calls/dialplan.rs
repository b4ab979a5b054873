//! Which devices are agents' phones, and which lead outside.

use protocol::event::Device;

/// What the configuration says of a PBX's devices. Where it says nothing, queue members and
/// devices with names of two to six digits are agents' phones, and all others lead outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dialplan {
    trunks: Vec<String>,
    extensions: Vec<String>,
}

/// Which side of a call a device is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Agent,
    Outside,
}

impl Dialplan {
    /// Patterns match a whole device (`PJSIP/10*`), `*` standing for any text.
    pub fn new(trunks: Vec<String>, extensions: Vec<String>) -> Dialplan {
        Dialplan { trunks, extensions }
    }

    /// The side that a device is on; `member` says whether it is, or was, a queue member's.
    pub fn side(&self, device: &Device, member: bool) -> Side {
        let listed = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, device.as_str()));
        if listed(&self.extensions) {
            return Side::Agent;
        }
        if listed(&self.trunks) {
            return Side::Outside;
        }
        let by_habit = member || (self.extensions.is_empty() && has_extension_name(device.plain()));
        // Where only the lines to the outside are listed, whatever is not listed is inside.
        if by_habit || (!self.trunks.is_empty() && self.extensions.is_empty()) { Side::Agent } else { Side::Outside }
    }
}

/// Two to six digits: how extensions are numbered nearly everywhere.
fn has_extension_name(name: &str) -> bool {
    (2..=6).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `text` is `pattern`, in which each `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => match text.strip_prefix(start) {
            None => false,
            Some(_) if rest.is_empty() => true,
            Some(tail) => tail.char_indices().map(|(i, _)| i).chain([tail.len()]).any(|i| matches(rest, &tail[i..])),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(plan: &Dialplan, device: &str) -> Side {
        plan.side(&device.into(), false)
    }

    #[test]
    fn without_patterns_short_numbers_and_members_are_agents() {
        let plan = Dialplan::default();
        assert_eq!(side(&plan, "PJSIP/1001"), Side::Agent);
        assert_eq!(side(&plan, "PJSIP/trunk"), Side::Outside);
        assert_eq!(side(&plan, "SIP/02162551234"), Side::Outside);
        assert_eq!(side(&plan, "PJSIP/7"), Side::Outside);
        assert_eq!(plan.side(&"PJSIP/anna".into(), true), Side::Agent);
    }

    #[test]
    fn patterns_go_before_habit() {
        let plan = Dialplan::new(vec!["PJSIP/100".into()], vec!["PJSIP/a*".into(), "SIP/*-desk".into()]);
        assert_eq!(side(&plan, "PJSIP/anna"), Side::Agent);
        assert_eq!(side(&plan, "SIP/anna-desk"), Side::Agent);
        assert_eq!(side(&plan, "PJSIP/100"), Side::Outside);
        assert_eq!(side(&plan, "PJSIP/1001"), Side::Outside);
    }

    #[test]
    fn with_only_trunks_listed_all_others_are_agents() {
        let plan = Dialplan::new(vec!["PJSIP/trunk*".into()], vec![]);
        assert_eq!(side(&plan, "PJSIP/trunk-2"), Side::Outside);
        assert_eq!(side(&plan, "PJSIP/anna"), Side::Agent);
    }
}
