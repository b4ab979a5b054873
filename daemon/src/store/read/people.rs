//! Who signs in, whose extension is whose, and who may do what in whose place.

use std::collections::BTreeMap;

use crate::desk::Post;
use crate::desk::case::{Department, Member, Staff};
use crate::desk::rights::People;
use crate::{DepartmentName, Extension, PbxName, PersonId, Role, Time, desk};

/// Everybody who signs in, and whose extension is whose. Small; pages keep it and read it again
/// on [`crate::live::Notice::House`].
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub people: Vec<Person>,
    pub extensions: Vec<(PbxName, Extension, PersonId)>,
    /// Of those departments that have people.
    pub departments: BTreeMap<DepartmentName, Department>,
}

impl Directory {
    /// As decisions look at them, but for their extensions.
    pub fn staff(&self) -> Staff {
        let member = |person: &Person| Member {
            login: person.login.clone(),
            name: person.name.clone(),
            role: person.role,
            active: person.active,
            away: person.away,
            deputy: person.deputy,
        };
        let people = self.people.iter().map(|person| (person.id, member(person))).collect();
        Staff { people, ..Staff::default() }
    }
    pub fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.iter().find(|p| p.id == id)
    }
    /// What people call them; a dash for somebody of whom nothing is on record.
    pub fn name(&self, id: PersonId) -> &str {
        self.person(id).map_or("–", |person| person.name.as_str())
    }
    /// Who is told in somebody's place; none where nobody of the chain of deputies is here.
    pub fn stand_in(&self, person: PersonId) -> Option<PersonId> {
        let post = |person: &Person| Post { is_here: person.active && !person.away, deputy: person.deputy };
        desk::stand_in(person, |id| self.person(id).map(post))
    }
    /// In whose place this person is told now, the person apart.
    pub fn stands_in_for(&self, person: PersonId) -> impl Iterator<Item = PersonId> {
        let absent = self.people.iter().filter(move |p| p.id != person && p.deputy.is_some());
        absent.map(|p| p.id).filter(move |absent| self.stand_in(*absent) == Some(person))
    }
    /// Whether somebody works in a department.
    pub fn is_of(&self, person: PersonId, department: &DepartmentName) -> bool {
        self.departments.get(department).is_some_and(|people| people.all().any(|one| one == person))
    }
    pub fn holder(&self, pbx: &PbxName, extension: &Extension) -> Option<&Person> {
        let (.., id) = self.extensions.iter().find(|(p, e, _)| p == pbx && e == extension)?;
        self.person(*id)
    }
    pub fn extensions_of(&self, id: PersonId) -> impl Iterator<Item = (&PbxName, &Extension)> {
        self.extensions.iter().filter(move |(.., p)| *p == id).map(|(pbx, e, _)| (pbx, e))
    }
}

impl People for Directory {
    fn role(&self, person: PersonId) -> Option<Role> {
        self.person(person).map(|person| person.role)
    }
    fn stand_in(&self, person: PersonId) -> Option<PersonId> {
        Directory::stand_in(self, person)
    }
    fn is_of(&self, person: PersonId, department: &DepartmentName) -> bool {
        Directory::is_of(self, person, department)
    }
}

#[derive(Clone, Debug)]
pub struct Person {
    pub id: PersonId,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub active: bool,
    /// Not here for now: whoever stands in is told instead.
    pub away: bool,
    pub deputy: Option<PersonId>,
    pub language: Option<String>,
    pub created_at: Time,
}

#[derive(Clone, Debug)]
pub struct UnmappedExtension {
    pub pbx: PbxName,
    pub extension: Extension,
    pub name: String,
    pub answered_today: i64,
    pub dialled_today: i64,
    pub last_seen_at: Time,
}

/// Who may sign in, and the hash that proves it.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub person: PersonId,
    pub password_hash: String,
    pub active: bool,
}

/// Somebody's session, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub person: PersonId,
    /// Its idle time began so long ago that its use is worth a
    /// [`KeepSession`](crate::desk::command::Command::KeepSession).
    pub to_renew: bool,
}
