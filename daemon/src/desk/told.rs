//! Whom a rung tells: people by what they are to the matter, or whoever stands in for them.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Staff;
use super::policy::Recipient;
use crate::{PersonId, Role};

/// Somebody whom a rung tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    pub person: PersonId,
    /// In whose place, where it is not only for themselves.
    pub instead_of: BTreeSet<PersonId>,
}

/// Whether somebody is here, and who stands in for them when not.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    pub is_here: bool,
    pub deputy: Option<PersonId>,
}

/// Who is told in somebody's place: they themselves while they are here, else their deputy, or that
/// one's. None where all of these are away. Two who stand in for each other are no error: the search
/// ends where it has been.
pub fn stand_in(person: PersonId, post: impl Fn(PersonId) -> Option<Post>) -> Option<PersonId> {
    let mut asked = BTreeSet::new();
    let mut next = Some(person);
    while let Some(person) = next.filter(|person| asked.insert(*person)) {
        let Post { is_here, deputy } = post(person)?;
        if is_here {
            return Some(person);
        }
        next = deputy;
    }
    None
}

/// A rung is never told to nobody. What nobody here can be found for goes to the supervisors, else
/// to the managers, else to the admins; where all of them are away too, to them all the same, in
/// that order. Nobody is told only where the site has nobody who may sign in.
pub fn told(staff: &Staff, recipients: &BTreeSet<Recipient>, owner: Option<PersonId>) -> Vec<Addressee> {
    let wanted: BTreeSet<PersonId> = recipients
        .iter()
        .flat_map(|recipient| match recipient {
            Recipient::Owner => owner.into_iter().collect::<Vec<_>>(),
            Recipient::Supervisor => staff.in_role(Role::Supervisor).collect(),
            Recipient::Manager => staff.in_role(Role::Manager).collect(),
        })
        .collect();
    let found = stands_in(staff, &wanted);
    if !found.is_empty() {
        return found;
    }
    const INSTEAD: [Role; 3] = [Role::Supervisor, Role::Manager, Role::Admin];
    let of_role = |role: Role| staff.in_role(role).collect::<BTreeSet<_>>();
    let here = INSTEAD.into_iter().map(|role| stands_in(staff, &of_role(role))).find(|found| !found.is_empty());
    let mut instead = here.unwrap_or_else(|| {
        let away = INSTEAD.into_iter().map(of_role).find(|people| !people.is_empty()).unwrap_or_default();
        away.into_iter().map(|person| Addressee { person, instead_of: BTreeSet::new() }).collect()
    });
    for addressee in &mut instead {
        addressee.instead_of.extend(wanted.iter().filter(|wanted| **wanted != addressee.person));
    }
    instead
}

/// Those, or who stands in for them; each once, whoever they stand in for.
pub fn stands_in(staff: &Staff, wanted: &BTreeSet<PersonId>) -> Vec<Addressee> {
    let mut found: BTreeMap<PersonId, BTreeSet<PersonId>> = BTreeMap::new();
    for &person in wanted {
        if let Some(told) = staff.stand_in(person) {
            found.entry(told).or_default().extend(Some(person).filter(|person| *person != told));
        }
    }
    found.into_iter().map(|(person, instead_of)| Addressee { person, instead_of }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::case::Member;
    use super::*;

    struct Site(Staff);

    impl Site {
        /// Of each role those ids: agents from 1, supervisors from 10, managers from 20, admins from 30.
        fn new(people: &[i64]) -> Site {
            let role = |id: i64| match id {
                ..10 => Role::Agent,
                10..20 => Role::Supervisor,
                20..30 => Role::Manager,
                _ => Role::Admin,
            };
            let member = |id: i64| Member {
                login: id.to_string(),
                name: id.to_string(),
                role: role(id),
                active: true,
                away: false,
                deputy: None,
            };
            let people = people.iter().map(|id| (PersonId(*id), member(*id))).collect();
            Site(Staff { people, ..Staff::default() })
        }
        fn away(mut self, person: i64, deputy: Option<i64>) -> Site {
            let member = self.0.people.get_mut(&PersonId(person)).unwrap();
            (member.away, member.deputy) = (true, deputy.map(PersonId));
            self
        }
        fn gone(mut self, person: i64) -> Site {
            self.0.people.get_mut(&PersonId(person)).unwrap().active = false;
            self
        }
        /// As `person`, or `person<in place of+…`.
        fn told(&self, recipients: &[Recipient], owner: Option<i64>) -> String {
            let told = told(&self.0, &recipients.iter().copied().collect(), owner.map(PersonId));
            let text = |a: &Addressee| {
                let instead = a.instead_of.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
                if instead.is_empty() { a.person.to_string() } else { format!("{}<{instead}", a.person) }
            };
            told.iter().map(text).collect::<Vec<_>>().join(" ")
        }
    }

    const OWNER: &[Recipient] = &[Recipient::Owner];
    const BOTH: &[Recipient] = &[Recipient::Owner, Recipient::Supervisor];
    const MANAGER: &[Recipient] = &[Recipient::Manager];

    #[test]
    fn people_are_told_by_what_they_are_to_the_matter() {
        let site = Site::new(&[1, 2, 10, 11, 20, 30]);
        assert_eq!(site.told(OWNER, Some(1)), "1");
        assert_eq!(site.told(BOTH, Some(1)), "1 10 11");
        assert_eq!(site.told(MANAGER, Some(1)), "20");
        assert_eq!(site.told(BOTH, Some(10)), "10 11", "each once");
    }

    #[test]
    fn a_deputy_is_told_for_whom_and_the_chain_is_followed() {
        let site = Site::new(&[1, 2, 3, 10, 30]).away(1, Some(2));
        assert_eq!(site.told(OWNER, Some(1)), "2<1");
        assert_eq!(site.told(BOTH, Some(1)), "2<1 10");
        let chain = Site::new(&[1, 2, 3, 10, 30]).away(1, Some(2)).away(2, Some(3));
        assert_eq!(chain.told(OWNER, Some(1)), "3<1");
        let by_supervisor = Site::new(&[1, 10, 30]).away(1, Some(10));
        assert_eq!(by_supervisor.told(BOTH, Some(1)), "10<1", "for herself and for another, once");
        let left = Site::new(&[1, 2, 10, 30]).away(1, Some(2)).gone(1);
        assert_eq!(left.told(OWNER, Some(1)), "2<1", "who left may have named somebody");
    }

    #[test]
    fn no_rung_is_told_to_nobody() {
        let site = Site::new(&[1, 2, 10, 20, 30]);
        assert_eq!(site.told(OWNER, None), "10", "nobody owns it");
        assert_eq!(site.told(&[], Some(1)), "10", "the policy names nobody");
        let away = Site::new(&[1, 2, 10, 20, 30]).away(1, None);
        assert_eq!(away.told(OWNER, Some(1)), "10<1");
        let circle = Site::new(&[1, 2, 10, 20, 30]).away(1, Some(2)).away(2, Some(1));
        assert_eq!(circle.told(OWNER, Some(1)), "10<1");
        let no_supervisor = Site::new(&[1, 20, 30]).gone(1);
        assert_eq!(no_supervisor.told(OWNER, Some(1)), "20<1");
        assert_eq!(Site::new(&[1, 10, 30]).told(MANAGER, Some(1)), "10", "a site without managers");
        assert_eq!(Site::new(&[30]).told(BOTH, None), "30");
        let all_away = Site::new(&[1, 10, 30]).away(1, None).away(10, None).away(30, None);
        assert_eq!(all_away.told(BOTH, Some(1)), "10<1", "told all the same");
    }
}
