//! Departments: who answers for each, for whoever is away, and who else works there. Which they are,
//! and for what they answer, the policy says.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State as FromState;
use axum::response::{IntoResponse, Redirect};
use daemon::desk::case::Department;
use daemon::desk::command::Command;
use daemon::desk::policy::{Policy, Responsible, Terms};
use daemon::live::Topic;
use daemon::store::read::{Directory, Person};
use daemon::{DepartmentName, PersonId, Role};
use serde::Deserialize;

use super::asking::give;
use super::{Room, Shell, html, present};
use crate::auth::{Govern, Oversee, Require, Right};
use crate::error::Error;
use crate::state::State;

#[derive(Template)]
#[template(path = "departments.html")]
struct DepartmentsPage {
    shell: Shell,
    directory: Arc<Directory>,
    policy: Arc<Policy>,
}

impl DepartmentsPage {
    fn departments(&self) -> Vec<(&DepartmentName, &str, Department)> {
        let people = |name: &DepartmentName| self.directory.departments.get(name).cloned().unwrap_or_default();
        self.policy.terms.departments.iter().map(|(name, calendar)| (name, calendar.as_str(), people(name))).collect()
    }
    /// What it answers for: kind and category, where the row names one.
    fn answers_for(&self, name: &DepartmentName) -> Vec<String> {
        let pen = &self.shell.visitor.pen;
        let words = |row: &Responsible| {
            let kind = row.kind.map(|kind| pen.word("kind", kind.as_str()));
            let category = row.category.as_ref().map(|category| pen.word("category", category));
            let words: Vec<String> = kind.into_iter().chain(category).collect();
            if words.is_empty() { pen.say("department-all-else") } else { words.join(" / ") }
        };
        self.policy.terms.responsibility.iter().filter(|row| row.department == *name).map(words).collect()
    }
    fn people(&self) -> Vec<&Person> {
        let works =
            |person: &&Person| person.active && matches!(person.role, Role::Agent | Role::Handler | Role::Supervisor);
        self.directory.people.iter().filter(works).collect()
    }
    fn is(&self, head: &Option<PersonId>, person: &Person) -> bool {
        *head == Some(person.id)
    }
    fn hours(&self, calendar: &str) -> String {
        let pen = &self.shell.visitor.pen;
        match calendar {
            Terms::SITE => pen.say("department-hours-site"),
            calendar => pen.say1("department-hours", "calendar", calendar),
        }
    }
    fn governs(&self) -> bool {
        Govern::allows(self.shell.visitor.person.role)
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Oversee>,
) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("departments"));
    let policy = state.reader.policy();
    html(DepartmentsPage { shell: Shell::new(&state, visitor, Room::Departments, title, &notices), directory, policy })
}

/// As a form or a script sends it: people by id.
#[derive(Debug, Deserialize)]
pub struct SetDepartment {
    pub department: String,
    #[serde(default)]
    pub responsible: Option<i64>,
    #[serde(default)]
    pub deputy: Option<i64>,
    #[serde(default)]
    pub others: BTreeSet<i64>,
}

impl SetDepartment {
    pub fn command(self) -> Command {
        Command::SetDepartment {
            department: self.department.as_str().into(),
            responsible: self.responsible.map(PersonId),
            deputy: self.deputy.map(PersonId),
            others: self.others.into_iter().map(PersonId).collect(),
        }
    }

    /// Of a form's fields; a box for each of the others may be ticked.
    fn of(fields: &[(String, String)]) -> Result<SetDepartment, Error> {
        let ids = |name: &str| {
            let filled = fields.iter().filter(|(field, value)| field == name && !value.is_empty());
            filled.map(|(_, value)| value.parse::<i64>().map_err(|_| Error::Unreadable)).collect::<Result<Vec<_>, _>>()
        };
        let department = fields.iter().find(|(field, _)| field == "department");
        Ok(SetDepartment {
            department: department.map(|(_, name)| name.clone()).unwrap_or_default(),
            responsible: ids("responsible")?.first().copied(),
            deputy: ids("deputy")?.first().copied(),
            others: ids("others")?.into_iter().collect(),
        })
    }
}

pub async fn set(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Oversee>,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Result<Redirect, Error> {
    give(&state, &visitor, SetDepartment::of(&fields)?.command()).await?;
    Ok(Redirect::to("/departments"))
}
